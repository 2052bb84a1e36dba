-- Schema files of a producer's repository, judged before they are registered.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
SET client_min_messages = warning;
-- What other tests have registered must not show.
TRUNCATE dataplat_internal.schema_context CASCADE;
SELECT dataplat.register_schema('order', '{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}]}');
SELECT dataplat.register_schema('money', '{"type":"record","name":"Money","fields":[{"name":"amount","type":"long"}]}');

SELECT path, subject, status, version, messages[1] AS message FROM dataplat.check_schema_files('[
    {"path": "schemas/order.avsc", "schema": "{\"type\": \"record\", \"name\": \"Order\", \"fields\": [{\"name\": \"id\", \"type\": \"long\"}]}"},
    {"path": "next/order.v2.avsc", "schema": "{\"type\":\"record\",\"name\":\"Order\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"},{\"name\":\"note\",\"type\":\"string\",\"default\":\"\"}]}"},
    {"path": "wrong/order.avsc", "schema": "{\"type\":\"record\",\"name\":\"Order\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"},{\"name\":\"note\",\"type\":\"string\"}]}"},
    {"path": "broken.avsc", "schema": "{\"type\": \"rekord\"}"},
    {"path": "empty.avsc", "schema": ""},
    {"path": "event.proto", "schema": "syntax = \"proto3\"; message Event { string id = 1; }"},
    {"path": "form.schema.json", "schema": "{\"type\": \"object\"}"},
    {"path": "any.avsc", "subject": "order", "schema": "\"int\""},
    {"path": "basket.avsc", "schema": "{\"type\":\"record\",\"name\":\"Basket\",\"fields\":[{\"name\":\"total\",\"type\":\"Money\"},{\"name\":\"first\",\"type\":\"Item\"}]}",
        "refs": [{"name": "Money", "subject": "money", "version": -1}, {"name": "Item", "path": "item.avsc"}]},
    {"path": "item.avsc", "schema": "{\"type\":\"record\",\"name\":\"Item\",\"fields\":[{\"name\":\"price\",\"type\":\"Money\"}]}", "refs": [{"name": "Money", "subject": "money", "version": 1}]},
    {"path": "a.avsc", "schema": "\"B\"", "refs": [{"name": "B", "path": "b.avsc"}]},
    {"path": "b.avsc", "schema": "\"A\"", "refs": [{"name": "A", "path": "a.avsc"}]},
    {"path": "c.avsc", "schema": "\"X\"", "refs": [{"name": "X", "path": "nowhere.avsc"}]},
    {"path": "d\nd.avsc", "schema": "\"int\""}]');
-- Nothing was registered.
SELECT array_agg(s) FROM dataplat.schema_subjects() AS s;
SELECT * FROM dataplat.check_schema_files('[]');
SELECT * FROM dataplat.check_schema_files('{"path": "x"}');
SELECT * FROM dataplat.check_schema_files('[{"path": "x"}]');
ROLLBACK;
