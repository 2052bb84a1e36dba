/* pipeline: the writer of target tables, for SQL. */

CREATE OR REPLACE FUNCTION dataplat_internal.write_rows(target regclass, query text, keys text[], mode text,
    OUT inserted bigint, OUT updated bigint, OUT deleted bigint, OUT unchanged bigint, OUT sql_reason text)
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_write_rows';
COMMENT ON FUNCTION dataplat_internal.write_rows(regclass, text, text[], text) IS
    'bring the rows of a query to a table as pipelines do, with the rights of the caller: put, remove or append';
REVOKE ALL ON FUNCTION dataplat_internal.write_rows(regclass, text, text[], text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.apply_rows(mode text, pipeline_id int, target regclass, query text, keys text[],
    sequence_by text DEFAULT NULL, delete_when text DEFAULT NULL, track_history_on text[] DEFAULT NULL, afresh boolean DEFAULT false,
    OUT inserted bigint, OUT updated bigint, OUT deleted bigint, OUT unchanged bigint, OUT late bigint)
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_apply_rows';
COMMENT ON FUNCTION dataplat_internal.apply_rows(text, int, regclass, text, text[], text, text, text[], boolean) IS
    'apply the rows of a query to a table as events of a pipeline, in the order in which they come: upsert or scd2';
REVOKE ALL ON FUNCTION dataplat_internal.apply_rows(text, int, regclass, text, text[], text, text, text[], boolean) FROM PUBLIC;
