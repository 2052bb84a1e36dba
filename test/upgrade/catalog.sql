-- What the extension has put into this database, one line for each fact, so
-- that two ways of installing it can be compared.  The order of columns is
-- left out: an upgrade can only add at the end.
WITH member AS (
    SELECT d.classid, d.objid, i.type, i.identity
      FROM pg_catalog.pg_depend AS d
      JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'dataplat'
     CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classid, d.objid, 0) AS i
     WHERE d.refclassid = 'pg_catalog.pg_extension'::regclass
       AND d.deptype = 'e'
), relation AS (
    SELECT m.identity, c.*
      FROM member AS m
      JOIN pg_catalog.pg_class AS c ON m.classid = 'pg_catalog.pg_class'::regclass AND c.oid = m.objid
), fact (fact) AS (
    SELECT pg_catalog.format('%s %s: %s', m.type, m.identity,
               pg_catalog.obj_description(m.objid, (SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.oid = m.classid)))
      FROM member AS m
    UNION ALL
    SELECT pg_catalog.format('function %s %s %s', p.oid::regprocedure,
               pg_catalog.md5(pg_catalog.pg_get_functiondef(p.oid)), p.proacl)
      FROM member AS m
      JOIN pg_catalog.pg_proc AS p ON m.classid = 'pg_catalog.pg_proc'::regclass AND p.oid = m.objid
     WHERE p.prokind IN ('f', 'p')
    UNION ALL
    SELECT pg_catalog.format('relation %s %s %s %s %s', r.identity, r.relkind, r.relpersistence, r.reloptions, r.relacl)
      FROM relation AS r
    UNION ALL
    SELECT pg_catalog.format('view %s %s', r.identity, pg_catalog.pg_get_viewdef(r.oid))
      FROM relation AS r
     WHERE r.relkind IN ('v', 'm')
    UNION ALL
    SELECT pg_catalog.format('column %s.%s %s %s %s %s %s %s', r.identity, a.attname,
               pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
               pg_catalog.pg_get_expr(d.adbin, d.adrelid), pg_catalog.col_description(r.oid, a.attnum))
      FROM relation AS r
      JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = r.oid AND d.adnum = a.attnum
     WHERE r.relkind <> 'S'
    UNION ALL
    SELECT pg_catalog.format('constraint %s %s %s', r.identity, c.conname, pg_catalog.pg_get_constraintdef(c.oid))
      FROM relation AS r
      JOIN pg_catalog.pg_constraint AS c ON c.conrelid = r.oid
    UNION ALL
    SELECT pg_catalog.format('index %s', pg_catalog.pg_get_indexdef(i.indexrelid))
      FROM relation AS r
      JOIN pg_catalog.pg_index AS i ON i.indrelid = r.oid
    UNION ALL
    SELECT pg_catalog.format('trigger %s', pg_catalog.pg_get_triggerdef(t.oid))
      FROM relation AS r
      JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = r.oid AND NOT t.tgisinternal
    UNION ALL
    SELECT pg_catalog.format('policy %s %s %s', r.identity, p.polname, pg_catalog.pg_get_expr(p.polqual, p.polrelid))
      FROM relation AS r
      JOIN pg_catalog.pg_policy AS p ON p.polrelid = r.oid
    UNION ALL
    SELECT pg_catalog.format('dumped %s %s', c.table_oid::regclass, c.condition)
      FROM pg_catalog.pg_extension AS e
     CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(e.extconfig), pg_catalog.unnest(e.extcondition)) AS c (table_oid, condition)
     WHERE e.extname = 'dataplat'
)
SELECT f.fact FROM fact AS f ORDER BY f.fact COLLATE "C";
