-- Room protobuf: messages and schemas as functions that need no registry.

-- A message to jsonb by the rules of ProtoJSON.
CREATE OR REPLACE FUNCTION dataplat.protobuf_decode(payload bytea, schema text, message text, refs jsonb DEFAULT '[]')
RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_protobuf_decode_sql';
COMMENT ON FUNCTION dataplat.protobuf_decode(bytea, text, text, jsonb) IS 'a Protobuf message as jsonb, by the rules of ProtoJSON; message is a name in the schema, and refs lists the files it imports as [{"name": path, "schema": text}]';

-- The same from jsonb.
CREATE OR REPLACE FUNCTION dataplat.protobuf_encode(data jsonb, schema text, message text, refs jsonb DEFAULT '[]')
RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_protobuf_encode_sql';
COMMENT ON FUNCTION dataplat.protobuf_encode(jsonb, text, text, jsonb) IS 'jsonb as a Protobuf message; members may have their name in JSON or the name that the schema declares';

-- What the registry calls, for tests.
CREATE OR REPLACE FUNCTION dataplat_internal.protobuf_print(schema text, normal boolean DEFAULT false, refs jsonb DEFAULT '[]')
RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_protobuf_print_sql';
COMMENT ON FUNCTION dataplat_internal.protobuf_print(text, boolean, jsonb) IS 'the text that tells whether two schemas are the same';
REVOKE ALL ON FUNCTION dataplat_internal.protobuf_print(text, boolean, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.protobuf_serialized(schema text, refs jsonb DEFAULT '[]')
RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_protobuf_serialized_sql';
COMMENT ON FUNCTION dataplat_internal.protobuf_serialized(text, jsonb) IS 'a schema as a FileDescriptorProto in base64';
REVOKE ALL ON FUNCTION dataplat_internal.protobuf_serialized(text, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.protobuf_diff(old_schema text, new_schema text, old_refs jsonb DEFAULT '[]', new_refs jsonb DEFAULT '[]', OUT type text, OUT path text, OUT message text, OUT compatible boolean)
RETURNS SETOF record
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_protobuf_diff_sql';
COMMENT ON FUNCTION dataplat_internal.protobuf_diff(text, text, jsonb, jsonb) IS 'what changed between two schemas, in the words of Confluent''s registry';
REVOKE ALL ON FUNCTION dataplat_internal.protobuf_diff(text, text, jsonb, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.protobuf_fields(schema text, message text DEFAULT NULL, refs jsonb DEFAULT '[]', OUT name text, OUT type text, OUT nullable boolean, OUT has_default boolean)
RETURNS SETOF record
LANGUAGE c IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_protobuf_fields_sql';
COMMENT ON FUNCTION dataplat_internal.protobuf_fields(text, text, jsonb) IS 'the columns that messages make';
REVOKE ALL ON FUNCTION dataplat_internal.protobuf_fields(text, text, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.protobuf_columns(payload bytea, schema text, message text, refs jsonb, fields text[], types text[], rescue boolean DEFAULT false)
RETURNS text[]
LANGUAGE c STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_protobuf_columns_sql';
COMMENT ON FUNCTION dataplat_internal.protobuf_columns(bytea, text, text, jsonb, text[], text[], boolean) IS 'values of typed columns as text; a tilde marks those that the input function of the type made';
REVOKE ALL ON FUNCTION dataplat_internal.protobuf_columns(bytea, text, text, jsonb, text[], text[], boolean) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.bench_protobuf(payload bytea, schema text, message text, loops integer, fields text[] DEFAULT '{}', types text[] DEFAULT '{}')
RETURNS double precision
LANGUAGE c VOLATILE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_bench_protobuf';
COMMENT ON FUNCTION dataplat_internal.bench_protobuf(bytea, text, text, integer, text[], text[]) IS 'nanoseconds to decode a Protobuf message to jsonb, or to typed columns when there are fields; for benchmarks';
REVOKE ALL ON FUNCTION dataplat_internal.bench_protobuf(bytea, text, text, integer, text[], text[]) FROM PUBLIC;
