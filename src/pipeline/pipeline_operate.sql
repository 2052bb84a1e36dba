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
    PERFORM dataplat_internal.wake_pipeline(p);
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
    PERFORM dataplat_internal.wake_pipeline(p);
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
        EXECUTE format('TRUNCATE %s', side);
    END LOOP;
    UPDATE dataplat_internal.pipeline_state AS s SET filled = false WHERE s.pipeline = p.name;
    PERFORM dataplat_internal.mark_pipeline_rebuild(p.name, 'reset by ' || caller);
    PERFORM dataplat_internal.note_pipeline_event(caller, p.name, 'reset', jsonb_build_object('rows', n));
    PERFORM dataplat_internal.wake_pipeline(p);
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
