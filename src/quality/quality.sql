/*
 * quality: the kinds of expectations, and what their compile functions share.
 */

-- ------------------------------------------------------------------ the registry

-- Make a kind known, or change what is known of it.
CREATE OR REPLACE FUNCTION dataplat_internal.register_expectation_kind(
    kind text, class text, arguments jsonb, dimension text, compile_function text, description text,
    judge_function text DEFAULT NULL, aliases text[] DEFAULT '{}')
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO dataplat_internal.expectation_kind AS k (kind, class, arguments, aliases, dimension, compile_function, judge_function, description)
    VALUES ($1, $2, $3, $8, $4, $5, $7, $6)
        ON CONFLICT (kind) DO UPDATE
       SET class = excluded.class, arguments = excluded.arguments, aliases = excluded.aliases, dimension = excluded.dimension,
           compile_function = excluded.compile_function, judge_function = excluded.judge_function, description = excluded.description
     WHERE (k.class, k.arguments, k.aliases, k.dimension, k.compile_function, k.judge_function, k.description)
           IS DISTINCT FROM (excluded.class, excluded.arguments, excluded.aliases, excluded.dimension, excluded.compile_function, excluded.judge_function, excluded.description);
$$;
COMMENT ON FUNCTION dataplat_internal.register_expectation_kind(text, text, jsonb, text, text, text, text, text[]) IS 'make a kind of expectations known';
REVOKE ALL ON FUNCTION dataplat_internal.register_expectation_kind(text, text, jsonb, text, text, text, text, text[]) FROM PUBLIC;

-- For kinds over one column; "more" is what else they take.
CREATE OR REPLACE FUNCTION dataplat_internal.register_column_kind(kind text, dimension text, more jsonb, description text, aliases text[] DEFAULT '{}', class text DEFAULT 'row')
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.register_expectation_kind(kind, class, '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}}' || more, dimension,
        'dataplat_internal.' || kind, description, aliases => aliases);
$$;
COMMENT ON FUNCTION dataplat_internal.register_column_kind(text, text, jsonb, text, text[], text) IS 'make a row or group kind over one column known';

-- The word of a list that is most like a misspelt one (by pairs of letters).
CREATE OR REPLACE FUNCTION dataplat_internal.closest_word(word text, words text[])
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.candidate
      FROM (SELECT w AS candidate,
                   (SELECT 2.0 * count(*) FROM (SELECT substr(lower(w), i, 2) FROM generate_series(1, length(w) - 1) AS i
                                                INTERSECT ALL SELECT substr(lower(word), i, 2) FROM generate_series(1, length(word) - 1) AS i) AS common)
                   / greatest(length(w) + length(word) - 2, 1) AS likeness
              FROM unnest(words) AS w) AS c
     WHERE c.likeness >= 0.5
     ORDER BY c.likeness DESC, c.candidate LIMIT 1;
$$;
COMMENT ON FUNCTION dataplat_internal.closest_word(text, text[]) IS 'the word of a list that is most like another; NULL when none is like it';

-- A kind by its name, its name without expect_, or a name that dbt, Soda or
-- Deequ have for it.  Their packages' prefixes are left out.
CREATE OR REPLACE FUNCTION dataplat_internal.find_expectation_kind(written text)
RETURNS dataplat_internal.expectation_kind
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    k     dataplat_internal.expectation_kind;
    plain text := regexp_replace(coalesce(written, ''), '^(dbt_utils|dbt_expectations|great_expectations|dbt|soda|deequ)\.', '');
    snake text := ltrim(lower(regexp_replace(plain, '([A-Z]+)', '_\1', 'g')), '_');
    close text;
BEGIN
    -- its name, another name, or the end of its name
    SELECT * INTO k FROM dataplat_internal.expectation_kind AS x
     WHERE x.kind IN (plain, 'expect_' || plain, lower(plain), snake) OR x.aliases && ARRAY[plain, lower(plain), snake, regexp_replace(plain, '^expect_', '')]
        OR x.kind IN ('expect_column_' || snake, 'expect_column_values_to_' || snake, 'expect_table_' || snake)
     ORDER BY x.kind = plain DESC, x.kind = 'expect_' || plain DESC, x.aliases && ARRAY[plain, lower(plain), snake, regexp_replace(plain, '^expect_', '')] DESC, x.kind
     LIMIT 1;
    IF NOT FOUND THEN
        close := dataplat_internal.closest_word(plain, ARRAY(
            SELECT x.kind FROM dataplat_internal.expectation_kind AS x
             UNION SELECT a FROM dataplat_internal.expectation_kind AS x, unnest(x.aliases) AS a
             UNION SELECT a.alias FROM dataplat_internal.expectation_alias AS a));
        RAISE EXCEPTION 'unknown kind of expectation "%"', written
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('Kinds: %s.', (SELECT string_agg(x.kind, ', ' ORDER BY x.kind) FROM dataplat_internal.expectation_kind AS x)),
                  HINT = coalesce('Did you mean "' || close || '"?', 'See dataplat.expectation_kind for what each of them takes.');
    END IF;
    RETURN k;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.find_expectation_kind(text) IS 'a kind of expectations by any of its names; fails with the list of them';

-- ------------------------------------------------------------------ arguments

-- Is this JSON what an argument of that type may be?
CREATE OR REPLACE FUNCTION dataplat_internal.kwarg_fits(type text, value jsonb)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN type IN ('column', 'regex', 'sql', 'text', 'relation') THEN jsonb_typeof(value) = 'string' AND value <> '""'
        WHEN type = 'integer' THEN jsonb_typeof(value) = 'number' AND value::numeric = trunc(value::numeric)
        WHEN type = 'number' THEN jsonb_typeof(value) = 'number'
        WHEN type = 'boolean' THEN jsonb_typeof(value) = 'boolean'
        WHEN type = 'value' THEN jsonb_typeof(value) IN ('number', 'string', 'boolean')
        WHEN type = 'object' THEN jsonb_typeof(value) = 'object'
        WHEN type IN ('columns', 'texts', 'regexes') THEN jsonb_typeof(value) = 'array' AND value <> '[]'
             AND NOT EXISTS (SELECT FROM jsonb_array_elements(CASE jsonb_typeof(value) WHEN 'array' THEN value ELSE '[]' END) AS e
                              WHERE jsonb_typeof(e) <> 'string')
        WHEN type = 'values' THEN jsonb_typeof(value) = 'array'
        ELSE true END;
$$;
COMMENT ON FUNCTION dataplat_internal.kwarg_fits(text, jsonb) IS
    'is it what an argument of the type may be? column, columns, value, values, number, integer, boolean, text, texts, regex, regexes, sql, relation, object, any';

-- A regular expression that does not compile fails here.
CREATE OR REPLACE FUNCTION dataplat_internal.check_expectation_regex(argument text, regex text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM '' ~ regex;
EXCEPTION WHEN invalid_regular_expression THEN
    RAISE EXCEPTION 'invalid % "%"', argument, regex
        USING ERRCODE = 'invalid_parameter_value', DETAIL = SQLERRM || '.', HINT = 'Regular expressions are PostgreSQL''s.';
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_expectation_regex(text, text) IS 'fail on a regular expression that does not compile';

CREATE OR REPLACE FUNCTION dataplat_internal.raise_kwarg(k dataplat_internal.expectation_kind, message text, hint text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '%', message
        USING ERRCODE = 'invalid_parameter_value',
              DETAIL = format('%s takes %s.', k.kind, coalesce((
                  SELECT string_agg(format('%s (%s%s)', a.key, a.value ->> 'type', CASE WHEN (a.value ->> 'required')::boolean THEN ', required' ELSE '' END), ', '
                                    ORDER BY (a.value ->> 'required')::boolean DESC NULLS LAST, a.key)
                    FROM jsonb_each(k.arguments) AS a), 'no arguments')),
              HINT = coalesce(hint, 'See dataplat.expectation_kind.');
END;
$$;
COMMENT ON FUNCTION dataplat_internal.raise_kwarg(dataplat_internal.expectation_kind, text, text) IS 'fail, and say what a kind takes';

-- kwargs with their names as the kind has them, or an error that says what it
-- takes.  What only the table can tell (is there such a column?) is left for
-- the validation.
CREATE OR REPLACE FUNCTION dataplat_internal.check_kwargs(k dataplat_internal.expectation_kind, kwargs jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    given record;
    about jsonb;
    name  text;
    one   text;
    clean jsonb := '{}';
BEGIN
    IF jsonb_typeof(coalesce(kwargs, '{}')) <> 'object' THEN
        PERFORM dataplat_internal.raise_kwarg(k, 'kwargs must be a JSON object', NULL);
    END IF;
    FOR given IN SELECT * FROM jsonb_each(coalesce(kwargs, '{}')) AS e WHERE e.value <> 'null' LOOP
        name := given.key;
        IF NOT k.arguments ? name THEN
            SELECT a.key INTO name FROM jsonb_each(k.arguments) AS a WHERE a.value -> 'aliases' ? given.key;
        END IF;
        IF name IS NULL THEN
            PERFORM dataplat_internal.raise_kwarg(k, format('unknown argument "%s" of %s', given.key, k.kind),
                (SELECT format('Did you mean "%s"?', c)
                   FROM dataplat_internal.closest_word(given.key, ARRAY(SELECT jsonb_object_keys(k.arguments))) AS c WHERE c IS NOT NULL));
        END IF;
        about := k.arguments -> name;
        IF NOT dataplat_internal.kwarg_fits(about ->> 'type', given.value) THEN
            PERFORM dataplat_internal.raise_kwarg(k, format('invalid %s "%s"', name, given.value #>> '{}'), format('It must be of type %s.', about ->> 'type'));
        END IF;
        IF about ? 'choices' AND NOT about -> 'choices' @> given.value THEN
            PERFORM dataplat_internal.raise_kwarg(k, format('invalid %s "%s"', name, given.value #>> '{}'),
                format('One of: %s.', (SELECT string_agg(c, ', ') FROM jsonb_array_elements_text(about -> 'choices') AS c)));
        END IF;
        IF (about ? 'min' AND given.value::numeric < (about ->> 'min')::numeric) OR (about ? 'max' AND given.value::numeric > (about ->> 'max')::numeric) THEN
            PERFORM dataplat_internal.raise_kwarg(k, format('%s is out of range: %s', name, given.value),
                format('It is between %s and %s.', coalesce(about ->> 'min', '-infinity'), coalesce(about ->> 'max', 'infinity')));
        END IF;
        IF about ->> 'type' IN ('regex', 'regexes') THEN
            FOR one IN SELECT r FROM jsonb_array_elements_text(CASE jsonb_typeof(given.value) WHEN 'array' THEN given.value ELSE jsonb_build_array(given.value) END) AS r LOOP
                PERFORM dataplat_internal.check_expectation_regex(name, one);
            END LOOP;
        END IF;
        clean := clean || jsonb_build_object(name, given.value);
    END LOOP;
    SELECT a.key INTO name FROM jsonb_each(k.arguments) AS a WHERE (a.value ->> 'required')::boolean AND NOT clean ? a.key ORDER BY a.key LIMIT 1;
    IF FOUND THEN
        PERFORM dataplat_internal.raise_kwarg(k, format('%s needs "%s"', k.kind, name), NULL);
    END IF;
    PERFORM dataplat_internal.check_kwarg_bounds(k, clean);
    RETURN clean;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_kwargs(dataplat_internal.expectation_kind, jsonb) IS 'kwargs under the names that the kind has for them; fails on what it does not take';

-- min_value above max_value, or neither.
CREATE OR REPLACE FUNCTION dataplat_internal.check_kwarg_bounds(k dataplat_internal.expectation_kind, kwargs jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    low  jsonb := kwargs -> 'min_value';
    high jsonb := kwargs -> 'max_value';
BEGIN
    IF NOT (k.arguments ? 'min_value' AND k.arguments ? 'max_value') THEN
        RETURN;
    END IF;
    IF low IS NULL AND high IS NULL AND NOT coalesce((k.arguments #>> '{min_value,unbounded}')::boolean, false) THEN
        PERFORM dataplat_internal.raise_kwarg(k, format('%s needs "min_value" or "max_value"', k.kind), NULL);
    END IF;
    IF (jsonb_typeof(low) = 'number' AND jsonb_typeof(high) = 'number' AND low::numeric > high::numeric)
       OR (jsonb_typeof(low) = 'string' AND jsonb_typeof(high) = 'string' AND (low #>> '{}') ~ '^\d{4}-\d\d-\d\d' AND (high #>> '{}') ~ '^\d{4}-\d\d-\d\d'
           AND (low #>> '{}') COLLATE "C" > (high #>> '{}') COLLATE "C") THEN
        PERFORM dataplat_internal.raise_kwarg(k, format('min_value %s is more than max_value %s', low #>> '{}', high #>> '{}'), NULL);
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_kwarg_bounds(dataplat_internal.expectation_kind, jsonb) IS 'fail on bounds that nothing can be between';

-- ------------------------------------------------------------------ for compile functions

-- Name of a relation as definitions hold it.
CREATE OR REPLACE FUNCTION dataplat_internal.dataset_name(dataset regclass)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = dataset; $$;
COMMENT ON FUNCTION dataplat_internal.dataset_name(regclass) IS 'schema-qualified name of a relation, quoted where needed';

-- A column by its name, exactly as it is written in the catalog.
CREATE OR REPLACE FUNCTION dataplat_internal.expectation_column(dataset regclass, name text, OUT quoted text, OUT type regtype, OUT category "char")
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT quote_ident(a.attname), coalesce(NULLIF(t.typbasetype, 0), t.oid)::regtype, t.typcategory INTO quoted, type, category
      FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
     WHERE a.attrelid = dataset AND a.attname = expectation_column.name AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'column "%" of "%" does not exist', name, dataset
            USING ERRCODE = 'undefined_column',
                  HINT = coalesce((SELECT format('Did you mean "%s"?', c) FROM dataplat_internal.closest_word(expectation_column.name, ARRAY(
                              SELECT a.attname::text FROM pg_attribute AS a WHERE a.attrelid = dataset AND a.attnum > 0 AND NOT a.attisdropped)) AS c WHERE c IS NOT NULL), 'See its columns with \d.');
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.expectation_column(regclass, text) IS 'a column for SQL: its quoted name, type (of a domain: what it is over) and category of type';

-- A value of kwargs as a constant to compare with a column of this type.
CREATE OR REPLACE FUNCTION dataplat_internal.expectation_literal(value jsonb, type regtype)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN value IS NULL OR value = 'null' THEN 'NULL'
        -- comparisons of integers with integers are the cheap ones
        WHEN jsonb_typeof(value) = 'number' AND type IN ('int2'::regtype, 'int4', 'int8') AND value #>> '{}' ~ '^-?\d{1,18}$' THEN format('(%s)', value #>> '{}')
        WHEN jsonb_typeof(value) = 'number' AND type IN ('int2'::regtype, 'int4', 'int8', 'numeric') THEN format('%L::numeric', value #>> '{}')
        WHEN jsonb_typeof(value) = 'number' AND type IN ('float4'::regtype, 'float8') THEN format('%L::float8', value #>> '{}')
        ELSE quote_literal(value #>> '{}') END;
$$;
COMMENT ON FUNCTION dataplat_internal.expectation_literal(jsonb, regtype) IS 'a value of kwargs as a constant beside a column of this type';

CREATE OR REPLACE FUNCTION dataplat_internal.row_plan(columns text[], element text, ignored text, expected text)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT ROW(columns, element, ignored, expected, NULL::jsonb, NULL::text)::dataplat_internal.expectation_plan; $$;
COMMENT ON FUNCTION dataplat_internal.row_plan(text[], text, text, text) IS 'plan of a row or group expectation';

-- ------------------------------------------------------------------ what users see

CREATE OR REPLACE VIEW dataplat.expectation_kind AS
SELECT k.kind, k.class, k.dimension, k.arguments,
       ARRAY(SELECT u.a FROM unnest(k.aliases) AS u (a) UNION SELECT a.alias FROM dataplat_internal.expectation_alias AS a WHERE a.kind = k.kind ORDER BY 1) AS aliases, k.description
  FROM dataplat_internal.expectation_kind AS k;
COMMENT ON VIEW dataplat.expectation_kind IS 'kinds of expectations: what dataplat.add_expectation() takes, and their names elsewhere';
