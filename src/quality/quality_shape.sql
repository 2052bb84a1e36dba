-- quality: kinds that judge which columns a dataset has.

-- The columns of a dataset as it is now: [[name, type], ...].  Needs no right on
-- it, and none of its rows.
CREATE OR REPLACE FUNCTION dataplat_internal.shape_plan(dataset regclass)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.query_plan('{}', format(
               'SELECT jsonb_build_object(''columns'', coalesce(jsonb_agg(jsonb_build_array(a.attname, format_type(a.atttypid, a.atttypmod), a.atttypid::bigint) ORDER BY a.attnum), ''[]''))'
               '  FROM pg_attribute AS a WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped', $1::oid));
$$;
COMMENT ON FUNCTION dataplat_internal.shape_plan(regclass) IS 'plan of kinds that judge the columns of a dataset';

-- Names of measured columns, in their order.
CREATE OR REPLACE FUNCTION dataplat_internal.measured_columns(measured jsonb)
RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(c ->> 0 ORDER BY n), '{}') FROM jsonb_array_elements($1 -> 'columns') WITH ORDINALITY AS e (c, n);
$$;
COMMENT ON FUNCTION dataplat_internal.measured_columns(jsonb) IS 'names of measured columns, in their order';

-- As Great Expectations does it, upper and lower case are the same unless a name
-- is in double quotes.
CREATE OR REPLACE FUNCTION dataplat_internal.names_column(word text, column_name text)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT $1 = '"' || $2 || '"' OR lower($1) = lower($2); $$;
COMMENT ON FUNCTION dataplat_internal.names_column(text, text) IS 'does a word of kwargs name this column?';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_to_exist(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.shape_plan($1);
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_to_exist(regclass, jsonb) IS 'compile expect_column_to_exist';

SELECT dataplat_internal.register_expectation_kind('expect_column_to_exist', 'query',
    '{"column": {"type": "text", "required": true, "aliases": ["column_name"]}, "column_index": {"type": "integer", "min": 0}}',
    'conformity', 'dataplat_internal.expect_column_to_exist',
    'there is such a column; with column_index, at this place (the first is 0)',
    'dataplat_internal.judge_column_to_exist', '{column_to_exist,has_column,hasColumn}');

CREATE OR REPLACE FUNCTION dataplat_internal.judge_column_to_exist(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('success', EXISTS (SELECT FROM unnest(c.names) WITH ORDINALITY AS u (f, place)
                                                   WHERE dataplat_internal.names_column($1 ->> 'column', f) AND place = coalesce(($1 ->> 'column_index')::int + 1, place)))
      FROM (SELECT dataplat_internal.measured_columns($2)) AS c (names);
$$;
COMMENT ON FUNCTION dataplat_internal.judge_column_to_exist(jsonb, jsonb, bigint) IS 'judge: there is a column';

CREATE OR REPLACE FUNCTION dataplat_internal.judge_columns_match_set(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('success', m.missing = '{}' AND (m.unexpected = '{}' OR NOT coalesce(($1 ->> 'exact_match')::boolean, true)),
                              'observed_value', to_jsonb(m.found),
                              'details', CASE WHEN m.missing <> '{}' OR m.unexpected <> '{}' THEN jsonb_build_object('mismatched',
                                  CASE WHEN m.unexpected <> '{}' THEN jsonb_build_object('unexpected', m.unexpected) ELSE '{}' END
                                  || CASE WHEN m.missing <> '{}' THEN jsonb_build_object('missing', m.missing) ELSE '{}' END) END)
      FROM (SELECT ARRAY(SELECT f FROM unnest(n.names) AS f ORDER BY f COLLATE "C"),
                   ARRAY(SELECT f FROM unnest(n.names) AS f
                          WHERE NOT EXISTS (SELECT FROM jsonb_array_elements_text($1 -> 'column_set') AS w WHERE dataplat_internal.names_column(w, f))
                          ORDER BY f COLLATE "C"),
                   ARRAY(SELECT DISTINCT w COLLATE "C" FROM jsonb_array_elements_text($1 -> 'column_set') AS w
                          WHERE NOT EXISTS (SELECT FROM unnest(n.names) AS f
                                             WHERE dataplat_internal.names_column(w, f) AND (w LIKE '"%"' OR NOT $1 -> 'column_set' ? ('"' || f || '"')))
                          ORDER BY 1)
              FROM (SELECT dataplat_internal.measured_columns($2)) AS n (names)) AS m (found, unexpected, missing);
$$;
COMMENT ON FUNCTION dataplat_internal.judge_columns_match_set(jsonb, jsonb, bigint) IS 'judge: the columns are those of a set';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_table_columns_to_match_set(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.shape_plan($1);
$$;
COMMENT ON FUNCTION dataplat_internal.expect_table_columns_to_match_set(regclass, jsonb) IS 'compile expect_table_columns_to_match_set';

SELECT dataplat_internal.register_expectation_kind('expect_table_columns_to_match_set', 'query',
    '{"column_set": {"type": "texts", "required": true, "aliases": ["column_list", "columns"]}, "exact_match": {"type": "boolean"}}',
    'conformity', 'dataplat_internal.expect_table_columns_to_match_set',
    'the columns are those of a set; without exact_match there may be others',
    'dataplat_internal.judge_columns_match_set', '{table_columns_to_match_set}');

CREATE OR REPLACE FUNCTION dataplat_internal.judge_columns_match_list(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('success', m.alike, 'observed_value', to_jsonb(m.names))
           || CASE WHEN m.alike THEN '{}' ELSE jsonb_build_object('details', jsonb_build_object('mismatched', m.mismatched)) END
      FROM (SELECT c.names, d.alike, d.mismatched
              FROM (SELECT dataplat_internal.measured_columns($2)) AS c (names)
             CROSS JOIN LATERAL (
                   SELECT bool_and(coalesce(dataplat_internal.names_column(w.name, f.name), false)),
                          jsonb_agg(jsonb_build_object('Expected Column Position', coalesce(w.n, f.n) - 1, 'Expected', w.name, 'Found', f.name) ORDER BY coalesce(w.n, f.n))
                              FILTER (WHERE w.name IS DISTINCT FROM f.name)
                     FROM jsonb_array_elements_text($1 -> 'column_list') WITH ORDINALITY AS w (name, n)
                     FULL JOIN unnest(c.names) WITH ORDINALITY AS f (name, n) ON f.n = w.n) AS d (alike, mismatched)) AS m (names, alike, mismatched);
$$;
COMMENT ON FUNCTION dataplat_internal.judge_columns_match_list(jsonb, jsonb, bigint) IS 'judge: the columns are those of a list';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_table_columns_to_match_ordered_list(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.shape_plan($1);
$$;
COMMENT ON FUNCTION dataplat_internal.expect_table_columns_to_match_ordered_list(regclass, jsonb) IS 'compile expect_table_columns_to_match_ordered_list';

SELECT dataplat_internal.register_expectation_kind('expect_table_columns_to_match_ordered_list', 'query',
    '{"column_list": {"type": "texts", "required": true, "aliases": ["columns"]}}',
    'conformity', 'dataplat_internal.expect_table_columns_to_match_ordered_list',
    'the columns are those of a list, in its order',
    'dataplat_internal.judge_columns_match_list', '{table_columns_to_match_ordered_list}');

CREATE OR REPLACE FUNCTION dataplat_internal.judge_column_count(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.judged(CASE WHEN $1 ? 'value' THEN jsonb_build_object('must_be', $1 -> 'value') ELSE $1 END, to_jsonb(jsonb_array_length($2 -> 'columns')));
$$;
COMMENT ON FUNCTION dataplat_internal.judge_column_count(jsonb, jsonb, bigint) IS 'judge of the number of columns';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_table_column_count_to_equal(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.shape_plan($1);
$$;
COMMENT ON FUNCTION dataplat_internal.expect_table_column_count_to_equal(regclass, jsonb) IS 'compile expect_table_column_count_to_equal';

SELECT dataplat_internal.register_expectation_kind('expect_table_column_count_to_equal', 'query',
    '{"value": {"type": "integer", "required": true, "min": 0}}',
    'conformity', 'dataplat_internal.expect_table_column_count_to_equal',
    'there are so many columns',
    'dataplat_internal.judge_column_count', '{column_count_to_equal,has_column_count,hasColumnCount}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_table_column_count_to_be_between(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.shape_plan($1);
$$;
COMMENT ON FUNCTION dataplat_internal.expect_table_column_count_to_be_between(regclass, jsonb) IS 'compile expect_table_column_count_to_be_between';

SELECT dataplat_internal.register_expectation_kind('expect_table_column_count_to_be_between', 'query',
    '{}'::jsonb || dataplat_internal.bounds_arguments(),
    'conformity', 'dataplat_internal.expect_table_column_count_to_be_between',
    'the number of columns is between bounds',
    'dataplat_internal.judge_column_count', '{column_count_to_be_between,column_count}');

-- Soda's schema check: columns that must be there, that must not, types, places.
-- In names of forbidden columns * and % stand for anything.
CREATE OR REPLACE FUNCTION dataplat_internal.judge_schema(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names       text[] := dataplat_internal.measured_columns(measured);
    missing     jsonb;
    forbidden   jsonb;
    extra       jsonb;
    wrong_type  jsonb;
    wrong_index jsonb;
BEGIN
    SELECT coalesce(jsonb_agg(r ORDER BY n), '[]')
      INTO missing
      FROM jsonb_array_elements_text(coalesce(kwargs -> 'required', '[]')) WITH ORDINALITY AS e (r, n)
     WHERE r <> ALL (names);
    SELECT coalesce(jsonb_agg(DISTINCT c), '[]')
      INTO forbidden
      FROM jsonb_array_elements_text(coalesce(kwargs -> 'forbidden', '[]')) AS f, unnest(names) AS c
     WHERE c LIKE replace(replace(replace(f, '\\', '\\\\'), '_', '\\_'), '*', '%');
    SELECT coalesce(jsonb_object_agg(t.key, jsonb_build_object('expected', t.value, 'found', measured #> ARRAY['columns', (f.place - 1)::text, '1'])), '{}')
      INTO wrong_type
      FROM jsonb_each_text(coalesce(kwargs -> 'types', '{}')) AS t
      LEFT JOIN unnest(names) WITH ORDINALITY AS f (name, place) ON f.name = t.key
     WHERE f.name IS NULL
        OR NOT dataplat_internal.is_type_name(t.value, measured #>> ARRAY['columns', (f.place - 1)::text, '1'], (measured #>> ARRAY['columns', (f.place - 1)::text, '2'])::oid);
    SELECT coalesce(jsonb_object_agg(i.key, jsonb_build_object('expected', i.value::int, 'found', f.place - 1)), '{}')
      INTO wrong_index
      FROM jsonb_each_text(coalesce(kwargs -> 'indexes', '{}')) AS i
      LEFT JOIN unnest(names) WITH ORDINALITY AS f (name, place) ON f.name = i.key
     WHERE f.place - 1 IS DISTINCT FROM i.value::int;
    SELECT coalesce(jsonb_agg(c ORDER BY n), '[]')
      INTO extra
      FROM unnest(names) WITH ORDINALITY AS u (c, n)
     WHERE NOT coalesce((kwargs ->> 'allow_extra_columns')::boolean, true)
       AND NOT coalesce(kwargs -> 'required', '[]') ? c AND NOT coalesce(kwargs -> 'types', '{}') ? c AND NOT coalesce(kwargs -> 'indexes', '{}') ? c;
    RETURN jsonb_build_object('success', missing = '[]' AND forbidden = '[]' AND extra = '[]' AND wrong_type = '{}' AND wrong_index = '{}',
        'observed_value', to_jsonb(names),
        'details', jsonb_build_object('missing', missing, 'forbidden', forbidden, 'extra', extra, 'wrong_type', wrong_type, 'wrong_index', wrong_index));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.judge_schema(jsonb, jsonb, bigint) IS 'judge of columns that must or must not be there, their types and places';

-- A type as Great Expectations has it: VARCHAR(40), NUMERIC(10, 2), DOUBLE PRECISION.
CREATE OR REPLACE FUNCTION dataplat_internal.expected_type_name(formatted text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN $1 LIKE '%.%' OR $1 LIKE '"%' THEN $1
                ELSE upper(regexp_replace(regexp_replace(replace(replace(replace($1, 'character varying', 'varchar'), 'character(', 'char('), ',', ', '), '^character$', 'char'), '^bpchar$', 'char')) END;
$$;
COMMENT ON FUNCTION dataplat_internal.expected_type_name(text) IS 'a type as Great Expectations has it, from format_type()';

-- Does a word name a type?  In any way that PostgreSQL knows it by.
CREATE OR REPLACE FUNCTION dataplat_internal.is_type_name(name text, formatted text, type oid)
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN lower(name) IN (lower(formatted), lower(dataplat_internal.expected_type_name(formatted)))
        OR coalesce(to_regtype(name) = type AND name !~ '[(]', false);
EXCEPTION WHEN syntax_error OR undefined_object OR invalid_parameter_value THEN
    RETURN false;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.is_type_name(text, text, oid) IS 'does a word name a type?';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_table_schema_to_match(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.shape_plan($1);
$$;
COMMENT ON FUNCTION dataplat_internal.expect_table_schema_to_match(regclass, jsonb) IS 'compile expect_table_schema_to_match';

SELECT dataplat_internal.register_expectation_kind('expect_table_schema_to_match', 'query',
    '{"required": {"type": "texts", "aliases": ["when_required_column_missing"]}, "forbidden": {"type": "texts", "aliases": ["when_forbidden_column_present"]}, "types": {"type": "object", "aliases": ["when_wrong_column_type"]}, "indexes": {"type": "object", "aliases": ["when_wrong_column_index"]}, "allow_extra_columns": {"type": "boolean"}}',
    'conformity', 'dataplat_internal.expect_table_schema_to_match',
    'columns are there, or not, have types, stand at places (the first is 0); others may be there unless allow_extra_columns is false',
    'dataplat_internal.judge_schema', '{schema}');

CREATE OR REPLACE FUNCTION dataplat_internal.judge_column_type(kwargs jsonb, measured jsonb, element_count bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('success', EXISTS (SELECT FROM jsonb_array_elements_text(coalesce($1 -> 'type_list', jsonb_build_array($1 -> 'type_'))) AS w
                                                   WHERE lower(w) IN (lower($2 ->> 'type'), lower(dataplat_internal.expected_type_name($2 ->> 'type')))),
                              'observed_value', dataplat_internal.expected_type_name($2 ->> 'type'));
$$;
COMMENT ON FUNCTION dataplat_internal.judge_column_type(jsonb, jsonb, bigint) IS 'judge of the type of a column';

-- A column that is not there is an error here, not a failure.
CREATE OR REPLACE FUNCTION dataplat_internal.type_plan(dataset regclass, column_name text)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.query_plan(ARRAY[$2], format('SELECT jsonb_build_object(''type'', %L)', format_type(a.atttypid, a.atttypmod)))
      FROM dataplat_internal.expectation_column($1, $2) AS c
      JOIN pg_attribute AS a ON a.attrelid = $1 AND a.attname = $2;
$$;
COMMENT ON FUNCTION dataplat_internal.type_plan(regclass, text) IS 'plan of kinds that judge the type of a column';

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_type_to_be(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.type_plan($1, $2 ->> 'column');
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_type_to_be(regclass, jsonb) IS 'compile expect_column_type_to_be';

SELECT dataplat_internal.register_expectation_kind('expect_column_type_to_be', 'query',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "type_": {"type": "text", "required": true, "aliases": ["type", "column_type"]}}',
    'conformity', 'dataplat_internal.expect_column_type_to_be',
    'a column has a type, with its length or precision: BIGINT, VARCHAR(40)',
    'dataplat_internal.judge_column_type', '{column_type_to_be}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_be_of_type(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.type_plan($1, $2 ->> 'column');
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_be_of_type(regclass, jsonb) IS 'compile expect_column_values_to_be_of_type';

SELECT dataplat_internal.register_expectation_kind('expect_column_values_to_be_of_type', 'query',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "type_": {"type": "text", "required": true, "aliases": ["type", "column_type"]}}',
    'conformity', 'dataplat_internal.expect_column_values_to_be_of_type',
    'a column has a type, with its length or precision: BIGINT, VARCHAR(40)',
    'dataplat_internal.judge_column_type', '{of_type,values_to_be_of_type}');

CREATE OR REPLACE FUNCTION dataplat_internal.expect_column_values_to_be_in_type_list(dataset regclass, kwargs jsonb)
RETURNS dataplat_internal.expectation_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat_internal.type_plan($1, $2 ->> 'column');
$$;
COMMENT ON FUNCTION dataplat_internal.expect_column_values_to_be_in_type_list(regclass, jsonb) IS 'compile expect_column_values_to_be_in_type_list';

SELECT dataplat_internal.register_expectation_kind('expect_column_values_to_be_in_type_list', 'query',
    '{"column": {"type": "column", "required": true, "aliases": ["column_name"]}, "type_list": {"type": "texts", "required": true, "aliases": ["column_type_list"]}}',
    'conformity', 'dataplat_internal.expect_column_values_to_be_in_type_list',
    'a column has one of these types, with its length or precision: BIGINT, VARCHAR(40)',
    'dataplat_internal.judge_column_type', '{in_type_list,values_to_be_in_type_list}');
