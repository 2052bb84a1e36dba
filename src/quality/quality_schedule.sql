/*
 * quality: suites that are validated by themselves: at intervals, by a cron
 * line, or after each run or batch that wrote a dataset.
 */

CREATE OR REPLACE FUNCTION dataplat_internal.next_suite_time(schedule text, after timestamptz)
RETURNS timestamptz
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_next_suite_time';
REVOKE ALL ON FUNCTION dataplat_internal.next_suite_time(text, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.next_suite_time(text, timestamptz) IS 'when a suite is due after a time; NULL: on_data';

CREATE OR REPLACE FUNCTION dataplat_internal.check_suite_schedule(schedule text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM dataplat_internal.next_suite_time(schedule, now());
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.check_suite_schedule(text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.check_suite_schedule(text) IS 'fail unless it is a schedule: on_data, an interval or a cron line';

CREATE OR REPLACE FUNCTION dataplat_internal.register_write_teller(kind text, teller_function text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO dataplat_internal.write_teller AS t (kind, teller_function) VALUES ($1, $2)
        ON CONFLICT (kind) DO UPDATE SET teller_function = excluded.teller_function WHERE t.teller_function <> excluded.teller_function;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.register_write_teller(text, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.register_write_teller(text, text) IS 'let suites with the schedule on_data hear of runs or batches';

-- The runs and batches that wrote a dataset last, as one mark.
CREATE OR REPLACE FUNCTION dataplat_internal.last_write(dataset text, OUT mark text, OUT trigger text, OUT object text, OUT run_id bigint, OUT batch_id bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t dataplat_internal.write_teller;
    one record;
BEGIN
    FOR t IN SELECT * FROM dataplat_internal.write_teller AS x ORDER BY x.kind LOOP
        EXECUTE format('SELECT * FROM %s($1)', t.teller_function) INTO one USING dataset;
        CONTINUE WHEN one.mark IS NULL;
        mark := concat_ws(' ', mark, t.kind, one.mark);
        trigger := t.kind;
        object := one.object;
        run_id := one.run_id;
        batch_id := one.batch_id;
    END LOOP;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.last_write(text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.last_write(text) IS 'the last run and batch that wrote a dataset';

-- What has a schedule, and when it is due first: an interval at once, a cron
-- line at its time, on_data at the next run or batch.
CREATE OR REPLACE FUNCTION dataplat_internal.note_suites()
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM (SELECT DISTINCT e.suite, e.dataset, s.schedule FROM dataplat.expectation AS e JOIN dataplat.expectation_suite AS s ON s.name = e.suite
                      WHERE e.enabled AND s.schedule IS NOT NULL) AS w
          FULL JOIN dataplat_internal.suite_state AS x ON x.suite = w.suite AND x.dataset = w.dataset
         WHERE w.schedule IS DISTINCT FROM x.schedule) THEN
        RETURN;
    END IF;
    DELETE FROM dataplat_internal.suite_state AS x
     WHERE NOT EXISTS (SELECT FROM dataplat.expectation AS e JOIN dataplat.expectation_suite AS s ON s.name = e.suite
                        WHERE e.suite = x.suite AND e.dataset = x.dataset AND e.enabled AND s.schedule IS NOT NULL);
    INSERT INTO dataplat_internal.suite_state AS x (suite, dataset, schedule, mark, next_at)
    SELECT w.suite, w.dataset, w.schedule, (dataplat_internal.last_write(w.dataset)).mark,
           CASE WHEN w.schedule = 'on_data' THEN NULL WHEN w.schedule ~ '^\s*(@|\S+\s+\S+\s+\S+\s+\S+\s+\S+\s*$)' THEN dataplat_internal.next_suite_time(w.schedule, now()) ELSE now() END
      FROM (SELECT DISTINCT e.suite, e.dataset, s.schedule FROM dataplat.expectation AS e JOIN dataplat.expectation_suite AS s ON s.name = e.suite
             WHERE e.enabled AND s.schedule IS NOT NULL) AS w
    ON CONFLICT ON CONSTRAINT suite_state_pkey DO UPDATE
       SET schedule = excluded.schedule, next_at = excluded.next_at, mark = excluded.mark
     WHERE x.schedule <> excluded.schedule;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.note_suites() FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.note_suites() IS 'work out when suites whose schedule is new are due';

-- Validate one dataset of a suite that is due, in the caller's transaction.
-- False when none is.  What goes wrong with it is noted, and it has its turn
-- again at its next time.
CREATE OR REPLACE FUNCTION dataplat_internal.validate_next_due()
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    due  dataplat_internal.suite_state;
    wrote record;
    number bigint;
    problem text;
BEGIN
    PERFORM dataplat_internal.note_suites();
    SELECT x.* INTO due FROM dataplat_internal.suite_state AS x
     WHERE x.next_at <= clock_timestamp() ORDER BY x.next_at, x.suite, x.dataset LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        SELECT x.* INTO due FROM dataplat_internal.suite_state AS x
         WHERE x.schedule = 'on_data' AND x.mark IS DISTINCT FROM (dataplat_internal.last_write(x.dataset)).mark
         ORDER BY x.last_at NULLS FIRST, x.suite, x.dataset LIMIT 1 FOR UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
    END IF;
    wrote := dataplat_internal.last_write(due.dataset);
    BEGIN
        PERFORM dataplat_internal.follow_datasets();
        number := dataplat_internal.run_expectations(due.dataset, due.suite, CASE WHEN due.schedule = 'on_data' THEN coalesce(wrote.trigger, 'schedule') ELSE 'schedule' END,
            CASE WHEN due.schedule = 'on_data' THEN wrote.object END, CASE WHEN due.schedule = 'on_data' THEN wrote.run_id END,
            CASE WHEN due.schedule = 'on_data' THEN wrote.batch_id END, incremental => true);
    EXCEPTION WHEN query_canceled OR admin_shutdown THEN
        RAISE;
    WHEN OTHERS THEN
        problem := SQLERRM;
        RAISE WARNING 'suite "%" could not be validated on dataset "%": %', due.suite, due.dataset, problem;
    END;
    UPDATE dataplat_internal.suite_state AS x
       SET last_at = clock_timestamp(), mark = wrote.mark, validation_id = coalesce(number, x.validation_id), error = problem,
           next_at = dataplat_internal.next_suite_time(x.schedule, clock_timestamp())
     WHERE x.suite = due.suite AND x.dataset = due.dataset;
    RETURN true;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.validate_next_due() FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.validate_next_due() IS 'validate one dataset that is due by its suite''s schedule; false when none is';

-- Listeners of dataplat_quality hear of validations that did not succeed.
CREATE OR REPLACE FUNCTION dataplat_internal.tell_validation(validation_id bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    told jsonb;
BEGIN
    SELECT jsonb_build_object('validation_id', v.validation_id, 'dataset', v.dataset, 'suite', v.suite, 'trigger', v.trigger,
               'failed', coalesce(jsonb_agg(r.name ORDER BY r.expectation_id) FILTER (WHERE r.outcome = 'FAILED'), '[]'),
               'errors', coalesce(jsonb_agg(r.name ORDER BY r.expectation_id) FILTER (WHERE r.outcome = 'ERROR'), '[]')) INTO told
      FROM dataplat.validation AS v JOIN dataplat.validation_result AS r ON r.validation_id = v.validation_id
     WHERE v.validation_id = tell_validation.validation_id AND NOT v.success
     GROUP BY v.validation_id;
    IF FOUND THEN
        -- a payload has 8000 bytes at most
        PERFORM pg_notify('dataplat_quality', CASE WHEN octet_length(told::text) < 7900 THEN told ELSE told - '{failed,errors}'::text[] END::text);
    END IF;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.tell_validation(bigint) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.tell_validation(bigint) IS 'NOTIFY dataplat_quality of a validation that did not succeed';

CREATE OR REPLACE FUNCTION dataplat_internal.suites_changed()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM dataplat_internal.wake_job('quality', 0);
    PERFORM dataplat_internal.wake_scheduler();
    RETURN NULL;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.suites_changed() FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.suites_changed() IS 'let the worker look again what is due';
CREATE OR REPLACE TRIGGER suites_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON dataplat.expectation_suite
    FOR EACH STATEMENT EXECUTE FUNCTION dataplat_internal.suites_changed();

-- ------------------------------------------------------------------ health

CREATE OR REPLACE FUNCTION dataplat_internal.health_quality(OUT severity text, OUT object text, OUT problem text, OUT cause text, OUT action text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN r.outcome = 'FAILED' AND e.severity IN ('error', 'critical') THEN 'error' ELSE 'warning' END, e.dataset,
           format('expectation "%s" %s', e.name, CASE r.outcome WHEN 'FAILED' THEN 'failed' ELSE 'could not be evaluated' END),
           CASE r.outcome WHEN 'FAILED' THEN CASE WHEN r.evaluated > 1 THEN format('%s of %s rows are not as expected.', r.evaluated - r.passed, r.evaluated) ELSE 'What was measured is not as expected.' END
                          ELSE dataplat_internal.error_without_contents(r.exception_info, r.result) END,
           format('See dataplat.validation_result, validation_id %s; SELECT * FROM dataplat.validate(%L) judges again.', r.validation_id, e.dataset)
      FROM dataplat.expectation AS e
     CROSS JOIN LATERAL (SELECT x.* FROM dataplat.validation_result AS x WHERE x.expectation_id = e.expectation_id ORDER BY x.validation_id DESC LIMIT 1) AS r
     WHERE e.enabled AND r.outcome IN ('FAILED', 'ERROR')
    UNION ALL
    SELECT 'warning', x.dataset, format('suite "%s" could not be validated', x.suite), x.error, 'It is tried again at its next time; dataplat.validate() shows the full error.'
      FROM dataplat_internal.suite_state AS x WHERE x.error IS NOT NULL;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.health_quality() FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.health_quality() IS 'health: expectations that failed or could not be evaluated the last time';
SELECT dataplat_internal.register_health_check('quality', 'dataplat_internal.health_quality');

CREATE OR REPLACE VIEW dataplat.suite_status AS
SELECT x.suite, x.dataset, x.schedule, x.last_at, x.next_at, x.validation_id, v.success, v.incremental, x.error
  FROM dataplat_internal.suite_state AS x
  LEFT JOIN dataplat.validation AS v ON v.validation_id = x.validation_id;
COMMENT ON VIEW dataplat.suite_status IS 'suites with a schedule: when each dataset was validated, and when it will be';
COMMENT ON COLUMN dataplat.suite_status.next_at IS 'NULL: after the next run or batch (on_data)';
