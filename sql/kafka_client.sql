-- Produce to the embedded broker, look at what is there, and see what wrong
-- arguments and sick connections get.

\pset null (null)

SELECT dataplat.start_dev_broker('{"client_one": 1, "client_four": 4}') AS bootstrap \gset
CREATE SERVER client_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" :'bootstrap');

-- A second call finds the broker that runs.
SELECT dataplat.start_dev_broker() = :'bootstrap' AS same_broker;

-- Text, JSON, bytes, a tombstone, an empty value with an empty key.
SELECT * FROM dataplat.produce('client_shop', 'client_one', 'plain text');
SELECT * FROM dataplat.produce('client_shop', 'client_one', '{"a": 1}'::jsonb, 'key');
SELECT * FROM dataplat.produce('client_shop', 'client_one', '\x00ff'::bytea, '\xfe'::bytea);
SELECT * FROM dataplat.produce('client_shop', 'client_one', NULL::text, 'gone');
SELECT * FROM dataplat.produce('client_shop', 'client_one', '', '');

-- Headers in both forms: repeated names, bytes, empty and NULL values.
SELECT * FROM dataplat.produce('client_shop', 'client_one', 'headers', headers => '{"trace": "abc", "none": null}');
SELECT * FROM dataplat.produce('client_shop', 'client_one', 'headers', headers =>
    '[{"key": "h", "value": "first"}, {"key": "h", "value": ""}, {"key": "bin", "base64": "/wD+"}, {"key": "none"}]');

SELECT p.partition, p.message_offset, p.message_timestamp > pg_catalog.now() - interval '5 minutes' AS fresh, p.key, p.value, p.headers
  FROM dataplat.peek_topic('client_shop', 'client_one') AS p;

-- The newest, and from an offset on.
SELECT p.message_offset FROM dataplat.peek_topic('client_shop', 'client_one', rows => 2) AS p;
SELECT p.message_offset FROM dataplat.peek_topic('client_shop', 'client_one', from_offset => 1, rows => 2) AS p;
SELECT p.message_offset FROM dataplat.peek_topic('client_shop', 'client_one', partition => 0, from_offset => 6) AS p;
SELECT p.message_offset FROM dataplat.peek_topic('client_shop', 'client_one', from_offset => 700) AS p;

-- The key chooses the partition as Java's clients do (murmur2): these are
-- what Kafka's own partitioner answers for four partitions.
SELECT k.key, (dataplat.produce('client_shop', 'client_four', 'x', k.key)).partition
  FROM (VALUES ('1'), ('2'), ('3'), ('order-42'), ('Grüße')) AS k (key)
 ORDER BY k.key COLLATE "C";
SELECT * FROM dataplat.produce('client_shop', 'client_four', 'chosen', 'any', partition => 3);

-- Many at once; the arrays go together by position.
SELECT * FROM dataplat.produce_many('client_shop', 'client_one', ARRAY['a', NULL, 'c'], ARRAY['k1', 'k2', NULL]);
SELECT p.message_offset, p.key, p.value FROM dataplat.peek_topic('client_shop', 'client_one', rows => 3) AS p;
SELECT pg_catalog.sum(m.messages) AS messages, pg_catalog.count(*) AS partitions
  FROM dataplat.produce_many('client_shop', 'client_four',
                             (SELECT pg_catalog.array_agg(pg_catalog.jsonb_build_object('i', i)) FROM pg_catalog.generate_series(1, 10000) AS i),
                             (SELECT pg_catalog.array_agg(i::text) FROM pg_catalog.generate_series(1, 10000) AS i)) AS m;
SELECT * FROM dataplat.produce_many('client_shop', 'client_one', '{}'::bytea[]);
SELECT * FROM dataplat.produce_many('client_shop', 'client_one', NULL::text[]);

-- Producers make topics that are missing, with four partitions; readers do not.
SELECT message_offset FROM dataplat.produce('client_shop', 'client_new', 'x', partition => 0);
SELECT p.value FROM dataplat.peek_topic('client_shop', 'client_new') AS p;
SELECT * FROM dataplat.peek_topic('client_shop', 'client_missing');

-- Produced messages stay produced.
BEGIN;
SELECT * FROM dataplat.produce('client_shop', 'client_one', 'rolled back');
ROLLBACK;
SELECT p.value FROM dataplat.peek_topic('client_shop', 'client_one', rows => 1) AS p;

-- Wrong arguments.
SELECT * FROM dataplat.produce('client_nowhere', 'client_one', 'x');
SELECT * FROM dataplat.produce(NULL, 'client_one', 'x');
SELECT * FROM dataplat.produce('client_shop', 'client_one', 'x', partition => 1);
SELECT * FROM dataplat.produce('client_shop', 'client_one', 'x', partition => -1);
SELECT * FROM dataplat.produce('client_shop', 'client_one', 'x', headers => '"text"');
SELECT * FROM dataplat.produce('client_shop', 'client_one', 'x', headers => '[1]');
SELECT * FROM dataplat.produce('client_shop', 'client_one', 'x', headers => '{"a": 1}');
SELECT * FROM dataplat.produce('client_shop', 'client_one', 'x', headers => '[{"value": "x"}]');
SELECT * FROM dataplat.produce('client_shop', 'client_one', 'x', headers => '[{"key": "x", "base64": "?"}]');
SELECT * FROM dataplat.produce('client_shop', 'client_one', 'x', headers => '[{"key": "x", "value": "a", "base64": "YQ=="}]');
SELECT * FROM dataplat.produce('client_shop', 'client_one', 'x', headers => '[{"key": "x", "text": "a"}]');
SELECT * FROM dataplat.produce('client_shop', 'client_one', 'x', timeout => '1 hour');
SELECT * FROM dataplat.produce_many('client_shop', 'client_one', ARRAY['a', 'b'], ARRAY['k']);
SELECT * FROM dataplat.peek_topic('client_shop', 'client_one', partition => 1);
SELECT * FROM dataplat.peek_topic('client_shop', 'client_one,client_four');
SELECT * FROM dataplat.peek_topic('client_shop', 'client_one', rows => 0);
SELECT * FROM dataplat.start_dev_broker('["client_one"]');
SELECT * FROM dataplat.start_dev_broker('{"client one": 1}');
SELECT * FROM dataplat.start_dev_broker('{"client_one": 0}');

-- USAGE on the server is the right to use Kafka through it.
CREATE ROLE client_reader;
GRANT USAGE ON SCHEMA dataplat TO client_reader;
SET ROLE client_reader;
SELECT * FROM dataplat.produce('client_shop', 'client_one', 'x');
SELECT * FROM dataplat.peek_topic('client_shop', 'client_one');
SELECT * FROM dataplat.test_connection('client_shop');
SELECT dataplat.start_dev_broker();
SELECT dataplat.stop_dev_broker();
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER client_shop TO client_reader;
SET ROLE client_reader;
SELECT p.value FROM dataplat.peek_topic('client_shop', 'client_one', rows => 1) AS p;
RESET ROLE;

-- What a connection test says of a good server, and of a bad one.
SELECT t.step, t.ok FROM dataplat.test_connection('client_shop') AS t;
CREATE SERVER client_dead FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
SELECT * FROM dataplat.test_connection('client_dead');
ALTER SERVER client_dead OPTIONS (SET "bootstrap.servers" 'no-such-host.invalid');
SELECT t.step, t.ok FROM dataplat.test_connection('client_dead') AS t;
ALTER SERVER client_dead OPTIONS (SET "bootstrap.servers" '127.0.0.1:1');

-- A login that Kafka 4 will refuse is told by health, where it applies.
CREATE SERVER client_scram FOREIGN DATA WRAPPER dataplat_kafka
    OPTIONS ("bootstrap.servers" '127.0.0.1:1', "security.protocol" 'SASL_SSL', "sasl.mechanism" 'SCRAM-SHA-256');
SELECT (SELECT h.cause FROM dataplat.health AS h WHERE h.object = 'client_scram') IS NOT DISTINCT FROM dataplat_internal.scram_note() AS told,
       (SELECT v.note FROM dataplat.version() AS v WHERE v.part = 'librdkafka') LIKE dataplat_internal.scram_note() || '%'
       OR dataplat_internal.scram_note() IS NULL AS noted;
DROP SERVER client_scram;

-- Nothing listens: an error at once, long before the timeout.
CREATE FUNCTION pg_temp.try(command text) RETURNS TABLE (code text, message text, detail text, quick boolean)
LANGUAGE plpgsql AS $$
DECLARE
    begun timestamptz := pg_catalog.clock_timestamp();
BEGIN
    EXECUTE command;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    detail := pg_catalog.split_part(detail, ' librdkafka says', 1);
    quick := pg_catalog.clock_timestamp() < begun + interval '20 seconds';
    RETURN NEXT;
END;
$$;
SELECT * FROM pg_temp.try($$SELECT dataplat.produce('client_dead', 'client_one', 'x', timeout => '1 minute')$$);
SELECT * FROM pg_temp.try($$SELECT dataplat.peek_topic('client_dead', 'client_one')$$);

-- The broker goes away under a producer that has worked: it waits, then tells.
SELECT message_offset FROM dataplat.produce('client_shop', 'client_new', 'x', 'k', partition => 1);
SELECT dataplat_internal.dev_broker_control('down');
SELECT pg_catalog.left(code, 2) AS class, message, pg_catalog.split_part(detail, ' ', 1) || ' acknowledgement' AS detail
  FROM pg_temp.try($$SELECT dataplat.produce('client_shop', 'client_new', 'x', partition => 1, timeout => '500 ms')$$);
SELECT dataplat_internal.dev_broker_control('up');
SELECT message_offset >= 1 AS works_again FROM dataplat.produce('client_shop', 'client_new', 'y', 'k', partition => 1);

-- It can be cancelled.
SELECT dataplat_internal.dev_broker_control('down');
SET statement_timeout = '300ms';
SELECT dataplat.produce('client_shop', 'client_new', 'x', timeout => '1 minute');
RESET statement_timeout;
SELECT dataplat_internal.dev_broker_control('up');

DROP SERVER client_shop;
DROP SERVER client_dead;
REVOKE USAGE ON SCHEMA dataplat FROM client_reader;
DROP ROLE client_reader;
SELECT dataplat.stop_dev_broker();
SELECT dataplat.stop_dev_broker();
SELECT pid IS NULL AS gone FROM dataplat_internal.dev_broker_status();
