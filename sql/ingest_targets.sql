-- Tables of the user's own: what an INSERT would do happens to every row, and what the server refuses is a dead letter.
\set VERBOSITY terse
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT dataplat.start_dev_broker('{"targets": 1, "targets_typed": 1}') AS bootstrap \gset
CREATE SERVER targets_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" :'bootstrap');
SELECT count(*) > 0 AS sent FROM dataplat.produce_many('targets_shop', 'targets', (SELECT array_agg(jsonb_build_object('id', i) ORDER BY i) FROM generate_series(1, 40) AS i));
CREATE SCHEMA own;

-- Read all into a table and tell how it was written and what became of the 40 messages.
CREATE FUNCTION pg_temp.ingest(new text, place text, more jsonb DEFAULT '{}')
RETURNS TABLE (target text, path text, took bigint, stored bigint, dead bigint, filtered bigint) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dataplat.create_source(new, 'targets_shop', coalesce(more ->> 'topic', 'targets'), target => place, paused => true,
        on_error => coalesce(more ->> 'on_error', 'dead_letter'), options => more -> 'options',
        layout => coalesce(more ->> 'layout', 'document'), columns => more ->> 'columns', include => ARRAY(SELECT jsonb_array_elements_text(more -> 'include')));
    took := dataplat.ingest_once(new);
    target := place;
    EXECUTE format('SELECT count(*) FROM %s', place) INTO stored;
    SELECT s.write_path INTO path FROM dataplat.source_status AS s WHERE s.source = new;
    SELECT sum(o.dead_letters), sum(o.filtered) INTO dead, filtered FROM dataplat_internal.source_offset AS o WHERE o.source = new;
    RETURN NEXT;
END;
$$;

-- Defaults, sequences, generated and identity columns are filled.
CREATE TABLE own.defaults (_partition int, _offset bigint, value jsonb, extra text DEFAULT 'd', id serial);
SELECT * FROM pg_temp.ingest('tg_defaults', 'own.defaults');
SELECT min(extra), max(extra), count(DISTINCT id), max(id) FROM own.defaults;
CREATE TABLE own.computed (_partition int, _offset bigint, value jsonb, n int GENERATED ALWAYS AS ((value ->> 'id')::int * 10) STORED, id bigint GENERATED ALWAYS AS IDENTITY);
SELECT * FROM pg_temp.ingest('tg_computed', 'own.computed');
SELECT sum(n), count(DISTINCT id) FROM own.computed;

-- Constraints and triggers: the rows that they refuse, and only those, become dead letters.
CREATE TABLE own.checked (_partition int, _offset bigint, value jsonb, CONSTRAINT not_seven CHECK ((value ->> 'id')::int % 7 <> 0));
SELECT * FROM pg_temp.ingest('tg_checked', 'own.checked');
CREATE TABLE own.triggered (LIKE own.checked, seen text);
CREATE FUNCTION own.stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    CASE (new.value ->> 'id')::int
        WHEN 5 THEN RAISE EXCEPTION 'five is right out';
        WHEN 6 THEN RETURN NULL;
        ELSE new.seen := 'by trigger';
    END CASE;
    RETURN new;
END;
$$;
CREATE TRIGGER stamp BEFORE INSERT ON own.triggered FOR EACH ROW EXECUTE FUNCTION own.stamp();
SELECT * FROM pg_temp.ingest('tg_triggered', 'own.triggered');
SELECT DISTINCT seen FROM own.triggered;
CREATE TABLE own.one_each (_partition int, _offset bigint, value jsonb);
CREATE UNIQUE INDEX one_of_ten ON own.one_each (((value ->> 'id')::int % 10));
SELECT * FROM pg_temp.ingest('tg_one_each', 'own.one_each');
SELECT d.source, d.stage, d.sqlstate, d.detail, count(*), min(d.message) AS message
  FROM dataplat.dead_letter AS d WHERE d.source LIKE 'tg\_%' GROUP BY 1, 2, 3, 4 ORDER BY 1, 3;
-- or are left out
CREATE TABLE own.lenient (LIKE own.checked INCLUDING CONSTRAINTS);
SELECT * FROM pg_temp.ingest('tg_lenient', 'own.lenient', '{"on_error": "skip"}');
-- With the cause gone, a retry makes the rows.
ALTER TABLE own.checked DROP CONSTRAINT not_seven;
SELECT * FROM dataplat.retry_dead_letters('tg_checked');
SELECT count(*), count(DISTINCT value) FROM own.checked;

-- Rules, inheritance of other kinds, and a partition that is not like its table.
CREATE TABLE own.ruled (_partition int, _offset bigint, value jsonb);
CREATE TABLE own.copy (_offset bigint);
CREATE RULE copy AS ON INSERT TO own.ruled DO ALSO INSERT INTO own.copy SELECT new._offset;
SELECT * FROM pg_temp.ingest('tg_ruled', 'own.ruled');
SELECT count(*) FROM own.copy;
CREATE TABLE own.by_partition (_partition int, _offset bigint, value jsonb) PARTITION BY LIST (_partition);
CREATE TABLE own.by_partition_0 PARTITION OF own.by_partition FOR VALUES IN (0);
SELECT * FROM pg_temp.ingest('tg_by_partition', 'own.by_partition');
CREATE TABLE own.by_time (_partition int, _offset bigint, _ingested_at timestamptz NOT NULL, value jsonb) PARTITION BY RANGE (_ingested_at);
CREATE TABLE own.by_time_any (x int, value jsonb, _offset bigint, _partition int, _ingested_at timestamptz NOT NULL);
ALTER TABLE own.by_time_any DROP COLUMN x;
ALTER TABLE own.by_time ATTACH PARTITION own.by_time_any FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
SELECT * FROM pg_temp.ingest('tg_by_time', 'own.by_time');
SELECT count(DISTINCT _offset), sum((value ->> 'id')::int) FROM own.by_time_any;
-- A table without a partition for the rows is the table's trouble, not theirs.
CREATE TABLE own.nowhere (_partition int, _offset bigint, value jsonb) PARTITION BY LIST (_partition);
SELECT * FROM pg_temp.ingest('tg_nowhere', 'own.nowhere');
CREATE TABLE own.yesterday (_partition int, _offset bigint, _ingested_at timestamptz NOT NULL, value jsonb) PARTITION BY RANGE (_ingested_at);
CREATE TABLE own.yesterday_1 PARTITION OF own.yesterday FOR VALUES FROM ('2020-01-01') TO ('2020-01-02');
SELECT dataplat.create_source('tg_yesterday', 'targets_shop', 'targets', target => 'own.yesterday', paused => true);
DO $$
DECLARE
    leaf regclass;
BEGIN
    FOR leaf IN SELECT i.inhrelid FROM pg_inherits AS i WHERE i.inhparent = 'own.yesterday'::regclass LOOP
        EXECUTE format('DROP TABLE %s', leaf);
    END LOOP;
END;
$$;
SELECT dataplat.ingest_once('tg_yesterday');

-- Columns whose input functions only the server knows, good and bad.
CREATE TYPE own.colour AS ENUM ('red', 'green');
CREATE DOMAIN own.small AS int CHECK (value < 100);
SELECT count(*) FROM unnest(ARRAY[
    '{"c": "red",    "ip": "10.0.0.1",  "s": 5,   "a": "{1,2}",  "r": "[1,5)"}',
    '{"c": "purple", "ip": "10.0.0.2",  "s": 6,   "a": "{3}",    "r": "[1,5)"}',
    '{"c": "green",  "ip": "10.0.0.3x", "s": 7,   "a": "{}",     "r": "[1,5)"}',
    '{"c": "green",  "ip": "10.0.0.4",  "s": 700, "a": null,     "r": "[1,5)"}',
    '{"c": "green",  "ip": "10.0.0.5",  "s": 8,   "a": "{x}",    "r": "[1,5)"}',
    '{"c": "green",  "ip": "10.0.0.6",  "s": 9,   "a": "{9}", "r": "[5,1)"}',
    '{"c": null,     "ip": "::1",       "s": null, "a": "{7,NULL}", "r": "empty"}']) AS v,
       dataplat.produce('targets_shop', 'targets_typed', v);
SELECT * FROM pg_temp.ingest('tg_typed', 'own.typed', '{"topic": "targets_typed", "layout": "columns", "columns": "c own.colour, ip inet, s own.small, a int[], r int4range", "include": ["raw"]}');
SELECT _offset, c, ip, s, a, r, length(_raw) > 0 AS raw FROM own.typed ORDER BY 1;
SELECT message_offset, stage, sqlstate, message, detail FROM dataplat.dead_letter WHERE source = 'tg_typed' ORDER BY 1;
SELECT message_offset, ok, contents - '{_raw,_timestamp,_offset,_partition}'::text[] AS contents, sqlstate, message FROM dataplat.test_source('tg_typed', 10) ORDER BY 1;

-- What cannot take rows exactly once, or not with the owner's rights, is refused.
CREATE VIEW own.view AS SELECT 0 AS _partition, 0::bigint AS _offset, NULL::jsonb AS value;
SELECT * FROM pg_temp.ingest('tg_view', 'own.view');
CREATE FOREIGN DATA WRAPPER own_nothing;
CREATE SERVER own_nowhere FOREIGN DATA WRAPPER own_nothing;
CREATE FOREIGN TABLE own.far (_partition int, _offset bigint, value jsonb) SERVER own_nowhere;
SELECT * FROM pg_temp.ingest('tg_far', 'own.far');
BEGIN;
\set ON_ERROR_ROLLBACK on
SELECT dataplat.setup_roles();
CREATE ROLE regress_walled IN ROLE dataplat_pipeline_admin;
GRANT USAGE, CREATE ON SCHEMA own TO regress_walled;
CREATE TABLE own.walled (_partition int, _offset bigint, value jsonb);
ALTER TABLE own.walled ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT ON own.walled, own.one_each TO regress_walled;
GRANT USAGE ON FOREIGN SERVER targets_shop TO regress_walled;
SET ROLE regress_walled;
-- The input function of a domain is its author's code: it runs as the source's owner, whoever ingests.
CREATE FUNCTION own.is_owner() RETURNS boolean LANGUAGE sql AS $$ SELECT current_user = 'regress_walled' $$;
CREATE DOMAIN own.mine AS bigint CHECK (own.is_owner() AND value > 0);
SELECT dataplat.create_source('tg_mine', 'targets_shop', 'targets', target => 'own.mine_rows', layout => 'columns', columns => 'id own.mine', paused => true);
SELECT count(*) FILTER (WHERE ok) AS ok, count(*) AS all FROM dataplat.test_source('tg_mine', 3);
RESET ROLE;
SELECT dataplat.ingest_once('tg_mine');
SELECT count(*), sum(id) FROM own.mine_rows;
SET ROLE regress_walled;
SELECT dataplat.create_source('tg_walled', 'targets_shop', 'targets', target => 'own.walled', paused => true);
SELECT dataplat.ingest_once('tg_walled');
RESET ROLE;
ALTER TABLE own.walled DISABLE ROW LEVEL SECURITY;
REVOKE INSERT ON own.walled FROM regress_walled;
SELECT dataplat.ingest_once('tg_walled');
ROLLBACK;
\set ON_ERROR_ROLLBACK off

-- Remote tables commit by themselves, which the source may accept.
CREATE EXTENSION postgres_fdw;
SELECT current_setting('port') AS port, split_part(current_setting('unix_socket_directories'), ',', 1) AS dir, current_database() AS db \gset
CREATE SERVER own_loop FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host :'dir', port :'port', dbname :'db');
CREATE USER MAPPING FOR CURRENT_USER SERVER own_loop;
CREATE TABLE own.remote (_partition int, _offset bigint, value jsonb);
CREATE FOREIGN TABLE own.local (_partition int, _offset bigint, value jsonb) SERVER own_loop OPTIONS (schema_name 'own', table_name 'remote');
SELECT * FROM pg_temp.ingest('tg_local', 'own.local', '{"options": {"allow_nonatomic": true}}');
SELECT count(*), count(DISTINCT _offset) FROM own.remote;

SELECT count(*) AS dropped FROM dataplat.source AS s, LATERAL dataplat.drop_source(s.name) WHERE s.name LIKE 'tg\_%';
DELETE FROM dataplat.dead_letter WHERE source LIKE 'tg\_%';
DELETE FROM dataplat.batch WHERE source LIKE 'tg\_%';
DELETE FROM dataplat.source_event WHERE source LIKE 'tg\_%';
DROP SCHEMA own CASCADE;
DROP EXTENSION postgres_fdw CASCADE;
DROP FOREIGN DATA WRAPPER own_nothing CASCADE;
DROP SERVER targets_shop;
SELECT dataplat.stop_dev_broker();
