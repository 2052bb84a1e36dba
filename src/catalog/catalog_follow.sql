/*
 * catalog: what was said of a dataset follows when it or a column of it is
 * renamed, and what its columns were is kept.
 *
 * An event trigger looks at each relation after a statement changed it, and
 * compares it with known_dataset, by oid.  What a DROP leaves behind stays
 * under the name: tables are dropped and made again (dbt, full rebuilds), and
 * the tags of silver.orders are meant for what bears that name.  For the same
 * reason a table that takes a name which another one gave up in the same
 * transaction takes its place.
 */

CREATE OR REPLACE FUNCTION dataplat_internal.relation_columns(relation oid)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('attnum', a.attnum, 'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull)
                              ORDER BY a.attnum), '[]')
      FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped;
$$;
COMMENT ON FUNCTION dataplat_internal.relation_columns(oid) IS 'the columns of a relation: [{"attnum", "name", "type", "not_null"}]';

CREATE OR REPLACE FUNCTION dataplat_internal.register_rename_follower(kind text, rename_function text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO dataplat_internal.rename_follower AS f (kind, rename_function)
    VALUES ($1, $2)
        ON CONFLICT ON CONSTRAINT rename_follower_pkey DO UPDATE SET rename_function = excluded.rename_function
     WHERE f.rename_function IS DISTINCT FROM excluded.rename_function;
$$;
COMMENT ON FUNCTION dataplat_internal.register_rename_follower(text, text) IS 'let a room hear of datasets and columns that have other names now';
REVOKE ALL ON FUNCTION dataplat_internal.register_rename_follower(text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.tell_renamed(from_object text, to_object text, columns jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    f dataplat_internal.rename_follower;
BEGIN
    FOR f IN SELECT * FROM dataplat_internal.rename_follower AS r ORDER BY r.kind LOOP
        EXECUTE 'SELECT ' || f.rename_function || '($1, $2, $3)' USING from_object, to_object, columns;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.tell_renamed(text, text, jsonb) IS 'tell the rooms above that a dataset, or columns of it, have other names';
REVOKE ALL ON FUNCTION dataplat_internal.tell_renamed(text, text, jsonb) FROM PUBLIC;

-- What was said of one name goes to another; what that has already, it keeps.
CREATE OR REPLACE FUNCTION dataplat_internal.move_object(from_object text, to_object text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t regclass;
BEGIN
    FOREACH t IN ARRAY ARRAY['dataplat_internal.dataset_note', 'dataplat.dataset_owner', 'dataplat.tag', 'dataplat.term_assignment',
                             'dataplat.data_product_dataset', 'dataplat.column_classification']::regclass[] LOOP
        EXECUTE format('WITH gone AS (DELETE FROM %1$s WHERE object = $1 RETURNING *) INSERT INTO %1$s'
                       ' SELECT (jsonb_populate_record(NULL::%1$s, to_jsonb(g) || jsonb_build_object(''object'', $2::text))).* FROM gone AS g ON CONFLICT DO NOTHING', t)
          USING from_object, to_object;
    END LOOP;
    UPDATE dataplat_internal.dataset_note AS n SET use_instead = to_object WHERE n.use_instead = from_object;
    IF EXISTS (SELECT FROM dataplat_internal.dataset_shape AS s WHERE s.object = to_object) THEN
        DELETE FROM dataplat_internal.dataset_shape AS s WHERE s.object = from_object;
    ELSE
        UPDATE dataplat_internal.dataset_shape AS s SET object = to_object WHERE s.object = from_object;
    END IF;
    DELETE FROM dataplat_internal.catalog_document AS d WHERE d.object = from_object;
    DELETE FROM dataplat_internal.dataset_usage AS u WHERE u.object = from_object;
    PERFORM dataplat_internal.tell_renamed(from_object, to_object, NULL);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.move_object(text, text) IS 'let what was said of one dataset be said of another name';
REVOKE ALL ON FUNCTION dataplat_internal.move_object(text, text) FROM PUBLIC;

-- All at once: two columns may have changed names.
CREATE OR REPLACE FUNCTION dataplat_internal.move_columns(of_object text, before jsonb, after jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    renamed jsonb;
    moved   jsonb;
    t       regclass;
BEGIN
    SELECT jsonb_object_agg(b.name, a.name) INTO renamed
      FROM jsonb_to_recordset(before) AS b (attnum int, name text) JOIN jsonb_to_recordset(after) AS a (attnum int, name text) USING (attnum)
     WHERE a.name <> b.name;
    IF renamed IS NULL THEN
        RETURN;
    END IF;
    FOREACH t IN ARRAY ARRAY['dataplat.tag', 'dataplat.term_assignment', 'dataplat.column_classification']::regclass[] LOOP
        EXECUTE format('WITH gone AS (DELETE FROM %s WHERE object = $1 AND $2 ? column_name RETURNING *) SELECT jsonb_agg(to_jsonb(g)) FROM gone AS g', t)
           INTO moved USING of_object, renamed;
        EXECUTE format('INSERT INTO %1$s SELECT (jsonb_populate_record(NULL::%1$s, m || jsonb_build_object(''column_name'', $2 ->> (m ->> ''column_name'')))).*'
                       ' FROM jsonb_array_elements($1) AS m ON CONFLICT DO NOTHING', t) USING moved, renamed;
    END LOOP;
    PERFORM dataplat_internal.tell_renamed(of_object, of_object, renamed);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.move_columns(text, jsonb, jsonb) IS 'let what was said of columns follow their new names';
REVOKE ALL ON FUNCTION dataplat_internal.move_columns(text, jsonb, jsonb) FROM PUBLIC;

-- Note that a dataset has these columns now.
CREATE OR REPLACE FUNCTION dataplat_internal.note_shape(of_object text, now_columns jsonb, changed_by text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO dataplat_internal.dataset_shape (object, changed_by, columns)
    SELECT of_object, note_shape.changed_by, shape.columns
      FROM (SELECT coalesce(jsonb_agg(c - 'attnum' ORDER BY i), '[]') AS columns FROM jsonb_array_elements(now_columns) WITH ORDINALITY AS e (c, i)) AS shape
     WHERE shape.columns IS DISTINCT FROM (SELECT s.columns FROM dataplat_internal.dataset_shape AS s WHERE s.object = of_object ORDER BY s.noted_at DESC LIMIT 1);
$$;
COMMENT ON FUNCTION dataplat_internal.note_shape(text, jsonb, text) IS 'add to the history of a dataset''s columns, if they are others than before';
REVOKE ALL ON FUNCTION dataplat_internal.note_shape(text, jsonb, text) FROM PUBLIC;

-- Bring the catalog up to date about one relation.
CREATE OR REPLACE FUNCTION dataplat_internal.follow_relation(relation oid, changed_by text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    now_name text;
    shape    jsonb;
    k        dataplat_internal.known_dataset;
    leaver   dataplat_internal.known_dataset;
BEGIN
    SELECT dataplat_internal.dataset_name(c.oid) INTO now_name FROM pg_class AS c WHERE c.oid = relation AND dataplat_internal.is_dataset(c);
    IF now_name IS NULL THEN
        DELETE FROM dataplat_internal.known_dataset AS d WHERE d.relid = relation;
        RETURN;
    END IF;
    shape := dataplat_internal.relation_columns(relation);
    SELECT * INTO k FROM dataplat_internal.known_dataset AS d WHERE d.relid = relation;
    IF k.object = now_name AND k.columns = shape THEN
        RETURN;
    END IF;

    IF k.object IS DISTINCT FROM now_name THEN
        SELECT * INTO leaver FROM dataplat_internal.known_dataset AS d
         WHERE d.left_name = now_name AND d.left_in = pg_current_xact_id() AND d.relid <> relation;
        IF FOUND THEN
            PERFORM dataplat_internal.move_object(leaver.object, now_name);
            UPDATE dataplat_internal.known_dataset AS d SET left_name = NULL, left_in = NULL WHERE d.relid = leaver.relid;
            PERFORM dataplat_internal.note_shape(leaver.object, leaver.columns, changed_by);
        END IF;
        IF k.object IS NOT NULL THEN
            PERFORM dataplat_internal.move_object(k.object, now_name);
        END IF;
    END IF;
    IF k.relid IS NOT NULL AND k.columns <> shape THEN
        PERFORM dataplat_internal.move_columns(now_name, k.columns, shape);
    END IF;
    PERFORM dataplat_internal.note_shape(now_name, shape, changed_by);

    INSERT INTO dataplat_internal.known_dataset AS d (relid, object, columns) VALUES (relation, now_name, shape)
        ON CONFLICT (relid) DO UPDATE
       SET object = excluded.object, columns = excluded.columns,
           left_name = CASE WHEN d.object <> excluded.object THEN d.object ELSE d.left_name END,
           left_in = CASE WHEN d.object <> excluded.object THEN pg_current_xact_id() ELSE d.left_in END;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.follow_relation(oid, text) IS 'note name and columns of a relation, and let what was said of it follow';
REVOKE ALL ON FUNCTION dataplat_internal.follow_relation(oid, text) FROM PUBLIC;

-- The catalog must never be the reason why somebody's DDL fails: what goes
-- wrong here is a warning, and refresh_catalog() finds it again.
--
-- SECURITY DEFINER: those who change their tables have no rights on ours.
CREATE OR REPLACE FUNCTION dataplat_internal.follow_ddl()
RETURNS event_trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed oid;
    caller  text := CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role') END;
BEGIN
    FOR changed IN
        SELECT DISTINCT c.oid
          FROM pg_event_trigger_ddl_commands() AS e
          JOIN pg_class AS c ON e.classid = 'pg_class'::regclass AND c.oid = e.objid OR e.classid = 'pg_namespace'::regclass AND c.relnamespace = e.objid
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't' AND NOT e.in_extension
           AND c.relnamespace NOT IN ('dataplat'::regnamespace, 'dataplat_internal'::regnamespace)
         ORDER BY c.oid
    LOOP
        PERFORM dataplat_internal.follow_relation(changed, caller);
        PERFORM dataplat_internal.note_documents(dataplat_internal.dataset_name(changed));
    END LOOP;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'the catalog could not follow this statement: %', SQLERRM
        USING HINT = 'dataplat.refresh_catalog() looks again.';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.follow_ddl() IS 'after DDL: let the catalog follow';
REVOKE ALL ON FUNCTION dataplat_internal.follow_ddl() FROM PUBLIC;

-- SECURITY DEFINER: as follow_ddl().
CREATE OR REPLACE FUNCTION dataplat_internal.follow_drop()
RETURNS event_trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gone   text;
    caller text := CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role') END;
BEGIN
    FOR gone IN
        DELETE FROM dataplat_internal.known_dataset AS k
         USING pg_event_trigger_dropped_objects() AS d
         WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0 AND k.relid = d.objid
        RETURNING k.object
    LOOP
        PERFORM dataplat_internal.note_shape(gone, '[]', caller);
        DELETE FROM dataplat_internal.catalog_document AS c WHERE c.object = gone;
    END LOOP;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'the catalog could not follow this statement: %', SQLERRM
        USING HINT = 'dataplat.refresh_catalog() looks again.';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.follow_drop() IS 'after a DROP: take relations from the catalog; what was said of them stays';
REVOKE ALL ON FUNCTION dataplat_internal.follow_drop() FROM PUBLIC;

DO LANGUAGE plpgsql $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger AS t WHERE t.evtname = 'dataplat_catalog') THEN
        CREATE EVENT TRIGGER dataplat_catalog ON ddl_command_end
            WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE', 'CREATE VIEW', 'ALTER VIEW', 'CREATE MATERIALIZED VIEW',
                         'ALTER MATERIALIZED VIEW', 'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE', 'IMPORT FOREIGN SCHEMA', 'ALTER SCHEMA', 'COMMENT')
            EXECUTE FUNCTION dataplat_internal.follow_ddl();
        CREATE EVENT TRIGGER dataplat_catalog_drop ON sql_drop
            WHEN TAG IN ('DROP TABLE', 'DROP VIEW', 'DROP MATERIALIZED VIEW', 'DROP FOREIGN TABLE', 'DROP SCHEMA', 'DROP OWNED', 'DROP SERVER', 'DROP EXTENSION')
            EXECUTE FUNCTION dataplat_internal.follow_drop();
    END IF;
END;
$$;
COMMENT ON EVENT TRIGGER dataplat_catalog IS 'lets the catalog of dataplat follow renames and note changes of columns';
COMMENT ON EVENT TRIGGER dataplat_catalog_drop IS 'takes dropped relations from the catalog of dataplat';

-- ------------------------------------------------------------------ history

-- SECURITY DEFINER: it reads a private table; who may look is decided by the
-- rights on the view and on this function.
CREATE OR REPLACE FUNCTION dataplat_internal.schema_history_rows(
    OUT object text, OUT version int, OUT noted_at timestamptz, OUT changed_by text, OUT changes text[], OUT columns jsonb)
RETURNS SETOF record
LANGUAGE sql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH told AS (
        SELECT s.*, lag(s.columns) OVER w AS before FROM dataplat_internal.dataset_shape AS s WINDOW w AS (PARTITION BY s.object ORDER BY s.noted_at)
    )
    SELECT t.object, row_number() OVER (PARTITION BY t.object ORDER BY t.noted_at)::int, t.noted_at, t.changed_by,
           ARRAY(SELECT format('noted, columns: %s', jsonb_array_length(t.columns)) WHERE coalesce(t.before, '[]') = '[]'
                 UNION ALL SELECT 'dropped' WHERE t.columns = '[]'
                 UNION ALL
                 (SELECT CASE WHEN b.name IS NULL THEN format('added %I %s', a.name, a.type)
                             WHEN a.name IS NULL THEN format('removed %I %s', b.name, b.type)
                             WHEN a.type <> b.type THEN format('%I is %s, was %s', a.name, a.type, b.type)
                             ELSE format('%I is %s', a.name, CASE WHEN a.not_null THEN 'not null now' ELSE 'nullable now' END) END
                   FROM jsonb_to_recordset(t.before) AS b (name text, type text, not_null boolean)
                   FULL JOIN jsonb_to_recordset(t.columns) AS a (name text, type text, not_null boolean) USING (name)
                  WHERE t.before <> '[]' AND t.columns <> '[]' AND (a IS DISTINCT FROM b)
                  ORDER BY name)),
           t.columns
      FROM told AS t
     WHERE t.before IS DISTINCT FROM t.columns;
$$;
COMMENT ON FUNCTION dataplat_internal.schema_history_rows() IS 'the rows of schema_history, read with the rights of the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.schema_history_rows() FROM PUBLIC;

CREATE OR REPLACE VIEW dataplat.schema_history AS
SELECT h.object, h.version, h.noted_at, h.changed_by, h.changes, h.columns
  FROM dataplat_internal.schema_history_rows() AS h
 ORDER BY h.object, h.version;
COMMENT ON VIEW dataplat.schema_history IS 'versions of the columns of each relation: what changed, when, by whom';
COMMENT ON COLUMN dataplat.schema_history.changed_by IS 'NULL: it was found changed, for the event trigger was not there';
COMMENT ON COLUMN dataplat.schema_history.changes IS 'in words; a renamed column is one removed and one added; a dropped relation is remembered for 30 days';

-- ------------------------------------------------------------------ what is left behind

-- SECURITY DEFINER: as schema_history_rows().
CREATE OR REPLACE FUNCTION dataplat_internal.orphan_rows(OUT object text, OUT column_name text, OUT what text)
RETURNS SETOF record
LANGUAGE sql VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH said AS (
        SELECT n.object, '' AS column_name, 'note' AS what FROM dataplat_internal.dataset_note AS n
        UNION ALL SELECT o.object, '', 'owner ' || o.owner FROM dataplat.dataset_owner AS o
        UNION ALL SELECT t.object, t.column_name, 'tag ' || t.tag FROM dataplat.tag AS t
        UNION ALL SELECT t.object, t.column_name, 'term ' || t.term FROM dataplat.term_assignment AS t
        UNION ALL SELECT d.object, '', 'data product ' || d.product FROM dataplat.data_product_dataset AS d
        UNION ALL SELECT c.object, c.column_name, 'classification ' || c.classification FROM dataplat.column_classification AS c
    ), here AS MATERIALIZED (
        SELECT f.object FROM dataplat_internal.dataset_facts() AS f WHERE f.kind IS NOT NULL
    )
    SELECT s.object, nullif(s.column_name, ''), s.what
      FROM (SELECT x.*, dataplat_internal.dataset_relation(x.object) AS relid FROM said AS x) AS s
     WHERE CASE WHEN s.relid IS NOT NULL THEN s.column_name <> '' AND NOT EXISTS (
                     SELECT FROM pg_attribute AS a WHERE a.attrelid = s.relid AND a.attname = s.column_name AND a.attnum > 0 AND NOT a.attisdropped)
                ELSE s.object NOT IN (SELECT h.object FROM here AS h) END;
$$;
COMMENT ON FUNCTION dataplat_internal.orphan_rows() IS 'the rows of catalog_orphan, read with the rights of the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.orphan_rows() FROM PUBLIC;

CREATE OR REPLACE VIEW dataplat.catalog_orphan AS
SELECT o.object, o.column_name, o.what FROM dataplat_internal.orphan_rows() AS o ORDER BY o.object, o.column_name, o.what;
COMMENT ON VIEW dataplat.catalog_orphan IS
    'what was said of datasets and columns that are gone: whoever bears the name again takes it over; dataplat.forget_dataset() removes it';

-- ------------------------------------------------------------------ refresh

-- Calls of reading statements, by the relations that they name.  A name
-- without its schema counts when only one relation bears it.
CREATE OR REPLACE FUNCTION dataplat_internal.count_uses()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    statements text;
BEGIN
    SELECT format('%I.pg_stat_statements', n.nspname) INTO statements
      FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
     WHERE e.extname = 'pg_stat_statements' AND current_setting('shared_preload_libraries') LIKE '%pg\_stat\_statements%';
    IF NOT FOUND THEN
        DELETE FROM dataplat_internal.dataset_usage;
        RETURN;
    END IF;
    EXECUTE format($q$
        WITH statement AS MATERIALIZED (
            SELECT s.query, sum(s.calls)::bigint AS calls
              FROM %s AS s
             WHERE s.dbid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
               AND regexp_replace(s.query, '^(\s|/\*.*?\*/|--[^\n]*\n)+', '') ~* '^(select|with|table|copy|declare|create\s[^(]*\sas\s)'
             GROUP BY s.query
        ), mention AS (
            SELECT DISTINCT s.query, s.calls, lower(m[1]) AS written
              FROM statement AS s, regexp_matches(s.query, '((?:[[:alpha:]_][[:alnum:]_$]*|"[^"]+")(?:\.(?:[[:alpha:]_][[:alnum:]_$]*|"[^"]+"))?)', 'g') AS m
        ), relation AS (
            SELECT dataplat_internal.dataset_name(c.oid) AS object, format('%%I', c.relname) AS alone, count(*) OVER (PARTITION BY c.relname) AS bearers
              FROM pg_class AS c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND dataplat_internal.is_dataset(c)
        ), counted AS (
            SELECT u.object, sum(u.calls)::bigint AS uses
              FROM (SELECT DISTINCT r.object, m.query, m.calls FROM relation AS r
                      JOIN mention AS m ON m.written = lower(r.object) OR m.written = lower(r.alone) AND r.bearers = 1) AS u
             GROUP BY u.object
        ), gone AS (
            DELETE FROM dataplat_internal.dataset_usage AS d WHERE d.object NOT IN (SELECT r.object FROM relation AS r)
        )
        INSERT INTO dataplat_internal.dataset_usage AS d (object, uses)
        SELECT r.object, coalesce(c.uses, 0) FROM relation AS r LEFT JOIN counted AS c USING (object)
            ON CONFLICT (object) DO UPDATE SET uses = excluded.uses, counted_at = now() WHERE d.uses <> excluded.uses$q$, statements);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.count_uses() IS 'count how often datasets are named in pg_stat_statements, where that is loaded';
REVOKE ALL ON FUNCTION dataplat_internal.count_uses() FROM PUBLIC;

-- Look at everything again: what came from before the extension, from a dump,
-- or past a disabled event trigger.  Returns how many relations had changed.
-- Documents are made anew for all only when asked, or when some are missing.
CREATE OR REPLACE FUNCTION dataplat_internal.refresh_catalog(documents boolean)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed oid;
    n       bigint := 0;
BEGIN
    DELETE FROM dataplat_internal.known_dataset AS k
     WHERE NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = k.relid AND dataplat_internal.is_dataset(c));
    FOR changed IN
        WITH shape AS (
            SELECT a.attrelid, jsonb_agg(jsonb_build_object('attnum', a.attnum, 'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull)
                                         ORDER BY a.attnum) AS columns
              FROM pg_attribute AS a JOIN dataplat_internal.known_dataset AS k ON k.relid = a.attrelid
             WHERE a.attnum > 0 AND NOT a.attisdropped GROUP BY a.attrelid
        )
        SELECT c.oid
          FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
          LEFT JOIN dataplat_internal.known_dataset AS k ON k.relid = c.oid LEFT JOIN shape AS s ON s.attrelid = c.oid
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND dataplat_internal.is_dataset(c)
           AND (k.relid IS NULL OR k.object <> format('%I.%I', n.nspname, c.relname) OR k.columns <> coalesce(s.columns, '[]'))
         ORDER BY c.oid
    LOOP
        PERFORM dataplat_internal.follow_relation(changed, NULL);
        n := n + 1;
    END LOOP;
    -- what is gone is remembered for a while
    DELETE FROM dataplat_internal.dataset_shape AS s
     USING (SELECT h.object FROM dataplat_internal.dataset_shape AS h GROUP BY h.object HAVING max(h.noted_at) < now() - interval '30 days') AS old
     WHERE s.object = old.object AND dataplat_internal.dataset_relation(s.object) IS NULL;
    PERFORM dataplat_internal.count_uses();
    IF documents OR n > 0 OR (SELECT count(*) FROM dataplat_internal.catalog_document) <> (SELECT count(*) FROM dataplat_internal.known_dataset) THEN
        PERFORM dataplat_internal.note_documents(NULL);
    END IF;
    RETURN n;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.refresh_catalog(boolean) IS 'look at every relation again; returns how many had changed';
REVOKE ALL ON FUNCTION dataplat_internal.refresh_catalog(boolean) FROM PUBLIC;

-- As a chore it waits for nobody: its turn comes again.
CREATE OR REPLACE FUNCTION dataplat_internal.tend_catalog()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '500ms'
AS $$
BEGIN
    PERFORM dataplat_internal.refresh_catalog(false);
EXCEPTION WHEN lock_not_available THEN
    NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.tend_catalog() IS 'refresh_catalog() as a chore of the maintenance worker';
REVOKE ALL ON FUNCTION dataplat_internal.tend_catalog() FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_refresh_catalog(caller name, a jsonb)
RETURNS jsonb
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT to_jsonb(dataplat_internal.refresh_catalog(true)); $$;
COMMENT ON FUNCTION dataplat_internal.command_refresh_catalog(name, jsonb) IS 'refresh_catalog as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_refresh_catalog(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.refresh_catalog()
RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('refresh_catalog')::bigint; $$;
COMMENT ON FUNCTION dataplat.refresh_catalog() IS
    'look at every relation again, count uses and index documents; happens by itself, every five minutes; returns how many relations had changed';
REVOKE ALL ON FUNCTION dataplat.refresh_catalog() FROM PUBLIC;
