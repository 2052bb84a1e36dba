/*
 * quality: expectations that a profile suggests, by Deequ's rules.
 */

-- Formats that texts may have, as (name, regular expression); the first that
-- all of a sample have is suggested.
CREATE OR REPLACE FUNCTION dataplat_internal.text_formats(OUT name text, OUT regex text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    VALUES ('UUID', '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$'),
           ('e-mail address', '^[A-Za-z0-9._%+''-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$'),
           ('URL', '^https?://[^\s/?#]+([/?#]\S*)?$'),
           ('timestamp', '^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$'),
           ('date', '^\d{4}-\d{2}-\d{2}$'),
           ('IPv4 address', '^((25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(25[0-5]|2[0-4]\d|1?\d?\d)$'),
           ('telephone number', '^\+\d{7,15}$');
$$;
REVOKE ALL ON FUNCTION dataplat_internal.text_formats() FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.text_formats() IS 'common formats of texts that are suggested as expectations';

-- The lower end of a share that is true with 95 % confidence (Deequ's bound),
-- cut to two digits.
CREATE OR REPLACE FUNCTION dataplat_internal.share_lower_bound(share float8, n bigint)
RETURNS numeric
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT trunc(greatest(share - 1.96 * sqrt(share * (1 - share) / n), 0)::numeric, 2); $$;
REVOKE ALL ON FUNCTION dataplat_internal.share_lower_bound(float8, bigint) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.share_lower_bound(float8, bigint) IS 'lower end of the 95 % confidence interval of a share';

-- What one column's profile suggests: rule, kind, kwargs, mostly, reason.
CREATE OR REPLACE FUNCTION dataplat_internal.suggest_of_profile(name text, p jsonb, OUT rule text, OUT kind text, OUT kwargs jsonb, OUT mostly numeric, OUT reason text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n bigint := p -> 'rows';
    full_ float8 := p -> 'completeness';
    present bigint := (p -> 'rows')::bigint - (p -> 'nulls')::bigint;
    different numeric := p -> 'approximate_num_distinct_values';
    is_text boolean := p ->> 'type' IN ('text', 'character varying', 'character');
    col jsonb := jsonb_build_object('column', name);
BEGIN
    IF n = 0 THEN
        RETURN;
    END IF;
    IF full_ = 1 THEN
        RETURN QUERY SELECT 'CompleteIfCompleteRule', 'expect_column_values_to_not_be_null', col, NULL::numeric, format('No value is NULL in %s rows.', n);
    ELSIF full_ > 0.2 AND dataplat_internal.share_lower_bound(full_, n) > 0 THEN
        RETURN QUERY SELECT 'RetainCompletenessRule', 'expect_column_values_to_not_be_null', col, dataplat_internal.share_lower_bound(full_, n),
            format('%s %% of the values are not NULL; with 95 %% confidence at least %s %% will be.', round((full_ * 100)::numeric, 1), dataplat_internal.share_lower_bound(full_, n) * 100);
    END IF;
    -- Of categories there are few, and each is there often.
    IF p ->> 'data_type' IN ('String', 'Integral') AND jsonb_typeof(p -> 'histogram') = 'array' AND different BETWEEN 1 AND 100 AND present >= 10 * different AND p ->> 'type' IN ('text', 'character varying', 'character', 'smallint', 'integer', 'bigint') THEN
        RETURN QUERY SELECT 'CategoricalRangeRule', 'expect_column_values_to_be_in_set',
            col || jsonb_build_object('value_set', (SELECT jsonb_agg(CASE WHEN is_text OR p ->> 'data_type' = 'String' THEN h -> 'value' ELSE (h ->> 'value')::jsonb END ORDER BY (h -> 'count')::bigint DESC, h ->> 'value')
                                                      FROM jsonb_array_elements(p -> 'histogram') AS h WHERE h -> 'value' <> 'null')), NULL::numeric,
            format('There are only %s different values in %s rows.', different, present);
    END IF;
    -- The number of different values is an estimate with an error of 1.6 %.
    IF present = n AND n > 1 AND abs(different - n) <= (CASE WHEN (p ->> 'distinct_exact')::boolean THEN 0 ELSE 0.05 * n END) THEN
        RETURN QUERY SELECT 'UniqueIfApproximatelyUniqueRule', 'expect_column_values_to_be_unique', col, NULL::numeric,
            format('About %s of %s values are different.', different, n);
    END IF;
    IF p ->> 'data_type' IN ('Integral', 'Fractional') AND p ? 'minimum' AND (p -> 'minimum')::float8 >= 0 AND NOT is_text THEN
        RETURN QUERY SELECT 'NonNegativeNumbersRule', 'expect_column_values_to_be_between', col || '{"min_value": 0}', NULL::numeric, format('No number is negative; the least is %s.', p -> 'minimum');
    END IF;
    IF is_text AND p ->> 'data_type' IN ('Integral', 'Fractional', 'Boolean') THEN
        RETURN QUERY SELECT 'RetainTypeRule', 'expect_column_values_to_match_regex',
            col || jsonb_build_object('regex', CASE p ->> 'data_type' WHEN 'Integral' THEN '^[-+]?\d+$' WHEN 'Fractional' THEN '^[-+]?(\d+\.?\d*|\.\d+)$' ELSE '^(true|false)$' END), NULL::numeric,
            format('All texts look like %s.', CASE p ->> 'data_type' WHEN 'Integral' THEN 'whole numbers' WHEN 'Fractional' THEN 'numbers' ELSE 'truth values' END);
    ELSIF is_text AND p ->> 'data_type' = 'String' AND p ? 'max_length' AND different > 1 THEN
        RETURN QUERY SELECT 'HasMaxLength', 'expect_column_value_lengths_to_be_between', col || jsonb_build_object('min_value', p -> 'min_length', 'max_value', p -> 'max_length'), NULL::numeric,
            format('Texts have %s to %s characters.', p -> 'min_length', p -> 'max_length');
    END IF;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.suggest_of_profile(text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.suggest_of_profile(text, jsonb) IS 'expectations that the profile of a column suggests, by Deequ''s rules';

-- The formats of text columns, seen in up to 10,000 rows.
CREATE OR REPLACE FUNCTION dataplat_internal.seen_formats(dataset regclass, caller name, columns text[])
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked record;
    list text;
BEGIN
    SELECT string_agg(format('%L, CASE WHEN count(%I) > 0 THEN (array_remove(ARRAY[%s], NULL))[1] END', c, c, (
               SELECT string_agg(format('CASE WHEN bool_and(%I ~ %L) THEN %L END', c, f.regex, f.name), ', ') FROM dataplat_internal.text_formats() AS f)), ', ') INTO list
      FROM unnest(columns) AS c;
    IF list IS NULL THEN
        RETURN '{}';
    END IF;
    asked := dataplat_internal.ask_as(caller, 'pg_catalog', format('SELECT jsonb_build_object(%s) FROM (SELECT * FROM %s LIMIT 10000) AS seen', list, dataplat_internal.dataset_name(dataset)));
    RETURN coalesce(asked.answer, '{}');
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.seen_formats(regclass, name, text[]) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.seen_formats(regclass, name, text[]) IS 'common formats that all texts of a column have in a sample';

CREATE OR REPLACE FUNCTION dataplat_internal.command_suggest_expectations(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass := (a ->> 'dataset')::oid::regclass;
    place    text := dataplat_internal.dataset_name(relation);
    profiles jsonb := dataplat_internal.command_profile(caller, a - 'apply');
    formats  jsonb;
    found    jsonb;
    s        jsonb;
    added    jsonb := '[]';
BEGIN
    EXECUTE 'SELECT dataplat_internal.seen_formats($1, $2, $3)' INTO formats
      USING relation, caller, ARRAY(SELECT p ->> 'column_name' FROM jsonb_array_elements(profiles) AS p
                                     WHERE p ->> 'type' IN ('text', 'character varying', 'character') AND p ->> 'data_type' = 'String' LIMIT 50);
    SELECT coalesce(jsonb_agg(jsonb_build_object('column_name', p ->> 'column_name', 'rule', x.rule, 'kind', x.kind, 'kwargs', x.kwargs, 'mostly', x.mostly, 'reason', x.reason) ORDER BY p.nth, x.nth), '[]') INTO found
      FROM jsonb_array_elements(profiles) WITH ORDINALITY AS p (p, nth)
     CROSS JOIN LATERAL (
           SELECT g.*, row_number() OVER () AS nth FROM dataplat_internal.suggest_of_profile(p ->> 'column_name', p.p) AS g
           UNION ALL
           SELECT 'FormatRule', 'expect_column_values_to_match_regex', jsonb_build_object('column', p ->> 'column_name', 'regex', f.regex), NULL, format('All texts that were looked at are of the form %s.', f.name), 99
             FROM dataplat_internal.text_formats() AS f WHERE f.name = formats ->> (p ->> 'column_name')) AS x
     WHERE EXISTS (SELECT FROM dataplat_internal.expectation_kind AS k WHERE k.kind = x.kind);
    FOR s IN SELECT e FROM jsonb_array_elements(found) AS e LOOP
        s := s || jsonb_build_object('exists', EXISTS (SELECT FROM dataplat.expectation AS e WHERE e.dataset = place AND e.kind = s ->> 'kind' AND e.kwargs = s -> 'kwargs'),
            'call', format('SELECT dataplat.add_expectation(%L, %L, %L%s);', place, s ->> 'kind', s -> 'kwargs', CASE WHEN s ->> 'mostly' IS NOT NULL THEN ', mostly => ' || (s ->> 'mostly') ELSE '' END));
        IF coalesce((a -> 'apply')::boolean, false) AND NOT (s -> 'exists')::boolean THEN
            s := s || jsonb_build_object('expectation_id', dataplat_internal.command_add_expectation(caller,
                jsonb_strip_nulls(jsonb_build_object('dataset', a ->> 'dataset', 'kind', s ->> 'kind', 'kwargs', s -> 'kwargs', 'mostly', s -> 'mostly', 'severity', 'warn'))));
        END IF;
        added := added || s;
    END LOOP;
    RETURN added;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.command_suggest_expectations(name, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.command_suggest_expectations(name, jsonb) IS 'suggest_expectations as the owner of the extension; the table is read with the caller''s rights';

CREATE OR REPLACE FUNCTION dataplat.suggest_expectations(dataset regclass, columns text[] DEFAULT NULL, sample numeric DEFAULT NULL, apply boolean DEFAULT false)
RETURNS TABLE (column_name text, rule text, kind text, kwargs jsonb, mostly numeric, reason text, call text, "exists" boolean, expectation_id bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
        SELECT s.column_name, s.rule, s.kind, s.kwargs, s.mostly, s.reason, s.call, s."exists", s.expectation_id
          FROM jsonb_to_recordset(dataplat.command('suggest_expectations', jsonb_build_object('dataset', dataset::oid::text, 'columns', suggest_expectations.columns,
                   'sample', sample, 'apply', apply)))
            AS s (column_name text, rule text, kind text, kwargs jsonb, mostly numeric, reason text, call text, "exists" boolean, expectation_id bigint);
END;
$$;
REVOKE ALL ON FUNCTION dataplat.suggest_expectations(regclass, text[], numeric, boolean) FROM PUBLIC;
COMMENT ON FUNCTION dataplat.suggest_expectations(regclass, text[], numeric, boolean) IS
    'expectations that the present contents suggest (Deequ''s rules), each with the reason and the statement that adds it; apply adds them with severity warn';
