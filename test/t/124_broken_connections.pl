# Connections that break at any point of any reply, by a seed: nothing lost,
# nothing repeated, no position forgotten, and few words in the log.
use strict;
use warnings;

use DataplatBroker;
use DataplatCluster;
use DataplatIngest;
use PostgreSQL::Test::Utils;
use Test::More;

my $broker = fake_broker();
my $node = dataplat_node('main', conf => ingest_conf("dataplat.metadata_interval = 1\n"));
my $end = 1000;

$broker->tell('topic', topic => 'orders');
$broker->tell('append', topic => 'orders', count => $end, batch => 20);
# Broken from the very first connection on.
$broker->rule($_, 'reset', probability => 0.2, count => 20) for qw(ApiVersions Metadata ListOffsets);
fake_source($node, $broker, 'orders');
accounts_for($node, 'orders', '0-999', $end, 'a start on broken connections');
$broker->tell('clear');

my $from = -s $node->logfile;
my $mark = @{ $broker->tell('requests')->{requests} };
my $hits = 0;
for my $how ([ 'close' ], [ 'reset' ], [ 'half' ], [ 'delay', ms => 300 ], [ 'error', code => 6 ], [ 'error', code => -1 ], [ 'error', code => 3 ])
{
	my ($action, %args) = @$how;
	my $name = join ' ', @$how;

	$broker->rule('Fetch', $action, %args, count => 4);
	$broker->rule($_, $action, %args, count => 2) for $action eq 'error' ? () : qw(ListOffsets OffsetFetch OffsetCommit);
	for (1 .. 3)
	{
		$broker->tell('append', topic => 'orders', count => 50, batch => 7);
		$end += 50;
	}
	$broker->wait_hits(4, "$name: happened");
	$hits += $broker->tell('clear')->{hits};
	accounts_for($node, 'orders', '0-' . ($end - 1), $end, $name);
}

# Transport trouble moves no position, neither to the start nor to the end.
my @again = grep { $_->{n} >= $mark && grep { $_->{offset} == 0 } @{ $_->{offsets} } } @{ $broker->tell('requests', api => 'Fetch')->{requests} };
is(scalar(@again), 0, 'no fetch ever began at the start of the log again');
my $state = $node->safe_psql('postgres', q{SELECT first_offset, generation, state FROM dataplat_internal.source_offset});
is($state, '0|1|ok', 'the position is the one that it began with, moved forward only');
is($node->safe_psql('postgres', 'SELECT count(*) FROM dataplat.data_loss_event'), '0', 'trouble of the transport was not taken for a loss');

# At the end of the log the broker is gone for good, then back.
$broker->rule('*', 'reset');
source_is($node, 'orders', 'retrying', 'no answer at all: retrying');
$broker->tell('clear');
$broker->tell('append', topic => 'orders', count => 50);
$end += 50;
accounts_for($node, 'orders', '0-' . ($end - 1), $end, 'after that');
source_is($node, 'orders', 'running', 'running');

my @lines = log_lines($node, $from);
cmp_ok(scalar(@lines), '<', 60, "$hits broken replies, a bounded number of lines in the log") or diag(join "\n", @lines);
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP/, 'no crash');

$node->stop;
done_testing();
