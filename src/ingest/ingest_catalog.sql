-- ingest: what the catalog is told of sources, their topics and their tables.

-- A standing worker knows nothing of the end of its topic, so only one that
-- works can say that everything is here.
CREATE OR REPLACE FUNCTION dataplat_internal.source_facts()
RETURNS SETOF dataplat_internal.dataset_fact
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH moved AS (
        SELECT o.source, max(o.updated_at) FILTER (WHERE o.rows > 0) AS loaded_at, max(o.updated_at) AS seen_at
          FROM dataplat_internal.source_offset AS o GROUP BY o.source
    ), behind AS (
        SELECT p.source, bool_and(p.lag = 0) AS all_here, bool_and(p.state IN ('running', 'idle', 'catching_up')) AS works, max(p.lag_seconds) AS seconds
          FROM dataplat_internal.source_partition_rows() AS p GROUP BY p.source
    ), told AS (
        SELECT s.*, m.loaded_at, m.seen_at,
               CASE WHEN b.works AND b.all_here THEN now() WHEN b.works THEN now() - make_interval(secs => b.seconds::float8) ELSE m.seen_at END AS current_at,
               ARRAY(SELECT DISTINCT t FROM (SELECT t FROM regexp_split_to_table(s.topic, ',') AS t WHERE s.topic NOT LIKE '/%'
                                             UNION SELECT o.topic FROM dataplat_internal.source_offset AS o WHERE o.source = s.name) AS x (t) ORDER BY 1) AS topics
          FROM dataplat.source AS s LEFT JOIN moved AS m ON m.source = s.name LEFT JOIN behind AS b ON b.source = s.name
    )
    SELECT (s.target, NULL, 'bronze', s.owner, NULL, 'source:' || s.name, s.loaded_at, s.current_at, NULL)::dataplat_internal.dataset_fact
      FROM told AS s
    UNION ALL
    SELECT ('source:' || s.name, 'source', NULL, s.owner, format('reads %s of server %s into %s', s.topic, s.server, s.target), NULL, s.loaded_at, s.current_at, NULL)::dataplat_internal.dataset_fact
      FROM told AS s
    UNION ALL
    SELECT DISTINCT ON (s.server, t) (format('kafka://%s/%s', s.server, t), 'topic', NULL, s.owner, NULL, NULL, NULL, NULL,
            (SELECT jsonb_agg(jsonb_build_object('name', c ->> 'field', 'type', c ->> 'type') ORDER BY i)
               FROM jsonb_array_elements(s.columns) WITH ORDINALITY AS e (c, i)))::dataplat_internal.dataset_fact
      FROM (SELECT * FROM told ORDER BY name) AS s CROSS JOIN LATERAL unnest(s.topics) AS t;
$$;
COMMENT ON FUNCTION dataplat_internal.source_facts() IS 'what the catalog is told of sources';
REVOKE ALL ON FUNCTION dataplat_internal.source_facts() FROM PUBLIC;

SELECT dataplat_internal.register_dataset_provider('source', 'dataplat_internal.source_facts');
