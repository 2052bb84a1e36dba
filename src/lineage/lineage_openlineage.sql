/*
 * lineage: OpenLineage events about the platform's own runs.
 *
 * A room that runs something registers a kind: what is known of a run (its
 * facts, in our own words), which run a uuid belongs to, and which events may
 * be new.  This file turns facts into events of OpenLineage 2-0-2.
 *
 * Facts: {"job", "started_at", "finished_at", "state": succeeded | failed |
 * running | stopped, "processing": BATCH | STREAMING, "job_type", "window"
 * (seconds between snapshots), "sql", "documentation", "owner", "error",
 * "version", "parent": {"kind", "run", "started_at", "job"}, "tests": [...],
 * "inputs" and "outputs": [{"node", "rows", "bytes", "fields", "change", "version"}]}.
 */

-- Let a room tell of its runs.
CREATE OR REPLACE FUNCTION dataplat_internal.register_openlineage_source(kind text, facts_function text, find_function text, emit_function text,
                                                                         made_by_function text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF to_regprocedure(facts_function || '(text, text, timestamptz)') IS NULL OR to_regprocedure(find_function || '(uuid)') IS NULL
       OR to_regprocedure(emit_function || '(timestamptz)') IS NULL OR (made_by_function IS NOT NULL AND to_regprocedure(made_by_function || '(text, timestamptz)') IS NULL) THEN
        RAISE EXCEPTION 'a function for kind "%" of runs does not exist', kind
            USING ERRCODE = 'undefined_function', DETAIL = format('Expected: %s(text, text, timestamptz), %s(uuid), %s(timestamptz)%s.', facts_function, find_function, emit_function,
                                                                  coalesce(', ' || made_by_function || '(text, timestamptz)', ''));
    END IF;
    INSERT INTO dataplat_internal.openlineage_source AS s (kind, facts_function, find_function, emit_function, made_by_function)
    VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT ON CONSTRAINT openlineage_source_pkey
        DO UPDATE SET facts_function = excluded.facts_function, find_function = excluded.find_function, emit_function = excluded.emit_function,
                      made_by_function = excluded.made_by_function
     WHERE (s.facts_function, s.find_function, s.emit_function, s.made_by_function)
           IS DISTINCT FROM (excluded.facts_function, excluded.find_function, excluded.emit_function, excluded.made_by_function);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.register_openlineage_source(text, text, text, text, text) IS 'let a room tell of its runs in OpenLineage events';
REVOKE ALL ON FUNCTION dataplat_internal.register_openlineage_source(text, text, text, text, text) FROM PUBLIC;

-- ---------------------------------------------------------------- names

CREATE OR REPLACE FUNCTION dataplat_internal.lineage_namespace(configured boolean DEFAULT true)
RETURNS text
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_lineage_namespace';
COMMENT ON FUNCTION dataplat_internal.lineage_namespace(boolean) IS
    'namespace of this server''s datasets and jobs: dataplat.lineage_namespace, or what the server listens on (always so with configured => false)';
REVOKE ALL ON FUNCTION dataplat_internal.lineage_namespace(boolean) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.lineage_interval()
RETURNS int
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT extract(epoch FROM current_setting('dataplat.lineage_interval')::interval)::int;
$$;
COMMENT ON FUNCTION dataplat_internal.lineage_interval() IS 'dataplat.lineage_interval in seconds';
REVOKE ALL ON FUNCTION dataplat_internal.lineage_interval() FROM PUBLIC;

-- A uuid of version 7 that the run always gets again: its time, and a hash over installation, kind and run.
CREATE OR REPLACE FUNCTION dataplat_internal.run_uuid(kind text, run text, started_at timestamptz)
RETURNS uuid
LANGUAGE plpgsql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hash text := md5(coalesce((SELECT i.install_uuid::text FROM dataplat_internal.installation AS i ORDER BY i.created_at, i.install_uuid LIMIT 1), '')
                     || '/' || kind || '/' || run);
BEGIN
    RETURN (lpad(to_hex(greatest(floor(extract(epoch FROM started_at) * 1000), 0)::bigint), 12, '0')
            || '7' || substr(hash, 1, 3)
            || translate(substr(hash, 4, 1), '0123456789abcdef', '89ab89ab89ab89ab') || substr(hash, 5, 15))::uuid;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.run_uuid(text, text, timestamptz) IS 'the runId of a run, the same each time it is asked for';
REVOKE ALL ON FUNCTION dataplat_internal.run_uuid(text, text, timestamptz) FROM PUBLIC;

-- When the run of such a uuid began, to the millisecond; NULL for another kind of uuid.
CREATE OR REPLACE FUNCTION dataplat_internal.run_uuid_time(run uuid)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN substr(run::text, 15, 1) = '7'
                THEN '1970-01-01 00:00:00Z'::timestamptz
                     + (('x' || lpad(replace(left(run::text, 13), '-', ''), 16, '0'))::bit(64)::bigint / 1000.0) * interval '1 second' END;
$$;
COMMENT ON FUNCTION dataplat_internal.run_uuid_time(uuid) IS 'when the run with this runId began';
REVOKE ALL ON FUNCTION dataplat_internal.run_uuid_time(uuid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.is_relation_node(node text)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT node ~ '^("([^"]|"")+"|[a-z_][a-z0-9_]*)\.("([^"]|"")+"|[a-z_][a-z0-9_]*)$';
$$;
COMMENT ON FUNCTION dataplat_internal.is_relation_node(text) IS 'a node of this database: schema.table, as regclass prints it';
REVOKE ALL ON FUNCTION dataplat_internal.is_relation_node(text) FROM PUBLIC;

-- What a dataset of ours is called in events.
CREATE OR REPLACE FUNCTION dataplat_internal.openlineage_dataset_name(node text, OUT namespace text, OUT name text)
LANGUAGE plpgsql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    broker text;
BEGIN
    IF dataplat_internal.is_relation_node(node) THEN
        namespace := dataplat_internal.lineage_namespace();
        name := array_to_string(current_database()::text || parse_ident(node), '.');
        RETURN;
    END IF;
    IF node LIKE 'kafka://%/%' THEN
        -- The first broker of the server; the broker itself where no such server is known.
        SELECT split_part(btrim(split_part(substr(o, 19), ',', 1)), '://', 1 + (strpos(split_part(substr(o, 19), ',', 1), '://') > 0)::int) INTO broker
          FROM pg_foreign_server AS f, unnest(f.srvoptions) AS o
         WHERE f.srvname = split_part(node, '/', 3) AND starts_with(o, 'bootstrap.servers=');
        broker := coalesce(nullif(btrim(broker), ''), split_part(node, '/', 3));
        namespace := 'kafka://' || broker || CASE WHEN broker ~ ':[0-9]+$' THEN '' ELSE ':9092' END;
        name := regexp_replace(node, '^kafka://[^/]*/', '');
        RETURN;
    END IF;
    SELECT f.namespace, f.name INTO namespace, name FROM dataplat_internal.foreign_dataset AS f WHERE f.node = openlineage_dataset_name.node;
    IF NOT FOUND THEN
        namespace := coalesce(nullif(substring(node FROM '^([a-z][a-z0-9+.-]*://[^/]*)/'), ''), split_part(node, '/', 1));
        name := substr(node, length(namespace) + 2);
        IF name = '' THEN
            namespace := dataplat_internal.lineage_namespace();
            name := current_database() || '.' || node;
        END IF;
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.openlineage_dataset_name(text) IS 'OpenLineage''s name of a dataset, by its rules of naming';
REVOKE ALL ON FUNCTION dataplat_internal.openlineage_dataset_name(text) FROM PUBLIC;

-- pipeline:silver_orders is shop.pipeline.silver_orders in the namespace of the server.
CREATE OR REPLACE FUNCTION dataplat_internal.openlineage_job_name(job text)
RETURNS text
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT current_database() || '.' || overlay(job PLACING '.' FROM strpos(job, ':') FOR 1);
$$;
COMMENT ON FUNCTION dataplat_internal.openlineage_job_name(text) IS 'OpenLineage''s name of a job of ours';
REVOKE ALL ON FUNCTION dataplat_internal.openlineage_job_name(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.openlineage_time(at timestamptz)
RETURNS text
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
$$;
COMMENT ON FUNCTION dataplat_internal.openlineage_time(timestamptz) IS 'a time as events write it, with its zone';
REVOKE ALL ON FUNCTION dataplat_internal.openlineage_time(timestamptz) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.openlineage_producer()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'https://pgxn.org/dist/dataplat/' || coalesce((SELECT x.extversion FROM pg_extension AS x WHERE x.extname = 'dataplat'), '');
$$;
COMMENT ON FUNCTION dataplat_internal.openlineage_producer() IS 'producer of our events';
REVOKE ALL ON FUNCTION dataplat_internal.openlineage_producer() FROM PUBLIC;

-- ---------------------------------------------------------------- facets

-- One facet, {"key": {...}}; no members that are NULL.  NULL when the body is.
CREATE OR REPLACE FUNCTION dataplat_internal.openlineage_facet(key text, version text, definition text, body jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object(key, jsonb_strip_nulls(body) || jsonb_build_object(
               '_producer', dataplat_internal.openlineage_producer(),
               '_schemaURL', format('https://openlineage.io/spec/facets/%s/%s.json#/$defs/%2$s', version, definition)))
     WHERE body IS NOT NULL;
$$;
COMMENT ON FUNCTION dataplat_internal.openlineage_facet(text, text, text, jsonb) IS 'a facet with the members that each must have';
REVOKE ALL ON FUNCTION dataplat_internal.openlineage_facet(text, text, text, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.join_facets(VARIADIC facets jsonb[])
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') FROM unnest(facets) AS f, jsonb_each(f) AS e WHERE f IS NOT NULL;
$$;
COMMENT ON FUNCTION dataplat_internal.join_facets(jsonb[]) IS 'several facets in one object; NULLs are left out';
REVOKE ALL ON FUNCTION dataplat_internal.join_facets(jsonb[]) FROM PUBLIC;

-- The columns of a table, those of a composite type inside it one level deep.
CREATE OR REPLACE FUNCTION dataplat_internal.openlineage_fields(relation oid)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
               'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'ordinal_position', a.place,
               'description', col_description(relation, a.attnum),
               'fields', (SELECT jsonb_agg(jsonb_build_object('name', i.attname, 'type', format_type(i.atttypid, i.atttypmod)) ORDER BY i.attnum)
                            FROM pg_type AS t
                            JOIN pg_class AS c ON c.oid = t.typrelid AND c.relkind = 'c'
                            JOIN pg_attribute AS i ON i.attrelid = t.typrelid AND i.attnum > 0 AND NOT i.attisdropped
                           WHERE t.oid = a.atttypid))) ORDER BY a.place)
      FROM (SELECT b.*, row_number() OVER (ORDER BY b.attnum) AS place FROM pg_attribute AS b
             WHERE b.attrelid = relation AND b.attnum > 0 AND NOT b.attisdropped) AS a;
$$;
COMMENT ON FUNCTION dataplat_internal.openlineage_fields(oid) IS 'columns of a table for the schema facet';
REVOKE ALL ON FUNCTION dataplat_internal.openlineage_fields(oid) FROM PUBLIC;

-- Edges of a job into a dataset as they held then; as they hold now where none did.
CREATE OR REPLACE FUNCTION dataplat_internal.edges_of_job(job text, output text, at timestamptz)
RETURNS SETOF dataplat_internal.lineage_edge
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH held AS (
        SELECT e.*, e.valid_from <= at AND (e.valid_to IS NULL OR e.valid_to > at) AS held_then
          FROM dataplat_internal.lineage_edge AS e
         WHERE e.job = edges_of_job.job AND (output IS NULL OR e.output_node = output)
           AND (e.valid_to IS NULL OR e.valid_to > at)
    )
    SELECT h.edge_id, h.origin, h.job, h.output_node, h.output_column, h.input_node, h.input_column, h.type, h.subtype, h.masking,
           h.description, h.run_id, h.valid_from, h.valid_to
      FROM held AS h
     WHERE h.held_then OR (h.valid_to IS NULL AND NOT EXISTS (SELECT FROM held AS o WHERE o.held_then));
$$;
COMMENT ON FUNCTION dataplat_internal.edges_of_job(text, text, timestamptz) IS 'who fed a job''s output at a time';
REVOKE ALL ON FUNCTION dataplat_internal.edges_of_job(text, text, timestamptz) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.openlineage_column_lineage(job text, output text, at timestamptz)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH edge AS MATERIALIZED (
        SELECT e.output_column, e.input_node, e.input_column,
               jsonb_agg(DISTINCT jsonb_strip_nulls(jsonb_build_object('type', e.type, 'subtype', e.subtype, 'masking', e.masking, 'description', e.description))) AS transformations
          FROM dataplat_internal.edges_of_job(job, output, at) AS e
         WHERE e.input_column IS NOT NULL
         GROUP BY e.output_column, e.input_node, e.input_column
    ), named AS (
        SELECT e.output_column, jsonb_agg(jsonb_build_object('namespace', n.namespace, 'name', n.name, 'field', e.input_column,
                   'transformations', e.transformations) ORDER BY n.namespace, n.name, e.input_column) AS inputs
          FROM edge AS e, dataplat_internal.openlineage_dataset_name(e.input_node) AS n
         GROUP BY e.output_column
    )
    SELECT jsonb_build_object(
               'fields', coalesce(jsonb_object_agg(n.output_column, jsonb_build_object('inputFields', n.inputs)) FILTER (WHERE n.output_column IS NOT NULL), '{}'),
               'dataset', (SELECT w.inputs FROM named AS w WHERE w.output_column IS NULL))
      FROM named AS n
    HAVING count(*) > 0;
$$;
COMMENT ON FUNCTION dataplat_internal.openlineage_column_lineage(text, text, timestamptz) IS 'body of the columnLineage facet of a job''s output; NULL when nothing is known';
REVOKE ALL ON FUNCTION dataplat_internal.openlineage_column_lineage(text, text, timestamptz) FROM PUBLIC;

-- Row count, size and the statistics of the columns, as the planner knows them: nothing is read.
CREATE OR REPLACE FUNCTION dataplat_internal.openlineage_metrics(relation oid)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('rowCount', c.reltuples::bigint, 'bytes', c.relpages::bigint * current_setting('block_size')::int, 'columnMetrics', coalesce((
               SELECT jsonb_object_agg(s.attname, jsonb_build_object(
                          'nullCount', round(s.null_frac * c.reltuples)::bigint,
                          'distinctCount', round(CASE WHEN s.n_distinct < 0 THEN -s.n_distinct * c.reltuples ELSE s.n_distinct END)::bigint,
                          'count', round((1 - s.null_frac) * c.reltuples)::bigint))
                 FROM pg_stats AS s
                WHERE s.schemaname = n.nspname AND s.tablename = c.relname AND s.inherited = (c.relkind = 'p')), '{}'))
      FROM pg_class AS c
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.oid = relation AND c.reltuples >= 0 AND c.relkind IN ('r', 'p', 'm');
$$;
COMMENT ON FUNCTION dataplat_internal.openlineage_metrics(oid) IS 'body of the dataQualityMetrics facet, from the statistics of the last ANALYZE; NULL without any';
REVOKE ALL ON FUNCTION dataplat_internal.openlineage_metrics(oid) FROM PUBLIC;

-- Other names of a table: where a foreign table really is, and what this server is called without the setting.
CREATE OR REPLACE FUNCTION dataplat_internal.openlineage_symlinks(relation oid, name text)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('identifiers', jsonb_agg(jsonb_build_object('namespace', i.namespace, 'name', i.name, 'type', i.type) ORDER BY i.namespace, i.name))
      FROM (SELECT dataplat_internal.lineage_namespace(false) AS namespace, openlineage_symlinks.name AS name,
                   CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'VIEW' ELSE 'TABLE' END AS type
              FROM pg_class AS c
             WHERE c.oid = relation AND dataplat_internal.lineage_namespace(false) <> dataplat_internal.lineage_namespace()
             UNION ALL
            SELECT format('postgres://%s:%s', so.options ->> 'host', coalesce(so.options ->> 'port', '5432')),
                   format('%s.%s.%s', so.options ->> 'dbname', coalesce(fo.options ->> 'schema_name', n.nspname), coalesce(fo.options ->> 'table_name', c.relname)), 'TABLE'
              FROM pg_foreign_table AS t
              JOIN pg_class AS c ON c.oid = t.ftrelid
              JOIN pg_namespace AS n ON n.oid = c.relnamespace
              JOIN pg_foreign_server AS s ON s.oid = t.ftserver
              JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw AND w.fdwname = 'postgres_fdw'
             CROSS JOIN LATERAL (SELECT jsonb_object_agg(split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)) AS options FROM unnest(s.srvoptions) AS o) AS so
             CROSS JOIN LATERAL (SELECT coalesce(jsonb_object_agg(split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)), '{}') AS options FROM unnest(t.ftoptions) AS o) AS fo
             WHERE t.ftrelid = relation AND so.options ? 'host' AND so.options ? 'dbname') AS i
    HAVING count(*) > 0;
$$;
COMMENT ON FUNCTION dataplat_internal.openlineage_symlinks(oid, text) IS 'body of the symlinks facet; NULL when the table has no other name';
REVOKE ALL ON FUNCTION dataplat_internal.openlineage_symlinks(oid, text) FROM PUBLIC;

-- What the catalog adds about a dataset: {"documentation", "owners": [{"name", "type"}], "tags": [{"key", "value", "field"}]}.
CREATE OR REPLACE FUNCTION dataplat_internal.openlineage_governance(node text, relation oid)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object(
               'documentation', coalesce(obj_description(relation, 'pg_class'), (SELECT n.description FROM dataplat_internal.dataset_note AS n WHERE n.object = node)),
               -- Whom the catalog names, else the role that owns the table.
               'owners', coalesce(
                   (SELECT jsonb_agg(jsonb_build_object('name', o.owner, 'type', o.ownership_type) ORDER BY o.ownership_type, o.owner) FROM dataplat.dataset_owner AS o WHERE o.object = node),
                   (SELECT jsonb_build_array(jsonb_build_object('name', pg_get_userbyid(c.relowner), 'type', 'OWNER')) FROM pg_class AS c WHERE c.oid = relation)),
               'tags', (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('key', t.tag, 'value', 'true', 'source', 'DATAPLAT', 'field', nullif(t.column_name, '')))
                                         ORDER BY t.column_name, t.tag) FROM dataplat.tag AS t WHERE t.object = node));
$$;
COMMENT ON FUNCTION dataplat_internal.openlineage_governance(text, oid) IS 'description, owners and tags of a dataset';
REVOKE ALL ON FUNCTION dataplat_internal.openlineage_governance(text, oid) FROM PUBLIC;

-- Results of rules about one dataset.  A rule that could not be evaluated neither passed nor failed, so it is left out.
CREATE OR REPLACE FUNCTION dataplat_internal.openlineage_assertions(tests jsonb, node text)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('assertions', jsonb_agg(jsonb_build_object('assertion', t -> 'kind', 'success', t -> 'success', 'column', t -> 'column',
               'severity', t -> 'severity', 'name', t -> 'name', 'expected', t -> 'expected', 'actual', t -> 'actual') ORDER BY t ->> 'name'))
      FROM jsonb_array_elements(tests) AS t
     WHERE t ->> 'dataset' = node AND jsonb_typeof(t -> 'success') = 'boolean'
    HAVING count(*) > 0;
$$;
COMMENT ON FUNCTION dataplat_internal.openlineage_assertions(jsonb, text) IS 'body of the dataQualityAssertions facet; NULL without results';
REVOKE ALL ON FUNCTION dataplat_internal.openlineage_assertions(jsonb, text) FROM PUBLIC;

-- ---------------------------------------------------------------- events

-- An input or output with all that is known of it; "ended": results belong to it, too.
CREATE OR REPLACE FUNCTION dataplat_internal.openlineage_dataset(dataset jsonb, is_output boolean, facts jsonb, at timestamptz, ended boolean)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    node       text := dataset ->> 'node';
    called     record;
    relation   oid;
    governance jsonb;
    assertions jsonb;
    facets     jsonb;
    more       jsonb;
BEGIN
    called := dataplat_internal.openlineage_dataset_name(node);
    IF dataplat_internal.is_relation_node(node) THEN
        relation := to_regclass(node);
    END IF;
    governance := dataplat_internal.openlineage_governance(node, relation);
    IF ended THEN
        assertions := dataplat_internal.openlineage_facet('dataQualityAssertions', '1-1-0', 'DataQualityAssertionsDatasetFacet',
                                                          dataplat_internal.openlineage_assertions(facts -> 'tests', node));
    END IF;
    facets := dataplat_internal.join_facets(
        dataplat_internal.openlineage_facet('schema', '1-2-0', 'SchemaDatasetFacet',
            jsonb_build_object('fields', coalesce(dataset -> 'fields', dataplat_internal.openlineage_fields(relation)))),
        dataplat_internal.openlineage_facet('documentation', '1-1-0', 'DocumentationDatasetFacet',
            CASE WHEN governance ->> 'documentation' IS NOT NULL THEN jsonb_build_object('description', governance -> 'documentation') END),
        dataplat_internal.openlineage_facet('ownership', '1-0-1', 'OwnershipDatasetFacet',
            CASE WHEN governance -> 'owners' <> 'null' THEN jsonb_build_object('owners', governance -> 'owners') END),
        dataplat_internal.openlineage_facet('tags', '1-0-0', 'TagsDatasetFacet',
            CASE WHEN governance -> 'tags' <> 'null' THEN jsonb_build_object('tags', governance -> 'tags') END),
        dataplat_internal.openlineage_facet('symlinks', '1-0-1', 'SymlinksDatasetFacet', dataplat_internal.openlineage_symlinks(relation, called.name)),
        dataplat_internal.openlineage_facet('version', '1-0-1', 'DatasetVersionDatasetFacet',
            CASE WHEN ended AND dataset ->> 'version' IS NOT NULL THEN jsonb_build_object('datasetVersion', dataset ->> 'version') END),
        dataplat_internal.openlineage_facet('lifecycleStateChange', '1-0-1', 'LifecycleStateChangeDatasetFacet',
            CASE WHEN ended AND dataset ->> 'change' IS NOT NULL THEN jsonb_build_object('lifecycleStateChange', dataset -> 'change') END),
        CASE WHEN is_output THEN assertions END,
        CASE WHEN is_output THEN dataplat_internal.openlineage_facet('columnLineage', '1-2-0', 'ColumnLineageDatasetFacet',
                                     dataplat_internal.openlineage_column_lineage(facts ->> 'job', node, at)) END);
    IF is_output THEN
        more := dataplat_internal.join_facets(dataplat_internal.openlineage_facet('outputStatistics', '1-0-2', 'OutputStatisticsOutputDatasetFacet',
            CASE WHEN ended AND dataset ->> 'rows' IS NOT NULL THEN jsonb_build_object('rowCount', dataset -> 'rows', 'size', dataset -> 'bytes') END));
    ELSE
        more := dataplat_internal.join_facets(assertions,
            dataplat_internal.openlineage_facet('inputStatistics', '1-0-0', 'InputStatisticsInputDatasetFacet',
                CASE WHEN ended AND dataset ->> 'rows' IS NOT NULL THEN jsonb_build_object('rowCount', dataset -> 'rows', 'size', dataset -> 'bytes') END),
            CASE WHEN ended THEN dataplat_internal.openlineage_facet('dataQualityMetrics', '1-0-3', 'DataQualityMetricsInputDatasetFacet',
                                     dataplat_internal.openlineage_metrics(relation)) END);
    END IF;
    RETURN jsonb_build_object('namespace', called.namespace, 'name', called.name, 'facets', facets,
                              CASE WHEN is_output THEN 'outputFacets' ELSE 'inputFacets' END, more);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.openlineage_dataset(jsonb, boolean, jsonb, timestamptz, boolean) IS 'an input or output of an event, with its facets';
REVOKE ALL ON FUNCTION dataplat_internal.openlineage_dataset(jsonb, boolean, jsonb, timestamptz, boolean) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.openlineage_run_facets(facts jsonb, ended boolean)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.join_facets(
        dataplat_internal.openlineage_facet('nominalTime', '1-0-1', 'NominalTimeRunFacet', jsonb_build_object(
            'nominalStartTime', dataplat_internal.openlineage_time((facts ->> 'started_at')::timestamptz),
            'nominalEndTime', dataplat_internal.openlineage_time(CASE WHEN ended THEN (facts ->> 'finished_at')::timestamptz END))),
        dataplat_internal.openlineage_facet('parent', '1-2-0', 'ParentRunFacet', (
            SELECT jsonb_build_object('run', p.run, 'job', p.job, 'root', jsonb_build_object('run', p.run, 'job', p.job))
              FROM (SELECT jsonb_build_object('runId', coalesce((f ->> 'runId')::uuid,
                                                                dataplat_internal.run_uuid(f ->> 'kind', f ->> 'run', (f ->> 'started_at')::timestamptz))) AS run,
                           jsonb_build_object('namespace', coalesce(f ->> 'namespace', dataplat_internal.lineage_namespace()),
                                              'name', coalesce(f ->> 'name', dataplat_internal.openlineage_job_name(f ->> 'job'))) AS job
                      FROM (SELECT facts -> 'parent' AS f) AS g
                     WHERE f <> 'null') AS p)),
        dataplat_internal.openlineage_facet('errorMessage', '1-0-1', 'ErrorMessageRunFacet',
            CASE WHEN ended AND facts ->> 'error' IS NOT NULL
                 THEN jsonb_build_object('message', left(facts ->> 'error', 4000), 'programmingLanguage', 'SQL') END),
        dataplat_internal.openlineage_facet('processing_engine', '1-1-1', 'ProcessingEngineRunFacet', jsonb_build_object(
            'name', 'PostgreSQL', 'version', split_part(current_setting('server_version'), ' ', 1),
            'openlineageAdapterVersion', (SELECT x.extversion FROM pg_extension AS x WHERE x.extname = 'dataplat'))),
        dataplat_internal.openlineage_facet('test', '1-0-1', 'TestRunFacet', (
            SELECT jsonb_build_object('tests', jsonb_agg(jsonb_build_object('name', t -> 'name', 'status', t -> 'status', 'severity', t -> 'severity',
                       'type', t -> 'kind', 'expected', t -> 'expected', 'actual', t -> 'actual') ORDER BY t ->> 'name'))
              FROM jsonb_array_elements(CASE WHEN ended THEN facts -> 'tests' END) AS t
            HAVING count(*) > 0)));
$$;
COMMENT ON FUNCTION dataplat_internal.openlineage_run_facets(jsonb, boolean) IS 'facets of a run';
REVOKE ALL ON FUNCTION dataplat_internal.openlineage_run_facets(jsonb, boolean) FROM PUBLIC;

-- A statement longer than this many characters is cut.
CREATE OR REPLACE FUNCTION dataplat_internal.openlineage_sql(query text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN length(query) > 65536 THEN left(query, 65536) || E'\n-- cut: ' || length(query) || ' characters' ELSE query END;
$$;
COMMENT ON FUNCTION dataplat_internal.openlineage_sql(text) IS 'a statement for the sql facet, cut when it is huge';
REVOKE ALL ON FUNCTION dataplat_internal.openlineage_sql(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.openlineage_job_facets(facts jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.join_facets(
        dataplat_internal.openlineage_facet('jobType', '2-0-4', 'JobTypeJobFacet', jsonb_build_object(
            'processingType', coalesce(facts ->> 'processing', 'BATCH'), 'integration', 'DATAPLAT', 'jobType', facts -> 'job_type',
            'emissionPattern', jsonb_strip_nulls(jsonb_build_object(
                'eventTrigger', CASE WHEN facts ->> 'window' IS NULL THEN 'EVENT_BASED' ELSE 'PERIODIC' END,
                'eventContentMode', CASE WHEN facts ->> 'window' IS NULL THEN 'ACCUMULATIVE' ELSE 'COMPLETE_SNAPSHOT' END, 'windowDuration', (facts ->> 'window')::int)))),
        dataplat_internal.openlineage_facet('sql', '1-1-0', 'SQLJobFacet',
            CASE WHEN facts ->> 'sql' IS NOT NULL THEN jsonb_build_object('query', dataplat_internal.openlineage_sql(facts ->> 'sql'), 'dialect', 'postgresql') END),
        dataplat_internal.openlineage_facet('documentation', '1-1-0', 'DocumentationJobFacet',
            CASE WHEN facts ->> 'documentation' IS NOT NULL THEN jsonb_build_object('description', facts -> 'documentation') END),
        dataplat_internal.openlineage_facet('ownership', '1-0-1', 'OwnershipJobFacet',
            CASE WHEN facts ->> 'owner' IS NOT NULL THEN jsonb_build_object('owners', jsonb_build_array(jsonb_build_object('name', facts -> 'owner', 'type', 'OWNER'))) END),
        dataplat_internal.openlineage_facet('sourceCodeLocation', '1-1-0', 'SourceCodeLocationJobFacet', (
            SELECT jsonb_build_object('type', l.type, 'url', l.url, 'repoUrl', l.repo_url, 'path', l.path, 'version', l.version, 'branch', l.branch)
              FROM dataplat.code_location AS l WHERE l.job = facts ->> 'job')));
$$;
COMMENT ON FUNCTION dataplat_internal.openlineage_job_facets(jsonb) IS 'facets of a job';
REVOKE ALL ON FUNCTION dataplat_internal.openlineage_job_facets(jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.openlineage_build(run uuid, event_type text, at timestamptz, facts jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- A START tells what will be read and written, every other event also what came of it.
    ended boolean := event_type <> 'START';
BEGIN
    IF event_type NOT IN ('COMPLETE', 'FAIL', 'ABORT') THEN
        facts := facts - 'finished_at';
    END IF;
    RETURN jsonb_build_object(
        'eventType', event_type,
        'eventTime', dataplat_internal.openlineage_time(at),
        'producer', dataplat_internal.openlineage_producer(),
        'schemaURL', 'https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent',
        'run', jsonb_build_object('runId', run, 'facets', dataplat_internal.openlineage_run_facets(facts, ended)),
        'job', jsonb_build_object('namespace', dataplat_internal.lineage_namespace(), 'name', dataplat_internal.openlineage_job_name(facts ->> 'job'),
                                  'facets', dataplat_internal.openlineage_job_facets(facts)),
        'inputs', coalesce((SELECT jsonb_agg(dataplat_internal.openlineage_dataset(d, false, facts, at, ended) ORDER BY d ->> 'node')
                              FROM jsonb_array_elements(facts -> 'inputs') AS d), '[]'),
        'outputs', coalesce((SELECT jsonb_agg(dataplat_internal.openlineage_dataset(d, true, facts, at, ended) ORDER BY d ->> 'node')
                               FROM jsonb_array_elements(facts -> 'outputs') AS d), '[]'));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.openlineage_build(uuid, text, timestamptz, jsonb) IS 'a run event from what is known of the run';
REVOKE ALL ON FUNCTION dataplat_internal.openlineage_build(uuid, text, timestamptz, jsonb) FROM PUBLIC;

-- The kind of a run and its name there: by uuid, kind:run, or the number of a pipeline's run.
CREATE OR REPLACE FUNCTION dataplat_internal.openlineage_find_run(run_id text, OUT kind text, OUT run text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s dataplat_internal.openlineage_source;
BEGIN
    IF run_id ~* '^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$' THEN
        FOR s IN SELECT * FROM dataplat_internal.openlineage_source AS o ORDER BY o.kind LOOP
            EXECUTE format('SELECT %s($1)', s.find_function) INTO run USING run_id::uuid;
            IF run IS NOT NULL THEN
                kind := s.kind;
                RETURN;
            END IF;
        END LOOP;
    ELSIF run_id ~ '^[0-9]{1,18}$' THEN
        kind := 'pipeline';
        run := run_id;
    ELSIF strpos(run_id, ':') > 0 THEN
        kind := split_part(run_id, ':', 1);
        run := substr(run_id, strpos(run_id, ':') + 1);
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.openlineage_find_run(text) IS 'which run a runId means; NULLs when there is none';
REVOKE ALL ON FUNCTION dataplat_internal.openlineage_find_run(text) FROM PUBLIC;

-- The event, or NULL when there is no such run; "at": when it happened, where the facts do not tell.
CREATE OR REPLACE FUNCTION dataplat_internal.openlineage_event_of(kind text, run text, event_type text, at timestamptz)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    s     dataplat_internal.openlineage_source;
    facts jsonb;
    last  text;
BEGIN
    SELECT * INTO s FROM dataplat_internal.openlineage_source AS o WHERE o.kind = openlineage_event_of.kind;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT %s($1, $2, $3)', s.facts_function) INTO facts USING run, event_type, at;
    IF facts IS NULL THEN
        RETURN NULL;
    END IF;
    facts := jsonb_strip_nulls(facts);
    last := CASE facts ->> 'state' WHEN 'succeeded' THEN 'COMPLETE' WHEN 'failed' THEN 'FAIL' WHEN 'stopped' THEN 'ABORT' END;
    IF event_type IN ('COMPLETE', 'FAIL', 'ABORT') AND event_type IS DISTINCT FROM last THEN
        RAISE EXCEPTION 'run % has no event %', run, event_type
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = CASE WHEN last IS NULL THEN 'It is still going on.' ELSE format('It ended with %s.', last) END;
    END IF;
    event_type := coalesce(event_type, last, 'RUNNING');
    at := coalesce(CASE WHEN event_type = 'START' THEN (facts ->> 'started_at')::timestamptz WHEN event_type = last THEN (facts ->> 'finished_at')::timestamptz END,
                   at, clock_timestamp());
    RETURN dataplat_internal.openlineage_build(dataplat_internal.run_uuid(kind, run, (facts ->> 'started_at')::timestamptz), event_type, at, facts);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.openlineage_event_of(text, text, text, timestamptz) IS 'an event of a run of some kind';
REVOKE ALL ON FUNCTION dataplat_internal.openlineage_event_of(text, text, text, timestamptz) FROM PUBLIC;

-- SECURITY DEFINER: facts of runs are in private tables, and hold no secrets;
-- who may ask is decided by EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat.openlineage_event(run_id text, event_type text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found record;
    event jsonb;
BEGIN
    IF event_type IS NOT NULL AND upper(event_type) NOT IN ('START', 'RUNNING', 'COMPLETE', 'ABORT', 'FAIL', 'OTHER') THEN
        RAISE EXCEPTION 'unknown event type "%"', event_type
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The types are START, RUNNING, COMPLETE, ABORT, FAIL and OTHER.';
    END IF;
    found := dataplat_internal.openlineage_find_run(run_id);
    event := dataplat_internal.openlineage_event_of(found.kind, found.run, upper(event_type), NULL);
    IF event IS NULL AND run_id IS NOT NULL THEN
        RAISE EXCEPTION 'run "%" does not exist', run_id
            USING ERRCODE = 'undefined_object',
                  HINT = 'Give the run_id of dataplat.pipeline_run, kind:run, or the uuid of an event. The kinds are: '
                         || coalesce((SELECT string_agg(s.kind, ', ' ORDER BY s.kind) FROM dataplat_internal.openlineage_source AS s), 'none') || '.';
    END IF;
    RETURN event;
END;
$$;
COMMENT ON FUNCTION dataplat.openlineage_event(text, text) IS 'OpenLineage''s event of a run: START, RUNNING, or how it ended (also when no type is given)';
REVOKE ALL ON FUNCTION dataplat.openlineage_event(text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.openlineage_event(run_id bigint, event_type text DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat.openlineage_event(run_id::text, event_type);
$$;
COMMENT ON FUNCTION dataplat.openlineage_event(bigint, text) IS 'the same for a run of a pipeline';
REVOKE ALL ON FUNCTION dataplat.openlineage_event(bigint, text) FROM PUBLIC;

-- ---------------------------------------------------------------- where code is kept

CREATE OR REPLACE FUNCTION dataplat_internal.command_set_code_location(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF a ->> 'job' IS NULL OR a ->> 'job' !~ '^[a-z_]+:.' THEN
        RAISE EXCEPTION '"%" is not a job', a ->> 'job'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Jobs are written kind:name, for example pipeline:silver_orders.';
    END IF;
    IF a ->> 'url' IS NULL THEN
        DELETE FROM dataplat.code_location AS l WHERE l.job = a ->> 'job';
        RETURN 'null';
    END IF;
    IF a ->> 'url' !~ '^[a-z][a-z0-9+.-]*:[!-~]+$' OR a ->> 'url' ~ '^[^/]*//[^/]*@' OR a ->> 'repo_url' ~ '^[^/]*//[^/]*:[^/]*@' THEN
        RAISE EXCEPTION 'invalid url of code'
            USING ERRCODE = 'invalid_parameter_value', DETAIL = 'It must be a URL without blanks and without a login.';
    END IF;
    INSERT INTO dataplat.code_location (job, type, url, repo_url, path, version, branch)
    SELECT r.job, coalesce(r.type, 'git'), r.url, r.repo_url, r.path, r.version, r.branch FROM jsonb_populate_record(NULL::dataplat.code_location, a) AS r
        ON CONFLICT (job) DO UPDATE SET type = excluded.type, url = excluded.url, repo_url = excluded.repo_url, path = excluded.path,
                                        version = excluded.version, branch = excluded.branch;
    RETURN 'null';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_set_code_location(name, jsonb) IS 'command: dataplat.set_code_location';
REVOKE ALL ON FUNCTION dataplat_internal.command_set_code_location(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.set_code_location(job text, url text, repo_url text DEFAULT NULL, path text DEFAULT NULL, version text DEFAULT NULL,
                                                      branch text DEFAULT NULL, type text DEFAULT 'git')
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat.command('set_code_location', jsonb_build_object('job', job, 'url', url, 'repo_url', repo_url, 'path', path, 'version', version,
                            'branch', branch, 'type', type));
$$;
COMMENT ON FUNCTION dataplat.set_code_location(text, text, text, text, text, text, text) IS 'say where the code of a job is kept, for OpenLineage events; url NULL forgets it';
REVOKE ALL ON FUNCTION dataplat.set_code_location(text, text, text, text, text, text, text) FROM PUBLIC;
