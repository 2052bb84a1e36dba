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

-- What makes a source again is one statement and nothing else.
SELECT dataplat.show_create('gone');

SELECT dataplat.drop_source('gone', drop_target => true);
DROP SERVER gone_shop;
