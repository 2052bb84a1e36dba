-- Which points of a series are anomalies, by each strategy, and what is refused.
\set VERBOSITY terse
\set SHOW_CONTEXT never
SET extra_float_digits = 0;
\set wave '(SELECT array_agg(round((10 + i * 0.5 + 5 * sin(i * 2 * pi() / 7) + CASE WHEN i = 30 THEN 20 ELSE 0 END)::numeric, 3)::float8 ORDER BY i) FROM generate_series(0, 34) AS i)'
SELECT index, value, lower, upper FROM dataplat.detect_anomalies('{1,2,9,NULL,NaN,-4}', 'SimpleThreshold', '{"lower_bound": 0, "upperBound": 5}');
SELECT index, value, lower, upper FROM dataplat.detect_anomalies('{1,2,9,3,Infinity}', 'simple_threshold', '{"upper_bound": 8}', 1, 4);
SELECT index, detail FROM dataplat.detect_anomalies('{1,2,3,10,11}', 'AbsoluteChangeStrategy', '{"maxRateDecrease": -2, "maxRateIncrease": 2}');
SELECT index, detail FROM dataplat.detect_anomalies('{1,2,4,8,13}', 'absolute_change', '{"max_rate_increase": 1, "order": 2}');
SELECT index, detail FROM dataplat.detect_anomalies('{2,4,8,8,2}', 'RelativeRateOfChange', '{"maxRateDecrease": 0.5, "maxRateIncrease": 1.5}');
SELECT index, value, round(lower::numeric, 6) AS lower, round(upper::numeric, 6) AS upper FROM dataplat.detect_anomalies('{10,11,9,10,12,8,10,30,9,11}', 'BatchNormal', '{}', 6, 10);
SELECT index, value, round(lower::numeric, 6) AS lower, round(upper::numeric, 6) AS upper FROM dataplat.detect_anomalies('{10,11,9,10,12,8,10,30,9,11}', 'BatchNormal', '{"upper_deviation_factor": null, "lower_deviation_factor": 0, "include_interval": true}', 0, 3);
-- An anomaly is taken out of mean and variance, so that the next one is found, too.
SELECT index, value, round(lower::numeric, 4) AS lower, round(upper::numeric, 4) AS upper FROM dataplat.detect_anomalies('{10,11,9,10,12,8,10,11,9,10,10,60,61,9}', 'OnlineNormal', '{"lowerDeviationFactor": 2, "upperDeviationFactor": 2}', 5);
SELECT index, value FROM dataplat.detect_anomalies('{10,11,9,10,12,8,10,11,9,10,10,60,61,9}', 'OnlineNormal', '{"upper_deviation_factor": 2, "ignore_anomalies": false}', 5);
SELECT index, value, round(lower::numeric, 3) AS lower, round(upper::numeric, 3) AS upper FROM dataplat.detect_anomalies(:wave, 'HoltWinters', '{"alpha": 0.3, "beta": 0.1, "gamma": 0.1}', 28);
-- The smoothing is found by itself, too.
SELECT index, value FROM dataplat.detect_anomalies(:wave, 'holt_winters', '{"periodicity": 7}', 28);
-- As Elementary: the training takes in the tested point, unless it is told not to.
SELECT index, value FROM dataplat.detect_anomalies('{5,6,5,6,5,6,5,40}', 'zscore', '{"sensitivity": 2.5}', 7);
SELECT index, value FROM dataplat.detect_anomalies('{5,6,5,6,5,6,5,40}', 'zscore', '{"sensitivity": 2.5, "exclude_detection_period": true}', 7);
SELECT index, value FROM dataplat.detect_anomalies('{5,6,5,6,5,6,5,40}', 'zscore', '{"exclude_detection_period": true, "direction": "drop"}', 7);
-- Nothing ever changed: no deviation, no score.
SELECT count(*) FROM dataplat.detect_anomalies('{5,5,5,5,5,5,5,5,9}', 'zscore', '{"exclude_detection_period": true}', 8);
-- Mondays are compared with Mondays.
SELECT index, value FROM dataplat.detect_anomalies((SELECT array_agg((CASE WHEN i % 7 < 5 THEN 100 ELSE 10 END + i % 3 + CASE WHEN i = 69 THEN 90 ELSE 0 END)::float8 ORDER BY i) FROM generate_series(0, 69) AS i), 'ZScore', '{"seasonality": 7, "exclude_detection_period": true}', 63);
SELECT index, value FROM dataplat.detect_anomalies('{1,2,3,4,5,6,7,100}', 'RobustZScore');
SELECT index, value, lower, upper FROM dataplat.detect_anomalies('{1,2,3,4,5,6,7,100}', 'iqr');

SELECT * FROM dataplat.detect_anomalies('{1}', 'magic');
SELECT * FROM dataplat.detect_anomalies('{1}', 'simple_threshold', '{"upper": 1}');
SELECT * FROM dataplat.detect_anomalies('{1}', 'simple_threshold', '{}');
SELECT * FROM dataplat.detect_anomalies('{1}', 'simple_threshold', '{"lower_bound": 2, "upper_bound": 1}');
SELECT * FROM dataplat.detect_anomalies('{1}', 'simple_threshold', '{"lower_bound": "2"}');
SELECT * FROM dataplat.detect_anomalies('{1}', 'absolute_change', '{}');
SELECT * FROM dataplat.detect_anomalies('{1}', 'absolute_change', '{"max_rate_decrease": 2, "max_rate_increase": 1}');
SELECT * FROM dataplat.detect_anomalies('{1}', 'absolute_change', '{"max_rate_increase": 1, "order": -1}');
SELECT * FROM dataplat.detect_anomalies('{1}', 'relative_rate_of_change', '{"max_rate_increase": 1, "order": 0}');
SELECT * FROM dataplat.detect_anomalies('{}', 'batch_normal');
SELECT * FROM dataplat.detect_anomalies('{1,2,3}', 'batch_normal');
SELECT * FROM dataplat.detect_anomalies('{1,2,3}', 'batch_normal', '{"lower_deviation_factor": -1}', 2);
SELECT * FROM dataplat.detect_anomalies('{1,2,3}', 'batch_normal', '{"lower_deviation_factor": null, "upper_deviation_factor": null}', 2);
SELECT * FROM dataplat.detect_anomalies('{1,2,3}', 'online_normal', '{"ignore_start_percentage": 2}');
SELECT * FROM dataplat.detect_anomalies('{1,2,Infinity}', 'online_normal');
SELECT * FROM dataplat.detect_anomalies('{1,2,3}', 'holt_winters', '{}', 2);
SELECT * FROM dataplat.detect_anomalies('{1,2,3}', 'holt_winters', '{"alpha": 2}', 2);
SELECT * FROM dataplat.detect_anomalies('{1,2,3}', 'zscore', '{"direction": "up"}');
SELECT * FROM dataplat.detect_anomalies('{1,2,3}', 'zscore', '{}', 3, 2);
SELECT * FROM dataplat.detect_anomalies('{1,2,3}', 'zscore', '[]');
SELECT * FROM dataplat.detect_anomalies('{{1,2},{3,4}}', 'zscore');
SELECT * FROM dataplat.detect_anomalies(NULL, 'zscore');
