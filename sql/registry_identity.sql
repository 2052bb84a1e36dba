-- GUIDs are those that other registries give the same schema: of its text, references, metadata and rules.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
SET client_min_messages = warning;
-- What other tests have registered must not show.
TRUNCATE dataplat_internal.schema_context CASCADE;

SELECT format('%s%s%s', r.n, m.n, u.n) AS has, dataplat_internal.schema_guid(
           '{"type":"record","name":"Person","namespace":"io.confluent.kafka.example","fields":[{"name":"name","type":"string"},{"name":"age","type":"int"},{"name":"ssn","type":"string"},{"name":"user","type":"io.confluent.kafka.example.User"},{"name":"address","type":"io.confluent.kafka.example.Address"}]}',
           r.v::jsonb, m.v::jsonb, u.v::jsonb) AS guid
  FROM (VALUES (0, '[]'), (1, '[{"name": "io.confluent.kafka.example.User", "subject": "User", "version": 1}, {"name": "io.confluent.kafka.example.Address", "subject": "Address", "version": 2}]')) AS r (n, v),
       (VALUES (0, NULL), (1, '{"tags": {"team": ["data-engineering"], "environment": ["staging", "production"]}, "properties": {"version": "1.0.0", "owner": "data-team", "description": "Person schema for user management"}, "sensitive": ["ssn", "credit-card"]}')) AS m (n, v),
       (VALUES (0, NULL), (1, '{"migrationRules": [{"name": "upgrade-rule-1", "doc": "Upgrade rule for field changes", "kind": "TRANSFORM", "mode": "UPGRADE", "type": "FIELD_UPDATE", "tags": ["PERSON"], "params": {"field": "name"}, "expr": "field.name = field.name.toUpperCase()", "onSuccess": "none", "onFailure": "error", "disabled": false},
            {"name": "downgrade-rule-1", "doc": "Downgrade rule for compatibility", "kind": "TRANSFORM", "mode": "DOWNGRADE", "type": "FIELD_DELETE", "tags": ["PERSON"], "params": {"field": "ssn"}, "expr": "delete field.ssn", "onSuccess": "none", "onFailure": "error"}],
            "domainRules": [{"name": "validation-rule-1", "doc": "Validate age field", "kind": "CONDITION", "mode": "WRITE", "type": "FIELD_VALIDATION", "tags": ["PERSON"], "params": {"field": "age"}, "expr": "field.age >= 0 && field.age <= 150", "onSuccess": "none", "onFailure": "error"},
            {"name": "masking-rule-1", "doc": "Mask sensitive data on read", "kind": "TRANSFORM", "mode": "READ", "type": "DATA_MASKING", "tags": ["PERSON"], "params": {"field": "ssn"}, "expr": "field.ssn = ''***-**-****''", "onSuccess": "none", "onFailure": "error"}]}')) AS u (n, v)
 ORDER BY r.n, m.n, u.n;
-- A rule that is switched off is another rule; kind and mode have defaults.
SELECT dataplat_internal.schema_guid('"int"', '[]', NULL, '{"domainRules": [{"name": "a", "type": "CEL"}]}') = dataplat_internal.schema_guid('"int"', '[]', NULL, '{"domainRules": [{"type": "CEL", "name": "a", "kind": "TRANSFORM", "mode": "WRITEREAD"}]}') AS same,
       dataplat_internal.schema_guid('"int"', '[]', NULL, '{"domainRules": [{"name": "a", "type": "CEL"}]}') = dataplat_internal.schema_guid('"int"', '[]', NULL, '{"domainRules": [{"name": "a", "type": "CEL", "disabled": true}]}') AS other;

-- Names of subjects and contexts.
SELECT w AS written, p.* FROM unnest(ARRAY['a', ':.c:a', ':.:a', ':.c:', ':.c', ':a', ':.c:a:b', '', NULL]) WITH ORDINALITY AS x (w, n), dataplat_internal.subject_parts(w) AS p ORDER BY n;
SELECT w AS written, dataplat_internal.qualify_subject(w, ':.c:parent') AS inside, dataplat_internal.qualify_subject(w, 'parent') AS outside FROM unnest(ARRAY['a', ':.d:a', ':.:a']) AS w;
ROLLBACK;
