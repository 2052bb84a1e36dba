/*
 * lineage: questions to the graph.
 *
 * A walk goes level by level, all nodes of a level in one statement, and
 * never enters a node twice: cycles end, and diamonds cost no more than their
 * edges.  The path of a node is a shortest one, the first by its spelling.
 */

-- ---------------------------------------------------------------- nodes

CREATE OR REPLACE FUNCTION dataplat_internal.is_lineage_label(node text)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT regexp_replace(node, '"([^"]|"")*"', '', 'g') ~ '^[a-z][a-z0-9_]*:|/'; $$;
COMMENT ON FUNCTION dataplat_internal.is_lineage_label(text) IS 'is a node something else than the name of a table or a column: kafka://…, exposure:…, namespace/name?';

-- A node as edges spell it.
CREATE OR REPLACE FUNCTION dataplat_internal.split_lineage_node(node text, OUT dataset text, OUT field text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts text[];
BEGIN
    IF dataplat_internal.is_lineage_label(node) THEN
        -- its name may have dots, too: a column is what an edge knows as one
        IF NOT EXISTS (SELECT FROM dataplat_internal.lineage_edge AS x WHERE x.output_node = node)
           AND NOT EXISTS (SELECT FROM dataplat_internal.lineage_edge AS x WHERE x.input_node = node) THEN
            SELECT k.dataset, k.field INTO dataset, field
              FROM regexp_matches(node, '\.', 'g') WITH ORDINALITY AS m (hit, nth)
             CROSS JOIN LATERAL (SELECT array_to_string((string_to_array(node, '.'))[:m.nth], '.') AS dataset, array_to_string((string_to_array(node, '.'))[m.nth + 1:], '.') AS rest) AS t
             CROSS JOIN LATERAL (
                   SELECT e.output_node, e.output_column FROM dataplat_internal.lineage_edge AS e WHERE e.output_node = t.dataset AND quote_ident(e.output_column) = t.rest
                   UNION ALL
                   SELECT e.input_node, e.input_column FROM dataplat_internal.lineage_edge AS e WHERE e.input_node = t.dataset AND quote_ident(e.input_column) = t.rest) AS k (dataset, field)
             LIMIT 1;
        END IF;
    ELSE
        parts := parse_ident(node);
        IF cardinality(parts) = 3 THEN
            dataset := format('%I.%I', parts[1], parts[2]);
            field := parts[3];
        END IF;
    END IF;
    dataset := coalesce(dataset, node);
EXCEPTION WHEN invalid_parameter_value THEN
    dataset := node;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.split_lineage_node(text) IS 'dataset and column of a node of lineage';

CREATE OR REPLACE FUNCTION dataplat_internal.lineage_node_name(dataset text, field text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataset || coalesce('.' || quote_ident(field), ''); $$;
COMMENT ON FUNCTION dataplat_internal.lineage_node_name(text, text) IS 'spelling of a node of lineage';

CREATE OR REPLACE FUNCTION dataplat_internal.lineage_node_kind(dataset text, field text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kind "char";
BEGIN
    IF field IS NOT NULL THEN
        RETURN 'column';
    ELSIF dataset LIKE 'kafka://%' THEN
        RETURN 'topic';
    ELSIF dataplat_internal.is_lineage_label(dataset) THEN
        RETURN CASE WHEN dataset ~ '^[a-z][a-z0-9_]*:' AND dataset NOT LIKE '%://%' THEN split_part(dataset, ':', 1) ELSE 'dataset' END;
    END IF;
    SELECT c.relkind INTO kind FROM pg_class AS c WHERE c.oid = to_regclass(dataset);
    RETURN CASE kind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                     WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence' ELSE 'missing' END;
EXCEPTION WHEN syntax_error OR invalid_parameter_value OR invalid_name OR feature_not_supported THEN
    RETURN 'dataset';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.lineage_node_kind(text, text) IS
    'table, view, materialized view, foreign table, column, topic, exposure, missing (a table that is gone), dataset (of another system)';

-- How much two names have in common: shared pairs of letters, 0 to 1.
CREATE OR REPLACE FUNCTION dataplat_internal.name_likeness(a text, b text)
RETURNS float8
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH x AS (SELECT DISTINCT substr(lower(' ' || a || ' '), i, 2) AS g FROM generate_series(1, length(a) + 1) AS i),
         y AS (SELECT DISTINCT substr(lower(' ' || b || ' '), i, 2) AS g FROM generate_series(1, length(b) + 1) AS i)
    SELECT (SELECT count(*) FROM x JOIN y USING (g)) / greatest((SELECT count(*) FROM (SELECT g FROM x UNION SELECT g FROM y) AS u), 1)::float8;
$$;
COMMENT ON FUNCTION dataplat_internal.name_likeness(text, text) IS 'how alike two names are, 0 to 1';

CREATE OR REPLACE FUNCTION dataplat_internal.near_lineage_nodes(written text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(n.node, ', ' ORDER BY n.likeness DESC, n.node)
      FROM (SELECT k.node, greatest(dataplat_internal.name_likeness(k.node, written),
                                    dataplat_internal.name_likeness(regexp_replace(k.node, '^.*[./:]', ''), written)) AS likeness
              FROM (SELECT e.output_node FROM dataplat_internal.lineage_edge AS e WHERE e.valid_to IS NULL
                    UNION SELECT e.input_node FROM dataplat_internal.lineage_edge AS e WHERE e.valid_to IS NULL
                    UNION SELECT e.job FROM dataplat_internal.lineage_edge AS e WHERE e.valid_to IS NULL
                    UNION SELECT dataplat_internal.lineage_node_name(format('%I.%I', n.nspname, c.relname), a.attname)
                      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                      JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                      JOIN regexp_split_to_array(replace(lower(written), '"', ''), '\.') AS w (parts) ON lower(c.relname) = w.parts[cardinality(w.parts) - 1]
                     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND dataplat_internal.is_lineage_schema(n.nspname)
                    UNION SELECT format('%I.%I', n.nspname, c.relname)
                      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
                       AND dataplat_internal.is_lineage_schema(n.nspname)) AS k (node)
             ORDER BY 2 DESC, 1 LIMIT 3) AS n
     WHERE n.likeness > 0.3;
$$;
COMMENT ON FUNCTION dataplat_internal.near_lineage_nodes(text) IS 'nodes of lineage with a name like this one';

CREATE OR REPLACE FUNCTION dataplat_internal.relation_in_path(written text, path text)
RETURNS oid
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_relation_in_path';
COMMENT ON FUNCTION dataplat_internal.relation_in_path(text, text) IS 'the relation of a name, as somebody finds it who has this search_path; NULL when there is none';
REVOKE ALL ON FUNCTION dataplat_internal.relation_in_path(text, text) FROM PUBLIC;

-- Table or column by the names of SQL; no row when there is none.
CREATE OR REPLACE FUNCTION dataplat_internal.find_lineage_relation(written text, path text, OUT dataset text, OUT field text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts text[];
    n     int;
    split int;
    rel   oid;
BEGIN
    parts := parse_ident(written);
    n := cardinality(parts);
    -- schema.table before table.column
    FOR split IN REVERSE n .. greatest(n - 1, 1) LOOP
        CONTINUE WHEN split > 2;
        SELECT CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid ELSE c.oid END INTO rel FROM pg_class AS c
         WHERE c.oid = dataplat_internal.relation_in_path(
                           (SELECT string_agg(quote_ident(p), '.' ORDER BY i) FROM unnest(parts[:split]) WITH ORDINALITY AS u (p, i)), coalesce(path, ''))
           AND c.relkind IN ('r', 'p', 'v', 'm', 'f');
        CONTINUE WHEN rel IS NULL OR (split < n AND NOT EXISTS (
            SELECT FROM pg_attribute AS a WHERE a.attrelid = rel AND a.attname = parts[n] AND NOT a.attisdropped));
        SELECT format('%I.%I', s.nspname, c.relname) INTO dataset FROM pg_class AS c JOIN pg_namespace AS s ON s.oid = c.relnamespace WHERE c.oid = rel;
        field := CASE WHEN split < n THEN parts[n] END;
        RETURN;
    END LOOP;
    -- what is gone but not forgotten
    SELECT k.dataset, k.field INTO dataset, field
      FROM (SELECT e.output_node, e.output_column FROM dataplat_internal.lineage_edge AS e
            UNION ALL SELECT e.input_node, e.input_column FROM dataplat_internal.lineage_edge AS e) AS k (dataset, field)
     WHERE (n = 2 AND k.dataset = format('%I.%I', parts[1], parts[2]))
        OR (n = 3 AND k.dataset = format('%I.%I', parts[1], parts[2]) AND k.field = parts[3])
     LIMIT 1;
    field := CASE WHEN n = 3 THEN field END;
EXCEPTION WHEN invalid_parameter_value THEN
    NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.find_lineage_relation(text, text) IS 'the table or column that somebody wrote, schema-qualified';

-- Whatever somebody wrote, as the beginning of a walk.  A job has no dataset.
CREATE OR REPLACE FUNCTION dataplat_internal.lineage_node(written text, path text)
RETURNS dataplat_internal.lineage_step
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s dataplat_internal.lineage_step;
BEGIN
    IF written IS NULL THEN
        RAISE EXCEPTION 'node must not be NULL' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF EXISTS (SELECT FROM dataplat_internal.lineage_edge AS e WHERE e.output_node = written)
       OR EXISTS (SELECT FROM dataplat_internal.lineage_edge AS e WHERE e.input_node = written) THEN
        s.dataset := written;
    ELSIF EXISTS (SELECT FROM dataplat_internal.lineage_edge AS e WHERE e.job = written) THEN
        s.node := written;
    ELSIF dataplat_internal.is_lineage_label(written) THEN
        SELECT n.dataset, n.field INTO s.dataset, s.field FROM dataplat_internal.split_lineage_node(written) AS n WHERE n.field IS NOT NULL;
    ELSE
        SELECT r.dataset, r.field INTO s.dataset, s.field FROM dataplat_internal.find_lineage_relation(written, lineage_node.path) AS r;
    END IF;
    s.node := coalesce(s.node, dataplat_internal.lineage_node_name(s.dataset, s.field));
    IF s.node IS NULL THEN
        RAISE EXCEPTION 'lineage knows no node "%"', written
            USING ERRCODE = 'undefined_object',
                  HINT = coalesce('Near it are: ' || dataplat_internal.near_lineage_nodes(written) || '. ', '')
                         || 'A node is a table, a column (schema.table.column), kafka://server/topic, pipeline:name, source:name or exposure:name.';
    END IF;
    s.depth := 0;
    s.path := ARRAY[s.node];
    s.type := 'DIRECT';
    RETURN s;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.lineage_node(text, text) IS 'the node that somebody wrote, names looked up in a search_path; an error names those that are near';

-- ---------------------------------------------------------------- walking

-- One level: whatever the nodes of "reached" come from (up) or feed.  Columns
-- lead to columns; a filter or a join decides on all columns of its output.
CREATE OR REPLACE FUNCTION dataplat_internal.lineage_level_query(up boolean, direct boolean, history boolean)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format($q$
        SELECT array_agg(n.step) FROM (
            SELECT DISTINCT ON (t.node)
                   ROW(t.node, t.dataset, t.field, t.depth + 1, t.path || t.node, t.job, t.type)::dataplat_internal.lineage_step AS step
              FROM (SELECT CASE WHEN e.field IS NULL THEN e.dataset ELSE e.dataset || '.' || pg_catalog.quote_ident(e.field) END AS node,
                           e.dataset, e.field, e.depth, e.path, e.job, CASE e.before WHEN 'INDIRECT' THEN e.before ELSE e.type END AS type
                      FROM (SELECT x.%2$s_node AS dataset, CASE WHEN $3 THEN x.%2$s_column END AS field, r.depth, r.path, x.job, r.type AS before, x.type
                              FROM pg_catalog.unnest($1) AS r JOIN dataplat_internal.lineage_edge AS x ON x.%1$s_node = r.dataset
                             WHERE r.field IS NULL %3$s
                            UNION ALL
                            SELECT x.%2$s_node, x.%2$s_column, r.depth, r.path, x.job, r.type, x.type
                              FROM pg_catalog.unnest($1) AS r JOIN dataplat_internal.lineage_edge AS x ON x.%1$s_node = r.dataset AND x.%1$s_column = r.field
                             WHERE r.field IS NOT NULL %3$s
                            UNION ALL
                            SELECT x.%2$s_node, x.%2$s_column, r.depth, r.path, x.job, r.type, x.type
                              FROM pg_catalog.unnest($1) AS r JOIN dataplat_internal.lineage_edge AS x ON x.%1$s_node = r.dataset AND x.%1$s_column IS NULL
                             WHERE r.field IS NOT NULL %4$s %3$s) AS e) AS t
              LEFT JOIN pg_catalog.unnest($2) AS v (node) ON v.node = t.node
             WHERE v.node IS NULL
             ORDER BY t.node, t.type, t.path, t.job) AS n $q$,
        CASE WHEN up THEN 'output' ELSE 'input' END, CASE WHEN up THEN 'input' ELSE 'output' END,
        CASE WHEN history THEN 'AND x.valid_from <= $4 AND (x.valid_to IS NULL OR x.valid_to > $4)' ELSE 'AND x.valid_to IS NULL' END
            || CASE WHEN direct THEN ' AND x.type = ''DIRECT''' ELSE '' END,
        -- count(*) is not of any column; of what is only known as a whole, as functions are, each column is a part
        CASE WHEN up THEN '' ELSE 'AND ((x.output_column IS NULL AND x.type = ''DIRECT'') OR r.dataset LIKE ''function:%'')' END);
$$;
COMMENT ON FUNCTION dataplat_internal.lineage_level_query(boolean, boolean, boolean) IS
    'statement for one level of a walk: $1 steps reached, $2 nodes seen, $3 by column, $4 as of';

CREATE OR REPLACE FUNCTION dataplat_internal.walk_lineage(reached dataplat_internal.lineage_step[], up boolean, direct boolean, by_column boolean,
    depth int, as_of timestamptz)
RETURNS SETOF dataplat_internal.lineage_step
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    seen        text[] := ARRAY(SELECT r.node FROM unnest(reached) AS r);
    level_query text := dataplat_internal.lineage_level_query(up, direct, as_of IS NOT NULL);
    level       int := coalesce((SELECT max(r.depth) FROM unnest(reached) AS r), 0);
BEGIN
    WHILE level < walk_lineage.depth LOOP
        EXECUTE level_query INTO reached USING reached, seen, by_column, as_of;
        EXIT WHEN reached IS NULL;
        RETURN QUERY SELECT r.* FROM unnest(reached) AS r;
        seen := seen || ARRAY(SELECT r.node FROM unnest(reached) AS r);
        level := level + 1;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.walk_lineage(dataplat_internal.lineage_step[], boolean, boolean, boolean, int, timestamptz) IS
    'the nodes above or below those that were reached, each once';

-- All that can be reached; what can be reached by DIRECT edges alone counts as that.
CREATE OR REPLACE FUNCTION dataplat_internal.trace_lineage(node text, up boolean, depth int, as_of timestamptz, path text)
RETURNS SETOF dataplat_internal.lineage_step
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    start  dataplat_internal.lineage_step;
    starts dataplat_internal.lineage_step[];
BEGIN
    IF depth IS NULL OR depth < 1 THEN
        RAISE EXCEPTION 'depth must be at least 1' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM dataplat_internal.freshen_lineage();
    start := dataplat_internal.lineage_node(node, trace_lineage.path);
    starts := ARRAY[start];
    IF start.dataset IS NULL THEN
        -- a job: its inputs or outputs are the first level
        starts := ARRAY(
            SELECT ROW(n.dataset, n.dataset, NULL, 1, start.path || n.dataset, start.node, min(n.type))::dataplat_internal.lineage_step
              FROM (SELECT CASE WHEN up THEN e.input_node ELSE e.output_node END, e.type FROM dataplat_internal.lineage_edge AS e
                     WHERE e.job = start.node
                       AND CASE WHEN as_of IS NULL THEN e.valid_to IS NULL
                                ELSE e.valid_from <= as_of AND coalesce(e.valid_to > as_of, true) END) AS n (dataset, type)
             GROUP BY n.dataset);
        RETURN QUERY SELECT s.* FROM unnest(starts) AS s;
        start.node := NULL;
    END IF;
    RETURN QUERY
        WITH any_way AS (SELECT w.* FROM dataplat_internal.walk_lineage(starts, up, false, start.field IS NOT NULL, depth, as_of) AS w),
             direct AS (SELECT w.* FROM dataplat_internal.walk_lineage(starts, up, true, start.field IS NOT NULL, depth, as_of) AS w
                         WHERE w.type = 'DIRECT')
        SELECT d.* FROM direct AS d
        UNION ALL
        SELECT a.* FROM any_way AS a WHERE NOT EXISTS (SELECT FROM direct AS d WHERE d.node = a.node);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.trace_lineage(text, boolean, int, timestamptz, text) IS 'the walk behind upstream() and downstream()';

-- ---------------------------------------------------------------- questions

-- SECURITY DEFINER: edges are in private tables; who may ask is decided by EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat.upstream(node text, depth int DEFAULT 20, as_of timestamptz DEFAULT NULL,
    search_path text DEFAULT pg_catalog.current_setting('search_path'))
RETURNS TABLE (node text, depth int, path text[], kind text, via text, type text)
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.node, s.depth, s.path, dataplat_internal.lineage_node_kind(s.dataset, s.field), s.via, s.type
      FROM dataplat_internal.trace_lineage($1, true, $2, $3, $4) AS s ORDER BY s.depth, s.node;
$$;
COMMENT ON FUNCTION dataplat.upstream(text, int, timestamptz, text) IS
    'what a table, column, pipeline or exposure comes from, nearest first; type INDIRECT: it only decides on rows or values (filters, joins, sorting); as_of: as it was then';

-- SECURITY DEFINER: as upstream().
CREATE OR REPLACE FUNCTION dataplat.downstream(node text, depth int DEFAULT 20, as_of timestamptz DEFAULT NULL,
    search_path text DEFAULT pg_catalog.current_setting('search_path'))
RETURNS TABLE (node text, depth int, path text[], kind text, via text, type text)
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.node, s.depth, s.path, dataplat_internal.lineage_node_kind(s.dataset, s.field), s.via, s.type
      FROM dataplat_internal.trace_lineage($1, false, $2, $3, $4) AS s ORDER BY s.depth, s.node;
$$;
COMMENT ON FUNCTION dataplat.downstream(text, int, timestamptz, text) IS 'what is made of a table, column, topic or pipeline, nearest first; as upstream()';

-- Nodes that can be on a cycle: what has no input or no output within the
-- rest is taken away, in time of the number of edges.  Nodes are numbered from
-- 1; edge i leads from heads[i] to tails[i].
CREATE OR REPLACE FUNCTION dataplat_internal.cyclic_core(node_count int, heads int[], tails int[])
RETURNS boolean[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept    boolean[] := array_fill(true, ARRAY[node_count]);
    degree  int[];
    first   int[];
    next    int[];
    queue   int[];
    place   int;
    number  int;
    edge    int;
    swapped int[];
BEGIN
    -- once along the edges, once against them
    FOR turn IN 1 .. 2 LOOP
        degree := array_fill(0, ARRAY[node_count]);
        first := array_fill(0, ARRAY[node_count]);
        next := array_fill(0, ARRAY[greatest(cardinality(heads), 1)]);
        queue := '{}';
        FOR i IN 1 .. cardinality(heads) LOOP
            IF kept[heads[i]] AND kept[tails[i]] THEN
                degree[tails[i]] := degree[tails[i]] + 1;
                next[i] := first[heads[i]];
                first[heads[i]] := i;
            END IF;
        END LOOP;
        number := 0;
        FOR n IN 1 .. node_count LOOP
            IF kept[n] AND degree[n] = 0 THEN
                number := number + 1;
                queue[number] := n;
            END IF;
        END LOOP;
        place := 1;
        WHILE place <= number LOOP
            kept[queue[place]] := false;
            edge := first[queue[place]];
            WHILE edge > 0 LOOP
                degree[tails[edge]] := degree[tails[edge]] - 1;
                IF degree[tails[edge]] = 0 THEN
                    number := number + 1;
                    queue[number] := tails[edge];
                END IF;
                edge := next[edge];
            END LOOP;
            place := place + 1;
        END LOOP;
        swapped := heads;
        heads := tails;
        tails := swapped;
    END LOOP;
    RETURN kept;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.cyclic_core(int, int[], int[]) IS 'which nodes of a graph are left when those without inputs or outputs are taken away, again and again';

-- Datasets that feed themselves, straight or through others.  Of the nodes
-- that can be on a cycle, a component is what both leads to a node and is
-- reached from it.
--
-- SECURITY DEFINER: as upstream().
CREATE OR REPLACE FUNCTION dataplat.lineage_cycles()
RETURNS TABLE (nodes text[], jobs text[])
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    edges dataplat_internal.lineage_step[];
    names text[];
    heads int[];
    tails int[];
    kept  boolean[];
    pivot text;
BEGIN
    PERFORM dataplat_internal.freshen_lineage();
    names := ARRAY(SELECT e.input_node FROM dataplat_internal.lineage_edge AS e WHERE e.valid_to IS NULL
                   UNION SELECT e.output_node FROM dataplat_internal.lineage_edge AS e WHERE e.valid_to IS NULL ORDER BY 1);
    WITH number AS (SELECT n.name, n.nth FROM unnest(names) WITH ORDINALITY AS n (name, nth)),
         edge AS (SELECT DISTINCT e.input_node, e.output_node FROM dataplat_internal.lineage_edge AS e WHERE e.valid_to IS NULL)
    SELECT coalesce(array_agg(i.nth), '{}'), coalesce(array_agg(o.nth), '{}') INTO heads, tails
      FROM edge AS e JOIN number AS i ON i.name = e.input_node JOIN number AS o ON o.name = e.output_node;
    kept := dataplat_internal.cyclic_core(cardinality(names), heads, tails);
    names := ARRAY(SELECT n.name FROM unnest(names, kept) AS n (name, kept) WHERE n.kept);
    -- node: where from, dataset: where to
    edges := ARRAY(SELECT DISTINCT ROW(e.input_node, e.output_node, NULL, NULL, NULL, e.job, NULL)::dataplat_internal.lineage_step
                     FROM dataplat_internal.lineage_edge AS e
                    WHERE e.valid_to IS NULL AND e.input_node = ANY (names) AND e.output_node = ANY (names));
    WHILE cardinality(edges) > 0 LOOP
        pivot := (SELECT min(e.node) FROM unnest(edges) AS e);
        WITH RECURSIVE below (node) AS (
            SELECT pivot UNION SELECT e.dataset FROM below AS b JOIN unnest(edges) AS e ON e.node = b.node),
        above (node) AS (
            SELECT pivot UNION SELECT e.node FROM above AS a JOIN unnest(edges) AS e ON e.dataset = a.node)
        SELECT array_agg(b.node ORDER BY b.node) INTO nodes FROM below AS b JOIN above AS a ON a.node = b.node;
        IF cardinality(nodes) > 1 OR EXISTS (SELECT FROM unnest(edges) AS e WHERE e.node = pivot AND e.dataset = pivot) THEN
            jobs := ARRAY(SELECT DISTINCT e.via FROM unnest(edges) AS e WHERE e.node = ANY (lineage_cycles.nodes) AND e.dataset = ANY (lineage_cycles.nodes) ORDER BY 1);
            RETURN NEXT;
        END IF;
        edges := ARRAY(SELECT e FROM unnest(edges) AS e WHERE NOT e.node = ANY (lineage_cycles.nodes) AND NOT e.dataset = ANY (lineage_cycles.nodes));
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat.lineage_cycles() IS 'datasets that feed themselves, straight or through others, and the jobs that do it';
