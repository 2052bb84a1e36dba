-- A source at work, on the embedded broker: read, wait, pause, seek, replay, mend, drop.
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT dataplat.start_dev_broker('{"live_orders": 2, "live_twice": 1}') AS bootstrap \gset
CREATE SERVER live_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" :'bootstrap');
SELECT count(*) FROM generate_series(1, 20) AS i,
       dataplat.produce('live_shop', 'live_orders', jsonb_build_object('id', i, 'total', i * 1.5, 'at', '2026-01-02T03:04:05Z'), partition => i % 2);
SELECT dataplat.produce('live_shop', 'live_orders', '{"id": 21', partition => 0);

-- Typed columns, guessed from the topic.
SELECT dataplat.create_source('live', 'live_shop', 'live_orders', target => 'live_bronze.orders', layout => 'columns');
SELECT string_agg(c ->> 'name' || ' ' || (c ->> 'type'), ', ' ORDER BY c ->> 'name') FROM dataplat.source, jsonb_array_elements(columns) AS c WHERE name = 'live';
SELECT dataplat.wait_for_source('live', '60 s');
SELECT count(*), sum(total), min(at) = '2026-01-02 03:04:05+00' AS typed FROM live_bronze.orders;
SELECT topic, partition, next_offset, lag, lag_seconds, rows, dead_letters, gaps FROM dataplat.source_partition_status WHERE source = 'live';
SELECT workers, rows, dead_letters, lag, write_path FROM dataplat.source_status WHERE source = 'live';

-- The malformed one, mended.
SELECT dataplat.fix_dead_letter(dead_letter_id, '{"id": 21, "total": 31.5}') FROM dataplat.dead_letter WHERE source = 'live';
SELECT * FROM dataplat.retry_dead_letters('live');
SELECT * FROM dataplat.retry_dead_letters('live');
SELECT count(*), count(DISTINCT id) FROM live_bronze.orders;

-- A paused source stands still, and waiting for it says so instead of waiting.
SELECT dataplat.pause_source('live', 'tea');
SELECT dataplat.produce('live_shop', 'live_orders', '{"id": 22}', partition => 1);
SET client_min_messages = notice;
SELECT dataplat.wait_for_source('live', '60 s');
SET client_min_messages = warning;
SELECT dataplat.resume_source('live');
SELECT dataplat.wait_for_source('live', '60 s');
SELECT count(*), count(DISTINCT id) FROM live_bronze.orders;

BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT dataplat.wait_for_source('live');
ROLLBACK;

-- Altered while it runs: what comes from now on fills the new column too.
SELECT dataplat.alter_source('live', columns => 'id bigint, total numeric, at timestamptz, note text');
SELECT dataplat.produce('live_shop', 'live_orders', '{"id": 23, "note": "new"}', partition => 1);
SELECT dataplat.wait_for_source('live', '60 s');
SELECT id, note FROM live_bronze.orders WHERE id >= 22 ORDER BY id;

-- Back to an offset: rows that are there stay, so the last one comes twice; nothing happens before the commit.
BEGIN;
SELECT * FROM dataplat.seek_source('live', '{"1": 11}');
ROLLBACK;
SELECT * FROM dataplat.seek_source('live', '{"1": 11}');
SELECT dataplat.wait_for_source('live', '60 s');
SELECT count(*), count(DISTINCT id) FROM live_bronze.orders;
-- Replaying puts one row in the place of both.
SELECT dataplat.pause_source('live');
SELECT dataplat.replay_source('live', '{"1": 11}', 'latest');
SELECT count(*), count(DISTINCT id) FROM live_bronze.orders;

-- Also twice in one transaction, and on both sides of where the present generation began; the account holds.
SELECT dataplat.produce('live_shop', 'live_orders', '{"id": 24', partition => 1);
SELECT dataplat.resume_source('live');
SELECT dataplat.wait_for_source('live', '60 s');
BEGIN;
SELECT dataplat.replay_source('live', '{"1": 5}', '{"1": 12}');
SELECT dataplat.replay_source('live', '{"1": 8}');
COMMIT;
SELECT count(*), count(DISTINCT id) FROM live_bronze.orders;
SELECT partition, first_offset, next_offset, rows, dead_letters, filtered FROM dataplat_internal.source_offset WHERE source = 'live' ORDER BY 1;

-- A row that somebody deleted comes back, and is counted once.
DELETE FROM live_bronze.orders WHERE _partition = 1 AND _offset = 11;
SELECT dataplat.replay_source('live', '{"1": 11}', '{"1": 12}');
SELECT partition, first_offset, next_offset, rows, dead_letters, filtered FROM dataplat_internal.source_offset WHERE source = 'live' AND partition = 1;

-- A topic that was made again has another message at the same offset: its letter is another one, and what was of the old
-- topic stays in the table.  Where a message is the same, so is its letter.
UPDATE dataplat.dead_letter SET message_timestamp = message_timestamp - interval '1 day', created_at = created_at - interval '1 day' WHERE source = 'live' AND state = 'open';
UPDATE dataplat.source SET created_at = clock_timestamp() WHERE name = 'live';
SELECT dataplat.replay_source('live', '{"1": 11}');
SELECT id, count(*) FROM live_bronze.orders WHERE _partition = 1 AND _offset >= 11 GROUP BY id ORDER BY id;
SELECT message_offset, convert_from(value, 'UTF8') AS value, attempts, message_timestamp > now() - interval '1 hour' AS new FROM dataplat.dead_letter
 WHERE source = 'live' AND state = 'open' ORDER BY message_timestamp;
UPDATE dataplat.dead_letter SET value = '{old', fixed_value = '{}', reason = 'x', state = 'discarded' WHERE source = 'live' AND state = 'open';
SELECT dataplat.replay_source('live', '{"1": 11}');
SELECT convert_from(value, 'UTF8') AS value, fixed_value, state, reason, attempts FROM dataplat.dead_letter WHERE source = 'live' AND partition = 1 ORDER BY message_timestamp;

-- Of a key that stands twice the last one is kept, and that it happened is counted.
SELECT dataplat.create_source('twice', 'live_shop', 'live_twice', target => 'live_bronze.twice', start_from => 'earliest');
SELECT dataplat.produce('live_shop', 'live_twice', '{"a": 1, "b": {"c": 2, "c": 3}, "a": 4}', partition => 0);
SELECT dataplat.produce('live_shop', 'live_twice', '{"a": 5}', partition => 0);
SELECT dataplat.wait_for_source('twice', '60 s');
SELECT value FROM live_bronze.twice ORDER BY _offset;
SELECT rows, duplicate_keys FROM dataplat.source_partition_status WHERE source = 'twice';
SELECT source_id AS twice_id FROM dataplat.source WHERE name = 'twice' \gset
SELECT dataplat.drop_source('twice', drop_target => true);
SELECT count(*) AS left_in_shared_memory FROM dataplat_internal.partition_stats() WHERE source_id = :twice_id;

SELECT dataplat.drop_source('live', drop_target => true);
SELECT count(*) FROM dataplat.source_status WHERE source = 'live';
DELETE FROM dataplat.dead_letter WHERE source = 'live';
DELETE FROM dataplat.batch WHERE source IN ('live', 'twice');
DELETE FROM dataplat.source_event WHERE source IN ('live', 'twice');
DROP SCHEMA live_bronze;
DROP SERVER live_shop;
SELECT dataplat.stop_dev_broker();
