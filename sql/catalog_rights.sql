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

-- Viewers read all but contents of messages and rows, and change nothing.
SELECT c.relname, (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute AS a
                    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND NOT has_column_privilege('dataplat_viewer', c.oid, a.attnum, 'SELECT')) AS withheld
  FROM pg_class AS c
 WHERE c.relnamespace = 'dataplat'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT has_table_privilege('dataplat_viewer', c.oid, 'SELECT')
 ORDER BY c.relname;
SELECT count(*) FROM pg_class AS c WHERE c.relnamespace = 'dataplat'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
   AND NOT has_table_privilege('dataplat_operator', c.oid, 'SELECT');
SELECT count(*) FROM pg_class AS c WHERE c.relnamespace IN ('dataplat'::regnamespace, 'dataplat_internal'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm')
   AND (has_table_privilege('dataplat_pipeline_admin', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
        OR c.relnamespace = 'dataplat_internal'::regnamespace AND has_table_privilege('dataplat_pipeline_admin', c.oid, 'SELECT'));
-- Each view, and each function that only tells, works for a viewer.
SET ROLE regress_other;
DO $$
DECLARE
    v name;
    statement text;
BEGIN
    FOR v IN SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'dataplat'::regnamespace AND c.relkind = 'v' ORDER BY 1 LOOP
        BEGIN
            EXECUTE format('SELECT FROM dataplat.%I', v);
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'view %: %', v, SQLERRM;
        END;
    END LOOP;
    FOREACH statement IN ARRAY ARRAY[
        $q$SELECT * FROM dataplat.describe('car.mine')$q$, $q$SELECT * FROM dataplat.search_catalog('mine')$q$, $q$SELECT dataplat.data_dictionary('car')$q$,
        $q$SELECT dataplat.export_contract('car.mine')$q$, $q$SELECT * FROM dataplat.check_contract(dataplat.export_contract('car.mine'))$q$,
        $q$SELECT dataplat.show_create('car.mine')$q$, $q$SELECT * FROM dataplat.upstream('car.mine')$q$, $q$SELECT * FROM dataplat.downstream('car.mine')$q$,
        $q$SELECT * FROM dataplat.impact('car.mine', 'name')$q$, $q$SELECT dataplat.lineage_graph()$q$, $q$SELECT dataplat.lineage_graph('car.mine', format => 'json')$q$,
        $q$SELECT * FROM dataplat.lineage_cycles()$q$, $q$SELECT * FROM dataplat.column_lineage('SELECT 1')$q$, $q$SELECT * FROM dataplat.refresh_lineage()$q$,
        $q$SELECT * FROM dataplat.preview_change('ALTER TABLE car.mine ADD x int')$q$, $q$SELECT * FROM dataplat.quality_score('car.mine')$q$, $q$SELECT * FROM dataplat.quality_score()$q$,
        $q$SELECT * FROM dataplat.detect_anomalies('{1, 2, 3}', 'zscore')$q$, $q$SELECT pipeline, outcome FROM (SELECT dataset AS pipeline, outcome FROM dataplat.validation_result) AS r$q$] LOOP
        BEGIN
            EXECUTE statement;
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING '%: % %', statement, SQLERRM, SQLSTATE;
        END;
    END LOOP;
END;
$$;
SELECT result FROM dataplat.validation_result;
SELECT dataplat.quality_report('car.mine');
RESET ROLE;
-- With rules over one's own table, a viewer needs no more.
SET ROLE regress_owner;
SELECT dataplat.add_expectation('car.mine', 'expect_column_values_to_not_be_null', '{"column": "id"}', name => 'ids') > 0 AS declared;
SELECT name, outcome FROM dataplat.validate('car.mine');
SELECT dataplat.validate_expectation('car.mine', 'expect_column_values_to_be_unique', '{"column": "id"}') -> 'success' AS success;
SELECT count(*) FROM dataplat.profile('car.mine');
SELECT count(*) >= 0 AS suggested FROM dataplat.suggest_expectations('car.mine');
SELECT dimension, expectations FROM dataplat.quality_score('car.mine') ORDER BY dimension;
SELECT count(*) FROM dataplat.quality_trend WHERE dataset = 'car.mine';
RESET ROLE;
CREATE ROLE regress_operator IN ROLE dataplat_operator;
SET ROLE regress_operator;
SELECT dataplat.quality_report('car.mine') LIKE '<!DOCTYPE html>%' AS has_page;
SELECT count(result) FROM dataplat.validation_result WHERE dataset = 'car.mine';
RESET ROLE;
ROLLBACK;
