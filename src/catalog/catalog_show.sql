-- catalog: SQL that says again what was said.

CREATE OR REPLACE FUNCTION dataplat_internal.show_dataset(name text)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    o    dataplat_internal.catalog_object := dataplat_internal.find_object(name);
    told text;
BEGIN
    IF o.object IS NULL OR o.column_name IS NOT NULL THEN
        RETURN NULL;
    END IF;
    SELECT string_agg(s.statement || ';', E'\n' ORDER BY s.place, s.statement) INTO told
      FROM (SELECT 1 AS place, format('SELECT dataplat.set_description(%L, %L)', n.object, n.description) AS statement
              FROM dataplat_internal.dataset_note AS n WHERE n.object = o.object AND n.description IS NOT NULL
            UNION ALL SELECT 2, format('SELECT dataplat.set_owner(%L, %L, %L)', w.object, w.owner, w.ownership_type) FROM dataplat.dataset_owner AS w WHERE w.object = o.object
            UNION ALL SELECT 3, format('SELECT dataplat.set_domain(%L, %L)', n.object, n.domain) FROM dataplat_internal.dataset_note AS n WHERE n.object = o.object AND n.domain IS NOT NULL
            UNION ALL SELECT 4, format('SELECT dataplat.add_tag(%L, %L)', t.object || coalesce('.' || quote_ident(nullif(t.column_name, '')), ''), t.tag)
              FROM dataplat.tag AS t WHERE t.object = o.object
            UNION ALL SELECT 5, format('SELECT dataplat.assign_term(%L, %L)', t.object || coalesce('.' || quote_ident(nullif(t.column_name, '')), ''), t.term)
              FROM dataplat.term_assignment AS t WHERE t.object = o.object
            UNION ALL SELECT 6, format('SELECT dataplat.set_classification(%L, %L, %L)', c.object || '.' || quote_ident(c.column_name), c.classification, c.entity_type)
              FROM dataplat.column_classification AS c WHERE c.object = o.object
            UNION ALL SELECT 7, format('SELECT dataplat.deprecate(%L, %L, %L)', n.object, n.deprecation, n.use_instead)
              FROM dataplat_internal.dataset_note AS n WHERE n.object = o.object AND n.deprecated_at IS NOT NULL) AS s;
    RETURN told;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.show_dataset(text) IS 'SQL that says again what was said of a dataset; NULL when nothing was';
REVOKE ALL ON FUNCTION dataplat_internal.show_dataset(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.show_term(name text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT dataplat.define_term(%L, %L, status => %L, synonyms => %L, related => %L, owner => %L);', t.fqn, t.definition, t.status, t.synonyms, t.related, t.owner)
      FROM dataplat.glossary_term AS t WHERE t.fqn = name;
$$;
COMMENT ON FUNCTION dataplat_internal.show_term(text) IS 'SQL that defines a term again';

CREATE OR REPLACE FUNCTION dataplat_internal.show_domain(name text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT dataplat.create_domain(%L, %L, %L, %L);', d.name, d.description, d.parent, d.owner) FROM dataplat.domain AS d WHERE d.name = show_domain.name;
$$;
COMMENT ON FUNCTION dataplat_internal.show_domain(text) IS 'SQL that defines a domain again';

CREATE OR REPLACE FUNCTION dataplat_internal.show_data_product(name text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT dataplat.create_data_product(%L, %L, %L, %L, %L);', p.name,
                  ARRAY(SELECT d.object FROM dataplat.data_product_dataset AS d WHERE d.product = p.name ORDER BY d.object), p.description, p.owner, p.domain)
      FROM dataplat.data_product AS p WHERE p.name = show_data_product.name;
$$;
COMMENT ON FUNCTION dataplat_internal.show_data_product(text) IS 'SQL that defines a data product again';

SELECT dataplat_internal.register_show_create('dataset', 'dataplat_internal.show_dataset');
SELECT dataplat_internal.register_show_create('term', 'dataplat_internal.show_term');
SELECT dataplat_internal.register_show_create('domain', 'dataplat_internal.show_domain');
SELECT dataplat_internal.register_show_create('data product', 'dataplat_internal.show_data_product');
