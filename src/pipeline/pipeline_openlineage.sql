/*
 * pipeline: what OpenLineage events tell of runs and of validations.
 *
 * A run's events are made after it: what it read and wrote is in
 * dataplat.pipeline_run, whom it reads in pipeline_relation, which columns in
 * lineage.  Validations inside a run are part of the run's event; others are
 * runs of their own.
 */

-- Results of rules in the words of events.  Values that stood in rows are not
-- told, as a greatest and a middle one are; what is computed of many is.
CREATE OR REPLACE FUNCTION dataplat_internal.openlineage_tests(validations bigint[])
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
               'dataset', r.dataset, 'name', r.name, 'kind', regexp_replace(r.kind, '^expect_', ''), 'column', e.kwargs ->> 'column',
               'severity', CASE WHEN r.outcome = 'WARN' OR r.severity IN ('warn', 'warning', 'info') THEN 'warn' ELSE 'error' END,
               'status', CASE r.outcome WHEN 'PASSED' THEN 'pass' WHEN 'WARN' THEN 'fail' WHEN 'FAILED' THEN 'fail' ELSE 'skip' END,
               'success', CASE WHEN r.outcome IN ('PASSED', 'WARN', 'FAILED') THEN r.outcome = 'PASSED' END,
               'expected', left(nullif((e.kwargs - 'column')::text, '{}'), 1000),
               'actual', CASE WHEN r.outcome = 'ERROR' THEN 'could not be evaluated'
                              WHEN jsonb_typeof(r.result -> 'unexpected_count') = 'number'
                              THEN format('%s unexpected of %s', r.result ->> 'unexpected_count', coalesce(r.result ->> 'element_count', '?'))
                              WHEN jsonb_typeof(r.result -> 'observed_value') IN ('number', 'boolean') AND r.kind !~ '^expect_column_(min|max|median)_to_'
                              THEN r.result ->> 'observed_value' END))
               ORDER BY r.dataset, r.name)
      FROM dataplat.validation_result AS r
      LEFT JOIN dataplat.expectation AS e ON e.expectation_id = r.expectation_id
     WHERE r.validation_id = ANY (validations);
$$;
COMMENT ON FUNCTION dataplat_internal.openlineage_tests(bigint[]) IS 'results of validations as tests of OpenLineage events';
REVOKE ALL ON FUNCTION dataplat_internal.openlineage_tests(bigint[]) FROM PUBLIC;

-- ---------------------------------------------------------------- pipelines

-- What a job reads: what its room knows, and what lineage knows besides.
CREATE OR REPLACE FUNCTION dataplat_internal.pipeline_inputs_of(pipeline text, target text, at timestamptz)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(i.node ORDER BY i.node), '{}')
      FROM (SELECT r.relation AS node FROM dataplat_internal.pipeline_relation AS r WHERE r.pipeline = pipeline_inputs_of.pipeline
             UNION
            SELECT e.input_node FROM dataplat_internal.edges_of_job('pipeline:' || pipeline, NULL, at) AS e) AS i;
$$;
COMMENT ON FUNCTION dataplat_internal.pipeline_inputs_of(text, text, timestamptz) IS 'datasets that a pipeline read at a time';

CREATE OR REPLACE FUNCTION dataplat_internal.pipeline_run_facts(run text, event_type text, at timestamptz DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r      dataplat.pipeline_run;
    p      dataplat.pipeline;
    inputs text[];
    target text;
    tests  jsonb;
BEGIN
    IF run !~ '^-?[0-9]{1,18}$' THEN
        RETURN NULL;
    END IF;
    SELECT * INTO r FROM dataplat.pipeline_run AS x WHERE x.run_id = run::bigint;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    -- NULLs when it has been dropped since: then there is what lineage remembers.
    SELECT * INTO p FROM dataplat.pipeline AS x WHERE x.name = r.pipeline;
    target := coalesce(p.target, (SELECT e.output_node FROM dataplat_internal.lineage_edge AS e WHERE e.job = 'pipeline:' || r.pipeline ORDER BY e.edge_id DESC LIMIT 1));
    inputs := dataplat_internal.pipeline_inputs_of(r.pipeline, target, r.started_at);
    tests := dataplat_internal.openlineage_tests(ARRAY(
        SELECT v.validation_id FROM dataplat.validation AS v
         WHERE v.dataset = target AND v.run_id = r.run_id AND v.trigger = 'pipeline'
           AND v.started_at BETWEEN r.started_at - interval '1 day' AND r.finished_at + interval '1 day'));
    RETURN jsonb_build_object(
        'job', 'pipeline:' || r.pipeline, 'job_type', 'PIPELINE', 'processing', 'BATCH',
        'started_at', r.started_at, 'finished_at', r.finished_at, 'state', r.state,
        'sql', p.query, 'owner', p.owner,
        'documentation', obj_description(to_regclass(p.target), 'pg_class'),
        'error', CASE WHEN r.state = 'failed' THEN coalesce(r.error, 'unknown error') || coalesce(format(' (SQLSTATE %s)', r.sqlstate), '') END,
        'tests', tests,
        'inputs', (SELECT coalesce(jsonb_agg(jsonb_build_object('node', i,
                       -- Which input the rows came from is known when there is but one; a full run does not count them.
                       'rows', CASE WHEN cardinality(inputs) = 1 AND r.kind = 'live' THEN r.rows_in END)), '[]') FROM unnest(inputs) AS i),
        'outputs', CASE WHEN target IS NULL THEN '[]'::jsonb ELSE jsonb_build_array(jsonb_build_object('node', target,
                       'rows', CASE WHEN r.state = 'succeeded' THEN r.rows_inserted + r.rows_updated END,
                       'version', CASE WHEN r.state = 'succeeded' THEN r.run_id::text END,
                       'change', CASE WHEN r.state = 'succeeded' AND r.kind IN ('full', 'rebuild') THEN 'OVERWRITE' END)) END);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.pipeline_run_facts(text, text, timestamptz) IS 'what OpenLineage events tell of a run of a pipeline';
REVOKE ALL ON FUNCTION dataplat_internal.pipeline_run_facts(text, text, timestamptz) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.pipeline_run_find(run uuid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.run_id::text
      FROM dataplat.pipeline_run AS r, dataplat_internal.run_uuid_time(run) AS t (at)
     WHERE r.started_at >= t.at - interval '1 millisecond' AND r.started_at < t.at + interval '2 milliseconds' AND r.finished_at >= t.at - interval '1 millisecond'
       AND dataplat_internal.run_uuid('pipeline', r.run_id::text, r.started_at) = run;
$$;
COMMENT ON FUNCTION dataplat_internal.pipeline_run_find(uuid) IS 'the run of a pipeline that this runId means';
REVOKE ALL ON FUNCTION dataplat_internal.pipeline_run_find(uuid) FROM PUBLIC;

-- A run is one transaction, so that both of its events are known when it is there.
CREATE OR REPLACE FUNCTION dataplat_internal.pipeline_run_emit(since timestamptz)
RETURNS TABLE (run text, event_type text, event_time timestamptz)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.run_id::text, e.event_type, e.at
      FROM dataplat.pipeline_run AS r
     CROSS JOIN LATERAL (VALUES ('START', r.started_at), (CASE r.state WHEN 'failed' THEN 'FAIL' ELSE 'COMPLETE' END, r.finished_at)) AS e (event_type, at)
     WHERE r.finished_at >= since
     ORDER BY r.run_id, e.at, e.event_type = 'START' DESC;
$$;
COMMENT ON FUNCTION dataplat_internal.pipeline_run_emit(timestamptz) IS 'events of runs of pipelines since a time';
REVOKE ALL ON FUNCTION dataplat_internal.pipeline_run_emit(timestamptz) FROM PUBLIC;

-- A run that had nothing to do leaves no row, so the last row made what stands there.
CREATE OR REPLACE FUNCTION dataplat_internal.pipeline_made_by(job text, at timestamptz)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.run_id::text
      FROM dataplat.pipeline_run AS r
     WHERE job LIKE 'pipeline:%' AND r.pipeline = substr(job, length('pipeline:') + 1) AND r.state = 'succeeded' AND r.finished_at <= at
     ORDER BY r.run_id DESC
     LIMIT 1;
$$;
COMMENT ON FUNCTION dataplat_internal.pipeline_made_by(text, timestamptz) IS 'the run of a pipeline that made what its target was at a time';
REVOKE ALL ON FUNCTION dataplat_internal.pipeline_made_by(text, timestamptz) FROM PUBLIC;

SELECT dataplat_internal.register_openlineage_source('pipeline', 'dataplat_internal.pipeline_run_facts', 'dataplat_internal.pipeline_run_find',
                                                     'dataplat_internal.pipeline_run_emit', 'dataplat_internal.pipeline_made_by');

-- ---------------------------------------------------------------- validations

CREATE OR REPLACE FUNCTION dataplat_internal.validation_facts(run text, event_type text, at timestamptz DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v dataplat.validation;
    p dataplat.pipeline_run;
BEGIN
    IF run !~ '^-?[0-9]{1,18}$' THEN
        RETURN NULL;
    END IF;
    SELECT * INTO v FROM dataplat.validation AS x WHERE x.validation_id = run::bigint;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT * INTO p FROM dataplat.pipeline_run AS x WHERE x.run_id = v.run_id;
    RETURN jsonb_build_object(
        'job', coalesce('suite:' || v.suite || '/', 'validation:') || v.dataset, 'job_type', 'TEST', 'processing', 'BATCH',
        'started_at', v.started_at, 'finished_at', v.finished_at, 'state', 'succeeded',
        'documentation', (SELECT s.description FROM dataplat.expectation_suite AS s WHERE s.name = v.suite),
        'owner', (SELECT s.owner FROM dataplat.expectation_suite AS s WHERE s.name = v.suite),
        'parent', CASE WHEN p.run_id IS NOT NULL
                       THEN jsonb_build_object('kind', 'pipeline', 'run', p.run_id::text, 'started_at', p.started_at, 'job', 'pipeline:' || p.pipeline) END,
        'tests', dataplat_internal.openlineage_tests(ARRAY[v.validation_id]),
        'inputs', jsonb_build_array(jsonb_build_object('node', v.dataset)),
        'outputs', '[]'::jsonb);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.validation_facts(text, text, timestamptz) IS 'what OpenLineage events tell of a validation';
REVOKE ALL ON FUNCTION dataplat_internal.validation_facts(text, text, timestamptz) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.validation_find(run uuid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT v.validation_id::text
      FROM dataplat.validation AS v, dataplat_internal.run_uuid_time(run) AS t (at)
     WHERE v.started_at >= t.at - interval '1 millisecond' AND v.started_at < t.at + interval '2 milliseconds'
       AND dataplat_internal.run_uuid('validation', v.validation_id::text, v.started_at) = run;
$$;
COMMENT ON FUNCTION dataplat_internal.validation_find(uuid) IS 'the validation that this runId means';
REVOKE ALL ON FUNCTION dataplat_internal.validation_find(uuid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.validation_emit(since timestamptz)
RETURNS TABLE (run text, event_type text, event_time timestamptz)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT v.validation_id::text, e.event_type, e.at
      FROM dataplat.validation AS v
     CROSS JOIN LATERAL (VALUES ('START', v.started_at), ('COMPLETE', v.finished_at)) AS e (event_type, at)
     WHERE v.started_at >= since AND v.trigger NOT IN ('pipeline', 'ingest')
     ORDER BY v.validation_id, e.event_type = 'START' DESC;
$$;
COMMENT ON FUNCTION dataplat_internal.validation_emit(timestamptz) IS 'events of validations since a time; those inside runs and batches are told with these';
REVOKE ALL ON FUNCTION dataplat_internal.validation_emit(timestamptz) FROM PUBLIC;

SELECT dataplat_internal.register_openlineage_source('validation', 'dataplat_internal.validation_facts', 'dataplat_internal.validation_find',
                                                     'dataplat_internal.validation_emit');
