-- Dictionaries and contracts.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE ROLE regress_reader;
CREATE SCHEMA cac;
COMMENT ON SCHEMA cac IS 'orders & more';
CREATE TABLE cac.customers (id bigint PRIMARY KEY, email text UNIQUE);
CREATE TABLE cac.orders (order_id bigint, line int, customer_id bigint NOT NULL REFERENCES cac.customers, amount numeric(12, 2), "a|b" text, tags text[], doc jsonb,
    created_at timestamptz NOT NULL DEFAULT '2026-01-01 00:00:00+00', PRIMARY KEY (line, order_id));
COMMENT ON TABLE cac.orders IS E'one | row for <each> "order" & more\n[not a link](x)';
COMMENT ON COLUMN cac.orders.amount IS '# total *with* tax';
GRANT SELECT, UPDATE ON cac.orders TO regress_reader;
SELECT dataplat.set_owner('cac.orders', 'kim');
SELECT dataplat.set_owner('cac.orders', 'lee', 'business owner');
SELECT dataplat.add_tag('cac.orders', 'finance');
SELECT dataplat.add_tag('cac.orders.amount', 'money');
SELECT dataplat.set_classification('cac.customers.email', 'confidential');
SELECT dataplat.set_classification('cac.orders.amount', 'internal');
SELECT dataplat.define_term('cacrevenue', 'money | earned');
SELECT dataplat.assign_term('cac.orders.amount', 'cacrevenue');
SELECT dataplat.create_domain('cacdomain');
SELECT dataplat.set_domain('cac.orders', 'cacdomain');
SELECT dataplat.create_data_product('cacproduct', '{cac.orders}');
SELECT dataplat.add_expectation('cac.orders', 'not_null', '{"column": "amount"}', mostly => 0.9) > 0;
SELECT dataplat.add_expectation('cac.orders', 'between', '{"column": "amount", "min_value": 0}', severity => 'warn', row_filter => 'line > 1') > 0;
SELECT dataplat.add_expectation('cac.orders', 'expect_table_row_count_to_equal', '{"value": 2}', name => 'two rows') > 0;

-- Escaped, sorted, the same each time.
SELECT dataplat.data_dictionary('cac');
SELECT dataplat.data_dictionary('cac', 'html');
SELECT dataplat.data_dictionary('cac', 'json')::jsonb #> '{datasets,1,columns,3}';
SELECT dataplat.data_dictionary('cac') = dataplat.data_dictionary('cac', 'markdown');
SELECT dataplat.data_dictionary('cac', 'pdf');
\set VERBOSITY terse
SELECT dataplat.data_dictionary('cac no such');
\set VERBOSITY default

-- A contract, into which nothing of this server comes but its servers.
CREATE TEMP TABLE kept AS SELECT dataplat.export_contract('cac.orders') AS contract;
SELECT jsonb_pretty(contract - 'servers' - 'id') FROM kept;
SELECT * FROM dataplat.check_contract((SELECT contract FROM kept));

-- Imported where nothing is, the same comes out again.
DROP TABLE cac.orders;
SELECT dataplat.forget_dataset('cac.orders');
SELECT dataplat.drop_expectation(expectation_id) FROM dataplat.expectation WHERE dataset = 'cac.orders' ORDER BY expectation_id;
SELECT * FROM dataplat.import_contract((SELECT contract FROM kept));
SELECT * FROM dataplat.import_contract((SELECT contract FROM kept), create_tables => true);
GRANT SELECT, UPDATE ON cac.orders TO regress_reader;
SELECT dataplat.export_contract('cac.orders') = contract FROM kept;
SELECT * FROM dataplat.import_contract((SELECT contract FROM kept)) WHERE action LIKE 'expectation%';
SELECT dataplat.export_contract('cac.orders') = contract FROM kept;
SELECT count(*) FROM dataplat.expectation WHERE dataset = 'cac.orders';

-- What breaks it.
SELECT * FROM dataplat.check_contract('cac.orders');
ALTER TABLE cac.orders ALTER amount TYPE text, ALTER customer_id DROP NOT NULL, DROP COLUMN tags, ADD COLUMN extra int, DROP CONSTRAINT orders_pkey;
INSERT INTO cac.orders (order_id, line, amount, created_at) VALUES (1, 1, '1', '2026-01-01');
SELECT dataplat.drop_expectation(expectation_id) FROM dataplat.expectation WHERE dataset = 'cac.orders' AND kind LIKE '%between';
SELECT count(*) FROM dataplat.validate('cac.orders');
SELECT * FROM dataplat.check_contract('cac.orders');
DROP TABLE cac.orders;
SELECT * FROM dataplat.check_contract((SELECT contract FROM kept));

-- A contract that others wrote: what it has and we have no place for is kept.
CREATE TABLE cac.foreign_one (id int NOT NULL, state text, other int);
CREATE TEMP TABLE foreign_contract AS SELECT '{"apiVersion": "v3.0.2", "kind": "DataContract", "id": "53581432-6c55-4ba2-a65f-72344a91553a", "version": "2.1.0", "status": "draft",
    "name": "foreign", "support": [{"channel": "#help", "url": "https://example.org/help"}], "description": {"purpose": "a test", "usage": "carefully"},
    "slaProperties": [{"property": "latency", "value": 4, "unit": "h"}], "team": [{"username": "ann", "role": "owner"}],
    "customProperties": [{"property": "costCenter", "value": "42"}],
    "schema": [{"name": "foreign_one", "physicalName": "cac.foreign_one", "businessName": "the foreign one",
       "quality": [{"type": "library", "metric": "rowCount", "mustBeGreaterThan": 0, "name": "not empty"}, {"type": "text", "description": "should be nice"},
                   {"type": "sql", "query": "SELECT count(*) FROM ${object} WHERE id < 0", "mustBe": 0, "name": "no negative ids"}],
       "properties": [{"name": "id", "logicalType": "integer", "physicalType": "integer", "required": true, "businessName": "the number",
                       "quality": [{"metric": "nullValues", "mustBe": 0}, {"metric": "duplicateValues", "mustBe": 0}]},
                      {"name": "state", "logicalType": "string", "quality": [{"metric": "invalidValues", "arguments": {"validValues": ["new", "done"]}, "mustBeLessOrEqualTo": 5, "unit": "percent"},
                                                                             {"metric": "missingValues", "arguments": {"missingValues": [null, "", "n/a"]}, "mustBeLessThan": 3}]},
                      {"name": "gone", "logicalType": "date"}]}]}'::jsonb AS contract;
SELECT * FROM dataplat.import_contract((SELECT contract FROM foreign_contract));
SELECT name, kind, kwargs, mostly FROM dataplat.expectation WHERE dataset = 'cac.foreign_one' ORDER BY expectation_id;
INSERT INTO cac.foreign_one VALUES (1, 'new'), (-1, 'old'), (2, NULL);
SELECT name, outcome FROM dataplat.validate('cac.foreign_one') ORDER BY expectation_id;
SELECT * FROM dataplat.check_contract('cac.foreign_one');
SELECT jsonb_pretty(dataplat.export_contract('cac.foreign_one') - 'servers' #- '{schema,0,quality}' #- '{schema,0,properties}');
SELECT dataplat.export_contract('cac.foreign_one') #> '{schema,0,properties,0,businessName}';

-- What is no contract.
SELECT * FROM dataplat.import_contract('[]');
SELECT * FROM dataplat.import_contract('{"kind": "DataContract", "apiVersion": "v2.2.2"}');
SELECT * FROM dataplat.import_contract('{"kind": "DataContract", "apiVersion": "v3.1.0", "id": "x", "version": "1", "status": "active"}');
SELECT * FROM dataplat.import_contract('{"kind": "DataContract", "apiVersion": "v3.1.0", "id": "x", "version": "1", "status": "active", "schema": [{"name": "cac.bad",
    "properties": [{"name": "a", "physicalType": "int); DROP TABLE cac.customers; --"}]}]}', create_tables => true);
SELECT * FROM dataplat.check_contract('cac.customers');
SELECT dataplat.export_contract('cac.no_such');
ROLLBACK;
