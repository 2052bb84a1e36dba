-- Windows of time: tumble, hop and session.
BEGIN;
SET timezone = 'UTC';
SELECT plan(46);

-- Elapsed time: hours and less.
SELECT is(dataplat.tumble('2026-03-29 05:17:09.5Z', '1 hour'), '2026-03-29 05:00Z', 'an hour');
SELECT is(dataplat.tumble('2026-03-29 05:00Z', '1 hour'), '2026-03-29 05:00Z', 'the start belongs to its window');
SELECT is(dataplat.tumble('2026-03-29 04:59:59.999999Z', '1 hour'), '2026-03-29 04:00Z', 'the end does not');
SELECT is(dataplat.tumble_end('2026-03-29 05:17Z', '15 minutes'), '2026-03-29 05:30Z', 'end of a quarter');
SELECT is(dataplat.tumble_range('2026-03-29 05:17Z', '15 minutes'), '[2026-03-29 05:15Z, 2026-03-29 05:30Z)', 'the same as a range');
SELECT is(dataplat.tumble('1969-12-31 23:59Z', '1 hour'), '1969-12-31 23:00Z', 'before every epoch');
SELECT is(dataplat.tumble('0044-03-15 12:34Z BC', '1 day'), '0044-03-15 00:00Z BC', 'long before');
SELECT is(dataplat.tumble('2026-03-29 05:17Z', '1 hour', origin => '2026-01-01 00:05Z'), '2026-03-29 05:05Z', 'an origin moves the windows');
SELECT is(dataplat.tumble('2026-03-29 05:17Z', '1 hour', time_zone => 'Asia/Kolkata'), '2026-03-29 04:30Z', 'full hours of a zone half an hour off');
SELECT is(dataplat.tumble('2026-10-25 00:30Z', '1 hour', time_zone => 'Europe/Berlin'), '2026-10-25 00:00Z', 'the hour that the wall clock shows twice, first');
SELECT is(dataplat.tumble('2026-10-25 01:30Z', '1 hour', time_zone => 'Europe/Berlin'), '2026-10-25 01:00Z', 'and second: two windows');
SELECT is_empty($$
    SELECT ts FROM generate_series('1999-01-01'::timestamptz, '2001-01-01', '7 hours 13 minutes') AS ts
     WHERE dataplat.tumble(ts, '5 hours', '2000-02-02 03:04Z') IS DISTINCT FROM date_bin('5 hours', ts, '2000-02-02 03:04Z')
        OR dataplat.tumble(ts, '1 day') IS DISTINCT FROM date_trunc('day', ts, 'UTC')
        OR dataplat.tumble(ts, '7 days') IS DISTINCT FROM date_trunc('week', ts, 'UTC')
        OR dataplat.tumble(ts, '3 months') IS DISTINCT FROM date_trunc('quarter', ts, 'UTC')
        OR dataplat.tumble(ts, '1 year') IS DISTINCT FROM date_trunc('year', ts, 'UTC')
$$, 'as date_bin and date_trunc have it; weeks begin on Monday');

-- Calendar time: days and months.
SELECT is(dataplat.tumble_range('2026-03-29 05:17Z', '1 day', time_zone => 'Europe/Berlin'),
    '[2026-03-28 23:00Z, 2026-03-29 22:00Z)', 'a day of 23 hours');
SELECT is(dataplat.tumble_range('2026-10-25 05:17Z', '1 day', time_zone => 'Europe/Berlin'),
    '[2026-10-24 22:00Z, 2026-10-25 23:00Z)', 'a day of 25 hours');
SELECT is(dataplat.tumble_range('2026-03-29 05:17Z', '1 month', time_zone => 'Europe/Berlin'),
    '[2026-02-28 23:00Z, 2026-03-31 22:00Z)', 'a month with a change of the clocks');
SELECT is(dataplat.tumble_range('2020-11-01 04:30Z', '1 day', time_zone => 'America/Havana'),
    '[2020-11-01 04:00Z, 2020-11-02 05:00Z)', 'midnight twice: the day begins with the first');
SELECT is(dataplat.tumble_range('2018-11-04 03:00Z', '1 day', time_zone => 'America/Sao_Paulo'),
    '[2018-11-04 03:00Z, 2018-11-05 02:00Z)', 'no midnight: the day begins with the jump');
SELECT is(dataplat.tumble_range('2006-10-29 03:00Z', '1 day', time_zone => 'America/St_Johns'),
    '[2006-10-29 02:30Z, 2006-10-30 03:30Z)', 'back over midnight: the day has begun already');
SELECT is(dataplat.tumble_range('2011-12-30 09:59Z', '1 day', time_zone => 'Pacific/Apia'),
    '[2011-12-29 10:00Z, 2011-12-30 10:00Z)', 'a day that a zone left out has no window');
SELECT is(dataplat.tumble_range('2026-02-10 00:00Z', '1 month', origin => '2025-08-31 06:00Z'),
    '[2026-01-31 06:00Z, 2026-02-28 06:00Z)', 'months from the 31st end on the last day of a short one');
SELECT is(dataplat.tumble_range('2026-03-29 05:17Z', '1 day', origin => '2000-01-01 06:00Z', time_zone => 'UTC'),
    '[2026-03-28 06:00Z, 2026-03-29 06:00Z)', 'days that begin at six');
SELECT is_empty($$
    SELECT z, size, ts
      FROM unnest(ARRAY['Europe/Berlin', 'America/Havana', 'America/St_Johns', 'America/Sao_Paulo', 'Pacific/Apia', 'Australia/Lord_Howe',
                        'Asia/Tehran', 'Africa/Cairo']) AS z,
           unnest(ARRAY['1 hour', '1 day', '7 days', '1 month']::interval[]) AS size,
           generate_series('2004-01-01'::timestamptz, '2019-01-01', '23 hours 31 minutes') AS ts,
           dataplat.tumble_range(ts, size, time_zone => z) AS w
     WHERE NOT w @> ts
        OR lower(w) IS DISTINCT FROM dataplat.tumble(lower(w), size, time_zone => z)
        OR upper(w) IS DISTINCT FROM dataplat.tumble(upper(w), size, time_zone => z)
        OR dataplat.tumble_end(upper(w) - '1 microsecond'::interval, size, time_zone => z) IS DISTINCT FROM upper(w)
$$, 'windows hold their rows, leave no gap and do not overlap, in zones with every trick');

-- Edges of the types.
SELECT is(dataplat.tumble(NULL, '1 hour'), NULL, 'no time, no window');
SELECT is(dataplat.tumble('2026-01-01Z', NULL), NULL, 'no size, no window');
SELECT is(dataplat.tumble('2026-01-01Z', '1 hour', time_zone => NULL), NULL, 'no zone, no window');
SELECT is(dataplat.tumble('infinity', '1 hour'), 'infinity', 'infinity stays');
SELECT is(dataplat.tumble_range('-infinity', '1 hour'), '[-infinity, -infinity]', 'and holds itself');
SELECT throws_ok($$SELECT dataplat.tumble('2026-01-01Z', '0')$$, '22023', NULL, 'a size of nothing');
SELECT throws_ok($$SELECT dataplat.tumble('2026-01-01Z', '-1 hour')$$, '22023', NULL, 'a negative size');
SELECT throws_ok($$SELECT dataplat.tumble('2026-01-01Z', '1 month 1 day')$$, '22023', NULL, 'a size of two units');
SELECT throws_ok($$SELECT dataplat.tumble('2026-01-01Z', '1 hour', time_zone => 'Mars/Olympus')$$, '22023',
    'time zone "Mars/Olympus" not recognized', 'a zone that is none');
SELECT throws_ok($$SELECT dataplat.tumble('2026-01-01Z', '1 hour', origin => 'infinity')$$, '22023', NULL, 'an infinite origin');
SELECT throws_ok($$SELECT dataplat.tumble_end('294276-12-31 23:59Z', '1 day')$$, '22008', NULL, 'an end past the end of time');

-- Hopping windows: each row in size / slide of them.
SELECT results_eq($$SELECT dataplat.hop('2026-03-29 05:17Z', '1 hour', '20 minutes')$$,
    $$VALUES ('2026-03-29 04:20Z'::timestamptz), ('2026-03-29 04:40Z'), ('2026-03-29 05:00Z')$$, 'three starts, oldest first');
SELECT results_eq($$SELECT w FROM dataplat.hop_range('2026-03-29 10:00Z', '1 day', '12 hours', '2026-03-27 23:00Z', 'Europe/Berlin') AS w$$,
    $$VALUES ('[2026-03-28 23:00Z, 2026-03-29 22:00Z)'::tstzrange)$$, 'one that spans a day of 23 hours has ended');
SELECT results_eq($$SELECT count(*)::int FROM dataplat.hop('2026-03-29 05:50Z', '10 minutes', '1 hour')$$, $$VALUES (0)$$,
    'a slide longer than the size leaves rows out');
SELECT results_eq($$SELECT dataplat.hop('infinity', '1 hour', '20 minutes')$$, $$VALUES ('infinity'::timestamptz)$$, 'infinity is in one');
SELECT is_empty($$SELECT dataplat.hop(NULL, '1 hour', '20 minutes')$$, 'no time, no windows');
SELECT is_empty($$
    SELECT ts FROM generate_series('2026-03-28'::timestamptz, '2026-03-30', '7 minutes') AS ts
     WHERE ARRAY(SELECT dataplat.hop(ts, '50 minutes', '15 minutes'))
           IS DISTINCT FROM ARRAY(SELECT s FROM generate_series('2026-03-27'::timestamptz, '2026-03-31', '15 minutes') AS s
                                   WHERE s <= ts AND ts < s + interval '50 minutes' ORDER BY s)
$$, 'as counted by hand');

-- Sessions: a pause longer than the gap starts another one.
CREATE TEMP TABLE event (id int PRIMARY KEY, who text, ts timestamptz);
INSERT INTO event VALUES
    (1, 'ann', '2026-01-01 10:00Z'), (2, 'ann', '2026-01-01 10:20Z'), (3, 'ann', '2026-01-01 10:50Z'), (4, 'ann', '2026-01-01 11:21Z'),
    (5, 'bob', '2026-01-01 10:00Z'), (6, 'bob', NULL), (7, 'cid', '-infinity'), (8, 'cid', '2026-01-01 10:00Z'), (9, 'cid', 'infinity');
PREPARE sessions AS
    SELECT who, session_start, session_end, count(*)
      FROM (SELECT who, dataplat.session_start(ts, '30 minutes') OVER w, dataplat.session_end(ts, '30 minutes') OVER w
              FROM event WINDOW w AS (PARTITION BY who ORDER BY ts)) AS s
     GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT results_eq('sessions', $$VALUES
    ('ann', '2026-01-01 10:00Z'::timestamptz, '2026-01-01 11:20Z'::timestamptz, 3::bigint),
    ('ann', '2026-01-01 11:21Z', '2026-01-01 11:51Z', 1), ('bob', '2026-01-01 10:00Z', '2026-01-01 10:30Z', 1), ('bob', NULL, NULL, 1),
    ('cid', '-infinity', '-infinity', 1), ('cid', '2026-01-01 10:00Z', '2026-01-01 10:30Z', 1), ('cid', 'infinity', 'infinity', 1)$$,
    'a pause of exactly the gap goes on, a longer one does not');
INSERT INTO event VALUES (10, 'ann', '2026-01-01 10:51Z');
DELETE FROM event WHERE id = 2;
SELECT results_eq($$SELECT session_start, count(*) FROM (
    SELECT dataplat.session_start(ts, '30 minutes') OVER (ORDER BY ts) FROM event WHERE who = 'ann') AS s GROUP BY 1 ORDER BY 1$$,
    $$VALUES ('2026-01-01 10:00Z'::timestamptz, 1::bigint), ('2026-01-01 10:50Z', 3)$$, 'a late event joins two, a delete splits one');
SELECT is_empty($$
    SELECT * FROM (
        SELECT dataplat.session_range(ts, '7 minutes') OVER (PARTITION BY who ORDER BY ts) AS s,
               tstzrange(min(ts) OVER (PARTITION BY who, nth), max(ts) OVER (PARTITION BY who, nth) + interval '7 minutes') AS expected
          FROM (SELECT who, ts, count(*) FILTER (WHERE fresh) OVER (PARTITION BY who ORDER BY ts) AS nth
                  FROM (SELECT who, ts, ts - lag(ts) OVER (PARTITION BY who ORDER BY ts) > interval '7 minutes' AS fresh
                          FROM (SELECT i % 7 AS who, '2026-01-01Z'::timestamptz + (i::bigint * i * 7919 % 100000) * interval '3 s' AS ts
                                  FROM generate_series(1, 5000) AS i) AS e) AS f) AS g) AS h
     WHERE s IS DISTINCT FROM expected
$$, 'the same sessions as with lag() and a running count');
SELECT throws_ok($$SELECT dataplat.session_start(ts, '30 minutes') OVER (ORDER BY ts DESC) FROM event WHERE who = 'ann'$$, '42P20', NULL,
    'against the order of time');
SELECT throws_ok($$SELECT dataplat.session_start(ts, '1 month') OVER (ORDER BY ts) FROM event$$, '22023', NULL, 'a gap of months');
SELECT throws_ok($$SELECT dataplat.session_start(ts, '0') OVER (ORDER BY ts) FROM event$$, '22023', NULL, 'a gap of nothing');
SELECT throws_ok($$SELECT dataplat.session_start(now(), '1 hour')$$, '42809', NULL, 'sessions need OVER');

SELECT * FROM finish();
ROLLBACK;
