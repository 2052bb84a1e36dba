-- JSON payloads become the very bytes that jsonb_in would make, or an error
-- that says why and where.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS dataplat;

-- What each decoder makes of a text: "same", or how they differ.  The record
-- comparison looks at the bytes, not at the meaning.
CREATE FUNCTION pg_temp.compare(doc text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    theirs jsonb;
    ours jsonb;
    their_state text := 'ok';
    our_state text := 'ok';
BEGIN
    BEGIN
        theirs := doc::jsonb;
    EXCEPTION WHEN OTHERS THEN
        their_state := SQLSTATE;
    END;
    BEGIN
        ours := dataplat_internal.json_to_jsonb(convert_to(doc, 'UTF8'));
    EXCEPTION WHEN OTHERS THEN
        our_state := SQLSTATE;
    END;
    IF our_state = 'ok' AND their_state = 'ok' THEN
        RETURN CASE WHEN record_image_eq(ROW(ours), ROW(theirs)) THEN 'same' ELSE 'other bytes' END;
    END IF;
    RETURN CASE WHEN our_state = their_state THEN 'same error ' || our_state
                ELSE format('ours %s, theirs %s', our_state, their_state) END;
END;
$$;

-- The same for raw bytes that may not be text at all.
CREATE FUNCTION pg_temp.refusal(payload bytea) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    message text;
    detail text;
BEGIN
    PERFORM dataplat_internal.json_to_jsonb(payload);
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', SQLSTATE, message, nullif(detail, ''));
END;
$$;

-- Values of every kind, alone and inside containers.
SELECT doc, pg_temp.compare(doc) AS alone, pg_temp.compare('{"a":[' || doc || ',1],"bb":' || doc || '}') AS inside
  FROM unnest(ARRAY[
    'null', 'true', 'false', '""', '"x"', '[]', '{}', '[[]]', '[{}]', '{"":""}',
    '0', '-0', '0.0', '-0.00', '1.10', '100', '10000', '1e0', '1E5', '1.5e+3', '12e-7', '0e5', '0.000e-9',
    '123456789012345678', '1234567890123456789', '0.1234567890123456', '12.3456789012345678',
    '0.00000000000000000000001', '99999999999999999999999999999999.5', '1e900', '-1.000e-900', '1e-70',
    '1e252', '1e256', '0.0001', '10000.0001', '1234567.8900',
    '"\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t"', '"äöü €uro 😀"', '"0123456789abcdef"', '"0123456789abcde"',
    E' \t\r\n1 ', '{"b":1,"a":2,"b":3}', '{"aa":1,"b":2,"":3,"ab":4,"aa":5}', '{"a\u0062":1,"ab":2}']) AS doc;

-- What jsonb_in refuses, we refuse with the same code.
SELECT doc, pg_temp.compare(doc)
  FROM unnest(ARRAY[
    '', ' ', '{', '[', '[1', '[1,', '[1,]', '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', '{,}', '[,]',
    '{a:1}', '{1:2}', '{"a" 1}', '[1 2]', '1 2', '[]]', '{}}', '}', ']', ',', ':', 'nul', 'nulll', 'True', 'NaN',
    'Infinity', '-', '-a', '+1', '01', '-01', '1.', '.5', '1e', '1e+', '1.e5', '0x10', '1_000', '--1', '''a''',
    '"', '"a', '"\', '"\x"', '"\u12"', '"\u12g4"', '"\ud800"', '"\ud800x"', '"\ud800\u0041"', '"\udc00"',
    '"\ud800\ud800"', '"\u0000"', '{"\u0000":1}', E'"a\nb"', E'"\x01"', 'tru', '[true false]', '{"a":1 "b":2}']) AS doc;

-- The error tells the reason and the byte, and never a byte of the payload.
SELECT name, pg_temp.refusal(payload)
  FROM (VALUES
    (1, 'zero escape', convert_to('{"a":"x\u0000"}', 'UTF8')),
    (2, 'zero byte', '\x2261006222'::bytea),
    (3, 'bad UTF-8', '\x22616263ff22'),
    (4, 'overlong UTF-8', '\x22c08022'),
    (5, 'surrogate in UTF-8', '\x22eda08022'),
    (6, 'past U+10FFFF', '\x22f490808022'),
    (7, 'cut off UTF-8', '\x22e282'),
    (8, 'empty', ''),
    (9, 'NaN', '{"secret":NaN}'),
    (10, 'trailing comma', '[1,2,]'),
    (11, 'trailing garbage', '{} secret'),
    (12, 'lone surrogate', convert_to('["\ud83d"]', 'UTF8')),
    (13, 'depth 512', convert_to(repeat('[', 512) || repeat(']', 512), 'UTF8')),
    (14, 'depth 513', convert_to(repeat('[', 513) || repeat(']', 513), 'UTF8')),
    (15, 'exponent 1000', '1e1000'),
    (16, 'exponent 1001', '[1e1001]'),
    (17, 'exponent -1001', '1e-1001'),
    (18, 'huge exponent', '1e99999999999999999999'),
    (19, '10000 digits', convert_to(repeat('9', 10000), 'UTF8')),
    (20, '10001 digits', convert_to(repeat('9', 10001), 'UTF8'))) AS t (n, name, payload)
 ORDER BY n;

-- Containers around the stride of 32 entries, and more keys than a shape holds.
SELECT n,
       pg_temp.compare((SELECT '[' || string_agg(CASE i % 3 WHEN 0 THEN i::text WHEN 1 THEN '"s' || i || '"' ELSE '[]' END, ',') || ']'
                          FROM generate_series(1, n) AS i)) AS elements,
       pg_temp.compare((SELECT '{' || string_agg(format('"k%s":%s', i * 7919 % 1000, i), ',') || '}'
                          FROM generate_series(1, n) AS i)) AS members
  FROM unnest(ARRAY[1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 511, 512, 513, 2000]) AS n;

-- Long strings and keys.
SELECT n, pg_temp.compare(format('{"%s":"%s"}', repeat('k', n), repeat('é', n)))
  FROM unnest(ARRAY[15, 16, 17, 255, 256, 100000]) AS n;

-- Random documents and random damage to them.  The seed makes it repeatable.
CREATE FUNCTION pg_temp.word() RETURNS text
LANGUAGE sql VOLATILE AS $$
    SELECT (ARRAY['a', 'b', 'id', 'name', 'ts', 'x1', 'value', 'äö', 'long_key_of_twenty_nine_chars', '', 'key\n', '\u00e9', '\ud83d\ude00', 'k' || floor(random() * 50)])[1 + floor(random() * 14)::int]
$$;
CREATE FUNCTION pg_temp.number() RETURNS text
LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN random() < 0.3 THEN '-' ELSE '' END
        || trunc(random()::numeric * (10::numeric ^ floor(random() * 22)::int))
        || CASE WHEN random() < 0.5 THEN '.' || lpad(floor(random() * 100000)::text, 1 + floor(random() * 8)::int, '0') || repeat('0', floor(random() * 3)::int) ELSE '' END
        || CASE WHEN random() < 0.2 THEN (ARRAY['e', 'E', 'e+', 'e-'])[1 + floor(random() * 4)::int] || floor(random() * 40) ELSE '' END
$$;
CREATE FUNCTION pg_temp.document(depth int) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    kind int := floor(random() * CASE WHEN depth > 0 THEN 12 ELSE 8 END);
    result text := '';
    blank text := CASE WHEN random() < 0.1 THEN ' ' ELSE '' END;
BEGIN
    CASE
        WHEN kind < 4 THEN RETURN pg_temp.number() || blank;
        WHEN kind < 6 THEN RETURN '"' || pg_temp.word() || pg_temp.word() || '"' || blank;
        WHEN kind = 6 THEN RETURN 'null';
        WHEN kind = 7 THEN RETURN CASE WHEN random() < 0.5 THEN 'true' ELSE 'false' END;
        WHEN kind < 10 THEN
            FOR i IN 1 .. floor(random() * 6) LOOP
                result := result || CASE WHEN i > 1 THEN ',' ELSE '' END || pg_temp.document(depth - 1);
            END LOOP;
            RETURN '[' || blank || result || ']';
        ELSE
            FOR i IN 1 .. floor(random() * 6) LOOP
                result := result || CASE WHEN i > 1 THEN ',' ELSE '' END
                    || '"' || pg_temp.word() || '"' || blank || ':' || pg_temp.document(depth - 1);
            END LOOP;
            RETURN '{' || result || blank || '}';
    END CASE;
END;
$$;
CREATE FUNCTION pg_temp.damage(doc text) RETURNS text
LANGUAGE sql VOLATILE AS $$
    SELECT overlay(doc PLACING (ARRAY['', '"', ',', ':', '[', ']', '{', '}', '\', '0', '-', '.', 'e', ' ', 'u', 'null', E'\n', '\u0000', 'é'])[1 + floor(random() * 19)::int]
                   FROM 1 + floor(random() * length(doc))::int FOR floor(random() * 3)::int)
$$;

-- Two of three documents are damaged; most of those are refused by both.
SELECT setseed(0.4711);
CREATE TEMP TABLE outcome AS
SELECT CASE WHEN result LIKE 'same error%' THEN 'same error' ELSE result END AS result, count(*) AS documents,
       min(doc) AS example
  FROM (SELECT doc, pg_temp.compare(doc) AS result
          FROM (SELECT CASE i % 3 WHEN 0 THEN doc WHEN 1 THEN pg_temp.damage(doc) ELSE pg_temp.damage(pg_temp.damage(doc)) END AS doc
                  FROM (SELECT i, pg_temp.document(3) AS doc FROM generate_series(1, 102000) AS i) AS made) AS damaged) AS compared
 GROUP BY 1;
SELECT sum(documents) AS documents,
       bool_and(documents > 30000) FILTER (WHERE result IN ('same', 'same error')) AS both_kinds
  FROM outcome;
SELECT result, documents, example FROM outcome
 WHERE result NOT IN ('same', 'same error')
   -- A zero escape behind other damage may be met first by either of us.
   AND result NOT IN ('ours 22P02, theirs 22P05', 'ours 22P05, theirs 22P02')
   -- Numbers beyond our limits on purpose.
   AND result NOT LIKE 'ours 22003, theirs %'
 ORDER BY result;

-- Nobody else may call these.
SELECT p.proname, has_function_privilege('public', p.oid, 'EXECUTE') AS open_to_all
  FROM pg_proc AS p
 WHERE p.pronamespace = 'dataplat_internal'::regnamespace
   AND p.proname IN ('json_to_jsonb', 'csv_to_jsonb', 'headers_to_jsonb', 'decode_columns', 'bench_json', 'bench_columns')
 ORDER BY 1;
