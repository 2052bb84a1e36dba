-- Generated columns of partitions whose columns stand otherwise are told as they are, whichever way rows come in.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.take(relation regclass, reader text DEFAULT 'r') RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT format('%s %s', CASE c.sign WHEN -1 THEN '-' WHEN 1 THEN '+' ELSE '!' END, c.row)
      FROM dataplat_internal.read_changes(relation, reader) AS c ORDER BY c.sign, c.row ->> 'id';
    PERFORM dataplat_internal.advance_reader(relation, reader);
END $$;

CREATE SCHEMA lay;
SET search_path = lay;
CREATE TABLE gen (id int, gone text, day int, twice int GENERATED ALWAYS AS (id * 2) STORED, UNIQUE (id, day)) PARTITION BY LIST (day);
CREATE TABLE gen_1 PARTITION OF gen FOR VALUES IN (1);
ALTER TABLE gen DROP COLUMN gone;
CREATE TABLE gen_2 (twice int GENERATED ALWAYS AS (id * 2) STORED, day int, id int);
ALTER TABLE gen ATTACH PARTITION gen_2 FOR VALUES IN (2);
SELECT dataplat_internal.watch_table('gen', 'r');
-- One comes later; it never had the column that is gone.
CREATE TABLE gen_3 PARTITION OF gen FOR VALUES IN (3) PARTITION BY LIST (id);
CREATE TABLE gen_3_a PARTITION OF gen_3 DEFAULT;

INSERT INTO gen VALUES (1, 1), (2, 2), (3, 3);
SELECT pg_temp.take('gen');
COPY gen FROM STDIN;
4	1
5	2
6	3
\.
SELECT pg_temp.take('gen');
UPDATE gen SET id = id + 10 WHERE id < 4;
UPDATE gen SET day = day % 3 + 1 WHERE id < 10;
SELECT pg_temp.take('gen');
INSERT INTO gen VALUES (11, 1), (12, 2), (20, 2) ON CONFLICT (id, day) DO UPDATE SET id = excluded.id + 10;
SELECT pg_temp.take('gen');
MERGE INTO gen AS t USING (VALUES (30, 2), (31, 3), (13, 3)) AS s (id, day) ON t.id = s.id AND t.day = s.day
 WHEN MATCHED THEN UPDATE SET id = 33 WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.day);
INSERT INTO gen_3 VALUES (40, 3);
INSERT INTO gen_2 (day, id) VALUES (2, 41);
SELECT pg_temp.take('gen');
SET session_replication_role = replica;
INSERT INTO gen VALUES (50, 1), (51, 2), (52, 3);
RESET session_replication_role;
SELECT pg_temp.take('gen');

SELECT dataplat_internal.unwatch_table('lay.gen', 'r');
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid::regclass::text LIKE 'gen%' AND tgname LIKE 'dataplat%';
RESET search_path;
DROP SCHEMA lay CASCADE;
