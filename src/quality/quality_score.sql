/*
 * quality: how good the data is, in one number.
 *
 * score = 100 * sum(weight * passed) / sum(weight * evaluated) over the results
 * of a time.  NULL when nothing was evaluated.  An expectation that could not
 * be evaluated counts as one row that did not pass, so that a dataset with an
 * error has less than 100.
 */

-- What each result counts.
CREATE OR REPLACE VIEW dataplat_internal.quality_score_part AS
SELECT r.dataset, r.dimension, r.expectation_id, r.started_at, r.outcome = 'ERROR' AS is_error,
       r.weight * CASE r.outcome WHEN 'ERROR' THEN 0 ELSE r.passed END AS passed,
       r.weight * CASE r.outcome WHEN 'ERROR' THEN 1 ELSE r.evaluated END AS evaluated
  FROM dataplat.validation_result AS r
 WHERE r.outcome <> 'NOT_EVALUATED';
COMMENT ON VIEW dataplat_internal.quality_score_part IS 'results as they count in scores';

-- A dataset's name as results have it, whether the table is still there or not.
CREATE OR REPLACE FUNCTION dataplat_internal.quality_dataset(dataset text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found regclass := coalesce(to_regclass(dataset), CASE WHEN cardinality(parse_ident(dataset, false)) = 1 THEN to_regclass('public.' || dataset) END);
BEGIN
    RETURN CASE WHEN found IS NULL THEN dataset ELSE dataplat_internal.dataset_name(found) END;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.quality_dataset(text) IS 'a dataset''s name as results have it; unqualified names mean what public has';

-- SECURITY DEFINER: it reads private tables; who may ask is decided by
-- EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat.quality_score(dataset text DEFAULT NULL, time_window interval DEFAULT '7 days')
RETURNS TABLE (dataset_name text, dimension text, score float8, passed numeric, evaluated numeric, expectations bigint, errors bigint)
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF quality_score.time_window IS NULL OR quality_score.time_window <= interval '0' THEN
        RAISE EXCEPTION 'time_window must be longer than nothing' USING ERRCODE = 'invalid_parameter_value', HINT = 'Such as ''7 days''.';
    END IF;
    RETURN QUERY
        SELECT p.dataset, coalesce(p.dimension, ':all'), (100 * sum(p.passed) / NULLIF(sum(p.evaluated), 0))::float8,
               sum(p.passed), sum(p.evaluated), count(DISTINCT p.expectation_id), count(*) FILTER (WHERE p.is_error)
          FROM dataplat_internal.quality_score_part AS p
         WHERE p.started_at > pg_catalog.now() - quality_score.time_window
           AND (quality_score.dataset IS NULL OR p.dataset = dataplat_internal.quality_dataset(quality_score.dataset))
         GROUP BY p.dataset, ROLLUP (p.dimension)
         ORDER BY 1, p.dimension IS NOT NULL, 2;
END;
$$;
COMMENT ON FUNCTION dataplat.quality_score(text, interval) IS
    'share of the rows that passed, in percent, weighted, of a dataset or all of them, by dimension; ":all" is the whole dataset; NULL when nothing was evaluated';

-- Keep the scores of days that have ended, and of today so far.
CREATE OR REPLACE FUNCTION dataplat_internal.record_quality_scores(since date DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first   date := coalesce(since, (SELECT max(s.day) FROM dataplat.quality_score_day AS s), '-infinity');
    changed bigint;
BEGIN
    INSERT INTO dataplat.quality_score_day AS s (dataset, dimension, day, score, passed, evaluated, expectations, errors)
    SELECT p.dataset, coalesce(p.dimension, ':all'), p.day, (100 * sum(p.passed) / NULLIF(sum(p.evaluated), 0))::float8,
           sum(p.passed), sum(p.evaluated), count(DISTINCT p.expectation_id), count(*) FILTER (WHERE p.is_error)
      FROM (SELECT x.*, (x.started_at AT TIME ZONE 'UTC')::date AS day FROM dataplat_internal.quality_score_part AS x
             WHERE first = '-infinity' OR x.started_at >= first::timestamp AT TIME ZONE 'UTC') AS p
     GROUP BY p.dataset, p.day, ROLLUP (p.dimension)
        ON CONFLICT (dataset, day, dimension) DO UPDATE
       SET score = excluded.score, passed = excluded.passed, evaluated = excluded.evaluated, expectations = excluded.expectations, errors = excluded.errors
     WHERE (s.score, s.passed, s.evaluated, s.expectations, s.errors)
           IS DISTINCT FROM (excluded.score, excluded.passed, excluded.evaluated, excluded.expectations, excluded.errors);
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.record_quality_scores(date) IS 'compute dataplat.quality_score_day from a day on (NULL: from the last one there is); returns how many rows changed';

-- Forget old validations with their results, the oldest first; the newest result of an expectation stays.
CREATE OR REPLACE FUNCTION dataplat_internal.trim_validations(older_than interval, at_most int)
RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    WITH gone AS (
        DELETE FROM dataplat.validation AS v
         WHERE v.validation_id IN (
                   SELECT o.validation_id FROM dataplat.validation AS o
                    WHERE o.started_at < pg_catalog.now() - older_than
                      AND NOT EXISTS (
                          SELECT FROM dataplat.validation_result AS r JOIN dataplat.expectation AS e USING (expectation_id)
                           WHERE r.validation_id = o.validation_id
                             AND NOT EXISTS (SELECT FROM dataplat.validation_result AS n WHERE n.expectation_id = r.expectation_id AND n.validation_id > r.validation_id))
                    ORDER BY o.validation_id LIMIT at_most)
        RETURNING 1)
    SELECT count(*) FROM gone;
$$;
COMMENT ON FUNCTION dataplat_internal.trim_validations(interval, int) IS 'forget old validations with their results; the newest result of each expectation stays';
REVOKE ALL ON FUNCTION dataplat_internal.trim_validations(interval, int) FROM PUBLIC;
