-- A query that reads whole rows follows the columns of its input.
\set ON_ERROR_STOP 1
CREATE SCHEMA whole_row;
CREATE TABLE whole_row.orders (id int PRIMARY KEY, note text);
INSERT INTO whole_row.orders VALUES (1, 'a'), (2, 'b');
SELECT dataplat.create_pipeline('whole_row', 'whole_row.docs', 'SELECT o.id, to_jsonb(o) AS doc FROM whole_row.orders AS o', keys => '{id}', schedule => 'manual');
SELECT dataplat.create_pipeline('some_columns', 'whole_row.notes', 'SELECT o.id, o.note FROM whole_row.orders AS o', keys => '{id}', schedule => 'manual');
CREATE FUNCTION whole_row.look() RETURNS TABLE (pipeline text, kind text, reason text, rows_updated bigint, missing bigint, extra bigint, different bigint)
LANGUAGE sql AS $$
    SELECT r.pipeline, r.kind, r.reason, r.rows_updated, v.*
      FROM dataplat.run_pipeline('whole_row') AS r, dataplat.verify_pipeline('whole_row') AS v
$$;
SELECT * FROM whole_row.look();
SELECT r.kind FROM dataplat.run_pipeline('some_columns') AS r;

-- Added without a value: each document has one more member.
ALTER TABLE whole_row.orders ADD COLUMN extra text;
INSERT INTO whole_row.orders VALUES (3, 'c', 'x');
SELECT * FROM whole_row.look();
SELECT * FROM whole_row.docs ORDER BY id;
-- Who does not read it goes on with the delta.
SELECT r.kind, r.rows_in FROM dataplat.run_pipeline('some_columns') AS r;

ALTER TABLE whole_row.orders RENAME COLUMN extra TO more;
SELECT * FROM whole_row.look();
ALTER TABLE whole_row.orders DROP COLUMN more;
SELECT * FROM whole_row.look();
SELECT r.kind, r.rows_in FROM dataplat.run_pipeline('some_columns') AS r;

SELECT dataplat.drop_pipeline('whole_row', drop_target => true);
SELECT dataplat.drop_pipeline('some_columns', drop_target => true);
SET client_min_messages = warning;
DROP SCHEMA whole_row CASCADE;
