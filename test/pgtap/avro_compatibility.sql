-- Avro: which changes of a schema keep its data readable.  Each change is
-- looked at both ways; expected are the differences by the names and paths of
-- Confluent's registry ("-": none, so the new schema reads the old data).
BEGIN;
SELECT plan(1 + 2 * 76);

SET LOCAL search_path = public, pg_catalog;

-- A record with one field of this type, or a whole schema.
CREATE FUNCTION pg_temp.schema(x text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN x LIKE 'field %' THEN '{"type":"record","name":"R","fields":[{"name":"f","type":' || substr(x, 7) || '}]}'
                WHEN x LIKE 'fields %' THEN '{"type":"record","name":"R","fields":[' || substr(x, 8) || ']}'
                ELSE x END
$$;

CREATE FUNCTION pg_temp.differences(a text, b text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(d.type || ' ' || d.path, ', ' ORDER BY d.type COLLATE "C", d.path COLLATE "C"), '-')
      FROM dataplat.schema_diff(pg_temp.schema(a), pg_temp.schema(b)) AS d
     WHERE NOT d.compatible
$$;

CREATE TEMP TABLE change (n int GENERATED ALWAYS AS IDENTITY, what text, a text, b text, forth text, back text);
INSERT INTO change (what, a, b, forth, back) VALUES
-- primitive types
('int and long', 'field "int"', 'field "long"', '-', 'TYPE_MISMATCH /fields/0/type'),
('int and float', 'field "int"', 'field "float"', '-', 'TYPE_MISMATCH /fields/0/type'),
('int and double', 'field "int"', 'field "double"', '-', 'TYPE_MISMATCH /fields/0/type'),
('long and float', 'field "long"', 'field "float"', '-', 'TYPE_MISMATCH /fields/0/type'),
('long and double', 'field "long"', 'field "double"', '-', 'TYPE_MISMATCH /fields/0/type'),
('float and double', 'field "float"', 'field "double"', '-', 'TYPE_MISMATCH /fields/0/type'),
('string and bytes', 'field "string"', 'field "bytes"', '-', '-'),
('int and string', 'field "int"', 'field "string"', 'TYPE_MISMATCH /fields/0/type', 'TYPE_MISMATCH /fields/0/type'),
('boolean and int', 'field "boolean"', 'field "int"', 'TYPE_MISMATCH /fields/0/type', 'TYPE_MISMATCH /fields/0/type'),
('null and int', 'field "null"', 'field "int"', 'TYPE_MISMATCH /fields/0/type', 'TYPE_MISMATCH /fields/0/type'),
('the root itself', '"int"', '"string"', 'TYPE_MISMATCH /', 'TYPE_MISMATCH /'),
('the root, promoted', '"int"', '"long"', '-', 'TYPE_MISMATCH /'),
('spelled as an object', 'field "int"', 'field {"type":"int"}', '-', '-'),
('a logical type', 'field "long"', 'field {"type":"long","logicalType":"timestamp-millis"}', '-', '-'),
('another scale', 'field {"type":"bytes","logicalType":"decimal","precision":9,"scale":2}', 'field {"type":"bytes","logicalType":"decimal","precision":9,"scale":3}', '-', '-'),
('documentation', 'fields {"name":"a","type":"int"}', 'fields {"name":"a","type":"int","doc":"d"}', '-', '-'),
-- fields
('a field without default', 'fields {"name":"a","type":"int"}', 'fields {"name":"a","type":"int"},{"name":"b","type":"int"}', 'READER_FIELD_MISSING_DEFAULT_VALUE /fields/1', '-'),
('a field with default', 'fields {"name":"a","type":"int"}', 'fields {"name":"a","type":"int"},{"name":"b","type":"int","default":0}', '-', '-'),
('a field with default null', 'fields {"name":"a","type":"int"}', 'fields {"name":"a","type":"int"},{"name":"b","type":["null","int"],"default":null}', '-', '-'),
('a nullable field without default', 'fields {"name":"a","type":"int"}', 'fields {"name":"a","type":"int"},{"name":"b","type":["null","int"]}', 'READER_FIELD_MISSING_DEFAULT_VALUE /fields/1', '-'),
('two fields without default', 'fields {"name":"a","type":"int"}', 'fields {"name":"b","type":"int"},{"name":"c","type":"int"}', 'READER_FIELD_MISSING_DEFAULT_VALUE /fields/0, READER_FIELD_MISSING_DEFAULT_VALUE /fields/1', 'READER_FIELD_MISSING_DEFAULT_VALUE /fields/0'),
('fields in another order', 'fields {"name":"a","type":"int"},{"name":"b","type":"string"}', 'fields {"name":"b","type":"string"},{"name":"a","type":"int"}', '-', '-'),
('a field renamed', 'fields {"name":"a","type":"int"}', 'fields {"name":"b","type":"int"}', 'READER_FIELD_MISSING_DEFAULT_VALUE /fields/0', 'READER_FIELD_MISSING_DEFAULT_VALUE /fields/0'),
('a field renamed with an alias', 'fields {"name":"a","type":"int"}', 'fields {"name":"b","type":"int","aliases":["a"]}', '-', 'READER_FIELD_MISSING_DEFAULT_VALUE /fields/0'),
('an alias of another type', 'fields {"name":"a","type":"string"}', 'fields {"name":"b","type":"int","aliases":["a"]}', 'TYPE_MISMATCH /fields/0/type', 'READER_FIELD_MISSING_DEFAULT_VALUE /fields/0'),
('an enum field whose enum has a default', 'fields {"name":"a","type":"int"}', 'fields {"name":"a","type":"int"},{"name":"e","type":{"type":"enum","name":"E","symbols":["A"],"default":"A"}}', 'TYPE_MISMATCH /fields/1/type', '-'),
('a default that changes', 'fields {"name":"a","type":"int","default":1}', 'fields {"name":"a","type":"int","default":2}', '-', '-'),
('a default that goes', 'fields {"name":"a","type":"int","default":1}', 'fields {"name":"a","type":"int"}', '-', '-'),
('all fields go', 'fields {"name":"a","type":"int"}', 'fields ', '-', 'READER_FIELD_MISSING_DEFAULT_VALUE /fields/0'),
('two kinds of differences', 'fields {"name":"a","type":"int"}', 'fields {"name":"a","type":"string"},{"name":"b","type":"int"}', 'READER_FIELD_MISSING_DEFAULT_VALUE /fields/1, TYPE_MISMATCH /fields/0/type', 'TYPE_MISMATCH /fields/0/type'),
-- names
('a record renamed', '{"type":"record","name":"A","fields":[]}', '{"type":"record","name":"B","fields":[]}', 'NAME_MISMATCH /name', 'NAME_MISMATCH /name'),
('a record renamed with an alias', '{"type":"record","name":"A","fields":[]}', '{"type":"record","name":"B","aliases":["A"],"fields":[]}', '-', 'NAME_MISMATCH /name'),
('a record in another namespace', '{"type":"record","name":"x.A","fields":[]}', '{"type":"record","name":"y.A","fields":[]}', '-', '-'),
('an alias in the wrong namespace', '{"type":"record","name":"x.A","fields":[]}', '{"type":"record","name":"y.B","aliases":["A"],"fields":[]}', 'NAME_MISMATCH /name', 'NAME_MISMATCH /name'),
('an alias in the right namespace', '{"type":"record","name":"x.A","fields":[]}', '{"type":"record","name":"y.B","aliases":["x.A"],"fields":[]}', '-', 'NAME_MISMATCH /name'),
('renamed, and a field too many', '{"type":"record","name":"A","fields":[]}', '{"type":"record","name":"B","fields":[{"name":"a","type":"int"}]}', 'NAME_MISMATCH /name, READER_FIELD_MISSING_DEFAULT_VALUE /fields/0', 'NAME_MISMATCH /name'),
('a nested record renamed', 'field {"type":"record","name":"A","fields":[]}', 'field {"type":"record","name":"B","fields":[]}', 'NAME_MISMATCH /fields/0/type/name', 'NAME_MISMATCH /fields/0/type/name'),
('a record and an error', '{"type":"record","name":"A","fields":[]}', '{"type":"error","name":"A","fields":[]}', '-', '-'),
-- enums
('a symbol more', 'field {"type":"enum","name":"E","symbols":["A"]}', 'field {"type":"enum","name":"E","symbols":["A","B"]}', '-', 'MISSING_ENUM_SYMBOLS /fields/0/type/symbols'),
('a symbol more, with a default', 'field {"type":"enum","name":"E","symbols":["A"],"default":"A"}', 'field {"type":"enum","name":"E","symbols":["A","B"],"default":"A"}', '-', '-'),
('symbols in another order', 'field {"type":"enum","name":"E","symbols":["A","B"]}', 'field {"type":"enum","name":"E","symbols":["B","A"]}', '-', '-'),
('other symbols', 'field {"type":"enum","name":"E","symbols":["A"]}', 'field {"type":"enum","name":"E","symbols":["B"]}', 'MISSING_ENUM_SYMBOLS /fields/0/type/symbols', 'MISSING_ENUM_SYMBOLS /fields/0/type/symbols'),
('an enum renamed', 'field {"type":"enum","name":"E","symbols":["A"]}', 'field {"type":"enum","name":"F","symbols":["A"]}', 'NAME_MISMATCH /fields/0/type/name', 'NAME_MISMATCH /fields/0/type/name'),
('an enum renamed and changed', 'field {"type":"enum","name":"E","symbols":["A"]}', 'field {"type":"enum","name":"F","symbols":["B"]}', 'MISSING_ENUM_SYMBOLS /fields/0/type/symbols, NAME_MISMATCH /fields/0/type/name', 'MISSING_ENUM_SYMBOLS /fields/0/type/symbols, NAME_MISMATCH /fields/0/type/name'),
('an enum and a string', 'field {"type":"enum","name":"E","symbols":["A"]}', 'field "string"', 'TYPE_MISMATCH /fields/0/type', 'TYPE_MISMATCH /fields/0/type'),
-- fixed
('another size', 'field {"type":"fixed","name":"F","size":4}', 'field {"type":"fixed","name":"F","size":5}', 'FIXED_SIZE_MISMATCH /fields/0/type/size', 'FIXED_SIZE_MISMATCH /fields/0/type/size'),
('another name and size', 'field {"type":"fixed","name":"F","size":4}', 'field {"type":"fixed","name":"G","size":5}', 'FIXED_SIZE_MISMATCH /fields/0/type/size, NAME_MISMATCH /fields/0/type/name', 'FIXED_SIZE_MISMATCH /fields/0/type/size, NAME_MISMATCH /fields/0/type/name'),
('a fixed with an alias', 'field {"type":"fixed","name":"F","size":4}', 'field {"type":"fixed","name":"G","aliases":["F"],"size":4}', '-', 'NAME_MISMATCH /fields/0/type/name'),
('fixed and bytes', 'field {"type":"fixed","name":"F","size":4}', 'field "bytes"', 'TYPE_MISMATCH /fields/0/type', 'TYPE_MISMATCH /fields/0/type'),
-- arrays and maps
('items promoted', 'field {"type":"array","items":"int"}', 'field {"type":"array","items":"long"}', '-', 'TYPE_MISMATCH /fields/0/type/items'),
('other items', 'field {"type":"array","items":"int"}', 'field {"type":"array","items":"string"}', 'TYPE_MISMATCH /fields/0/type/items', 'TYPE_MISMATCH /fields/0/type/items'),
('values promoted', 'field {"type":"map","values":"int"}', 'field {"type":"map","values":"double"}', '-', 'TYPE_MISMATCH /fields/0/type/values'),
('an array and a map', 'field {"type":"array","items":"int"}', 'field {"type":"map","values":"int"}', 'TYPE_MISMATCH /fields/0/type', 'TYPE_MISMATCH /fields/0/type'),
('an array and its item', 'field {"type":"array","items":"int"}', 'field "int"', 'TYPE_MISMATCH /fields/0/type', 'TYPE_MISMATCH /fields/0/type'),
('a field of items', 'field {"type":"array","items":{"type":"record","name":"I","fields":[]}}', 'field {"type":"array","items":{"type":"record","name":"I","fields":[{"name":"a","type":"int"}]}}', 'READER_FIELD_MISSING_DEFAULT_VALUE /fields/0/type/items/fields/0', '-'),
('an array of maps', 'field {"type":"array","items":{"type":"map","values":"int"}}', 'field {"type":"array","items":{"type":"map","values":"string"}}', 'TYPE_MISMATCH /fields/0/type/items/values', 'TYPE_MISMATCH /fields/0/type/items/values'),
-- unions
('nullable', 'field "int"', 'field ["null","int"]', '-', 'TYPE_MISMATCH /'),
('nullable, promoted', 'field "int"', 'field ["null","long"]', '-', 'TYPE_MISMATCH /, TYPE_MISMATCH /'),
('branches in another order', 'field ["null","int"]', 'field ["int","null"]', '-', '-'),
('a branch more', 'field ["null","int"]', 'field ["null","int","string"]', '-', 'MISSING_UNION_BRANCH /fields/0/type/2'),
('another branch', 'field ["null","int"]', 'field ["null","string"]', 'MISSING_UNION_BRANCH /fields/0/type/1', 'MISSING_UNION_BRANCH /fields/0/type/1'),
('a branch promoted', 'field ["null","int"]', 'field ["null","long"]', '-', 'MISSING_UNION_BRANCH /fields/0/type/1'),
('no branch for it', 'field "boolean"', 'field ["null","int"]', 'MISSING_UNION_BRANCH /fields/0/type', 'TYPE_MISMATCH /, TYPE_MISMATCH /'),
('a union of one', 'field ["int"]', 'field "int"', '-', '-'),
('all branches are readable', 'field ["int","long"]', 'field "long"', '-', '-'),
('records in unions', 'field [{"type":"record","name":"A","fields":[]},{"type":"record","name":"B","fields":[]}]', 'field [{"type":"record","name":"B","fields":[]},{"type":"record","name":"A","fields":[]}]', '-', '-'),
('a record of a union changes', 'field ["null",{"type":"record","name":"A","fields":[]}]', 'field ["null",{"type":"record","name":"A","fields":[{"name":"a","type":"int"}]}]', 'MISSING_UNION_BRANCH /fields/0/type/1', '-'),
('the root becomes a union', '{"type":"record","name":"A","fields":[]}', '[{"type":"record","name":"A","fields":[]},{"type":"record","name":"B","fields":[]}]', '-', 'NAME_MISMATCH /name'),
('an empty union', 'field ["null"]', 'field []', 'MISSING_UNION_BRANCH /fields/0/type/0', '-'),
-- recursion: like Confluent's we say what is wrong once, not at every way there
('bad only by what comes later', 'field {"type":"record","name":"Q","fields":[{"name":"a","type":{"type":"array","items":{"type":"record","name":"A","fields":[{"name":"q","type":{"type":"map","values":"Q"}},{"name":"x","type":"int"}]}}}]}', 'field {"type":"record","name":"Q","fields":[{"name":"a","type":{"type":"array","items":{"type":"record","name":"A","fields":[{"name":"q","type":{"type":"map","values":"Q"}},{"name":"x","type":"long"}]}}}]}', '-', 'TYPE_MISMATCH /fields/0/type/fields/0/type/items/fields/1/type'),
('a recursive record and itself', 'fields {"name":"next","type":["null","R"]}', 'fields {"name":"next","type":["null","R"]}', '-', '-'),
('a field more in a recursive record', 'fields {"name":"next","type":["null","R"]}', 'fields {"name":"next","type":["null","R"]},{"name":"a","type":"int"}', 'READER_FIELD_MISSING_DEFAULT_VALUE /fields/1', '-'),
('a recursive record behind arrays', 'fields {"name":"a","type":"int"},{"name":"children","type":{"type":"array","items":"R"}}', 'fields {"name":"a","type":"string"},{"name":"children","type":{"type":"array","items":"R"}}', 'TYPE_MISMATCH /fields/0/type', 'TYPE_MISMATCH /fields/0/type'),
('two records that name each other', 'field {"type":"record","name":"S","fields":[{"name":"r","type":["null","R"]},{"name":"x","type":"int"}]}', 'field {"type":"record","name":"S","fields":[{"name":"r","type":["null","R"]},{"name":"x","type":"long"}]}', '-', 'TYPE_MISMATCH /fields/0/type/fields/1/type'),
('what was only assumed to be good', 'fields {"name":"a","type":["null",{"type":"record","name":"A","fields":[{"name":"q","type":["null",{"type":"record","name":"Q","fields":[{"name":"a","type":"A"}]}]},{"name":"x","type":"int"}]}]},{"name":"q","type":"Q"}', 'fields {"name":"a","type":["null",{"type":"record","name":"A","fields":[{"name":"q","type":["null",{"type":"record","name":"Q","fields":[{"name":"a","type":"A"}]}]},{"name":"x","type":"string"}]}]},{"name":"q","type":"Q"}', 'MISSING_UNION_BRANCH /fields/0/type/1', 'MISSING_UNION_BRANCH /fields/0/type/1'),
('a record twice', 'fields {"name":"a","type":{"type":"record","name":"S","fields":[{"name":"x","type":"int"}]}},{"name":"b","type":"S"}', 'fields {"name":"a","type":{"type":"record","name":"S","fields":[{"name":"x","type":"string"}]}},{"name":"b","type":"S"}', 'TYPE_MISMATCH /fields/0/type/fields/0/type', 'TYPE_MISMATCH /fields/0/type/fields/0/type');

SELECT is(pg_temp.differences(a, b), forth, what) FROM change ORDER BY n;
SELECT is(pg_temp.differences(b, a), back, what || ', the other way') FROM change ORDER BY n;
SELECT is((SELECT count(*)::int FROM change), 76, 'that many changes');
SELECT * FROM finish();
ROLLBACK;
