# Confluent's Python client for one TAP test: what it does as a registry's
# client, and what its messages become in bronze.
#
#	use DataplatClients;
#	python_client();                         # skips the test where there is none
#	python_registers($node, $broker);        # topics py-avro, py-json, py-protobuf
package DataplatClients;

use strict;
use warnings;

use DataplatCluster;
use DataplatWeb;
use Exporter 'import';
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(python_client python_registers);

my $python = '';

# The client comes from a package index; a machine without one skips.
sub python_client
{
	my $why = '';

	plan skip_all => "no Python client: $why"
	  unless IPC::Run::run([ source_dir() . '/test/clients/python.sh' ], '>', \$python, '2>', \$why);
	chomp $python;
	return;
}

# A role with the rights that docs/web.md names, and no more, registers and
# sends; sources read what it sent into typed columns.
sub python_registers
{
	my ($node, $broker) = @_;
	my ($out, $why) = ('', '');

	$node->safe_psql('postgres', q{
		CREATE ROLE producer LOGIN PASSWORD 'a:b c';
		GRANT USAGE ON SCHEMA dataplat TO producer;
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
	my $ok = IPC::Run::run([ $python, source_dir() . '/test/clients/registry.py', "http://127.0.0.1:$port", 'producer:a:b c', $broker, 'py' ],
		'>', \$out, '2>', \$why, IPC::Run::timeout(600));
	pass($1) while $out =~ /^ok - (.+)$/mg;
	ok($ok, 'the client got what it expects') or diag($why);

	$node->safe_psql('postgres', "CREATE SERVER k FOREIGN DATA WRAPPER dataplat_kafka OPTIONS (\"bootstrap.servers\" '$broker')");
	foreach my $kind ('avro', 'json', 'protobuf')
	{
		$node->safe_psql('postgres', "SELECT dataplat.create_source('py_$kind', server => 'k', topic => 'py-$kind', format => '$kind', layout => 'columns', value_subject => 'py-$kind-value')");
		wait_until($node, "SELECT count(*) = 100 FROM bronze.py_$kind", "$kind: 100 rows in bronze");
		is($node->safe_psql('postgres', "SELECT min(id), max(id), count(DISTINCT id), count(DISTINCT _schema_id), max(note) FILTER (WHERE id = 42) FROM bronze.py_$kind"),
			'0|99|100|1|nº 42', "$kind: with their values, and the schema's id");
	}
	is($node->safe_psql('postgres', 'SELECT count(*) FROM dataplat.dead_letter'), '0', 'and no dead letter');
	unlike(slurp_file($node->logfile), qr/HTTP request failed/, 'no request failed inside');
	return;
}

1;
