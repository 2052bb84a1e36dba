-- What can be asked of the workers from SQL, and by whom.
SELECT dataplat_internal.is_preloaded();
SELECT dataplat_internal.require_workers();
SELECT name, backend_type FROM dataplat_internal.job_kind() WHERE name = 'maintenance';

-- A wake or stop of something that is not there is no error.
SELECT dataplat_internal.wake_job('no such kind', 1), dataplat_internal.stop_jobs('no such kind', 1);
SELECT dataplat_internal.wait_job_stopped('no such kind', 1, 1000);
SELECT dataplat_internal.hold_jobs('no such kind', 1, 1000);

-- Nested transactions.
BEGIN;
SAVEPOINT a;
SELECT dataplat_internal.wake_job('no such kind', 2);
SAVEPOINT b;
SELECT dataplat_internal.stop_jobs('no such kind', 3);
ROLLBACK TO b;
RELEASE a;
COMMIT;

\set VERBOSITY sqlstate
SELECT dataplat_internal.run_chore('no such chore');
\set VERBOSITY default

-- Settings, and who may change them.
SELECT name, context, unit FROM pg_catalog.pg_settings
 WHERE name IN ('dataplat.databases', 'dataplat.enabled', 'dataplat.lock_timeout', 'dataplat.max_workers',
                'dataplat.restart_backoff_max', 'dataplat.restart_backoff_min')
 ORDER BY name;
SET dataplat.no_such_setting = 1;

-- Nothing of it is for everybody.
SELECT p.oid::regprocedure AS function
  FROM pg_catalog.pg_proc AS p
 WHERE p.pronamespace = 'dataplat_internal'::regnamespace
   AND p.proname ~ '^(job|scheduler|wake|stop|hold|wait_job|run_chore|require_workers|is_preloaded)'
   AND has_function_privilege('public', p.oid, 'EXECUTE')
 ORDER BY 1::text;
