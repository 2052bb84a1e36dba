-- Kinds that judge one value of a whole column: sums to kurtosis, what is
-- missing, which values there are.
SET client_min_messages = warning;
CREATE SCHEMA qa;
CREATE TABLE qa.t (id int PRIMARY KEY, i int, n numeric, f float8, s text, d date, "Odd ""name""" text, nothing int);
INSERT INTO qa.t VALUES
    (1, 1, 1.5, 1, 'á', '2024-01-01', 'x', NULL),
    (2, 2, 2.5, 2, 'b', '2024-01-02', 'x', NULL),
    (3, 2, 0.5, 4, 'b', NULL, 'y', NULL),
    (4, 7, NULL, 'NaN', 'N/A', '9999-12-31', NULL, NULL),
    (5, NULL, 10, 'Infinity', '12', '2024-01-05', 'z', NULL);
CREATE TABLE qa.e (LIKE qa.t);
-- What came of it, in short: success, what was observed, what went wrong.
CREATE FUNCTION qa.judge(kind text, kwargs jsonb, dataset regclass DEFAULT 'qa.t')
RETURNS TABLE (success boolean, result jsonb, error text)
LANGUAGE sql
AS $$
    SELECT (v ->> 'success')::boolean, nullif(v -> 'result', '{}'), v #>> '{exception_info,exception_message}'
      FROM dataplat.validate_expectation(dataset, kind, kwargs) AS v;
$$;
\pset null '~'
-- over rows, and over none: nothing is never a success
SELECT w.kind, w.kwargs ->> 'column' AS col, t.success, t.result ->> 'observed_value' AS observed, e.success AS of_none, e.result ->> 'observed_value' AS none
  FROM (VALUES
        ('min', '{"column": "i", "min_value": 1}'::jsonb),
        ('max', '{"column": "i", "max_value": 7, "strict_max": true}'),
        ('max', '{"column": "d", "max_value": "9999-12-31"}'),
        ('min', '{"column": "s", "min_value": "1"}'),
        ('mean', '{"column": "i", "must_be": 3}'),
        ('mean', '{"column": "nothing", "min_value": 0}'),
        ('sum', '{"column": "n", "mustBeBetween": [14, 15]}'),
        ('sum', '{"column": "n", "must_be_not_between": [14, 15]}'),
        ('stdev', '{"column": "i", "max_value": 3}'),
        ('hasStandardDeviation', '{"column": "i", "max_value": 3}'),
        ('variance', '{"column": "i", "must_be_less_than": 8}'),
        ('range', '{"column": "i", "must_be_greater_than": 6}'),
        ('median', '{"column": "n", "must_be_less_than_or_equal": 2}'),
        ('median', '{"column": "d", "min_value": "2024-01-02"}'),
        ('iqr', '{"column": "i", "min_value": 0}'),
        ('min_length', '{"column": "s", "min_value": 1}'),
        ('max_length', '{"column": "i", "max_value": 1}'),
        ('avg_length', '{"column": "s", "max_value": 2}'),
        ('not_null_proportion', '{"column": "i", "min_value": 0.8}'),
        ('missing_count', '{"column": "s", "missing_values": ["N/A", "-"], "missing_regex": "^[0-9]+$", "mustBe": 2}'),
        ('missing_percent', '{"column": "i", "must_be_less_than": 20}'),
        ('at_least_one', '{"column": "nothing"}'),
        ('not_constant', '{"column": "s"}'),
        ('distinct_count', '{"column": "s", "min_value": 4}'),
        ('proportion_of_unique_values', '{"column": "s", "min_value": 0.8}'),
        ('uniqueness', '{"column": "s", "min_value": 0.6}'),
        ('distinctness', '{"column": "s", "min_value": 0.8}'),
        ('unique_value_ratio', '{"column": "s", "min_value": 0.75}'),
        ('uniqueness', '{"column_list": ["s", "i"], "min_value": 1}'),
        ('most_common_value', '{"column": "Odd \"name\"", "value_set": ["x"]}'),
        ('most_common_value', '{"column": "id", "value_set": [3], "ties_okay": true}'),
        ('hasDataType', '{"column": "s", "data_type": "Integral", "min_value": 0.2}'),
        ('hasDataType', '{"column": "i", "data_type": "Integral"}')) AS w (kind, kwargs),
       qa.judge(w.kind, w.kwargs) AS t, qa.judge(w.kind, w.kwargs, 'qa.e') AS e;
-- in rounded figures
SELECT w.kind, t.success, round((t.result ->> 'observed_value')::numeric, 6) AS observed, e.success AS of_none, e.result ->> 'observed_value' AS none
  FROM (VALUES
        ('skewness', '{"column": "i", "min_value": 0}'::jsonb), ('kurtosis', '{"column": "i", "max_value": 0}'), ('entropy', '{"column": "s", "max_value": 2}'),
        ('correlation', '{"column_A": "id", "column_B": "i", "min_value": 0.5}'), ('ratioOfSums', '{"column_A": "i", "column_B": "n"}'),
        ('mutual_information', '{"column_A": "s", "column_B": "i", "min_value": 0}'), ('cramers_phi', '{"column_A": "s", "column_B": "i"}')) AS w (kind, kwargs),
       qa.judge(w.kind, w.kwargs) AS t, qa.judge(w.kind, w.kwargs, 'qa.e') AS e;
-- NaN is no answer; infinity is one
SELECT w.kind, t.success, t.result, t.error
  FROM (VALUES ('min', '{"column": "f", "min_value": 0}'::jsonb), ('max', '{"column": "f", "min_value": 0}'), ('mean', '{"column": "f", "min_value": 0}'),
               ('max', '{"column": "f", "row_filter": "f <> ''NaN''", "min_value": 1e300}')) AS w (kind, kwargs), qa.judge(w.kind, w.kwargs) AS t;
-- quantiles and sets have more to tell
SELECT t.* FROM qa.judge('quantiles', '{"column": "i", "quantile_ranges": {"quantiles": [0.25, 0.5, 1], "value_ranges": [[1, 1], [2.0001, 3], [null, 6]]}}') AS t;
SELECT t.* FROM qa.judge('quantiles', '{"column": "d", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [["2024-01-02", null]]}}', 'qa.e') AS t;
SELECT t.* FROM qa.judge('distinct_values_be_in_set', '{"column": "s", "value_set": ["b", null]}') AS t;
SELECT t.* FROM qa.judge('expect_column_distinct_values_to_contain_set', '{"column": "i", "value_set": [1, 2, 3]}') AS t;
SELECT t.* FROM qa.judge('expect_column_distinct_values_to_equal_set', '{"column": "Odd \"name\"", "value_set": ["x", "y", "z"]}') AS t;
-- what cannot be asked is an error, not a failure
SELECT w.kwargs, t.success, t.error
  FROM (VALUES ('mean', '{"column": "s", "min_value": 1}'::jsonb), ('min', '{"column": "d", "min_value": "soon"}'), ('max', '{"column": "gone", "min_value": 1}'),
               ('missing_count', '{"column": "i", "missing_values": ["N/A"], "must_be": 0}'), ('uniqueness', '{"min_value": 1}'),
               ('distinct_values_be_in_set', '{"column": "i", "value_set": []}'), ('median', '{"column": "i", "must_be_between": [3, 2]}'),
               ('median', '{"column": "d", "min_value": "b", "max_value": "a"}'),
               ('quantiles', '{"column": "i", "quantile_ranges": {"quantiles": [0.5], "value_ranges": []}}')) AS w (kind, kwargs), qa.judge(w.kind, w.kwargs) AS t;
\set VERBOSITY terse
SELECT qa.judge('missing_count', '{"column": "s", "missing_regex": "("}');
SELECT qa.judge('min', '{"column": "i", "min_value": 3, "max_value": 1}');
SELECT qa.judge('min', '{"column": "i", "minimum": 3}');
DROP SCHEMA qa CASCADE;
