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

-- ---------------------------------------------------------------- datasets

-- What a room above knows of a dataset, or of a job that writes some.
CREATE TYPE dataplat_internal.dataset_fact AS (
    object      text,
    kind        text,
    layer       text,
    owner       text,
    description text,
    written_by  text,
    loaded_at   timestamptz,
    current_at  timestamptz,
    columns     jsonb
);
COMMENT ON TYPE dataplat_internal.dataset_fact IS
    'object: spelled as a node of lineage; kind: topic, subject, source, pipeline, or NULL (more about a relation); loaded_at: when rows came last; '
    'current_at: up to when everything is in it, as far as is known; columns: [{"name", "type", "description"}] of what is no relation';

-- A thing that a user named.
CREATE TYPE dataplat_internal.catalog_object AS (
    object      text,
    column_name text,
    kind        text,
    relation    oid,
    owner       text
);
COMMENT ON TYPE dataplat_internal.catalog_object IS 'object: its one spelling in the catalog; column_name: when a column of it was named; owner: role whose word counts';

CREATE TABLE dataplat_internal.dataset_provider (
    kind              text PRIMARY KEY,
    provider_function text NOT NULL
);
COMMENT ON TABLE dataplat_internal.dataset_provider IS
    'functions of the rooms above without arguments that return dataset_facts; filled by register_dataset_provider()';

CREATE TABLE dataplat_internal.rename_follower (
    kind            text PRIMARY KEY,
    rename_function text NOT NULL
);
COMMENT ON TABLE dataplat_internal.rename_follower IS
    'functions (from_object text, to_object text, columns jsonb) of the rooms above that are called when a dataset has another name (columns NULL), or columns of it have '
    '({"old": "new"}, both objects the same); filled by register_rename_follower()';

-- Not dumped: oids mean nothing elsewhere.  Names are the truth of a dump.
CREATE TABLE dataplat_internal.known_dataset (
    relid   oid PRIMARY KEY,
    object  text NOT NULL,
    columns jsonb NOT NULL,
    left_name text,
    left_in xid8
);
CREATE INDEX known_dataset_object_idx ON dataplat_internal.known_dataset (object);
CREATE INDEX known_dataset_left_name_idx ON dataplat_internal.known_dataset (left_name) WHERE left_name IS NOT NULL;
COMMENT ON TABLE dataplat_internal.known_dataset IS
    'relations as they were when the catalog looked last, by oid: how what was said of them follows when they or their columns are renamed';
COMMENT ON COLUMN dataplat_internal.known_dataset.columns IS '[{"attnum", "name", "type", "not_null"}]';
COMMENT ON COLUMN dataplat_internal.known_dataset.left_name IS 'the name it gave up in transaction left_in; who takes that name in the same transaction takes its place';

CREATE TABLE dataplat_internal.dataset_shape (
    object     text NOT NULL,
    noted_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    changed_by text,
    columns    jsonb NOT NULL,
    PRIMARY KEY (object, noted_at)
);
COMMENT ON TABLE dataplat_internal.dataset_shape IS
    'columns of datasets at the times they changed; dataplat.schema_history numbers them (a restored dump may bring rows older than those that are there)';
COMMENT ON COLUMN dataplat_internal.dataset_shape.changed_by IS 'role that changed it; NULL when it was found changed';
COMMENT ON COLUMN dataplat_internal.dataset_shape.columns IS '[{"name", "type", "not_null"}]';
SELECT pg_catalog.pg_extension_config_dump('dataplat_internal.dataset_shape', '');

CREATE TABLE dataplat_internal.dataset_usage (
    object     text PRIMARY KEY,
    uses       bigint NOT NULL,
    counted_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE dataplat_internal.dataset_usage IS 'calls of statements in pg_stat_statements that name a dataset, as of the last refresh of the catalog';

CREATE TABLE dataplat_internal.dataset_note (
    object        text PRIMARY KEY,
    description   text,
    domain        text,
    deprecated_at timestamptz,
    deprecated_by name,
    deprecation   text,
    use_instead   text,
    contract      jsonb,
    changed_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
    changed_by    name NOT NULL DEFAULT CURRENT_USER
);
COMMENT ON TABLE dataplat_internal.dataset_note IS 'what was said of a dataset as a whole; kept when it is dropped, see dataplat.catalog_orphan';
COMMENT ON COLUMN dataplat_internal.dataset_note.description IS 'of topics and others that COMMENT ON does not know; relations carry theirs themselves';
COMMENT ON COLUMN dataplat_internal.dataset_note.contract IS 'parts of an imported contract that stand nowhere else: id, version, status, slaProperties, support ...';
SELECT pg_catalog.pg_extension_config_dump('dataplat_internal.dataset_note', '');

CREATE TABLE dataplat.dataset_owner (
    object         text NOT NULL,
    owner          text NOT NULL CHECK (owner <> ''),
    ownership_type text NOT NULL DEFAULT 'technical owner' CHECK (ownership_type <> ''),
    added_at       timestamptz NOT NULL DEFAULT pg_catalog.now(),
    added_by       name NOT NULL DEFAULT CURRENT_USER,
    PRIMARY KEY (object, owner, ownership_type)
);
CREATE INDEX dataset_owner_owner_idx ON dataplat.dataset_owner (owner);
COMMENT ON TABLE dataplat.dataset_owner IS 'who answers for a dataset, in which way; a person, a team or a role';
SELECT pg_catalog.pg_extension_config_dump('dataplat.dataset_owner', '');

CREATE TABLE dataplat.tag (
    object      text NOT NULL,
    column_name text NOT NULL DEFAULT '',
    tag         text NOT NULL CHECK (tag <> ''),
    added_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
    added_by    name NOT NULL DEFAULT CURRENT_USER,
    PRIMARY KEY (object, column_name, tag)
);
CREATE INDEX tag_tag_idx ON dataplat.tag (tag);
COMMENT ON TABLE dataplat.tag IS 'free words on datasets and columns';
COMMENT ON COLUMN dataplat.tag.column_name IS 'empty: the whole dataset';
SELECT pg_catalog.pg_extension_config_dump('dataplat.tag', '');

CREATE TABLE dataplat.glossary_term (
    fqn        text PRIMARY KEY,
    parent     text REFERENCES dataplat.glossary_term ON UPDATE CASCADE,
    definition text NOT NULL,
    status     text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'approved', 'deprecated')),
    synonyms   text[] NOT NULL DEFAULT '{}',
    related    text[] NOT NULL DEFAULT '{}',
    owner      text,
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    changed_by name NOT NULL DEFAULT CURRENT_USER
);
CREATE INDEX glossary_term_parent_idx ON dataplat.glossary_term (parent);
COMMENT ON TABLE dataplat.glossary_term IS 'words with an agreed meaning, in a hierarchy: sales.revenue.net';
COMMENT ON COLUMN dataplat.glossary_term.fqn IS 'its parent''s, a dot, and its own name';
SELECT pg_catalog.pg_extension_config_dump('dataplat.glossary_term', '');

CREATE TABLE dataplat.term_assignment (
    object      text NOT NULL,
    column_name text NOT NULL DEFAULT '',
    term        text NOT NULL REFERENCES dataplat.glossary_term ON UPDATE CASCADE ON DELETE CASCADE,
    added_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
    added_by    name NOT NULL DEFAULT CURRENT_USER,
    PRIMARY KEY (object, column_name, term)
);
CREATE INDEX term_assignment_term_idx ON dataplat.term_assignment (term);
COMMENT ON TABLE dataplat.term_assignment IS 'datasets and columns that hold what a term means';
COMMENT ON COLUMN dataplat.term_assignment.column_name IS 'empty: the whole dataset';
SELECT pg_catalog.pg_extension_config_dump('dataplat.term_assignment', '');

CREATE TABLE dataplat.domain (
    name        text PRIMARY KEY CHECK (name <> ''),
    parent      text REFERENCES dataplat.domain ON UPDATE CASCADE CHECK (parent <> name),
    description text,
    owner       text,
    changed_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    changed_by  name NOT NULL DEFAULT CURRENT_USER
);
COMMENT ON TABLE dataplat.domain IS 'parts of the business that datasets belong to';
SELECT pg_catalog.pg_extension_config_dump('dataplat.domain', '');
ALTER TABLE dataplat_internal.dataset_note ADD FOREIGN KEY (domain) REFERENCES dataplat.domain ON UPDATE CASCADE;
CREATE INDEX dataset_note_domain_idx ON dataplat_internal.dataset_note (domain);

CREATE TABLE dataplat.data_product (
    name        text PRIMARY KEY CHECK (name <> ''),
    domain      text REFERENCES dataplat.domain ON UPDATE CASCADE,
    description text,
    owner       text,
    changed_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    changed_by  name NOT NULL DEFAULT CURRENT_USER
);
COMMENT ON TABLE dataplat.data_product IS 'datasets that are offered together';
SELECT pg_catalog.pg_extension_config_dump('dataplat.data_product', '');

CREATE TABLE dataplat.data_product_dataset (
    product text NOT NULL REFERENCES dataplat.data_product ON UPDATE CASCADE ON DELETE CASCADE,
    object  text NOT NULL,
    PRIMARY KEY (product, object)
);
CREATE INDEX data_product_dataset_object_idx ON dataplat.data_product_dataset (object);
COMMENT ON TABLE dataplat.data_product_dataset IS 'the datasets of each data product';
SELECT pg_catalog.pg_extension_config_dump('dataplat.data_product_dataset', '');

CREATE TABLE dataplat.column_classification (
    object         text NOT NULL,
    column_name    text NOT NULL CHECK (column_name <> ''),
    classification text NOT NULL CHECK (classification <> ''),
    entity_type    text,
    score          numeric CHECK (score BETWEEN 0 AND 1),
    decided_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
    decided_by     name NOT NULL DEFAULT CURRENT_USER,
    PRIMARY KEY (object, column_name)
);
COMMENT ON TABLE dataplat.column_classification IS 'how sensitive a column is: public, internal, confidential, restricted, or the house''s own words';
COMMENT ON COLUMN dataplat.column_classification.entity_type IS 'what was recognised, EMAIL_ADDRESS for one';
COMMENT ON COLUMN dataplat.column_classification.score IS 'how sure the recogniser was; NULL: a person said so';
SELECT pg_catalog.pg_extension_config_dump('dataplat.column_classification', '');

-- ---------------------------------------------------------------- search

-- Made again from the rest, so not dumped.
CREATE TABLE dataplat_internal.catalog_document (
    object      text PRIMARY KEY,
    kind        text NOT NULL,
    names       text NOT NULL,
    tags        text NOT NULL,
    terms       text NOT NULL,
    description text NOT NULL,
    columns     text NOT NULL,
    body        tsvector NOT NULL
);
CREATE INDEX catalog_document_body_idx ON dataplat_internal.catalog_document USING gin (body);
COMMENT ON TABLE dataplat_internal.catalog_document IS 'what search_catalog() finds relations by';

CREATE TABLE dataplat_internal.catalog_word (
    word     text PRIMARY KEY,
    trigrams text[] NOT NULL
);
CREATE INDEX catalog_word_trigrams_idx ON dataplat_internal.catalog_word USING gin (trigrams);
COMMENT ON TABLE dataplat_internal.catalog_word IS 'words of the documents, for those who mistype';

-- ---------------------------------------------------------------- contracts

CREATE TABLE dataplat_internal.contract_part (
    part            text PRIMARY KEY,
    export_function text NOT NULL,
    import_function text NOT NULL,
    check_function  text NOT NULL
);
COMMENT ON TABLE dataplat_internal.contract_part IS 'what rooms above bring to contracts; filled by register_contract_part()';
COMMENT ON COLUMN dataplat_internal.contract_part.export_function IS 'function (text object) that returns rows (column_name text, rule jsonb): elements of quality in ODCS; column_name NULL: of the whole dataset';
COMMENT ON COLUMN dataplat_internal.contract_part.import_function IS 'function (name caller, oid relation, text column_name, jsonb rule) that declares it and returns in words what it did; NULL: nothing';
COMMENT ON COLUMN dataplat_internal.contract_part.check_function IS 'function (text object) that returns rows (column_name text, problem text): what is broken now';
