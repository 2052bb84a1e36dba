-- quality: which points of a series are out of the ordinary.

CREATE OR REPLACE FUNCTION dataplat.detect_anomalies(
    series float8[], strategy text, params jsonb DEFAULT '{}', search_from int DEFAULT NULL, search_to int DEFAULT NULL)
RETURNS TABLE (index int, value float8, lower float8, upper float8, detail text)
LANGUAGE c IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_detect_anomalies';
COMMENT ON FUNCTION dataplat.detect_anomalies(float8[], text, jsonb, int, int) IS
    'points of a series that are anomalies by a strategy (simple_threshold, absolute_change, relative_rate_of_change, batch_normal, online_normal, holt_winters, zscore, robust_zscore, iqr); '
    'points are numbered from 0, those from search_from up to but not including search_to are looked at, NULL and NaN are left out';
