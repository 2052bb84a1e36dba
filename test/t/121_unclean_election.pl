# A log that became shorter and grew again with other messages: an unclean
# election, or a disk restored from an old copy.  Never silent.
use strict;
use warnings;

use DataplatBroker;
use DataplatCluster;
use DataplatIngest;
use Test::More;

my $broker = fake_broker();
my $node = dataplat_node('main', conf => ingest_conf("dataplat.metadata_interval = 1\n"));
my @topics = qw(shorter longer restored moved);

make_server($node, 'k', $broker->{bootstrap});
for my $topic (@topics)
{
	$broker->tell('topic', topic => $topic);
	$broker->tell('append', topic => $topic, count => 20, of => 'old', batch => 5);
	$node->safe_psql('postgres', "SELECT dataplat.create_source('$topic', 'k', '$topic')");
	accounts_for($node, $topic, '0-19', 20, $topic);
}

sub loss
{
	my ($topic) = @_;
	return "SELECT e.class || ' ' || e.from_offset || ' ' || COALESCE(e.to_offset::text, 'end')
		FROM dataplat.data_loss_event AS e WHERE e.source = '$topic'";
}

# Shorter than what we have, while we read.
$broker->tell('truncate', topic => 'shorter', offset => 10);
wait_until($node, loss('shorter'), 'shorter: told where it ends', expected => 'OFFSET_BEYOND_END 10 end');
source_is($node, 'shorter', 'data_loss', 'and the source stands still');

# Longer than what we have, before we look again: only the anchor can tell.
# The group's offset is still there, as it is after an election.
$node->safe_psql('postgres', q{SELECT dataplat.pause_source('longer'), dataplat.pause_source('restored')});
source_is($node, $_, 'paused', undef) for qw(longer restored);
$broker->tell('truncate', topic => 'longer', offset => 10);
$broker->tell('append', topic => 'longer', count => 30, of => 'new');
$node->safe_psql('postgres', q{SELECT dataplat.resume_source('longer')});
wait_until($node, loss('longer'), 'longer: the anchor does not match', expected => 'ANCHOR_MISMATCH 0 20');
is($node->safe_psql('postgres', q{SELECT count(*) FROM bronze.longer}), '20', 'nothing of the new log is stored');

# Restored from an old copy: same length, same keys, other time.
$broker->tell('truncate', topic => 'restored', offset => 19);
$broker->tell('append', topic => 'restored', values => ['{"n": 19, "of": "old"}'], time => 1);
$broker->tell('append', topic => 'restored', count => 10, of => 'new');
$node->safe_psql('postgres', q{SELECT dataplat.resume_source('restored')});
wait_until($node, loss('restored'), 'restored: the timestamp tells', expected => 'ANCHOR_MISMATCH 0 20');

# Retention went past us: the lost range is known exactly.
$node->safe_psql('postgres', q{SELECT dataplat.pause_source('moved')});
source_is($node, 'moved', 'paused', undef);
$broker->tell('append', topic => 'moved', count => 20, of => 'old', batch => 5);
$broker->tell('log_start', topic => 'moved', offset => 30);
$node->safe_psql('postgres', q{SELECT dataplat.resume_source('moved')});
wait_until($node, loss('moved'), 'moved: what retention took', expected => 'START_OFFSET_RESET 20 30');

# Accepting the loss goes on with the new log.
$node->safe_psql('postgres', q{SELECT dataplat.accept_data_loss('moved', 'moved', 0, 'skip_gap', 'retention')});
wait_until($node, 'SELECT count(*) = 30 AND max(_offset) = 39 FROM bronze.moved', 'after accept_data_loss the rest is read');

is($node->safe_psql('postgres', 'SELECT count(*) FROM dataplat.data_loss_event'), '4', 'one event for each');

$node->stop;
done_testing();
