/*
 * ingest: mending messages that could not become rows.
 *
 * The filter of retry and discard is a condition that the caller wrote.  It
 * is run in the public function, with the caller's rights and nobody else's,
 * and yields ids; the command behind it takes only ids of the named source.
 */

-- Ids of open dead letters, under the caller's rights.
CREATE OR REPLACE FUNCTION dataplat.open_dead_letters(source text, filter text DEFAULT NULL)
RETURNS bigint[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ids bigint[];
BEGIN
    -- The line break keeps a comment at the end of the filter to itself.
    EXECUTE pg_catalog.format(
        E'SELECT pg_catalog.array_agg(f.dead_letter_id ORDER BY f.dead_letter_id)\n'
        '  FROM (SELECT d.* FROM dataplat.dead_letter AS d WHERE d.source = $1 AND d.state = ''open'') AS f\n'
        ' WHERE (%s\n)', coalesce(filter, 'true'))
      INTO ids USING source;
    RETURN coalesce(ids, '{}');
EXCEPTION
    WHEN syntax_error OR undefined_column OR undefined_function OR datatype_mismatch OR invalid_text_representation OR ambiguous_column THEN
        RAISE EXCEPTION 'invalid filter: %', SQLERRM
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A condition over the columns of dataplat.dead_letter, such as: stage = ''value'' AND partition = 3';
END;
$$;
COMMENT ON FUNCTION dataplat.open_dead_letters(text, text) IS 'ids of the open dead letters of a source that a condition selects';

CREATE OR REPLACE FUNCTION dataplat_internal.command_retry_dead_letters(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s       dataplat.source;
    d       record;
    batch   bigint;
    said    record;
    started timestamptz := clock_timestamp();
    results jsonb[] := '{}';
    retried bigint := 0;
    failing bigint := 0;
BEGIN
    s := dataplat_internal.source_to_change(caller, a ->> 'source', true);
    -- A letter that another session is mending is left to it.
    FOR d IN
        SELECT x.dead_letter_id, x.fixed_value IS NOT NULL AS fixed
          FROM dataplat.dead_letter AS x
         WHERE x.dead_letter_id IN (SELECT i::bigint FROM jsonb_array_elements_text(a -> 'ids') AS i)
           AND x.source = s.name AND x.state = 'open'
         ORDER BY x.topic, x.partition, x.message_offset
           FOR UPDATE SKIP LOCKED
    LOOP
        batch := coalesce(batch, nextval('dataplat_internal.batch_id_seq'));
        said := dataplat_internal.store_dead_letter(d.dead_letter_id, batch);
        IF said.why IS NULL THEN
            retried := retried + 1;
            IF said.results IS NOT NULL THEN
                results := results || said.results;
            END IF;
            IF cardinality(results) >= 200 THEN
                results := ARRAY[dataplat_internal.sum_row_results(results)];
            END IF;
            UPDATE dataplat.dead_letter AS x
               SET state = CASE WHEN d.fixed THEN 'fixed' ELSE 'retried' END, attempts = x.attempts + 1,
                   resolved_at = now(), resolved_by = caller, resolved_batch_id = batch
             WHERE x.dead_letter_id = d.dead_letter_id;
        ELSE
            failing := failing + 1;
            UPDATE dataplat.dead_letter AS x
               SET attempts = x.attempts + 1, detail = 'Last retry: ' || left(said.why, 1000)
             WHERE x.dead_letter_id = d.dead_letter_id;
        END IF;
    END LOOP;

    IF retried > 0 THEN
        PERFORM dataplat_internal.book_retry(s.name, batch);
        PERFORM dataplat_internal.store_retry_results(s.name, batch, started, results);
    END IF;
    IF retried + failing > 0 THEN
        PERFORM dataplat_internal.note_source_event(caller, s.name, 'retry',
            jsonb_build_object('retried', retried, 'still_failing', failing, 'batch_id', batch, 'filter', a -> 'filter'));
    END IF;
    RETURN jsonb_build_object('retried', retried, 'still_failing', failing);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_retry_dead_letters(name, jsonb) IS 'retry_dead_letters as the owner of the extension';

-- What became rows is counted as rows from now on, in the ledger and, when
-- the letters belong to the present generation, in the partition's counters.
CREATE OR REPLACE FUNCTION dataplat_internal.book_retry(source_name text, batch bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    p record;
BEGIN
    FOR p IN
        SELECT d.topic, d.partition, count(*) AS n, sum(octet_length(coalesce(d.fixed_value, d.value)))::bigint AS bytes,
               min(d.message_timestamp) AS first, max(d.message_timestamp) AS last,
               count(*) FILTER (WHERE d.message_offset >= o.first_offset AND d.message_offset < o.next_offset) AS present
          FROM dataplat.dead_letter AS d
          LEFT JOIN dataplat_internal.source_offset AS o ON o.source = d.source AND o.topic = d.topic AND o.partition = d.partition
         WHERE d.source = source_name AND d.resolved_batch_id = batch
         GROUP BY d.topic, d.partition
         ORDER BY d.topic, d.partition
    LOOP
        INSERT INTO dataplat.batch (batch_id, source, topic, partition, rows, dead_letters, bytes, min_timestamp, max_timestamp, kind, generation)
        SELECT batch, source_name, p.topic, p.partition, p.n, -p.n, coalesce(p.bytes, 0), p.first, p.last, 'retry',
               coalesce((SELECT o.generation FROM dataplat_internal.source_offset AS o
                          WHERE o.source = source_name AND o.topic = p.topic AND o.partition = p.partition), 1);
        UPDATE dataplat_internal.source_offset AS o
           SET rows = o.rows + least(p.present, o.dead_letters), dead_letters = o.dead_letters - least(p.present, o.dead_letters)
         WHERE o.source = source_name AND o.topic = p.topic AND o.partition = p.partition AND p.present > 0;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.book_retry(text, bigint) IS 'count retried dead letters as rows';

CREATE OR REPLACE FUNCTION dataplat_internal.command_fix_dead_letter(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    d dataplat.dead_letter;
BEGIN
    SELECT * INTO d FROM dataplat.dead_letter AS x WHERE x.dead_letter_id = (a ->> 'id')::bigint FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'dead letter % does not exist', a ->> 'id' USING ERRCODE = 'undefined_object', HINT = 'See dataplat.dead_letter.';
    END IF;
    PERFORM dataplat_internal.source_to_change(caller, d.source, true);
    IF d.state <> 'open' THEN
        RAISE EXCEPTION 'dead letter % is not open', d.dead_letter_id
            USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = format('Its state is %s.', d.state);
    END IF;
    UPDATE dataplat.dead_letter AS x SET fixed_value = decode(a ->> 'value', 'base64') WHERE x.dead_letter_id = d.dead_letter_id;
    PERFORM dataplat_internal.note_source_event(caller, d.source, 'fix', jsonb_build_object(
        'dead_letter_id', d.dead_letter_id, 'topic', d.topic, 'partition', d.partition, 'message_offset', d.message_offset));
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_fix_dead_letter(name, jsonb) IS 'fix_dead_letter as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat_internal.command_discard_dead_letters(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s dataplat.source;
    n bigint;
BEGIN
    s := dataplat_internal.source_to_change(caller, a ->> 'source', true);
    UPDATE dataplat.dead_letter AS x
       SET state = 'discarded', resolved_at = now(), resolved_by = caller, reason = a ->> 'reason'
     WHERE x.dead_letter_id IN (SELECT i::bigint FROM jsonb_array_elements_text(a -> 'ids') AS i)
       AND x.source = s.name AND x.state = 'open';
    GET DIAGNOSTICS n = ROW_COUNT;
    IF n > 0 THEN
        PERFORM dataplat_internal.note_source_event(caller, s.name, 'discard',
            jsonb_build_object('discarded', n, 'filter', a -> 'filter', 'reason', a -> 'reason'));
    END IF;
    RETURN to_jsonb(n);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_discard_dead_letters(name, jsonb) IS 'discard_dead_letters as the owner of the extension';

-- ------------------------------------------------------------------ what users call

CREATE OR REPLACE FUNCTION dataplat.retry_dead_letters(source text, filter text DEFAULT NULL, OUT retried bigint, OUT still_failing bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    result jsonb;
BEGIN
    result := dataplat.command('retry_dead_letters', jsonb_build_object('source', source, 'filter', filter,
                  'ids', to_jsonb(dataplat.open_dead_letters(source, filter))));
    retried := result ->> 'retried';
    still_failing := result ->> 'still_failing';
END;
$$;
COMMENT ON FUNCTION dataplat.retry_dead_letters(text, text) IS
    'try again to make rows of open dead letters; filter is a condition over the columns of dead_letter';

CREATE OR REPLACE FUNCTION dataplat.fix_dead_letter(id bigint, value bytea)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF value IS NULL THEN
        RAISE EXCEPTION 'the new value is null'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'discard_dead_letters() gives up a message.';
    END IF;
    PERFORM dataplat.command('fix_dead_letter', jsonb_build_object('id', id, 'value', encode(value, 'base64')));
END;
$$;
COMMENT ON FUNCTION dataplat.fix_dead_letter(bigint, bytea) IS 'put another value in the place of the one that failed; retry_dead_letters uses it';

CREATE OR REPLACE FUNCTION dataplat.fix_dead_letter(id bigint, value text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.fix_dead_letter(fix_dead_letter.id, convert_to(fix_dead_letter.value, 'UTF8')); $$;
COMMENT ON FUNCTION dataplat.fix_dead_letter(bigint, text) IS 'put another value in the place of the one that failed; retry_dead_letters uses it';

CREATE OR REPLACE FUNCTION dataplat.fix_dead_letter(id bigint, value jsonb)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.fix_dead_letter(fix_dead_letter.id, convert_to(fix_dead_letter.value::text, 'UTF8')); $$;
COMMENT ON FUNCTION dataplat.fix_dead_letter(bigint, jsonb) IS 'put another value in the place of the one that failed; retry_dead_letters uses it';

CREATE OR REPLACE FUNCTION dataplat.discard_dead_letters(source text, filter text DEFAULT NULL, reason text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (dataplat.command('discard_dead_letters', jsonb_build_object('source', source, 'filter', filter, 'reason', reason,
                'ids', to_jsonb(dataplat.open_dead_letters(source, filter)))) #>> '{}')::bigint;
END;
$$;
COMMENT ON FUNCTION dataplat.discard_dead_letters(text, text, text) IS 'give up open dead letters, saying why; their bytes are kept';

-- ------------------------------------------------------------------ the ledger

-- Forget batches older than dataplat.ledger_retention that no reader of their
-- table still needs; a few at a time, so that no transaction is long.
CREATE OR REPLACE FUNCTION dataplat_internal.trim_ledger(keep interval DEFAULT NULL, at_most int DEFAULT 20000)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    age interval := coalesce(keep, current_setting('dataplat.ledger_retention', true)::interval, interval '30 days');
    n   bigint;
BEGIN
    WITH needed AS (
        SELECT s.name AS source, min(r.needs_batch) AS batch_id, min(r.needs_since) AS since
          FROM dataplat_internal.bronze_reader AS r
          JOIN dataplat.source AS s ON s.target = r.target
         GROUP BY s.name
    ), old AS (
        SELECT b.batch_id, b.topic, b.partition
          FROM dataplat.batch AS b
          LEFT JOIN needed AS n ON n.source = b.source
         WHERE b.committed_at < clock_timestamp() - age
           AND (n.batch_id IS NULL OR b.batch_id < n.batch_id)
           AND (n.since IS NULL OR b.committed_at < n.since)
         LIMIT at_most
    )
    DELETE FROM dataplat.batch AS b USING old AS o
     WHERE b.batch_id = o.batch_id AND b.topic = o.topic AND b.partition = o.partition;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.trim_ledger(interval, int) IS 'forget old batches that no reader needs; returns how many';

DO LANGUAGE plpgsql $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN
        SELECT p.oid::regprocedure FROM pg_catalog.pg_proc AS p
         WHERE p.pronamespace IN ('dataplat'::regnamespace, 'dataplat_internal'::regnamespace)
           AND (p.proname LIKE '%dead\_letter%' OR p.proname IN ('book_retry', 'trim_ledger'))
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END;
$$;
