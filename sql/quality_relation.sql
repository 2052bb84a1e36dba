-- Kinds that judge a dataset against another, and its rows against each other.
SET client_min_messages = warning;
CREATE SCHEMA qr;
CREATE TABLE qr.t (id int PRIMARY KEY, customer int, region text, amount numeric, extra json);
CREATE TABLE qr."Customers" ("Id" int PRIMARY KEY, region text, active boolean, customer int);
INSERT INTO qr."Customers" SELECT g, CASE WHEN g % 2 = 0 THEN 'north' ELSE 'south' END, g < 4, 99 FROM generate_series(1, 5) AS g;
INSERT INTO qr.t VALUES (1, 1, 'south', 1, '{}'), (2, 2, 'south', 2, NULL), (3, 9, 'north', 3, '{}'), (4, NULL, 'north', 4, NULL), (5, 5, NULL, 5, '[1]'), (6, 9, 'west', 5, '{}');
CREATE TABLE qr.copy AS SELECT * FROM qr.t;
CREATE TABLE qr.e (LIKE qr.t);
-- What came of it, in short: success, what was observed, what went wrong.
CREATE FUNCTION qr.judge(kind text, kwargs jsonb, dataset regclass DEFAULT 'qr.t')
RETURNS TABLE (success boolean, result jsonb, error text)
LANGUAGE sql
AS $$
    SELECT (v ->> 'success')::boolean, nullif(v -> 'result', '{}'), v #>> '{exception_info,exception_message}'
      FROM dataplat.validate_expectation(dataset, kind, kwargs) AS v;
$$;
\pset null '~'
-- references: a row with a NULL refers to nothing
SELECT w.kwargs, t.success, t.result ->> 'unexpected_count' AS unexpected, t.result ->> 'missing_count' AS missing, t.result -> 'partial_unexpected_list' AS list, t.error
  FROM (VALUES
        ('{"column": "customer", "to": "\"Customers\"", "field": "Id"}'::jsonb),
        ('{"column": "customer", "to": "qr.\"Customers\"", "field": "Id", "mostly": 0.6}'),
        ('{"column": "customer", "to": "\"Customers\"", "field": "Id", "to_condition": "active"}'),
        ('{"column_list": ["customer", "region"], "to": "\"Customers\"", "other_column_list": ["Id", "region"]}'),
        ('{"column": "customer", "to": "\"Customers\"", "field": "Id", "row_filter": "customer < 9"}'),
        ('{"column": "region", "to": "\"Customers\""}'),
        ('{"column": "customer", "to": "nowhere", "field": "Id"}'),
        ('{"column": "customer", "to": "\"Customers\"", "field": "nothing"}'),
        ('{"column_list": ["customer", "region"], "to": "\"Customers\"", "other_column_list": ["Id"]}'),
        ('{"to": "\"Customers\""}')) AS w (kwargs),
       qr.judge('relationships', w.kwargs) AS t;
SELECT t.success, t.result FROM qr.judge('relationships', '{"column": "customer", "to": "\"Customers\"", "field": "Id"}', 'qr.e') AS t;
-- as often in both
SELECT t.* FROM qr.judge('cardinality_equality', '{"column": "region", "to": "copy"}') AS t;
SELECT t.* FROM qr.judge('cardinality_equality', '{"column": "region", "to": "\"Customers\""}') AS t;
-- the same rows, in both directions
SELECT t.* FROM qr.judge('equality', '{"compare_model": "copy"}') AS t;
UPDATE qr.copy SET amount = 50 WHERE id = 5;
INSERT INTO qr.copy SELECT * FROM qr.copy WHERE id = 1;
SELECT t.* FROM qr.judge('equality', '{"compare_model": "copy"}') AS t;
SELECT t.* FROM qr.judge('equality', '{"compare_model": "copy", "exclude_columns": ["amount"], "ignore_duplicates": true}') AS t;
SELECT t.* FROM qr.judge('equality', '{"compare_model": "t", "columns": ["id"]}', 'qr.e') AS t;
SELECT t.success, t.error FROM qr.judge('equality', '{"compare_model": "\"Customers\""}') AS t;
-- ranges
CREATE TABLE qr.r (who text, lo date, hi date);
INSERT INTO qr.r VALUES ('a', '2024-01-01', '2024-01-05'), ('a', '2024-01-05', '2024-01-09'), ('a', '2024-02-01', '2024-03-01'), ('b', '2024-01-01', '2024-01-04'),
    ('b', '2024-01-03', '2024-01-06'), ('c', '2024-01-01', '2024-01-01'), ('d', '2024-01-01', NULL);
SELECT w.kwargs, t.success, t.result -> 'observed_value' AS off, t.result -> 'partial_unexpected_list' AS list
  FROM (VALUES ('{"partition_by": "who"}'::jsonb), ('{"partition_by": ["who"], "gaps": "not_allowed", "zero_length_range_allowed": true}'),
               ('{"partition_by": "who", "gaps": "required"}'), ('{"row_filter": "who = ''a''"}')) AS w (kwargs),
       qr.judge('mutually_exclusive_ranges', w.kwargs || '{"lower_bound_column": "lo", "upper_bound_column": "hi"}', 'qr.r') AS t;
\set VERBOSITY terse
SELECT qr.judge('mutually_exclusive_ranges', '{"lower_bound_column": "lo", "upper_bound_column": "hi", "gaps": "some"}', 'qr.r');
DROP SCHEMA qr CASCADE;
