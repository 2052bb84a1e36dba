-- What is wrong with a message gets its error: nothing stops, nothing is lost, and what can be mended is retried.
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT dataplat.start_dev_broker('{"sb_avro": 2, "sb_proto": 1, "sb_cdc": 1, "sb_req": 1}') AS bootstrap \gset
CREATE SERVER sb_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" :'bootstrap');
CREATE SCHEMA sb;
SELECT dataplat.register_schema('sb_avro-value', '{"type": "record", "name": "R", "fields": [{"name": "id", "type": "long"}, {"name": "name", "type": "string"}, {"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["A", "B"]}}, {"name": "list", "type": {"type": "array", "items": "null"}}, {"name": "u", "type": ["null", "int"]}]}') AS id \gset
SELECT dataplat.register_schema('sb_deep-value', '{"type": "record", "name": "N", "fields": [{"name": "next", "type": ["null", "N"]}]}') AS deep_id \gset
SELECT dataplat.register_schema('sb_proto-value', 'syntax = "proto3"; message P { int64 id = 1; P next = 2; string name = 3; }', 'PROTOBUF') AS proto_id \gset

-- Bytes that no message of the schema can be.  The row after them comes.
CREATE TABLE sb.bad (n int, what text, payload bytea);
INSERT INTO sb.bad VALUES
    (1, 'empty', '\x'), (2, 'no framing', '\x4e6f'), (3, 'cut off within the id', '\x000000'),
    (4, 'id of another type', dataplat.wire_encode('\x00', :proto_id)),
    (5, 'no body', dataplat.wire_encode('\x', :id)), (6, 'cut off', dataplat.wire_encode('\x02', :id)),
    (7, 'string longer than the message', dataplat.wire_encode('\x02ffffffff0f61', :id)), (8, 'negative length', dataplat.wire_encode('\x0201', :id)),
    (9, 'not UTF-8', dataplat.wire_encode('\x0202ff000000', :id)), (10, 'NUL in a string', dataplat.wire_encode('\x020200000000', :id)),
    (11, 'enum out of range', dataplat.wire_encode('\x02026104', :id)), (12, 'negative enum', dataplat.wire_encode('\x02026101', :id)),
    (13, 'endless array of nothing', dataplat.wire_encode('\x02026100feffffffffffffffff01', :id)), (14, 'union out of range', dataplat.wire_encode('\x020261000004', :id)),
    (15, 'bytes after the message', dataplat.wire_encode('\x0202610000000000', :id)), (16, 'number too long', dataplat.wire_encode('\xffffffffffffffffffffff01', :id)),
    (17, 'broken fingerprint', '\xc30101');
SELECT count(*) FROM (SELECT dataplat.produce('sb_shop', 'sb_avro', b.payload, partition => 0) FROM sb.bad AS b ORDER BY n OFFSET 0) AS p;
SELECT count(*) FROM (SELECT dataplat.produce('sb_shop', 'sb_avro', dataplat.wire_encode('\x540261020000'::bytea, :id), partition => 0)) AS p;
SELECT dataplat.create_source('sb_avro', 'sb_shop', 'sb_avro', target => 'sb.avro', format => 'avro', layout => 'both', schema_evolution => 'ignore', max_error_ratio => 1);
SELECT dataplat.wait_for_source('sb_avro');
SELECT _offset, id, name, kind, list, u FROM sb.avro;
SELECT b.what, d.stage, d.sqlstate, regexp_replace(d.message, '^schema \d+', 'schema N') AS message, d.schema_id IS NOT NULL AS has_schema FROM sb.bad AS b LEFT JOIN dataplat.dead_letter AS d ON d.source = 'sb_avro' AND d.message_offset = b.n - 1 ORDER BY b.n;

-- Recursion is bounded.
SELECT count(*) FROM (SELECT dataplat.produce('sb_shop', 'sb_avro', dataplat.wire_encode(convert_to(repeat(chr(2), 400000), 'UTF8') || '\x00'::bytea, :deep_id), partition => 1)) AS p;
SELECT dataplat.wait_for_source('sb_avro');
SELECT sqlstate, message FROM dataplat.dead_letter WHERE source = 'sb_avro' AND partition = 1;

-- Protobuf.
SELECT count(*) FROM (SELECT dataplat.produce('sb_shop', 'sb_proto', v) FROM (VALUES (1, dataplat.wire_encode('\x08'::bytea, :proto_id, '{}')), (2, dataplat.wire_encode('\x1a05616263', :proto_id, '{}')),
    (3, dataplat.wire_encode('\x1a01ff', :proto_id, '{}')), (4, dataplat.wire_encode('\x0b', :proto_id, '{}')), (5, dataplat.wire_encode('\x00', :proto_id, '{}')), (6, dataplat.wire_encode('\x', :proto_id, '{0,0,0}')),
    (7, dataplat.wire_encode('\x', :proto_id)), (8, dataplat.wire_encode('\x0807', :proto_id, '{0}'))) AS x (n, v)) AS p;
SELECT dataplat.create_source('sb_proto', 'sb_shop', 'sb_proto', target => 'sb.proto', format => 'protobuf', max_error_ratio => 1);
SELECT dataplat.wait_for_source('sb_proto');
SELECT _offset, value FROM sb.proto;
SELECT message_offset, sqlstate, message FROM dataplat.dead_letter WHERE source = 'sb_proto' ORDER BY 1;
-- A required field that is not there, in columns.
SELECT dataplat.register_schema('sb_req-value', 'syntax = "proto2"; message Q { required string name = 1; optional int32 n = 2; }', 'PROTOBUF') AS req_id \gset
SELECT count(*) FROM dataplat.produce('sb_shop', 'sb_req', dataplat.wire_encode('\x1005'::bytea, :req_id, '{}'));
SELECT dataplat.create_source('sb_req', 'sb_shop', 'sb_req', target => 'sb.req', format => 'protobuf', layout => 'columns', max_error_ratio => 1);
SELECT dataplat.wait_for_source('sb_req');
SELECT message_offset, sqlstate, message FROM dataplat.dead_letter WHERE source = 'sb_req' ORDER BY 1;

-- An id that nobody knows: from a session the message goes to the dead letters at once, and can be retried when the schema is there.
SELECT dataplat.pause_source('sb_avro');
SELECT next_id AS late_id FROM dataplat_internal.schema_context WHERE context = '.' \gset
SELECT count(*) FROM (SELECT dataplat.produce('sb_shop', 'sb_avro', dataplat.wire_encode('\x0a'::bytea, :late_id), partition => 1)) AS p;
SELECT dataplat.ingest_once('sb_avro');
SELECT stage, sqlstate, regexp_replace(message, '\d+', 'N') AS message, detail, schema_id = :late_id AS same_id FROM dataplat.dead_letter WHERE source = 'sb_avro' AND stage = 'schema';
SELECT * FROM dataplat.retry_dead_letters('sb_avro', 'stage = ''schema''');
SELECT dataplat.register_schema('sb_late-value', '{"type": "record", "name": "L", "fields": [{"name": "id", "type": "long"}]}') = :late_id AS same_id;
SELECT * FROM dataplat.retry_dead_letters('sb_avro', 'stage = ''schema''');
SELECT _schema_id = :late_id AS same_id, id, value FROM sb.avro WHERE _partition = 1;

-- Debezium: what a converter wrapped is unwrapped, all kinds of messages are kept, and what is none is a dead letter.
SELECT count(*) FROM (SELECT dataplat.produce('sb_shop', 'sb_cdc', v) FROM (VALUES
    (1, '{"schema": {"type": "struct"}, "payload": {"before": null, "after": {"id": 1, "text": "a"}, "source": {"ts_ms": 1}, "op": "r", "ts_ms": 5}}'),
    (2, '{"before": null, "after": {"id": 1, "text": "__debezium_unavailable_value"}, "source": {"ts_ms": 1}, "op": "u", "ts_ms": 6}'),
    (3, '{"before": {"id": 1}, "after": null, "op": "d", "ts_ms": 7}'), (4, NULL), (5, '{"schema": null, "payload": null}'),
    (6, '{"status": "BEGIN", "id": "571:53", "event_count": null, "ts_ms": 8}'), (7, '{"source": {"db": "x"}, "ddl": "CREATE TABLE t ()", "tableChanges": []}'), (8, '{"ts_ms": 9}'),
    (9, '{"id": 1, "text": "flat"}'), (10, '[1]'), (11, '{"op": "x"}'),
    (12, '{"schema": null, "payload": {"before": null, "after": {"id": 2}, "op": "c", "ts_ms": 10}}'), (13, '{"payload": {"id": 3}}')) AS x (n, v)) AS p;
SELECT dataplat.create_source('sb_cdc', 'sb_shop', 'sb_cdc', target => 'sb.cdc', envelope => 'debezium', max_error_ratio => 1);
SELECT dataplat.create_source('sb_cdc_cols', 'sb_shop', 'sb_cdc', target => 'sb.cdc_cols', envelope => 'debezium', layout => 'columns', columns => 'op text, before jsonb, after jsonb, ts_ms bigint', max_error_ratio => 1);
SELECT dataplat.wait_for_source('sb_cdc'), dataplat.wait_for_source('sb_cdc_cols');
SELECT _offset, value FROM sb.cdc ORDER BY 1;
SELECT _offset, op, before, after, ts_ms FROM sb.cdc_cols WHERE _offset < 3 ORDER BY 1;
SELECT message_offset, sqlstate, message FROM dataplat.dead_letter WHERE source = 'sb_cdc' ORDER BY 1;

SELECT count(*) FROM (SELECT dataplat.drop_source(name, drop_target => true) FROM dataplat.source WHERE name LIKE 'sb\_%' OFFSET 0) AS d;
DELETE FROM dataplat.dead_letter WHERE source LIKE 'sb\_%';
DELETE FROM dataplat.batch WHERE source LIKE 'sb\_%';
DELETE FROM dataplat.source_event WHERE source LIKE 'sb\_%';
SELECT count(dataplat.delete_subject(s, p)) FROM (VALUES (false), (true)) AS x (p), unnest('{sb_avro-value,sb_deep-value,sb_proto-value,sb_req-value,sb_late-value}'::text[]) AS s;
DROP SCHEMA sb CASCADE;
DROP SERVER sb_shop;
SELECT dataplat.stop_dev_broker();
