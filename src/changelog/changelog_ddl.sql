/* changelog: what ddl.c calls after a statement that changed a watched table; each takes the table and a text. */

-- A reset, as the triggers write it.
CREATE OR REPLACE FUNCTION dataplat_internal.write_reset(log_id int, reason text)
RETURNS void
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_write_reset';
REVOKE ALL ON FUNCTION dataplat_internal.write_reset(int, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.write_reset(int, text) IS 'let the readers of a log compute afresh, for this reason';

-- pg_partition_tree() knows nothing of tables that have no partitions.
CREATE OR REPLACE FUNCTION dataplat_internal.table_tree(relation oid)
RETURNS SETOF oid
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT relation UNION SELECT t.relid FROM pg_partition_tree(relation) AS t;
$$;
COMMENT ON FUNCTION dataplat_internal.table_tree(oid) IS 'a table and all its partitions';

-- Is every member of the tree captured?  What can be mended is mended; a time
-- in which something was not captured leaves a reset.
CREATE OR REPLACE FUNCTION dataplat_internal.check_log(relation oid, note text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number       int := dataplat_internal.log_of_table(check_log.relation);
    was_broken   text;
    is_broken    text;
    was_unlogged boolean;
    is_unlogged  boolean;
    loose        record;
BEGIN
    FOR loose IN
        SELECT t.tgrelid::regclass AS relation, t.tgname, (t.tgtype & 1) = 1 AS for_rows
          FROM dataplat_internal.table_tree(check_log.relation) AS m (relid) JOIN pg_trigger AS t ON t.tgrelid = m.relid
         WHERE t.tgisinternal AND t.tgname LIKE 'dataplat\_log\_%' AND t.tgenabled <> 'D'
           AND t.tgenabled <> CASE WHEN (t.tgtype & 1) = 1 THEN 'R' ELSE 'A' END
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE %s TRIGGER %I', loose.relation,
                       CASE WHEN loose.for_rows THEN 'REPLICA' ELSE 'ALWAYS' END, loose.tgname);
    END LOOP;

    SELECT m.relid::regclass AS relation INTO loose
      FROM dataplat_internal.table_tree(check_log.relation) AS m (relid) JOIN pg_class AS c ON c.oid = m.relid
     WHERE c.relkind IN ('r', 'p') AND dataplat_internal.log_of_table(m.relid) IS DISTINCT FROM number
     ORDER BY m.relid::text LIMIT 1;
    IF FOUND THEN
        PERFORM dataplat_internal.add_log_triggers(check_log.relation, number);
        PERFORM dataplat_internal.write_reset(number, format('partition "%s" was not captured for a while', loose.relation));
    END IF;

    SELECT l.broken INTO was_broken FROM dataplat_internal.change_log AS l WHERE l.log_id = number;
    SELECT format('its partition "%s" is a foreign table', m.relid::regclass) INTO is_broken
      FROM dataplat_internal.table_tree(check_log.relation) AS m (relid) JOIN pg_class AS c ON c.oid = m.relid
     WHERE c.relkind = 'f' ORDER BY m.relid::text LIMIT 1;
    IF NOT FOUND THEN
        SELECT format('the triggers that capture changes of "%s" are disabled', m.relid::regclass) INTO is_broken
          FROM dataplat_internal.table_tree(check_log.relation) AS m (relid) JOIN pg_trigger AS t ON t.tgrelid = m.relid
         WHERE t.tgisinternal AND t.tgname LIKE 'dataplat\_log\_%' AND t.tgenabled = 'D' ORDER BY m.relid::text LIMIT 1;
    END IF;
    IF is_broken IS DISTINCT FROM was_broken THEN
        UPDATE dataplat_internal.change_log AS l SET broken = is_broken WHERE l.log_id = number;
        IF was_broken IS NOT NULL THEN
            PERFORM dataplat_internal.write_reset(number, format('not all was captured for a while: %s', was_broken));
        END IF;
    END IF;

    SELECT bool_or(c.relpersistence = 'u') INTO is_unlogged
      FROM dataplat_internal.table_tree(check_log.relation) AS m (relid) JOIN pg_class AS c ON c.oid = m.relid WHERE c.relkind = 'r';
    UPDATE dataplat_internal.change_log_segment AS s SET unlogged = is_unlogged
     WHERE s.log_id = number AND s.unlogged <> is_unlogged;
    was_unlogged := NOT FOUND;
    IF is_unlogged AND NOT EXISTS (SELECT FROM dataplat_internal.change_log_alive AS a WHERE a.log_id = number) THEN
        INSERT INTO dataplat_internal.change_log_alive (log_id) VALUES (number);
        IF was_unlogged THEN
            PERFORM dataplat_internal.write_reset(number, 'an unlogged table may have been emptied by a crash');
        END IF;
    END IF;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.check_log(oid, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.check_log(oid, text) IS 'see that a watched table and its partitions are captured, mend what is not';

CREATE OR REPLACE FUNCTION dataplat_internal.check_broken_logs(relation oid, note text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.check_log(s.relid, '')
      FROM dataplat_internal.change_log AS l JOIN dataplat_internal.change_log_segment AS s ON s.log_id = l.log_id
     WHERE l.broken IS NOT NULL AND dataplat_internal.log_of_table(s.relid) = l.log_id;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.check_broken_logs(oid, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.check_broken_logs(oid, text) IS 'look again at what could not be captured before';

-- Whole rows are not what they were: who computes with them (to_jsonb(t)) does so afresh.
CREATE OR REPLACE FUNCTION dataplat_internal.log_rows_changed(relation oid, what text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE dataplat_internal.change_log_reader AS r
       SET frontier = NULL, reset_reason = what || ', and whole rows are read'
      FROM dataplat_internal.change_log AS l
     WHERE l.relation = r.relation AND l.log_id = dataplat_internal.log_of_table(log_rows_changed.relation) AND r.whole_rows;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.log_rows_changed(oid, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.log_rows_changed(oid, text) IS 'let readers of whole rows compute afresh after ALTER TABLE ... ADD, DROP and RENAME COLUMN';

-- A column was added; name is empty unless the rows that are there got a value.
CREATE OR REPLACE FUNCTION dataplat_internal.log_column_added(relation oid, name text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number int := dataplat_internal.log_of_table(log_column_added.relation);
BEGIN
    PERFORM dataplat_internal.widen_log(log_column_added.relation, number);
    IF name <> '' AND EXISTS (SELECT FROM dataplat_internal.change_log AS l JOIN dataplat_internal.change_log_reader AS r ON r.relation = l.relation
                               WHERE l.log_id = number AND r.columns IS NULL) THEN
        PERFORM dataplat_internal.write_reset(number, format('column "%s" was added with a value in each row', name));
    END IF;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.log_column_added(oid, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.log_column_added(oid, text) IS 'let a log follow ALTER TABLE ... ADD COLUMN';

-- A column has other values than before, perhaps of another type.
CREATE OR REPLACE FUNCTION dataplat_internal.log_column_retyped(relation oid, name text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number int := dataplat_internal.log_of_table(log_column_retyped.relation);
BEGIN
    IF NOT EXISTS (SELECT FROM dataplat_internal.change_log AS l JOIN dataplat_internal.change_log_reader AS r ON r.relation = l.relation
                    WHERE l.log_id = number AND (r.columns IS NULL OR log_column_retyped.name = ANY (r.columns))) THEN
        RETURN;
    END IF;
    PERFORM dataplat_internal.widen_log(log_column_retyped.relation, number);
    -- who reads with an older snapshot finds that the log is another one
    UPDATE dataplat_internal.change_log AS l
       SET valid_from = dataplat_internal.present_frontier(number)::jsonb ->> 'snapshot'
     WHERE l.log_id = number;
    PERFORM dataplat_internal.write_reset(number, format('column "%s" was rewritten', name));
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.log_column_retyped(oid, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.log_column_retyped(oid, text) IS 'let a log follow ALTER TABLE ... ALTER COLUMN ... TYPE';

CREATE OR REPLACE FUNCTION dataplat_internal.log_column_renamed(relation oid, names text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE dataplat_internal.change_log_reader AS r
       SET columns = array_replace(r.columns, (names::jsonb ->> 'old')::name, (names::jsonb ->> 'new')::name)
      FROM dataplat_internal.change_log AS l
     WHERE l.relation = r.relation AND l.log_id = dataplat_internal.log_of_table(log_column_renamed.relation)
       AND (names::jsonb ->> 'old')::name = ANY (r.columns);
$$;
REVOKE ALL ON FUNCTION dataplat_internal.log_column_renamed(oid, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.log_column_renamed(oid, text) IS 'let readers follow a column: {"old", "new"}';

-- Names follow the tables.  A table that takes the place of one that is gone
-- takes over its readers, who compute afresh.
CREATE OR REPLACE FUNCTION dataplat_internal.refresh_log_names(relation oid, note text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moved record;
BEGIN
    FOR moved IN
        SELECT l.relation AS before, 'renamed ' || l.log_id AS old, dataplat_internal.qualified_name(s.relid) AS new, l.log_id
          FROM dataplat_internal.change_log AS l JOIN dataplat_internal.change_log_segment AS s ON s.log_id = l.log_id
         WHERE l.relation <> dataplat_internal.qualified_name(s.relid)
    LOOP
        -- two tables may have changed names
        UPDATE dataplat_internal.change_log AS l SET relation = moved.old WHERE l.log_id = moved.log_id;
        UPDATE dataplat_internal.consumer AS c SET relation = moved.new
         WHERE c.relation = moved.before
           AND NOT EXISTS (SELECT FROM dataplat_internal.consumer AS o WHERE o.relation = moved.new AND o.consumer = c.consumer);
        UPDATE dataplat_internal.change_log_reader AS r
           SET relation = moved.old, frontier = NULL, reset_reason = 'another table took its name'
         WHERE r.relation = moved.new
           AND NOT EXISTS (SELECT FROM dataplat_internal.change_log_reader AS o WHERE o.relation = moved.old AND o.reader = r.reader);
        PERFORM dataplat_internal.drop_log(l.log_id) FROM dataplat_internal.change_log AS l WHERE l.relation = moved.new;
        DELETE FROM dataplat_internal.change_log AS l WHERE l.relation = moved.new;
        UPDATE dataplat_internal.change_log AS l SET relation = moved.new WHERE l.log_id = moved.log_id;
        PERFORM dataplat_internal.widen_log(s.relid, s.log_id) FROM dataplat_internal.change_log_segment AS s WHERE s.log_id = moved.log_id;
    END LOOP;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.refresh_log_names(oid, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.refresh_log_names(oid, text) IS 'write down the present names of watched tables';
