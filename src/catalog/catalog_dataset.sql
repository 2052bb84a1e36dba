/*
 * catalog: the datasets there are.  Relations are found in the server's own
 * catalog; rooms above tell of the rest, and more about relations.
 */

-- ------------------------------------------------------------------ names

CREATE OR REPLACE FUNCTION dataplat_internal.dataset_name(relation oid)
RETURNS text
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relation;
$$;
COMMENT ON FUNCTION dataplat_internal.dataset_name(oid) IS 'a relation as the catalog spells it: with its schema, quoted where needed; NULL when it is gone';

-- Not a dataset: what belongs to the server, to an extension or to a session,
-- and partitions, whose root speaks for them.
CREATE OR REPLACE FUNCTION dataplat_internal.is_dataset(c pg_class)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (c).relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT (c).relispartition AND (c).relpersistence <> 't'
       AND (c).relnamespace NOT IN (SELECT n.oid FROM pg_namespace AS n
                                     WHERE n.nspname LIKE 'pg\_%' OR n.nspname IN ('information_schema', 'dataplat', 'dataplat_internal'))
       AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = (c).oid AND d.objsubid = 0 AND d.deptype = 'e');
$$;
COMMENT ON FUNCTION dataplat_internal.is_dataset(pg_class) IS 'does the catalog list this relation?';

-- NULL for what cannot be the name of a relation, where to_regclass() fails.
CREATE OR REPLACE FUNCTION dataplat_internal.dataset_relation(object text)
RETURNS oid
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF object ~ '^("([^"]|"")+"|[[:alpha:]_][[:alnum:]_$]*)\.("([^"]|"")+"|[[:alpha:]_][[:alnum:]_$]*)$' THEN
        RETURN to_regclass(object);
    END IF;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.dataset_relation(text) IS 'the relation of this schema-qualified name; NULL when there is none';

CREATE OR REPLACE FUNCTION dataplat_internal.relation_kind(relkind "char")
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' END;
$$;
COMMENT ON FUNCTION dataplat_internal.relation_kind("char") IS 'kind of a dataset that is a relation';

-- ------------------------------------------------------------------ what the rooms above know

CREATE OR REPLACE FUNCTION dataplat_internal.register_dataset_provider(kind text, provider_function text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO dataplat_internal.dataset_provider AS p (kind, provider_function)
    VALUES ($1, $2)
        ON CONFLICT ON CONSTRAINT dataset_provider_pkey DO UPDATE SET provider_function = excluded.provider_function
     WHERE p.provider_function IS DISTINCT FROM excluded.provider_function;
$$;
COMMENT ON FUNCTION dataplat_internal.register_dataset_provider(text, text) IS 'let a room tell the catalog of datasets and jobs, and of relations that they write';
REVOKE ALL ON FUNCTION dataplat_internal.register_dataset_provider(text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.dataset_facts()
RETURNS SETOF dataplat_internal.dataset_fact
LANGUAGE plpgsql VOLATILE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p dataplat_internal.dataset_provider;
BEGIN
    FOR p IN SELECT * FROM dataplat_internal.dataset_provider AS d ORDER BY d.kind LOOP
        BEGIN
            RETURN QUERY EXECUTE 'SELECT f.* FROM ' || p.provider_function || '() AS f';
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'the catalog could not ask about each %: %', p.kind, SQLERRM;
        END;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.dataset_facts() IS 'what all providers say';
REVOKE ALL ON FUNCTION dataplat_internal.dataset_facts() FROM PUBLIC;

-- ------------------------------------------------------------------ finding what a user named

-- As people write it: schema.table, schema.table.column, a table's name alone
-- when only one schema has it, kafka://server/topic, pipeline:name, ...
CREATE OR REPLACE FUNCTION dataplat_internal.find_object(name text)
RETURNS dataplat_internal.catalog_object
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    o      dataplat_internal.catalog_object;
    parts  text[];
    fact   dataplat_internal.dataset_fact;
    candidates oid[];
BEGIN
    IF name ~ '^[a-z]+:' OR name !~ '^("([^"]|"")+"|[[:alpha:]_][[:alnum:]_$]*)(\.("([^"]|"")+"|[[:alpha:]_][[:alnum:]_$]*))*$' THEN
        parts := NULL;
    ELSE
        parts := parse_ident(name);
    END IF;

    IF cardinality(parts) IN (2, 3) THEN
        o.relation := to_regclass(format('%I.%I', parts[1], parts[2]));
        o.column_name := parts[3];
    END IF;
    IF o.relation IS NULL AND cardinality(parts) IN (1, 2) THEN
        SELECT array_agg(c.oid) INTO candidates FROM pg_class AS c WHERE c.relname = parts[1] AND dataplat_internal.is_dataset(c);
        IF cardinality(candidates) = 1 THEN
            o.relation := candidates[1];
            o.column_name := parts[2];
        END IF;
    END IF;
    IF o.relation IS NOT NULL THEN
        -- a partition is spoken for by its root
        o.relation := coalesce(pg_partition_root(o.relation), o.relation);
        SELECT dataplat_internal.dataset_name(c.oid), dataplat_internal.relation_kind(c.relkind), c.relowner::regrole::text INTO o.object, o.kind, o.owner
          FROM pg_class AS c WHERE c.oid = o.relation AND dataplat_internal.is_dataset(c);
        IF o.object IS NULL OR o.column_name IS NOT NULL
           AND NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = o.relation AND a.attname = o.column_name AND a.attnum > 0 AND NOT a.attisdropped) THEN
            RETURN NULL;
        END IF;
        o.owner := (SELECT r.rolname FROM pg_class AS c JOIN pg_roles AS r ON r.oid = c.relowner WHERE c.oid = o.relation);
        RETURN o;
    END IF;

    -- by its full name, or else by a name that only one has
    SELECT f.* INTO fact FROM dataplat_internal.dataset_facts() AS f WHERE f.kind IS NOT NULL AND f.object = name;
    IF NOT FOUND THEN
        SELECT CASE WHEN count(*) OVER () = 1 THEN f.object END, f.kind, NULL, f.owner INTO fact.object, fact.kind, fact.layer, fact.owner
          FROM dataplat_internal.dataset_facts() AS f
         WHERE f.kind IS NOT NULL AND regexp_replace(f.object, '^([a-z]+:|kafka://.*/)', '') = name;
    END IF;
    IF fact.object IS NULL THEN
        RETURN NULL;
    END IF;
    o.object := fact.object;
    o.kind := fact.kind;
    o.owner := fact.owner;
    o.column_name := NULL;
    RETURN o;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.find_object(text) IS 'the dataset, column or job of this name; NULL when there is none';
REVOKE ALL ON FUNCTION dataplat_internal.find_object(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.object_of(name text)
RETURNS dataplat_internal.catalog_object
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    o    dataplat_internal.catalog_object := dataplat_internal.find_object(name);
    near text;
BEGIN
    IF o.object IS NULL THEN
        near := dataplat_internal.near_names(name);
        RAISE EXCEPTION 'object "%" does not exist', name
            USING ERRCODE = 'undefined_object',
                  HINT = coalesce('Is it one of these: ' || near || '?',
                                  'Write schema.table, schema.table.column, kafka://server/topic, pipeline:name; dataplat.dataset lists what there is.');
    END IF;
    RETURN o;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.object_of(text) IS 'find_object() that fails with names that are near';
REVOKE ALL ON FUNCTION dataplat_internal.object_of(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.trigrams_of(word text)
RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(DISTINCT substr(p.padded, i, 3)), '{}')
      FROM (SELECT '  ' || lower(word) || ' ' AS padded) AS p, generate_series(1, length(word) + 1) AS i;
$$;
COMMENT ON FUNCTION dataplat_internal.trigrams_of(text) IS 'the different runs of three letters of a word, as pg_trgm has them';

CREATE OR REPLACE FUNCTION dataplat_internal.similarity_of(a text[], b text[])
RETURNS float8
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT common::float8 / nullif(cardinality(a) + cardinality(b) - common, 0)
      FROM (SELECT count(*) AS common FROM unnest(a) AS x WHERE x = ANY (b)) AS c;
$$;
COMMENT ON FUNCTION dataplat_internal.similarity_of(text[], text[]) IS 'share of trigrams that two words have in common';

-- Names of a column's siblings when the dataset is right, else of datasets.
CREATE OR REPLACE FUNCTION dataplat_internal.near_names(name text)
RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH candidate AS (
        SELECT dataplat_internal.dataset_name(c.oid) AS object FROM pg_class AS c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND dataplat_internal.is_dataset(c)
        UNION ALL
        SELECT f.object FROM dataplat_internal.dataset_facts() AS f WHERE f.kind IS NOT NULL
        UNION ALL
        SELECT format('%s.%I', dataplat_internal.dataset_name(a.attrelid), a.attname)
          FROM pg_attribute AS a
         WHERE a.attrelid = dataplat_internal.dataset_relation(substring(name FROM '^(.*)\.[^.]*$')) AND a.attnum > 0 AND NOT a.attisdropped
    ), closest AS (
        SELECT c.object, greatest(dataplat_internal.similarity_of(dataplat_internal.trigrams_of(c.object), g.whole),
                                  dataplat_internal.similarity_of(dataplat_internal.trigrams_of(substring(c.object FROM '[^./:]+$')), g.last) - 0.2) AS likeness
          FROM candidate AS c, (SELECT dataplat_internal.trigrams_of(name) AS whole, dataplat_internal.trigrams_of(substring(name FROM '[^./:]+$')) AS last) AS g
         ORDER BY 2 DESC NULLS LAST, 1 LIMIT 3
    )
    SELECT string_agg(c.object, ', ' ORDER BY c.likeness DESC, c.object) FROM closest AS c WHERE c.likeness > 0.25;
$$;
COMMENT ON FUNCTION dataplat_internal.near_names(text) IS 'names in the catalog that are written much the same';
REVOKE ALL ON FUNCTION dataplat_internal.near_names(text) FROM PUBLIC;

-- Those who may say something about it: its owner and pipeline admins.
CREATE OR REPLACE FUNCTION dataplat_internal.object_to_note(caller name, name text)
RETURNS dataplat_internal.catalog_object
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    o dataplat_internal.catalog_object := dataplat_internal.object_of(name);
BEGIN
    IF NOT (dataplat_internal.is_member(caller, o.owner) OR dataplat_internal.is_member(caller, 'dataplat_pipeline_admin')) THEN
        RAISE EXCEPTION 'must be owner of % "%"', o.kind, o.object
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('Its owner is "%s"; members of dataplat_pipeline_admin may, too.', o.owner);
    END IF;
    IF o.relation IS NOT NULL THEN
        PERFORM dataplat_internal.follow_relation(o.relation, NULL);
    END IF;
    RETURN o;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.object_to_note(name, text) IS 'the object of this name, when the caller may change what the catalog says of it';
REVOKE ALL ON FUNCTION dataplat_internal.object_to_note(name, text) FROM PUBLIC;

-- ------------------------------------------------------------------ the list

-- Sizes are what VACUUM and ANALYZE saw last: looking must not wait for locks.
--
-- SECURITY DEFINER: it reads private tables; who may look is decided by the
-- rights on the view and on this function.
CREATE OR REPLACE FUNCTION dataplat_internal.dataset_rows(only_object text DEFAULT NULL,
    OUT object text, OUT kind text, OUT layer text, OUT owner text, OUT description text, OUT owners text[], OUT tags text[], OUT terms text[],
    OUT domain text, OUT products text[], OUT columns int, OUT rows_estimate bigint, OUT bytes_estimate bigint, OUT uses bigint, OUT uses_from text,
    OUT loaded_at timestamptz, OUT current_at timestamptz, OUT written_by text, OUT deprecated_at timestamptz, OUT deprecation text, OUT use_instead text)
RETURNS SETOF record
LANGUAGE sql VOLATILE ROWS 1000
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH fact AS MATERIALIZED (
        SELECT f.* FROM dataplat_internal.dataset_facts() AS f WHERE only_object IS NULL OR f.object = only_object
    ), about AS (
        SELECT f.object, min(f.layer) AS layer, string_agg(f.written_by, ', ' ORDER BY f.written_by) AS written_by, max(f.loaded_at) AS loaded_at,
               min(f.current_at) AS current_at
          FROM fact AS f WHERE f.kind IS NULL GROUP BY f.object
    ), relation AS MATERIALIZED (
        SELECT c.oid, dataplat_internal.dataset_name(c.oid) AS object, dataplat_internal.relation_kind(c.relkind) AS kind, n.nspname, r.rolname, c.relkind,
               c.reltuples, c.relpages
          FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace LEFT JOIN pg_roles AS r ON r.oid = c.relowner
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND dataplat_internal.is_dataset(c)
           AND (only_object IS NULL OR c.oid = (SELECT dataplat_internal.dataset_relation(only_object)))
    ), part AS (
        SELECT r.oid, p.relid FROM relation AS r CROSS JOIN LATERAL pg_partition_tree(r.oid) AS p WHERE r.relkind = 'p' AND p.isleaf
        UNION ALL SELECT r.oid, r.oid FROM relation AS r WHERE r.relkind IN ('r', 'm', 'f')
    ), measured AS (
        SELECT p.oid, sum(greatest(c.reltuples, 0))::bigint AS rows, bool_or(c.reltuples >= 0) AS known,
               sum(c.relpages + coalesce(i.pages, 0) + coalesce(t.relpages, 0))::bigint * current_setting('block_size')::bigint AS bytes,
               sum(coalesce(s.seq_scan, 0) + coalesce(s.idx_scan, 0))::bigint AS scans
          FROM part AS p JOIN pg_class AS c ON c.oid = p.relid
          LEFT JOIN LATERAL (SELECT sum(x.relpages) AS pages FROM pg_index AS k JOIN pg_class AS x ON x.oid = k.indexrelid WHERE k.indrelid = c.oid) AS i ON true
          LEFT JOIN pg_class AS t ON t.oid = c.reltoastrelid AND c.reltoastrelid <> 0
          LEFT JOIN LATERAL (SELECT pg_stat_get_numscans(c.oid) AS seq_scan,
                                    (SELECT sum(pg_stat_get_numscans(k.indexrelid)) FROM pg_index AS k WHERE k.indrelid = c.oid)::bigint AS idx_scan) AS s ON true
         GROUP BY p.oid
    ), thing AS (
        SELECT r.object, r.kind, coalesce(a.layer, CASE WHEN r.nspname IN ('bronze', 'silver', 'gold') THEN r.nspname::text END) AS layer, r.rolname::text AS role,
               obj_description(r.oid, 'pg_class') AS description, r.oid, a.written_by, a.loaded_at, a.current_at,
               CASE WHEN m.known THEN m.rows END AS rows, m.bytes, m.scans,
               (SELECT count(*) FROM pg_attribute AS t WHERE t.attrelid = r.oid AND t.attnum > 0 AND NOT t.attisdropped)::int AS columns
          FROM relation AS r LEFT JOIN about AS a USING (object) LEFT JOIN measured AS m ON m.oid = r.oid
        UNION ALL
        SELECT f.object, f.kind, f.layer, f.owner, f.description, NULL, f.written_by, f.loaded_at, f.current_at, NULL, NULL, NULL,
               CASE WHEN jsonb_typeof(f.columns) = 'array' THEN jsonb_array_length(f.columns) END
          FROM fact AS f WHERE f.kind IS NOT NULL
    )
    SELECT t.object, t.kind, t.layer, coalesce(w.first, t.role), coalesce(nullif(n.description, ''), t.description), coalesce(w.owners, '{}'),
           ARRAY(SELECT g.tag FROM dataplat.tag AS g WHERE g.object = t.object AND g.column_name = '' ORDER BY g.tag),
           ARRAY(SELECT g.term FROM dataplat.term_assignment AS g WHERE g.object = t.object AND g.column_name = '' ORDER BY g.term),
           n.domain, ARRAY(SELECT d.product FROM dataplat.data_product_dataset AS d WHERE d.object = t.object ORDER BY d.product),
           t.columns, t.rows, t.bytes, coalesce(u.uses, t.scans), CASE WHEN u.uses IS NOT NULL THEN 'statements' WHEN t.scans IS NOT NULL THEN 'scans' END,
           t.loaded_at, t.current_at, t.written_by, n.deprecated_at, n.deprecation, n.use_instead
      FROM thing AS t
      LEFT JOIN dataplat_internal.dataset_note AS n ON n.object = t.object
      LEFT JOIN dataplat_internal.dataset_usage AS u ON u.object = t.object
      LEFT JOIN LATERAL (
           SELECT (array_agg(o.owner ORDER BY o.ownership_type <> 'technical owner', o.added_at, o.owner))[1] AS first,
                  array_agg(format('%s (%s)', o.owner, o.ownership_type) ORDER BY o.ownership_type <> 'technical owner', o.ownership_type, o.owner) AS owners
             FROM dataplat.dataset_owner AS o WHERE o.object = t.object) AS w ON true;
$$;
COMMENT ON FUNCTION dataplat_internal.dataset_rows(text) IS 'datasets and jobs with all that is known of them; only_object: this one';
REVOKE ALL ON FUNCTION dataplat_internal.dataset_rows(text) FROM PUBLIC;

CREATE OR REPLACE VIEW dataplat.dataset AS
SELECT d.object, d.kind, d.layer, d.owner, d.description, d.owners, d.tags, d.terms, d.domain, d.products, d.columns, d.rows_estimate, d.bytes_estimate,
       d.uses, d.uses_from, d.loaded_at, d.current_at, d.written_by, d.deprecated_at, d.deprecation, d.use_instead
  FROM dataplat_internal.dataset_rows() AS d
 WHERE d.kind NOT IN ('source', 'pipeline')
 ORDER BY d.object;
COMMENT ON VIEW dataplat.dataset IS 'every table, partitioned table, view, materialized view, foreign table, topic and schema subject, found by itself';
COMMENT ON COLUMN dataplat.dataset.object IS 'schema.table, kafka://server/topic or subject:name; partitions are their table''s';
COMMENT ON COLUMN dataplat.dataset.layer IS 'bronze: a source writes it; silver: a pipeline that reads bronze does; gold: any other pipeline; else the name of its schema, if it is one of these';
COMMENT ON COLUMN dataplat.dataset.owner IS 'whom to ask: the first technical owner, another owner, or the role that owns it';
COMMENT ON COLUMN dataplat.dataset.rows_estimate IS 'as of the last VACUUM or ANALYZE; NULL before the first';
COMMENT ON COLUMN dataplat.dataset.bytes_estimate IS 'with indexes and TOAST, as of the last VACUUM or ANALYZE';
COMMENT ON COLUMN dataplat.dataset.uses IS 'how often it was read, as uses_from tells';
COMMENT ON COLUMN dataplat.dataset.uses_from IS 'statements: calls in pg_stat_statements that name it, at the last refresh of the catalog; scans: of its heap and indexes';
COMMENT ON COLUMN dataplat.dataset.loaded_at IS 'when rows came last; NULL when neither a source nor a pipeline writes it';
COMMENT ON COLUMN dataplat.dataset.current_at IS 'everything up to then is in it, as far as its writers know; now when nothing waits';
