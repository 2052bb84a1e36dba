-- Different values and quantiles about: near the exact ones, and at the cost of what changed.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SCHEMA qapprox;
CREATE TABLE qapprox.t (id int, x float8, word text, doc jsonb);
INSERT INTO qapprox.t SELECT i, (i * 7919 % 20011) / 10.0, 'w' || i % 5000, jsonb_build_object('a', i % 10) FROM generate_series(1, 20000) AS i;
SELECT count(dataplat.add_expectation('qapprox.t', k, kw, n)) FROM (VALUES
    ('unique_value_count', '{"column": "word", "approximate": true, "min_value": 4800, "max_value": 5200}'::jsonb, 'words'), ('hasApproxCountDistinct', '{"column": "doc", "must_be": 10}', 'docs'),
    ('proportion_of_unique_values', '{"column": "id", "approximate": true, "min_value": 0.96}', 'share'), ('median', '{"column": "x", "approximate": true, "min_value": 980, "max_value": 1020}', 'median'),
    ('hasApproxQuantile', '{"column": "x", "quantile_ranges": {"quantiles": [0.1, 0.9], "value_ranges": [[180, 220], [1780, 1820]]}}', 'quantiles'),
    ('iqr', '{"column": "x", "approximate": true, "min_value": 980, "max_value": 1020, "row_filter": "id > 0"}', 'iqr'),
    ('median', '{"column": "word", "approximate": true, "min_value": 1}', 'no number'), ('unique_value_count', '{"column": "word", "must_be": 5000}', 'exact')) AS v (k, kw, n);
SELECT name, outcome, exception_info ->> 'exception_message' AS error FROM dataplat.validate('qapprox.t') ORDER BY name;
-- The first time all of it is read, then what came; both ways see the same.
SELECT name, outcome, result -> 'incremental' AS incremental, result ->> 'not_incremental_because' AS because FROM dataplat.validate('qapprox.t', incremental => true) ORDER BY name;
INSERT INTO qapprox.t SELECT i, 1000, 'new' || i % 100, NULL FROM generate_series(20001, 21000) AS i;
CREATE TEMP TABLE kept AS SELECT * FROM dataplat.validate('qapprox.t', incremental => true);
SELECT name, outcome, result -> 'incremental' AS incremental FROM kept WHERE outcome <> 'ERROR' ORDER BY name;
SELECT k.name FROM kept AS k JOIN dataplat.validate('qapprox.t') AS w USING (name)
 WHERE k.outcome <> w.outcome OR (k.name IN ('words', 'docs', 'share') AND k.result -> 'observed_value' <> w.result -> 'observed_value')
    OR (k.name IN ('median', 'iqr') AND abs((k.result -> 'observed_value')::numeric - (w.result -> 'observed_value')::numeric) > 20);
-- What has gone cannot be taken out of such a state: all is read again.
DELETE FROM qapprox.t WHERE id > 20000;
SELECT name, outcome, result -> 'incremental' AS incremental FROM dataplat.validate('qapprox.t', incremental => true) WHERE name IN ('docs', 'words') ORDER BY name;
TRUNCATE qapprox.t;
SELECT name, success, result -> 'observed_value' AS observed FROM dataplat.validate('qapprox.t', incremental => true) WHERE outcome <> 'ERROR' ORDER BY name;

DELETE FROM dataplat.expectation WHERE dataset LIKE 'qapprox.%';
DELETE FROM dataplat.validation WHERE dataset LIKE 'qapprox.%';
DELETE FROM dataplat.quality_metric WHERE dataset LIKE 'qapprox.%';
DELETE FROM dataplat_internal.expectation_dataset WHERE dataset LIKE 'qapprox.%';
SELECT dataplat_internal.forget_states('qapprox.t');
DELETE FROM dataplat.expectation_suite WHERE name = 'default' AND NOT EXISTS (SELECT FROM dataplat.expectation WHERE suite = 'default');
DROP SCHEMA qapprox CASCADE;
