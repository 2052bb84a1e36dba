# What becomes of a topic under its reader: made again under the same name,
# more partitions, fewer of them, gone.  And a broker that throttles, or whose
# answers about topics and offsets are errors, changes nothing.
use strict;
use warnings;

use DataplatBroker;
use DataplatCluster;
use DataplatIngest;
use Test::More;

my $broker = fake_broker();
my $node = dataplat_node('main', conf => ingest_conf("dataplat.metadata_interval = 1\n"));
my @topics = qw(same again grown fewer busy);

make_server($node, 'k', $broker->{bootstrap});
for my $topic (@topics)
{
	$broker->tell('topic', topic => $topic, partitions => 2);
	$broker->tell('append', topic => $topic, count => 20, of => 'old');
	$node->safe_psql('postgres', "SELECT dataplat.create_source('$topic', 'k', '$topic')");
	accounts_for($node, $topic, '0-19', 20, $topic);
}

# Both witnesses of the old topic are in place before it goes.
wait_until($node, 'SELECT count(*) = 5 FROM dataplat_internal.source_offset AS o WHERE o.partition = 0 AND o.sentinel IS NOT NULL',
	'the groups hold our offsets');

# Made again, longer than we are: no error tells, the group's offsets are gone.
$broker->tell('delete', topic => 'again');
$broker->tell('topic', topic => 'again', partitions => 2);
$broker->tell('append', topic => 'again', count => 40, of => 'new');
wait_until($node, q{SELECT string_agg(e.class, ',') FROM dataplat.data_loss_event AS e WHERE e.source = 'again' AND e.partition = 0},
	'a topic under the same name: found', expected => 'ANCHOR_MISMATCH');
is($node->safe_psql('postgres', q{SELECT count(*) FROM bronze.again AS b WHERE b.value ->> 'of' = 'old'}), '20', 'the old rows are kept');

# The group's offsets expired, and nothing else happened: the anchor says so.
$broker->tell('forget_group');
$broker->tell('append', topic => 'same', count => 10, of => 'old');
accounts_for($node, 'same', '0-29', 30, 'expired group offsets are no loss');

# A new partition is read from its first message.
$broker->tell('topic', topic => 'grown', partitions => 3);
$broker->tell('append', topic => 'grown', partition => 2, count => 15);
wait_until($node, 'SELECT count(*) = 15 AND min(_offset) = 0 FROM bronze.grown WHERE _partition = 2', 'a new partition from offset 0');

$broker->tell('topic', topic => 'fewer', partitions => 1);
wait_until($node, q{SELECT string_agg(e.class || ' ' || e.partition, ',') FROM dataplat.data_loss_event AS e WHERE e.source = 'fewer'},
	'a partition that is gone', expected => 'PARTITIONS_DELETED 1');
$broker->tell('append', topic => 'fewer', count => 10);
accounts_for($node, 'fewer', '0-29', 30, 'its sibling is read on');

# Answers that are errors, one request after the other; messages come in.
my $end = 20;
for my $bad ([ 'Metadata', 5 ], [ 'Metadata', 29 ], [ 'ListOffsets', 3 ], [ 'ListOffsets', 6 ], [ 'ListOffsets', -1 ], [ 'Fetch', 29 ])
{
	$broker->rule($bad->[0], 'error', code => $bad->[1], count => 5);
	$broker->tell('append', topic => 'busy', count => 10);
	$end += 10;
	$broker->wait_hits(5, "@$bad: was answered");
	$broker->tell('clear');
	accounts_for($node, 'busy', '0-' . ($end - 1), $end, "@$bad");
}
$broker->tell('throttle', ms => 200);
$broker->tell('append', topic => 'busy', count => 10);
accounts_for($node, 'busy', '0-' . ($end + 9), $end + 10, 'throttled');
source_is($node, 'busy', 'running', 'and running');
is($node->safe_psql('postgres', q{SELECT string_agg(e.source, ',' ORDER BY e.source) FROM (SELECT DISTINCT e.source FROM dataplat.data_loss_event AS e) AS e}),
	'again,fewer', 'only what was lost is called lost');

$node->stop;
done_testing();
