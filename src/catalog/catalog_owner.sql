/*
 * catalog: who answers for a dataset, what it is for, where it belongs.
 *
 * Each public function is a thin cover for a command_<verb> function, which
 * dataplat.command() runs as the owner of the extension, telling it who
 * called; src/common/rights.c says why.
 */

-- Some things are said of whole datasets only.
CREATE OR REPLACE FUNCTION dataplat_internal.check_whole(o dataplat_internal.catalog_object)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF o.column_name IS NOT NULL THEN
        RAISE EXCEPTION '"%.%" is a column', o.object, o.column_name
            USING ERRCODE = 'wrong_object_type', HINT = format('Name the dataset: %s.', o.object);
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_whole(dataplat_internal.catalog_object) IS 'fail when a column was named';
REVOKE ALL ON FUNCTION dataplat_internal.check_whole(dataplat_internal.catalog_object) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.check_not_empty(argument text, value text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF value IS NULL OR btrim(value) = '' THEN
        RAISE EXCEPTION '% must not be empty', argument USING ERRCODE = 'invalid_parameter_value';
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_not_empty(text, text) IS 'fail when an argument says nothing';

-- ------------------------------------------------------------------ owners

CREATE OR REPLACE FUNCTION dataplat_internal.command_set_owner(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    o dataplat_internal.catalog_object := dataplat_internal.object_to_note(caller, a ->> 'object');
BEGIN
    PERFORM dataplat_internal.check_whole(o);
    PERFORM dataplat_internal.check_not_empty('owner', a ->> 'owner');
    PERFORM dataplat_internal.check_not_empty('ownership_type', a ->> 'ownership_type');
    IF (a ->> 'replace_others')::boolean THEN
        DELETE FROM dataplat.dataset_owner AS w
         WHERE w.object = o.object AND w.ownership_type = a ->> 'ownership_type' AND w.owner <> a ->> 'owner';
    END IF;
    INSERT INTO dataplat.dataset_owner (object, owner, ownership_type, added_by)
    VALUES (o.object, a ->> 'owner', a ->> 'ownership_type', caller)
        ON CONFLICT DO NOTHING;
    PERFORM dataplat_internal.note_documents(o.object);
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_set_owner(name, jsonb) IS 'set_owner as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_set_owner(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.set_owner(object text, owner text, ownership_type text DEFAULT 'technical owner', replace_others boolean DEFAULT false)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('set_owner', jsonb_build_object('object', set_owner.object, 'owner', set_owner.owner, 'ownership_type', set_owner.ownership_type, 'replace_others', set_owner.replace_others)); $$;
COMMENT ON FUNCTION dataplat.set_owner(text, text, text, boolean) IS 'say who answers for a dataset (a person, team or role) and in which way; others stay, unless replace_others: then those of the same type go';
REVOKE ALL ON FUNCTION dataplat.set_owner(text, text, text, boolean) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_remove_owner(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    o dataplat_internal.catalog_object := dataplat_internal.object_to_note(caller, a ->> 'object');
BEGIN
    PERFORM dataplat_internal.check_whole(o);
    DELETE FROM dataplat.dataset_owner AS w
     WHERE w.object = o.object AND w.owner = a ->> 'owner' AND coalesce(w.ownership_type = a ->> 'ownership_type', true);
    IF NOT FOUND THEN
        RAISE EXCEPTION '"%" is no owner of "%"', a ->> 'owner', o.object
            USING ERRCODE = 'undefined_object',
                  HINT = 'Its owners: ' || coalesce((SELECT string_agg(w.owner, ', ' ORDER BY w.owner) FROM dataplat.dataset_owner AS w WHERE w.object = o.object), 'none') || '.';
    END IF;
    PERFORM dataplat_internal.note_documents(o.object);
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_remove_owner(name, jsonb) IS 'remove_owner as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_remove_owner(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.remove_owner(object text, owner text, ownership_type text DEFAULT NULL)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('remove_owner', jsonb_build_object('object', remove_owner.object, 'owner', remove_owner.owner, 'ownership_type', remove_owner.ownership_type)); $$;
COMMENT ON FUNCTION dataplat.remove_owner(text, text, text) IS 'take back set_owner(); ownership_type NULL: in every way';
REVOKE ALL ON FUNCTION dataplat.remove_owner(text, text, text) FROM PUBLIC;

-- ------------------------------------------------------------------ descriptions

-- Relations carry their descriptions themselves: COMMENT ON, with their owner's rights.

CREATE OR REPLACE FUNCTION dataplat_internal.command_set_description(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    o dataplat_internal.catalog_object := dataplat_internal.object_to_note(caller, a ->> 'object');
BEGIN
    IF o.relation IS NOT NULL AND o.column_name IS NOT NULL THEN
        PERFORM dataplat_internal.execute_as(o.owner, format('COMMENT ON COLUMN %s.%I IS %L', o.object, o.column_name, a ->> 'description'));
    ELSIF o.relation IS NOT NULL THEN
        PERFORM dataplat_internal.execute_as(o.owner, format('COMMENT ON %s %s IS %L', CASE o.kind WHEN 'partitioned table' THEN 'TABLE' ELSE upper(o.kind) END,
                                                             o.object, a ->> 'description'));
    ELSE
        INSERT INTO dataplat_internal.dataset_note AS n (object, description, changed_by) VALUES (o.object, a ->> 'description', caller)
            ON CONFLICT ON CONSTRAINT dataset_note_pkey
            DO UPDATE SET description = excluded.description, changed_by = excluded.changed_by, changed_at = now();
    END IF;
    PERFORM dataplat_internal.note_documents(o.object);
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_set_description(name, jsonb) IS 'set_description as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_set_description(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.set_description(object text, description text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('set_description', jsonb_build_object('object', set_description.object, 'description', set_description.description)); $$;
COMMENT ON FUNCTION dataplat.set_description(text, text) IS 'describe a dataset or a column; of relations it is their COMMENT';
REVOKE ALL ON FUNCTION dataplat.set_description(text, text) FROM PUBLIC;

-- ------------------------------------------------------------------ domains and data products

CREATE OR REPLACE FUNCTION dataplat_internal.command_create_domain(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM dataplat_internal.check_not_empty('name', a ->> 'name');
    IF a ->> 'parent' IS NOT NULL THEN
        PERFORM dataplat_internal.check_domain(a ->> 'parent');
    END IF;
    IF EXISTS (WITH RECURSIVE above AS (
                   SELECT d.name, d.parent FROM dataplat.domain AS d WHERE d.name = a ->> 'parent'
                   UNION SELECT d.name, d.parent FROM above AS b JOIN dataplat.domain AS d ON d.name = b.parent)
               SELECT FROM above AS b WHERE b.name = a ->> 'name') OR a ->> 'parent' = a ->> 'name' THEN
        RAISE EXCEPTION 'domain "%" cannot be under "%"', a ->> 'name', a ->> 'parent'
            USING ERRCODE = 'invalid_parameter_value', DETAIL = 'It would be under itself.';
    END IF;
    INSERT INTO dataplat.domain AS d (name, parent, description, owner, changed_by)
    VALUES (a ->> 'name', a ->> 'parent', a ->> 'description', a ->> 'owner', caller)
        ON CONFLICT ON CONSTRAINT domain_pkey
        DO UPDATE SET parent = excluded.parent, description = excluded.description, owner = excluded.owner, changed_by = excluded.changed_by, changed_at = now();
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_create_domain(name, jsonb) IS 'create_domain as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_create_domain(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.create_domain(name text, description text DEFAULT NULL, parent text DEFAULT NULL, owner text DEFAULT NULL)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('create_domain', jsonb_build_object('name', create_domain.name, 'description', create_domain.description, 'parent', create_domain.parent, 'owner', create_domain.owner)); $$;
COMMENT ON FUNCTION dataplat.create_domain(text, text, text, text) IS 'define a part of the business, or define it anew';
REVOKE ALL ON FUNCTION dataplat.create_domain(text, text, text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.check_domain(domain text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM dataplat.domain AS d WHERE d.name = check_domain.domain) THEN
        RAISE EXCEPTION 'domain "%" does not exist', domain
            USING ERRCODE = 'undefined_object',
                  HINT = 'Domains: ' || coalesce((SELECT string_agg(d.name, ', ' ORDER BY d.name) FROM dataplat.domain AS d), 'none yet, see dataplat.create_domain()') || '.';
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_domain(text) IS 'fail unless there is such a domain';

CREATE OR REPLACE FUNCTION dataplat_internal.command_drop_domain(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM dataplat_internal.check_domain(a ->> 'name');
    UPDATE dataplat_internal.dataset_note AS n SET domain = NULL WHERE n.domain = a ->> 'name';
    UPDATE dataplat.data_product AS p SET domain = NULL WHERE p.domain = a ->> 'name';
    UPDATE dataplat.domain AS d SET parent = NULL WHERE d.parent = a ->> 'name';
    DELETE FROM dataplat.domain AS d WHERE d.name = a ->> 'name';
    PERFORM dataplat_internal.note_documents(NULL);
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_drop_domain(name, jsonb) IS 'drop_domain as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_drop_domain(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.drop_domain(name text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('drop_domain', jsonb_build_object('name', drop_domain.name)); $$;
COMMENT ON FUNCTION dataplat.drop_domain(text) IS 'forget a domain; its datasets and products are in none then';
REVOKE ALL ON FUNCTION dataplat.drop_domain(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_set_domain(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    o dataplat_internal.catalog_object := dataplat_internal.object_to_note(caller, a ->> 'object');
BEGIN
    PERFORM dataplat_internal.check_whole(o);
    IF a ->> 'domain' IS NOT NULL THEN
        PERFORM dataplat_internal.check_domain(a ->> 'domain');
    END IF;
    INSERT INTO dataplat_internal.dataset_note AS n (object, domain, changed_by) VALUES (o.object, a ->> 'domain', caller)
        ON CONFLICT ON CONSTRAINT dataset_note_pkey
        DO UPDATE SET domain = excluded.domain, changed_by = excluded.changed_by, changed_at = now();
    PERFORM dataplat_internal.note_documents(o.object);
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_set_domain(name, jsonb) IS 'set_domain as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_set_domain(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.set_domain(object text, domain text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('set_domain', jsonb_build_object('object', set_domain.object, 'domain', set_domain.domain)); $$;
COMMENT ON FUNCTION dataplat.set_domain(text, text) IS 'say which part of the business a dataset belongs to; NULL: none';
REVOKE ALL ON FUNCTION dataplat.set_domain(text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_create_data_product(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    datasets text[] := ARRAY(SELECT (dataplat_internal.object_of(d)).object FROM jsonb_array_elements_text(a -> 'datasets') AS d);
    object text;
BEGIN
    PERFORM dataplat_internal.check_not_empty('name', a ->> 'name');
    IF a ->> 'domain' IS NOT NULL THEN
        PERFORM dataplat_internal.check_domain(a ->> 'domain');
    END IF;
    INSERT INTO dataplat.data_product AS p (name, domain, description, owner, changed_by)
    VALUES (a ->> 'name', a ->> 'domain', a ->> 'description', a ->> 'owner', caller)
        ON CONFLICT ON CONSTRAINT data_product_pkey
        DO UPDATE SET domain = excluded.domain, description = excluded.description, owner = excluded.owner, changed_by = excluded.changed_by, changed_at = now();
    DELETE FROM dataplat.data_product_dataset AS d WHERE d.product = a ->> 'name' AND d.object <> ALL (datasets);
    INSERT INTO dataplat.data_product_dataset (product, object) SELECT DISTINCT a ->> 'name', d FROM unnest(datasets) AS d
        ON CONFLICT DO NOTHING;
    FOREACH object IN ARRAY datasets LOOP
        PERFORM dataplat_internal.follow_relation(dataplat_internal.dataset_relation(object), NULL)
          WHERE dataplat_internal.dataset_relation(object) IS NOT NULL;
        PERFORM dataplat_internal.note_documents(object);
    END LOOP;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_create_data_product(name, jsonb) IS 'create_data_product as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_create_data_product(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.create_data_product(name text, datasets text[], description text DEFAULT NULL, owner text DEFAULT NULL, domain text DEFAULT NULL)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('create_data_product', jsonb_build_object('name', create_data_product.name, 'datasets', create_data_product.datasets, 'description', create_data_product.description, 'owner', create_data_product.owner, 'domain', create_data_product.domain)); $$;
COMMENT ON FUNCTION dataplat.create_data_product(text, text[], text, text, text) IS 'define datasets that are offered together, or define them anew';
REVOKE ALL ON FUNCTION dataplat.create_data_product(text, text[], text, text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_drop_data_product(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM dataplat.data_product AS p WHERE p.name = a ->> 'name';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'data product "%" does not exist', a ->> 'name'
            USING ERRCODE = 'undefined_object',
                  HINT = 'Data products: ' || coalesce((SELECT string_agg(p.name, ', ' ORDER BY p.name) FROM dataplat.data_product AS p), 'none') || '.';
    END IF;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_drop_data_product(name, jsonb) IS 'drop_data_product as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_drop_data_product(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.drop_data_product(name text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('drop_data_product', jsonb_build_object('name', drop_data_product.name)); $$;
COMMENT ON FUNCTION dataplat.drop_data_product(text) IS 'forget a data product; its datasets stay';
REVOKE ALL ON FUNCTION dataplat.drop_data_product(text) FROM PUBLIC;

-- ------------------------------------------------------------------ the end of a dataset

CREATE OR REPLACE FUNCTION dataplat_internal.command_deprecate(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    o dataplat_internal.catalog_object := dataplat_internal.object_to_note(caller, a ->> 'object');
    instead dataplat_internal.catalog_object;
BEGIN
    PERFORM dataplat_internal.check_whole(o);
    PERFORM dataplat_internal.check_not_empty('reason', a ->> 'reason');
    IF a ->> 'use_instead' IS NOT NULL THEN
        instead := dataplat_internal.object_of(a ->> 'use_instead');
        IF instead.object = o.object THEN
            RAISE EXCEPTION '"%" cannot be used instead of itself', o.object USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END IF;
    INSERT INTO dataplat_internal.dataset_note AS n (object, deprecated_at, deprecated_by, deprecation, use_instead, changed_by)
    VALUES (o.object, now(), caller, a ->> 'reason', instead.object, caller)
        ON CONFLICT ON CONSTRAINT dataset_note_pkey
        DO UPDATE SET deprecated_at = coalesce(n.deprecated_at, now()), deprecated_by = excluded.deprecated_by, deprecation = excluded.deprecation,
                      use_instead = excluded.use_instead, changed_by = excluded.changed_by, changed_at = now();
    PERFORM dataplat_internal.note_documents(o.object);
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_deprecate(name, jsonb) IS 'deprecate as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_deprecate(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.deprecate(object text, reason text, use_instead text DEFAULT NULL)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('deprecate', jsonb_build_object('object', deprecate.object, 'reason', deprecate.reason, 'use_instead', deprecate.use_instead)); $$;
COMMENT ON FUNCTION dataplat.deprecate(text, text, text) IS 'say that a dataset should not be used any more, why, and what to use';
REVOKE ALL ON FUNCTION dataplat.deprecate(text, text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_undeprecate(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    o dataplat_internal.catalog_object := dataplat_internal.object_to_note(caller, a ->> 'object');
BEGIN
    PERFORM dataplat_internal.check_whole(o);
    UPDATE dataplat_internal.dataset_note AS n
       SET deprecated_at = NULL, deprecated_by = NULL, deprecation = NULL, use_instead = NULL, changed_by = caller, changed_at = now()
     WHERE n.object = o.object;
    PERFORM dataplat_internal.note_documents(o.object);
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_undeprecate(name, jsonb) IS 'undeprecate as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_undeprecate(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.undeprecate(object text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('undeprecate', jsonb_build_object('object', undeprecate.object)); $$;
COMMENT ON FUNCTION dataplat.undeprecate(text) IS 'take back deprecate()';
REVOKE ALL ON FUNCTION dataplat.undeprecate(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_forget_dataset(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT dataplat_internal.is_member(caller, 'dataplat_pipeline_admin') AND NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = caller) THEN
        RAISE EXCEPTION 'permission denied to forget datasets'
            USING ERRCODE = 'insufficient_privilege', HINT = 'Members of dataplat_pipeline_admin may.';
    END IF;
    DELETE FROM dataplat_internal.dataset_note AS n WHERE n.object = a ->> 'object';
    DELETE FROM dataplat.dataset_owner AS n WHERE n.object = a ->> 'object';
    DELETE FROM dataplat.tag AS n WHERE n.object = a ->> 'object';
    DELETE FROM dataplat.term_assignment AS n WHERE n.object = a ->> 'object';
    DELETE FROM dataplat.data_product_dataset AS n WHERE n.object = a ->> 'object';
    DELETE FROM dataplat.column_classification AS n WHERE n.object = a ->> 'object';
    IF dataplat_internal.dataset_relation(a ->> 'object') IS NULL THEN
        DELETE FROM dataplat_internal.dataset_shape AS n WHERE n.object = a ->> 'object';
        DELETE FROM dataplat_internal.catalog_document AS n WHERE n.object = a ->> 'object';
    ELSE
        PERFORM dataplat_internal.note_documents(a ->> 'object');
    END IF;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_forget_dataset(name, jsonb) IS 'forget_dataset as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_forget_dataset(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.forget_dataset(object text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('forget_dataset', jsonb_build_object('object', forget_dataset.object)); $$;
COMMENT ON FUNCTION dataplat.forget_dataset(text) IS 'remove what was said of a dataset, that is there or gone; COMMENTs stay';
REVOKE ALL ON FUNCTION dataplat.forget_dataset(text) FROM PUBLIC;
