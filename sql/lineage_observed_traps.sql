-- Observed statements: what is easy to get wrong.
SET client_min_messages = warning;
CREATE SCHEMA lt;
CREATE SCHEMA lt_a;
CREATE SCHEMA lt_b;
CREATE TABLE lt.src (id integer PRIMARY KEY, amount numeric, note text);
CREATE TABLE lt.result (id integer, amount numeric, note text);
INSERT INTO lt.src VALUES (1, 2, 'x'), (2, 3, 'y'), (3, 5, 'z');
\pset tuples_only on
CREATE FUNCTION pg_temp.told() RETURNS SETOF text LANGUAGE sql AS $$
    WITH gone AS (DELETE FROM dataplat.observed_statement RETURNING *)
    SELECT concat_ws(' ', command, target, state, calls, rows) FROM gone ORDER BY statement_id
$$;
CREATE FUNCTION pg_temp.edges() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT DISTINCT concat_ws(' ', output_node || COALESCE('.' || output_column, ''), '<-', input_node || COALESCE('.' || input_column, ''), subtype) COLLATE "C" AS edge
      FROM dataplat_internal.lineage_edge WHERE origin = 'observed' AND valid_to IS NULL ORDER BY edge
$$;
SET dataplat.run_id = '0198c4a7-2f7e-7b1a-9c1d-5f0a3e6b7c23';

-- One text in two schemas: each has its own lineage, also when an older plan runs again.
CREATE TABLE lt_a.s (i integer);
CREATE TABLE lt_a.t (i integer);
CREATE TABLE lt_b.s (i integer);
CREATE TABLE lt_b.t (i integer);
CREATE FUNCTION lt_a.f() RETURNS void LANGUAGE plpgsql SET search_path = lt_a AS $$ BEGIN INSERT INTO t SELECT i FROM s; END $$;
CREATE FUNCTION lt_b.f() RETURNS void LANGUAGE plpgsql SET search_path = lt_b AS $$ BEGIN INSERT INTO t SELECT i FROM s; END $$;
SELECT lt_a.f(), lt_b.f();
SELECT lt_a.f();
SELECT pg_temp.told();
SELECT pg_temp.edges();
DELETE FROM dataplat_internal.lineage_edge WHERE origin = 'observed';

-- A temporary table that is changed from itself again and again is seen through once.
CREATE TEMP TABLE work AS SELECT id, amount, note FROM lt.src WHERE note <> 'q';
DO $$
BEGIN
    FOR i IN 1..40 LOOP
        EXECUTE format('UPDATE pg_temp.work SET amount = amount + %s, note = note || id WHERE id > %s AND amount > -%s', i, i % 3, i);
    END LOOP;
END;
$$;
INSERT INTO lt.result SELECT id, amount, note FROM work;
SELECT count(*) FROM pg_temp.told();
SELECT pg_temp.edges();
DELETE FROM dataplat_internal.lineage_edge WHERE origin = 'observed';
DROP TABLE work;

-- A transaction with one snapshot does not see what others told since: the next one tells for it.
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO lt.result (id) SELECT id FROM lt.src;
COMMIT;
SELECT count(*) FROM dataplat.observed_statement;
SELECT pg_temp.told();
DELETE FROM dataplat_internal.lineage_edge WHERE origin = 'observed';

-- Tables of the platform are no datasets, and what a pipeline does is declared.
INSERT INTO lt.result (note) SELECT max(name) FROM dataplat.source;
SELECT pg_temp.told();
SELECT pg_temp.edges();
SELECT dataplat.create_pipeline('lt_totals', target => 'lt.totals', schedule => 'manual', query => 'SELECT note, sum(amount) AS total FROM lt.src GROUP BY note');
SELECT state FROM dataplat.run_pipeline('lt_totals');
INSERT INTO lt.src VALUES (4, 7, 'x');
SELECT state FROM dataplat.run_pipeline('lt_totals');
SELECT pg_temp.told();
SELECT pg_temp.edges();
SELECT dataplat.drop_pipeline('lt_totals');

-- Partitions are written by the name in the statement.
CREATE TABLE lt.parts (id integer, amount numeric) PARTITION BY RANGE (id);
CREATE TABLE lt.parts_1 PARTITION OF lt.parts FOR VALUES FROM (0) TO (2);
CREATE TABLE lt.parts_2 PARTITION OF lt.parts FOR VALUES FROM (2) TO (9);
INSERT INTO lt.parts SELECT id, amount FROM lt.src;
UPDATE lt.parts SET amount = amount + 1 WHERE id > 1;
SELECT pg_temp.told();
SELECT pg_temp.edges();
DELETE FROM dataplat_internal.lineage_edge WHERE origin = 'observed';

-- Tables and columns that are renamed take along what was observed of them; who swaps a table for another keeps it.
INSERT INTO lt.result SELECT id, amount, note FROM lt.src;
ALTER TABLE lt.src RENAME amount TO price;
ALTER TABLE lt.src RENAME TO origin;
SELECT pg_temp.edges();
BEGIN;
CREATE TABLE lt.result_new (id integer, amount numeric, note text);
ALTER TABLE lt.result RENAME TO result_old;
ALTER TABLE lt.result_new RENAME TO result;
DROP TABLE lt.result_old;
COMMIT;
SELECT pg_temp.edges();
SELECT node FROM dataplat.upstream('lt.result.amount');
SELECT count(*) FROM pg_temp.told();

-- What is old is forgotten, its lineage is not.
UPDATE lt.result SET amount = 1;
UPDATE dataplat.observed_statement SET at = at - interval '100 days';
INSERT INTO lt.result (id) VALUES (1);
SELECT dataplat_internal.trim_observed('90 days', 1000);
SELECT pg_temp.told();

RESET dataplat.run_id;
\pset tuples_only off
DROP SCHEMA lt, lt_a, lt_b CASCADE;
DROP FUNCTION pg_temp.told, pg_temp.edges;
DELETE FROM dataplat_internal.lineage_edge WHERE origin = 'observed' OR job = 'pipeline:lt_totals';
DELETE FROM dataplat.observed_statement;
DELETE FROM dataplat.pipeline_event WHERE pipeline = 'lt_totals';
DELETE FROM dataplat.pipeline_run WHERE pipeline = 'lt_totals';
