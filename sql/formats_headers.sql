-- Message headers keep their order, their duplicates and their bytes.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS dataplat;

-- Order and duplicates; null is not empty.
SELECT dataplat_internal.headers_to_jsonb('{trace,b,trace}', ARRAY['x'::bytea, NULL, '']);

-- Bytes that are no text, or hold a zero byte, stand under another name.
SELECT dataplat_internal.headers_to_jsonb('{utf8,broken,zero,"",ümläut}',
       ARRAY[convert_to('grün', 'UTF8'), '\xff00fe', '\x6100', 'x', '\x80']);

-- base64 agrees with the server's for all lengths.
SELECT bool_and(dataplat_internal.headers_to_jsonb('{h}', ARRAY[v]) -> 0 ->> 'base64'
                = replace(encode(v, 'base64'), E'\n', '')) AS agrees
  FROM (SELECT decode('ff' || left(repeat(md5('seed'), 20), n * 2), 'hex') AS v FROM generate_series(0, 300) AS n) AS t;

-- The bytes are those of the server's own jsonb.
SELECT bool_and(record_image_eq(
         ROW(dataplat_internal.headers_to_jsonb(array_agg_names, array_agg_values)),
         ROW(expected))) AS same
  FROM (SELECT n, array_agg('n' || i ORDER BY i) AS array_agg_names,
               array_agg(convert_to(repeat('v', i), 'UTF8') ORDER BY i) AS array_agg_values,
               jsonb_agg(jsonb_build_object('key', 'n' || i, 'value', repeat('v', i)) ORDER BY i) AS expected
          FROM generate_series(1, 70) AS n, generate_series(1, n) AS i
         GROUP BY n) AS t;

-- No headers: null, not an empty array.
SELECT dataplat_internal.headers_to_jsonb('{}', '{}') IS NULL AS none;

-- Misuse.
SELECT dataplat_internal.headers_to_jsonb('{a,b}', '{x}');
SELECT dataplat_internal.headers_to_jsonb('{NULL}', '{x}');
