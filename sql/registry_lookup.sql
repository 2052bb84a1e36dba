-- A schema is found in its subject however it is sent, and shown in the form that is asked for.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
SET client_min_messages = warning;
-- What other tests have registered must not show.
TRUNCATE dataplat_internal.schema_context CASCADE;

SELECT dataplat.register_schema('currency', '{"type":"enum","name":"Currency","namespace":"shop","symbols":["EUR","USD"]}') AS currency,
       dataplat.register_schema('money', '{"type":"record","name":"Money","namespace":"shop","doc":"an amount","fields":[{"name":"amount","type":"long"},{"name":"currency","type":"Currency"}]}',
                                refs => '[{"name":"shop.Currency","subject":"currency","version":1}]') AS money,
       dataplat.register_schema('invoice', '{"type":"record","name":"Invoice","namespace":"shop.bills","fields":[{"name":"net","type":"shop.Money"},{"name":"tax","type":["null","shop.Money"],"default":null}]}',
                                refs => '[{"name":"shop.Money","subject":"money","version":1}]') AS invoice;

-- Written out: each type where it is first named, in the namespace that is its own.
CREATE TEMP TABLE written AS
SELECT dataplat_internal.registry_rest(NULL, 'id_schema', '{"id": 3, "format": "resolved"}') #>> '{}' AS text;
SELECT text FROM written;
SELECT dataplat.avro_canonical(text) = dataplat.avro_canonical(x.resolved) AS "needs no references"
  FROM written, dataplat_internal.registry_rest(NULL, 'version', '{"subject": "invoice", "version": "latest", "format": "resolved"}') AS v, LATERAL (SELECT v ->> 'schema') AS x (resolved);
-- The same everywhere that a schema is shown; references and GUID stay.
SELECT o.operation, answer ->> 'schema' = text AS resolved, answer -> 'references' AS refs
  FROM written, (VALUES ('id', '{"id": 3}'), ('version', '{"subject": "invoice", "version": 1}'),
                        ('guid', format('{"guid": "%s"}', (SELECT guid FROM dataplat.schema_by_id(3)))),
                        ('lookup', '{"subject": "invoice", "body": {"schema": "{\"type\":\"record\",\"name\":\"Invoice\",\"namespace\":\"shop.bills\",\"fields\":[{\"name\":\"net\",\"type\":\"shop.Money\"},{\"name\":\"tax\",\"type\":[\"null\",\"shop.Money\"],\"default\":null}]}", "references": [{"name": "shop.Money", "subject": "money", "version": -1}]}}')
                ) AS o (operation, a), dataplat_internal.registry_rest(NULL, o.operation, o.a::jsonb || '{"format": "resolved"}') AS answer
 ORDER BY 1;
-- A form that nobody knows, or that another language has, is none.
SELECT f AS format, dataplat_internal.registry_rest(NULL, 'id_schema', jsonb_build_object('id', 2, 'format', f)) #>> '{}' = (dataplat.schema_by_id(2)).schema AS "as it is"
  FROM unnest(ARRAY['', 'serialized', 'nonsense', NULL]) WITH ORDINALITY AS x (f, n) ORDER BY n;

-- Who sends it so means what is registered: no other id, no other version.
SELECT subject, version, id, refs FROM written, dataplat.lookup_schema('invoice', text);
SELECT dataplat.register_schema('invoice', text) AS id FROM written;
SELECT dataplat.register_schema('invoice', replace(text, ',', ' , ')) AS id FROM written;
SELECT array_agg(v) AS versions FROM dataplat.schema_versions('invoice') AS v;
-- It is compared as it is printed: a doc is a difference, and so is another type.
SELECT dataplat.lookup_schema('invoice', replace(text, 'an amount', 'some amount')) FROM written;
SELECT dataplat.lookup_schema('invoice', replace(text, '"USD"', '"GBP"')) FROM written;
-- In a subject where it is not, it is a schema by itself.
SELECT dataplat.lookup_schema('money', text) FROM written;
SELECT dataplat.register_schema('whole', text) AS id FROM written;
SELECT refs FROM dataplat.schema_by_id(4);
-- The normal form of it is found, too.
SELECT version FROM written, dataplat.lookup_schema('invoice', text, normalized => true);
-- With metadata it is the latest one only with the same, or with none, which is inherited.
SELECT dataplat.register_schema('invoice', (dataplat.schema_by_id(3)).schema, refs => '[{"name":"shop.Money","subject":"money","version":1}]', metadata => '{"properties": {"owner": "ann"}}') AS id;
SELECT version FROM written, dataplat.lookup_schema('invoice', text, metadata => '{"properties": {"owner": "ann"}}');
SELECT dataplat.lookup_schema('invoice', text, metadata => '{"properties": {"owner": "bob"}}') FROM written;

-- What was deleted is found when it is asked for, with the references that were deleted after it.
SELECT dataplat.delete_subject('invoice'), dataplat.delete_subject('money');
SELECT dataplat.lookup_schema('invoice', text) FROM written;
SELECT version FROM written, dataplat.lookup_schema('invoice', text, deleted => true);
SELECT version FROM dataplat.lookup_schema('invoice', (dataplat.schema_by_id(3)).schema, refs => '[{"name":"shop.Money","subject":"money","version":1}]', deleted => true);
-- To register it again, what it refers to must be there.
SELECT dataplat.register_schema('invoice', (dataplat.schema_by_id(3)).schema, refs => '[{"name":"shop.Money","subject":"money","version":1}]');
SELECT dataplat.delete_subject('invoice', true), dataplat.delete_subject('money', true);
-- A reference that leads nowhere any more is no match, and no error.
SELECT dataplat.register_schema('lost', '{"type":"record","name":"Lost","namespace":"shop","fields":[{"name":"c","type":"Currency"}]}', refs => '[{"name":"shop.Currency","subject":"currency","version":1}]') AS id;
UPDATE dataplat.schema_content SET refs = '[{"name":"shop.Currency","subject":"nowhere","version":1}]' WHERE refs @> '[{"subject": "currency"}]';
SELECT dataplat.lookup_schema('lost', '{"type":"record","name":"Lost","namespace":"shop","fields":[{"name":"c","type":{"type":"enum","name":"Currency","symbols":["EUR","USD"]}}]}');

-- The registry numbers versions in their metadata for those who ask for it; who sends the schema need not know the number.
SELECT dataplat.set_compatibility('none', 'numbered');
SELECT dataplat.register_schema('numbered', '"int"', version => 1) AS id, dataplat.register_schema('numbered', '"string"') AS next;
SELECT version, id, metadata FROM dataplat.registered_schema WHERE subject = 'numbered' ORDER BY version;
SELECT version FROM dataplat.lookup_schema('numbered', '"int"');
SELECT version FROM dataplat.lookup_schema('numbered', '"string"');
SELECT version FROM dataplat.lookup_schema('numbered', '"string"', metadata => '{"properties": {"confluent:version": "2"}}');
SELECT dataplat.lookup_schema('numbered', '"string"', metadata => '{"properties": {"confluent:version": "1"}}');
SELECT dataplat.register_schema('numbered', '"int"') AS "going back is no new version";
SELECT array_agg(v) AS versions FROM dataplat.schema_versions('numbered') AS v;

-- Registered in its normal form, asked for as it was written.
SELECT dataplat.register_schema('form', '{"type":"object","title":"t","properties":{"b":{"type":"string"},"a":{"type":"string"}}}', 'JSON', normalized => true) AS id;
SELECT version FROM dataplat.lookup_schema('form', '{"type":"object","title":"t","properties":{"b":{"type":"string"},"a":{"type":"string"}}}', 'JSON');
SELECT dataplat.lookup_schema('form', '{"type":"object","title":"other"}', 'JSON');
-- In the normal form the order of references does not matter, either.
SELECT dataplat.register_schema('a', '{"type":"record","name":"A","fields":[]}'), dataplat.register_schema('b', '{"type":"record","name":"B","fields":[]}');
SELECT count(DISTINCT dataplat.register_schema('pair', '{"type":"record","name":"Pair","fields":[{"name":"a","type":"A"},{"name":"b","type":"B"}]}', refs => r::jsonb, normalized => true)) AS ids
  FROM unnest(ARRAY['[{"name":"A","subject":"a","version":1},{"name":"B","subject":"b","version":1}]', '[{"name":"B","subject":"b","version":1},{"name":"A","subject":"a","version":1}]']) AS r;

-- Protobuf without what extends it.
SELECT dataplat.register_schema('p', 'syntax = "proto2"; package shop; import "google/protobuf/descriptor.proto";
extend google.protobuf.FieldOptions { optional string label = 50000; }
option java_package = "com.shop"; option (file_note) = "x"; extend google.protobuf.FileOptions { optional string file_note = 50001; }
message M { option (note) = "n"; option deprecated = true; optional int32 a = 1 [(label) = "first", deprecated = true]; optional int32 b = 2 [(label) = "second"];
  oneof o { option (one) = true; int32 c = 3; } extensions 100 to 199; extend M { optional int32 d = 100; } }
extend google.protobuf.MessageOptions { optional string note = 50002; } extend google.protobuf.OneofOptions { optional bool one = 50003; }
enum E { option (shop.kind) = 1; X = 0 [(shop.word) = "x"]; } extend google.protobuf.EnumOptions { optional int32 kind = 50004; } extend google.protobuf.EnumValueOptions { optional string word = 50005; }', 'PROTOBUF') > 0 AS registered;
SELECT dataplat_internal.registry_rest(NULL, 'version_schema', '{"subject": "p", "version": 1, "format": "ignore_extensions"}') #>> '{}' AS text;
SELECT dataplat.validate_schema(dataplat_internal.registry_rest(NULL, 'version_schema', '{"subject": "p", "version": 1, "format": "ignore_extensions"}') #>> '{}', 'PROTOBUF') AS "still a schema";
SELECT left(dataplat_internal.registry_rest(NULL, 'version_schema', '{"subject": "p", "version": 1, "format": "serialized"}') #>> '{}', 16) AS base64;

-- References can tell their context.
SELECT dataplat.register_schema(':.c:base', '{"type":"record","name":"Base","fields":[]}') AS base, dataplat.register_schema(':.c:user', '{"type":"record","name":"User","fields":[{"name":"b","type":"Base"}]}',
       refs => '[{"name":"Base","subject":"base","version":1}]') AS "user";
SELECT q AS "referenceFormat", dataplat_internal.registry_rest(NULL, 'version', jsonb_build_object('subject', ':.c:user', 'version', 1, 'referenceFormat', q)) #>> '{references,0,subject}' AS by_version,
       dataplat_internal.registry_rest(NULL, 'id', jsonb_build_object('id', 2, 'subject', ':.c:', 'referenceFormat', q)) #>> '{references,0,subject}' AS by_id
  FROM unnest(ARRAY['qualified', '', NULL]) WITH ORDINALITY AS x (q, n) ORDER BY n;
-- An id is shown as a version that has it: the one that is asked for, a live one, the first.
SELECT dataplat.register_schema('second', (dataplat.schema_by_id(1)).schema) AS id;
SELECT s AS subject, answer ->> 'subject' AS shown, answer ->> 'version' AS version
  FROM unnest(ARRAY['second', 'currency', 'neither', NULL]) WITH ORDINALITY AS x (s, n), dataplat_internal.registry_rest(NULL, 'id', jsonb_build_object('id', 1, 'subject', s)) AS answer ORDER BY n;

-- Modes of a context and all its subjects go at once; of what has none that is no error then.
SELECT dataplat_internal.registry_rest(NULL, 'set_mode', '{"subject": ":.c:", "body": {"mode": "READONLY"}}'), dataplat_internal.registry_rest(NULL, 'set_mode', '{"subject": ":.c:user", "body": {"mode": "READONLY"}}'),
       dataplat_internal.registry_rest(NULL, 'set_mode', '{"subject": "p", "body": {"mode": "READONLY"}}');
SELECT dataplat_internal.registry_rest(NULL, 'delete_mode', '{"subject": ":.c:", "recursive": "true"}'), dataplat_internal.registry_rest(NULL, 'delete_mode', '{"subject": ":.c:", "recursive": "true"}');
SELECT subject FROM dataplat.registry_mode;
SELECT dataplat_internal.registry_rest(NULL, 'delete_mode', '{"subject": ":.c:user", "recursive": "true"}');
SELECT dataplat_internal.registry_rest(NULL, 'delete_context', '{"context": ".nowhere"}');
ROLLBACK;
