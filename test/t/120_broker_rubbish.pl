# A broker that sends rubbish: nothing wrong is stored, the worker lives and
# says that it is retrying, and goes on by itself when the broker is well.
use strict;
use warnings;

use DataplatBroker;
use DataplatCluster;
use DataplatIngest;
use PostgreSQL::Test::Utils;
use Test::More;

my $broker = fake_broker();
my $node = dataplat_node('main', conf => ingest_conf("dataplat.metadata_interval = 1\n"));

$broker->tell('topic', topic => 'orders');
$broker->tell('append', topic => 'orders', count => 50, batch => 10);
fake_source($node, $broker, 'orders');
accounts_for($node, 'orders', '0-49', 50, 'a good broker');

# A checksum that does not fit stops the partition, loudly, where it stands.
$broker->tell('append', topic => 'orders', count => 10, bad_crc => 1);
$broker->tell('append', topic => 'orders', count => 10);
source_is($node, 'orders', 'retrying', 'a bad checksum: retrying');
is($node->safe_psql('postgres', 'SELECT count(*) FROM bronze.orders'), '50', 'nothing of it is stored');
$broker->tell('mend', topic => 'orders');
accounts_for($node, 'orders', '0-69', 70, 'mended');
source_is($node, 'orders', 'running', 'and running again');

# Each of these is sent three times, then the same records come right.
my $end = 70;
my $pid = worker_pid($node);
for my $bad (
	[ 'crc' ], [ 'cut' ], [ 'cut', 5 ], [ 'cut', 62 ], [ 'noise', 7 ],
	[ 'batch_length', -1 ], [ 'batch_length', 0 ], [ 'batch_length', 2147483647 ],
	[ 'record_count', -1 ], [ 'record_count', 2147483647 ], [ 'record_length', -5 ], [ 'record_length', 1000000 ],
	[ 'size', -2 ], [ 'size', 2147483647 ])
{
	my ($what, $value) = @$bad;
	my $name = join ' ', @$bad;

	$broker->rule('Fetch', 'mangle', what => $what, defined $value ? (value => $value) : (), count => 3);
	$broker->tell('append', topic => 'orders', count => 10);
	$end += 10;
	$broker->wait_hits(3, "$name: was sent");
	$broker->tell('clear');
	accounts_for($node, 'orders', '0-' . ($end - 1), $end, $name);
}

# Frames: lengths of the whole reply, and a reply to another question.
for my $bad ([ 'frame', -1 ], [ 'frame', 2147483647 ], [ 'correlation', 0 ])
{
	$broker->rule('Fetch', $bad->[0], value => $bad->[1], count => 1);
	$broker->tell('append', topic => 'orders', count => 10);
	$end += 10;
	$broker->wait_hits(1, "$bad->[0] $bad->[1]: was sent");
	$broker->tell('clear');
	$broker->tell('disconnect');
	accounts_for($node, 'orders', '0-' . ($end - 1), $end, "$bad->[0] $bad->[1]");
}

is($node->safe_psql('postgres', "SELECT count(*) FROM bronze.orders AS b WHERE (b.value ->> 'n')::int <> b._offset"), '0', 'every row is the one that was sent');
is($node->safe_psql('postgres', 'SELECT count(*) FROM dataplat.data_loss_event'), '0', 'none of it was taken for a loss');
is($node->safe_psql('postgres', 'SELECT count(*) FROM dataplat.dead_letter'), '0', 'nor for a bad message');
is(worker_pid($node), $pid, 'the worker lived through all of it');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP/, 'no crash');

$node->stop;
done_testing();
