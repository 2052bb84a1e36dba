-- Rules as they are written for dbt, its packages, Deequ, Soda and Great Expectations.
\set VERBOSITY terse
\set SHOW_CONTEXT never
\pset null '~'
SET client_min_messages = warning;
CREATE SCHEMA qal;
CREATE TABLE qal.t (id int PRIMARY KEY, a int, b int, s text, "Two Words" text, email text, at timestamp);
INSERT INTO qal.t VALUES (1, 1, 2, 'Paris', 'x', 'a@b.org', '2024-01-01 10:00'), (2, 5, 5, 'paris', 'y', 'nobody', '2024-01-01 11:00'), (3, NULL, 1, NULL, NULL, NULL, NULL),
    (4, 0, 0, 'Rome', 'x', 'c@d.org', '2024-01-01 12:00'), (5, 7, 9, 'Rome', 'z', 'e@f.org', '2024-01-02 12:00');
CREATE TABLE qal.o AS SELECT id, a, b, s FROM qal.t WHERE id < 5;
CREATE FUNCTION qal.judge(kind text, kwargs jsonb, OUT success boolean, OUT found text, OUT error text) LANGUAGE sql AS $$
    SELECT (v ->> 'success')::boolean, coalesce(v #>> '{result,observed_value}', v #>> '{result,unexpected_count}'), v #>> '{exception_info,exception_message}'
      FROM dataplat.validate_expectation('qal.t', kind, kwargs) AS v $$;
-- Each name, with the arguments that it has there, and what it is here.
CREATE TABLE qal.name (place serial, whose text, kind text, kwargs jsonb);
INSERT INTO qal.name (whose, kind, kwargs) VALUES
    ('dbt', 'not_null', '{"column_name": "a"}'), ('dbt', 'unique', '{"column_name": "s"}'), ('dbt', 'accepted_values', '{"column_name": "s", "values": ["Rome"]}'),
    ('dbt', 'relationships', '{"column_name": "a", "to": "o", "field": "a"}'), ('dbt', 'not_null', '{"column_name": "a", "where": "id <> 3"}'),
    ('dbt_utils', 'dbt_utils.equal_rowcount', '{"compare_model": "o"}'), ('dbt_utils', 'dbt_utils.fewer_rows_than', '{"compare_model": "o"}'),
    ('dbt_utils', 'dbt_utils.equality', '{"compare_model": "o", "compare_columns": ["id", "a"]}'), ('dbt_utils', 'dbt_utils.expression_is_true', '{"expression": "a <= b"}'),
    ('dbt_utils', 'dbt_utils.expression_is_true', '{"column_name": "a", "expression": ">= 1"}'), ('dbt_utils', 'dbt_utils.expression_is_true', '{"column_name": "Two Words", "expression": "is not null"}'),
    ('dbt_utils', 'dbt_utils.recency', '{"field": "at", "datepart": "day", "interval": 1, "as_of": "2024-01-02 13:00Z"}'), ('dbt_utils', 'dbt_utils.at_least_one', '{"column_name": "a"}'),
    ('dbt_utils', 'dbt_utils.not_constant', '{"column_name": "a"}'), ('dbt_utils', 'dbt_utils.not_empty_string', '{"column_name": "s"}'),
    ('dbt_utils', 'dbt_utils.cardinality_equality', '{"column_name": "s", "to": "o", "field": "s"}'), ('dbt_utils', 'dbt_utils.not_null_proportion', '{"column_name": "a", "at_least": 0.9}'),
    ('dbt_utils', 'dbt_utils.not_accepted_values', '{"column_name": "s", "values": ["Rome"]}'),
    ('dbt_utils', 'dbt_utils.relationships_where', '{"column_name": "a", "to": "o", "field": "a", "from_condition": "id <> 5", "to_condition": "id <> 1"}'),
    ('dbt_utils', 'dbt_utils.mutually_exclusive_ranges', '{"lower_bound_column": "a", "upper_bound_column": "b", "gaps": "allowed", "zero_length_range_allowed": true}'),
    ('dbt_utils', 'dbt_utils.sequential_values', '{"column_name": "id", "interval": 1}'), ('dbt_utils', 'dbt_utils.unique_combination_of_columns', '{"combination_of_columns": ["s", "a"]}'),
    ('dbt_utils', 'dbt_utils.accepted_range', '{"column_name": "a", "min_value": 0, "inclusive": true}'), ('dbt_utils', 'dbt_utils.accepted_range', '{"column_name": "a", "min_value": 0, "inclusive": false}'),
    ('dbt_expectations', 'dbt_expectations.expect_column_values_to_be_between', '{"column_name": "a", "min_value": 0, "strictly": true, "row_condition": "id < 4"}'),
    ('dbt_expectations', 'dbt_expectations.expect_row_values_to_have_recent_data', '{"column_name": "at", "datepart": "hour", "interval": 1, "as_of": "2024-01-02 14:00Z"}'),
    ('dbt_expectations', 'dbt_expectations.expect_grouped_row_values_to_have_recent_data', '{"group_by": ["Two Words"], "timestamp_column": "at", "datepart": "day", "interval": 1, "as_of": "2024-01-02 11:30Z"}'),
    ('dbt_expectations', 'dbt_expectations.expect_table_aggregation_to_equal_other_table', '{"expression": "sum(a)", "compare_model": "o", "row_condition": "id < 5"}'),
    ('dbt_expectations', 'dbt_expectations.expect_table_aggregation_to_equal_other_table', '{"expression": "sum(a)", "compare_model": "o", "group_by": ["s"], "tolerance_percent": 0.01}'),
    ('dbt_expectations', 'dbt_expectations.expect_table_aggregation_to_equal_other_table', '{"expression": "count(*)", "compare_model": "o", "tolerance": 1}'),
    ('dbt_expectations', 'dbt_expectations.expect_table_column_count_to_equal_other_table', '{"compare_model": "o"}'),
    ('dbt_expectations', 'dbt_expectations.expect_table_columns_to_not_contain_set', '{"column_list": ["b", "zip"]}'), ('dbt_expectations', 'dbt_expectations.expect_table_columns_to_contain_set', '{"column_list": ["a", "id"]}'),
    ('dbt_expectations', 'dbt_expectations.expect_table_row_count_to_equal_other_table_times_factor', '{"compare_model": "o", "factor": 1.25}'),
    ('dbt_expectations', 'dbt_expectations.expect_column_values_to_have_consistent_casing', '{"column_name": "s"}'),
    ('dbt_expectations', 'dbt_expectations.expect_column_distinct_count_to_equal', '{"column_name": "s", "value": 3}'), ('dbt_expectations', 'dbt_expectations.expect_column_distinct_count_to_be_greater_than', '{"column_name": "s", "value": 3}'),
    ('dbt_expectations', 'dbt_expectations.expect_column_distinct_count_to_be_less_than', '{"column_name": "s", "value": 4}'),
    ('dbt_expectations', 'dbt_expectations.expect_column_distinct_count_to_equal_other_table', '{"column_name": "s", "compare_model": "o", "compare_column_name": "s"}'),
    ('dbt_expectations', 'dbt_expectations.expect_column_values_to_be_increasing', '{"column_name": "id", "sort_column": "id"}'),
    ('dbt_expectations', 'dbt_expectations.expect_column_values_to_be_of_type', '{"column_name": "a", "column_type": "integer"}'),
    ('dbt_expectations', 'dbt_expectations.expect_column_pair_values_A_to_be_greater_than_B', '{"column_A": "b", "column_B": "a", "or_equal": true}'),
    ('dbt_expectations', 'dbt_expectations.expect_column_values_to_match_regex', '{"column_name": "s", "regex": "^[A-Z]"}'),
    ('deequ', 'hasSize', '{"must_be": 5}'), ('deequ', 'isComplete', '{"column": "a"}'), ('deequ', 'areComplete', '{"columns": ["a", "b"]}'), ('deequ', 'areAnyComplete', '{"columns": ["a", "b"]}'),
    ('deequ', 'haveCompleteness', '{"columns": ["a", "b"], "mostly": 0.8}'), ('deequ', 'hasCompleteness', '{"column": "a", "min_value": 0.8}'), ('deequ', 'isUnique', '{"column": "s"}'), ('deequ', 'isPrimaryKey', '{"columns": ["id"]}'),
    ('deequ', 'hasUniqueness', '{"column": "s", "min_value": 0.5}'), ('deequ', 'hasDistinctness', '{"column": "s", "min_value": 0.5}'), ('deequ', 'hasUniqueValueRatio', '{"column": "s", "min_value": 0.5}'),
    ('deequ', 'hasNumberOfDistinctValues', '{"column": "s", "must_be": 3}'), ('deequ', 'hasApproxCountDistinct', '{"column": "s", "must_be": 3}'), ('deequ', 'hasEntropy', '{"column": "a", "min_value": 1}'),
    ('deequ', 'hasMinLength', '{"column": "s", "min_value": 4}'), ('deequ', 'hasMin', '{"column": "a", "must_be": 0}'), ('deequ', 'hasSum', '{"column": "a", "must_be": 13}'),
    ('deequ', 'satisfies', '{"condition": "a <= b"}'), ('deequ', 'hasPattern', '{"column": "s", "pattern": "^P"}'), ('deequ', 'containsEmail', '{"column": "email"}'), ('deequ', 'hasDataType', '{"column": "a", "data_type": "Integral"}'),
    ('deequ', 'isNonNegative', '{"column": "a"}'), ('deequ', 'isPositive', '{"column": "a"}'), ('deequ', 'isLessThan', '{"columnA": "a", "columnB": "b"}'), ('deequ', 'isLessThanOrEqualTo', '{"columnA": "a", "columnB": "b"}'),
    ('deequ', 'isGreaterThan', '{"columnA": "a", "columnB": "b"}'), ('deequ', 'isGreaterThanOrEqualTo', '{"columnA": "b", "columnB": "a"}'), ('deequ', 'isContainedIn', '{"column": "s", "allowed_values": ["Rome"]}'),
    ('deequ', 'hasColumn', '{"column": "a"}'), ('deequ', 'hasColumnCount', '{"value": 7}'),
    ('soda', 'row_count', '{"must_be_between": [1, 5]}'), ('soda', 'missing_count', '{"column": "a", "must_be": 0}'), ('soda', 'missing_percent', '{"column": "a", "must_be_less_than": 25}'),
    ('soda', 'duplicate_count', '{"column": "s", "must_be": 0}'), ('soda', 'duplicate_count', '{"column": "s", "must_be_less_than": 3}'), ('soda', 'duplicate_count', '{"columns": ["s", "a"]}'),
    ('soda', 'duplicate_percent', '{"column": "s", "must_be_less_than_or_equal": 50}'), ('soda', 'duplicate_percent', '{"column": "s", "must_be_less_than": 50}'), ('soda', 'duplicate_percent', '{"column": "s"}'),
    ('soda', 'invalid_count', '{"column": "s", "valid_values": ["Rome"], "must_be": 2}'), ('soda', 'invalid_count', '{"column": "s", "invalid_values": ["Rome"], "must_be_greater_than_or_equal": 3}'),
    ('soda', 'invalid_percent', '{"column": "a", "valid_min": 1, "valid_max": 6, "must_be_less_than": 51}'), ('soda', 'invalid_percent', '{"column": "s", "valid_regex": "^[A-Z]", "must_be_not_between": [20, 30]}'),
    ('soda', 'invalid_count', '{"column": "s", "valid_length": 4, "filter": "id > 3"}'), ('soda', 'invalid_count', '{"column": "email", "valid_format": "email", "must_be": 1}'),
    ('soda', 'invalid_count', '{"column": "s", "valid_min_length": 5}'), ('soda', 'failed_rows', '{"expression": "a <= b"}'), ('soda', 'failed_rows', '{"query": "SELECT * FROM {batch} WHERE a > b"}'),
    ('soda', 'avg', '{"column": "a", "must_be": 3.25}'), ('soda', 'schema', '{"when_required_column_missing": ["zip"]}'), ('soda', 'reference', '{"column": "a", "reference_dataset": "o", "reference_column": "a"}'),
    ('soda', 'freshness', '{"column": "at", "must_be_less_than": 2, "unit": "hour", "as_of": "2024-01-02 13:00Z"}'),
    ('odcs', 'rowCount', '{"mustBe": 5}'), ('odcs', 'nullValues', '{"column": "a", "mustBe": 1}'), ('odcs', 'nullValues', '{"column": "b"}'), ('odcs', 'duplicateValues', '{"column": "s", "mustBeLessThan": 3}'),
    ('odcs', 'invalidValues', '{"column": "s", "validValues": ["Rome"], "mustBeLessOrEqualTo": 40, "unit": "percent"}'), ('odcs', 'missingValues', '{"column": "s", "missing_values": ["Rome"], "mustBe": 3}');
SELECT n.whose, n.kind, n.kwargs, (r.kind).kind AS is, (r.said) AS with, j.success, j.found, j.error
  FROM qal.name AS n, dataplat_internal.read_expectation(n.kind, n.kwargs) AS r, qal.judge(n.kind, n.kwargs) AS j ORDER BY n.place;
-- All are declared under these names, too, and judged the same.
SELECT count(dataplat.add_expectation('qal.t', n.kind, n.kwargs, 'rule ' || n.place)) FROM qal.name AS n;
SELECT n.place, n.kind, v.success, v.outcome, j.success AS loose FROM dataplat.validate('qal.t') AS v JOIN qal.name AS n ON v.name = 'rule ' || n.place, qal.judge(n.kind, n.kwargs) AS j
 WHERE v.success IS DISTINCT FROM j.success OR v.outcome = 'ERROR' ORDER BY n.place;
-- What stands in kwargs of rules of others counts; what is said beside them counts more.
SELECT dataplat.add_expectation('qal.t', 'soda.duplicate_count', '{"column": "s", "must_be": 0, "level": "warn"}', 'w') > 0, dataplat.add_expectation('qal.t', 'not_null', '{"column": "a", "severity": "warn", "mostly": 0.5}', 'x', mostly => 0.9) > 0;
SELECT name, severity, warn_if, error_if, mostly FROM dataplat.expectation WHERE dataset = 'qal.t' AND name IN ('w', 'x') ORDER BY name;
SELECT name, outcome, success FROM dataplat.validate('qal.t') WHERE name IN ('w', 'x') ORDER BY name;
SELECT dataplat.show_create('qal.t') ~ 'column_list' AS shown;

-- Each kind is found by all that dataplat.expectation_kind lists for it, and no name means two kinds by chance.
SELECT k.kind, a FROM dataplat.expectation_kind AS k, unnest(k.aliases) AS a
 WHERE NOT EXISTS (SELECT FROM dataplat_internal.expectation_kind AS x WHERE x.kind = k.kind AND a = ANY (x.aliases)) AND NOT EXISTS (SELECT FROM dataplat_internal.expectation_alias AS x WHERE x.alias = a AND x.kind = k.kind)
    OR a ~ '[A-Z]' AND (dataplat_internal.find_expectation_kind(a)).kind IS NULL;
SELECT a AS alias, array_agg(k.kind ORDER BY k.kind) AS kinds FROM dataplat.expectation_kind AS k, unnest(k.aliases) AS a GROUP BY a HAVING count(*) > 1 ORDER BY a;

-- What cannot be meant is refused.
SELECT * FROM qal.judge('isPositve', '{"column": "a"}');
SELECT * FROM qal.judge('isPositive', '{"colum": "a"}');
SELECT * FROM qal.judge('invalid_count', '{"column": "a", "valid_values": [1], "must_be_less_than": "many"}');
SELECT * FROM qal.judge('between', '{"column": "a", "must_be_less_than": 5}');
SELECT * FROM qal.judge('aggregation_to_equal_other_table', '{"expression": "sum(a)", "compare_model": "o", "tolerance": 1, "tolerance_percent": 1}');
SELECT * FROM qal.judge('aggregation_to_equal_other_table', '{"expression": "sum(a", "compare_model": "o"}');
SELECT * FROM qal.judge('grouped_recent_data', '{"column": "at", "group_by": ["s"]}');

-- The end of a kind's name is a name of it.
SELECT n.name, (dataplat_internal.find_expectation_kind(n.name)).kind
  FROM unnest('{be_between,be_unique,in_set,not_be_null,pair_values_to_be_equal,value_lengths_to_equal,values_to_be_null,row_count_to_equal}'::text[]) AS n (name);

DELETE FROM dataplat.expectation WHERE dataset LIKE 'qal.%';
DELETE FROM dataplat.validation WHERE dataset LIKE 'qal.%';
DELETE FROM dataplat.quality_metric WHERE dataset LIKE 'qal.%';
DELETE FROM dataplat_internal.expectation_dataset WHERE dataset LIKE 'qal.%';
DELETE FROM dataplat.expectation_suite WHERE name = 'default' AND NOT EXISTS (SELECT FROM dataplat.expectation WHERE suite = 'default');
DROP SCHEMA qal CASCADE;
