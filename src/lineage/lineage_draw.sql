-- lineage: the graph as text that other tools draw.

-- Edges of the graph, or of the part around a node, with the jobs beside them.
CREATE OR REPLACE FUNCTION dataplat_internal.lineage_picture(node text, columns boolean, depth int, as_of timestamptz, path text,
    OUT source text, OUT source_kind text, OUT target text, OUT target_kind text, OUT jobs text[], OUT indirect boolean)
RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    start    dataplat_internal.lineage_step;
    by_field boolean;
    shown    text[];
BEGIN
    PERFORM dataplat_internal.freshen_lineage();
    IF node IS NOT NULL THEN
        start := dataplat_internal.lineage_node(node, lineage_picture.path);
        shown := ARRAY(SELECT start.node
                       UNION SELECT s.node FROM dataplat_internal.trace_lineage(start.node, true, depth, as_of, '') AS s
                       UNION SELECT s.node FROM dataplat_internal.trace_lineage(start.node, false, depth, as_of, '') AS s);
    END IF;
    by_field := start.field IS NOT NULL;
    RETURN QUERY
        SELECT n.source, min(dataplat_internal.lineage_node_kind(n.input_node, n.input_field)),
               n.target, min(dataplat_internal.lineage_node_kind(n.output_node, n.output_field)),
               array_agg(DISTINCT n.job ORDER BY n.job), bool_and(n.type = 'INDIRECT')
          FROM (SELECT dataplat_internal.lineage_node_name(e.input_node, x.input_field) AS source, e.input_node, x.input_field,
                       dataplat_internal.lineage_node_name(e.output_node, x.output_field) AS target, e.output_node, x.output_field, e.job, e.type
                  FROM dataplat_internal.lineage_edge AS e
                 CROSS JOIN LATERAL (SELECT CASE WHEN columns OR by_field THEN e.input_column END AS input_field,
                                            CASE WHEN columns OR by_field THEN e.output_column END AS output_field) AS x
                 WHERE CASE WHEN as_of IS NULL THEN e.valid_to IS NULL ELSE e.valid_from <= as_of AND coalesce(e.valid_to > as_of, true) END) AS n
         WHERE shown IS NULL
            OR ((n.source = ANY (shown) OR (NOT by_field AND n.input_node = ANY (shown)))
                AND (n.target = ANY (shown) OR (NOT by_field AND n.output_node = ANY (shown))))
         GROUP BY n.source, n.target
         ORDER BY n.source, n.target;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.lineage_picture(text, boolean, int, timestamptz, text) IS 'edges to draw';

-- Mermaid's labels stand in quotes and know entity codes with # in the place of &.
CREATE OR REPLACE FUNCTION dataplat_internal.mermaid_label(label text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT '"' || replace(replace(replace(replace(replace(replace(regexp_replace(label, '[\r\n\t]+', ' ', 'g'),
        '#', '#35;'), '&', '#amp;'), '"', '#quot;'), '<', '#lt;'), '>', '#gt;'), '`', '#96;') || '"';
$$;
COMMENT ON FUNCTION dataplat_internal.mermaid_label(text) IS 'a label in quotes, as Mermaid reads it';

CREATE OR REPLACE FUNCTION dataplat_internal.dot_string(label text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT '"' || replace(replace(regexp_replace(label, '[\r\n\t]+', ' ', 'g'), '\', '\\'), '"', '\"') || '"'; $$;
COMMENT ON FUNCTION dataplat_internal.dot_string(text) IS 'a string in quotes, as DOT reads it';

-- SECURITY DEFINER: edges are in private tables; who may ask is decided by EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat.lineage_graph(node text DEFAULT NULL, format text DEFAULT 'mermaid', columns boolean DEFAULT false, depth int DEFAULT 20,
    as_of timestamptz DEFAULT NULL, search_path text DEFAULT pg_catalog.current_setting('search_path'))
RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    picture jsonb;
    nodes   jsonb;
BEGIN
    IF lineage_graph.format IS NULL OR NOT lineage_graph.format = ANY ('{mermaid,dot,json}') THEN
        RAISE EXCEPTION 'invalid format "%"', lineage_graph.format
            USING ERRCODE = 'invalid_parameter_value', HINT = 'One of: mermaid, dot, json.';
    END IF;
    SELECT coalesce(jsonb_agg(to_jsonb(p)), '[]') INTO picture
      FROM dataplat_internal.lineage_picture(node, coalesce(columns, false), depth, as_of, lineage_graph.search_path) AS p;
    -- numbered, since names may hold anything
    SELECT coalesce(jsonb_object_agg(n.name, jsonb_build_object('id', 'n' || n.nth, 'kind', n.kind)), '{}') INTO nodes
      FROM (SELECT u.name, min(u.kind) AS kind, row_number() OVER (ORDER BY u.name) AS nth
              FROM (SELECT p ->> 'source' AS name, p ->> 'source_kind' AS kind FROM jsonb_array_elements(picture) AS p
                    UNION SELECT p ->> 'target', p ->> 'target_kind' FROM jsonb_array_elements(picture) AS p) AS u
             GROUP BY u.name) AS n;
    RETURN CASE lineage_graph.format
        WHEN 'mermaid' THEN dataplat_internal.draw_mermaid(nodes, picture)
        WHEN 'dot' THEN dataplat_internal.draw_dot(nodes, picture)
        ELSE jsonb_pretty(jsonb_build_object(
            'nodes', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', n.key, 'kind', n.value -> 'kind') ORDER BY n.key), '[]') FROM jsonb_each(nodes) AS n),
            'edges', (SELECT coalesce(jsonb_agg(jsonb_build_object('from', p -> 'source', 'to', p -> 'target', 'jobs', p -> 'jobs',
                                                                   'type', CASE WHEN (p ->> 'indirect')::boolean THEN 'INDIRECT' ELSE 'DIRECT' END) ORDER BY i), '[]')
                        FROM jsonb_array_elements(picture) WITH ORDINALITY AS e (p, i)))) END;
END;
$$;
COMMENT ON FUNCTION dataplat.lineage_graph(text, text, boolean, int, timestamptz, text) IS
    'the graph, or what is above and below a node, for Mermaid, Graphviz (dot) or programs (json); columns: column by column';

CREATE OR REPLACE FUNCTION dataplat_internal.draw_mermaid(nodes jsonb, picture jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat_ws(E'\n', 'flowchart LR',
        (SELECT string_agg(format(CASE n.value ->> 'kind' WHEN 'topic' THEN '    %s[/%s/]' WHEN 'exposure' THEN '    %s([%s])' WHEN 'table' THEN '    %s[(%s)]'
                                                          ELSE '    %s[%s]' END,
                                  n.value ->> 'id', dataplat_internal.mermaid_label(n.key)), E'\n' ORDER BY n.key)
           FROM jsonb_each(nodes) AS n),
        (SELECT string_agg(format('    %s %s|%s| %s', nodes -> (p ->> 'source') ->> 'id', CASE WHEN (p ->> 'indirect')::boolean THEN '-.->' ELSE '-->' END,
                                  dataplat_internal.mermaid_label((SELECT string_agg(j, ', ') FROM jsonb_array_elements_text(p -> 'jobs') AS j)),
                                  nodes -> (p ->> 'target') ->> 'id'), E'\n' ORDER BY i)
           FROM jsonb_array_elements(picture) WITH ORDINALITY AS e (p, i)));
$$;
COMMENT ON FUNCTION dataplat_internal.draw_mermaid(jsonb, jsonb) IS 'a flowchart of Mermaid';

CREATE OR REPLACE FUNCTION dataplat_internal.draw_dot(nodes jsonb, picture jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat_ws(E'\n', 'digraph lineage {', '    rankdir=LR;',
        (SELECT string_agg(format('    %s [label=%s, shape=%s];', n.value ->> 'id', dataplat_internal.dot_string(n.key),
                                  CASE n.value ->> 'kind' WHEN 'topic' THEN 'cds' WHEN 'exposure' THEN 'ellipse' WHEN 'table' THEN 'cylinder' ELSE 'box' END),
                           E'\n' ORDER BY n.key)
           FROM jsonb_each(nodes) AS n),
        (SELECT string_agg(format('    %s -> %s [label=%s%s];', nodes -> (p ->> 'source') ->> 'id', nodes -> (p ->> 'target') ->> 'id',
                                  dataplat_internal.dot_string((SELECT string_agg(j, ', ') FROM jsonb_array_elements_text(p -> 'jobs') AS j)),
                                  CASE WHEN (p ->> 'indirect')::boolean THEN ', style=dashed' ELSE '' END), E'\n' ORDER BY i)
           FROM jsonb_array_elements(picture) WITH ORDINALITY AS e (p, i)),
        '}');
$$;
COMMENT ON FUNCTION dataplat_internal.draw_dot(jsonb, jsonb) IS 'a digraph of Graphviz';
