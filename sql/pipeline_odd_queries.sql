-- Queries that few people write: each is kept equal to itself while its inputs change.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA odd;
SET search_path = odd, public;
SET timezone = 'UTC';
SET datestyle = 'ISO';
-- A server that was built without ICU has no such collation; there the words are just words.
DO $$ BEGIN
    CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
EXCEPTION WHEN feature_not_supported THEN
    CREATE COLLATION blind FROM "C";
END $$;
CREATE TABLE a (id int PRIMARY KEY, g int, n numeric, t text, v varchar(10), c char(5), word text COLLATE blind, list int[], doc jsonb);
CREATE TABLE b (id int, k int, n numeric, t text, PRIMARY KEY (id, k));
CREATE TABLE e (id int PRIMARY KEY, a_id int, w int);
CREATE TABLE loose (x int, n numeric);
INSERT INTO a SELECT i, i % 4, (ARRAY[1.0, 1.00, 2.5, NULL])[i % 4 + 1], (ARRAY['x', 'y', 'X', NULL])[i % 4 + 1], 'v' || i % 3, 'c' || i % 3, (ARRAY['ab', 'AB', 'cd'])[i % 3 + 1],
       ARRAY[i % 2, i % 3], jsonb_build_object('l', jsonb_build_array(jsonb_build_object('a', i % 2), jsonb_build_object('a', 2))) FROM generate_series(1, 40) AS i;
INSERT INTO b SELECT i % 20, i, (ARRAY[1.0, 1.00, 2, NULL])[i % 4 + 1], (ARRAY['x', 'y', NULL])[i % 3 + 1] FROM generate_series(1, 60) AS i;
INSERT INTO e SELECT i, i % 25, i % 7 FROM generate_series(1, 50) AS i;

CREATE TABLE odd_query (n int GENERATED ALWAYS AS IDENTITY, name text PRIMARY KEY, query text NOT NULL, keys text[], reason text);
INSERT INTO odd_query (name, query, keys) VALUES
('a subquery whose own FROM looks at the row', $$SELECT id FROM a WHERE EXISTS (SELECT FROM (SELECT e.w FROM e WHERE e.a_id = a.id) AS x WHERE x.w > 2)$$, '{id}'),
('a scalar over a union about the row', $$SELECT id, (SELECT max(w) FROM (SELECT e.w FROM e WHERE e.a_id = a.id UNION ALL SELECT b.k FROM b WHERE b.id = a.id) AS x) AS m FROM a$$, '{id}'),
('HAVING an aggregate IN', $$SELECT g, count(*) AS c FROM a GROUP BY g HAVING count(*) IN (SELECT w FROM e)$$, NULL),
('an aggregate in a subquery', $$SELECT g, (SELECT count(*) FROM e WHERE e.w < max(a.id)) AS c FROM a GROUP BY g$$, NULL),
('a window IN', $$SELECT id, row_number() OVER (PARTITION BY g ORDER BY id) IN (SELECT w FROM e) AS c FROM a$$, '{id}'),
('arms of two types', $$SELECT id AS k FROM a UNION SELECT n FROM b$$, NULL),
('arms of two types, counted', $$SELECT k, count(*) AS c FROM (SELECT g AS k FROM a UNION ALL SELECT n FROM b) AS u GROUP BY k$$, NULL),
('arms of two types, EXCEPT ALL', $$SELECT k, count(*) AS c FROM (SELECT n AS k FROM b EXCEPT ALL SELECT g FROM a) AS u GROUP BY k$$, NULL),
('arms of varchar and text', $$SELECT v AS k FROM a UNION SELECT t FROM b$$, NULL),
('arms of char and text', $$SELECT c AS k FROM a UNION SELECT t FROM b$$, NULL),
('GROUP BY a set', $$SELECT unnest(list) AS v, count(*) AS c FROM a GROUP BY 1$$, NULL),
('GROUP BY a set of documents', $$SELECT jsonb_array_elements(doc->'l')->>'a' AS v, count(*) AS c FROM a GROUP BY 1$$, NULL),
('groups of sets, counted', $$SELECT c, count(*) AS n FROM (SELECT unnest(list) AS v, count(*) AS c FROM a GROUP BY 1) AS x GROUP BY c$$, NULL),
('DISTINCT ON over groups', $$SELECT g, count(*) AS c FROM (SELECT DISTINCT ON (t) t, g, count(*) AS n FROM a GROUP BY t, g ORDER BY t, count(*) DESC, g) AS x GROUP BY g$$, NULL),
('DISTINCT ON over groups, more keys', $$SELECT DISTINCT ON (t) t, g, count(*) AS n FROM a GROUP BY t, g ORDER BY t, count(*) DESC, g$$, '{t,g}'),
('DISTINCT ON beside a window', $$SELECT g, count(*) AS c FROM (SELECT DISTINCT ON (t) t, g, row_number() OVER (PARTITION BY g ORDER BY id DESC) AS r FROM a ORDER BY t, 3, g) AS x GROUP BY g$$, NULL),
('a set with an expression over what another set leaves out', $$SELECT id + g AS s, (id + g) * 2 AS d, id, grouping(id + g, id) AS r, count(*) AS c FROM a GROUP BY GROUPING SETS ((id + g), (id))$$, '{s,id,r}'),
('a subquery about a group of ROLLUP', $$SELECT g, grouping(g) AS r, (SELECT count(*) FROM e WHERE e.w = a.g) AS c FROM a GROUP BY ROLLUP (g)$$, '{g,r}'),
('a collation that is blind for case', $$SELECT word, count(*) AS c FROM a GROUP BY word$$, NULL),
('digits of numbers without a key', $$SELECT c, count(*) AS z FROM (SELECT n::text AS s, count(*) AS c FROM loose GROUP BY 1) AS x GROUP BY c$$, NULL),
('digits of a sum', $$SELECT t, sum(n)::text AS s, scale(sum(n)) AS d FROM b GROUP BY t$$, NULL),
('digits of a mean', $$SELECT t, avg(n) AS m FROM b GROUP BY t$$, NULL),
('the greatest list', $$SELECT g, max(list) AS m FROM a GROUP BY g$$, NULL);
SELECT dataplat.create_pipeline('odd_' || n, 'odd.t_' || n, query, keys => keys, schedule => 'manual') IS NOT NULL AS made, count(*) FROM odd_query GROUP BY 1;

-- Run all, and compare each with its query in our own words.
CREATE PROCEDURE odd.compare(what text) LANGUAGE plpgsql AS $$
DECLARE
    q     odd.odd_query;
    r     dataplat.pipeline_run;
    wrong int;
BEGIN
    FOR q IN SELECT * FROM odd.odd_query ORDER BY n LOOP
        r := dataplat.run_pipeline('odd_' || q.n);
        EXECUTE format('SELECT count(*) FROM ((%1$s EXCEPT ALL TABLE odd.t_%2$s) UNION ALL (TABLE odd.t_%2$s EXCEPT ALL %1$s)) AS d', '(SELECT * FROM (' || q.query || ') AS q)', q.n) INTO wrong;
        UPDATE odd.odd_query AS o SET reason = r.reason WHERE o.n = q.n AND r.kind = 'live' AND r.reason IS NOT NULL;
        IF wrong > 0 THEN
            RAISE WARNING '% after %: % rows', q.name, what, wrong;
        END IF;
        COMMIT;
    END LOOP;
END;
$$;
CALL odd.compare('the first run');
UPDATE e SET w = w + 1 WHERE id % 7 = 0;
CALL odd.compare('UPDATE of e');
DELETE FROM e WHERE id % 5 = 0;
INSERT INTO e VALUES (101, 3, 3), (102, 4, 99), (103, NULL, NULL);
CALL odd.compare('DELETE and INSERT of e');
UPDATE a SET g = nullif(g + 1, 4), t = CASE t WHEN 'x' THEN 'y' ELSE 'x' END WHERE id % 6 = 0;
CALL odd.compare('UPDATE of a');
BEGIN;
UPDATE a SET word = upper(word), n = 1.00, list = list || 7 WHERE id % 3 = 0;
DELETE FROM b WHERE k % 4 = 0;
UPDATE e SET a_id = a_id + 1;
COMMIT;
CALL odd.compare('all in one transaction');
DELETE FROM a WHERE g = 1;
INSERT INTO a (id, g) SELECT i, i % 3 FROM generate_series(50, 60) AS i;
CALL odd.compare('DELETE, and rows of NULL');

UPDATE b SET n = 7.1234567890123456789012345 WHERE k % 9 = 1;
CALL odd.compare('many digits');
UPDATE b SET n = 2.50 WHERE k % 9 = 1;
CALL odd.compare('few digits');

-- Two equal numbers stay, and one of them comes to look different: it takes the place in the table before the one that stays.
INSERT INTO loose VALUES (0, 5), (1, 1.0), (2, 1.0);
CALL odd.compare('rows of loose');
UPDATE loose SET n = 1.00 WHERE x = 1;
CALL odd.compare('another scale');
UPDATE loose SET n = 1.0 WHERE x = 1;
UPDATE loose SET n = 1.00 WHERE x = 2;
CALL odd.compare('the other one');

-- What was compared whole, and why.
SELECT q.name, p.mode, q.reason FROM odd_query AS q JOIN dataplat.pipeline AS p ON p.name = 'odd_' || q.n ORDER BY q.n;

-- A result that differs from day to day, in the words of literals.
SELECT dataplat.create_pipeline('odd_day', 'odd.day', $$SELECT id, date 'today' - 1 AS d FROM a$$);
SELECT dataplat.create_pipeline('odd_day', 'odd.day', $$SELECT id FROM a WHERE tstzrange('-infinity', ' Now ') @> '2026-01-01'::timestamptz$$);
-- What a function reads cannot be seen.
CREATE FUNCTION total_of(int) RETURNS bigint STABLE LANGUAGE sql AS 'SELECT sum(w) FROM odd.e WHERE a_id = $1';
SET client_min_messages = notice;
SELECT dataplat.create_pipeline('odd_total', 'odd.total', 'SELECT id, total_of(id) AS w FROM a', paused => true);
SET client_min_messages = warning;
SELECT dataplat.create_pipeline('odd_name', 'odd.name', 'SELECT id, g AS ctid FROM a');

-- Texts do not depend on the session that runs the query.
CREATE TABLE moment (id int PRIMARY KEY, d date, i interval, f float8, b bytea, z timestamptz);
INSERT INTO moment VALUES (1, '2026-01-02', '1 day 02:00', 0.1::float8 + 0.2::float8, '\x00ff', '2026-01-02 03:04:05+00');
SELECT dataplat.create_pipeline('odd_texts', 'odd.texts', 'SELECT id, d::text, i::text, f::text, b::text, z::text FROM moment', paused => true, time_zone => 'UTC');
SET datestyle = 'German';
SET intervalstyle = 'iso_8601';
SET extra_float_digits = 0;
SET bytea_output = 'escape';
SELECT count(*) FROM dataplat.run_pipeline('odd_texts');
SELECT * FROM texts;
RESET datestyle;
RESET intervalstyle;
RESET extra_float_digits;
RESET bytea_output;
SELECT missing, extra, different FROM dataplat.verify_pipeline('odd_texts');

SELECT count(*), bool_and(dataplat.drop_pipeline(p.name) IS NULL) AS gone FROM (SELECT name FROM dataplat.pipeline WHERE name LIKE 'odd\_%' ORDER BY pipeline_id DESC) AS p;
DROP SCHEMA odd CASCADE;
