-- Run the cases of a test suite; see run.sh.  Variable: cases, a file.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
CREATE TEMP TABLE suite_case (draft text, optional boolean, file text, title text, schema text, refs text, data text, valid boolean);
SELECT format('\copy suite_case FROM %L', :'cases') AS copy \gset
:copy

CREATE FUNCTION pg_temp.verdict(data text, schema text, refs text, formats boolean) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    RETURN NOT EXISTS (SELECT FROM dataplat.json_schema_validate(data::jsonb, schema::jsonb, refs::jsonb, formats));
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END;
$$;

CREATE TEMP TABLE suite_result AS
SELECT c.*, pg_temp.verdict(c.data, c.schema, c.refs, c.file LIKE '%format%') AS verdict
  FROM suite_case AS c;
