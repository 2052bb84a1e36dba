/*
 * quality: rules over single rows, inside runs and batches.
 *
 * The rows are judged in C (rows*.c); here is what is asked once a session
 * and once a run.
 */

-- The row rules of a dataset with what they mean over its columns; one that
-- cannot be compiled says why and stops no other.
CREATE OR REPLACE FUNCTION dataplat_internal.row_rules(dataset text)
RETURNS TABLE (expectation_id bigint, name text, owner name, action text, null_handling text, row_filter text,
               element text, ignored text, expected text, problem text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    e    dataplat.expectation;
    plan dataplat_internal.expectation_plan;
BEGIN
    FOR e IN
        SELECT x.*
          FROM dataplat.expectation AS x
          JOIN dataplat_internal.expectation_kind AS k ON k.kind = x.kind AND k.class = 'row'
         WHERE x.dataset = row_rules.dataset AND x.enabled AND x.on_delta
         ORDER BY x.expectation_id
    LOOP
        plan := NULL;
        problem := NULL;
        BEGIN
            plan := dataplat_internal.expectation_plan(e.expectation_id);
        EXCEPTION WHEN OTHERS THEN
            problem := SQLERRM;
        END;
        expectation_id := e.expectation_id;
        name := e.name;
        owner := e.owner;
        action := e.action;
        null_handling := e.null_handling;
        row_filter := e.row_filter;
        element := plan.element;
        ignored := plan.ignored;
        expected := plan.expected;
        RETURN NEXT;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.row_rules(text) IS 'rules over single rows that runs and batches look at, as conditions over the columns of their dataset';
REVOKE ALL ON FUNCTION dataplat_internal.row_rules(text) FROM PUBLIC;

-- Sessions remember rules; a change here makes them read again.
CREATE OR REPLACE FUNCTION dataplat_internal.expectations_changed()
RETURNS trigger
LANGUAGE c
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_expectations_changed';
COMMENT ON FUNCTION dataplat_internal.expectations_changed() IS 'let every session read the row rules again';
REVOKE ALL ON FUNCTION dataplat_internal.expectations_changed() FROM PUBLIC;

CREATE OR REPLACE TRIGGER dataplat_expectations_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON dataplat.expectation
    FOR EACH STATEMENT EXECUTE FUNCTION dataplat_internal.expectations_changed();
ALTER TABLE dataplat.expectation ENABLE ALWAYS TRIGGER dataplat_expectations_changed;
COMMENT ON TRIGGER dataplat_expectations_changed ON dataplat.expectation IS 'sessions that remember row rules read them again';

-- From the counts of a rule to its outcome.  judged: rows that are not missing.
CREATE OR REPLACE FUNCTION dataplat_internal.row_outcome(e dataplat.expectation, judged bigint, unexpected bigint, error text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN error IS NOT NULL THEN 'ERROR'
                ELSE dataplat_internal.expectation_outcome(e.severity, e.warn_if, e.error_if,
                         dataplat_internal.map_success(judged, unexpected, e.mostly), unexpected, judged) END;
$$;
COMMENT ON FUNCTION dataplat_internal.row_outcome(dataplat.expectation, bigint, bigint, text) IS 'outcome of a rule over rows, from its counts';
REVOKE ALL ON FUNCTION dataplat_internal.row_outcome(dataplat.expectation, bigint, bigint, text) FROM PUBLIC;

-- results: [{"id", "elements", "missing", "unexpected", "errors", "error", "listed"}]
CREATE OR REPLACE FUNCTION dataplat_internal.store_row_results(dataset text, trigger text, object text, run_id bigint, batch_id bigint,
                                                               started_at timestamptz, results jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    new bigint;
    ended timestamptz := clock_timestamp();
BEGIN
    INSERT INTO dataplat.validation (dataset, trigger, object, run_id, batch_id, incremental, started_at, finished_at)
    VALUES (store_row_results.dataset, store_row_results.trigger, store_row_results.object, store_row_results.run_id,
            store_row_results.batch_id, true, store_row_results.started_at, ended)
    RETURNING validation_id INTO new;

    WITH stored AS (
        INSERT INTO dataplat.validation_result (validation_id, expectation_id, dataset, name, kind, dimension, severity, weight,
                                                success, outcome, evaluated, passed, result, exception_info, started_at, finished_at)
        SELECT new, e.expectation_id, store_row_results.dataset, e.name, e.kind, e.dimension, e.severity, e.weight,
               CASE WHEN o.outcome = 'ERROR' THEN NULL
                    WHEN r.unexpected = 0 AND e.warn_if IS NULL AND e.error_if IS NULL THEN true
                    WHEN e.warn_if IS NULL AND e.error_if IS NULL THEN dataplat_internal.map_success(j.n, r.unexpected, e.mostly)
                    ELSE o.outcome = 'PASSED' END,
               o.outcome, j.n, j.n - r.unexpected,
               CASE WHEN o.outcome = 'ERROR' AND r.elements = 0 THEN '{}'
                    -- What result_of() says when all is well: a run has many rules, and functions in SQL are planned again in each statement.
                    WHEN r.unexpected = 0 THEN
                        jsonb_build_object('element_count', r.elements, 'unexpected_count', 0,
                            'unexpected_percent', CASE WHEN r.elements > coalesce(r.missing, 0) THEN 0 END,
                            'partial_unexpected_list', '[]'::jsonb, 'partial_unexpected_counts', '[]'::jsonb)
                        || CASE WHEN r.missing IS NULL THEN '{}' ELSE
                           jsonb_build_object('missing_count', r.missing, 'missing_percent', r.missing::float8 / NULLIF(r.elements, 0) * 100,
                               'unexpected_percent_total', CASE WHEN r.elements > 0 THEN 0 END,
                               'unexpected_percent_nonmissing', CASE WHEN r.elements > r.missing THEN 0 END) END
                    ELSE dataplat_internal.result_of('SUMMARY', r.elements, r.missing, r.unexpected, r.listed) END,
               CASE WHEN r.error IS NOT NULL THEN dataplat_internal.exception_info(NULL, r.error, NULL, NULL) END,
               store_row_results.started_at, ended
          FROM jsonb_to_recordset(results) AS r (id bigint, elements bigint, missing bigint, unexpected bigint, errors bigint, error text, listed jsonb)
          JOIN dataplat.expectation AS e ON e.expectation_id = r.id
         CROSS JOIN LATERAL (SELECT r.elements - coalesce(r.missing, 0) - r.errors) AS j (n)
         CROSS JOIN LATERAL (SELECT CASE WHEN r.error IS NULL AND r.unexpected = 0 AND e.warn_if IS NULL AND e.error_if IS NULL THEN 'PASSED'
                                         ELSE dataplat_internal.row_outcome(e, j.n, r.unexpected, r.error) END) AS o (outcome)
        RETURNING outcome
    )
    UPDATE dataplat.validation AS v
       SET success = (SELECT bool_and(s.outcome IN ('PASSED', 'WARN')) FROM stored AS s)
     WHERE v.validation_id = new;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.store_row_results(text, text, text, bigint, bigint, timestamptz, jsonb) IS
    'store what came of row rules in a run or a batch, in its transaction';
REVOKE ALL ON FUNCTION dataplat_internal.store_row_results(text, text, text, bigint, bigint, timestamptz, jsonb) FROM PUBLIC;

-- Which rules with action fail have failed, in words without contents of rows; NULL: none.
CREATE OR REPLACE FUNCTION dataplat_internal.row_failure(results jsonb)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(CASE WHEN r.errors > 0 THEN format('Rule "%s" could not be evaluated on %s of %s rows.', e.name, r.errors, r.elements)
                           WHEN r.error IS NOT NULL THEN format('Rule "%s" could not be evaluated: %s.', e.name, r.error)
                           ELSE format('Rule "%s" is broken by %s of %s rows.', e.name, r.unexpected, r.elements) END, ' ' ORDER BY e.expectation_id)
      FROM jsonb_to_recordset(results) AS r (id bigint, elements bigint, missing bigint, unexpected bigint, errors bigint, error text)
      JOIN dataplat.expectation AS e ON e.expectation_id = r.id AND e.action = 'fail'
     WHERE dataplat_internal.row_outcome(e, r.elements - coalesce(r.missing, 0) - r.errors, r.unexpected, r.error) IN ('FAILED', 'ERROR');
$$;
COMMENT ON FUNCTION dataplat_internal.row_failure(jsonb) IS 'rules that end a run, with their counts; NULL: none does';
REVOKE ALL ON FUNCTION dataplat_internal.row_failure(jsonb) FROM PUBLIC;
