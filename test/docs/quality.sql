-- A table to judge.
CREATE SCHEMA silver;
CREATE TABLE silver.orders (order_id bigint PRIMARY KEY, customer text, status text, amount numeric, updated_at timestamptz);
INSERT INTO silver.orders SELECT i, CASE WHEN i % 7 <> 0 THEN 'c' || i % 3 END, (ARRAY['new', 'paid', 'sent', 'lost'])[1 + i % 4], i - 5, '2026-01-01'::timestamptz + i * interval '1 hour'
  FROM generate_series(1, 100) AS i;
-- And a source whose bronze table has rules.
CREATE SERVER quality_kafka FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" 'localhost:9092');
SELECT dataplat.create_source('orders', 'quality_kafka', 'orders', paused => true);
