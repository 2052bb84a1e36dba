/*
 * lineage: OpenLineage events that others send.
 *
 * An event is checked against the core schema by hand, once taken in changes
 * nothing when it comes again, and adds to what is known of its run, job and
 * datasets.  Edges of a job are those of its newest run that completed, and of
 * those under way.  Datasets of this database and topics of its servers get
 * the names that lineage has for them.
 */

-- ---------------------------------------------------------------- checks

CREATE OR REPLACE FUNCTION dataplat_internal.refuse_event(problem text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'invalid OpenLineage event'
        USING ERRCODE = 'invalid_parameter_value', DETAIL = problem, HINT = 'See https://openlineage.io/spec/2-0-2/OpenLineage.json.';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.refuse_event(text) IS 'refuse an event, saying why';
REVOKE ALL ON FUNCTION dataplat_internal.refuse_event(text) FROM PUBLIC;

-- A time with its zone, as RFC 3339 writes it.
CREATE OR REPLACE FUNCTION dataplat_internal.event_time_of(event jsonb)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jsonb_typeof(event -> 'eventTime') IS DISTINCT FROM 'string' OR event ->> 'eventTime' !~* '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$' THEN
        PERFORM dataplat_internal.refuse_event('"eventTime" must be a date and time with a zone.');
    END IF;
    RETURN (event ->> 'eventTime')::timestamptz;
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN
    PERFORM dataplat_internal.refuse_event('"eventTime" is no date and time.');
END;
$$;
COMMENT ON FUNCTION dataplat_internal.event_time_of(jsonb) IS 'eventTime of an event';
REVOKE ALL ON FUNCTION dataplat_internal.event_time_of(jsonb) FROM PUBLIC;

-- Facets are objects that say whose they are and by which schema.
CREATE OR REPLACE FUNCTION dataplat_internal.check_event_facets(facets jsonb, place text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bad text;
BEGIN
    IF facets IS NULL OR facets = 'null' THEN
        RETURN;
    END IF;
    IF jsonb_typeof(facets) <> 'object' THEN
        PERFORM dataplat_internal.refuse_event(format('The facets of %s must be an object.', place));
    END IF;
    SELECT f.key INTO bad FROM jsonb_each(facets) AS f
     WHERE jsonb_typeof(f.value) <> 'object' OR jsonb_typeof(f.value -> '_producer') IS DISTINCT FROM 'string' OR jsonb_typeof(f.value -> '_schemaURL') IS DISTINCT FROM 'string'
     ORDER BY f.key LIMIT 1;
    IF FOUND THEN
        PERFORM dataplat_internal.refuse_event(format('Facet "%s" of %s must be an object with "_producer" and "_schemaURL".', left(bad, 100), place));
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_event_facets(jsonb, text) IS 'refuse facets that lack what each must have';
REVOKE ALL ON FUNCTION dataplat_internal.check_event_facets(jsonb, text) FROM PUBLIC;

-- A job or dataset: namespace and name.
CREATE OR REPLACE FUNCTION dataplat_internal.check_event_name(thing jsonb, place text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part text;
BEGIN
    IF jsonb_typeof(thing) IS DISTINCT FROM 'object' THEN
        PERFORM dataplat_internal.refuse_event(format('%s must be an object.', upper(left(place, 1)) || substr(place, 2)));
    END IF;
    FOREACH part IN ARRAY '{namespace,name}'::text[] LOOP
        IF jsonb_typeof(thing -> part) IS DISTINCT FROM 'string' OR thing ->> part = '' OR length(thing ->> part) > 2000 THEN
            PERFORM dataplat_internal.refuse_event(format('%s needs a "%s" of 1 to 2000 characters.', upper(left(place, 1)) || substr(place, 2), part));
        END IF;
    END LOOP;
    PERFORM dataplat_internal.check_event_facets(thing -> 'facets', place);
    PERFORM dataplat_internal.check_event_facets(thing -> 'inputFacets', place);
    PERFORM dataplat_internal.check_event_facets(thing -> 'outputFacets', place);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_event_name(jsonb, text) IS 'refuse a job or dataset without a name';
REVOKE ALL ON FUNCTION dataplat_internal.check_event_name(jsonb, text) FROM PUBLIC;

-- Refuse what is no event; tells which it is: run, job or dataset.
CREATE OR REPLACE FUNCTION dataplat_internal.check_event(event jsonb)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    member text;
    d      jsonb;
BEGIN
    IF jsonb_typeof(event) IS DISTINCT FROM 'object' THEN
        PERFORM dataplat_internal.refuse_event('It must be an object.');
    END IF;
    PERFORM dataplat_internal.event_time_of(event);
    FOREACH member IN ARRAY '{producer,schemaURL}'::text[] LOOP
        IF jsonb_typeof(event -> member) IS DISTINCT FROM 'string' OR event ->> member !~ '^[A-Za-z][A-Za-z0-9+.-]*:[^[:space:]]+$' THEN
            PERFORM dataplat_internal.refuse_event(format('"%s" must be a URI.', member));
        END IF;
    END LOOP;
    FOREACH member IN ARRAY '{inputs,outputs}'::text[] LOOP
        CONTINUE WHEN event -> member IS NULL OR event -> member = 'null';
        IF jsonb_typeof(event -> member) <> 'array' THEN
            PERFORM dataplat_internal.refuse_event(format('"%s" must be an array.', member));
        END IF;
        FOR d IN SELECT * FROM jsonb_array_elements(event -> member) LOOP
            PERFORM dataplat_internal.check_event_name(d, format('each of "%s"', member));
        END LOOP;
    END LOOP;
    IF event ? 'run' THEN
        IF coalesce(event -> 'eventType', 'null') <> 'null'
           AND (jsonb_typeof(event -> 'eventType') <> 'string' OR event ->> 'eventType' NOT IN ('START', 'RUNNING', 'COMPLETE', 'ABORT', 'FAIL', 'OTHER')) THEN
            PERFORM dataplat_internal.refuse_event('"eventType" must be START, RUNNING, COMPLETE, ABORT, FAIL or OTHER.');
        END IF;
        IF jsonb_typeof(event #> '{run,runId}') IS DISTINCT FROM 'string' OR event #>> '{run,runId}' !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
            PERFORM dataplat_internal.refuse_event('"runId" must be a UUID.');
        END IF;
        PERFORM dataplat_internal.check_event_facets(event #> '{run,facets}', 'the run');
    ELSIF event ? 'dataset' AND NOT event ? 'job' THEN
        PERFORM dataplat_internal.check_event_name(event -> 'dataset', '"dataset"');
        RETURN 'dataset';
    END IF;
    PERFORM dataplat_internal.check_event_name(event -> 'job', '"job"');
    RETURN CASE WHEN event ? 'run' THEN 'run' ELSE 'job' END;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_event(jsonb) IS 'refuse what is no OpenLineage event; tells whether it is about a run, a job or a dataset';
REVOKE ALL ON FUNCTION dataplat_internal.check_event(jsonb) FROM PUBLIC;

-- ---------------------------------------------------------------- names

-- What lineage calls a dataset that an event names.
CREATE OR REPLACE FUNCTION dataplat_internal.node_of_dataset(namespace text, name text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rest text;
    node text;
BEGIN
    IF namespace IN (dataplat_internal.lineage_namespace(), dataplat_internal.lineage_namespace(false)) AND starts_with(name, current_database() || '.') THEN
        rest := substr(name, length(current_database()) + 2);
        -- Names may have dots in them, so ask what there is.
        SELECT format('%I.%I', n.nspname, c.relname) INTO node
          FROM pg_namespace AS n
          JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname || '.' || c.relname = rest
         WHERE starts_with(rest, n.nspname || '.')
         ORDER BY n.nspname LIMIT 1;
        IF FOUND THEN
            RETURN node;
        ELSIF rest ~ '^[^.]+\.[^.]+$' THEN
            RETURN format('%I.%I', split_part(rest, '.', 1), split_part(rest, '.', 2));
        END IF;
    ELSIF namespace LIKE 'kafka://%' THEN
        SELECT 'kafka://' || f.srvname || '/' || name INTO node
          FROM pg_foreign_server AS f
          JOIN pg_foreign_data_wrapper AS w ON w.oid = f.srvfdw AND w.fdwname = 'dataplat_kafka'
         CROSS JOIN LATERAL unnest(f.srvoptions) AS o
         CROSS JOIN LATERAL unnest(string_to_array(substr(o, 19), ',')) AS b
         WHERE starts_with(o, 'bootstrap.servers=')
           AND namespace IN ('kafka://' || btrim(b), 'kafka://' || btrim(b) || ':9092')
         ORDER BY f.srvname LIMIT 1;
        IF FOUND THEN
            RETURN node;
        END IF;
    END IF;
    RETURN namespace || '/' || name;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.node_of_dataset(text, text) IS 'the node of lineage for a dataset by OpenLineage''s name';
REVOKE ALL ON FUNCTION dataplat_internal.node_of_dataset(text, text) FROM PUBLIC;

-- Newer facets over older ones; one that is marked as deleted goes.
CREATE OR REPLACE FUNCTION dataplat_internal.merge_facets(old jsonb, new jsonb, new_is_newer boolean DEFAULT true)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_object_agg(f.key, f.value) FILTER (WHERE f.value -> '_deleted' IS DISTINCT FROM 'true'), '{}')
      FROM jsonb_each(CASE WHEN new_is_newer THEN coalesce(old, '{}') || coalesce(nullif(new, 'null'), '{}')
                           ELSE coalesce(nullif(new, 'null'), '{}') || coalesce(old, '{}') END) AS f;
$$;
COMMENT ON FUNCTION dataplat_internal.merge_facets(jsonb, jsonb, boolean) IS 'facets after an event added its own';
REVOKE ALL ON FUNCTION dataplat_internal.merge_facets(jsonb, jsonb, boolean) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.note_foreign_dataset(dataset jsonb, at timestamptz)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    named text := dataplat_internal.node_of_dataset(dataset ->> 'namespace', dataset ->> 'name');
BEGIN
    INSERT INTO dataplat_internal.foreign_dataset AS d (node, namespace, name, facets, updated_at, deleted)
    VALUES (named, dataset ->> 'namespace', dataset ->> 'name', dataplat_internal.merge_facets('{}', dataset -> 'facets'), at,
            coalesce(dataset #>> '{facets,lifecycleStateChange,lifecycleStateChange}' = 'DROP', false))
        ON CONFLICT (node) DO UPDATE
           SET facets = dataplat_internal.merge_facets(d.facets, dataset -> 'facets', excluded.updated_at >= d.updated_at),
               updated_at = greatest(d.updated_at, excluded.updated_at),
               deleted = CASE WHEN excluded.updated_at >= d.updated_at THEN excluded.deleted ELSE d.deleted END;
    RETURN named;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.note_foreign_dataset(jsonb, timestamptz) IS 'keep what an event says of a dataset; returns its node';
REVOKE ALL ON FUNCTION dataplat_internal.note_foreign_dataset(jsonb, timestamptz) FROM PUBLIC;

-- ---------------------------------------------------------------- edges

-- What a columnLineage facet says.  Arrays of unknown length look so costly that they would be compiled: no JIT.
CREATE OR REPLACE FUNCTION dataplat_internal.facts_of_columns(job text, output text, facet jsonb)
RETURNS SETOF dataplat_internal.lineage_fact
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
    WITH source AS (
        SELECT f.key AS output_column, i AS input,
               CASE WHEN jsonb_typeof(i -> 'transformations') = 'array' AND i -> 'transformations' <> '[]' THEN i -> 'transformations'
                    ELSE jsonb_build_array(jsonb_build_object('type', 'DIRECT', 'masking', f.value ->> 'transformationType' = 'MASKED',
                                           'subtype', CASE WHEN f.value ->> 'transformationType' = 'IDENTITY' THEN 'IDENTITY' ELSE 'TRANSFORMATION' END)) END AS transformations
          FROM jsonb_each(CASE jsonb_typeof(facet -> 'fields') WHEN 'object' THEN facet -> 'fields' ELSE '{}' END) AS f,
               jsonb_array_elements(CASE jsonb_typeof(f.value -> 'inputFields') WHEN 'array' THEN f.value -> 'inputFields' ELSE '[]' END) AS i
         UNION ALL
        SELECT NULL, i, CASE WHEN jsonb_typeof(i -> 'transformations') = 'array' AND i -> 'transformations' <> '[]' THEN i -> 'transformations'
                             ELSE '[{"type": "INDIRECT"}]' END
          FROM jsonb_array_elements(CASE jsonb_typeof(facet -> 'dataset') WHEN 'array' THEN facet -> 'dataset' ELSE '[]' END) AS i
    )
    SELECT DISTINCT job, output, s.output_column, dataplat_internal.node_of_dataset(s.input ->> 'namespace', s.input ->> 'name'), s.input ->> 'field',
           k.type, coalesce(nullif(upper(left(t ->> 'subtype', 100)), ''), CASE k.type WHEN 'DIRECT' THEN 'TRANSFORMATION' ELSE 'CONDITIONAL' END),
           t -> 'masking' IS NOT DISTINCT FROM 'true', nullif(left(t ->> 'description', 2000), '')
      FROM source AS s, jsonb_array_elements(s.transformations) AS t, LATERAL (SELECT CASE upper(t ->> 'type') WHEN 'INDIRECT' THEN 'INDIRECT' ELSE 'DIRECT' END) AS k (type)
     WHERE s.input ->> 'namespace' <> '' AND s.input ->> 'name' <> '' AND s.input ->> 'field' <> '';
$$;
COMMENT ON FUNCTION dataplat_internal.facts_of_columns(text, text, jsonb) IS 'edges that a columnLineage facet tells of';
REVOKE ALL ON FUNCTION dataplat_internal.facts_of_columns(text, text, jsonb) FROM PUBLIC;

-- Inputs and outputs are objects of node to facets.  A pair without a column between them is an edge of the datasets.
CREATE OR REPLACE FUNCTION dataplat_internal.facts_of_event(job text, inputs jsonb, outputs jsonb)
RETURNS SETOF dataplat_internal.lineage_fact
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
    WITH facts AS MATERIALIZED (
        SELECT c.* FROM jsonb_each(outputs) AS o, dataplat_internal.facts_of_columns(job, o.key, o.value -> 'columnLineage') AS c
    )
    SELECT * FROM facts
     UNION ALL
    SELECT job, o.node, NULL, i.node, NULL, 'DIRECT', 'TRANSFORMATION', false, NULL
      FROM jsonb_object_keys(outputs) AS o (node), jsonb_object_keys(inputs) AS i (node)
     WHERE NOT EXISTS (SELECT FROM facts AS f WHERE f.output_node = o.node AND f.input_node = i.node);
$$;
COMMENT ON FUNCTION dataplat_internal.facts_of_event(text, jsonb, jsonb) IS 'edges that an event tells of';
REVOKE ALL ON FUNCTION dataplat_internal.facts_of_event(text, jsonb, jsonb) FROM PUBLIC;

-- The open edges of a job become these; "add": those that it has already stay.
CREATE OR REPLACE FUNCTION dataplat_internal.tell_lineage(told_origin text, told_job text, facts dataplat_internal.lineage_fact[], run uuid, add boolean)
RETURNS int
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n int;
BEGIN
    IF cardinality(facts) > 20000 THEN
        RAISE EXCEPTION 'too many edges of lineage for one job'
            USING ERRCODE = 'program_limit_exceeded', DETAIL = format('There are %s, at most 20000 are kept.', cardinality(facts));
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('dataplat told lineage'), hashtext(told_job));
    IF NOT add THEN
        DELETE FROM dataplat_internal.lineage_edge AS e
         WHERE e.origin = told_origin AND e.job = told_job AND e.valid_to IS NULL AND e.valid_from = now()
           AND NOT ROW(e.job, e.output_node, e.output_column, e.input_node, e.input_column, e.type, e.subtype, e.masking, e.description)::dataplat_internal.lineage_fact = ANY (facts);
        UPDATE dataplat_internal.lineage_edge AS e SET valid_to = now()
         WHERE e.origin = told_origin AND e.job = told_job AND e.valid_to IS NULL
           AND NOT ROW(e.job, e.output_node, e.output_column, e.input_node, e.input_column, e.type, e.subtype, e.masking, e.description)::dataplat_internal.lineage_fact = ANY (facts);
    END IF;
    UPDATE dataplat_internal.lineage_edge AS e SET run_id = run
     WHERE run IS NOT NULL AND e.origin = told_origin AND e.job = told_job AND e.valid_to IS NULL AND e.run_id IS DISTINCT FROM run
       AND ROW(e.job, e.output_node, e.output_column, e.input_node, e.input_column, e.type, e.subtype, e.masking, e.description)::dataplat_internal.lineage_fact = ANY (facts);
    INSERT INTO dataplat_internal.lineage_edge (origin, job, output_node, output_column, input_node, input_column, type, subtype, masking, description, run_id)
    SELECT DISTINCT told_origin, told_job, f.output_node, f.output_column, f.input_node, f.input_column, f.type, f.subtype, coalesce(f.masking, false), f.description, run
      FROM unnest(facts) AS f
     WHERE NOT EXISTS (
           SELECT FROM dataplat_internal.lineage_edge AS e
            WHERE e.origin = told_origin AND e.job = told_job AND e.valid_to IS NULL AND e.output_node = f.output_node AND e.input_node = f.input_node
              AND (e.output_column, e.input_column, e.type, e.subtype, e.masking, e.description)
                  IS NOT DISTINCT FROM (f.output_column, f.input_column, f.type, f.subtype, coalesce(f.masking, false), f.description));
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.tell_lineage(text, text, dataplat_internal.lineage_fact[], uuid, boolean) IS 'keep the edges that somebody told of a job; returns how many are new';
REVOKE ALL ON FUNCTION dataplat_internal.tell_lineage(text, text, dataplat_internal.lineage_fact[], uuid, boolean) FROM PUBLIC;

-- ---------------------------------------------------------------- taking in

CREATE OR REPLACE FUNCTION dataplat_internal.note_foreign_job(job jsonb, at timestamptz)
RETURNS text
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO dataplat_internal.foreign_job AS j (job, namespace, name, facets, updated_at)
    VALUES ('openlineage:' || ($1 ->> 'namespace') || '/' || ($1 ->> 'name'), $1 ->> 'namespace', $1 ->> 'name', dataplat_internal.merge_facets('{}', $1 -> 'facets'), at)
        ON CONFLICT (namespace, name) DO UPDATE
           SET facets = dataplat_internal.merge_facets(j.facets, $1 -> 'facets', excluded.updated_at >= j.updated_at), updated_at = greatest(j.updated_at, excluded.updated_at)
    RETURNING job;
$$;
COMMENT ON FUNCTION dataplat_internal.note_foreign_job(jsonb, timestamptz) IS 'keep what an event says of a job; returns what lineage calls it';
REVOKE ALL ON FUNCTION dataplat_internal.note_foreign_job(jsonb, timestamptz) FROM PUBLIC;

-- Datasets of an event: {node: facets}.
CREATE OR REPLACE FUNCTION dataplat_internal.note_foreign_datasets(datasets jsonb, at timestamptz)
RETURNS jsonb
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    -- In the order of names, so that two events at once do not wait for each other.
    SELECT coalesce(jsonb_object_agg(dataplat_internal.note_foreign_dataset(d.dataset, at),
                        dataplat_internal.merge_facets('{}', coalesce(nullif(d.dataset -> 'facets', 'null'), '{}')
                            || coalesce(nullif(d.dataset -> 'inputFacets', 'null'), '{}') || coalesce(nullif(d.dataset -> 'outputFacets', 'null'), '{}'))), '{}')
      FROM (SELECT e AS dataset FROM jsonb_array_elements(coalesce(nullif(datasets, 'null'), '[]')) AS e ORDER BY e ->> 'namespace', e ->> 'name') AS d;
$$;
COMMENT ON FUNCTION dataplat_internal.note_foreign_datasets(jsonb, timestamptz) IS 'keep what an event says of datasets; returns their nodes with the facets';
REVOKE ALL ON FUNCTION dataplat_internal.note_foreign_datasets(jsonb, timestamptz) FROM PUBLIC;

-- Nodes with facets, the ones of a newer event over those of an older one.
CREATE OR REPLACE FUNCTION dataplat_internal.merge_run_datasets(old jsonb, new jsonb, new_is_newer boolean)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_object_agg(k, dataplat_internal.merge_facets(old -> k, new -> k, new_is_newer)), '{}') FROM jsonb_object_keys(old || new) AS k;
$$;
COMMENT ON FUNCTION dataplat_internal.merge_run_datasets(jsonb, jsonb, boolean) IS 'inputs or outputs of a run after an event added its own';
REVOKE ALL ON FUNCTION dataplat_internal.merge_run_datasets(jsonb, jsonb, boolean) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.ingest_run_event(event jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ends    CONSTANT text[] := '{COMPLETE,ABORT,FAIL}';
    run     uuid := (event #>> '{run,runId}')::uuid;
    kind    text := coalesce(event ->> 'eventType', 'OTHER');
    at      timestamptz := dataplat_internal.event_time_of(event);
    r       dataplat.foreign_run;
    counts  boolean;
    newer   boolean;
    parent  text := event #>> '{run,facets,parent,run,runId}';
    job     text;
    newest  boolean;
    stands  text;
    edges   int := 0;
BEGIN
    INSERT INTO dataplat.foreign_run (run_id, job_namespace, job_name, producer, state)
    VALUES (run, event #>> '{job,namespace}', event #>> '{job,name}', event ->> 'producer', kind) ON CONFLICT DO NOTHING;
    SELECT * INTO r FROM dataplat.foreign_run AS f WHERE f.run_id = run FOR UPDATE;
    IF (r.job_namespace, r.job_name) <> (event #>> '{job,namespace}', event #>> '{job,name}') THEN
        PERFORM dataplat_internal.refuse_event(format('Run %s belongs to another job, "%s" in "%s".', run, left(r.job_name, 200), left(r.job_namespace, 200)));
    END IF;
    -- Nothing counts after the end; what happened before and comes late does.
    counts := r.ended_at IS NULL OR (at <= r.ended_at AND NOT kind = ANY (ends));
    INSERT INTO dataplat_internal.foreign_event (run_id, event_type, event_time, counted) VALUES (run, kind, at, counts) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('status', 'duplicate', 'run_id', run);
    ELSIF NOT counts THEN
        RETURN jsonb_build_object('status', 'after end', 'run_id', run);
    END IF;

    newer := NOT EXISTS (SELECT FROM dataplat_internal.foreign_event AS e WHERE e.run_id = run AND e.counted AND e.event_time > at);
    job := dataplat_internal.note_foreign_job(event -> 'job', at);
    r.inputs := dataplat_internal.merge_run_datasets(r.inputs, dataplat_internal.note_foreign_datasets(event -> 'inputs', at), newer);
    r.outputs := dataplat_internal.merge_run_datasets(r.outputs, dataplat_internal.note_foreign_datasets(event -> 'outputs', at), newer);
    r.facets := dataplat_internal.merge_facets(r.facets, event #> '{run,facets}', newer);
    -- An end is an end, also by a clock that is behind.
    stands := CASE WHEN kind = ANY (ends) OR (newer AND r.ended_at IS NULL) THEN kind ELSE r.state END;
    r.ended_at := CASE WHEN kind = ANY (ends) THEN at ELSE r.ended_at END;
    r.started_at := CASE WHEN kind = 'START' THEN at ELSE coalesce(r.started_at, at) END;
    UPDATE dataplat.foreign_run AS f
       SET inputs = r.inputs, outputs = r.outputs, facets = r.facets, started_at = r.started_at, ended_at = r.ended_at,
           state = stands,
           parent_run_id = CASE WHEN parent ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN parent::uuid ELSE f.parent_run_id END,
           error = coalesce(left(event #>> '{run,facets,errorMessage,message}', 4000), f.error), updated_at = now()
     WHERE f.run_id = run;

    newest := NOT EXISTS (SELECT FROM dataplat.foreign_run AS f
                           WHERE f.job_namespace = r.job_namespace AND f.job_name = r.job_name AND f.run_id <> run AND f.started_at > r.started_at AND f.state = 'COMPLETE');
    IF newest AND r.inputs <> '{}' AND r.outputs <> '{}' THEN
        edges := dataplat_internal.tell_lineage('openlineage', job, ARRAY(SELECT f FROM dataplat_internal.facts_of_event(job, r.inputs, r.outputs) AS f), run,
                                                kind <> 'COMPLETE');
    END IF;
    RETURN jsonb_build_object('status', 'stored', 'run_id', run, 'edges', edges);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.ingest_run_event(jsonb) IS 'take in an event about a run';
REVOKE ALL ON FUNCTION dataplat_internal.ingest_run_event(jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_ingest_openlineage(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    event jsonb := a -> 'event';
    about text;
    at    timestamptz;
    job   text;
    node  text;
    facts dataplat_internal.lineage_fact[];
    edges int;
BEGIN
    about := dataplat_internal.check_event(event);
    at := dataplat_internal.event_time_of(event);
    -- Our own, sent back to us: it is known better here.
    IF event ->> 'producer' LIKE 'https://pgxn.org/dist/dataplat/%' AND event #>> '{job,namespace}' = dataplat_internal.lineage_namespace()
       AND starts_with(event #>> '{job,name}', current_database() || '.') THEN
        RETURN jsonb_build_object('status', 'own');
    END IF;
    IF about = 'run' THEN
        RETURN dataplat_internal.ingest_run_event(event);
    ELSIF about = 'job' THEN
        job := dataplat_internal.note_foreign_job(event -> 'job', at);
        facts := ARRAY(SELECT f FROM dataplat_internal.facts_of_event(job, dataplat_internal.note_foreign_datasets(event -> 'inputs', at),
                                                                      dataplat_internal.note_foreign_datasets(event -> 'outputs', at)) AS f);
        edges := dataplat_internal.tell_lineage('openlineage', job, facts, NULL, false);
    ELSE
        node := dataplat_internal.note_foreign_dataset(event -> 'dataset', at);
        IF event #> '{dataset,facets,columnLineage}' IS NOT NULL THEN
            job := 'openlineage:' || (event #>> '{dataset,namespace}') || '/' || (event #>> '{dataset,name}');
            facts := CASE WHEN event #> '{dataset,facets,columnLineage,_deleted}' = 'true' THEN '{}'
                          ELSE ARRAY(SELECT f FROM dataplat_internal.facts_of_columns(job, node, event #> '{dataset,facets,columnLineage}') AS f) END;
            edges := dataplat_internal.tell_lineage('openlineage', job, facts, NULL, false);
        END IF;
    END IF;
    RETURN jsonb_build_object('status', 'stored', 'edges', coalesce(edges, 0));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_ingest_openlineage(name, jsonb) IS 'ingest_openlineage as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_ingest_openlineage(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.ingest_openlineage(event jsonb)
RETURNS jsonb
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat.command('ingest_openlineage', jsonb_build_object('event', event));
$$;
COMMENT ON FUNCTION dataplat.ingest_openlineage(jsonb) IS
    'take in an OpenLineage event of another system; status: stored, duplicate, after end (the run had ended), own (an event of this database)';
REVOKE ALL ON FUNCTION dataplat.ingest_openlineage(jsonb) FROM PUBLIC;
