/* changelog: consume(), deltas for users' own statements. */

CREATE OR REPLACE FUNCTION dataplat.consume(consumer text, relation regclass, from_start boolean DEFAULT true,
                                            OUT change text, OUT "row" jsonb)
RETURNS SETOF record
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_consume';
REVOKE ALL ON FUNCTION dataplat.consume(text, regclass, boolean) FROM PUBLIC;
COMMENT ON FUNCTION dataplat.consume(text, regclass, boolean) IS
    'rows of a table that the consumer has not seen: change is insert, delete, or reset with a reason, after which everything present follows; the first call registers the consumer';

-- Lock a consumer's row, or make it.  lost says why everything must be told again.
CREATE OR REPLACE FUNCTION dataplat_internal.open_consumer(consumer text, relation oid, caller name, has_log boolean,
                                                           OUT is_new boolean, OUT lost text, OUT arrivals jsonb)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := dataplat_internal.qualified_name(open_consumer.relation);
    reader_name text := 'consumer ' || open_consumer.consumer;
    known dataplat_internal.consumer;
BEGIN
    IF open_consumer.consumer = '' OR octet_length(open_consumer.consumer) >= 64 THEN
        RAISE EXCEPTION 'invalid name of a consumer "%"', open_consumer.consumer
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Names have 1 to 63 bytes.';
    END IF;
    is_new := false;
    LOOP
        SELECT c.* INTO known FROM dataplat_internal.consumer AS c
         WHERE c.consumer = open_consumer.consumer AND c.relation = name FOR UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO dataplat_internal.consumer AS c (consumer, relation, owner) VALUES (open_consumer.consumer, name, caller)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            is_new := true;
            known.owner := caller;
            EXIT;
        END IF;
    END LOOP;
    IF NOT pg_has_role(caller, known.owner, 'MEMBER') THEN
        RAISE EXCEPTION 'must be a member of role "%" to use consumer "%"', known.owner, open_consumer.consumer
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    arrivals := known.arrivals;
    IF NOT has_log THEN
        is_new := is_new OR arrivals IS NULL;
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM dataplat_internal.change_log_reader AS r WHERE r.relation = name AND r.reader = reader_name) THEN
        PERFORM dataplat_internal.watch_table(open_consumer.relation, reader_name, NULL, known.owner);
        lost := CASE WHEN NOT is_new THEN 'it is another table than before' END;
    ELSIF EXISTS (SELECT FROM dataplat_internal.lost_change_logs() AS l WHERE l = name) THEN
        PERFORM dataplat_internal.watch_table(open_consumer.relation, reader_name, NULL, known.owner);
        lost := 'its log was lost and is made anew';
    END IF;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.open_consumer(text, oid, name, boolean) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.open_consumer(text, oid, name, boolean) IS 'lock a consumer, one session at a time';

CREATE OR REPLACE FUNCTION dataplat_internal.close_consumer(consumer text, relation oid, arrivals text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := dataplat_internal.qualified_name(close_consumer.relation);
BEGIN
    UPDATE dataplat_internal.consumer AS c
       SET arrivals = close_consumer.arrivals::jsonb, consumed_at = clock_timestamp()
     WHERE c.consumer = close_consumer.consumer AND c.relation = name;
    IF close_consumer.arrivals IS NOT NULL THEN
        -- A batch that is being written now began less than a day ago.
        PERFORM dataplat_internal.set_bronze_reader(name, 'consumer ' || close_consumer.consumer, needs_since => now() - interval '1 day');
    END IF;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.close_consumer(text, oid, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.close_consumer(text, oid, text) IS 'note how far a consumer has come';

CREATE OR REPLACE FUNCTION dataplat.drop_consumer(consumer text, relation regclass DEFAULT NULL)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat.command('drop_consumer', jsonb_build_object('consumer', consumer, 'relation', relation::oid));
$$;
REVOKE ALL ON FUNCTION dataplat.drop_consumer(text, regclass) FROM PUBLIC;
COMMENT ON FUNCTION dataplat.drop_consumer(text, regclass) IS 'forget a consumer of one table, or of all';

CREATE OR REPLACE FUNCTION dataplat_internal.command_drop_consumer(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c     dataplat_internal.consumer;
    found boolean := false;
BEGIN
    FOR c IN
        SELECT x.* FROM dataplat_internal.consumer AS x
         WHERE x.consumer = a ->> 'consumer'
           AND (a ->> 'relation' IS NULL OR x.relation = dataplat_internal.qualified_name((a ->> 'relation')::oid))
         ORDER BY x.relation FOR UPDATE
    LOOP
        found := true;
        IF NOT pg_has_role(caller, c.owner, 'MEMBER') THEN
            RAISE EXCEPTION 'must be a member of role "%" to drop consumer "%"', c.owner, c.consumer
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        DELETE FROM dataplat_internal.consumer AS x WHERE x.consumer = c.consumer AND x.relation = c.relation;
        DELETE FROM dataplat_internal.bronze_reader AS b WHERE b.target = c.relation AND b.reader = 'consumer ' || c.consumer;
        PERFORM dataplat_internal.unwatch_table(c.relation, 'consumer ' || c.consumer);
    END LOOP;
    IF NOT found THEN
        RAISE EXCEPTION 'consumer "%" does not exist', a ->> 'consumer'
            USING ERRCODE = 'undefined_object', HINT = 'See dataplat.consumer for the consumers and their tables.';
    END IF;
    RETURN NULL;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.command_drop_consumer(name, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.command_drop_consumer(name, jsonb) IS 'drop_consumer as the owner of the extension';

CREATE OR REPLACE VIEW dataplat.consumer AS
SELECT c.consumer, c.relation, c.owner, coalesce(c.arrivals, r.frontier) AS frontier, c.registered_at, c.consumed_at
  FROM dataplat_internal.consumer AS c
  LEFT JOIN dataplat_internal.change_log_reader AS r ON r.relation = c.relation AND r.reader = 'consumer ' || c.consumer;
COMMENT ON VIEW dataplat.consumer IS 'who calls dataplat.consume(), on which tables, and how far each has come';
COMMENT ON COLUMN dataplat.consumer.frontier IS 'what the consumer has seen; NULL: it begins afresh at the next call';
COMMENT ON COLUMN dataplat.consumer.consumed_at IS 'when the last call began to commit';
