-- Room query: what the plans of pipelines call.

-- doc -> 'a' -> 0 ->> 'b' as one call, with the result of the type that a
-- plan puts there; called by hand it is text.  Steps: k a key, e an element of an
-- array, p of a path; a j behind them: as it
-- stands, a jsonb.  Everybody may call it: it only reads its argument.
CREATE OR REPLACE FUNCTION dataplat_internal.json_field(document jsonb, path text[], steps text, number integer)
RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'dp_json_field';
COMMENT ON FUNCTION dataplat_internal.json_field(jsonb, text[], text, integer) IS 'a field of a document, as plans of pipelines read it; steps: k key, e element, p path';

-- The rows of a query as text, by the plan that a pipeline would have.
CREATE OR REPLACE FUNCTION dataplat_internal.query_rows(query text)
RETURNS SETOF text
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'dp_query_rows';
COMMENT ON FUNCTION dataplat_internal.query_rows(text) IS 'the rows of a SELECT, run as pipelines run theirs; for tests';
REVOKE ALL ON FUNCTION dataplat_internal.query_rows(text) FROM PUBLIC;
