# What a source asks of a broker, request by request: it joins no group, it
# tells the group how far it is, and it goes on when the group is out of reach.
use strict;
use warnings;

use DataplatBroker;
use DataplatCluster;
use DataplatIngest;
use Test::More;
use Time::HiRes qw(usleep);

# Codes of the Kafka protocol.
my ($not_available, $not_coordinator, $group_denied) = (15, 16, 30);

my $broker = fake_broker();
my $node = dataplat_node('main', conf => ingest_conf("dataplat.metadata_interval = 1\n"));
my $end = 30;

$broker->tell('topic', topic => 'orders');
$broker->tell('append', topic => 'orders', count => $end);
fake_source($node, $broker, 'orders');
accounts_for($node, 'orders', '0-29', 30, 'all read');

# What the group has heard, as lag tools see it.
sub told
{
	my ($committed) = @{ $broker->tell('state')->{committed} };
	return $committed && $committed->{offset};
}

sub wait_told
{
	my ($offset, $label) = @_;

	for (1 .. 600)
	{
		last if defined told() && told() == $offset;
		usleep(50_000);
	}
	is(told(), $offset, $label);
	return;
}

wait_told(30, 'the group has our offset');
my ($committed) = @{ $broker->tell('state')->{committed} };
like($committed->{group}, qr/^dataplat-orders-[0-9a-f]{8}$/, 'the group is ours');

# The group's broker is ill in one way after the other; messages come in.
for my $bad (
	[ 'OffsetFetch', 'error', code => $not_coordinator ], [ 'OffsetFetch', 'error', code => $group_denied ],
	[ 'OffsetCommit', 'error', code => $group_denied ], [ 'OffsetCommit', 'close' ], [ 'OffsetFetch', 'silence' ])
{
	my ($api, $action, %args) = @$bad;

	$broker->rule($api, $action, %args);
	$broker->tell('append', topic => 'orders', count => 10);
	$end += 10;
	accounts_for($node, 'orders', '0-' . ($end - 1), $end, "$api $action " . ($args{code} // ''));
	$broker->wait_hits(1, 'it was asked meanwhile');
	$broker->tell('clear');
	$broker->tell('disconnect') if $action eq 'silence';
}
wait_told($end, 'afterwards the group hears all of it');

# Denied from the start, for a worker that has never seen the coordinator.
$node->safe_psql('postgres', q{SELECT dataplat.pause_source('orders')});
source_is($node, 'orders', 'paused', undef);
$broker->rule('FindCoordinator', 'error', code => $group_denied);
$broker->tell('append', topic => 'orders', count => 10);
$end += 10;
$node->safe_psql('postgres', q{SELECT dataplat.resume_source('orders')});
accounts_for($node, 'orders', '0-' . ($end - 1), $end, 'FindCoordinator denied');
source_is($node, 'orders', 'running', 'and running');
$broker->tell('clear');
$broker->rule('FindCoordinator', 'error', code => $not_available);
$broker->tell('append', topic => 'orders', count => 10);
$end += 10;
accounts_for($node, 'orders', '0-' . ($end - 1), $end, 'coordinator not available');
$broker->tell('clear');
wait_told($end, 'the group is told when there is a coordinator');

# The log of requests.
my %count = %{ $broker->tell('state')->{counts} };
for my $api (qw(JoinGroup SyncGroup Heartbeat LeaveGroup Produce))
{
	is($count{$api} // 0, 0, "no $api was ever sent");
}
my @commits = @{ $broker->tell('requests', api => 'OffsetCommit')->{requests} };
ok(!(grep { $_->{generation} != -1 || $_->{member} ne '' } @commits), 'offsets come from no member of the group');
my @offsets = map { $_->{offsets}[0]{offset} } @commits;
is_deeply(\@offsets, [ sort { $a <=> $b } @offsets ], 'and never go back');
ok(!(grep { $_->{refused} } @{ $broker->tell('requests')->{requests} }), 'nothing was asked that the broker does not know');

$node->stop;
done_testing();
