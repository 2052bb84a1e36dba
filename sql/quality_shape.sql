-- Kinds that judge which columns there are, and a dataset as a whole.
SET client_min_messages = warning;
CREATE SCHEMA qs;
CREATE TABLE qs.t (id int PRIMARY KEY, name varchar(10), price numeric(10,2), "At" timestamptz, day date);
INSERT INTO qs.t SELECT g, 'n' || g, g, '2024-01-01 00:00Z'::timestamptz + g * interval '30 minutes', date '2024-01-01' + g FROM generate_series(1, 10) AS g WHERE g <> 4;
CREATE TABLE qs.e (LIKE qs.t);
-- What came of it, in short: success, what was observed, what went wrong.
CREATE FUNCTION qs.judge(kind text, kwargs jsonb, dataset regclass DEFAULT 'qs.t')
RETURNS TABLE (success boolean, result jsonb, error text)
LANGUAGE sql
AS $$
    SELECT (v ->> 'success')::boolean, nullif(v -> 'result', '{}'), v #>> '{exception_info,exception_message}'
      FROM dataplat.validate_expectation(dataset, kind, kwargs) AS v;
$$;
\pset null '~'
SELECT w.kind, w.kwargs, t.success, t.result
  FROM (VALUES
        ('column_to_exist', '{"column": "name"}'::jsonb), ('hasColumn', '{"column": "\"at\""}'), ('column_to_exist', '{"column": "id", "column_index": 0}'),
        ('column_to_exist', '{"column": "id", "column_index": 1}'),
        ('table_columns_to_match_set', '{"column_set": ["ID", "NAME", "price", "\"At\"", "day"]}'),
        ('table_columns_to_match_set', '{"column_set": ["id", "name", "nothing"], "exact_match": false}'),
        ('table_columns_to_match_ordered_list', '{"column_list": ["id", "price", "name"]}'),
        ('column_count_to_equal', '{"value": 5}'), ('column_count', '{"must_be_less_than": 5}'),
        ('schema', '{"required": ["id", "name"], "types": {"id": "int4", "name": "varchar(10)", "price": "numeric"}, "indexes": {"id": 0}}'),
        ('schema', '{"required": ["id", "nothing"], "forbidden": ["p*", "na_e"], "types": {"id": "bigint", "gone": "text"}, "indexes": {"day": 1}, "allow_extra_columns": false}'),
        ('of_type', '{"column": "name", "type_": "VARCHAR(10)"}'), ('of_type', '{"column": "name", "type_": "VARCHAR"}'),
        ('in_type_list', '{"column": "price", "type_list": ["BIGINT", "NUMERIC(10, 2)"]}'),
        ('row_count', '{"min_value": 9, "max_value": 9}'), ('row_count_to_equal', '{"value": 10}'),
        ('equal_rowcount', '{"compare_model": "e"}'), ('row_count_to_equal_other_table', '{"other_table": "qs.t", "factor": 1.0}'), ('fewer_rows_than', '{"compare_model": "t"}')) AS w (kind, kwargs),
       qs.judge(w.kind, w.kwargs) AS t;
-- how old is the newest row?  Days have no zone; a day may begin earlier elsewhere
SELECT w.kwargs, t.success, (t.result -> 'observed_value') AS age, t.result #> '{details,age_seconds}' AS seconds, e.success AS of_none
  FROM (VALUES
        ('{"column": "At", "max_age": "1 hour", "as_of": "2024-01-01 06:00:00.9Z"}'::jsonb),
        ('{"column": "At", "max_age": "59 minutes 59 seconds", "as_of": "2024-01-01 06:00:00.9Z"}'),
        ('{"column": "day", "must_be_less_than": 1, "unit": "day", "as_of": "2024-01-11 23:00:00Z"}'),
        ('{"column": "day", "must_be_less_than": 1, "unit": "day", "as_of": "2024-01-11 23:00:00Z", "time_zone": "Pacific/Kiritimati"}'),
        ('{"field": "At", "datepart": "hour", "interval": 3, "as_of": "2024-01-01 08:00Z"}'),
        ('{"column": "At", "max_age": "1 hour", "as_of": "2023-01-01 00:00Z"}')) AS w (kwargs),
       qs.judge('freshness', w.kwargs) AS t, qs.judge('freshness', w.kwargs, 'qs.e') AS e;
SELECT t.error FROM qs.judge('freshness', '{"column": "name", "max_age": "1 hour"}') AS t;
SELECT t.error FROM qs.judge('freshness', '{"column": "At"}') AS t;
SELECT t.error FROM qs.judge('freshness', '{"column": "At", "max_age": "1 hour", "time_zone": "Nowhere"}') AS t;
-- a day without rows
SELECT w.kwargs, t.success, t.result
  FROM (VALUES ('{"column": "day"}'::jsonb), ('{"column": "day", "interval": 2}'), ('{"column": "day", "exclusion_condition": "date_day <> ''2024-01-05''"}'),
               ('{"column": "day", "test_start_date": "2023-12-31", "test_end_date": "2024-01-03"}'), ('{"column": "At", "date_part": "month"}')) AS w (kwargs),
       qs.judge('rows_for_every_datepart', w.kwargs) AS t;
SELECT t.* FROM qs.judge('rows_for_every_datepart', '{"column": "day"}', 'qs.e') AS t;
-- a query of one's own: it only reads, and sees filtered rows
SELECT t.* FROM qs.judge('unexpected_rows', '{"query": "SELECT id FROM {batch} WHERE price > 8 -- dear\n;"}') AS t;
SELECT t.* FROM qs.judge('singular', '{"sql": "SELECT price FROM {batch}", "fail_calc": "sum(price) - 8", "row_filter": "id > 8"}') AS t;
SELECT t.* FROM qs.judge('singular', '{"sql": "SELECT price FROM {batch}", "fail_calc": "sum(price)"}', 'qs.e') AS t;
CREATE FUNCTION qs.spoil() RETURNS int LANGUAGE sql VOLATILE AS $$ DELETE FROM qs.t RETURNING 1 $$;
SELECT t.success, t.error
  FROM (VALUES ('DELETE FROM qs.t RETURNING 1'), ('SELECT qs.spoil()'), ('SELECT 1) SELECT 2; DELETE FROM qs.t; SELECT (1'), ('SELECT nothing FROM {batch}')) AS w (sql),
       qs.judge('singular', jsonb_build_object('sql', w.sql)) AS t;
SET dataplat.quality_timeout = 100;
SELECT t.success, t.error FROM qs.judge('singular', '{"sql": "SELECT 1 FROM generate_series(1, 100000000000)"}') AS t;
RESET dataplat.quality_timeout;
SELECT count(*) FROM qs.t;
-- names are quoted where they need be; what is dropped is an error
ALTER TABLE qs.t RENAME COLUMN name TO "My ""name""";
SELECT t.* FROM qs.judge('of_type', '{"column": "My \"name\"", "type_": "VARCHAR(10)"}') AS t;
SELECT t.success, t.error FROM qs.judge('of_type', '{"column": "name", "type_": "VARCHAR(10)"}') AS t;
SELECT t.success, t.error FROM qs.judge('equal_rowcount', '{"compare_model": "gone"}') AS t;
DROP SCHEMA qs CASCADE;
