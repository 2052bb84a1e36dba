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

CREATE TABLE dataplat_internal.bronze_table (
    target      text PRIMARY KEY,
    owner       name NOT NULL,
    retention   interval CHECK (retention > '00:00:00'::interval),
    made        boolean NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE dataplat_internal.bronze_table IS
    'tables that sources fill: the maintenance worker makes their partitions ahead and drops the expired ones';
COMMENT ON COLUMN dataplat_internal.bronze_table.owner IS 'role whose rights are used to make and drop partitions';
COMMENT ON COLUMN dataplat_internal.bronze_table.retention IS 'age at which a whole partition is dropped; NULL keeps everything';
COMMENT ON COLUMN dataplat_internal.bronze_table.made IS 'made by create_source; false for a table that was there before';
SELECT pg_catalog.pg_extension_config_dump('dataplat_internal.bronze_table', '');
