/*
 * quality: expectations as the quality rules of a data contract (ODCS 3.1).
 *
 * The common ones become metrics of the standard, the others rules of Great
 * Expectations; the property "dataplat" carries what the standard has no words for.
 */

-- The metric of the standard that means the same; NULL when there is none.
CREATE OR REPLACE FUNCTION dataplat_internal.expectation_metric(e dataplat.expectation)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN e.row_filter IS NOT NULL THEN NULL ELSE CASE e.kind
        WHEN 'expect_column_values_to_not_be_null' THEN jsonb_build_object('metric', 'nullValues')
        WHEN 'expect_column_values_to_be_unique' THEN jsonb_build_object('metric', 'duplicateValues')
        WHEN 'expect_compound_columns_to_be_unique' THEN jsonb_build_object('metric', 'duplicateValues', 'arguments', jsonb_build_object('properties', e.kwargs -> 'column_list'))
        WHEN 'expect_column_values_to_be_in_set' THEN jsonb_build_object('metric', 'invalidValues', 'arguments', jsonb_build_object('validValues', e.kwargs -> 'value_set'))
        WHEN 'expect_column_values_to_match_regex' THEN jsonb_build_object('metric', 'invalidValues', 'arguments', jsonb_build_object('pattern', e.kwargs -> 'regex')) END END
        || CASE WHEN coalesce(e.mostly, 1) = 1 THEN '{"mustBe": 0}' ELSE jsonb_build_object('unit', 'percent', 'mustBeLessOrEqualTo', trim_scale(100 - 100 * e.mostly)) END;
$$;
COMMENT ON FUNCTION dataplat_internal.expectation_metric(dataplat.expectation) IS 'an expectation as a metric of ODCS; NULL when that has none';

CREATE OR REPLACE FUNCTION dataplat_internal.export_expectations(object text, OUT column_name text, OUT rule jsonb)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN jsonb_typeof(e.kwargs -> 'column') = 'string' THEN e.kwargs ->> 'column' END,
           coalesce(jsonb_build_object('type', 'library') || dataplat_internal.expectation_metric(e),
                    CASE WHEN e.kind = 'expect_table_row_count_to_equal' AND e.row_filter IS NULL
                         THEN jsonb_build_object('type', 'library', 'metric', 'rowCount', 'mustBe', e.kwargs -> 'value')
                         WHEN e.kind = 'expect_table_row_count_to_be_between' AND e.row_filter IS NULL AND jsonb_typeof(e.kwargs -> 'min_value') = 'number'
                              AND e.kwargs - 'min_value' = '{}'
                         THEN jsonb_build_object('type', 'library', 'metric', 'rowCount', 'mustBeGreaterOrEqualTo', e.kwargs -> 'min_value') END,
                    jsonb_build_object('type', 'custom', 'engine', 'greatExpectations', 'implementation', jsonb_build_object(
                        'type', e.kind, 'kwargs', e.kwargs || CASE WHEN e.mostly IS NOT NULL THEN jsonb_build_object('mostly', e.mostly) ELSE '{}' END)))
        || jsonb_build_object('name', e.name, 'dimension', e.dimension, 'severity', e.severity, 'customProperties', jsonb_build_array(jsonb_build_object(
               'property', 'dataplat', 'value', jsonb_strip_nulls(jsonb_build_object('kind', e.kind, 'kwargs', e.kwargs, 'suite', e.suite, 'mostly', e.mostly, 'action', e.action,
                   'warn_if', e.warn_if, 'error_if', e.error_if, 'row_filter', e.row_filter, 'null_handling', e.null_handling, 'weight', e.weight, 'on_delta', e.on_delta)))))
      FROM dataplat.expectation AS e
     WHERE e.dataset = object AND e.enabled;
$$;
COMMENT ON FUNCTION dataplat_internal.export_expectations(text) IS 'expectations of a dataset as quality rules of ODCS';

-- A rule that others wrote, as arguments of add_expectation(); NULL for text.
CREATE OR REPLACE FUNCTION dataplat_internal.foreign_rule(column_name text, rule jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    args   jsonb := coalesce(rule -> 'arguments', '{}');
    col    jsonb := CASE WHEN column_name IS NOT NULL THEN jsonb_build_object('column', column_name) ELSE '{}' END;
    most   numeric := coalesce((rule ->> 'mustBeLessOrEqualTo')::numeric, (rule ->> 'mustBeLessThan')::numeric, (rule #>> '{mustBeBetween,1}')::numeric,
                               (rule ->> 'mustBe')::numeric);
    lowest numeric := coalesce((rule ->> 'mustBeGreaterOrEqualTo')::numeric, (rule ->> 'mustBeGreaterThan')::numeric, (rule #>> '{mustBeBetween,0}')::numeric,
                               (rule ->> 'mustBe')::numeric);
    bounds jsonb := jsonb_strip_nulls(jsonb_build_object('min_value', lowest, 'max_value', most,
                        'strict_min', CASE WHEN rule ? 'mustBeGreaterThan' THEN true END, 'strict_max', CASE WHEN rule ? 'mustBeLessThan' THEN true END));
    share  jsonb := CASE WHEN rule ->> 'unit' = 'percent' AND most IS NOT NULL AND most > 0 THEN jsonb_build_object('mostly', trim_scale(1 - most / 100)) ELSE '{}' END;
    test   text;
BEGIN
    CASE coalesce(rule ->> 'metric', rule ->> 'rule', rule ->> 'type', '')
        WHEN 'nullValues' THEN
            IF most = 0 OR share <> '{}' THEN
                RETURN jsonb_build_object('kind', 'expect_column_values_to_not_be_null', 'kwargs', col) || share;
            END IF;
            RETURN jsonb_build_object('kind', 'expect_column_missing_count_to_be_between', 'kwargs', col || bounds);
        WHEN 'missingValues' THEN
            RETURN jsonb_build_object('kind', CASE rule ->> 'unit' WHEN 'percent' THEN 'expect_column_missing_percent_to_be_between' ELSE 'expect_column_missing_count_to_be_between' END,
                'kwargs', col || bounds || jsonb_strip_nulls(jsonb_build_object('missing_values',
                    (SELECT jsonb_agg(v) FROM jsonb_array_elements(CASE jsonb_typeof(args -> 'missingValues') WHEN 'array' THEN args -> 'missingValues' ELSE '[]' END) AS v WHERE v <> 'null'))));
        WHEN 'invalidValues' THEN
            IF args ? 'validValues' THEN
                RETURN jsonb_build_object('kind', 'expect_column_values_to_be_in_set', 'kwargs', col || jsonb_build_object('value_set', args -> 'validValues')) || share;
            ELSIF args ? 'pattern' THEN
                RETURN jsonb_build_object('kind', 'expect_column_values_to_match_regex', 'kwargs', col || jsonb_build_object('regex', args -> 'pattern')) || share;
            END IF;
        WHEN 'duplicateValues' THEN
            IF args ? 'properties' THEN
                RETURN jsonb_build_object('kind', 'expect_compound_columns_to_be_unique', 'kwargs', jsonb_build_object('column_list', args -> 'properties')) || share;
            END IF;
            RETURN jsonb_build_object('kind', 'expect_column_values_to_be_unique', 'kwargs', col) || share;
        WHEN 'rowCount' THEN
            RETURN jsonb_build_object('kind', 'expect_table_row_count_to_be_between', 'kwargs', bounds);
        WHEN 'custom' THEN
            IF lower(rule ->> 'engine') IN ('greatexpectations', 'gx') AND jsonb_typeof(rule -> 'implementation') = 'object' THEN
                RETURN jsonb_build_object('kind', coalesce(rule #> '{implementation,type}', rule #> '{implementation,expectation_type}'), 'kwargs', rule #> '{implementation,kwargs}');
            END IF;
        WHEN 'sql' THEN
            test := CASE WHEN rule ? 'mustBe' THEN format('= %s', quote_literal(rule ->> 'mustBe'))
                         WHEN rule ? 'mustNotBe' THEN format('<> %s', quote_literal(rule ->> 'mustNotBe'))
                         WHEN rule ? 'mustNotBeBetween' THEN format('NOT BETWEEN %s AND %s', (rule #>> '{mustNotBeBetween,0}')::numeric, (rule #>> '{mustNotBeBetween,1}')::numeric)
                         WHEN rule ? 'mustBeBetween' THEN format('BETWEEN %s AND %s', lowest, most)
                         WHEN rule ? 'mustBeGreaterThan' THEN format('> %s', lowest) WHEN rule ? 'mustBeGreaterOrEqualTo' THEN format('>= %s', lowest)
                         WHEN rule ? 'mustBeLessThan' THEN format('< %s', most) WHEN rule ? 'mustBeLessOrEqualTo' THEN format('<= %s', most) END;
            IF test IS NOT NULL THEN
                RETURN jsonb_build_object('kind', 'unexpected_rows_expectation', 'kwargs', jsonb_build_object('unexpected_rows_query',
                    format('SELECT * FROM (%s) AS checked (value) WHERE NOT coalesce(value %s, false)',
                           regexp_replace(regexp_replace(rtrim(rule ->> 'query', E'; \n'), '\$?\{(object|table|model)\}', '{batch}', 'gi'), '\$?\{(column|property|field)\}',
                                          replace(coalesce(quote_ident(column_name), ''), '\', '\\'), 'gi'), test)));
            END IF;
        ELSE
            NULL;
    END CASE;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.foreign_rule(text, jsonb) IS 'a quality rule of ODCS as arguments of add_expectation(); NULL when it cannot be one';

-- Declared once: a rule of the same name, or one that says the same, stays as it is.
CREATE OR REPLACE FUNCTION dataplat_internal.import_expectation(caller name, relation oid, column_name text, rule jsonb)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ours      jsonb := (SELECT p -> 'value' FROM jsonb_array_elements(CASE jsonb_typeof(rule -> 'customProperties') WHEN 'array' THEN rule -> 'customProperties' ELSE '[]' END) AS p
                         WHERE p ->> 'property' = 'dataplat' AND jsonb_typeof(p -> 'value') = 'object' LIMIT 1);
    arguments jsonb := coalesce(ours, dataplat_internal.foreign_rule(column_name, rule));
    severity  text := CASE lower(rule ->> 'severity') WHEN 'warning' THEN 'warning' WHEN 'warn' THEN 'warn' WHEN 'info' THEN 'info' WHEN 'critical' THEN 'critical' ELSE 'error' END;
    id        bigint;
BEGIN
    IF arguments IS NULL THEN
        RETURN format('left out: rule "%s" of type %s', coalesce(rule ->> 'name', rule ->> 'description'), coalesce(rule ->> 'type', 'library'));
    END IF;
    IF EXISTS (SELECT FROM dataplat.expectation AS e WHERE e.dataset = dataplat_internal.dataset_name(relation)
                  AND (e.name = rule ->> 'name' OR rule ->> 'name' IS NULL AND e.kind = arguments ->> 'kind' AND e.kwargs = arguments -> 'kwargs')) THEN
        RETURN format('expectation "%s" was there', coalesce(rule ->> 'name', arguments ->> 'kind'));
    END IF;
    IF arguments ->> 'suite' IS NOT NULL AND NOT EXISTS (SELECT FROM dataplat.expectation_suite AS s WHERE s.name = arguments ->> 'suite') THEN
        PERFORM dataplat_internal.command_create_suite(caller, jsonb_build_object('name', arguments ->> 'suite'));
    END IF;
    id := dataplat_internal.command_add_expectation(caller, arguments || jsonb_strip_nulls(jsonb_build_object(
              'dataset', relation::text, 'name', rule ->> 'name', 'severity', severity, 'dimension', rule ->> 'dimension')))::bigint;
    RETURN format('expectation "%s"', (SELECT e.name FROM dataplat.expectation AS e WHERE e.expectation_id = id));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.import_expectation(name, oid, text, jsonb) IS 'declare a quality rule of ODCS';
REVOKE ALL ON FUNCTION dataplat_internal.import_expectation(name, oid, text, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.broken_expectations(object text, OUT column_name text, OUT problem text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT e.kwargs ->> 'column',
           CASE r.outcome WHEN 'ERROR' THEN format('expectation "%s" cannot be evaluated', e.name) WHEN 'FAILED' THEN format('expectation "%s" is not met', e.name)
                ELSE format('expectation "%s" was never evaluated', e.name) END
      FROM dataplat.expectation AS e
      LEFT JOIN LATERAL (SELECT v.outcome FROM dataplat.validation_result AS v WHERE v.expectation_id = e.expectation_id ORDER BY v.validation_id DESC LIMIT 1) AS r ON true
     WHERE e.dataset = object AND e.enabled AND coalesce(r.outcome IN ('FAILED', 'ERROR'), true)
     ORDER BY e.name;
$$;
COMMENT ON FUNCTION dataplat_internal.broken_expectations(text) IS 'expectations of a dataset that were not met when they were judged last';

SELECT dataplat_internal.register_contract_part('quality', 'dataplat_internal.export_expectations', 'dataplat_internal.import_expectation', 'dataplat_internal.broken_expectations');
