# Whatever people do to the target, the database and the offsets while rows
# come in: the source waits or says why it cannot, and no row is lost.
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = mock_broker('orders:2', 'other:1', 'seek:1');
my $node = dataplat_node('main', conf => ingest_conf("dataplat.lock_timeout = '200ms'\ndataplat.databases = '*'\ndataplat.restart_backoff_max = '300ms'\n"));
my $n = 0;

sub sql { return $node->safe_psql('postgres', @_); }

# Another hundred messages, with numbers of their own.
sub more
{
	my ($topic) = @_;
	produce_lines($mock->{bootstrap}, $topic, 0, map { qq({"n": $_}) } $n .. $n + 99);
	$n += 100;
	return;
}

sub all_there
{
	my ($label, $table) = @_;
	$table //= 'bronze.orders';
	return wait_until($node, "SELECT count(*) || ' ' || count(DISTINCT (value ->> 'n')) FROM $table", $label, expected => "$n $n")
	  || diag(sql('SELECT * FROM dataplat.source_status'));
}

load_injection($node);
make_server($node, 'k', $mock->{bootstrap});
# Time-outs that a role brings along do not hold for the workers.
sql(q{ALTER ROLE CURRENT_USER SET statement_timeout = '1ms'; ALTER ROLE CURRENT_USER SET idle_in_transaction_session_timeout = '1ms';
	ALTER ROLE CURRENT_USER SET lock_timeout = '1ms'});
$ENV{PGOPTIONS} = '-c statement_timeout=0 -c idle_in_transaction_session_timeout=0 -c lock_timeout=0';
sql(q{SELECT dataplat.create_source('orders', 'k', 'orders')});
more('orders');
all_there('rows come in with the shortest time-outs');

# Nothing is held open by a source that waits.
wait_until($node, q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type LIKE 'dataplat ingest%' AND xact_start IS NULL AND backend_xmin IS NULL},
	'no transaction is open while it waits');

# Somebody locks the table.
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE bronze.orders IN ACCESS EXCLUSIVE MODE');
more('orders');
source_is($node, 'orders', 'blocked_lock', 'a locked target is told');
$locker->query_safe('COMMIT');
all_there('after the lock');

# The server is altered under the worker: it follows, to where nobody listens and back.
sql(q{ALTER SERVER k OPTIONS (SET "bootstrap.servers" '127.0.0.1:1')});
more('orders');
source_is($node, 'orders', 'retrying', 'an altered server is used by a worker that runs');
sql(qq{ALTER SERVER k OPTIONS (SET "bootstrap.servers" '$mock->{bootstrap}')});
all_there('and the one that it is altered to next');

# Rights are taken from the owner under the worker.
sql(q{CREATE ROLE etl; GRANT USAGE ON FOREIGN SERVER k TO etl; GRANT INSERT ON bronze.orders TO etl; GRANT USAGE ON SCHEMA bronze TO etl});
sql(q{UPDATE dataplat.source SET owner = 'etl' WHERE name = 'orders'; SELECT dataplat.pause_source('orders'), dataplat.resume_source('orders')});
more('orders');
all_there('with another owner');
sql('REVOKE USAGE ON FOREIGN SERVER k FROM etl');
source_is($node, 'orders', 'retrying', 'a right on the server that is taken away counts at once');
more('orders');
sql('GRANT USAGE ON FOREIGN SERVER k TO etl');
all_there('after the right is back');
sql('REVOKE INSERT ON bronze.orders FROM etl');
more('orders');
wait_until($node, q{SELECT state IN ('failed', 'retrying') FROM dataplat.source_status}, 'and a right on the table');
sql(q{GRANT INSERT ON bronze.orders TO etl; SELECT dataplat.resume_source('orders')});
all_there('after that one is back, too');
sql(q{UPDATE dataplat.source SET owner = CURRENT_USER WHERE name = 'orders'; SELECT dataplat.pause_source('orders'), dataplat.resume_source('orders')});

# The settings are read again in the middle of it.
more('orders');
sql(q{ALTER SYSTEM SET dataplat.batch_max_rows = 10});
$node->reload;
more('orders');
all_there('after a reload');

# The disk is full for a while.
inject($node, 'k5', 'enospc', count => 3);
more('orders');
all_there('after a full disk');
is(sql(q{SELECT count(*) FROM dataplat.dead_letter}), '0', 'which is nobody\'s dead letter');

# An error at every point of the batch.
for my $point (map { "k$_" } 1 .. 12)
{
	inject($node, $point, 'error');
	more('orders');
	all_there("after an error at $point");
}

# The worker is cancelled and terminated.
sql(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type LIKE 'dataplat ingest%'});
more('orders');
all_there('after a cancel');
sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type LIKE 'dataplat ingest%'});
more('orders');
all_there('after a termination');

# A column that the source fills is dropped, then put back.
sql('ALTER TABLE bronze.orders DROP COLUMN _partition');
more('orders');
wait_until($node, q{SELECT state IN ('failed', 'retrying') FROM dataplat.source_status}, 'a dropped column is told');
sql('ALTER TABLE bronze.orders ADD COLUMN _partition int');
sql(q{SELECT dataplat.resume_source('orders')});
all_there('after the column is back');

# The target is renamed, and back: a worker that starts meanwhile finds nothing.
sql('ALTER TABLE bronze.orders RENAME TO elsewhere');
sql(q{SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE backend_type LIKE 'dataplat ingest%'});
more('orders');
wait_until($node, q{SELECT state IN ('failed', 'retrying') FROM dataplat.source_status}, 'a missing target is told');
sql('ALTER TABLE bronze.elsewhere RENAME TO orders');
sql(q{SELECT dataplat.resume_source('orders')});
all_there('after the table is back');

# Somebody moves the offsets under the worker: it is fenced off in mid-batch.
inject($node, 'k6', 'sleep', count => 300);
more('orders');
$node->psql('postgres', q{UPDATE dataplat_internal.source_offset SET owner_epoch = nextval('dataplat_internal.owner_epoch_seq')});
all_there('after another session took the offsets');
is(sql(q{SELECT count(*) FROM (SELECT b.from_offset, lag(b.to_offset) OVER (PARTITION BY b.partition ORDER BY b.to_offset, b.from_offset) AS before
	FROM dataplat.batch AS b WHERE b.source = 'orders') AS s WHERE s.before <> s.from_offset}), '0', 'the ledger has no overlap');

# A seek under load: what the worker had in hand is thrown away.
sql(q{SELECT dataplat.create_source('seek', 'k', 'seek')});
produce_lines($mock->{bootstrap}, 'seek', 0, map { qq({"n": $_}) } 0 .. 99);
wait_until($node, 'SELECT count(*) = 100 FROM bronze.seek', 'seek: read');
is(sql(q{SELECT from_offset, to_offset FROM dataplat.seek_source('seek', '{"0": 60}')}), '100|60', 'seek: back to 60');
wait_until($node, 'SELECT count(*) || \' \' || count(DISTINCT _offset) FROM bronze.seek', 'seek: forty are read again', expected => '140 100');
is(sql(q{SELECT rows, generation, next_offset - first_offset FROM dataplat_internal.source_offset WHERE source = 'seek'}), '40|2|40', 'seek: as a new generation');

# A table of somebody's, partitioned in another way: a partition that it lacks is told and waited for.
sql(q{CREATE TABLE bronze.listed (_partition int, _offset bigint, value jsonb) PARTITION BY LIST (_partition);
	SELECT dataplat.create_source('listed', 'k', 'seek', target => 'bronze.listed')});
source_is($node, 'listed', 'retrying', 'a partition that is not there is told');
is(sql(q{SELECT reason FROM dataplat.source_status WHERE source = 'listed'}), 'table "bronze.listed" has no partition for these rows', 'with the reason');
sql('CREATE TABLE bronze.listed_0 PARTITION OF bronze.listed FOR VALUES IN (0)');
wait_until($node, 'SELECT count(*) FROM bronze.listed', 'and its rows come when it is', expected => '100');
sql(q{SELECT dataplat.drop_source('listed')});

# Databases and the extension itself can be dropped while rows come in.
sql('CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION dataplat');
make_server($node, 'k', $mock->{bootstrap}, db => 'other');
$node->safe_psql('other', q{SELECT dataplat.create_source('other', 'k', 'other')});
my $load = start_filling($mock->{bootstrap}, 'other', partitions => 1, records => 6000, rate => 1500, mock => 1);
wait_until($node, 'SELECT count(*) > 0 FROM bronze.other', 'another database reads', db => 'other');
$node->safe_psql('other', 'DROP EXTENSION dataplat CASCADE');
wait_until($node, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'other' AND backend_type LIKE 'dataplat ingest%'}, 'DROP EXTENSION under load');
$node->safe_psql('other', 'DROP TABLE bronze.other');
$node->safe_psql('other', 'CREATE EXTENSION dataplat');
make_server($node, 'k', $mock->{bootstrap}, db => 'other');
$node->safe_psql('other', q{SELECT dataplat.create_source('other', 'k', 'other')});
wait_until($node, 'SELECT count(*) > 0 FROM bronze.other', 'made again, it reads', db => 'other');
my $dropped = $node->psql('postgres', 'DROP DATABASE other');
is($dropped, 0, 'DROP DATABASE under load');
finish_filling($load);
all_there('and the first database is as it was');

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|signal (?:6|11)/, 'nothing crashed');
$node->stop;
done_testing();
