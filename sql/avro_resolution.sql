-- Written with one schema of Avro, read with another.
\pset format unaligned
\pset tuples_only on

CREATE FUNCTION pg_temp.read(writer text, hex text, reader text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN dataplat.avro_decode(decode(hex, 'hex'), writer, reader);
EXCEPTION WHEN OTHERS THEN
    RETURN concat_ws(' ', SQLSTATE, SQLERRM);
END
$$;

-- Promotions, and no others.
SELECT w, r, pg_temp.read(format('"%s"', w), hex, format('"%s"', r))
  FROM (VALUES ('int', '06'), ('long', '06'), ('float', 'cdcccc3d'), ('double', '9a9999999999b93f'), ('string', '0261'), ('bytes', '0261'), ('boolean', '01')) AS a (w, hex),
       (VALUES ('int'), ('long'), ('float'), ('double'), ('string'), ('bytes'), ('boolean'), ('null')) AS b (r)
 ORDER BY w COLLATE "C", r COLLATE "C";
SELECT pg_temp.read('"bytes"', '02ff', '"string"'), pg_temp.read('"long"', 'feffffffffffffffff01', '"double"'), pg_temp.read('"int"', '82808010', '"float"');

-- Fields: by name, by alias, left out, filled from defaults of every type.
SELECT pg_temp.read('{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"string"},{"name":"c","type":{"type":"array","items":{"type":"record","name":"S","fields":[{"name":"x","type":["null","double"]},{"name":"m","type":{"type":"map","values":"bytes"}}]}}},{"name":"d","type":"boolean"}]}',
    '02' || '0261' || '010e' || '0002026b02610' || '000' || '01', r)
  FROM unnest(ARRAY['{"type":"record","name":"R","fields":[{"name":"d","type":"boolean"},{"name":"a","type":"long"}]}', '{"type":"record","name":"R","fields":[]}',
    '{"type":"record","name":"R","fields":[{"name":"z","aliases":["y","b"],"type":"bytes"}]}', '{"type":"record","name":"R","fields":[{"name":"z","aliases":["b"],"type":"bytes"},{"name":"b","type":"int","default":5}]}']) AS r;
SELECT pg_temp.read('{"type":"record","name":"R","fields":[]}', '', '{"type":"record","name":"R","fields":[
    {"name":"n","type":"null","default":null},{"name":"b","type":"boolean","default":true},{"name":"i","type":"int","default":-7},{"name":"l","type":"long","default":9223372036854775807},
    {"name":"f","type":"float","default":1.5},{"name":"d","type":"double","default":1e100},{"name":"y","type":"bytes","default":"\u0000\u00ffa"},{"name":"s","type":"string","default":"\u00e4"},
    {"name":"x","type":{"type":"fixed","name":"F","size":2},"default":"\u0001\u00fe"},{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]},"default":"B"},
    {"name":"a","type":{"type":"array","items":{"type":"map","values":"int"}},"default":[{"k":1},{}]},{"name":"u","type":["null","string"],"default":"x"},{"name":"w","type":["int","long"],"default":5},
    {"name":"r","type":{"type":"record","name":"S","fields":[{"name":"p","type":"int"},{"name":"q","type":"string","default":"inner"}]},"default":{"p":1}},
    {"name":"t","type":{"type":"long","logicalType":"timestamp-millis"},"default":0},{"name":"c","type":{"type":"bytes","logicalType":"decimal","precision":5,"scale":2},"default":"\u0004\u00d2"}]}');
SELECT pg_temp.read('{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}', '02', '{"type":"record","name":"R","fields":[{"name":"b","type":"int"}]}');

-- Names of records, enums and fixed: unqualified, or by the reader's alias.
SELECT pg_temp.read('{"type":"fixed","name":"x.F","size":1}', '61', r)
  FROM unnest(ARRAY['{"type":"fixed","name":"y.F","size":1}', '{"type":"fixed","name":"G","size":1}', '{"type":"fixed","name":"G","aliases":["x.F"],"size":1}', '{"type":"fixed","name":"F","size":2}']) AS r;

-- Enums: by symbol; the enum's own default for those that are not known.
SELECT pg_temp.read('{"type":"enum","name":"E","symbols":["A","B","C"]}', hex, r)
  FROM (VALUES ('00'), ('02'), ('04')) AS h (hex), (VALUES ('{"type":"enum","name":"E","symbols":["C","A"]}'), ('{"type":"enum","name":"E","symbols":["C","A"],"default":"C"}')) AS t (r);

-- Unions on either side; of a record's namesakes the one with the same namespace.
SELECT w, hex, r, pg_temp.read(w, hex, r)
  FROM (VALUES ('"int"', '06', '["null","int"]'), ('"int"', '06', '["string","double"]'), ('"int"', '06', '["long","int"]'), ('"boolean"', '01', '["null","int"]'), ('["null","int"]', '0206', '"int"'), ('["null","int"]', '00', '"int"'),
        ('["null","int"]', '0206', '["double","null"]'), ('["int","string"]', '020261', '"string"'), ('["int","string"]', '020261', '"bytes"'), ('["null","int"]', '0206', '["null","string"]'), ('["null","int"]', '00', '["string","null"]'),
        ('{"type":"record","name":"y.A","fields":[]}', '', '[{"type":"record","name":"x.A","fields":[{"name":"f","type":"int","default":1}]},{"type":"record","name":"y.A","fields":[{"name":"f","type":"int","default":2}]}]')) AS t (w, hex, r);

-- Decimals only with the same precision and scale; times in the writer's unit.
SELECT pg_temp.read('{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}', '0264', r)
  FROM unnest(ARRAY['{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}', '{"type":"bytes","logicalType":"decimal","precision":4,"scale":1}', '"bytes"']) AS r;
SELECT pg_temp.read('{"type":"long","logicalType":"timestamp-millis"}', 'd00f', r)
  FROM unnest(ARRAY['{"type":"long","logicalType":"timestamp-micros"}', '"long"', '{"type":"long","logicalType":"local-timestamp-millis"}']) AS r;

-- A branch of the very type comes before one that it could be promoted to.
SELECT pg_temp.read('["string","bytes"]', '0202ff', '["string","bytes"]'), pg_temp.read('"bytes"', '0261', '["string","bytes"]'), pg_temp.read('"bytes"', '0261', '["null","string"]');

-- A number that is spelled as a text may stand beside an enum.
SELECT dataplat.avro_encode('"-Infinity"', u), dataplat.avro_encode('"A"', u), dataplat.avro_encode('7', u) FROM (VALUES ('["double",{"type":"enum","name":"E","symbols":["A"]}]')) AS x (u);

-- Arrays and maps by what is in them, even when nothing is.
SELECT pg_temp.read('{"type":"array","items":"int"}', '020600', '{"type":"array","items":"double"}'), pg_temp.read('{"type":"array","items":"int"}', '00', '{"type":"array","items":"string"}');

-- Recursion on both sides.
SELECT pg_temp.read('{"type":"record","name":"R","fields":[{"name":"v","type":"int"},{"name":"next","type":["null","R"]}]}', '020204020600',
    '{"type":"record","name":"R","fields":[{"name":"next","type":["null","R"]},{"name":"w","type":"string","default":"-"},{"name":"v","type":"double"}]}');

