-- Runs of every kind that events tell of; then the events, one a line.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS dataplat;
ALTER DATABASE :DBNAME SET dataplat.lineage_namespace = 'postgres://db.example:5432';
SET dataplat.lineage_namespace = 'postgres://db.example:5432';
CREATE SCHEMA "Öl";
CREATE SERVER ol_sink FOREIGN DATA WRAPPER dataplat_http OPTIONS (url 'http://127.0.0.1:9/', connect_timeout_ms '100', timeout_ms '200');
SELECT dataplat.set_lineage_endpoint('ol_sink');

-- A source: created, paused, resumed, dropped; its windows by the ledger.
CREATE SERVER ol_kafka FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
SELECT dataplat.create_source('ol_raw', 'ol_kafka', 'orders,returns', target => '"Öl".raw', layout => 'columns', columns => 'id int, note text');
SELECT dataplat.create_source('ol_one', 'ol_kafka', 'one', target => '"Öl".one');
INSERT INTO dataplat.batch (batch_id, source, topic, partition, from_offset, to_offset, rows, bytes, committed_at)
SELECT -i, s, s, 0, i, i + 5, 5, 100, now() + i * interval '1 s' FROM generate_series(1, 3) AS i, (VALUES ('ol_raw'), ('ol_one')) AS v (s);
SELECT dataplat.pause_source('ol_one', 'by hand');
SELECT dataplat.resume_source('ol_one');
SELECT dataplat.drop_source('ol_raw');

-- Pipelines: full, live, with groups, joins and windows, empty, failed, dropped.
CREATE TYPE "Öl".place AS (street text, town text);
CREATE TABLE "Öl"."Orders" (id int PRIMARY KEY, customer int, amount numeric, at "Öl".place, day date DEFAULT '2026-01-01');
COMMENT ON TABLE "Öl"."Orders" IS 'Bestellungen – „alle“';
CREATE TABLE "Öl".customers (id int PRIMARY KEY, name text);
INSERT INTO "Öl"."Orders" SELECT i, i % 3, i * 1.5, ROW('s' || i, NULL)::"Öl".place FROM generate_series(1, 50) AS i;
INSERT INTO "Öl".customers VALUES (0, 'a'), (1, NULL), (2, E'\u2603');
ANALYZE "Öl"."Orders";
SELECT dataplat.create_pipeline('ol_sums', target => '"Öl".sums', keys => '{name}', schedule => 'manual', query => $$
    SELECT coalesce(c.name, '?') AS name, count(*) AS n, sum(o.amount) FILTER (WHERE o.day > '2020-01-01') AS total
      FROM "Öl"."Orders" AS o JOIN "Öl".customers AS c ON c.id = o.customer WHERE o.amount > 1 GROUP BY 1$$);
SELECT dataplat.create_pipeline('ol_div', target => '"Öl".div', keys => '{id}', schedule => 'manual', query => $$ SELECT id, 10 / (id - 60) AS d FROM "Öl"."Orders" $$);
SELECT dataplat.add_tag('"Öl"."Orders"', 'core');
SELECT dataplat.add_tag('"Öl"."Orders".amount', 'money');
SELECT dataplat.set_owner('"Öl"."Orders"', 'team-shop');
SELECT dataplat.run_pipeline('ol_sums');
SELECT dataplat.run_pipeline('ol_div');
INSERT INTO "Öl"."Orders" VALUES (51, 1, 7);
SELECT dataplat.run_pipeline('ol_sums');
INSERT INTO dataplat.pipeline_run (pipeline, kind, state, started_at, finished_at, error, sqlstate)
VALUES ('ol_div', 'live', 'failed', now(), clock_timestamp(), E'division by zero – "\u00fc"', '22012');
SELECT dataplat.set_code_location('pipeline:ol_sums', 'https://git.example.com/shop/blob/main/sums.sql', repo_url => 'https://git.example.com/shop', path => 'sums.sql', version => 'abc');
SELECT dataplat.run_pipeline('ol_sums');
-- Edges as the providers tell them, where there are any yet.
DO $$ BEGIN PERFORM dataplat.refresh_lineage(); EXCEPTION WHEN undefined_function THEN NULL; END $$;
INSERT INTO dataplat_internal.lineage_edge (origin, job, output_node, output_column, input_node, input_column, type, subtype, masking, description)
VALUES ('pipeline', 'pipeline:ol_div', '"Öl".div', 'd', '"Öl"."Orders"', 'id', 'DIRECT', 'TRANSFORMATION', false, 'a quotient'),
       ('pipeline', 'pipeline:ol_div', '"Öl".div', NULL, '"Öl"."Orders"', 'id', 'INDIRECT', 'FILTER', true, NULL);

-- Rules: what validations tell, by themselves and inside a run.
INSERT INTO dataplat.expectation_suite (name, description) VALUES ('ol', 'rules – Regeln');
INSERT INTO dataplat.expectation (expectation_id, suite, dataset, name, kind, kwargs, null_handling, dimension, severity)
VALUES (-1, 'ol', '"Öl"."Orders"', 'amounts', 'expect_column_values_to_be_between', '{"column": "amount", "max_value": 100}', 'skip', 'accuracy', 'warn'),
       (-2, 'ol', '"Öl".sums', 'rows', 'expect_table_row_count_to_be_between', '{"min_value": 1}', 'skip', 'coverage', 'error');
INSERT INTO dataplat.validation (validation_id, dataset, suite, trigger, object, run_id, success, started_at)
VALUES (-1, '"Öl"."Orders"', 'ol', 'manual', NULL, NULL, false, clock_timestamp()),
       (-2, '"Öl".sums', NULL, 'pipeline', 'ol_sums', (SELECT min(run_id) FROM dataplat.pipeline_run WHERE pipeline = 'ol_sums'), true, clock_timestamp()),
       (-3, '"Öl".sums', 'ol', 'retry', 'ol_sums', (SELECT min(run_id) FROM dataplat.pipeline_run WHERE pipeline = 'ol_sums'), true, clock_timestamp());
INSERT INTO dataplat.validation_result (validation_id, expectation_id, dataset, name, kind, dimension, severity, weight, success, outcome, result, started_at, finished_at)
VALUES (-1, -1, '"Öl"."Orders"', 'amounts', 'expect_column_values_to_be_between', 'accuracy', 'warn', 1, false, 'WARN', '{"unexpected_count": 2, "element_count": 3}', now(), now()),
       (-1, -2, '"Öl"."Orders"', 'broken', 'expect_nothing', 'accuracy', 'error', 1, NULL, 'ERROR', '{}', now(), now()),
       (-2, -2, '"Öl".sums', 'rows', 'expect_table_row_count_to_be_between', 'coverage', 'error', 1, true, 'PASSED', '{"observed_value": 3}', now(), now()),
       (-3, -2, '"Öl".sums', 'rows', 'expect_table_row_count_to_be_between', 'coverage', 'error', 1, true, 'PASSED', '{"observed_value": 3}', now(), now());

SELECT dataplat.add_expectation('"Öl"."Orders"', 'expect_column_values_to_not_be_null', '{"column": "at"}', name => 'places', suite => 'ol');
SELECT dataplat.add_expectation('"Öl".sums', 'expect_column_values_to_be_between', '{"column": "n", "max_value": 5}', name => 'few', suite => 'ol', action => 'warn');
SELECT success FROM dataplat.validate('"Öl"."Orders"');
INSERT INTO "Öl"."Orders" VALUES (52, 2, 7);
SELECT dataplat.run_pipeline('ol_sums');

-- All that happened, whatever the clock says of open transactions; and what only a question shows.
UPDATE dataplat.lineage_endpoint SET told_until = '2000-01-01';
SELECT dataplat_internal.fill_lineage_outbox(100000);
SELECT count(*) FILTER (WHERE status = 'failed') AS failed FROM dataplat.lineage_outbox \gset
\if :failed
SELECT last_error FROM dataplat.lineage_outbox WHERE status = 'failed';
\endif
\o :out
SELECT o.event FROM dataplat.lineage_outbox AS o ORDER BY o.event_id;
SELECT dataplat_internal.openlineage_event_of('source', r.run::text, 'RUNNING', now()) FROM dataplat_internal.source_runs(NULL) AS r WHERE r.source LIKE 'ol%';
SELECT dataplat.openlineage_event('validation:-2');
SELECT dataplat.openlineage_event(run_id, t) FROM dataplat.pipeline_run, (VALUES ('START'), ('RUNNING'), ('OTHER')) AS v (t) WHERE pipeline LIKE 'ol%' ORDER BY run_id;
\o
SELECT dataplat.drop_lineage_endpoint('ol_sink');
