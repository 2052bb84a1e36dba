--
-- What a validation says: results, formats, severities, errors apart.
--
CREATE SCHEMA quality_validate;
SET search_path = quality_validate;
CREATE TABLE t (id int PRIMARY KEY, a int, b int, s text);
INSERT INTO t VALUES (1, 1, 2, 'x'), (2, 5, 5, 'y'), (3, NULL, 1, NULL), (4, 100, 0, 'x'), (5, 7, NULL, '');

-- The four formats.
SELECT jsonb_pretty(dataplat.validate_expectation('t', 'between', '{"column": "a", "min_value": 2, "max_value": 50}', 'COMPLETE'));
SELECT f, dataplat.validate_expectation('t', 'in_set', '{"column": "s", "value_set": ["x"]}', f) -> 'result' FROM unnest('{BOOLEAN_ONLY,BASIC,SUMMARY}'::text[]) AS f;
-- mostly: 0 is 0, and nothing to judge is no failure
SELECT m, dataplat.validate_expectation('t', 'between', '{"column": "a", "min_value": 2, "max_value": 50}'::jsonb || jsonb_build_object('mostly', m)) -> 'success'
  FROM unnest('{0,0.5,0.51,1}'::numeric[]) AS m;
SELECT dataplat.validate_expectation('t', 'between', '{"column": "a", "min_value": 2, "row_filter": "a IS NULL"}') ;
-- NULL: left out, passing, failing
SELECT n, dataplat.validate_expectation('t', 'pair_greater', '{"column_A": "a", "column_B": "b"}'::jsonb || jsonb_build_object('null_handling', n), 'BASIC') -> 'result'
  FROM unnest('{skip,pass,fail}'::text[]) AS n;
SELECT n, dataplat.validate_expectation('t', 'unique', '{"column": "s"}'::jsonb || jsonb_build_object('null_handling', n), 'BASIC') -> 'result'
  FROM unnest('{skip,fail}'::text[]) AS n;

-- Outcomes by severity and thresholds, as dbt has them.
CREATE FUNCTION outcome(severity text, warn_if text, error_if text, failures bigint) RETURNS text LANGUAGE sql
AS 'SELECT dataplat_internal.expectation_outcome(severity, warn_if, error_if, failures = 0, failures, 200)';
SELECT s, w, e, array_agg(outcome(s, w, e, n) ORDER BY n)
  FROM unnest('{error,warn,critical,info}'::text[]) AS s, (VALUES (NULL, NULL), ('> 10', NULL), (NULL, '> 10'), ('> 1', '>= 5%'), ('between 1 and 4', 'not between 0 and 5')) AS v (w, e),
       unnest('{0,1,5,11}'::bigint[]) AS n
 GROUP BY s, w, e ORDER BY s, w, e;

-- One rule that errs is ERROR, and the others are judged.
SELECT count(dataplat.add_expectation('t', k, kw::jsonb, n, severity => s)) FROM (VALUES
    ('not_null', '{"column": "a"}', 'fails', 'error'), ('not_null', '{"column": "nope"}', 'no column', 'error'),
    ('satisfies', '{"expression": "10 / b > 0"}', 'by zero', 'error'), ('satisfies', '{"expression": "s::int > 0"}', 'no number', 'warn'),
    ('between', '{"column": "a", "min_value": "abc"}', 'no bound', 'error'), ('satisfies', '{"expression": "id > 0"}', 'passes', 'error'),
    ('expect_column_max_to_be_between', '{"column": "a", "max_value": 10}', 'aggregate', 'warn'), ('unique', '{"column": "nope"}', 'no group', 'error'),
    ('unique', '{"column": "s"}', 'repeats', 'warn')) AS v (k, kw, n, s);
SELECT name, outcome, success, evaluated, passed, exception_info ->> 'sqlstate' AS sqlstate, exception_info ->> 'exception_message' AS message
  FROM dataplat.validate('t') ORDER BY name COLLATE "C";
SELECT dataset, trigger, success, finished_at >= started_at FROM dataplat.validation WHERE dataset LIKE 'quality_validate.%';
SELECT count(*) FROM dataplat.validation_result WHERE dataset LIKE 'quality_validate.%';
-- A rule that takes too long spoils no other, either.
SET dataplat.quality_timeout = '300ms';
SELECT dataplat.validate_expectation('t', 'satisfies', '{"expression": "(SELECT count(*) FROM generate_series(1, 1000000000)) > 0"}') #>> '{exception_info,exception_message}';
RESET dataplat.quality_timeout;
-- Rules do not write.
CREATE SEQUENCE counter;
CREATE FUNCTION sly(int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN set_config('quality_validate.x', 'set', false) IS NOT NULL AND nextval('counter') > 0; END; $$;
SELECT dataplat.validate_expectation('t', 'satisfies', '{"expression": "sly(id)"}') #>> '{exception_info,exception_message}';

-- A rolled back run has no results.
BEGIN;
INSERT INTO t VALUES (6, 6, 6, 'z');
SELECT evaluated FROM dataplat.validate('t') WHERE name = 'fails';
ROLLBACK;
SELECT count(*) FROM dataplat.validation WHERE dataset LIKE 'quality_validate.%';

-- Views and odd names are datasets, too; so is a table without columns to show.
CREATE VIEW "My View" AS SELECT id, a AS "the A", s AS "{column}" FROM t;
SELECT dataplat.validate_expectation('"My View"', 'match_regex', '{"column": "{column}", "regex": "{column}|^x$"}', 'BASIC') -> 'result' -> 'partial_unexpected_list';
SELECT dataplat.validate_expectation('"My View"', 'compound_unique', '{"column_list": ["the A", "{column}"]}', 'BASIC') -> 'success';

-- Kinds that Great Expectations does not have for SQL.
CREATE TABLE v (id int PRIMARY KEY, x text);
INSERT INTO v SELECT row_number() OVER (), x FROM unnest('{2024-02-29,2023-02-29,2024-2-9,0000-01-01,31.12.2023 23:59,user@example.com,user@example,a.b+c@x-y.co.uk,@x.de,https://example.com/a?b=c,
    http://localhost:8080,http//x,ftp://[::1]/f,123-45-6789,000-45-6789,4111 1111 1111 1111,4111-1111-1111-1112,5500005555555559,12345," ","",NULL}'::text[]) AS x;
INSERT INTO v VALUES (100, '{"a": 1}'), (101, '{"a": "1"}'), (102, '{"a": 1'), (103, 'null'), (104, '"text"');
SELECT k, dataplat.validate_expectation('v', k, '{"column": "x"}'::jsonb || kw, 'COMPLETE') #> '{result,unexpected_count}' AS unexpected,
       ARRAY(SELECT x FROM v WHERE x IS NOT NULL AND NOT dataplat.validate_expectation('v', k, '{"column": "x"}'::jsonb || kw, 'COMPLETE') #> '{result,unexpected_list}' ? x ORDER BY id) AS expected
  FROM (VALUES ('match_strftime_format', '{"strftime_format": "%Y-%m-%d"}'::jsonb), ('match_strftime_format', '{"strftime_format": "%d.%m.%Y %H:%M"}'), ('contains_email', '{}'), ('contains_url', '{}'),
               ('containsSocialSecurityNumber', '{}'), ('contains_credit_card_number', '{}'), ('json_parseable', '{}'),
               ('match_json_schema', '{"json_schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}')) AS v (k, kw);
SELECT dataplat.validate_expectation('v', 'not_empty_string', '{"column": "x"}') #> '{result,partial_unexpected_list}';
SELECT dataplat.validate_expectation('v', 'match_strftime_format', '{"column": "x", "strftime_format": "%Q"}') #> '{exception_info,exception_message}';
CREATE TABLE w (id int PRIMARY KEY, g int, n int, d date);
INSERT INTO w SELECT i, i % 2, CASE i WHEN 5 THEN 3 WHEN 7 THEN NULL WHEN 4 THEN 3 ELSE i END, date '2024-01-01' + i * 2 FROM generate_series(1, 8) AS i;
SELECT k, kw, dataplat.validate_expectation('w', k, kw, 'BASIC') #> '{result,partial_unexpected_list}'
  FROM (VALUES ('increasing', '{"column": "n"}'::jsonb), ('increasing', '{"column": "n", "strictly": true}'), ('decreasing', '{"column": "n", "order_by": ["id"]}'),
               ('increasing', '{"column": "n", "group_by_columns": ["g"]}'), ('sequential_values', '{"column": "id"}'), ('sequential_values', '{"column": "n"}'),
               ('sequential_values', '{"column": "d", "interval": 2, "datepart": "day"}'), ('sequential_values', '{"column": "d", "datepart": "day", "group_by_columns": ["id"]}')) AS v (k, kw);

SELECT count(*) FROM (SELECT dataplat.drop_expectation(expectation_id) FROM dataplat.expectation WHERE dataset LIKE 'quality_validate.%') AS d;
DELETE FROM dataplat.validation WHERE dataset LIKE 'quality_validate.%';
DELETE FROM dataplat.expectation_suite WHERE name = 'default' AND NOT EXISTS (SELECT FROM dataplat.expectation WHERE suite = 'default');
SET client_min_messages = warning;
DROP SCHEMA quality_validate CASCADE;
