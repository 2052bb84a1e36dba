-- A source whose account can be looked at.
CREATE SERVER shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" 'kafka:9092');
SELECT dataplat.produce('shop', 'orders', '{"order_id": 1}'::jsonb);
SELECT dataplat.create_source('orders', 'shop', 'orders');
SELECT dataplat.wait_for_source('orders');
