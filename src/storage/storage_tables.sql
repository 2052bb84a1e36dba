/* storage: bronze tables and their partitions. */

CREATE TABLE dataplat_internal.bronze_reader (
    target       text NOT NULL,
    reader       text NOT NULL,
    needs_batch  bigint,
    needs_since  timestamptz,
    registered_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (target, reader)
);
COMMENT ON TABLE dataplat_internal.bronze_reader IS
    'who still needs rows of a bronze table: retention keeps every partition that a reader has not passed';
COMMENT ON COLUMN dataplat_internal.bronze_reader.target IS 'schema-qualified name of the bronze table';
COMMENT ON COLUMN dataplat_internal.bronze_reader.reader IS 'name of the reader, a pipeline for example';
COMMENT ON COLUMN dataplat_internal.bronze_reader.needs_batch IS 'the lowest _batch_id that the reader has not read; NULL when needs_since is used';
COMMENT ON COLUMN dataplat_internal.bronze_reader.needs_since IS 'the lowest _ingested_at that the reader may still need';
SELECT pg_catalog.pg_extension_config_dump('dataplat_internal.bronze_reader', '');
