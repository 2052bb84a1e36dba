-- One CSV record becomes a jsonb of strings: an object with names, an array
-- without.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS dataplat;

CREATE FUNCTION pg_temp.csv(record text, delimiter text DEFAULT ',', names text[] DEFAULT NULL) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    RETURN dataplat_internal.csv_to_jsonb(convert_to(record, 'UTF8'), delimiter, names)::text;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM, nullif(detail, ''));
END;
$$;

-- Quoting, empty fields, line ends.  Empty and not quoted is null.
SELECT n, pg_temp.csv(record)
  FROM (VALUES
    (1, 'a,b,c'), (2, ','), (3, '""'), (4, 'a,,""'), (5, '"say ""hi""",x'), (6, E'"two\nlines",x'), (7, E'"a,b",c\r\n'),
    (8, E'a\n'), (9, E'a\r'), (10, E'\n'), (11, ' a , b '), (12, 'äöü,"€"'), (13, '""""'), (14, '"",""'), (15, 'a,'),
    (16, 'NULL,0,1.10,true')) AS t (n, record)
 ORDER BY n;

-- Names make an object; of equal names the last field wins, as in JSON.
SELECT pg_temp.csv('1;;x', ';', '{id,note,name}');
SELECT pg_temp.csv(E'1\t2', E'\t', '{a,a}');
SELECT pg_temp.csv((SELECT string_agg(i::text, '|') FROM generate_series(1, 600) AS i), '|',
                   (SELECT array_agg('c' || i) FROM generate_series(1, 600) AS i))
     = (SELECT jsonb_object_agg('c' || i, i::text)::text FROM generate_series(1, 600) AS i) AS wide_is_right;

-- The bytes are those of the server's own jsonb.
SELECT bool_and(record_image_eq(ROW(dataplat_internal.csv_to_jsonb(convert_to(format('%s,"x %s",,%s', i, i, repeat('y', i)), 'UTF8'), ',', '{id,bb,a,text}')),
                                ROW(jsonb_build_object('id', i::text, 'bb', 'x ' || i, 'a', null, 'text', nullif(repeat('y', i), ''))))) AS same
  FROM generate_series(0, 300) AS i;

-- What is refused, with the byte.
SELECT n, pg_temp.csv(record, delimiter, names)
  FROM (VALUES
    (1, '', ',', NULL::text[]), (2, 'a"b,c', ',', NULL), (3, '"a', ',', NULL), (4, '"a"b', ',', NULL), (5, '"a" ,b', ',', NULL),
    (6, E'a\nb', ',', NULL), (7, E'a\r\n\r\n', ',', NULL), (8, E'"a"\nb', ',', NULL), (9, 'a,b', ',', '{x}'), (10, 'a', ',', '{x,y}'),
    (11, 'a', '"', NULL), (12, 'a', E'\n', NULL), (13, 'a', '', NULL), (14, 'a', 'ä', NULL), (15, 'a', ',', '{}'),
    (16, repeat(',', 10000), ',', NULL)) AS t (n, record, delimiter, names)
 ORDER BY n;
SELECT dataplat_internal.csv_to_jsonb('\x612cff', ',');
SELECT dataplat_internal.csv_to_jsonb('\x612c00', ',');
