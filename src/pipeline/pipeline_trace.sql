/*
 * pipeline: where rows that stand in quarantine come from.
 */

CREATE OR REPLACE FUNCTION dataplat_internal.command_trace_quarantined(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q dataplat.quarantine;
BEGIN
    SELECT * INTO q FROM dataplat.quarantine AS x WHERE x.quarantine_id = (a ->> 'quarantine_id')::bigint;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'quarantined row % does not exist', a ->> 'quarantine_id' USING ERRCODE = 'undefined_object', HINT = 'See dataplat.quarantine.';
    END IF;
    IF q.object_kind = 'pipeline' AND q.row_key IS NOT NULL AND to_regclass(q.dataset) IS NOT NULL THEN
        RETURN dataplat_internal.command_trace_row(caller, jsonb_build_object('target', to_regclass(q.dataset)::oid::text, 'key', q.row_key, 'max_rows', a -> 'max_rows'));
    END IF;
    -- Its own position, which a row may carry along.
    RETURN jsonb_build_array(jsonb_build_object('layer', 0, 'relation', q.dataset, 'source', CASE WHEN q.object_kind = 'source' THEN q.object END,
        'place', jsonb_build_object('topic', coalesce(to_jsonb(q.topic), q.original -> '_topic'), 'partition', coalesce(to_jsonb(q.partition), q.original -> '_partition'),
                                    'offset', coalesce(to_jsonb(q.message_offset), q.original -> '_offset'), 'batch', coalesce(to_jsonb(q.batch_id), q.original -> '_batch_id')),
        'run_id', q.run_id,
        'contents', CASE WHEN to_regclass(q.dataset) IS NOT NULL AND has_table_privilege(caller, to_regclass(q.dataset), 'SELECT') THEN q.original END));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_trace_quarantined(name, jsonb) IS 'trace_quarantined as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_trace_quarantined(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.trace_quarantined(quarantine_id bigint, max_rows int DEFAULT 100)
RETURNS TABLE (layer int, relation text, source text, topic text, partition int, message_offset bigint, batch_id bigint, run_id bigint, contents jsonb)
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (t.r ->> 'layer')::int, t.r ->> 'relation', t.r ->> 'source',
           t.r -> 'place' ->> 'topic', (t.r -> 'place' ->> 'partition')::int, (t.r -> 'place' ->> 'offset')::bigint,
           (t.r -> 'place' ->> 'batch')::bigint, (t.r ->> 'run_id')::bigint, nullif(t.r -> 'contents', 'null')
      FROM jsonb_array_elements(dataplat.command('trace_quarantined', jsonb_build_object('quarantine_id', quarantine_id,
               'max_rows', greatest(coalesce(max_rows, 100), 1)))) WITH ORDINALITY AS t (r, n)
     ORDER BY t.n;
$$;
COMMENT ON FUNCTION dataplat.trace_quarantined(bigint, int) IS
    'the rows that a quarantined row is made of, down to topic, partition and offset, as trace_row() finds them by its key; without a key the position that it has itself';
REVOKE ALL ON FUNCTION dataplat.trace_quarantined(bigint, int) FROM PUBLIC;
