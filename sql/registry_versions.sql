-- Ids, versions and GUIDs of what is registered.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
SET client_min_messages = warning;
-- What other tests have registered must not show.
TRUNCATE dataplat_internal.schema_context CASCADE;

-- The same content is one schema, whatever its order and spaces, in whatever subject; a repeated registration makes no version.
SELECT dataplat.register_schema('orders-value', '{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}]}') AS id;
SELECT dataplat.register_schema('orders-value', ' { "name": "Order", "type": "record", "fields": [ {"type": {"type": "long"}, "name": "id"} ] }') AS id;
SELECT dataplat.register_schema('copies-value', '{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}]}') AS id;
-- A doc is a difference.
SELECT dataplat.register_schema('orders-value', '{"type":"record","name":"Order","doc":"one","fields":[{"name":"id","type":"long"}]}') AS id;
SELECT dataplat.register_schema('orders-value', '{"type":"record","name":"Order","fields":[{"name":"id","type":"long"},{"name":"note","type":["null","string"],"default":null}]}') AS id;
-- Going back to an earlier content is not a new version.
SELECT dataplat.register_schema('orders-value', '{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}]}') AS id;
SELECT subject, version, id, guid, schema_type, deleted, context FROM dataplat.registered_schema ORDER BY subject, version;
SELECT array_agg(v) FROM dataplat.schema_versions('orders-value') AS v;
SELECT array_agg(s) FROM dataplat.schema_subjects() AS s;
SELECT array_agg(s) FROM dataplat.schema_subjects('ord') AS s;
SELECT subject, versions, deleted_versions, latest_version, latest_id, schema_type, compatibility_level, mode FROM dataplat.schema_subject ORDER BY subject;

-- By id, by GUID, by content.
SELECT * FROM dataplat.schema_by_id(1);
SELECT id, context, schema_type FROM dataplat.schema_by_guid((SELECT guid FROM dataplat.schema_content WHERE id = 2));
SELECT subject, version, id FROM dataplat.lookup_schema('copies-value', '{"name":"Order","type":"record","fields":[{"name":"id","type":"long"}]}');
SELECT dataplat.schema_by_id(99);
SELECT dataplat.schema_by_guid('00000000-0000-0000-0000-000000000000');
SELECT dataplat.lookup_schema('nowhere', '"int"');
SELECT dataplat.lookup_schema('copies-value', '"int"');
SELECT dataplat.schema_versions('nowhere');

-- With normalize, more is the same: JSON's order of keys.
SELECT dataplat.register_schema('j', '{"type": "object", "title": "T"}', 'json') AS id;
SELECT dataplat.register_schema('j', '{"type":"object","title":"T"}', 'JSON') AS same;
SELECT dataplat.register_schema('j2', '{"title": "T", "type": "object"}', 'JSON') AS other;
SELECT dataplat.register_schema('j3', '{"type": "object", "title": "T"}', 'JSON', normalized => true) = dataplat.register_schema('j4', '{"title": "T", "type": "object"}', 'JSON', normalized => true) AS same;
SELECT dataplat.configure_registry('{"normalize": true}', 'j5');
SELECT dataplat.register_schema('j5', '{"type": "object", "title": "T"}', 'JSON') = dataplat.register_schema('j5', '{"title": "T", "type": "object"}', 'JSON') AS same;

-- Protobuf is printed again: comments and spaces do not matter, the order of fields does. A number may stand twice.
SELECT dataplat.register_schema('pb', 'syntax = "proto3"; message M { int32 a = 1; string b = 2; }', 'PROTOBUF')
     = dataplat.register_schema('pb', E'// one\nsyntax="proto3";\nmessage M {\n\tint32 a=1; /* two */ string b=2;\n}', 'protobuf') AS same,
       dataplat.register_schema('pb', 'syntax = "proto3"; message M { int32 a = 1; string b = 2; }', 'PROTOBUF')
     = dataplat.register_schema('pb2', 'syntax = "proto3"; message M { string b = 2; int32 a = 1; }', 'PROTOBUF') AS ordered,
       dataplat.register_schema('pb3', 'syntax = "proto3"; message M { int32 a = 1; string b = 2; }', 'PROTOBUF', normalized => true)
     = dataplat.register_schema('pb4', 'syntax = "proto3"; message M { string b = 2; int32 a = 1; }', 'PROTOBUF', normalized => true) AS normal;
SELECT dataplat.register_schema('twice', 'syntax = "proto3"; message M { int32 a = 1; string b = 1; }', 'PROTOBUF') > 0 AS taken;

-- What is no schema, no subject, no type, no version.
SELECT dataplat.register_schema('bad', '');
SELECT dataplat.register_schema('bad', NULL);
SELECT dataplat.register_schema('bad', '{"type": "rekord"}');
SELECT dataplat.register_schema('bad', '{"type": "record", "name": "R", "fields": [{"name": "a"');
SELECT dataplat.register_schema('bad', '"int"', 'XML');
SELECT dataplat.register_schema('', '"int"');
SELECT dataplat.register_schema(NULL, '"int"');
SELECT dataplat.register_schema(E'a\nb', '"int"');
SELECT dataplat.register_schema('__GLOBAL', '"int"');
SELECT dataplat.register_schema(':.ctx:', '"int"');
SELECT dataplat.register_schema(repeat('x', 1001), '"int"');
SELECT dataplat.register_schema('big', '{"type":"enum","name":"E","symbols":["A"],"doc":"' || repeat('x', 1100000) || '"}');
SELECT dataplat.register_schema('a/b ü', '"int"') AS id;
SELECT array_agg(v) FROM dataplat.schema_versions('a/b ü') AS v;
SELECT dataplat.validate_schema('"int"'), dataplat.validate_schema('{"type":"object"}', 'json');
SET client_min_messages = notice;
SELECT dataplat.validate_schema('{"type": "nothing"}');
SET client_min_messages = warning;

-- Without a schema, the latest one gets other metadata.
SELECT dataplat.register_schema('copies-value', '', metadata => '{"properties": {"owner": "team a"}}') AS id;
SELECT version, id, metadata, schema FROM dataplat.registered_schema WHERE subject = 'copies-value' ORDER BY version;
ROLLBACK;
