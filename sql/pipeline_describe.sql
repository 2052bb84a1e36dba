-- One page about each kind of dataset, with what every room has to say of it.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET datestyle = 'ISO, MDY';
CREATE SCHEMA pds;
CREATE ROLE regress_pds_reader;
CREATE SERVER pds_kafka FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
CREATE FOREIGN DATA WRAPPER regress_pds_fdw;
CREATE SERVER regress_pds_far FOREIGN DATA WRAPPER regress_pds_fdw;
SELECT dataplat.create_source('pds_orders', 'pds_kafka', 'pds-topic', target => 'pds.bronze', paused => true);
CREATE TABLE pds.plain (id int PRIMARY KEY, amount numeric NOT NULL, kind text DEFAULT 'new');
COMMENT ON COLUMN pds.plain.amount IS 'in euro';
GRANT SELECT ON pds.plain TO regress_pds_reader;
INSERT INTO pds.plain VALUES (1, 10), (2, 20), (3, 30);
CREATE TABLE pds.parts (day date NOT NULL, n int) PARTITION BY RANGE (day);
CREATE TABLE pds.parts_2026 PARTITION OF pds.parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE FOREIGN TABLE pds.far (id int, note text) SERVER regress_pds_far;
SELECT dataplat.create_pipeline('pds_totals', target => 'pds.totals', schedule => 'manual', query => 'SELECT kind, sum(amount) AS total, count(*) AS n FROM pds.plain GROUP BY kind');
CREATE VIEW pds.shown AS SELECT kind, total / n AS mean FROM pds.totals;
CREATE MATERIALIZED VIEW pds.kept AS SELECT kind, total FROM pds.totals;
SELECT dataplat.add_expectation('pds.totals', 'not_null', '{"column": "total"}', name => 'there is a total') > 0 AS expected;
SELECT state FROM dataplat.run_pipeline('pds_totals');
SELECT name, outcome FROM dataplat.validate('pds.totals');
SELECT dataplat.set_owner('pds.totals', 'finance');
SELECT dataplat.add_exposure('pds board', 'finance', 'dashboard', '{pds.shown}');

-- Sizes, uses and ages differ each time; quality has a test of its own.
DELETE FROM dataplat_internal.describe_section WHERE section = 'quality';
CREATE FUNCTION pg_temp.page(object text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace(line, '\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d(:\d\d)?', 'TIME', 'g'), '(just now|up to now|(up to )?\d+ (seconds|minutes) ago)', 'AGO', 'g')
      FROM dataplat.describe(object) AS line WHERE line !~ '^(Use|Size) ' $$;
\pset tuples_only on
SELECT pg_temp.page('kafka://pds_kafka/pds-topic');
SELECT pg_temp.page('pds.bronze');
SELECT pg_temp.page('pds.plain');
SELECT pg_temp.page('pds.totals');
SELECT pg_temp.page('pds.shown');
SELECT pg_temp.page('pds.kept');
SELECT pg_temp.page('pds.parts');
SELECT pg_temp.page('pds.parts_2026') = pg_temp.page('pds.parts') AS a_partition_is_its_table LIMIT 1;
SELECT pg_temp.page('pds.far');
SELECT pg_temp.page('source:pds_orders');
SELECT pg_temp.page('pipeline:pds_totals');
SELECT pg_temp.page('pds.totals.total');
ROLLBACK;
