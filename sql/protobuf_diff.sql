-- What changed between two schemas: the names and paths that Confluent's
-- registry gives, and whether new code reads old data (-->) and old code new
-- data (<--).
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS dataplat;

-- "+" or "!" for compatible or not, then what is incompatible in capitals with
-- its path, and what is not behind it.
CREATE FUNCTION pg_temp.verdict(old text, new text, old_refs jsonb DEFAULT '[]', new_refs jsonb DEFAULT '[]') RETURNS text
LANGUAGE sql AS $$
    SELECT CASE WHEN coalesce(bool_and(compatible), true) THEN '+' ELSE '!' END
           || coalesce(string_agg(format(' %s%s %s', CASE WHEN compatible THEN '' ELSE '*' END, type, path), ','
                                  ORDER BY type COLLATE "C", path COLLATE "C"), '')
      FROM dataplat_internal.protobuf_diff(old, new, old_refs, new_refs)
$$;

CREATE TEMPORARY TABLE change (n serial, change text, old text, new text);
INSERT INTO change (change, old, new) VALUES
('nothing', 'message A { int32 a = 1; }', 'message A { int32 a = 1; }'),
('comments and blanks', 'message A { int32 a = 1; }', '/* b */ message A{int32 a=1; // c' || chr(10) || '}'),
('order of fields', 'message A { int32 a = 1; string b = 2; }', 'message A { string b = 2; int32 a = 1; }'),
('field added', 'message A { int32 a = 1; }', 'message A { int32 a = 1; string b = 2; }'),
('field added in a nested message', 'message A { message B { int32 a = 1; } }', 'message A { message B { int32 a = 1; int32 b = 2; } }'),
('field renumbered', 'message A { int32 a = 1; }', 'message A { int32 a = 2; }'),
('field renamed', 'message A { int32 a = 1; }', 'message A { int32 b = 1; }'),
('fields swapped', 'message A { int32 a = 1; string b = 2; }', 'message A { string b = 1; int32 a = 2; }'),
('field replaced by a reserved number', 'message A { int32 a = 1; int32 b = 2; }', 'message A { reserved 2; int32 a = 1; }'),
('int32 to int64', 'message A { int32 a = 1; }', 'message A { int64 a = 1; }'),
('int32 to uint64', 'message A { int32 a = 1; }', 'message A { uint64 a = 1; }'),
('int32 to bool', 'message A { int32 a = 1; }', 'message A { bool a = 1; }'),
('int32 to an enum', 'message A { int32 a = 1; }', 'enum E { Z = 0; } message A { E a = 1; }'),
('int32 to sint32', 'message A { int32 a = 1; }', 'message A { sint32 a = 1; }'),
('sint32 to sint64', 'message A { sint32 a = 1; }', 'message A { sint64 a = 1; }'),
('int32 to fixed32', 'message A { int32 a = 1; }', 'message A { fixed32 a = 1; }'),
('fixed32 to sfixed32', 'message A { fixed32 a = 1; }', 'message A { sfixed32 a = 1; }'),
('fixed32 to fixed64', 'message A { fixed32 a = 1; }', 'message A { fixed64 a = 1; }'),
('fixed64 to sfixed64', 'message A { fixed64 a = 1; }', 'message A { sfixed64 a = 1; }'),
('fixed64 to double', 'message A { fixed64 a = 1; }', 'message A { double a = 1; }'),
('float to double', 'message A { float a = 1; }', 'message A { double a = 1; }'),
('float to fixed32', 'message A { float a = 1; }', 'message A { fixed32 a = 1; }'),
('string to bytes', 'message A { string a = 1; }', 'message A { bytes a = 1; }'),
('string to int32', 'message A { string a = 1; }', 'message A { int32 a = 1; }'),
('string to a message', 'message A { string a = 1; }', 'message A { A a = 1; }'),
('enum to another enum', 'enum E { Z = 0; } enum F { Y = 0; } message A { E a = 1; }', 'enum E { Z = 0; } enum F { Y = 0; } message A { F a = 1; }'),
('message to another message', 'message B {} message C {} message A { B a = 1; }', 'message B {} message C {} message A { C a = 1; }'),
('message renamed', 'message B { int32 a = 1; } message A { B a = 1; }', 'message C { int32 a = 1; } message A { C a = 1; }'),
('nested message to a top-level one of its name', 'message A { message B {} B a = 1; }', 'message A { B a = 1; } message B {}'),
('type spelled in full', 'message A { B a = 1; message B {} }', 'message A { .A.B a = 1; message B {} }'),
('scalar to a map', 'message A { int32 a = 1; }', 'message A { map<int32, int32> a = 1; }'),
('message to a map', 'message B {} message A { repeated B a = 1; }', 'message B {} message A { map<int32, int32> a = 1; }'),
('map key int32 to int64', 'message A { map<int32, string> a = 1; }', 'message A { map<int64, string> a = 1; }'),
('map key int32 to string', 'message A { map<int32, string> a = 1; }', 'message A { map<string, string> a = 1; }'),
('map value string to bytes', 'message A { map<int32, string> a = 1; }', 'message A { map<int32, bytes> a = 1; }'),
('map value int32 to string', 'message A { map<int32, int32> a = 1; }', 'message A { map<int32, string> a = 1; }'),
('map value scalar to message', 'message A { map<int32, int32> a = 1; }', 'message A { map<int32, A> a = 1; }'),
('map value message to another', 'message B {} message A { map<int32, A> a = 1; }', 'message B {} message A { map<int32, B> a = 1; }'),
('map to its entry message', 'message A { map<int32, string> a_b = 1; }', 'message A { repeated ABEntry a_b = 1; message ABEntry { option map_entry = true; int32 key = 1; string value = 2; } }'),
('map to an entry with another value', 'message A { map<int32, string> a_b = 1; }', 'message A { repeated ABEntry a_b = 1; message ABEntry { option map_entry = true; int32 key = 1; int64 value = 2; } }'),
('number: optional added', 'message A { int32 a = 1; }', 'message A { optional int32 a = 1; }'),
('number: repeated added', 'message A { int32 a = 1; }', 'message A { repeated int32 a = 1; }'),
('number: optional to repeated', 'message A { optional int32 a = 1; }', 'message A { repeated int32 a = 1; }'),
('enum: optional to repeated', 'enum E { Z = 0; } message A { optional E a = 1; }', 'enum E { Z = 0; } message A { repeated E a = 1; }'),
('double: optional to repeated', 'message A { optional double a = 1; }', 'message A { repeated double a = 1; }'),
('string: optional to repeated', 'message A { optional string a = 1; }', 'message A { repeated string a = 1; }'),
('bytes: optional to repeated', 'message A { optional bytes a = 1; }', 'message A { repeated bytes a = 1; }'),
('message: optional to repeated', 'message A { optional A a = 1; }', 'message A { repeated A a = 1; }'),
('packed to not packed', 'message A { repeated int32 a = 1; }', 'message A { repeated int32 a = 1 [packed = false]; }'),
('options of a field', 'message A { int32 a = 1; }', 'message A { int32 a = 1 [deprecated = true, json_name = "b"]; }'),
('required added', 'syntax = "proto2"; message A { optional int32 a = 1; }', 'syntax = "proto2"; message A { optional int32 a = 1; required int32 b = 2; }'),
('number: optional to required', 'syntax = "proto2"; message A { optional int32 a = 1; }', 'syntax = "proto2"; message A { required int32 a = 1; }'),
('string: optional to required', 'syntax = "proto2"; message A { optional string a = 1; }', 'syntax = "proto2"; message A { required string a = 1; }'),
('default changed', 'syntax = "proto2"; message A { optional int32 a = 1 [default = 1]; }', 'syntax = "proto2"; message A { optional int32 a = 1 [default = 2]; }'),
('group to a message', 'syntax = "proto2"; message A { optional group B = 1 { optional int32 a = 1; } }', 'syntax = "proto2"; message A { optional B b = 1; message B { optional int32 a = 1; } }'),
('field of a group changed', 'syntax = "proto2"; message A { optional group B = 1 { optional int32 a = 1; } }', 'syntax = "proto2"; message A { optional group B = 1 { optional string a = 1; } }'),
('extensions declared', 'syntax = "proto2"; message A { optional int32 a = 1; }', 'syntax = "proto2"; message A { optional int32 a = 1; extensions 5 to max; }'),
('proto2 to proto3', 'syntax = "proto2"; message A { optional int32 a = 1; }', 'syntax = "proto3"; message A { optional int32 a = 1; }'),
('message added', 'message A {}', 'message A {} message B {}'),
('message added in front', 'message A {}', 'message B {} message A {}'),
('messages reordered', 'message A {} message B {}', 'message B {} message A {}'),
('nested message added', 'message A {}', 'message A { message B {} }'),
('nested message moved out', 'message A { message B {} }', 'message A {} message B {}'),
('enum added', 'message A {}', 'message A {} enum E { Z = 0; }'),
('nested enum added', 'message A {}', 'message A { enum E { Z = 0; } }'),
('enum value added', 'enum E { Z = 0; }', 'enum E { Z = 0; ONE = 1; }'),
('enum value renamed', 'enum E { Z = 0; ONE = 1; }', 'enum E { Z = 0; FIRST = 1; }'),
('enum value renumbered', 'enum E { Z = 0; ONE = 1; }', 'enum E { Z = 0; ONE = 2; }'),
('enum alias added', 'enum E { Z = 0; ONE = 1; }', 'enum E { option allow_alias = true; Z = 0; ONE = 1; UNO = 1; }'),
('enum to a message of its name', 'enum E { Z = 0; } message A { int32 a = 1; }', 'message E {} message A { int32 a = 1; }'),
('package added', 'message A {}', 'package p; message A {}'),
('package changed', 'package p; message A {}', 'package q; message A {}'),
('options of the file', 'message A {}', 'option java_package = "x"; message A {}'),
('import added', 'message A {}', 'import "google/protobuf/any.proto"; message A {}'),
('service added', 'message A {}', 'message A {} service S { rpc R (A) returns (A); }'),
('oneof added around a field', 'message A { string a = 1; }', 'message A { oneof o { string a = 1; int32 b = 2; } }'),
('oneof added around two fields', 'message A { string a = 1; string b = 2; }', 'message A { oneof o { string a = 1; string b = 2; } }'),
('oneof of new fields', 'message A { string a = 1; }', 'message A { string a = 1; oneof o { string b = 2; } }'),
('field added to a oneof', 'message A { oneof o { string a = 1; } }', 'message A { oneof o { string a = 1; int32 b = 2; } }'),
('field moved into a oneof with others', 'message A { string c = 3; oneof o { string a = 1; int32 b = 2; } }', 'message A { oneof o { string a = 1; int32 b = 2; string c = 3; } }'),
('oneof removed with its fields', 'message A { int32 c = 3; oneof o { string a = 1; int32 b = 2; } }', 'message A { int32 c = 3; }'),
('oneof renamed', 'message A { oneof o { string a = 1; int32 b = 2; } }', 'message A { oneof p { string a = 1; int32 b = 2; } }'),
('oneof renamed and a field gone', 'message A { oneof o { string a = 1; int32 b = 2; } }', 'message A { oneof p { string a = 1; } }'),
('two oneofs made one', 'message A { oneof o { string a = 1; } oneof p { int32 b = 2; } }', 'message A { oneof o { string a = 1; int32 b = 2; } }'),
('type in a oneof changed', 'message A { oneof o { string a = 1; } }', 'message A { oneof o { int32 a = 1; } }'),
('type changed on the way out of a oneof', 'message A { oneof o { string a = 1; } }', 'message A { int32 a = 1; }'),
('well-known type to another', 'import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto"; message A { google.protobuf.Timestamp a = 1; }',
 'import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto"; message A { google.protobuf.Duration a = 1; }'),
('number twice', 'message A { int32 a = 1; int32 b = 1; }', 'message A { int32 a = 1; string b = 1; }'),
('recursive messages', 'message A { B b = 1; } message B { A a = 1; int32 c = 2; }', 'message A { B b = 1; } message B { A a = 1; string c = 2; }');

UPDATE change
   SET old = CASE WHEN old LIKE 'syntax%' THEN old ELSE 'syntax = "proto3"; ' || old END,
       new = CASE WHEN new LIKE 'syntax%' THEN new ELSE 'syntax = "proto3"; ' || new END;
\pset format unaligned
\pset tuples_only on
\pset fieldsep '\n    '
SELECT change, '--> ' || pg_temp.verdict(old, new), '<-- ' || pg_temp.verdict(new, old)
  FROM change
 ORDER BY n;
SELECT count(*) || ' kinds of change' FROM change;

-- Types of other files are compared where a field names them.
CREATE TEMPORARY TABLE referenced (n serial, change text, old text, old_file text, new text, new_file text);
INSERT INTO referenced (change, old, old_file, new, new_file) VALUES
('the same', 'message A { r.B a = 1; }', 'package r; message B { int32 a = 1; }', 'message A { r.B a = 1; }', 'package r; message B { int32 a = 1; }'),
('a field of it added', 'message A { r.B a = 1; }', 'package r; message B { int32 a = 1; }', 'message A { r.B a = 1; }', 'package r; message B { int32 a = 1; int32 b = 2; }'),
('a type in it changed', 'message A { r.B a = 1; r.B b = 2; }', 'package r; message B { int32 a = 1; }', 'message A { r.B a = 1; r.B b = 2; }', 'package r; message B { string a = 1; }'),
('its package changed', 'message A { r.B a = 1; }', 'package r; message B { int32 a = 1; }', 'message A { s.B a = 1; }', 'package s; message B { int32 a = 1; }'),
('a nested message of it, and a type in that', 'message A { r.C.B a = 1; }', 'package r; message C { message B { int32 a = 1; } }', 'message A { s.C.B a = 1; }', 'package s; message C { message B { string a = 1; } }'),
('moved there', 'message A { B a = 1; } message B { int32 a = 1; }', 'message Z {}', 'message A { r.B a = 1; }', 'package r; message B { int32 a = 1; }'),
('an enum of it to another', 'message A { r.E a = 1; }', 'package r; enum E { Z = 0; } enum F { Y = 0; }', 'message A { r.F a = 1; }', 'package r; enum E { Z = 0; } enum F { Y = 0; }'),
('two steps away', 'message A { r.B a = 1; }', 'package r; message B { C c = 1; } message C { int32 a = 1; }', 'message A { r.B a = 1; }', 'package r; message B { C c = 1; } message C { string a = 1; }');

SELECT change,
       '--> ' || pg_temp.verdict('syntax = "proto3"; import "r.proto"; ' || old, 'syntax = "proto3"; import "r.proto"; ' || new,
                                 jsonb_build_array(jsonb_build_object('name', 'r.proto', 'schema', 'syntax = "proto3"; ' || old_file)),
                                 jsonb_build_array(jsonb_build_object('name', 'r.proto', 'schema', 'syntax = "proto3"; ' || new_file)))
  FROM referenced
 ORDER BY n;

-- The sentence says where.
SELECT message FROM dataplat_internal.protobuf_diff('message A { optional int32 a = 1; }', 'message A { optional string a = 1; }');

-- Nothing differs from itself, not even where numbers are used twice.
SELECT count(*) FROM dataplat_internal.protobuf_diff(
    'message A { oneof o { int32 a = 1; int32 b = 2; } oneof p { int32 c = 1; } oneof q { int32 d = 2; } }',
    'message A { oneof o { int32 a = 1; int32 b = 2; } oneof p { int32 c = 1; } oneof q { int32 d = 2; } }');
