/*
 * ingest: rows that rules over a bronze table stopped, and rules that stop the
 * source.
 */

CREATE OR REPLACE FUNCTION dataplat_internal.requeue_source_row(source text, contents jsonb, ingested_at timestamptz,
                                                                OUT refused text[], OUT results jsonb)
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_requeue_source_row';
COMMENT ON FUNCTION dataplat_internal.requeue_source_row(text, jsonb, timestamptz) IS
    'judge a row by the rules of a source''s table and write it there; refused is NULL when it is written, else what is wrong with it; results: what came of the rules';
REVOKE ALL ON FUNCTION dataplat_internal.requeue_source_row(text, jsonb, timestamptz) FROM PUBLIC;

-- Results of row rules over single rows, as those of one batch.
CREATE OR REPLACE FUNCTION dataplat_internal.sum_row_results(results jsonb[])
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(jsonb_strip_nulls(to_jsonb(s)) ORDER BY s.id), '[]')
      FROM (SELECT r.id, sum(r.elements) AS elements, sum(r.missing) AS missing, sum(r.unexpected) AS unexpected, sum(r.errors) AS errors,
                   min(r.error) AS error, jsonb_path_query_array(jsonb_path_query_array(jsonb_agg(r.listed) FILTER (WHERE r.listed IS NOT NULL), '$[*][*]'), '$[0 to 19]') AS listed
              FROM unnest(results) AS u (one)
             CROSS JOIN LATERAL jsonb_to_recordset(u.one) AS r (id bigint, elements bigint, missing bigint, unexpected bigint, errors bigint, error text, listed jsonb)
             GROUP BY r.id) AS s;
$$;
COMMENT ON FUNCTION dataplat_internal.sum_row_results(jsonb[]) IS 'what came of row rules for some rows, added up for each rule';
REVOKE ALL ON FUNCTION dataplat_internal.sum_row_results(jsonb[]) FROM PUBLIC;

-- The results of a batch of kind retry, whose rows were judged one by one.
CREATE OR REPLACE FUNCTION dataplat_internal.store_retry_results(source_name text, batch bigint, started_at timestamptz, results jsonb[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass := (SELECT to_regclass(s.target) FROM dataplat.source AS s WHERE s.name = source_name);
BEGIN
    IF cardinality(results) > 0 THEN
        PERFORM dataplat_internal.store_row_results(dataplat_internal.dataset_name(relation), 'retry', source_name, NULL, batch,
            store_retry_results.started_at, dataplat_internal.sum_row_results(results));
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.store_retry_results(text, bigint, timestamptz, jsonb[]) IS 'store what came of row rules for rows that were written one by one';
REVOKE ALL ON FUNCTION dataplat_internal.store_retry_results(text, bigint, timestamptz, jsonb[]) FROM PUBLIC;

-- Write quarantined rows that are good now, as one batch of kind retry.  The
-- caller has locked them and the source.
CREATE OR REPLACE FUNCTION dataplat_internal.requeue_source_rows(caller name, source_name text, ids bigint[], OUT requeued bigint, OUT still_failing bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    q       dataplat.quarantine;
    contents jsonb;
    said    record;
    batch   bigint;
    at      timestamptz := clock_timestamp();
    results jsonb[] := '{}';
    done    bigint[] := '{}';
BEGIN
    still_failing := 0;
    FOR q IN
        SELECT x.* FROM dataplat.quarantine AS x
         WHERE x.quarantine_id = ANY (ids) AND x.state IN ('quarantined', 'repaired')
         ORDER BY x.topic, x.partition, x.message_offset
    LOOP
        batch := coalesce(batch, nextval('dataplat_internal.batch_id_seq'));
        contents := coalesce(q.repaired, q.original);
        -- Its place in the topic stays; when and with what it came to the table is new.
        contents := contents || coalesce((SELECT jsonb_object_agg(n.name, n.value)
                                  FROM (VALUES ('_batch_id', to_jsonb(batch)), ('_ingested_at', to_jsonb(at))) AS n (name, value) WHERE contents ? n.name), '{}');
        BEGIN
            SELECT r.refused, r.results INTO said FROM dataplat_internal.requeue_source_row(source_name, contents, at) AS r;
        EXCEPTION WHEN data_exception OR integrity_constraint_violation OR raise_exception THEN
            SELECT ARRAY[SQLERRM] AS refused, NULL::jsonb AS results INTO said;
        END;
        IF said.refused IS NULL THEN
            done := done || q.quarantine_id;
            IF said.results IS NOT NULL THEN
                results := results || said.results;
            END IF;
            IF cardinality(results) >= 200 THEN
                results := ARRAY[dataplat_internal.sum_row_results(results)];
            END IF;
            UPDATE dataplat.quarantine AS x
               SET repaired = contents, state = 'requeued', changed_at = now(), changed_by = caller
             WHERE x.quarantine_id = q.quarantine_id;
        ELSE
            still_failing := still_failing + 1;
            UPDATE dataplat.quarantine AS x SET reasons = said.refused WHERE x.quarantine_id = q.quarantine_id;
        END IF;
    END LOOP;
    requeued := cardinality(done);
    IF requeued > 0 THEN
        PERFORM dataplat_internal.book_requeue(source_name, batch, done);
        PERFORM dataplat_internal.store_retry_results(source_name, batch, at, results);
    END IF;
    IF requeued + still_failing > 0 THEN
        PERFORM dataplat_internal.note_source_event(caller, source_name, 'requeue',
            jsonb_build_object('requeued', requeued, 'still_failing', still_failing, 'batch_id', batch));
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.requeue_source_rows(name, text, bigint[]) IS 'write rows of a source that rules had put aside and that are good now';
REVOKE ALL ON FUNCTION dataplat_internal.requeue_source_rows(name, text, bigint[]) FROM PUBLIC;

-- What was put aside is counted as rows from now on, in the ledger and, when
-- it belongs to the present generation, in the partition's counters.
CREATE OR REPLACE FUNCTION dataplat_internal.book_requeue(source_name text, batch bigint, ids bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    p record;
BEGIN
    FOR p IN
        SELECT q.topic, q.partition, count(*) AS n, min((q.original ->> '_timestamp')::timestamptz) AS first, max((q.original ->> '_timestamp')::timestamptz) AS last,
               coalesce(min(o.generation), 1) AS generation,
               count(*) FILTER (WHERE q.message_offset >= o.first_offset AND q.message_offset < o.next_offset) AS present
          FROM dataplat.quarantine AS q
          LEFT JOIN dataplat_internal.source_offset AS o ON o.source = source_name AND o.topic = q.topic AND o.partition = q.partition
         WHERE q.quarantine_id = ANY (ids)
         GROUP BY q.topic, q.partition
         ORDER BY q.topic, q.partition
    LOOP
        INSERT INTO dataplat.batch (batch_id, source, topic, partition, rows, quarantined, min_timestamp, max_timestamp, kind, generation)
        VALUES (batch, source_name, p.topic, p.partition, p.n, -p.n, p.first, p.last, 'retry', p.generation);
        UPDATE dataplat_internal.source_offset AS o
           SET rows = o.rows + least(p.present, o.quarantined), quarantined = o.quarantined - least(p.present, o.quarantined)
         WHERE o.source = source_name AND o.topic = p.topic AND o.partition = p.partition AND p.present > 0;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.book_requeue(text, bigint, bigint[]) IS 'count requeued rows as rows';
REVOKE ALL ON FUNCTION dataplat_internal.book_requeue(text, bigint, bigint[]) FROM PUBLIC;

-- A worker's batch was stopped by rules with action fail: the source waits
-- for a decision, and the results stay, though the batch does not.
CREATE OR REPLACE FUNCTION dataplat_internal.pause_for_rules(source_name text, reason text, dataset text, started_at timestamptz, results jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE dataplat.source AS s
       SET paused = true, pause_reason = pause_for_rules.reason, paused_by = 'row rules', paused_at = now()
     WHERE s.name = source_name AND NOT s.paused;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO dataplat.source_event (source, kind, detail)
    VALUES (source_name, 'pause', jsonb_build_object('reason', pause_for_rules.reason, 'by', 'row rules'));
    PERFORM dataplat_internal.store_row_results(dataset, 'ingest', source_name, NULL, NULL, pause_for_rules.started_at, results);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.pause_for_rules(text, text, text, timestamptz, jsonb) IS 'pause a source whose rows break rules with action fail, and keep the results';
REVOKE ALL ON FUNCTION dataplat_internal.pause_for_rules(text, text, text, timestamptz, jsonb) FROM PUBLIC;
