-- Declare pipelines: the target that is made or taken, and everything that is refused.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SCHEMA pcr;
SET search_path = pcr, public;
CREATE TABLE pcr.orders (id bigint PRIMARY KEY, customer int, status text COLLATE "C", amount numeric(10,2), note varchar(20),
    gone boolean, updated_at timestamptz);
CREATE TABLE pcr.customers (id int PRIMARY KEY, name text);
CREATE SERVER pcr_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
SELECT dataplat.create_source('pcr_raw', 'pcr_shop', 'orders', target => 'pcr.raw', paused => true);

-- An upsert: schema and table are made, with types, collations and the key.
SELECT dataplat.create_pipeline('pcr_silver', target => 'pcr_silver.orders', keys => '{id}', sequence_by => 'updated_at', delete_when => 'gone',
    query => 'SELECT id, status, amount, note, gone, updated_at FROM orders', paused => true);
SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type, c.collname, a.attnotnull
  FROM pg_attribute AS a LEFT JOIN pg_collation AS c ON c.oid = a.attcollation
 WHERE a.attrelid = 'pcr_silver.orders'::regclass AND a.attnum > 0 ORDER BY a.attnum;
SELECT indexdef FROM pg_indexes WHERE schemaname = 'pcr_silver';
SELECT reloptions, obj_description(oid, 'pg_class') FROM pg_class WHERE oid = 'pcr_silver.orders'::regclass;
SELECT name, owner = current_user AS mine, target, keys, mode, mode_given, sequence_by, search_path, paused FROM dataplat.pipeline WHERE name LIKE 'pcr%';
SELECT pipeline, relation, role FROM dataplat.pipeline_input WHERE pipeline = 'pcr_silver';

-- Bronze is read by the ledger; retention waits for it from now on.
SELECT dataplat.create_pipeline('pcr_lines', 'pcr_silver.lines', $$SELECT (value->>'id')::bigint AS id, value->>'status' AS status FROM raw$$, paused => true);
SELECT pipeline, relation, role, pending FROM dataplat.pipeline_input WHERE pipeline = 'pcr_lines';
SELECT target, reader, needs_batch, needs_since FROM dataplat_internal.bronze_reader WHERE reader LIKE 'pcr%';
SELECT mode FROM dataplat.pipeline WHERE name = 'pcr_lines';

-- Groups are the keys of an aggregate, when nobody names them.
SELECT dataplat.create_pipeline('pcr_gold', 'pcr_gold.by_status',
    'SELECT status, count(*) AS orders, sum(amount) AS amount FROM pcr_silver.orders GROUP BY status', paused => true);
SELECT mode, keys, keys_given FROM dataplat.pipeline WHERE name = 'pcr_gold';
SELECT indexdef FROM pg_indexes WHERE schemaname = 'pcr_gold';

-- A view is a view.
SELECT dataplat.create_pipeline('pcr_view', 'pcr_gold.now', 'SELECT id, now() - updated_at AS age FROM orders;', mode => 'view');
SELECT relkind FROM pg_class WHERE oid = 'pcr_gold.now'::regclass;
SELECT dataplat.pause_pipeline('pcr_view');
-- What cannot be kept up to date by its changes runs in full, and says so.
SET client_min_messages = notice;
SELECT dataplat.create_pipeline('pcr_top', 'pcr_gold.top', 'SELECT id, amount FROM orders ORDER BY amount DESC, id LIMIT 3', paused => true);
SET client_min_messages = warning;
-- A lookup is an input by name; the schema may be left out.
SELECT dataplat.create_pipeline('pcr_wide', 'pcr_gold.wide', keys => '{id}', lookups => '{customers}', paused => true,
    query => 'SELECT o.id, o.amount, c.name FROM orders AS o LEFT JOIN customers AS c ON c.id = o.customer');
SELECT relation, role FROM dataplat.pipeline_input WHERE pipeline = 'pcr_wide';
SELECT lookups FROM dataplat.pipeline WHERE name = 'pcr_wide';

-- A table that is there: taken as it is when it fits; its key is made.
CREATE TABLE pcr.mine (id bigint, amount numeric, seen timestamptz NOT NULL DEFAULT now());
SELECT dataplat.create_pipeline('pcr_mine', 'pcr.mine', 'SELECT id, amount::numeric FROM orders', keys => '{id}', paused => true);
SELECT indexdef FROM pg_indexes WHERE tablename = 'mine';
-- And told column by column when it does not.
CREATE TABLE pcr.unfit (id int, amount numeric(12,2) GENERATED ALWAYS AS (1) STORED, must int NOT NULL);
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT dataplat.create_pipeline('pcr_unfit', 'pcr.unfit', 'SELECT id, amount, note FROM orders', keys => '{id}');
-- Keys that are not unique in it: an example is named.
CREATE TABLE pcr.twice AS SELECT 1::bigint AS id, 2::numeric AS amount FROM generate_series(1, 2);
SELECT dataplat.create_pipeline('pcr_twice', 'pcr.twice', 'SELECT id, amount::numeric FROM orders', keys => '{id}');

-- Queries that cannot be.
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FORM orders');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM pcr.missing');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT ident FROM orders');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM orders; SELECT 1');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'DELETE FROM orders RETURNING id');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'WITH d AS (DELETE FROM orders RETURNING id) SELECT id FROM d');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM orders FOR UPDATE');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id, random() AS r FROM orders');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id, now() AS at FROM orders');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id, CURRENT_DATE AS at FROM orders');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id, id FROM orders');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT FROM orders');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', '  ;');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id, status FROM orders', keys => '{ident}');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id, status FROM orders', keys => '{id}', sequence_by => 'updated_at');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id, status FROM orders', keys => '{id}', sequence_by => 'status', delete_when => 'gone');
-- One condition, and nothing behind it; the same at all times.
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id, status FROM orders', keys => '{id}', sequence_by => 'status', delete_when => 'true); DROP TABLE pcr.customers; --');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id, status FROM orders', keys => '{id}', sequence_by => 'status', delete_when => 'id IN (SELECT id FROM pcr.customers)');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id, status FROM orders', keys => '{id}', sequence_by => 'status', delete_when => 'random() < 0.5');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id, updated_at FROM orders', keys => '{id}', sequence_by => 'updated_at', delete_when => 'updated_at < ''today''');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id, status FROM orders', keys => '{id}', lookups => '{customers}');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id, status FROM orders', keys => '{id}', depends_on => '{pcr_nobody}');

-- Inputs that cannot be.
CREATE TEMP TABLE pcr_temp (id int);
CREATE TABLE pcr.parted (id int) PARTITION BY LIST (id);
CREATE TABLE pcr.part1 PARTITION OF pcr.parted FOR VALUES IN (1);
CREATE MATERIALIZED VIEW pcr.matview AS SELECT 1 AS id;
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM pcr_temp', keys => '{id}');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM part1', keys => '{id}');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM matview', keys => '{id}', mode => 'aggregate');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT relname FROM pg_class', keys => '{relname}');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT source, rows FROM dataplat.batch', keys => '{source}');

-- Targets that cannot be.
SELECT dataplat.create_pipeline('pcr_bad', 'bad', 'SELECT id FROM orders');
SELECT dataplat.create_pipeline('pcr_bad', 'pg_catalog.bad', 'SELECT id FROM orders');
SELECT dataplat.create_pipeline('pcr_bad', 'dataplat.bad', 'SELECT id FROM orders');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.orders', 'SELECT * FROM orders');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr_silver.orders', 'SELECT id FROM orders');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.raw', 'SELECT id FROM orders');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr_gold.now', 'SELECT id FROM orders');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.part1', 'SELECT id FROM customers', keys => '{id}');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr_gold.now', 'SELECT id FROM orders', mode => 'view');

-- Arguments that cannot be.
SELECT dataplat.create_pipeline('', 'pcr.bad', 'SELECT id FROM orders');
SELECT dataplat.create_pipeline('pcr_silver', 'pcr.bad', 'SELECT id FROM orders');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM orders', mode => 'incremental');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM orders', mode => 'upsert');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM orders', mode => 'scd2', keys => '{id}');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM orders', mode => 'append', sequence_by => 'id');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM orders', sequence_by => 'id');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM orders', keys => '{id,id}');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM orders', keys => '{id}', track_history_on => '{id}');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM orders', schedule => 'sometimes');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM orders', schedule => '61 * * * *');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM orders', schedule => 'target_lag');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM orders', target_lag => '-1 minute');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM orders', emit => 'never');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM orders', emit => 'close');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM orders', event_time => '{"column": "updated_at"}');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM orders', event_time => '{"column": "at"}');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM orders', retry => '[1]');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM orders', retry => '{"tries": 1}');
SELECT dataplat.create_pipeline('pcr_bad', 'pcr.bad', 'SELECT id FROM orders', fuse => '{"max_rows": 1}');
\set VERBOSITY terse

-- A part that cannot be computed again.
SELECT dataplat.backfill_pipeline('pcr_mine', 'a', '9');
SELECT dataplat.backfill_pipeline('pcr_mine', '9', '1');
-- Policies count where they hide rows from the owner.
CREATE ROLE regress_pcr;
GRANT USAGE ON SCHEMA pcr TO regress_pcr;
ALTER TABLE pcr.customers ENABLE ROW LEVEL SECURITY;
SELECT dataplat.create_pipeline('pcr_seen', 'pcr.seen', 'SELECT id, name FROM customers', paused => true);
ALTER TABLE pcr.customers OWNER TO regress_pcr;
ALTER TABLE pcr.customers FORCE ROW LEVEL SECURITY;
SELECT dataplat_internal.analyze_pipeline('regress_pcr', 'pcr', 'SELECT id, name FROM customers', '{}', NULL, NULL, NULL, '{}');
-- None of these left anything behind.
SELECT count(*) FROM dataplat.pipeline WHERE name = 'pcr_bad';
SELECT to_regclass('pcr.bad');
ROLLBACK;
