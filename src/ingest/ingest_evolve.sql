/*
 * ingest: what a new schema of the messages means for the target.
 *
 * A worker that meets a schema asks meet_schema() before it stores the first
 * message of it.  Of a source with columns the fields are compared with the
 * columns; schema_evolution says what may be done.  The answer is read (go on),
 * reload (the definition was changed: load it again), later (the target is
 * locked) or stop, with the reason.
 */

-- ------------------------------------------------------------------ comparing

-- Does a column of this type take all values of a field of that type, in the
-- words of format_type()?  fits, wider (the column can be made so) or type.
CREATE OR REPLACE FUNCTION dataplat_internal.compare_types(field_type text, column_type text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH t AS (
        SELECT regexp_replace(field_type, '\(.*\)', '') AS f, regexp_replace(column_type, '\(.*\)', '') AS c,
               regexp_match(field_type, '\((\d+)(?:,(\d+))?\)')::int[] AS fm, regexp_match(column_type, '\((\d+)(?:,(\d+))?\)')::int[] AS cm
    ), r AS (
        SELECT t.*, array_position('{smallint,integer,bigint,numeric}', t.f) AS fi, array_position('{smallint,integer,bigint,numeric}', t.c) AS ci,
               array_position('{real,double precision}', t.f) AS ff, array_position('{real,double precision}', t.c) AS cf
          FROM t
    )
    SELECT CASE
        WHEN field_type = column_type THEN 'fits'
        WHEN c IN ('text', 'jsonb', 'json') OR (c = 'character varying' AND cm IS NULL) THEN 'fits'
        WHEN f IN ('text', 'jsonb', 'json') AND fi IS NULL AND ci IS NULL AND cf IS NULL THEN 'fits'
        WHEN f = 'character varying' AND c = 'character varying' THEN
            CASE WHEN fm[1] <= cm[1] THEN 'fits' ELSE 'wider' END
        WHEN fi IS NOT NULL AND ci IS NOT NULL THEN
            CASE WHEN fi < 4 AND ci < 4 THEN CASE WHEN fi <= ci THEN 'fits' ELSE 'wider' END
                 WHEN ci = 4 AND cm IS NULL THEN 'fits'
                 WHEN fi < 4 THEN CASE WHEN cm[1] - coalesce(cm[2], 0) >= 19 THEN 'fits' ELSE 'wider' END
                 WHEN ci < 4 THEN 'wider'
                 WHEN fm IS NULL THEN 'wider'
                 WHEN fm[1] - coalesce(fm[2], 0) <= cm[1] - coalesce(cm[2], 0) AND coalesce(fm[2], 0) <= coalesce(cm[2], 0) THEN 'fits'
                 ELSE 'wider' END
        WHEN ff IS NOT NULL AND cf IS NOT NULL THEN CASE WHEN ff <= cf THEN 'fits' ELSE 'wider' END
        -- promotions that Avro has
        WHEN fi < 4 AND cf = 2 THEN 'fits'
        WHEN fi < 3 AND cf = 1 THEN 'fits'
        -- types of which nothing is known: their input functions decide, message by message
        WHEN coalesce(fi, ff) IS NULL AND coalesce(ci, cf) IS NULL
             AND c NOT IN ('boolean', 'bytea', 'uuid', 'date', 'timestamp with time zone', 'timestamp without time zone', 'time without time zone', 'interval',
                           'character varying') THEN 'fits'
        ELSE 'type' END
      FROM r;
$$;
COMMENT ON FUNCTION dataplat_internal.compare_types(text, text) IS 'does a column take the values of a field: fits, wider or type';
REVOKE ALL ON FUNCTION dataplat_internal.compare_types(text, text) FROM PUBLIC;

-- The type that takes the values of both.
CREATE OR REPLACE FUNCTION dataplat_internal.wider_type(field_type text, column_type text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH t AS (
        SELECT regexp_match(field_type, '^numeric\((\d+)(?:,(\d+))?\)')::int[] AS fm, regexp_match(column_type, '^numeric\((\d+)(?:,(\d+))?\)')::int[] AS cm
    )
    SELECT CASE WHEN column_type NOT LIKE 'numeric%' AND field_type NOT LIKE 'numeric%' THEN field_type
                WHEN t.fm IS NULL OR t.cm IS NULL THEN 'numeric'
                ELSE (SELECT format('numeric(%s,%s)', greatest(t.fm[1] - coalesce(t.fm[2], 0), t.cm[1] - coalesce(t.cm[2], 0)) + s.scale, s.scale)
                        FROM (SELECT greatest(coalesce(t.fm[2], 0), coalesce(t.cm[2], 0)) AS scale) AS s) END
      FROM t;
$$;
COMMENT ON FUNCTION dataplat_internal.wider_type(text, text) IS 'the type of a column that takes the values of a field as well';
REVOKE ALL ON FUNCTION dataplat_internal.wider_type(text, text) FROM PUBLIC;

-- What is different from what the target has: array of {"kind", "field", "type", "was"}, with "path" where
-- the field is one and with "column" where there is one or where it is to have another name.
-- What an earlier schema had is known: a field that got no column was left out on purpose, and
-- a column of another type was given that type on purpose.  So is what lies inside of a known field of
-- which no part has a column: it is in that field's column, or left out with it.
CREATE OR REPLACE FUNCTION dataplat_internal.schema_changes(s dataplat.source, new_fields jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH f AS (
        SELECT x.value ->> 'name' AS name, x.value ->> 'type' AS type, (x.value ->> 'path')::boolean AS path, x.nth
          FROM jsonb_array_elements(new_fields) WITH ORDINALITY AS x (value, nth)
    ), col AS (
        SELECT c ->> 'name' AS name, coalesce(c ->> 'field', c ->> 'name') AS field,
               coalesce((SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute AS a
                          WHERE a.attrelid = to_regclass(s.target) AND a.attname = c ->> 'name' AND NOT a.attisdropped), c ->> 'type') AS type
          FROM jsonb_array_elements(coalesce(s.columns, '[]')) AS c
    ), met AS (
        SELECT m.schema_id, m.fields FROM dataplat_internal.source_schema AS m
         WHERE m.source = s.name AND m.side = 'value' AND m.decision <> 'waiting'
    ), known AS (
        SELECT DISTINCT k ->> 'name' AS name FROM met, jsonb_array_elements(met.fields) AS k
    ), whole AS (
        SELECT w.name FROM (SELECT k.name FROM known AS k UNION SELECT c.field FROM col AS c) AS w
         WHERE NOT EXISTS (SELECT FROM col AS c WHERE starts_with(c.field, w.name || '.'))
    ), new AS (
        SELECT f.name, f.type, f.path, f.nth
          FROM f
         WHERE NOT EXISTS (SELECT FROM col WHERE col.field = f.name)
           AND EXISTS (SELECT FROM met)
           AND NOT EXISTS (SELECT FROM known AS k WHERE k.name = f.name)
           AND NOT (coalesce(f.path, false) AND EXISTS (SELECT FROM whole AS w WHERE starts_with(f.name, w.name || '.')))
    ), named AS (
        SELECT c ->> 'field' AS field, c ->> 'name' AS name
          FROM jsonb_array_elements(dataplat_internal.columns_of_fields(
                   (SELECT jsonb_agg(jsonb_build_object('name', n.name, 'type', n.type, 'path', n.path) ORDER BY n.nth) FROM new AS n),
                   dataplat_internal.nested_delimiter(s), ARRAY(SELECT c.name FROM col AS c))) AS c
    )
    SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('kind', d.kind, 'field', d.field, 'column', d.column_name, 'type', d.type, 'was', d.was, 'path', d.path))
                              ORDER BY d.place, d.nth), '[]')
      FROM (SELECT 1 AS place, n.nth, 'new' AS kind, n.name AS field, nullif(e.name, n.name) AS column_name, n.type, NULL AS was, n.path
              FROM new AS n JOIN named AS e ON e.field = n.name
            UNION ALL
            SELECT 2, f.nth, CASE v.verdict WHEN 'wider' THEN 'wider' ELSE 'type' END, f.name, col.name, f.type, col.type, f.path
              FROM f JOIN col ON col.field = f.name
             CROSS JOIN LATERAL (SELECT dataplat_internal.compare_types(f.type, col.type) AS verdict) AS v
             WHERE v.verdict <> 'fits'
               AND EXISTS (SELECT FROM met)
               AND NOT EXISTS (SELECT FROM met, jsonb_array_elements(met.fields) AS k WHERE k ->> 'name' = f.name AND k ->> 'type' = f.type)
            UNION ALL
            SELECT 3, 0, 'removed', col.field, col.name, NULL, col.type, NULL
              FROM col
             WHERE NOT EXISTS (SELECT FROM f WHERE f.name = col.field OR starts_with(f.name, col.field || '.'))) AS d;
$$;
COMMENT ON FUNCTION dataplat_internal.schema_changes(dataplat.source, jsonb) IS 'what a schema has that the columns of a source have not';
REVOKE ALL ON FUNCTION dataplat_internal.schema_changes(dataplat.source, jsonb) FROM PUBLIC;

-- ------------------------------------------------------------------ changing the target

-- Statements that bring the target to the schema.
CREATE OR REPLACE FUNCTION dataplat_internal.schema_change_ddl(s dataplat.source, changes jsonb)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(CASE c ->> 'kind'
               WHEN 'new' THEN format('ALTER TABLE %s ADD COLUMN IF NOT EXISTS %I %s', s.target, coalesce(c ->> 'column', c ->> 'field'), c ->> 'type')
               WHEN 'wider' THEN format('ALTER TABLE %s ALTER COLUMN %I TYPE %s', s.target, c ->> 'column',
                                        dataplat_internal.wider_type(c ->> 'type', c ->> 'was'))
               ELSE format('ALTER TABLE %s ALTER COLUMN %I TYPE %s USING %I::text::%s', s.target, c ->> 'column', c ->> 'type', c ->> 'column', c ->> 'type')
               END ORDER BY nth), '{}')
      FROM jsonb_array_elements(changes) WITH ORDINALITY AS e (c, nth)
     WHERE c ->> 'kind' <> 'removed';
$$;
COMMENT ON FUNCTION dataplat_internal.schema_change_ddl(dataplat.source, jsonb) IS 'statements that bring a target to a schema';
REVOKE ALL ON FUNCTION dataplat_internal.schema_change_ddl(dataplat.source, jsonb) FROM PUBLIC;

-- Who reads the target: pipelines and views.
CREATE OR REPLACE FUNCTION dataplat_internal.target_dependants(target text)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('kind', d.kind, 'name', d.name) ORDER BY d.kind, d.name), '[]')
      FROM (SELECT 'reader' AS kind, r.reader AS name FROM dataplat_internal.bronze_reader AS r WHERE r.target = target_dependants.target
            UNION
            SELECT CASE c.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END, format('%I.%I', n.nspname, c.relname)
              FROM pg_depend AS p
              JOIN pg_rewrite AS w ON w.oid = p.objid AND p.classid = 'pg_rewrite'::regclass
              JOIN pg_class AS c ON c.oid = w.ev_class AND c.relkind IN ('v', 'm')
              JOIN pg_namespace AS n ON n.oid = c.relnamespace
             WHERE p.refclassid = 'pg_class'::regclass AND p.refobjid = to_regclass(target_dependants.target)) AS d;
$$;
COMMENT ON FUNCTION dataplat_internal.target_dependants(text) IS 'what reads a bronze table';
REVOKE ALL ON FUNCTION dataplat_internal.target_dependants(text) FROM PUBLIC;

-- Run the statements as the owner of the source and put the columns into its definition.
CREATE OR REPLACE FUNCTION dataplat_internal.apply_schema_change(s dataplat.source, changes jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    statement text;
    c         jsonb;
    have      text;
    present   text;
BEGIN
    FOR c IN SELECT x FROM jsonb_array_elements(changes) AS x WHERE x ->> 'kind' = 'new' LOOP
        -- somebody made such a column already
        SELECT format_type(a.atttypid, a.atttypmod) INTO present FROM pg_attribute AS a
         WHERE a.attrelid = to_regclass(s.target) AND a.attname = coalesce(c ->> 'column', c ->> 'field') AND NOT a.attisdropped;
        IF FOUND AND dataplat_internal.compare_types(c ->> 'type', present) <> 'fits' THEN
            RAISE EXCEPTION 'column % of table % is %, which does not take the new field', quote_ident(coalesce(c ->> 'column', c ->> 'field')), s.target, present
                USING ERRCODE = 'datatype_mismatch';
        END IF;
    END LOOP;
    FOREACH statement IN ARRAY dataplat_internal.schema_change_ddl(s, changes) LOOP
        PERFORM dataplat_internal.execute_as(s.owner, statement);
    END LOOP;
    FOR c IN SELECT x FROM jsonb_array_elements(changes) AS x WHERE x ->> 'kind' = 'new' LOOP
        PERFORM dataplat_internal.execute_as(s.owner, format('COMMENT ON COLUMN %s.%I IS %L', s.target, coalesce(c ->> 'column', c ->> 'field'),
            format('field %s of the message', c ->> 'field')));
    END LOOP;
    UPDATE dataplat.source AS x
       SET columns = (
               SELECT jsonb_agg(CASE WHEN w.type IS NULL THEN o.c ELSE o.c || jsonb_build_object('type', w.type) END ORDER BY o.nth)
                 FROM jsonb_array_elements(x.columns) WITH ORDINALITY AS o (c, nth)
                 LEFT JOIN LATERAL (SELECT format_type(a.atttypid, a.atttypmod) AS type FROM pg_attribute AS a
                                     WHERE a.attrelid = to_regclass(s.target) AND a.attname = o.c ->> 'name' AND NOT a.attisdropped
                                       AND EXISTS (SELECT FROM jsonb_array_elements(changes) AS h
                                                    WHERE h ->> 'kind' IN ('wider', 'type') AND h ->> 'column' = o.c ->> 'name')) AS w ON true)
               || coalesce((SELECT jsonb_agg(jsonb_build_object('name', coalesce(n.c ->> 'column', n.c ->> 'field'), 'type', n.c ->> 'type', 'field', n.c ->> 'field', 'not_null', false)
                                                || CASE WHEN (n.c ->> 'path')::boolean THEN '{"path": true}' ELSE '{}' END::jsonb ORDER BY n.nth)
                              FROM jsonb_array_elements(changes) WITH ORDINALITY AS n (c, nth)
                             WHERE n.c ->> 'kind' = 'new'
                               AND NOT EXISTS (SELECT FROM jsonb_array_elements(x.columns) AS h WHERE h ->> 'name' = coalesce(n.c ->> 'column', n.c ->> 'field'))), '[]'),
           altered_at = now()
     WHERE x.name = s.name;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.apply_schema_change(dataplat.source, jsonb) IS 'bring target and definition of a source to a schema';
REVOKE ALL ON FUNCTION dataplat_internal.apply_schema_change(dataplat.source, jsonb) FROM PUBLIC;

-- ------------------------------------------------------------------ meeting a schema

CREATE OR REPLACE FUNCTION dataplat_internal.describe_changes(changes jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(CASE c ->> 'kind' WHEN 'new' THEN format('new field %I %s', c ->> 'field', c ->> 'type')
                                        WHEN 'removed' THEN format('field %I is gone', c ->> 'field')
                                        ELSE format('field %I is %s, column %I is %s', c ->> 'field', c ->> 'type', c ->> 'column', c ->> 'was') END, '; ' ORDER BY nth)
      FROM jsonb_array_elements(changes) WITH ORDINALITY AS e (c, nth);
$$;
COMMENT ON FUNCTION dataplat_internal.describe_changes(jsonb) IS 'changes of a schema in words';
REVOKE ALL ON FUNCTION dataplat_internal.describe_changes(jsonb) FROM PUBLIC;

-- What the policy says about changes: read, apply, propose or stop.
CREATE OR REPLACE FUNCTION dataplat_internal.judge_changes(s dataplat.source, changes jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN NOT k.kinds && '{new,wider,type}' THEN 'read'
        WHEN s.schema_evolution = 'ignore' THEN 'read'
        WHEN s.schema_evolution = 'propose' THEN 'propose'
        WHEN s.schema_evolution = 'add_columns' AND NOT k.kinds && '{wider,type}' THEN 'apply'
        WHEN s.schema_evolution = 'widen' AND NOT k.kinds && '{type}' THEN 'apply'
        ELSE 'stop' END
      FROM (SELECT coalesce(array_agg(c ->> 'kind'), '{}') AS kinds FROM jsonb_array_elements(changes) AS c) AS k;
$$;
COMMENT ON FUNCTION dataplat_internal.judge_changes(dataplat.source, jsonb) IS 'what schema_evolution says about changes: read, apply, propose or stop';
REVOKE ALL ON FUNCTION dataplat_internal.judge_changes(dataplat.source, jsonb) FROM PUBLIC;

-- Stop the source for a person to look; the answer for the worker.
CREATE OR REPLACE FUNCTION dataplat_internal.stop_for_schema(s dataplat.source, reason text, hint text)
RETURNS text
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO dataplat_internal.source_failure (source, sqlstate, reason, hint)
    VALUES (s.name, '0A000', stop_for_schema.reason, stop_for_schema.hint)
    ON CONFLICT (source) DO UPDATE SET sqlstate = excluded.sqlstate, reason = excluded.reason, hint = excluded.hint, since = now();
    SELECT 'stop: ' || stop_for_schema.reason;
$$;
COMMENT ON FUNCTION dataplat_internal.stop_for_schema(dataplat.source, text, text) IS 'stop a source because of a schema';
REVOKE ALL ON FUNCTION dataplat_internal.stop_for_schema(dataplat.source, text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.note_source_schema(source_name text, side text, schema_id int, message text, guid uuid, schema_type text,
    full_name text, fields jsonb, changes jsonb, decision text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO dataplat_internal.source_schema AS m (source, side, schema_id, message, guid, schema_type, full_name, fields, changes, decision, first_seen_at)
    VALUES (source_name, note_source_schema.side, note_source_schema.schema_id, note_source_schema.message, note_source_schema.guid,
            note_source_schema.schema_type, note_source_schema.full_name, coalesce(note_source_schema.fields, '[]'), note_source_schema.changes,
            note_source_schema.decision, CASE WHEN note_source_schema.decision <> 'declared' THEN clock_timestamp() END)
    ON CONFLICT (source, side, schema_id, message) DO UPDATE
       SET fields = excluded.fields, guid = excluded.guid, full_name = excluded.full_name,
           changes = CASE WHEN excluded.changes = '[]' OR (m.decision = 'changed' AND excluded.decision = 'read') THEN m.changes ELSE excluded.changes END,
           decision = CASE WHEN m.decision = 'changed' AND excluded.decision = 'read' THEN m.decision ELSE excluded.decision END,
           first_seen_at = coalesce(m.first_seen_at, excluded.first_seen_at);
$$;
COMMENT ON FUNCTION dataplat_internal.note_source_schema(text, text, int, text, uuid, text, text, jsonb, jsonb, text) IS 'remember a schema of a source';
REVOKE ALL ON FUNCTION dataplat_internal.note_source_schema(text, text, int, text, uuid, text, text, jsonb, jsonb, text) FROM PUBLIC;

-- A proposal for a person, unless there is one; or the one that was decided.
CREATE OR REPLACE FUNCTION dataplat_internal.propose_schema_change(s dataplat.source, schema_id int, message text, changes jsonb)
RETURNS dataplat.schema_change
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    found_change dataplat.schema_change;
BEGIN
    SELECT * INTO found_change FROM dataplat.schema_change AS c
     WHERE c.source = s.name AND c.schema_id = schema_id AND c.message = message AND c.state <> 'applied'
     ORDER BY c.change_id DESC LIMIT 1;
    IF NOT FOUND THEN
        INSERT INTO dataplat.schema_change (source, schema_id, message, target, changes, ddl, dependants)
        VALUES (s.name, schema_id, message, s.target, changes, dataplat_internal.schema_change_ddl(s, changes), dataplat_internal.target_dependants(s.target))
        RETURNING * INTO found_change;
    END IF;
    RETURN found_change;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.propose_schema_change(dataplat.source, int, text, jsonb) IS 'a row of schema_change for a person to decide on';
REVOKE ALL ON FUNCTION dataplat_internal.propose_schema_change(dataplat.source, int, text, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.meet_schema(source_name text, side text, schema_id int, guid uuid, schema_type text, full_name text,
    message text, fields jsonb, loaded_at timestamptz)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    s       dataplat.source;
    changes jsonb := '[]';
    action  text := 'read';
    answer  text := 'read';
    change  dataplat.schema_change;
    known   dataplat_internal.source_schema;
BEGIN
    SELECT * INTO known FROM dataplat_internal.source_schema AS m
     WHERE m.source = source_name AND m.side = side AND m.schema_id = schema_id AND m.message = message;
    IF known.guid IS DISTINCT FROM guid AND known.guid IS NOT NULL THEN
        SELECT * INTO s FROM dataplat.source AS x WHERE x.name = source_name;
        RETURN dataplat_internal.stop_for_schema(s, format('schema id %s stands for another schema than before', schema_id),
            'The registry was restored or replaced. See that ids mean what they meant, then reset_source_schemas() and resume_source().');
    END IF;
    -- Two workers of a source meet a schema together: one after the other.
    SELECT * INTO s FROM dataplat.source AS x WHERE x.name = source_name FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'read';
    END IF;
    -- Another worker has changed the columns for it since this one read them.
    IF s.altered_at IS DISTINCT FROM loaded_at THEN
        RETURN 'reload';
    END IF;
    IF side = 'value' AND s.layout <> 'document' AND fields IS NOT NULL THEN
        changes := dataplat_internal.schema_changes(s, fields);
        action := dataplat_internal.judge_changes(s, changes);
    ELSIF fields IS NOT NULL THEN
        changes := dataplat_internal.document_changes(s, side, schema_id, fields);
    END IF;

    IF action = 'propose' THEN
        change := dataplat_internal.propose_schema_change(s, schema_id, message, changes);
        IF change.state = 'rejected' THEN
            action := 'read';
        ELSIF 'rescued' = ANY (s.include) AND NOT EXISTS (SELECT FROM jsonb_array_elements(changes) AS c WHERE c ->> 'kind' IN ('wider', 'type')) THEN
            PERFORM dataplat_internal.note_source_schema(s.name, side, schema_id, message, guid, schema_type, full_name, fields, changes, 'waiting');
            RETURN 'read';
        ELSE
            answer := dataplat_internal.stop_for_schema(s, format('schema %s is not what the target has: %s', schema_id, dataplat_internal.describe_changes(changes)),
                format('SELECT dataplat.approve_schema_change(%s), or dataplat.reject_schema_change(%s). No message is lost meanwhile.', change.change_id, change.change_id));
        END IF;
    ELSIF action = 'stop' THEN
        answer := dataplat_internal.stop_for_schema(s, format('schema %s is not what the target has: %s', schema_id, dataplat_internal.describe_changes(changes)),
            CASE WHEN s.schema_evolution = 'fail' THEN 'Change the target and the columns with alter_source(), or let schema_evolution do it; then resume_source().'
                 ELSE 'schema_evolution ' || s.schema_evolution || ' does not go as far: use propose, or change the table and resume_source().' END);
    ELSIF action = 'apply' THEN
        BEGIN
            PERFORM set_config('lock_timeout', '2s', true);
            PERFORM dataplat_internal.apply_schema_change(s, changes);
            INSERT INTO dataplat.schema_change (source, schema_id, message, target, changes, ddl, dependants, state, reason, resolved_at, resolved_by)
            VALUES (s.name, schema_id, message, s.target, changes, dataplat_internal.schema_change_ddl(s, changes),
                    dataplat_internal.target_dependants(s.target), 'applied', 'schema_evolution ' || s.schema_evolution, clock_timestamp(), s.owner);
            PERFORM dataplat_internal.note_source_event(s.owner, s.name, 'evolve', jsonb_build_object('schema_id', schema_id, 'changes', changes));
            PERFORM dataplat_internal.wake_job('ingest', s.source_id);
            answer := 'reload';
        EXCEPTION
            WHEN lock_not_available THEN
                RETURN 'later';
            WHEN feature_not_supported OR dependent_objects_still_exist OR insufficient_privilege OR duplicate_column OR datatype_mismatch OR undefined_table
                 OR undefined_object OR wrong_object_type OR too_many_columns OR object_in_use THEN
                answer := dataplat_internal.stop_for_schema(s, format('schema %s is not what the target has, and the target cannot be changed: %s', schema_id, SQLERRM),
                    'Change the target by hand, then resume_source(). No message is lost meanwhile.');
        END;
    END IF;
    PERFORM dataplat_internal.note_source_schema(s.name, side, schema_id, message, guid, schema_type, full_name, fields, changes,
        CASE WHEN answer = 'reload' THEN 'changed' WHEN answer LIKE 'stop%' THEN 'waiting' ELSE 'read' END);
    RETURN answer;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.meet_schema(text, text, int, uuid, text, text, text, jsonb, timestamptz) IS
    'a schema that messages of a source begin to use: read, reload, later or stop with the reason';
REVOKE ALL ON FUNCTION dataplat_internal.meet_schema(text, text, int, uuid, text, text, text, jsonb, timestamptz) FROM PUBLIC;

-- For people only: what changed since the schema that was met before.
CREATE OR REPLACE FUNCTION dataplat_internal.document_changes(s dataplat.source, side text, schema_id int, fields jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH before AS (
        SELECT m.fields FROM dataplat_internal.source_schema AS m
         WHERE m.source = s.name AND m.side = document_changes.side AND m.schema_id <> document_changes.schema_id
         ORDER BY m.first_seen_at DESC NULLS LAST LIMIT 1
    ), o AS (
        SELECT f ->> 'name' AS name, f ->> 'type' AS type FROM before, jsonb_array_elements(before.fields) AS f
    ), n AS (
        SELECT f ->> 'name' AS name, f ->> 'type' AS type FROM jsonb_array_elements(document_changes.fields) AS f
    )
    SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('kind', CASE WHEN o.name IS NULL THEN 'new' WHEN n.name IS NULL THEN 'removed' ELSE 'type' END,
                              'field', coalesce(n.name, o.name), 'type', n.type, 'was', o.type)) ORDER BY coalesce(n.name, o.name)), '[]')
      FROM n FULL JOIN o ON o.name = n.name
     WHERE EXISTS (SELECT FROM before) AND n.type IS DISTINCT FROM o.type;
$$;
COMMENT ON FUNCTION dataplat_internal.document_changes(dataplat.source, text, int, jsonb) IS 'what a schema has that the one before had not';
REVOKE ALL ON FUNCTION dataplat_internal.document_changes(dataplat.source, text, int, jsonb) FROM PUBLIC;

-- ------------------------------------------------------------------ deciding

CREATE OR REPLACE FUNCTION dataplat_internal.schema_change_to_decide(caller name, change bigint)
RETURNS dataplat.schema_change
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c dataplat.schema_change;
BEGIN
    SELECT * INTO c FROM dataplat.schema_change AS x WHERE x.change_id = change FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'schema change % does not exist', change USING ERRCODE = 'undefined_object', HINT = 'See dataplat.schema_change.';
    END IF;
    PERFORM dataplat_internal.source_to_change(caller, c.source, false);
    IF c.state <> 'proposed' THEN
        RAISE EXCEPTION 'schema change % is not open', change
            USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = format('Its state is %s.', c.state);
    END IF;
    RETURN c;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.schema_change_to_decide(name, bigint) IS 'lock a proposed change that the caller may decide on';
REVOKE ALL ON FUNCTION dataplat_internal.schema_change_to_decide(name, bigint) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.settle_schema_change(caller name, c dataplat.schema_change, new_state text, reason text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s dataplat.source;
BEGIN
    SELECT * INTO s FROM dataplat.source AS x WHERE x.name = c.source;
    UPDATE dataplat.schema_change AS x
       SET state = new_state, reason = settle_schema_change.reason, resolved_at = clock_timestamp(), resolved_by = caller
     WHERE x.change_id = c.change_id;
    UPDATE dataplat_internal.source_schema AS m
       SET decision = CASE new_state WHEN 'applied' THEN 'changed' ELSE 'read' END
     WHERE m.source = c.source AND m.side = 'value' AND m.schema_id = c.schema_id AND m.message = c.message;
    -- the source stands still for this change, if it does
    DELETE FROM dataplat_internal.source_failure AS f
     WHERE f.source = c.source AND f.hint LIKE format('%%approve_schema_change(%s)%%', c.change_id);
    PERFORM dataplat_internal.note_source_event(caller, c.source, CASE new_state WHEN 'applied' THEN 'evolve' ELSE 'reject_evolution' END,
        jsonb_build_object('change_id', c.change_id, 'schema_id', c.schema_id, 'changes', c.changes, 'reason', reason));
    PERFORM dataplat_internal.wake_job('ingest', s.source_id);
    PERFORM dataplat_internal.wake_scheduler();
END;
$$;
COMMENT ON FUNCTION dataplat_internal.settle_schema_change(name, dataplat.schema_change, text, text) IS 'a decision about a change, and the source goes on';
REVOKE ALL ON FUNCTION dataplat_internal.settle_schema_change(name, dataplat.schema_change, text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_approve_schema_change(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c dataplat.schema_change;
    s dataplat.source;
BEGIN
    c := dataplat_internal.schema_change_to_decide(caller, (a ->> 'id')::bigint);
    SELECT * INTO s FROM dataplat.source AS x WHERE x.name = c.source;
    PERFORM dataplat_internal.apply_schema_change(s, c.changes);
    PERFORM dataplat_internal.settle_schema_change(caller, c, 'applied', a ->> 'reason');
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_approve_schema_change(name, jsonb) IS 'approve_schema_change as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_approve_schema_change(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_reject_schema_change(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM dataplat_internal.settle_schema_change(caller, dataplat_internal.schema_change_to_decide(caller, (a ->> 'id')::bigint), 'rejected', a ->> 'reason');
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_reject_schema_change(name, jsonb) IS 'reject_schema_change as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_reject_schema_change(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_reset_source_schemas(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s dataplat.source;
BEGIN
    s := dataplat_internal.source_to_change(caller, a ->> 'name', false);
    DELETE FROM dataplat_internal.source_schema AS m WHERE m.source = s.name;
    PERFORM dataplat_internal.note_source_event(caller, s.name, 'reset_schemas');
    PERFORM dataplat_internal.wake_job('ingest', s.source_id);
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_reset_source_schemas(name, jsonb) IS 'reset_source_schemas as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_reset_source_schemas(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.approve_schema_change(id bigint, reason text DEFAULT NULL)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('approve_schema_change', jsonb_build_object('id', approve_schema_change.id, 'reason', approve_schema_change.reason)); $$;
COMMENT ON FUNCTION dataplat.approve_schema_change(bigint, text) IS
    'make the change of a target that a new schema asks for (dataplat.schema_change), with the rights of the source''s owner; a source that waits for it goes on';
REVOKE ALL ON FUNCTION dataplat.approve_schema_change(bigint, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.reject_schema_change(id bigint, reason text DEFAULT NULL)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('reject_schema_change', jsonb_build_object('id', reject_schema_change.id, 'reason', reject_schema_change.reason)); $$;
COMMENT ON FUNCTION dataplat.reject_schema_change(bigint, text) IS
    'leave the target as it is: new fields are left out (or rescued), values that do not fit become dead letters';
REVOKE ALL ON FUNCTION dataplat.reject_schema_change(bigint, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.reset_source_schemas(name text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('reset_source_schemas', jsonb_build_object('name', reset_source_schemas.name)); $$;
COMMENT ON FUNCTION dataplat.reset_source_schemas(text) IS
    'forget which schemas a source has met, for example because its registry gives ids another meaning now';
REVOKE ALL ON FUNCTION dataplat.reset_source_schemas(text) FROM PUBLIC;

-- ------------------------------------------------------------------ drift

-- SECURITY DEFINER: it reads a private table; who may look is decided by the
-- rights on the view and on this function.
CREATE OR REPLACE FUNCTION dataplat_internal.schema_drift_rows(
    OUT source text, OUT side text, OUT schema_id int, OUT message text, OUT schema_type text, OUT full_name text, OUT decision text,
    OUT new_fields text[], OUT removed_fields text[], OUT type_changes jsonb, OUT first_seen_at timestamptz, OUT last_seen_at timestamptz,
    OUT rows bigint, OUT rescued bigint, OUT sampled bigint, OUT null_rates jsonb)
RETURNS SETOF record
LANGUAGE sql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT m.source, m.side, m.schema_id, nullif(m.message, ''), m.schema_type, m.full_name, m.decision,
           ARRAY(SELECT c ->> 'field' FROM jsonb_array_elements(m.changes) WITH ORDINALITY AS e (c, i) WHERE c ->> 'kind' = 'new' ORDER BY i),
           ARRAY(SELECT c ->> 'field' FROM jsonb_array_elements(m.changes) WITH ORDINALITY AS e (c, i) WHERE c ->> 'kind' = 'removed' ORDER BY i),
           (SELECT jsonb_object_agg(c ->> 'field', jsonb_build_object('type', c -> 'type', 'was', c -> 'was'))
              FROM jsonb_array_elements(m.changes) AS c WHERE c ->> 'kind' IN ('wider', 'type')),
           m.first_seen_at, m.last_seen_at, m.rows, m.rescued, m.sampled,
           (SELECT jsonb_object_agg(f ->> 'name', round(m.nulls[i]::numeric / nullif(m.sampled, 0), 4))
              FROM jsonb_array_elements(m.fields) WITH ORDINALITY AS e (f, i))
      FROM dataplat_internal.source_schema AS m;
$$;
COMMENT ON FUNCTION dataplat_internal.schema_drift_rows() IS 'the rows of schema_drift, read with the rights of the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.schema_drift_rows() FROM PUBLIC;

CREATE OR REPLACE VIEW dataplat.schema_drift AS
SELECT d.source, d.side, d.schema_id, d.message, d.schema_type, d.full_name, d.decision, d.new_fields, d.removed_fields, d.type_changes,
       d.first_seen_at, d.last_seen_at, d.rows, d.rescued, d.sampled, d.null_rates
  FROM dataplat_internal.schema_drift_rows() AS d
 ORDER BY d.source, d.side DESC, d.first_seen_at, d.schema_id;
COMMENT ON VIEW dataplat.schema_drift IS 'the schemas that the messages of each source were written with: what each one changed, how many rows it has, and how often its fields are NULL';
COMMENT ON COLUMN dataplat.schema_drift.decision IS
    'declared (the columns were made from it), read (the target stays as it is), changed (the target was changed for it), waiting (for a person)';
COMMENT ON COLUMN dataplat.schema_drift.rows IS 'messages decoded; those that were read again after a fault count again';
COMMENT ON COLUMN dataplat.schema_drift.rescued IS 'of these, with fields that have no column, kept in _rescued';
COMMENT ON COLUMN dataplat.schema_drift.sampled IS 'messages that null_rates are made of: all of a source with columns; of documents the first 500 and then one in 32';
COMMENT ON COLUMN dataplat.schema_drift.null_rates IS 'field -> share of sampled messages in which it is missing or NULL; null: the field has no column and is not looked at';
