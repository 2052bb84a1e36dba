-- Generated columns of partitions whose columns stand otherwise are told as they are, whichever way rows come in.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.take(relation regclass, reader text DEFAULT 'r') RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT format('%s %s', CASE c.sign WHEN -1 THEN '-' WHEN 1 THEN '+' ELSE '!' END, c.row)
      FROM dataplat_internal.read_changes(relation, reader) AS c ORDER BY c.sign, c.row ->> 'id', c.row::text COLLATE "C";
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

-- Generated columns that are not stored, which servers have from 18 on, are told too, alone as well.
DO $$ BEGIN EXECUTE format('CREATE TABLE lay.virt (id int, day int, name text, loud text GENERATED ALWAYS AS (upper(name) || id) %1$s,
    size int GENERATED ALWAYS AS (length(name)) %1$s) PARTITION BY LIST (day)', CASE WHEN current_setting('server_version_num')::int >= 180000 THEN 'VIRTUAL' ELSE 'STORED' END); END $$;
CREATE TABLE virt_1 PARTITION OF virt FOR VALUES IN (1);
CREATE TABLE virt_2 PARTITION OF virt FOR VALUES IN (2);
INSERT INTO virt VALUES (1, 1, 'a'), (2, 2, NULL);
SELECT dataplat_internal.watch_table('virt', 'r');
SELECT dataplat_internal.watch_table('virt', 'size', '{size}');
SELECT dataplat.create_pipeline('lay_virt', 'lay.copy', 'SELECT id, loud, sum(size) AS size FROM lay.virt GROUP BY id, loud', schedule => 'manual');
SELECT dataplat.create_pipeline('lay_whole', 'lay.whole', 'SELECT id, to_jsonb(v) AS v FROM lay.virt AS v', keys => '{id}', schedule => 'manual');
SELECT kind, state FROM unnest('{lay_virt,lay_whole}'::text[]) AS p, dataplat.run_pipeline(p);
INSERT INTO virt VALUES (3, 1, 'ccc'), (4, 2, 'd');
INSERT INTO virt_2 VALUES (5, 2, repeat('toast ', 1000));
UPDATE virt SET name = 'e' WHERE id = 1;
UPDATE virt SET name = 'long', day = 1 WHERE id = 4;
UPDATE virt SET name = 'bbb' WHERE id = 3;
DELETE FROM virt WHERE id = 2;
SELECT left(pg_temp.take('virt'), 80);
SELECT pg_temp.take('virt', 'size');
SELECT kind, state FROM unnest('{lay_virt,lay_whole}'::text[]) AS p, dataplat.run_pipeline(p);
SELECT v.* FROM unnest('{lay_virt,lay_whole}'::text[]) AS p, dataplat.verify_pipeline(p) AS v;
SELECT dataplat.drop_pipeline(p) FROM unnest('{lay_virt,lay_whole}'::text[]) AS p;
SELECT dataplat_internal.unwatch_table('lay.virt', 'r');
SELECT dataplat_internal.unwatch_table('lay.virt', 'size');

SELECT dataplat_internal.unwatch_table('lay.gen', 'r');
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid::regclass::text LIKE 'gen%' AND tgname LIKE 'dataplat%';
RESET search_path;
DROP SCHEMA lay CASCADE;
