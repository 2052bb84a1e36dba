-- Run the cases of a test suite; see run.sh.  Variable: cases, a file.
\set ON_ERROR_STOP 1
CREATE TEMP TABLE suite_case (draft text, optional boolean, file text, title text, schema text, refs text, data text, valid boolean);
SELECT format('\copy suite_case FROM %L', :'cases') AS copy \gset
:copy

-- Does the data keep to the schema?  An error is told as such.
CREATE FUNCTION pg_temp.verdict(data text, schema text, refs text, formats boolean) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    RETURN CASE WHEN EXISTS (SELECT FROM dataplat.json_schema_validate(data, schema, refs::jsonb, formats)) THEN 'invalid' ELSE 'valid' END;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END;
$$;

CREATE TEMP TABLE suite_result AS
SELECT c.*, pg_temp.verdict(c.data, c.schema, c.refs, c.file LIKE 'optional/format/%' OR c.file = 'optional/ecmascript-regex.json') AS verdict
  FROM suite_case AS c;

SELECT 'summary', draft, CASE WHEN optional THEN 'optional' ELSE 'required' END, count(*) AS cases,
       count(*) FILTER (WHERE (verdict = 'valid') = valid AND verdict IN ('valid', 'invalid')) AS hold
  FROM suite_result
 GROUP BY draft, optional
 ORDER BY optional, draft;

SELECT 'failed', CASE WHEN optional THEN 'optional' ELSE 'required' END, draft, file, title, verdict
  FROM suite_result
 WHERE verdict <> CASE WHEN valid THEN 'valid' ELSE 'invalid' END
 ORDER BY optional, draft, file, title;
