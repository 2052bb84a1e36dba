/*
 * kafka: the address book.
 *
 * A connection is a foreign server, and its credentials are user mappings, so
 * that rights, dumps, \des and DROP ... CASCADE work as everywhere else.  The
 * wrappers have no handler: nothing is ever read through a foreign table.
 */
CREATE FUNCTION dataplat_internal.kafka_fdw_validator(options text[], catalog oid)
RETURNS void
LANGUAGE c STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_kafka_fdw_validator';
COMMENT ON FUNCTION dataplat_internal.kafka_fdw_validator(text[], oid)
    IS 'checks the options of Kafka servers and their user mappings';
REVOKE ALL ON FUNCTION dataplat_internal.kafka_fdw_validator(text[], oid) FROM PUBLIC;

CREATE FUNCTION dataplat_internal.registry_fdw_validator(options text[], catalog oid)
RETURNS void
LANGUAGE c STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_registry_fdw_validator';
COMMENT ON FUNCTION dataplat_internal.registry_fdw_validator(text[], oid)
    IS 'checks the options of schema registry servers and their user mappings';
REVOKE ALL ON FUNCTION dataplat_internal.registry_fdw_validator(text[], oid) FROM PUBLIC;

CREATE FUNCTION dataplat_internal.http_fdw_validator(options text[], catalog oid)
RETURNS void
LANGUAGE c STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_http_fdw_validator';
COMMENT ON FUNCTION dataplat_internal.http_fdw_validator(text[], oid)
    IS 'checks the options of HTTP servers and their user mappings';
REVOKE ALL ON FUNCTION dataplat_internal.http_fdw_validator(text[], oid) FROM PUBLIC;

CREATE FOREIGN DATA WRAPPER dataplat_kafka
    NO HANDLER VALIDATOR dataplat_internal.kafka_fdw_validator;
COMMENT ON FOREIGN DATA WRAPPER dataplat_kafka IS 'Kafka clusters that dataplat reads and writes';
REVOKE ALL ON FOREIGN DATA WRAPPER dataplat_kafka FROM PUBLIC;

CREATE FOREIGN DATA WRAPPER dataplat_registry
    NO HANDLER VALIDATOR dataplat_internal.registry_fdw_validator;
COMMENT ON FOREIGN DATA WRAPPER dataplat_registry IS 'Confluent-compatible schema registries';
REVOKE ALL ON FOREIGN DATA WRAPPER dataplat_registry FROM PUBLIC;

CREATE FOREIGN DATA WRAPPER dataplat_http
    NO HANDLER VALIDATOR dataplat_internal.http_fdw_validator;
COMMENT ON FOREIGN DATA WRAPPER dataplat_http IS 'HTTP endpoints for telemetry, lineage events and webhooks';
REVOKE ALL ON FOREIGN DATA WRAPPER dataplat_http FROM PUBLIC;
