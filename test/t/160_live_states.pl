# A source meets what a server's day brings: a locked table, a full disk, a
# broker that goes away, a partition that is gone.  It says so, loses nothing,
# and goes on by itself.  The server decodes its WAL, and sees each row once.
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use Test::More;

my $mock = mock_broker('busy:1', 'slow:1', 'few:1');
my $node = dataplat_node('main', conf => ingest_conf("wal_level = logical\nmax_replication_slots = 4\ndataplat.metadata_interval = 1\n"));
my $sent = 0;

make_server($node, 'k', $mock->{bootstrap});
$node->safe_psql('postgres', q{SELECT dataplat.create_source('busy', 'k', 'busy', target => 'public.busy')});
$node->safe_psql('postgres', q{SELECT pg_create_logical_replication_slot('watch', 'test_decoding')});

sub produce
{
	my ($n, $topic) = @_;
	produce_lines($mock->{bootstrap}, $topic // 'busy', 0, map { '{"id": ' . ++$sent . ', "pad": "' . ('x' x 300) . '"}' } 1 .. $n);
	return;
}

sub all_stored
{
	my ($label) = @_;
	return wait_until($node, 'SELECT count(*) || $$|$$ || count(DISTINCT _offset) FROM busy', $label, expected => "$sent|$sent");
}

sub setting
{
	my ($name, $value) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET $name = $value");
	$node->reload;
	return;
}

# Large batches are decoded like small ones.
produce(3000);
all_stored('a large batch');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_logical_slot_get_changes('watch', NULL, NULL, 'skip-empty-xacts', '1') WHERE data LIKE 'table public.busy%INSERT%'}),
	$sent, 'logical decoding sees every row once');

# Somebody locks the table: the batch is kept.
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE busy IN ACCESS EXCLUSIVE MODE');
produce(10);
source_is($node, 'busy', 'blocked_lock', 'a locked target is told');
$locker->query_safe('COMMIT');
$locker->quit;
all_stored('and the batch is stored when the lock is gone');

# Too little room on the disk: nothing more is fetched.
my ($free) = map { (split)[3] } (split /\n/, qx(df -Pk .))[1];
SKIP:
{
	skip 'the disk has more room than the setting can ask for', 3 if $free > 2000 * 1024 * 1024;
	setting('dataplat.min_free_disk', "'2000 GB'");
	source_is($node, 'busy', 'paused', 'fetching pauses when the disk is nearly full');
	like($node->safe_psql('postgres', q{SELECT reason FROM dataplat.source_status WHERE source = 'busy'}), qr/min_free_disk is \d+ MB/, 'and says which setting wants it');
	produce(10);
	setting('dataplat.min_free_disk', '0');
	all_stored('it goes on when there is room');
}

# The day's partition is gone: it is made again.
$node->safe_psql('postgres', q{DO $$
DECLARE
	leaf regclass;
BEGIN
	FOR leaf IN SELECT i.inhrelid FROM pg_inherits AS i WHERE i.inhparent = 'busy'::regclass LOOP
		EXECUTE format('DROP TABLE %s', leaf);
	END LOOP;
END $$});
produce(5);
wait_until($node, 'SELECT count(*) FROM busy', 'a missing partition is made', expected => 5);

# The broker goes and comes back.
mock_command($mock, 'down 1');
source_is($node, 'busy', 'retrying', 'a broker that is away is told');
mock_command($mock, 'up 1');
produce(5);
wait_until($node, 'SELECT count(*) FROM busy', 'and read again when it is back', expected => 10);
wait_until($node, q{SELECT s.state IN ('running', 'idle') FROM dataplat.source_status AS s WHERE s.source = 'busy'}, 'the trouble is over');

# A rate limit holds messages back, and none for good; a topic that is made later is waited for.
produce(60, 'slow');
$node->safe_psql('postgres', q{SELECT dataplat.create_source('slow', 'k', 'slow', rate_limit => 20)});
$node->safe_psql('postgres', q{SELECT dataplat.create_source('late', 'k', '/lat[e]/')});
wait_until($node, q{SELECT count(*) FROM bronze.slow}, 'a slow source gets there', expected => 60);
is($node->safe_psql('postgres', q{SELECT count(*) >= 3 FROM dataplat.batch WHERE source = 'slow'}), 't', 'in several steps');
wait_until($node, q{SELECT s.reason IS NOT NULL FROM dataplat.source_status AS s WHERE s.source = 'late'}, 'a topic that is not there is told');
mock_command($mock, 'topic late 1');
produce_lines($mock->{bootstrap}, 'late', 0, '{"id": 1}');
wait_until($node, q{SELECT count(*) FROM bronze.late}, 'and read when it is made', expected => 1);

# An absolute number of errors ends the reading.
produce_lines($mock->{bootstrap}, 'few', 0, '{"id": 1}', 'bad', 'worse');
$node->safe_psql('postgres', q{SELECT dataplat.create_source('few', 'k', 'few', max_errors => 1)});
source_is($node, 'few', 'paused', 'more errors than max_errors pause the source');
is($node->safe_psql('postgres', q{SELECT paused_by, pause_reason LIKE '2 of the last 3 messages failed%' FROM dataplat.source WHERE name = 'few'}), 'error budget|t', 'with the count');

is($node->safe_psql('postgres', q{SELECT count(*) FROM dataplat.batch AS b WHERE b.rows + b.dead_letters + b.filtered + b.quarantined + b.gaps <> b.to_offset - b.from_offset}),
	'0', 'the ledger adds up');

$node->stop;
done_testing();
