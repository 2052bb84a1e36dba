/* registry: the framing by which messages name their schema. */

CREATE OR REPLACE FUNCTION dataplat.wire_decode(message bytea, headers jsonb DEFAULT NULL, protobuf boolean DEFAULT false,
    OUT framing text, OUT schema_id int, OUT guid uuid, OUT fingerprint bytea, OUT message_indexes int[], OUT body bytea)
LANGUAGE c IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_wire_decode';
COMMENT ON FUNCTION dataplat.wire_decode(bytea, jsonb, boolean) IS
    'take the framing off a message: framing none, prefix (0 and an id), header (a GUID in __value_schema_id of headers, an array as bronze tables have it) or single_object (Avro), and the body; protobuf: message indexes follow';

CREATE OR REPLACE FUNCTION dataplat.wire_encode(body bytea, schema_id int DEFAULT NULL, message_indexes int[] DEFAULT NULL,
    fingerprint bytea DEFAULT NULL)
RETURNS bytea
LANGUAGE c IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_wire_encode';
COMMENT ON FUNCTION dataplat.wire_encode(bytea, int, int[], bytea) IS
    'put framing before a body: 0 and a schema id, or the single-object form of an Avro fingerprint; message_indexes (of Protobuf, ''{}'' for the first message) after it';
