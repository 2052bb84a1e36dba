# The registry goes away in the middle of a stream: what needs no new schema
# goes on, through a restart too; what does need one waits, is not called
# bad, and comes in its order when the registry is back.  One that comes back
# with other schemas under the same ids is not believed.
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use StubRegistry;
use Test::More;

my $record = '{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}%s]}';
my $first = sprintf $record, '';
my $second = sprintf $record, ',{"name":"note","type":"string","default":""}';
my $stub = StubRegistry->new;
my $mock = mock_broker('orders:2');
my $node = dataplat_node('outage', conf => ingest_conf("dataplat.schema_wait = '1s'\nmax_worker_processes = 16\n"));
my @sent = (0, 0);

$stub->schema(1, $first, subject => 'orders-value');
make_server($node, 'k', $mock->{bootstrap});
$node->safe_psql('postgres', q{CREATE SERVER reg FOREIGN DATA WRAPPER dataplat_registry OPTIONS (url '} . $stub->url . q{', timeout_ms '2000')});

# Send messages with a schema's id to a partition.
sub produce
{
	my ($partition, $id, $n) = @_;
	my $schema = $id == 1 ? $first : $second;
	my $from = $sent[$partition] + 1;

	$sent[$partition] += $n;
	$node->safe_psql('postgres', qq{
		SELECT count(*) FROM (SELECT array_agg(dataplat.wire_encode(dataplat.avro_encode(
			jsonb_build_object('id', i) || CASE WHEN $id = 1 THEN '{}' ELSE '{"note": "n"}'::jsonb END, '$schema'), $id) ORDER BY i) AS m
			FROM generate_series($from, $sent[$partition]) AS i) AS x, dataplat.produce_many('k', 'orders', x.m, partition => $partition)});
	return;
}

sub stored
{
	my ($label, @expected) = @_;
	return wait_until($node, q{SELECT string_agg(n::text, ' ' ORDER BY p) FROM (SELECT p, (SELECT count(DISTINCT (value ->> 'id')::int) FROM bronze.orders
		WHERE _partition = p) AS n FROM generate_series(0, 1) AS p) AS x}, $label, expected => join(' ', @expected));
}

produce(0, 1, 100);
produce(1, 1, 100);
$node->safe_psql('postgres', q{SELECT dataplat.create_source('orders', 'k', 'orders', format => 'avro', registry => 'reg')});
stored('messages are read by the schemas of the registry', 100, 100);
is($node->safe_psql('postgres', q{SELECT reachable, cached_schemas FROM dataplat.registry_status}), 't|1', 'which is kept');
is(scalar($stub->requests('/schemas/ids/1')), 1, 'it was asked once for 200 messages');

# Gone.  What was seen goes on, also when the server starts anew.
$stub->stop;
produce(0, 1, 50);
stored('messages with a schema that was seen go on in the outage', 150, 100);
$node->restart('immediate');
produce(1, 1, 50);
stored('after a crash of the server too', 150, 150);

# A new id: its partition waits, the other one does not.
produce(0, 2, 10);
produce(0, 1, 10);
produce(1, 1, 10);
stored('a new id stops its partition only', 150, 160);
wait_until($node, q{SELECT reachable = false AND since < now() - interval '4 seconds' FROM dataplat.registry_status}, 'the outage lasts longer than an unknown id may wait');
like($node->safe_psql('postgres', q{SELECT problem || ': ' || cause FROM dataplat.health WHERE object = 'registry reg'}),
	qr/^not reachable: .*127\.0\.0\.1/, 'health tells of it');
wait_until($node, q{SELECT reason LIKE '%registry "reg" does not answer%' FROM dataplat.source_status}, 'the source says what it waits for');
is($node->safe_psql('postgres', 'SELECT count(*) FROM dataplat.dead_letter'), '0', 'nothing is called bad');
stored('and nothing is lost or skipped meanwhile', 150, 160);

# Back, first confused, then well.
$stub->schema(2, $second, subject => 'orders-value');
$stub->behave(mode => 'html');
$stub->start;
wait_until($node, q{SELECT last_error LIKE '%status 404 without a registry%' FROM dataplat.registry_status}, 'a proxy that knows nothing is an outage, too');
is($node->safe_psql('postgres', 'SELECT count(*) FROM dataplat.dead_letter'), '0', 'and says nothing about the messages');
$stub->behave(mode => 'ok');
stored('all is there when it answers', 170, 160);
is($node->safe_psql('postgres', q{SELECT count(*) = count(DISTINCT _offset) AND bool_and((value ->> 'id')::int = _offset + 1) FROM bronze.orders WHERE _partition = 0}),
	't', 'once each');
wait_until($node, q{SELECT count(*) = 0 FROM dataplat.health WHERE object = 'registry reg'}, 'health is content');

# An id that the registry does not have: asked for now and then, not per message.
my $before = $stub->requests('/schemas/ids/3');
$sent[1] += 200;
$node->safe_psql('postgres', q{SELECT count(*) FROM (SELECT array_agg(dataplat.wire_encode('\x02', 3)) AS m FROM generate_series(1, 200)) AS x,
	dataplat.produce_many('k', 'orders', x.m, partition => 1)});
wait_until($node, q{SELECT count(*) = 200 AND bool_and(schema_id = 3) FROM dataplat.dead_letter}, 'messages of an unknown id become dead letters after the wait');
cmp_ok($stub->requests('/schemas/ids/3') - $before, '<', 20, 'with few requests for 200 messages');
is($node->safe_psql('postgres', q{SELECT missing FROM dataplat.registry_status}), '{3}', 'registry_status names the id');
$stub->schema(3, $first, subject => 'orders-value');
is($node->safe_psql('postgres', q{SELECT retried, still_failing FROM dataplat.retry_dead_letters('orders')}), '200|0', 'registered late, they can be read after all');

# Restored from an old backup: ids mean something else now.  A worker that
# runs notices when the registry is back, one that starts before it reads.
$stub->stop;
produce(1, 2, 1);
$sent[1]++;
$node->safe_psql('postgres', q{SELECT FROM dataplat.produce('k', 'orders', dataplat.wire_encode('\x02', 4), partition => 1)});
wait_until($node, q{SELECT NOT reachable FROM dataplat.registry_status}, 'gone once more');
$stub->schema(1, $second, subject => 'orders-value');
$stub->start;
wait_until($node, q{SELECT changed = '{1}' FROM dataplat.registry_status}, 'an id that stands for something else is noticed');
is($node->safe_psql('postgres', q{SELECT string_agg(severity || ' ' || problem, ', ' ORDER BY severity) FROM dataplat.health WHERE object = 'registry reg' AND severity = 'error'}),
	'error schema ids have changed', 'health calls it an error');
produce(0, 1, 5);
wait_until($node, q{SELECT reason LIKE '%has another schema for "1" than before%' FROM dataplat.source_status}, 'the source says that it waits');
$node->restart;
wait_until($node, q{SELECT reason LIKE '%has another schema for "1" than before%' FROM dataplat.source_status}, 'after a restart too');
is($node->safe_psql('postgres', q{SELECT count(DISTINCT (value ->> 'id')::int) FROM bronze.orders WHERE _partition = 0}), '170', 'nothing is read with a schema that may be wrong');
$stub->schema(1, $first, subject => 'orders-value');
wait_until($node, q{SELECT count(DISTINCT (value ->> 'id')::int) = 175 FROM bronze.orders WHERE _partition = 0}, 'when the registry is mended the source goes on by itself');
is($node->safe_psql('postgres', q{SELECT changed FROM dataplat.registry_status}), '{}', 'and the change is forgotten');

$node->stop;
done_testing();
