-- Messages with registered schemas become rows: Avro, Protobuf and JSON, in every framing, as documents and as columns.
\set VERBOSITY terse
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT dataplat.start_dev_broker('{"sf_avro": 1, "sf_proto": 1, "sf_json": 1, "sf_raw": 1, "sf_keys": 1}') AS bootstrap \gset
CREATE SERVER sf_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" :'bootstrap');
CREATE SCHEMA sf;
\set order '{"type": "record", "name": "Order", "namespace": "shop", "fields": [{"name": "order_id", "type": "long"}, {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["NEW", "PAID"]}}, {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}}, {"name": "updated_at", "type": {"type": "long", "logicalType": "timestamp-millis"}}, {"name": "note", "type": ["null", "string"], "default": null}, {"name": "address", "type": {"type": "record", "name": "Address", "fields": [{"name": "city", "type": "string"}]}}]}'
\set proto 'syntax = "proto3"; package shop; message Meta { string source = 1; } message Order { int64 order_id = 1; string status = 2; repeated string tags = 3; message Line { int32 quantity = 1; } Line line = 4; }'
\set json '{"type": "object", "properties": {"order_id": {"type": "integer"}, "status": {"type": "string", "enum": ["NEW", "PAID"]}}, "required": ["order_id"]}'
SELECT dataplat.register_schema('sf_avro-value', :'order') AS avro_id \gset
SELECT dataplat.register_schema('sf_proto-value', :'proto', 'PROTOBUF') AS proto_id \gset
SELECT dataplat.register_schema('sf_json-value', :'json', 'JSON') AS json_id \gset
SELECT guid AS avro_guid FROM dataplat.schema_content WHERE context = '.' AND id = :avro_id \gset

-- Avro: prefix, header and single-object form, a tombstone, and one that is none.
CREATE FUNCTION sf.avro(id int, note text) RETURNS bytea LANGUAGE sql AS $$
    SELECT dataplat.avro_encode(jsonb_build_object('order_id', id, 'status', 'PAID', 'amount', 12.50, 'updated_at', '2026-01-15T10:00:00Z', 'note', note,
               'address', jsonb_build_object('city', 'Ulm')), (SELECT c.schema FROM dataplat.schema_content AS c JOIN dataplat.schema_version AS v USING (context, id)
                                                               WHERE v.subject = 'sf_avro-value')) $$;
SELECT count(*) FROM (
    SELECT dataplat.produce('sf_shop', 'sf_avro', dataplat.wire_encode(sf.avro(1, 'prefix'), :avro_id), partition => 0)
    UNION ALL SELECT dataplat.produce('sf_shop', 'sf_avro', sf.avro(2, 'header'), partition => 0,
        headers => jsonb_build_array(jsonb_build_object('key', '__value_schema_id', 'base64', encode('\x01'::bytea || uuid_send(:'avro_guid'), 'base64'))))
    UNION ALL SELECT dataplat.produce('sf_shop', 'sf_avro', dataplat.wire_encode(sf.avro(3, NULL), :avro_id), 'k'::bytea, partition => 0)
    UNION ALL SELECT dataplat.produce('sf_shop', 'sf_avro', NULL::bytea, 'k'::bytea, partition => 0)
    UNION ALL SELECT dataplat.produce('sf_shop', 'sf_avro', '\x7b7d'::bytea, partition => 0)) AS p;
SELECT dataplat.create_source('sf_avro', 'sf_shop', 'sf_avro', target => 'sf.avro_doc', format => 'avro');
SELECT dataplat.create_source('sf_avro_cols', 'sf_shop', 'sf_avro', target => 'sf.avro_cols', format => 'avro', layout => 'both');
SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute WHERE attrelid = 'sf.avro_cols'::regclass AND attnum > 8 ORDER BY attnum;
SELECT dataplat.wait_for_source('sf_avro'), dataplat.wait_for_source('sf_avro_cols');
SELECT _offset, _schema_id = :avro_id AS same_id, _key, value FROM sf.avro_doc ORDER BY _offset;
SELECT _offset, order_id, status, amount, updated_at, note, address, value = (SELECT d.value FROM sf.avro_doc AS d WHERE d._offset = c._offset) AS same FROM sf.avro_cols AS c ORDER BY _offset;
SELECT source, message_offset, stage, sqlstate, message, detail, schema_id FROM dataplat.dead_letter WHERE source LIKE 'sf\_%' ORDER BY 1, 2;

-- The user's own columns, by other names and of other types.
SELECT dataplat.create_source('sf_avro_own', 'sf_shop', 'sf_avro', target => 'sf.avro_own', format => 'avro', layout => 'columns',
    columns => 'id numeric FIELD ''order_id'', status varchar(10), city jsonb FIELD ''address'', updated_at text', include => '{rescued}');
SELECT dataplat.wait_for_source('sf_avro_own');
SELECT _offset, id, status, city, updated_at, _rescued FROM sf.avro_own ORDER BY _offset;

-- Protobuf: the message that the indexes name.
SELECT count(*) FROM (
    SELECT dataplat.produce('sf_shop', 'sf_proto', dataplat.wire_encode(dataplat.protobuf_encode('{"order_id": 7, "status": "NEW", "tags": ["a", "b"], "line": {"quantity": 2}}', :'proto', 'shop.Order'), :proto_id, '{1}'))
    UNION ALL SELECT dataplat.produce('sf_shop', 'sf_proto', dataplat.wire_encode(dataplat.protobuf_encode('{"source": "web"}', :'proto', 'shop.Meta'), :proto_id, '{}'))
    UNION ALL SELECT dataplat.produce('sf_shop', 'sf_proto', dataplat.wire_encode(dataplat.protobuf_encode('{"quantity": 9}', :'proto', 'shop.Order.Line'), :proto_id, '{1,0}'))
    UNION ALL SELECT dataplat.produce('sf_shop', 'sf_proto', dataplat.wire_encode('\x', :proto_id, '{5}'))) AS p;
SELECT dataplat.create_source('sf_proto', 'sf_shop', 'sf_proto', target => 'sf.proto', format => 'protobuf');
SELECT dataplat.create_source('sf_proto_cols', 'sf_shop', 'sf_proto', target => 'sf.proto_cols', format => 'protobuf', layout => 'columns', schema_evolution => 'ignore',
    options => '{"message_indexes": [1]}');
SELECT dataplat.wait_for_source('sf_proto'), dataplat.wait_for_source('sf_proto_cols');
SELECT _offset, _schema_id = :proto_id AS same_id, value FROM sf.proto ORDER BY _offset;
SELECT _offset, order_id, status, tags, line FROM sf.proto_cols ORDER BY _offset;

-- JSON, with and without framing; what the schema does not allow is a dead letter.
SELECT count(*) FROM (
    SELECT dataplat.produce('sf_shop', 'sf_json', dataplat.wire_encode('{"order_id": 1, "status": "NEW"}'::bytea, :json_id))
    UNION ALL SELECT dataplat.produce('sf_shop', 'sf_json', '{"order_id": 2, "status": "PAID"}'::bytea)
    UNION ALL SELECT dataplat.produce('sf_shop', 'sf_json', '{"order_id": 3, "status": "LOST"}'::bytea)
    UNION ALL SELECT dataplat.produce('sf_shop', 'sf_json', '{"order_id": 4'::bytea)) AS p;
SELECT dataplat.create_source('sf_json', 'sf_shop', 'sf_json', target => 'sf.jsn', value_subject => 'sf_json-value');
SELECT dataplat.create_source('sf_json_cols', 'sf_shop', 'sf_json', target => 'sf.json_cols', value_subject => 'sf_json-value', layout => 'columns');
SELECT dataplat.wait_for_source('sf_json'), dataplat.wait_for_source('sf_json_cols');
SELECT _offset, _schema_id = :json_id AS same_id, value FROM sf.jsn ORDER BY _offset;
SELECT _offset, order_id, status FROM sf.json_cols ORDER BY _offset;

-- Without any framing, by the latest version of a subject, even where the bytes look like one.
SELECT dataplat.register_schema('sf_raw-value', '{"type": "record", "name": "R", "fields": [{"name": "a", "type": ["null", "long"]}, {"name": "b", "type": "int"}]}') AS raw_id \gset
SELECT count(*) FROM (SELECT dataplat.produce('sf_shop', 'sf_raw', v::bytea) FROM (VALUES ('\x0006'), ('\x021408')) AS x (v)) AS p;
SELECT dataplat.create_source('sf_raw', 'sf_shop', 'sf_raw', target => 'sf.raw', format => 'avro', options => '{"framing": "none"}', layout => 'both');
SELECT dataplat.wait_for_source('sf_raw');
SELECT _offset, _schema_id = :raw_id AS same_id, a, b, value FROM sf.raw ORDER BY _offset;

-- Keys have schemas of their own.
SELECT dataplat.register_schema('sf_keys-key', '"long"') AS key_id \gset
SELECT count(*) FROM (SELECT dataplat.produce('sf_shop', 'sf_keys', dataplat.wire_encode(sf.avro(5, 'x'), :avro_id), dataplat.wire_encode('\x54', :key_id))) AS p;
SELECT dataplat.create_source('sf_keys', 'sf_shop', 'sf_keys', target => 'sf.keys', format => 'avro', key_format => 'avro');
SELECT dataplat.wait_for_source('sf_keys');
SELECT _key, value ->> 'note' AS note FROM sf.keys;

-- A look without storing, and what the source looks like as SQL.
SELECT message_offset, ok, contents ->> 'value' AS value, sqlstate, message FROM dataplat.test_source('sf_json') ORDER BY 1;
SELECT dataplat.show_create('sf_raw');

SELECT source, message_offset, stage, sqlstate, message, schema_id IS NOT NULL AS has_schema FROM dataplat.dead_letter WHERE source LIKE 'sf\_%' AND source NOT LIKE 'sf\_avro%' ORDER BY 1, 2;
SELECT source, side, message, schema_type, full_name, decision FROM dataplat.schema_drift WHERE source LIKE 'sf\_%' ORDER BY source, side, message;

SELECT count(dataplat.drop_source(name, drop_target => true)::text) FROM dataplat.source WHERE name LIKE 'sf\_%';
DELETE FROM dataplat.dead_letter WHERE source LIKE 'sf\_%';
DELETE FROM dataplat.batch WHERE source LIKE 'sf\_%';
DELETE FROM dataplat.source_event WHERE source LIKE 'sf\_%';
SELECT count(dataplat.delete_subject(s, p)) FROM (VALUES (false), (true)) AS x (p), unnest('{sf_avro-value,sf_proto-value,sf_json-value,sf_raw-value,sf_keys-key}'::text[]) AS s;
DROP SCHEMA sf CASCADE;
DROP SERVER sf_shop;
SELECT dataplat.stop_dev_broker();
