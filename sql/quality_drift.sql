-- Drift: how far what columns hold has moved from what they held.
SET client_min_messages = warning;
\set VERBOSITY terse
SET extra_float_digits = 0;
CREATE SCHEMA qdrift;
CREATE TABLE qdrift.t (part int, n int, x float8, word text, day date);
INSERT INTO qdrift.t SELECT 1, i % 10, i, (ARRAY['a', 'b', 'c'])[1 + i % 3], date '2024-01-01' + i % 50 FROM generate_series(0, 2999) AS i;

-- There must be something to compare with.
SELECT * FROM dataplat.profile_drift('qdrift.t');
SELECT count(*) FROM dataplat.profile('qdrift.t');
SELECT * FROM dataplat.profile_drift('qdrift.t');
SELECT count(*) FROM dataplat.profile('qdrift.t');

-- The same contents: nothing has moved.
SELECT column_name, drift_type, band, psi, js_distance, ks_statistic, ks_pvalue, chi_squared, chi_squared_pvalue, wasserstein FROM dataplat.profile_drift('qdrift.t');

-- Half as many again, a little or very much elsewhere.  Where values are few the numbers are exact; Python gave the same (test/quality).
INSERT INTO qdrift.t SELECT 2, i % 5, 5000 + i, CASE WHEN i % 10 = 0 THEN 'new' ELSE 'a' END, date '2024-06-01' FROM generate_series(0, 1499) AS i;
SELECT column_name, drift_type, band, round(psi::numeric, 6) AS psi, round(js_distance::numeric, 6) AS js, round(ks_statistic::numeric, 6) AS ks, round(ks_pvalue::numeric, 6) AS ks_p,
       round(chi_squared::numeric, 3) AS chi, round(wasserstein::numeric, 6) AS wasserstein, rows_baseline, rows_current
  FROM dataplat.profile_drift('qdrift.t', '{"where": "part = 1"}', '{"where": "part = 2"}', '{n,word}');
SELECT column_name, band, abs(ks_statistic - 1) < 1e-9 AS ks, abs(wasserstein / 4250 - 1) < 0.01 AS wasserstein FROM dataplat.profile_drift('qdrift.t', '{"where": "part = 1"}', '{"where": "part = 2"}', '{x}');
SELECT column_name, drift_type, band FROM dataplat.profile_drift('qdrift.t', to_jsonb((SELECT min(profile_id) FROM dataplat.column_profile WHERE dataset = 'qdrift.t')), '{"table": "qdrift.t"}') ORDER BY 1;

-- What is wrong is said.
SELECT * FROM dataplat.profile_drift('qdrift.t', '{"were": 1}');
SELECT * FROM dataplat.profile_drift('qdrift.t', '999999999');
SELECT * FROM dataplat.profile_drift('qdrift.t', '{"table": "qdrift.nothing"}');
SELECT * FROM dataplat.profile_drift('qdrift.t', '{"where": "no_such > 1"}');

-- The distributions behind the tests.
SELECT round(dataplat_internal.chi_square_tail(3.841458820694124, 1)::numeric, 12) AS p05, round(dataplat_internal.chi_square_tail(18.307038053275146, 10)::numeric, 12) AS p05_too,
       dataplat_internal.chi_square_tail(300, 3)::numeric < 1e-60 AS tiny, dataplat_internal.chi_square_tail(0, 3) AS one;

DELETE FROM dataplat.column_profile WHERE dataset LIKE 'qdrift.%';
DROP SCHEMA qdrift CASCADE;
