-- quality: how expectations fared over their last results.

-- SECURITY DEFINER: it reads results, of which not all columns are for
-- everybody who may look at the view.
CREATE OR REPLACE FUNCTION dataplat_internal.quality_trend_of(last_results int)
RETURNS TABLE (expectation_id bigint, dataset text, name text, kind text, dimension text, results bigint, pass_rate float8, slope float8,
               consecutive_failures bigint, first_failed_at timestamptz, last_success_at timestamptz, flapping bigint, last_outcome text, last_at timestamptz)
LANGUAGE sql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH numbered AS (
        SELECT r.*, row_number() OVER newest AS back, lag(r.outcome = 'PASSED') OVER newest AS later_passed,
               count(*) FILTER (WHERE r.outcome = 'PASSED') OVER newest AS passes_since
          FROM dataplat.validation_result AS r
         WHERE r.outcome <> 'NOT_EVALUATED'
        WINDOW newest AS (PARTITION BY r.expectation_id ORDER BY r.started_at DESC, r.validation_id DESC)
    )
    SELECT n.expectation_id, (array_agg(n.dataset ORDER BY n.back))[1], (array_agg(n.name ORDER BY n.back))[1], (array_agg(n.kind ORDER BY n.back))[1],
           (array_agg(n.dimension ORDER BY n.back))[1], count(*) FILTER (WHERE n.back <= last_results),
           avg((n.outcome = 'PASSED')::int) FILTER (WHERE n.back <= last_results)::float8,
           regr_slope(n.passed::float8 / NULLIF(n.evaluated, 0), -n.back) FILTER (WHERE n.back <= last_results),
           count(*) FILTER (WHERE n.passes_since = 0),
           min(n.started_at) FILTER (WHERE n.passes_since = 0),
           max(n.started_at) FILTER (WHERE n.outcome = 'PASSED'),
           count(*) FILTER (WHERE n.back <= last_results AND n.later_passed <> (n.outcome = 'PASSED')),
           (array_agg(n.outcome ORDER BY n.back))[1], max(n.started_at)
      FROM numbered AS n
     GROUP BY n.expectation_id;
$$;
COMMENT ON FUNCTION dataplat_internal.quality_trend_of(int) IS 'what dataplat.quality_trend shows, over so many results of each expectation';

CREATE OR REPLACE VIEW dataplat.quality_trend AS
SELECT * FROM dataplat_internal.quality_trend_of(30);
COMMENT ON VIEW dataplat.quality_trend IS 'how each expectation fared over its last 30 results; failures of severity warn and errors are no passes';
COMMENT ON COLUMN dataplat.quality_trend.pass_rate IS 'share of the results that are PASSED';
COMMENT ON COLUMN dataplat.quality_trend.slope IS 'change of the share of rows that pass, from result to result; negative: it gets worse';
COMMENT ON COLUMN dataplat.quality_trend.consecutive_failures IS 'results since the last that PASSED';
COMMENT ON COLUMN dataplat.quality_trend.first_failed_at IS 'first of the consecutive failures; NULL when the last result PASSED';
COMMENT ON COLUMN dataplat.quality_trend.flapping IS 'how often it changed between passing and not passing';
