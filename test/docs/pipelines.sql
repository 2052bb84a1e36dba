-- Orders to read: three events, one of them a change.
CREATE SERVER shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" 'kafka:9092');
SELECT dataplat.produce('shop', 'orders', jsonb_build_object('order_id', i % 2, 'status', CASE i WHEN 3 THEN 'paid' ELSE 'open' END, 'amount', i,
                                                             'updated_at', '2026-01-01'::timestamptz + i * interval '1 hour'))
  FROM generate_series(1, 3) AS i;
SELECT dataplat.create_source('orders', 'shop', 'orders');
SELECT dataplat.wait_for_source('orders');
