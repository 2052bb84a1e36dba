/*
 * lineage: what breaks when a dataset, or a column of it, goes.
 *
 * First what would be gone: jobs that read it stop with an error, and views
 * and functions among them are as good as gone, so that their readers break,
 * too.  Then what the broken jobs wrote is not kept up to date any more
 * (wrong), and all that hangs on that (affected).
 */

-- Jobs that would break: one step of lineage_step for each, path to it; via: the reason.
CREATE OR REPLACE FUNCTION dataplat_internal.jobs_that_break(start dataplat_internal.lineage_step)
RETURNS SETOF dataplat_internal.lineage_step
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gone    dataplat_internal.lineage_step[] := ARRAY[start];
    readers dataplat_internal.lineage_step[];
    seen    text[] := '{}';
BEGIN
    LOOP
        -- node: the job, dataset: what it writes
        readers := ARRAY(
            SELECT ROW(r.job, r.output_node, NULL, min(r.depth) + 1, min(r.path),
                       -- the whole dataset is gone; or a column of it, which the job names
                       CASE WHEN bool_or(r.known) THEN format('reads %s', min(r.lost) FILTER (WHERE r.known))
                                 || coalesce(': ' || string_agg(DISTINCT r.what, ', ' ORDER BY r.what) FILTER (WHERE r.known), '')
                            ELSE format('reads %s, of which columns is not known', min(r.lost)) END,
                       NULL)::dataplat_internal.lineage_step
              FROM (SELECT e.job, e.output_node, g.depth, g.path, g.node AS lost,
                           g.field IS NULL OR e.input_column IS NOT NULL AS known,
                           CASE WHEN e.output_column IS NOT NULL THEN format('%I (%s)', e.output_column, e.subtype)
                                WHEN e.input_column IS NOT NULL THEN e.subtype END AS what
                      FROM unnest(gone) AS g JOIN dataplat_internal.lineage_edge AS e ON e.input_node = g.dataset AND e.valid_to IS NULL
                     WHERE g.field IS NULL OR e.input_column = g.field
                        OR (e.input_column IS NULL AND e.output_column IS NULL AND e.type = 'DIRECT')) AS r
             WHERE NOT r.job = ANY (seen)
             GROUP BY r.job, r.output_node);
        EXIT WHEN cardinality(readers) = 0;
        RETURN QUERY SELECT r.* FROM unnest(readers) AS r;
        seen := seen || ARRAY(SELECT r.node FROM unnest(readers) AS r);
        gone := ARRAY(SELECT ROW(r.dataset, r.dataset, NULL, r.depth, r.path || r.dataset, NULL, NULL)::dataplat_internal.lineage_step
                        FROM unnest(readers) AS r WHERE r.node ~ '^(view|matview|function):');
        EXIT WHEN cardinality(gone) = 0;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.jobs_that_break(dataplat_internal.lineage_step) IS 'jobs that read a dataset or column, straight or through views and functions';

CREATE OR REPLACE FUNCTION dataplat_internal.impact_on_graph(start dataplat_internal.lineage_step)
RETURNS SETOF dataplat_internal.lineage_impact
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    broken  dataplat_internal.lineage_step[];
    starved dataplat_internal.lineage_step[];
BEGIN
    broken := ARRAY(SELECT j FROM dataplat_internal.jobs_that_break(start) AS j);
    starved := ARRAY(SELECT DISTINCT ON (b.dataset) ROW(b.dataset, b.dataset, NULL, b.depth, b.path || b.dataset, b.node, 'DIRECT')::dataplat_internal.lineage_step
                       FROM unnest(broken) AS b
                      WHERE b.node !~ '^(view|matview|function|exposure):' AND b.dataset <> start.dataset
                      ORDER BY b.dataset, b.depth, b.path);
    RETURN QUERY
        -- what reads it
        SELECT DISTINCT ON (b.node) regexp_replace(b.node, '^(pipeline|source|view|matview|function|exposure):', ''),
               CASE WHEN b.node LIKE 'matview:%' THEN 'materialized view' ELSE substring(b.node FROM '^([a-z][a-z0-9_]*):') END,
               CASE WHEN b.via LIKE '% is not known' THEN 'affected' ELSE 'breaks' END, b.via, b.path || b.node
          FROM unnest(broken) AS b ORDER BY b.node, b.depth, b.path;
    RETURN QUERY
        -- what writes it
        SELECT regexp_replace(e.job, '^(pipeline|source):', ''), substring(e.job FROM '^([a-z][a-z0-9_]*):'), 'breaks',
               format('writes %s', start.node), ARRAY[start.node, e.job]
          FROM dataplat_internal.lineage_edge AS e
         WHERE e.output_node = start.dataset AND e.valid_to IS NULL AND e.job !~ '^(view|matview|exposure):'
           AND (start.field IS NULL OR e.output_column = start.field)
           AND NOT e.job IN (SELECT b.node FROM unnest(broken) AS b)
         GROUP BY e.job;
    RETURN QUERY
        SELECT s.node, dataplat_internal.lineage_node_kind(s.dataset, NULL), 'wrong', format('is not kept up to date any more by %s', s.via), s.path
          FROM unnest(starved) AS s;
    RETURN QUERY
        SELECT regexp_replace(w.node, '^exposure:', ''), dataplat_internal.lineage_node_kind(w.dataset, NULL), 'affected',
               format('hangs on %s', w.path[cardinality(w.path) - 1]), w.path
          FROM dataplat_internal.walk_lineage(starved, false, false, false, 1000000, NULL) AS w
         WHERE w.dataset <> start.dataset AND NOT w.dataset IN (SELECT b.dataset FROM unnest(broken) AS b);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.impact_on_graph(dataplat_internal.lineage_step) IS 'what lineage says would break';

-- What the server itself knows of: indexes, constraints, triggers, policies.
-- Views and functions come from the graph.
CREATE OR REPLACE FUNCTION dataplat_internal.impact_on_objects(start dataplat_internal.lineage_step)
RETURNS SETOF dataplat_internal.lineage_impact
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation oid;
    attnum   int2;
BEGIN
    IF dataplat_internal.is_lineage_label(start.dataset) THEN
        RETURN;
    END IF;
    relation := to_regclass(start.dataset);
    attnum := (SELECT a.attnum FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = start.field AND NOT a.attisdropped);
    RETURN QUERY
        SELECT o.identity, o.type, CASE WHEN o.refused THEN 'breaks' ELSE 'affected' END,
               CASE WHEN o.refused THEN 'DROP is refused without CASCADE, and with it takes this, too' ELSE 'is dropped together with it' END,
               ARRAY[start.node, o.identity]
          FROM (SELECT i.identity, i.type,
                       bool_or(d.deptype = 'n' AND NOT EXISTS (SELECT FROM pg_constraint AS k
                                                                WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid AND k.conrelid = relation)) AS refused
                  FROM pg_depend AS d CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) AS i
                 WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = relation AND d.deptype IN ('n', 'a')
                   AND (start.field IS NULL OR d.refobjsubid = attnum)
                   AND d.classid NOT IN ('pg_rewrite'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass)
                   AND NOT (d.classid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_class AS c WHERE c.oid = d.objid AND c.relkind NOT IN ('i', 'I', 'S')))
                   -- from 18 on NOT NULL of a column is a constraint, too: it is a part of the column
                   AND NOT (d.classid = 'pg_constraint'::regclass AND EXISTS (SELECT FROM pg_constraint AS k WHERE k.oid = d.objid AND k.contype = 'n'))
                   -- ours, of the change log
                   AND NOT (d.classid = 'pg_trigger'::regclass AND EXISTS (SELECT FROM pg_trigger AS t WHERE t.oid = d.objid AND t.tgisinternal))
                 GROUP BY i.identity, i.type) AS o;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.impact_on_objects(dataplat_internal.lineage_step) IS 'what of a table''s own objects would break or go';

CREATE OR REPLACE FUNCTION dataplat_internal.impact_rows(start dataplat_internal.lineage_step)
RETURNS SETOF dataplat_internal.lineage_impact
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p dataplat_internal.lineage_impact_provider;
BEGIN
    IF start.dataset IS NULL THEN
        -- a job goes: nobody keeps what it writes up to date
        RETURN QUERY
            SELECT o.node, dataplat_internal.lineage_node_kind(o.node, NULL), 'wrong', format('is not kept up to date any more by %s', start.node), ARRAY[start.node, o.node]
              FROM (SELECT DISTINCT e.output_node FROM dataplat_internal.lineage_edge AS e WHERE e.job = start.node AND e.valid_to IS NULL) AS o (node);
        RETURN QUERY
            SELECT regexp_replace(w.node, '^exposure:', ''), dataplat_internal.lineage_node_kind(w.dataset, NULL), 'affected',
                   format('hangs on %s', w.path[cardinality(w.path) - 1]), w.path
              FROM dataplat_internal.walk_lineage(ARRAY(
                       SELECT DISTINCT ROW(e.output_node, e.output_node, NULL, 1, ARRAY[start.node, e.output_node], e.job, 'DIRECT')::dataplat_internal.lineage_step
                         FROM dataplat_internal.lineage_edge AS e WHERE e.job = start.node AND e.valid_to IS NULL), false, false, false, 1000000, NULL) AS w;
        RETURN;
    END IF;
    RETURN QUERY SELECT g.* FROM dataplat_internal.impact_on_graph(start) AS g;
    RETURN QUERY SELECT o.* FROM dataplat_internal.impact_on_objects(start) AS o;
    FOR p IN SELECT * FROM dataplat_internal.lineage_impact_provider AS x ORDER BY x.kind LOOP
        RETURN QUERY EXECUTE format('SELECT x.object, x.kind, x.severity, x.reason, x.path FROM %s($1, $2) AS x', p.impact_function)
            USING start.dataset, start.field;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.impact_rows(dataplat_internal.lineage_step) IS 'what breaks when a node goes, in no order';

CREATE OR REPLACE FUNCTION dataplat_internal.impact_of(dataset text, column_name text, path text)
RETURNS SETOF dataplat_internal.lineage_impact
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    start dataplat_internal.lineage_step;
BEGIN
    PERFORM dataplat_internal.freshen_lineage();
    start := dataplat_internal.lineage_node(dataset, impact_of.path);
    IF column_name IS NOT NULL THEN
        start := dataplat_internal.lineage_node(dataplat_internal.lineage_node_name(start.dataset, column_name), '');
    END IF;
    RETURN QUERY SELECT r.* FROM dataplat_internal.impact_rows(start) AS r;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.impact_of(text, text, text) IS 'impact() in no order';

-- SECURITY DEFINER: edges and rules are in private tables; who may ask is decided by EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat.impact(dataset text, column_name text DEFAULT NULL, search_path text DEFAULT pg_catalog.current_setting('search_path'))
RETURNS TABLE (object text, kind text, severity text, reason text, path text[])
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT i.object, i.kind, i.severity, i.reason, i.path FROM dataplat_internal.impact_of($1, $2, $3) AS i
     ORDER BY array_position('{breaks,wrong,affected}'::text[], i.severity), cardinality(i.path), i.kind, i.object;
$$;
COMMENT ON FUNCTION dataplat.impact(text, text, text) IS
    'what happens when a table, a column of it, a topic or a job goes: breaks (stops with an error, or goes with it), wrong (is not kept up to date any more), affected (hangs on that)';

-- ---------------------------------------------------------------- the catalog's part

CREATE OR REPLACE FUNCTION dataplat_internal.impact_on_catalog(dataset text, field text)
RETURNS SETOF dataplat_internal.lineage_impact
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.product, 'data product', 'wrong', format('offers %s', p.object), ARRAY[dataset, 'data product:' || p.product]
      FROM dataplat.data_product_dataset AS p WHERE p.object = dataset AND field IS NULL;
$$;
COMMENT ON FUNCTION dataplat_internal.impact_on_catalog(text, text) IS 'impact provider: data products that offer a dataset';
SELECT dataplat_internal.register_impact_provider('data product', 'dataplat_internal.impact_on_catalog');

-- ---------------------------------------------------------------- describe

CREATE OR REPLACE FUNCTION dataplat_internal.describe_lineage(dataset text)
RETURNS TABLE (label text, value text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM dataplat_internal.freshen_lineage();
    RETURN QUERY
        SELECT 'Comes from', format('%s%s', s.node, CASE WHEN s.depth > 1 THEN format(', %s steps up', s.depth) END)
          FROM dataplat_internal.trace_lineage(dataset, true, 20, NULL, '') AS s ORDER BY s.depth, s.node;
    RETURN QUERY
        SELECT 'Feeds', format('%s%s%s', s.node, CASE WHEN s.via <> s.node THEN format(' (%s)', s.via) END, CASE WHEN s.depth > 1 THEN format(', %s steps down', s.depth) END)
          FROM dataplat_internal.trace_lineage(dataset, false, 20, NULL, '') AS s ORDER BY s.depth, s.node;
EXCEPTION WHEN undefined_object THEN
    -- nothing is known of it
    RETURN;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.describe_lineage(text) IS 'section of dataplat.describe(): what a dataset comes from, and what it feeds';
SELECT dataplat_internal.register_describe_section('lineage', 40, 'dataplat_internal.describe_lineage');
