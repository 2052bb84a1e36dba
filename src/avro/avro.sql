-- Room avro: schemas and messages of Apache Avro.

CREATE OR REPLACE FUNCTION dataplat.avro_canonical(schema text)
RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_avro_canonical_sql';
COMMENT ON FUNCTION dataplat.avro_canonical(text) IS 'Parsing Canonical Form of an Avro schema: equal for schemas that read and write the same bytes';

CREATE OR REPLACE FUNCTION dataplat.avro_fingerprint(schema text, algorithm text DEFAULT 'crc64')
RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_avro_fingerprint_sql';
COMMENT ON FUNCTION dataplat.avro_fingerprint(text, text) IS 'fingerprint of an Avro schema''s canonical form: crc64 (CRC-64-AVRO, lowest byte first as in single-object encoding), md5 or sha256';

CREATE OR REPLACE FUNCTION dataplat.avro_decode(message bytea, writer text, reader text DEFAULT NULL)
RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_avro_decode_sql';
COMMENT ON FUNCTION dataplat.avro_decode(bytea, text, text) IS 'an Avro message, written with one schema and read with another (or the same), as jsonb; a single-object head of the writer''s is taken off';

CREATE OR REPLACE FUNCTION dataplat.avro_encode(value jsonb, schema text)
RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_avro_encode_sql';
COMMENT ON FUNCTION dataplat.avro_encode(jsonb, text) IS 'the bytes of an Avro message, from what avro_decode() makes of one';

CREATE OR REPLACE FUNCTION dataplat.decode_avro_file(file bytea)
RETURNS SETOF jsonb
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_avro_decode_file_sql';
COMMENT ON FUNCTION dataplat.decode_avro_file(bytea) IS 'the values of an Avro object container file (codecs null and deflate)';
