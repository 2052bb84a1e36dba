-- Retention drops whole past days, never what a reader still needs.
BEGIN;
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SERVER keep_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
SELECT dataplat.create_source('keep', 'keep_shop', 't', retention => '30 days', paused => true);
CREATE TABLE bronze.keep_1 PARTITION OF bronze.keep FOR VALUES FROM ('2020-01-01') TO ('2020-01-02');
CREATE TABLE bronze.keep_2 PARTITION OF bronze.keep FOR VALUES FROM ('2020-01-02') TO ('2020-01-03');
CREATE TABLE bronze.keep_3 PARTITION OF bronze.keep FOR VALUES FROM ('2020-01-03') TO ('2020-01-04');
INSERT INTO bronze.keep (_partition, _offset, _batch_id, _ingested_at, value)
VALUES (0, 1, 10, '2020-01-01 12:00', '1'), (0, 2, 20, '2020-01-02 12:00', '2'), (0, 3, 30, '2020-01-03 12:00', '3'), (0, 4, 40, now(), '4');

-- Readers say what they need, by batch or by time.
SELECT dataplat_internal.set_bronze_reader('bronze.keep', 'silver', needs_batch => 20);
SELECT dataplat_internal.set_bronze_reader('bronze.keep', 'audit', needs_since => '2020-01-03');
SELECT leaf, needed_by FROM dataplat_internal.expired_partitions('bronze.keep', '30 days');
SELECT object, problem, cause FROM dataplat.health WHERE object = 'table bronze.keep';

-- One partition a turn, and the kept ones with their reason.
SELECT * FROM dataplat_internal.apply_retention('bronze.keep', '30 days', 10);
SELECT to_regclass('bronze.keep_1') IS NULL AS gone, count(*) FROM bronze.keep;

-- As the readers move on, the maintenance worker's step drops one after the other, and says when to come back.
SELECT dataplat_internal.set_bronze_reader('bronze.keep', 'silver', needs_batch => 31);
DELETE FROM dataplat_internal.bronze_reader WHERE reader = 'audit';
SELECT dataplat_internal.maintain_bronze_table('bronze.keep') AS again;
SELECT dataplat_internal.maintain_bronze_table('bronze.keep') AS again;
SELECT dataplat_internal.maintain_bronze_table('bronze.keep') AS again;
SELECT _offset FROM bronze.keep ORDER BY 1;
SELECT object, problem FROM dataplat.health WHERE object = 'table bronze.keep';

-- Today is never dropped, however short the retention.
SELECT count(*) FROM dataplat_internal.apply_retention('bronze.keep', '1 second', 10);
SELECT _offset FROM bronze.keep ORDER BY 1;

-- A view on a partition keeps it, without an error.
CREATE TABLE bronze.keep_4 PARTITION OF bronze.keep FOR VALUES FROM ('2020-01-04') TO ('2020-01-05');
CREATE VIEW bronze.keep_view AS SELECT * FROM bronze.keep_4;
SELECT leaf, action, reason FROM dataplat_internal.apply_retention('bronze.keep', '30 days', 10);

-- The ledger forgets old batches, but not those that a reader needs.
DELETE FROM dataplat_internal.bronze_reader WHERE target = 'bronze.keep';
INSERT INTO dataplat.batch (batch_id, source, topic, partition, rows, committed_at)
SELECT -i, 'keep', 't', 0, 1, now() - i * interval '10 days' FROM generate_series(1, 6) AS i;
SELECT dataplat_internal.set_bronze_reader('bronze.keep', 'slow', needs_batch => -5);
SELECT dataplat_internal.trim_ledger('30 days');
SELECT batch_id FROM dataplat.batch WHERE source = 'keep' ORDER BY 1;
DELETE FROM dataplat_internal.bronze_reader WHERE target = 'bronze.keep';
SELECT dataplat_internal.trim_ledger('30 days');
SELECT batch_id FROM dataplat.batch WHERE source = 'keep' ORDER BY 1;
ROLLBACK;
