/*
 * quality: kinds that judge rows together with others.
 */

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
    END IF;
    RETURN plan;
END;
$$;

SELECT dataplat_internal.register_expectation_kind('expect_column_values_to_be_unique', 'group',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}}', 'uniqueness', 'dataplat_internal.expect_column_values_to_be_unique',
    'no value is there twice', aliases => '{unique,is_unique,isUnique,duplicate_count,duplicateValues,duplicate_values}');
