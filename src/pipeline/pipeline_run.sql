/* pipeline: what runs need of the ledger, and the way into the C code. */

-- Batches past a frontier, whole ones, the oldest first, until they hold max_rows rows.
CREATE OR REPLACE FUNCTION dataplat_internal.new_batches(relation oid, frontier jsonb, max_rows bigint)
RETURNS TABLE (batch_id bigint, leaf oid, first_block bigint, last_block bigint, rows bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH sources AS MATERIALIZED (
        SELECT s.name FROM dataplat.source AS s WHERE to_regclass(s.target) = relation
    ), fresh AS (
        SELECT b.batch_id, b.leaf, b.first_block, b.last_block, b.rows
          FROM dataplat.batch AS b
         WHERE frontier IS NOT NULL
           AND b.xid >= pg_snapshot_xmin((frontier ->> 'snapshot')::pg_snapshot)
           -- A snapshot does not list the transaction that took it, so that one would count as seen.
           AND (NOT pg_visible_in_snapshot(b.xid, (frontier ->> 'snapshot')::pg_snapshot) OR b.xid = (frontier ->> 'xid')::xid8)
           AND NOT (b.xid = coalesce((frontier ->> 'xid')::xid8, '0'::xid8) AND b.batch_id <= (frontier ->> 'batch')::bigint)
           AND b.source IN (SELECT name FROM sources)
           AND b.rows > 0
        UNION ALL
        SELECT b.batch_id, b.leaf, b.first_block, b.last_block, b.rows
          FROM jsonb_array_elements_text(frontier -> 'pending') AS p (id)
          JOIN dataplat.batch AS b ON b.batch_id = p.id::bigint
         WHERE b.rows > 0
        UNION ALL
        SELECT b.batch_id, b.leaf, b.first_block, b.last_block, b.rows
          FROM dataplat.batch AS b
         WHERE frontier IS NULL AND b.rows > 0 AND b.source IN (SELECT name FROM sources)
    ), whole AS (
        SELECT f.batch_id, to_regclass(f.leaf)::oid AS leaf, min(f.first_block) AS first_block, max(f.last_block) AS last_block,
               sum(f.rows)::bigint AS rows, bool_or(f.first_block IS NULL) AS anywhere, bool_or(f.leaf IS NULL) AS unknown, min(f.leaf) AS leaf_name
          FROM fresh AS f
         GROUP BY f.batch_id, f.leaf
    ), counted AS (
        SELECT w.*, sum(w.rows) OVER (ORDER BY w.batch_id RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE GROUP) AS before
          FROM whole AS w
    )
    SELECT c.batch_id, c.leaf, CASE WHEN NOT c.anywhere THEN c.first_block END, CASE WHEN NOT c.anywhere THEN c.last_block END, c.rows
      FROM counted AS c
     WHERE coalesce(c.before, 0) < coalesce(max_rows, 9223372036854775807)
       AND (c.unknown OR c.leaf IS NOT NULL)
     ORDER BY c.batch_id;
$$;
COMMENT ON FUNCTION dataplat_internal.new_batches(oid, jsonb, bigint) IS
    'batches of a bronze table that a frontier has not seen, up to a number of rows; a leaf that retention dropped is left out';
REVOKE ALL ON FUNCTION dataplat_internal.new_batches(oid, jsonb, bigint) FROM PUBLIC;

-- The frontier after a run that took these batches; with batches NULL all that is visible counts as taken.
CREATE OR REPLACE FUNCTION dataplat_internal.next_bronze_frontier(relation oid, frontier jsonb, taken bigint[])
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object(
               'snapshot', pg_current_snapshot()::text,
               'xid', pg_current_xact_id_if_assigned()::text,
               'batch', coalesce((SELECT max(b.batch_id) FROM dataplat.batch AS b WHERE b.xid = pg_current_xact_id_if_assigned()), 0),
               'pending', CASE WHEN taken IS NULL THEN '[]'::jsonb
                               ELSE coalesce((SELECT jsonb_agg(DISTINCT n.batch_id)
                                                FROM dataplat_internal.new_batches(relation, frontier, NULL) AS n
                                               WHERE NOT n.batch_id = ANY (taken)), '[]') END,
               'offsets', coalesce((SELECT jsonb_object_agg(o.source, o.topics)
                            FROM (SELECT p.source, jsonb_object_agg(p.topic, p.partitions) AS topics
                                    FROM (SELECT s.source, s.topic, jsonb_object_agg(s.partition, s.next_offset) AS partitions
                                            FROM dataplat_internal.source_offset AS s
                                            JOIN dataplat.source AS d ON d.name = s.source AND to_regclass(d.target) = relation
                                           GROUP BY s.source, s.topic) AS p
                                   GROUP BY p.source) AS o), '{}'));
$$;
COMMENT ON FUNCTION dataplat_internal.next_bronze_frontier(oid, jsonb, bigint[]) IS 'frontier of a bronze table after a run that took some batches';
REVOKE ALL ON FUNCTION dataplat_internal.next_bronze_frontier(oid, jsonb, bigint[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.analyze_pipeline(owner name, search_path text, query text, keys text[], mode text,
                                                              sequence_by text, delete_when text, lookups text[])
RETURNS jsonb
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_analyze_pipeline';
COMMENT ON FUNCTION dataplat_internal.analyze_pipeline(name, text, text, text[], text, text, text, text[]) IS
    'what a query reads and returns, and how it can be kept up to date';
REVOKE ALL ON FUNCTION dataplat_internal.analyze_pipeline(name, text, text, text[], text, text, text, text[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.run_pipeline(name text, kind text, commit boolean)
RETURNS dataplat.pipeline_run
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_run_pipeline';
COMMENT ON FUNCTION dataplat_internal.run_pipeline(text, text, boolean) IS 'one run of a pipeline in this transaction; kind live or full';
REVOKE ALL ON FUNCTION dataplat_internal.run_pipeline(text, text, boolean) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.verify_pipeline(name text, OUT missing bigint, OUT extra bigint, OUT different bigint)
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_verify_pipeline';
COMMENT ON FUNCTION dataplat_internal.verify_pipeline(text) IS 'compare the target of a pipeline with its query computed afresh';
REVOKE ALL ON FUNCTION dataplat_internal.verify_pipeline(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.explain_pipeline(name text, execute boolean)
RETURNS SETOF text
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_explain_pipeline';
COMMENT ON FUNCTION dataplat_internal.explain_pipeline(text, boolean) IS
    'how a pipeline is kept up to date, with the plans; execute runs the next delta and undoes it';
REVOKE ALL ON FUNCTION dataplat_internal.explain_pipeline(text, boolean) FROM PUBLIC;

-- Batches of a bronze table after one, up to another, that hold about max_rows
-- rows, as the frontier of a reader that has seen everything else.
CREATE OR REPLACE FUNCTION dataplat_internal.rebuild_batches(relation oid, after bigint, up_to bigint, max_rows bigint,
                                                             OUT frontier jsonb, OUT last bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH batches AS (
        SELECT b.batch_id, sum(b.rows) AS rows
          FROM dataplat.batch AS b
         WHERE b.source IN (SELECT s.name FROM dataplat.source AS s WHERE to_regclass(s.target) = relation)
           AND b.batch_id > after AND b.batch_id <= up_to AND b.rows > 0
         GROUP BY b.batch_id
    ), counted AS (
        SELECT n.batch_id, sum(n.rows) OVER (ORDER BY n.batch_id) - n.rows AS before FROM batches AS n
    )
    SELECT jsonb_build_object('snapshot', pg_current_snapshot()::text, 'pending', jsonb_agg(c.batch_id)), max(c.batch_id)
      FROM counted AS c
     WHERE c.before < max_rows;
$$;
COMMENT ON FUNCTION dataplat_internal.rebuild_batches(oid, bigint, bigint, bigint) IS 'the next batches of a rebuild';
REVOKE ALL ON FUNCTION dataplat_internal.rebuild_batches(oid, bigint, bigint, bigint) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.trace_inputs(pipeline text, key jsonb, max_rows int)
RETURNS TABLE (relation oid, contents jsonb)
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_trace_inputs';
COMMENT ON FUNCTION dataplat_internal.trace_inputs(text, jsonb, int) IS
    'rows of the inputs that the rows with this key of a pipeline''s result are made of, so many of each input at most';
REVOKE ALL ON FUNCTION dataplat_internal.trace_inputs(text, jsonb, int) FROM PUBLIC;

-- Rows of a table with a key, as the caller's own query would return them.
CREATE OR REPLACE FUNCTION dataplat_internal.rows_with_key(relation oid, key jsonb, max_rows int)
RETURNS SETOF jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT to_jsonb(t) FROM %s AS t WHERE %s LIMIT %s', relation::regclass,
        coalesce((SELECT string_agg(format('t.%1$I IS NOT DISTINCT FROM ($1 ->> %1$L)::%2$s', c.attname, format_type(c.atttypid, c.atttypmod)), ' AND ')
                    FROM pg_attribute AS c WHERE c.attrelid = relation AND c.attnum > 0 AND NOT c.attisdropped AND key ? c.attname::text), 'true'),
        max_rows) USING key;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.rows_with_key(oid, jsonb, int) IS 'rows of a table whose columns have these values';
REVOKE ALL ON FUNCTION dataplat_internal.rows_with_key(oid, jsonb, int) FROM PUBLIC;

-- One row of a target and, layer by layer, the rows that it is made of, down
-- to topic, partition and offset.
CREATE OR REPLACE FUNCTION dataplat_internal.command_trace_row(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    max_depth CONSTANT int := 32;
    ahead     jsonb := jsonb_build_array(jsonb_build_object('relation', (a ->> 'target')::oid::regclass::oid::bigint, 'key', a -> 'key'));
    next      jsonb;
    seen      text[] := '{}';
    item      jsonb;
    input     record;
    p         dataplat.pipeline;
    layer     int := 0;
    answer    jsonb := '[]';
BEGIN
    IF (SELECT x.name FROM dataplat.pipeline AS x WHERE to_regclass(x.target) = (a ->> 'target')::oid) IS NULL THEN
        RAISE EXCEPTION 'table % is not the target of a pipeline', (a ->> 'target')::oid::regclass
            USING ERRCODE = 'wrong_object_type', HINT = 'See dataplat.pipeline for the targets.';
    END IF;
    IF jsonb_typeof(a -> 'key') <> 'object' THEN
        RAISE EXCEPTION 'invalid key %', a -> 'key'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the key''s columns: {"order_id": 7}.';
    END IF;
    SELECT x.* INTO p FROM dataplat.pipeline AS x WHERE to_regclass(x.target) = (a ->> 'target')::oid;
    IF NOT (a -> 'key') ?& p.keys THEN
        RAISE EXCEPTION 'invalid key %', a -> 'key'
            USING ERRCODE = 'invalid_parameter_value', HINT = format('The key columns are: %s.', array_to_string(p.keys, ', '));
    END IF;
    IF NOT has_table_privilege(caller, (a ->> 'target')::oid, 'SELECT') THEN
        RAISE EXCEPTION 'permission denied for table %', (a ->> 'target')::oid::regclass USING ERRCODE = 'insufficient_privilege';
    END IF;
    FOR item IN SELECT t.r FROM dataplat_internal.rows_with_key((a ->> 'target')::oid, a -> 'key', (a ->> 'max_rows')::int) AS t (r) LOOP
        answer := answer || jsonb_build_object('layer', 0, 'relation', (a ->> 'target')::oid::regclass::text, 'contents', item);
    END LOOP;
    WHILE jsonb_array_length(ahead) > 0 AND layer < max_depth LOOP
        layer := layer + 1;
        next := '[]';
        FOR item IN SELECT jsonb_array_elements(ahead) LOOP
            SELECT x.* INTO p FROM dataplat.pipeline AS x WHERE to_regclass(x.target) = (item ->> 'relation')::oid;
            CONTINUE WHEN NOT FOUND OR p.mode = 'view' OR (p.name || (item ->> 'key')) = ANY (seen);
            seen := seen || (p.name || (item ->> 'key'));
            FOR input IN SELECT i.relation, i.contents, i.relation::regclass::text AS relname
                           FROM dataplat_internal.trace_inputs(p.name, item -> 'key', (a ->> 'max_rows')::int) AS i LOOP
                -- Where a row comes from is no secret of the row; what is in it may be.
                answer := answer || jsonb_build_object('layer', layer, 'relation', input.relname,
                              'contents', CASE WHEN has_table_privilege(caller, input.relation, 'SELECT') THEN input.contents END,
                              'place', jsonb_build_object('topic', coalesce(input.contents -> '_topic', to_jsonb((SELECT b.topic FROM dataplat.batch AS b
                                  WHERE b.batch_id = (input.contents ->> '_batch_id')::bigint LIMIT 1))), 'partition', input.contents -> '_partition',
                                                          'offset', input.contents -> '_offset', 'batch', input.contents -> '_batch_id'),
                              'source', (SELECT min(s.name) FROM dataplat.source AS s WHERE to_regclass(s.target) = input.relation),
                              'run_id', (SELECT s.last_run_id FROM dataplat_internal.pipeline_state AS s WHERE s.pipeline = p.name));
                next := next || coalesce((SELECT jsonb_build_array(jsonb_build_object('relation', input.relation::bigint, 'key', k.key))
                                            FROM (SELECT jsonb_object_agg(c, input.contents -> c) AS key
                                                    FROM dataplat.pipeline AS x, unnest(x.keys) AS c
                                                   WHERE to_regclass(x.target) = input.relation) AS k
                                           WHERE k.key IS NOT NULL), '[]');
            END LOOP;
        END LOOP;
        ahead := next;
    END LOOP;
    RETURN answer;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_trace_row(name, jsonb) IS 'trace_row as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_trace_row(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.trace_row(target regclass, key jsonb, max_rows int DEFAULT 100)
RETURNS TABLE (layer int, relation text, source text, topic text, partition int, message_offset bigint, batch_id bigint, run_id bigint, contents jsonb)
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (t.r ->> 'layer')::int, t.r ->> 'relation', t.r ->> 'source',
           t.r -> 'place' ->> 'topic', (t.r -> 'place' ->> 'partition')::int, (t.r -> 'place' ->> 'offset')::bigint,
           (t.r -> 'place' ->> 'batch')::bigint, (t.r ->> 'run_id')::bigint, nullif(t.r -> 'contents', 'null')
      FROM jsonb_array_elements(dataplat.command('trace_row', jsonb_build_object('target', target::oid::text, 'key', key,
                                                                                  'max_rows', greatest(coalesce(max_rows, 100), 1)))) WITH ORDINALITY AS t (r, n)
     ORDER BY t.n;
$$;
COMMENT ON FUNCTION dataplat.trace_row(regclass, jsonb, int) IS
    'the rows that a row of a target is made of, layer by layer, down to topic, partition and offset; max_rows of each input';
REVOKE ALL ON FUNCTION dataplat.trace_row(regclass, jsonb, int) FROM PUBLIC;
