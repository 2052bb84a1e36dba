-- Walks over random graphs against a plain recursive query, and over graphs in which paths are many.
SET client_min_messages = warning;
SELECT setseed(0.1407);

-- 6 graphs of up to 11 nodes: cycles, diamonds, self loops, edges of whole datasets and INDIRECT ones
CREATE TEMP TABLE edge AS
SELECT g, 'lr' || g || '/n' || (random() * (4 + g % 10))::int AS output_node, 'lr' || g || '/n' || (random() * (4 + g % 10))::int AS input_node,
       CASE WHEN random() < 0.85 THEN 'c' || (random() * 2)::int END AS output_column, CASE WHEN random() < 0.85 THEN 'c' || (random() * 2)::int END AS input_column,
       CASE WHEN random() < 0.7 THEN 'DIRECT' ELSE 'INDIRECT' END AS type
  FROM generate_series(1, 6) AS g, generate_series(1, 10 + g) AS e;
INSERT INTO dataplat_internal.lineage_edge (origin, job, output_node, output_column, input_node, input_column, type, subtype)
SELECT 'observed', 'query:lr' || g, output_node, output_column, input_node, input_column, type, 'FILTER' FROM edge;

CREATE FUNCTION pg_temp.name_of(dataset text, field text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT dataset || coalesce('.' || field, '') $$;

-- every way of up to 20 steps, by sets of (node, depth)
CREATE FUNCTION pg_temp.expected(up boolean, start_dataset text, start_field text) RETURNS TABLE (node text, depth int, type text) LANGUAGE sql AS $$
    WITH RECURSIVE step AS (
        SELECT CASE WHEN up THEN output_node ELSE input_node END AS from_node, CASE WHEN up THEN output_column ELSE input_column END AS from_column,
               CASE WHEN up THEN input_node ELSE output_node END AS to_node, CASE WHEN up THEN input_column ELSE output_column END AS to_column,
               output_column, type FROM edge),
    walk (dataset, field, depth, direct) AS (
        SELECT start_dataset, start_field, 0, true
        UNION
        SELECT s.to_node, CASE WHEN start_field IS NOT NULL THEN s.to_column END, w.depth + 1, w.direct AND s.type = 'DIRECT'
          FROM walk AS w JOIN step AS s ON s.from_node = w.dataset
         WHERE w.depth < 20
           AND (w.field IS NULL OR s.from_column = w.field
                OR (s.from_column IS NULL AND (up OR (s.output_column IS NULL AND s.type = 'DIRECT')))))
    SELECT pg_temp.name_of(w.dataset, w.field),
           coalesce(min(w.depth) FILTER (WHERE w.direct), min(w.depth)), CASE WHEN bool_or(w.direct) THEN 'DIRECT' ELSE 'INDIRECT' END
      FROM walk AS w
     GROUP BY 1 HAVING pg_temp.name_of(w.dataset, w.field) <> pg_temp.name_of(start_dataset, start_field) $$;

CREATE TEMP TABLE start AS
SELECT DISTINCT g, dataset, field FROM (
    SELECT g, output_node, NULL FROM edge UNION SELECT g, input_node, NULL FROM edge
    UNION SELECT g, output_node, output_column FROM edge WHERE output_column IS NOT NULL
    UNION SELECT g, input_node, input_column FROM edge WHERE input_column IS NOT NULL) AS n (g, dataset, field);

SELECT d.up, count(DISTINCT (s.dataset, s.field)) > 50 AS many_starts, count(*) > 200 AS many_nodes,
       count(*) FILTER (WHERE x.node IS NULL) AS not_found, count(*) FILTER (WHERE a.node IS NULL) AS invented,
       count(*) FILTER (WHERE x.depth <> a.depth) AS other_depth, count(*) FILTER (WHERE x.type <> a.type) AS other_type
  FROM start AS s CROSS JOIN (VALUES (true), (false)) AS d (up)
 CROSS JOIN LATERAL (
       SELECT e.node AS expected, e.depth AS expected_depth, e.type AS expected_type, w.node, w.depth, w.type
         FROM pg_temp.expected(d.up, s.dataset, s.field) AS e
         FULL JOIN (SELECT u.* FROM dataplat.upstream(pg_temp.name_of(s.dataset, s.field), depth => 100) AS u WHERE d.up
                    UNION ALL SELECT u.* FROM dataplat.downstream(pg_temp.name_of(s.dataset, s.field), depth => 100) AS u WHERE NOT d.up) AS w ON w.node = e.node) AS both_ways
 CROSS JOIN LATERAL (SELECT both_ways.expected AS node, both_ways.expected_depth AS depth, both_ways.expected_type AS type) AS a
 CROSS JOIN LATERAL (SELECT both_ways.node, both_ways.depth, both_ways.type) AS x
 GROUP BY d.up ORDER BY d.up;

-- each path is a way along edges, as long as it says
SELECT count(*) > 50 AS many, count(*) FILTER (WHERE cardinality(u.path) <> u.depth + 1 OR u.path[1] <> s.dataset OR u.path[cardinality(u.path)] <> u.node
           OR EXISTS (SELECT FROM generate_series(1, u.depth) AS i
                       WHERE NOT EXISTS (SELECT FROM edge AS e WHERE e.output_node = u.path[i] AND e.input_node = u.path[i + 1]))) AS wrong
  FROM start AS s CROSS JOIN LATERAL dataplat.upstream(s.dataset) AS u WHERE s.field IS NULL AND s.g < 20;

-- datasets on a cycle are those that can be reached from themselves
WITH RECURSIVE reach (origin, node) AS (
    SELECT e.input_node, e.output_node FROM edge AS e UNION SELECT r.origin, e.output_node FROM reach AS r JOIN edge AS e ON e.input_node = r.node),
expected AS (SELECT DISTINCT r.origin AS node FROM reach AS r WHERE r.origin = r.node),
actual AS (SELECT unnest(c.nodes) AS node FROM dataplat.lineage_cycles() AS c)
SELECT count(e.node) > 10 AS many, count(*) FILTER (WHERE a.node IS NULL) AS not_found, count(*) FILTER (WHERE e.node IS NULL) AS invented,
       (SELECT count(*) - count(DISTINCT n) FROM dataplat.lineage_cycles() AS c, unnest(c.nodes) AS n) AS twice
  FROM expected AS e FULL JOIN (SELECT * FROM actual WHERE node LIKE 'lr%') AS a ON a.node = e.node;

-- 10,000 edges: 4 ** 624 paths, each node once
INSERT INTO dataplat_internal.lineage_edge (origin, job, output_node, input_node, type, subtype)
SELECT 'observed', 'query:lrdeep', 'lrdeep/' || l || '_' || a, 'lrdeep/' || l + 1 || '_' || b, 'DIRECT', 'IDENTITY'
  FROM generate_series(1, 625) AS l, generate_series(1, 4) AS a, generate_series(1, 4) AS b;
SELECT count(*), max(depth) FROM dataplat.upstream('lrdeep/1_1');
SELECT count(*), max(depth) FROM dataplat.upstream('lrdeep/1_1', depth => 100);
SELECT count(*) FROM dataplat.lineage_cycles() WHERE nodes[1] LIKE 'lrdeep%';

DELETE FROM dataplat_internal.lineage_edge WHERE job LIKE 'query:lr%';
