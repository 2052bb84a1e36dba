/*
 * quality: kinds that judge aggregates over a column.
 *
 * Aggregates are spelled in one way only (name of the function, quoted column):
 * what several expectations ask for is evaluated once, and what can be merged
 * is recognized.
 */

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_min_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.value_plan($1, $2, 'min(%1$s)', false);
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_min_to_be_between(regclass, jsonb) IS 'compile expect_column_min_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_min_to_be_between', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}}'::jsonb || dataplat_internal.bounds_arguments(),
    'accuracy', 'dataplat_internal.expect_column_min_to_be_between',
    'the least value of a column is between bounds',
    'dataplat_internal.judge_bounds', '{min,has_min,hasMin}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_max_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.value_plan($1, $2, 'max(%1$s)', false);
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_max_to_be_between(regclass, jsonb) IS 'compile expect_column_max_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_max_to_be_between', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}}'::jsonb || dataplat_internal.bounds_arguments(),
    'accuracy', 'dataplat_internal.expect_column_max_to_be_between',
    'the greatest value of a column is between bounds',
    'dataplat_internal.judge_bounds', '{max,has_max,hasMax}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_mean_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.value_plan($1, $2, 'avg(%1$s)', true);
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_mean_to_be_between(regclass, jsonb) IS 'compile expect_column_mean_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_mean_to_be_between', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}}'::jsonb || dataplat_internal.bounds_arguments(),
    'accuracy', 'dataplat_internal.expect_column_mean_to_be_between',
    'the mean of a column is between bounds',
    'dataplat_internal.judge_bounds', '{mean,avg,has_mean,hasMean}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_sum_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.value_plan($1, $2, 'sum(%1$s)', true);
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_sum_to_be_between(regclass, jsonb) IS 'compile expect_column_sum_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_sum_to_be_between', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}}'::jsonb || dataplat_internal.bounds_arguments(),
    'accuracy', 'dataplat_internal.expect_column_sum_to_be_between',
    'the sum of a column is between bounds',
    'dataplat_internal.judge_bounds', '{sum,has_sum,hasSum}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_stdev_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.value_plan($1, $2, 'stddev_samp(%1$s)', true);
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_stdev_to_be_between(regclass, jsonb) IS 'compile expect_column_stdev_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_stdev_to_be_between', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}}'::jsonb || dataplat_internal.bounds_arguments(),
    'accuracy', 'dataplat_internal.expect_column_stdev_to_be_between',
    'the sample standard deviation of a column is between bounds',
    'dataplat_internal.judge_bounds', '{stdev,stddev,stddev_samp}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_population_stdev_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.value_plan($1, $2, 'stddev_pop(%1$s)', true);
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_population_stdev_to_be_between(regclass, jsonb) IS 'compile expect_column_population_stdev_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_population_stdev_to_be_between', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}}'::jsonb || dataplat_internal.bounds_arguments(),
    'accuracy', 'dataplat_internal.expect_column_population_stdev_to_be_between',
    'the standard deviation of a column, as of a whole population, is between bounds',
    'dataplat_internal.judge_bounds', '{stddev_pop,has_standard_deviation,hasStandardDeviation}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_variance_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.value_plan($1, $2, 'var_samp(%1$s)', true);
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_variance_to_be_between(regclass, jsonb) IS 'compile expect_column_variance_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_variance_to_be_between', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}}'::jsonb || dataplat_internal.bounds_arguments(),
    'accuracy', 'dataplat_internal.expect_column_variance_to_be_between',
    'the sample variance of a column is between bounds',
    'dataplat_internal.judge_bounds', '{variance,var_samp}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_range_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.value_plan($1, $2, 'max(%1$s) - min(%1$s)', true);
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_range_to_be_between(regclass, jsonb) IS 'compile expect_column_range_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_range_to_be_between', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}}'::jsonb || dataplat_internal.bounds_arguments(),
    'accuracy', 'dataplat_internal.expect_column_range_to_be_between',
    'the difference of the greatest and the least value of a column is between bounds',
    'dataplat_internal.judge_bounds', '{range}');

-- Quantiles from a t-digest: one pass without sorting, and a state that new
-- values are added to.
CREATE OR REPLACE FUNCTION dataplat_internal.approximate_quantiles(quantiles float8[])
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'ARRAY[' || string_agg(format('dataplat.column_state_quantile(dataplat.column_state(%%1$s), %s)', q), ', ' ORDER BY n) || ']'
      FROM unnest(quantiles) WITH ORDINALITY AS u (q, n);
$$;
COMMENT ON FUNCTION dataplat_internal.approximate_quantiles(float8[]) IS 'quantiles of a column, %1$s, as an array in SQL';

-- The two values in the middle; judge_median takes their mean.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_median_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN ($2 ->> 'approximate')::boolean THEN dataplat_internal.value_plan($1, $2, dataplat_internal.approximate_quantiles('{0.5,0.5}'), true)
                ELSE dataplat_internal.value_plan($1, $2, 'percentile_disc(''{0.5,0.500000000001}''::float8[]) WITHIN GROUP (ORDER BY %1$s)', false) END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_median_to_be_between(regclass, jsonb) IS 'compile expect_column_median_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_median_to_be_between', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "approximate": {"type": "boolean"}}'::jsonb || dataplat_internal.bounds_arguments(),
    'accuracy', 'dataplat_internal.expect_column_median_to_be_between',
    'the median of a column is between bounds; approximate: off by less than half a percent of the ranks, without sorting',
    'dataplat_internal.judge_median', '{median}');

CREATE OR REPLACE FUNCTION dataplat_internal.judge_median(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.judged($1,
               CASE WHEN NOT $2 ? 'type' THEN to_jsonb(trim_scale((($2 #>> '{value,0}')::numeric + ($2 #>> '{value,1}')::numeric) / 2))
                    ELSE $2 #> '{value,0}' END,
               $2 ->> 'type');
$$;
COMMENT ON FUNCTION dataplat_internal.judge_median(jsonb, jsonb, bigint) IS 'judge of the median; of an even number of values that cannot be added, the lower one';

-- Great Expectations takes a value as inside when it is within a ten thousandth
-- of a bound.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_quantile_values_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c         record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
    quantiles float8[];
BEGIN
    IF jsonb_typeof(kwargs #> '{quantile_ranges,quantiles}') IS DISTINCT FROM 'array'
        OR jsonb_typeof(kwargs #> '{quantile_ranges,value_ranges}') IS DISTINCT FROM 'array'
        OR jsonb_array_length(kwargs #> '{quantile_ranges,quantiles}') <> jsonb_array_length(kwargs #> '{quantile_ranges,value_ranges}') THEN
        RAISE EXCEPTION 'quantile_ranges must hold as many value_ranges as quantiles'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Example: {"quantiles": [0.25, 0.75], "value_ranges": [[1, 2], [3, null]]}';
    END IF;
    SELECT array_agg(q::float8 ORDER BY n)
      INTO quantiles
      FROM jsonb_array_elements_text(kwargs #> '{quantile_ranges,quantiles}') WITH ORDINALITY AS e (q, n);
    PERFORM dataplat_internal.check_bounds(jsonb_build_object('must_be_between', r), c.type)
       FROM jsonb_array_elements(kwargs #> '{quantile_ranges,value_ranges}') AS r;
    RETURN dataplat_internal.aggregate_plan(ARRAY[kwargs ->> 'column'],
               jsonb_build_object('values', CASE WHEN (kwargs ->> 'approximate')::boolean
                   THEN format(dataplat_internal.approximate_quantiles(quantiles), dataplat_internal.number_column(dataset, kwargs ->> 'column'))
                   ELSE format('percentile_disc(%L::float8[]) WITHIN GROUP (ORDER BY %s)', quantiles, c.quoted) END)
               || dataplat_internal.type_for_judge(c.type));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_quantile_values_to_be_between(regclass, jsonb) IS 'compile expect_column_quantile_values_to_be_between';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_quantiles(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('success', coalesce(bool_and(d.good), true),
               'observed_value', jsonb_build_object('quantiles', $1 #> '{quantile_ranges,quantiles}', 'values', coalesce(jsonb_agg(d.value ORDER BY d.n), '[]')),
               'details', jsonb_build_object('success_details', coalesce(jsonb_agg(d.good ORDER BY d.n), '[]')))
      FROM (SELECT r.n, nullif(v.value, '"NaN"') AS value,
                   coalesce(CASE WHEN v.value IN ('null', '"NaN"') THEN false
                                 ELSE dataplat_internal.within_bounds(
                                     jsonb_build_object('min_value', dataplat_internal.widened(r.bounds -> 0, -1), 'max_value', dataplat_internal.widened(r.bounds -> 1, 1)),
                                     v.value, $2 ->> 'type') END, false) AS good
              FROM jsonb_array_elements($1 #> '{quantile_ranges,value_ranges}') WITH ORDINALITY AS r (bounds, n)
             CROSS JOIN LATERAL (SELECT coalesce($2 #> ARRAY['values', (r.n - 1)::text], 'null')) AS v (value)) AS d;
$$;
COMMENT ON FUNCTION dataplat_internal.judge_quantiles(jsonb, jsonb, bigint) IS 'judge of quantiles';

CREATE OR REPLACE FUNCTION dataplat_internal.widened(bound jsonb, direction int)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE jsonb_typeof($1) WHEN 'number' THEN to_jsonb($1::numeric + $2 * (0.00000001 + 0.0001 * abs($1::numeric))) ELSE $1 END;
$$;
COMMENT ON FUNCTION dataplat_internal.widened(jsonb, int) IS 'a bound of a quantile, with what is near enough to it';

SELECT dataplat_internal.register_expectation_kind('expect_column_quantile_values_to_be_between', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "quantile_ranges": {"type": "object", "required": true}, "allow_relative_error": {"type": "value"}, "approximate": {"type": "boolean"}}',
    'accuracy', 'dataplat_internal.expect_column_quantile_values_to_be_between',
    'quantiles of a column (as percentile_disc) are between bounds',
    'dataplat_internal.judge_quantiles', '{quantile_values,quantiles,has_approx_quantile,hasApproxQuantile,hasExactQuantile}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_interquartile_range_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.value_plan($1, $2,
               CASE WHEN ($2 ->> 'approximate')::boolean
                    THEN 'dataplat.column_state_quantile(dataplat.column_state(%1$s), 0.75) - dataplat.column_state_quantile(dataplat.column_state(%1$s), 0.25)'
                    ELSE 'percentile_cont(0.75) WITHIN GROUP (ORDER BY %1$s) - percentile_cont(0.25) WITHIN GROUP (ORDER BY %1$s)' END, true);
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_interquartile_range_to_be_between(regclass, jsonb) IS 'compile expect_column_interquartile_range_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_interquartile_range_to_be_between', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "approximate": {"type": "boolean"}}'::jsonb || dataplat_internal.bounds_arguments(),
    'accuracy', 'dataplat_internal.expect_column_interquartile_range_to_be_between',
    'the distance of the quartiles of a column (as percentile_cont) is between bounds',
    'dataplat_internal.judge_bounds', '{iqr,interquartile_range,interquartileRange}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_min_length_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.aggregate_plan(ARRAY[$2 ->> 'column'],
               jsonb_build_object('value', format('min(char_length(%s%s))', c.quoted, CASE WHEN c.type IN ('text'::regtype, 'varchar') THEN '' ELSE '::text' END)))
      FROM dataplat_internal.expectation_column($1, $2 ->> 'column') AS c;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_min_length_to_be_between(regclass, jsonb) IS 'compile expect_column_min_length_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_min_length_to_be_between', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}}'::jsonb || dataplat_internal.bounds_arguments(),
    'conformity', 'dataplat_internal.expect_column_min_length_to_be_between',
    'the shortest value of a column has between so many and so many characters',
    'dataplat_internal.judge_bounds', '{min_length,has_min_length,hasMinLength}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_max_length_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.aggregate_plan(ARRAY[$2 ->> 'column'],
               jsonb_build_object('value', format('max(char_length(%s%s))', c.quoted, CASE WHEN c.type IN ('text'::regtype, 'varchar') THEN '' ELSE '::text' END)))
      FROM dataplat_internal.expectation_column($1, $2 ->> 'column') AS c;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_max_length_to_be_between(regclass, jsonb) IS 'compile expect_column_max_length_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_max_length_to_be_between', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}}'::jsonb || dataplat_internal.bounds_arguments(),
    'conformity', 'dataplat_internal.expect_column_max_length_to_be_between',
    'the longest value of a column has between so many and so many characters',
    'dataplat_internal.judge_bounds', '{max_length,has_max_length,hasMaxLength}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_mean_length_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.aggregate_plan(ARRAY[$2 ->> 'column'],
               jsonb_build_object('value', format('avg(char_length(%s%s))', c.quoted, CASE WHEN c.type IN ('text'::regtype, 'varchar') THEN '' ELSE '::text' END)))
      FROM dataplat_internal.expectation_column($1, $2 ->> 'column') AS c;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_mean_length_to_be_between(regclass, jsonb) IS 'compile expect_column_mean_length_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_mean_length_to_be_between', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}}'::jsonb || dataplat_internal.bounds_arguments(),
    'conformity', 'dataplat_internal.expect_column_mean_length_to_be_between',
    'the values of a column have between so many and so many characters on average',
    'dataplat_internal.judge_bounds', '{avg_length}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_pair_correlation_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.aggregate_plan(ARRAY[$2 ->> 'column_A', $2 ->> 'column_B'],
               jsonb_build_object('value', format('corr(%s, %s)',
                   dataplat_internal.number_column($1, $2 ->> 'column_A'), dataplat_internal.number_column($1, $2 ->> 'column_B'))));
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_pair_correlation_to_be_between(regclass, jsonb) IS 'compile expect_column_pair_correlation_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_pair_correlation_to_be_between', 'aggregate',
    '{"column_A": {"type": "column", "required": true}, "column_B": {"type": "column", "required": true}}'::jsonb || dataplat_internal.bounds_arguments(),
    'consistency', 'dataplat_internal.expect_column_pair_correlation_to_be_between',
    'the correlation (Pearson) of two columns is between bounds',
    'dataplat_internal.judge_bounds', '{correlation,has_correlation,hasCorrelation}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_pair_ratio_of_sums_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.aggregate_plan(ARRAY[$2 ->> 'column_A', $2 ->> 'column_B'],
               jsonb_build_object('part', format('sum(%s)', dataplat_internal.number_column($1, $2 ->> 'column_A')),
                                  'whole', format('sum(%s)', dataplat_internal.number_column($1, $2 ->> 'column_B'))));
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_pair_ratio_of_sums_to_be_between(regclass, jsonb) IS 'compile expect_column_pair_ratio_of_sums_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_pair_ratio_of_sums_to_be_between', 'aggregate',
    '{"column_A": {"type": "column", "required": true}, "column_B": {"type": "column", "required": true}}'::jsonb || dataplat_internal.bounds_arguments(),
    'consistency', 'dataplat_internal.expect_column_pair_ratio_of_sums_to_be_between',
    'the sum of a column divided by the sum of another is between bounds',
    'dataplat_internal.judge_ratio', '{ratio_of_sums,ratioOfSums}');

-- Two passes: powers of what is left after the mean lose no digits, and scaled
-- to at most one they do not overflow.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_skewness_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.query_plan(ARRAY[$2 ->> 'column'], format(
               'SELECT jsonb_build_object(''value'', sqrt(count(*)) * sum(z ^ 3) / nullif(sum(z ^ 2), 0) ^ 1.5)'
               '  FROM (SELECT (%1$s::float8 - m.mean) / nullif(greatest(m.high - m.mean, m.mean - m.low), 0) AS z'
               '          FROM dataplat_rows, (SELECT avg(%1$s::float8) AS mean, min(%1$s)::float8 AS low, max(%1$s)::float8 AS high FROM dataplat_rows) AS m'
               '         WHERE %1$s IS NOT NULL) AS s',
               dataplat_internal.number_column($1, $2 ->> 'column')));
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_skewness_to_be_between(regclass, jsonb) IS 'compile expect_column_skewness_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_skewness_to_be_between', 'query',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}}'::jsonb || dataplat_internal.bounds_arguments(),
    'accuracy', 'dataplat_internal.expect_column_skewness_to_be_between',
    'the skewness of a column is between bounds',
    'dataplat_internal.judge_bounds', '{skewness,has_skewness,hasSkewness}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_kurtosis_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.query_plan(ARRAY[$2 ->> 'column'], format(
               'SELECT jsonb_build_object(''value'', count(*) * sum(z ^ 4) / nullif(sum(z ^ 2), 0) ^ 2 - 3)'
               '  FROM (SELECT (%1$s::float8 - m.mean) / nullif(greatest(m.high - m.mean, m.mean - m.low), 0) AS z'
               '          FROM dataplat_rows, (SELECT avg(%1$s::float8) AS mean, min(%1$s)::float8 AS low, max(%1$s)::float8 AS high FROM dataplat_rows) AS m'
               '         WHERE %1$s IS NOT NULL) AS s',
               dataplat_internal.number_column($1, $2 ->> 'column')));
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_kurtosis_to_be_between(regclass, jsonb) IS 'compile expect_column_kurtosis_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_column_kurtosis_to_be_between', 'query',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}}'::jsonb || dataplat_internal.bounds_arguments(),
    'accuracy', 'dataplat_internal.expect_column_kurtosis_to_be_between',
    'the excess kurtosis of a column is between bounds',
    'dataplat_internal.judge_bounds', '{kurtosis,has_kurtosis,hasKurtosis}');
