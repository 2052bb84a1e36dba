-- Room formats: the decoders as functions, for tests and for looking at a
-- payload.  The workers call the same code without SQL.

-- What a source with format json stores for this payload.
CREATE OR REPLACE FUNCTION dataplat_internal.json_to_jsonb(payload bytea)
RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_json_to_jsonb_sql';
COMMENT ON FUNCTION dataplat_internal.json_to_jsonb(bytea) IS 'decode a JSON payload as the workers do; the error names the byte';
REVOKE ALL ON FUNCTION dataplat_internal.json_to_jsonb(bytea) FROM PUBLIC;

-- What the headers column holds for these headers.
CREATE OR REPLACE FUNCTION dataplat_internal.headers_to_jsonb(names text[], header_values bytea[])
RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_headers_to_jsonb_sql';
COMMENT ON FUNCTION dataplat_internal.headers_to_jsonb(text[], bytea[]) IS 'message headers as an ordered jsonb array';
REVOKE ALL ON FUNCTION dataplat_internal.headers_to_jsonb(text[], bytea[]) FROM PUBLIC;

-- Compare our decoder with the server's on one document.
CREATE OR REPLACE FUNCTION dataplat_internal.bench_json(doc text, loops integer, server boolean DEFAULT false)
RETURNS double precision
LANGUAGE c VOLATILE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_bench_json';
COMMENT ON FUNCTION dataplat_internal.bench_json(text, integer, boolean) IS 'nanoseconds to convert a document to jsonb, with our decoder or the server''s; for benchmarks';
REVOKE ALL ON FUNCTION dataplat_internal.bench_json(text, integer, boolean) FROM PUBLIC;

-- What a source with format csv stores for this payload; names null for an array.
CREATE OR REPLACE FUNCTION dataplat_internal.csv_to_jsonb(payload bytea, delimiter text DEFAULT ',', names text[] DEFAULT NULL)
RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_csv_to_jsonb_sql';
COMMENT ON FUNCTION dataplat_internal.csv_to_jsonb(bytea, text, text[]) IS 'decode one CSV record as the workers do: an object with names, an array without';
REVOKE ALL ON FUNCTION dataplat_internal.csv_to_jsonb(bytea, text, text[]) FROM PUBLIC;

-- What typed columns hold for this payload; delimiter null for JSON.
CREATE OR REPLACE FUNCTION dataplat_internal.decode_columns(payload bytea, delimiter text, fields text[], types text[], not_null boolean[])
RETURNS text[]
LANGUAGE c STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_decode_columns';
COMMENT ON FUNCTION dataplat_internal.decode_columns(bytea, text, text[], text[], boolean[]) IS 'values of typed columns as text; a tilde marks those that the input function of the type made';
REVOKE ALL ON FUNCTION dataplat_internal.decode_columns(bytea, text, text[], text[], boolean[]) FROM PUBLIC;

-- A type as it is written in a list of columns, in the words of format_type().
CREATE OR REPLACE FUNCTION dataplat_internal.full_type_name(written text)
RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_full_type_name';
COMMENT ON FUNCTION dataplat_internal.full_type_name(text) IS 'name of a type as the server writes it, with its length or precision';
REVOKE ALL ON FUNCTION dataplat_internal.full_type_name(text) FROM PUBLIC;

-- How long typed columns take for one document.
CREATE OR REPLACE FUNCTION dataplat_internal.bench_columns(payload bytea, fields text[], types text[], not_null boolean[], loops integer)
RETURNS double precision
LANGUAGE c VOLATILE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_bench_columns';
COMMENT ON FUNCTION dataplat_internal.bench_columns(bytea, text[], text[], boolean[], integer) IS 'nanoseconds to decode a JSON document to typed columns; for benchmarks';
REVOKE ALL ON FUNCTION dataplat_internal.bench_columns(bytea, text[], text[], boolean[], integer) FROM PUBLIC;
