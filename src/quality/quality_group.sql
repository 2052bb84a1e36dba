/*
 * quality: kinds that judge rows together with others.
 */

-- ------------------------------------------------------------------ plans

-- Is there a unique index over these columns, or some of them?  Then the
-- server has judged already.
CREATE OR REPLACE FUNCTION dataplat_internal.has_unique_index(dataset regclass, columns text[])
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
         WHERE i.indrelid = dataset AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
           AND (c.relkind = 'p' OR NOT c.relhassubclass)
           AND NOT EXISTS (SELECT FROM generate_series(0, i.indnkeyatts - 1) AS k JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k]
                            WHERE NOT (a.attname = ANY (columns) AND (cardinality(columns) = 1 OR a.attnotnull))));
$$;
COMMENT ON FUNCTION dataplat_internal.has_unique_index(regclass, text[]) IS 'does a unique index rule out rows that are alike in these columns?';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_be_unique(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c    record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
    plan dataplat_internal.expectation_plan;
BEGIN
    plan := dataplat_internal.row_plan(ARRAY[kwargs ->> 'column'], c.quoted, c.quoted || ' IS NULL', format('count(*) OVER (PARTITION BY %s) = 1', c.quoted));
    IF dataplat_internal.has_unique_index(dataset, plan.columns) THEN
        plan.query := 'SELECT ''{"unexpected": 0}''::jsonb';
    ELSE
        plan.query := format('SELECT jsonb_build_object(''unexpected'', coalesce(sum(n) FILTER (WHERE n > 1), 0)) FROM (SELECT count(*) AS n FROM dataplat_rows GROUP BY %s) AS g', c.quoted);
        IF dataplat_internal.is_hashed_type(c.type) THEN
            plan.aggregates := jsonb_build_object('may_repeat', format('dataplat.may_repeat(%s)', c.quoted));
        END IF;
    END IF;
    RETURN plan;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_be_unique(regclass, jsonb) IS 'plan of a kind';

-- Types whose hashes are cheap, which may_repeat() takes.
CREATE OR REPLACE FUNCTION dataplat_internal.is_hashed_type(type regtype)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT type = ANY ('{int2,int4,int8,numeric,float4,float8,text,varchar,bpchar,date,timestamp,timestamptz,time,uuid,bytea,bool,oid}'::regtype[]);
$$;
COMMENT ON FUNCTION dataplat_internal.is_hashed_type(regtype) IS 'can values of this type be asked for repetitions by their hashes?';

-- As Great Expectations has it, a row with a NULL among others is like no other.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_compound_columns_to_be_unique(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    plan   dataplat_internal.expectation_plan := dataplat_internal.columns_plan(dataset, kwargs, 'true');
    q      text[] := dataplat_internal.expectation_columns(dataset, kwargs -> 'column_list');
    listed text := array_to_string(q, ', ');
    whole  text := array_to_string(q, ' IS NOT NULL AND ') || ' IS NOT NULL';
BEGIN
    plan.expected := format('CASE WHEN %s THEN count(*) OVER (PARTITION BY %s) = 1 ELSE true END', whole, listed);
    IF dataplat_internal.has_unique_index(dataset, plan.columns) THEN
        plan.query := 'SELECT ''{"unexpected": 0}''::jsonb';
    ELSE
        plan.query := format('SELECT jsonb_build_object(''unexpected'', coalesce(sum(n) FILTER (WHERE n > 1), 0)) FROM (SELECT count(*) AS n FROM dataplat_rows WHERE %s GROUP BY %s) AS g',
                             whole, listed);
        IF (SELECT bool_and(dataplat_internal.is_hashed_type((dataplat_internal.expectation_column(dataset, n)).type)) FROM unnest(plan.columns) AS n) THEN
            plan.aggregates := jsonb_build_object('may_repeat', format('dataplat.may_repeat(%s)', listed));
        END IF;
    END IF;
    RETURN plan;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_compound_columns_to_be_unique(regclass, jsonb) IS 'plan of a kind';

-- How a value compares with the one before it.  Without order_by the rows are
-- as they lie in the table, which is the order they were loaded in and no more.
CREATE OR REPLACE FUNCTION dataplat_internal.order_plan(dataset regclass, kwargs jsonb, rule text)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c      record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
    sorted text := coalesce((SELECT string_agg(q, ', ') FROM unnest(dataplat_internal.expectation_columns(dataset, kwargs -> 'order_by')) AS q),
                            (SELECT string_agg(quote_ident(k), ', ') FROM unnest(dataplat_internal.primary_key_of(dataset)) AS k), 'ctid');
    within text := coalesce((SELECT 'PARTITION BY ' || string_agg(q, ', ') || ' ' FROM unnest(dataplat_internal.expectation_columns(dataset, kwargs -> 'group_by_columns')) AS q), '');
    before text;
BEGIN
    before := format('lag(%s) OVER (%sORDER BY %s)', c.quoted, within, sorted);
    -- The first has nothing before it.
    RETURN dataplat_internal.row_plan(ARRAY[kwargs ->> 'column'], c.quoted, c.quoted || ' IS NULL',
        format('coalesce(%s, true)', replace(replace(rule, '{value}', c.quoted), '{before}', before)));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.order_plan(regclass, jsonb, text) IS 'plan of a comparison of each value with the one before it';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_be_increasing(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat_internal.order_plan(dataset, kwargs, CASE WHEN (kwargs ->> 'strictly')::boolean THEN '{value} > {before}' ELSE '{value} >= {before}' END); $$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_be_increasing(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_be_decreasing(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat_internal.order_plan(dataset, kwargs, CASE WHEN (kwargs ->> 'strictly')::boolean THEN '{value} < {before}' ELSE '{value} <= {before}' END); $$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_be_decreasing(regclass, jsonb) IS 'plan of a kind';

-- dbt_utils: sorted by itself, each value is one step after the one before.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_be_sequential(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.order_plan(dataset, kwargs || jsonb_build_object('order_by', jsonb_build_array(kwargs -> 'column')),
        format('{value} = {before} + %s', CASE WHEN kwargs ? 'datepart' THEN format('interval %L', coalesce(kwargs ->> 'interval', '1') || ' ' || (kwargs ->> 'datepart'))
                                               ELSE coalesce(kwargs ->> 'interval', '1') END));
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_be_sequential(regclass, jsonb) IS 'plan of a kind';

-- ------------------------------------------------------------------ kinds

SELECT dataplat_internal.register_column_kind('expect_column_values_to_be_unique', 'uniqueness', '{}', 'no value is there twice',
    '{unique,is_unique,isUnique,duplicate_count,duplicateValues,duplicate_values}', 'group');
SELECT dataplat_internal.register_expectation_kind('expect_compound_columns_to_be_unique', 'group',
    '{"column_list": {"type": "columns", "required": true, "aliases": ["combination_of_columns", "columns"]},
      "ignore_row_if": {"type": "text", "choices": ["all_values_are_missing", "any_value_is_missing", "never"]}}',
    'uniqueness', 'dataplat_internal.expect_compound_columns_to_be_unique', 'no combination of values is there twice',
    aliases => '{compound_unique,unique_combination_of_columns,is_primary_key,isPrimaryKey}');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_be_increasing', 'consistency',
    '{"strictly": {"type": "boolean"}, "order_by": {"type": "columns"}, "group_by_columns": {"type": "columns"}}',
    'each value is not less than the one before it, by order_by, the primary key or the place in the table', '{increasing}', 'group');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_be_decreasing', 'consistency',
    '{"strictly": {"type": "boolean"}, "order_by": {"type": "columns"}, "group_by_columns": {"type": "columns"}}',
    'each value is not more than the one before it, by order_by, the primary key or the place in the table', '{decreasing}', 'group');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_be_sequential', 'consistency',
    '{"interval": {"type": "number"}, "datepart": {"type": "text", "choices": ["second", "minute", "hour", "day", "week", "month", "quarter", "year"]}, "group_by_columns": {"type": "columns"}}',
    'sorted, each value is one interval after the one before it', '{sequential_values}', 'group');
