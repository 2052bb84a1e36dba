-- Levels and modes: where they are set, where they count, and what they forbid.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
SET client_min_messages = warning;
-- What other tests have registered must not show.
TRUNCATE dataplat_internal.schema_context CASCADE;

-- From the server's default, to all contexts, to a context, to a subject.
SELECT dataplat.get_compatibility(), dataplat.get_compatibility('s', default_to_global => true);
SELECT dataplat.set_compatibility('full', ':.__GLOBAL:');
SELECT dataplat.get_compatibility('s', true), dataplat.get_compatibility(':.ctx:s', true), dataplat.get_compatibility();
SELECT dataplat.set_compatibility('forward');
SELECT dataplat.get_compatibility('s', true), dataplat.get_compatibility(':.ctx:s', true), dataplat.get_compatibility();
SELECT dataplat.set_compatibility('none', ':.ctx:');
SELECT dataplat.get_compatibility('s', true), dataplat.get_compatibility(':.ctx:s', true);
SELECT dataplat.set_compatibility('Backward_Transitive', 's');
SELECT dataplat.get_compatibility('s'), dataplat.get_compatibility(':.:s'), dataplat.get_compatibility(':.ctx:s', true);
SELECT dataplat.get_compatibility(':.ctx:s');
SELECT dataplat.set_compatibility(NULL, 's');
SELECT dataplat.set_compatibility(NULL, 's');
SELECT dataplat.get_compatibility('s');
SELECT dataplat.set_compatibility('sometimes', 's');
SELECT dataplat.set_compatibility('full', '');
SELECT dataplat.set_compatibility(NULL), dataplat.set_compatibility(NULL, ':.__GLOBAL:'), dataplat.set_compatibility(NULL, ':.ctx:');
SELECT dataplat.get_compatibility(), dataplat.get_compatibility(':.ctx:s', true);

-- A configuration has more fields; what a subject does not say comes from its context.
SELECT dataplat.configure_registry('{"compatibility": "full", "normalize": true, "compatibilityPolicy": "lenient"}');
SELECT dataplat.configure_registry('{"normalize": false, "compatibilityGroup": "major", "unheard": "of"}', 's');
SELECT (dataplat_internal.config_in_scope('s')).*  \gset c_
SELECT :'c_compatibility_level' AS level, :'c_compatibility_policy' AS policy, :'c_normalize' AS norm, :'c_compatibility_group' AS "group";
SELECT dataplat.configure_registry('{"compatibilityGroup": null}', 's');
SELECT dataplat.configure_registry('{"compatibilityPolicy": "loose"}', 's');
SELECT dataplat.configure_registry('{"normalize": "perhaps"}', 's');
SELECT dataplat.configure_registry('[]', 's');
SELECT subject, compatibility_level, compatibility_policy, normalize, compatibility_group FROM dataplat.registry_config ORDER BY subject;
SELECT dataplat.set_compatibility(NULL), dataplat.set_compatibility(NULL, 's');

-- An alias stands for another subject.
SELECT dataplat.configure_registry('{"alias": "real"}', 'nick');
SELECT dataplat.register_schema('nick', '"int"') AS id;
SELECT array_agg(s) FROM dataplat.schema_subjects() AS s;
SELECT array_agg(v) FROM dataplat.schema_versions('nick') AS v;
SELECT subject, version FROM dataplat.lookup_schema('nick', '"int"');

-- Metadata and rules: those of the version before are kept; defaults and overrides of the configuration.
SELECT dataplat.register_schema('m', '"int"', metadata => '{"properties": {"owner": "a", "tier": "1"}, "tags": {"f": ["pii"]}, "unheard": 1}') AS id;
SELECT dataplat.register_schema('m', '"long"') AS id;
SELECT dataplat.configure_registry('{"defaultMetadata": {"properties": {"tier": "9", "plan": "x"}}, "overrideMetadata": {"properties": {"owner": "boss"}, "sensitive": ["s"]}}', 'm');
SELECT dataplat.register_schema('m', '"float"') AS id;
SELECT version, metadata FROM dataplat.registered_schema WHERE subject = 'm' ORDER BY version;
SELECT dataplat.register_schema('r', '"int"', rule_set => '{"domainRules": [{"name": "check", "kind": "CONDITION", "mode": "WRITE", "type": "CEL", "expr": "value > 0"}]}') AS id;
SELECT rule_set FROM dataplat.schema_by_id(5);
SELECT dataplat.register_schema('r', '"int"', rule_set => '{"domainRules": [{"name": "1st", "type": "CEL"}]}');
SELECT dataplat.register_schema('r', '"int"', rule_set => '{"domainRules": [{"name": "a", "type": "CEL"}, {"name": "a", "type": "CEL"}]}');
SELECT dataplat.register_schema('r', '"int"', rule_set => '{"domainRules": [{"name": "a"}]}');
SELECT dataplat.register_schema('r', '"int"', rule_set => '{"migrationRules": [{"name": "a", "type": "JSONATA", "mode": "WRITE"}]}');
SELECT dataplat.register_schema('r', '"int"', metadata => '{"properties": []}');
-- The same text with other metadata is another schema.
SELECT dataplat.register_schema('r2', '"int"', metadata => '{"properties": {"a": "1"}}') <> dataplat.register_schema('r3', '"int"', metadata => '{"properties": {"a": "2"}}') AS differ;
-- A version that is asked for is noted in the metadata.
SELECT dataplat.register_schema('r2', '"int"', version => 2) AS id;
SELECT version, metadata FROM dataplat.registered_schema WHERE subject = 'r2' ORDER BY version;
SELECT dataplat.register_schema('r2', '"int"', version => 7);

-- Modes.
SELECT dataplat.get_schema_mode(), dataplat.get_schema_mode('s', default_to_global => true);
SELECT dataplat.get_schema_mode('s');
SELECT dataplat.set_schema_mode(NULL, 's');
SELECT dataplat.set_schema_mode('asleep', 's');
SELECT dataplat.set_schema_mode('readonly');
SELECT dataplat.register_schema('s', '"int"');
SELECT dataplat.register_schema('real', '"int"') AS "what is there is found";
SELECT dataplat.delete_subject('real');
SELECT dataplat.delete_schema_version('real', 1);
SELECT dataplat.set_compatibility('full', 's');
SELECT dataplat.set_schema_mode('readonly_override');
SELECT dataplat.set_schema_mode('readwrite', 's');
SELECT dataplat.register_schema('s', '"int"') AS "a subject's own READWRITE wins";
SELECT dataplat.get_schema_mode(), dataplat.get_schema_mode('s'), dataplat.get_schema_mode(':.ctx:s', true);
SELECT dataplat.set_schema_mode('readonly', ':.__GLOBAL:');
SELECT dataplat.get_schema_mode(':.ctx:s', true);
SELECT dataplat.set_schema_mode(NULL), dataplat.set_schema_mode(NULL, ':.__GLOBAL:');

-- Importing: ids come with the schemas.
SELECT dataplat.register_schema('i', '"int"', id => 500);
SELECT dataplat.set_schema_mode('import', 'real');
SELECT dataplat.set_schema_mode('import', 'real', force => true);
SELECT dataplat.set_schema_mode('import', 'i');
SELECT dataplat.register_schema('i', '"bytes"');
SELECT dataplat.register_schema('i', '"bytes"', id => 500, version => 5) AS id;
SELECT dataplat.register_schema('i', '"bytes"', id => 500, version => 5) AS again;
SELECT dataplat.register_schema('i', '"boolean"', id => 500);
SELECT dataplat.register_schema('i', '"boolean"', id => 501, version => 5);
SELECT dataplat.register_schema('i', '"bytes"', id => 502) AS "a second id for one content";
SELECT dataplat.register_schema('i', '"boolean"', id => 2147483647);
SELECT version, id FROM dataplat.schema_version WHERE subject = 'i' ORDER BY version;
SELECT dataplat.set_schema_mode('readwrite', 'i');
SELECT dataplat.set_compatibility('none', 'i');
SELECT dataplat.register_schema('i', '"double"') AS "after the largest";
SELECT dataplat.register_schema('new', '"bytes"') AS "the first id of a content";
ROLLBACK;
