-- Where the columns of a statement come from.

-- No SET search_path: the statements are looked up in the caller's.
CREATE OR REPLACE FUNCTION dataplat.column_lineage(
    sql           text,
    through_views boolean DEFAULT true,
    OUT output_column    text,
    OUT source_relation  text,
    OUT source_column    text,
    OUT type             text,
    OUT subtype          text,
    OUT ordinal          integer,
    OUT target_relation  text,
    OUT masking          boolean,
    OUT statement        integer)
RETURNS SETOF record
LANGUAGE c STABLE STRICT
AS 'MODULE_PATHNAME', 'dp_column_lineage';
COMMENT ON FUNCTION dataplat.column_lineage(text, boolean) IS
    'which columns the columns of statements come from; nothing is run, and an error is raised unless the caller might run them; output_column NULL: of all the rows';

CREATE OR REPLACE FUNCTION dataplat_internal.statement_lineage(
    sql           text,
    search_path   text,
    through_views boolean DEFAULT true,
    OUT output_column    text,
    OUT source_relation  text,
    OUT source_column    text,
    OUT type             text,
    OUT subtype          text,
    OUT ordinal          integer,
    OUT target_relation  text,
    OUT masking          boolean,
    OUT statement        integer)
RETURNS SETOF record
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_statement_lineage';
COMMENT ON FUNCTION dataplat_internal.statement_lineage(text, text, boolean) IS
    'column_lineage() with a search_path of its own and without asking for rights on the relations';
REVOKE ALL ON FUNCTION dataplat_internal.statement_lineage(text, text, boolean) FROM PUBLIC;
