/*
 * quality: kinds that Great Expectations does not have and dbt-expectations or
 * Deequ do.
 */

-- All of several columns, or with any_value one of them, hold something.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_multicolumn_values_to_not_be_null(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    glue text := CASE WHEN (kwargs ->> 'any_value')::boolean THEN ' OR ' ELSE ' AND ' END;
    plan dataplat_internal.expectation_plan;
BEGIN
    plan := dataplat_internal.columns_plan(dataset, kwargs, (
        SELECT string_agg(q || ' IS NOT NULL', glue) FROM unnest(dataplat_internal.expectation_columns(dataset, kwargs -> 'column_list')) AS q));
    plan.ignored := NULL;
    RETURN plan;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_multicolumn_values_to_not_be_null(regclass, jsonb) IS 'compile expect_multicolumn_values_to_not_be_null';
SELECT dataplat_internal.register_expectation_kind('expect_multicolumn_values_to_not_be_null', 'row',
    '{"column_list": {"type": "columns", "required": true, "aliases": ["columns"]}, "any_value": {"type": "boolean"}}',
    'completeness', 'dataplat_internal.expect_multicolumn_values_to_not_be_null', 'none of several columns is NULL; with any_value, not all of them are');

-- Paris and PARIS are one value too many.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_have_consistent_casing(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c    record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
    kept text := format('%s::text COLLATE "C"', c.quoted);
BEGIN
    RETURN dataplat_internal.row_plan(ARRAY[kwargs ->> 'column'], c.quoted, c.quoted || ' IS NULL',
        format('min(%1$s) OVER (PARTITION BY lower(%2$s::text)) = max(%1$s) OVER (PARTITION BY lower(%2$s::text))', kept, c.quoted));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_have_consistent_casing(regclass, jsonb) IS 'compile expect_column_values_to_have_consistent_casing';
SELECT dataplat_internal.register_column_kind('expect_column_values_to_have_consistent_casing', 'consistency', '{}',
    'no two values differ by upper and lower case only', '{consistent_casing}', 'group');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_table_column_count_to_equal_other_table(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.query_plan('{}', format(
        'SELECT jsonb_build_object(''self'', count(*) FILTER (WHERE a.attrelid = %1$s), ''other'', count(*) FILTER (WHERE a.attrelid = %2$s))'
        '  FROM pg_catalog.pg_attribute AS a WHERE a.attrelid IN (%1$s, %2$s) AND a.attnum > 0 AND NOT a.attisdropped',
        $1::oid, dataplat_internal.other_relation($1, $2 ->> 'other_table_name')::regclass::oid));
$$;
COMMENT ON FUNCTION dataplat_internal.expect_table_column_count_to_equal_other_table(regclass, jsonb) IS 'compile expect_table_column_count_to_equal_other_table';
SELECT dataplat_internal.register_expectation_kind('expect_table_column_count_to_equal_other_table', 'query',
    '{"other_table_name": {"type": "relation", "required": true, "aliases": ["other_table", "to", "compare_model", "compare_to", "reference_dataset"]}}',
    'conformity', 'dataplat_internal.expect_table_column_count_to_equal_other_table', 'there are as many columns as in another table',
    'dataplat_internal.judge_other_count', '{column_count_to_equal_other_table}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_unique_value_count_to_equal_other_table(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other text := dataplat_internal.other_relation(dataset, kwargs ->> 'other_table_name');
BEGIN
    RETURN dataplat_internal.query_plan(ARRAY[kwargs ->> 'column'], format(
        'SELECT jsonb_build_object(''self'', (SELECT count(DISTINCT r.%s) FROM dataplat_rows AS r), ''other'', (SELECT count(DISTINCT o.%s) FROM %s AS o))',
        (dataplat_internal.expectation_column(dataset, kwargs ->> 'column')).quoted,
        (dataplat_internal.expectation_column(other::regclass, coalesce(kwargs ->> 'other_column', kwargs ->> 'column'))).quoted, other));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_unique_value_count_to_equal_other_table(regclass, jsonb) IS 'compile expect_column_unique_value_count_to_equal_other_table';
SELECT dataplat_internal.register_expectation_kind('expect_column_unique_value_count_to_equal_other_table', 'query',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "other_table_name": {"type": "relation", "required": true, "aliases": ["other_table", "to", "compare_model", "compare_to", "reference_dataset"]},
      "other_column": {"type": "text", "aliases": ["field", "compare_column_name"]}}',
    'consistency', 'dataplat_internal.expect_column_unique_value_count_to_equal_other_table', 'a column has as many different values as a column of another table',
    'dataplat_internal.judge_other_count', '{column_distinct_count_to_equal_other_table,distinct_count_to_equal_other_table}');

-- An aggregate, by groups, is what it is in another table; tolerance is an
-- amount, tolerance_percent a share (0.01: one in a hundred).
CREATE OR REPLACE FUNCTION dataplat_internal.expect_table_aggregation_to_equal_other_table(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other  text := dataplat_internal.other_relation(dataset, kwargs ->> 'other_table_name');
    mine   text[] := coalesce(dataplat_internal.expectation_columns(dataset, kwargs -> 'group_by'), '{}');
    theirs text[] := coalesce(dataplat_internal.expectation_columns(other::regclass, coalesce(kwargs -> 'compare_group_by', kwargs -> 'group_by')), '{}');
    near   text := coalesce(format('abs(m.v::numeric - t.v::numeric) <= %L::numeric', kwargs ->> 'tolerance'),
                            format('abs(m.v::numeric - t.v::numeric) <= %L::numeric * abs(t.v::numeric)', kwargs ->> 'tolerance_percent'));
    side   CONSTANT text := 'SELECT jsonb_build_array(%1$s) AS g, to_jsonb((%2$s
)) AS v FROM %3$s%4$s';
BEGIN
    IF NOT kwargs ?| '{tolerance,tolerance_percent}'::text[] THEN
        near := 'false';
    ELSIF kwargs ?& '{tolerance,tolerance_percent}'::text[] THEN
        RAISE EXCEPTION 'tolerance and tolerance_percent exclude each other' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN dataplat_internal.query_plan(ARRAY(SELECT jsonb_array_elements_text(coalesce(kwargs -> 'group_by', '[]'))), format(
        'WITH mine AS (%s), theirs AS (%s),'
        '     off AS (SELECT coalesce(m.g, t.g) AS g, m.v AS here, t.v AS there FROM mine AS m FULL JOIN theirs AS t ON t.g = m.g'
        '              WHERE m.g IS NULL OR t.g IS NULL OR (m.v IS DISTINCT FROM t.v AND NOT coalesce(%s, false)))'
        'SELECT jsonb_build_object(''unexpected_count'', (SELECT count(*) FROM off), ''unexpected'','
        ' (SELECT coalesce(jsonb_agg(jsonb_build_object(''group'', l.g, ''self'', l.here, ''other'', l.there) ORDER BY l.g), ''[]'') FROM (SELECT * FROM off ORDER BY g LIMIT 20) AS l))',
        format(side, array_to_string(mine, ', '), kwargs ->> 'expression', 'dataplat_rows', coalesce(' GROUP BY ' || NULLIF(array_to_string(mine, ', '), ''), '')),
        format(side, array_to_string(theirs, ', '), coalesce(kwargs ->> 'compare_expression', kwargs ->> 'expression'),
               other || coalesce(' WHERE (' || (kwargs ->> 'other_filter') || E'\n)', ''), coalesce(' GROUP BY ' || NULLIF(array_to_string(theirs, ', '), ''), '')), near));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_table_aggregation_to_equal_other_table(regclass, jsonb) IS 'compile expect_table_aggregation_to_equal_other_table';
SELECT dataplat_internal.register_expectation_kind('expect_table_aggregation_to_equal_other_table', 'query',
    '{"expression": {"type": "sql", "required": true}, "other_table_name": {"type": "relation", "required": true, "aliases": ["other_table", "to", "compare_model", "compare_to", "reference_dataset"]},
      "compare_expression": {"type": "sql"}, "group_by": {"type": "columns"}, "compare_group_by": {"type": "columns"}, "other_filter": {"type": "sql", "aliases": ["compare_row_condition", "to_condition"]},
      "tolerance": {"type": "number", "min": 0}, "tolerance_percent": {"type": "number", "min": 0}}',
    'consistency', 'dataplat_internal.expect_table_aggregation_to_equal_other_table',
    'an aggregate, in each group of group_by, is what it is in another table, give or take tolerance or a share of it (tolerance_percent 0.01)',
    'dataplat_internal.judge_no_unexpected', '{aggregation_to_equal_other_table}');

-- Freshness of each group; none at all is stale, too.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_grouped_row_values_to_have_recent_data(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c      record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
    listed text := array_to_string(dataplat_internal.expectation_columns(dataset, kwargs -> 'group_by'), ', ');
    age    interval := coalesce((kwargs ->> 'max_age')::interval, make_interval(secs => (kwargs ->> 'interval')::float8 * extract(epoch FROM ('1 ' || coalesce(kwargs ->> 'unit', 'hour'))::interval)::float8));
    newest text;
BEGIN
    IF c.type NOT IN ('date'::regtype, 'timestamp', 'timestamptz') THEN
        RAISE EXCEPTION 'column "%" of "%" must be a date or timestamp, not %', kwargs ->> 'column', dataset, c.type USING ERRCODE = 'datatype_mismatch';
    ELSIF age IS NULL THEN
        RAISE EXCEPTION 'max_age or interval is missing'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Example: {"column": "loaded_at", "group_by": ["shop"], "max_age": "2 hours"}';
    END IF;
    newest := CASE WHEN c.type = 'timestamptz'::regtype THEN format('max(%s)', c.quoted)
                   ELSE format('max(%s)::timestamp AT TIME ZONE %L', c.quoted, coalesce(kwargs ->> 'time_zone', 'UTC')) END;
    RETURN dataplat_internal.query_plan(ARRAY[kwargs ->> 'column'], format(
        'WITH newest AS (SELECT jsonb_build_array(%1$s) AS g, %2$s AS at FROM dataplat_rows GROUP BY %1$s),'
        '     off AS (SELECT n.g, n.at FROM newest AS n WHERE n.at IS NULL OR n.at < coalesce(%3$L::timestamptz, now()) - %4$L::interval)'
        'SELECT jsonb_build_object(''unexpected_count'', (SELECT count(*) FROM off) + (NOT EXISTS (SELECT FROM newest))::int, ''unexpected'','
        ' (SELECT coalesce(jsonb_agg(jsonb_build_object(''group'', l.g, ''newest'', l.at) ORDER BY l.g), ''[]'') FROM (SELECT * FROM off ORDER BY g LIMIT 20) AS l))',
        listed, newest, kwargs ->> 'as_of', age));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_grouped_row_values_to_have_recent_data(regclass, jsonb) IS 'compile expect_grouped_row_values_to_have_recent_data';
SELECT dataplat_internal.register_expectation_kind('expect_grouped_row_values_to_have_recent_data', 'query',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name", "field", "timestamp_column"]}, "group_by": {"type": "columns", "required": true, "aliases": ["group_by_columns"]},
      "max_age": {"type": "text"}, "interval": {"type": "number", "min": 0}, "unit": {"type": "text", "choices": ["second", "minute", "hour", "day", "week"], "aliases": ["datepart"]},
      "time_zone": {"type": "text"}, "as_of": {"type": "text"}}',
    'timeliness', 'dataplat_internal.expect_grouped_row_values_to_have_recent_data',
    'the newest row of each group is at most max_age, or interval units (hour), old; fails when there is none',
    'dataplat_internal.judge_no_unexpected', '{grouped_recent_data,recency_by_group}');
