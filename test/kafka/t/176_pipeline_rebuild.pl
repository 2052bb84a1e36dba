# A silver table is computed again in chunks while messages go on coming and a
# restart comes in between: readers never find rows missing, the live runs go
# on, and in the end the table is what its query says.
#
#	DATAPLAT_REBUILD_ROWS=10000000 FILE_LIMIT=3600 make test-kafka T=176_pipeline_rebuild
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use DataplatKafka;
use Test::More;

my $ROWS = $ENV{DATAPLAT_REBUILD_ROWS} // 20000;
my $LIMIT = 60 + $ROWS / 2000;
my $LIVE = 100;
my $kafka = DataplatKafka->new(open => 1);
my $b = $kafka->bootstrap;
my $node = dataplat_node('main', conf => ingest_conf("dataplat.pipeline_workers = 1\ndataplat.rebuild_chunk_rows = " . int($ROWS / 20) . "\n"
	  . 'dataplat.batch_max_rows = ' . int($ROWS / ($ROWS > 1000000 ? 200 : 40)) . "\n"
	  . ($ROWS > 1000000 ? "shared_buffers = '2GB'\nmax_wal_size = '8GB'\n" : '')));

sub sql { return $node->safe_psql('postgres', $_[0]); }

# Messages like those that are there, with new numbers: the last third of them tells news of old orders.
my $next = $ROWS;
sub go_on
{
	my @lines = map {
		my $id = $_ % 3 ? $next++ : int(rand($ROWS));
		qq({"order_id": $id, "status": "live", "amount": "1.50", "updated_at": "2036-01-01T00:00:00Z"})
	} 1 .. $LIVE;
	produce_lines($b, 'orders', int(rand(4)), @lines);
	return;
}

srand(4711);
$kafka->create_topic('orders', 4);
for (my $first = 0; $first < $ROWS; $first += 100000)
{
	my $last = $first + 100000 < $ROWS ? $first + 99999 : $ROWS - 1;
	produce_lines($b, 'orders', $first / 100000 % 4,
		map { sprintf('{"order_id": %d, "status": "s%d", "amount": "%d.25", "updated_at": "2026-01-%02dT00:00:00Z"}', $_, $_ % 5, $_ % 977, 1 + $_ % 28) } $first .. $last);
}
make_server($node, 'k', $b);
sql(q{
	SELECT dataplat.create_source('orders', 'k', 'orders');
	SELECT dataplat.create_pipeline('silver', 'public.silver', keys => '{order_id}', sequence_by => 'updated_at',
		query => $$SELECT (value ->> 'order_id')::bigint AS order_id, value ->> 'status' AS status, (value ->> 'amount')::numeric AS amount,
			(value ->> 'updated_at')::timestamptz AS updated_at FROM bronze.orders$$);
	SELECT dataplat.create_pipeline('gold', 'public.gold', 'SELECT status, count(*) AS orders, sum(amount) AS amount FROM public.silver GROUP BY status')});
wait_until($node, 'SELECT sum(b.rows) FROM dataplat.batch AS b', "$ROWS messages are in bronze", expected => $ROWS, limit => $LIMIT);
wait_until($node, 'SELECT coalesce(sum(g.orders), 0) FROM public.gold AS g', 'and in gold', expected => $ROWS, limit => $LIMIT);

# what there is to mend
sql('UPDATE public.silver SET amount = -1 WHERE order_id % 100 = 7');
my $spoilt = sql('SELECT count(*) FROM public.silver WHERE amount = -1');
cmp_ok($spoilt, '>', 0, "$spoilt rows are wrong");
my $runs = sql(q{SELECT count(*) FROM dataplat.pipeline_run AS r WHERE r.pipeline = 'silver'});
my $least = sql('SELECT count(*) FROM public.silver');
my ($looks, $gaps, $restarted, $resumed) = (0, 0, 0, 0);
# a small one must not be over before there was something to see
sql("SELECT dataplat.rebuild_pipeline('silver'); UPDATE dataplat_internal.pipeline_rebuild SET rate = " . int($ROWS / 4));
my $end = time + $LIMIT;
while (time < $end)
{
	my $done = sql(q{SELECT coalesce(max(r.rows_done), -1) FROM dataplat_internal.pipeline_rebuild AS r});
	last if $done == -1;
	go_on();
	my $n = sql('SELECT count(*) FROM public.silver');
	$looks++;
	$gaps++ if $n < $least;
	$least = $n if $n > $least;
	if (!$restarted && $done > 0)
	{
		$restarted = $done;
		$node->restart;
		$resumed = sql(q{SELECT coalesce(max(r.rows_done), -1) FROM dataplat_internal.pipeline_rebuild AS r});
	}
}
is(sql('SELECT count(*) FROM dataplat_internal.pipeline_rebuild'), '0', 'the rebuild comes to its end');
cmp_ok($restarted, '>', 0, "the server was restarted after $restarted rows");
ok($resumed == -1 || $resumed >= $restarted, "and the rebuild went on from where it was ($resumed)");
is($gaps, 0, "no row was missing in $looks looks");
go_on();
is(sql(q{SELECT dataplat.wait_for_source('orders', '2 minutes') AND dataplat.wait_for_pipeline('gold', '2 minutes')}), 't', 'messages went on coming, and are in gold');
is(sql('SELECT count(*) FROM public.silver WHERE amount = -1'), '0', 'what was wrong is mended');
cmp_ok(sql(q{SELECT count(*) FROM public.silver WHERE status = 'live'}), '>=', $LIVE / 2, 'what came meanwhile is there');
cmp_ok(sql(q{SELECT count(*) FROM dataplat.pipeline_run AS r WHERE r.pipeline = 'silver' AND r.state = 'succeeded'}), '>', $runs + 5, 'in many runs');
for my $name ('silver', 'gold')
{
	is(sql(qq{SELECT concat_ws('|', v.missing, v.extra, v.different) FROM dataplat.verify_pipeline('$name') AS v}), '0|0|0', "$name is what its query says");
}
$node->stop;
done_testing();
