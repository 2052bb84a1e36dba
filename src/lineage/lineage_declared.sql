-- lineage: providers for what the server itself keeps: views, materialized views, functions in SQL.

CREATE OR REPLACE FUNCTION dataplat_internal.view_lineage(job text, relation oid)
RETURNS SETOF dataplat_internal.lineage_fact
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_view_lineage';
COMMENT ON FUNCTION dataplat_internal.view_lineage(text, oid) IS 'where the columns of a view or materialized view come from; views that it reads are not looked through';

CREATE OR REPLACE FUNCTION dataplat_internal.function_lineage(job text, function oid)
RETURNS SETOF dataplat_internal.lineage_fact
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_function_lineage';
COMMENT ON FUNCTION dataplat_internal.function_lineage(text, oid) IS 'what a function in SQL reads, returns and writes';

CREATE OR REPLACE FUNCTION dataplat_internal.query_lineage(job text, output text, owner name, path text, query text)
RETURNS SETOF dataplat_internal.lineage_fact
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_query_lineage';
COMMENT ON FUNCTION dataplat_internal.query_lineage(text, text, name, text, text) IS
    'where the columns of a query come from that a role runs in a search_path; an error unless the role may run it';

-- One object that cannot be read does not keep the others from it.
CREATE OR REPLACE FUNCTION dataplat_internal.lineage_of_relations(kind "char", label text)
RETURNS SETOF dataplat_internal.lineage_fact
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r record;
BEGIN
    FOR r IN
        SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
         WHERE c.relkind = kind AND dataplat_internal.is_lineage_schema(n.nspname)
           AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
           -- what another provider has said already, of pipelines in mode view
           AND NOT EXISTS (SELECT FROM dataplat_internal.lineage_edge AS e
                            WHERE e.origin = 'pipeline' AND e.valid_to IS NULL AND e.output_node = format('%I.%I', n.nspname, c.relname))
    LOOP
        BEGIN
            RETURN QUERY SELECT f.* FROM dataplat_internal.view_lineage(label || r.name, r.oid) AS f;
        EXCEPTION
            WHEN lock_not_available OR deadlock_detected THEN
                RAISE;
            WHEN OTHERS THEN
                RETURN NEXT dataplat_internal.unread_job(label || r.name, SQLERRM);
        END;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.lineage_of_relations("char", text) IS 'lineage of all views, or all materialized views';

CREATE OR REPLACE FUNCTION dataplat_internal.unread_job(job text, problem text)
RETURNS dataplat_internal.lineage_fact
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT ROW(job, NULL, NULL, NULL, NULL, NULL, NULL, NULL, problem)::dataplat_internal.lineage_fact; $$;
COMMENT ON FUNCTION dataplat_internal.unread_job(text, text) IS 'what a lineage provider returns for a job that it could not read';

CREATE OR REPLACE FUNCTION dataplat_internal.lineage_of_views()
RETURNS SETOF dataplat_internal.lineage_fact
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT f.* FROM dataplat_internal.lineage_of_relations('v', 'view:') AS f; $$;
COMMENT ON FUNCTION dataplat_internal.lineage_of_views() IS 'lineage provider: views';

CREATE OR REPLACE FUNCTION dataplat_internal.lineage_of_matviews()
RETURNS SETOF dataplat_internal.lineage_fact
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT f.* FROM dataplat_internal.lineage_of_relations('m', 'matview:') AS f; $$;
COMMENT ON FUNCTION dataplat_internal.lineage_of_matviews() IS 'lineage provider: materialized views';

-- Overloaded functions share a node, as their callers' lineage names them.
CREATE OR REPLACE FUNCTION dataplat_internal.lineage_of_functions()
RETURNS SETOF dataplat_internal.lineage_fact
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r record;
BEGIN
    FOR r IN
        SELECT p.oid, format('function:%I.%I', n.nspname, p.proname) AS name FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
         WHERE p.prolang = (SELECT l.oid FROM pg_language AS l WHERE l.lanname = 'sql') AND p.prokind IN ('f', 'p')
           AND dataplat_internal.is_lineage_schema(n.nspname)
           AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
           -- what it reads depends on whom it is called by
           AND NOT EXISTS (SELECT FROM unnest(p.proargtypes) AS a (type) JOIN pg_type AS t ON t.oid = a.type WHERE t.typtype = 'p')
    LOOP
        BEGIN
            RETURN QUERY SELECT f.* FROM dataplat_internal.function_lineage(r.name, r.oid) AS f;
        EXCEPTION
            WHEN lock_not_available OR deadlock_detected THEN
                RAISE;
            WHEN OTHERS THEN
                RETURN NEXT dataplat_internal.unread_job(r.name, SQLERRM);
        END;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.lineage_of_functions() IS 'lineage provider: functions in SQL, with a body that is parsed or text';

SELECT dataplat_internal.register_lineage_provider('view', 'dataplat_internal.lineage_of_views');
SELECT dataplat_internal.register_lineage_provider('matview', 'dataplat_internal.lineage_of_matviews');
SELECT dataplat_internal.register_lineage_provider('function', 'dataplat_internal.lineage_of_functions');
