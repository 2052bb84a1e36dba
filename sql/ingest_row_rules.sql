-- Row rules at the gate of bronze: what becomes of a row that breaks one, and the books.
\set VERBOSITY terse
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT dataplat.start_dev_broker('{"gate_a": 2, "gate_b": 1, "gate_c": 1}') AS bootstrap \gset
CREATE SCHEMA gate;
CREATE SERVER gate_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" :'bootstrap');
CREATE FUNCTION gate.rule(dataset text, name text, expression text, action text) RETURNS text LANGUAGE sql
AS $$ SELECT name FROM dataplat.add_expectation(dataset::regclass, 'satisfies', jsonb_build_object('expression', expression), name, action => action) $$;
CREATE FUNCTION gate.send(topic text, VARIADIC messages text[]) RETURNS bigint LANGUAGE sql
AS $$ SELECT count(dataplat.produce('gate_shop', topic, convert_to(m.value, 'UTF8'), partition => 0)) FROM unnest(messages) AS m (value) $$;
CREATE VIEW gate.books AS
SELECT o.source, o.partition, o.rows, o.dead_letters, o.filtered, o.quarantined, o.gaps,
       o.rows + o.dead_letters + o.filtered + o.quarantined + o.gaps = o.next_offset - o.first_offset AS adds_up,
       (SELECT concat_ws(' ', sum(b.rows), sum(b.dead_letters), sum(b.filtered), sum(b.quarantined)) FROM dataplat.batch AS b
         WHERE b.source = o.source AND b.partition = o.partition AND b.generation = o.generation AND b.kind <> 'replay') AS ledger
  FROM dataplat_internal.source_offset AS o WHERE o.source LIKE 'gate\_%' ORDER BY o.source, o.partition;
CREATE VIEW gate.results AS
SELECT v.trigger, v.object, v.success, EXISTS (SELECT FROM dataplat.batch AS b WHERE b.batch_id = v.batch_id AND b.source = v.object) AS has_batch,
       r.name, r.outcome, r.evaluated, r.passed, jsonb_array_length(r.result -> 'partial_unexpected_list') AS listed, r.exception_info ->> 'exception_message' AS error
  FROM dataplat.validation AS v JOIN dataplat.validation_result AS r USING (validation_id)
 WHERE v.validation_id = (SELECT max(x.validation_id) FROM dataplat.validation AS x WHERE x.dataset LIKE 'gate.%') ORDER BY r.expectation_id;
CREATE VIEW gate.aside AS
SELECT q.object, q.topic, q.partition, q.message_offset, q.original -> 'value' AS value, q.reasons, q.state,
       EXISTS (SELECT FROM dataplat.batch AS b WHERE b.batch_id = q.batch_id) AS has_batch
  FROM dataplat.quarantine AS q WHERE q.dataset LIKE 'gate.%' ORDER BY q.object, q.topic, q.partition, q.message_offset;

-- A rule for each action but fail; one that errs on a row, one whose column is gone, one that asks another table, one that may not be asked.
SELECT dataplat.create_source('gate_doc', 'gate_shop', 'gate_a', target => 'gate.doc', paused => true);
CREATE TABLE gate.country (code text);
INSERT INTO gate.country VALUES ('it'), ('no');
SELECT gate.rule('gate.doc', 'known_country', '_key IS NULL OR _key IN (SELECT c.code FROM gate.country AS c)', 'warn'),
       gate.rule('gate.doc', 'not_negative', '(value ->> ''amount'')::int >= 0', 'quarantine'),
       gate.rule('gate.doc', 'has_id', 'value ? ''id''', 'drop'),
       gate.rule('gate.doc', 'small', '(value ->> ''amount'')::int < 100', 'quarantine');
SELECT gate.send('gate_a', '{"id": 1, "amount": 1}', '{"id": 2, "amount": -2}', '{"amount": 3}', '{"id": 4, "amount": "x"}', 'rubbish', '{"id": 6, "amount": 600}');
SELECT count(dataplat.produce('gate_shop', 'gate_a', m.value, key => m.key, partition => 1))
  FROM (VALUES (1, 'it', '{"id": 11, "amount": 11}'), (2, 'xx', '{"id": 12, "amount": 12}'), (3, 'no', NULL), (4, 'no', '{"id": 14, "amount": -14}')) AS m (i, key, value);
SELECT dataplat.ingest_once('gate_doc');
SELECT _partition, _offset, _key, value FROM gate.doc ORDER BY 1, 2;
SELECT * FROM gate.aside;
SELECT * FROM gate.results;
SELECT * FROM gate.books;
SELECT partition, rows, dead_letters, quarantined FROM dataplat.source_partition_status WHERE source = 'gate_doc';
SELECT severity, problem, cause FROM dataplat_internal.health_sources() WHERE object = 'source gate_doc' ORDER BY problem;
-- The original is the row, with its place.
SELECT q.original - '{_timestamp,_ingested_at,_batch_id}'::text[] AS original, (q.original ->> '_batch_id')::bigint = q.batch_id AS of_the_batch, q.row_key
  FROM dataplat.quarantine AS q WHERE q.object = 'gate_doc' ORDER BY q.partition, q.message_offset LIMIT 1;

-- Repaired, still bad, repaired again, and requeued twice: one row, in its place, and the books know.
SELECT dataplat.create_pipeline('gate_silver', target => 'gate.silver', mode => 'append', schedule => 'manual',
    query => $$SELECT (value ->> 'id')::int AS id, (value ->> 'amount')::int AS amount FROM gate.doc WHERE value IS NOT NULL$$);
SELECT rows_inserted FROM dataplat.run_pipeline('gate_silver');
SELECT dataplat.repair_quarantined(q.quarantine_id, '{"_offset": 77}') FROM dataplat.quarantine AS q WHERE q.object = 'gate_doc' AND q.message_offset = 1;
SELECT dataplat.repair_quarantined(q.quarantine_id, '{"value": {"id": 2, "amount": 200}}') FROM dataplat.quarantine AS q WHERE q.object = 'gate_doc' AND q.message_offset = 1;
SELECT * FROM dataplat.requeue_quarantined($$object = 'gate_doc' AND state = 'repaired'$$);
SELECT dataplat.repair_quarantined(q.quarantine_id, '{"value": {"id": 2, "amount": 20}}') FROM dataplat.quarantine AS q WHERE q.object = 'gate_doc' AND q.message_offset = 1;
SELECT dataplat.repair_quarantined(q.quarantine_id, '{"value": {"id": 14, "amount": 14}}') FROM dataplat.quarantine AS q WHERE q.object = 'gate_doc' AND q.partition = 1;
SELECT * FROM dataplat.requeue_quarantined($$object = 'gate_doc' AND state = 'repaired'$$);
SELECT * FROM dataplat.requeue_quarantined($$object = 'gate_doc'$$);
SELECT d._partition, d._offset, d._key, d.value, b.kind FROM gate.doc AS d JOIN dataplat.batch AS b ON b.batch_id = d._batch_id AND b.partition = d._partition
 WHERE b.kind = 'retry' ORDER BY 1, 2;
SELECT rows_inserted FROM dataplat.run_pipeline('gate_silver');
SELECT * FROM gate.silver ORDER BY id;
SELECT * FROM gate.results;
SELECT * FROM gate.books;
SELECT state, count(*), bool_and(repaired ? '_offset') AS repaired FROM dataplat.quarantine WHERE object = 'gate_doc' GROUP BY state ORDER BY 1;
SELECT dataplat.discard_quarantined($$object = 'gate_doc' AND message_offset = 5$$);
SELECT kind, detail - 'batch_id' AS detail FROM dataplat.source_event WHERE source = 'gate_doc' AND kind = 'requeue' ORDER BY event_id;
SELECT dataplat.drop_pipeline('gate_silver', drop_target => true);

-- A dead letter that is mended comes past the same rules, and stays one when it breaks them.
SELECT dataplat.fix_dead_letter(d.dead_letter_id, '{"id": 5, "amount": -5}') FROM dataplat.dead_letter AS d WHERE d.source = 'gate_doc';
SELECT * FROM dataplat.retry_dead_letters('gate_doc');
SELECT state, detail FROM dataplat.dead_letter WHERE source = 'gate_doc';
SELECT dataplat.fix_dead_letter(d.dead_letter_id, '{"id": 5, "amount": 5}') FROM dataplat.dead_letter AS d WHERE d.source = 'gate_doc';
SELECT * FROM dataplat.retry_dead_letters('gate_doc');
SELECT * FROM gate.results;
SELECT * FROM gate.books;

-- A replay takes back what stood aside; what is bad still is there again, repaired if it was.
DELETE FROM dataplat.expectation WHERE dataset = 'gate.doc' AND name = 'small';
SELECT dataplat.replay_source('gate_doc', 'earliest', 'latest');
SELECT _partition, _offset, value FROM gate.doc ORDER BY 1, 2;
SELECT * FROM gate.aside;
SELECT * FROM gate.books;
SELECT * FROM dataplat.requeue_quarantined($$object = 'gate_doc'$$);
SELECT _partition, _offset, value FROM gate.doc WHERE value ->> 'amount' IN ('20', '14') ORDER BY 1, 2;
SELECT * FROM gate.books;

-- Action fail: the batch does not come, nothing of it, until the rule or the message has changed; mostly has a say.
SELECT gate.rule('gate.doc', 'no_zero', '(value ->> ''amount'')::int IS DISTINCT FROM 0', 'fail');
SELECT gate.send('gate_a', '{"id": 21, "amount": 21}', '{"id": 22, "amount": 0}', '{"id": 23, "amount": -23}');
\set VERBOSITY default
SELECT dataplat.ingest_once('gate_doc');
\set VERBOSITY terse
SELECT count(*) FILTER (WHERE _offset >= 6) AS rows, (SELECT count(*) FROM gate.aside WHERE message_offset >= 6 AND partition = 0) AS aside FROM gate.doc WHERE _partition = 0;
SELECT FROM dataplat.alter_expectation((SELECT expectation_id FROM dataplat.expectation WHERE dataset = 'gate.doc' AND name = 'no_zero'), mostly => 0.5);
SELECT dataplat.ingest_once('gate_doc');
SELECT * FROM gate.results WHERE name IN ('no_zero', 'not_negative');
SELECT * FROM gate.books;

-- Rules that cannot be evaluated at all hold up nothing but themselves, unless they fail.
CREATE ROLE regress_gate;
GRANT USAGE ON SCHEMA gate TO regress_gate;
GRANT SELECT ON gate.doc TO regress_gate;
CREATE FUNCTION gate.secret(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
SELECT gate.rule('gate.doc', 'hidden', 'gate.secret(_key)', 'quarantine'), gate.rule('gate.doc', 'who', 'current_user = ''regress_gate''', 'warn'),
       gate.rule('gate.doc', 'other_table', 'EXISTS (SELECT FROM gate.country)', 'warn');
UPDATE dataplat.expectation SET owner = 'regress_gate' WHERE dataset = 'gate.doc' AND name IN ('hidden', 'who', 'other_table');
SELECT gate.rule('gate.doc', 'too_large', 'length(repeat(value ->> ''id'', 1000000000)) > 0', 'warn');
REVOKE EXECUTE ON FUNCTION gate.secret(text) FROM PUBLIC;
SELECT gate.send('gate_a', '{"id": 31, "amount": 31}');
SELECT dataplat.ingest_once('gate_doc');
SELECT name, outcome, evaluated, error FROM gate.results;
SELECT count(*) FROM gate.doc WHERE value ->> 'id' = '31';
SELECT * FROM gate.aside WHERE message_offset = 9;
SELECT FROM dataplat.alter_expectation((SELECT expectation_id FROM dataplat.expectation WHERE dataset = 'gate.doc' AND name = 'hidden'), action => 'fail');
SELECT gate.send('gate_a', '{"id": 32, "amount": 32}');
\set VERBOSITY default
SELECT dataplat.ingest_once('gate_doc');
\set VERBOSITY terse
UPDATE dataplat.expectation SET enabled = false WHERE dataset = 'gate.doc';
SELECT count(*) AS before FROM dataplat.validation WHERE dataset = 'gate.doc' \gset
SELECT dataplat.ingest_once('gate_doc');
SELECT count(*) - :before AS validations FROM dataplat.validation WHERE dataset = 'gate.doc';
DELETE FROM dataplat.expectation WHERE dataset = 'gate.doc';

-- Columns, and both; through the executor, where the table refuses rows, too, and has columns of its own.
CREATE TABLE gate.typed (_topic text, _partition int, _offset bigint, _batch_id bigint, _ingested_at timestamptz, id int, amount numeric, at timestamptz, tags text[], ip inet,
    extra text DEFAULT 'd', twice numeric GENERATED ALWAYS AS (amount * 2) STORED, CONSTRAINT not_seven CHECK (id <> 7));
SELECT dataplat.create_source('gate_typed', 'gate_shop', 'gate_b', target => 'gate.typed', layout => 'columns', columns => 'id int, amount numeric, at timestamptz, tags text[], ip inet', paused => true);
SELECT dataplat.create_source('gate_both', 'gate_shop', 'gate_b', target => 'gate.both', layout => 'both', columns => 'id int, amount numeric', include => '{raw}', paused => true);
SELECT t, gate.rule(t, 'not_negative', 'amount >= 0', 'quarantine'), gate.rule(t, 'id', 'id IS NOT NULL', 'drop') FROM unnest('{gate.typed,gate.both}'::text[]) AS t;
SELECT gate.rule('gate.typed', 'extra', 'extra = ''d'' AND twice = amount * 2', 'quarantine');
SELECT gate.send('gate_b', VARIADIC ARRAY(SELECT jsonb_build_object('id', CASE WHEN i % 9 <> 0 THEN i END, 'amount', CASE WHEN i % 5 = 0 THEN -i ELSE i + 0.5 END, 'at', '2026-01-02T03:04:05.678901Z',
    'tags', '{"a\"b",NULL}', 'ip', '10.0.0.' || i)::text FROM generate_series(1, 20) AS i));
SELECT s, dataplat.ingest_once(s) FROM unnest('{gate_typed,gate_both}'::text[]) AS s;
SELECT source, write_path FROM dataplat.source_status WHERE source IN ('gate_typed', 'gate_both') ORDER BY 1;
SELECT count(*), count(DISTINCT _offset), min(amount), bool_and(extra = 'd' AND twice = 2 * amount) AS whole FROM gate.typed;
SELECT count(*), count(DISTINCT _offset), min(amount) FROM gate.both;
SELECT object, count(*), array_agg(message_offset) AS offsets FROM gate.aside WHERE object IN ('gate_typed', 'gate_both') GROUP BY object ORDER BY 1;
SELECT original - '{_batch_id,_ingested_at}'::text[] AS original, reasons FROM dataplat.quarantine WHERE object = 'gate_typed' ORDER BY message_offset LIMIT 1;
SELECT * FROM gate.books WHERE source <> 'gate_doc';
SELECT v.object, r.name, r.outcome, r.evaluated, r.passed FROM dataplat.validation AS v JOIN dataplat.validation_result AS r USING (validation_id)
 WHERE v.object IN ('gate_typed', 'gate_both') ORDER BY 1, r.expectation_id;
-- What a repair gives back is what the message had, to the last digit; a row that the table refuses stays aside.
SELECT count(dataplat.repair_quarantined(q.quarantine_id, jsonb_build_object('amount', q.message_offset + 1) || CASE WHEN q.message_offset = 9 AND q.object = 'gate_typed' THEN '{"id": 7}' ELSE '{}'::jsonb END))
  FROM dataplat.quarantine AS q WHERE q.object IN ('gate_typed', 'gate_both');
SELECT * FROM dataplat.requeue_quarantined($$object IN ('gate_typed', 'gate_both')$$);
SELECT message_offset, reasons, state FROM gate.aside WHERE object = 'gate_typed';
SELECT _topic, _partition, _offset, id, amount, at, tags, ip, extra, twice FROM gate.typed WHERE amount = id ORDER BY _offset;
SELECT b._offset, b.id, b.amount, b.value, convert_from(b._raw, 'UTF8')::jsonb = b.value AS raw FROM gate.both AS b WHERE b.amount = b.id ORDER BY 1;
SELECT * FROM gate.books WHERE source <> 'gate_doc';

-- A table on another server, by SQL.
CREATE EXTENSION postgres_fdw;
SELECT current_setting('port') AS port, split_part(current_setting('unix_socket_directories'), ',', 1) AS dir, current_database() AS db \gset
CREATE SERVER gate_far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host :'dir', port :'port', dbname :'db');
CREATE USER MAPPING FOR CURRENT_USER SERVER gate_far;
CREATE TABLE gate.near (_partition int, _offset bigint, value jsonb);
CREATE FOREIGN TABLE gate.far (_partition int, _offset bigint, value jsonb) SERVER gate_far OPTIONS (schema_name 'gate', table_name 'near');
SELECT dataplat.create_source('gate_sql', 'gate_shop', 'gate_b', target => 'gate.far', options => '{"allow_nonatomic": true}', paused => true);
SELECT gate.rule('gate.far', 'not_negative', '(value ->> ''amount'')::numeric >= 0', 'quarantine');
SELECT dataplat.ingest_once('gate_sql');
SELECT write_path FROM dataplat.source_status WHERE source = 'gate_sql';
SELECT count(*) FROM gate.near;
SELECT * FROM gate.books WHERE source = 'gate_sql';
UPDATE dataplat.quarantine SET original = jsonb_set(original, '{value,amount}', '1') WHERE object = 'gate_sql' AND message_offset = 4;
SELECT * FROM dataplat.requeue_quarantined($$object = 'gate_sql'$$);
SELECT count(*) FROM gate.near;

-- A topic that was made anew has other messages at the same offsets: none is taken for the old one.
SELECT dataplat.create_source('gate_new', 'gate_shop', 'gate_c', target => 'gate.new', paused => true);
SELECT gate.rule('gate.new', 'good', 'value ? ''good''', 'quarantine');
SELECT gate.send('gate_c', '{"old": 1}', '{"old": 2}');
SELECT dataplat.ingest_once('gate_new');
SELECT dataplat.discard_quarantined($$object = 'gate_new' AND message_offset = 0$$);
UPDATE dataplat.quarantine SET original = jsonb_set(original, '{value}', '{"older": 1}') WHERE object = 'gate_new' AND message_offset = 0;
SELECT count(*) FROM dataplat.seek_source('gate_new', 'earliest');
SELECT dataplat.ingest_once('gate_new');
SELECT message_offset, value, state FROM gate.aside WHERE object = 'gate_new';

-- Results of batches in which all was well become one an hour; scores stay.
SELECT gate.send('gate_c', '{"good": 1}');
SELECT dataplat.ingest_once('gate_new');
SELECT gate.send('gate_c', '{"good": 2}', '{"good": 3}');
SELECT dataplat.ingest_once('gate_new');
UPDATE dataplat.validation SET started_at = '2020-02-02 03:10Z'::timestamptz + validation_id * interval '1 microsecond' WHERE dataset = 'gate.new';
UPDATE dataplat.validation_result SET started_at = '2020-02-02 03:10Z'::timestamptz + validation_id * interval '1 microsecond' WHERE dataset = 'gate.new';
SELECT passed, evaluated FROM dataplat.quality_score('gate.new', '1000 years') WHERE dimension = ':all';
SELECT dataplat_internal.fold_validations('1 day', 1000);
SELECT dataplat_internal.fold_validations('1 day', 1000) AS again;
SELECT passed, evaluated FROM dataplat.quality_score('gate.new', '1000 years') WHERE dimension = ':all';
SELECT v.batch_id IS NULL AS of_many, r.outcome, r.evaluated, r.passed, r.result - 'partial_unexpected_list' - 'partial_unexpected_counts' AS result
  FROM dataplat.validation AS v JOIN dataplat.validation_result AS r USING (validation_id) WHERE v.dataset = 'gate.new' ORDER BY v.validation_id;

-- clean up
SELECT dataplat.drop_source(s.name, drop_target => s.name NOT IN ('gate_typed', 'gate_sql')) FROM dataplat.source AS s WHERE s.name LIKE 'gate\_%' ORDER BY s.name;
SELECT dataplat.stop_dev_broker();
DROP SERVER gate_shop;
DELETE FROM dataplat.expectation WHERE dataset LIKE 'gate.%';
DELETE FROM dataplat.quarantine WHERE dataset LIKE 'gate.%';
DELETE FROM dataplat.validation WHERE dataset LIKE 'gate.%';
DELETE FROM dataplat.dead_letter WHERE source LIKE 'gate\_%';
DELETE FROM dataplat.batch WHERE source LIKE 'gate\_%';
DELETE FROM dataplat.source_event WHERE source LIKE 'gate\_%';
DELETE FROM dataplat_internal.expectation_dataset WHERE dataset LIKE 'gate.%';
DROP SCHEMA gate CASCADE;
DROP EXTENSION postgres_fdw CASCADE;
DROP ROLE regress_gate;
