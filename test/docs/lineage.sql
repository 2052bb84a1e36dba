-- A topic, its bronze table, a silver and a gold table.
CREATE SERVER shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" 'kafka:9092');
SELECT dataplat.produce('shop', 'orders', jsonb_build_object('order_id', i % 2, 'status', CASE i WHEN 3 THEN 'paid' ELSE 'open' END, 'amount', i,
                                                             'updated_at', '2026-01-01 15:00Z'::timestamptz + i * interval '1 minute'))
  FROM generate_series(1, 3) AS i;
SELECT dataplat.create_source('orders', 'shop', 'orders');
SELECT dataplat.wait_for_source('orders');
SELECT dataplat.create_pipeline('silver_orders', target => 'silver.orders', keys => '{order_id}', sequence_by => 'updated_at', query => $$
    SELECT (value->>'order_id')::bigint AS order_id, value->>'status' AS status, (value->>'amount')::numeric AS amount,
           (value->>'updated_at')::timestamptz AS updated_at FROM bronze.orders $$);
SELECT dataplat.create_pipeline('gold_revenue', target => 'gold.revenue', query => $$
    SELECT status, count(*) AS orders, sum(amount) AS revenue FROM silver.orders GROUP BY 1 $$);
CREATE VIEW gold.big AS SELECT status, revenue FROM gold.revenue WHERE revenue > 100;
SELECT dataplat.wait_for_pipeline('gold_revenue');
