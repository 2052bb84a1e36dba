-- Rules over single rows inside the runs of pipelines.
\set VERBOSITY terse
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA qr;
SET search_path = qr, public;

-- A kind that takes any SQL.
CREATE FUNCTION qr.any_sql(dataset regclass, kwargs jsonb) RETURNS dataplat_internal.expectation_plan LANGUAGE sql
AS $$ SELECT ROW('{}', $2 ->> 'element', $2 ->> 'ignored', $2 ->> 'sql', NULL, NULL)::dataplat_internal.expectation_plan $$;
SELECT dataplat_internal.register_expectation_kind('expect_qr_sql', 'row',
    '{"sql": {"type": "text", "required": true}, "element": {"type": "text"}, "ignored": {"type": "text"}}', 'accuracy', 'qr.any_sql', 'any SQL');
CREATE FUNCTION qr.rule(dataset text, name text, sql text, action text, element text DEFAULT NULL, ignored text DEFAULT NULL) RETURNS text LANGUAGE sql
AS $$ SELECT name FROM dataplat.add_expectation(dataset::regclass, 'expect_qr_sql', jsonb_strip_nulls(jsonb_build_object('sql', sql, 'element', element, 'ignored', ignored)), name, action => action) $$;
CREATE VIEW qr.results AS
SELECT r.name, r.success, r.outcome, r.evaluated, r.passed, r.result -> 'missing_count' AS missing, r.result -> 'unexpected_count' AS unexpected,
       r.result -> 'partial_unexpected_list' AS listed, r.exception_info ->> 'exception_message' AS error
  FROM dataplat.validation_result AS r
 WHERE r.validation_id = (SELECT max(v.validation_id) FROM dataplat.validation AS v WHERE v.dataset LIKE 'qr.%') ORDER BY r.expectation_id;
CREATE VIEW qr.aside AS
SELECT q.row_key, q.original, q.reasons, q.state FROM dataplat.quarantine AS q WHERE q.dataset LIKE 'qr.%' ORDER BY q.quarantine_id;

-- One pipeline, a rule for each action; an error, a query, and a column that is not there.
CREATE TABLE qr.orders (id int PRIMARY KEY, amount numeric, status text, note text);
SELECT dataplat.create_pipeline('qr_silver', target => 'qr.silver', keys => '{id}', query => 'SELECT id, amount, status, note FROM qr.orders', schedule => 'manual');
SELECT kind FROM dataplat.run_pipeline('qr_silver');
SELECT qr.rule('qr.silver', 'positive', 'amount > 0', 'quarantine', 'amount', 'amount IS NULL'),
       qr.rule('qr.silver', 'status', 'status IN (''new'', ''paid'')', 'drop', 'status'),
       qr.rule('qr.silver', 'number', 'note::int > 0', 'quarantine', 'note', 'note IS NULL'),
       qr.rule('qr.silver', 'short', 'length(status) = 3', 'warn', 'status'),
       qr.rule('qr.silver', 'known_status', 'status IN (SELECT s.name FROM qr.status AS s)', 'warn', 'status'),
       qr.rule('qr.silver', 'lost', 'gone > 0', 'drop', 'gone');
CREATE TABLE qr.status (name text);
INSERT INTO qr.status VALUES ('new'), ('old');
INSERT INTO qr.orders VALUES (1, 5, 'new', NULL), (2, -1, 'paid', '3'), (3, 2, 'lost', 'x'), (4, NULL, 'paid', NULL), (5, 1, NULL, NULL);
SELECT rows_in, rows_inserted, rows_quarantined FROM dataplat.run_pipeline('qr_silver');
SELECT * FROM qr.silver ORDER BY id;
SELECT * FROM qr.aside;
SELECT * FROM qr.results;
SELECT v.trigger, v.object, v.success, v.run_id = p.run_id AS of_the_run FROM dataplat.validation AS v, dataplat.pipeline_run AS p
 WHERE v.dataset = 'qr.silver' AND p.pipeline = 'qr_silver' ORDER BY v.validation_id DESC, p.run_id DESC LIMIT 1;
SELECT * FROM dataplat.verify_pipeline('qr_silver');

-- What becomes good comes back by itself, what becomes bad goes, and what is gone waits no longer.
UPDATE qr.orders SET amount = 7 WHERE id = 2;
UPDATE qr.orders SET amount = -3 WHERE id = 1;
DELETE FROM qr.orders WHERE id = 3;
SELECT rows_inserted, rows_deleted, rows_quarantined FROM dataplat.run_pipeline('qr_silver');
SELECT * FROM qr.silver ORDER BY id;
SELECT row_key, state FROM qr.aside;
SELECT * FROM dataplat.verify_pipeline('qr_silver');

-- A full run puts nothing aside twice.
SELECT FROM dataplat.reset_pipeline('qr_silver');
SELECT kind, rows_quarantined FROM dataplat.run_pipeline('qr_silver');
SELECT row_key, state FROM qr.aside;
SELECT * FROM dataplat.verify_pipeline('qr_silver');

-- commit => false says what would be, and leaves nothing.
INSERT INTO qr.orders VALUES (6, -6, 'new', NULL);
SELECT rows_quarantined FROM dataplat.run_pipeline('qr_silver', commit => false);
SELECT count(*) FROM qr.aside;

-- A rule with action fail ends the run; warn_if and mostly have a say.
SELECT FROM dataplat.add_expectation('qr.silver', 'expect_column_values_to_be_between', '{"column": "amount", "min_value": -5}', 'floor', action => 'fail');
\set VERBOSITY default
SELECT FROM dataplat.run_pipeline('qr_silver');
\set VERBOSITY terse
SELECT count(*) FROM qr.aside;
SELECT FROM dataplat.alter_expectation((SELECT expectation_id FROM dataplat.expectation WHERE dataset = 'qr.silver' AND name = 'floor'), mostly => 0.5);
SELECT FROM dataplat.run_pipeline('qr_silver');
INSERT INTO qr.orders VALUES (7, 7, 'new', NULL), (8, 8, 'new', NULL);
SELECT rows_inserted, rows_quarantined FROM dataplat.run_pipeline('qr_silver');
SELECT name, success, outcome FROM qr.results WHERE name = 'floor';

-- Rules that are switched off cost nothing and leave no results.
UPDATE dataplat.expectation SET enabled = false WHERE dataset = 'qr.silver';
SELECT count(*) AS before FROM dataplat.validation WHERE dataset = 'qr.silver' \gset
UPDATE qr.orders SET note = '0' WHERE id = 8;
SELECT rows_updated FROM dataplat.run_pipeline('qr_silver');
SELECT count(*) - :before AS more FROM dataplat.validation WHERE dataset = 'qr.silver';
SELECT dataplat.drop_pipeline('qr_silver', drop_target => true);
DELETE FROM dataplat.expectation WHERE dataset = 'qr.silver';
DELETE FROM dataplat.quarantine WHERE dataset = 'qr.silver';

-- A rule that cannot even be begun with is an error of its own; what is the same all through a run is looked at once.
CREATE TABLE qr.reading (id int PRIMARY KEY, at timestamptz, n int);
SELECT dataplat.create_pipeline('qr_reading', target => 'qr.readings', keys => '{id}', query => 'SELECT id, at, n FROM qr.reading', schedule => 'manual');
SELECT kind FROM dataplat.run_pipeline('qr_reading');
SELECT qr.rule('qr.readings', 'nonsense', 'n > 1 / 0', 'quarantine'), qr.rule('qr.readings', 'not from the future', 'at < now() + interval ''1 day''', 'quarantine', 'id'),
       qr.rule('qr.readings', 'few', 'n BETWEEN 1 AND 5 OR n = 7', 'warn', 'n', 'n IS NULL'), qr.rule('qr.readings', 'this century', 'at < current_date + 1 / (n - n)', 'warn');
INSERT INTO qr.reading VALUES (1, now(), 1), (2, now() + interval '2 days', 2), (3, now(), NULL), (4, NULL, 6);
SELECT rows_inserted, rows_quarantined FROM dataplat.run_pipeline('qr_reading');
SELECT name, success, outcome, evaluated, passed, unexpected, listed, error FROM qr.results;
SELECT id, n FROM qr.readings ORDER BY id;
-- Rules only read, whatever a function says of itself and whenever it is called.
CREATE SEQUENCE qr.turn;
CREATE FUNCTION qr.sly(most int) RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN most + nextval('qr.turn'); END $$;
SELECT qr.rule('qr.readings', 'sly', 'n < qr.sly(1)', 'warn');
INSERT INTO qr.reading VALUES (5, now(), 5);
SELECT rows_inserted, rows_quarantined FROM dataplat.run_pipeline('qr_reading');
SELECT name, outcome, error FROM qr.results WHERE name = 'sly';
SELECT is_called FROM qr.turn;
SELECT dataplat.drop_pipeline('qr_reading', drop_target => true);
DELETE FROM dataplat.expectation WHERE dataset LIKE 'qr.%';
DELETE FROM dataplat.quarantine WHERE dataset LIKE 'qr.%';

-- Aggregates: groups that break a rule are left out, however they are kept.
CREATE TABLE qr.sale (id int PRIMARY KEY, shop text, amount int);
INSERT INTO qr.sale VALUES (1, 'a', 5), (2, 'a', 5), (3, 'b', 50);
SELECT dataplat.create_pipeline('qr_add', target => 'qr.by_shop', query => 'SELECT shop, count(*) AS n, sum(amount) AS amount FROM qr.sale GROUP BY shop', schedule => 'manual');
SELECT dataplat.create_pipeline('qr_touched', target => 'qr.by_shop_list', query => 'SELECT shop, string_agg(amount::text, '','' ORDER BY id) AS list, sum(amount) AS amount FROM qr.sale GROUP BY shop', schedule => 'manual');
SELECT dataplat.create_pipeline('qr_full', target => 'qr.ranked', query => 'SELECT shop, amount, rank() OVER (ORDER BY amount) AS place FROM qr.sale', schedule => 'manual');
SELECT p.name, qr.rule(p.target, 'limit', 'amount < 40', 'quarantine', 'amount') FROM dataplat.pipeline AS p WHERE p.target LIKE 'qr.%' ORDER BY 1;
SELECT p.name, r.kind, r.rows_inserted, r.rows_quarantined, v.* FROM dataplat.pipeline AS p, dataplat.run_pipeline(p.name) AS r, dataplat.verify_pipeline(p.name) AS v WHERE p.target LIKE 'qr.%' ORDER BY 1;
INSERT INTO qr.sale VALUES (4, 'a', 35), (5, 'c', 1);
UPDATE qr.sale SET amount = 5 WHERE id = 3;
SELECT p.name, r.rows_in, r.rows_inserted, r.rows_deleted, r.rows_quarantined, v.* FROM dataplat.pipeline AS p, dataplat.run_pipeline(p.name) AS r, dataplat.verify_pipeline(p.name) AS v WHERE p.target LIKE 'qr.%' ORDER BY 1;
TABLE qr.by_shop ORDER BY shop;
TABLE qr.by_shop_list ORDER BY shop;
TABLE qr.ranked ORDER BY shop, amount;
SELECT q.object, q.row_key, q.original, q.state FROM dataplat.quarantine AS q WHERE q.dataset LIKE 'qr.%' ORDER BY 1, q.quarantine_id;
SELECT dataplat.drop_pipeline(p.name, drop_target => true) FROM dataplat.pipeline AS p WHERE p.target LIKE 'qr.%' ORDER BY p.name;
DELETE FROM dataplat.expectation WHERE dataset LIKE 'qr.%';
DELETE FROM dataplat.quarantine WHERE dataset LIKE 'qr.%';

-- Events: a bad one counts as if it had not come.
SELECT dataplat.start_dev_broker('{"qr_orders": 1}') AS bootstrap \gset
CREATE SERVER qr_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" :'bootstrap');
SELECT dataplat.create_source('qr_orders', 'qr_shop', 'qr_orders', target => 'qr.bronze', format => 'json', paused => true);
SELECT dataplat.create_pipeline('qr_upsert', target => 'qr.latest', keys => '{id}', sequence_by => 'v', delete_when => 'amount IS NULL', schedule => 'manual',
    query => $$SELECT (value->>'id')::int AS id, (value->>'v')::int AS v, (value->>'amount')::int AS amount FROM qr.bronze$$);
SELECT dataplat.create_pipeline('qr_scd2', target => 'qr.history', keys => '{id}', sequence_by => 'v', mode => 'scd2', schedule => 'manual',
    query => $$SELECT (value->>'id')::int AS id, (value->>'v')::int AS v, (value->>'amount')::int AS amount FROM qr.bronze$$);
SELECT dataplat.create_pipeline('qr_append', target => 'qr.all', mode => 'append', schedule => 'manual',
    query => $$SELECT (value->>'id')::int AS id, (value->>'v')::int AS v, (value->>'amount')::int AS amount FROM qr.bronze$$);
SELECT p.name, qr.rule(p.target, 'positive', 'amount > 0', 'quarantine', 'amount', 'amount IS NULL') FROM dataplat.pipeline AS p WHERE p.target LIKE 'qr.%' ORDER BY 1;
SELECT count(dataplat.produce('qr_shop', 'qr_orders', m.value::jsonb)) FROM unnest(ARRAY['{"id": 1, "v": 1, "amount": 10}', '{"id": 1, "v": 2, "amount": -20}', '{"id": 2, "v": 1, "amount": -1}',
    '{"id": 3, "v": 1, "amount": 3}', '{"id": 3, "v": 2}', '{"id": 2, "v": 1, "amount": -1}']) AS m (value);
SELECT dataplat.ingest_once('qr_orders') > 0 AS read;
SELECT p.name, r.rows_inserted, r.rows_quarantined, v.* FROM dataplat.pipeline AS p, dataplat.run_pipeline(p.name) AS r, dataplat.verify_pipeline(p.name) AS v WHERE p.target LIKE 'qr.%' ORDER BY 1;
SELECT count(dataplat.produce('qr_shop', 'qr_orders', m.value::jsonb)) FROM unnest(ARRAY['{"id": 2, "v": 0, "amount": 5}', '{"id": 1, "v": 3, "amount": 30}', '{"id": 2, "v": 1, "amount": -1}']) AS m (value);
SELECT dataplat.ingest_once('qr_orders') > 0 AS read;
SELECT p.name, r.rows_inserted, r.rows_updated, r.rows_quarantined, v.* FROM dataplat.pipeline AS p, dataplat.run_pipeline(p.name) AS r, dataplat.verify_pipeline(p.name) AS v WHERE p.target LIKE 'qr.%' ORDER BY 1;
TABLE qr.latest ORDER BY id;
SELECT * FROM qr.history ORDER BY id, v;
TABLE qr.all ORDER BY id, v;
SELECT q.object, q.original, q.state FROM dataplat.quarantine AS q WHERE q.dataset LIKE 'qr.%' ORDER BY 1, q.quarantine_id;

-- Everything again: the same rows stand aside.
SELECT count(dataplat.reset_pipeline(p.name)) FROM dataplat.pipeline AS p WHERE p.target LIKE 'qr.%';
SELECT p.name, r.kind, r.rows_quarantined, v.* FROM dataplat.pipeline AS p, dataplat.run_pipeline(p.name) AS r, dataplat.verify_pipeline(p.name) AS v WHERE p.target LIKE 'qr.%' ORDER BY 1;
SELECT q.object, q.original, q.state FROM dataplat.quarantine AS q WHERE q.dataset LIKE 'qr.%' ORDER BY 1, q.quarantine_id;

-- clean up
SELECT dataplat.drop_pipeline(p.name, drop_target => true) FROM dataplat.pipeline AS p WHERE p.target LIKE 'qr.%' ORDER BY p.name;
SELECT dataplat.drop_source('qr_orders', drop_target => true);
SELECT dataplat.stop_dev_broker();
DROP SERVER qr_shop;
DELETE FROM dataplat.expectation WHERE dataset LIKE 'qr.%';
DELETE FROM dataplat.quarantine WHERE dataset LIKE 'qr.%';
DELETE FROM dataplat.validation WHERE dataset LIKE 'qr.%';
DELETE FROM dataplat_internal.expectation_dataset WHERE dataset LIKE 'qr.%';
DELETE FROM dataplat_internal.expectation_kind WHERE kind = 'expect_qr_sql';
DROP SCHEMA qr CASCADE;
