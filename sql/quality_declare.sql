--
-- Expectations: declared, changed, dropped; who may; what is refused.
--
CREATE SCHEMA quality_declare;
SET search_path = quality_declare;
\set VERBOSITY terse
CREATE TABLE orders (id int PRIMARY KEY, amount numeric, status text, "Odd Name" text);
INSERT INTO orders VALUES (1, 5, 'new', 'x'), (2, -3, 'paid', NULL), (3, NULL, 'lost', 'y');

-- A kind by Great Expectations' name, by its short form, and as others call it.
SELECT dataplat.add_expectation('orders', 'expect_column_values_to_not_be_null', '{"column": "amount"}') > 0 AS added;
SELECT dataplat.add_expectation('orders', 'column_values_to_be_between', '{"column": "amount", "min_value": 0, "mostly": 0.5}') > 0 AS added;
SELECT dataplat.add_expectation('orders', 'dbt_utils.accepted_range', '{"column_name": "amount", "max_value": 100}') > 0 AS added;
SELECT dataplat.add_expectation('orders', 'isContainedIn', '{"column": "status", "allowed_values": ["new", "paid"]}', action => 'drop') > 0 AS added;
SELECT dataplat.add_expectation('orders', 'unique', '{"column": "Odd Name"}', severity => 'warn', weight => 2) > 0 AS added;
-- The same again gets another name.
SELECT dataplat.add_expectation('orders', 'not_null', '{"column": "amount"}') > 0, dataplat.add_expectation('orders', 'not_null', '{"column": "amount"}') > 0;
SELECT dataset, name, kind, kwargs, mostly, severity, action, null_handling, dimension, weight, suite
  FROM dataplat.expectation WHERE dataset LIKE 'quality_declare.%' ORDER BY expectation_id;

-- What is refused, with what would be right.
\set VERBOSITY default
\set SHOW_CONTEXT never
DO $$ BEGIN PERFORM dataplat.add_expectation('orders', 'not_nul'); EXCEPTION WHEN OTHERS THEN RAISE NOTICE '%', SQLERRM; END $$;
SELECT dataplat.add_expectation('orders', 'not_null', '{"columm": "amount"}');
SELECT dataplat.add_expectation('orders', 'not_null');
SELECT dataplat.add_expectation('orders', 'not_null', '["amount"]');
SELECT dataplat.add_expectation('orders', 'between', '{"column": "amount", "min_value": 10, "max_value": 1}');
SELECT dataplat.add_expectation('orders', 'between', '{"column": "amount"}');
SELECT dataplat.add_expectation('orders', 'match_regex', '{"column": "status", "regex": "(a"}');
SELECT dataplat.add_expectation('orders', 'match_regex_list', '{"column": "status", "regex_list": ["a", "b"], "match_on": "some"}');
SELECT dataplat.add_expectation('orders', 'value_lengths_equal', '{"column": "status", "value": "three"}');
SELECT dataplat.add_expectation('orders', 'not_null', '{"column": "amount"}', mostly => 1.5);
SELECT dataplat.add_expectation('orders', 'not_null', '{"column": "amount"}', severity => 'eror');
SELECT dataplat.add_expectation('orders', 'unique', '{"column": "amount"}', action => 'quarantine');
SELECT dataplat.add_expectation('orders', 'not_null', '{"column": "amount"}', warn_if => 'many');
SELECT dataplat.add_expectation('orders', 'not_null', '{"column": "Odd Name"}', error_if => 'between 5 and 1');
SELECT dataplat.add_expectation('orders', 'not_null', '{"column": "Odd Name"}', weight => 'Infinity');
SELECT dataplat.add_expectation(NULL, 'not_null', '{"column": "Odd Name"}');
SELECT dataplat.add_expectation('orders', 'not_null', '{"column": "amount"}', suite => 'nowhere');
SELECT dataplat.add_expectation('orders', 'not_null', '{"column": "amount"}', name => 'not_null_amount');
SELECT dataplat.add_expectation('orders_pkey', 'not_null', '{"column": "id"}');
-- SQL that is not one harmless condition
SELECT dataplat.add_expectation('orders', 'satisfies', '{"expression": "amount > random()"}');
SELECT dataplat.add_expectation('orders', 'satisfies', '{"expression": "amount) > (0"}');
SELECT dataplat.add_expectation('orders', 'satisfies', '{"expression": "amount"}');
SELECT dataplat.add_expectation('orders', 'satisfies', '{"expression": "count(*) > 0"}');
SELECT dataplat.add_expectation('orders', 'not_null', '{"column": "amount"}', row_filter => 'true; DROP TABLE orders');
-- A column that is not there (yet) is not.
SELECT dataplat.add_expectation('orders', 'not_null', '{"column": "missing"}', name => 'later') > 0 AS added;

-- Changed.
SELECT dataplat.alter_expectation(expectation_id, kwargs => '{"column": "amount", "min_value": 1}', mostly => 0.9, severity => 'critical', action => 'fail', reset => '{null_handling}')
  FROM dataplat.expectation WHERE dataset = 'quality_declare.orders' AND name = 'be_between_amount';
SELECT name, kwargs, mostly, severity, action, null_handling FROM dataplat.expectation WHERE dataset = 'quality_declare.orders' AND name = 'be_between_amount';
SELECT dataplat.alter_expectation(expectation_id, reset => '{mostly,severity,nonsense}') FROM dataplat.expectation WHERE name = 'be_between_amount' AND dataset = 'quality_declare.orders';
SELECT dataplat.alter_expectation(-1, mostly => 1);

-- The SQL that makes them again.
SELECT dataplat.show_create('quality_declare.orders');

-- Names follow the table.
ALTER TABLE orders RENAME TO "Orders 2";
SELECT count(*) FROM dataplat.validate('"Orders 2"');
SELECT DISTINCT dataset FROM dataplat.expectation WHERE dataset LIKE 'quality_declare.%';
ALTER TABLE "Orders 2" RENAME TO orders;
SELECT count(*) FROM dataplat.validate('orders', result_format => 'BOOLEAN_ONLY');

-- Suites.
SELECT dataplat.create_suite('quality_declare nightly', 'what must hold in the morning');
SELECT dataplat.create_suite('quality_declare nightly');
SELECT dataplat.create_suite('');
SELECT dataplat.alter_expectation(expectation_id, suite => 'quality_declare nightly') FROM dataplat.expectation WHERE dataset = 'quality_declare.orders' AND name = 'later';
SELECT name, outcome FROM dataplat.validate('orders', 'quality_declare nightly');
SELECT name, outcome FROM dataplat.validate('orders', 'quality_declare nightl');
SELECT dataplat.alter_suite('quality_declare nightly', 'quality_declare morning', '');
SELECT s.name, s.description, e.name FROM dataplat.expectation_suite AS s JOIN dataplat.expectation AS e ON e.suite = s.name WHERE s.name LIKE 'quality_declare%';
SELECT dataplat.drop_suite('quality_declare morning');
SELECT dataplat.drop_suite('quality_declare morning', drop_expectations => true);

-- Who may: the owner of the dataset, whoever made it, pipeline admins.
CREATE ROLE quality_declare_owner;
CREATE ROLE quality_declare_other;
GRANT USAGE ON SCHEMA quality_declare TO quality_declare_owner, quality_declare_other;
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT p.oid FROM pg_proc AS p WHERE p.pronamespace = 'dataplat'::regnamespace
                AND p.proname IN ('command', 'validate', 'validate_expectation', 'add_expectation', 'alter_expectation', 'drop_expectation') LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO quality_declare_owner, quality_declare_other', f);
    END LOOP;
END;
$$;
ALTER TABLE orders OWNER TO quality_declare_owner;
SET ROLE quality_declare_other;
SELECT dataplat.add_expectation('orders', 'not_null', '{"column": "id"}');
SELECT count(*) FROM dataplat.validate('orders');
SELECT dataplat.validate_expectation('orders', 'not_null', '{"column": "id"}') -> 'exception_info' ->> 'exception_message';
SET ROLE quality_declare_owner;
SELECT dataplat.add_expectation('orders', 'not_null', '{"column": "id"}', name => 'mine') > 0 AS added;
SELECT outcome, count(*) FROM dataplat.validate('orders') GROUP BY 1 ORDER BY 1;
RESET ROLE;
SELECT owner FROM dataplat.expectation WHERE dataset = 'quality_declare.orders' AND name = 'mine';
SELECT expectation_id AS mine FROM dataplat.expectation WHERE dataset = 'quality_declare.orders' AND name = 'mine' \gset
SET ROLE quality_declare_other;
SELECT dataplat.drop_expectation(:mine);
SET ROLE quality_declare_owner;
SELECT dataplat.drop_expectation(:mine);
RESET ROLE;

-- A dataset that is gone makes each of its expectations ERROR.
ALTER TABLE orders OWNER TO CURRENT_USER;
DROP OWNED BY quality_declare_owner, quality_declare_other;
DROP ROLE quality_declare_owner, quality_declare_other;
DROP TABLE orders;
SELECT dataplat_internal.run_expectations('quality_declare.orders') AS gone \gset
SELECT DISTINCT outcome, success, exception_info ->> 'exception_message' FROM dataplat.validation_result WHERE validation_id = :gone;
SELECT count(*) FROM (SELECT dataplat.drop_expectation(expectation_id) FROM dataplat.expectation WHERE dataset LIKE 'quality_declare.%') AS d;
DELETE FROM dataplat.validation WHERE dataset LIKE 'quality_declare.%';
DELETE FROM dataplat.expectation_suite WHERE name = 'default' AND NOT EXISTS (SELECT FROM dataplat.expectation WHERE suite = 'default');
DROP SCHEMA quality_declare;
