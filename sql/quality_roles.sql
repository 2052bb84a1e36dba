-- Who may expect, judge, look and mend: owners of tables, viewers, operators, admins.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT dataplat.setup_roles();
CREATE ROLE regress_q_owner IN ROLE dataplat_viewer;
CREATE ROLE regress_q_viewer IN ROLE dataplat_viewer;
CREATE ROLE regress_q_operator IN ROLE dataplat_operator;
CREATE ROLE regress_q_admin IN ROLE dataplat_pipeline_admin;
CREATE ROLE regress_q_nobody;
CREATE SCHEMA qroles AUTHORIZATION regress_q_owner;
GRANT USAGE ON SCHEMA qroles TO PUBLIC;
SET ROLE regress_q_owner;
CREATE TABLE qroles.patient (id int PRIMARY KEY, ssn text);
INSERT INTO qroles.patient VALUES (1, '078-05-1120'), (2, 'secret');

-- The owner does everything with his table.
SELECT dataplat.create_suite('qroles', 'of the owner');
SELECT dataplat.add_expectation('qroles.patient', 'match_regex', '{"column": "ssn", "regex": "^[0-9-]+$"}', 'numbers', 'qroles') > 0 AS added;
SELECT name, outcome, result -> 'partial_unexpected_list' AS list FROM dataplat.validate('qroles.patient');
SELECT r FROM dataplat.expectation AS e, dataplat.unexpected_rows(e.expectation_id) AS r WHERE e.dataset = 'qroles.patient';
SELECT dataplat.validate_expectation('qroles.patient', 'is_positive', '{"column": "id"}') -> 'success' AS success;
SELECT count(*) FROM dataplat.profile('qroles.patient');
SELECT dataplat.keep_values('qroles.patient', 'id');
SELECT dimension, score FROM dataplat.quality_score('qroles.patient');
SELECT name, pass_rate, consecutive_failures FROM dataplat.quality_trend WHERE dataset = 'qroles.patient';

-- A viewer sees that it failed, and no values; nor does he get them by a rule of his own.
SET ROLE regress_q_viewer;
SELECT name, pass_rate, consecutive_failures FROM dataplat.quality_trend WHERE dataset = 'qroles.patient';
SELECT dimension, score FROM dataplat.quality_score('qroles.patient');
SELECT dataset, trigger, success FROM dataplat.validation WHERE dataset = 'qroles.patient';
SELECT count(*) > 0 AS kinds FROM dataplat.expectation_kind;
SELECT suite, dataset FROM dataplat.suite_status WHERE suite = 'qroles';
SELECT index FROM dataplat.detect_anomalies('{1,2,1,9}', 'simple_threshold', '{"upper_bound": 5}');
SELECT count(*) > 0 AS described FROM dataplat.describe('qroles.patient');
SELECT result FROM dataplat.validation_result;
SELECT original FROM dataplat.quarantine;
SELECT value FROM dataplat.quality_metric;
SELECT dataplat.quality_report('qroles.patient');
SELECT * FROM dataplat.validate('qroles.patient');
SELECT r FROM dataplat.expectation AS e, dataplat.unexpected_rows(e.expectation_id) AS r WHERE e.dataset = 'qroles.patient';
SELECT * FROM dataplat.profile('qroles.patient');
SELECT dataplat.validate_expectation('qroles.patient', 'in_set', '{"column": "ssn", "value_set": ["x"]}') #>> '{exception_info,exception_message}' AS error;
SELECT dataplat.add_expectation('qroles.patient', 'not_null', '{"column": "ssn"}');
SELECT dataplat.drop_suite('qroles', drop_expectations => true);
SELECT dataplat.repair_quarantined(1, '{}');
-- A rule on his own table reads what he may read, whoever judges.
RESET ROLE;
CREATE SCHEMA qroles_v AUTHORIZATION regress_q_viewer;
SET ROLE regress_q_viewer;
CREATE TABLE qroles_v.mine (id int);
INSERT INTO qroles_v.mine VALUES (1);
SELECT dataplat.add_expectation('qroles_v.mine', 'unexpected_rows', '{"query": "SELECT ssn FROM qroles.patient"}', 'sly') > 0 AS added;
SELECT dataplat.add_expectation('qroles_v.mine', 'satisfies', '{"expression": "id NOT IN (SELECT id FROM qroles.patient)"}', 'sly too') > 0 AS added;
RESET ROLE;
SELECT name, outcome, exception_info ->> 'exception_message' AS error FROM dataplat.validate('qroles_v.mine') ORDER BY name;
-- Events tell no value of a row: not the greatest one.
SELECT dataplat.drop_expectation(expectation_id) FROM dataplat.expectation WHERE dataset = 'qroles_v.mine';
SELECT count(dataplat.add_expectation('qroles_v.mine', kind, '{"column": "id", "max_value": 0}', kind)) FROM unnest('{max,mean}'::text[]) AS kind;
SELECT count(*) FROM dataplat.validate('qroles_v.mine');
SELECT t ->> 'name' AS name, t ->> 'actual' AS actual
  FROM (SELECT max(validation_id) AS id FROM dataplat.validation WHERE dataset = 'qroles_v.mine') AS v,
       jsonb_array_elements(dataplat.openlineage_event('validation:' || v.id) #> '{run,facets,test,tests}') AS t ORDER BY 1;

-- An operator sees contents and mends; what is expected is not his.
SET ROLE regress_q_operator;
SELECT result -> 'partial_unexpected_list' AS list FROM dataplat.validation_result WHERE dataset = 'qroles.patient';
SELECT dataplat.quality_report('qroles.patient') LIKE '%numbers%' AS report;
SELECT requeued, still_failing FROM dataplat.requeue_quarantined('dataset = ''qroles.patient''');
SELECT dataplat.add_expectation('qroles.patient', 'not_null', '{"column": "ssn"}');

-- An admin may expect of any dataset; with his own rights.
SET ROLE regress_q_admin;
SELECT dataplat.add_expectation('qroles.patient', 'not_null', '{"column": "ssn"}', 'of an admin') > 0 AS added;
SELECT name, outcome, exception_info ->> 'exception_message' AS error FROM dataplat.validate('qroles.patient') ORDER BY name;
SELECT dataplat.alter_expectation(expectation_id, kwargs => '{"column": "ssn", "regex": "^x"}') FROM dataplat.expectation WHERE dataset = 'qroles.patient' AND name = 'numbers';
SELECT name, owner FROM dataplat.expectation WHERE dataset = 'qroles.patient' ORDER BY name;

-- Others may nothing, and nothing of ours is for PUBLIC.
SET ROLE regress_q_nobody;
SELECT * FROM dataplat.quality_trend;
SELECT * FROM dataplat.quality_score();
SELECT dataplat.validate_expectation('qroles.patient', 'not_null', '{"column": "id"}');
RESET ROLE;
SELECT p.oid::regprocedure FROM pg_proc AS p
 WHERE p.pronamespace IN ('dataplat'::regnamespace, 'dataplat_internal'::regnamespace) AND p.proname ~ 'quality|expect|suite|quarantin|validat|kwarg|threshold|profile|drift'
   AND has_function_privilege('regress_q_nobody', p.oid, 'EXECUTE') ORDER BY 1;
ROLLBACK;
