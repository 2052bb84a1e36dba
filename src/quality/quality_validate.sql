/*
 * quality: the engine.  Expectations of a call become few statements: one for
 * all that judge rows by themselves or need aggregates, others where rows must
 * be grouped or sorted, and examples are fetched for what fails only.
 */

CREATE OR REPLACE FUNCTION dataplat_internal.ask_as(role name, search_path text, statement text, OUT answer jsonb, OUT error jsonb)
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_ask_as';
COMMENT ON FUNCTION dataplat_internal.ask_as(name, text, text) IS
    'the jsonb that a SELECT gives, read with the rights of a role in the caller''s snapshot, read only, for at most dataplat.quality_timeout; or the error';

-- Unqualified names in users' SQL are those beside the dataset, then public.
CREATE OR REPLACE FUNCTION dataplat_internal.expectation_search_path(dataset regclass)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('pg_catalog, %I, public, pg_temp', n.nspname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = dataset;
$$;
COMMENT ON FUNCTION dataplat_internal.expectation_search_path(regclass) IS 'where names in the SQL of expectations on a dataset are looked up';

-- ------------------------------------------------------------------ compiling

-- What an expectation means.  Fails where the table does not have what it needs.
CREATE OR REPLACE FUNCTION dataplat_internal.compile_expectation(dataset regclass, kind text, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    plan dataplat_internal.expectation_plan;
    compile_function text;
BEGIN
    SELECT k.compile_function INTO STRICT compile_function FROM dataplat_internal.expectation_kind AS k WHERE k.kind = compile_expectation.kind;
    EXECUTE format('SELECT * FROM %s($1, $2)', compile_function) INTO plan USING dataset, kwargs;
    RETURN plan;
EXCEPTION WHEN no_data_found THEN
    RAISE EXCEPTION 'unknown kind of expectation "%"', kind USING ERRCODE = 'undefined_object';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.compile_expectation(regclass, text, jsonb) IS 'the plan of an expectation of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expectation_plan(expectation_id bigint)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    e dataplat.expectation;
BEGIN
    SELECT * INTO e FROM dataplat.expectation AS x WHERE x.expectation_id = expectation_plan.expectation_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'expectation % does not exist', expectation_id USING ERRCODE = 'undefined_object';
    END IF;
    RETURN dataplat_internal.compile_expectation(dataplat_internal.existing_dataset(e.dataset), e.kind, e.kwargs);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expectation_plan(bigint) IS 'what a declared expectation means in SQL; fails where its dataset does not have what it needs';

-- SQL booleans of a plan: does the row count as missing (NULL: none does), and
-- is it unexpected?  "Cannot tell" is neither, unless NULLs fail.
CREATE OR REPLACE FUNCTION dataplat_internal.plan_conditions(plan dataplat_internal.expectation_plan, null_handling text, OUT missing text, OUT unexpected text)
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    missing := CASE WHEN null_handling = 'skip' THEN plan.ignored END;
    -- Of the good rows, which are most, only the condition is looked at.
    unexpected := CASE
        WHEN null_handling <> 'fail' THEN concat_ws(' AND ', format('NOT (%s)', plan.expected), 'NOT (' || plan.ignored || ')')
        WHEN plan.ignored IS NULL THEN format('(%s) IS NOT TRUE', plan.expected)
        ELSE format('((%s) IS NOT TRUE OR (%s))', plan.expected, plan.ignored) END;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.plan_conditions(dataplat_internal.expectation_plan, text) IS
    'what of a row or group plan counts as missing and as unexpected, with this handling of NULL';

-- ------------------------------------------------------------------ asking

-- Several aggregates over one source, in one pass.  When one of them fails it
-- is found out and only it gets the error: [{"answer": ...} | {"error": ...}].
CREATE OR REPLACE FUNCTION dataplat_internal.ask_terms(role name, search_path text, source text, terms text[], probed boolean DEFAULT false)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked record;
    half  int := cardinality(terms) / 2;
    good  int[] := '{}';
    part  jsonb;
    answered jsonb := '[]';
    i     int;
BEGIN
    IF cardinality(terms) = 0 THEN
        RETURN '[]';
    END IF;
    asked := dataplat_internal.ask_as(role, search_path, format('SELECT to_jsonb(ARRAY[%s]) FROM %s',
        (SELECT string_agg(format('to_jsonb(%s)', t), ', ' ORDER BY nth) FROM unnest(terms) WITH ORDINALITY AS u (t, nth)), source));
    IF asked.error IS NULL THEN
        RETURN (SELECT jsonb_agg(jsonb_build_object('answer', a) ORDER BY nth) FROM jsonb_array_elements(asked.answer) WITH ORDINALITY AS e (a, nth));
    ELSIF cardinality(terms) = 1 THEN
        RETURN jsonb_build_array(jsonb_build_object('error', asked.error));
    ELSIF probed THEN
        RETURN dataplat_internal.ask_terms(role, search_path, source, terms[:half], true)
            || dataplat_internal.ask_terms(role, search_path, source, terms[half + 1:], true);
    END IF;
    -- Most errors show without reading a row.
    FOR i IN 1 .. cardinality(terms) LOOP
        asked := dataplat_internal.ask_as(role, search_path, format('SELECT to_jsonb(%s) FROM (SELECT * FROM %s LIMIT 0) AS none', terms[i], source));
        answered := answered || jsonb_build_object('error', asked.error);
        IF asked.error IS NULL THEN
            good := good || i;
        END IF;
    END LOOP;
    part := dataplat_internal.ask_terms(role, search_path, source, ARRAY(SELECT terms[g] FROM unnest(good) WITH ORDINALITY AS u (g, nth) ORDER BY nth), true);
    FOR i IN 1 .. cardinality(good) LOOP
        answered := jsonb_set(answered, ARRAY[(good[i] - 1)::text], part -> (i - 1));
    END LOOP;
    RETURN answered;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.ask_terms(name, text, text, text[], boolean) IS 'answers or errors of several aggregates over one source, in one pass where none fails';

-- Note a term of a pass and return its place; the same term is asked once.
CREATE OR REPLACE FUNCTION dataplat_internal.add_term(terms INOUT text[], term text, OUT place int)
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    place := array_position(terms, term);
    IF place IS NULL THEN
        terms := terms || term;
        place := cardinality(terms);
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.add_term(text[], text) IS 'put a term into a list unless it is there; its place';

-- ------------------------------------------------------------------ measuring

-- Aggregates that sort or need all rows in one place keep a pass from being
-- spread over parallel workers.
CREATE OR REPLACE FUNCTION dataplat_internal.is_ordered_aggregate(term text)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT term ~* '\mwithin\s+group\M|\(\s*distinct\M|\morder\s+by\M'; $$;
COMMENT ON FUNCTION dataplat_internal.is_ordered_aggregate(text) IS 'does this aggregate need its rows sorted?';

-- The plans of expectations, and whom and what they ask.  An expectation that
-- cannot be compiled gets its error.
CREATE OR REPLACE FUNCTION dataplat_internal.compile_work(dataset regclass, rules dataplat.expectation[])
RETURNS dataplat_internal.expectation_work[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    work   dataplat_internal.expectation_work[] := '{}';
    w      dataplat_internal.expectation_work;
    detail text;
    hint   text;
BEGIN
    FOR i IN 1 .. coalesce(cardinality(rules), 0) LOOP
        w := NULL;
        w.rule := rules[i];
        SELECT k.class, k.judge_function INTO w.class, w.judge_function FROM dataplat_internal.expectation_kind AS k WHERE k.kind = rules[i].kind;
        BEGIN
            IF dataset IS NULL THEN
                RAISE EXCEPTION 'relation "%" does not exist', rules[i].dataset USING ERRCODE = 'undefined_table';
            ELSIF to_regrole(quote_ident(rules[i].owner)) IS NULL THEN
                RAISE EXCEPTION 'role "%" does not exist', rules[i].owner
                    USING ERRCODE = 'undefined_object', HINT = 'Give the expectation another owner with dataplat.alter_expectation().';
            END IF;
            PERFORM dataplat_internal.check_condition(dataset::text, dataplat_internal.expectation_search_path(dataset), rules[i].row_filter);
            w.plan := dataplat_internal.compile_expectation(dataset, rules[i].kind, rules[i].kwargs);
            w.source := CASE WHEN rules[i].row_filter IS NULL THEN dataset::text
                             ELSE format('(SELECT * FROM %s WHERE (%s)) AS filtered', dataset, dataplat_internal.closed_condition(rules[i].row_filter)) END;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
            w.error := dataplat_internal.exception_info(SQLSTATE, SQLERRM, detail, hint);
        END;
        work := work || w;
    END LOOP;
    RETURN work;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.compile_work(regclass, dataplat.expectation[]) IS 'expectations with their plans';

CREATE OR REPLACE FUNCTION dataplat_internal.exception_info(state text, message text, detail text, hint text)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('raised_exception', true, 'sqlstate', state, 'exception_message', message,
                              'exception_traceback', concat(E'DETAIL: ' || NULLIF(detail, '') || E'\n', E'HINT: ' || NULLIF(hint, '') || E'\n'));
$$;
COMMENT ON FUNCTION dataplat_internal.exception_info(text, text, text, text) IS 'exception_info of a result';

-- The terms that an expectation adds to the pass over the rows.
CREATE OR REPLACE FUNCTION dataplat_internal.work_terms(w dataplat_internal.expectation_work)
RETURNS text[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    conditions record;
BEGIN
    IF w.class IN ('aggregate', 'query') THEN
        RETURN ARRAY['count(*)'] || coalesce((SELECT array_agg(a.value ORDER BY a.key) FROM jsonb_each_text((w.plan).aggregates) AS a), '{}');
    END IF;
    conditions := dataplat_internal.plan_conditions(w.plan, (w.rule).null_handling);
    RETURN ARRAY['count(*)', CASE WHEN (w.plan).ignored IS NULL THEN 'NULL::bigint' ELSE format('count(*) FILTER (WHERE %s)', (w.plan).ignored) END]
        || CASE WHEN w.class = 'row' THEN ARRAY[format('count(*) FILTER (WHERE %s)', conditions.unexpected)]
                WHEN (w.plan).aggregates ? 'may_repeat' THEN ARRAY[(w.plan).aggregates ->> 'may_repeat'] ELSE '{}' END;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.work_terms(dataplat_internal.expectation_work) IS 'aggregates that an expectation asks of all rows';

-- Ask what can be asked in one pass over the rows.
CREATE OR REPLACE FUNCTION dataplat_internal.measure_together(dataset regclass, work dataplat_internal.expectation_work[])
RETURNS dataplat_internal.expectation_work[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    pass    record;
    one     text;
    terms   text[];
    place   int;
    answers jsonb;
    answered   jsonb[];
BEGIN
    FOR pass IN
        SELECT (w.rule).owner AS owner, w.source,
               EXISTS (SELECT FROM jsonb_each_text(CASE w.class WHEN 'aggregate' THEN (w.plan).aggregates ELSE '{}' END) AS a
                        WHERE dataplat_internal.is_ordered_aggregate(a.value)) AS ordered,
               array_agg(w.nth::int ORDER BY w.nth) AS members
          FROM unnest(work) WITH ORDINALITY AS w (rule, class, judge_function, plan, source, terms, element_count, missing_count, unexpected_count, measured, examples, error, nth)
         WHERE w.error IS NULL AND (w.class IN ('row', 'group', 'aggregate') OR (w.class = 'query' AND (w.plan).aggregates IS NOT NULL))
         GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    LOOP
        terms := '{}';
        FOR i IN 1 .. cardinality(pass.members) LOOP
            work[pass.members[i]].terms := '{}';
            FOREACH one IN ARRAY dataplat_internal.work_terms(work[pass.members[i]]) LOOP
                SELECT t.terms, t.place INTO terms, place FROM dataplat_internal.add_term(terms, one) AS t;
                work[pass.members[i]].terms := work[pass.members[i]].terms || place;
            END LOOP;
        END LOOP;
        answers := dataplat_internal.ask_terms(pass.owner, dataplat_internal.expectation_search_path(dataset), pass.source, terms);
        FOR i IN 1 .. cardinality(pass.members) LOOP
            SELECT array_agg(answers -> (t - 1) ORDER BY nth) INTO answered FROM unnest(work[pass.members[i]].terms) WITH ORDINALITY AS u (t, nth);
            work[pass.members[i]] := dataplat_internal.note_measures(work[pass.members[i]], answered);
        END LOOP;
    END LOOP;
    RETURN work;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.measure_together(regclass, dataplat_internal.expectation_work[]) IS 'ask what all rows can be asked at once';

-- Answers to work_terms() laid down.
CREATE OR REPLACE FUNCTION dataplat_internal.note_measures(w dataplat_internal.expectation_work, answered jsonb[])
RETURNS dataplat_internal.expectation_work
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF w.class = 'query' THEN
        -- NULL, or an error: its statement is asked.
        w.measured := NULLIF(answered[2] -> 'answer', 'null');
        RETURN w;
    END IF;
    SELECT f -> 'error' INTO w.error FROM unnest(CASE w.class WHEN 'group' THEN answered[:2] ELSE answered END) AS f WHERE f ? 'error' LIMIT 1;
    IF w.error IS NOT NULL THEN
        RETURN w;
    END IF;
    w.element_count := answered[1] ->> 'answer';
    IF w.class = 'aggregate' THEN
        SELECT coalesce(jsonb_object_agg(a.key, answered[a.nth + 1] -> 'answer'), '{}') INTO w.measured
          FROM (SELECT key, row_number() OVER (ORDER BY key) AS nth FROM jsonb_object_keys(coalesce((w.plan).aggregates, '{}')) AS key) AS a;
    ELSE
        w.missing_count := answered[2] ->> 'answer';
        IF w.class = 'row' THEN
            w.unexpected_count := answered[3] ->> 'answer';
        ELSIF answered[3] -> 'answer' = 'false' THEN
            -- No two hashes are equal: nothing has to be grouped.
            w.unexpected_count := 0;
        END IF;
    END IF;
    RETURN w;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.note_measures(dataplat_internal.expectation_work, jsonb[]) IS 'an expectation with the answers to its terms';

-- The rows that a group expectation judges.
CREATE OR REPLACE FUNCTION dataplat_internal.work_rows(w dataplat_internal.expectation_work)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT w.source || coalesce(' WHERE NOT (' || (w.plan).ignored || ')', ''); $$;
COMMENT ON FUNCTION dataplat_internal.work_rows(dataplat_internal.expectation_work) IS 'FROM and WHERE of the rows that a group expectation judges';

-- Group expectations: by a query of their own, or by the window functions in
-- their condition, those over the same rows together.
CREATE OR REPLACE FUNCTION dataplat_internal.measure_groups(dataset regclass, work dataplat_internal.expectation_work[])
RETURNS dataplat_internal.expectation_work[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    path    text := dataplat_internal.expectation_search_path(dataset);
    pass    record;
    asked   record;
    answers jsonb;
    i       int;
BEGIN
    FOR pass IN
        SELECT (w.rule).owner AS owner, dataplat_internal.work_rows(w.w) AS rows, array_agg(w.nth ORDER BY w.nth) AS members
          FROM (SELECT g AS nth, work[g] AS w, work[g].rule FROM generate_subscripts(work, 1) AS g) AS w
         WHERE (w.w).class = 'group' AND (w.w).error IS NULL AND ((w.w).plan).query IS NULL
         GROUP BY 1, 2 ORDER BY 1, 2
    LOOP
        answers := dataplat_internal.ask_terms(pass.owner, path,
            format('(SELECT %s FROM %s) AS judged', (
                SELECT string_agg(format('(%s) AS x%s', (work[m].plan).expected, m), ', ') FROM unnest(pass.members) AS m), pass.rows),
            ARRAY(SELECT format('count(*) FILTER (WHERE x%s %s)', m, CASE (work[m].rule).null_handling WHEN 'fail' THEN 'IS NOT TRUE' ELSE 'IS FALSE' END)
                    FROM unnest(pass.members) AS m));
        FOR j IN 1 .. cardinality(pass.members) LOOP
            i := pass.members[j];
            work[i].error := answers -> (j - 1) -> 'error';
            work[i].unexpected_count := answers -> (j - 1) ->> 'answer';
        END LOOP;
    END LOOP;
    FOR i IN 1 .. cardinality(work) LOOP
        IF work[i].class = 'group' AND work[i].error IS NULL AND (work[i].plan).query IS NOT NULL AND work[i].unexpected_count IS NULL THEN
            asked := dataplat_internal.ask_as((work[i].rule).owner, path, format('WITH dataplat_rows AS NOT MATERIALIZED (SELECT * FROM %s) SELECT (%s)',
                dataplat_internal.work_rows(work[i]), (work[i].plan).query));
            work[i].error := asked.error;
            work[i].unexpected_count := asked.answer ->> 'unexpected';
        END IF;
        IF work[i].class = 'group' AND (work[i].rule).null_handling = 'fail' THEN
            work[i].unexpected_count := work[i].unexpected_count + coalesce(work[i].missing_count, 0);
        END IF;
    END LOOP;
    RETURN work;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.measure_groups(regclass, dataplat_internal.expectation_work[]) IS 'ask group expectations, whose rows are judged together with others';

-- Expectations with a statement of their own.
CREATE OR REPLACE FUNCTION dataplat_internal.measure_queries(dataset regclass, work dataplat_internal.expectation_work[])
RETURNS dataplat_internal.expectation_work[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked record;
BEGIN
    FOR i IN 1 .. cardinality(work) LOOP
        CONTINUE WHEN work[i].class IS DISTINCT FROM 'query' OR work[i].error IS NOT NULL OR work[i].measured IS NOT NULL;
        IF (work[i].rule).row_filter IS NOT NULL AND (work[i].plan).query !~ '\mdataplat_rows\M' THEN
            work[i].error := dataplat_internal.exception_info('0A000', format('%s takes no row_filter', (work[i].rule).kind), NULL, NULL);
            CONTINUE;
        END IF;
        asked := dataplat_internal.ask_as((work[i].rule).owner, dataplat_internal.expectation_search_path(dataset),
            format('WITH dataplat_rows AS NOT MATERIALIZED (SELECT * FROM %s) SELECT (%s)', work[i].source, (work[i].plan).query));
        work[i].error := asked.error;
        work[i].measured := asked.answer;
    END LOOP;
    RETURN work;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.measure_queries(regclass, dataplat_internal.expectation_work[]) IS 'ask expectations that have a statement of their own';

CREATE OR REPLACE FUNCTION dataplat_internal.primary_key_of(dataset regclass)
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(a.attname ORDER BY array_position(i.indkey::int2[], a.attnum)), '{}')
      FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])
     WHERE i.indrelid = dataset AND i.indisprimary;
$$;
COMMENT ON FUNCTION dataplat_internal.primary_key_of(regclass) IS 'columns of a table''s primary key';

-- FROM and WHERE of the unexpected rows of a row or group expectation.
CREATE OR REPLACE FUNCTION dataplat_internal.unexpected_rows(w dataplat_internal.expectation_work)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    failing text := CASE (w.rule).null_handling WHEN 'fail' THEN 'IS NOT TRUE' ELSE 'IS FALSE' END;
BEGIN
    IF w.class = 'row' THEN
        RETURN format('%s WHERE %s', w.source, (dataplat_internal.plan_conditions(w.plan, (w.rule).null_handling)).unexpected);
    ELSIF (w.rule).null_handling = 'fail' AND (w.plan).ignored IS NOT NULL THEN
        RETURN format('(SELECT *, (%s) AS dataplat_expected FROM %s UNION ALL SELECT *, false FROM %s WHERE %s) AS judged WHERE dataplat_expected %s',
                      (w.plan).expected, dataplat_internal.work_rows(w), w.source, (w.plan).ignored, failing);
    END IF;
    RETURN format('(SELECT *, (%s) AS dataplat_expected FROM %s) AS judged WHERE dataplat_expected %s', (w.plan).expected, dataplat_internal.work_rows(w), failing);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.unexpected_rows(dataplat_internal.expectation_work) IS 'FROM and WHERE of the rows that an expectation finds unexpected';

-- Examples of what is unexpected: {"values": [...], "keys": [...] or null, "query"}.
-- They are looked for only when there are some.
CREATE OR REPLACE FUNCTION dataplat_internal.fetch_examples(dataset regclass, w dataplat_internal.expectation_work, keys name[], at_most int)
RETURNS dataplat_internal.expectation_work
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    max_shown CONSTANT int := 49;
    rows  text := dataplat_internal.unexpected_rows(w);
    shown text[] := ARRAY(SELECT c FROM unnest(keys::text[] || (w.plan).columns) WITH ORDINALITY AS u (c, nth) GROUP BY c ORDER BY min(nth) LIMIT max_shown);
    place text := 'NULL::jsonb';
    asked record;
BEGIN
    IF cardinality(keys) > 0 THEN
        place := (SELECT 'jsonb_build_object(' || string_agg(format('%L, %I', c, c), ', ') || ')' FROM unnest(shown) AS c);
    END IF;
    w.examples := '{"values": [], "keys": []}';
    IF w.unexpected_count > 0 THEN
        asked := dataplat_internal.ask_as((w.rule).owner, dataplat_internal.expectation_search_path(dataset), format(
            'SELECT jsonb_build_object(''values'', coalesce(jsonb_agg(v), ''[]''), ''keys'', coalesce(jsonb_agg(k), ''[]'')) FROM (SELECT %s AS v, %s AS k FROM %s LIMIT %s) AS u',
            coalesce((w.plan).element, 'NULL'), place, rows, at_most));
        w.error := asked.error;
        w.examples := asked.answer;
    END IF;
    w.examples := w.examples || CASE WHEN cardinality(keys) = 0 THEN '{"keys": null}' ELSE '{}' END::jsonb
        || jsonb_build_object('query', format('SELECT %s FROM %s', coalesce((SELECT string_agg(quote_ident(c), ', ') FROM unnest(shown) AS c), '*'), rows));
    RETURN w;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.fetch_examples(regclass, dataplat_internal.expectation_work, name[], int) IS 'an expectation with examples of unexpected rows';

-- ------------------------------------------------------------------ judging

-- A result from what was measured.
CREATE OR REPLACE FUNCTION dataplat_internal.judge_work(w dataplat_internal.expectation_work, result_format text)
RETURNS dataplat.validation_result
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r        dataplat.validation_result;
    rule     dataplat.expectation := w.rule;
    verdict  jsonb;
    failures bigint;
    detail   text;
    hint     text;
BEGIN
    r.expectation_id := rule.expectation_id;
    r.dataset := rule.dataset;
    r.name := rule.name;
    r.kind := rule.kind;
    r.dimension := rule.dimension;
    r.severity := rule.severity;
    r.weight := rule.weight;
    r.result := '{}';
    IF w.error IS NULL AND w.class IN ('row', 'group') THEN
        IF rule.null_handling <> 'skip' AND w.missing_count IS NOT NULL THEN
            w.missing_count := 0;
        END IF;
        r.evaluated := w.element_count - coalesce(w.missing_count, 0);
        r.passed := r.evaluated - w.unexpected_count;
        failures := w.unexpected_count;
        r.success := dataplat_internal.map_success(r.evaluated, w.unexpected_count, rule.mostly);
        r.result := dataplat_internal.result_of(result_format, w.element_count, w.missing_count, w.unexpected_count,
                                                w.examples -> 'values', NULLIF(w.examples -> 'keys', 'null'), w.examples ->> 'query', (w.plan).columns);
    ELSIF w.error IS NULL THEN
        BEGIN
            EXECUTE format('SELECT %s($1, $2, $3)', w.judge_function) INTO verdict USING rule.kwargs, w.measured, w.element_count;
            r.success := coalesce((verdict ->> 'success')::boolean, false);
            r.evaluated := 1;
            r.passed := r.success::int;
            failures := 1 - r.passed;
            IF result_format <> 'BOOLEAN_ONLY' THEN
                IF result_format <> 'COMPLETE' THEN
                    verdict := verdict #- '{details,unexpected_rows}';
                END IF;
                r.result := verdict - 'success' - 'failures' - CASE WHEN verdict -> 'details' IN ('null', '{}') THEN 'details' ELSE '' END;
            END IF;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
            w.error := dataplat_internal.exception_info(SQLSTATE, SQLERRM, detail, hint);
        END;
    END IF;
    IF w.error IS NOT NULL THEN
        r.success := NULL;
        r.evaluated := NULL;
        r.passed := NULL;
        r.outcome := 'ERROR';
        r.exception_info := w.error;
        r.result := '{}';
        RETURN r;
    END IF;
    r.outcome := dataplat_internal.expectation_outcome(rule.severity, rule.warn_if, rule.error_if, r.success, failures, r.evaluated);
    IF rule.warn_if IS NOT NULL OR rule.error_if IS NOT NULL THEN
        r.success := r.outcome = 'PASSED';
    END IF;
    RETURN r;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.judge_work(dataplat_internal.expectation_work, text) IS 'a result from what was measured';

-- Results of expectations over the rows that the caller's snapshot shows:
-- STABLE, so that all its questions are about the same rows.
CREATE OR REPLACE FUNCTION dataplat_internal.judge_expectations(dataset regclass, rules dataplat.expectation[], result_format text)
RETURNS SETOF dataplat.validation_result
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    began  timestamptz := clock_timestamp();
    work   dataplat_internal.expectation_work[] := dataplat_internal.compile_work(dataset, rules);
    keys   name[] := dataplat_internal.primary_key_of(dataset);
    r      dataplat.validation_result;
BEGIN
    work := dataplat_internal.measure_together(dataset, work);
    work := dataplat_internal.measure_groups(dataset, work);
    work := dataplat_internal.measure_queries(dataset, work);
    FOR i IN 1 .. cardinality(work) LOOP
        IF work[i].error IS NULL AND work[i].class IN ('row', 'group') AND result_format <> 'BOOLEAN_ONLY' THEN
            work[i] := dataplat_internal.fetch_examples(dataset, work[i], keys, CASE result_format WHEN 'COMPLETE' THEN 200 ELSE 20 END);
        END IF;
        r := dataplat_internal.judge_work(work[i], result_format);
        r.started_at := began;
        r.finished_at := clock_timestamp();
        RETURN NEXT r;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.judge_expectations(regclass, dataplat.expectation[], text) IS 'results of expectations over a dataset; stores nothing';

-- ------------------------------------------------------------------ storing

/*
 * Judge a dataset by its enabled expectations (of one suite, or all) and store
 * what came of it, in the caller's transaction.  only: these expectations, or
 * NULL; rows of a run are judged by others.  Returns the validation.
 */
CREATE OR REPLACE FUNCTION dataplat_internal.run_expectations(dataset text, suite text DEFAULT NULL, trigger text DEFAULT 'manual', object text DEFAULT NULL,
    run_id bigint DEFAULT NULL, batch_id bigint DEFAULT NULL, only_these bigint[] DEFAULT NULL, result_format text DEFAULT 'SUMMARY',
    incremental boolean DEFAULT false)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    began   timestamptz := clock_timestamp();
    rules   dataplat.expectation[];
    results dataplat.validation_result[];
    obstacles jsonb;
    number  bigint := nextval('dataplat.validation_validation_id_seq');
BEGIN
    SELECT array_agg(e ORDER BY e.expectation_id) INTO rules
      FROM dataplat.expectation AS e
     WHERE e.dataset = run_expectations.dataset AND e.enabled
       AND (run_expectations.suite IS NULL OR e.suite = run_expectations.suite)
       AND (only_these IS NULL OR e.expectation_id = ANY (only_these));
    -- One statement, so one snapshot.
    IF run_expectations.incremental THEN
        obstacles := dataplat_internal.take_states(dataplat_internal.existing_dataset(run_expectations.dataset), rules);
        SELECT array_agg(j) INTO results
          FROM dataplat_internal.judge_incrementally(dataplat_internal.existing_dataset(run_expectations.dataset), rules, result_format, obstacles) AS j;
    ELSE
        SELECT array_agg(j) INTO results
          FROM dataplat_internal.judge_expectations(dataplat_internal.existing_dataset(run_expectations.dataset), rules, result_format) AS j;
    END IF;
    INSERT INTO dataplat.validation (validation_id, dataset, suite, trigger, object, run_id, batch_id, incremental, success, started_at)
    VALUES (number, run_expectations.dataset, run_expectations.suite, run_expectations.trigger, run_expectations.object, run_expectations.run_id,
            run_expectations.batch_id, run_expectations.incremental AND coalesce((SELECT bool_and(r.outcome = 'ERROR' OR coalesce((r.result -> 'incremental')::boolean, false)) FROM unnest(results) AS r), false),
            (SELECT bool_and(r.outcome IN ('PASSED', 'WARN')) FROM unnest(results) AS r), began);
    INSERT INTO dataplat.validation_result
    SELECT number, r.expectation_id, r.dataset, r.name, r.kind, r.dimension, r.severity, r.weight, r.success, r.outcome, r.evaluated, r.passed,
           r.result, r.exception_info, r.started_at, r.finished_at
      FROM unnest(results) AS r;
    PERFORM dataplat_internal.record_validation_metrics(number);
    PERFORM dataplat_internal.tell_validation(number);
    RETURN number;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.run_expectations(text, text, text, text, bigint, bigint, bigint[], text, boolean) IS
    'judge a dataset by its expectations and store the results in the caller''s transaction; returns the validation';

-- ------------------------------------------------------------------ what users call

-- Results hold values: whoever may read the table, or looks after it, may ask.
CREATE OR REPLACE FUNCTION dataplat_internal.check_may_validate(caller name, dataset regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT has_table_privilege(caller, dataset, 'SELECT') AND NOT dataplat_internal.may_expect(caller, dataset) THEN
        RAISE EXCEPTION 'permission denied for dataset "%"', dataset
            USING ERRCODE = 'insufficient_privilege', HINT = 'To validate a dataset one must be able to read it.';
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_may_validate(name, regclass) IS 'fail unless the caller may see what results show';

CREATE OR REPLACE FUNCTION dataplat_internal.check_result_format(result_format text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ BEGIN PERFORM dataplat_internal.check_expectation_choice('result_format', result_format, '{BOOLEAN_ONLY,BASIC,SUMMARY,COMPLETE}'); END; $$;
COMMENT ON FUNCTION dataplat_internal.check_result_format(text) IS 'fail on an unknown format of results';

CREATE OR REPLACE FUNCTION dataplat_internal.command_validate(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass := (a ->> 'dataset')::oid::regclass;
    number   bigint;
BEGIN
    PERFORM dataplat_internal.check_result_format(a ->> 'result_format');
    PERFORM dataplat_internal.check_may_validate(caller, relation);
    IF a ->> 'suite' IS NOT NULL AND NOT EXISTS (SELECT FROM dataplat.expectation_suite AS s WHERE s.name = a ->> 'suite') THEN
        RAISE EXCEPTION 'suite "%" does not exist', a ->> 'suite'
            USING ERRCODE = 'undefined_object', HINT = 'See dataplat.expectation_suite.';
    END IF;
    PERFORM dataplat_internal.follow_datasets();
    number := dataplat_internal.run_expectations(dataplat_internal.dataset_name(relation), a ->> 'suite', 'manual', result_format => a ->> 'result_format',
                                                 incremental => coalesce((a -> 'incremental')::boolean, false));
    RETURN (SELECT coalesce(jsonb_agg(to_jsonb(r) ORDER BY r.expectation_id), '[]') FROM dataplat.validation_result AS r WHERE r.validation_id = number);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_validate(name, jsonb) IS 'validate as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat.validate(dataset regclass, suite text DEFAULT NULL, result_format text DEFAULT 'SUMMARY', incremental boolean DEFAULT false)
RETURNS SETOF dataplat.validation_result
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT r.* FROM jsonb_populate_recordset(NULL::dataplat.validation_result, dataplat.command('validate',
        jsonb_build_object('dataset', dataset::oid::text, 'suite', suite, 'result_format', result_format, 'incremental', incremental))) AS r;
END;
$$;
COMMENT ON FUNCTION dataplat.validate(regclass, text, text, boolean) IS
    'judge a dataset by its expectations, of one suite or all, and store the results; formats: BOOLEAN_ONLY, BASIC, SUMMARY, COMPLETE; incremental: read what changed since the last time, where that can be told';

-- An expectation that is not declared, as a rule.
CREATE OR REPLACE FUNCTION dataplat_internal.loose_expectation(caller name, dataset regclass, kind text, kwargs jsonb)
RETURNS dataplat.expectation
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    meant record := dataplat_internal.read_expectation(kind, kwargs);
    k dataplat_internal.expectation_kind := meant.kind;
    e dataplat.expectation;
BEGIN
    kwargs := meant.said;
    -- What belongs to the expectation and not to the kind may stand in kwargs, as Great Expectations has it.
    e.mostly := CASE WHEN NOT k.arguments ? 'mostly' THEN (kwargs ->> 'mostly')::numeric END;
    e.row_filter := CASE WHEN NOT k.arguments ? 'row_filter' THEN kwargs ->> 'row_filter' END;
    e.null_handling := coalesce(CASE WHEN NOT k.arguments ? 'null_handling' THEN kwargs ->> 'null_handling' END, 'skip');
    e.warn_if := kwargs ->> 'warn_if';
    e.error_if := kwargs ->> 'error_if';
    e.expectation_id := 0;
    e.dataset := dataplat_internal.dataset_name(dataset);
    e.kind := k.kind;
    e.name := k.kind;
    e.kwargs := dataplat_internal.check_kwargs(k, kwargs - ARRAY(
        SELECT n FROM unnest('{mostly,row_filter,null_handling,severity,warn_if,error_if}'::text[]) AS n WHERE NOT k.arguments ? n));
    e.severity := coalesce(kwargs ->> 'severity', 'error');
    e.action := 'warn';
    e.dimension := k.dimension;
    e.weight := 1;
    e.owner := caller;
    PERFORM dataplat_internal.check_expectation(e, k);
    RETURN e;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.loose_expectation(name, regclass, text, jsonb) IS 'an expectation that is not declared';

CREATE OR REPLACE FUNCTION dataplat_internal.command_validate_expectation(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass := (a ->> 'dataset')::oid::regclass;
    e        dataplat.expectation;
    r        dataplat.validation_result;
BEGIN
    PERFORM dataplat_internal.check_result_format(a ->> 'result_format');
    e := dataplat_internal.loose_expectation(caller, relation, a ->> 'kind', coalesce(a -> 'kwargs', '{}'));
    SELECT * INTO r FROM dataplat_internal.judge_expectations(relation, ARRAY[e], a ->> 'result_format');
    RETURN jsonb_build_object('success', r.success, 'result', r.result, 'exception_info',
        coalesce(r.exception_info, '{"raised_exception": false, "exception_message": null, "exception_traceback": null}'));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_validate_expectation(name, jsonb) IS 'validate_expectation as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat.validate_expectation(dataset regclass, kind text, kwargs jsonb DEFAULT '{}', result_format text DEFAULT 'SUMMARY')
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN dataplat.command('validate_expectation', jsonb_build_object('dataset', dataset::oid::text, 'kind', kind, 'kwargs', kwargs, 'result_format', result_format));
END;
$$;
COMMENT ON FUNCTION dataplat.validate_expectation(regclass, text, jsonb, text) IS
    'judge a dataset by one expectation with the caller''s rights, and store nothing: {"success", "result", "exception_info"} as Great Expectations has them; kwargs may hold mostly, row_filter and null_handling, too';
