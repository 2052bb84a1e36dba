# Registries of three databases, one after the other over HTTP: what moves in
# and out is the same to the last id, and as often as it is done.
use strict;
use warnings;

use DataplatCluster;
use PostgreSQL::Test::Cluster;
use Test::More;

my $from = PostgreSQL::Test::Cluster::get_free_port();
my $to = PostgreSQL::Test::Cluster::get_free_port();
my $node = dataplat_node('mirror', conf => <<"EOC");
dataplat.web_listen = '127.0.0.1:$from/postgres, 127.0.0.1:$to/third'
max_worker_processes = 24
EOC

$node->safe_psql('postgres', 'CREATE DATABASE second');
$node->safe_psql('postgres', 'CREATE DATABASE third');
$node->safe_psql($_, 'CREATE EXTENSION dataplat') foreach qw(second third);
$node->safe_psql('postgres', q{CREATE ROLE mirror LOGIN PASSWORD 'canary-71d2'; SELECT dataplat.setup_roles(); GRANT dataplat_pipeline_admin TO mirror});
$node->safe_psql($_, 'GRANT USAGE ON SCHEMA dataplat TO mirror; SELECT dataplat.setup_roles()') foreach qw(second third);

# A registry with some history.
$node->safe_psql('postgres', <<'EOQ');
SELECT dataplat.register_schema('money', '{"type":"record","name":"Money","fields":[{"name":"amount","type":"long"}]}');
SELECT dataplat.register_schema('orders-value', '{"type":"record","name":"Order","fields":[{"name":"total","type":"Money"}]}', refs => '[{"name": "Money", "subject": "money", "version": 1}]');
SELECT dataplat.register_schema('a/b ü %', '"string"');
SELECT dataplat.register_schema('same', '"string"');
SELECT dataplat.register_schema('clicks', 'syntax = "proto3"; message Click { string url = 1; }', 'PROTOBUF');
SELECT dataplat.register_schema('form', '{"type": "object"}', 'JSON', metadata => '{"properties": {"owner": "web"}}');
SELECT dataplat.set_compatibility('NONE', 'same');
SELECT dataplat.register_schema('same', '"int"');
SELECT dataplat.register_schema('same', '"long"');
SELECT dataplat.delete_schema_version('same', 2);
SELECT dataplat.set_compatibility('FULL', 'money');
SELECT dataplat.set_compatibility('NONE', 'clicks');
SELECT dataplat.set_schema_mode('READONLY', 'clicks');
SELECT dataplat.set_compatibility('BACKWARD_TRANSITIVE');
SELECT dataplat.configure_registry('{"normalize": true}', 'form');
SELECT dataplat.register_schema(':.staging:orders-value', '"string"');
SELECT dataplat.configure_registry('{"compatibility": "FULL", "normalize": true}', ':.staging:');
EOQ

my $all = q{SELECT v.subject, v.version, v.id, v.deleted, c.guid, c.schema_type, c.refs, c.metadata, dataplat.get_compatibility(v.subject, true), dataplat.get_schema_mode(v.subject, true)
	FROM dataplat.schema_version AS v JOIN dataplat.schema_content AS c USING (context, id) ORDER BY v.subject, v.version};
my $original = $node->safe_psql('postgres', $all);
my $summary = q{SELECT string_agg(result || ' ' || n, ', ' ORDER BY result) FROM (SELECT result, count(*) AS n FROM %s GROUP BY result) AS x};

# In.
wait_until($node, "SELECT count(*) = 2 FROM pg_stat_activity WHERE backend_type = 'dataplat web worker'", 'both answer over HTTP');
$node->safe_psql('second', <<"EOQ");
CREATE SERVER first FOREIGN DATA WRAPPER dataplat_registry OPTIONS (url 'http://127.0.0.1:$from');
CREATE SERVER third FOREIGN DATA WRAPPER dataplat_registry OPTIONS (url 'http://127.0.0.1:$to');
CREATE USER MAPPING FOR PUBLIC SERVER first OPTIONS (username 'mirror', password 'canary-71d2');
CREATE USER MAPPING FOR PUBLIC SERVER third OPTIONS (username 'mirror', password 'canary-71d2');
EOQ
wait_until($node, q{SELECT bool_and(ok) FROM dataplat.test_connection('first')}, 'test_connection passes', db => 'second');
is($node->safe_psql('second', sprintf $summary, q{dataplat.import_registry('first')}), 'taken 16', 'all is taken');
is($node->safe_psql('second', $all), $original, 'and is the same');
is($node->safe_psql('second', sprintf $summary, q{dataplat.import_registry('first')}), 'same 16', 'nothing happens the second time');
is($node->safe_psql('second', q{SELECT answer || ' ' || schema_type FROM dataplat_internal.fetch_schema('first', 2)}), 'found AVRO', 'readers of messages understand it, too');

# Read-only for the move, as it is now to stay there: a level is taken that a read-only subject got, a mode of all is not.
$node->safe_psql('postgres', q{SELECT dataplat.set_schema_mode('READWRITE', 'clicks'), dataplat.set_compatibility('FULL', 'clicks'), dataplat.set_schema_mode('READONLY', 'clicks'),
	dataplat.set_compatibility('FULL', 'form'), dataplat.set_schema_mode('READONLY')});
$node->safe_psql('second', q{SELECT dataplat.set_schema_mode('READWRITE', 'clicks'), dataplat.set_compatibility(NULL, 'clicks'), dataplat.set_schema_mode('READONLY', 'clicks')});
is($node->safe_psql('second', q{SELECT subject, detail FROM dataplat.import_registry('first') WHERE result <> 'same' ORDER BY 1}),
	"clicks|config FULL\nform|config FULL is BACKWARD_TRANSITIVE here", 'from a registry that is read-only');
is($node->safe_psql('second', q{SELECT dataplat.get_schema_mode(NULL, true), dataplat.get_schema_mode('clicks')}), 'READWRITE|READONLY', 'to one that is not');
$node->safe_psql('second', q{SELECT dataplat.configure_registry('{"alias": "money"}', 'cash')});
$original = $node->safe_psql('second', $all);

# Out.
is($node->safe_psql('second', sprintf $summary, q{dataplat.export_registry('third')}), 'taken 16', 'all moves out');
is($node->safe_psql('third', $all), $original, 'and is the same');
is($node->safe_psql('third', q{SELECT dataplat.get_compatibility() || ' ' || normalize FROM dataplat.registry_config WHERE subject = 'form'}), 'BACKWARD_TRANSITIVE true', 'with the level of all, and what else was configured');
is($node->safe_psql('second', sprintf $summary, q{dataplat.export_registry('third')}), 'same 16', 'nothing happens the second time');

is($node->safe_psql('third', q{SELECT string_agg(subject || ' ' || concat_ws(' ', compatibility_level, normalize, alias), ', ' ORDER BY subject) FROM dataplat.registry_config WHERE subject IN (':.staging:', 'cash')}),
	':.staging: FULL t, cash money', 'and of a context, and an alias');

# What differs is told and left alone.
$node->safe_psql('third', q{SELECT dataplat.register_schema('new', '"bytes"')});
$node->safe_psql('second', q{SELECT dataplat.register_schema('new', '"double"')});
is($node->safe_psql('second', q{SELECT result FROM dataplat.export_registry('third', 'new')}), 'conflict', 'an id that is taken there is a conflict');
is($node->safe_psql('third', q{SELECT schema FROM dataplat.registered_schema WHERE subject = 'new'}), '"bytes"', 'and nothing is overwritten');
is($node->safe_psql('third', q{SELECT dataplat.get_schema_mode('new', true)}), 'READWRITE', 'nor left in import mode');

$node->stop;
done_testing();
