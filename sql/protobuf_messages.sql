-- Messages to jsonb and columns and back, and bytes that are no message.  The
-- fixtures were written by the official runtime (test/protobuf).
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS dataplat;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
\pset format unaligned
\pset tuples_only on

CREATE TEMPORARY TABLE shop AS SELECT $proto$syntax = "proto3"; package shop;
import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto"; import "google/protobuf/struct.proto";
import "google/protobuf/wrappers.proto"; import "google/protobuf/any.proto"; import "google/protobuf/field_mask.proto"; import "google/protobuf/empty.proto";
message Order {
    int64 order_id = 1; string customer = 2; double total = 3; repeated Line lines = 4; map<string, int32> stock = 5; Status status = 6;
    google.protobuf.Timestamp placed_at = 7; bytes receipt = 8; optional uint32 tip = 9; repeated sint32 deltas = 10;
    oneof payment { string card = 11; bool cash = 12; } google.protobuf.Duration took = 13; google.protobuf.Struct extra = 14;
    google.protobuf.UInt64Value limit = 15; google.protobuf.Any note = 16; google.protobuf.FieldMask mask = 17; float rate = 18;
    fixed64 checksum = 19; google.protobuf.Empty nothing = 20; google.protobuf.Value any_value = 21;
    message Line { string sku = 1; int32 quantity = 2; }
    enum Status { NEW = 0; PAID = 1; }
}
$proto$::text AS proto,
'\x08818080808080801012045a6fc3ab19000000000000294022050a0161100222030a01622a0e0a017910feffffffffffffffff012a050a0178100130013a0b08eeaef7cb06108094ef3a4204000102ff480052040201d80460006a1608fdffffffffffffffff011080b6ca91feffffffff01723a0a170a016212122a100a0e0a0163120911000000000000f4bf0a1f0a0161121a32180a0911000000000000f03f0a0208000a031a01780a0220017a0b08ffffffffffffffffff0182012f0a23747970652e676f6f676c65617069732e636f6d2f73686f702e4f726465722e4c696e6512080a06696e20616e798a01110a086f726465725f69640a056c696e65739501cdcccc3d9901ffffffffffffffffa20100aa01020800'::bytea AS message;

-- One of everything.
SELECT jsonb_pretty(dataplat.protobuf_decode(message, proto, 'shop.Order')) FROM shop;
SELECT dataplat.protobuf_decode(dataplat.protobuf_encode(j, proto, 'Order'), proto, 'Order') = j AS comes_back
  FROM shop, dataplat.protobuf_decode(message, proto, 'Order') AS j;

-- Both names of a field are taken, and numbers as strings; what is zero is not written.
SELECT dataplat.protobuf_encode(data::jsonb, proto, 'Order')
  FROM shop, (VALUES (1, '{"orderId": 5}'), (2, '{"order_id": "5"}'), (3, '{"orderId": 5.0}'), (4, '{"orderId": 0, "customer": "", "tip": 0}'),
                     (5, '{"status": "PAID"}'), (6, '{"status": 7}'), (7, '{"receipt": "_-8"}'), (8, '{"total": "NaN", "rate": "-Infinity"}'),
                     (9, '{"placedAt": "2026-01-31T12:00:00+02:00"}'), (10, '{"lines": [], "extra": null, "anyValue": null}'), (11, '{}')) AS d(n, data)
 ORDER BY n;

-- Files that are imported.
SELECT dataplat.protobuf_decode('\x0a020801', 'import "b.proto"; message A { optional lib.B b = 1; }', 'A',
                                '[{"name": "b.proto", "schema": "package lib; message B { optional int32 c = 1; }"}]');

-- A descriptor instead of the text.
SELECT dataplat.protobuf_decode(message, dataplat_internal.protobuf_serialized(proto), 'shop.Order') = dataplat.protobuf_decode(message, proto, 'shop.Order')
  FROM shop;

-- Order, repetition and merging: the last value of a field counts, messages are merged, lists and maps go on.
CREATE FUNCTION pg_temp.d(message bytea, body text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    RETURN dataplat.protobuf_decode(message, body, 'A');
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END;
$$;
SELECT what || ': ' || pg_temp.d(message::bytea, body)
  FROM (VALUES
  (1, 'last one wins', '\x08010802', 'message A { optional int32 a = 1; }'),
  (2, 'messages merge', '\x0a0208010a021002', 'message A { optional B b = 1; } message B { optional int32 a = 1; optional int32 b = 2; }'),
  (3, 'lists go on', '\x080110050802', 'message A { repeated int32 a = 1; optional int32 b = 2; }'),
  (4, 'packed where not declared', '\x0a03010203', 'message A { repeated int32 a = 1; }'),
  (5, 'not packed where declared', '\x08010a020203', 'message A { repeated int32 a = 1 [packed = true]; }'),
  (6, 'map: last one wins, defaults', '\x0a050a016b10010a050a016b10020a020a000a00', 'message A { map<string, int32> a = 1; }'),
  (7, 'map of messages is not merged', '\x0a070a016b120208010a070a016b12021002', 'message A { map<string, B> a = 1; } message B { optional int32 a = 1; optional int32 b = 2; }'),
  (8, 'oneof: last one wins', '\x08011201780802', 'message A { oneof o { int32 a = 1; string b = 2; } }'),
  (9, 'oneof: message merged again', '\x0a0208010a021002', 'message A { oneof o { B a = 1; string b = 2; } } message B { optional int32 a = 1; optional int32 b = 2; }'),
  (10, 'oneof: another between', '\x0a0208011201780a021002', 'message A { oneof o { B a = 1; string b = 2; } } message B { optional int32 a = 1; optional int32 b = 2; }'),
  (11, 'group', '\x0b08010c', 'message A { optional group G = 1 { optional int32 a = 1; } }'),
  (12, 'unknown fields', '\x08011005190000000000000000220178250000000033080134', 'message A { optional int32 a = 1; }'),
  (13, 'unknown group in a group', '\x131b08011c14', 'message A { optional int32 a = 1; }'),
  (14, 'wrong wire type', '\x0d00000000', 'message A { optional int32 a = 1; }'),
  (15, 'proto2 enum: unknown number', '\x08051001', 'message A { optional E a = 1; optional E b = 2; enum E { Z = 0; ONE = 1; } }'),
  (16, 'proto3 enum: unknown number', '\x0805', 'syntax = "proto3"; message A { E a = 1; enum E { Z = 0; } }'),
  (17, 'proto3 zero', '\x08001200', 'syntax = "proto3"; message A { int32 a = 1; string b = 2; }'),
  (18, 'proto3 optional zero', '\x0800', 'syntax = "proto3"; message A { optional int32 a = 1; }'),
  (19, 'negative zero', '\x090000000000000080', 'syntax = "proto3"; message A { double a = 1; }'),
  (20, 'extension', '\xa0060a', 'message A { extensions 100 to max; } extend A { optional int32 x = 100; }'),
  (21, 'varint of ten bytes', '\x08ffffffffffffffffff7f', 'message A { optional int64 a = 1; }'),
  (22, 'int32 of ten bytes', '\x08ffffffffffffffffff01', 'message A { optional int32 a = 1; }'),
  (23, 'bool of many bits', '\x0880808001', 'message A { optional bool a = 1; }'),
  (24, 'nothing', '\x', 'message A { optional int32 a = 1; }'),
  (25, 'required', '\x', 'message A { required int32 a = 1; }'),
  (26, 'required inside', '\x0a00', 'message A { optional B b = 1; } message B { required int32 a = 1; }'),
  (27, 'varint of eleven bytes', '\x08ffffffffffffffffffff01', 'message A { optional int64 a = 1; }'),
  (28, 'varint that is cut', '\x08ff', 'message A { optional int64 a = 1; }'),
  (29, 'length past the end', '\x0a05616263', 'message A { optional string a = 1; }'),
  (30, 'length of 2^63', '\x0affffffffffffffff7f', 'message A { optional string a = 1; }'),
  (31, 'fixed that is cut', '\x0d0000', 'message A { optional fixed32 a = 1; }'),
  (32, 'packed that is cut', '\x0a0180', 'message A { repeated int32 a = 1; }'),
  (33, 'packed fixed of a wrong length', '\x0a03000000', 'message A { repeated fixed32 a = 1; }'),
  (34, 'field number 0', '\x0001', 'message A { optional int32 a = 1; }'),
  (35, 'tag beyond 32 bits', '\x888080808001', 'message A { optional int32 a = 1; }'),
  (36, 'wire type 6', '\x0e', 'message A { optional int32 a = 1; }'),
  (37, 'end of a group alone', '\x0c', 'message A { optional int32 a = 1; }'),
  (38, 'end of another group', '\x0b14', 'message A { optional int32 a = 1; }'),
  (39, 'group without an end', '\x0b0801', 'message A { optional group G = 1 { optional int32 a = 1; } }'),
  (40, 'not UTF-8', '\x0a02c328', 'message A { optional string a = 1; }'),
  (41, 'zero byte', '\x0a026100', 'message A { optional string a = 1; }'),
  (42, 'key that is not UTF-8', '\x0a030a01ff', 'message A { map<string, int32> a = 1; }'),
  (43, 'timestamp out of range', '\x120908ffffffffffffff7f', 'import "google/protobuf/duration.proto"; import "google/protobuf/timestamp.proto"; message A { optional google.protobuf.Timestamp a = 2; optional google.protobuf.Duration d = 1; }'),
  (44, 'duration of two signs', '\x0a0d080110ffffffffffffffffff01', 'import "google/protobuf/duration.proto"; message A { optional google.protobuf.Duration a = 1; }'),
  (45, 'NaN in a Value', '\x0a0911000000000000f87f', 'import "google/protobuf/struct.proto"; message A { optional google.protobuf.Value a = 1; }'),
  (46, 'Any of an unknown type', '\x0a090a03782f7912020801', 'import "google/protobuf/any.proto"; message A { optional google.protobuf.Any a = 1; }'),
  (47, 'path without a form', '\x0a040a026142', 'import "google/protobuf/field_mask.proto"; message A { optional google.protobuf.FieldMask a = 1; }')
  ) AS m(n, what, message, body)
 ORDER BY n;

-- Messages inside each other, and unknown groups: 512 levels and no more, whatever comes.
CREATE FUNCTION pg_temp.nested(n int) RETURNS bytea
LANGUAGE plpgsql AS $$
DECLARE
    m bytea := '';
    len int;
BEGIN
    FOR i IN 1..n LOOP
        len := length(m);
        m := '\x0a'::bytea || CASE WHEN len < 128 THEN set_byte('\x00', 0, len)
                                   WHEN len < 16384 THEN set_byte(set_byte('\x0000', 0, len % 128 + 128), 1, len / 128)
                                   ELSE set_byte(set_byte(set_byte('\x000000', 0, len % 128 + 128), 1, len / 128 % 128 + 128), 2, len / 16384) END || m;
    END LOOP;
    RETURN m;
END;
$$;
SELECT n, left(pg_temp.d(pg_temp.nested(n), 'message A { optional A a = 1; }'), 70) FROM unnest(ARRAY[511, 512, 5000]) AS n;
SELECT n, left(pg_temp.d(decode(repeat('13', n) || repeat('14', n), 'hex'), 'message A { optional A a = 1; }'), 70) FROM unnest(ARRAY[500, 512, 100000]) AS n;
SELECT n, left(pg_temp.d(decode(repeat('0b', n) || repeat('0c', n), 'hex'), 'message A { optional group G = 1 { optional A a = 1; } }'), 70) FROM unnest(ARRAY[3, 100000]) AS n;

-- Columns get values without a detour; a tilde marks what the type's input function read.
SELECT unnest(dataplat_internal.protobuf_columns(message, proto, 'Order', '[]',
    '{order_id,customer,total,lines,stock,status,placed_at,receipt,tip,deltas,card,cash,took,extra,limit,note,mask,rate,checksum,nothing,any_value}',
    '{bigint,text,double precision,jsonb,jsonb,text,timestamptz,bytea,bigint,jsonb,text,boolean,interval,jsonb,"numeric(20,0)",jsonb,text,real,"numeric(20,0)",jsonb,jsonb}'))
  FROM shop;

-- What was not sent is zero, or null where the field has presence.
SELECT dataplat_internal.protobuf_columns('', proto, 'Order', '[]', '{order_id,customer,total,lines,stock,status,receipt,tip,card,cash,took,rate}',
    '{bigint,text,double precision,jsonb,jsonb,text,bytea,bigint,text,boolean,interval,real}') FROM shop;

-- Other types than a field asks for get its text.
SELECT dataplat_internal.protobuf_columns(message, proto, 'Order', '[]', '{orderId,order_id,total,status,placed_at,placed_at,lines,receipt,rate,took,customer,tip}',
    '{text,numeric,numeric,integer,date,text,text,text,numeric,text,varchar,bigint}') FROM shop;
SELECT dataplat_internal.protobuf_columns(message, proto, 'Order', '[]', '{order_id}', '{integer}') FROM shop;
SELECT dataplat_internal.protobuf_columns('\x0805', proto, 'Order', '[]', '{order_id,order_id,order_id,nothere}', '{integer,"numeric(3,1)",smallint,text}') FROM shop;

-- Fields without a column, and unknown ones by their number.
SELECT dataplat_internal.protobuf_columns(message || '\xf83f05fa3f0168'::bytea, proto, 'Order', '[]', '{order_id,customer,lines,stock,extra,note,placed_at,took,mask}',
    '{bigint,text,jsonb,jsonb,jsonb,jsonb,timestamptz,interval,text}', true) FROM shop;

-- Decimals, dates and times of day.
SELECT dataplat_internal.protobuf_columns(message::bytea, 'import "confluent/type/decimal.proto"; import "google/type/date.proto"; import "google/type/timeofday.proto"; import "google/type/decimal.proto";
    message A { optional confluent.type.Decimal a = 1; optional google.type.Date b = 2; optional google.type.TimeOfDay c = 3; optional google.type.Decimal d = 4; }', 'A', '[]',
    '{a,b,c,d}', '{numeric,date,time,numeric}')
  FROM (VALUES (1, '\x0a080a020102100a1802120708e80f1001181f1a08080a1014181e200522060a04312e3530'),
               (2, '\x0a050a01ff1802'), (3, '\x0a0d0a090080000000000000001800'), (4, '\x0a00'), (5, '\x0a0f0a020001' || '18fdffffffffffffffff01')) AS m(n, message)
 ORDER BY n;

-- Errors.
CREATE FUNCTION pg_temp.e(data jsonb, body text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    RETURN dataplat.protobuf_encode(data, body, 'A');
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END;
$$;
SELECT pg_temp.e(data::jsonb, body)
  FROM (VALUES
  (1, '{"b": 1}', 'message A { optional int32 a = 1; }'),
  (2, '{"a": "x"}', 'message A { optional int32 a = 1; }'),
  (3, '{"a": 1.5}', 'message A { optional int32 a = 1; }'),
  (4, '{"a": 2147483648}', 'message A { optional int32 a = 1; }'),
  (5, '{"a": -1}', 'message A { optional uint64 a = 1; }'),
  (6, '{"a": "18446744073709551616"}', 'message A { optional uint64 a = 1; }'),
  (7, '{"a": 1e39}', 'message A { optional float a = 1; }'),
  (8, '{"a": 1}', 'message A { optional string a = 1; }'),
  (9, '{"a": "!"}', 'message A { optional bytes a = 1; }'),
  (10, '{"a": "true"}', 'message A { optional bool a = 1; }'),
  (11, '{"a": "NO"}', 'message A { optional E a = 1; enum E { Z = 0; } }'),
  (12, '{"a": 1}', 'message A { repeated int32 a = 1; }'),
  (13, '{"a": [1, null]}', 'message A { repeated int32 a = 1; }'),
  (14, '{"a": []}', 'message A { map<string, int32> a = 1; }'),
  (15, '{"a": {"x": 1}}', 'message A { map<int32, int32> a = 1; }'),
  (16, '{"a": 1, "b": "x"}', 'message A { oneof o { int32 a = 1; string b = 2; } }'),
  (17, '{"aB": 1, "a_b": 2}', 'message A { optional int32 a_b = 1; }'),
  (18, '{}', 'message A { required int32 a = 1; }'),
  (19, '[]', 'message A { optional int32 a = 1; }'),
  (20, '{"a": "2026-02-30T00:00:00Z"}', 'import "google/protobuf/timestamp.proto"; message A { optional google.protobuf.Timestamp a = 1; }'),
  (21, '{"a": "1"}', 'import "google/protobuf/duration.proto"; message A { optional google.protobuf.Duration a = 1; }'),
  (22, '{"a": {"b": 1}}', 'import "google/protobuf/any.proto"; message A { optional google.protobuf.Any a = 1; }'),
  (23, '{"a": {"@type": "x/Unknown", "value": "CAE="}}', 'import "google/protobuf/any.proto"; message A { optional google.protobuf.Any a = 1; }'),
  (24, '{"a": "a_b"}', 'import "google/protobuf/field_mask.proto"; message A { optional google.protobuf.FieldMask a = 1; }')
  ) AS m(n, data, body)
 ORDER BY n;
SELECT dataplat.protobuf_decode('', 'message A {}', 'B');
SELECT dataplat.protobuf_decode(NULL, 'message A {}', 'A') IS NULL;
