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
           AND (p.proname ~ 'lineage|exposure|marquez'
                OR p.proname IN ('upstream', 'downstream', 'impact', 'preview_change', 'register_impact_provider', 'register_ddl_check', 'name_likeness',
                                 'mermaid_label', 'dot_string', 'draw_mermaid', 'draw_dot', 'jobs_that_break', 'impact_on_graph', 'impact_on_objects', 'impact_on_catalog', 'impact_rows',
                                 'impact_of', 'broken_by_ddl', 'judge_ddl', 'try_change', 'try_ddl', 'ddl_statements', 'droppable_objects', 'is_too_large_to_try',
                                 'preview_rows', 'preview_impact', 'command_preview_change', 'check_functions_after_ddl', 'unread_job', 'relation_in_path', 'cyclic_core'))
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END;
$$;
