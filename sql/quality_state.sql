-- Rules over a growing table read what changed, and find what they would find in all of it.
SET client_min_messages = warning;
\set VERBOSITY terse
SELECT setseed(0.31415);
CREATE SCHEMA qstate;
CREATE TABLE qstate.orders (id bigint, "Total Amount" numeric(10,2), ratio float8, small smallint, status text, paid boolean, day date, at timestamptz);

-- What can be kept of an expression over aggregates, and what cannot.
SELECT term, s ->> 'reason' AS reason, jsonb_path_query_array(s, '$.parts[*].name') AS parts
  FROM (VALUES ('count(*)'), ('sum(x) / nullif(count(*) FILTER (WHERE y <> '')'' AND z > 0), 0)'), ('pg_catalog.stddev_samp("a b" + 1)'),
               ('percentile_cont(0.5) WITHIN GROUP (ORDER BY x)'), ('count(DISTINCT x)::float8 / count(x)'), ('sum(DISTINCT x)'),
               ('count(*) FILTER (WHERE at > now())'), ('count(*) FILTER (WHERE d = current_date)'), ('max(x) - (SELECT 1)'), ('sum(random())'),
               ('count(*) OVER ()'), ('string_agg(x, y)'), ('corr(x, y)'), ('count(*) FILTER (WHERE date_trunc(''day'', at) = d)'), ('NULL::bigint')) AS v (term)
 CROSS JOIN LATERAL dataplat_internal.split_term(v.term) AS s;

-- One rule of each kind that is kept, and some that are not.
SELECT count(dataplat.add_expectation('qstate.orders', kind, kwargs::jsonb, name => name, row_filter => filter))
  FROM (VALUES ('n1', 'not_null', '{"column": "status"}', NULL), ('n2', 'in_set', '{"column": "status", "value_set": ["new", "paid"]}', NULL),
               ('n3', 'between', '{"column": "Total Amount", "min_value": 10, "max_value": 900}', 'paid'), ('n4', 'unique', '{"column": "id"}', NULL),
               ('a1', 'expect_column_min_to_be_between', '{"column": "small", "min_value": 0}', NULL), ('a2', 'expect_column_max_to_be_between', '{"column": "day", "min_value": "2024-01-01"}', NULL),
               ('a3', 'expect_column_mean_to_be_between', '{"column": "Total Amount", "min_value": 0}', NULL), ('a4', 'expect_column_stdev_to_be_between', '{"column": "Total Amount", "min_value": 0}', NULL),
               ('a5', 'expect_column_variance_to_be_between', '{"column": "small", "min_value": 0}', NULL), ('a6', 'expect_column_sum_to_be_between', '{"column": "small", "min_value": 0}', 'NOT paid'),
               ('a7', 'expect_column_mean_to_be_between', '{"column": "ratio", "min_value": 0}', NULL), ('a8', 'expect_column_stdev_to_be_between', '{"column": "ratio", "min_value": 0}', NULL),
               ('a9', 'expect_column_unique_value_count_to_be_between', '{"column": "id", "min_value": 0}', NULL), ('b1', 'expect_column_median_to_be_between', '{"column": "small", "min_value": 0}', NULL),
               ('b2', 'expect_table_row_count_to_be_between', '{"min_value": 1}', NULL), ('b3', 'expect_column_max_to_be_between', '{"column": "status", "max_value": "zz"}', NULL),
               ('b4', 'expect_column_min_to_be_between', '{"column": "at", "min_value": "2020-01-01"}', NULL),
               ('b5', 'expect_column_value_lengths_to_be_between', '{"column": "status", "min_value": 1, "max_value": 6}', NULL),
               ('b6', 'expect_column_distinct_values_to_be_in_set', '{"column": "status", "value_set": ["new", "paid", "lost", "ünïcode", "", "it''s"]}', NULL),
               ('b7', 'expect_column_distinct_values_to_be_in_set', '{"column": "small", "value_set": [1, 2, 3]}', 'small < 5'),
               ('b8', 'expect_column_distinct_values_to_contain_set', '{"column": "status", "value_set": ["new", "paid"]}', NULL),
               ('b9', 'expect_column_distinct_values_to_equal_set', '{"column": "paid", "value_set": [true, false]}', NULL)) AS v (name, kind, kwargs, filter);
SELECT dataplat.keep_values('qstate.orders', 'id');
SELECT dataplat.keep_values('qstate.orders', 'nothing');

CREATE FUNCTION pg_temp.grow(n int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO qstate.orders
    SELECT CASE WHEN random() < 0.05 THEN NULL ELSE (random() * 300)::int END, CASE WHEN random() < 0.1 THEN NULL ELSE round((random() * 1000)::numeric, 2) END,
           CASE WHEN random() < 0.1 THEN NULL ELSE random() * 100 END, CASE WHEN random() < 0.1 THEN NULL ELSE (random() * 200 - 50)::int END,
           (ARRAY['new', 'paid', 'lost', NULL, 'ünïcode', ''])[1 + (random() * 5.9)::int], random() < 0.5, date '2024-01-01' + (random() * 300)::int,
           timestamptz '2024-01-01 00:00+00' + random() * interval '300 days'
      FROM generate_series(1, n);
$$;
-- Results but for lists of examples; numbers are told apart to 12 digits.
CREATE FUNCTION pg_temp.found(incremental boolean) RETURNS TABLE (name text, outcome text, result jsonb) LANGUAGE sql AS $$
    SELECT v.name, v.outcome, v.result - '{incremental,not_incremental_because,partial_unexpected_list,partial_unexpected_counts}'::text[]
           || CASE WHEN jsonb_typeof(v.result -> 'observed_value') = 'number' THEN jsonb_build_object('observed_value', round((v.result -> 'observed_value')::numeric, 9)) ELSE '{}' END
      FROM dataplat.validate('qstate.orders', incremental => found.incremental) AS v;
$$;
-- An empty table, too.
SELECT a.name, a.result AS incremental, b.result AS whole FROM pg_temp.found(true) AS a JOIN pg_temp.found(false) AS b USING (name) WHERE (a.*) IS DISTINCT FROM (b.*);

-- Random changes, sixty times; at each look both ways find the same.
CREATE TEMP TABLE difference (round int, name text, incremental jsonb, whole jsonb);
CREATE TEMP TABLE seen (incremental boolean, reset text);
DO $$
BEGIN
    FOR i IN 1 .. 60 LOOP
        CASE (random() * 6)::int
            WHEN 0 THEN DELETE FROM qstate.orders WHERE random() < 0.05;
            WHEN 1 THEN UPDATE qstate.orders SET small = small + 1, status = 'paid' WHERE random() < 0.05;
            WHEN 2 THEN DELETE FROM qstate.orders WHERE small = (SELECT min(small) FROM qstate.orders);
            WHEN 3 THEN
                BEGIN
                    PERFORM pg_temp.grow(50);
                    RAISE EXCEPTION 'never mind';
                EXCEPTION WHEN raise_exception THEN NULL;
                END;
            ELSE NULL;
        END CASE;
        PERFORM pg_temp.grow((random() * 100)::int);
        IF i IN (25, 50) THEN
            TRUNCATE qstate.orders;
        END IF;
        INSERT INTO difference SELECT i, a.name, a.result, b.result FROM pg_temp.found(true) AS a JOIN pg_temp.found(false) AS b USING (name) WHERE (a.*) IS DISTINCT FROM (b.*);
        INSERT INTO seen SELECT v.incremental, s.reset FROM (SELECT * FROM dataplat.validation WHERE dataset = 'qstate.orders' ORDER BY validation_id DESC OFFSET 1 LIMIT 1) AS v, dataplat_internal.quality_state AS s;
    END LOOP;
END;
$$;
SELECT * FROM difference;
SELECT reset, count(*) > 0 AS seen FROM seen GROUP BY 1 ORDER BY 1;

-- What is read, and why: only the median needs the whole table, and what it lacks a state of.
SELECT pg_temp.grow(20);
SELECT name, result -> 'incremental' AS incremental, result ->> 'not_incremental_because' AS because FROM dataplat.validate('qstate.orders', incremental => true) ORDER BY name;
SELECT s.owner = current_user AS mine, s.reset, s.rows_added, s.rows_removed FROM dataplat_internal.quality_state AS s WHERE s.dataset = 'qstate.orders';
DELETE FROM dataplat.expectation WHERE dataset = 'qstate.orders' AND name IN ('b1', 'b7');
SELECT pg_temp.grow(20);
SELECT count(*) FROM dataplat.validate('qstate.orders', incremental => true);
SELECT incremental FROM dataplat.validation WHERE dataset = 'qstate.orders' ORDER BY validation_id DESC LIMIT 1;
-- A rollback takes the states back as well.
BEGIN;
SELECT pg_temp.grow(20);
SELECT count(*) FROM dataplat.validate('qstate.orders', incremental => true);
ROLLBACK;
SELECT count(*) FROM pg_temp.found(true) AS a JOIN pg_temp.found(false) AS b USING (name) WHERE (a.*) IS DISTINCT FROM (b.*);
-- A column that goes is an error of its rules only.
ALTER TABLE qstate.orders DROP COLUMN small;
SELECT name, outcome FROM dataplat.validate('qstate.orders', incremental => true) WHERE outcome = 'ERROR' ORDER BY name;
-- Another table of the same name is measured afresh.
ALTER TABLE qstate.orders RENAME TO old_orders;
DROP TABLE qstate.old_orders;
CREATE TABLE qstate.orders (id bigint, "Total Amount" numeric(10,2), ratio float8, small smallint, status text, paid boolean, day date, at timestamptz);
SELECT pg_temp.grow(20);
SELECT a.name, a.result AS incremental, b.result AS whole FROM pg_temp.found(true) AS a JOIN pg_temp.found(false) AS b USING (name) WHERE (a.*) IS DISTINCT FROM (b.*);

-- A view has no changes that can be told: it is read as a whole, and says so.
CREATE VIEW qstate.v AS SELECT * FROM qstate.orders;
SELECT count(*) FROM dataplat.validate('qstate.v', incremental => true);
SELECT dataplat.add_expectation('qstate.v', 'not_null', '{"column": "paid"}') > 0 AS added;
SELECT outcome, result -> 'incremental' AS incremental, result ->> 'not_incremental_because' AS because FROM dataplat.validate('qstate.v', incremental => true);

-- Row counts and what aggregates observed are metrics; the same time again replaces.
SELECT DISTINCT column_name, metric FROM dataplat.quality_metric WHERE dataset = 'qstate.orders' ORDER BY 1, 2;
SELECT dataplat_internal.record_metric('qstate.orders', NULL, 'm', 1, '2024-01-01 00:00+00', tags => '{"a": 1}');
SELECT dataplat_internal.record_metric('qstate.orders', NULL, 'm', 2, '2024-01-01 00:00+00', tags => '{"a": 1}');
SELECT column_name, value, tags FROM dataplat.quality_metric WHERE metric = 'm';

DELETE FROM dataplat.quality_metric WHERE dataset LIKE 'qstate.%';
DELETE FROM dataplat.validation WHERE dataset LIKE 'qstate.%';
DELETE FROM dataplat.expectation WHERE dataset LIKE 'qstate.%';
SELECT dataplat.keep_values('qstate.orders', 'id', keep => false);
SELECT dataplat_internal.forget_states('qstate.orders');
DROP SCHEMA qstate CASCADE;
