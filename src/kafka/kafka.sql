/*
 * kafka: the options of connections.
 */
CREATE OR REPLACE FUNCTION dataplat_internal.connection_option(wrapper text, OUT name text, OUT class text, OUT place text,
                                                               OUT secret boolean, OUT guarded_values text, OUT note text)
RETURNS SETOF record
LANGUAGE c STRICT STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_connection_option_class';
COMMENT ON FUNCTION dataplat_internal.connection_option(text)
    IS 'every option that a foreign-data wrapper of dataplat knows, who may write it (class) and where (place)';
REVOKE ALL ON FUNCTION dataplat_internal.connection_option(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.kafka_option_class(OUT name text, OUT class text, OUT place text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT o.name, o.class, o.place
      FROM dataplat_internal.connection_option('dataplat_kafka') AS o
$$;
COMMENT ON FUNCTION dataplat_internal.kafka_option_class()
    IS 'class and place of every librdkafka key';
REVOKE ALL ON FUNCTION dataplat_internal.kafka_option_class() FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Producing, and testing a connection
--
-- EXECUTE is PUBLIC's: the functions check in C that the caller has USAGE on
-- the server, which is the right to read and write Kafka through it.
-- ---------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION dataplat.produce(server text, topic text, value text, key text DEFAULT NULL, partition int DEFAULT NULL,
    headers jsonb DEFAULT NULL, timeout interval DEFAULT '10 seconds', OUT partition int, OUT message_offset bigint)
LANGUAGE c
CALLED ON NULL INPUT VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_produce';
COMMENT ON FUNCTION dataplat.produce(text, text, text, text, int, jsonb, interval) IS
    'send one message to Kafka and wait for the acknowledgement; a NULL value is a tombstone. Needs USAGE on the server. Not transactional: a ROLLBACK does not take it back';
REVOKE ALL ON FUNCTION dataplat.produce(text, text, text, text, int, jsonb, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataplat.produce(text, text, text, text, int, jsonb, interval) TO PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.produce(server text, topic text, value bytea, key bytea DEFAULT NULL, partition int DEFAULT NULL,
    headers jsonb DEFAULT NULL, timeout interval DEFAULT '10 seconds', OUT partition int, OUT message_offset bigint)
LANGUAGE c
CALLED ON NULL INPUT VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_produce';
COMMENT ON FUNCTION dataplat.produce(text, text, bytea, bytea, int, jsonb, interval) IS
    'send one message of bytes to Kafka and wait for the acknowledgement; a NULL value is a tombstone. Needs USAGE on the server. Not transactional: a ROLLBACK does not take it back';
REVOKE ALL ON FUNCTION dataplat.produce(text, text, bytea, bytea, int, jsonb, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataplat.produce(text, text, bytea, bytea, int, jsonb, interval) TO PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.produce(server text, topic text, value jsonb, key text DEFAULT NULL, partition int DEFAULT NULL,
    headers jsonb DEFAULT NULL, timeout interval DEFAULT '10 seconds', OUT partition int, OUT message_offset bigint)
LANGUAGE c
CALLED ON NULL INPUT VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_produce_json';
COMMENT ON FUNCTION dataplat.produce(text, text, jsonb, text, int, jsonb, interval) IS
    'send one JSON message to Kafka and wait for the acknowledgement; a NULL value is a tombstone. Needs USAGE on the server. Not transactional: a ROLLBACK does not take it back';
REVOKE ALL ON FUNCTION dataplat.produce(text, text, jsonb, text, int, jsonb, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataplat.produce(text, text, jsonb, text, int, jsonb, interval) TO PUBLIC;

-- Many messages for the price of a few round trips; the arrays go together by
-- position.  One row a partition comes back.
CREATE OR REPLACE FUNCTION dataplat.produce_many(server text, topic text, payloads text[], keys text[] DEFAULT NULL, partition int DEFAULT NULL,
    headers jsonb[] DEFAULT NULL, timeout interval DEFAULT '60 seconds')
RETURNS TABLE (partition int, messages bigint, first_offset bigint, last_offset bigint)
LANGUAGE c
CALLED ON NULL INPUT VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_produce_many';
COMMENT ON FUNCTION dataplat.produce_many(text, text, text[], text[], int, jsonb[], interval) IS
    'send many messages to Kafka and wait until all are acknowledged, for example produce_many(server, topic, array_agg(t)). Needs USAGE on the server. Not transactional: a ROLLBACK does not take them back';
REVOKE ALL ON FUNCTION dataplat.produce_many(text, text, text[], text[], int, jsonb[], interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataplat.produce_many(text, text, text[], text[], int, jsonb[], interval) TO PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.produce_many(server text, topic text, payloads bytea[], keys bytea[] DEFAULT NULL, partition int DEFAULT NULL,
    headers jsonb[] DEFAULT NULL, timeout interval DEFAULT '60 seconds')
RETURNS TABLE (partition int, messages bigint, first_offset bigint, last_offset bigint)
LANGUAGE c
CALLED ON NULL INPUT VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_produce_many';
COMMENT ON FUNCTION dataplat.produce_many(text, text, bytea[], bytea[], int, jsonb[], interval) IS
    'send many messages of bytes to Kafka and wait until all are acknowledged. Needs USAGE on the server. Not transactional: a ROLLBACK does not take them back';
REVOKE ALL ON FUNCTION dataplat.produce_many(text, text, bytea[], bytea[], int, jsonb[], interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataplat.produce_many(text, text, bytea[], bytea[], int, jsonb[], interval) TO PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.produce_many(server text, topic text, payloads jsonb[], keys text[] DEFAULT NULL, partition int DEFAULT NULL,
    headers jsonb[] DEFAULT NULL, timeout interval DEFAULT '60 seconds')
RETURNS TABLE (partition int, messages bigint, first_offset bigint, last_offset bigint)
LANGUAGE c
CALLED ON NULL INPUT VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_produce_many';
COMMENT ON FUNCTION dataplat.produce_many(text, text, jsonb[], text[], int, jsonb[], interval) IS
    'send many JSON messages to Kafka and wait until all are acknowledged. Needs USAGE on the server. Not transactional: a ROLLBACK does not take them back';
REVOKE ALL ON FUNCTION dataplat.produce_many(text, text, jsonb[], text[], int, jsonb[], interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataplat.produce_many(text, text, jsonb[], text[], int, jsonb[], interval) TO PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.test_connection(server text)
RETURNS TABLE (step text, ok boolean, detail text)
LANGUAGE c
STRICT VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_test_connection';
COMMENT ON FUNCTION dataplat.test_connection(text) IS
    'try a connection step by step, within about 10 seconds, and say where it fails and what to do; never shows a secret. Needs USAGE on the server';
REVOKE ALL ON FUNCTION dataplat.test_connection(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataplat.test_connection(text) TO PUBLIC;
CREATE OR REPLACE FUNCTION dataplat_internal.connection_settings(server name, role_name name, OUT name text, OUT value text, OUT secret boolean)
RETURNS SETOF record
LANGUAGE c STRICT STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_connection_settings';
COMMENT ON FUNCTION dataplat_internal.connection_settings(name, name)
    IS 'what a role''s connection through a server comes to, with secrets shown as ***';
REVOKE ALL ON FUNCTION dataplat_internal.connection_settings(name, name) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.scram_note()
RETURNS text
LANGUAGE c
STRICT STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_scram_note';
COMMENT ON FUNCTION dataplat_internal.scram_note() IS
    'what is wrong with SCRAM logins of this librdkafka; NULL when nothing is';
REVOKE ALL ON FUNCTION dataplat_internal.scram_note() FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.means_topic(argument text, topic text)
RETURNS boolean
LANGUAGE c
STRICT IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_means_topic';
COMMENT ON FUNCTION dataplat_internal.means_topic(text, text) IS
    'does the argument of a source, one name, several separated by commas or /a regular expression/, mean a topic?';
REVOKE ALL ON FUNCTION dataplat_internal.means_topic(text, text) FROM PUBLIC;
