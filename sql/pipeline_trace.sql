-- A row of a target leads back to the rows that it is made of, through all layers.
SET client_min_messages = warning;
CREATE SCHEMA trace;
CREATE TABLE trace.customer (id int PRIMARY KEY, region text);
CREATE TABLE trace.orders (id int PRIMARY KEY, customer int, amount int);
INSERT INTO trace.customer VALUES (1, 'north'), (2, 'north'), (3, NULL);
INSERT INTO trace.orders VALUES (10, 1, 5), (11, 2, 7), (12, 3, 9), (13, 99, 1);

SELECT dataplat.create_pipeline('trace_enriched', 'trace.enriched', schedule => 'manual', keys => '{id}',
    query => 'SELECT o.id, o.amount, c.region FROM trace.orders AS o LEFT JOIN trace.customer AS c ON c.id = o.customer');
SELECT dataplat.create_pipeline('trace_regions', 'trace.regions', schedule => 'manual',
    query => 'SELECT region, count(*) AS orders, sum(amount) AS amount FROM trace.enriched GROUP BY region');
SELECT (dataplat.run_pipeline('trace_enriched')).state, (dataplat.run_pipeline('trace_regions')).state;

-- two layers down
SELECT layer, relation, contents FROM dataplat.trace_row('trace.regions', '{"region": "north"}') ORDER BY layer, relation, contents;
-- NULL is a key like any other; an order without a customer has no customer behind it
SELECT layer, relation, contents FROM dataplat.trace_row('trace.regions', '{"region": null}') ORDER BY layer, relation, contents;
-- so many rows of each input at most
SELECT count(*) FROM dataplat.trace_row('trace.regions', '{"region": "north"}', 1) WHERE layer = 1;
-- nothing has such a key
SELECT layer, relation, contents FROM dataplat.trace_row('trace.regions', '{"region": "south"}');

-- wrong input
SELECT * FROM dataplat.trace_row('trace.orders', '{"id": 10}');
SELECT * FROM dataplat.trace_row('trace.regions', '[1]');
SELECT * FROM dataplat.trace_row('trace.regions', '{"town": "north"}');

-- what the caller may not read is not shown, where it comes from is
CREATE ROLE trace_reader;
GRANT USAGE ON SCHEMA trace, dataplat TO trace_reader;
GRANT EXECUTE ON FUNCTION dataplat.trace_row, dataplat.command TO trace_reader;
SET ROLE trace_reader;
SELECT * FROM dataplat.trace_row('trace.regions', '{"region": "north"}');
RESET ROLE;
GRANT SELECT ON trace.regions, trace.enriched TO trace_reader;
SET ROLE trace_reader;
SELECT layer, relation, contents FROM dataplat.trace_row('trace.regions', '{"region": "north"}') ORDER BY layer, relation, contents;
RESET ROLE;

SELECT dataplat.drop_pipeline('trace_regions', drop_target => true);
SELECT dataplat.drop_pipeline('trace_enriched', drop_target => true);
DROP SCHEMA trace CASCADE;
REVOKE ALL ON FUNCTION dataplat.trace_row, dataplat.command FROM trace_reader;
REVOKE ALL ON SCHEMA dataplat FROM trace_reader;
DROP ROLE trace_reader;
