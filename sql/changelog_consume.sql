-- consume(): a user's own statements get each change once, in their own transaction.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE eaten (id int PRIMARY KEY, t text, tags text[]);
INSERT INTO eaten VALUES (1, 'x', '{a,b}'), (2, 'y', NULL);

-- The first call registers, and tells what is there, or not.
SELECT * FROM dataplat.consume('first', 'eaten') ORDER BY change, "row" ->> 'id';
SELECT * FROM dataplat.consume('second', 'eaten', from_start => false);
SELECT * FROM dataplat.consume('first', 'eaten');

-- Afterwards changes; a rollback gives them back.
UPDATE eaten SET t = 'z' WHERE id = 1;
INSERT INTO eaten VALUES (3, 'new', '{}');
BEGIN;
SELECT * FROM dataplat.consume('first', 'eaten') ORDER BY change, "row" ->> 'id';
SELECT * FROM dataplat.consume('first', 'eaten');
ROLLBACK;
SELECT * FROM dataplat.consume('first', 'eaten') ORDER BY change, "row" ->> 'id';
SELECT * FROM dataplat.consume('first', 'eaten');

-- In the statement that stores them, as a model or a script does it.
CREATE TABLE kept (change text, id int);
INSERT INTO kept SELECT c.change, (c.row ->> 'id')::int FROM dataplat.consume('second', 'eaten') AS c;
SELECT * FROM kept ORDER BY change, id;

-- Its own transaction's changes count, and so do those of REPEATABLE READ.
BEGIN ISOLATION LEVEL REPEATABLE READ;
DELETE FROM eaten WHERE id = 2;
SELECT * FROM dataplat.consume('first', 'eaten');
COMMIT;
SELECT * FROM dataplat.consume('first', 'eaten');

-- What cannot be told row by row is a reset, followed by all that is there.
TRUNCATE eaten;
INSERT INTO eaten VALUES (9, 'after', NULL);
SELECT * FROM dataplat.consume('first', 'eaten');
ALTER TABLE eaten RENAME TO "Eaten";
SELECT consumer, relation, frontier IS NOT NULL AS known, consumed_at >= registered_at AS used FROM dataplat.consumer ORDER BY consumer;
SELECT * FROM dataplat.consume('first', '"Eaten"');

-- A table made anew under the name is another table.
SELECT count(*) FROM dataplat.consume('second', '"Eaten"');
DROP TABLE "Eaten";
CREATE TABLE "Eaten" (a int);
INSERT INTO "Eaten" VALUES (1);
SELECT change, "row" ? 'a' AS has_a FROM dataplat.consume('first', '"Eaten"') ORDER BY change DESC;
INSERT INTO "Eaten" VALUES (2);
SELECT * FROM dataplat.consume('first', '"Eaten"');

-- Rights: to read it, and to have it captured; a consumer belongs to who registered it.
CREATE ROLE consume_joe;
GRANT USAGE ON SCHEMA dataplat TO consume_joe;
SET ROLE consume_joe;
SELECT * FROM dataplat.consume('joe', '"Eaten"');
RESET ROLE;
GRANT EXECUTE ON FUNCTION dataplat.consume, dataplat.drop_consumer, dataplat.command TO consume_joe;
SET ROLE consume_joe;
SELECT * FROM dataplat.consume('joe', '"Eaten"');
RESET ROLE;
GRANT SELECT ON "Eaten" TO consume_joe;
SET ROLE consume_joe;
SELECT * FROM dataplat.consume('joe', '"Eaten"');
RESET ROLE;
GRANT TRIGGER ON "Eaten" TO consume_joe;
SET ROLE consume_joe;
SELECT * FROM dataplat.consume('joe', '"Eaten"') ORDER BY "row";
SELECT * FROM dataplat.consume('first', '"Eaten"');
SELECT dataplat.drop_consumer('first');
RESET ROLE;
ALTER TABLE "Eaten" ENABLE ROW LEVEL SECURITY;
SET ROLE consume_joe;
SELECT * FROM dataplat.consume('joe', '"Eaten"');
SELECT dataplat.drop_consumer('joe', '"Eaten"');
RESET ROLE;

-- Bad input.
SELECT * FROM dataplat.consume('', '"Eaten"');
SELECT * FROM dataplat.consume(repeat('x', 64), '"Eaten"');
SELECT * FROM dataplat.consume(NULL, '"Eaten"');
SELECT * FROM dataplat.consume('x', 'pg_class');
SELECT dataplat.drop_consumer('nobody');

SELECT dataplat.drop_consumer('first', '"Eaten"');
SELECT dataplat.drop_consumer('second');
SELECT count(*) FROM pg_trigger WHERE tgrelid = '"Eaten"'::regclass;
DROP OWNED BY consume_joe;
DROP ROLE consume_joe;
DROP TABLE "Eaten", kept;

-- A bronze table: new messages, by the ledger.
SELECT dataplat.start_dev_broker('{"eaten": 1}') AS bootstrap \gset
CREATE SERVER consume_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" :'bootstrap');
SELECT dataplat.create_source('eaten', 'consume_shop', 'eaten', paused => true);
SELECT count(*) FROM dataplat.produce_many('consume_shop', 'eaten', ARRAY['{"n": 1}', '{"n": 2}']::jsonb[]);
SELECT dataplat.ingest_once('eaten');
SELECT change, "row" -> 'value' AS value FROM dataplat.consume('b', 'bronze.eaten') ORDER BY "row" -> '_offset';
SELECT change, "row" -> 'value' AS value FROM dataplat.consume('b', 'bronze.eaten') ORDER BY "row" -> '_offset';
SELECT count(*) FROM dataplat.produce_many('consume_shop', 'eaten', ARRAY['{"n": 3}', '{"n": 4}']::jsonb[]);
SELECT dataplat.ingest_once('eaten');
BEGIN;
SELECT change, "row" -> 'value' AS value FROM dataplat.consume('b', 'bronze.eaten') ORDER BY "row" -> '_offset';
ROLLBACK;
SELECT change, "row" -> 'value' AS value FROM dataplat.consume('b', 'bronze.eaten') ORDER BY "row" -> '_offset';
SELECT change, "row" -> 'value' AS value FROM dataplat.consume('b', 'bronze.eaten');
SELECT reader FROM dataplat_internal.bronze_reader WHERE target = 'bronze.eaten';
SELECT dataplat.drop_consumer('b');
SELECT dataplat.drop_source('eaten', drop_target => true);
DELETE FROM dataplat.batch WHERE source = 'eaten';
DELETE FROM dataplat.source_event WHERE source = 'eaten';
DROP SERVER consume_shop;
SELECT dataplat.stop_dev_broker();
