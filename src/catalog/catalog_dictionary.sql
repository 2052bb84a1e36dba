-- catalog: the data dictionary of a schema, for people (Markdown, HTML) and programs (JSON).

CREATE OR REPLACE FUNCTION dataplat_internal.html_text(value text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT replace(replace(replace(replace(replace(coalesce(value, ''), '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;');
$$;
COMMENT ON FUNCTION dataplat_internal.html_text(text) IS 'a text between tags or in an attribute of HTML';

-- Whatever means something in Markdown, so that a comment cannot make a link, a table or a tag.
CREATE OR REPLACE FUNCTION dataplat_internal.markdown_text(value text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT regexp_replace(replace(replace(regexp_replace(coalesce(value, ''), '([\\`*_{}\[\]#|~!])', '\\\1', 'g'), '&', '&amp;'), '<', '&lt;'), '\s*[\r\n]+\s*', '<br>', 'g');
$$;
COMMENT ON FUNCTION dataplat_internal.markdown_text(text) IS 'a text in a line or a cell of Markdown';

-- The whole of it, sorted: nothing that changes by itself, so that it can be kept under version control.
CREATE OR REPLACE FUNCTION dataplat_internal.dictionary(schema_name text)
RETURNS jsonb
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('schema', schema_name, 'description', obj_description(n.oid, 'pg_namespace'), 'datasets', coalesce((
        SELECT jsonb_agg(jsonb_build_object(
                   'object', d.object, 'name', c.relname, 'kind', d.kind, 'layer', d.layer, 'description', d.description, 'owner', d.owner, 'owners', to_jsonb(d.owners),
                   'tags', to_jsonb(d.tags), 'domain', d.domain, 'products', to_jsonb(d.products), 'written_by', d.written_by,
                   'deprecated', CASE WHEN d.deprecated_at IS NOT NULL THEN jsonb_build_object('reason', d.deprecation, 'use_instead', d.use_instead) END,
                   'terms', (SELECT coalesce(jsonb_agg(jsonb_build_object('term', t.fqn, 'definition', t.definition) ORDER BY t.fqn COLLATE "C"), '[]')
                               FROM dataplat.glossary_term AS t WHERE t.fqn = ANY (d.terms)),
                   'columns', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                          'name', k.name, 'type', k.type, 'nullable', k.nullable, 'key', k.key_place, 'unique', k.is_unique, 'default', k.default_value,
                                          'refers_to', k.refers_to, 'description', k.description, 'tags', to_jsonb(k.tags), 'terms', to_jsonb(k.terms),
                                          'classification', k.classification) ORDER BY k.place), '[]')
                                 FROM dataplat_internal.column_rows(c.oid, d.object) AS k)) ORDER BY c.relname)
          FROM dataplat_internal.dataset_rows() AS d JOIN pg_class AS c ON c.relnamespace = n.oid AND d.object = dataplat_internal.dataset_name(c.oid)), '[]'))
      FROM pg_namespace AS n WHERE n.nspname = schema_name;
$$;
COMMENT ON FUNCTION dataplat_internal.dictionary(text) IS 'the data dictionary of a schema as jsonb; NULL when there is no such schema';
REVOKE ALL ON FUNCTION dataplat_internal.dictionary(text) FROM PUBLIC;

-- What stands in the cell of a column's notes.
CREATE OR REPLACE FUNCTION dataplat_internal.column_notes(k jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat_ws('; ', CASE WHEN k ->> 'key' IS NOT NULL THEN 'key' WHEN (k ->> 'unique')::boolean THEN 'unique' END,
                     CASE WHEN NOT (k ->> 'nullable')::boolean THEN 'not null' END, 'default ' || (k ->> 'default'), 'refers to ' || (k ->> 'refers_to'),
                     'term ' || (SELECT string_agg(t, ', ' ORDER BY i) FROM jsonb_array_elements_text(k -> 'terms') WITH ORDINALITY AS e (t, i)),
                     'tagged ' || (SELECT string_agg(t, ', ' ORDER BY i) FROM jsonb_array_elements_text(k -> 'tags') WITH ORDINALITY AS e (t, i)),
                     k ->> 'classification');
$$;
COMMENT ON FUNCTION dataplat_internal.column_notes(jsonb) IS 'what a dictionary says of a column besides name, type and description';

-- The lines under the heading of a dataset.
CREATE OR REPLACE FUNCTION dataplat_internal.dataset_notes(d jsonb, OUT label text, OUT value text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT v.label, v.value
      FROM (VALUES (1, 'Deprecated', (d #>> '{deprecated,reason}') || coalesce('; use ' || (d #>> '{deprecated,use_instead}') || ' instead', '')),
                   (2, 'Kind', concat_ws(', ', d ->> 'kind', d ->> 'layer')),
                   (3, 'Owner', coalesce((SELECT string_agg(o, ', ' ORDER BY i) FROM jsonb_array_elements_text(d -> 'owners') WITH ORDINALITY AS e (o, i)), d ->> 'owner')),
                   (4, 'Written by', d ->> 'written_by'),
                   (5, 'Domain', d ->> 'domain'),
                   (6, 'Products', (SELECT string_agg(o, ', ' ORDER BY i) FROM jsonb_array_elements_text(d -> 'products') WITH ORDINALITY AS e (o, i))),
                   (7, 'Tags', (SELECT string_agg(o, ', ' ORDER BY i) FROM jsonb_array_elements_text(d -> 'tags') WITH ORDINALITY AS e (o, i))),
                   (8, 'Terms', (SELECT string_agg((o ->> 'term') || ': ' || (o ->> 'definition'), '; ' ORDER BY i)
                                   FROM jsonb_array_elements(d -> 'terms') WITH ORDINALITY AS e (o, i)))) AS v (place, label, value)
     WHERE v.value IS NOT NULL ORDER BY v.place;
$$;
COMMENT ON FUNCTION dataplat_internal.dataset_notes(jsonb) IS 'what a dictionary says of a dataset besides its name and description';

-- SECURITY DEFINER: it reads private tables; who may ask is decided by
-- EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat.data_dictionary(schema text, format text DEFAULT 'markdown')
RETURNS text
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
AS $$
DECLARE
    all_of_it jsonb := dataplat_internal.dictionary(schema);
BEGIN
    PERFORM dataplat_internal.check_choice('format', format, '{markdown,html,json}');
    IF all_of_it IS NULL THEN
        RAISE EXCEPTION 'schema "%" does not exist', schema
            USING ERRCODE = 'invalid_schema_name',
                  HINT = coalesce('Schemas with datasets: ' || (SELECT string_agg(DISTINCT split_part(d.object, '.', 1), ', ' ORDER BY split_part(d.object, '.', 1))
                                                                 FROM dataplat_internal.catalog_document AS d) || '.', 'No schema has datasets.');
    END IF;
    IF format = 'json' THEN
        RETURN jsonb_pretty(all_of_it);
    ELSIF format = 'markdown' THEN
        RETURN '# ' || dataplat_internal.markdown_text(schema) || E'\n'
            || coalesce(E'\n' || nullif(dataplat_internal.markdown_text(all_of_it ->> 'description'), '') || E'\n', '')
            || coalesce((SELECT string_agg(
                   E'\n## ' || dataplat_internal.markdown_text(d ->> 'name') || E'\n\n'
                   || coalesce(nullif(dataplat_internal.markdown_text(d ->> 'description'), '') || E'\n\n', '')
                   || (SELECT string_agg(format('* %s: %s', n.label, dataplat_internal.markdown_text(n.value)), E'\n') FROM dataplat_internal.dataset_notes(d) AS n)
                   || E'\n\n| column | type | meaning | notes |\n|---|---|---|---|\n'
                   || coalesce((SELECT string_agg(format('| %s | %s | %s | %s |', dataplat_internal.markdown_text(k ->> 'name'), dataplat_internal.markdown_text(k ->> 'type'),
                                                dataplat_internal.markdown_text(k ->> 'description'), dataplat_internal.markdown_text(dataplat_internal.column_notes(k))), E'\n' ORDER BY i)
                         FROM jsonb_array_elements(d -> 'columns') WITH ORDINALITY AS e (k, i)) || E'\n', ''), '' ORDER BY j)
                 FROM jsonb_array_elements(all_of_it -> 'datasets') WITH ORDINALITY AS e (d, j)), '');
    END IF;
    RETURN E'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>' || dataplat_internal.html_text(schema) || E'</title>\n'
        || E'<style>body{font-family:sans-serif;margin:2em;max-width:70em}table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.3em .6em;text-align:left;vertical-align:top}</style>\n'
        || E'</head>\n<body>\n<h1>' || dataplat_internal.html_text(schema) || E'</h1>\n'
        || coalesce('<p>' || nullif(dataplat_internal.html_text(all_of_it ->> 'description'), '') || E'</p>\n', '')
        || coalesce(E'<ul>\n' || (SELECT string_agg(format('<li><a href="#dataset-%s">%s</a></li>', j, dataplat_internal.html_text(d ->> 'name')), E'\n' ORDER BY j)
                                    FROM jsonb_array_elements(all_of_it -> 'datasets') WITH ORDINALITY AS e (d, j)) || E'\n</ul>\n', '')
        || coalesce((SELECT string_agg(
               format(E'<h2 id="dataset-%s">%s</h2>\n', j, dataplat_internal.html_text(d ->> 'name'))
               || coalesce('<p>' || nullif(dataplat_internal.html_text(d ->> 'description'), '') || E'</p>\n', '')
               || E'<ul>\n' || (SELECT string_agg(format('<li>%s: %s</li>', n.label, dataplat_internal.html_text(n.value)), E'\n') FROM dataplat_internal.dataset_notes(d) AS n)
               || E'\n</ul>\n<table>\n<tr><th>column</th><th>type</th><th>meaning</th><th>notes</th></tr>\n'
               || coalesce((SELECT string_agg(format('<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>', dataplat_internal.html_text(k ->> 'name'),
                                            dataplat_internal.html_text(k ->> 'type'), dataplat_internal.html_text(k ->> 'description'),
                                            dataplat_internal.html_text(dataplat_internal.column_notes(k))), E'\n' ORDER BY i)
                     FROM jsonb_array_elements(d -> 'columns') WITH ORDINALITY AS e (k, i)) || E'\n', '') || E'</table>\n', '' ORDER BY j)
             FROM jsonb_array_elements(all_of_it -> 'datasets') WITH ORDINALITY AS e (d, j)), '')
        || E'</body>\n</html>\n';
END;
$$;
COMMENT ON FUNCTION dataplat.data_dictionary(text, text) IS
    'all datasets of a schema, their owners, meanings and columns, as markdown, html or json; the same until something is changed';
REVOKE ALL ON FUNCTION dataplat.data_dictionary(text, text) FROM PUBLIC;
