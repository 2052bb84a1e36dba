-- Levels, transitive or not, policies, groups and versions: what check_compatibility
-- compares with what, for the three languages.
BEGIN;
SET client_min_messages = warning;
SELECT plan(78);

CREATE TEMP TABLE schema (kind text, name text, text text, PRIMARY KEY (kind, name));
INSERT INTO schema VALUES
    ('AVRO', 'plain', '{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}'),
    ('AVRO', 'with default', '{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"int","default":0}]}'),
    ('AVRO', 'without default', '{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"int"}]}'),
    ('AVRO', 'wider', '{"type":"record","name":"R","fields":[{"name":"a","type":"long"}]}'),
    ('AVRO', 'alien', '{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":"int"}}]}'),
    ('JSON', 'plain', '{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":false}'),
    ('JSON', 'with default', '{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"additionalProperties":false}'),
    ('JSON', 'without default', '{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"required":["b"],"additionalProperties":false}'),
    ('JSON', 'wider', '{"type":"object","properties":{"a":{"type":"number"}},"additionalProperties":false}'),
    ('JSON', 'alien', '{"type":"object","properties":{"a":{"type":"array"}},"additionalProperties":false}'),
    ('PROTOBUF', 'plain', 'syntax = "proto3"; message R { int32 a = 1; }'),
    ('PROTOBUF', 'with default', 'syntax = "proto3"; message R { int32 a = 1; int32 b = 2; }'),
    ('PROTOBUF', 'wider', 'syntax = "proto3"; message R { int64 a = 1; }'),
    ('PROTOBUF', 'alien', 'syntax = "proto3"; message R { string a = 1; }');

CREATE FUNCTION pg_temp.put(subject text, kind text, VARIADIC names text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE n text;
BEGIN
    PERFORM dataplat.set_compatibility('none', subject);
    FOREACH n IN ARRAY names LOOP
        PERFORM dataplat.register_schema(subject, (SELECT s.text FROM schema AS s WHERE s.kind = put.kind AND s.name = n), kind);
    END LOOP;
END $$;
CREATE FUNCTION pg_temp.fits(subject text, kind text, name text, level text, version text DEFAULT NULL) RETURNS boolean LANGUAGE sql AS $$
    SELECT (dataplat.check_compatibility(subject, (SELECT s.text FROM schema AS s WHERE s.kind = fits.kind AND s.name = fits.name), kind,
                                         level => fits.level, version => fits.version) ->> 'is_compatible')::boolean
$$;

-- Two versions, so that a level that looks at all of them differs from one that looks at the last.
SELECT pg_temp.put('avro', 'AVRO', 'plain', 'with default');
SELECT pg_temp.put('json', 'JSON', 'plain', 'with default');
SELECT pg_temp.put('proto', 'PROTOBUF', 'plain', 'with default');
SELECT pg_temp.put('avro back', 'AVRO', 'without default', 'plain');
SELECT pg_temp.put('avro wide', 'AVRO', 'wider', 'plain', 'with default');

CREATE TEMP TABLE expected (subject text, kind text, name text, level text, answer boolean);
INSERT INTO expected VALUES
    -- Removing a field without a default, and adding one: what readers of old and of new data can do.
    ('avro', 'AVRO', 'without default', 'NONE', true),
    ('avro', 'AVRO', 'without default', 'BACKWARD', true),                  -- version 2 has b, so its data can be read
    ('avro', 'AVRO', 'without default', 'BACKWARD_TRANSITIVE', false),      -- version 1 has not
    ('avro', 'AVRO', 'without default', 'FORWARD', true),
    ('avro', 'AVRO', 'without default', 'FORWARD_TRANSITIVE', true),
    ('avro', 'AVRO', 'without default', 'FULL', true),
    ('avro', 'AVRO', 'without default', 'FULL_TRANSITIVE', false),
    ('avro', 'AVRO', 'plain', 'FULL_TRANSITIVE', true),
    ('avro back', 'AVRO', 'with default', 'BACKWARD', true),
    ('avro back', 'AVRO', 'plain', 'FORWARD', true),
    ('avro back', 'AVRO', 'plain', 'FORWARD_TRANSITIVE', false),            -- version 1 cannot read data without b
    ('avro back', 'AVRO', 'with default', 'FORWARD_TRANSITIVE', true),
    ('avro back', 'AVRO', 'with default', 'FULL_TRANSITIVE', true),
    -- int to long reads backward only.
    ('avro', 'AVRO', 'wider', 'BACKWARD', true),
    ('avro', 'AVRO', 'wider', 'BACKWARD_TRANSITIVE', true),
    ('avro', 'AVRO', 'wider', 'FORWARD', false),
    ('avro', 'AVRO', 'wider', 'FULL', false),
    ('avro wide', 'AVRO', 'plain', 'BACKWARD', true),
    ('avro wide', 'AVRO', 'plain', 'BACKWARD_TRANSITIVE', false),
    ('avro wide', 'AVRO', 'plain', 'FORWARD_TRANSITIVE', true),
    ('avro', 'AVRO', 'alien', 'NONE', true),
    ('avro', 'AVRO', 'alien', 'BACKWARD', false),
    ('avro', 'AVRO', 'alien', 'FORWARD', false),
    ('avro', 'AVRO', 'alien', 'FULL', false),
    ('avro', 'AVRO', 'alien', 'BACKWARD_TRANSITIVE', false),
    ('avro', 'AVRO', 'alien', 'FORWARD_TRANSITIVE', false),
    ('avro', 'AVRO', 'alien', 'FULL_TRANSITIVE', false),
    -- A closed JSON Schema.
    ('json', 'JSON', 'with default', 'FULL', true),
    ('json', 'JSON', 'with default', 'BACKWARD_TRANSITIVE', true),
    ('json', 'JSON', 'with default', 'FULL_TRANSITIVE', false),
    ('json', 'JSON', 'plain', 'BACKWARD', false),
    ('json', 'JSON', 'plain', 'FORWARD', true),
    ('json', 'JSON', 'plain', 'FORWARD_TRANSITIVE', true),
    ('json', 'JSON', 'without default', 'BACKWARD', false),
    ('json', 'JSON', 'without default', 'FORWARD', true),
    ('json', 'JSON', 'without default', 'FORWARD_TRANSITIVE', false),
    ('json', 'JSON', 'alien', 'NONE', true),
    ('json', 'JSON', 'alien', 'BACKWARD', false),
    ('json', 'JSON', 'alien', 'FORWARD', false),
    -- Protobuf, whose fields come and go both ways, and whose integers are encoded alike.
    ('proto', 'PROTOBUF', 'plain', 'FULL_TRANSITIVE', true),
    ('proto', 'PROTOBUF', 'with default', 'FULL_TRANSITIVE', true),
    ('proto', 'PROTOBUF', 'wider', 'FULL_TRANSITIVE', true),
    ('proto', 'PROTOBUF', 'alien', 'NONE', true),
    ('proto', 'PROTOBUF', 'alien', 'BACKWARD', false),
    ('proto', 'PROTOBUF', 'alien', 'FORWARD', false),
    ('proto', 'PROTOBUF', 'alien', 'FULL_TRANSITIVE', false);
SELECT is(pg_temp.fits(e.subject, e.kind, e.name, e.level), e.answer, format('%s: %s, %s', e.subject, e.name, e.level)) FROM expected AS e;

-- Registering asks the same question, with the level that is configured.
SELECT dataplat.set_compatibility('backward_transitive', 'avro');
SELECT throws_ok($$SELECT dataplat.register_schema('avro', (SELECT s.text FROM schema AS s WHERE s.kind = 'AVRO' AND s.name = 'without default'))$$,
    '23514', NULL, 'a transitive level forbids what version 1 forbids');
SELECT dataplat.set_compatibility('backward', 'avro');
SELECT lives_ok($$SELECT dataplat.register_schema('avro', (SELECT s.text FROM schema AS s WHERE s.kind = 'AVRO' AND s.name = 'without default'))$$,
    'the same without transitive');
SELECT is(pg_temp.fits('avro', 'AVRO', 'plain', NULL), true, 'level NULL is the configured one');

-- One version only: a number, the latest.
SELECT is(pg_temp.fits('avro', 'AVRO', 'without default', 'BACKWARD_TRANSITIVE', '1'), false, 'with version 1');
SELECT is(pg_temp.fits('avro', 'AVRO', 'without default', 'BACKWARD_TRANSITIVE', '2'), true, 'with version 2, also when the level asks for all');
SELECT is(pg_temp.fits('avro', 'AVRO', 'without default', 'BACKWARD_TRANSITIVE', 'latest'), true, 'with the latest');
SELECT is(pg_temp.fits('avro', 'AVRO', 'without default', 'backward_transitive', '-1'), true, 'which is -1, too');
SELECT throws_matching($$SELECT pg_temp.fits('avro', 'AVRO', 'plain', 'FULL', '9')$$, 'version 9 of subject "avro" not found', 'a version that is not there');
SELECT throws_matching($$SELECT pg_temp.fits('avro', 'AVRO', 'plain', 'FULL', 'newest')$$, 'invalid version', 'what is no version');
SELECT throws_matching($$SELECT pg_temp.fits('avro', 'AVRO', 'plain', 'BOTH')$$, 'invalid compatibility level', 'what is no level');

-- A subject that is not there: nothing is against it, but it has no version 1.
SELECT is(pg_temp.fits('nowhere', 'AVRO', 'plain', 'FULL_TRANSITIVE'), true, 'an unknown subject');
SELECT is(pg_temp.fits('nowhere', 'AVRO', 'plain', 'FULL_TRANSITIVE', 'latest'), true, 'its latest version');
SELECT throws_matching($$SELECT pg_temp.fits('nowhere', 'AVRO', 'plain', 'FULL', '1')$$, 'not found', 'its version 1');

-- Deleted versions do not count.
SELECT dataplat.delete_schema_version('avro', 1);
SELECT is(pg_temp.fits('avro', 'AVRO', 'without default', 'BACKWARD_TRANSITIVE'), true, 'a deleted version is not compared');
SELECT throws_matching($$SELECT pg_temp.fits('avro', 'AVRO', 'plain', 'FULL', '1')$$, 'not found', 'nor can it be asked for');

-- Another language never fits, unless nobody asks.
SELECT is(dataplat.check_compatibility('avro', '{"type":"object"}', 'JSON', verbose => true) #>> '{messages,0}', 'Incompatible because of different schema type', 'another language');
SELECT is((dataplat.check_compatibility('avro', '{"type":"object"}', 'JSON', level => 'none') ->> 'is_compatible')::boolean, true, 'level NONE');

-- Messages: only when asked for; from the newest version that does not fit, in the words of the direction.
SELECT is(dataplat.check_compatibility('avro', '"int"'), '{"is_compatible": false}', 'no messages unless asked for');
SELECT is(dataplat.check_compatibility('avro', '"int"', verbose => true) -> 'messages' ->> -1, '{validateFields: ''false'', compatibility: ''BACKWARD''}', 'the last message tells the level');
SELECT is(dataplat.check_compatibility('avro', '"int"', verbose => true) -> 'messages' ->> -3, '{oldSchemaVersion: 3}', 'and the version that it was compared with');
SELECT is(dataplat.check_compatibility('nowhere', '"int"', verbose => true), '{"messages": [], "is_compatible": true}', 'no messages when it fits');
SELECT matches(dataplat.check_compatibility('avro back', (SELECT s.text FROM schema AS s WHERE s.kind = 'AVRO' AND s.name = 'plain'), level => 'forward_transitive', verbose => true) #>> '{messages,0}',
    'READER_FIELD_MISSING_DEFAULT_VALUE.*old schema', 'forward, it is the old schema that misses a default');

-- Policies: what JSON Schema's strict one forbids, the lenient one lets pass.
SELECT dataplat.set_compatibility('none', 'open'), dataplat.register_schema('open', '{"type":"object","properties":{"a":{"type":"integer"}}}', 'JSON');
SELECT is((dataplat.check_compatibility('open', '{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}}}', 'JSON', level => 'backward') ->> 'is_compatible')::boolean,
    false, 'STRICT: an open model must not get a property');
SELECT dataplat.configure_registry('{"compatibilityPolicy": "lenient"}', 'open');
SELECT is((dataplat.check_compatibility('open', '{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}}}', 'JSON', level => 'backward') ->> 'is_compatible')::boolean,
    true, 'LENIENT: it may');

-- Groups: versions with the same value of a metadata property are compared with each other.
SELECT dataplat.configure_registry('{"compatibility": "full", "compatibilityGroup": "major"}', 'group');
SELECT lives_ok($$SELECT dataplat.register_schema('group', '"int"', metadata => '{"properties": {"major": "1"}}')$$, 'the first group');
SELECT lives_ok($$SELECT dataplat.register_schema('group', '"string"', metadata => '{"properties": {"major": "2"}}')$$, 'another group may be anything');
SELECT throws_ok($$SELECT dataplat.register_schema('group', '"boolean"', metadata => '{"properties": {"major": "2"}}')$$, '23514', NULL, 'within a group it must fit');
SELECT lives_ok($$SELECT dataplat.register_schema('group', '"int"', metadata => '{"properties": {"major": "1", "x": "y"}}')$$, 'and does so past the other group');

-- Reserved fields.
SELECT dataplat.configure_registry('{"compatibility": "none", "validateFields": true}', 'reserved');
SELECT throws_ok($$SELECT dataplat.register_schema('reserved', (SELECT s.text FROM schema AS s WHERE s.kind = 'AVRO' AND s.name = 'plain'), metadata => '{"properties": {"confluent:reserved": "a"}}')$$,
    '23514', NULL, 'no field may have a reserved name');
SELECT lives_ok($$SELECT dataplat.register_schema('reserved', (SELECT s.text FROM schema AS s WHERE s.kind = 'AVRO' AND s.name = 'plain'), metadata => '{"properties": {"confluent:reserved": "b, c"}}')$$,
    'others may');
SELECT throws_ok($$SELECT dataplat.register_schema('reserved', (SELECT s.text FROM schema AS s WHERE s.kind = 'AVRO' AND s.name = 'plain'), metadata => '{"properties": {"confluent:reserved": "b"}}')$$,
    '23514', NULL, 'what is reserved stays reserved');
SELECT throws_ok($$SELECT dataplat.register_schema('reserved', (SELECT s.text FROM schema AS s WHERE s.kind = 'AVRO' AND s.name = 'with default'))$$,
    '23514', NULL, 'also in a version that inherits it');

SELECT * FROM finish();
ROLLBACK;
