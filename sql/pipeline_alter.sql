-- Change, pause, reset and drop pipelines.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA pal;
SET search_path = pal, public;
CREATE TABLE pal.orders (id bigint PRIMARY KEY, customer int, status text, amount numeric(10,2), updated_at timestamptz);
CREATE TABLE pal.customers (id int PRIMARY KEY, name text);
SELECT dataplat.create_pipeline('pal_silver', 'pal.silver', 'SELECT id, status, amount, updated_at FROM orders',
    keys => '{id}', sequence_by => 'updated_at', schedule => 'manual');
SELECT dataplat.create_pipeline('pal_gold', 'pal.gold', 'SELECT status, sum(amount) AS amount FROM silver GROUP BY status', schedule => 'manual');
SELECT dataplat.create_pipeline('pal_view', 'pal.open', 'SELECT id FROM silver WHERE status = ''open''', mode => 'view');
UPDATE dataplat_internal.pipeline_state SET filled = true WHERE pipeline LIKE 'pal%';

-- What is NULL stays; a schedule needs no new computing.
SELECT dataplat.alter_pipeline('pal_gold', schedule => '5 minutes', target_lag => '10 minutes');
SELECT schedule, target_lag, keys, mode, query FROM dataplat.pipeline WHERE name = 'pal_gold';
SELECT filled, rebuild_reason FROM dataplat_internal.pipeline_state WHERE pipeline = 'pal_gold';
SELECT dataplat.alter_pipeline('pal_gold', reset => '{target_lag}', schedule => 'manual');
SELECT schedule, target_lag FROM dataplat.pipeline WHERE name = 'pal_gold';
SELECT dataplat.alter_pipeline('pal_gold', reset => '{name}');

-- A changed query: new columns are added, and the next run computes everything.
SELECT dataplat.alter_pipeline('pal_gold', query => 'SELECT status, sum(amount) AS amount, count(*) AS orders FROM silver GROUP BY status');
SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'pal.gold'::regclass AND attnum > 0;
SELECT state, reason FROM dataplat.pipeline_status WHERE pipeline = 'pal_gold';
-- A column that is not filled any more is told and kept; one of another type is refused.
SET client_min_messages = notice;
SELECT dataplat.alter_pipeline('pal_gold', query => 'SELECT status, count(*) AS orders FROM silver GROUP BY status');
SET client_min_messages = warning;
SELECT dataplat.alter_pipeline('pal_gold', query => 'SELECT status, count(*)::int AS orders FROM silver GROUP BY status');
-- Other keys: the index follows.
SELECT dataplat.alter_pipeline('pal_silver', keys => '{id,status}');
SELECT indexdef FROM pg_indexes WHERE schemaname = 'pal' AND tablename = 'silver';
SELECT keys, keys_given FROM dataplat.pipeline WHERE name = 'pal_silver';
SELECT dataplat.alter_pipeline('pal_silver', keys => '{id}');
SELECT indexdef FROM pg_indexes WHERE schemaname = 'pal' AND tablename = 'silver';

-- Other inputs are followed from now on, old ones no longer.
SELECT dataplat.alter_pipeline('pal_silver',
    query => 'SELECT o.id, o.status, o.amount, o.updated_at FROM orders AS o JOIN customers AS c ON c.id = o.customer');
SELECT relation, role FROM dataplat.pipeline_input WHERE pipeline = 'pal_silver';
SELECT dataplat.alter_pipeline('pal_silver', lookups => '{customers}');
SELECT relation, role FROM dataplat.pipeline_input WHERE pipeline = 'pal_silver';
SELECT relation, reader FROM dataplat_internal.change_log_reader WHERE reader LIKE 'pal%' ORDER BY 1, 2;
SELECT dataplat.alter_pipeline('pal_silver', query => 'SELECT id, status, amount, updated_at FROM orders', reset => '{lookups}');
SELECT relation, role FROM dataplat.pipeline_input WHERE pipeline = 'pal_silver';

-- A cycle, through a target or through depends_on.
SELECT dataplat.alter_pipeline('pal_silver', query => 'SELECT o.id, o.status, o.amount, o.updated_at FROM orders AS o JOIN gold AS g ON g.status = o.status');
SELECT dataplat.alter_pipeline('pal_silver', depends_on => '{pal_gold}');
SELECT dataplat.alter_pipeline('pal_silver', query => 'SELECT id, status, amount, updated_at FROM silver');
-- A view changes as views do; a table does not become one.
SELECT dataplat.alter_pipeline('pal_view', query => 'SELECT id, amount FROM silver WHERE status = ''open''');
SELECT dataplat.alter_pipeline('pal_view', query => 'SELECT amount FROM silver');
SELECT dataplat.alter_pipeline('pal_gold', mode => 'view');
SELECT dataplat.alter_pipeline('pal_nobody', schedule => 'manual');

-- Another target is made; the old one is kept.
SELECT dataplat.alter_pipeline('pal_gold', target => 'pal.gold2');
SELECT to_regclass('pal.gold') IS NOT NULL AS kept, indexdef FROM pg_indexes WHERE tablename = 'gold2';
-- A target that somebody dropped is a problem, until it is made again.
UPDATE dataplat_internal.pipeline_state SET filled = true, rebuild_reason = NULL WHERE pipeline LIKE 'pal%';
DROP TABLE pal.gold2;
SELECT severity, problem, cause, action FROM dataplat.health WHERE object = 'pipeline pal_gold';
SELECT dataplat.run_pipeline('pal_gold');
SELECT dataplat.alter_pipeline('pal_gold', target => 'pal.gold2');
SELECT rebuild_reason FROM dataplat_internal.pipeline_state WHERE pipeline = 'pal_gold';

-- Pausing keeps who and why; resuming forgets them, failures and an open circuit.
SELECT dataplat.pause_pipeline('pal_gold', 'tea');
SELECT state, reason, hint FROM dataplat.pipeline_status WHERE pipeline = 'pal_gold';
UPDATE dataplat_internal.pipeline_state SET state = 'failed', circuit = 'open', consecutive_failures = 7, reason = 'no such column' WHERE pipeline = 'pal_gold';
SELECT dataplat.resume_pipeline('pal_gold');
SELECT state, circuit, consecutive_failures FROM dataplat.pipeline_status WHERE pipeline = 'pal_gold';

-- What is made again from its own description is the same.
SELECT dataplat.show_create('pal_silver') AS again \gset
SELECT to_jsonb(p) - '{pipeline_id,created_at,altered_at}'::text[] AS before FROM dataplat.pipeline AS p WHERE p.name = 'pal_silver' \gset
-- Dropping keeps the table unless told otherwise, and what others read.
SET client_min_messages = notice;
SELECT dataplat.drop_pipeline('pal_silver', drop_target => true);
SELECT dataplat.drop_pipeline('pal_silver');
:again
SELECT to_jsonb(p) - '{pipeline_id,created_at,altered_at}'::text[] = :'before' AS same FROM dataplat.pipeline AS p WHERE p.name = 'pal_silver';
SELECT dataplat.drop_pipeline('pal_view', true);
SELECT dataplat.drop_pipeline('pal_gold', true);
SELECT dataplat.drop_pipeline('pal_silver', true);
SELECT dataplat.drop_pipeline('pal_silver', true);
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'pal.orders'::regclass AND tgname LIKE 'dataplat%';
-- Everything was written down.
SELECT pipeline, kind, count(*) FROM dataplat.pipeline_event WHERE pipeline LIKE 'pal%' GROUP BY 1, 2 ORDER BY 1, 2;
ROLLBACK;
