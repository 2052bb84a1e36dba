-- The greatest sequence of a key wins, whatever the order of arrival.
\set VERBOSITY terse
CREATE SCHEMA upserting;
SET search_path = upserting, public;
CREATE TABLE target (id int PRIMARY KEY, seq int, v text, n int) WITH (fillfactor = 50);

-- Out of order, repeated, equal sequences, a delete before what it deletes.
SELECT * FROM dataplat_internal.apply_rows('upsert', 901, 'target', $$
    SELECT * FROM (VALUES (1, 1, 'a', 'c'), (1, 3, 'c', 'u'), (1, 2, 'b', 'u'), (2, 5, NULL, 'd'), (3, NULL, 'no sequence', 'c'),
                          (4, 1, 'first', 'c'), (4, 1, 'second', 'u')) AS e (id, seq, v, op)$$, '{id}', 'seq', $$op = 'd'$$);
SELECT * FROM target ORDER BY id;
-- Late ones: one for a deleted row, one equal to what is there, one newer than a NULL.
SELECT * FROM dataplat_internal.apply_rows('upsert', 901, 'target', $$
    SELECT * FROM (VALUES (2, 4, 'deleted later', 'c'), (1, 1, 'late', 'c'), (4, 1, 'third', 'u'), (3, 0, 'zero', 'u'), (1, 4, NULL, 'd')) AS e (id, seq, v, op)$$,
    '{id}', 'seq', $$op = 'd'$$);
SELECT * FROM target ORDER BY id;
SELECT * FROM dataplat_internal.tombstone_901 ORDER BY id;
-- A newer event takes the tombstone away; the same events again change nothing.
SELECT * FROM dataplat_internal.apply_rows('upsert', 901, 'target', $$
    SELECT * FROM (VALUES (2, 6, 'back', 'c'), (1, 4, 'equal and later', 'c')) AS e (id, seq, v, op)$$, '{id}', 'seq', $$op = 'd'$$);
SELECT * FROM dataplat_internal.apply_rows('upsert', 901, 'target', $$
    SELECT * FROM (VALUES (2, 6, 'back', 'c'), (1, 4, 'equal and later', 'c')) AS e (id, seq, v, op)$$, '{id}', 'seq', $$op = 'd'$$);
SELECT * FROM target ORDER BY id;
SELECT * FROM dataplat_internal.tombstone_901 ORDER BY id;

-- Events that carry only some columns: the others stay; before them in the batch, or in the target.
SELECT * FROM dataplat_internal.apply_rows('upsert', 901, 'target', $$
    SELECT * FROM (VALUES (2, 7, NULL, 70, '{v}'::text[]), (7, 1, 'whole', 1, NULL), (7, 2, NULL, 2, '{v}'), (7, 3, NULL, NULL, '{n,v,nothing}'),
                          (8, 1, NULL, 8, '{v}')) AS e (id, seq, v, n, _keep)$$, '{id}', 'seq');
SELECT * FROM target WHERE id IN (2, 7, 8) ORDER BY id;
SELECT * FROM dataplat_internal.apply_rows('upsert', 901, 'target', $$
    SELECT * FROM (VALUES (7, 4, NULL, 4, '{v}'::text[], true), (7, 5, NULL, 5, '{v}', false), (8, 2, NULL, 9, NULL, true)) AS e (id, seq, v, n, _keep, _delete)$$, '{id}', 'seq');
SELECT * FROM target WHERE id IN (2, 7, 8) ORDER BY id;

-- All of it afresh: what no event speaks of goes.
SELECT * FROM dataplat_internal.apply_rows('upsert', 901, 'target', $$
    SELECT * FROM (VALUES (1, 1, 'alone', 'c'), (9, 1, NULL, 'd')) AS e (id, seq, v, op)$$, '{id}', 'seq', $$op = 'd'$$, afresh => true);
SELECT * FROM target ORDER BY id;
SELECT * FROM dataplat_internal.tombstone_901 ORDER BY id;

-- No sequence: the order of arrival.  Several columns: one after the other.
SELECT * FROM dataplat_internal.apply_rows('upsert', 902, 'target', $$SELECT 1 AS id, i AS n FROM generate_series(1, 3) AS i$$, '{id}');
SELECT id, n FROM target;
SELECT * FROM dataplat_internal.apply_rows('upsert', 902, 'target', $$
    SELECT * FROM (VALUES (1, 5, 1, 'old'), (1, 4, 9, 'older'), (1, 5, 2, 'new')) AS e (id, seq, n, v)$$, '{id}', 'seq, n');
SELECT * FROM target;

-- A batch larger than memory is sorted; so the answer is the same.
SET maintenance_work_mem = '1MB';
SELECT * FROM dataplat_internal.apply_rows('upsert', 903, 'target', $$
    SELECT i % 5000 AS id, (i * 7919) % 20011 AS seq, lpad(i::text, 300, 'x') AS v FROM generate_series(1, 20000) AS i$$, '{id}', 'seq');
RESET maintenance_work_mem;
SELECT count(*) FROM target AS t
 WHERE (t.seq, t.v) IS DISTINCT FROM (SELECT ROW((i * 7919) % 20011, lpad(i::text, 300, 'x')) FROM generate_series(1, 20000) AS i WHERE i % 5000 = t.id ORDER BY (i * 7919) % 20011 DESC LIMIT 1);

-- What is refused.
\set VERBOSITY default
SELECT dataplat_internal.apply_rows('upsert', 904, 'target', 'SELECT 1 AS id, 1 AS seq', '{id}', 'sequence');
SELECT dataplat_internal.apply_rows('upsert', 904, 'target', 'SELECT 1 AS id, 1::bigint AS seq', '{id}', 'seq');
SELECT dataplat_internal.apply_rows('upsert', 904, 'target', 'SELECT 1 AS id, 1 AS seq', '{id}', 'seq', 'exists (select 1)');
SELECT dataplat_internal.apply_rows('upsert', 904, 'target', 'SELECT 1 AS id, 1 AS seq', '{id}', 'seq', 'op = 1');
SELECT dataplat_internal.apply_rows('upsert', 904, 'target', 'SELECT 1 AS id, 1 AS seq', '{id}', 'seq', 'true) FROM dataplat_rows; DROP TABLE target --');
\set VERBOSITY terse

-- A thousand random orders of events, in batches, against the answer of one
-- query; every third target is partitioned.
CREATE TABLE event (n int, id int, seq int, v int, deleted boolean);
CREATE TABLE plain (id int, seq int, v int);
CREATE UNIQUE INDEX ON plain (id) NULLS NOT DISTINCT;
CREATE TABLE parted (id int, seq int, v int) PARTITION BY LIST (id);
CREATE TABLE parted_some PARTITION OF parted FOR VALUES IN (1, 2);
CREATE TABLE parted_rest PARTITION OF parted DEFAULT;
CREATE FUNCTION differences(target regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format($q$
        WITH answer AS (
            SELECT id, seq, v FROM (SELECT DISTINCT ON (id) * FROM upserting.event ORDER BY id, seq DESC NULLS LAST, n DESC) AS e WHERE NOT e.deleted
        )
        SELECT (SELECT count(*) FROM (TABLE answer EXCEPT ALL SELECT id, seq, v FROM %1$s) AS x)
             + (SELECT count(*) FROM (SELECT id, seq, v FROM %1$s EXCEPT ALL TABLE answer) AS x)$q$, target) INTO n;
    RETURN n;
END;
$$;
SET synchronous_commit = off;
DO $$
DECLARE
    target regclass;
    batch  int;
BEGIN
    PERFORM setseed(0.4);
    FOR round IN 1 .. 1000 LOOP
        target := CASE WHEN round % 3 = 0 THEN 'parted' ELSE 'plain' END;
        EXECUTE format('DELETE FROM %s', target);
        DELETE FROM event;
        INSERT INTO event SELECT row_number() OVER (), nullif((random() * 5)::int, 0), nullif((random() * 8)::int, 0), (random() * 3)::int, random() < 0.25
          FROM generate_series(1, 5 + (random() * 25)::int);
        -- the first batch forgets what the round before left
        batch := 1 + (random() * 12)::int;
        FOR b IN 0 .. (SELECT (count(*) - 1) / batch FROM event) LOOP
            PERFORM dataplat_internal.apply_rows('upsert', 905, target,
                format('SELECT id, seq, v, deleted FROM upserting.event WHERE (n - 1) / %s = %s ORDER BY n', batch, b),
                '{id}', 'seq', 'deleted', afresh => b = 0);
        END LOOP;
        IF differences(target) > 0 THEN
            RAISE EXCEPTION 'round %: % differences in %', round, differences(target), target;
        END IF;
        -- what was deleted may go
        COMMIT;
    END LOOP;
END;
$$;
SELECT count(*) > 0 AS some_rows FROM plain;

DROP TABLE dataplat_internal.tombstone_901, dataplat_internal.tombstone_905;
SET client_min_messages = warning;
DROP SCHEMA upserting CASCADE;
