-- Rows come to a target: what differs is updated, what is new inserted, the
-- rest left alone; below the executor where the table is plain, else by SQL.
\set VERBOSITY terse
CREATE SCHEMA writing;
SET search_path = writing, public;

-- The same story on tables of several kinds.
CREATE FUNCTION story(target regclass) RETURNS TABLE (step text, counts text)
LANGUAGE plpgsql AS $$
DECLARE
    w record;
BEGIN
    w := dataplat_internal.write_rows(target, 'SELECT i AS id, ''n'' || i AS name, i * 1.5 AS amount FROM generate_series(1, 2500) AS i', '{id}', 'put');
    step := 'new rows';       counts := format('%s %s %s %s', w.inserted, w.updated, w.deleted, w.unchanged); RETURN NEXT;
    w := dataplat_internal.write_rows(target, 'SELECT i AS id, ''n'' || i AS name, i * 1.5 AS amount FROM generate_series(1, 2500) AS i', '{id}', 'put');
    step := 'the same again'; counts := format('%s %s %s %s', w.inserted, w.updated, w.deleted, w.unchanged); RETURN NEXT;
    w := dataplat_internal.write_rows(target, 'SELECT i AS id, ''n'' || i AS name, CASE WHEN i % 2 = 0 THEN i * 1.5 END AS amount FROM generate_series(2401, 2600) AS i', '{id}', 'put');
    step := 'some changed';   counts := format('%s %s %s %s', w.inserted, w.updated, w.deleted, w.unchanged); RETURN NEXT;
    w := dataplat_internal.write_rows(target, 'SELECT i AS id FROM generate_series(2501, 2700) AS i', '{id}', 'remove');
    step := 'some removed';   counts := format('%s %s %s %s', w.inserted, w.updated, w.deleted, w.unchanged); RETURN NEXT;
    w := dataplat_internal.write_rows(target, 'SELECT v.id, v.name, 1::numeric AS amount FROM (VALUES (NULL::int, ''null''), (1, ''one'')) AS v (id, name)', '{id}', 'put');
    step := 'a NULL key';     counts := format('%s %s %s %s', w.inserted, w.updated, w.deleted, w.unchanged); RETURN NEXT;
    w := dataplat_internal.write_rows(target, 'SELECT NULL::int AS id, 2::numeric AS amount, ''null'' AS name', '{id}', 'put');
    step := 'NULL key again'; counts := format('%s %s %s %s', w.inserted, w.updated, w.deleted, w.unchanged); RETURN NEXT;
    step := 'way'; counts := coalesce(w.sql_reason, 'heap'); RETURN NEXT;
    w := dataplat_internal.write_rows(target, 'SELECT 7000 AS id, ''a'' AS name UNION ALL SELECT 7001, ''b''', '{}', 'append');
    step := 'append'; counts := format('%s %s %s %s', w.inserted, w.updated, w.deleted, w.unchanged); RETURN NEXT;
END;
$$;

-- What the target must hold after the story.
CREATE FUNCTION moral(target regclass) RETURNS TABLE (n bigint, ids bigint, amounts numeric, names text)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT count(*), sum(id), sum(amount), string_agg(name, '','' ORDER BY name) FILTER (WHERE id IS NULL OR id IN (1, 2, 2500, 7001)) FROM %s', target);
END;
$$;

-- Columns in another order, a dropped one, one with a default, indexes of all kinds.
CREATE TABLE plain (amount numeric, gone int, name text NOT NULL, note text DEFAULT 'new', id int, CHECK (id IS NULL OR id > 0));
ALTER TABLE plain DROP COLUMN gone;
CREATE UNIQUE INDEX plain_key ON plain (id) NULLS NOT DISTINCT;
CREATE INDEX plain_name ON plain (lower(name)) WHERE amount IS NULL;
CREATE INDEX plain_brin ON plain USING brin (amount);
SELECT * FROM story('plain');
SELECT * FROM moral('plain');
SELECT note, count(*) FROM plain GROUP BY note;
-- the partial index knows what an update made NULL
SET enable_seqscan = off;
SELECT count(*) FROM plain WHERE lower(name) >= 'n24' AND amount IS NULL;
RESET enable_seqscan;

-- Partitions.
CREATE TABLE parted (id int, name text, amount numeric) PARTITION BY RANGE (id);
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (MINVALUE) TO (1000);
CREATE TABLE parted_rest PARTITION OF parted DEFAULT;
SELECT * FROM story('parted');
SELECT * FROM moral('parted');

-- Triggers, identity and generated columns.
CREATE TABLE rich (id int, name text, amount numeric, double numeric GENERATED ALWAYS AS (amount * 2) STORED,
                   serial int GENERATED ALWAYS AS IDENTITY, UNIQUE NULLS NOT DISTINCT (id));
CREATE TABLE seen (op text, n bigint);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO writing.seen VALUES (TG_OP, 1);
    RETURN NULL;
END;
$$;
CREATE TRIGGER see AFTER INSERT OR UPDATE OR DELETE ON rich FOR EACH ROW EXECUTE FUNCTION see();
SELECT * FROM story('rich');
SELECT * FROM moral('rich');
SELECT op, sum(n) FROM seen GROUP BY op ORDER BY op;
SELECT bool_and(double = amount * 2) FROM rich WHERE amount IS NOT NULL;

-- No index on the keys.
CREATE TABLE bare (id int, name text, amount numeric);
SELECT * FROM story('bare') WHERE step IN ('way', 'append', 'NULL key again');
SELECT * FROM moral('bare');

-- Two rows for one key: new ones, both unchanged, far apart, one to remove, NULLs; by SQL too.
CREATE TABLE twice (a int, b text, c int);
CREATE UNIQUE INDEX twice_key ON twice (b, a) NULLS NOT DISTINCT;
INSERT INTO twice VALUES (1, 'x', 1);
\set VERBOSITY default
SELECT dataplat_internal.write_rows('twice', $$SELECT 'y' AS b, 3 AS a, 1 AS c UNION ALL SELECT 'z', 3, 1$$, '{}', 'append');
SELECT dataplat_internal.write_rows('twice', $$SELECT 2 AS a, 'q' AS b, i AS c FROM generate_series(1, 2) AS i$$, '{a,b}', 'put');
SELECT dataplat_internal.write_rows('twice', $$SELECT 1 AS a, 'x' AS b, 1 AS c FROM generate_series(1, 2) AS i$$, '{a,b}', 'put');
SELECT dataplat_internal.write_rows('twice', $$SELECT 1 AS a, 'x' AS b, i AS c FROM generate_series(2, 3) AS i$$, '{a,b}', 'put');
SELECT dataplat_internal.write_rows('twice', $$SELECT i % 2000 AS a, 'far' AS b, i AS c FROM generate_series(1, 2001) AS i$$, '{a,b}', 'put');
SELECT dataplat_internal.write_rows('twice', $$SELECT NULL::int AS a, NULL AS b, i AS c FROM generate_series(2, 3) AS i$$, '{a,b}', 'put');
SELECT dataplat_internal.write_rows('bare', $$SELECT 1 AS id, 'x' AS name FROM generate_series(2, 3) AS i$$, '{id}', 'put');
SELECT * FROM twice ORDER BY a, b;

-- What does not fit is said column by column.
SELECT dataplat_internal.write_rows('plain', $$SELECT 1 AS id, point(1, 2) AS amount, 'x' AS name, 2 AS nothing$$, '{id}', 'put');
SELECT dataplat_internal.write_rows('plain', $$SELECT 1 AS id, 'x' AS name, 2 AS nothing$$, '{id}', 'put');
SELECT dataplat_internal.write_rows('plain', $$SELECT 1 AS id, point(1, 2) AS name, now() AS amount$$, '{id}', 'put');
SELECT dataplat_internal.write_rows('plain', $$SELECT 1 AS id$$, '{id}', 'append');
CREATE TABLE points (p point, n int);
SELECT dataplat_internal.write_rows('points', $$SELECT point(1, 2) AS p, 1 AS n$$, '{p}', 'put');
CREATE VIEW view AS SELECT 1 AS id;
SELECT dataplat_internal.write_rows('view', $$SELECT 1 AS id$$, '{id}', 'put');
\set VERBOSITY terse

-- Constraints hold, and assignment casts do what INSERT does.
SELECT dataplat_internal.write_rows('plain', $$SELECT -1 AS id, 'x' AS name$$, '{id}', 'put');
SELECT dataplat_internal.write_rows('plain', $$SELECT 1 AS id, NULL AS name$$, '{id}', 'put');
CREATE DOMAIN small AS int CHECK (value < 100);
CREATE TABLE narrow (id int PRIMARY KEY, short varchar(3), money numeric(6, 2), d small);
SELECT dataplat_internal.write_rows('narrow', $$SELECT 1::bigint AS id, 'abc' AS short, 1.239 AS money, 99 AS d$$, '{id}', 'put');
SELECT * FROM narrow;
SELECT dataplat_internal.write_rows('narrow', $$SELECT 1::bigint AS id, 'abcd' AS short$$, '{id}', 'put');
SELECT dataplat_internal.write_rows('narrow', $$SELECT 1::bigint AS id, 100 AS d$$, '{id}', 'put');
SELECT dataplat_internal.write_rows('narrow', $$SELECT 5000000000 AS id$$, '{id}', 'put');

-- A column that the rows do not have keeps its value; so does a long one, where it lies.
CREATE TABLE wide (id int PRIMARY KEY, long text, n int);
ALTER TABLE wide ALTER long SET STORAGE EXTERNAL;
INSERT INTO wide SELECT 1, string_agg(md5(i::text), ''), 1 FROM generate_series(1, 1000) AS i;
SELECT dataplat_internal.write_rows('wide', $$SELECT 1 AS id, 2 AS n$$, '{id}', 'put');
SELECT dataplat_internal.write_rows('wide', $$SELECT id, long, n FROM writing.wide$$, '{id}', 'put');
SELECT dataplat_internal.write_rows('wide', $$SELECT id, long || 'x' AS long, n FROM writing.wide UNION ALL SELECT 2, repeat('y', 40000), 5$$, '{id}', 'put');
SELECT id, length(long), md5(long), n FROM wide ORDER BY id;

-- Updates that no index covers stay on their page.
CREATE TABLE hot (id int PRIMARY KEY, n int) WITH (fillfactor = 50);
SELECT dataplat_internal.write_rows('hot', $$SELECT i AS id, 0 AS n FROM generate_series(1, 1000) AS i$$, '{id}', 'put');
SELECT dataplat_internal.write_rows('hot', $$SELECT i AS id, 1 AS n FROM generate_series(1, 1000) AS i$$, '{id}', 'put');
SELECT pg_stat_get_xact_tuples_hot_updated('hot'::regclass) IS NOT NULL AS known,
       pg_relation_size('hot') / 8192 <= 12 AS small FROM hot LIMIT 1;

-- Types whose equality is not that of their bytes, and types without any.
CREATE TABLE odd (id numeric PRIMARY KEY, doc json, f float8, p point);
SELECT dataplat_internal.write_rows('odd', $$SELECT 1.0 AS id, '{"a":1}'::json AS doc, 0::float8 AS f, point(1,1) AS p$$, '{id}', 'put');
SELECT dataplat_internal.write_rows('odd', $$SELECT 1.0 AS id, '{"a":1}'::json AS doc, 0::float8 AS f, point(1,1) AS p$$, '{id}', 'put');
SELECT dataplat_internal.write_rows('odd', $$SELECT 1.00 AS id, '{"a": 1}'::json AS doc, '-0'::float8 AS f, point(1,1) AS p$$, '{id}', 'put');
SELECT * FROM odd;

-- Rights of the caller, and row security.
CREATE ROLE regress_writer;
GRANT USAGE ON SCHEMA writing TO regress_writer;
GRANT USAGE ON SCHEMA dataplat_internal TO regress_writer;
GRANT EXECUTE ON FUNCTION dataplat_internal.write_rows(regclass, text, text[], text) TO regress_writer;
GRANT SELECT, INSERT ON hot TO regress_writer;
SET ROLE regress_writer;
SELECT dataplat_internal.write_rows('hot', $$SELECT 1 AS id, 0 AS n$$, '{id}', 'put');
RESET ROLE;
GRANT UPDATE, DELETE ON hot TO regress_writer;
ALTER TABLE hot ENABLE ROW LEVEL SECURITY;
SET ROLE regress_writer;
SELECT dataplat_internal.write_rows('hot', $$SELECT 1 AS id, 0 AS n$$, '{id}', 'put');
RESET ROLE;
SELECT dataplat_internal.write_rows('hot', $$SELECT 1 AS id, 0 AS n$$, '{id}', 'put');
SELECT dataplat_internal.write_rows('pg_catalog.pg_class', $$SELECT 1::oid AS oid$$, '{oid}', 'remove');

\set VERBOSITY default
REVOKE USAGE ON SCHEMA dataplat_internal FROM regress_writer;
REVOKE EXECUTE ON FUNCTION dataplat_internal.write_rows(regclass, text, text[], text) FROM regress_writer;
SET client_min_messages = warning;
DROP SCHEMA writing CASCADE;
DROP ROLE regress_writer;
