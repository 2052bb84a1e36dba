/*
 * ingest: what OpenLineage events tell of sources.
 *
 * Reading a source is a streaming run from the moment that it is created or
 * resumed until it is paused (COMPLETE) or dropped (ABORT).  The run is named by
 * the source_event that began it.  In between, each window in which batches
 * were stored becomes a RUNNING event with the window's figures.
 */

CREATE OR REPLACE FUNCTION dataplat_internal.source_run_ends(kind text)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT kind IN ('pause', 'drop') $$;
COMMENT ON FUNCTION dataplat_internal.source_run_ends(text) IS 'does such an event of a source end its run?';
REVOKE ALL ON FUNCTION dataplat_internal.source_run_ends(text) FROM PUBLIC;

-- Runs of sources: those of one source, or of all that were going on since a time.
CREATE OR REPLACE FUNCTION dataplat_internal.source_runs(since timestamptz, of_event bigint DEFAULT NULL)
RETURNS TABLE (run bigint, source text, started_at timestamptz, ended_at timestamptz, ended_by text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH edge AS (
        SELECT e.event_id, e.source, e.kind, e.at,
               lag(e.kind) OVER w AS before,
               first_value(e.at) OVER ends AS ended_at, first_value(e.kind) OVER ends AS ended_by
          FROM (SELECT x.*, sum(dataplat_internal.source_run_ends(x.kind)::int) OVER (PARTITION BY x.source ORDER BY x.event_id DESC) AS ends_after
                  FROM dataplat.source_event AS x
                 WHERE (x.kind IN ('resume', 'pause', 'drop') OR (x.kind = 'create' AND NOT coalesce((x.detail ->> 'paused')::boolean, false)))
                   AND (of_event IS NULL OR x.source = (SELECT y.source FROM dataplat.source_event AS y WHERE y.event_id = of_event))) AS e
        WINDOW w AS (PARTITION BY e.source ORDER BY e.event_id),
               ends AS (PARTITION BY e.source, e.ends_after ORDER BY e.event_id DESC)
    )
    SELECT e.event_id, e.source, e.at,
           CASE WHEN dataplat_internal.source_run_ends(e.ended_by) THEN e.ended_at END,
           CASE WHEN dataplat_internal.source_run_ends(e.ended_by) THEN e.ended_by END
      FROM edge AS e
     WHERE NOT dataplat_internal.source_run_ends(e.kind)
       AND (e.before IS NULL OR e.kind = 'create' OR dataplat_internal.source_run_ends(e.before))
       AND (of_event IS NULL OR e.event_id = of_event)
       AND (since IS NULL OR NOT dataplat_internal.source_run_ends(e.ended_by) OR e.ended_at >= since);
$$;
COMMENT ON FUNCTION dataplat_internal.source_runs(timestamptz, bigint) IS 'runs of sources: from create or resume to pause or drop';
REVOKE ALL ON FUNCTION dataplat_internal.source_runs(timestamptz, bigint) FROM PUBLIC;

-- Where the window that a time lies in begins.
CREATE OR REPLACE FUNCTION dataplat_internal.lineage_window(at timestamptz)
RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT to_timestamp(floor(extract(epoch FROM at) / w.seconds) * w.seconds) FROM dataplat_internal.lineage_interval() AS w (seconds);
$$;
COMMENT ON FUNCTION dataplat_internal.lineage_window(timestamptz) IS 'begin of the window of dataplat.lineage_interval that a time lies in';
REVOKE ALL ON FUNCTION dataplat_internal.lineage_window(timestamptz) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.source_run_facts(run text, event_type text, at timestamptz DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r         record;
    s         dataplat.source;
    from_time timestamptz;
    to_time   timestamptz;
    topics    text[];
    figures   record;
    fields    jsonb;
BEGIN
    IF run !~ '^-?[0-9]{1,18}$' THEN
        RETURN NULL;
    END IF;
    SELECT * INTO r FROM dataplat_internal.source_runs(NULL, run::bigint);
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT * INTO s FROM dataplat.source AS x WHERE x.name = r.source AND x.created_at <= r.started_at;
    IF NOT FOUND THEN
        -- Dropped since, perhaps made anew under the same name: as it was created.
        SELECT (jsonb_populate_record(NULL::dataplat.source, e.detail)).* INTO s
          FROM dataplat.source_event AS e WHERE e.source = r.source AND e.kind = 'create' AND e.event_id <= r.run ORDER BY e.event_id DESC LIMIT 1;
    END IF;
    to_time := coalesce(at, r.ended_at, clock_timestamp());
    from_time := greatest(r.started_at, dataplat_internal.lineage_window(to_time - interval '1 microsecond'));
    SELECT count(*) AS batches, sum(b.rows) AS rows, sum(b.rows + b.dead_letters + b.filtered + b.quarantined) AS messages, sum(b.bytes) AS bytes, max(b.batch_id) AS last,
           array_agg(DISTINCT b.topic ORDER BY b.topic) AS topics INTO figures
      FROM dataplat.batch AS b WHERE b.source = r.source AND b.committed_at >= from_time AND b.committed_at < to_time;
    topics := CASE WHEN s.topic NOT LIKE '/%' THEN string_to_array(s.topic, ',')
                   ELSE coalesce(nullif(ARRAY(SELECT DISTINCT o.topic FROM dataplat_internal.source_offset AS o WHERE o.source = r.source ORDER BY 1), '{}'), figures.topics) END;
    SELECT jsonb_agg(jsonb_build_object('name', coalesce(c ->> 'field', c ->> 'name'), 'type', c ->> 'type')) INTO fields FROM jsonb_array_elements(s.columns) AS c;
    RETURN jsonb_build_object(
        'job', 'source:' || r.source, 'job_type', 'SOURCE', 'processing', 'STREAMING', 'window', dataplat_internal.lineage_interval(),
        'started_at', r.started_at, 'finished_at', r.ended_at,
        'state', CASE r.ended_by WHEN 'pause' THEN 'succeeded' WHEN 'drop' THEN 'stopped' ELSE 'running' END,
        'owner', s.owner,
        'documentation', format('Topic %s, format %s', s.topic, s.format),
        'error', (SELECT format('%s (SQLSTATE %s)', f.reason, f.sqlstate) FROM dataplat_internal.source_failure AS f WHERE f.source = r.source AND r.ended_at IS NULL),
        'tests', dataplat_internal.openlineage_tests(ARRAY(
            SELECT max(v.validation_id) FROM dataplat.validation AS v
             WHERE v.dataset = s.target AND v.trigger = 'ingest' AND v.object = r.source AND v.started_at >= from_time AND v.started_at < to_time GROUP BY v.suite)),
        'inputs', (SELECT coalesce(jsonb_agg(jsonb_build_object('node', format('kafka://%s/%s', s.server, t), 'fields', fields,
                       'rows', CASE WHEN cardinality(topics) = 1 THEN figures.messages END, 'bytes', CASE WHEN cardinality(topics) = 1 THEN figures.bytes END)), '[]')
                     FROM unnest(topics) AS t),
        'outputs', jsonb_build_array(jsonb_build_object('node', s.target, 'rows', coalesce(figures.rows, 0), 'version', figures.last::text)));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.source_run_facts(text, text, timestamptz) IS 'what OpenLineage events tell of reading a source; the figures are those of the window that ends at a time';
REVOKE ALL ON FUNCTION dataplat_internal.source_run_facts(text, text, timestamptz) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.source_run_find(run uuid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT e.event_id::text
      FROM dataplat.source_event AS e, dataplat_internal.run_uuid_time(run) AS t (at)
     WHERE e.at >= t.at - interval '1 millisecond' AND e.at < t.at + interval '2 milliseconds'
       AND dataplat_internal.run_uuid('source', e.event_id::text, e.at) = run;
$$;
COMMENT ON FUNCTION dataplat_internal.source_run_find(uuid) IS 'the run of a source that this runId means';
REVOKE ALL ON FUNCTION dataplat_internal.source_run_find(uuid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.source_run_emit(since timestamptz)
RETURNS TABLE (run text, event_type text, event_time timestamptz)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH run AS MATERIALIZED (
        SELECT * FROM dataplat_internal.source_runs(since)
    ), full_window AS (
        -- A batch carries the time at which its transaction began.
        SELECT b.source, dataplat_internal.lineage_window(b.committed_at) + dataplat_internal.lineage_interval() * interval '1 second' AS ends
          FROM dataplat.batch AS b
         WHERE b.committed_at >= dataplat_internal.lineage_window(since) AND b.source IN (SELECT r.source FROM run AS r)
         GROUP BY 1, 2
    )
    SELECT r.run::text, 'START', r.started_at FROM run AS r WHERE r.started_at >= since
     UNION ALL
    SELECT r.run::text, 'RUNNING', w.ends
      FROM run AS r
      JOIN full_window AS w ON w.source = r.source AND w.ends > r.started_at AND w.ends < coalesce(r.ended_at, clock_timestamp()) AND w.ends >= since
     UNION ALL
    SELECT r.run::text, CASE r.ended_by WHEN 'drop' THEN 'ABORT' ELSE 'COMPLETE' END, r.ended_at FROM run AS r WHERE r.ended_at >= since
     ORDER BY 3;
$$;
COMMENT ON FUNCTION dataplat_internal.source_run_emit(timestamptz) IS 'events of sources since a time';
REVOKE ALL ON FUNCTION dataplat_internal.source_run_emit(timestamptz) FROM PUBLIC;

-- A source that was paused left what it had read.
CREATE OR REPLACE FUNCTION dataplat_internal.source_made_by(job text, at timestamptz)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.run::text
      FROM dataplat_internal.source_runs(NULL) AS r
     WHERE job LIKE 'source:%' AND r.source = substr(job, length('source:') + 1) AND r.started_at <= at
     ORDER BY r.run DESC
     LIMIT 1;
$$;
COMMENT ON FUNCTION dataplat_internal.source_made_by(text, timestamptz) IS 'the run of a source that had filled its target last at a time';
REVOKE ALL ON FUNCTION dataplat_internal.source_made_by(text, timestamptz) FROM PUBLIC;

SELECT dataplat_internal.register_openlineage_source('source', 'dataplat_internal.source_run_facts', 'dataplat_internal.source_run_find',
                                                     'dataplat_internal.source_run_emit', 'dataplat_internal.source_made_by');
