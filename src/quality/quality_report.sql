/*
 * quality: what is known of a dataset's quality on one page, for people who do
 * not write SQL.  The page is one file without scripts or anything from elsewhere.
 */

-- Shares (0 to 100, oldest first) as a small line.
CREATE OR REPLACE FUNCTION dataplat_internal.quality_sparkline(shares float8[])
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN cardinality(shares) < 2 THEN '' ELSE
        format('<svg width="120" height="24" viewBox="0 0 120 24" role="img" aria-label="from %s to %s percent"><polyline fill="none" stroke="#4a6fa5" stroke-width="1.5" points="%s"/></svg>',
               round(shares[1]::numeric, 1), round(shares[cardinality(shares)]::numeric, 1),
               (SELECT string_agg(format('%s,%s', round((2 + 116.0 * (s.place - 1) / (cardinality(shares) - 1))::numeric, 1), round((22 - 20 * coalesce(s.share, 0) / 100)::numeric, 1)), ' ' ORDER BY s.place)
                  FROM unnest(shares) WITH ORDINALITY AS s (share, place))) END;
$$;
COMMENT ON FUNCTION dataplat_internal.quality_sparkline(float8[]) IS 'shares in percent, the oldest first, as a small line in SVG';

-- A kind and its arguments in words.
CREATE OR REPLACE FUNCTION dataplat_internal.quality_in_words(kind text, kwargs jsonb, mostly numeric)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT replace(regexp_replace($1, '^expect_', ''), '_', ' ')
           || coalesce(' (' || (SELECT string_agg(format('%s: %s', replace(a.key, '_', ' '), left(a.value, 80)), '; ' ORDER BY a.key <> 'column', a.key)
                                  FROM jsonb_each_text($2) AS a WHERE a.value IS NOT NULL) || ')', '')
           || coalesce(', for at least ' || trim_scale($3 * 100) || ' % of the rows', '');
$$;
COMMENT ON FUNCTION dataplat_internal.quality_in_words(text, jsonb, numeric) IS 'an expectation as a person reads it';

CREATE OR REPLACE FUNCTION dataplat_internal.quality_report_rules(dataset text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH rule AS (
        SELECT e.name, e.kind, e.kwargs, e.mostly, e.action, e.enabled, k.dimension, t.*
          FROM dataplat.expectation AS e
          LEFT JOIN dataplat_internal.expectation_kind AS k USING (kind)
          LEFT JOIN LATERAL (
              SELECT r.outcome, r.started_at, r.evaluated, r.passed, r.result, r.exception_info
                FROM dataplat.validation_result AS r WHERE r.expectation_id = e.expectation_id ORDER BY r.validation_id DESC LIMIT 1) AS t ON true
          WHERE e.dataset = quality_report_rules.dataset
    )
    SELECT coalesce('<table><thead><tr><th>Result</th><th>Rule</th><th>Found</th><th>Last looked at</th><th>Trend</th></tr></thead><tbody>'
        || string_agg(format('<tr class="%s"><td>%s</td><td><b>%s</b><br>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>',
               lower(coalesce(r.outcome, 'none')),
               CASE r.outcome WHEN 'PASSED' THEN 'passed' WHEN 'FAILED' THEN 'failed' WHEN 'WARN' THEN 'warning' WHEN 'ERROR' THEN 'could not be checked' ELSE 'not checked yet' END,
               dataplat_internal.html_text(r.name), dataplat_internal.html_text(dataplat_internal.quality_in_words(r.kind, r.kwargs, r.mostly)),
               dataplat_internal.html_text(CASE WHEN r.outcome = 'ERROR' THEN r.exception_info ->> 'exception_message'
                                           WHEN r.result ? 'unexpected_count' AND r.evaluated IS NOT NULL THEN format('%s of %s rows are not as expected', r.result ->> 'unexpected_count', r.evaluated)
                                           WHEN r.result ? 'observed_value' THEN left(r.result ->> 'observed_value', 200) END),
               coalesce(to_char(r.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), ''),
               dataplat_internal.quality_sparkline(ARRAY(
                   SELECT CASE WHEN h.evaluated > 0 THEN 100.0 * h.passed / h.evaluated WHEN h.success THEN 100 ELSE 0 END
                     FROM (SELECT x.evaluated, x.passed, x.success, x.validation_id FROM dataplat.validation_result AS x
                             JOIN dataplat.expectation AS xe ON xe.expectation_id = x.expectation_id
                            WHERE xe.dataset = quality_report_rules.dataset AND xe.name = r.name
                            ORDER BY x.validation_id DESC LIMIT 30) AS h
                    ORDER BY h.validation_id))),
               '' ORDER BY array_position(ARRAY['FAILED', 'ERROR', 'WARN'], r.outcome) NULLS LAST, r.name)
        || '</tbody></table>', '<p>No rules are declared for this dataset.</p>')
      FROM rule AS r;
$$;
COMMENT ON FUNCTION dataplat_internal.quality_report_rules(text) IS 'the rules of a dataset and how they stand, as HTML';

CREATE OR REPLACE FUNCTION dataplat_internal.quality_report_scores(dataset text, time_window interval)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce('<div class="scores">' || string_agg(format('<div class="score"><span class="number">%s</span><span>%s</span><span class="small">%s rules%s</span></div>',
               coalesce(floor(s.score * 10) / 10 || ' %', 'n/a'), dataplat_internal.html_text(CASE s.dimension WHEN ':all' THEN 'overall' ELSE s.dimension END), s.expectations,
               CASE WHEN s.errors > 0 THEN format(', %s could not be checked', s.errors) ELSE '' END), '' ORDER BY s.dimension <> ':all', s.dimension) || '</div>', '<p>Nothing was checked in this time.</p>')
      FROM dataplat.quality_score(quality_report_scores.dataset, quality_report_scores.time_window) AS s;
$$;
COMMENT ON FUNCTION dataplat_internal.quality_report_scores(text, interval) IS 'the scores of a dataset as HTML; rounded down, so that 100 is 100';

CREATE OR REPLACE FUNCTION dataplat_internal.quality_report_quarantine(dataset text, time_window interval)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN count(*) = 0 THEN '<p>No rows were put aside in this time.</p>' ELSE
        format('<p>%s rows were put aside in this time; %s wait for somebody.</p><ul>', count(*), count(*) FILTER (WHERE q.state IN ('quarantined', 'repaired')))
        || (SELECT string_agg(format('<li>%s: %s rows</li>', dataplat_internal.html_text(c.reason), c.n), '' ORDER BY c.n DESC, c.reason)
              FROM (SELECT r.reason, count(*) AS n FROM dataplat.quarantine AS x CROSS JOIN LATERAL unnest(x.reasons) AS r (reason)
                     WHERE x.dataset = quality_report_quarantine.dataset AND x.quarantined_at > pg_catalog.now() - quality_report_quarantine.time_window GROUP BY 1 ORDER BY 2 DESC LIMIT 20) AS c)
        || '</ul>' END
      FROM dataplat.quarantine AS q
     WHERE q.dataset = quality_report_quarantine.dataset AND q.quarantined_at > pg_catalog.now() - quality_report_quarantine.time_window;
$$;
COMMENT ON FUNCTION dataplat_internal.quality_report_quarantine(text, interval) IS 'how many rows of a dataset were put aside and why, as HTML; no contents of rows';

CREATE OR REPLACE FUNCTION dataplat_internal.quality_report_columns(dataset text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce('<table><thead><tr><th>Column</th><th>Type</th><th>Filled</th><th>Distinct values</th><th>Smallest</th><th>Largest</th><th>Mean</th></tr></thead><tbody>'
        || string_agg(format('<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>', dataplat_internal.html_text(p.column_name), dataplat_internal.html_text(p.data_type),
               dataplat_internal.html_text(round(((p.profile ->> 'completeness')::float8 * 100)::numeric, 2) || ' %'),
               dataplat_internal.html_text(coalesce(p.profile ->> 'approximate_num_distinct_values', p.profile ->> 'approximateNumDistinctValues')),
               dataplat_internal.html_text(left(coalesce(p.profile ->> 'min', p.profile ->> 'minimum'), 60)), dataplat_internal.html_text(left(coalesce(p.profile ->> 'max', p.profile ->> 'maximum'), 60)),
               dataplat_internal.html_text(left(p.profile ->> 'mean', 20))), '' ORDER BY p.column_name)
        || '</tbody></table><p class="small">As of ' || to_char(max(p.profiled_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"') || '.</p>', '<p>No profile was made yet.</p>')
      FROM dataplat.column_profile AS p
     WHERE p.dataset = quality_report_columns.dataset
       AND p.profile_id = (SELECT max(x.profile_id) FROM dataplat.column_profile AS x WHERE x.dataset = quality_report_columns.dataset);
$$;
COMMENT ON FUNCTION dataplat_internal.quality_report_columns(text) IS 'the last profile of a dataset as HTML';

-- SECURITY DEFINER: as quality_score().
CREATE OR REPLACE FUNCTION dataplat.quality_report(dataset text, time_window interval DEFAULT '7 days')
RETURNS text
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known text := dataplat_internal.quality_dataset(quality_report.dataset);
    title text := dataplat_internal.html_text(known);
BEGIN
    IF to_regclass(known) IS NULL
       AND NOT EXISTS (SELECT FROM dataplat.expectation AS e WHERE e.dataset = known) AND NOT EXISTS (SELECT FROM dataplat.validation AS v WHERE v.dataset = known) THEN
        RAISE EXCEPTION 'dataset "%" does not exist', quality_report.dataset
            USING ERRCODE = 'undefined_table', HINT = 'See dataplat.expectation for the datasets that have expectations.';
    END IF;
    RETURN format($html$<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Quality of %1$s</title><style>
body { font: 15px/1.45 system-ui, sans-serif; color: #222; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%%; } th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #ddd; }
.passed td:first-child { color: #2e7d32; } .failed td:first-child { color: #c62828; font-weight: bold; } .warn td:first-child { color: #b26a00; } .error td:first-child { color: #6a1b9a; }
.scores { display: flex; flex-wrap: wrap; gap: 1rem; } .score { border: 1px solid #ddd; border-radius: 6px; padding: .6rem 1rem; display: flex; flex-direction: column; }
.number { font-size: 1.6rem; } .small { color: #666; font-size: .85rem; }
</style></head><body>
<h1>Quality of %1$s</h1>
<p class="small">Made %2$s; scores and rows put aside of the last %3$s.</p>
<h2>Scores</h2>
%4$s
<h2>Rules</h2>
%5$s
<h2>Rows put aside</h2>
%6$s
<h2>Columns</h2>
%7$s
</body></html>
$html$, title, to_char(pg_catalog.now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), dataplat_internal.html_text(time_window::text),
        dataplat_internal.quality_report_scores(quality_report.dataset, quality_report.time_window), dataplat_internal.quality_report_rules(known),
        dataplat_internal.quality_report_quarantine(known, quality_report.time_window), dataplat_internal.quality_report_columns(known));
END;
$$;
COMMENT ON FUNCTION dataplat.quality_report(text, interval) IS 'a page in HTML about the quality of a dataset: scores, rules and how they stand, rows put aside, columns; holds extremes of columns, no rows';
