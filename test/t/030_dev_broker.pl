# The embedded broker outlives its session, not its server, and is started
# again by anybody at any time.
use strict;
use warnings;

use DataplatCluster;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = dataplat_node('main');
my $status = 'SELECT pid, bootstrap FROM dataplat_internal.dev_broker_status()';

sub start
{
	my ($topics) = @_;
	return $node->safe_psql('postgres', "SELECT dataplat.start_dev_broker('$topics')");
}

# Many sessions at once start one broker.
my @clients = map {
	my $out = '';
	{ out => \$out, run => IPC::Run::start(
			[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', qq(SELECT dataplat.start_dev_broker('{"t$_": 1}')) ],
			'>', \$out) };
} 1 .. 6;
$_->{run}->finish for @clients;
my %bootstraps = map { ${ $_->{out} } => 1 } @clients;
is(scalar keys %bootstraps, 1, 'six sessions found one broker');
my $bootstrap = start('{"orders": 3}');
like($bootstrap, qr/^127\.0\.0\.1:\d+$/, 'it listens on loopback');

# The topics of all of them are there, seen by another client.
my $metadata;
IPC::Run::run([ 'kcat', '-L', '-b', $bootstrap ], '>', \$metadata);
like($metadata, qr/topic "t$_" with 1 partitions/, "topic t$_") for 1 .. 6;
like($metadata, qr/topic "orders" with 3 partitions/, 'topic orders');

# One worker, visible by name, also from another database.
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'dataplat dev broker'}), '1', 'one worker');
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION dataplat');
is($node->safe_psql('other', 'SELECT dataplat.start_dev_broker()'), $bootstrap, 'another database finds the same broker');
$node->safe_psql('postgres', 'DROP DATABASE other (FORCE)');

# Messages last as long as the broker.
$node->safe_psql('postgres', qq(CREATE SERVER s FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '$bootstrap')));
$node->safe_psql('postgres', "SELECT dataplat.produce('s', 'orders', 'kept', 'k', 0)");
is($node->safe_psql('postgres', "SELECT value FROM dataplat.peek_topic('s', 'orders')"), 'kept', 'a message is kept');
is($node->safe_psql('postgres', 'SELECT dataplat.stop_dev_broker()'), 't', 'it stops');
is($node->safe_psql('postgres', 'SELECT dataplat.stop_dev_broker()'), 'f', 'once');
wait_until($node, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'dataplat dev broker'}, 'its worker is gone');

# Three brokers, and a leader that moves.
my $three = $node->safe_psql('postgres', q{SELECT dataplat.start_dev_broker('{"orders": 1}', brokers => 3)});
is(scalar(split /,/, $three), 3, 'three brokers');
$node->safe_psql('postgres', qq(ALTER SERVER s OPTIONS (SET "bootstrap.servers" '$three')));
is($node->safe_psql('postgres', "SELECT count(*) FROM dataplat.peek_topic('s', 'orders')"), '0', 'a new broker is empty');
for my $leader (1 .. 3)
{
	$node->safe_psql('postgres', "SELECT dataplat_internal.dev_broker_control('leader', $leader, 'orders')");
	is($node->safe_psql('postgres', "SELECT message_offset FROM dataplat.produce('s', 'orders', 'x')"), $leader - 1, "broker $leader leads");
}

# It goes with the server: in order, and when a crash takes everything down.
$node->restart;
is($node->safe_psql('postgres', $status), '|', 'gone after a restart');
$bootstrap = start('{"orders": 1}');
kill_backend($node, 'dataplat dev broker');
wait_until($node, 'SELECT pid IS NULL FROM dataplat_internal.dev_broker_status()', 'gone after a crash');
$bootstrap = start('{"orders": 1}');
like($bootstrap, qr/^127\.0\.0\.1:\d+$/, 'and started again');

# Terminated by hand, it says so and leaves the place free.
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'dataplat dev broker'");
wait_until($node, 'SELECT pid IS NULL FROM dataplat_internal.dev_broker_status()', 'gone after pg_terminate_backend');
like(start('{}'), qr/^127/, 'and started again');

# No worker slot: an error that says what to raise.
$node->safe_psql('postgres', 'SELECT dataplat.stop_dev_broker()');
$node->append_conf('postgresql.conf', 'max_worker_processes = 0');
$node->restart;
my ($rc, $out, $err) = $node->psql('postgres', 'SELECT dataplat.start_dev_broker()');
like($err, qr/could not start the embedded broker.*max_worker_processes/s, 'no worker slot');
is($node->safe_psql('postgres', $status), '|', 'and the place is free');

$node->stop;
done_testing();
