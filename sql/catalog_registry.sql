-- Rooms add checks and definitions; a broken check is a row, not an error.
BEGIN;
CREATE FUNCTION dataplat_internal.health_regress(
    OUT severity text, OUT object text, OUT problem text, OUT cause text, OUT action text)
RETURNS SETOF record LANGUAGE sql
AS $$ VALUES ('info', 'thing', 'small', 'a cause', 'an action'), ('error', 'thing', 'large', 'a cause', 'an action') $$;
CREATE FUNCTION dataplat_internal.health_regress_broken(
    OUT severity text, OUT object text, OUT problem text, OUT cause text, OUT action text)
RETURNS SETOF record LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION 'out of order'; END $$;
SELECT dataplat_internal.register_health_check('regress', 'dataplat_internal.health_regress');
SELECT dataplat_internal.register_health_check('regress', 'dataplat_internal.health_regress');
SELECT dataplat_internal.register_health_check('regress broken', 'dataplat_internal.health_regress_broken');
SELECT severity, object, problem, cause, action FROM dataplat.health WHERE object IN ('thing', 'regress broken');
ROLLBACK;

\set VERBOSITY terse
SELECT dataplat_internal.register_health_check('regress', 'dataplat_internal.there_is_no_such_function');
\set VERBOSITY default

-- show_create asks every kind.
BEGIN;
CREATE FUNCTION dataplat_internal.show_regress(name text) RETURNS text LANGUAGE sql
AS $$ SELECT 'SELECT make(' || quote_literal(name) || ');' WHERE name = 'known' $$;
SELECT dataplat_internal.register_show_create('regress', 'dataplat_internal.show_regress');
SELECT dataplat.show_create('known');
\set VERBOSITY sqlstate
SELECT dataplat.show_create('unknown');
\set VERBOSITY default
ROLLBACK;

-- Extension and library are of one version; nothing is under way.
SELECT part, version IS NOT NULL AS known FROM dataplat.version();
SELECT count(DISTINCT version) FROM dataplat.version() WHERE part IN ('extension', 'library');
SELECT what, object, done, total, rate, eta FROM dataplat.progress;

-- The version check, for an extension that is of another version.
BEGIN;
UPDATE pg_catalog.pg_extension SET extversion = '0.0.1' WHERE extname = 'dataplat';
SELECT part, version, note FROM dataplat.version() WHERE part = 'extension';
SELECT severity, problem FROM dataplat.health WHERE object = 'extension';
ROLLBACK;

-- Roles: made when missing, repeatable, each with what the one before has.
BEGIN;
SELECT dataplat.setup_roles();
SELECT dataplat.setup_roles();
SELECT pg_has_role('dataplat_pipeline_admin', 'dataplat_viewer', 'MEMBER') AS admin_may_look,
       has_function_privilege('dataplat_operator', 'dataplat.adopt(text)', 'EXECUTE') AS operator_may_adopt,
       has_function_privilege('dataplat_viewer', 'dataplat.adopt(text)', 'EXECUTE') AS viewer_may_adopt,
       has_function_privilege('dataplat_pipeline_admin', 'dataplat.setup_roles()', 'EXECUTE') AS admin_may_make_roles;
SET ROLE dataplat_viewer;
SELECT count(*) >= 0 AS health FROM dataplat.health;
SELECT count(*) >= 0 AS progress FROM dataplat.progress;
RESET ROLE;
ROLLBACK;
