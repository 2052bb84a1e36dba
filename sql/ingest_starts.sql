-- Where a source begins, which topics it reads, and what of a message becomes columns.
\set VERBOSITY terse
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT dataplat.start_dev_broker('{"st_a1": 2, "st_a2": 1, "st_csv": 1, "st_odd": 1}') AS bootstrap \gset
CREATE SERVER st_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" :'bootstrap');
SELECT count(*) FROM generate_series(1, 20) AS i, dataplat.produce('st_shop', 'st_a1', jsonb_build_object('id', i), partition => i % 2);
SELECT count(*) FROM generate_series(1, 5) AS i, dataplat.produce('st_shop', 'st_a2', jsonb_build_object('id', 100 + i));
CREATE FUNCTION pg_temp.topics_of(place text) RETURNS TABLE (topic text, rows bigint, smallest int) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT _topic, count(*), min((value ->> ''id'')::int) FROM %s GROUP BY 1 ORDER BY 1', place);
END;
$$;
CREATE FUNCTION pg_temp.offsets_of(name text) RETURNS TABLE (topic text, partition int, first bigint, next bigint) LANGUAGE sql AS $$
    SELECT o.topic, o.partition, o.first_offset, o.next_offset FROM dataplat_internal.source_offset AS o WHERE o.source = name ORDER BY 1, 2
$$;

-- Several topics and a pattern tell the topic in each row.
SELECT dataplat.create_source('st_list', 'st_shop', 'st_a1, st_a2', target => 'st.list', paused => true);
SELECT dataplat.ingest_once('st_list');
SELECT * FROM pg_temp.topics_of('st.list');
SELECT dataplat.create_source('st_pattern', 'st_shop', '/st_a[0-9]/', target => 'st.pattern', paused => true);
SELECT dataplat.ingest_once('st_pattern');
SELECT * FROM pg_temp.topics_of('st.pattern');

-- start_from: an end, a time, an interval ago, offsets; what the map does not name is read from its start.
-- (The embedded broker keeps no index of times: to it every time is past the last message.)
SELECT dataplat.create_source('st_' || name, 'st_shop', topic, target => 'st.' || name, start_from => start, paused => true)
  FROM (VALUES ('earliest', 'st_a1', 'earliest'), ('latest', 'st_a1', 'latest'), ('ago', 'st_a1', '-1 hour'), ('future', 'st_a1', '2100-01-01'),
               ('map', 'st_a1', '{"0": 7}'), ('maps', 'st_a1,st_a2', '{"st_a1": {"0": 9, "1": 8}}')) AS v(name, topic, start);
SELECT name, dataplat.ingest_once(name) FROM unnest(ARRAY['st_earliest', 'st_latest', 'st_ago', 'st_future', 'st_map', 'st_maps']) AS name;
SELECT name, o.* FROM unnest(ARRAY['st_latest', 'st_ago', 'st_future', 'st_map', 'st_maps']) WITH ORDINALITY AS n(name, nr), LATERAL pg_temp.offsets_of(name) AS o ORDER BY nr, topic, partition;
-- What came in after the start is read, from there.
SELECT count(*) FROM dataplat.produce('st_shop', 'st_a1', '{"id": 21}'::jsonb, partition => 1);
SELECT dataplat.ingest_once('st_latest');
SELECT _partition, _offset, value FROM st.latest;
-- Positions beyond the log say so.
SELECT dataplat.create_source('st_beyond', 'st_shop', 'st_a2', target => 'st.beyond', start_from => '{"0": 900}', paused => true);
SELECT dataplat.ingest_once('st_beyond');
SELECT class, topic, partition, from_offset, evidence FROM dataplat.data_loss_event WHERE source = 'st_beyond';
SELECT state FROM dataplat_internal.source_offset WHERE source = 'st_beyond';

-- A few messages at a time; each commit is one ledger row for each partition that moved.
SELECT dataplat.create_source('st_few', 'st_shop', 'st_a2', target => 'st.few', paused => true, batch_rows => 2);
SELECT dataplat.ingest_once('st_few', 3);
-- A replay takes what was read; the rest is still to come, once.
SELECT dataplat.replay_source('st_few', 'earliest', 'latest');
SELECT dataplat.replay_source('st_few', '{"0": 3}', 'latest');
SELECT dataplat.ingest_once('st_few', 100);
SELECT dataplat.ingest_once('st_few', 100);
SELECT from_offset, to_offset, rows FROM dataplat.batch WHERE source = 'st_few' AND kind = 'live' ORDER BY 1;
SELECT count(*), count(DISTINCT _offset) FROM st.few;

-- Seeking by words, and to where the messages are not.
SELECT * FROM dataplat.seek_source('st_few', 'latest');
SELECT * FROM dataplat.seek_source('st_few', '-1 day');
SELECT dataplat.ingest_once('st_few');
SELECT count(*), count(DISTINCT _offset) FROM st.few;
SELECT dataplat.replay_source('st_few', 'earliest', 'latest');
SELECT dataplat.replay_source('st_few', '{"0": 1}', '{"0": 3}');
SELECT dataplat.replay_source('st_few', 'latest', 'latest');
SELECT count(*), count(DISTINCT _offset), bool_and(next_offset - first_offset = rows + dead_letters + filtered + quarantined + gaps) AS accounted
  FROM st.few, dataplat_internal.source_offset AS o WHERE o.source = 'st_few';

-- Keys, headers, tombstones, raw bytes.
SELECT count(*) FROM dataplat.produce('st_shop', 'st_odd', '{"id": 1}'::jsonb, key => 'k', headers => '{"trace": "a", "none": null}');
SELECT count(*) FROM dataplat.produce('st_shop', 'st_odd', NULL::text, key => 'k', headers => '[{"key": "h", "value": "1"}, {"key": "h", "base64": "/wA="}]');
SELECT count(*) FROM dataplat.produce('st_shop', 'st_odd', '\x00ff'::bytea, key => '{"a": 1}');
SELECT dataplat.create_source('st_all', 'st_shop', 'st_odd', target => 'st.all', include => '{raw,tombstone}', paused => true);
SELECT dataplat.ingest_once('st_all');
SELECT _offset, _key, value, _headers, _raw, _tombstone FROM st.all ORDER BY _offset;
SELECT dataplat.create_source('st_bytes', 'st_shop', 'st_odd', target => 'st.bytes', format => 'bytes', key_format => 'bytes', options => '{"drop_tombstones": true}', paused => true);
SELECT dataplat.ingest_once('st_bytes');
SELECT _offset, _key, value FROM st.bytes ORDER BY _offset;
SELECT dataplat.create_source('st_text', 'st_shop', 'st_odd', target => 'st.text', format => 'text', key_format => 'json', paused => true);
SELECT dataplat.ingest_once('st_text');
SELECT _offset, _key, value FROM st.text ORDER BY _offset;
SELECT dataplat.create_source('st_upsert', 'st_shop', 'st_odd', target => 'st.upsert', envelope => 'upsert', format => 'bytes', paused => true);
SELECT dataplat.ingest_once('st_upsert');
SELECT * FROM pg_temp.offsets_of('st_upsert');
SELECT source, message_offset, stage, sqlstate, message FROM dataplat.dead_letter WHERE source LIKE 'st\_%' ORDER BY 1, 2;

-- CSV as a document with named fields, and as columns.
SELECT count(*) FROM unnest(ARRAY[E'1;"a;b";2026-01-01T00:00:00Z;x', '2;;2026-01-01;y', 'x;c;2026-01-01;z', '4;"open', '5;e;2026-01-01;z;more']) AS v,
       dataplat.produce('st_shop', 'st_csv', v);
SELECT dataplat.create_source('st_csv_doc', 'st_shop', 'st_csv', target => 'st.csv_doc', format => 'csv', options => '{"delimiter": ";", "header": ["id", "name", "at", "z"]}', paused => true);
SELECT dataplat.ingest_once('st_csv_doc');
SELECT _offset, value FROM st.csv_doc ORDER BY 1;
SELECT dataplat.create_source('st_csv_col', 'st_shop', 'st_csv', target => 'st.csv_col', format => 'csv', layout => 'columns',
                              options => '{"delimiter": ";"}', columns => 'id int, name text, at timestamptz, z varchar(1)', paused => true);
SELECT dataplat.ingest_once('st_csv_col');
SELECT _offset, id, name, at, z FROM st.csv_col ORDER BY 1;
SELECT source, message_offset, stage, sqlstate, message, detail FROM dataplat.dead_letter WHERE source LIKE 'st\_csv%' ORDER BY 1, 2;

-- Trying a source shows what would become of its messages and stores nothing.
SELECT topic, partition, message_offset, ok, contents - '_timestamp' AS contents, sqlstate, message FROM dataplat.test_source('st_csv_col', 5) ORDER BY 3;
SELECT topic, message_offset, ok, contents - '_timestamp' AS contents, sqlstate, message FROM dataplat.test_source('st_all', 3) ORDER BY 2;
SELECT count(*) FROM st.all;

-- Looking into a topic without a source.
SELECT partition, message_offset, key, value, headers FROM dataplat.peek_topic('st_shop', 'st_odd', rows => 3) ORDER BY 2;
SELECT partition, message_offset, value FROM dataplat.peek_topic('st_shop', 'st_a1', partition => 1, from_offset => 4, rows => 2);
SELECT count(*) FROM dataplat.peek_topic('st_shop', 'st_a1', partition => 1, from_offset => 400);
SELECT dataplat.peek_topic('st_shop', 'st_a1', partition => 5);
SELECT dataplat.peek_topic('st_shop', 'st_a1', partition => -1);
SELECT dataplat.peek_topic('st_shop', 'st_a1', from_offset => -1);
SELECT dataplat.peek_topic('st_shop', 'st_a1', rows => 0);
SELECT dataplat.peek_topic('st_shop', 'st_none');
SELECT dataplat.peek_topic('st_shop', 'a,b');
SELECT dataplat.peek_topic(NULL, 'st_a1');

-- A hand at the wheel only while the workers have none.
SELECT dataplat.resume_source('st_few');
SELECT dataplat.ingest_once('st_few');
SELECT dataplat.ingest_once('st_nobody');

SELECT count(*) AS dropped FROM dataplat.source AS s, LATERAL dataplat.drop_source(s.name, drop_target => true) WHERE s.name LIKE 'st\_%';
DELETE FROM dataplat.dead_letter WHERE source LIKE 'st\_%';
DELETE FROM dataplat.data_loss_event WHERE source LIKE 'st\_%';
DELETE FROM dataplat.batch WHERE source LIKE 'st\_%';
DELETE FROM dataplat.source_event WHERE source LIKE 'st\_%';
DROP SCHEMA st;
DROP SERVER st_shop;
SELECT dataplat.stop_dev_broker();
