-- Rows of all kinds of columns, each there or missing, are what the server's own functions make of the messages.
\set VERBOSITY terse
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT dataplat.start_dev_broker('{"forms": 1}') AS bootstrap \gset
CREATE SERVER forms_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" :'bootstrap');
CREATE SCHEMA forms;
CREATE TYPE forms.fields AS (
    id bigint, flag boolean, small smallint, whole int, single real, double float8, amount numeric, price numeric(10, 2), note text,
    code varchar(5), fixed char(4), day date, local timestamp, at timestamptz, uid uuid, raw json, doc jsonb, numbers int[]);

-- A field stands in two messages of three, chosen by a hash, in one of two orders; one text in eight is long.
CREATE TABLE forms.message AS
SELECT i, CASE WHEN i % 5 = 0 THEN '{"id": ' || i || ', ' || string_agg(f.field, ', ' ORDER BY n DESC) || '}'
               ELSE '{"id":' || i || ',' || string_agg(f.field, ',' ORDER BY n) || '}' END AS value
  FROM generate_series(1, 1200) AS i,
       LATERAL (VALUES
           (1, format('"flag": %s', to_json(i % 3 = 0))), (2, format('"small": %s', i % 60000 - 30000)), (3, format('"whole": %s', -i * 1001)),
           (4, format('"single": %s', i / 8.0)), (5, format('"double": %s', (i * 7919) / 1000.0)), (6, format('"amount": %s', (i - 600) * 12.5)),
           (7, format('"price": %s', i * 0.01)), (8, format('"note": %s', to_json(repeat(chr(65 + i % 26) || chr(228), CASE i % 8 WHEN 0 THEN 200 ELSE i % 40 END)))),
           (9, format('"code": "%s"', substr(i::text, 1, 5))), (10, format('"fixed": "%s"', i % 1000)), (11, format('"day": "%s"', date '2026-01-01' + i)),
           (12, format('"local": "2026-02-03T04:05:%s.25"', lpad((i % 60)::text, 2, '0'))), (13, format('"at": "2026-02-03T04:05:%sZ"', lpad((i % 60)::text, 2, '0'))),
           (14, format('"uid": "%s"', md5(i::text)::uuid)), (15, format('"raw": {"n": [%s, null]}', i)), (16, format('"doc": {"b": %s, "a": "x"}', i)),
           (17, format('"unknown": [%s]', i)), (18, format('"note": %s', CASE WHEN i % 50 = 0 THEN 'null' ELSE '"again"' END)),
           (19, format('"numbers": "{%s,2}"', i))) AS f (n, field)
 WHERE get_byte(decode(md5(i || ' ' || f.n), 'hex'), 0) % 3 > 0 OR f.n = 17
 GROUP BY i;
SELECT count(*) FROM (SELECT dataplat.produce('forms_shop', 'forms', m.value, key => m.i::text, partition => 0) FROM forms.message AS m ORDER BY m.i OFFSET 0) AS p;

-- With a type that only its input function knows, and without.
SELECT dataplat.create_source('forms_all', 'forms_shop', 'forms', target => 'forms.all_columns', layout => 'columns', start_from => 'earliest',
    columns => 'id bigint, flag boolean, small smallint, whole int, single real, double float8, amount numeric, price numeric(10, 2), note text,'
               ' code varchar(5), fixed char(4), day date, local timestamp, at timestamptz, uid uuid, raw json, doc jsonb, numbers int[]');
SELECT dataplat.create_source('forms_fast', 'forms_shop', 'forms', target => 'forms.fast_columns', layout => 'both', start_from => 'earliest',
    columns => 'id bigint, flag boolean, small smallint, whole int, single real, double float8, amount numeric, price numeric(10, 2), note text,'
               ' code varchar(5), fixed char(4), day date, local timestamp, at timestamptz, uid uuid, raw json, doc jsonb');
SELECT dataplat.wait_for_source('forms_all', '60 s'), dataplat.wait_for_source('forms_fast', '60 s');

CREATE VIEW forms.expected AS
SELECT m.i, (jsonb_populate_record(NULL::forms.fields, m.value::jsonb)).* FROM forms.message AS m;
SELECT count(*) AS rows, count(*) FILTER (WHERE a.id IS NOT DISTINCT FROM e.id) AS ids,
       count(*) FILTER (WHERE ROW(a.flag, a.small, a.whole, a.single, a.double, a.amount, a.price, a.note, a.code, a.fixed, a.day, a.local, a.at, a.uid, a.raw::jsonb, a.doc, a.numbers)
           IS NOT DISTINCT FROM ROW(e.flag, e.small, e.whole, e.single, e.double, e.amount, e.price, e.note, e.code, e.fixed, e.day, e.local, e.at, e.uid, e.raw::jsonb, e.doc, e.numbers)) AS same
  FROM forms.all_columns AS a JOIN forms.expected AS e ON a._offset = e.i - 1 AND a._key = e.i::text;
SELECT count(*) AS rows,
       count(*) FILTER (WHERE ROW(a.flag, a.small, a.whole, a.single, a.double, a.amount, a.price, a.note, a.code, a.fixed, a.day, a.local, a.at, a.uid, a.raw::jsonb, a.doc, a.value)
           IS NOT DISTINCT FROM ROW(e.flag, e.small, e.whole, e.single, e.double, e.amount, e.price, e.note, e.code, e.fixed, e.day, e.local, e.at, e.uid, e.raw::jsonb, e.doc, m.value::jsonb)) AS same
  FROM forms.fast_columns AS a JOIN forms.expected AS e ON a._offset = e.i - 1 JOIN forms.message AS m USING (i);

-- The bytes, too: a row that the server forms of the same values is as long.
CREATE TABLE forms.copy AS SELECT * FROM forms.fast_columns;
SELECT count(*) AS rows, count(*) FILTER (WHERE pg_column_size(a.*) = pg_column_size(c.*)) AS as_long,
       count(*) FILTER (WHERE pg_column_size(a.note) IS NOT DISTINCT FROM pg_column_size(c.note) AND pg_column_size(a.value) = pg_column_size(c.value)) AS packed_alike
  FROM forms.fast_columns AS a JOIN forms.copy AS c USING (_offset);

SELECT dataplat.drop_source('forms_all', drop_target => true), dataplat.drop_source('forms_fast', drop_target => true);
SELECT count(*) AS dead_letters FROM dataplat.dead_letter WHERE source IN ('forms_all', 'forms_fast');
DELETE FROM dataplat.batch WHERE source IN ('forms_all', 'forms_fast');
DELETE FROM dataplat.source_event WHERE source IN ('forms_all', 'forms_fast');
DROP SCHEMA forms CASCADE;
DROP SERVER forms_shop;
SELECT dataplat.stop_dev_broker();
