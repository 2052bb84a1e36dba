/*
 * ingest: moving through topics: seek, replay, wait, go on after a loss.
 */

-- Offsets of a position.  A map of offsets is read here, so that it works
-- without a broker; everything else is a question to it.
CREATE OR REPLACE FUNCTION dataplat_internal.source_positions(s dataplat.source, to_position text)
RETURNS TABLE (topic text, partition int, message_offset bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM dataplat_internal.check_position(to_position);
    PERFORM dataplat_internal.check_position_topics(s.topic, to_position);
    IF to_position NOT LIKE '{%' THEN
        RETURN QUERY SELECT p.topic, p.partition, p.message_offset
                       FROM dataplat_internal.resolve_positions(s.server, s.topic, to_position, s.owner) AS p;
    ELSIF EXISTS (SELECT FROM jsonb_each(to_position::jsonb) AS m WHERE jsonb_typeof(m.value) = 'object') THEN
        RETURN QUERY SELECT m.key, o.key::int, o.value::bigint
                       FROM jsonb_each(to_position::jsonb) AS m, jsonb_each_text(m.value) AS o;
    ELSIF dataplat_internal.is_several(s.topic) THEN
        RAISE EXCEPTION 'source "%" reads several topics', s.name
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Say which: {"orders": {"0": 100}}.';
    ELSE
        RETURN QUERY SELECT s.topic, o.key::int, o.value::bigint FROM jsonb_each_text(to_position::jsonb) AS o;
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.source_positions(dataplat.source, text) IS 'offsets that a position stands for in the topics of a source';

-- Put a partition to an offset.  Counters begin anew with a new generation,
-- and the new owner_epoch fences off a worker that is in the middle of a batch.
CREATE OR REPLACE FUNCTION dataplat_internal.move_offset(source_name text, topic text, partition int, to_offset bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    was bigint;
BEGIN
    SELECT o.next_offset INTO was FROM dataplat_internal.source_offset AS o
     WHERE o.source = source_name AND o.topic = move_offset.topic AND o.partition = move_offset.partition FOR UPDATE;
    INSERT INTO dataplat_internal.source_offset AS o (source, topic, partition, next_offset, first_offset, owner_epoch)
    VALUES (source_name, move_offset.topic, move_offset.partition, to_offset, to_offset, nextval('dataplat_internal.owner_epoch_seq'))
    ON CONFLICT ON CONSTRAINT source_offset_pkey
    DO UPDATE SET next_offset = excluded.next_offset, first_offset = excluded.first_offset, generation = o.generation + 1,
                  owner_epoch = excluded.owner_epoch, anchor_offset = NULL, anchor_timestamp = NULL, anchor_crc = NULL, sentinel = NULL,
                  rows = 0, dead_letters = 0, filtered = 0, quarantined = 0, gaps = 0, bytes = 0, last_timestamp = NULL, state = 'ok', updated_at = now();
    RETURN was;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.move_offset(text, text, int, bigint) IS 'put a partition to an offset, as a new generation';

CREATE OR REPLACE FUNCTION dataplat_internal.command_seek_source(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s     dataplat.source;
    p     record;
    was   bigint;
    moved jsonb := '[]';
BEGIN
    s := dataplat_internal.source_to_change(caller, a ->> 'name', true);
    FOR p IN SELECT * FROM dataplat_internal.source_positions(s, a ->> 'to_position') AS x ORDER BY x.topic, x.partition LOOP
        was := dataplat_internal.move_offset(s.name, p.topic, p.partition, p.message_offset);
        moved := moved || jsonb_build_object('topic', p.topic, 'partition', p.partition, 'from', was, 'to', p.message_offset);
        UPDATE dataplat.data_loss_event AS e
           SET resolution = 'seek', resolved_by = caller, resolved_at = now(), reason = format('seek to %s', a ->> 'to_position')
         WHERE e.source = s.name AND e.topic = p.topic AND e.partition = p.partition AND e.resolved_at IS NULL;
    END LOOP;
    PERFORM dataplat_internal.forget_settled_loss(s.name);
    PERFORM dataplat_internal.note_source_event(caller, s.name, 'seek',
        jsonb_build_object('to_position', a ->> 'to_position', 'partitions', moved));
    IF NOT s.paused THEN
        PERFORM dataplat_internal.wake_job('ingest', s.source_id);
    END IF;
    RETURN moved;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_seek_source(name, jsonb) IS 'seek_source as the owner of the extension';

-- The failure that a loss left behind goes with the last open event.
CREATE OR REPLACE FUNCTION dataplat_internal.forget_settled_loss(source_name text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM dataplat_internal.source_failure AS f
     WHERE f.source = source_name AND f.state = 'data_loss'
       AND NOT EXISTS (SELECT FROM dataplat.data_loss_event AS e WHERE e.source = source_name AND e.resolved_at IS NULL);
$$;
COMMENT ON FUNCTION dataplat_internal.forget_settled_loss(text) IS 'forget a data_loss failure once all its events are resolved';

-- Rows that were stored earlier are not of this topic: it was made again, or another source filled the table.
CREATE OR REPLACE FUNCTION dataplat_internal.topic_since(source_name text, topic text, partition int)
RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT greatest(s.created_at,
                    (SELECT max(e.resolved_at) FROM dataplat.data_loss_event AS e
                      WHERE e.source = s.name AND e.topic = topic_since.topic AND (e.partition = topic_since.partition OR e.partition IS NULL)
                        -- a position beyond the end may be a slip that another seek mends
                        AND (e.class IN ('ANCHOR_MISMATCH', 'TOPIC_DELETED', 'PARTITIONS_DELETED') OR (e.class = 'OFFSET_BEYOND_END' AND e.resolution <> 'seek'))))
      FROM dataplat.source AS s
     WHERE s.name = source_name;
$$;
COMMENT ON FUNCTION dataplat_internal.topic_since(text, text, int) IS 'time before which rows of a partition are of another topic of that name, or of another source';
REVOKE ALL ON FUNCTION dataplat_internal.topic_since(text, text, int) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_replay_source(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s      dataplat.source;
    ranges jsonb;
    wrong  record;
    n      bigint;
BEGIN
    s := dataplat_internal.source_to_change(caller, a ->> 'name', true);
    SELECT jsonb_agg(jsonb_build_object('topic', f.topic, 'partition', f.partition, 'from', f.message_offset, 'to', t.message_offset)
                     ORDER BY f.topic, f.partition) INTO ranges
      FROM dataplat_internal.source_positions(s, a ->> 'from_position') AS f
      JOIN dataplat_internal.source_positions(s, a ->> 'to_position') AS t ON t.topic = f.topic AND t.partition = f.partition
     WHERE t.message_offset > f.message_offset;
    IF ranges IS NULL THEN
        RAISE NOTICE 'nothing lies between position "%" and position "%"', a ->> 'from_position', a ->> 'to_position';
        RETURN to_jsonb(0);
    END IF;
    SELECT r.topic, r.partition, r."from", w.low, w.high INTO wrong
      FROM jsonb_to_recordset(ranges) AS r (topic text, partition int, "from" bigint)
      JOIN dataplat_internal.topic_watermarks(s.server, s.topic, s.owner) AS w ON w.topic = r.topic AND w.partition = r.partition
     WHERE r."from" NOT BETWEEN w.low AND w.high
     ORDER BY r.topic, r.partition LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'cannot replay topic "%" partition % from offset %', wrong.topic, wrong.partition, wrong."from"
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = CASE WHEN wrong.high > wrong.low THEN format('The topic has offsets %s to %s.', wrong.low, wrong.high - 1)
                                ELSE format('The partition is empty; its next offset is %s.', wrong.high) END;
    END IF;
    -- What was not read yet is the workers' to read.
    SELECT jsonb_agg(jsonb_build_object('topic', o.topic, 'partition', o.partition, 'from', r."from", 'to', least(r."to", o.next_offset))
                     ORDER BY o.topic, o.partition) INTO ranges
      FROM jsonb_to_recordset(ranges) AS r (topic text, partition int, "from" bigint, "to" bigint)
      JOIN dataplat_internal.source_offset AS o ON o.source = s.name AND o.topic = r.topic AND o.partition = r.partition
     WHERE least(r."to", o.next_offset) > r."from";
    IF ranges IS NULL THEN
        RAISE NOTICE 'source "%" has read nothing between position "%" and position "%" yet', s.name, a ->> 'from_position', a ->> 'to_position';
        RETURN to_jsonb(0);
    END IF;
    -- What lies before the present generation is not in its account.
    SELECT sum(dataplat_internal.ingest_range(s.name, r.ranges)) INTO n
      FROM (SELECT jsonb_agg(jsonb_build_object('topic', x.topic, 'partition', x.partition, 'from', x.low, 'to', x.high)
                             ORDER BY x.topic, x.partition) AS ranges
              FROM (SELECT o.topic, o.partition, h.half,
                           CASE h.half WHEN 1 THEN r."from" ELSE greatest(r."from", o.first_offset) END AS low,
                           CASE h.half WHEN 1 THEN least(r."to", o.first_offset) ELSE r."to" END AS high
                      FROM jsonb_to_recordset(ranges) AS r (topic text, partition int, "from" bigint, "to" bigint)
                      JOIN dataplat_internal.source_offset AS o ON o.source = s.name AND o.topic = r.topic AND o.partition = r.partition
                     CROSS JOIN (VALUES (1), (2)) AS h (half)) AS x
             WHERE x.high > x.low
             GROUP BY x.half
             ORDER BY x.half) AS r;
    PERFORM dataplat_internal.note_source_event(caller, s.name, 'replay', jsonb_build_object('ranges', ranges, 'messages', n));
    RETURN to_jsonb(n);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_replay_source(name, jsonb) IS 'replay_source as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat_internal.command_wait_for_source(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s       dataplat.source;
    until   timestamptz := clock_timestamp() + (a ->> 'timeout')::interval;
    ends    jsonb;
    behind  bigint;
    stopped text;
BEGIN
    SELECT * INTO s FROM dataplat.source AS x WHERE x.name = a ->> 'name';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'source "%" does not exist', a ->> 'name'
            USING ERRCODE = 'undefined_object', HINT = 'See dataplat.source for the declared sources.';
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'cannot wait for a source in a transaction of isolation level %', current_setting('transaction_isolation')
            USING ERRCODE = 'invalid_transaction_state', HINT = 'Its snapshot never shows what is committed meanwhile; use READ COMMITTED.';
    END IF;
    SELECT jsonb_agg(to_jsonb(w)) INTO ends
      FROM dataplat_internal.topic_watermarks(s.server, s.topic, s.owner) AS w WHERE coalesce(w.stable, w.high) > w.low;
    LOOP
        -- Each statement has a snapshot of its own under READ COMMITTED.
        SELECT count(*) INTO behind
          FROM jsonb_to_recordset(coalesce(ends, '[]')) AS w (topic text, partition int, high bigint, stable bigint)
          LEFT JOIN dataplat_internal.source_offset AS o ON o.source = s.name AND o.topic = w.topic AND o.partition = w.partition
         WHERE o.next_offset IS NULL OR o.next_offset < coalesce(w.stable, w.high);
        IF behind = 0 THEN
            RETURN to_jsonb(true);
        END IF;
        SELECT coalesce((SELECT f.state || ': ' || f.reason FROM dataplat_internal.source_failure AS f WHERE f.source = s.name
                            AND (f.install_uuid IS NULL OR f.install_uuid IN (SELECT n.install_uuid::text FROM dataplat_internal.installation AS n))),
                        (SELECT 'data_loss in partition ' || min(o.partition) FROM dataplat_internal.source_offset AS o
                          WHERE o.source = s.name AND o.state = 'data_loss' AND dataplat_internal.means_topic(s.topic, o.topic)),
                        (SELECT 'paused' || coalesce(': ' || x.pause_reason, '') FROM dataplat.source AS x WHERE x.name = s.name AND x.paused),
                        (SELECT 'dropped' WHERE NOT EXISTS (SELECT FROM dataplat.source AS x WHERE x.name = s.name)),
                        (SELECT min(j.state || coalesce(': ' || j.reason, '')) FROM dataplat_internal.job_state() AS j
                          WHERE j.kind = 'ingest' AND j.object_id = s.source_id AND j.state IN ('fenced', 'failed'))) INTO stopped;
        IF stopped IS NOT NULL OR clock_timestamp() >= until THEN
            RAISE NOTICE 'source "%" is behind in % partitions: %', s.name, behind, coalesce(stopped, 'timeout');
            RETURN to_jsonb(false);
        END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_wait_for_source(name, jsonb) IS 'wait_for_source as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat_internal.command_accept_data_loss(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s      dataplat.source;
    e      dataplat.data_loss_event;
    o      dataplat_internal.source_offset;
    target bigint;
BEGIN
    PERFORM dataplat_internal.check_choice('resolution', a ->> 'resolution', '{skip_gap,restart_earliest,restart_latest}');
    s := dataplat_internal.source_to_change(caller, a ->> 'source', true);
    SELECT * INTO e FROM dataplat.data_loss_event AS x
     WHERE x.source = s.name AND x.topic = a ->> 'topic'
       AND (x.partition = (a ->> 'partition')::int OR x.partition IS NULL) AND x.resolved_at IS NULL
     ORDER BY x.partition NULLS LAST, x.event_id DESC LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'topic "%" partition % of source "%" has no unresolved data loss', a ->> 'topic', a ->> 'partition', s.name
            USING ERRCODE = 'undefined_object', HINT = 'See dataplat.data_loss_event where resolved_at IS NULL.';
    END IF;
    SELECT * INTO o FROM dataplat_internal.source_offset AS x
     WHERE x.source = s.name AND x.topic = a ->> 'topic' AND x.partition = (a ->> 'partition')::int FOR UPDATE;

    IF a ->> 'resolution' = 'skip_gap' THEN
        -- Go on behind the gap; where nothing is left to read, leave the partition out.
        target := CASE WHEN e.class IN ('TOPIC_DELETED', 'PARTITIONS_DELETED') THEN NULL
                       WHEN e.class = 'OFFSET_BEYOND_END' THEN coalesce((e.evidence ->> 'high_watermark')::bigint, o.high_watermark, o.next_offset)
                       ELSE coalesce(e.to_offset, o.next_offset) END;
    ELSE
        SELECT p.message_offset INTO target
          FROM dataplat_internal.source_positions(s, substr(a ->> 'resolution', 9)) AS p
         WHERE p.topic = a ->> 'topic' AND p.partition = (a ->> 'partition')::int;
        IF target IS NULL THEN
            RAISE EXCEPTION 'topic "%" has no partition %', a ->> 'topic', a ->> 'partition'
                USING ERRCODE = 'undefined_object',
                      HINT = 'Resolution skip_gap leaves a partition out that is gone; seek_source takes it up again.';
        END IF;
    END IF;

    IF target IS NULL THEN
        UPDATE dataplat_internal.source_offset AS x
           SET state = 'deleted', owner_epoch = nextval('dataplat_internal.owner_epoch_seq'), updated_at = now()
         WHERE x.source = s.name AND x.topic = a ->> 'topic' AND x.partition = (a ->> 'partition')::int;
    ELSE
        PERFORM dataplat_internal.move_offset(s.name, a ->> 'topic', (a ->> 'partition')::int, target);
    END IF;
    UPDATE dataplat.data_loss_event AS x
       SET resolution = a ->> 'resolution', reason = a ->> 'reason', resolved_by = caller, resolved_at = now()
     WHERE x.source = s.name AND x.topic = a ->> 'topic'
       AND (x.partition = (a ->> 'partition')::int OR x.event_id = e.event_id) AND x.resolved_at IS NULL;
    PERFORM dataplat_internal.forget_settled_loss(s.name);
    PERFORM dataplat_internal.note_source_event(caller, s.name, 'accept_data_loss', jsonb_build_object(
        'topic', a -> 'topic', 'partition', a -> 'partition', 'class', e.class, 'resolution', a -> 'resolution',
        'reason', a -> 'reason', 'from', o.next_offset, 'to', target));
    PERFORM dataplat_internal.wake_job('ingest', s.source_id);
    PERFORM dataplat_internal.wake_scheduler();
    RETURN to_jsonb(target);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_accept_data_loss(name, jsonb) IS 'accept_data_loss as the owner of the extension';
