-- Records inside records as columns of their own: options nested.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = ISO;
SELECT dataplat.start_dev_broker('{"ne": 1, "nf": 1, "np": 1, "nd": 1, "nj": 1}') AS bootstrap \gset
CREATE SERVER ne_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" :'bootstrap');
CREATE SCHEMA ne;

-- ---------------------------------------------------------------- names of columns
SELECT f, dataplat_internal.column_name_of(f, p, '_', '{taken}') AS name, octet_length(dataplat_internal.column_name_of(f, p, '_', '{taken}')) AS bytes
  FROM (VALUES ('a', false), ('a.b', true), ('a.b', false), ('a\.b.c\\d', true), ('taken', false), ('_schema.id', true), ('xmin', false), ('', false),
               (repeat('x', 63), false), (repeat('x', 40) || '.' || repeat('y', 40), true), (repeat('é', 40), false)) AS v (f, p);
SELECT c ->> 'name' AS name, c ->> 'field' AS field FROM jsonb_array_elements(dataplat_internal.columns_of_fields(
    '[{"name": "a.b_c", "path": true, "type": "int"}, {"name": "a_b.c", "path": true, "type": "int"}, {"name": "a_b_c", "type": "int"}]', '_')) AS c;
SELECT c ->> 'name' AS name, c ->> 'field' AS field FROM jsonb_array_elements(dataplat_internal.columns_of_fields(
    '[{"name": "a.b_c", "path": true, "type": "int"}, {"name": "a_b.c", "path": true, "type": "int"}, {"name": "a_b_c", "type": "int"}]', '__')) AS c;
SELECT dataplat_internal.parse_columns('a int, b text PATH ''r.b'' NOT NULL, c text FIELD ''r.c''');
SELECT dataplat_internal.parse_columns('[{"name": "a", "type": "int", "path": 1}]');

-- ---------------------------------------------------------------- Avro
SELECT dataplat.set_compatibility('NONE', 'ne-value') IS NOT NULL AS set;
CREATE TABLE ne.schema (v int PRIMARY KEY, text text, id int);
INSERT INTO ne.schema (v, text) VALUES (1, '{"type": "record", "name": "Order", "fields": [
    {"name": "id", "type": "long"},
    {"name": "customer", "type": {"type": "record", "name": "Customer", "fields": [
        {"name": "name", "type": "string"},
        {"name": "address", "type": ["null", {"type": "record", "name": "Address", "fields": [
            {"name": "city", "type": "string"},
            {"name": "geo", "type": [{"type": "record", "name": "Geo", "fields": [{"name": "lat", "type": "double"}, {"name": "lon", "type": "float"}]}, "null"]}]}]},
        {"name": "since", "type": {"type": "int", "logicalType": "date"}},
        {"name": "limit", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}]},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "level", "type": {"type": "enum", "name": "Level", "symbols": ["LOW", "HIGH"]}}]}},
    {"name": "ship_to", "type": ["null", "Address"], "default": null},
    {"name": "ship_to_city", "type": ["null", "string"]},
    {"name": "tree", "type": {"type": "record", "name": "Node", "fields": [
        {"name": "label", "type": "string"}, {"name": "next", "type": ["null", "Node"]}]}},
    {"name": "choice", "type": ["null", "Geo", "Address"]},
    {"name": "nothing", "type": {"type": "record", "name": "Nothing", "fields": []}},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}}]}');
UPDATE ne.schema SET id = dataplat.register_schema('ne-value', text) WHERE v = 1;
CREATE FUNCTION ne.send(version int, data jsonb) RETURNS bigint LANGUAGE sql AS $$
    SELECT p.message_offset FROM ne.schema AS s, dataplat.produce('ne_shop', 'ne', dataplat.wire_encode(dataplat.avro_encode(data, s.text), s.id)) AS p WHERE s.v = version $$;

SELECT dataplat.create_source('ne_wrong', 'ne_shop', 'ne', format => 'avro', options => '{"nested": "columns"}');
SELECT dataplat.create_source('ne_wrong', 'ne_shop', 'ne', format => 'avro', layout => 'columns', options => '{"nested": "rows"}');
SELECT dataplat.create_source('ne_wrong', 'ne_shop', 'ne', format => 'avro', layout => 'columns', options => '{"nested": "columns", "nested_delimiter": ""}');
SELECT dataplat.create_source('ne_wrong', 'ne_shop', 'ne', format => 'csv', layout => 'columns', columns => 'a int', options => '{"nested": "columns"}');

SELECT dataplat.create_source('ne', 'ne_shop', 'ne', target => 'ne.t', format => 'avro', layout => 'columns', schema_evolution => 'widen', include => '{rescued}',
                              options => '{"nested": "columns"}');
SELECT c ->> 'name' AS name, c ->> 'field' AS field, c ->> 'type' AS type, c -> 'path' AS path
  FROM dataplat.source AS s, jsonb_array_elements(s.columns) WITH ORDINALITY AS e (c, nth) WHERE s.name = 'ne' ORDER BY nth;
SELECT col_description(a.attrelid, a.attnum) FROM pg_attribute AS a WHERE a.attrelid = 'ne.t'::regclass AND a.attname = 'customer_address_geo_lat';
-- Beside it: another delimiter and columns of one's own, whole records among them; and everything that is jsonb as a judge.
SELECT dataplat.create_source('ne_own', 'ne_shop', 'ne', target => 'ne.own', format => 'avro', layout => 'columns', schema_evolution => 'ignore', include => '{rescued}',
    options => '{"nested": "columns", "nested_delimiter": "."}',
    columns => 'id numeric, who text PATH ''customer.name'', city character varying(20) PATH ''customer.address.city'', also text PATH ''customer.address.city'', where_ jsonb PATH ''customer.address'', lat text PATH ''customer.address.geo.lat'', no_ text PATH ''customer.name.x''');
SELECT dataplat.create_source('ne_doc', 'ne_shop', 'ne', target => 'ne.doc', format => 'avro');
SELECT ne.send(1, '{"id": 1, "customer": {"name": "Ada", "address": {"city": "Wien", "geo": {"lat": 48.2, "lon": 16.5}}, "since": "2026-01-31", "limit": 12.50, "tags": ["a", "b"], "level": "HIGH"},
    "ship_to": {"city": "Linz", "geo": null}, "ship_to_city": "Graz", "tree": {"label": "x", "next": {"label": "y", "next": null}}, "choice": {"Geo": {"lat": 1, "lon": 2}}, "nothing": {}, "at": "2026-01-31T12:00:00Z"}');
SELECT ne.send(1, '{"id": 2, "customer": {"name": "Bob", "address": null, "since": "2026-02-01", "limit": null, "tags": [], "level": "LOW"},
    "ship_to": null, "ship_to_city": null, "tree": {"label": "z", "next": null}, "choice": null, "nothing": {}, "at": "2026-01-31T12:00:00Z"}');
SELECT name, dataplat.wait_for_source(name) FROM dataplat.source WHERE name LIKE 'ne%' ORDER BY 1;
\x
SELECT _offset, id, customer_name, customer_address_city, customer_address_geo_lat, customer_address_geo_lon, customer_since, customer_limit, customer_tags, customer_level,
       ship_to_city, ship_to_city_d93f4d4f, ship_to_geo_lat, tree_label, tree_next, choice, nothing, at AT TIME ZONE 'UTC' AS at, _rescued FROM ne.t ORDER BY 1;
SELECT id, who, city, also, where_, lat, no_, _rescued FROM ne.own ORDER BY _offset;
\x
-- Each column is what the document has there.
SELECT t._offset, bool_and(CASE jsonb_typeof(v.want) WHEN 'null' THEN v.have IS NULL ELSE v.have = v.want END) AS same
  FROM ne.t JOIN ne.doc AS d USING (_offset), LATERAL (VALUES
       (to_jsonb(customer_name), d.value #> '{customer,name}'), (to_jsonb(customer_address_city), coalesce(d.value #> '{customer,address,city}', 'null')),
       (to_jsonb(customer_address_geo_lat), coalesce(d.value #> '{customer,address,geo,lat}', 'null')), (to_jsonb(customer_since), d.value #> '{customer,since}'),
       (to_jsonb(customer_limit), d.value #> '{customer,limit}'), (customer_tags, d.value #> '{customer,tags}'), (to_jsonb(customer_level), d.value #> '{customer,level}'),
       (tree_next, d.value #> '{tree,next}'), (choice, d.value #> '{choice}')) AS v (have, want) GROUP BY 1 ORDER BY 1;

-- ---------------------------------------------------------------- schemas that change
-- New fields inside of records, a wider type, a record that is gone and one that was no record before.
INSERT INTO ne.schema (v, text)
SELECT 2, jsonb_set(jsonb_set(jsonb_set(text::jsonb #- '{fields,4}', '{fields,1,type,fields,6}', '{"name": "score", "type": ["null", "double"], "default": null}', true),
                              '{fields,1,type,fields,1,type,1,fields,0}', '{"name": "city", "type": "string"}'),
                    '{fields,1,type,fields,1,type,1,fields,2}', '{"name": "zip", "type": {"type": "record", "name": "Zip", "fields": [{"name": "code", "type": "int"}]}}', true)::text
  FROM ne.schema WHERE v = 1;
UPDATE ne.schema SET id = dataplat.register_schema('ne-value', text) WHERE v = 2;
INSERT INTO ne.schema (v, text) SELECT 3, replace(text, '{"name": "code", "type": "int"}', '{"name": "code", "type": "long"}') FROM ne.schema WHERE v = 2;
UPDATE ne.schema SET id = dataplat.register_schema('ne-value', text) WHERE v = 3;
SELECT ne.send(2, '{"id": 3, "customer": {"name": "Eve", "address": {"city": "Bern", "geo": null, "zip": {"code": 3000}}, "since": "2026-02-01", "limit": null, "tags": [], "level": "LOW", "score": 0.5},
    "ship_to": {"city": "Genf", "geo": null, "zip": {"code": 1200}}, "ship_to_city": null, "choice": null, "nothing": {}, "at": "2026-01-31T12:00:00Z"}');
SELECT ne.send(3, '{"id": 4, "customer": {"name": "Eve", "address": {"city": "Bern", "geo": null, "zip": {"code": 30000000000}}, "since": "2026-02-01", "limit": null, "tags": [], "level": "LOW", "score": null},
    "ship_to": null, "ship_to_city": null, "choice": null, "nothing": {}, "at": "2026-01-31T12:00:00Z"}');
SELECT name, dataplat.wait_for_source(name) FROM dataplat.source WHERE name LIKE 'ne%' ORDER BY 1;
SELECT _offset, customer_address_city AS city, customer_address_zip_code AS zip, pg_typeof(customer_address_zip_code) AS type, ship_to_zip_code AS ship, customer_score AS score, tree_label FROM ne.t ORDER BY 1;
SELECT c.changes, c.ddl FROM dataplat.schema_change AS c WHERE c.source = 'ne' ORDER BY c.change_id;
SELECT d.decision, d.new_fields, d.removed_fields, d.type_changes, d.rows, d.null_rates -> 'customer.address.geo.lat' AS lat, d.null_rates -> 'customer.address.zip.code' AS zip
  FROM dataplat.schema_drift AS d JOIN ne.schema AS s ON s.id = d.schema_id WHERE d.source = 'ne' ORDER BY s.v;
-- What has no column is kept with its path.
SELECT _offset, city, where_, jsonb_object_keys(_rescued) AS rescued FROM ne.own WHERE _offset = 2 ORDER BY 4;

-- ---------------------------------------------------------------- changing one's mind
SELECT dataplat.create_source('ne_late', 'ne_shop', 'ne', target => 'ne.late', format => 'avro', layout => 'columns', schema_evolution => 'add_columns');
SELECT dataplat.wait_for_source('ne_late');
SELECT dataplat.alter_source('ne_late', options => '{"nested": "columns"}');
SELECT string_agg(c ->> 'name', ' ' ORDER BY nth) FROM dataplat.source AS s, jsonb_array_elements(s.columns) WITH ORDINALITY AS e (c, nth) WHERE s.name = 'ne_late';
SELECT ne.send(3, '{"id": 5, "customer": {"name": "Leo", "address": {"city": "Rom", "geo": null, "zip": {"code": 7}}, "since": "2026-02-01", "limit": null, "tags": [], "level": "LOW", "score": 1},
    "ship_to": null, "ship_to_city": null, "choice": null, "nothing": {}, "at": "2026-01-31T12:00:00Z"}');
SELECT dataplat.wait_for_source('ne_late');
SELECT _offset, customer ->> 'name' AS doc, customer_name, customer_address_zip_code FROM ne.late ORDER BY 1;

-- The definition goes through show_create.
SELECT dataplat.show_create('ne_own') AS again \gset
SELECT dataplat.drop_source('ne_own');
SELECT (SELECT s FROM dataplat.source AS s WHERE s.name = 'ne_own') IS NULL AS gone;
:again
SELECT s.options, s.columns -> 2 AS city FROM dataplat.source AS s WHERE s.name = 'ne_own';

-- ---------------------------------------------------------------- Protobuf
SELECT dataplat.set_compatibility('NONE', 'np-value') IS NOT NULL AS set;
INSERT INTO ne.schema (v, text) VALUES (11, 'syntax = "proto3"; package shop; import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto";
message Order { int64 order_id = 1; Customer buyer = 2; repeated Line lines = 3; map<string, int32> stock = 4; Node tree = 5; oneof how { Card card = 6; string cash = 7; } optional Empty empty = 8; }
message Customer { string full_name = 1; Address home_address = 2; google.protobuf.Timestamp since = 3; google.protobuf.Int64Value points = 4; Level level = 5; bytes token = 6; }
message Address { string city = 1; optional int32 zip_code = 2; repeated string notes = 3; }
message Line { int32 n = 1; } message Node { string label = 1; Node next = 2; } message Card { string number = 1; uint64 code = 2; } message Empty {} enum Level { LOW = 0; HIGH = 1; }');
INSERT INTO ne.schema (v, text) SELECT 12, replace(replace(text, 'optional int32 zip_code = 2;', 'optional int64 zip_code = 2; string country = 9;'), 'string number = 1;', 'string number = 1; Line extra = 3;') FROM ne.schema WHERE v = 11;
UPDATE ne.schema SET id = dataplat.register_schema('np-value', text, 'PROTOBUF') WHERE v = 11;
CREATE FUNCTION ne.send_proto(version int, data jsonb) RETURNS bigint LANGUAGE sql AS $$
    SELECT p.message_offset FROM ne.schema AS s, dataplat.produce('ne_shop', 'np', dataplat.wire_encode(dataplat.protobuf_encode(data, s.text, 'shop.Order'), s.id, '{0}')) AS p WHERE s.v = version $$;
SELECT dataplat.create_source('np', 'ne_shop', 'np', target => 'ne.p', format => 'protobuf', layout => 'both', schema_evolution => 'widen', include => '{rescued}', options => '{"nested": "columns"}');
SELECT c ->> 'name' AS name, c ->> 'field' AS field, c ->> 'type' AS type
  FROM dataplat.source AS s, jsonb_array_elements(s.columns) WITH ORDINALITY AS e (c, nth) WHERE s.name = 'np' ORDER BY nth;
SELECT dataplat.create_source('np_own', 'ne_shop', 'np', target => 'ne.p_own', format => 'protobuf', layout => 'columns', schema_evolution => 'ignore', include => '{rescued}',
    columns => 'id int FIELD ''order_id'', city text PATH ''buyer.home_address.city'', address jsonb PATH ''buyer.home_address'', again text PATH ''buyer.homeAddress.city'', zip text PATH ''buyer.home_address.zip_code''');
SELECT ne.send_proto(11, '{"orderId": 1, "buyer": {"fullName": "Ada", "homeAddress": {"city": "Wien", "zipCode": 1010, "notes": ["left"]}, "since": "2026-01-31T12:00:00Z", "points": 7, "level": "HIGH", "token": "AAE="},
    "lines": [{"n": 1}], "stock": {"a": 2}, "tree": {"label": "x", "next": {"label": "y"}}, "card": {"number": "4", "code": 18446744073709551615}, "empty": {}}');
SELECT ne.send_proto(11, '{"orderId": 2, "buyer": {"homeAddress": {}}, "cash": "5"}');
SELECT ne.send_proto(11, '{}');
-- A message in two pieces is one: the city of the second, the zip code of the first.
SELECT p.message_offset FROM ne.schema AS s, dataplat.produce('ne_shop', 'np', dataplat.wire_encode('\x0803120812060a016110f207120512030a0162'::bytea, s.id, '{0}')) AS p WHERE s.v = 11;
-- A nested message that is cut off, and unknown fields inside of one.
SELECT p.message_offset FROM ne.schema AS s, dataplat.produce('ne_shop', 'np', dataplat.wire_encode('\x0804120412080a01'::bytea, s.id, '{0}')) AS p WHERE s.v = 11;
SELECT p.message_offset FROM ne.schema AS s, dataplat.produce('ne_shop', 'np', dataplat.wire_encode('\x080512075a017812025863'::bytea, s.id, '{0}')) AS p WHERE s.v = 11;
SELECT dataplat.wait_for_source('np'), dataplat.wait_for_source('np_own');
\x
SELECT _offset, order_id, buyer_full_name, buyer_home_address_city, buyer_home_address_zip_code, buyer_home_address_notes, buyer_since AT TIME ZONE 'UTC' AS since, buyer_points, buyer_level, buyer_token,
       lines, stock, tree_label, tree_next, card_number, card_code, cash, empty, _rescued FROM ne.p ORDER BY 1;
\x
SELECT _offset, id, city, address, again, zip, _rescued FROM ne.p_own ORDER BY 1;
SELECT d.source, d.message_offset, d.sqlstate, d.message FROM dataplat.dead_letter AS d WHERE d.source LIKE 'np%' ORDER BY 1, 2;
-- Each column is what the document has there.
SELECT _offset, bool_and(CASE coalesce(jsonb_typeof(v.want), 'null') WHEN 'null' THEN v.have IS NULL OR v.have IN ('""', '0') ELSE v.have #>> '{}' = v.want #>> '{}' END) AS same
  FROM ne.p, LATERAL (VALUES (to_jsonb(buyer_full_name), value #> '{buyer,fullName}'), (to_jsonb(buyer_home_address_city), value #> '{buyer,homeAddress,city}'),
       (to_jsonb(buyer_home_address_zip_code), value #> '{buyer,homeAddress,zipCode}'), (to_jsonb(buyer_points), value #> '{buyer,points}'), (tree_next, value #> '{tree,next}'),
       (to_jsonb(card_number), value #> '{card,number}')) AS v (have, want) GROUP BY 1 ORDER BY 1;
-- New fields inside of messages, and a wider one.
UPDATE ne.schema SET id = dataplat.register_schema('np-value', text, 'PROTOBUF') WHERE v = 12;
SELECT ne.send_proto(12, '{"orderId": 6, "buyer": {"homeAddress": {"city": "Bern", "zipCode": 30000000000, "country": "CH"}}, "card": {"number": "4", "extra": {"n": 9}}}');
SELECT dataplat.wait_for_source('np'), dataplat.wait_for_source('np_own');
SELECT buyer_home_address_city AS city, buyer_home_address_zip_code AS zip, buyer_home_address_country AS country, card_extra_n AS extra FROM ne.p WHERE order_id = 6;
SELECT city, zip, _rescued FROM ne.p_own WHERE id = 6;
SELECT d.decision, d.new_fields, d.type_changes FROM dataplat.schema_drift AS d WHERE d.source = 'np' ORDER BY d.schema_id;

-- ---------------------------------------------------------------- Debezium
INSERT INTO ne.schema (v, text) VALUES (21, '{"type": "record", "name": "Envelope", "namespace": "db.customers", "fields": [
    {"name": "before", "type": ["null", {"type": "record", "name": "Value", "fields": [{"name": "id", "type": "int"}, {"name": "email", "type": ["null", "string"], "default": null}]}], "default": null},
    {"name": "after", "type": ["null", "Value"], "default": null},
    {"name": "source", "type": {"type": "record", "name": "Source", "namespace": "io.debezium.connector.postgresql", "fields": [
        {"name": "lsn", "type": ["null", "long"], "default": null}, {"name": "snapshot", "type": [{"type": "string", "connect.default": "false"}, "null"], "default": "false"}]}},
    {"name": "op", "type": "string"}, {"name": "ts_ms", "type": ["null", "long"], "default": null}]}');
UPDATE ne.schema SET id = dataplat.register_schema('nd-value', text) WHERE v = 21;
SELECT dataplat.create_source('nd', 'ne_shop', 'nd', target => 'ne.d', format => 'avro', layout => 'both', envelope => 'debezium', options => '{"nested": "columns"}');
SELECT p.message_offset FROM ne.schema AS s, (VALUES (1, '{"before": null, "after": {"id": 1, "email": "a@x"}, "source": {"lsn": 10, "snapshot": "false"}, "op": "c", "ts_ms": 1}'::jsonb),
    (2, '{"before": {"id": 1, "email": "a@x"}, "after": {"id": 1, "email": null}, "source": {"lsn": 11, "snapshot": null}, "op": "u", "ts_ms": 2}'),
    (3, '{"before": {"id": 1, "email": null}, "after": null, "source": {"lsn": 12, "snapshot": null}, "op": "d", "ts_ms": 3}')) AS e (n, event),
    dataplat.produce('ne_shop', 'nd', dataplat.wire_encode(dataplat.avro_encode(e.event, s.text), s.id), key => 'k') AS p WHERE s.v = 21;
SELECT dataplat.wait_for_source('nd');
SELECT op, before_id, before_email, after_id, after_email, source_lsn, source_snapshot, value ->> 'op' AS same FROM ne.d ORDER BY _offset;

-- ---------------------------------------------------------------- JSON
SELECT dataplat.set_compatibility('NONE', 'nj-value') IS NOT NULL AS set;
INSERT INTO ne.schema (v, text) VALUES (31, '{"type": "object", "title": "Order", "required": ["id", "customer"], "properties": {
    "id": {"type": "integer"},
    "customer": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "since": {"type": "string", "format": "date"}, "address": {"$ref": "#/$defs/address"}, "a.b\\c": {"type": "integer"}}},
    "ship_to": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/address"}]},
    "either": {"oneOf": [{"$ref": "#/$defs/address"}, {"$ref": "#/$defs/node"}]},
    "tree": {"$ref": "#/$defs/node"}, "tags": {"type": "array"}, "map": {"type": "object", "additionalProperties": {"type": "integer"}}, "x.y": {"type": "string"}},
  "$defs": {"address": {"type": ["object", "null"], "allOf": [{"properties": {"zip": {"type": ["integer", "null"]}}}], "properties": {"city": {"type": "string"}}},
            "node": {"type": "object", "required": ["label"], "properties": {"label": {"type": "string"}, "next": {"$ref": "#/$defs/node"}}}}}');
UPDATE ne.schema SET id = dataplat.register_schema('nj-value', text, 'JSON') WHERE v = 31;
SELECT dataplat.create_source('nj', 'ne_shop', 'nj', target => 'ne.j', format => 'json', value_subject => 'nj-value', layout => 'both', schema_evolution => 'widen', include => '{rescued}', options => '{"nested": "columns"}');
SELECT c ->> 'name' AS name, c ->> 'field' AS field, c ->> 'type' AS type, c -> 'path' AS path
  FROM dataplat.source AS s, jsonb_array_elements(s.columns) WITH ORDINALITY AS e (c, nth) WHERE s.name = 'nj' ORDER BY nth;
-- Without a schema single fields may be taken, too.
SELECT dataplat.create_source('nj_own', 'ne_shop', 'nj', target => 'ne.j_own', layout => 'columns',
    columns => 'id int, city text PATH ''customer.address.city'', again varchar PATH ''customer.address.city'', address jsonb PATH ''customer.address'', customer text, odd numeric PATH ''customer.a\.b\\c'', label text PATH ''tree.label'', deep text PATH ''tree.next.next.label''');
SELECT count(*) FROM (VALUES
    (1, '{"id": 1, "customer": {"name": "Ada", "since": "2026-01-31", "address": {"city": "Wien", "zip": 1010}, "a.b\\c": 5}, "ship_to": {"zip": 4020}, "either": {"label": 5}, "tree": {"label": "x", "next": {"label": "y", "next": {"label": "z"}}}, "tags": [1], "map": {"a": 1}, "x.y": "dot"}'),
    (2, '{"customer": {"address": null, "name": "Bob"}, "id": 2, "ship_to": null}'),
    (3, '{"id": 3, "customer": {"address": {"city": "a", "zip": 1}, "name": "C", "address": {"zip": 2, "street": "s"}, "phone": "1"}, "ship_to": {}, "more": {"x": 1}}'),
    (4, '{"id": 4, "city": "no", "customer": {"name": "D", "city": "no", "address": {"address": {"city": "no"}, "city": "d\u00e9"}}, "address": {"city": "no"}}'),
    (5, '{"id": 5, "customer": {"name": "E", "address": "none"}}'),
    (6, '{"id": 6, "customer": {"name": "F", "address": {"city": "f", "zip": 7}, "since": "2026-01-31"}, "ship_to": {"city": "ü", "zip": null}}')) AS m (n, message),
    dataplat.produce('ne_shop', 'nj', m.message) AS p;
SELECT dataplat.wait_for_source('nj'), dataplat.wait_for_source('nj_own');
\x
SELECT _offset, id, customer_name AS name, customer_since AS since, customer_address_city AS city, customer_address_zip AS zip, "customer_a.b\c" AS odd, ship_to_city AS to_city, ship_to_zip AS to_zip, either, tree_label AS label, tree_next AS next,
       tags, map, "x.y" AS dot, _rescued FROM ne.j ORDER BY 1;
SELECT _offset, id, city, again, address, customer, odd, label, deep FROM ne.j_own ORDER BY 1;
\x
SELECT d.source, d.message_offset, d.sqlstate, d.message, d.detail FROM dataplat.dead_letter AS d WHERE d.source LIKE 'nj%' ORDER BY 1, 2;
-- Each column is what the document has there.
SELECT _offset, bool_and(CASE coalesce(jsonb_typeof(v.want), 'null') WHEN 'null' THEN v.have IS NULL ELSE v.have = v.want END) AS same
  FROM ne.j, LATERAL (VALUES (to_jsonb(customer_name), value #> '{customer,name}'), (to_jsonb(customer_address_city), value #> '{customer,address,city}'), (to_jsonb(customer_address_zip), value #> '{customer,address,zip}'),
       (to_jsonb(ship_to_zip), value #> '{ship_to,zip}'), (tree_next, value #> '{tree,next}')) AS v (have, want) GROUP BY 1 ORDER BY 1;
INSERT INTO ne.schema (v, text) SELECT 32, replace(text, '"city": {"type": "string"}', '"city": {"type": "string"}, "geo": {"type": "object", "properties": {"lat": {"type": "number"}}}') FROM ne.schema WHERE v = 31;
UPDATE ne.schema SET id = dataplat.register_schema('nj-value', text, 'JSON') WHERE v = 32;
SELECT dataplat.alter_source('nj', include => '{rescued}');
SELECT count(*) FROM dataplat.produce('ne_shop', 'nj', '{"id": 7, "customer": {"name": "G", "address": {"geo": {"lat": 48.2, "lon": 16}}}}');
SELECT dataplat.wait_for_source('nj');
SELECT customer_address_geo_lat AS lat, _rescued FROM ne.j WHERE id = 7;

-- ---------------------------------------------------------------- limits
SELECT dataplat.register_schema('nf-value', (SELECT jsonb_build_object('type', 'record', 'name', 'L0', 'fields', jsonb_build_array(
    jsonb_build_object('name', 'a', 'type', l.t), jsonb_build_object('name', 'b', 'type', 'L1'), jsonb_build_object('name', 'c', 'type', 'L1'))) FROM (
    -- eleven records, each of two of the next: 3 * 2 ** 11 columns
    WITH RECURSIVE r (n, t) AS (
        SELECT 12, '{"type": "record", "name": "L12", "fields": [{"name": "v", "type": "int"}]}'::jsonb
        UNION ALL
        SELECT n - 1, jsonb_build_object('type', 'record', 'name', 'L' || n - 1, 'fields', jsonb_build_array(
            jsonb_build_object('name', 'a', 'type', t), jsonb_build_object('name', 'b', 'type', 'L' || n))) FROM r WHERE n > 1)
    SELECT t FROM r WHERE n = 1) AS l)::text) IS NOT NULL AS registered;
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT dataplat.create_source('nf', 'ne_shop', 'nf', target => 'ne.nf', format => 'avro', layout => 'columns', options => '{"nested": "columns"}');
\set VERBOSITY terse
SELECT dataplat.create_source('nf', 'ne_shop', 'nf', target => 'ne.nf', format => 'avro', layout => 'columns', options => '{"nested": "jsonb"}');

SELECT count(*) FROM (SELECT dataplat.drop_source(name, drop_target => true) FROM dataplat.source WHERE name ~ '^n[efpdj]' OFFSET 0) AS d;
DELETE FROM dataplat.schema_change WHERE source ~ '^n[efpdj]';
DELETE FROM dataplat.dead_letter WHERE source ~ '^n[efpdj]';
DELETE FROM dataplat.batch WHERE source ~ '^n[efpdj]';
DELETE FROM dataplat.source_event WHERE source ~ '^n[efpdj]';
SELECT s, array_length(dataplat.delete_subject(s, false), 1), array_length(dataplat.delete_subject(s, true), 1) FROM unnest('{ne-value,nf-value,np-value,nd-value,nj-value}'::text[]) AS s;
DROP SCHEMA ne CASCADE;
DROP SERVER ne_shop;
SELECT dataplat.stop_dev_broker();
