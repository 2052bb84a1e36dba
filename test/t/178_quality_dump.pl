# Expectations, suites, results, quarantine, profiles and metrics in a restored
# dump: all of them, under other oids, and judging goes on: by hand while the
# copy is fenced, by schedules and runs when it is adopted as a fork.
use strict;
use warnings;

use DataplatCluster;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = dataplat_node('main', conf => "dataplat.restart_backoff_min = '100ms'\n");

sub sql
{
	my ($db, $statement) = @_;
	return $node->safe_psql($db, $statement);
}

sql('postgres', q{
	CREATE ROLE judge;
	CREATE SCHEMA s;
	GRANT USAGE ON SCHEMA s TO judge;
	CREATE TABLE s.orders (id int PRIMARY KEY, amount int, "Odd ""Name" text);
	INSERT INTO s.orders SELECT i, i - 3, 'x' FROM generate_series(1, 50) AS i;
	CREATE TABLE s.dropped (a int);
	CREATE EXTENSION file_fdw;
	CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
	CREATE FOREIGN TABLE s.far (a int) SERVER files OPTIONS (program 'echo 1; echo; echo 3', format 'csv');
	SELECT dataplat.add_expectation('s.far', 'not_null', '{"column": "a"}', 'there', mostly => 0.5);
	SELECT dataplat.create_pipeline('silver', 's.silver', 'SELECT id, amount FROM s.orders', keys => '{id}', schedule => 'manual');
	SELECT dataplat.create_suite('nightly', 'what must hold', '0 3 * * *'), dataplat.create_suite('often', schedule => '1 second');
	SELECT dataplat.add_expectation('s.orders', 'between', '{"column": "amount", "min_value": 0}', 'positive', 'nightly', mostly => 0.9, severity => 'critical', warn_if => '> 0', error_if => '> 10%',
	                                row_filter => 'id > 0', null_handling => 'fail', dimension => 'accuracy', weight => 2.5);
	SELECT dataplat.add_expectation('s.orders', 'not_null', '{"column": "Odd \"Name"}', 'there'), dataplat.add_expectation('s.orders', 'row_count', '{"min_value": 1}', 'some', 'often'),
	       dataplat.add_expectation('s.silver', 'between', '{"column": "amount", "min_value": 0}', 'positive', action => 'quarantine'),
	       dataplat.add_expectation('s.dropped', 'not_null', '{"column": "a"}', 'lost');
	SELECT dataplat.alter_expectation(expectation_id, enabled => false) FROM dataplat.expectation WHERE name = 'lost';
	SELECT dataplat.run_pipeline('silver');
	SELECT count(*) FROM dataplat.validate('s.orders') AS o, dataplat.validate('s.dropped') AS d;
	SELECT count(*) FROM dataplat.profile('s.orders');
	SELECT dataplat.keep_values('s.orders', 'id');
	DROP TABLE s.dropped});
wait_until($node, q{SELECT count(*) > 0 FROM dataplat.validation WHERE trigger = 'schedule'}, 'a schedule has judged, too');
sql('postgres', q{UPDATE dataplat.expectation SET owner = 'judge' WHERE name = 'there' AND dataset = 's.orders'; GRANT SELECT ON s.orders TO judge});
# Nothing more comes until the dump is made.
sql('postgres', q{SELECT dataplat.alter_suite('often', schedule => '0 4 1 1 *')});
wait_until($node, q{SELECT schedule = '0 4 1 1 *' FROM dataplat.suite_status WHERE suite = 'often'}, 'the schedule rests');
sql('postgres', 'SELECT dataplat_internal.record_quality_scores()');

my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
my $err = '';
IPC::Run::run([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], '2>', '/dev/null') or die 'pg_dump';
sql('postgres', 'CREATE DATABASE copy');
IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('copy'), '-f', $dump ], '>', '/dev/null', '2>', \$err);
is($err, '', 'the dump is restored');

my @same = (
	'SELECT * FROM dataplat.expectation ORDER BY expectation_id',
	'SELECT * FROM dataplat.expectation_suite ORDER BY name',
	'SELECT * FROM dataplat.validation ORDER BY validation_id',
	'SELECT * FROM dataplat.validation_result ORDER BY validation_id, expectation_id',
	'SELECT * FROM dataplat.quarantine ORDER BY quarantine_id',
	'SELECT * FROM dataplat.quality_metric ORDER BY dataset, metric, column_name, at',
	'SELECT * FROM dataplat.column_profile ORDER BY profile_id, column_name',
	'SELECT * FROM dataplat.quality_score_day ORDER BY dataset, day, dimension',
	'SELECT * FROM dataplat_internal.kept_column ORDER BY 1, 2',
	'SELECT * FROM dataplat.quality_trend ORDER BY expectation_id',
	q{SELECT * FROM dataplat.quality_score(time_window => '1 year') ORDER BY 1, 2},
	q{SELECT dataplat.show_create('s.orders')});
foreach my $question (@same)
{
	my $answer = sql('postgres', $question);

	isnt($answer, '', "there is something: $question");
	is(sql('copy', $question), $answer, 'and it is in the copy');
}
is(sql('copy', q{SELECT count(*) FROM dataplat.validation AS v WHERE v.trigger = 'pipeline'
	AND NOT EXISTS (SELECT FROM dataplat.pipeline_run AS r WHERE r.run_id = v.run_id AND r.pipeline = v.object)}), '0', 'no result lacks its run there');

# In the copy, before it is adopted: by hand only.
is(sql('copy', q{SELECT name, outcome FROM dataplat.validate('s.orders') ORDER BY name}), "positive|WARN\nsome|PASSED\nthere|PASSED", 'judged again, with the rights of who owns the rules');
is(sql('copy', q{SELECT max(validation_id) > (SELECT max(v.validation_id) FROM dataplat.validation AS v WHERE v.trigger = 'schedule') FROM dataplat.validation}), 't', 'under a number of its own');
is(sql('copy', q{SELECT name, outcome FROM dataplat.validate('s.orders', incremental => true) ORDER BY name}), "positive|WARN\nsome|PASSED\nthere|PASSED", 'measured afresh, states are not dumped');
sql('copy', q{SELECT dataplat.alter_suite('often', schedule => '1 second')});

is(sql('copy', q{SELECT name, outcome, coalesce(exception_info ->> 'exception_message', result ->> 'unexpected_count') FROM dataplat.validate('s.far')}), 'there|PASSED|1', 'a foreign table is judged as any other');

# The fork goes on: rules in runs, requeue, schedules, renames.
sql('copy', q{SELECT dataplat.adopt('fork')});
wait_until($node, q{SELECT count(*) > 1 FROM dataplat.validation WHERE trigger = 'schedule' AND suite = 'often' AND started_at > (SELECT adopted_at FROM dataplat_internal.installation)},
	'adopted: schedules judge', db => 'copy');
is(sql('copy', q{SELECT kind, rows_quarantined FROM dataplat.run_pipeline('silver')}), 'full|2', 'a run judges rows by the rules');
is(sql('copy', q{SELECT count(*) FROM dataplat.quarantine}), '2', 'those that stand aside stand there once');
is(sql('copy', q{SELECT concat_ws('|', missing, extra, different) FROM dataplat.verify_pipeline('silver')}), '0|0|0', 'and the target is what query and rules say');
sql('copy', q{SELECT dataplat.repair_quarantined(quarantine_id, '{"amount": 1}') FROM dataplat.quarantine});
is(sql('copy', q{SELECT * FROM dataplat.requeue_quarantined()}), '2|0', 'repaired rows of before are requeued');
is(sql('copy', q{SELECT count(*) FROM s.silver}), '50', 'into the target');
sql('copy', 'ALTER TABLE s.orders RENAME TO purchases');
is(sql('copy', q{SELECT count(*) FROM dataplat.validate('s.purchases')}), '3', 'expectations follow a rename under the new oids');
is(sql('postgres', q{SELECT count(*) FROM dataplat.quarantine WHERE state = 'quarantined'}), '2', 'nothing of it is in the original');

$node->stop;
done_testing();
