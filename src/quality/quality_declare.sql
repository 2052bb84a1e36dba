/*
 * quality: what users call to declare, change and drop expectations and suites.
 *
 * Each public function is a thin cover for a command_<verb> function, which
 * dataplat.command() runs as the owner of the extension, telling it who
 * called; src/storage/rights.c says why.
 */

-- ------------------------------------------------------------------ checks

-- Fail with the list of right values.
CREATE OR REPLACE FUNCTION dataplat_internal.check_expectation_choice(argument text, value text, allowed text[])
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    close text;
BEGIN
    IF value IS NULL OR NOT value = ANY (allowed) THEN
        close := dataplat_internal.closest_word(value, allowed);
        RAISE EXCEPTION 'invalid % "%"', argument, value
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = concat('Did you mean "' || close || '"? ', format('One of: %s.', array_to_string(allowed, ', ')));
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_expectation_choice(text, text, text[]) IS 'fail unless the value is one of a list';

-- Everything about an expectation that can be judged without its dataset.
CREATE OR REPLACE FUNCTION dataplat_internal.check_expectation(e dataplat.expectation, k dataplat_internal.expectation_kind)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM dataplat_internal.check_expectation_choice('severity', e.severity, '{error,warn,critical,warning,info}');
    PERFORM dataplat_internal.check_expectation_choice('null_handling', e.null_handling, '{skip,pass,fail}');
    PERFORM dataplat_internal.check_expectation_choice('dimension', e.dimension, '{accuracy,completeness,conformity,consistency,coverage,timeliness,uniqueness}');
    PERFORM dataplat_internal.check_expectation_choice('action', e.action, CASE k.class WHEN 'row' THEN '{warn,drop,quarantine,fail}' ELSE '{warn,fail}' END::text[]);
    IF e.mostly NOT BETWEEN 0 AND 1 THEN
        RAISE EXCEPTION 'mostly is out of range: %', e.mostly
            USING ERRCODE = 'invalid_parameter_value', HINT = 'It is the share of the rows that must be as expected, between 0 and 1.';
    ELSIF e.mostly IS NOT NULL AND k.class NOT IN ('row', 'group') THEN
        RAISE EXCEPTION '% takes no mostly', k.kind
            USING ERRCODE = 'invalid_parameter_value', HINT = 'It is for expectations that judge rows.';
    ELSIF e.weight < 0 OR e.weight IN ('NaN', 'Infinity') THEN
        RAISE EXCEPTION 'weight is out of range: %', e.weight
            USING ERRCODE = 'invalid_parameter_value', HINT = 'It is 0 or more.';
    END IF;
    PERFORM dataplat_internal.threshold_holds(t, 0, 0) FROM unnest(ARRAY[e.warn_if, e.error_if]) AS t WHERE t IS NOT NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_expectation(dataplat.expectation, dataplat_internal.expectation_kind) IS 'fail on an expectation that could never work';

-- SQL in an expectation is looked at when it is declared; that a name in it
-- does not exist (yet) is left for the validation.
CREATE OR REPLACE FUNCTION dataplat_internal.check_expectation_sql(e dataplat.expectation, k dataplat_internal.expectation_kind, dataset regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    condition text;
    message   text;
    detail    text;
    hint      text;
BEGIN
    -- Queries are for those who run them to judge.
    FOREACH condition IN ARRAY ARRAY[e.row_filter, CASE WHEN k.class = 'row' THEN e.kwargs ->> 'expression' END] LOOP
        BEGIN
            PERFORM dataplat_internal.check_condition(dataset::text, dataplat_internal.expectation_search_path(dataset), condition);
        EXCEPTION WHEN undefined_column OR undefined_table OR undefined_function OR undefined_object OR invalid_schema_name THEN
            NULL;
        WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
            RAISE EXCEPTION 'invalid condition: %', message
                USING ERRCODE = 'invalid_parameter_value', DETAIL = coalesce(NULLIF(detail, ''), format('The condition is: %s', condition)), HINT = coalesce(NULLIF(hint, ''), 'It is one SQL boolean expression over the columns of a row.');
        END;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_expectation_sql(dataplat.expectation, dataplat_internal.expectation_kind, regclass) IS 'fail on SQL that could never be a condition';

-- ------------------------------------------------------------------ rights

CREATE OR REPLACE FUNCTION dataplat_internal.may_expect(caller name, dataset regclass)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = dataset AND pg_has_role(caller, c.relowner, 'MEMBER'))
        OR EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = 'dataplat_pipeline_admin' AND pg_has_role(caller, r.oid, 'MEMBER'));
$$;
COMMENT ON FUNCTION dataplat_internal.may_expect(name, regclass) IS 'may this role say what is expected of a dataset?';

CREATE OR REPLACE FUNCTION dataplat_internal.require_may_expect(caller name, dataset regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF dataset IS NULL THEN
        RAISE EXCEPTION 'dataset must not be NULL' USING ERRCODE = 'null_value_not_allowed';
    ELSIF NOT dataplat_internal.may_expect(caller, dataset) THEN
        RAISE EXCEPTION 'must be owner of dataset "%"', dataset
            USING ERRCODE = 'insufficient_privilege', HINT = 'Members of dataplat_pipeline_admin may do it too.';
    END IF;
    IF (SELECT c.relkind NOT IN ('r', 'p', 'v', 'm', 'f') FROM pg_class AS c WHERE c.oid = dataset) THEN
        RAISE EXCEPTION '"%" is not a table or a view', dataset USING ERRCODE = 'wrong_object_type';
    ELSIF (SELECT c.relpersistence = 't' FROM pg_class AS c WHERE c.oid = dataset) THEN
        RAISE EXCEPTION '"%" is a temporary table', dataset
            USING ERRCODE = 'wrong_object_type', HINT = 'dataplat.validate_expectation() judges it without keeping the expectation.';
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.require_may_expect(name, regclass) IS 'fail unless the role may say what is expected of a dataset';

-- Find an expectation to change it, and lock it.
CREATE OR REPLACE FUNCTION dataplat_internal.expectation_to_change(caller name, expectation_id bigint)
RETURNS dataplat.expectation
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    e dataplat.expectation;
BEGIN
    SELECT * INTO e FROM dataplat.expectation AS x WHERE x.expectation_id = expectation_to_change.expectation_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'expectation % does not exist', expectation_id
            USING ERRCODE = 'undefined_object', HINT = 'See dataplat.expectation.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = e.owner AND pg_has_role(caller, r.oid, 'MEMBER'))
       AND NOT dataplat_internal.may_expect(caller, dataplat_internal.existing_dataset(e.dataset)) THEN
        RAISE EXCEPTION 'must be owner of expectation "%" or of its dataset', e.name
            USING ERRCODE = 'insufficient_privilege', HINT = 'Members of dataplat_pipeline_admin may do it too.';
    END IF;
    RETURN e;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expectation_to_change(name, bigint) IS 'lock an expectation that the caller may change';

-- ------------------------------------------------------------------ datasets

-- The relation of that name, or NULL.
CREATE OR REPLACE FUNCTION dataplat_internal.existing_dataset(dataset text)
RETURNS regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT to_regclass(dataset); $$;
COMMENT ON FUNCTION dataplat_internal.existing_dataset(text) IS 'the relation that a dataset''s name means now; NULL when it is gone';

-- Let names follow relations.  A name that means something now is left alone,
-- whatever it meant before: tables are replaced by renaming.
CREATE OR REPLACE FUNCTION dataplat_internal.follow_datasets()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moved record;
BEGIN
    FOR moved IN
        SELECT d.dataset AS old, dataplat_internal.dataset_name(d.relid::regclass) AS new
          FROM dataplat_internal.expectation_dataset AS d JOIN pg_class AS c ON c.oid = d.relid
         WHERE to_regclass(d.dataset) IS NULL
    LOOP
        UPDATE dataplat.expectation AS e
           SET dataset = moved.new,
               name = CASE WHEN EXISTS (SELECT FROM dataplat.expectation AS o WHERE o.dataset = moved.new AND o.name = e.name)
                           THEN e.name || '_' || e.expectation_id ELSE e.name END
         WHERE e.dataset = moved.old;
        UPDATE dataplat.validation AS v SET dataset = moved.new WHERE v.dataset = moved.old;
        UPDATE dataplat.validation_result AS r SET dataset = moved.new WHERE r.dataset = moved.old;
        DELETE FROM dataplat_internal.expectation_dataset AS d WHERE d.dataset = moved.old;
    END LOOP;
    INSERT INTO dataplat_internal.expectation_dataset AS d (dataset, relid)
    SELECT DISTINCT e.dataset, to_regclass(e.dataset)::oid FROM dataplat.expectation AS e WHERE to_regclass(e.dataset) IS NOT NULL
        ON CONFLICT (dataset) DO UPDATE SET relid = excluded.relid WHERE d.relid <> excluded.relid;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.follow_datasets() IS 'let the datasets of expectations follow relations that were renamed';

-- In a restored dump names are the truth; from here on the new OIDs are followed.
CREATE OR REPLACE FUNCTION dataplat_internal.quality_adopted(mode text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat_internal.follow_datasets(); $$;
COMMENT ON FUNCTION dataplat_internal.quality_adopted(text) IS 'let the datasets of expectations be followed in a restored dump';
SELECT dataplat_internal.register_adopt_step('quality', 'dataplat_internal.quality_adopted');

-- ------------------------------------------------------------------ add, alter, drop

-- kind and columns make a name that is not taken.
CREATE OR REPLACE FUNCTION dataplat_internal.expectation_name(dataset text, kind text, kwargs jsonb)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    base text := concat_ws('_', regexp_replace(kind, '^(\w+\.)?(expect_)?(column_values_to_|column_value_|column_pair_values_to_|column_to_|column_)?', ''),
        coalesce(kwargs ->> 'column', NULLIF(concat_ws('_', kwargs ->> 'column_A', kwargs ->> 'column_B'), ''),
                 (SELECT string_agg(c, '_' ORDER BY nth)
                    FROM jsonb_array_elements_text(CASE jsonb_typeof(kwargs -> 'column_list') WHEN 'array' THEN kwargs -> 'column_list' ELSE '[]' END)
                         WITH ORDINALITY AS u (c, nth))));
    candidate text := base;
    n    int := 1;
BEGIN
    WHILE EXISTS (SELECT FROM dataplat.expectation AS e WHERE e.dataset = expectation_name.dataset AND e.name = candidate) LOOP
        n := n + 1;
        candidate := base || '_' || n;
    END LOOP;
    RETURN candidate;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expectation_name(text, text, jsonb) IS 'a name for an expectation, of its kind and columns';

-- The definition that the arguments give, laid over an old one.  NULL leaves
-- what is there; "reset" names what goes back to its default.
CREATE OR REPLACE FUNCTION dataplat_internal.expectation_from_arguments(old dataplat.expectation, a jsonb)
RETURNS dataplat.expectation
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    defaults CONSTANT jsonb := '{"suite": "default", "mostly": null, "severity": "error", "action": "warn", "warn_if": null, "error_if": null,
                                 "row_filter": null, "null_handling": null, "dimension": null, "weight": 1, "on_delta": true, "enabled": true}';
    e        dataplat.expectation := old;
    meant    record := dataplat_internal.read_expectation(coalesce(a ->> 'kind', old.kind), CASE jsonb_typeof(a -> 'kwargs') WHEN 'object' THEN a -> 'kwargs' END);
    k        dataplat_internal.expectation_kind := meant.kind;
    kwargs   jsonb := meant.said;
    given    jsonb;
    one      text;
BEGIN
    IF kwargs IS NULL AND coalesce(a -> 'kwargs', 'null') <> 'null' THEN
        PERFORM dataplat_internal.raise_kwarg(k, 'kwargs must be a JSON object', NULL);
    END IF;
    SELECT coalesce(jsonb_object_agg(x.key, x.value), '{}') INTO given FROM jsonb_each(a) AS x
     WHERE x.value <> 'null' AND (defaults ? x.key OR x.key = 'name');
    -- What belongs to the expectation and not to the kind may stand in kwargs, as Great Expectations has it.
    FOREACH one IN ARRAY '{mostly,row_filter,null_handling,severity,warn_if,error_if}'::text[] LOOP
        IF kwargs ? one AND NOT k.arguments ? one THEN
            -- What is said beside them wins; severity has a default that nobody said.
            given := CASE WHEN given ->> one = 'error' AND one = 'severity' THEN given || jsonb_build_object(one, kwargs -> one) ELSE jsonb_build_object(one, kwargs -> one) || given END;
            kwargs := kwargs - one;
        END IF;
    END LOOP;
    IF e.kind IS NULL THEN
        e := jsonb_populate_record(e, defaults);
    END IF;
    FOR one IN SELECT jsonb_array_elements_text(CASE jsonb_typeof(a -> 'reset') WHEN 'array' THEN a -> 'reset' ELSE '[]' END) LOOP
        PERFORM dataplat_internal.check_expectation_choice('argument to reset', one, ARRAY(SELECT d FROM jsonb_object_keys(defaults) AS d ORDER BY d));
        e := jsonb_populate_record(e, jsonb_build_object(one, defaults -> one));
    END LOOP;
    e := jsonb_populate_record(e, given);
    e.kind := k.kind;
    IF kwargs IS NOT NULL OR old.kind IS NULL THEN
        e.kwargs := dataplat_internal.check_kwargs(k, coalesce(kwargs, '{}'));
    END IF;
    e.dimension := coalesce(e.dimension, k.dimension);
    e.null_handling := coalesce(e.null_handling, CASE WHEN k.class = 'row' AND e.action IN ('drop', 'fail') THEN 'fail' ELSE 'skip' END);
    e.altered_at := now();
    PERFORM dataplat_internal.check_expectation(e, k);
    RETURN e;
EXCEPTION WHEN invalid_text_representation OR numeric_value_out_of_range THEN
    RAISE EXCEPTION '%', SQLERRM USING ERRCODE = 'invalid_parameter_value';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expectation_from_arguments(dataplat.expectation, jsonb) IS 'a definition laid over another';

CREATE OR REPLACE FUNCTION dataplat_internal.require_suite(caller name, suite text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF suite = 'default' THEN
        INSERT INTO dataplat.expectation_suite (name, description, owner) VALUES ('default', 'expectations for which no suite was named', caller)
        ON CONFLICT DO NOTHING;
    ELSIF NOT EXISTS (SELECT FROM dataplat.expectation_suite AS s WHERE s.name = suite) THEN
        RAISE EXCEPTION 'suite "%" does not exist', suite
            USING ERRCODE = 'undefined_object', HINT = 'Make it with dataplat.create_suite().';
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.require_suite(name, text) IS 'fail unless a suite exists; "default" comes by itself';

CREATE OR REPLACE FUNCTION dataplat_internal.command_add_expectation(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass := (a ->> 'dataset')::oid::regclass;
    e        dataplat.expectation;
BEGIN
    PERFORM dataplat_internal.require_may_expect(caller, relation);
    PERFORM dataplat_internal.follow_datasets();
    e := dataplat_internal.expectation_from_arguments(NULL::dataplat.expectation, a);
    PERFORM dataplat_internal.check_expectation_sql(e, dataplat_internal.find_expectation_kind(e.kind), relation);
    e.dataset := dataplat_internal.dataset_name(relation);
    e.owner := caller;
    e.created_at := now();
    PERFORM dataplat_internal.require_suite(caller, e.suite);
    e.name := coalesce(NULLIF(e.name, ''), dataplat_internal.expectation_name(e.dataset, a ->> 'kind', e.kwargs));
    IF EXISTS (SELECT FROM dataplat.expectation AS x WHERE x.dataset = e.dataset AND x.name = e.name) THEN
        RAISE EXCEPTION 'expectation "%" on "%" already exists', e.name, e.dataset
            USING ERRCODE = 'duplicate_object', HINT = 'Change it with dataplat.alter_expectation(), or choose another name.';
    END IF;
    e.expectation_id := nextval('dataplat.expectation_expectation_id_seq');
    INSERT INTO dataplat.expectation SELECT e.*;
    INSERT INTO dataplat_internal.expectation_dataset AS d (dataset, relid) VALUES (e.dataset, relation)
        ON CONFLICT (dataset) DO UPDATE SET relid = excluded.relid WHERE d.relid <> excluded.relid;
    RETURN to_jsonb(e.expectation_id);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_add_expectation(name, jsonb) IS 'add_expectation as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat_internal.command_alter_expectation(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old dataplat.expectation := dataplat_internal.expectation_to_change(caller, (a ->> 'expectation_id')::bigint);
    e   dataplat.expectation := dataplat_internal.expectation_from_arguments(old, a);
BEGIN
    IF dataplat_internal.existing_dataset(e.dataset) IS NOT NULL THEN
        PERFORM dataplat_internal.check_expectation_sql(e, dataplat_internal.find_expectation_kind(e.kind), dataplat_internal.existing_dataset(e.dataset));
    END IF;
    PERFORM dataplat_internal.require_suite(caller, e.suite);
    IF e.name <> old.name AND EXISTS (SELECT FROM dataplat.expectation AS x WHERE x.dataset = e.dataset AND x.name = e.name) THEN
        RAISE EXCEPTION 'expectation "%" on "%" already exists', e.name, e.dataset USING ERRCODE = 'duplicate_object';
    END IF;
    -- Whoever writes the SQL lends it his rights.
    IF (e.kind, e.kwargs, e.row_filter) IS DISTINCT FROM (old.kind, old.kwargs, old.row_filter)
       AND NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = old.owner AND pg_has_role(caller, r.oid, 'MEMBER')) THEN
        e.owner := caller;
    END IF;
    IF a ->> 'owner' IS NOT NULL THEN
        e.owner := dataplat_internal.new_expectation_owner(caller, a ->> 'owner');
    END IF;
    UPDATE dataplat.expectation AS x
       SET (suite, name, kind, kwargs, mostly, severity, action, warn_if, error_if, row_filter, null_handling, dimension, weight, on_delta, enabled, owner, altered_at)
         = (e.suite, e.name, e.kind, e.kwargs, e.mostly, e.severity, e.action, e.warn_if, e.error_if, e.row_filter, e.null_handling, e.dimension, e.weight,
            e.on_delta, e.enabled, e.owner, e.altered_at)
     WHERE x.expectation_id = old.expectation_id;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_alter_expectation(name, jsonb) IS 'alter_expectation as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat_internal.new_expectation_owner(caller name, owner text)
RETURNS name
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = new_expectation_owner.owner AND pg_has_role(caller, r.oid, 'MEMBER')) THEN
        RAISE EXCEPTION 'must be a member of role "%"', owner USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN owner;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.new_expectation_owner(name, text) IS 'a role that the caller may give an expectation to';

CREATE OR REPLACE FUNCTION dataplat_internal.command_drop_expectation(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old dataplat.expectation := dataplat_internal.expectation_to_change(caller, (a ->> 'expectation_id')::bigint);
BEGIN
    DELETE FROM dataplat.expectation AS x WHERE x.expectation_id = old.expectation_id;
    DELETE FROM dataplat_internal.expectation_dataset AS d
     WHERE d.dataset = old.dataset AND NOT EXISTS (SELECT FROM dataplat.expectation AS x WHERE x.dataset = old.dataset);
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_drop_expectation(name, jsonb) IS 'drop_expectation as the owner of the extension';

-- ------------------------------------------------------------------ suites

CREATE OR REPLACE FUNCTION dataplat_internal.suite_to_change(caller name, suite_name text)
RETURNS dataplat.expectation_suite
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s dataplat.expectation_suite;
BEGIN
    SELECT * INTO s FROM dataplat.expectation_suite AS x WHERE x.name = suite_name FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'suite "%" does not exist', suite_name
            USING ERRCODE = 'undefined_object', HINT = 'See dataplat.expectation_suite.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname IN (s.owner, 'dataplat_pipeline_admin') AND pg_has_role(caller, r.oid, 'MEMBER')) THEN
        RAISE EXCEPTION 'must be owner of suite "%"', suite_name
            USING ERRCODE = 'insufficient_privilege', HINT = 'Members of dataplat_pipeline_admin may do it too.';
    END IF;
    RETURN s;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.suite_to_change(name, text) IS 'lock a suite that the caller may change';

CREATE OR REPLACE FUNCTION dataplat_internal.check_suite(s dataplat.expectation_suite)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF s.name IS NULL OR s.name = '' OR octet_length(s.name) > 63 OR s.name ~ '[[:cntrl:]]' THEN
        RAISE EXCEPTION 'invalid suite name "%"', s.name
            USING ERRCODE = 'invalid_parameter_value', HINT = 'A name has 1 to 63 bytes and no control characters.';
    END IF;
    -- Schedules are read by who keeps them.
    IF s.schedule IS NOT NULL AND to_regprocedure('dataplat_internal.check_suite_schedule(text)') IS NOT NULL THEN
        EXECUTE 'SELECT dataplat_internal.check_suite_schedule($1)' USING s.schedule;
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_suite(dataplat.expectation_suite) IS 'fail on a suite that could never work';

CREATE OR REPLACE FUNCTION dataplat_internal.command_create_suite(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s dataplat.expectation_suite;
BEGIN
    s.name := a ->> 'name';
    s.description := a ->> 'description';
    s.schedule := a ->> 'schedule';
    PERFORM dataplat_internal.check_suite(s);
    INSERT INTO dataplat.expectation_suite (name, description, schedule, owner) VALUES (s.name, s.description, s.schedule, caller);
    RETURN NULL;
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'suite "%" already exists', s.name
        USING ERRCODE = 'duplicate_object', HINT = 'Change it with dataplat.alter_suite(), or choose another name.';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_create_suite(name, jsonb) IS 'create_suite as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat_internal.command_alter_suite(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old dataplat.expectation_suite := dataplat_internal.suite_to_change(caller, a ->> 'name');
    s   dataplat.expectation_suite := old;
BEGIN
    -- An empty text takes away what is there.
    s.name := coalesce(a ->> 'new_name', old.name);
    s.description := NULLIF(coalesce(a ->> 'description', old.description), '');
    s.schedule := NULLIF(coalesce(a ->> 'schedule', old.schedule), '');
    PERFORM dataplat_internal.check_suite(s);
    UPDATE dataplat.expectation_suite AS x SET name = s.name, description = s.description, schedule = s.schedule WHERE x.name = old.name;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_alter_suite(name, jsonb) IS 'alter_suite as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat_internal.command_drop_suite(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old dataplat.expectation_suite := dataplat_internal.suite_to_change(caller, a ->> 'name');
    n   bigint;
BEGIN
    SELECT count(*) INTO n FROM dataplat.expectation AS e WHERE e.suite = old.name;
    IF n > 0 AND NOT coalesce((a ->> 'drop_expectations')::boolean, false) THEN
        RAISE EXCEPTION 'cannot drop suite "%" because it holds expectations', old.name
            USING ERRCODE = 'dependent_objects_still_exist', DETAIL = format('Expectations: %s.', n), HINT = 'Say drop_expectations => true to drop them, too.';
    END IF;
    DELETE FROM dataplat.expectation_suite AS s WHERE s.name = old.name;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_drop_suite(name, jsonb) IS 'drop_suite as the owner of the extension';

-- ------------------------------------------------------------------ what users call

CREATE OR REPLACE FUNCTION dataplat.add_expectation(dataset regclass, kind text, kwargs jsonb DEFAULT '{}', name text DEFAULT NULL, suite text DEFAULT NULL,
    mostly numeric DEFAULT NULL, severity text DEFAULT 'error', action text DEFAULT 'warn', warn_if text DEFAULT NULL, error_if text DEFAULT NULL,
    row_filter text DEFAULT NULL, null_handling text DEFAULT NULL, dimension text DEFAULT NULL, weight numeric DEFAULT NULL,
    on_delta boolean DEFAULT NULL, enabled boolean DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN dataplat.command('add_expectation', jsonb_build_object(
        'dataset', dataset::oid::text, 'kind', kind, 'kwargs', kwargs, 'name', name, 'suite', suite, 'mostly', mostly, 'severity', severity, 'action', action,
        'warn_if', warn_if, 'error_if', error_if, 'row_filter', row_filter, 'null_handling', null_handling, 'dimension', dimension, 'weight', weight,
        'on_delta', on_delta, 'enabled', enabled))::bigint;
END;
$$;
COMMENT ON FUNCTION dataplat.add_expectation(regclass, text, jsonb, text, text, numeric, text, text, text, text, text, text, text, numeric, boolean, boolean) IS
    'expect something of a dataset: kinds and what they take are in dataplat.expectation_kind; returns the expectation''s number';

CREATE OR REPLACE FUNCTION dataplat.alter_expectation(expectation_id bigint, kwargs jsonb DEFAULT NULL, name text DEFAULT NULL, suite text DEFAULT NULL,
    mostly numeric DEFAULT NULL, severity text DEFAULT NULL, action text DEFAULT NULL, warn_if text DEFAULT NULL, error_if text DEFAULT NULL,
    row_filter text DEFAULT NULL, null_handling text DEFAULT NULL, dimension text DEFAULT NULL, weight numeric DEFAULT NULL,
    on_delta boolean DEFAULT NULL, enabled boolean DEFAULT NULL, owner text DEFAULT NULL, reset text[] DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM dataplat.command('alter_expectation', jsonb_build_object(
        'expectation_id', expectation_id, 'kwargs', kwargs, 'name', name, 'suite', suite, 'mostly', mostly, 'severity', severity, 'action', action,
        'warn_if', warn_if, 'error_if', error_if, 'row_filter', row_filter, 'null_handling', null_handling, 'dimension', dimension, 'weight', weight,
        'on_delta', on_delta, 'enabled', enabled, 'owner', owner, 'reset', reset));
END;
$$;
COMMENT ON FUNCTION dataplat.alter_expectation(bigint, jsonb, text, text, numeric, text, text, text, text, text, text, text, numeric, boolean, boolean, text, text[]) IS
    'change an expectation; NULL leaves an argument as it is, and reset names those that go back to their default';

CREATE OR REPLACE FUNCTION dataplat.drop_expectation(expectation_id bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$ BEGIN PERFORM dataplat.command('drop_expectation', jsonb_build_object('expectation_id', expectation_id)); END; $$;
COMMENT ON FUNCTION dataplat.drop_expectation(bigint) IS 'expect it no longer; its results are kept';

CREATE OR REPLACE FUNCTION dataplat.create_suite(name text, description text DEFAULT NULL, schedule text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$ BEGIN PERFORM dataplat.command('create_suite', jsonb_build_object('name', name, 'description', description, 'schedule', schedule)); END; $$;
COMMENT ON FUNCTION dataplat.create_suite(text, text, text) IS 'make a named set of expectations; schedule: an interval, a cron line, on_data, or NULL (by hand)';

CREATE OR REPLACE FUNCTION dataplat.alter_suite(name text, new_name text DEFAULT NULL, description text DEFAULT NULL, schedule text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM dataplat.command('alter_suite', jsonb_build_object('name', name, 'new_name', new_name, 'description', description, 'schedule', schedule));
END;
$$;
COMMENT ON FUNCTION dataplat.alter_suite(text, text, text, text) IS 'change a suite; NULL leaves an argument as it is, an empty text takes it away';

CREATE OR REPLACE FUNCTION dataplat.drop_suite(name text, drop_expectations boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$ BEGIN PERFORM dataplat.command('drop_suite', jsonb_build_object('name', name, 'drop_expectations', drop_expectations)); END; $$;
COMMENT ON FUNCTION dataplat.drop_suite(text, boolean) IS 'forget a suite; with drop_expectations those that it holds, too';
