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
