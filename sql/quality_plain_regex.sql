-- Plain patterns match what the server's regular expressions match: random patterns and words, repeatable.
SET client_min_messages = warning;
SELECT setseed(0.42) IS NOT NULL AS seeded;
CREATE FUNCTION pg_temp.piece() RETURNS text LANGUAGE sql VOLATILE AS $$
 SELECT (ARRAY['a','b','B','1','-','_',' ','\.','\-','[a-c]','[abc1-3_]','[A-Z]','[0-9]','[a-]','[-b]','.','[^a]','\d','é','(a|b)','[]a]','[[:alpha:]]','x'])[1 + (random()*22)::int]
     || (ARRAY['','','','+','*','?','{2}','{1,2}','{0,1}','{2,}','{0}','+?','{3,1}'])[1+(random()*12)::int] $$;
CREATE FUNCTION pg_temp.pattern() RETURNS text LANGUAGE sql VOLATILE AS $$
 SELECT CASE WHEN random()<0.5 THEN '^' ELSE '' END || coalesce((SELECT string_agg(pg_temp.piece(),'') FROM generate_series(1,(random()*4)::int)),'') || CASE WHEN random()<0.5 THEN '$' ELSE '' END $$;
CREATE FUNCTION pg_temp.word() RETURNS text LANGUAGE sql VOLATILE AS $$
 SELECT coalesce(string_agg((ARRAY['a','b','c','B','Z','1','2','-','_',' ','.','é','x',E'\n'])[1+(random()*13)::int],''),'') FROM generate_series(1,(random()*7)::int) $$;
CREATE TEMP TABLE seen(pattern text, plain boolean, word text, ours boolean, theirs boolean);
DO $$
DECLARE p text; w text; o boolean; t boolean; pl boolean;
BEGIN
 FOR i IN 1..4000 LOOP
  p := pg_temp.pattern(); 
  FOR j IN 1..4 LOOP
  w := pg_temp.word(); o := NULL; t := NULL;
  BEGIN o := dataplat_internal.plain_match(w,p); pl := true; EXCEPTION WHEN invalid_regular_expression THEN pl := false; EXIT; END;
  BEGIN t := w ~ p; EXCEPTION WHEN invalid_regular_expression THEN t := NULL; END;
  INSERT INTO seen VALUES (p,pl,w,o,t);
  END LOOP;
 END LOOP;
END $$;
SELECT count(*) > 5000 AS enough, count(*) FILTER (WHERE ours) > 2000 AS matched FROM seen;
SELECT * FROM seen WHERE ours IS DISTINCT FROM theirs;
-- What is not plain is refused, and left to the server.
SELECT dataplat_internal.plain_match('a', p) FROM unnest(ARRAY['(a)']) AS p;
SELECT v, dataplat_internal.plain_match(v, '^[A-Z]{2}-\d') FROM (VALUES ('AB-1')) AS t (v);
SELECT v, dataplat_internal.plain_match(v, '^[A-Z]{2}-[0-9]+$') FROM (VALUES ('AB-1'), ('AB-'), ('XAB-12'), ('AB-12 '), ('ÄB-1'), (NULL)) AS t (v);
DROP TABLE seen;
DROP FUNCTION pg_temp.piece, pg_temp.pattern, pg_temp.word;
