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
        IF to_regprocedure('dataplat.avro_fingerprint(text, text)') IS NULL THEN
            RETURN;
        END IF;
        SELECT c.context, c.id INTO found_context, found_id
          FROM dataplat.schema_content AS c
         WHERE c.schema_type = 'AVRO' AND c.refs = '[]'
           AND dataplat.avro_fingerprint(c.schema, 'CRC-64-AVRO') = int8send(by_fingerprint)
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
