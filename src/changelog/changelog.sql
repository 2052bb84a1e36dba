/*
 * changelog: watching tables and reading what changed in them.
 *
 * Everything here runs as the owner of the extension, for other rooms.
 */

-- No setting is changed for the trigger functions: they run with each statement, and name nothing that a search_path could turn.
CREATE OR REPLACE FUNCTION dataplat_internal.log_changes()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'dp_log_changes';
COMMENT ON FUNCTION dataplat_internal.log_changes() IS 'write old and new images of a statement''s rows to the log of a watched table';

CREATE OR REPLACE FUNCTION dataplat_internal.log_applied_row()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'dp_log_applied_row';
COMMENT ON FUNCTION dataplat_internal.log_applied_row() IS 'the same for a row that a worker of logical replication applies';

CREATE OR REPLACE FUNCTION dataplat_internal.log_truncate()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'dp_log_truncate';
COMMENT ON FUNCTION dataplat_internal.log_truncate() IS 'note that a watched table was truncated';

CREATE OR REPLACE FUNCTION dataplat_internal.log_of_table(relation regclass)
RETURNS int
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_log_of_table';
COMMENT ON FUNCTION dataplat_internal.log_of_table(regclass) IS 'number of the log that the triggers on a table write; NULL when there are none';

CREATE OR REPLACE FUNCTION dataplat_internal.add_log_triggers(relation regclass, log_id int)
RETURNS void
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_add_log_triggers';
REVOKE ALL ON FUNCTION dataplat_internal.add_log_triggers(regclass, int) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.add_log_triggers(regclass, int) IS
    'put the triggers on a table and its partitions; waits for their writers';

CREATE OR REPLACE FUNCTION dataplat_internal.drop_log_triggers(relation regclass)
RETURNS void
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_drop_log_triggers';
REVOKE ALL ON FUNCTION dataplat_internal.drop_log_triggers(regclass) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.drop_log_triggers(regclass) IS 'take the triggers off a table and its partitions';

CREATE OR REPLACE FUNCTION dataplat_internal.log_column_type(type oid)
RETURNS regtype
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_log_column_type';
COMMENT ON FUNCTION dataplat_internal.log_column_type(oid) IS 'built-in type that carries the values of a type in a log';

CREATE OR REPLACE FUNCTION dataplat_internal.present_frontier(log_id int)
RETURNS text
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_present_frontier';
REVOKE ALL ON FUNCTION dataplat_internal.present_frontier(int) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.present_frontier(int) IS 'the frontier of a reader that has seen everything up to this moment, whose log stays as it is until the transaction ends';

CREATE OR REPLACE FUNCTION dataplat_internal.read_changes(relation regclass, reader text, OUT sign int, OUT "row" jsonb)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_read_changes';
REVOKE ALL ON FUNCTION dataplat_internal.read_changes(regclass, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.read_changes(regclass, text) IS
    'net changes that a reader has not seen: sign -1 old row, 1 new row, 0 {"reset": reason} when images do not tell';

CREATE OR REPLACE FUNCTION dataplat_internal.advance_reader(relation regclass, reader text)
RETURNS void
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_advance_reader';
REVOKE ALL ON FUNCTION dataplat_internal.advance_reader(regclass, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.advance_reader(regclass, text) IS 'move a reader''s frontier to the snapshot of the statement';

CREATE OR REPLACE FUNCTION dataplat_internal.changes_pending(relation regclass, reader text)
RETURNS boolean
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_changes_pending';
REVOKE ALL ON FUNCTION dataplat_internal.changes_pending(regclass, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.changes_pending(regclass, text) IS 'is there anything that a reader has not seen';

-- The name under which a table stands in our tables.
CREATE OR REPLACE FUNCTION dataplat_internal.qualified_name(relation oid)
RETURNS text
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%I.%I', n.nspname, c.relname)
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.oid = relation;
$$;
COMMENT ON FUNCTION dataplat_internal.qualified_name(oid) IS 'schema-qualified name of a table, quoted where needed';

-- An error unless changes of the table can be captured for this role.
CREATE OR REPLACE FUNCTION dataplat_internal.check_watchable(relation regclass, owner name)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c      pg_class;
    root   regclass;
    member regclass;
BEGIN
    SELECT t.* INTO c FROM pg_class AS t WHERE t.oid = check_watchable.relation;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'relation with OID % does not exist', check_watchable.relation::oid USING ERRCODE = 'undefined_table';
    END IF;
    IF c.relkind NOT IN ('r', 'p') THEN
        RAISE EXCEPTION 'cannot capture changes of % because it is not a table', check_watchable.relation
            USING ERRCODE = 'wrong_object_type',
                  HINT = CASE c.relkind WHEN 'm' THEN 'Read the tables of the materialized view instead.'
                                        WHEN 'f' THEN 'A foreign table changes without notice; it can be a lookup.'
                                        ELSE 'Name a table.' END;
    END IF;
    IF c.relnamespace = 'pg_catalog'::regnamespace OR c.relnamespace = 'information_schema'::regnamespace OR c.oid < 16384 THEN
        RAISE EXCEPTION 'cannot capture changes of % because it is a system table', check_watchable.relation
            USING ERRCODE = 'wrong_object_type';
    END IF;
    IF c.relpersistence = 't' THEN
        RAISE EXCEPTION 'cannot capture changes of % because it is a temporary table', check_watchable.relation
            USING ERRCODE = 'feature_not_supported', HINT = 'Other sessions could not read it.';
    END IF;
    IF c.relispartition THEN
        SELECT a.relid INTO root FROM pg_partition_ancestors(check_watchable.relation) AS a
          JOIN pg_class AS t ON t.oid = a.relid WHERE NOT t.relispartition;
        RAISE EXCEPTION 'cannot capture changes of % because it is a partition', check_watchable.relation
            USING ERRCODE = 'feature_not_supported', HINT = format('Use the whole table, %s.', root);
    END IF;
    SELECT i.inhrelid::regclass INTO member FROM pg_inherits AS i
     WHERE c.relkind = 'r' AND i.inhparent = c.oid ORDER BY 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'cannot capture changes of % because other tables inherit from it', check_watchable.relation
            USING ERRCODE = 'feature_not_supported', DETAIL = format('One of them is %s.', member),
                  HINT = 'Use a partitioned table, or a view that joins the tables with UNION ALL.';
    END IF;
    SELECT i.inhparent::regclass INTO member FROM pg_inherits AS i
     WHERE i.inhrelid = c.oid ORDER BY 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'cannot capture changes of % because it inherits from %', check_watchable.relation, member
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Use a partitioned table, or a table of its own.';
    END IF;
    SELECT t.relid INTO member FROM pg_partition_tree(check_watchable.relation) AS t
      JOIN pg_class AS p ON p.oid = t.relid WHERE p.relkind = 'f' ORDER BY t.relid::text LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'cannot capture changes of % because its partition % is a foreign table', check_watchable.relation, member
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Detach the foreign partition, or use the table as a lookup only.';
    END IF;
    IF NOT pg_has_role(owner, c.relowner, 'USAGE') AND NOT has_table_privilege(owner, c.oid, 'TRIGGER') THEN
        RAISE EXCEPTION 'permission denied to capture changes of table %', check_watchable.relation
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('Its owner can allow it with GRANT TRIGGER ON %s TO %I.', check_watchable.relation, owner);
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_watchable(regclass, name) IS 'refuse tables whose changes cannot be captured, and roles that may not have them captured';

-- Make the tables of a log; they belong to the extension, so that dumps leave them out.
CREATE OR REPLACE FUNCTION dataplat_internal.create_log(relation regclass, log_id int)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
    log text;
BEGIN
    FOR segment IN 0..1 LOOP
        log := format('dataplat_internal.change_log_%s_%s', log_id, segment);
        EXECUTE format('CREATE TABLE %s (xid bigint NOT NULL, seq bigint NOT NULL, sign smallint NOT NULL) USING heap WITH (autovacuum_enabled = off)', log);
        EXECUTE format('COMMENT ON TABLE %s IS %L', log, 'images of the rows of a watched table, see dataplat_internal.change_log');
        EXECUTE format('CREATE INDEX ON %s USING brin (xid) WITH (pages_per_range = 16)', log);
        EXECUTE format('ALTER EXTENSION dataplat ADD TABLE %s', log);
    END LOOP;
    INSERT INTO dataplat_internal.change_log_segment (log_id, relid) VALUES (create_log.log_id, create_log.relation);
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.create_log(regclass, int) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.create_log(regclass, int) IS 'make the tables that hold a log';

CREATE OR REPLACE FUNCTION dataplat_internal.drop_log(log_id int)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    log text;
BEGIN
    FOR segment IN 0..1 LOOP
        log := format('dataplat_internal.change_log_%s_%s', log_id, segment);
        CONTINUE WHEN to_regclass(log) IS NULL;
        EXECUTE format('ALTER EXTENSION dataplat DROP TABLE %s', log);
        EXECUTE format('DROP TABLE %s', log);
    END LOOP;
    DELETE FROM dataplat_internal.change_log_segment AS s WHERE s.log_id = drop_log.log_id;
    DELETE FROM dataplat_internal.change_log_reset AS r WHERE r.log_id = drop_log.log_id;
    DELETE FROM dataplat_internal.change_log_alive AS a WHERE a.log_id = drop_log.log_id;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.drop_log(int) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.drop_log(int) IS 'drop the tables that hold a log';

-- Columns that readers need and a log does not have yet, or has with another type.
CREATE OR REPLACE FUNCTION dataplat_internal.missing_log_columns(relation regclass, log_id int)
RETURNS TABLE (attnum int, type regtype, misfit boolean)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.attnum, dataplat_internal.log_column_type(a.atttypid), h.attnum IS NOT NULL
      FROM pg_attribute AS a
      LEFT JOIN pg_attribute AS h
        ON h.attrelid = to_regclass(format('dataplat_internal.change_log_%s_0', log_id)) AND NOT h.attisdropped AND h.attname = 'a' || a.attnum
     WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
       AND (h.attnum IS NULL OR h.atttypid <> dataplat_internal.log_column_type(a.atttypid))
       AND EXISTS (SELECT FROM dataplat_internal.change_log AS l JOIN dataplat_internal.change_log_reader AS r ON r.relation = l.relation
                    WHERE l.log_id = missing_log_columns.log_id AND (r.columns IS NULL OR a.attname = ANY (r.columns)))
     ORDER BY a.attnum;
$$;
COMMENT ON FUNCTION dataplat_internal.missing_log_columns(regclass, int) IS 'columns that a log must get before it serves all its readers';

CREATE OR REPLACE FUNCTION dataplat_internal.widen_log(relation regclass, log_id int)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing record;
    log     text;
BEGIN
    FOR missing IN SELECT * FROM dataplat_internal.missing_log_columns(widen_log.relation, widen_log.log_id) LOOP
        FOR segment IN 0..1 LOOP
            log := format('dataplat_internal.change_log_%s_%s', log_id, segment);
            IF missing.misfit THEN
                EXECUTE format('ALTER TABLE %s DROP COLUMN a%s', log, missing.attnum);
            END IF;
            EXECUTE format('ALTER TABLE %s ADD COLUMN a%s %s', log, missing.attnum, missing.type);
        END LOOP;
    END LOOP;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.widen_log(regclass, int) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.widen_log(regclass, int) IS 'give a log the columns that its readers need';

-- Capture the changes of a table for a reader.  Called again it mends what is
-- broken; the frontier moves to the present when the reader is new, wants
-- other columns, or the log had to be made.
CREATE OR REPLACE FUNCTION dataplat_internal.watch_table(relation regclass, reader text, columns name[] DEFAULT NULL,
                                                         owner name DEFAULT CURRENT_USER, whole_rows boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name    text := dataplat_internal.qualified_name(watch_table.relation);
    unknown name;
    number  int;
    fresh   boolean := false;
    had     dataplat_internal.change_log_reader;
    known   boolean;
BEGIN
    PERFORM dataplat_internal.check_watchable(watch_table.relation, watch_table.owner);
    columns := CASE WHEN watch_table.columns IS NOT NULL THEN ARRAY(SELECT DISTINCT c FROM unnest(watch_table.columns) AS c ORDER BY c) END;
    IF watch_table.columns IS NOT NULL THEN
        SELECT c INTO unknown FROM unnest(columns) AS c
         WHERE NOT EXISTS (SELECT FROM pg_attribute AS a
                            WHERE a.attrelid = watch_table.relation AND a.attname = c AND a.attnum > 0 AND NOT a.attisdropped);
        IF FOUND THEN
            RAISE EXCEPTION 'column "%" of table % does not exist', unknown, watch_table.relation USING ERRCODE = 'undefined_column';
        END IF;
    END IF;

    number := dataplat_internal.log_of_table(watch_table.relation);
    IF number IS NULL THEN
        -- one at a time, and nobody writes from here on
        PERFORM dataplat_internal.lock_tree(watch_table.relation);
        number := dataplat_internal.log_of_table(watch_table.relation);
    END IF;
    IF number IS NULL OR to_regclass(format('dataplat_internal.change_log_%s_0', number)) IS NULL THEN
        PERFORM dataplat_internal.lock_tree(watch_table.relation);
        INSERT INTO dataplat_internal.change_log AS l (relation) VALUES (name)
        ON CONFLICT ON CONSTRAINT change_log_pkey DO UPDATE SET created_at = pg_catalog.now()
        RETURNING l.log_id INTO number;
        PERFORM dataplat_internal.drop_log(number);
        PERFORM dataplat_internal.create_log(watch_table.relation, number);
        PERFORM dataplat_internal.add_log_triggers(watch_table.relation, number);
        fresh := true;
    END IF;
    PERFORM dataplat_internal.check_log(watch_table.relation, '');
    SELECT l.relation INTO name FROM dataplat_internal.change_log AS l WHERE l.log_id = number;

    SELECT r.* INTO had FROM dataplat_internal.change_log_reader AS r
     WHERE r.relation = name AND r.reader = watch_table.reader;
    known := FOUND;
    INSERT INTO dataplat_internal.change_log_reader AS r (relation, reader, columns, whole_rows, owner)
    VALUES (name, watch_table.reader, columns, watch_table.whole_rows, watch_table.owner)
    ON CONFLICT ON CONSTRAINT change_log_reader_pkey
    DO UPDATE SET columns = excluded.columns, whole_rows = excluded.whole_rows, owner = excluded.owner;

    IF EXISTS (SELECT FROM dataplat_internal.missing_log_columns(watch_table.relation, number)) THEN
        PERFORM dataplat_internal.lock_tree(watch_table.relation);
        PERFORM dataplat_internal.widen_log(watch_table.relation, number);
    END IF;
    IF fresh THEN
        UPDATE dataplat_internal.change_log AS l
           SET valid_from = dataplat_internal.present_frontier(number)::jsonb ->> 'snapshot'
         WHERE l.log_id = number;
        UPDATE dataplat_internal.change_log_reader AS r
           SET frontier = NULL, reset_reason = 'its log was lost and is made anew'
         WHERE r.relation = name;
    END IF;
    IF NOT known OR had.columns IS DISTINCT FROM columns THEN
        PERFORM dataplat_internal.reset_reader(watch_table.relation, watch_table.reader);
    END IF;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.watch_table(regclass, text, name[], name, boolean) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.watch_table(regclass, text, name[], name, boolean) IS
    'capture the changes of a table for a reader, all columns or some; the owner must own the table or have the TRIGGER right on it';

CREATE OR REPLACE FUNCTION dataplat_internal.lock_tree(relation regclass)
RETURNS void
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_lock_tree';
REVOKE ALL ON FUNCTION dataplat_internal.lock_tree(regclass) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.lock_tree(regclass) IS 'keep writers off a table and its partitions until the transaction ends';

-- The reader has seen all that is there now.
CREATE OR REPLACE FUNCTION dataplat_internal.reset_reader(relation regclass, reader text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE dataplat_internal.change_log_reader AS r
       SET frontier = dataplat_internal.present_frontier(l.log_id)::jsonb, reset_reason = NULL
      FROM dataplat_internal.change_log AS l
     WHERE l.relation = r.relation AND l.log_id = dataplat_internal.log_of_table(reset_reader.relation)
       AND r.reader = reset_reader.reader;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.reset_reader(regclass, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.reset_reader(regclass, text) IS 'move a reader''s frontier to the present moment';

CREATE OR REPLACE FUNCTION dataplat_internal.rename_reader(reader text, new_name text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE dataplat_internal.change_log_reader AS r SET reader = new_name WHERE r.reader = rename_reader.reader;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.rename_reader(text, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.rename_reader(text, text) IS 'give a reader of any number of tables another name';

-- The last reader of a table takes the triggers and the log along.
CREATE OR REPLACE FUNCTION dataplat_internal.unwatch_table(relation text, reader text)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known  boolean;
    number int;
    place  regclass := to_regclass(unwatch_table.relation);
BEGIN
    DELETE FROM dataplat_internal.change_log_reader AS r
     WHERE r.relation = unwatch_table.relation AND r.reader = unwatch_table.reader;
    known := FOUND;
    IF EXISTS (SELECT FROM dataplat_internal.change_log_reader AS r WHERE r.relation = unwatch_table.relation) THEN
        RETURN known;
    END IF;
    DELETE FROM dataplat_internal.change_log AS l WHERE l.relation = unwatch_table.relation RETURNING l.log_id INTO number;
    IF number IS NOT NULL THEN
        IF place IS NOT NULL AND dataplat_internal.log_of_table(place) = number THEN
            PERFORM dataplat_internal.drop_log_triggers(place);
        END IF;
        PERFORM dataplat_internal.drop_log(number);
    END IF;
    RETURN known;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.unwatch_table(text, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.unwatch_table(text, text) IS
    'forget a reader of a table; the last one takes triggers and log along';
