/*
 * catalog: finding datasets by words.
 *
 * Documents of relations are kept in a table, made again when a relation or
 * what is said of it changes; those of topics, subjects, jobs and terms, which
 * are few, are made while searching.  Words that no document has are replaced
 * by those that look most like them, by trigrams, so no other extension is needed.
 */

CREATE OR REPLACE FUNCTION dataplat_internal.words_of(name text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT btrim(regexp_replace(regexp_replace(coalesce(name, ''), '([[:lower:][:digit:]])([[:upper:]])', '\1 \2', 'g'), '[^[:alnum:]]+', ' ', 'g'));
$$;
COMMENT ON FUNCTION dataplat_internal.words_of(text) IS 'the words that a name is made of: order_items and orderItems are order items';

CREATE OR REPLACE FUNCTION dataplat_internal.document_body(names text, tags text, terms text, description text, columns text)
RETURNS tsvector
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT setweight(to_tsvector('simple', dataplat_internal.words_of(names)), 'A') || setweight(to_tsvector('english', dataplat_internal.words_of(names)), 'A')
        || setweight(to_tsvector('simple', dataplat_internal.words_of(tags || ' ' || terms)), 'B')
        || setweight(to_tsvector('english', dataplat_internal.words_of(tags || ' ' || terms)), 'B')
        || setweight(to_tsvector('simple', description), 'C') || setweight(to_tsvector('english', description), 'C')
        || setweight(to_tsvector('simple', dataplat_internal.words_of(columns)), 'D') || setweight(to_tsvector('english', dataplat_internal.words_of(columns)), 'D');
$$;
COMMENT ON FUNCTION dataplat_internal.document_body(text, text, text, text, text) IS 'words of a document: names count most, then tags and terms, the description, columns';

-- Write the documents of relations anew where they changed: of one, or of all.
CREATE OR REPLACE FUNCTION dataplat_internal.note_documents(only_object text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    WITH relation AS MATERIALIZED (
        SELECT c.oid, dataplat_internal.dataset_name(c.oid) AS object, dataplat_internal.relation_kind(c.relkind) AS kind
          FROM pg_class AS c
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND dataplat_internal.is_dataset(c)
           AND (only_object IS NULL OR c.oid = (SELECT dataplat_internal.dataset_relation(only_object)))
    ), document AS MATERIALIZED (
        SELECT r.object, r.kind, r.object AS names,
               coalesce((SELECT string_agg(g.tag, ', ' ORDER BY g.tag, g.column_name) FROM dataplat.tag AS g WHERE g.object = r.object), '') AS tags,
               concat_ws(', ', (SELECT string_agg(concat_ws(', ', t.fqn, nullif(array_to_string(t.synonyms, ', '), '')), ', ' ORDER BY t.fqn)
                                  FROM dataplat.term_assignment AS g JOIN dataplat.glossary_term AS t ON t.fqn = g.term WHERE g.object = r.object),
                               n.domain,
                               (SELECT string_agg(d.product, ', ' ORDER BY d.product) FROM dataplat.data_product_dataset AS d WHERE d.object = r.object),
                               (SELECT string_agg(w.owner, ', ' ORDER BY w.owner) FROM dataplat.dataset_owner AS w WHERE w.object = r.object)) AS terms,
               coalesce(obj_description(r.oid, 'pg_class'), '') AS description,
               coalesce((SELECT string_agg(concat_ws(' ', a.attname, col_description(r.oid, a.attnum)), '; ' ORDER BY a.attnum)
                           FROM pg_attribute AS a WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped), '') AS columns
          FROM relation AS r LEFT JOIN dataplat_internal.dataset_note AS n ON n.object = r.object
    ), gone AS (
        DELETE FROM dataplat_internal.catalog_document AS c
         WHERE (only_object IS NULL OR c.object = only_object) AND c.object NOT IN (SELECT d.object FROM document AS d)
    )
    INSERT INTO dataplat_internal.catalog_document AS c (object, kind, names, tags, terms, description, columns, body)
    SELECT d.object, d.kind, d.names, d.tags, d.terms, d.description, d.columns,
           dataplat_internal.document_body(d.names, d.tags, d.terms, d.description, d.columns)
      FROM document AS d
     WHERE NOT EXISTS (SELECT FROM dataplat_internal.catalog_document AS o
                        WHERE (o.object, o.kind, o.tags, o.terms, o.description, o.columns) = (d.object, d.kind, d.tags, d.terms, d.description, d.columns))
        ON CONFLICT (object) DO UPDATE
       SET kind = excluded.kind, names = excluded.names, tags = excluded.tags, terms = excluded.terms, description = excluded.description,
           columns = excluded.columns, body = excluded.body;

    -- words that are in no document any more go when all are looked at
    IF only_object IS NULL THEN
        WITH used AS MATERIALIZED (SELECT s.word FROM ts_stat('SELECT d.body FROM dataplat_internal.catalog_document AS d') AS s)
        DELETE FROM dataplat_internal.catalog_word AS w WHERE w.word NOT IN (SELECT u.word FROM used AS u);
    END IF;
    INSERT INTO dataplat_internal.catalog_word (word, trigrams)
    SELECT u.word, dataplat_internal.trigrams_of(u.word)
      FROM (SELECT DISTINCT l.lexeme AS word
              FROM dataplat_internal.catalog_document AS d CROSS JOIN LATERAL unnest(d.body) AS l
             WHERE only_object IS NULL OR d.object = only_object) AS u
     WHERE length(u.word) BETWEEN 3 AND 60 AND NOT EXISTS (SELECT FROM dataplat_internal.catalog_word AS w WHERE w.word = u.word)
        ON CONFLICT DO NOTHING;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.note_documents(text) IS 'let search_catalog() find a relation by what is said of it now; NULL: all of them';
REVOKE ALL ON FUNCTION dataplat_internal.note_documents(text) FROM PUBLIC;

-- What is no relation.
CREATE OR REPLACE FUNCTION dataplat_internal.other_documents()
RETURNS SETOF dataplat_internal.catalog_document
LANGUAGE sql VOLATILE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
    WITH thing AS (
        SELECT f.object, f.kind, f.object AS names,
               coalesce((SELECT string_agg(g.tag, ', ' ORDER BY g.tag) FROM dataplat.tag AS g WHERE g.object = f.object), '') AS tags,
               concat_ws(', ', (SELECT string_agg(concat_ws(', ', t.fqn, nullif(array_to_string(t.synonyms, ', '), '')), ', ' ORDER BY t.fqn)
                                  FROM dataplat.term_assignment AS g JOIN dataplat.glossary_term AS t ON t.fqn = g.term WHERE g.object = f.object),
                               n.domain, f.owner) AS terms,
               coalesce(n.description, f.description, '') AS description,
               coalesce((SELECT string_agg(concat_ws(' ', c ->> 'name', c ->> 'description'), '; ' ORDER BY i)
                           FROM jsonb_array_elements(CASE jsonb_typeof(f.columns) WHEN 'array' THEN f.columns ELSE '[]' END) WITH ORDINALITY AS e (c, i)), '') AS columns
          FROM dataplat_internal.dataset_facts() AS f LEFT JOIN dataplat_internal.dataset_note AS n ON n.object = f.object
         WHERE f.kind IS NOT NULL
        UNION ALL
        SELECT t.fqn, 'term', t.fqn, t.status, array_to_string(t.synonyms, ', '), t.definition, '' FROM dataplat.glossary_term AS t
        UNION ALL
        SELECT d.name, 'domain', d.name, '', concat_ws(', ', d.parent, d.owner), coalesce(d.description, ''), '' FROM dataplat.domain AS d
        UNION ALL
        SELECT p.name, 'data product', p.name, '', concat_ws(', ', p.domain, p.owner), coalesce(p.description, ''), '' FROM dataplat.data_product AS p
    )
    SELECT t.object, t.kind, t.names, t.tags, t.terms, t.description, t.columns,
           dataplat_internal.document_body(t.names, t.tags, t.terms, t.description, t.columns)
      FROM thing AS t;
$$;
COMMENT ON FUNCTION dataplat_internal.other_documents() IS 'documents of topics, subjects, jobs, terms, domains and data products';
REVOKE ALL ON FUNCTION dataplat_internal.other_documents() FROM PUBLIC;

-- For each word: a query for what begins with it or has the same stem, or for
-- the words that look like it when it begins none.
CREATE OR REPLACE FUNCTION dataplat_internal.search_terms(words text, OUT word text, OUT query tsquery, OUT likeness float8)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known boolean;
BEGIN
    FOR word IN SELECT w FROM (SELECT DISTINCT ON (lower(w)) lower(w) AS w, i FROM regexp_split_to_table(dataplat_internal.words_of(words), ' ') WITH ORDINALITY AS s (w, i)
                                WHERE w <> '' ORDER BY lower(w), i) AS d ORDER BY i LIMIT 20 LOOP
        query := to_tsquery('simple', word || ':*');
        -- stems; not plainto_tsquery(), which complains of stop words
        query := coalesce((SELECT query || string_agg(quote_literal(l.lexeme), '|')::tsquery FROM unnest(to_tsvector('english', word)) AS l), query);
        likeness := 1;
        known := EXISTS (SELECT FROM dataplat_internal.catalog_word AS w WHERE w.word >= search_terms.word AND starts_with(w.word, search_terms.word))
              OR EXISTS (SELECT FROM unnest(to_tsvector('english', word)) AS l JOIN dataplat_internal.catalog_word AS w ON w.word = l.lexeme);
        IF NOT known AND length(word) > 2 THEN
            SELECT query || to_tsquery('simple', string_agg(quote_literal(n.word), '|')), max(n.likeness) INTO query, likeness
              FROM (SELECT w.word, dataplat_internal.similarity_of(w.trigrams, dataplat_internal.trigrams_of(search_terms.word)) AS likeness
                      FROM dataplat_internal.catalog_word AS w WHERE w.trigrams && dataplat_internal.trigrams_of(search_terms.word)
                     ORDER BY 2 DESC, 1 LIMIT 5) AS n
             WHERE n.likeness >= 0.3;
            IF likeness IS NULL THEN
                query := to_tsquery('simple', word || ':*');
                likeness := 1;
            END IF;
        END IF;
        RETURN NEXT;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.search_terms(text) IS 'the words of a search, what to look for, and how like the word that is';
REVOKE ALL ON FUNCTION dataplat_internal.search_terms(text) FROM PUBLIC;

-- Where all words are found comes before where some are; then weights; then
-- what is used more.
--
-- SECURITY DEFINER: documents are private tables; who may search is decided
-- by EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat.search_catalog(words text, max_rows int DEFAULT 20,
    OUT object text, OUT kind text, OUT rank numeric, OUT why text, OUT snippet text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE ROWS 20
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    terms   record;
    anywhere tsquery;
    weights CONSTANT float4[] := '{0.1, 0.3, 0.6, 1.0}';
BEGIN
    SELECT array_agg(t.query) AS queries, array_agg(t.word) AS words, array_agg(t.likeness) AS likenesses INTO terms FROM dataplat_internal.search_terms(words) AS t;
    IF terms.queries IS NULL THEN
        RAISE EXCEPTION 'cannot search for nothing'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Write one or more words: search_catalog(''customer email'').';
    END IF;
    SELECT string_agg('(' || q::text || ')', '|')::tsquery INTO anywhere FROM unnest(terms.queries) AS q;

    RETURN QUERY
    WITH hit AS (
        SELECT d.* FROM dataplat_internal.catalog_document AS d WHERE d.body @@ anywhere
        UNION ALL
        SELECT d.* FROM dataplat_internal.other_documents() AS d WHERE d.body @@ anywhere
    ), judged AS (
        SELECT h.*, f.found, f.weight,
               coalesce(u.uses, (SELECT pg_stat_get_numscans(k.relid) FROM dataplat_internal.known_dataset AS k WHERE k.object = h.object LIMIT 1), 0) AS uses,
               EXISTS (SELECT FROM dataplat_internal.dataset_note AS n WHERE n.object = h.object AND n.deprecated_at IS NOT NULL) AS deprecated
          FROM hit AS h
          LEFT JOIN dataplat_internal.dataset_usage AS u ON u.object = h.object
         CROSS JOIN LATERAL (
               SELECT count(*) AS found, sum(ts_rank(weights, h.body, q.query) * q.likeness) AS weight
                 FROM unnest(terms.queries, terms.likenesses) AS q (query, likeness) WHERE h.body @@ q.query) AS f
    ), best AS (
        SELECT j.*, round((j.found::numeric / cardinality(terms.queries) + j.weight::numeric / cardinality(terms.queries)) * CASE WHEN j.deprecated THEN 0.5 ELSE 1 END, 2) AS score
          FROM judged AS j
         ORDER BY score DESC, j.uses DESC, j.object, j.kind
         LIMIT greatest(max_rows, 0)
    )
    SELECT b.object, b.kind, b.score,
           concat_ws(', ',
               (SELECT string_agg(p.part, ', ' ORDER BY p.place)
                  FROM (VALUES (1, 'name', to_tsvector('simple', dataplat_internal.words_of(b.names)) || to_tsvector('english', dataplat_internal.words_of(b.names))),
                               (2, 'tag', to_tsvector('simple', dataplat_internal.words_of(b.tags)) || to_tsvector('english', dataplat_internal.words_of(b.tags))),
                               (3, 'term or owner', to_tsvector('simple', dataplat_internal.words_of(b.terms)) || to_tsvector('english', dataplat_internal.words_of(b.terms))),
                               (4, 'description', to_tsvector('simple', b.description) || to_tsvector('english', b.description)),
                               (5, 'column', to_tsvector('simple', dataplat_internal.words_of(b.columns)) || to_tsvector('english', dataplat_internal.words_of(b.columns)))) AS p (place, part, body)
                 WHERE p.body @@ anywhere),
               CASE WHEN b.deprecated THEN 'deprecated' END),
           CASE WHEN to_tsvector('english', b.description) @@ anywhere OR to_tsvector('simple', b.description) @@ anywhere
                     OR NOT (to_tsvector('simple', dataplat_internal.words_of(b.columns)) || to_tsvector('english', dataplat_internal.words_of(b.columns))) @@ anywhere
                THEN ts_headline('english', b.description, anywhere, 'StartSel=*, StopSel=*, MaxWords=20, MinWords=8')
                ELSE 'columns: ' || (SELECT string_agg(DISTINCT split_part(c, ' ', 1), ', ') FROM regexp_split_to_table(b.columns, '; ') AS c
                                      WHERE (to_tsvector('simple', dataplat_internal.words_of(c)) || to_tsvector('english', dataplat_internal.words_of(c))) @@ anywhere) END
      FROM best AS b
     ORDER BY b.score DESC, b.uses DESC, b.object, b.kind;
END;
$$;
COMMENT ON FUNCTION dataplat.search_catalog(text, int) IS
    'datasets, jobs, terms, domains and data products that have these words, or words like them, in name, tags, terms, description or columns; the best, then the most used, come first';
REVOKE ALL ON FUNCTION dataplat.search_catalog(text, int) FROM PUBLIC;
