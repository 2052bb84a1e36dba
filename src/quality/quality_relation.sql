-- quality: kinds that judge a dataset against another, or its rows against each
-- other by a query of their own.

-- Columns that kwargs name, alone or as a list, quoted.
CREATE OR REPLACE FUNCTION dataplat_internal.kwargs_columns(dataset regclass, one jsonb, list jsonb)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(c.quoted ORDER BY n)
      FROM jsonb_array_elements_text(coalesce($3, jsonb_build_array($2))) WITH ORDINALITY AS e (name, n),
           dataplat_internal.expectation_column($1, e.name) AS c;
$$;
COMMENT ON FUNCTION dataplat_internal.kwargs_columns(regclass, jsonb, jsonb) IS 'columns that kwargs name, alone or as a list, quoted';

-- A foreign key that need not be declared.  As with those, a row where one of the
-- columns is NULL refers to nothing, and is not judged.  The count is an
-- anti-join; rows are looked up one by one only to show some that are wrong.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_be_in_other_table(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other   text := dataplat_internal.other_relation(dataset, kwargs ->> 'other_table_name');
    mine    text[];
    theirs  text[];
    matches text;
    plan    dataplat_internal.expectation_plan;
BEGIN
    IF NOT kwargs ?| ARRAY['column', 'column_list'] THEN
        RAISE EXCEPTION 'column or column_list is missing'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    mine := dataplat_internal.kwargs_columns(dataset, kwargs -> 'column', kwargs -> 'column_list');
    theirs := dataplat_internal.kwargs_columns(other::regclass, coalesce(kwargs -> 'other_column', kwargs -> 'column'), coalesce(kwargs -> 'other_column_list', CASE WHEN NOT kwargs ? 'other_column' THEN kwargs -> 'column_list' END));
    IF cardinality(mine) <> cardinality(theirs) THEN
        RAISE EXCEPTION 'other_column_list must name as many columns as column_list'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    plan.columns := ARRAY(SELECT c FROM jsonb_array_elements_text(coalesce(kwargs -> 'column_list', jsonb_build_array(kwargs -> 'column'))) AS c);
    plan.element := CASE WHEN cardinality(mine) = 1 THEN mine[1]
                         ELSE (SELECT format('jsonb_build_object(%s)', string_agg(format('%L, %I', c, c), ', ')) FROM unnest(plan.columns) AS c) END;
    plan.ignored := array_to_string(mine, ' IS NULL OR ') || ' IS NULL';
    plan.expected := format('(%s) IN (SELECT %s FROM %s AS dataplat_other WHERE dataplat_other.%s IS NOT NULL%s)', array_to_string(mine, ', '),
        (SELECT string_agg('dataplat_other.' || t, ', ' ORDER BY n) FROM unnest(theirs) WITH ORDINALITY AS u (t, n)), other,
        array_to_string(theirs, ' IS NOT NULL AND dataplat_other.'), coalesce(' AND (' || (kwargs ->> 'other_filter') || ')', ''));
    matches := (SELECT string_agg(format('o.%s = r.%s', t, mine[n]), ' AND ') FROM unnest(theirs) WITH ORDINALITY AS u (t, n));
    plan.query := format('SELECT jsonb_build_object(''unexpected'', count(*)) FROM dataplat_rows AS r'
        ' WHERE NOT EXISTS (SELECT FROM (SELECT * FROM %s%s) AS o WHERE %s)', other, coalesce(' WHERE (' || (kwargs ->> 'other_filter') || ')', ''), matches);
    RETURN plan;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_be_in_other_table(regclass, jsonb) IS 'compile expect_column_values_to_be_in_other_table';

SELECT dataplat_internal.register_expectation_kind('expect_column_values_to_be_in_other_table', 'group',
    '{"column": {"type": "column", "aliases": ["column_name"]}, "column_list": {"type": "columns", "aliases": ["columns"]}, "other_table_name": {"type": "relation", "required": true, "aliases": ["other_table", "to", "compare_model", "compare_to", "reference", "reference_dataset"]}, "other_column": {"type": "text", "aliases": ["field", "reference_column"]}, "other_column_list": {"type": "texts", "aliases": ["reference_columns"]}, "other_filter": {"type": "sql", "aliases": ["to_condition"]}}',
    'consistency', 'dataplat_internal.expect_column_values_to_be_in_other_table',
    'each value, or combination of values, is in another table (rows of it where other_filter is true); rows with a NULL refer to nothing',
    aliases => '{relationships,relationships_where,reference,valid_reference,foreign_key,referential_integrity,hasReferentialIntegrity}');

-- Each value must be there as often as in another table, NULL, too.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_value_counts_to_equal_other_table(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other  text := dataplat_internal.other_relation(dataset, kwargs ->> 'other_table_name');
    mine   text := (dataplat_internal.expectation_column(dataset, kwargs ->> 'column')).quoted;
    theirs text := (dataplat_internal.expectation_column(other::regclass, coalesce(kwargs ->> 'other_column', kwargs ->> 'column'))).quoted;
BEGIN
    RETURN dataplat_internal.query_plan(ARRAY[kwargs ->> 'column'], format(
        'WITH mine AS MATERIALIZED (SELECT %1$s AS v, count(*) AS n FROM dataplat_rows GROUP BY 1),'
        '     theirs AS MATERIALIZED (SELECT %2$s AS v, count(*) AS n FROM %3$s GROUP BY 1),'
        '     off AS (SELECT m.v FROM (SELECT * FROM mine EXCEPT SELECT * FROM theirs) AS m UNION SELECT t.v FROM (SELECT * FROM theirs EXCEPT SELECT * FROM mine) AS t)'
        'SELECT jsonb_build_object(''unexpected_count'', (SELECT count(*) FROM off),'
        '                          ''unexpected'', (SELECT coalesce(jsonb_agg(l.v), ''[]'') FROM (SELECT o.v FROM off AS o ORDER BY o.v LIMIT 20) AS l))',
        mine, theirs, other));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_value_counts_to_equal_other_table(regclass, jsonb) IS 'compile expect_column_value_counts_to_equal_other_table';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_no_unexpected(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('success', ($2 ->> 'unexpected_count')::bigint = 0, 'observed_value', $2 -> 'unexpected_count',
                              'unexpected_count', $2 -> 'unexpected_count', 'partial_unexpected_list', $2 -> 'unexpected')
           || CASE WHEN $2 ? 'details' THEN jsonb_build_object('details', $2 -> 'details') ELSE '{}' END;
$$;
COMMENT ON FUNCTION dataplat_internal.judge_no_unexpected(jsonb, jsonb, bigint) IS 'judge: nothing unexpected';

SELECT dataplat_internal.register_expectation_kind('expect_column_value_counts_to_equal_other_table', 'query',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "other_table_name": {"type": "relation", "required": true, "aliases": ["other_table", "to", "compare_model", "compare_to", "reference", "reference_dataset"]}, "other_column": {"type": "text", "aliases": ["field"]}}',
    'consistency', 'dataplat_internal.expect_column_value_counts_to_equal_other_table',
    'each value is there as often as in another table',
    'dataplat_internal.judge_no_unexpected', '{cardinality_equality}');

-- Rows here and not there, and the other way round.  Unless ignore_duplicates,
-- a row must be there as often; dbt_utils.equality ignores them.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_table_to_equal_other_table(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other   text := dataplat_internal.other_relation(dataset, kwargs ->> 'other_table_name');
    columns text[];
    listed  text;
    except_ text := CASE WHEN (kwargs ->> 'ignore_duplicates')::boolean THEN 'EXCEPT' ELSE 'EXCEPT ALL' END;
BEGIN
    SELECT array_agg(a.attname::text ORDER BY a.attnum)
      INTO columns
      FROM pg_attribute AS a
     WHERE a.attrelid = dataset
       AND a.attnum > 0
       AND NOT a.attisdropped
       AND NOT coalesce(kwargs -> 'exclude_columns', '[]') ? a.attname;
    IF kwargs ? 'column_list' THEN
        columns := ARRAY(SELECT c FROM jsonb_array_elements_text(kwargs -> 'column_list') AS c);
    END IF;
    -- json has no equality; jsonb has.
    SELECT string_agg(m.quoted || CASE WHEN m.type = 'json'::regtype THEN '::jsonb AS ' || m.quoted ELSE '' END, ', ' ORDER BY n)
      INTO listed
      FROM unnest(columns) WITH ORDINALITY AS u (c, n),
           dataplat_internal.expectation_column(dataset, c) AS m,
           dataplat_internal.expectation_column(other::regclass, c) AS t;
    RETURN dataplat_internal.query_plan(columns, format(
        'WITH here AS MATERIALIZED (SELECT %1$s FROM dataplat_rows %3$s SELECT %1$s FROM %2$s),'
        '     there AS MATERIALIZED (SELECT %1$s FROM %2$s %3$s SELECT %1$s FROM dataplat_rows)'
        'SELECT jsonb_build_object(''only_here'', (SELECT count(*) FROM here), ''only_there'', (SELECT count(*) FROM there),'
        '                          ''here'', (SELECT coalesce(jsonb_agg(l.v), ''[]'') FROM (SELECT to_jsonb(x) AS v FROM here AS x ORDER BY to_jsonb(x)::text COLLATE "C" LIMIT 10) AS l),'
        '                          ''there'', (SELECT coalesce(jsonb_agg(l.v), ''[]'') FROM (SELECT to_jsonb(x) AS v FROM there AS x ORDER BY to_jsonb(x)::text COLLATE "C" LIMIT 10) AS l))',
        listed, other, except_));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_table_to_equal_other_table(regclass, jsonb) IS 'compile expect_table_to_equal_other_table';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_row_diff(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('success', ($2 ->> 'only_here')::bigint = 0 AND ($2 ->> 'only_there')::bigint = 0,
                              'observed_value', jsonb_build_object('only_here', $2 -> 'only_here', 'only_there', $2 -> 'only_there'),
                              'unexpected_count', ($2 ->> 'only_here')::bigint + ($2 ->> 'only_there')::bigint,
                              'details', jsonb_build_object('only_here', $2 -> 'here', 'only_there', $2 -> 'there'));
$$;
COMMENT ON FUNCTION dataplat_internal.judge_row_diff(jsonb, jsonb, bigint) IS 'judge: no row here or there only';

SELECT dataplat_internal.register_expectation_kind('expect_table_to_equal_other_table', 'query',
    '{"other_table_name": {"type": "relation", "required": true, "aliases": ["other_table", "to", "compare_model", "compare_to", "reference", "reference_dataset"]}, "column_list": {"type": "columns", "aliases": ["columns", "compare_columns"]}, "exclude_columns": {"type": "texts"}, "ignore_duplicates": {"type": "boolean"}}',
    'consistency', 'dataplat_internal.expect_table_to_equal_other_table',
    'the rows are those of another table, in all columns or in column_list',
    'dataplat_internal.judge_row_diff', '{equality,does_dataset_match}');

-- Ranges [lower, upper) of each partition, in order: the next must not begin
-- before this one ends (gaps: allowed), must begin where it ends (not_allowed),
-- or after it (required).  A bound that is NULL is wrong.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_pair_ranges_to_be_mutually_exclusive(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    low   text := (dataplat_internal.expectation_column(dataset, kwargs ->> 'lower_bound_column')).quoted;
    high  text := (dataplat_internal.expectation_column(dataset, kwargs ->> 'upper_bound_column')).quoted;
    parts text[];
BEGIN
    IF kwargs ? 'partition_by' THEN
        parts := dataplat_internal.kwargs_columns(dataset, NULL, CASE jsonb_typeof(kwargs -> 'partition_by') WHEN 'array' THEN kwargs -> 'partition_by' ELSE jsonb_build_array(kwargs -> 'partition_by') END);
    END IF;
    RETURN dataplat_internal.query_plan(ARRAY[kwargs ->> 'lower_bound_column', kwargs ->> 'upper_bound_column'], format(
        'WITH off AS MATERIALIZED (SELECT jsonb_build_object(%6$s''lower'', r.low, ''upper'', r.high, ''next_lower'', r.next_low) AS v, r.low FROM ('
        '    SELECT *, %1$s AS low, %2$s AS high, lead(%1$s) OVER w AS next_low, lead(1) OVER w IS NULL AS is_last'
        '      FROM dataplat_rows WINDOW w AS (%3$s ORDER BY %1$s, %2$s)) AS r'
        '    WHERE NOT coalesce(r.low %4$s r.high, false) OR NOT coalesce(r.high %5$s r.next_low, r.is_last))'
        'SELECT jsonb_build_object(''unexpected_count'', (SELECT count(*) FROM off),'
        '                          ''unexpected'', (SELECT coalesce(jsonb_agg(l.v), ''[]'') FROM (SELECT o.v FROM off AS o ORDER BY o.low LIMIT 20) AS l))',
        low, high, 'PARTITION BY ' || array_to_string(parts, ', '), CASE WHEN (kwargs ->> 'zero_length_range_allowed')::boolean THEN '<=' ELSE '<' END,
        CASE coalesce(kwargs ->> 'gaps', 'allowed') WHEN 'allowed' THEN '<=' WHEN 'not_allowed' THEN '=' ELSE '<' END,
        (SELECT string_agg(format('%L, r.%s, ', trim('"' FROM p), p), '') FROM unnest(parts) AS p)));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_pair_ranges_to_be_mutually_exclusive(regclass, jsonb) IS 'compile expect_column_pair_ranges_to_be_mutually_exclusive';

SELECT dataplat_internal.register_expectation_kind('expect_column_pair_ranges_to_be_mutually_exclusive', 'query',
    '{"lower_bound_column": {"type": "column", "required": true}, "upper_bound_column": {"type": "column", "required": true}, "partition_by": {"type": "any"}, "gaps": {"type": "text", "choices": ["allowed", "not_allowed", "required"]}, "zero_length_range_allowed": {"type": "boolean"}}',
    'consistency', 'dataplat_internal.expect_column_pair_ranges_to_be_mutually_exclusive',
    'ranges of two columns do not overlap within partition_by; gaps between them are allowed, not_allowed or required',
    'dataplat_internal.judge_no_unexpected', '{mutually_exclusive_ranges}');
