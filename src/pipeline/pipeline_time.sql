/* pipeline: windows of time and sessions. */

-- How long a window is decides how it is laid: hours and less are elapsed
-- time, days and months follow the calendar of the zone (window.c).  These
-- run once a row and look nothing up by name, so they have no search_path.
CREATE OR REPLACE FUNCTION dataplat.tumble(ts timestamptz, size interval, origin timestamptz DEFAULT NULL, time_zone text DEFAULT 'UTC')
RETURNS timestamptz
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'dp_tumble';
COMMENT ON FUNCTION dataplat.tumble(timestamptz, interval, timestamptz, text) IS
    'start of the window of this size that holds ts; sizes in days or months follow the calendar of the time zone';

CREATE OR REPLACE FUNCTION dataplat.tumble_end(ts timestamptz, size interval, origin timestamptz DEFAULT NULL, time_zone text DEFAULT 'UTC')
RETURNS timestamptz
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'dp_tumble_end';
COMMENT ON FUNCTION dataplat.tumble_end(timestamptz, interval, timestamptz, text) IS
    'end of the window of this size that holds ts, which is the start of the next one';

CREATE OR REPLACE FUNCTION dataplat.tumble_range(ts timestamptz, size interval, origin timestamptz DEFAULT NULL, time_zone text DEFAULT 'UTC')
RETURNS tstzrange
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'dp_tumble_range';
COMMENT ON FUNCTION dataplat.tumble_range(timestamptz, interval, timestamptz, text) IS
    'the window of this size that holds ts, as a range: start included, end not';

CREATE OR REPLACE FUNCTION dataplat.hop(ts timestamptz, size interval, slide interval, origin timestamptz DEFAULT NULL, time_zone text DEFAULT 'UTC')
RETURNS SETOF timestamptz
LANGUAGE c IMMUTABLE PARALLEL SAFE
ROWS 4
AS 'MODULE_PATHNAME', 'dp_hop';
COMMENT ON FUNCTION dataplat.hop(timestamptz, interval, interval, timestamptz, text) IS
    'starts of all windows that hold ts, where a window of this size starts every slide';

CREATE OR REPLACE FUNCTION dataplat.hop_range(ts timestamptz, size interval, slide interval, origin timestamptz DEFAULT NULL, time_zone text DEFAULT 'UTC')
RETURNS SETOF tstzrange
LANGUAGE c IMMUTABLE PARALLEL SAFE
ROWS 4
AS 'MODULE_PATHNAME', 'dp_hop_range';
COMMENT ON FUNCTION dataplat.hop_range(timestamptz, interval, interval, timestamptz, text) IS
    'all windows that hold ts, as ranges, where a window of this size starts every slide';

CREATE OR REPLACE FUNCTION dataplat.session_start(ts timestamptz, gap interval)
RETURNS timestamptz
LANGUAGE c IMMUTABLE PARALLEL SAFE WINDOW
AS 'MODULE_PATHNAME', 'dp_session_start';
COMMENT ON FUNCTION dataplat.session_start(timestamptz, interval) IS
    'OVER (PARTITION BY key ORDER BY ts): time of the first event of the row''s session; a pause longer than the gap starts another session';

CREATE OR REPLACE FUNCTION dataplat.session_end(ts timestamptz, gap interval)
RETURNS timestamptz
LANGUAGE c IMMUTABLE PARALLEL SAFE WINDOW
AS 'MODULE_PATHNAME', 'dp_session_end';
COMMENT ON FUNCTION dataplat.session_end(timestamptz, interval) IS
    'OVER (PARTITION BY key ORDER BY ts): end of the row''s session, one gap after its last event';

CREATE OR REPLACE FUNCTION dataplat.session_range(ts timestamptz, gap interval)
RETURNS tstzrange
LANGUAGE c IMMUTABLE PARALLEL SAFE WINDOW
AS 'MODULE_PATHNAME', 'dp_session_range';
COMMENT ON FUNCTION dataplat.session_range(timestamptz, interval) IS
    'OVER (PARTITION BY key ORDER BY ts): the row''s session, from its first event to one gap after its last';
