-- Finding datasets by words, and the page about one.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
CREATE SCHEMA cas;
CREATE TABLE cas.customer_orders (order_id bigint PRIMARY KEY, customer_email text NOT NULL, amount numeric(12, 2) DEFAULT 0);
CREATE TABLE cas."InvoiceLines" (line int, "netAmount" numeric);
CREATE TABLE cas.zebra (id int PRIMARY KEY, order_id bigint REFERENCES cas.customer_orders, note text);
CREATE VIEW cas.shipments AS SELECT 1 AS parcel;
COMMENT ON TABLE cas.zebra IS 'complaints that customers sent about deliveries, with everything that was written to them in return until they were content again';
COMMENT ON COLUMN cas.customer_orders.amount IS 'total with tax, in euros';
SELECT dataplat.define_term('casales', 'what we sell');
SELECT dataplat.define_term('casales.turnover', 'money from sales before costs', status => 'approved', synonyms => '{grossincome}');
SELECT dataplat.assign_term('cas.customer_orders.amount', 'casales.turnover');
SELECT dataplat.add_tag('cas.zebra', 'carefulwords');
SELECT dataplat.set_owner('cas.zebra', 'complaints-team');
SELECT dataplat.create_domain('casdomain', 'all about parcels');
SELECT dataplat.set_domain('cas.shipments', 'casdomain');
CREATE FUNCTION pg_temp.find(words text) RETURNS TABLE (object text, kind text, why text, snippet text) LANGUAGE sql AS $$
    SELECT s.object, s.kind, s.why, s.snippet FROM dataplat.search_catalog(words, 1000) AS s WHERE s.object LIKE 'cas%' $$;

-- By name, split at underscores and capitals, by beginnings and by stems.
SELECT * FROM pg_temp.find('customer orders');
SELECT * FROM pg_temp.find('invoice');
SELECT * FROM pg_temp.find('net amounts');
SELECT * FROM pg_temp.find('complaint delivery');
SELECT * FROM pg_temp.find('shipm');
-- By tag, owner, term, synonym, domain.
SELECT * FROM pg_temp.find('carefulwords');
SELECT * FROM pg_temp.find('grossincome');
SELECT * FROM pg_temp.find('casdomain');
-- Mistyped.
SELECT * FROM pg_temp.find('invoyce');
SELECT * FROM pg_temp.find('shippments');
SELECT * FROM pg_temp.find('qqqqqqqqqq');
-- Nothing can be broken by what is written.
SELECT * FROM pg_temp.find('''); DROP TABLE cas.zebra; -- & | ! <-> :*');
SELECT * FROM dataplat.search_catalog('  ');
SELECT * FROM dataplat.search_catalog(NULL);
SELECT count(*) FROM dataplat.search_catalog('order', max_rows => 1);

-- Of those that fit equally, what is used more comes first.
CREATE VIEW cas.alike_a AS SELECT 1 AS platypus;
CREATE VIEW cas.alike_b AS SELECT 1 AS platypus;
INSERT INTO dataplat_internal.dataset_usage (object, uses) VALUES ('cas.alike_b', 1000000);
SELECT object, why FROM pg_temp.find('platypus');

-- What should not be used any more comes later.
SELECT dataplat.deprecate('cas.customer_orders', 'the shop is closed', 'cas.zebra');
SELECT object, why FROM pg_temp.find('order');

-- What a COMMENT says is found at once, and what is gone is not.
COMMENT ON VIEW cas.shipments IS 'wombats';
SELECT object FROM pg_temp.find('wombat');
DROP VIEW cas.shipments;
SELECT object FROM pg_temp.find('wombat');

-- One page, of this room's sections.
DELETE FROM dataplat_internal.describe_section WHERE section NOT IN ('meaning', 'owner', 'columns', 'freshness');
SELECT dataplat.set_classification('cas.customer_orders.customer_email', 'confidential', 'EMAIL_ADDRESS');
SELECT regexp_replace(d, '\(since.*\)', '(since ...)') AS d FROM dataplat.describe('cas.customer_orders') AS d WHERE d NOT LIKE 'Use %';
SELECT d FROM dataplat.describe('zebra') AS d WHERE d NOT LIKE 'Use %';
SELECT d FROM dataplat.describe('cas.zebra.order_id') AS d;
SELECT d FROM dataplat.describe('cas.customer_orders.amount') AS d;
SELECT max(length(d)) <= 118 AS fits FROM dataplat.describe('cas.zebra') AS d;
SELECT d FROM dataplat.describe('cas.zebro') AS d;
SELECT d FROM dataplat.describe('') AS d;

-- A section that fails does not take the others with it.
CREATE FUNCTION dataplat_internal.describe_regress(object text, OUT label text, OUT value text) RETURNS SETOF record LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION 'out of order'; END $$;
SELECT dataplat_internal.register_describe_section('regress', 11, 'dataplat_internal.describe_regress');
SELECT d FROM dataplat.describe('cas."InvoiceLines"') AS d WHERE d NOT LIKE 'Use %';

-- Topics, subjects and others come from the rooms that know them.
CREATE FUNCTION dataplat_internal.facts_regress() RETURNS SETOF dataplat_internal.dataset_fact LANGUAGE sql AS $$
    SELECT ('kafka://casbroker/casclicks', 'topic', NULL, current_user::text, NULL, NULL, NULL, NULL, '[{"name": "url", "type": "text"}]')::dataplat_internal.dataset_fact
    UNION ALL SELECT ('cas.zebra', NULL, 'silver', NULL, NULL, 'pipeline:caszebra', '2026-01-01', '2026-01-02', NULL)::dataplat_internal.dataset_fact $$;
SELECT dataplat_internal.register_dataset_provider('regress', 'dataplat_internal.facts_regress');
SELECT dataplat.set_description('kafka://casbroker/casclicks', 'what people click');
SELECT dataplat.add_tag('casclicks', 'hot');
SELECT object, kind, layer, description, tags, written_by, loaded_at FROM dataplat.dataset WHERE object LIKE '%cas%' ORDER BY object;
SELECT d FROM dataplat.describe('casclicks') AS d;
SELECT object, kind, why FROM dataplat.search_catalog('casclicks url');
ROLLBACK;
