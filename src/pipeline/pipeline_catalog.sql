-- pipeline: what the catalog is told of pipelines and their tables.

CREATE OR REPLACE FUNCTION dataplat_internal.pipeline_facts()
RETURNS SETOF dataplat_internal.dataset_fact
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH waiting AS (
        SELECT i.pipeline, bool_and(i.pending = 0) AS all_here, min(i.oldest) AS oldest FROM dataplat_internal.pipeline_input_rows() AS i GROUP BY i.pipeline
    ), told AS (
        SELECT p.*,
               CASE WHEN EXISTS (SELECT FROM dataplat_internal.pipeline_relation AS r WHERE r.pipeline = p.name AND r.role = 'bronze') THEN 'silver' ELSE 'gold' END AS layer,
               (SELECT max(l.finished_at)
                  FROM (SELECT r.* FROM dataplat.pipeline_run AS r WHERE r.pipeline = p.name ORDER BY r.run_id DESC LIMIT 1000) AS l
                 WHERE l.rows_inserted + l.rows_updated + l.rows_deleted > 0) AS loaded_at,
               CASE WHEN NOT s.filled THEN NULL WHEN w.all_here OR p.mode = 'view' THEN now() ELSE greatest(w.oldest, s.last_success_at) END AS current_at
          FROM dataplat.pipeline AS p
          LEFT JOIN dataplat_internal.pipeline_state AS s ON s.pipeline = p.name
          LEFT JOIN waiting AS w ON w.pipeline = p.name
    )
    SELECT (p.target, NULL, p.layer, p.owner, NULL, 'pipeline:' || p.name, p.loaded_at, p.current_at, NULL)::dataplat_internal.dataset_fact
      FROM told AS p
    UNION ALL
    SELECT ('pipeline:' || p.name, 'pipeline', NULL, p.owner,
            format('keeps %s (mode %s, schedule %s) from %s', p.target, p.mode, p.schedule,
                   (SELECT string_agg(r.relation, ', ' ORDER BY r.relation) FROM dataplat_internal.pipeline_relation AS r WHERE r.pipeline = p.name)),
            NULL, p.loaded_at, p.current_at, NULL)::dataplat_internal.dataset_fact
      FROM told AS p;
$$;
COMMENT ON FUNCTION dataplat_internal.pipeline_facts() IS 'what the catalog is told of pipelines';
REVOKE ALL ON FUNCTION dataplat_internal.pipeline_facts() FROM PUBLIC;

SELECT dataplat_internal.register_dataset_provider('pipeline', 'dataplat_internal.pipeline_facts');
