-- Kinds of change and what Confluent's published rules call them, each way.
-- A difference is written "NAME path"; ! marks what breaks readers, ~ what
-- breaks them unless the policy is LENIENT.
CREATE TEMP TABLE change (id integer GENERATED ALWAYS AS IDENTITY, kind text, old text, new text, forward text, back text);

INSERT INTO change (kind, old, new, forward, back) VALUES
-- what is said about a schema
('nothing', '{"type": "string"}', '{ "type" : "string" }', '', ''),
('id', '{"$id": "http://a/1", "type": "string"}', '{"$id": "http://a/2", "type": "string"}', 'ID_CHANGED #/', 'ID_CHANGED #/'),
('title', '{"title": "a", "type": "string"}', '{"title": "b", "type": "string"}', 'TITLE_CHANGED #/', 'TITLE_CHANGED #/'),
('description', '{"type": "string"}', '{"type": "string", "description": "x"}', 'DESCRIPTION_CHANGED #/', 'DESCRIPTION_CHANGED #/'),
('default', '{"type": "string"}', '{"type": "string", "default": "x"}', 'DEFAULT_CHANGED #/', 'DEFAULT_CHANGED #/'),
-- types
('type', '{"type": "string"}', '{"type": "boolean"}', '!TYPE_CHANGED #/', '!TYPE_CHANGED #/'),
('integer to number', '{"type": "integer"}', '{"type": "number"}', 'TYPE_EXTENDED #/', '!TYPE_NARROWED #/'),
('to anything', '{"type": "string"}', '{}', '', '!TYPE_CHANGED #/'),
('from nothing', 'false', '{"type": "string"}', '', '!TYPE_CHANGED #/'),
('nullable', '{"type": "string"}', '{"type": ["string", "null"]}', 'SUM_TYPE_EXTENDED #/', '!TYPE_CHANGED #/'),
('more types', '{"type": ["string", "null"]}', '{"type": ["string", "null", "boolean"]}', 'SUM_TYPE_EXTENDED #/', '!SUM_TYPE_NARROWED #/'),
('list of one type', '{"type": "string"}', '{"type": ["string"]}', '', ''),
('bytes of Connect', '{"type": "string", "connect.type": "bytes"}', '{"type": "number", "connect.type": "bytes"}', '', ''),
-- strings
('maxLength', '{"type": "string"}', '{"type": "string", "maxLength": 5}', '!MAX_LENGTH_ADDED #/maxLength', 'MAX_LENGTH_REMOVED #/maxLength'),
('maxLength up', '{"type": "string", "maxLength": 5}', '{"type": "string", "maxLength": 6}', 'MAX_LENGTH_INCREASED #/maxLength', '!MAX_LENGTH_DECREASED #/maxLength'),
('minLength', '{"type": "string"}', '{"type": "string", "minLength": 5}', '!MIN_LENGTH_ADDED #/minLength', 'MIN_LENGTH_REMOVED #/minLength'),
('minLength up', '{"type": "string", "minLength": 5}', '{"type": "string", "minLength": 6}', '!MIN_LENGTH_INCREASED #/minLength', 'MIN_LENGTH_DECREASED #/minLength'),
('pattern', '{"type": "string"}', '{"type": "string", "pattern": "a"}', '!PATTERN_ADDED #/pattern', 'PATTERN_REMOVED #/pattern'),
('other pattern', '{"type": "string", "pattern": "a"}', '{"type": "string", "pattern": "b"}', '!PATTERN_CHANGED #/pattern', '!PATTERN_CHANGED #/pattern'),
('format', '{"type": "string"}', '{"type": "string", "format": "date"}', '', ''),
-- numbers
('maximum', '{"type": "number"}', '{"type": "number", "maximum": 5}', '!MAXIMUM_ADDED #/maximum', 'MAXIMUM_REMOVED #/maximum'),
('maximum up', '{"type": "number", "maximum": 5}', '{"type": "number", "maximum": 5.5}', 'MAXIMUM_INCREASED #/maximum', '!MAXIMUM_DECREASED #/maximum'),
('minimum', '{"type": "number"}', '{"type": "number", "minimum": 5}', '!MINIMUM_ADDED #/minimum', 'MINIMUM_REMOVED #/minimum'),
('minimum up', '{"type": "number", "minimum": -5}', '{"type": "number", "minimum": 6}', '!MINIMUM_INCREASED #/minimum', 'MINIMUM_DECREASED #/minimum'),
('exclusiveMaximum', '{"type": "number"}', '{"type": "number", "exclusiveMaximum": 5}', '!EXCLUSIVE_MAXIMUM_ADDED #/exclusiveMaximum', 'EXCLUSIVE_MAXIMUM_REMOVED #/exclusiveMaximum'),
('exclusiveMaximum up', '{"type": "number", "exclusiveMaximum": 5}', '{"type": "number", "exclusiveMaximum": 6}', 'EXCLUSIVE_MAXIMUM_INCREASED #/exclusiveMaximum', '!EXCLUSIVE_MAXIMUM_DECREASED #/exclusiveMaximum'),
('exclusiveMinimum', '{"type": "number"}', '{"type": "number", "exclusiveMinimum": 5}', '!EXCLUSIVE_MINIMUM_ADDED #/exclusiveMinimum', 'EXCLUSIVE_MINIMUM_REMOVED #/exclusiveMinimum'),
('exclusiveMinimum up', '{"type": "number", "exclusiveMinimum": 5}', '{"type": "number", "exclusiveMinimum": 6}', '!EXCLUSIVE_MINIMUM_INCREASED #/exclusiveMinimum', 'EXCLUSIVE_MINIMUM_DECREASED #/exclusiveMinimum'),
('multipleOf', '{"type": "number"}', '{"type": "number", "multipleOf": 5}', '!MULTIPLE_OF_ADDED #/multipleOf', 'MULTIPLE_OF_REMOVED #/multipleOf'),
('multipleOf times', '{"type": "number", "multipleOf": 0.1}', '{"type": "number", "multipleOf": 0.3}', '!MULTIPLE_OF_EXPANDED #/multipleOf', 'MULTIPLE_OF_REDUCED #/multipleOf'),
('multipleOf other', '{"type": "number", "multipleOf": 4}', '{"type": "number", "multipleOf": 6}', '!MULTIPLE_OF_CHANGED #/multipleOf', '!MULTIPLE_OF_CHANGED #/multipleOf'),
('same number', '{"type": "number", "maximum": 5}', '{"type": "number", "maximum": 5.0}', '', ''),
-- values
('enum more', '{"enum": ["a"]}', '{"enum": ["b", "a"]}', 'ENUM_ARRAY_EXTENDED #/enum', '!ENUM_ARRAY_NARROWED #/enum'),
('enum other', '{"enum": ["a", "c"]}', '{"enum": ["b", "a"]}', '!ENUM_ARRAY_CHANGED #/enum', '!ENUM_ARRAY_CHANGED #/enum'),
('enum order', '{"enum": ["a", "b"]}', '{"enum": ["b", "a"]}', '', ''),
('enum of a type', '{"type": "string", "enum": ["a"]}', '{"type": "string", "enum": ["a", "b"]}', 'ENUM_ARRAY_EXTENDED #/allOf/0/enum', '!COMBINED_TYPE_SUBSCHEMAS_CHANGED #/'),
('enum dropped', '{"type": "string", "enum": ["a"]}', '{"type": "string"}', 'PRODUCT_TYPE_NARROWED #/', '!TYPE_CHANGED #/'),
('const', '{"const": 1}', '{"const": 2}', '!ENUM_ARRAY_CHANGED #/const', '!ENUM_ARRAY_CHANGED #/const'),
('const to enum', '{"const": 1}', '{"enum": [1]}', '!TYPE_CHANGED #/', '!TYPE_CHANGED #/'),
-- properties, by what else a schema allows
('optional property, open', '{"type": "object"}', '{"type": "object", "properties": {"a": {"type": "string"}}}', '~OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/properties/a', 'PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL #/properties/a'),
('required property, open', '{"type": "object"}', '{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}', '!REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/properties/a', 'PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL #/properties/a'),
('required property with default, open', '{"type": "object"}', '{"type": "object", "properties": {"a": {"type": "string", "default": ""}}, "required": ["a"]}', '~REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL #/properties/a', 'PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL #/properties/a'),
('property of anything, open', '{"type": "object"}', '{"type": "object", "properties": {"a": {}}}', 'PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL #/properties/a', 'PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL #/properties/a'),
('optional property, closed', '{"type": "object", "additionalProperties": false}', '{"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false}', 'OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL #/properties/a', '~PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/properties/a'),
('required property, closed', '{"type": "object", "additionalProperties": false}', '{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}', '!REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL #/properties/a', '~PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/properties/a'),
('required property with default, closed', '{"type": "object", "additionalProperties": false}', '{"type": "object", "properties": {"a": {"type": "string", "default": ""}}, "required": ["a"], "additionalProperties": false}', 'REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_UNOPEN_CONTENT_MODEL #/properties/a', '~PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/properties/a'),
('forbidden property, closed', '{"type": "object", "additionalProperties": false}', '{"type": "object", "properties": {"a": false}, "additionalProperties": false}', 'OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL #/properties/a', 'PROPERTY_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL #/properties/a'),
('property, partially open', '{"type": "object", "additionalProperties": {"type": "string"}}', '{"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}}', 'PROPERTY_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/properties/a, OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL #/properties/a', 'PROPERTY_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/properties/a'),
('other property, partially open', '{"type": "object", "additionalProperties": {"type": "string"}}', '{"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": {"type": "string"}}', '!TYPE_CHANGED #/properties/a, ~PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/properties/a, OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL #/properties/a', '!TYPE_CHANGED #/properties/a, ~PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/properties/a'),
('property by pattern', '{"type": "object", "patternProperties": {"^a": {"type": "string"}}, "additionalProperties": false}', '{"type": "object", "properties": {"ab": {"type": "string"}}, "patternProperties": {"^a": {"type": "string"}}, "additionalProperties": false}', 'PROPERTY_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/properties/ab, OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL #/properties/ab', 'PROPERTY_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/properties/ab'),
('type of a property', '{"type": "object", "properties": {"a": {"type": "string"}}}', '{"type": "object", "properties": {"a": {"type": "integer"}}}', '!TYPE_CHANGED #/properties/a', '!TYPE_CHANGED #/properties/a'),
('deep down', '{"properties": {"a": {"properties": {"b": {"type": "integer"}}}}}', '{"properties": {"a": {"properties": {"b": {"type": "number"}}}}}', 'TYPE_EXTENDED #/properties/a/properties/b', '!TYPE_NARROWED #/properties/a/properties/b'),
('required', '{"type": "object", "properties": {"a": {"type": "string"}}}', '{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}', '!REQUIRED_ATTRIBUTE_ADDED #/required/a', 'REQUIRED_ATTRIBUTE_REMOVED #/required/a'),
('required with default', '{"type": "object", "properties": {"a": {"type": "string", "default": ""}}}', '{"type": "object", "properties": {"a": {"type": "string", "default": ""}}, "required": ["a"]}', 'REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED #/required/a', 'REQUIRED_ATTRIBUTE_REMOVED #/required/a'),
('maxProperties', '{"type": "object"}', '{"type": "object", "maxProperties": 1}', '!MAX_PROPERTIES_ADDED #/maxProperties', 'MAX_PROPERTIES_REMOVED #/maxProperties'),
('maxProperties up', '{"type": "object", "maxProperties": 1}', '{"type": "object", "maxProperties": 2}', 'MAX_PROPERTIES_INCREASED #/maxProperties', '!MAX_PROPERTIES_DECREASED #/maxProperties'),
('minProperties', '{"type": "object"}', '{"type": "object", "minProperties": 1}', '!MIN_PROPERTIES_ADDED #/minProperties', 'MIN_PROPERTIES_REMOVED #/minProperties'),
('minProperties up', '{"type": "object", "minProperties": 1}', '{"type": "object", "minProperties": 2}', '!MIN_PROPERTIES_INCREASED #/minProperties', 'MIN_PROPERTIES_DECREASED #/minProperties'),
('closed', '{"type": "object"}', '{"type": "object", "additionalProperties": false}', '~ADDITIONAL_PROPERTIES_REMOVED #/additionalProperties', 'ADDITIONAL_PROPERTIES_ADDED #/additionalProperties'),
('partially closed', '{"type": "object"}', '{"type": "object", "additionalProperties": {"type": "string"}}', '~ADDITIONAL_PROPERTIES_NARROWED #/additionalProperties', 'ADDITIONAL_PROPERTIES_EXTENDED #/additionalProperties'),
('other additional', '{"type": "object", "additionalProperties": {"type": "integer"}}', '{"type": "object", "additionalProperties": {"type": "number"}}', 'TYPE_EXTENDED #/additionalProperties', '!TYPE_NARROWED #/additionalProperties'),
('dependency', '{"type": "object"}', '{"type": "object", "dependencies": {"a": ["b"]}}', '!DEPENDENCY_ARRAY_ADDED #/dependencies/a', 'DEPENDENCY_ARRAY_REMOVED #/dependencies/a'),
('dependency more', '{"type": "object", "dependencies": {"a": ["b"]}}', '{"type": "object", "dependencies": {"a": ["b", "c"]}}', '!DEPENDENCY_ARRAY_EXTENDED #/dependencies/a', 'DEPENDENCY_ARRAY_NARROWED #/dependencies/a'),
('dependency other', '{"type": "object", "dependencies": {"a": ["b"]}}', '{"type": "object", "dependencies": {"a": ["c"]}}', '!DEPENDENCY_ARRAY_CHANGED #/dependencies/a', '!DEPENDENCY_ARRAY_CHANGED #/dependencies/a'),
('schema dependency', '{"type": "object"}', '{"type": "object", "dependencies": {"a": {"minProperties": 2}}}', '!DEPENDENCY_SCHEMA_ADDED #/dependencies/a', 'DEPENDENCY_SCHEMA_REMOVED #/dependencies/a'),
('schema dependency other', '{"type": "object", "dependencies": {"a": {"minProperties": 2}}}', '{"type": "object", "dependencies": {"a": {"minProperties": 3}}}', '!MIN_PROPERTIES_INCREASED #/dependencies/a/minProperties', 'MIN_PROPERTIES_DECREASED #/dependencies/a/minProperties'),
-- items
('items', '{"type": "array"}', '{"type": "array", "items": {"type": "string"}}', '!SCHEMA_ADDED #/items', 'SCHEMA_REMOVED #/items'),
('type of items', '{"type": "array", "items": {"type": "integer"}}', '{"type": "array", "items": {"type": "number"}}', 'TYPE_EXTENDED #/items', '!TYPE_NARROWED #/items'),
('maxItems', '{"type": "array"}', '{"type": "array", "maxItems": 1}', '!MAX_ITEMS_ADDED #/maxItems', 'MAX_ITEMS_REMOVED #/maxItems'),
('maxItems up', '{"type": "array", "maxItems": 1}', '{"type": "array", "maxItems": 2}', 'MAX_ITEMS_INCREASED #/maxItems', '!MAX_ITEMS_DECREASED #/maxItems'),
('minItems', '{"type": "array"}', '{"type": "array", "minItems": 1}', '!MIN_ITEMS_ADDED #/minItems', 'MIN_ITEMS_REMOVED #/minItems'),
('minItems up', '{"type": "array", "minItems": 1}', '{"type": "array", "minItems": 2}', '!MIN_ITEMS_INCREASED #/minItems', 'MIN_ITEMS_DECREASED #/minItems'),
('uniqueItems', '{"type": "array"}', '{"type": "array", "uniqueItems": true}', '!UNIQUE_ITEMS_ADDED #/uniqueItems', 'UNIQUE_ITEMS_REMOVED #/uniqueItems'),
('item of a tuple, open', '{"type": "array", "items": [{"type": "string"}]}', '{"type": "array", "items": [{"type": "string"}, {"type": "null"}]}', '!ITEM_ADDED_TO_OPEN_CONTENT_MODEL #/items/1', 'ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL #/items/1'),
('item of anything, open', '{"type": "array", "items": [{"type": "string"}]}', '{"type": "array", "items": [{"type": "string"}, {}]}', 'ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL #/items/1', 'ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL #/items/1'),
('item of a tuple, closed', '{"type": "array", "items": [{"type": "string"}], "additionalItems": false}', '{"type": "array", "items": [{"type": "string"}, {"type": "null"}], "additionalItems": false}', 'ITEM_ADDED_TO_CLOSED_CONTENT_MODEL #/items/1', '!ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL #/items/1'),
('forbidden item, closed', '{"type": "array", "items": [{"type": "string"}], "additionalItems": false}', '{"type": "array", "items": [{"type": "string"}, false], "additionalItems": false}', 'ITEM_ADDED_TO_CLOSED_CONTENT_MODEL #/items/1', 'ITEM_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL #/items/1'),
('item of a tuple, partially open', '{"type": "array", "items": [{"type": "string"}], "additionalItems": {"type": "null"}}', '{"type": "array", "items": [{"type": "string"}, {"type": "null"}], "additionalItems": {"type": "null"}}', 'ITEM_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/items/1', 'ITEM_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/items/1'),
('other item of a tuple, partially open', '{"type": "array", "items": [{"type": "string"}], "additionalItems": {"type": "null"}}', '{"type": "array", "items": [{"type": "string"}, {"type": "string"}], "additionalItems": {"type": "null"}}', '!TYPE_CHANGED #/items/1, !ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/items/1', '!TYPE_CHANGED #/items/1, !ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/items/1'),
('additionalItems', '{"type": "array", "items": [{}]}', '{"type": "array", "items": [{}], "additionalItems": false}', '!ADDITIONAL_ITEMS_REMOVED #/additionalItems', 'ADDITIONAL_ITEMS_ADDED #/additionalItems'),
('additionalItems of a type', '{"type": "array", "items": [{}]}', '{"type": "array", "items": [{}], "additionalItems": {"type": "string"}}', '!ADDITIONAL_ITEMS_NARROWED #/additionalItems', 'ADDITIONAL_ITEMS_EXTENDED #/additionalItems'),
-- combinations
('choice more', '{"oneOf": [{"type": "string"}, {"type": "null"}]}', '{"oneOf": [{"type": "null"}, {"type": "string"}, {"type": "boolean"}]}', 'SUM_TYPE_EXTENDED #/', '!SUM_TYPE_NARROWED #/'),
('choice order', '{"oneOf": [{"type": "string"}, {"type": "null"}]}', '{"oneOf": [{"type": "null"}, {"type": "string"}]}', '', ''),
('choice with a wider part', '{"oneOf": [{"type": "string", "maxLength": 5}, {"type": "null"}]}', '{"oneOf": [{"type": "null"}, {"type": "string", "maxLength": 8}]}', 'MAX_LENGTH_INCREASED #/oneOf/0/maxLength', '!COMBINED_TYPE_SUBSCHEMAS_CHANGED #/'),
('choice of others', '{"anyOf": [{"type": "string"}, {"type": "null"}]}', '{"anyOf": [{"type": "string"}, {"type": "boolean"}]}', '!COMBINED_TYPE_SUBSCHEMAS_CHANGED #/', '!COMBINED_TYPE_SUBSCHEMAS_CHANGED #/'),
('demand more', '{"allOf": [{"type": "string"}, {"maxLength": 5}]}', '{"allOf": [{"type": "string"}, {"maxLength": 5}, {"enum": ["a"]}]}', '!PRODUCT_TYPE_EXTENDED #/', 'PRODUCT_TYPE_NARROWED #/'),
('repeated part', '{"allOf": [{"type": "string"}, {"type": "string"}]}', '{"allOf": [{"type": "string"}]}', '', ''),
('one to any', '{"oneOf": [{"type": "string"}, {"type": "null"}]}', '{"anyOf": [{"type": "string"}, {"type": "null"}]}', 'COMBINED_TYPE_EXTENDED #/', '!COMBINED_TYPE_CHANGED #/'),
('one to all', '{"oneOf": [{"type": "string"}, {"type": "null"}]}', '{"allOf": [{"type": "string"}, {"type": "null"}]}', '!COMBINED_TYPE_CHANGED #/', '!COMBINED_TYPE_CHANGED #/'),
('one of one to all of one', '{"oneOf": [{"type": "string"}]}', '{"allOf": [{"type": "string"}]}', 'COMBINED_TYPE_EXTENDED #/', 'COMBINED_TYPE_EXTENDED #/'),
('plain to choice', '{"type": "string"}', '{"oneOf": [{"type": "null"}, {"type": "string"}]}', 'SUM_TYPE_EXTENDED #/', '!TYPE_CHANGED #/'),
('plain to choice of one', '{"type": "string"}', '{"oneOf": [{"type": "string"}]}', '', ''),
('plain to demands', '{"type": "string"}', '{"allOf": [{"type": "string"}, {"enum": ["a"]}]}', '!TYPE_CHANGED #/', 'PRODUCT_TYPE_NARROWED #/'),
('not less', '{"not": {"type": "number"}}', '{"not": {"type": "integer"}}', 'NOT_TYPE_NARROWED #/not', '!NOT_TYPE_EXTENDED #/not'),
-- references
('reference', '{"$ref": "#/definitions/a", "definitions": {"a": {"type": "integer"}}}', '{"$ref": "#/definitions/b", "definitions": {"b": {"type": "number"}}}', 'TYPE_EXTENDED #/', '!TYPE_NARROWED #/'),
('recursion', '{"type": "object", "properties": {"v": {"type": "integer"}, "next": {"$ref": "#"}}}', '{"type": "object", "properties": {"v": {"type": "number"}, "next": {"$ref": "#"}}}', 'TYPE_EXTENDED #/properties/v', '!TYPE_NARROWED #/properties/v'),
-- what came with 2019-09 and 2020-12
('unevaluated closed', '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}', '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "unevaluatedProperties": false}', '~UNEVALUATED_PROPERTIES_REMOVED #/unevaluatedProperties', 'UNEVALUATED_PROPERTIES_ADDED #/unevaluatedProperties'),
('unevaluated of a type', '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}', '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "unevaluatedProperties": {"type": "string"}}', '~UNEVALUATED_PROPERTIES_NARROWED #/unevaluatedProperties', 'UNEVALUATED_PROPERTIES_EXTENDED #/unevaluatedProperties'),
('unevaluated items closed', '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "array"}', '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "array", "unevaluatedItems": false}', '!UNEVALUATED_ITEMS_REMOVED #/unevaluatedItems', 'UNEVALUATED_ITEMS_ADDED #/unevaluatedItems'),
('unevaluated items of a type', '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "array"}', '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "array", "unevaluatedItems": {"type": "string"}}', '!UNEVALUATED_ITEMS_NARROWED #/unevaluatedItems', 'UNEVALUATED_ITEMS_EXTENDED #/unevaluatedItems'),
('maxContains', '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "array"}', '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "array", "maxContains": 2}', '!MAX_CONTAINS_ADDED #/maxContains', 'MAX_CONTAINS_REMOVED #/maxContains'),
('maxContains up', '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "array", "maxContains": 2}', '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "array", "maxContains": 3}', 'MAX_CONTAINS_INCREASED #/maxContains', '!MAX_CONTAINS_DECREASED #/maxContains'),
('minContains', '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "array"}', '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "array", "minContains": 2}', '!MIN_CONTAINS_ADDED #/minContains', 'MIN_CONTAINS_REMOVED #/minContains'),
('minContains up', '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "array", "minContains": 2}', '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "array", "minContains": 3}', '!MIN_CONTAINS_INCREASED #/minContains', 'MIN_CONTAINS_DECREASED #/minContains'),
('prefixItems', '{"$schema": "https://json-schema.org/draft/2020-12/schema", "prefixItems": [{"type": "string"}], "items": false}', '{"$schema": "https://json-schema.org/draft/2020-12/schema", "prefixItems": [{"type": "string"}, {"type": "null"}], "items": false}', 'ITEM_ADDED_TO_CLOSED_CONTENT_MODEL #/items/1', '!ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL #/items/1'),
('dependentRequired', '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}', '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "dependentRequired": {"a": ["b"]}}', '!DEPENDENCY_ARRAY_ADDED #/dependencies/a', 'DEPENDENCY_ARRAY_REMOVED #/dependencies/a'),
('dependentSchemas', '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}', '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "dependentSchemas": {"a": {"minProperties": 2}}}', '!DEPENDENCY_SCHEMA_ADDED #/dependencies/a', 'DEPENDENCY_SCHEMA_REMOVED #/dependencies/a');

-- What is found, in the same notation.
CREATE FUNCTION pg_temp.found(old text, new text) RETURNS text LANGUAGE sql AS $$
SELECT coalesce(string_agg(CASE WHEN s.compatible THEN '' WHEN l.compatible THEN '~' ELSE '!' END || s.type || ' ' || s.path, ', ' ORDER BY s.n), '')
  FROM (SELECT row_number() OVER () AS n, * FROM dataplat.schema_diff(old, new, 'JSON')) AS s
  LEFT JOIN (SELECT row_number() OVER () AS n, * FROM dataplat.schema_diff(old, new, 'JSON', 'LENIENT')) AS l USING (n, type, path);
$$;

SELECT count(*) AS kinds FROM change;

SELECT c.kind, w.way, w.expected, w.found
  FROM change AS c,
       LATERAL (VALUES ('forward', c.forward, pg_temp.found(c.old, c.new)),
                       ('back', c.back, pg_temp.found(c.new, c.old))) AS w (way, expected, found)
 WHERE w.found IS DISTINCT FROM w.expected
 ORDER BY c.id, w.way DESC;

-- A cycle hides nothing: T0 and T1 change, and reach each other through T2.
CREATE FUNCTION pg_temp.cyclic(t0 text, t1 text) RETURNS text LANGUAGE sql AS $$
SELECT jsonb_build_object('type', 'object', 'definitions', jsonb_object_agg(name, jsonb_build_object('type', 'object', 'properties',
           jsonb_build_object('id', jsonb_build_object('type', id), 'ref', jsonb_build_object('oneOf', jsonb_build_array(jsonb_build_object('$ref', '#/definitions/' || target)))))),
       'properties', '{"root": {"oneOf": [{"$ref": "#/definitions/T0"}, {"$ref": "#/definitions/T1"}]}}'::jsonb)::text
  FROM (VALUES ('T0', t0, 'T2'), ('T1', t1, 'T2'), ('T2', 'integer', 'T0')) AS t (name, id, target);
$$;
SELECT type, path, compatible FROM dataplat.schema_diff(pg_temp.cyclic('integer', 'boolean'), pg_temp.cyclic('boolean', 'number'), 'JSON');
SELECT count(*) FROM dataplat.schema_diff(pg_temp.cyclic('integer', 'boolean'), pg_temp.cyclic('integer', 'boolean'), 'JSON');

-- Unions of unions cost pairs, not paths: 40 levels of two branches each, and
-- twelve types that all hold unions of all twelve.
CREATE FUNCTION pg_temp.tower(levels integer, last text) RETURNS text LANGUAGE sql AS $$
SELECT jsonb_build_object('$ref', '#/definitions/l1', 'definitions', jsonb_object_agg('l' || n, CASE WHEN n = levels THEN jsonb_build_object('type', last)
           ELSE jsonb_build_object('anyOf', jsonb_build_array(jsonb_build_object('$ref', '#/definitions/l' || n + 1),
                                   jsonb_build_object('type', 'array', 'items', jsonb_build_object('$ref', '#/definitions/l' || n + 1)))) END))::text
  FROM generate_series(1, levels) AS n;
$$;
SELECT bool_and(compatible) FROM dataplat.schema_diff(pg_temp.tower(40, 'integer'), pg_temp.tower(40, 'number'), 'JSON');
SELECT bool_and(compatible) FROM dataplat.schema_diff(pg_temp.tower(40, 'number'), pg_temp.tower(40, 'integer'), 'JSON');

CREATE FUNCTION pg_temp.trade(id text) RETURNS text LANGUAGE sql AS $$
WITH u AS (SELECT jsonb_build_object('oneOf', jsonb_agg(jsonb_build_object('$ref', '#/definitions/T' || n) ORDER BY n)) AS one FROM generate_series(1, 12) AS n)
SELECT jsonb_build_object('definitions', jsonb_object_agg('T' || n, jsonb_build_object('type', 'object', 'properties',
           jsonb_build_object('id', jsonb_build_object('type', CASE n WHEN 1 THEN id ELSE 'string' END, 'title', n::text), 'underlying', one, 'other', one))),
       'properties', jsonb_build_object('product', (SELECT one FROM u)))::text
  FROM generate_series(1, 12) AS n, u;
$$;
SELECT count(*) FROM dataplat.schema_diff(pg_temp.trade('string'), pg_temp.trade('string'), 'JSON');
SELECT count(*) FILTER (WHERE NOT compatible) > 0 AS incompatible, count(*) < 3000 AS bounded
  FROM dataplat.schema_diff(pg_temp.trade('string'), pg_temp.trade('number'), 'JSON');
