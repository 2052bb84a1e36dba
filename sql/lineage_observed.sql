-- Tagged statements that write leave their lineage, what they did and how they ended.
SET client_min_messages = warning;
CREATE SCHEMA lo;
SET search_path = lo, public;
CREATE TABLE src (id integer, amount numeric, note text);
INSERT INTO src VALUES (1, 2, 'x'), (2, 3, 'y'), (3, 5, 'z');
CREATE VIEW seen AS SELECT id, amount FROM src WHERE amount > 2;
\pset tuples_only on
-- What is told of them, and forgotten at once.
CREATE FUNCTION pg_temp.told() RETURNS SETOF text LANGUAGE sql AS $$
    WITH gone AS (DELETE FROM dataplat.observed_statement RETURNING *)
    SELECT concat_ws(' ', COALESCE(left(run_id::text, 8), '-'), CASE WHEN job LIKE 'query:%' THEN 'query' ELSE job END, command, target, state,
                     sqlstate, calls, rows, CASE WHEN ms < 0 OR at > clock_timestamp() OR username <> session_user THEN 'odd' END)
      FROM gone ORDER BY statement_id
$$;
CREATE FUNCTION pg_temp.edges() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', CASE WHEN job LIKE 'query:%' THEN 'query' ELSE job END, output_node || COALESCE('.' || output_column, ''), '<-',
                     input_node || COALESCE('.' || input_column, ''), subtype, left(run_id::text, 8), CASE WHEN valid_to IS NOT NULL THEN 'ended' END)
      FROM dataplat_internal.lineage_edge
     WHERE origin = 'observed'
     ORDER BY valid_to IS NOT NULL, job COLLATE "C", output_node COLLATE "C", output_column COLLATE "C" NULLS FIRST, input_node COLLATE "C",
              input_column COLLATE "C", subtype
$$;

-- Nobody tagged this.
INSERT INTO src VALUES (4, 1, 'w');
SELECT pg_temp.told();

-- What the parser refuses was no statement.
BEGIN;
/* {"app": "dbt", "dbt_version": "1.11.16", "profile_name": "shop", "target_name": "dev", "node_id": "model.shop.gold"} */
create table "lo"."gold__dbt_tmp" as (select note, sum(amount) as total from lo.seen join lo.src using (id) group by note);
SELECT 1;
ROLLBACK;
SELECT pg_temp.told();

-- A table as dbt makes it: under another name, then renamed; the backup goes.
DROP VIEW seen;
CREATE VIEW seen AS SELECT id, amount, note FROM src WHERE amount > 2;
CREATE TABLE gold AS SELECT 'old' AS note, 1.0 AS total;
BEGIN;
/* {"app": "dbt", "node_id": "model.shop.gold"} */ create table lo.gold__dbt_tmp as (select note, sum(amount) as total from lo.seen group by note);
/* {"app": "dbt", "node_id": "model.shop.gold"} */ alter table lo.gold rename to gold__dbt_backup;
/* {"app": "dbt", "node_id": "model.shop.gold"} */ alter table lo.gold__dbt_tmp rename to gold;
COMMIT;
/* {"app": "dbt", "node_id": "model.shop.gold"} */ drop table if exists lo.gold__dbt_backup cascade;
SELECT pg_temp.told();
SELECT pg_temp.edges();

-- An incremental model: through a temporary table, which nobody sees.
CREATE TABLE inc (id integer, amount numeric);
BEGIN;
/* {"app": "dbt", "node_id": "model.shop.inc"} */ create temporary table inc__dbt_tmp as (select id, amount * 2 as amount from lo.src where note <> 'x');
/* {"app": "dbt", "node_id": "model.shop.inc"} */ delete from lo.inc using inc__dbt_tmp where inc__dbt_tmp.id = inc.id;
/* {"app": "dbt", "node_id": "model.shop.inc"} */ insert into lo.inc (id, amount) (select id, amount from inc__dbt_tmp);
COMMIT;
SELECT pg_temp.told();
SELECT edges FROM pg_temp.edges() AS edges WHERE edges LIKE 'dbt:model.shop.inc%';
-- The next time it is another query: what it showed before has ended.
/* {"app": "dbt", "node_id": "model.shop.inc"} */ insert into lo.inc (id, amount) select id, id from lo.src;
SELECT edges FROM pg_temp.edges() AS edges WHERE edges LIKE 'dbt:model.shop.inc%';
DELETE FROM dataplat_internal.lineage_edge WHERE origin = 'observed';
SELECT pg_temp.told();

-- A run: all that the session writes, also inside of functions; the same one once more adds up.
SET dataplat.run_id = 'no uuid';
SET dataplat.run_id = '0198c4a7-2f7e-7b1a-9c1d-5f0a3e6b7c21';
SELECT count(*) FROM src;
EXPLAIN (COSTS OFF) DELETE FROM src;
UPDATE src SET amount = amount + 1 WHERE id < 3;
MERGE INTO inc USING src ON src.id = inc.id WHEN MATCHED THEN UPDATE SET amount = src.amount WHEN NOT MATCHED THEN INSERT (id) VALUES (src.id);
WITH moved AS (DELETE FROM inc WHERE id = 1 RETURNING *) SELECT count(*) FROM moved;
DO $$
BEGIN
    FOR i IN 1..5 LOOP
        INSERT INTO lo.inc SELECT id, amount FROM lo.src WHERE id = i;
    END LOOP;
END;
$$;
COPY src FROM STDIN;
9	9	q
\.
\copy src to /dev/null
CREATE MATERIALIZED VIEW mv AS SELECT id FROM seen;
REFRESH MATERIALIZED VIEW mv;
SELECT id INTO made FROM src;
CREATE TABLE IF NOT EXISTS made AS SELECT id FROM inc;
PREPARE ins (integer) AS INSERT INTO made SELECT id FROM inc WHERE id > $1;
EXECUTE ins (2);
RESET dataplat.run_id;
SELECT pg_temp.told();
SELECT pg_temp.edges();
DELETE FROM dataplat_internal.lineage_edge WHERE origin = 'observed';

-- What a trigger writes comes from the rows that fired it.
CREATE TABLE audit (id integer);
CREATE FUNCTION note_ids() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO lo.audit SELECT n.id FROM new_rows AS n;
    RETURN NULL;
END;
$$;
CREATE TRIGGER note_ids AFTER INSERT ON made REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION note_ids();
SET dataplat.run_id = '0198c4a7-2f7e-7b1a-9c1d-5f0a3e6b7c22';
INSERT INTO made SELECT id FROM src WHERE id = 1;
SELECT pg_temp.told();
SELECT pg_temp.edges();
DELETE FROM dataplat_internal.lineage_edge WHERE origin = 'observed';

-- Errors, and what is rolled back: told by the transaction that commits next, without lineage.
INSERT INTO gold SELECT note, 1 / (id - 1) FROM src;
BEGIN;
INSERT INTO gold SELECT note, 1 FROM src;
ROLLBACK;
BEGIN;
SAVEPOINT s;
INSERT INTO gold SELECT note, 2 FROM src;
ROLLBACK TO s;
INSERT INTO gold SELECT note, amount FROM src WHERE id = 1;
COMMIT;
DO $$
BEGIN
    INSERT INTO lo.gold SELECT note, 1 / (id - 1) FROM lo.src;
EXCEPTION WHEN division_by_zero THEN
    INSERT INTO lo.gold SELECT 'caught', 0;
END;
$$;
SELECT pg_temp.told();
SELECT pg_temp.edges();
DELETE FROM dataplat_internal.lineage_edge WHERE origin = 'observed';

-- A serializable transaction is left alone, its lineage follows.
BEGIN ISOLATION LEVEL SERIALIZABLE;
INSERT INTO made SELECT id FROM src WHERE id = 2;
COMMIT;
SELECT count(*) > 0 FROM src;
SELECT pg_temp.told();
SELECT pg_temp.edges();
DELETE FROM dataplat_internal.lineage_edge WHERE origin = 'observed';
SELECT pg_temp.told() IS NOT NULL AS again;

-- Off, and everything.
SET dataplat.observe_lineage = off;
INSERT INTO made SELECT 1;
SELECT pg_temp.told();
RESET dataplat.run_id;
SET dataplat.observe_lineage = 'all';
INSERT INTO made VALUES (1);
SET dataplat.observe_lineage = off;
SELECT pg_temp.told();
RESET dataplat.observe_lineage;

\pset tuples_only off
DROP SCHEMA lo CASCADE;
DROP TABLE IF EXISTS pg_temp.inc__dbt_tmp;
DEALLOCATE ins;
DROP FUNCTION pg_temp.told, pg_temp.edges;
DELETE FROM dataplat_internal.lineage_edge WHERE origin = 'observed';
DELETE FROM dataplat.observed_statement;
