/*
 * quality: kinds that judge each row by itself, over one column.
 */

-- ------------------------------------------------------------------ plans

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
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_not_be_null(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_be_null(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
BEGIN
    RETURN dataplat_internal.row_plan(ARRAY[kwargs ->> 'column'], c.quoted, NULL, c.quoted || ' IS NULL');
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_be_null(regclass, jsonb) IS 'plan of a kind';

-- Of all conditions over one column that is not NULL: {column} is its name.
-- The pieces come from quote_literal(), so a brace in them is not a place.
CREATE OR REPLACE FUNCTION dataplat_internal.over_column(dataset regclass, column_name text, VARIADIC pieces text[])
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record := dataplat_internal.expectation_column(dataset, column_name);
BEGIN
    RETURN dataplat_internal.row_plan(ARRAY[column_name], c.quoted, c.quoted || ' IS NULL',
        (SELECT string_agg(CASE p WHEN '{column}' THEN c.quoted ELSE p END, '' ORDER BY nth) FROM unnest(pieces) WITH ORDINALITY AS u (p, nth)));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.over_column(regclass, text, text[]) IS 'plan of a condition over a column, in pieces; the piece {column} is its name';

-- Constants for IN (...), without NULL.
CREATE OR REPLACE FUNCTION dataplat_internal.expectation_literals(list jsonb, type regtype)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(dataplat_internal.expectation_literal(v, type), ', ' ORDER BY nth)
      FROM jsonb_array_elements(list) WITH ORDINALITY AS e (v, nth) WHERE v <> 'null';
$$;
COMMENT ON FUNCTION dataplat_internal.expectation_literals(jsonb, regtype) IS 'values of kwargs as constants, separated by commas';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_be_in_set(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
BEGIN
    RETURN dataplat_internal.row_plan(ARRAY[kwargs ->> 'column'], c.quoted, c.quoted || ' IS NULL',
        coalesce(c.quoted || ' IN (' || dataplat_internal.expectation_literals(kwargs -> 'value_set', c.type) || ')', 'false'));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_be_in_set(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_not_be_in_set(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
BEGIN
    RETURN dataplat_internal.row_plan(ARRAY[kwargs ->> 'column'], c.quoted, c.quoted || ' IS NULL',
        coalesce(c.quoted || ' NOT IN (' || dataplat_internal.expectation_literals(kwargs -> 'value_set', c.type) || ')', 'true'));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_not_be_in_set(regclass, jsonb) IS 'plan of a kind';

-- "x >= low AND x < high" for SQL x.
CREATE OR REPLACE FUNCTION dataplat_internal.between_condition(subject text, type regtype, kwargs jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(NULLIF(concat_ws(' AND ',
        subject || CASE WHEN (kwargs ->> 'strict_min')::boolean THEN ' > ' ELSE ' >= ' END
            || CASE WHEN kwargs ? 'min_value' THEN dataplat_internal.expectation_literal(kwargs -> 'min_value', type) END,
        subject || CASE WHEN (kwargs ->> 'strict_max')::boolean THEN ' < ' ELSE ' <= ' END
            || CASE WHEN kwargs ? 'max_value' THEN dataplat_internal.expectation_literal(kwargs -> 'max_value', type) END), ''), 'true');
$$;
COMMENT ON FUNCTION dataplat_internal.between_condition(text, regtype, jsonb) IS 'is a value within min_value and max_value?';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
BEGIN
    RETURN dataplat_internal.row_plan(ARRAY[kwargs ->> 'column'], c.quoted, c.quoted || ' IS NULL', dataplat_internal.between_condition(c.quoted, c.type, kwargs));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_be_between(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_value_lengths_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
BEGIN
    RETURN dataplat_internal.row_plan(ARRAY[kwargs ->> 'column'], c.quoted, c.quoted || ' IS NULL',
        dataplat_internal.between_condition(format('pg_catalog.length(%s)', c.quoted), 'int4', kwargs));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_value_lengths_to_be_between(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_value_lengths_to_equal(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat_internal.over_column(dataset, kwargs ->> 'column', 'pg_catalog.length(', '{column}', ') = ' || (kwargs ->> 'value')); $$;
COMMENT ON FUNCTION dataplat_internal.expect_column_value_lengths_to_equal(regclass, jsonb) IS 'plan of a kind';

-- A column against patterns: "operator" any or all of them.
CREATE OR REPLACE FUNCTION dataplat_internal.pattern_plan(dataset regclass, column_name text, operator text, patterns jsonb, every boolean, escape text DEFAULT NULL)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record := dataplat_internal.expectation_column(dataset, column_name);
BEGIN
    RETURN dataplat_internal.row_plan(ARRAY[column_name], c.quoted, c.quoted || ' IS NULL', (
        SELECT string_agg(format('%s %s %L', c.quoted, operator, p) || coalesce(' ESCAPE ' || quote_literal(escape), ''), CASE WHEN every THEN ' AND ' ELSE ' OR ' END ORDER BY nth)
          FROM jsonb_array_elements_text(patterns) WITH ORDINALITY AS u (p, nth)));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.pattern_plan(regclass, text, text, jsonb, boolean, text) IS 'plan of a column against patterns';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_match_regex(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat_internal.pattern_plan(dataset, kwargs ->> 'column', '~', jsonb_build_array(kwargs -> 'regex'), true); $$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_match_regex(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_not_match_regex(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat_internal.pattern_plan(dataset, kwargs ->> 'column', '!~', jsonb_build_array(kwargs -> 'regex'), true); $$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_not_match_regex(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_match_regex_list(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat_internal.pattern_plan(dataset, kwargs ->> 'column', '~', kwargs -> 'regex_list', coalesce(kwargs ->> 'match_on', 'any') = 'all'); $$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_match_regex_list(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_not_match_regex_list(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat_internal.pattern_plan(dataset, kwargs ->> 'column', '!~', kwargs -> 'regex_list', true); $$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_not_match_regex_list(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_match_like_pattern(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat_internal.pattern_plan(dataset, kwargs ->> 'column', 'LIKE', jsonb_build_array(kwargs -> 'like_pattern'), true, kwargs ->> 'escape'); $$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_match_like_pattern(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_not_match_like_pattern(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat_internal.pattern_plan(dataset, kwargs ->> 'column', 'NOT LIKE', jsonb_build_array(kwargs -> 'like_pattern'), true, kwargs ->> 'escape'); $$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_not_match_like_pattern(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_match_like_pattern_list(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.pattern_plan(dataset, kwargs ->> 'column', 'LIKE', kwargs -> 'like_pattern_list', coalesce(kwargs ->> 'match_on', 'any') = 'all', kwargs ->> 'escape');
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_match_like_pattern_list(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_not_match_like_pattern_list(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat_internal.pattern_plan(dataset, kwargs ->> 'column', 'NOT LIKE', kwargs -> 'like_pattern_list', true, kwargs ->> 'escape'); $$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_not_match_like_pattern_list(regclass, jsonb) IS 'plan of a kind';

-- A day that the month does not have is what a regular expression cannot see;
-- days to the 28th need no looking.
CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_match_strftime_format(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c      record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
    format text := kwargs ->> 'strftime_format';
    part   text := 'pg_catalog.substring(%s, %L)';
    year   text := '1900';
    month  text := '1';
    rule   text;
BEGIN
    rule := format('%s ~ %L', c.quoted, dataplat_internal.strftime_regex(format));
    IF format ~ '%(Y|F|c)' THEN
        year := format('(' || part || ')::int', c.quoted, dataplat_internal.strftime_regex(format, 'Y'));
        rule := rule || format(' AND %s > 0', year);
    ELSIF format ~ '%(y|D|x)' THEN
        year := format('(1969 + (' || part || '::int + 31) %% 100)', c.quoted, dataplat_internal.strftime_regex(format, 'y'));
    END IF;
    IF format ~ '%(m|F|D|x)' THEN
        month := format(part || '::int', c.quoted, dataplat_internal.strftime_regex(format, 'm'));
    ELSIF format ~ '%[bBhc]' THEN
        month := format('(pg_catalog.strpos(''janfebmaraprmayjunjulaugsepoctnovdec'', pg_catalog.left(pg_catalog.lower(' || part || '), 3)) + 2) / 3', c.quoted,
                        dataplat_internal.strftime_regex(format, CASE WHEN format ~ '%B' THEN 'B' ELSE 'b' END));
    END IF;
    IF format ~ '%(d|e|F|D|x|c)' THEN
        part := format(part || '::int', c.quoted, dataplat_internal.strftime_regex(format, 'd'));
        rule := rule || format(' AND (%s <= 28 OR %s <= CASE %s WHEN 2 THEN 28 + (%s %% 4 = 0 AND (%s %% 100 <> 0 OR %s %% 400 = 0))::int WHEN 4 THEN 30 WHEN 6 THEN 30 WHEN 9 THEN 30 WHEN 11 THEN 30 ELSE 31 END)',
                               part, part, month, year, year, year);
    END IF;
    RETURN dataplat_internal.row_plan(ARRAY[kwargs ->> 'column'], c.quoted, c.quoted || ' IS NULL', rule);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_match_strftime_format(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_be_json_parseable(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
BEGIN
    RETURN dataplat_internal.row_plan(ARRAY[kwargs ->> 'column'], c.quoted, c.quoted || ' IS NULL',
        CASE WHEN c.type IN ('json'::regtype, 'jsonb'::regtype) THEN 'true' ELSE format('dataplat.is_json(%s)', c.quoted) END);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_be_json_parseable(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_match_json_schema(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c    record := dataplat_internal.expectation_column(dataset, kwargs ->> 'column');
    rule text := format('NOT EXISTS (SELECT FROM dataplat.json_schema_validate(%s::jsonb, %L::jsonb))', c.quoted, kwargs -> 'json_schema');
BEGIN
    RETURN dataplat_internal.row_plan(ARRAY[kwargs ->> 'column'], c.quoted, c.quoted || ' IS NULL',
        CASE WHEN c.type IN ('json'::regtype, 'jsonb'::regtype) THEN rule
             ELSE format('CASE WHEN dataplat.is_json(%s) THEN %s ELSE %s IS NULL END', c.quoted, rule, c.quoted) END);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_match_json_schema(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_not_be_empty(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.over_column(dataset, kwargs ->> 'column',
        VARIADIC CASE WHEN (kwargs ->> 'trim_whitespace')::boolean IS FALSE THEN ARRAY['{column}', ' <> '''''] ELSE ARRAY['{column}', ' ~ ''\S'''] END);
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_not_be_empty(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_be_email(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.pattern_plan(dataset, kwargs ->> 'column', '~',
        '["^[[:alnum:]!#$%&''*+/=?^_`{|}~-]+(\\.[[:alnum:]!#$%&''*+/=?^_`{|}~-]+)*@([[:alnum:]]([[:alnum:]-]*[[:alnum:]])?\\.)+[[:alpha:]]([[:alnum:]-]*[[:alnum:]])?$"]', true);
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_be_email(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_be_url(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.pattern_plan(dataset, kwargs ->> 'column', '~*',
        '["^(https?|ftp)://([^\\s/?#@]+@)?([[:alnum:]]([[:alnum:]-]*[[:alnum:]])?(\\.[[:alnum:]]([[:alnum:]-]*[[:alnum:]])?)*|\\[[0-9a-f:.]+\\])(:\\d{1,5})?([/?#]\\S*)?$"]', true);
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_be_url(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_be_social_security_number(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.pattern_plan(dataset, kwargs ->> 'column', '~', '["^(?!000|666|9\\d\\d)\\d{3}-(?!00)\\d{2}-(?!0000)\\d{4}$"]', true);
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_be_social_security_number(regclass, jsonb) IS 'plan of a kind';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_be_credit_card_number(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat_internal.over_column(dataset, kwargs ->> 'column', 'dataplat.is_credit_card(', '{column}', ')'); $$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_be_credit_card_number(regclass, jsonb) IS 'plan of a kind';

-- ------------------------------------------------------------------ kinds

SELECT dataplat_internal.register_column_kind('expect_column_values_to_not_be_null', 'completeness', '{}', 'the column is not NULL',
    '{not_null,is_complete,isComplete,null_values,nullValues}');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_be_null', 'completeness', '{}', 'the column is NULL', '{is_null}');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_be_in_set', 'conformity',
    '{"value_set": {"type": "values", "required": true, "aliases": ["values", "allowed_values", "validValues"]}}', 'the value is one of a set; NULL in the set means nothing',
    '{in_set,accepted_values,is_contained_in,isContainedIn,valid_values,validValues,invalid_count,invalidValues}');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_not_be_in_set', 'conformity',
    '{"value_set": {"type": "values", "required": true, "aliases": ["values", "rejected_values"]}}', 'the value is none of a set', '{not_in_set,not_accepted_values,rejected_values}');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_be_between', 'accuracy',
    '{"min_value": {"type": "value", "aliases": ["min"]}, "max_value": {"type": "value", "aliases": ["max"]}, "strict_min": {"type": "boolean"}, "strict_max": {"type": "boolean"}}',
    'the value is between two bounds, or beyond one', '{between,accepted_range,is_non_negative,valid_range}');
SELECT dataplat_internal.register_column_kind('expect_column_value_lengths_to_be_between', 'conformity',
    '{"min_value": {"type": "integer", "min": 0}, "max_value": {"type": "integer", "min": 0}, "strict_min": {"type": "boolean"}, "strict_max": {"type": "boolean"}}',
    'the text has so many characters', '{value_lengths_between,valid_length}');
SELECT dataplat_internal.register_column_kind('expect_column_value_lengths_to_equal', 'conformity', '{"value": {"type": "integer", "required": true, "min": 0}}',
    'the text has exactly so many characters', '{value_lengths_equal}');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_match_regex', 'conformity', '{"regex": {"type": "regex", "required": true, "aliases": ["pattern"]}}',
    'the text matches a regular expression', '{match_regex,has_pattern,hasPattern,valid_regex,pattern}');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_not_match_regex', 'conformity', '{"regex": {"type": "regex", "required": true, "aliases": ["pattern"]}}',
    'the text does not match a regular expression', '{not_match_regex,invalid_regex}');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_match_regex_list', 'conformity',
    '{"regex_list": {"type": "regexes", "required": true}, "match_on": {"type": "text", "choices": ["any", "all"]}}', 'the text matches any (or all) of some regular expressions', '{match_regex_list}');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_not_match_regex_list', 'conformity', '{"regex_list": {"type": "regexes", "required": true}}',
    'the text matches none of some regular expressions', '{not_match_regex_list}');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_match_like_pattern', 'conformity',
    '{"like_pattern": {"type": "text", "required": true}, "escape": {"type": "text"}}', 'the text is LIKE a pattern', '{match_like_pattern,like}');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_not_match_like_pattern', 'conformity',
    '{"like_pattern": {"type": "text", "required": true}, "escape": {"type": "text"}}', 'the text is not LIKE a pattern', '{not_match_like_pattern,not_like}');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_match_like_pattern_list', 'conformity',
    '{"like_pattern_list": {"type": "texts", "required": true}, "match_on": {"type": "text", "choices": ["any", "all"]}, "escape": {"type": "text"}}',
    'the text is LIKE any (or all) of some patterns', '{match_like_pattern_list}');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_not_match_like_pattern_list', 'conformity',
    '{"like_pattern_list": {"type": "texts", "required": true}, "escape": {"type": "text"}}', 'the text is LIKE none of some patterns', '{not_match_like_pattern_list}');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_match_strftime_format', 'conformity', '{"strftime_format": {"type": "text", "required": true}}',
    'the text is a date or time as strftime writes it', '{match_strftime_format}');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_be_json_parseable', 'conformity', '{}', 'the text is JSON', '{json_parseable}');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_match_json_schema', 'conformity', '{"json_schema": {"type": "object", "required": true}}',
    'the text is JSON that keeps to a JSON Schema', '{match_json_schema}');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_not_be_empty', 'completeness', '{"trim_whitespace": {"type": "boolean"}}',
    'the text is not empty, nor white space only (unless trim_whitespace is false)', '{not_empty_string}');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_be_email', 'conformity', '{}', 'the text is an e-mail address', '{contains_email,containsEmail,valid_email}');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_be_url', 'conformity', '{}', 'the text is a URL (http, https, ftp)', '{contains_url,containsURL,valid_url}');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_be_social_security_number', 'conformity', '{}', 'the text is a social security number of the USA',
    '{contains_social_security_number,containsSocialSecurityNumber}');
SELECT dataplat_internal.register_column_kind('expect_column_values_to_be_credit_card_number', 'conformity', '{}', 'the text is the number of a payment card',
    '{contains_credit_card_number,containsCreditCardNumber,valid_credit_card}');
