/*
 * pipeline: what rules over bronze tables ask before they take a delta for
 * all that changed.
 */

-- The leaves of a bronze table with what shows that one was written otherwise
-- than by batches.
CREATE OR REPLACE FUNCTION dataplat_internal.bronze_leaves(relation oid)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_object_agg(t.relid::oid::text,
               jsonb_build_array(pg_relation_filenode(t.relid), pg_stat_get_tuples_deleted(t.relid) + pg_stat_get_tuples_updated(t.relid))), '{}')
      FROM pg_partition_tree(relation::regclass) AS t
     WHERE t.isleaf
    HAVING count(*) > 0
    UNION ALL
    SELECT jsonb_build_object(relation::text, jsonb_build_array(pg_relation_filenode(relation::regclass),
               pg_stat_get_tuples_deleted(relation) + pg_stat_get_tuples_updated(relation)))
     WHERE NOT EXISTS (SELECT FROM pg_partition_tree(relation::regclass) AS t WHERE t.isleaf)
    LIMIT 1;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.bronze_leaves(oid) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.bronze_leaves(oid) IS 'leaves of a bronze table: {"oid": [file, rows ever deleted or updated]}';

CREATE OR REPLACE FUNCTION dataplat_internal.bronze_rule_frontier(relation oid, ledger jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('ledger', ledger, 'leaves', dataplat_internal.bronze_leaves(relation), 'at', transaction_timestamp());
$$;
REVOKE ALL ON FUNCTION dataplat_internal.bronze_rule_frontier(oid, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.bronze_rule_frontier(oid, jsonb) IS 'how far the rules over a bronze table have seen it';

-- Why the batches since the frontier do not tell all that changed.
CREATE OR REPLACE FUNCTION dataplat_internal.bronze_rule_obstacle(relation oid, frontier jsonb)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept interval := coalesce(current_setting('dataplat.ledger_retention', true)::interval, interval '30 days');
    now_ jsonb := dataplat_internal.bronze_leaves(relation);
BEGIN
    IF (frontier ->> 'at')::timestamptz < transaction_timestamp() - kept THEN
        RETURN 'the ledger does not go back so far';
    END IF;
    RETURN (SELECT CASE WHEN now_ -> l.key IS NULL THEN 'a partition was dropped or detached'
                        WHEN now_ -> l.key -> 0 IS DISTINCT FROM l.value -> 0 THEN 'a partition was truncated or rewritten'
                        ELSE 'rows were updated or deleted' END
              FROM jsonb_each(frontier -> 'leaves') AS l
             WHERE now_ -> l.key IS DISTINCT FROM l.value
             ORDER BY 1
             LIMIT 1);
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.bronze_rule_obstacle(oid, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.bronze_rule_obstacle(oid, jsonb) IS 'why the ledger does not tell all that changed since a frontier; NULL: it does';

-- Runs that wrote a dataset, for suites with the schedule on_data.
CREATE OR REPLACE FUNCTION dataplat_internal.last_run_of(dataset text, OUT mark text, OUT object text, OUT run_id bigint, OUT batch_id bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.run_id::text, r.pipeline, r.run_id, NULL::bigint
      FROM dataplat.pipeline AS p
     CROSS JOIN LATERAL (SELECT x.run_id, x.pipeline FROM dataplat.pipeline_run AS x
                          WHERE x.pipeline = p.name AND x.state = 'succeeded' AND x.rows_inserted + x.rows_updated + x.rows_deleted > 0
                          ORDER BY x.run_id DESC LIMIT 1) AS r
     WHERE p.target = dataset
     ORDER BY r.run_id DESC LIMIT 1;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.last_run_of(text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.last_run_of(text) IS 'the last run of a pipeline that wrote a dataset';
SELECT dataplat_internal.register_write_teller('pipeline', 'dataplat_internal.last_run_of');

CREATE OR REPLACE FUNCTION dataplat_internal.last_batch_of(dataset text, OUT mark text, OUT object text, OUT run_id bigint, OUT batch_id bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT b.batch_id::text, b.source, NULL::bigint, b.batch_id
      FROM dataplat.batch AS b
     WHERE b.rows > 0 AND b.source IN (SELECT s.name FROM dataplat.source AS s WHERE s.target = dataset)
     ORDER BY b.batch_id DESC LIMIT 1;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.last_batch_of(text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.last_batch_of(text) IS 'the last batch that wrote a bronze table';
SELECT dataplat_internal.register_write_teller('ingest', 'dataplat_internal.last_batch_of');
