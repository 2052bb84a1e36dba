/*
 * lineage: DDL that breaks what reads a table.
 *
 * Nothing is guessed: when a statement is done, the objects that have to do
 * with what it touched are read again as they would be when they run, by the
 * functions in dataplat_internal.lineage_ddl_check.
 */

CREATE OR REPLACE FUNCTION dataplat_internal.ddl_statements(sql text)
RETURNS TABLE (statement text, tag text, treatment text, relation text, field text, change text)
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_ddl_statements';
COMMENT ON FUNCTION dataplat_internal.ddl_statements(text) IS
    'statements of a text and what they touch; treatment: refused (no DDL), tried, tried_when_small (may rewrite its table), looked_at (may call functions)';
REVOKE ALL ON FUNCTION dataplat_internal.ddl_statements(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.try_ddl(role name, path text, statement text)
RETURNS void
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_try_ddl';
COMMENT ON FUNCTION dataplat_internal.try_ddl(name, text, text) IS 'run a statement with the rights of a role in a search_path, without the check of DDL';
REVOKE ALL ON FUNCTION dataplat_internal.try_ddl(name, text, text) FROM PUBLIC;

-- ---------------------------------------------------------------- what is broken

CREATE OR REPLACE FUNCTION dataplat_internal.is_lineage_node_there(node text)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE WHEN dataplat_internal.is_lineage_label(node) THEN true ELSE to_regclass(node) IS NOT NULL END; $$;
COMMENT ON FUNCTION dataplat_internal.is_lineage_node_there(text) IS 'false: it is the name of a relation that does not exist';

-- Of functions only those whose body is text: the server looks after the others.
CREATE OR REPLACE FUNCTION dataplat_internal.check_functions_after_ddl(names text[])
RETURNS TABLE (object text, kind text, severity text, reason text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    f record;
BEGIN
    kind := 'function';
    severity := 'breaks';
    -- those that lineage could read so far
    FOR f IN
        SELECT p.oid, format('%I.%I', n.nspname, p.proname) AS name
          FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
         WHERE p.prolang = (SELECT l.oid FROM pg_language AS l WHERE l.lanname = 'sql') AND p.prosqlbody IS NULL
           AND EXISTS (SELECT FROM dataplat_internal.lineage_edge AS e
                        WHERE e.origin = 'function' AND e.job = format('function:%I.%I', n.nspname, p.proname) AND e.valid_to IS NULL
                          AND (names IS NULL OR dataplat_internal.mentions_lineage_name(p.prosrc, names) OR NOT dataplat_internal.is_lineage_node_there(e.input_node)))
         ORDER BY 2
    LOOP
        BEGIN
            PERFORM dataplat_internal.function_lineage(f.name, f.oid);
        EXCEPTION
            WHEN lock_not_available OR deadlock_detected THEN
                RAISE;
            WHEN OTHERS THEN
                object := f.name;
                reason := SQLERRM;
                RETURN NEXT;
        END;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_functions_after_ddl(text[]) IS 'functions in SQL that cannot be read any more';
SELECT dataplat_internal.register_ddl_check('function', 'dataplat_internal.check_functions_after_ddl');

CREATE OR REPLACE FUNCTION dataplat_internal.broken_by_ddl(names text[])
RETURNS TABLE (object text, kind text, severity text, reason text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c dataplat_internal.lineage_ddl_check;
BEGIN
    FOR c IN SELECT * FROM dataplat_internal.lineage_ddl_check AS x ORDER BY x.kind DESC LOOP
        RETURN QUERY EXECUTE format('SELECT r.object, r.kind, r.severity, r.reason FROM %s($1) AS r', c.check_function) USING names;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.broken_by_ddl(text[]) IS 'what does not work now, of what has to do with relations or functions of these names (NULL: of all)';

-- ---------------------------------------------------------------- event triggers

-- Say, or refuse, what a statement breaks.  What was broken before is no news.
-- What is read is locked only while it is read, and not waited for: two
-- sessions with DDL on tables of one pipeline must not wait for each other.
CREATE OR REPLACE FUNCTION dataplat_internal.judge_ddl(tag text, names text[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '500ms'
AS $$
DECLARE
    mode   text := coalesce(current_setting('dataplat.lineage_ddl_check', true), 'warn');
    broken text[];
BEGIN
    IF mode = 'off' THEN
        RETURN;
    END IF;
    BEGIN
        broken := ARRAY(SELECT format('%s %s: %s', b.kind, b.object, b.reason) FROM dataplat_internal.broken_by_ddl(names) AS b
                         WHERE NOT EXISTS (SELECT FROM dataplat_internal.lineage_problem AS p
                                            WHERE p.job = b.kind || ':' || b.object AND p.problem = b.reason)
                         ORDER BY b.kind DESC, b.object);
        RAISE EXCEPTION 'all is known' USING ERRCODE = 'DP000';
    EXCEPTION
        WHEN SQLSTATE 'DP000' THEN
            NULL;
        WHEN OTHERS THEN
            -- the check is an offer: it never keeps anybody from anything
            RAISE WARNING 'could not look what % breaks: %', tag, SQLERRM;
            RETURN;
    END;
    IF cardinality(broken) = 0 THEN
        RETURN;
    ELSIF mode = 'refuse' THEN
        RAISE EXCEPTION '% would break what reads it', tag
            USING ERRCODE = 'dependent_objects_still_exist', DETAIL = array_to_string(broken, E'\n'),
                  HINT = 'Change what reads it first, or SET dataplat.lineage_ddl_check = warn.';
    END IF;
    RAISE WARNING '% breaks what reads it', tag
        USING DETAIL = array_to_string(broken, E'\n'),
              HINT = 'dataplat.preview_change() tells it beforehand, and dataplat.lineage_ddl_check = refuse does not let it happen.';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.judge_ddl(text, text[]) IS 'warn of what a statement breaks, or refuse it, by dataplat.lineage_ddl_check';

-- SECURITY DEFINER: DDL is done by roles that have no rights on the private tables.
CREATE OR REPLACE FUNCTION dataplat_internal.lineage_after_ddl()
RETURNS event_trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names text[];
BEGIN
    IF tg_event = 'sql_drop' THEN
        names := ARRAY(SELECT DISTINCT format('%I.%I', o.schema_name, CASE WHEN o.object_type IN ('function', 'procedure') THEN o.address_names[cardinality(o.address_names)]
                                                                           ELSE o.object_name END)
                         FROM pg_event_trigger_dropped_objects() AS o
                        WHERE o.object_type IN ('table', 'view', 'materialized view', 'foreign table', 'function', 'procedure') AND NOT o.is_temporary
                          AND dataplat_internal.is_lineage_schema(o.schema_name));
    ELSE
        names := ARRAY(
            SELECT DISTINCT format('%I.%I', n.nspname, t.name)
              FROM pg_event_trigger_ddl_commands() AS o
             CROSS JOIN LATERAL (
                   SELECT c.relnamespace, c.relname FROM pg_class AS c
                    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
                      AND CASE o.classid WHEN 'pg_class'::regclass THEN c.oid = o.objid WHEN 'pg_namespace'::regclass THEN c.relnamespace = o.objid END
                    UNION ALL
                   SELECT p.pronamespace, p.proname FROM pg_proc AS p
                    WHERE CASE o.classid WHEN 'pg_proc'::regclass THEN p.oid = o.objid WHEN 'pg_namespace'::regclass THEN p.pronamespace = o.objid END) AS t (schema, name)
              JOIN pg_namespace AS n ON n.oid = t.schema
             WHERE NOT o.in_extension AND dataplat_internal.is_lineage_schema(n.nspname));
    END IF;
    IF cardinality(names) > 0 THEN
        PERFORM dataplat_internal.mark_lineage_stale(tg_tag);
        PERFORM dataplat_internal.judge_ddl(tg_tag, names);
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.lineage_after_ddl() IS 'event trigger: lineage is to be read afresh, and what breaks is told';

DO LANGUAGE plpgsql $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger AS t WHERE t.evtname = 'dataplat_lineage_ddl') THEN
        CREATE EVENT TRIGGER dataplat_lineage_ddl ON ddl_command_end
            WHEN TAG IN ('ALTER TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER FOREIGN TABLE', 'CREATE VIEW', 'CREATE MATERIALIZED VIEW',
                         'CREATE FUNCTION', 'CREATE PROCEDURE', 'ALTER FUNCTION', 'ALTER PROCEDURE', 'ALTER ROUTINE', 'ALTER SCHEMA')
            EXECUTE FUNCTION dataplat_internal.lineage_after_ddl();
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger AS t WHERE t.evtname = 'dataplat_lineage_drop') THEN
        CREATE EVENT TRIGGER dataplat_lineage_drop ON sql_drop
            WHEN TAG IN ('DROP TABLE', 'DROP VIEW', 'DROP MATERIALIZED VIEW', 'DROP FOREIGN TABLE', 'DROP FUNCTION', 'DROP PROCEDURE', 'DROP ROUTINE',
                         'DROP SCHEMA', 'DROP TYPE', 'DROP DOMAIN', 'DROP OWNED', 'DROP EXTENSION', 'DROP SERVER')
            EXECUTE FUNCTION dataplat_internal.lineage_after_ddl();
    END IF;
END;
$$;
COMMENT ON EVENT TRIGGER dataplat_lineage_ddl IS 'notice what changes lineage, and what ALTER breaks (dataplat.lineage_ddl_check)';
COMMENT ON EVENT TRIGGER dataplat_lineage_drop IS 'notice what changes lineage, and what DROP breaks (dataplat.lineage_ddl_check)';

-- ---------------------------------------------------------------- preview

-- Relations and functions that go with a statement, by CASCADE for example.
CREATE OR REPLACE FUNCTION dataplat_internal.droppable_objects()
RETURNS TABLE (classid oid, objid oid)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'pg_class'::regclass::oid, c.oid FROM pg_class AS c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND c.oid >= 16384
    UNION ALL
    SELECT 'pg_proc'::regclass::oid, p.oid FROM pg_proc AS p WHERE p.oid >= 16384
    UNION ALL
    SELECT 'pg_constraint'::regclass::oid, k.oid FROM pg_constraint AS k WHERE k.contype = 'f' AND k.conparentid = 0;
$$;
COMMENT ON FUNCTION dataplat_internal.droppable_objects() IS 'objects whose loss preview_change() tells of';

-- Tables larger than this are not rewritten only to be rolled back.
CREATE OR REPLACE FUNCTION dataplat_internal.is_too_large_to_try(relation regclass)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(sum(pg_relation_size(t.relid)), 0) > 16 * 1024 * 1024
      FROM (SELECT relation AS relid UNION SELECT p.relid FROM pg_partition_tree(relation) AS p) AS t;
$$;
COMMENT ON FUNCTION dataplat_internal.is_too_large_to_try(regclass) IS 'would rewriting the table take long?';

-- Run what may be run, look what is broken then, and give it all up.
CREATE OR REPLACE FUNCTION dataplat_internal.try_change(caller name, path text, statements text[])
RETURNS SETOF dataplat_internal.lineage_impact
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
    before  text[] := ARRAY(SELECT b.kind || ' ' || b.object || ' ' || b.reason FROM dataplat_internal.broken_by_ddl(NULL) AS b);
    objects text[] := ARRAY(SELECT o.classid || ' ' || o.objid FROM dataplat_internal.droppable_objects() AS o);
    lost    text[];
    broken  dataplat_internal.lineage_impact[];
    one     text;
    detail  text;
    hint    text;
BEGIN
    BEGIN
        FOREACH one IN ARRAY statements LOOP
            PERFORM dataplat_internal.try_ddl(caller, path, one);
        END LOOP;
        one := NULL;
        broken := ARRAY(SELECT ROW(b.object, b.kind, b.severity, b.reason, ARRAY[b.kind || ':' || b.object])::dataplat_internal.lineage_impact
                          FROM dataplat_internal.broken_by_ddl(NULL) AS b
                         WHERE NOT b.kind || ' ' || b.object || ' ' || b.reason = ANY (before));
        lost := ARRAY(SELECT o FROM unnest(objects) AS o
                      EXCEPT SELECT o.classid || ' ' || o.objid FROM dataplat_internal.droppable_objects() AS o);
        RAISE EXCEPTION 'all is known' USING ERRCODE = 'DP000';
    EXCEPTION
        WHEN SQLSTATE 'DP000' THEN
            NULL;
        WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
            RETURN NEXT ROW(coalesce(one, 'the check'), 'statement', 'breaks', concat_ws(' ', SQLERRM || '.', replace(nullif(detail, ''), E'\n', '; '), nullif(hint, '')),
                            NULL)::dataplat_internal.lineage_impact;
            RETURN;
    END;
    RETURN QUERY SELECT b.* FROM unnest(broken) AS b;
    RETURN QUERY
        SELECT i.identity, i.type, 'breaks', 'is dropped', ARRAY[i.identity]
          FROM unnest(lost) AS o CROSS JOIN LATERAL pg_identify_object(split_part(o, ' ', 1)::oid, split_part(o, ' ', 2)::oid, 0) AS i
         WHERE i.identity IS NOT NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.try_change(name, text, text[]) IS 'what breaks when statements are run, which are rolled back';

CREATE OR REPLACE FUNCTION dataplat_internal.preview_rows(caller name, sql text, path text)
RETURNS SETOF dataplat_internal.lineage_impact
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s       record;
    touched record;
    found   dataplat_internal.lineage_impact[];
    unread  boolean;
    looked  text[] := '{}';
    runs    text[] := '{}';
BEGIN
    PERFORM dataplat_internal.freshen_lineage();
    FOR s IN
        SELECT d.statement, min(d.tag) AS tag, min(d.treatment) AS treatment, min(d.relation) AS relation
          FROM dataplat_internal.ddl_statements(sql) WITH ORDINALITY AS d (statement, tag, treatment, relation, field, change, nth)
         GROUP BY d.statement ORDER BY min(d.nth)
    LOOP
        IF s.treatment = 'refused' THEN
            RAISE EXCEPTION 'cannot preview %', s.tag
                USING ERRCODE = 'feature_not_supported',
                      HINT = 'Only DDL on tables, views and functions is tried: ALTER, DROP, RENAME, CREATE VIEW, CREATE FUNCTION, GRANT.';
        END IF;
        IF s.treatment = 'looked_at' OR (s.treatment = 'tried_when_small' AND dataplat_internal.is_too_large_to_try(dataplat_internal.relation_in_path(s.relation, path))) THEN
            looked := looked || s.statement;
        ELSE
            runs := runs || s.statement;
        END IF;
    END LOOP;
    found := ARRAY(SELECT t FROM dataplat_internal.try_change(caller, path, runs) AS t);
    unread := EXISTS (SELECT FROM unnest(found) AS f WHERE f.kind = 'statement');
    RETURN QUERY SELECT f.* FROM unnest(found) AS f;
    RETURN QUERY
        SELECT l, 'statement', 'affected', 'was not run, because it may rewrite a large table or call functions; what reads the column is listed', NULL::text[]
          FROM unnest(looked) AS l;
    -- and what lineage knows to hang on it
    FOR touched IN SELECT d.statement, d.relation, d.field, d.change FROM dataplat_internal.ddl_statements(sql) AS d
                    WHERE d.relation IS NOT NULL AND d.change IN ('drop', 'rename', 'retype')
    LOOP
        RETURN QUERY SELECT i.* FROM dataplat_internal.preview_impact(touched.relation, touched.field, touched.change, unread OR touched.statement = ANY (looked), path, found) AS i;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.preview_rows(name, text, text) IS 'preview_change() in no order';

-- Pipelines and functions were read again: of them impact() says nothing new,
-- and nothing is wrong below those that still work.
CREATE OR REPLACE FUNCTION dataplat_internal.preview_impact(relation text, field text, change text, unread boolean, path text,
    found_rows dataplat_internal.lineage_impact[])
RETURNS SETOF dataplat_internal.lineage_impact
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    start dataplat_internal.lineage_step;
    paths text[];
BEGIN
    BEGIN
        start := dataplat_internal.lineage_node(relation, preview_impact.path);
        IF field IS NOT NULL THEN
            start := dataplat_internal.lineage_node(dataplat_internal.lineage_node_name(start.dataset, field), '');
        END IF;
    EXCEPTION WHEN undefined_object THEN
        RETURN;
    END;
    paths := ARRAY(SELECT f.object FROM unnest(found_rows) AS f);
    RETURN QUERY
        SELECT i.object, i.kind, CASE WHEN change = 'retype' AND i.severity = 'breaks' THEN 'affected' ELSE i.severity END,
               CASE WHEN change = 'retype' AND i.severity = 'breaks' THEN i.reason || ', whose type changes' ELSE i.reason END, i.path
          FROM dataplat_internal.impact_rows(start) AS i
         WHERE NOT i.object = ANY (paths)
           -- the server carries its own objects through renames, and most through a change of type
           AND (change = 'drop' OR i.kind NOT IN ('view', 'materialized view', 'index', 'table constraint', 'trigger', 'policy', 'statistics object', 'default value'))
           AND (unread OR i.kind NOT IN ('pipeline', 'function'))
           AND (change = 'drop' OR i.severity = 'breaks' OR (unread AND change = 'rename'));
    IF NOT unread AND change <> 'drop' THEN
        RETURN QUERY
            SELECT i.* FROM unnest(found_rows) AS f
             CROSS JOIN LATERAL dataplat_internal.impact_rows(dataplat_internal.lineage_node('pipeline:' || f.object, '')) AS i
             WHERE f.kind = 'pipeline' AND EXISTS (SELECT FROM dataplat_internal.lineage_edge AS e WHERE e.job = 'pipeline:' || f.object AND e.valid_to IS NULL);
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.preview_impact(text, text, text, boolean, text, dataplat_internal.lineage_impact[]) IS
    'what hangs on a relation or column that a statement drops, renames or retypes';

CREATE OR REPLACE FUNCTION dataplat_internal.command_preview_change(caller name, a jsonb)
RETURNS jsonb
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(r) ORDER BY array_position('{breaks,wrong,affected}'::text[], r.severity), coalesce(cardinality(r.path), 0), r.kind, r.object), '[]')
      FROM (SELECT DISTINCT ON (p.kind, p.object) p.* FROM dataplat_internal.preview_rows(caller, a ->> 'sql', a ->> 'search_path') AS p
             ORDER BY p.kind, p.object, array_position('{breaks,wrong,affected}'::text[], p.severity), cardinality(p.path), p.reason) AS r;
$$;
COMMENT ON FUNCTION dataplat_internal.command_preview_change(name, jsonb) IS 'preview_change as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat.preview_change(sql text, search_path text DEFAULT pg_catalog.current_setting('search_path'))
RETURNS TABLE (object text, kind text, severity text, reason text, path text[])
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.object, r.kind, r.severity, r.reason, r.path
      FROM ROWS FROM (jsonb_to_recordset(dataplat.command('preview_change', jsonb_build_object('sql', $1, 'search_path', $2)))
                      AS (object text, kind text, severity text, reason text, path text[])) WITH ORDINALITY AS r (object, kind, severity, reason, path, nth)
     ORDER BY r.nth;
$$;
COMMENT ON FUNCTION dataplat.preview_change(text, text) IS
    'what statements of DDL would break; they are run with the rights of the caller and rolled back, or only looked at where that would take long';
