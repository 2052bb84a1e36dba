/* catalog: tags, and the slots for how sensitive columns are. */

-- A tag is one word or a few: no line breaks, no leading or trailing blanks.
CREATE OR REPLACE FUNCTION dataplat_internal.check_tag(tag text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF tag IS NULL OR tag !~ '^\S(.*\S)?$' OR tag ~ '[[:cntrl:]]' OR length(tag) > 100 THEN
        RAISE EXCEPTION 'invalid tag "%"', tag
            USING ERRCODE = 'invalid_parameter_value', HINT = 'A tag is a line of at most 100 characters without blanks around it.';
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_tag(text) IS 'fail unless this can be a tag';

CREATE OR REPLACE FUNCTION dataplat_internal.command_add_tag(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    o dataplat_internal.catalog_object := dataplat_internal.object_to_note(caller, a ->> 'object');
BEGIN
    PERFORM dataplat_internal.check_tag(a ->> 'tag');
    INSERT INTO dataplat.tag (object, column_name, tag, added_by) VALUES (o.object, coalesce(o.column_name, ''), a ->> 'tag', caller)
        ON CONFLICT DO NOTHING;
    PERFORM dataplat_internal.note_documents(o.object);
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_add_tag(name, jsonb) IS 'add_tag as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_add_tag(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.add_tag(object text, tag text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('add_tag', jsonb_build_object('object', add_tag.object, 'tag', add_tag.tag)); $$;
COMMENT ON FUNCTION dataplat.add_tag(text, text) IS 'put a tag on a dataset (schema.table) or a column (schema.table.column)';
REVOKE ALL ON FUNCTION dataplat.add_tag(text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_remove_tag(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    o dataplat_internal.catalog_object := dataplat_internal.object_to_note(caller, a ->> 'object');
BEGIN
    DELETE FROM dataplat.tag AS t WHERE t.object = o.object AND t.column_name = coalesce(o.column_name, '') AND t.tag = a ->> 'tag';
    IF NOT FOUND THEN
        RAISE EXCEPTION '"%" has no tag "%"', a ->> 'object', a ->> 'tag'
            USING ERRCODE = 'undefined_object',
                  HINT = 'Its tags: ' || coalesce((SELECT string_agg(t.tag, ', ' ORDER BY t.tag) FROM dataplat.tag AS t
                                                    WHERE t.object = o.object AND t.column_name = coalesce(o.column_name, '')), 'none') || '.';
    END IF;
    PERFORM dataplat_internal.note_documents(o.object);
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_remove_tag(name, jsonb) IS 'remove_tag as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_remove_tag(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.remove_tag(object text, tag text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('remove_tag', jsonb_build_object('object', remove_tag.object, 'tag', remove_tag.tag)); $$;
COMMENT ON FUNCTION dataplat.remove_tag(text, text) IS 'take a tag off a dataset or a column';
REVOKE ALL ON FUNCTION dataplat.remove_tag(text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_set_classification(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    o dataplat_internal.catalog_object := dataplat_internal.object_to_note(caller, a ->> 'object');
BEGIN
    IF o.column_name IS NULL THEN
        RAISE EXCEPTION '"%" is no column', a ->> 'object' USING ERRCODE = 'wrong_object_type', HINT = 'Write schema.table.column.';
    END IF;
    IF a ->> 'classification' IS NULL THEN
        DELETE FROM dataplat.column_classification AS c WHERE c.object = o.object AND c.column_name = o.column_name;
    ELSE
        PERFORM dataplat_internal.check_not_empty('classification', a ->> 'classification');
        INSERT INTO dataplat.column_classification AS c (object, column_name, classification, entity_type, decided_by)
        VALUES (o.object, o.column_name, a ->> 'classification', a ->> 'entity_type', caller)
            ON CONFLICT ON CONSTRAINT column_classification_pkey
            DO UPDATE SET classification = excluded.classification, entity_type = excluded.entity_type, score = NULL,
                          decided_by = excluded.decided_by, decided_at = now();
    END IF;
    PERFORM dataplat_internal.note_documents(o.object);
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_set_classification(name, jsonb) IS 'set_classification as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_set_classification(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.set_classification(object text, classification text, entity_type text DEFAULT NULL)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('set_classification', jsonb_build_object('object', set_classification.object, 'classification', set_classification.classification, 'entity_type', set_classification.entity_type)); $$;
COMMENT ON FUNCTION dataplat.set_classification(text, text, text) IS 'say how sensitive a column is (public, internal, confidential, restricted, or the words of your house); NULL: nothing is said';
REVOKE ALL ON FUNCTION dataplat.set_classification(text, text, text) FROM PUBLIC;
