# Pipelines in a restored dump: fenced, and after adopt those over bronze go on
# where they were, while the others compute everything once.
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = dataplat_node('main');

sub sql
{
	my ($db, $statement) = @_;
	return $node->safe_psql($db, $statement);
}

sub run_of
{
	my ($db, $pipeline) = @_;
	return sql($db, "SELECT kind, rows_in, rows_inserted, rows_updated, rows_deleted, coalesce(reason, '-') FROM dataplat.run_pipeline('$pipeline')");
}

# What ingest does, by hand.
sql('postgres', q{
	CREATE SERVER k FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
	SELECT dataplat.create_source('orders', 'k', 'orders', paused => true);
	CREATE SCHEMA s;
	CREATE TABLE s.rates (currency text PRIMARY KEY, rate int);
	INSERT INTO s.rates VALUES ('EUR', 1), ('USD', 2);
	CREATE PROCEDURE s.ingest(batch bigint, docs jsonb[]) LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO bronze.orders (_partition, _offset, _batch_id, _ingested_at, value)
		SELECT 0, batch * 100 + n, batch, now(), d FROM unnest(docs) WITH ORDINALITY AS u (d, n);
		INSERT INTO dataplat.batch (batch_id, source, topic, partition, from_offset, to_offset, rows, leaf)
		VALUES (batch, 'orders', 'orders', 0, batch * 100 + 1, batch * 100 + 1 + cardinality(docs), cardinality(docs), NULL);
	END; $$;
	SELECT dataplat.create_pipeline('lines', 's.lines', schedule => 'manual', query => $$SELECT _offset, value->>'status' AS status FROM bronze.orders$$);
	SELECT dataplat.create_pipeline('latest', 's.latest', schedule => 'manual', keys => '{id}', sequence_by => 'at', delete_when => $$status = 'gone'$$, query =>
		$$SELECT (value->>'id')::int AS id, value->>'status' AS status, (value->>'at')::int AS at FROM bronze.orders$$);
	SELECT dataplat.create_pipeline('late', 's.late', schedule => 'manual', query => $$SELECT _offset FROM bronze.orders WHERE _offset > 0$$);
	SELECT dataplat.create_pipeline('by_status', 's.by_status', schedule => 'manual', query => $$SELECT status, count(*) AS n FROM s.latest GROUP BY 1$$);
	SELECT dataplat.create_pipeline('doubled', 's.doubled', schedule => 'manual', keys => '{currency}', query => $$SELECT currency, rate * 2 AS rate FROM s.rates$$);
});
sql('postgres', q{CALL s.ingest(1, ARRAY['{"id": 1, "status": "open", "at": 1}', '{"id": 2, "status": "open", "at": 1}']::jsonb[])});
sql('postgres', "SELECT dataplat.run_pipeline('$_')") foreach qw(lines latest late by_status doubled);
sql('postgres', q{CALL s.ingest(2, ARRAY['{"id": 1, "status": "gone", "at": 5}']::jsonb[])});
sql('postgres', "SELECT dataplat.run_pipeline('$_')") foreach qw(lines latest);
# Seen by nobody, and by all but one: three pipelines, three frontiers.
sql('postgres', q{CALL s.ingest(3, ARRAY['{"id": 3, "status": "open", "at": 1}', '{"id": 1, "status": "open", "at": 2}']::jsonb[])});
sql('postgres', "SELECT dataplat.run_pipeline('lines')");
sql('postgres', "UPDATE s.rates SET rate = 3 WHERE currency = 'USD'");

my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
my $err = '';
IPC::Run::run([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], '2>', '/dev/null') or die 'pg_dump';
sql('postgres', 'CREATE DATABASE copy');
IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('copy'), '-f', $dump ], '>', '/dev/null', '2>', \$err) or diag($err);
ok(!$err || $err !~ /ERROR/, 'the dump is restored') or diag($err);

# Transaction ids of another cluster: larger than any of ours.
sql('copy', q{
	UPDATE dataplat.batch SET xid = (xid::text::bigint + 4000000000)::text::xid8;
	UPDATE dataplat_internal.pipeline_relation AS r
	   SET bronze_frontier = jsonb_set(r.bronze_frontier, '{snapshot}', to_jsonb(
	           (SELECT format('%s:%s:%s', pg_snapshot_xmin(s.f)::text::bigint + 4000000000, pg_snapshot_xmax(s.f)::text::bigint + 4000000000,
	                          (SELECT string_agg((x::text::bigint + 4000000000)::text, ',') FROM pg_snapshot_xip(s.f) AS x))
	              FROM (SELECT (r.bronze_frontier ->> 'snapshot')::pg_snapshot) AS s (f))))
	 WHERE r.bronze_frontier IS NOT NULL;
});

is(sql('copy', "SELECT DISTINCT state FROM dataplat.pipeline_status"), 'fenced', 'pipelines are fenced');
my ($ret, $out, $why) = $node->psql('copy', "SELECT dataplat.run_pipeline('lines')");
like($why, qr/a copy that nobody has adopted/, 'and do not run');
is(sql('copy', "SELECT dataplat.wait_for_pipeline('lines', '0 s')"), 'f', 'nor does waiting help');
sql('copy', "SELECT dataplat.adopt('fork')");
is(sql('copy', "SELECT pipeline, state FROM dataplat.pipeline_status ORDER BY 1"),
	"by_status|rebuilding\ndoubled|rebuilding\nlate|running\nlatest|running\nlines|idle", 'adopted: over bronze they go on, the others compute afresh');
is(sql('copy', "SELECT pipeline, pending FROM dataplat.pipeline_input WHERE role = 'bronze' ORDER BY 1"), "late|3\nlatest|2\nlines|0", 'each from its own frontier');

is(run_of('copy', 'lines'), 'live|0|0|0|0|-', 'append repeats nothing');
is(run_of('copy', 'late'), 'live|3|3|0|0|-', 'append misses nothing');
is(run_of('copy', 'latest'), 'live|2|1|0|0|-', 'what was deleted is still remembered, so that an older event does not bring it back');
is(run_of('copy', 'by_status'), 'full|0|0|0|0|restored from a dump', 'an aggregate is computed once');
is(run_of('copy', 'doubled'), 'full|0|0|1|0|restored from a dump', 'so is what reads tables');
sql('copy', "UPDATE s.rates SET rate = 5 WHERE currency = 'EUR'");
is(run_of('copy', 'doubled'), 'live|2|0|1|0|-', 'and then by its changes again');
is(sql('copy', "SELECT name, v.* FROM dataplat.pipeline AS p, dataplat.verify_pipeline(p.name) AS v WHERE (v.missing, v.extra, v.different) <> (0, 0, 0)"), '', 'all is as computed afresh');

# New batches are new to all of them.
sql('copy', q{CALL s.ingest(4, ARRAY['{"id": 4, "status": "open", "at": 1}']::jsonb[])});
is(run_of('copy', $_), 'live|1|1|0|0|-', "$_ reads on") foreach qw(lines late latest);
is(sql('copy', "SELECT count(*), count(DISTINCT _offset) FROM s.lines"), '6|6', 'no line twice');

$node->stop;
done_testing();
