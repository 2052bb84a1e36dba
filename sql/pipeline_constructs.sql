-- Every construct of docs/pipelines.md ("Which queries are incremental"): how it is kept up to date, and that it then is.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA con;
SET search_path = con, public;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE SERVER con_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
SELECT dataplat.create_source('con_raw', 'con_shop', 'orders', target => 'con.raw', paused => true);

-- A shop: tables of one's own, and a bronze table.
CREATE TABLE customers (customer_id int PRIMARY KEY, name text, country text, parent_id int);
CREATE TABLE orders (order_id int PRIMARY KEY, customer_id int, status text, amount numeric, weight float8, at timestamptz, doc jsonb);
CREATE TABLE refunds (refund_id int PRIMARY KEY, order_id int, amount numeric);
CREATE TABLE rates (country text PRIMARY KEY, rate numeric);
CREATE TABLE log (n int, word text);
CREATE TABLE sales (sale_id int, day date, amount int, PRIMARY KEY (sale_id, day)) PARTITION BY RANGE (day);
CREATE TABLE sales_1 PARTITION OF sales FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE sales_2 PARTITION OF sales FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE VIEW paid AS SELECT * FROM orders WHERE status = 'paid';
CREATE MATERIALIZED VIEW frozen AS SELECT country, rate FROM rates;
CREATE EXTENSION file_fdw SCHEMA con;
CREATE SERVER con_file FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE elsewhere (country text, rate numeric) SERVER con_file OPTIONS (program 'echo DE,1; echo FR,2', format 'csv');

INSERT INTO customers SELECT i, 'c' || i, (ARRAY['DE', 'FR', 'NL'])[i % 3 + 1], nullif(i / 3, 0) FROM generate_series(1, 30) AS i;
INSERT INTO orders SELECT i, nullif(i % 40, 0), (ARRAY['paid', 'sent', 'open'])[i % 3 + 1], i, i / 8.0::float8, '2026-01-01'::timestamptz + i * interval '1 hour',
       jsonb_build_object('lines', (SELECT jsonb_agg(jsonb_build_object('product', 'p' || j, 'n', j)) FROM generate_series(1, 1 + i % 3) AS j)) FROM generate_series(1, 200) AS i;
INSERT INTO refunds SELECT i, i * 7, i FROM generate_series(1, 20) AS i;
INSERT INTO rates VALUES ('DE', 1), ('FR', 2);
INSERT INTO log SELECT i % 5, 'w' || i FROM generate_series(1, 20) AS i;
INSERT INTO sales SELECT i, '2026-01-01'::date + i, i FROM generate_series(0, 50) AS i;

-- What ingest does, by hand: rows and their line in the ledger.
CREATE PROCEDURE con.ingest(batch bigint, docs jsonb[]) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO con.raw (_partition, _offset, _batch_id, _ingested_at, value)
    SELECT 0, batch * -100 + n, batch, now(), d FROM unnest(docs) WITH ORDINALITY AS u (d, n);
    INSERT INTO dataplat.batch (batch_id, source, topic, partition, from_offset, to_offset, rows)
    VALUES (batch, 'con_raw', 'orders', 0, batch * -100 + 1, batch * -100 + 1 + cardinality(docs), cardinality(docs));
END;
$$;
CALL ingest(-1, ARRAY['{"id": 1, "country": "DE", "amount": 10, "at": 1, "tags": ["a", "b"]}', '{"id": 2, "country": "FR", "amount": 20, "at": 1, "tags": ["c"]}']::jsonb[]);

-- ------------------------------------------------------------------ the constructs

CREATE TABLE construct (n int GENERATED ALWAYS AS IDENTITY, name text PRIMARY KEY, query text NOT NULL, arguments jsonb NOT NULL DEFAULT '{}');
INSERT INTO construct (name, query, arguments) VALUES
('bronze filter', $$SELECT (value->>'id')::int AS id, (value->>'amount')::numeric AS amount FROM raw WHERE value->>'country' = 'DE'$$, '{}'),
('bronze lookup', $$SELECT (r.value->>'id')::int AS id, (r.value->>'amount')::numeric * x.rate AS amount FROM raw AS r JOIN rates AS x ON x.country = r.value->>'country'$$, '{"lookups": "{con.rates}"}'),
('bronze unnest', $$SELECT (value->>'id')::int AS id, tag FROM raw, LATERAL jsonb_array_elements_text(value->'tags') AS t (tag)$$, '{}'),
('bronze sequence_by', $$SELECT (value->>'id')::int AS id, (value->>'amount')::numeric AS amount, (value->>'at')::int AS at FROM raw$$, '{"keys": "{id}", "sequence_by": "at"}'),
('bronze delete_when', $$SELECT (value->>'id')::int AS id, (value->>'amount')::numeric AS amount, (value->>'at')::int AS at FROM raw$$, '{"keys": "{id}", "sequence_by": "at", "delete_when": "amount < 0"}'),
('bronze history', $$SELECT (value->>'id')::int AS id, (value->>'amount')::numeric AS amount, (value->>'at')::int AS at FROM raw$$, '{"keys": "{id}", "sequence_by": "at", "mode": "scd2"}'),
('bronze GROUP BY', $$SELECT value->>'country' AS country, count(*) AS n, sum((value->>'amount')::numeric) AS amount FROM raw GROUP BY 1$$, '{}'),
('bronze join table', $$SELECT (r.value->>'id')::int AS id, (r.value->>'at')::int AS at, (r.value->>'amount')::numeric * x.rate AS amount FROM raw AS r JOIN rates AS x ON x.country = r.value->>'country'$$, '{"keys": "{id,at}"}'),
('history of a table', $$SELECT customer_id, name, country, parent_id AS at FROM customers WHERE parent_id IS NOT NULL$$, '{"keys": "{customer_id}", "sequence_by": "at", "mode": "scd2"}'),
('select and filter', $$SELECT order_id, amount * 2 AS double, upper(status) AS status FROM orders WHERE status <> 'open'$$, '{}'),
('CASE and JSON', $$SELECT order_id, CASE WHEN amount > 100 THEN 'big' ELSE 'small' END AS size, doc #>> '{lines,0,product}' AS first FROM orders$$, '{}'),
('inner join', $$SELECT o.order_id, c.customer_id, c.name, o.amount FROM orders AS o JOIN customers AS c USING (customer_id)$$, '{}'),
('left join', $$SELECT o.order_id, o.amount, c.name FROM orders AS o LEFT JOIN customers AS c USING (customer_id)$$, '{"keys": "{order_id}"}'),
('right join', $$SELECT c.customer_id, o.order_id, c.name, o.amount FROM orders AS o RIGHT JOIN customers AS c USING (customer_id)$$, '{"keys": "{customer_id,order_id}"}'),
('full join', $$SELECT c.customer_id, o.order_id, c.name, o.amount FROM orders AS o FULL JOIN customers AS c USING (customer_id)$$, '{"keys": "{customer_id,order_id}"}'),
('self join', $$SELECT c.customer_id, p.name AS parent FROM customers AS c LEFT JOIN customers AS p ON p.customer_id = c.parent_id$$, '{"keys": "{customer_id}"}'),
('EXISTS', $$SELECT customer_id, name FROM customers AS c WHERE EXISTS (SELECT FROM orders AS o WHERE o.customer_id = c.customer_id AND o.amount > 150)$$, '{}'),
('IN', $$SELECT order_id, amount FROM orders WHERE order_id IN (SELECT order_id FROM refunds WHERE amount > 3)$$, '{}'),
('NOT EXISTS', $$SELECT customer_id, name FROM customers AS c WHERE NOT EXISTS (SELECT FROM orders AS o WHERE o.customer_id = c.customer_id AND o.status = 'open')$$, '{}'),
('NOT IN', $$SELECT order_id, amount FROM orders WHERE order_id NOT IN (SELECT order_id FROM refunds WHERE amount > 3)$$, '{}'),
('scalar subquery about the row', $$SELECT customer_id, (SELECT max(o.amount) FROM orders AS o WHERE o.customer_id = c.customer_id) AS largest FROM customers AS c$$, '{}'),
('scalar subquery over everything', $$SELECT order_id, amount FROM orders WHERE amount > (SELECT avg(amount) FROM refunds)$$, '{}'),
('subquery in a subquery', $$SELECT customer_id FROM customers AS c WHERE EXISTS (SELECT FROM orders AS o WHERE o.customer_id = c.customer_id AND NOT EXISTS (SELECT FROM refunds AS r WHERE r.order_id = o.order_id))$$, '{}'),
('LATERAL function', $$SELECT o.order_id, l.product, l.n FROM orders AS o, LATERAL jsonb_to_recordset(o.doc->'lines') AS l (product text, n int)$$, '{"keys": "{order_id,product}"}'),
('LATERAL subquery', $$SELECT c.customer_id, l.n, l.amount FROM customers AS c, LATERAL (SELECT count(*) AS n, sum(o.amount) AS amount FROM orders AS o WHERE o.customer_id = c.customer_id) AS l$$, '{"keys": "{customer_id}"}'),
('LATERAL subquery with LIMIT', $$SELECT c.customer_id, l.amount FROM customers AS c, LATERAL (SELECT o.amount FROM orders AS o WHERE o.customer_id = c.customer_id ORDER BY o.amount DESC LIMIT 1) AS l$$, '{"keys": "{customer_id}"}'),
('set-returning function in SELECT', $$SELECT order_id, jsonb_array_elements(doc->'lines')->>'product' AS product FROM orders$$, '{"keys": "{order_id,product}"}'),
('count, sum, avg', $$SELECT status, count(*) AS n, count(customer_id) AS known, sum(amount) AS amount, avg(amount) AS mean FROM orders GROUP BY status$$, '{}'),
('min, max, bool_or', $$SELECT status, min(amount) AS least, max(at) AS last, bool_or(amount > 190) AS big FROM orders GROUP BY status$$, '{}'),
('aggregate FILTER', $$SELECT customer_id, count(*) FILTER (WHERE status = 'paid') AS paid, sum(amount) FILTER (WHERE status = 'open') AS open FROM orders GROUP BY customer_id$$, '{}'),
('HAVING', $$SELECT customer_id, sum(amount) AS amount FROM orders GROUP BY customer_id HAVING sum(amount) > 500$$, '{}'),
('sum of float', $$SELECT status, sum(weight) AS weight, stddev(amount) AS spread FROM orders GROUP BY status$$, '{}'),
('count(DISTINCT)', $$SELECT status, count(DISTINCT customer_id) AS customers FROM orders GROUP BY status$$, '{}'),
('array_agg, percentile', $$SELECT status, array_agg(order_id ORDER BY order_id) AS ids, percentile_cont(0.5) WITHIN GROUP (ORDER BY amount) AS median FROM orders GROUP BY status$$, '{}'),
('GROUP BY an expression', $$SELECT date_trunc('day', at) AS day, status, count(*) AS n FROM orders GROUP BY 1, 2$$, '{}'),
('GROUP BY over a join', $$SELECT c.country, count(*) AS n, sum(o.amount) AS amount FROM orders AS o JOIN customers AS c USING (customer_id) GROUP BY 1$$, '{}'),
('GROUP BY over a left join', $$SELECT c.customer_id, count(o.order_id) AS n, sum(o.amount) AS amount FROM customers AS c LEFT JOIN orders AS o USING (customer_id) GROUP BY 1$$, '{}'),
('one row', $$SELECT count(*) AS n, sum(amount) AS amount, max(at) AS last FROM orders$$, '{}'),
('GROUPING SETS', $$SELECT status, customer_id, grouping(status, customer_id) AS g, sum(amount) AS amount FROM orders GROUP BY GROUPING SETS ((status), (customer_id), ())$$, '{"keys": "{status,customer_id,g}"}'),
('GROUPING SETS without a total', $$SELECT status, customer_id, grouping(status, customer_id) AS g, sum(amount) AS amount FROM orders GROUP BY GROUPING SETS ((status), (customer_id))$$, '{"keys": "{status,customer_id,g}"}'),
('aggregate of an aggregate', $$SELECT n, count(*) AS customers FROM (SELECT customer_id, count(*) AS n FROM orders GROUP BY 1) AS x GROUP BY n$$, '{}'),
('DISTINCT', $$SELECT DISTINCT status, customer_id % 5 AS fifth FROM orders$$, '{}'),
('DISTINCT ON', $$SELECT DISTINCT ON (customer_id) customer_id, order_id, at FROM orders ORDER BY customer_id, at DESC, order_id$$, '{}'),
('window by key', $$SELECT order_id, customer_id, row_number() OVER (PARTITION BY customer_id ORDER BY at, order_id) AS nth, sum(amount) OVER (PARTITION BY customer_id) AS total FROM orders$$, '{"keys": "{order_id}"}'),
('window over everything', $$SELECT order_id, rank() OVER (ORDER BY amount DESC, order_id) AS place FROM orders$$, '{"keys": "{order_id}"}'),
('UNION ALL', $$SELECT 'order' AS kind, order_id AS id, amount FROM orders UNION ALL SELECT 'refund', refund_id, -amount FROM refunds$$, '{"keys": "{kind,id}"}'),
('UNION', $$SELECT order_id, amount FROM orders UNION SELECT order_id, amount FROM refunds$$, '{}'),
('INTERSECT', $$SELECT order_id FROM orders INTERSECT SELECT order_id FROM refunds$$, '{}'),
('EXCEPT', $$SELECT order_id FROM orders EXCEPT SELECT order_id FROM refunds$$, '{}'),
('WITH', $$WITH big AS (SELECT * FROM orders WHERE amount > 100) SELECT b.customer_id, count(*) AS n FROM big AS b GROUP BY 1$$, '{}'),
('WITH RECURSIVE', $$WITH RECURSIVE up AS (SELECT customer_id, parent_id, 1 AS depth FROM customers WHERE parent_id IS NULL UNION ALL SELECT c.customer_id, c.parent_id, u.depth + 1 FROM up AS u JOIN customers AS c ON c.parent_id = u.customer_id) SELECT customer_id, depth FROM up$$, '{"keys": "{customer_id}"}'),
('LIMIT', $$SELECT order_id, amount FROM orders ORDER BY amount DESC, order_id LIMIT 10$$, '{}'),
('ORDER BY', $$SELECT order_id, amount FROM orders ORDER BY amount$$, '{}'),
('view as input', $$SELECT customer_id, sum(amount) AS amount FROM paid GROUP BY 1$$, '{}'),
('partitioned input', $$SELECT date_trunc('month', day) AS month, sum(amount) AS amount FROM sales GROUP BY 1$$, '{}'),
('target as input', $$SELECT n % 2 AS odd, sum(amount) AS amount FROM con.t_count_sum_avg GROUP BY 1$$, '{}'),
('no primary key', $$SELECT n, word FROM log$$, '{"mode": "full"}'),
('no primary key, grouped', $$SELECT n, count(*) AS words FROM log GROUP BY n$$, '{}'),
('materialized view as input', $$SELECT o.order_id, f.rate FROM orders AS o JOIN customers AS c USING (customer_id) JOIN frozen AS f USING (country)$$, '{"keys": "{order_id}"}'),
('materialized view as lookup', $$SELECT o.order_id, f.rate FROM orders AS o JOIN customers AS c USING (customer_id) JOIN frozen AS f USING (country)$$, '{"keys": "{order_id}", "lookups": "{con.frozen}"}'),
('foreign table as input', $$SELECT c.customer_id, e.rate FROM customers AS c JOIN elsewhere AS e USING (country)$$, '{"keys": "{customer_id}"}'),
('foreign table as lookup', $$SELECT c.customer_id, e.rate FROM customers AS c JOIN elsewhere AS e USING (country)$$, '{"keys": "{customer_id}", "lookups": "{con.elsewhere}"}'),
('TABLESAMPLE', $$SELECT order_id FROM orders TABLESAMPLE SYSTEM (100) REPEATABLE (1)$$, '{}'),
('system columns', $$SELECT order_id, tableoid::regclass::text AS home FROM orders$$, '{}'),
('mode full', $$SELECT status, count(*) AS n FROM orders GROUP BY 1$$, '{"mode": "full"}'),
('mode view', $$SELECT status, count(*) AS n FROM orders GROUP BY 1$$, '{"mode": "view"}');

CREATE VIEW def AS SELECT c.*, 'con_' || c.n AS pipeline, 'con.t_' || btrim(regexp_replace(lower(c.name), '[^a-z]+', '_', 'g'), '_') AS target FROM construct AS c;

DO $$
DECLARE
    d con.def;
BEGIN
    FOR d IN SELECT * FROM con.def ORDER BY n LOOP
        PERFORM dataplat.create_pipeline(d.pipeline, d.target, d.query, keys => (d.arguments->>'keys')::text[], mode => d.arguments->>'mode',
            sequence_by => d.arguments->>'sequence_by', delete_when => d.arguments->>'delete_when', lookups => coalesce((d.arguments->>'lookups')::text[], '{}'),
            schedule => CASE d.arguments->>'mode' WHEN 'view' THEN 'on_data' ELSE 'manual' END);
    END LOOP;
END;
$$;

-- What was chosen, and why.
SELECT d.name, p.mode, split_part(e.line, ':', 2) AS rule, p.keys, p.mode_reason
  FROM def AS d JOIN dataplat.pipeline AS p ON p.name = d.pipeline
 CROSS JOIN LATERAL (SELECT line FROM dataplat.explain_pipeline(p.name) AS line WHERE line LIKE 'rule:%') AS e
 ORDER BY d.n;

-- ------------------------------------------------------------------ they are right, and cheap

-- Runs all pipelines once, in the order in which they were made; what each did.
CREATE TABLE ran (pipeline text PRIMARY KEY, kind text, reason text);
CREATE PROCEDURE con.run_all() LANGUAGE plpgsql AS $$
DECLARE
    d con.def;
    r dataplat.pipeline_run;
BEGIN
    TRUNCATE con.ran;
    FOR d IN SELECT * FROM con.def WHERE arguments->>'mode' IS DISTINCT FROM 'view' ORDER BY n LOOP
        r := dataplat.run_pipeline(d.pipeline);
        INSERT INTO con.ran VALUES (d.pipeline, r.kind, r.reason);
        COMMIT;
    END LOOP;
END;
$$;
CREATE VIEW wrong AS
SELECT d.name, v.* FROM def AS d CROSS JOIN LATERAL dataplat.verify_pipeline(d.pipeline) AS v
 WHERE (v.missing, v.extra, v.different) <> (0, 0, 0);
CALL run_all();
SELECT r.kind, count(*) FROM ran AS r GROUP BY 1 ORDER BY 1;
SELECT * FROM wrong ORDER BY 1;

-- Everything changes: rows come, go, move to other groups; keys become NULL; both sides of a join at once.
CALL ingest(-2, ARRAY['{"id": 1, "country": "FR", "amount": 11, "at": 3, "tags": ["d"]}', '{"id": 1, "country": "DE", "amount": 12, "at": 2}',
                      '{"id": 2, "country": "FR", "amount": -1, "at": 4}', '{"id": 2, "country": "FR", "amount": 5, "at": 3}', '{"id": 3, "country": "DE", "amount": 9, "at": 1}']::jsonb[]);
UPDATE orders SET status = 'open', amount = amount + 100 WHERE order_id % 20 = 0;
UPDATE orders SET customer_id = NULL, doc = '{"lines": [{"product": "x", "n": 1}]}' WHERE order_id % 33 = 0;
DELETE FROM orders WHERE order_id % 17 = 0;
INSERT INTO orders SELECT i, i % 35, 'paid', i, 0.125, '2026-03-01', '{}' FROM generate_series(301, 310) AS i;
UPDATE customers SET country = 'FR', parent_id = 1 WHERE customer_id % 10 = 0;
DELETE FROM customers WHERE customer_id IN (7, 8);
INSERT INTO customers VALUES (31, 'c31', 'DE', 31), (32, 'c32', NULL, NULL);
UPDATE refunds SET amount = 50 WHERE refund_id < 3;
DELETE FROM refunds WHERE refund_id = 5;
INSERT INTO refunds VALUES (21, 302, 9), (22, NULL, 9);
UPDATE rates SET rate = 3 WHERE country = 'FR';
INSERT INTO log SELECT 1, 'again' FROM generate_series(1, 3);
DELETE FROM log WHERE n = 2;
UPDATE sales SET day = day + 31 WHERE sale_id = 3;
DELETE FROM sales WHERE sale_id = 40;
CALL run_all();

-- Each took what had changed; some had to compare everything for it, and say why.
SELECT r.kind, count(*), count(r.reason) AS compared_everything FROM ran AS r GROUP BY 1 ORDER BY 1;
SELECT d.name, r.reason FROM ran AS r JOIN def AS d ON d.pipeline = r.pipeline WHERE r.reason IS NOT NULL ORDER BY d.n;
-- All are right; the one that is not reads a lookup that changed, which is what lookups are for.
SELECT * FROM wrong ORDER BY 1;

-- With one input changed at a time, too.
DELETE FROM customers WHERE customer_id BETWEEN 9 AND 11;
CALL run_all();
SELECT name FROM wrong WHERE name <> 'bronze lookup' ORDER BY 1;
DELETE FROM orders WHERE amount > 190 OR status = 'open';
INSERT INTO orders SELECT i, 10, 'new', 1000, NULL, NULL, NULL FROM generate_series(401, 402) AS i;
CALL run_all();
SELECT name FROM wrong WHERE name <> 'bronze lookup' ORDER BY 1;
DELETE FROM refunds;
CALL run_all();
SELECT name FROM wrong WHERE name <> 'bronze lookup' ORDER BY 1;
TRUNCATE orders;
CALL run_all();
SELECT name FROM wrong WHERE name <> 'bronze lookup' ORDER BY 1;

-- What explain_pipeline tells: the rule and the plan; with changes that wait, what a run of them would do.
CREATE FUNCTION con.explained(construct text, execute boolean) RETURNS TABLE (line text) LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace(e, '[0-9.]+ ms', '... ms'), '[0-9]+ changed', '... changed')
      FROM con.def AS d CROSS JOIN LATERAL dataplat.explain_pipeline(d.pipeline, explained.execute) AS e
     WHERE d.name = explained.construct AND e !~ '^ *(->|  )' AND e !~ '(cost=|rows=|Key:|Cond:|Filter:|Buckets:|Time:|Method:|Buffers:)' AND e <> '';
$$;
SELECT * FROM explained('EXISTS', false);
SELECT * FROM explained('EXISTS', true);
INSERT INTO orders VALUES (501, 20, 'paid', 160, 1, NULL, NULL);
SELECT * FROM explained('EXISTS', true);
SELECT * FROM explained('LIMIT', true);
SELECT pending FROM dataplat.pipeline_input WHERE pipeline = (SELECT pipeline FROM def WHERE name = 'EXISTS') AND relation = 'con.orders';

-- ------------------------------------------------------------------ what no pipeline can be

\set VERBOSITY default
SELECT dataplat.create_pipeline('con_no', 'con.no', 'SELECT order_id, random() AS r FROM orders');
SELECT dataplat.create_pipeline('con_no', 'con.no', 'SELECT order_id, now() - at AS age FROM orders');
SELECT dataplat.create_pipeline('con_no', 'con.no', 'SELECT order_id, amount FROM orders WHERE at > current_date - 7');
SELECT dataplat.create_pipeline('con_no', 'con.no', 'SELECT order_id FROM orders FOR UPDATE');
SELECT dataplat.create_pipeline('con_no', 'con.no', 'WITH gone AS (DELETE FROM orders RETURNING order_id) SELECT order_id FROM gone');
SELECT dataplat.create_pipeline('con_no', 'con.no', 'SELECT n, word FROM log');
SELECT dataplat.create_pipeline('con_no', 'con.no', 'SELECT amount FROM orders');
SELECT dataplat.create_pipeline('con_no', 'con.no', 'SELECT order_id FROM orders LIMIT 3', mode => 'aggregate');
SELECT dataplat.create_pipeline('con_no', 'con.no', 'SELECT order_id, amount FROM orders', mode => 'append');
SELECT dataplat.create_pipeline('con_no', 'con.no', 'SELECT status, max(at) AS at FROM orders GROUP BY 1', keys => '{status}', sequence_by => 'at', mode => 'scd2');

SET client_min_messages = error;
DO $$
DECLARE
    d con.def;
BEGIN
    FOR d IN SELECT * FROM con.def ORDER BY n DESC LOOP
        PERFORM dataplat.drop_pipeline(d.pipeline, true);
    END LOOP;
END;
$$;
SELECT dataplat.drop_source('con_raw', true);
DELETE FROM dataplat.pipeline_run WHERE pipeline LIKE 'con\_%';
DELETE FROM dataplat.pipeline_event WHERE pipeline LIKE 'con\_%';
DELETE FROM dataplat.batch WHERE source = 'con_raw';
DROP SCHEMA con CASCADE;
DROP SERVER con_shop;
