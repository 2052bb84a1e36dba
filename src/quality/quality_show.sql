/*
 * quality: the SQL that declares expectations again.
 */

CREATE OR REPLACE FUNCTION dataplat_internal.show_expectation(e dataplat.expectation)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT dataplat.add_expectation(%L, %L, %L', e.dataset, e.kind, e.kwargs) || concat(
        ', name => ' || quote_literal(e.name), CASE WHEN e.suite <> 'default' THEN ', suite => ' || quote_literal(e.suite) END,
        ', mostly => ' || e.mostly, CASE WHEN e.severity <> 'error' THEN ', severity => ' || quote_literal(e.severity) END,
        CASE WHEN e.action <> 'warn' THEN ', action => ' || quote_literal(e.action) END, ', warn_if => ' || quote_literal(e.warn_if), ', error_if => ' || quote_literal(e.error_if),
        ', row_filter => ' || quote_literal(e.row_filter), ', null_handling => ' || quote_literal(e.null_handling),
        CASE WHEN e.dimension <> (SELECT k.dimension FROM dataplat_internal.expectation_kind AS k WHERE k.kind = e.kind) THEN ', dimension => ' || quote_literal(e.dimension) END,
        CASE WHEN e.weight <> 1 THEN ', weight => ' || e.weight END, CASE WHEN NOT e.on_delta THEN ', on_delta => false' END, CASE WHEN NOT e.enabled THEN ', enabled => false' END) || ');';
$$;
COMMENT ON FUNCTION dataplat_internal.show_expectation(dataplat.expectation) IS 'the call that declares an expectation again';

-- By the name of a suite or a dataset.
CREATE OR REPLACE FUNCTION dataplat_internal.show_create_expectations(name text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(s.line, E'\n' ORDER BY s.place, s.nth)
      FROM (SELECT 1 AS place, 0 AS nth, format('SELECT dataplat.create_suite(%L', x.name) || concat(', description => ' || quote_literal(x.description), ', schedule => ' || quote_literal(x.schedule)) || ');' AS line
              FROM dataplat.expectation_suite AS x WHERE x.name = show_create_expectations.name AND x.name <> 'default'
             UNION ALL
            SELECT 2, e.expectation_id, dataplat_internal.show_expectation(e)
              FROM dataplat.expectation AS e WHERE show_create_expectations.name IN (e.suite, e.dataset)) AS s;
$$;
COMMENT ON FUNCTION dataplat_internal.show_create_expectations(text) IS 'show_create: expectations of a suite or a dataset';
SELECT dataplat_internal.register_show_create('expectations', 'dataplat_internal.show_create_expectations');
