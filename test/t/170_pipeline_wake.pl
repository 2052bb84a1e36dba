# A commit that changes an input wakes the worker, and nothing else does: each
# change is looked at once by each pipeline that it concerns.
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use Test::More;

my $node = dataplat_node('main', conf => "dataplat.pipeline_workers = 1\ndataplat.restart_backoff_min = '100ms'\n");

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub runs { return sql("SELECT public.inject_passed('p1')"); }

load_injection($node);
sql(q{
	CREATE TABLE public.orders (id int PRIMARY KEY, status text, amount int);
	CREATE TABLE public.elsewhere (id int);
	SELECT dataplat.create_pipeline('silver', 'public.silver', 'SELECT id, status, amount FROM public.orders', keys => '{id}');
	SELECT dataplat.create_pipeline('gold', 'public.gold', 'SELECT status, count(*) AS n, sum(amount) AS total FROM public.silver GROUP BY status');
	SELECT dataplat.create_pipeline('top', 'public.top', 'SELECT count(*) AS statuses, 1 AS one FROM public.gold GROUP BY 2', keys => '{one}')});
wait_until($node, 'SELECT bool_and(s.filled) FROM dataplat_internal.pipeline_state AS s', 'all three are filled');
wait_until($node, q{SELECT bool_and(j.state = 'idle') FROM dataplat_internal.job_state() AS j WHERE j.kind = 'pipeline'}, 'and the worker sleeps');
inject($node, 'p1', 'none', count => 0);

# one commit, one run of each of the three, in the order of the graph
sql(q{INSERT INTO public.orders VALUES (1, 'new', 10), (2, 'new', 20)});
wait_until($node, 'SELECT t.statuses = 1 FROM public.top AS t', 'a row comes down to the third table');
is(sql('SELECT g.status, g.n, g.total FROM public.gold AS g'), 'new|2|30', 'and is right in the second');
is(runs(), '3', 'three runs for one commit');

# a change that ends in the first table goes no further
sql(q{INSERT INTO public.orders VALUES (3, NULL, 5)});
wait_until($node, q{SELECT count(*) = 3 FROM public.silver}, 'another row');
wait_until($node, q{SELECT t.statuses = 2 FROM public.top AS t}, 'NULL is a group');
sql(q{UPDATE public.orders SET status = status WHERE id = 3});
wait_until($node, q{SELECT public.inject_passed('p1') = 7}, 'an update that changes nothing is looked at by the first only');

# what does not concern them does not wake them; a rollback is nothing
sql(q{INSERT INTO public.elsewhere VALUES (1); BEGIN; INSERT INTO public.orders VALUES (4, 'new', 1); ROLLBACK});
sql(q{BEGIN; SAVEPOINT s; INSERT INTO public.orders VALUES (5, 'x', 1); ROLLBACK TO s; INSERT INTO public.orders VALUES (6, 'late', 7); COMMIT});
wait_until($node, q{SELECT g.total = 7 FROM public.gold AS g WHERE g.status = 'late'}, 'a change beside a rolled back savepoint is seen');
is(runs(), '10', 'and one run of each was needed');

# a table in the middle that was changed by hand is an input like any other
sql(q{INSERT INTO public.silver VALUES (100, 'hand', 1)});
wait_until($node, q{SELECT g.total = 1 FROM public.gold AS g WHERE g.status = 'hand'}, 'a change by hand goes down');
is(sql(q{SELECT v.missing, v.extra, v.different FROM dataplat.verify_pipeline('silver') AS v}), '0|1|0', 'and is shown by verify_pipeline');
sql(q{DELETE FROM public.silver WHERE id = 100});
wait_until($node, q{SELECT NOT EXISTS (SELECT FROM public.gold AS g WHERE g.status = 'hand')}, 'and so does taking it back');

# a prepared transaction tells nobody at its second commit: it is seen by the next look at the latest
# (the look itself is not waited for; another change brings it along)
# paused: changes wait; resumed: they come
sql(q{SELECT dataplat.pause_pipeline('silver', 'holidays')});
sql(q{INSERT INTO public.orders VALUES (7, 'held', 70)});
sql(q{SELECT dataplat.pause_pipeline('gold'), dataplat.resume_pipeline('gold')});
wait_until($node, q{SELECT bool_and(j.state = 'idle') FROM dataplat_internal.job_state() AS j WHERE j.kind = 'pipeline'}, 'the worker has looked');
is(sql(q{SELECT count(*) FROM public.silver AS s WHERE s.id = 7}), '0', 'a paused pipeline does not run');
like(sql(q{SELECT concat_ws(' ', p.state, p.reason) FROM dataplat.pipeline_status AS p WHERE p.pipeline = 'silver'}), qr/^paused .*holidays/, 'and says why');
sql(q{SELECT dataplat.resume_pipeline('silver')});
wait_until($node, q{SELECT g.total = 70 FROM public.gold AS g WHERE g.status = 'held'}, 'resumed, it goes on where it was');

# by hand
sql(q{SELECT dataplat.alter_pipeline('silver', schedule => 'manual')});
sql(q{INSERT INTO public.orders VALUES (8, 'hand', 80)});
wait_until($node, q{SELECT bool_and(j.state = 'idle') FROM dataplat_internal.job_state() AS j WHERE j.kind = 'pipeline'}, 'the worker has looked');
is(sql(q{SELECT count(*) FROM public.silver AS s WHERE s.id = 8}), '0', 'a manual pipeline does not run by itself');
sql(q{SELECT dataplat.run_pipeline('silver')});
wait_until($node, q{SELECT g.total = 80 FROM public.gold AS g WHERE g.status = 'hand'}, 'run by hand, the one below it follows by itself');

# by the clock, and by a lag
sql(q{SELECT dataplat.alter_pipeline('silver', schedule => '1 second')});
sql(q{INSERT INTO public.orders VALUES (9, 'clock', 90)});
wait_until($node, q{SELECT g.total = 90 FROM public.gold AS g WHERE g.status = 'clock'}, 'an interval');
wait_until($node, q{SELECT p.next_run_at > p.last_success_at FROM dataplat.pipeline_status AS p WHERE p.pipeline = 'silver'}, 'its next time is shown');
sql(q{SELECT dataplat.alter_pipeline('gold', schedule => '1 second')});
wait_until($node, q{SELECT count(DISTINCT p.next_run_at) = 1 AND count(p.next_run_at) = 2 FROM dataplat.pipeline_status AS p WHERE p.pipeline IN ('silver', 'gold')},
	'two that are connected and have the same interval have the same times');
sql(q{INSERT INTO public.orders VALUES (11, 'both', 110)});
wait_until($node, q{SELECT g.total = 110 FROM public.gold AS g WHERE g.status = 'both'}, 'and run together');
sql(q{SELECT dataplat.alter_pipeline('gold', schedule => 'on_data')});
sql(q{SELECT dataplat.alter_pipeline('silver', schedule => 'target_lag', target_lag => '2 seconds')});
is(sql(q{SELECT p.next_run_at FROM dataplat.pipeline_status AS p WHERE p.pipeline = 'silver'}), '', 'which is forgotten with the schedule');
my ($before) = sql(q{INSERT INTO public.orders VALUES (10, 'lag', 1) RETURNING clock_timestamp()});
wait_until($node, q{SELECT count(*) = 1 FROM public.silver AS s WHERE s.id = 10}, 'a target lag');
is(sql(qq{SELECT r.finished_at - '$before'::timestamptz > interval '500 ms' FROM dataplat.pipeline_run AS r
	WHERE r.pipeline = 'silver' AND r.started_at > '$before' AND r.rows_inserted > 0 ORDER BY r.run_id LIMIT 1}), 't', 'is used to wait for more');

# nothing to run: no worker
sql(q{SELECT dataplat.drop_pipeline('top'), dataplat.drop_pipeline('gold'), dataplat.drop_pipeline('silver')});
wait_until($node, q{SELECT NOT EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.backend_type = 'dataplat pipeline worker')}, 'without a pipeline there is no worker');

unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|ERROR: .*pipeline/, 'nothing went wrong');
$node->stop;
done_testing();
