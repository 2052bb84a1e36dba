/*
 * quality: kinds that judge each row by itself, over one column or several.
 */

-- ------------------------------------------------------------------ one column

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_not_be_null(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
BEGIN
    RETURN dataplat_internal.row_plan(ARRAY[kwargs ->> 'column'], c.quoted, NULL, c.quoted || ' IS NOT NULL');
END;
$$;

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_be_in_set(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c       record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
    allowed text;
BEGIN
    SELECT string_agg(dataplat_internal.expectation_literal(v, c.type), ', ' ORDER BY nth) INTO allowed
      FROM jsonb_array_elements(kwargs -> 'value_set') WITH ORDINALITY AS e (v, nth) WHERE v <> 'null';
    RETURN dataplat_internal.row_plan(ARRAY[kwargs ->> 'column'], c.quoted, c.quoted || ' IS NULL',
        coalesce(c.quoted || ' IN (' || allowed || ')', 'false'));
END;
$$;

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
BEGIN
    RETURN dataplat_internal.row_plan(ARRAY[kwargs ->> 'column'], c.quoted, c.quoted || ' IS NULL', concat_ws(' AND ',
        c.quoted || CASE WHEN (kwargs ->> 'strict_min')::boolean THEN ' > ' ELSE ' >= ' END
            || CASE WHEN kwargs ? 'min_value' THEN dataplat_internal.expectation_literal(kwargs -> 'min_value', c.type) END,
        c.quoted || CASE WHEN (kwargs ->> 'strict_max')::boolean THEN ' < ' ELSE ' <= ' END
            || CASE WHEN kwargs ? 'max_value' THEN dataplat_internal.expectation_literal(kwargs -> 'max_value', c.type) END));
END;
$$;

-- ------------------------------------------------------------------ kinds

SELECT dataplat_internal.register_expectation_kind('expect_column_values_to_not_be_null', 'row',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}}', 'completeness', 'dataplat_internal.expect_column_values_to_not_be_null',
    'the column is not NULL', aliases => '{not_null,is_complete,isComplete}');
SELECT dataplat_internal.register_expectation_kind('expect_column_values_to_be_in_set', 'row',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "value_set": {"type": "values", "required": true, "aliases": ["values", "allowed_values"]}}',
    'conformity', 'dataplat_internal.expect_column_values_to_be_in_set', 'the value is one of a set',
    aliases => '{in_set,accepted_values,is_contained_in,isContainedIn,valid_values,validValues,invalid_count,invalidValues}');
SELECT dataplat_internal.register_expectation_kind('expect_column_values_to_be_between', 'row',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "min_value": {"type": "value"}, "max_value": {"type": "value"},
      "strict_min": {"type": "boolean"}, "strict_max": {"type": "boolean"}}',
    'accuracy', 'dataplat_internal.expect_column_values_to_be_between', 'the value is between two bounds, or beyond one', aliases => '{between}');
