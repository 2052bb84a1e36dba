-- Change streams become silver tables.
\set VERBOSITY terse
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';

-- What a message says: a row, an update without a large value, deletes with
-- and without the old row, the tombstone after it, and with schemas.
SELECT m.note, e.*
  FROM (VALUES
    (1, 'snapshot', '{"op": "r", "after": {"id": 1, "doc": "x"}, "before": null, "source": {"ts_ms": 1700000000123}, "ts_ms": 1}'::jsonb, '{"id": 1}'),
    (2, 'unchanged toast', '{"op": "u", "after": {"id": 1, "doc": "__debezium_unavailable_value", "raw": "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==", "tags": ["__debezium_unavailable_value"]}, "ts_ms": 1700000000456}', NULL),
    (3, 'delete', '{"op": "d", "before": {"id": 1, "doc": null}, "after": null}', NULL),
    (4, 'delete by key', '{"op": "d", "before": null}', '{"id": 7}'),
    (5, 'tombstone', NULL, '{"id": 7}'),
    (6, 'null', 'null', '{"schema": {"type": "struct"}, "payload": {"id": 7}}'),
    (7, 'with schema', '{"schema": {"type": "struct"}, "payload": {"op": "c", "after": {"id": 8}}}', NULL),
    (8, 'tombstone without key', NULL, NULL),
    (9, 'decoder message', '{"op": "m", "message": {}}', NULL),
    (10, 'tombstone, key no JSON', NULL, '{7')) AS m (n, note, value, key)
 CROSS JOIN LATERAL dataplat.debezium_event(m.value, m.key) AS e
 ORDER BY m.n;
SELECT row_data, missing FROM dataplat.debezium_event('{"op": "u", "after": {"a": "<same>", "b": 1}}', NULL, '<same>');
SELECT e.* FROM (VALUES (1, '{"id": 1, "v": "a"}'::jsonb, 'x'), (2, '{"v": "a"}', '5'), (3, '{"v": "a"}', '{"id": 6}'), (4, NULL, '7'), (5, 'null', '"a b"'), (6, NULL, NULL),
    (7, '{"v": "a"}', '{0b9f3c1e-66a4-4c3a-9a6e-1f0f6f1d2a77}'), (8, NULL, '{not json'), (9, NULL, '"a" and "b"')) AS m (n, value, key)
 CROSS JOIN LATERAL dataplat.upsert_event(m.value, m.key, '{id}') AS e ORDER BY m.n;
SELECT dataplat.debezium_time(t) FROM unnest('{1700000000123,1700000000123456,1700000000123456789,-86400000,"\"2023-11-14T22:13:20Z\"",null}'::jsonb[]) AS t;
\set VERBOSITY default
\set SHOW_CONTEXT never
-- nothing, and a key, as a converter without a schema writes them
SELECT e.n, d.row_data, d.deleted FROM (VALUES (1, NULL::jsonb, $${"schema": null, "payload": {"id": 7}}$$), (2, $${"schema": null, "payload": null}$$, $${"id": 7}$$), (3, $${"payload": null}$$, $${"schema": "a", "payload": {"id": 7}}$$)) AS e (n, value, key), dataplat.debezium_event(e.value, e.key) AS d ORDER BY 1;
SELECT dataplat.debezium_event('{"id": 1}');
SELECT dataplat.debezium_event('[1]');
SELECT dataplat.debezium_event('{"op": "t"}');
SELECT dataplat.debezium_event('{"op": "u"}');
SELECT dataplat.debezium_event('{"op": "d"}');
SELECT dataplat.debezium_event('{"op": "x"}');
SELECT dataplat.upsert_event('[]', NULL, NULL);
SELECT dataplat.debezium_time('{}');
SELECT dataplat.debezium_time('true');
\set VERBOSITY terse

-- A stream of a table, from Kafka: one statement makes the table, one its history.
SELECT dataplat.start_dev_broker('{"env_orders": 1, "env_stock": 1}') AS bootstrap \gset
CREATE SERVER env_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" :'bootstrap');
SELECT dataplat.create_source('env_orders', 'env_shop', 'env_orders', target => 'env_bronze.orders');
SELECT dataplat.create_source('env_stock', 'env_shop', 'env_stock', target => 'env_bronze.stock', envelope => 'upsert');
SELECT dataplat.silver_query('env_bronze.orders', 'id bigint, status text, note text, day date, at timestamptz, local timestamp, tags text[], doc jsonb, raw bytea', '{id}', 'debezium');
SELECT dataplat.create_silver('env_orders', 'env_bronze.orders', 'id bigint, status text, amount numeric(10,2), note text, day date, at timestamptz, tags text[], doc jsonb',
    '{id}', 'debezium', target => 'env_silver.orders', schedule => 'manual');
SELECT dataplat.create_silver('env_history', 'env_bronze.orders', 'id bigint, status text, note text',
    '{id}', 'debezium', target => 'env_silver.history', mode => 'scd2', track_history_on => '{status}', schedule => 'manual');
SELECT dataplat.create_silver('env_stock', 'env_bronze.stock', 'sku text, n int', '{sku}', 'upsert', target => 'env_silver.stock', schedule => 'manual');
SELECT count(*) FROM (
    SELECT dataplat.produce('env_shop', 'env_orders', m.value::jsonb, key => m.key) FROM (VALUES
        (1, '{"op": "c", "after": {"id": 1, "status": "new", "amount": "10.50", "note": "a long note", "day": 19675, "at": 1700000000123456, "tags": ["x", "y"], "doc": {"a": 1}}, "source": {"ts_ms": 1000}}', '{"id": 1}'),
        (2, '{"op": "c", "after": {"id": 2, "status": "new", "amount": "20", "note": "other"}, "source": {"ts_ms": 2000}}', '{"id": 2}'),
        (3, '{"op": "u", "after": {"id": 1, "status": "paid", "amount": "10.50", "note": "__debezium_unavailable_value", "day": 19675}, "source": {"ts_ms": 3000}}', '{"id": 1}'),
        (4, '{"op": "d", "before": {"id": 2}, "source": {"ts_ms": 4000}}', '{"id": 2}'),
        (5, NULL, '{"id": 2}')) AS m (n, value, key) ORDER BY m.n) AS sent;
SELECT dataplat.wait_for_source('env_orders', '60 s');
SELECT state FROM dataplat.run_pipeline('env_orders');
SELECT state FROM dataplat.run_pipeline('env_history');
SELECT id, status, amount, note, day, at, tags, doc FROM env_silver.orders ORDER BY id;
SELECT id, status, note, valid, is_current FROM env_silver.history ORDER BY id, valid;

-- Later messages: the large value stays in the row that is there; the deleted one is back.
SELECT count(*) FROM (
    SELECT dataplat.produce('env_shop', 'env_orders', m.value::jsonb, key => m.key) FROM (VALUES
        (1, '{"op": "u", "after": {"id": 1, "status": "sent", "note": "__debezium_unavailable_value"}, "source": {"ts_ms": 5000}}', '{"id": 1}'),
        (2, '{"op": "c", "after": {"id": 2, "status": "again"}, "source": {"ts_ms": 6000}}', '{"id": 2}')) AS m (n, value, key) ORDER BY m.n) AS sent;
SELECT dataplat.wait_for_source('env_orders', '60 s');
SELECT state FROM dataplat.run_pipeline('env_orders');
SELECT state FROM dataplat.run_pipeline('env_history');
SELECT id, status, note FROM env_silver.orders ORDER BY id;
SELECT id, status, note, valid, is_current FROM env_silver.history ORDER BY id, valid;
SELECT * FROM dataplat.verify_pipeline('env_orders');
SELECT * FROM dataplat.verify_pipeline('env_history');

-- An upsert stream: no value deletes.
SELECT dataplat.produce('env_shop', 'env_stock', '{"n": 5}'::jsonb, key => 'bolt');
SELECT dataplat.produce('env_shop', 'env_stock', '{"sku": "nut", "n": 7}'::jsonb, key => 'nut');
SELECT dataplat.produce('env_shop', 'env_stock', NULL::jsonb, key => 'bolt');
SELECT dataplat.wait_for_source('env_stock', '60 s');
SELECT state FROM dataplat.run_pipeline('env_stock');
SELECT sku, n FROM env_silver.stock ORDER BY sku;
SELECT * FROM dataplat.verify_pipeline('env_stock');

-- What is refused.
\set VERBOSITY default
SELECT dataplat.create_silver('env_no', 'env_bronze.orders', 'id bigint', '{nr}');
SELECT dataplat.create_silver('env_no', 'env_bronze.orders', NULL, '{id}');
SELECT dataplat.create_silver('env_no', 'env_silver.orders', 'id bigint', '{id}');
SELECT dataplat.create_silver('env_no', 'env_silver.nothing', 'id bigint', '{id}');
SELECT dataplat.create_silver('env_no', 'env_bronze.orders', 'id bigint', '{id}', 'avro');
SELECT dataplat.create_silver('env_no', 'env_bronze.orders', 'id bigint', '{id}', mode => 'full');
\set VERBOSITY terse

SELECT dataplat.drop_pipeline(p, drop_target => true) FROM unnest('{env_orders,env_history,env_stock}'::text[]) AS p;
SELECT dataplat.drop_source(s, drop_target => true) FROM unnest('{env_orders,env_stock}'::text[]) AS s;
DROP SERVER env_shop CASCADE;
SELECT dataplat.stop_dev_broker();
DELETE FROM dataplat.batch WHERE source LIKE 'env\_%';
DELETE FROM dataplat.source_event WHERE source LIKE 'env\_%';
DELETE FROM dataplat.pipeline_event WHERE pipeline LIKE 'env\_%';
DELETE FROM dataplat.pipeline_run WHERE pipeline LIKE 'env\_%';
DROP SCHEMA env_bronze, env_silver CASCADE;
