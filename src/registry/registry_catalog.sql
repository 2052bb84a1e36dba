-- registry: what the catalog is told of subjects.

CREATE OR REPLACE FUNCTION dataplat_internal.subject_facts()
RETURNS SETOF dataplat_internal.dataset_fact
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ('subject:' || v.subject, 'subject', NULL, v.first_by, format('%s, version %s', c.schema_type, v.version), NULL, v.registered_at, NULL, NULL)::dataplat_internal.dataset_fact
      FROM (SELECT DISTINCT ON (s.subject) s.*, first_value(s.registered_by) OVER (PARTITION BY s.subject ORDER BY s.version) AS first_by
              FROM dataplat.schema_version AS s WHERE NOT s.deleted ORDER BY s.subject, s.version DESC) AS v
      JOIN dataplat.schema_content AS c ON c.context = v.context AND c.id = v.id;
$$;
COMMENT ON FUNCTION dataplat_internal.subject_facts() IS 'what the catalog is told of subjects';
REVOKE ALL ON FUNCTION dataplat_internal.subject_facts() FROM PUBLIC;

SELECT dataplat_internal.register_dataset_provider('subject', 'dataplat_internal.subject_facts');
