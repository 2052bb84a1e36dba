# Runs that fail: tried again, given up for a while, stopped; the others go on.
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use Test::More;

my $node = dataplat_node('main',
	conf => "dataplat.pipeline_workers = 2\ndataplat.lock_timeout = '300ms'\ndataplat.restart_backoff_min = '100ms'\n");

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub status_is
{
	my ($pipeline, $column, $expected, $label) = @_;
	return wait_until($node, "SELECT p.$column FROM dataplat.pipeline_status AS p WHERE p.pipeline = '$pipeline'", $label, expected => $expected)
	  || diag(sql("SELECT * FROM dataplat.pipeline_status"));
}

load_injection($node);
sql(q{
	CREATE TABLE public.orders (id int PRIMARY KEY, parts int, whole int);
	CREATE TABLE public.other (id int PRIMARY KEY);
	CREATE TABLE public.plain (id int PRIMARY KEY, parts int);
	SELECT dataplat.create_pipeline('good', 'public.good', 'SELECT id, parts FROM public.orders', keys => '{id}');
	SELECT dataplat.create_pipeline('bad', 'public.bad', 'SELECT id, whole / parts AS share FROM public.orders', keys => '{id}',
		retry => '{"max_attempts": 3, "initial": "50 ms", "max": "200 ms"}');
	SELECT dataplat.create_pipeline('below', 'public.below', 'SELECT share, count(*) AS n FROM public.bad GROUP BY share');
	SELECT dataplat.create_pipeline('beside', 'public.beside', 'SELECT count(*) AS n, 1 AS one FROM public.good GROUP BY 2', keys => '{one}')});
wait_until($node, 'SELECT bool_and(s.filled) FROM dataplat_internal.pipeline_state AS s', 'all are filled');

# data: a few attempts, then failed; whoever does not need it goes on
sql('INSERT INTO public.orders VALUES (1, 2, 10), (2, 0, 10)');
status_is('bad', 'state', 'failed', 'a division by zero: failed after a few attempts');
wait_until($node, 'SELECT b.n = 2 FROM public.beside AS b', 'what shares the input and does not fail went on');
is(sql('SELECT count(*) FROM public.bad'), '0', 'nothing of the failed run is there');
like(sql(q{SELECT concat_ws('|', p.circuit, p.last_error, p.hint) FROM dataplat.pipeline_status AS p WHERE p.pipeline = 'bad'}),
	qr/^(half_)?open\|division by zero\|Mend the data/, 'with its reason and what to do');
is(sql(q{SELECT count(*) >= 3 AND bool_and(r.sqlstate = '22012' AND r.error LIKE 'division by zero%')
	FROM dataplat.pipeline_run AS r WHERE r.pipeline = 'bad' AND r.state = 'failed'}), 't', 'each attempt is in pipeline_run');
is(sql(q{SELECT count(*) FROM dataplat.health AS h WHERE h.object = 'pipeline bad' AND h.severity = 'error'}), '1', 'and health names it');
sql('INSERT INTO public.orders VALUES (3, 1, 30)');
wait_until($node, 'SELECT b.n = 3 FROM public.beside AS b', 'the others go on still');
is(sql('SELECT count(*) FROM public.below'), '0', 'what is below it waits');
is(sql(q{SELECT p.reason FROM dataplat.pipeline_status AS p WHERE p.pipeline = 'below'}), 'waits for pipeline "bad", whose runs fail', 'and says for whom');

# the circuit half-opens by itself, and the first success closes it
sql('UPDATE public.orders SET parts = 5 WHERE id = 2');
status_is('bad', 'circuit', 'closed', 'with the data mended, a trial succeeds by itself');
is(sql(q{SELECT p.consecutive_failures || p.state FROM dataplat.pipeline_status AS p WHERE p.pipeline = 'bad'}) =~ /^0(idle|running)$/, 1, 'and all is forgiven');
wait_until($node, 'SELECT sum(n) = 3 FROM public.below', 'what is below it follows');
is(sql(q{SELECT string_agg(concat_ws('|', v.missing, v.extra, v.different), ' ') FROM dataplat.pipeline AS p
	CROSS JOIN LATERAL dataplat.verify_pipeline(p.name) AS v}), join(' ', ('0|0|0') x 4), 'all four are what their queries say');

# an input that is gone: failed at once, with what to do; resume tries at once
sql(q{SELECT dataplat.create_pipeline('lost', 'public.lost', 'SELECT p.id, p.parts FROM public.plain AS p', keys => '{id}')});
wait_until($node, q{SELECT s.filled FROM dataplat_internal.pipeline_state AS s WHERE s.pipeline = 'lost'}, 'one more pipeline');
sql('INSERT INTO public.plain VALUES (1, 1); ALTER TABLE public.plain RENAME COLUMN parts TO pieces; INSERT INTO public.plain VALUES (2, 2)');
status_is('lost', 'state', 'failed', 'a column is gone: failed');
like(sql(q{SELECT p.reason || ' ' || p.hint FROM dataplat.pipeline_status AS p WHERE p.pipeline = 'lost'}), qr/parts.* was dropped or altered.*resume_pipeline/, 'and says what to do');
sql('ALTER TABLE public.plain RENAME COLUMN pieces TO parts');
sql(q{SELECT dataplat.resume_pipeline('lost')});
wait_until($node, 'SELECT count(*) = 2 FROM public.lost', 'mended and resumed, it goes on');

# a lock on the target: the run waits for dataplat.lock_timeout, then again and again
my $session = $node->background_psql('postgres');
$session->query_safe('BEGIN; LOCK TABLE public.lost IN ACCESS EXCLUSIVE MODE');
sql('INSERT INTO public.plain VALUES (3, 3)');
status_is('lost', 'state', 'blocked_lock', 'a locked target');
$session->query_safe('COMMIT');
$session->quit;
wait_until($node, 'SELECT count(*) = 3 FROM public.lost', 'and when it is free the run comes by itself');

# a run that takes too long is cancelled, rolled back and tried again
sql(q{CREATE FUNCTION public.slow(i int) RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM pg_sleep(60); RETURN i; END $$}); # lint: sleeps on purpose
sql(q{ALTER SYSTEM SET dataplat.pipeline_timeout = '300ms'; SELECT pg_reload_conf()});
sql(q{SELECT dataplat.create_pipeline('slow', 'public.slow', 'SELECT id, public.slow(id) AS s FROM public.other', keys => '{id}')});
sql('INSERT INTO public.other VALUES (1)');
status_is('slow', 'state', 'retrying', 'a run longer than dataplat.pipeline_timeout');
like(sql(q{SELECT r.sqlstate FROM dataplat.pipeline_run AS r WHERE r.pipeline = 'slow' ORDER BY r.run_id DESC LIMIT 1}), qr/^57014$/, 'was cancelled');
sql(q{CREATE OR REPLACE FUNCTION public.slow(i int) RETURNS int LANGUAGE sql STABLE AS 'SELECT i'});
sql(q{SELECT dataplat.resume_pipeline('slow')});
wait_until($node, 'SELECT count(*) = 1 FROM public.slow', 'a faster one succeeds');
sql(q{ALTER SYSTEM RESET dataplat.pipeline_timeout; SELECT pg_reload_conf()});

# the fuse: the run is rolled back, the pipeline pauses
sql(q{SELECT dataplat.alter_pipeline('good', fuse => '{"max_deletes": 1}')});
sql('DELETE FROM public.orders WHERE id IN (1, 2)');
status_is('good', 'state', 'paused', 'more deletes than the fuse allows: paused');
is(sql('SELECT count(*) FROM public.good'), '3', 'nothing was deleted');
like(sql(q{SELECT p.reason FROM dataplat.pipeline_status AS p WHERE p.pipeline = 'good'}), qr/fuse.*would delete 2 rows, max_deletes is 1/, 'it says why');
sql(q{SELECT dataplat.alter_pipeline('good', fuse => '{"max_delete_ratio": 0.9}'), dataplat.resume_pipeline('good')});
wait_until($node, 'SELECT count(*) = 1 FROM public.good', 'with a larger one it goes on');
sql(q{SELECT dataplat.alter_pipeline('good', fuse => '{"max_delete_ratio": 0.5}')});
sql('DELETE FROM public.orders');
status_is('good', 'state', 'paused', 'a share of the target');
sql(q{SELECT dataplat.alter_pipeline('good', fuse => '{}'), dataplat.resume_pipeline('good')});
wait_until($node, 'SELECT count(*) = 0 FROM public.good', 'without a fuse everything may go');

# the whole transaction fails: none of it happened, and it comes again
inject($node, 'p3', 'enospc');
sql('INSERT INTO public.orders VALUES (11, 1, 1), (12, 1, 1)');
wait_until($node, 'SELECT b.n = 2 FROM public.beside AS b', 'a full disk at the end of the transaction: it is done again');
is(sql(q{SELECT count(*) > 0 FROM dataplat.pipeline_run AS r WHERE r.sqlstate = '53100'}), 't', 'and recorded');

wait_until($node, q{SELECT bool_and(p.state IN ('idle', 'running')) FROM dataplat.pipeline_status AS p}, 'all is well again');
is(sql(q{SELECT count(*) FROM dataplat.pipeline_status AS p WHERE p.reason IS NOT NULL OR p.hint IS NOT NULL}), '0', 'and nothing is left to say');
is(sql(q{SELECT string_agg(concat_ws('|', v.missing, v.extra, v.different), ' ') FROM dataplat.pipeline AS p
	CROSS JOIN LATERAL dataplat.verify_pipeline(p.name) AS v}), join(' ', ('0|0|0') x 6), 'all are what their queries say');
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
my $lines = () = $log =~ /LOG:  pipeline "bad" .*division by zero/g;
is($lines, 2, 'two lines in the log for a failure of many attempts');
unlike($log, qr/PANIC|TRAP/, 'and nothing worse');
$node->stop;
done_testing();
