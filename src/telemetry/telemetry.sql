/* telemetry: figures from shared memory. */

CREATE OR REPLACE FUNCTION dataplat_internal.partition_stats(
    OUT source_id int, OUT topic text, OUT partition int, OUT low bigint, OUT high bigint,
    OUT stable bigint, OUT state text, OUT at timestamptz, OUT duplicate_keys bigint)
RETURNS SETOF record
LANGUAGE c STRICT VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_partition_stats';
COMMENT ON FUNCTION dataplat_internal.partition_stats() IS
    'what workers saw last of the partitions that they read: log start, high watermark, last stable offset, keys that stood twice';
REVOKE ALL ON FUNCTION dataplat_internal.partition_stats() FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.forget_partition_stats(source_id int)
RETURNS void
LANGUAGE c STRICT VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_partition_stats_forget';
COMMENT ON FUNCTION dataplat_internal.forget_partition_stats(int) IS
    'give back what shared memory holds of the partitions of a source without workers';
REVOKE ALL ON FUNCTION dataplat_internal.forget_partition_stats(int) FROM PUBLIC;
