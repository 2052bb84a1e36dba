-- Contexts count their own ids; references lead from schema to schema, also across contexts.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
SET client_min_messages = warning;
-- What other tests have registered must not show.
TRUNCATE dataplat_internal.schema_context CASCADE;

SELECT dataplat.register_schema('s', '"int"'), dataplat.register_schema('s2', '"long"'), dataplat.register_schema(':.ctx:s', '"long"'), dataplat.register_schema(':.:s3', '"int"');
SELECT subject, version, context, id FROM dataplat.schema_version ORDER BY subject;
SELECT schema FROM dataplat.schema_by_id(1), LATERAL (SELECT 1) AS x;
SELECT schema FROM dataplat.schema_by_id(1, '.ctx');
SELECT array_agg(s) FROM dataplat.schema_subjects() AS s;
SELECT array_agg(s) FROM dataplat.schema_subjects(':.ctx:') AS s;
SELECT array_agg(s) FROM dataplat.schema_subjects(':*:s') AS s;
SELECT array_agg(s) FROM dataplat.schema_subjects(':.:') AS s;
SELECT dataplat_internal.registry_rest(NULL, 'contexts', '{}');

-- References: named by subject and version, found in the context of who names them.
SELECT dataplat.register_schema('money', '{"type":"record","name":"Money","fields":[{"name":"amount","type":"long"}]}') AS money;
SELECT dataplat.register_schema('order', '{"type":"record","name":"Order","fields":[{"name":"price","type":"Money"}]}',
    refs => '[{"name": "Money", "subject": "money", "version": 1}]') AS "order";
SELECT dataplat.register_schema('basket', '{"type":"record","name":"Basket","fields":[{"name":"orders","type":{"type":"array","items":"Order"}},{"name":"total","type":"Money"}]}',
    refs => '[{"name": "Order", "subject": "order", "version": -1}, {"name": "Money", "subject": "money", "version": 1}]') AS basket;
SELECT refs FROM dataplat.registered_schema WHERE subject = 'basket';
SELECT c.names FROM dataplat.schema_content AS x, dataplat_internal.closure_of(x.refs, ':' || x.context || ':') AS c WHERE x.id = (SELECT id FROM dataplat.schema_version WHERE subject = 'basket');
-- Other references, another schema.
SELECT dataplat.register_schema('money', '{"type":"record","name":"Money","fields":[{"name":"amount","type":"long"},{"name":"unit","type":"string","default":"EUR"}]}') AS money;
SELECT dataplat.register_schema('order', '{"type":"record","name":"Order","fields":[{"name":"price","type":"Money"}]}',
    refs => '[{"name": "Money", "subject": "money", "version": 2}]') AS "order";
SELECT jsonb_path_query_array(to_jsonb(dataplat.check_compatibility('order', '{"type":"record","name":"Order","fields":[{"name":"price","type":"Money"},{"name":"n","type":"int"}]}',
    refs => '[{"name": "Money", "subject": "money", "version": 2}]')), '$.is_compatible');
SELECT dataplat.register_schema('order', '{"type":"record","name":"Order","fields":[{"name":"price","type":"Money"}]}');
SELECT dataplat.register_schema('x', '"Money"', refs => '[{"name": "Money", "subject": "nowhere", "version": 1}]');
SELECT dataplat.register_schema('x', '"Money"', refs => '[{"name": "Money", "subject": "money", "version": 9}]');
SELECT dataplat.register_schema('x', '"Money"', refs => '[{"name": "Money", "subject": "money", "version": 1}, {"name": "Money", "subject": "money", "version": 2}]');
-- Two that define one name, under whatever name they are referred to.
SELECT dataplat.register_schema('coins', '{"type":"record","name":"Money","fields":[{"name":"coins","type":"int"}]}') AS coins;
SELECT dataplat.register_schema('x', '"Money"', refs => '[{"name": "Money", "subject": "money", "version": 1}, {"name": "Coins", "subject": "coins", "version": 1}]');
SELECT dataplat.delete_subject('coins');
SELECT dataplat.register_schema('x', '"int"', refs => '{"name": "Money"}');
SELECT dataplat.register_schema('x', '"int"', refs => '[{"name": "Money", "subject": "money", "version": "one"}]');
SELECT dataplat.register_schema('x', '"int"', refs => '[7]');
SELECT dataplat.register_schema(':.ctx:order', '{"type":"record","name":"Order","fields":[{"name":"price","type":"Money"}]}',
    refs => '[{"name": "Money", "subject": "money", "version": 1}]');
SELECT dataplat.register_schema(':.ctx:order', '{"type":"record","name":"Order","fields":[{"name":"price","type":"Money"}]}',
    refs => '[{"name": "Money", "subject": ":.:money", "version": 1}]') AS "other context";

-- What is referred to stays; what was deleted cannot be referred to.
SELECT dataplat.delete_schema_version('money', 1);
SELECT dataplat.delete_subject('money');
SELECT dataplat_internal.registry_rest(NULL, 'referencedby', '{"subject": "money", "version": "2"}');
SELECT dataplat.delete_schema_version('order', 2), dataplat.delete_schema_version('money', 2);
SELECT dataplat.register_schema('x', '"Money"', refs => '[{"name": "Money", "subject": "money", "version": 2}]');
SELECT dataplat.delete_schema_version('money', 2, permanent => true);
-- The deleted schema that refers to it is named in health.
SELECT severity, object, problem, cause FROM dataplat.health WHERE object LIKE 'schema %' ORDER BY object;

-- An import can make a circle; readers of it end.
SELECT dataplat.set_schema_mode('import', ':.imp:');
SELECT dataplat.register_schema(':.imp:a', '{"type":"record","name":"A","fields":[]}', id => 1, version => 1);
SELECT dataplat.register_schema(':.imp:b', '{"type":"record","name":"B","fields":[{"name":"a","type":"A"}]}', id => 2, version => 1, refs => '[{"name": "A", "subject": "a", "version": 1}]');
UPDATE dataplat.schema_content SET refs = '[{"name": "B", "subject": "b", "version": 1}]' WHERE context = '.imp' AND id = 1;
SELECT c.names FROM dataplat.schema_content AS x, dataplat_internal.closure_of(x.refs, ':.imp:') AS c WHERE x.context = '.imp' ORDER BY x.id;
ROLLBACK;
