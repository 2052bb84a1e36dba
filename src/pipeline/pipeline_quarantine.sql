/*
 * pipeline: mending rows that rules put aside.
 *
 * As with dead letters, the filter is run with the caller's rights and yields
 * numbers; the commands take only these.
 */

CREATE OR REPLACE FUNCTION dataplat_internal.requeue_row(pipeline text, repaired jsonb)
RETURNS text[]
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_requeue_row';
COMMENT ON FUNCTION dataplat_internal.requeue_row(text, jsonb) IS
    'judge a row by the rules of a pipeline''s target and write it there; NULL when it is written, else what is wrong with it';
REVOKE ALL ON FUNCTION dataplat_internal.requeue_row(text, jsonb) FROM PUBLIC;

-- Lock an entry that the caller may change.
CREATE OR REPLACE FUNCTION dataplat_internal.quarantined_to_change(caller name, id bigint)
RETURNS dataplat.quarantine
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q dataplat.quarantine;
BEGIN
    SELECT * INTO q FROM dataplat.quarantine AS x WHERE x.quarantine_id = id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'quarantined row % does not exist', id USING ERRCODE = 'undefined_object', HINT = 'See dataplat.quarantine.';
    END IF;
    IF q.object_kind = 'pipeline' THEN
        PERFORM dataplat_internal.pipeline_to_change(caller, q.object, true);
    ELSE
        PERFORM dataplat_internal.source_to_change(caller, q.object, true);
    END IF;
    RETURN q;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.quarantined_to_change(name, bigint) IS 'lock a quarantined row that the caller may change';
REVOKE ALL ON FUNCTION dataplat_internal.quarantined_to_change(name, bigint) FROM PUBLIC;

-- Numbers of open entries, under the caller's rights.
CREATE OR REPLACE FUNCTION dataplat.open_quarantined(filter text DEFAULT NULL)
RETURNS bigint[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ids bigint[];
BEGIN
    EXECUTE pg_catalog.format(
        E'SELECT pg_catalog.array_agg(f.quarantine_id ORDER BY f.quarantine_id)\n'
        '  FROM (SELECT q.* FROM dataplat.quarantine AS q WHERE q.state IN (''quarantined'', ''repaired'')) AS f\n'
        ' WHERE (%s\n)', coalesce(filter, 'true'))
      INTO ids;
    RETURN coalesce(ids, '{}');
EXCEPTION
    WHEN syntax_error OR undefined_column OR undefined_function OR datatype_mismatch OR invalid_text_representation OR ambiguous_column THEN
        RAISE EXCEPTION 'invalid filter: %', SQLERRM
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A condition over the columns of dataplat.quarantine, such as: dataset = ''silver.orders'' AND state = ''repaired''';
END;
$$;
COMMENT ON FUNCTION dataplat.open_quarantined(text) IS 'numbers of the rows in quarantine that a condition selects, without those that are dealt with';
REVOKE ALL ON FUNCTION dataplat.open_quarantined(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_repair_quarantined(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q    dataplat.quarantine := dataplat_internal.quarantined_to_change(caller, (a ->> 'id')::bigint);
    lost text;
BEGIN
    IF q.state NOT IN ('quarantined', 'repaired') THEN
        RAISE EXCEPTION 'quarantined row is dealt with'
            USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = format('Its state is %s.', q.state);
    END IF;
    IF jsonb_typeof(a -> 'repaired') IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'a repaired row is a JSON object' USING ERRCODE = 'invalid_parameter_value', HINT = 'Name the columns that change.';
    END IF;
    SELECT min(k) INTO lost FROM jsonb_object_keys(a -> 'repaired') AS k WHERE NOT q.original ? k;
    IF lost IS NOT NULL THEN
        RAISE EXCEPTION 'the row has no column "%"', lost
            USING ERRCODE = 'undefined_column', HINT = format('It has %s.', (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(q.original) AS k));
    END IF;
    IF q.object_kind = 'source' AND EXISTS (SELECT FROM jsonb_each(a -> 'repaired') AS r
                                             WHERE r.key IN ('_topic', '_partition', '_offset') AND r.value IS DISTINCT FROM q.original -> r.key) THEN
        RAISE EXCEPTION 'a message cannot be given another place' USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave _topic, _partition and _offset as they are.';
    END IF;
    UPDATE dataplat.quarantine AS x
       SET repaired = q.original || (a -> 'repaired'), state = 'repaired', changed_at = now(), changed_by = caller
     WHERE x.quarantine_id = q.quarantine_id
       AND (x.state, x.repaired) IS DISTINCT FROM ('repaired'::text, q.original || (a -> 'repaired'));
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_repair_quarantined(name, jsonb) IS 'repair_quarantined as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_repair_quarantined(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_requeue_quarantined(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q       dataplat.quarantine;
    one     bigint;
    row     jsonb;
    why     text[];
    sources jsonb := '{}';
    s       record;
    done    bigint := 0;
    failing bigint := 0;
BEGIN
    FOR one IN SELECT i::bigint FROM jsonb_array_elements_text(a -> 'ids') AS i ORDER BY 1 LOOP
        q := dataplat_internal.quarantined_to_change(caller, one);
        CONTINUE WHEN q.state NOT IN ('quarantined', 'repaired');
        -- What a source put aside goes to its table as one batch.
        IF q.object_kind = 'source' THEN
            sources := sources || jsonb_build_object(q.object, coalesce(sources -> q.object, '[]') || to_jsonb(one));
            CONTINUE;
        END IF;
        row := coalesce(q.repaired, q.original);
        -- An aggregate's row is found under its key.
        IF q.row_key IS NOT NULL AND NOT row @> q.row_key
           AND (SELECT p.mode NOT IN ('upsert', 'scd2', 'append') FROM dataplat.pipeline AS p WHERE p.name = q.object) THEN
            RAISE EXCEPTION 'the key of quarantined row % was changed', q.quarantine_id
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Repair the row with the key that it had.';
        END IF;
        BEGIN
            why := dataplat_internal.requeue_row(q.object, row);
        EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
            why := ARRAY[SQLERRM];
        END;
        IF why IS NULL THEN
            done := done + 1;
            UPDATE dataplat.quarantine AS x SET repaired = row, state = 'requeued', changed_at = now(), changed_by = caller WHERE x.quarantine_id = one;
        ELSE
            failing := failing + 1;
            UPDATE dataplat.quarantine AS x SET reasons = why WHERE x.quarantine_id = one;
        END IF;
    END LOOP;
    FOR s IN
        SELECT r.* FROM jsonb_each(sources) AS x
         CROSS JOIN LATERAL dataplat_internal.requeue_source_rows(caller, x.key, ARRAY(SELECT i::bigint FROM jsonb_array_elements_text(x.value) AS i)) AS r
    LOOP
        done := done + s.requeued;
        failing := failing + s.still_failing;
    END LOOP;
    RETURN jsonb_build_object('requeued', done, 'still_failing', failing);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_requeue_quarantined(name, jsonb) IS 'requeue_quarantined as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_requeue_quarantined(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_discard_quarantined(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q   dataplat.quarantine;
    one bigint;
    n   bigint := 0;
BEGIN
    FOR one IN SELECT i::bigint FROM jsonb_array_elements_text(a -> 'ids') AS i ORDER BY 1 LOOP
        q := dataplat_internal.quarantined_to_change(caller, one);
        CONTINUE WHEN q.state NOT IN ('quarantined', 'repaired');
        UPDATE dataplat.quarantine AS x SET state = 'discarded', changed_at = now(), changed_by = caller WHERE x.quarantine_id = one;
        n := n + 1;
    END LOOP;
    RETURN to_jsonb(n);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_discard_quarantined(name, jsonb) IS 'discard_quarantined as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_discard_quarantined(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.repair_quarantined(id bigint, repaired jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM dataplat.command('repair_quarantined', jsonb_build_object('id', id, 'repaired', repaired));
END;
$$;
COMMENT ON FUNCTION dataplat.repair_quarantined(bigint, jsonb) IS 'give columns of a quarantined row other values; requeue_quarantined() writes it';
REVOKE ALL ON FUNCTION dataplat.repair_quarantined(bigint, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.requeue_quarantined(filter text DEFAULT 'state = ''repaired''', OUT requeued bigint, OUT still_failing bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    result jsonb := dataplat.command('requeue_quarantined', jsonb_build_object('ids', to_jsonb(dataplat.open_quarantined(filter))));
BEGIN
    requeued := result ->> 'requeued';
    still_failing := result ->> 'still_failing';
END;
$$;
COMMENT ON FUNCTION dataplat.requeue_quarantined(text) IS
    'judge quarantined rows again and write those that are good now; filter is a condition over the columns of quarantine';
REVOKE ALL ON FUNCTION dataplat.requeue_quarantined(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.discard_quarantined(filter text)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (dataplat.command('discard_quarantined', jsonb_build_object('ids', to_jsonb(dataplat.open_quarantined(filter)))) #>> '{}')::bigint;
END;
$$;
COMMENT ON FUNCTION dataplat.discard_quarantined(text) IS 'give up quarantined rows; their contents are kept';
REVOKE ALL ON FUNCTION dataplat.discard_quarantined(text) FROM PUBLIC;
