-- The extension is loaded, and the library and the script are of one version.
SELECT e.extname, n.nspname
  FROM pg_catalog.pg_extension AS e
  JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
 WHERE e.extname = 'dataplat';
