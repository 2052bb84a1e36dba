-- ingest: what lineage is told of sources.

-- Topics that a source reads.  Of a regular expression, those that it has found.
CREATE OR REPLACE FUNCTION dataplat_internal.source_topics(s dataplat.source)
RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT btrim(t) FROM regexp_split_to_table(s.topic, ',') AS t WHERE s.topic NOT LIKE '/%'
    UNION
    SELECT o.topic FROM dataplat_internal.source_offset AS o WHERE o.source = s.name AND s.topic LIKE '/%';
$$;
COMMENT ON FUNCTION dataplat_internal.source_topics(dataplat.source) IS 'topics that a source reads';

-- Each column of the table that the source fills, except those that say how
-- dataplat stored the row.
CREATE OR REPLACE FUNCTION dataplat_internal.lineage_of_sources()
RETURNS SETOF dataplat_internal.lineage_fact
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'source:' || s.name, s.target, c.name, 'kafka://' || s.server || '/' || t.topic, NULL, 'DIRECT',
           CASE WHEN c.kind = 'field' THEN 'TRANSFORMATION' ELSE 'IDENTITY' END, false, c.note
      FROM dataplat.source AS s
     CROSS JOIN dataplat_internal.source_topics(s) AS t (topic)
     CROSS JOIN dataplat_internal.bronze_columns(dataplat_internal.is_several(s.topic), s.format, s.key_format, s.layout, s.columns, s.include) AS c
     WHERE c.name NOT IN ('_batch_id', '_ingested_at')
       AND (to_regclass(s.target) IS NULL OR EXISTS (
           SELECT FROM pg_attribute AS a WHERE a.attrelid = to_regclass(s.target) AND a.attname = c.name AND NOT a.attisdropped));
$$;
COMMENT ON FUNCTION dataplat_internal.lineage_of_sources() IS 'lineage provider: topics of sources';
SELECT dataplat_internal.register_lineage_provider('source', 'dataplat_internal.lineage_of_sources');

CREATE OR REPLACE TRIGGER source_lineage
    AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF name, server, topic, target, format, key_format, layout, columns, include ON dataplat.source
    FOR EACH STATEMENT EXECUTE FUNCTION dataplat_internal.lineage_definition_changed();

REVOKE ALL ON FUNCTION dataplat_internal.source_topics(dataplat.source) FROM PUBLIC;
REVOKE ALL ON FUNCTION dataplat_internal.lineage_of_sources() FROM PUBLIC;
