
-- Start librdkafka's mock cluster in a worker, or find the one that runs.
CREATE OR REPLACE FUNCTION dataplat.start_dev_broker(topics jsonb DEFAULT '{}', brokers int DEFAULT 1)
RETURNS text
LANGUAGE c
STRICT VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_start_dev_broker';
COMMENT ON FUNCTION dataplat.start_dev_broker(jsonb, int) IS
    'start the embedded broker of this server, or find the one that runs, and make the topics that are missing, as {"name": partitions}; returns its bootstrap servers. Its contents live in memory until it stops, about 5 MiB a partition; not transactional';
REVOKE ALL ON FUNCTION dataplat.start_dev_broker(jsonb, int) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.stop_dev_broker()
RETURNS boolean
LANGUAGE c
STRICT VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_stop_dev_broker';
COMMENT ON FUNCTION dataplat.stop_dev_broker() IS
    'stop the embedded broker and forget all its messages; false when none ran; not transactional';
REVOKE ALL ON FUNCTION dataplat.stop_dev_broker() FROM PUBLIC;

-- What tests do to a cluster.  "partition" is the API key for request_error;
-- "amount" is a partition count, milliseconds or an error code.
CREATE OR REPLACE FUNCTION dataplat_internal.dev_broker_control(action text, broker int DEFAULT -1, topic text DEFAULT NULL,
    partition int DEFAULT 0, amount int DEFAULT 0)
RETURNS void
LANGUAGE c
CALLED ON NULL INPUT VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_dev_broker_control';
COMMENT ON FUNCTION dataplat_internal.dev_broker_control(text, int, text, int, int) IS
    'change the embedded broker for a test: topic, topic_error, leader, down, up, rtt, request_error; broker -1 means all of them, or no leader';
REVOKE ALL ON FUNCTION dataplat_internal.dev_broker_control(text, int, text, int, int) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.dev_broker_status(OUT pid int, OUT bootstrap text, OUT started_at timestamptz)
LANGUAGE c
STRICT VOLATILE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_dev_broker_status';
COMMENT ON FUNCTION dataplat_internal.dev_broker_status() IS
    'process, bootstrap servers and start of the embedded broker; NULLs when it does not run';
REVOKE ALL ON FUNCTION dataplat_internal.dev_broker_status() FROM PUBLIC;
