-- What the catalog is told of sources, pipelines and subjects.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA pca;
CREATE SERVER pca_kafka FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
SELECT dataplat.create_source('pca_orders', 'pca_kafka', 'pca-topic', target => 'pca.bronze', paused => true);
CREATE TABLE pca.plain (id int PRIMARY KEY, n int);
INSERT INTO pca.plain VALUES (1, 1);
SELECT dataplat.create_pipeline('pca_silver', 'pca.silver', 'SELECT _offset, value FROM pca.bronze', schedule => 'manual');
SELECT dataplat.create_pipeline('pca_gold', 'pca.gold', 'SELECT id, n * 2 AS twice FROM pca.plain', keys => '{id}', schedule => 'manual');
SELECT dataplat.register_schema('pca-topic-value', '{"type": "record", "name": "r", "fields": [{"name": "a", "type": "int"}]}') > 0 AS registered;

-- Layers come from who writes; nothing was loaded yet.
SELECT object, kind, layer, written_by, loaded_at IS NULL AS never, current_at IS NULL AS unknown
  FROM dataplat.dataset WHERE object LIKE '%pca%' ORDER BY object COLLATE "C";
SELECT state FROM dataplat.run_pipeline('pca_gold');
SELECT object, loaded_at IS NOT NULL AS loaded, current_at = now() AS all_here FROM dataplat.dataset WHERE object = 'pca.gold';

-- Topics, sources, pipelines and subjects can be found and described.
SELECT object, kind, why FROM dataplat.search_catalog('pca', 1000) WHERE kind IN ('topic', 'source', 'pipeline', 'subject') ORDER BY kind, object;
SELECT dataplat.set_owner('kafka://pca_kafka/pca-topic', 'shop-team');
SELECT dataplat.set_description('pipeline:pca_gold', 'twice as much');
SELECT owner FROM dataplat.dataset WHERE kind = 'topic' AND object LIKE '%pca%';
DELETE FROM dataplat_internal.describe_section WHERE section NOT IN ('meaning', 'owner', 'columns');
SELECT d FROM dataplat.describe('pipeline:pca_gold') AS d;
SELECT d FROM dataplat.describe('pipeline:pca_silver') AS d;
SELECT d FROM dataplat.describe('source:pca_orders') AS d;
SELECT d FROM dataplat.describe('pca-topic') AS d;
SELECT d FROM dataplat.describe('subject:pca-topic-value') AS d;
SELECT d FROM dataplat.describe('pipeline:pca_glod') AS d;
SELECT dataplat.show_create('kafka://pca_kafka/pca-topic');
ROLLBACK;
