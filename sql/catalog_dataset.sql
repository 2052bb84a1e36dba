-- What the catalog knows of relations, and how that follows them.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
CREATE SCHEMA cat_silver;
CREATE TABLE cat_silver.customers (id bigint PRIMARY KEY, full_name text NOT NULL, email text);
CREATE TABLE cat_silver.orders (order_id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES cat_silver.customers, amount numeric(12, 2), at timestamptz)
;
CREATE TABLE cat_silver.events (day date NOT NULL, what text) PARTITION BY RANGE (day);
CREATE TABLE cat_silver.events_2026 PARTITION OF cat_silver.events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE VIEW cat_silver.big AS SELECT * FROM cat_silver.orders WHERE amount > 1000;
CREATE MATERIALIZED VIEW cat_silver.totals AS SELECT customer_id, sum(amount) AS total FROM cat_silver.orders GROUP BY 1;
CREATE TABLE cat_silver."Odd ""Name""" ("the id" int, "Ärger" text);
CREATE TEMP TABLE cat_temp (a int);
COMMENT ON TABLE cat_silver.orders IS 'one row for each order that a customer placed';
COMMENT ON COLUMN cat_silver.orders.amount IS 'total with tax, in euros';

-- Found by themselves; partitions and temporary tables are left out.
SELECT object, kind, layer, description, columns FROM dataplat.dataset WHERE object LIKE 'cat\_%' ORDER BY object;
SELECT count(*) FROM dataplat.dataset WHERE object LIKE 'dataplat%' OR object LIKE 'pg\_%' OR object LIKE '%cat_temp%';

-- Said of datasets and columns, written in several ways.
SELECT dataplat.set_owner('cat_silver.orders', 'kim', 'business owner');
SELECT dataplat.set_owner('cat_silver.orders', 'data-team');
SELECT dataplat.set_owner('Cat_Silver.Orders', 'old-team');
SELECT dataplat.set_owner('cat_silver.orders', 'data-team', replace_others => true);
SELECT dataplat.add_tag('cat_silver.orders', 'finance');
SELECT dataplat.add_tag('cat_silver.orders', 'finance');
SELECT dataplat.add_tag('cat_silver.orders.amount', 'money');
SELECT dataplat.add_tag('cat_silver."Odd ""Name"""."Ärger"', 'größe');
SELECT dataplat.add_tag('cat_silver.events_2026', 'of the root');
SELECT dataplat.set_description('cat_silver.customers', 'people who ''buy''');
SELECT dataplat.set_description('cat_silver.customers.email', 'where to write');
SELECT dataplat.set_description('cat_silver.totals', 'sums');
SELECT obj_description('cat_silver.customers'::regclass), col_description('cat_silver.customers'::regclass, 3);
SELECT dataplat.create_domain('shop', 'the web shop');
SELECT dataplat.create_domain('shop eu', 'in Europe', parent => 'shop');
SELECT dataplat.set_domain('cat_silver.orders', 'shop eu');
SELECT dataplat.create_data_product('sales', '{cat_silver.orders,cat_silver.totals}', 'what is sold', 'kim', 'shop');
SELECT dataplat.set_classification('cat_silver.customers.email', 'confidential', 'EMAIL_ADDRESS');
SELECT dataplat.define_term('sales', 'what we sell');
SELECT dataplat.define_term('sales.revenue', 'money from sales', status => 'approved', synonyms => '{turnover}', related => '{sales}');
SELECT dataplat.assign_term('cat_silver.orders.amount', 'sales.revenue');
SELECT dataplat.deprecate('cat_silver.big', 'too slow', use_instead => 'cat_silver.totals');
SELECT object, owner, owners, tags, domain, products, use_instead FROM dataplat.dataset WHERE object LIKE 'cat\_%' ORDER BY object;
SELECT object, column_name, tag, added_by = current_user AS by_me FROM dataplat.tag WHERE object LIKE 'cat\_%' ORDER BY 1, 2, 3;

-- What cannot be said, and what is meant.
SELECT dataplat.add_tag('cat_silver.ordres', 'finance');
SELECT dataplat.add_tag('cat_silver.orders.amuont', 'finance');
SELECT dataplat.add_tag('cat_silver.orders', ' ');
SELECT dataplat.add_tag('', 'finance');
SELECT dataplat.add_tag(NULL, 'finance');
SELECT dataplat.add_tag('a b; DROP TABLE cat_silver.orders', 'finance');
SELECT dataplat.remove_tag('cat_silver.orders', 'money');
SELECT dataplat.remove_owner('cat_silver.orders', 'nobody');
SELECT dataplat.set_owner('cat_silver.orders.amount', 'kim');
SELECT dataplat.set_domain('cat_silver.orders', 'no such');
SELECT dataplat.create_domain('shop', parent => 'shop eu');
SELECT dataplat.set_classification('cat_silver.orders', 'secret');
SELECT dataplat.define_term('sales.profit.net', 'what is left');
SELECT dataplat.define_term('profit', 'what is left', parent => 'sales');
SELECT dataplat.define_term('profit', 'what is left', status => 'final');
SELECT dataplat.define_term('.', 'what is left');
SELECT dataplat.assign_term('cat_silver.orders', 'sales.revenu');
SELECT dataplat.drop_term('sales');
SELECT dataplat.deprecate('cat_silver.orders', 'because', use_instead => 'cat_silver.orders');

-- It follows when a table, a schema or columns are renamed, two columns at once too.
SELECT dataplat.add_tag('cat_silver.customers.full_name', 'was full_name');
SELECT dataplat.add_tag('cat_silver.customers.email', 'was email');
ALTER TABLE cat_silver.orders RENAME TO purchases;
ALTER TABLE cat_silver.purchases RENAME amount TO total;
ALTER TABLE cat_silver.customers RENAME email TO between_names;
ALTER TABLE cat_silver.customers RENAME full_name TO email;
ALTER TABLE cat_silver.customers RENAME between_names TO full_name;
ALTER TABLE cat_silver.purchases ADD COLUMN note text, ALTER COLUMN at SET NOT NULL;
ALTER SCHEMA cat_silver RENAME TO cat_gold;
SELECT object, owner, tags, domain, products, use_instead FROM dataplat.dataset WHERE object LIKE 'cat\_%' ORDER BY object;
SELECT object, column_name, tag FROM dataplat.tag WHERE object LIKE 'cat\_%' ORDER BY 1, 2, 3;
SELECT object, column_name, term FROM dataplat.term_assignment WHERE object LIKE 'cat\_%' ORDER BY 1, 2, 3;
SELECT object, column_name, classification FROM dataplat.column_classification WHERE object LIKE 'cat\_%' ORDER BY 1, 2;
SELECT object, version, changed_by = session_user AS by_me, changes FROM dataplat.schema_history WHERE object LIKE 'cat\_%' ORDER BY 1, 2;

-- A table that takes the name another one gave up in the same transaction takes its place.
CREATE TABLE cat_gold.purchases_new (order_id bigint PRIMARY KEY, total numeric);
ALTER TABLE cat_gold.purchases RENAME TO purchases_old;
ALTER TABLE cat_gold.purchases_new RENAME TO purchases;
DROP TABLE cat_gold.purchases_old CASCADE;
SELECT object, owner, tags FROM dataplat.dataset WHERE object LIKE 'cat\_gold.purch%' ORDER BY object;
SELECT changes FROM dataplat.schema_history WHERE object = 'cat_gold.purchases' ORDER BY version;

-- What was said of a table outlives it, until it is forgotten.
DROP TABLE cat_gold.purchases;
SELECT object FROM dataplat.dataset WHERE object LIKE 'cat\_%' ORDER BY object;
SELECT object, column_name, what FROM dataplat.catalog_orphan WHERE object LIKE 'cat\_%' ORDER BY 1, 2, 3;
CREATE TABLE cat_gold.purchases (order_id bigint);
SELECT object, column_name, what FROM dataplat.catalog_orphan WHERE object LIKE 'cat\_gold.purchases' ORDER BY 1, 2, 3;
SELECT object, owner, tags FROM dataplat.dataset WHERE object LIKE 'cat\_gold.purch%' ORDER BY object;
SELECT dataplat.forget_dataset('cat_gold.purchases');
SELECT object, owner, tags FROM dataplat.dataset WHERE object LIKE 'cat\_gold.purch%' ORDER BY object;

-- What an event trigger did not see is found by a refresh.
ALTER EVENT TRIGGER dataplat_catalog DISABLE;
ALTER TABLE cat_gold.customers RENAME TO people;
ALTER TABLE cat_gold.people ADD COLUMN phone text;
ALTER EVENT TRIGGER dataplat_catalog ENABLE;
SELECT dataplat.refresh_catalog() > 0 AS some_changed;
SELECT object, column_name, tag FROM dataplat.tag WHERE object = 'cat_gold.people' ORDER BY 1, 2, 3;
SELECT changed_by, changes FROM dataplat.schema_history WHERE object = 'cat_gold.people' ORDER BY version DESC LIMIT 1;
SELECT dataplat.refresh_catalog();
ROLLBACK;
