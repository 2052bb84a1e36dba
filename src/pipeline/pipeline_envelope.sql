/*
 * pipeline: silver tables from change streams: what a message says about a
 * row, and the query that makes a typed table of it.
 */

CREATE OR REPLACE FUNCTION dataplat.debezium_event(value jsonb, key text DEFAULT NULL, unavailable text DEFAULT '__debezium_unavailable_value',
    OUT row_data jsonb, OUT deleted boolean, OUT missing text[], OUT changed_at timestamptz)
LANGUAGE c IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_debezium_event';
COMMENT ON FUNCTION dataplat.debezium_event(jsonb, text, text) IS
    'what a Debezium message says about a row: the row (the old one, or its key, when it was deleted), and the columns whose unchanged value it does not carry; row_data is NULL when it is no change of a row';

CREATE OR REPLACE FUNCTION dataplat.upsert_event(value jsonb, key text, keys text[],
    OUT row_data jsonb, OUT deleted boolean, OUT missing text[], OUT changed_at timestamptz)
LANGUAGE c IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_upsert_event';
COMMENT ON FUNCTION dataplat.upsert_event(jsonb, text, text[]) IS
    'what a message of an upsert stream says about a row: the value, completed by the key; a message without value deletes the row of its key';

CREATE OR REPLACE FUNCTION dataplat.debezium_time(value jsonb)
RETURNS timestamptz
LANGUAGE c STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_debezium_time';
COMMENT ON FUNCTION dataplat.debezium_time(jsonb) IS
    'a point of time as Debezium writes it: text, or milli-, micro- or nanoseconds since 1970, told apart by their size';

-- How a member of row_data becomes a column.
CREATE OR REPLACE FUNCTION dataplat_internal.envelope_expression(field text, type text, envelope text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN type = 'jsonb' THEN format('(e.row_data -> %L)', field)
        WHEN type LIKE '%[]' THEN format('CASE pg_catalog.jsonb_typeof(e.row_data -> %1$L) WHEN ''array'' THEN ARRAY(SELECT pg_catalog.jsonb_array_elements_text(e.row_data -> %1$L))::%2$s END', field, type)
        WHEN envelope = 'debezium' AND type = 'bytea' THEN format('pg_catalog.decode(e.row_data ->> %L, ''base64'')', field)
        WHEN envelope = 'debezium' AND type = 'date'
            THEN format('CASE pg_catalog.jsonb_typeof(e.row_data -> %1$L) WHEN ''number'' THEN date ''1970-01-01'' + (e.row_data ->> %1$L)::integer ELSE (e.row_data ->> %1$L)::date END', field)
        WHEN envelope = 'debezium' AND type LIKE 'timestamp%with time zone' THEN format('dataplat.debezium_time(e.row_data -> %L)::%s', field, type)
        WHEN envelope = 'debezium' AND type LIKE 'timestamp%'
            THEN format('CASE pg_catalog.jsonb_typeof(e.row_data -> %1$L) WHEN ''number'' THEN pg_catalog.timezone(''UTC'', dataplat.debezium_time(e.row_data -> %1$L)) ELSE (e.row_data ->> %1$L) END::%2$s', field, type)
        ELSE format('(e.row_data ->> %L)::%s', field, type) END;
$$;
COMMENT ON FUNCTION dataplat_internal.envelope_expression(text, text, text) IS 'SQL that reads a member of row_data as a type';

CREATE OR REPLACE FUNCTION dataplat_internal.command_silver_query(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bronze   regclass := to_regclass(a ->> 'bronze');
    envelope text := a ->> 'envelope';
    mode     text := a ->> 'mode';
    keys     text[] := ARRAY(SELECT jsonb_array_elements_text(nullif(a -> 'keys', 'null')));
    columns  jsonb := dataplat_internal.parse_columns(a ->> 'columns');
    sequence text := a ->> 'sequence_by';
    place    text;
    event    text;
    wrong    text;
BEGIN
    PERFORM dataplat_internal.check_choice('envelope', envelope, '{none,upsert,debezium}');
    PERFORM dataplat_internal.check_choice('mode', mode, '{upsert,scd2}');
    IF bronze IS NULL THEN
        RAISE EXCEPTION 'table "%" does not exist', a ->> 'bronze'
            USING ERRCODE = 'undefined_table', HINT = 'Name the bronze table of a source, with its schema.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_attribute AS t WHERE t.attrelid = bronze AND t.attname = 'value' AND t.atttypid = 'jsonb'::regtype AND NOT t.attisdropped)
       OR (SELECT count(*) FROM pg_attribute AS t WHERE t.attrelid = bronze AND t.attname IN ('_offset', '_key', '_timestamp') AND NOT t.attisdropped) < 3 THEN
        RAISE EXCEPTION 'table "%" holds no JSON messages', bronze
            USING ERRCODE = 'wrong_object_type', DETAIL = 'It needs the columns value (jsonb), _key, _offset and _timestamp.',
                  HINT = 'Make the source with format json and layout document, or write the query yourself with create_pipeline().';
    END IF;
    IF columns IS NULL OR keys = '{}' THEN
        RAISE EXCEPTION 'a silver table needs columns and keys'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'For example: columns => ''order_id bigint, status text'', keys => ''{order_id}''.';
    END IF;
    SELECT string_agg(k, ', ') INTO wrong FROM unnest(keys) AS k WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(columns) AS c WHERE c ->> 'name' = k);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'keys % are not among the columns', wrong USING ERRCODE = 'undefined_column';
    END IF;
    -- History needs a time; the present needs the place in the partition only.
    IF sequence IS NULL AND mode = 'scd2' THEN
        sequence := '_changed_at';
        place := CASE envelope WHEN 'debezium' THEN 'e.changed_at AS _changed_at' ELSE 'b._timestamp AS _changed_at' END;
    ELSIF sequence IS NULL THEN
        sequence := '_offset';
        place := 'b._offset';
    END IF;
    event := CASE envelope WHEN 'debezium' THEN 'dataplat.debezium_event(b.value, b._key::text)'
                           ELSE format('dataplat.upsert_event(b.value, b._key::text, %L::text[])', ARRAY(
                                SELECT c ->> 'field' FROM unnest(keys) WITH ORDINALITY AS k (name, n)
                                  JOIN jsonb_array_elements(columns) AS c ON c ->> 'name' = k.name ORDER BY k.n)) END;
    RETURN jsonb_build_object('keys', keys, 'mode', mode, 'sequence_by', sequence,
        'query', format(E'SELECT %s\n  FROM %s AS b\n CROSS JOIN LATERAL %s AS e\n WHERE e.row_data IS NOT NULL%s',
            (SELECT string_agg(format('%s AS %I', dataplat_internal.envelope_expression(c ->> 'field', c ->> 'type', envelope), c ->> 'name'), E',\n       ' ORDER BY n)
               FROM jsonb_array_elements(columns) WITH ORDINALITY AS u (c, n))
            || coalesce(E',\n       ' || place, '')
            || CASE envelope WHEN 'none' THEN '' ELSE E',\n       e.deleted AS _delete' END
            || CASE envelope WHEN 'debezium' THEN E',\n       e.missing AS _keep' ELSE '' END,
            (SELECT format('%I.%I', n.nspname, t.relname) FROM pg_class AS t JOIN pg_namespace AS n ON n.oid = t.relnamespace WHERE t.oid = bronze),
            event,
            CASE WHEN envelope = 'none' THEN ' AND NOT e.deleted'
                 -- the tombstone after a delete says nothing new, and not when
                 WHEN envelope = 'debezium' AND mode = 'scd2' THEN ' AND NOT (e.deleted AND e.changed_at IS NULL)' ELSE '' END));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_silver_query(name, jsonb) IS 'the query, keys and sequence of create_silver';

CREATE OR REPLACE FUNCTION dataplat.silver_query(bronze text, columns text, keys text[], envelope text DEFAULT 'none', mode text DEFAULT 'upsert',
    sequence_by text DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat.command('silver_query', jsonb_build_object('bronze', bronze, 'columns', columns, 'keys', keys, 'envelope', envelope,
                                                               'mode', mode, 'sequence_by', sequence_by)) ->> 'query';
$$;
COMMENT ON FUNCTION dataplat.silver_query(text, text, text[], text, text, text) IS
    'the query that create_silver would give its pipeline: a start for one of your own';

CREATE OR REPLACE FUNCTION dataplat.create_silver(name text, bronze text, columns text, keys text[], envelope text DEFAULT 'none',
    target text DEFAULT NULL, mode text DEFAULT 'upsert', sequence_by text DEFAULT NULL, track_history_on text[] DEFAULT NULL,
    schedule text DEFAULT 'on_data', paused boolean DEFAULT false)
RETURNS regclass
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q jsonb := dataplat.command('silver_query', jsonb_build_object('bronze', bronze, 'columns', columns, 'keys', keys, 'envelope', envelope,
                                                                   'mode', mode, 'sequence_by', sequence_by));
BEGIN
    RETURN dataplat.create_pipeline(name, coalesce(target, format('silver.%I', name)), q ->> 'query', keys => keys, mode => mode,
                                    sequence_by => q ->> 'sequence_by', track_history_on => track_history_on, schedule => schedule, paused => paused);
END;
$$;
COMMENT ON FUNCTION dataplat.create_silver(text, text, text, text[], text, text, text, text, text[], text, boolean) IS
    'a pipeline from the JSON messages of a bronze table to a typed table with one row a key (mode upsert) or its history (scd2); envelope says what a message is: none (the row), upsert (the row, or no value for a delete) or debezium';
