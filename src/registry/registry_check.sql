/*
 * registry: what dataplat.health says about it.
 */

-- Schemas whose references lead nowhere: their messages cannot be read.
CREATE OR REPLACE FUNCTION dataplat_internal.health_registry(
    OUT severity text, OUT object text, OUT problem text, OUT cause text, OUT action text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN bool_or(u.live) THEN 'error' ELSE 'warning' END,
           'schema ' || r.id || CASE WHEN r.context = '.' THEN '' ELSE ' of context ' || r.context END,
           'reference is missing',
           format('It refers to version %s of subject "%s" as "%s", which was deleted.', r.version, r.subject, r.name),
           'Register that schema again with this version (mode IMPORT), or delete what refers to it for good.'
      FROM dataplat_internal.schema_reference AS r
     CROSS JOIN LATERAL (SELECT coalesce(bool_or(NOT v.deleted), false) AS live FROM dataplat.schema_version AS v
                          WHERE v.context = r.context AND v.id = r.id) AS u
     WHERE NOT EXISTS (SELECT FROM dataplat.schema_version AS v WHERE v.subject = r.subject AND v.version = r.version)
     GROUP BY r.context, r.id, r.version, r.subject, r.name
    UNION ALL
    SELECT 'warning', 'context ' || x.context, 'schema ids run out', format('The next id is %s of 2147483647.', x.next_id),
           'Use another context for new subjects.'
      FROM dataplat_internal.schema_context AS x WHERE x.next_id > 2100000000;
$$;
COMMENT ON FUNCTION dataplat_internal.health_registry() IS 'health: do references of schemas lead somewhere, and are there ids left?';
SELECT dataplat_internal.register_health_check('registry', 'dataplat_internal.health_registry');
