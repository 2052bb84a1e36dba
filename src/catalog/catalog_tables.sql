/* catalog: which installation this is, and the registries of what it knows. */

-- Kafka's text is UTF-8; in another encoding a valid message could be unstorable.
DO LANGUAGE plpgsql $$
BEGIN
    IF pg_catalog.getdatabaseencoding() <> 'UTF8' THEN
        RAISE EXCEPTION 'dataplat cannot be used in a database with encoding %', pg_catalog.getdatabaseencoding()
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Create the database with ENCODING ''UTF8'' TEMPLATE template0.';
    END IF;
END;
$$;

CREATE TABLE dataplat_internal.installation (
    install_uuid      uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    system_identifier bigint NOT NULL,
    db_oid            oid NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT pg_catalog.now(),
    adopted_at        timestamptz,
    adopted_by        text,
    adopted_mode      text CONSTRAINT installation_adopted_mode_known CHECK (adopted_mode IN ('resume', 'fork'))
);
COMMENT ON TABLE dataplat_internal.installation IS
    'where dataplat was set up; a row that names another server or database means that this is a copy (a restored dump adds its row to the one that CREATE EXTENSION made)';
COMMENT ON COLUMN dataplat_internal.installation.install_uuid IS 'identity towards Kafka; a fork has a new one';
COMMENT ON COLUMN dataplat_internal.installation.system_identifier IS 'of the server that the row was made in, as in pg_control_system()';
COMMENT ON COLUMN dataplat_internal.installation.db_oid IS 'pg_database.oid of the database that the row was made in';
COMMENT ON COLUMN dataplat_internal.installation.adopted_by IS 'role that called dataplat.adopt() last';
SELECT pg_catalog.pg_extension_config_dump('dataplat_internal.installation', '');

INSERT INTO dataplat_internal.installation (system_identifier, db_oid)
SELECT c.system_identifier, d.oid
  FROM pg_catalog.pg_control_system() AS c, pg_catalog.pg_database AS d
 WHERE d.datname = pg_catalog.current_database();

CREATE TABLE dataplat_internal.health_check (
    name           text PRIMARY KEY,
    check_function text NOT NULL
);
COMMENT ON TABLE dataplat_internal.health_check IS
    'functions that dataplat.health asks; each returns rows of (severity, object, problem, cause, action), none when all is well';
COMMENT ON COLUMN dataplat_internal.health_check.check_function IS 'schema-qualified name of a function without arguments';

CREATE TABLE dataplat_internal.show_create_kind (
    kind             text PRIMARY KEY,
    show_function text NOT NULL
);
COMMENT ON TABLE dataplat_internal.show_create_kind IS
    'functions that dataplat.show_create() asks; each returns the SQL that makes the named object again, or NULL when it has no such object';
COMMENT ON COLUMN dataplat_internal.show_create_kind.show_function IS 'schema-qualified name of a function of one text argument';

CREATE TABLE dataplat_internal.adopt_step (
    name          text PRIMARY KEY,
    step_function text NOT NULL
);
COMMENT ON TABLE dataplat_internal.adopt_step IS
    'functions that dataplat.adopt() calls when a database is a restored dump, where transaction ids and places of rows mean nothing any more';
COMMENT ON COLUMN dataplat_internal.adopt_step.step_function IS 'schema-qualified name of a function of one text argument, the mode of adoption';

CREATE TABLE dataplat_internal.describe_section (
    section          text PRIMARY KEY,
    place            int NOT NULL,
    section_function text NOT NULL
);
COMMENT ON TABLE dataplat_internal.describe_section IS
    'functions that dataplat.describe() asks, in the order of place; each takes the dataset''s name (text) and returns rows of (label text, value text), none when it has nothing to say';
