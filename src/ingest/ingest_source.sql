/*
 * ingest: what users call to declare, steer and move sources.
 *
 * Each public function is a thin cover for a command_<verb> function, which
 * dataplat.command() runs as the owner of the extension, telling it who
 * called; src/common/rights.c says why.
 */

-- ------------------------------------------------------------------ create, alter, drop

-- The subject that the naming strategy gives to the values of a source.
CREATE OR REPLACE FUNCTION dataplat_internal.value_subject_of(s dataplat.source)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(s.value_subject, CASE coalesce(s.options ->> 'subject_strategy', 'TopicNameStrategy')
        WHEN 'TopicNameStrategy' THEN CASE WHEN NOT dataplat_internal.is_several(s.topic) THEN s.topic || '-value' END
        WHEN 'RecordNameStrategy' THEN s.options ->> 'record_name'
        WHEN 'TopicRecordNameStrategy' THEN CASE WHEN NOT dataplat_internal.is_several(s.topic) THEN s.topic || '-' || (s.options ->> 'record_name') END END);
$$;
COMMENT ON FUNCTION dataplat_internal.value_subject_of(dataplat.source) IS 'value_subject, or the one that the naming strategy gives';

CREATE OR REPLACE FUNCTION dataplat_internal.subject_fields(registry text, acting_for name, subject text, message_indexes int[], levels int,
    OUT schema_id int, OUT guid uuid, OUT schema_type text, OUT full_name text, OUT fields jsonb)
LANGUAGE c CALLED ON NULL INPUT VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_subject_fields';
COMMENT ON FUNCTION dataplat_internal.subject_fields(text, name, text, int[], int) IS
    'the latest version of a subject and its fields: [{"name", "path", "type", "nullable", "has_default", "doc"}], of records inside each other to so many levels; NULLs when there is none';
REVOKE ALL ON FUNCTION dataplat_internal.subject_fields(text, name, text, int[], int) FROM PUBLIC;

-- The registered schema of a source's values, when the subject is known.
CREATE OR REPLACE FUNCTION dataplat_internal.declared_schema(s dataplat.source,
    OUT schema_id int, OUT guid uuid, OUT schema_type text, OUT full_name text, OUT fields jsonb)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT f.*
      FROM dataplat_internal.subject_fields(s.registry, s.owner, dataplat_internal.value_subject_of(s),
               ARRAY(SELECT i::int FROM jsonb_array_elements_text(coalesce(s.options -> 'message_indexes', '[]')) AS i),
               dataplat_internal.nested_levels(s)) AS f
     WHERE dataplat_internal.value_subject_of(s) IS NOT NULL;
$$;
COMMENT ON FUNCTION dataplat_internal.declared_schema(dataplat.source) IS 'the latest version of the subject of a source''s values';
REVOKE ALL ON FUNCTION dataplat_internal.declared_schema(dataplat.source) FROM PUBLIC;

-- The name of a column for a field.  A name that is too long is cut, and one that is
-- cut or taken ends with a part of the hash of the whole path: the same path gives the
-- same name, whatever else a schema has.
CREATE OR REPLACE FUNCTION dataplat_internal.column_name_of(field text, is_path boolean, delimiter text, taken text[])
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    plain text := field;
    short text;
BEGIN
    IF is_path THEN
        SELECT string_agg(CASE WHEN m.part[1] = '.' THEN delimiter WHEN left(m.part[1], 1) = '\' THEN substr(m.part[1], 2) ELSE m.part[1] END, '' ORDER BY m.nth) INTO plain
          FROM regexp_matches(field, '\\.|\.|[^\\.]+', 'g') WITH ORDINALITY AS m (part, nth);
    END IF;
    IF plain IN ('', 'value', '_topic', '_partition', '_offset', '_timestamp', '_key', '_headers', '_schema_id', '_batch_id', '_ingested_at', '_raw', '_raw_key',
                 '_tombstone', '_rescued', 'tableoid', 'xmin', 'xmax', 'cmin', 'cmax', 'ctid') THEN
        plain := plain || '_';
    END IF;
    IF octet_length(plain) <= 63 AND plain <> ALL (taken) THEN
        RETURN plain;
    END IF;
    short := left(plain, 54);
    WHILE octet_length(short) > 54 LOOP
        short := left(short, -1);
    END LOOP;
    RETURN short || '_' || left(encode(sha256(convert_to(field, 'UTF8')), 'hex'), 8);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.column_name_of(text, boolean, text, text[]) IS 'the name of a column for a field of a schema, other than those that are taken';
REVOKE ALL ON FUNCTION dataplat_internal.column_name_of(text, boolean, text, text[]) FROM PUBLIC;

-- Fields of a schema as columns.  All accept NULL: a later version may leave a field out, and a tombstone has none.
-- What is a field of the message itself chooses its name before what lies inside of others.
CREATE OR REPLACE FUNCTION dataplat_internal.columns_of_fields(fields jsonb, delimiter text, taken text[] DEFAULT '{}')
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    f       record;
    name    text;
    columns jsonb[] := '{}';
BEGIN
    FOR f IN SELECT e.v ->> 'name' AS field, coalesce((e.v ->> 'path')::boolean, false) AS path, e.v ->> 'type' AS type, e.nth::int AS nth
               FROM jsonb_array_elements(fields) WITH ORDINALITY AS e (v, nth) ORDER BY 2, e.nth LOOP
        name := dataplat_internal.column_name_of(f.field, f.path, delimiter, taken);
        taken := taken || name;
        columns[f.nth] := jsonb_build_object('name', name, 'type', f.type, 'field', f.field, 'not_null', false)
                          || CASE WHEN f.path THEN '{"path": true}' ELSE '{}' END::jsonb;
    END LOOP;
    RETURN nullif(to_jsonb(columns), '[]');
END;
$$;
COMMENT ON FUNCTION dataplat_internal.columns_of_fields(jsonb, text, text[]) IS 'columns for the fields of a schema, with other names than those that are taken';
REVOKE ALL ON FUNCTION dataplat_internal.columns_of_fields(jsonb, text, text[]) FROM PUBLIC;

-- The columns of a source, and beside them those of fields inside of others that have none yet.
CREATE OR REPLACE FUNCTION dataplat_internal.with_nested_columns(s dataplat.source)
RETURNS jsonb
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.columns || coalesce(dataplat_internal.columns_of_fields(
               (SELECT jsonb_agg(f ORDER BY nth)
                  FROM dataplat_internal.declared_schema(s) AS d, jsonb_array_elements(d.fields) WITH ORDINALITY AS e (f, nth)
                 WHERE (f ->> 'path')::boolean
                   AND NOT EXISTS (SELECT FROM jsonb_array_elements(s.columns) AS c WHERE c ->> 'field' = f ->> 'name')),
               dataplat_internal.nested_delimiter(s), ARRAY(SELECT c ->> 'name' FROM jsonb_array_elements(s.columns) AS c)), '[]');
$$;
COMMENT ON FUNCTION dataplat_internal.with_nested_columns(dataplat.source) IS 'columns of a source and those of fields inside of others';
REVOKE ALL ON FUNCTION dataplat_internal.with_nested_columns(dataplat.source) FROM PUBLIC;

-- The columns of a target that a source could fill; NULL when there are none.
CREATE OR REPLACE FUNCTION dataplat_internal.columns_of_target(s dataplat.source)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found jsonb;
BEGIN
    SELECT jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'field', a.attname,
                                        'not_null', a.attnotnull AND NOT a.atthasdef) ORDER BY a.attnum) INTO found
      FROM pg_attribute AS a
     WHERE a.attrelid = to_regclass(s.target) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity = ''
       AND a.attname NOT IN ('value', '_topic', '_partition', '_offset', '_timestamp', '_key', '_headers', '_schema_id', '_batch_id',
                             '_ingested_at', '_raw', '_raw_key', '_tombstone', '_rescued')
       AND (s.format <> 'csv' OR NOT s.options ? 'header' OR s.options -> 'header' ? a.attname::text);
    IF dataplat_internal.nested_levels(s) > 0 THEN
        -- the name of a column does not tell where its field lies, the schema does
        SELECT jsonb_agg(o.c || coalesce(jsonb_strip_nulls(jsonb_build_object('field', n.c -> 'field', 'path', n.c -> 'path')), '{}') ORDER BY o.nth) INTO found
          FROM jsonb_array_elements(found) WITH ORDINALITY AS o (c, nth)
          LEFT JOIN (SELECT x.c FROM dataplat_internal.declared_schema(s) AS d, jsonb_array_elements(
                         dataplat_internal.columns_of_fields(d.fields, dataplat_internal.nested_delimiter(s))) AS x (c)) AS n ON n.c ->> 'name' = o.c ->> 'name';
    END IF;
    RETURN found;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.columns_of_target(dataplat.source) IS 'columns that the target of a source has for fields of messages';
REVOKE ALL ON FUNCTION dataplat_internal.columns_of_target(dataplat.source) FROM PUBLIC;

-- What a sample of texts says about columns.  Others may have sent anything: what
-- is no JSON object tells nothing.
CREATE OR REPLACE FUNCTION dataplat_internal.columns_of_sample(s dataplat.source, sample jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    one       text;
    document  jsonb;
    documents jsonb[] := '{}';
BEGIN
    FOR one IN SELECT x FROM jsonb_array_elements_text(coalesce(sample, '[]')) AS x LOOP
        BEGIN
            document := one::jsonb;
        EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
            CONTINUE;
        END;
        CONTINUE WHEN jsonb_typeof(document) <> 'object';
        IF s.envelope = 'debezium' AND document ? 'schema' AND jsonb_typeof(document -> 'payload') = 'object' THEN
            document := document -> 'payload';
        END IF;
        documents := documents || document;
    END LOOP;
    RETURN dataplat_internal.infer_columns(documents);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.columns_of_sample(dataplat.source, jsonb) IS 'columns guessed from messages of a topic, an array of texts';
REVOKE ALL ON FUNCTION dataplat_internal.columns_of_sample(dataplat.source, jsonb) FROM PUBLIC;

-- Must messages be looked at to know the columns?  They are read with the caller's own
-- credentials, so a command that wants a sample says so and is called again.
CREATE OR REPLACE FUNCTION dataplat_internal.wants_sample(s dataplat.source, a jsonb)
RETURNS boolean
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.layout <> 'document' AND s.columns IS NULL AND s.format = 'json' AND NOT dataplat_internal.has_schema(s) AND s.topic NOT LIKE '/%'
           AND NOT a ? 'sample' AND dataplat_internal.columns_of_target(s) IS NULL;
$$;
COMMENT ON FUNCTION dataplat_internal.wants_sample(dataplat.source, jsonb) IS 'must messages be looked at to know the columns of a source?';
REVOKE ALL ON FUNCTION dataplat_internal.wants_sample(dataplat.source, jsonb) FROM PUBLIC;

-- Columns for layout columns when the user names none: those of the target
-- when it is there and has some, the registered schema, the CSV header, or a guess from a sample.
CREATE OR REPLACE FUNCTION dataplat_internal.default_columns(s dataplat.source, sample jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found jsonb := dataplat_internal.columns_of_target(s);
BEGIN
    IF found IS NOT NULL THEN
        RETURN found;
    ELSIF dataplat_internal.has_schema(s) THEN
        SELECT dataplat_internal.columns_of_fields(d.fields, dataplat_internal.nested_delimiter(s)) INTO found FROM dataplat_internal.declared_schema(s) AS d;
        IF found IS NULL THEN
            RAISE EXCEPTION 'cannot tell the columns of source "%"', s.name
                USING ERRCODE = 'invalid_parameter_value',
                      DETAIL = coalesce(format('The registry has no subject "%s" whose schema has fields.', dataplat_internal.value_subject_of(s)),
                                        'No subject is known for these topics.'),
                      HINT = 'Register the schema first, say value_subject => ''...'', or name the columns.';
        END IF;
    ELSIF s.format = 'csv' THEN
        SELECT jsonb_agg(jsonb_build_object('name', h.field, 'type', 'text', 'field', h.field, 'not_null', false) ORDER BY h.nth) INTO found
          FROM jsonb_array_elements_text(s.options -> 'header') WITH ORDINALITY AS h (field, nth);
        found := dataplat_internal.parse_columns(found::text);
    ELSE
        found := dataplat_internal.columns_of_sample(s, sample);
    END IF;
    IF found IS NULL THEN
        RAISE EXCEPTION 'cannot tell the columns of source "%"', s.name
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = CASE WHEN s.format = 'csv' THEN 'There is no header, and no target table with columns for fields.'
                                WHEN s.topic LIKE '/%' THEN 'Messages of a regular expression''s topics are not sampled, and there is no target table with columns for fields.'
                                ELSE 'The topic has no message that is a JSON object, and there is no target table with columns for fields.' END,
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
    IF s.topic NOT LIKE '/%' THEN
        s.topic := regexp_replace(btrim(s.topic), '\s*,\s*', ',', 'g');
    END IF;
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

-- The columns of a source were made from the latest schema of its subject: what it has is known.
CREATE OR REPLACE FUNCTION dataplat_internal.note_declared_schema(s dataplat.source)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM dataplat_internal.note_source_schema(s.name, 'value', d.schema_id,
                coalesce((SELECT string_agg(i, '.' ORDER BY nth) FROM jsonb_array_elements_text(s.options -> 'message_indexes') WITH ORDINALITY AS e (i, nth)),
                         CASE d.schema_type WHEN 'PROTOBUF' THEN '0' ELSE '' END),
                d.guid, d.schema_type, d.full_name, d.fields, '[]', 'declared')
       FROM dataplat_internal.declared_schema(s) AS d
      WHERE d.schema_id IS NOT NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.note_declared_schema(dataplat.source) IS 'remember the schema that columns were made from';
REVOKE ALL ON FUNCTION dataplat_internal.note_declared_schema(dataplat.source) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_create_source(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s        dataplat.source;
    relation regclass;
    declared boolean;
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
    IF s.registry IS NOT NULL AND NOT has_server_privilege(caller, s.registry, 'USAGE') THEN
        RAISE EXCEPTION 'permission denied for foreign server %', s.registry
            USING ERRCODE = 'insufficient_privilege', HINT = format('GRANT USAGE ON FOREIGN SERVER %I TO %I.', s.registry, caller);
    END IF;
    IF dataplat_internal.wants_sample(s, a) THEN
        RETURN jsonb_build_object('server', s.server, 'topic', s.topic);
    END IF;
    declared := s.layout <> 'document' AND s.columns IS NULL AND dataplat_internal.has_schema(s) AND to_regclass(s.target) IS NULL;
    IF s.layout <> 'document' AND s.columns IS NULL THEN
        s.columns := dataplat_internal.default_columns(s, a -> 'sample');
    END IF;
    PERFORM dataplat_internal.check_column_count(s);
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
    IF declared THEN
        PERFORM dataplat_internal.note_declared_schema(s);
    END IF;
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
    old      dataplat.source;
    s        dataplat.source;
    renested boolean;
BEGIN
    old := dataplat_internal.source_to_change(caller, a ->> 'name', false);
    s := dataplat_internal.source_from_arguments(old, a - '{name,paused}'::text[]);
    renested := s.layout <> 'document' AND dataplat_internal.nested_levels(s) > dataplat_internal.nested_levels(old);
    IF s.layout = 'document' THEN
        s.columns := NULL;
    END IF;
    PERFORM dataplat_internal.check_source(s);
    PERFORM dataplat_internal.check_server(s.owner, s.server);
    IF dataplat_internal.wants_sample(s, a) THEN
        RETURN jsonb_build_object('server', s.server, 'topic', s.topic);
    ELSIF s.layout <> 'document' AND s.columns IS NULL THEN
        s.columns := dataplat_internal.default_columns(s, a -> 'sample');
    ELSIF renested AND a ->> 'columns' IS NULL THEN
        s.columns := dataplat_internal.with_nested_columns(s);
    END IF;
    PERFORM dataplat_internal.check_column_count(s);
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
    IF dataplat_internal.nested_levels(s) <> dataplat_internal.nested_levels(old) THEN
        -- figures are kept by the place of a field among the others
        UPDATE dataplat_internal.source_schema AS m SET nulls = '{}', sampled = 0 WHERE m.source = s.name AND m.side = 'value';
        IF renested THEN
            PERFORM dataplat_internal.note_declared_schema(s);
        END IF;
    END IF;
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
    PERFORM dataplat_internal.forget_partition_stats(s.source_id);
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

-- ------------------------------------------------------------------ what users call

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
    a      jsonb;
    answer jsonb;
BEGIN
    a := jsonb_build_object(
        'name', name, 'server', server, 'topic', topic, 'target', target, 'format', format, 'key_format', key_format, 'layout', layout,
        'start_from', start_from, 'value_subject', value_subject, 'registry', registry, 'envelope', envelope, 'on_error', on_error,
        'max_errors', max_errors, 'max_error_ratio', max_error_ratio, 'schema_evolution', schema_evolution, 'retention', retention,
        'workers', workers, 'batch_rows', batch_rows, 'batch_bytes', batch_bytes, 'batch_delay', batch_delay, 'rate_limit', rate_limit,
        'include', include, 'paused', paused, 'columns', columns, 'options', options);
    answer := dataplat.command('create_source', a);
    IF jsonb_typeof(answer) = 'object' THEN
        answer := dataplat.command('create_source', a || jsonb_build_object('sample', (
            SELECT jsonb_agg(p.value) FROM regexp_split_to_table(answer ->> 'topic', ',') AS t, LATERAL dataplat.peek_topic(answer ->> 'server', t, rows => 200) AS p)));
    END IF;
    RETURN (answer #>> '{}')::oid::regclass;
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
    a      jsonb;
    answer jsonb;
BEGIN
    a := jsonb_build_object(
        'name', name, 'server', server, 'topic', topic, 'target', target, 'format', format, 'key_format', key_format, 'layout', layout,
        'start_from', start_from, 'value_subject', value_subject, 'registry', registry, 'envelope', envelope, 'on_error', on_error,
        'max_errors', max_errors, 'max_error_ratio', max_error_ratio, 'schema_evolution', schema_evolution, 'retention', retention,
        'workers', workers, 'batch_rows', batch_rows, 'batch_bytes', batch_bytes, 'batch_delay', batch_delay, 'rate_limit', rate_limit,
        'include', include, 'columns', columns, 'options', options, 'reset', reset);
    answer := dataplat.command('alter_source', a);
    IF jsonb_typeof(answer) = 'object' THEN
        answer := dataplat.command('alter_source', a || jsonb_build_object('sample', (
            SELECT jsonb_agg(p.value) FROM regexp_split_to_table(answer ->> 'topic', ',') AS t, LATERAL dataplat.peek_topic(answer ->> 'server', t, rows => 200) AS p)));
    END IF;
    IF paused THEN
        PERFORM dataplat.command('pause_source', jsonb_build_object('name', name));
    ELSIF NOT paused THEN
        PERFORM dataplat.command('resume_source', jsonb_build_object('name', name));
    END IF;
    RETURN (answer #>> '{}')::oid::regclass;
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
                OR p.proname LIKE '%bronze%' OR p.proname LIKE 'check\_%' OR p.proname IN ('value_subject_of', 'execute_as', 'table_name_parts', 'document_type',
                   'apply_retention', 'canonical_type', 'is_several', 'is_member', 'prepare_target', 'move_offset', 'forget_settled_loss',
                   'accept_data_loss'))
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END;
$$;
