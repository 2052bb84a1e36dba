/*
 * quality: profiles of columns, in one pass, from states that can be merged.
 */

-- ------------------------------------------------------------------ states of columns
--
-- The functions of the aggregate run once a row and look nothing up by name.

CREATE OR REPLACE FUNCTION dataplat_internal.column_state_add(state internal, value anyelement)
RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'dp_column_state_add';
REVOKE ALL ON FUNCTION dataplat_internal.column_state_add(internal, anyelement) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.column_state_add(internal, anyelement) IS 'transition of column_state()';

CREATE OR REPLACE FUNCTION dataplat_internal.column_state_add_state(state internal, other bytea)
RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'dp_column_state_add_state';
REVOKE ALL ON FUNCTION dataplat_internal.column_state_add_state(internal, bytea) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.column_state_add_state(internal, bytea) IS 'transition of merge_column_states()';

CREATE OR REPLACE FUNCTION dataplat_internal.column_state_combine(state internal, other internal)
RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'dp_column_state_combine';
REVOKE ALL ON FUNCTION dataplat_internal.column_state_combine(internal, internal) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.column_state_combine(internal, internal) IS 'what parallel workers found, together';

CREATE OR REPLACE FUNCTION dataplat_internal.column_state_serialize(state internal)
RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'dp_column_state_serialize';
REVOKE ALL ON FUNCTION dataplat_internal.column_state_serialize(internal) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.column_state_serialize(internal) IS 'a state as bytes';

CREATE OR REPLACE FUNCTION dataplat_internal.column_state_deserialize(bytes bytea, unused internal)
RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'dp_column_state_deserialize';
REVOKE ALL ON FUNCTION dataplat_internal.column_state_deserialize(bytea, internal) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.column_state_deserialize(bytea, internal) IS 'a state from bytes';

CREATE OR REPLACE FUNCTION dataplat_internal.column_state_final(state internal)
RETURNS bytea
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'dp_column_state_final';
REVOKE ALL ON FUNCTION dataplat_internal.column_state_final(internal) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.column_state_final(internal) IS 'result of column_state()';

CREATE OR REPLACE AGGREGATE dataplat.column_state(anyelement) (
    SFUNC = dataplat_internal.column_state_add, STYPE = internal, SSPACE = 32768,
    FINALFUNC = dataplat_internal.column_state_final, COMBINEFUNC = dataplat_internal.column_state_combine,
    SERIALFUNC = dataplat_internal.column_state_serialize, DESERIALFUNC = dataplat_internal.column_state_deserialize,
    PARALLEL = SAFE);
COMMENT ON AGGREGATE dataplat.column_state(anyelement) IS
    'all that a profile says of a column, in a form that can be merged: counts, moments, extremes, lengths, percentiles (t-digest), different values (HyperLogLog), frequencies';

CREATE OR REPLACE AGGREGATE dataplat.merge_column_states(bytea) (
    SFUNC = dataplat_internal.column_state_add_state, STYPE = internal, SSPACE = 32768,
    FINALFUNC = dataplat_internal.column_state_final, COMBINEFUNC = dataplat_internal.column_state_combine,
    SERIALFUNC = dataplat_internal.column_state_serialize, DESERIALFUNC = dataplat_internal.column_state_deserialize,
    PARALLEL = SAFE);
COMMENT ON AGGREGATE dataplat.merge_column_states(bytea) IS 'the state of all values from states of parts of them';

CREATE OR REPLACE FUNCTION dataplat.column_state_values(state bytea)
RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_column_state_values';
COMMENT ON FUNCTION dataplat.column_state_values(bytea) IS
    'what a state says: rows, nulls, types, distinct (exact while distinct_exact), numbers, minimum, maximum, mean, sum, variance and stddev (of the population), skewness, kurtosis (excess), percentiles 1 to 100, lengths, frequencies of up to 1000 values';

CREATE OR REPLACE FUNCTION dataplat.column_state_rank(state bytea, value double precision)
RETURNS double precision
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_column_state_rank';
COMMENT ON FUNCTION dataplat.column_state_rank(bytea, double precision) IS 'share of a column''s numbers that are not greater than a value, about';

CREATE OR REPLACE FUNCTION dataplat.column_state_quantile(state bytea, q double precision)
RETURNS double precision
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_column_state_quantile';
COMMENT ON FUNCTION dataplat.column_state_quantile(bytea, double precision) IS 'the number that a share q of a column''s numbers does not exceed, about';

-- ------------------------------------------------------------------ profiles

-- Deequ shows a histogram of columns with at most so many different values.
CREATE OR REPLACE FUNCTION dataplat_internal.profile_histogram(v jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN (v -> 'distinct')::numeric <= 120 AND v ? 'frequencies' THEN (
        SELECT coalesce(jsonb_agg(jsonb_build_object('value', h.value, 'count', h.n, 'ratio', h.n::float8 / (v -> 'rows')::float8) ORDER BY h.n DESC, h.value NULLS LAST), '[]')
          FROM (SELECT f ->> 0 AS value, (f -> 1)::bigint AS n FROM jsonb_array_elements(v -> 'frequencies') AS f
                UNION ALL SELECT NULL, (v -> 'nulls')::bigint WHERE (v -> 'nulls')::bigint > 0) AS h) END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.profile_histogram(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.profile_histogram(jsonb) IS 'how often each value is there, when there are at most 120 different ones; NULL is a value here, as with Deequ';

-- What the values look like: the type that all of them have, or the one that
-- can hold them.
CREATE OR REPLACE FUNCTION dataplat_internal.profile_data_type(types jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN t.string > 0 OR t.bool > 0 AND t.fract + t.int > 0 THEN 'String'
                WHEN t.bool > 0 THEN 'Boolean' WHEN t.fract > 0 THEN 'Fractional' WHEN t.int > 0 THEN 'Integral' ELSE 'Unknown' END
      FROM jsonb_to_record(types) AS x ("String" bigint, "Boolean" bigint, "Fractional" bigint, "Integral" bigint),
           LATERAL (SELECT x."String", x."Boolean", x."Fractional", x."Integral") AS t (string, bool, fract, int);
$$;
REVOKE ALL ON FUNCTION dataplat_internal.profile_data_type(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.profile_data_type(jsonb) IS 'Deequ''s data type from its type counts';

-- The fields of a profile from a state's values; type is the column's.
CREATE OR REPLACE FUNCTION dataplat_internal.profile_fields(v jsonb, type text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    data_type text := dataplat_internal.profile_data_type(v -> 'types');
    temporal  boolean := type ~ '^(date$|timestamp)';
    numeric_  boolean := data_type IN ('Integral', 'Fractional') OR temporal;
    fields    jsonb;
BEGIN
    fields := jsonb_build_object('rows', v -> 'rows', 'nulls', v -> 'nulls', 'type', type,
        'completeness', CASE WHEN (v -> 'rows')::bigint > 0 THEN 1 - (v -> 'nulls')::float8 / (v -> 'rows')::float8 END,
        'approximate_num_distinct_values', round((v -> 'distinct')::numeric), 'distinct_exact', v -> 'distinct_exact',
        'data_type', CASE WHEN temporal AND data_type <> 'Unknown' THEN 'String' ELSE data_type END, 'type_counts', v -> 'types',
        'min_length', v -> 'min_length', 'max_length', v -> 'max_length',
        'not_finite', v -> 'not_finite');
    IF NOT numeric_ OR NOT v ? 'mean' THEN
        fields := jsonb_strip_nulls(fields);
    ELSIF temporal THEN
        fields := jsonb_strip_nulls(fields || jsonb_build_object('min_value', to_char(to_timestamp((v -> 'minimum')::float8) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'),
                                            'max_value', to_char(to_timestamp((v -> 'maximum')::float8) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')));
    ELSE
        fields := jsonb_strip_nulls(fields || jsonb_build_object('mean', v -> 'mean', 'maximum', v -> 'maximum', 'minimum', v -> 'minimum',
        'range', (v -> 'maximum')::float8 - (v -> 'minimum')::float8,
        'interquartile_range', (v -> 'percentiles' -> 74)::float8 - (v -> 'percentiles' -> 24)::float8, 'sum', v -> 'sum', 'std_dev', v -> 'stddev',
        'variance', v -> 'variance', 'skewness', v -> 'skewness', 'kurtosis', v -> 'kurtosis', 'zeros_count', v -> 'zeros', 'negatives_count', v -> 'negatives',
        'approx_percentiles', v -> 'percentiles', 'min_value', v ->> 'minimum', 'max_value', v ->> 'maximum'));
    END IF;
    -- with its NULLs, which are a value there
    RETURN fields || jsonb_build_object('histogram', dataplat_internal.profile_histogram(v));
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.profile_fields(jsonb, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.profile_fields(jsonb, text) IS 'the fields of a column''s profile';

-- FROM of a profile: the relation, or a sample of it.  Up to 100 it is a
-- percentage, above a number of rows.
CREATE OR REPLACE FUNCTION dataplat_internal.sampled_relation(dataset regclass, sample numeric)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := dataplat_internal.dataset_name(dataset);
    rows float8;
    share numeric := sample;
BEGIN
    IF sample IS NULL OR sample = 100 THEN
        RETURN name;
    ELSIF sample <= 0 OR sample = 'NaN' THEN
        RAISE EXCEPTION 'invalid sample %', sample
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a percentage up to 100, or a number of rows above 100.';
    ELSIF sample > 100 THEN
        SELECT sum(greatest(c.reltuples, 0)) INTO rows FROM pg_class AS c
         WHERE c.relkind IN ('r', 'm') AND c.oid IN (SELECT t.relid FROM pg_partition_tree(dataset) AS t UNION SELECT dataset);
        IF coalesce(rows, 0) <= sample THEN
            RETURN name;
        END IF;
        share := round((100 * sample / rows::numeric), 6);
    END IF;
    IF EXISTS (SELECT FROM pg_class AS c WHERE c.oid = dataset AND c.relkind IN ('r', 'p', 'm')) THEN
        RETURN format('%s TABLESAMPLE SYSTEM (%s)', name, share);
    END IF;
    RETURN format('(SELECT * FROM %s WHERE random() < %s) AS sampled', name, share / 100);
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.sampled_relation(regclass, numeric) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.sampled_relation(regclass, numeric) IS 'a relation or a sample of it, for FROM';

CREATE OR REPLACE FUNCTION dataplat_internal.profiled_columns(dataset regclass, columns text[], OUT name text, OUT type text, OUT nth int)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    one text;
BEGIN
    FOREACH one IN ARRAY coalesce(columns, '{}') LOOP
        PERFORM dataplat_internal.expectation_column(dataset, one);
    END LOOP;
    RETURN QUERY
        SELECT a.attname::text, format_type(coalesce(NULLIF(t.typbasetype, 0), a.atttypid), NULL), row_number() OVER (ORDER BY a.attnum)::int
          FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
         WHERE a.attrelid = dataset AND a.attnum > 0 AND NOT a.attisdropped AND (columns IS NULL OR a.attname = ANY (columns))
         ORDER BY a.attnum;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.profiled_columns(regclass, text[]) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.profiled_columns(regclass, text[]) IS 'columns of a relation that are profiled';

-- The states of columns in one pass, with a role's rights: {"column": hex}.
CREATE OR REPLACE FUNCTION dataplat_internal.column_states(dataset regclass, role name, columns text[], sample numeric, filter text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked record;
BEGIN
    asked := dataplat_internal.ask_as(role, dataplat_internal.expectation_search_path(dataset), format('SELECT to_jsonb(ARRAY[%s]::text[]) FROM %s%s',
        (SELECT string_agg(format('encode(dataplat.column_state(%I), ''hex'')', c.name), ', ' ORDER BY c.nth) FROM dataplat_internal.profiled_columns(dataset, columns) AS c),
        dataplat_internal.sampled_relation(dataset, sample), coalesce(' WHERE ' || filter, '')));
    IF asked.error IS NOT NULL THEN
        RAISE EXCEPTION '%', asked.error ->> 'exception_message' USING ERRCODE = coalesce(asked.error ->> 'sqlstate', 'P0001');
    END IF;
    RETURN (SELECT jsonb_object_agg(c.name, asked.answer -> (c.nth - 1)) FROM dataplat_internal.profiled_columns(dataset, columns) AS c);
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.column_states(regclass, name, text[], numeric, text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.column_states(regclass, name, text[], numeric, text) IS 'states of columns, in one pass, with a role''s rights';

-- The same from what changed since the last time, where that can be told.
CREATE OR REPLACE FUNCTION dataplat_internal.kept_column_states(dataset regclass, role name, columns text[])
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts jsonb;
    kept jsonb;
BEGIN
    SELECT jsonb_object_agg(format('to_jsonb(encode(dataplat.column_state(%I), ''hex''))', c.name), jsonb_build_object('type', c.type, 'used', true)) INTO parts
      FROM dataplat_internal.profiled_columns(dataset, columns) AS c;
    kept := dataplat_internal.kept_terms(dataset, role, dataplat_internal.expectation_search_path(dataset), '{}', '{}', parts);
    RETURN (SELECT jsonb_object_agg(c.name, kept -> 'parts' -> format('to_jsonb(encode(dataplat.column_state(%I), ''hex''))', c.name) -> 'value')
              FROM dataplat_internal.profiled_columns(dataset, columns) AS c)
        || jsonb_build_object('', kept -> 'reset' = 'null' AND kept -> 'afresh' = '[]');
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.kept_column_states(regclass, name, text[]) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.kept_column_states(regclass, name, text[]) IS 'states of columns from those that are kept; under "" whether only what changed was read';

CREATE OR REPLACE FUNCTION dataplat_internal.command_profile(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass := (a ->> 'dataset')::oid::regclass;
    columns  text[] := CASE WHEN jsonb_typeof(a -> 'columns') = 'array' THEN ARRAY(SELECT jsonb_array_elements_text(a -> 'columns')) END;
    number   bigint;
    states   jsonb;
    why      text;
    c        record;
    v        jsonb;
    rows     jsonb := '[]';
    began    timestamptz := clock_timestamp();
    stores   boolean := NOT current_setting('transaction_read_only')::boolean;
BEGIN
    IF coalesce((a -> 'incremental')::boolean, false) AND a ->> 'sample' IS NULL THEN
        why := dataplat_internal.lock_states(relation, caller);
        IF why IS NULL THEN
            EXECUTE 'SELECT dataplat_internal.kept_column_states($1, $2, $3)' INTO states USING relation, caller, columns;
        ELSE
            RAISE NOTICE 'the whole of % is read because %', relation, why;
        END IF;
    END IF;
    states := coalesce(states, dataplat_internal.column_states(relation, caller, columns, (a ->> 'sample')::numeric));
    IF stores THEN
        number := nextval('dataplat_internal.profile_id_seq');
    END IF;
    FOR c IN SELECT p.* FROM dataplat_internal.profiled_columns(relation, columns) AS p ORDER BY p.nth LOOP
        v := CASE WHEN states -> c.name = 'null' THEN '{"rows": 0, "nulls": 0, "types": {"String": 0, "Boolean": 0, "Unknown": 0, "Integral": 0, "Fractional": 0}, "distinct": 0, "distinct_exact": true, "frequencies": []}'
                  ELSE dataplat.column_state_values(decode(states ->> c.name, 'hex')) END;
        v := dataplat_internal.profile_fields(v, c.type);
        IF stores THEN
            INSERT INTO dataplat.column_profile (profile_id, dataset, column_name, profiled_at, sample, data_type, rows, profile, state)
            VALUES (number, dataplat_internal.dataset_name(relation), c.name, began, (a ->> 'sample')::numeric, v ->> 'data_type', (v -> 'rows')::bigint, v, decode(states ->> c.name, 'hex'));
        END IF;
        rows := rows || (v || jsonb_build_object('profile_id', number, 'column_name', c.name, 'incremental', coalesce((states -> '')::boolean, false)));
    END LOOP;
    RETURN rows;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.command_profile(name, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.command_profile(name, jsonb) IS 'profile as the owner of the extension; the table is read with the caller''s rights';

CREATE OR REPLACE FUNCTION dataplat.profile(dataset regclass, columns text[] DEFAULT NULL, sample numeric DEFAULT NULL, incremental boolean DEFAULT false)
RETURNS TABLE (column_name text, type text, rows bigint, completeness double precision, approximate_num_distinct_values bigint, distinct_exact boolean,
    data_type text, type_counts jsonb, histogram jsonb, mean double precision, minimum double precision, maximum double precision, range double precision,
    interquartile_range double precision, sum double precision, std_dev double precision, variance double precision, skewness double precision,
    kurtosis double precision, zeros_count bigint, negatives_count bigint, not_finite bigint, approx_percentiles double precision[], min_length bigint, max_length bigint,
    min_value text, max_value text, profile_id bigint, incremental_read boolean)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
        SELECT p.column_name, p.type, p.rows, p.completeness, p.approximate_num_distinct_values, p.distinct_exact, p.data_type, p.type_counts, p.histogram,
               p.mean, p.minimum, p.maximum, p.range, p.interquartile_range, p.sum, p.std_dev, p.variance, p.skewness, p.kurtosis, p.zeros_count,
               p.negatives_count, p.not_finite, p.approx_percentiles, p.min_length, p.max_length, p.min_value, p.max_value, p.profile_id, p.incremental
          FROM jsonb_to_recordset(dataplat.command('profile', jsonb_build_object('dataset', dataset::oid::text, 'columns', columns, 'sample', sample, 'incremental', incremental)))
            AS p (column_name text, type text, rows bigint, completeness float8, approximate_num_distinct_values bigint, distinct_exact boolean, data_type text,
                  type_counts jsonb, histogram jsonb, mean float8, minimum float8, maximum float8, range float8, interquartile_range float8, sum float8, std_dev float8,
                  variance float8, skewness float8, kurtosis float8, zeros_count bigint, negatives_count bigint, not_finite bigint, approx_percentiles float8[],
                  min_length bigint, max_length bigint, min_value text, max_value text, profile_id bigint, incremental boolean);
END;
$$;
REVOKE ALL ON FUNCTION dataplat.profile(regclass, text[], numeric, boolean) FROM PUBLIC;
COMMENT ON FUNCTION dataplat.profile(regclass, text[], numeric, boolean) IS
    'what the columns of a dataset hold, with the fields of Deequ''s profiles, in one pass; sample: a percentage of the pages, or above 100 a number of rows; incremental: read what changed since the last time; stored in dataplat.column_profile';
