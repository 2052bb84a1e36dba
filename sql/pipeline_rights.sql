-- Who may do what with a pipeline, and with whose rights it reads and writes.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT dataplat.setup_roles();
CREATE ROLE regress_owner IN ROLE dataplat_pipeline_admin;
CREATE ROLE regress_mate IN ROLE regress_owner;
CREATE ROLE regress_other IN ROLE dataplat_pipeline_admin;
CREATE ROLE regress_operator IN ROLE dataplat_operator;
CREATE ROLE regress_viewer IN ROLE dataplat_viewer;
CREATE ROLE regress_nobody;
CREATE SCHEMA pri;
CREATE TABLE pri.orders (id int PRIMARY KEY, status text);
CREATE TABLE pri.secret (id int PRIMARY KEY, pin text);
INSERT INTO pri.orders VALUES (1, 'open'), (2, 'paid');
GRANT USAGE ON SCHEMA pri TO regress_owner, regress_other, regress_nobody;

-- Nobody may call what changes something.
SET ROLE regress_nobody;
SELECT dataplat.create_pipeline('pri_silver', 'pri.silver', 'SELECT 1 AS one');
SELECT dataplat.command('create_pipeline', '{}');
SELECT * FROM dataplat.pipeline_status;

-- A creator needs SELECT on what is read, TRIGGER on what is followed, CREATE for what is made.
SET ROLE regress_owner;
SELECT dataplat.create_pipeline('pri_silver', 'pri.silver', 'SELECT id, status FROM pri.orders', keys => '{id}', schedule => 'manual');
RESET ROLE;
GRANT SELECT ON pri.orders TO regress_owner, regress_other;
SET ROLE regress_owner;
SELECT dataplat.create_pipeline('pri_silver', 'pri.silver', 'SELECT id, status FROM pri.orders', keys => '{id}', schedule => 'manual');
RESET ROLE;
GRANT TRIGGER ON pri.orders TO regress_owner;
SET ROLE regress_owner;
SELECT dataplat.create_pipeline('pri_silver', 'pri.silver', 'SELECT id, status FROM pri.orders', keys => '{id}', schedule => 'manual');
RESET ROLE;
GRANT CREATE ON SCHEMA pri TO regress_owner;
SET ROLE regress_owner;
SELECT dataplat.create_pipeline('pri_silver', 'pri.silver', 'SELECT id, status FROM pri.orders', keys => '{id}', schedule => 'manual');
-- The caller owns pipeline, table and index.
RESET ROLE;
SELECT owner FROM dataplat.pipeline WHERE name = 'pri_silver';
SELECT relowner::regrole FROM pg_class WHERE oid = 'pri.silver'::regclass;

-- A table that is there: all four rights.
CREATE TABLE pri.taken (id int, status text);
GRANT SELECT, INSERT ON pri.taken TO regress_owner;
SET ROLE regress_owner;
SELECT dataplat.create_pipeline('pri_taken', 'pri.taken', 'SELECT id, status FROM pri.orders', schedule => 'manual');
-- Row security that hides rows from the owner of the pipeline.
RESET ROLE;
GRANT UPDATE, DELETE ON pri.taken TO regress_owner;
ALTER TABLE pri.taken ENABLE ROW LEVEL SECURITY;
SET ROLE regress_owner;
SELECT dataplat.create_pipeline('pri_taken', 'pri.taken', 'SELECT id, status FROM pri.orders', schedule => 'manual');

-- A view lends its owner's rights for reading, as it does in psql, but its tables are followed with the pipeline's.
RESET ROLE;
CREATE VIEW pri.ids AS SELECT id FROM pri.secret;
GRANT SELECT ON pri.ids TO regress_owner;
SET ROLE regress_owner;
SELECT dataplat.create_pipeline('pri_ids', 'pri.id_copy', 'SELECT id FROM pri.ids', schedule => 'manual');
SELECT dataplat.create_pipeline('pri_pins', 'pri.pins', 'SELECT pin FROM pri.secret', keys => '{pin}', lookups => '{pri.secret}', schedule => 'manual');

-- A function of somebody's does not lend its author the name of the one who calls it.
CREATE FUNCTION pri.trap() RETURNS regclass LANGUAGE sql SECURITY DEFINER
AS $$ SELECT dataplat.create_pipeline('pri_trapped', 'pri.trapped', 'SELECT id FROM pri.orders', schedule => 'manual') $$;
RESET ROLE;
SELECT pri.trap();
SELECT owner FROM dataplat.pipeline WHERE name = 'pri_trapped';
-- Nor does a function in a query get the rights of who runs it.
SET ROLE regress_owner;
CREATE FUNCTION pri.who(int) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN current_user; END $$;
SELECT dataplat.create_pipeline('pri_who', 'pri.who', 'SELECT id, pri.who(id) AS who FROM pri.orders', schedule => 'manual');
RESET ROLE;
SELECT state, rows_inserted FROM dataplat.run_pipeline('pri_who');
SELECT * FROM pri.who ORDER BY id;

-- A member of the owner may change it; others may steer, as operators do, but not redefine or drop.
SET ROLE regress_mate;
SELECT dataplat.alter_pipeline('pri_silver', schedule => '1 hour');
SET ROLE regress_other;
SELECT dataplat.alter_pipeline('pri_silver', schedule => '2 hours');
SELECT dataplat.drop_pipeline('pri_silver');
SELECT dataplat.command('drop_pipeline', '{"name": "pri_silver"}');
SELECT dataplat.pause_pipeline('pri_silver', 'maintenance');
SET ROLE regress_operator;
SELECT dataplat.resume_pipeline('pri_silver');
SELECT state, rows_inserted FROM dataplat.run_pipeline('pri_silver');
SELECT * FROM dataplat.verify_pipeline('pri_silver');
SELECT dataplat.create_pipeline('pri_mine', 'pri.mine', 'SELECT 1 AS one');
RESET ROLE;
SELECT * FROM pri.silver ORDER BY id;
-- The command behind a function takes arguments, not an owner.
SET ROLE regress_owner;
SELECT dataplat.command('alter_pipeline', '{"name": "pri_silver", "owner": "postgres", "pipeline_id": 0, "schedule": "manual"}') IS NOT NULL AS done;
RESET ROLE;
SELECT owner, pipeline_id > 0 AS kept_id, schedule FROM dataplat.pipeline WHERE name = 'pri_silver';

-- A viewer sees how things are, waits, and changes nothing.
SET ROLE regress_viewer;
SELECT pipeline, state FROM dataplat.pipeline_status WHERE pipeline = 'pri_silver';
SELECT pipeline, relation, role FROM dataplat.pipeline_input WHERE pipeline = 'pri_silver';
SELECT dataplat.wait_for_pipeline('pri_silver', '0 s');
SELECT count(*) > 0 AS told FROM dataplat.pipeline_event WHERE pipeline = 'pri_silver';
SELECT dataplat.pause_pipeline('pri_silver');
SELECT dataplat.run_pipeline('pri_silver');
SELECT * FROM dataplat_internal.pipeline_state;
RESET ROLE;
ROLLBACK;
