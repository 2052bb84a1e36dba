/*
 * lineage: what dbt's artifacts tell.
 *
 * The manifest gives nodes, edges, descriptions; run_results and sources what
 * became of them; the catalog what columns there are.  A newer import of a
 * project replaces the older one.  Members that are not known are ignored.
 */

-- Which artifact it is: {"kind", "version"}; an error for one that is not known or too old.
CREATE OR REPLACE FUNCTION dataplat_internal.check_dbt_artifact(kind text, artifact jsonb)
RETURNS int
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known  CONSTANT jsonb := '{"manifest": ["manifest", 9, 12], "run_results": ["run-results", 4, 6], "sources": ["sources", 3, 3], "catalog": ["catalog", 1, 1]}';
    parts  text[];
    url    text;
BEGIN
    IF NOT coalesce(known ? kind, false) THEN
        RAISE EXCEPTION 'unknown kind of artifact "%"', coalesce(kind, '')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The kinds are manifest, run_results, sources and catalog.';
    END IF;
    url := CASE WHEN jsonb_typeof(artifact) = 'object' THEN artifact #>> '{metadata,dbt_schema_version}' END;
    parts := regexp_match(url, '/dbt/([a-z-]+)/v(\d{1,4})\.json$');
    IF parts IS NULL OR parts[1] <> known #>> ARRAY[kind, '0'] OR NOT parts[2]::int BETWEEN (known #>> ARRAY[kind, '1'])::int AND (known #>> ARRAY[kind, '2'])::int THEN
        RAISE EXCEPTION 'cannot read this as a dbt artifact of kind %', kind
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = CASE WHEN url IS NULL THEN 'It has no metadata.dbt_schema_version.' ELSE format('Its metadata say "%s".', left(url, 200)) END,
                  HINT = 'Known are manifest v9 to v12, run_results v4 to v6, sources v3 and catalog v1.';
    END IF;
    RETURN parts[2]::int;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_dbt_artifact(text, jsonb) IS 'version of a dbt artifact; an error for what is none';
REVOKE ALL ON FUNCTION dataplat_internal.check_dbt_artifact(text, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.dbt_time(value text)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
BEGIN
    RETURN value::timestamptz;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.dbt_time(text) IS 'a time of dbt''s, UTC when it has no zone; NULL when it is none';
REVOKE ALL ON FUNCTION dataplat_internal.dbt_time(text) FROM PUBLIC;

-- "shop"."silver"."orders" is silver.orders in database shop, and dbt:unique_id elsewhere.
CREATE OR REPLACE FUNCTION dataplat_internal.node_of_dbt(entry jsonb)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts text[];
BEGIN
    IF entry ->> 'resource_type' = 'exposure' THEN
        RETURN 'exposure:' || (entry ->> 'name');
    END IF;
    BEGIN
        parts := parse_ident(entry ->> 'relation_name');
    EXCEPTION WHEN invalid_parameter_value THEN
        NULL;
    END;
    IF cardinality(parts) = 3 AND parts[1] = current_database() AND entry ->> 'resource_type' <> 'test' THEN
        RETURN format('%I.%I', parts[2], parts[3]);
    END IF;
    RETURN 'dbt:' || (entry ->> 'unique_id');
END;
$$;
COMMENT ON FUNCTION dataplat_internal.node_of_dbt(jsonb) IS 'the node of lineage for an entry of a manifest';
REVOKE ALL ON FUNCTION dataplat_internal.node_of_dbt(jsonb) FROM PUBLIC;

-- Edges of a node: by column where its compiled SQL can be read here, else by what it depends on.
CREATE OR REPLACE FUNCTION dataplat_internal.facts_of_dbt(n dataplat.dbt_node)
RETURNS dataplat_internal.lineage_fact[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    facts dataplat_internal.lineage_fact[] := '{}';
    job   text := 'dbt:' || n.unique_id;
BEGIN
    IF n.compiled_code IS NOT NULL AND n.resource_type IN ('model', 'snapshot') AND dataplat_internal.is_relation_node(n.node) THEN
        BEGIN
            facts := ARRAY(
                SELECT DISTINCT ROW(job, n.node, l.output_column, l.source_relation, l.source_column, l.type, l.subtype, coalesce(l.masking, false), NULL)::dataplat_internal.lineage_fact
                  FROM dataplat_internal.statement_lineage(n.compiled_code, 'pg_catalog', false) AS l
                 WHERE l.source_relation IS NOT NULL);
        EXCEPTION WHEN OTHERS THEN
            facts := '{}';
        END;
    END IF;
    RETURN facts || ARRAY(
        SELECT ROW(job, n.node, NULL, p.node, NULL, 'DIRECT', 'TRANSFORMATION', false, NULL)::dataplat_internal.lineage_fact
          FROM unnest(n.depends_on) AS d (id)
          JOIN dataplat.dbt_node AS p ON p.unique_id = d.id AND p.resource_type IN ('model', 'seed', 'snapshot', 'source')
         WHERE NOT EXISTS (SELECT FROM unnest(facts) AS f WHERE f.input_node = p.node));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.facts_of_dbt(dataplat.dbt_node) IS 'edges of a node of a dbt manifest';
REVOKE ALL ON FUNCTION dataplat_internal.facts_of_dbt(dataplat.dbt_node) FROM PUBLIC;

-- What the manifest says of a relation, into the catalog, as far as the caller may.
CREATE OR REPLACE FUNCTION dataplat_internal.describe_from_dbt(caller name, n dataplat.dbt_node)
RETURNS int
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c    record;
    tag  text;
    told int := 0;
BEGIN
    IF NOT dataplat_internal.is_relation_node(n.node) OR to_regclass(n.node) IS NULL THEN
        RETURN 0;
    END IF;
    BEGIN
        IF n.description <> '' AND n.description IS DISTINCT FROM obj_description(to_regclass(n.node), 'pg_class') THEN
            PERFORM dataplat_internal.command_set_description(caller, jsonb_build_object('object', n.node, 'description', n.description));
            told := told + 1;
        END IF;
        FOR c IN SELECT a.attname, a.attnum, e.value ->> 'description' AS description
                   FROM jsonb_each(n.columns) AS e JOIN pg_attribute AS a ON a.attrelid = to_regclass(n.node) AND a.attname = e.key AND a.attnum > 0 AND NOT a.attisdropped
                  WHERE e.value ->> 'description' <> ''
        LOOP
            IF c.description IS DISTINCT FROM col_description(to_regclass(n.node), c.attnum) THEN
                PERFORM dataplat_internal.command_set_description(caller, jsonb_build_object('object', format('%s.%I', n.node, c.attname), 'description', c.description));
                told := told + 1;
            END IF;
        END LOOP;
        FOREACH tag IN ARRAY n.tags LOOP
            PERFORM dataplat_internal.command_add_tag(caller, jsonb_build_object('object', n.node, 'tag', tag));
        END LOOP;
        IF n.owner <> '' THEN
            PERFORM dataplat_internal.command_set_owner(caller, jsonb_build_object('object', n.node, 'owner', n.owner, 'ownership_type', 'technical owner', 'replace_others', false));
        END IF;
    EXCEPTION WHEN insufficient_privilege OR lock_not_available OR undefined_table OR undefined_object OR undefined_column OR invalid_parameter_value THEN
        -- What dbt says is kept in dbt_node all the same.
        RETURN 0;
    END;
    RETURN told;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.describe_from_dbt(name, dataplat.dbt_node) IS 'bring descriptions, tags and owners of a dbt node into the catalog';
REVOKE ALL ON FUNCTION dataplat_internal.describe_from_dbt(name, dataplat.dbt_node) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.import_dbt_manifest(caller name, project_name text, manifest jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    n         dataplat.dbt_node;
    edges     int := 0;
    described int := 0;
    nodes     int;
    before    jsonb;
BEGIN
    -- What was there before: unique_id to what the catalog said.
    WITH gone AS (DELETE FROM dataplat.dbt_node AS d WHERE d.project = project_name RETURNING d.unique_id, d.catalog)
    SELECT coalesce(jsonb_object_agg(g.unique_id, g.catalog), '{}') INTO before FROM gone AS g;
    INSERT INTO dataplat.dbt_node (unique_id, project, resource_type, name, node, description, owner, tags, materialized, path, checksum, depends_on, columns, compiled_code, test, catalog)
    SELECT DISTINCT ON (e.value ->> 'unique_id') e.value ->> 'unique_id', project_name, e.value ->> 'resource_type', coalesce(e.value ->> 'name', e.key),
           dataplat_internal.node_of_dbt(e.value), nullif(e.value ->> 'description', ''),
           coalesce(e.value #>> '{owner,name}', e.value #>> '{owner,email}', e.value #>> '{config,meta,owner}', e.value #>> '{meta,owner}'),
           ARRAY(SELECT jsonb_array_elements_text(CASE jsonb_typeof(e.value -> 'tags') WHEN 'array' THEN e.value -> 'tags' ELSE '[]' END)),
           e.value #>> '{config,materialized}', e.value ->> 'original_file_path', e.value #>> '{checksum,checksum}',
           ARRAY(SELECT jsonb_array_elements_text(coalesce(nullif(e.value #> '{depends_on,nodes}', 'null'), manifest -> 'parent_map' -> (e.value ->> 'unique_id'), '[]'))),
           CASE jsonb_typeof(e.value -> 'columns') WHEN 'object' THEN e.value -> 'columns' ELSE '{}' END,
           coalesce(e.value ->> 'compiled_code', e.value ->> 'compiled_sql'),
           CASE WHEN e.value ->> 'resource_type' = 'test' THEN jsonb_build_object('name', e.value #> '{test_metadata,name}', 'kwargs', e.value #> '{test_metadata,kwargs}',
                'column_name', e.value -> 'column_name', 'attached_node', e.value -> 'attached_node', 'severity', lower(e.value #>> '{config,severity}')) END,
           nullif(before -> (e.value ->> 'unique_id'), 'null')
      FROM unnest('{nodes,sources,exposures}'::text[]) AS part (name),
           jsonb_each(CASE jsonb_typeof(manifest -> part.name) WHEN 'object' THEN manifest -> part.name ELSE '{}' END) AS e
     WHERE e.value ->> 'unique_id' <> '' AND e.value ->> 'resource_type' IN ('model', 'seed', 'snapshot', 'source', 'test', 'exposure', 'analysis', 'operation')
        ON CONFLICT (unique_id) DO NOTHING;
    GET DIAGNOSTICS nodes = ROW_COUNT;

    FOR n IN SELECT * FROM dataplat.dbt_node AS d WHERE d.project = project_name AND d.resource_type IN ('model', 'seed', 'snapshot', 'source', 'exposure') ORDER BY d.unique_id LOOP
        edges := edges + dataplat_internal.tell_lineage('dbt', 'dbt:' || n.unique_id, dataplat_internal.facts_of_dbt(n), NULL, false);
        described := described + dataplat_internal.describe_from_dbt(caller, n);
    END LOOP;
    -- Jobs that are in the project no more.
    UPDATE dataplat_internal.lineage_edge AS e SET valid_to = now()
      FROM jsonb_object_keys(before) AS o (unique_id)
     WHERE e.origin = 'dbt' AND e.job = 'dbt:' || o.unique_id AND e.valid_to IS NULL
       AND NOT EXISTS (SELECT FROM dataplat.dbt_node AS d WHERE d.unique_id = o.unique_id);
    RETURN jsonb_build_object('nodes', nodes, 'new_edges', edges, 'described', described);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.import_dbt_manifest(name, text, jsonb) IS 'import_dbt for a manifest';
REVOKE ALL ON FUNCTION dataplat_internal.import_dbt_manifest(name, text, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.import_dbt_results(artifact jsonb, invocation text)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n int;
BEGIN
    INSERT INTO dataplat.dbt_result AS d (invocation_id, unique_id, project, status, failures, message, started_at, completed_at, execution_time, adapter_response)
    SELECT DISTINCT ON (r ->> 'unique_id') invocation, r ->> 'unique_id', split_part(r ->> 'unique_id', '.', 2), coalesce(r ->> 'status', 'unknown'),
           CASE jsonb_typeof(r -> 'failures') WHEN 'number' THEN (r ->> 'failures')::numeric::bigint END, left(r ->> 'message', 4000),
           (SELECT min(dataplat_internal.dbt_time(t ->> 'started_at')) FROM jsonb_array_elements(r -> 'timing') AS t),
           (SELECT max(dataplat_internal.dbt_time(t ->> 'completed_at')) FROM jsonb_array_elements(r -> 'timing') AS t),
           CASE jsonb_typeof(r -> 'execution_time') WHEN 'number' THEN (r ->> 'execution_time')::float8 END, r -> 'adapter_response'
      FROM jsonb_array_elements(CASE jsonb_typeof(artifact -> 'results') WHEN 'array' THEN artifact -> 'results' ELSE '[]' END) AS r
     WHERE r ->> 'unique_id' <> ''
        ON CONFLICT (invocation_id, unique_id) DO UPDATE
           SET status = excluded.status, failures = excluded.failures, message = excluded.message, started_at = excluded.started_at,
               completed_at = excluded.completed_at, execution_time = excluded.execution_time, adapter_response = excluded.adapter_response;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN jsonb_build_object('results', n);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.import_dbt_results(jsonb, text) IS 'import_dbt for run_results';
REVOKE ALL ON FUNCTION dataplat_internal.import_dbt_results(jsonb, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.import_dbt_sources(artifact jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n int;
BEGIN
    INSERT INTO dataplat.dbt_source_freshness AS d (unique_id, project, status, max_loaded_at, snapshotted_at, age_seconds, criteria, error)
    SELECT DISTINCT ON (r ->> 'unique_id') r ->> 'unique_id', split_part(r ->> 'unique_id', '.', 2), coalesce(r ->> 'status', 'unknown'),
           dataplat_internal.dbt_time(r ->> 'max_loaded_at'), dataplat_internal.dbt_time(r ->> 'snapshotted_at'),
           CASE jsonb_typeof(r -> 'max_loaded_at_time_ago_in_s') WHEN 'number' THEN (r ->> 'max_loaded_at_time_ago_in_s')::float8 END, r -> 'criteria', left(r ->> 'error', 4000)
      FROM jsonb_array_elements(CASE jsonb_typeof(artifact -> 'results') WHEN 'array' THEN artifact -> 'results' ELSE '[]' END) AS r
     WHERE r ->> 'unique_id' <> ''
        ON CONFLICT (unique_id) DO UPDATE
           SET status = excluded.status, max_loaded_at = excluded.max_loaded_at, snapshotted_at = excluded.snapshotted_at, age_seconds = excluded.age_seconds,
               criteria = excluded.criteria, error = excluded.error;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN jsonb_build_object('sources', n);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.import_dbt_sources(jsonb) IS 'import_dbt for sources';
REVOKE ALL ON FUNCTION dataplat_internal.import_dbt_sources(jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.import_dbt_catalog(artifact jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n int;
BEGIN
    UPDATE dataplat.dbt_node AS d
       SET catalog = jsonb_build_object('metadata', e.value -> 'metadata', 'columns', e.value -> 'columns', 'stats', e.value -> 'stats')
      FROM unnest('{nodes,sources}'::text[]) AS part (name),
           jsonb_each(CASE jsonb_typeof(artifact -> part.name) WHEN 'object' THEN artifact -> part.name ELSE '{}' END) AS e
     WHERE d.unique_id = e.key;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN jsonb_build_object('nodes', n);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.import_dbt_catalog(jsonb) IS 'import_dbt for a catalog: columns and statistics of nodes that the manifest has told of';
REVOKE ALL ON FUNCTION dataplat_internal.import_dbt_catalog(jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_import_dbt(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    kind       text := a ->> 'kind';
    artifact   jsonb := a -> 'artifact';
    version    int := dataplat_internal.check_dbt_artifact(kind, artifact);
    invocation text := coalesce(artifact #>> '{metadata,invocation_id}', artifact #>> '{metadata,generated_at}', '');
    project    text;
    answer     jsonb;
BEGIN
    project := coalesce(artifact #>> '{metadata,project_name}',
                        split_part(coalesce(artifact #>> '{results,0,unique_id}', (SELECT min(k) FROM jsonb_object_keys(CASE jsonb_typeof(artifact -> 'nodes') WHEN 'object' THEN artifact -> 'nodes' ELSE '{}' END) AS k)), '.', 2),
                        '');
    PERFORM pg_advisory_xact_lock(hashtext('dataplat dbt'), hashtext(project));
    answer := CASE kind WHEN 'manifest' THEN dataplat_internal.import_dbt_manifest(caller, project, artifact)
                        WHEN 'run_results' THEN dataplat_internal.import_dbt_results(artifact, invocation)
                        WHEN 'sources' THEN dataplat_internal.import_dbt_sources(artifact)
                        ELSE dataplat_internal.import_dbt_catalog(artifact) END;
    INSERT INTO dataplat.dbt_import AS i (project, kind, schema_version, dbt_version, invocation_id, generated_at, imported_by)
    VALUES (project, kind, version, artifact #>> '{metadata,dbt_version}', invocation, dataplat_internal.dbt_time(artifact #>> '{metadata,generated_at}'), caller)
        ON CONFLICT ON CONSTRAINT dbt_import_pkey
        DO UPDATE SET schema_version = excluded.schema_version, dbt_version = excluded.dbt_version, invocation_id = excluded.invocation_id,
                      generated_at = excluded.generated_at, imported_at = now(), imported_by = excluded.imported_by;
    RETURN jsonb_build_object('kind', kind, 'project', project) || answer;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_import_dbt(name, jsonb) IS 'import_dbt as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_import_dbt(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.import_dbt(kind text, artifact jsonb)
RETURNS jsonb
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat.command('import_dbt', jsonb_build_object('kind', kind, 'artifact', artifact));
$$;
COMMENT ON FUNCTION dataplat.import_dbt(text, jsonb) IS 'take in an artifact of dbt: manifest, run_results, sources or catalog; it replaces what was imported of the project before';
REVOKE ALL ON FUNCTION dataplat.import_dbt(text, jsonb) FROM PUBLIC;
