# Sources whose nested fields are columns: workers that die while schemas
# change, for Avro and for Protobuf, and a dump that says the same again.
use strict;
use warnings;

use DataplatCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = dataplat_node('main');

sub sql { return $node->safe_psql('postgres', $_[0]) }

my $bootstrap = sql(q{SELECT dataplat.start_dev_broker('{"a": 1, "p": 1}')});
sql(qq{CREATE SERVER k FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '$bootstrap')});

# Each version has one field more inside of the inner record.
my $versions = 6;
sub avro
{
	my $fields = join ', ', map { qq{{"name": "f$_", "type": ["null", "int"], "default": null}} } 1 .. $_[0];
	return qq{{"type": "record", "name": "R", "fields": [{"name": "id", "type": "int"}, {"name": "outer", "type": {"type": "record", "name": "O", "fields": [{"name": "inner", "type": ["null", {"type": "record", "name": "I", "fields": [$fields]}]}]}}]}};
}
sub proto
{
	my $fields = join ' ', map { "optional int32 f$_ = $_;" } 1 .. $_[0];
	return qq{syntax = "proto3"; message R { int32 id = 1; O outer = 2; message O { I inner = 1; } message I { $fields } }};
}
sub message
{
	my ($id, $version) = @_;
	my $fields = join ', ', map { qq{"f$_": } . $id * 10 } 1 .. $version;
	return qq{{"id": $id, "outer": {"inner": {$fields}}}};
}
sub send_rows
{
	my ($version, $first) = @_;
	my $avro = sql("SELECT dataplat.register_schema('a-value', \$s\$" . avro($version) . '$s$)');
	my $proto = sql("SELECT dataplat.register_schema('p-value', \$s\$" . proto($version) . "\$s\$, 'PROTOBUF')");

	for my $id ($first .. $first + 19)
	{
		my $m = message($id, $version);
		sql("SELECT dataplat.produce('k', 'a', dataplat.wire_encode(dataplat.avro_encode('$m', \$s\$" . avro($version) . "\$s\$), $avro)),
			dataplat.produce('k', 'p', dataplat.wire_encode(dataplat.protobuf_encode('$m', \$s\$" . proto($version) . "\$s\$, 'R'), $proto, '{0}'))");
	}
}

send_rows(1, 1);
sql(qq{SELECT dataplat.create_source('$_->[0]', 'k', '$_->[0]', format => '$_->[1]', layout => 'columns', schema_evolution => 'add_columns', options => '{"nested": "columns"}')})
  for [ 'a', 'avro' ], [ 'p', 'protobuf' ];
foreach my $version (2 .. $versions)
{
	send_rows($version, 20 * $version - 19);
	sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'dataplat ingest worker'");
}
foreach my $source ('a', 'p')
{
	is(sql("SELECT dataplat.wait_for_source('$source', '60 seconds')"), 't', "$source: all is read");
	is(sql("SELECT string_agg(a.attname, ' ' ORDER BY a.attnum) FROM pg_attribute AS a WHERE a.attrelid = 'bronze.$source'::regclass AND a.attnum > 0 AND a.attname !~ '^_'"),
		join(' ', 'id', map { "outer_inner_f$_" } 1 .. $versions), "$source: a column for each nested field");
	my $wrong = join ' OR ', map { "outer_inner_f$_ IS DISTINCT FROM CASE WHEN id > 20 * ($_ - 1) THEN 10 * id END" } 1 .. $versions;
	is(sql("SELECT count(*) || ' ' || count(DISTINCT id) || ' ' || count(*) FILTER (WHERE $wrong) FROM bronze.$source"),
		20 * $versions . ' ' . 20 * $versions . ' 0', "$source: every value in its column, once");
	is(sql("SELECT count(*) FROM dataplat.schema_change WHERE source = '$source' AND state = 'applied'"), $versions - 1, "$source: a change for each version");
	is(sql("SELECT count(*) FROM dataplat.dead_letter WHERE source = '$source'"), '0', "$source: no dead letters");
}

# Dumped and restored, the definitions are the same.
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], 'dump');
sql('CREATE DATABASE again');
$node->command_ok([ 'psql', '-Xq', '-d', $node->connstr('again'), '-f', $dump ], 'restore');
my $definition = q{SELECT string_agg(s.name || s.options || s.columns, E'\n' ORDER BY s.name) FROM dataplat.source AS s};
is($node->safe_psql('again', $definition), sql($definition), 'sources keep the option and the paths');

done_testing();
