-- What a new schema does to a source, by each policy.
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT dataplat.start_dev_broker('{"se": 1}') AS bootstrap \gset
CREATE SERVER se_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" :'bootstrap');
CREATE SCHEMA se;
SELECT dataplat.set_compatibility('NONE', 'se-value') IS NOT NULL AS set;
CREATE TABLE se.schema (v int PRIMARY KEY, text text, id int);
INSERT INTO se.schema (v, text) SELECT v, format('{"type": "record", "name": "R", "fields": [%s]}', f) FROM (VALUES
    (1, '{"name": "id", "type": "int"}, {"name": "name", "type": "string"}'),
    (2, '{"name": "id", "type": "int"}, {"name": "name", "type": "string"}, {"name": "note", "type": ["null", "string"], "default": null}'),
    (3, '{"name": "id", "type": "long"}, {"name": "name", "type": "string"}, {"name": "note", "type": ["null", "string"], "default": null}'),
    (4, '{"name": "id", "type": "long"}, {"name": "note", "type": ["null", "string"], "default": null}'),
    (5, '{"name": "id", "type": "boolean"}')) AS s (v, f);
UPDATE se.schema SET id = dataplat.register_schema('se-value', text) WHERE v = 1;
CREATE FUNCTION se.send(version int, data jsonb) RETURNS bigint LANGUAGE sql AS $$
    SELECT p.message_offset FROM se.schema AS s, dataplat.produce('se_shop', 'se', dataplat.wire_encode(dataplat.avro_encode(data, s.text), s.id)) AS p WHERE s.v = version $$;

-- One source for each policy; the columns come from version 1.
SELECT dataplat.create_source('se_' || e, 'se_shop', 'se', target => 'se.t_' || e, format => 'avro', layout => 'columns', schema_evolution => e, on_error => 'dead_letter')
  FROM unnest('{fail,ignore,add_columns,widen,propose}'::text[]) AS e;
SELECT dataplat.create_source('se_rescue', 'se_shop', 'se', target => 'se.t_rescue', format => 'avro', layout => 'columns', schema_evolution => 'propose', include => '{rescued}');
CREATE VIEW se.reader AS SELECT id, name FROM se.t_add_columns;
SELECT dataplat.create_pipeline('se_silver', target => 'se.silver', query => 'SELECT id, name FROM se.t_add_columns', mode => 'append');
SELECT se.send(1, '{"id": 1, "name": "a"}');
SELECT bool_and(dataplat.wait_for_source(name)) FROM dataplat.source WHERE name LIKE 'se\_%';

-- A new field.
UPDATE se.schema SET id = dataplat.register_schema('se-value', text) WHERE v = 2;
SELECT se.send(2, '{"id": 2, "name": "b", "note": "new"}');
SELECT name, dataplat.wait_for_source(name) FROM dataplat.source WHERE name LIKE 'se\_%' AND name NOT IN ('se_fail', 'se_propose') ORDER BY 1;
SELECT dataplat.wait_for_source('se_fail') AS goes_on;
SELECT dataplat.wait_for_source('se_propose') AS goes_on;
SELECT source, state, regexp_replace(reason, '\d+', 'N') AS reason, regexp_replace(hint, '\d+', 'N', 'g') AS hint FROM dataplat.source_status WHERE source IN ('se_fail', 'se_propose') ORDER BY 1;
SELECT * FROM (SELECT 'ignore', _offset, id, name, NULL AS note FROM se.t_ignore UNION ALL SELECT 'add', _offset, id, name, note FROM se.t_add_columns
               UNION ALL SELECT 'widen', _offset, id, name, note FROM se.t_widen UNION ALL SELECT 'fail', _offset, id, name, NULL FROM se.t_fail
               UNION ALL SELECT 'rescue', _offset, id, name, _rescued::text FROM se.t_rescue) AS x ORDER BY 1, 2;
SELECT c.source, c.state, c.changes, c.ddl FROM dataplat.schema_change AS c WHERE c.source LIKE 'se\_%' ORDER BY c.source COLLATE "C";

-- Approve one, and go on with the stopped ones; what reads the table goes on as well.
SELECT count(*) FROM (SELECT dataplat.approve_schema_change(c.change_id) FROM dataplat.schema_change AS c WHERE c.source IN ('se_propose', 'se_rescue') AND c.state = 'proposed' OFFSET 0) AS a;
SELECT dataplat.alter_source('se_fail', schema_evolution => 'ignore'), dataplat.resume_source('se_fail');
SELECT bool_and(dataplat.wait_for_source(name)) FROM dataplat.source WHERE name LIKE 'se\_%';
SELECT * FROM (SELECT 'fail' AS t, _offset, id, name, NULL AS note FROM se.t_fail UNION ALL SELECT 'propose', _offset, id, name, note FROM se.t_propose) AS x ORDER BY 1, 2;
SELECT count(*) FROM se.reader;
SELECT dataplat.wait_for_pipeline('se_silver');
SELECT id, name FROM se.silver ORDER BY 1;

-- A wider type.
UPDATE se.schema SET id = dataplat.register_schema('se-value', text) WHERE v = 3;
SELECT se.send(3, '{"id": 5000000000, "name": "c", "note": null}');
SELECT dataplat.wait_for_source('se_widen'), dataplat.wait_for_source('se_ignore'), dataplat.wait_for_source('se_fail');
SELECT dataplat.wait_for_source('se_add_columns') AS goes_on;
SELECT dataplat.wait_for_source('se_propose') AS goes_on;
SELECT dataplat.wait_for_source('se_rescue') AS goes_on;
SELECT id, name, pg_typeof(id) FROM se.t_widen ORDER BY _offset;
SELECT d.source, d.message_offset, d.sqlstate, d.stage FROM dataplat.dead_letter AS d WHERE d.source IN ('se_fail', 'se_ignore') ORDER BY 1, 2;
SELECT regexp_replace(reason, '\d+', 'N') AS reason, hint FROM dataplat.source_status WHERE source = 'se_add_columns';

-- Rejected, the values that do not fit become dead letters; nothing else waits.
SELECT count(*) FROM (SELECT dataplat.reject_schema_change(c.change_id, 'too wide') FROM dataplat.schema_change AS c WHERE c.source IN ('se_propose', 'se_rescue') AND c.state = 'proposed' OFFSET 0) AS a;
SELECT dataplat.wait_for_source('se_propose');
SELECT d.source, d.message_offset, d.sqlstate FROM dataplat.dead_letter AS d WHERE d.source = 'se_propose' ORDER BY 1, 2;
\set VERBOSITY sqlstate
SELECT dataplat.approve_schema_change(min(change_id)) FROM dataplat.schema_change WHERE source = 'se_propose';
SELECT dataplat.approve_schema_change(-1);
\set VERBOSITY terse

-- A field that is gone, and one that changed altogether.
UPDATE se.schema SET id = dataplat.register_schema('se-value', text) WHERE v > 3;
SELECT se.send(4, '{"id": 4, "note": "no name"}');
SELECT dataplat.wait_for_source('se_widen');
SELECT id, name, note FROM se.t_widen WHERE _offset = 3;
SELECT se.send(5, '{"id": true}');
SELECT dataplat.wait_for_source('se_widen') AS goes_on;
SELECT dataplat.wait_for_source('se_ignore');
SELECT regexp_replace(reason, '\d+', 'N') AS reason, hint FROM dataplat.source_status WHERE source = 'se_widen';

SELECT d.source, s.v, d.decision, d.new_fields, d.removed_fields, d.type_changes FROM dataplat.schema_drift AS d JOIN se.schema AS s ON s.id = d.schema_id
 WHERE d.source IN ('se_add_columns', 'se_ignore', 'se_widen') ORDER BY 1, 2;

SELECT dataplat.drop_pipeline('se_silver', drop_target => true);
DROP VIEW se.reader;
SELECT count(*) FROM (SELECT dataplat.drop_source(name, drop_target => true) FROM dataplat.source WHERE name LIKE 'se\_%' OFFSET 0) AS d;
DELETE FROM dataplat.schema_change WHERE source LIKE 'se\_%';
DELETE FROM dataplat.dead_letter WHERE source LIKE 'se\_%';
DELETE FROM dataplat.batch WHERE source LIKE 'se\_%';
DELETE FROM dataplat.source_event WHERE source LIKE 'se\_%';
SELECT array_length(dataplat.delete_subject('se-value', false), 1), array_length(dataplat.delete_subject('se-value', true), 1);
DROP SCHEMA se CASCADE;
DROP SERVER se_shop;
SELECT dataplat.stop_dev_broker();
