/*
 * registry: registering a schema, and finding one that is registered.
 *
 * What is there already is answered from a snapshot, without any lock: that is
 * what producers ask all day.  Anything new takes the turn of its context
 * (lock_contexts) and looks again.
 */

-- ------------------------------------------------------------------ metadata and rule sets

CREATE OR REPLACE FUNCTION dataplat_internal.merge_metadata(old jsonb, new jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN old IS NULL THEN new WHEN new IS NULL THEN old ELSE jsonb_strip_nulls(jsonb_build_object(
        'tags', CASE WHEN coalesce(old -> 'tags', new -> 'tags') IS NOT NULL THEN coalesce(NULLIF(old -> 'tags', 'null'), '{}') || coalesce(NULLIF(new -> 'tags', 'null'), '{}') END,
        'properties', CASE WHEN coalesce(old -> 'properties', new -> 'properties') IS NOT NULL
                           THEN coalesce(NULLIF(old -> 'properties', 'null'), '{}') || coalesce(NULLIF(new -> 'properties', 'null'), '{}') END,
        'sensitive', (SELECT jsonb_agg(DISTINCT e ORDER BY e)
                        FROM jsonb_array_elements(coalesce(NULLIF(old -> 'sensitive', 'null'), '[]') || coalesce(NULLIF(new -> 'sensitive', 'null'), '[]')) AS e))) END;
$$;
COMMENT ON FUNCTION dataplat_internal.merge_metadata(jsonb, jsonb) IS 'metadata laid over another: members of the new one win, sensitive names add up';

CREATE OR REPLACE FUNCTION dataplat_internal.merge_rule_sets(old jsonb, new jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN old IS NULL THEN new WHEN new IS NULL THEN old ELSE (
        SELECT jsonb_object_agg(k, CASE WHEN jsonb_typeof(coalesce(new -> k, old -> k)) <> 'array' THEN coalesce(new -> k, old -> k) ELSE
            coalesce((SELECT jsonb_agg(r ORDER BY nth) FROM jsonb_array_elements(coalesce(NULLIF(old -> k, 'null'), '[]')) WITH ORDINALITY AS o (r, nth)
                       WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(coalesce(NULLIF(new -> k, 'null'), '[]')) AS n WHERE n ->> 'name' = r ->> 'name')), '[]')
            || coalesce(NULLIF(new -> k, 'null'), '[]') END)
          FROM (SELECT jsonb_object_keys(old) UNION SELECT jsonb_object_keys(new)) AS keys (k)) END;
$$;
COMMENT ON FUNCTION dataplat_internal.merge_rule_sets(jsonb, jsonb) IS 'a rule set laid over another: rules of the new one replace those of their name';

CREATE OR REPLACE FUNCTION dataplat_internal.check_metadata(metadata jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF metadata IS NULL OR metadata = 'null' THEN
        RETURN NULL;
    END IF;
    IF jsonb_typeof(metadata) <> 'object'
       OR jsonb_typeof(coalesce(NULLIF(metadata -> 'tags', 'null'), '{}')) <> 'object'
       OR jsonb_typeof(coalesce(NULLIF(metadata -> 'properties', 'null'), '{}')) <> 'object'
       OR jsonb_typeof(coalesce(NULLIF(metadata -> 'sensitive', 'null'), '[]')) <> 'array' THEN
        PERFORM dataplat_internal.registry_fail(42201, 'metadata must be an object of "tags", "properties" and "sensitive"');
    END IF;
    RETURN jsonb_strip_nulls(jsonb_build_object('tags', metadata -> 'tags', 'properties', metadata -> 'properties', 'sensitive', metadata -> 'sensitive'));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_metadata(jsonb) IS 'metadata as it is stored; members that nobody knows are left out';

CREATE OR REPLACE FUNCTION dataplat_internal.check_rule_set(rule_set jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    list  text;
    r     jsonb;
    seen  text[];
    modes text[];
BEGIN
    IF rule_set IS NULL OR rule_set = 'null' THEN
        RETURN NULL;
    END IF;
    IF jsonb_typeof(rule_set) <> 'object' THEN
        PERFORM dataplat_internal.registry_fail(42210, 'a rule set must be an object');
    END IF;
    FOREACH list IN ARRAY '{migrationRules,domainRules,encodingRules}'::text[] LOOP
        CONTINUE WHEN coalesce(rule_set -> list, 'null') = 'null';
        IF jsonb_typeof(rule_set -> list) <> 'array' THEN
            PERFORM dataplat_internal.registry_fail(42210, format('"%s" of a rule set must be an array', list));
        END IF;
        modes := CASE WHEN list = 'migrationRules' THEN '{UPGRADE,DOWNGRADE,UPDOWN}'::text[] ELSE '{WRITE,READ,WRITEREAD}'::text[] END;
        seen := '{}';
        FOR r IN SELECT jsonb_array_elements(rule_set -> list) LOOP
            IF coalesce(r ->> 'name', '') !~ '^[[:alpha:]_][[:alnum:]_-]*$' THEN
                PERFORM dataplat_internal.registry_fail(42210, format('invalid rule name "%s"', left(coalesce(r ->> 'name', ''), 100)),
                    'A name begins with a letter or _ and goes on with letters, digits, _ and -.');
            ELSIF r ->> 'name' = ANY (seen) THEN
                PERFORM dataplat_internal.registry_fail(42210, format('rule "%s" is given twice', r ->> 'name'));
            ELSIF coalesce(r ->> 'type', '') = '' THEN
                PERFORM dataplat_internal.registry_fail(42210, format('rule "%s" has no type', r ->> 'name'));
            ELSIF coalesce(r ->> 'kind', 'TRANSFORM') NOT IN ('TRANSFORM', 'CONDITION') THEN
                PERFORM dataplat_internal.registry_fail(42210, format('rule "%s" has an unknown kind', r ->> 'name'), 'Allowed are TRANSFORM and CONDITION.');
            ELSIF NOT coalesce(r ->> 'mode', modes[3]) = ANY (modes) THEN
                PERFORM dataplat_internal.registry_fail(42210, format('rule "%s" cannot have mode "%s"', r ->> 'name', left(r ->> 'mode', 50)),
                    format('%s can be %s.', list, array_to_string(modes, ', ')));
            END IF;
            seen := seen || (r ->> 'name');
        END LOOP;
    END LOOP;
    RETURN jsonb_strip_nulls(rule_set);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_rule_set(jsonb) IS 'a rule set as it is stored; an error (42210) when a rule is not well formed';

-- ------------------------------------------------------------------ a schema that somebody holds in hands

-- What is given, checked; not yet printed.
CREATE OR REPLACE FUNCTION dataplat_internal.draft_of(subject text, a jsonb, deleted_refs boolean DEFAULT false)
RETURNS dataplat_internal.schema_draft
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    d dataplat_internal.schema_draft;
BEGIN
    d.subject := subject;
    d.context := (SELECT p.context FROM dataplat_internal.subject_parts(subject) AS p);
    d.schema_type := dataplat_internal.check_schema_type(a ->> 'schema_type');
    IF coalesce(btrim(a ->> 'schema', E' \t\r\n'), '') <> '' THEN
        d.schema := a ->> 'schema';
        PERFORM dataplat_internal.check_schema_size(d.schema);
    END IF;
    d.refs := dataplat_internal.check_references(a -> 'refs', subject, deleted_refs);
    d.metadata := dataplat_internal.check_metadata(a -> 'metadata');
    d.rule_set := dataplat_internal.check_rule_set(a -> 'rule_set');
    RETURN d;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.draft_of(text, jsonb, boolean) IS 'a schema from the arguments of register_schema or lookup_schema';

-- Print it, so that it has an identity.  In the normal form references have an order, too.
CREATE OR REPLACE FUNCTION dataplat_internal.print_draft(d dataplat_internal.schema_draft, normal boolean)
RETURNS dataplat_internal.schema_draft
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF normal AND d.refs <> '[]' THEN
        d.refs := (SELECT jsonb_agg(r ORDER BY r ->> 'subject' COLLATE "C", (r ->> 'version')::int, r ->> 'name' COLLATE "C") FROM jsonb_array_elements(d.refs) AS r);
    END IF;
    SELECT x.names, x.texts INTO d.names, d.texts FROM dataplat_internal.closure_of(d.refs, d.subject) AS x;
    d.schema := dataplat_internal.print_schema(d.schema_type, d.schema, d.names, d.texts, normal);
    d.guid := dataplat_internal.schema_guid(d.schema, d.refs, d.metadata, d.rule_set);
    RETURN d;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.print_draft(dataplat_internal.schema_draft, boolean) IS 'a draft in the form that is stored, with its GUID';

-- Its metadata and rule set as they would be registered: what is not given comes
-- from the version before, and the configuration has defaults and the last word.
CREATE OR REPLACE FUNCTION dataplat_internal.complete_draft(d dataplat_internal.schema_draft, previous dataplat.schema_content,
                                                            config dataplat.registry_config, new_version int, forced boolean)
RETURNS dataplat_internal.schema_draft
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    merged jsonb;
    rules  jsonb;
BEGIN
    merged := dataplat_internal.merge_metadata(dataplat_internal.merge_metadata(config.default_metadata, coalesce(d.metadata, previous.metadata)),
                                               config.override_metadata);
    rules := dataplat_internal.merge_rule_sets(dataplat_internal.merge_rule_sets(config.default_rule_set, coalesce(d.rule_set, previous.rule_set)),
                                               config.override_rule_set);
    IF new_version IS NOT NULL AND (forced OR merged #>> '{properties,confluent:version}' IS NOT NULL) THEN
        merged := dataplat_internal.merge_metadata(merged, jsonb_build_object('properties', jsonb_build_object('confluent:version', new_version::text)));
    END IF;
    d.metadata := merged;
    d.rule_set := rules;
    RETURN d;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.complete_draft(dataplat_internal.schema_draft, dataplat.schema_content, dataplat.registry_config, int, boolean) IS
    'a draft with the metadata and rules that it inherits';

-- The version of a subject that a printed draft is; no row when it is none.
CREATE OR REPLACE FUNCTION dataplat_internal.version_of_draft(d dataplat_internal.schema_draft, with_deleted boolean)
RETURNS SETOF dataplat.schema_version
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT v.*
      FROM dataplat.schema_content AS c
      JOIN dataplat.schema_version AS v ON v.context = c.context AND v.id = c.id
     WHERE c.guid = d.guid AND c.context = d.context AND c.schema_type = d.schema_type
       AND v.subject = d.subject AND (with_deleted OR NOT v.deleted)
     ORDER BY v.deleted, v.version DESC
     LIMIT 1;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.version_of_draft(dataplat_internal.schema_draft, boolean) IS 'the newest version of its subject that has this content';

CREATE OR REPLACE FUNCTION dataplat_internal.latest_content(subject text)
RETURNS SETOF dataplat.schema_content
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT c.*
      FROM dataplat.schema_version AS v
      JOIN dataplat.schema_content AS c ON c.context = v.context AND c.id = v.id
     WHERE v.subject = latest_content.subject AND NOT v.deleted
     ORDER BY v.version DESC
     LIMIT 1;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.latest_content(text) IS 'content of the latest version of a subject';

-- Metadata without the number that a registry writes into it (confluent:version).
CREATE OR REPLACE FUNCTION dataplat_internal.unnumbered_metadata(metadata jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF metadata #> '{properties,confluent:version}' IS NULL THEN
        RETURN metadata;
    ELSIF (metadata -> 'properties') - 'confluent:version' = '{}' THEN
        RETURN NULLIF(metadata - 'properties', '{}');
    END IF;
    RETURN metadata #- '{properties,confluent:version}';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.unnumbered_metadata(jsonb) IS 'metadata without the property confluent:version';

-- A number that the caller did not give is none.
CREATE OR REPLACE FUNCTION dataplat_internal.unnumbered_draft(d dataplat_internal.schema_draft, a jsonb)
RETURNS dataplat_internal.schema_draft
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF a #> '{metadata,properties,confluent:version}' IS NULL THEN
        d.metadata := dataplat_internal.unnumbered_metadata(d.metadata);
    END IF;
    RETURN d;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.unnumbered_draft(dataplat_internal.schema_draft, jsonb) IS 'a draft without the confluent:version that completing it added';

-- An Avro schema in one text, as it is printed when it is sent so.  NULL when a
-- reference leads nowhere any more.
CREATE OR REPLACE FUNCTION dataplat_internal.resolved_text(schema text, refs jsonb, parent text, normal boolean)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    x     record;
    whole text;
BEGIN
    SELECT c.names, c.texts INTO x FROM dataplat_internal.closure_of(refs, parent) AS c;
    whole := dataplat_internal.schema_in_format('AVRO', schema, x.names, x.texts, 'resolved');
    RETURN CASE WHEN normal THEN dataplat_internal.print_schema('AVRO', whole, '{}', '{}', true) ELSE whole END;
EXCEPTION WHEN invalid_parameter_value OR program_limit_exceeded THEN
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.resolved_text(text, jsonb, text, boolean) IS 'an Avro schema with its references written out';

-- The version that a printed draft means without having its content: it was sent
-- with its references written out, or without the number that the registry gave it.
CREATE OR REPLACE FUNCTION dataplat_internal.version_like_draft(d dataplat_internal.schema_draft, normal boolean, with_deleted boolean)
RETURNS SETOF dataplat.schema_version
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    numbered boolean := d.metadata #> '{properties,confluent:version}' IS NOT NULL;
    x        record;
BEGIN
    FOR x IN SELECT v, c.schema, c.refs
               FROM dataplat.schema_version AS v
               JOIN dataplat.schema_content AS c ON c.context = v.context AND c.id = v.id
              WHERE v.subject = d.subject AND (with_deleted OR NOT v.deleted)
                AND c.schema_type = d.schema_type AND c.rule_set IS NOT DISTINCT FROM d.rule_set
                AND CASE WHEN numbered THEN c.metadata ELSE dataplat_internal.unnumbered_metadata(c.metadata) END IS NOT DISTINCT FROM d.metadata
                AND (c.refs = d.refs AND c.schema = d.schema OR d.refs = '[]' AND c.refs <> '[]')
              ORDER BY v.deleted, v.version DESC LOOP
        IF x.schema = d.schema
           OR d.schema_type = 'AVRO' AND x.refs <> '[]' AND dataplat_internal.resolved_text(x.schema, x.refs, d.subject, normal) = d.schema THEN
            RETURN QUERY SELECT (x.v).*;
            RETURN;
        END IF;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.version_like_draft(dataplat_internal.schema_draft, boolean, boolean) IS
    'the newest version of its subject that is this schema with its references written out, or with another confluent:version';

-- The version that a schema is; tried as it is given, then with the metadata and
-- rules that registering it would have added.  A "lookup" may refer to what is
-- deleted, and finds the normal form of what it is given, too.
CREATE OR REPLACE FUNCTION dataplat_internal.find_version(subject text, a jsonb, with_deleted boolean, lookup boolean DEFAULT false)
RETURNS SETOF dataplat.schema_version
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    given  dataplat_internal.schema_draft := dataplat_internal.draft_of(subject, a, lookup);
    config dataplat.registry_config := dataplat_internal.config_in_scope(subject);
    normal boolean := coalesce((a ->> 'normalized')::boolean, false) OR coalesce(config.normalize, false);
    before dataplat.schema_content;
    d      dataplat_internal.schema_draft;
    full_d dataplat_internal.schema_draft;
BEGIN
    IF given.schema IS NULL THEN
        RETURN;
    END IF;
    LOOP
        d := dataplat_internal.print_draft(given, normal);
        RETURN QUERY SELECT * FROM dataplat_internal.version_of_draft(d, with_deleted);
        IF FOUND THEN
            RETURN;
        END IF;
        RETURN QUERY SELECT * FROM dataplat_internal.version_like_draft(d, normal, with_deleted);
        IF FOUND THEN
            RETURN;
        END IF;
        SELECT * INTO before FROM dataplat_internal.latest_content(subject);
        full_d := dataplat_internal.complete_draft(d, before, config, NULL, false);
        IF full_d.metadata IS DISTINCT FROM d.metadata OR full_d.rule_set IS DISTINCT FROM d.rule_set THEN
            full_d.guid := dataplat_internal.schema_guid(full_d.schema, full_d.refs, full_d.metadata, full_d.rule_set);
            RETURN QUERY SELECT * FROM dataplat_internal.version_of_draft(full_d, with_deleted);
            IF FOUND THEN
                RETURN;
            END IF;
            RETURN QUERY SELECT * FROM dataplat_internal.version_like_draft(full_d, normal, with_deleted);
            IF FOUND THEN
                RETURN;
            END IF;
        END IF;
        EXIT WHEN normal OR NOT lookup;
        normal := true;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.find_version(text, jsonb, boolean, boolean) IS 'the version of a subject that a schema is, if it is one';

-- ------------------------------------------------------------------ register

-- May this be registered in the mode that is in force?
CREATE OR REPLACE FUNCTION dataplat_internal.check_register_mode(subject text, with_id boolean)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    mode    text := dataplat_internal.mode_in_scope(subject);
    context text := (SELECT p.context FROM dataplat_internal.subject_parts(subject) AS p);
BEGIN
    IF mode IN ('READONLY', 'READONLY_OVERRIDE') THEN
        PERFORM dataplat_internal.registry_fail(42205, format('subject "%s" in context %s is in read-only mode', subject, context));
    ELSIF with_id AND mode NOT IN ('IMPORT', 'FORWARD') THEN
        PERFORM dataplat_internal.registry_fail(42205, format('subject "%s" in context %s is not in import mode', subject, context),
            'An id can be given in mode IMPORT only: dataplat.set_schema_mode(''IMPORT'', subject).');
    ELSIF NOT with_id AND mode <> 'READWRITE' THEN
        PERFORM dataplat_internal.registry_fail(42205, format('subject "%s" in context %s is not in read-write mode', subject, context),
            'In mode IMPORT each schema comes with its id.');
    END IF;
    RETURN mode;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_register_mode(text, boolean) IS 'the mode of a subject, when it lets a schema be registered; an error (42205) otherwise';

-- The id of a printed draft: the one that it has in its context, the one that
-- an import gives it, or the next one.
CREATE OR REPLACE FUNCTION dataplat_internal.store_content(caller name, d dataplat_internal.schema_draft, want_id int)
RETURNS int
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    max_import CONSTANT int := 2000000000;  -- an import must not use up the ids for those that come after it
    existing   int;
    other      dataplat.schema_content;
    new_id     int := want_id;
BEGIN
    SELECT c.id INTO existing FROM dataplat.schema_content AS c
     WHERE c.guid = d.guid AND c.context = d.context AND c.schema_type = d.schema_type AND (want_id IS NULL OR c.id = want_id)
     ORDER BY c.duplicate, c.id LIMIT 1;
    IF FOUND THEN
        RETURN existing;
    END IF;
    IF want_id IS NOT NULL THEN
        SELECT * INTO other FROM dataplat.schema_content AS c WHERE c.context = d.context AND c.id = want_id;
        IF FOUND THEN
            PERFORM dataplat_internal.registry_fail(42207, format('schema id %s of context %s stands for another schema', want_id, d.context));
        END IF;
        IF want_id > max_import THEN
            PERFORM dataplat_internal.registry_fail(42207, format('schema id %s is too large', want_id), format('Ids up to %s can be imported.', max_import));
        END IF;
        UPDATE dataplat_internal.schema_context AS x SET next_id = greatest(x.next_id, want_id + 1) WHERE x.context = d.context;
    ELSE
        UPDATE dataplat_internal.schema_context AS x SET next_id = x.next_id + 1
         WHERE x.context = d.context AND x.next_id < 2147483647 RETURNING x.next_id - 1 INTO new_id;
        IF NOT FOUND THEN
            PERFORM dataplat_internal.registry_fail(50001, format('context %s has no schema ids left', d.context));
        END IF;
    END IF;
    INSERT INTO dataplat.schema_content (context, id, guid, schema_type, schema, refs, metadata, rule_set, duplicate, created_by)
    VALUES (d.context, new_id, d.guid, d.schema_type, d.schema, d.refs, d.metadata, d.rule_set,
            EXISTS (SELECT FROM dataplat.schema_content AS c WHERE c.guid = d.guid AND c.context = d.context AND c.schema_type = d.schema_type), caller);
    INSERT INTO dataplat_internal.schema_reference (context, id, nth, name, subject, version)
    SELECT d.context, new_id, x.nth, x.r ->> 'name', dataplat_internal.qualify_subject(x.r ->> 'subject', d.subject), (x.r ->> 'version')::int
      FROM jsonb_array_elements(d.refs) WITH ORDINALITY AS x (r, nth);
    RETURN new_id;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.store_content(name, dataplat_internal.schema_draft, int) IS 'the id of a content, stored when it is new; the caller has the turn of its context';

-- Contexts whose turn a registration needs: its own, and those it refers to.
CREATE OR REPLACE FUNCTION dataplat_internal.contexts_of_draft(d dataplat_internal.schema_draft)
RETURNS text[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT ARRAY[d.context] || ARRAY(SELECT p.context FROM jsonb_array_elements(d.refs) AS r,
                                            LATERAL dataplat_internal.subject_parts(dataplat_internal.qualify_subject(r ->> 'subject', d.subject)) AS p));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.contexts_of_draft(dataplat_internal.schema_draft) IS 'contexts that must stand still while a schema is registered';

CREATE OR REPLACE FUNCTION dataplat_internal.command_register_schema(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q            text := dataplat_internal.follow_alias(dataplat_internal.check_subject(a ->> 'subject'));
    want_id      int := NULLIF((a ->> 'id')::bigint, -1);
    want_version int := NULLIF((a ->> 'version')::bigint, 0);
    config       dataplat.registry_config := dataplat_internal.config_in_scope(q);
    hit          dataplat.schema_version;
    d            dataplat_internal.schema_draft;
    before       dataplat.schema_content;
    next_version int;
    mode         text;
    normal       boolean;
    problems     text[];
BEGIN
    IF want_id < 1 OR want_version < -1 THEN
        PERFORM dataplat_internal.registry_fail(42201, 'id and version of a schema must be positive');
    END IF;
    IF want_id IS NULL AND want_version IS NULL AND coalesce(config.default_metadata, config.override_metadata, config.default_rule_set, config.override_rule_set) IS NULL THEN
        SELECT * INTO hit FROM dataplat_internal.find_version(q, a, false);
        IF FOUND THEN
            RETURN jsonb_build_object('id', hit.id, 'version', hit.version, 'subject', hit.subject);
        END IF;
    END IF;

    d := dataplat_internal.draft_of(q, a);
    PERFORM dataplat_internal.lock_contexts(dataplat_internal.contexts_of_draft(d));
    config := dataplat_internal.config_in_scope(q);
    d := dataplat_internal.draft_of(q, a);
    mode := dataplat_internal.check_register_mode(q, want_id IS NOT NULL);

    SELECT coalesce(max(v.version), 0) + 1 INTO next_version FROM dataplat.schema_version AS v WHERE v.subject = q;
    SELECT * INTO before FROM dataplat_internal.latest_content(q);
    -- Without a text it is the latest schema with other metadata or rules.
    IF d.schema IS NULL AND (mode <> 'READWRITE' OR before.id IS NULL OR coalesce(d.metadata, d.rule_set) IS NULL) THEN
        PERFORM dataplat_internal.registry_fail(42201, 'empty schema');
    ELSIF d.schema IS NULL THEN
        d.schema := before.schema;
        d.schema_type := before.schema_type;
        d.refs := before.refs;
    END IF;
    IF mode = 'READWRITE' THEN
        d := dataplat_internal.complete_draft(d, before, config, next_version, want_version IS NOT NULL);
    END IF;
    normal := coalesce((a ->> 'normalized')::boolean, false) OR coalesce(config.normalize, false);
    d := dataplat_internal.print_draft(d, normal);
    PERFORM dataplat_internal.check_schema_size(d.schema);

    IF want_version IS NULL THEN
        SELECT * INTO hit FROM dataplat_internal.version_of_draft(d, false);
        IF NOT FOUND THEN
            SELECT * INTO hit FROM dataplat_internal.version_like_draft(dataplat_internal.unnumbered_draft(d, a), normal, false);
        END IF;
        IF FOUND AND (want_id IS NULL OR want_id = hit.id) THEN
            RETURN jsonb_build_object('id', hit.id, 'version', hit.version, 'subject', hit.subject);
        END IF;
    END IF;
    IF mode = 'READWRITE' THEN
        problems := dataplat_internal.incompatibilities(q, d.schema_type, d.schema, d.names, d.texts, d.metadata, config, NULL);
        IF cardinality(problems) > 0 THEN
            PERFORM dataplat_internal.registry_fail(40901, format('schema being registered is incompatible with an earlier schema for subject "%s"', q),
                'dataplat.schema_diff() tells what changed; dataplat.check_compatibility() asks without registering.', '[' || array_to_string(problems, ', ') || ']');
        END IF;
        IF want_version > 0 AND want_version <> next_version THEN
            PERFORM dataplat_internal.registry_fail(42201, 'version is not one more than previous version', format('The next version is %s.', next_version));
        END IF;
    END IF;
    RETURN dataplat_internal.store_version(caller, d, want_id, coalesce(NULLIF(want_version, -1), next_version));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_register_schema(name, jsonb) IS 'register_schema as the owner of the extension';

-- Store a printed draft as a version.  An older version with the same id, that
-- was deleted, gives way to it.
CREATE OR REPLACE FUNCTION dataplat_internal.store_version(caller name, d dataplat_internal.schema_draft, want_id int, new_version int)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_id int := dataplat_internal.store_content(caller, d, want_id);
    there  dataplat.schema_version;
BEGIN
    SELECT * INTO there FROM dataplat.schema_version AS v WHERE v.subject = d.subject AND v.version = new_version;
    IF NOT FOUND THEN
        INSERT INTO dataplat.schema_version (subject, version, context, id, registered_by) VALUES (d.subject, new_version, d.context, new_id, caller);
    ELSIF there.id <> new_id THEN
        PERFORM dataplat_internal.registry_fail(42207, format('version %s of subject "%s" is schema id %s', new_version, d.subject, there.id));
    ELSIF there.deleted THEN
        UPDATE dataplat.schema_version AS v SET deleted = false, deleted_at = NULL, deleted_by = NULL WHERE v.subject = d.subject AND v.version = new_version;
    END IF;
    DELETE FROM dataplat.schema_version AS v
     WHERE v.subject = d.subject AND v.id = new_id AND v.deleted AND v.version < new_version
       AND NOT EXISTS (SELECT FROM dataplat_internal.schema_reference AS r WHERE r.subject = v.subject AND r.version = v.version);
    RETURN jsonb_build_object('id', new_id, 'version', new_version, 'subject', d.subject);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.store_version(name, dataplat_internal.schema_draft, int, int) IS 'store a schema as a version of its subject; the caller has the turn of its context';

CREATE OR REPLACE FUNCTION dataplat.register_schema(subject text, schema text, schema_type text DEFAULT 'AVRO', refs jsonb DEFAULT '[]',
    metadata jsonb DEFAULT NULL, rule_set jsonb DEFAULT NULL, normalized boolean DEFAULT false, id int DEFAULT NULL, version int DEFAULT NULL)
RETURNS int
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (dataplat.command('register_schema', jsonb_build_object('subject', subject, 'schema', schema, 'schema_type', schema_type, 'refs', refs,
        'metadata', metadata, 'rule_set', rule_set, 'normalized', coalesce(normalized, false), 'id', id, 'version', version)) ->> 'id')::int;
$$;
COMMENT ON FUNCTION dataplat.register_schema(text, text, text, jsonb, jsonb, jsonb, boolean, int, int) IS
    'register a schema as the next version of a subject and return its id; one that is registered already keeps its id and makes no version. refs: array of {"name", "subject", "version"}; id and version are for imports';

-- ------------------------------------------------------------------ lookup

-- SECURITY DEFINER: schemas are not for everybody; who may ask is decided by
-- EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat.lookup_schema(INOUT subject text, INOUT schema text, INOUT schema_type text DEFAULT 'AVRO', INOUT refs jsonb DEFAULT '[]',
    INOUT metadata jsonb DEFAULT NULL, INOUT rule_set jsonb DEFAULT NULL, normalized boolean DEFAULT false, deleted boolean DEFAULT false,
    OUT id int, OUT version int, OUT guid uuid)
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q     text := dataplat_internal.follow_alias(dataplat_internal.check_subject(subject));
    hit   dataplat.schema_version;
BEGIN
    PERFORM dataplat_internal.require_subject(q, coalesce(deleted, false));
    SELECT * INTO hit
      FROM dataplat_internal.find_version(q, jsonb_build_object('schema', schema, 'schema_type', schema_type, 'refs', refs, 'metadata', metadata,
                                                                'rule_set', rule_set, 'normalized', normalized), coalesce(deleted, false), true);
    IF NOT FOUND THEN
        PERFORM dataplat_internal.registry_fail(40403, format('schema not found in subject "%s"', q));
    END IF;
    SELECT hit.subject, c.schema, c.schema_type, c.refs, c.metadata, c.rule_set, c.id, hit.version, c.guid
      INTO subject, schema, schema_type, refs, metadata, rule_set, id, version, guid
      FROM dataplat.schema_content AS c WHERE c.context = hit.context AND c.id = hit.id;
END;
$$;
COMMENT ON FUNCTION dataplat.lookup_schema(text, text, text, jsonb, jsonb, jsonb, boolean, boolean) IS
    'id and version that a schema has in a subject; an error when it is not registered there';
