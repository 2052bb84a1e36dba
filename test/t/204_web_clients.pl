# Confluent's Python client, unchanged, with the HTTP worker as its registry:
# Avro, JSON Schema and Protobuf, alone and through a broker into bronze.
use strict;
use warnings;

use DataplatCluster;
use DataplatWeb;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $src = source_dir();
my ($python, $why) = ('', '');

# The client comes from a package index; a machine without one skips.
plan skip_all => "no Python client: $why"
  unless IPC::Run::run(["$src/test/clients/python.sh"], '>', \$python, '2>', \$why);
chomp $python;

my $node = dataplat_node('main', conf => "dataplat.allowed_hosts = 'localhost, 127.0.0.1'");
$node->safe_psql('postgres', q{
	CREATE ROLE producer LOGIN PASSWORD 'a:b c';
	GRANT USAGE ON SCHEMA dataplat TO producer;
});
# The rights that docs/web.md names, and no more.
$node->safe_psql('postgres', q{
	DO $$
	DECLARE f regprocedure;
	BEGIN
		FOR f IN SELECT p.oid FROM pg_proc AS p
				  WHERE p.pronamespace = 'dataplat'::regnamespace
					AND p.proname IN ('schema_subjects', 'schema_versions', 'schema_by_id', 'schema_by_guid', 'lookup_schema', 'register_schema',
						'check_compatibility', 'delete_schema_version', 'delete_subject', 'get_compatibility', 'get_schema_mode', 'set_compatibility', 'set_schema_mode')
		LOOP
			EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO producer', f);
		END LOOP;
	END
	$$;
});
my $port = web_start($node);
my $broker = $node->safe_psql('postgres', q{SELECT dataplat.start_dev_broker('{"py-avro": 1, "py-json": 1, "py-protobuf": 1}')});

my $out = '';
my $ok = IPC::Run::run([ $python, "$src/test/clients/registry.py", "http://127.0.0.1:$port", 'producer:a:b c', $broker, 'py' ],
	'>', \$out, '2>', \$why, IPC::Run::timeout(600));
pass($1) while $out =~ /^ok - (.+)$/mg;
ok($ok, 'the client got what it expects') or diag($why);

# The messages that the client wrote become bronze columns, typed by the schemas that it registered.
$node->safe_psql('postgres', "CREATE SERVER k FOREIGN DATA WRAPPER dataplat_kafka OPTIONS (\"bootstrap.servers\" '$broker')");
foreach my $kind ('avro', 'json', 'protobuf')
{
	$node->safe_psql('postgres', "SELECT dataplat.create_source('py_$kind', server => 'k', topic => 'py-$kind', format => '$kind', layout => 'columns', value_subject => 'py-$kind-value')");
	wait_until($node, "SELECT count(*) = 100 FROM bronze.py_$kind", "$kind: 100 rows in bronze");
	is($node->safe_psql('postgres', "SELECT min(id), max(id), count(DISTINCT id), count(DISTINCT _schema_id), max(note) FILTER (WHERE id = 42) FROM bronze.py_$kind"),
		'0|99|100|1|nº 42', "$kind: with their values, and the schema's id");
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM dataplat.dead_letter'), '0', 'and no dead letter');

# The log has no complaint of the worker.
unlike(slurp_file($node->logfile), qr/HTTP request failed/, 'no request failed inside');
$node->stop;
done_testing();
