-- Profiles: what columns hold, in one pass, from states that can be merged.
SET client_min_messages = warning;
\set VERBOSITY terse
SET TimeZone = 'UTC';
SET extra_float_digits = 0;
CREATE SCHEMA qprofile;
CREATE TABLE qprofile.t (id int, amount numeric(8,2), ratio float8, status text, code varchar(10), paid boolean, day date, "odd Name" text, doc jsonb, empty int);
INSERT INTO qprofile.t
SELECT i, (i % 50) * 1.5, CASE i % 100 WHEN 7 THEN 'NaN'::float8 WHEN 8 THEN 'Infinity' ELSE i / 8.0 END, (ARRAY['new', 'paid', 'lost', NULL])[1 + i % 4],
       (i % 7)::text, i % 2 = 0, date '2024-01-01' + i % 100, CASE WHEN i % 3 = 0 THEN '' ELSE 'ü' || i % 5 END, jsonb_build_object('a', i % 3), NULL
  FROM generate_series(1, 2000) AS i;
SELECT column_name, type, rows, round(completeness::numeric, 4) AS completeness, approximate_num_distinct_values AS different, distinct_exact AS exact, data_type,
       min_length AS shortest, max_length AS longest, min_value, max_value
  FROM dataplat.profile('qprofile.t', '{amount,status,code,paid,day,"odd Name",doc,empty}');
SELECT column_name, type_counts, histogram FROM dataplat.profile('qprofile.t', '{status,paid,"odd Name",empty}');
-- The numbers are the server's own, to ten digits.
SELECT p.column_name, round(p.mean::numeric, 10) = round(x.mean, 10) AS mean, round(p.sum::numeric, 6) = round(x.sum, 6) AS sum,
       abs(p.variance - x.variance) / x.variance < 1e-10 AS variance, abs(p.std_dev - sqrt(x.variance)) < 1e-9 AS std_dev,
       abs(p.skewness - x.skewness) < 1e-9 AS skewness, abs(p.kurtosis - x.kurtosis) < 1e-9 AS kurtosis, p.minimum = x.min AS minimum, p.maximum = x.max AS maximum,
       p.range = x.max - x.min AS range, p.zeros_count = x.zeros AS zeros, p.not_finite, p.negatives_count
  FROM dataplat.profile('qprofile.t', '{id,amount,ratio}') AS p
  JOIN (SELECT c, avg(v) AS mean, sum(v) AS sum, var_pop(v)::float8 AS variance, min(v)::float8 AS min, max(v)::float8 AS max, count(*) FILTER (WHERE v = 0) AS zeros,
               (avg(power(v - m, 3)) / power(var_pop(v), 1.5))::float8 AS skewness, (avg(power(v - m, 4)) / power(var_pop(v), 2) - 3)::float8 AS kurtosis
          FROM (SELECT c, v, avg(v) OVER (PARTITION BY c) AS m
                  FROM qprofile.t, LATERAL (VALUES ('id', id::numeric), ('amount', amount), ('ratio', CASE WHEN id % 100 NOT IN (7, 8) THEN ratio::numeric END)) AS u (c, v)) AS s
         GROUP BY c) AS x ON x.c = p.column_name
 ORDER BY 1;
-- Percentiles are within half a percent of the ranks, different values within five percent.
SELECT max(abs(p.v / 2000 - nth / 100.0)) < 0.005 AS near FROM dataplat.profile('qprofile.t', '{id}') AS x, unnest(x.approx_percentiles) WITH ORDINALITY AS p (v, nth);
SELECT n, abs(d::float8 / n - 1) < 0.05 AS near
  FROM (VALUES (1500), (20000), (200000)) AS s (n), LATERAL (SELECT (dataplat.column_state_values(dataplat.column_state(g)) ->> 'distinct')::float8 FROM generate_series(1, n) AS g) AS x (d);

-- Merging states is the same as one state of all, whatever the parts.
SELECT whole - '{percentiles,variance,stddev,skewness,kurtosis,mean}'::text[] = merged - '{percentiles,variance,stddev,skewness,kurtosis,mean}'::text[] AS same,
       abs((whole ->> 'kurtosis')::float8 - (merged ->> 'kurtosis')::float8) < 1e-9 AS kurtosis,
       abs((whole -> 'percentiles' ->> 49)::float8 - (merged -> 'percentiles' ->> 49)::float8) < 10 AS median
  FROM (SELECT dataplat.column_state_values(dataplat.column_state(ratio)) AS whole FROM qprofile.t) AS w,
       (SELECT dataplat.column_state_values(dataplat.merge_column_states(s)) AS merged FROM (SELECT dataplat.column_state(ratio) AS s FROM qprofile.t GROUP BY id % 13) AS p) AS m;
SELECT dataplat.column_state_values(dataplat.merge_column_states(s)) -> 'frequencies' AS frequencies FROM (SELECT dataplat.column_state(status) AS s FROM qprofile.t GROUP BY id % 4) AS p;

-- Only what changed is read again, and stands beside the whole.
SELECT count(*), bool_or(incremental_read) AS incremental FROM dataplat.profile('qprofile.t', incremental => true);
INSERT INTO qprofile.t SELECT i, -1, i, 'late', '1234567890', NULL, '2023-12-31', 'x', NULL, i FROM generate_series(3001, 3010) AS i;
CREATE TEMP TABLE a AS SELECT * FROM dataplat.profile('qprofile.t', incremental => true);
CREATE TEMP TABLE b AS SELECT * FROM dataplat.profile('qprofile.t');
SELECT bool_and(incremental_read) AS incremental FROM a;
SELECT a.column_name FROM a JOIN b USING (column_name)
 WHERE (a.rows, a.completeness, a.approximate_num_distinct_values, a.data_type, a.type_counts, a.histogram, a.minimum, a.maximum, a.min_length, a.max_length, round(a.mean::numeric, 9), round(a.kurtosis::numeric, 6))
       IS DISTINCT FROM (b.rows, b.completeness, b.approximate_num_distinct_values, b.data_type, b.type_counts, b.histogram, b.minimum, b.maximum, b.min_length, b.max_length, round(b.mean::numeric, 9), round(b.kurtosis::numeric, 6));
DELETE FROM qprofile.t WHERE id > 3000;
SELECT bool_or(incremental_read) AS incremental, min(rows) AS rows FROM dataplat.profile('qprofile.t', incremental => true);

-- A sample is a sample; an empty table is one, too.
ANALYZE qprofile.t;
SELECT rows < 2000 AS fewer FROM dataplat.profile('qprofile.t', '{id}', 20);
SELECT sample, count(*) FROM dataplat.column_profile WHERE dataset = 'qprofile.t' AND sample IS NOT NULL GROUP BY 1;
CREATE TABLE qprofile.nothing (a int, b text);
SELECT column_name, rows, completeness, approximate_num_distinct_values, data_type FROM dataplat.profile('qprofile.nothing');
-- What is wrong is said.
SELECT dataplat.profile('qprofile.t', '{idd}');
SELECT dataplat.profile('qprofile.t', sample => -1);
SELECT dataplat.column_state_values('\x0102');
SELECT dataplat.column_state_values('\xff');

-- What the contents suggest, and the statement that adds it.
SELECT column_name, rule, kind, left(kwargs::text, 70) AS kwargs, mostly, reason FROM dataplat.suggest_expectations('qprofile.t') WHERE kind NOT LIKE '%length%';
SELECT call FROM dataplat.suggest_expectations('qprofile.t', '{status}') WHERE kind NOT LIKE '%length%';
SELECT count(*) > 5 AS added FROM dataplat.suggest_expectations('qprofile.t', apply => true) WHERE expectation_id IS NOT NULL;
SELECT name, outcome FROM dataplat.validate('qprofile.t') WHERE outcome <> 'PASSED';
SELECT count(*) AS again FROM dataplat.suggest_expectations('qprofile.t', apply => true) WHERE expectation_id IS NOT NULL;

DELETE FROM dataplat.expectation WHERE dataset LIKE 'qprofile.%';
DELETE FROM dataplat.validation WHERE dataset LIKE 'qprofile.%';
DELETE FROM dataplat.quality_metric WHERE dataset LIKE 'qprofile.%';
DELETE FROM dataplat.column_profile WHERE dataset LIKE 'qprofile.%';
SELECT dataplat_internal.forget_states('qprofile.t');
DROP SCHEMA qprofile CASCADE;
