-- Kinds that judge how values are distributed.
SET client_min_messages = warning;
CREATE SCHEMA qd;
CREATE TABLE qd.t (id int PRIMARY KEY, x float8, kind text, day date, sales numeric);
-- a hundred values, evenly spread, but one; sales of two months, but for one day
INSERT INTO qd.t SELECT g, CASE g WHEN 100 THEN 50 ELSE (g - 0.5) / 10.0 END, (ARRAY['a', 'b', 'b', 'c'])[g % 4 + 1], date '2024-01-01' + g % 60,
       CASE WHEN g % 60 = 50 THEN 5000 ELSE 100 + g % 7 END FROM generate_series(1, 100) AS g;
CREATE TABLE qd.e (LIKE qd.t);
-- What came of it, in short: success, what was observed, what went wrong.
CREATE FUNCTION qd.judge(kind text, kwargs jsonb, dataset regclass DEFAULT 'qd.t')
RETURNS TABLE (success boolean, result jsonb, error text)
LANGUAGE sql
AS $$
    SELECT (v ->> 'success')::boolean, nullif(v -> 'result', '{}'), v #>> '{exception_info,exception_message}'
      FROM dataplat.validate_expectation(dataset, kind, kwargs) AS v;
$$;
\pset null '~'
SELECT w.kind, w.kwargs, t.success, round((t.result ->> 'observed_value')::numeric, 8) AS observed, e.success AS of_none, e.result ->> 'observed_value' AS none
  FROM (VALUES
        ('chi_square', '{"column": "kind", "partition_object": {"values": ["a", "b", "c"], "weights": [0.25, 0.5, 0.25]}}'::jsonb),
        ('chi_square', '{"column": "kind", "partition_object": {"values": ["a", "b", "c"], "weights": [0.4, 0.4, 0.2]}}'),
        ('chi_square', '{"column": "kind", "partition_object": {"values": ["a", "b"], "weights": [0.4, 0.6]}}'),
        ('chi_square', '{"column": "kind", "partition_object": {"values": ["a", "b"], "weights": [0.4, 0.6]}, "tail_weight_holdout": 0.3}'),
        ('kl_divergence', '{"column": "kind", "partition_object": {"values": ["a", "b", "c"], "weights": [0.4, 0.4, 0.2]}, "threshold": 0.1}'),
        ('kl_divergence', '{"column": "x", "partition_object": {"bins": [0, 2, 8, 10], "weights": [0.2, 0.6, 0.2]}, "threshold": 0.1}'),
        ('kl_divergence', '{"column": "x", "partition_object": {"bins": [0, 2, 8, 10], "weights": [0.2, 0.6, 0.2]}, "threshold": 0.1, "tail_weight_holdout": 0.02}'),
        ('kl_divergence', '{"column": "x", "partition_object": {"bins": ["-Infinity", 2, 8, "Infinity"], "weights": [0.2, 0.6, 0.2]}, "threshold": 0.1}'),
        ('ks_test', '{"column": "x", "distribution": "uniform", "params": {"min": 0, "max": 10}}'),
        ('ks_test', '{"column": "x", "distribution": "norm", "params": [5, 3]}'),
        ('ks_test', '{"column": "x", "distribution": "expon", "params": {"scale": 5}}'),
        ('within_n_stdevs', '{"column": "x"}'), ('within_n_stdevs', '{"column": "x", "sigma_threshold": 9}'), ('within_n_stdevs', '{"column": "x", "group_by": "kind"}'),
        ('within_n_moving_stdevs', '{"column": "sales", "date_column_name": "day", "as_of": "2024-03-01"}'),
        ('within_n_moving_stdevs', '{"column": "sales", "date_column_name": "day", "as_of": "2024-02-15", "take_logs": false, "take_diffs": false}'),
        ('within_n_moving_stdevs', '{"column": "sales", "date_column_name": "day", "as_of": "2024-03-01", "test_periods": 3}'),
        ('benford', '{"column": "id"}')) AS w (kind, kwargs),
       qd.judge(w.kind, w.kwargs) AS t, qd.judge(w.kind, w.kwargs, 'qd.e') AS e;
-- far from the mean; when all values are equal, none is
SELECT t.success, t.result -> 'partial_unexpected_list' AS list FROM qd.judge('z_scores_less_than', '{"column": "x", "threshold": 3, "double_sided": true}') AS t;
SELECT t.success FROM qd.judge('z_scores_less_than', '{"column": "id", "threshold": 0.1, "row_filter": "id = 7"}') AS t;
SELECT t.result FROM qd.judge('within_n_moving_stdevs', '{"column": "sales", "date_column_name": "day", "as_of": "2024-02-21", "test_periods": 1, "take_logs": false, "take_diffs": false}') AS t;
-- what describes no distribution
SELECT t.success, t.error
  FROM (VALUES ('kl_divergence', '{"column": "x", "partition_object": {"bins": [0, 0, 1], "weights": [0.5, 0.5]}}'::jsonb),
               ('kl_divergence', '{"column": "x", "partition_object": {"bins": [0, 1], "weights": [0.5]}}'),
               ('kl_divergence', '{"column": "x", "partition_object": {"bins": [0, 1], "weights": [0.8], "tail_weights": [0.1, 0.1]}, "tail_weight_holdout": 0.1}'),
               ('kl_divergence', '{"column": "kind", "partition_object": {"values": ["a", "b"], "weights": [1]}}'),
               ('kl_divergence', '{"column": "kind", "partition_object": {"values": ["a"], "weights": [1]}, "internal_weight_holdout": 0.1}'),
               ('ks_test', '{"column": "x", "distribution": "norm", "params": [0, -1]}'), ('ks_test', '{"column": "kind", "distribution": "norm"}'),
               ('ks_test', '{"column": "x", "distribution": "gamma"}')) AS w (kind, kwargs),
       qd.judge(w.kind, w.kwargs) AS t;
SELECT round(dataplat.distribution_cdf('norm', 1.96)::numeric, 10), dataplat.distribution_cdf('uniform', 3, '{2,4}'), dataplat.distribution_cdf('norm', 'NaN');
DROP SCHEMA qd CASCADE;
