-- Where the columns of statements come from: a case for each construct that a
-- naive reader of the tree gets wrong.
SET client_min_messages = warning;
CREATE SCHEMA lc;
SET search_path = lc, public;
CREATE TABLE a (id integer PRIMARY KEY, gone integer, x integer, y text, z numeric, d date);
ALTER TABLE a DROP COLUMN gone;
CREATE TABLE b (id integer, w integer, s varchar(10), doc xml, tags text[]);
CREATE TABLE t (id integer PRIMARY KEY, n integer, label text, twice integer GENERATED ALWAYS AS (n * 2) STORED);
CREATE VIEW v AS SELECT a.id, a.x + b.w AS q, b.s FROM a JOIN b USING (id) WHERE a.y <> '';
CREATE VIEW vv WITH (security_barrier) AS SELECT id, q AS qq FROM v WHERE s IS NOT NULL;
CREATE VIEW plain AS SELECT id, n, label FROM t;
CREATE FUNCTION opaque(integer) RETURNS TABLE (p integer, r text) LANGUAGE sql AS 'SELECT 1, ''x''';

CREATE FUNCTION pg_temp.flows(sql text, through_views boolean DEFAULT true) RETURNS SETOF text
LANGUAGE sql AS $$
    SELECT concat_ws(' ', CASE WHEN statement > 1 THEN statement || ':' END, target_relation || ':',
                     COALESCE(output_column, '*'), '<-', source_relation || COALESCE('.' || source_column, ''), subtype,
                     CASE WHEN type <> CASE WHEN subtype IN ('IDENTITY', 'TRANSFORMATION', 'AGGREGATION') THEN 'DIRECT' ELSE 'INDIRECT' END
                          THEN type END,
                     CASE WHEN masking THEN 'masked' END)
      FROM dataplat.column_lineage($1, $2)
$$;
\pset tuples_only on

-- Steps: a cast that nobody wrote changes nothing, one that is written does.
SELECT pg_temp.flows('SELECT id, x + 1 AS p, y::varchar AS relabelled, x::text AS cast_, y COLLATE "C" AS c, 1 AS one FROM a');
SELECT pg_temp.flows('INSERT INTO t (id, n, label) SELECT id, z, d FROM (SELECT x AS id, w AS z, s AS d FROM a JOIN b ON a.id = b.id) AS q');
SELECT pg_temp.flows('SELECT md5(y) AS h, upper(md5(y)) AS u, count(y) AS c, count(*) AS n FROM a GROUP BY y');

-- What decides which value it will be.
SELECT pg_temp.flows('SELECT CASE WHEN x > 1 THEN y ELSE d::text END AS c, CASE id WHEN 1 THEN z END AS s, COALESCE(y, d::text) AS o, NULLIF(x, id) AS n FROM a');
SELECT pg_temp.flows('SELECT sum(z) FILTER (WHERE y = ''k'') AS f, string_agg(y, '','' ORDER BY d) AS l, percentile_cont(0.5) WITHIN GROUP (ORDER BY x) AS m FROM a');
SELECT pg_temp.flows('SELECT sum(z) OVER w AS s, row_number() OVER (ORDER BY d) AS r, count(*) OVER w AS c FROM a WINDOW w AS (PARTITION BY y ORDER BY x)');

-- What decides about the rows.
SELECT pg_temp.flows('SELECT 1 AS one FROM a, b WHERE a.id = b.id AND x > 3');
SELECT pg_temp.flows('SELECT y FROM a GROUP BY y, x HAVING max(z) > 1 ORDER BY min(d)');
SELECT pg_temp.flows('SELECT y, x, grouping(y) AS g FROM a GROUP BY GROUPING SETS ((y), (x), ())');
SELECT pg_temp.flows('SELECT DISTINCT y FROM a');
SELECT pg_temp.flows('SELECT DISTINCT ON (x) y FROM a ORDER BY x, d');
SELECT pg_temp.flows('SELECT y FROM a LIMIT (SELECT max(w) FROM b) OFFSET (SELECT count(*) FROM t)');
SELECT pg_temp.flows('SELECT y FROM a TABLESAMPLE bernoulli ((SELECT 5)) REPEATABLE (1)');

-- Subqueries in expressions, and columns of queries further out.
SELECT pg_temp.flows('SELECT y FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.id = a.id AND w > 3)');
SELECT pg_temp.flows('SELECT y FROM a WHERE EXISTS (SELECT FROM b)');
SELECT pg_temp.flows('SELECT y FROM a WHERE x IN (SELECT w FROM b WHERE s = ''k'')');
SELECT pg_temp.flows('SELECT (SELECT max(w) FROM b WHERE b.id = a.id) AS m, ARRAY(SELECT s FROM b) AS l, x = ANY (SELECT w FROM b) AS k FROM a');
SELECT pg_temp.flows('SELECT (SELECT (SELECT a.x + b.w) FROM b) AS deep FROM a');
SELECT pg_temp.flows('SELECT q.m FROM a, LATERAL (SELECT a.x + w AS m FROM b WHERE b.id = a.id) AS q');

-- Joins.
SELECT pg_temp.flows('SELECT id, j.x FROM (a JOIN b USING (id)) AS j');
SELECT pg_temp.flows('SELECT id FROM a FULL JOIN b USING (id)');
SELECT pg_temp.flows('SELECT id FROM a LEFT JOIN b USING (id)');
SELECT pg_temp.flows('SELECT * FROM a NATURAL JOIN t');

-- WITH items, however often they are used; recursive ones by all columns that turn up in turn.
SELECT pg_temp.flows('WITH p AS (SELECT x AS k FROM a), q AS (SELECT k + 1 AS k FROM p) SELECT q.k, p.k AS l FROM p, q');
SELECT pg_temp.flows('WITH RECURSIVE r (n, m, o) AS (SELECT id, x, y FROM a UNION ALL SELECT m, n, o || s FROM r JOIN b ON b.id = r.n) SELECT n, o FROM r');
SELECT pg_temp.flows('WITH RECURSIVE r (n) AS (SELECT id FROM a UNION ALL SELECT n + 1 FROM r) SEARCH DEPTH FIRST BY n SET o SELECT n, o IS NULL AS s FROM r');
SELECT count(*) FROM dataplat.column_lineage(
    (SELECT 'WITH c0 AS (SELECT x AS k FROM lc.a)' || string_agg(format(', c%s AS (SELECT p.k + q.k AS k FROM c%s AS p, c%s AS q)', i, i - 1, i - 1), '' ORDER BY i)
            || ' SELECT k FROM c60' FROM generate_series(1, 60) AS i));

-- Set operations, by place.
SELECT pg_temp.flows('SELECT x, y FROM a UNION ALL SELECT w, s FROM b ORDER BY 1');
SELECT pg_temp.flows('SELECT x FROM a UNION SELECT w FROM b');
SELECT pg_temp.flows('SELECT x FROM a EXCEPT ALL SELECT w FROM b');
SELECT pg_temp.flows('SELECT x FROM a INTERSECT SELECT w FROM b');

-- Rows, fields, system columns.
SELECT pg_temp.flows('SELECT a, (a).y AS f, row_to_json(b.*) AS j, (ROW(x, y)).f2 AS g FROM a, b');
SELECT pg_temp.flows('SELECT q AS whole FROM (SELECT x, y FROM a) AS q');
SELECT pg_temp.flows('SELECT ctid, tableoid FROM a');

-- What is no table: VALUES, functions, XMLTABLE.
SELECT pg_temp.flows('SELECT column1, column2 FROM a, LATERAL (VALUES (x, y), (id, ''k'')) AS l');
SELECT pg_temp.flows('SELECT f, n, ordinality FROM b, ROWS FROM (unnest(tags), generate_series(1, w)) WITH ORDINALITY AS u (f, n)');
SELECT pg_temp.flows('SELECT p, r FROM a, opaque(x)');
SELECT pg_temp.flows($$SELECT e.* FROM b, XMLTABLE('/r/e' PASSING doc COLUMNS k integer PATH '@k' DEFAULT w, o FOR ORDINALITY) AS e$$);
SELECT pg_temp.flows('SELECT generate_series(1, x) AS g, opaque(id) AS o FROM a');

-- Views: down to the tables, or as sources of their own.
SELECT pg_temp.flows('SELECT id, qq FROM vv WHERE qq > 3');
SELECT pg_temp.flows('SELECT id, qq FROM vv WHERE qq > 3', false);
SELECT pg_temp.flows('SELECT vv FROM vv');
SELECT pg_temp.flows('SELECT vv FROM vv', false);
SELECT pg_temp.flows('SELECT count(*) FROM vv', false);

-- What is written.
SELECT pg_temp.flows('INSERT INTO t (id, n) SELECT id, x FROM a WHERE z > 0');
SELECT pg_temp.flows('INSERT INTO t VALUES (1, 2, ''l'')');
SELECT pg_temp.flows('INSERT INTO t (id, n) SELECT id, n FROM t');
SELECT pg_temp.flows('INSERT INTO t AS o (id, n, label) SELECT id, x, y FROM a ON CONFLICT (id) DO UPDATE SET n = o.n + excluded.n, label = (SELECT max(s) FROM b) WHERE o.label <> excluded.label');
SELECT pg_temp.flows('UPDATE a SET z = x, d = ''2026-01-01''');
SELECT pg_temp.flows('UPDATE t SET n = a.x FROM a WHERE a.id = t.id');
SELECT pg_temp.flows('UPDATE t SET (n, label) = (SELECT w, s FROM b WHERE b.id = t.id)');
SELECT pg_temp.flows('DELETE FROM t USING b WHERE b.id = t.id AND w > 1');
SELECT pg_temp.flows('MERGE INTO t USING a ON a.id = t.id WHEN MATCHED AND a.z > 1 THEN UPDATE SET n = t.n + a.x WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id, label) VALUES (a.id, a.y)');
SELECT pg_temp.flows('INSERT INTO t (id) SELECT id FROM a RETURNING id, n');
SELECT pg_temp.flows('WITH moved AS (DELETE FROM b WHERE w > 1 RETURNING id, w), unread AS (UPDATE a SET x = 1 WHERE z = 1) INSERT INTO t (id, n) SELECT id, w FROM moved');
SELECT pg_temp.flows('INSERT INTO plain (id, label) SELECT id, y FROM a');
SELECT pg_temp.flows('INSERT INTO plain (id, label) SELECT id, y FROM a', false);

-- Rules make one statement several.
CREATE TABLE logged (id integer, y text);
CREATE RULE also AS ON INSERT TO logged DO ALSO INSERT INTO t (id, label) VALUES (NEW.id, NEW.y);
SELECT pg_temp.flows('INSERT INTO logged SELECT id, y FROM a');

-- Statements that hold a query.
SELECT pg_temp.flows('CREATE TABLE made AS SELECT 1');
SELECT pg_temp.flows('CREATE TABLE made (k, l) AS SELECT x, y FROM a');
SELECT pg_temp.flows('CREATE TEMP TABLE made AS SELECT qq FROM vv');
SELECT pg_temp.flows('SELECT x INTO made FROM a');
SELECT pg_temp.flows('CREATE VIEW made (k) AS SELECT x FROM a');
CREATE MATERIALIZED VIEW mv AS SELECT x, count(*) AS n FROM a GROUP BY x;
SELECT pg_temp.flows('REFRESH MATERIALIZED VIEW mv');
SELECT pg_temp.flows('SELECT n FROM mv');
SELECT pg_temp.flows('COPY t (id, n) FROM ''/tmp/t.csv''');
SELECT pg_temp.flows('COPY t FROM STDIN');
SELECT pg_temp.flows('COPY a (x, y) TO PROGRAM ''gzip''');
SELECT pg_temp.flows('COPY (SELECT x + 1 AS k FROM a) TO ''/tmp/a.csv''');
SELECT pg_temp.flows('DECLARE c CURSOR FOR SELECT x FROM a');
SELECT pg_temp.flows('EXPLAIN SELECT x FROM a');
PREPARE p (integer) AS SELECT x FROM a WHERE id = $1;
SELECT pg_temp.flows('EXECUTE p (1)');
SELECT pg_temp.flows('CREATE TABLE made AS EXECUTE p (1)');

-- Temporary tables, parameters, several statements, nothing.
CREATE TEMP TABLE tmp (k integer);
SELECT pg_temp.flows('SELECT k + $1 AS p FROM tmp WHERE k = $2');
SELECT pg_temp.flows('SELECT x FROM a; VACUUM; SELECT w FROM b; INSERT INTO t (id) SELECT x FROM a');
SELECT pg_temp.flows('');
SELECT pg_temp.flows('TRUNCATE a');
SELECT count(*) FROM t;

-- Policies are conditions; rights are asked as if it were run.
CREATE ROLE lc_reader;
GRANT USAGE ON SCHEMA lc TO lc_reader;
GRANT USAGE ON SCHEMA dataplat TO lc_reader;
GRANT EXECUTE ON FUNCTION dataplat.column_lineage(text, boolean) TO lc_reader;
GRANT SELECT ON v, b TO lc_reader;
GRANT SELECT (id, x) ON a TO lc_reader;
ALTER TABLE b ENABLE ROW LEVEL SECURITY;
CREATE POLICY positive ON b USING (w > 0);
SET ROLE lc_reader;
SELECT subtype, source_relation, source_column FROM dataplat.column_lineage('SELECT s FROM lc.b');
SELECT count(*) FROM dataplat.column_lineage('SELECT q FROM lc.v');
SELECT count(*) FROM dataplat.column_lineage('SELECT x FROM lc.a');
SELECT * FROM dataplat.column_lineage('SELECT y FROM lc.a');
SELECT * FROM dataplat.column_lineage('SELECT 1 WHERE EXISTS (SELECT FROM lc.t)');
SELECT * FROM dataplat.column_lineage('DELETE FROM lc.b');
SELECT * FROM dataplat.column_lineage('REFRESH MATERIALIZED VIEW lc.mv');
SELECT * FROM dataplat_internal.statement_lineage('SELECT 1', 'lc');
RESET ROLE;

-- Errors are the parser's, with the place.
SELECT * FROM dataplat.column_lineage('SELECT x FRM a');
SELECT * FROM dataplat.column_lineage('SELECT nope FROM a');
SELECT * FROM dataplat.column_lineage('SELECT x FROM nowhere');

-- For other rooms: a search_path of its own.
SET search_path = public;
SELECT output_column, source_relation, source_column FROM dataplat_internal.statement_lineage('SELECT x FROM a', 'lc');
SHOW search_path;

\pset tuples_only off
SET client_min_messages = warning;
DROP SCHEMA lc CASCADE;
DROP OWNED BY lc_reader;
DROP ROLE lc_reader;
DROP TABLE pg_temp.tmp;
DEALLOCATE p;
DROP FUNCTION pg_temp.flows;
