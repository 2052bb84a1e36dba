/*
 * pipeline: the table that a pipeline fills: made when it is missing, else
 * checked column by column.  All of it with the rights of the owner.
 */

-- The columns of the target: those of the result and, in mode scd2, the two
-- that say when a version holds.
CREATE OR REPLACE FUNCTION dataplat_internal.pipeline_columns(p dataplat.pipeline, columns jsonb)
RETURNS TABLE (ordinal bigint, name name, type text, "collation" text, not_null boolean, note text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH result AS (
        SELECT c.nth, c.spec ->> 'name' AS name, regexp_replace(c.spec ->> 'type', '^pg_catalog\.', '') AS type, c.spec ->> 'collation' AS "collation"
          FROM jsonb_array_elements(columns) WITH ORDINALITY AS c (spec, nth)
    )
    SELECT r.nth, r.name::name, r.type, r."collation",
           p.mode = 'scd2' AND (r.name = ANY (p.keys) OR r.name = ANY (dataplat_internal.sequence_columns(p.sequence_by))), NULL::text
      FROM result AS r
     -- what an event says about itself is not stored
     WHERE p.mode NOT IN ('upsert', 'scd2') OR (r.name, r.type) NOT IN (('_keep', 'text[]'), ('_delete', 'boolean'))
    UNION ALL
    SELECT 10000, 'valid',
           (SELECT format_type(g.rngtypid, NULL) FROM pg_range AS g WHERE g.rngsubtype = to_regtype(r.type) ORDER BY g.rngtypid LIMIT 1),
           NULL, true, format('when this version holds, by %s', r.name)
      FROM result AS r WHERE p.mode = 'scd2' AND r.name = ANY (dataplat_internal.sequence_columns(p.sequence_by))
    UNION ALL
    SELECT 10001, 'is_current', 'boolean', NULL, true, 'this is the newest version of its key' WHERE p.mode = 'scd2'
     ORDER BY 1;
$$;
COMMENT ON FUNCTION dataplat_internal.pipeline_columns(dataplat.pipeline, jsonb) IS 'columns of the target of an analysed definition';

-- Why an existing table cannot be filled, a line for each column; empty when it can.
CREATE OR REPLACE FUNCTION dataplat_internal.pipeline_misfits(relation regclass, p dataplat.pipeline, columns jsonb)
RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH wanted AS (
        SELECT * FROM dataplat_internal.pipeline_columns(p, columns)
    ), have AS (
        SELECT a.attnum, a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull, a.atthasdef, a.attgenerated, a.attidentity
          FROM pg_attribute AS a
         WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
    )
    SELECT m.line
      FROM (SELECT w.ordinal,
                   CASE WHEN h.attname IS NULL THEN format('column %I %s is missing', w.name, w.type)
                        WHEN h.attgenerated <> '' THEN format('column %I is generated', w.name)
                        WHEN h.attidentity = 'a' THEN format('column %I is an identity column', w.name)
                        WHEN h.type <> w.type THEN format('column %I is %s, not %s', w.name, h.type, w.type) END AS line
              FROM wanted AS w LEFT JOIN have AS h ON h.attname = w.name
            UNION ALL
            SELECT 20000 + h.attnum, format('column %I is not filled by the pipeline and must accept NULL or have a default', h.attname)
              FROM have AS h
             WHERE NOT EXISTS (SELECT FROM wanted AS w WHERE w.name = h.attname)
               AND h.attnotnull AND NOT h.atthasdef AND h.attgenerated = '' AND h.attidentity = '') AS m
     WHERE m.line IS NOT NULL
     ORDER BY m.ordinal;
$$;
COMMENT ON FUNCTION dataplat_internal.pipeline_misfits(regclass, dataplat.pipeline, jsonb) IS
    'what keeps an existing table from being filled, a line for each column';

-- A relation that is there must be a table that the owner may write whole.
CREATE OR REPLACE FUNCTION dataplat_internal.check_pipeline_target(p dataplat.pipeline, relation regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c       record;
    missing text;
BEGIN
    SELECT x.relkind, x.relispartition, x.relpersistence, x.relowner, x.relrowsecurity, x.relforcerowsecurity,
           pg_has_role(p.owner, x.relowner, 'MEMBER') AS owned,
           (SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles AS r WHERE r.rolname = p.owner) AS bypasses
      INTO c FROM pg_class AS x WHERE x.oid = relation;
    IF c.relkind NOT IN ('r', 'p') OR c.relispartition OR c.relpersistence = 't' THEN
        RAISE EXCEPTION 'cannot fill "%" because it is %', p.target,
              CASE WHEN c.relispartition THEN 'a partition' WHEN c.relpersistence = 't' THEN 'a temporary table' ELSE 'not a table' END
            USING ERRCODE = 'wrong_object_type',
                  HINT = CASE WHEN c.relispartition THEN 'Name the table that it is a part of.' ELSE 'Name another target; a missing one is made.' END;
    END IF;
    SELECT string_agg(m.right, ', ') INTO missing
      FROM unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) AS m ("right") WHERE NOT has_table_privilege(p.owner, relation, m.right);
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'permission denied for table %', p.target
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('The owner of the pipeline needs it: GRANT %s ON %s TO %I.', missing, p.target, p.owner);
    END IF;
    IF c.relrowsecurity AND NOT c.bypasses AND NOT (c.owned AND NOT c.relforcerowsecurity) THEN
        RAISE EXCEPTION 'cannot fill "%" because its row security applies to role "%"', p.target, p.owner
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Rows that the role cannot see could not be kept up to date: let the owner of the table own the pipeline, or one with BYPASSRLS.';
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_pipeline_target(dataplat.pipeline, regclass) IS 'fail on a relation that cannot be a target';

-- Nobody else may write the target, and it must lie where users' tables lie.
CREATE OR REPLACE FUNCTION dataplat_internal.check_pipeline_target_name(p dataplat.pipeline)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts record;
    other text;
BEGIN
    SELECT * INTO parts FROM dataplat_internal.relation_parts(p.target);
    IF parts.schema_name IS NULL THEN
        RAISE EXCEPTION 'invalid target "%"', p.target
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Write schema.table, with double quotes around a part that needs them.';
    END IF;
    IF parts.schema_name IN ('pg_catalog', 'information_schema', 'dataplat', 'dataplat_internal') OR parts.schema_name LIKE 'pg\_%' THEN
        RAISE EXCEPTION 'target "%" is in a system schema', p.target
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Targets are in schemas of yours.';
    END IF;
    SELECT x.name INTO other FROM dataplat.pipeline AS x WHERE x.target = p.target AND x.name <> p.name;
    IF FOUND THEN
        RAISE EXCEPTION 'table "%" is filled by pipeline "%" already', p.target, other
            USING ERRCODE = 'object_in_use', HINT = 'Two pipelines need a table each; one query may join them with UNION ALL.';
    END IF;
    SELECT x.name INTO other FROM dataplat.source AS x WHERE x.target = p.target;
    IF FOUND THEN
        RAISE EXCEPTION 'table "%" is filled by source "%" already', p.target, other
            USING ERRCODE = 'object_in_use', HINT = 'A pipeline reads bronze tables and fills tables of its own.';
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_pipeline_target_name(dataplat.pipeline) IS 'fail on a target that cannot be or is taken';

-- Statements run where the names of the query are looked up, as the owner.
CREATE OR REPLACE FUNCTION dataplat_internal.execute_for_pipeline(p dataplat.pipeline, statement text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.execute_as(p.owner,
        format('SELECT pg_catalog.set_config(''search_path'', %L, true); %s', p.search_path, statement));
$$;
COMMENT ON FUNCTION dataplat_internal.execute_for_pipeline(dataplat.pipeline, text) IS 'run a statement as the owner of a pipeline, in its search_path';

-- Make or check the target.  Returns it.
CREATE OR REPLACE FUNCTION dataplat_internal.prepare_pipeline_target(p dataplat.pipeline, columns jsonb)
RETURNS regclass
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts    record;
    relation regclass;
    misfits  text[];
    note     text := format('kept up to date by dataplat pipeline %s', p.name);
BEGIN
    SELECT * INTO parts FROM dataplat_internal.relation_parts(p.target);
    SELECT c.oid::regclass INTO relation
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = parts.schema_name AND c.relname = parts.relation_name;
    IF relation IS NOT NULL THEN
        IF p.mode = 'view' THEN
            RAISE EXCEPTION 'relation "%" exists already', p.target
                USING ERRCODE = 'duplicate_table', HINT = 'Mode view makes its view; name another target, or drop what is there.';
        END IF;
        PERFORM dataplat_internal.check_pipeline_target(p, relation);
        misfits := ARRAY(SELECT dataplat_internal.pipeline_misfits(relation, p, columns));
        IF cardinality(misfits) > 0 THEN
            RAISE EXCEPTION 'table "%" does not fit the query of pipeline "%"', p.target, p.name
                USING ERRCODE = 'datatype_mismatch',
                      DETAIL = array_to_string(misfits, '; ') || '.',
                      HINT = 'Mend the table, cast in the query, or name another target and let create_pipeline make it.';
        END IF;
        PERFORM dataplat_internal.ensure_pipeline_key(p, relation);
        RETURN relation;
    END IF;

    IF NOT EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = parts.schema_name) THEN
        PERFORM dataplat_internal.execute_as(p.owner, format('CREATE SCHEMA %I', parts.schema_name));
    END IF;
    IF p.mode = 'view' THEN
        PERFORM dataplat_internal.execute_for_pipeline(p, format('CREATE VIEW %s AS %s', p.target, rtrim(p.query, E' \t\r\n;')));
        PERFORM dataplat_internal.execute_as(p.owner, format('COMMENT ON VIEW %s IS %L', p.target, format('query of dataplat pipeline %s', p.name)));
        RETURN p.target::regclass;
    END IF;
    -- Rows are updated in place over and over: room for the next version keeps indexes out of it.
    PERFORM dataplat_internal.execute_as(p.owner, (
        SELECT format('CREATE TABLE %s (%s)%s', p.target,
                      string_agg(format('%I %s%s%s', c.name, c.type, ' COLLATE ' || c."collation", CASE WHEN c.not_null THEN ' NOT NULL' ELSE '' END),
                                 ', ' ORDER BY c.ordinal),
                      CASE WHEN p.mode IN ('upsert', 'aggregate') THEN ' WITH (fillfactor = 50)' ELSE '' END)
          FROM dataplat_internal.pipeline_columns(p, columns) AS c));
    PERFORM dataplat_internal.execute_as(p.owner, format('COMMENT ON TABLE %s IS %L', p.target, note));
    PERFORM dataplat_internal.execute_as(p.owner, format('COMMENT ON COLUMN %s.%I IS %L', p.target, c.name, c.note))
       FROM dataplat_internal.pipeline_columns(p, columns) AS c WHERE c.note IS NOT NULL;
    relation := p.target::regclass;
    PERFORM dataplat_internal.ensure_pipeline_key(p, relation);
    RETURN relation;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.prepare_pipeline_target(dataplat.pipeline, jsonb) IS 'make or check the target of a pipeline';

-- The unique index by which the writer finds the row of a key: made when
-- there is none that fits.  One that we made for other keys goes.
CREATE OR REPLACE FUNCTION dataplat_internal.ensure_pipeline_key(p dataplat.pipeline, relation regclass)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    note        text := format('keys of dataplat pipeline %s', p.name);
    i           record;
    detail      text;
    schema_name name;
    index_name  name;
BEGIN
    IF p.mode = 'scd2' THEN
        PERFORM dataplat_internal.ensure_history_keys(p, relation);
    END IF;
    IF p.keys = '{}' OR p.mode IN ('append', 'view', 'scd2') THEN
        RETURN;
    END IF;
    FOR i IN
        SELECT x.indexrelid::regclass AS name, obj_description(x.indexrelid, 'pg_class') IS NOT DISTINCT FROM note AS ours,
               x.indisunique AND x.indisvalid AND x.indpred IS NULL AND x.indexprs IS NULL
               AND (x.indnullsnotdistinct OR NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = relation
                                                            AND a.attname = ANY (p.keys) AND NOT a.attnotnull))
               AND (SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_attribute AS a
                     WHERE a.attrelid = relation AND a.attnum = ANY ((x.indkey::int2[])[0:x.indnkeyatts - 1]))
                   = (SELECT array_agg(k ORDER BY k) FROM unnest(p.keys) AS k (k)) AS fits
          FROM pg_index AS x WHERE x.indrelid = relation
         ORDER BY 3 DESC
    LOOP
        IF i.fits THEN
            RETURN;
        ELSIF i.ours THEN
            PERFORM dataplat_internal.execute_as(p.owner, format('DROP INDEX %s', i.name));
        END IF;
    END LOOP;
    SELECT n.nspname, x.name INTO STRICT schema_name, index_name
      FROM pg_class AS c
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
     CROSS JOIN LATERAL (SELECT left(c.relname, 40) || '_pipeline_key' || coalesce(nullif(g, 1)::text, ''), g FROM generate_series(1, 100) AS g) AS x (name, number)
     WHERE c.oid = relation AND NOT EXISTS (SELECT FROM pg_class AS o WHERE o.relnamespace = c.relnamespace AND o.relname = x.name)
     ORDER BY x.number
     LIMIT 1;
    BEGIN
        PERFORM dataplat_internal.execute_as(p.owner, (
            SELECT format('CREATE UNIQUE INDEX %I ON %s (%s) NULLS NOT DISTINCT', index_name, relation,
                          string_agg(quote_ident(k), ', ' ORDER BY n))
              FROM unnest(p.keys) WITH ORDINALITY AS u (k, n)));
    EXCEPTION WHEN unique_violation THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
        RAISE EXCEPTION 'keys % are not unique in table "%"', p.keys, p.target
            USING ERRCODE = 'unique_violation', DETAIL = detail,
                  HINT = 'Remove the repeated rows, name more columns as keys, or name another target.';
    END;
    PERFORM dataplat_internal.execute_as(p.owner, format('COMMENT ON INDEX %I.%I IS %L', schema_name, index_name, note));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.ensure_pipeline_key(dataplat.pipeline, regclass) IS 'make the unique index of a target when it is missing';

-- History has a version a key and begin, and no two that overlap.  For the
-- latter PostgreSQL needs btree_gist, which an owner of the database may
-- create; without it the rule of apply alone keeps them apart.
CREATE OR REPLACE FUNCTION dataplat_internal.ensure_history_keys(p dataplat.pipeline, relation regclass)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    keys   text := (SELECT string_agg(quote_ident(k), ', ' ORDER BY n) FROM unnest(p.keys) WITH ORDINALITY AS u (k, n));
    table_name text := (SELECT quote_ident(left(c.relname, 40) || '_history_key') FROM pg_class AS c WHERE c.oid = relation);
BEGIN
    IF NOT EXISTS (SELECT FROM pg_index AS x WHERE x.indrelid = relation AND x.indisunique AND x.indisvalid AND x.indpred IS NULL
                      AND pg_get_indexdef(x.indexrelid) LIKE format('%%(%s, lower(valid))%%', keys)) THEN
        PERFORM dataplat_internal.execute_as(p.owner, format('CREATE UNIQUE INDEX ON %s (%s, pg_catalog.lower(valid))', relation, keys));
    END IF;
    IF EXISTS (SELECT FROM pg_constraint AS c WHERE c.conrelid = relation AND c.contype = 'x') THEN
        RETURN;
    END IF;
    BEGIN
        IF NOT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'btree_gist') THEN
            PERFORM dataplat_internal.execute_as(p.owner, format('CREATE EXTENSION btree_gist SCHEMA %I',
                (SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relation)));
        END IF;
        PERFORM dataplat_internal.execute_as(p.owner, (
            SELECT format('ALTER TABLE %s ADD CONSTRAINT %s EXCLUDE USING gist (%s, valid WITH OPERATOR(pg_catalog.&&))', relation, table_name,
                          string_agg(format('%I WITH OPERATOR(pg_catalog.=)', k), ', ' ORDER BY n))
              FROM unnest(p.keys) WITH ORDINALITY AS u (k, n)));
    EXCEPTION WHEN insufficient_privilege OR undefined_object OR feature_not_supported OR undefined_file OR undefined_function THEN
        RAISE NOTICE 'no exclusion constraint guards the history in "%": %', p.target, SQLERRM
            USING HINT = 'CREATE EXTENSION btree_gist, then alter_pipeline() makes it.';
    END;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.ensure_history_keys(dataplat.pipeline, regclass) IS 'indexes and constraint of a table of history';

-- The same for a changed definition: new columns are added to the table.
CREATE OR REPLACE FUNCTION dataplat_internal.alter_pipeline_target(old dataplat.pipeline, p dataplat.pipeline, columns jsonb)
RETURNS regclass
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass := to_regclass(old.target);
    c        record;
    idle     text;
BEGIN
    IF p.target <> old.target OR relation IS NULL THEN
        RETURN dataplat_internal.prepare_pipeline_target(p, columns);
    END IF;
    IF p.mode <> old.mode AND ('view' IN (p.mode, old.mode) OR 'scd2' IN (p.mode, old.mode)) THEN
        RAISE EXCEPTION 'cannot change pipeline "%" from mode % to % with the same target', p.name, old.mode, p.mode
            USING ERRCODE = 'feature_not_supported', HINT = 'Name another target, or drop the pipeline and create it again.';
    END IF;
    IF p.mode = 'view' THEN
        IF (p.query, p.search_path) IS DISTINCT FROM (old.query, old.search_path) THEN
            PERFORM dataplat_internal.execute_for_pipeline(p, format('CREATE OR REPLACE VIEW %s AS %s', p.target, rtrim(p.query, E' \t\r\n;')));
        END IF;
        RETURN relation;
    END IF;
    PERFORM dataplat_internal.check_pipeline_target(p, relation);
    FOR c IN
        SELECT w.name, w.type, w."collation" FROM dataplat_internal.pipeline_columns(p, columns) AS w
         WHERE NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = w.name AND NOT a.attisdropped)
         ORDER BY w.ordinal
    LOOP
        PERFORM dataplat_internal.execute_as(p.owner, format('ALTER TABLE %s ADD COLUMN %I %s%s', relation, c.name, c.type, ' COLLATE ' || c."collation"));
    END LOOP;
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO idle
      FROM pg_attribute AS a
     WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity = ''
       AND NOT EXISTS (SELECT FROM dataplat_internal.pipeline_columns(p, columns) AS w WHERE w.name = a.attname);
    IF idle IS NOT NULL AND p.query <> old.query THEN
        RAISE NOTICE 'the query of pipeline "%" does not fill: %', p.name, idle
            USING HINT = 'These columns keep what they hold; drop them when nobody reads them.';
    END IF;
    RETURN dataplat_internal.prepare_pipeline_target(p, columns);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.alter_pipeline_target(dataplat.pipeline, dataplat.pipeline, jsonb) IS
    'bring the target of a pipeline to a changed definition';
