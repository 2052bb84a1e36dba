-- ---------------------------------------------------------------------------
-- The embedded broker
-- ---------------------------------------------------------------------------

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

-- ---------------------------------------------------------------------------
-- Looking into a topic
-- ---------------------------------------------------------------------------

-- EXECUTE is PUBLIC's: the function checks USAGE on the server itself.
CREATE OR REPLACE FUNCTION dataplat.peek_topic(server text, topic text, partition int DEFAULT NULL, from_offset bigint DEFAULT NULL,
    rows int DEFAULT 10)
RETURNS TABLE (partition int, message_offset bigint, message_timestamp timestamptz, key text, value text, headers jsonb)
LANGUAGE c
CALLED ON NULL INPUT VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_peek_topic';
COMMENT ON FUNCTION dataplat.peek_topic(text, text, int, bigint, int) IS
    'show messages of a topic without storing anything, oldest first: the newest, or those from an offset on in each partition; at most "rows". Bytes that are not UTF-8 stand as \x and hex digits. Needs USAGE on the server';
REVOKE ALL ON FUNCTION dataplat.peek_topic(text, text, int, bigint, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataplat.peek_topic(text, text, int, bigint, int) TO PUBLIC;

-- A login by SCRAM works with one Kafka and is refused by the next: worth
-- knowing before the brokers are upgraded.
CREATE OR REPLACE FUNCTION dataplat_internal.health_connections(
    OUT severity text, OUT object text, OUT problem text, OUT cause text, OUT action text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'info', s.srvname::text, 'SCRAM with an old librdkafka', dataplat_internal.scram_note(),
           'Run dataplat.test_connection(' || pg_catalog.quote_literal(s.srvname) || ') to see which Kafka it is.'
      FROM pg_catalog.pg_foreign_server AS s
      JOIN pg_catalog.pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
     CROSS JOIN LATERAL pg_catalog.pg_options_to_table(s.srvoptions) AS o
     WHERE w.fdwname = 'dataplat_kafka'
       AND o.option_name = 'sasl.mechanism'
       AND o.option_value LIKE 'SCRAM-%'
       AND dataplat_internal.scram_note() IS NOT NULL
$$;
COMMENT ON FUNCTION dataplat_internal.health_connections()
    IS 'health: connections that a newer Kafka will refuse';
REVOKE ALL ON FUNCTION dataplat_internal.health_connections() FROM PUBLIC;
SELECT dataplat_internal.register_health_check('connections', 'dataplat_internal.health_connections');

/*-------------------------------------------------------------------------
 * The C side of ingest: positions, one batch by hand, replay, a try.
 *-------------------------------------------------------------------------
 */
CREATE OR REPLACE FUNCTION dataplat_internal.resolve_positions(
    server text, topic_pattern text, to_position text, acting_for name DEFAULT CURRENT_USER,
    OUT topic text, OUT partition int, OUT message_offset bigint)
RETURNS SETOF record
LANGUAGE c STRICT VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_resolve_positions';
COMMENT ON FUNCTION dataplat_internal.resolve_positions(text, text, text, name) IS
    'the offsets that a position stands for: earliest, latest, a time, an interval ago, or a map partition -> offset';
REVOKE ALL ON FUNCTION dataplat_internal.resolve_positions(text, text, text, name) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.topic_watermarks(
    server text, topic_pattern text, acting_for name DEFAULT CURRENT_USER,
    OUT topic text, OUT partition int, OUT low bigint, OUT high bigint, OUT stable bigint)
RETURNS SETOF record
LANGUAGE c STRICT VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_topic_watermarks';
COMMENT ON FUNCTION dataplat_internal.topic_watermarks(text, text, name) IS
    'log start, high watermark and last stable offset of each partition, from the broker';
REVOKE ALL ON FUNCTION dataplat_internal.topic_watermarks(text, text, name) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.source_write_path(source text)
RETURNS text
LANGUAGE c STRICT STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_source_write_path';
COMMENT ON FUNCTION dataplat_internal.source_write_path(text) IS
    'how the source writes to its target: multi_insert, executor or sql; NULL when it cannot';
REVOKE ALL ON FUNCTION dataplat_internal.source_write_path(text) FROM PUBLIC;

-- Needs the rights of the source's owner, which the function checks itself.
CREATE OR REPLACE FUNCTION dataplat.ingest_once(name text, max_rows int DEFAULT NULL)
RETURNS bigint
LANGUAGE c CALLED ON NULL INPUT VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_ingest_once';
COMMENT ON FUNCTION dataplat.ingest_once(text, int) IS
    'read what is in the topic now, in this transaction, with the source paused; returns the number of messages';
REVOKE ALL ON FUNCTION dataplat.ingest_once(text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataplat.ingest_once(text, int) TO PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.ingest_range(source text, ranges jsonb)
RETURNS bigint
LANGUAGE c STRICT VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_ingest_range';
COMMENT ON FUNCTION dataplat_internal.ingest_range(text, jsonb) IS
    'read ranges of offsets again and replace their rows and open dead letters: [{"topic", "partition", "from", "to"}]';
REVOKE ALL ON FUNCTION dataplat_internal.ingest_range(text, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.test_source(
    name text, rows int DEFAULT 10,
    OUT topic text, OUT partition int, OUT message_offset bigint, OUT ok boolean,
    OUT contents jsonb, OUT sqlstate text, OUT message text)
RETURNS SETOF record
LANGUAGE c STRICT VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_test_source';
COMMENT ON FUNCTION dataplat.test_source(text, int) IS
    'decode the newest messages as the source would and store nothing; failures are shown with their reason';
REVOKE ALL ON FUNCTION dataplat.test_source(text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataplat.test_source(text, int) TO PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.store_dead_letter(dead_letter_id bigint, batch_id bigint, OUT why text, OUT results jsonb)
LANGUAGE c STRICT VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_store_dead_letter';
COMMENT ON FUNCTION dataplat_internal.store_dead_letter(bigint, bigint) IS
    'make a row of a dead letter by the live code path; why is NULL when it is stored, else the reason why not; results: what came of row rules';
REVOKE ALL ON FUNCTION dataplat_internal.store_dead_letter(bigint, bigint) FROM PUBLIC;
