/*
 * lineage: the graph in the shape of Marquez' API, for its clients.
 *
 * The web worker calls these with the role that asks; the role needs EXECUTE
 * on dataplat.upstream.
 */

CREATE OR REPLACE FUNCTION dataplat_internal.marquez_name(node text, is_job boolean, OUT namespace text, OUT name text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT is_job THEN
        SELECT n.namespace, n.name INTO namespace, name FROM dataplat_internal.openlineage_dataset_name(node) AS n;
        RETURN;
    END IF;
    SELECT j.namespace, j.name INTO namespace, name FROM dataplat_internal.foreign_job AS j WHERE j.job = node;
    IF NOT FOUND THEN
        namespace := dataplat_internal.lineage_namespace();
        name := dataplat_internal.openlineage_job_name(node);
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.marquez_name(text, boolean) IS 'what a dataset or job is called in OpenLineage and Marquez';

CREATE OR REPLACE FUNCTION dataplat_internal.marquez_id(node text, is_job boolean)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE WHEN is_job THEN 'job:' ELSE 'dataset:' END || n.namespace || ':' || n.name FROM dataplat_internal.marquez_name(node, is_job) AS n; $$;
COMMENT ON FUNCTION dataplat_internal.marquez_id(text, boolean) IS 'nodeId of a dataset or job';

-- The node of a nodeId; names of this database are understood, too
-- (dataset:silver.orders).  NULL: there is none.
CREATE OR REPLACE FUNCTION dataplat_internal.marquez_find(node_id text, OUT dataset text, OUT field text, OUT job text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    written text := node_id;
    start   dataplat_internal.lineage_step;
BEGIN
    IF node_id LIKE 'job:%' THEN
        job := (SELECT e.job FROM (SELECT DISTINCT x.job FROM dataplat_internal.lineage_edge AS x WHERE x.valid_to IS NULL) AS e
                 WHERE node_id IN (dataplat_internal.marquez_id(e.job, true), 'job:' || e.job) ORDER BY 1 LIMIT 1);
        RETURN;
    ELSIF node_id LIKE 'datasetField:%:%' THEN
        field := regexp_replace(node_id, '^.*:', '');
        written := 'dataset:' || substr(regexp_replace(node_id, ':[^:]*$', ''), length('datasetField:') + 1);
    ELSIF node_id NOT LIKE 'dataset:%' THEN
        RETURN;
    END IF;
    dataset := (SELECT n.node FROM (SELECT x.output_node FROM dataplat_internal.lineage_edge AS x WHERE x.valid_to IS NULL
                                    UNION SELECT x.input_node FROM dataplat_internal.lineage_edge AS x WHERE x.valid_to IS NULL) AS n (node)
                 WHERE written = dataplat_internal.marquez_id(n.node, false) ORDER BY 1 LIMIT 1);
    IF dataset IS NULL THEN
        start := dataplat_internal.lineage_node(substr(written, length('dataset:') + 1), '');
        dataset := start.dataset;
    END IF;
EXCEPTION WHEN undefined_object THEN
    RETURN;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.marquez_find(text) IS 'the node that a nodeId of Marquez means';

CREATE OR REPLACE FUNCTION dataplat_internal.marquez_dataset(node text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    called   record := dataplat_internal.marquez_name(node, false);
    relation oid := CASE WHEN dataplat_internal.is_relation_node(node) THEN to_regclass(node) END;
    period   record;
BEGIN
    SELECT min(e.valid_from) AS created_at, max(e.valid_from) AS updated_at INTO period
      FROM dataplat_internal.lineage_edge AS e WHERE e.output_node = node OR e.input_node = node;
    RETURN jsonb_build_object(
        'id', jsonb_build_object('namespace', called.namespace, 'name', called.name),
        'type', CASE WHEN node LIKE 'kafka://%' THEN 'STREAM' ELSE 'DB_TABLE' END, 'name', called.name, 'physicalName', called.name,
        'namespace', called.namespace, 'sourceName', called.namespace, 'createdAt', period.created_at, 'updatedAt', period.updated_at, 'lastModifiedAt', NULL,
        'description', obj_description(relation, 'pg_class'), 'tags', '[]'::jsonb, 'facets', '{}'::jsonb, 'deleted', relation IS NULL AND dataplat_internal.is_relation_node(node),
        'fields', coalesce((SELECT jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'tags', '[]'::jsonb,
                                                                'description', col_description(relation, a.attnum)) ORDER BY a.attnum)
                              FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped), '[]'));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.marquez_dataset(text) IS 'a dataset as Marquez shows it';

CREATE OR REPLACE FUNCTION dataplat_internal.marquez_job(job_name text)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object(
        'id', jsonb_build_object('namespace', n.namespace, 'name', n.name),
        'type', CASE WHEN job_name LIKE 'source:%' THEN 'STREAM' ELSE 'BATCH' END, 'name', n.name, 'simpleName', regexp_replace(job_name, '^[a-z]+:', ''),
        'parentJobName', NULL, 'namespace', n.namespace, 'createdAt', p.created_at, 'updatedAt', p.updated_at, 'location', l.url, 'description', NULL, 'latestRun', NULL,
        'inputs', (SELECT coalesce(jsonb_agg(DISTINCT to_jsonb(d)), '[]') FROM dataplat_internal.lineage_edge AS e CROSS JOIN dataplat_internal.marquez_name(e.input_node, false) AS d
                    WHERE e.job = job_name AND e.valid_to IS NULL),
        'outputs', (SELECT coalesce(jsonb_agg(DISTINCT to_jsonb(d)), '[]') FROM dataplat_internal.lineage_edge AS e CROSS JOIN dataplat_internal.marquez_name(e.output_node, false) AS d
                     WHERE e.job = job_name AND e.valid_to IS NULL AND e.output_node <> job_name))
      FROM dataplat_internal.marquez_name(job_name, true) AS n
     CROSS JOIN (SELECT min(e.valid_from), max(e.valid_from) FROM dataplat_internal.lineage_edge AS e WHERE e.job = job_name) AS p (created_at, updated_at)
      LEFT JOIN dataplat.code_location AS l ON l.job = job_name;
$$;
COMMENT ON FUNCTION dataplat_internal.marquez_job(text) IS 'a job as Marquez shows it';

-- Nodes with the edges that come in and go out.
CREATE OR REPLACE FUNCTION dataplat_internal.marquez_graph(nodes jsonb, edges jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('graph', coalesce(jsonb_agg(n || jsonb_build_object(
        'inEdges', (SELECT coalesce(jsonb_agg(e ORDER BY e ->> 'origin'), '[]') FROM jsonb_array_elements(edges) AS e WHERE e -> 'destination' = n -> 'id'),
        'outEdges', (SELECT coalesce(jsonb_agg(e ORDER BY e ->> 'destination'), '[]') FROM jsonb_array_elements(edges) AS e WHERE e -> 'origin' = n -> 'id')) ORDER BY n ->> 'id'), '[]'))
      FROM jsonb_array_elements(nodes) AS n;
$$;
COMMENT ON FUNCTION dataplat_internal.marquez_graph(jsonb, jsonb) IS 'nodes and edges as Marquez sends them';

CREATE OR REPLACE FUNCTION dataplat_internal.marquez_check(caller name)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT has_function_privilege(caller, 'dataplat.upstream(text, int, timestamptz, text)', 'EXECUTE') THEN
        RAISE EXCEPTION 'permission denied for function upstream' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM dataplat_internal.freshen_lineage();
END;
$$;
COMMENT ON FUNCTION dataplat_internal.marquez_check(name) IS 'may a role ask for lineage?';

-- GET /api/v1/lineage; NULL: no such node.
CREATE OR REPLACE FUNCTION dataplat_internal.marquez_lineage(caller name, node_id text, depth int, downwards boolean)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    start record;
    nodes jsonb;
    edges jsonb;
BEGIN
    PERFORM dataplat_internal.marquez_check(caller);
    start := dataplat_internal.marquez_find(node_id);
    IF start.dataset IS NULL AND start.job IS NULL THEN
        RETURN NULL;
    END IF;
    WITH step AS MATERIALIZED (
        SELECT DISTINCT p.source, p.target, j.job
          FROM dataplat_internal.lineage_picture(coalesce(start.dataset, start.job), false, depth, NULL, '') AS p CROSS JOIN unnest(p.jobs) AS j (job)),
    dataset AS (SELECT s.source AS node FROM step AS s UNION SELECT s.target FROM step AS s WHERE s.target <> s.job
                UNION SELECT start.dataset WHERE start.dataset IS NOT NULL),
    edge AS (SELECT dataplat_internal.marquez_id(s.source, false) AS origin, dataplat_internal.marquez_id(s.job, true) AS destination FROM step AS s
             UNION SELECT dataplat_internal.marquez_id(s.job, true), dataplat_internal.marquez_id(s.target, false) FROM step AS s WHERE s.target <> s.job)
    SELECT (SELECT coalesce(jsonb_agg(jsonb_build_object('id', dataplat_internal.marquez_id(d.node, false), 'type', 'DATASET', 'data', dataplat_internal.marquez_dataset(d.node))), '[]')
              FROM dataset AS d)
           || (SELECT coalesce(jsonb_agg(jsonb_build_object('id', dataplat_internal.marquez_id(j.job, true), 'type', 'JOB', 'data', dataplat_internal.marquez_job(j.job))), '[]')
                 FROM (SELECT DISTINCT s.job FROM step AS s) AS j),
           (SELECT coalesce(jsonb_agg(to_jsonb(e)), '[]') FROM edge AS e)
      INTO nodes, edges;
    RETURN dataplat_internal.marquez_graph(nodes, edges);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.marquez_lineage(name, text, int, boolean) IS 'datasets and jobs above and below a node, in the shape of Marquez';

-- GET /api/v1/column-lineage; NULL: no such node.
CREATE OR REPLACE FUNCTION dataplat_internal.marquez_column_lineage(caller name, node_id text, depth int, downwards boolean)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    start  record;
    fields text[];
    nodes  jsonb;
    edges  jsonb;
BEGIN
    PERFORM dataplat_internal.marquez_check(caller);
    start := dataplat_internal.marquez_find(node_id);
    IF start.dataset IS NULL THEN
        RETURN NULL;
    END IF;
    -- of a dataset: all of its columns
    fields := ARRAY(SELECT dataplat_internal.lineage_node_name(start.dataset, f.field)
                      FROM (SELECT start.field WHERE start.field IS NOT NULL
                            UNION SELECT e.output_column FROM dataplat_internal.lineage_edge AS e
                                   WHERE start.field IS NULL AND e.output_node = start.dataset AND e.output_column IS NOT NULL AND e.valid_to IS NULL
                            UNION SELECT e.input_column FROM dataplat_internal.lineage_edge AS e
                                   WHERE start.field IS NULL AND e.input_node = start.dataset AND e.input_column IS NOT NULL AND e.valid_to IS NULL) AS f (field));
    fields := ARRAY(SELECT unnest(fields)
                    UNION SELECT s.node FROM unnest(fields) AS f (node), dataplat_internal.trace_lineage(f.node, true, depth, NULL, '') AS s WHERE s.field IS NOT NULL
                    UNION SELECT s.node FROM unnest(fields) AS f (node), dataplat_internal.trace_lineage(f.node, false, depth, NULL, '') AS s
                           WHERE s.field IS NOT NULL AND downwards);
    WITH field AS MATERIALIZED (
        SELECT f.node, s.dataset, s.field, n.namespace, n.name, 'datasetField:' || n.namespace || ':' || n.name || ':' || s.field AS id
          FROM unnest(fields) AS f (node) CROSS JOIN dataplat_internal.split_lineage_node(f.node) AS s CROSS JOIN dataplat_internal.marquez_name(s.dataset, false) AS n),
    edge AS MATERIALIZED (
        SELECT o.id AS output_id, i.id AS input_id, i.namespace, i.name, i.field, e.type, e.subtype, e.masking
          FROM field AS o JOIN dataplat_internal.lineage_edge AS e ON e.output_node = o.dataset AND e.output_column = o.field AND e.valid_to IS NULL
          JOIN field AS i ON i.dataset = e.input_node AND i.field = e.input_column)
    SELECT (SELECT coalesce(jsonb_agg(jsonb_build_object('id', f.id, 'type', 'DATASET_FIELD', 'data', jsonb_build_object(
                       'namespace', f.namespace, 'dataset', f.name, 'datasetVersion', NULL, 'field', f.field,
                       'fieldType', (SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute AS a
                                      WHERE dataplat_internal.is_relation_node(f.dataset) AND a.attrelid = to_regclass(f.dataset) AND a.attname = f.field AND NOT a.attisdropped),
                       'transformationDescription', NULL, 'transformationType', (SELECT min(e.subtype) FROM edge AS e WHERE e.output_id = f.id),
                       'inputFields', (SELECT coalesce(jsonb_agg(jsonb_build_object('namespace', e.namespace, 'dataset', e.name, 'datasetVersion', NULL, 'field', e.field,
                                           'transformationDescription', e.type, 'transformationType', e.subtype) ORDER BY e.input_id, e.subtype), '[]')
                                         FROM edge AS e WHERE e.output_id = f.id)))), '[]') FROM field AS f),
           (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object('origin', e.input_id, 'destination', e.output_id)), '[]') FROM edge AS e)
      INTO nodes, edges;
    RETURN dataplat_internal.marquez_graph(nodes, edges);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.marquez_column_lineage(name, text, int, boolean) IS 'columns above (and below) a column or a dataset, in the shape of Marquez';

-- GET /api/v1/search: datasets and jobs whose name has these characters.
CREATE OR REPLACE FUNCTION dataplat_internal.marquez_search(caller name, words text, only_type text, at_most int)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM dataplat_internal.marquez_check(caller);
    RETURN (
        WITH node AS (
            SELECT x.output_node AS node, false AS is_job, x.valid_from FROM dataplat_internal.lineage_edge AS x WHERE x.valid_to IS NULL AND x.output_node <> x.job
            UNION ALL SELECT x.input_node, false, x.valid_from FROM dataplat_internal.lineage_edge AS x WHERE x.valid_to IS NULL
            UNION ALL SELECT x.job, true, x.valid_from FROM dataplat_internal.lineage_edge AS x WHERE x.valid_to IS NULL
        ), found AS (
            SELECT n.node, n.is_job, m.namespace, m.name, max(n.valid_from) AS updated_at
              FROM node AS n CROSS JOIN LATERAL dataplat_internal.marquez_name(n.node, n.is_job) AS m
             WHERE strpos(lower(n.node), lower(words)) > 0 AND (only_type IS NULL OR (upper(only_type) = 'JOB') = n.is_job)
             GROUP BY 1, 2, 3, 4
             ORDER BY m.name, n.is_job
             LIMIT at_most
        )
        SELECT jsonb_build_object('totalCount', count(*), 'results', coalesce(jsonb_agg(jsonb_build_object(
                   'type', CASE WHEN f.is_job THEN 'JOB' ELSE 'DATASET' END, 'name', f.name, 'namespace', f.namespace, 'updatedAt', f.updated_at,
                   'nodeId', dataplat_internal.marquez_id(f.node, f.is_job)) ORDER BY f.name, f.is_job), '[]'))
          FROM found AS f);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.marquez_search(name, text, text, int) IS 'datasets and jobs of lineage by a part of their name, in the shape of Marquez';

-- GET /api/v1/events/lineage: the newest events of our runs within a day.
CREATE OR REPLACE FUNCTION dataplat_internal.marquez_events(caller name, words text, only_type text, at_most int)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    statement text;
    events    jsonb;
BEGIN
    PERFORM dataplat_internal.marquez_check(caller);
    SELECT string_agg(format('SELECT %L, e.run, e.event_type, e.event_time FROM %s($1) AS e', s.kind, s.emit_function), ' UNION ALL ' ORDER BY s.kind)
      INTO statement FROM dataplat_internal.openlineage_source AS s;
    EXECUTE format($q$
        SELECT coalesce(jsonb_agg(n.event ORDER BY n.event_time DESC), '[]')
          FROM (SELECT e.event_time, dataplat_internal.openlineage_event_of(e.kind, e.run, e.event_type, e.event_time) AS event
                  FROM (SELECT u.* FROM (%s) AS u (kind, run, event_type, event_time) ORDER BY u.event_time DESC, u.run, u.event_type LIMIT $2) AS e) AS n
         WHERE n.event IS NOT NULL$q$, statement)
       INTO events USING clock_timestamp() - interval '1 day', at_most;
    RETURN jsonb_build_object('events', events, 'totalCount', jsonb_array_length(events));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.marquez_events(name, text, text, int) IS 'the newest OpenLineage events of our runs, in the shape of Marquez';

-- ---------------------------------------------------------------- runs

-- What is known of a run, ours or another's; no row when there is none.
CREATE OR REPLACE FUNCTION dataplat_internal.marquez_run(written text)
RETURNS TABLE (id uuid, namespace text, name text, started_at timestamptz, ended_at timestamptz, status text, inputs text[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    found record := dataplat_internal.openlineage_find_run(written);
    facts jsonb;
BEGIN
    IF found.run IS NOT NULL AND found.kind IN (SELECT s.kind FROM dataplat_internal.openlineage_source AS s) THEN
        EXECUTE format('SELECT %s($1, NULL, NULL)', (SELECT s.facts_function FROM dataplat_internal.openlineage_source AS s WHERE s.kind = found.kind))
           INTO facts USING found.run;
    END IF;
    IF facts IS NOT NULL THEN
        RETURN QUERY
        SELECT dataplat_internal.run_uuid(found.kind, found.run, f.started_at), n.namespace, n.name, f.started_at, f.finished_at,
               CASE f.state WHEN 'succeeded' THEN 'COMPLETED' WHEN 'failed' THEN 'FAILED' WHEN 'stopped' THEN 'ABORTED' ELSE 'RUNNING' END,
               ARRAY(SELECT i ->> 'node' FROM jsonb_array_elements(facts -> 'inputs') AS i ORDER BY 1)
          FROM jsonb_to_record(facts) AS f (job text, started_at timestamptz, finished_at timestamptz, state text)
         CROSS JOIN dataplat_internal.marquez_name(f.job, true) AS n;
    ELSIF written ~* '^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$' THEN
        RETURN QUERY
        SELECT r.run_id, r.job_namespace, r.job_name, r.started_at, r.ended_at,
               CASE r.state WHEN 'COMPLETE' THEN 'COMPLETED' WHEN 'FAIL' THEN 'FAILED' WHEN 'ABORT' THEN 'ABORTED' ELSE 'RUNNING' END,
               ARRAY(SELECT jsonb_object_keys(r.inputs) ORDER BY 1)
          FROM dataplat.foreign_run AS r
         WHERE r.run_id = written::uuid;
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.marquez_run(text) IS 'a run by its runId, or as its kind names it';

-- The run that made what a dataset was at a time, of all jobs that have ever written it the last; NULL: not known.
CREATE OR REPLACE FUNCTION dataplat_internal.marquez_made_by(node text, at timestamptz)
RETURNS uuid
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    c     record;
    made  text;
    one   record;
    ended timestamptz;
    last  timestamptz;
    maker uuid;
BEGIN
    FOR c IN SELECT j.job, s.kind, s.made_by_function
               FROM (SELECT DISTINCT e.job FROM dataplat_internal.lineage_edge AS e WHERE e.output_node = node AND e.output_node <> e.job) AS j
               JOIN dataplat_internal.openlineage_source AS s ON s.made_by_function IS NOT NULL
              ORDER BY j.job, s.kind LOOP
        EXECUTE format('SELECT %s($1, $2)', c.made_by_function) INTO made USING c.job, at;
        CONTINUE WHEN made IS NULL;
        SELECT * INTO one FROM dataplat_internal.marquez_run(c.kind || ':' || made);
        -- One that still goes on has written just now.
        ended := least(coalesce(one.ended_at, at), at);
        IF last IS NULL OR ended > last THEN
            last := ended;
            maker := one.id;
        END IF;
    END LOOP;
    SELECT r.run_id, r.ended_at INTO one
      FROM (SELECT DISTINCT f.namespace, f.name
              FROM dataplat_internal.lineage_edge AS e JOIN dataplat_internal.foreign_job AS f ON f.job = e.job WHERE e.output_node = node) AS j
      JOIN dataplat.foreign_run AS r ON r.job_namespace = j.namespace AND r.job_name = j.name
     WHERE r.state = 'COMPLETE' AND r.ended_at <= at AND r.outputs ? node
     ORDER BY r.ended_at DESC, r.run_id
     LIMIT 1;
    RETURN CASE WHEN FOUND AND (last IS NULL OR one.ended_at > last) THEN one.run_id ELSE maker END;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.marquez_made_by(text, timestamptz) IS 'the run that made what a dataset was at a time';

-- GET /api/v1/runlineage/upstream: the run, the runs that made what it read, and so on; NULL: no such run.
CREATE OR REPLACE FUNCTION dataplat_internal.marquez_run_upstream(caller name, run_id text, depth int, at_most int)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    level text[] := ARRAY[run_id];
    seen  uuid[] := '{}';
    runs  jsonb := '[]';
    far   int := 0;
    found record;
BEGIN
    PERFORM dataplat_internal.marquez_check(caller);
    WHILE cardinality(level) > 0 AND far <= depth AND cardinality(seen) < at_most LOOP
        WITH run AS MATERIALIZED (
            SELECT r.* FROM (SELECT DISTINCT u FROM unnest(level) AS u) AS l (written) CROSS JOIN dataplat_internal.marquez_run(l.written) AS r WHERE r.id <> ALL (seen)
        ), input AS MATERIALIZED (
            SELECT r.id, n.namespace, n.name, dataplat_internal.marquez_made_by(i.node, r.started_at) AS made_by
              FROM run AS r CROSS JOIN unnest(r.inputs) AS i (node) CROSS JOIN LATERAL dataplat_internal.marquez_name(i.node, false) AS n
        )
        SELECT ARRAY(SELECT DISTINCT i.made_by::text FROM input AS i WHERE i.made_by IS NOT NULL) AS next, ARRAY(SELECT r.id FROM run AS r) AS ids,
               (SELECT coalesce(jsonb_agg(jsonb_build_object(
                           'job', jsonb_build_object('namespace', r.namespace, 'name', r.name, 'version', NULL),
                           'run', jsonb_build_object('id', r.id, 'start', dataplat_internal.openlineage_time(r.started_at), 'end', dataplat_internal.openlineage_time(r.ended_at),
                                                     'status', r.status),
                           -- A run makes one version of what it writes.
                           'inputs', (SELECT coalesce(jsonb_agg(jsonb_build_object('namespace', i.namespace, 'name', i.name, 'producedByRunId', i.made_by,
                                                 'version', md5(i.namespace || '/' || i.name || '/' || i.made_by)::uuid) ORDER BY i.namespace, i.name), '[]')
                                        FROM input AS i WHERE i.id = r.id)) ORDER BY r.name, r.id), '[]')
                  FROM run AS r) AS shown
          INTO found;
        runs := runs || found.shown;
        seen := seen || found.ids;
        level := found.next;
        far := far + 1;
    END LOOP;
    RETURN CASE WHEN cardinality(seen) > 0 THEN jsonb_build_object('runs', runs) END;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.marquez_run_upstream(name, text, int, int) IS 'runs above a run, in the shape of Marquez';
