-- docs/reference.md, from the comments of what the extension has put into this
-- database.  Run by psql -XAtq on a server that has the library preloaded.
\pset tuples_only on
\pset format unaligned
SET client_min_messages = warning;
SET search_path = pg_catalog;

\echo '# Reference'
\echo
\echo 'Everything in schema `dataplat`, made by `make reference` from the comments in the database: `\\df+ dataplat.*`, `\\d+` and'
\echo '`pg_settings` show the same. [ingest.md](ingest.md) and [connections.md](connections.md) tell how to use it.'

CREATE TEMP VIEW member AS
SELECT d.classid, d.objid
  FROM pg_depend AS d
  JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'dataplat'
 WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e';

-- | in a cell would end it.
CREATE FUNCTION pg_temp.cell(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT replace(replace(coalesce($1, ''), '|', '\|'), E'\n', ' ')
$$;

-- Unless it is short, one argument a line.
CREATE FUNCTION pg_temp.signature(p oid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN length(s.one_line) <= 110 THEN s.one_line
                ELSE s.name || E'(\n    ' || regexp_replace(s.arguments, ', (?=(OUT )?[a-z_]+ [a-z])', E',\n    ', 'g') || E')\n  RETURNS ' || s.result END
      FROM (SELECT f.proname AS name, a.arguments, pg_get_function_result(f.oid) AS result,
                   format('%s(%s) RETURNS %s', f.proname, a.arguments, pg_get_function_result(f.oid)) AS one_line
              FROM pg_proc AS f,
                   regexp_replace(pg_get_function_arguments(f.oid), $r$(DEFAULT (NULL|'[^']*'))::[a-z ]+(\[\])?$r$, '\1', 'g') AS a (arguments)
             WHERE f.oid = p) AS s
$$;

CREATE FUNCTION pg_temp.time_text(t interval) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN s >= 86400 AND s % 86400 = 0 THEN s / 86400 || ' d' WHEN s >= 60 AND s % 60 = 0 THEN s / 60 || ' min'
                WHEN s >= 1 THEN s || ' s' ELSE extract(milliseconds FROM t)::int || ' ms' END
      FROM CAST(floor(extract(epoch FROM t)) AS bigint) AS s
$$;

\echo
\echo '## Functions'
\echo
\echo 'Those marked * may be called by everybody; they ask for the rights on the server or source themselves. The others need EXECUTE,'
\echo 'which `dataplat.setup_roles()` grants to its roles.'

SELECT E'\n### ' || f.name || E'\n' || string_agg(E'\n```\n' || pg_temp.signature(f.oid) || E'\n```\n' ||
           CASE WHEN f.comment IS DISTINCT FROM f.next_comment
                THEN E'\n' || upper(left(f.comment, 1)) || substr(f.comment, 2) || CASE WHEN f.open THEN '. *' ELSE '.' END ELSE '' END, '' ORDER BY f.arguments)
  FROM (SELECT p.oid, p.proname AS name, pg_get_function_identity_arguments(p.oid) AS arguments, obj_description(p.oid, 'pg_proc') AS comment,
               lead(obj_description(p.oid, 'pg_proc')) OVER (PARTITION BY p.proname ORDER BY pg_get_function_identity_arguments(p.oid)) AS next_comment,
               has_function_privilege('public', p.oid, 'EXECUTE') AS open
          FROM member AS m
          JOIN pg_proc AS p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
         WHERE p.pronamespace = 'dataplat'::regnamespace) AS f
 GROUP BY f.name
 ORDER BY f.name COLLATE "C";

CREATE TEMP VIEW relation AS
SELECT c.oid, c.relname AS name, c.relkind AS kind, obj_description(c.oid, 'pg_class') AS comment
  FROM member AS m
  JOIN pg_class AS c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
 WHERE c.relnamespace = 'dataplat'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p');

CREATE FUNCTION pg_temp.show_relations(kinds "char"[]) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT format(E'\n### %s\n\n%s%s.\n\n| column | type | |\n|---|---|---|\n', r.name, upper(left(r.comment, 1)), substr(r.comment, 2)) ||
           (SELECT string_agg(format('| `%s` | %s | %s |', a.attname, format_type(a.atttypid, a.atttypmod), pg_temp.cell(col_description(r.oid, a.attnum))), E'\n'
                              ORDER BY a.attnum)
              FROM pg_attribute AS a WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped)
      FROM pg_temp.relation AS r WHERE r.kind = ANY (kinds)
     ORDER BY r.name COLLATE "C"
$$;

\echo '## Views'
SELECT pg_temp.show_relations('{v,m}');

\echo
\echo '## Tables'
\echo
\echo 'Written by the functions above and by the workers; read them, and leave writing to those.'
SELECT pg_temp.show_relations('{r,p}');

\echo
\echo '## Kinds of expectations'
\echo
\echo 'What `dataplat.expectation_kind` lists; [quality.md](quality.md) tells how to use them. Required arguments are bold; the name without `expect_` will'
\echo 'do. *Bounds* are `min_value`, `max_value`, `strict_min`, `strict_max`, or Soda''s `must_be`, `must_not_be`, `must_be_greater_than`,'
\echo '`must_be_greater_than_or_equal`, `must_be_less_than`, `must_be_less_than_or_equal`, `must_be_between`, `must_not_be_between`, or ODCS''s `mustBe` and so on.'
\echo
\echo '| kind | class | arguments | other names | |'
\echo '|---|---|---|---|---|'
SELECT format('| `%s` | %s | %s | %s | %s |', k.kind, k.class,
              concat_ws(', ',
                  (SELECT string_agg(CASE WHEN (a.value ->> 'required')::boolean THEN format('**`%s`**', a.key) ELSE format('`%s`', a.key) END, ', '
                                     ORDER BY (a.value ->> 'required')::boolean DESC NULLS LAST, a.key COLLATE "C")
                     FROM jsonb_each(k.arguments) AS a
                    WHERE NOT (k.arguments ? 'must_be' AND a.key ~ '^(must_|(min|max)_value$|strict_)')),
                  CASE WHEN k.arguments ? 'must_be' THEN 'bounds' END),
              (SELECT string_agg(format('`%s`', a), ', ' ORDER BY a COLLATE "C") FROM unnest(k.aliases) AS a),
              pg_temp.cell(k.description))
  FROM dataplat.expectation_kind AS k
 ORDER BY k.kind COLLATE "C";

\echo
\echo '## Foreign-data wrappers'
\echo
\echo '| wrapper | |'
\echo '|---|---|'
SELECT format('| `%s` | %s |', w.fdwname, pg_temp.cell(obj_description(w.oid, 'pg_foreign_data_wrapper')))
  FROM member AS m
  JOIN pg_foreign_data_wrapper AS w ON m.classid = 'pg_foreign_data_wrapper'::regclass AND w.oid = m.objid
 ORDER BY w.fdwname COLLATE "C";

\echo
\echo '## Settings'
\echo
\echo 'Where they take effect: *restart* of the server, or *reload* (`ALTER SYSTEM SET ...; SELECT pg_reload_conf();`). When to change them is in'
\echo '[operations.md](operations.md) and [security.md](security.md).'
\echo
\echo '| setting | default | takes effect | |'
\echo '|---|---|---|---|'
SELECT format('| `%s` | %s | %s | %s |', s.name,
              CASE WHEN s.boot_val = '' THEN 'empty'
                   WHEN s.unit IN ('B', 'kB', '8kB', 'MB') THEN pg_size_pretty(s.boot_val::bigint * CASE s.unit WHEN 'kB' THEN 1024 WHEN '8kB' THEN 8192 WHEN 'MB' THEN 1048576 ELSE 1 END)
                   WHEN s.unit IN ('ms', 's', 'min', 'd') THEN pg_temp.time_text((s.boot_val || s.unit)::interval)
                   ELSE concat_ws(' ', s.boot_val, s.unit) END,
              CASE s.context WHEN 'postmaster' THEN 'restart' WHEN 'sighup' THEN 'reload' ELSE 'at once' END,
              pg_temp.cell(concat_ws(' ', s.short_desc, s.extra_desc)))
  FROM pg_settings AS s
 WHERE s.name LIKE 'dataplat.%'
 ORDER BY s.name COLLATE "C";
