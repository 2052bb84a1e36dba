-- Fields of JSON documents in the plans of pipelines: the same values, NULLs
-- and errors as PostgreSQL's own operators and casts, whatever is in them.
SET client_min_messages = warning;
SET timezone = 'Asia/Kolkata';
SET datestyle = 'SQL, DMY';
CREATE SCHEMA query_fields;
SET search_path = query_fields, pg_catalog;
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN positive AS int NOT NULL CHECK (VALUE > 0);
CREATE TYPE pair AS (a int, b text);

-- What a query gives by either way: its rows, or its error.
CREATE FUNCTION outcome(query text, ours boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    message text;
    detail text;
    hint text;
BEGIN
    IF ours THEN
        SELECT string_agg(r, E'\n') INTO result FROM dataplat_internal.query_rows(query) AS r;
    ELSE
        EXECUTE format('SELECT string_agg(q::text, E''\n'') FROM (%s) AS q', query) INTO result;
    END IF;
    RETURN coalesce(result, 'nothing');
EXCEPTION WHEN others THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN format('%s: %s / %s / %s', SQLSTATE, message, detail, hint);
END $$;

-- Values that members take, as JSON spells them.
CREATE TABLE spelling (v text);
INSERT INTO spelling SELECT unnest(ARRAY['null', 'true', 'false', '0', '-0', '-0.0', '1', '-1', '1.0', '1.50', '0.1', '0.0001', '0.00012', '-0.00000001', '12345.678',
    '1e3', '1E-3', '1e20', '1.5e300', '1e400', '1e-400', '32767', '32768', '-32768', '-32769', '2147483647', '2147483648', '-2147483648', '-2147483649',
    '9999', '10000', '99999999', '100000000', '9007199254740991', '9007199254740992', '9007199254740993', '0.9007199254740993', '900719925474.0991',
    '9223372036854775807', '9223372036854775808', '-9223372036854775808', '-9223372036854775809', '9219999999999999999', '9220000000000000000',
    '123456789012345678901234567890.123456789', '0.3', '2.675', '179769313486231570000', '10000.00001', '0.000000000000000000000001',
    '""', '" "', '" 42 "', '"42"', '"042"', '"+7"', '"1.0"', '"1e3"', '"0x1F"', '"1_000"', '"abc"', '"NaN"', '"Infinity"', '"-inf"', '"t"', '"yes"', '"OFF"', '"null"', '"a\"b\\c"',
    '"\u00e4\u20ac\ud83d\ude00"', '"tab\there"', '"sad"', '"ok"', '"{1,2}"', '"{1,NULL}"', '"[1,2]"', '"(1,x)"', '"{\"k\":1}"',
    '"2026-01-01T00:00:00Z"', '"2026-01-01T00:00:00+00:00"', '"2026-02-29T00:00:00Z"', '"2024-02-29 23:59:60+05:30"', '"2024-02-29T24:00:00Z"', '"2026-01-01T12:34:56.789"',
    '"2026-01-01T12:34:56.1234567Z"', '"2026-01-01"', '"01/02/2026"', '"2026-13-01"', '"0000-01-01"', '"20260101"', '"now-ish"', '"infinity"', '"2026-01-01 10:00:00 Europe/Berlin"', '"2026-01-01T10:00:00-15:59"',
    '"2026-01-01T10:00:00+16:00"', '"9999-12-31T23:59:59.999999Z"', '"10000-01-01"',
    '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"', '"{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}"', '"a0eebc999c0b4ef8bb6d6bb9bd380a11"', '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1"',
    '{}', '[]', '{"b": 7}', '{"b": null, "c": [1, {"d": "x"}]}', '[1, "2", null, [3]]', '[[1]]', '"' || repeat('long ', 60) || '"', '"' || repeat('x', 130) || '"']);

-- The members stand at the root, beside others, and deeper down; some roots are no objects.
CREATE TABLE docs (id int GENERATED ALWAYS AS IDENTITY, doc jsonb);
INSERT INTO docs (doc) SELECT format('{"a": %s}', v)::jsonb FROM spelling;
INSERT INTO docs (doc) SELECT v::jsonb FROM spelling WHERE v !~ '^"2';
INSERT INTO docs (doc) SELECT format('{"z": 1, "aa": %s, "b": {"a": %s, "l": [%s, 1]}, "l": [%s, [%s]], "0": 5, "": 6}', v, v, v, v, v)::jsonb FROM spelling WHERE v ~ '^[-0-9"tn]' LIMIT 40;
INSERT INTO docs (doc) VALUES ('{"a": 1, "a": 2}'), (NULL);

CREATE TABLE expression (e text);
INSERT INTO expression SELECT format('(doc ->> ''a'')::%s', t)
  FROM unnest(ARRAY['text', 'smallint', 'int', 'bigint', 'numeric', 'numeric(6,2)', 'real', 'float8', 'boolean', 'date', 'timestamp', 'timestamptz', 'timestamptz(2)', 'time', 'interval',
                    'uuid', 'jsonb', 'json', 'int[]', 'text[]', 'varchar(5)', 'char(3)', 'name', 'bytea', 'inet', 'oid', 'regclass', 'mood', 'positive', 'pair', 'int4range', 'money', 'bit(3)', 'xid']) AS t;
INSERT INTO expression VALUES ('doc -> ''a'''), ('doc -> ''b'' ->> ''a'''), ('doc -> ''b'' -> ''l'' ->> 0'), ('(doc -> ''l'' ->> 0)::numeric'), ('doc -> ''l'' -> -1 -> 0'), ('doc -> ''l'' ->> 2'), ('doc ->> 0'), ('doc -> 0'), ('doc -> -1'), ('doc -> 1'),
    ('doc ->> -2147483648'), ('doc -> ''a'' ->> 0'), ('doc -> ''a'' -> 0 -> 0'), ('doc -> ''a'' -> ''b'''), ('doc #>> ''{a}'''), ('doc #>> ''{b,a}'''), ('doc #> ''{b,l,0}'''), ('doc #>> ''{l,-1,0}'''), ('doc #>> ''{0}'''), ('doc #>> ''{}'''),
    ('doc #> ''{ 1}'''), ('doc #> ''{+0}'''), ('doc #> ''{1x}'''), ('doc #> ''{99999999999}'''), ('doc #>> ARRAY[''a'', NULL]'), ('doc ->> NULL'), ('doc ->> '''''), ('doc -> ''b'' #>> ''{l,1}'''), ('(doc #>> ''{b,a}'')::bigint'),
    ('jsonb_extract_path_text(doc, ''b'', ''l'', ''0'')'), ('jsonb_object_field_text(doc, ''a'')'), ('doc -> ''a'' @> ''1'''), ('(doc -> ''a'')::int'), ('(doc -> ''a'')::boolean'), ('jsonb_typeof(doc -> ''a'')'),
    ('(doc ->> (''a'' || ''''))::int'), ('(doc ->> lower(''A''))::int'), ('(doc ->> substr(id::text, 1, 1))'), ('((doc ->> ''a'')::jsonb ->> ''k'')::int'), ('length(doc ->> ''a'') + 1'),
    ('NULLIF(doc ->> ''a'', '''')::int'), ('CASE WHEN doc ->> ''a'' ~ ''^-?[0-9]{1,9}$'' THEN (doc ->> ''a'')::int END'), ('CASE WHEN jsonb_typeof(doc -> ''a'') = ''number'' THEN (doc ->> ''a'')::float8 ELSE -1 END'),
    ('coalesce(doc ->> ''a'', ''none'')'), ('coalesce(1, (doc ->> ''a'')::int)'), ('doc ->> ''a'' IS NOT NULL AND (doc ->> ''a'')::numeric > 0'), ('(doc ->> ''a'') COLLATE "C" < ''m''');

-- Each cast over each value, and each way into a document over some documents.
SELECT count(*) > 5000 AS many, count(*) FILTER (WHERE o.plain ~ '^[0-9A-Z]{5}: ') > 1000 AS errors_too, count(*) FILTER (WHERE o.plain IS DISTINCT FROM o.ours) AS different
  FROM docs AS d, expression AS x,
       LATERAL (SELECT format('SELECT %s AS x FROM docs WHERE id = %s', x.e, d.id) AS query) AS q,
       LATERAL (SELECT outcome(q.query, false) AS plain, outcome(q.query, true) AS ours) AS o
 WHERE CASE WHEN x.e LIKE '(doc ->> ''a'')::%' THEN d.id <= (SELECT count(*) FROM spelling) ELSE d.id % 5 = 0 END;

-- Each over all documents at once, where the place of a key changes from row to row.
SELECT x.e, o.plain, o.ours
  FROM expression AS x, LATERAL (SELECT format('SELECT id, %s AS x FROM docs ORDER BY id', x.e) AS query) AS q,
       LATERAL (SELECT outcome(q.query, false) AS plain, outcome(q.query, true) AS ours) AS o
 WHERE o.plain IS DISTINCT FROM o.ours ORDER BY 1;

-- Filters, joins, groups and subqueries.
SELECT q, outcome(q, false) = outcome(q, true) AS same, length(outcome(q, true)) > 10 AS some
  FROM unnest(ARRAY[
    $$SELECT id, doc ->> 'a' FROM docs WHERE doc ->> 'a' LIKE '1%' AND jsonb_typeof(doc -> 'a') = 'number' ORDER BY id$$,
    $$SELECT doc ->> 'a' AS k, count(*), max(doc ->> 'z') FROM docs GROUP BY doc ->> 'a' HAVING max(doc ->> 'a') > '' ORDER BY 1$$,
    $$SELECT l.id, r.id, l.doc ->> 'a', r.doc ->> 'aa' FROM docs AS l JOIN docs AS r ON l.doc ->> 'a' = r.doc ->> 'aa' ORDER BY 1, 2$$,
    $$SELECT id, (SELECT max(i.doc ->> 'a') FROM docs AS i WHERE i.doc ->> 'aa' = o.doc ->> 'a') FROM docs AS o ORDER BY id$$,
    $$SELECT id, row_number() OVER (PARTITION BY doc ->> 'a' ORDER BY id) FROM docs ORDER BY id$$,
    $$SELECT d.id, e.value ->> 'd' FROM docs AS d, jsonb_array_elements(CASE jsonb_typeof(d.doc #> '{a,c}') WHEN 'array' THEN d.doc #> '{a,c}' END) AS e$$,
    $$SELECT DISTINCT doc -> 'b' ->> 'a' FROM docs ORDER BY 1$$,
    $$SELECT doc ->> 'a' FROM docs UNION ALL SELECT doc ->> 'aa' FROM docs ORDER BY 1$$]) AS q;

-- Documents that are compressed or lie elsewhere, some of them twice in turn, and of two tables in one row.
CREATE TABLE large (id int, plain jsonb, packed jsonb, away jsonb);
ALTER TABLE large ALTER plain SET STORAGE plain, ALTER packed SET STORAGE main, ALTER away SET STORAGE external;
INSERT INTO large SELECT g, d, d, d
  FROM generate_series(1, 200) AS g, LATERAL (SELECT jsonb_build_object('id', g % 7, 'amount', g / 8.0, 'at', timestamptz '2026-01-01' + g % 7 * interval '1 day', 'note', repeat('n', 20 + 3000 * (g % 3)), 'list', jsonb_build_array(g % 7, repeat('m', 50))) AS d) AS d;
INSERT INTO large SELECT g, d, d, d FROM generate_series(201, 260) AS g, LATERAL (SELECT jsonb_build_object('id', g % 2, 'amount', g % 2) AS d) AS d;
SELECT c, outcome(q, false) = outcome(q, true) AS same
  FROM unnest(ARRAY['plain', 'packed', 'away']) AS c,
       LATERAL (SELECT format($$SELECT l.id, (l.%1$s ->> 'id')::int, (r.%1$s ->> 'id')::int, (l.%1$s ->> 'amount')::numeric, (r.%1$s ->> 'at')::timestamptz, md5(r.%1$s ->> 'note'), md5(l.%1$s ->> 'note'),
                                       l.%1$s -> 'list' ->> 0, r.%1$s #> '{list,1}', l.%1$s -> 'list' FROM large AS l LEFT JOIN large AS r ON r.id = l.id + 1 ORDER BY l.id$$, c) AS q) AS q;

-- A value of the TOAST table that another query has seen is not taken for one that got its number.
UPDATE large SET away = away || '{"id": 99}' WHERE id < 100;
SELECT outcome(q, false) = outcome(q, true) AS same FROM (SELECT $$SELECT id, (away ->> 'id')::int, away ->> 'at' FROM large ORDER BY id$$ AS q) AS q;

-- It was our function that read them: one call for a path, and one for a field with its cast.
SET track_functions = 'all';
BEGIN;
SELECT r FROM dataplat_internal.query_rows($$SELECT (doc ->> 'a')::bigint + 1, doc -> 'b' -> 'l' ->> 0 FROM docs WHERE id = 7 AND doc ->> 'a' = '1'$$) AS r;
SELECT pg_stat_get_xact_function_calls('dataplat_internal.json_field(jsonb, text[], text, integer)'::regprocedure) AS calls;
COMMIT;
RESET track_functions;

-- Who may not call it reads them the long way.
CREATE ROLE query_fields_plain;
GRANT USAGE ON SCHEMA query_fields, dataplat_internal TO query_fields_plain;
GRANT SELECT ON docs TO query_fields_plain;
GRANT EXECUTE ON FUNCTION dataplat_internal.query_rows(text) TO query_fields_plain;
BEGIN;
REVOKE EXECUTE ON FUNCTION dataplat_internal.json_field(jsonb, text[], text, integer) FROM PUBLIC;
SET LOCAL ROLE query_fields_plain;
SELECT r FROM dataplat_internal.query_rows($$SELECT (doc ->> 'a')::bigint + 1 FROM docs WHERE id = 7$$) AS r;
ROLLBACK;
REVOKE ALL ON SCHEMA dataplat_internal FROM query_fields_plain;
REVOKE ALL ON FUNCTION dataplat_internal.query_rows(text) FROM query_fields_plain;
REVOKE ALL ON docs FROM query_fields_plain;
REVOKE ALL ON SCHEMA query_fields FROM query_fields_plain;
DROP ROLE query_fields_plain;

-- By hand it is a function like others.
SELECT dataplat_internal.json_field('{"a": {"b": [1, "x"]}}', '{a,b,1}', 'kke', 0), dataplat_internal.json_field('{"a": 1}', '{b}', 'k', 0) IS NULL AS missing;
SELECT dataplat_internal.json_field('{}', '{a}', 'x', 0);
SELECT dataplat_internal.json_field('{}', '{a,b}', 'k', 0);
SELECT dataplat_internal.json_field('{}', '{a}', 'kj', 0);

DROP SCHEMA query_fields CASCADE;
