-- quality: kinds that judge a dataset as a whole: how many rows, how new, what a query finds.

CREATE OR REPLACE FUNCTION dataplat_internal.expect_table_row_count_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.aggregate_plan('{}', '{"value": "count(*)"}');
$$;
COMMENT ON FUNCTION dataplat_internal.expect_table_row_count_to_be_between(regclass, jsonb) IS 'compile expect_table_row_count_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_table_row_count_to_be_between', 'aggregate',
    '{}'::jsonb || dataplat_internal.bounds_arguments(),
    'completeness', 'dataplat_internal.expect_table_row_count_to_be_between',
    'the number of rows is between bounds',
    'dataplat_internal.judge_bounds', '{row_count,row_count_to_be_between,has_size,hasSize,rowCount}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_table_row_count_to_equal(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.aggregate_plan('{}', '{"value": "count(*)"}');
$$;
COMMENT ON FUNCTION dataplat_internal.expect_table_row_count_to_equal(regclass, jsonb) IS 'compile expect_table_row_count_to_equal';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_equal_value(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.judged(jsonb_build_object('must_be', $1 -> 'value'), $2 -> 'value');
$$;
COMMENT ON FUNCTION dataplat_internal.judge_equal_value(jsonb, jsonb, bigint) IS 'judge: the measured value equals "value"';

SELECT dataplat_internal.register_expectation_kind('expect_table_row_count_to_equal', 'aggregate',
    '{"value": {"type": "integer", "required": true, "min": 0}}',
    'completeness', 'dataplat_internal.expect_table_row_count_to_equal',
    'there are so many rows',
    'dataplat_internal.judge_equal_value', '{row_count_to_equal}');

-- A relation that kwargs name, as SQL: as it is written, or beside the dataset,
-- or in public.
CREATE OR REPLACE FUNCTION dataplat_internal.other_relation(dataset regclass, name text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found regclass;
BEGIN
    SELECT coalesce(to_regclass(name), to_regclass(format('%I.%s', n.nspname, name)), to_regclass('public.' || name))
      INTO found
      FROM pg_class AS c
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.oid = dataset;
    IF found IS NULL THEN
        RAISE EXCEPTION 'relation "%" does not exist', name
            USING ERRCODE = 'undefined_table';
    END IF;
    RETURN dataplat_internal.dataset_name(found);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.other_relation(regclass, text) IS 'a relation that kwargs name, as SQL';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_table_row_count_to_equal_other_table(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.query_plan('{}', format('SELECT jsonb_build_object(''self'', (SELECT count(*) FROM dataplat_rows), ''other'', (SELECT count(*) FROM %s))',
               dataplat_internal.other_relation($1, $2 ->> 'other_table_name')));
$$;
COMMENT ON FUNCTION dataplat_internal.expect_table_row_count_to_equal_other_table(regclass, jsonb) IS 'compile expect_table_row_count_to_equal_other_table';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_other_count(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('success', ($2 ->> 'self')::numeric = ($2 ->> 'other')::numeric * coalesce(($1 ->> 'factor')::numeric, 1),
                              'observed_value', jsonb_build_object('self', $2 -> 'self', 'other', $2 -> 'other'));
$$;
COMMENT ON FUNCTION dataplat_internal.judge_other_count(jsonb, jsonb, bigint) IS 'judge: as many rows as another table, times a factor';

SELECT dataplat_internal.register_expectation_kind('expect_table_row_count_to_equal_other_table', 'query',
    '{"other_table_name": {"type": "relation", "required": true, "aliases": ["other_table", "to", "compare_model", "compare_to", "reference_dataset"]}, "factor": {"type": "number"}}',
    'completeness', 'dataplat_internal.expect_table_row_count_to_equal_other_table',
    'there are as many rows as in another table (times factor)',
    'dataplat_internal.judge_other_count', '{equal_rowcount,row_count_to_equal_other_table,row_count_match}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_table_row_count_to_be_less_than_other_table(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.query_plan('{}', format('SELECT jsonb_build_object(''self'', (SELECT count(*) FROM dataplat_rows), ''other'', (SELECT count(*) FROM %s))',
               dataplat_internal.other_relation($1, $2 ->> 'other_table_name')));
$$;
COMMENT ON FUNCTION dataplat_internal.expect_table_row_count_to_be_less_than_other_table(regclass, jsonb) IS 'compile expect_table_row_count_to_be_less_than_other_table';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_fewer_rows(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('success', ($2 ->> 'self')::numeric < ($2 ->> 'other')::numeric * coalesce(($1 ->> 'factor')::numeric, 1),
                              'observed_value', jsonb_build_object('self', $2 -> 'self', 'other', $2 -> 'other'));
$$;
COMMENT ON FUNCTION dataplat_internal.judge_fewer_rows(jsonb, jsonb, bigint) IS 'judge: fewer rows than another table, times a factor';

SELECT dataplat_internal.register_expectation_kind('expect_table_row_count_to_be_less_than_other_table', 'query',
    '{"other_table_name": {"type": "relation", "required": true, "aliases": ["other_table", "to", "compare_model", "compare_to", "reference_dataset"]}, "factor": {"type": "number"}}',
    'completeness', 'dataplat_internal.expect_table_row_count_to_be_less_than_other_table',
    'there are fewer rows than in another table (times factor)',
    'dataplat_internal.judge_fewer_rows', '{fewer_rows_than}');

-- How old the newest row is, in whole seconds at the last step: Soda's
-- freshness.  Times without zone are in time_zone.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_to_have_recent_data(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
BEGIN
    IF c.type NOT IN ('date'::regtype, 'timestamp', 'timestamptz') THEN
        RAISE EXCEPTION 'column "%" of "%" must be a date or timestamp, not %', kwargs ->> 'column', dataset, c.type
            USING ERRCODE = 'datatype_mismatch';
    END IF;
    IF NOT EXISTS (SELECT FROM jsonb_object_keys(kwargs) AS k WHERE k IN ('max_age', 'min_value', 'max_value') OR k LIKE 'must\_%') THEN
        RAISE EXCEPTION 'max_age, max_value or must_be_less_than is missing'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Example: {"column": "loaded_at", "max_age": "2 hours"}';
    END IF;
    PERFORM now() AT TIME ZONE coalesce(kwargs ->> 'time_zone', 'UTC'), (kwargs ->> 'max_age')::interval;
    PERFORM dataplat_internal.check_bounds(kwargs);
    RETURN dataplat_internal.aggregate_plan(ARRAY[kwargs ->> 'column'],
               jsonb_build_object('value', format('max(%s)', c.quoted), 'now', 'now()') || dataplat_internal.type_for_judge(c.type));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_to_have_recent_data(regclass, jsonb) IS 'compile expect_column_to_have_recent_data';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_recent(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    newest  timestamptz := CASE WHEN measured ->> 'type' LIKE '%with time zone' THEN (measured ->> 'value')::timestamptz
                                ELSE (measured ->> 'value')::timestamp AT TIME ZONE coalesce(kwargs ->> 'time_zone', 'UTC') END;
    clock   timestamptz := coalesce((kwargs ->> 'as_of')::timestamptz, (measured ->> 'now')::timestamptz);
    seconds numeric;
    age     numeric;
BEGIN
    IF newest IS NULL THEN
        RETURN '{"success": false, "observed_value": null, "details": {"newest": null}}';
    END IF;
    IF NOT isfinite(newest) THEN
        RAISE EXCEPTION 'the newest value of column "%" is %, which has no age', kwargs ->> 'column', newest
            USING ERRCODE = 'datetime_field_overflow', HINT = 'Leave such rows out: {"row_filter": "isfinite(...)"}.';
    END IF;
    seconds := floor(extract(epoch FROM clock - newest));
    age := seconds / extract(epoch FROM ('1 ' || coalesce(kwargs ->> 'unit', 'hour'))::interval);
    RETURN jsonb_build_object(
        'success', dataplat_internal.within_bounds(kwargs, to_jsonb(age))
                   AND coalesce(seconds <= extract(epoch FROM (kwargs ->> 'max_age')::interval), true),
        'observed_value', round(age, 6)::float8,
        'details', jsonb_build_object('newest', newest, 'as_of', clock, 'age_seconds', seconds));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.judge_recent(jsonb, jsonb, bigint) IS 'judge of the age of the newest row';

SELECT dataplat_internal.register_expectation_kind('expect_column_to_have_recent_data', 'aggregate',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name", "field", "timestamp_column"]}, "max_age": {"type": "text"}, "unit": {"type": "text", "choices": ["second", "minute", "hour", "day", "week"], "aliases": ["datepart"]}, "time_zone": {"type": "text"}, "as_of": {"type": "text"}}'::jsonb || dataplat_internal.bounds_arguments()
        || '{"max_value": {"type": "number", "aliases": ["interval"]}}',
    'timeliness', 'dataplat_internal.expect_column_to_have_recent_data',
    'the newest row is at most max_age old, or its age in unit (hour) is between bounds; fails when there is none',
    'dataplat_internal.judge_recent', '{recent_data,recency,freshness,row_values_to_have_recent_data}');

-- Periods from test_start_date (or the first there is) up to test_end_date (not
-- itself; or through the last there is), interval of them together.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_row_values_to_have_data_for_every_n_datepart(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c      record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
    part   text := coalesce(kwargs ->> 'date_part', 'day');
    moment text;
BEGIN
    IF c.type NOT IN ('date'::regtype, 'timestamp', 'timestamptz') THEN
        RAISE EXCEPTION 'column "%" of "%" must be a date or timestamp, not %', kwargs ->> 'column', dataset, c.type
            USING ERRCODE = 'datatype_mismatch';
    END IF;
    moment := CASE WHEN c.type = 'timestamptz'::regtype THEN format('(%s AT TIME ZONE %L)', c.quoted, coalesce(kwargs ->> 'time_zone', 'UTC')) ELSE c.quoted || '::timestamp' END;
    RETURN dataplat_internal.query_plan(ARRAY[kwargs ->> 'column'], format(
        'WITH filled AS MATERIALIZED (SELECT DISTINCT date_trunc(%1$L, %2$s) AS period FROM dataplat_rows WHERE %2$s IS NOT NULL),'
        '     span AS (SELECT coalesce(date_trunc(%1$L, %3$L::timestamp), min(f.period)) AS first,'
        '                     coalesce(date_trunc(%1$L, %4$L::timestamp - interval ''1 microsecond''), max(f.period)) AS last FROM filled AS f),'
        '     slots AS (SELECT min(p.period) AS %5$I, bool_or(f.period IS NOT NULL) AS has_data'
        '                 FROM span AS s, generate_series(s.first, s.last, %6$L::interval) WITH ORDINALITY AS p (period, place)'
        '                 LEFT JOIN filled AS f ON f.period = p.period'
        '                GROUP BY (p.place - 1) / %7$s),'
        '     gaps AS (SELECT %5$I AS period FROM slots WHERE NOT has_data AND NOT coalesce(%8$s, false))'
        'SELECT jsonb_build_object(''periods'', (SELECT count(*) FROM slots), ''unexpected_count'', (SELECT count(*) FROM gaps),'
        '                          ''unexpected'', (SELECT coalesce(jsonb_agg(l.period), ''[]'') FROM (SELECT g.period FROM gaps AS g ORDER BY 1 LIMIT 20) AS l))',
        part, moment, kwargs ->> 'test_start_date', kwargs ->> 'test_end_date', 'date_' || part,
        CASE part WHEN 'quarter' THEN '3 months' ELSE '1 ' || part END, coalesce((kwargs ->> 'interval')::int, 1),
        coalesce('NOT (' || (kwargs ->> 'exclusion_condition') || ')', 'false')));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_row_values_to_have_data_for_every_n_datepart(regclass, jsonb) IS 'compile expect_row_values_to_have_data_for_every_n_datepart';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_every_datepart(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('success', ($2 ->> 'periods')::bigint > 0 AND ($2 ->> 'unexpected_count')::bigint = 0, 'observed_value', $2 -> 'unexpected_count',
                              'unexpected_count', $2 -> 'unexpected_count', 'partial_unexpected_list', $2 -> 'unexpected',
                              'details', jsonb_build_object('periods', $2 -> 'periods'));
$$;
COMMENT ON FUNCTION dataplat_internal.judge_every_datepart(jsonb, jsonb, bigint) IS 'judge: no period is without rows';

SELECT dataplat_internal.register_expectation_kind('expect_row_values_to_have_data_for_every_n_datepart', 'query',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name", "date_col"]}, "date_part": {"type": "text", "choices": ["minute", "hour", "day", "week", "month", "quarter", "year"]}, "interval": {"type": "integer", "min": 1}, "test_start_date": {"type": "text"}, "test_end_date": {"type": "text"}, "exclusion_condition": {"type": "sql"}, "time_zone": {"type": "text"}}',
    'completeness', 'dataplat_internal.expect_row_values_to_have_data_for_every_n_datepart',
    'there are rows for every day (or other date_part) between two dates; periods where exclusion_condition (of date_day, ...) is false may be empty',
    'dataplat_internal.judge_every_datepart', '{rows_for_every_datepart,data_for_every_n_datepart}');

-- A query of the user's that finds what is wrong.  It runs as all questions of
-- expectations do: read only, with the owner's rights, for a limited time.
CREATE OR REPLACE FUNCTION dataplat_internal.unexpected_rows_expectation(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.query_plan('{}', format(
               E'WITH unexpected AS MATERIALIZED (\n%1$s\n) '
               'SELECT jsonb_build_object(''count'', (SELECT (%2$s)::numeric FROM unexpected), '
               '''rows'', (SELECT coalesce(jsonb_agg(l), ''[]'') FROM (SELECT * FROM unexpected LIMIT 20) AS l))',
               replace(regexp_replace($2 ->> 'unexpected_rows_query', '[;\s]+$', ''), '{batch}', 'dataplat_rows'), coalesce($2 ->> 'fail_calc', 'count(*)')));
$$;
COMMENT ON FUNCTION dataplat_internal.unexpected_rows_expectation(regclass, jsonb) IS 'compile unexpected_rows_expectation';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_unexpected_rows(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('success', coalesce(($2 ->> 'count')::numeric, 0) = 0, 'observed_value', coalesce(nullif($2 -> 'count', 'null'), '0'),
                              'failures', trunc(coalesce(($2 ->> 'count')::numeric, 0)), 'details', jsonb_build_object('unexpected_rows', $2 -> 'rows'));
$$;
COMMENT ON FUNCTION dataplat_internal.judge_unexpected_rows(jsonb, jsonb, bigint) IS 'judge: a query finds nothing';

SELECT dataplat_internal.register_expectation_kind('unexpected_rows_expectation', 'query',
    '{"unexpected_rows_query": {"type": "sql", "required": true, "aliases": ["query", "sql"]}, "fail_calc": {"type": "sql"}}',
    'accuracy', 'dataplat_internal.unexpected_rows_expectation',
    'a query finds no rows; {batch} in it is the dataset, filtered; fail_calc (count(*)) is what must be 0',
    'dataplat_internal.judge_unexpected_rows', '{expect_unexpected_rows,unexpected_rows,singular,custom_sql,failed_rows}');
