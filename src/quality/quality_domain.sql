/*
 * quality: how good the data of a part of the business is, and what describe()
 * says of a dataset's quality.
 */

-- SECURITY DEFINER: it reads private tables; who may ask is decided by EXECUTE
-- on this function.
CREATE OR REPLACE FUNCTION dataplat.domain_score(domain text DEFAULT NULL, time_window interval DEFAULT '7 days')
RETURNS TABLE (domain_name text, dimension text, score float8, passed numeric, evaluated numeric, datasets bigint, expectations bigint, errors bigint)
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF domain_score.time_window IS NULL OR domain_score.time_window <= interval '0' THEN
        RAISE EXCEPTION 'time_window must be longer than nothing' USING ERRCODE = 'invalid_parameter_value', HINT = 'Such as ''7 days''.';
    ELSIF domain_score.domain IS NOT NULL AND NOT EXISTS (SELECT FROM dataplat.domain AS d WHERE d.name = domain_score.domain) THEN
        RAISE EXCEPTION 'domain "%" does not exist', domain_score.domain USING ERRCODE = 'undefined_object', HINT = 'See dataplat.domain.';
    END IF;
    RETURN QUERY
        WITH RECURSIVE below (top, name) AS (
            SELECT d.name, d.name FROM dataplat.domain AS d WHERE domain_score.domain IS NULL OR d.name = domain_score.domain
            UNION
            SELECT b.top, d.name FROM below AS b JOIN dataplat.domain AS d ON d.parent = b.name
        )
        SELECT b.top, coalesce(p.dimension, ':all'), (100 * sum(p.passed) / NULLIF(sum(p.evaluated), 0))::float8, sum(p.passed), sum(p.evaluated),
               count(DISTINCT p.dataset), count(DISTINCT p.expectation_id), count(*) FILTER (WHERE p.is_error)
          FROM below AS b
          JOIN dataplat_internal.dataset_note AS n ON n.domain = b.name
          JOIN dataplat_internal.quality_score_part AS p ON p.dataset = n.object
         WHERE p.started_at > pg_catalog.now() - domain_score.time_window
         GROUP BY b.top, ROLLUP (p.dimension)
         ORDER BY 1, p.dimension IS NOT NULL, 2;
END;
$$;
COMMENT ON FUNCTION dataplat.domain_score(text, interval) IS
    'as quality_score(), of all datasets of a domain and of the domains below it; of each domain without one';
REVOKE ALL ON FUNCTION dataplat.domain_score(text, interval) FROM PUBLIC;

-- ------------------------------------------------------------------ describe

CREATE OR REPLACE FUNCTION dataplat_internal.describe_quality(object text)
RETURNS TABLE (label text, value text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    good float8 := (SELECT s.score FROM dataplat.quality_score(describe_quality.object, '7 days') AS s WHERE s.dimension = ':all');
BEGIN
    RETURN QUERY
        WITH last AS (
            SELECT e.name, e.expectation_id, r.outcome, r.evaluated, r.passed, dataplat_internal.error_without_contents(r.exception_info, r.result) AS error, r.started_at
              FROM dataplat.expectation AS e
              LEFT JOIN LATERAL (SELECT x.* FROM dataplat.validation_result AS x WHERE x.expectation_id = e.expectation_id ORDER BY x.validation_id DESC LIMIT 1) AS r ON true
             WHERE e.dataset = describe_quality.object AND e.enabled)
        SELECT v.label, v.value FROM (
            SELECT 1 AS place, 'Quality' AS label,
                   concat_ws('; ', CASE WHEN good IS NOT NULL THEN format('%s %% of what was judged in 7 days passed', floor(good * 10) / 10) END,
                       concat_ws(', ', format('rules: %s of %s passed', count(*) FILTER (WHERE l.outcome = 'PASSED'), count(*)),
                           NULLIF(count(*) FILTER (WHERE l.outcome = 'WARN'), 0) || ' warned', NULLIF(count(*) FILTER (WHERE l.outcome = 'FAILED'), 0) || ' failed',
                           NULLIF(count(*) FILTER (WHERE l.outcome = 'ERROR'), 0) || ' could not be judged', NULLIF(count(*) FILTER (WHERE l.outcome IS NULL), 0) || ' not judged yet'),
                       'last judged ' || to_char(max(l.started_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')) AS value
              FROM last AS l HAVING count(*) > 0
            UNION ALL
            SELECT 2, 'Not so good', string_agg(l.name || CASE WHEN l.outcome = 'ERROR' THEN ': ' || l.error
                       WHEN l.evaluated > 1 THEN format(': %s of %s rows', l.evaluated - l.passed, l.evaluated) ELSE '' END, E'\n' ORDER BY l.outcome, l.name)
              FROM last AS l WHERE l.outcome <> 'PASSED' HAVING count(*) > 0
            UNION ALL
            SELECT 3, 'Put aside', format('rows that wait in dataplat.quarantine: %s', count(*))
              FROM dataplat.quarantine AS q WHERE q.dataset = describe_quality.object AND q.state IN ('quarantined', 'repaired') HAVING count(*) > 0) AS v
         ORDER BY v.place;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.describe_quality(text) IS 'section of describe(): how good a dataset is';
REVOKE ALL ON FUNCTION dataplat_internal.describe_quality(text) FROM PUBLIC;
SELECT dataplat_internal.register_describe_section('quality', 50, 'dataplat_internal.describe_quality');
