/* The schemas of the extension, before any table. */
\echo Use "CREATE EXTENSION dataplat" to load this file. \quit

CREATE SCHEMA dataplat;
COMMENT ON SCHEMA dataplat IS 'what users of the dataplat extension call and read';

CREATE SCHEMA dataplat_internal;
COMMENT ON SCHEMA dataplat_internal IS 'private parts of the dataplat extension';
REVOKE ALL ON SCHEMA dataplat_internal FROM PUBLIC;
GRANT USAGE ON SCHEMA dataplat TO PUBLIC;
