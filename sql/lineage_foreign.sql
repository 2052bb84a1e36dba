-- OpenLineage events of other systems: what is refused, what adds up, which edges come of them.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
SET dataplat.lineage_namespace = 'postgres://db.example:5432';
CREATE SCHEMA lof;
CREATE TABLE lof.mart (id int, total numeric);
CREATE TABLE lof."Odd.Name" (id int);
CREATE SERVER lof_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" 'broker.lof.example:9092,second.lof.example');
-- An event about a run of job "etl.load" at some second.
CREATE FUNCTION lof.event(type text, second numeric, run int DEFAULT 1, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('eventType', type, 'eventTime', to_char('2026-03-01 10:00Z'::timestamptz + second * interval '1 s', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        'producer', 'https://example.com/etl', 'schemaURL', 'https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent',
        'run', jsonb_build_object('runId', '0190f6c0-0000-7000-8000-00000000000' || run), 'job', '{"namespace": "etl", "name": "load"}'::jsonb) || more $$;
CREATE FUNCTION lof.facet(body jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT body || '{"_producer": "https://example.com/etl", "_schemaURL": "https://example.com/facet.json"}' $$;
CREATE FUNCTION lof.try(event jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
    RETURN (dataplat.ingest_openlineage(event) - 'run_id')::text;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ' ' || coalesce(nullif(detail, ''), SQLERRM);
END $$;
CREATE VIEW lof.edges AS SELECT job, output_node, output_column, input_node, input_column, type, subtype, masking, right(run_id::text, 1) AS run, valid_to IS NULL AS holds
  FROM dataplat_internal.lineage_edge WHERE origin = 'openlineage' AND job LIKE 'openlineage:etl/%' ORDER BY output_column, input_node, input_column;

-- Bad input.
SELECT what, lof.try(event) FROM (VALUES
    ('array', '[]'::jsonb), ('nothing', '{}'), ('null', NULL),
    ('no zone', lof.event('START', 0, 1, '{"eventTime": "2026-03-01T10:00:00"}')), ('no time', lof.event('START', 0, 1, '{"eventTime": "2026-13-01T10:00:00Z"}')),
    ('no producer', lof.event('START', 0) - 'producer'), ('producer', lof.event('START', 0, 1, '{"producer": "no uri"}')),
    ('runId', lof.event('START', 0, 1, '{"run": {"runId": "7"}}')), ('no job', lof.event('START', 0) - 'job'), ('job', lof.event('START', 0, 1, '{"job": {"namespace": "x"}}')),
    ('type', lof.event('DONE', 0)), ('inputs', lof.event('START', 0, 1, '{"inputs": {}}')), ('input', lof.event('START', 0, 1, '{"inputs": [{"name": "x"}]}')),
    ('facet', lof.event('START', 0, 1, '{"run": {"runId": "0190f6c0-0000-7000-8000-000000000001", "facets": {"mine": {"_producer": "https://example.com"}}}}')),
    ('facets', lof.event('START', 0, 1, '{"outputs": [{"namespace": "a", "name": "b", "facets": []}]}'))) AS v (what, event);
SELECT count(*) FROM dataplat.foreign_run WHERE job_namespace = 'etl';

-- A run: START tells the inputs, COMPLETE the output; together they make edges.
SELECT lof.try(lof.event('START', 0, 1, '{"inputs": [{"namespace": "kafka://second.lof.example:9092", "name": "orders"}, {"namespace": "s3://lake", "name": "raw/o.parquet"}]}'));
SELECT * FROM lof.edges;
SELECT lof.try(lof.event('COMPLETE', 9, 1, jsonb_build_object('outputs', jsonb_build_array(jsonb_build_object('namespace', 'postgres://db.example:5432',
    'name', current_database() || '.lof.mart', 'facets', jsonb_build_object('columnLineage', lof.facet('{"fields": {
        "total": {"inputFields": [{"namespace": "s3://lake", "name": "raw/o.parquet", "field": "amount", "transformations": [{"type": "DIRECT", "subtype": "AGGREGATION", "masking": false}]}]},
        "id": {"inputFields": [{"namespace": "s3://lake", "name": "raw/o.parquet", "field": "key"}], "transformationType": "MASKED"}},
        "dataset": [{"namespace": "s3://lake", "name": "raw/o.parquet", "field": "day", "transformations": [{"type": "INDIRECT", "subtype": "FILTER"}]}]}')))))));
SELECT * FROM lof.edges;
SELECT state, started_at, ended_at, producer FROM dataplat.foreign_run WHERE job_namespace = 'etl';
-- The same once more; later ones; one that was on its way for long.
SELECT lof.try(lof.event('START', 0)), lof.try(lof.event('COMPLETE', 9));
SELECT lof.try(lof.event('RUNNING', 10)), lof.try(lof.event('FAIL', 8)), lof.try(lof.event('RUNNING', 5));
SELECT state, ended_at FROM dataplat.foreign_run WHERE job_namespace = 'etl';
SELECT event_type, event_time, counted FROM dataplat_internal.foreign_event WHERE run_id = '0190f6c0-0000-7000-8000-000000000001' ORDER BY event_time;
-- A runId of another job.
SELECT lof.try(lof.event('START', 1, 1, '{"job": {"namespace": "etl", "name": "other"}}'));

-- The next run reads something else: when it has completed, that holds.
SELECT lof.try(lof.event('START', 20, 2, jsonb_build_object('inputs', '[{"namespace": "bigquery", "name": "p.d.t"}]'::jsonb,
    'outputs', jsonb_build_array(jsonb_build_object('namespace', 'postgres://db.example:5432', 'name', current_database() || '.lof.mart')))));
SELECT count(*) FILTER (WHERE holds) FROM lof.edges;
SELECT lof.try(lof.event('COMPLETE', 29, 2));
SELECT output_node, input_node, run, holds FROM lof.edges WHERE holds;
-- An older run that ends late changes nothing.
SELECT lof.try(lof.event('START', 15, 3, '{"inputs": [{"namespace": "old", "name": "in"}], "outputs": [{"namespace": "old", "name": "out"}]}')), lof.try(lof.event('COMPLETE', 40, 3));
SELECT output_node, input_node FROM lof.edges WHERE holds;
-- A failed run, with its reason and its parent.
SELECT lof.try(lof.event('FAIL', 60, 4, jsonb_build_object('run', jsonb_build_object('runId', '0190f6c0-0000-7000-8000-000000000004', 'facets', jsonb_build_object(
    'errorMessage', lof.facet('{"message": "disk full – größer", "programmingLanguage": "Python"}'),
    'parent', lof.facet('{"run": {"runId": "0190f6c0-0000-7000-8000-000000000009"}, "job": {"namespace": "etl", "name": "dag"}}'))))));
SELECT state, error, parent_run_id FROM dataplat.foreign_run WHERE run_id = '0190f6c0-0000-7000-8000-000000000004';

-- Events about jobs and datasets; a facet that is deleted.
SELECT lof.try((lof.event('START', 70) - 'run' - 'eventType') || '{"job": {"namespace": "etl", "name": "design"}, "inputs": [{"namespace": "a", "name": "x"}], "outputs": [{"namespace": "a", "name": "y"}]}');
SELECT lof.try((lof.event('START', 71) - 'run' - 'eventType') || '{"job": {"namespace": "etl", "name": "design"}, "inputs": [{"namespace": "a", "name": "z"}], "outputs": [{"namespace": "a", "name": "y"}]}');
SELECT job, output_node, input_node, holds FROM lof.edges WHERE job LIKE '%design';
SELECT lof.try((lof.event('START', second) - 'run' - 'job' - 'eventType') || jsonb_build_object('dataset', jsonb_build_object('namespace', 'etl', 'name', 'd', 'facets', jsonb_build_object('documentation', lof.facet(facet)))))
  FROM (VALUES (80, '{"description": "new"}'::jsonb), (75, '{"description": "old"}')) AS v (second, facet);
SELECT node, facets #>> '{documentation,description}' AS description FROM dataplat_internal.foreign_dataset WHERE namespace = 'etl';
SELECT lof.try((lof.event('START', 81) - 'run' - 'job' - 'eventType') || jsonb_build_object('dataset', jsonb_build_object('namespace', 'etl', 'name', 'd', 'facets', jsonb_build_object('documentation', lof.facet('{"_deleted": true}')))));
SELECT node, facets FROM dataplat_internal.foreign_dataset WHERE namespace = 'etl';

-- Names: of this database, whatever dots they have, there or not; of another.
SELECT v.namespace, replace(v.name, current_database(), 'DB') AS name, dataplat_internal.node_of_dataset(v.namespace, v.name) AS node FROM (VALUES
    ('postgres://db.example:5432', current_database() || '.lof.mart'), ('postgres://db.example:5432', current_database() || '.lof.Odd.Name'),
    ('postgres://db.example:5432', current_database() || '.gone.T'), ('postgres://db.example:5432', 'elsewhere.lof.mart'), ('postgres://other:5432', current_database() || '.lof.mart'),
    ('kafka://broker.lof.example:9092', 'orders'), ('kafka://nobody:9092', 'orders')) AS v (namespace, name);
-- There and back.
SELECT d.node, n.* FROM dataplat_internal.foreign_dataset AS d, dataplat_internal.openlineage_dataset_name(d.node) AS n WHERE d.node LIKE 's3:%';

-- Self-insert; a job with too many edges; our own events.
SELECT lof.try(lof.event('COMPLETE', 90, 5, '{"job": {"namespace": "etl", "name": "self"}, "inputs": [{"namespace": "a", "name": "x"}], "outputs": [{"namespace": "a", "name": "x"}]}'));
SELECT lof.try(lof.event('COMPLETE', 90, 6, jsonb_build_object('job', '{"namespace": "etl", "name": "huge"}'::jsonb, 'inputs', (SELECT jsonb_agg(jsonb_build_object('namespace', 'h', 'name', 'i' || i)) FROM generate_series(1, 150) AS i),
    'outputs', (SELECT jsonb_agg(jsonb_build_object('namespace', 'h', 'name', 'o' || i)) FROM generate_series(1, 150) AS i))));
SELECT lof.try(lof.event('COMPLETE', 90, 7, jsonb_build_object('producer', dataplat_internal.openlineage_producer(),
    'job', jsonb_build_object('namespace', 'postgres://db.example:5432', 'name', current_database() || '.pipeline.x'))));

-- Not for everyone.
CREATE ROLE lof_nobody;
SET ROLE lof_nobody;
SELECT dataplat.ingest_openlineage('{}');
SELECT dataplat.command('ingest_openlineage', '{}');
RESET ROLE;
DROP ROLE lof_nobody;

DELETE FROM dataplat.foreign_run WHERE job_namespace = 'etl';
DELETE FROM dataplat_internal.foreign_job WHERE namespace = 'etl';
DELETE FROM dataplat_internal.foreign_dataset WHERE namespace IN ('etl', 'a', 'h', 'old', 'bigquery', 's3://lake', 'postgres://db.example:5432', 'kafka://second.lof.example:9092');
DELETE FROM dataplat_internal.lineage_edge WHERE job LIKE 'openlineage:etl/%';
DROP SERVER lof_shop;
DROP SCHEMA lof CASCADE;
