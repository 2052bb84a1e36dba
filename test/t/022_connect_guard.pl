# The connect guard at work: who may reach a broker on the same machine, and
# that a remote broker cannot send us to the machine itself.
use strict;
use warnings;

use DataplatCluster;
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Test::More;

my $node = dataplat_node('guard');
my $bootstrap = $node->safe_psql('postgres', q{SELECT dataplat.start_dev_broker('{"orders": 2}')});
my ($port) = $bootstrap =~ /:(\d+)/;

$node->safe_psql('postgres', <<"EOQ");
CREATE ROLE engineer LOGIN;
GRANT USAGE ON FOREIGN DATA WRAPPER dataplat_kafka TO engineer;
GRANT USAGE ON SCHEMA dataplat TO engineer;
CREATE SERVER admins FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" 'localhost:$port', "broker.address.family" 'v4');
GRANT USAGE ON FOREIGN SERVER admins TO engineer;
EOQ
$node->safe_psql('postgres', <<"EOQ", extra_params => [ '-U', 'engineer' ]);
CREATE SERVER engineers FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" 'localhost:$port', "broker.address.family" 'v4');
EOQ

# Produce through a server as a role; the output or the error.
sub produce
{
	my ($role, $server) = @_;
	my ($rc, $out, $err) = $node->psql('postgres', "SELECT partition >= 0 FROM dataplat.produce('$server', 'orders', 'x', timeout => '5 seconds')",
		extra_params => [ '-U', $role ]);

	return $rc == 0 ? $out : $err;
}

sub set_and_reload
{
	my ($name, $value) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET $name = '$value'");
	$node->reload;
	wait_until($node, "SELECT current_setting('$name') = '$value'", "$name is '$value'");
	return;
}

my $superuser = $node->safe_psql('postgres', 'SELECT current_user');

# A superuser who says localhost means it, and may lend it to others.
is(produce($superuser, 'admins'), 't', "a superuser's server may lead to this machine");
is(produce('engineer', 'admins'), 't', 'for everyone who may use it');

# Anybody else needs the administrator, and the error says what to ask for.
my $error = produce('engineer', 'engineers');
like($error, qr/connection to host "localhost" \(127\.0\.0\.1\) is not allowed: the address is a loopback address/,
	'a server of another role may not');
like($error, qr/dataplat\.allowed_hosts/, 'and the error names the setting');
like($node->safe_psql('postgres', "SELECT step, ok, detail FROM dataplat.test_connection('engineers') WHERE NOT ok"),
	qr/not allowed: the address is a loopback address/, 'test_connection says so');

# It is the owner who counts, not the one who connects.
$node->safe_psql('postgres', 'ALTER SERVER admins OWNER TO engineer');
like(produce($superuser, 'admins'), qr/is not allowed/, 'a server given away loses the right');
$node->safe_psql('postgres', "ALTER SERVER admins OWNER TO $superuser");

set_and_reload('dataplat.allowed_hosts', '*, localhost');
is(produce('engineer', 'engineers'), 't', 'the administrator allows it by name');
set_and_reload('dataplat.denied_networks', '127.0.0.0/8');
like(produce('engineer', 'engineers'), qr/in a network of dataplat\.denied_networks/, 'and denies it for all');
like(produce($superuser, 'admins'), qr/in a network of dataplat\.denied_networks/, 'superusers too');
set_and_reload('dataplat.denied_networks', '');
set_and_reload('dataplat.allowed_hosts', 'kafka.example.com');
like(produce('engineer', 'engineers'), qr/is not allowed/, 'a list without the host does not');
set_and_reload('dataplat.allowed_hosts', '');

# A remote broker that advertises an address of this machine: the way in is a
# forwarder on another address of ours, what it leads to says 127.0.0.1.
SKIP:
{
	my ($address) = grep { !/^127\.|:/ } split /\s+/, `hostname -I 2>/dev/null` // '';
	skip 'this machine has loopback addresses only', 2 unless $address;
	my $listener = IO::Socket::INET->new(LocalAddr => $address, Listen => 5, Proto => 'tcp')
	  or skip "cannot listen at $address", 2;
	my $forward_port = $listener->sockport;
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		forward($listener, $port);
		POSIX::_exit(0);
	}
	close $listener;
	$node->safe_psql('postgres', qq{CREATE SERVER remote FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '$address:$forward_port')});
	like(produce($superuser, 'remote'), qr/127\.0\.0\.1.* is not allowed: the address is a loopback address/,
		'an advertised address of this machine is refused, for a superuser too');
	set_and_reload('dataplat.allowed_hosts', '*, 127.0.0.1');
	is(produce($superuser, 'remote'), 't', 'but for the guard the way would have been open');
	kill 'TERM', $pid;
	waitpid $pid, 0;
}

$node->stop;
done_testing();

# Carry bytes between clients and 127.0.0.1:port until killed.
sub forward
{
	my ($listen, $to) = @_;
	my $select = IO::Select->new($listen);
	my %other;

	while (my @ready = $select->can_read)
	{
		for my $socket (@ready)
		{
			if ($socket == $listen)
			{
				my $client = $listen->accept or next;
				my $broker = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $to, Proto => 'tcp');
				if (!$broker) { close $client; next }
				($other{$client}, $other{$broker}) = ($broker, $client);
				$select->add($client, $broker);
				next;
			}
			my $peer = $other{$socket} or next;
			if (sysread($socket, my $bytes, 65536)) { syswrite($peer, $bytes) }
			else
			{
				$select->remove($socket, $peer);
				delete @other{ $socket, $peer };
				close $socket;
				close $peer;
			}
		}
	}
	return;
}
