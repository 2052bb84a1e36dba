/* telemetry: figures from shared memory. */

CREATE OR REPLACE FUNCTION dataplat_internal.partition_stats(
    OUT source_id int, OUT topic text, OUT partition int, OUT low bigint, OUT high bigint,
    OUT stable bigint, OUT state text, OUT at timestamptz)
RETURNS SETOF record
LANGUAGE c STRICT VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_partition_stats';
COMMENT ON FUNCTION dataplat_internal.partition_stats() IS
    'what workers saw last of the partitions that they read: log start, high watermark, last stable offset';
REVOKE ALL ON FUNCTION dataplat_internal.partition_stats() FROM PUBLIC;
