-- Soft and permanent deletes, and what they leave.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
SET client_min_messages = warning;
-- What other tests have registered must not show.
TRUNCATE dataplat_internal.schema_context CASCADE;

SELECT dataplat.set_compatibility('none');
SELECT dataplat.register_schema('d', '"int"'), dataplat.register_schema('d', '"long"'), dataplat.register_schema('other', '"long"');

-- A soft-deleted version is gone from lists; its id decodes messages for ever.
SELECT dataplat.delete_schema_version('d', 2, true);
SELECT dataplat.delete_schema_version('d', 2);
SELECT dataplat.delete_schema_version('d', 2);
SELECT array_agg(v) FROM dataplat.schema_versions('d') AS v;
SELECT array_agg(v) FROM dataplat.schema_versions('d', deleted => true) AS v;
SELECT schema FROM dataplat.schema_by_id(2);
SELECT dataplat.lookup_schema('d', '"long"');
SELECT id, version FROM dataplat.lookup_schema('d', '"long"', deleted => true);

-- Its number is not given out again; the same content comes back under its id
-- and a new number, and the old deleted version gives way.
SELECT dataplat.register_schema('d', '"long"') AS id;
SELECT version, id, deleted FROM dataplat.schema_version WHERE subject = 'd' ORDER BY version;

-- For good: only what is soft deleted.
SELECT dataplat.delete_schema_version('d', 'latest');
SELECT dataplat.delete_schema_version('d', '3', true);
SELECT dataplat.delete_schema_version('d', 3, true);
-- A top number that is deleted for good comes again.
SELECT dataplat.register_schema('d', '"float"') AS id;
SELECT version, id FROM dataplat.schema_version WHERE subject = 'd' ORDER BY version;

-- Wrong versions.
SELECT dataplat.delete_schema_version('d', 17);
SELECT dataplat.delete_schema_version('nowhere', 1);
SELECT dataplat.delete_schema_version('d', 'newest');
SELECT dataplat.delete_schema_version('d', 0);
SELECT dataplat.delete_schema_version('d', '-1');
SELECT dataplat.delete_schema_version('d', NULL::int);

-- A subject: configuration and mode outlive the soft delete, not the permanent one.
SELECT dataplat.set_compatibility('full', 'd'), dataplat.set_schema_mode('readwrite', 'd');
SELECT dataplat.delete_subject('d', permanent => true);
SELECT dataplat.delete_subject('d');
SELECT dataplat.delete_subject('d');
SELECT array_agg(s) FROM dataplat.schema_subjects() AS s;
SELECT array_agg(s) FROM dataplat.schema_subjects(deleted => true) AS s;
SELECT dataplat.get_compatibility('d'), dataplat.get_schema_mode('d');
SELECT dataplat.delete_subject('d', permanent => true);
SELECT dataplat.get_compatibility('d');
SELECT dataplat.get_schema_mode('d');
SELECT dataplat.delete_subject('d', permanent => true);
-- What only it used is gone, what another subject uses is not; ids do not come again.
SELECT dataplat.schema_by_id(1);
SELECT schema FROM dataplat.schema_by_id(2);
SELECT dataplat.register_schema('d', '"int"') AS id;

-- Before its permanent delete a subject is forgotten by nobody: a new start goes on counting.
SELECT dataplat.delete_subject('d');
SELECT dataplat.register_schema('d', '"bytes"') AS id;
SELECT version, id, deleted FROM dataplat.schema_version WHERE subject = 'd' ORDER BY version;

-- A deleted version that something refers to does not give way.
SELECT dataplat.register_schema('base', '{"type":"record","name":"B","fields":[]}') AS base, dataplat.register_schema('base', '{"type":"record","name":"B","doc":"d","fields":[]}') AS next;
SELECT dataplat.register_schema('user', '{"type":"record","name":"U","fields":[{"name":"b","type":"B"}]}', refs => '[{"name": "B", "subject": "base", "version": 2}]') > 0 AS referred;
SELECT dataplat.delete_subject('user'), dataplat.delete_schema_version('base', 2);
SELECT dataplat.register_schema('base', '{"type":"record","name":"B","doc":"d","fields":[]}') = (SELECT v.id FROM dataplat.schema_version AS v WHERE v.subject = 'base' AND v.version = 2) AS "same id";
SELECT version, deleted FROM dataplat.schema_version WHERE subject = 'base' ORDER BY version;
ROLLBACK;
