/*
 * quality: names that others have for a kind together with some of its
 * arguments (isPositive is "between" from 0 on), and words that they have for
 * what belongs to any expectation (where, strictly, must_be_less_than).
 */

CREATE OR REPLACE FUNCTION dataplat_internal.register_expectation_alias(kind text, aliases text[], presets jsonb DEFAULT '{}', renames jsonb DEFAULT '{}', condition jsonb DEFAULT '{}')
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO dataplat_internal.expectation_alias AS a (alias, kind, condition, presets, renames)
    SELECT u.alias, $1, $5, $3, $4 FROM unnest($2) AS u (alias)
        ON CONFLICT ON CONSTRAINT expectation_alias_pkey DO UPDATE
       SET presets = excluded.presets, renames = excluded.renames
     WHERE (a.presets, a.renames) IS DISTINCT FROM (excluded.presets, excluded.renames);
$$;
COMMENT ON FUNCTION dataplat_internal.register_expectation_alias(text, text[], jsonb, jsonb, jsonb) IS
    'make names of others known that mean a kind with presets, its arguments under other names (renames), when kwargs hold condition';

-- Does the kind take an argument of this name itself?
CREATE OR REPLACE FUNCTION dataplat_internal.takes_kwarg(k dataplat_internal.expectation_kind, word text)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT k.arguments ? word OR EXISTS (SELECT FROM jsonb_each(k.arguments) AS a WHERE a.value -> 'aliases' ? word); $$;
COMMENT ON FUNCTION dataplat_internal.takes_kwarg(dataplat_internal.expectation_kind, text) IS 'does the kind take an argument of this name?';

-- Soda's and ODCS's thresholds of a rule over rows are about the number of
-- failures: what must hold becomes what must not.
CREATE OR REPLACE FUNCTION dataplat_internal.threshold_of(word text, value jsonb, percent boolean)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sign text := CASE WHEN percent THEN '%' ELSE '' END;
    low  text := coalesce(value ->> 0, value ->> 'greater_than_or_equal');
    high text := coalesce(value ->> 1, value ->> 'less_than_or_equal');
BEGIN
    RETURN CASE word
        WHEN 'must_be' THEN '!= ' || (value #>> '{}') || sign
        WHEN 'must_not_be' THEN '= ' || (value #>> '{}') || sign
        WHEN 'must_be_greater_than' THEN '<= ' || (value #>> '{}') || sign
        WHEN 'must_be_greater_than_or_equal' THEN '< ' || (value #>> '{}') || sign
        WHEN 'must_be_less_than' THEN '>= ' || (value #>> '{}') || sign
        WHEN 'must_be_less_than_or_equal' THEN '> ' || (value #>> '{}') || sign
        WHEN 'must_be_between' THEN format('not between %s%s and %s%s', low, sign, high, sign)
        WHEN 'must_not_be_between' THEN format('between %s%s and %s%s', low, sign, high, sign) END;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.threshold_of(text, jsonb, boolean) IS 'error_if that says what one of Soda''s thresholds says';

-- Words of others that belong to the expectation, whatever its kind.
CREATE OR REPLACE FUNCTION dataplat_internal.plain_kwargs(k dataplat_internal.expectation_kind, kwargs jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    word  text;
    plain text;
    limits text;
BEGIN
    -- dbt_utils.expression_is_true of a column says only the rest: ">= 1".
    IF k.kind = 'expect_row_values_to_satisfy' AND kwargs ->> 'expression' ~* '^\s*([<>=!~]|(is|in|not|like|ilike|between)\M)' AND kwargs ?| '{column,column_name}'::text[] THEN
        kwargs := kwargs || jsonb_build_object('expression', format('%I %s', coalesce(kwargs ->> 'column', kwargs ->> 'column_name'), kwargs ->> 'expression'));
    END IF;
    FOR word IN SELECT x FROM jsonb_object_keys(kwargs) AS x WHERE NOT dataplat_internal.takes_kwarg(k, x) ORDER BY x LOOP
        plain := regexp_replace(lower(regexp_replace(word, '([A-Z])', '_\1', 'g')), '^(must_be_)(greater|less)_or_equal_to$', '\1\2_than_or_equal');
        plain := CASE plain WHEN 'must_be_not_between' THEN 'must_not_be_between' ELSE plain END;
        IF word IN ('where', 'row_condition', 'filter', 'from_condition') AND NOT kwargs ? 'row_filter' THEN
            kwargs := (kwargs - word) || jsonb_build_object('row_filter', kwargs -> word);
        ELSIF word = 'level' AND kwargs ->> word IN ('warn', 'fail') THEN
            kwargs := (kwargs - word) || jsonb_build_object('severity', CASE kwargs ->> word WHEN 'warn' THEN 'warn' ELSE 'error' END);
        ELSIF word IN ('strictly', 'inclusive') AND jsonb_typeof(kwargs -> word) = 'boolean' AND k.arguments ?& '{strict_min,strict_max}'::text[] THEN
            kwargs := CASE WHEN (kwargs -> word)::boolean = (word = 'strictly') THEN '{"strict_min": true, "strict_max": true}' ELSE '{}' END::jsonb || (kwargs - word);
        -- "between" with no bounds of its own would not know which is meant.
        ELSIF k.class IN ('row', 'group') AND NOT kwargs ?| '{warn_if,error_if}'::text[]
              AND (NOT k.arguments ? 'min_value' OR kwargs ?| '{min_value,max_value}'::text[]) THEN
            limits := dataplat_internal.threshold_of(plain, kwargs -> word, kwargs ->> 'unit' = 'percent' OR kwargs ->> 'metric' = 'percent');
            IF limits IS NOT NULL THEN
                kwargs := (kwargs - word) || jsonb_build_object('warn_if', limits, 'error_if', limits);
            END IF;
        END IF;
    END LOOP;
    FOREACH word IN ARRAY '{unit,metric}'::text[] LOOP
        IF k.class IN ('row', 'group') AND kwargs ->> word IN ('percent', 'count', 'rows') AND NOT dataplat_internal.takes_kwarg(k, word) THEN
            kwargs := kwargs - word;
        END IF;
    END LOOP;
    RETURN kwargs;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.plain_kwargs(dataplat_internal.expectation_kind, jsonb) IS
    'kwargs in which where, strictly, level and thresholds of failures are said as dataplat says them';

-- A kind and its arguments from what somebody wrote.  Where a name means
-- several kinds, the first one that takes these arguments is meant.
CREATE OR REPLACE FUNCTION dataplat_internal.read_expectation(written text, kwargs jsonb, OUT kind dataplat_internal.expectation_kind, OUT said jsonb)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    plain text := regexp_replace(coalesce(written, ''), '^(dbt_utils|dbt_expectations|great_expectations|dbt|soda|deequ)\.', '');
    snake text := ltrim(lower(regexp_replace(plain, '([A-Z]+)', '_\1', 'g')), '_');
    one   record;
    k     dataplat_internal.expectation_kind;
    first dataplat_internal.expectation_kind;
    these jsonb;
BEGIN
    -- NULL is an argument that is not given.
    IF jsonb_typeof(kwargs) = 'object' THEN
        kwargs := (SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') FROM jsonb_each(kwargs) AS e WHERE e.value <> 'null');
    END IF;
    IF (EXISTS (SELECT FROM dataplat_internal.expectation_kind AS x WHERE x.kind = plain)
        AND NOT EXISTS (SELECT FROM dataplat_internal.expectation_alias AS x WHERE 'expect_' || x.alias = plain))
       OR coalesce(jsonb_typeof(kwargs), '') <> 'object' THEN
        kind := dataplat_internal.find_expectation_kind(written);
        said := CASE jsonb_typeof(kwargs) WHEN 'object' THEN dataplat_internal.plain_kwargs(kind, kwargs) ELSE kwargs END;
        RETURN;
    END IF;
    FOR one IN
        SELECT a.kind, a.condition, a.presets, a.renames, 1 AS place FROM dataplat_internal.expectation_alias AS a
         WHERE a.alias IN (plain, lower(plain), snake, regexp_replace(plain, '^expect_', '')) AND kwargs @> a.condition
        UNION ALL
        SELECT x.kind, '{}', '{}', '{}', 2 FROM dataplat_internal.expectation_kind AS x
         WHERE x.aliases && ARRAY[plain, lower(plain), snake, regexp_replace(plain, '^expect_', '')]
         ORDER BY 5, 2 DESC, 1
    LOOP
        SELECT * INTO k FROM dataplat_internal.expectation_kind AS x WHERE x.kind = one.kind;
        SELECT one.presets || coalesce(jsonb_object_agg(coalesce(one.renames ->> e.key, e.key),
                   CASE WHEN jsonb_typeof(e.value) = 'string' AND k.arguments -> (one.renames ->> e.key) ->> 'type' IN ('columns', 'texts') THEN jsonb_build_array(e.value) ELSE e.value END), '{}') INTO these
          FROM jsonb_each(kwargs - ARRAY(SELECT jsonb_object_keys(one.condition))) AS e;
        these := dataplat_internal.plain_kwargs(k, these);
        IF first.kind IS NULL THEN
            first := k;
            said := these;
        END IF;
        BEGIN
            PERFORM dataplat_internal.check_kwargs(k, these - ARRAY(SELECT w FROM unnest('{mostly,row_filter,null_handling,severity,warn_if,error_if}'::text[]) AS w WHERE NOT k.arguments ? w));
            kind := k;
            said := these;
            RETURN;
        EXCEPTION WHEN invalid_parameter_value THEN
            NULL;
        END;
    END LOOP;
    kind := first;
    IF first.kind IS NULL THEN
        kind := dataplat_internal.find_expectation_kind(written);
        said := dataplat_internal.plain_kwargs(kind, kwargs);
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.read_expectation(text, jsonb) IS 'a kind and its arguments, by any names that others have for them';

DO LANGUAGE plpgsql $$
DECLARE
    pair CONSTANT jsonb := '{"columnA": "column_A", "columnB": "column_B"}';
    turned CONSTANT jsonb := '{"columnA": "column_B", "columnB": "column_A", "column_A": "column_B", "column_B": "column_A"}';
    count_of CONSTANT text := 'expect_column_unique_value_count_to_be_between';
    invalid CONSTANT text[] := '{invalid_count,invalid_percent}';
    f record;
BEGIN
    -- Deequ
    PERFORM dataplat_internal.register_expectation_alias('expect_column_values_to_be_between', '{is_non_negative}', '{"min_value": 0}');
    PERFORM dataplat_internal.register_expectation_alias('expect_column_values_to_be_between', '{is_positive}', '{"min_value": 0, "strict_min": true}');
    PERFORM dataplat_internal.register_expectation_alias('expect_column_pair_values_a_to_be_greater_than_b', '{is_greater_than}', '{}', pair);
    PERFORM dataplat_internal.register_expectation_alias('expect_column_pair_values_a_to_be_greater_than_b', '{is_greater_than_or_equal_to}', '{"or_equal": true}', pair);
    PERFORM dataplat_internal.register_expectation_alias('expect_column_pair_values_a_to_be_greater_than_b', '{is_less_than}', '{}', turned);
    PERFORM dataplat_internal.register_expectation_alias('expect_column_pair_values_a_to_be_greater_than_b', '{is_less_than_or_equal_to}', '{"or_equal": true}', turned);
    PERFORM dataplat_internal.register_expectation_alias('expect_multicolumn_values_to_not_be_null', '{are_complete,have_completeness}', '{}', '{"columns": "column_list"}');
    PERFORM dataplat_internal.register_expectation_alias('expect_multicolumn_values_to_not_be_null', '{are_any_complete,have_any_completeness}', '{"any_value": true}', '{"columns": "column_list"}');
    PERFORM dataplat_internal.register_expectation_alias(count_of, '{has_approx_count_distinct}', '{"approximate": true}');
    PERFORM dataplat_internal.register_expectation_alias('expect_column_quantile_values_to_be_between', '{has_approx_quantile}', '{"approximate": true}');
    PERFORM dataplat_internal.register_expectation_alias('expect_metric_to_be_normal', '{is_newest_point_non_anomalous}');
    -- dbt and its packages
    PERFORM dataplat_internal.register_expectation_alias('expect_column_values_to_be_in_other_table', '{relationships_where}', '{}', '{"from_condition": "row_filter"}');
    PERFORM dataplat_internal.register_expectation_alias('expect_column_proportion_of_non_null_values_to_be_between', '{not_null_proportion}', '{}', '{"at_least": "min_value", "at_most": "max_value"}');
    PERFORM dataplat_internal.register_expectation_alias('expect_column_values_to_be_increasing', '{column_values_to_be_increasing}', '{}', '{"sort_column": "order_by"}', '{}');
    PERFORM dataplat_internal.register_expectation_alias('expect_column_values_to_be_decreasing', '{column_values_to_be_decreasing}', '{}', '{"sort_column": "order_by"}', '{}');
    PERFORM dataplat_internal.register_expectation_alias('expect_table_row_count_to_equal_other_table', '{table_row_count_to_equal_other_table_times_factor}');
    PERFORM dataplat_internal.register_expectation_alias('expect_table_columns_to_match_set', '{table_columns_to_contain_set}', '{"exact_match": false}');
    PERFORM dataplat_internal.register_expectation_alias('expect_table_schema_to_match', '{table_columns_to_not_contain_set}', '{}', '{"column_list": "forbidden", "column_set": "forbidden"}');
    PERFORM dataplat_internal.register_expectation_alias(count_of, '{column_distinct_count_to_equal}', '{}', '{"value": "must_be"}');
    PERFORM dataplat_internal.register_expectation_alias(count_of, '{column_distinct_count_to_be_greater_than}', '{}', '{"value": "must_be_greater_than"}');
    PERFORM dataplat_internal.register_expectation_alias(count_of, '{column_distinct_count_to_be_less_than}', '{}', '{"value": "must_be_less_than"}');
    -- Soda and ODCS
    PERFORM dataplat_internal.register_expectation_alias('expect_column_values_to_not_be_null', '{null_values}');
    PERFORM dataplat_internal.register_expectation_alias('expect_column_values_to_be_unique', '{duplicate_count}');
    PERFORM dataplat_internal.register_expectation_alias('expect_compound_columns_to_be_unique', '{duplicate_count}', '{}', '{"columns": "column_list"}');
    PERFORM dataplat_internal.register_expectation_alias('expect_column_values_to_be_unique', '{duplicate_percent}', '{"unit": "percent"}');
    PERFORM dataplat_internal.register_expectation_alias('expect_compound_columns_to_be_unique', '{duplicate_percent}', '{"unit": "percent"}', '{"columns": "column_list"}');
    FOR f IN SELECT * FROM (VALUES
        ('expect_column_values_to_be_in_set', '{"valid_values": "value_set"}'::jsonb, '{}'::jsonb), ('expect_column_values_to_not_be_in_set', '{"invalid_values": "value_set"}', '{}'),
        ('expect_column_values_to_match_regex', '{"valid_regex": "regex"}', '{}'), ('expect_column_values_to_not_match_regex', '{"invalid_regex": "regex"}', '{}'),
        ('expect_column_values_to_be_between', '{"valid_min": "min_value", "valid_max": "max_value"}', '{}'), ('expect_column_value_lengths_to_equal', '{"valid_length": "value"}', '{}'),
        ('expect_column_value_lengths_to_be_between', '{"valid_min_length": "min_value", "valid_max_length": "max_value"}', '{}'),
        ('expect_column_values_to_be_email', '{}', '{"valid_format": "email"}'), ('expect_column_values_to_be_url', '{}', '{"valid_format": "url"}'),
        ('expect_column_values_to_be_credit_card_number', '{}', '{"valid_format": "credit card number"}')) AS v (kind, renames, condition)
    LOOP
        PERFORM dataplat_internal.register_expectation_alias(f.kind, '{invalid_count}', '{}', f.renames, f.condition);
        PERFORM dataplat_internal.register_expectation_alias(f.kind, '{invalid_percent}', '{"unit": "percent"}', f.renames, f.condition);
    END LOOP;
    PERFORM dataplat_internal.register_expectation_alias('expect_row_values_to_satisfy', '{failed_rows}');
    PERFORM dataplat_internal.register_expectation_alias('unexpected_rows_expectation', '{failed_rows}');
    PERFORM dataplat_internal.register_expectation_alias('expect_column_to_have_recent_data', '{freshness_in_minutes}', '{"unit": "minute"}');
END;
$$;
