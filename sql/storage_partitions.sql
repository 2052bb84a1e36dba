-- Partitions of bronze tables: one a UTC day, made ahead, indexed when the day is over.
BEGIN;
SET client_min_messages = warning;
SET timezone = 'Pacific/Auckland';
CREATE SERVER part_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
SELECT dataplat.create_source('part', 'part_shop', 't', paused => true);

-- Bounds are days of UTC whatever the session's time zone; today and three days ahead.
SET timezone = 'UTC';
SELECT date_trunc('day', low) = low AS whole, high - low AS length, low::date - (now() AT TIME ZONE 'UTC')::date AS day,
       leaf::text = 'bronze.part_p' || to_char(low, 'YYYYMMDD') AS named_by_day
  FROM dataplat_internal.partition_bounds('bronze.part') ORDER BY low;

-- Asking again makes nothing; asking for more makes the rest; a hole is filled.
SELECT dataplat_internal.ensure_partitions('bronze.part');
SELECT dataplat_internal.ensure_partitions('bronze.part', 5);
DO $$ BEGIN
    EXECUTE (SELECT format('DROP TABLE %s', leaf) FROM dataplat_internal.partition_bounds('bronze.part') ORDER BY low OFFSET 1 LIMIT 1);
END $$;
SELECT object, problem FROM dataplat.health WHERE object = 'table bronze.part';
SELECT dataplat_internal.maintain_bronze_table('bronze.part');
SELECT object, problem FROM dataplat.health WHERE object = 'table bronze.part';
SELECT count(*) FROM dataplat_internal.partition_bounds('bronze.part');

-- A row goes where it belongs, and the partition carries the columns' comments and compression.
INSERT INTO bronze.part (_partition, _offset, _batch_id, _ingested_at, value) VALUES (0, 1, 1, now(), '{}');
SELECT tableoid::regclass::text = 'bronze.part_p' || to_char(now(), 'YYYYMMDD') AS today FROM bronze.part;

-- The partition being filled has no index; one of a past day gets its BRIN, once.
CREATE TABLE bronze.part_old PARTITION OF bronze.part FOR VALUES FROM ('2020-01-01') TO ('2020-01-02');
SELECT dataplat_internal.index_closed_partitions('bronze.part'), dataplat_internal.index_closed_partitions('bronze.part');
SELECT i.indrelid::regclass, pg_get_indexdef(i.indexrelid) FROM pg_index AS i
 WHERE i.indrelid IN (SELECT leaf FROM dataplat_internal.partition_bounds('bronze.part'));

-- Long names are cut between characters and stay apart.
SELECT name, octet_length(name::text) <= 63 AS fits
  FROM (SELECT dataplat_internal.partition_name((repeat('é', 31) || x)::name, '2026-01-02') AS name FROM unnest('{a,b}'::text[]) AS x) AS n;

-- A table that is not partitioned by _ingested_at is left alone.
CREATE TABLE part_plain (_partition int, _offset bigint, value jsonb);
SELECT dataplat_internal.ensure_partitions('public.part_plain'), dataplat_internal.index_closed_partitions('public.part_plain'),
       dataplat_internal.ensure_partitions('public.there_is_none');
-- A partition of the user's that covers more than a day is respected.
CREATE TABLE part_month (_partition int, _offset bigint, value jsonb, _ingested_at timestamptz) PARTITION BY RANGE (_ingested_at);
CREATE TABLE part_month_all PARTITION OF part_month FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
SELECT dataplat_internal.ensure_partitions('public.part_month');
SELECT * FROM dataplat_internal.partition_bounds('public.part_month');

-- Columns that are guessed: the narrowest type that holds all values of the sample.
SELECT c ->> 'field' AS field, c ->> 'name' AS name, c ->> 'type' AS type
  FROM jsonb_array_elements(dataplat_internal.infer_columns(ARRAY['{"id": 1, "n": 1, "x": 1.5, "ok": true, "at": "2026-01-02T03:04:05Z", "s": "a", "o": {"a": 1}, "z": null, "value": 3, "big": 12345678901234567890}',
      '{"id": 2, "n": 2.5, "x": 2, "ok": null, "at": "2026-01-02 03:04+02", "s": "2026-01-02T03:04:05Z", "o": [1]}', '[1]']::jsonb[])) AS c
 ORDER BY 1;
SELECT dataplat_internal.infer_columns('{}') IS NULL AS nothing;
ROLLBACK;
