/*
 * registry: deleting versions and subjects.  Softly first: the number is not
 * given out again and the id still decodes messages.  Then, if that is wanted,
 * for good.
 */

-- Does a live schema refer to this version?
CREATE OR REPLACE FUNCTION dataplat_internal.referring_ids(subject text, version int)
RETURNS int[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(DISTINCT r.id ORDER BY r.id), '{}')
      FROM dataplat_internal.schema_reference AS r
     WHERE r.subject = referring_ids.subject AND r.version = referring_ids.version
       AND EXISTS (SELECT FROM dataplat.schema_version AS v WHERE v.context = r.context AND v.id = r.id AND NOT v.deleted);
$$;
COMMENT ON FUNCTION dataplat_internal.referring_ids(text, int) IS 'ids of schemas with live versions that refer to a version';

CREATE OR REPLACE FUNCTION dataplat_internal.forbid_referenced(subject text, version int)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ids int[] := dataplat_internal.referring_ids(subject, version);
BEGIN
    IF cardinality(ids) > 0 THEN
        PERFORM dataplat_internal.registry_fail(42206, format('version %s of subject "%s" is referred to by other schemas', version, subject),
            'Delete first what refers to it.', format('Schema ids: %s.', array_to_string(ids[1:20], ', ')));
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.forbid_referenced(text, int) IS 'an error (42206) when a live schema refers to a version';

CREATE OR REPLACE FUNCTION dataplat_internal.forbid_read_only(subject text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF dataplat_internal.mode_in_scope(subject) IN ('READONLY', 'READONLY_OVERRIDE') THEN
        PERFORM dataplat_internal.registry_fail(42205, format('subject "%s" is in read-only mode', subject));
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.forbid_read_only(text) IS 'an error (42205) when the mode of a subject allows no change';

-- Forget versions, and contents that nothing uses any more.
CREATE OR REPLACE FUNCTION dataplat_internal.erase_versions(subject text, versions int[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    WITH gone AS (
        DELETE FROM dataplat.schema_version AS v
         WHERE v.subject = erase_versions.subject AND v.version = ANY (versions)
        RETURNING v.context, v.id, v.version
    )
    DELETE FROM dataplat.schema_content AS c
     USING gone AS g
     WHERE c.context = g.context AND c.id = g.id
       AND NOT EXISTS (SELECT FROM dataplat.schema_version AS v
                        WHERE v.context = g.context AND v.id = g.id
                          AND NOT (v.subject = erase_versions.subject AND v.version = ANY (versions)));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.erase_versions(text, int[]) IS 'delete versions for good, with the contents that only they used';

CREATE OR REPLACE FUNCTION dataplat_internal.command_delete_schema_version(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q         text := dataplat_internal.follow_alias(dataplat_internal.check_subject(a ->> 'subject'));
    permanent boolean := coalesce((a ->> 'permanent')::boolean, false);
    v         dataplat.schema_version;
BEGIN
    PERFORM dataplat_internal.check_version(a ->> 'version');
    PERFORM dataplat_internal.lock_contexts(ARRAY[(SELECT p.context FROM dataplat_internal.subject_parts(q) AS p)]);
    v := dataplat_internal.require_version(q, a ->> 'version', true);
    IF v.deleted AND NOT permanent THEN
        PERFORM dataplat_internal.registry_fail(40406, format('version %s of subject "%s" was soft deleted', v.version, q),
            'Set permanent to delete it for good.');
    END IF;
    PERFORM dataplat_internal.forbid_read_only(q);
    PERFORM dataplat_internal.forbid_referenced(q, v.version);
    IF NOT permanent THEN
        UPDATE dataplat.schema_version AS x SET deleted = true, deleted_at = now(), deleted_by = caller
         WHERE x.subject = v.subject AND x.version = v.version;
    ELSIF NOT v.deleted THEN
        PERFORM dataplat_internal.registry_fail(40407, format('version %s of subject "%s" was not deleted first before being permanently deleted', v.version, q),
            'Delete it without permanent before.');
    ELSE
        PERFORM dataplat_internal.erase_versions(q, ARRAY[v.version]);
    END IF;
    RETURN to_jsonb(v.version);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_delete_schema_version(name, jsonb) IS 'delete_schema_version as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat_internal.command_delete_subject(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q         text := dataplat_internal.follow_alias(dataplat_internal.check_subject(a ->> 'subject'));
    permanent boolean := coalesce((a ->> 'permanent')::boolean, false);
    versions  int[];
BEGIN
    PERFORM dataplat_internal.lock_contexts(ARRAY[(SELECT p.context FROM dataplat_internal.subject_parts(q) AS p)]);
    PERFORM dataplat_internal.require_subject(q, true);
    SELECT coalesce(array_agg(v.version ORDER BY v.version), '{}') INTO versions
      FROM dataplat.schema_version AS v WHERE v.subject = q AND (permanent OR NOT v.deleted);
    IF NOT permanent AND cardinality(versions) = 0 THEN
        PERFORM dataplat_internal.registry_fail(40404, format('subject "%s" was soft deleted', q), 'Set permanent to delete it for good.');
    END IF;
    PERFORM dataplat_internal.forbid_read_only(q);
    PERFORM dataplat_internal.forbid_referenced(q, n) FROM unnest(versions) AS n;
    IF NOT permanent THEN
        UPDATE dataplat.schema_version AS v SET deleted = true, deleted_at = now(), deleted_by = caller
         WHERE v.subject = q AND v.version = ANY (versions);
    ELSIF EXISTS (SELECT FROM dataplat.schema_version AS v WHERE v.subject = q AND NOT v.deleted) THEN
        PERFORM dataplat_internal.registry_fail(40405, format('subject "%s" was not deleted first before being permanently deleted', q),
            'Delete it without permanent before.');
    ELSE
        PERFORM dataplat_internal.erase_versions(q, versions);
        DELETE FROM dataplat.registry_config AS c WHERE c.subject = q;
        DELETE FROM dataplat.registry_mode AS m WHERE m.subject = q;
    END IF;
    RETURN to_jsonb(versions);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_delete_subject(name, jsonb) IS 'delete_subject as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat.delete_schema_version(subject text, version text, permanent boolean DEFAULT false)
RETURNS int
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (dataplat.command('delete_schema_version', jsonb_build_object('subject', subject, 'version', coalesce(version, ''), 'permanent', coalesce(permanent, false))) #>> '{}')::int;
$$;
COMMENT ON FUNCTION dataplat.delete_schema_version(text, text, boolean) IS
    'delete a version (a number, or latest) of a subject and return its number: softly at first, and then, when it is soft deleted, for good with permanent';

CREATE OR REPLACE FUNCTION dataplat.delete_schema_version(subject text, version int, permanent boolean DEFAULT false)
RETURNS int
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.delete_schema_version(subject, version::text, permanent); $$;
COMMENT ON FUNCTION dataplat.delete_schema_version(text, int, boolean) IS 'delete a version of a subject by its number';

CREATE OR REPLACE FUNCTION dataplat.delete_subject(subject text, permanent boolean DEFAULT false)
RETURNS int[]
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(SELECT v::int FROM jsonb_array_elements_text(dataplat.command('delete_subject',
               jsonb_build_object('subject', subject, 'permanent', coalesce(permanent, false)))) AS v);
$$;
COMMENT ON FUNCTION dataplat.delete_subject(text, boolean) IS
    'delete all versions of a subject and return their numbers: softly at first, and then for good, with its configuration and mode, with permanent';
