/*
 * pipeline: steering: pause, resume, reset, run, rebuild, backfill, wait.
 */

-- ------------------------------------------------------------------ pause and resume

CREATE OR REPLACE FUNCTION dataplat_internal.command_pause_pipeline(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p dataplat.pipeline;
BEGIN
    p := dataplat_internal.pipeline_to_change(caller, a ->> 'name', true);
    IF p.mode = 'view' THEN
        RAISE EXCEPTION 'cannot pause pipeline "%" because it is a view', p.name
            USING ERRCODE = 'wrong_object_type', HINT = 'A view is computed when it is read.';
    END IF;
    UPDATE dataplat.pipeline AS x
       SET paused = true, pause_reason = a ->> 'reason', paused_by = caller, paused_at = now()
     WHERE x.name = p.name;
    PERFORM dataplat_internal.note_pipeline_event(caller, p.name, 'pause', jsonb_build_object('reason', a ->> 'reason'));
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_pause_pipeline(name, jsonb) IS 'pause_pipeline as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat_internal.command_resume_pipeline(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p dataplat.pipeline;
BEGIN
    p := dataplat_internal.pipeline_to_change(caller, a ->> 'name', true);
    UPDATE dataplat.pipeline AS x
       SET paused = false, pause_reason = NULL, paused_by = NULL, paused_at = NULL
     WHERE x.name = p.name;
    UPDATE dataplat_internal.pipeline_state AS s
       SET state = CASE WHEN s.state IN ('failed', 'retrying') THEN 'starting' ELSE s.state END, reason = NULL, hint = NULL, since = now(),
           consecutive_failures = 0, circuit = 'closed', next_run_at = NULL
     WHERE s.pipeline = p.name AND (s.state IN ('failed', 'retrying') OR s.circuit <> 'closed' OR s.consecutive_failures > 0);
    PERFORM dataplat_internal.note_pipeline_event(caller, p.name, 'resume', jsonb_build_object('was', p.pause_reason, 'paused_by', p.paused_by));
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_resume_pipeline(name, jsonb) IS 'resume_pipeline as the owner of the extension';

-- ------------------------------------------------------------------ reset, rebuild, run

-- Empty the target; the next run fills it.  Its readers see the deletes, so
-- that what is below follows.
CREATE OR REPLACE FUNCTION dataplat_internal.command_reset_pipeline(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p    dataplat.pipeline;
    side text;
    n    bigint;
BEGIN
    p := dataplat_internal.pipeline_to_change(caller, a ->> 'name', true);
    PERFORM dataplat_internal.require_table_pipeline(p);
    PERFORM dataplat_internal.lock_pipeline(p.pipeline_id);
    n := dataplat_internal.execute_as(p.owner, format('DELETE FROM %s', p.target));
    FOR side IN SELECT * FROM dataplat_internal.pipeline_side_tables(p) LOOP
        EXECUTE format('DROP TABLE %s', side);
    END LOOP;
    UPDATE dataplat_internal.pipeline_state AS s SET filled = false WHERE s.pipeline = p.name;
    PERFORM dataplat_internal.mark_pipeline_rebuild(p.name, 'reset by ' || caller);
    PERFORM dataplat_internal.note_pipeline_event(caller, p.name, 'reset', jsonb_build_object('rows', n));
    PERFORM dataplat_internal.wake_job('pipeline', 0);
    RETURN to_jsonb(n);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_reset_pipeline(name, jsonb) IS 'reset_pipeline as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat_internal.require_table_pipeline(p dataplat.pipeline)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p.mode = 'view' THEN
        RAISE EXCEPTION 'pipeline "%" is a view and has nothing to run', p.name
            USING ERRCODE = 'wrong_object_type', HINT = 'A view is computed when it is read.';
    ELSIF to_regclass(p.target) IS NULL THEN
        RAISE EXCEPTION 'target "%" of pipeline "%" does not exist', p.target, p.name
            USING ERRCODE = 'undefined_table', HINT = format('SELECT dataplat.alter_pipeline(%L, target => %L); makes it again.', p.name, p.target);
    ELSIF NOT dataplat_internal.installation_is_ours() THEN
        RAISE EXCEPTION 'this database is a copy that nobody has adopted'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'SELECT dataplat.adopt(''fork''), or ''resume'' when the original is gone for good.';
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.require_table_pipeline(dataplat.pipeline) IS 'fail unless runs of the pipeline are possible';

-- Computing again goes in chunks, each a run: ranges of the first key, or
-- batches of bronze where events make the target.  Without keys there is
-- nothing to cut by, and it is one run.
CREATE OR REPLACE FUNCTION dataplat_internal.command_rebuild_pipeline(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p      dataplat.pipeline;
    events boolean;
BEGIN
    p := dataplat_internal.pipeline_to_change(caller, a ->> 'name', true);
    PERFORM dataplat_internal.require_table_pipeline(p);
    PERFORM dataplat_internal.lock_pipeline(p.pipeline_id);
    events := p.mode IN ('upsert', 'scd2') AND EXISTS (SELECT FROM dataplat_internal.pipeline_relation AS r
                                                        WHERE r.pipeline = p.name AND r.role = 'bronze');
    IF events OR (p.mode IN ('aggregate', 'upsert') AND p.keys <> '{}') THEN
        DELETE FROM dataplat_internal.pipeline_rebuild AS b WHERE b.pipeline = p.name;
        INSERT INTO dataplat_internal.pipeline_rebuild (pipeline, kind, chunks, last_batch, requested_by)
        VALUES (p.name, 'rebuild', CASE WHEN events THEN 'batches' ELSE 'keys' END,
                (SELECT max(b.batch_id) FROM dataplat.batch AS b), caller);
    ELSE
        PERFORM dataplat_internal.mark_pipeline_rebuild(p.name, 'rebuild asked for by ' || caller);
    END IF;
    PERFORM dataplat_internal.note_pipeline_event(caller, p.name, 'rebuild', '{}');
    PERFORM dataplat_internal.wake_job('pipeline', 0);
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_rebuild_pipeline(name, jsonb) IS 'rebuild_pipeline as the owner of the extension';

-- The batches of a bronze table that a position stands for: the last one
-- before it.  A position is earliest, latest, a time, an interval ago, or
-- offsets by partition.
CREATE OR REPLACE FUNCTION dataplat_internal.batch_before(relation text, place text)
RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at timestamptz;
BEGIN
    IF place IS NULL OR place = 'earliest' THEN
        RETURN 0;
    ELSIF place = 'latest' THEN
        RETURN (SELECT coalesce(max(b.batch_id), 0) FROM dataplat.batch AS b);
    ELSIF place LIKE '{%' THEN
        RETURN (SELECT coalesce(min(b.batch_id), 1) - 1
                  FROM jsonb_each_text(place::jsonb) AS o (part, first)
                  JOIN dataplat.batch AS b ON b.partition = o.part::int AND b.to_offset > o.first::bigint
                 WHERE b.source IN (SELECT s.name FROM dataplat.source AS s WHERE to_regclass(s.target) = to_regclass(relation)));
    END IF;
    at := CASE WHEN place ~ '^\s*-' THEN now() + place::interval ELSE place::timestamptz END;
    RETURN (SELECT coalesce(min(b.batch_id) - 1, (SELECT coalesce(max(x.batch_id), 0) FROM dataplat.batch AS x))
              FROM dataplat.batch AS b
             WHERE coalesce(b.max_timestamp, b.committed_at) >= at
               AND b.source IN (SELECT s.name FROM dataplat.source AS s WHERE to_regclass(s.target) = to_regclass(relation)));
EXCEPTION WHEN data_exception THEN
    RAISE EXCEPTION 'invalid position "%"', place
        USING ERRCODE = 'invalid_parameter_value',
              HINT = 'One of: earliest, latest, a time such as "2026-01-01T00:00Z", an interval such as "-2 hours", or {"partition": offset}.';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.batch_before(text, text) IS 'last batch of a bronze table before a position';
REVOKE ALL ON FUNCTION dataplat_internal.batch_before(text, text) FROM PUBLIC;

-- Values of the first key that a backfill goes from and to; read as the owner, whose type it may be.
CREATE OR REPLACE FUNCTION dataplat_internal.check_key_range(p dataplat.pipeline, from_position text, to_position text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key_type text;
BEGIN
    SELECT format_type(x.atttypid, x.atttypmod) INTO key_type FROM pg_attribute AS x
     WHERE x.attrelid = to_regclass(p.target) AND x.attname = p.keys[1];
    PERFORM dataplat_internal.execute_as(p.owner, format('DO %L', format(
        'BEGIN IF %L::%s > %L::%2$s THEN RAISE USING ERRCODE = ''invalid_parameter_value'', MESSAGE = ''the first is greater than the second''; END IF; END',
        from_position, key_type, to_position)));
EXCEPTION WHEN data_exception THEN
    RAISE EXCEPTION 'invalid positions "%" and "%": %', from_position, to_position, SQLERRM
        USING ERRCODE = 'invalid_parameter_value', HINT = format('Values of the first key, %I, from the smaller one to the greater one.', p.keys[1]);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_key_range(dataplat.pipeline, text, text) IS 'fail on what are no values of the first key';

CREATE OR REPLACE FUNCTION dataplat_internal.command_backfill_pipeline(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p      dataplat.pipeline;
    bronze text;
    rate   int := (a ->> 'rate')::int;
BEGIN
    p := dataplat_internal.pipeline_to_change(caller, a ->> 'name', true);
    PERFORM dataplat_internal.require_table_pipeline(p);
    IF p.mode IN ('append', 'full') OR p.keys = '{}' THEN
        RAISE EXCEPTION 'a part of pipeline "%" cannot be computed again', p.name
            USING ERRCODE = 'wrong_object_type', DETAIL = format('Its mode is %s and it has no keys to tell which rows a part is.', p.mode),
                  HINT = format('SELECT dataplat.rebuild_pipeline(%L); computes all of it.', p.name);
    ELSIF rate <= 0 THEN
        RAISE EXCEPTION 'invalid rate "%"', rate USING ERRCODE = 'invalid_parameter_value', HINT = 'Rows a second, 1 or more; NULL for as fast as it goes.';
    END IF;
    PERFORM dataplat_internal.lock_pipeline(p.pipeline_id);
    IF EXISTS (SELECT FROM dataplat_internal.pipeline_rebuild AS b WHERE b.pipeline = p.name) THEN
        RAISE EXCEPTION 'pipeline "%" is being computed again already', p.name
            USING ERRCODE = 'object_in_use', HINT = 'dataplat.progress and dataplat.pipeline_run show how far it is.';
    END IF;
    SELECT r.relation INTO bronze FROM dataplat_internal.pipeline_relation AS r
     WHERE r.pipeline = p.name AND r.role = 'bronze' ORDER BY r.relation LIMIT 1;
    IF bronze IS NULL THEN
        PERFORM dataplat_internal.check_key_range(p, a ->> 'from_position', a ->> 'to_position');
        INSERT INTO dataplat_internal.pipeline_rebuild (pipeline, kind, chunks, from_position, to_position, rate, requested_by)
        VALUES (p.name, 'backfill', 'keys', a ->> 'from_position', a ->> 'to_position', rate, caller);
    ELSE
        INSERT INTO dataplat_internal.pipeline_rebuild (pipeline, kind, chunks, from_position, to_position, last_batch, rate, requested_by)
        VALUES (p.name, 'backfill', 'batches', dataplat_internal.batch_before(bronze, a ->> 'from_position')::text,
                coalesce(a ->> 'to_position', 'latest'), dataplat_internal.batch_before(bronze, coalesce(a ->> 'to_position', 'latest')), rate, caller);
    END IF;
    PERFORM dataplat_internal.note_pipeline_event(caller, p.name, 'backfill', a - 'name');
    PERFORM dataplat_internal.wake_job('pipeline', 0);
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_backfill_pipeline(name, jsonb) IS 'backfill_pipeline as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat_internal.command_run_pipeline(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p   dataplat.pipeline;
    ran dataplat.pipeline_run;
BEGIN
    p := dataplat_internal.pipeline_to_change(caller, a ->> 'name', true);
    PERFORM dataplat_internal.require_table_pipeline(p);
    ran := dataplat_internal.run_pipeline(p.name, 'live', (a ->> 'commit')::boolean);
    RETURN to_jsonb(ran);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_run_pipeline(name, jsonb) IS 'run_pipeline as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat_internal.command_explain_pipeline(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p dataplat.pipeline;
BEGIN
    p := dataplat_internal.pipeline_to_change(caller, a ->> 'name', true);
    IF (a ->> 'execute')::boolean THEN
        PERFORM dataplat_internal.require_table_pipeline(p);
    END IF;
    RETURN (SELECT jsonb_agg(e.line ORDER BY e.n)
              FROM dataplat_internal.explain_pipeline(p.name, (a ->> 'execute')::boolean) WITH ORDINALITY AS e (line, n));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_explain_pipeline(name, jsonb) IS 'explain_pipeline as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat_internal.command_verify_pipeline(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p dataplat.pipeline;
BEGIN
    p := dataplat_internal.pipeline_to_change(caller, a ->> 'name', true);
    IF p.mode = 'view' THEN
        RETURN '{"missing": 0, "extra": 0, "different": 0}';
    END IF;
    PERFORM dataplat_internal.require_table_pipeline(p);
    RETURN (SELECT to_jsonb(v) FROM dataplat_internal.verify_pipeline(p.name) AS v);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_verify_pipeline(name, jsonb) IS 'verify_pipeline as the owner of the extension';

-- ------------------------------------------------------------------ wait

-- Does one snapshot see everything that another one sees?
CREATE OR REPLACE FUNCTION dataplat_internal.snapshot_covers(later pg_snapshot, earlier pg_snapshot)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT EXISTS (SELECT FROM pg_snapshot_xip(later) AS x (xid) WHERE pg_visible_in_snapshot(x.xid, earlier))
       -- between the two ends the earlier one must not see a thing
       AND greatest(pg_snapshot_xmax(earlier)::text::numeric - pg_snapshot_xmax(later)::text::numeric, 0)
           = (SELECT count(*) FROM pg_snapshot_xip(earlier) AS x (xid) WHERE x.xid >= pg_snapshot_xmax(later));
$$;
COMMENT ON FUNCTION dataplat_internal.snapshot_covers(pg_snapshot, pg_snapshot) IS 'does a snapshot see everything that another one sees?';

-- Has a pipeline taken in everything that "as_of" shows of its inputs?
CREATE OR REPLACE FUNCTION dataplat_internal.pipeline_has_seen(pipeline_name text, as_of pg_snapshot)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.mode = 'view'
        OR (s.filled AND s.rebuild_reason IS NULL
            AND NOT EXISTS (
                SELECT FROM dataplat_internal.pipeline_relation AS r
                 WHERE r.pipeline = p.name
                   AND CASE r.role
                           WHEN 'bronze' THEN r.bronze_frontier IS NULL OR EXISTS (
                               SELECT FROM dataplat_internal.bronze_unread(r.relation, r.bronze_frontier) AS b
                                WHERE pg_visible_in_snapshot(b.xid, as_of))
                           WHEN 'table' THEN NOT dataplat_internal.table_has_been_seen(r.relation, r.pipeline, as_of)
                           ELSE false END))
      FROM dataplat.pipeline AS p JOIN dataplat_internal.pipeline_state AS s ON s.pipeline = p.name
     WHERE p.name = pipeline_name;
$$;
COMMENT ON FUNCTION dataplat_internal.pipeline_has_seen(text, pg_snapshot) IS 'is everything that a snapshot shows of the inputs in the target?';

-- A pipeline and those above it, with how many runs lie between it and the first inputs.
CREATE OR REPLACE FUNCTION dataplat_internal.pipelines_above(pipeline_name text)
RETURNS TABLE (name text, level int)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE edge AS (
        SELECT r.pipeline AS below, u.name AS above
          FROM dataplat_internal.pipeline_relation AS r JOIN dataplat.pipeline AS u ON u.target = r.relation
         WHERE r.role <> 'lookup' OR EXISTS (SELECT FROM dataplat.pipeline AS v WHERE v.name = r.pipeline AND v.mode = 'view')
    ), above AS (
        SELECT pipeline_name AS name UNION SELECT e.above FROM above AS a JOIN edge AS e ON e.below = a.name
    ), walk AS (
        SELECT a.name, 0 AS level FROM above AS a WHERE NOT EXISTS (SELECT FROM edge AS e WHERE e.below = a.name)
        UNION SELECT e.below, w.level + 1 FROM walk AS w JOIN edge AS e ON e.above = w.name JOIN above AS a ON a.name = e.below
    )
    SELECT w.name, max(w.level) FROM walk AS w GROUP BY w.name;
$$;
COMMENT ON FUNCTION dataplat_internal.pipelines_above(text) IS 'a pipeline and those that it gets its rows through, in levels';

-- Level by level: once all of one level have taken in what was there, what
-- they wrote is what the next level must have seen.  Each statement has a
-- snapshot of its own under READ COMMITTED.
CREATE OR REPLACE FUNCTION dataplat_internal.command_wait_for_pipeline(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    until   timestamptz := clock_timestamp() + (a ->> 'timeout')::interval;
    as_of   pg_snapshot := pg_current_snapshot();
    step    record;
    behind  text[];
    stopped text;
BEGIN
    IF NOT EXISTS (SELECT FROM dataplat.pipeline AS x WHERE x.name = a ->> 'name') THEN
        RAISE EXCEPTION 'pipeline "%" does not exist', a ->> 'name'
            USING ERRCODE = 'undefined_object', HINT = 'See dataplat.pipeline for the declared pipelines.';
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'cannot wait for a pipeline in a transaction of isolation level %', current_setting('transaction_isolation')
            USING ERRCODE = 'invalid_transaction_state', HINT = 'Its snapshot never shows what is committed meanwhile; use READ COMMITTED.';
    END IF;
    IF NOT dataplat_internal.installation_is_ours() THEN
        RAISE NOTICE 'pipeline "%" stands still: this database is a copy that nobody has adopted', a ->> 'name';
        RETURN to_jsonb(false);
    END IF;
    FOR step IN
        SELECT l.level, array_agg(l.name ORDER BY l.name) AS names
          FROM dataplat_internal.pipelines_above(a ->> 'name') AS l GROUP BY l.level ORDER BY l.level
    LOOP
        LOOP
            BEGIN
                behind := ARRAY(SELECT n FROM unnest(step.names) AS n WHERE dataplat_internal.pipeline_has_seen(n, as_of) IS NOT TRUE);
            EXCEPTION WHEN serialization_failure THEN
                -- a run has read on since this statement took its snapshot: the next one sees it
                behind := step.names;
            END;
            EXIT WHEN behind = '{}';
            -- The status counts what waits: not a thing to ask for a hundred times a second.
            IF EXISTS (SELECT FROM dataplat.pipeline AS x JOIN dataplat_internal.pipeline_state AS s ON s.pipeline = x.name
                        WHERE x.name = ANY (behind) AND (x.paused OR s.state = 'failed')) THEN
                SELECT r.pipeline || ' is ' || r.state || coalesce(': ' || r.reason, '') INTO stopped
                  FROM dataplat_internal.pipeline_rows() AS r
                 WHERE r.pipeline = ANY (behind) AND r.state IN ('paused', 'failed') ORDER BY r.pipeline LIMIT 1;
            END IF;
            IF stopped IS NULL AND NOT EXISTS (SELECT FROM dataplat.pipeline AS x WHERE x.name = a ->> 'name') THEN
                stopped := 'it was dropped';
            END IF;
            IF stopped IS NOT NULL OR clock_timestamp() >= until THEN
                RAISE NOTICE 'pipeline "%" is behind in %: %', a ->> 'name', array_to_string(behind, ', '), coalesce(stopped, 'timeout');
                RETURN to_jsonb(false);
            END IF;
            PERFORM pg_sleep(0.01);
        END LOOP;
        as_of := pg_current_snapshot();
    END LOOP;
    RETURN to_jsonb(true);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_wait_for_pipeline(name, jsonb) IS 'wait_for_pipeline as the owner of the extension';

-- ------------------------------------------------------------------ what users call

CREATE OR REPLACE FUNCTION dataplat.pause_pipeline(name text, reason text DEFAULT NULL)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('pause_pipeline', jsonb_build_object('name', pause_pipeline.name, 'reason', pause_pipeline.reason)); $$;
COMMENT ON FUNCTION dataplat.pause_pipeline(text, text) IS 'stop running a pipeline; changes of its inputs are kept for it';

CREATE OR REPLACE FUNCTION dataplat.resume_pipeline(name text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('resume_pipeline', jsonb_build_object('name', resume_pipeline.name)); $$;
COMMENT ON FUNCTION dataplat.resume_pipeline(text) IS 'go on with a pipeline that was paused, failed or whose circuit is open, where it stopped';

CREATE OR REPLACE FUNCTION dataplat.reset_pipeline(name text)
RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT (dataplat.command('reset_pipeline', jsonb_build_object('name', reset_pipeline.name)) #>> '{}')::bigint; $$;
COMMENT ON FUNCTION dataplat.reset_pipeline(text) IS 'empty the target; the next run fills it again from everything that the inputs hold; returns rows deleted';

CREATE OR REPLACE FUNCTION dataplat.rebuild_pipeline(name text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('rebuild_pipeline', jsonb_build_object('name', rebuild_pipeline.name)); $$;
COMMENT ON FUNCTION dataplat.rebuild_pipeline(text) IS
    'compute everything afresh in chunks beside the live runs and bring the target to it; readers never see it empty or half full';

CREATE OR REPLACE FUNCTION dataplat.backfill_pipeline(name text, from_position text DEFAULT NULL, to_position text DEFAULT NULL, rate int DEFAULT NULL)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat.command('backfill_pipeline', jsonb_build_object('name', backfill_pipeline.name, 'from_position', from_position,
                                                                     'to_position', to_position, 'rate', rate));
$$;
COMMENT ON FUNCTION dataplat.backfill_pipeline(text, text, text, int) IS
    'compute a part again in chunks beside the live runs, at most rate rows a second; positions are those of bronze, or values of the first key where no bronze is read';

CREATE OR REPLACE FUNCTION dataplat.run_pipeline(name text, commit boolean DEFAULT true)
RETURNS dataplat.pipeline_run
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r FROM jsonb_populate_record(NULL::dataplat.pipeline_run,
        dataplat.command('run_pipeline', jsonb_build_object('name', run_pipeline.name, 'commit', coalesce(run_pipeline.commit, true)))) AS r;
$$;
COMMENT ON FUNCTION dataplat.run_pipeline(text, boolean) IS
    'run a pipeline now, in this transaction; with commit => false its writes are undone and the record says what would change';

CREATE OR REPLACE FUNCTION dataplat.explain_pipeline(name text, execute boolean DEFAULT false)
RETURNS SETOF text
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT e FROM jsonb_array_elements_text(dataplat.command('explain_pipeline',
        jsonb_build_object('name', explain_pipeline.name, 'execute', coalesce(explain_pipeline.execute, false)))) AS e;
$$;
COMMENT ON FUNCTION dataplat.explain_pipeline(text, boolean) IS
    'how a pipeline is kept up to date and why; with execute => true the next delta is run, measured and rolled back';

CREATE OR REPLACE FUNCTION dataplat.verify_pipeline(name text, OUT missing bigint, OUT extra bigint, OUT different bigint)
RETURNS record
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT v.missing, v.extra, v.different
      FROM jsonb_to_record(dataplat.command('verify_pipeline', jsonb_build_object('name', verify_pipeline.name)))
           AS v (missing bigint, extra bigint, different bigint);
$$;
COMMENT ON FUNCTION dataplat.verify_pipeline(text) IS
    'compare the target with its query computed afresh: rows that are missing, too many, or differ; 0, 0, 0 when all is well';

CREATE OR REPLACE FUNCTION dataplat.wait_for_pipeline(name text, timeout interval DEFAULT '30 seconds')
RETURNS boolean
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (dataplat.command('wait_for_pipeline', jsonb_build_object('name', wait_for_pipeline.name, 'timeout', wait_for_pipeline.timeout)) #>> '{}')::boolean;
$$;
COMMENT ON FUNCTION dataplat.wait_for_pipeline(text, interval) IS
    'true when all that was committed in its inputs at the call is in the target, through all pipelines above it; false, with a notice why, on timeout or when one of them stands still';
