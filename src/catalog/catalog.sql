-- Which installation this is, and the registries of what it knows.

-- ---------------------------------------------------------------- identity

CREATE OR REPLACE FUNCTION dataplat_internal.installation_is_ours()
RETURNS boolean
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_sql_installation_is_ours';
COMMENT ON FUNCTION dataplat_internal.installation_is_ours()
    IS 'false when this database is a copy that nobody has adopted';
REVOKE ALL ON FUNCTION dataplat_internal.installation_is_ours() FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.fence_changed()
RETURNS void
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_sql_fence_changed';
COMMENT ON FUNCTION dataplat_internal.fence_changed()
    IS 'at commit: let the scheduler look again whether this database is a copy';
REVOKE ALL ON FUNCTION dataplat_internal.fence_changed() FROM PUBLIC;

-- Take over a copied database.
--
-- SECURITY DEFINER: an operator may adopt without rights on the private tables.
CREATE OR REPLACE FUNCTION dataplat.adopt(mode text DEFAULT 'resume')
RETURNS uuid
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept dataplat_internal.installation;
    here bigint := (SELECT c.system_identifier FROM pg_catalog.pg_control_system() AS c);
    me oid := (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database());
    restored boolean;
    step dataplat_internal.adopt_step;
BEGIN
    IF mode IS NULL OR mode NOT IN ('resume', 'fork') THEN
        RAISE EXCEPTION 'unknown mode "%"', mode
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Use ''resume'' when the original is gone, or ''fork'' to go on beside it with an identity of its own.';
    END IF;

    LOCK TABLE dataplat_internal.installation IN SHARE ROW EXCLUSIVE MODE;

    -- The oldest row is the one that came with the data.
    SELECT * INTO kept
      FROM dataplat_internal.installation AS i
     ORDER BY i.created_at, i.install_uuid
     LIMIT 1;

    IF mode = 'resume' AND dataplat_internal.installation_is_ours() THEN
        RAISE NOTICE 'this database is no copy, nothing to adopt';
        RETURN kept.install_uuid;
    END IF;

    IF mode = 'fork' OR kept.install_uuid IS NULL THEN
        kept.install_uuid := pg_catalog.gen_random_uuid();
        kept.created_at := pg_catalog.now();
    END IF;

    -- A dump brings its row along, a copy of the files does not.
    restored := (SELECT pg_catalog.count(*) > 1 FROM dataplat_internal.installation AS i);
    DELETE FROM dataplat_internal.installation;
    INSERT INTO dataplat_internal.installation
           (install_uuid, system_identifier, db_oid, created_at, adopted_at, adopted_by, adopted_mode)
    VALUES (kept.install_uuid, here, me, kept.created_at, pg_catalog.now(), session_user, mode);

    IF restored THEN
        FOR step IN SELECT * FROM dataplat_internal.adopt_step AS s ORDER BY s.name LOOP
            EXECUTE 'SELECT ' || step.step_function || '($1)' USING mode;
        END LOOP;
    END IF;
    PERFORM dataplat_internal.fence_changed();
    RETURN kept.install_uuid;
END;
$$;
COMMENT ON FUNCTION dataplat.adopt(text) IS
    'let dataplat work in a database that is a copy: resume takes the original''s place, fork goes on beside it under a new identity; returns the identity';
REVOKE ALL ON FUNCTION dataplat.adopt(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.register_adopt_step(name text, step_function text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_function regproc := pg_catalog.to_regprocedure(step_function || '(text)')::oid::regproc;
BEGIN
    IF found_function IS NULL THEN
        RAISE EXCEPTION 'function %(text) does not exist', step_function
            USING ERRCODE = 'undefined_function';
    END IF;
    INSERT INTO dataplat_internal.adopt_step AS s (name, step_function)
    VALUES (register_adopt_step.name, found_function::text)
        ON CONFLICT ON CONSTRAINT adopt_step_pkey
        DO UPDATE SET step_function = excluded.step_function;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.register_adopt_step(text, text)
    IS 'let dataplat.adopt() call a function when the database is a restored dump';
REVOKE ALL ON FUNCTION dataplat_internal.register_adopt_step(text, text) FROM PUBLIC;

-- ---------------------------------------------------------------- version

CREATE OR REPLACE FUNCTION dataplat.version(
    OUT part text,
    OUT version text,
    OUT note text)
RETURNS SETOF record
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_version';
COMMENT ON FUNCTION dataplat.version()
    IS 'versions of the extension, its library and what they stand on; a note where something does not fit';

-- ---------------------------------------------------------------- health

CREATE OR REPLACE FUNCTION dataplat_internal.register_health_check(name text, check_function text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_function regproc := pg_catalog.to_regprocedure(check_function || '()')::oid::regproc;
BEGIN
    IF found_function IS NULL THEN
        RAISE EXCEPTION 'function %() does not exist', check_function
            USING ERRCODE = 'undefined_function';
    END IF;
    INSERT INTO dataplat_internal.health_check AS h (name, check_function)
    VALUES (register_health_check.name, found_function::text)
        ON CONFLICT ON CONSTRAINT health_check_pkey
        DO UPDATE SET check_function = excluded.check_function;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.register_health_check(text, text)
    IS 'let dataplat.health ask a function without arguments that returns (severity, object, problem, cause, action)';
REVOKE ALL ON FUNCTION dataplat_internal.register_health_check(text, text) FROM PUBLIC;

-- Ask every check.  A check that fails is a problem to show, not an error.
--
-- SECURITY DEFINER: checks read private tables; who may ask is decided by
-- EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat_internal.run_health_checks(
    OUT severity text,
    OUT object text,
    OUT problem text,
    OUT cause text,
    OUT action text)
RETURNS SETOF record
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c dataplat_internal.health_check;
BEGIN
    FOR c IN SELECT * FROM dataplat_internal.health_check AS h ORDER BY h.name LOOP
        BEGIN
            RETURN QUERY EXECUTE
                'SELECT p.severity, p.object, p.problem, p.cause, p.action FROM ' || c.check_function || '() AS p';
        EXCEPTION WHEN OTHERS THEN
            severity := 'warning';
            object := c.name;
            problem := 'health check failed';
            cause := SQLERRM;
            action := 'Call ' || c.check_function || '() to see the full error.';
            RETURN NEXT;
        END;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.run_health_checks()
    IS 'every problem that the registered checks find';
REVOKE ALL ON FUNCTION dataplat_internal.run_health_checks() FROM PUBLIC;

CREATE OR REPLACE VIEW dataplat.health AS
SELECT h.severity, h.object, h.problem, h.cause, h.action
  FROM dataplat_internal.run_health_checks() AS h
 ORDER BY pg_catalog.array_position(ARRAY['error', 'warning', 'info'], h.severity), h.object, h.problem;
COMMENT ON VIEW dataplat.health IS 'one row for each problem now, with its cause and what to do; empty means well';
COMMENT ON COLUMN dataplat.health.severity IS 'error: work has stopped; warning: it soon may; info: worth knowing';

CREATE OR REPLACE FUNCTION dataplat_internal.health_installation(
    OUT severity text, OUT object text, OUT problem text, OUT cause text, OUT action text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'error', pg_catalog.current_database()::text, 'fenced',
           'This database is a copy of the one that dataplat was set up in.',
           'SELECT dataplat.adopt(''resume'') when the original is gone, SELECT dataplat.adopt(''fork'') to go on beside it.'
     WHERE NOT dataplat_internal.installation_is_ours()
    UNION ALL
    SELECT 'warning', v.part, 'version', v.version || ': ' || v.note, 'See dataplat.version() and the release notes.'
      FROM dataplat.version() AS v
     WHERE v.part = 'extension'
       AND v.note IS NOT NULL;
$$;
COMMENT ON FUNCTION dataplat_internal.health_installation()
    IS 'health: is this database a copy, and do the versions fit together?';
REVOKE ALL ON FUNCTION dataplat_internal.health_installation() FROM PUBLIC;
SELECT dataplat_internal.register_health_check('installation', 'dataplat_internal.health_installation');

-- ---------------------------------------------------------------- progress

CREATE OR REPLACE FUNCTION dataplat_internal.progress_state(
    OUT what text,
    OUT object text,
    OUT pid integer,
    OUT done bigint,
    OUT total bigint,
    OUT started_at timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_progress_state';
COMMENT ON FUNCTION dataplat_internal.progress_state()
    IS 'long work that is under way in this database, from shared memory';
REVOKE ALL ON FUNCTION dataplat_internal.progress_state() FROM PUBLIC;

CREATE OR REPLACE VIEW dataplat.progress AS
SELECT p.what, p.object, p.pid, p.done, p.total, r.rate,
       CASE WHEN r.rate > 0 AND p.total >= p.done
            THEN pg_catalog.make_interval(secs => pg_catalog.round((p.total - p.done) / r.rate)::double precision)
       END AS eta,
       p.started_at
  FROM dataplat_internal.progress_state() AS p
 CROSS JOIN LATERAL (
       SELECT pg_catalog.round(p.done / NULLIF(e.seconds, 0), 1)
         FROM CAST(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - p.started_at) AS numeric) AS e(seconds)) AS r(rate);
COMMENT ON VIEW dataplat.progress IS 'long work under way now';
COMMENT ON COLUMN dataplat.progress.rate IS 'units of work a second since the start';
COMMENT ON COLUMN dataplat.progress.eta IS 'time left at this rate; NULL when the total is not known';

-- ---------------------------------------------------------------- show_create

CREATE OR REPLACE FUNCTION dataplat_internal.register_show_create(kind text, show_function text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_function regproc := pg_catalog.to_regprocedure(show_function || '(text)')::oid::regproc;
BEGIN
    IF found_function IS NULL THEN
        RAISE EXCEPTION 'function %(text) does not exist', show_function
            USING ERRCODE = 'undefined_function';
    END IF;
    INSERT INTO dataplat_internal.show_create_kind AS s (kind, show_function)
    VALUES (register_show_create.kind, found_function::text)
        ON CONFLICT ON CONSTRAINT show_create_kind_pkey
        DO UPDATE SET show_function = excluded.show_function;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.register_show_create(text, text)
    IS 'let dataplat.show_create() ask a function that gives the SQL for an object, or NULL';
REVOKE ALL ON FUNCTION dataplat_internal.register_show_create(text, text) FROM PUBLIC;

-- SECURITY DEFINER: definitions are in private tables, and hold no secrets;
-- who may ask is decided by EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat.show_create(name text)
RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    k dataplat_internal.show_create_kind;
    one text;
    answer text;
BEGIN
    FOR k IN SELECT * FROM dataplat_internal.show_create_kind AS s ORDER BY s.kind LOOP
        EXECUTE 'SELECT ' || k.show_function || '($1)' INTO one USING name;
        answer := NULLIF(pg_catalog.concat_ws(E'\n\n', answer, NULLIF(one, '')), '');
    END LOOP;

    IF answer IS NULL OR answer = '' THEN
        RAISE EXCEPTION '"%" does not exist', name
            USING ERRCODE = 'undefined_object',
                  HINT = 'There are definitions of: ' ||
                         COALESCE((SELECT pg_catalog.string_agg(s.kind, ', ' ORDER BY s.kind)
                                     FROM dataplat_internal.show_create_kind AS s), 'nothing yet') || '.';
    END IF;
    RETURN answer;
END;
$$;
COMMENT ON FUNCTION dataplat.show_create(text) IS 'SQL that makes the named object again, without secrets';
REVOKE ALL ON FUNCTION dataplat.show_create(text) FROM PUBLIC;

-- ---------------------------------------------------------------- roles

-- Roles belong to the whole server, so the extension does not make them by
-- itself; calling this is a choice.  Run it again after an update.
CREATE OR REPLACE FUNCTION dataplat.setup_roles()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Relations with contents of messages and rows, for operators only.
    contents CONSTANT text[] := '{dead_letter,quarantine,column_profile}';
    -- Columns that may hold some; of the others viewers may read all.
    withheld CONSTANT jsonb := '{"validation_result": ["result", "exception_info"], "observed_statement": ["statement"], "quality_metric": ["value"]}';
    -- Looking, and saying something of what one owns: those functions ask whose the object is.
    viewer CONSTANT text[] := '{command,show_create,version,wait_for_source,wait_for_pipeline,metrics,lookup_schema,schema_by_id,
        schema_by_guid,schema_versions,schema_subjects,check_compatibility,check_schema_files,schema_diff,validate_schema,get_compatibility,
        describe,search_catalog,data_dictionary,export_contract,check_contract,set_owner,remove_owner,set_description,set_domain,
        deprecate,undeprecate,add_tag,remove_tag,set_classification,assign_term,unassign_term,
        get_schema_mode,openlineage_event,quality_score,domain_score,unexpected_rows,keep_values,detect_anomalies,column_lineage,upstream,downstream,impact,lineage_graph,lineage_cycles,refresh_lineage,preview_change,add_expectation,alter_expectation,drop_expectation,create_suite,alter_suite,drop_suite,validate_expectation,validate,
        profile,profile_drift,suggest_expectations,column_state,merge_column_states,column_state_values,column_state_rank,column_state_quantile}';
    operator CONSTANT text[] := '{adopt,refresh_catalog,quality_report,
        open_dead_letters,pause_source,resume_source,seek_source,replay_source,test_source,
        ingest_once,peek_topic,test_connection,retry_dead_letters,fix_dead_letter,discard_dead_letters,
        accept_data_loss,start_dev_broker,stop_dev_broker,pause_pipeline,resume_pipeline,reset_pipeline,
        open_quarantined,trace_quarantined,repair_quarantined,requeue_quarantined,discard_quarantined,
        run_pipeline,rebuild_pipeline,backfill_pipeline,explain_pipeline,verify_pipeline,trace_row}';
    never CONSTANT text[] := '{setup_roles}';
    role text;
    r record;
BEGIN
    FOREACH role IN ARRAY '{dataplat_viewer,dataplat_operator,dataplat_pipeline_admin}'::text[] LOOP
        IF pg_catalog.to_regrole(role) IS NULL THEN
            EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', role);
        END IF;
    END LOOP;
    IF NOT pg_catalog.pg_has_role('dataplat_operator', 'dataplat_viewer', 'MEMBER') THEN
        GRANT dataplat_viewer TO dataplat_operator;
    END IF;
    IF NOT pg_catalog.pg_has_role('dataplat_pipeline_admin', 'dataplat_operator', 'MEMBER') THEN
        GRANT dataplat_operator TO dataplat_pipeline_admin;
    END IF;

    -- Relations of schema dataplat, and the functions that their views call.
    FOR r IN
        SELECT c.oid::regclass AS relation,
               CASE WHEN c.relname = ANY (contents) OR withheld ? c.relname THEN 'dataplat_operator' ELSE 'dataplat_viewer' END AS grantee,
               (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum)
                  FROM pg_catalog.pg_attribute AS a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                   AND withheld ? c.relname AND NOT (withheld -> c.relname) ? a.attname) AS open_columns
          FROM pg_catalog.pg_class AS c
         WHERE c.relnamespace = 'dataplat'::regnamespace
           AND c.relkind IN ('r', 'p', 'v', 'm')
         ORDER BY c.relname
    LOOP
        EXECUTE pg_catalog.format('GRANT SELECT ON %s TO %I', r.relation, r.grantee);
        IF r.open_columns IS NOT NULL THEN
            EXECUTE pg_catalog.format('GRANT SELECT (%s) ON %s TO dataplat_viewer', r.open_columns, r.relation);
        END IF;
    END LOOP;
    FOR r IN
        SELECT DISTINCT p.oid::regprocedure AS function
          FROM pg_catalog.pg_class AS c
          JOIN pg_catalog.pg_rewrite AS w ON w.ev_class = c.oid
          JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = w.oid
          JOIN pg_catalog.pg_proc AS p ON d.refclassid = 'pg_catalog.pg_proc'::regclass AND d.refobjid = p.oid
         WHERE c.relnamespace = 'dataplat'::regnamespace
           AND NOT c.relname = ANY (contents)
           AND p.pronamespace IN ('dataplat'::regnamespace, 'dataplat_internal'::regnamespace)
    LOOP
        EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO dataplat_viewer', r.function);
    END LOOP;

    FOR r IN
        SELECT p.oid::regprocedure AS function,
               CASE WHEN p.proname = ANY (viewer) THEN 'dataplat_viewer'
                    WHEN p.proname = ANY (operator) THEN 'dataplat_operator'
                    ELSE 'dataplat_pipeline_admin'
               END AS grantee
          FROM pg_catalog.pg_proc AS p
         WHERE p.pronamespace = 'dataplat'::regnamespace
           AND p.prokind IN ('f', 'a')
           AND NOT p.proname = ANY (never)
         ORDER BY p.proname
    LOOP
        EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO %I', r.function, r.grantee);
    END LOOP;

    FOR r IN
        SELECT f.fdwname
          FROM pg_catalog.pg_foreign_data_wrapper AS f
         WHERE f.fdwname LIKE 'dataplat\_%'
         ORDER BY f.fdwname
    LOOP
        EXECUTE pg_catalog.format('GRANT USAGE ON FOREIGN DATA WRAPPER %I TO dataplat_pipeline_admin', r.fdwname);
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat.setup_roles() IS
    'make the roles dataplat_viewer (look), dataplat_operator (also pause, repair, move) and dataplat_pipeline_admin (also create), and give them their rights; can be repeated';
REVOKE ALL ON FUNCTION dataplat.setup_roles() FROM PUBLIC;

-- ---------------------------------------------------------------- describe

-- Let a room add a section to dataplat.describe().
CREATE OR REPLACE FUNCTION dataplat_internal.register_describe_section(section text, place int, section_function text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO dataplat_internal.describe_section AS s (section, place, section_function)
    VALUES ($1, $2, $3)
        ON CONFLICT (section) DO UPDATE SET place = excluded.place, section_function = excluded.section_function
     WHERE (s.place, s.section_function) IS DISTINCT FROM (excluded.place, excluded.section_function);
$$;
COMMENT ON FUNCTION dataplat_internal.register_describe_section(text, int, text) IS 'let a room add a section to what dataplat.describe() says of a dataset';
REVOKE ALL ON FUNCTION dataplat_internal.register_describe_section(text, int, text) FROM PUBLIC;
