-- MERGE into a partitioned table is told as it was, whatever it does in whatever order, and wherever rows move.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.take(relation regclass, reader text DEFAULT 'r') RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT format('%s %s', CASE c.sign WHEN -1 THEN '-' WHEN 1 THEN '+' ELSE '!' END, c.row)
      FROM dataplat_internal.read_changes(relation, reader) AS c ORDER BY c.row ->> 'id', c.sign, c.row::text COLLATE "C";
    PERFORM dataplat_internal.advance_reader(relation, reader);
END $$;
-- Newer servers than 15 know more; older ones do the same in steps.
CREATE FUNCTION pg_temp.from_17(newer text, VARIADIC older text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE statement text;
BEGIN
    FOREACH statement IN ARRAY CASE WHEN current_setting('server_version_num')::int >= 170000 THEN ARRAY[newer] ELSE older END LOOP
        EXECUTE statement;
    END LOOP;
END $$;

-- Partitions: one like the table, one whose columns stand otherwise, one with partitions of its own.
CREATE SCHEMA mrg;
SET search_path = mrg;
CREATE TABLE part (id int, day int, v text, PRIMARY KEY (id, day)) PARTITION BY LIST (day);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
CREATE TABLE part_2 (v text, gone int, day int NOT NULL, id int NOT NULL);
ALTER TABLE part_2 DROP COLUMN gone;
ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES IN (2);
CREATE TABLE part_3 PARTITION OF part FOR VALUES IN (3, 4) PARTITION BY RANGE (id);
CREATE TABLE part_3_low PARTITION OF part_3 FOR VALUES FROM (0) TO (50);
CREATE TABLE part_3_high PARTITION OF part_3 FOR VALUES FROM (50) TO (100);
INSERT INTO part SELECT i, 1 + i % 4, 'old' FROM generate_series(1, 8) AS i;
SELECT dataplat_internal.watch_table('part', 'r');
SELECT dataplat.create_pipeline('mrg_copy', 'mrg.copy', 'SELECT id, day, v FROM mrg.part', keys => '{id,day}', schedule => 'manual');
SELECT kind, state FROM dataplat.run_pipeline('mrg_copy');

-- The source comes in its order: an inserted row first, then others.
SET enable_hashjoin = off;
SET enable_mergejoin = off;
MERGE INTO part AS t USING (SELECT * FROM (VALUES (1, 20, 1, 'new'), (2, 1, 2, 'upd'), (3, 2, 3, 'upd'), (4, 21, 2, 'new'), (5, 3, 4, 'upd'), (6, 22, 4, 'new'), (7, 4, 1, 'upd')) AS s (n, id, day, v) ORDER BY n) AS s
 ON t.id = s.id AND t.day = s.day
 WHEN MATCHED THEN UPDATE SET v = s.v
 WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.day, s.v);
SELECT pg_temp.take('part');
SELECT kind, state, rows_inserted, rows_updated, rows_deleted FROM dataplat.run_pipeline('mrg_copy');
SELECT * FROM dataplat.verify_pipeline('mrg_copy');

-- Insert, update, delete, nothing; a row updated after a deleted one; one that does not change.
MERGE INTO part AS t USING (SELECT * FROM (VALUES (1, 23, 3, 'new'), (2, 1, 2, 'drop'), (3, 2, 3, 'more'), (4, 24, 1, 'skip'), (5, 5, 2, 'old'), (6, 6, 3, 'keep'), (7, 25, 2, 'new'), (8, 7, 4, 'more')) AS s (n, id, day, v) ORDER BY n) AS s
 ON t.id = s.id AND t.day = s.day
 WHEN MATCHED AND s.v = 'drop' THEN DELETE
 WHEN MATCHED AND s.v = 'keep' THEN DO NOTHING
 WHEN MATCHED THEN UPDATE SET v = s.v
 WHEN NOT MATCHED AND s.v <> 'skip' THEN INSERT VALUES (s.id, s.day, s.v);
SELECT pg_temp.take('part');

-- Rows that move, between partitions of each kind, when the statement only updates ...
MERGE INTO part AS t USING (VALUES (2, 1), (3, 2), (4, 3), (5, 2)) AS s (id, day) ON t.id = s.id
 WHEN MATCHED THEN UPDATE SET day = s.day, v = 'moved';
SELECT pg_temp.take('part');
-- ... or inserts as well, or deletes, or all of them, some before and some after a move ...
MERGE INTO part AS t USING (SELECT * FROM (VALUES (1, 30, 1), (2, 2, 3), (3, 5, 2), (4, 31, 2), (5, 3, 4), (6, 6, 3)) AS s (n, id, day) ORDER BY n) AS s ON t.id = s.id
 WHEN MATCHED THEN UPDATE SET day = s.day, v = 'again'
 WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.day, 'new');
SELECT pg_temp.take('part');
MERGE INTO part AS t USING (VALUES (30, 0), (2, 1), (3, 4)) AS s (id, day) ON t.id = s.id
 WHEN MATCHED AND s.day = 0 THEN DELETE
 WHEN MATCHED THEN UPDATE SET day = s.day, v = 'third';
SELECT pg_temp.take('part');
MERGE INTO part AS t USING (SELECT * FROM (VALUES (1, 40, 2), (2, 31, 0), (3, 2, 4), (4, 41, 3), (5, 3, 4), (6, 4, 3), (7, 5, 1)) AS s (n, id, day) ORDER BY n) AS s ON t.id = s.id
 WHEN MATCHED AND s.day = 0 THEN DELETE
 WHEN MATCHED THEN UPDATE SET day = s.day, v = 'all'
 WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.day, 'new');
SELECT pg_temp.take('part');
-- ... or sends the row on inside a partition that has partitions, which is a table of its own for that.
MERGE INTO part_3 AS t USING (VALUES (2, 60), (3, 3)) AS s (id, new_id) ON t.id = s.id
 WHEN MATCHED THEN UPDATE SET id = s.new_id, v = 'inside';
MERGE INTO part_3 AS t USING (SELECT * FROM (VALUES (1, 70), (2, 60), (3, 3)) AS s (n, id) ORDER BY n) AS s ON t.id = s.id
 WHEN MATCHED THEN UPDATE SET v = 'inside too'
 WHEN NOT MATCHED THEN INSERT VALUES (s.id, 3, 'inside');
SELECT pg_temp.take('part');
SELECT kind, state FROM dataplat.run_pipeline('mrg_copy');
SELECT * FROM dataplat.verify_pipeline('mrg_copy');

-- Triggers of users are neither fired more often nor less often for it.
CREATE TABLE fired (n int GENERATED ALWAYS AS IDENTITY, what text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO mrg.fired (what) VALUES (tg_when || ' ' || tg_op || ' ' || tg_level); RETURN NULL; END $$;
CREATE TRIGGER before_it BEFORE INSERT OR UPDATE OR DELETE ON part FOR EACH STATEMENT EXECUTE FUNCTION note();
CREATE TRIGGER after_it AFTER INSERT OR UPDATE OR DELETE ON part FOR EACH STATEMENT EXECUTE FUNCTION note();
MERGE INTO part AS t USING (VALUES (5, 4), (4, 1)) AS s (id, day) ON t.id = s.id
 WHEN MATCHED THEN UPDATE SET day = s.day;
SELECT string_agg(what, ', ' ORDER BY what) FROM fired;
SELECT pg_temp.take('part');
TRUNCATE fired;
-- One part of a statement deletes, another one moves.
SELECT pg_temp.from_17($$ WITH d AS (DELETE FROM mrg.part WHERE id = 5 RETURNING id),
                               m AS (MERGE INTO mrg.part AS t USING (VALUES (4, 3), (6, 2)) AS s (id, day) ON t.id = s.id
                                     WHEN MATCHED THEN UPDATE SET day = s.day RETURNING t.id),
                               i AS (INSERT INTO mrg.part VALUES (50, 2, 'cte') RETURNING id)
                          SELECT FROM d, m, i $$,
                       $$ WITH d AS (DELETE FROM mrg.part WHERE id = 5), i AS (INSERT INTO mrg.part VALUES (50, 2, 'cte'))
                          MERGE INTO mrg.part AS t USING (VALUES (4, 3), (6, 2)) AS s (id, day) ON t.id = s.id WHEN MATCHED THEN UPDATE SET day = s.day $$);
SELECT string_agg(what, ', ' ORDER BY what) FROM fired;
SELECT pg_temp.take('part');
DROP TRIGGER before_it ON part;
DROP TRIGGER after_it ON part;

-- What users' own triggers are told is right as well.
CREATE FUNCTION show() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO mrg.fired (what) SELECT format('%s %s', tg_op, r) FROM rows AS r; RETURN NULL; END $$;
CREATE TRIGGER show_it AFTER UPDATE ON part REFERENCING NEW TABLE AS rows FOR EACH STATEMENT EXECUTE FUNCTION show();
TRUNCATE fired;
MERGE INTO part AS t USING (SELECT * FROM (VALUES (1, 80), (2, 40), (3, 41)) AS s (n, id) ORDER BY n) AS s ON t.id = s.id
 WHEN MATCHED THEN UPDATE SET v = 'told'
 WHEN NOT MATCHED THEN INSERT VALUES (s.id, 1, 'new');
SELECT what FROM fired ORDER BY n;
SELECT pg_temp.take('part');
DROP TRIGGER show_it ON part;

-- One MERGE inside of another, and a plan that is used again and again.
CREATE FUNCTION inner_merge(what int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    MERGE INTO mrg.part AS t USING (SELECT * FROM (VALUES (1, 90 + what), (2, 50)) AS s (n, id) ORDER BY n) AS s ON t.id = s.id
     WHEN MATCHED THEN UPDATE SET v = 'inner ' || what
     WHEN NOT MATCHED THEN INSERT VALUES (s.id, 2, 'inner');
    RETURN 'outer ' || what;
END $$;
MERGE INTO part AS t USING (SELECT * FROM (VALUES (1, 81), (2, 40), (3, 82), (4, 41)) AS s (n, id) ORDER BY n) AS s ON t.id = s.id
 WHEN MATCHED THEN UPDATE SET v = inner_merge(s.n)
 WHEN NOT MATCHED THEN INSERT VALUES (s.id, 1, inner_merge(s.n));
SELECT pg_temp.take('part');
PREPARE again (int) AS MERGE INTO part AS t USING (SELECT * FROM (VALUES (1, 10 + $1), (2, 50)) AS s (n, id) ORDER BY n) AS s ON t.id = s.id
 WHEN MATCHED THEN UPDATE SET v = 'again ' || $1
 WHEN NOT MATCHED THEN INSERT VALUES (s.id, 1, 'again');
SET plan_cache_mode = force_generic_plan;
EXECUTE again (1);
EXECUTE again (2);
BEGIN;
SAVEPOINT a;
EXECUTE again (3);
MERGE INTO part AS t USING (SELECT * FROM (VALUES (1, 10), (2, 50)) AS s (n, id) ORDER BY n) AS s ON t.id = s.id
 WHEN MATCHED THEN UPDATE SET v = 1 / (s.n - 2)
 WHEN NOT MATCHED THEN INSERT VALUES (s.id, 1, 'undone');
ROLLBACK TO a;
EXECUTE again (4);
COMMIT;
RESET plan_cache_mode;
DEALLOCATE again;
SELECT pg_temp.take('part');
DO $$ BEGIN EXECUTE 'EXPLAIN (ANALYZE, COSTS off, TIMING off) MERGE INTO mrg.part AS t USING (SELECT * FROM (VALUES (1, 15), (2, 50)) AS s (n, id) ORDER BY n) AS s ON t.id = s.id
 WHEN MATCHED THEN UPDATE SET v = ''explained'' WHEN NOT MATCHED THEN INSERT VALUES (s.id, 1, ''explained'')'; END $$;
DO $$ BEGIN EXECUTE 'EXPLAIN MERGE INTO mrg.part AS t USING (VALUES (50)) AS s (id) ON t.id = s.id
 WHEN MATCHED THEN UPDATE SET v = ''not done'' WHEN NOT MATCHED THEN INSERT VALUES (s.id, 1, ''not done'')'; END $$;
SELECT pg_temp.take('part');
RESET enable_hashjoin;
RESET enable_mergejoin;

-- Rows that the source has not (17), with the rows that MERGE returns.
SELECT pg_temp.from_17($$ WITH m AS (MERGE INTO mrg.part AS t USING (VALUES (2), (3), (95)) AS s (id) ON t.id = s.id
                                     WHEN MATCHED THEN UPDATE SET v = 'both' WHEN NOT MATCHED THEN INSERT VALUES (s.id, 3, 'source')
                                     WHEN NOT MATCHED BY SOURCE AND t.id > 70 THEN DELETE
                                     WHEN NOT MATCHED BY SOURCE THEN UPDATE SET day = CASE day WHEN 1 THEN 2 ELSE 1 END, v = 'target' RETURNING t.*)
                          SELECT FROM m $$,
                       $$ DELETE FROM mrg.part WHERE id > 70 $$,
                       $$ UPDATE mrg.part SET day = CASE day WHEN 1 THEN 2 ELSE 1 END, v = 'target' WHERE id NOT IN (2, 3) $$,
                       $$ MERGE INTO mrg.part AS t USING (VALUES (2), (3), (95)) AS s (id) ON t.id = s.id
                          WHEN MATCHED THEN UPDATE SET v = 'both' WHEN NOT MATCHED THEN INSERT VALUES (s.id, 3, 'source') $$);
SELECT pg_temp.take('part');
SELECT kind, state FROM dataplat.run_pipeline('mrg_copy');
SELECT * FROM dataplat.verify_pipeline('mrg_copy');

SELECT dataplat.drop_pipeline('mrg_copy');
SELECT dataplat_internal.unwatch_table('mrg.part', 'r');
RESET search_path;
DROP SCHEMA mrg CASCADE;
