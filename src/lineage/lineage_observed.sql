-- What tagged statements were seen to do.

/*
 * Called at the end of transactions with their notes: a row each, and the
 * edges in place of those that the job showed last time.  A job that another
 * transaction is telling of just now is left to that one.
 */
CREATE OR REPLACE FUNCTION dataplat_internal.record_observed(notes jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO'
AS $$
DECLARE
    jobs text[];
BEGIN
    INSERT INTO dataplat.observed_statement (run_id, job, command, target, statement, state, sqlstate, calls, rows, ms, username, application, at)
    SELECT (n ->> 'run_id')::uuid, n ->> 'job', n ->> 'command', n ->> 'target', n ->> 'statement', n ->> 'state', n ->> 'sqlstate',
           (n ->> 'calls')::bigint, (n ->> 'rows')::bigint, (n ->> 'ms')::double precision, COALESCE(n ->> 'username', ''),
           COALESCE(n ->> 'application', ''), (n ->> 'at')::timestamptz
      FROM jsonb_array_elements(notes) WITH ORDINALITY AS a (n, place)
     ORDER BY a.place;

    SELECT array_agg(j.job ORDER BY j.job) INTO jobs
      FROM (SELECT DISTINCT n ->> 'job' AS job
              FROM jsonb_array_elements(notes) AS n
             WHERE jsonb_array_length(n -> 'edges') > 0) AS j
     WHERE pg_try_advisory_xact_lock(hashtext('dataplat observed lineage'), hashtext(j.job));
    IF jobs IS NULL THEN
        RETURN;
    END IF;

    WITH told AS MATERIALIZED (
        SELECT n ->> 'job' AS job, e ->> 'output_node' AS output_node, e ->> 'output_column' AS output_column,
               e ->> 'input_node' AS input_node, e ->> 'input_column' AS input_column, e ->> 'type' AS type,
               e ->> 'subtype' AS subtype, bool_and((e ->> 'masking')::boolean) AS masking, max(n ->> 'run_id')::uuid AS run_id
          FROM jsonb_array_elements(notes) AS n,
               jsonb_array_elements(n -> 'edges') AS e
         WHERE n ->> 'job' = ANY (jobs)
         GROUP BY 1, 2, 3, 4, 5, 6, 7),
    standing AS MATERIALIZED (
        SELECT l.edge_id, t.job IS NOT NULL AS told, t.run_id AS told_run_id, t.job, t.output_node, t.output_column, t.input_node, t.input_column,
               t.type, t.subtype, t.masking
          FROM dataplat_internal.lineage_edge AS l
          LEFT JOIN told AS t
            ON (t.job, t.output_node, t.input_node, t.type, t.subtype, t.masking) = (l.job, l.output_node, l.input_node, l.type, l.subtype, l.masking)
           AND t.output_column IS NOT DISTINCT FROM l.output_column
           AND t.input_column IS NOT DISTINCT FROM l.input_column
         WHERE l.origin = 'observed' AND l.valid_to IS NULL
           AND (l.job, l.output_node) IN (SELECT o.job, o.output_node FROM told AS o)),
    -- Statements of one run add up; those of the run before are over.
    ended AS (
        UPDATE dataplat_internal.lineage_edge AS l
           SET valid_to = now()
          FROM standing AS s
         WHERE l.edge_id = s.edge_id AND NOT s.told
           AND (l.run_id IS NULL OR NOT EXISTS (SELECT FROM told AS o WHERE o.job = l.job AND o.run_id = l.run_id))),
    seen_again AS (
        UPDATE dataplat_internal.lineage_edge AS l
           SET run_id = s.told_run_id
          FROM standing AS s
         WHERE l.edge_id = s.edge_id AND s.told AND s.told_run_id IS DISTINCT FROM l.run_id)
    INSERT INTO dataplat_internal.lineage_edge (origin, job, output_node, output_column, input_node, input_column, type, subtype, masking, run_id)
    SELECT 'observed', t.job, t.output_node, t.output_column, t.input_node, t.input_column, t.type, t.subtype, t.masking, t.run_id
      FROM told AS t
     WHERE NOT EXISTS (SELECT FROM standing AS s
                        WHERE s.told
                          AND (s.job, s.output_node, s.input_node, s.type, s.subtype, s.masking) = (t.job, t.output_node, t.input_node, t.type, t.subtype, t.masking)
                          AND s.output_column IS NOT DISTINCT FROM t.output_column
                          AND s.input_column IS NOT DISTINCT FROM t.input_column);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.record_observed(jsonb) IS 'write what tagged statements were seen to do; called at the end of their transaction';
REVOKE ALL ON FUNCTION dataplat_internal.record_observed(jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.trim_observed(older_than interval, at_most int)
RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    WITH gone AS (
        DELETE FROM dataplat.observed_statement AS o
         WHERE o.statement_id IN (SELECT s.statement_id FROM dataplat.observed_statement AS s WHERE s.at < now() - older_than ORDER BY s.at LIMIT at_most)
        RETURNING 1)
    SELECT count(*) FROM gone;
$$;
COMMENT ON FUNCTION dataplat_internal.trim_observed(interval, int) IS 'forget old observed statements, the oldest first; their lineage stays';
REVOKE ALL ON FUNCTION dataplat_internal.trim_observed(interval, int) FROM PUBLIC;
