/*
 * registry: may this schema follow those that are there?  The languages say
 * what changed (compat.c); here is decided what is compared with what.
 */

-- One difference in the words that Confluent's clients know.  The languages speak
-- of an old schema whose data a new one reads; looking forward it is the other way round.
CREATE OR REPLACE FUNCTION dataplat_internal.difference_message(schema_type text, type text, path text, message text, forward boolean)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN schema_type = 'AVRO' THEN format('{errorType:''%s'', description:''%s'', additionalInfo:''%s''}', type, m.said, coalesce(path, ''))
                ELSE format('{errorType:"%s", description:"%s"}', type, m.said) END
      FROM (SELECT CASE WHEN forward THEN replace(replace(replace(coalesce(message, path), 'he new ', E'\x01'), 'he old ', 'he new '), E'\x01', 'he old ')
                        ELSE coalesce(message, path) END) AS m (said);
$$;
COMMENT ON FUNCTION dataplat_internal.difference_message(text, text, text, text, boolean) IS 'a difference of schemas as a line of text';

-- Reserved fields (metadata property confluent:reserved) stay reserved, and no field has such a name.
CREATE OR REPLACE FUNCTION dataplat_internal.reserved_field_problems(schema_type text, schema text, names text[], texts text[],
                                                                     metadata jsonb, old_metadata jsonb)
RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH reserved AS (
        SELECT btrim(f) AS field FROM string_to_table(metadata #>> '{properties,confluent:reserved}', ',') AS f
    )
    SELECT format('The new schema has reserved field %s removed from its metadata which is present in the old schema''s metadata.', btrim(f))
      FROM string_to_table(old_metadata #>> '{properties,confluent:reserved}', ',') AS f
     WHERE NOT EXISTS (SELECT FROM reserved AS r WHERE r.field = btrim(f))
    UNION ALL
    SELECT format('The new schema has field that conflicts with the reserved field %s.', r.field)
      FROM reserved AS r
     WHERE EXISTS (SELECT FROM dataplat_internal.schema_fields(schema_type, schema, names, texts) AS f WHERE f.name = r.field);
$$;
COMMENT ON FUNCTION dataplat_internal.reserved_field_problems(text, text, text[], text[], jsonb, jsonb) IS 'what is wrong with the reserved fields of a schema';

-- Why a schema cannot follow the versions of a subject; empty when it can.  Newest
-- first, to the first one that does not fit.  "version": compare with this one only.
CREATE OR REPLACE FUNCTION dataplat_internal.incompatibilities(subject text, schema_type text, schema text, names text[], texts text[],
                                                               metadata jsonb, config dataplat.registry_config, version int)
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    level    text := config.compatibility_level;
    lenient  boolean := config.compatibility_policy = 'LENIENT';
    problems text[] := '{}';
    first    boolean := true;
    v        record;
    c        record;
BEGIN
    FOR v IN SELECT x.version, y.schema_type, y.schema, y.refs, y.metadata
               FROM dataplat.schema_version AS x
               JOIN dataplat.schema_content AS y ON y.context = x.context AND y.id = x.id
              WHERE x.subject = incompatibilities.subject AND (CASE WHEN incompatibilities.version IS NULL THEN NOT x.deleted ELSE x.version = incompatibilities.version END)
              ORDER BY x.version DESC LOOP
        IF first AND config.validate_fields THEN
            problems := ARRAY(SELECT dataplat_internal.reserved_field_problems(schema_type, schema, names, texts, metadata, v.metadata));
        END IF;
        first := false;
        EXIT WHEN level = 'NONE' OR cardinality(problems) > 0;
        CONTINUE WHEN config.compatibility_group IS NOT NULL
             AND metadata #>> ARRAY['properties', config.compatibility_group] IS DISTINCT FROM v.metadata #>> ARRAY['properties', config.compatibility_group];
        IF v.schema_type <> schema_type THEN
            problems := ARRAY['Incompatible because of different schema type'];
        ELSE
            SELECT x.names, x.texts INTO c FROM dataplat_internal.closure_of(v.refs, subject) AS x;
            IF level NOT LIKE 'FORWARD%' THEN
                problems := ARRAY(SELECT dataplat_internal.difference_message(schema_type, d.type, d.path, d.message, false)
                                    FROM dataplat_internal.compare_schemas(schema_type, v.schema, c.names, c.texts, schema, names, texts, lenient) AS d
                                   WHERE NOT d.compatible);
            END IF;
            IF level NOT LIKE 'BACKWARD%' THEN
                problems := problems || ARRAY(SELECT dataplat_internal.difference_message(schema_type, d.type, d.path, d.message, true)
                                    FROM dataplat_internal.compare_schemas(schema_type, schema, names, texts, v.schema, c.names, c.texts, lenient) AS d
                                   WHERE NOT d.compatible);
            END IF;
        END IF;
        IF cardinality(problems) > 0 THEN
            problems := problems || format('{oldSchemaVersion: %s}', v.version) || format('{oldSchema: ''%s''}', v.schema);
        END IF;
        EXIT WHEN level NOT LIKE '%\_TRANSITIVE';
    END LOOP;
    IF first AND config.validate_fields THEN
        problems := ARRAY(SELECT dataplat_internal.reserved_field_problems(schema_type, schema, names, texts, metadata, NULL));
    END IF;
    IF cardinality(problems) > 0 THEN
        problems := problems || format('{validateFields: ''%s'', compatibility: ''%s''}', CASE WHEN config.validate_fields THEN 'true' ELSE 'false' END, level);
    END IF;
    RETURN problems;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.incompatibilities(text, text, text, text[], text[], jsonb, dataplat.registry_config, int) IS
    'why a schema cannot follow the versions of a subject, in lines; empty when it can';

-- A level as people write it.
CREATE OR REPLACE FUNCTION dataplat_internal.check_level(written text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF upper(written) NOT IN ('NONE', 'BACKWARD', 'BACKWARD_TRANSITIVE', 'FORWARD', 'FORWARD_TRANSITIVE', 'FULL', 'FULL_TRANSITIVE') THEN
        PERFORM dataplat_internal.registry_fail(42203, format('invalid compatibility level "%s"', left(written, 50)),
            'Allowed are NONE, BACKWARD, BACKWARD_TRANSITIVE, FORWARD, FORWARD_TRANSITIVE, FULL and FULL_TRANSITIVE.');
    END IF;
    RETURN upper(written);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_level(text) IS 'a compatibility level in upper case; an error (42203) when there is no such level';

-- The size that a schema may have, as text and with its closure.
CREATE OR REPLACE FUNCTION dataplat_internal.check_schema_size(schema text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    max_bytes CONSTANT int := 1048576;      -- what Kafka's own registry can store
BEGIN
    IF octet_length(schema) > max_bytes THEN
        PERFORM dataplat_internal.registry_fail(42209, format('schema is too large: %s bytes', octet_length(schema)), format('At most %s bytes can be stored.', max_bytes));
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_schema_size(text) IS 'an error (42209) when a schema is too large';

-- As the owner of the registry's tables: check_compatibility.  "a" as the arguments
-- of the function, and messages as an array.
CREATE OR REPLACE FUNCTION dataplat_internal.compatibility_answer(a jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q        text := dataplat_internal.follow_alias(dataplat_internal.check_subject(a ->> 'subject'));
    kind     text := dataplat_internal.check_schema_type(a ->> 'schema_type');
    config   dataplat.registry_config;
    number   int;
    refs     jsonb;
    c        record;
    printed  text;
    problems text[];
BEGIN
    IF coalesce(btrim(a ->> 'schema'), '') = '' THEN
        PERFORM dataplat_internal.registry_fail(42201, 'empty schema');
    END IF;
    PERFORM dataplat_internal.check_schema_size(a ->> 'schema');
    config := dataplat_internal.config_in_scope(q);
    IF a ->> 'level' IS NOT NULL THEN
        config.compatibility_level := dataplat_internal.check_level(a ->> 'level');
    END IF;
    IF a ->> 'version' IS NOT NULL THEN
        number := dataplat_internal.check_version(a ->> 'version');
        IF number IS NULL THEN
            SELECT max(v.version) INTO number FROM dataplat.schema_version AS v WHERE v.subject = q AND NOT v.deleted;
        ELSIF NOT EXISTS (SELECT FROM dataplat.schema_version AS v WHERE v.subject = q AND v.version = number AND NOT v.deleted) THEN
            PERFORM dataplat_internal.registry_fail(40402, format('version %s of subject "%s" not found', number, q));
        END IF;
    END IF;
    refs := dataplat_internal.check_references(a -> 'refs', q);
    SELECT x.names, x.texts INTO c FROM dataplat_internal.closure_of(refs, q) AS x;
    printed := dataplat_internal.print_schema(kind, a ->> 'schema', c.names, c.texts, coalesce((a ->> 'normalized')::boolean, config.normalize, false));
    problems := dataplat_internal.incompatibilities(q, kind, printed, c.names, c.texts, NULLIF(a -> 'metadata', 'null'), config, number);
    IF (a ->> 'verbose')::boolean THEN
        RETURN jsonb_build_object('is_compatible', cardinality(problems) = 0, 'messages', to_jsonb(problems));
    END IF;
    RETURN jsonb_build_object('is_compatible', cardinality(problems) = 0);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.compatibility_answer(jsonb) IS 'check_compatibility as the owner of the extension';

-- SECURITY DEFINER: the versions of subjects are not for everybody; who may ask
-- is decided by EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat.check_compatibility(subject text, schema text, schema_type text DEFAULT 'AVRO', refs jsonb DEFAULT '[]',
    version text DEFAULT NULL, level text DEFAULT NULL, verbose boolean DEFAULT false, metadata jsonb DEFAULT NULL, normalized boolean DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.compatibility_answer(jsonb_build_object('subject', subject, 'schema', schema, 'schema_type', schema_type, 'refs', refs,
        'version', version, 'level', level, 'verbose', coalesce(check_compatibility.verbose, false), 'metadata', metadata, 'normalized', normalized));
$$;
COMMENT ON FUNCTION dataplat.check_compatibility(text, text, text, jsonb, text, text, boolean, jsonb, boolean) IS
    'may this schema follow the versions of a subject? version: a number, latest, or NULL for those that the level asks for; level NULL: the configured one; verbose adds why not';

-- References of schema_diff may lie beside it ({"name", "schema"}), or in the
-- registry when the caller may read its tables.
CREATE OR REPLACE FUNCTION dataplat_internal.inline_closure(refs jsonb, OUT names text[], OUT texts text[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM jsonb_array_elements(CASE jsonb_typeof(refs) WHEN 'array' THEN refs ELSE '[]' END) AS r WHERE NOT r ? 'schema') THEN
        SELECT x.names, x.texts INTO names, texts FROM dataplat_internal.closure_of(refs, NULL) AS x;
    ELSE
        SELECT coalesce(array_agg(r ->> 'name' ORDER BY nth), '{}'), coalesce(array_agg(r ->> 'schema' ORDER BY nth), '{}') INTO names, texts
          FROM jsonb_array_elements(CASE jsonb_typeof(refs) WHEN 'array' THEN refs ELSE '[]' END) WITH ORDINALITY AS x (r, nth);
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.inline_closure(jsonb) IS 'names and texts of references that are given with their texts, or registered';

-- SECURITY DEFINER: references may name registered schemas; who may ask is decided
-- by EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat.schema_diff(old text, new text, schema_type text DEFAULT 'AVRO', policy text DEFAULT 'STRICT',
    refs_old jsonb DEFAULT '[]', refs_new jsonb DEFAULT '[]', OUT type text, OUT path text, OUT message text, OUT compatible boolean)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    IF upper(policy) NOT IN ('STRICT', 'LENIENT') THEN
        PERFORM dataplat_internal.registry_fail(42203, format('invalid compatibility policy "%s"', left(policy, 50)), 'Allowed are STRICT and LENIENT.');
    END IF;
    IF old IS NULL OR new IS NULL THEN
        PERFORM dataplat_internal.registry_fail(42201, 'empty schema');
    END IF;
    RETURN QUERY
    SELECT d.type, d.path, d.message, d.compatible
      FROM dataplat_internal.inline_closure(refs_old) AS o, dataplat_internal.inline_closure(refs_new) AS n,
           LATERAL dataplat_internal.compare_schemas(dataplat_internal.check_schema_type(schema_type), old, o.names, o.texts, new, n.names, n.texts,
                                                     upper(policy) = 'LENIENT') AS d;
END;
$$;
COMMENT ON FUNCTION dataplat.schema_diff(text, text, text, text, jsonb, jsonb) IS
    'what changed from one schema to another; compatible: the new one reads data of the old one. References are {"name", "schema"}, or {"name", "subject", "version"} of the registry';

-- SECURITY DEFINER: references may name registered schemas; who may ask is decided
-- by EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat.validate_schema(schema text, schema_type text DEFAULT 'AVRO', refs jsonb DEFAULT '[]')
RETURNS boolean
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kind    text := dataplat_internal.check_schema_type(schema_type);
    c       record;
    problem text;
    place   text;
BEGIN
    IF schema IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT x.names, x.texts INTO c FROM dataplat_internal.inline_closure(refs) AS x;
    PERFORM dataplat_internal.print_schema(kind, schema, c.names, c.texts, false);
    RETURN true;
EXCEPTION WHEN invalid_parameter_value OR program_limit_exceeded THEN
    GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT, place = PG_EXCEPTION_DETAIL;
    RAISE NOTICE '%', concat_ws('. ', problem, NULLIF(regexp_replace(place, '^error_code=\d+\n?', ''), ''));
    RETURN false;
END;
$$;
COMMENT ON FUNCTION dataplat.validate_schema(text, text, jsonb) IS 'is this text a schema? When it is not, a notice says why';
