-- Who may say something of a dataset, and who may look.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT dataplat.setup_roles();
CREATE ROLE regress_owner IN ROLE dataplat_viewer;
CREATE ROLE regress_other IN ROLE dataplat_viewer;
CREATE ROLE regress_admin IN ROLE dataplat_pipeline_admin;
CREATE ROLE regress_nobody;
CREATE SCHEMA car AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE TABLE car.mine (id int, name text);

-- The owner and admins.
SELECT dataplat.add_tag('car.mine.name', 'pii');
SELECT dataplat.set_description('car.mine', 'my table');
RESET ROLE;
SET ROLE regress_other;
SELECT dataplat.add_tag('car.mine', 'x');
SELECT dataplat.set_description('car.mine', 'my table');
SELECT dataplat.define_term('word', 'meaning');
SELECT dataplat.command('define_term', '{"fqn": "word", "definition": "meaning", "status": "draft"}');
SELECT dataplat.forget_dataset('car.mine');
SELECT dataplat.refresh_catalog();
SELECT tags FROM dataplat.dataset WHERE object = 'car.mine';
SELECT count(*) > 0 AS described FROM dataplat.describe('car.mine');
SELECT object FROM dataplat.search_catalog('pii mine') LIMIT 1;
RESET ROLE;
SET ROLE regress_admin;
SELECT dataplat.define_term('word', 'meaning');
SELECT dataplat.assign_term('car.mine', 'word');
SELECT dataplat.set_description('car.mine', 'described by an admin');
RESET ROLE;
SELECT object, column_name, tag, added_by FROM dataplat.tag WHERE object = 'car.mine';
SELECT fqn, changed_by FROM dataplat.glossary_term WHERE fqn = 'word';
SELECT obj_description('car.mine'::regclass);

-- Everyone's DDL is followed, whatever rights he has.
GRANT CREATE ON SCHEMA car TO regress_nobody;
GRANT USAGE ON SCHEMA car TO regress_nobody;
SET ROLE regress_nobody;
CREATE TABLE car.of_nobody (a int);
ALTER TABLE car.of_nobody ADD b int;
SELECT * FROM dataplat.dataset;
SELECT * FROM dataplat.describe('car.mine');
SELECT dataplat.add_tag('car.of_nobody', 'x');
RESET ROLE;
SELECT version, changed_by, changes FROM dataplat.schema_history WHERE object = 'car.of_nobody' ORDER BY version;
ROLLBACK;
