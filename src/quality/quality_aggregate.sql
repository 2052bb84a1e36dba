-- quality: what kinds share that judge one value: bounds, plans, judges.

-- What kwargs may hold to say which values are good: Great Expectations'
-- words, Soda's and ODCS's (must_be...).
CREATE OR REPLACE FUNCTION dataplat_internal.bounds_arguments()
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT '{"min_value": {"type": "value", "unbounded": true}, "max_value": {"type": "value"}, "strict_min": {"type": "boolean"}, "strict_max": {"type": "boolean"},
             "must_be": {"type": "value", "aliases": ["mustBe"]}, "must_not_be": {"type": "value", "aliases": ["mustNotBe"]},
             "must_be_greater_than": {"type": "value", "aliases": ["mustBeGreaterThan"]},
             "must_be_greater_than_or_equal": {"type": "value", "aliases": ["mustBeGreaterOrEqualTo"]},
             "must_be_less_than": {"type": "value", "aliases": ["mustBeLessThan"]},
             "must_be_less_than_or_equal": {"type": "value", "aliases": ["mustBeLessOrEqualTo"]},
             "must_be_between": {"type": "values", "aliases": ["mustBeBetween"]},
             "must_not_be_between": {"type": "values", "aliases": ["mustNotBeBetween", "must_be_not_between"]}}'::jsonb;
$$;
COMMENT ON FUNCTION dataplat_internal.bounds_arguments() IS 'arguments of all kinds that judge one value';

-- A plan of aggregates, which share one pass with all others.
CREATE OR REPLACE FUNCTION dataplat_internal.aggregate_plan(columns text[], aggregates jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ROW($1, NULL, NULL, NULL, $2, NULL)::dataplat_internal.expectation_plan;
$$;
COMMENT ON FUNCTION dataplat_internal.aggregate_plan(text[], jsonb) IS 'plan of aggregates';

CREATE OR REPLACE FUNCTION dataplat_internal.query_plan(columns text[], query text)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ROW($1, NULL, NULL, NULL, NULL, $2)::dataplat_internal.expectation_plan;
$$;
COMMENT ON FUNCTION dataplat_internal.query_plan(text[], text) IS 'plan of a statement of its own';

CREATE OR REPLACE FUNCTION dataplat_internal.is_number(type regtype)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT $1 IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'float4'::regtype, 'float8'::regtype, 'numeric'::regtype);
$$;
COMMENT ON FUNCTION dataplat_internal.is_number(regtype) IS 'is a type one of numbers';

-- The quoted name of a column of numbers.
CREATE OR REPLACE FUNCTION dataplat_internal.number_column(dataset regclass, name text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record := dataplat_internal.expectation_column(dataset, name);
BEGIN
    IF NOT dataplat_internal.is_number(c.type) THEN
        RAISE EXCEPTION 'column "%" of "%" must be numeric, not %', name, dataset, c.type
            USING ERRCODE = 'datatype_mismatch';
    END IF;
    RETURN c.quoted;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.number_column(regclass, text) IS 'quoted name of a column of numbers';

-- What the judge must know of a type to compare in it; numbers need nothing.
CREATE OR REPLACE FUNCTION dataplat_internal.judged_type(type regtype)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE WHEN NOT dataplat_internal.is_number($1) THEN $1::text END; $$;
COMMENT ON FUNCTION dataplat_internal.judged_type(regtype) IS 'type to compare values in; NULL: as numbers';

CREATE OR REPLACE FUNCTION dataplat_internal.type_for_judge(type regtype)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN dataplat_internal.is_number($1) THEN '{}' ELSE jsonb_build_object('type', quote_literal($1::text) || '::text') END;
$$;
COMMENT ON FUNCTION dataplat_internal.type_for_judge(regtype) IS 'aggregate "type" of plans whose value is no number';

-- A plan of one aggregate over one column; in the template %1$s is the column.
CREATE OR REPLACE FUNCTION dataplat_internal.value_plan(dataset regclass, kwargs jsonb, template text, numbers_only boolean)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
BEGIN
    IF numbers_only THEN
        PERFORM dataplat_internal.number_column(dataset, kwargs ->> 'column');
    END IF;
    PERFORM dataplat_internal.check_bounds(kwargs, c.type);
    RETURN dataplat_internal.aggregate_plan(ARRAY[kwargs ->> 'column'],
               jsonb_build_object('value', format(template, c.quoted)) || dataplat_internal.type_for_judge(c.type));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.value_plan(regclass, jsonb, text, boolean) IS 'plan of one aggregate over one column';

-- -1, 0 or 1; NULL when one of them is NULL.  Without a type both are numbers.
CREATE OR REPLACE FUNCTION dataplat_internal.compare_values(a jsonb, b jsonb, type text DEFAULT NULL)
RETURNS int
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    order_of int;
BEGIN
    IF type IS NULL THEN
        RETURN sign((a #>> '{}')::numeric - (b #>> '{}')::numeric);
    END IF;
    EXECUTE format('SELECT CASE WHEN $1::%1$s < $2::%1$s THEN -1 WHEN $1::%1$s > $2::%1$s THEN 1 WHEN $1::%1$s = $2::%1$s THEN 0 END', type)
       INTO order_of
      USING a #>> '{}', b #>> '{}';
    RETURN order_of;
EXCEPTION
    WHEN invalid_text_representation OR invalid_datetime_format OR datetime_field_overflow OR numeric_value_out_of_range THEN
        RAISE EXCEPTION 'cannot compare % in type %', CASE WHEN pg_typeof(b) IS NULL THEN NULL ELSE b END, coalesce(type, 'number')
            USING ERRCODE = 'invalid_parameter_value';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.compare_values(jsonb, jsonb, text) IS 'compare two values in a type: -1, 0, 1';

-- Refuse bounds that no value can keep.
CREATE OR REPLACE FUNCTION dataplat_internal.check_bounds(kwargs jsonb, type regtype DEFAULT 'numeric')
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    compared text := dataplat_internal.judged_type(type);
    pair     text;
BEGIN
    IF dataplat_internal.compare_values(nullif(kwargs -> 'min_value', 'null'), nullif(kwargs -> 'max_value', 'null'), compared) > 0 THEN
        RAISE EXCEPTION 'min_value % is more than max_value %', kwargs -> 'min_value', kwargs -> 'max_value'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOREACH pair IN ARRAY ARRAY['must_be_between', 'must_not_be_between'] LOOP
        CONTINUE WHEN NOT kwargs ? pair;
        IF jsonb_typeof(kwargs -> pair) <> 'array' OR jsonb_array_length(kwargs -> pair) <> 2 THEN
            RAISE EXCEPTION '% must be an array of two values, not %', pair, kwargs -> pair
                USING ERRCODE = 'invalid_parameter_value';
        ELSIF dataplat_internal.compare_values(nullif(kwargs -> pair -> 0, 'null'), nullif(kwargs -> pair -> 1, 'null'), compared) > 0 THEN
            RAISE EXCEPTION 'the first value of % is more than the second: %', pair, kwargs -> pair
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_bounds(jsonb, regtype) IS 'refuse bounds that no value can keep';

-- Does a value keep the bounds of kwargs?  No value, and NaN, keep none: NaN
-- compares with numbers in PostgreSQL, but says nothing of them.
CREATE OR REPLACE FUNCTION dataplat_internal.within_bounds(kwargs jsonb, value jsonb, type text DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bound record;
    cmp   int;
BEGIN
    IF value IS NULL OR jsonb_typeof(value) = 'null' OR (type IS NULL AND value = '"NaN"') THEN
        RETURN false;
    END IF;
    FOR bound IN
        SELECT b.key, b.value
          FROM jsonb_each(kwargs) AS b(key, value)
         WHERE jsonb_typeof(b.value) <> 'null'
           AND (b.key IN ('min_value', 'max_value') OR b.key LIKE 'must\_%')
    LOOP
        IF bound.key LIKE '%between' THEN
            IF (dataplat_internal.compare_values(value, bound.value -> 0, type) >= 0
                AND dataplat_internal.compare_values(value, bound.value -> 1, type) <= 0) = (bound.key = 'must_not_be_between') THEN
                RETURN false;
            END IF;
            CONTINUE;
        END IF;
        cmp := dataplat_internal.compare_values(value, bound.value, type);
        IF NOT (CASE bound.key
                   WHEN 'min_value' THEN cmp > 0 OR (cmp = 0 AND NOT coalesce((kwargs ->> 'strict_min')::boolean, false))
                   WHEN 'max_value' THEN cmp < 0 OR (cmp = 0 AND NOT coalesce((kwargs ->> 'strict_max')::boolean, false))
                   WHEN 'must_be' THEN cmp = 0
                   WHEN 'must_not_be' THEN cmp <> 0
                   WHEN 'must_be_greater_than' THEN cmp > 0
                   WHEN 'must_be_greater_than_or_equal' THEN cmp >= 0
                   WHEN 'must_be_less_than' THEN cmp < 0
                   WHEN 'must_be_less_than_or_equal' THEN cmp <= 0
                   ELSE true END) THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.within_bounds(jsonb, jsonb, text) IS 'does a value keep the bounds of kwargs; NULL and NaN do not';

-- The answer of a judge about one value.
CREATE OR REPLACE FUNCTION dataplat_internal.judged(kwargs jsonb, value jsonb, type text DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('success', dataplat_internal.within_bounds($1, $2, $3),
                              'observed_value', CASE WHEN $3 IS NULL THEN nullif($2, '"NaN"') ELSE $2 END);
$$;
COMMENT ON FUNCTION dataplat_internal.judged(jsonb, jsonb, text) IS 'answer of a judge about one value';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_bounds(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.judged($1, $2 -> 'value', $2 ->> 'type');
$$;
COMMENT ON FUNCTION dataplat_internal.judge_bounds(jsonb, jsonb, bigint) IS 'judge of kinds that measure one value';

-- part / whole.  Nothing in the whole: NULL, and so no success.
CREATE OR REPLACE FUNCTION dataplat_internal.judge_ratio(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.judged($1, to_jsonb(($2 ->> 'part')::float8 / nullif(($2 ->> 'whole')::float8, 0)));
$$;
COMMENT ON FUNCTION dataplat_internal.judge_ratio(jsonb, jsonb, bigint) IS 'judge of kinds that measure a part and a whole';
