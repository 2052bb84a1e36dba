/*
 * pipeline: when pipelines run, and that workers hear of what was changed.
 */

CREATE OR REPLACE FUNCTION dataplat_internal.next_cron_time(line text, after timestamptz)
RETURNS timestamptz
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_next_cron_time';
COMMENT ON FUNCTION dataplat_internal.next_cron_time(text, timestamptz)
    IS 'the first time after another that fits a cron line, by the clock of dataplat.timezone; NULL when there is none';
REVOKE ALL ON FUNCTION dataplat_internal.next_cron_time(text, timestamptz) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.check_schedule(schedule text, target_lag interval)
RETURNS void
LANGUAGE c STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_check_schedule';
COMMENT ON FUNCTION dataplat_internal.check_schedule(text, interval)
    IS 'fail unless it is a schedule: on_data, manual, target_lag, an interval or a cron line';
REVOKE ALL ON FUNCTION dataplat_internal.check_schedule(text, interval) FROM PUBLIC;

-- Whoever changes a definition, by a function or by hand: at the commit the
-- workers read it again, and the scheduler sees whether there is work at all.
CREATE OR REPLACE FUNCTION dataplat_internal.pipelines_changed()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM dataplat_internal.wake_job('pipeline', 0);
    PERFORM dataplat_internal.wake_scheduler();
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.pipelines_changed() IS 'let the workers read the definitions of pipelines again';
REVOKE ALL ON FUNCTION dataplat_internal.pipelines_changed() FROM PUBLIC;

CREATE OR REPLACE TRIGGER pipelines_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON dataplat.pipeline
    FOR EACH STATEMENT EXECUTE FUNCTION dataplat_internal.pipelines_changed();

-- A time that was worked out from another schedule means nothing any more.
CREATE OR REPLACE FUNCTION dataplat_internal.pipeline_rescheduled()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE dataplat_internal.pipeline_state AS s SET next_run_at = NULL WHERE s.pipeline = NEW.name AND s.consecutive_failures = 0;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.pipeline_rescheduled() IS 'forget when a pipeline was to run next, because its schedule is another one';
REVOKE ALL ON FUNCTION dataplat_internal.pipeline_rescheduled() FROM PUBLIC;

CREATE OR REPLACE TRIGGER pipeline_rescheduled
    AFTER UPDATE OF schedule, target_lag ON dataplat.pipeline
    FOR EACH ROW WHEN (OLD.schedule IS DISTINCT FROM NEW.schedule OR OLD.target_lag IS DISTINCT FROM NEW.target_lag)
    EXECUTE FUNCTION dataplat_internal.pipeline_rescheduled();

-- What each pipeline still needs of its bronze tables, for retention and for
-- the ledger.  A batch that is not committed yet may bear an older time than
-- the reader's snapshot, so a day is kept beyond it.  Before the first run
-- all is needed, as it was noted when the pipeline was made.
CREATE OR REPLACE FUNCTION dataplat_internal.note_bronze_readers()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n bigint;
BEGIN
    UPDATE dataplat_internal.bronze_reader AS b
       SET needs_batch = NULL, needs_since = u.needs_since
      FROM (SELECT r.relation, r.pipeline, least(coalesce(w.oldest, transaction_timestamp()) - interval '1 day',
                           dataplat_internal.join_needs_since(r.pipeline)) AS needs_since
              FROM dataplat_internal.pipeline_relation AS r
              JOIN dataplat_internal.pipeline_state AS s ON s.pipeline = r.pipeline AND s.filled AND s.rebuild_reason IS NULL
             CROSS JOIN LATERAL dataplat_internal.bronze_pending(r.relation, r.bronze_frontier) AS w
             WHERE r.role = 'bronze' AND w.pending IS NOT NULL) AS u
     WHERE b.target = u.relation AND b.reader = u.pipeline
       AND b.needs_since IS DISTINCT FROM u.needs_since;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.note_bronze_readers() IS 'tell retention what pipelines still need of bronze tables; returns how many changed';
REVOKE ALL ON FUNCTION dataplat_internal.note_bronze_readers() FROM PUBLIC;

-- Are these the settings that a run understands?  An unknown word or a value
-- out of range would be a setting that quietly does nothing.
CREATE OR REPLACE FUNCTION dataplat_internal.check_care(retry jsonb, fuse jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong record;
BEGIN
    SELECT m.argument, m.key, m.value, coalesce(d.allowed, 'one of ' || (SELECT string_agg(x.key, ', ' ORDER BY x.place)
               FROM (VALUES (1, 'retry', 'max_attempts'), (2, 'retry', 'initial'), (3, 'retry', 'max'), (4, 'retry', 'backoff'),
                            (5, 'fuse', 'max_rows_in'), (6, 'fuse', 'max_deletes'), (7, 'fuse', 'max_delete_ratio')) AS x (place, argument, key)
              WHERE x.argument = m.argument)) AS allowed
      INTO wrong
      FROM (SELECT 'retry', r.key, r.value FROM jsonb_each(retry) AS r
            UNION ALL SELECT 'fuse', f.key, f.value FROM jsonb_each(fuse) AS f) AS m (argument, key, value)
      LEFT JOIN (VALUES ('retry', 'max_attempts', 'a whole number from 1'), ('retry', 'initial', 'an interval such as "1 second"'),
                        ('retry', 'max', 'an interval such as "5 minutes"'), ('retry', 'backoff', 'a number from 1 to 100'),
                        ('fuse', 'max_rows_in', 'a whole number'), ('fuse', 'max_deletes', 'a whole number'),
                        ('fuse', 'max_delete_ratio', 'a number from 0 to 1')) AS d (argument, key, allowed)
        ON d.argument = m.argument AND d.key = m.key
     WHERE NOT coalesce(
           CASE WHEN d.key IN ('initial', 'max') THEN jsonb_typeof(m.value) = 'string' AND (m.value #>> '{}')::interval >= interval '1 millisecond'
                WHEN jsonb_typeof(m.value) <> 'number' THEN false
                WHEN d.key = 'max_attempts' THEN (m.value)::numeric BETWEEN 1 AND 1000000 AND (m.value)::numeric % 1 = 0
                WHEN d.key = 'backoff' THEN (m.value)::numeric BETWEEN 1 AND 100
                WHEN d.key = 'max_delete_ratio' THEN (m.value)::numeric BETWEEN 0 AND 1
                WHEN d.key IN ('max_rows_in', 'max_deletes') THEN (m.value)::numeric >= 0 AND (m.value)::numeric % 1 = 0 END, false)
     ORDER BY m.argument, m.key
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'invalid % "%": %', wrong.argument, wrong.key, wrong.value
            USING ERRCODE = 'invalid_parameter_value', HINT = format('Expected %s.', wrong.allowed);
    END IF;
EXCEPTION WHEN invalid_text_representation OR invalid_datetime_format OR datetime_field_overflow THEN
    RAISE EXCEPTION 'invalid retry: %', SQLERRM
        USING ERRCODE = 'invalid_parameter_value', HINT = 'initial and max are intervals such as "1 second".';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_care(jsonb, jsonb) IS 'fail unless retry and fuse of a pipeline hold what runs understand';
REVOKE ALL ON FUNCTION dataplat_internal.check_care(jsonb, jsonb) FROM PUBLIC;
