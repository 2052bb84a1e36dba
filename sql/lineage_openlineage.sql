-- What OpenLineage events tell of runs of pipelines, of sources and of validations.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
SET dataplat.lineage_namespace = 'postgres://db.example:5432';
CREATE SCHEMA lol;
CREATE TYPE lol.place AS (street text, town text);
CREATE TABLE lol.orders (id int PRIMARY KEY, amount numeric, at lol.place, "From" text);
COMMENT ON TABLE lol.orders IS 'orders of the shop';
COMMENT ON COLUMN lol.orders.amount IS 'in EUR';
INSERT INTO lol.orders VALUES (1, 10, ('Street 1', 'Köln'), 'web'), (2, 20, NULL, 'shop');
ANALYZE lol.orders;
SELECT dataplat.create_pipeline('lol_totals', 'lol."Totals"', keys => '{id}', schedule => 'manual', query => $$
    SELECT id, sum(amount) AS amount, count(*) AS n FROM lol.orders GROUP BY id$$);
INSERT INTO dataplat_internal.lineage_edge (origin, job, output_node, output_column, input_node, input_column, type, subtype, masking)
VALUES ('pipeline', 'pipeline:lol_totals', 'lol."Totals"', 'id', 'lol.orders', 'id', 'DIRECT', 'IDENTITY', false),
       ('pipeline', 'pipeline:lol_totals', 'lol."Totals"', 'amount', 'lol.orders', 'amount', 'DIRECT', 'AGGREGATION', false),
       ('pipeline', 'pipeline:lol_totals', 'lol."Totals"', 'n', 'lol.orders', NULL, 'DIRECT', 'AGGREGATION', true),
       ('pipeline', 'pipeline:lol_totals', 'lol."Totals"', NULL, 'lol.orders', 'id', 'INDIRECT', 'GROUP_BY', false);
SELECT run_id AS full_run FROM dataplat.run_pipeline('lol_totals') \gset
INSERT INTO lol.orders VALUES (3, 30, NULL, NULL);
SELECT run_id AS live_run FROM dataplat.run_pipeline('lol_totals') \gset

-- What the events of a run have, without what differs each time.
CREATE FUNCTION lol.show(event jsonb) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT line FROM jsonb_pretty((regexp_replace(regexp_replace(regexp_replace(event::text, '"postgres://(?!db.example)[^"]*"', '"postgres://…"', 'g'),
        '"([a-zA-Z]*)(Time|runId|version|Version)": "[^"]*"', '"\1\2": "…"', 'g'),
        ', "_producer": "[^"]*"|"_producer": "[^"]*", |"_schemaURL": "[^"]*", |, "_schemaURL": "[^"]*"', '', 'g'))::jsonb) AS p, string_to_table(p, E'\n') AS line $$;
SELECT * FROM lol.show(dataplat.openlineage_event(:full_run, 'START'));
SELECT * FROM lol.show(dataplat.openlineage_event(:live_run));

-- The runId is the same in each event, leads back to the run, and begins with the run's time.
SELECT s -> 'run' ->> 'runId' = c -> 'run' ->> 'runId' AS same, dataplat.openlineage_event(c -> 'run' ->> 'runId', 'COMPLETE') = c AS found,
       dataplat.openlineage_event('pipeline:' || :live_run) = c AS by_kind, substr(c -> 'run' ->> 'runId', 15, 1) AS version,
       (s ->> 'eventTime')::timestamptz <= (c ->> 'eventTime')::timestamptz AS ordered
  FROM dataplat.openlineage_event(:live_run, 'start') AS s, dataplat.openlineage_event(:live_run) AS c;

-- Each facet says whose it is, and by which schema.
CREATE FUNCTION lol.facets(event jsonb) RETURNS TABLE (place text, facet text, body jsonb) LANGUAGE sql AS $$
    SELECT 'run', f.* FROM jsonb_each(event #> '{run,facets}') AS f UNION ALL
    SELECT 'job', f.* FROM jsonb_each(event #> '{job,facets}') AS f UNION ALL
    SELECT p, f.* FROM (VALUES ('inputs'), ('outputs')) AS v (p), jsonb_array_elements(event -> p) AS d,
           jsonb_each((d -> 'facets') || coalesce(d -> 'inputFacets', d -> 'outputFacets')) AS f $$;
SELECT count(*) > 10 AS many, bool_and(body ->> '_producer' LIKE 'https://%' AND body ->> '_schemaURL' ~ '^https://openlineage.io/spec/facets/\d-\d-\d/(\w+)\.json#/\$defs/\1$') AS good
  FROM lol.facets(dataplat.openlineage_event(:full_run));

-- A run that failed; a statement that is too long.
ALTER TABLE lol.orders ADD CHECK (amount < 1000);
SELECT dataplat.set_code_location('pipeline:lol_totals', 'https://git.example/shop/blob/main/totals.sql', path => 'totals.sql', branch => 'main');
SELECT dataplat.set_code_location('pipeline:lol_totals', 'https://me:secret@git.example/x');
SELECT dataplat.set_code_location('totals', 'https://git.example/x');
INSERT INTO dataplat.pipeline_run (pipeline, kind, state, started_at, finished_at, error, sqlstate)
VALUES ('lol_totals', 'live', 'failed', '2026-01-01 10:00Z', '2026-01-01 10:00:01.5Z', 'division by zero', '22012') RETURNING run_id AS failed_run \gset
UPDATE dataplat.pipeline SET query = query || repeat(' ', 70000) WHERE name = 'lol_totals';
SELECT e ->> 'eventType', e ->> 'eventTime', e #> '{run,facets,errorMessage,message}' AS error, length(e #>> '{job,facets,sql,query}') AS length,
       right(e #>> '{job,facets,sql,query}', 24) AS cut, e #>> '{job,facets,sourceCodeLocation,url}' AS code, e #> '{outputs,0,outputFacets}' AS outputs
  FROM dataplat.openlineage_event(:failed_run) AS e;
SELECT dataplat.set_code_location('pipeline:lol_totals', NULL);

-- Rules: what a validation by itself tells, and one inside a run.
INSERT INTO dataplat.expectation_suite (name, description) VALUES ('lol', 'rules of the shop');
INSERT INTO dataplat.expectation (expectation_id, suite, dataset, name, kind, kwargs, null_handling, dimension)
VALUES (-1, 'lol', 'lol.orders', 'amounts', 'expect_column_values_to_be_between', '{"column": "amount", "max_value": 100}', 'skip', 'accuracy'),
       (-2, 'lol', 'lol.orders', 'broken', 'expect_table_row_count_to_be_between', '{}', 'skip', 'accuracy');
INSERT INTO dataplat.validation (dataset, suite, trigger, run_id, success, started_at, finished_at)
VALUES ('lol.orders', 'lol', 'manual', :live_run, false, '2026-01-02 10:00Z', '2026-01-02 10:00:01Z') RETURNING validation_id AS v \gset
INSERT INTO dataplat.validation_result (validation_id, expectation_id, dataset, name, kind, dimension, severity, weight, success, outcome, result, started_at, finished_at)
VALUES (:v, -1, 'lol.orders', 'amounts', 'expect_column_values_to_be_between', 'accuracy', 'error', 1, false, 'FAILED',
        '{"unexpected_count": 2, "element_count": 3, "partial_unexpected_list": [777]}', now(), now()),
       (:v, -2, 'lol.orders', 'broken', 'expect_table_row_count_to_be_between', 'accuracy', 'error', 1, NULL, 'ERROR', '{}', now(), now());
SELECT * FROM lol.show((SELECT jsonb_build_object('type', e -> 'eventType', 'job', e #> '{job,name}', 'parent', e #> '{run,facets,parent,job}',
    'root', e #> '{run,facets,parent,root,job}', 'test', e #> '{run,facets,test}', 'assertions', e #> '{inputs,0,inputFacets,dataQualityAssertions}')
    FROM dataplat.openlineage_event('validation:' || :v) AS e));
SELECT dataplat.openlineage_event('validation:' || :v)::text ~ '777' AS tells_values;

-- A source: a streaming run from create or resume to pause or drop.
CREATE SERVER lol_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" 'broker-1.example:9093,broker-2.example');
SELECT dataplat.create_source('lol_raw', 'lol_shop', 'orders', target => 'lol.raw', layout => 'columns', columns => 'id int, note text', paused => true);
SELECT count(*) FROM dataplat_internal.source_runs(NULL) WHERE source = 'lol_raw';
INSERT INTO dataplat.source_event (event_id, source, kind, at)
VALUES (-5, 'lol_raw', 'resume', '2026-01-01 10:00Z'), (-4, 'lol_raw', 'resume', '2026-01-01 10:01Z'), (-3, 'lol_raw', 'pause', '2026-01-01 10:30Z'),
       (-2, 'lol_raw', 'resume', '2026-01-01 11:00Z');
UPDATE dataplat.source_event SET event_id = -6, at = '2026-01-01 09:00Z' WHERE source = 'lol_raw' AND kind = 'create';
INSERT INTO dataplat.batch (batch_id, source, topic, partition, from_offset, to_offset, rows, dead_letters, bytes, committed_at)
VALUES (-9, 'lol_raw', 'orders', 0, 0, 7, 6, 1, 700, '2026-01-01 10:10:10Z'), (-8, 'lol_raw', 'orders', 0, 7, 10, 3, 0, 300, '2026-01-01 10:10:59.9Z'),
       (-7, 'lol_raw', 'orders', 0, 10, 11, 1, 0, 100, '2026-01-01 10:29:30Z'), (-6, 'lol_raw', 'orders', 0, 11, 12, 1, 0, 100, '2026-01-01 10:40:30Z');
SELECT run, event_type, event_time FROM dataplat_internal.source_run_emit('2026-01-01 00:00Z') WHERE run::bigint < 0;
SELECT run, event_type, event_time FROM dataplat_internal.source_run_emit('2026-01-01 10:20Z') WHERE run::bigint < 0;
SELECT * FROM lol.show(dataplat_internal.openlineage_event_of('source', '-5', 'RUNNING', '2026-01-01 10:11Z'));
SELECT e ->> 'eventType', e ->> 'eventTime', e #> '{outputs,0,outputFacets,outputStatistics,rowCount}' AS rows FROM dataplat.openlineage_event('source:-5') AS e;
SELECT e ->> 'eventType' FROM dataplat.openlineage_event('source:-2') AS e;
SELECT dataplat.openlineage_event('source:-2', 'COMPLETE');

-- Bad input.
SELECT dataplat.openlineage_event(0);
SELECT dataplat.openlineage_event('nonsense');
SELECT dataplat.openlineage_event('00000000-0000-7000-8000-000000000000');
SELECT dataplat.openlineage_event('nobody:1');
SELECT dataplat.openlineage_event(:live_run, 'DONE');
-- Runs are counted on.
SELECT set_config('lol.run', :'live_run', false) IS NOT NULL AS set;
DO $$
BEGIN
    PERFORM dataplat.openlineage_event(current_setting('lol.run')::bigint, 'FAIL');
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING '%', regexp_replace(SQLERRM, 'run \d+', 'run N');
END;
$$;
SELECT dataplat.openlineage_event(NULL::text);
SET dataplat.lineage_namespace = 'postgres://me:secret@db:5432';
SET dataplat.lineage_namespace = 'db:5432';
RESET dataplat.lineage_namespace;
SELECT dataplat_internal.lineage_namespace() ~ '^postgres://[^@/]+:\d+$' AS of_the_server;
SET dataplat.lineage_namespace = 'postgres://db.example:5432';
SELECT node, n.* FROM unnest('{silver.orders,"\"A.b\".\"c\"\"d\"",kafka://lol_shop/orders,kafka://gone/a/b,s3://bucket/path/x,other/thing,mart}'::text[]) AS node, dataplat_internal.openlineage_dataset_name(node) AS n;

SELECT dataplat.drop_source('lol_raw');
SELECT dataplat.drop_pipeline('lol_totals', drop_target => true);
-- A dropped pipeline's run still has its event.
SELECT e ->> 'eventType', e #>> '{outputs,0,name}' AS output, e #> '{job,facets,sql}' AS sql FROM dataplat.openlineage_event(:live_run) AS e;
DELETE FROM dataplat.validation WHERE validation_id = :v;
DELETE FROM dataplat.expectation_suite WHERE name = 'lol';
DELETE FROM dataplat_internal.lineage_edge WHERE job = 'pipeline:lol_totals';
DELETE FROM dataplat.pipeline_run WHERE pipeline = 'lol_totals';
DELETE FROM dataplat.batch WHERE source = 'lol_raw';
DELETE FROM dataplat.source_event WHERE source = 'lol_raw';
DROP SERVER lol_shop;
DROP SCHEMA lol CASCADE;
