/*
 * registry: nothing that reads or changes the registry is for PUBLIC.  The last
 * file by name, so that it sees them all.
 */

DO LANGUAGE plpgsql $$
DECLARE
    f regprocedure;
BEGIN
    -- Rights come from dataplat.setup_roles() or the administrator.
    FOR f IN
        SELECT p.oid::regprocedure FROM pg_catalog.pg_proc AS p
         WHERE p.pronamespace IN ('dataplat'::regnamespace, 'dataplat_internal'::regnamespace)
           AND (p.proname LIKE '%registry%' OR p.proname LIKE 'rest\_%' OR p.proname LIKE '%subject%' OR p.proname LIKE '%schema\_version%' OR p.proname LIKE '%compatibility%'
                OR p.proname LIKE '%schema\_mode%' OR p.proname LIKE '%schema\_files%'
                OR p.proname IN ('register_schema', 'command_register_schema', 'lookup_schema', 'schema_by_id', 'schema_by_guid', 'lock_contexts',
                                 'config_in_scope', 'mode_in_scope', 'check_references', 'add_to_closure', 'closure_of', 'stored_schema', 'follow_alias', 'draft_of', 'print_draft', 'version_of_draft', 'version_like_draft', 'resolved_text', 'latest_content', 'find_version', 'store_content',
                                 'store_version', 'require_version', 'content_by_id', 'incompatibilities', 'reserved_field_problems', 'inline_closure', 'schema_diff',
                                 'validate_schema', 'referring_ids', 'forbid_referenced', 'forbid_read_only', 'erase_versions', 'config_answer', 'mode_answer',
                                 'reset_config', 'make_room_for_import', 'versions_in_scope', 'formatted_schema', 'content_as_json', 'version_as_json'))
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END;
$$;
