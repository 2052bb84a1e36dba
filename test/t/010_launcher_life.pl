# Workers start, stop and come back with nobody doing anything.
#
# The probe job kind of the injection build does what public.probe_job says.
use strict;
use warnings;

use DataplatCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = dataplat_node('main', conf => "dataplat.restart_backoff_min = 200ms\ndataplat.restart_backoff_max = 1s\ndataplat.lock_timeout = 200ms");

my $state = "SELECT state FROM dataplat_internal.job_state() WHERE kind = 'probe' AND object = '%s'";

sub wait_state
{
	my ($object, $expected, $label) = @_;
	wait_until($node, sprintf($state, $object), $label, expected => $expected);
}

sub pid_of
{
	my ($object) = @_;
	return $node->safe_psql('postgres',
		"SELECT pid FROM dataplat_internal.job_state() WHERE kind = 'probe' AND object = '$object'");
}

# A scheduler follows CREATE EXTENSION by itself, and finds the jobs.
wait_until($node, 'SELECT scheduler_pid IS NOT NULL FROM dataplat_internal.scheduler_state()',
	'CREATE EXTENSION starts a scheduler');
$node->safe_psql('postgres', q{
	CREATE TABLE public.probe_job (id int PRIMARY KEY, name text, behaviour text);
	INSERT INTO public.probe_job VALUES (1, 'steady', 'idle'), (2, 'broken', 'error'), (3, 'hopeless', 'fail');
	SELECT dataplat_internal.wake_scheduler();
});
wait_state('steady', 'idle', 'a wanted job runs');
is($node->safe_psql('postgres',
		"SELECT backend_type, application_name, xact_start IS NULL, backend_xmin IS NULL FROM pg_stat_activity WHERE application_name = 'dataplat:steady'"),
	'dataplat probe worker|dataplat:steady|t|t', 'it can be recognised, and holds no transaction while idle');

# An error is a state with its reason, and a retry that gets later.
wait_state('broken', 'retrying', 'an error is retried');
wait_until($node, "SELECT restarts >= 3 FROM dataplat_internal.job_state() WHERE object = 'broken'",
	'again and again');
is($node->safe_psql('postgres',
		"SELECT last_error_sqlstate, last_error, reason FROM dataplat_internal.job_state() WHERE object = 'broken'"),
	'53100|probe "broken" was told to fail|probe "broken" was told to fail', 'the last error is shown');
like($node->safe_psql('postgres', "SELECT severity, problem FROM dataplat.health WHERE object = 'probe broken'"),
	qr/^warning\|retrying$/, 'and is a row of health');

# A job that gave up stays down until it is woken.
wait_state('hopeless', 'failed', 'a job can give up');
is($node->safe_psql('postgres', "SELECT restarts FROM dataplat_internal.job_state() WHERE object = 'hopeless'"),
	'0', 'it is not started again');
$node->safe_psql('postgres', q{
	UPDATE public.probe_job SET behaviour = 'idle';
	SELECT dataplat_internal.wake_job('probe', 3), dataplat_internal.wake_job('probe', 2);
});
wait_state('hopeless', 'idle', 'a wake starts it again');
wait_state('broken', 'idle', 'and a wake does not wait for the next retry');
is($node->safe_psql('postgres', "SELECT count(*) FROM dataplat.health WHERE object LIKE 'probe%'"), '0',
	'health is empty again');

# Wakes and stops act at commit, not at rollback.
my $pid = pid_of('steady');
$node->safe_psql('postgres', "BEGIN; SELECT dataplat_internal.stop_jobs('probe', 1); ROLLBACK");
$node->safe_psql('postgres', "BEGIN; SAVEPOINT a; SELECT dataplat_internal.stop_jobs('probe', 1); ROLLBACK TO a; COMMIT");
is($node->safe_psql('postgres', "SELECT dataplat_internal.wait_job_stopped('probe', 1, 300)"), 'f',
	'a rolled back stop stops nothing');
is(pid_of('steady'), $pid, 'the worker is the same');
$node->safe_psql('postgres', "SELECT dataplat_internal.stop_jobs('probe', 1)");
wait_until($node, "SELECT pid <> $pid FROM dataplat_internal.job_state() WHERE object = 'steady'",
	'a committed stop is followed by a new worker while the job is wanted');

# A hold keeps it away for one transaction.
is($node->safe_psql('postgres', q{
	BEGIN;
	SELECT dataplat_internal.hold_jobs('probe', 1, 5000);
	SELECT count(*) FROM dataplat_internal.job_state() WHERE object = 'steady' AND pid IS NOT NULL;
	COMMIT;
}), "t\n0", 'a held job has no worker');
wait_until($node, "SELECT pid IS NOT NULL FROM dataplat_internal.job_state() WHERE object = 'steady'",
	'it comes back when the transaction ends');

# A busy worker is cancelled, not waited for.
$node->safe_psql('postgres', q{
	UPDATE public.probe_job SET behaviour = 'busy' WHERE id = 1;
	SELECT dataplat_internal.wake_job('probe', 1);
});
wait_state('steady', 'running', 'a worker is busy');
is($node->safe_psql('postgres', q{
	BEGIN;
	SELECT dataplat_internal.hold_jobs('probe', 1, 20000);
	UPDATE public.probe_job SET behaviour = 'idle';
	COMMIT;
}), 't', 'and leaves in the middle of its statement when it has to');
wait_state('steady', 'idle', 'it comes back and does what it is told now');

# A job that is not wanted any more stops.
$node->safe_psql('postgres', q{DELETE FROM public.probe_job WHERE id = 2; SELECT dataplat_internal.wake_scheduler()});
wait_until($node, "SELECT pid IS NULL AND NOT wanted FROM dataplat_internal.job_state() WHERE object = 'broken'",
	'a job that is not wanted stops');

# A kind that cannot say what it wants keeps its workers, and health tells why.
$pid = pid_of('hopeless');
$node->safe_psql('postgres', q{
	ALTER TABLE public.probe_job RENAME COLUMN name TO title;
	SELECT dataplat_internal.wake_scheduler();
});
wait_until($node, "SELECT problem FROM dataplat.health WHERE object = 'dataplat scheduler'",
	'a kind that cannot answer is a row of health', expected => 'retrying');
is(pid_of('hopeless'), $pid, 'its workers stay');
$node->safe_psql('postgres', q{
	ALTER TABLE public.probe_job RENAME COLUMN title TO name;
	SELECT dataplat_internal.wake_scheduler();
});
wait_until($node, "SELECT count(*) = 0 FROM dataplat.health WHERE object = 'dataplat scheduler'", 'until it can');

# A lock that somebody keeps is a state of its own.
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE public.probe_job');
$node->safe_psql('postgres', "SELECT dataplat_internal.wake_job('probe', 1)");
wait_state('steady', 'blocked_lock', 'a worker that waits for a lock gives up and says so');
$locker->query_safe('COMMIT');
$locker->quit;
wait_state('steady', 'idle', 'and works on when the lock is free');

# Settings can turn everything off and on.
$node->safe_psql('postgres', 'ALTER SYSTEM SET dataplat.enabled = off');
$node->reload;
wait_until($node, "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type LIKE 'dataplat %' AND backend_type <> 'dataplat launcher'",
	'dataplat.enabled = off stops all workers');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET dataplat.enabled');
$node->reload;
wait_until($node, "SELECT pid IS NOT NULL FROM dataplat_internal.job_state() WHERE object = 'steady'", 'on starts them');

# pg_terminate_backend, of each process in turn.
for my $type ('dataplat probe worker', 'dataplat scheduler', 'dataplat launcher')
{
	my $old = $node->safe_psql('postgres', "SELECT min(pid) FROM pg_stat_activity WHERE backend_type = '$type'");
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($old)");
	wait_until($node, "SELECT bool_and(pid <> $old) FROM pg_stat_activity WHERE backend_type = '$type'",
		"a terminated $type comes back");
}

# A restart, a crash of a worker, and an unclean stop of the server.
$node->restart;
wait_until($node, "SELECT pid IS NOT NULL FROM dataplat_internal.job_state() WHERE object = 'steady'", 'a restart brings all back');
$node->safe_psql('postgres', q{
	UPDATE public.probe_job SET behaviour = 'idle';
});
$pid = pid_of('steady');
kill 'KILL', $pid;
wait_until($node, "SELECT pid <> $pid FROM dataplat_internal.job_state() WHERE object = 'steady'",
	'so does kill -9 of a worker');
crash_node($node);
wait_until($node, "SELECT pid IS NOT NULL FROM dataplat_internal.job_state() WHERE object = 'steady'",
	'and kill -9 of the server');

$node->stop('fast');
done_testing();
