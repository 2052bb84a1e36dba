/*
 * registry: moving schemas from an external registry to this one, and back.
 *
 * Everything is asked for first, and stored afterwards, because storing locks
 * the registry and the other side may be slow.  Ids, versions, references,
 * deletions, levels and the modes of subjects are kept.  Doing it again takes
 * what is new.
 * What is here already with another content is a conflict, reported and left
 * as it is: nothing here is ever overwritten.
 */

-- The list that an answer is; NULL when there is nothing of this name.
CREATE OR REPLACE FUNCTION dataplat_internal.remote_list(role_name name, server text, path text)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r record;
BEGIN
    SELECT * INTO r FROM dataplat_internal.registry_request(role_name, server, 'GET', path);
    IF r.status = 404 THEN
        RETURN NULL;
    ELSIF r.status <> 200 OR jsonb_typeof(r.answer) <> 'array' THEN
        RAISE EXCEPTION 'registry "%" does not answer as a registry does', server
            USING ERRCODE = 'protocol_violation', DETAIL = format('GET %s has status %s.', path, r.status);
    END IF;
    RETURN r.answer;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.remote_list(name, text, text) IS 'a list of an external registry; NULL when there is none';
REVOKE ALL ON FUNCTION dataplat_internal.remote_list(name, text, text) FROM PUBLIC;

-- One segment of a path.
CREATE OR REPLACE FUNCTION dataplat_internal.url_encode(part text)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(string_agg(CASE WHEN chr(get_byte(b.bytes, i)) ~ '^[A-Za-z0-9._~-]$' AND get_byte(b.bytes, i) < 128 THEN chr(get_byte(b.bytes, i))
                                    ELSE '%' || upper(lpad(to_hex(get_byte(b.bytes, i)), 2, '0')) END, '' ORDER BY i), '')
      FROM (SELECT convert_to(part, 'UTF8') AS bytes) AS b, generate_series(0, length(b.bytes) - 1) AS i;
$$;
COMMENT ON FUNCTION dataplat_internal.url_encode(text) IS 'text percent-encoded as one segment of a path';
REVOKE ALL ON FUNCTION dataplat_internal.url_encode(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.mirror_row(subject text, version int, id int, result text, detail text DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT jsonb_build_object('subject', subject, 'version', version, 'schema_id', id, 'result', result, 'detail', detail); $$;
COMMENT ON FUNCTION dataplat_internal.mirror_row(text, int, int, text, text) IS 'a row of what import_registry and export_registry answer';
REVOKE ALL ON FUNCTION dataplat_internal.mirror_row(text, int, int, text, text) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- In
-- ---------------------------------------------------------------------------

-- All versions of the subjects that match a LIKE pattern, deleted ones too, as
-- [{subject, version, id, schema, schemaType, references, metadata, ruleSet, is_deleted}, ...].
CREATE OR REPLACE FUNCTION dataplat_internal.read_registry(role_name name, server text, subjects text)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found    jsonb[] := '{}';
    subject  text;
    path     text;
    live     jsonb;
    version  int;
    r        record;
BEGIN
    FOR subject IN SELECT s FROM jsonb_array_elements_text(dataplat_internal.remote_list(role_name, server, '/subjects?deleted=true')) AS s
                    WHERE subjects IS NULL OR s LIKE subjects ORDER BY s LOOP
        path := '/subjects/' || dataplat_internal.url_encode(subject) || '/versions';
        live := coalesce(dataplat_internal.remote_list(role_name, server, path), '[]');
        FOR version IN SELECT v::int FROM jsonb_array_elements_text(coalesce(dataplat_internal.remote_list(role_name, server, path || '?deleted=true'), '[]')) AS v LOOP
            SELECT * INTO r FROM dataplat_internal.registry_request(role_name, server, 'GET', path || '/' || version || '?deleted=true');
            CONTINUE WHEN r.status = 404;       -- gone since the list was made
            IF r.status <> 200 OR jsonb_typeof(r.answer -> 'schema') IS DISTINCT FROM 'string' OR jsonb_typeof(r.answer -> 'id') IS DISTINCT FROM 'number' THEN
                RAISE EXCEPTION 'registry "%" does not answer as a registry does', server
                    USING ERRCODE = 'protocol_violation', DETAIL = format('GET %s/%s has status %s and no schema with an id.', path, version, r.status);
            END IF;
            found := found || (r.answer || jsonb_build_object('subject', subject, 'version', version, 'is_deleted', NOT live @> to_jsonb(version)));
        END LOOP;
    END LOOP;
    RETURN to_jsonb(found);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.read_registry(name, text, text) IS 'all versions of an external registry';
REVOKE ALL ON FUNCTION dataplat_internal.read_registry(name, text, text) FROM PUBLIC;

-- Scopes of the contexts of an external registry, and of what counts for all of
-- them.  Older ones have no contexts.
CREATE OR REPLACE FUNCTION dataplat_internal.remote_context_scopes(role_name name, server text)
RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r      record;
    detail text;
BEGIN
    BEGIN
        SELECT * INTO r FROM dataplat_internal.registry_request(role_name, server, 'GET', '/contexts');
    EXCEPTION WHEN connection_failure THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
        -- an unknown path; all else is trouble
        IF detail NOT LIKE '%status 404 %' THEN
            RAISE;
        END IF;
        RETURN '{}';
    END;
    IF r.status <> 200 OR jsonb_typeof(r.answer) <> 'array' THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(SELECT ':' || x.context || ':' FROM (SELECT btrim(e, ':') AS context FROM jsonb_array_elements_text(r.answer) AS e UNION SELECT '.__GLOBAL') AS x
                  WHERE x.context LIKE '.%' AND x.context <> '.' ORDER BY 1);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.remote_context_scopes(name, text) IS 'contexts of an external registry, as scopes of settings';
REVOKE ALL ON FUNCTION dataplat_internal.remote_context_scopes(name, text) FROM PUBLIC;

-- Level and mode of these subjects and contexts and, when all are wanted, of the whole:
-- [{subject (null: the whole), config, mode}, ...].
CREATE OR REPLACE FUNCTION dataplat_internal.read_registry_settings(role_name name, server text, subjects text[], global boolean)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found   jsonb[] := '{}';
    subject text;
    tail    text;
    config  record;
    mode    record;
BEGIN
    FOREACH subject IN ARRAY CASE WHEN global THEN NULL::text || dataplat_internal.remote_context_scopes(role_name, server) || subjects ELSE subjects END LOOP
        tail := coalesce('/' || dataplat_internal.url_encode(subject), '');
        SELECT * INTO config FROM dataplat_internal.registry_request(role_name, server, 'GET', '/config' || tail);
        SELECT * INTO mode FROM dataplat_internal.registry_request(role_name, server, 'GET', '/mode' || tail);
        found := found || jsonb_build_object('subject', subject, 'config', CASE WHEN config.status = 200 THEN config.answer END,
                                             'mode', CASE WHEN mode.status = 200 THEN mode.answer ->> 'mode' END);
    END LOOP;
    RETURN to_jsonb(found);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.read_registry_settings(name, text, text[], boolean) IS 'levels and modes of an external registry';
REVOKE ALL ON FUNCTION dataplat_internal.read_registry_settings(name, text, text[], boolean) FROM PUBLIC;

-- Store one version, in a subject that is in import mode.  A row of the answer.
CREATE OR REPLACE FUNCTION dataplat_internal.import_version(caller name, v jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    the_subject text := v ->> 'subject';
    the_version int := (v ->> 'version')::int;
    the_id      int := (v ->> 'id')::int;
    here        dataplat.schema_version;
    result      text := 'taken';
BEGIN
    SELECT * INTO here FROM dataplat.schema_version AS x WHERE x.subject = the_subject AND x.version = the_version;
    IF FOUND AND here.id <> the_id THEN
        RETURN dataplat_internal.mirror_row(the_subject, the_version, the_id, 'conflict', format('the version is here with id %s', here.id));
    ELSIF here.deleted AND (v ->> 'is_deleted')::boolean THEN
        RETURN dataplat_internal.mirror_row(the_subject, the_version, the_id, 'same');
    ELSIF here.deleted THEN
        RETURN dataplat_internal.mirror_row(the_subject, the_version, the_id, 'conflict', 'the version is deleted here');
    END IF;
    BEGIN
        -- Where content and id are here they must agree; the registry sees to it.
        PERFORM dataplat_internal.registry_rest(caller, 'register', jsonb_build_object('subject', the_subject, 'body',
                      jsonb_strip_nulls(jsonb_build_object('schema', v -> 'schema', 'schemaType', v -> 'schemaType', 'references', v -> 'references',
                          'metadata', v -> 'metadata', 'ruleSet', v -> 'ruleSet', 'id', the_id, 'version', the_version))));
        IF (v ->> 'is_deleted')::boolean THEN
            PERFORM dataplat_internal.registry_rest(caller, 'delete_version', jsonb_build_object('subject', the_subject, 'version', the_version));
        ELSIF here.version IS NOT NULL THEN
            result := 'same';
        END IF;
    EXCEPTION WHEN query_canceled OR insufficient_privilege THEN
        RAISE;
    WHEN OTHERS THEN
        RETURN dataplat_internal.mirror_row(the_subject, the_version, the_id, 'conflict', SQLERRM);
    END;
    RETURN dataplat_internal.mirror_row(the_subject, the_version, the_id, result);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.import_version(name, jsonb) IS 'store a version of an external registry under its own id and number';
REVOKE ALL ON FUNCTION dataplat_internal.import_version(name, jsonb) FROM PUBLIC;

-- Take level or mode of a subject, a context or the whole, where none is set here.
-- A row of the answer; NULL when there is nothing to say.
CREATE OR REPLACE FUNCTION dataplat_internal.import_setting(caller name, subject text, what text, there text, body jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    scope text := coalesce(subject, ':.:');
    here  text;
BEGIN
    IF what = 'mode' THEN
        SELECT m.mode INTO here FROM dataplat.registry_mode AS m WHERE m.subject = scope;
    ELSE
        SELECT c.compatibility_level INTO here FROM dataplat.registry_config AS c WHERE c.subject = scope;
    END IF;
    IF there IS NULL OR (here IS NULL AND subject IS NULL AND there IN ('BACKWARD', 'READWRITE')) THEN
        RETURN NULL;
    ELSIF here = there THEN
        RETURN dataplat_internal.mirror_row(subject, NULL, NULL, 'same', what || ' ' || there);
    ELSIF here IS NOT NULL THEN
        RETURN dataplat_internal.mirror_row(subject, NULL, NULL, 'conflict', format('%s %s is %s here', what, there, here));
    END IF;
    PERFORM dataplat_internal.registry_rest(caller, 'set_' || what, jsonb_strip_nulls(jsonb_build_object('subject', subject, 'force', true, 'body', body)));
    RETURN dataplat_internal.mirror_row(subject, NULL, NULL, 'taken', what || ' ' || there);
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    -- read-only here
    RETURN dataplat_internal.mirror_row(subject, NULL, NULL, 'conflict', format('%s %s: %s', what, there, SQLERRM));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.import_setting(name, text, text, text, jsonb) IS 'take a level or a mode of an external registry';
REVOKE ALL ON FUNCTION dataplat_internal.import_setting(name, text, text, text, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_import_registry(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    server_name text := a ->> 'server';
    pattern     text := a ->> 'subjects';
    pending     jsonb[];
    again       jsonb[];
    names       text[];
    modes       jsonb;
    settings    jsonb;
    rows        jsonb := '[]';
    failed      jsonb;
    one         jsonb;
    v           jsonb;
    s           text;
BEGIN
    PERFORM dataplat_internal.check_registry_server(caller, server_name);
    -- By id, because what is referred to was there first.
    pending := ARRAY(SELECT x FROM jsonb_array_elements(dataplat_internal.read_registry(caller, server_name, pattern)) AS x
                      ORDER BY (x ->> 'id')::int, x ->> 'subject', (x ->> 'version')::int);
    names := ARRAY(SELECT DISTINCT x ->> 'subject' FROM unnest(pending) AS x ORDER BY 1);
    settings := dataplat_internal.read_registry_settings(caller, server_name, names, pattern IS NULL);

    SELECT coalesce(jsonb_object_agg(m.subject, m.mode), '{}') INTO modes FROM dataplat.registry_mode AS m WHERE m.subject = ANY (names);
    FOREACH s IN ARRAY names LOOP
        PERFORM dataplat_internal.registry_rest(caller, 'set_mode', jsonb_build_object('subject', s, 'force', true, 'body', '{"mode": "IMPORT"}'::jsonb));
    END LOOP;
    LOOP
        again := '{}';
        failed := '[]';
        FOREACH v IN ARRAY pending LOOP
            one := dataplat_internal.import_version(caller, v);
            IF one ->> 'result' = 'conflict' THEN
                again := again || v;
                failed := failed || one;
            ELSE
                rows := rows || one;
            END IF;
        END LOOP;
        EXIT WHEN cardinality(again) = 0 OR cardinality(again) = cardinality(pending);
        pending := again;
    END LOOP;
    rows := rows || failed;
    -- While the subjects are in import mode: a read-only one takes no level.
    FOR v IN SELECT x FROM jsonb_array_elements(settings) AS x LOOP
        rows := rows || coalesce(dataplat_internal.import_setting(caller, v ->> 'subject', 'config', v -> 'config' ->> 'compatibilityLevel',
                    CASE WHEN v ->> 'config' IS NOT NULL THEN (v -> 'config') - 'compatibilityLevel'::text || jsonb_build_object('compatibility', v -> 'config' -> 'compatibilityLevel') END), '[]');
    END LOOP;
    FOREACH s IN ARRAY names LOOP
        IF modes ? s THEN
            PERFORM dataplat_internal.registry_rest(caller, 'set_mode', jsonb_build_object('subject', s, 'force', true, 'body', jsonb_build_object('mode', modes -> s)));
        ELSE
            PERFORM dataplat_internal.registry_rest(caller, 'delete_mode', jsonb_build_object('subject', s));
        END IF;
    END LOOP;
    -- Not the mode of the whole or of a context: it was set to READONLY for the move.
    FOR v IN SELECT x FROM jsonb_array_elements(settings) AS x WHERE x ->> 'subject' = ANY (names) LOOP
        rows := rows || coalesce(dataplat_internal.import_setting(caller, v ->> 'subject', 'mode', v ->> 'mode', jsonb_build_object('mode', v -> 'mode')), '[]');
    END LOOP;
    PERFORM dataplat_internal.note_registry_state(server_name, true, NULL);
    RETURN rows;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_import_registry(name, jsonb) IS 'import_registry as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_import_registry(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.import_registry(server text, subjects text DEFAULT NULL)
RETURNS TABLE (subject text, version int, schema_id int, result text, detail text)
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT x.subject, x.version, x.schema_id, x.result, x.detail
      FROM jsonb_to_recordset(dataplat.command('import_registry', jsonb_build_object('server', server, 'subjects', subjects)))
           AS x (subject text, version int, schema_id int, result text, detail text)
     ORDER BY x.subject NULLS FIRST, x.version NULLS LAST, x.detail;
$$;
COMMENT ON FUNCTION dataplat.import_registry(text, text) IS
    'copy an external registry into this one: subjects (all, or those LIKE a pattern), versions, ids, references, deletions, levels and modes; taken, same, or conflict, which leaves what is here. Can be repeated. Needs USAGE on the server and the rights to register and to set modes';
REVOKE ALL ON FUNCTION dataplat.import_registry(text, text) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Out
-- ---------------------------------------------------------------------------

-- A request whose refusal is an error.
CREATE OR REPLACE FUNCTION dataplat_internal.remote_change(role_name name, server text, method text, path text, body jsonb DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r record;
BEGIN
    SELECT * INTO r FROM dataplat_internal.registry_request(role_name, server, method, path, body);
    IF r.status NOT BETWEEN 200 AND 299 THEN
        RAISE EXCEPTION 'registry "%" refuses: %', server, coalesce(r.answer ->> 'message', 'status ' || r.status)
            USING ERRCODE = 'fdw_error', DETAIL = format('%s %s, error code %s.', method, path, r.error_code),
                  HINT = 'Import mode must be allowed there (mode.mutability), and to this user.';
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.remote_change(name, text, text, text, jsonb) IS 'change something in an external registry, or fail';
REVOKE ALL ON FUNCTION dataplat_internal.remote_change(name, text, text, text, jsonb) FROM PUBLIC;

-- One version, which the other side takes under the same id and number.
CREATE OR REPLACE FUNCTION dataplat_internal.export_version(role_name name, server text, v jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    the_subject text := v ->> 'subject';
    the_version int := (v ->> 'version')::int;
    the_id      int := (v ->> 'id')::int;
    path        text := '/subjects/' || dataplat_internal.url_encode(the_subject) || '/versions';
    r           record;
BEGIN
    SELECT * INTO r FROM dataplat_internal.registry_request(role_name, server, 'GET', path || '/' || the_version || '?deleted=true');
    -- Of a subject that is not there, one of its name in another context is shown.
    IF r.status = 200 AND r.answer ->> 'subject' <> the_subject THEN
        r.status := 404;
    ELSIF r.status = 200 AND (r.answer ->> 'id')::int <> the_id THEN
        RETURN dataplat_internal.mirror_row(the_subject, the_version, the_id, 'conflict', format('the version is there with id %s', r.answer ->> 'id'));
    ELSIF r.status = 200 THEN
        -- Not every registry tells GUIDs, and each prints in its own way.
        RETURN CASE WHEN r.answer ->> 'schema' = v ->> 'schema' OR r.answer ->> 'guid' = v ->> 'guid' THEN dataplat_internal.mirror_row(the_subject, the_version, the_id, 'same')
                    WHEN v ->> 'schemaType' <> 'PROTOBUF' AND coalesce(r.answer ->> 'schemaType', 'AVRO') = v ->> 'schemaType'
                         AND (r.answer ->> 'schema')::jsonb = (v ->> 'schema')::jsonb THEN dataplat_internal.mirror_row(the_subject, the_version, the_id, 'same')
                    ELSE dataplat_internal.mirror_row(the_subject, the_version, the_id, 'conflict', 'the version is another schema there') END;
    END IF;
    PERFORM dataplat_internal.remote_change(role_name, server, 'PUT',
        '/mode/' || dataplat_internal.url_encode(the_subject) || '?force=true', '{"mode": "IMPORT"}');
    SELECT * INTO r FROM dataplat_internal.registry_request(role_name, server, 'POST', path,
        jsonb_strip_nulls(jsonb_build_object('schema', v -> 'schema', 'schemaType', v -> 'schemaType', 'references', v -> 'references', 'metadata', v -> 'metadata',
                                             'ruleSet', v -> 'ruleSet', 'id', the_id, 'version', the_version)));
    IF r.status NOT BETWEEN 200 AND 299 OR (r.answer ? 'id' AND (r.answer ->> 'id')::int <> the_id) THEN
        RETURN dataplat_internal.mirror_row(the_subject, the_version, the_id, 'conflict',
                                            coalesce(r.answer ->> 'message', format('it got id %s', r.answer ->> 'id')));
    END IF;
    IF (v ->> 'deleted')::boolean THEN
        PERFORM dataplat_internal.remote_change(role_name, server, 'DELETE', path || '/' || the_version);
    END IF;
    RETURN dataplat_internal.mirror_row(the_subject, the_version, the_id, 'taken');
END;
$$;
COMMENT ON FUNCTION dataplat_internal.export_version(name, text, jsonb) IS 'register a version in an external registry under its own id and number';
REVOKE ALL ON FUNCTION dataplat_internal.export_version(name, text, jsonb) FROM PUBLIC;

-- Leave the mode of a subject there as it was, or as it is here.
CREATE OR REPLACE FUNCTION dataplat_internal.restore_remote_mode(role_name name, server text, subject text, mode text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF mode IS NULL THEN
        PERFORM dataplat_internal.registry_request(role_name, server, 'DELETE', '/mode/' || dataplat_internal.url_encode(subject));
    ELSE
        PERFORM dataplat_internal.remote_change(role_name, server, 'PUT', '/mode/' || dataplat_internal.url_encode(subject) || '?force=true',
                                                jsonb_build_object('mode', mode));
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.restore_remote_mode(name, text, text, text) IS 'set or forget the mode of a subject in an external registry';
REVOKE ALL ON FUNCTION dataplat_internal.restore_remote_mode(name, text, text, text) FROM PUBLIC;

-- Give the configuration of a subject, or of the whole (NULL), where none is set
-- there.  A row of the answer, or none.
CREATE OR REPLACE FUNCTION dataplat_internal.export_setting(role_name name, server text, subject text)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here   jsonb := (SELECT dataplat_internal.config_as_json(c) FROM dataplat.registry_config AS c WHERE c.subject = coalesce(export_setting.subject, ':.:'));
    level  text := here ->> 'compatibilityLevel';
    path   text := '/config' || coalesce('/' || dataplat_internal.url_encode(subject), '');
    result text := 'taken';
    r      record;
BEGIN
    IF coalesce(here, '{}') = '{}' THEN
        RETURN '[]';
    END IF;
    SELECT * INTO r FROM dataplat_internal.registry_request(role_name, server, 'GET', path);
    -- The whole always has a level; the default one was not set by anybody.
    IF r.status = 200 AND (subject IS NOT NULL OR r.answer <> '{"compatibilityLevel": "BACKWARD"}' OR here = r.answer) THEN
        result := CASE WHEN r.answer @> here THEN 'same' ELSE 'conflict' END;
    ELSE
        PERFORM dataplat_internal.remote_change(role_name, server, 'PUT', path,
            here - 'compatibilityLevel' || CASE WHEN level IS NULL THEN '{}' ELSE jsonb_build_object('compatibility', level) END);
    END IF;
    RETURN dataplat_internal.mirror_row(subject, NULL, NULL, result, 'config' || coalesce(' ' || level, ''));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.export_setting(name, text, text) IS 'give a configuration to an external registry';
REVOKE ALL ON FUNCTION dataplat_internal.export_setting(name, text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_export_registry(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    server_name text := a ->> 'server';
    versions    jsonb[];
    names       text[];
    modes       jsonb := '{}';
    rows        jsonb := '[]';
    r           record;
    s           text;
    v           jsonb;
BEGIN
    PERFORM dataplat_internal.check_registry_server(caller, server_name);
    versions := ARRAY(SELECT x FROM jsonb_array_elements(dataplat_internal.registry_rest(caller, 'schemas', '{"deleted": true}')) AS x
                       WHERE a ->> 'subjects' IS NULL OR x ->> 'subject' LIKE (a ->> 'subjects')
                       ORDER BY (x ->> 'id')::int, x ->> 'subject', (x ->> 'version')::int);
    names := ARRAY(SELECT DISTINCT x ->> 'subject' FROM unnest(versions) AS x ORDER BY 1);
    FOREACH s IN ARRAY names LOOP
        SELECT * INTO r FROM dataplat_internal.registry_request(caller, server_name, 'GET', '/mode/' || dataplat_internal.url_encode(s));
        modes := modes || jsonb_build_object(s, CASE WHEN r.status = 200 THEN r.answer -> 'mode' END);
    END LOOP;
    BEGIN
        FOREACH v IN ARRAY versions LOOP
            rows := rows || dataplat_internal.export_version(caller, server_name, v);
        END LOOP;
    EXCEPTION WHEN OTHERS THEN
        -- Nothing is undone there, but import mode must not be left behind.
        FOREACH s IN ARRAY names LOOP
            BEGIN
                PERFORM dataplat_internal.restore_remote_mode(caller, server_name, s, modes ->> s);
            EXCEPTION WHEN OTHERS THEN
                RAISE WARNING 'mode of subject "%" in registry "%" could not be set back: %', s, server_name, SQLERRM;
            END;
        END LOOP;
        RAISE;
    END;
    FOREACH s IN ARRAY names LOOP
        -- Before the mode, which may forbid it.
        rows := rows || dataplat_internal.export_setting(caller, server_name, s);
        IF EXISTS (SELECT FROM jsonb_array_elements(rows) AS x WHERE x ->> 'subject' = s AND x ->> 'version' IS NOT NULL AND x ->> 'result' <> 'same') THEN
            PERFORM dataplat_internal.restore_remote_mode(caller, server_name, s, coalesce(modes ->> s, (SELECT m.mode FROM dataplat.registry_mode AS m WHERE m.subject = s)));
        END IF;
    END LOOP;
    IF a ->> 'subjects' IS NULL THEN
        -- the whole, contexts, and subjects without versions, such as aliases
        rows := rows || dataplat_internal.export_setting(caller, server_name, NULL);
        FOR s IN SELECT c.subject FROM dataplat.registry_config AS c WHERE c.subject <> ':.:' AND NOT c.subject = ANY (names) ORDER BY 1 LOOP
            rows := rows || dataplat_internal.export_setting(caller, server_name, s);
        END LOOP;
    END IF;
    RETURN rows;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_export_registry(name, jsonb) IS 'export_registry as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_export_registry(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.export_registry(server text, subjects text DEFAULT NULL)
RETURNS TABLE (subject text, version int, schema_id int, result text, detail text)
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT x.subject, x.version, x.schema_id, x.result, x.detail
      FROM jsonb_to_recordset(dataplat.command('export_registry', jsonb_build_object('server', server, 'subjects', subjects)))
           AS x (subject text, version int, schema_id int, result text, detail text)
     ORDER BY x.subject NULLS FIRST, x.version NULLS LAST, x.detail;
$$;
COMMENT ON FUNCTION dataplat.export_registry(text, text) IS
    'copy this registry into an external one, which takes ids and versions in its import mode; taken, same, or conflict, which leaves what is there. Can be repeated; not transactional: a ROLLBACK does not take it back. Needs USAGE on the server';
REVOKE ALL ON FUNCTION dataplat.export_registry(text, text) FROM PUBLIC;
