-- What the examples find: a partition with a past, and dead letter 42.
CREATE SERVER shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" 'kafka:9092');
SELECT dataplat.produce_many('shop', 'orders', (SELECT array_agg(jsonb_build_object('order_id', i)) FROM generate_series(1, 2500) AS i), partition => 3);
ALTER SEQUENCE dataplat.dead_letter_dead_letter_id_seq RESTART WITH 42;
SELECT dataplat.produce('shop', 'orders', '{"order_id": 42, "amount": twelve}'::text);
