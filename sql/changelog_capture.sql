-- Every way in which SQL writes a table reaches its readers; what came and went in between does not.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.delta(relation regclass, reader text DEFAULT 'r') RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(CASE c.sign WHEN -1 THEN '- ' WHEN 1 THEN '+ ' ELSE '! ' END || c.row::text, E'\n' ORDER BY c.sign, c.row::text COLLATE "C")
      FROM dataplat_internal.read_changes(relation, reader) AS c $$;
CREATE FUNCTION pg_temp.take(relation regclass, reader text DEFAULT 'r') RETURNS text LANGUAGE plpgsql AS $$
DECLARE t text := pg_temp.delta(relation, reader);
BEGIN PERFORM dataplat_internal.advance_reader(relation, reader); RETURN t; END $$;

CREATE TABLE cap (id int PRIMARY KEY, v text, n numeric);
INSERT INTO cap VALUES (1, 'before', 1);
SELECT dataplat_internal.watch_table('cap', 'r');

-- What was there is not a change; then one statement of each kind.
SELECT pg_temp.take('cap');
INSERT INTO cap VALUES (2, 'two', 2), (3, 'three', 3);
SELECT pg_temp.take('cap');
UPDATE cap SET v = 'zwei' WHERE id = 2;
SELECT pg_temp.take('cap');
UPDATE cap SET v = v;
SELECT pg_temp.take('cap');
DELETE FROM cap WHERE id = 1;
SELECT pg_temp.take('cap');
COPY cap FROM STDIN;
4	four	4
5	\N	\N
\.
SELECT pg_temp.take('cap');
INSERT INTO cap VALUES (5, 'again', 0), (6, 'six', 6) ON CONFLICT (id) DO UPDATE SET v = excluded.v;
SELECT pg_temp.take('cap');
MERGE INTO cap USING (VALUES (2, 'm'), (3, 'gone'), (7, 'new')) AS s (id, v) ON s.id = cap.id
 WHEN MATCHED AND s.v = 'gone' THEN DELETE
 WHEN MATCHED THEN UPDATE SET v = s.v
 WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.v, 7);
SELECT pg_temp.take('cap');
WITH gone AS (DELETE FROM cap WHERE id = 4 RETURNING *), more AS (INSERT INTO cap SELECT id + 100, v, n FROM gone RETURNING *)
UPDATE cap SET n = 70 WHERE id = 7;
SELECT pg_temp.take('cap');

-- Net: added and taken away, changed there and back, changed twice.
INSERT INTO cap VALUES (10, 'x', 1);
DELETE FROM cap WHERE id = 10;
UPDATE cap SET v = 'there' WHERE id = 2;
UPDATE cap SET v = 'm' WHERE id = 2;
UPDATE cap SET v = 'one' WHERE id = 7;
UPDATE cap SET v = 'two' WHERE id = 7;
SELECT pg_temp.take('cap');

-- Numbers that are equal but look different are different images.
UPDATE cap SET n = 70.0 WHERE id = 7;
SELECT pg_temp.take('cap');

-- What was rolled back did not happen, in a subtransaction neither.
BEGIN;
INSERT INTO cap VALUES (20, 'kept', 1);
SAVEPOINT a;
INSERT INTO cap VALUES (21, 'dropped', 1);
DELETE FROM cap WHERE id = 20;
ROLLBACK TO a;
INSERT INTO cap VALUES (22, 'kept', 1);
COMMIT;
BEGIN;
DELETE FROM cap;
ROLLBACK;
SELECT pg_temp.take('cap');

-- A reader may look in the middle of its own transaction; a rollback gives all of it back.
BEGIN;
INSERT INTO cap VALUES (30, 'own', 1);
SELECT pg_temp.take('cap');
UPDATE cap SET v = 'later' WHERE id = 30;
SELECT pg_temp.take('cap');
SELECT pg_temp.take('cap');
ROLLBACK;
SELECT pg_temp.take('cap');
BEGIN;
INSERT INTO cap VALUES (31, 'own', 1);
SELECT pg_temp.take('cap');
INSERT INTO cap VALUES (32, 'own, later', 1);
COMMIT;
SELECT pg_temp.take('cap');

-- Triggers of the role "replica" are skipped, ours are not; nor by DISABLE TRIGGER USER.
SET session_replication_role = replica;
INSERT INTO cap VALUES (40, 'replica', 1);
RESET session_replication_role;
ALTER TABLE cap DISABLE TRIGGER USER;
INSERT INTO cap VALUES (41, 'no user triggers', 1);
ALTER TABLE cap ENABLE TRIGGER USER;
SELECT pg_temp.take('cap');

-- Cascades of foreign keys.
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES cap ON UPDATE CASCADE ON DELETE CASCADE);
SELECT dataplat_internal.watch_table('child', 'r');
INSERT INTO child VALUES (1, 40), (2, 41);
SELECT pg_temp.take('child');
UPDATE cap SET id = 140 WHERE id = 40;
DELETE FROM cap WHERE id = 41;
SELECT pg_temp.take('child');
DROP TABLE child;

-- Two readers share one log; each gets its own columns and its own past.
SELECT dataplat_internal.watch_table('cap', 'narrow', '{id}');
SELECT pg_temp.take('cap');
UPDATE cap SET v = 'not for narrow' WHERE id = 2;
UPDATE cap SET id = 3 WHERE id = 2;
SELECT pg_temp.take('cap', 'narrow');
INSERT INTO cap VALUES (50, 'fifty', 50);
SELECT pg_temp.take('cap', 'narrow');
SELECT pg_temp.take('cap');
SELECT count(*) FROM dataplat_internal.change_log WHERE relation = 'public.cap';

-- A reader that wants more gets it from then on.
SELECT dataplat_internal.watch_table('cap', 'narrow', '{id,n}');
UPDATE cap SET n = 51 WHERE id = 50;
SELECT pg_temp.take('cap', 'narrow');
SELECT dataplat_internal.rename_reader('narrow', 'wider');
SELECT pg_temp.take('cap', 'narrow');
SELECT pg_temp.take('cap', 'wider');

-- TRUNCATE cannot be told row by row, and is said.
TRUNCATE cap;
INSERT INTO cap VALUES (1, 'after', 1);
SELECT dataplat_internal.changes_pending('cap', 'r');
SELECT pg_temp.take('cap');
SELECT pg_temp.take('cap');
BEGIN;
TRUNCATE cap;
ROLLBACK;
SELECT pg_temp.take('cap');
SELECT dataplat_internal.changes_pending('cap', 'r');

-- Large values are whole in the log, also when the table's copy is gone.
INSERT INTO cap SELECT 60, string_agg(md5(i::text), ''), 0 FROM generate_series(1, 2000) AS i;
INSERT INTO cap VALUES (61, repeat('compressible ', 10000), 0);
UPDATE cap SET n = 1 WHERE id IN (60, 61);
DELETE FROM cap WHERE id = 60;
VACUUM cap;
SELECT c.sign, c.row ->> 'id' AS id, length(c.row ->> 'v') FROM dataplat_internal.read_changes('cap', 'r') AS c ORDER BY 1, 2;
SELECT dataplat_internal.advance_reader('cap', 'r');
DELETE FROM cap WHERE id = 61;
INSERT INTO cap VALUES (61, repeat('compressible ', 10000), 1);
SELECT pg_temp.take('cap');

-- Types of the user's own neither suffer nor make the log depend on them.
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN small AS int CHECK (VALUE < 100);
CREATE TABLE odd (m mood, p pair, s small, ms mood[], u uuid, i interval, b bytea, c "char", r int4range, nothing int);
ALTER TABLE odd DROP COLUMN nothing;
SELECT dataplat_internal.watch_table('odd', 'r');
INSERT INTO odd VALUES ('ok', ROW(1, 'x'), 5, '{sad,ok}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '1 day', '\x00ff', 'q', '[1,5)');
ALTER DOMAIN small ADD CHECK (VALUE > 0);
ALTER TYPE pair ADD ATTRIBUTE c int CASCADE;
UPDATE odd SET m = 'sad';
SELECT pg_temp.take('odd');
DROP TABLE odd;
DROP TYPE mood, pair CASCADE;
DROP DOMAIN small;

-- Far more than work_mem, with most of it cancelling out.
SET work_mem = '64kB';
CREATE TABLE wide (id int, v text);
SELECT dataplat_internal.watch_table('wide', 'r');
INSERT INTO wide SELECT i, md5(i::text) FROM generate_series(1, 20000) AS i;
UPDATE wide SET v = v || 'x';
DELETE FROM wide WHERE id > 10;
INSERT INTO wide SELECT 1, 'same' FROM generate_series(1, 3);
DELETE FROM wide WHERE ctid = (SELECT min(ctid) FROM wide WHERE v = 'same');
SELECT sign, count(*), count(DISTINCT c.row) FROM dataplat_internal.read_changes('wide', 'r') AS c GROUP BY sign ORDER BY sign;
RESET work_mem;
DROP TABLE wide;

-- The last reader takes triggers and log along.
SELECT dataplat_internal.unwatch_table('public.cap', 'r');
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 'cap'::regclass;
SELECT dataplat_internal.unwatch_table('public.cap', 'wider');
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 'cap'::regclass;
SELECT dataplat_internal.unwatch_table('public.cap', 'wider');
SELECT pg_temp.delta('cap');
DROP TABLE cap;
SELECT dataplat_internal.unwatch_table('public.' || x, 'r') FROM unnest('{child,odd,wide}'::text[]) AS x;
