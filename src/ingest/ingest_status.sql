/*
 * ingest: how sources are doing, what is wrong with them, and the SQL that
 * makes them again.
 */

-- SECURITY DEFINER: it reads private tables and shared memory; who may look
-- is decided by the rights on the view and on this function.
CREATE OR REPLACE FUNCTION dataplat_internal.source_partition_rows(
    OUT source text, OUT topic text, OUT partition int, OUT next_offset bigint, OUT log_start_offset bigint, OUT high_watermark bigint,
    OUT last_stable_offset bigint, OUT lag bigint, OUT lag_seconds numeric, OUT rows bigint, OUT dead_letters bigint, OUT gaps bigint,
    OUT state text, OUT duplicate_keys bigint, OUT quarantined bigint)
RETURNS SETOF record
LANGUAGE sql VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH stats AS (
        SELECT p.source_id, p.topic, p.partition, max(p.low) AS low, max(p.high) AS high, max(p.stable) AS stable, max(p.state) AS state,
               max(p.duplicate_keys) AS duplicate_keys
          FROM dataplat_internal.partition_stats() AS p
         GROUP BY 1, 2, 3
    ), seen AS (
        SELECT s.name, s.paused, s.source_id, coalesce(o.topic, p.topic) AS topic, coalesce(o.partition, p.partition) AS partition, o.next_offset,
               nullif(greatest(p.low, o.log_start_offset), -1) AS low, nullif(greatest(p.high, o.high_watermark), -1) AS high,
               nullif(greatest(p.stable, o.last_stable_offset), -1) AS stable, o.last_timestamp, o.rows, o.dead_letters, o.gaps,
               o.quarantined, p.duplicate_keys,
               CASE WHEN NOT dataplat_internal.means_topic(s.topic, coalesce(o.topic, p.topic)) THEN 'not_read'
                    WHEN o.state <> 'ok' THEN o.state WHEN s.paused THEN 'paused' ELSE coalesce(p.state, 'starting') END AS state
          FROM dataplat.source AS s
          CROSS JOIN LATERAL (
              SELECT t.topic, t.partition FROM dataplat_internal.source_offset AS t WHERE t.source = s.name
              UNION SELECT t.topic, t.partition FROM stats AS t WHERE t.source_id = s.source_id) AS k
          LEFT JOIN dataplat_internal.source_offset AS o ON o.source = s.name AND o.topic = k.topic AND o.partition = k.partition
          LEFT JOIN stats AS p ON p.source_id = s.source_id AND p.topic = k.topic AND p.partition = k.partition
    )
    SELECT n.name, n.topic, n.partition, n.next_offset, n.low, n.high, n.stable,
           CASE WHEN n.state NOT IN ('deleted', 'not_read') AND coalesce(n.stable, n.high) IS NOT NULL
                THEN greatest(coalesce(n.stable, n.high) - coalesce(n.next_offset, n.low), 0) END,
           CASE WHEN n.state IN ('deleted', 'not_read') THEN NULL
                WHEN coalesce(n.stable, n.high) > n.next_offset
                THEN greatest(round(extract(epoch FROM clock_timestamp() - n.last_timestamp), 1), 0)
                WHEN coalesce(n.stable, n.high) IS NOT NULL THEN 0 END,
           coalesce(n.rows, 0), coalesce(n.dead_letters, 0), coalesce(n.gaps, 0), n.state,
           coalesce(n.duplicate_keys, 0), coalesce(n.quarantined, 0)
      FROM seen AS n;
$$;
COMMENT ON FUNCTION dataplat_internal.source_partition_rows() IS
    'the rows of source_partition_status, read with the rights of the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.source_partition_rows() FROM PUBLIC;

CREATE OR REPLACE VIEW dataplat.source_partition_status AS
SELECT p.source, p.topic, p.partition, p.next_offset, p.log_start_offset, p.high_watermark, p.last_stable_offset, p.lag, p.lag_seconds,
       p.rows, p.dead_letters, p.gaps, p.state, p.duplicate_keys, p.quarantined
  FROM dataplat_internal.source_partition_rows() AS p
 ORDER BY p.source, p.topic, p.partition;
COMMENT ON VIEW dataplat.source_partition_status IS 'how far each partition of each source has been ingested';
COMMENT ON COLUMN dataplat.source_partition_status.state IS 'of its worker; data_loss and deleted need accept_data_loss, not_read is of a topic that the source was altered away from';
COMMENT ON COLUMN dataplat.source_partition_status.next_offset IS 'the first offset that is not committed yet';
COMMENT ON COLUMN dataplat.source_partition_status.lag IS 'offsets up to the last stable offset that are not committed yet';
COMMENT ON COLUMN dataplat.source_partition_status.lag_seconds IS 'age of the newest message stored, when there are newer ones; 0 when there are none';
COMMENT ON COLUMN dataplat.source_partition_status.rows IS 'rows stored since the last seek';
COMMENT ON COLUMN dataplat.source_partition_status.quarantined IS 'messages that row rules of the target put aside since the last seek, without those that were requeued';
COMMENT ON COLUMN dataplat.source_partition_status.duplicate_keys IS
    'keys that stood twice in an object of a JSON document (the last one was kept), since the server was started';

-- The state of a source is the worst of its workers, below what its
-- definition and its failures say.
--
-- SECURITY DEFINER: it reads private tables, as source_partition_rows() does.
CREATE OR REPLACE FUNCTION dataplat_internal.source_rows(
    OUT source text, OUT state text, OUT reason text, OUT hint text, OUT since timestamptz, OUT workers int, OUT rows bigint,
    OUT dead_letters bigint, OUT lag bigint, OUT lag_seconds numeric, OUT write_path text, OUT last_error text, OUT next_retry_at timestamptz)
RETURNS SETOF record
LANGUAGE sql VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH worker AS (
        SELECT j.*, array_position(ARRAY['idle', 'catching_up', 'running', 'starting', 'waiting_lso', 'waiting_slot', 'blocked_lock',
                                         'retrying', 'suspect', 'paused', 'data_loss', 'failed', 'fenced'], j.state) AS badness
          FROM dataplat_internal.job_state() AS j
         WHERE j.kind = 'ingest'
    ), worst AS (
        SELECT DISTINCT ON (w.object_id) w.* FROM worker AS w WHERE w.wanted OR w.pid IS NOT NULL
         ORDER BY w.object_id, w.badness DESC NULLS LAST, w.worker_no
    ), job AS (
        SELECT w.object_id, count(w.pid)::int AS running, min(w.next_retry_at) AS next_retry_at,
               (array_agg(w.last_error ORDER BY w.last_error_at DESC NULLS LAST) FILTER (WHERE w.last_error IS NOT NULL))[1] AS last_error
          FROM worker AS w GROUP BY w.object_id
    ), part AS (
        SELECT p.source, sum(p.rows)::bigint AS rows, sum(p.dead_letters)::bigint AS dead_letters, sum(p.lag)::bigint AS lag, max(p.lag_seconds) AS lag_seconds
          FROM dataplat_internal.source_partition_rows() AS p GROUP BY p.source
    ), loss AS (
        SELECT e.source, min(e.detected_at) AS since, count(*) AS n,
               (array_agg(format('%s: %s partition %s', e.class, e.topic, e.partition)
                          || CASE WHEN e.from_offset IS NOT NULL AND e.to_offset IS NOT NULL THEN format(', offsets %s to %s', e.from_offset, e.to_offset - 1) ELSE '' END
                          ORDER BY e.event_id))[1] AS first
          FROM dataplat.data_loss_event AS e WHERE e.resolved_at IS NULL GROUP BY e.source
    )
    SELECT s.name,
           CASE WHEN w.state = 'fenced' OR NOT i.ours THEN 'fenced'
                WHEN f.source IS NOT NULL THEN f.state
                WHEN l.source IS NOT NULL THEN 'data_loss'
                WHEN s.paused THEN 'paused'
                ELSE coalesce(w.state, 'starting') END,
           CASE WHEN NOT i.ours THEN 'this database is a copy that nobody has adopted'
                WHEN w.state = 'fenced' THEN w.reason
                WHEN f.source IS NOT NULL THEN f.reason
                WHEN l.source IS NOT NULL THEN l.first || CASE WHEN l.n > 1 THEN format(' and %s more', l.n - 1) ELSE '' END
                WHEN s.paused THEN concat_ws(': ', 'paused by ' || coalesce(s.paused_by, 'somebody'), s.pause_reason)
                WHEN w.object_id IS NULL AND NOT i.loaded THEN 'dataplat is not in shared_preload_libraries'
                WHEN w.object_id IS NULL THEN 'waiting for the scheduler'
                ELSE w.reason END,
           CASE WHEN NOT i.ours THEN 'SELECT dataplat.adopt(''fork''), or ''resume'' when the original is gone for good.'
                WHEN w.state = 'fenced' THEN w.hint
                WHEN f.source IS NOT NULL THEN coalesce(f.hint, 'Mend the cause, then dataplat.resume_source().')
                WHEN l.source IS NOT NULL THEN 'Look at dataplat.data_loss_event, then dataplat.accept_data_loss().'
                WHEN s.paused AND s.paused_by = 'row rules' THEN 'Mend the messages where they come from and seek past them, or let the rules drop or quarantine rows with dataplat.alter_expectation(); then dataplat.resume_source().'
                WHEN s.paused AND s.paused_by = 'error budget' THEN 'Look at dataplat.dead_letter_summary, mend the cause or raise max_errors or max_error_ratio, then dataplat.resume_source().'
                WHEN s.paused THEN 'dataplat.resume_source() goes on where it stopped.'
                WHEN w.object_id IS NULL AND NOT i.loaded THEN 'Add it to shared_preload_libraries and restart the server.'
                ELSE w.hint END,
           CASE WHEN w.state = 'fenced' THEN w.since WHEN f.source IS NOT NULL THEN f.since WHEN l.source IS NOT NULL THEN l.since
                WHEN s.paused THEN s.paused_at ELSE coalesce(w.since, s.altered_at) END,
           coalesce(j.running, 0), coalesce(p.rows, 0), coalesce(p.dead_letters, 0), p.lag, p.lag_seconds,
           dataplat_internal.source_write_path(s.name), coalesce(w.last_error, j.last_error), CASE WHEN NOT s.paused THEN j.next_retry_at END
      FROM dataplat.source AS s
     CROSS JOIN (SELECT dataplat_internal.installation_is_ours() AS ours, dataplat_internal.is_preloaded() AS loaded) AS i
      LEFT JOIN worst AS w ON w.object_id = s.source_id
      LEFT JOIN job AS j ON j.object_id = s.source_id
      LEFT JOIN part AS p ON p.source = s.name
      LEFT JOIN loss AS l ON l.source = s.name
      -- a failure that came with a dump says nothing about the copy
      LEFT JOIN dataplat_internal.source_failure AS f ON f.source = s.name
       AND (f.install_uuid IS NULL OR f.install_uuid IN (SELECT n.install_uuid::text FROM dataplat_internal.installation AS n));
$$;
COMMENT ON FUNCTION dataplat_internal.source_rows() IS 'the rows of source_status, read with the rights of the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.source_rows() FROM PUBLIC;

CREATE OR REPLACE VIEW dataplat.source_status AS
SELECT r.source, r.state, r.reason, r.hint, r.since, r.workers, r.rows, r.dead_letters, r.lag, r.lag_seconds, r.write_path, r.last_error,
       r.next_retry_at
  FROM dataplat_internal.source_rows() AS r
 ORDER BY r.source;
COMMENT ON VIEW dataplat.source_status IS 'one row for each source: its state, why it is in it, and what to do';
COMMENT ON COLUMN dataplat.source_status.state IS
    'starting, running, catching_up, idle, retrying, paused, blocked_lock, waiting_slot, waiting_lso, suspect, data_loss, fenced or failed';
COMMENT ON COLUMN dataplat.source_status.workers IS 'workers that run now';
COMMENT ON COLUMN dataplat.source_status.write_path IS 'multi_insert, executor or sql, chosen by the target; NULL when it cannot be written';

-- ------------------------------------------------------------------ dead letters, in groups

CREATE OR REPLACE VIEW dataplat.dead_letter_summary AS
SELECT d.source, d.stage, d.sqlstate, d.message, d.fingerprint,
       pg_catalog.count(*) FILTER (WHERE d.state = 'open') AS open,
       pg_catalog.count(*) AS total,
       pg_catalog.min(d.created_at) AS first_at,
       pg_catalog.max(d.created_at) AS last_at,
       coalesce(pg_catalog.min(d.dead_letter_id) FILTER (WHERE d.state = 'open'), pg_catalog.min(d.dead_letter_id)) AS example_id
  FROM dataplat.dead_letter AS d
 GROUP BY d.source, d.stage, d.sqlstate, d.message, d.fingerprint
 ORDER BY open DESC, last_at DESC;
COMMENT ON VIEW dataplat.dead_letter_summary IS 'dead letters by kind of failure, the kinds with most open ones first; example_id is one to look at';

-- Dead letters hold messages: only those who own the source, operators and superusers see them.
ALTER TABLE dataplat.dead_letter ENABLE ROW LEVEL SECURITY;
DO LANGUAGE plpgsql $$
BEGIN
    DROP POLICY IF EXISTS owner_sees ON dataplat.dead_letter;
    CREATE POLICY owner_sees ON dataplat.dead_letter FOR SELECT
        USING (EXISTS (SELECT FROM dataplat.source AS s JOIN pg_catalog.pg_roles AS r ON r.rolname = s.owner
                        WHERE s.name = source AND pg_catalog.pg_has_role(r.oid, 'MEMBER'))
               OR EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = 'dataplat_operator' AND pg_catalog.pg_has_role(r.oid, 'MEMBER')));
    COMMENT ON POLICY owner_sees ON dataplat.dead_letter IS 'messages are shown to the owner of their source and to operators';
END;
$$;

-- ------------------------------------------------------------------ show_create

CREATE OR REPLACE FUNCTION dataplat_internal.show_create_source(name text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT dataplat.create_source(%L, server => %L, topic => %L, target => %L', s.name, s.server, s.topic, s.target)
           || (SELECT coalesce(string_agg(', ' || d.argument || ' => ' || d.value, '' ORDER BY d.place), '')
                 FROM (VALUES (1, 'format', s.format <> 'json', quote_literal(s.format)),
                              (2, 'key_format', s.key_format <> 'text', quote_literal(s.key_format)),
                              (3, 'layout', s.layout <> 'document', quote_literal(s.layout)),
                              (4, 'start_from', s.start_from <> 'earliest', quote_literal(s.start_from)),
                              (5, 'value_subject', s.value_subject IS NOT NULL, quote_literal(s.value_subject)),
                              (6, 'registry', s.registry IS NOT NULL, quote_literal(s.registry)),
                              (7, 'envelope', s.envelope <> 'none', quote_literal(s.envelope)),
                              (8, 'on_error', s.on_error <> 'dead_letter', quote_literal(s.on_error)),
                              (9, 'max_errors', s.max_errors IS NOT NULL, s.max_errors::text),
                              (10, 'max_error_ratio', s.max_error_ratio IS NOT NULL, s.max_error_ratio::text),
                              (11, 'schema_evolution', s.schema_evolution <> 'fail', quote_literal(s.schema_evolution)),
                              (12, 'retention', s.retention IS NOT NULL, quote_literal(s.retention)),
                              (13, 'workers', s.workers <> 1, s.workers::text),
                              (14, 'batch_rows', s.batch_rows IS NOT NULL, s.batch_rows::text),
                              (15, 'batch_bytes', s.batch_bytes IS NOT NULL, s.batch_bytes::text),
                              (16, 'batch_delay', s.batch_delay IS NOT NULL, quote_literal(s.batch_delay)),
                              (17, 'rate_limit', s.rate_limit IS NOT NULL, s.rate_limit::text),
                              (18, 'include', s.include <> '{}', quote_literal(s.include)),
                              (19, 'paused', s.paused, 'true'),
                              (20, 'columns', s.columns IS NOT NULL, quote_literal(s.columns)),
                              (21, 'options', s.options <> '{}', quote_literal(s.options))) AS d (place, argument, set, value)
                WHERE d.set) || ');'
      FROM dataplat.source AS s
     WHERE s.name = show_create_source.name;
$$;
COMMENT ON FUNCTION dataplat_internal.show_create_source(text) IS 'SQL that makes a source again';
REVOKE ALL ON FUNCTION dataplat_internal.show_create_source(text) FROM PUBLIC;
SELECT dataplat_internal.register_show_create('source', 'dataplat_internal.show_create_source');

-- Secrets are in user mappings only; of these no value is shown but the name of a referred secret.
CREATE OR REPLACE FUNCTION dataplat_internal.show_create_server(name text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('CREATE SERVER %I FOREIGN DATA WRAPPER %I', f.srvname, w.fdwname)
           || coalesce((SELECT ' OPTIONS (' || string_agg(format('%I %L', o.option_name, o.option_value), ', ' ORDER BY o.option_name) || ')'
                          FROM pg_options_to_table(f.srvoptions) AS o), '') || ';'
           || coalesce((SELECT string_agg(E'\n' || format('CREATE USER MAPPING FOR %s SERVER %I',
                                   CASE u.umuser WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(u.umuser)) END, f.srvname)
                               || coalesce((SELECT ' OPTIONS (' || string_agg(format('%I %L', o.option_name,
                                                CASE WHEN o.option_name IN ('password_ref', 'sasl.username') THEN o.option_value ELSE '(not shown)' END),
                                                ', ' ORDER BY o.option_name) || ')'
                                              FROM pg_options_to_table(u.umoptions) AS o), '') || ';', '' ORDER BY u.umuser)
                          FROM pg_user_mapping AS u WHERE u.umserver = f.oid), '')
      FROM pg_foreign_server AS f
      JOIN pg_foreign_data_wrapper AS w ON w.oid = f.srvfdw
     WHERE f.srvname = show_create_server.name AND w.fdwname LIKE 'dataplat\_%';
$$;
COMMENT ON FUNCTION dataplat_internal.show_create_server(text) IS 'SQL that makes a server and its user mappings again, without secrets';
REVOKE ALL ON FUNCTION dataplat_internal.show_create_server(text) FROM PUBLIC;
SELECT dataplat_internal.register_show_create('server', 'dataplat_internal.show_create_server');

-- ------------------------------------------------------------------ health

CREATE OR REPLACE FUNCTION dataplat_internal.health_sources(
    OUT severity text, OUT object text, OUT problem text, OUT cause text, OUT action text)
RETURNS SETOF record
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN r.state IN ('failed', 'data_loss', 'suspect') OR s.paused_by IN ('error budget', 'row rules') THEN 'error' ELSE 'warning' END,
           'source ' || r.source,
           CASE WHEN r.state = 'paused' AND s.paused_by = 'row rules' THEN 'paused by row rules'
                WHEN r.state = 'paused' THEN 'paused by its error budget'
                WHEN r.state = 'starting' THEN 'no worker' ELSE r.state END,
           coalesce(r.reason, r.last_error, 'unknown'),
           coalesce(r.hint, CASE WHEN r.next_retry_at IS NOT NULL THEN format('Next try at %s.', r.next_retry_at) ELSE 'See dataplat.source_status.' END)
      FROM dataplat_internal.source_rows() AS r
      JOIN dataplat.source AS s ON s.name = r.source
     WHERE (r.state IN ('data_loss', 'failed')
            -- trouble of a worker that runs, or should, is told by the launcher
            AND NOT EXISTS (SELECT FROM dataplat_internal.job_state() AS j
                             WHERE j.kind = 'ingest' AND j.object_id = s.source_id AND j.wanted AND j.state IN ('data_loss', 'failed')))
        OR (r.state = 'paused' AND s.paused_by IN ('error budget', 'row rules'))
        OR (r.state = 'starting' AND r.workers = 0 AND r.since < clock_timestamp() - interval '1 minute')
    UNION ALL
    SELECT 'warning', 'source ' || d.source, 'open dead letters',
           format('%s messages could not become rows', d.n),
           'Look at dataplat.dead_letter_summary; then retry_dead_letters, fix_dead_letter or discard_dead_letters.'
      -- those of a source that was dropped are kept, but nobody waits for them
      FROM (SELECT x.source, count(*) AS n FROM dataplat.dead_letter AS x JOIN dataplat.source AS s ON s.name = x.source WHERE x.state = 'open' GROUP BY x.source) AS d
    UNION ALL
    SELECT 'warning', 'source ' || q.object, 'rows in quarantine',
           format('%s messages break rules of their table', q.n),
           'Look at dataplat.quarantine; then repair_quarantined, requeue_quarantined or discard_quarantined.'
      FROM (SELECT x.object, count(*) AS n FROM dataplat.quarantine AS x
             WHERE x.object_kind = 'source' AND x.state IN ('quarantined', 'repaired') GROUP BY x.object) AS q
      JOIN dataplat.source AS s ON s.name = q.object
    UNION ALL
    SELECT 'warning', 'source ' || p.source, 'retention of the topic is near',
           format('topic %s partition %s: %s messages to read, the oldest kept is %s behind our position', p.topic, p.partition, p.lag, p.next_offset - p.log_start_offset),
           'Find out why the source is slow, or raise retention.ms of the topic.'
      FROM dataplat_internal.source_partition_rows() AS p
     WHERE p.lag > 100000 AND p.log_start_offset > 0 AND p.next_offset - p.log_start_offset < p.lag / 10
    UNION ALL
    SELECT 'warning', 'source ' || p.source, 'lagging',
           format('%s messages and %s behind', sum(p.lag), make_interval(secs => max(p.lag_seconds)::float8)),
           'Raise workers, or see what slows the target; dataplat.source_partition_status shows where.'
      FROM dataplat_internal.source_partition_rows() AS p
     WHERE p.state NOT IN ('paused', 'data_loss', 'deleted')
     GROUP BY p.source HAVING max(p.lag_seconds) > 300 AND sum(p.lag) > 1000;
$$;
COMMENT ON FUNCTION dataplat_internal.health_sources() IS 'problems of sources';
REVOKE ALL ON FUNCTION dataplat_internal.health_sources() FROM PUBLIC;
SELECT dataplat_internal.register_health_check('sources', 'dataplat_internal.health_sources');

CREATE OR REPLACE FUNCTION dataplat_internal.health_bronze(
    OUT severity text, OUT object text, OUT problem text, OUT cause text, OUT action text)
RETURNS SETOF record
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'error', 'table ' || b.target, 'missing', 'the table was dropped or renamed',
           'dataplat.alter_source(..., target => ...) makes it again, or points the source elsewhere; then resume_source().'
      FROM dataplat_internal.bronze_table AS b
     WHERE to_regclass(b.target) IS NULL
    UNION ALL
    SELECT 'error', 'table ' || b.target, 'no partition for ' || CASE d.day WHEN 0 THEN 'today' ELSE 'tomorrow' END,
           'the maintenance worker does not run or cannot make it',
           format('SELECT dataplat_internal.ensure_partitions(%L); and look into the server log.', b.target)
      FROM dataplat_internal.bronze_table AS b
     CROSS JOIN (VALUES (0), (1)) AS d (day)
     WHERE to_regclass(b.target) IS NOT NULL AND dataplat_internal.is_partitioned_by_day(to_regclass(b.target))
       AND NOT EXISTS (SELECT FROM dataplat_internal.partition_bounds(to_regclass(b.target)) AS p
                        WHERE p.low <= clock_timestamp() + d.day * interval '1 day' AND p.high > clock_timestamp() + d.day * interval '1 day')
       AND NOT EXISTS (SELECT FROM pg_partitioned_table AS t WHERE t.partrelid = to_regclass(b.target) AND t.partdefid <> 0)
    UNION ALL
    SELECT 'warning', 'table ' || b.target, 'retention is held back',
           format('%s partitions older than %s are still needed by %s', count(DISTINCT e.leaf), b.retention, string_agg(DISTINCT n.reader, ', ')),
           'See what keeps these readers from catching up, or drop them.'
      FROM dataplat_internal.bronze_table AS b
     CROSS JOIN LATERAL dataplat_internal.expired_partitions(b.target, b.retention) AS e
     CROSS JOIN LATERAL string_to_table(e.needed_by, ', ') AS n (reader)
     WHERE b.retention IS NOT NULL
     GROUP BY b.target, b.retention;
$$;
COMMENT ON FUNCTION dataplat_internal.health_bronze() IS 'problems of bronze tables';
REVOKE ALL ON FUNCTION dataplat_internal.health_bronze() FROM PUBLIC;
SELECT dataplat_internal.register_health_check('bronze', 'dataplat_internal.health_bronze');
