/*
 * pipeline: what a definition must be like, and who may change it.
 */

-- ------------------------------------------------------------------ words

-- A name of one or two parts as people write it; both parts NULL when it is none.
CREATE OR REPLACE FUNCTION dataplat_internal.relation_parts(written text, OUT schema_name name, OUT relation_name name)
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts text[];
BEGIN
    parts := parse_ident(written);
    IF cardinality(parts) <= 2 THEN
        schema_name := parts[cardinality(parts) - 1];
        relation_name := parts[cardinality(parts)];
    END IF;
EXCEPTION WHEN invalid_parameter_value THEN
    NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.relation_parts(text) IS 'schema and name of a relation written by a user';

-- Columns of sequence_by: one, or several separated by commas.
CREATE OR REPLACE FUNCTION dataplat_internal.sequence_columns(sequence_by text)
RETURNS text[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT array_agg((parse_ident(s.one))[1] ORDER BY s.nth) FROM string_to_table(sequence_by, ',') WITH ORDINALITY AS s (one, nth));
EXCEPTION WHEN invalid_parameter_value THEN
    RAISE EXCEPTION 'invalid sequence_by "%"', sequence_by
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Name a column of the result, or several separated by commas.';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.sequence_columns(text) IS 'columns named by sequence_by';

-- ------------------------------------------------------------------ a definition by itself

-- Everything about a pipeline that can be judged without its query.
CREATE OR REPLACE FUNCTION dataplat_internal.check_pipeline(p dataplat.pipeline)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong record;
BEGIN
    IF p.name IS NULL OR p.name = '' OR octet_length(p.name) > 63 OR p.name ~ '[[:cntrl:]]' THEN
        RAISE EXCEPTION 'invalid pipeline name "%"', p.name
            USING ERRCODE = 'invalid_parameter_value', HINT = 'A name has 1 to 63 bytes and no control characters.';
    END IF;
    IF btrim(coalesce(p.query, ''), E' \t\r\n;') = '' THEN
        RAISE EXCEPTION 'pipeline "%" has no query', p.name
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the SELECT that the target shall hold.';
    END IF;
    IF p.mode IS NOT NULL THEN
        PERFORM dataplat_internal.check_choice('mode', p.mode, '{append,upsert,scd2,aggregate,full,view}');
    END IF;
    PERFORM dataplat_internal.check_choice('emit', p.emit, '{change,close}');
    PERFORM now() AT TIME ZONE p.time_zone;
    PERFORM dataplat_internal.check_schedule(p.schedule, p.target_lag);
    SELECT l.argument, l.value, l.allowed INTO wrong
      FROM (VALUES ('target_lag', p.target_lag::text, p.target_lag > interval '0', 'more than 0'),
                   ('grace', p.grace::text, p.grace >= interval '0', '0 or more'),
                   ('event_time', p.event_time::text, jsonb_typeof(p.event_time) = 'object', 'a JSON object'),
                   ('retry', p.retry::text, jsonb_typeof(p.retry) = 'object', 'a JSON object'),
                   ('fuse', p.fuse::text, jsonb_typeof(p.fuse) = 'object', 'a JSON object'),
                   ('keys', p.keys::text, array_ndims(p.keys) = 1 AND array_position(p.keys, NULL) IS NULL
                        AND cardinality(p.keys) = (SELECT count(DISTINCT k) FROM unnest(p.keys) AS k), 'columns of the result, each once')
           ) AS l (argument, value, fits, allowed)
     WHERE NOT l.fits AND l.value <> '{}'
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'invalid % "%"', wrong.argument, wrong.value
            USING ERRCODE = 'invalid_parameter_value', HINT = format('Allowed: %s.', wrong.allowed);
    END IF;
    PERFORM dataplat_internal.check_care(p.retry, p.fuse);
    PERFORM dataplat_internal.check_pipeline_mode(p);
    PERFORM dataplat_internal.check_pipeline_depends(p);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_pipeline(dataplat.pipeline) IS 'fail on a definition that could never work';

-- Arguments that go together with a mode.
CREATE OR REPLACE FUNCTION dataplat_internal.check_pipeline_mode(p dataplat.pipeline)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p.mode IN ('upsert', 'scd2') AND p.keys = '{}' THEN
        RAISE EXCEPTION 'mode % needs keys', p.mode
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Name the columns of the result that tell its rows apart: keys => ''{order_id}''.';
    END IF;
    IF p.mode = 'scd2' AND p.sequence_by IS NULL THEN
        RAISE EXCEPTION 'mode scd2 needs sequence_by'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Name the column of the result that says from when on a row holds.';
    END IF;
    IF p.mode = 'scd2' AND cardinality(dataplat_internal.sequence_columns(p.sequence_by)) > 1 THEN
        RAISE EXCEPTION 'mode scd2 needs one column as sequence_by'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'History is a line: name the column that says when something happened.';
    END IF;
    IF p.sequence_by IS NOT NULL AND p.mode IN ('append', 'aggregate', 'full', 'view') THEN
        RAISE EXCEPTION 'mode % has no sequence_by', p.mode
            USING ERRCODE = 'invalid_parameter_value', HINT = 'It orders the rows of one key in modes upsert and scd2.';
    END IF;
    IF p.sequence_by IS NOT NULL AND p.keys = '{}' THEN
        RAISE EXCEPTION 'sequence_by needs keys'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Name the columns of the result that tell its rows apart: keys => ''{order_id}''.';
    END IF;
    IF p.delete_when IS NOT NULL AND p.keys = '{}' THEN
        RAISE EXCEPTION 'delete_when needs keys'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'A row that says "deleted" deletes the row of its key.';
    END IF;
    IF p.track_history_on IS NOT NULL AND p.mode IS DISTINCT FROM 'scd2' THEN
        RAISE EXCEPTION 'track_history_on is for mode scd2' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF p.mode = 'view' AND (p.keys <> '{}' OR p.lookups <> '{}') THEN
        RAISE EXCEPTION 'mode view has no keys and no lookups'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'A view is computed when it is read.';
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_pipeline_mode(dataplat.pipeline) IS 'fail on arguments that do not fit the mode';

CREATE OR REPLACE FUNCTION dataplat_internal.check_pipeline_depends(p dataplat.pipeline)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing text;
BEGIN
    SELECT d INTO missing FROM unnest(p.depends_on) AS d
     WHERE NOT EXISTS (SELECT FROM dataplat.pipeline AS x WHERE x.name = d) AND d IS DISTINCT FROM p.name LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'pipeline "%" in depends_on does not exist', missing
            USING ERRCODE = 'undefined_object', HINT = 'See dataplat.pipeline for the declared pipelines.';
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_pipeline_depends(dataplat.pipeline) IS 'fail unless the pipelines of depends_on exist';

-- ------------------------------------------------------------------ a definition with its query

-- Ask the analyser, as the owner.  Errors keep their code and get a hint.
CREATE OR REPLACE FUNCTION dataplat_internal.analyze_definition(p dataplat.pipeline)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    analysis jsonb;
    detail   text;
    hint     text;
BEGIN
    analysis := dataplat_internal.analyze_pipeline(p.owner, p.search_path, p.query, p.keys, p.mode, p.sequence_by, p.delete_when, p.lookups);
    PERFORM dataplat_internal.check_pipeline_query(p, analysis);
    RETURN analysis;
EXCEPTION WHEN syntax_error_or_access_rule_violation OR feature_not_supported OR invalid_schema_name THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    IF hint <> '' THEN
        RAISE;
    END IF;
    hint := CASE WHEN SQLSTATE = '42501' THEN format('The query runs with the rights of %I.', p.owner)
                 WHEN SQLSTATE IN ('42P01', '42703', '42883', '3F000')
                 THEN format('Names are looked up in the search_path %s, as role %I.', p.search_path, p.owner)
                 ELSE 'A pipeline is one SELECT that runs by itself in psql and changes nothing.' END;
    IF detail <> '' THEN
        RAISE EXCEPTION '%', SQLERRM USING ERRCODE = SQLSTATE, DETAIL = detail, HINT = hint;
    END IF;
    RAISE EXCEPTION '%', SQLERRM USING ERRCODE = SQLSTATE, HINT = hint;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.analyze_definition(dataplat.pipeline) IS 'what the query of a definition reads and returns';

-- What a run would find out, and what would make it wrong: rights that the
-- owner has not, results that differ from run to run.
CREATE OR REPLACE FUNCTION dataplat_internal.check_pipeline_query(p dataplat.pipeline, analysis jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p.mode = 'view' THEN
        RETURN;
    END IF;
    IF analysis ->> 'volatile' IS NOT NULL THEN
        RAISE EXCEPTION 'the query of pipeline "%" calls the volatile function %', p.name, analysis ->> 'volatile'
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Its result would be another one in each run. Take the value from a column, or use mode => ''view''.';
    END IF;
    IF (analysis ->> 'time_dependent')::boolean AND NOT (p.mode_given AND p.mode = 'full') THEN
        RAISE EXCEPTION 'the query of pipeline "%" depends on the time at which it runs', p.name
            USING ERRCODE = 'feature_not_supported',
                  DETAIL = 'now(), CURRENT_DATE, ''today'' and their like change without any change of the inputs.',
                  HINT = 'Compare with a column of the data, use mode => ''view'', or mode => ''full'' with a schedule: it is right as of each run.';
    END IF;
    -- EXPLAIN checks the rights as a run does, and reads nothing.
    PERFORM dataplat_internal.execute_for_pipeline(p, 'EXPLAIN ' || p.query);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_pipeline_query(dataplat.pipeline, jsonb) IS 'fail on a query whose result cannot be kept up to date';

-- One condition over the columns of the result, and nothing else: no second statement, no table.
CREATE OR REPLACE FUNCTION dataplat_internal.check_delete_when(owner name, search_path text, query text, condition text)
RETURNS void
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_check_delete_when';
COMMENT ON FUNCTION dataplat_internal.check_delete_when(name, text, text, text) IS 'fail unless delete_when is a condition over the columns of the result';

-- Columns that arguments name must be in the result, each once.
CREATE OR REPLACE FUNCTION dataplat_internal.check_pipeline_columns(p dataplat.pipeline, columns jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    have  text[] := ARRAY(SELECT c.spec ->> 'name' FROM jsonb_array_elements(columns) WITH ORDINALITY AS c (spec, n) ORDER BY c.n);
    wrong record;
BEGIN
    IF cardinality(have) = 0 THEN
        RAISE EXCEPTION 'the query of pipeline "%" returns no columns', p.name USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT h.name INTO wrong FROM unnest(have) AS h (name) GROUP BY h.name HAVING count(*) > 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'column "%" is in the result twice', wrong.name
            USING ERRCODE = 'duplicate_column', HINT = 'Give each column a name of its own with AS.';
    END IF;
    SELECT h.name INTO wrong FROM unnest(have) AS h (name) WHERE h.name IN ('tableoid', 'ctid', 'xmin', 'xmax', 'cmin', 'cmax');
    IF FOUND AND p.mode <> 'view' THEN
        RAISE EXCEPTION 'column "%" of the result has the name of a system column', wrong.name
            USING ERRCODE = 'duplicate_column', HINT = 'Give it another name with AS.';
    END IF;
    SELECT n.argument, n.name INTO wrong
      FROM (SELECT 'keys', k FROM unnest(p.keys) AS k
            UNION ALL SELECT 'sequence_by', s FROM unnest(dataplat_internal.sequence_columns(p.sequence_by)) AS s
            UNION ALL SELECT 'track_history_on', t FROM unnest(p.track_history_on) AS t) AS n (argument, name)
     WHERE NOT n.name = ANY (have) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'column "%" of % is not in the result', wrong.name, wrong.argument
            USING ERRCODE = 'undefined_column', HINT = format('The query returns: %s.', array_to_string(have, ', '));
    END IF;
    IF p.mode = 'scd2' AND EXISTS (SELECT FROM dataplat_internal.pipeline_columns(p, columns) AS c WHERE c.type IS NULL) THEN
        RAISE EXCEPTION 'mode scd2 needs a sequence_by whose type has ranges'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Cast the column to timestamptz, timestamp, date, bigint, int or numeric.';
    END IF;
    IF p.mode = 'scd2' AND have && '{valid,is_current}' THEN
        RAISE EXCEPTION 'columns "valid" and "is_current" are filled by mode scd2'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the column of the query another name.';
    END IF;
    IF p.delete_when IS NOT NULL THEN
        BEGIN
            PERFORM dataplat_internal.check_delete_when(p.owner, p.search_path, p.query, p.delete_when);
        EXCEPTION WHEN syntax_error_or_access_rule_violation OR feature_not_supported THEN
            RAISE EXCEPTION 'invalid delete_when "%": %', p.delete_when, SQLERRM
                USING ERRCODE = SQLSTATE, HINT = format('A condition over the columns of the result: %s.', array_to_string(have, ', '));
        END;
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_pipeline_columns(dataplat.pipeline, jsonb) IS 'fail unless the columns that arguments name are in the result';

-- What an input must be like.  Changes of a table are captured by triggers,
-- so its owner must agree; a lookup is only read.
CREATE OR REPLACE FUNCTION dataplat_internal.check_pipeline_input(p dataplat.pipeline, relation regclass, role text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c      record;
    reason text;
    hint   text;
BEGIN
    SELECT x.relkind, x.relispartition, x.relpersistence, x.relowner, n.nspname,
           format('%I.%I', CASE x.relpersistence WHEN 't' THEN 'pg_temp' ELSE n.nspname END, x.relname) AS name,
           (SELECT h.inhparent::regclass::text FROM pg_inherits AS h WHERE h.inhrelid = x.oid LIMIT 1) AS parent
      INTO c
      FROM pg_class AS x JOIN pg_namespace AS n ON n.oid = x.relnamespace WHERE x.oid = relation;
    IF c.name = p.target THEN
        reason := 'it is the target';
        hint := 'A pipeline cannot read what it writes.';
    ELSIF c.relpersistence = 't' THEN
        reason := 'it is a temporary table';
        hint := 'Other sessions do not see it; read a permanent table.';
    ELSIF c.nspname IN ('pg_catalog', 'information_schema', 'dataplat_internal', 'pg_toast') THEN
        reason := 'it is a system table';
        hint := 'Its changes cannot be captured.';
    ELSIF role = 'lookup' OR p.mode IN ('full', 'view') THEN
        RETURN;
    ELSIF c.relkind IN ('f', 'm') OR c.nspname = 'dataplat' THEN
        reason := CASE c.relkind WHEN 'f' THEN 'it is a foreign table' WHEN 'm' THEN 'it is a materialized view' ELSE 'it belongs to the extension' END
                  || ', whose changes cannot be captured';
        hint := format('Name it in lookups => ''{%s}'', or use mode => ''full''.', c.name);
    ELSIF c.relispartition AND c.relkind IN ('r', 'p') THEN
        reason := 'it is a partition';
        hint := format('Read %s, with a condition on its partition key.', c.parent);
    ELSIF c.relkind NOT IN ('r', 'p') THEN
        reason := 'it is not a table';
        hint := 'Read tables and views of tables.';
    ELSIF role = 'table' AND NOT has_table_privilege(p.owner, relation, 'TRIGGER') THEN
        RAISE EXCEPTION 'permission denied for table %', c.name
            USING ERRCODE = 'insufficient_privilege',
                  DETAIL = 'Changes of an input are captured by triggers on it.',
                  HINT = format('GRANT TRIGGER ON %s TO %I, or name it in lookups => ''{%1$s}''.', c.name, p.owner);
    END IF;
    IF reason IS NOT NULL THEN
        RAISE EXCEPTION 'pipeline "%" cannot read "%" because %', p.name, c.name, reason
            USING ERRCODE = 'wrong_object_type', HINT = hint;
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_pipeline_input(dataplat.pipeline, regclass, text) IS 'fail on a relation that cannot be an input';

-- The inputs of an analysis, with the role that the definition gives them.
CREATE OR REPLACE FUNCTION dataplat_internal.pipeline_inputs_of(p dataplat.pipeline, inputs jsonb)
RETURNS TABLE (relation text, role text, columns name[], whole_row boolean)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT i.relation,
           CASE WHEN EXISTS (SELECT FROM unnest(p.lookups) AS l, dataplat_internal.relation_parts(l) AS w
                              WHERE w.relation_name = n.relation_name AND coalesce(w.schema_name, n.schema_name) = n.schema_name) THEN 'lookup'
                ELSE i.role END,
           i.columns, i.whole_row
      FROM jsonb_to_recordset(inputs) AS i (relation text, role text, columns name[], whole_row boolean)
     CROSS JOIN LATERAL dataplat_internal.relation_parts(i.relation) AS n
     ORDER BY i.relation;
$$;
COMMENT ON FUNCTION dataplat_internal.pipeline_inputs_of(dataplat.pipeline, jsonb) IS 'inputs of an analysed definition with their roles';

CREATE OR REPLACE FUNCTION dataplat_internal.check_pipeline_lookups(p dataplat.pipeline, inputs jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong text;
BEGIN
    SELECT l INTO wrong FROM unnest(p.lookups) AS l
     WHERE NOT EXISTS (SELECT FROM jsonb_to_recordset(inputs) AS i (relation text),
                              dataplat_internal.relation_parts(i.relation) AS n, dataplat_internal.relation_parts(l) AS w
                        WHERE w.relation_name = n.relation_name AND coalesce(w.schema_name, n.schema_name) = n.schema_name)
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'lookup "%" is not an input of the query', wrong
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = coalesce((SELECT format('Its inputs are: %s.', string_agg(i.relation, ', ' ORDER BY i.relation))
                                     FROM jsonb_to_recordset(inputs) AS i (relation text)), 'It reads no table.');
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_pipeline_lookups(dataplat.pipeline, jsonb) IS 'fail on a lookup that the query does not read';

CREATE OR REPLACE FUNCTION dataplat_internal.check_pipeline_inputs(p dataplat.pipeline, inputs jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM dataplat_internal.check_pipeline_input(p, i.relation::regclass, i.role)
       FROM dataplat_internal.pipeline_inputs_of(p, inputs) AS i;
    PERFORM dataplat_internal.check_pipeline_cycle(p, ARRAY(SELECT i.relation FROM jsonb_to_recordset(inputs) AS i (relation text)));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_pipeline_inputs(dataplat.pipeline, jsonb) IS 'fail on inputs that cannot be';

-- A pipeline must not wait for itself: walk up from its inputs through the
-- pipelines that fill them.
CREATE OR REPLACE FUNCTION dataplat_internal.check_pipeline_cycle(p dataplat.pipeline, inputs text[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cycle text[];
BEGIN
    WITH RECURSIVE edge AS (
        SELECT r.pipeline AS below, u.name AS above
          FROM dataplat_internal.pipeline_relation AS r JOIN dataplat.pipeline AS u ON u.target = r.relation
         WHERE r.pipeline <> p.name AND u.name <> p.name
        UNION SELECT x.name, d FROM dataplat.pipeline AS x, unnest(x.depends_on) AS d WHERE x.name <> p.name
        UNION SELECT r.pipeline, p.name FROM dataplat_internal.pipeline_relation AS r WHERE r.relation = p.target AND r.pipeline <> p.name
        UNION SELECT p.name, u.name FROM dataplat.pipeline AS u WHERE u.target = ANY (inputs) AND u.name <> p.name
        UNION SELECT p.name, d FROM unnest(p.depends_on) AS d
        UNION SELECT p.name, p.name WHERE p.target = ANY (inputs)
    ), walk AS (
        SELECT e.above, ARRAY[p.name, e.above] AS path FROM edge AS e WHERE e.below = p.name
        UNION ALL
        SELECT e.above, w.path || e.above FROM walk AS w JOIN edge AS e ON e.below = w.above
         WHERE w.above <> p.name AND NOT e.above = ANY (w.path[2:])
    )
    SELECT w.path INTO cycle FROM walk AS w WHERE w.above = p.name ORDER BY cardinality(w.path), w.path LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'pipeline "%" would read its own result', p.name
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('The cycle, each reading what the next one fills: %s.', array_to_string(cycle, ' -> ')),
                  HINT = 'Read the table that the first of them reads, or split the query.';
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_pipeline_cycle(dataplat.pipeline, text[]) IS 'fail when a pipeline would wait for itself';

-- ------------------------------------------------------------------ rights

-- Find a pipeline to change it, and lock it.  "steer" is what operators may
-- do too (pause, run, rebuild); a definition is changed by its owner only.
CREATE OR REPLACE FUNCTION dataplat_internal.pipeline_to_change(caller name, pipeline_name text, steer boolean)
RETURNS dataplat.pipeline
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p dataplat.pipeline;
BEGIN
    SELECT * INTO p FROM dataplat.pipeline AS x WHERE x.name = pipeline_name FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'pipeline "%" does not exist', pipeline_name
            USING ERRCODE = 'undefined_object', HINT = 'See dataplat.pipeline for the declared pipelines.';
    END IF;
    IF NOT (dataplat_internal.is_member(caller, p.owner) OR (steer AND dataplat_internal.is_member(caller, 'dataplat_operator'))) THEN
        RAISE EXCEPTION 'must be owner of pipeline "%"', pipeline_name
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('Its owner is %I.', p.owner) || CASE WHEN steer THEN ' Members of dataplat_operator may do it too.' ELSE '' END;
    END IF;
    RETURN p;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.pipeline_to_change(name, text, boolean) IS 'lock a pipeline that the caller may change';

CREATE OR REPLACE FUNCTION dataplat_internal.note_pipeline_event(caller name, pipeline_name text, kind text, detail jsonb DEFAULT '{}')
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO dataplat.pipeline_event (pipeline, kind, actor, detail)
    VALUES (pipeline_name, note_pipeline_event.kind, caller, coalesce(jsonb_strip_nulls(note_pipeline_event.detail), '{}'));
$$;
COMMENT ON FUNCTION dataplat_internal.note_pipeline_event(name, text, text, jsonb) IS 'record what somebody did to a pipeline';
