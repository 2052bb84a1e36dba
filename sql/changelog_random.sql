-- Random statements in random transactions, and a mirror that only hears of the changes: they are the same at every look.
SET client_min_messages = warning;
SELECT setseed(0.4711);
CREATE TABLE rnd (id int, v text, n int) PARTITION BY RANGE (id);
CREATE TABLE rnd_1 PARTITION OF rnd FOR VALUES FROM (MINVALUE) TO (20);
CREATE TABLE rnd_2 (n int, gone int, id int, v text);
ALTER TABLE rnd_2 DROP COLUMN gone;
ALTER TABLE rnd ATTACH PARTITION rnd_2 DEFAULT;
CREATE TABLE mirror (r jsonb);
SELECT dataplat_internal.watch_table('rnd', 'all');
SELECT dataplat_internal.watch_table('rnd', 'few', '{id,n}');
CREATE TABLE mirror_few (r jsonb);

-- One statement; every now and then one that fails after the fact.
CREATE FUNCTION pg_temp.step() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    a int := random() * 40;
    b int := random() * 40;
    place text := CASE WHEN random() < 0.5 THEN 'rnd' WHEN a < 20 THEN 'rnd_1' ELSE 'rnd_2' END;
BEGIN
    CASE (random() * 7)::int
        WHEN 0, 1, 2 THEN EXECUTE format('INSERT INTO %s (id, v, n) SELECT %s, repeat(md5(x::text), %s), x %% 3 FROM generate_series(1, %s) AS x',
                                      place, a, (random() * 3)::int + CASE WHEN random() < 0.05 THEN 4000 ELSE 0 END, (random() * 4)::int);
        WHEN 3 THEN EXECUTE format('DELETE FROM %s WHERE id = %s', place, b);
        WHEN 4 THEN UPDATE rnd SET id = b WHERE id = a;
        WHEN 5 THEN EXECUTE format('UPDATE %s SET n = n + %s, v = left(v, 50) WHERE id BETWEEN %s AND %s', place, (random() * 2)::int - 1, least(a, b), greatest(a, b));
        WHEN 6 THEN MERGE INTO rnd USING (SELECT a AS id) AS s ON rnd.id = s.id WHEN MATCHED AND rnd.n = 1 THEN DELETE
                     WHEN MATCHED THEN UPDATE SET n = rnd.n + 1 WHEN NOT MATCHED THEN INSERT (id, v, n) VALUES (a, 'merged', 0);
        ELSE
            BEGIN
                DELETE FROM rnd WHERE id >= a;
                PERFORM 1 / 0;
            EXCEPTION WHEN division_by_zero THEN NULL;
            END;
    END CASE;
END $$;

-- Bring a mirror up to date by the delta alone; what is to go must be there.
CREATE FUNCTION pg_temp.follow(reader text, mirror regclass) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    c record;
    lost int := 0;
    gone int;
BEGIN
    FOR c IN SELECT * FROM dataplat_internal.read_changes('rnd', reader) LOOP
        IF c.sign = 1 THEN
            EXECUTE format('INSERT INTO %s VALUES ($1)', mirror) USING c.row;
        ELSE
            EXECUTE format('DELETE FROM %s WHERE ctid = (SELECT min(ctid) FROM %1$s WHERE r = $1)', mirror) USING c.row;
            GET DIAGNOSTICS gone = ROW_COUNT;
            lost := lost + 1 - gone;
        END IF;
    END LOOP;
    PERFORM dataplat_internal.advance_reader('rnd', reader);
    RETURN lost;
END $$;
CREATE FUNCTION pg_temp.differences() RETURNS bigint LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM ((SELECT to_jsonb(t) FROM rnd AS t EXCEPT ALL SELECT r FROM mirror)
                                  UNION ALL (SELECT r FROM mirror EXCEPT ALL SELECT to_jsonb(t) FROM rnd AS t)) AS d)
         + (SELECT count(*) FROM ((SELECT jsonb_build_object('id', id, 'v', NULL, 'n', n) FROM rnd EXCEPT ALL SELECT r FROM mirror_few)
                                  UNION ALL (SELECT r FROM mirror_few EXCEPT ALL SELECT jsonb_build_object('id', id, 'v', NULL, 'n', n) FROM rnd)) AS d) $$;

CREATE PROCEDURE pg_temp.play(rounds int) LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint := 0;
    looks int := 0;
BEGIN
    FOR i IN 1..rounds LOOP
        PERFORM pg_temp.step();
        IF random() < 0.3 THEN COMMIT; ELSIF random() < 0.15 THEN ROLLBACK; END IF;
        IF random() < 0.2 THEN
            wrong := wrong + pg_temp.follow('all', 'mirror');
            PERFORM pg_temp.step();
            wrong := wrong + pg_temp.follow('all', 'mirror') + pg_temp.follow('few', 'mirror_few') + pg_temp.differences();
            looks := looks + 1;
            IF random() < 0.2 THEN ROLLBACK; END IF;
        END IF;
    END LOOP;
    RAISE WARNING 'looked often enough: %, differences: %', looks > rounds / 10, wrong;
END $$;
CALL pg_temp.play(600);

DROP TABLE rnd, mirror, mirror_few;
SELECT dataplat_internal.unwatch_table('public.rnd', x) FROM unnest('{all,few}'::text[]) AS x;
