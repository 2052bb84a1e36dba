-- Event time in pipelines: watermarks, late rows, windows that close.
BEGIN;
SET timezone = 'UTC';
SET client_min_messages = warning;
SELECT plan(76);
CREATE SCHEMA pt;
SET search_path = pt, public;

CREATE SERVER pt_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
SELECT dataplat.create_source('click', 'pt_shop', 'click', target => 'pt.click', paused => true);
CREATE TABLE hit (id int PRIMARY KEY, who text, at timestamptz, n int);

CREATE FUNCTION pg_temp.clock(at text) RETURNS void LANGUAGE sql AS $$ SELECT set_config('dataplat.test_clock', at, true) $$;
CREATE FUNCTION pg_temp.watermark(name text) RETURNS timestamptz LANGUAGE sql AS $$
    SELECT watermark FROM dataplat_internal.pipeline_clock WHERE pipeline = name $$;
CREATE FUNCTION pg_temp.clean(name text) RETURNS boolean LANGUAGE sql AS $$
    SELECT missing = 0 AND extra = 0 AND different = 0 FROM dataplat.verify_pipeline(name) $$;

-- Rows of bronze as ingest stores them: '<partition> <time> <who>'.
CREATE FUNCTION pg_temp.batch(id bigint, lines text[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO pt.click (_partition, _offset, _batch_id, _ingested_at, value)
    SELECT split_part(l, ' ', 1)::int, id * 100 + n, id, now(), jsonb_build_object('at', '2026-01-01T' || split_part(l, ' ', 2) || 'Z', 'who', split_part(l, ' ', 3))
      FROM unnest(lines) WITH ORDINALITY AS u (l, n);
    INSERT INTO dataplat.batch (batch_id, source, topic, partition, rows)
    SELECT id, 'click', 'click', split_part(l, ' ', 1)::int, count(*) FROM unnest(lines) AS u (l) GROUP BY 1, 2, 3, 4;
$$;

-- ------------------------------------------------------------------ watermarks

SELECT pg_temp.clock('2026-01-01 12:00Z');
SELECT pg_temp.batch(1, '{0 10:05 a,0 10:20 b,1 10:40 a}');
SELECT dataplat.create_pipeline('pt_mark', 'pt.mark', $$SELECT (value->>'at')::timestamptz AS at, _partition, _offset FROM pt.click$$,
    schedule => 'manual', event_time => '{"column": "at", "watermark_delay": "1 minute", "idle_timeout": "2 minutes", "max_future": "5 minutes"}');
SELECT dataplat.run_pipeline('pt_mark');
SELECT results_eq($$SELECT partition, max_event_time FROM dataplat.pipeline_watermark WHERE pipeline = 'pt_mark' ORDER BY 1$$,
    $$VALUES ('0', '2026-01-01 10:20Z'::timestamptz), ('1', '2026-01-01 10:40Z')$$, 'a first run sees the partitions of the whole table');
SELECT is(pg_temp.watermark('pt_mark'), '2026-01-01 10:19Z', 'the least of the partitions, less the delay');

SELECT pg_temp.batch(2, '{0 10:10 b,1 12:06 b,1 11:00 b}');
SELECT results_eq($$SELECT rows_in, rows_late FROM dataplat.run_pipeline('pt_mark')$$, $$VALUES (3::bigint, 1::bigint)$$, 'an older row is late');
SELECT is(pg_temp.watermark('pt_mark'), '2026-01-01 10:19Z', 'and moves nothing back');
SELECT results_eq($$SELECT max_event_time, rows_future, rows_late FROM dataplat.pipeline_watermark WHERE pipeline = 'pt_mark' ORDER BY partition$$,
    $$VALUES ('2026-01-01 10:20Z'::timestamptz, 0::bigint, 1::bigint), ('2026-01-01 11:00Z', 1, 0)$$, 'a row from the future does not count, but is counted');
SELECT ok(pg_temp.clean('pt_mark'), 'both are in the target');

SELECT pg_temp.clock('2026-01-01 12:01:59Z');
SELECT pg_temp.batch(3, '{1 11:30 b}');
SELECT dataplat.run_pipeline('pt_mark');
SELECT is(pg_temp.watermark('pt_mark'), '2026-01-01 10:19Z', 'partition 0 is silent, but not for long enough');
SELECT is(dataplat_internal.watermark_at('pt_mark', '2026-01-01 12:02Z'), '2026-01-01 11:29Z', 'after idle_timeout it is left out');
SELECT pg_temp.clock('2026-01-01 12:02Z');
SELECT dataplat.run_pipeline('pt_mark');
SELECT is(pg_temp.watermark('pt_mark'), '2026-01-01 11:29Z', 'a run without rows moves the watermark, too');
SELECT results_eq($$SELECT idle FROM dataplat.pipeline_watermark WHERE pipeline = 'pt_mark' ORDER BY partition$$, $$VALUES (true), (false)$$, 'the view tells who is idle');
SELECT is(dataplat_internal.watermark_at('pt_mark', '2026-01-01 18:00Z'), '2026-01-01 11:29Z', 'all idle: the greatest of them, and no farther');
SELECT pg_temp.batch(4, '{0 10:25 b}');
SELECT dataplat.run_pipeline('pt_mark');
SELECT is(pg_temp.watermark('pt_mark'), '2026-01-01 11:29Z', 'a partition that wakes up far behind does not bring it back');
SELECT dataplat.alter_pipeline('pt_mark', event_time => '{"column": "at", "when_idle": "clock", "idle_timeout": "2 minutes"}');
SELECT is(dataplat_internal.watermark_at('pt_mark', '2026-01-01 18:00Z'), '2026-01-01 17:58Z', 'when_idle clock: it goes on with the clock');

-- ------------------------------------------------------------------ late rows that are left out

SELECT pg_temp.clock('2026-01-01 12:10Z');
SELECT dataplat.create_pipeline('pt_aside', 'pt.aside', $$
    SELECT dataplat.tumble((value->>'at')::timestamptz, '10 minutes') AS w, count(*) AS n, max(value->>'who') AS who FROM pt.click GROUP BY 1$$,
    schedule => 'manual', event_time => '{"late": "side_table", "idle_timeout": "1 hour"}', grace => '5 minutes');
SELECT dataplat.create_pipeline('pt_count', 'pt.counted', $$SELECT (value->>'at')::timestamptz AS at, _partition, _offset FROM pt.click$$,
    schedule => 'manual', event_time => '{"column": "at", "late": "count", "idle_timeout": "1 hour"}', grace => '5 minutes');
SELECT dataplat.run_pipeline('pt_aside');
SELECT dataplat.run_pipeline('pt_count');
SELECT is(pg_temp.watermark('pt_aside'), '2026-01-01 10:25Z', 'the time is read off the window');
SELECT pg_temp.batch(5, '{0 10:19 late,0 10:22 ok,1 10:12 late,1 11:45 ok}');
SELECT results_eq($$SELECT rows_late FROM dataplat.run_pipeline('pt_aside')$$, $$VALUES (2::bigint)$$, 'two are farther behind than grace');
SELECT results_eq($$SELECT rows_late, rows_inserted FROM dataplat.run_pipeline('pt_count')$$, $$VALUES (2::bigint, 2::bigint)$$, 'in mode append, too');
SELECT results_eq($$SELECT contents ->> '_offset', contents -> 'value' ->> 'who', event_time, watermark FROM pt.aside_late ORDER BY 1$$,
    $$VALUES ('501', 'late', '2026-01-01 10:19Z'::timestamptz, '2026-01-01 10:25Z'::timestamptz), ('503', 'late', '2026-01-01 10:12Z', '2026-01-01 10:25Z')$$,
    'they are kept aside, whole');
SELECT is_empty($$SELECT FROM pt.aside WHERE who = 'late'$$, 'and are not in the result');
SELECT ok(to_regclass('pt.counted_late') IS NULL, 'counting keeps no table');
SELECT ok(pg_temp.clean('pt_aside') AND pg_temp.clean('pt_count'), 'verify_pipeline leaves them out as well');

-- Another row of the same window, on time for the grace, makes it computed again.
SELECT pg_temp.batch(6, '{0 10:20 ok}');
SELECT dataplat.run_pipeline('pt_aside');
SELECT dataplat_internal.mark_pipeline_rebuild('pt_aside', 'a test');
SELECT dataplat_internal.mark_pipeline_rebuild('pt_count', 'a test');
SELECT results_eq($$SELECT kind, rows_inserted, rows_updated, rows_deleted FROM dataplat.run_pipeline('pt_aside')$$,
    $$VALUES ('full', 0::bigint, 0::bigint, 0::bigint)$$, 'a full run computes the same');
SELECT dataplat.run_pipeline('pt_count');
SELECT ok(pg_temp.clean('pt_aside') AND pg_temp.clean('pt_count'), 'so does the other');
SELECT is((SELECT count(*) FROM counted), (SELECT count(*) - 2 FROM click), 'all rows but the late ones');
SELECT dataplat.rebuild_pipeline('pt_aside');
SELECT dataplat.run_pipeline('pt_aside');
SELECT ok(pg_temp.clean('pt_aside'), 'so does a rebuild');
SELECT is((SELECT sum(n) FROM aside), (SELECT count(*)::numeric - 2 FROM click), 'of all rows but the late ones');
SELECT dataplat.alter_pipeline('pt_aside', event_time => '{"idle_timeout": "1 hour"}');
SELECT dataplat.run_pipeline('pt_aside');
SELECT is((SELECT sum(n) FROM aside), (SELECT count(*)::numeric FROM click), 'asked to merge, it merges what it had left out');
SELECT ok(pg_temp.clean('pt_aside'), 'and says so');

-- ------------------------------------------------------------------ emit on close

SELECT pg_temp.clock('2026-01-02 12:00Z');
INSERT INTO hit VALUES (1, 'a', '2026-01-01 10:05Z', 1), (2, 'b', '2026-01-01 10:50Z', 1), (3, 'a', '2026-01-01 11:05Z', 1);
SELECT dataplat.create_pipeline('pt_hour', 'pt.per_hour', $$SELECT date_trunc('hour', at) AS hour, who, sum(n) AS n FROM pt.hit GROUP BY 1, 2$$,
    schedule => 'manual', emit => 'close', grace => '10 minutes', event_time => '{"column": "at"}');
SELECT dataplat.run_pipeline('pt_hour');
SELECT is_empty($$SELECT FROM per_hour$$, 'the first hour is over, its grace is not');
SELECT is((SELECT open_windows FROM dataplat.pipeline_watermark WHERE pipeline = 'pt_hour'), 3::bigint, 'three rows wait');
SELECT ok(pg_temp.clean('pt_hour'), 'which is as it should be');
INSERT INTO hit VALUES (4, 'a', '2026-01-01 11:10Z', 1);
SELECT dataplat.run_pipeline('pt_hour');
SELECT results_eq($$SELECT hour, who, n FROM per_hour ORDER BY 1, 2$$,
    $$VALUES ('2026-01-01 10:00Z'::timestamptz, 'a', 1::bigint), ('2026-01-01 10:00Z', 'b', 1)$$, 'the watermark closes the first hour for all keys');
SELECT is(dataplat_internal.next_window_close('pt_hour'), NULL, 'the next one waits for rows');
INSERT INTO hit VALUES (5, 'b', '2026-01-01 10:59Z', 5);
DELETE FROM hit WHERE id = 1;
SELECT results_eq($$SELECT rows_updated, rows_deleted, rows_late FROM dataplat.run_pipeline('pt_hour')$$, $$VALUES (1::bigint, 1::bigint, 1::bigint)$$,
    'late rows and deletes change what was emitted');
SELECT ok(pg_temp.clean('pt_hour'), 'to what the query says');
UPDATE hit SET at = '2026-01-01 11:30Z' WHERE id = 5;
SELECT dataplat.run_pipeline('pt_hour');
SELECT ok(pg_temp.clean('pt_hour'), 'a row that moves to an open window waits again');
SELECT dataplat_internal.mark_pipeline_rebuild('pt_hour', 'a test');
SELECT dataplat.run_pipeline('pt_hour');
SELECT ok(pg_temp.clean('pt_hour'), 'a full run holds back the same');
SELECT is((SELECT open_windows FROM dataplat.pipeline_watermark WHERE pipeline = 'pt_hour'), 2::bigint, 'and knows what waits');
DELETE FROM per_hour;
SELECT dataplat.rebuild_pipeline('pt_hour');
SELECT dataplat.run_pipeline('pt_hour');
SELECT ok(pg_temp.clean('pt_hour'), 'so does a rebuild');
SELECT is((SELECT open_windows FROM dataplat.pipeline_watermark WHERE pipeline = 'pt_hour'), 2::bigint, 'beside which the others still wait');

-- By silence.
SELECT dataplat.create_pipeline('pt_quiet', 'pt.quiet', $$SELECT dataplat.tumble_range((value->>'at')::timestamptz, '1 hour') AS w, count(*) AS n FROM pt.click GROUP BY 1$$,
    schedule => 'manual', emit => 'close', event_time => '{"idle_timeout": "10 minutes"}');
SELECT dataplat.run_pipeline('pt_quiet');
SELECT is((SELECT max(upper(w)) FROM quiet), NULL, 'partition 0 is at 10:25');
SELECT is(dataplat_internal.next_window_close('pt_quiet'), '2026-01-02 12:10Z', 'silence will close a window at this time');
SELECT pg_temp.clock('2026-01-02 12:10Z');
SELECT results_eq($$SELECT rows_in, rows_inserted FROM dataplat.run_pipeline('pt_quiet')$$, $$VALUES (0::bigint, 2::bigint)$$, 'and it does, without a row');
SELECT is((SELECT max(upper(w)) FROM quiet), '2026-01-01 12:00Z', 'as far as any partition has come');
SELECT ok(pg_temp.clean('pt_quiet'), 'that is all there is to emit');
SELECT is(dataplat_internal.next_window_close('pt_quiet'), NULL, 'the last window waits for a row');
SELECT dataplat.alter_pipeline('pt_quiet', event_time => '{"idle_timeout": "10 minutes", "when_idle": "clock"}');
SELECT dataplat.run_pipeline('pt_quiet');
SELECT is((SELECT count(*) FROM quiet), (SELECT count(DISTINCT dataplat.tumble((value->>'at')::timestamptz, '1 hour')) FROM click), 'or follows the clock');

-- ------------------------------------------------------------------ sessions

SELECT pg_temp.clock('2026-01-03 12:00Z');
TRUNCATE hit;
INSERT INTO hit VALUES (1, 'a', '2026-01-03 10:00Z', 1), (2, 'a', '2026-01-03 10:20Z', 1), (3, 'a', '2026-01-03 11:00Z', 1), (4, 'b', '2026-01-03 10:00Z', 1);
SELECT dataplat.create_pipeline('pt_session', 'pt.sessions', $$
    SELECT who, session_start, max(session_end) AS session_end, count(*) AS hits
      FROM (SELECT who, dataplat.session_start(at, '30 minutes') OVER w, dataplat.session_end(at, '30 minutes') OVER w
              FROM pt.hit WINDOW w AS (PARTITION BY who ORDER BY at)) AS s
     GROUP BY 1, 2$$, schedule => 'manual');
SELECT is((SELECT mode FROM dataplat.pipeline WHERE name = 'pt_session'), 'aggregate', 'sessions of a key are kept by the touched keys');
SELECT dataplat.run_pipeline('pt_session');
PREPARE ann AS SELECT session_start, session_end, hits FROM sessions WHERE who = 'a' ORDER BY 1;
SELECT results_eq('ann', $$VALUES ('2026-01-03 10:00Z'::timestamptz, '2026-01-03 10:50Z'::timestamptz, 2::bigint),
    ('2026-01-03 11:00Z', '2026-01-03 11:30Z', 1)$$, 'two sessions');
INSERT INTO hit VALUES (5, 'a', '2026-01-03 10:45Z', 1);
SELECT results_eq($$SELECT kind, rows_updated, rows_deleted FROM dataplat.run_pipeline('pt_session')$$, $$VALUES ('live', 1::bigint, 1::bigint)$$,
    'a late event makes one of them');
SELECT results_eq('ann', $$VALUES ('2026-01-03 10:00Z'::timestamptz, '2026-01-03 11:30Z'::timestamptz, 4::bigint)$$, 'of all four');
DELETE FROM hit WHERE id = 2;
SELECT dataplat.run_pipeline('pt_session');
SELECT results_eq('ann', $$VALUES ('2026-01-03 10:00Z'::timestamptz, '2026-01-03 10:30Z'::timestamptz, 1::bigint),
    ('2026-01-03 10:45Z', '2026-01-03 11:30Z', 2)$$, 'a delete splits it again');
SELECT ok(pg_temp.clean('pt_session'), 'as computed afresh');

-- Sessions that are emitted when they are over: each event moves the end.
SELECT dataplat.create_pipeline('pt_over', 'pt.over', $$
    SELECT who, session_start, max(session_end) AS session_end, count(*) AS hits
      FROM (SELECT who, dataplat.session_start(at, '30 minutes') OVER w, dataplat.session_end(at, '30 minutes') OVER w
              FROM pt.hit WINDOW w AS (PARTITION BY who ORDER BY at)) AS s
     GROUP BY 1, 2$$, schedule => 'manual', emit => 'close', event_time => '{"column": "at"}');
SELECT dataplat.run_pipeline('pt_over');
SELECT results_eq($$SELECT who, session_start FROM over ORDER BY 1, 2$$,
    $$VALUES ('a', '2026-01-03 10:00Z'::timestamptz), ('b', '2026-01-03 10:00Z')$$, 'those that end by the watermark at 11:00');
INSERT INTO hit VALUES (6, 'b', '2026-01-03 10:25Z', 1), (7, 'c', '2026-01-03 11:25Z', 1);
SELECT dataplat.run_pipeline('pt_over');
SELECT results_eq($$SELECT who, session_end, hits FROM over ORDER BY 1, 2$$,
    $$VALUES ('a', '2026-01-03 10:30Z'::timestamptz, 1::bigint), ('b', '2026-01-03 10:55Z', 2)$$, 'one that grew and is still over stays');
SELECT ok(pg_temp.clean('pt_over'), 'all that is over is there');
INSERT INTO hit VALUES (8, 'b', '2026-01-03 10:55Z', 1), (9, 'b', '2026-01-03 11:20Z', 1);
SELECT dataplat.run_pipeline('pt_over');
SELECT is_empty($$SELECT FROM over WHERE who = 'b'$$, 'one that grew into the open is taken back');
INSERT INTO hit VALUES (10, 'd', '2026-01-03 12:00Z', 1);
SELECT dataplat.run_pipeline('pt_over');
SELECT results_eq($$SELECT session_end, hits FROM over WHERE who = 'b'$$, $$VALUES ('2026-01-03 11:50Z'::timestamptz, 4::bigint)$$, 'and comes when it is over');
SELECT ok(pg_temp.clean('pt_over'), 'with all others');

-- ------------------------------------------------------------------ joins with a bound in time

CREATE TABLE ordered (id int PRIMARY KEY, at timestamptz);
CREATE TABLE paid (id int PRIMARY KEY, ordered_id int, at timestamptz);
SELECT pg_temp.clock('2026-01-04 18:00Z');
INSERT INTO ordered VALUES (1, '2026-01-04 10:00Z'), (2, '2026-01-04 10:10Z'), (3, '2026-01-04 12:00Z');
INSERT INTO paid VALUES (1, 1, '2026-01-04 10:30Z'), (2, 3, '2026-01-04 14:00Z');
SELECT dataplat.create_pipeline('pt_paid', 'pt.order_paid', $$
    SELECT o.id, o.at, p.at AS paid_at, o.at + interval '1 hour' AS settled_at
      FROM pt.ordered AS o LEFT JOIN pt.paid AS p ON p.ordered_id = o.id AND p.at BETWEEN o.at AND o.at + interval '1 hour'$$,
    keys => '{id}', schedule => 'manual', emit => 'close', event_time => '{"column": "at", "window_end": "settled_at", "join_bound": "1 hour"}');
SELECT dataplat.run_pipeline('pt_paid');
SELECT results_eq($$SELECT id, paid_at FROM order_paid ORDER BY 1$$, $$VALUES (1, '2026-01-04 10:30Z'::timestamptz), (2, NULL)$$,
    'not paid is known when the hour is over on both sides');
INSERT INTO ordered VALUES (4, '2026-01-04 13:30Z');
INSERT INTO paid VALUES (3, 3, '2026-01-04 12:59Z');
SELECT dataplat.run_pipeline('pt_paid');
SELECT results_eq($$SELECT id, paid_at FROM order_paid WHERE id > 2$$, $$VALUES (3, '2026-01-04 12:59Z'::timestamptz)$$, 'paid within it');
SELECT ok(pg_temp.clean('pt_paid'), 'as computed afresh');
SELECT is(dataplat_internal.join_needs_since('pt_paid'), '2026-01-04 12:25Z', 'rows older than the bound behind the watermark are not needed');
SELECT is(dataplat_internal.join_needs_since('pt_hour'), NULL, 'without a bound all may be');

-- ------------------------------------------------------------------ definitions

SELECT is(dataplat_internal.resolve_event_time('postgres', 'pt', 'UTC', q, '{w}', NULL, c, NULL, NULL, NULL, closes), expected::jsonb, what)
  FROM (VALUES
    ($$SELECT dataplat.tumble(at + interval '1 s', '1 hour') AS w, count(*) FROM hit GROUP BY 1$$, NULL, true,
     '{"inputs": [{"relation": "pt.hit", "expression": "(at + ''00:00:01''::interval)", "partitions": false}], "window_end": {"column": "w", "of_key": true}}',
     'a window of an expression'),
    ($$SELECT w, count(*) FROM hit, dataplat.hop(at, '1 hour', '15 minutes') AS w GROUP BY 1$$, NULL, true,
     '{"inputs": [{"relation": "pt.hit", "expression": "at", "partitions": false}], "window_end": {"column": "w", "of_key": true}}', 'hopping windows'),
    ($$SELECT w, count(*) FROM (SELECT date_bin('15 minutes', at, '2000-01-01Z') AS w FROM hit UNION ALL SELECT date_trunc('hour', at) FROM ordered) AS u GROUP BY 1$$, 'w', false,
     '{"inputs": [{"relation": "pt.hit", "expression": "at", "partitions": false}, {"relation": "pt.ordered", "expression": "at", "partitions": false}], "window_end": null}',
     'branches of a union'),
    ($$SELECT who AS w, max(at) AS last FROM (SELECT * FROM hit WHERE n > 0) AS h GROUP BY 1$$, 'last', false,
     '{"inputs": [{"relation": "pt.hit", "expression": "at", "partitions": false}], "window_end": null}', 'the time inside an aggregate')) AS v (q, c, closes, expected, what);

PREPARE make AS SELECT dataplat.create_pipeline('pt_no', 'pt.no', $1, event_time => $2, emit => $3, mode => $4);
SELECT throws_ok(format('EXECUTE make(%L, %L, %L, %L)', q, e, emit, mode), code, message, what)
  FROM (VALUES
    ('SELECT id, at FROM pt.hit', '{"column": "nope"}', 'change', NULL, '42703', NULL, 'a column that is nowhere'),
    ('SELECT id, at, who FROM pt.hit', '{"column": "who"}', 'change', NULL, '42804', NULL, 'a column that is no time'),
    ('SELECT id, at FROM pt.hit', '{"colum": "at"}', 'change', NULL, '22023', 'event_time has no "colum"', 'a word that is none'),
    ('SELECT id, at FROM pt.hit', '{"column": "at", "idle_timeout": "soon"}', 'change', NULL, '22023', NULL, 'an interval that is none'),
    ('SELECT id, at FROM pt.hit', '{"column": "at", "late": "side_table"}', 'change', NULL, '0A000', NULL, 'late rows of a table that changes'),
    ('SELECT id, at FROM pt.hit', '{"column": "at", "late": "drop"}', 'change', NULL, '22023', NULL, 'dropping in silence'),
    ('SELECT id, at FROM pt.hit', '{"column": "at"}', 'close', NULL, '22023', 'emit close needs to know when a window ends', 'no window to close'),
    ('SELECT id, at FROM pt.hit', '{"column": "at"}', 'close', 'view', '22023', NULL, 'a view'),
    ('SELECT id, at FROM pt.hit', '{"column": "at", "relation": "pt.paid"}', 'change', NULL, '22023', NULL, 'another relation')
  ) AS v (q, e, emit, mode, code, message, what);

SELECT * FROM finish();
ROLLBACK;
