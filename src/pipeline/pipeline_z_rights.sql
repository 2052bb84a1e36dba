/*
 * pipeline: nothing of this room is for PUBLIC.  The last file by name, so
 * that it sees them all.
 */

DO LANGUAGE plpgsql $$
DECLARE
    f regprocedure;
BEGIN
    -- Rights come from dataplat.setup_roles() or the administrator; what a command may do, it checks itself.
    FOR f IN
        SELECT p.oid::regprocedure FROM pg_catalog.pg_proc AS p
         WHERE p.pronamespace IN ('dataplat'::regnamespace, 'dataplat_internal'::regnamespace)
           AND (p.proname LIKE '%pipeline%'
                OR p.proname IN ('check_delete_when', 'check_key_range', 'create_silver', 'command_silver_query', 'check_event_time', 'relation_parts', 'sequence_columns', 'ensure_history_keys', 'analyze_definition', 'can_be_watched', 'bronze_unread', 'bronze_pending',
                                 'table_pending', 'time_of_transaction', 'table_has_been_seen', 'snapshot_covers', 'renumber_ledger', 'trace_row'))
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END;
$$;
