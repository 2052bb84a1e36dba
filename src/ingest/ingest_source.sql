/*
 * ingest: what users call to declare, steer and move sources.
 *
 * Each public function is a thin cover for a command_<verb> function, which
 * dataplat.command() runs as the owner of the extension, telling it who
 * called; src/storage/rights.c says why.
 */

-- ------------------------------------------------------------------ checks

-- Fail with the list of right values.
CREATE OR REPLACE FUNCTION dataplat_internal.check_choice(argument text, value text, allowed text[])
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF value IS NULL OR NOT value = ANY (allowed) THEN
        RAISE EXCEPTION 'invalid % "%"', argument, value
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('One of: %s.', array_to_string(allowed, ', '));
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_choice(text, text, text[]) IS 'fail unless the value is one of a list';

-- Positions are read for good by the broker's side of this room; this finds
-- what could never be one.
CREATE OR REPLACE FUNCTION dataplat_internal.check_position(position_text text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    map jsonb;
BEGIN
    IF position_text IN ('earliest', 'latest') THEN
        RETURN;
    ELSIF position_text LIKE '{%' THEN
        map := position_text::jsonb;
        IF jsonb_typeof(map) = 'object' AND map <> '{}'
           AND NOT EXISTS (SELECT FROM jsonb_each(map) AS m WHERE jsonb_typeof(m.value) <> 'object') THEN
            -- topic -> (partition -> offset)
            map := (SELECT jsonb_object_agg(format('%s', o.key), o.value) FROM jsonb_each(map) AS m, jsonb_each(m.value) AS o);
        END IF;
        IF map IS NOT NULL AND map <> '{}'
           AND NOT EXISTS (SELECT FROM jsonb_each(map) AS m
                            WHERE m.key !~ '^[0-9]{1,9}$' OR m.value::text !~ '^[0-9]{1,18}$') THEN
            RETURN;
        END IF;
    ELSIF position_text LIKE '-%' THEN
        IF substr(position_text, 2)::interval > interval '0' THEN
            RETURN;
        END IF;
    ELSIF position_text IS NOT NULL THEN
        IF isfinite(position_text::timestamptz) THEN
            RETURN;
        END IF;
    END IF;
    RAISE EXCEPTION 'invalid position "%"', position_text
        USING ERRCODE = 'invalid_parameter_value',
              HINT = 'One of: earliest, latest, a timestamp, an interval ago such as "-2 hours", or offsets such as {"0": 100, "1": 0}.';
EXCEPTION
    WHEN invalid_text_representation OR invalid_datetime_format OR datetime_field_overflow OR interval_field_overflow
         OR invalid_parameter_value THEN
        RAISE EXCEPTION 'invalid position "%"', position_text
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'One of: earliest, latest, a timestamp, an interval ago such as "-2 hours", or offsets such as {"0": 100, "1": 0}.';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_position(text) IS 'fail on what cannot be a position in a topic';

-- Does a topic argument name more than one topic?
CREATE OR REPLACE FUNCTION dataplat_internal.is_several(topic text)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT topic LIKE '/%' OR topic LIKE '%,%'; $$;
COMMENT ON FUNCTION dataplat_internal.is_several(text) IS 'a list of topics or a regular expression';

CREATE OR REPLACE FUNCTION dataplat_internal.check_topic(topic text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    one text;
BEGIN
    IF topic LIKE '/%' THEN
        IF topic NOT LIKE '/_%/' THEN
            RAISE EXCEPTION 'invalid topic "%"', topic
                USING ERRCODE = 'invalid_parameter_value', HINT = 'A regular expression stands between two slashes: /orders\..*/';
        END IF;
        PERFORM '' ~ substr(topic, 2, length(topic) - 2);
        RETURN;
    END IF;
    FOR one IN SELECT t FROM regexp_split_to_table(coalesce(topic, ''), ',') AS t LOOP
        IF btrim(one) !~ '^[A-Za-z0-9._-]{1,249}$' OR btrim(one) IN ('.', '..') THEN
            RAISE EXCEPTION 'invalid topic "%"', topic
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'A topic, several separated by commas, or /a regular expression/; names have letters, digits, ".", "_" and "-".';
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM regexp_split_to_table(topic, ',') AS t GROUP BY btrim(t) HAVING count(*) > 1) THEN
        RAISE EXCEPTION 'topic "%" names a topic twice', topic USING ERRCODE = 'invalid_parameter_value';
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_topic(text) IS 'fail on what cannot be a topic argument';

-- Everything about a source that can be judged without its broker or target.
CREATE OR REPLACE FUNCTION dataplat_internal.check_source(s dataplat.source)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    one text;
BEGIN
    IF s.name IS NULL OR s.name = '' OR octet_length(s.name) > 63 OR s.name ~ '[[:cntrl:]]' THEN
        RAISE EXCEPTION 'invalid source name "%"', s.name
            USING ERRCODE = 'invalid_parameter_value', HINT = 'A name has 1 to 63 bytes and no control characters.';
    END IF;
    PERFORM dataplat_internal.check_choice('format', s.format, '{json,text,bytes,csv,avro,protobuf}');
    PERFORM dataplat_internal.check_choice('key_format', s.key_format, '{json,text,bytes,csv,avro,protobuf}');
    PERFORM dataplat_internal.check_choice('layout', s.layout, '{document,columns,both}');
    PERFORM dataplat_internal.check_choice('envelope', s.envelope, '{none,upsert,debezium}');
    PERFORM dataplat_internal.check_choice('on_error', s.on_error, '{dead_letter,stop,skip}');
    PERFORM dataplat_internal.check_choice('schema_evolution', s.schema_evolution, '{fail,ignore,add_columns,widen,propose}');
    FOREACH one IN ARRAY s.include LOOP
        PERFORM dataplat_internal.check_choice('include', one, '{raw,raw_key,tombstone}');
    END LOOP;
    PERFORM dataplat_internal.check_topic(s.topic);
    PERFORM dataplat_internal.check_position(s.start_from);
    PERFORM dataplat_internal.check_source_limits(s);
    PERFORM dataplat_internal.check_source_options(s);

    IF s.format IN ('avro', 'protobuf') OR s.key_format IN ('avro', 'protobuf') OR s.envelope = 'debezium'
       OR s.registry IS NOT NULL OR s.value_subject IS NOT NULL OR s.schema_evolution IN ('add_columns', 'widen', 'propose') THEN
        RAISE EXCEPTION '% needs the schema registry, which this version does not have yet',
              CASE WHEN 'avro' IN (s.format, s.key_format) THEN 'format avro' WHEN 'protobuf' IN (s.format, s.key_format) THEN 'format protobuf'
                   WHEN s.envelope = 'debezium' THEN 'envelope debezium' WHEN s.registry IS NOT NULL THEN 'argument registry'
                   WHEN s.value_subject IS NOT NULL THEN 'argument value_subject' ELSE 'schema_evolution ' || s.schema_evolution END
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Read the topic with format bytes, or include raw, to keep the messages until then.';
    END IF;
    IF s.layout <> 'document' AND s.format NOT IN ('json', 'csv') THEN
        RAISE EXCEPTION 'layout % needs a format with fields', s.layout
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use format json or csv, or layout document.';
    END IF;
    IF s.layout = 'document' AND s.columns IS NOT NULL THEN
        RAISE EXCEPTION 'layout document has no columns'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use layout columns, or both.';
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_source(dataplat.source) IS 'fail on a definition that could never work';

CREATE OR REPLACE FUNCTION dataplat_internal.check_source_limits(s dataplat.source)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong record;
BEGIN
    SELECT l.argument, l.value, l.allowed INTO wrong
      FROM (VALUES ('workers', s.workers::text, s.workers BETWEEN 1 AND 64, '1 to 64'),
                   ('batch_rows', s.batch_rows::text, s.batch_rows BETWEEN 1 AND 1000000, '1 to 1000000'),
                   ('batch_bytes', s.batch_bytes::text, s.batch_bytes BETWEEN 1024 AND 1073741824, '1024 to 1073741824'),
                   ('batch_delay', s.batch_delay::text, s.batch_delay BETWEEN interval '0' AND interval '1 hour', '0 to 1 hour'),
                   ('rate_limit', s.rate_limit::text, s.rate_limit > 0, '1 or more'),
                   ('max_errors', s.max_errors::text, s.max_errors >= 0, '0 or more'),
                   ('max_error_ratio', s.max_error_ratio::text, s.max_error_ratio BETWEEN 0 AND 1, '0 to 1'),
                   ('retention', s.retention::text, s.retention > interval '0', 'more than 0')) AS l (argument, value, fits, allowed)
     WHERE NOT l.fits
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'invalid % "%"', wrong.argument, wrong.value
            USING ERRCODE = 'invalid_parameter_value', HINT = format('Allowed: %s.', wrong.allowed);
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_source_limits(dataplat.source) IS 'fail on a number out of range';

CREATE OR REPLACE FUNCTION dataplat_internal.check_source_options(s dataplat.source)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item  record;
    fits  boolean;
BEGIN
    IF jsonb_typeof(s.options) <> 'object' THEN
        RAISE EXCEPTION 'invalid options' USING ERRCODE = 'invalid_parameter_value', HINT = 'Options are a JSON object.';
    END IF;
    FOR item IN SELECT o.key, o.value, jsonb_typeof(o.value) AS type, o.value #>> '{}' AS word FROM jsonb_each(s.options) AS o LOOP
        PERFORM dataplat_internal.check_choice('option', item.key, '{delimiter,header,drop_tombstones,allow_nonatomic}');
        fits := CASE item.key
                    WHEN 'delimiter' THEN item.type = 'string' AND item.word ~ '^[^"\r\n]$' AND octet_length(item.word) = 1
                    WHEN 'header' THEN item.type = 'array' AND NOT EXISTS (SELECT FROM jsonb_array_elements(
                                           CASE item.type WHEN 'array' THEN item.value ELSE '[]' END) AS h WHERE jsonb_typeof(h) <> 'string')
                    ELSE item.type = 'boolean' END;
        IF NOT fits THEN
            RAISE EXCEPTION 'invalid option % "%"', item.key, item.word
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'delimiter: one ASCII character; header: an array of names; drop_tombstones, allow_nonatomic: true or false.';
        END IF;
        IF item.key IN ('delimiter', 'header') AND 'csv' NOT IN (s.format, s.key_format) THEN
            RAISE EXCEPTION 'option % is for format csv', item.key USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_source_options(dataplat.source) IS 'fail on an unknown or malformed option';

-- The server must be one of Kafka, and the role must be allowed to use it.
CREATE OR REPLACE FUNCTION dataplat_internal.check_server(role name, server_name text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_foreign_server AS f JOIN pg_foreign_data_wrapper AS w ON w.oid = f.srvfdw
                    WHERE f.srvname = server_name AND w.fdwname = 'dataplat_kafka') THEN
        RAISE EXCEPTION 'Kafka server "%" does not exist', server_name
            USING ERRCODE = 'undefined_object',
                  HINT = coalesce((SELECT format('Declared: %s.', string_agg(quote_ident(f.srvname), ', ' ORDER BY f.srvname))
                                     FROM pg_foreign_server AS f JOIN pg_foreign_data_wrapper AS w ON w.oid = f.srvfdw
                                    WHERE w.fdwname = 'dataplat_kafka'),
                                  'CREATE SERVER name FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" ''host:9092'');');
    END IF;
    IF NOT has_server_privilege(role, server_name, 'USAGE') THEN
        RAISE EXCEPTION 'permission denied for foreign server %', server_name
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('GRANT USAGE ON FOREIGN SERVER %I TO %I.', server_name, role);
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_server(name, text) IS 'fail unless the role may use this Kafka server';

-- ------------------------------------------------------------------ rights

-- A role of setup_roles(), or of PostgreSQL, that may not exist.
CREATE OR REPLACE FUNCTION dataplat_internal.is_member(role name, of_role text)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce((SELECT pg_has_role(role, r.oid, 'MEMBER') FROM pg_roles AS r WHERE r.rolname = of_role), false); $$;
COMMENT ON FUNCTION dataplat_internal.is_member(name, text) IS 'membership in a role that may not exist';

-- Find a source to change it, and lock it.  "steer" is what operators may do
-- too (pause, seek, repair); a definition is changed by its owner only.
CREATE OR REPLACE FUNCTION dataplat_internal.source_to_change(caller name, source_name text, steer boolean)
RETURNS dataplat.source
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s dataplat.source;
BEGIN
    SELECT * INTO s FROM dataplat.source AS x WHERE x.name = source_name FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'source "%" does not exist', source_name
            USING ERRCODE = 'undefined_object', HINT = 'See dataplat.source for the declared sources.';
    END IF;
    IF NOT (dataplat_internal.is_member(caller, s.owner) OR (steer AND dataplat_internal.is_member(caller, 'dataplat_operator'))) THEN
        RAISE EXCEPTION 'must be owner of source "%"', source_name
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('Its owner is %I.', s.owner) || CASE WHEN steer THEN ' Members of dataplat_operator may do it too.' ELSE '' END;
    END IF;
    RETURN s;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.source_to_change(name, text, boolean) IS 'lock a source that the caller may change';

CREATE OR REPLACE FUNCTION dataplat_internal.note_source_event(caller name, source_name text, kind text, detail jsonb DEFAULT '{}')
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO dataplat.source_event (source, kind, actor, detail)
    VALUES (source_name, note_source_event.kind, caller, coalesce(jsonb_strip_nulls(note_source_event.detail), '{}'));
$$;
COMMENT ON FUNCTION dataplat_internal.note_source_event(name, text, text, jsonb) IS 'record what somebody did to a source';

-- ------------------------------------------------------------------ create, alter, drop

-- Columns for layout columns when the user names none: those of the target
-- when it is there, the CSV header, or a guess from a sample.
CREATE OR REPLACE FUNCTION dataplat_internal.default_columns(s dataplat.source, sample jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass := to_regclass(s.target);
    found    jsonb;
BEGIN
    IF relation IS NOT NULL THEN
        SELECT jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'field', a.attname,
                                            'not_null', a.attnotnull) ORDER BY a.attnum) INTO found
          FROM pg_attribute AS a
         WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity = ''
           AND a.attname NOT IN ('value', '_topic', '_partition', '_offset', '_timestamp', '_key', '_headers', '_schema_id', '_batch_id',
                                 '_ingested_at', '_raw', '_raw_key', '_tombstone');
    ELSIF s.format = 'csv' THEN
        SELECT jsonb_agg(jsonb_build_object('name', h.field, 'type', 'text', 'field', h.field, 'not_null', false) ORDER BY h.nth) INTO found
          FROM jsonb_array_elements_text(s.options -> 'header') WITH ORDINALITY AS h (field, nth);
        RETURN dataplat_internal.parse_columns(found::text);
    ELSE
        found := dataplat_internal.infer_columns(ARRAY(SELECT d FROM jsonb_array_elements(coalesce(sample, '[]')) AS d));
    END IF;
    IF found IS NULL THEN
        RAISE EXCEPTION 'cannot tell the columns of source "%"', s.name
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'The topic has no message that is a JSON object, and there is no target table to take them from.',
                  HINT = 'Name them: columns => ''order_id bigint, status text''.';
    END IF;
    RETURN found;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.default_columns(dataplat.source, jsonb) IS 'columns of a source for which the user named none';

-- The definition that the arguments give, laid over an old one.  NULL leaves
-- what is there; "reset" names what goes back to its default.
CREATE OR REPLACE FUNCTION dataplat_internal.source_from_arguments(old dataplat.source, a jsonb)
RETURNS dataplat.source
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s        dataplat.source;
    defaults jsonb := '{"format": "json", "key_format": "text", "layout": "document", "start_from": "earliest", "envelope": "none",
                        "on_error": "dead_letter", "schema_evolution": "fail", "workers": 1, "include": [], "options": {}, "paused": false,
                        "columns": null, "value_subject": null, "registry": null, "max_errors": null, "max_error_ratio": null,
                        "retention": null, "batch_rows": null, "batch_bytes": null, "batch_delay": null, "rate_limit": null}';
    given    jsonb;
    reset    text;
BEGIN
    s := old;
    -- Nothing but arguments: not the owner, for one.
    SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') INTO given FROM jsonb_each(a) AS e
     WHERE e.value <> 'null' AND e.key <> 'columns' AND (defaults ? e.key OR e.key IN ('name', 'server', 'topic'));
    IF s.name IS NULL THEN
        s := jsonb_populate_record(s, defaults);
    END IF;
    FOR reset IN SELECT jsonb_array_elements_text(CASE jsonb_typeof(a -> 'reset') WHEN 'array' THEN a -> 'reset' ELSE '[]' END) LOOP
        PERFORM dataplat_internal.check_choice('argument to reset', reset, ARRAY(SELECT k FROM jsonb_object_keys(defaults) AS k WHERE k <> 'paused' ORDER BY k));
        s := jsonb_populate_record(s, jsonb_build_object(reset, defaults -> reset));
    END LOOP;
    s := jsonb_populate_record(s, given);
    IF a ->> 'columns' IS NOT NULL THEN
        s.columns := dataplat_internal.parse_columns(a ->> 'columns');
    END IF;
    IF a ->> 'target' IS NOT NULL THEN
        s.target := (SELECT format('%I.%I', p.schema_name, p.table_name) FROM dataplat_internal.table_name_parts(a ->> 'target') AS p);
    END IF;
    RETURN s;
EXCEPTION WHEN invalid_text_representation OR invalid_datetime_format OR numeric_value_out_of_range OR datetime_field_overflow THEN
    RAISE EXCEPTION '%', SQLERRM USING ERRCODE = 'invalid_parameter_value';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.source_from_arguments(dataplat.source, jsonb) IS 'a definition laid over another';

-- Make or check the target of a definition.
CREATE OR REPLACE FUNCTION dataplat_internal.prepare_target(s dataplat.source)
RETURNS regclass
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other text;
BEGIN
    SELECT x.name INTO other FROM dataplat.source AS x WHERE x.target = s.target AND x.name <> s.name;
    IF FOUND THEN
        RAISE EXCEPTION 'table "%" is filled by source "%" already', s.target, other
            USING ERRCODE = 'object_in_use',
                  HINT = 'One source may read several topics; two sources need a table each.';
    END IF;
    RETURN dataplat_internal.create_bronze_table(s.owner, s.target, dataplat_internal.is_several(s.topic), s.format, s.key_format,
        s.layout, s.columns, s.include, s.retention, format('messages of Kafka topic %s, stored by dataplat source %s', s.topic, s.name));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.prepare_target(dataplat.source) IS 'make or check the target of a source';

CREATE OR REPLACE FUNCTION dataplat_internal.command_create_source(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s        dataplat.source;
    relation regclass;
BEGIN
    s := dataplat_internal.source_from_arguments(NULL::dataplat.source, a);
    s.owner := caller;
    IF s.target IS NULL THEN
        s.target := (SELECT format('%I.%I', 'bronze', s.name));
    END IF;
    PERFORM dataplat_internal.check_source(s);
    PERFORM dataplat_internal.check_server(caller, s.server);
    IF EXISTS (SELECT FROM dataplat.source AS x WHERE x.name = s.name) THEN
        RAISE EXCEPTION 'source "%" already exists', s.name
            USING ERRCODE = 'duplicate_object', HINT = 'Change it with dataplat.alter_source(), or choose another name.';
    END IF;
    IF s.layout <> 'document' AND s.columns IS NULL THEN
        s.columns := dataplat_internal.default_columns(s, a -> 'sample');
    END IF;
    relation := dataplat_internal.prepare_target(s);

    s.source_id := nextval('dataplat.source_source_id_seq');
    s.created_at := now();
    s.altered_at := now();
    IF s.paused THEN
        s.pause_reason := 'created paused';
        s.paused_by := caller;
        s.paused_at := now();
    END IF;
    INSERT INTO dataplat.source SELECT s.*;
    PERFORM dataplat_internal.note_source_event(caller, s.name, 'create', to_jsonb(s));
    PERFORM dataplat_internal.wake_scheduler();
    RETURN to_jsonb(relation::oid::text);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_create_source(name, jsonb) IS 'create_source as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat_internal.command_alter_source(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old dataplat.source;
    s   dataplat.source;
BEGIN
    old := dataplat_internal.source_to_change(caller, a ->> 'name', false);
    s := dataplat_internal.source_from_arguments(old, a - '{name,paused}'::text[]);
    IF s.layout = 'document' THEN
        s.columns := NULL;
    END IF;
    PERFORM dataplat_internal.check_source(s);
    PERFORM dataplat_internal.check_server(s.owner, s.server);
    IF s.layout <> 'document' AND s.columns IS NULL THEN
        s.columns := dataplat_internal.default_columns(s, a -> 'sample');
    END IF;
    IF s.target = old.target THEN
        PERFORM dataplat_internal.add_missing_columns(s);
    END IF;
    PERFORM dataplat_internal.prepare_target(s);
    IF s.target <> old.target THEN
        DELETE FROM dataplat_internal.bronze_table AS b WHERE b.target = old.target;
    END IF;
    s.altered_at := now();

    UPDATE dataplat.source AS x
       SET (server, topic, target, format, key_format, layout, columns, start_from, value_subject, registry, envelope, on_error,
            max_errors, max_error_ratio, schema_evolution, retention, workers, batch_rows, batch_bytes, batch_delay, rate_limit,
            include, options, altered_at)
         = (s.server, s.topic, s.target, s.format, s.key_format, s.layout, s.columns, s.start_from, s.value_subject, s.registry, s.envelope,
            s.on_error, s.max_errors, s.max_error_ratio, s.schema_evolution, s.retention, s.workers, s.batch_rows, s.batch_bytes,
            s.batch_delay, s.rate_limit, s.include, s.options, s.altered_at)
     WHERE x.name = s.name;
    PERFORM dataplat_internal.note_source_event(caller, s.name, 'alter', (
        SELECT jsonb_object_agg(n.key, jsonb_build_object('old', to_jsonb(old) -> n.key, 'new', n.value))
          FROM jsonb_each(to_jsonb(s)) AS n
         WHERE n.value IS DISTINCT FROM to_jsonb(old) -> n.key AND n.key <> 'altered_at'));
    IF NOT old.paused THEN
        PERFORM dataplat_internal.wake_job('ingest', s.source_id);
    END IF;
    PERFORM dataplat_internal.wake_scheduler();
    RETURN to_jsonb(s.target::regclass::oid::text);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_alter_source(name, jsonb) IS 'alter_source as the owner of the extension';

-- New columns of a definition are added to a table that we made.
CREATE OR REPLACE FUNCTION dataplat_internal.add_missing_columns(s dataplat.source)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass := to_regclass(s.target);
    c        record;
BEGIN
    IF relation IS NULL OR NOT EXISTS (SELECT FROM dataplat_internal.bronze_table AS b WHERE b.target = s.target AND b.made) THEN
        RETURN;
    END IF;
    FOR c IN
        SELECT w.name, w.type, w.note
          FROM dataplat_internal.bronze_columns(dataplat_internal.is_several(s.topic), s.format, s.key_format, s.layout, s.columns, s.include) AS w
         WHERE w.kind <> 'bronze'
           AND NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = w.name AND NOT a.attisdropped)
         ORDER BY w.ordinal
    LOOP
        PERFORM dataplat_internal.execute_as(s.owner, format('ALTER TABLE %s ADD COLUMN %I %s', relation, c.name, c.type));
        PERFORM dataplat_internal.execute_as(s.owner, format('COMMENT ON COLUMN %s.%I IS %L', relation, c.name, c.note));
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.add_missing_columns(dataplat.source) IS 'add the columns that an altered source fills';

CREATE OR REPLACE FUNCTION dataplat_internal.command_drop_source(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s       dataplat.source;
    figures record;
    open    bigint;
    readers text;
BEGIN
    s := dataplat_internal.source_to_change(caller, a ->> 'name', false);
    IF (a ->> 'drop_target')::boolean THEN
        SELECT string_agg(r.reader, ', ' ORDER BY r.reader) INTO readers
          FROM dataplat_internal.bronze_reader AS r WHERE r.target = s.target;
        IF readers IS NOT NULL THEN
            RAISE EXCEPTION 'cannot drop table "%" because it is still read', s.target
                USING ERRCODE = 'dependent_objects_still_exist', DETAIL = format('Readers: %s.', readers);
        END IF;
    END IF;
    -- The lock of source_to_change() does not stop a worker.
    IF dataplat_internal.is_preloaded() AND NOT dataplat_internal.hold_jobs('ingest', s.source_id, 10000) THEN
        RAISE EXCEPTION 'the worker of source "%" did not stop in time', s.name
            USING ERRCODE = 'object_in_use', HINT = 'See dataplat.source_status for what it waits for, and try again.';
    END IF;
    SELECT count(*) AS partitions, coalesce(sum(o.rows), 0) AS rows INTO figures
      FROM dataplat_internal.source_offset AS o WHERE o.source = s.name;
    SELECT count(*) INTO open FROM dataplat.dead_letter AS d WHERE d.source = s.name AND d.state = 'open';

    DELETE FROM dataplat.source AS x WHERE x.name = s.name;
    DELETE FROM dataplat_internal.bronze_table AS b WHERE b.target = s.target;
    UPDATE dataplat.data_loss_event AS e
       SET resolution = 'dropped', resolved_by = caller, resolved_at = now(), reason = 'the source was dropped'
     WHERE e.source = s.name AND e.resolved_at IS NULL;
    IF (a ->> 'drop_target')::boolean AND to_regclass(s.target) IS NOT NULL THEN
        PERFORM dataplat_internal.execute_as(s.owner, format('DROP TABLE %s', s.target));
    END IF;
    PERFORM dataplat_internal.note_source_event(caller, s.name, 'drop',
        jsonb_build_object('target', s.target, 'target_dropped', (a ->> 'drop_target')::boolean, 'rows', figures.rows));
    PERFORM dataplat_internal.wake_scheduler();
    RAISE NOTICE 'source "%" dropped after % rows of % partitions; % dead letters are open; table % %',
        s.name, figures.rows, figures.partitions, open, s.target,
        CASE WHEN (a ->> 'drop_target')::boolean THEN 'was dropped' ELSE 'is kept' END;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_drop_source(name, jsonb) IS 'drop_source as the owner of the extension';

-- ------------------------------------------------------------------ pause and resume

CREATE OR REPLACE FUNCTION dataplat_internal.command_pause_source(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s dataplat.source;
BEGIN
    s := dataplat_internal.source_to_change(caller, a ->> 'name', true);
    UPDATE dataplat.source AS x
       SET paused = true, pause_reason = a ->> 'reason', paused_by = caller, paused_at = now()
     WHERE x.name = s.name;
    PERFORM dataplat_internal.note_source_event(caller, s.name, 'pause', jsonb_build_object('reason', a ->> 'reason'));
    PERFORM dataplat_internal.stop_jobs('ingest', s.source_id);
    PERFORM dataplat_internal.wake_scheduler();
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_pause_source(name, jsonb) IS 'pause_source as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat_internal.command_resume_source(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s dataplat.source;
    n int;
BEGIN
    s := dataplat_internal.source_to_change(caller, a ->> 'name', true);
    DELETE FROM dataplat_internal.source_failure AS f WHERE f.source = s.name;
    UPDATE dataplat.source AS x
       SET paused = false, pause_reason = NULL, paused_by = NULL, paused_at = NULL
     WHERE x.name = s.name;
    PERFORM dataplat_internal.note_source_event(caller, s.name, 'resume', jsonb_build_object('was', s.pause_reason, 'paused_by', s.paused_by));
    SELECT count(*) INTO n FROM dataplat.data_loss_event AS e WHERE e.source = s.name AND e.resolved_at IS NULL;
    IF n > 0 THEN
        RAISE NOTICE 'source "%" has % unresolved data loss events', s.name, n
            USING HINT = 'Their partitions stand still until dataplat.accept_data_loss() says how to go on.';
    END IF;
    PERFORM dataplat_internal.wake_job('ingest', s.source_id);
    PERFORM dataplat_internal.wake_scheduler();
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_resume_source(name, jsonb) IS 'resume_source as the owner of the extension';

-- ------------------------------------------------------------------ seek, replay, wait

-- Offsets of a position.  A map of offsets is read here, so that it works
-- without a broker; everything else is a question to it.
CREATE OR REPLACE FUNCTION dataplat_internal.source_positions(s dataplat.source, to_position text)
RETURNS TABLE (topic text, partition int, message_offset bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM dataplat_internal.check_position(to_position);
    IF to_position NOT LIKE '{%' THEN
        RETURN QUERY SELECT p.topic, p.partition, p.message_offset
                       FROM dataplat_internal.resolve_positions(s.server, s.topic, to_position, s.owner) AS p;
    ELSIF EXISTS (SELECT FROM jsonb_each(to_position::jsonb) AS m WHERE jsonb_typeof(m.value) = 'object') THEN
        RETURN QUERY SELECT m.key, o.key::int, o.value::bigint
                       FROM jsonb_each(to_position::jsonb) AS m, jsonb_each_text(m.value) AS o;
    ELSIF dataplat_internal.is_several(s.topic) THEN
        RAISE EXCEPTION 'source "%" reads several topics', s.name
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Say which: {"orders": {"0": 100}}.';
    ELSE
        RETURN QUERY SELECT s.topic, o.key::int, o.value::bigint FROM jsonb_each_text(to_position::jsonb) AS o;
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.source_positions(dataplat.source, text) IS 'offsets that a position stands for in the topics of a source';

-- Put a partition to an offset.  Counters begin anew with a new generation,
-- and the new owner_epoch fences off a worker that is in the middle of a batch.
CREATE OR REPLACE FUNCTION dataplat_internal.move_offset(source_name text, topic text, partition int, to_offset bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    was bigint;
BEGIN
    SELECT o.next_offset INTO was FROM dataplat_internal.source_offset AS o
     WHERE o.source = source_name AND o.topic = move_offset.topic AND o.partition = move_offset.partition FOR UPDATE;
    INSERT INTO dataplat_internal.source_offset AS o (source, topic, partition, next_offset, first_offset, owner_epoch)
    VALUES (source_name, move_offset.topic, move_offset.partition, to_offset, to_offset, nextval('dataplat_internal.owner_epoch_seq'))
    ON CONFLICT ON CONSTRAINT source_offset_pkey
    DO UPDATE SET next_offset = excluded.next_offset, first_offset = excluded.first_offset, generation = o.generation + 1,
                  owner_epoch = excluded.owner_epoch, anchor_offset = NULL, anchor_timestamp = NULL, anchor_crc = NULL, sentinel = false,
                  rows = 0, dead_letters = 0, filtered = 0, gaps = 0, bytes = 0, last_timestamp = NULL, state = 'ok', updated_at = now();
    RETURN was;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.move_offset(text, text, int, bigint) IS 'put a partition to an offset, as a new generation';

CREATE OR REPLACE FUNCTION dataplat_internal.command_seek_source(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s     dataplat.source;
    p     record;
    was   bigint;
    moved jsonb := '[]';
BEGIN
    s := dataplat_internal.source_to_change(caller, a ->> 'name', true);
    FOR p IN SELECT * FROM dataplat_internal.source_positions(s, a ->> 'to_position') AS x ORDER BY x.topic, x.partition LOOP
        was := dataplat_internal.move_offset(s.name, p.topic, p.partition, p.message_offset);
        moved := moved || jsonb_build_object('topic', p.topic, 'partition', p.partition, 'from', was, 'to', p.message_offset);
        UPDATE dataplat.data_loss_event AS e
           SET resolution = 'seek', resolved_by = caller, resolved_at = now(), reason = format('seek to %s', a ->> 'to_position')
         WHERE e.source = s.name AND e.topic = p.topic AND e.partition = p.partition AND e.resolved_at IS NULL;
    END LOOP;
    PERFORM dataplat_internal.forget_settled_loss(s.name);
    PERFORM dataplat_internal.note_source_event(caller, s.name, 'seek',
        jsonb_build_object('to_position', a ->> 'to_position', 'partitions', moved));
    IF NOT s.paused THEN
        PERFORM dataplat_internal.wake_job('ingest', s.source_id);
    END IF;
    RETURN moved;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_seek_source(name, jsonb) IS 'seek_source as the owner of the extension';

-- The failure that a loss left behind goes with the last open event.
CREATE OR REPLACE FUNCTION dataplat_internal.forget_settled_loss(source_name text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM dataplat_internal.source_failure AS f
     WHERE f.source = source_name AND f.state = 'data_loss'
       AND NOT EXISTS (SELECT FROM dataplat.data_loss_event AS e WHERE e.source = source_name AND e.resolved_at IS NULL);
$$;
COMMENT ON FUNCTION dataplat_internal.forget_settled_loss(text) IS 'forget a data_loss failure once all its events are resolved';

CREATE OR REPLACE FUNCTION dataplat_internal.command_replay_source(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s      dataplat.source;
    ranges jsonb;
    n      bigint;
BEGIN
    s := dataplat_internal.source_to_change(caller, a ->> 'name', true);
    SELECT jsonb_agg(jsonb_build_object('topic', f.topic, 'partition', f.partition, 'from', f.message_offset, 'to', t.message_offset)
                     ORDER BY f.topic, f.partition) INTO ranges
      FROM dataplat_internal.source_positions(s, a ->> 'from_position') AS f
      JOIN dataplat_internal.source_positions(s, a ->> 'to_position') AS t ON t.topic = f.topic AND t.partition = f.partition
     WHERE t.message_offset > f.message_offset;
    IF ranges IS NULL THEN
        RAISE NOTICE 'nothing lies between position "%" and position "%"', a ->> 'from_position', a ->> 'to_position';
        RETURN to_jsonb(0);
    END IF;
    n := dataplat_internal.ingest_range(s.name, ranges);
    PERFORM dataplat_internal.note_source_event(caller, s.name, 'replay', jsonb_build_object('ranges', ranges, 'messages', n));
    RETURN to_jsonb(n);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_replay_source(name, jsonb) IS 'replay_source as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat_internal.command_wait_for_source(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s       dataplat.source;
    until   timestamptz := clock_timestamp() + (a ->> 'timeout')::interval;
    ends    jsonb;
    behind  bigint;
    stopped text;
BEGIN
    SELECT * INTO s FROM dataplat.source AS x WHERE x.name = a ->> 'name';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'source "%" does not exist', a ->> 'name'
            USING ERRCODE = 'undefined_object', HINT = 'See dataplat.source for the declared sources.';
    END IF;
    SELECT jsonb_agg(to_jsonb(w)) INTO ends
      FROM dataplat_internal.topic_watermarks(s.server, s.topic, s.owner) AS w WHERE coalesce(w.stable, w.high) > w.low;
    LOOP
        -- Each statement has a snapshot of its own under READ COMMITTED.
        SELECT count(*) INTO behind
          FROM jsonb_to_recordset(coalesce(ends, '[]')) AS w (topic text, partition int, high bigint, stable bigint)
          LEFT JOIN dataplat_internal.source_offset AS o ON o.source = s.name AND o.topic = w.topic AND o.partition = w.partition
         WHERE o.next_offset IS NULL OR o.next_offset < coalesce(w.stable, w.high);
        IF behind = 0 THEN
            RETURN to_jsonb(true);
        END IF;
        SELECT coalesce((SELECT f.state || ': ' || f.reason FROM dataplat_internal.source_failure AS f WHERE f.source = s.name),
                        (SELECT 'data_loss in partition ' || min(o.partition) FROM dataplat_internal.source_offset AS o
                          WHERE o.source = s.name AND o.state = 'data_loss'),
                        (SELECT 'paused' || coalesce(': ' || x.pause_reason, '') FROM dataplat.source AS x WHERE x.name = s.name AND x.paused),
                        (SELECT 'dropped' WHERE NOT EXISTS (SELECT FROM dataplat.source AS x WHERE x.name = s.name)),
                        (SELECT min(j.state || coalesce(': ' || j.reason, '')) FROM dataplat_internal.job_state() AS j
                          WHERE j.kind = 'ingest' AND j.object_id = s.source_id AND j.state IN ('fenced', 'failed'))) INTO stopped;
        IF stopped IS NOT NULL OR clock_timestamp() >= until THEN
            RAISE NOTICE 'source "%" is behind in % partitions: %', s.name, behind, coalesce(stopped, 'timeout');
            RETURN to_jsonb(false);
        END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_wait_for_source(name, jsonb) IS 'wait_for_source as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat_internal.command_accept_data_loss(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s      dataplat.source;
    e      dataplat.data_loss_event;
    o      dataplat_internal.source_offset;
    target bigint;
BEGIN
    PERFORM dataplat_internal.check_choice('resolution', a ->> 'resolution', '{skip_gap,restart_earliest,restart_latest}');
    s := dataplat_internal.source_to_change(caller, a ->> 'source', true);
    SELECT * INTO e FROM dataplat.data_loss_event AS x
     WHERE x.source = s.name AND x.topic = a ->> 'topic'
       AND (x.partition = (a ->> 'partition')::int OR x.partition IS NULL) AND x.resolved_at IS NULL
     ORDER BY x.partition NULLS LAST, x.event_id DESC LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'topic "%" partition % of source "%" has no unresolved data loss', a ->> 'topic', a ->> 'partition', s.name
            USING ERRCODE = 'undefined_object', HINT = 'See dataplat.data_loss_event where resolved_at IS NULL.';
    END IF;
    SELECT * INTO o FROM dataplat_internal.source_offset AS x
     WHERE x.source = s.name AND x.topic = a ->> 'topic' AND x.partition = (a ->> 'partition')::int FOR UPDATE;

    IF a ->> 'resolution' = 'skip_gap' THEN
        -- Go on behind the gap; where nothing is left to read, leave the partition out.
        target := CASE WHEN e.class IN ('TOPIC_DELETED', 'PARTITIONS_DELETED') THEN NULL
                       WHEN e.class = 'OFFSET_BEYOND_END' THEN coalesce((e.evidence ->> 'high_watermark')::bigint, o.high_watermark, o.next_offset)
                       ELSE coalesce(e.to_offset, o.next_offset) END;
    ELSE
        SELECT p.message_offset INTO target
          FROM dataplat_internal.source_positions(s, substr(a ->> 'resolution', 9)) AS p
         WHERE p.topic = a ->> 'topic' AND p.partition = (a ->> 'partition')::int;
        IF target IS NULL THEN
            RAISE EXCEPTION 'topic "%" has no partition %', a ->> 'topic', a ->> 'partition'
                USING ERRCODE = 'undefined_object',
                      HINT = 'Resolution skip_gap leaves a partition out that is gone; seek_source takes it up again.';
        END IF;
    END IF;

    IF target IS NULL THEN
        UPDATE dataplat_internal.source_offset AS x
           SET state = 'deleted', owner_epoch = nextval('dataplat_internal.owner_epoch_seq'), updated_at = now()
         WHERE x.source = s.name AND x.topic = a ->> 'topic' AND x.partition = (a ->> 'partition')::int;
    ELSE
        PERFORM dataplat_internal.move_offset(s.name, a ->> 'topic', (a ->> 'partition')::int, target);
    END IF;
    UPDATE dataplat.data_loss_event AS x
       SET resolution = a ->> 'resolution', reason = a ->> 'reason', resolved_by = caller, resolved_at = now()
     WHERE x.source = s.name AND x.topic = a ->> 'topic'
       AND (x.partition = (a ->> 'partition')::int OR x.event_id = e.event_id) AND x.resolved_at IS NULL;
    PERFORM dataplat_internal.forget_settled_loss(s.name);
    PERFORM dataplat_internal.note_source_event(caller, s.name, 'accept_data_loss', jsonb_build_object(
        'topic', a -> 'topic', 'partition', a -> 'partition', 'class', e.class, 'resolution', a -> 'resolution',
        'reason', a -> 'reason', 'from', o.next_offset, 'to', target));
    PERFORM dataplat_internal.wake_job('ingest', s.source_id);
    PERFORM dataplat_internal.wake_scheduler();
    RETURN to_jsonb(target);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_accept_data_loss(name, jsonb) IS 'accept_data_loss as the owner of the extension';

-- ------------------------------------------------------------------ what users call

-- A sample for guessing columns is read with the caller's own credentials.
CREATE OR REPLACE FUNCTION dataplat.create_source(name text, server text, topic text, target text DEFAULT NULL,
    format text DEFAULT 'json', key_format text DEFAULT 'text', layout text DEFAULT 'document', start_from text DEFAULT 'earliest',
    value_subject text DEFAULT NULL, registry text DEFAULT NULL, envelope text DEFAULT 'none', on_error text DEFAULT 'dead_letter',
    max_errors bigint DEFAULT NULL, max_error_ratio float8 DEFAULT NULL, schema_evolution text DEFAULT 'fail',
    retention interval DEFAULT NULL, workers int DEFAULT 1, batch_rows int DEFAULT NULL, batch_bytes bigint DEFAULT NULL,
    batch_delay interval DEFAULT NULL, rate_limit int DEFAULT NULL, include text[] DEFAULT '{}', paused boolean DEFAULT false,
    columns text DEFAULT NULL, options jsonb DEFAULT NULL)
RETURNS regclass
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sample jsonb;
BEGIN
    IF layout IN ('columns', 'both') AND format = 'json' AND columns IS NULL
       AND to_regclass(coalesce(target, pg_catalog.format('bronze.%I', name))) IS NULL THEN
        SELECT jsonb_agg(p.value::jsonb) INTO sample
          FROM dataplat.peek_topic(server, topic, rows => 200) AS p
         WHERE p.value ~ '^\s*\{.*\}\s*$';
    END IF;
    RETURN (dataplat.command('create_source', jsonb_build_object(
        'name', name, 'server', server, 'topic', topic, 'target', target, 'format', format, 'key_format', key_format, 'layout', layout,
        'start_from', start_from, 'value_subject', value_subject, 'registry', registry, 'envelope', envelope, 'on_error', on_error,
        'max_errors', max_errors, 'max_error_ratio', max_error_ratio, 'schema_evolution', schema_evolution, 'retention', retention,
        'workers', workers, 'batch_rows', batch_rows, 'batch_bytes', batch_bytes, 'batch_delay', batch_delay, 'rate_limit', rate_limit,
        'include', include, 'paused', paused, 'columns', columns, 'options', options, 'sample', sample)) #>> '{}')::oid::regclass;
END;
$$;
COMMENT ON FUNCTION dataplat.create_source(text, text, text, text, text, text, text, text, text, text, text, text, bigint, float8, text,
                                           interval, int, int, bigint, interval, int, text[], boolean, text, jsonb) IS
    'start reading a Kafka topic into a bronze table, which is made when it is missing (default: bronze.<name>); returns the table';

CREATE OR REPLACE FUNCTION dataplat.alter_source(name text, server text DEFAULT NULL, topic text DEFAULT NULL, target text DEFAULT NULL,
    format text DEFAULT NULL, key_format text DEFAULT NULL, layout text DEFAULT NULL, start_from text DEFAULT NULL,
    value_subject text DEFAULT NULL, registry text DEFAULT NULL, envelope text DEFAULT NULL, on_error text DEFAULT NULL,
    max_errors bigint DEFAULT NULL, max_error_ratio float8 DEFAULT NULL, schema_evolution text DEFAULT NULL,
    retention interval DEFAULT NULL, workers int DEFAULT NULL, batch_rows int DEFAULT NULL, batch_bytes bigint DEFAULT NULL,
    batch_delay interval DEFAULT NULL, rate_limit int DEFAULT NULL, include text[] DEFAULT NULL, paused boolean DEFAULT NULL,
    columns text DEFAULT NULL, options jsonb DEFAULT NULL, reset text[] DEFAULT NULL)
RETURNS regclass
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass;
BEGIN
    relation := (dataplat.command('alter_source', jsonb_build_object(
        'name', name, 'server', server, 'topic', topic, 'target', target, 'format', format, 'key_format', key_format, 'layout', layout,
        'start_from', start_from, 'value_subject', value_subject, 'registry', registry, 'envelope', envelope, 'on_error', on_error,
        'max_errors', max_errors, 'max_error_ratio', max_error_ratio, 'schema_evolution', schema_evolution, 'retention', retention,
        'workers', workers, 'batch_rows', batch_rows, 'batch_bytes', batch_bytes, 'batch_delay', batch_delay, 'rate_limit', rate_limit,
        'include', include, 'columns', columns, 'options', options, 'reset', reset)) #>> '{}')::oid::regclass;
    IF paused THEN
        PERFORM dataplat.command('pause_source', jsonb_build_object('name', name));
    ELSIF NOT paused THEN
        PERFORM dataplat.command('resume_source', jsonb_build_object('name', name));
    END IF;
    RETURN relation;
END;
$$;
COMMENT ON FUNCTION dataplat.alter_source(text, text, text, text, text, text, text, text, text, text, text, text, bigint, float8, text,
                                          interval, int, int, bigint, interval, int, text[], boolean, text, jsonb, text[]) IS
    'change a source while it runs; NULL leaves an argument as it is, and reset names those that go back to their default';

CREATE OR REPLACE FUNCTION dataplat.drop_source(name text, drop_target boolean DEFAULT false)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('drop_source', jsonb_build_object('name', drop_source.name, 'drop_target', coalesce(drop_source.drop_target, false))); $$;
COMMENT ON FUNCTION dataplat.drop_source(text, boolean) IS 'stop reading and forget a source; its table is kept unless drop_target';

CREATE OR REPLACE FUNCTION dataplat.pause_source(name text, reason text DEFAULT NULL)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('pause_source', jsonb_build_object('name', pause_source.name, 'reason', pause_source.reason)); $$;
COMMENT ON FUNCTION dataplat.pause_source(text, text) IS 'stop reading a source, keeping its offsets';

CREATE OR REPLACE FUNCTION dataplat.resume_source(name text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('resume_source', jsonb_build_object('name', resume_source.name)); $$;
COMMENT ON FUNCTION dataplat.resume_source(text) IS 'go on reading a source that was paused or failed, where it stopped';

CREATE OR REPLACE FUNCTION dataplat.seek_source(name text, to_position text,
    OUT topic text, OUT partition int, OUT from_offset bigint, OUT to_offset bigint)
RETURNS SETOF record
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT m.topic, m.partition, m."from", m."to"
      FROM jsonb_to_recordset(dataplat.command('seek_source',
               jsonb_build_object('name', seek_source.name, 'to_position', seek_source.to_position)))
           AS m (topic text, partition int, "from" bigint, "to" bigint);
$$;
COMMENT ON FUNCTION dataplat.seek_source(text, text) IS
    'put a source to another position, in this transaction; rows that are there already stay';

CREATE OR REPLACE FUNCTION dataplat.replay_source(name text, from_position text, to_position text DEFAULT 'latest')
RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (dataplat.command('replay_source', jsonb_build_object('name', replay_source.name,
                'from_position', replay_source.from_position, 'to_position', replay_source.to_position)) #>> '{}')::bigint;
$$;
COMMENT ON FUNCTION dataplat.replay_source(text, text, text) IS
    'read a range again and put its rows in the place of those that are there; the live position does not move; returns messages read';

CREATE OR REPLACE FUNCTION dataplat.wait_for_source(name text, timeout interval DEFAULT '30 seconds')
RETURNS boolean
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (dataplat.command('wait_for_source', jsonb_build_object('name', wait_for_source.name, 'timeout', wait_for_source.timeout)) #>> '{}')::boolean;
$$;
COMMENT ON FUNCTION dataplat.wait_for_source(text, interval) IS
    'true when everything that was in the topic at the call is committed and visible; false, with a notice why, on timeout or when the source stands still';

CREATE OR REPLACE FUNCTION dataplat.accept_data_loss(source text, topic text, partition int, resolution text, reason text DEFAULT NULL)
RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (dataplat.command('accept_data_loss', jsonb_build_object('source', accept_data_loss.source, 'topic', accept_data_loss.topic,
                'partition', accept_data_loss.partition, 'resolution', accept_data_loss.resolution, 'reason', accept_data_loss.reason)) #>> '{}')::bigint;
$$;
COMMENT ON FUNCTION dataplat.accept_data_loss(text, text, int, text, text) IS
    'say how a partition goes on after a suspected loss: skip_gap, restart_earliest or restart_latest; returns the offset it goes on from';



DO LANGUAGE plpgsql $$
DECLARE
    f regprocedure;
BEGIN
    -- Rights come from dataplat.setup_roles() or the administrator; what a command may do, it checks itself.
    FOR f IN
        SELECT p.oid::regprocedure FROM pg_catalog.pg_proc AS p
         WHERE p.pronamespace IN ('dataplat'::regnamespace, 'dataplat_internal'::regnamespace)
           AND (p.proname LIKE 'command%' OR p.proname LIKE '%source%' OR p.proname LIKE '%partition%' OR p.proname LIKE '%column%'
                OR p.proname LIKE '%bronze%' OR p.proname LIKE 'check\_%' OR p.proname IN ('execute_as', 'table_name_parts', 'document_type',
                   'apply_retention', 'canonical_type', 'is_several', 'is_member', 'prepare_target', 'move_offset', 'forget_settled_loss',
                   'accept_data_loss'))
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END;
$$;
