# Messages whose schema is not there: their partition waits, the others go on,
# and nothing is lost, whether the registry does not know it or does not answer.
use strict;
use warnings;

use DataplatCluster;
use PostgreSQL::Test::Utils;
use StubRegistry;
use Test::More;

my $stub = StubRegistry->new;
my $node = dataplat_node('main', conf => "dataplat.schema_wait = 3600\n");
my $schema = '{"type":"record","name":"R","fields":[{"name":"id","type":"long"}]}';
my $other = '{"type":"record","name":"R","fields":[{"name":"id","type":"long"},{"name":"more","type":"int","default":1}]}';

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub send_row
{
	my ($topic, $partition, $schema_id, $body) = @_;
	return sql("SELECT message_offset FROM dataplat.produce('k', '$topic', dataplat.wire_encode('\\x$body'::bytea, $schema_id), partition => $partition)");
}

my $bootstrap = sql(q{SELECT dataplat.start_dev_broker('{"own": 2, "far": 2, "gone": 1}')});
sql(qq{CREATE SERVER k FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '$bootstrap')});
sql("CREATE SERVER reg FOREIGN DATA WRAPPER dataplat_registry OPTIONS (url '" . $stub->url . "', timeout_ms '1000')");

# An id that this database's registry does not know yet.
my $known = sql("SELECT dataplat.register_schema('own-value', '$schema')");
my $next = $known + 1;
sql(q{SELECT dataplat.create_source('own', 'k', 'own', format => 'avro')});
send_row('own', 0, $known, '02');
send_row('own', 0, $next, '0402');
send_row('own', 0, $known, '06');
send_row('own', 1, $known, '08');
wait_until($node, 'SELECT string_agg(format(\'%s:%s\', _partition, value -> \'id\'), \' \' ORDER BY _partition, _offset) FROM bronze.own',
	'the other partition goes on', expected => '0:1 1:4');
wait_until($node, "SELECT state || ': ' || reason FROM dataplat.source_status WHERE source = 'own'", 'and the status says what is waited for',
	expected => qq{retrying: partition 0 of topic "own" waits for schema $next});
is(sql("SELECT lag > 0 FROM dataplat.source_status WHERE source = 'own'"), 't', 'what waits is lag');
is(sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'dataplat ingest worker' AND (xact_start IS NOT NULL OR backend_xmin IS NOT NULL)"), '0', 'no transaction is open');
send_row('own', 1, $known, '0a');
wait_until($node, 'SELECT count(*) FROM bronze.own WHERE _partition = 1', 'and on', expected => '2');
is(sql("SELECT dataplat.register_schema('own-value', '$other')"), $next, 'the schema is registered');
is(sql("SELECT dataplat.wait_for_source('own')"), 't', 'the partition goes on');
is(sql('SELECT string_agg((value -> \'id\')::text, \' \' ORDER BY _offset) FROM bronze.own WHERE _partition = 0'), '1 2 3', 'in order');
is(sql('SELECT count(*) FROM dataplat.dead_letter'), '0', 'and nothing went to the dead letters');

# After the limit the messages do, and can be retried.
sql('ALTER SYSTEM SET dataplat.schema_wait = 1');
sql('SELECT pg_reload_conf()');
my $late = $next + 1;
send_row('own', 0, $late, '0e');
send_row('own', 0, $known, '10');
wait_until($node, 'SELECT count(*) FROM bronze.own WHERE _partition = 0', 'past the limit the partition goes on', expected => '4');
is(sql("SELECT stage || ' ' || (schema_id = $late) || ' ' || detail FROM dataplat.dead_letter"),
	'schema true UNKNOWN_SCHEMA_ID: register the schema, then retry_dead_letters().', 'the dead letter names the schema');
sql("SELECT dataplat.register_schema('late-value', '{\"type\":\"record\",\"name\":\"L\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"}]}')");
is(sql("SELECT retried || ' ' || still_failing FROM dataplat.retry_dead_letters('own')"), '1 0', 'it is retried');

# An external registry.  What was seen is read while it is down; what was not, waits, however long.
$stub->schema(11, $schema, subject => 'far-value');
sql(q{SELECT dataplat.create_source('far', 'k', 'far', format => 'avro', registry => 'reg', layout => 'columns', schema_evolution => 'add_columns')});
send_row('far', 0, 11, '02');
is(sql("SELECT dataplat.wait_for_source('far')"), 't', 'schemas come from the registry');
$stub->stop;
$stub->schema(12, $other, subject => 'far-value');
send_row('far', 0, 12, '040c');
send_row('far', 1, 11, '06');
wait_until($node, 'SELECT count(*) FROM bronze.far', 'an outage stops nothing that was seen', expected => '2');
wait_until($node, "SELECT state || ' ' || (reason LIKE 'partition 0 of topic \"far\" waits for schema 12: %') FROM dataplat.source_status WHERE source = 'far'",
	'and the status tells of it', expected => 'retrying true');
$node->restart;
$bootstrap = sql(q{SELECT dataplat.start_dev_broker('{"own": 2, "far": 2, "gone": 1}')});
$stub->start;
pass('the registry is back');
sql(q{SELECT dataplat.drop_source('own', drop_target => true)});

# The embedded broker forgot its messages: what is still to come is sent again, to a new topic.
sql(qq{ALTER SERVER k OPTIONS (SET "bootstrap.servers" '$bootstrap')});
sql(q{SELECT dataplat.create_source('gone', 'k', 'gone', format => 'avro', registry => 'reg', layout => 'columns', schema_evolution => 'add_columns', target => 'bronze.gone', columns => 'id bigint')});
send_row('gone', 0, 11, '02');
send_row('gone', 0, 12, '040c');
is(sql("SELECT dataplat.wait_for_source('gone')"), 't', 'a schema that was asked for in vain is there after a while');
is(sql("SELECT string_agg(format('%s %s', id, more), ', ' ORDER BY _offset) FROM bronze.gone"), '1 , 2 6', 'and its new field has a column');

$node->stop;
done_testing();
