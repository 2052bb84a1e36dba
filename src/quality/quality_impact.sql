-- quality: which expectations break when a dataset, or a column of it, goes.

CREATE OR REPLACE FUNCTION dataplat_internal.impact_on_expectations(dataset text, field text)
RETURNS SETOF dataplat_internal.lineage_impact
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT e.name, 'expectation', 'breaks',
           CASE WHEN impact_on_expectations.field IS NULL THEN format('%s judges %s', e.kind, e.dataset)
                ELSE format('%s names %s, and becomes ERROR', e.kind, impact_on_expectations.field) END,
           ARRAY[concat_ws('.', impact_on_expectations.dataset, quote_ident(impact_on_expectations.field)), 'expectation:' || e.name]
      FROM dataplat.expectation AS e
     WHERE e.dataset = impact_on_expectations.dataset
       AND (impact_on_expectations.field IS NULL
            -- a column by itself, in a list, or within SQL
            OR jsonb_path_exists(e.kwargs, '$.** ? (@ == $field)', jsonb_build_object('field', impact_on_expectations.field))
            OR concat_ws(' ', e.row_filter, (SELECT string_agg(k.value #>> '{}', ' ') FROM jsonb_each(e.kwargs) AS k WHERE jsonb_typeof(k.value) = 'string'))
               ~ ('(^|[^[:alnum:]_$])' || regexp_replace(impact_on_expectations.field, '([^[:alnum:]_])', '\\\1', 'g') || '($|[^[:alnum:]_$])'));
$$;
COMMENT ON FUNCTION dataplat_internal.impact_on_expectations(text, text) IS 'impact provider: expectations on a dataset, or that name a column';
REVOKE ALL ON FUNCTION dataplat_internal.impact_on_expectations(text, text) FROM PUBLIC;
SELECT dataplat_internal.register_impact_provider('expectation', 'dataplat_internal.impact_on_expectations');
