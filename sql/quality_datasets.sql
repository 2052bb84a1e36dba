-- All sorts of datasets, clocks and numbers; what judging must not do.
\set VERBOSITY terse
\set SHOW_CONTEXT never
\pset null '~'
SET client_min_messages = warning;
SET timezone = 'Asia/Tokyo';
CREATE SCHEMA qset;
CREATE FUNCTION qset.judge(dataset regclass, kind text, kwargs jsonb, OUT success boolean, OUT observed text, OUT error text) LANGUAGE sql AS $$
    SELECT (v ->> 'success')::boolean, coalesce(v #>> '{result,observed_value}', v #>> '{result,unexpected_count}'), v #>> '{exception_info,exception_message}'
      FROM dataplat.validate_expectation(dataset, kind, kwargs) AS v $$;

-- A partitioned table, one of its partitions, a materialized view before and after it is filled, a view over them.
CREATE TABLE qset.part (id int, at timestamp, v numeric, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE qset.part_1 PARTITION OF qset.part FOR VALUES FROM (0) TO (10);
CREATE TABLE qset.part_2 PARTITION OF qset.part FOR VALUES FROM (10) TO (20);
INSERT INTO qset.part SELECT i, timestamp '2024-01-01' + i * interval '1 hour', i FROM generate_series(1, 19) AS i;
CREATE MATERIALIZED VIEW qset.sum AS SELECT id % 2 AS odd, sum(v) AS v FROM qset.part GROUP BY 1 WITH NO DATA;
CREATE VIEW qset."My ""View" AS SELECT odd AS "Odd?", v FROM qset.sum;
SELECT count(dataplat.add_expectation(d::regclass, 'expect_column_sum_to_be_between', '{"column": "v", "min_value": 1}', 'sum'))
  FROM unnest('{qset.part,qset.part_2,qset.sum,"qset.\"My \"\"View\""}'::text[]) AS d;
SELECT count(dataplat.add_expectation(d::regclass, 'unique', '{"column": "id"}', 'unique')) FROM unnest('{qset.part,qset.part_2}'::text[]) AS d;
CREATE FUNCTION qset.all_results(incremental boolean DEFAULT false) RETURNS TABLE (dataset text, name text, outcome text, observed text, error text) LANGUAGE sql AS $$
    SELECT r.dataset, r.name, r.outcome, coalesce(r.result ->> 'observed_value', r.result ->> 'unexpected_count'), r.exception_info ->> 'exception_message'
      FROM (SELECT DISTINCT e.dataset FROM dataplat.expectation AS e WHERE e.dataset LIKE 'qset.%') AS d, dataplat.validate(d.dataset::regclass, incremental => all_results.incremental) AS r ORDER BY 1, 2 $$;
SELECT * FROM qset.all_results();
REFRESH MATERIALIZED VIEW qset.sum;
SELECT * FROM qset.all_results();
SELECT * FROM qset.all_results(true);
INSERT INTO qset.part SELECT 0, NULL, 5;
SELECT * FROM qset.all_results(true);
-- A rule on a table that is dropped is ERROR and stays; the others are judged.
DROP VIEW qset."My ""View";
DROP TABLE qset.part_2 CASCADE;
SELECT dataplat_internal.run_expectations('qset.part_2') AS gone, dataplat_internal.run_expectations('qset.part') AS there \gset
SELECT r.dataset, r.name, r.outcome, r.exception_info ->> 'exception_message' AS error FROM dataplat.validation_result AS r
 WHERE r.validation_id IN (:gone, :there) ORDER BY r.dataset, r.name;
-- What lives as long as a session, or has no rows, gets no rules; the first may be judged.
CREATE TEMP TABLE session_only (a int);
INSERT INTO session_only VALUES (1), (NULL);
SELECT dataplat.add_expectation('session_only', 'not_null', '{"column": "a"}');
SELECT * FROM qset.judge('session_only', 'not_null', '{"column": "a"}');
CREATE SEQUENCE qset.counter;
SELECT dataplat.add_expectation('qset.counter', 'not_null', '{"column": "last_value"}');

-- Freshness: times without zone are in time_zone, which is UTC unless said, whatever the session's zone is.
SELECT k, t.* FROM (VALUES ('{"max_age": "1 hour", "as_of": "2024-01-01 09:30+00"}'::jsonb), ('{"max_age": "1 hour", "as_of": "2024-01-01 11:30+00"}'),
        ('{"max_age": "1 hour", "as_of": "2024-01-01 00:30+00", "time_zone": "Asia/Tokyo"}')) AS v (k), qset.judge('qset.part', 'freshness', '{"column": "at"}' || v.k) AS t;
CREATE TABLE qset.aware (at timestamptz, day date);
INSERT INTO qset.aware VALUES ('2024-01-01 09:00+00', '2024-01-01'), ('infinity', NULL);
SELECT * FROM qset.judge('qset.aware', 'freshness', '{"column": "at", "max_age": "1 hour", "as_of": "2024-01-01 09:30+00", "row_filter": "isfinite(at)"}');
SELECT * FROM qset.judge('qset.aware', 'freshness', '{"column": "at", "max_age": "1 hour"}');

-- NaN and infinity: in rows, among aggregates; bounds of rules are finite.
CREATE TABLE qset.odd (id int PRIMARY KEY, f float8, n numeric, s text);
INSERT INTO qset.odd VALUES (1, 1, 1, 'a'), (2, 'NaN', 'NaN', '<b>'), (3, 'Infinity', 'Infinity', 'b'), (4, '-Infinity', NULL, NULL), (5, NULL, 2, '');
SELECT c, k, t.* FROM unnest('{f,n}'::text[]) AS c, unnest('{min,max,mean,sum,median,stdev,between,in_set,distinct_count,unique}'::text[]) AS k,
       qset.judge('qset.odd', k, jsonb_build_object('column', c) || CASE WHEN k = 'in_set' THEN '{"value_set": [1, 2]}' WHEN k = 'unique' THEN '{}' ELSE '{"min_value": 0}' END::jsonb) AS t ORDER BY c, k;
SELECT dataplat.add_expectation('qset.odd', 'not_null', '{"column": "s"}', mostly => 'NaN');
SELECT dataplat.add_expectation('qset.odd', 'not_null', '{"column": "s"}', weight => 'NaN');

-- What a person reads holds no markup of the data's.
SELECT dataplat.add_expectation('qset.odd', 'in_set', '{"column": "s", "value_set": ["<script>alert(1)</script>"]}', name => '<script>x</script> & "more"') > 0 AS added;
SELECT dataplat.add_expectation('qset.odd', 'satisfies', '{"expression": "s::int > 0"}', name => 'errs') > 0 AS added;
SELECT name, outcome FROM dataplat.validate('qset.odd') ORDER BY name COLLATE "C";
SELECT p LIKE '%<script%' AS script, p LIKE '%&lt;script&gt;x&lt;/script&gt; &amp; &quot;more&quot;%' AS told, p LIKE '%could not be checked%' AS errs
  FROM dataplat.quality_report('qset.odd') AS p;

-- By parts of the business, those below counted in; and what describe says.
SELECT dataplat.create_domain('qset all'), dataplat.create_domain('qset odd', parent => 'qset all');
SELECT dataplat.set_domain('qset.odd', 'qset odd'), dataplat.set_domain('qset.sum', 'qset all');
SELECT domain_name, dimension, round(score::numeric, 3) AS score, passed, evaluated, datasets, expectations, errors FROM dataplat.domain_score() WHERE domain_name LIKE 'qset%';
SELECT s.dimension, s.score = 100 * sum(q.passed) / sum(q.evaluated) AS same FROM dataplat.domain_score('qset all') AS s JOIN dataplat.quality_score() AS q ON q.dataset_name IN ('qset.odd', 'qset.sum') AND q.dimension = s.dimension
 GROUP BY 1, s.score ORDER BY 1;
SELECT dataplat.domain_score('qset nothing');
SELECT dataplat.domain_score('qset all', '0 days');
SELECT regexp_replace(line, '\d{4}-\d\d-\d\d \d\d:\d\d', 'TIME') AS line FROM dataplat.describe('qset.odd') AS d (line) WHERE line ~ '^(Quality|Not so)';

-- All rows that break a rule, now.
INSERT INTO qset.odd SELECT i, i, i, 'zzz' FROM generate_series(10, 40) AS i;
SELECT dataplat.add_expectation('qset.odd', 'unique', '{"column": "s"}', 'twice', null_handling => 'fail') > 0 AS added;
SELECT e.name, count(r), min(r ->> 's') FROM dataplat.expectation AS e, dataplat.unexpected_rows(e.expectation_id) AS r WHERE e.dataset = 'qset.odd' AND e.name <> 'errs' GROUP BY 1 ORDER BY e.name COLLATE "C";
SELECT count(*) FROM dataplat.expectation AS e, dataplat.unexpected_rows(e.expectation_id, 7) AS r WHERE e.dataset = 'qset.odd' AND e.name = 'twice';
SELECT dataplat.unexpected_rows(expectation_id) FROM dataplat.expectation WHERE dataset = 'qset.odd' AND name = 'errs';
SELECT dataplat.unexpected_rows(expectation_id) FROM dataplat.expectation WHERE dataset = 'qset.part' AND name = 'sum';
SELECT dataplat.unexpected_rows(expectation_id) FROM dataplat.expectation WHERE dataset = 'qset.part_2' AND name = 'sum';
SELECT dataplat.unexpected_rows(-1);

-- Rules only read, in runs as elsewhere, whatever their functions say of themselves.
CREATE FUNCTION qset.sly(int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN nextval('qset.counter') > 0; END; $$;
CREATE TABLE qset.source (id int PRIMARY KEY);
SELECT dataplat.create_pipeline('qset_run', target => 'qset.target', keys => '{id}', query => 'SELECT id FROM qset.source', schedule => 'manual');
SELECT dataplat.add_expectation('qset.target', 'satisfies', '{"expression": "qset.sly(id)"}', 'sly') > 0 AS added;
INSERT INTO qset.source VALUES (1);
SELECT state, rows_inserted FROM dataplat.run_pipeline('qset_run');
SELECT r.outcome, r.exception_info ->> 'exception_message' AS error FROM dataplat.validation_result AS r WHERE r.dataset = 'qset.target';
SELECT is_called FROM qset.counter;

-- The same time and tags again replace, other tags stand beside; results judged late are told apart by their time.
SELECT dataplat_internal.record_metric('qset.odd', 's', 'm', v, t::timestamptz, tags => k::jsonb)
  FROM (VALUES (1, '2024-01-01', '{}'), (2, '2024-01-02', '{}'), (3, '2024-01-01', '{}'), (4, '2024-01-01', '{"part": "eu"}'), (NULL, '2024-01-02', '{}')) AS v (v, t, k);
SELECT at AT TIME ZONE 'Asia/Tokyo' AS at, tags, value FROM dataplat.quality_metric WHERE metric = 'm' AND dataset = 'qset.odd' ORDER BY 1, 2;
-- Good, bad, error, bad, good, good: how it fared.
CREATE TABLE qset.flap (a text);
SELECT dataplat.add_expectation('qset.flap', 'satisfies', '{"expression": "a::int > 0"}', 'flaps') > 0 AS added;
DO $$
DECLARE
    v text;
BEGIN
    FOREACH v IN ARRAY '{1,-1,x,-1,1,1}'::text[] LOOP
        TRUNCATE qset.flap;
        INSERT INTO qset.flap VALUES (v), ('5');
        PERFORM count(*) FROM dataplat.validate('qset.flap');
    END LOOP;
END;
$$;
SELECT results, round(pass_rate::numeric, 3) AS pass_rate, slope > 0 AS better, consecutive_failures, first_failed_at, flapping, last_outcome FROM dataplat.quality_trend WHERE dataset = 'qset.flap';
DO $$ BEGIN UPDATE qset.flap SET a = '-1'; PERFORM count(*) FROM dataplat.validate('qset.flap'), generate_series(1, 1); PERFORM count(*) FROM dataplat.validate('qset.flap'); END; $$;
SELECT t.consecutive_failures, t.flapping, t.first_failed_at = (SELECT r.started_at FROM dataplat.validation_result AS r WHERE r.dataset = 'qset.flap' ORDER BY r.validation_id DESC OFFSET 1 LIMIT 1) AS first,
       t.last_success_at < t.first_failed_at AS before FROM dataplat.quality_trend AS t WHERE t.dataset = 'qset.flap';

-- clean up
SELECT dataplat.drop_pipeline('qset_run', drop_target => true);
DELETE FROM dataplat.expectation WHERE dataset LIKE 'qset.%';
DELETE FROM dataplat.validation WHERE dataset LIKE 'qset.%';
DELETE FROM dataplat.quality_metric WHERE dataset LIKE 'qset.%';
DELETE FROM dataplat_internal.expectation_dataset WHERE dataset LIKE 'qset.%';
SELECT dataplat_internal.forget_states('qset.part'), dataplat_internal.forget_states('qset.sum');
DELETE FROM dataplat.expectation_suite WHERE name = 'default' AND NOT EXISTS (SELECT FROM dataplat.expectation WHERE suite = 'default');
SELECT dataplat.set_domain(o, NULL) FROM unnest('{qset.odd,qset.sum}'::text[]) AS o;
SELECT dataplat.drop_domain('qset odd'), dataplat.drop_domain('qset all');
DROP SCHEMA qset CASCADE;
SELECT count(*) FROM dataplat.catalog_orphan AS o WHERE o.object LIKE 'qset.%';
