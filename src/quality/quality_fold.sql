/*
 * quality: one validation an hour of the many that batches leave.
 *
 * A busy source commits some batches a second, and each has its results.  Those
 * of batches in which all was well are worth one a piece for a day and then
 * only their sums.
 */

-- Fold the validations of batches in which every rule passed into the newest
-- one of each hour, which is of no single batch any more.
CREATE OR REPLACE FUNCTION dataplat_internal.fold_validations(older_than interval, at_most int)
RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    WITH old AS MATERIALIZED (
        SELECT v.validation_id, v.dataset, v.object, date_trunc('hour', v.started_at, 'UTC') AS hour
          FROM dataplat.validation AS v
         WHERE v.trigger = 'ingest' AND v.batch_id IS NOT NULL AND v.success
           AND v.started_at < date_trunc('hour', now() - older_than, 'UTC')
           AND NOT EXISTS (SELECT FROM dataplat.validation_result AS r WHERE r.validation_id = v.validation_id AND r.outcome <> 'PASSED')
         ORDER BY v.validation_id LIMIT at_most
    ), folded AS MATERIALIZED (
        SELECT o.validation_id, max(o.validation_id) OVER (PARTITION BY o.dataset, o.object, o.hour) AS kept FROM old AS o
    ), sums AS MATERIALIZED (
        SELECT f.kept, r.expectation_id, max(r.validation_id) AS last, sum(r.evaluated)::bigint AS evaluated, sum(r.passed)::bigint AS passed,
               sum((r.result ->> 'element_count')::bigint)::bigint AS elements, sum((r.result ->> 'missing_count')::bigint)::bigint AS missing,
               sum((r.result ->> 'unexpected_count')::bigint)::bigint AS unexpected, min(r.started_at) AS started_at, max(r.finished_at) AS finished_at
          FROM folded AS f JOIN dataplat.validation_result AS r USING (validation_id)
         GROUP BY f.kept, r.expectation_id
    ), summed AS (
        INSERT INTO dataplat.validation_result AS x (validation_id, expectation_id, dataset, name, kind, dimension, severity, weight, success, outcome,
                                                     evaluated, passed, result, started_at, finished_at)
        SELECT s.kept, r.expectation_id, r.dataset, r.name, r.kind, r.dimension, r.severity, r.weight, r.success, r.outcome, s.evaluated, s.passed,
               dataplat_internal.result_of('SUMMARY', s.elements, s.missing, s.unexpected, '[]'), s.started_at, s.finished_at
          FROM sums AS s JOIN dataplat.validation_result AS r ON r.validation_id = s.last AND r.expectation_id = s.expectation_id
        ON CONFLICT (validation_id, expectation_id) DO UPDATE
           SET evaluated = excluded.evaluated, passed = excluded.passed, result = excluded.result, started_at = excluded.started_at, finished_at = excluded.finished_at
    ), loosened AS (
        UPDATE dataplat.validation AS v SET batch_id = NULL FROM folded AS f WHERE v.validation_id = f.kept AND f.validation_id = f.kept
    ), gone AS (
        DELETE FROM dataplat.validation AS v USING folded AS f WHERE v.validation_id = f.validation_id AND f.validation_id <> f.kept RETURNING 1
    )
    SELECT count(*) FROM gone;
$$;
COMMENT ON FUNCTION dataplat_internal.fold_validations(interval, int) IS 'make one validation an hour of those of old batches in which every rule passed; returns how many are gone';
REVOKE ALL ON FUNCTION dataplat_internal.fold_validations(interval, int) FROM PUBLIC;
