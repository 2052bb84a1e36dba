-- Messages of Avro: every type, both ways, and what is refused.
SET timezone = 'UTC';
\pset format unaligned
\pset tuples_only on

-- Bytes to jsonb and back.
CREATE TEMP TABLE example (n int GENERATED ALWAYS AS IDENTITY, s text, hex text);
INSERT INTO example (s, hex) VALUES
    ('"null"', ''), ('"boolean"', '00'), ('"boolean"', '01'), ('"int"', '00'), ('"int"', '01'), ('"int"', 'feffffff0f'), ('"int"', 'ffffffff0f'),
    ('"long"', 'feffffffffffffffff01'), ('"long"', 'ffffffffffffffffff01'), ('"float"', '0000c03f'), ('"float"', 'cdcccc3d'), ('"double"', '000000000000f83f'), ('"double"', '9a9999999999b93f'),
    ('"double"', '000000000000f87f'), ('"double"', '000000000000f0ff'), ('"double"', '9c7500883ce4377e'), ('"bytes"', '00'), ('"bytes"', '0600ff10'), ('"string"', '0ac3a4e282ac'), ('"string"', '00'),
    ('{"type":"fixed","name":"F","size":3}', '616263'), ('{"type":"enum","name":"E","symbols":["A","B"]}', '02'),
    ('{"type":"array","items":"int"}', '00'), ('{"type":"array","items":"int"}', '04020400'), ('{"type":"array","items":"int"}', '030402040206' || '00'),
    ('{"type":"map","values":"int"}', '0402610202620400'), ('["null","int"]', '00'), ('["null","int"]', '0206'), ('["int","long","string","null"]', '0206'), ('["int","long","string","null"]', '040261'),
    ('[{"type":"map","values":"int"},"int","long"]', '000202610200'), ('{"type":"record","name":"R","fields":[]}', ''),
    ('{"type":"record","name":"R","fields":[{"name":"b","type":"int"},{"name":"a","type":"string"},{"name":"next","type":["null","R"]}]}', '0202610204' || '0000');
SELECT s, hex, dataplat.avro_decode(decode(hex, 'hex'), s) AS j, encode(dataplat.avro_encode(dataplat.avro_decode(decode(hex, 'hex'), s), s), 'hex') = hex AS back FROM example ORDER BY n;

-- Logical types; what a type cannot hold stays the number it is.
SELECT l, v, encode(b, 'hex'), dataplat.avro_decode(b, s)
  FROM (VALUES ('int', 'date', '"2024-02-29"'), ('int', 'date', '"0001-01-01"'), ('int', 'date', '3000000'), ('int', 'time-millis', '"23:59:59.999"'), ('long', 'time-micros', '"00:00:00.000001"'),
        ('int', 'time-millis', '-1'), ('long', 'timestamp-millis', '"1969-12-31T23:59:59.999+00:00"'), ('long', 'timestamp-millis', '"2024-02-29T12:00:00+05:30"'), ('long', 'timestamp-micros', '"9999-12-31T23:59:59.999999Z"'),
        ('long', 'timestamp-micros', '9223372036854775807'), ('long', 'timestamp-nanos', '"2024-02-29T12:00:00.123456789+00:00"'), ('long', 'local-timestamp-millis', '"2024-02-29T12:00:00.5"'),
        ('long', 'local-timestamp-nanos', '"1677-09-22T00:00:00"'), ('string', 'uuid', '"01234567-89ab-cdef-0123-456789abcdef"')) AS t (t, l, v),
       format('{"type":"%s","logicalType":"%s"}', t, l) AS s, dataplat.avro_encode(v::jsonb, s) AS b;
SELECT v, encode(b, 'hex'), dataplat.avro_decode(b, s)
  FROM (VALUES ('0'), ('1.5'), ('-1.28'), ('-1.29'), ('99999999999999999999.99'), ('-99999999999999999999.99'), ('0.01'), ('100000000000000')) AS t (v),
       (VALUES ('{"type":"bytes","logicalType":"decimal","precision":22,"scale":2}'), ('{"type":"fixed","size":10,"name":"D","logicalType":"decimal","precision":22,"scale":2}')) AS u (s),
       dataplat.avro_encode(v::jsonb, s) AS b;
SELECT encode(b, 'hex'), dataplat.avro_decode(b, s), encode(u, 'hex'), dataplat.avro_decode(u, us)
  FROM (VALUES ('{"type":"fixed","size":12,"name":"D","logicalType":"duration"}', '{"type":"fixed","size":16,"name":"U","logicalType":"uuid"}')) AS t (s, us),
       dataplat.avro_encode('"P1Y2M3DT4H5M6.007S"', s) AS b, dataplat.avro_encode('"01234567-89ab-cdef-0123-456789abcdef"', us) AS u;
-- a logical type that is none is ignored
SELECT dataplat.avro_decode('\x0400ff', '{"type":"bytes","logicalType":"decimal","precision":2,"scale":3}'), dataplat.avro_decode('\x02', '{"type":"int","logicalType":"timestamp-millis"}');

-- Not messages of the schema.
CREATE FUNCTION pg_temp.problem(b bytea, s text, r text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    d text;
BEGIN
    RETURN 'read as ' || dataplat.avro_decode(b, s, r)::text;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' ', SQLSTATE, SQLERRM, nullif(d, ''));
END
$$;
SELECT s, hex, pg_temp.problem(decode(hex, 'hex'), s)
  FROM (VALUES ('"int"', ''), ('"int"', '80'), ('"int"', 'ffffffff1f'), ('"int"', '0202'), ('"long"', 'ffffffffffffffffff02'), ('"long"', 'ffffffffffffffffffff01'), ('"boolean"', '07'), ('"boolean"', ''), ('"float"', '000000'),
        ('"double"', '00000000000000'), ('"string"', '0261ff'), ('"string"', '04ff61'), ('"string"', '026100'), ('"string"', '0461'), ('"string"', '0400' || '61'), ('"string"', '01'), ('"string"', 'feffffffffffffffff01'), ('"bytes"', '80808080808080808001'),
        ('"null"', '00'), ('{"type":"enum","name":"E","symbols":["A","B"]}', '04'), ('{"type":"enum","name":"E","symbols":["A","B"]}', '01'), ('["null","int"]', '04'), ('["null","int"]', '01'), ('["null","int","string"]', '06'), ('[]', '00'),
        ('{"type":"fixed","name":"F","size":4}', '616263'), ('{"type":"array","items":"int"}', '02'), ('{"type":"array","items":"int"}', '0202'), ('{"type":"array","items":"int"}', '0101' || '0200'), ('{"type":"map","values":"int"}', '0204610200'), ('{"type":"map","values":"int"}', '0202ff0200'),
        ('{"type":"array","items":"null"}', 'feffffff0f00'), ('{"type":"array","items":"null"}', 'ffffffffffffffffff010000'), ('{"type":"array","items":{"type":"record","name":"R","fields":[]}}', '80808080808080808001' || '00'),
        ('{"type":"record","name":"R","fields":[{"name":"r","type":"R"}]}', '')) AS t (s, hex);
-- as deep as it likes, but not deeper than the limit; no stack is used up
SELECT pg_temp.problem(decode(repeat('02', 500) || '00', 'hex'), '{"type":"record","name":"R","fields":[{"name":"r","type":["null","R"]}]}') LIKE 'read as%',
       pg_temp.problem(decode(repeat('02', 400000), 'hex'), '{"type":"record","name":"R","fields":[{"name":"r","type":["null","R"]}]}');
-- strings of all lengths around vectors and headers, with something bad at their end
SELECT count(*) FILTER (WHERE dataplat.avro_decode(dataplat.avro_encode(to_jsonb(t), '"string"'), '"string"') #>> '{}' = t) AS good
  FROM generate_series(0, 300) AS n, repeat('a', n) AS t;
SELECT count(*) FROM generate_series(0, 60) AS n WHERE pg_temp.problem(dataplat.avro_encode(to_jsonb(repeat('a', n) || 'b'), '"string"'), '"string"') LIKE 'read as%'
   AND pg_temp.problem(set_byte(dataplat.avro_encode(to_jsonb(repeat('a', n) || 'b'), '"string"'), n + (length(dataplat.avro_encode(to_jsonb(repeat('a', n) || 'b'), '"string"')) - n - 1), 255), '"string"') LIKE '22021%';

-- Not values of the schema.
CREATE FUNCTION pg_temp.refused(j jsonb, s text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN encode(dataplat.avro_encode(j, s), 'hex');
EXCEPTION WHEN OTHERS THEN
    RETURN concat_ws(' ', SQLSTATE, SQLERRM);
END
$$;
SELECT s, j, pg_temp.refused(j::jsonb, s)
  FROM (VALUES ('"null"', '0'), ('"boolean"', '"true"'), ('"int"', '2147483648'), ('"int"', '1.5'), ('"int"', '1.0'), ('"long"', '1e30'), ('"float"', '1e39'), ('"double"', '"NaN"'), ('"double"', '"x"'), ('"string"', '1'), ('"bytes"', '"="'), ('"bytes"', '"YQ=="'), ('"bytes"', '"Y!=="'),
        ('{"type":"fixed","name":"F","size":4}', '"YWJj"'), ('{"type":"enum","name":"E","symbols":["A"]}', '"B"'), ('{"type":"array","items":"int"}', '{}'), ('{"type":"map","values":"int"}', '{"a":"b"}'),
        ('{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}', '{}'), ('{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}', '{"a":1,"b":2}'), ('{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":7}]}', '{}'),
        ('["null","int"]', '"x"'), ('["int","string"]', 'true'), ('["null","string"]', '{"string":"x"}'), ('["int","long"]', '5000000000'), ('["int","long"]', '{"long":5}'), ('["float","string"]', '{"float":1}'), ('[]', 'null')) AS t (s, j);

-- Single-object encoding is taken off when it is of this schema.
SELECT dataplat.avro_decode('\xc301'::bytea || dataplat.avro_fingerprint('"int"') || '\x02', '"int"'),
       pg_temp.problem('\xc301'::bytea || dataplat.avro_fingerprint('"long"') || '\x02', '"int"');

-- Nulls.
SELECT dataplat.avro_decode(NULL, '"int"') IS NULL, dataplat.avro_decode('\x02', NULL) IS NULL, dataplat.avro_encode(NULL, '"int"') IS NULL;

-- One call site, many schemas.
SELECT dataplat.avro_decode('\x02', s) FROM unnest(ARRAY['"int"', '"long"', '"int"', '{"type":"enum","name":"E","symbols":["A","B"]}', '["null","int"]']) AS s WHERE s NOT LIKE '[%';

