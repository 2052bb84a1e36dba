/*
 * quality: monitors, expectations whose bounds are learned from what was before.
 *
 * Each reads a series from the data (rows of each bucket of time, longest
 * silence in each bucket) or from dataplat.quality_metric, and asks
 * dataplat.detect_anomalies() about its last points.  A series that is too
 * short to learn from is no failure, and the result says so.
 */

-- The last points of {"series": [{"at", "value"}, ...]} by the strategy of kwargs.
CREATE OR REPLACE FUNCTION dataplat_internal.judge_series(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    points   jsonb  := coalesce(measured -> 'series', '[]');
    n        int    := jsonb_array_length(points);
    strategy text   := coalesce(kwargs ->> 'strategy', 'zscore');
    least    int    := coalesce((kwargs ->> 'min_training_set_size')::int, 7);
    tested   int    := least(n, coalesce((kwargs ->> 'test_points')::int, 1));
    params   jsonb  := coalesce(kwargs -> 'params', '{}');
    series   float8[];
    found    jsonb;
BEGIN
    IF n - tested < least OR tested = 0 THEN
        RETURN jsonb_build_object('success', true, 'observed_value', points -> -1 -> 'value',
                                  'details', jsonb_build_object('learning', true, 'points', n, 'points_needed', least + 1));
    END IF;
    series := ARRAY(SELECT (p ->> 'value')::float8 FROM jsonb_array_elements(points) WITH ORDINALITY AS e (p, place) ORDER BY place);
    IF strategy IN ('zscore', 'robust_zscore', 'iqr') THEN
        params := jsonb_build_object('min_training_set_size', least)
               || CASE WHEN kwargs ? 'direction' THEN jsonb_build_object('direction', kwargs -> 'direction') ELSE '{}' END
               || CASE WHEN kwargs ? 'seasonality' THEN jsonb_build_object('seasonality', kwargs -> 'seasonality') ELSE '{}' END
               || CASE WHEN kwargs ? 'sensitivity' AND strategy <> 'iqr' THEN jsonb_build_object('sensitivity', kwargs -> 'sensitivity') ELSE '{}' END
               || CASE WHEN strategy = 'zscore' THEN '{"exclude_detection_period": true, "non_negative": true}'::jsonb ELSE '{}' END || params;
    END IF;
    SELECT jsonb_agg(jsonb_build_object('at', points -> a.index -> 'at', 'value', a.value, 'lower', NULLIF(a.lower, '-Infinity'), 'upper', NULLIF(a.upper, 'Infinity')) ORDER BY a.index)
      INTO found FROM dataplat.detect_anomalies(series, strategy, params, n - tested, n) AS a;
    -- Where nothing ever changed there is no deviation to go by: a tenth is much.
    IF found IS NULL AND NOT kwargs ? 'strategy' AND (SELECT count(DISTINCT v) = 1 FROM unnest(series[:n - tested]) AS v) THEN
        SELECT jsonb_agg(jsonb_build_object('at', points -> (place - 1)::int -> 'at', 'value', v, 'lower', series[1] - abs(series[1]) / 10, 'upper', series[1] + abs(series[1]) / 10) ORDER BY place)
          INTO found FROM unnest(series) WITH ORDINALITY AS e (v, place)
         WHERE place > n - tested AND abs(v - series[1]) > abs(series[1]) / 10
           AND (coalesce(kwargs ->> 'direction', 'both') = 'both' OR (kwargs ->> 'direction' = 'drop') = (v < series[1]));
    END IF;
    RETURN jsonb_build_object('success', found IS NULL, 'observed_value', points -> -1 -> 'value',
                              'details', jsonb_build_object('strategy', strategy, 'points', n, 'tested', tested, 'anomalies', coalesce(found, '[]')));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.judge_series(jsonb, jsonb, bigint) IS 'judge: the last points of a series are as those before';

-- Buckets of time that have ended, the last "history" of them, as a FROM item.
CREATE OR REPLACE FUNCTION dataplat_internal.monitor_buckets(dataset regclass, kwargs jsonb, OUT moment text, OUT buckets text, OUT bucket interval)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
BEGIN
    IF c.type NOT IN ('date'::regtype, 'timestamp', 'timestamptz') THEN
        RAISE EXCEPTION 'column "%" of "%" must be a date or timestamp, not %', kwargs ->> 'column', dataset, c.type USING ERRCODE = 'datatype_mismatch';
    END IF;
    bucket := coalesce(kwargs ->> 'bucket', '1 day')::interval;
    IF bucket < interval '1 minute' OR extract(month FROM bucket) <> 0 OR extract(year FROM bucket) <> 0 THEN
        RAISE EXCEPTION 'bucket must be at least a minute, of minutes, hours or days' USING ERRCODE = 'invalid_parameter_value', HINT = 'Such as ''1 hour'' or ''1 day''.';
    END IF;
    moment := CASE WHEN c.type = 'timestamptz'::regtype THEN c.quoted ELSE format('(%s::timestamp AT TIME ZONE %L)', c.quoted, coalesce(kwargs ->> 'time_zone', 'UTC')) END;
    -- aligned to the calendar's beginning; the bucket that runs has not ended
    buckets := format('(SELECT b AS starts_at, b + %1$L::interval AS ends_at'
                      '   FROM (SELECT date_bin(%1$L::interval, coalesce(%2$L::timestamptz, now()), timestamptz ''2001-01-01 00:00:00+00'') AS last) AS l,'
                      '        generate_series(l.last - %3$s * %1$L::interval, l.last - %1$L::interval, %1$L::interval) AS b)',
                      bucket, kwargs ->> 'as_of', coalesce((kwargs ->> 'history')::int, 14));
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.monitor_buckets(regclass, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.monitor_buckets(regclass, jsonb) IS 'the time of a row, and a FROM item of the buckets that a monitor looks at';

-- Rows of each bucket.  Buckets before the first row are not there yet.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_table_volume_to_be_normal(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m record := dataplat_internal.monitor_buckets(dataset, kwargs);
BEGIN
    RETURN dataplat_internal.query_plan(ARRAY[kwargs ->> 'column'], format(
        'WITH bucket AS MATERIALIZED (SELECT * FROM %1$s AS b),'
        '     counted AS (SELECT date_bin(%3$L::interval, %2$s, timestamptz ''2001-01-01 00:00:00+00'') AS starts_at, count(*) AS n FROM dataplat_rows'
        '                  WHERE %2$s >= (SELECT min(starts_at) FROM bucket) AND %2$s < (SELECT max(ends_at) FROM bucket) GROUP BY 1)'
        'SELECT jsonb_build_object(''series'', coalesce(jsonb_agg(jsonb_build_object(''at'', b.starts_at, ''value'', coalesce(c.n, 0)) ORDER BY b.starts_at), ''[]''))'
        '  FROM bucket AS b LEFT JOIN counted AS c USING (starts_at) WHERE b.starts_at >= (SELECT min(starts_at) FROM counted)',
        m.buckets, m.moment, m.bucket));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_table_volume_to_be_normal(regclass, jsonb) IS 'compile expect_table_volume_to_be_normal';

-- The longest time without a row in each bucket, its end included, in seconds.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_table_freshness_to_be_normal(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m record := dataplat_internal.monitor_buckets(dataset, kwargs);
BEGIN
    RETURN dataplat_internal.query_plan(ARRAY[kwargs ->> 'column'], format(
        'WITH bucket AS MATERIALIZED (SELECT * FROM %1$s AS b),'
        '     moment AS (SELECT DISTINCT %2$s AS at FROM dataplat_rows'
        '                 WHERE %2$s >= (SELECT min(starts_at) FROM bucket) AND %2$s < (SELECT max(ends_at) FROM bucket)'
        '                UNION SELECT ends_at FROM bucket),'
        '     silence AS (SELECT at, at - lag(at) OVER (ORDER BY at) AS gap, min(at) OVER () AS first FROM moment),'
        -- a gap belongs to the bucket in which it ends; one ending at a border to the bucket before it
        '     longest AS (SELECT b.starts_at, extract(epoch FROM max(s.gap)) AS seconds FROM bucket AS b'
        '                   JOIN silence AS s ON s.at > b.starts_at AND s.at <= b.ends_at WHERE s.gap IS NOT NULL'
        '                    AND b.starts_at >= (SELECT min(at) FROM moment WHERE at NOT IN (SELECT ends_at FROM bucket)) GROUP BY 1)'
        'SELECT jsonb_build_object(''series'', coalesce(jsonb_agg(jsonb_build_object(''at'', l.starts_at, ''value'', l.seconds) ORDER BY l.starts_at), ''[]'')) FROM longest AS l',
        m.buckets, m.moment));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_table_freshness_to_be_normal(regclass, jsonb) IS 'compile expect_table_freshness_to_be_normal';

-- What was measured before, in dataplat.quality_metric.  Read here, so that the
-- rule's owner needs no right on what was measured of other datasets.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_metric_to_be_normal(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.query_plan('{}', format('SELECT jsonb_build_object(''series'', %L::jsonb)',
               coalesce(jsonb_agg(jsonb_build_object('at', m.at, 'value', m.value) ORDER BY m.at), '[]')))
      FROM (SELECT q.at, q.value FROM dataplat.quality_metric AS q
             WHERE q.dataset = dataplat_internal.dataset_name($1) AND q.column_name = coalesce(kwargs ->> 'column', ':table') AND q.metric = kwargs ->> 'metric'
             ORDER BY q.at DESC LIMIT coalesce((kwargs ->> 'history')::int, 30)) AS m;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_metric_to_be_normal(regclass, jsonb) IS 'compile expect_metric_to_be_normal';

DO LANGUAGE plpgsql $$
DECLARE
    learned jsonb := '{"strategy": {"type": "text", "choices": ["simple_threshold", "absolute_change", "relative_rate_of_change", "batch_normal", "online_normal", "holt_winters", "zscore", "robust_zscore", "iqr"]},
        "params": {"type": "object"}, "sensitivity": {"type": "number", "aliases": ["anomaly_sensitivity"]}, "direction": {"type": "text", "choices": ["both", "spike", "drop"], "aliases": ["anomaly_direction"]},
        "seasonality": {"type": "integer", "min": 1}, "min_training_set_size": {"type": "integer", "min": 2}, "test_points": {"type": "integer", "min": 1}, "history": {"type": "integer", "min": 3, "max": 10000, "aliases": ["days_back"]}}';
    buckets jsonb := '{"column": {"type": "column", "required": true, "aliases": ["timestamp_column"]}, "bucket": {"type": "text", "aliases": ["time_bucket"]}, "time_zone": {"type": "text"}, "as_of": {"type": "text"}}';
BEGIN
    PERFORM dataplat_internal.register_expectation_kind('expect_table_volume_to_be_normal', 'query', buckets || learned, 'completeness',
        'dataplat_internal.expect_table_volume_to_be_normal', 'the number of rows of the last bucket of time that has ended (1 day) is as in those before', 'dataplat_internal.judge_series', '{volume_anomalies,table_volume_to_be_normal}');
    PERFORM dataplat_internal.register_expectation_kind('expect_table_freshness_to_be_normal', 'query', buckets || learned, 'timeliness',
        'dataplat_internal.expect_table_freshness_to_be_normal', 'the longest time without a row in the last bucket of time is as in those before', 'dataplat_internal.judge_series', '{freshness_anomalies,table_freshness_to_be_normal}');
    PERFORM dataplat_internal.register_expectation_kind('expect_metric_to_be_normal', 'query',
        '{"metric": {"type": "text", "required": true}, "column": {"type": "text"}}'::jsonb || learned, 'accuracy',
        'dataplat_internal.expect_metric_to_be_normal', 'the last measurement of a metric (dataplat.quality_metric) is as those before', 'dataplat_internal.judge_series', '{column_anomalies,metric_to_be_normal}');
END;
$$;
