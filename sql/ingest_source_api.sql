-- Declare, change, steer and drop sources; none of this needs a broker.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SERVER api_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');

-- The shortest way: the table is made, with its columns in their order and a comment on each.
SELECT dataplat.create_source('api_orders', 'api_shop', 'orders', paused => true);
SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull, col_description(a.attrelid, a.attnum) IS NOT NULL AS commented
  FROM pg_attribute AS a WHERE a.attrelid = 'bronze.api_orders'::regclass AND a.attnum > 0 ORDER BY a.attnum;

-- Every layout, key format and addition.
SELECT dataplat.create_source('api_all', server => 'api_shop', topic => 'a, b', target => 'Loud.Events', format => 'csv', key_format => 'bytes',
    layout => 'both', start_from => '-2 hours', envelope => 'upsert', on_error => 'skip', max_errors => 10, max_error_ratio => 0.5,
    schema_evolution => 'ignore', retention => '7 days', workers => 2, batch_rows => 100, batch_bytes => 65536, batch_delay => '100 ms',
    rate_limit => 1000, include => '{raw,raw_key,tombstone}', paused => true,
    columns => $$id bigint NOT NULL, "Total, net" numeric(10, 2) FIELD 'total', at timestamp with time zone, tags text[]$$,
    options => '{"delimiter": ";", "header": ["id", "total", "at", "tags"]}');
SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
  FROM pg_attribute AS a WHERE a.attrelid = 'loud.events'::regclass AND a.attnum > 0;
SELECT columns FROM dataplat.source WHERE name = 'api_all';
SELECT dataplat.show_create('api_all');

-- The same columns as JSON.
SELECT dataplat.create_source('api_json', 'api_shop', 'x', layout => 'columns', paused => true,
    columns => '[{"name": "id", "type": "int8"}, {"name": "total", "type": "numeric", "field": "sum", "not_null": true}]');
SELECT columns FROM dataplat.source WHERE name = 'api_json';

-- A table of the user's: plain, with fewer bronze columns and more of its own.
CREATE TABLE api_mine (_partition int, _offset bigint, value jsonb, seen timestamptz NOT NULL DEFAULT now(), id bigserial);
SELECT dataplat.create_source('api_mine', 'api_shop', 'y', target => 'public.api_mine', paused => true);
-- And one that does not fit, told column by column.
CREATE TABLE api_unfit (_partition bigint, value text, must int NOT NULL, _timestamp date);
\set VERBOSITY default
SELECT dataplat.create_source('api_unfit', 'api_shop', 'y', target => 'public.api_unfit', paused => true);
\set VERBOSITY terse
CREATE VIEW api_view AS SELECT 1 AS _partition;
SELECT dataplat.create_source('api_view', 'api_shop', 'y', target => 'public.api_view', paused => true);
-- Layout columns takes its columns from a table that is there.
CREATE TABLE api_typed (_partition int, _offset bigint, id bigint, name varchar(10));
SELECT dataplat.create_source('api_typed', 'api_shop', 'y', target => 'public.api_typed', layout => 'columns', paused => true);
SELECT columns FROM dataplat.source WHERE name = 'api_typed';
-- Two sources cannot fill one table.
SELECT dataplat.create_source('api_second', 'api_shop', 'y', target => 'public.api_mine', paused => true);

-- Altering: what is NULL stays, reset puts back, new columns are added to our table.
SELECT dataplat.alter_source('api_json', rate_limit => 10, retention => '1 day',
    columns => 'id bigint, total numeric NOT NULL FIELD ''sum'', note text');
SELECT dataplat.alter_source('api_json', reset => '{retention}');
SELECT rate_limit, retention, topic, jsonb_array_length(columns) FROM dataplat.source WHERE name = 'api_json';
SELECT count(*) FROM pg_attribute AS a WHERE a.attrelid = 'bronze.api_json'::regclass AND a.attname = 'note';

-- Pausing keeps who and why; resuming forgets them and a failure.
SELECT dataplat.resume_source('api_orders');
SELECT paused, pause_reason FROM dataplat.source WHERE name = 'api_orders';
INSERT INTO dataplat_internal.source_failure (source, sqlstate, reason) VALUES ('api_orders', '42P01', 'the target is gone');
SELECT state, reason, hint FROM dataplat.source_status WHERE source = 'api_orders';
SELECT severity, problem, cause FROM dataplat.health WHERE object = 'source api_orders';
SELECT dataplat.resume_source('api_orders');
SELECT dataplat.pause_source('api_orders', 'tea');
SELECT state, reason, hint, workers, rows, dead_letters, lag, write_path FROM dataplat.source_status WHERE source = 'api_orders';

-- Seeking moves partitions within this transaction, as a new generation that fences off a running worker.
SELECT * FROM dataplat.seek_source('api_orders', '{"0": 100, "1": 7}');
UPDATE dataplat_internal.source_offset SET rows = 5, next_offset = 105, anchor_offset = 104, sentinel = 'me' WHERE source = 'api_orders' AND partition = 0;
SELECT * FROM dataplat.seek_source('api_orders', '{"0": 3}');
SELECT partition, next_offset, first_offset, generation, rows, anchor_offset, sentinel IS NOT NULL AS sentinel FROM dataplat_internal.source_offset
 WHERE source = 'api_orders' ORDER BY 1;
SELECT count(DISTINCT owner_epoch) FROM dataplat_internal.source_offset WHERE source = 'api_orders';
SELECT * FROM dataplat.seek_source('api_all', '{"b": {"0": 9}}');
SELECT * FROM dataplat.seek_source('api_all', '{"0": 9}');
SELECT topic, partition, next_offset, lag, rows, state FROM dataplat.source_partition_status WHERE source LIKE 'api\_%' ORDER BY source, 1, 2;

-- A loss stands until it is accepted, once.
INSERT INTO dataplat.data_loss_event (source, topic, partition, class, from_offset, to_offset)
VALUES ('api_orders', 'orders', 0, 'START_OFFSET_RESET', 3, 50), ('api_orders', 'orders', 1, 'PARTITIONS_DELETED', 7, NULL);
UPDATE dataplat_internal.source_offset SET state = 'data_loss' WHERE source = 'api_orders';
SELECT state, reason, hint FROM dataplat.source_status WHERE source = 'api_orders';
SELECT dataplat.accept_data_loss('api_orders', 'orders', 0, 'forget_it');
SELECT dataplat.accept_data_loss('api_orders', 'orders', 0, 'skip_gap', 'known outage');
SELECT dataplat.accept_data_loss('api_orders', 'orders', 0, 'skip_gap');
SELECT dataplat.accept_data_loss('api_orders', 'orders', 1, 'skip_gap', 'shrunk');
SELECT partition, next_offset, generation, state FROM dataplat_internal.source_offset WHERE source = 'api_orders' ORDER BY 1;
SELECT partition, class, resolution, reason, resolved_by = current_user AS by_me FROM dataplat.data_loss_event WHERE source = 'api_orders' ORDER BY 1;
SELECT state FROM dataplat.source_status WHERE source = 'api_orders';

-- Everything was written down.
SELECT source, kind, count(*) FROM dataplat.source_event WHERE source LIKE 'api\_%' GROUP BY 1, 2 ORDER BY 1, 2;

-- What is made again from its own description is the same.
SELECT dataplat.show_create('api_json') AS again \gset
SELECT to_jsonb(s) - '{source_id,created_at,altered_at,paused_at,pause_reason,paused_by}'::text[] AS before FROM dataplat.source AS s WHERE s.name = 'api_json' \gset
SET client_min_messages = notice;
SELECT dataplat.drop_source('api_json', drop_target => true);
SET client_min_messages = warning;
\o /dev/null
:again
\o
SELECT to_jsonb(s) - '{source_id,created_at,altered_at,paused_at,pause_reason,paused_by}'::text[] = :'before' AS same FROM dataplat.source AS s WHERE s.name = 'api_json';

-- Dropping keeps the table unless told otherwise.
SET client_min_messages = notice;
SELECT dataplat.drop_source('api_orders');
SELECT to_regclass('bronze.api_orders');
INSERT INTO dataplat_internal.bronze_reader (target, reader, needs_batch) VALUES ('bronze.api_json', 'silver_orders', 1);
SELECT dataplat.drop_source('api_json', true);
ROLLBACK;
