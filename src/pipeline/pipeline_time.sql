/* pipeline: windows of time, sessions, event time and watermarks. */

-- How long a window is decides how it is laid: hours and less are elapsed
-- time, days and months follow the calendar of the zone (window.c).  These
-- run once a row and look nothing up by name, so they have no search_path.
CREATE OR REPLACE FUNCTION dataplat.tumble(ts timestamptz, size interval, origin timestamptz DEFAULT NULL, time_zone text DEFAULT 'UTC')
RETURNS timestamptz
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'dp_tumble';
COMMENT ON FUNCTION dataplat.tumble(timestamptz, interval, timestamptz, text) IS
    'start of the window of this size that holds ts; sizes in days or months follow the calendar of the time zone';

CREATE OR REPLACE FUNCTION dataplat.tumble_end(ts timestamptz, size interval, origin timestamptz DEFAULT NULL, time_zone text DEFAULT 'UTC')
RETURNS timestamptz
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'dp_tumble_end';
COMMENT ON FUNCTION dataplat.tumble_end(timestamptz, interval, timestamptz, text) IS
    'end of the window of this size that holds ts, which is the start of the next one';

CREATE OR REPLACE FUNCTION dataplat.tumble_range(ts timestamptz, size interval, origin timestamptz DEFAULT NULL, time_zone text DEFAULT 'UTC')
RETURNS tstzrange
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'dp_tumble_range';
COMMENT ON FUNCTION dataplat.tumble_range(timestamptz, interval, timestamptz, text) IS
    'the window of this size that holds ts, as a range: start included, end not';

CREATE OR REPLACE FUNCTION dataplat.hop(ts timestamptz, size interval, slide interval, origin timestamptz DEFAULT NULL, time_zone text DEFAULT 'UTC')
RETURNS SETOF timestamptz
LANGUAGE c IMMUTABLE PARALLEL SAFE
ROWS 4
AS 'MODULE_PATHNAME', 'dp_hop';
COMMENT ON FUNCTION dataplat.hop(timestamptz, interval, interval, timestamptz, text) IS
    'starts of all windows that hold ts, where a window of this size starts every slide';

CREATE OR REPLACE FUNCTION dataplat.hop_range(ts timestamptz, size interval, slide interval, origin timestamptz DEFAULT NULL, time_zone text DEFAULT 'UTC')
RETURNS SETOF tstzrange
LANGUAGE c IMMUTABLE PARALLEL SAFE
ROWS 4
AS 'MODULE_PATHNAME', 'dp_hop_range';
COMMENT ON FUNCTION dataplat.hop_range(timestamptz, interval, interval, timestamptz, text) IS
    'all windows that hold ts, as ranges, where a window of this size starts every slide';

CREATE OR REPLACE FUNCTION dataplat.session_start(ts timestamptz, gap interval)
RETURNS timestamptz
LANGUAGE c IMMUTABLE PARALLEL SAFE WINDOW
AS 'MODULE_PATHNAME', 'dp_session_start';
COMMENT ON FUNCTION dataplat.session_start(timestamptz, interval) IS
    'OVER (PARTITION BY key ORDER BY ts): time of the first event of the row''s session; a pause longer than the gap starts another session';

CREATE OR REPLACE FUNCTION dataplat.session_end(ts timestamptz, gap interval)
RETURNS timestamptz
LANGUAGE c IMMUTABLE PARALLEL SAFE WINDOW
AS 'MODULE_PATHNAME', 'dp_session_end';
COMMENT ON FUNCTION dataplat.session_end(timestamptz, interval) IS
    'OVER (PARTITION BY key ORDER BY ts): end of the row''s session, one gap after its last event';

CREATE OR REPLACE FUNCTION dataplat.session_range(ts timestamptz, gap interval)
RETURNS tstzrange
LANGUAGE c IMMUTABLE PARALLEL SAFE WINDOW
AS 'MODULE_PATHNAME', 'dp_session_range';
COMMENT ON FUNCTION dataplat.session_range(timestamptz, interval) IS
    'OVER (PARTITION BY key ORDER BY ts): the row''s session, from its first event to one gap after its last';

-- ------------------------------------------------------------------ the clock

-- The one clock for event time.  Tests set dataplat.test_clock (superusers only).
CREATE OR REPLACE FUNCTION dataplat_internal.clock_now()
RETURNS timestamptz
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce(nullif(current_setting('dataplat.test_clock', true), '')::timestamptz, clock_timestamp()); $$;
COMMENT ON FUNCTION dataplat_internal.clock_now() IS 'what time it is, or what a test says it is';
REVOKE ALL ON FUNCTION dataplat_internal.clock_now() FROM PUBLIC;

-- ------------------------------------------------------------------ what a definition says about time

CREATE OR REPLACE FUNCTION dataplat_internal.check_event_time(event_time jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names  CONSTANT text[] := '{column,expression,relation,idle_timeout,max_future,watermark_delay,late,when_idle,window_end,join_bound}';
    spans  CONSTANT text[] := '{idle_timeout,max_future,watermark_delay,join_bound}';
    setting record;
    span   interval;
BEGIN
    IF jsonb_typeof(event_time) <> 'object' THEN
        RAISE EXCEPTION 'event_time must be a JSON object'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'For example {"column": "updated_at"}.';
    END IF;
    FOR setting IN SELECT e.key, e.value, jsonb_typeof(e.value) AS type, e.value #>> '{}' AS text FROM jsonb_each(event_time) AS e ORDER BY e.key LOOP
        IF setting.key <> ALL (names) THEN
            RAISE EXCEPTION 'event_time has no "%"', setting.key
                USING ERRCODE = 'invalid_parameter_value', HINT = format('Allowed: %s.', array_to_string(names, ', '));
        END IF;
        IF setting.type <> 'string' THEN
            RAISE EXCEPTION '"%" of event_time must be a string', setting.key USING ERRCODE = 'invalid_parameter_value';
        END IF;
        IF setting.key = ANY (spans) THEN
            BEGIN
                span := setting.text::interval;
            EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow THEN
                span := NULL;
            END;
            IF span IS NULL OR span < interval '0' OR span = interval '0' AND setting.key = 'idle_timeout' THEN
                RAISE EXCEPTION 'invalid "%" of event_time: "%"', setting.key, setting.text
                    USING ERRCODE = 'invalid_parameter_value', HINT = 'Write an interval, for example 10 seconds.';
            END IF;
        END IF;
    END LOOP;
    PERFORM dataplat_internal.check_choice('"late" of event_time', coalesce(event_time ->> 'late', 'merge'), '{merge,side_table,count}');
    PERFORM dataplat_internal.check_choice('"when_idle" of event_time', coalesce(event_time ->> 'when_idle', 'hold'), '{hold,clock}');
    IF event_time ? 'column' AND event_time ? 'expression' THEN
        RAISE EXCEPTION 'event_time has both a column and an expression' USING ERRCODE = 'invalid_parameter_value';
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_event_time(jsonb) IS 'fail on an event_time that could never work';

-- The settings of a pipeline with their defaults; lengths of time in
-- microseconds, a day as 24 hours and a month as 30 days.
CREATE OR REPLACE FUNCTION dataplat_internal.event_time_settings(event_time jsonb, grace interval, emit text,
    OUT event_column text, OUT expression text, OUT relation text, OUT window_end text, OUT late text, OUT closes boolean,
    OUT grace_us bigint, OUT future_us bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT e ->> 'column', e ->> 'expression', e ->> 'relation', e ->> 'window_end', coalesce(e ->> 'late', 'merge'), emit = 'close',
           (extract(epoch FROM coalesce(grace, interval '0')) * 1000000)::bigint,
           (extract(epoch FROM coalesce((e ->> 'max_future')::interval, interval '5 minutes')) * 1000000)::bigint
      FROM coalesce(event_time, '{}') AS e;
$$;
COMMENT ON FUNCTION dataplat_internal.event_time_settings(jsonb, interval, text) IS 'what a pipeline says about time, with defaults';

-- ------------------------------------------------------------------ watermarks

-- Rows of a partition: the latest of their event times (NULL: none that
-- counts), how many were too far in the future, how many late.  A run that
-- reads everything again does not know which of them came just now.
CREATE OR REPLACE FUNCTION dataplat_internal.note_event_times(pipeline text, relation text, partition text, latest timestamptz,
                                                              future bigint DEFAULT 0, late bigint DEFAULT 0, again boolean DEFAULT false)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO dataplat_internal.pipeline_watermark AS w (pipeline, relation, partition, max_event_time, seen_at, rows_future, rows_late)
    VALUES (note_event_times.pipeline, note_event_times.relation, note_event_times.partition, latest, dataplat_internal.clock_now(), future, late)
    ON CONFLICT ON CONSTRAINT pipeline_watermark_pkey
    DO UPDATE SET max_event_time = greatest(w.max_event_time, excluded.max_event_time),
                  seen_at = CASE WHEN again AND w.max_event_time >= excluded.max_event_time THEN w.seen_at ELSE excluded.seen_at END,
                  rows_future = CASE WHEN again THEN excluded.rows_future ELSE w.rows_future + excluded.rows_future END, rows_late = w.rows_late + excluded.rows_late;
$$;
COMMENT ON FUNCTION dataplat_internal.note_event_times(text, text, text, timestamptz, bigint, bigint, boolean) IS
    'new rows of a partition, for the watermark';
REVOKE ALL ON FUNCTION dataplat_internal.note_event_times(text, text, text, timestamptz, bigint, bigint, boolean) FROM PUBLIC;

-- Where the watermark of a pipeline would stand at a time: the least of its
-- partitions that are not idle; of the idle ones the greatest when all are.
-- Then when_idle => clock lets it go on with the clock.
CREATE OR REPLACE FUNCTION dataplat_internal.watermark_at(pipeline text, at timestamptz)
RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT greatest((SELECT c.watermark FROM dataplat_internal.pipeline_clock AS c WHERE c.pipeline = watermark_at.pipeline),
                    coalesce(min(w.max_event_time) FILTER (WHERE w.seen_at > at - s.idle), max(w.max_event_time)) - s.delay,
                    CASE WHEN s.follow AND max(w.seen_at) <= at - s.idle THEN at - s.idle - s.delay END)
      FROM (SELECT coalesce((p.event_time ->> 'idle_timeout')::interval, interval '1 minute') AS idle,
                   coalesce((p.event_time ->> 'watermark_delay')::interval, interval '0') AS delay,
                   coalesce(p.event_time ->> 'when_idle' = 'clock', false) AS follow
              FROM dataplat.pipeline AS p WHERE p.name = watermark_at.pipeline) AS s
      JOIN dataplat_internal.pipeline_watermark AS w ON w.pipeline = watermark_at.pipeline AND w.max_event_time IS NOT NULL
     GROUP BY s.idle, s.delay, s.follow;
$$;
COMMENT ON FUNCTION dataplat_internal.watermark_at(text, timestamptz) IS 'where the watermark of a pipeline stands at a time when no more rows come';

-- Never back: what was said to be over stays over.
CREATE OR REPLACE FUNCTION dataplat_internal.advance_watermark(pipeline text)
RETURNS timestamptz
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    now   timestamptz := dataplat_internal.clock_now();
    stood timestamptz;
    moved timestamptz := dataplat_internal.watermark_at(pipeline, now);
BEGIN
    SELECT c.watermark INTO stood FROM dataplat_internal.pipeline_clock AS c WHERE c.pipeline = advance_watermark.pipeline;
    IF moved > stood OR moved IS NOT NULL AND stood IS NULL THEN
        INSERT INTO dataplat_internal.pipeline_clock AS c (pipeline, watermark, moved_at) VALUES (advance_watermark.pipeline, moved, now)
        ON CONFLICT ON CONSTRAINT pipeline_clock_pkey DO UPDATE SET watermark = excluded.watermark, moved_at = excluded.moved_at;
        RETURN moved;
    END IF;
    RETURN stood;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.advance_watermark(text) IS 'move the watermark of a pipeline to where it belongs by now';
REVOKE ALL ON FUNCTION dataplat_internal.advance_watermark(text) FROM PUBLIC;

-- When windows that are held back now close although no row comes, so that
-- the scheduler looks at the pipeline then.  The watermark moves by itself
-- only when a partition falls idle, or with the clock after that.
CREATE OR REPLACE FUNCTION dataplat_internal.next_window_close(pipeline text)
RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT min(m.at)
      FROM (SELECT min(o.closes_at) AS closes_at FROM dataplat_internal.pipeline_open_window AS o WHERE o.pipeline = next_window_close.pipeline) AS o,
           dataplat.pipeline AS p,
           LATERAL (SELECT coalesce((p.event_time ->> 'idle_timeout')::interval, interval '1 minute') AS idle,
                           coalesce((p.event_time ->> 'watermark_delay')::interval, interval '0') AS delay) AS s,
           LATERAL (SELECT w.seen_at + s.idle AS at FROM dataplat_internal.pipeline_watermark AS w WHERE w.pipeline = p.name
                    UNION ALL
                    SELECT o.closes_at + s.idle + s.delay WHERE p.event_time ->> 'when_idle' = 'clock') AS m
     WHERE p.name = next_window_close.pipeline
       AND dataplat_internal.watermark_at(p.name, m.at) >= o.closes_at;
$$;
COMMENT ON FUNCTION dataplat_internal.next_window_close(text) IS
    'when a window that emit close holds back closes although no row comes; NULL: not before one comes';

-- Joins that are bounded in time need the rows of this long behind the
-- watermark, and no older ones: what happened was stored later, but for clocks
-- that are wrong by max_future.
CREATE OR REPLACE FUNCTION dataplat_internal.join_needs_since(pipeline text)
RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.watermark - (p.event_time ->> 'join_bound')::interval - coalesce(p.grace, interval '0')
           - coalesce((p.event_time ->> 'max_future')::interval, interval '5 minutes')
      FROM dataplat.pipeline AS p
      LEFT JOIN dataplat_internal.pipeline_clock AS c ON c.pipeline = p.name
     WHERE p.name = join_needs_since.pipeline AND p.event_time ? 'join_bound';
$$;
COMMENT ON FUNCTION dataplat_internal.join_needs_since(text) IS
    'ingest time before which the joins of a pipeline need no row of bronze again; NULL when nothing is known';

-- What an earlier definition left out, and this one does not.
CREATE OR REPLACE FUNCTION dataplat_internal.forget_left_out(p dataplat.pipeline)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM dataplat_internal.pipeline_late_row AS l WHERE l.pipeline = p.name AND coalesce(p.event_time ->> 'late', 'merge') = 'merge';
    DELETE FROM dataplat_internal.pipeline_open_window AS o WHERE o.pipeline = p.name AND p.emit <> 'close';
$$;
COMMENT ON FUNCTION dataplat_internal.forget_left_out(dataplat.pipeline) IS 'forget late rows and open windows that a changed definition does not leave out';
REVOKE ALL ON FUNCTION dataplat_internal.forget_left_out(dataplat.pipeline) FROM PUBLIC;

CREATE OR REPLACE VIEW dataplat.pipeline_watermark AS
SELECT w.pipeline, w.relation, w.partition, w.max_event_time, w.seen_at,
       w.seen_at <= coalesce(nullif(pg_catalog.current_setting('dataplat.test_clock', true), '')::timestamptz, pg_catalog.clock_timestamp())
                    - coalesce((p.event_time ->> 'idle_timeout')::interval, '1 minute'::interval) AS idle,
       w.rows_future, w.rows_late, c.watermark,
       (SELECT pg_catalog.count(*) FROM dataplat_internal.pipeline_open_window AS o WHERE o.pipeline = w.pipeline) AS open_windows
  FROM dataplat_internal.pipeline_watermark AS w
  JOIN dataplat.pipeline AS p ON p.name = w.pipeline
  LEFT JOIN dataplat_internal.pipeline_clock AS c ON c.pipeline = w.pipeline;
COMMENT ON VIEW dataplat.pipeline_watermark IS
    'how far event time has come in each partition of a pipeline''s inputs; the pipeline''s watermark is the least of those that are not idle';
COMMENT ON COLUMN dataplat.pipeline_watermark.rows_future IS 'rows too far in the future to move the watermark';
COMMENT ON COLUMN dataplat.pipeline_watermark.rows_late IS 'rows older than watermark - grace when they came';
COMMENT ON COLUMN dataplat.pipeline_watermark.watermark IS 'of the pipeline: no more rows older than this are expected';
COMMENT ON COLUMN dataplat.pipeline_watermark.open_windows IS 'rows of the pipeline''s result that emit close holds back';

-- ------------------------------------------------------------------ a definition with its query

CREATE OR REPLACE FUNCTION dataplat_internal.resolve_event_time(owner name, search_path text, time_zone text, query text, keys text[], lookups text[],
    event_column text, expression text, relation text, window_end text, closes boolean)
RETURNS jsonb
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_resolve_event_time';
COMMENT ON FUNCTION dataplat_internal.resolve_event_time(name, text, text, text, text[], text[], text, text, text, text, boolean) IS
    'where the inputs of a query have their event time, and which column says when a window ends';
REVOKE ALL ON FUNCTION dataplat_internal.resolve_event_time(name, text, text, text, text[], text[], text, text, text, text, boolean) FROM PUBLIC;

-- What create_pipeline and alter_pipeline check about time, once the mode and
-- the keys are known.
CREATE OR REPLACE FUNCTION dataplat_internal.check_pipeline_time(p dataplat.pipeline)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s        record;
    resolved jsonb;
    input    text;
BEGIN
    IF p.event_time IS NULL AND p.emit = 'change' THEN
        IF p.grace IS NOT NULL THEN
            RAISE EXCEPTION 'grace needs event_time'
                USING ERRCODE = 'invalid_parameter_value', HINT = 'It says how far behind the watermark a row may be.';
        END IF;
        RETURN;
    END IF;
    PERFORM dataplat_internal.check_event_time(coalesce(p.event_time, '{}'));
    IF p.mode = 'view' THEN
        RAISE EXCEPTION 'mode view has no event_time' USING ERRCODE = 'invalid_parameter_value', HINT = 'A view is computed when it is read.';
    END IF;
    IF p.emit = 'close' AND (p.keys = '{}' OR p.mode NOT IN ('aggregate', 'full')) THEN
        RAISE EXCEPTION 'emit close needs a query that groups by a window'
            USING ERRCODE = 'invalid_parameter_value', HINT = format('Mode %s has no rows that are finished some time.', p.mode);
    END IF;
    s := dataplat_internal.event_time_settings(p.event_time, p.grace, p.emit);
    resolved := dataplat_internal.resolve_event_time(p.owner, p.search_path, p.time_zone, p.query, p.keys, p.lookups,
                                                     s.event_column, s.expression, s.relation, s.window_end, s.closes);
    IF s.late <> 'merge' THEN
        SELECT i.relation INTO input FROM jsonb_to_recordset(resolved -> 'inputs') AS i (relation text, partitions boolean)
         WHERE NOT i.partitions OR NOT EXISTS (SELECT FROM dataplat.source AS x WHERE to_regclass(x.target) = to_regclass(i.relation));
        IF FOUND THEN
            RAISE EXCEPTION 'late rows of % cannot be left out', input
                USING ERRCODE = 'feature_not_supported',
                      DETAIL = 'It is not the table of a source: its rows can change, and have no place in Kafka that names them.',
                      HINT = 'Let late rows merge, or keep them out of the pipeline that reads bronze.';
        END IF;
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_pipeline_time(dataplat.pipeline) IS 'fail on what a definition says about time when its query does not bear it out';
REVOKE ALL ON FUNCTION dataplat_internal.check_pipeline_time(dataplat.pipeline) FROM PUBLIC;
