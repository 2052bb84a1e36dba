-- The tables that the examples name, some written by pipelines; one order is refused.
CREATE SERVER shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" 'kafka:9092');
SELECT dataplat.produce('shop', 'orders', jsonb_build_object('order_id', i, 'customer_id', 1 + i % 2, 'amount', CASE i WHEN 3 THEN -5 ELSE 10 * i END,
                                                             'updated_at', '2026-01-01 15:00Z'::timestamptz + i * interval '1 minute'), partition => 0)
  FROM generate_series(1, 4) AS i;
SELECT dataplat.create_source('orders', 'shop', 'orders');
SELECT dataplat.wait_for_source('orders');
CREATE SCHEMA silver;
CREATE TABLE silver.customers (id bigint PRIMARY KEY, email text);
CREATE TABLE silver.old_orders (order_id bigint);
SELECT dataplat.create_pipeline('silver_orders', target => 'silver.orders', keys => '{order_id}', sequence_by => 'updated_at', schedule => 'manual', query => $$
    SELECT (value->>'order_id')::bigint AS order_id, (value->>'customer_id')::bigint AS customer_id, (value->>'amount')::numeric(12, 2) AS amount,
           (value->>'updated_at')::timestamptz AS updated_at FROM bronze.orders $$);
SELECT dataplat.add_expectation('silver.orders', 'between', '{"column": "amount", "min_value": 0}', 'amount is not negative', action => 'quarantine');
SELECT dataplat.create_pipeline('gold_revenue', target => 'gold.revenue', query => $$
    SELECT customer_id, count(*) AS orders, sum(amount) AS revenue FROM silver.orders GROUP BY 1 $$);
SELECT dataplat.alter_pipeline('silver_orders', schedule => 'on_data');
SELECT dataplat.wait_for_pipeline('gold_revenue');
SELECT dataplat.set_owner('gold.revenue', 'data-team');
