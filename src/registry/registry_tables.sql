/* registry: schemas, the versions of subjects, and how they may change. */

CREATE TABLE dataplat_internal.schema_context (
    context    text PRIMARY KEY CHECK (context LIKE '.%'),
    next_id    int NOT NULL DEFAULT 1 CHECK (next_id > 0),
    changes    bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
) WITH (fillfactor = 50);
COMMENT ON TABLE dataplat_internal.schema_context IS
    'contexts of the registry, "." is the default one; whoever changes anything in a context updates its row first, so changes come one after the other';
COMMENT ON COLUMN dataplat_internal.schema_context.next_id IS 'the id that the next new schema gets; never goes back';
COMMENT ON COLUMN dataplat_internal.schema_context.changes IS
    'raised by each change, so that a transaction with an older snapshot fails to lock the row (40001) instead of reading what is stale';

CREATE TABLE dataplat.schema_content (
    context     text NOT NULL REFERENCES dataplat_internal.schema_context,
    id          int NOT NULL CHECK (id > 0),
    guid        uuid NOT NULL,
    schema_type text NOT NULL CHECK (schema_type IN ('AVRO', 'JSON', 'PROTOBUF')),
    schema      text NOT NULL,
    refs        jsonb NOT NULL DEFAULT '[]' CHECK (pg_catalog.jsonb_typeof(refs) = 'array'),
    metadata    jsonb,
    rule_set    jsonb,
    duplicate   boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_by  text NOT NULL DEFAULT CURRENT_USER,
    PRIMARY KEY (context, id)
);
CREATE UNIQUE INDEX schema_content_guid ON dataplat.schema_content (guid, context, schema_type) WHERE NOT duplicate;
COMMENT ON TABLE dataplat.schema_content IS 'what schema ids stand for; a row never changes';
COMMENT ON COLUMN dataplat.schema_content.context IS '"." is the default context; ids are counted in each by itself';
COMMENT ON COLUMN dataplat.schema_content.guid IS 'MD5 of schema, references, metadata and rule set: the same in every registry that follows Confluent''s rule';
COMMENT ON COLUMN dataplat.schema_content.schema IS 'the text as the registry prints it, see docs/schemas.md';
COMMENT ON COLUMN dataplat.schema_content.refs IS 'array of {"name", "subject", "version"}';
COMMENT ON COLUMN dataplat.schema_content.duplicate IS 'imported under an id of its own though the same content has another';

CREATE TABLE dataplat_internal.schema_reference (
    context         text NOT NULL,
    id              int NOT NULL,
    nth             int NOT NULL,
    name            text NOT NULL,
    subject         text NOT NULL,
    version         int NOT NULL,
    PRIMARY KEY (context, id, nth),
    FOREIGN KEY (context, id) REFERENCES dataplat.schema_content ON DELETE CASCADE
);
CREATE INDEX schema_reference_target ON dataplat_internal.schema_reference (subject, version);
COMMENT ON TABLE dataplat_internal.schema_reference IS 'schema_content.refs, a row for each, with qualified subjects; found by what they lead to';

CREATE TABLE dataplat.schema_version (
    subject       text NOT NULL CHECK (subject <> ''),
    version       int NOT NULL CHECK (version > 0),
    context       text NOT NULL,
    id            int NOT NULL,
    deleted       boolean NOT NULL DEFAULT false,
    registered_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    registered_by text NOT NULL DEFAULT CURRENT_USER,
    deleted_at    timestamptz,
    deleted_by    text,
    PRIMARY KEY (subject, version),
    FOREIGN KEY (context, id) REFERENCES dataplat.schema_content
);
CREATE INDEX schema_version_id ON dataplat.schema_version (context, id);
CREATE INDEX schema_version_subject ON dataplat.schema_version (subject text_pattern_ops);
COMMENT ON TABLE dataplat.schema_version IS 'versions of subjects: which schema id each one is';
COMMENT ON COLUMN dataplat.schema_version.subject IS 'with its context in front, :.context:subject, unless that is the default one';
COMMENT ON COLUMN dataplat.schema_version.deleted IS 'soft deleted: its id still decodes messages, and its number is not given out again';

CREATE TABLE dataplat.registry_config (
    subject              text PRIMARY KEY,
    compatibility_level  text CHECK (compatibility_level IN ('NONE', 'BACKWARD', 'BACKWARD_TRANSITIVE', 'FORWARD', 'FORWARD_TRANSITIVE', 'FULL', 'FULL_TRANSITIVE')),
    compatibility_policy text CHECK (compatibility_policy IN ('STRICT', 'LENIENT')),
    compatibility_group  text,
    normalize            boolean,
    validate_fields      boolean,
    validate_names       boolean,
    validate_rules       boolean,
    alias                text,
    default_metadata     jsonb,
    override_metadata    jsonb,
    default_rule_set     jsonb,
    override_rule_set    jsonb,
    changed_at           timestamptz NOT NULL DEFAULT pg_catalog.now(),
    changed_by           text NOT NULL DEFAULT CURRENT_USER
);
COMMENT ON TABLE dataplat.registry_config IS 'rules for subjects; what a subject leaves NULL comes from its context, then from :.__GLOBAL:';
COMMENT ON COLUMN dataplat.registry_config.subject IS 'a subject; or a context: :.context:, :.: is the default one, :.__GLOBAL: all';
COMMENT ON COLUMN dataplat.registry_config.compatibility_group IS 'metadata property: only versions with the same value of it are compared';
COMMENT ON COLUMN dataplat.registry_config.alias IS 'subject that requests for this one go to';

CREATE TABLE dataplat.registry_mode (
    subject    text PRIMARY KEY,
    mode       text NOT NULL CHECK (mode IN ('READWRITE', 'READONLY', 'READONLY_OVERRIDE', 'IMPORT', 'FORWARD')),
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    changed_by text NOT NULL DEFAULT CURRENT_USER
);
COMMENT ON TABLE dataplat.registry_mode IS 'modes of subjects and contexts';
COMMENT ON COLUMN dataplat.registry_mode.subject IS 'a subject; or a context: :.context:, :.: is the default one, :.__GLOBAL: all';

CREATE TYPE dataplat_internal.schema_draft AS (
    subject     text,
    context     text,
    schema_type text,
    schema      text,
    refs        jsonb,
    names       text[],
    texts       text[],
    metadata    jsonb,
    rule_set    jsonb,
    guid        uuid
);
COMMENT ON TYPE dataplat_internal.schema_draft IS 'a schema as it would be stored, with the closure of its references';

SELECT pg_catalog.pg_extension_config_dump('dataplat_internal.schema_context', '');
SELECT pg_catalog.pg_extension_config_dump('dataplat.schema_content', '');
SELECT pg_catalog.pg_extension_config_dump('dataplat_internal.schema_reference', '');
SELECT pg_catalog.pg_extension_config_dump('dataplat.schema_version', '');
SELECT pg_catalog.pg_extension_config_dump('dataplat.registry_config', '');
SELECT pg_catalog.pg_extension_config_dump('dataplat.registry_mode', '');

-- ---------------------------------------------------------------------------
-- External registries: what was read of them (src/registry/cache.c)
-- ---------------------------------------------------------------------------

CREATE TABLE dataplat_internal.schema_cache (
    server         text NOT NULL,
    schema_key     text NOT NULL,
    schema_id      int,
    guid           uuid,
    schema_type    text NOT NULL,
    schema         text NOT NULL,
    ref_names      text[] NOT NULL DEFAULT '{}',
    ref_texts      text[] NOT NULL DEFAULT '{}',
    fingerprint    bytea NOT NULL,
    fetched_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
    checked_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
    changed_at     timestamptz,
    changed_schema text,
    PRIMARY KEY (server, schema_key)
);
COMMENT ON TABLE dataplat_internal.schema_cache IS
    'schemas of external registries, so that their outage stops nothing that was seen; part of a dump, so that a restored database reads old topics even when the registry is gone';
COMMENT ON COLUMN dataplat_internal.schema_cache.schema_key IS 'what it was asked for by: an id, a GUID, or "subject " and a subject, whose newest version it is';
COMMENT ON COLUMN dataplat_internal.schema_cache.ref_names IS 'names of the schemas that this one needs, each before those that name it';
COMMENT ON COLUMN dataplat_internal.schema_cache.ref_texts IS 'their texts';
COMMENT ON COLUMN dataplat_internal.schema_cache.fingerprint IS 'SHA-256 of type, text and references';
COMMENT ON COLUMN dataplat_internal.schema_cache.checked_at IS 'when the registry last said the same';
COMMENT ON COLUMN dataplat_internal.schema_cache.changed_at IS 'when the registry first gave another schema for this id; the id is not used until that is cleared';
COMMENT ON COLUMN dataplat_internal.schema_cache.changed_schema IS 'what it gave';

CREATE TABLE dataplat_internal.schema_cache_missing (
    server     text NOT NULL,
    schema_key text NOT NULL,
    since      timestamptz NOT NULL DEFAULT pg_catalog.now(),
    asked_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    times      int NOT NULL DEFAULT 1,
    PRIMARY KEY (server, schema_key)
);
COMMENT ON TABLE dataplat_internal.schema_cache_missing IS
    'ids that messages name and an external registry does not have; rows go when the id appears or nobody asks for a day';

CREATE TABLE dataplat_internal.registry_state (
    server         text PRIMARY KEY,
    reachable      boolean NOT NULL,
    since          timestamptz NOT NULL DEFAULT pg_catalog.now(),
    last_error     text,
    last_answer_at timestamptz
);
COMMENT ON TABLE dataplat_internal.registry_state IS 'whether external registries answer, as the workers found it last';
COMMENT ON COLUMN dataplat_internal.registry_state.since IS 'when "reachable" became what it is';

SELECT pg_catalog.pg_extension_config_dump('dataplat_internal.schema_cache', '');
