/*
 * quality: states.  Rules over a growing table cost what changed: the
 * aggregates in them are kept as states that can be added to and, most of
 * them, taken away from; metric(all) = metric(merge(state(old), state(delta))).
 */

-- ------------------------------------------------------------------ parts of a term

CREATE OR REPLACE FUNCTION dataplat_internal.split_term(term text)
RETURNS jsonb
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_split_term';
REVOKE ALL ON FUNCTION dataplat_internal.split_term(text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.split_term(text) IS
    'aggregates of an expression: {"parts": [{"from", "to", "name", "distinct", "argument", "filter"}], "reason": why their states cannot be kept, or null}';

CREATE OR REPLACE FUNCTION dataplat_internal.delta_kind(relation regclass)
RETURNS text
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_delta_kind';
REVOKE ALL ON FUNCTION dataplat_internal.delta_kind(regclass) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.delta_kind(regclass) IS 'how changes of a table can be told: bronze, changelog, or NULL';

CREATE OR REPLACE FUNCTION dataplat_internal.delta_watch(relation regclass, reader text, owner name)
RETURNS void
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_delta_watch';
REVOKE ALL ON FUNCTION dataplat_internal.delta_watch(regclass, text, name) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.delta_watch(regclass, text, name) IS 'begin to follow the changes of a table';

CREATE OR REPLACE FUNCTION dataplat_internal.delta_forget(relation text, kind text, reader text)
RETURNS void
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_delta_forget';
REVOKE ALL ON FUNCTION dataplat_internal.delta_forget(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.delta_forget(text, text, text) IS 'follow the changes of a table no more';

CREATE OR REPLACE FUNCTION dataplat_internal.read_delta(relation regclass, owner name, reader text, frontier text, search_path text, list text,
    OUT reset text, OUT added jsonb, OUT removed jsonb, OUT rows_added bigint, OUT rows_removed bigint)
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_read_delta';
REVOKE ALL ON FUNCTION dataplat_internal.read_delta(regclass, name, text, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.read_delta(regclass, name, text, text, text, text) IS
    'a select list of one jsonb over the rows that came and those that went since the frontier, with a role''s rights, in the caller''s snapshot';

CREATE OR REPLACE FUNCTION dataplat_internal.delta_seen(relation regclass, reader text)
RETURNS text
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_delta_seen';
REVOKE ALL ON FUNCTION dataplat_internal.delta_seen(regclass, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.delta_seen(regclass, text) IS 'move a reader''s frontier to the caller''s snapshot';

CREATE OR REPLACE FUNCTION dataplat_internal.type_group(type text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN type IN ('smallint', 'integer') THEN 'small' WHEN type IN ('bigint', 'numeric') THEN 'exact'
                WHEN type IN ('real', 'double precision') THEN 'float' WHEN type = 'boolean' THEN 'boolean'
                WHEN type IN ('text', 'character varying', 'name', 'uuid', 'date', 'timestamp without time zone', 'timestamp with time zone',
                              'interval', 'time without time zone', 'oid') THEN 'other' END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.type_group(text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.type_group(text) IS 'small, exact, float, boolean or other; NULL: states of such values are not kept';

-- A part as it is measured, by the kind of state: one SQL aggregate that gives
-- a jsonb.  NULL with a reason when no state is kept of it.
CREATE OR REPLACE FUNCTION dataplat_internal.part_measure(name text, dist boolean, argument text, filter text, type text,
                                                          OUT kind text, OUT measure text, OUT reason text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    g text := dataplat_internal.type_group(type);
    f text := CASE WHEN filter IS NOT NULL THEN format(' FILTER (WHERE %s)', filter) ELSE '' END;
    x text := format('(%s)', argument);
BEGIN
    kind := CASE WHEN name = 'column_state' THEN 'column' WHEN dist THEN 'distinct' WHEN name = 'count' THEN 'count' WHEN name IN ('sum', 'avg') THEN 'sum' WHEN name IN ('min', 'max') THEN name
                 WHEN name IN ('bool_and', 'bool_or', 'every') THEN 'bools' ELSE 'variance' END;
    reason := CASE WHEN kind IN ('count', 'column') THEN NULL
                   WHEN g IS NULL THEN format('%s of type %s is not kept', name, type)
                   WHEN kind IN ('sum', 'variance') AND g NOT IN ('small', 'exact', 'float') THEN format('%s of type %s is not kept', name, type) END;
    measure := CASE
        WHEN reason IS NOT NULL THEN NULL
        WHEN kind = 'count' THEN format('to_jsonb(count(%s)%s)', argument, f)
        -- as profile() has it
        WHEN kind = 'column' THEN format('to_jsonb(encode(dataplat.column_state(%s)%s, ''hex''))', argument, f)
        -- a sum of reals is a real; the mean of reals is not
        WHEN kind = 'sum' AND name = 'avg' AND g = 'float' THEN format('jsonb_build_array(sum(%s::float8)%s, count(%s)%s)', x, f, x, f)
        WHEN kind = 'sum' THEN format('jsonb_build_array(sum(%s)%s, count(%s)%s)', x, f, x, f)
        WHEN kind IN ('min', 'max') THEN format('to_jsonb(%s(%s)%s)', kind, x, f)
        WHEN kind = 'bools' THEN format('jsonb_build_array(count(*) FILTER (WHERE %s%s), count(*) FILTER (WHERE NOT %s%s))',
                                        x, coalesce(format(' AND (%s)', filter), ''), x, coalesce(format(' AND (%s)', filter), ''))
        WHEN kind = 'variance' AND g = 'small' THEN format('jsonb_build_array(count(%s)%s, sum(%s)%s, sum(%s::int8 * %s::int8)%s)', x, f, x, f, x, x, f)
        WHEN kind = 'variance' AND g = 'exact' THEN format('jsonb_build_array(count(%s)%s, sum(%s::numeric)%s, sum(%s::numeric * %s::numeric)%s)', x, f, x, f, x, x, f)
        WHEN kind = 'variance' THEN format('jsonb_build_array(count(%s)%s, sum(%s::float8)%s, regr_sxx(%s::float8, %s::float8)%s)', x, f, x, f, x, x, f)
        WHEN kind = 'distinct' THEN format('distinct %s%s', x, f) END;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.part_measure(text, boolean, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.part_measure(text, boolean, text, text, text) IS 'an aggregate as the state that is kept of it, or the reason why none is';

-- ------------------------------------------------------------------ merging

CREATE OR REPLACE FUNCTION dataplat_internal.is_finite(value jsonb)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce(value #>> '{}', '0') NOT IN ('NaN', 'Infinity', '-Infinity'); $$;
REVOKE ALL ON FUNCTION dataplat_internal.is_finite(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.is_finite(jsonb) IS 'is it a number, or NULL?';

-- Two sums, of which one may be NULL because there was no value.
CREATE OR REPLACE FUNCTION dataplat_internal.merge_sums(old jsonb, added jsonb, type_group text)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF coalesce(old, 'null') = 'null' OR coalesce(added, 'null') = 'null' THEN
        RETURN CASE WHEN coalesce(old, 'null') = 'null' THEN added ELSE old END;
    ELSIF type_group = 'float' THEN
        RETURN to_jsonb((old #>> '{}')::float8 + (added #>> '{}')::float8);
    END IF;
    RETURN to_jsonb((old #>> '{}')::numeric + (added #>> '{}')::numeric);
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.merge_sums(jsonb, jsonb, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.merge_sums(jsonb, jsonb, text) IS 'sum of two sums';

CREATE OR REPLACE FUNCTION dataplat_internal.merge_part(kind text, type text, old jsonb, added jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    g text := dataplat_internal.type_group(type);
    n float8;
    m float8;
    delta float8;
    merged jsonb;
BEGIN
    IF added IS NULL OR added = 'null' THEN
        RETURN old;
    ELSIF old = 'null' THEN
        RETURN added;
    ELSIF kind = 'count' THEN
        RETURN to_jsonb(old::bigint + added::bigint);
    ELSIF kind = 'column' THEN
        RETURN (SELECT to_jsonb(encode(dataplat.merge_column_states(decode(x #>> '{}', 'hex')), 'hex')) FROM (VALUES (old), (added)) AS v (x));
    ELSIF kind = 'bools' THEN
        RETURN jsonb_build_array((old -> 0)::bigint + (added -> 0)::bigint, (old -> 1)::bigint + (added -> 1)::bigint);
    ELSIF kind = 'sum' THEN
        RETURN jsonb_build_array(dataplat_internal.merge_sums(old -> 0, added -> 0, g), (old -> 1)::bigint + (added -> 1)::bigint);
    ELSIF kind IN ('min', 'max') THEN
        EXECUTE format('SELECT to_jsonb(%s(%L::%s, %L::%s))', CASE kind WHEN 'min' THEN 'least' ELSE 'greatest' END, old #>> '{}', type, added #>> '{}', type) INTO merged;
        RETURN merged;
    ELSIF g <> 'float' THEN
        RETURN jsonb_build_array((old -> 0)::bigint + (added -> 0)::bigint, dataplat_internal.merge_sums(old -> 1, added -> 1, g),
                                 dataplat_internal.merge_sums(old -> 2, added -> 2, g));
    END IF;
    -- Chan's rule
    n := (old -> 0)::float8;
    m := (added -> 0)::float8;
    IF n = 0 OR m = 0 THEN
        RETURN CASE WHEN n = 0 THEN added ELSE old END;
    END IF;
    delta := (added ->> 1)::float8 / m - (old ->> 1)::float8 / n;
    RETURN jsonb_build_array((old -> 0)::bigint + (added -> 0)::bigint, dataplat_internal.merge_sums(old -> 1, added -> 1, g),
                             (old ->> 2)::float8 + (added ->> 2)::float8 + delta * delta * n * m / (n + m));
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.merge_part(text, text, jsonb, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.merge_part(text, text, jsonb, jsonb) IS 'the state of all values from those of old and of new ones';

-- What is left when values have gone; NULL when the state does not tell.
CREATE OR REPLACE FUNCTION dataplat_internal.subtract_part(kind text, type text, old jsonb, removed jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    g text := dataplat_internal.type_group(type);
    inside boolean;
    left_ bigint;
BEGIN
    IF removed IS NULL OR removed = 'null' THEN
        RETURN old;
    ELSIF kind = 'count' THEN
        RETURN to_jsonb(old::bigint - removed::bigint);
    ELSIF kind = 'bools' THEN
        RETURN jsonb_build_array((old -> 0)::bigint - (removed -> 0)::bigint, (old -> 1)::bigint - (removed -> 1)::bigint);
    ELSIF kind IN ('min', 'max') THEN
        EXECUTE format('SELECT %L::%s %s %L::%s', removed #>> '{}', type, CASE kind WHEN 'min' THEN '>' ELSE '<' END, old #>> '{}', type) INTO inside;
        RETURN CASE WHEN inside THEN old END;
    ELSIF kind = 'column' THEN
        RETURN NULL;
    ELSIF kind = 'sum' THEN
        left_ := (old -> 1)::bigint - (removed -> 1)::bigint;
        RETURN CASE WHEN (removed -> 1)::bigint = 0 THEN old
                    WHEN left_ = 0 THEN jsonb_build_array(NULL, 0)
                    WHEN g <> 'float' AND dataplat_internal.is_finite(old -> 0) AND dataplat_internal.is_finite(removed -> 0)
                    THEN jsonb_build_array((old ->> 0)::numeric - (removed ->> 0)::numeric, left_) END;
    END IF;
    left_ := (old -> 0)::bigint - (removed -> 0)::bigint;
    RETURN CASE WHEN (removed -> 0)::bigint = 0 THEN old
                WHEN left_ = 0 THEN jsonb_build_array(0, NULL, NULL)
                WHEN g <> 'float' AND dataplat_internal.is_finite(old -> 1) AND dataplat_internal.is_finite(removed -> 1)
                THEN jsonb_build_array(left_, (old ->> 1)::numeric - (removed ->> 1)::numeric, (old ->> 2)::numeric - (removed ->> 2)::numeric) END;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.subtract_part(text, text, jsonb, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.subtract_part(text, text, jsonb, jsonb) IS 'the state when values have gone; NULL when it must be measured afresh';

-- The result of the aggregate as a constant, to the digit as the server's own
-- aggregate would give it.
CREATE OR REPLACE FUNCTION dataplat_internal.part_result(name text, kind text, type text, value jsonb)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    g text := dataplat_internal.type_group(type);
    n numeric;
    s numeric;
    v numeric;
    f float8;
    result_type text := CASE WHEN name = 'sum' AND type IN ('smallint', 'integer') THEN 'bigint' WHEN name = 'sum' AND type = 'bigint' THEN 'numeric'
                             WHEN name = 'sum' OR kind IN ('min', 'max') THEN type WHEN kind IN ('count', 'distinct') THEN 'bigint'
                             WHEN kind = 'bools' THEN 'boolean' WHEN kind = 'column' THEN 'bytea' WHEN g = 'float' THEN 'double precision' ELSE 'numeric' END;
    result text;
BEGIN
    IF kind = 'bools' THEN
        result := CASE WHEN (value -> 0)::bigint + (value -> 1)::bigint = 0 THEN NULL
                       WHEN name = 'bool_or' THEN (value -> 0)::bigint > 0 ELSE (value -> 1)::bigint = 0 END;
    ELSIF kind = 'column' THEN
        result := '\x' || (value #>> '{}');
    ELSIF kind IN ('count', 'min', 'max') THEN
        result := value #>> '{}';
    ELSIF name = 'sum' THEN
        result := value ->> 0;
    ELSIF name = 'avg' AND (value -> 1)::bigint > 0 THEN
        result := CASE WHEN g = 'float' THEN ((value ->> 0)::float8 / (value -> 1)::float8)::text ELSE ((value ->> 0)::numeric / (value -> 1)::numeric)::text END;
    ELSIF kind = 'distinct' THEN
        result := value ->> 'distinct';
    ELSIF kind = 'variance' THEN
        n := (value -> 0)::numeric;
        IF n > (CASE WHEN name LIKE '%\_pop' THEN 0 ELSE 1 END) THEN
            IF g = 'float' THEN
                f := (value ->> 2)::float8 / (CASE WHEN name LIKE '%\_pop' THEN n ELSE n - 1 END)::float8;
                result := CASE WHEN name LIKE 'stddev%' THEN sqrt(f) ELSE f END;
            ELSE
                s := (value ->> 1)::numeric;
                v := n * (value ->> 2)::numeric - s * s;
                v := CASE WHEN v <= 0 THEN 0 ELSE v / (n * CASE WHEN name LIKE '%\_pop' THEN n ELSE n - 1 END) END;
                result := CASE WHEN name LIKE 'stddev%' AND v > 0 THEN round(sqrt(v), scale(v)) ELSE v END;
            END IF;
        END IF;
    END IF;
    RETURN format('(%L::%s)', result, result_type);
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.part_result(text, text, text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.part_result(text, text, text, jsonb) IS 'an aggregate''s result from its state, as a constant in SQL';

-- ------------------------------------------------------------------ keeping

-- Take the states of a role's rules over a dataset for this transaction, and
-- begin to follow its changes.  Must be a statement of its own before the
-- one that measures: whoever waited here then sees what the other one left.
-- Returns why nothing can be kept, or NULL.
CREATE OR REPLACE FUNCTION dataplat_internal.lock_states(dataset regclass, role name)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := dataplat_internal.dataset_name(dataset);
    kind text := dataplat_internal.delta_kind(dataset);
    known boolean;
BEGIN
    IF kind IS NULL THEN
        RETURN 'changes of it cannot be told';
    ELSIF pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean THEN
        RETURN 'the transaction is read-only';
    END IF;
    PERFORM FROM dataplat_internal.quality_state AS s WHERE s.dataset = name AND s.owner = role FOR UPDATE;
    known := FOUND;
    BEGIN
        PERFORM dataplat_internal.delta_watch(lock_states.dataset, 'rules of ' || role, role);
    EXCEPTION WHEN insufficient_privilege OR wrong_object_type OR feature_not_supported OR object_not_in_prerequisite_state OR lock_not_available THEN
        RETURN SQLERRM;
    END;
    IF NOT known THEN
        INSERT INTO dataplat_internal.quality_state AS s (dataset, owner) VALUES (name, role) ON CONFLICT DO NOTHING;
        PERFORM FROM dataplat_internal.quality_state AS s WHERE s.dataset = name AND s.owner = role FOR UPDATE;
    END IF;
    RETURN NULL;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.lock_states(regclass, name) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.lock_states(regclass, name) IS 'take the states of a role''s rules over a dataset for this transaction; why nothing can be kept, or NULL';

CREATE OR REPLACE FUNCTION dataplat_internal.keep_states(dataset text, role name, frontier text, reset text, rows_added bigint, rows_removed bigint, parts jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE dataplat_internal.quality_state AS s
       SET frontier = keep_states.frontier, reset = keep_states.reset, rows_added = keep_states.rows_added, rows_removed = keep_states.rows_removed,
           measured_at = clock_timestamp()
     WHERE s.dataset = keep_states.dataset AND s.owner = role;
    DELETE FROM dataplat_internal.quality_part AS p
     WHERE p.dataset = keep_states.dataset AND p.owner = role AND (NOT parts ? p.part OR p.used_at < now() - interval '30 days' AND NOT (parts -> p.part ->> 'used')::boolean);
    INSERT INTO dataplat_internal.quality_part AS p (dataset, owner, part, type, value)
    SELECT keep_states.dataset, role, e.key, e.value ->> 'type', e.value -> 'value' FROM jsonb_each(parts) AS e
    ON CONFLICT ON CONSTRAINT quality_part_pkey DO UPDATE
       SET value = excluded.value, type = excluded.type, used_at = CASE WHEN (parts -> p.part ->> 'used')::boolean THEN now() ELSE p.used_at END;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.keep_states(text, name, text, text, bigint, bigint, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.keep_states(text, name, text, text, bigint, bigint, jsonb) IS 'store states and how far they have seen the dataset';

-- Terms as parts: for each term {"parts": [...], "reason"}, each part with
-- type, kind and measure.
CREATE OR REPLACE FUNCTION dataplat_internal.analyze_terms(dataset regclass, role name, search_path text, filters text[], terms text[])
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t jsonb;
    p jsonb;
    m record;
    asked record;
    found jsonb := '[]';
    parts jsonb;
    types jsonb := '{}';
    arguments text[] := '{}';
    source text := dataplat_internal.dataset_name(dataset);
    condition text;
    i int;
BEGIN
    FOR i IN 1 .. cardinality(terms) LOOP
        t := dataplat_internal.split_term(terms[i]);
        IF filters[i] IS NOT NULL AND dataplat_internal.split_term('count(*) FILTER (WHERE ' || filters[i] || ')') ->> 'reason' IS NOT NULL THEN
            t := t || jsonb_build_object('reason', dataplat_internal.split_term('count(*) FILTER (WHERE ' || filters[i] || ')') ->> 'reason');
        END IF;
        found := found || t;
        arguments := arguments || ARRAY(SELECT e ->> 'argument' FROM jsonb_array_elements(t -> 'parts') AS e
                                         WHERE e ->> 'argument' <> '*' AND e ->> 'name' <> 'count' AND t ->> 'reason' IS NULL);
    END LOOP;
    arguments := ARRAY(SELECT DISTINCT a FROM unnest(arguments) AS a ORDER BY a);
    IF cardinality(arguments) > 0 THEN
        asked := dataplat_internal.ask_as(role, search_path, format('SELECT to_jsonb(ARRAY[%s]::text[])',
            (SELECT string_agg(format('pg_typeof((SELECT %s FROM %s AS dataplat_rows LIMIT 0))', a, source), ', ' ORDER BY nth) FROM unnest(arguments) WITH ORDINALITY AS u (a, nth))));
        IF asked.error IS NOT NULL THEN
            RETURN (SELECT jsonb_agg(jsonb_build_object('parts', '[]'::jsonb, 'reason', asked.error ->> 'exception_message')) FROM unnest(terms));
        END IF;
        types := (SELECT jsonb_object_agg(a, asked.answer ->> (nth - 1)::int) FROM unnest(arguments) WITH ORDINALITY AS u (a, nth));
    END IF;
    FOR i IN 1 .. cardinality(terms) LOOP
        t := found -> (i - 1);
        CONTINUE WHEN t ->> 'reason' IS NOT NULL;
        parts := '[]';
        FOR p IN SELECT e FROM jsonb_array_elements(t -> 'parts') AS e LOOP
            condition := CASE WHEN filters[i] IS NULL THEN p ->> 'filter' WHEN p ->> 'filter' IS NULL THEN filters[i]
                              ELSE format('(%s) AND (%s)', filters[i], p ->> 'filter') END;
            m := dataplat_internal.part_measure(p ->> 'name', (p -> 'distinct')::boolean, p ->> 'argument', condition, coalesce(types ->> (p ->> 'argument'), 'bigint'));
            IF m.kind IN ('min', 'max') AND types ->> (p ->> 'argument') IN ('text', 'character varying') THEN
                asked := dataplat_internal.ask_as(role, search_path, format('SELECT to_jsonb(pg_collation_for((SELECT %s FROM %s AS dataplat_rows LIMIT 0)))', p ->> 'argument', source));
                m.reason := CASE WHEN asked.answer #>> '{}' IS DISTINCT FROM '"default"' THEN format('%s with a collation of its own is not kept', m.kind) END;
            END IF;
            IF m.kind = 'distinct' THEN
                m.reason := coalesce(m.reason, dataplat_internal.values_obstacle(dataset, role, p ->> 'argument', condition));
            END IF;
            IF m.reason IS NOT NULL THEN
                t := t || jsonb_build_object('reason', m.reason);
            END IF;
            parts := parts || (p || jsonb_build_object('kind', m.kind, 'measure', m.measure, 'type', coalesce(types ->> (p ->> 'argument'), 'bigint')));
        END LOOP;
        found := jsonb_set(found, ARRAY[(i - 1)::text], t || jsonb_build_object('parts', parts));
    END LOOP;
    RETURN found;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.analyze_terms(regclass, name, text, text[], text[]) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.analyze_terms(regclass, name, text, text[], text[]) IS 'expressions over aggregates as the states that must be kept for them, or why not';

-- Parts that need no state of their own are measured over the whole table, in
-- one pass: {measure: {"answer"} or {"error"}}.
CREATE OR REPLACE FUNCTION dataplat_internal.measure_parts(dataset regclass, role name, search_path text, measures text[], types jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    plain text[] := ARRAY(SELECT m FROM unnest(measures) AS m WHERE m NOT LIKE 'distinct %' ORDER BY m);
    answers jsonb;
    found jsonb := '{}';
    m text;
BEGIN
    IF cardinality(plain) > 0 THEN
        answers := dataplat_internal.ask_terms(role, search_path, format('%s AS dataplat_rows', dataplat_internal.dataset_name(dataset)), plain);
        found := (SELECT jsonb_object_agg(u.m, answers -> (nth - 1)::int) FROM unnest(plain) WITH ORDINALITY AS u (m, nth));
    END IF;
    FOR m IN SELECT x FROM unnest(measures) AS x WHERE x LIKE 'distinct %' LOOP
        found := found || jsonb_build_object(m, dataplat_internal.count_values(dataset, role, m, types -> m ->> 'type'));
    END LOOP;
    RETURN found;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.measure_parts(regclass, name, text, text[], jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.measure_parts(regclass, name, text, text[], jsonb) IS 'states of parts of the whole table';

-- The stored states with what changed laid on top: {"reset", "rows_added", "rows_removed", "parts": {measure: {"type", "kind", "value"}}}.
-- A state that does not tell what is left when values go is left out.
CREATE OR REPLACE FUNCTION dataplat_internal.advance_states(dataset regclass, role name, search_path text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := dataplat_internal.dataset_name(dataset);
    state dataplat_internal.quality_state;
    old dataplat_internal.quality_part[];
    d record;
    parts jsonb := '{}';
    kind text;
    value jsonb;
    changed jsonb;
    nth int := 0;
    list text;
BEGIN
    SELECT * INTO state FROM dataplat_internal.quality_state AS s WHERE s.dataset = name AND s.owner = role;
    IF state.frontier IS NULL THEN
        RETURN '{"reset": "it is measured for the first time", "parts": {}}';
    END IF;
    SELECT coalesce(array_agg(p ORDER BY p.part), '{}') INTO old FROM dataplat_internal.quality_part AS p WHERE p.dataset = name AND p.owner = role;
    SELECT string_agg(CASE WHEN o.part LIKE 'distinct %' THEN dataplat_internal.values_measure(o.part, o.type, 'dataplat_delta') ELSE o.part END, ', ' ORDER BY u.nth) INTO list
      FROM unnest(old) WITH ORDINALITY AS u (dataset, owner, part, type, value, used_at, digest, nth), LATERAL (SELECT u.part, u.type) AS o;
    d := dataplat_internal.read_delta(dataset, role, 'rules of ' || role, state.frontier, search_path, format('to_jsonb(ARRAY[%s])', concat_ws(', ', 'to_jsonb(count(*))', list)));
    IF d.reset IS NOT NULL THEN
        RETURN jsonb_build_object('reset', d.reset, 'parts', '{}'::jsonb);
    END IF;
    FOR i IN 1 .. cardinality(old) LOOP
        kind := dataplat_internal.part_kind(old[i].part);
        IF kind = 'distinct' THEN
            value := dataplat_internal.merge_values(name, role, old[i].part, old[i].value, d.added -> i, d.removed -> i);
        ELSE
            value := dataplat_internal.subtract_part(kind, old[i].type, dataplat_internal.merge_part(kind, old[i].type, old[i].value, d.added -> i), d.removed -> i);
        END IF;
        CONTINUE WHEN value IS NULL;
        parts := parts || jsonb_build_object(old[i].part, jsonb_build_object('type', old[i].type, 'value', value, 'used', false));
    END LOOP;
    RETURN jsonb_build_object('reset', NULL, 'rows_added', d.rows_added, 'rows_removed', d.rows_removed, 'parts', parts);
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.advance_states(regclass, name, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.advance_states(regclass, name, text) IS 'the states of a role''s rules over a dataset as of now; stores nothing';

CREATE OR REPLACE FUNCTION dataplat_internal.part_kind(measure text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN measure LIKE 'distinct %' THEN 'distinct' WHEN measure LIKE 'to\_jsonb(encode(%' THEN 'column' WHEN measure LIKE 'to\_jsonb(count(%' THEN 'count' WHEN measure LIKE 'to\_jsonb(min(%' THEN 'min'
                WHEN measure LIKE 'to\_jsonb(max(%' THEN 'max' WHEN measure LIKE 'jsonb\_build\_array(sum(%' THEN 'sum'
                WHEN measure LIKE 'jsonb\_build\_array(count(*) FILTER%' THEN 'bools' ELSE 'variance' END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.part_kind(text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.part_kind(text) IS 'which kind of state a part is';

-- Expressions over aggregates of a dataset, from states: answers in the form of
-- ask_terms(), or {"reason": why it must be asked of the whole table}.  The states
-- must have been taken by lock_states() in an earlier statement.  more: further
-- parts that are wanted, {measure: {"type", "used"}}.  STABLE:
-- all is read in the caller's snapshot, and the frontier is moved to it.
CREATE OR REPLACE FUNCTION dataplat_internal.kept_terms(dataset regclass, role name, search_path text, filters text[], terms text[], more jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    analysis jsonb := dataplat_internal.analyze_terms(dataset, role, search_path, filters, terms);
    now_ jsonb;
    parts jsonb;
    fresh jsonb := '{}';
    wanted jsonb;
    lost text[];
    answers jsonb := '[]';
    texts text[] := '{}';
    places int[] := '{}';
    t jsonb;
    problem jsonb;
BEGIN
    BEGIN
        now_ := dataplat_internal.advance_states(dataset, role, search_path);
    EXCEPTION WHEN query_canceled OR serialization_failure OR deadlock_detected THEN
        RAISE;
    WHEN OTHERS THEN
        -- The whole table will tell whose error it is.
        now_ := jsonb_build_object('reset', format('what changed could not be measured: %s', SQLERRM), 'parts', '{}'::jsonb);
    END;
    parts := now_ -> 'parts';
    SELECT more || coalesce(jsonb_object_agg(p ->> 'measure', jsonb_build_object('type', p ->> 'type', 'used', true)), '{}') INTO wanted
      FROM jsonb_array_elements(analysis) AS a, jsonb_array_elements(a -> 'parts') AS p WHERE a ->> 'reason' IS NULL;
    lost := ARRAY(SELECT w.key FROM jsonb_each(wanted) AS w WHERE NOT parts ? w.key OR parts -> w.key ->> 'type' <> w.value ->> 'type' ORDER BY 1);
    IF cardinality(lost) > 0 THEN
        fresh := dataplat_internal.measure_parts(dataset, role, search_path, lost, wanted);
    END IF;
    SELECT parts || coalesce(jsonb_object_agg(w.key, w.value || jsonb_build_object('value',
               CASE WHEN fresh ? w.key THEN fresh -> w.key -> 'answer' ELSE parts -> w.key -> 'value' END)), '{}') INTO parts
      FROM jsonb_each(wanted) AS w WHERE NOT coalesce(fresh -> w.key ? 'error', false);
    FOR i IN 1 .. cardinality(terms) LOOP
        t := analysis -> (i - 1);
        SELECT fresh -> (p ->> 'measure') -> 'error' INTO problem FROM jsonb_array_elements(t -> 'parts') AS p WHERE fresh -> (p ->> 'measure') ? 'error' LIMIT 1;
        IF t ->> 'reason' IS NOT NULL OR FOUND THEN
            answers := answers || jsonb_build_object('reason', coalesce(t ->> 'reason', problem ->> 'exception_message'));
        ELSE
            answers := answers || jsonb_build_object('whole', EXISTS (SELECT FROM jsonb_array_elements(t -> 'parts') AS p WHERE fresh ? (p ->> 'measure')));
            texts := texts || dataplat_internal.filled_term(terms[i], t -> 'parts', parts);
            places := places || i;
        END IF;
    END LOOP;
    answers := dataplat_internal.finish_terms(role, search_path, answers, texts, places);
    PERFORM dataplat_internal.keep_states(dataplat_internal.dataset_name(dataset), role, dataplat_internal.delta_seen(dataset, 'rules of ' || role), now_ ->> 'reset',
                                          (now_ -> 'rows_added')::bigint, (now_ -> 'rows_removed')::bigint, parts);
    RETURN jsonb_build_object('answers', answers, 'reset', now_ -> 'reset', 'rows_added', now_ -> 'rows_added', 'rows_removed', now_ -> 'rows_removed',
        'afresh', to_jsonb(lost),
        'parts', (SELECT jsonb_object_agg(m.key, parts -> m.key) FROM jsonb_each(more) AS m),
        'values', (SELECT jsonb_object_agg(p.key, p.value -> 'value') FROM jsonb_each(parts) AS p WHERE p.key LIKE 'distinct %'));
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.kept_terms(regclass, name, text, text[], text[], jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.kept_terms(regclass, name, text, text[], text[], jsonb) IS 'expressions over aggregates of a dataset from states that are kept of it';

-- A term with its aggregates replaced by their results.
CREATE OR REPLACE FUNCTION dataplat_internal.filled_term(term text, term_parts jsonb, states jsonb)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p jsonb;
BEGIN
    FOR p IN SELECT e FROM jsonb_array_elements(term_parts) AS e ORDER BY (e -> 'from')::int DESC LOOP
        term := left(term, (p -> 'from')::int)
             || dataplat_internal.part_result(p ->> 'name', p ->> 'kind', p ->> 'type', states -> (p ->> 'measure') -> 'value')
             || substr(term, (p -> 'to')::int + 1);
    END LOOP;
    RETURN term;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.filled_term(text, jsonb, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.filled_term(text, jsonb, jsonb) IS 'an expression over aggregates with constants in their place';

CREATE OR REPLACE FUNCTION dataplat_internal.finish_terms(role name, search_path text, answers jsonb, texts text[], places int[])
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    results jsonb;
    i int;
BEGIN
    results := dataplat_internal.ask_terms(role, search_path, '(VALUES (1)) AS one', texts);
    FOR i IN 1 .. cardinality(places) LOOP
        answers := jsonb_set(answers, ARRAY[(places[i] - 1)::text], (answers -> (places[i] - 1)) || (results -> (i - 1)));
    END LOOP;
    RETURN answers;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.finish_terms(name, text, jsonb, text[], int[]) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.finish_terms(name, text, jsonb, text[], int[]) IS 'compute what remains of expressions whose aggregates are constants';

-- ------------------------------------------------------------------ different values

-- Columns whose values are kept one by one, because somebody chose so.
CREATE OR REPLACE FUNCTION dataplat_internal.values_obstacle(dataset regclass, role name, argument text, filter text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    col name;
BEGIN
    SELECT a.attname INTO col FROM pg_attribute AS a
     WHERE a.attrelid = dataset AND a.attnum > 0 AND NOT a.attisdropped AND quote_ident(a.attname) = argument;
    IF NOT FOUND OR filter IS NOT NULL THEN
        RETURN 'different values are kept of plain columns only, without a filter';
    ELSIF NOT EXISTS (SELECT FROM dataplat_internal.kept_column AS k WHERE k.dataset = dataplat_internal.dataset_name(values_obstacle.dataset) AND k.column_name = col) THEN
        RETURN format('values of column "%s" are not kept; see dataplat.keep_values()', col);
    ELSIF EXISTS (SELECT FROM pg_attribute AS a JOIN pg_collation AS c ON c.oid = a.attcollation
                   WHERE a.attrelid = dataset AND a.attname = col AND NOT c.collisdeterministic) THEN
        RETURN format('values of column "%s" that are written differently may be equal', col);
    END IF;
    RETURN NULL;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.values_obstacle(regclass, name, text, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.values_obstacle(regclass, name, text, text) IS 'why the number of different values cannot be kept; NULL: it can';


-- How often each value is in a relation, as a jsonb object; the text stands
-- for the value: the same for equal ones, and short.
CREATE OR REPLACE FUNCTION dataplat_internal.values_measure(part text, type text, relation text, condition text DEFAULT NULL)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('(SELECT jsonb_object_agg(q.k, q.n) FROM (SELECT %s AS k, count(*) AS n FROM %s AS r WHERE %s IS NOT NULL GROUP BY 1) AS q%s)', CASE
        WHEN type IN ('text', 'character varying', 'name')
        THEN format('CASE WHEN octet_length(%1$s::text) <= 60 THEN ''='' || %1$s ELSE encode(sha256(convert_to(%1$s::text, ''UTF8'')), ''hex'') END', x)
        WHEN type = 'numeric' THEN format('trim_scale(%s)::text', x)
        WHEN type IN ('real', 'double precision') THEN format('(%s + 0)::text', x)
        WHEN type IN ('date', 'timestamp without time zone', 'timestamp with time zone') THEN format('extract(epoch FROM %s)::text', x)
        ELSE format('%s::text', x) END, relation, x, ' WHERE ' || condition)
      FROM substr(part, 10) AS x;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.values_measure(text, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.values_measure(text, text, text, text) IS 'SQL that counts each value of a kept column';

CREATE OR REPLACE FUNCTION dataplat_internal.store_values(dataset text, role name, part text, chunk jsonb, first boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF first THEN
        DELETE FROM dataplat_internal.quality_value AS v WHERE v.dataset = store_values.dataset AND v.owner = role AND v.part = md5(store_values.part);
    END IF;
    INSERT INTO dataplat_internal.quality_value (dataset, owner, part, value, n)
    SELECT store_values.dataset, role, md5(store_values.part), e.key, e.value::bigint FROM jsonb_each(chunk) AS e;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.store_values(text, name, text, jsonb, boolean) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.store_values(text, name, text, jsonb, boolean) IS 'store how often values are there';

-- Count all values of a kept column, in the caller's snapshot, some hundred
-- thousand different ones at a time.
CREATE OR REPLACE FUNCTION dataplat_internal.count_values(dataset regclass, role name, part text, type text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chunks int := greatest(1, ceil((SELECT sum(c.reltuples) FROM pg_class AS c
                                     WHERE c.oid IN (SELECT t.relid FROM pg_partition_tree(dataset) AS t UNION SELECT dataset)) / 1000000)::int);
    asked record;
    totals bigint[] := '{0,0,0}';
BEGIN
    FOR i IN 0 .. chunks - 1 LOOP
        asked := dataplat_internal.ask_as(role, 'pg_catalog', 'SELECT ' || dataplat_internal.values_measure(part, type, dataplat_internal.dataset_name(dataset),
            CASE WHEN chunks > 1 THEN format('abs(hashtextextended(q.k, 0) %% %s) = %s', chunks, i) END));
        IF asked.error IS NOT NULL THEN
            RETURN jsonb_build_object('error', asked.error);
        END IF;
        PERFORM dataplat_internal.store_values(dataplat_internal.dataset_name(dataset), role, part, coalesce(asked.answer, '{}'), i = 0);
        SELECT ARRAY[totals[1] + count(*), totals[2] + count(*) FILTER (WHERE e.value = '1'), totals[3] + coalesce(sum(e.value::bigint) FILTER (WHERE e.value <> '1'), 0)]
          INTO totals FROM jsonb_each(asked.answer) AS e;
    END LOOP;
    RETURN jsonb_build_object('answer', jsonb_build_object('distinct', totals[1], 'once', totals[2], 'repeated', totals[3]));
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.count_values(regclass, name, text, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.count_values(regclass, name, text, text) IS 'count the values of a kept column afresh: how many different ones, those there once, and rows of the others';

-- The numbers of a kept column after values came and went.  A value at a time by
-- the key: statistics of the table lag behind what was just written.
CREATE OR REPLACE FUNCTION dataplat_internal.merge_values(dataset text, role name, part text, old jsonb, added jsonb, removed jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    d bigint;
    o bigint;
    r bigint;
BEGIN
    WITH change AS MATERIALIZED (
        SELECT c.key, sum(c.n)::bigint AS n
          FROM (SELECT e.key, e.value::bigint AS n FROM jsonb_each(NULLIF(added, 'null')) AS e
                UNION ALL SELECT e.key, -e.value::bigint FROM jsonb_each(NULLIF(removed, 'null')) AS e) AS c
         GROUP BY c.key HAVING sum(c.n) <> 0
    ), both_ AS MATERIALIZED (
        SELECT c.key, coalesce(v.n, 0) AS was, coalesce(v.n, 0) + c.n AS is_
          FROM change AS c
          LEFT JOIN LATERAL (SELECT x.n FROM dataplat_internal.quality_value AS x
                              WHERE x.dataset = merge_values.dataset AND x.owner = role AND x.part = md5(merge_values.part) AND x.value = c.key OFFSET 0) AS v ON true
    ), gone AS (
        DELETE FROM dataplat_internal.quality_value AS x USING both_ AS b
         WHERE x.dataset = merge_values.dataset AND x.owner = role AND x.part = md5(merge_values.part) AND x.value = b.key AND b.is_ = 0
    ), put AS (
        INSERT INTO dataplat_internal.quality_value AS x (dataset, owner, part, value, n)
        SELECT merge_values.dataset, role, md5(merge_values.part), b.key, b.is_ FROM both_ AS b WHERE b.is_ > 0
        ON CONFLICT ON CONSTRAINT quality_value_pkey DO UPDATE SET n = excluded.n
    )
    SELECT coalesce(sum((b.is_ > 0)::int - (b.was > 0)::int), 0), coalesce(sum((b.is_ = 1)::int - (b.was = 1)::int), 0),
           coalesce(sum(CASE WHEN b.is_ > 1 THEN b.is_ ELSE 0 END - CASE WHEN b.was > 1 THEN b.was ELSE 0 END), 0)
      INTO d, o, r FROM both_ AS b;
    RETURN jsonb_build_object('distinct', (old -> 'distinct')::bigint + d, 'once', (old -> 'once')::bigint + o, 'repeated', (old -> 'repeated')::bigint + r);
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.merge_values(text, name, text, jsonb, jsonb, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.merge_values(text, name, text, jsonb, jsonb, jsonb) IS 'the numbers of a kept column after values came and went';

CREATE OR REPLACE FUNCTION dataplat.keep_values(dataset regclass, column_name text, keep boolean DEFAULT true)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat.command('keep_values', jsonb_build_object('dataset', dataset::oid, 'column', column_name, 'keep', keep));
$$;
REVOKE ALL ON FUNCTION dataplat.keep_values(regclass, text, boolean) FROM PUBLIC;
COMMENT ON FUNCTION dataplat.keep_values(regclass, text, boolean) IS
    'keep how often each value of a column is there, so that exact counts of different and repeated values cost what changed; takes space for each different value';

CREATE OR REPLACE FUNCTION dataplat_internal.command_keep_values(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record := dataplat_internal.expectation_column((a ->> 'dataset')::oid::regclass, a ->> 'column');
    name text := dataplat_internal.dataset_name((a ->> 'dataset')::oid::regclass);
BEGIN
    IF NOT pg_has_role(caller, (SELECT r.relowner FROM pg_class AS r WHERE r.oid = (a ->> 'dataset')::oid), 'MEMBER') THEN
        RAISE EXCEPTION 'must be owner of table %', name USING ERRCODE = 'insufficient_privilege';
    ELSIF dataplat_internal.type_group(c.type::text) IS NULL OR c.type::text IN ('interval', 'time without time zone') THEN
        RAISE EXCEPTION 'values of type % are not kept', c.type USING ERRCODE = 'feature_not_supported';
    END IF;
    IF (a -> 'keep')::boolean THEN
        INSERT INTO dataplat_internal.kept_column (dataset, column_name) VALUES (name, a ->> 'column') ON CONFLICT DO NOTHING;
    ELSE
        DELETE FROM dataplat_internal.kept_column AS k WHERE k.dataset = name AND k.column_name = a ->> 'column';
        DELETE FROM dataplat_internal.quality_value AS v WHERE v.dataset = name AND v.part = md5(format('distinct (%s)', c.quoted));
        DELETE FROM dataplat_internal.quality_part AS p WHERE p.dataset = name AND p.part = format('distinct (%s)', c.quoted);
    END IF;
    RETURN NULL;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.command_keep_values(name, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.command_keep_values(name, jsonb) IS 'keep_values as the owner of the extension';

-- ------------------------------------------------------------------ forgetting

CREATE OR REPLACE FUNCTION dataplat_internal.forget_states(dataset text, role name DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s dataplat_internal.quality_state;
BEGIN
    FOR s IN SELECT * FROM dataplat_internal.quality_state AS x WHERE x.dataset = forget_states.dataset AND (role IS NULL OR x.owner = role) LOOP
        PERFORM dataplat_internal.delta_forget(s.dataset, 'changelog', 'rules of ' || s.owner);
        DELETE FROM dataplat_internal.quality_value AS v WHERE v.dataset = s.dataset AND v.owner = s.owner;
        DELETE FROM dataplat_internal.quality_state AS x WHERE x.dataset = s.dataset AND x.owner = s.owner;
    END LOOP;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.forget_states(text, name) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.forget_states(text, name) IS 'drop the states of a dataset, and follow its changes no more';
