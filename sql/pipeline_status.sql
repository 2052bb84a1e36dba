-- How pipelines are doing: states, lag, inputs, problems; running, verifying and waiting by hand.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA pst;
SET search_path = pst, public;
CREATE SERVER pst_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
SELECT dataplat.create_source('pst_raw', 'pst_shop', 'orders', target => 'pst.raw', paused => true);
CREATE TABLE pst.rates (currency text PRIMARY KEY, rate numeric);
INSERT INTO rates VALUES ('EUR', 1), ('USD', 2);
-- What ingest does, by hand: rows and their line in the ledger.
CREATE PROCEDURE pst.ingest(batch bigint, docs jsonb[]) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO pst.raw (_partition, _offset, _batch_id, _ingested_at, value)
    SELECT 0, batch * 100 + n, batch, now(), d FROM unnest(docs) WITH ORDINALITY AS u (d, n);
    INSERT INTO dataplat.batch (batch_id, source, topic, partition, from_offset, to_offset, rows)
    VALUES (batch, 'pst_raw', 'orders', 0, batch * 100 + 1, batch * 100 + 1 + cardinality(docs), cardinality(docs));
END;
$$;
SELECT dataplat.create_pipeline('pst_silver', 'pst.silver', keys => '{id}', sequence_by => 'at', schedule => 'manual', target_lag => '1 hour', query => $$
    SELECT (value->>'id')::bigint AS id, value->>'currency' AS currency, (value->>'amount')::numeric AS amount, (value->>'at')::int AS at FROM raw$$);
SELECT dataplat.create_pipeline('pst_gold', 'pst.gold', schedule => 'manual', query => $$
    SELECT s.currency, count(*) AS orders, sum(s.amount * r.rate) AS amount FROM silver AS s JOIN rates AS r USING (currency) GROUP BY 1$$);

-- Before the first run.
CALL pst.ingest(-1, ARRAY['{"id": 1, "currency": "EUR", "amount": 10, "at": 1}', '{"id": 2, "currency": "USD", "amount": 10, "at": 1}']::jsonb[]);
SELECT pipeline, state, reason, hint, mode, lag_rows, circuit FROM dataplat.pipeline_status WHERE pipeline LIKE 'pst%';
SELECT dataplat.wait_for_pipeline('pst_gold', '0 s');
-- Trying does not change a thing.
SELECT kind, state, rows_inserted FROM dataplat.run_pipeline('pst_silver', commit => false);
SELECT count(*) FROM silver;
SELECT run_id IS NOT NULL AS stored, kind, state, rows_inserted, reason FROM dataplat.run_pipeline('pst_silver');
SELECT kind, rows_inserted, reason FROM dataplat.run_pipeline('pst_gold');
SELECT * FROM gold ORDER BY 1;
SELECT dataplat.wait_for_pipeline('pst_gold', '0 s');
SELECT pipeline, state, reason, lag_rows, lag_seconds, last_run_id IS NOT NULL AS ran FROM dataplat.pipeline_status WHERE pipeline LIKE 'pst%';

-- New rows in bronze, changes in a table: counted, and taken by the next runs.
CALL pst.ingest(-2, ARRAY['{"id": 1, "currency": "EUR", "amount": 15, "at": 2}', '{"id": 3, "currency": "USD", "amount": 5, "at": 2}']::jsonb[]);
UPDATE rates SET rate = 3 WHERE currency = 'USD';
SELECT pipeline, relation, role, pending, frontier IS NOT NULL AS seen FROM dataplat.pipeline_input WHERE pipeline LIKE 'pst%';
SELECT pipeline, state, lag_rows, lag_seconds >= 0 AS dated FROM dataplat.pipeline_status WHERE pipeline LIKE 'pst%';
SET client_min_messages = notice;
SELECT dataplat.wait_for_pipeline('pst_gold', '0 s');
SET client_min_messages = warning;
SELECT kind, rows_in, rows_inserted, rows_updated FROM dataplat.run_pipeline('pst_silver');
SELECT pipeline, relation, pending FROM dataplat.pipeline_input WHERE pipeline LIKE 'pst%';
SELECT kind, rows_in, rows_inserted, rows_updated FROM dataplat.run_pipeline('pst_gold');
SELECT * FROM gold ORDER BY 1;
SELECT dataplat.wait_for_pipeline('pst_gold', '0 s');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT dataplat.wait_for_pipeline('pst_gold', '0 s');
ROLLBACK;
-- Nothing new: no run is recorded.
SELECT run_id, rows_in FROM dataplat.run_pipeline('pst_gold');
SELECT pipeline, kind, state, rows_in FROM dataplat.pipeline_run WHERE pipeline LIKE 'pst%' ORDER BY run_id;

-- A target that somebody edits by hand is seen, and mended.
SELECT * FROM dataplat.verify_pipeline('pst_gold');
UPDATE gold SET orders = 7 WHERE currency = 'EUR';
DELETE FROM gold WHERE currency = 'USD';
INSERT INTO gold VALUES ('XXX', 1, 1);
SELECT * FROM dataplat.verify_pipeline('pst_gold');
SELECT dataplat.rebuild_pipeline('pst_gold');
SELECT state, reason FROM dataplat.pipeline_status WHERE pipeline = 'pst_gold';
SELECT kind, rows_inserted, rows_updated, rows_deleted, reason FROM dataplat.run_pipeline('pst_gold');
SELECT * FROM dataplat.verify_pipeline('pst_gold');
-- Reset empties it.
SELECT dataplat.reset_pipeline('pst_gold');
SELECT count(*) FROM gold;
SELECT kind, rows_inserted FROM dataplat.run_pipeline('pst_gold');

-- Problems, each with its cause and what to do.
UPDATE dataplat_internal.pipeline_state SET state = 'failed', reason = 'division by zero', consecutive_failures = 1 WHERE pipeline = 'pst_silver';
UPDATE dataplat_internal.pipeline_state SET state = 'retrying', circuit = 'open', consecutive_failures = 9, last_error = 'division by zero', next_run_at = '2026-01-01 00:00Z' WHERE pipeline = 'pst_gold';
SET timezone = 'UTC';
SELECT severity, object, problem, cause, action FROM dataplat.health WHERE object LIKE 'pipeline pst%';
SELECT pipeline, state, reason, hint, circuit, last_error FROM dataplat.pipeline_status WHERE pipeline LIKE 'pst%';
SET client_min_messages = notice;
CALL pst.ingest(-3, ARRAY['{"id": 4, "currency": "EUR", "amount": 1, "at": 1}']::jsonb[]);
SELECT dataplat.wait_for_pipeline('pst_gold', '0 s');
SET client_min_messages = warning;
SELECT dataplat.resume_pipeline('pst_silver'), dataplat.resume_pipeline('pst_gold');
SELECT dataplat.pause_pipeline('pst_gold', 'tea');
UPDATE dataplat.pipeline SET paused_at = '2026-01-01 00:00Z' WHERE name = 'pst_gold';
UPDATE dataplat.batch SET committed_at = now() - interval '2 hours' WHERE batch_id = -3;
INSERT INTO dataplat_internal.pipeline_advice (pipeline, problem, cause, action)
VALUES ('pst_gold', 'an index is missing', 'the join with pst.silver reads the whole table', 'CREATE INDEX ON pst.silver (currency);');
SELECT severity, object, problem, CASE problem WHEN 'older than its target lag' THEN '...' ELSE cause END AS cause, action FROM dataplat.health WHERE object LIKE 'pipeline pst%';
UPDATE dataplat.pipeline SET paused_by = 'fuse', paused_at = now() WHERE name = 'pst_gold';
SELECT severity, problem, cause FROM dataplat.health WHERE object = 'pipeline pst_gold' AND severity = 'error';

-- A large table that is looked up by a column without an index; a small one is read whole.
SELECT relation, column_name, other FROM dataplat_internal.pipeline_join WHERE pipeline = 'pst_gold' ORDER BY 1;
UPDATE pg_class SET reltuples = 50000 WHERE oid IN ('pst.silver'::regclass, 'pst.rates'::regclass);
SELECT severity, problem, cause, action FROM dataplat.health WHERE object = 'pipeline pst_gold' AND problem = 'an index is missing' AND cause LIKE 'changes%';
CREATE INDEX ON silver (currency);
UPDATE pg_class SET reltuples = 50000 WHERE oid = 'pst.silver'::regclass;
SELECT count(*) FROM dataplat.health WHERE object = 'pipeline pst_gold' AND problem = 'an index is missing' AND cause LIKE 'changes%';

-- A run that fails by its data names the row's key, and leaves nothing half done.
SELECT dataplat.resume_pipeline('pst_gold');
CALL pst.ingest(-4, ARRAY['{"id": 5, "currency": "EUR", "amount": 1, "at": 1}', '{"id": "x", "currency": "EUR", "amount": 1, "at": 1}']::jsonb[]);
SELECT dataplat.run_pipeline('pst_silver');
SELECT count(*) FROM silver;
-- An input that was dropped.
DROP TABLE rates;
SELECT dataplat.run_pipeline('pst_gold');

SELECT dataplat.drop_pipeline('pst_gold', true), dataplat.drop_pipeline('pst_silver', true);
SELECT dataplat.drop_source('pst_raw', true);
DELETE FROM dataplat.pipeline_run WHERE pipeline LIKE 'pst%';
DELETE FROM dataplat.pipeline_event WHERE pipeline LIKE 'pst%';
DELETE FROM dataplat.batch WHERE source = 'pst_raw';
DROP SERVER pst_shop;
DROP SCHEMA pst CASCADE;
