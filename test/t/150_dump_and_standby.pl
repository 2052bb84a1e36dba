# Rows and offsets belong together wherever they go: into a dump, to a standby
# that lags behind when it takes over, through a postmaster that is killed.
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $mock = mock_broker('orders:4');
my $node = dataplat_node('primary', allows_streaming => 1, conf => ingest_conf("dataplat.databases = 'postgres, copy'\n"));

make_server($node, 'k', $mock->{bootstrap});
$node->safe_psql('postgres', q{SELECT dataplat.create_source('orders', 'k', 'orders', batch_rows => 200)});
# About a minute of load: each step below needs messages that are still to come.
my $load = start_filling($mock->{bootstrap}, 'orders', partitions => 4, records => 24000, rate => 450, malformed => 0.01, mock => 1);
my $moved = 0;

# Wait until the source has moved since the last look.
sub goes_on
{
	my ($where, $label) = @_;
	my $before = $moved;

	wait_until($where, "SELECT sum(o.next_offset) > $before FROM dataplat_internal.source_offset AS o", $label);
	$moved = $where->safe_psql('postgres', 'SELECT sum(o.next_offset) FROM dataplat_internal.source_offset AS o');
	return;
}

# The postmaster is killed: its worker ends too, and the next one goes on.
goes_on($node, 'rows arrive');
my $worker = worker_pid($node);
crash_node($node);
ok(!kill(0, $worker), 'the worker of a killed postmaster is gone');
goes_on($node, 'rows arrive after the postmaster was killed');

# Shut down in the middle of commits.
for my $try (1 .. 5)
{
	$node->stop('immediate');
	$node->start;
	goes_on($node, undef);
}
pass('five immediate shutdowns');

# A fast shutdown does not wait for brokers that speak again only after it.
$mock->{run}->signal('STOP');
$node->stop('fast');
pass('a fast shutdown while the broker is silent');
$mock->{run}->signal('CONT');
$node->start;
goes_on($node, 'and rows again');

# A dump under load, restored beside the original: fenced until adopted.
my $err = '';
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
IPC::Run::run([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], '2>', '/dev/null') or die 'pg_dump';
$node->safe_psql('postgres', 'CREATE DATABASE copy');
IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('copy'), '-f', $dump ], '>', '/dev/null', '2>', \$err) or diag($err);
ok(!$err || $err !~ /ERROR/, 'the dump is restored') or diag($err);
my $at = 'SELECT sum(o.next_offset) FROM dataplat_internal.source_offset AS o';
my $dumped = $node->safe_psql('copy', $at);
cmp_ok($dumped, '>', 0, 'with its offsets');
source_is($node, 'orders', 'fenced', 'the copy is fenced', db => 'copy');
goes_on($node, 'while the original goes on');
is($node->safe_psql('copy', $at), $dumped, 'the copy stands still');
$node->safe_psql('copy', q{SELECT dataplat.adopt('fork')});
wait_until($node, "SELECT sum(o.next_offset) > $dumped FROM dataplat_internal.source_offset AS o", 'adopted, it goes on', db => 'copy');

# A standby that lags behind takes over: it reads the tail again.
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
wait_until($standby, "SELECT sum(o.next_offset) > $moved FROM dataplat_internal.source_offset AS o", 'the standby replays');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'dataplat ingest%'}), '0', 'and does not ingest');
# What the primary does without it is lost with the primary, rows and offsets alike.
$standby->append_conf('postgresql.conf', "primary_conninfo = ''");
$standby->reload;
wait_until($standby, 'SELECT count(*) = 0 FROM pg_stat_wal_receiver', 'the standby is cut off');
my $lagging = $standby->safe_psql('postgres', $at);
$moved = $lagging;
goes_on($node, 'the primary runs ahead');
$node->kill9;
$standby->promote;
wait_until($standby, "SELECT sum(o.next_offset) > $lagging FROM dataplat_internal.source_offset AS o", 'promoted, it goes on');

finish_filling($load);
for my $db ('postgres', 'copy')
{
	wait_ingested($standby, 'orders', $load, "$db: everything has been read", db => $db);
	oracle_ok($standby, 'orders', $load, "$db: nothing lost, nothing repeated, ledger exact", db => $db);
}

$standby->stop;
done_testing();
