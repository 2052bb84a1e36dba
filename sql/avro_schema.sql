-- Schemas of Avro: canonical forms, fingerprints, and what is refused.
\pset format unaligned
\pset tuples_only on

-- What readers need is kept, in the specification's order.
SELECT dataplat.avro_canonical(s) FROM unnest(ARRAY[
    '"int"', '{"type":"int"}', ' {"type" : "int", "logicalType": "date"} ', '[ "null" , {"type":"string"} ]', '{"type":"array","items":{"type":"map","values":"long"}}',
    '{"fields":[{"type":{"type":"enum","symbols":["A","B"],"name":"E","default":"A","doc":"d"},"name":"e","default":"A","order":"ignore"},{"name":"s","type":["null","x.R"]}],"doc":"d","aliases":["Q"],"namespace":"x","name":"R","type":"record"}',
    '{"type":"fixed","name":"a.b.F","size":16,"extra":{"a":1}}', '{"type":"error","name":"X","fields":[]}', '{"type":"record","name":"A","namespace":"n","fields":[{"name":"b","type":{"type":"record","name":"B","namespace":"","fields":[]}}]}'
]) WITH ORDINALITY AS t (s, n) ORDER BY n;

-- The values of the specification and of the server's own digests.
SELECT encode(dataplat.avro_fingerprint('"int"'), 'hex'), encode(dataplat.avro_fingerprint('"string"', 'CRC-64-AVRO'), 'hex');
SELECT bool_and(dataplat.avro_fingerprint(s, 'MD5') = decode(md5(dataplat.avro_canonical(s)), 'hex')),
       bool_and(dataplat.avro_fingerprint(s, 'SHA-256') = sha256(convert_to(dataplat.avro_canonical(s), 'UTF8')))
  FROM generate_series(0, 300) AS n, format('{"type":"record","name":"%s","fields":[]}', 'R' || repeat('x', n)) AS s;
SELECT dataplat.avro_fingerprint('"int"', 'crc32');

-- Each with its reason; DETAIL says where.
SELECT dataplat.avro_canonical('{"type":"record","name":"R","fields":[{"name":"e","type":{"type":"enum","name":"E","symbols":["A","A"]}}]}');
CREATE FUNCTION pg_temp.problem(s text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    d text;
BEGIN
    PERFORM dataplat.avro_canonical(s);
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' ', SQLSTATE, SQLERRM, nullif(d, ''));
END
$$;
SELECT s, pg_temp.problem(s) FROM unnest(ARRAY[
    '', '{', '"int" x', '5', 'null', '"none"', '{}', '{"type":"none"}', '[["int"]]', '["int","int"]', '["null",["string"]]',
    '[{"type":"array","items":"int"},{"type":"array","items":"long"}]', '[{"type":"fixed","name":"F","size":1},"F"]',
    '{"type":"record","fields":[]}', '{"type":"record","name":"R"}', '{"type":"record","name":"R","fields":{}}', '{"type":"record","name":"a-b","fields":[]}',
    '{"type":"record","name":"1","fields":[]}', '{"type":"record","name":"","fields":[]}', '{"type":"record","name":"int","fields":[]}', '{"type":"record","name":"R","namespace":"a..b","fields":[]}',
    '{"type":"record","name":"R","fields":[5]}', '{"type":"record","name":"R","fields":[{"type":"int"}]}', '{"type":"record","name":"R","fields":[{"name":"a"}]}',
    '{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}', '{"type":"record","name":"R","fields":[{"name":"a b","type":"int"}]}',
    '{"type":"record","name":"R","fields":[{"name":"a","type":"int","order":"up"}]}', '{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"record","name":"R","fields":[]}}]}',
    '{"type":"enum","name":"E"}', '{"type":"enum","name":"E","symbols":["a-b"]}', '{"type":"enum","name":"E","symbols":["A","A"]}', '{"type":"enum","name":"E","symbols":["A"],"default":"B"}',
    '{"type":"enum","name":"E","symbols":[1]}', '{"type":"fixed","name":"F"}', '{"type":"fixed","name":"F","size":-1}', '{"type":"fixed","name":"F","size":"1"}', '{"type":"fixed","name":"F","size":99999999999}',
    '{"type":"array"}', '{"type":"map","values":"x"}'
]) WITH ORDINALITY AS t (s, n) ORDER BY n;

-- Defaults must be values of the type.  Of a union, of any branch.
SELECT t, v, pg_temp.problem(format('{"type":"record","name":"R","fields":[{"name":"a","type":%s,"default":%s}]}', t, v))
  FROM (VALUES ('"null"', 'null'), ('"null"', '0'), ('"boolean"', 'true'), ('"boolean"', '1'), ('"int"', '2147483647'), ('"int"', '2147483648'), ('"int"', '1.0'), ('"int"', '"1"'),
        ('"long"', '9223372036854775807'), ('"long"', '9223372036854775808'), ('"float"', '1'), ('"double"', '1e3'), ('"double"', '"NaN"'), ('"string"', '"x"'), ('"string"', 'null'),
        ('"bytes"', '"\u0000\u00ff"'), ('"bytes"', '"\u0100"'), ('{"type":"fixed","name":"F","size":2}', '"ab"'), ('{"type":"fixed","name":"F","size":2}', '"abc"'),
        ('{"type":"enum","name":"E","symbols":["A"]}', '"A"'), ('{"type":"enum","name":"E","symbols":["A"]}', '"B"'), ('{"type":"array","items":"int"}', '[1]'), ('{"type":"array","items":"int"}', '["1"]'),
        ('{"type":"map","values":"int"}', '{"a":1}'), ('{"type":"map","values":"int"}', '[]'), ('["null","int"]', 'null'), ('["null","int"]', '5'), ('["null","int"]', '"5"'),
        ('{"type":"record","name":"S","fields":[{"name":"b","type":"int"}]}', '{"b":1}'), ('{"type":"record","name":"S","fields":[{"name":"b","type":"int"}]}', '{}'),
        ('{"type":"record","name":"S","fields":[{"name":"b","type":"int","default":3}]}', '{}')) AS d (t, v);

-- Limits.
SELECT pg_temp.problem(repeat('{"type":"array","items":', 150) || '"int"' || repeat('}', 150)), pg_temp.problem(repeat('{"type":"array","items":', 250) || '"int"' || repeat('}', 250)),
       pg_temp.problem(repeat('[', 100000)), pg_temp.problem('"' || repeat('x', 5000000) || '"');

