/*
 * ingest: what a definition must be like, and who may change it.
 */

-- ------------------------------------------------------------------ checks

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

-- A position that tells offsets by topic can only name topics of the source.
CREATE OR REPLACE FUNCTION dataplat_internal.check_position_topics(topic text, position_text text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong text;
BEGIN
    IF topic LIKE '/%' OR position_text NOT LIKE '{%' THEN
        RETURN;
    END IF;
    SELECT m.key INTO wrong FROM jsonb_each(position_text::jsonb) AS m
     WHERE jsonb_typeof(m.value) = 'object' AND m.key <> ALL (string_to_array(topic, ',')) ORDER BY 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'position "%" names topic "%", which the source does not read', position_text, wrong
            USING ERRCODE = 'invalid_parameter_value', HINT = format('It reads %s.', replace(topic, ',', ', '));
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_position_topics(text, text) IS 'fail on a position in topics that are not read';

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
        PERFORM dataplat_internal.check_choice('include', one, '{raw,raw_key,tombstone,rescued}');
    END LOOP;
    PERFORM dataplat_internal.check_topic(s.topic);
    PERFORM dataplat_internal.check_position(s.start_from);
    PERFORM dataplat_internal.check_position_topics(s.topic, s.start_from);
    PERFORM dataplat_internal.check_source_limits(s);
    PERFORM dataplat_internal.check_source_options(s);

    PERFORM dataplat_internal.check_source_schema(s);
    IF s.layout <> 'document' AND s.format NOT IN ('json', 'csv', 'avro', 'protobuf') THEN
        RAISE EXCEPTION 'layout % needs a format with fields', s.layout
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use format json, csv, avro or protobuf, or layout document.';
    END IF;
    IF s.envelope = 'upsert' AND (s.options ->> 'drop_tombstones')::boolean THEN
        RAISE EXCEPTION 'envelope upsert needs its tombstones'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'A message without value deletes its key; leave drop_tombstones out.';
    END IF;
    PERFORM dataplat_internal.check_csv_header(s);
    IF s.layout = 'document' AND s.columns IS NOT NULL THEN
        RAISE EXCEPTION 'layout document has no columns'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use layout columns, or both.';
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_source(dataplat.source) IS 'fail on a definition that could never work';

-- A column reads a field of the header, and a field has one name.
CREATE OR REPLACE FUNCTION dataplat_internal.check_csv_header(s dataplat.source)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    header text[] := ARRAY(SELECT h FROM jsonb_array_elements_text(s.options -> 'header') WITH ORDINALITY AS x (h, nth) ORDER BY nth);
    wrong  text;
BEGIN
    IF NOT s.options ? 'header' THEN
        RETURN;
    END IF;
    SELECT h INTO wrong FROM unnest(header) AS h GROUP BY h HAVING count(*) > 1 ORDER BY h LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the CSV header has field "%" twice', wrong
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give each field of a record a name of its own.';
    END IF;
    SELECT c ->> 'field' INTO wrong FROM jsonb_array_elements(s.columns) AS c WHERE c ->> 'field' <> ALL (header) LIMIT 1;
    IF FOUND AND s.format = 'csv' THEN
        RAISE EXCEPTION 'the CSV header has no field "%"', wrong
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('It has %s.', array_to_string(header, ', ')),
                  HINT = 'A column reads the field of its name, or the one that FIELD names: price numeric FIELD ''unit price''.';
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_csv_header(dataplat.source) IS 'fail on a header with a name twice, and on columns of fields that it does not have';

-- Does the value of its messages have a registered schema?
CREATE OR REPLACE FUNCTION dataplat_internal.has_schema(s dataplat.source)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.format IN ('avro', 'protobuf')
        OR (s.format = 'json' AND (s.registry IS NOT NULL OR s.value_subject IS NOT NULL OR coalesce(s.options ->> 'framing' = 'registry', false)));
$$;
COMMENT ON FUNCTION dataplat_internal.has_schema(dataplat.source) IS 'messages are read by registered schemas';
REVOKE ALL ON FUNCTION dataplat_internal.has_schema(dataplat.source) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.max_nested_levels()
RETURNS int
LANGUAGE c IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_max_nested_levels';
COMMENT ON FUNCTION dataplat_internal.max_nested_levels() IS 'how many records inside each other can become columns';
REVOKE ALL ON FUNCTION dataplat_internal.max_nested_levels() FROM PUBLIC;

-- To what depth fields of records inside of others are columns of their own.
CREATE OR REPLACE FUNCTION dataplat_internal.nested_levels(s dataplat.source)
RETURNS int
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE s.options ->> 'nested' WHEN 'columns' THEN dataplat_internal.max_nested_levels() ELSE 0 END; $$;
COMMENT ON FUNCTION dataplat_internal.nested_levels(dataplat.source) IS 'how many records inside each other become columns; 0: they are jsonb';
REVOKE ALL ON FUNCTION dataplat_internal.nested_levels(dataplat.source) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.nested_delimiter(s dataplat.source)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce(s.options ->> 'nested_delimiter', '_'); $$;
COMMENT ON FUNCTION dataplat_internal.nested_delimiter(dataplat.source) IS 'what stands between the names of records and fields in names of columns';
REVOKE ALL ON FUNCTION dataplat_internal.nested_delimiter(dataplat.source) FROM PUBLIC;

-- What concerns registered schemas.
CREATE OR REPLACE FUNCTION dataplat_internal.check_source_schema(s dataplat.source)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF s.registry IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_foreign_server AS f JOIN pg_foreign_data_wrapper AS w ON w.oid = f.srvfdw
         WHERE f.srvname = s.registry AND w.fdwname = 'dataplat_registry') THEN
        RAISE EXCEPTION 'schema registry "%" does not exist', s.registry
            USING ERRCODE = 'undefined_object',
                  HINT = 'CREATE SERVER name FOREIGN DATA WRAPPER dataplat_registry OPTIONS (url ''http://host:8081''); or leave it out: then it is the registry of this database.';
    END IF;
    IF s.value_subject IS NOT NULL AND s.format NOT IN ('json', 'avro', 'protobuf') THEN
        RAISE EXCEPTION 'format % has no schemas', s.format
            USING ERRCODE = 'invalid_parameter_value', HINT = 'value_subject is for format json, avro and protobuf.';
    END IF;
    IF s.options ? 'key_subject' AND s.key_format NOT IN ('json', 'avro', 'protobuf') THEN
        RAISE EXCEPTION 'key_format % has no schemas', s.key_format
            USING ERRCODE = 'invalid_parameter_value', HINT = 'key_subject is for key_format json, avro and protobuf.';
    END IF;
    IF s.options ->> 'framing' = 'none' AND dataplat_internal.is_several(s.topic) AND s.value_subject IS NULL THEN
        RAISE EXCEPTION 'messages of several topics without framing need value_subject' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF s.schema_evolution IN ('add_columns', 'widen', 'propose') AND (s.layout = 'document' OR NOT dataplat_internal.has_schema(s)) THEN
        RAISE EXCEPTION 'schema_evolution % needs columns and registered schemas', s.schema_evolution
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It is for layout columns or both, of format avro, protobuf, or json with registry or value_subject.';
    END IF;
    IF 'rescued' = ANY (s.include) AND (s.layout = 'document' OR NOT dataplat_internal.has_schema(s)) THEN
        RAISE EXCEPTION 'include rescued needs columns and registered schemas'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It is for layout columns or both, of format avro, protobuf, or json with registry or value_subject.';
    END IF;
    IF s.options ?| '{nested,nested_delimiter}' AND (s.layout = 'document' OR NOT dataplat_internal.has_schema(s)) THEN
        RAISE EXCEPTION 'option nested needs columns and registered schemas'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It is for layout columns or both, of format avro, protobuf, or json with registry or value_subject.';
    END IF;
    IF s.envelope = 'debezium' AND s.format NOT IN ('json', 'avro') THEN
        RAISE EXCEPTION 'envelope debezium is for format json and avro' USING ERRCODE = 'invalid_parameter_value';
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_source_schema(dataplat.source) IS 'fail on arguments about schemas that could never work';

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
                   ('retention', s.retention::text, s.retention > interval '0' AND s.retention <= interval '1000 years', 'more than 0, at most 1000 years')) AS l (argument, value, fits, allowed)
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
        PERFORM dataplat_internal.check_choice('option', item.key, '{delimiter,quote,"null",header,drop_tombstones,allow_nonatomic,framing,key_subject,subject_strategy,record_name,message_indexes,nested,nested_delimiter}');
        fits := CASE item.key
                    WHEN 'delimiter' THEN item.type = 'string' AND item.word ~ '^[^\r\n]$' AND item.word <> coalesce(s.options ->> 'quote', '"') AND octet_length(item.word) = 1
                    WHEN 'quote' THEN item.type = 'string' AND item.word ~ '^[^\r\n]?$' AND octet_length(item.word) <= 1
                                      AND item.word <> coalesce(s.options ->> 'delimiter', ',')
                    WHEN 'null' THEN item.type = 'string' AND item.word ~ '^[^\r\n]{1,100}$'
                    WHEN 'header' THEN item.type = 'array' AND NOT EXISTS (SELECT FROM jsonb_array_elements(
                                           CASE item.type WHEN 'array' THEN item.value ELSE '[]' END) AS h WHERE jsonb_typeof(h) <> 'string')
                    WHEN 'framing' THEN item.word IN ('auto', 'none', 'registry')
                    WHEN 'subject_strategy' THEN item.word IN ('TopicNameStrategy', 'RecordNameStrategy', 'TopicRecordNameStrategy')
                    WHEN 'key_subject' THEN item.type = 'string' AND item.word <> ''
                    WHEN 'record_name' THEN item.type = 'string' AND item.word <> ''
                    WHEN 'nested' THEN item.word IN ('jsonb', 'columns')
                    WHEN 'nested_delimiter' THEN item.type = 'string' AND item.word ~ '^[^"[:cntrl:]]{1,8}$'
                    WHEN 'message_indexes' THEN item.type = 'array' AND item.word ~ '^\[\d{1,6}(, \d{1,6}){0,31}\]$'
                    ELSE item.type = 'boolean' END;
        IF NOT fits THEN
            RAISE EXCEPTION 'invalid option % "%"', item.key, item.word
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'delimiter: one ASCII character; quote: another one, or none; null: a text; header: an array of names; drop_tombstones, allow_nonatomic: true or false; framing: auto, none or registry; '
                             'subject_strategy: TopicNameStrategy, RecordNameStrategy or TopicRecordNameStrategy; key_subject, record_name: names; message_indexes: an array of numbers; nested: jsonb or columns; '
                             'nested_delimiter: 1 to 8 characters.';
        END IF;
        IF item.key IN ('delimiter', 'quote', 'null', 'header') AND 'csv' NOT IN (s.format, s.key_format) THEN
            RAISE EXCEPTION 'option % is for format csv', item.key USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_source_options(dataplat.source) IS 'fail on an unknown or malformed option';

-- A table has room for 1600 columns.
CREATE OR REPLACE FUNCTION dataplat_internal.check_column_count(s dataplat.source)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted bigint;
BEGIN
    SELECT count(*) INTO wanted
      FROM dataplat_internal.bronze_columns(dataplat_internal.is_several(s.topic), s.format, s.key_format, s.layout, s.columns, s.include);
    IF wanted > 1600 THEN
        RAISE EXCEPTION 'source "%" would have more columns than a table can have', s.name
            USING ERRCODE = 'too_many_columns',
                  DETAIL = format('It needs %s%s columns; a table can have 1600.', wanted,
                                  CASE WHEN dataplat_internal.nested_levels(s) > 0 THEN ' or more' ELSE '' END),
                  HINT = CASE WHEN dataplat_internal.nested_levels(s) > 0
                              THEN 'Leave records in jsonb, options => ''{"nested": "jsonb"}'', or name the columns: columns => ''city text PATH ''''address.city''''''.'
                              ELSE 'Name the columns that are needed, or use layout document.' END;
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_column_count(dataplat.source) IS 'fail on more columns than a table can have';
REVOKE ALL ON FUNCTION dataplat_internal.check_column_count(dataplat.source) FROM PUBLIC;

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
                  HINT = coalesce((SELECT 'Declared: ' || string_agg(quote_ident(f.srvname), ', ' ORDER BY f.srvname) || '.'
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
