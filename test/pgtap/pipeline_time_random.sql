-- Event time against an independent account of it: random events in two
-- partitions, out of order, late, from the future; a partition that falls silent.
BEGIN;
SET timezone = 'UTC';
SET client_min_messages = warning;
SELECT plan(4);
CREATE SCHEMA pr;
CREATE SERVER pr_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
SELECT dataplat.create_source('pr_event', 'pr_shop', 'events', target => 'pr.event', paused => true);
CREATE TEMP TABLE subject (name text PRIMARY KEY, closes boolean, merges boolean);
INSERT INTO subject VALUES ('closing', true, true), ('final', true, false), ('following', false, false);
SELECT dataplat.create_pipeline(s.name, 'pr.' || s.name, $$
    SELECT dataplat.tumble((value->>'at')::timestamptz, '10 minutes') AS w, value->>'who' AS who, count(*) AS n, min((value->>'at')::timestamptz) AS first
      FROM pr.event GROUP BY 1, 2$$, schedule => 'manual', grace => '3 minutes', emit => CASE WHEN s.closes THEN 'close' ELSE 'change' END,
    event_time => jsonb_build_object('idle_timeout', '20 minutes', 'watermark_delay', '1 minute', 'late', CASE WHEN s.merges THEN 'merge' ELSE 'count' END))
  FROM subject AS s;

-- What the account knows of each message, and of each partition.
CREATE TEMP TABLE account (id bigint PRIMARY KEY, partition int, at timestamptz, who text, late boolean);
CREATE TEMP TABLE seen (partition int PRIMARY KEY, latest timestamptz, came timestamptz);
CREATE TEMP TABLE trouble (round int, what text);

-- Rows in which a target and the account differ.
CREATE FUNCTION pg_temp.differences(name text, closes boolean, merges boolean, mark timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    differ bigint;
BEGIN
    EXECUTE format($f$
        WITH got AS (SELECT w, who, n, first FROM pr.%I),
             wanted AS (SELECT w, a.who, count(*), min(a.at) FROM account AS a, date_bin('10 minutes', a.at, '2026-01-01Z') AS w
                         WHERE ($1 OR NOT a.late) AND (NOT $2 OR w + interval '13 minutes' <= $3) GROUP BY 1, 2)
        SELECT count(*) FROM ((TABLE got EXCEPT ALL TABLE wanted) UNION ALL (TABLE wanted EXCEPT ALL TABLE got)) AS d$f$, name)
       INTO differ USING merges, closes, mark;
    RETURN differ;
END $$;

SELECT setseed(0.5);
DO $$
DECLARE
    clock  timestamptz := '2026-03-28 12:00Z';
    mark   timestamptz;
    last   bigint := 0;
    afresh boolean := true;
BEGIN
    FOR round IN 1 .. 60 LOOP
        clock := clock + random() * interval '9 minutes';
        PERFORM set_config('dataplat.test_clock', clock::text, true);
        INSERT INTO account
        SELECT last + i, CASE WHEN round BETWEEN 20 AND 30 THEN 0 ELSE (random())::int END, e.at, 'user ' || (random() * 3)::int,
               NOT afresh AND coalesce(e.at < mark - interval '3 minutes', false)
          FROM generate_series(1, (random() * 6)::int) AS i,
               LATERAL (SELECT clock - random() ^ 3 * interval '40 minutes' * sign(i) + CASE WHEN random() < 0.03 THEN interval '1 hour' ELSE '0' END AS at) AS e;
        INSERT INTO pr.event (_partition, _offset, _batch_id, _ingested_at, value)
        SELECT a.partition, a.id, round, now(), jsonb_build_object('at', a.at, 'who', a.who) FROM account AS a WHERE a.id > last;
        INSERT INTO dataplat.batch (batch_id, source, topic, partition, rows)
        SELECT round, 'pr_event', 'events', a.partition, count(*) FROM account AS a WHERE a.id > last GROUP BY a.partition;

        -- A run that reads everything knows that rows came where the time went on.
        INSERT INTO seen AS s
        SELECT a.partition, max(a.at) FILTER (WHERE a.at <= clock + interval '5 minutes'), clock FROM account AS a WHERE afresh OR a.id > last GROUP BY 1
        ON CONFLICT (partition) DO UPDATE SET latest = greatest(s.latest, excluded.latest),
            came = CASE WHEN afresh AND excluded.latest <= s.latest THEN s.came ELSE excluded.came END;
        SELECT greatest(mark, coalesce(min(s.latest) FILTER (WHERE s.came > clock - interval '20 minutes'), max(s.latest)) - interval '1 minute')
          INTO mark FROM seen AS s WHERE s.latest IS NOT NULL;
        last := coalesce((SELECT max(a.id) FROM account AS a), 0);

        PERFORM dataplat.run_pipeline(s.name) FROM subject AS s;
        INSERT INTO trouble
        SELECT round, c.pipeline || ': watermark' FROM subject AS s JOIN dataplat_internal.pipeline_clock AS c ON c.pipeline = s.name
         WHERE c.watermark IS DISTINCT FROM mark;
        INSERT INTO trouble SELECT round, s.name || ': target' FROM subject AS s WHERE pg_temp.differences(s.name, s.closes, s.merges, mark) > 0;
        INSERT INTO trouble
        SELECT round, s.name || ': verify' FROM subject AS s, dataplat.verify_pipeline(s.name) AS v WHERE v.missing + v.extra + v.different > 0;

        afresh := round % 17 = 0;
        IF afresh THEN
            PERFORM dataplat_internal.mark_pipeline_rebuild(s.name, 'a test') FROM subject AS s;
        END IF;
    END LOOP;
END $$;
SELECT is_empty('SELECT * FROM trouble ORDER BY 1, 2', 'after each of 60 rounds watermark and targets are as the account has them');
SELECT cmp_ok((SELECT count(*) FROM account WHERE late), '>', 10::bigint, 'some rows were late');
SELECT results_eq($$SELECT sum(rows_late)::bigint FROM dataplat.pipeline_run WHERE pipeline IN ('closing', 'final', 'following') GROUP BY pipeline$$,
    $$SELECT (SELECT count(*) FROM account WHERE late) FROM subject$$, 'and each was counted by all');
SELECT cmp_ok((SELECT count(*) FROM pr.final), '>', 50::bigint, 'and many windows have closed');

SELECT * FROM finish();
ROLLBACK;
