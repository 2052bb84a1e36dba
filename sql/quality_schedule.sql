-- Rules by themselves: over a bronze table by its batches, after batches and runs, at intervals; failures are seen and told.
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT dataplat.start_dev_broker('{"qs_orders": 2}') AS bootstrap \gset
CREATE SERVER qs_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" :'bootstrap');
SELECT count(*) FROM generate_series(1, 20) AS i, dataplat.produce('qs_shop', 'qs_orders', jsonb_build_object('id', i, 'total', i * 1.5), partition => i % 2);
SELECT dataplat.create_source('qs_orders', 'qs_shop', 'qs_orders', target => 'qs_bronze.orders', layout => 'columns');
SELECT dataplat.wait_for_source('qs_orders', '60 s');
SELECT dataplat_internal.delta_kind('qs_bronze.orders');

-- By hand: the first time all of it, then the batches that came.
CREATE FUNCTION pg_temp.found(incremental boolean) RETURNS TABLE (name text, outcome text, rows jsonb, observed jsonb) LANGUAGE sql AS $$
    SELECT v.name, v.outcome, v.result -> 'element_count', v.result -> 'observed_value' FROM dataplat.validate('qs_bronze.orders', incremental => found.incremental) AS v;
$$;
SELECT dataplat.add_expectation('qs_bronze.orders', 'not_null', '{"column": "total"}', name => 'total') IS NOT NULL AS added;
SELECT dataplat.add_expectation('qs_bronze.orders', 'expect_column_sum_to_be_between', '{"column": "id", "min_value": 1}', name => 'sum') IS NOT NULL AS added;
SELECT * FROM pg_temp.found(true);
SELECT count(*) FROM generate_series(21, 30) AS i, dataplat.produce('qs_shop', 'qs_orders', jsonb_build_object('id', i, 'total', i), partition => i % 2);
SELECT dataplat.wait_for_source('qs_orders', '60 s');
SELECT * FROM pg_temp.found(true);
SELECT kind, rows_added, rows_removed, reset FROM dataplat_internal.quality_state, LATERAL dataplat_internal.delta_kind(dataset::regclass) AS kind WHERE dataset = 'qs_bronze.orders';
SELECT * FROM pg_temp.found(true) EXCEPT SELECT * FROM pg_temp.found(false);
-- A leaf that goes takes its rows along: all is measured again.
DO $$
DECLARE
    leaf regclass := (SELECT tableoid::regclass FROM qs_bronze.orders LIMIT 1);
BEGIN
    EXECUTE format('TRUNCATE %s', leaf);
END;
$$;
SELECT * FROM pg_temp.found(true);
SELECT reset FROM dataplat_internal.quality_state WHERE dataset = 'qs_bronze.orders';

-- Schedules that are none are refused.
SELECT dataplat.create_suite('qs_never', schedule => 'now and then');
SELECT dataplat.create_suite('qs_never', schedule => '0 25 * * *');
SELECT dataplat.create_suite('qs_never', schedule => '1 millisecond');
SELECT dataplat_internal.next_suite_time('15 minutes', '2026-01-01 00:00Z') = '2026-01-01 00:15Z' AS interval, dataplat_internal.next_suite_time('on_data', now()) IS NULL AS on_data,
       dataplat_internal.next_suite_time('30 6 * * *', '2026-01-01 07:00Z') > '2026-01-01 07:00Z' AS cron;

-- After a batch, and every second.
SELECT dataplat.create_suite('qs_batch', schedule => 'on_data');
SELECT dataplat.create_suite('qs_second', schedule => '1 second');
SELECT dataplat.create_suite('qs_night', schedule => '0 3 * * *');
SELECT dataplat.add_expectation('qs_bronze.orders', 'between', '{"column": "id", "max_value": 30}', name => 'batch', suite => 'qs_batch') IS NOT NULL AS added;
SELECT dataplat.add_expectation('qs_bronze.orders', 'not_null', '{"column": "id"}', name => 'second', suite => 'qs_second') IS NOT NULL AS added;
SELECT dataplat.add_expectation('qs_bronze.orders', 'not_null', '{"column": "id"}', name => 'night', suite => 'qs_night') IS NOT NULL AS added;
CREATE PROCEDURE pg_temp.wait_for(condition text) LANGUAGE plpgsql AS $$
DECLARE
    met boolean;
BEGIN
    FOR i IN 1 .. 600 LOOP
        EXECUTE 'SELECT ' || condition INTO met;
        EXIT WHEN met;
        COMMIT;
        PERFORM pg_sleep(0.1);   -- lint: sleeps on purpose, a turn of a wait with a limit
    END LOOP;
    IF met IS NOT TRUE THEN
        RAISE WARNING 'in vain: %', condition;
    END IF;
END;
$$;
CALL pg_temp.wait_for($$ (SELECT count(*) FROM dataplat.validation WHERE suite = 'qs_second' AND trigger = 'schedule' AND success) >= 2 $$);
SELECT suite, schedule, last_at IS NOT NULL AS ran, next_at IS NOT NULL AS next, error FROM dataplat.suite_status WHERE suite LIKE 'qs\_%' ORDER BY 1;
SELECT dataplat.produce('qs_shop', 'qs_orders', '{"id": 31, "total": 3}', partition => 0);
CALL pg_temp.wait_for($$ EXISTS (SELECT FROM dataplat.validation WHERE suite = 'qs_batch' AND NOT success) $$);
SELECT trigger, object, batch_id = (SELECT max(batch_id) FROM dataplat.batch WHERE source = 'qs_orders') AS batch, success FROM dataplat.validation WHERE suite = 'qs_batch' ORDER BY validation_id DESC LIMIT 1;
SELECT severity, object, problem, cause FROM dataplat.health WHERE object = 'qs_bronze.orders';
-- A suite that is changed to no schedule stops.
SELECT dataplat.alter_suite('qs_second', schedule => '');
CALL pg_temp.wait_for($$ NOT EXISTS (SELECT FROM dataplat.suite_status WHERE suite = 'qs_second') $$);

SELECT dataplat.drop_suite(name, drop_expectations => true) FROM dataplat.expectation_suite WHERE name LIKE 'qs\_%' ORDER BY name;
DELETE FROM dataplat.expectation WHERE dataset = 'qs_bronze.orders';
DELETE FROM dataplat.validation WHERE dataset = 'qs_bronze.orders';
DELETE FROM dataplat.quality_metric WHERE dataset = 'qs_bronze.orders';
SELECT dataplat_internal.forget_states('qs_bronze.orders');
SELECT dataplat.drop_source('qs_orders', drop_target => true);
DELETE FROM dataplat.batch WHERE source = 'qs_orders';
DELETE FROM dataplat.source_event WHERE source = 'qs_orders';
DROP SCHEMA qs_bronze;
DROP SERVER qs_shop;
SELECT dataplat.stop_dev_broker();
