/*
 * oracle: is everything that dp_oracle wrote in bronze, exactly once?
 *
 * A test loads this file into its own database, copies the manifest into a
 * table like oracle.manifest, waits until the source has caught up, and asks
 * oracle.check.  The bronze table must be of the document layout, one topic.
 */

CREATE SCHEMA IF NOT EXISTS oracle;

CREATE TABLE IF NOT EXISTS oracle.manifest (
    p    int    NOT NULL,
    i    bigint NOT NULL,
    kind text   NOT NULL CHECK (kind IN ('committed', 'malformed', 'aborted')),
    sha  text   NOT NULL
);
COMMENT ON TABLE oracle.manifest IS 'what dp_oracle has produced: \copy oracle.manifest FROM file CSV HEADER';

-- One finding: fine when nothing was counted.
CREATE OR REPLACE FUNCTION oracle.finding(name text, bad bigint, detail text DEFAULT NULL)
RETURNS TABLE ("check" text, ok boolean, detail text)
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT $1, $2 IS NOT DISTINCT FROM 0,
           CASE WHEN $2 IS NOT DISTINCT FROM 0 THEN coalesce($3, '')
                ELSE coalesce($2::text, 'cannot tell') || ' wrong' || coalesce(': ' || $3, '') END;
$$;
COMMENT ON FUNCTION oracle.finding(text, bigint, text) IS 'one row of oracle.check';

-- Read the bronze rows and the dead letters of a source once, into temporary tables.
CREATE OR REPLACE FUNCTION oracle.gather(bronze regclass, source text, manifest regclass)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
    document text;
BEGIN
    SELECT CASE a.atttypid::regtype::text
                WHEN 'jsonb' THEN 'b.value'
                WHEN 'json' THEN 'b.value::jsonb'
                WHEN 'text' THEN 'b.value::jsonb'
                WHEN 'bytea' THEN 'convert_from(b.value, ''UTF8'')::jsonb'
           END
      INTO document
      FROM pg_attribute AS a
     WHERE a.attrelid = bronze AND a.attname = 'value' AND NOT a.attisdropped;
    IF document IS NULL THEN
        RAISE EXCEPTION 'table "%" has no column "value" of type jsonb, json, text or bytea', bronze;
    END IF;

    DROP TABLE IF EXISTS pg_temp.oracle_manifest, pg_temp.oracle_row, pg_temp.oracle_dead;
    EXECUTE format('CREATE TEMP TABLE oracle_manifest AS SELECT p, i, kind, sha FROM %s', manifest);
    EXECUTE format($q$
        CREATE TEMP TABLE oracle_row AS
        SELECT b._partition AS partition, b._offset AS message_offset, b._batch_id AS batch_id,
               d.doc ->> 'run' AS run, d.doc ->> 'seed' AS seed, (d.doc ->> 'p')::int AS p,
               (d.doc ->> 'i')::bigint AS i, d.doc ->> 'sha' AS sha, d.doc ->> 'pad' AS pad,
               d.doc ? 'aborted' AS aborted, b._headers -> 0 ->> 'value' AS identity
          FROM %s AS b, LATERAL (SELECT %s AS doc) AS d$q$, bronze, document);
    EXECUTE format($q$
        CREATE TEMP TABLE oracle_dead AS
        SELECT d.partition, d.message_offset, d.resolved_batch_id,
               encode(d.key, 'escape') AS identity,
               encode(sha256(d.value), 'hex') AS sha,
               split_part(encode(d.key, 'escape'), ':', 2) AS p,
               split_part(encode(d.key, 'escape'), ':', 3) AS i
          FROM dataplat.dead_letter AS d
         WHERE d.source = %L$q$, source);
    CREATE INDEX ON pg_temp.oracle_manifest (p, i);
    ANALYZE pg_temp.oracle_manifest;
    ANALYZE pg_temp.oracle_row;
    ANALYZE pg_temp.oracle_dead;
END;
$$;
COMMENT ON FUNCTION oracle.gather(regclass, text, regclass) IS 'read bronze, dead letters and manifest into temporary tables';

-- The rows of bronze against the manifest.
CREATE OR REPLACE FUNCTION oracle.check_rows()
RETURNS TABLE ("check" text, ok boolean, detail text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT f.* FROM (
        SELECT count(*) - count(DISTINCT (r.partition, r.message_offset)) AS bad, count(*) AS n
          FROM pg_temp.oracle_row AS r) AS c,
        LATERAL oracle.finding('offsets are distinct', c.bad, c.n || ' rows') AS f;

    RETURN QUERY SELECT f.* FROM (
        SELECT count(*) - count(DISTINCT (r.p, r.i)) AS bad FROM pg_temp.oracle_row AS r) AS c,
        LATERAL oracle.finding('no message is repeated', c.bad) AS f;

    RETURN QUERY SELECT f.* FROM (
        SELECT count(*) FILTER (WHERE r.i IS NULL) AS bad, count(*) AS n,
               min((m.p, m.i)::text) FILTER (WHERE r.i IS NULL) AS example
          FROM pg_temp.oracle_manifest AS m
          LEFT JOIN (SELECT DISTINCT o.p, o.i FROM pg_temp.oracle_row AS o) AS r USING (p, i)
         WHERE m.kind = 'committed') AS c,
        LATERAL oracle.finding('no committed message is lost', c.bad,
                               CASE WHEN c.bad = 0 THEN c.n || ' committed' ELSE 'first (p,i) ' || c.example END) AS f;

    RETURN QUERY SELECT f.* FROM (
        SELECT count(*) AS bad, min((r.partition, r.message_offset)::text) AS example
          FROM pg_temp.oracle_row AS r
          LEFT JOIN pg_temp.oracle_manifest AS m USING (p, i)
         WHERE m.kind IS NULL) AS c,
        LATERAL oracle.finding('no row is of unknown origin', c.bad, 'first (partition,offset) ' || c.example) AS f;

    RETURN QUERY SELECT f.* FROM (
        SELECT count(*) AS bad, min((r.partition, r.message_offset)::text) AS example
          FROM pg_temp.oracle_row AS r
          LEFT JOIN pg_temp.oracle_manifest AS m USING (p, i)
         WHERE m.kind = 'aborted' OR r.aborted) AS c,
        LATERAL oracle.finding('no aborted message is there', c.bad, 'first (partition,offset) ' || c.example) AS f;

    RETURN QUERY SELECT f.* FROM (
        SELECT count(*) AS bad, min((r.partition, r.message_offset)::text) AS example
          FROM (SELECT o.*, sha256(convert_to(o.seed || ':' || o.p || ':' || o.i, 'UTF8')) AS hash
                  FROM pg_temp.oracle_row AS o) AS r
          LEFT JOIN pg_temp.oracle_manifest AS m USING (p, i)
         WHERE (r.sha = encode(r.hash, 'hex')
                AND r.sha = m.sha
                AND r.partition = r.p
                AND r.pad = left(r.sha, 20 + get_byte(r.hash, 0) % 45)
                AND r.identity = concat_ws(':', r.run, r.p, r.i)) IS NOT TRUE) AS c,
        LATERAL oracle.finding('contents, hashes and headers agree', c.bad, 'first (partition,offset) ' || c.example) AS f;

    RETURN QUERY SELECT f.* FROM (
        SELECT count(*) AS bad, min((s.partition, s.message_offset)::text) AS example
          FROM (SELECT a.partition, a.message_offset, a.i,
                       lag(a.i) OVER (PARTITION BY a.partition ORDER BY a.message_offset) AS before
                  FROM (SELECT r.partition, r.message_offset, r.i FROM pg_temp.oracle_row AS r
                        UNION ALL
                        SELECT d.partition, d.message_offset, d.i::bigint FROM pg_temp.oracle_dead AS d
                         WHERE d.i ~ '^[0-9]+$') AS a) AS s
         WHERE s.before >= s.i) AS c,
        LATERAL oracle.finding('order of offsets is order of messages', c.bad, 'first (partition,offset) ' || c.example) AS f;
END;
$$;
COMMENT ON FUNCTION oracle.check_rows() IS 'part of oracle.check: bronze against the manifest';

-- The malformed messages and the dead letters.
CREATE OR REPLACE FUNCTION oracle.check_dead_letters()
RETURNS TABLE ("check" text, ok boolean, detail text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT f.* FROM (
        SELECT count(*) FILTER (WHERE s.letters <> 1 OR NOT s.same) AS bad, count(*) AS n,
               min((s.p, s.i)::text) FILTER (WHERE s.letters <> 1 OR NOT s.same) AS example
          FROM (SELECT m.p, m.i, count(d.partition) AS letters,
                       coalesce(bool_and(d.sha = m.sha AND d.partition = m.p), false) AS same
                  FROM pg_temp.oracle_manifest AS m
                  LEFT JOIN pg_temp.oracle_dead AS d ON d.p = m.p::text AND d.i = m.i::text
                 WHERE m.kind = 'malformed'
                 GROUP BY m.p, m.i) AS s) AS c,
        LATERAL oracle.finding('each malformed message is once in the dead letters, byte for byte', c.bad,
                               CASE WHEN c.bad = 0 THEN c.n || ' malformed' ELSE 'first (p,i) ' || c.example END) AS f;

    RETURN QUERY SELECT f.* FROM (
        SELECT count(*) AS bad, min((d.partition, d.message_offset)::text) AS example
          FROM pg_temp.oracle_dead AS d
          LEFT JOIN pg_temp.oracle_manifest AS m ON d.p = m.p::text AND d.i = m.i::text
         WHERE m.kind IS DISTINCT FROM 'malformed') AS c,
        LATERAL oracle.finding('no other message is in the dead letters', c.bad, 'first (partition,offset) ' || c.example) AS f;

    RETURN QUERY SELECT f.* FROM (
        SELECT count(*) AS bad, min((r.partition, r.message_offset)::text) AS example
          FROM pg_temp.oracle_row AS r
          LEFT JOIN pg_temp.oracle_manifest AS m ON m.p = r.p AND m.i = r.i AND m.kind = 'malformed'
          LEFT JOIN pg_temp.oracle_dead AS d
                 ON d.partition = r.partition AND d.message_offset = r.message_offset AND d.resolved_batch_id IS NULL
         WHERE m.i IS NOT NULL OR d.partition IS NOT NULL) AS c,
        LATERAL oracle.finding('no message is both a row and a dead letter', c.bad, 'first (partition,offset) ' || c.example) AS f;
END;
$$;
COMMENT ON FUNCTION oracle.check_dead_letters() IS 'part of oracle.check: malformed messages against the dead letters';

-- The ledger against itself, against the stored offsets, and against what is there.
CREATE OR REPLACE FUNCTION oracle.check_ledger(source text, ends bigint[])
RETURNS TABLE ("check" text, ok boolean, detail text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT f.* FROM (
        SELECT count(*) AS bad, min((b.batch_id, b.partition)::text) AS example
          FROM dataplat.batch AS b
         WHERE b.source = check_ledger.source AND b.kind = 'live'
           AND (b.rows + b.dead_letters + b.filtered + b.quarantined + b.gaps = b.to_offset - b.from_offset
                AND least(b.rows, b.dead_letters, b.filtered, b.quarantined, b.gaps) >= 0) IS NOT TRUE) AS c,
        LATERAL oracle.finding('each batch adds up', c.bad, 'first (batch,partition) ' || c.example) AS f;

    RETURN QUERY SELECT f.* FROM (
        SELECT count(*) AS bad, min((s.partition, s.from_offset)::text) AS example
          FROM (SELECT b.partition, b.from_offset,
                       lag(b.to_offset) OVER (PARTITION BY b.topic, b.partition, b.generation
                                              ORDER BY b.from_offset, b.to_offset) AS before
                  FROM dataplat.batch AS b
                 WHERE b.source = check_ledger.source AND b.kind = 'live') AS s
         WHERE s.before <> s.from_offset) AS c,
        LATERAL oracle.finding('batches follow each other without gap or overlap', c.bad,
                               'first (partition,from) ' || c.example) AS f;

    RETURN QUERY SELECT f.* FROM (
        SELECT count(*) FILTER (WHERE s.next_offset IS DISTINCT FROM coalesce(l.last, s.next_offset)
                                   OR (ends IS NOT NULL AND s.next_offset IS DISTINCT FROM ends[s.partition + 1])) AS bad,
               string_agg(s.partition || ' next ' || s.next_offset || ' ledger ' || coalesce(l.last::text, '-') ||
                          coalesce(' end ' || ends[s.partition + 1], ''), ', ' ORDER BY s.partition)
                   FILTER (WHERE s.next_offset IS DISTINCT FROM coalesce(l.last, s.next_offset)
                              OR (ends IS NOT NULL AND s.next_offset IS DISTINCT FROM ends[s.partition + 1])) AS example
          FROM dataplat.source_partition_status AS s
          LEFT JOIN (SELECT b.topic, b.partition, max(b.to_offset) AS last
                       FROM dataplat.batch AS b
                      WHERE b.source = check_ledger.source AND b.kind = 'live'
                      GROUP BY b.topic, b.partition) AS l
                 ON l.topic = s.topic AND l.partition = s.partition
         WHERE s.source = check_ledger.source) AS c,
        LATERAL oracle.finding('stored offsets are at the end', c.bad, c.example) AS f;

    RETURN QUERY SELECT f.* FROM (
        SELECT (ends IS NOT NULL AND count(*) <> cardinality(ends) OR count(*) = 0)::int::bigint AS bad, count(*) AS n
          FROM dataplat.source_partition_status AS s WHERE s.source = check_ledger.source) AS c,
        LATERAL oracle.finding('every partition is known', c.bad, c.n || ' partitions') AS f;

    RETURN QUERY SELECT f.* FROM (
        SELECT count(*) AS bad, min(s.partition || ': ledger ' || s.rows || ' rows ' || s.dead || ' dead, there '
                                    || s.there || ' and ' || s.dead_there) AS example
          FROM (SELECT k.partition, coalesce(l.rows, 0) AS rows, coalesce(l.dead, 0) AS dead,
                       coalesce(r.n, 0) AS there, coalesce(d.n, 0) AS dead_there
                  FROM (SELECT o.partition FROM pg_temp.oracle_row AS o
                        UNION SELECT o.partition FROM pg_temp.oracle_dead AS o
                        UNION SELECT b.partition FROM dataplat.batch AS b WHERE b.source = check_ledger.source) AS k
                  LEFT JOIN (SELECT b.partition, sum(b.rows) AS rows, sum(b.dead_letters) AS dead
                               FROM dataplat.batch AS b
                              WHERE b.source = check_ledger.source AND b.kind IN ('live', 'retry')
                              GROUP BY b.partition) AS l USING (partition)
                  LEFT JOIN (SELECT o.partition, count(*) AS n FROM pg_temp.oracle_row AS o GROUP BY 1) AS r USING (partition)
                  LEFT JOIN (SELECT o.partition, count(*) AS n FROM pg_temp.oracle_dead AS o
                              WHERE o.resolved_batch_id IS NULL GROUP BY 1) AS d USING (partition)) AS s
         WHERE s.rows <> s.there OR s.dead <> s.dead_there) AS c,
        LATERAL oracle.finding('ledger sums are what is there', c.bad, c.example) AS f;

    RETURN QUERY SELECT f.* FROM (
        SELECT count(*) AS bad, min((s.batch_id, s.partition)::text) AS example
          FROM (SELECT r.batch_id, r.partition, count(*) AS n, min(r.message_offset) AS low, max(r.message_offset) AS high
                  FROM pg_temp.oracle_row AS r GROUP BY 1, 2) AS s
          FULL JOIN (SELECT b.* FROM dataplat.batch AS b
                      WHERE b.source = check_ledger.source AND b.kind IN ('live', 'retry') AND b.rows > 0) AS b
                 ON b.batch_id = s.batch_id AND b.partition = s.partition
         WHERE (s.n = b.rows AND (b.kind = 'retry' OR (s.low >= b.from_offset AND s.high < b.to_offset))) IS NOT TRUE) AS c,
        LATERAL oracle.finding('each batch holds the rows that it counts', c.bad, 'first (batch,partition) ' || c.example) AS f;
END;
$$;
COMMENT ON FUNCTION oracle.check_ledger(text, bigint[]) IS 'part of oracle.check: the ledger, the offsets and the rows agree';

-- All checks; the source must have caught up.  "ends" are the end offsets of
-- the partitions 0, 1, ... as dp_oracle --ends tells them.
CREATE OR REPLACE FUNCTION oracle.check(bronze regclass, source text, manifest regclass DEFAULT 'oracle.manifest',
                                        ends bigint[] DEFAULT NULL)
RETURNS TABLE ("check" text, ok boolean, detail text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET work_mem = '64MB'
SET jit = off
AS $$
BEGIN
    PERFORM oracle.gather(bronze, source, manifest);
    RETURN QUERY SELECT * FROM oracle.check_rows();
    RETURN QUERY SELECT * FROM oracle.check_dead_letters();
    RETURN QUERY SELECT * FROM oracle.check_ledger(source, ends);
    DROP TABLE pg_temp.oracle_manifest, pg_temp.oracle_row, pg_temp.oracle_dead;
END;
$$;
COMMENT ON FUNCTION oracle.check(regclass, text, regclass, bigint[]) IS
    'compare what dp_oracle has produced with bronze, dead letters, offsets and ledger';
