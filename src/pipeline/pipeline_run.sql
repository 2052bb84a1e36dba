/* pipeline: what runs need of the ledger, and the way into the C code. */

-- Batches past a frontier, whole ones, the oldest first, until they hold max_rows rows.
CREATE OR REPLACE FUNCTION dataplat_internal.new_batches(relation oid, frontier jsonb, max_rows bigint)
RETURNS TABLE (batch_id bigint, leaf oid, first_block bigint, last_block bigint, rows bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH sources AS MATERIALIZED (
        SELECT s.name FROM dataplat.source AS s WHERE to_regclass(s.target) = relation
    ), fresh AS (
        SELECT b.batch_id, b.leaf, b.first_block, b.last_block, b.rows
          FROM dataplat.batch AS b
         WHERE frontier IS NOT NULL
           AND b.xid >= pg_snapshot_xmin((frontier ->> 'snapshot')::pg_snapshot)
           AND NOT pg_visible_in_snapshot(b.xid, (frontier ->> 'snapshot')::pg_snapshot)
           AND NOT (b.xid = coalesce((frontier ->> 'xid')::xid8, '0'::xid8) AND b.batch_id <= (frontier ->> 'batch')::bigint)
           AND b.source IN (SELECT name FROM sources)
           AND b.rows > 0
        UNION ALL
        SELECT b.batch_id, b.leaf, b.first_block, b.last_block, b.rows
          FROM jsonb_array_elements_text(frontier -> 'pending') AS p (id)
          JOIN dataplat.batch AS b ON b.batch_id = p.id::bigint
         WHERE b.rows > 0
        UNION ALL
        SELECT b.batch_id, b.leaf, b.first_block, b.last_block, b.rows
          FROM dataplat.batch AS b
         WHERE frontier IS NULL AND b.rows > 0 AND b.source IN (SELECT name FROM sources)
    ), whole AS (
        SELECT f.batch_id, to_regclass(f.leaf)::oid AS leaf, min(f.first_block) AS first_block, max(f.last_block) AS last_block,
               sum(f.rows)::bigint AS rows, bool_or(f.first_block IS NULL) AS anywhere, bool_or(f.leaf IS NULL) AS unknown, min(f.leaf) AS leaf_name
          FROM fresh AS f
         GROUP BY f.batch_id, f.leaf
    ), counted AS (
        SELECT w.*, sum(w.rows) OVER (ORDER BY w.batch_id RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE GROUP) AS before
          FROM whole AS w
    )
    SELECT c.batch_id, c.leaf, CASE WHEN NOT c.anywhere THEN c.first_block END, CASE WHEN NOT c.anywhere THEN c.last_block END, c.rows
      FROM counted AS c
     WHERE coalesce(c.before, 0) < coalesce(max_rows, 9223372036854775807)
       AND (c.unknown OR c.leaf IS NOT NULL)
     ORDER BY c.batch_id;
$$;
COMMENT ON FUNCTION dataplat_internal.new_batches(oid, jsonb, bigint) IS
    'batches of a bronze table that a frontier has not seen, up to a number of rows; a leaf that retention dropped is left out';
REVOKE ALL ON FUNCTION dataplat_internal.new_batches(oid, jsonb, bigint) FROM PUBLIC;

-- The frontier after a run that took these batches; with batches NULL all that is visible counts as taken.
CREATE OR REPLACE FUNCTION dataplat_internal.next_bronze_frontier(relation oid, frontier jsonb, taken bigint[])
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object(
               'snapshot', pg_current_snapshot()::text,
               'xid', pg_current_xact_id_if_assigned()::text,
               'batch', coalesce((SELECT max(b.batch_id) FROM dataplat.batch AS b WHERE b.xid = pg_current_xact_id_if_assigned()), 0),
               'pending', CASE WHEN taken IS NULL THEN '[]'::jsonb
                               ELSE coalesce((SELECT jsonb_agg(DISTINCT n.batch_id)
                                                FROM dataplat_internal.new_batches(relation, frontier, NULL) AS n
                                               WHERE NOT n.batch_id = ANY (taken)), '[]') END,
               'offsets', coalesce((SELECT jsonb_object_agg(o.source, o.topics)
                            FROM (SELECT p.source, jsonb_object_agg(p.topic, p.partitions) AS topics
                                    FROM (SELECT s.source, s.topic, jsonb_object_agg(s.partition, s.next_offset) AS partitions
                                            FROM dataplat_internal.source_offset AS s
                                            JOIN dataplat.source AS d ON d.name = s.source AND to_regclass(d.target) = relation
                                           GROUP BY s.source, s.topic) AS p
                                   GROUP BY p.source) AS o), '{}'));
$$;
COMMENT ON FUNCTION dataplat_internal.next_bronze_frontier(oid, jsonb, bigint[]) IS 'frontier of a bronze table after a run that took some batches';
REVOKE ALL ON FUNCTION dataplat_internal.next_bronze_frontier(oid, jsonb, bigint[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.analyze_pipeline(owner name, search_path text, query text, keys text[], mode text,
                                                              sequence_by text, delete_when text, lookups text[])
RETURNS jsonb
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_analyze_pipeline';
COMMENT ON FUNCTION dataplat_internal.analyze_pipeline(name, text, text, text[], text, text, text, text[]) IS
    'what a query reads and returns, and how it can be kept up to date';
REVOKE ALL ON FUNCTION dataplat_internal.analyze_pipeline(name, text, text, text[], text, text, text, text[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.run_pipeline(name text, kind text, commit boolean)
RETURNS dataplat.pipeline_run
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_run_pipeline';
COMMENT ON FUNCTION dataplat_internal.run_pipeline(text, text, boolean) IS 'one run of a pipeline in this transaction; kind live or full';
REVOKE ALL ON FUNCTION dataplat_internal.run_pipeline(text, text, boolean) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.verify_pipeline(name text, OUT missing bigint, OUT extra bigint, OUT different bigint)
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_verify_pipeline';
COMMENT ON FUNCTION dataplat_internal.verify_pipeline(text) IS 'compare the target of a pipeline with its query computed afresh';
REVOKE ALL ON FUNCTION dataplat_internal.verify_pipeline(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.explain_pipeline(name text, execute boolean)
RETURNS SETOF text
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_explain_pipeline';
COMMENT ON FUNCTION dataplat_internal.explain_pipeline(text, boolean) IS
    'how a pipeline is kept up to date, with the plans; execute runs the next delta and undoes it';
REVOKE ALL ON FUNCTION dataplat_internal.explain_pipeline(text, boolean) FROM PUBLIC;

-- Batches of a bronze table after one, up to another, that hold about max_rows
-- rows, as the frontier of a reader that has seen everything else.
CREATE OR REPLACE FUNCTION dataplat_internal.rebuild_batches(relation oid, after bigint, up_to bigint, max_rows bigint,
                                                             OUT frontier jsonb, OUT last bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH batches AS (
        SELECT b.batch_id, sum(b.rows) AS rows
          FROM dataplat.batch AS b
         WHERE b.source IN (SELECT s.name FROM dataplat.source AS s WHERE to_regclass(s.target) = relation)
           AND b.batch_id > after AND b.batch_id <= up_to AND b.rows > 0
         GROUP BY b.batch_id
    ), counted AS (
        SELECT n.batch_id, sum(n.rows) OVER (ORDER BY n.batch_id) - n.rows AS before FROM batches AS n
    )
    SELECT jsonb_build_object('snapshot', pg_current_snapshot()::text, 'pending', jsonb_agg(c.batch_id)), max(c.batch_id)
      FROM counted AS c
     WHERE c.before < max_rows;
$$;
COMMENT ON FUNCTION dataplat_internal.rebuild_batches(oid, bigint, bigint, bigint) IS 'the next batches of a rebuild';
REVOKE ALL ON FUNCTION dataplat_internal.rebuild_batches(oid, bigint, bigint, bigint) FROM PUBLIC;
