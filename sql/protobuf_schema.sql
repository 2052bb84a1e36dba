-- .proto text: what is accepted, how it is printed, and errors that say where.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS dataplat;
\pset format unaligned
\pset tuples_only on

-- Comments and blanks go, the order of what is declared stays.
CREATE TEMPORARY TABLE schema AS
SELECT $proto$
// A shop.
syntax = "proto2"; package shop.v1;
import "google/protobuf/timestamp.proto"; import public "google/protobuf/any.proto";
option java_package = "com.example"; option (rules).name = { max: 5, words: ["a", 'b"'] inner < deep: -1.5e3 > };
message Order {
    option deprecated = true;
    required int64 order_id = 1;
    repeated Line lines = 5 [deprecated = true, (check) = {min: 1}];
    optional string note = 2 [default = "tab\there \x41\101", json_name = "Note"];
    map<string, Line> by_sku = 6;
    oneof payment { Card card = 7; bytes voucher = 8; }
    repeated group Tax = 9 { required string name = 1; optional double rate = 2 [default = inf]; }
    extensions 100 to 199, 1000 to max;
    reserved 3, 20 to 30; reserved "old", "older";
    message Line { optional string sku = 1; optional Kind kind = 2 [default = GIFT]; }
    enum Kind { option allow_alias = true; NORMAL = 0; GIFT = 1; PRESENT = 1; RETURNED = -1 [deprecated = true]; }
    optional google.protobuf.Timestamp at = 4;
}
message Card { optional fixed64 number = 1; }
extend Order { repeated sint32 points = 100 [packed = true]; }
service Orders { option deprecated = true; rpc Place (Order) returns (stream Card); rpc Watch (stream Card) returns (.shop.v1.Order) { option idempotency_level = IDEMPOTENT; } }
$proto$::text AS text;
SELECT dataplat_internal.protobuf_print(text) FROM schema;

-- The normal form sorts what has no order, and spells types in full.
SELECT dataplat_internal.protobuf_print(text, true) FROM schema;

-- Both print as they are again, and mean the same.
SELECT p = dataplat_internal.protobuf_print(p), n = dataplat_internal.protobuf_print(n, true),
       n = dataplat_internal.protobuf_print(p, true)
  FROM schema, dataplat_internal.protobuf_print(text) AS p, dataplat_internal.protobuf_print(text, true) AS n;
SELECT count(*) AS differences
  FROM schema, dataplat_internal.protobuf_diff(text, dataplat_internal.protobuf_print(text));

-- Blanks and comments may stand between the parts of an option's name.
SELECT dataplat_internal.protobuf_print(E'option (o).// c\nsyntax = "x"; option (a)/* d */. (.b.c)\n . d = 1; message M { optional int32 x = 1 [(o) .y /* z */ = 2, f.g = 3]; }');

-- As a descriptor, and back; custom options stay behind.
SELECT dataplat_internal.protobuf_print(dataplat_internal.protobuf_serialized(text)) FROM schema;
SELECT type, path FROM schema, dataplat_internal.protobuf_diff(text, dataplat_internal.protobuf_serialized(text)) ORDER BY 1, 2;

-- What protoc makes of a file, in base64: proto3 with optional, a map and a oneof.
SELECT dataplat_internal.protobuf_print('CgdzLnByb3RvEgFwIuoBCgFNEhEKAWEYASABKAVIAVIBYYgBARIMCgFiGAIgASgJUgFiEhkKAW0YAyADKAsyCy5wLk0uTUVudHJ5UgFtEg4KAWMYBCABKAVIAFIBYxIOCgFkGAUgASgMSABSAWQSFAoBZRgGIAEoDjIGLnAuTS5FUgFlEgwKAWYYByADKBFSAWYaOgoGTUVudHJ5EhAKA2tleRgBIAEoCVIDa2V5EhoKBXZhbHVlGAIgASgLMgQucC5NUgV2YWx1ZToCOAEaAwoBTiIKCgFFEgUKAVoQAEIDCgFvQgQKAl9hSgQICRAKSgQICxAOUgF4MhYKAVMSEQoBUhIELnAuTRoELnAuTTABYgZwcm90bzM=');

-- A set, the last file of which is the schema.
CREATE FUNCTION pg_temp.part(tag int, content bytea) RETURNS bytea
LANGUAGE sql AS $$ SELECT decode(lpad(to_hex(tag << 3 | 2), 2, '0') || lpad(to_hex(length(content)), 2, '0'), 'hex') || content $$;
SELECT dataplat_internal.protobuf_print(encode(
    pg_temp.part(1, pg_temp.part(1, 'b.proto') || pg_temp.part(4, pg_temp.part(1, 'B')))
 || pg_temp.part(1, pg_temp.part(1, 'a.proto') || pg_temp.part(3, 'b.proto')
                 || pg_temp.part(4, pg_temp.part(1, 'A') || pg_temp.part(2, pg_temp.part(1, 'b') || '\x1801'::bytea || pg_temp.part(6, '.B')))), 'base64'));

-- The body of a group is a message that its field declares: not another one, least of all one around it.
SELECT dataplat_internal.protobuf_print(encode(
    pg_temp.part(4, pg_temp.part(1, 'A') || pg_temp.part(3, pg_temp.part(1, 'G'))
                 || pg_temp.part(2, pg_temp.part(1, 'g') || '\x18012001280a'::bytea || pg_temp.part(6, '.A.G'))), 'base64'));
SELECT dataplat_internal.protobuf_print(encode(
    pg_temp.part(4, pg_temp.part(1, 'A') || pg_temp.part(2, pg_temp.part(1, 'a') || '\x18012001280a'::bytea || pg_temp.part(6, '.A')))
 || pg_temp.part(4, pg_temp.part(1, 'B') || pg_temp.part(2, pg_temp.part(1, 'a') || '\x18012001280a'::bytea || pg_temp.part(6, '.A'))), 'base64'));

-- Numbers that are used twice and fields of proto2 without a label are accepted.
SELECT dataplat_internal.protobuf_print('message A { int32 a = 1; int32 b = 1; }');

-- Columns.
SELECT * FROM dataplat_internal.protobuf_fields($$
syntax = "proto3";
import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto"; import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto"; import "google/type/date.proto"; import "google/type/timeofday.proto"; import "confluent/type/decimal.proto";
message A {
    int32 a = 1; uint32 b = 2; int64 c = 3; uint64 d = 4; float e = 5; double f = 6; bool g = 7; string h = 8; bytes i = 9;
    optional int32 j = 10; repeated int32 k = 11; map<string, A> l = 12; A m = 13; E n = 14;
    google.protobuf.Timestamp o = 15; google.protobuf.Duration p = 16; google.protobuf.UInt64Value q = 17; google.protobuf.Struct r = 18;
    google.type.Date s = 19; google.type.TimeOfDay t = 20; confluent.type.Decimal u = 21; oneof v { int32 w = 22; }
    enum E { Z = 0; }
}$$);

-- Errors.
CREATE FUNCTION pg_temp.error_of(schema text, refs jsonb DEFAULT '[]') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    said_detail text;
BEGIN
    PERFORM dataplat_internal.protobuf_print(schema, false, refs);
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS said_detail = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ' ' || SQLERRM || CASE WHEN said_detail LIKE 'Import%' THEN ' (' || said_detail || ')' ELSE '' END;
END;
$$;
SELECT pg_temp.error_of(schema)
  FROM (VALUES (1, 'syntax = "proto3"; message A { int32 a 1; }'),
               (2, E'message A {\n  optional Missing a = 1;\n}'),
               (3, 'message A { optional int32 a = 0; }'),
               (4, 'message A { optional int32 a = 536870912; }'),
               (5, 'message A { optional int32 a = 1'),
               (6, 'syntax = "proto4";'),
               (7, 'edition = "2023"; message A {}'),
               (8, 'message A {} message A {}'),
               (9, 'message A { message B {} enum B { Z = 0; } }'),
               (10, 'syntax = "proto3"; message A { required int32 a = 1; }'),
               (11, 'syntax = "proto3"; message A { optional group B = 1 {} }'),
               (12, 'message A { map<double, int32> a = 1; }'),
               (13, 'message A { repeated map<int32, int32> a = 1; }'),
               (14, 'message A { oneof o { optional int32 a = 1; } }'),
               (15, 'enum E {}'),
               (16, 'enum E { A = 2147483648; }'),
               (17, 'message A { optional string a = 1 [default = "\q"]; }'),
               (18, 'message A { optional string a = 1 [default = "no end]; }'),
               (19, '/* no end'),
               (20, 'message A { reserved 5 to 4; }'),
               (21, 'message A { extensions 0; }'),
               (22, 'import "other.proto"; message A { optional Other a = 1; }'),
               (23, 'import "other.proto"; message A { optional int32 a = 1; }'),
               (24, 'extend Nothing { optional int32 a = 1; }'),
               (25, 'message A { optional int32 a.b = 1; }'),
               (26, 'message 1A {}'),
               (27, 'message A { optional int32 ä = 1; }'),
               (28, 'message A {}}'),
               (29, 'hello'),
               (30, '{"type": "record"}'),
               (31, 'service S { rpc R (A); }'),
               (32, 'package a; package b;'),
               (33, repeat('message A { ', 300) || repeat('}', 300)),
               (34, 'option a = ' || repeat('{ a: ', 300) || '1' || repeat('}', 300) || ';'),
               (35, repeat('message A { ', 199) || repeat('}', 199)),
               (36, 'message A { optional int32 a = 0x10 [default = 010]; }'),
               (37, ''),
               (38, repeat('option a = 1;', 100001)),
               (39, 'message A { optional E e = 1; message E { option map_entry = true; optional int32 key = 1; optional int32 value = 2; } }'),
               (40, 'message A { extensions 5; message E { option map_entry = true; optional int32 key = 1; optional int32 value = 2; } } extend A { repeated A.E e = 5; }'),
               (41, 'message A { repeated E e = 1; message E { option map_entry = true; optional int32 key = 1; optional V value = 2; enum V { Z = 0; } } }'),
               (42, 'message E { option map_entry = true; extensions 5; } extend E { optional int32 a = 5; }'),
               (43, 'message A { repeated group E = 1 { option map_entry = true; optional int32 key = 1; optional int32 value = 2; } }'),
               (44, 'option (o)(p) = 1;'),
               (45, 'option (o). .p = 1;')) AS s(n, schema)
 ORDER BY n;
SELECT pg_temp.error_of('import "b.proto"; message A { optional B b = 1; }', '[{"name": "b.proto", "schema": "message B { optional C c = 1; }"}]');
SELECT pg_temp.error_of('import "b.proto"; message A { optional B b = 1; }', '[{"name": "b.proto", "schema": "import \"a.proto\"; message B {}"}, {"name": "a.proto", "schema": "import \"b.proto\"; message C {}"}]');
SELECT pg_temp.error_of('message A {}', '{}');
SELECT pg_temp.error_of('message A {}', '[1]');
SELECT pg_temp.error_of('message A {}', '[{"name": "x"}]');
