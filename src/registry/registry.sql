/*
 * registry: names, errors, what is in force for a subject, and the closure of
 * references.  A subject is written as Confluent's registry does it,
 * :.context:subject, or without a context for the default one.
 *
 * The small functions are in PL/pgSQL because it keeps their plans; a SQL function
 * that sets search_path is planned anew in each statement.
 */

-- ------------------------------------------------------------------ errors

-- Raise an error of the registry.  DETAIL begins with Confluent's code.
CREATE OR REPLACE FUNCTION dataplat_internal.registry_fail(code int, message text, hint text DEFAULT NULL, more text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    detail text := 'error_code=' || code || coalesce(E'\n' || more, '');
    state  text := CASE
        WHEN code IN (40401, 40402, 40403, 40408, 40409) THEN '42704'           -- undefined_object
        WHEN code IN (40404, 40405, 40406, 40407, 42205, 42211) THEN '55000'    -- object_not_in_prerequisite_state
        WHEN code = 40901 THEN '23514'                                          -- check_violation
        WHEN code = 42206 THEN '2BP01'                                          -- dependent_objects_still_exist
        WHEN code = 42207 THEN '42710'                                          -- duplicate_object
        WHEN code = 42208 THEN '42602'                                          -- invalid_name
        WHEN code IN (42209, 50001) THEN '54000'                                -- program_limit_exceeded
        ELSE '22023' END;                                                       -- invalid_parameter_value
BEGIN
    IF hint IS NULL THEN
        RAISE EXCEPTION USING MESSAGE = message, DETAIL = detail, ERRCODE = state;
    END IF;
    RAISE EXCEPTION USING MESSAGE = message, DETAIL = detail, ERRCODE = state, HINT = hint;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.registry_fail(int, text, text, text) IS 'raise an error with a code of Confluent''s registry in DETAIL';

-- ------------------------------------------------------------------ names

-- Context and name of a subject.  The qualified form of a subject of the default
-- context is its bare name; a context by itself is ":.context:".
CREATE OR REPLACE FUNCTION dataplat_internal.subject_parts(written text, OUT context text, OUT name text, OUT qualified text)
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    colon int := strpos(substr(written, 2), ':');
BEGIN
    context := '.';
    name := coalesce(written, '');
    IF left(written, 2) = ':.' THEN
        context := CASE WHEN colon = 0 THEN substr(written, 2) ELSE substr(written, 2, colon - 1) END;
        name := CASE WHEN colon = 0 THEN '' ELSE substr(written, colon + 2) END;
    END IF;
    qualified := CASE WHEN context = '.' AND name <> '' THEN name ELSE ':' || context || ':' || name END;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.subject_parts(text) IS 'context and name of a subject as written, and how it is stored; NULL means the default context';

-- A subject that versions can be registered under, in its stored form.
CREATE OR REPLACE FUNCTION dataplat_internal.check_subject(written text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p record;
BEGIN
    SELECT * INTO p FROM dataplat_internal.subject_parts(written);
    IF p.name = '' OR p.name IN ('__GLOBAL', '__EMPTY') OR p.context = '.__GLOBAL' OR written ~ '[\x01-\x1f\x7f-\x9f]'
       OR octet_length(written) > 1000 THEN
        PERFORM dataplat_internal.registry_fail(42208, format('"%s" is not a subject', left(coalesce(written, ''), 200)),
            'A subject has 1 to 1000 bytes, no control characters, and may begin with a context, as in :.staging:orders-value.');
    END IF;
    RETURN p.qualified;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_subject(text) IS 'stored form of a subject that can have versions; an error (42208) when it cannot';

-- A subject or a context, for config and mode: NULL is the default context.
CREATE OR REPLACE FUNCTION dataplat_internal.check_scope(written text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p record;
BEGIN
    SELECT * INTO p FROM dataplat_internal.subject_parts(written);
    IF p.name <> '' AND p.context <> '.__GLOBAL' OR written = '' THEN
        RETURN dataplat_internal.check_subject(written);
    END IF;
    IF written ~ '[\x01-\x1f\x7f-\x9f]' OR octet_length(written) > 1000 OR p.name <> '' THEN
        PERFORM dataplat_internal.registry_fail(42208, format('"%s" is neither a subject nor a context', left(written, 200)));
    END IF;
    RETURN p.qualified;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_scope(text) IS 'stored form of a subject or context that can have a configuration and a mode';

-- A version as clients write it: a number, latest, or -1.  NULL means the latest.
CREATE OR REPLACE FUNCTION dataplat_internal.check_version(written text)
RETURNS int
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF lower(btrim(written)) = 'latest' OR btrim(written) = '-1' THEN
        RETURN NULL;
    END IF;
    IF btrim(written) ~ '^[0-9]{1,10}$' AND written::bigint BETWEEN 1 AND 2147483647 THEN
        RETURN written::int;
    END IF;
    PERFORM dataplat_internal.registry_fail(42202, format('invalid version "%s"', left(coalesce(written, ''), 50)),
        'Allowed are 1 to 2147483647, latest and -1.');
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_version(text) IS 'number of a version, NULL for latest and -1; an error (42202) for anything else';

-- The type of a schema as it is stored; NULL is Avro, as everywhere.
CREATE OR REPLACE FUNCTION dataplat_internal.check_schema_type(written text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF upper(coalesce(written, 'AVRO')) NOT IN ('AVRO', 'JSON', 'PROTOBUF') THEN
        PERFORM dataplat_internal.registry_fail(42201, format('invalid schema type "%s"', left(written, 50)), 'Allowed are AVRO, JSON and PROTOBUF.');
    END IF;
    RETURN upper(coalesce(written, 'AVRO'));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_schema_type(text) IS 'AVRO, JSON or PROTOBUF, from any case';

-- A subject whose configuration names an alias stands for another one.
CREATE OR REPLACE FUNCTION dataplat_internal.follow_alias(subject text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT coalesce((SELECT dataplat_internal.qualify_subject(c.alias, follow_alias.subject)
                       FROM dataplat.registry_config AS c
                      WHERE c.subject = follow_alias.subject AND c.alias <> '' AND right(c.subject, 1) <> ':'), follow_alias.subject));
END;
$$;

-- A subject that is named inside another one's context.
CREATE OR REPLACE FUNCTION dataplat_internal.qualify_subject(written text, parent text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT CASE WHEN left(written, 2) = ':.' THEN (SELECT p.qualified FROM dataplat_internal.subject_parts(written) AS p)
                ELSE (SELECT CASE WHEN p.context = '.' THEN written ELSE ':' || p.context || ':' || written END
                        FROM dataplat_internal.subject_parts(parent) AS p) END);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.qualify_subject(text, text) IS 'stored form of a subject that stands in the context of another';

-- ------------------------------------------------------------------ what is in force

-- Its own, its context's, that of all contexts: field by field, so that a subject
-- that only sets normalize keeps its context's level.
CREATE OR REPLACE FUNCTION dataplat_internal.config_in_scope(subject text)
RETURNS dataplat.registry_config
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p   record;
    hit dataplat.registry_config;
    c   dataplat.registry_config;
BEGIN
    SELECT * INTO p FROM dataplat_internal.subject_parts(subject);
    FOR c IN SELECT x.* FROM dataplat.registry_config AS x
              WHERE x.subject IN (p.qualified, ':' || p.context || ':', ':.__GLOBAL:')
              ORDER BY x.subject <> p.qualified, x.subject = ':.__GLOBAL:' LOOP
        hit.compatibility_level := coalesce(hit.compatibility_level, c.compatibility_level);
        hit.compatibility_policy := coalesce(hit.compatibility_policy, c.compatibility_policy);
        hit.compatibility_group := coalesce(hit.compatibility_group, c.compatibility_group);
        hit.normalize := coalesce(hit.normalize, c.normalize);
        hit.validate_fields := coalesce(hit.validate_fields, c.validate_fields);
        hit.validate_names := coalesce(hit.validate_names, c.validate_names);
        hit.validate_rules := coalesce(hit.validate_rules, c.validate_rules);
        hit.default_metadata := coalesce(hit.default_metadata, c.default_metadata);
        hit.override_metadata := coalesce(hit.override_metadata, c.override_metadata);
        hit.default_rule_set := coalesce(hit.default_rule_set, c.default_rule_set);
        hit.override_rule_set := coalesce(hit.override_rule_set, c.override_rule_set);
        IF c.subject = p.qualified THEN
            hit.alias := c.alias;
        END IF;
    END LOOP;
    hit.subject := subject;
    hit.compatibility_level := coalesce(hit.compatibility_level, 'BACKWARD');
    hit.compatibility_policy := coalesce(hit.compatibility_policy, 'STRICT');
    RETURN hit;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.config_in_scope(text) IS 'configuration that counts for a subject';

CREATE OR REPLACE FUNCTION dataplat_internal.mode_in_scope(subject text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p record;
BEGIN
    SELECT * INTO p FROM dataplat_internal.subject_parts(subject);
    RETURN coalesce((SELECT m.mode FROM dataplat.registry_mode AS m
                      WHERE m.subject IN (p.qualified, ':' || p.context || ':', ':.__GLOBAL:')
                      ORDER BY m.subject <> p.qualified, m.subject = ':.__GLOBAL:' LIMIT 1), 'READWRITE');
END;
$$;
COMMENT ON FUNCTION dataplat_internal.mode_in_scope(text) IS 'mode that counts for a subject';

-- ------------------------------------------------------------------ one change after the other

-- Take the turn to change contexts, always in the same order, until the end of
-- the transaction.  The row is updated, not only locked: a caller with an older
-- snapshot gets a serialization failure, and one that waits at READ COMMITTED
-- sees with its next statement all that was committed before.
CREATE OR REPLACE FUNCTION dataplat_internal.lock_contexts(contexts text[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    one text;
BEGIN
    FOR one IN SELECT DISTINCT c COLLATE "C" FROM unnest(contexts) AS c ORDER BY 1 LOOP
        UPDATE dataplat_internal.schema_context AS x SET changes = x.changes + 1 WHERE x.context = one;
        IF NOT FOUND THEN
            INSERT INTO dataplat_internal.schema_context AS x (context) VALUES (one)
                ON CONFLICT ON CONSTRAINT schema_context_pkey DO UPDATE SET changes = x.changes + 1;
        END IF;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.lock_contexts(text[]) IS 'wait for the turn to change contexts of the registry';

-- ------------------------------------------------------------------ references

-- References as they are stored: the subject as written, the version a number.
-- An inline text, {"name", "schema"}, is for functions that store nothing.
-- "with_deleted": what was registered may refer to what was deleted since.
CREATE OR REPLACE FUNCTION dataplat_internal.check_references(refs jsonb, parent text, with_deleted boolean DEFAULT false)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r       jsonb;
    target  text;
    number  int;
    checked jsonb := '[]';
BEGIN
    IF refs IS NULL OR refs = 'null' THEN
        RETURN '[]';
    END IF;
    IF jsonb_typeof(refs) <> 'array' THEN
        PERFORM dataplat_internal.registry_fail(42201, 'references must be an array of {"name", "subject", "version"}');
    END IF;
    IF jsonb_array_length(refs) > 1000 THEN
        PERFORM dataplat_internal.registry_fail(42209, 'a schema may have 1000 references at most');
    END IF;
    FOR r IN SELECT e FROM jsonb_array_elements(refs) WITH ORDINALITY AS x (e, nth) ORDER BY x.nth LOOP
        IF jsonb_typeof(r) <> 'object' OR coalesce(r ->> 'name', '') = '' OR coalesce(r ->> 'subject', '') = ''
           OR coalesce(r ->> 'version', '') !~ '^(-1|[1-9][0-9]{0,8})$' THEN
            PERFORM dataplat_internal.registry_fail(42201, 'a reference needs name, subject and version', NULL, left(r::text, 500));
        END IF;
        IF EXISTS (SELECT FROM jsonb_array_elements(checked) AS c WHERE c ->> 'name' = r ->> 'name') THEN
            PERFORM dataplat_internal.registry_fail(42201, format('reference "%s" is given twice', left(r ->> 'name', 200)));
        END IF;
        target := dataplat_internal.qualify_subject(r ->> 'subject', parent);
        SELECT v.version INTO number FROM dataplat.schema_version AS v
         WHERE v.subject = target AND (NOT v.deleted AND r ->> 'version' = '-1' OR (with_deleted OR NOT v.deleted) AND v.version = (r ->> 'version')::int)
         ORDER BY v.version DESC LIMIT 1;
        IF NOT FOUND THEN
            PERFORM dataplat_internal.registry_fail(42201, format('no schema for reference "%s": subject "%s" version %s',
                left(r ->> 'name', 200), left(r ->> 'subject', 200), r ->> 'version'),
                'Register what a schema refers to before the schema itself; a deleted version cannot be referred to.');
        END IF;
        checked := checked || jsonb_build_array(jsonb_build_object('name', r ->> 'name', 'subject', r ->> 'subject', 'version', number));
    END LOOP;
    RETURN checked;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_references(jsonb, text, boolean) IS 'references of a schema that stands in the context of a subject, each one to a version that is there';

-- What references lead to, directly and further on, each before those that name
-- it.  The first of several with one name counts, as in Confluent's registry.
-- "seen" holds the names on the way, so a cycle (that an import can make) ends.
CREATE OR REPLACE FUNCTION dataplat_internal.add_to_closure(refs jsonb, parent text, INOUT seen text[], INOUT names text[], INOUT texts text[],
                                                            depth int DEFAULT 0)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    max_depth CONSTANT int := 100;
    max_names CONSTANT int := 1000;
    r         jsonb;
    target    text;
    hit       record;
BEGIN
    IF depth > max_depth OR cardinality(seen) > max_names THEN
        PERFORM dataplat_internal.registry_fail(42201, format('references go deeper than %s or lead to more than %s schemas', max_depth, max_names));
    END IF;
    FOR r IN SELECT e FROM jsonb_array_elements(refs) WITH ORDINALITY AS x (e, nth) ORDER BY x.nth LOOP
        CONTINUE WHEN r ->> 'name' = ANY (seen);
        seen := seen || (r ->> 'name');
        IF r ? 'schema' THEN
            names := names || (r ->> 'name');
            texts := texts || (r ->> 'schema');
            CONTINUE;
        END IF;
        target := dataplat_internal.qualify_subject(r ->> 'subject', parent);
        SELECT c.schema, c.refs INTO hit
          FROM dataplat.schema_version AS v
          JOIN dataplat.schema_content AS c ON c.context = v.context AND c.id = v.id
         WHERE v.subject = target AND (v.version = (r ->> 'version')::int OR (r ->> 'version' = '-1' AND NOT v.deleted))
         ORDER BY v.version DESC LIMIT 1;
        IF NOT FOUND THEN
            PERFORM dataplat_internal.registry_fail(42201, format('no schema for reference "%s": subject "%s" version %s',
                left(r ->> 'name', 200), left(r ->> 'subject', 200), r ->> 'version'));
        END IF;
        IF hit.refs <> '[]' THEN
            SELECT c.seen, c.names, c.texts INTO seen, names, texts
              FROM dataplat_internal.add_to_closure(hit.refs, target, seen, names, texts, depth + 1) AS c;
        END IF;
        names := names || (r ->> 'name');
        texts := texts || hit.schema;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.add_to_closure(jsonb, text, text[], text[], text[], int) IS 'names and texts that references lead to, added to those that are there';

CREATE OR REPLACE FUNCTION dataplat_internal.closure_of(refs jsonb, parent text, OUT names text[], OUT texts text[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    names := '{}';
    texts := '{}';
    IF refs IS NOT NULL AND refs NOT IN ('[]', 'null') THEN
        SELECT c.names, c.texts INTO names, texts FROM dataplat_internal.add_to_closure(refs, parent, '{}', '{}', '{}') AS c;
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.closure_of(jsonb, text) IS 'names and texts of all that references lead to, each before those that name it';

-- What a reader of a stored schema needs: its text and the closure of its references.
CREATE OR REPLACE FUNCTION dataplat_internal.stored_schema(context text, id int, OUT schema_type text, OUT schema text, OUT guid uuid,
                                                           OUT ref_names text[], OUT ref_texts text[])
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.schema_type, c.schema, c.guid, x.names, x.texts
      FROM dataplat.schema_content AS c
     CROSS JOIN LATERAL dataplat_internal.closure_of(c.refs, ':' || c.context || ':') AS x
     WHERE c.context = stored_schema.context AND c.id = stored_schema.id;
$$;
COMMENT ON FUNCTION dataplat_internal.stored_schema(text, int) IS 'a schema by its id, with all that it refers to; no row when there is none';

-- ------------------------------------------------------------------ in C: languages

CREATE OR REPLACE FUNCTION dataplat_internal.print_schema(schema_type text, schema text, ref_names text[], ref_texts text[], normal boolean)
RETURNS text
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_registry_print_schema';
COMMENT ON FUNCTION dataplat_internal.print_schema(text, text, text[], text[], boolean) IS
    'the text that says whether two schemas are the same, or its normal form; an error (42201) when it is no schema';

CREATE OR REPLACE FUNCTION dataplat_internal.schema_in_format(schema_type text, schema text, ref_names text[], ref_texts text[], format text)
RETURNS text
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_registry_schema_in_format';
COMMENT ON FUNCTION dataplat_internal.schema_in_format(text, text, text[], text[], text) IS
    'a schema in another form: resolved (Avro, references written out), serialized (Protobuf, a FileDescriptorProto in base64), ignore_extensions (Protobuf, without custom options); as it is when its language has no such form';

CREATE OR REPLACE FUNCTION dataplat_internal.compare_schemas(schema_type text, old text, old_names text[], old_texts text[],
    new text, new_names text[], new_texts text[], lenient boolean, OUT type text, OUT path text, OUT message text, OUT compatible boolean)
RETURNS SETOF record
LANGUAGE c STABLE STRICT ROWS 5
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_registry_compare_schemas';
COMMENT ON FUNCTION dataplat_internal.compare_schemas(text, text, text[], text[], text, text[], text[], boolean) IS
    'what changed between two schemas; compatible: data of the old one can be read by the new one';

CREATE OR REPLACE FUNCTION dataplat_internal.schema_fields(schema_type text, schema text, ref_names text[], ref_texts text[],
    OUT name text, OUT type text, OUT nullable boolean, OUT has_default boolean, OUT doc text)
RETURNS SETOF record
LANGUAGE c STABLE STRICT ROWS 20
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_registry_schema_fields';
COMMENT ON FUNCTION dataplat_internal.schema_fields(text, text, text[], text[]) IS 'top-level fields of a schema with the column types that they become';

-- ------------------------------------------------------------------ identity

-- Sorted by code point, as Java sorts nearly all strings.
CREATE OR REPLACE FUNCTION dataplat_internal.sorted_members(o jsonb, deep boolean)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT coalesce(string_agg(e.key || CASE WHEN deep THEN dataplat_internal.sorted_elements(e.value) ELSE e.value #>> '{}' END, '' ORDER BY e.key COLLATE "C"), '')
      FROM jsonb_each(CASE jsonb_typeof(o) WHEN 'object' THEN o ELSE '{}' END) AS e
     WHERE e.value <> 'null');
END;
$$;

CREATE OR REPLACE FUNCTION dataplat_internal.sorted_elements(a jsonb)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT coalesce(string_agg(x.e, '' ORDER BY x.e COLLATE "C"), '')
      FROM (SELECT DISTINCT e #>> '{}' AS e FROM jsonb_array_elements(CASE jsonb_typeof(a) WHEN 'array' THEN a ELSE '[]' END) AS e) AS x);
END;
$$;

CREATE OR REPLACE FUNCTION dataplat_internal.hashed_rules(rules jsonb)
RETURNS bytea
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT coalesce(string_agg(
               convert_to(concat(r ->> 'name', r ->> 'doc', coalesce(r ->> 'kind', 'TRANSFORM'), coalesce(r ->> 'mode', 'WRITEREAD'), r ->> 'type',
                                 dataplat_internal.sorted_elements(r -> 'tags'), dataplat_internal.sorted_members(r -> 'params', false),
                                 r ->> 'expr', r ->> 'onSuccess', r ->> 'onFailure'), 'UTF8')
               || CASE WHEN r -> 'disabled' = 'true' THEN '\x01'::bytea ELSE ''::bytea END, ''::bytea ORDER BY x.nth), ''::bytea)
      FROM jsonb_array_elements(CASE jsonb_typeof(rules) WHEN 'array' THEN rules ELSE '[]' END) WITH ORDINALITY AS x (r, nth));
END;
$$;

-- MD5 over text, references, metadata and rule set, by the rule that all
-- registries of this kind follow, so that a GUID means the same everywhere.
CREATE OR REPLACE FUNCTION dataplat_internal.schema_guid(schema text, refs jsonb, metadata jsonb, rule_set jsonb)
RETURNS uuid
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT md5(convert_to(schema, 'UTF8')
        || coalesce((SELECT string_agg(convert_to((r ->> 'name') || (r ->> 'subject'), 'UTF8') || int4send((r ->> 'version')::int), ''::bytea ORDER BY x.nth)
                       FROM jsonb_array_elements(coalesce(refs, '[]')) WITH ORDINALITY AS x (r, nth)), ''::bytea)
        || CASE WHEN coalesce(metadata, 'null') = 'null' THEN ''::bytea
                ELSE '\x01'::bytea || convert_to(dataplat_internal.sorted_members(metadata -> 'tags', true)
                                                 || dataplat_internal.sorted_members(metadata -> 'properties', false)
                                                 || dataplat_internal.sorted_elements(metadata -> 'sensitive'), 'UTF8') END
        || CASE WHEN coalesce(rule_set, 'null') = 'null' THEN ''::bytea
                ELSE '\x01'::bytea || dataplat_internal.hashed_rules(rule_set -> 'migrationRules')
                                   || dataplat_internal.hashed_rules(rule_set -> 'domainRules')
                                   || dataplat_internal.hashed_rules(rule_set -> 'encodingRules') END)::uuid);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.schema_guid(text, jsonb, jsonb, jsonb) IS 'GUID of a schema: MD5 of its text, references, metadata and rule set';
COMMENT ON FUNCTION dataplat_internal.sorted_members(jsonb, boolean) IS 'members of an object for hashing, sorted; deep: their values are sets';
COMMENT ON FUNCTION dataplat_internal.sorted_elements(jsonb) IS 'elements of a set for hashing, sorted';
COMMENT ON FUNCTION dataplat_internal.hashed_rules(jsonb) IS 'bytes of rules for hashing';
COMMENT ON FUNCTION dataplat_internal.follow_alias(text) IS 'the subject that an alias leads to, or the subject itself';

-- ------------------------------------------------------------------ subjects by prefix

-- A prefix is compared with the stored names; :*:prefix looks in every context.
CREATE OR REPLACE FUNCTION dataplat_internal.subjects_with_prefix(prefix text, OUT subject text, OUT all_deleted boolean)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT v.subject, bool_and(v.deleted)
      FROM dataplat.schema_version AS v
     WHERE CASE WHEN coalesce(prefix, '') IN ('', ':*:') THEN true
                WHEN left(prefix, 3) = ':*:' THEN starts_with((SELECT p.name FROM dataplat_internal.subject_parts(v.subject) AS p), substr(prefix, 4))
                WHEN left(prefix, 3) = ':.:' THEN v.context = '.' AND starts_with(v.subject, substr(prefix, 4))
                ELSE starts_with(v.subject, prefix) END
     GROUP BY v.subject;
$$;
COMMENT ON FUNCTION dataplat_internal.subjects_with_prefix(text) IS 'subjects whose names begin with a prefix';
