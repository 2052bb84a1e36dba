-- quality: kinds that judge which values a column has, and how often.

-- Exactly, or with approximate by HyperLogLog: one pass without sorting, and a
-- state that new values are added to.
CREATE OR REPLACE FUNCTION dataplat_internal.different_values(quoted text, kwargs jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(CASE WHEN (kwargs ->> 'approximate')::boolean THEN 'coalesce((dataplat.column_state_values(dataplat.column_state(%s)) ->> ''distinct'')::bigint, 0)'
                       ELSE 'count(DISTINCT %s)' END, quoted);
$$;
COMMENT ON FUNCTION dataplat_internal.different_values(text, jsonb) IS 'the number of different values of a column, as SQL';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_unique_value_count_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.aggregate_plan(ARRAY[$2 ->> 'column'], jsonb_build_object('value', dataplat_internal.different_values(c.quoted, $2)))
      FROM dataplat_internal.expectation_column($1, $2 ->> 'column') AS c;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_unique_value_count_to_be_between(regclass, jsonb) IS 'compile expect_column_unique_value_count_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_unique_value_count_to_be_between', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "approximate": {"type": "boolean"}}'::jsonb || dataplat_internal.bounds_arguments(),
    'uniqueness', 'dataplat_internal.expect_column_unique_value_count_to_be_between',
    'the number of different values of a column is between bounds; approximate: give or take 2 in a hundred, without sorting',
    'dataplat_internal.judge_bounds', '{unique_value_count,distinct_count,count_distinct,countDistinct,has_number_of_distinct_values,hasNumberOfDistinctValues}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_not_be_constant(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.aggregate_plan(ARRAY[$2 ->> 'column'], jsonb_build_object('value', format('count(DISTINCT %s)', c.quoted)))
      FROM dataplat_internal.expectation_column($1, $2 ->> 'column') AS c;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_not_be_constant(regclass, jsonb) IS 'compile expect_column_values_to_not_be_constant';

SELECT dataplat_internal.register_expectation_kind('expect_column_values_to_not_be_constant', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}}',
    'uniqueness', 'dataplat_internal.expect_column_values_to_not_be_constant',
    'a column has not only one value',
    'dataplat_internal.judge_not_constant', '{not_constant}');

CREATE OR REPLACE FUNCTION dataplat_internal.judge_not_constant(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('success', ($2 ->> 'value')::bigint <> 1, 'observed_value', $2 -> 'value');
$$;
COMMENT ON FUNCTION dataplat_internal.judge_not_constant(jsonb, jsonb, bigint) IS 'judge of a number that must not be 1';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_proportion_of_unique_values_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.aggregate_plan(ARRAY[$2 ->> 'column'],
               jsonb_build_object('part', dataplat_internal.different_values(c.quoted, $2), 'whole', format('count(%s)', c.quoted)))
      FROM dataplat_internal.expectation_column($1, $2 ->> 'column') AS c;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_proportion_of_unique_values_to_be_between(regclass, jsonb) IS 'compile expect_column_proportion_of_unique_values_to_be_between';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_proportion(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.judged($1, to_jsonb(coalesce(($2 ->> 'part')::float8 / nullif(($2 ->> 'whole')::float8, 0), 0)));
$$;
COMMENT ON FUNCTION dataplat_internal.judge_proportion(jsonb, jsonb, bigint) IS 'judge of a part of a whole; 0 without a whole';

SELECT dataplat_internal.register_expectation_kind('expect_column_proportion_of_unique_values_to_be_between', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "approximate": {"type": "boolean"}}'::jsonb || dataplat_internal.bounds_arguments(),
    'uniqueness', 'dataplat_internal.expect_column_proportion_of_unique_values_to_be_between',
    'the number of different values divided by the number of values is between bounds; 0 when there are none',
    'dataplat_internal.judge_proportion', '{proportion_of_unique_values,unique_proportion}');

-- How often each value, or each combination of values, occurs.  Rows where all
-- of them are NULL do not count.
CREATE OR REPLACE FUNCTION dataplat_internal.frequency_plan(dataset regclass, kwargs jsonb, part text, whole text)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns text[] := ARRAY(SELECT c FROM jsonb_array_elements_text(coalesce(kwargs -> 'column_list', jsonb_build_array(kwargs -> 'column'))) AS c);
    quoted  text[];
BEGIN
    IF NOT kwargs ?| ARRAY['column', 'column_list'] THEN
        RAISE EXCEPTION 'column or column_list is missing'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    quoted := ARRAY(SELECT e.quoted FROM unnest(columns) AS c, dataplat_internal.expectation_column(dataset, c) AS e);
    PERFORM dataplat_internal.check_bounds(kwargs);
    RETURN dataplat_internal.query_plan(columns, format(
        'SELECT jsonb_build_object(''part'', %s, ''whole'', %s) FROM (SELECT count(*) AS n FROM dataplat_rows WHERE %s IS NOT NULL GROUP BY %s) AS f',
        part, whole, array_to_string(quoted, ' IS NOT NULL OR '), array_to_string(quoted, ', ')));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.frequency_plan(regclass, jsonb, text, text) IS 'plan over how often values occur';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_uniqueness_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.frequency_plan($1, $2, 'count(*) FILTER (WHERE n = 1)', 'coalesce(sum(n), 0)');
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_uniqueness_to_be_between(regclass, jsonb) IS 'compile expect_column_uniqueness_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_uniqueness_to_be_between', 'query',
    '{"column": {"type": "column", "aliases": ["column_name"]}, "column_list": {"type": "columns", "aliases": ["columns"]}}'::jsonb || dataplat_internal.bounds_arguments(),
    'uniqueness', 'dataplat_internal.expect_column_uniqueness_to_be_between',
    'values that occur once, divided by all values, are between bounds',
    'dataplat_internal.judge_ratio', '{uniqueness,has_uniqueness,hasUniqueness}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_distinctness_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.frequency_plan($1, $2, 'count(*)', 'coalesce(sum(n), 0)');
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_distinctness_to_be_between(regclass, jsonb) IS 'compile expect_column_distinctness_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_distinctness_to_be_between', 'query',
    '{"column": {"type": "column", "aliases": ["column_name"]}, "column_list": {"type": "columns", "aliases": ["columns"]}}'::jsonb || dataplat_internal.bounds_arguments(),
    'uniqueness', 'dataplat_internal.expect_column_distinctness_to_be_between',
    'different values, divided by all values, are between bounds',
    'dataplat_internal.judge_ratio', '{distinctness,has_distinctness,hasDistinctness}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_unique_value_ratio_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.frequency_plan($1, $2, 'count(*) FILTER (WHERE n = 1)', 'count(*)');
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_unique_value_ratio_to_be_between(regclass, jsonb) IS 'compile expect_column_unique_value_ratio_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_unique_value_ratio_to_be_between', 'query',
    '{"column": {"type": "column", "aliases": ["column_name"]}, "column_list": {"type": "columns", "aliases": ["columns"]}}'::jsonb || dataplat_internal.bounds_arguments(),
    'uniqueness', 'dataplat_internal.expect_column_unique_value_ratio_to_be_between',
    'values that occur once, divided by different values, are between bounds',
    'dataplat_internal.judge_ratio', '{unique_value_ratio,has_unique_value_ratio,hasUniqueValueRatio,uniqueValueRatio}');

-- The different values against a set: "wanted" says whether values outside it
-- matter, those of it that are missing, or both.  Few of those that are wrong
-- are listed.  Counting, which goes with all other counting, finds out whether
-- any is wrong.
CREATE OR REPLACE FUNCTION dataplat_internal.value_set_plan(dataset regclass, kwargs jsonb, wanted text)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    listed  CONSTANT int := 20;
    counted CONSTANT int := 50;
    c       record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
    plan    dataplat_internal.expectation_plan;
    checks  text[] := '{}';
BEGIN
    IF kwargs -> 'value_set' = '[]' THEN
        RAISE EXCEPTION 'value_set must not be empty'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    plan := dataplat_internal.query_plan(ARRAY[kwargs ->> 'column'], format(
        'WITH d AS MATERIALIZED (SELECT DISTINCT %1$s AS v FROM dataplat_rows WHERE %1$s IS NOT NULL),'
        '     u AS (SELECT d.v FROM d WHERE d.v <> ALL (%2$s)),'
        '     m AS (SELECT DISTINCT s.v FROM unnest(%2$s) AS s (v) WHERE NOT EXISTS (SELECT FROM d WHERE d.v = s.v))'
        'SELECT jsonb_build_object('
        '    ''unexpected_count'', (SELECT count(*) FROM u),'
        '    ''unexpected'', (SELECT coalesce(jsonb_agg(l.v), ''[]'') FROM (SELECT u.v FROM u ORDER BY u.v LIMIT %3$s) AS l),'
        '    ''missing_count'', (SELECT count(*) FROM m),'
        '    ''missing'', (SELECT coalesce(jsonb_agg(l.v), ''[]'') FROM (SELECT m.v FROM m ORDER BY m.v LIMIT %3$s) AS l))',
        c.quoted, dataplat_internal.typed_values(kwargs -> 'value_set', c.type), listed));
    IF wanted IN ('outside', 'both') THEN
        checks := checks || format('count(*) FILTER (WHERE %s <> ALL (%s)) = 0', c.quoted, dataplat_internal.typed_values(kwargs -> 'value_set', c.type));
    END IF;
    IF wanted IN ('missing', 'both') THEN
        checks := checks || ARRAY(SELECT format('count(*) FILTER (WHERE %s = %L::%s) > 0', c.quoted, v, c.type::text)
                                    FROM (SELECT DISTINCT v FROM jsonb_array_elements_text(kwargs -> 'value_set') AS v WHERE v IS NOT NULL) AS s ORDER BY v);
    END IF;
    IF cardinality(checks) <= counted THEN
        plan.aggregates := jsonb_build_object('measured',
            format('CASE WHEN %s THEN ''{"unexpected_count": 0, "unexpected": [], "missing_count": 0, "missing": []}''::jsonb END', array_to_string(checks, ' AND ')));
    END IF;
    RETURN plan;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.value_set_plan(regclass, jsonb, text) IS 'plan of the different values against a set';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_values_in_set(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('success', ($2 ->> 'unexpected_count')::bigint = 0, 'observed_value', NULL, 'unexpected_count', $2 -> 'unexpected_count', 'partial_unexpected_list', $2 -> 'unexpected');
$$;
COMMENT ON FUNCTION dataplat_internal.judge_values_in_set(jsonb, jsonb, bigint) IS 'judge: no value outside the set';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_values_contain_set(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('success', ($2 ->> 'missing_count')::bigint = 0, 'observed_value', NULL, 'missing_count', $2 -> 'missing_count', 'partial_missing_list', $2 -> 'missing');
$$;
COMMENT ON FUNCTION dataplat_internal.judge_values_contain_set(jsonb, jsonb, bigint) IS 'judge: no value of the set is missing';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_values_equal_set(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('success', ($2 ->> 'unexpected_count')::bigint = 0 AND ($2 ->> 'missing_count')::bigint = 0, 'observed_value', NULL,
               'unexpected_count', $2 -> 'unexpected_count', 'partial_unexpected_list', $2 -> 'unexpected', 'missing_count', $2 -> 'missing_count', 'partial_missing_list', $2 -> 'missing');
$$;
COMMENT ON FUNCTION dataplat_internal.judge_values_equal_set(jsonb, jsonb, bigint) IS 'judge: exactly the values of the set';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_distinct_values_to_be_in_set(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.value_set_plan($1, $2, 'outside');
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_distinct_values_to_be_in_set(regclass, jsonb) IS 'compile expect_column_distinct_values_to_be_in_set';

SELECT dataplat_internal.register_expectation_kind('expect_column_distinct_values_to_be_in_set', 'query',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "value_set": {"type": "values", "required": true, "aliases": ["values", "allowed_values"]}}',
    'conformity', 'dataplat_internal.expect_column_distinct_values_to_be_in_set',
    'all different values of a column are in a set',
    'dataplat_internal.judge_values_in_set', '{distinct_values_be_in_set,distinct_values_to_be_in_set}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_distinct_values_to_contain_set(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.value_set_plan($1, $2, 'missing');
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_distinct_values_to_contain_set(regclass, jsonb) IS 'compile expect_column_distinct_values_to_contain_set';

SELECT dataplat_internal.register_expectation_kind('expect_column_distinct_values_to_contain_set', 'query',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "value_set": {"type": "values", "required": true, "aliases": ["values", "allowed_values"]}}',
    'conformity', 'dataplat_internal.expect_column_distinct_values_to_contain_set',
    'all values of a set occur in a column',
    'dataplat_internal.judge_values_contain_set', '{distinct_values_contain_set,distinct_values_to_contain_set}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_distinct_values_to_equal_set(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.value_set_plan($1, $2, 'both');
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_distinct_values_to_equal_set(regclass, jsonb) IS 'compile expect_column_distinct_values_to_equal_set';

SELECT dataplat_internal.register_expectation_kind('expect_column_distinct_values_to_equal_set', 'query',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "value_set": {"type": "values", "required": true, "aliases": ["values", "allowed_values"]}}',
    'conformity', 'dataplat_internal.expect_column_distinct_values_to_equal_set',
    'the different values of a column are exactly those of a set',
    'dataplat_internal.judge_values_equal_set', '{distinct_values_equal_set,distinct_values_to_equal_set}');

-- When all values occur equally often, all are the most common: only some are
-- listed then.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_most_common_value_to_be_in_set(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.query_plan(ARRAY[$2 ->> 'column'], format(
               'SELECT jsonb_build_object(''values'', coalesce(jsonb_agg(c.v ORDER BY c.v) FILTER (WHERE c.place <= 200), ''[]''), ''ties'', count(*),'
               '                          ''in_set'', count(*) FILTER (WHERE c.v = ANY (%2$s)))'
               '  FROM (SELECT g.v, row_number() OVER (ORDER BY g.v) AS place'
               '          FROM (SELECT %1$s AS v, count(*) AS n, max(count(*)) OVER () AS most FROM dataplat_rows WHERE %1$s IS NOT NULL GROUP BY %1$s) AS g'
               '         WHERE g.n = g.most) AS c',
               c.quoted, dataplat_internal.typed_values($2 -> 'value_set', c.type)))
      FROM dataplat_internal.expectation_column($1, $2 ->> 'column') AS c;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_most_common_value_to_be_in_set(regclass, jsonb) IS 'compile expect_column_most_common_value_to_be_in_set';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_most_common(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('observed_value', $2 -> 'values',
               'success', CASE WHEN ($1 ->> 'ties_okay')::boolean THEN ($2 ->> 'in_set')::bigint > 0
                               ELSE ($2 ->> 'ties')::bigint = 1 AND ($2 ->> 'in_set')::bigint = 1 END);
$$;
COMMENT ON FUNCTION dataplat_internal.judge_most_common(jsonb, jsonb, bigint) IS 'judge of the most common values';

SELECT dataplat_internal.register_expectation_kind('expect_column_most_common_value_to_be_in_set', 'query',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "value_set": {"type": "values", "required": true, "aliases": ["values", "allowed_values"]}, "ties_okay": {"type": "boolean"}}',
    'accuracy', 'dataplat_internal.expect_column_most_common_value_to_be_in_set',
    'the most common value of a column is in a set',
    'dataplat_internal.judge_most_common', '{most_common_value}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_entropy_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.query_plan(ARRAY[$2 ->> 'column'], format(
               'SELECT jsonb_build_object(''value'', 0 - sum(f.p * ln(f.p)))'
               '  FROM (SELECT count(*)::float8 / (sum(count(*)) OVER ())::float8 AS p FROM dataplat_rows WHERE %1$s IS NOT NULL GROUP BY %1$s) AS f',
               c.quoted))
      FROM dataplat_internal.expectation_column($1, $2 ->> 'column') AS c;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_entropy_to_be_between(regclass, jsonb) IS 'compile expect_column_entropy_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_entropy_to_be_between', 'query',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}}'::jsonb || dataplat_internal.bounds_arguments(),
    'accuracy', 'dataplat_internal.expect_column_entropy_to_be_between',
    'the entropy (in nats) of the values of a column is between bounds',
    'dataplat_internal.judge_bounds', '{entropy,has_entropy,hasEntropy}');

-- How often each pair of values occurs (o), and each value by itself (a, b), of
-- all (t).  Only rows where neither is NULL.
CREATE OR REPLACE FUNCTION dataplat_internal.contingency_plan(dataset regclass, kwargs jsonb, value text)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.query_plan(ARRAY[$2 ->> 'column_A', $2 ->> 'column_B'], format(
               'SELECT jsonb_build_object(''value'', %3$s)'
               '  FROM (SELECT count(*)::float8 AS o, (sum(count(*)) OVER (PARTITION BY %1$s))::float8 AS a, (sum(count(*)) OVER (PARTITION BY %2$s))::float8 AS b,'
               '               (sum(count(*)) OVER ())::float8 AS t,'
               '               dense_rank() OVER (ORDER BY %1$s) AS a_place, dense_rank() OVER (ORDER BY %2$s) AS b_place'
               '          FROM dataplat_rows'
               '         WHERE %1$s IS NOT NULL AND %2$s IS NOT NULL'
               '         GROUP BY %1$s, %2$s) AS c',
               a.quoted, b.quoted, $3))
      FROM dataplat_internal.expectation_column($1, $2 ->> 'column_A') AS a, dataplat_internal.expectation_column($1, $2 ->> 'column_B') AS b;
$$;
COMMENT ON FUNCTION dataplat_internal.contingency_plan(regclass, jsonb, text) IS 'plan over how often pairs of values occur';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_pair_mutual_information_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.contingency_plan($1, $2, 'sum(o / t * ln(o * t / (a * b)))');
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_pair_mutual_information_to_be_between(regclass, jsonb) IS 'compile expect_column_pair_mutual_information_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_pair_mutual_information_to_be_between', 'query',
    '{"column_A": {"type": "column", "required": true}, "column_B": {"type": "column", "required": true}}'::jsonb || dataplat_internal.bounds_arguments(),
    'consistency', 'dataplat_internal.expect_column_pair_mutual_information_to_be_between',
    'the mutual information (in nats) of two columns is between bounds',
    'dataplat_internal.judge_bounds', '{mutual_information,mutualInformation,hasMutualInformation}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_pair_cramers_phi_value_to_be_less_than(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.contingency_plan($1, $2,
               'sqrt(greatest(sum(o * o / (a * b)) - 1, 0) / nullif(least(max(a_place), max(b_place)) - 1, 0))');
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_pair_cramers_phi_value_to_be_less_than(regclass, jsonb) IS 'compile expect_column_pair_cramers_phi_value_to_be_less_than';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_less_than_threshold(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.judged(jsonb_build_object('must_be_less_than', coalesce($1 -> 'threshold', '0.1')), $2 -> 'value');
$$;
COMMENT ON FUNCTION dataplat_internal.judge_less_than_threshold(jsonb, jsonb, bigint) IS 'judge: less than threshold';

SELECT dataplat_internal.register_expectation_kind('expect_column_pair_cramers_phi_value_to_be_less_than', 'query',
    '{"column_A": {"type": "column", "required": true}, "column_B": {"type": "column", "required": true}, "threshold": {"type": "number", "default": 0.1}}',
    'consistency', 'dataplat_internal.expect_column_pair_cramers_phi_value_to_be_less_than',
    'Cramér''s phi of two columns is less than a threshold',
    'dataplat_internal.judge_less_than_threshold', '{cramers_phi}');

-- What values look like, in Deequ's words; the type of the column decides where
-- it is not text.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_data_type_to_be(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c          record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
    looks      text;
    aggregates jsonb;
BEGIN
    looks := CASE WHEN c.type IN ('int2'::regtype, 'int4', 'int8') THEN 'Integral'
                  WHEN c.type IN ('float4'::regtype, 'float8', 'numeric') THEN 'Fractional'
                  WHEN c.type = 'bool'::regtype THEN 'Boolean'
                  WHEN c.type NOT IN ('text'::regtype, 'varchar', 'bpchar') THEN 'String' END;
    IF looks IS NOT NULL THEN
        aggregates := jsonb_build_object(looks, format('count(%s)', c.quoted));
    ELSE
        SELECT jsonb_object_agg(l.looks, format('count(*) FILTER (WHERE %s ~ %L)', c.quoted, l.regex))
          INTO aggregates
          FROM (VALUES ('Integral', '^[-+]?[0-9]+$'), ('Fractional', '^[-+]?([0-9]+\.[0-9]*|\.[0-9]+)$'), ('Boolean', '^(true|false)$')) AS l (looks, regex);
    END IF;
    RETURN dataplat_internal.aggregate_plan(ARRAY[kwargs ->> 'column'], aggregates || jsonb_build_object('values', format('count(%s)', c.quoted)));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_data_type_to_be(regclass, jsonb) IS 'compile expect_column_data_type_to_be';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_data_type(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    filled bigint := measured ->> 'values';
    counts jsonb := jsonb_build_object('Unknown', element_count - filled, 'Fractional', coalesce(measured -> 'Fractional', '0'),
                                       'Integral', coalesce(measured -> 'Integral', '0'), 'Boolean', coalesce(measured -> 'Boolean', '0'));
    share  float8;
BEGIN
    counts := counts || jsonb_build_object('String', filled - (counts ->> 'Fractional')::bigint - (counts ->> 'Integral')::bigint - (counts ->> 'Boolean')::bigint);
    share := CASE kwargs ->> 'data_type'
                 WHEN 'Unknown' THEN (counts ->> 'Unknown')::float8 / nullif(element_count, 0)
                 WHEN 'Numeric' THEN ((counts ->> 'Fractional')::float8 + (counts ->> 'Integral')::float8) / nullif(filled, 0)
                 ELSE (counts ->> (kwargs ->> 'data_type'))::float8 / nullif(filled, 0) END;
    RETURN dataplat_internal.judged(CASE WHEN kwargs - 'column' - 'data_type' = '{}' THEN '{"min_value": 1}' ELSE kwargs END, to_jsonb(share))
           || jsonb_build_object('details', jsonb_build_object('type_counts', counts));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.judge_data_type(jsonb, jsonb, bigint) IS 'judge of the share of values that look like a type; without bounds, all must';

SELECT dataplat_internal.register_expectation_kind('expect_column_data_type_to_be', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "data_type": {"type": "text", "required": true, "choices": ["Unknown", "Fractional", "Integral", "Numeric", "Boolean", "String"]}}'::jsonb || dataplat_internal.bounds_arguments(),
    'conformity', 'dataplat_internal.expect_column_data_type_to_be',
    'the share of values that look Fractional, Integral, Numeric, Boolean or String is between bounds; all of them when there are none',
    'dataplat_internal.judge_data_type', '{has_data_type,hasDataType}');
