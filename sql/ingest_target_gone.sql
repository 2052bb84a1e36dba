-- A bronze table that somebody drops: the status views say so, and naming the
-- target again makes it again.
\set VERBOSITY terse
CREATE SERVER gone_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" 'localhost:1');
SELECT dataplat.create_source('gone', 'gone_shop', 'gone', paused => true);
SELECT source, state, write_path FROM dataplat.source_status WHERE source = 'gone';

DROP TABLE bronze.gone;
SELECT source, state, write_path FROM dataplat.source_status WHERE source = 'gone';
SELECT severity, object, problem, cause, action FROM dataplat.health WHERE object LIKE '%gone' ORDER BY object;

SELECT dataplat.alter_source('gone', target => 'bronze.gone');
SELECT source, state, write_path FROM dataplat.source_status WHERE source = 'gone';
SELECT count(*) FROM dataplat.health WHERE object LIKE '%gone';

-- A target that cannot be written does not hide the states of all sources.
ALTER TABLE bronze.gone ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE ROLE regress_gone;
ALTER TABLE bronze.gone OWNER TO regress_gone;
UPDATE dataplat.source SET owner = 'regress_gone' WHERE name = 'gone';
SELECT source, state, write_path FROM dataplat.source_status WHERE source = 'gone';
SELECT count(*) FROM dataplat.health WHERE object LIKE '%gone';
ALTER TABLE bronze.gone DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
SELECT source, state, write_path FROM dataplat.source_status WHERE source = 'gone';

-- An owner who is gone: what is tried says so, and a superuser may steer and drop nevertheless.
ALTER TABLE bronze.gone OWNER TO CURRENT_USER;
DROP ROLE regress_gone;
SELECT source, state, write_path FROM dataplat.source_status WHERE source = 'gone';
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT * FROM dataplat.test_source('gone');
\set VERBOSITY terse
SELECT dataplat.pause_source('gone', 'nobody owns it');
UPDATE dataplat.source SET owner = CURRENT_USER WHERE name = 'gone';
SELECT source, state, write_path FROM dataplat.source_status WHERE source = 'gone';

-- What makes a source again is one statement and nothing else.
SELECT dataplat.show_create('gone');

SELECT dataplat.drop_source('gone', drop_target => true);
DROP SERVER gone_shop;
