/* catalog: the glossary, words with an agreed meaning in a hierarchy. */

CREATE OR REPLACE FUNCTION dataplat_internal.check_term(fqn text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM dataplat.glossary_term AS t WHERE t.fqn = check_term.fqn) THEN
        RAISE EXCEPTION 'term "%" does not exist', fqn
            USING ERRCODE = 'undefined_object',
                  HINT = coalesce('Is it one of these: ' || (
                             SELECT string_agg(n.fqn, ', ' ORDER BY n.likeness DESC, n.fqn)
                               FROM (SELECT t.fqn, dataplat_internal.similarity_of(dataplat_internal.trigrams_of(t.fqn), dataplat_internal.trigrams_of(check_term.fqn)) AS likeness
                                       FROM dataplat.glossary_term AS t ORDER BY 2 DESC, 1 LIMIT 3) AS n WHERE n.likeness > 0.25) || '?',
                             'Define it with dataplat.define_term().');
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_term(text) IS 'fail unless there is such a term';

CREATE OR REPLACE FUNCTION dataplat_internal.command_define_term(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parent text := coalesce(a ->> 'parent', substring(a ->> 'fqn' FROM '^(.+)\.[^.]+$'));
    related text;
BEGIN
    IF a ->> 'fqn' IS NULL OR a ->> 'fqn' !~ '^[^.[:cntrl:]]+(\.[^.[:cntrl:]]+)*$' OR a ->> 'fqn' ~ '(^|\.)\s|\s(\.|$)' THEN
        RAISE EXCEPTION 'invalid term "%"', a ->> 'fqn'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'A term is its own name, or its parent''s, a dot and its own name: sales.revenue.';
    END IF;
    IF parent IS NOT NULL THEN
        PERFORM dataplat_internal.check_term(parent);
        IF NOT starts_with(a ->> 'fqn', parent || '.') OR strpos(substr(a ->> 'fqn', length(parent) + 2), '.') > 0 THEN
            RAISE EXCEPTION 'term "%" cannot be under "%"', a ->> 'fqn', parent
                USING ERRCODE = 'invalid_parameter_value', HINT = format('Its name would be "%s.%s".', parent, substring(a ->> 'fqn' FROM '[^.]+$'));
        END IF;
    END IF;
    PERFORM dataplat_internal.check_not_empty('definition', a ->> 'definition');
    PERFORM dataplat_internal.check_choice('status', a ->> 'status', '{draft,approved,deprecated}');
    FOR related IN SELECT r FROM jsonb_array_elements_text(CASE jsonb_typeof(a -> 'related') WHEN 'array' THEN a -> 'related' ELSE '[]' END) AS r LOOP
        PERFORM dataplat_internal.check_term(related);
    END LOOP;
    INSERT INTO dataplat.glossary_term AS t (fqn, parent, definition, status, synonyms, related, owner, changed_by)
    VALUES (a ->> 'fqn', parent, a ->> 'definition', a ->> 'status',
            ARRAY(SELECT s FROM jsonb_array_elements_text(CASE jsonb_typeof(a -> 'synonyms') WHEN 'array' THEN a -> 'synonyms' ELSE '[]' END) AS s),
            ARRAY(SELECT s FROM jsonb_array_elements_text(CASE jsonb_typeof(a -> 'related') WHEN 'array' THEN a -> 'related' ELSE '[]' END) AS s),
            a ->> 'owner', caller)
        ON CONFLICT ON CONSTRAINT glossary_term_pkey
        DO UPDATE SET definition = excluded.definition, status = excluded.status, synonyms = excluded.synonyms, related = excluded.related,
                      owner = excluded.owner, changed_by = excluded.changed_by, changed_at = now();
    PERFORM dataplat_internal.note_documents(g.object) FROM dataplat.term_assignment AS g WHERE g.term = a ->> 'fqn' GROUP BY g.object;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_define_term(name, jsonb) IS 'define_term as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_define_term(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.define_term(fqn text, definition text, parent text DEFAULT NULL, status text DEFAULT 'draft', synonyms text[] DEFAULT '{}', related text[] DEFAULT '{}', owner text DEFAULT NULL)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('define_term', jsonb_build_object('fqn', define_term.fqn, 'definition', define_term.definition, 'parent', define_term.parent, 'status', define_term.status, 'synonyms', define_term.synonyms, 'related', define_term.related, 'owner', define_term.owner)); $$;
COMMENT ON FUNCTION dataplat.define_term(text, text, text, text, text[], text[], text) IS 'agree on a word, or define it anew; sales.revenue is under sales; status: draft, approved or deprecated';
REVOKE ALL ON FUNCTION dataplat.define_term(text, text, text, text, text[], text[], text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_drop_term(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    objects text[] := ARRAY(SELECT DISTINCT g.object FROM dataplat.term_assignment AS g WHERE g.term = a ->> 'fqn');
BEGIN
    PERFORM dataplat_internal.check_term(a ->> 'fqn');
    IF EXISTS (SELECT FROM dataplat.glossary_term AS t WHERE t.parent = a ->> 'fqn') THEN
        RAISE EXCEPTION 'term "%" has terms under it', a ->> 'fqn'
            USING ERRCODE = 'dependent_objects_still_exist',
                  HINT = 'Drop them first: ' || (SELECT string_agg(t.fqn, ', ' ORDER BY t.fqn) FROM dataplat.glossary_term AS t WHERE t.parent = a ->> 'fqn') || '.';
    END IF;
    UPDATE dataplat.glossary_term AS t SET related = array_remove(t.related, a ->> 'fqn') WHERE a ->> 'fqn' = ANY (t.related);
    DELETE FROM dataplat.glossary_term AS t WHERE t.fqn = a ->> 'fqn';
    PERFORM dataplat_internal.note_documents(o) FROM unnest(objects) AS o;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_drop_term(name, jsonb) IS 'drop_term as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_drop_term(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.drop_term(fqn text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('drop_term', jsonb_build_object('fqn', drop_term.fqn)); $$;
COMMENT ON FUNCTION dataplat.drop_term(text) IS 'take a word out of the glossary, and off all datasets and columns';
REVOKE ALL ON FUNCTION dataplat.drop_term(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_assign_term(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    o dataplat_internal.catalog_object := dataplat_internal.object_to_note(caller, a ->> 'object');
BEGIN
    PERFORM dataplat_internal.check_term(a ->> 'term');
    INSERT INTO dataplat.term_assignment (object, column_name, term, added_by) VALUES (o.object, coalesce(o.column_name, ''), a ->> 'term', caller)
        ON CONFLICT DO NOTHING;
    PERFORM dataplat_internal.note_documents(o.object);
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_assign_term(name, jsonb) IS 'assign_term as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_assign_term(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.assign_term(object text, term text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('assign_term', jsonb_build_object('object', assign_term.object, 'term', assign_term.term)); $$;
COMMENT ON FUNCTION dataplat.assign_term(text, text) IS 'say that a dataset or a column holds what a term of the glossary means';
REVOKE ALL ON FUNCTION dataplat.assign_term(text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_unassign_term(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    o dataplat_internal.catalog_object := dataplat_internal.object_to_note(caller, a ->> 'object');
BEGIN
    DELETE FROM dataplat.term_assignment AS t WHERE t.object = o.object AND t.column_name = coalesce(o.column_name, '') AND t.term = a ->> 'term';
    IF NOT FOUND THEN
        RAISE EXCEPTION '"%" has no term "%"', a ->> 'object', a ->> 'term'
            USING ERRCODE = 'undefined_object',
                  HINT = 'Its terms: ' || coalesce((SELECT string_agg(t.term, ', ' ORDER BY t.term) FROM dataplat.term_assignment AS t
                                                     WHERE t.object = o.object AND t.column_name = coalesce(o.column_name, '')), 'none') || '.';
    END IF;
    PERFORM dataplat_internal.note_documents(o.object);
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_unassign_term(name, jsonb) IS 'unassign_term as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_unassign_term(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.unassign_term(object text, term text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('unassign_term', jsonb_build_object('object', unassign_term.object, 'term', unassign_term.term)); $$;
COMMENT ON FUNCTION dataplat.unassign_term(text, text) IS 'take back assign_term()';
REVOKE ALL ON FUNCTION dataplat.unassign_term(text, text) FROM PUBLIC;
