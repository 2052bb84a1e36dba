-- The framing of messages: every form there and back, and every way to break one.
\set VERBOSITY terse
SELECT * FROM dataplat.wire_decode('\x');
SELECT * FROM dataplat.wire_decode('\x7b7d');
SELECT * FROM dataplat.wire_decode('\x00000001020a0b');
SELECT * FROM dataplat.wire_decode('\x00ffffffff');
SELECT * FROM dataplat.wire_decode('\xc301143d2a1b0c0d0e0f06');
SELECT * FROM dataplat.wire_decode('\xc30a');
SELECT * FROM dataplat.wire_decode('\x0a0b', '[{"key": "a", "value": "x"}, {"key": "__value_schema_id", "base64": "AQABAgMEBQYHCAkKCwwNDg8="}]');
SELECT * FROM dataplat.wire_decode('\x0a0b', '[{"key": "__value_schema_id", "base64": "AAAAAQI="}]');
SELECT * FROM dataplat.wire_decode('\x0a0b', '[{"key": "__key_schema_id", "base64": "AA=="}]');
SELECT * FROM dataplat.wire_decode(NULL);

-- Message indexes: the short form, the written-out one, a path, and what old clients wrote without zig-zag.
SELECT message_indexes, body FROM dataplat.wire_decode('\x0000000001000805', protobuf => true);
SELECT message_indexes, body FROM dataplat.wire_decode('\x000000000102000805', protobuf => true);
SELECT message_indexes, body FROM dataplat.wire_decode('\x00000000010402ac020805', protobuf => true);
SELECT message_indexes, body FROM dataplat.wire_decode('\x000000000101020805', protobuf => true);
SELECT framing, message_indexes, body FROM dataplat.wire_decode('\x0805', protobuf => true);

-- Broken.
SELECT * FROM dataplat.wire_decode('\x00');
SELECT * FROM dataplat.wire_decode('\x00000001');
SELECT * FROM dataplat.wire_decode('\xc3010102');
SELECT * FROM dataplat.wire_decode('\x0a', '[{"key": "__value_schema_id", "base64": "AA=="}]');
SELECT * FROM dataplat.wire_decode('\x0a', '[{"key": "__value_schema_id", "value": null}]');
SELECT * FROM dataplat.wire_decode('\x0000000001', protobuf => true);
SELECT * FROM dataplat.wire_decode('\x000000000104', protobuf => true);
SELECT * FROM dataplat.wire_decode('\x0000000001ffffffffffffffffffffff', protobuf => true);
SELECT * FROM dataplat.wire_decode('\x000000000180ff', protobuf => true);
SELECT * FROM dataplat.wire_decode('\x00000000010201', protobuf => true);
SELECT * FROM dataplat.wire_decode('\x000000000102feffffff1f', protobuf => true);

-- There and back.
SELECT dataplat.wire_encode('\x0a0b', 258), dataplat.wire_encode('\x0a0b', 1, '{}'), dataplat.wire_encode('\x0a0b', 1, '{0}'),
       dataplat.wire_encode('\x0a0b', 1, '{1,150}'), dataplat.wire_encode('\x0a', fingerprint => '\x060f0e0d0c1b2a3d');
SELECT count(*) FILTER (WHERE d.schema_id = i AND d.message_indexes = m AND d.body = b)
  FROM generate_series(1, 2000) AS i,
       LATERAL (SELECT ARRAY(SELECT (get_byte(sha256((i || ' ' || n)::bytea), 0) % 5) * (n * n) FROM generate_series(0, i % 6) AS n) AS m,
                       substr(sha256(i::text::bytea), 1, i % 32) AS b) AS x,
       LATERAL dataplat.wire_decode(dataplat.wire_encode(b, i, m), protobuf => true) AS d;
SELECT dataplat.wire_encode('\x', 1, '{-1}');
SELECT dataplat.wire_encode('\x', 1, array_fill(0, '{33}'));
SELECT dataplat.wire_encode('\x', 1, NULL, '\x0102030405060708');
SELECT dataplat.wire_encode('\x', fingerprint => '\x01');
SELECT dataplat.wire_encode(NULL, 1);
