-- Cron lines: what they are, and the next time that fits.  The zone is given
-- by dataplat.timezone, which only the configuration sets; here it is the
-- session's.
BEGIN;
SELECT plan(59);
SET LOCAL timezone = 'UTC';

CREATE FUNCTION pg_temp.next(line text, after timestamptz) RETURNS text
LANGUAGE sql AS $$ SELECT dataplat_internal.next_cron_time(line, after)::text $$;

-- 2026-01-01 is a Thursday.
SELECT is(pg_temp.next(c.line, '2026-01-01 00:00:00+00'), c.expected || '+00', c.line)
  FROM (VALUES
    (1, '* * * * *', '2026-01-01 00:01:00'),
    (2, '0 * * * *', '2026-01-01 01:00:00'),
    (3, '*/15 * * * *', '2026-01-01 00:15:00'),
    (4, '5/20 * * * *', '2026-01-01 00:05:00'),
    (5, '10-20/5 3 * * *', '2026-01-01 03:10:00'),
    (6, '30 2,14 * * *', '2026-01-01 02:30:00'),
    (7, '0 0 * * *', '2026-01-02 00:00:00'),
    (8, '0 0 1 * *', '2026-02-01 00:00:00'),
    (9, '0 0 31 * *', '2026-01-31 00:00:00'),
    (10, '0 0 31 feb-apr *', '2026-03-31 00:00:00'),
    (11, '0 0 29 2 *', '2028-02-29 00:00:00'),
    (12, '0 0 * * sun', '2026-01-04 00:00:00'),
    (13, '0 0 * * 0', '2026-01-04 00:00:00'),
    (14, '0 0 * * 7', '2026-01-04 00:00:00'),
    (15, '0 9 * * mon-fri', '2026-01-01 09:00:00'),
    (16, '0 9 * * Sat,SUN', '2026-01-03 09:00:00'),
    (17, '0 0 13 * fri', '2026-01-02 00:00:00'),   -- either day will do
    (18, '0 0 */10 * *', '2026-01-11 00:00:00'),
    (19, '59 23 31 12 *', '2026-12-31 23:59:00'),
    (20, '0 0 1 jan *', '2027-01-01 00:00:00'),
    (21, '0 0 1 1,7 *', '2026-07-01 00:00:00'),
    (22, '  5   4  *  *  * ', '2026-01-01 04:05:00'),
    (23, '@hourly', '2026-01-01 01:00:00'),
    (24, '@daily', '2026-01-02 00:00:00'),
    (25, '@midnight', '2026-01-02 00:00:00'),
    (26, '@weekly', '2026-01-04 00:00:00'),
    (27, '@monthly', '2026-02-01 00:00:00'),
    (28, '@yearly', '2027-01-01 00:00:00'),
    (29, '@Annually', '2027-01-01 00:00:00')) AS c (n, line, expected)
 ORDER BY c.n;

-- The time asked about is not the answer, and seconds count.
SELECT is(pg_temp.next('30 12 * * *', '2026-03-01 12:29:59.999999+00'), '2026-03-01 12:30:00+00', 'a microsecond before');
SELECT is(pg_temp.next('30 12 * * *', '2026-03-01 12:30:00+00'), '2026-03-02 12:30:00+00', 'at the time itself');
SELECT is(pg_temp.next('30 12 * * *', '1999-03-01 12:29:30.5+00'), '1999-03-01 12:30:00+00', 'before the year 2000');
SELECT is(pg_temp.next('30 12 * * *', '1999-03-01 12:30:00+00'), '1999-03-02 12:30:00+00', 'at the time itself, before the year 2000');
SELECT is(pg_temp.next('0 0 31 feb *', now()), NULL, 'a day that never comes');

-- A zone with half hours.
SET LOCAL timezone = 'Asia/Kolkata';
SELECT is(pg_temp.next('0 * * * *', '2026-01-01 00:00:00+00'), '2026-01-01 06:00:00+05:30', 'whole hours of the wall clock');

-- Berlin: 2026-03-29 02:00 is followed by 03:00, 2026-10-25 03:00 by 02:00.
SET LOCAL timezone = 'Europe/Berlin';
SELECT is(pg_temp.next('30 2 * * *', '2026-03-28 12:00:00+01'), '2026-03-29 03:00:00+02', 'a time that is left out comes at the end of the gap');
SELECT is(pg_temp.next('30 2 * * *', '2026-03-29 03:00:00+02'), '2026-03-30 02:30:00+02', 'and not again on that day');
SELECT is(pg_temp.next('30 3 * * *', '2026-03-29 01:00:00+01'), '2026-03-29 03:30:00+02', 'the hour after the gap');
SELECT is(pg_temp.next('*/30 * * * *', '2026-03-29 01:30:00+01'), '2026-03-29 03:00:00+02', 'every half hour, over the gap');
SELECT is(pg_temp.next('30 2 * * *', '2026-10-24 12:00:00+02'), '2026-10-25 02:30:00+02', 'the first of two equal hours');
SELECT is(pg_temp.next('30 2 * * *', '2026-10-25 02:30:00+02'), '2026-10-26 02:30:00+01', 'and not the second one');
SELECT is(pg_temp.next('*/30 * * * *', '2026-10-25 02:30:00+02'), '2026-10-25 02:00:00+01', 'every half hour, in both equal hours');
SELECT is(pg_temp.next('0 0 * * *', '2026-10-24 23:00:00+02'), '2026-10-25 00:00:00+02', 'midnight before the change');

-- A midnight that is left out: Beirut, 2026-03-29 00:00 is followed by 01:00.
SET LOCAL timezone = 'Asia/Beirut';
SELECT is(pg_temp.next('0 0 * * *', '2026-03-28 12:00:00+02'), '2026-03-29 01:00:00+03', 'a midnight that is left out comes an hour later');

-- Walking: a year of quarter hours has as many as it has.
SET LOCAL timezone = 'America/New_York';
WITH RECURSIVE walk (t, n) AS (
    SELECT dataplat_internal.next_cron_time('*/15 * * * *', '2026-01-01 05:00:00+00'), 1
    UNION ALL
    SELECT dataplat_internal.next_cron_time('*/15 * * * *', w.t), w.n + 1 FROM walk AS w WHERE w.n < 96 * 365
) SELECT is(max(w.t)::timestamptz, '2027-01-01 05:00:00+00'::timestamptz, 'a year of quarter hours') FROM walk AS w;
WITH RECURSIVE walk (t, n) AS (
    SELECT dataplat_internal.next_cron_time('30 2 * * *', '2026-01-01 05:00:00+00'), 1
    UNION ALL
    SELECT dataplat_internal.next_cron_time('30 2 * * *', w.t), w.n + 1 FROM walk AS w WHERE w.n < 365
) SELECT is(count(DISTINCT w.t::date), 365::bigint, 'once on each day of a year') FROM walk AS w;

-- What is none.
SELECT throws_ok(format('SELECT dataplat_internal.next_cron_time(%L, now())', c.line), '22023', NULL, 'refused: ' || c.line)
  FROM (VALUES (1, ''), (2, '* * * *'), (3, '* * * * * *'), (4, '60 * * * *'), (5, '* 24 * * *'), (6, '* * 0 * *'), (7, '* * * 13 *'),
               (8, '* * * * 8'), (9, '*/0 * * * *'), (10, '20-10 * * * *'), (11, '@reboot'), (12, 'five * * * *'), (13, '* * * janu *'))
       AS c (n, line)
 ORDER BY c.n;

SELECT * FROM finish();
ROLLBACK;
