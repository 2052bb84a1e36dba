-- quality: kinds that judge what is missing in a column.

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_proportion_of_non_null_values_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.aggregate_plan(ARRAY[$2 ->> 'column'],
               jsonb_build_object('part', format('count(%s)', c.quoted), 'whole', 'count(*)'))
      FROM dataplat_internal.expectation_column($1, $2 ->> 'column') AS c;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_proportion_of_non_null_values_to_be_between(regclass, jsonb) IS 'compile expect_column_proportion_of_non_null_values_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_proportion_of_non_null_values_to_be_between', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}}'::jsonb || dataplat_internal.bounds_arguments(),
    'completeness', 'dataplat_internal.expect_column_proportion_of_non_null_values_to_be_between',
    'the share of values that are not NULL is between bounds; 0 without rows',
    'dataplat_internal.judge_proportion', '{not_null_proportion,proportion_of_non_null_values,has_completeness,hasCompleteness,completeness}');

-- SQL of when a value counts as missing: NULL, one of missing_values, or like
-- missing_regex.
CREATE OR REPLACE FUNCTION dataplat_internal.missing_condition(dataset regclass, kwargs jsonb)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c         record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
    condition text := c.quoted || ' IS NULL';
BEGIN
    IF kwargs ? 'missing_values' THEN
        condition := condition || format(' OR %s = ANY (%s)', c.quoted, dataplat_internal.typed_values(kwargs -> 'missing_values', c.type));
    END IF;
    IF kwargs ? 'missing_regex' THEN
        condition := condition || format(' OR %s::text ~ %L', c.quoted, kwargs ->> 'missing_regex');
    END IF;
    RETURN condition;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.missing_condition(regclass, jsonb) IS 'SQL of when a value counts as missing';

-- An array of a column's type with the values of a JSON array, without nulls.
CREATE OR REPLACE FUNCTION dataplat_internal.typed_values(value_set jsonb, type regtype)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%L::%s[]', ARRAY(SELECT DISTINCT v FROM jsonb_array_elements_text($1) AS v WHERE v IS NOT NULL ORDER BY v), $2);
$$;
COMMENT ON FUNCTION dataplat_internal.typed_values(jsonb, regtype) IS 'SQL array of a type with the values of a JSON array';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_missing_count_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.aggregate_plan(ARRAY[$2 ->> 'column'],
               jsonb_build_object('part', format('count(*) FILTER (WHERE %s)', dataplat_internal.missing_condition($1, $2)), 'whole', 'count(*)'));
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_missing_count_to_be_between(regclass, jsonb) IS 'compile expect_column_missing_count_to_be_between';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_missing_percent_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.aggregate_plan(ARRAY[$2 ->> 'column'],
               jsonb_build_object('part', format('count(*) FILTER (WHERE %s)', dataplat_internal.missing_condition($1, $2)), 'whole', 'count(*)'));
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_missing_percent_to_be_between(regclass, jsonb) IS 'compile expect_column_missing_percent_to_be_between';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_missing_count(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.judged($1, $2 -> 'part');
$$;
COMMENT ON FUNCTION dataplat_internal.judge_missing_count(jsonb, jsonb, bigint) IS 'judge of the number of missing values';

-- As with Soda, nothing is missing in an empty table.
CREATE OR REPLACE FUNCTION dataplat_internal.judge_missing_percent(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.judged($1, to_jsonb(coalesce(100 * ($2 ->> 'part')::float8 / nullif(($2 ->> 'whole')::float8, 0), 0)));
$$;
COMMENT ON FUNCTION dataplat_internal.judge_missing_percent(jsonb, jsonb, bigint) IS 'judge of the share of missing values in percent';

SELECT dataplat_internal.register_expectation_kind('expect_column_missing_count_to_be_between', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "missing_values": {"type": "values"}, "missing_regex": {"type": "regex"}}'::jsonb || dataplat_internal.bounds_arguments(),
    'completeness', 'dataplat_internal.expect_column_missing_count_to_be_between',
    'so many values are NULL, one of missing_values, or like missing_regex',
    'dataplat_internal.judge_missing_count', '{missing_count,null_values,nullValues,missing_values,missingValues}');

SELECT dataplat_internal.register_expectation_kind('expect_column_missing_percent_to_be_between', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "missing_values": {"type": "values"}, "missing_regex": {"type": "regex"}}'::jsonb || dataplat_internal.bounds_arguments(),
    'completeness', 'dataplat_internal.expect_column_missing_percent_to_be_between',
    'such a share (0 to 100) of the values is NULL, one of missing_values, or like missing_regex',
    'dataplat_internal.judge_missing_percent', '{missing_percent}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_to_have_a_value(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.aggregate_plan(ARRAY[$2 ->> 'column'], jsonb_build_object('value', format('count(%s)', c.quoted)))
      FROM dataplat_internal.expectation_column($1, $2 ->> 'column') AS c;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_to_have_a_value(regclass, jsonb) IS 'compile expect_column_to_have_a_value';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_at_least_one(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.judged('{"min_value": 1}', $2 -> 'value');
$$;
COMMENT ON FUNCTION dataplat_internal.judge_at_least_one(jsonb, jsonb, bigint) IS 'judge of a number that must not be 0';

SELECT dataplat_internal.register_expectation_kind('expect_column_to_have_a_value', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}}',
    'completeness', 'dataplat_internal.expect_column_to_have_a_value',
    'at least one value is not NULL',
    'dataplat_internal.judge_at_least_one', '{at_least_one}');
