-- The answers that the REST API gives, operation by operation.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
SET client_min_messages = warning;
-- What other tests have registered must not show.
TRUNCATE dataplat_internal.schema_context CASCADE;
-- Times differ.
CREATE FUNCTION pg_temp.ask(operation text, a jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE answer jsonb := dataplat_internal.registry_rest(NULL, operation, a);
BEGIN
    IF jsonb_typeof(answer) = 'object' AND answer ? 'ts' THEN
        answer := answer || jsonb_build_object('ts', (answer ->> 'ts')::bigint > 1600000000000);
    END IF;
    RETURN answer;
END $$;

-- Register: what was stored.  Unknown members are ignored.
SELECT pg_temp.ask('register', '{"subject": "s", "body": {"schema": "{\"type\": \"record\", \"name\": \"R\", \"fields\": []}", "unknown": 1}}');
SELECT pg_temp.ask('register', '{"subject": "s", "body": {"schema": "{\"type\":\"record\",\"name\":\"R\",\"doc\":\"d\",\"fields\":[]}", "schemaType": "AVRO", "metadata": {"properties": {"owner": "x"}}}}');
SELECT pg_temp.ask('register', '{"subject": "u", "body": {"schema": "{\"type\":\"record\",\"name\":\"U\",\"fields\":[{\"name\":\"r\",\"type\":\"R\"}]}", "references": [{"name": "R", "subject": "s", "version": 1}],
    "ruleSet": {"domainRules": [{"name": "check", "kind": "CONDITION", "type": "CEL", "mode": "WRITE", "expr": "true"}]}}}');
SELECT pg_temp.ask('register', '{"subject": "s", "body": {"schema": "\"int\""}}');
SELECT pg_temp.ask('register', '{"subject": "s", "body": {}}');
SELECT pg_temp.ask('register', '{"subject": "new", "body": {}}');
SELECT pg_temp.ask('register', '{"subject": "new", "body": {"schema": ""}}');
SELECT pg_temp.ask('register', '{"subject": "new", "body": {"schema": {"type": "int"}}}');
SELECT pg_temp.ask('register', '{"subject": "new", "body": []}');
SELECT pg_temp.ask('register', '{"subject": "new"}');
SELECT pg_temp.ask('register', '{"subject": "new", "body": {"schema": "\"int\"", "id": "x"}}');
SELECT pg_temp.ask('register', '{"subject": "new", "body": {"schema": "\"int\"", "schemaType": "THRIFT"}}');
SELECT pg_temp.ask('register', '{"subject": "j", "normalize": "true", "body": {"schema": "{\"type\":\"object\",\"title\":\"t\"}", "schemaType": "JSON"}}') ->> 'schema';

-- Lookup.
SELECT pg_temp.ask('lookup', '{"subject": "s", "body": {"schema": "{\"name\": \"R\", \"type\": \"record\", \"fields\": []}"}}');
SELECT pg_temp.ask('lookup', '{"subject": "s", "body": {"schema": "\"int\""}}');
SELECT pg_temp.ask('lookup', '{"subject": "nowhere", "body": {"schema": "\"int\""}}');
SELECT pg_temp.ask('lookup', '{"subject": "s", "body": {"schema": "rubbish"}}');

-- Versions.
SELECT pg_temp.ask('version', '{"subject": "s", "version": "1"}');
SELECT pg_temp.ask('version', '{"subject": "s", "version": "latest"}') = pg_temp.ask('version', '{"subject": "s", "version": -1}') AS "latest is -1";
SELECT pg_temp.ask('version_schema', '{"subject": "s", "version": 1}');
SELECT pg_temp.ask('version', '{"subject": "s", "version": 9}');
SELECT pg_temp.ask('version', '{"subject": "s", "version": "first"}');
SELECT pg_temp.ask('version', '{"subject": "s", "version": 0}');
SELECT pg_temp.ask('version', '{"subject": "nowhere", "version": 1}');
SELECT pg_temp.ask('referencedby', '{"subject": "s", "version": 1}'), pg_temp.ask('referencedby', '{"subject": "s", "version": 2}');
SELECT pg_temp.ask('metadata', '{"subject": "s", "key": "owner", "value": "x"}') ->> 'version' AS version;
SELECT pg_temp.ask('metadata', '{"subject": "s", "key": ["owner", "b"], "value": ["x", "c"]}');

-- Lists: deleted, deletedOnly wins, offset, limit (0 and -1 are none).
SELECT pg_temp.ask('register', '{"subject": "gone", "body": {"schema": "\"int\""}}') ->> 'id' AS id;
SELECT pg_temp.ask('delete_subject', '{"subject": "gone"}');
SELECT pg_temp.ask('subjects'), pg_temp.ask('subjects', '{"deleted": "true"}'), pg_temp.ask('subjects', '{"deleted": true, "deletedOnly": "true"}');
SELECT pg_temp.ask('subjects', '{"limit": 2}'), pg_temp.ask('subjects', '{"offset": 1, "limit": "1"}'), pg_temp.ask('subjects', '{"limit": 0}'), pg_temp.ask('subjects', '{"limit": -1}');
SELECT pg_temp.ask('subjects', '{"subjectPrefix": "s"}'), pg_temp.ask('subjects', '{"subjectPrefix": ":*:"}'), pg_temp.ask('subjects', '{"subjectPrefix": ":.none:"}');
SELECT pg_temp.ask('delete_version', '{"subject": "s", "version": "latest"}');
SELECT pg_temp.ask('versions', '{"subject": "s"}'), pg_temp.ask('versions', '{"subject": "s", "deleted": true}'), pg_temp.ask('versions', '{"subject": "s", "deleted": true, "deletedOnly": true}'),
       pg_temp.ask('versions', '{"subject": "s", "deletedAsNegative": true}');
SELECT pg_temp.ask('version', '{"subject": "s", "version": 2}');
SELECT pg_temp.ask('version', '{"subject": "s", "version": 2, "deleted": true}') -> 'deleted' AS deleted;
SELECT pg_temp.ask('versions', '{"subject": "gone"}');
SELECT jsonb_path_query_array(pg_temp.ask('schemas'), '$[*].subject') AS all, jsonb_path_query_array(pg_temp.ask('schemas', '{"deleted": true, "latestOnly": true}'), '$[*].version') AS latest,
       jsonb_path_query_array(pg_temp.ask('schemas', '{"ruleType": "CEL"}'), '$[*].subject') AS ruled, jsonb_array_length(pg_temp.ask('schemas', '{"subjectPrefix": "s", "deleted": true}')) AS prefixed,
       jsonb_array_length(pg_temp.ask('schemas', '{"limit": 1, "offset": 1}')) AS page;

-- By id and GUID.
SELECT pg_temp.ask('id', '{"id": 3}');
SELECT pg_temp.ask('id', '{"id": "1", "fetchMaxId": "true"}') ->> 'maxId' AS max, pg_temp.ask('id_schema', '{"id": 1}') AS text;
SELECT pg_temp.ask('id_subjects', '{"id": 1}'), pg_temp.ask('id_versions', '{"id": 1}');
-- Nobody uses it any more: found, but used nowhere.
SELECT pg_temp.ask('id_subjects', '{"id": 5}'), pg_temp.ask('id_versions', '{"id": 5}'), pg_temp.ask('id_versions', '{"id": 5, "deleted": true}');
SELECT pg_temp.ask('id', '{"id": 99}');
SELECT pg_temp.ask('id', '{"id": "abc"}');
SELECT pg_temp.ask('id', '{"id": 99999999999999999999}');
SELECT pg_temp.ask('id_subjects', '{"id": 99}');
SELECT pg_temp.ask('guid', jsonb_build_object('guid', pg_temp.ask('id', '{"id": 1}') -> 'guid')) = pg_temp.ask('id', '{"id": 1}') AS same;
SELECT pg_temp.ask('guid_ids', jsonb_build_object('guid', pg_temp.ask('id', '{"id": 1}') -> 'guid')), pg_temp.ask('guid_ids', '{"guid": "rubbish"}');
SELECT pg_temp.ask('guid', '{"guid": "rubbish"}');
-- A subject is a hint of the context.
SELECT pg_temp.ask('register', '{"subject": ":.c:s", "body": {"schema": "\"bytes\""}}') ->> 'id' AS id;
SELECT pg_temp.ask('id_schema', '{"id": 1, "subject": ":.c:s"}'), pg_temp.ask('id_schema', '{"id": 1, "subject": ":.c:"}'), pg_temp.ask('id_schema', '{"id": 1, "subject": "s"}');
SELECT pg_temp.ask('register', '{"subject": ":.c:only", "body": {"schema": "\"double\""}}') ->> 'id' AS id;
SELECT pg_temp.ask('id_schema', '{"id": 2, "subject": "only"}') AS "in the one context that has it", pg_temp.ask('version', '{"subject": "only", "version": 1}') ->> 'subject' AS subject;
SELECT pg_temp.ask('contexts'), pg_temp.ask('types');

-- Deletes.
SELECT pg_temp.ask('delete_version', '{"subject": "s", "version": 2}');
SELECT pg_temp.ask('delete_version', '{"subject": "s", "version": 1, "permanent": "true"}');
SELECT pg_temp.ask('delete_version', '{"subject": "s", "version": 1}');
SELECT pg_temp.ask('delete_version', '{"subject": "s", "version": 2, "permanent": "true"}');
SELECT pg_temp.ask('delete_version', '{"subject": "s", "version": 2}');
SELECT pg_temp.ask('delete_subject', '{"subject": "gone"}');
SELECT pg_temp.ask('delete_subject', '{"subject": "j", "permanent": true}');
SELECT pg_temp.ask('delete_subject', '{"subject": "gone", "permanent": true}');
SELECT pg_temp.ask('delete_subject', '{"subject": "gone", "permanent": true}');
SELECT pg_temp.ask('delete_context', '{"context": ".c"}');
SELECT pg_temp.ask('delete_context', '{"context": "c"}');
SELECT pg_temp.ask('delete_subject', '{"subject": ":.c:s"}'), pg_temp.ask('delete_subject', '{"subject": ":.c:s", "permanent": true}'), pg_temp.ask('delete_subject', '{"subject": ":.c:only"}'),
       pg_temp.ask('delete_subject', '{"subject": ":.c:only", "permanent": true}'), pg_temp.ask('delete_context', '{"context": ".c"}');
SELECT pg_temp.ask('contexts');

-- Configuration: PUT takes compatibility, GET answers compatibilityLevel.
SELECT pg_temp.ask('get_config'), pg_temp.ask('set_config', '{"body": {"compatibility": "full", "unknown": true}}'), pg_temp.ask('set_config', '{"subject": "s", "body": {"normalize": true, "alias": ""}}');
SELECT pg_temp.ask('get_config'), pg_temp.ask('get_config', '{"subject": "s"}'), pg_temp.ask('get_config', '{"subject": "x", "defaultToGlobal": "true"}');
SELECT pg_temp.ask('get_config', '{"subject": "x"}');
SELECT pg_temp.ask('set_config', '{"subject": "s", "body": {"compatibility": "sideways"}}');
SELECT pg_temp.ask('set_config', '{"subject": "s", "body": {"compatibility": null}}');
SELECT pg_temp.ask('delete_config', '{"subject": "x"}');
SELECT pg_temp.ask('delete_config', '{"subject": "s"}'), pg_temp.ask('delete_config'), pg_temp.ask('delete_config');

-- Modes.
SELECT pg_temp.ask('get_mode'), pg_temp.ask('set_mode', '{"subject": "s", "body": {"mode": "readonly"}}'), pg_temp.ask('set_mode', '{"body": {"mode": "READWRITE"}}');
SELECT pg_temp.ask('get_mode', '{"subject": "s"}'), pg_temp.ask('get_mode', '{"subject": "x", "defaultToGlobal": true}');
SELECT pg_temp.ask('get_mode', '{"subject": "x"}');
SELECT pg_temp.ask('register', '{"subject": "s", "body": {"schema": "\"string\""}}');
SELECT pg_temp.ask('delete_subject', '{"subject": "s"}');
SELECT pg_temp.ask('set_mode', '{"subject": "s", "body": {"mode": "import"}}');
SELECT pg_temp.ask('set_mode', '{"subject": "s", "force": "true", "body": {"mode": "import"}}');
SELECT pg_temp.ask('set_mode', '{"subject": "s", "body": {"mode": "weird"}}');
SELECT pg_temp.ask('set_mode', '{"subject": "s", "body": {}}');
SELECT pg_temp.ask('delete_mode', '{"subject": "s"}'), pg_temp.ask('delete_mode');
SELECT pg_temp.ask('delete_mode', '{"subject": "s"}');

-- Protobuf: as text, or serialized, and taken in both forms.
SELECT pg_temp.ask('register', '{"subject": "p", "body": {"schema": "syntax = \"proto3\"; message M { int32 a = 1; } // a comment", "schemaType": "PROTOBUF"}}') ->> 'schema' AS text;
SELECT pg_temp.ask('version_schema', '{"subject": "p", "version": 1, "format": "serialized"}');
SELECT pg_temp.ask('register', jsonb_build_object('subject', 'p', 'body', jsonb_build_object('schemaType', 'PROTOBUF',
           'schema', pg_temp.ask('version_schema', '{"subject": "p", "version": 1, "format": "serialized"}')))) ->> 'version' AS "the same version";

-- Compatibility.
SELECT pg_temp.ask('compatibility', '{"subject": "s", "version": "latest", "body": {"schema": "\"int\""}}'), pg_temp.ask('compatibility', '{"subject": "nowhere", "body": {"schema": "\"int\""}}'),
       pg_temp.ask('compatibility', '{"subject": "nowhere", "version": "latest", "verbose": "true", "body": {"schema": "\"int\""}}');
SELECT pg_temp.ask('compatibility', '{"subject": "nowhere", "version": "1", "body": {"schema": "\"int\""}}');
SELECT pg_temp.ask('compatibility', '{"subject": "s", "version": "x", "body": {"schema": "\"int\""}}');
SELECT pg_temp.ask('compatibility', '{"subject": "s", "body": {"schema": "rubbish"}}');
SELECT pg_temp.ask('compatibility', '{"subject": "s", "body": {}}');
SELECT pg_temp.ask('compatibility', '{"subject": "s", "verbose": true, "body": {"schema": "\"int\""}}') #> '{messages,-1}' AS last;
SELECT pg_temp.ask('dance');
ROLLBACK;
