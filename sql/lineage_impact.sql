-- What breaks when a table, a column or a job goes.
SET client_min_messages = warning;
CREATE SCHEMA li;
CREATE TABLE li.orders (order_id bigint PRIMARY KEY, status text CHECK (status <> ''), amount numeric, note text, ordered_at timestamptz);
CREATE INDEX orders_amount_idx ON li.orders (amount);
CREATE TABLE li.items (order_id bigint REFERENCES li.orders, line int);
CREATE VIEW li.recent AS SELECT order_id, amount FROM li.orders WHERE ordered_at > '2020-01-01';
CREATE FUNCTION li.largest() RETURNS numeric LANGUAGE sql AS 'SELECT max(amount) FROM li.recent';
SELECT dataplat.create_pipeline('li_revenue', target => 'li.revenue', schedule => 'manual',
    query => 'SELECT status, sum(amount) AS total, count(*) AS orders FROM li.orders GROUP BY status');
SELECT dataplat.create_pipeline('li_top', target => 'li.top', schedule => 'manual', query => 'SELECT total FROM li.revenue WHERE total > 100', keys => '{total}', mode => 'full');
SELECT dataplat.add_exposure('li board', 'finance', 'dashboard', '{li.top}');

-- a column that is summed, one that only decides, one that nobody reads
SELECT object, kind, severity, reason FROM dataplat.impact('li.orders', 'amount');
SELECT object, path FROM dataplat.impact('li.orders', 'amount') WHERE kind IN ('function', 'exposure');
SELECT object, kind, severity, reason FROM dataplat.impact('li.orders.ordered_at');
SELECT object, kind, severity, reason FROM dataplat.impact('li.orders', 'note');
-- the whole table, with what the server itself keeps of it
SELECT object, kind, severity FROM dataplat.impact('li.orders');
-- a column that a pipeline writes, and a pipeline
SELECT object, kind, severity, reason FROM dataplat.impact('li.revenue', 'total');
SELECT object, kind, severity, reason FROM dataplat.impact('pipeline:li_revenue');
-- unqualified, and wrong
SET search_path = li;
SELECT object, severity FROM dataplat.impact('recent');
RESET search_path;
\set SHOW_CONTEXT never
SELECT * FROM dataplat.impact('li.orders', 'amont');

-- expectations that name the column, by itself or in SQL, and the data products of a table
SELECT dataplat.add_expectation('li.orders', 'not_null', '{"column": "note"}', name => 'li note') IS NOT NULL AS added;
SELECT dataplat.add_expectation('li.orders', 'not_null', '{"column": "status"}', name => 'li status', row_filter => 'note <> ''x''') IS NOT NULL AS added;
SELECT object, kind, severity, reason FROM dataplat.impact('li.orders', 'note');
SELECT object, kind, severity FROM dataplat.impact('li.orders', 'status') WHERE kind = 'expectation';
SELECT count(*) FROM dataplat.impact('li.orders', 'amount') WHERE kind = 'expectation';
INSERT INTO dataplat.data_product (name) VALUES ('li product');
INSERT INTO dataplat.data_product_dataset (product, object) VALUES ('li product', 'li.orders');
SELECT object, severity FROM dataplat.impact('li.orders') WHERE kind IN ('expectation', 'data product');
DELETE FROM dataplat.data_product WHERE name = 'li product';
SELECT dataplat.drop_expectation(e.expectation_id) FROM dataplat.expectation AS e WHERE e.dataset = 'li.orders';
DELETE FROM dataplat.expectation_suite AS s WHERE NOT EXISTS (SELECT FROM dataplat.expectation AS e WHERE e.suite = s.name);

-- a partition is a part of its table; a function without a search_path of its own finds names as sessions do, then beside itself, and is a source wherever it is called
CREATE TABLE li.part (id integer, day date, price numeric) PARTITION BY RANGE (day);
CREATE TABLE li.part_1 PARTITION OF li.part FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE VIEW li.january AS SELECT price FROM li.part_1;
SET search_path = li;
CREATE FUNCTION price_of(integer) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT price FROM part WHERE id = $1';
RESET search_path;
CREATE FUNCTION li.twice(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT 2 * $1';
CREATE VIEW li.priced AS SELECT order_id, li.twice(li.price_of(order_id::integer)) AS price FROM li.orders;
SELECT object, kind, severity, reason FROM dataplat.impact('li.part', 'price');
SELECT node, depth, via, type FROM dataplat.upstream('li.priced.price');
SELECT node, depth, via, type FROM dataplat.downstream('li.part_1.price');
DROP VIEW li.january, li.priced;
DROP FUNCTION li.price_of;
DROP FUNCTION li.twice;
DROP TABLE li.part;

-- other rooms add what they know
CREATE FUNCTION li.impact(dataset text, field text) RETURNS SETOF dataplat_internal.lineage_impact LANGUAGE sql
    AS $$ SELECT 'a contract', 'contract', 'wrong', 'promises ' || coalesce(field, 'it'), ARRAY[dataset] WHERE dataset = 'li.orders' $$;
SELECT dataplat_internal.register_impact_provider('li', 'li.impact');
SELECT object, kind, severity, reason FROM dataplat.impact('li.orders', 'note');
DELETE FROM dataplat_internal.lineage_impact_provider WHERE kind = 'li';

SELECT dataplat.drop_exposure('li board');
SELECT dataplat.drop_pipeline('li_top');
SELECT dataplat.drop_pipeline('li_revenue');
DROP SCHEMA li CASCADE;
SELECT count(*) FROM dataplat.refresh_lineage() WHERE problem IS NOT NULL;
DELETE FROM dataplat_internal.lineage_edge WHERE job LIKE '%li\_%' OR output_node LIKE 'li.%' OR output_node = 'exposure:li board';
DELETE FROM dataplat.pipeline_event WHERE pipeline LIKE 'li\_%';
