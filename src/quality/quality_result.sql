/*
 * quality: what is said of an expectation that was judged, as Great
 * Expectations says it.
 */

-- Success of a row or group expectation.  Nothing to judge is no failure; a
-- mostly of 0 is one that was given.
CREATE OR REPLACE FUNCTION dataplat_internal.map_success(considered bigint, unexpected bigint, mostly numeric)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN considered = 0 OR unexpected = 0 THEN true
                ELSE (considered - unexpected)::float8 / considered >= coalesce(mostly, 1)::float8 END;
$$;
COMMENT ON FUNCTION dataplat_internal.map_success(bigint, bigint, numeric) IS 'are enough of the rows as expected?';

-- A share in percent; NULL of nothing.
CREATE OR REPLACE FUNCTION dataplat_internal.percent_of(part bigint, whole bigint)
RETURNS float8
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT part::float8 / NULLIF(whole, 0) * 100; $$;
COMMENT ON FUNCTION dataplat_internal.percent_of(bigint, bigint) IS 'a share in percent; NULL when there is nothing';

-- [{"value", "count"}], the most frequent first.  Of objects the values are
-- counted, in the order of these keys.
CREATE OR REPLACE FUNCTION dataplat_internal.value_counts(list jsonb, at_most int, keys text[] DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('value', c.v, 'count', c.n) ORDER BY c.n DESC, c.v), '[]')
      FROM (SELECT x.v, count(*) AS n
              FROM (SELECT CASE WHEN jsonb_typeof(e) = 'object' AND keys IS NOT NULL THEN to_jsonb(ARRAY(SELECT e -> k FROM unnest(keys) WITH ORDINALITY AS u (k, nth) ORDER BY nth))
                                ELSE e END AS v
                      FROM jsonb_array_elements(list) AS e) AS x
             GROUP BY x.v ORDER BY n DESC, x.v LIMIT at_most) AS c;
$$;
COMMENT ON FUNCTION dataplat_internal.value_counts(jsonb, int, text[]) IS 'how often each value of a list is in it';

/*
 * Result of a row or group expectation from counts.
 *
 * missing_count is NULL where the kind does not leave NULLs out; then nothing
 * is said of missing values.  examples: unexpected values, a JSON array (at
 * most 200 are kept); example_keys: for each of them the object that tells
 * where it is, or NULL; index_query: the SELECT that finds all of them;
 * columns: of a kind over several, in their order.
 */
CREATE OR REPLACE FUNCTION dataplat_internal.result_of(result_format text, element_count bigint, missing_count bigint, unexpected_count bigint,
    examples jsonb DEFAULT NULL, example_keys jsonb DEFAULT NULL, index_query text DEFAULT NULL,
    columns text[] DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    partial_length CONSTANT int := 20;
    full_length    CONSTANT int := 200;
    considered bigint := element_count - coalesce(missing_count, 0);
    r          jsonb;
BEGIN
    IF result_format = 'BOOLEAN_ONLY' THEN
        RETURN '{}';
    END IF;
    r := jsonb_build_object('element_count', element_count, 'unexpected_count', unexpected_count,
                            'unexpected_percent', dataplat_internal.percent_of(unexpected_count, considered));
    IF missing_count IS NOT NULL THEN
        r := r || jsonb_build_object('missing_count', missing_count, 'missing_percent', dataplat_internal.percent_of(missing_count, element_count),
                                     'unexpected_percent_total', dataplat_internal.percent_of(unexpected_count, element_count),
                                     'unexpected_percent_nonmissing', dataplat_internal.percent_of(unexpected_count, considered));
    END IF;
    examples := coalesce(examples, '[]');
    r := r || jsonb_build_object('partial_unexpected_list', jsonb_path_query_array(examples, format('$[0 to %s]', partial_length - 1)::jsonpath));
    IF result_format = 'BASIC' THEN
        RETURN r;
    END IF;
    r := r || jsonb_build_object('partial_unexpected_counts', dataplat_internal.value_counts(examples, partial_length, columns));
    IF example_keys IS NOT NULL THEN
        r := r || jsonb_build_object('partial_unexpected_index_list', jsonb_path_query_array(example_keys, format('$[0 to %s]', partial_length - 1)::jsonpath));
    END IF;
    IF result_format = 'COMPLETE' THEN
        r := r || jsonb_build_object('unexpected_list', jsonb_path_query_array(examples, format('$[0 to %s]', full_length - 1)::jsonpath));
        IF example_keys IS NOT NULL THEN
            r := r || jsonb_build_object('unexpected_index_list', jsonb_path_query_array(example_keys, format('$[0 to %s]', full_length - 1)::jsonpath));
        END IF;
        IF index_query IS NOT NULL THEN
            r := r || jsonb_build_object('unexpected_index_query', index_query);
        END IF;
    END IF;
    RETURN r;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.result_of(text, bigint, bigint, bigint, jsonb, jsonb, text, text[]) IS
    'result fields of a row or group expectation in a format, from counts and examples';

-- What went wrong, for those who may not see contents of rows: messages about
-- data may quote them.
CREATE OR REPLACE FUNCTION dataplat_internal.error_without_contents(exception_info jsonb, result jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- What runs and batches met has no SQLSTATE, and a result when rows were looked at.
    SELECT CASE WHEN left(exception_info ->> 'sqlstate', 2) IN ('22', '23', 'P0') OR (exception_info ->> 'sqlstate' IS NULL AND result <> '{}')
                THEN format('an error about the data%s', ' (SQLSTATE ' || (exception_info ->> 'sqlstate') || ')')
                ELSE exception_info ->> 'exception_message' END;
$$;
COMMENT ON FUNCTION dataplat_internal.error_without_contents(jsonb, jsonb) IS 'the message of an error, unless it may quote contents of rows';
REVOKE ALL ON FUNCTION dataplat_internal.error_without_contents(jsonb, jsonb) FROM PUBLIC;

-- How a number of failures compares with what dbt calls a threshold: '> 10',
-- '!= 0', 'between 1 and 5'; of the judged rows with a % behind it.
CREATE OR REPLACE FUNCTION dataplat_internal.threshold_holds(threshold text, failures bigint, judged bigint)
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part text[] := regexp_match(threshold, '^\s*(!=|<>|>=|<=|==|=|>|<)\s*(\d+(?:\.\d+)?)\s*(%)?\s*$');
    span text[] := regexp_match(threshold, '^\s*(not\s+)?between\s+(\d+(?:\.\d+)?)\s*(%)?\s+and\s+(\d+(?:\.\d+)?)\s*(%)?\s*$', 'i');
    n    numeric := failures;
BEGIN
    IF part IS NULL AND span IS NULL THEN
        RAISE EXCEPTION 'invalid threshold "%"', threshold
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It compares the number of failures: ''!= 0'', ''> 10'', ''>= 5%'', ''between 1 and 5'', ''not between 0 and 5''.';
    END IF;
    IF span[2]::numeric > span[4]::numeric THEN
        RAISE EXCEPTION 'invalid threshold "%"', threshold
            USING ERRCODE = 'invalid_parameter_value', DETAIL = format('Nothing is between %s and %s.', span[2], span[4]);
    END IF;
    IF coalesce(part[3], span[3], span[5]) IS NOT NULL THEN
        n := coalesce(failures * 100.0 / NULLIF(judged, 0), 0);
    END IF;
    RETURN CASE
        WHEN span IS NOT NULL THEN (n BETWEEN span[2]::numeric AND span[4]::numeric) = (span[1] IS NULL)
        WHEN part[1] IN ('=', '==') THEN n = part[2]::numeric
        WHEN part[1] IN ('!=', '<>') THEN n <> part[2]::numeric
        WHEN part[1] = '>' THEN n > part[2]::numeric
        WHEN part[1] = '>=' THEN n >= part[2]::numeric
        WHEN part[1] = '<' THEN n < part[2]::numeric
        ELSE n <= part[2]::numeric END;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.threshold_holds(text, bigint, bigint) IS 'does a number of failures reach warn_if or error_if?';

-- PASSED, WARN or FAILED.  As dbt: with severity error, error_if is looked at
-- and then warn_if; with severity warn, warn_if only; either is "it fails"
-- unless it is given.
CREATE OR REPLACE FUNCTION dataplat_internal.expectation_outcome(severity text, warn_if text, error_if text, success boolean, failures bigint, judged bigint)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN severity IN ('error', 'critical')
             AND CASE WHEN error_if IS NULL THEN NOT success ELSE dataplat_internal.threshold_holds(error_if, failures, judged) END THEN 'FAILED'
        WHEN CASE WHEN warn_if IS NULL THEN NOT success ELSE dataplat_internal.threshold_holds(warn_if, failures, judged) END THEN 'WARN'
        ELSE 'PASSED' END;
$$;
COMMENT ON FUNCTION dataplat_internal.expectation_outcome(text, text, text, boolean, bigint, bigint) IS 'outcome of an expectation that could be judged';
