-- DDL that breaks a pipeline: told beforehand, warned of, or refused.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE SCHEMA ld;
CREATE TABLE ld.orders (order_id bigint PRIMARY KEY, status text, amount numeric, note text);
CREATE VIEW ld.paid AS SELECT order_id, amount AS paid FROM ld.orders WHERE status = 'paid';
CREATE FUNCTION ld.sum_paid() RETURNS numeric LANGUAGE sql AS 'SELECT sum(paid) FROM ld.paid';
CREATE FUNCTION ld.twice() RETURNS numeric LANGUAGE sql AS 'SELECT 2 * s FROM ld.sum_paid() AS s, ld.paid LIMIT 1';
SELECT dataplat.create_pipeline('ld_revenue', target => 'ld.revenue', schedule => 'manual', query => 'SELECT status, sum(amount) AS total FROM ld.orders GROUP BY status');
SELECT dataplat.create_pipeline('ld_paid', target => 'ld.paid_orders', schedule => 'manual', query => 'SELECT order_id, paid FROM ld.paid');
SELECT dataplat.add_exposure('ld board', 'finance', 'report', '{ld.revenue.total}');
INSERT INTO ld.orders SELECT g, 'paid', g, 'n' FROM generate_series(1, 100) AS g;

-- ---- beforehand: nothing lasting happens
SELECT object, kind, severity, reason FROM dataplat.preview_change('ALTER TABLE ld.orders DROP COLUMN note');
SELECT object, kind, severity, reason FROM dataplat.preview_change('ALTER TABLE ld.orders DROP COLUMN amount');
SELECT object, kind, severity, reason FROM dataplat.preview_change('ALTER TABLE ld.orders DROP COLUMN amount CASCADE');
SELECT object, kind, severity, reason FROM dataplat.preview_change('ALTER TABLE ld.orders RENAME COLUMN amount TO price');
SELECT object, kind, severity, reason FROM dataplat.preview_change('ALTER TABLE ld.orders RENAME TO bookings');
SELECT object, kind, severity, reason FROM dataplat.preview_change('ALTER TABLE ld.orders ALTER COLUMN status TYPE int USING length(status)');
SELECT object, kind, severity, reason FROM dataplat.preview_change('ALTER TABLE ld.revenue ALTER COLUMN total TYPE float8');
SELECT object, kind, severity, reason FROM dataplat.preview_change('DROP VIEW ld.paid');
SELECT object, kind, severity, reason FROM dataplat.preview_change('DROP TABLE ld.revenue');
SELECT object, kind, severity, reason FROM dataplat.preview_change('CREATE OR REPLACE VIEW ld.paid AS SELECT order_id, amount AS paid, note FROM ld.orders');
-- several statements, of which the second mends what the first breaks
SELECT object, kind, severity FROM dataplat.preview_change('ALTER TABLE ld.orders RENAME amount TO price; ALTER TABLE ld.orders RENAME price TO amount') WHERE kind IN ('pipeline', 'statement');
SET search_path = ld;
SELECT object, kind, reason FROM dataplat.preview_change('ALTER TABLE orders RENAME amount TO price') WHERE kind = 'pipeline';
RESET search_path;
SELECT object, kind, severity, reason FROM dataplat.preview_change('ALTER TABLE ld.nowhere DROP COLUMN a');
SELECT * FROM dataplat.preview_change('DELETE FROM ld.orders');
SELECT * FROM dataplat.preview_change('DO $$ BEGIN DROP TABLE ld.orders; END $$');
SELECT * FROM dataplat.preview_change('ALTER TABLE ld.orders DROP COLUMN');
SELECT count(*), sum(amount) FROM ld.orders;
SELECT state FROM dataplat.run_pipeline('ld_revenue');
SELECT * FROM ld.revenue;

-- ---- afterwards: a warning, once
RESET client_min_messages;
ALTER TABLE ld.orders RENAME COLUMN amount TO price;
ALTER TABLE ld.orders RENAME COLUMN price TO amount;
ALTER TABLE ld.orders DROP COLUMN note;
BEGIN;
ALTER TABLE ld.revenue DROP COLUMN total;
ROLLBACK;
BEGIN;
DROP TABLE ld.revenue;
ROLLBACK;
BEGIN;
ALTER SCHEMA ld RENAME TO ld2;
ROLLBACK;

-- ---- refused: nothing happens
SET dataplat.lineage_ddl_check = refuse;
ALTER TABLE ld.orders RENAME COLUMN amount TO price;
DROP VIEW ld.paid;
ALTER TABLE ld.orders ADD COLUMN fine int;
ALTER TABLE ld.orders DROP COLUMN fine;
SELECT count(*) FROM ld.paid;
-- tables that nobody reads, temporary ones too
CREATE TABLE ld.scratch (a int);
ALTER TABLE ld.scratch RENAME a TO b;
DROP TABLE ld.scratch;
CREATE TEMP TABLE orders (a int);
ALTER TABLE orders RENAME a TO b;
DROP TABLE orders;
-- what a pipeline does to its own target is its own affair
SET client_min_messages = warning;
SELECT dataplat.alter_pipeline('ld_revenue', query => 'SELECT status, sum(amount) AS total, max(order_id) AS last FROM ld.orders GROUP BY status');
RESET client_min_messages;
SET dataplat.lineage_ddl_check = off;
BEGIN;
ALTER TABLE ld.orders RENAME COLUMN amount TO price;
ROLLBACK;
SET dataplat.lineage_ddl_check = nonsense;

-- ---- with the rights of whoever asks
RESET dataplat.lineage_ddl_check;
CREATE ROLE ld_reader;
GRANT USAGE ON SCHEMA dataplat, ld TO ld_reader;
GRANT EXECUTE ON FUNCTION dataplat.preview_change, dataplat.command TO ld_reader;
SET ROLE ld_reader;
SELECT kind, reason FROM dataplat.preview_change('ALTER TABLE ld.orders DROP COLUMN amount') WHERE kind = 'statement';
SELECT count(*) FROM dataplat.upstream('ld.revenue');
RESET ROLE;

SET client_min_messages = warning;
REVOKE ALL ON FUNCTION dataplat.preview_change, dataplat.command FROM ld_reader;
REVOKE USAGE ON SCHEMA dataplat, ld FROM ld_reader;
DROP ROLE ld_reader;
SELECT dataplat.drop_exposure('ld board');
SELECT dataplat.drop_pipeline('ld_paid');
SELECT dataplat.drop_pipeline('ld_revenue');
DROP SCHEMA ld CASCADE;
SELECT count(*) FROM dataplat.refresh_lineage() WHERE problem IS NOT NULL;
DELETE FROM dataplat_internal.lineage_edge WHERE job LIKE '%ld\_%' OR output_node LIKE 'ld.%' OR output_node = 'exposure:ld board';
DELETE FROM dataplat.pipeline_event WHERE pipeline LIKE 'ld\_%';
DELETE FROM dataplat.pipeline_run WHERE pipeline LIKE 'ld\_%';
