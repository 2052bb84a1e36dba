/*
 * quality: telling by its text what a value is.  These stand in the SQL of
 * expectations, which runs with users' rights, so they are for everybody; all
 * they do is look at what they are given.
 */

CREATE OR REPLACE FUNCTION dataplat.is_json(value text)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'dp_is_json';
COMMENT ON FUNCTION dataplat.is_json(text) IS 'is this text JSON?';

CREATE OR REPLACE FUNCTION dataplat.is_credit_card(value text)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'dp_is_credit_card';
COMMENT ON FUNCTION dataplat.is_credit_card(text) IS 'does this text look like the number of a payment card? 12 to 19 digits, spaces or hyphens between them, right check digit';

CREATE OR REPLACE FUNCTION dataplat_internal.plain_match(value text, pattern text)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'dp_plain_match';
COMMENT ON FUNCTION dataplat_internal.plain_match(text, text) IS 'value ~ pattern, for patterns of ASCII characters and sets of them, repeated or not; an error for others';

CREATE OR REPLACE FUNCTION dataplat_internal.check_condition(dataset text, search_path text, condition text)
RETURNS void
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_check_condition';
COMMENT ON FUNCTION dataplat_internal.check_condition(text, text, text) IS 'fail on SQL that is no harmless boolean expression over rows of a dataset';
REVOKE ALL ON FUNCTION dataplat_internal.check_condition(text, text, text) FROM PUBLIC;

-- A condition for use in parentheses: a comment at its end must end there.
CREATE OR REPLACE FUNCTION dataplat_internal.closed_condition(condition text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT condition || CASE WHEN condition LIKE '%--%' THEN E'\n' ELSE '' END; $$;
COMMENT ON FUNCTION dataplat_internal.closed_condition(text) IS 'a condition that can be put into parentheses';
REVOKE ALL ON FUNCTION dataplat_internal.closed_condition(text) FROM PUBLIC;

-- The regular expression of what a strftime format writes, as Python's
-- strptime reads it; the part of a group is taken out with it.
CREATE OR REPLACE FUNCTION dataplat_internal.strftime_regex(format text, captured text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    directives CONSTANT jsonb := '{"Y": "\\d{4}", "m": "1[0-2]|0[1-9]|[1-9]", "d": "3[01]|[12]\\d|0[1-9]|[1-9]| [1-9]", "H": "2[0-3]|[01]\\d|\\d", "M": "[0-5]\\d|\\d",
        "S": "[0-5]\\d|\\d", "f": "\\d{1,6}", "y": "\\d\\d", "I": "1[0-2]|0[1-9]|[1-9]", "p": "am|pm", "j": "36[0-6]|3[0-5]\\d|[12]\\d\\d|0[1-9]\\d|00[1-9]|[1-9]\\d|[1-9]",
        "b": "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec",
        "B": "january|february|march|april|may|june|july|august|september|october|november|december",
        "a": "mon|tue|wed|thu|fri|sat|sun", "A": "monday|tuesday|wednesday|thursday|friday|saturday|sunday",
        "z": "[+-]\\d\\d:?[0-5]\\d(?::?[0-5]\\d(?:\\.\\d{1,6})?)?|z", "Z": "utc|gmt", "w": "[0-6]", "u": "[1-7]",
        "U": "5[0-3]|[0-4]\\d|\\d", "W": "5[0-3]|[0-4]\\d|\\d", "%": "%"}';
    regex text := '';
    one   text;
    i     int := 1;
BEGIN
    -- The ones that stand for others.
    format := replace(replace(replace(replace(replace(replace(format, '%T', '%H:%M:%S'), '%R', '%H:%M'), '%F', '%Y-%m-%d'), '%D', '%m/%d/%y'), '%h', '%b'), '%x', '%m/%d/%y');
    format := replace(replace(replace(format, '%X', '%H:%M:%S'), '%c', '%a %b %d %H:%M:%S %Y'), '%e', '%d');
    WHILE i <= length(format) LOOP
        one := substr(format, i, 1);
        IF one = '%' THEN
            one := substr(format, i + 1, 1);
            IF NOT directives ? one THEN
                RAISE EXCEPTION 'unknown directive "%%%" of a strftime format', one
                    USING ERRCODE = 'invalid_parameter_value',
                          HINT = (SELECT 'Known: ' || string_agg('%' || d, ' ' ORDER BY d) || '.' FROM jsonb_object_keys(directives) AS d);
            END IF;
            regex := regex || CASE WHEN one = captured THEN '(' ELSE '(?:' END || (directives ->> one) || ')';
            i := i + 2;
        ELSE
            regex := regex || CASE WHEN one ~ '\s' THEN '\s+' WHEN one ~ '[\\^$.|?*+()\[\]{}]' THEN '\' || one ELSE one END;
            i := i + 1;
        END IF;
    END LOOP;
    RETURN '(?i)^' || regexp_replace(regex, '(\\s\+)+', '\\s+', 'g') || '$';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.strftime_regex(text, text) IS 'regular expression of what a strftime format writes, with the part of one directive captured';
REVOKE ALL ON FUNCTION dataplat_internal.strftime_regex(text, text) FROM PUBLIC;

-- ------------------------------------------------------------------ repetitions

CREATE OR REPLACE FUNCTION dataplat_internal.may_repeat_add(internal, VARIADIC "any") RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'dp_may_repeat_add';
COMMENT ON FUNCTION dataplat_internal.may_repeat_add(internal, "any") IS 'part of the aggregate may_repeat';
CREATE OR REPLACE FUNCTION dataplat_internal.may_repeat_combine(internal, internal) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'dp_may_repeat_combine';
COMMENT ON FUNCTION dataplat_internal.may_repeat_combine(internal, internal) IS 'part of the aggregate may_repeat';
CREATE OR REPLACE FUNCTION dataplat_internal.may_repeat_write(internal) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'dp_may_repeat_write';
COMMENT ON FUNCTION dataplat_internal.may_repeat_write(internal) IS 'part of the aggregate may_repeat';
CREATE OR REPLACE FUNCTION dataplat_internal.may_repeat_read(bytea, internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'dp_may_repeat_read';
COMMENT ON FUNCTION dataplat_internal.may_repeat_read(bytea, internal) IS 'part of the aggregate may_repeat';
CREATE OR REPLACE FUNCTION dataplat_internal.may_repeat_tell(internal) RETURNS boolean
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'dp_may_repeat_tell';
COMMENT ON FUNCTION dataplat_internal.may_repeat_tell(internal) IS 'part of the aggregate may_repeat';

CREATE OR REPLACE AGGREGATE dataplat.may_repeat(VARIADIC "any") (
    SFUNC = dataplat_internal.may_repeat_add, STYPE = internal, FINALFUNC = dataplat_internal.may_repeat_tell,
    COMBINEFUNC = dataplat_internal.may_repeat_combine, SERIALFUNC = dataplat_internal.may_repeat_write, DESERIALFUNC = dataplat_internal.may_repeat_read,
    PARALLEL = SAFE);
COMMENT ON AGGREGATE dataplat.may_repeat("any") IS
    'false: no two rows have the same values (rows with a NULL left out); true: some very probably have; NULL: too many to tell within dataplat.quality_work_mem';
