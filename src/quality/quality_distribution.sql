-- quality: kinds that judge how values are distributed.

CREATE OR REPLACE FUNCTION dataplat.distribution_cdf(distribution text, x float8, params float8[] DEFAULT '{}')
RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_distribution_cdf';
COMMENT ON FUNCTION dataplat.distribution_cdf(text, float8, float8[]) IS
    'share of a distribution below x: norm, uniform, expon, lognorm, gamma, chi2, beta; params are shapes, location, scale, as scipy has them';
-- Queries of expectations call it with the rights of whoever owns them.
GRANT EXECUTE ON FUNCTION dataplat.distribution_cdf(text, float8, float8[]) TO PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.chi_square_p(statistic float8, degrees float8)
RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_quality_chi_square_p';
COMMENT ON FUNCTION dataplat_internal.chi_square_p(float8, float8) IS 'how likely a chi-square statistic is at least this large';

CREATE OR REPLACE FUNCTION dataplat_internal.kolmogorov_p(distance float8, n float8)
RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_quality_kolmogorov_p';
COMMENT ON FUNCTION dataplat_internal.kolmogorov_p(float8, float8) IS 'how likely n values are at least so far from their distribution (Kolmogorov, two-sided)';

-- Values far from the mean, in sample standard deviations.  When all are equal,
-- none is far.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_value_z_scores_to_be_less_than(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.row_plan(ARRAY[$2 ->> 'column'], c, c || ' IS NULL',
               format(CASE WHEN ($2 ->> 'double_sided')::boolean THEN 'abs((%1$s - avg(%1$s) OVER ()) / nullif(stddev_samp(%1$s) OVER (), 0)) < abs(%2$s)'
                           ELSE '(%1$s - avg(%1$s) OVER ()) / nullif(stddev_samp(%1$s) OVER (), 0) < %2$s' END, c, ($2 ->> 'threshold')::numeric))
      FROM dataplat_internal.number_column($1, $2 ->> 'column') AS c;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_value_z_scores_to_be_less_than(regclass, jsonb) IS 'compile expect_column_value_z_scores_to_be_less_than';

SELECT dataplat_internal.register_expectation_kind('expect_column_value_z_scores_to_be_less_than', 'group',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "threshold": {"type": "number", "required": true}, "double_sided": {"type": "boolean"}}',
    'accuracy', 'dataplat_internal.expect_column_value_z_scores_to_be_less_than',
    'each value is less than threshold standard deviations above (double_sided: away from) the mean',
    aliases => '{z_scores_less_than}');

-- How often each of the expected values occurs, and how often others do.
CREATE OR REPLACE FUNCTION dataplat_internal.category_plan(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c      record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
    wanted text[] := ARRAY(SELECT v FROM jsonb_array_elements_text(kwargs #> '{partition_object,values}') WITH ORDINALITY AS e (v, n) ORDER BY n);
BEGIN
    PERFORM dataplat_internal.check_partition(kwargs -> 'partition_object');
    RETURN dataplat_internal.query_plan(ARRAY[kwargs ->> 'column'], format(
        'WITH f AS MATERIALIZED (SELECT %1$s AS v, count(*) AS n FROM dataplat_rows WHERE %1$s IS NOT NULL GROUP BY %1$s),'
        '     w AS (SELECT u.v, u.place, coalesce(f.n, 0) AS n FROM unnest(%2$L::%3$s[]) WITH ORDINALITY AS u (v, place) LEFT JOIN f ON f.v = u.v),'
        '     o AS (SELECT f.v, f.n FROM f WHERE f.v <> ALL (%2$L::%3$s[]))'
        'SELECT jsonb_build_object(''counts'', (SELECT coalesce(jsonb_agg(w.n ORDER BY w.place), ''[]'') FROM w),'
        '    ''others'', (SELECT count(*) FROM o), ''others_sum'', (SELECT coalesce(sum(o.n), 0) FROM o),'
        '    ''others_squares'', (SELECT coalesce(sum(o.n::float8 ^ 2), 0) FROM o), ''others_log'', (SELECT coalesce(sum(o.n * ln(o.n::float8)), 0) FROM o),'
        '    ''other_values'', (SELECT coalesce(jsonb_agg(l.v), ''[]'') FROM (SELECT o.v FROM o ORDER BY o.v LIMIT 100) AS l),'
        '    ''other_counts'', (SELECT coalesce(jsonb_agg(l.n), ''[]'') FROM (SELECT o.n FROM o ORDER BY o.v LIMIT 100) AS l))',
        c.quoted, wanted, c.type));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.category_plan(regclass, jsonb) IS 'plan of how often expected values, and others, occur';

-- {"values" or "bins", "weights", "tail_weights"}: as many weights as values, or
-- one less than rising bins; they sum up to 1.
CREATE OR REPLACE FUNCTION dataplat_internal.check_partition(partition jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    weights float8[] := dataplat_internal.float_array(partition -> 'weights');
    bins    float8[] := dataplat_internal.float_array(partition -> 'bins');
    places  int := CASE WHEN partition ? 'bins' THEN cardinality(bins) - 1 ELSE jsonb_array_length(partition -> 'values') END;
BEGIN
    IF coalesce(cardinality(weights) <> places, true)
        OR abs((SELECT sum(w) FROM unnest(weights || dataplat_internal.float_array(partition -> 'tail_weights')) AS w) - 1) > 1e-5
        OR EXISTS (SELECT FROM generate_subscripts(bins, 1) AS i WHERE bins[i] >= bins[i + 1])
        OR (partition ? 'tail_weights' AND jsonb_array_length(partition -> 'tail_weights') <> 2) THEN
        RAISE EXCEPTION 'partition_object must hold weights that sum up to 1, and as many values, or one more rising bins'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Examples: {"values": ["a", "b"], "weights": [0.3, 0.7]}, {"bins": [0, 1, 10], "weights": [0.5, 0.5]}';
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_partition(jsonb) IS 'fail on a partition_object that describes no distribution';

CREATE OR REPLACE FUNCTION dataplat_internal.float_array(list jsonb)
RETURNS float8[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT array_agg(v::float8 ORDER BY n) FROM jsonb_array_elements_text($1) WITH ORDINALITY AS e (v, n); $$;
COMMENT ON FUNCTION dataplat_internal.float_array(jsonb) IS 'JSON array of numbers as an array; "Infinity" is one, too';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_chisquare_test_p_value_to_be_greater_than(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.category_plan($1, $2);
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_chisquare_test_p_value_to_be_greater_than(regclass, jsonb) IS 'compile expect_column_chisquare_test_p_value_to_be_greater_than';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_chi_square(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    counts  float8[] := dataplat_internal.float_array(measured -> 'counts');
    weights float8[] := dataplat_internal.float_array(kwargs #> '{partition_object,weights}');
    holdout float8 := coalesce((kwargs ->> 'tail_weight_holdout')::float8, 0);
    others  float8 := measured ->> 'others';
    total   float8 := (measured ->> 'others_sum')::float8 + (SELECT sum(c) FROM unnest(counts) AS c);
    stat    float8;
    p       float8;
BEGIN
    IF total = 0 THEN
        RETURN '{"success": false, "observed_value": null}';
    END IF;
    IF others > 0 THEN
        weights := ARRAY(SELECT w * (1 - holdout) FROM unnest(weights) WITH ORDINALITY AS u (w, n) ORDER BY n);
    END IF;
    -- a value that was not expected at all makes the statistic infinite
    SELECT sum(CASE WHEN w = 0 THEN CASE WHEN c > 0 THEN 'Infinity'::float8 ELSE 0 END ELSE (c - w * total) ^ 2 / (w * total) END)
      INTO stat
      FROM unnest(counts, weights) AS u (c, w);
    IF others > 0 THEN
        stat := stat + CASE WHEN holdout = 0 THEN 'Infinity'
                            ELSE (measured ->> 'others_squares')::float8 * others / (holdout * total) - 2 * (measured ->> 'others_sum')::float8 + holdout * total END;
    END IF;
    p := CASE WHEN stat = 'Infinity' THEN 0 ELSE dataplat_internal.chi_square_p(stat, cardinality(counts) + others - 1) END;
    RETURN jsonb_build_object('success', p > coalesce((kwargs ->> 'p')::float8, 0.05), 'observed_value', p,
        'details', jsonb_build_object('statistic', stat, 'degrees_of_freedom', cardinality(counts) + others - 1, 'element_count', total, 'unexpected_values', measured -> 'other_values'));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.judge_chi_square(jsonb, jsonb, bigint) IS 'judge of a chi-square test';

SELECT dataplat_internal.register_expectation_kind('expect_column_chisquare_test_p_value_to_be_greater_than', 'query',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "partition_object": {"type": "object", "required": true}, "p": {"type": "number", "min": 0, "max": 1}, "tail_weight_holdout": {"type": "number", "min": 0, "max": 1}}',
    'accuracy', 'dataplat_internal.expect_column_chisquare_test_p_value_to_be_greater_than',
    'values occur as often as partition_object {"values", "weights"} says: the p-value of a chi-square test is above p (0.05)',
    'dataplat_internal.judge_chi_square', '{chi_square,chisquare}');

-- Kullback-Leibler divergence from expected values, or from expected bins.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_kl_divergence_to_be_less_than(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    partition jsonb := kwargs -> 'partition_object';
    tail      float8 := coalesce((kwargs ->> 'tail_weight_holdout')::float8, 0);
    c         text;
    bins      float8[];
BEGIN
    IF tail <> 0 AND partition ? 'tail_weights' THEN
        RAISE EXCEPTION 'tail_weight_holdout must be 0 when partition_object has tail_weights'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT partition ? 'bins' THEN
        IF coalesce((kwargs ->> 'internal_weight_holdout')::float8, 0) > 0 THEN
            RAISE EXCEPTION 'internal_weight_holdout is for bins only'
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
        RETURN dataplat_internal.category_plan(dataset, kwargs);
    END IF;
    PERFORM dataplat_internal.check_partition(partition);
    bins := dataplat_internal.float_array(partition -> 'bins');
    IF (bins[1] = '-Infinity' OR bins[cardinality(bins)] = 'Infinity') AND (partition ? 'tail_weights' OR (tail > 0 AND bins[1] = '-Infinity' AND bins[cardinality(bins)] = 'Infinity')) THEN
        RAISE EXCEPTION 'there can be no weight of tails beyond bins that end at infinity'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    c := dataplat_internal.number_column(dataset, kwargs ->> 'column');
    RETURN dataplat_internal.query_plan(ARRAY[kwargs ->> 'column'], (
        SELECT format('SELECT jsonb_build_object(''values'', count(%1$s), ''below'', count(*) FILTER (WHERE %1$s < %2$L::float8), ''above'', count(*) FILTER (WHERE %1$s > %3$L::float8), %4$s) FROM dataplat_rows',
                      c, bins[1], bins[cardinality(bins)],
                      string_agg(format('''bin%s'', count(*) FILTER (WHERE %s >= %L::float8 AND %s %s %L::float8)', i, c, bins[i], c,
                                        CASE WHEN i < cardinality(bins) - 1 THEN '<' ELSE '<=' END, bins[i + 1]), ', '))
          FROM generate_series(1, cardinality(bins) - 1) AS i));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_kl_divergence_to_be_less_than(regclass, jsonb) IS 'compile expect_column_kl_divergence_to_be_less_than';

-- sum p ln(p / q), both made to sum up to 1.  NULL when there is no p.
CREATE OR REPLACE FUNCTION dataplat_internal.relative_entropy(p float8[], q float8[])
RETURNS float8
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN max(s.p) > 0 THEN
               sum(CASE WHEN u.p = 0 THEN 0 WHEN u.q = 0 THEN 'Infinity' ELSE u.p / s.p * ln((u.p / s.p) / (u.q / s.q)) END) END
      FROM unnest($1, $2) AS u (p, q), (SELECT sum(t.p) AS p, sum(t.q) AS q FROM unnest($1, $2) AS t (p, q)) AS s;
$$;
COMMENT ON FUNCTION dataplat_internal.relative_entropy(float8[], float8[]) IS 'Kullback-Leibler divergence of two lists of weights';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_kl_divergence(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    partition jsonb := kwargs -> 'partition_object';
    tail      float8 := coalesce((kwargs ->> 'tail_weight_holdout')::float8, 0);
    held      float8 := coalesce((kwargs ->> 'internal_weight_holdout')::float8, 0);
    weights   float8[] := dataplat_internal.float_array(partition -> 'weights');
    bins      float8[] := dataplat_internal.float_array(partition -> 'bins');
    k         int := cardinality(weights);
    total     float8;
    counts    float8[];
    expected  float8[];
    tails     float8[];
    zeros     int;
    divergence float8;
    details   jsonb;
BEGIN
    IF bins IS NULL THEN
        RETURN dataplat_internal.judge_category_divergence(kwargs, measured);
    END IF;
    total := measured ->> 'values';
    IF total = 0 THEN
        RETURN jsonb_build_object('success', NOT kwargs ? 'threshold', 'observed_value', NULL);
    END IF;
    zeros := (SELECT count(*) FROM unnest(weights) AS w WHERE w = 0);
    expected := ARRAY(SELECT CASE WHEN w = 0 AND held > 0 THEN held / zeros ELSE w * (1 - tail - held) END FROM unnest(weights) WITH ORDINALITY AS u (w, n) ORDER BY n);
    counts := ARRAY(SELECT (measured ->> ('bin' || i))::float8 / total FROM generate_series(1, k) AS i ORDER BY i);
    -- the tails: bins that end at infinity are their own
    tails := CASE WHEN partition ? 'tail_weights' THEN dataplat_internal.float_array(partition -> 'tail_weights')
                  WHEN bins[1] = '-Infinity' OR bins[k + 1] = 'Infinity' THEN ARRAY[tail, tail] ELSE ARRAY[tail / 2, tail / 2] END;
    IF bins[1] <> '-Infinity' THEN
        counts := (measured ->> 'below')::float8 / total || counts;
        expected := tails[1] || expected;
        bins := '-Infinity'::float8 || bins;
    END IF;
    IF bins[cardinality(bins)] <> 'Infinity' THEN
        counts := counts || (measured ->> 'above')::float8 / total;
        expected := expected || tails[2];
        bins := bins || 'Infinity'::float8;
    END IF;
    k := cardinality(counts);
    divergence := dataplat_internal.relative_entropy(counts, expected);
    details := jsonb_build_object(
        'observed_partition', jsonb_build_object('bins', bins[2:k], 'weights', counts[2:k - 1], 'tail_weights', ARRAY[counts[1], counts[k]]),
        'expected_partition', jsonb_build_object('bins', bins[2:k], 'weights', expected[2:k - 1], 'tail_weights', ARRAY[expected[1], expected[k]]));
    RETURN jsonb_build_object('success', coalesce(divergence <= (kwargs ->> 'threshold')::float8, NOT kwargs ? 'threshold'),
        'observed_value', nullif(divergence, 'Infinity'), 'details', details);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.judge_kl_divergence(jsonb, jsonb, bigint) IS 'judge of the divergence from expected bins or values';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_category_divergence(kwargs jsonb, measured jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tail       float8 := coalesce((kwargs ->> 'tail_weight_holdout')::float8, 0);
    others     float8 := measured ->> 'others';
    others_sum float8 := measured ->> 'others_sum';
    counts     float8[] := dataplat_internal.float_array(measured -> 'counts');
    expected   float8[] := dataplat_internal.float_array(kwargs #> '{partition_object,weights}');
    total      float8 := others_sum + (SELECT sum(c) FROM unnest(counts) AS c);
    shown      jsonb := (kwargs #> '{partition_object,values}') || (measured -> 'other_values');
    divergence float8;
BEGIN
    IF total = 0 THEN
        RETURN jsonb_build_object('success', NOT kwargs ? 'threshold', 'observed_value', NULL);
    END IF;
    IF others > 0 THEN
        expected := ARRAY(SELECT w * (1 - tail) FROM unnest(expected) WITH ORDINALITY AS u (w, n) ORDER BY n);
    END IF;
    counts := ARRAY(SELECT c / total FROM unnest(counts) WITH ORDINALITY AS u (c, n) ORDER BY n);
    SELECT coalesce(sum(CASE WHEN c = 0 THEN 0 WHEN w = 0 THEN 'Infinity' ELSE c * ln(c / w) END), 0)
      INTO divergence
      FROM unnest(counts, expected) AS u (c, w);
    IF others > 0 THEN
        divergence := divergence + CASE WHEN tail = 0 THEN 'Infinity'
            ELSE (measured ->> 'others_log')::float8 / total - others_sum / total * (ln(total) + ln(tail / others)) END;
    END IF;
    RETURN jsonb_build_object('success', coalesce(divergence <= (kwargs ->> 'threshold')::float8, NOT kwargs ? 'threshold'),
        'observed_value', nullif(divergence, 'Infinity'),
        'details', jsonb_build_object(
            'observed_partition', jsonb_build_object('values', shown, 'weights', to_jsonb(counts
                || ARRAY(SELECT c::float8 / total FROM jsonb_array_elements_text(measured -> 'other_counts') WITH ORDINALITY AS e (c, n) ORDER BY n))),
            'expected_partition', jsonb_build_object('values', shown, 'weights', to_jsonb(expected
                || ARRAY(SELECT tail / nullif(others, 0) FROM jsonb_array_elements(measured -> 'other_counts'))))));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.judge_category_divergence(jsonb, jsonb) IS 'judge of the divergence from expected values';

SELECT dataplat_internal.register_expectation_kind('expect_column_kl_divergence_to_be_less_than', 'query',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "partition_object": {"type": "object", "required": true}, "threshold": {"type": "number", "min": 0}, "tail_weight_holdout": {"type": "number", "min": 0, "max": 1}, "internal_weight_holdout": {"type": "number", "min": 0, "max": 1}, "bucketize_data": {"type": "boolean"}}',
    'accuracy', 'dataplat_internal.expect_column_kl_divergence_to_be_less_than',
    'the Kullback-Leibler divergence from partition_object {"values" or "bins", "weights"} is at most threshold',
    'dataplat_internal.judge_kl_divergence', '{kl_divergence}');

-- Kolmogorov and Smirnov's test against a distribution that is given whole.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_ks_test_p_value_to_be_greater_than(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c      text := dataplat_internal.number_column(dataset, kwargs ->> 'column');
    params float8[] := CASE jsonb_typeof(kwargs -> 'params') WHEN 'array' THEN coalesce(dataplat_internal.float_array(kwargs -> 'params'), '{}') END;
BEGIN
    IF params IS NULL THEN
        SELECT array_agg((p.value ->> n)::float8 ORDER BY place)
          INTO params
          FROM (SELECT coalesce(kwargs -> 'params', '{}')) AS p (value),
               unnest(CASE kwargs ->> 'distribution' WHEN 'norm' THEN '{mean,std_dev}' WHEN 'uniform' THEN '{min,max}' WHEN 'lognorm' THEN '{s,loc,scale}'
                      WHEN 'gamma' THEN '{alpha,loc,scale}' WHEN 'chi2' THEN '{df,loc,scale}' WHEN 'beta' THEN '{alpha,beta,loc,scale}' ELSE '{loc,scale}' END::text[])
                   WITH ORDINALITY AS u (n, place)
         WHERE p.value ? n;
        IF kwargs ->> 'distribution' = 'uniform' THEN
            params[2] := params[2] - params[1];
        END IF;
    END IF;
    PERFORM dataplat.distribution_cdf(kwargs ->> 'distribution', 0, coalesce(params, '{}'));
    RETURN dataplat_internal.query_plan(ARRAY[kwargs ->> 'column'], format(
        'SELECT jsonb_build_object(''n'', count(*), ''distance'', max(greatest(k.place / k.n::float8 - k.f, k.f - (k.place - 1) / k.n::float8)))'
        '  FROM (SELECT row_number() OVER (ORDER BY %1$s) AS place, count(*) OVER () AS n, dataplat.distribution_cdf(%2$L, %1$s::float8, %3$L) AS f'
        '          FROM dataplat_rows WHERE %1$s IS NOT NULL) AS k', c, kwargs ->> 'distribution', coalesce(params, '{}')));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_ks_test_p_value_to_be_greater_than(regclass, jsonb) IS 'compile expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_ks(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('success', coalesce(k.p > coalesce(($1 ->> 'p_value')::float8, 0.05), false), 'observed_value', k.p,
                              'details', jsonb_build_object('statistic', nullif($2 -> 'distance', '"NaN"'), 'element_count', $2 -> 'n'))
      FROM (SELECT dataplat_internal.kolmogorov_p(nullif($2 ->> 'distance', 'NaN')::float8, nullif(($2 ->> 'n')::float8, 0))) AS k (p);
$$;
COMMENT ON FUNCTION dataplat_internal.judge_ks(jsonb, jsonb, bigint) IS 'judge of a Kolmogorov-Smirnov test';

SELECT dataplat_internal.register_expectation_kind('expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than', 'query',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "distribution": {"type": "text", "required": true, "choices": ["norm", "uniform", "expon", "lognorm", "gamma", "chi2", "beta"]}, "params": {"type": "any"}, "p_value": {"type": "number", "min": 0, "max": 1}}',
    'accuracy', 'dataplat_internal.expect_column_ks_test_p_value_to_be_greater_than',
    'values are distributed as given: the p-value of a Kolmogorov-Smirnov test is above p_value (0.05); params is an array (shapes, location, scale) or an object ({"mean", "std_dev"}, ...)',
    'dataplat_internal.judge_ks', '{ks_test,kolmogorov_smirnov}');

-- dbt-expectations' check of outliers: values, or sums of them by group, against
-- mean and sample standard deviation of all of these.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_be_within_n_stdevs(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c      text := dataplat_internal.number_column(dataset, kwargs ->> 'column');
    groups text;
BEGIN
    IF kwargs ? 'group_by' THEN
        groups := array_to_string(dataplat_internal.kwargs_columns(dataset, NULL, CASE jsonb_typeof(kwargs -> 'group_by') WHEN 'array' THEN kwargs -> 'group_by' ELSE jsonb_build_array(kwargs -> 'group_by') END), ', ');
    END IF;
    RETURN dataplat_internal.query_plan(ARRAY[kwargs ->> 'column'], format(
        'WITH s AS MATERIALIZED (SELECT x.v, avg(x.v) OVER () AS mean, stddev_samp(x.v) OVER () AS deviation FROM (%1$s) AS x WHERE x.v IS NOT NULL),'
        '     off AS MATERIALIZED (SELECT s.v FROM s WHERE abs((s.v - s.mean) / nullif(s.deviation, 0)) > %2$s)'
        'SELECT jsonb_build_object(''unexpected_count'', (SELECT count(*) FROM off), ''unexpected'', (SELECT coalesce(jsonb_agg(l.v), ''[]'') FROM (SELECT o.v FROM off AS o ORDER BY o.v LIMIT 20) AS l),'
        '    ''details'', (SELECT jsonb_build_object(''mean'', max(s.mean), ''stdev'', max(s.deviation), ''values'', count(*)) FROM s))',
        CASE WHEN groups IS NULL THEN format('SELECT %s AS v FROM dataplat_rows', c) ELSE format('SELECT sum(%s) AS v FROM dataplat_rows GROUP BY %s', c, groups) END,
        coalesce((kwargs ->> 'sigma_threshold')::numeric, 3)));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_be_within_n_stdevs(regclass, jsonb) IS 'compile expect_column_values_to_be_within_n_stdevs';

SELECT dataplat_internal.register_expectation_kind('expect_column_values_to_be_within_n_stdevs', 'query',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "group_by": {"type": "any"}, "sigma_threshold": {"type": "number", "min": 0}}',
    'accuracy', 'dataplat_internal.expect_column_values_to_be_within_n_stdevs',
    'no value (with group_by: no sum of a group) is more than sigma_threshold (3) standard deviations away from the mean',
    'dataplat_internal.judge_no_unexpected', '{within_n_stdevs}');

-- Sums by period against the trend_periods before them.  By default logarithms
-- of the sums, and how these changed over lookback_periods.  Only the last
-- test_periods before the current one are judged.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_be_within_n_moving_stdevs(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c      text := dataplat_internal.number_column(dataset, kwargs ->> 'column');
    t      record := dataplat_internal.expectation_column(dataset, kwargs ->> 'date_column_name');
    part   text := coalesce(kwargs ->> 'period', 'day');
    sigma  numeric := coalesce((kwargs ->> 'sigma_threshold')::numeric, 3);
    moment text;
    metric text;
BEGIN
    IF t.type NOT IN ('date'::regtype, 'timestamp', 'timestamptz') THEN
        RAISE EXCEPTION 'column "%" of "%" must be a date or timestamp, not %', kwargs ->> 'date_column_name', dataset, t.type
            USING ERRCODE = 'datatype_mismatch';
    END IF;
    moment := CASE WHEN t.type = 'timestamptz'::regtype THEN format('(%s AT TIME ZONE %L)', t.quoted, coalesce(kwargs ->> 'time_zone', 'UTC')) ELSE t.quoted || '::timestamp' END;
    metric := CASE WHEN coalesce((kwargs ->> 'take_logs')::boolean, true) THEN 'coalesce(ln(nullif(%s, 0)), 0)' ELSE 'coalesce(%s, 0)' END;
    metric := CASE WHEN coalesce((kwargs ->> 'take_diffs')::boolean, true)
                   THEN format(metric, 'g.v') || ' - ' || format(metric, format('lag(g.v, %s) OVER (ORDER BY g.period)', coalesce((kwargs ->> 'lookback_periods')::int, 1)))
                   ELSE format(metric, 'g.v') END;
    RETURN dataplat_internal.query_plan(ARRAY[kwargs ->> 'column', kwargs ->> 'date_column_name'], format(
        'WITH g AS MATERIALIZED (SELECT date_trunc(%1$L, %2$s) AS period, sum(%3$s) AS v FROM dataplat_rows GROUP BY 1),'
        '     m AS (SELECT g.period, %4$s AS x FROM g),'
        '     s AS (SELECT m.period, m.x, avg(m.x) OVER w AS mean, stddev_samp(m.x) OVER w AS deviation FROM m WINDOW w AS (ORDER BY m.period ROWS BETWEEN %5$s PRECEDING AND 1 PRECEDING)),'
        '     off AS MATERIALIZED (SELECT s.period, (s.x - s.mean) / nullif(s.deviation, 0) AS sigma FROM s'
        '         WHERE s.period >= date_trunc(%1$L, %6$s) - %7$L::interval AND s.period < date_trunc(%1$L, %6$s)'
        '           AND NOT ((s.x - s.mean) / nullif(s.deviation, 0) BETWEEN %8$s AND %9$s))'
        'SELECT jsonb_build_object(''unexpected_count'', (SELECT count(*) FROM off),'
        '    ''unexpected'', (SELECT coalesce(jsonb_agg(to_jsonb(l)), ''[]'') FROM (SELECT o.period, o.sigma FROM off AS o ORDER BY o.period LIMIT 20) AS l))',
        part, moment, c, metric, coalesce((kwargs ->> 'trend_periods')::int, 7),
        CASE WHEN kwargs ? 'as_of' THEN format('%L::timestamp', kwargs ->> 'as_of') ELSE format('(now() AT TIME ZONE %L)', coalesce(kwargs ->> 'time_zone', 'UTC')) END,
        (coalesce((kwargs ->> 'test_periods')::int, 14) * CASE part WHEN 'quarter' THEN 3 ELSE 1 END) || ' ' || CASE part WHEN 'quarter' THEN 'months' ELSE part END,
        coalesce((kwargs ->> 'sigma_threshold_lower')::numeric, -sigma), coalesce((kwargs ->> 'sigma_threshold_upper')::numeric, sigma)));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_be_within_n_moving_stdevs(regclass, jsonb) IS 'compile expect_column_values_to_be_within_n_moving_stdevs';

SELECT dataplat_internal.register_expectation_kind('expect_column_values_to_be_within_n_moving_stdevs', 'query',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "date_column_name": {"type": "column", "required": true, "aliases": ["date_column"]}, "period": {"type": "text", "choices": ["minute", "hour", "day", "week", "month", "quarter", "year"]}, "lookback_periods": {"type": "integer", "min": 1}, "trend_periods": {"type": "integer", "min": 1}, "test_periods": {"type": "integer", "min": 1}, "sigma_threshold": {"type": "number"}, "sigma_threshold_upper": {"type": "number"}, "sigma_threshold_lower": {"type": "number"}, "take_logs": {"type": "boolean"}, "take_diffs": {"type": "boolean"}, "time_zone": {"type": "text"}, "as_of": {"type": "text"}}',
    'accuracy', 'dataplat_internal.expect_column_values_to_be_within_n_moving_stdevs',
    'sums by period (day), as changes (take_diffs, over lookback_periods 1) of logarithms (take_logs), are within sigma_threshold (3) of the trend_periods (7) before; the last test_periods (14) are judged',
    'dataplat_internal.judge_no_unexpected', '{within_n_moving_stdevs}');

-- Benford's law: figures that grew by themselves begin with 1 more often than
-- with 9.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_leading_digits_to_follow_benford(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.aggregate_plan(ARRAY[$2 ->> 'column'], (
               SELECT jsonb_object_agg('digit' || d, format('count(*) FILTER (WHERE substring(abs(%s)::text from ''[1-9]'') = ''%s'')', c, d)) FROM generate_series(1, 9) AS d))
      FROM dataplat_internal.number_column($1, $2 ->> 'column') AS c;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_leading_digits_to_follow_benford(regclass, jsonb) IS 'compile expect_column_leading_digits_to_follow_benford';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_benford(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('success', coalesce(t.p > coalesce(($1 ->> 'p')::float8, 0.05), false), 'observed_value', t.p, 'details', jsonb_build_object('statistic', t.stat, 'counts', t.counts))
      FROM (SELECT dataplat_internal.chi_square_p(sum((s.n - s.w) ^ 2 / s.w), 8), sum((s.n - s.w) ^ 2 / s.w), jsonb_agg(s.n ORDER BY s.d)
              FROM (SELECT d, ($2 ->> ('digit' || d))::float8 AS n, nullif(sum(($2 ->> ('digit' || d))::float8) OVER (), 0) * log10(1 + 1 / d::float8) AS w
                      FROM generate_series(1, 9) AS d) AS s) AS t (p, stat, counts);
$$;
COMMENT ON FUNCTION dataplat_internal.judge_benford(jsonb, jsonb, bigint) IS 'judge of leading digits';

SELECT dataplat_internal.register_expectation_kind('expect_column_leading_digits_to_follow_benford', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "p": {"type": "number", "min": 0, "max": 1}}',
    'accuracy', 'dataplat_internal.expect_column_leading_digits_to_follow_benford',
    'the first digits of numbers are as frequent as Benford found: the p-value of a chi-square test is above p (0.05)',
    'dataplat_internal.judge_benford', '{benford}');
