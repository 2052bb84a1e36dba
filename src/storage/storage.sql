/* storage: making bronze tables, their partitions, and dropping expired ones. */

-- Split a table name as people write it; one part means the schema bronze.
CREATE OR REPLACE FUNCTION dataplat_internal.table_name_parts(target text, OUT schema_name name, OUT table_name name)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts text[];
BEGIN
    BEGIN
        parts := parse_ident(target);
    EXCEPTION WHEN invalid_parameter_value THEN
        parts := '{}';
    END;
    IF cardinality(parts) NOT IN (1, 2) OR target IS NULL THEN
        RAISE EXCEPTION 'invalid table name "%"', target
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Write schema.table, with double quotes around a part that needs them.';
    END IF;
    schema_name := CASE cardinality(parts) WHEN 2 THEN parts[1] ELSE 'bronze' END;
    table_name := parts[cardinality(parts)];
END;
$$;
COMMENT ON FUNCTION dataplat_internal.table_name_parts(text) IS 'schema and name of a table written by a user';

-- The type that a message becomes when it is stored in one column.
CREATE OR REPLACE FUNCTION dataplat_internal.document_type(format text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE format WHEN 'text' THEN 'text' WHEN 'bytes' THEN 'bytea' ELSE 'jsonb' END;
$$;
COMMENT ON FUNCTION dataplat_internal.document_type(text) IS 'column type of a whole message or key of a format';

-- The columns of a bronze table, in their physical order.  kind says who fills
-- the column: bronze (about the message), field (a part of it), value (all of
-- it) or include.  not_null is what a table that we make declares; needed is
-- what an existing table must have.
CREATE OR REPLACE FUNCTION dataplat_internal.bronze_columns(several boolean, format text, key_format text, layout text,
                                                            columns jsonb, include text[])
RETURNS TABLE (ordinal bigint, name name, type text, not_null boolean, needed boolean, kind text, note text)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT row_number() OVER (ORDER BY c.place, c.nth), c.name::name, c.type, c.not_null, c.needed, c.kind, c.note
      FROM (SELECT v.place, 0::bigint AS nth, v.name, v.type, v.not_null, v.needed, v.kind, v.note
              FROM (VALUES
                (1, '_topic', 'text', true, true, 'bronze', 'Kafka topic of the message', several),
                (2, '_partition', 'integer', true, true, 'bronze', 'Kafka partition of the message', true),
                (3, '_offset', 'bigint', true, true, 'bronze', 'offset of the message in its partition', true),
                (4, '_timestamp', 'timestamp with time zone', false, false, 'bronze', 'timestamp of the message; NULL when it has none or one that PostgreSQL cannot hold', true),
                (5, '_key', dataplat_internal.document_type(key_format), false, false, 'bronze', 'key of the message', true),
                (6, '_headers', 'jsonb', false, false, 'bronze', 'headers of the message: array of {"key", "value"}, bytes that are not UTF-8 under "base64"', true),
                (7, '_schema_id', 'integer', false, false, 'bronze', 'id of the schema the message was written with', true),
                (8, '_batch_id', 'bigint', true, false, 'bronze', 'batch that stored the row, see dataplat.batch', true),
                (9, '_ingested_at', 'timestamp with time zone', true, false, 'bronze', 'when the row was stored; the partition key', true),
                (11, 'value', dataplat_internal.document_type(format), false, true, 'value', 'the message', layout IN ('document', 'both')),
                (12, '_raw', 'bytea', false, true, 'include', 'bytes of the message as they came', 'raw' = ANY (include)),
                (13, '_raw_key', 'bytea', false, true, 'include', 'bytes of the key as they came', 'raw_key' = ANY (include)),
                (14, '_tombstone', 'boolean', false, true, 'include', 'true when the message has no value', 'tombstone' = ANY (include)),
                (15, '_rescued', 'jsonb', false, true, 'include', 'fields of the message that have no column', 'rescued' = ANY (include))
                ) AS v (place, name, type, not_null, needed, kind, note, wanted)
             WHERE v.wanted
            UNION ALL
            SELECT 10, f.nth, f.spec ->> 'name', f.spec ->> 'type', coalesce((f.spec ->> 'not_null')::boolean, false), true, 'field',
                   format('field %s of the message', f.spec ->> 'field')
              FROM jsonb_array_elements(CASE WHEN layout IN ('columns', 'both') THEN coalesce(columns, '[]') ELSE '[]' END)
                   WITH ORDINALITY AS f (spec, nth)) AS c;
$$;
COMMENT ON FUNCTION dataplat_internal.bronze_columns(boolean, text, text, text, jsonb, text[]) IS
    'columns of a bronze table in their physical order';

-- Why an existing table cannot be filled, a line for each column; empty when it can.
CREATE OR REPLACE FUNCTION dataplat_internal.bronze_misfits(relation regclass, several boolean, format text, key_format text,
                                                            layout text, columns jsonb, include text[])
RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH wanted AS (
        SELECT * FROM dataplat_internal.bronze_columns(several, format, key_format, layout, columns, include)
    ), have AS (
        SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull, a.attgenerated, a.attidentity,
               a.atthasdef OR a.attidentity <> '' AS filled
          FROM pg_attribute AS a
         WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
    )
    SELECT CASE WHEN h.attname IS NULL THEN format('column %I %s is missing', w.name, w.type)
                WHEN h.attgenerated <> '' OR h.attidentity = 'a' THEN format('column %I is generated', w.name)
                WHEN h.type <> w.type THEN format('column %I is %s, not %s', w.name, h.type, w.type)
                WHEN w.kind = 'field' THEN format('column %I must accept NULL or have a default, or be NOT NULL in the list of columns', w.name)
                ELSE format('column %I must accept NULL or have a default', w.name) END
      FROM wanted AS w
      LEFT JOIN have AS h ON h.attname = w.name
     WHERE (h.attname IS NULL AND w.needed)
        OR h.attgenerated <> ''
        OR h.type <> w.type
        OR h.attidentity = 'a'
        OR (h.attnotnull AND NOT w.not_null AND NOT h.filled)
    UNION ALL
    SELECT format('column %I is not filled by the source and must accept NULL or have a default', h.attname)
      FROM have AS h
     WHERE NOT EXISTS (SELECT FROM wanted AS w WHERE w.name = h.attname)
       AND h.attnotnull AND NOT h.filled AND h.attgenerated = '';
$$;
COMMENT ON FUNCTION dataplat_internal.bronze_misfits(regclass, boolean, text, text, text, jsonb, text[]) IS
    'what keeps an existing table from being filled, a line for each column';

-- Make the table of a source, or check the one that is there.  Everything is
-- done with the rights of the owner.
CREATE OR REPLACE FUNCTION dataplat_internal.create_bronze_table(owner name, target text, several boolean, format text,
    key_format text, layout text, columns jsonb, include text[], retention interval, note text)
RETURNS regclass
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    schema_name name;
    table_name  name;
    qualified   text;
    relation    regclass;
    kind        "char";
    misfits     text[];
    lz4         text := '';
BEGIN
    SELECT p.schema_name, p.table_name INTO schema_name, table_name FROM dataplat_internal.table_name_parts(target) AS p;
    qualified := format('%I.%I', schema_name, table_name);

    SELECT c.oid::regclass, c.relkind INTO relation, kind
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = schema_name AND c.relname = table_name;

    IF relation IS NOT NULL THEN
        IF kind NOT IN ('r', 'p', 'f') THEN
            RAISE EXCEPTION 'cannot fill "%" because it is not a table', qualified USING ERRCODE = 'wrong_object_type';
        END IF;
        IF NOT has_table_privilege(owner, relation, 'INSERT') THEN
            RAISE EXCEPTION 'permission denied for table %', qualified
                USING ERRCODE = 'insufficient_privilege',
                      HINT = format('The owner of the source needs it: GRANT INSERT ON %s TO %I.', qualified, owner);
        END IF;
        misfits := ARRAY(SELECT dataplat_internal.bronze_misfits(relation, several, format, key_format, layout, columns, include));
        IF cardinality(misfits) > 0 THEN
            RAISE EXCEPTION 'table "%" does not fit the source', qualified
                USING ERRCODE = 'datatype_mismatch',
                      DETAIL = array_to_string(misfits, '; ') || '.',
                      HINT = 'Mend the table, or name another target and let create_source make it.';
        END IF;
        -- Only who owns the table has its partitions made and dropped for him.
        IF NOT pg_has_role(owner, (SELECT c.relowner FROM pg_class AS c WHERE c.oid = relation), 'MEMBER') THEN
            IF retention IS NOT NULL THEN
                RAISE EXCEPTION 'must be owner of table %', qualified
                    USING ERRCODE = 'insufficient_privilege', HINT = 'Leave retention out; the owner of the table looks after its partitions.';
            END IF;
            RETURN relation;
        END IF;
        INSERT INTO dataplat_internal.bronze_table (target, owner, retention, made)
        VALUES (qualified, owner, retention, false)
        ON CONFLICT ON CONSTRAINT bronze_table_pkey
        DO UPDATE SET owner = excluded.owner, retention = excluded.retention;
        PERFORM dataplat_internal.ensure_partitions(qualified);
        RETURN relation;
    END IF;

    IF NOT EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = schema_name) THEN
        IF NOT has_database_privilege(owner, current_database(), 'CREATE') THEN
            RAISE EXCEPTION 'permission denied to create schema %', quote_ident(schema_name)
                USING ERRCODE = 'insufficient_privilege',
                      HINT = format('GRANT CREATE ON DATABASE %I TO %I, or name a target in a schema of the role''s own: target => ''schema.table''.', current_database(), owner);
        END IF;
        PERFORM dataplat_internal.execute_as(owner, format('CREATE SCHEMA %I', schema_name));
    END IF;
    IF NOT has_schema_privilege(owner, schema_name, 'CREATE') THEN
        RAISE EXCEPTION 'permission denied for schema %', quote_ident(schema_name)
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('GRANT USAGE, CREATE ON SCHEMA %I TO %I, or name a target in another schema: target => ''schema.table''.', schema_name, owner);
    END IF;
    IF EXISTS (SELECT FROM pg_settings AS s WHERE s.name = 'default_toast_compression' AND 'lz4' = ANY (s.enumvals)) THEN
        lz4 := ' COMPRESSION lz4';
    END IF;

    PERFORM dataplat_internal.execute_as(owner, (
        SELECT format('CREATE TABLE %s (%s) PARTITION BY RANGE (_ingested_at)', qualified,
                      string_agg(format('%I %s%s%s', c.name, c.type,
                                        CASE WHEN c.type IN ('jsonb', 'text', 'bytea') AND c.name NOT IN ('_topic', '_key') THEN lz4 ELSE '' END,
                                        CASE WHEN c.not_null THEN ' NOT NULL' ELSE '' END), ', ' ORDER BY c.ordinal))
          FROM dataplat_internal.bronze_columns(several, format, key_format, layout, columns, include) AS c));
    PERFORM dataplat_internal.execute_as(owner, format('COMMENT ON TABLE %s IS %L', qualified, note));
    PERFORM dataplat_internal.execute_as(owner, format('COMMENT ON COLUMN %s.%I IS %L', qualified, c.name, c.note))
       FROM dataplat_internal.bronze_columns(several, format, key_format, layout, columns, include) AS c;

    INSERT INTO dataplat_internal.bronze_table (target, owner, retention, made)
    VALUES (qualified, owner, retention, true)
    ON CONFLICT ON CONSTRAINT bronze_table_pkey
    DO UPDATE SET owner = excluded.owner, retention = excluded.retention, made = true;
    PERFORM dataplat_internal.ensure_partitions(qualified);
    RETURN qualified::regclass;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.create_bronze_table(name, text, boolean, text, text, text, jsonb, text[], interval, text) IS
    'make the bronze table of a source, or check that the existing one fits';

-- Is this a table whose partitions we make and drop: by range of _ingested_at only?
CREATE OR REPLACE FUNCTION dataplat_internal.is_partitioned_by_day(relation regclass)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM pg_partitioned_table AS p
                     JOIN pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
                    WHERE p.partrelid = relation AND p.partstrat = 'r' AND p.partnatts = 1
                      AND a.attname = '_ingested_at' AND a.atttypid = 'timestamptz'::regtype);
$$;
COMMENT ON FUNCTION dataplat_internal.is_partitioned_by_day(regclass) IS 'partitioned by range of _ingested_at';

-- The partitions of a table with their bounds, lower inclusive, upper exclusive.
CREATE OR REPLACE FUNCTION dataplat_internal.partition_bounds(relation regclass)
RETURNS TABLE (leaf regclass, low timestamptz, high timestamptz)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $$
    SELECT b.leaf,
           CASE WHEN b.bound[1] = 'MINVALUE' THEN '-infinity' ELSE btrim(b.bound[1], '''')::timestamptz END,
           CASE WHEN b.bound[2] = 'MAXVALUE' THEN 'infinity' ELSE btrim(b.bound[2], '''')::timestamptz END
      FROM (SELECT i.inhrelid::regclass AS leaf,
                   regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \((.*)\) TO \((.*)\)') AS bound
              FROM pg_inherits AS i
              JOIN pg_class AS c ON c.oid = i.inhrelid
             WHERE i.inhparent = relation AND NOT i.inhdetachpending) AS b
     WHERE b.bound IS NOT NULL
     ORDER BY 2;
$$;
COMMENT ON FUNCTION dataplat_internal.partition_bounds(regclass) IS 'range partitions of a table with their bounds';

-- Name of the partition of a day.  A long table name is cut, with a hash so that two of them do not meet.
CREATE OR REPLACE FUNCTION dataplat_internal.partition_name(table_name name, day date)
RETURNS name
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (CASE WHEN octet_length(table_name::text) <= 53 THEN table_name::text
                 ELSE convert_from(substring(convert_to(table_name::text, 'UTF8') FROM 1 FOR
                          -- step back over the middle of a character
                          (SELECT max(i) FROM generate_series(40, 44) AS i
                            WHERE get_byte(convert_to(table_name::text, 'UTF8'), i) & 192 <> 128)), 'UTF8')
                      || '_' || left(md5(table_name::text), 8) END
            || '_p' || to_char(day, 'YYYYMMDD'))::name;
$$;
COMMENT ON FUNCTION dataplat_internal.partition_name(name, date) IS 'name of the partition of a UTC day';

-- Make the partitions of today and the next days (UTC).  Each is made beside
-- the table and then attached, which stops neither readers nor writers.
CREATE OR REPLACE FUNCTION dataplat_internal.ensure_partitions(target text, ahead int DEFAULT NULL)
RETURNS int
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $$
#variable_conflict use_column
DECLARE
    relation    regclass := to_regclass(target);
    days        int := coalesce(ahead, current_setting('dataplat.partitions_ahead', true)::int, 3);
    table_owner name;
    schema_name name;
    table_name  name;
    leaf        text;
    day         date;
    made        int := 0;
BEGIN
    IF relation IS NULL OR NOT dataplat_internal.is_partitioned_by_day(relation) THEN
        RETURN 0;
    END IF;
    SELECT pg_get_userbyid(c.relowner), n.nspname, c.relname INTO table_owner, schema_name, table_name
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.oid = relation;

    -- One at a time for each table: the source's creator and the maintenance worker may meet.
    PERFORM pg_advisory_xact_lock(hashtextextended('dataplat partitions ' || relation::oid, 0));

    FOR day IN
        SELECT d::date
          FROM generate_series(date_trunc('day', clock_timestamp()), date_trunc('day', clock_timestamp()) + days * interval '1 day', '1 day') AS d
         WHERE NOT EXISTS (SELECT FROM dataplat_internal.partition_bounds(relation) AS b
                            WHERE b.low < d + interval '1 day' AND b.high > d)
         ORDER BY 1
    LOOP
        leaf := format('%I.%I', schema_name, dataplat_internal.partition_name(table_name, day));
        PERFORM dataplat_internal.execute_as(table_owner,
            format('CREATE TABLE %s (LIKE %s INCLUDING ALL EXCLUDING INDEXES EXCLUDING IDENTITY)', leaf, relation));
        PERFORM dataplat_internal.execute_as(table_owner,
            format('COMMENT ON TABLE %s IS %L', leaf, format('rows of %s stored on %s (UTC)', relation, day)));
        PERFORM dataplat_internal.execute_as(table_owner,
            format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)',
                   relation, leaf, day::timestamptz, (day + 1)::timestamptz));
        made := made + 1;
    END LOOP;
    RETURN made;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.ensure_partitions(text, int) IS
    'make the daily partitions of a bronze table ahead; returns how many were missing';

-- Index the partitions of past days.  The partition that is being filled has
-- no index: an incremental BRIN costs a fifth of the ingest speed, and the
-- ledger finds its rows without one.
CREATE OR REPLACE FUNCTION dataplat_internal.index_closed_partitions(target text)
RETURNS int
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation    regclass := to_regclass(target);
    table_owner name;
    closed      record;
    made        int := 0;
BEGIN
    IF relation IS NULL OR NOT dataplat_internal.is_partitioned_by_day(relation) THEN
        RETURN 0;
    END IF;
    -- A reader of a closed day waits for nothing here, and we do not queue behind a long one.
    PERFORM set_config('lock_timeout', '1s', true);
    FOR closed IN
        SELECT b.leaf, n.nspname, c.relname, pg_get_userbyid(c.relowner) AS owner
          FROM dataplat_internal.partition_bounds(relation) AS b
          JOIN pg_class AS c ON c.oid = b.leaf AND c.relkind = 'r'
          JOIN pg_namespace AS n ON n.oid = c.relnamespace
         -- a batch that began before midnight may still be on its way
         WHERE b.high < clock_timestamp() - interval '5 minutes'
           AND NOT EXISTS (SELECT FROM pg_index AS i
                             JOIN pg_class AS ic ON ic.oid = i.indexrelid
                             JOIN pg_am AS am ON am.oid = ic.relam AND am.amname = 'brin'
                             JOIN pg_attribute AS a ON a.attrelid = i.indexrelid AND a.attnum = 1 AND a.attname = '_partition'
                            WHERE i.indrelid = b.leaf)
         ORDER BY b.low
    LOOP
        BEGIN
            PERFORM dataplat_internal.execute_as(closed.owner,
                format('CREATE INDEX ON %s USING brin (_partition, _offset%s) WITH (pages_per_range = 16, autosummarize = on)',
                       closed.leaf,
                       CASE WHEN EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = closed.leaf AND a.attname = '_batch_id' AND NOT a.attisdropped)
                            THEN ', _batch_id' ELSE '' END));
            made := made + 1;
        EXCEPTION WHEN lock_not_available THEN
            NULL;                   -- the next round tries again
        END;
    END LOOP;
    RETURN made;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.index_closed_partitions(text) IS
    'make the BRIN index of the partitions of past days; returns how many were missing';

-- Partitions older than the retention, oldest first, and who still needs each.
CREATE OR REPLACE FUNCTION dataplat_internal.expired_partitions(target text, retention interval)
RETURNS TABLE (leaf regclass, low timestamptz, high timestamptz, needed_by text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    relation  regclass := to_regclass(target);
    batch_of  record;
    still     boolean;
BEGIN
    IF relation IS NULL OR retention IS NULL THEN
        RETURN;
    END IF;
    FOR leaf, low, high IN
        SELECT b.leaf, b.low, b.high
          FROM dataplat_internal.partition_bounds(relation) AS b
         WHERE b.high <= clock_timestamp() - least(retention, interval '1000 years') AND b.high <= date_trunc('day', clock_timestamp(), 'UTC')
         ORDER BY b.low
    LOOP
        SELECT string_agg(r.reader, ', ' ORDER BY r.reader) INTO needed_by
          FROM dataplat_internal.bronze_reader AS r
         WHERE to_regclass(r.target) = relation AND r.needs_since < high;
        -- A reader may count in batches; the BRIN of a closed day answers it.
        FOR batch_of IN
            SELECT r.reader, r.needs_batch
              FROM dataplat_internal.bronze_reader AS r
             WHERE to_regclass(r.target) = relation AND r.needs_batch IS NOT NULL
               AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = '_batch_id' AND a.atttypid = 'bigint'::regtype)
             ORDER BY r.reader
        LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE _batch_id >= $1)', leaf) INTO still USING batch_of.needs_batch;
            IF still THEN
                needed_by := concat_ws(', ', needed_by, batch_of.reader);
            END IF;
        END LOOP;
        RETURN NEXT;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expired_partitions(text, interval) IS
    'partitions past the retention, and the readers that keep them';

-- Drop the oldest expired partition that nobody needs, at most max_partitions of them.  The
-- table is locked for the moment of the detaching only: when it is busy for
-- longer than a fifth of a second, we give way and come back the next round.
CREATE OR REPLACE FUNCTION dataplat_internal.apply_retention(target text, retention interval, max_partitions int DEFAULT 1)
RETURNS TABLE (leaf text, action text, reason text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    relation regclass := to_regclass(target);
    expired  record;
    owner    name;
    dropped  int := 0;
BEGIN
    PERFORM set_config('lock_timeout', '200ms', true);
    SELECT pg_get_userbyid(c.relowner) INTO owner FROM pg_class AS c WHERE c.oid = relation;
    FOR expired IN SELECT * FROM dataplat_internal.expired_partitions(target, retention) AS e ORDER BY e.low LOOP
        EXIT WHEN dropped >= max_partitions;
        leaf := expired.leaf::text;
        reason := NULL;
        IF expired.needed_by IS NOT NULL THEN
            action := 'kept';
            reason := 'needed by ' || expired.needed_by;
        ELSE
            BEGIN
                PERFORM dataplat_internal.execute_as(owner, format('ALTER TABLE %s DETACH PARTITION %s', relation, expired.leaf));
                PERFORM dataplat_internal.execute_as(owner, format('DROP TABLE %s', expired.leaf));
                action := 'dropped';
                dropped := dropped + 1;
            EXCEPTION
                WHEN lock_not_available THEN
                    action := 'kept';
                    reason := 'the table is busy';
                    RETURN NEXT;
                    RETURN;
                WHEN dependent_objects_still_exist OR insufficient_privilege OR object_in_use THEN
                    action := 'kept';
                    reason := SQLERRM;
            END;
        END IF;
        RETURN NEXT;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.apply_retention(text, interval, int) IS
    'drop expired partitions that no reader needs, a few at a time';

-- What the maintenance worker runs for each bronze table, a transaction each.
-- Returns true when it is worth calling again at once.
CREATE OR REPLACE FUNCTION dataplat_internal.maintain_bronze_table(target text)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    keep  interval;
    owner name;
    step  record;
    again boolean := false;
BEGIN
    SELECT b.retention, b.owner INTO keep, owner FROM dataplat_internal.bronze_table AS b WHERE b.target = target;
    -- Another table may have come in the place of the one that was registered.
    IF NOT FOUND OR NOT EXISTS (SELECT FROM pg_class AS c, pg_roles AS r
                                 WHERE c.oid = to_regclass(target) AND r.rolname = owner AND pg_has_role(r.oid, c.relowner, 'MEMBER')) THEN
        RETURN false;
    END IF;
    PERFORM set_config('lock_timeout', '1s', true);
    PERFORM dataplat_internal.ensure_partitions(target);
    PERFORM dataplat_internal.index_closed_partitions(target);
    FOR step IN SELECT * FROM dataplat_internal.apply_retention(target, keep) LOOP
        IF step.action = 'dropped' THEN
            RAISE LOG 'dropped partition % of bronze table %: older than its retention of %', step.leaf, target, keep;
            again := true;
        END IF;
    END LOOP;
    RETURN again;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.maintain_bronze_table(text) IS
    'make, index and drop partitions of a bronze table; true when more is to be done';

-- A reader of bronze says here what it has not read yet; retention waits for it.
CREATE OR REPLACE FUNCTION dataplat_internal.set_bronze_reader(target text, reader text, needs_batch bigint DEFAULT NULL,
                                                               needs_since timestamptz DEFAULT NULL)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO dataplat_internal.bronze_reader AS r (target, reader, needs_batch, needs_since)
    VALUES (set_bronze_reader.target, set_bronze_reader.reader, set_bronze_reader.needs_batch, set_bronze_reader.needs_since)
    ON CONFLICT (target, reader)
    DO UPDATE SET needs_batch = excluded.needs_batch, needs_since = excluded.needs_since;
$$;
COMMENT ON FUNCTION dataplat_internal.set_bronze_reader(text, text, bigint, timestamptz) IS
    'tell retention what a reader of a bronze table still needs';

-- Read a list of columns written as in CREATE TABLE, or as a JSON array, into
-- [{"name", "type", "field", "not_null"}], with "path" where the field is one.  A type is taken only when the
-- server's own type parser accepts it, so no text of the user reaches a
-- statement unread.
CREATE OR REPLACE FUNCTION dataplat_internal.parse_columns(columns text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    spec  jsonb;
    item  jsonb;
    entry record;
    names text[] := '{}';
    reads jsonb := '[]';
BEGIN
    IF columns IS NULL THEN
        RETURN NULL;
    END IF;
    IF ltrim(columns, E' \t\r\n') LIKE '[%' THEN
        spec := columns::jsonb;
    ELSE
        spec := dataplat_internal.split_columns(columns);
    END IF;
    IF jsonb_array_length(spec) = 0 THEN
        RAISE EXCEPTION 'the list of columns is empty' USING ERRCODE = 'invalid_parameter_value';
    END IF;

    FOR item IN SELECT e FROM jsonb_array_elements(spec) AS e LOOP
        SELECT string_agg(quote_ident(k), ', ' ORDER BY k) AS wrong INTO entry
          FROM jsonb_object_keys(CASE jsonb_typeof(item) WHEN 'object' THEN item ELSE '{"?": 1}' END) AS k
         WHERE k NOT IN ('name', 'type', 'field', 'not_null', 'path');
        IF entry.wrong IS NOT NULL OR item ->> 'name' IS NULL OR item ->> 'type' IS NULL OR jsonb_typeof(coalesce(item -> 'path', 'false')) <> 'boolean' THEN
            RAISE EXCEPTION 'invalid column %', item
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'A column is {"name", "type"} and may have "field" (member or header to read), "path" (boolean: field is a path) and "not_null" (boolean).';
        END IF;
        IF octet_length(item ->> 'name') > 63 OR item ->> 'name' = '' OR item ->> 'name' = ANY (names) THEN
            RAISE EXCEPTION 'column name "%" is empty, too long or used twice', item ->> 'name' USING ERRCODE = 'invalid_parameter_value';
        END IF;
        IF item ->> 'name' IN ('value', '_topic', '_partition', '_offset', '_timestamp', '_key', '_headers', '_schema_id', '_batch_id',
                               '_ingested_at', '_raw', '_raw_key', '_tombstone', '_rescued', 'tableoid', 'xmin', 'xmax', 'cmin', 'cmax', 'ctid') THEN
            RAISE EXCEPTION 'column name "%" is taken by a bronze column', item ->> 'name'
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'Give the column another name and say with "field" which member it reads.';
        END IF;
        names := names || (item ->> 'name');
        reads := reads || (jsonb_build_object(
            'name', item ->> 'name',
            'type', dataplat_internal.canonical_type(item ->> 'type'),
            'field', coalesce(item ->> 'field', item ->> 'name'),
            'not_null', coalesce((item ->> 'not_null')::boolean, false))
            || CASE WHEN (item ->> 'path')::boolean THEN '{"path": true}' ELSE '{}' END::jsonb);
    END LOOP;
    RETURN reads;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.parse_columns(text) IS
    'columns of a source from DDL-like text or a JSON array';

CREATE OR REPLACE FUNCTION dataplat_internal.canonical_type(written text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    type_oid oid;
    problem  text;
BEGIN
    -- A comment would be read as white space by the type parser and swallow what follows it in a statement.
    IF written ~ '(--|/\*|[;%])' THEN
        problem := 'comments, ";" and "%" are not allowed';
    ELSE
        BEGIN
            type_oid := to_regtype(written);
        EXCEPTION WHEN syntax_error OR invalid_parameter_value OR feature_not_supported OR undefined_object OR invalid_schema_name THEN
            problem := SQLERRM;
        END;
    END IF;
    IF type_oid IS NULL OR EXISTS (SELECT FROM pg_type AS t WHERE t.oid = type_oid AND t.typtype = 'p') THEN
        RAISE EXCEPTION 'unknown column type "%"', written
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = coalesce(problem, 'There is no such type, or no value of it can be stored') || '.',
                  HINT = 'Write a type of this database; one outside pg_catalog needs its schema.';
    END IF;
    RETURN dataplat_internal.full_type_name(written);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.canonical_type(text) IS 'name of a type as the server writes it; fails on anything else';

-- "id bigint NOT NULL, amount numeric(10,2), when timestamptz FIELD 'updatedAt'" into an array of columns.
CREATE OR REPLACE FUNCTION dataplat_internal.split_columns(columns text)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- one column: a name, plain or quoted; a type, up to a comma outside of parentheses; the two additions
    pattern text := '^\s*("(?:[^"]|"")+"|[[:alpha:]_][[:alnum:]_$]*)\s+((?:[^,()''"]|\([^()]*\)|"(?:[^"]|"")*")+?)'
                    '(\s+NOT\s+NULL)?(?:\s+(FIELD|PATH)\s+''((?:[^'']|'''')*)'')?(\s+NOT\s+NULL)?\s*(,|$)';
    rest    text := columns;
    found   text[];
    spec    jsonb := '[]';
BEGIN
    LOOP
        found := regexp_match(rest, pattern, 'i');
        IF found IS NULL THEN
            RAISE EXCEPTION 'cannot read the list of columns at "%"', left(rest, 40)
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'Write columns as in CREATE TABLE: name type [NOT NULL] [FIELD ''member'' | PATH ''record.member''], ...';
        END IF;
        spec := spec || jsonb_strip_nulls(jsonb_build_object(
            'name', CASE WHEN found[1] LIKE '"%' THEN replace(substr(found[1], 2, length(found[1]) - 2), '""', '"') ELSE lower(found[1]) END,
            'type', btrim(found[2]),
            'field', replace(found[5], '''''', ''''),
            'path', CASE WHEN upper(found[4]) = 'PATH' THEN true END,
            'not_null', (found[3] IS NOT NULL OR found[6] IS NOT NULL)));
        EXIT WHEN found[7] = '';
        rest := regexp_replace(rest, pattern, '', 'i');
    END LOOP;
    RETURN spec;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.split_columns(text) IS 'split a list of columns written as in CREATE TABLE';

-- Guess columns from a sample of messages: one column for each member of the
-- objects, of the narrowest type that holds all its values.
CREATE OR REPLACE FUNCTION dataplat_internal.infer_columns(sample jsonb[])
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH member AS (
        SELECT m.key AS field, m.value, row_number() OVER () AS nth
          FROM unnest(sample) WITH ORDINALITY AS s (doc, n),
               LATERAL jsonb_each(CASE jsonb_typeof(s.doc) WHEN 'object' THEN s.doc ELSE '{}' END) AS m
         ORDER BY s.n
    ), kind AS (
        SELECT m.field, m.nth,
               CASE jsonb_typeof(m.value)
                   WHEN 'null' THEN NULL
                   WHEN 'boolean' THEN 'boolean'
                   WHEN 'number' THEN CASE WHEN (m.value #>> '{}') ~ '^-?[0-9]{1,18}$' THEN 'bigint' ELSE 'numeric' END
                   WHEN 'string' THEN CASE WHEN (m.value #>> '{}') ~ '^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)$'
                                           THEN 'timestamp with time zone' ELSE 'text' END
                   ELSE 'jsonb' END AS type
          FROM member AS m
    ), field AS (
        SELECT k.field, min(k.nth) AS first,
               CASE WHEN count(DISTINCT k.type) = 0 THEN 'text'
                    WHEN count(DISTINCT k.type) = 1 THEN min(k.type)
                    WHEN bool_and(k.type IN ('bigint', 'numeric')) THEN 'numeric'
                    WHEN bool_and(k.type IN ('text', 'timestamp with time zone')) THEN 'text'
                    ELSE 'jsonb' END AS type
          FROM kind AS k
         GROUP BY k.field
    ), named AS (
        SELECT f.*, CASE WHEN f.field = '' THEN 'field'
                         WHEN f.field IN ('value', '_topic', '_partition', '_offset', '_timestamp', '_key', '_headers', '_schema_id',
                                          '_batch_id', '_ingested_at', '_raw', '_raw_key', '_tombstone', '_rescued', 'tableoid', 'xmin', 'xmax',
                                          'cmin', 'cmax', 'ctid') THEN f.field || '_field'
                         ELSE left(f.field, 15 + 48 * (octet_length(f.field) < 64)::int) END AS name
          FROM field AS f
    )
    SELECT jsonb_agg(jsonb_build_object(
               'name', CASE WHEN n.again = 1 THEN n.name ELSE n.name || '_' || n.again END,
               'type', n.type, 'field', n.field, 'not_null', false) ORDER BY n.first)
      FROM (SELECT d.*, row_number() OVER (PARTITION BY d.name ORDER BY d.first) AS again FROM named AS d) AS n;
$$;
COMMENT ON FUNCTION dataplat_internal.infer_columns(jsonb[]) IS 'columns for layout columns, guessed from a sample of JSON messages';
