# Workers and the whole server die at any point of batches that row rules judge,
# while rows that stood aside are repaired and requeued; afterwards each batch
# has its results, each result its batch, and each message is in one place.
#
# DATAPLAT_CRASH_ROUNDS and DATAPLAT_CRASH_SEED choose another run.
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use Test::More;
use Time::HiRes qw(usleep);

my $ROUNDS = $ENV{DATAPLAT_CRASH_ROUNDS} // 8;
my $SEED = $ENV{DATAPLAT_CRASH_SEED} // 1;
my $PARTITIONS = 2;
my $PER_ROUND = 600;
my $mock = mock_broker("orders:$PARTITIONS");
my $node = dataplat_node('main', conf => ingest_conf("dataplat.metadata_interval = 1\n"));

sub sql { return $node->safe_psql('postgres', $_[0]); }

note("seed $SEED, $ROUNDS rounds");
srand($SEED);
load_injection($node);
make_server($node, 'k', $mock->{bootstrap});

# By the last digit of n: 2 is dropped, 3 put aside, 5 cannot be judged and is
# put aside, 7 is only warned of; every 50th message is no JSON.
sql(q{
	SELECT dataplat.create_source('orders', 'k', 'orders', batch_rows => 60);
	SELECT dataplat.add_expectation('bronze.orders', 'satisfies', jsonb_build_object('expression', r.expression), r.name, action => r.action)
	  FROM (VALUES ('two', $$(value ->> 'n')::int % 10 <> 2$$, 'drop'), ('three', $$(value ->> 'kind') <> 'three'$$, 'quarantine'),
				   ('number', $$(value ->> 'number')::int >= 0$$, 'quarantine'), ('seven', $$(value ->> 'n')::int % 10 <> 7$$, 'warn'),
				   ('known', $$_offset >= 0 AND (SELECT true)$$, 'fail')) AS r (name, expression, action)});

my @sent = (0) x $PARTITIONS;
my %place;

# The next messages of one partition; n is 0, 1, ... over all.
my $next = 0;
sub send_some
{
	my ($partition, $count) = @_;
	my @lines;

	for (1 .. $count)
	{
		my $n = $next++;

		$place{$n} = [ $partition, $sent[$partition]++ ];
		push @lines, $n % 50 == 49 ? "rubbish $n" :
		  sprintf('{"n": %d, "kind": "%s", "number": %s}', $n, $n % 10 == 3 ? 'three' : 'other', $n % 10 == 5 ? '"x"' : $n);
	}
	produce_lines($mock->{bootstrap}, 'orders', $partition, @lines);
	return;
}

# Mend what is the third of ten, and put it back; in a session that dies with the server.
my $mend = q{
	SELECT count(dataplat.repair_quarantined(q.quarantine_id, jsonb_build_object('value', (q.original -> 'value') || '{"kind": "mended"}')))
	  FROM dataplat.quarantine AS q WHERE q.state = 'quarantined' AND q.original -> 'value' ->> 'kind' = 'three';
	SELECT * FROM dataplat.requeue_quarantined()};

sub start_mending
{
	my $m = { out => '', err => '' };
	$m->{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', $mend ],
		'<', \undef, '>', \$m->{out}, '2>', \$m->{err}, IPC::Run::timeout(120));
	return $m;
}

my $postmasters = 0;

# How many times the server went down so far.
sub crashes
{
	my $workers = () = PostgreSQL::Test::Utils::slurp_file($node->logfile) =~ /was terminated by signal 9/g;

	return $workers + $postmasters;
}

for (my $round = 1; $round <= $ROUNDS || ($round <= 6 * $ROUNDS && crashes() < $ROUNDS / 2); $round++)
{
	my $point = 'k' . (1 + int(rand(12)));
	my $whole = $round % 4 == 0;
	my $mending;

	inject($node, $point, 'kill9', skip => int(rand(6))) unless $whole;
	send_some($_, $PER_ROUND / $PARTITIONS) for 0 .. $PARTITIONS - 1;
	$mending = start_mending();
	if ($whole)
	{
		# somewhere in the middle, the postmaster
		usleep(1000 * int(rand(150)));
		crash_node($node);
		$postmasters++;
	}
	eval { $mending->{run}->finish };
	wait_until($node, 'SELECT sum(o.next_offset) >= ' . ($next - $PER_ROUND) . ' FROM dataplat_internal.source_offset AS o', undef);
}
# points that were not reached must not fire in the checks
wait_until($node, "SELECT public.inject_set('k$_', 'none', 0, 0)", undef) for 1 .. 12;
wait_until($node, 'SELECT string_agg(o.partition || \':\' || o.next_offset, \',\' ORDER BY o.partition) FROM dataplat_internal.source_offset AS o',
	'everything has been read', expected => join(',', map { "$_:$sent[$_]" } 0 .. $PARTITIONS - 1))
  || diag(sql('SELECT state, reason, last_error FROM dataplat.source_status'));
my $crashes = crashes();
cmp_ok($crashes, '>=', $ROUNDS / 2, "$crashes crashes");

# Mended twice by hand, for those whose session died.
sql($mend);
is(sql($mend), "0\n0|0", 'a second time changes nothing');

# Each message is where it belongs, once.
sql('CREATE TABLE public.sent (n int PRIMARY KEY, partition int, message_offset bigint)');
sql('INSERT INTO public.sent VALUES ' . join(',', map { "($_, $place{$_}[0], $place{$_}[1])" } sort { $a <=> $b } keys %place));
is(sql(q{
	WITH place AS (
		SELECT b._partition AS partition, b._offset AS message_offset, 'row' AS place FROM bronze.orders AS b
		UNION ALL SELECT q.partition, q.message_offset, 'aside' FROM dataplat.quarantine AS q WHERE q.state IN ('quarantined', 'repaired')
		UNION ALL SELECT d.partition, d.message_offset, 'dead' FROM dataplat.dead_letter AS d
	), found AS (
		SELECT s.n, CASE WHEN s.n % 50 = 49 THEN 'dead' WHEN s.n % 10 = 2 THEN NULL WHEN s.n % 10 = 5 THEN 'aside' ELSE 'row' END AS expected,
			   string_agg(p.place, '+') AS found
		  FROM public.sent AS s FULL JOIN place AS p USING (partition, message_offset) GROUP BY s.n)
	SELECT count(*) FROM found AS f WHERE f.n IS NULL OR f.expected IS DISTINCT FROM f.found}), '0', 'nothing is lost, nothing twice');
is(sql(q{SELECT count(*) FROM bronze.orders AS b JOIN public.sent AS s ON s.partition = b._partition AND s.message_offset = b._offset WHERE (b.value ->> 'n')::int <> s.n}),
	'0', 'requeued rows stand in their places');
is(sql(q{SELECT count(*) FROM (SELECT FROM dataplat.quarantine GROUP BY topic, partition, message_offset HAVING count(*) > 1) AS x}), '0', 'none stands aside twice');

# The books.
is(sql(q{SELECT count(*) FROM dataplat_internal.source_offset AS o WHERE o.rows + o.dead_letters + o.filtered + o.quarantined + o.gaps <> o.next_offset - o.first_offset}), '0',
	'rows, dead letters, dropped and quarantined add up');
is(sql(q{SELECT count(*) FROM dataplat.batch AS b WHERE b.kind = 'live' AND b.rows + b.dead_letters + b.filtered + b.quarantined + b.gaps <> b.to_offset - b.from_offset}), '0',
	'in each batch, too');
is(sql(q{SELECT count(*) FROM dataplat_internal.source_offset AS o
	 CROSS JOIN LATERAL (SELECT sum(b.rows) AS rows, sum(b.quarantined) AS quarantined, sum(b.filtered) AS filtered FROM dataplat.batch AS b WHERE b.partition = o.partition) AS l
	WHERE (o.rows, o.quarantined, o.filtered) IS DISTINCT FROM (l.rows, l.quarantined, l.filtered)
	   OR o.rows <> (SELECT count(*) FROM bronze.orders AS b WHERE b._partition = o.partition)
	   OR o.quarantined <> (SELECT count(*) FROM dataplat.quarantine AS q WHERE q.partition = o.partition AND q.state <> 'requeued')}), '0',
	'the ledger says what is there');

# Results and batches.
is(sql(q{SELECT count(DISTINCT b.batch_id) FROM dataplat.batch AS b
	WHERE (SELECT count(*) FROM dataplat.validation AS v JOIN dataplat.validation_result AS r USING (validation_id)
			WHERE v.batch_id = b.batch_id AND v.trigger = CASE b.kind WHEN 'retry' THEN 'retry' ELSE 'ingest' END) <> 5}), '0', 'every batch has its results');
is(sql(q{SELECT count(*) FROM dataplat.validation AS v WHERE NOT EXISTS (SELECT FROM dataplat.batch AS b WHERE b.batch_id = v.batch_id)}), '0', 'no result lacks its batch');
is(sql(q{SELECT count(*) FROM (SELECT b.batch_id, sum(b.rows) + sum(b.filtered) + sum(CASE b.kind WHEN 'live' THEN b.quarantined ELSE 0 END) AS judged FROM dataplat.batch AS b GROUP BY 1) AS b
	JOIN dataplat.validation AS v USING (batch_id) JOIN dataplat.validation_result AS r USING (validation_id)
	WHERE (r.result ->> 'element_count')::bigint <> b.judged}), '0', 'and they are about its rows');
is(sql(q{SELECT count(*) FROM dataplat.quarantine AS q WHERE NOT EXISTS (SELECT FROM dataplat.batch AS b WHERE b.batch_id = q.batch_id AND b.quarantined > 0)}), '0',
	'what stands aside does so with its batch');
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|signal 11/, 'nothing worse than the kills');

# A rule with action fail: the source waits and says why, and goes on when the rule lets it.
sql(q{SELECT dataplat.add_expectation('bronze.orders', 'satisfies', $${"expression": "value ->> 'n' <> '-1'"}$$, 'no_minus_one', action => 'fail')});
produce_lines($mock->{bootstrap}, 'orders', 0, '{"n": 10, "number": 1}', '{"n": -1, "number": 1}', '{"n": 11, "number": 1}');
source_is($node, 'orders', 'paused', 'a rule with action fail pauses the source');
is(sql('SELECT s.reason FROM dataplat.source_status AS s'),
	"paused by row rules: Rule \"no_minus_one\" is broken by 1 of 3 rows. The first one is at topic \"orders\" partition 0 offset " . ($sent[0] + 1) . '.', 'and says which, and where');
is(sql(q{SELECT h.severity, h.problem FROM dataplat.health AS h WHERE h.object = 'source orders' AND h.problem LIKE 'paused%'}), 'error|paused by row rules', 'health knows');
is(sql(q{SELECT r.outcome, v.batch_id IS NULL FROM dataplat.validation AS v JOIN dataplat.validation_result AS r USING (validation_id) WHERE r.name = 'no_minus_one' ORDER BY v.validation_id DESC LIMIT 1}),
	'FAILED|t', 'the result is kept');
is(sql(q{SELECT o.next_offset FROM dataplat_internal.source_offset AS o WHERE o.partition = 0}), $sent[0], 'the batch is not');
sql(q{SELECT dataplat.resume_source('orders')});
source_is($node, 'orders', 'paused', 'resumed with nothing changed it stops again');
is(sql(q{SELECT count(*) FROM dataplat.source_event AS e WHERE e.kind = 'pause' AND e.detail ->> 'by' = 'row rules'}), '2', 'once each time');
sql(q{SELECT dataplat.alter_expectation((SELECT e.expectation_id FROM dataplat.expectation AS e WHERE e.name = 'no_minus_one'), action => 'quarantine'); SELECT dataplat.resume_source('orders')});
wait_until($node, q{SELECT o.next_offset FROM dataplat_internal.source_offset AS o WHERE o.partition = 0}, 'with action quarantine it goes on', expected => $sent[0] + 3);
is(sql(q{SELECT q.message_offset, q.reasons FROM dataplat.quarantine AS q WHERE 'no_minus_one' = ANY (q.reasons)}), ($sent[0] + 1) . '|{no_minus_one}', 'and the row stands aside');

# A rule that comes while the worker runs counts from the next batch on.
my $pid = worker_pid($node);
sql(q{SELECT dataplat.add_expectation('bronze.orders', 'satisfies', $${"expression": "value ->> 'n' <> '-2'"}$$, 'no_minus_two', action => 'drop')});
produce_lines($mock->{bootstrap}, 'orders', 1, '{"n": -2, "number": 1}');
wait_until($node, q{SELECT b.filtered, b.rows FROM dataplat.batch AS b WHERE b.partition = 1 ORDER BY b.batch_id DESC LIMIT 1}, 'a new rule is heard', expected => '1|0');
is(worker_pid($node), $pid, 'by the same worker');

# The table is dropped under the rules: the source stops, the server does not.
sql('DROP TABLE bronze.orders CASCADE');
produce_lines($mock->{bootstrap}, 'orders', 1, '{"n": 12, "number": 1}');
source_is($node, 'orders', 'failed', 'a table that is gone is told');
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|signal 11/, 'and nothing crashed');
$node->stop;
done_testing();
