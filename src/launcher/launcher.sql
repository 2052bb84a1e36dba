-- Who runs what, and when: what can be asked of the workers from SQL.

CREATE OR REPLACE FUNCTION dataplat_internal.job_state(
    OUT kind text,
    OUT object_id integer,
    OUT object text,
    OUT worker_no integer,
    OUT pid integer,
    OUT state text,
    OUT reason text,
    OUT hint text,
    OUT since timestamptz,
    OUT last_error text,
    OUT last_error_sqlstate text,
    OUT last_error_at timestamptz,
    OUT next_retry_at timestamptz,
    OUT restarts integer,
    OUT started_at timestamptz,
    OUT wanted boolean)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_job_state';
COMMENT ON FUNCTION dataplat_internal.job_state()
    IS 'state of each job of this database, from shared memory; kept after its worker has ended';
REVOKE ALL ON FUNCTION dataplat_internal.job_state() FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.scheduler_state(
    OUT launcher_pid integer,
    OUT scheduler_pid integer,
    OUT state text,
    OUT reason text,
    OUT hint text,
    OUT since timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_scheduler_state';
COMMENT ON FUNCTION dataplat_internal.scheduler_state()
    IS 'the launcher, and the scheduler of this database; no row when the library is not preloaded';
REVOKE ALL ON FUNCTION dataplat_internal.scheduler_state() FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.job_kind(
    OUT name text,
    OUT backend_type text)
RETURNS SETOF record
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_job_kind_list';
COMMENT ON FUNCTION dataplat_internal.job_kind()
    IS 'the kinds of job that the loaded library knows';
REVOKE ALL ON FUNCTION dataplat_internal.job_kind() FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.wake_job(kind text, object_id integer)
RETURNS void
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_wake_job';
COMMENT ON FUNCTION dataplat_internal.wake_job(text, integer)
    IS 'at commit: start the job if it is wanted, forget its failures, let running workers read its definition again';
REVOKE ALL ON FUNCTION dataplat_internal.wake_job(text, integer) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.stop_jobs(kind text, object_id integer)
RETURNS void
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_stop_jobs';
COMMENT ON FUNCTION dataplat_internal.stop_jobs(text, integer)
    IS 'at commit: ask the workers of the job to leave; they start again while the job is wanted';
REVOKE ALL ON FUNCTION dataplat_internal.stop_jobs(text, integer) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.wake_scheduler()
RETURNS void
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_wake_scheduler';
COMMENT ON FUNCTION dataplat_internal.wake_scheduler()
    IS 'at commit: let the scheduler of this database look at once at what is wanted';
REVOKE ALL ON FUNCTION dataplat_internal.wake_scheduler() FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.wait_job_stopped(kind text, object_id integer, timeout_ms integer)
RETURNS boolean
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_wait_job_stopped';
COMMENT ON FUNCTION dataplat_internal.wait_job_stopped(text, integer, integer)
    IS 'wait until no worker of the job runs; false when one still does after the timeout';
REVOKE ALL ON FUNCTION dataplat_internal.wait_job_stopped(text, integer, integer) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.hold_jobs(kind text, object_id integer, timeout_ms integer)
RETURNS boolean
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_hold_jobs';
COMMENT ON FUNCTION dataplat_internal.hold_jobs(text, integer, integer)
    IS 'stop the workers of the job now and keep them from starting until this transaction ends; false when one still runs after the timeout';
REVOKE ALL ON FUNCTION dataplat_internal.hold_jobs(text, integer, integer) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.run_chore(name text)
RETURNS void
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_run_chore';
COMMENT ON FUNCTION dataplat_internal.run_chore(text)
    IS 'do one chore of the maintenance worker now, in this transaction';
REVOKE ALL ON FUNCTION dataplat_internal.run_chore(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.require_workers()
RETURNS void
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_require_workers';
COMMENT ON FUNCTION dataplat_internal.require_workers()
    IS 'raise an error that says what to do when the library is not preloaded';
REVOKE ALL ON FUNCTION dataplat_internal.require_workers() FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.is_preloaded()
RETURNS boolean
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_is_preloaded';
COMMENT ON FUNCTION dataplat_internal.is_preloaded()
    IS 'is the library in shared_preload_libraries, so that workers can run?';
REVOKE ALL ON FUNCTION dataplat_internal.is_preloaded() FROM PUBLIC;

-- Start working when this transaction commits, or say what is missing.
-- (A NOTICE would not be seen: CREATE EXTENSION hides them.)
DO LANGUAGE plpgsql $$
BEGIN
    PERFORM dataplat_internal.wake_scheduler();
    IF NOT dataplat_internal.is_preloaded() THEN
        RAISE WARNING 'dataplat is not preloaded, so no workers run yet'
            USING HINT = 'Set shared_preload_libraries = ''dataplat'' in postgresql.conf (append it to what is there) and restart the server.';
    END IF;
END;
$$;

-- ---------------------------------------------------------------- health

CREATE OR REPLACE FUNCTION dataplat_internal.health_jobs(
    OUT severity text, OUT object text, OUT problem text, OUT cause text, OUT action text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'error', 'dataplat', 'not preloaded',
           'The library is not in shared_preload_libraries, so no workers run.',
           'Set shared_preload_libraries = ''dataplat'' in postgresql.conf (append it to what is there) and restart the server.'
     WHERE NOT dataplat_internal.is_preloaded()
    UNION ALL
    SELECT 'warning', 'dataplat', 'workers are off',
           'dataplat.enabled is off.',
           'ALTER SYSTEM SET dataplat.enabled = on; SELECT pg_reload_conf();'
     WHERE dataplat_internal.is_preloaded()
       AND NOT pg_catalog.current_setting('dataplat.enabled')::boolean
    UNION ALL
    SELECT 'error', 'dataplat scheduler', s.state, s.reason, s.hint
      FROM dataplat_internal.scheduler_state() AS s
     WHERE s.state IN ('waiting_slot', 'retrying', 'failed')
    UNION ALL
    SELECT CASE WHEN j.state IN ('failed', 'data_loss', 'waiting_slot') THEN 'error' ELSE 'warning' END,
           pg_catalog.concat(j.kind, ' ', j.object),
           j.state,
           pg_catalog.concat_ws(' ', COALESCE(j.reason, j.last_error),
                                'Since ' || pg_catalog.date_trunc('second', j.since)::text || '.'),
           COALESCE(j.hint,
                    'It is retried at ' || pg_catalog.date_trunc('second', j.next_retry_at)::text || '.',
                    'See the server log.')
      FROM dataplat_internal.job_state() AS j
     WHERE j.wanted
       AND j.state IN ('retrying', 'blocked_lock', 'waiting_slot', 'waiting_lso', 'suspect', 'data_loss', 'failed');
$$;
COMMENT ON FUNCTION dataplat_internal.health_jobs()
    IS 'health: can workers run, and which of them have trouble?';
REVOKE ALL ON FUNCTION dataplat_internal.health_jobs() FROM PUBLIC;
SELECT dataplat_internal.register_health_check('jobs', 'dataplat_internal.health_jobs');
