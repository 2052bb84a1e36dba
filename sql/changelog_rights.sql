-- Which tables can be watched, for whom, and what is said of the others.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE changelog_owner;
CREATE ROLE changelog_other;
CREATE TABLE tab (id int, v text);
ALTER TABLE tab OWNER TO changelog_owner;
CREATE VIEW tab_view AS SELECT * FROM tab;
CREATE MATERIALIZED VIEW tab_copy AS SELECT * FROM tab;
CREATE SEQUENCE tab_seq;
CREATE TEMP TABLE tab_temp (id int);
CREATE TABLE tab_parent (id int);
CREATE TABLE tab_child () INHERITS (tab_parent);
CREATE TABLE tab_part (id int) PARTITION BY LIST (id);
CREATE TABLE tab_part_a PARTITION OF tab_part FOR VALUES IN (1) PARTITION BY LIST (id);
CREATE TABLE tab_part_b PARTITION OF tab_part_a FOR VALUES IN (1);

SELECT dataplat_internal.watch_table('tab_view', 'r');
SELECT dataplat_internal.watch_table('tab_copy', 'r');
SELECT dataplat_internal.watch_table('tab_seq', 'r');
SELECT dataplat_internal.watch_table('pg_class', 'r');
SELECT dataplat_internal.watch_table('tab_temp', 'r');
SELECT dataplat_internal.watch_table('tab_parent', 'r');
SELECT dataplat_internal.watch_table('tab_child', 'r');
SELECT dataplat_internal.watch_table('tab_part_b', 'r');
SELECT dataplat_internal.watch_table('tab', 'r', '{id,nothing}');

-- It takes the owner, or the TRIGGER right.
SELECT dataplat_internal.watch_table('tab', 'r', NULL, 'changelog_other');
SELECT dataplat_internal.watch_table('tab', 'r', NULL, 'changelog_owner');
GRANT TRIGGER ON tab TO changelog_other;
SELECT dataplat_internal.watch_table('tab', 'r2', NULL, 'changelog_other');

-- Whoever may write the table needs no right of ours, and gets none.
GRANT INSERT ON tab TO changelog_other;
SET ROLE changelog_other;
INSERT INTO tab VALUES (1, 'by another');
SELECT * FROM dataplat_internal.change_log;
SELECT dataplat_internal.read_changes('tab', 'r');
RESET ROLE;
SET ROLE changelog_owner;
DO $$
BEGIN
    ALTER TABLE tab DISABLE TRIGGER ALL;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'not even the owner can disable them';
END $$;
RESET ROLE;
SELECT * FROM dataplat_internal.read_changes('tab', 'r');
SELECT * FROM dataplat_internal.read_changes('tab', 'nobody');

-- Partitions that others make, attach and detach.
CREATE TABLE split (id int, v text) PARTITION BY LIST (id);
CREATE SCHEMA changelog_place AUTHORIZATION changelog_owner;
ALTER TABLE split SET SCHEMA changelog_place;
ALTER TABLE changelog_place.split OWNER TO changelog_owner;
SELECT dataplat_internal.watch_table('changelog_place.split', 'r', NULL, 'changelog_owner');
SET ROLE changelog_owner;
CREATE TABLE changelog_place.split_1 PARTITION OF changelog_place.split FOR VALUES IN (1);
CREATE TABLE changelog_place.split_2 (id int, v text);
ALTER TABLE changelog_place.split ATTACH PARTITION changelog_place.split_2 FOR VALUES IN (2);
INSERT INTO changelog_place.split_1 VALUES (1, 'straight');
INSERT INTO changelog_place.split VALUES (2, 'routed');
RESET ROLE;
SELECT * FROM dataplat_internal.read_changes('changelog_place.split', 'r') AS c ORDER BY c.row ->> 'id';
SET ROLE changelog_owner;
ALTER TABLE changelog_place.split DETACH PARTITION changelog_place.split_2;
ALTER TABLE changelog_place.split ALTER COLUMN v TYPE varchar(20), ADD COLUMN n int DEFAULT 1;
ALTER TABLE changelog_place.split RENAME TO splits;
TRUNCATE changelog_place.splits;
DROP TABLE changelog_place.split_1;
RESET ROLE;
SELECT sign FROM dataplat_internal.read_changes('changelog_place.splits', 'r');
DROP SCHEMA changelog_place CASCADE;
SELECT dataplat_internal.unwatch_table('changelog_place.splits', 'r');

-- The trigger functions are for our triggers only.
CREATE TRIGGER fake AFTER INSERT ON tab FOR EACH STATEMENT EXECUTE FUNCTION dataplat_internal.log_changes();
INSERT INTO tab VALUES (2, 'x');

DROP TABLE tab_parent, tab_child, tab_part;
DROP TABLE tab CASCADE;
DROP SEQUENCE tab_seq;
DROP ROLE changelog_owner, changelog_other;
SELECT dataplat_internal.unwatch_table('public.tab', x) FROM unnest('{r,r2}'::text[]) AS x;
