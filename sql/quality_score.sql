-- Monitors with learned bounds, scores that SQL can compute again, trends and the report.
\set VERBOSITY terse
\set SHOW_CONTEXT never
SET timezone = 'UTC';
CREATE SCHEMA qs;
CREATE TABLE qs.event (id int PRIMARY KEY, at timestamptz, v int, note text);
INSERT INTO qs.event SELECT i, timestamptz '2026-01-01 00:00Z' + i * interval '10 minutes', i % 50, '<b>' FROM generate_series(0, 144 * 20 - 1) AS i;
CREATE FUNCTION qs.rule(kind text, kwargs jsonb, name text, weight numeric DEFAULT 1) RETURNS text LANGUAGE sql AS $$
    SELECT 'added ' || name FROM dataplat.add_expectation('qs.event', kind, kwargs, name => name, weight => weight) AS id WHERE id > 0 $$;
SELECT qs.rule('not_null', '{"column": "v"}', 'there');
SELECT qs.rule('between', '{"column": "v", "min_value": 0, "max_value": 48}', 'small', 3);
SELECT qs.rule('not_null', '{"column": "gone"}', 'gone');
SELECT qs.rule('volume_anomalies', '{"column": "at", "as_of": "2026-01-21 00:00Z"}', 'volume');
SELECT qs.rule('freshness_anomalies', '{"column": "at", "as_of": "2026-01-21 00:00Z", "sensitivity": 4}', 'silence');
SELECT qs.rule('column_anomalies', '{"metric": "row_count", "strategy": "zscore"}', 'rows');
SELECT v.name, v.outcome, v.result -> 'observed_value' AS observed, v.result -> 'details' AS details FROM dataplat.validate('qs.event') AS v ORDER BY v.name COLLATE "C";

-- Half of the last day is missing.
DELETE FROM qs.event WHERE at >= '2026-01-20 06:00Z' AND id % 3 > 0;
UPDATE qs.event SET v = NULL WHERE id < 10;
SELECT v.name, v.outcome, v.result -> 'observed_value' AS observed, v.result #> '{details,anomalies}' AS anomalies FROM dataplat.validate('qs.event') AS v ORDER BY v.name COLLATE "C";
-- A history that is too short to learn from.
SELECT r -> 'success' AS success, r #> '{result,details}' AS details
  FROM dataplat.validate_expectation('qs.event', 'expect_table_volume_to_be_normal', '{"column": "at", "as_of": "2026-01-05 00:00Z"}') AS r;
SELECT r -> 'success' AS success, r #>> '{exception_info,exception_message}' AS message
  FROM dataplat.validate_expectation('qs.event', 'expect_table_volume_to_be_normal', '{"column": "v"}') AS r;
SELECT r -> 'success' AS success, r #>> '{exception_info,exception_message}' AS message
  FROM dataplat.validate_expectation('qs.event', 'expect_table_volume_to_be_normal', '{"column": "at", "bucket": "1 month"}') AS r;

-- Scores are what the results say; a dataset with an error has less than 100.
SELECT dimension, round(score::numeric, 4) AS score, passed, evaluated, expectations, errors FROM dataplat.quality_score('qs.event');
SELECT s.dimension, s.score = 100 * sum(r.weight * CASE WHEN r.outcome = 'ERROR' THEN 0 ELSE r.passed END) / sum(r.weight * CASE WHEN r.outcome = 'ERROR' THEN 1 ELSE r.evaluated END) AS same
  FROM dataplat.quality_score('qs.event') AS s
  JOIN dataplat.validation_result AS r ON r.dataset = s.dataset_name AND (s.dimension = ':all' OR s.dimension = r.dimension)
 GROUP BY s.dimension, s.score ORDER BY s.dimension COLLATE "C";
SELECT dataplat_internal.record_quality_scores() > 0 AS recorded, dataplat_internal.record_quality_scores() AS again;
SELECT d.dimension, d.score = s.score AS same FROM dataplat.quality_score_day AS d JOIN dataplat.quality_score('qs.event') AS s ON s.dataset_name = d.dataset AND s.dimension = d.dimension
 WHERE d.dataset = 'qs.event' ORDER BY d.dimension COLLATE "C";
SELECT * FROM dataplat.quality_score('qs.nothing');
SELECT * FROM dataplat.quality_score(time_window => '-1 day');

SELECT name, results, pass_rate, slope < 0 AS worse, consecutive_failures, first_failed_at IS NOT NULL AS fails, last_success_at IS NOT NULL AS was_good, flapping, last_outcome
  FROM dataplat.quality_trend WHERE dataset = 'qs.event' ORDER BY name COLLATE "C";

-- The report holds no markup of the data's and no row.
SELECT p LIKE '<!DOCTYPE html>%</html>' || E'\n' AS whole, p LIKE '%Quality of qs.event%' AS titled, p LIKE '%<script%' AS scripts, p LIKE '%column &quot;gone&quot;%' AS says_why,
       (SELECT count(*) FROM regexp_matches(p, '<tr class="', 'g')) AS rules FROM dataplat.quality_report('qs.event') AS p;
SELECT dataplat.quality_report('qs.nothing');

-- Old validations go, the newest result of each expectation stays.
UPDATE dataplat.validation SET started_at = started_at - interval '1 year' WHERE dataset = 'qs.event';
SELECT dataplat_internal.trim_validations('90 days', 1000);
SELECT count(*) FROM dataplat.validation_result WHERE dataset = 'qs.event';

DELETE FROM dataplat.quality_score_day WHERE dataset = 'qs.event';
DELETE FROM dataplat.quality_metric WHERE dataset = 'qs.event';
DELETE FROM dataplat.validation WHERE dataset = 'qs.event';
DELETE FROM dataplat.expectation WHERE dataset = 'qs.event';
SET client_min_messages = warning;
-- A name alone is one of public's.
CREATE TABLE public.qs_here ();
SELECT dataplat_internal.quality_dataset('qs_here') AS here, dataplat_internal.quality_dataset('qs_nowhere') AS nowhere, dataplat_internal.quality_dataset('qs.event') AS event;
DROP TABLE public.qs_here;
DROP SCHEMA qs CASCADE;
