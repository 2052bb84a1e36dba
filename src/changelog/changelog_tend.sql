/* changelog: the chores of the maintenance worker that need no C, and what health says. */

-- A log whose triggers or tables are not there (a restored dump, a table made
-- anew under its name) is made again, with the rights that its readers have now.
CREATE OR REPLACE FUNCTION dataplat_internal.mend_change_log(relation text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r dataplat_internal.change_log_reader;
BEGIN
    FOR r IN SELECT * FROM dataplat_internal.change_log_reader AS x WHERE x.relation = mend_change_log.relation ORDER BY x.reader LOOP
        BEGIN
            PERFORM dataplat_internal.watch_table(r.relation::regclass, r.reader, r.columns, r.owner, r.whole_rows);
        EXCEPTION
            WHEN lock_not_available OR deadlock_detected OR serialization_failure THEN
                NULL;
            WHEN OTHERS THEN
                -- the reader goes on computing afresh; dataplat.health says why
                UPDATE dataplat_internal.change_log AS l SET broken = format('its changes cannot be captured: %s', SQLERRM)
                 WHERE l.relation = mend_change_log.relation AND l.broken IS DISTINCT FROM format('its changes cannot be captured: %s', SQLERRM);
        END;
    END LOOP;
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.mend_change_log(text) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.mend_change_log(text) IS 'make a lost log again';

-- Logs that changes cannot be read from, although the table is there.
CREATE OR REPLACE FUNCTION dataplat_internal.lost_change_logs()
RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.relation
      FROM dataplat_internal.change_log AS l
     WHERE to_regclass(l.relation) IS NOT NULL
       AND (l.valid_from IS NULL
            OR dataplat_internal.log_of_table(to_regclass(l.relation)) IS DISTINCT FROM l.log_id
            OR to_regclass(format('dataplat_internal.change_log_%s_0', l.log_id)) IS NULL)
     ORDER BY l.relation;
$$;
COMMENT ON FUNCTION dataplat_internal.lost_change_logs() IS 'watched tables whose log is lost';

-- One turn; takes the log that was looked at last, returns the one that was looked at now.
CREATE OR REPLACE FUNCTION dataplat_internal.tend_change_logs(last int)
RETURNS int
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    next int;
    root oid;
BEGIN
    -- tables that are gone: readers keep their rows, in case the name comes back
    UPDATE dataplat_internal.change_log AS l SET valid_from = NULL
      FROM dataplat_internal.change_log_segment AS s
     WHERE s.log_id = l.log_id AND l.valid_from IS NOT NULL AND NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = s.relid);
    PERFORM dataplat_internal.drop_log(s.log_id)
       FROM dataplat_internal.change_log_segment AS s
      WHERE NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = s.relid)
         OR NOT EXISTS (SELECT FROM dataplat_internal.change_log AS l WHERE l.log_id = s.log_id);

    -- logs that nobody reads
    PERFORM dataplat_internal.unwatch_table(l.relation, NULL)
       FROM dataplat_internal.change_log AS l
      WHERE NOT EXISTS (SELECT FROM dataplat_internal.change_log_reader AS r WHERE r.relation = l.relation);

    PERFORM dataplat_internal.mend_change_log(x) FROM dataplat_internal.lost_change_logs() AS x;
    PERFORM dataplat_internal.refresh_log_names(0, '');

    DELETE FROM dataplat_internal.change_log_reset AS m
     WHERE NOT EXISTS (SELECT FROM dataplat_internal.change_log AS l JOIN dataplat_internal.change_log_reader AS r ON r.relation = l.relation
                        WHERE l.log_id = m.log_id
                          AND (r.frontier IS NULL OR NOT pg_visible_in_snapshot(m.xid::text::xid8, (r.frontier ->> 'snapshot')::pg_snapshot)));

    SELECT s.log_id, s.relid INTO next, root
      FROM dataplat_internal.change_log_segment AS s
     WHERE s.log_id > last ORDER BY s.log_id LIMIT 1;
    IF FOUND AND dataplat_internal.log_of_table(root) = next THEN
        PERFORM dataplat_internal.check_log(root, '');
    END IF;
    RETURN coalesce(next, 0);
END;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.tend_change_logs(int) FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.tend_change_logs(int) IS 'mend, forget and check change logs';

-- A log that is kept for a reader that does not come, and tables that cannot be captured.
CREATE OR REPLACE FUNCTION dataplat_internal.health_change_logs(
    OUT severity text, OUT object text, OUT problem text, OUT cause text, OUT action text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH log AS (
        SELECT l.relation, l.broken, l.log_id,
               coalesce(pg_table_size(to_regclass(format('dataplat_internal.change_log_%s_0', l.log_id))), 0)
               + coalesce(pg_table_size(to_regclass(format('dataplat_internal.change_log_%s_1', l.log_id))), 0) AS bytes
          FROM dataplat_internal.change_log AS l
    )
    SELECT 'warning', log.relation, 'changes are kept for a reader that does not read them',
           format('The change log of %s has %s; reader "%s" is furthest behind.', log.relation, pg_size_pretty(log.bytes), r.reader),
           'Let the reader run, or drop it; nothing is lost meanwhile, but the disk fills.'
      FROM log CROSS JOIN LATERAL (
           SELECT x.reader FROM dataplat_internal.change_log_reader AS x WHERE x.relation = log.relation AND x.frontier IS NOT NULL
            ORDER BY pg_snapshot_xmin((x.frontier ->> 'snapshot')::pg_snapshot)::text::bigint, x.reader LIMIT 1) AS r
     WHERE log.bytes > 1024 * 1024 * 1024::bigint
    UNION ALL
    SELECT 'warning', log.relation, 'changes are not captured',
           format('Readers of %s compute everything afresh, because %s.', log.relation, log.broken),
           'Remove the cause; the maintenance worker then captures changes again. Or use the table as a lookup.'
      FROM log WHERE log.broken IS NOT NULL;
$$;
REVOKE ALL ON FUNCTION dataplat_internal.health_change_logs() FROM PUBLIC;
COMMENT ON FUNCTION dataplat_internal.health_change_logs() IS 'health: change logs that grow or do not capture';
SELECT dataplat_internal.register_health_check('change_logs', 'dataplat_internal.health_change_logs');
