-- Rows that a rule put aside are repaired, requeued and discarded.
\set VERBOSITY terse
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA qq;
CREATE TABLE qq.orders (id int PRIMARY KEY, amount int, note text);
SELECT dataplat.create_pipeline('qq_keyed', target => 'qq.keyed', keys => '{id}', query => 'SELECT id, amount, note FROM qq.orders', schedule => 'manual');
SELECT dataplat.create_pipeline('qq_bag', target => 'qq.bag', query => 'SELECT amount, note FROM qq.orders', mode => 'full', schedule => 'manual');
SELECT count(dataplat.add_expectation(t::regclass, 'expect_column_values_to_be_between', '{"column": "amount", "min_value": 0}', 'not_negative', action => 'quarantine'))
  FROM unnest('{qq.keyed,qq.bag}'::text[]) AS t;
INSERT INTO qq.orders VALUES (1, 10, 'a'), (2, -2, 'b'), (3, -3, 'c'), (4, -4, 'd');
SELECT p.name, r.rows_quarantined, v.* FROM dataplat.pipeline AS p, dataplat.run_pipeline(p.name) AS r, dataplat.verify_pipeline(p.name) AS v WHERE p.name LIKE 'qq\_%' ORDER BY 1;

-- What a repair must be like.
SELECT dataplat.repair_quarantined(-1, '{}');
SELECT dataplat.repair_quarantined((SELECT quarantine_id FROM dataplat.quarantine WHERE object = 'qq_keyed' AND row_key = '{"id": 2}'), '[]');
SELECT dataplat.repair_quarantined((SELECT quarantine_id FROM dataplat.quarantine WHERE object = 'qq_keyed' AND row_key = '{"id": 2}'), '{"gone": 1}');
SELECT * FROM dataplat.requeue_quarantined('gone = 1');

-- Repaired, still bad, repaired again; twice does nothing more.
SELECT dataplat.repair_quarantined(q.quarantine_id, '{"amount": -20}') FROM dataplat.quarantine AS q WHERE q.object LIKE 'qq\_%' AND q.original ->> 'note' = 'b';
SELECT * FROM dataplat.requeue_quarantined($$object LIKE 'qq\_%' AND state = 'repaired'$$);
SELECT dataplat.repair_quarantined(q.quarantine_id, '{"amount": 20}') FROM dataplat.quarantine AS q WHERE q.object LIKE 'qq\_%' AND q.original ->> 'note' = 'b';
SELECT * FROM dataplat.requeue_quarantined($$object LIKE 'qq\_%' AND state = 'repaired'$$);
SELECT * FROM dataplat.requeue_quarantined($$object LIKE 'qq\_%' AND state = 'repaired'$$);
TABLE qq.keyed ORDER BY id;
TABLE qq.bag ORDER BY note;
SELECT object, original, repaired, state, changed_by = CURRENT_USER AS by_me FROM dataplat.quarantine WHERE object LIKE 'qq\_%' ORDER BY object, quarantine_id;

-- The repaired row stands while the source says what it said: for verify, and through full runs.
SELECT p.name, v.* FROM dataplat.pipeline AS p, dataplat.verify_pipeline(p.name) AS v WHERE p.name LIKE 'qq\_%' ORDER BY 1;
SELECT count(dataplat.reset_pipeline(p.name)) FROM dataplat.pipeline AS p WHERE p.name LIKE 'qq\_%';
SELECT p.name, r.kind, r.rows_inserted, r.rows_deleted, v.* FROM dataplat.pipeline AS p, dataplat.run_pipeline(p.name) AS r, dataplat.verify_pipeline(p.name) AS v WHERE p.name LIKE 'qq\_%' ORDER BY 1;
TABLE qq.keyed ORDER BY id;

-- Discarded rows stay away; a source that changes is heard.
SELECT dataplat.discard_quarantined($$object LIKE 'qq\_%' AND original ->> 'note' = 'c'$$);
UPDATE qq.orders SET amount = 200 WHERE id = 2;
UPDATE qq.orders SET amount = -30, note = 'e' WHERE id = 3;
SELECT p.name, r.rows_quarantined, v.* FROM dataplat.pipeline AS p, dataplat.run_pipeline(p.name) AS r, dataplat.verify_pipeline(p.name) AS v WHERE p.name LIKE 'qq\_%' ORDER BY 1;
TABLE qq.keyed ORDER BY id;
SELECT object, original, state FROM dataplat.quarantine WHERE object LIKE 'qq\_%' ORDER BY object, quarantine_id;
SELECT dataplat.repair_quarantined(q.quarantine_id, '{"amount": 1}') FROM dataplat.quarantine AS q WHERE q.object = 'qq_keyed' AND q.original ->> 'note' = 'c';

-- A requeued row stands again when the source says again what it said; what stood aside in between is past.
SELECT dataplat.repair_quarantined(q.quarantine_id, '{"amount": 40}') FROM dataplat.quarantine AS q WHERE q.object = 'qq_keyed' AND q.row_key = '{"id": 4}';
SELECT * FROM dataplat.requeue_quarantined($$object = 'qq_keyed' AND state = 'repaired'$$);
UPDATE qq.orders SET amount = -44 WHERE id = 4;
SELECT rows_quarantined FROM dataplat.run_pipeline('qq_keyed');
UPDATE qq.orders SET amount = -4 WHERE id = 4;
SELECT rows_quarantined FROM dataplat.run_pipeline('qq_keyed');
TABLE qq.keyed ORDER BY id;
SELECT original, state FROM dataplat.quarantine WHERE object = 'qq_keyed' AND row_key = '{"id": 4}' ORDER BY quarantine_id;
-- A row that changes while its pipeline is rebuilt is put aside once.
SELECT dataplat.rebuild_pipeline('qq_keyed');
UPDATE qq.orders SET amount = -5, note = 'twice' WHERE id = 4;
SELECT kind, rows_quarantined FROM dataplat.run_pipeline('qq_keyed');
SELECT original, state FROM dataplat.quarantine WHERE object = 'qq_keyed' AND row_key = '{"id": 4}' ORDER BY quarantine_id;
SELECT * FROM dataplat.verify_pipeline('qq_keyed');

-- clean up
SELECT dataplat.drop_pipeline(p.name, drop_target => true) FROM dataplat.pipeline AS p WHERE p.name LIKE 'qq\_%' ORDER BY p.name;
DELETE FROM dataplat.expectation WHERE dataset LIKE 'qq.%';
DELETE FROM dataplat.quarantine WHERE dataset LIKE 'qq.%';
DELETE FROM dataplat.validation WHERE dataset LIKE 'qq.%';
DELETE FROM dataplat_internal.expectation_dataset WHERE dataset LIKE 'qq.%';
DROP SCHEMA qq CASCADE;
