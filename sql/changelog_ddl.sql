-- Partitions, ALTER TABLE and DROP beside a reader: rows are captured once, and what cannot be told is said.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.take(relation regclass, reader text DEFAULT 'r') RETURNS text LANGUAGE plpgsql AS $$
DECLARE t text;
BEGIN
    SELECT string_agg(CASE c.sign WHEN -1 THEN '- ' WHEN 1 THEN '+ ' ELSE '! ' END || c.row::text, E'\n' ORDER BY c.sign, c.row::text COLLATE "C")
      INTO t FROM dataplat_internal.read_changes(relation, reader) AS c;
    PERFORM dataplat_internal.advance_reader(relation, reader);
    RETURN t;
END $$;
CREATE FUNCTION pg_temp.captured(relation regclass) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM pg_trigger WHERE tgrelid = relation AND tgname LIKE 'dataplat\_log\_%' $$;

-- The whole tree is captured, whatever order the columns of a partition have.
CREATE TABLE part (id int, v text, k int) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE TABLE part_2 (k int, dropped int, v text, id int);
ALTER TABLE part_2 DROP COLUMN dropped;
ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES FROM (10) TO (20);
SELECT dataplat_internal.watch_table('part', 'r');

-- A statement to the table, one straight to a partition: each row once.
INSERT INTO part VALUES (1, 'a', 1), (11, 'b', 2);
INSERT INTO part_2 (id, v, k) VALUES (12, 'c', 3);
COPY part_2 (id, v, k) FROM STDIN;
13	d	4
\.
SELECT pg_temp.take('part');
UPDATE part_2 SET v = 'C' WHERE id = 12;
DELETE FROM part_2 WHERE id = 13;
SELECT pg_temp.take('part');

-- A row that moves from one partition to another.
UPDATE part SET id = 15 WHERE id = 1;
SELECT pg_temp.take('part');

-- A new partition is captured at once, also one of a partition, also in a rolled back transaction.
CREATE TABLE part_3 PARTITION OF part FOR VALUES FROM (20) TO (30) PARTITION BY LIST (k);
CREATE TABLE part_3a PARTITION OF part_3 FOR VALUES IN (1);
BEGIN;
CREATE TABLE part_3b PARTITION OF part_3 FOR VALUES IN (2);
ROLLBACK;
CREATE TABLE part_3b PARTITION OF part_3 FOR VALUES IN (2, 3);
INSERT INTO part_3a VALUES (21, 'deep', 1);
INSERT INTO part_3 VALUES (22, 'deeper', 2);
SELECT pg_temp.take('part');

-- Attaching or detaching what is empty is nothing; with rows in it, everything is to be computed afresh.
CREATE TABLE part_4 (LIKE part);
ALTER TABLE part ATTACH PARTITION part_4 FOR VALUES FROM (30) TO (40);
SELECT pg_temp.captured('part_4'), pg_temp.take('part');
ALTER TABLE part DETACH PARTITION part_4;
SELECT pg_temp.captured('part_4'), pg_temp.take('part');
INSERT INTO part_4 VALUES (31, 'outside', 1);
SELECT pg_temp.take('part');
ALTER TABLE part ATTACH PARTITION part_4 FOR VALUES FROM (30) TO (40);
SELECT pg_temp.captured('part_4'), pg_temp.take('part');
UPDATE part_4 SET v = 'inside';
SELECT pg_temp.take('part');
ALTER TABLE part DETACH PARTITION part_4 CONCURRENTLY;
SELECT pg_temp.captured('part_4'), pg_temp.take('part');
SELECT pg_temp.take('part');
TRUNCATE part_2;
SELECT pg_temp.take('part');
DROP TABLE part_3a;
SELECT pg_temp.take('part');

-- Dropped with its schema, a partition is missed as well.
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.part_5 PARTITION OF part FOR VALUES FROM (50) TO (60);
INSERT INTO part VALUES (51, 'away', 1);
SELECT pg_temp.take('part');
DROP SCHEMA elsewhere CASCADE;
SELECT pg_temp.take('part');

-- Columns: added without a value, added with one, of another type, renamed, dropped.
ALTER TABLE part ADD COLUMN n int;
INSERT INTO part VALUES (1, 'z', 1, 7);
SELECT pg_temp.take('part');
ALTER TABLE part ADD COLUMN m int DEFAULT 5;
SELECT pg_temp.take('part');
ALTER TABLE part ALTER COLUMN n TYPE text USING 'n' || n;
SELECT pg_temp.take('part');
UPDATE part SET n = 'new' WHERE id = 1;
SELECT pg_temp.take('part');
SELECT dataplat_internal.watch_table('part', 'some', '{id,n}');
ALTER TABLE part RENAME COLUMN n TO "N n";
ALTER TABLE part DROP COLUMN m;
UPDATE part SET "N n" = 'newer' WHERE id = 1;
SELECT pg_temp.take('part'), pg_temp.take('part', 'some');
ALTER TABLE part DROP COLUMN "N n";
SELECT pg_temp.take('part'), pg_temp.take('part', 'some');
DELETE FROM part;
SELECT pg_temp.take('part');

-- Readers follow a table that gets another name or schema.
CREATE SCHEMA elsewhere;
ALTER TABLE part RENAME TO "Part";
ALTER TABLE "Part" SET SCHEMA elsewhere;
ALTER SCHEMA elsewhere RENAME TO somewhere;
SELECT relation FROM dataplat_internal.change_log_reader WHERE reader IN ('r', 'some') ORDER BY reader;
INSERT INTO somewhere."Part" (id, v) VALUES (3, 'moved');
SELECT pg_temp.take('somewhere."Part"');

-- While triggers are disabled nothing can be told, nor about that time afterwards.
ALTER TABLE part_1 DISABLE TRIGGER ALL;
INSERT INTO somewhere."Part" (id, v) VALUES (4, 'seen'), (5, 'seen');
DELETE FROM part_1 WHERE id = 4;
SELECT pg_temp.take('somewhere."Part"');
SELECT pg_temp.take('somewhere."Part"');
ALTER TABLE part_1 ENABLE TRIGGER ALL;
SELECT pg_temp.take('somewhere."Part"');
SET session_replication_role = replica;
DELETE FROM part_1 WHERE id = 5;
RESET session_replication_role;
SELECT pg_temp.take('somewhere."Part"');

-- A foreign partition cannot be captured.
CREATE SERVER ddl_away FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
CREATE FOREIGN TABLE part_f PARTITION OF somewhere."Part" FOR VALUES FROM (80) TO (90) SERVER ddl_away;
SELECT pg_temp.take('somewhere."Part"');
DROP FOREIGN TABLE part_f;
SELECT pg_temp.take('somewhere."Part"');
SELECT pg_temp.take('somewhere."Part"');
DROP SERVER ddl_away;

-- A watched table that becomes a partition, or gets children, is no input any more.
CREATE TABLE plain (id int);
SELECT dataplat_internal.watch_table('plain', 'r');
CREATE TABLE plain_child () INHERITS (plain);
INSERT INTO plain_child VALUES (7);
SELECT pg_temp.take('plain');
DROP TABLE plain_child;
SELECT pg_temp.take('plain');
SELECT pg_temp.take('plain');
CREATE TABLE plain_child () INHERITS (plain);
DROP TABLE plain_child;
SELECT pg_temp.take('plain');
CREATE TABLE over (id int) PARTITION BY LIST (id);
ALTER TABLE over ATTACH PARTITION plain DEFAULT;
SELECT pg_temp.take('plain');
INSERT INTO over VALUES (8);
ALTER TABLE over DETACH PARTITION plain;
SELECT pg_temp.take('plain');
SELECT pg_temp.take('plain');
ALTER TABLE over ATTACH PARTITION plain DEFAULT;
DELETE FROM over;
ALTER TABLE over DETACH PARTITION plain;
SELECT pg_temp.take('plain');

-- Disabled for a while without anybody looking: said as well.
ALTER TABLE plain DISABLE TRIGGER ALL;
INSERT INTO plain VALUES (99);
DELETE FROM plain WHERE id = 99;
ALTER TABLE plain ENABLE TRIGGER ALL;
SELECT pg_temp.take('plain');
SET session_replication_role = replica;
INSERT INTO plain VALUES (98);
RESET session_replication_role;
SELECT pg_temp.take('plain');

-- Rewrites that leave the rows alone are nothing.
INSERT INTO plain VALUES (1), (2);
SELECT pg_temp.take('plain');
DELETE FROM plain WHERE id = 1;
VACUUM FULL plain;
CREATE INDEX plain_id ON plain (id);
CLUSTER plain USING plain_id;
ALTER TABLE plain SET UNLOGGED;
ALTER TABLE plain SET LOGGED;
INSERT INTO plain VALUES (3);
SELECT pg_temp.take('plain');

DROP TABLE over, plain, part_4;
DROP SCHEMA somewhere CASCADE;
SELECT dataplat_internal.unwatch_table(relation, reader) FROM dataplat_internal.change_log_reader WHERE reader IN ('r', 'some') ORDER BY 1;
