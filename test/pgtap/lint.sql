-- The rules of the house for what the extension puts into a database.
BEGIN;
SELECT plan(7);

CREATE TEMP VIEW member AS
SELECT d.classid, d.objid, i.type, i.identity
  FROM pg_catalog.pg_depend AS d
  JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'dataplat'
 CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classid, d.objid, 0) AS i
 WHERE d.refclassid = 'pg_catalog.pg_extension'::regclass
   AND d.deptype = 'e';

-- Sequences of identity columns and types of rows and arrays are parts of
-- something that has its comment.
SELECT is_empty($$
    SELECT m.type, m.identity
      FROM member AS m
     WHERE pg_catalog.obj_description(m.objid, (SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.oid = m.classid)) IS NULL
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c
                        WHERE m.classid = 'pg_catalog.pg_class'::regclass AND c.oid = m.objid AND c.relkind IN ('S', 'i'))
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_type AS t
                        WHERE m.classid = 'pg_catalog.pg_type'::regclass AND t.oid = m.objid
                          AND (t.typrelid <> 0 OR t.typelem <> 0))
       AND m.type NOT IN ('rule', 'default value', 'table constraint', 'trigger')
     ORDER BY 1, 2
$$, 'every object has a COMMENT');

CREATE TEMP VIEW member_function AS
SELECT p.*, p.oid::pg_catalog.regprocedure AS signature, n.nspname
  FROM member AS m
  JOIN pg_catalog.pg_proc AS p ON m.classid = 'pg_catalog.pg_proc'::regclass AND p.oid = m.objid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace;

-- But for functions in C that run once a row and look nothing up by name: the setting costs 30 times what they do;
-- and for those that read their caller's statements as he would write them.
SELECT is_empty($$
    SELECT f.signature FROM member_function AS f
     WHERE NOT EXISTS (SELECT FROM pg_catalog.unnest(f.proconfig) AS c WHERE c = 'search_path=pg_catalog, pg_temp')
       AND f.prokind <> 'a'
       AND NOT (f.prolang = (SELECT l.oid FROM pg_catalog.pg_language AS l WHERE l.lanname = 'c')
                AND (f.prorettype IN ('pg_catalog.fdw_handler'::regtype, 'pg_catalog.trigger'::regtype) OR f.oid IN ('dataplat.column_lineage(text, boolean)'::regprocedure, 'dataplat_internal.query_rows(text)'::regprocedure)
                     OR f.provolatile = 'i' AND f.proname IN ('tumble', 'tumble_end', 'tumble_range', 'hop', 'hop_range', 'session_start', 'session_end', 'session_range',
                                                              'column_state_add', 'column_state_add_state', 'column_state_combine', 'column_state_serialize',
                                                              'column_state_deserialize', 'column_state_final', 'is_json', 'is_credit_card', 'plain_match', 'may_repeat_add',
                                                              'may_repeat_combine', 'may_repeat_write', 'may_repeat_read', 'may_repeat_tell', 'json_field')))
     ORDER BY 1
$$, 'every function sets search_path to pg_catalog, pg_temp');

-- USAGE on the schema is the first fence; this is the second.
SELECT is_empty($$
    SELECT f.signature FROM member_function AS f
     WHERE f.nspname = 'dataplat_internal'
       AND f.provolatile = 'v'
       AND f.prorettype NOT IN ('pg_catalog.trigger'::regtype, 'pg_catalog.event_trigger'::regtype)
       AND pg_catalog.has_function_privilege('public', f.oid, 'EXECUTE')
     ORDER BY 1
$$, 'no internal function that may change something is open to PUBLIC');

-- What anybody may call: these read what the caller may see, or ask for
-- USAGE on the server first.
SELECT is_empty($$
    SELECT f.signature FROM member_function AS f
     WHERE pg_catalog.has_function_privilege('public', f.oid, 'EXECUTE')
       AND f.nspname = 'dataplat'
       AND f.provolatile = 'v'
       AND f.proname NOT IN ('version', 'wait_for_source',
                             'test_connection', 'ingest_once', 'test_source', 'peek_topic', 'produce', 'produce_many')
     ORDER BY 1
$$, 'no function that may change something is open to PUBLIC');

-- Rights of the owner in anybody's hands: none but what is named here.
SELECT is_empty($$
    SELECT f.signature FROM member_function AS f
     WHERE f.prosecdef
       AND pg_catalog.has_function_privilege('public', f.oid, 'EXECUTE')
     ORDER BY 1
$$, 'no SECURITY DEFINER function is open to PUBLIC');

SELECT is_empty($$
    SELECT m.identity FROM member AS m
      JOIN pg_catalog.pg_class AS c ON m.classid = 'pg_catalog.pg_class'::regclass AND c.oid = m.objid
      JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = 'dataplat_internal'
       AND EXISTS (SELECT FROM pg_catalog.aclexplode(c.relacl) AS a WHERE a.grantee = 0)
     ORDER BY 1
$$, 'PUBLIC has no right on an internal relation');

SELECT is_empty($$
    SELECT m.type, m.identity FROM member AS m
      LEFT JOIN pg_catalog.pg_class AS c ON m.classid = 'pg_catalog.pg_class'::regclass AND c.oid = m.objid
      LEFT JOIN pg_catalog.pg_proc AS p ON m.classid = 'pg_catalog.pg_proc'::regclass AND p.oid = m.objid
      JOIN pg_catalog.pg_namespace AS n ON n.oid = COALESCE(c.relnamespace, p.pronamespace)
     WHERE n.nspname NOT IN ('dataplat', 'dataplat_internal')
     ORDER BY 1, 2
$$, 'everything is in schema dataplat or dataplat_internal');

SELECT * FROM finish();
ROLLBACK;
