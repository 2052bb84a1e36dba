-- Data against JSON Schemas: every keyword, every draft, and schemas that mean harm.
\set VERBOSITY terse
\set draft4 '{"$schema": "http://json-schema.org/draft-04/schema#"}'
\set draft2019 '{"$schema": "https://json-schema.org/draft/2019-09/schema"}'
\set draft2020 '{"$schema": "https://json-schema.org/draft/2020-12/schema"}'

-- All violations are told, each with its place.
SELECT * FROM dataplat.json_schema_validate(
    '{"id": -1, "name": "", "tags": ["a", "b", "a"], "home": {"zip/code": 7}, "ratio": 0.35, "x": 1}',
    '{"type": "object", "required": ["id", "born"], "additionalProperties": false, "maxProperties": 5,
      "properties": {"id": {"type": "integer", "minimum": 0}, "name": {"type": "string", "minLength": 1, "pattern": "^[A-Z]"},
                     "tags": {"uniqueItems": true, "maxItems": 2, "items": {"enum": ["a"]}},
                     "home": {"properties": {"zip/code": {"type": "string"}}}, "ratio": {"multipleOf": 0.1}}}')
 ORDER BY path, keyword, message;

-- Data that keeps to its schema makes no rows.
SELECT count(*) FROM dataplat.json_schema_validate('{"id": 1, "born": "2000-01-01"}', '{"required": ["id", "born"]}');

-- One line a keyword: schema, what holds, what does not.
CREATE TEMP TABLE keyword (id integer GENERATED ALWAYS AS IDENTITY, draft jsonb, schema jsonb, good jsonb, bad jsonb);
INSERT INTO keyword (draft, schema, good, bad) VALUES
('{}', '{"type": ["integer", "null"]}', '1.0', '1.5'),
('{}', '{"const": {"a": [1, 2.0]}}', '{"a": [1.0, 2]}', '{"a": [2, 1]}'),
('{}', '{"enum": [[], {}, "a"]}', '{}', '{"a": 1}'),
('{}', '{"maximum": 3, "exclusiveMinimum": 1}', '3', '1'),
('{}', '{"multipleOf": 0.01}', '4.02', '4.021'),
('{}', '{"multipleOf": 123456789012345678901234567890}', '246913578024691357802469135780', '246913578024691357802469135781'),
('{}', '{"multipleOf": 1e-30}', '1e30', '1e-31'),
('{}', '{"maxLength": 2}', '"äö"', '"abc"'),
('{}', '{"pattern": "^\\d{3}-\\w+$"}', '"123-a_1"', '"12a-b"'),
('{}', '{"contains": {"const": 1}}', '[0, 1]', '[0]'),
('{}', '{"items": [{"type": "string"}], "additionalItems": false}', '["a"]', '["a", 1]'),
('{}', '{"propertyNames": {"maxLength": 2}}', '{"ab": 1}', '{"abc": 1}'),
('{}', '{"patternProperties": {"^n": {"type": "number"}}, "additionalProperties": {"type": "string"}}', '{"n1": 1, "a": ""}', '{"n1": ""}'),
('{}', '{"dependencies": {"a": ["b"], "c": {"minProperties": 2}}}', '{"a": 1, "b": 2}', '{"c": 1}'),
('{}', '{"if": {"properties": {"t": {"const": 1}}}, "then": {"required": ["a"]}, "else": {"required": ["b"]}}', '{"t": 1, "a": 0}', '{"t": 2, "a": 0}'),
('{}', '{"allOf": [{"minimum": 1}, {"maximum": 2}]}', '2', '3'),
('{}', '{"anyOf": [{"minimum": 5}, {"maximum": 2}]}', '6', '4'),
('{}', '{"oneOf": [{"minimum": 5}, {"maximum": 7}]}', '8', '6'),
('{}', '{"not": {"type": "string"}}', '1', '"a"'),
('{}', '{"$ref": "#/definitions/a%25~1b", "maximum": 0, "definitions": {"a%/b": {"minimum": 1}}}', '1', '0'),
('{}', '{"properties": {"next": {"$ref": "#"}, "v": {"type": "integer"}}}', '{"next": {"next": {"v": 1}}}', '{"next": {"next": {"v": "a"}}}'),
(:'draft4', '{"maximum": 3, "exclusiveMaximum": true}', '2.9', '3'),
(:'draft4', '{"const": 1}', '1', NULL),
(:'draft2019', '{"minContains": 2, "maxContains": 3, "contains": {"type": "integer"}}', '[1, "a", 2]', '[1]'),
(:'draft2019', '{"$recursiveAnchor": true, "properties": {"a": {"$recursiveRef": "#"}}, "additionalProperties": false}', '{"a": {"a": {}}}', '{"a": {"b": 1}}'),
(:'draft2019', '{"$ref": "#/$defs/a", "maximum": 3, "$defs": {"a": {"minimum": 1}}}', '2', '4'),
(:'draft2020', '{"prefixItems": [{"type": "string"}], "items": {"type": "integer"}}', '["a", 1]', '["a", "b"]'),
(:'draft2020', '{"dependentRequired": {"a": ["b"]}}', '{"b": 1}', '{"a": 1}'),
(:'draft2020', '{"dependentSchemas": {"a": {"properties": {"b": {"type": "string"}}}}, "properties": {"a": true}, "unevaluatedProperties": false}', '{"a": 1, "b": ""}', '{"b": ""}'),
(:'draft2020', '{"allOf": [{"properties": {"a": true}}], "properties": {"b": true}, "unevaluatedProperties": false}', '{"a": 1, "b": 1}', '{"c": 1}'),
(:'draft2020', '{"anyOf": [{"prefixItems": [{"type": "string"}]}, {"contains": {"const": 7}}], "unevaluatedItems": false}', '["a", 7]', '["a", 8]'),
(:'draft2020', '{"$defs": {"x": {"$anchor": "here", "type": "null"}}, "$ref": "#here"}', 'null', '1'),
(:'draft2020', '{"$id": "http://a/tree", "$dynamicAnchor": "node", "properties": {"children": {"items": {"$dynamicRef": "#node"}}}, "unevaluatedProperties": false}', '{"children": [{"children": []}]}', '{"children": [{"child": 1}]}'),
('{}', 'true', '1', NULL);

SELECT k.id, k.schema, g.message AS should_hold, NOT EXISTS (SELECT FROM dataplat.json_schema_validate(k.bad, s.schema)) AS should_not
  FROM keyword AS k
 CROSS JOIN LATERAL (SELECT CASE jsonb_typeof(k.schema) WHEN 'object' THEN k.draft || k.schema ELSE k.schema END AS schema) AS s
  LEFT JOIN LATERAL (SELECT string_agg(v.message, '; ') AS message FROM dataplat.json_schema_validate(k.good, s.schema) AS v) AS g ON true
 WHERE g.message IS NOT NULL OR (k.bad IS NOT NULL AND NOT EXISTS (SELECT FROM dataplat.json_schema_validate(k.bad, s.schema)))
 ORDER BY k.id;

-- Formats are notes, unless they are asked to count.
SELECT count(*) FROM dataplat.json_schema_validate('"2024-02-30"', '{"format": "date"}');
SELECT * FROM dataplat.json_schema_validate('"2024-02-30"', '{"format": "date"}', check_formats => true);
SELECT string_agg(f.format, ' ' ORDER BY f.format) AS wrong
  FROM (VALUES ('date-time', '2024-02-29T23:59:60Z', '2023-02-29T00:00:00Z'), ('time', '01:02:03.5+01:00', '01:02:03'), ('duration', 'P1DT2H', 'P1D2H'),
               ('email', 'a.b@c.de', 'a..b@c.de'), ('hostname', 'a-b.c', '-a.b'), ('ipv4', '1.2.3.4', '1.2.3.256'), ('ipv6', '::ffff:1.2.3.4', '1::2::3'),
               ('uri', 'http://a/b?c#d', '/b'), ('uri-reference', '/b', '\b'), ('uuid', '2eb8aa08-aa98-11ea-b4aa-73b441d16380', '2eb8aa08'),
               ('json-pointer', '/a~1b', '/a~2'), ('relative-json-pointer', '0#', '-1'), ('regex', '^a(b)?$', '^a(b'), ('uri-template', '{a}/b', '{a/b')) AS f (format, good, bad)
 WHERE EXISTS (SELECT FROM dataplat.json_schema_validate(to_jsonb(f.good), jsonb_build_object('format', f.format), check_formats => true))
    OR NOT EXISTS (SELECT FROM dataplat.json_schema_validate(to_jsonb(f.bad), jsonb_build_object('format', f.format), check_formats => true));

-- Regular expressions are those of ECMA-262.
SELECT count(*) AS patterns, string_agg(p.pattern, '  ') FILTER (WHERE p.matches = EXISTS (SELECT FROM dataplat.json_schema_validate(to_jsonb(p.text), jsonb_build_object('pattern', p.pattern)))) AS wrong
  FROM (VALUES ('^\cC$', E'\x03', true), ('^\S$', E'\u00a0', false), ('^[^\W_]+$', 'a1', true), ('^\u{1F432}$', E'\U0001F432', true), ('^\ud83d\udc32$', E'\U0001F432', true),
               ('^.$', E'\n', false), ('^[^]$', E'\n', true), ('^(?<y>\d)\k<y>\1$', '777', true), ('^(?=.*\d)(?!x).{2,3}?$', 'a1', true), ('^(?=.*\d)(?!x).{2,3}?$', 'x1', false),
               ('^a{300}$', repeat('a', 300), true), ('^a{300}$', repeat('a', 299), false), ('^a{2,300}$', repeat('a', 300), true), ('^a{2,300}$', repeat('a', 301), false),
               ('^(ab){256,}$', repeat('ab', 400), true), ('^(ab){256,}$', repeat('ab', 255), false), ('a{', 'a{', true), ('\bfoo\b', 'a foo', true), ('\bfoo\b', 'afoo', false),
               ('^[\d\-x]+$', '1-x', true), ('x|', 'y', true), ('^\p{Lu}$', 'A', true), ('^\p{Lu}$', 'a', false), ('[]', 'a', false), ('^(a+)+$', repeat('a', 5000) || 'b', false)) AS p (pattern, text, matches);

-- References lead to what came along and to the metaschemas, never out of here.
SELECT count(*) FROM dataplat.json_schema_validate('{"a": {"b": 1}}', '{"$id": "http://x/root.json", "properties": {"a": {"$ref": "part.json#/definitions/p"}}}',
    '[{"name": "part.json", "schema": {"definitions": {"p": {"properties": {"b": {"$ref": "other.json"}}}}}}, {"name": "other.json", "schema": "{\"type\": \"string\"}"}]');
SELECT keyword, path FROM dataplat.json_schema_validate('{"type": 7}', '{"$ref": "http://json-schema.org/draft-07/schema#"}');
SELECT * FROM dataplat.json_schema_validate('1', '{"$ref": "http://example.com/schema.json"}');
SELECT * FROM dataplat.json_schema_validate('1', '{"$ref": "#/definitions/none"}');

-- What is no schema.
SELECT * FROM dataplat.json_schema_validate('1', '{"type": "text"}');
SELECT * FROM dataplat.json_schema_validate('1', '{"properties": {"a": {"minLength": -1}}}');
SELECT * FROM dataplat.json_schema_validate('1', '3');
SELECT * FROM dataplat.json_schema_validate('1', '{"pattern": "(a"}');
SELECT * FROM dataplat.json_schema_validate('1', '{"pattern": "\\p{Klingon}"}');
SELECT * FROM dataplat.json_schema_validate('1', 'true', '[{"name": "a"}]');
SELECT * FROM dataplat.json_schema_validate('1', 'true', '{}');

-- Schemas that mean harm: circles, towers of alternatives, depth.
SELECT * FROM dataplat.json_schema_validate('1', '{"$ref": "#"}');
SELECT * FROM dataplat.json_schema_validate('1', '{"allOf": [{"$ref": "#/definitions/a"}], "definitions": {"a": {"anyOf": [{"$ref": "#/definitions/a"}]}}}');
CREATE FUNCTION pg_temp.tower(levels integer) RETURNS jsonb LANGUAGE sql AS $$
SELECT jsonb_build_object('$ref', '#/definitions/l1', 'definitions', jsonb_object_agg('l' || n, CASE WHEN n = levels THEN 'false'::jsonb
           ELSE jsonb_build_object('anyOf', jsonb_build_array(jsonb_build_object('$ref', '#/definitions/l' || n + 1), jsonb_build_object('$ref', '#/definitions/l' || n + 1))) END))
  FROM generate_series(1, levels) AS n;
$$;
SELECT keyword FROM dataplat.json_schema_validate('1', pg_temp.tower(10));
SELECT keyword FROM dataplat.json_schema_validate('1', pg_temp.tower(60));
SELECT * FROM dataplat.json_schema_validate('1', (repeat('{"not": ', 250) || 'true' || repeat('}', 250))::jsonb);
SELECT count(*) FROM dataplat.json_schema_validate((repeat('[', 500) || repeat(']', 500))::jsonb, '{"items": {"$ref": "#"}}');
SELECT count(*) FROM dataplat.json_schema_validate((repeat('[', 3000) || repeat(']', 3000))::jsonb, '{"items": {"$ref": "#"}}');
SELECT path FROM dataplat.json_schema_validate((SELECT jsonb_agg(n % 50000) FROM generate_series(1, 50001) AS n), '{"uniqueItems": true}');

-- A call site keeps its schema, and takes another when it changes.
SELECT n, (SELECT string_agg(keyword, ',') FROM dataplat.json_schema_validate(to_jsonb(n), jsonb_build_object('maximum', n / 2 * 2))) AS broken
  FROM generate_series(1, 4) AS n;

-- Messages: the schema counts, then the fields and the rest.
SELECT dataplat_internal.json_schema_read('{"a": 1, "b": {"c": [1.50]}, "d": "x"}', '{"required": ["a"]}', '{a,d,e}');
SELECT dataplat_internal.json_schema_read('{"a": 1}', 'true', '{a}');
\set VERBOSITY default
SELECT dataplat_internal.json_schema_read('{"d": {"é~/": 1}}', '{"properties": {"d": {"additionalProperties": {"type": "string"}}}}', '{a}');
SELECT dataplat_internal.json_schema_read('{"d": ', 'true', '{a}');
\set VERBOSITY terse

-- What the registry asks: prints, and columns.
SELECT dataplat_internal.print_schema('JSON', '{"title": "T", "type":"object",  "properties": {"b": {"const": 1.0}, "a": {"pattern": "\"\\u00e9\\n"}}}', '{}', '{}', n) FROM (VALUES (false), (true)) AS v (n);
SELECT f.* FROM dataplat_internal.schema_fields('JSON', '{"title": "T", "type": "object", "required": ["i", "s", "u", "n"], "allOf": [{"properties": {"extra": {"type": "boolean"}}, "required": ["extra"]}],
    "definitions": {"money": {"type": "number", "description": "in cents"}},
    "properties": {"i": {"type": "integer"}, "n": {"type": ["number", "null"]}, "s": {"type": "string", "default": ""}, "t": {"type": "string", "format": "date-time"}, "d": {"type": "string", "format": "date"},
                   "u": {"type": "string", "format": "uuid"}, "b": {"type": "boolean"}, "m": {"$ref": "#/definitions/money"}, "o": {"type": "object"}, "l": {"type": "array"}, "e": {"enum": ["a", "b"]},
                   "c": {"anyOf": [{"type": "string"}, {"type": "null"}]}, "x": {"oneOf": [{"type": "string"}, {"type": "integer"}]}, "any": {}}}', '{}', '{}') AS f;

-- JSON as text may hold what a jsonb cannot.  Two literals are text, too; a jsonb beside a literal is not.
\set zeros '{"properties": {"c": {"const": "a\\u0000b"}, "e": {"enum": ["x", "\\u0000"]}, "p": {"pattern": "^\\u0000\\\\D$"}, "l": {"maxLength": 1}}, "required": ["r\\u0000"], "dependencies": {"d\\u0000": ["f"]}, "propertyNames": {"not": {"const": "\\u0000"}}}'
SELECT count(*) FROM dataplat.json_schema_validate('{"c": "a\u0000b", "e": "\u0000", "p": "\u0000\u0000", "l": "\u0000", "r\u0000": 1, "d": 2}', :'zeros');
SELECT * FROM dataplat.json_schema_validate('{"c": "a", "e": "\u0000\u0000", "p": "\u00001", "l": "a\u0000", "d\u0000": 2, "\u0000": 3}', :'zeros') ORDER BY path, keyword;
SELECT path, keyword FROM dataplat.json_schema_validate('{"a": {"b\u0000c": 1}}', '{"properties": {"a": {"additionalProperties": {"type": "string"}}}}');
SELECT keyword FROM dataplat.json_schema_validate('"b"', '{"$ref": "#/definitions/a%00b", "definitions": {"a\u0000b": {"const": "a"}, "a": true}}');
SELECT keyword FROM dataplat.json_schema_validate('1', '{"$ref": "b.json"}', '[{"name": "b.json", "schema": "{\"const\": \"\\u0000\"}"}]');
SELECT * FROM dataplat.json_schema_validate('1', '{"$ref": "#/definitions/a\u0000", "definitions": {"a": true}}');
SELECT count(*) FROM dataplat.json_schema_validate('1'::jsonb, '{"const": "\u0000"}');
SELECT t.data, count(v.*) FROM (VALUES ('1'::text), ('"a"')) AS t (data), LATERAL dataplat.json_schema_validate(t.data, '{"type": "string"}') AS v GROUP BY t.data;

-- The same numbers, the same rules of JSON, and an error that names the argument.
SELECT keyword FROM dataplat.json_schema_validate('[1e5000, 1.0, 0.1, -0]', '{"items": {"multipleOf": 0.1, "minimum": 0}, "uniqueItems": true, "maxItems": 3}');
SELECT keyword FROM dataplat.json_schema_validate('{"a": 1, "a": "x"}', '{"properties": {"a": {"type": "string"}}, "properties": {"a": {"type": "integer"}}}');
\set VERBOSITY default
SELECT * FROM dataplat.json_schema_validate('{"a": "\x"}', 'true');
SELECT * FROM dataplat.json_schema_validate('1', '{"type": }');
SELECT * FROM dataplat.json_schema_validate('', 'true');
SELECT * FROM dataplat.json_schema_validate('"\ud800"', 'true');
\set VERBOSITY terse
SELECT * FROM dataplat.json_schema_validate(repeat('[', 5000) || repeat(']', 5000), 'true');
SELECT keyword FROM dataplat.json_schema_validate('"' || repeat('é', 3000000) || '\u0000"', '{"maxLength": 3000000}');

-- A registered schema may hold it, too; no message can, so it is a dead letter as without a schema.
SELECT dataplat_internal.print_schema('JSON', '{"const": "a\u0000b", "b\u0000": 1, "b": 2}', '{}', '{}', true);
SELECT f.name, f.type FROM dataplat_internal.schema_fields('JSON', '{"properties": {"a": {"type": "string"}, "a\u0000": {"type": "integer"}}}', '{}', '{}') AS f;
SELECT type, path FROM dataplat.schema_diff('{"type": "string", "pattern": "\u0000a", "title": "\u0000"}', '{"type": "string", "pattern": "\u0000b", "title": "\u0000\u0000"}', 'JSON');
SELECT dataplat_internal.json_schema_read('{"a": "\\u0000"}', '{"const": {"a": "\u0000"}}', '{a}');

-- Names of hosts in all scripts (IDNA 2008): contexts, directions, Punycode, lengths as they are sent.
SELECT string_agg(h.name, ' ' ORDER BY h.n) AS wrong
  FROM (VALUES (1, 'host-1.example', true, true), (2, 'bücher.example', false, true), (3, 'xn--bcher-kva.example', true, true), (4, 'xn--X', false, false), (5, 'xn--bcher-kv', false, false),
               (6, 'xn--abc-', false, false), (7, 'ab--cd', false, false), (8, 'Bücher', false, false), (9, 'a_b', false, false), (10, 'l·l', false, true), (11, 'a·l', false, false),
               (12, 'א׳ב', false, true), (13, 'a׳ב', false, false), (14, 'ב1', false, true), (15, '1ב', false, false), (16, 'ב.1a', false, false), (17, 'aב', false, false), (18, E'\u0915\u094D\u200D\u0937', false, true),
               (19, E'\u0915\u200D\u0937', false, false), (20, E'\u0628\u064A\u200C\u0628', false, true), (21, E'\u0627\u200C\u0628', false, false), (22, E'\u0300a', false, false), (23, E'\u30FB\u30A2', false, true), (24, E'a\u30FB', false, false),
               (25, E'\u0660\u0661\u0628', false, false), (26, E'\u0628\u0660\u06F0', false, false), (27, E'a\u3002b', false, true), (28, '例え.テスト', false, true), (29, 'a..b', false, false), (30, '', false, false),
               (31, repeat('실', 30), false, true), (32, repeat('실', 62), false, false), (33, repeat('a', 63), true, true), (34, repeat('a', 64), false, false), (35, rtrim(repeat('abcd.', 50), '.'), true, true),
               (36, repeat('abcd.', 51) || 'a', false, false), (37, '😀', false, false), (38, 'xn--e28h', false, false), (39, 'xn--99999999', false, false)) AS h (n, name, good, idn_good)
 WHERE h.good = EXISTS (SELECT FROM dataplat.json_schema_validate(to_jsonb(h.name), '{"format": "hostname"}', check_formats => true))
    OR h.idn_good = EXISTS (SELECT FROM dataplat.json_schema_validate(to_jsonb(h.name), '{"format": "idn-hostname"}', check_formats => true))
    OR h.idn_good = EXISTS (SELECT FROM dataplat.json_schema_validate(to_jsonb('ä@' || h.name), '{"format": "idn-email"}', check_formats => true));

-- A metaschema of one's own says what counts; digits of all scripts are digits; 1.0 is no integer in draft 4.
SELECT v.keyword, v.path
  FROM dataplat.json_schema_validate('{"a": "x", "b": "x"}', '{"$schema": "http://x/meta", "properties": {"a": {"format": "ipv4"}, "b": {"$id": "http://x/b", "format": "ipv6", "maxLength": 0}}}',
    '[{"name": "http://x/meta", "schema": {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "http://x/meta",
       "$vocabulary": {"https://json-schema.org/draft/2020-12/vocab/core": true, "https://json-schema.org/draft/2020-12/vocab/format-assertion": false}}}]') AS v
 ORDER BY v.path;
SELECT count(*) FROM dataplat.json_schema_validate(to_jsonb(E'4\u09EA\U00011066'::text), '{"pattern": "^\\p{Nd}{3}$", "not": {"pattern": "\\P{digit}"}}');
SELECT n AS number, (SELECT count(*) FROM dataplat.json_schema_validate(n, '{"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer"}')) AS draft4,
       (SELECT count(*) FROM dataplat.json_schema_validate(n, '{"type": "integer"}')) AS draft7
  FROM unnest('{1,1.0,1e2,-0.0,123456789012345678901234567890.0}'::text[]) AS n;
