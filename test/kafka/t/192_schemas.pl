# Avro on a real broker: two workers, a schema that changes in mid-stream, one
# that comes late while others go on, and workers that are killed meanwhile.
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use DataplatKafka;
use Test::More;

my $kafka = DataplatKafka->new;
my $node = dataplat_node('main', conf => ingest_conf("dataplat.restart_backoff_max = '1s'\ndataplat.schema_wait = 3600\n"));
my @fields = ('{"name":"id","type":"int"}', '{"name":"note","type":["null","string"],"default":null}', '{"name":"size","type":"long","default":0}');

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub schema { return '{"type":"record","name":"R","fields":[' . join(',', @fields[0 .. $_[0]]) . ']}' }
sub register { return sql("SELECT dataplat.register_schema('rows-value', '" . schema($_[0]) . "')") }

# Rows from .. to, over all partitions, written with a schema that has so many more fields.
sub send_rows
{
	my ($id, $more, $from, $to) = @_;
	my $data = q{jsonb_build_object('id', i, 'note', 'n' || i, 'size', i * 10)};
	$data .= q{ - '{note,size}'::text[]} if $more == 0;
	$data .= q{ - 'size'} if $more == 1;
	sql("SELECT count(*) FROM (SELECT i % 4 AS part, array_agg(dataplat.wire_encode(dataplat.avro_encode($data, '"
		  . schema($more) . "'), $id) ORDER BY i) AS v FROM generate_series($from, $to) AS i GROUP BY 1) AS p, LATERAL dataplat.produce_many('k', 'rows', p.v, partition => p.part)");
	return;
}

make_server($node, 'k', $kafka->bootstrap);
$kafka->create_topic('rows', 4);
my $first = register(0);
sql(q{SELECT dataplat.create_source('rows', 'k', 'rows', format => 'avro', layout => 'columns', schema_evolution => 'add_columns', workers => 2, batch_rows => 200)});
send_rows($first, 0, 1, 4000);
my $second = register(1);
send_rows($second, 1, 4001, 8000);
my $late = $second + 1;
send_rows($late, 2, 8001, 8001);
send_rows($second, 1, 8002, 12000);
wait_until($node, 'SELECT count(*) > 2000 FROM bronze.rows', 'rows arrive');
kill_backend($node, 'dataplat ingest worker');
wait_until($node, 'SELECT count(*) FROM bronze.rows WHERE _partition <> 8001 % 4', 'the other partitions go on while one waits for a schema', expected => '9000');
is(register(2), $late, 'it is registered');
is(sql("SELECT dataplat.wait_for_source('rows', '120 s')"), 't', 'all is there');
is(sql('SELECT count(*), count(DISTINCT id), min(id), max(id) FROM bronze.rows'), '12000|12000|1|12000', 'each row once');
is(sql("SELECT count(*) FILTER (WHERE id > 4000 AND note = 'n' || id), count(*) FILTER (WHERE note IS NULL), count(*) FILTER (WHERE size = id * 10) FROM bronze.rows"),
	'8000|4000|1', 'new fields have columns');
is(sql('SELECT bool_and(_offset = o) FROM (SELECT _offset, row_number() OVER (PARTITION BY _partition ORDER BY id) - 1 AS o FROM bronze.rows) AS r'), 't', 'in the order of the topic');
is(sql('SELECT sum(rows) = 12000 AND sum(gaps) = 0 AND sum(dead_letters) = 0 FROM dataplat.batch'), 't', 'and the ledger says so');

$node->stop;
done_testing();
