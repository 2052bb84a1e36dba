-- Who feeds whom: declared by views, functions and pipelines, asked for tables, columns, jobs and exposures.
SET client_min_messages = warning;
CREATE SCHEMA lg_silver;
CREATE SCHEMA lg_gold;
CREATE TABLE lg_silver.orders (order_id bigint PRIMARY KEY, status text, amount numeric, "odd ""name" text, ordered_at timestamptz);
CREATE TABLE lg_silver.customers (id bigint PRIMARY KEY, country text);
CREATE VIEW lg_silver.recent AS SELECT order_id, amount * 2 AS doubled, status FROM lg_silver.orders WHERE ordered_at > '2020-01-01';
CREATE VIEW lg_silver.priced AS SELECT r.order_id, r.doubled, o.status FROM lg_silver.recent AS r JOIN lg_silver.orders AS o USING (order_id);
CREATE MATERIALIZED VIEW lg_gold.by_status AS SELECT status, count(*) AS orders, sum(doubled) AS total FROM lg_silver.priced GROUP BY status;
CREATE FUNCTION lg_gold.of_order(order_id bigint) RETURNS numeric LANGUAGE sql AS 'SELECT p.doubled FROM lg_silver.priced AS p WHERE p.order_id = of_order.order_id';
CREATE FUNCTION lg_gold.all_of_them() RETURNS SETOF numeric LANGUAGE sql BEGIN ATOMIC SELECT doubled FROM lg_silver.priced; END;
CREATE FUNCTION lg_gold.store() RETURNS void LANGUAGE sql AS 'INSERT INTO lg_silver.customers SELECT order_id, status FROM lg_silver.orders';
SELECT dataplat.create_pipeline('lg_revenue', target => 'lg_gold.revenue', schedule => 'manual',
    query => 'SELECT status, sum(amount) AS total, count(*) AS orders FROM lg_silver.orders GROUP BY status');
SELECT dataplat.create_pipeline('lg_shares', target => 'lg_gold.shares', schedule => 'manual',
    query => 'SELECT p.status, sum(p.doubled) AS total FROM lg_silver.priced AS p GROUP BY p.status');
SELECT dataplat.add_exposure('board "q"', owner => 'finance', kind => 'dashboard', depends_on => '{lg_gold.revenue.total,lg_gold.shares}', url => 'https://bi.example/1');

-- where does this number come from?  The edges are read when the question comes
SELECT node, depth, kind, via, type FROM dataplat.upstream('lg_gold.shares.total');
SELECT path FROM dataplat.upstream('lg_gold.shares.total') WHERE node = 'lg_silver.orders.amount';
SELECT node, depth, kind, via, type FROM dataplat.downstream('lg_silver.orders');
SELECT node, depth, via, type FROM dataplat.downstream('lg_silver.orders', depth => 1);
SELECT node, depth, via, type FROM dataplat.downstream('lg_silver.orders.ordered_at');
-- count(*) reads no column
SELECT node, depth, type FROM dataplat.upstream('lg_gold.revenue.orders');

-- a node is written as anybody writes it, or it is a job or an exposure
SELECT node, depth FROM dataplat.upstream('LG_Gold."revenue"');
SET search_path = lg_silver, public;
SELECT node, depth FROM dataplat.upstream('recent');
SELECT node, depth FROM dataplat.upstream('recent.doubled');
RESET search_path;
SELECT node, depth, path FROM dataplat.upstream('pipeline:lg_shares');
SELECT node, depth FROM dataplat.downstream('pipeline:lg_shares');
SELECT node, depth, via, type FROM dataplat.upstream('exposure:board "q"');
SELECT node, depth, via FROM dataplat.upstream('function:lg_gold.of_order');
SELECT node, via FROM dataplat.downstream('lg_silver.orders') WHERE node = 'lg_silver.customers';

-- what nobody knows
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT * FROM dataplat.upstream('lg_gold.revenu');
SELECT * FROM dataplat.upstream('lg_gold.revenue.totl');
SELECT * FROM dataplat.upstream('pipeline:lg_revenu');
SELECT * FROM dataplat.upstream(NULL);
SELECT * FROM dataplat.upstream('lg_gold.revenue', depth => 0);
SELECT * FROM dataplat.downstream('"unclosed');
SELECT dataplat.lineage_graph('lg_gold.revenue', format => 'svg');
SELECT dataplat.add_exposure('x', 'me', 'dashboard', '{lg_gold.nothing_like_it}');
SELECT dataplat.add_exposure('x', 'me', 'poster', '{lg_gold.revenue}');
SELECT dataplat.add_exposure('x', 'me', 'report', '{}');
SELECT dataplat.drop_exposure('x');

-- pictures, with names that must be escaped
CREATE VIEW lg_gold."a ""b"" <c> #d \e" AS SELECT "odd ""name" AS "x|y]" FROM lg_silver.orders;
SELECT dataplat.lineage_graph('lg_gold."a ""b"" <c> #d \e"');
SELECT dataplat.lineage_graph('lg_gold."a ""b"" <c> #d \e"', format => 'dot', columns => true);
SELECT dataplat.lineage_graph('lg_gold.shares', format => 'mermaid');
SELECT jsonb_pretty(dataplat.lineage_graph('lg_gold.revenue.total', format => 'json')::jsonb);
DROP VIEW lg_gold."a ""b"" <c> #d \e";

-- edges have their time: a pipeline that is changed, and what it read before
SELECT pg_catalog.now() AS before \gset
SELECT dataplat.alter_pipeline('lg_revenue', query => 'SELECT status, sum(order_id) AS total, count(*) AS orders FROM lg_silver.orders GROUP BY status');
SELECT node FROM dataplat.upstream('lg_gold.revenue.total', depth => 1) WHERE type = 'DIRECT';
SELECT node FROM dataplat.upstream('lg_gold.revenue.total', depth => 1, as_of => :'before') WHERE type = 'DIRECT';
SELECT dataplat.drop_pipeline('lg_revenue');
SELECT node FROM dataplat.upstream('lg_gold.revenue');
SELECT node FROM dataplat.upstream('lg_gold.revenue', as_of => :'before');

-- a renamed table takes its views along; the pipeline keeps the name it was written with
SET dataplat.lineage_ddl_check = off;
ALTER TABLE lg_silver.orders RENAME TO bookings;
SELECT node, depth, kind FROM dataplat.upstream('lg_silver.recent');
ALTER TABLE lg_silver.bookings RENAME TO orders;
RESET dataplat.lineage_ddl_check;

-- a job that cannot be read keeps what was known of it, and is shown; the others are read all the same
SET check_function_bodies = off;
CREATE OR REPLACE FUNCTION lg_gold.of_order(order_id bigint) RETURNS numeric LANGUAGE sql AS 'SELECT nothing FROM lg_silver.nowhere';
SELECT node FROM dataplat.upstream('function:lg_gold.of_order', depth => 1);
SELECT severity, object, problem, cause FROM dataplat_internal.health_lineage() WHERE object LIKE '%lg_gold%';
DROP FUNCTION lg_gold.of_order;
SELECT count(*) FROM dataplat.refresh_lineage() WHERE problem IS NOT NULL;
SELECT count(*) FROM dataplat_internal.health_lineage() WHERE object LIKE '%lg_gold%';

-- cycles: a table that feeds itself, and two that feed each other; walks end
INSERT INTO dataplat_internal.lineage_edge (origin, job, output_node, output_column, input_node, input_column, type, subtype)
VALUES ('observed', 'query:lg1', 'lg_silver.customers', 'id', 'lg_silver.customers', 'id', 'DIRECT', 'IDENTITY'),
       ('observed', 'query:lg2', 'lg_silver.loop', 'a', 'lg_silver.pool', 'b', 'DIRECT', 'IDENTITY'),
       ('observed', 'query:lg3', 'lg_silver.pool', 'b', 'lg_silver.loop', 'a', 'DIRECT', 'TRANSFORMATION');
SELECT * FROM dataplat.lineage_cycles() WHERE nodes[1] LIKE 'lg\_%';
SELECT node, depth, kind FROM dataplat.upstream('lg_silver.customers.id');
SELECT node, depth, kind FROM dataplat.downstream('lg_silver.loop.a');
SELECT node, depth FROM dataplat.upstream('lg_silver.loop');

-- edges that come with a dump when some were read already: none is lost, none is there twice
CREATE TEMP TABLE lg_dump AS SELECT * FROM dataplat_internal.lineage_edge WHERE output_node LIKE 'lg\_%' AND origin <> 'observed' AND valid_to IS NULL;
SELECT count(*) > 0 AS some FROM lg_dump;
INSERT INTO dataplat_internal.lineage_edge SELECT * FROM lg_dump;
SELECT count(*) = 2 * (SELECT count(*) FROM lg_dump) AS both, count(DISTINCT edge_id) = count(*) AS different
  FROM dataplat_internal.lineage_edge WHERE output_node LIKE 'lg\_%' AND origin <> 'observed' AND valid_to IS NULL;
SELECT count(*) FROM dataplat.refresh_lineage() WHERE problem IS NOT NULL;
SELECT count(*) = (SELECT count(*) FROM lg_dump) AS once FROM dataplat_internal.lineage_edge WHERE output_node LIKE 'lg\_%' AND origin <> 'observed' AND valid_to IS NULL;
DROP TABLE lg_dump;

-- describe's section
SELECT * FROM dataplat_internal.describe_lineage('lg_gold.shares');

DELETE FROM dataplat_internal.lineage_edge WHERE origin = 'observed' AND job LIKE 'query:lg%';
SELECT dataplat.drop_exposure('board "q"');
SELECT dataplat.drop_pipeline('lg_shares');
DROP SCHEMA lg_silver, lg_gold CASCADE;
SELECT count(*) FROM dataplat.refresh_lineage() WHERE problem IS NOT NULL;
DELETE FROM dataplat_internal.lineage_edge WHERE output_node LIKE '%lg\_%';
DELETE FROM dataplat.pipeline_event WHERE pipeline LIKE 'lg\_%';
