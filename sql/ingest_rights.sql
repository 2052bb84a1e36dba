-- Who may do what with a source.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT dataplat.setup_roles();
CREATE ROLE regress_owner IN ROLE dataplat_pipeline_admin;
CREATE ROLE regress_mate IN ROLE regress_owner;
CREATE ROLE regress_other IN ROLE dataplat_pipeline_admin;
CREATE ROLE regress_viewer IN ROLE dataplat_viewer;
CREATE ROLE regress_nobody;
CREATE SERVER right_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');

-- Nobody may call what changes something.
SET ROLE regress_nobody;
SELECT dataplat.create_source('mine', 'right_shop', 't', paused => true);
SELECT dataplat.command('create_source', '{}');
SELECT * FROM dataplat.source;
SELECT dataplat_internal.move_offset('mine', 't', 0, 0);

-- A creator needs USAGE on the server, CREATE on the database or schema, INSERT on a table that is there.
SET ROLE regress_owner;
SELECT dataplat.create_source('mine', 'right_shop', 't', paused => true);
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER right_shop TO regress_owner, regress_other;
SET ROLE regress_owner;
\set VERBOSITY sqlstate
SELECT dataplat.create_source('mine', 'right_shop', 't', target => 'right_bronze.mine', paused => true);
\set VERBOSITY terse
RESET ROLE;
CREATE SCHEMA right_bronze;
CREATE TABLE right_bronze.taken (_partition int, _offset bigint, value jsonb);
SET ROLE regress_owner;
SELECT dataplat.create_source('mine', 'right_shop', 't', target => 'right_bronze.mine', paused => true);
SELECT dataplat.create_source('mine', 'right_shop', 't', target => 'right_bronze.taken', paused => true);
RESET ROLE;
GRANT USAGE, CREATE ON SCHEMA right_bronze TO regress_owner;
SET ROLE regress_owner;
SELECT dataplat.create_source('mine', 'right_shop', 't', target => 'right_bronze.mine', paused => true);

-- The caller owns the source, the table and its partitions, and not the extension's owner.
RESET ROLE;
SELECT s.owner FROM dataplat.source AS s WHERE s.name = 'mine';
SELECT DISTINCT relowner::regrole FROM pg_class WHERE relname LIKE 'mine%' AND relnamespace = 'right_bronze'::regnamespace;

-- A function of somebody's does not lend its author the name of the one who calls it.
SET ROLE regress_owner;
CREATE FUNCTION right_bronze.trap() RETURNS regclass LANGUAGE sql SECURITY DEFINER
AS $$ SELECT dataplat.create_source('trapped', 'right_shop', 't', target => 'right_bronze.trapped', paused => true) $$;
RESET ROLE;
SELECT right_bronze.trap();
SELECT s.owner FROM dataplat.source AS s WHERE s.name = 'trapped';

-- A member of the owner may change it; another creator may steer, as an operator, but not redefine or drop.
SET ROLE regress_mate;
SELECT dataplat.alter_source('mine', workers => 2);
SET ROLE regress_other;
SELECT dataplat.alter_source('mine', workers => 3);
SELECT dataplat.drop_source('mine');
SELECT dataplat.pause_source('mine', 'maintenance');
SELECT dataplat.command('drop_source', '{"name": "mine"}');
-- The command behind a function takes arguments, not an owner.
SET ROLE regress_owner;
SELECT source_id AS id FROM dataplat.source WHERE name = 'mine' \gset
SELECT dataplat.command('alter_source', '{"name": "mine", "owner": "postgres", "source_id": 0, "workers": 4}') IS NOT NULL AS done;
RESET ROLE;
SELECT owner, source_id = :id AS kept_id, workers FROM dataplat.source WHERE name = 'mine';
-- Who may only insert into a table does not have its partitions dropped.
CREATE TABLE right_bronze.theirs (_partition int, _offset bigint, value jsonb, _ingested_at timestamptz) PARTITION BY RANGE (_ingested_at);
GRANT INSERT ON right_bronze.theirs TO regress_owner;
SET ROLE regress_owner;
SELECT dataplat.create_source('theirs', 'right_shop', 't', target => 'right_bronze.theirs', retention => '1 day', paused => true);
SELECT dataplat.create_source('theirs', 'right_shop', 't', target => 'right_bronze.theirs', paused => true);
RESET ROLE;
SELECT count(*) FROM dataplat_internal.partition_bounds('right_bronze.theirs');

-- A viewer sees how things are, and no message, and changes nothing.
RESET ROLE;
INSERT INTO dataplat.dead_letter (source, topic, partition, message_offset, value, stage, sqlstate, message, fingerprint)
VALUES ('mine', 't', 0, 1, 'secret', 'value', '22P02', 'x', 'f');
SET ROLE regress_viewer;
SELECT source, state, reason FROM dataplat.source_status WHERE source = 'mine';
SELECT count(*) FROM dataplat.dead_letter;
SELECT dataplat.pause_source('mine');
SELECT dataplat.command('pause_source', '{"name": "mine"}');
SELECT dataplat.resume_source('mine');
UPDATE dataplat.source SET owner = 'regress_viewer';
-- Dead letters hold messages: the owner and operators see them, a plain grant does not help.
RESET ROLE;
GRANT SELECT ON dataplat.dead_letter, dataplat.source TO regress_nobody;
SET ROLE regress_owner;
SELECT count(*) FROM dataplat.dead_letter WHERE source = 'mine';
SET ROLE regress_nobody;
SELECT count(*) FROM dataplat.dead_letter WHERE source = 'mine';

-- Events name the one who did it.
RESET ROLE;
SELECT kind, actor FROM dataplat.source_event WHERE source = 'mine' ORDER BY event_id;

-- The filter of a retry runs with the rights of its author.
CREATE TABLE right_secret AS SELECT 1 AS a;
SET ROLE regress_owner;
SELECT dataplat.retry_dead_letters('mine', 'EXISTS (SELECT FROM public.right_secret)');
RESET ROLE;
ROLLBACK;
