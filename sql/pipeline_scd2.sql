-- History as ranges is the same for any order of arrival.
\set VERBOSITY terse
CREATE SCHEMA history;
SET search_path = history, public;
CREATE EXTENSION btree_gist SCHEMA history;
CREATE TABLE target (id int NOT NULL, at timestamptz NOT NULL, name text, note text,
                     valid tstzrange NOT NULL, is_current boolean NOT NULL, EXCLUDE USING gist (id WITH =, valid WITH &&));
CREATE UNIQUE INDEX ON target (id, lower(valid));
SET timezone = 'UTC';
SET datestyle = 'ISO';

-- A late event splits a range, a delete closes one; a column that is not
-- tracked is overwritten in the version that is valid.
CREATE TABLE event (n int GENERATED ALWAYS AS IDENTITY, id int, at timestamptz, name text, note text, op text);
CREATE FUNCTION apply(since int) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s inserted, %s updated, %s deleted, %s unchanged, %s late', a.inserted, a.updated, a.deleted, a.unchanged, a.late)
      FROM dataplat_internal.apply_rows('scd2', 911, 'history.target',
           format('SELECT id, at, name, note, op FROM history.event WHERE n > %s ORDER BY n', since), '{id}', 'at', $q$op = 'd'$q$, '{name}') AS a;
$$;
INSERT INTO event (id, at, name, note, op) VALUES (1, '2026-01-01', 'Ann', 'x', 'c'), (1, '2026-03-01', 'Anna', 'x', 'u'), (1, '2026-04-01', 'Anna', 'y', 'u');
SELECT apply(0);
SELECT id, at, name, note, valid, is_current FROM target ORDER BY id, valid;
INSERT INTO event (id, at, name, note, op) VALUES (1, '2026-03-15', 'Anne', 'late', 'u'), (2, '2026-02-01', NULL, NULL, 'd');
SELECT apply(3);
SELECT id, at, name, note, valid, is_current FROM target ORDER BY id, valid;
INSERT INTO event (id, at, name, note, op) VALUES (1, '2026-05-01', NULL, NULL, 'd'), (2, '2026-01-01', 'Bob', 'before his delete', 'c'), (1, '2026-06-01', 'Ann', 'back', 'c');
SELECT apply(5);
SELECT id, at, name, note, valid, is_current FROM target ORDER BY id, valid;
-- All of it again: nothing changes.
SELECT apply(0);

-- Columns that an event does not carry come from the version before it, late or not.
SELECT inserted, updated FROM dataplat_internal.apply_rows('scd2', 912, 'target', $$
    SELECT * FROM (VALUES (3, '2026-01-01'::timestamptz, 'Cy', 'a', NULL::text[]), (3, '2026-03-01', NULL, 'b', '{name}')) AS e (id, at, name, note, _keep)$$, '{id}', 'at');
SELECT inserted, updated FROM dataplat_internal.apply_rows('scd2', 912, 'target', $$
    SELECT 3 AS id, '2026-02-01'::timestamptz AS at, 'Cyd' AS name, 'a' AS note, NULL::text[] AS _keep$$, '{id}', 'at');
SELECT id, at, name, note, valid, is_current FROM target WHERE id = 3 ORDER BY id, valid;

-- What is refused.
\set VERBOSITY default
SELECT dataplat_internal.apply_rows('scd2', 913, 'target', $$SELECT 1 AS id, NULL::timestamptz AS at$$, '{id}', 'at');
SELECT dataplat_internal.apply_rows('scd2', 913, 'target', $$SELECT 1 AS id, current_date AS at$$, '{id}', 'at');
SELECT dataplat_internal.apply_rows('scd2', 913, 'target', $$SELECT 1 AS id$$, '{id}');
SELECT dataplat_internal.apply_rows('scd2', 913, 'event', $$SELECT 1 AS id, now() AS at$$, '{id}', 'at');
SELECT dataplat_internal.apply_rows('scd2', 911, 'target', $$SELECT 1 AS id, now() AS at, 'x' AS name$$, '{id}', 'at');
\set VERBOSITY terse

-- A thousand random orders of events, in batches, against the answer of one
-- query.  The exclusion constraint watches.
CREATE TABLE random_event (n int, id int, seq int, a int, b int, deleted boolean);
CREATE TABLE random_target (id int NOT NULL, seq int NOT NULL, a int, b int, valid int4range NOT NULL, is_current boolean NOT NULL,
                            EXCLUDE USING gist (id WITH =, valid WITH &&));
CREATE UNIQUE INDEX ON random_target (id, lower(valid));
CREATE VIEW answer AS
    WITH one AS (
        SELECT DISTINCT ON (id, seq) * FROM random_event ORDER BY id, seq, n DESC
    ), marked AS (
        SELECT *, NOT deleted AND (lag(deleted, 1, true) OVER w OR a IS DISTINCT FROM lag(a) OVER w) AS begins,
               deleted AS ends
          FROM one WINDOW w AS (PARTITION BY id ORDER BY seq)
    ), numbered AS (
        SELECT *, count(*) FILTER (WHERE begins OR ends) OVER (PARTITION BY id ORDER BY seq) AS version
          FROM marked
    ), version AS (
        SELECT id, version, max(seq) AS seq, min(seq) AS since, (array_agg(a ORDER BY seq DESC))[1] AS a, (array_agg(b ORDER BY seq DESC))[1] AS b,
               bool_or(deleted) AS deleted
          FROM numbered GROUP BY id, version
    ), ranged AS (
        SELECT *, lead(since) OVER (PARTITION BY id ORDER BY version) AS until FROM version
    )
    SELECT id, seq, a, b, int4range(since, until) AS valid, until IS NULL AS is_current FROM ranged WHERE NOT deleted;
SET synchronous_commit = off;
DO $$
DECLARE
    batch int;
    n     bigint;
BEGIN
    PERFORM setseed(0.2);
    FOR round IN 1 .. 1000 LOOP
        DELETE FROM random_event;
        INSERT INTO random_event SELECT row_number() OVER (), 1 + (random() * 2)::int, 1 + (random() * 12)::int, nullif((random() * 2)::int, 0), (random() * 9)::int, random() < 0.2
          FROM generate_series(1, 3 + (random() * 27)::int);
        batch := 1 + (random() * 12)::int;
        FOR b IN 0 .. (SELECT (count(*) - 1) / batch FROM random_event) LOOP
            PERFORM dataplat_internal.apply_rows('scd2', 914, 'random_target',
                format('SELECT id, seq, a, b, deleted FROM history.random_event WHERE (n - 1) / %s = %s ORDER BY n', batch, b),
                '{id}', 'seq', 'deleted', '{a}', b = 0);
        END LOOP;
        SELECT (SELECT count(*) FROM (TABLE answer EXCEPT ALL SELECT id, seq, a, b, valid, is_current FROM random_target) AS x)
             + (SELECT count(*) FROM (SELECT id, seq, a, b, valid, is_current FROM random_target EXCEPT ALL TABLE answer) AS x) INTO n;
        IF n > 0 THEN
            RAISE EXCEPTION 'round %: % differences', round, n;
        END IF;
        -- what was deleted may go
        COMMIT;
    END LOOP;
END;
$$;
SELECT count(*) > 0 AS some_rows FROM random_target;

DROP TABLE dataplat_internal.event_911, dataplat_internal.event_912, dataplat_internal.event_914;
SET client_min_messages = warning;
DROP SCHEMA history CASCADE;
