/*
 * catalog: one page about one thing.  Each room adds its sections; a section
 * is a function of a name that returns rows of (label, value).
 */

-- ------------------------------------------------------------------ sections of this room

CREATE OR REPLACE FUNCTION dataplat_internal.describe_meaning(object text, OUT label text, OUT value text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    d record;
BEGIN
    SELECT * INTO d FROM dataplat_internal.dataset_rows(describe_meaning.object) AS r WHERE r.object = describe_meaning.object AND r.kind IS NOT NULL LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT v.label, v.value FROM (VALUES
        (1, 'Deprecated', CASE WHEN d.deprecated_at IS NOT NULL THEN concat_ws('', d.deprecation, '; use ' || d.use_instead || ' instead', format(' (since %s)', d.deprecated_at::date)) END),
        (2, 'Meaning', coalesce(d.description, 'nobody has described it; dataplat.set_description() does')),
        (3, 'Terms', (SELECT string_agg(format('%s: %s', t.fqn, t.definition), E'\n' ORDER BY t.fqn) FROM dataplat.glossary_term AS t WHERE t.fqn = ANY (d.terms))),
        (4, 'Tags', nullif(array_to_string(d.tags, ', '), '')),
        (5, 'Domain', d.domain),
        (6, 'Products', nullif(array_to_string(d.products, ', '), ''))) AS v (place, label, value)
     WHERE v.value IS NOT NULL ORDER BY v.place;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.describe_meaning(text) IS 'section of describe(): what a dataset is';
REVOKE ALL ON FUNCTION dataplat_internal.describe_meaning(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.readers_of(relation oid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat_ws('; ',
               (SELECT string_agg(DISTINCT CASE a.grantee WHEN 0 THEN 'everybody' ELSE pg_get_userbyid(a.grantee)::text END, ', ')
                  FROM aclexplode(c.relacl) AS a WHERE a.privilege_type = 'SELECT' AND a.grantee <> c.relowner),
               CASE WHEN c.relrowsecurity THEN 'row policies say which rows' END)
      FROM pg_class AS c
     WHERE c.oid = relation AND (c.relrowsecurity OR EXISTS (SELECT FROM aclexplode(c.relacl) AS a WHERE a.privilege_type = 'SELECT' AND a.grantee <> c.relowner));
$$;
COMMENT ON FUNCTION dataplat_internal.readers_of(oid) IS 'roles besides its owner that may read a relation; NULL when there are none';
REVOKE ALL ON FUNCTION dataplat_internal.readers_of(oid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.describe_owner(object text, OUT label text, OUT value text)
RETURNS SETOF record
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT v.label, v.value
      FROM dataplat_internal.dataset_rows(describe_owner.object) AS d
     CROSS JOIN LATERAL (VALUES
           (1, 'Owner', CASE WHEN d.owners <> '{}' THEN array_to_string(d.owners, ', ') ELSE d.owner || ' (owns the object)' END),
           (2, 'Written by', d.written_by),
           (3, 'Size', CASE WHEN d.rows_estimate IS NOT NULL THEN format('about %s rows, %s', d.rows_estimate, pg_size_pretty(d.bytes_estimate)) END),
           (4, 'Use', CASE d.uses_from WHEN 'statements' THEN format('named in %s statements', d.uses) WHEN 'scans' THEN format('%s scans', d.uses) END),
           (5, 'Readers', dataplat_internal.readers_of(dataplat_internal.dataset_relation(d.object)))) AS v (place, label, value)
     WHERE d.object = describe_owner.object AND v.value IS NOT NULL ORDER BY v.place;
$$;
COMMENT ON FUNCTION dataplat_internal.describe_owner(text) IS 'section of describe(): whose a dataset is, who writes it, how large it is';
REVOKE ALL ON FUNCTION dataplat_internal.describe_owner(text) FROM PUBLIC;

-- All columns of relations, with what the catalog says of them.
CREATE OR REPLACE FUNCTION dataplat_internal.column_rows(relation oid, object text,
    OUT place int, OUT name text, OUT type text, OUT nullable boolean, OUT key_place int, OUT is_unique boolean, OUT default_value text, OUT refers_to text,
    OUT description text, OUT tags text[], OUT terms text[], OUT classification text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT row_number() OVER (ORDER BY a.attnum)::int, a.attname::text, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
           (SELECT array_position(k.conkey, a.attnum) FROM pg_constraint AS k WHERE k.conrelid = a.attrelid AND k.contype = 'p'),
           EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
                      AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum),
           CASE WHEN a.attidentity <> '' THEN 'identity' WHEN a.attgenerated <> '' THEN 'generated: ' || pg_get_expr(e.adbin, e.adrelid) ELSE pg_get_expr(e.adbin, e.adrelid) END,
           (SELECT string_agg(format('%s.%I', dataplat_internal.dataset_name(k.confrelid), t.attname), ', ' ORDER BY k.conname)
              FROM pg_constraint AS k JOIN pg_attribute AS t ON t.attrelid = k.confrelid AND t.attnum = k.confkey[array_position(k.conkey, a.attnum)]
             WHERE k.conrelid = a.attrelid AND k.contype = 'f' AND a.attnum = ANY (k.conkey)),
           col_description(a.attrelid, a.attnum),
           ARRAY(SELECT g.tag FROM dataplat.tag AS g WHERE g.object = column_rows.object AND g.column_name = a.attname ORDER BY g.tag),
           ARRAY(SELECT g.term FROM dataplat.term_assignment AS g WHERE g.object = column_rows.object AND g.column_name = a.attname ORDER BY g.term),
           (SELECT c.classification FROM dataplat.column_classification AS c WHERE c.object = column_rows.object AND c.column_name = a.attname)
      FROM pg_attribute AS a LEFT JOIN pg_attrdef AS e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
     WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped;
$$;
COMMENT ON FUNCTION dataplat_internal.column_rows(oid, text) IS 'the columns of a relation and all that is said of them';

CREATE OR REPLACE FUNCTION dataplat_internal.describe_columns(object text, OUT label text, OUT value text)
RETURNS SETOF record
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH told AS (
        SELECT c.place, c.name, c.type || CASE WHEN NOT c.nullable THEN ' not null' ELSE '' END AS type,
               concat_ws('; ', CASE WHEN c.key_place IS NOT NULL THEN 'key' END, c.description, 'refers to ' || c.refers_to, 'term ' || nullif(array_to_string(c.terms, ', '), ''),
                         c.classification, '#' || nullif(array_to_string(c.tags, ' #'), '')) AS note
          FROM dataplat_internal.column_rows(dataplat_internal.dataset_relation(describe_columns.object), describe_columns.object) AS c
        UNION ALL
        SELECT i::int, c ->> 'name', coalesce(c ->> 'type', ''), coalesce(c ->> 'description', '')
          FROM dataplat_internal.dataset_facts() AS f
         CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(f.columns) WHEN 'array' THEN f.columns ELSE '[]' END) WITH ORDINALITY AS e (c, i)
         WHERE f.object = describe_columns.object AND f.kind IS NOT NULL
    ), width AS (
        SELECT least(max(length(t.name)), 30) AS name, least(max(length(t.type)), 30) AS type FROM told AS t
    )
    SELECT 'Columns', rtrim(rpad(t.name, greatest(w.name, length(t.name))) || '  ' || rpad(t.type, greatest(w.type, length(t.type))) || '  ' || t.note)
      FROM told AS t, width AS w ORDER BY t.place;
$$;
COMMENT ON FUNCTION dataplat_internal.describe_columns(text) IS 'section of describe(): the columns';
REVOKE ALL ON FUNCTION dataplat_internal.describe_columns(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.age_in_words(since timestamptz)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN s < 5 THEN 'just now' WHEN s < 120 THEN round(s) || ' seconds ago' WHEN s < 7200 THEN round(s / 60) || ' minutes ago'
                WHEN s < 172800 THEN round(s / 3600) || ' hours ago' ELSE round(s / 86400) || ' days ago' END
      FROM (SELECT extract(epoch FROM clock_timestamp() - since) AS s) AS t;
$$;
COMMENT ON FUNCTION dataplat_internal.age_in_words(timestamptz) IS 'how long ago a moment is, as people say it';

CREATE OR REPLACE FUNCTION dataplat_internal.describe_freshness(object text, OUT label text, OUT value text)
RETURNS SETOF record
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'Freshness',
           concat_ws('; ', 'last loaded ' || dataplat_internal.age_in_words(d.loaded_at) || format(' (%s)', date_trunc('second', d.loaded_at)),
                     'complete up to ' || CASE WHEN d.current_at >= clock_timestamp() - interval '5 seconds' THEN 'now' ELSE dataplat_internal.age_in_words(d.current_at) END)
      FROM dataplat_internal.dataset_rows(describe_freshness.object) AS d
     WHERE d.object = describe_freshness.object AND (d.loaded_at IS NOT NULL OR d.current_at IS NOT NULL);
$$;
COMMENT ON FUNCTION dataplat_internal.describe_freshness(text) IS 'section of describe(): when rows came last';
REVOKE ALL ON FUNCTION dataplat_internal.describe_freshness(text) FROM PUBLIC;

-- schema.table.column: sections get the whole name.
CREATE OR REPLACE FUNCTION dataplat_internal.describe_column(o dataplat_internal.catalog_object, OUT label text, OUT value text)
RETURNS SETOF record
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT v.label, v.value
      FROM dataplat_internal.column_rows((o).relation, (o).object) AS c
     CROSS JOIN LATERAL (VALUES
           (1, 'Meaning', coalesce(c.description, 'nobody has described it; dataplat.set_description() does')),
           (2, 'Type', c.type || CASE WHEN c.nullable THEN '' ELSE ' not null' END),
           (3, 'Key', CASE WHEN c.key_place IS NOT NULL THEN format('column %s of the primary key', c.key_place) WHEN c.is_unique THEN 'unique' END),
           (4, 'Default', c.default_value),
           (5, 'Refers to', c.refers_to),
           (6, 'Terms', (SELECT string_agg(format('%s: %s', t.fqn, t.definition), E'\n' ORDER BY t.fqn) FROM dataplat.glossary_term AS t WHERE t.fqn = ANY (c.terms))),
           (7, 'Tags', nullif(array_to_string(c.tags, ', '), '')),
           (8, 'Class', c.classification)) AS v (place, label, value)
     WHERE c.name = (o).column_name AND v.value IS NOT NULL ORDER BY v.place;
$$;
COMMENT ON FUNCTION dataplat_internal.describe_column(dataplat_internal.catalog_object) IS 'what describe() says of a column';
REVOKE ALL ON FUNCTION dataplat_internal.describe_column(dataplat_internal.catalog_object) FROM PUBLIC;

DO LANGUAGE plpgsql $$
BEGIN
    PERFORM dataplat_internal.register_describe_section('meaning', 10, 'dataplat_internal.describe_meaning');
    PERFORM dataplat_internal.register_describe_section('owner', 20, 'dataplat_internal.describe_owner');
    PERFORM dataplat_internal.register_describe_section('columns', 30, 'dataplat_internal.describe_columns');
    PERFORM dataplat_internal.register_describe_section('freshness', 60, 'dataplat_internal.describe_freshness');
END;
$$;

-- ------------------------------------------------------------------ the page

-- Lines of at most this many characters, broken between words.
CREATE OR REPLACE FUNCTION dataplat_internal.wrap_text(value text, width int)
RETURNS SETOF text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    line text;
    indent text;
    cut  int;
BEGIN
    FOREACH line IN ARRAY string_to_array(value, E'\n') LOOP
        indent := '';
        WHILE length(line) > width LOOP
            cut := width + 1 - strpos(reverse(left(line, width + 1)), ' ') + 1;
            IF strpos(reverse(left(line, width + 1)), ' ') = 0 OR btrim(left(line, cut)) = '' OR cut <= length(indent) THEN
                cut := width;
            END IF;
            RETURN NEXT rtrim(left(line, cut));
            indent := '    ';
            line := indent || ltrim(substr(line, cut + 1));
        END LOOP;
        RETURN NEXT line;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.wrap_text(text, int) IS 'break a text into lines';

-- A section that fails says so in its place, and the page goes on.
--
-- SECURITY DEFINER: sections read private tables; who may ask is decided by
-- EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat.describe(object text)
RETURNS SETOF text
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    page_width  CONSTANT int := 118;
    label_width CONSTANT int := 12;
    o      dataplat_internal.catalog_object := dataplat_internal.object_of(object);
    full_name text := o.object || coalesce('.' || quote_ident(o.column_name), '');
    s      dataplat_internal.describe_section;
    part   record;
    line   text;
    last   text := '';
BEGIN
    RETURN NEXT format('%s (%s)', full_name, concat_ws(', ', CASE WHEN o.column_name IS NOT NULL THEN 'column of a ' || o.kind ELSE o.kind END,
                       (SELECT d.layer FROM dataplat_internal.dataset_rows(o.object) AS d WHERE d.object = o.object AND o.column_name IS NULL LIMIT 1)));
    FOR s IN
        SELECT * FROM (SELECT 'column' AS section, 0 AS place, '' AS section_function WHERE o.column_name IS NOT NULL
                        UNION ALL SELECT d.section, d.place, d.section_function FROM dataplat_internal.describe_section AS d
                         WHERE o.column_name IS NULL OR d.section = 'lineage') AS d
         ORDER BY d.place, d.section
    LOOP
        BEGIN
            FOR part IN EXECUTE CASE WHEN s.section = 'column' THEN 'SELECT d.label, d.value FROM dataplat_internal.describe_column($2) AS d'
                                     ELSE 'SELECT d.label, d.value FROM ' || s.section_function || '($1) AS d' END USING full_name, o LOOP
                FOR line IN SELECT w FROM dataplat_internal.wrap_text(part.value, page_width - label_width) AS w LOOP
                    RETURN NEXT rtrim(rpad(CASE WHEN part.label = last THEN '' ELSE coalesce(part.label, '') END, label_width) || line);
                    last := part.label;
                END LOOP;
            END LOOP;
        EXCEPTION WHEN OTHERS THEN
            -- a section that only knows relations has nothing to say of others
            IF o.relation IS NOT NULL AND o.column_name IS NULL OR s.section IN ('column', 'meaning', 'owner', 'columns') THEN
                RETURN NEXT rpad(initcap(s.section), label_width) || 'could not be told: ' || SQLERRM;
            END IF;
        END;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat.describe(text) IS
    'one page about a dataset, a column, a topic, a source or a pipeline: meaning, owner, columns, lineage, quality, freshness, objectives';
REVOKE ALL ON FUNCTION dataplat.describe(text) FROM PUBLIC;
