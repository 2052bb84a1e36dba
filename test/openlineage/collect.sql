/*
 * Every OpenLineage event that a test's server makes goes into a file, too.
 *
 * This is no part of the extension: where DATAPLAT_TEST_EVENTS names a folder,
 * the test kit puts it among the sources of its private copy (private-pg.sh).
 * openlineage_build() makes all events, those of the outbox and those that
 * somebody asks for; here it gets a name of its own, and the function in its
 * place writes down what it made before anybody can deliver or delete it.
 *
 * Runs of which no event was made, because the test has no endpoint, have
 * their events made when the server ends, or before their history is deleted.
 */
DROP FUNCTION IF EXISTS dataplat_internal.openlineage_built(uuid, text, timestamptz, jsonb);
ALTER FUNCTION dataplat_internal.openlineage_build(uuid, text, timestamptz, jsonb) RENAME TO openlineage_built;

-- One line: {"how", "database", "event"}.  A file for each test, by the name that its session has.
CREATE OR REPLACE FUNCTION dataplat_internal.hand_over(how text, told jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET dataplat.observe_lineage = off
AS $$
DECLARE
    test text := coalesce('.' || substring(current_setting('application_name') FROM '^(?:pg_regress|isolation)/([a-z0-9_]+)'), '');
BEGIN
    EXECUTE format('COPY (SELECT %L) TO PROGRAM %L WITH (FORMAT csv, DELIMITER E''\x01'', QUOTE E''\x02'')',
                   jsonb_build_object('how', how, 'database', current_database(), 'event', told),
                   format('{ flock 9; cat >&9; } 9>>"$DATAPLAT_TEST_EVENTS/${DATAPLAT_TEST_NAME:-server}%s.jsonl"', test));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.hand_over(text, jsonb) IS 'test: write down an event';
REVOKE ALL ON FUNCTION dataplat_internal.hand_over(text, jsonb) FROM PUBLIC;

CREATE FUNCTION dataplat_internal.openlineage_build(run uuid, event_type text, at timestamptz, facts jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    event jsonb := dataplat_internal.openlineage_built(run, event_type, at, facts);
BEGIN
    PERFORM dataplat_internal.hand_over(coalesce(nullif(current_setting('dataplat_test.how', true), ''), 'made'), event);
    RETURN event;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.openlineage_build(uuid, text, timestamptz, jsonb) IS 'a run event from what is known of the run';
REVOKE ALL ON FUNCTION dataplat_internal.openlineage_build(uuid, text, timestamptz, jsonb) FROM PUBLIC;

-- Have the events of all runs of a kind made, or of one run.  One that cannot be made is handed over as its error.
CREATE OR REPLACE FUNCTION dataplat_internal.hand_over_runs(of_kind text, since timestamptz DEFAULT '0001-01-01', of_run text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET dataplat_test.how = 'history'
AS $$
DECLARE
    e       record;
    emitter text := (SELECT s.emit_function FROM dataplat_internal.openlineage_source AS s WHERE s.kind = of_kind);
BEGIN
    FOR e IN EXECUTE format('SELECT DISTINCT run, event_type, event_time FROM %s($1) WHERE $2 IS NULL OR run = $2 ORDER BY run, event_time', emitter)
             USING since, of_run LOOP
        BEGIN
            PERFORM dataplat_internal.openlineage_event_of(of_kind, e.run, e.event_type, e.event_time);
        EXCEPTION WHEN OTHERS THEN
            PERFORM dataplat_internal.hand_over('error', to_jsonb(format('%s %s %s at %s: %s', of_kind, e.run, e.event_type, e.event_time, SQLERRM)));
        END;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.hand_over_runs(text, timestamptz, text) IS 'test: have events of runs made, whoever wants them';
REVOKE ALL ON FUNCTION dataplat_internal.hand_over_runs(text, timestamptz, text) FROM PUBLIC;

-- The end of a test's server: all runs that are left, and the outbox, of which each event must have been seen before.
CREATE OR REPLACE FUNCTION dataplat_internal.hand_over_events()
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM dataplat_internal.freshen_lineage();
    PERFORM dataplat_internal.hand_over_runs(s.kind) FROM dataplat_internal.openlineage_source AS s;
    PERFORM dataplat_internal.hand_over('outbox', o.event) FROM dataplat.lineage_outbox AS o WHERE o.event IS NOT NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.hand_over_events() IS 'test: have all events made that there can be, before the server goes';
REVOKE ALL ON FUNCTION dataplat_internal.hand_over_events() FROM PUBLIC;

-- SECURITY DEFINER: whoever may delete history need not be allowed to read it.
CREATE OR REPLACE FUNCTION dataplat_internal.hand_over_deleted()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    CASE TG_TABLE_NAME
        WHEN 'pipeline' THEN
            -- The last moment at which it is known what its columns come from.
            PERFORM dataplat_internal.freshen_lineage();
            PERFORM dataplat_internal.hand_over_runs('pipeline', r.finished_at, r.run_id::text) FROM dataplat.pipeline_run AS r WHERE r.pipeline = OLD.name;
        WHEN 'pipeline_run' THEN PERFORM dataplat_internal.hand_over_runs('pipeline', OLD.finished_at, OLD.run_id::text);
        WHEN 'validation' THEN PERFORM dataplat_internal.hand_over_runs('validation', OLD.started_at, OLD.validation_id::text);
        ELSE PERFORM dataplat_internal.hand_over_runs('source');
    END CASE;
    RETURN OLD;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.hand_over_deleted() IS 'test: have events made of what is about to be forgotten';
REVOKE ALL ON FUNCTION dataplat_internal.hand_over_deleted() FROM PUBLIC;

CREATE OR REPLACE TRIGGER hand_over BEFORE DELETE ON dataplat.pipeline FOR EACH ROW EXECUTE FUNCTION dataplat_internal.hand_over_deleted();
CREATE OR REPLACE TRIGGER hand_over BEFORE DELETE ON dataplat.source FOR EACH STATEMENT EXECUTE FUNCTION dataplat_internal.hand_over_deleted();
CREATE OR REPLACE TRIGGER hand_over BEFORE DELETE ON dataplat.pipeline_run FOR EACH ROW EXECUTE FUNCTION dataplat_internal.hand_over_deleted();
CREATE OR REPLACE TRIGGER hand_over BEFORE DELETE ON dataplat.validation FOR EACH ROW EXECUTE FUNCTION dataplat_internal.hand_over_deleted();
CREATE OR REPLACE TRIGGER hand_over BEFORE DELETE ON dataplat.source_event FOR EACH STATEMENT EXECUTE FUNCTION dataplat_internal.hand_over_deleted();
CREATE OR REPLACE TRIGGER hand_over BEFORE DELETE ON dataplat.batch FOR EACH STATEMENT EXECUTE FUNCTION dataplat_internal.hand_over_deleted();
