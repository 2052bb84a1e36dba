/*
 * lineage: OpenLineage events on their way out.
 *
 * Events are made from the history of runs, after them: what is in the history
 * and not in the outbox goes into the outbox.  So a run pays nothing, its
 * commit is the commit of its events, and nothing piles up without an
 * endpoint.  The worker (delivery.c) sends what is in the outbox.
 */

-- No transaction that began before this is still under way: all that it may
-- have written, with times of its own, can be seen.
CREATE OR REPLACE FUNCTION dataplat_internal.transactions_settled()
RETURNS timestamptz
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT least(clock_timestamp(),
                 (SELECT min(a.xact_start) FROM pg_stat_activity AS a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()),
                 -- When a prepared transaction began is not told.
                 (SELECT min(p.prepared) - interval '1 hour' FROM pg_prepared_xacts AS p WHERE p.database = current_database())) - interval '1 second';
$$;
COMMENT ON FUNCTION dataplat_internal.transactions_settled() IS 'a time such that no transaction of this database that began earlier is under way';
REVOKE ALL ON FUNCTION dataplat_internal.transactions_settled() FROM PUBLIC;

-- One event into the outbox of each endpoint that does not have it; one that cannot be made is kept as failed.
CREATE OR REPLACE FUNCTION dataplat_internal.put_lineage_event(kind text, run text, event_type text, event_time timestamptz, servers text[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    event   jsonb;
    problem text;
BEGIN
    BEGIN
        event := dataplat_internal.openlineage_event_of(kind, run, event_type, event_time);
    EXCEPTION WHEN OTHERS THEN
        problem := left('the event could not be made: ' || SQLERRM, 1000);
    END;
    IF event IS NULL AND problem IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO dataplat.lineage_outbox (server, kind, run, run_id, event_type, event_time, event, status, last_error)
    SELECT s, $1, $2, (event #>> '{run,runId}')::uuid, $3, $4, event, CASE WHEN event IS NULL THEN 'failed' ELSE 'pending' END, problem
      FROM unnest(servers) AS s
        ON CONFLICT DO NOTHING;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.put_lineage_event(text, text, text, timestamptz, text[]) IS 'put an event into the outbox';
REVOKE ALL ON FUNCTION dataplat_internal.put_lineage_event(text, text, text, timestamptz, text[]) FROM PUBLIC;

-- Put what has happened into the outbox; returns how many events, at most so
-- many.  An endpoint with too many waiting gets the rest later.
CREATE OR REPLACE FUNCTION dataplat_internal.fill_lineage_outbox(max_events int DEFAULT 500, max_waiting int DEFAULT 50000)
RETURNS int
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    servers text[];
    since   timestamptz;
    settled timestamptz := dataplat_internal.transactions_settled();
    s       dataplat_internal.openlineage_source;
    e       record;
    lacking text[];
    n       int := 0;
BEGIN
    PERFORM FROM dataplat.lineage_endpoint AS x WHERE x.enabled ORDER BY x.server FOR UPDATE;
    SELECT array_agg(x.server), min(x.told_until) INTO servers, since
      FROM dataplat.lineage_endpoint AS x
     WHERE x.enabled AND (SELECT count(*) FROM (SELECT FROM dataplat.lineage_outbox AS o WHERE o.server = x.server AND o.status = 'pending' LIMIT max_waiting) AS w) < max_waiting;
    IF servers IS NULL THEN
        RETURN 0;
    END IF;
    -- The first run of a pipeline may be over before anybody asked whom it reads.
    PERFORM dataplat_internal.freshen_lineage();
    FOR s IN SELECT * FROM dataplat_internal.openlineage_source AS o ORDER BY o.kind LOOP
        FOR e IN EXECUTE format('SELECT run, event_type, event_time FROM %s($1)', s.emit_function) USING since LOOP
            lacking := ARRAY(SELECT v FROM unnest(servers) AS v
                              WHERE NOT EXISTS (SELECT FROM dataplat.lineage_outbox AS o
                                                 WHERE (o.server, o.kind, o.run, o.event_type, o.event_time) = (v, s.kind, e.run, e.event_type, e.event_time)));
            CONTINUE WHEN lacking = '{}';
            IF n >= max_events THEN
                RETURN n;
            END IF;
            PERFORM dataplat_internal.put_lineage_event(s.kind, e.run, e.event_type, e.event_time, lacking);
            n := n + 1;
        END LOOP;
    END LOOP;
    UPDATE dataplat.lineage_endpoint AS x SET told_until = settled WHERE x.server = ANY (servers) AND x.told_until < settled;
    RETURN n;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.fill_lineage_outbox(int, int) IS 'put events of what has happened into the outbox of each endpoint';
REVOKE ALL ON FUNCTION dataplat_internal.fill_lineage_outbox(int, int) FROM PUBLIC;

-- What may be sent now, the oldest first: of each run only its first event.
CREATE OR REPLACE FUNCTION dataplat_internal.due_lineage_events(of_server text, max_events int)
RETURNS TABLE (event_id bigint, event text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT o.event_id, o.event::text
      FROM dataplat.lineage_outbox AS o
     WHERE o.server = of_server AND o.status = 'pending' AND o.next_attempt_at <= clock_timestamp()
       AND NOT EXISTS (SELECT FROM dataplat.lineage_outbox AS p
                        WHERE p.server = o.server AND p.kind = o.kind AND p.run = o.run AND p.status = 'pending' AND p.event_id < o.event_id)
     ORDER BY o.event_id
     LIMIT max_events;
$$;
COMMENT ON FUNCTION dataplat_internal.due_lineage_events(text, int) IS 'events to send to an endpoint now';
REVOKE ALL ON FUNCTION dataplat_internal.due_lineage_events(text, int) FROM PUBLIC;

-- How long to wait after so many failures: doubling from a second to five minutes, a quarter more or less.
CREATE OR REPLACE FUNCTION dataplat_internal.lineage_backoff(failures int, at_least int)
RETURNS interval
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT greatest(least(power(2, least(greatest(failures, 1), 20) - 1), 300) * (0.75 + random() / 2), least(at_least, 3600)) * interval '1 second';
$$;
COMMENT ON FUNCTION dataplat_internal.lineage_backoff(int, int) IS 'time until the next attempt';
REVOKE ALL ON FUNCTION dataplat_internal.lineage_backoff(int, int) FROM PUBLIC;

-- What became of an attempt.  http_status 0: there was no answer.  True: go on with this endpoint.
CREATE OR REPLACE FUNCTION dataplat_internal.note_lineage_attempt(of_server text, of_event bigint, http_status int, problem text, retry_after int)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    refused boolean := http_status BETWEEN 400 AND 499 AND http_status NOT IN (408, 429);
BEGIN
    problem := left(problem, 1000);
    IF http_status BETWEEN 200 AND 299 THEN
        UPDATE dataplat.lineage_outbox AS o
           SET status = 'delivered', attempts = o.attempts + 1, delivered_at = clock_timestamp(), last_error = NULL
         WHERE o.event_id = of_event;
    ELSIF refused THEN
        UPDATE dataplat.lineage_outbox AS o SET status = 'failed', attempts = o.attempts + 1, last_error = problem WHERE o.event_id = of_event;
    ELSE
        UPDATE dataplat.lineage_outbox AS o
           SET attempts = o.attempts + 1, last_error = problem, next_attempt_at = clock_timestamp() + dataplat_internal.lineage_backoff(o.attempts + 1, retry_after)
         WHERE o.event_id = of_event;
        UPDATE dataplat.lineage_endpoint AS e
           SET failures = e.failures + 1, last_error = problem, retry_at = clock_timestamp() + dataplat_internal.lineage_backoff(e.failures + 1, retry_after)
         WHERE e.server = of_server;
        RETURN false;
    END IF;
    UPDATE dataplat.lineage_endpoint AS e
       SET failures = 0, retry_at = NULL, last_error = NULL, last_success_at = CASE WHEN refused THEN e.last_success_at ELSE clock_timestamp() END
     WHERE e.server = of_server;
    RETURN true;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.note_lineage_attempt(text, bigint, int, text, int) IS 'what became of sending an event; false when the endpoint shall be left alone for a while';
REVOKE ALL ON FUNCTION dataplat_internal.note_lineage_attempt(text, bigint, int, text, int) FROM PUBLIC;

-- Delivered events go after a day, as long as they are not needed to tell what has been told; failed ones after a month.
CREATE OR REPLACE FUNCTION dataplat_internal.clean_lineage_outbox()
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE dataplat.lineage_outbox AS o
       SET status = 'failed', last_error = concat_ws('; ', 'not delivered within a week', o.last_error)
     WHERE o.status = 'pending' AND o.created_at < clock_timestamp() - interval '7 days';
    DELETE FROM dataplat.lineage_outbox AS o
     USING dataplat.lineage_endpoint AS e
     WHERE e.server = o.server
       AND o.created_at < clock_timestamp() - CASE o.status WHEN 'delivered' THEN interval '1 day' ELSE interval '30 days' END
       AND o.created_at < e.told_until - interval '1 day'
       AND o.status <> 'pending';
$$;
COMMENT ON FUNCTION dataplat_internal.clean_lineage_outbox() IS 'chore: forget old events';
REVOKE ALL ON FUNCTION dataplat_internal.clean_lineage_outbox() FROM PUBLIC;

-- ---------------------------------------------------------------- endpoints

CREATE OR REPLACE FUNCTION dataplat_internal.command_set_lineage_endpoint(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old dataplat.lineage_endpoint;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_foreign_server AS f JOIN pg_foreign_data_wrapper AS w ON w.oid = f.srvfdw
                    WHERE f.srvname = a ->> 'server' AND w.fdwname = 'dataplat_http') THEN
        RAISE EXCEPTION 'server "%" of dataplat_http does not exist', a ->> 'server'
            USING ERRCODE = 'undefined_object', HINT = 'CREATE SERVER name FOREIGN DATA WRAPPER dataplat_http OPTIONS (url ''http://host:5000/api/v1/lineage'');';
    END IF;
    IF NOT has_server_privilege(caller, a ->> 'server', 'USAGE') THEN
        RAISE EXCEPTION 'permission denied for foreign server %', a ->> 'server' USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT * INTO old FROM dataplat.lineage_endpoint AS e WHERE e.server = a ->> 'server' FOR UPDATE;
    IF FOUND AND NOT pg_has_role(caller, old.owner, 'USAGE') THEN
        RAISE EXCEPTION 'must be a member of role "%"', old.owner USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO dataplat.lineage_endpoint (server, owner, enabled)
    VALUES (a ->> 'server', caller, coalesce((a ->> 'enabled')::boolean, true))
        ON CONFLICT (server) DO UPDATE
           SET enabled = excluded.enabled, owner = excluded.owner, failures = 0, retry_at = NULL, last_error = NULL,
               -- What happened while it was off is not told.
               told_until = CASE WHEN old.enabled THEN old.told_until ELSE clock_timestamp() END;
    PERFORM dataplat_internal.wake_job('lineage', 1);
    PERFORM dataplat_internal.wake_scheduler();
    RETURN 'null';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_set_lineage_endpoint(name, jsonb) IS 'set_lineage_endpoint as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_set_lineage_endpoint(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.set_lineage_endpoint(server text, enabled boolean DEFAULT true)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat.command('set_lineage_endpoint', jsonb_build_object('server', server, 'enabled', enabled));
$$;
COMMENT ON FUNCTION dataplat.set_lineage_endpoint(text, boolean) IS 'send OpenLineage events of what happens from now on to a server of dataplat_http, with the caller''s user mapping';
REVOKE ALL ON FUNCTION dataplat.set_lineage_endpoint(text, boolean) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_drop_lineage_endpoint(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old dataplat.lineage_endpoint;
BEGIN
    SELECT * INTO old FROM dataplat.lineage_endpoint AS e WHERE e.server = a ->> 'server' FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'lineage endpoint "%" does not exist', a ->> 'server'
            USING ERRCODE = 'undefined_object', HINT = 'See dataplat.lineage_endpoint.';
    END IF;
    IF NOT pg_has_role(caller, old.owner, 'USAGE') THEN
        RAISE EXCEPTION 'must be a member of role "%"', old.owner USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM dataplat.lineage_endpoint AS e WHERE e.server = old.server;
    PERFORM dataplat_internal.wake_scheduler();
    RETURN 'null';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_drop_lineage_endpoint(name, jsonb) IS 'drop_lineage_endpoint as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_drop_lineage_endpoint(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.drop_lineage_endpoint(server text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat.command('drop_lineage_endpoint', jsonb_build_object('server', server));
$$;
COMMENT ON FUNCTION dataplat.drop_lineage_endpoint(text) IS 'send no more OpenLineage events to a server; those in its outbox are deleted';
REVOKE ALL ON FUNCTION dataplat.drop_lineage_endpoint(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_retry_lineage_events(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n bigint;
BEGIN
    UPDATE dataplat.lineage_outbox AS o
       SET status = 'pending', attempts = 0, next_attempt_at = clock_timestamp(), created_at = clock_timestamp()
      FROM dataplat.lineage_endpoint AS e
     WHERE e.server = o.server AND o.status = 'failed' AND o.event IS NOT NULL AND (a ->> 'server' IS NULL OR o.server = a ->> 'server')
       AND pg_has_role(caller, e.owner, 'USAGE');
    GET DIAGNOSTICS n = ROW_COUNT;
    -- Those that could not be made are made again by the next look.
    DELETE FROM dataplat.lineage_outbox AS o USING dataplat.lineage_endpoint AS e
     WHERE e.server = o.server AND o.status = 'failed' AND o.event IS NULL AND (a ->> 'server' IS NULL OR o.server = a ->> 'server')
       AND pg_has_role(caller, e.owner, 'USAGE');
    UPDATE dataplat.lineage_endpoint AS e SET failures = 0, retry_at = NULL
     WHERE (a ->> 'server' IS NULL OR e.server = a ->> 'server') AND pg_has_role(caller, e.owner, 'USAGE');
    PERFORM dataplat_internal.wake_job('lineage', 1);
    RETURN to_jsonb(n);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_retry_lineage_events(name, jsonb) IS 'retry_lineage_events as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_retry_lineage_events(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.retry_lineage_events(server text DEFAULT NULL)
RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat.command('retry_lineage_events', jsonb_build_object('server', server))::bigint;
$$;
COMMENT ON FUNCTION dataplat.retry_lineage_events(text) IS 'send again the OpenLineage events that failed; returns how many';
REVOKE ALL ON FUNCTION dataplat.retry_lineage_events(text) FROM PUBLIC;

-- ---------------------------------------------------------------- health, copies

CREATE OR REPLACE FUNCTION dataplat_internal.health_lineage_delivery(
    OUT severity text, OUT object text, OUT problem text, OUT cause text, OUT action text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'warning', 'lineage endpoint ' || e.server, 'not reachable', coalesce(e.last_error, 'unknown'),
           format('It is tried again at %s. Events wait in dataplat.lineage_outbox for a week.', date_trunc('second', e.retry_at))
      FROM dataplat.lineage_endpoint AS e
     WHERE e.enabled AND e.failures >= 3
     UNION ALL
    SELECT 'warning', 'lineage endpoint ' || o.server, 'events failed',
           format('%s events were not taken, the newest because: %s.', count(*), (array_agg(o.last_error ORDER BY o.event_id DESC))[1]),
           format('Mend the cause, then SELECT dataplat.retry_lineage_events(%L);', o.server)
      FROM dataplat.lineage_outbox AS o
     WHERE o.status = 'failed'
     GROUP BY o.server;
$$;
COMMENT ON FUNCTION dataplat_internal.health_lineage_delivery() IS 'health: do OpenLineage events reach their endpoints?';
REVOKE ALL ON FUNCTION dataplat_internal.health_lineage_delivery() FROM PUBLIC;
SELECT dataplat_internal.register_health_check('lineage delivery', 'dataplat_internal.health_lineage_delivery');

-- What waits in a copy is the original's to tell.
CREATE OR REPLACE FUNCTION dataplat_internal.lineage_adopted(mode text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM dataplat.lineage_outbox AS o WHERE mode = 'fork';
    UPDATE dataplat.lineage_endpoint AS e SET told_until = clock_timestamp() WHERE mode = 'fork';
$$;
COMMENT ON FUNCTION dataplat_internal.lineage_adopted(text) IS 'adopt: a fork does not tell what happened in the original';
REVOKE ALL ON FUNCTION dataplat_internal.lineage_adopted(text) FROM PUBLIC;
SELECT dataplat_internal.register_adopt_step('lineage delivery', 'dataplat_internal.lineage_adopted');

CREATE OR REPLACE FUNCTION dataplat_internal.show_create_lineage_endpoint(name text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT dataplat.set_lineage_endpoint(%L%s);', e.server, CASE WHEN e.enabled THEN '' ELSE ', enabled => false' END)
      FROM dataplat.lineage_endpoint AS e WHERE e.server = name;
$$;
COMMENT ON FUNCTION dataplat_internal.show_create_lineage_endpoint(text) IS 'show_create for endpoints of OpenLineage events';
REVOKE ALL ON FUNCTION dataplat_internal.show_create_lineage_endpoint(text) FROM PUBLIC;
SELECT dataplat_internal.register_show_create('lineage endpoint', 'dataplat_internal.show_create_lineage_endpoint');
