/*
 * lineage: nothing of this room is for PUBLIC.  The last file by name, so
 * that it sees them all.
 */

DO LANGUAGE plpgsql $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN
        SELECT p.oid::regprocedure FROM pg_catalog.pg_proc AS p
         WHERE p.pronamespace IN ('dataplat'::regnamespace, 'dataplat_internal'::regnamespace)
           AND (p.proname ~ 'lineage|exposure|openlineage'
                OR p.proname IN ('upstream', 'downstream', 'impact', 'preview_change', 'register_impact_provider', 'register_ddl_check', 'name_likeness',
                                 'mermaid_label', 'dot_string', 'draw_mermaid', 'draw_dot'))
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END;
$$;
