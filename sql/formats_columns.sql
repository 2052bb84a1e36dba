-- Typed columns hold what the input function of the type would make of the
-- member's text.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS dataplat;
SET TimeZone = 'Europe/Vienna';
SET DateStyle = 'ISO, MDY';

-- One JSON value in one column; a tilde marks the input function's work.
CREATE FUNCTION pg_temp.one(type text, value text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    RETURN coalesce((dataplat_internal.decode_columns(convert_to(format('{"f":%s}', value), 'UTF8'), NULL,
                                                      '{f}', ARRAY[type], '{f}'))[1], 'NULL');
EXCEPTION WHEN OTHERS THEN
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM);
END;
$$;

-- The same text through the type's own input function; all refusals are one.
CREATE FUNCTION pg_temp.input(type text, value text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('SELECT (%s %L)::text', type, value) INTO result;
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    RETURN 'refused';
END;
$$;

-- Every type with values it takes.
SELECT type, value, pg_temp.one(type, value)
  FROM (VALUES
    ('boolean', ARRAY['true', 'false', '"t"', '"YES"', '" off "', '1', '"0"', 'null']),
    ('smallint', ARRAY['0', '-0', '32767', '-32768', '" 7 "', '"+8"']),
    ('integer', ARRAY['2147483647', '-2147483648', '"12"']),
    ('bigint', ARRAY['9223372036854775807', '-9223372036854775808', '"-1"']),
    ('real', ARRAY['0.1', '1e10', '16777217', '-0', '3.4028235e38', '"NaN"', '"1.5"']),
    ('double precision', ARRAY['0.1', '1e22', '1e23', '-0.0', '4.9e-324', '123456789012345678', '0.30000000000000004', '"-Infinity"', '"1e3"', '" 2 "']),
    ('numeric', ARRAY['1.10', '1e3', '-0.00', '123456789012345678901234567890.123456789', '"5."', '"+.5e1"', '"NaN"']),
    ('numeric(6,2)', ARRAY['1', '1.005', '9999.99', '-1.995', '9999.994', '"0.1"', '0.00499999']),
    ('numeric(3,-2)', ARRAY['12345', '99949', '50', '49', '-150']),
    ('numeric(2,4)', ARRAY['0.0099', '0.00994', '0']),
    ('text', ARRAY['"x"', '""', '"grün \u20ac"', '1.50', 'true', '{"a" : [1, 2]}', '[]', 'null']),
    ('varchar(3)', ARRAY['"abc"', '"abc   "', '"äöü"', '123']),
    ('char(5)', ARRAY['"ab"', '"äö"', '"abcde   "', '""']),
    ('bpchar', ARRAY['"ab  "']),
    ('date', ARRAY['"2024-02-29"', '"0001-01-01"', '"9999-12-31"', '"1999-12-31"', '"12/31/1999"', '"2024-02-29T10:00:00Z"', '"epoch"', '"infinity"']),
    ('time', ARRAY['"12:30"', '"allballs"']),
    ('timestamp', ARRAY['"2024-02-29T23:59:59"', '"2024-02-29 23:59:59.5Z"', '"2024-02-29T23:59:59.123456+02:00"', '"2024-02-29T23:59:59.1234567"', '"2024-02-29"']),
    ('timestamp(3)', ARRAY['"2024-02-29T23:59:59.123"', '"2024-02-29T23:59:59.1236"']),
    ('timestamptz', ARRAY['"2024-07-01T12:00:00Z"', '"2024-07-01 12:00:00.25-0330"', '"2024-07-01T12:00:00+15:59"', '"2024-07-01T12:00:00+02"', '"2024-07-01T12:00:00"', '"0001-01-01T00:00:00+05"']),
    ('uuid', ARRAY['"01234567-89ab-CDEF-0123-456789abcdef"', '"{0123456789abcdef0123456789abcdef}"']),
    ('json', ARRAY['{"a" : 1.0}', '"x\u0041"', '1', 'true']),
    ('jsonb', ARRAY['{"b" : 1.0, "a": []}', '"x\u0041"', '1', 'true']),
    ('bytea', ARRAY['"\\x00ff"']),
    ('inet', ARRAY['"10.0.0.1/8"'])) AS t (type, list), unnest(list) WITH ORDINALITY AS v (value, n);

-- What is refused names the field, the type and never the value.
SELECT type, value, pg_temp.one(type, value)
  FROM (VALUES
    ('boolean', ARRAY['"maybe"', '2', '{}', '""']),
    ('smallint', ARRAY['32768', '-32769', '1.0', '1e2', '""', '"x"', 'true', '[1]']),
    ('bigint', ARRAY['9223372036854775808', '-9223372036854775809', '99999999999999999999999']),
    ('double precision', ARRAY['1e400', '1e-400', 'true']),
    ('numeric(6,2)', ARRAY['9999.995', '10000', '-1e5', '{}']),
    ('numeric(2,4)', ARRAY['0.01', '0.00995']),
    ('varchar(3)', ARRAY['"abcd"', '"äöüx"', '1234']),
    ('char(2)', ARRAY['"abc"']),
    ('date', ARRAY['"now"', '" Yesterday "']),
    ('timestamp', ARRAY['"today 12:00"']),
    ('timestamptz', ARRAY['"tomorrow Europe/Vienna"', '"2024-02-29 yesterday"']),
    ('time', ARRAY['"now"']),
    ('timetz', ARRAY['"NOW"']),
    ('uuid', ARRAY['true', '[]']),
    ('json', ARRAY['{"a":}', '[1,]', '"\u0000"']),
    ('text', ARRAY['"\u0000"', '"\ud800"', '[1e1001]', 'nope'])) AS t (type, list), unnest(list) WITH ORDINALITY AS v (value, n);

-- Differential: random texts of each type against the input functions.
CREATE FUNCTION pg_temp.sample(type text) RETURNS text
LANGUAGE sql VOLATILE AS $$
    SELECT CASE
        WHEN type IN ('smallint', 'integer', 'bigint') THEN
            (ARRAY['', '-', '+', ' '])[1 + floor(random() * 4)::int] || trunc((random() * 10::numeric ^ floor(random() * 21)::int)::numeric) || (ARRAY['', '', ' ', '.0'])[1 + floor(random() * 4)::int]
        WHEN type IN ('real', 'double precision') OR type LIKE 'numeric%' THEN
            (ARRAY['', '-', '+'])[1 + floor(random() * 3)::int] || left((random() * 1e15)::numeric::text, 1 + floor(random() * 17)::int)
            || left((ARRAY['', '.', '.5', '.' || (random() * 1e16)::bigint])[1 + floor(random() * 4)::int], 1 + floor(random() * 18)::int)
            || (ARRAY['', '', 'e' || floor(random() * 40 - 20)])[1 + floor(random() * 3)::int]
        WHEN type = 'date' THEN
            to_char(date '0001-01-01' + floor(random() * 3652000)::int, 'YYYY-MM-DD')
        ELSE
            replace(to_char(timestamp '0001-01-01' + random() * interval '3652000 days', 'YYYY-MM-DD HH24:MI:SS' || (ARRAY['', '.MS', '.US'])[1 + floor(random() * 3)::int]), ' ', (ARRAY[' ', 'T'])[1 + floor(random() * 2)::int])
            || (ARRAY['', 'Z', '+02', '-0930', '+05:45', '+15:00'])[1 + floor(random() * 6)::int]
    END
$$;
SELECT setseed(0.815);
SELECT type, count(*) AS samples, count(*) FILTER (WHERE ours IS DISTINCT FROM theirs) AS differences,
       min(value || ': ours ' || ours || ', theirs ' || theirs) FILTER (WHERE ours IS DISTINCT FROM theirs) AS example
  FROM (SELECT type, value, pg_temp.input(type, value) AS theirs,
               CASE WHEN r LIKE '_____ | %' THEN 'refused' ELSE ltrim(r, '~') END AS ours
          FROM (SELECT type, value, pg_temp.one(type, to_json(value)::text) AS r
                  FROM (SELECT type, pg_temp.sample(type) AS value
                          FROM unnest(ARRAY['smallint', 'integer', 'bigint', 'real', 'double precision', 'numeric', 'numeric(12,3)', 'numeric(5,-3)',
                                            'date', 'timestamp', 'timestamptz', 'timestamp(2)']) AS type,
                               generate_series(1, 1000)
                        OFFSET 0) AS samples OFFSET 0) AS decoded) AS compared
 GROUP BY type
 ORDER BY type;

-- Several members: order does not matter, the last duplicate wins, unknown
-- members are skipped but checked, missing ones are null.
CREATE FUNCTION pg_temp.three(doc text, not_null boolean[] DEFAULT '{f,f,f}') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    RETURN dataplat_internal.decode_columns(convert_to(doc, 'UTF8'), NULL, '{a,b,a}', '{text,integer,jsonb}', not_null)::text;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM, nullif(detail, ''));
END;
$$;
SELECT left(doc, 40) AS doc, pg_temp.three(doc)
  FROM unnest(ARRAY['{"a":"x","b":1}', '{"b":1,"a":"x\n"}', '{"b":1,"b":2,"b":null}', '{"z":[{"a":1},2],"a":{"q":1}}', '{"\u0061":1}', '{}',
                    '["x",2,3,4]', '[]', '{"z":[1,]}', '{"b":1}x', '1', '"x"', '', '{"b":1', '{"b":"x"}',
                    '{"z":' || repeat('[', 511) || repeat(']', 511) || '}']) WITH ORDINALITY AS t (doc, n)
 ORDER BY n;
SELECT left(pg_temp.three('{"z":' || repeat('[', 512) || repeat(']', 512) || '}'), 60);
SELECT pg_temp.three('{"a":1}', '{f,t,f}'), pg_temp.three('{"a":null,"b":1}', '{t,f,f}');

-- CSV goes by position.
CREATE FUNCTION pg_temp.csv(record text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    RETURN dataplat_internal.decode_columns(convert_to(record, 'UTF8'), ';', '{id,name,day,doc}', '{bigint,varchar(5),date,jsonb}', '{t,f,f,f}')::text;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM, nullif(detail, ''));
END;
$$;
SELECT record, pg_temp.csv(record)
  FROM unnest(ARRAY['1;ab;2024-01-31;[1]', '1;;;', '"2";"";"31.1.2024";"{""a"":1}"', ' 3 ;a;12/31/2024;', '1;a;2024-01-01;1;extra', ';a;;', '1;toolong;;',
                    '1;a', 'x;a;;', '1;a;;{', '1;a;;1 2']) WITH ORDINALITY AS t (record, n)
 ORDER BY n;
