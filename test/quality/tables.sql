-- Tables that both judge: t_mixed has some of everything, the others are what
-- goes wrong first: no rows, nothing but NULL, one row, no repeats.
DROP SCHEMA IF EXISTS quality_check CASCADE;
CREATE SCHEMA quality_check;
CREATE TABLE quality_check.t_mixed (
    id int PRIMARY KEY, i int, j int, n numeric, f float8, s text, v varchar(40), d date, ts timestamptz, b boolean, js text, "Odd Name" text, u text
);
INSERT INTO quality_check.t_mixed VALUES
    (1, 1, 1, 1.5, 0.25, 'alpha', 'alpha', '2024-01-31', '2024-01-31 12:00+00', true, '{"a": 1}', 'x', 'a1'),
    (2, 2, 1, -3, -1e10, 'Beta', 'Beta', '1999-12-31', '1999-12-31 23:59:59.123456+00', false, '[1, 2]', 'y', 'a2'),
    (3, 2, 3, 0, 0, '', '', '2024-02-29', NULL, NULL, '', NULL, 'a3'),
    (4, NULL, 4, NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, 'z', 'a4'),
    (5, 5, NULL, 99999999999999999999.5, 1e300, 'größe ☃', 'größe ☃', '0001-01-01', '2038-01-19 03:14:08+00', true, '{"a": "x"}', 'x', 'a5'),
    (6, -2147483648, 2147483647, 0.0000000001, -1e-300, 'it''s "quoted" %_\', 'it''s', '9999-12-31', '1970-01-01 00:00+00', false, 'not json', 'ü', 'a6'),
    (7, 2147483647, 7, 10, 3.5, 'alpha', 'alpha', '2024-01-31', '2024-01-31 12:00+00', false, 'null', NULL, 'a7'),
    (8, 8, 8, 10.0, 3.5, E'tab\tnew\nline', 'user@example.com', '2024-03-01', '2024-03-01 00:00+00', NULL, '{"a":', '', 'a8'),
    (9, 5, 6, 7.25, 100, '2024-01-31', '123-45-6789', '2020-01-01', '2020-01-01 00:00+00', true, '"s"', 'x', NULL),
    (10, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE quality_check.t_empty (LIKE quality_check.t_mixed INCLUDING ALL);
CREATE TABLE quality_check.t_null (LIKE quality_check.t_mixed INCLUDING ALL);
INSERT INTO quality_check.t_null (id) VALUES (1), (2), (3);
CREATE TABLE quality_check.t_one (LIKE quality_check.t_mixed INCLUDING ALL);
INSERT INTO quality_check.t_one SELECT * FROM quality_check.t_mixed WHERE id = 1;
