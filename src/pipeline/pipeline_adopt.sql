/*
 * pipeline: going on in a database that came out of a dump.
 *
 * In a dump, transaction ids mean nothing and rows lie elsewhere.  What the
 * ledger and the frontiers of bronze say of each other stays true, though:
 * both came in one snapshot.  So each row of the ledger gets a new, very old
 * transaction id, one for each set of pipelines that have not read it, and
 * each frontier a snapshot that leaves out those of its own.  Change logs of
 * other tables did not come along: who reads such tables computes afresh.
 */

CREATE OR REPLACE FUNCTION dataplat_internal.renumber_ledger()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- The first normal transaction id.  A cluster has used hundreds before anybody can restore into it.
    first_xid CONSTANT bigint := 3;
    here      pg_snapshot := pg_current_snapshot();
    last_xid  bigint;
BEGIN
    WITH unread AS MATERIALIZED (
        SELECT b.batch_id, b.topic, b.partition, array_agg(f.pipeline ORDER BY f.pipeline) AS readers
          FROM dataplat.batch AS b
          JOIN dataplat.source AS s ON s.name = b.source
          JOIN dataplat_internal.pipeline_relation AS f ON f.relation = s.target
         WHERE b.batch_id IN (SELECT u.batch_id FROM dataplat_internal.bronze_unread(f.relation, f.bronze_frontier) AS u)
         GROUP BY b.batch_id, b.topic, b.partition
    ), part AS MATERIALIZED (
        SELECT d.readers, first_xid + row_number() OVER (ORDER BY d.readers) AS xid
          FROM (SELECT DISTINCT u.readers FROM unread AS u) AS d
    ), ledger AS (
        UPDATE dataplat.batch AS b
           SET xid = coalesce(n.xid, first_xid)::text::xid8, first_block = NULL, last_block = NULL
          FROM (SELECT o.batch_id, o.topic, o.partition, g.xid
                  FROM dataplat.batch AS o
                  LEFT JOIN unread AS u ON u.batch_id = o.batch_id AND u.topic = o.topic AND u.partition = o.partition
                  LEFT JOIN part AS g ON g.readers = u.readers) AS n
         WHERE b.batch_id = n.batch_id AND b.topic = n.topic AND b.partition = n.partition
    ), frontier AS (
        UPDATE dataplat_internal.pipeline_relation AS f
           SET bronze_frontier = jsonb_set(f.bronze_frontier, '{snapshot}', to_jsonb(coalesce(
                   (SELECT format('%s:%s:%s', first_xid, pg_snapshot_xmax(here),
                                  concat_ws(',', string_agg(g.xid::text, ',' ORDER BY g.xid), nullif(split_part(here::text, ':', 3), '')))
                      FROM part AS g WHERE f.pipeline = ANY (g.readers) HAVING count(*) > 0),
                   here::text))) || '{"xid": null, "batch": 0, "pending": []}'
         WHERE f.bronze_frontier ->> 'snapshot' IS NOT NULL
    )
    SELECT max(g.xid) INTO last_xid FROM part AS g;
    IF last_xid >= pg_snapshot_xmin(here)::text::bigint THEN
        RAISE EXCEPTION 'cannot renumber the ledger with transaction ids below %', pg_snapshot_xmin(here)
            USING ERRCODE = 'program_limit_exceeded', HINT = 'Drop pipelines that are not needed before adopting.';
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.renumber_ledger() IS 'give the ledger of a restored dump transaction ids that mean something here';

-- Capture changes again, and say what has to be computed afresh.
CREATE OR REPLACE FUNCTION dataplat_internal.pipelines_adopted(mode text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p       dataplat.pipeline;
    goes_on boolean;
BEGIN
    PERFORM dataplat_internal.renumber_ledger();
    FOR p IN SELECT * FROM dataplat.pipeline AS x WHERE x.mode <> 'view' ORDER BY x.pipeline_id LOOP
        goes_on := p.mode IN ('append', 'upsert', 'scd2')
            AND (SELECT coalesce(bool_and(r.role = 'lookup' OR (r.role = 'bronze' AND r.bronze_frontier ->> 'snapshot' IS NOT NULL)), false)
                   FROM dataplat_internal.pipeline_relation AS r WHERE r.pipeline = p.name);
        BEGIN
            IF NOT goes_on THEN
                PERFORM dataplat_internal.mark_pipeline_rebuild(p.name, 'restored from a dump');
                PERFORM dataplat_internal.forget_pipeline_input(r.pipeline, r.relation, r.role)
                   FROM dataplat_internal.pipeline_relation AS r WHERE r.pipeline = p.name AND r.role = 'table';
                PERFORM dataplat_internal.register_pipeline_inputs(p, dataplat_internal.analyze_definition(p) -> 'inputs');
            END IF;
        EXCEPTION WHEN OTHERS THEN
            UPDATE dataplat_internal.pipeline_state AS s
               SET state = 'failed', reason = SQLERRM, since = now(), last_error = SQLERRM, last_sqlstate = SQLSTATE,
                   rebuild_reason = 'restored from a dump', hint = 'Mend the cause, then dataplat.alter_pipeline() with its query.'
             WHERE s.pipeline = p.name;
        END;
        PERFORM dataplat_internal.note_pipeline_event(session_user::name, p.name, 'adopt', jsonb_build_object('mode', pipelines_adopted.mode, 'goes_on', goes_on));
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.pipelines_adopted(text) IS 'bring pipelines of a restored dump to life';
REVOKE ALL ON FUNCTION dataplat_internal.renumber_ledger(), dataplat_internal.pipelines_adopted(text) FROM PUBLIC;
SELECT dataplat_internal.register_adopt_step('pipelines', 'dataplat_internal.pipelines_adopted');
