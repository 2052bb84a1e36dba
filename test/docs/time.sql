-- Clicks to read: three people, half an hour of one day, in two partitions.
CREATE SERVER shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" 'kafka:9092');
SELECT dataplat.produce('shop', 'clicks-web', jsonb_build_object('who', 'user ' || i % 3, 'page', '/p' || i % 5, 'at', '2026-01-01 10:00Z'::timestamptz + i * interval '1 minute'),
                        partition => i % 2)
  FROM generate_series(1, 30) AS i;
SELECT dataplat.create_source('clicks', 'shop', 'clicks-web');
SELECT dataplat.wait_for_source('clicks');
