# Rows that a source stores come down at once; fetching waits for a pipeline
# that is far behind, and retention for one that has not read.
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use Test::More;

my $mock = mock_broker('orders:2');
my $node = dataplat_node('main', conf => ingest_conf("dataplat.pipeline_workers = 1\ndataplat.batch_max_rows = 500\n"));

sub sql { return $node->safe_psql('postgres', $_[0]); }

load_injection($node);
make_server($node, 'k', $mock->{bootstrap});
sql(q{
	SELECT dataplat.create_source('orders', 'k', 'orders');
	SELECT dataplat.create_pipeline('silver', 'public.silver', keys => '{id}',
		query => $$SELECT (value ->> 'id')::int AS id, (value ->> 'amount')::int AS amount FROM bronze.orders$$);
	SELECT dataplat.create_pipeline('gold', 'public.gold', 'SELECT 1 AS one, count(*) AS n, sum(amount) AS amount FROM public.silver GROUP BY 1', keys => '{one}')});
wait_until($node, 'SELECT bool_and(s.filled) FROM dataplat_internal.pipeline_state AS s', 'both are filled');

# a message comes through bronze and silver to gold
produce_lines($mock->{bootstrap}, 'orders', 0, map { "{\"id\": $_, \"amount\": 10}" } 1 .. 20);
wait_until($node, 'SELECT g.n = 20 AND g.amount = 200 FROM public.gold AS g', 'twenty messages are in gold');
produce_lines($mock->{bootstrap}, 'orders', 1, map { "{\"id\": $_, \"amount\": 1}" } 21 .. 30);
wait_until($node, 'SELECT g.n = 30 AND g.amount = 210 FROM public.gold AS g', 'and ten more of another partition');

# what ingest_once stores in a session of a user wakes as well
sql(q{SELECT dataplat.pause_source('orders')});
wait_until($node, q{SELECT NOT EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.backend_type = 'dataplat ingest worker')}, undef);
produce_lines($mock->{bootstrap}, 'orders', 1, '{"id": 31, "amount": 0}');
sql(q{SELECT dataplat.ingest_once('orders')});
wait_until($node, 'SELECT g.n = 31 FROM public.gold AS g', 'rows that a session stored');
sql(q{SELECT dataplat.resume_source('orders')});

# Somebody has the pipeline in a transaction that does not end: rows pile up
# in bronze until fetching waits.
sql(q{ALTER SYSTEM SET dataplat.pipeline_max_lag_rows = 1000; SELECT pg_reload_conf()});
my $holder = $node->background_psql('postgres');
$holder->query_safe(q{BEGIN; SELECT dataplat_internal.lock_pipeline(p.pipeline_id) FROM dataplat.pipeline AS p WHERE p.name = 'silver'});
produce_lines($mock->{bootstrap}, 'orders', 0, map { "{\"id\": $_, \"amount\": 1}" } 100 .. 2099);
wait_until($node, q{SELECT s.state = 'paused' AND s.reason LIKE 'pipeline "silver" is % rows behind, dataplat.pipeline_max_lag_rows is 1000'
	FROM dataplat.source_status AS s}, 'the source says that it waits, and for whom');
my $stored = sql('SELECT count(*) FROM bronze.orders');
produce_lines($mock->{bootstrap}, 'orders', 0, map { "{\"id\": $_, \"amount\": 1}" } 2100 .. 4099);

# a crash in between: how far it is behind is read from the ledger again
$holder->query('COMMIT', on_error_stop => 0);
$holder->quit;
wait_until($node, 'SELECT g.n = 4031 FROM public.gold AS g', 'released, it catches up, and fetching goes on by itself');
cmp_ok($stored, '<', 4031, 'meanwhile the rest stayed in Kafka');
wait_until($node, q{SELECT s.state IN ('running', 'idle', 'catching_up') FROM dataplat.source_status AS s}, 'and the source is well');

# retention: before the first run everything is needed, then what is not read
sql(q{SELECT dataplat.create_pipeline('late', 'public.late', 'SELECT value ->> $$id$$ AS id FROM bronze.orders', mode => 'append', paused => true)});
sql('SELECT dataplat_internal.note_bronze_readers()');
is(sql(q{SELECT b.needs_since FROM dataplat_internal.bronze_reader AS b WHERE b.reader = 'late'}), '-infinity', 'at first everything is needed');
sql(q{SELECT dataplat.drop_pipeline('late', drop_target => true)});
is(sql(q{SELECT b.needs_since BETWEEN now() - interval '25 hours' AND now() - interval '23 hours' FROM dataplat_internal.bronze_reader AS b}), 't',
	'what has been read is not needed after a day');
sql(q{SELECT dataplat.pause_pipeline('silver')});
produce_lines($mock->{bootstrap}, 'orders', 0, '{"id": 5000, "amount": 1}');
wait_until($node, q{SELECT count(*) = 1 FROM bronze.orders WHERE value ->> 'id' = '5000'}, 'a row that a paused pipeline has not read');
sql(q{UPDATE dataplat.batch SET committed_at = now() - interval '9 days' WHERE batch_id = (SELECT o._batch_id FROM bronze.orders AS o WHERE o.value ->> 'id' = '5000')});
sql('SELECT dataplat_internal.note_bronze_readers()');
is(sql(q{SELECT b.needs_since BETWEEN now() - interval '11 days' AND now() - interval '9 days' FROM dataplat_internal.bronze_reader AS b}), 't',
	'is needed however old it is');

# the server dies with rows unread: nothing tells of them, they are found
sql(q{SELECT dataplat.resume_pipeline('silver')});
wait_until($node, 'SELECT g.n = 4032 FROM public.gold AS g', 'resumed, it reads the old row');
sql(q{SELECT dataplat.pause_pipeline('silver')});
produce_lines($mock->{bootstrap}, 'orders', 0, '{"id": 6000, "amount": 1}');
wait_until($node, q{SELECT count(*) = 1 FROM bronze.orders WHERE value ->> 'id' = '6000'}, undef);
sql(q{SELECT dataplat.resume_pipeline('silver')});
crash_node($node);
wait_until($node, 'SELECT g.n = 4033 FROM public.gold AS g', 'after a crash what was not read is read');
is(sql(q{SELECT string_agg(concat_ws('|', v.missing, v.extra, v.different), ' ') FROM dataplat.pipeline AS p
	CROSS JOIN LATERAL dataplat.verify_pipeline(p.name) AS v}), '0|0|0 0|0|0', 'both are what their queries say');
$node->stop;
done_testing();
