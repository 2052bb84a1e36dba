/*
 * pipeline: how pipelines are doing, what is wrong with them, and the SQL
 * that makes them again.
 */

-- ------------------------------------------------------------------ inputs

-- What a reader of bronze has not seen: batches of the ledger that its
-- snapshot does not show, and those that a run left for the next one.
CREATE OR REPLACE FUNCTION dataplat_internal.bronze_unread(relation text, frontier jsonb)
RETURNS SETOF dataplat.batch
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT b.*
      FROM dataplat.source AS s
      JOIN dataplat.batch AS b ON b.source = s.name
     WHERE s.target = bronze_unread.relation
       AND b.rows > 0
       AND b.xid >= pg_snapshot_xmin((frontier ->> 'snapshot')::pg_snapshot)
       AND NOT pg_visible_in_snapshot(b.xid, (frontier ->> 'snapshot')::pg_snapshot)
       AND NOT (b.xid = coalesce((frontier ->> 'xid')::xid8, '0') AND b.batch_id <= coalesce((frontier ->> 'batch')::bigint, 0))
    UNION ALL
    SELECT b.*
      FROM jsonb_array_elements_text(CASE jsonb_typeof(frontier -> 'pending') WHEN 'array' THEN frontier -> 'pending' ELSE '[]' END) AS p (id)
      JOIN dataplat.batch AS b ON b.batch_id = p.id::bigint
     WHERE b.rows > 0;
$$;
COMMENT ON FUNCTION dataplat_internal.bronze_unread(text, jsonb) IS 'batches of a bronze table past a frontier';

CREATE OR REPLACE FUNCTION dataplat_internal.bronze_pending(relation text, frontier jsonb, OUT pending bigint, OUT oldest timestamptz)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN frontier IS NOT NULL THEN coalesce(sum(b.rows), 0)::bigint END, min(b.committed_at)
      FROM dataplat_internal.bronze_unread(bronze_pending.relation, frontier) AS b;
$$;
COMMENT ON FUNCTION dataplat_internal.bronze_pending(text, jsonb) IS
    'rows of a bronze table past a frontier, and when the first of them was stored; NULL before the first run';

-- The same of a table, by its change log.  The log has no clock: the oldest
-- change is dated by its transaction, or by what is known to be before it.
CREATE OR REPLACE FUNCTION dataplat_internal.table_pending(relation text, reader text, OUT frontier jsonb, OUT pending bigint, OUT oldest timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    seen  pg_snapshot;
    log   int;
    part  text;
    n     bigint;
    first bigint;
    low   bigint;
BEGIN
    SELECT r.frontier, l.log_id INTO frontier, log
      FROM dataplat_internal.change_log_reader AS r JOIN dataplat_internal.change_log AS l ON l.relation = r.relation
     WHERE r.relation = table_pending.relation AND r.reader = table_pending.reader;
    seen := (frontier ->> 'snapshot')::pg_snapshot;
    IF seen IS NULL THEN
        RETURN;
    END IF;
    pending := 0;
    FOR part IN SELECT c.oid::regclass::text FROM pg_class AS c
                 WHERE c.relnamespace = 'dataplat_internal'::regnamespace AND c.relname IN (format('change_log_%s_0', log), format('change_log_%s_1', log)) LOOP
        -- Asked once for each transaction, not for each change.
        EXECUTE format('SELECT coalesce(sum(t.n), 0), min(t.xid)'
                       '  FROM (SELECT c.xid, count(*) AS n FROM %s AS c WHERE c.xid >= $1 AND NOT (c.xid = $3 AND c.seq <= $4) GROUP BY c.xid) AS t'
                       ' WHERE NOT pg_visible_in_snapshot(t.xid::text::xid8, $2)', part)
           INTO n, low USING pg_snapshot_xmin(seen)::text::bigint, seen, coalesce((frontier ->> 'xid')::bigint, 0), coalesce((frontier ->> 'seq')::bigint, 0);
        pending := pending + n;
        first := least(first, low);
    END LOOP;
    IF pending > 0 THEN
        oldest := dataplat_internal.time_of_transaction(first);
        IF oldest IS NULL THEN
            SELECT greatest(max(s.last_success_at), (SELECT b.committed_at FROM dataplat.batch AS b WHERE b.xid <= first::text::xid8 ORDER BY b.xid DESC LIMIT 1))
              INTO oldest FROM dataplat_internal.pipeline_state AS s WHERE s.pipeline = table_pending.reader;
        END IF;
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.table_pending(text, text) IS 'changes of a table past a reader''s frontier, and about when the first of them was made';

-- When a transaction committed, where the server keeps that (track_commit_timestamp).
CREATE OR REPLACE FUNCTION dataplat_internal.time_of_transaction(xid bigint)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('track_commit_timestamp')::boolean THEN
        RETURN pg_xact_commit_timestamp((xid & 4294967295)::text::xid);
    END IF;
    RETURN NULL;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.time_of_transaction(bigint) IS 'when a transaction committed; NULL where the server does not keep that';

-- Has a reader of a change log taken in everything that "as_of" shows?
CREATE OR REPLACE FUNCTION dataplat_internal.table_has_been_seen(relation text, reader text, as_of pg_snapshot)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce((SELECT dataplat_internal.snapshot_covers((r.frontier ->> 'snapshot')::pg_snapshot, as_of)
                            OR (r.frontier ->> 'snapshot' IS NOT NULL AND NOT dataplat_internal.changes_pending(to_regclass(r.relation), r.reader))
                       FROM dataplat_internal.change_log_reader AS r
                      WHERE r.relation = table_has_been_seen.relation AND r.reader = table_has_been_seen.reader), false);
$$;
COMMENT ON FUNCTION dataplat_internal.table_has_been_seen(text, text, pg_snapshot) IS 'has a reader of a change log taken in everything that a snapshot shows?';

-- SECURITY DEFINER: it reads private tables; who may look is decided by the
-- rights on the view and on this function.
CREATE OR REPLACE FUNCTION dataplat_internal.pipeline_input_rows(
    OUT pipeline text, OUT relation text, OUT role text, OUT frontier jsonb, OUT pending bigint, OUT oldest timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.pipeline, r.relation, r.role, coalesce(r.bronze_frontier, c.frontier),
           CASE r.role WHEN 'bronze' THEN b.pending WHEN 'table' THEN c.pending ELSE 0 END, coalesce(b.oldest, c.oldest)
      FROM dataplat_internal.pipeline_relation AS r
      LEFT JOIN LATERAL dataplat_internal.bronze_pending(r.relation, r.bronze_frontier) AS b ON r.role = 'bronze'
      LEFT JOIN LATERAL dataplat_internal.table_pending(r.relation, r.pipeline) AS c ON r.role = 'table';
$$;
COMMENT ON FUNCTION dataplat_internal.pipeline_input_rows() IS 'the rows of pipeline_input, read with the rights of the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.pipeline_input_rows() FROM PUBLIC;

CREATE OR REPLACE VIEW dataplat.pipeline_input AS
SELECT i.pipeline, i.relation, i.role, i.frontier, i.pending
  FROM dataplat_internal.pipeline_input_rows() AS i
 ORDER BY i.pipeline, i.relation;
COMMENT ON VIEW dataplat.pipeline_input IS 'what each pipeline reads, how far it has seen it, and how many changes wait';
COMMENT ON COLUMN dataplat.pipeline_input.role IS 'bronze (new rows by the ledger), table (changes by its log) or lookup (changes do not trigger)';
COMMENT ON COLUMN dataplat.pipeline_input.frontier IS 'snapshot up to which the changes are in the target; NULL before the first run';
COMMENT ON COLUMN dataplat.pipeline_input.pending IS 'changes past the frontier; NULL when it is not known yet';

-- ------------------------------------------------------------------ state

-- SECURITY DEFINER: it reads private tables, as pipeline_input_rows() does.
CREATE OR REPLACE FUNCTION dataplat_internal.pipeline_rows(
    OUT pipeline text, OUT state text, OUT reason text, OUT hint text, OUT since timestamptz, OUT mode text, OUT lag_rows bigint,
    OUT lag_seconds numeric, OUT last_run_id bigint, OUT last_success_at timestamptz, OUT consecutive_failures int, OUT circuit text,
    OUT next_run_at timestamptz, OUT last_error text)
RETURNS SETOF record
LANGUAGE sql VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH lag AS (
        SELECT i.pipeline, sum(i.pending)::bigint AS rows, min(i.oldest) AS oldest
          FROM dataplat_internal.pipeline_input_rows() AS i GROUP BY i.pipeline
    )
    SELECT p.name, c.state,
           CASE c.state
               WHEN 'fenced' THEN 'this database is a copy that nobody has adopted'
               WHEN 'paused' THEN concat_ws(': ', 'paused by ' || coalesce(p.paused_by, 'somebody'), p.pause_reason)
               WHEN 'starting' THEN coalesce(s.reason, CASE WHEN NOT i.loaded THEN 'dataplat is not in shared_preload_libraries'
                                                            ELSE 'the first run has not been made' END)
               WHEN 'retrying' THEN coalesce(s.reason, s.last_error)
               WHEN 'rebuilding' THEN coalesce('the next run computes everything: ' || s.rebuild_reason,
                                               format('%s asked for by %s, %s rows so far', g.kind, g.requested_by, g.rows_done))
               ELSE coalesce(s.reason, 'waits for pipeline "' || w.parent || '", whose runs fail') END,
           CASE c.state
               WHEN 'fenced' THEN 'SELECT dataplat.adopt(''fork''), or ''resume'' when the original is gone for good.'
               WHEN 'paused' THEN 'dataplat.resume_pipeline() goes on where it stopped.'
               WHEN 'failed' THEN coalesce(s.hint, 'Mend the cause, then dataplat.resume_pipeline().')
               WHEN 'starting' THEN CASE WHEN NOT i.loaded THEN 'Add it to shared_preload_libraries and restart the server; run_pipeline() works without.'
                                         WHEN p.schedule = 'manual' THEN 'SELECT dataplat.run_pipeline(' || quote_literal(p.name) || ');'
                                         ELSE s.hint END
               ELSE coalesce(s.hint, 'See dataplat.pipeline_status of pipeline "' || w.parent || '".') END,
           CASE c.state WHEN 'paused' THEN p.paused_at ELSE s.since END,
           p.mode, CASE WHEN p.mode = 'view' THEN 0 ELSE l.rows END,
           CASE WHEN p.mode = 'view' OR l.rows = 0 THEN 0
                ELSE greatest(round(extract(epoch FROM clock_timestamp() - l.oldest), 1), 0) END,
           s.last_run_id, s.last_success_at, s.consecutive_failures, s.circuit,
           CASE WHEN c.state NOT IN ('paused', 'fenced', 'failed') THEN s.next_run_at END, s.last_error
      FROM dataplat.pipeline AS p
      JOIN dataplat_internal.pipeline_state AS s ON s.pipeline = p.name
      LEFT JOIN lag AS l ON l.pipeline = p.name
      LEFT JOIN dataplat_internal.pipeline_rebuild AS g ON g.pipeline = p.name
     CROSS JOIN (SELECT dataplat_internal.installation_is_ours() AS ours, dataplat_internal.is_preloaded() AS loaded) AS i
     CROSS JOIN LATERAL (
         SELECT CASE WHEN NOT i.ours AND p.mode <> 'view' THEN 'fenced'
                     WHEN p.paused THEN 'paused'
                     WHEN s.state IN ('failed', 'retrying', 'waiting_slot', 'blocked_lock') THEN s.state
                     WHEN NOT s.filled THEN 'starting'
                     WHEN s.rebuild_reason IS NOT NULL OR g.pipeline IS NOT NULL THEN 'rebuilding'
                     WHEN p.mode <> 'view' AND l.rows > 0 THEN 'running'
                     ELSE 'idle' END) AS c (state)
      -- what reads the target of one that fails waits, when they run together
      LEFT JOIN LATERAL (
         SELECT u.name
           FROM dataplat_internal.pipeline_relation AS r
           JOIN dataplat.pipeline AS u ON u.target = r.relation AND u.schedule = p.schedule AND NOT u.paused
           JOIN dataplat_internal.pipeline_state AS us ON us.pipeline = u.name AND us.consecutive_failures > 0
          WHERE r.pipeline = p.name AND r.role = 'table'
          ORDER BY u.name LIMIT 1) AS w (parent) ON c.state IN ('idle', 'running');
$$;
COMMENT ON FUNCTION dataplat_internal.pipeline_rows() IS 'the rows of pipeline_status, read with the rights of the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.pipeline_rows() FROM PUBLIC;

CREATE OR REPLACE VIEW dataplat.pipeline_status AS
SELECT r.pipeline, r.state, r.reason, r.hint, r.since, r.mode, r.lag_rows, r.lag_seconds, r.last_run_id, r.last_success_at,
       r.consecutive_failures, r.circuit, r.next_run_at, r.last_error
  FROM dataplat_internal.pipeline_rows() AS r
 ORDER BY r.pipeline;
COMMENT ON VIEW dataplat.pipeline_status IS 'one row for each pipeline: its state, why it is in it, and what to do';
COMMENT ON COLUMN dataplat.pipeline_status.state IS 'starting, running, idle, rebuilding, retrying, waiting_slot, blocked_lock, paused, fenced or failed';
COMMENT ON COLUMN dataplat.pipeline_status.lag_rows IS 'changes of the inputs that are not in the target yet; NULL before the first run';
COMMENT ON COLUMN dataplat.pipeline_status.lag_seconds IS 'age of the oldest of them; 0 when there are none';
COMMENT ON COLUMN dataplat.pipeline_status.circuit IS 'closed (runs), open (too many failures: waits) or half_open (one try decides)';

-- ------------------------------------------------------------------ health

-- What is worth a look, the worst first for each pipeline.
CREATE OR REPLACE FUNCTION dataplat_internal.health_pipelines(
    OUT severity text, OUT object text, OUT problem text, OUT cause text, OUT action text)
RETURNS SETOF record
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH status AS (
        SELECT r.*, p.target, p.target_lag, p.paused_at, p.paused_by, p.mode_reason, p.mode_given, x.rebuild_reason
          FROM dataplat_internal.pipeline_rows() AS r
          JOIN dataplat.pipeline AS p ON p.name = r.pipeline
          JOIN dataplat_internal.pipeline_state AS x ON x.pipeline = r.pipeline
    ), big AS (
        SELECT r.pipeline, max(t.rows) AS rows
          FROM dataplat_internal.pipeline_relation AS r
         CROSS JOIN LATERAL (SELECT sum(greatest(c.reltuples, 0)) FROM pg_class AS c
                              WHERE c.oid IN (SELECT q.relid FROM pg_partition_tree(to_regclass(r.relation)) AS q UNION SELECT to_regclass(r.relation)::oid)) AS t (rows)
         GROUP BY r.pipeline
    )
    SELECT 'error', 'pipeline ' || s.pipeline, 'failed', coalesce(s.reason, s.last_error, 'unknown'), s.hint
      FROM status AS s WHERE s.state = 'failed'
    UNION ALL
    SELECT 'error', 'pipeline ' || s.pipeline, 'circuit ' || s.circuit,
           format('%s runs in a row failed: %s', s.consecutive_failures, coalesce(s.last_error, s.reason, 'unknown')),
           coalesce('It is tried again at ' || date_trunc('second', s.next_run_at)::text || '; ', '') || 'resume_pipeline() tries at once.'
      FROM status AS s WHERE s.circuit <> 'closed' AND s.state NOT IN ('failed', 'paused', 'fenced')
    UNION ALL
    SELECT 'warning', 'pipeline ' || s.pipeline, 'retrying', coalesce(s.last_error, s.reason, 'unknown'),
           coalesce('It is tried again at ' || date_trunc('second', s.next_run_at)::text || '.', 'See dataplat.pipeline_run.')
      FROM status AS s WHERE s.state = 'retrying' AND s.circuit = 'closed' AND s.consecutive_failures > 1
    UNION ALL
    SELECT 'error', 'pipeline ' || s.pipeline, 'target is missing', format('table %s was dropped or renamed', s.target),
           format('SELECT dataplat.alter_pipeline(%L, target => %L); makes it again.', s.pipeline, s.target)
      FROM status AS s WHERE to_regclass(s.target) IS NULL
    UNION ALL
    SELECT 'error', 'pipeline ' || s.pipeline, 'paused by its fuse', s.reason,
           'Look at what has changed in the inputs; resume_pipeline() when it is right, after raising the fuse.'
      FROM status AS s WHERE s.state = 'paused' AND s.paused_by = 'fuse'
    UNION ALL
    SELECT 'warning', 'pipeline ' || s.pipeline, 'paused for long', s.reason || ', since ' || date_trunc('minute', s.paused_at)::text,
           'Changes of its inputs are kept meanwhile: resume_pipeline(), or drop_pipeline().'
      FROM status AS s WHERE s.state = 'paused' AND s.paused_by <> 'fuse' AND s.paused_at < clock_timestamp() - interval '1 day'
    UNION ALL
    SELECT 'warning', 'pipeline ' || s.pipeline, 'older than its target lag',
           format('the oldest change waits for %s, target_lag is %s', make_interval(secs => s.lag_seconds::float8), s.target_lag),
           'See dataplat.pipeline_run for what the runs cost, or raise dataplat.pipeline_workers.'
      FROM status AS s
     WHERE s.state NOT IN ('paused', 'failed', 'fenced') AND make_interval(secs => s.lag_seconds::float8) > s.target_lag
    UNION ALL
    SELECT 'info', 'pipeline ' || s.pipeline, 'computes everything in each run',
           format('an input has about %s rows; %s', b.rows::bigint, coalesce(s.mode_reason, 'mode full was asked for')),
           'Write the query so that it can be kept up to date by its changes (docs/pipelines.md), or give it a schedule.'
      FROM status AS s JOIN big AS b ON b.pipeline = s.pipeline AND b.rows > 1000000 WHERE s.mode = 'full'
    UNION ALL
    SELECT 'info', 'pipeline ' || j.pipeline, 'an index is missing',
           format('changes of %s look for rows of %s by %I, and read about %s rows for it', string_agg(j.other, ', ' ORDER BY j.other), j.relation,
                  j.column_name, max(n.rows)::bigint),
           format('CREATE INDEX ON %s (%I);', j.relation, j.column_name)
      FROM dataplat_internal.pipeline_join AS j
     CROSS JOIN LATERAL (SELECT sum(greatest(c.reltuples, 0)) AS rows FROM pg_class AS c
                          WHERE c.oid IN (SELECT q.relid FROM pg_partition_tree(to_regclass(j.relation)) AS q UNION SELECT to_regclass(j.relation)::oid)) AS n
     WHERE n.rows >= 10000
       AND NOT EXISTS (SELECT FROM pg_index AS x JOIN pg_attribute AS t ON t.attrelid = x.indrelid AND t.attnum = x.indkey[0]
                        WHERE x.indrelid = to_regclass(j.relation) AND x.indisvalid AND x.indpred IS NULL AND t.attname = j.column_name)
     GROUP BY j.pipeline, j.relation, j.column_name
    UNION ALL
    SELECT 'info', 'pipeline ' || a.pipeline, a.problem, a.cause, a.action
      FROM dataplat_internal.pipeline_advice AS a;
$$;
COMMENT ON FUNCTION dataplat_internal.health_pipelines() IS 'problems of pipelines';
REVOKE ALL ON FUNCTION dataplat_internal.health_pipelines() FROM PUBLIC;
SELECT dataplat_internal.register_health_check('pipelines', 'dataplat_internal.health_pipelines');

-- ------------------------------------------------------------------ show_create

CREATE OR REPLACE FUNCTION dataplat_internal.show_create_pipeline(name text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT dataplat.create_pipeline(%L, target => %L, query => %L', p.name, p.target, p.query)
           || (SELECT coalesce(string_agg(', ' || d.argument || ' => ' || d.value, '' ORDER BY d.place), '')
                 FROM (VALUES (1, 'keys', p.keys_given, quote_literal(p.keys)),
                              (2, 'mode', p.mode_given, quote_literal(p.mode)),
                              (3, 'sequence_by', p.sequence_by IS NOT NULL, quote_literal(p.sequence_by)),
                              (4, 'delete_when', p.delete_when IS NOT NULL, quote_literal(p.delete_when)),
                              (5, 'schedule', p.schedule <> 'on_data', quote_literal(p.schedule)),
                              (6, 'target_lag', p.target_lag IS NOT NULL, quote_literal(p.target_lag)),
                              (7, 'lookups', p.lookups <> '{}', quote_literal(p.lookups)),
                              (8, 'event_time', p.event_time IS NOT NULL, quote_literal(p.event_time)),
                              (9, 'grace', p.grace IS NOT NULL, quote_literal(p.grace)),
                              (10, 'emit', p.emit <> 'change', quote_literal(p.emit)),
                              (11, 'retry', p.retry <> '{}', quote_literal(p.retry)),
                              (12, 'fuse', p.fuse <> '{}', quote_literal(p.fuse)),
                              (13, 'track_history_on', p.track_history_on IS NOT NULL, quote_literal(p.track_history_on)),
                              (14, 'depends_on', p.depends_on <> '{}', quote_literal(p.depends_on)),
                              (15, 'paused', p.paused, 'true'),
                              (16, 'search_path', true, quote_literal(p.search_path)),
                              (17, 'time_zone', true, quote_literal(p.time_zone))) AS d (place, argument, set, value)
                WHERE d.set) || ');'
      FROM dataplat.pipeline AS p
     WHERE p.name = show_create_pipeline.name;
$$;
COMMENT ON FUNCTION dataplat_internal.show_create_pipeline(text) IS 'SQL that makes a pipeline again';
REVOKE ALL ON FUNCTION dataplat_internal.show_create_pipeline(text) FROM PUBLIC;
SELECT dataplat_internal.register_show_create('pipeline', 'dataplat_internal.show_create_pipeline');
