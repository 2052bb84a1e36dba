# Transactions and gaps, offset by offset: aborted messages are never stored,
# whatever holds no message is counted, and an open transaction is shown.
use strict;
use warnings;

use DataplatBroker;
use DataplatCluster;
use DataplatIngest;
use Test::More;

my $broker = fake_broker();
my $node = dataplat_node('main', conf => ingest_conf("dataplat.metadata_interval = 1\n"));

# 0-2 plain, 3-5 aborted, 6-7 of another producer, 8 plain, 9 marker of the
# abort, 10 marker of the commit, 11-12 with gaps after each, 17-19 aborted, 20 marker.
$broker->tell('topic', topic => 'orders');
$broker->tell('append', topic => 'orders', count => 3);
$broker->tell('append', topic => 'orders', count => 3, pid => 7, of => 'aborted');
$broker->tell('append', topic => 'orders', count => 2, pid => 8);
$broker->tell('append', topic => 'orders', count => 1);
$broker->tell('end_transaction', topic => 'orders', pid => 7, commit => JSON::PP::false);
$broker->tell('end_transaction', topic => 'orders', pid => 8, commit => JSON::PP::true);
$broker->tell('append', topic => 'orders', count => 2, deltas => [ 0, 3 ], last_delta => 5);
$broker->tell('append', topic => 'orders', count => 3, pid => 7, of => 'aborted');
$broker->tell('end_transaction', topic => 'orders', pid => 7, commit => JSON::PP::false);
fake_source($node, $broker, 'orders');
accounts_for($node, 'orders', '0-2,6-8,11,14', 21, 'aborted messages and gaps');

# Compaction ahead of us: offsets without messages, and whole batches gone.
$node->safe_psql('postgres', q{SELECT dataplat.pause_source('orders')});
source_is($node, 'orders', 'paused', undef);
$broker->tell('append', topic => 'orders', count => 40, batch => 10);
$broker->tell('drop', topic => 'orders', offsets => [ 21, 23, 31 .. 50, 60 ]);
$node->safe_psql('postgres', q{SELECT dataplat.resume_source('orders')});
accounts_for($node, 'orders', '0-2,6-8,11,14,22,24-30,51-59', 61, 'a compacted log');

# A transaction that does not end.  61-62 are its own, 63-66 wait behind it.
$broker->tell('append', topic => 'orders', count => 2, pid => 9, of => 'open');
$broker->tell('append', topic => 'orders', count => 4);
source_is($node, 'orders', 'waiting_lso', 'an open transaction: waiting_lso');
is($node->safe_psql('postgres', q{
	SELECT s.next_offset, s.last_stable_offset, s.high_watermark, s.lag
	  FROM dataplat.source_partition_status AS s WHERE s.source = 'orders'}), '61|61|67|0', 'both ends are shown, and the lag counts to the near one');
is($node->safe_psql('postgres', 'SELECT max(_offset) FROM bronze.orders'), '59', 'nothing of it is stored');
$broker->tell('end_transaction', topic => 'orders', pid => 9, commit => JSON::PP::true);
accounts_for($node, 'orders', '0-2,6-8,11,14,22,24-30,51-59,61-66', 68, 'committed');
source_is($node, 'orders', 'running', 'and running again');

is($node->safe_psql('postgres', q{SELECT count(*) FROM bronze.orders WHERE value ->> 'of' = 'aborted'}), '0', 'no aborted message was ever stored');
is($node->safe_psql('postgres', 'SELECT count(*) FROM dataplat.data_loss_event'), '0', 'no gap was taken for a loss');

$node->stop;
done_testing();
