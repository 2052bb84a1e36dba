/*
 * registry: complete answers for the REST API, and for whoever speaks to the
 * registry in JSON.
 *
 *     dataplat_internal.registry_rest(caller name, operation text, a jsonb) returns jsonb
 *
 * runs one operation with the rights of "caller" (a role; EXECUTE on the public
 * function named in brackets; NULL asks nobody) and returns the body of the
 * answer.  Errors are raised: DETAIL begins with "error_code=NNNNN", the HTTP
 * status is its first three digits, the message is the primary message.  An
 * error without that DETAIL has no code of the registry: 42501 is 403, 57014
 * and 40001 and 40P01 want another try, the rest is 500.
 *
 * "a" holds path and query parameters under the names below, as JSON strings,
 * numbers or booleans alike ("deleted": "true" is fine); what is missing or null
 * has its default.  "body" is the request's body as a JSON object.  Answers
 * marked text are JSON strings whose contents are the response.
 *
 *   operation              members of a                                                     answer
 *   subjects               subjectPrefix, deleted, deletedOnly, offset, limit               [name, ...]                     [schema_subjects]
 *   versions               subject, deleted, deletedOnly, deletedAsNegative, offset, limit  [1, 2, ...]                     [schema_versions]
 *   version                subject, version, deleted, format, referenceFormat               {subject, version, id, guid, schemaType, schema, references, metadata, ruleSet, ts, deleted}  [schema_versions]
 *   version_schema         subject, version, deleted, format                                text                            [schema_versions]
 *   referencedby           subject, version, offset, limit                                  [id, ...]                       [schema_versions]
 *   metadata               subject, key, value (string or array), deleted                   as version                      [schema_versions]
 *   register               subject, normalize, body {schema, schemaType, references, metadata, ruleSet, id, version}
 *                                                                                           {id, version, guid, schemaType, schema, references, metadata, ruleSet}   [register_schema]
 *   lookup                 subject, normalize, deleted, body                                as version                      [lookup_schema]
 *   delete_subject         subject, permanent                                               [1, 2, ...]                     [delete_subject]
 *   delete_version         subject, version, permanent                                      2                               [delete_schema_version]
 *   id                     id, subject, format, referenceFormat, fetchMaxId                 {subject, version, guid, schemaType, schema, references, metadata, ruleSet, maxId}   [schema_by_id]
 *   id_schema              id, subject, format                                              text                            [schema_by_id]
 *   id_subjects            id, subject, deleted, offset, limit                              [name, ...]                     [schema_by_id]
 *   id_versions            id, subject, deleted, offset, limit                              [{subject, version}, ...]       [schema_by_id]
 *   guid                   guid, format                                                     as id                           [schema_by_guid]
 *   guid_ids               guid                                                             [{context, id}, ...]            [schema_by_guid]
 *   schemas                subjectPrefix, aliases, deleted, latestOnly, ruleType, offset, limit   [as version, ...]         [schema_subjects]
 *   types                                                                                   ["JSON", "PROTOBUF", "AVRO"]    [none]
 *   contexts               offset, limit                                                    [".", ".ctx", ...]              [schema_subjects]
 *   delete_context         context                                                          null (204)                      [delete_subject]
 *   get_config             subject (none: the default context), defaultToGlobal             {compatibilityLevel, normalize, alias, ...}   [get_compatibility]
 *   set_config             subject, body {compatibility, normalize, alias, ...}             what was set                      [set_compatibility]
 *   delete_config          subject                                                          what it was                     [set_compatibility]
 *   get_mode               subject, defaultToGlobal                                         {mode}                          [get_schema_mode]
 *   set_mode               subject, force, body {mode}                                      {mode}                          [set_schema_mode]
 *   delete_mode            subject, recursive                                               {mode}, what it was             [set_schema_mode]
 *   compatibility          subject, version (none: all that the level asks for), verbose, normalize, body
 *                                                                                           {is_compatible, messages}       [check_compatibility]
 *
 * format: resolved (Avro: references written out), serialized (Protobuf: a descriptor in base64) or ignore_extensions (Protobuf); what a language does
 * not know changes nothing.  referenceFormat: qualified names the contexts of references.
 *
 * Register, delete and set operations want a READ COMMITTED transaction of their own; at another level they may fail with 40001.
 */

-- ------------------------------------------------------------------ parameters

CREATE OR REPLACE FUNCTION dataplat_internal.rest_flag(a jsonb, name text)
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce(lower(a ->> name) = 'true', false);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.rest_flag(jsonb, text) IS 'a parameter that is on or off';

-- Part of a list; a limit of 0 or less is none.
CREATE OR REPLACE FUNCTION dataplat_internal.rest_page(list jsonb, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT CASE WHEN p.first = 0 AND p.most <= 0 THEN coalesce(list, '[]')
                ELSE coalesce((SELECT jsonb_agg(e ORDER BY nth) FROM jsonb_array_elements(list) WITH ORDINALITY AS x (e, nth)
                                WHERE nth > p.first AND (p.most <= 0 OR nth <= p.first + p.most)), '[]') END
      FROM (SELECT CASE WHEN a ->> 'offset' ~ '^\d{1,10}$' THEN (a ->> 'offset')::bigint ELSE 0 END,
                   CASE WHEN a ->> 'limit' ~ '^\d{1,10}$' THEN (a ->> 'limit')::bigint ELSE -1 END) AS p (first, most));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.rest_page(jsonb, jsonb) IS 'the part of a list that offset and limit ask for';

-- The arguments of register_schema and its like, from a request.
CREATE OR REPLACE FUNCTION dataplat_internal.rest_arguments(a jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    body jsonb := a -> 'body';
BEGIN
    IF body IS NULL OR jsonb_typeof(body) <> 'object' THEN
        PERFORM dataplat_internal.registry_fail(42201, 'the request has no body that is an object');
    ELSIF jsonb_typeof(coalesce(body -> 'schema', 'null')) NOT IN ('string', 'null') THEN
        PERFORM dataplat_internal.registry_fail(42201, 'the member schema of a request is a string');
    ELSIF coalesce(body ->> 'id', '1') !~ '^-?\d{1,9}$|^[12]\d{9}$' OR coalesce(body ->> 'version', '1') !~ '^-?\d{1,9}$|^[12]\d{9}$' THEN
        PERFORM dataplat_internal.registry_fail(42201, 'id and version of a schema are numbers');
    END IF;
    RETURN jsonb_build_object('subject', a -> 'subject', 'schema', body -> 'schema', 'schema_type', NULLIF(body ->> 'schemaType', ''),
        'refs', body -> 'references', 'metadata', body -> 'metadata', 'rule_set', body -> 'ruleSet', 'id', body -> 'id', 'version', body -> 'version',
        'normalized', dataplat_internal.rest_flag(a, 'normalize'));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.rest_arguments(jsonb) IS 'arguments of a function from the body of a request';

-- ------------------------------------------------------------------ answers

-- A schema's text in the form that is asked for, else as it is stored.
CREATE OR REPLACE FUNCTION dataplat_internal.formatted_schema(c dataplat.schema_content, format text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    x record;
BEGIN
    IF coalesce(format, '') = '' OR c.schema_type = 'JSON' THEN
        RETURN c.schema;
    END IF;
    SELECT k.names, k.texts INTO x FROM dataplat_internal.closure_of(c.refs, ':' || c.context || ':') AS k;
    RETURN dataplat_internal.schema_in_format(c.schema_type, c.schema, x.names, x.texts, format);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.formatted_schema(dataplat.schema_content, text) IS 'text of a schema in a form that the REST API can be asked for';

CREATE OR REPLACE FUNCTION dataplat_internal.content_as_json(c dataplat.schema_content, format text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('guid', c.guid, 'schemaType', c.schema_type, 'schema', dataplat_internal.formatted_schema(c, format))
        || CASE WHEN c.refs = '[]' THEN '{}' ELSE jsonb_build_object('references', c.refs) END
        || CASE WHEN c.metadata IS NULL THEN '{}' ELSE jsonb_build_object('metadata', c.metadata) END
        || CASE WHEN c.rule_set IS NULL THEN '{}' ELSE jsonb_build_object('ruleSet', c.rule_set) END);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.content_as_json(dataplat.schema_content, text) IS 'a schema as the REST API shows it';

CREATE OR REPLACE FUNCTION dataplat_internal.version_as_json(v dataplat.schema_version, format text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('subject', v.subject, 'version', v.version, 'id', v.id, 'deleted', v.deleted,
                              'ts', floor(extract(epoch FROM coalesce(v.deleted_at, v.registered_at)) * 1000)::bigint)
        || dataplat_internal.content_as_json(c, format)
      FROM dataplat.schema_content AS c WHERE c.context = v.context AND c.id = v.id);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.version_as_json(dataplat.schema_version, text) IS 'a version as the REST API shows it';

-- Which version an id is shown as: that of the subject that was asked for, else a
-- live one, else the first.
CREATE OR REPLACE FUNCTION dataplat_internal.rest_use(c dataplat.schema_content, hint text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce((SELECT jsonb_build_object('subject', v.subject, 'version', v.version)
                       FROM dataplat.schema_version AS v WHERE v.context = c.context AND v.id = c.id
                      ORDER BY v.subject IN (hint, ':' || c.context || ':' || hint) IS TRUE DESC, v.deleted, v.registered_at, v.subject COLLATE "C", v.version LIMIT 1), '{}');
END;
$$;
COMMENT ON FUNCTION dataplat_internal.rest_use(dataplat.schema_content, text) IS 'a version that has an id, for the REST API';

-- With referenceFormat=qualified the subjects of references tell their context.
CREATE OR REPLACE FUNCTION dataplat_internal.rest_references(answer jsonb, context text, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF a ->> 'referenceFormat' IS DISTINCT FROM 'qualified' OR NOT answer ? 'references' THEN
        RETURN answer;
    END IF;
    RETURN answer || jsonb_build_object('references',
        (SELECT jsonb_agg(r || jsonb_build_object('subject', dataplat_internal.qualify_subject(r ->> 'subject', ':' || context || ':')) ORDER BY nth)
           FROM jsonb_array_elements(answer -> 'references') WITH ORDINALITY AS x (r, nth)));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.rest_references(jsonb, text, jsonb) IS 'an answer of the REST API with its references as they were asked for';

-- A subject of the default context that is not there may be meant in another one.
CREATE OR REPLACE FUNCTION dataplat_internal.rest_version(a jsonb)
RETURNS dataplat.schema_version
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q       text := dataplat_internal.follow_alias(dataplat_internal.check_subject(a ->> 'subject'));
    number  int := dataplat_internal.check_version(a ->> 'version');
    gone boolean := dataplat_internal.rest_flag(a, 'deleted');
    hit     dataplat.schema_version;
BEGIN
    IF left(q, 2) <> ':.' AND NOT EXISTS (SELECT FROM dataplat.schema_version AS v WHERE v.subject = q AND (gone OR NOT v.deleted)) THEN
        SELECT v.* INTO hit FROM dataplat_internal.schema_context AS c
          JOIN dataplat.schema_version AS v ON v.subject = ':' || c.context || ':' || q
         WHERE c.context <> '.' AND CASE WHEN number IS NULL THEN NOT v.deleted ELSE v.version = number AND (gone OR NOT v.deleted) END
         ORDER BY c.context, v.version DESC LIMIT 1;
        IF FOUND THEN
            RETURN hit;
        END IF;
    END IF;
    RETURN dataplat_internal.require_version(q, a ->> 'version', gone);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.rest_version(jsonb) IS 'the version that a request names';

CREATE OR REPLACE FUNCTION dataplat_internal.rest_content(a jsonb)
RETURNS dataplat.schema_content
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c dataplat.schema_content;
BEGIN
    IF a ->> 'id' ~ '^\d{1,9}$|^[12]\d{9}$' AND (a ->> 'id')::bigint < 2147483648 THEN
        SELECT * INTO c FROM dataplat_internal.content_by_id((a ->> 'id')::int, NULLIF(a ->> 'subject', ''));
    END IF;
    IF c.id IS NULL THEN
        PERFORM dataplat_internal.registry_fail(40403, format('schema %s not found', left(a ->> 'id', 20)));
    END IF;
    RETURN c;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.rest_content(jsonb) IS 'the schema of the id that a request names';

-- ------------------------------------------------------------------ lists

-- Which versions a request sees: deletedOnly wins over deleted.
CREATE OR REPLACE FUNCTION dataplat_internal.rest_sees(a jsonb, is_deleted boolean)
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT CASE WHEN dataplat_internal.rest_flag(a, 'deletedOnly') THEN is_deleted
                WHEN dataplat_internal.rest_flag(a, 'deleted') THEN true ELSE NOT is_deleted END);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.rest_sees(jsonb, boolean) IS 'does a request see what is deleted, or not deleted?';

CREATE OR REPLACE FUNCTION dataplat_internal.rest_versions(a jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q        text := dataplat_internal.follow_alias(dataplat_internal.check_subject(a ->> 'subject'));
    negative boolean := dataplat_internal.rest_flag(a, 'deletedAsNegative');
BEGIN
    PERFORM dataplat_internal.require_subject(q, negative OR dataplat_internal.rest_flag(a, 'deleted') OR dataplat_internal.rest_flag(a, 'deletedOnly'));
    RETURN (SELECT jsonb_agg(CASE WHEN negative AND v.deleted THEN -v.version ELSE v.version END ORDER BY v.version)
              FROM dataplat.schema_version AS v
             WHERE v.subject = q AND (negative OR dataplat_internal.rest_sees(a, v.deleted)));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.rest_versions(jsonb) IS 'version numbers of a subject for the REST API';

CREATE OR REPLACE FUNCTION dataplat_internal.rest_schemas(a jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH wanted AS (
        SELECT s.subject FROM dataplat_internal.subjects_with_prefix(a ->> 'subjectPrefix') AS s
        UNION
        SELECT dataplat_internal.qualify_subject(g.alias, g.subject)
          FROM dataplat.registry_config AS g
         WHERE dataplat_internal.rest_flag(a, 'aliases') AND g.alias <> '' AND starts_with(g.subject, coalesce(a ->> 'subjectPrefix', ''))
    ), seen AS (
        SELECT v, row_number() OVER (PARTITION BY v.subject ORDER BY v.version DESC) AS age
          FROM wanted AS w
          JOIN dataplat.schema_version AS v ON v.subject = w.subject
         WHERE dataplat_internal.rest_sees(a, v.deleted)
    )
    SELECT jsonb_agg(dataplat_internal.version_as_json(s.v, a ->> 'format')
                     || CASE WHEN dataplat_internal.rest_flag(a, 'aliases')
                             THEN coalesce((SELECT jsonb_build_object('aliases', jsonb_agg(g.subject ORDER BY g.subject))
                                              FROM dataplat.registry_config AS g
                                             WHERE g.alias <> '' AND dataplat_internal.qualify_subject(g.alias, g.subject) = (s.v).subject
                                            HAVING count(*) > 0), '{}') ELSE '{}' END
                     ORDER BY (s.v).subject COLLATE "C", (s.v).version)
      FROM seen AS s
      JOIN dataplat.schema_content AS c ON c.context = (s.v).context AND c.id = (s.v).id
     WHERE (s.age = 1 OR NOT dataplat_internal.rest_flag(a, 'latestOnly'))
       AND (a ->> 'ruleType' IS NULL
            OR EXISTS (SELECT FROM jsonb_each(c.rule_set) AS l,
                                   jsonb_array_elements(CASE jsonb_typeof(l.value) WHEN 'array' THEN l.value ELSE '[]' END) AS r
                        WHERE r ->> 'type' = a ->> 'ruleType'));
$$;
COMMENT ON FUNCTION dataplat_internal.rest_schemas(jsonb) IS 'versions of all subjects with a prefix for the REST API';

-- The latest version whose metadata has these properties.
CREATE OR REPLACE FUNCTION dataplat_internal.rest_metadata(a jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q       text := dataplat_internal.follow_alias(dataplat_internal.check_subject(a ->> 'subject'));
    asked   jsonb;
    hit     dataplat.schema_version;
BEGIN
    SELECT coalesce(jsonb_object_agg(k.e, v.e), '{}') INTO asked
      FROM jsonb_array_elements_text(CASE jsonb_typeof(a -> 'key') WHEN 'array' THEN a -> 'key' ELSE jsonb_build_array(a -> 'key') END) WITH ORDINALITY AS k (e, nth)
      JOIN jsonb_array_elements_text(CASE jsonb_typeof(a -> 'value') WHEN 'array' THEN a -> 'value' ELSE jsonb_build_array(a -> 'value') END) WITH ORDINALITY AS v (e, nth)
        ON v.nth = k.nth
     WHERE k.e IS NOT NULL;
    SELECT v.* INTO hit
      FROM dataplat.schema_version AS v
      JOIN dataplat.schema_content AS c ON c.context = v.context AND c.id = v.id
     WHERE v.subject = q AND (NOT v.deleted OR dataplat_internal.rest_flag(a, 'deleted')) AND c.metadata -> 'properties' @> asked
     ORDER BY v.version DESC LIMIT 1;
    IF NOT FOUND THEN
        PERFORM dataplat_internal.require_subject(q, dataplat_internal.rest_flag(a, 'deleted'));
        PERFORM dataplat_internal.registry_fail(40402, format('no version of subject "%s" has this metadata', q));
    END IF;
    RETURN dataplat_internal.version_as_json(hit, a ->> 'format');
END;
$$;
COMMENT ON FUNCTION dataplat_internal.rest_metadata(jsonb) IS 'the latest version with these properties for the REST API';

-- ------------------------------------------------------------------ what changes something

CREATE OR REPLACE FUNCTION dataplat_internal.rest_register(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made jsonb := dataplat_internal.command_register_schema(caller, dataplat_internal.rest_arguments(a));
    v    dataplat.schema_version;
BEGIN
    SELECT * INTO v FROM dataplat.schema_version AS x WHERE x.subject = made ->> 'subject' AND x.version = (made ->> 'version')::int;
    RETURN dataplat_internal.version_as_json(v, a ->> 'format') - '{subject,ts,deleted}'::text[];
END;
$$;
COMMENT ON FUNCTION dataplat_internal.rest_register(name, jsonb) IS 'register a schema for the REST API';

CREATE OR REPLACE FUNCTION dataplat_internal.rest_lookup(a jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q       text := dataplat_internal.follow_alias(dataplat_internal.check_subject(a ->> 'subject'));
    gone boolean := dataplat_internal.rest_flag(a, 'deleted');
    hit     dataplat.schema_version;
BEGIN
    PERFORM dataplat_internal.require_subject(q, gone);
    SELECT * INTO hit FROM dataplat_internal.find_version(q, dataplat_internal.rest_arguments(a), gone, true);
    IF NOT FOUND THEN
        PERFORM dataplat_internal.registry_fail(40403, 'schema not found');
    END IF;
    RETURN dataplat_internal.version_as_json(hit, a ->> 'format');
END;
$$;
COMMENT ON FUNCTION dataplat_internal.rest_lookup(jsonb) IS 'find a schema in a subject for the REST API';

-- "recursive", of a context: of its subjects, too; then it need not have one itself.
CREATE OR REPLACE FUNCTION dataplat_internal.rest_delete_mode(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own dataplat.registry_mode;
    p   record;
BEGIN
    SELECT * INTO p FROM dataplat_internal.subject_parts(dataplat_internal.check_scope(a ->> 'subject'));
    IF p.name <> '' OR NOT dataplat_internal.rest_flag(a, 'recursive') THEN
        RETURN dataplat_internal.command_set_schema_mode(caller, jsonb_build_object('subject', a -> 'subject', 'mode', NULL));
    END IF;
    PERFORM dataplat_internal.lock_contexts(ARRAY[p.context]);
    SELECT * INTO own FROM dataplat.registry_mode AS m WHERE m.subject = p.qualified;
    DELETE FROM dataplat.registry_mode AS m
     WHERE p.context IN ((SELECT x.context FROM dataplat_internal.subject_parts(m.subject) AS x), '.__GLOBAL');
    RETURN jsonb_build_object('mode', own.mode);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.rest_delete_mode(name, jsonb) IS 'forget the mode of a subject or context, or of all in a context, for the REST API';

CREATE OR REPLACE FUNCTION dataplat_internal.rest_delete_context(a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := (SELECT p.context FROM dataplat_internal.subject_parts(CASE WHEN left(a ->> 'context', 1) = ':' THEN a ->> 'context' ELSE ':' || (a ->> 'context') || ':' END) AS p);
BEGIN
    IF coalesce(a ->> 'context', '') !~ '^:?\.' THEN
        PERFORM dataplat_internal.registry_fail(42208, format('invalid context "%s"', left(a ->> 'context', 100)), 'The name of a context begins with a dot.');
    END IF;
    IF name <> '.' AND NOT EXISTS (SELECT FROM dataplat_internal.schema_context AS x WHERE x.context = name) THEN
        PERFORM dataplat_internal.registry_fail(40401, format('context "%s" not found', name));
    END IF;
    PERFORM dataplat_internal.lock_contexts(ARRAY[name]);
    IF EXISTS (SELECT FROM dataplat.schema_version AS v WHERE v.context = name) THEN
        PERFORM dataplat_internal.registry_fail(42211, format('context "%s" is not empty', name), 'Delete its subjects for good first.');
    END IF;
    DELETE FROM dataplat.registry_config AS c WHERE c.subject = ':' || name || ':' AND name <> '.';
    DELETE FROM dataplat.registry_mode AS m WHERE m.subject = ':' || name || ':' AND name <> '.';
    DELETE FROM dataplat_internal.schema_context AS x WHERE x.context = name AND name <> '.';
    RETURN 'null';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.rest_delete_context(jsonb) IS 'forget a context that has no subjects';

-- ------------------------------------------------------------------ the door

-- The public function that a role needs EXECUTE on to have an operation done.
CREATE OR REPLACE FUNCTION dataplat_internal.rest_right(operation text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT CASE operation
        WHEN 'subjects' THEN 'schema_subjects' WHEN 'schemas' THEN 'schema_subjects' WHEN 'contexts' THEN 'schema_subjects'
        WHEN 'versions' THEN 'schema_versions' WHEN 'version' THEN 'schema_versions' WHEN 'version_schema' THEN 'schema_versions'
        WHEN 'referencedby' THEN 'schema_versions' WHEN 'metadata' THEN 'schema_versions'
        WHEN 'register' THEN 'register_schema' WHEN 'lookup' THEN 'lookup_schema'
        WHEN 'delete_subject' THEN 'delete_subject' WHEN 'delete_context' THEN 'delete_subject' WHEN 'delete_version' THEN 'delete_schema_version'
        WHEN 'id' THEN 'schema_by_id' WHEN 'id_schema' THEN 'schema_by_id' WHEN 'id_subjects' THEN 'schema_by_id' WHEN 'id_versions' THEN 'schema_by_id'
        WHEN 'guid' THEN 'schema_by_guid' WHEN 'guid_ids' THEN 'schema_by_guid'
        WHEN 'get_config' THEN 'get_compatibility' WHEN 'set_config' THEN 'set_compatibility' WHEN 'delete_config' THEN 'set_compatibility'
        WHEN 'get_mode' THEN 'get_schema_mode' WHEN 'set_mode' THEN 'set_schema_mode' WHEN 'delete_mode' THEN 'set_schema_mode'
        WHEN 'compatibility' THEN 'check_compatibility' END);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.rest_right(text) IS 'function whose EXECUTE right an operation of the REST API asks for';

CREATE OR REPLACE FUNCTION dataplat_internal.registry_rest(caller name, operation text, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    needed text := dataplat_internal.rest_right(operation);
    who    name := coalesce(caller, session_user);
    v      dataplat.schema_version;
    c      dataplat.schema_content;
    body   jsonb := a -> 'body';
BEGIN
    IF needed IS NULL AND operation <> 'types' THEN
        RAISE EXCEPTION 'the registry knows no operation "%"', operation USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF caller IS NOT NULL AND needed IS NOT NULL
       AND NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.pronamespace = 'dataplat'::regnamespace AND p.proname = needed
                          AND has_function_privilege(caller, p.oid, 'EXECUTE')) THEN
        RAISE EXCEPTION 'permission denied for function %', needed
            USING ERRCODE = 'insufficient_privilege', HINT = format('GRANT EXECUTE ON FUNCTION dataplat.%I TO %I.', needed, caller);
    END IF;

    IF operation LIKE 'id%' THEN
        c := dataplat_internal.rest_content(a);
    ELSIF operation IN ('version', 'version_schema', 'referencedby') THEN
        v := dataplat_internal.rest_version(CASE operation WHEN 'referencedby' THEN a || '{"deleted": true}' ELSE a END);
    END IF;

    CASE operation
    WHEN 'subjects' THEN
        RETURN dataplat_internal.rest_page((SELECT jsonb_agg(s.subject ORDER BY s.subject COLLATE "C")
            FROM dataplat_internal.subjects_with_prefix(a ->> 'subjectPrefix') AS s WHERE dataplat_internal.rest_sees(a, s.all_deleted)), a);
    WHEN 'versions' THEN RETURN dataplat_internal.rest_page(dataplat_internal.rest_versions(a), a);
    WHEN 'version' THEN RETURN dataplat_internal.rest_references(dataplat_internal.version_as_json(v, a ->> 'format'), v.context, a);
    WHEN 'version_schema' THEN RETURN dataplat_internal.version_as_json(v, a ->> 'format') -> 'schema';
    WHEN 'referencedby' THEN RETURN dataplat_internal.rest_page(to_jsonb(dataplat_internal.referring_ids(v.subject, v.version)), a);
    WHEN 'metadata' THEN RETURN dataplat_internal.rest_metadata(a);
    WHEN 'register' THEN RETURN dataplat_internal.rest_register(who, a);
    WHEN 'lookup' THEN RETURN dataplat_internal.rest_lookup(a);
    WHEN 'delete_subject' THEN RETURN dataplat_internal.command_delete_subject(who, a || jsonb_build_object('permanent', dataplat_internal.rest_flag(a, 'permanent')));
    WHEN 'delete_version' THEN RETURN dataplat_internal.command_delete_schema_version(who, a || jsonb_build_object('permanent', dataplat_internal.rest_flag(a, 'permanent')));
    WHEN 'delete_context' THEN RETURN dataplat_internal.rest_delete_context(a);
    WHEN 'id' THEN
        RETURN dataplat_internal.rest_references(dataplat_internal.content_as_json(c, a ->> 'format'), c.context, a)
            || dataplat_internal.rest_use(c, a ->> 'subject')
            || CASE WHEN dataplat_internal.rest_flag(a, 'fetchMaxId')
                    THEN (SELECT jsonb_build_object('maxId', x.next_id - 1) FROM dataplat_internal.schema_context AS x WHERE x.context = c.context) ELSE '{}' END;
    WHEN 'id_schema' THEN RETURN to_jsonb(dataplat_internal.formatted_schema(c, a ->> 'format'));
    WHEN 'id_subjects' THEN
        RETURN dataplat_internal.rest_page((SELECT jsonb_agg(DISTINCT x.subject) FROM dataplat.schema_version AS x
            WHERE x.context = c.context AND x.id = c.id AND dataplat_internal.rest_sees(a, x.deleted)), a);
    WHEN 'id_versions' THEN
        RETURN dataplat_internal.rest_page((SELECT jsonb_agg(jsonb_build_object('subject', x.subject, 'version', x.version) ORDER BY x.subject COLLATE "C", x.version)
            FROM dataplat.schema_version AS x WHERE x.context = c.context AND x.id = c.id AND dataplat_internal.rest_sees(a, x.deleted)), a);
    WHEN 'guid', 'guid_ids' THEN RETURN dataplat_internal.rest_guid(operation, a);
    WHEN 'schemas' THEN RETURN dataplat_internal.rest_page(dataplat_internal.rest_schemas(a), a);
    WHEN 'types' THEN RETURN '["JSON", "PROTOBUF", "AVRO"]';
    WHEN 'contexts' THEN
        RETURN dataplat_internal.rest_page((SELECT jsonb_agg(x.context ORDER BY x.context COLLATE "C")
            FROM (SELECT '.' AS context UNION SELECT y.context FROM dataplat_internal.schema_context AS y WHERE y.next_id > 1) AS x), a);
    WHEN 'get_config' THEN RETURN dataplat_internal.config_as_json(dataplat_internal.config_answer(a ->> 'subject', dataplat_internal.rest_flag(a, 'defaultToGlobal')));
    WHEN 'set_config' THEN
        PERFORM dataplat_internal.command_configure_registry(who, jsonb_build_object('subject', a -> 'subject', 'settings', body));
        RETURN (SELECT coalesce(jsonb_object_agg(m.key, CASE WHEN m.key LIKE 'compatibility%' AND m.key <> 'compatibilityGroup' THEN to_jsonb(upper(m.value #>> '{}')) ELSE m.value END), '{}')
                  FROM jsonb_each(body) AS m
                 WHERE m.key IN ('alias', 'normalize', 'validateFields', 'validateNames', 'validateRules', 'compatibility', 'compatibilityLevel', 'compatibilityPolicy', 'compatibilityGroup',
                                 'defaultMetadata', 'overrideMetadata', 'defaultRuleSet', 'overrideRuleSet'));
    WHEN 'delete_config' THEN RETURN dataplat_internal.reset_config(a ->> 'subject');
    WHEN 'get_mode' THEN RETURN jsonb_build_object('mode', dataplat_internal.mode_answer(a ->> 'subject', dataplat_internal.rest_flag(a, 'defaultToGlobal')));
    WHEN 'set_mode' THEN
        RETURN dataplat_internal.command_set_schema_mode(who, jsonb_build_object('subject', a -> 'subject', 'mode', coalesce(body ->> 'mode', ''),
                                                                                'force', dataplat_internal.rest_flag(a, 'force')));
    WHEN 'delete_mode' THEN RETURN dataplat_internal.rest_delete_mode(who, a);
    WHEN 'compatibility' THEN
        RETURN dataplat_internal.compatibility_answer(dataplat_internal.rest_arguments(a)
            || jsonb_build_object('version', a -> 'version', 'verbose', dataplat_internal.rest_flag(a, 'verbose')));
    END CASE;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.registry_rest(name, text, jsonb) IS 'one operation of the registry''s REST API with the rights of a role; registry_rest.sql lists them';

-- A GUID, in every context that has it.
CREATE OR REPLACE FUNCTION dataplat_internal.rest_guid(operation text, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c     dataplat.schema_content;
    valid boolean := coalesce(a ->> 'guid', '') ~* '^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$';
BEGIN
    IF operation = 'guid_ids' THEN
        RETURN coalesce((SELECT jsonb_agg(jsonb_build_object('context', x.context, 'id', x.id) ORDER BY x.context COLLATE "C", x.id)
                           FROM dataplat.schema_content AS x WHERE valid AND x.guid = (CASE WHEN valid THEN a ->> 'guid' END)::uuid AND NOT x.duplicate), '[]');
    END IF;
    IF valid THEN
        SELECT * INTO c FROM dataplat.schema_content AS x WHERE x.guid = (a ->> 'guid')::uuid ORDER BY x.context COLLATE "C", x.duplicate, x.id LIMIT 1;
    END IF;
    IF c.id IS NULL THEN
        PERFORM dataplat_internal.registry_fail(40403, format('schema %s not found', left(a ->> 'guid', 50)));
    END IF;
    RETURN dataplat_internal.content_as_json(c, a ->> 'format') || dataplat_internal.rest_use(c, NULL);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.rest_guid(text, jsonb) IS 'the schema of a GUID, or its ids, for the REST API';
