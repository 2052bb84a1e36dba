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
