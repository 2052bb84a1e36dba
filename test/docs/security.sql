-- The server whose rights are granted.
CREATE SERVER shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" 'kafka:9092');
