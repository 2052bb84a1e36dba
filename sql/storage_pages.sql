-- Large batches reach a table as whole pages: any mix of row sizes, any fillfactor, and amcheck agrees.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION amcheck;
SELECT dataplat.start_dev_broker('{"pages": 1}') AS bootstrap \gset
CREATE SERVER pages_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" :'bootstrap');

-- Small rows, rows that fill a quarter of a page, and every ninth one so large that it is stored out of line.
SELECT count(*) FROM dataplat.produce_many('pages_shop', 'pages', (
    SELECT array_agg(jsonb_build_object('id', i, 'body', (
               SELECT string_agg(md5((i * 1000 + j)::text), '')
                 FROM generate_series(1, CASE WHEN i % 9 = 0 THEN 200 WHEN i % 4 = 0 THEN 55 ELSE 3 END) AS j)) ORDER BY i)
      FROM generate_series(1, 1200) AS i));

-- What was sent, to compare with.
CREATE FUNCTION pg_temp.digest(target regclass) RETURNS TABLE (rows bigint, ids bigint, bytes bigint, contents text) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format($q$SELECT count(*), count(DISTINCT (value ->> 'id')::int), sum(length(value ->> 'body')),
        md5(string_agg(md5(value ->> 'body'), '' ORDER BY _offset)) FROM %s$q$, target);
END;
$$;
CREATE FUNCTION pg_temp.fill(new text, place text) RETURNS TABLE (took bigint, path text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dataplat.create_source(new, 'pages_shop', 'pages', target => place, paused => true);
    RETURN QUERY SELECT dataplat.ingest_once(new), s.write_path FROM dataplat.source_status AS s WHERE s.source = new;
END;
$$;
CREATE TABLE plain (_partition int, _offset bigint, _batch_id bigint, value jsonb);
CREATE TABLE loose (LIKE plain) WITH (fillfactor = 10);
CREATE TABLE half (LIKE plain) WITH (fillfactor = 50);
CREATE UNLOGGED TABLE unlogged_one (LIKE plain);
CREATE TABLE indexed (LIKE plain);
CREATE UNIQUE INDEX ON indexed (_partition, _offset);
SELECT x.target, f.* FROM unnest(ARRAY['plain', 'loose', 'half', 'unlogged_one', 'indexed']) AS x(target),
       LATERAL pg_temp.fill('pages_' || x.target, 'public.' || x.target) AS f ORDER BY x.target;
SELECT x.target, d.* FROM unnest(ARRAY['plain', 'loose', 'half', 'unlogged_one', 'indexed']) AS x(target),
       LATERAL pg_temp.digest(x.target::regclass) AS d ORDER BY x.target;

-- Nothing is wrong with any tuple or its TOAST; a page keeps the space that the fillfactor asks for.
SELECT x.target, (SELECT count(*) FROM verify_heapam(x.target::regclass, check_toast => true)) AS faults
  FROM unnest(ARRAY['plain', 'loose', 'half', 'indexed']) AS x(target) ORDER BY x.target;
SELECT bt_index_check('indexed__partition__offset_idx', true);
SELECT pg_relation_size('half') > 1.5 * pg_relation_size('plain') AS half_is_larger;

-- The ledger's blocks are those that hold the batch's rows.
SELECT b.source, bool_and((t.ctid::text::point)[0] BETWEEN b.first_block AND b.last_block) AS within
  FROM dataplat.batch AS b JOIN plain AS t ON t._batch_id = b.batch_id WHERE b.source = 'pages_plain' GROUP BY b.source;

-- Rows stay where they are through vacuum, update and delete, and their place is used again.
DELETE FROM plain WHERE _offset % 2 = 0;
VACUUM plain;
UPDATE plain SET value = value || '{"seen": true}';
SELECT count(*), count(*) FILTER (WHERE value ? 'seen') AS seen FROM plain;
SELECT count(*) AS faults FROM verify_heapam('plain');

-- What was rolled back is not there; the next batch is.
TRUNCATE half;
SELECT count(*) FROM dataplat.seek_source('pages_half', 'earliest');
BEGIN;
SELECT dataplat.ingest_once('pages_half');
ROLLBACK;
SELECT count(*) FROM half;
SELECT dataplat.ingest_once('pages_half');
SELECT rows, ids FROM pg_temp.digest('half');
SELECT count(*) AS faults FROM verify_heapam('half');

SELECT dataplat.drop_source('pages_' || x.target, drop_target => true) FROM unnest(ARRAY['plain', 'loose', 'half', 'unlogged_one', 'indexed']) AS x(target);
DELETE FROM dataplat.batch WHERE source LIKE 'pages\_%';
DELETE FROM dataplat.source_event WHERE source LIKE 'pages\_%';
DROP SERVER pages_shop;
SELECT dataplat.stop_dev_broker();
DROP EXTENSION amcheck;
