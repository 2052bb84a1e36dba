/*
 * registry: configuration and modes of subjects and contexts.
 *
 * A subject that says nothing itself does as its context does (":.ctx:", for the
 * default one ":.:"), then as ":.__GLOBAL:" says, then as the registry does by default.
 */

-- ------------------------------------------------------------------ configuration

-- As the REST API shows it; empty fields are left out.
CREATE OR REPLACE FUNCTION dataplat_internal.config_as_json(c dataplat.registry_config)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object('alias', c.alias, 'normalize', c.normalize, 'validateFields', c.validate_fields, 'validateNames', c.validate_names,
        'validateRules', c.validate_rules, 'compatibilityLevel', c.compatibility_level, 'compatibilityPolicy', c.compatibility_policy,
        'compatibilityGroup', c.compatibility_group))
        || CASE WHEN c.default_metadata IS NULL THEN '{}' ELSE jsonb_build_object('defaultMetadata', c.default_metadata) END
        || CASE WHEN c.override_metadata IS NULL THEN '{}' ELSE jsonb_build_object('overrideMetadata', c.override_metadata) END
        || CASE WHEN c.default_rule_set IS NULL THEN '{}' ELSE jsonb_build_object('defaultRuleSet', c.default_rule_set) END
        || CASE WHEN c.override_rule_set IS NULL THEN '{}' ELSE jsonb_build_object('overrideRuleSet', c.override_rule_set) END;
$$;
COMMENT ON FUNCTION dataplat_internal.config_as_json(dataplat.registry_config) IS 'a configuration as the REST API shows it';

-- What a scope says itself, its level filled in; or with "inherited" what counts for
-- it.  40408 when a subject says nothing.
CREATE OR REPLACE FUNCTION dataplat_internal.config_answer(subject text, inherited boolean)
RETURNS dataplat.registry_config
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    scope text := dataplat_internal.check_scope(subject);
    own   dataplat.registry_config;
    hit   dataplat.registry_config := dataplat_internal.config_in_scope(scope);
BEGIN
    SELECT * INTO own FROM dataplat.registry_config AS c WHERE c.subject = scope;
    IF FOUND AND NOT inherited THEN
        own.compatibility_level := hit.compatibility_level;
        RETURN own;
    ELSIF NOT FOUND AND NOT inherited AND scope <> ':.:' THEN
        PERFORM dataplat_internal.registry_fail(40408, format('subject "%s" does not have subject-level compatibility configured', scope),
            'With default_to_global the answer is what counts for it.');
    END IF;
    IF hit.compatibility_policy = 'STRICT' AND own.compatibility_policy IS NULL THEN
        hit.compatibility_policy := NULL;
    END IF;
    RETURN hit;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.config_answer(text, boolean) IS 'configuration of a subject or context, its own or what it inherits';

-- Members of a JSON object: one that is null goes back to what is inherited, one
-- that is missing stays as it is, one that nobody knows is ignored.
CREATE OR REPLACE FUNCTION dataplat_internal.command_configure_registry(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    scope text := dataplat_internal.check_scope(a ->> 'subject');
    s     jsonb := a -> 'settings';
    c     dataplat.registry_config;
    level text;
BEGIN
    IF jsonb_typeof(s) <> 'object' THEN
        PERFORM dataplat_internal.registry_fail(42203, 'the configuration must be an object');
    END IF;
    PERFORM dataplat_internal.lock_contexts(ARRAY[(SELECT p.context FROM dataplat_internal.subject_parts(scope) AS p)]);
    PERFORM dataplat_internal.forbid_read_only(scope);
    SELECT * INTO c FROM dataplat.registry_config AS x WHERE x.subject = scope;
    c.subject := scope;
    IF s ? 'compatibility' OR s ? 'compatibilityLevel' THEN
        c.compatibility_level := dataplat_internal.check_level(coalesce(s ->> 'compatibility', s ->> 'compatibilityLevel'));
    END IF;
    IF s ? 'compatibilityPolicy' THEN
        c.compatibility_policy := upper(s ->> 'compatibilityPolicy');
        IF c.compatibility_policy NOT IN ('STRICT', 'LENIENT') THEN
            PERFORM dataplat_internal.registry_fail(42203, format('invalid compatibility policy "%s"', left(s ->> 'compatibilityPolicy', 50)), 'Allowed are STRICT and LENIENT.');
        END IF;
    END IF;
    c.compatibility_group := CASE WHEN s ? 'compatibilityGroup' THEN NULLIF(s ->> 'compatibilityGroup', '') ELSE c.compatibility_group END;
    c.alias := CASE WHEN s ? 'alias' THEN NULLIF(s ->> 'alias', '') ELSE c.alias END;
    BEGIN
        c.normalize := CASE WHEN s ? 'normalize' THEN (s ->> 'normalize')::boolean ELSE c.normalize END;
        c.validate_fields := CASE WHEN s ? 'validateFields' THEN (s ->> 'validateFields')::boolean ELSE c.validate_fields END;
        c.validate_names := CASE WHEN s ? 'validateNames' THEN (s ->> 'validateNames')::boolean ELSE c.validate_names END;
        c.validate_rules := CASE WHEN s ? 'validateRules' THEN (s ->> 'validateRules')::boolean ELSE c.validate_rules END;
    EXCEPTION WHEN invalid_text_representation THEN
        PERFORM dataplat_internal.registry_fail(42203, 'normalize and validate... are true or false');
    END;
    c.default_metadata := CASE WHEN s ? 'defaultMetadata' THEN dataplat_internal.check_metadata(s -> 'defaultMetadata') ELSE c.default_metadata END;
    c.override_metadata := CASE WHEN s ? 'overrideMetadata' THEN dataplat_internal.check_metadata(s -> 'overrideMetadata') ELSE c.override_metadata END;
    c.default_rule_set := CASE WHEN s ? 'defaultRuleSet' THEN dataplat_internal.check_rule_set(s -> 'defaultRuleSet') ELSE c.default_rule_set END;
    c.override_rule_set := CASE WHEN s ? 'overrideRuleSet' THEN dataplat_internal.check_rule_set(s -> 'overrideRuleSet') ELSE c.override_rule_set END;
    c.changed_at := now();
    c.changed_by := caller;
    DELETE FROM dataplat.registry_config AS x WHERE x.subject = scope;
    INSERT INTO dataplat.registry_config SELECT c.*;
    RETURN dataplat_internal.config_as_json(c);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_configure_registry(name, jsonb) IS 'configure_registry as the owner of the extension';

-- What it was; 40401 when a subject says nothing.
CREATE OR REPLACE FUNCTION dataplat_internal.reset_config(subject text)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    scope text := dataplat_internal.check_scope(subject);
    c     dataplat.registry_config;
BEGIN
    PERFORM dataplat_internal.lock_contexts(ARRAY[(SELECT p.context FROM dataplat_internal.subject_parts(scope) AS p)]);
    PERFORM dataplat_internal.forbid_read_only(scope);
    IF scope <> ':.:' AND NOT EXISTS (SELECT FROM dataplat.registry_config AS x WHERE x.subject = scope) THEN
        PERFORM dataplat_internal.registry_fail(40401, format('subject "%s" has no configuration', scope));
    END IF;
    c := dataplat_internal.config_answer(scope, false);
    DELETE FROM dataplat.registry_config AS x WHERE x.subject = scope;
    RETURN dataplat_internal.config_as_json(c);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.reset_config(text) IS 'forget the configuration of a subject or context, return what it was';

CREATE OR REPLACE FUNCTION dataplat_internal.command_set_compatibility(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF a ->> 'level' IS NULL THEN
        RETURN dataplat_internal.reset_config(a ->> 'subject');
    END IF;
    RETURN dataplat_internal.command_configure_registry(caller, jsonb_build_object('subject', a -> 'subject', 'settings',
        jsonb_build_object('compatibility', a -> 'level')));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_set_compatibility(name, jsonb) IS 'set_compatibility as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat.set_compatibility(level text, subject text DEFAULT NULL)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('set_compatibility', jsonb_build_object('level', level, 'subject', subject)); $$;
COMMENT ON FUNCTION dataplat.set_compatibility(text, text) IS
    'set the compatibility level of a subject, of a context (:.ctx:), of all (:.__GLOBAL:), or, without one, of the default context; NULL forgets what was configured there';

CREATE OR REPLACE FUNCTION dataplat.configure_registry(settings jsonb, subject text DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('configure_registry', jsonb_build_object('settings', settings, 'subject', subject)); $$;
COMMENT ON FUNCTION dataplat.configure_registry(jsonb, text) IS
    'set what the registry can be told about a subject or context: compatibility, compatibilityPolicy, compatibilityGroup, normalize, alias, validateFields, defaultMetadata, overrideMetadata, defaultRuleSet, overrideRuleSet; null goes back to what is inherited';

-- SECURITY DEFINER: the configuration is not for everybody; who may ask is
-- decided by EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat.get_compatibility(subject text DEFAULT NULL, default_to_global boolean DEFAULT false)
RETURNS text
LANGUAGE sql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT c.compatibility_level FROM dataplat_internal.config_answer(subject, coalesce(default_to_global, false)) AS c; $$;
COMMENT ON FUNCTION dataplat.get_compatibility(text, boolean) IS
    'compatibility level of a subject or context; default_to_global: what counts for it when it has none itself, otherwise that is an error';

-- ------------------------------------------------------------------ modes

CREATE OR REPLACE FUNCTION dataplat_internal.mode_answer(subject text, inherited boolean)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    scope text := dataplat_internal.check_scope(subject);
BEGIN
    IF NOT inherited AND scope <> ':.:' AND NOT EXISTS (SELECT FROM dataplat.registry_mode AS m WHERE m.subject = scope) THEN
        PERFORM dataplat_internal.registry_fail(40409, format('subject "%s" does not have subject-level mode configured', scope),
            'With default_to_global the answer is what counts for it.');
    END IF;
    RETURN dataplat_internal.mode_in_scope(scope);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.mode_answer(text, boolean) IS 'mode of a subject or context, its own or what it inherits';

-- Importing brings its own ids, so nothing may be there that has some already.
CREATE OR REPLACE FUNCTION dataplat_internal.make_room_for_import(scope text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v record;
BEGIN
    IF EXISTS (SELECT FROM dataplat_internal.versions_in_scope(scope) AS x WHERE NOT x.deleted) THEN
        PERFORM dataplat_internal.registry_fail(42205, 'cannot import since found existing subjects', 'Use force to import beside them.');
    END IF;
    FOR v IN SELECT x.subject, array_agg(x.version) AS versions FROM dataplat_internal.versions_in_scope(scope) AS x GROUP BY x.subject ORDER BY x.subject LOOP
        PERFORM dataplat_internal.forbid_referenced(v.subject, n) FROM unnest(v.versions) AS n;
        PERFORM dataplat_internal.erase_versions(v.subject, v.versions);
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.make_room_for_import(text) IS 'erase the soft-deleted versions of a scope; an error (42205) when there are others';

-- Versions of a subject, of a context, or of all.
CREATE OR REPLACE FUNCTION dataplat_internal.versions_in_scope(scope text)
RETURNS SETOF dataplat.schema_version
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT v.*
      FROM dataplat_internal.subject_parts(scope) AS p, dataplat.schema_version AS v
     WHERE CASE WHEN p.name <> '' THEN v.subject = p.qualified WHEN p.context = '.__GLOBAL' THEN true ELSE v.context = p.context END;
$$;
COMMENT ON FUNCTION dataplat_internal.versions_in_scope(text) IS 'versions that the key of a configuration or mode covers';

CREATE OR REPLACE FUNCTION dataplat_internal.command_set_schema_mode(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    scope  text := dataplat_internal.check_scope(a ->> 'subject');
    wanted text := upper(a ->> 'mode');
    was    text;
BEGIN
    IF wanted NOT IN ('READWRITE', 'READONLY', 'READONLY_OVERRIDE', 'IMPORT', 'FORWARD') THEN
        PERFORM dataplat_internal.registry_fail(42204, format('invalid mode "%s"', left(a ->> 'mode', 50)),
            'Allowed are READWRITE, READONLY, READONLY_OVERRIDE, IMPORT and FORWARD.');
    END IF;
    PERFORM dataplat_internal.lock_contexts(ARRAY[(SELECT p.context FROM dataplat_internal.subject_parts(scope) AS p)]);
    was := dataplat_internal.mode_in_scope(scope);
    IF wanted IS NULL THEN
        DELETE FROM dataplat.registry_mode AS m WHERE m.subject = scope RETURNING m.mode INTO was;
        IF NOT FOUND AND scope <> ':.:' THEN
            PERFORM dataplat_internal.registry_fail(40401, format('subject "%s" has no mode', scope));
        END IF;
        RETURN jsonb_build_object('mode', coalesce(was, 'READWRITE'));
    END IF;
    IF wanted = 'IMPORT' AND was <> 'IMPORT' AND NOT coalesce((a ->> 'force')::boolean, false) THEN
        PERFORM dataplat_internal.make_room_for_import(scope);
    END IF;
    INSERT INTO dataplat.registry_mode AS m (subject, mode, changed_by) VALUES (scope, wanted, caller)
        ON CONFLICT ON CONSTRAINT registry_mode_pkey DO UPDATE SET mode = excluded.mode, changed_by = excluded.changed_by, changed_at = now();
    RETURN jsonb_build_object('mode', wanted);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_set_schema_mode(name, jsonb) IS 'set_schema_mode as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat.set_schema_mode(mode text, subject text DEFAULT NULL, force boolean DEFAULT false)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('set_schema_mode', jsonb_build_object('mode', mode, 'subject', subject, 'force', coalesce(force, false))); $$;
COMMENT ON FUNCTION dataplat.set_schema_mode(text, text, boolean) IS
    'set the mode of a subject, of a context (:.ctx:), of all (:.__GLOBAL:), or, without one, of the default context: READWRITE, READONLY, READONLY_OVERRIDE, IMPORT or FORWARD; NULL forgets it. force: import beside schemas that are there';

-- SECURITY DEFINER: modes are not for everybody; who may ask is decided by
-- EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat.get_schema_mode(subject text DEFAULT NULL, default_to_global boolean DEFAULT false)
RETURNS text
LANGUAGE sql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat_internal.mode_answer(subject, coalesce(default_to_global, false)); $$;
COMMENT ON FUNCTION dataplat.get_schema_mode(text, boolean) IS
    'mode of a subject or context; default_to_global: what counts for it when it has none itself, otherwise that is an error';
