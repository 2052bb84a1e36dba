-- Room jsonschema: validation as a function.

-- Each way in which the data breaks the schema; no row when it keeps to it.
CREATE OR REPLACE FUNCTION dataplat.json_schema_validate(
    data          jsonb,
    schema        jsonb,
    refs          jsonb DEFAULT '[]',
    check_formats boolean DEFAULT false,
    OUT path      text,
    OUT keyword   text,
    OUT message   text)
RETURNS SETOF record
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_json_schema_validate';
COMMENT ON FUNCTION dataplat.json_schema_validate(jsonb, jsonb, jsonb, boolean) IS 'every way in which data breaks a JSON Schema (drafts 4, 6, 7, 2019-09, 2020-12; draft 7 when it does not say): path of the value, keyword, and what is expected. refs are schemas that it may refer to, as [{"name": uri, "schema": ...}]';

-- The same for JSON as text, which may hold what a jsonb cannot: \u0000.
CREATE OR REPLACE FUNCTION dataplat.json_schema_validate(
    data          text,
    schema        text,
    refs          jsonb DEFAULT '[]',
    check_formats boolean DEFAULT false,
    OUT path      text,
    OUT keyword   text,
    OUT message   text)
RETURNS SETOF record
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_json_schema_validate_text';
COMMENT ON FUNCTION dataplat.json_schema_validate(text, text, jsonb, boolean) IS 'the same for data and a schema that are JSON as text: strings may hold \u0000, which a jsonb cannot';

-- What a source with this schema makes of a payload: a text for each field, then the rest.
CREATE OR REPLACE FUNCTION dataplat_internal.json_schema_read(payload bytea, schema text, fields text[])
RETURNS text[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_json_schema_read';
COMMENT ON FUNCTION dataplat_internal.json_schema_read(bytea, text, text[]) IS 'decode a JSON payload that must keep to a schema, as the workers do: the fields as text, then the members that are none of them';
REVOKE ALL ON FUNCTION dataplat_internal.json_schema_read(bytea, text, text[]) FROM PUBLIC;
