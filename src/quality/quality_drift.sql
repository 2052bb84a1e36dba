/*
 * quality: drift, how far what a column holds has moved from what it held.
 *
 * Two states of a column are compared.  Where both know how often each value
 * is there (up to 1000 different ones) the comparison is exact; numbers with
 * more different values are compared by their t-digests, in the deciles of
 * the baseline.
 */

-- ------------------------------------------------------------------ distances

-- Shares in bins, one array for each side, as PSI and JS want them: an empty
-- bin counts as a tiny share, because the logarithm of nothing is not.
CREATE OR REPLACE FUNCTION dataplat_internal.population_stability(baseline float8[], current float8[])
RETURNS float8
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT sum((greatest(c, 1e-4) - greatest(b, 1e-4)) * ln(greatest(c, 1e-4) / greatest(b, 1e-4))) FROM unnest(baseline, current) AS u (b, c);
$$;
REVOKE ALL ON FUNCTION dataplat_internal.population_stability(float8[], float8[]) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.population_stability(float8[], float8[]) IS 'population stability index of two lists of shares; shares below 0.0001 count as that';

-- The square root of the divergence with logarithms to base 2: from 0 to 1.
CREATE OR REPLACE FUNCTION dataplat_internal.js_distance(baseline float8[], current float8[])
RETURNS float8
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT sqrt(greatest(sum(CASE WHEN b > 0 THEN b * ln(2 * b / (b + c)) ELSE 0 END + CASE WHEN c > 0 THEN c * ln(2 * c / (b + c)) ELSE 0 END) / (2 * ln(2::float8)), 0))
      FROM unnest(baseline, current) AS u (b, c);
$$;
REVOKE ALL ON FUNCTION dataplat_internal.js_distance(float8[], float8[]) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.js_distance(float8[], float8[]) IS 'Jensen-Shannon distance of two lists of shares, base 2';

-- P(a, x), the regularized incomplete gamma function: a series below a + 1, a
-- continued fraction above; the chi-square distribution is made of it.
CREATE OR REPLACE FUNCTION dataplat_internal.log_gamma(x float8)
RETURNS float8
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Lanczos, g = 7
    c CONSTANT float8[] := '{0.99999999999980993,676.5203681218851,-1259.1392167224028,771.32342877765313,-176.61502916214059,12.507343278686905,-0.13857109526572012,9.9843695780195716e-6,1.5056327351493116e-7}';
    s float8 := c[1];
    t float8 := x + 6.5;
BEGIN
    FOR i IN 1 .. 8 LOOP
        s := s + c[i + 1] / (x - 1 + i);
    END LOOP;
    RETURN 0.5 * ln(2 * pi()) + (x - 0.5) * ln(t) - t + ln(s);
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.log_gamma(float8) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.log_gamma(float8) IS 'logarithm of the gamma function of a positive number';

CREATE OR REPLACE FUNCTION dataplat_internal.chi_square_tail(x float8, df int)
RETURNS float8
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    a float8 := df / 2.0;
    z float8 := x / 2;
    factor float8;
    term float8;
    total float8;
    b float8; c float8; d float8; h float8; step float8;
BEGIN
    IF x <= 0 OR df < 1 THEN
        RETURN 1;
    END IF;
    IF a * ln(z) - z - dataplat_internal.log_gamma(a) < -700 THEN
        RETURN CASE WHEN z > a THEN 0 ELSE 1 END;
    END IF;
    factor := exp(a * ln(z) - z - dataplat_internal.log_gamma(a));
    IF z < a + 1 THEN
        term := 1 / a;
        total := term;
        FOR n IN 1 .. 10000 LOOP
            term := term * z / (a + n);
            total := total + term;
            EXIT WHEN term < total * 1e-16;
        END LOOP;
        RETURN greatest(0, 1 - total * factor);
    END IF;
    b := z + 1 - a;
    c := 1e300;
    d := 1 / b;
    h := d;
    FOR n IN 1 .. 10000 LOOP
        b := b + 2;
        d := -n * (n - a) * d + b;
        d := 1 / CASE WHEN abs(d) < 1e-300 THEN 1e-300 ELSE d END;
        c := b - n * (n - a) / c;
        c := CASE WHEN abs(c) < 1e-300 THEN 1e-300 ELSE c END;
        step := c * d;
        h := h * step;
        EXIT WHEN abs(step - 1) < 1e-15;
    END LOOP;
    RETURN factor * h;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.chi_square_tail(float8, int) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.chi_square_tail(float8, int) IS 'probability of a chi-square at least as large, by chance';

-- Two samples with counts by value: are they of one distribution?  As
-- scipy.stats.chi2_contingency without correction.
CREATE OR REPLACE FUNCTION dataplat_internal.chi_square_test(baseline float8[], current float8[], OUT statistic float8, OUT df int, OUT pvalue float8)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT x.statistic, x.df, CASE WHEN x.df > 0 THEN dataplat_internal.chi_square_tail(x.statistic, x.df) END
      FROM (SELECT sum(power(u.b - (u.b + u.c) * t.b / (t.b + t.c), 2) / ((u.b + u.c) * t.b / (t.b + t.c))
                       + power(u.c - (u.b + u.c) * t.c / (t.b + t.c), 2) / ((u.b + u.c) * t.c / (t.b + t.c))) AS statistic, (count(*) - 1)::int AS df
              FROM unnest(baseline, current) AS u (b, c), (SELECT sum(v.b), sum(v.c) FROM unnest(baseline, current) AS v (b, c)) AS t (b, c)
             WHERE u.b + u.c > 0 AND t.b > 0 AND t.c > 0) AS x;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.chi_square_test(float8[], float8[]) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.chi_square_test(float8[], float8[]) IS 'chi-square test of homogeneity of two lists of counts';

-- Asymptotic probability of a Kolmogorov-Smirnov distance at least as large.
CREATE OR REPLACE FUNCTION dataplat_internal.ks_pvalue(distance float8, n float8, m float8)
RETURNS float8
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN z < 0.2 THEN 1
                ELSE least(1, greatest(0, 2 * (SELECT sum(CASE WHEN k % 2 = 1 THEN 1 ELSE -1 END * CASE WHEN 2 * k * k * z * z > 700 THEN 0 ELSE exp(-2 * k * k * z * z) END)
                                                 FROM generate_series(1, 100) AS k))) END
      FROM (SELECT distance * sqrt(n * m / (n + m))) AS x (z);
$$;
REVOKE ALL ON FUNCTION dataplat_internal.ks_pvalue(float8, float8, float8) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.ks_pvalue(float8, float8, float8) IS 'asymptotic p-value of a two-sample Kolmogorov-Smirnov distance';

-- ------------------------------------------------------------------ two states

-- Numbers with their weights in both states: each value where both count
-- values, else the cumulative shares at the percentiles of both.
CREATE OR REPLACE FUNCTION dataplat_internal.number_points(baseline bytea, b jsonb, current bytea, c jsonb, OUT x float8, OUT fb float8, OUT fc float8)
RETURNS SETOF record
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF b ? 'frequencies' AND c ? 'frequencies' THEN
        RETURN QUERY
            SELECT p.x, sum(p.nb) OVER w / NULLIF(sum(p.nb) OVER (), 0), sum(p.nc) OVER w / NULLIF(sum(p.nc) OVER (), 0)
              FROM (SELECT v.x, sum(v.nb) AS nb, sum(v.nc) AS nc
                      FROM (SELECT (f ->> 0)::float8 AS x, (f -> 1)::float8 AS nb, 0::float8 AS nc FROM jsonb_array_elements(b -> 'frequencies') AS f WHERE f ->> 0 !~* '^-?(nan|inf)'
                            UNION ALL SELECT (f ->> 0)::float8, 0, (f -> 1)::float8 FROM jsonb_array_elements(c -> 'frequencies') AS f WHERE f ->> 0 !~* '^-?(nan|inf)') AS v
                     GROUP BY v.x) AS p
            WINDOW w AS (ORDER BY p.x);
        RETURN;
    END IF;
    RETURN QUERY
        SELECT p.x, dataplat.column_state_rank(baseline, p.x), dataplat.column_state_rank(current, p.x)
          FROM (SELECT DISTINCT e::float8 AS x FROM jsonb_array_elements(b -> 'percentiles' || (c -> 'percentiles') || jsonb_build_array(b -> 'minimum', c -> 'minimum')) AS e) AS p
         ORDER BY p.x;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.number_points(bytea, jsonb, bytea, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.number_points(bytea, jsonb, bytea, jsonb) IS 'points with the shares of the numbers up to them in two states';

-- Shares in the bins between the deciles of the baseline.
CREATE OR REPLACE FUNCTION dataplat_internal.decile_shares(baseline bytea, current bytea, b jsonb, OUT shares_b float8[], OUT shares_c float8[])
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH cut AS (
        SELECT DISTINCT (b -> 'percentiles' -> (10 * i - 1))::float8 AS x FROM generate_series(1, 9) AS i
    ), cumulated AS (
        SELECT x, dataplat.column_state_rank(baseline, x) AS fb, dataplat.column_state_rank(current, x) AS fc FROM cut
        UNION ALL SELECT 'Infinity', 1, 1
    )
    SELECT array_agg(s.b ORDER BY s.x), array_agg(s.c ORDER BY s.x)
      FROM (SELECT x, fb - coalesce(lag(fb) OVER w, 0) AS b, fc - coalesce(lag(fc) OVER w, 0) AS c FROM cumulated WINDOW w AS (ORDER BY x)) AS s;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.decile_shares(bytea, bytea, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.decile_shares(bytea, bytea, jsonb) IS 'shares of the numbers of two states in the bins between the deciles of the first';

CREATE OR REPLACE FUNCTION dataplat_internal.value_counts_of(b jsonb, c jsonb, OUT counts_b float8[], OUT counts_c float8[])
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(v.nb ORDER BY v.value), array_agg(v.nc ORDER BY v.value)
      FROM (SELECT coalesce(x.value, y.value) AS value, coalesce(x.n, 0) AS nb, coalesce(y.n, 0) AS nc
              FROM (SELECT f ->> 0, (f -> 1)::float8 FROM jsonb_array_elements(b -> 'frequencies') AS f) AS x (value, n)
              FULL JOIN (SELECT f ->> 0, (f -> 1)::float8 FROM jsonb_array_elements(c -> 'frequencies') AS f) AS y (value, n) ON y.value = x.value) AS v;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.value_counts_of(jsonb, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.value_counts_of(jsonb, jsonb) IS 'how often each value is in two states, in one order';

-- All that is said of two states of a column.
CREATE OR REPLACE FUNCTION dataplat_internal.compare_states(baseline bytea, current bytea, type text,
    OUT psi float8, OUT ks_statistic float8, OUT ks_pvalue float8, OUT js float8, OUT chi_square float8, OUT chi_square_pvalue float8, OUT wasserstein float8,
    OUT rows_baseline bigint, OUT rows_current bigint, OUT null_share_baseline float8, OUT null_share_current float8)
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    b jsonb := dataplat.column_state_values(baseline);
    c jsonb := dataplat.column_state_values(current);
    is_number boolean := b ? 'mean' AND c ? 'mean' AND (type ~ '^(smallint|integer|bigint|numeric|real|double|date|timestamp)' OR (b -> 'types' ->> 'String')::bigint = 0);
    counts record;
    shares record;
    t record;
BEGIN
    rows_baseline := b -> 'rows';
    rows_current := c -> 'rows';
    null_share_baseline := (b -> 'nulls')::float8 / NULLIF(rows_baseline, 0);
    null_share_current := (c -> 'nulls')::float8 / NULLIF(rows_current, 0);
    IF b ? 'frequencies' AND c ? 'frequencies' THEN
        counts := dataplat_internal.value_counts_of(b, c);
        t := dataplat_internal.chi_square_test(counts.counts_b, counts.counts_c);
        chi_square := t.statistic;
        chi_square_pvalue := t.pvalue;
        IF NOT is_number OR (b -> 'distinct')::int <= 20 THEN
            SELECT array_agg(x / NULLIF((SELECT sum(y) FROM unnest(counts.counts_b) AS y), 0) ORDER BY nth) AS shares_b INTO shares FROM unnest(counts.counts_b) WITH ORDINALITY AS u (x, nth);
            SELECT shares.shares_b, array_agg(x / NULLIF((SELECT sum(y) FROM unnest(counts.counts_c) AS y), 0) ORDER BY nth) AS shares_c INTO shares FROM unnest(counts.counts_c) WITH ORDINALITY AS u (x, nth);
        END IF;
    END IF;
    IF is_number AND shares IS NULL THEN
        shares := dataplat_internal.decile_shares(baseline, current, b);
    END IF;
    IF shares IS NOT NULL THEN
        psi := dataplat_internal.population_stability(shares.shares_b, shares.shares_c);
        js := dataplat_internal.js_distance(shares.shares_b, shares.shares_c);
    END IF;
    IF is_number AND type !~ '^(date|timestamp)' OR is_number AND NOT (b ? 'frequencies' AND c ? 'frequencies') THEN
        SELECT max(abs(p.fb - p.fc)), sum(abs(p.fb - p.fc) * (p.next - p.x)) INTO ks_statistic, wasserstein
          FROM (SELECT q.*, lead(q.x) OVER (ORDER BY q.x) AS next FROM dataplat_internal.number_points(baseline, b, current, c) AS q) AS p;
        ks_pvalue := dataplat_internal.ks_pvalue(ks_statistic, (b -> 'numbers')::float8, (c -> 'numbers')::float8);
        wasserstein := coalesce(wasserstein, 0);
    END IF;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.compare_states(bytea, bytea, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.compare_states(bytea, bytea, text) IS 'distances between two states of a column';

-- ------------------------------------------------------------------ drift

-- The states that a side of a comparison names: {"column": hex}.
CREATE OR REPLACE FUNCTION dataplat_internal.drift_side(dataset regclass, caller name, side jsonb, columns text[], previous boolean)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := dataplat_internal.dataset_name(dataset);
    number bigint;
    other regclass;
BEGIN
    IF side IS NULL OR side = 'null' OR jsonb_typeof(side) = 'number' THEN
        IF NOT has_table_privilege(caller, dataset, 'SELECT') THEN
            RAISE EXCEPTION 'permission denied for dataset "%"', dataset USING ERRCODE = 'insufficient_privilege';
        END IF;
        IF jsonb_typeof(side) = 'number' THEN
            number := side;
        ELSE
            SELECT p.profile_id INTO number FROM dataplat.column_profile AS p WHERE p.dataset = name
             GROUP BY p.profile_id ORDER BY p.profile_id DESC OFFSET previous::int LIMIT 1;
        END IF;
        IF NOT EXISTS (SELECT FROM dataplat.column_profile AS p WHERE p.dataset = name AND p.profile_id = number) THEN
            RAISE EXCEPTION 'there is no % of dataset "%"', CASE WHEN number IS NOT NULL THEN format('profile %s', number) WHEN previous THEN 'profile before the last' ELSE 'profile' END, dataset
                USING ERRCODE = 'undefined_object', HINT = 'Make one with dataplat.profile(); stored ones are in dataplat.column_profile.';
        END IF;
        RETURN (SELECT jsonb_object_agg(p.column_name, encode(p.state, 'hex')) FROM dataplat.column_profile AS p
                 WHERE p.dataset = name AND p.profile_id = number AND (columns IS NULL OR p.column_name = ANY (columns)));
    ELSIF side ? 'where' THEN
        RETURN dataplat_internal.column_states(dataset, caller, columns, NULL, side ->> 'where');
    ELSIF side ? 'table' THEN
        other := to_regclass(side ->> 'table');
        IF other IS NULL THEN
            RAISE EXCEPTION 'relation "%" does not exist', side ->> 'table' USING ERRCODE = 'undefined_table';
        END IF;
        RETURN dataplat_internal.column_states(other, caller, columns, (side ->> 'sample')::numeric);
    END IF;
    RAISE EXCEPTION 'invalid side of a comparison: %', side
        USING ERRCODE = 'invalid_parameter_value',
              HINT = 'Give the number of a profile, {"where": "a condition over the dataset"} or {"table": "schema.table"}; NULL is the last profile, and the one before it.';
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.drift_side(regclass, name, jsonb, text[], boolean) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.drift_side(regclass, name, jsonb, text[], boolean) IS 'states of columns of a stored profile, a part of the dataset, or another table';

CREATE OR REPLACE FUNCTION dataplat_internal.command_profile_drift(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass := (a ->> 'dataset')::oid::regclass;
    columns  text[] := CASE WHEN jsonb_typeof(a -> 'columns') = 'array' THEN ARRAY(SELECT jsonb_array_elements_text(a -> 'columns')) END;
    before   jsonb;
    after    jsonb;
BEGIN
    EXECUTE 'SELECT dataplat_internal.drift_side($1, $2, $3, $4, true), dataplat_internal.drift_side($1, $2, $5, $4, false)'
       INTO before, after USING relation, caller, a -> 'baseline', columns, a -> 'current';
    RETURN (SELECT coalesce(jsonb_agg(to_jsonb(s) || jsonb_build_object('column_name', c.name, 'nth', c.nth) ORDER BY c.nth), '[]')
              FROM dataplat_internal.profiled_columns(relation, columns) AS c,
                   dataplat_internal.compare_states(decode(before ->> c.name, 'hex'), decode(after ->> c.name, 'hex'), c.type) AS s
             WHERE before ->> c.name IS NOT NULL AND after ->> c.name IS NOT NULL);
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.command_profile_drift(name, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.command_profile_drift(name, jsonb) IS 'profile_drift as the owner of the extension; tables are read with the caller''s rights';

CREATE OR REPLACE FUNCTION dataplat.profile_drift(dataset regclass, baseline jsonb DEFAULT NULL, current jsonb DEFAULT NULL, columns text[] DEFAULT NULL)
RETURNS TABLE (column_name text, drift_type text, band text, psi double precision, js_distance double precision, ks_statistic double precision, ks_pvalue double precision,
    chi_squared double precision, chi_squared_pvalue double precision, wasserstein double precision, rows_baseline bigint, rows_current bigint,
    null_share_baseline double precision, null_share_current double precision)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
        SELECT d.column_name, CASE WHEN profile_drift.baseline IS NULL THEN 'CONSECUTIVE' ELSE 'BASELINE' END,
               CASE WHEN d.psi < 0.1 THEN 'stable' WHEN d.psi < 0.25 THEN 'moderate' WHEN d.psi IS NOT NULL THEN 'significant' END,
               d.psi, d.js, d.ks_statistic, d.ks_pvalue, d.chi_square, d.chi_square_pvalue, d.wasserstein, d.rows_baseline, d.rows_current,
               d.null_share_baseline, d.null_share_current
          FROM jsonb_to_recordset(dataplat.command('profile_drift', jsonb_build_object('dataset', dataset::oid::text, 'baseline', profile_drift.baseline,
                   'current', profile_drift.current, 'columns', profile_drift.columns)))
            AS d (column_name text, nth int, psi float8, js float8, ks_statistic float8, ks_pvalue float8, chi_square float8, chi_square_pvalue float8, wasserstein float8,
                  rows_baseline bigint, rows_current bigint, null_share_baseline float8, null_share_current float8)
         ORDER BY d.nth;
END;
$$;
REVOKE ALL ON FUNCTION dataplat.profile_drift(regclass, jsonb, jsonb, text[]) FROM PUBLIC;
COMMENT ON FUNCTION dataplat.profile_drift(regclass, jsonb, jsonb, text[]) IS
    'how far columns have moved: PSI (stable below 0.1, significant from 0.25), Jensen-Shannon, Kolmogorov-Smirnov, chi-square, Wasserstein; sides are numbers of profiles, {"where": condition} or {"table": name}; by default the last two profiles';
