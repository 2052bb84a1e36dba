/*
 * quality: kinds that judge each row by itself, over several columns or any SQL.
 */

-- ------------------------------------------------------------------ plans

-- The quoted names of several columns.
CREATE OR REPLACE FUNCTION dataplat_internal.expectation_columns(dataset regclass, names jsonb)
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    quoted text[] := '{}';
    one    text;
BEGIN
    IF names IS NULL THEN
        RETURN NULL;
    END IF;
    FOR one IN SELECT n FROM jsonb_array_elements_text(names) WITH ORDINALITY AS u (n, nth) ORDER BY nth LOOP
        quoted := quoted || (dataplat_internal.expectation_column(dataset, one)).quoted;
    END LOOP;
    RETURN quoted;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expectation_columns(regclass, jsonb) IS 'quoted names of columns; fails when one does not exist';

-- ignore_row_if of several columns as SQL.
CREATE OR REPLACE FUNCTION dataplat_internal.ignored_rows(quoted text[], ignore_row_if text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN ignore_row_if IN ('never', 'neither') THEN 'false'
        WHEN ignore_row_if IN ('any_value_is_missing', 'either_value_is_missing') THEN array_to_string(quoted, ' IS NULL OR ') || ' IS NULL'
        ELSE array_to_string(quoted, ' IS NULL AND ') || ' IS NULL' END;
$$;
COMMENT ON FUNCTION dataplat_internal.ignored_rows(text[], text) IS 'which rows an expectation over several columns leaves out';

-- A condition over a pair, written for format().
CREATE OR REPLACE FUNCTION dataplat_internal.pair_plan(dataset regclass, kwargs jsonb, condition text)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q text[] := dataplat_internal.expectation_columns(dataset, jsonb_build_array(kwargs -> 'column_A', kwargs -> 'column_B'));
BEGIN
    RETURN dataplat_internal.row_plan(ARRAY[kwargs ->> 'column_A', kwargs ->> 'column_B'], format('pg_catalog.jsonb_build_array(%s, %s)', q[1], q[2]),
        dataplat_internal.ignored_rows(q, coalesce(kwargs ->> 'ignore_row_if', 'both_values_are_missing')), format(condition, q[1], q[2]));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.pair_plan(regclass, jsonb, text) IS 'plan of a condition over two columns: %1$s and %2$s';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_pair_values_a_to_be_greater_than_b(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.pair_plan(dataset, kwargs,
        CASE WHEN (kwargs ->> 'or_equal')::boolean THEN '%1$s >= %2$s OR (%1$s IS NULL AND %2$s IS NULL)' ELSE '%1$s > %2$s' END);
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_pair_values_a_to_be_greater_than_b(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_pair_values_to_be_equal(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat_internal.pair_plan(dataset, kwargs, '%1$s = %2$s AND %1$s IS NOT NULL AND %2$s IS NOT NULL'); $$;
COMMENT ON FUNCTION dataplat_internal.expect_column_pair_values_to_be_equal(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_pair_values_to_be_in_set(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    a    record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column_A');
    b    record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column_B');
    plan dataplat_internal.expectation_plan := dataplat_internal.pair_plan(dataset, kwargs, 'true');
BEGIN
    -- NULL in a pair stands for a missing value.
    SELECT coalesce(string_agg(format('(%s %s AND %s %s)',
               a.quoted, CASE WHEN p -> 0 = 'null' THEN 'IS NULL' ELSE '= ' || dataplat_internal.expectation_literal(p -> 0, a.type) END,
               b.quoted, CASE WHEN p -> 1 = 'null' THEN 'IS NULL' ELSE '= ' || dataplat_internal.expectation_literal(p -> 1, b.type) END), ' OR ' ORDER BY nth), 'false')
      INTO plan.expected
      FROM jsonb_array_elements(kwargs -> 'value_pairs_set') WITH ORDINALITY AS u (p, nth);
    RETURN plan;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_pair_values_to_be_in_set(regclass, jsonb) IS 'plan of a kind';

-- The values of several columns, as an object.
CREATE OR REPLACE FUNCTION dataplat_internal.columns_plan(dataset regclass, kwargs jsonb, condition text)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names text[] := ARRAY(SELECT n FROM jsonb_array_elements_text(kwargs -> 'column_list') WITH ORDINALITY AS u (n, nth) ORDER BY nth);
    q     text[] := dataplat_internal.expectation_columns(dataset, kwargs -> 'column_list');
BEGIN
    RETURN dataplat_internal.row_plan(names,
        (SELECT 'pg_catalog.jsonb_build_object(' || string_agg(format('%L, %s', names[i], q[i]), ', ' ORDER BY i) || ')' FROM generate_subscripts(q, 1) AS i),
        dataplat_internal.ignored_rows(q, coalesce(kwargs ->> 'ignore_row_if', 'all_values_are_missing')), condition);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.columns_plan(regclass, jsonb, text) IS 'plan of a condition over several columns';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_multicolumn_sum_to_equal(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    total text := array_to_string(dataplat_internal.expectation_columns(dataset, kwargs -> 'column_list'), ' + ');
BEGIN
    RETURN dataplat_internal.columns_plan(dataset, kwargs, format('%s = %s', total, dataplat_internal.expectation_literal(kwargs -> 'sum_total', 'numeric')));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_multicolumn_sum_to_equal(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_multicolumn_values_to_be_equal(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q text[] := dataplat_internal.expectation_columns(dataset, kwargs -> 'column_list');
BEGIN
    RETURN dataplat_internal.columns_plan(dataset, kwargs, coalesce((
        SELECT string_agg(format('%s IS NOT DISTINCT FROM %s', q[1], c), ' AND ' ORDER BY nth) FROM unnest(q[2:]) WITH ORDINALITY AS u (c, nth)), 'true'));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_multicolumn_values_to_be_equal(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_select_column_values_to_be_unique_within_record(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q text[] := dataplat_internal.expectation_columns(dataset, kwargs -> 'column_list');
BEGIN
    RETURN dataplat_internal.columns_plan(dataset, kwargs, coalesce((
        SELECT string_agg(format('%s IS DISTINCT FROM %s', q[i], q[j]), ' AND ' ORDER BY i, j)
          FROM generate_subscripts(q, 1) AS i, generate_subscripts(q, 1) AS j WHERE i < j), 'true'));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_select_column_values_to_be_unique_within_record(regclass, jsonb) IS 'plan of a kind';

-- Any SQL; with a column, rows where it is NULL are left out and its values shown.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_row_values_to_satisfy(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    max_shown CONSTANT int := 40;
    condition text := dataplat_internal.closed_condition(kwargs ->> 'expression');
    names     text[];
BEGIN
    PERFORM dataplat_internal.check_condition(dataset::text, dataplat_internal.expectation_search_path(dataset), kwargs ->> 'expression');
    IF kwargs ? 'column' THEN
        RETURN dataplat_internal.over_column(dataset, kwargs ->> 'column', condition);
    END IF;
    SELECT array_agg(a.attname ORDER BY a.attnum) INTO names
      FROM (SELECT x.attname, x.attnum FROM pg_attribute AS x WHERE x.attrelid = dataset AND x.attnum > 0 AND NOT x.attisdropped ORDER BY x.attnum LIMIT max_shown) AS a;
    RETURN dataplat_internal.row_plan(names, (
        SELECT 'pg_catalog.jsonb_build_object(' || string_agg(format('%L, %I', n, n), ', ') || ')' FROM unnest(names) AS n), NULL, condition);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_row_values_to_satisfy(regclass, jsonb) IS 'plan of a kind';

-- ------------------------------------------------------------------ kinds

SELECT dataplat_internal.register_expectation_kind('expect_column_pair_values_a_to_be_greater_than_b', 'row',
    '{"column_A": {"type": "column", "required": true}, "column_B": {"type": "column", "required": true}, "or_equal": {"type": "boolean"},
      "ignore_row_if": {"type": "text", "choices": ["both_values_are_missing", "either_value_is_missing", "neither"]}}',
    'consistency', 'dataplat_internal.expect_column_pair_values_a_to_be_greater_than_b', 'one column is more than another',
    aliases => '{expect_column_pair_values_A_to_be_greater_than_B,pair_greater,is_greater_than,isGreaterThan}');
SELECT dataplat_internal.register_expectation_kind('expect_column_pair_values_to_be_equal', 'row',
    '{"column_A": {"type": "column", "required": true}, "column_B": {"type": "column", "required": true},
      "ignore_row_if": {"type": "text", "choices": ["both_values_are_missing", "either_value_is_missing", "neither"]}}',
    'consistency', 'dataplat_internal.expect_column_pair_values_to_be_equal', 'two columns are equal', aliases => '{pair_equal}');
SELECT dataplat_internal.register_expectation_kind('expect_column_pair_values_to_be_in_set', 'row',
    '{"column_A": {"type": "column", "required": true}, "column_B": {"type": "column", "required": true}, "value_pairs_set": {"type": "values", "required": true},
      "ignore_row_if": {"type": "text", "choices": ["both_values_are_missing", "either_value_is_missing", "neither"]}}',
    'consistency', 'dataplat_internal.expect_column_pair_values_to_be_in_set', 'the values of two columns together are one of a set of pairs', aliases => '{pair_in_set}');
SELECT dataplat_internal.register_expectation_kind('expect_multicolumn_sum_to_equal', 'row',
    '{"column_list": {"type": "columns", "required": true}, "sum_total": {"type": "number", "required": true},
      "ignore_row_if": {"type": "text", "choices": ["all_values_are_missing", "any_value_is_missing", "never"]}}',
    'consistency', 'dataplat_internal.expect_multicolumn_sum_to_equal', 'the columns of a row add up to a number', aliases => '{multicolumn_sum}');
SELECT dataplat_internal.register_expectation_kind('expect_multicolumn_values_to_be_equal', 'row',
    '{"column_list": {"type": "columns", "required": true}, "ignore_row_if": {"type": "text", "choices": ["all_values_are_missing", "any_value_is_missing", "never"]}}',
    'consistency', 'dataplat_internal.expect_multicolumn_values_to_be_equal', 'the columns of a row are all equal');
SELECT dataplat_internal.register_expectation_kind('expect_select_column_values_to_be_unique_within_record', 'row',
    '{"column_list": {"type": "columns", "required": true}, "ignore_row_if": {"type": "text", "choices": ["all_values_are_missing", "any_value_is_missing", "never"]}}',
    'consistency', 'dataplat_internal.expect_select_column_values_to_be_unique_within_record', 'no two of the columns of a row are equal',
    aliases => '{unique_within_record,expect_multicolumn_values_to_be_unique}');
SELECT dataplat_internal.register_expectation_kind('expect_row_values_to_satisfy', 'row',
    '{"expression": {"type": "sql", "required": true, "aliases": ["sql", "condition", "column_condition", "mustBe"]}, "column": {"type": "column", "aliases": ["column_name"]}}',
    'accuracy', 'dataplat_internal.expect_row_values_to_satisfy', 'any SQL boolean over the columns of a row; rows where it is NULL pass',
    aliases => '{satisfies,expression_is_true,row_satisfies,failed_rows}');
