/*
 * pipeline: what users call to declare, change and drop pipelines.
 *
 * Each public function is a thin cover for a command_<verb> function, which
 * dataplat.command() runs as the owner of the extension, telling it who
 * called; src/common/rights.c says why.
 */

CREATE OR REPLACE FUNCTION dataplat_internal.lock_pipeline(pipeline_id int)
RETURNS void
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_lock_pipeline';
COMMENT ON FUNCTION dataplat_internal.lock_pipeline(int) IS 'wait for a run that is under way, and keep others away until this transaction ends';

-- ------------------------------------------------------------------ definitions

-- The definition that the arguments give, laid over an old one.  NULL leaves
-- what is there; "reset" names what goes back to its default.  What was
-- inferred is inferred again.
CREATE OR REPLACE FUNCTION dataplat_internal.pipeline_from_arguments(old dataplat.pipeline, a jsonb)
RETURNS dataplat.pipeline
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p        dataplat.pipeline;
    defaults jsonb := '{"keys": [], "mode": null, "sequence_by": null, "delete_when": null, "schedule": "on_data", "target_lag": null,
                        "lookups": [], "event_time": null, "grace": null, "emit": "change", "retry": {}, "fuse": {},
                        "track_history_on": null, "depends_on": [], "paused": false}';
    given    jsonb;
    reset    text;
BEGIN
    p := old;
    -- Nothing but arguments: not the owner, for one.
    SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') INTO given FROM jsonb_each(a) AS e
     WHERE e.value <> 'null' AND (defaults ? e.key OR e.key IN ('name', 'query', 'search_path', 'time_zone'));
    IF p.name IS NULL THEN
        p := jsonb_populate_record(p, defaults || '{"keys_given": false, "mode_given": false}');
        p.time_zone := current_setting('TimeZone');
    END IF;
    FOR reset IN SELECT jsonb_array_elements_text(CASE jsonb_typeof(a -> 'reset') WHEN 'array' THEN a -> 'reset' ELSE '[]' END) LOOP
        PERFORM dataplat_internal.check_choice('argument to reset', reset, ARRAY(SELECT k FROM jsonb_object_keys(defaults) AS k WHERE k <> 'paused' ORDER BY k));
        p := jsonb_populate_record(p, jsonb_build_object(reset, defaults -> reset));
        p.mode_given := p.mode_given AND reset <> 'mode';
        p.keys_given := p.keys_given AND reset <> 'keys';
    END LOOP;
    p.mode_given := p.mode_given OR given ? 'mode';
    p.keys_given := p.keys_given OR given ? 'keys';
    p := jsonb_populate_record(p, given);
    IF NOT p.mode_given THEN
        p.mode := NULL;
        p.mode_reason := NULL;
    END IF;
    IF NOT p.keys_given THEN
        p.keys := '{}';
    END IF;
    IF a ->> 'target' IS NOT NULL THEN
        p.target := coalesce((SELECT format('%I.%I', r.schema_name, r.relation_name) FROM dataplat_internal.relation_parts(a ->> 'target') AS r
                               WHERE r.schema_name IS NOT NULL), a ->> 'target');
    END IF;
    RETURN p;
EXCEPTION WHEN invalid_text_representation OR invalid_datetime_format OR numeric_value_out_of_range OR datetime_field_overflow THEN
    RAISE EXCEPTION '%', SQLERRM USING ERRCODE = 'invalid_parameter_value';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.pipeline_from_arguments(dataplat.pipeline, jsonb) IS 'a definition laid over another';

-- Fill in what the analysis found, and check what only it can tell.
CREATE OR REPLACE FUNCTION dataplat_internal.settle_pipeline(p dataplat.pipeline, analysis jsonb)
RETURNS dataplat.pipeline
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    p.mode := coalesce(p.mode, analysis ->> 'mode');
    p.mode_reason := analysis ->> 'mode_reason';
    IF NOT p.keys_given AND p.mode <> 'view' THEN
        p.keys := ARRAY(SELECT k FROM jsonb_array_elements_text(CASE jsonb_typeof(analysis -> 'keys') WHEN 'array' THEN analysis -> 'keys' ELSE '[]' END) AS k);
    END IF;
    PERFORM dataplat_internal.check_pipeline_lookups(p, analysis -> 'inputs');
    p.lookups := ARRAY(SELECT i.relation FROM dataplat_internal.pipeline_inputs_of(p, analysis -> 'inputs') AS i WHERE i.role = 'lookup');
    PERFORM dataplat_internal.check_pipeline_mode(p);
    PERFORM dataplat_internal.check_pipeline_columns(p, analysis -> 'columns');
    PERFORM dataplat_internal.check_pipeline_time(p);
    RETURN p;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.settle_pipeline(dataplat.pipeline, jsonb) IS 'a definition together with what was read off its query';

-- Note what the pipeline reads, and start or stop capturing changes of it.
-- Returns true when an input is captured from now on only, so that changes
-- before are not known.
CREATE OR REPLACE FUNCTION dataplat_internal.register_pipeline_inputs(p dataplat.pipeline, inputs jsonb)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    i       record;
    started boolean := false;
BEGIN
    FOR i IN
        SELECT coalesce(r.relation, n.relation) AS relation, r.role AS old_role, n.columns, n.whole_row,
               -- what is only read when a run happens anyway
               CASE WHEN p.mode = 'view' OR (n.role = 'table' AND NOT dataplat_internal.can_be_watched(n.relation::regclass)) THEN 'lookup'
                    ELSE n.role END AS role
          FROM (SELECT x.relation, x.role FROM dataplat_internal.pipeline_relation AS x WHERE x.pipeline = p.name) AS r
          FULL JOIN dataplat_internal.pipeline_inputs_of(p, inputs) AS n ON n.relation = r.relation
         ORDER BY 1
    LOOP
        IF i.role IS DISTINCT FROM i.old_role THEN
            PERFORM dataplat_internal.forget_pipeline_input(p.name, i.relation, i.old_role);
        END IF;
        CONTINUE WHEN i.role IS NULL;
        INSERT INTO dataplat_internal.pipeline_relation (pipeline, relation, role) VALUES (p.name, i.relation, i.role)
        ON CONFLICT ON CONSTRAINT pipeline_relation_pkey DO NOTHING;
        CONTINUE WHEN i.role = 'lookup';
        started := started OR i.role IS DISTINCT FROM i.old_role;
        IF i.role = 'table' THEN
            PERFORM dataplat_internal.watch_table(i.relation::regclass, p.name, i.columns, p.owner, coalesce(i.whole_row, false));
        ELSIF i.role = 'bronze' AND i.old_role IS DISTINCT FROM 'bronze' THEN
            -- The first run reads all that is there: nothing may go before it.
            PERFORM dataplat_internal.set_bronze_reader(i.relation, p.name, needs_since => '-infinity');
        END IF;
    END LOOP;
    RETURN started;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.register_pipeline_inputs(dataplat.pipeline, jsonb) IS
    'note the inputs of a pipeline; true when changes of one are captured from now on only';

-- Which columns of its inputs a pipeline looks rows up by; dataplat.health
-- looks whether large tables have an index for it.
CREATE OR REPLACE FUNCTION dataplat_internal.note_pipeline_joins(p dataplat.pipeline, analysis jsonb)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM dataplat_internal.pipeline_join AS j WHERE j.pipeline = p.name;
    INSERT INTO dataplat_internal.pipeline_join (pipeline, relation, column_name, other)
    SELECT p.name, j.relation, j."column", j.other
      FROM jsonb_to_recordset(analysis -> 'joins') AS j (relation text, "column" name, other text)
      JOIN dataplat_internal.pipeline_relation AS r ON r.pipeline = p.name AND r.relation = j.relation AND r.role <> 'bronze'
      -- what is no trigger is never looked for
      JOIN dataplat_internal.pipeline_relation AS o ON o.pipeline = p.name AND o.relation = j.other AND o.role <> 'lookup'
     WHERE p.mode NOT IN ('full', 'view');
$$;
COMMENT ON FUNCTION dataplat_internal.note_pipeline_joins(dataplat.pipeline, jsonb) IS 'note by which columns a pipeline looks rows up';

-- Only tables have triggers; mode full may read other things, too.
CREATE OR REPLACE FUNCTION dataplat_internal.can_be_watched(relation regclass)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = relation AND c.relkind IN ('r', 'p') AND NOT c.relispartition
                        AND c.relnamespace <> 'dataplat'::regnamespace); $$;
COMMENT ON FUNCTION dataplat_internal.can_be_watched(regclass) IS 'can changes of a relation be captured?';

CREATE OR REPLACE FUNCTION dataplat_internal.forget_pipeline_input(pipeline_name text, relation text, role text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF role = 'table' THEN
        PERFORM dataplat_internal.unwatch_table(forget_pipeline_input.relation, pipeline_name);
    ELSIF role = 'bronze' THEN
        DELETE FROM dataplat_internal.bronze_reader AS b WHERE b.target = forget_pipeline_input.relation AND b.reader = pipeline_name;
    END IF;
    DELETE FROM dataplat_internal.pipeline_relation AS r WHERE r.pipeline = pipeline_name AND r.relation = forget_pipeline_input.relation;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.forget_pipeline_input(text, text, text) IS 'a pipeline reads a relation no longer';

-- "Runs in full" is said aloud; the other modes are what people hope for.
CREATE OR REPLACE FUNCTION dataplat_internal.tell_pipeline_mode(p dataplat.pipeline, analysis jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    note text;
BEGIN
    IF p.mode = 'full' THEN
        RAISE NOTICE 'pipeline "%" computes everything afresh in each run: %', p.name, coalesce(p.mode_reason, 'mode full was asked for')
            USING HINT = 'docs/pipelines.md lists what can be kept up to date by its changes only.';
    END IF;
    FOR note IN SELECT n FROM jsonb_array_elements_text(CASE jsonb_typeof(analysis -> 'notes') WHEN 'array' THEN analysis -> 'notes' ELSE '[]' END) AS n LOOP
        RAISE NOTICE 'pipeline "%": %', p.name, note;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.tell_pipeline_mode(dataplat.pipeline, jsonb) IS 'notices about how a pipeline will run';

-- ------------------------------------------------------------------ create, alter, drop

CREATE OR REPLACE FUNCTION dataplat_internal.command_create_pipeline(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p        dataplat.pipeline;
    analysis jsonb;
    relation regclass;
BEGIN
    p := dataplat_internal.pipeline_from_arguments(NULL::dataplat.pipeline, a);
    p.owner := caller;
    PERFORM dataplat_internal.check_pipeline(p);
    IF EXISTS (SELECT FROM dataplat.pipeline AS x WHERE x.name = p.name) THEN
        RAISE EXCEPTION 'pipeline "%" already exists', p.name
            USING ERRCODE = 'duplicate_object', HINT = 'Change it with dataplat.alter_pipeline(), or choose another name.';
    END IF;
    PERFORM dataplat_internal.check_pipeline_target_name(p);
    -- Two pipelines that are made at the same time could close a cycle together.
    LOCK TABLE dataplat.pipeline IN SHARE ROW EXCLUSIVE MODE;
    analysis := dataplat_internal.analyze_definition(p);
    p := dataplat_internal.settle_pipeline(p, analysis);
    PERFORM dataplat_internal.check_pipeline_inputs(p, analysis -> 'inputs');
    relation := dataplat_internal.prepare_pipeline_target(p, analysis -> 'columns');

    p.pipeline_id := nextval('dataplat.pipeline_pipeline_id_seq');
    p.created_at := now();
    p.altered_at := now();
    IF p.paused THEN
        p.pause_reason := 'created paused';
        p.paused_by := caller;
        p.paused_at := now();
    END IF;
    INSERT INTO dataplat.pipeline SELECT p.*;
    INSERT INTO dataplat_internal.pipeline_state (pipeline, filled, state)
    VALUES (p.name, p.mode = 'view', CASE p.mode WHEN 'view' THEN 'idle' ELSE 'starting' END);
    PERFORM dataplat_internal.register_pipeline_inputs(p, analysis -> 'inputs');
    PERFORM dataplat_internal.note_pipeline_joins(p, analysis);
    PERFORM dataplat_internal.note_pipeline_event(caller, p.name, 'create', to_jsonb(p));
    PERFORM dataplat_internal.tell_pipeline_mode(p, analysis);
    RETURN to_jsonb(relation::oid::text);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_create_pipeline(name, jsonb) IS 'create_pipeline as the owner of the extension';

-- What of a definition the rows of the target depend on.
CREATE OR REPLACE FUNCTION dataplat_internal.pipeline_meaning(p dataplat.pipeline)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('query', p.query, 'search_path', p.search_path, 'time_zone', p.time_zone, 'target', p.target, 'keys', p.keys, 'mode', p.mode,
                              'sequence_by', p.sequence_by, 'delete_when', p.delete_when, 'event_time', p.event_time, 'emit', p.emit,
                              'grace', CASE p.emit WHEN 'close' THEN p.grace END, 'track_history_on', p.track_history_on);
$$;
COMMENT ON FUNCTION dataplat_internal.pipeline_meaning(dataplat.pipeline) IS 'what of a definition the rows of its target depend on';

CREATE OR REPLACE FUNCTION dataplat_internal.command_alter_pipeline(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old      dataplat.pipeline;
    p        dataplat.pipeline;
    analysis jsonb;
    relation regclass;
    changed  text;
    missing  boolean;
BEGIN
    old := dataplat_internal.pipeline_to_change(caller, a ->> 'name', false);
    p := dataplat_internal.pipeline_from_arguments(old, a - '{name,paused}'::text[]);
    PERFORM dataplat_internal.check_pipeline(p);
    PERFORM dataplat_internal.check_pipeline_target_name(p);
    PERFORM dataplat_internal.lock_pipeline(p.pipeline_id);
    LOCK TABLE dataplat.pipeline IN SHARE ROW EXCLUSIVE MODE;
    missing := to_regclass(old.target) IS NULL AND p.target = old.target;
    analysis := dataplat_internal.analyze_definition(p);
    p := dataplat_internal.settle_pipeline(p, analysis);
    PERFORM dataplat_internal.check_pipeline_inputs(p, analysis -> 'inputs');
    relation := dataplat_internal.alter_pipeline_target(old, p, analysis -> 'columns');
    p.altered_at := now();

    UPDATE dataplat.pipeline AS x
       SET (target, query, search_path, time_zone, keys, keys_given, mode, mode_given, mode_reason, sequence_by, delete_when, schedule, target_lag,
            lookups, event_time, grace, emit, retry, fuse, track_history_on, depends_on, altered_at)
         = (p.target, p.query, p.search_path, p.time_zone, p.keys, p.keys_given, p.mode, p.mode_given, p.mode_reason, p.sequence_by, p.delete_when,
            p.schedule, p.target_lag, p.lookups, p.event_time, p.grace, p.emit, p.retry, p.fuse, p.track_history_on, p.depends_on, p.altered_at)
     WHERE x.name = p.name;
    PERFORM dataplat_internal.forget_left_out(p);
    SELECT string_agg(n.key, ', ' ORDER BY n.key) INTO changed
      FROM jsonb_each(dataplat_internal.pipeline_meaning(p)) AS n
     WHERE n.value IS DISTINCT FROM dataplat_internal.pipeline_meaning(old) -> n.key;
    IF dataplat_internal.register_pipeline_inputs(p, analysis -> 'inputs') THEN
        changed := coalesce(changed, 'lookups');
    END IF;
    PERFORM dataplat_internal.note_pipeline_joins(p, analysis);
    IF missing THEN
        changed := concat_ws(', ', changed, 'target');
    END IF;
    IF changed IS NOT NULL AND p.mode <> 'view' THEN
        PERFORM dataplat_internal.mark_pipeline_rebuild(p.name, changed || ' changed');
    END IF;
    PERFORM dataplat_internal.note_pipeline_event(caller, p.name, 'alter', (
        SELECT jsonb_object_agg(n.key, jsonb_build_object('old', to_jsonb(old) -> n.key, 'new', n.value))
          FROM jsonb_each(to_jsonb(p)) AS n
         WHERE n.value IS DISTINCT FROM to_jsonb(old) -> n.key AND n.key <> 'altered_at'));
    IF p.mode <> old.mode THEN
        PERFORM dataplat_internal.tell_pipeline_mode(p, analysis);
    END IF;
    RETURN to_jsonb(relation::oid::text);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_alter_pipeline(name, jsonb) IS 'alter_pipeline as the owner of the extension';

-- The next run computes everything; failures of the old definition are forgotten.
CREATE OR REPLACE FUNCTION dataplat_internal.mark_pipeline_rebuild(pipeline_name text, reason text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE dataplat_internal.pipeline_state AS s
       SET rebuild_reason = mark_pipeline_rebuild.reason, state = CASE WHEN s.state = 'failed' THEN 'starting' ELSE s.state END,
           reason = NULL, hint = NULL, since = CASE WHEN s.state = 'failed' THEN now() ELSE s.since END,
           consecutive_failures = 0, circuit = 'closed', next_run_at = NULL
     WHERE s.pipeline = pipeline_name;
$$;
COMMENT ON FUNCTION dataplat_internal.mark_pipeline_rebuild(text, text) IS 'let the next run of a pipeline compute everything afresh';

CREATE OR REPLACE FUNCTION dataplat_internal.command_drop_pipeline(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p       dataplat.pipeline;
    drops   boolean := (a ->> 'drop_target')::boolean;
    kind    "char";
    readers text;
    side    text;
BEGIN
    p := dataplat_internal.pipeline_to_change(caller, a ->> 'name', false);
    SELECT string_agg(x.name, ', ' ORDER BY x.name) INTO readers FROM dataplat.pipeline AS x WHERE p.name = ANY (x.depends_on);
    IF readers IS NOT NULL THEN
        RAISE EXCEPTION 'cannot drop pipeline "%" because others depend on it', p.name
            USING ERRCODE = 'dependent_objects_still_exist', DETAIL = format('In depends_on of: %s.', readers);
    END IF;
    IF drops THEN
        SELECT string_agg(r.pipeline, ', ' ORDER BY r.pipeline) INTO readers
          FROM dataplat_internal.pipeline_relation AS r WHERE r.relation = p.target;
        IF readers IS NOT NULL THEN
            RAISE EXCEPTION 'cannot drop table "%" because it is still read', p.target
                USING ERRCODE = 'dependent_objects_still_exist', DETAIL = format('Readers: %s.', readers);
        END IF;
    END IF;
    -- A run that is under way ends first; none begins until this transaction ends.
    PERFORM dataplat_internal.lock_pipeline(p.pipeline_id);
    PERFORM dataplat_internal.forget_pipeline_input(r.pipeline, r.relation, r.role)
       FROM dataplat_internal.pipeline_relation AS r WHERE r.pipeline = p.name;
    FOR side IN SELECT * FROM dataplat_internal.pipeline_side_tables(p) LOOP
        EXECUTE format('DROP TABLE %s', side);
    END LOOP;
    DELETE FROM dataplat.pipeline AS x WHERE x.name = p.name;
    SELECT c.relkind INTO kind FROM pg_class AS c WHERE c.oid = to_regclass(p.target);
    IF drops AND kind IS NOT NULL THEN
        PERFORM dataplat_internal.execute_as(p.owner, format('DROP %s %s', CASE kind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, p.target));
    END IF;
    PERFORM dataplat_internal.note_pipeline_event(caller, p.name, 'drop', jsonb_build_object('target', p.target, 'target_dropped', drops));
    RAISE NOTICE 'pipeline "%" dropped; % % %', p.name, CASE kind WHEN 'v' THEN 'view' ELSE 'table' END, p.target,
        CASE WHEN kind IS NULL THEN 'is gone already' WHEN drops THEN 'was dropped' ELSE 'is kept' END;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_drop_pipeline(name, jsonb) IS 'drop_pipeline as the owner of the extension';

-- What modes keep beside the target: deleted keys, events, states of aggregates.
CREATE OR REPLACE FUNCTION dataplat_internal.pipeline_side_tables(p dataplat.pipeline)
RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.oid::regclass::text FROM pg_class AS c
     WHERE c.relnamespace = 'dataplat_internal'::regnamespace AND c.relkind = 'r'
       AND c.relname IN ('tombstone_' || p.pipeline_id, 'event_' || p.pipeline_id, 'state_' || p.pipeline_id)
     ORDER BY 1;
$$;
COMMENT ON FUNCTION dataplat_internal.pipeline_side_tables(dataplat.pipeline) IS 'tables that a pipeline keeps beside its target';

-- ------------------------------------------------------------------ what users call

-- The default of search_path is evaluated where the caller stands, before the
-- function sets its own.
CREATE OR REPLACE FUNCTION dataplat.create_pipeline(name text, target text, query text, keys text[] DEFAULT NULL, mode text DEFAULT NULL,
    sequence_by text DEFAULT NULL, delete_when text DEFAULT NULL, schedule text DEFAULT 'on_data', target_lag interval DEFAULT NULL,
    lookups text[] DEFAULT '{}', event_time jsonb DEFAULT NULL, grace interval DEFAULT NULL, emit text DEFAULT 'change',
    retry jsonb DEFAULT NULL, fuse jsonb DEFAULT NULL, track_history_on text[] DEFAULT NULL, depends_on text[] DEFAULT NULL,
    paused boolean DEFAULT false, search_path text DEFAULT pg_catalog.current_setting('search_path'),
    time_zone text DEFAULT pg_catalog.current_setting('TimeZone'))
RETURNS regclass
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (dataplat.command('create_pipeline', jsonb_build_object(
        'name', name, 'target', target, 'query', query, 'keys', keys, 'mode', mode, 'sequence_by', sequence_by, 'delete_when', delete_when,
        'schedule', schedule, 'target_lag', target_lag, 'lookups', lookups, 'event_time', event_time, 'grace', grace, 'emit', emit,
        'retry', retry, 'fuse', fuse, 'track_history_on', track_history_on, 'depends_on', depends_on, 'paused', paused,
        'search_path', search_path, 'time_zone', time_zone)) #>> '{}')::oid::regclass;
$$;
COMMENT ON FUNCTION dataplat.create_pipeline(text, text, text, text[], text, text, text, text, interval, text[], jsonb, interval, text,
                                             jsonb, jsonb, text[], text[], boolean, text, text) IS
    'keep the result of a SELECT up to date in a table, which is made when it is missing; returns the table';

CREATE OR REPLACE FUNCTION dataplat.alter_pipeline(name text, target text DEFAULT NULL, query text DEFAULT NULL, keys text[] DEFAULT NULL,
    mode text DEFAULT NULL, sequence_by text DEFAULT NULL, delete_when text DEFAULT NULL, schedule text DEFAULT NULL,
    target_lag interval DEFAULT NULL, lookups text[] DEFAULT NULL, event_time jsonb DEFAULT NULL, grace interval DEFAULT NULL,
    emit text DEFAULT NULL, retry jsonb DEFAULT NULL, fuse jsonb DEFAULT NULL, track_history_on text[] DEFAULT NULL,
    depends_on text[] DEFAULT NULL, paused boolean DEFAULT NULL, search_path text DEFAULT NULL, time_zone text DEFAULT NULL,
    reset text[] DEFAULT NULL)
RETURNS regclass
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass;
BEGIN
    relation := (dataplat.command('alter_pipeline', jsonb_build_object(
        'name', name, 'target', target, 'query', query, 'keys', keys, 'mode', mode, 'sequence_by', sequence_by, 'delete_when', delete_when,
        'schedule', schedule, 'target_lag', target_lag, 'lookups', lookups, 'event_time', event_time, 'grace', grace, 'emit', emit,
        'retry', retry, 'fuse', fuse, 'track_history_on', track_history_on, 'depends_on', depends_on,
        'search_path', search_path, 'time_zone', time_zone, 'reset', reset)) #>> '{}')::oid::regclass;
    IF paused THEN
        PERFORM dataplat.command('pause_pipeline', jsonb_build_object('name', name));
    ELSIF NOT paused THEN
        PERFORM dataplat.command('resume_pipeline', jsonb_build_object('name', name));
    END IF;
    RETURN relation;
END;
$$;
COMMENT ON FUNCTION dataplat.alter_pipeline(text, text, text, text[], text, text, text, text, interval, text[], jsonb, interval, text,
                                            jsonb, jsonb, text[], text[], boolean, text, text, text[]) IS
    'change a pipeline; NULL leaves an argument as it is, and reset names those that go back to their default; a changed query is computed afresh by the next run';

CREATE OR REPLACE FUNCTION dataplat.drop_pipeline(name text, drop_target boolean DEFAULT false)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('drop_pipeline', jsonb_build_object('name', drop_pipeline.name, 'drop_target', coalesce(drop_pipeline.drop_target, false))); $$;
COMMENT ON FUNCTION dataplat.drop_pipeline(text, boolean) IS 'stop and forget a pipeline; its table is kept unless drop_target';
