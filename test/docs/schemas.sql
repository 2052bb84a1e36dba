CREATE SERVER shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" 'kafka:9092');
SELECT dataplat.start_dev_broker('{"orders_avro": 1, "customers_cdc": 1}');
