/*
 * registry: where readers of messages get schemas from.
 *
 * The first part reads this database's own registry for src/registry/lookup.c;
 * the rest is about external ones.
 */

-- A schema and the closure of what it refers to, each before those that name it.
CREATE OR REPLACE FUNCTION dataplat_internal.schema_with_references(in_context text, content_id int,
    OUT schema_id int, OUT guid uuid, OUT schema_type text, OUT schema text, OUT ref_names text[], OUT ref_texts text[])
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH RECURSIVE needed (name, context, id, depth) AS (
        SELECT r.name, v.context, v.id, 1
          FROM dataplat_internal.schema_reference AS r
          JOIN dataplat.schema_version AS v ON v.subject = r.subject AND v.version = r.version
         WHERE r.context = in_context AND r.id = content_id
        UNION
        SELECT r.name, v.context, v.id, n.depth + 1
          FROM needed AS n
          JOIN dataplat_internal.schema_reference AS r ON r.context = n.context AND r.id = n.id
          JOIN dataplat.schema_version AS v ON v.subject = r.subject AND v.version = r.version
         WHERE n.depth < 100
    ), ordered AS (
        SELECT n.name, n.context, n.id, max(n.depth) AS depth FROM needed AS n GROUP BY n.name, n.context, n.id
    )
    SELECT c.id, c.guid, c.schema_type, c.schema, o.names, o.texts
      FROM dataplat.schema_content AS c
      LEFT JOIN (SELECT array_agg(o.name ORDER BY o.depth DESC, o.name) AS names, array_agg(x.schema ORDER BY o.depth DESC, o.name) AS texts
                   FROM ordered AS o
                   JOIN dataplat.schema_content AS x ON x.context = o.context AND x.id = o.id) AS o ON true
     WHERE c.context = in_context AND c.id = content_id;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.schema_with_references(text, int)
    IS 'a registered schema and the texts that it needs, each before those that name it';
REVOKE ALL ON FUNCTION dataplat_internal.schema_with_references(text, int) FROM PUBLIC;

-- As single-object encoding has it, but the highest byte first; NULL for what
-- cannot be parsed alone.
CREATE OR REPLACE FUNCTION dataplat_internal.avro_fingerprint_hex(schema text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN encode(dataplat.avro_fingerprint(schema, 'CRC-64-AVRO'), 'hex');
EXCEPTION WHEN data_exception OR undefined_function THEN
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.avro_fingerprint_hex(text) IS 'CRC-64-AVRO of a schema, in 16 hex digits';
REVOKE ALL ON FUNCTION dataplat_internal.avro_fingerprint_hex(text) FROM PUBLIC;

-- By what a message names its schema by; exactly one argument is not NULL.
CREATE OR REPLACE FUNCTION dataplat_internal.own_schema(by_id int, by_guid uuid, by_fingerprint bigint,
    OUT schema_id int, OUT guid uuid, OUT schema_type text, OUT schema text, OUT ref_names text[], OUT ref_texts text[])
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_context text := '.';
    found_id      int := by_id;
BEGIN
    IF by_guid IS NOT NULL THEN
        SELECT c.context, c.id INTO found_context, found_id
          FROM dataplat.schema_content AS c
         WHERE c.guid = by_guid
         ORDER BY c.context <> '.', c.context, c.duplicate, c.id
         LIMIT 1;
    ELSIF by_fingerprint IS NOT NULL THEN
        SELECT c.context, c.id INTO found_context, found_id
          FROM dataplat.schema_content AS c
         WHERE c.schema_type = 'AVRO' AND c.refs = '[]'
           AND dataplat_internal.avro_fingerprint_hex(c.schema) = lpad(to_hex(by_fingerprint), 16, '0')
         ORDER BY c.context <> '.', c.context, c.duplicate, c.id
         LIMIT 1;
    END IF;
    RETURN QUERY SELECT s.* FROM dataplat_internal.schema_with_references(found_context, found_id) AS s;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.own_schema(int, uuid, bigint)
    IS 'a schema of this database''s registry by its id in the default context, its GUID, or its CRC-64-AVRO fingerprint';
REVOKE ALL ON FUNCTION dataplat_internal.own_schema(int, uuid, bigint) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.own_schema_latest(of_subject text,
    OUT schema_id int, OUT guid uuid, OUT schema_type text, OUT schema text, OUT ref_names text[], OUT ref_texts text[])
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT s.*
      FROM (SELECT v.context, v.id FROM dataplat.schema_version AS v
             WHERE v.subject = of_subject AND NOT v.deleted ORDER BY v.version DESC LIMIT 1) AS v
     CROSS JOIN LATERAL dataplat_internal.schema_with_references(v.context, v.id) AS s;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.own_schema_latest(text) IS 'the newest version of a subject of this database''s registry';
REVOKE ALL ON FUNCTION dataplat_internal.own_schema_latest(text) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- The same route as readers of messages take
-- ---------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION dataplat_internal.fetch_schema(registry text, by_id int, by_guid uuid DEFAULT NULL, by_subject text DEFAULT NULL,
    timeout_ms int DEFAULT 10000, OUT answer text, OUT schema_id int, OUT guid uuid, OUT schema_type text, OUT schema text, OUT problem text)
LANGUAGE c
CALLED ON NULL INPUT VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_fetch_schema';
COMMENT ON FUNCTION dataplat_internal.fetch_schema(text, int, uuid, text, int) IS
    'a schema by id, GUID or subject (its newest version), from this database''s registry (NULL) or an external one; answer is found, asked, unknown or unusable';
REVOKE ALL ON FUNCTION dataplat_internal.fetch_schema(text, int, uuid, text, int) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- What was read of external registries (src/registry/cache.c calls these)
-- ---------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION dataplat_internal.cached_schema(of_server text, of_key text,
    OUT schema_id int, OUT guid uuid, OUT schema_type text, OUT schema text, OUT ref_names text[], OUT ref_texts text[], OUT changed boolean)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- No registry can be asked for a fingerprint, but what is here can.
    IF of_key LIKE 'fingerprint %' THEN
        RETURN QUERY
        SELECT c.schema_id, c.guid, c.schema_type, c.schema, c.ref_names, c.ref_texts, c.changed_at IS NOT NULL
          FROM dataplat_internal.schema_cache AS c
         WHERE c.server = of_server AND c.schema_type = 'AVRO' AND c.ref_names = '{}'
           AND dataplat_internal.avro_fingerprint_hex(c.schema) = substr(of_key, 13)
         ORDER BY c.schema_id LIMIT 1;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT c.schema_id, c.guid, c.schema_type, c.schema, c.ref_names, c.ref_texts, c.changed_at IS NOT NULL
      FROM dataplat_internal.schema_cache AS c
     WHERE c.server = of_server AND c.schema_key = of_key;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.cached_schema(text, text) IS 'a schema of an external registry that was read before';
REVOKE ALL ON FUNCTION dataplat_internal.cached_schema(text, text) FROM PUBLIC;

-- Another text for a key that is there counts only when "replace" says so.
CREATE OR REPLACE FUNCTION dataplat_internal.cache_schema(of_server text, of_key text, of_id int, of_guid uuid, of_type text, of_schema text,
    of_ref_names text[], of_ref_texts text[], replace boolean)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    print bytea := sha256(convert_to(upper(of_type) || E'\n' || of_schema || E'\n' || array_to_string(of_ref_names || of_ref_texts, E'\n'), 'UTF8'));
BEGIN
    INSERT INTO dataplat_internal.schema_cache (server, schema_key, schema_id, guid, schema_type, schema, ref_names, ref_texts, fingerprint)
    VALUES (of_server, of_key, of_id, of_guid, upper(of_type), of_schema, of_ref_names, of_ref_texts, print)
        ON CONFLICT DO NOTHING;
    IF FOUND THEN
        DELETE FROM dataplat_internal.schema_cache_missing AS m WHERE m.server = of_server AND m.schema_key = of_key;
        RETURN 'new';
    END IF;
    UPDATE dataplat_internal.schema_cache AS c
       SET schema_id = of_id, guid = coalesce(of_guid, c.guid), schema_type = upper(of_type), schema = of_schema, ref_names = of_ref_names,
           ref_texts = of_ref_texts, fingerprint = print, checked_at = now(), changed_at = NULL, changed_schema = NULL
     WHERE c.server = of_server AND c.schema_key = of_key AND (replace OR c.fingerprint = print);
    IF FOUND THEN
        RETURN 'same';
    END IF;
    UPDATE dataplat_internal.schema_cache AS c
       SET changed_at = coalesce(c.changed_at, now()), changed_schema = of_schema
     WHERE c.server = of_server AND c.schema_key = of_key;
    RETURN 'changed';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.cache_schema(text, text, int, uuid, text, text, text[], text[], boolean)
    IS 'remember a schema of an external registry: new, same, or changed, which keeps the old one';
REVOKE ALL ON FUNCTION dataplat_internal.cache_schema(text, text, int, uuid, text, text, text[], text[], boolean) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.note_missing_schema(of_server text, of_key text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM dataplat_internal.schema_cache_missing AS m WHERE m.server = of_server AND m.asked_at < now() - interval '1 day';
    INSERT INTO dataplat_internal.schema_cache_missing AS m (server, schema_key)
    VALUES (of_server, of_key)
        ON CONFLICT ON CONSTRAINT schema_cache_missing_pkey DO UPDATE SET asked_at = now(), times = m.times + 1;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.note_missing_schema(text, text) IS 'remember that an external registry does not have a schema';
REVOKE ALL ON FUNCTION dataplat_internal.note_missing_schema(text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.note_registry_state(of_server text, is_reachable boolean, error text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO dataplat_internal.registry_state AS r (server, reachable, last_error, last_answer_at)
    VALUES (of_server, is_reachable, error, CASE WHEN is_reachable THEN now() END)
        ON CONFLICT ON CONSTRAINT registry_state_pkey DO UPDATE
       SET reachable = is_reachable,
           since = CASE WHEN r.reachable = is_reachable THEN r.since ELSE now() END,
           last_error = coalesce(error, r.last_error),
           last_answer_at = coalesce(excluded.last_answer_at, r.last_answer_at);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.note_registry_state(text, boolean, text) IS 'remember whether an external registry answers';
REVOKE ALL ON FUNCTION dataplat_internal.note_registry_state(text, boolean, text) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Looking after external registries
-- ---------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION dataplat_internal.registry_request(role_name name, server text, method text, path text, body jsonb DEFAULT NULL,
    OUT status int, OUT error_code int, OUT answer jsonb)
LANGUAGE c
CALLED ON NULL INPUT VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_registry_request';
COMMENT ON FUNCTION dataplat_internal.registry_request(name, text, text, text, jsonb) IS
    'one request to an external registry with the rights and the login of a role; an error when it does not answer';
REVOKE ALL ON FUNCTION dataplat_internal.registry_request(name, text, text, text, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.refresh_cached_schema(role_name name, server text, schema_key text, accept boolean)
RETURNS text
LANGUAGE c
STRICT VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_refresh_cached_schema';
COMMENT ON FUNCTION dataplat_internal.refresh_cached_schema(name, text, text, boolean) IS
    'ask an external registry again for a schema of the cache: same, changed, accepted, gone or failed';
REVOKE ALL ON FUNCTION dataplat_internal.refresh_cached_schema(name, text, text, boolean) FROM PUBLIC;

-- Fail unless it is a registry that the role may use.
CREATE OR REPLACE FUNCTION dataplat_internal.check_registry_server(role name, server_name text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF server_name IS NULL OR NOT EXISTS (SELECT FROM pg_foreign_server AS f JOIN pg_foreign_data_wrapper AS w ON w.oid = f.srvfdw
                                           WHERE f.srvname = server_name AND w.fdwname = 'dataplat_registry') THEN
        RAISE EXCEPTION 'registry server "%" does not exist', coalesce(server_name, '')
            USING ERRCODE = 'undefined_object',
                  HINT = coalesce((SELECT 'Declared: ' || string_agg(quote_ident(f.srvname), ', ' ORDER BY f.srvname) || '.'
                                     FROM pg_foreign_server AS f JOIN pg_foreign_data_wrapper AS w ON w.oid = f.srvfdw
                                    WHERE w.fdwname = 'dataplat_registry'),
                                  'CREATE SERVER name FOREIGN DATA WRAPPER dataplat_registry OPTIONS (url ''http://host:8081'');');
    END IF;
    IF NOT has_server_privilege(role, server_name, 'USAGE') THEN
        RAISE EXCEPTION 'permission denied for foreign server %', server_name
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('GRANT USAGE ON FOREIGN SERVER %I TO %I.', server_name, role);
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_registry_server(name, text) IS 'fail unless the role may use this registry';
REVOKE ALL ON FUNCTION dataplat_internal.check_registry_server(name, text) FROM PUBLIC;

-- SECURITY DEFINER: the tables are private; who may look is decided by SELECT
-- on the view that calls this.
CREATE OR REPLACE FUNCTION dataplat_internal.registry_rows(
    OUT server text, OUT reachable boolean, OUT since timestamptz, OUT last_error text, OUT last_answer_at timestamptz,
    OUT cached_schemas bigint, OUT missing_schemas bigint, OUT missing text[], OUT changed text[])
RETURNS SETOF record
LANGUAGE sql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT f.srvname::text, r.reachable, r.since, CASE WHEN NOT r.reachable THEN r.last_error END, r.last_answer_at,
           c.n, m.n, coalesce(m.keys, '{}'), coalesce(c.changed, '{}')
      FROM pg_foreign_server AS f
      JOIN pg_foreign_data_wrapper AS w ON w.oid = f.srvfdw AND w.fdwname = 'dataplat_registry'
      LEFT JOIN dataplat_internal.registry_state AS r ON r.server = f.srvname
     CROSS JOIN LATERAL (SELECT count(*) AS n, array_agg(x.schema_key ORDER BY x.schema_key) FILTER (WHERE x.changed_at IS NOT NULL) AS changed
                           FROM dataplat_internal.schema_cache AS x WHERE x.server = f.srvname) AS c
     CROSS JOIN LATERAL (SELECT count(*) AS n, (array_agg(x.schema_key ORDER BY x.asked_at DESC))[1:10] AS keys
                           FROM dataplat_internal.schema_cache_missing AS x WHERE x.server = f.srvname) AS m;
$$;
COMMENT ON FUNCTION dataplat_internal.registry_rows() IS 'what is known of each external registry';
REVOKE ALL ON FUNCTION dataplat_internal.registry_rows() FROM PUBLIC;

CREATE OR REPLACE VIEW dataplat.registry_status AS
SELECT r.server, r.reachable, r.since, r.last_error, r.last_answer_at, r.cached_schemas, r.missing_schemas, r.missing, r.changed
  FROM dataplat_internal.registry_rows() AS r
 ORDER BY r.server;
COMMENT ON VIEW dataplat.registry_status IS 'external schema registries, as the workers found them last; reachable is NULL as long as none has asked';
COMMENT ON COLUMN dataplat.registry_status.since IS 'when "reachable" became what it is';
COMMENT ON COLUMN dataplat.registry_status.last_error IS 'why it does not answer';
COMMENT ON COLUMN dataplat.registry_status.cached_schemas IS 'schemas that can be used while it does not answer';
COMMENT ON COLUMN dataplat.registry_status.missing_schemas IS 'how many ids messages named lately that it does not have';
COMMENT ON COLUMN dataplat.registry_status.missing IS 'the last ten of these';
COMMENT ON COLUMN dataplat.registry_status.changed IS 'ids that stood for another schema before; messages that name them wait, see refresh_registry_cache()';

CREATE OR REPLACE FUNCTION dataplat_internal.health_registries(
    OUT severity text, OUT object text, OUT problem text, OUT cause text, OUT action text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'warning', 'registry ' || r.server, 'not reachable', coalesce(r.last_error, 'unknown'),
           format('Messages with schemas that were seen are read on; see SELECT * FROM dataplat.test_connection(%L). Since %s.', r.server, r.since)
      FROM dataplat_internal.registry_rows() AS r
     WHERE NOT r.reachable
    UNION ALL
    SELECT 'error', 'registry ' || r.server, 'schema ids have changed',
           format('it has other schemas than before for %s; was it restored, or replaced?', array_to_string(r.changed, ', ')),
           format('Mend the registry, or take what it has now: SELECT * FROM dataplat.refresh_registry_cache(%L, accept_changes => true).', r.server)
      FROM dataplat_internal.registry_rows() AS r
     WHERE r.changed <> '{}'
    UNION ALL
    SELECT 'warning', 'registry ' || m.server, 'schemas are missing',
           format('messages name %s, which it does not have', string_agg(m.schema_key, ', ' ORDER BY m.schema_key)),
           'Is it the registry that the producers use? dataplat.dead_letter has the messages.'
      FROM dataplat_internal.schema_cache_missing AS m
      JOIN pg_foreign_server AS f ON f.srvname = m.server
     WHERE m.asked_at > now() - interval '10 minutes'
     GROUP BY m.server;
$$;
COMMENT ON FUNCTION dataplat_internal.health_registries() IS 'problems of external registries';
REVOKE ALL ON FUNCTION dataplat_internal.health_registries() FROM PUBLIC;
SELECT dataplat_internal.register_health_check('registries', 'dataplat_internal.health_registries');

CREATE OR REPLACE FUNCTION dataplat_internal.command_refresh_registry_cache(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    server_name text := a ->> 'server';
    rows        jsonb;
BEGIN
    PERFORM dataplat_internal.check_registry_server(caller, server_name);
    SELECT coalesce(jsonb_agg(jsonb_build_object('schema_key', x.schema_key, 'result', x.result)), '[]') INTO rows
      FROM (SELECT c.schema_key,
                   dataplat_internal.refresh_cached_schema(caller, server_name, c.schema_key, coalesce((a ->> 'accept_changes')::boolean, false)) AS result
              FROM dataplat_internal.schema_cache AS c
             WHERE c.server = server_name
             ORDER BY c.schema_id, c.schema_key) AS x;
    DELETE FROM dataplat_internal.schema_cache_missing AS m WHERE m.server = server_name;
    PERFORM dataplat_internal.note_registry_state(server_name, true, NULL);
    RETURN rows;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_refresh_registry_cache(name, jsonb) IS 'refresh_registry_cache as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_refresh_registry_cache(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.refresh_registry_cache(server text, accept_changes boolean DEFAULT false)
RETURNS TABLE (schema_key text, result text)
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT x ->> 'schema_key', x ->> 'result'
      FROM jsonb_array_elements(dataplat.command('refresh_registry_cache',
               jsonb_build_object('server', server, 'accept_changes', accept_changes))) AS x;
$$;
COMMENT ON FUNCTION dataplat.refresh_registry_cache(text, boolean) IS
    'compare all cached schemas of an external registry with what it has now: same, changed (the id is not used), accepted (the new one is), gone (the cached one stays) or failed. Needs USAGE on the server';
REVOKE ALL ON FUNCTION dataplat.refresh_registry_cache(text, boolean) FROM PUBLIC;
