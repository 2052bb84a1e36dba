-- Who may look, register, delete and configure.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set VERBOSITY terse
SET client_min_messages = warning;
-- What other tests have registered must not show.
TRUNCATE dataplat_internal.schema_context CASCADE;
SELECT dataplat.setup_roles();
CREATE ROLE regress_reader IN ROLE dataplat_viewer;
CREATE ROLE regress_admin IN ROLE dataplat_pipeline_admin;
CREATE ROLE regress_producer;
CREATE ROLE regress_nobody;
SELECT dataplat.register_schema('s', '"int"');

-- Nobody sees anything.
SET ROLE regress_nobody;
SELECT dataplat.schema_by_id(1);
SELECT dataplat.schema_subjects();
SELECT dataplat.register_schema('s', '"int"');
SELECT dataplat.check_compatibility('s', '"int"');
SELECT count(*) FROM dataplat.schema_content;
SELECT dataplat.command('register_schema', '{"subject": "s", "schema": "\"long\""}');
SELECT dataplat_internal.registry_rest(NULL, 'subjects', '{}');

-- A viewer reads, asks and compares.
SET ROLE regress_reader;
SELECT schema FROM dataplat.schema_by_id(1);
SELECT dataplat.schema_subjects(), dataplat.schema_versions('s'), dataplat.get_compatibility(), dataplat.get_schema_mode();
SELECT id FROM dataplat.lookup_schema('s', '"int"');
SELECT dataplat.check_compatibility('s', '"long"');
SELECT subject, latest_version, compatibility_level, mode FROM dataplat.schema_subject;
SELECT subject, version, schema, registered_by = session_user AS by_me FROM dataplat.registered_schema;
SELECT type FROM dataplat.schema_diff('"int"', '"string"');
SELECT status FROM dataplat.check_schema_files('[{"path": "s.avsc", "schema": "\"int\""}]');
SELECT dataplat.register_schema('s', '"long"');
SELECT dataplat.command('register_schema', '{"subject": "s", "schema": "\"long\""}');
SELECT dataplat.delete_subject('s');
SELECT dataplat.set_compatibility('none');
SELECT dataplat.set_schema_mode('readonly');
SELECT dataplat.configure_registry('{}');
SELECT count(*) FROM dataplat_internal.schema_context;

-- One right at a time: this one may register, and nothing else.
RESET ROLE;
GRANT EXECUTE ON FUNCTION dataplat.register_schema, dataplat.command TO regress_producer;
SET ROLE regress_producer;
SELECT dataplat.register_schema('s', '"long"');
SELECT dataplat.delete_subject('s');
SELECT dataplat.command('delete_subject', '{"subject": "s"}');
SELECT dataplat.set_compatibility('none', 's');
RESET ROLE;
SELECT version, registered_by = 'regress_producer' AS by_producer FROM dataplat.schema_version WHERE subject = 's' ORDER BY version;

-- The REST API asks for the same rights.
SELECT dataplat_internal.registry_rest('regress_producer', 'register', '{"subject": "s", "body": {"schema": "\"float\""}}') ->> 'id' AS id;
SELECT dataplat_internal.registry_rest('regress_producer', 'delete_subject', '{"subject": "s"}');
SELECT dataplat_internal.registry_rest('regress_producer', 'subjects', '{}');
SELECT dataplat_internal.registry_rest('regress_reader', 'subjects', '{}'), dataplat_internal.registry_rest('regress_nobody', 'types', '{}');
SELECT dataplat_internal.registry_rest('regress_reader', 'set_config', '{"body": {"compatibility": "none"}}');
SELECT dataplat_internal.registry_rest('regress_no_such_role', 'subjects', '{}');

-- An administrator does it all.
SET ROLE regress_admin;
SELECT dataplat.set_compatibility('full', 's'), dataplat.set_schema_mode('readonly', 's'), dataplat.set_schema_mode(NULL, 's');
SELECT dataplat.delete_schema_version('s', 3), dataplat.delete_subject('s');
SELECT version, deleted_by FROM dataplat.schema_version WHERE subject = 's' ORDER BY version;
RESET ROLE;
ROLLBACK;
