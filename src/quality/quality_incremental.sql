/*
 * quality: judging a dataset by what changed in it.  What states are kept of
 * costs the delta; the rest is asked of the whole dataset, with the reason.
 */

-- Terms of an expectation whose answers may be kept; NULL with a reason when
-- it has none.
CREATE OR REPLACE FUNCTION dataplat_internal.kept_work_terms(w dataplat_internal.expectation_work, OUT terms text[], OUT reason text)
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF w.error IS NOT NULL THEN
        reason := 'it cannot be judged';
    ELSIF w.class IN ('row', 'aggregate') OR (w.class = 'query' AND (w.plan).aggregates IS NOT NULL) THEN
        terms := dataplat_internal.work_terms(w);
    ELSIF w.class = 'group' AND (w.plan).query IS NOT NULL AND (w.plan).query !~ '\mdataplat_rows\M' THEN
        -- the server's own unique index has judged
        terms := dataplat_internal.work_terms(w);
    ELSIF (w.rule).kind = 'expect_column_values_to_be_unique' AND (w.rule).row_filter IS NULL THEN
        terms := (dataplat_internal.work_terms(w))[:2] || format('count(DISTINCT %s)', quote_ident((w.plan).columns[1]));
    ELSE
        reason := CASE w.class WHEN 'group' THEN 'its rows are judged together with others' ELSE 'it has a statement of its own' END;
    END IF;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.kept_work_terms(dataplat_internal.expectation_work) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.kept_work_terms(dataplat_internal.expectation_work) IS 'aggregates of an expectation whose states can be kept, or why not';

CREATE OR REPLACE FUNCTION dataplat_internal.note_kept(dataset regclass, w dataplat_internal.expectation_work, answered jsonb[], kept_values jsonb)
RETURNS dataplat_internal.expectation_work
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked record;
BEGIN
    w := dataplat_internal.note_measures(w, answered);
    IF w.class = 'group' AND w.error IS NULL THEN
        IF (w.plan).query ~ '\mdataplat_rows\M' THEN
            w.unexpected_count := kept_values -> format('distinct (%s)', quote_ident((w.plan).columns[1])) ->> 'repeated';
        ELSE
            asked := dataplat_internal.ask_as((w.rule).owner, dataplat_internal.expectation_search_path(dataset), format('SELECT (%s)', (w.plan).query));
            w.error := asked.error;
            w.unexpected_count := asked.answer ->> 'unexpected';
        END IF;
        IF (w.rule).null_handling = 'fail' THEN
            w.unexpected_count := w.unexpected_count + coalesce(w.missing_count, 0);
        END IF;
    END IF;
    RETURN w;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.note_kept(regclass, dataplat_internal.expectation_work, jsonb[], jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.note_kept(regclass, dataplat_internal.expectation_work, jsonb[], jsonb) IS 'an expectation with the answers that came from states';

CREATE OR REPLACE FUNCTION dataplat_internal.measure_kept(dataset regclass, role name, work INOUT dataplat_internal.expectation_work[], reasons INOUT text[], INOUT whole boolean)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    k record;
    terms text[] := '{}';
    filters text[] := '{}';
    firsts int[] := '{}';
    members int[] := '{}';
    kept jsonb;
    answered jsonb[];
    n int;
BEGIN
    FOR i IN 1 .. cardinality(work) LOOP
        CONTINUE WHEN (work[i].rule).owner <> role;
        k := dataplat_internal.kept_work_terms(work[i]);
        reasons[i] := k.reason;
        CONTINUE WHEN k.reason IS NOT NULL;
        members := members || i;
        firsts := firsts || cardinality(terms);
        terms := terms || k.terms;
        filters := filters || array_fill((work[i].rule).row_filter, ARRAY[cardinality(k.terms)]);
    END LOOP;
    IF cardinality(members) = 0 THEN
        RETURN;
    END IF;
    kept := dataplat_internal.kept_terms(dataset, role, dataplat_internal.expectation_search_path(dataset), filters, terms);
    whole := whole OR kept ->> 'reset' IS NOT NULL OR kept -> 'afresh' <> '[]';
    FOR m IN 1 .. cardinality(members) LOOP
        n := coalesce(firsts[m + 1], cardinality(terms)) - firsts[m];
        answered := ARRAY(SELECT kept -> 'answers' -> (firsts[m] + g) FROM generate_series(0, n - 1) AS g);
        reasons[members[m]] := (SELECT a ->> 'reason' FROM unnest(answered) AS a WHERE a ->> 'reason' IS NOT NULL LIMIT 1);
        IF reasons[members[m]] IS NULL THEN
            work[members[m]] := dataplat_internal.note_kept(dataset, work[members[m]], answered, kept -> 'values');
            IF (work[members[m]]).class = 'query' AND (work[members[m]]).measured IS NULL THEN
                reasons[members[m]] := 'it does not hold, and what is wrong has to be looked for';
            END IF;
        END IF;
    END LOOP;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.measure_kept(regclass, name, dataplat_internal.expectation_work[], text[], boolean) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.measure_kept(regclass, name, dataplat_internal.expectation_work[], text[], boolean) IS
    'ask the states of a role''s expectations; reasons say what must be asked of the whole dataset, whole whether states had to be measured afresh';

-- As judge_expectations(), but what can be kept costs only what changed.  The
-- states were taken by lock_states() in an earlier statement; obstacles: role →
-- why nothing is kept for it.
CREATE OR REPLACE FUNCTION dataplat_internal.judge_incrementally(dataset regclass, rules dataplat.expectation[], result_format text, obstacles jsonb)
RETURNS SETOF dataplat.validation_result
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    began   timestamptz := clock_timestamp();
    work    dataplat_internal.expectation_work[] := dataplat_internal.compile_work(dataset, rules);
    keys    name[] := dataplat_internal.primary_key_of(dataset);
    reasons text[] := array_fill(NULL::text, ARRAY[coalesce(cardinality(rules), 0)]);
    whole   boolean := false;
    role    name;
    rest    dataplat_internal.expectation_work[] := '{}';
    places  int[] := '{}';
    r       dataplat.validation_result;
    k       record;
BEGIN
    FOR role IN SELECT DISTINCT u.owner FROM unnest(rules) AS u ORDER BY 1 LOOP
        IF obstacles ? role::text THEN
            reasons := ARRAY(SELECT CASE WHEN (rules[g]).owner = role THEN obstacles ->> role::text ELSE reasons[g] END FROM generate_subscripts(rules, 1) AS g ORDER BY g);
        ELSE
            SELECT * INTO k FROM dataplat_internal.measure_kept(dataset, role, work, reasons, whole);
            work := k.work;
            reasons := k.reasons;
            whole := k.whole;
        END IF;
    END LOOP;
    FOR i IN 1 .. cardinality(work) LOOP
        IF reasons[i] IS NOT NULL THEN
            rest := rest || work[i];
            places := places || i;
        END IF;
    END LOOP;
    IF cardinality(rest) > 0 THEN
        rest := dataplat_internal.measure_queries(dataset, dataplat_internal.measure_groups(dataset, dataplat_internal.measure_together(dataset, rest)));
        FOR i IN 1 .. cardinality(rest) LOOP
            work[places[i]] := rest[i];
        END LOOP;
    END IF;
    FOR i IN 1 .. cardinality(work) LOOP
        IF work[i].error IS NULL AND work[i].class IN ('row', 'group') AND result_format <> 'BOOLEAN_ONLY'
           AND (reasons[i] IS NOT NULL OR whole OR result_format = 'COMPLETE') THEN
            work[i] := dataplat_internal.fetch_examples(dataset, work[i], keys, CASE result_format WHEN 'COMPLETE' THEN 200 ELSE 20 END);
        END IF;
        r := dataplat_internal.judge_work(work[i], result_format);
        IF result_format <> 'BOOLEAN_ONLY' AND r.outcome <> 'ERROR' THEN
            r.result := r.result || CASE WHEN reasons[i] IS NULL THEN jsonb_build_object('incremental', NOT whole)
                                         ELSE jsonb_build_object('incremental', false, 'not_incremental_because', reasons[i]) END;
        END IF;
        r.started_at := began;
        r.finished_at := clock_timestamp();
        RETURN NEXT r;
    END LOOP;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.judge_incrementally(regclass, dataplat.expectation[], text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.judge_incrementally(regclass, dataplat.expectation[], text, jsonb) IS 'results of expectations, from states where they are kept; stores the states';

-- Take the states that a validation needs: role → why nothing is kept for it.
CREATE OR REPLACE FUNCTION dataplat_internal.take_states(dataset regclass, rules dataplat.expectation[])
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    role name;
    why text;
    obstacles jsonb := '{}';
BEGIN
    FOR role IN SELECT DISTINCT u.owner FROM unnest(rules) AS u ORDER BY 1 LOOP
        why := CASE WHEN dataset IS NULL THEN 'there is no such relation'
                    WHEN to_regrole(quote_ident(role)) IS NULL THEN format('role "%s" does not exist', role)
                    ELSE dataplat_internal.lock_states(dataset, role) END;
        IF why IS NOT NULL THEN
            obstacles := obstacles || jsonb_build_object(role, why);
        END IF;
    END LOOP;
    RETURN obstacles;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.take_states(regclass, dataplat.expectation[]) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.take_states(regclass, dataplat.expectation[]) IS 'take the states of a validation''s rules for this transaction';

-- ------------------------------------------------------------------ metrics

-- Measure again, replace: what a dataset's metrics were at a time.
CREATE OR REPLACE FUNCTION dataplat_internal.record_metric(dataset text, column_name text, metric text, value float8, at timestamptz, run_id bigint DEFAULT NULL, tags jsonb DEFAULT '{}')
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF value IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO dataplat.quality_metric AS m (dataset, column_name, metric, value, at, run_id, tags)
    VALUES (record_metric.dataset, coalesce(record_metric.column_name, ':table'), record_metric.metric, record_metric.value, record_metric.at,
            record_metric.run_id, coalesce(record_metric.tags, '{}'))
    ON CONFLICT ON CONSTRAINT quality_metric_pkey DO UPDATE
       SET value = excluded.value, run_id = excluded.run_id, recorded_at = clock_timestamp();
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.record_metric(text, text, text, float8, timestamptz, bigint, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.record_metric(text, text, text, float8, timestamptz, bigint, jsonb) IS 'note a measurement; the same time and tags again replaces it';

-- What a validation observed, as metrics: row counts, and numbers that
-- aggregates gave.
CREATE OR REPLACE FUNCTION dataplat_internal.record_validation_metrics(validation_id bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r record;
BEGIN
    FOR r IN
        SELECT v.dataset, v.started_at, v.run_id, coalesce(NULLIF(e.kwargs ->> 'column', ''), ':table') AS column_name,
               regexp_replace(regexp_replace(x.kind, '^expect_(column_|table_)?', ''), '_to_.*$', '')
                   || coalesce(':' || NULLIF((SELECT string_agg(a.value #>> '{}', ',' ORDER BY a.key) FROM jsonb_each(e.kwargs) AS a WHERE a.key IN ('quantile', 'column_A', 'column_B')), ''), '') AS metric,
               x.result -> 'observed_value' AS observed, x.result -> 'element_count' AS rows, e.row_filter
          FROM dataplat.validation AS v
          JOIN dataplat.validation_result AS x ON x.validation_id = v.validation_id
          JOIN dataplat.expectation AS e ON e.expectation_id = x.expectation_id
         WHERE v.validation_id = record_validation_metrics.validation_id AND x.outcome <> 'ERROR'
         ORDER BY x.expectation_id
    LOOP
        IF jsonb_typeof(r.observed) = 'number' AND r.row_filter IS NULL AND abs((r.observed)::numeric) < 1e300 THEN
            PERFORM dataplat_internal.record_metric(r.dataset, r.column_name, r.metric, r.observed::float8, r.started_at, r.run_id);
        END IF;
        IF jsonb_typeof(r.rows) = 'number' AND r.row_filter IS NULL THEN
            PERFORM dataplat_internal.record_metric(r.dataset, ':table', 'row_count', r.rows::float8, r.started_at, r.run_id);
        END IF;
    END LOOP;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.record_validation_metrics(bigint) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.record_validation_metrics(bigint) IS 'the numbers that a validation observed, as metrics';
