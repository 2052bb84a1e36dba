# Nothing runs on a standby; everything within ten seconds of a promotion.
# And: no room for a worker is a state and one log line.
use strict;
use warnings;

use DataplatCluster;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $primary = dataplat_node('primary', allows_streaming => 1);
$primary->safe_psql('postgres', q{
	CREATE TABLE public.probe_job (id int PRIMARY KEY, name text, behaviour text);
	INSERT INTO public.probe_job SELECT i, 'job' || i, 'idle' FROM generate_series(1, 3) AS i;
	SELECT dataplat_internal.wake_scheduler();
});
my $all_run = "SELECT count(*) = 3 FROM dataplat_internal.job_state() WHERE kind = 'probe' AND pid IS NOT NULL";
wait_until($primary, $all_run, 'workers run on the primary');

# The standby shows its views, and runs nothing.
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);
is($standby->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'dataplat%'"), '0',
	'no process of dataplat on a standby');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM dataplat_internal.job_state()'), '0', 'its views can be read');

$primary->stop('immediate');
my $start = time();
$standby->promote;
wait_until($standby, $all_run, 'a promotion starts the workers', limit => 10);
diag(sprintf('%.1f s after the promotion', time() - $start));

# One worker more than dataplat.max_workers allows: three probes, maintenance.
$standby->append_conf('postgresql.conf', "dataplat.max_workers = 3");
$standby->restart;
wait_until($standby, "SELECT count(*) FILTER (WHERE pid IS NOT NULL) = 3 AND count(*) FILTER (WHERE state = 'waiting_slot') = 1 FROM dataplat_internal.job_state()",
	'the worker that has no room waits');
is($standby->safe_psql('postgres', "SELECT severity, problem, action FROM dataplat.health WHERE problem = 'waiting_slot'"),
	'error|waiting_slot|Increase dataplat.max_workers (now 3).', 'health says what to increase');

# max_worker_processes leaves room for launcher, scheduler and one worker.
$standby->append_conf('postgresql.conf', "dataplat.max_workers = 8\nmax_worker_processes = 4\nmax_logical_replication_workers = 0\nlog_min_messages = warning");
my $offset = -s $standby->logfile;
$standby->restart;
wait_until($standby, "SELECT count(*) FILTER (WHERE state = 'waiting_slot') >= 1 FROM dataplat_internal.job_state() WHERE kind = 'probe'",
	'no slot in the postmaster is a state too');
my $xid = $standby->safe_psql('postgres', 'SELECT pg_snapshot_xmax(pg_current_snapshot())');

# Four tries later the log still has one line, and no transaction wrote anything.
$standby->safe_psql('postgres', 'SELECT dataplat_internal.wake_scheduler()') for 1 .. 4;
wait_until($standby, "SELECT bool_and(wanted) FROM dataplat_internal.job_state() WHERE kind = 'probe'", 'the scheduler looked again');
my @warnings = slurp_file($standby->logfile, $offset) =~ /WARNING:  dataplat has to wait/g;
is(scalar @warnings, 1, 'one line in the log');
is($standby->safe_psql('postgres', 'SELECT pg_snapshot_xmax(pg_current_snapshot())'), $xid, 'and nothing is written');

$standby->stop;
done_testing();
