/*
 * registry: looking at what is registered.
 */

-- ------------------------------------------------------------------ relations

CREATE OR REPLACE VIEW dataplat.registered_schema AS
SELECT v.subject, v.version, v.id, c.guid, c.schema_type, c.schema, c.refs, c.metadata, c.rule_set, v.deleted, v.context,
       v.registered_at, v.registered_by, v.deleted_at, v.deleted_by
  FROM dataplat.schema_version AS v
  JOIN dataplat.schema_content AS c ON c.context = v.context AND c.id = v.id;
COMMENT ON VIEW dataplat.registered_schema IS 'versions of subjects with their schemas';

CREATE OR REPLACE VIEW dataplat.schema_subject AS
SELECT s.subject, s.context, s.versions, s.deleted_versions, s.latest_version, l.id AS latest_id, c.schema_type,
       COALESCE((SELECT g.compatibility_level FROM dataplat.registry_config AS g WHERE g.subject = s.subject),
                (SELECT g.compatibility_level FROM dataplat.registry_config AS g WHERE g.subject = ':' || s.context || ':'),
                (SELECT g.compatibility_level FROM dataplat.registry_config AS g WHERE g.subject = ':.__GLOBAL:'), 'BACKWARD') AS compatibility_level,
       COALESCE((SELECT m.mode FROM dataplat.registry_mode AS m WHERE m.subject = s.subject),
                (SELECT m.mode FROM dataplat.registry_mode AS m WHERE m.subject = ':' || s.context || ':'),
                (SELECT m.mode FROM dataplat.registry_mode AS m WHERE m.subject = ':.__GLOBAL:'), 'READWRITE') AS mode,
       s.changed_at
  FROM (SELECT v.subject, v.context, pg_catalog.count(*) FILTER (WHERE NOT v.deleted) AS versions, pg_catalog.count(*) FILTER (WHERE v.deleted) AS deleted_versions,
               pg_catalog.max(v.version) FILTER (WHERE NOT v.deleted) AS latest_version,
               pg_catalog.max(GREATEST(v.registered_at, v.deleted_at)) AS changed_at
          FROM dataplat.schema_version AS v GROUP BY v.subject, v.context) AS s
  LEFT JOIN dataplat.schema_version AS l ON l.subject = s.subject AND l.version = s.latest_version
  LEFT JOIN dataplat.schema_content AS c ON c.context = l.context AND c.id = l.id;
COMMENT ON VIEW dataplat.schema_subject IS 'subjects of the registry, with the level and the mode that count for them';
COMMENT ON COLUMN dataplat.schema_subject.latest_version IS 'NULL when all versions are soft deleted';

-- ------------------------------------------------------------------ what must be there

CREATE OR REPLACE FUNCTION dataplat_internal.require_subject(subject text, with_deleted boolean)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM dataplat.schema_version AS v WHERE v.subject = require_subject.subject AND (with_deleted OR NOT v.deleted)) THEN
        PERFORM dataplat_internal.registry_fail(40401, format('subject "%s" not found', subject));
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.require_subject(text, boolean) IS 'an error (40401) when a subject has no version';

-- The version as written (a number, latest, -1); 40401, 40402 or 42202.
CREATE OR REPLACE FUNCTION dataplat_internal.require_version(subject text, written text, with_deleted boolean)
RETURNS dataplat.schema_version
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number int := dataplat_internal.check_version(written);
    hit    dataplat.schema_version;
BEGIN
    SELECT * INTO hit FROM dataplat.schema_version AS v
     WHERE v.subject = require_version.subject
       AND CASE WHEN number IS NULL THEN NOT v.deleted ELSE v.version = number AND (with_deleted OR NOT v.deleted) END
     ORDER BY v.version DESC LIMIT 1;
    IF NOT FOUND THEN
        PERFORM dataplat_internal.require_subject(subject, with_deleted);
        PERFORM dataplat_internal.registry_fail(40402, format('version %s of subject "%s" not found', coalesce(number::text, 'latest'), subject));
    END IF;
    RETURN hit;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.require_version(text, text, boolean) IS 'a version of a subject; an error when it is not there';

-- Ids belong to a context.  "hint" may name a context (:.ctx:), or a subject: one without
-- a context is looked for in the default one, then in all others.
CREATE OR REPLACE FUNCTION dataplat_internal.content_by_id(id int, hint text)
RETURNS SETOF dataplat.schema_content
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT c.*
      FROM dataplat_internal.subject_parts(hint) AS p, dataplat.schema_content AS c
     WHERE c.id = content_by_id.id
       AND (c.context = p.context
            OR (p.context = '.' AND p.name <> ''
                AND EXISTS (SELECT FROM dataplat.schema_version AS v
                             WHERE v.context = c.context AND v.id = c.id AND v.subject = ':' || c.context || ':' || p.name)))
     ORDER BY (p.name <> '' AND EXISTS (SELECT FROM dataplat.schema_version AS v WHERE v.context = c.context AND v.id = c.id
                                          AND v.subject IN (p.qualified, ':' || c.context || ':' || p.name))) DESC,
              c.context = p.context DESC, c.context
     LIMIT 1;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.content_by_id(int, text) IS 'the schema of an id in the context that a hint names';

-- ------------------------------------------------------------------ what users call

-- SECURITY DEFINER: schemas are not for everybody; who may ask is decided by
-- EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat.schema_by_id(INOUT id int, context text DEFAULT '.', OUT guid uuid, OUT schema_type text, OUT schema text,
    OUT refs jsonb, OUT metadata jsonb, OUT rule_set jsonb)
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    SELECT c.guid, c.schema_type, c.schema, c.refs, c.metadata, c.rule_set INTO guid, schema_type, schema, refs, metadata, rule_set
      FROM dataplat.schema_content AS c WHERE c.context = schema_by_id.context AND c.id = schema_by_id.id;
    IF NOT FOUND THEN
        PERFORM dataplat_internal.registry_fail(40403, format('schema %s not found', schema_by_id.id));
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat.schema_by_id(int, text) IS 'the schema that an id stands for, also when all versions that use it are soft deleted';

-- SECURITY DEFINER: schemas are not for everybody; who may ask is decided by
-- EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat.schema_by_guid(INOUT guid uuid, OUT id int, OUT context text, OUT schema_type text, OUT schema text,
    OUT refs jsonb, OUT metadata jsonb, OUT rule_set jsonb)
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    SELECT c.id, c.context, c.schema_type, c.schema, c.refs, c.metadata, c.rule_set INTO id, context, schema_type, schema, refs, metadata, rule_set
      FROM dataplat.schema_content AS c WHERE c.guid = schema_by_guid.guid ORDER BY c.context, c.duplicate, c.id LIMIT 1;
    IF NOT FOUND THEN
        PERFORM dataplat_internal.registry_fail(40403, format('schema %s not found', schema_by_guid.guid));
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat.schema_by_guid(uuid) IS 'the schema of a GUID, in the default context if it is there';

-- SECURITY DEFINER: schemas are not for everybody; who may ask is decided by
-- EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat.schema_versions(subject text, deleted boolean DEFAULT false)
RETURNS SETOF int
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q text := dataplat_internal.follow_alias(dataplat_internal.check_subject(subject));
BEGIN
    PERFORM dataplat_internal.require_subject(q, coalesce(deleted, false));
    RETURN QUERY SELECT v.version FROM dataplat.schema_version AS v
                  WHERE v.subject = q AND (NOT v.deleted OR schema_versions.deleted) ORDER BY v.version;
END;
$$;
COMMENT ON FUNCTION dataplat.schema_versions(text, boolean) IS 'version numbers of a subject; deleted: soft-deleted ones, too. dataplat.registered_schema has everything about them';

-- SECURITY DEFINER: names of subjects are not for everybody; who may ask is
-- decided by EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat.schema_subjects(prefix text DEFAULT NULL, deleted boolean DEFAULT false)
RETURNS SETOF text
LANGUAGE sql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.subject FROM dataplat_internal.subjects_with_prefix(prefix) AS s
     WHERE coalesce(schema_subjects.deleted, false) OR NOT s.all_deleted ORDER BY s.subject COLLATE "C";
$$;
COMMENT ON FUNCTION dataplat.schema_subjects(text, boolean) IS
    'names of subjects that begin with a prefix; NULL or :*: means all contexts, :.ctx: one of them; deleted: those that are soft deleted, too';
