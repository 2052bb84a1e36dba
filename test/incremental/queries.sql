-- The queries of the property test, one pipeline each, target it.t_<name>.
--
-- "--- name [key=value ...]" starts a query:
--   keys=a,b      keys of the result, where they cannot be read off the query
--   mode=full     asked for
--   want=full     no rule of apply fits: must run full (default: incremental)
--   want=any      either is right
--   want=refused  changes of its input cannot be captured, so it is not made
--   lookups=a,b   inputs whose changes do not trigger
-- A query may read the target of one that stands before it.

-- ---------------------------------------------------------------- one table

--- filter keys=id
SELECT id, name, region, tier FROM customer WHERE tier > 1 OR region IS NULL

--- project keys=id
SELECT id, upper(name) AS name, coalesce(score, 0) + 1 AS score, tags[1] AS first_tag, attrs -> 'a' AS a,
       CASE WHEN active THEN 'yes' WHEN NOT active THEN 'no' ELSE 'unknown' END AS active
  FROM customer

--- key_changes keys=pair
SELECT order_id || '/' || line AS pair, sku, qty * price AS total FROM item

--- quoted keys=Key_Col
SELECT "Key Col" AS "Key_Col", "select", "a""b" AS "a""b" FROM "Odd Table" WHERE "a""b" IS DISTINCT FROM 3

--- generated keys=id
SELECT id, x, x2 FROM gen WHERE x2 > 10

--- toast keys=id
SELECT id, length(body) AS n, md5(body) AS digest, meta ->> 'k' AS k, rev FROM doc WHERE rev > 0

--- toast_whole keys=id
SELECT * FROM doc

--- json_each keys=id,key
SELECT d.id, e.key, e.value
  FROM doc AS d, LATERAL jsonb_each_text(CASE jsonb_typeof(d.meta) WHEN 'object' THEN d.meta END) AS e
 WHERE e.value IS NOT NULL

--- json_path keys=who
SELECT who, count(*) AS n, sum((doc ->> 'n')::int) AS s, bool_or(doc @> '{"t": true}') AS t,
       count(*) FILTER (WHERE jsonb_path_exists(doc, '$.list[*] ? (@ > 2)')) AS p
  FROM event
 GROUP BY who

--- unnest_tags
SELECT t.tag, count(*) AS n, min(c.name) AS first_name
  FROM customer AS c CROSS JOIN LATERAL unnest(c.tags) AS t (tag)
 GROUP BY t.tag

--- unnest_left keys=id,ord
SELECT c.id, t.ord, t.tag FROM customer AS c LEFT JOIN LATERAL unnest(c.tags) WITH ORDINALITY AS t (tag, ord) ON true

--- series keys=id,n
SELECT g.id, s.n, g.x + s.n AS v FROM gen AS g, LATERAL generate_series(1, g.x % 4) AS s (n)

-- ------------------------------------------------------------------- groups

--- group_one
SELECT region, count(*) AS n, count(tier) AS tiers, sum(tier) AS s, avg(score) AS a, min(name) AS lo, max(since) AS hi
  FROM customer
 GROUP BY region

--- group_expression
SELECT date_trunc('day', at) AS day, val % 3 AS rest, sum(val) AS s, count(*) AS n, max(kind) AS k
  FROM event
 GROUP BY 1, 2

--- group_odd_key
SELECT k, count(*) AS n, sum(v) AS s FROM odd_key GROUP BY k

--- group_odd_float
SELECT f, count(*) AS n, min(v) AS lo FROM odd_key GROUP BY f

--- group_float_sum
SELECT kind, sum(w) AS s, max(w) AS hi, count(w) AS n FROM event GROUP BY kind

--- group_minmax
SELECT status, min(amount) AS lo, max(amount) AS hi, min(at) AS first_at, max(note) AS last_note FROM orders GROUP BY status

--- group_stats
SELECT sku, avg(qty) AS a, stddev(qty) AS sd, var_pop(price) AS vp, variance(qty) AS v, bool_and(qty > 1) AS all_many,
       bool_or(price IS NULL) AS some_free, bit_or(qty) AS bits, every(qty < 50) AS few
  FROM item
 GROUP BY sku

--- group_ordered
SELECT who, string_agg(label, ',' ORDER BY label) AS labels, array_agg(label ORDER BY label DESC NULLS LAST) AS list FROM tag GROUP BY who

--- group_distinct
SELECT kind, count(DISTINCT who) AS people, count(DISTINCT val) AS vals, sum(DISTINCT val) AS s,
       string_agg(DISTINCT kind || who, ',' ORDER BY kind || who) AS list
  FROM event
 GROUP BY kind

--- group_percentile
SELECT customer_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY amount::float8) AS med,
       percentile_disc(0.9) WITHIN GROUP (ORDER BY at) AS late
  FROM orders
 GROUP BY customer_id

--- group_filter_having
SELECT customer_id, count(*) FILTER (WHERE status = 'paid') AS paid, sum(amount) FILTER (WHERE status <> 'gone') AS s
  FROM orders
 GROUP BY customer_id
HAVING count(*) > 1 AND sum(amount) IS NOT NULL

--- having_only keys=who
SELECT who FROM event GROUP BY who HAVING min(val) > 0

--- group_two_null
SELECT a, b, count(*) AS n, max(c) AS c FROM left_t GROUP BY a, b

--- group_jsonb
SELECT attrs, count(*) AS n, array_agg(id ORDER BY id) AS ids FROM customer GROUP BY attrs

--- group_array
SELECT tags, count(*) AS n FROM customer GROUP BY tags

--- group_hidden_key keys=r
SELECT coalesce(region, '-') || '!' AS r, sum(tier) AS s FROM customer GROUP BY coalesce(region, '-') || '!'

--- agg_of_agg
SELECT n, count(*) AS people, sum(s) AS s
  FROM (SELECT customer_id, count(*) AS n, sum(amount) AS s FROM orders GROUP BY customer_id) AS x
 GROUP BY n

--- agg_of_agg_of_agg
SELECT people % 2 AS odd, count(*) AS groups, max(n) AS n
  FROM (SELECT n, count(*) AS people
          FROM (SELECT who, count(*) AS n FROM event GROUP BY who) AS x
         GROUP BY n) AS y
 GROUP BY people % 2

--- agg_having_of_join
SELECT c.region, x.n, count(*) AS k
  FROM customer AS c
  JOIN (SELECT customer_id, count(*) AS n FROM orders GROUP BY customer_id HAVING count(*) > 1) AS x ON x.customer_id = c.id
 GROUP BY c.region, x.n

--- scalar want=any
SELECT count(*) AS n, sum(amount) AS s, max(at) AS at FROM orders WHERE status <> 'gone'

--- scalar_join want=any
SELECT count(*) AS n, sum(i.qty) AS q, bool_and(p.price > 5) AS dear FROM item AS i JOIN product AS p USING (sku)

--- grouping_sets keys=region,tier,g want=any
SELECT region, tier, GROUPING(region, tier) AS g, count(*) AS n, sum(score) AS s
  FROM customer
 GROUP BY GROUPING SETS ((region, tier), (region), ())

--- rollup keys=kind,who,g want=any
SELECT kind, who, GROUPING(kind, who) AS g, sum(val) AS s FROM event GROUP BY ROLLUP (kind, who)

--- cube keys=a,b,g want=any
SELECT a, b, GROUPING(a, b) AS g, count(*) AS n FROM right_t GROUP BY CUBE (a, b)

--- sets_without_total keys=status,who,g want=any
SELECT status, customer_id AS who, GROUPING(status, customer_id) AS g, count(*) AS n
  FROM orders
 GROUP BY GROUPING SETS ((status), (customer_id))

-- -------------------------------------------------------------------- joins

--- inner_join keys=id,line
SELECT o.id, i.line, o.status, i.sku, i.qty * i.price AS total FROM orders AS o JOIN item AS i ON i.order_id = o.id

--- join_three keys=order_id,line
SELECT i.order_id, i.line, c.name, c.region, p.title, i.qty * p.price AS worth
  FROM item AS i JOIN orders AS o ON o.id = i.order_id JOIN customer AS c ON c.id = o.customer_id JOIN product AS p ON p.sku = i.sku
 WHERE p.price > 1

--- join_group
SELECT c.region, p.category, sum(i.qty) AS q, count(DISTINCT o.id) AS orders
  FROM customer AS c JOIN orders AS o ON o.customer_id = c.id JOIN item AS i ON i.order_id = o.id JOIN product AS p USING (sku)
 GROUP BY c.region, p.category

--- join_no_key want=any
SELECT e.kind, t.label, count(*) AS n, sum(e.val) AS s FROM event AS e JOIN tag AS t USING (who) GROUP BY e.kind, t.label

--- join_inequality
SELECT g.id, count(*) AS n, max(o.v) AS hi FROM gen AS g JOIN odd_key AS o ON o.v < g.x GROUP BY g.id

--- cross_join keys=id,rid
SELECT d.id, r.id AS rid, r.name, d.rev FROM doc AS d CROSS JOIN dept AS r

--- left_join keys=id,oid
SELECT c.id, o.id AS oid, c.name, o.amount FROM customer AS c LEFT JOIN orders AS o ON o.customer_id = c.id

--- left_join_on_filter keys=id,oid
SELECT c.id, o.id AS oid, o.status FROM customer AS c LEFT JOIN orders AS o ON o.customer_id = c.id AND o.status = 'paid' AND c.tier > 1

--- left_join_group_nullable
SELECT p.category, count(*) AS n, sum(i.qty) AS q FROM item AS i LEFT JOIN product AS p ON p.sku = i.sku GROUP BY p.category

--- left_join_is_null keys=id
SELECT c.id, c.name FROM customer AS c LEFT JOIN orders AS o ON o.customer_id = c.id WHERE o.id IS NULL

--- left_join_where_both keys=id,who,val
SELECT DISTINCT c.id, e.who, e.val FROM customer AS c LEFT JOIN event AS e ON e.who = c.id WHERE e.val IS NULL OR e.val > 2

--- right_join keys=id,line,oid
SELECT o.id, i.line, i.order_id AS oid, i.sku FROM orders AS o RIGHT JOIN item AS i ON i.order_id = o.id

--- full_join
SELECT l.a AS la, r.a AS ra, count(*) AS n, max(l.c) AS c, min(r.d) AS d FROM left_t AS l FULL JOIN right_t AS r ON r.a = l.a AND r.b = l.b GROUP BY l.a, r.a

--- full_join_using
SELECT a, count(*) AS n, string_agg(c, ',' ORDER BY c) AS c, string_agg(d, ',' ORDER BY d) AS d FROM left_t FULL JOIN right_t USING (a) GROUP BY a

--- full_join_keys keys=cid,gid
SELECT c.id AS cid, g.id AS gid, c.tier, g.x FROM customer AS c FULL JOIN gen AS g ON g.id = c.id

--- nested_left keys=id,oid,line
SELECT c.id, o.id AS oid, i.line, i.sku, p.title
  FROM customer AS c
  LEFT JOIN (orders AS o JOIN item AS i ON i.order_id = o.id) ON o.customer_id = c.id
  LEFT JOIN product AS p ON p.sku = i.sku

--- nested_left_left keys=id,oid,line
SELECT c.id, o.id AS oid, i.line, o.amount, i.qty
  FROM customer AS c
  LEFT JOIN (orders AS o LEFT JOIN item AS i ON i.order_id = o.id AND i.qty > 2) ON o.customer_id = c.id AND o.status <> 'gone'

--- nested_full
SELECT x.a, y.id, count(*) AS n
  FROM (left_t AS l FULL JOIN right_t AS r USING (a)) AS x
  FULL JOIN (customer AS c LEFT JOIN gen AS g USING (id)) AS y ON y.id = x.a
 GROUP BY x.a, y.id

--- left_to_group keys=id
SELECT c.id, c.name, s.n, coalesce(s.total, 0) AS total
  FROM customer AS c
  LEFT JOIN (SELECT customer_id, count(*) AS n, sum(amount) AS total FROM orders GROUP BY customer_id) AS s ON s.customer_id = c.id

--- full_of_groups
SELECT coalesce(x.who, y.id) AS who, sum(x.n) AS n, sum(y.m) AS m
  FROM (SELECT who, count(*) AS n FROM event GROUP BY who) AS x
  FULL JOIN (SELECT customer_id AS id, count(*) AS m FROM orders GROUP BY customer_id) AS y ON y.id = x.who
 GROUP BY coalesce(x.who, y.id)

--- self_join keys=id,pid
SELECT t.id, p.id AS pid, t.name || '<' || p.name AS path FROM tree AS t JOIN tree AS p ON p.id = t.parent

--- self_join_left keys=id
SELECT t.id, t.name, p.name AS parent, g.name AS grandparent
  FROM tree AS t LEFT JOIN tree AS p ON p.id = t.parent LEFT JOIN tree AS g ON g.id = p.parent

--- self_join_siblings
SELECT a.parent, count(*) AS pairs, sum(a.weight * b.weight) AS s FROM tree AS a JOIN tree AS b ON a.parent = b.parent AND a.id < b.id GROUP BY a.parent

-- ----------------------------------------------------------- semi, anti, subqueries

--- exists keys=id
SELECT c.id, c.name FROM customer AS c WHERE EXISTS (SELECT FROM orders AS o WHERE o.customer_id = c.id AND o.amount > 20)

--- not_exists keys=id
SELECT c.id, c.name FROM customer AS c WHERE NOT EXISTS (SELECT FROM orders AS o WHERE o.customer_id = c.id AND o.status = 'gone')

--- exists_nested keys=id
SELECT c.id, c.tier FROM customer AS c
 WHERE EXISTS (SELECT FROM orders AS o WHERE o.customer_id = c.id AND NOT EXISTS (SELECT FROM item AS i WHERE i.order_id = o.id))

--- exists_or keys=id want=any
SELECT c.id, c.tier FROM customer AS c WHERE c.tier = 3 OR EXISTS (SELECT FROM event AS e WHERE e.who = c.id)

--- exists_uncorrelated keys=id want=any
SELECT g.id, g.x FROM gen AS g WHERE EXISTS (SELECT FROM tag AS t WHERE t.label = 'once')

--- in_list keys=id
SELECT o.id, o.amount FROM orders AS o WHERE o.customer_id IN (SELECT c.id FROM customer AS c WHERE c.region = 'n')

--- in_pair keys=order_id,line
SELECT i.order_id, i.line FROM item AS i WHERE (i.sku, i.qty) IN (SELECT j.sku, max(j.qty) FROM item AS j GROUP BY j.sku)

--- not_in_nulls keys=id want=any
SELECT g.id, g.x FROM gen AS g WHERE g.x NOT IN (SELECT l.a FROM left_t AS l WHERE l.b = 1)

--- not_in_correlated keys=id want=any
SELECT c.id, c.tier FROM customer AS c WHERE c.tier NOT IN (SELECT e.val FROM event AS e WHERE e.who = c.id)

--- semi_group
SELECT o.status, count(*) AS n FROM orders AS o
 WHERE EXISTS (SELECT FROM item AS i WHERE i.order_id = o.id AND i.qty > 3) GROUP BY o.status

--- above_average keys=id want=any
SELECT o.id, o.amount FROM orders AS o WHERE o.amount > (SELECT avg(p.amount) FROM orders AS p WHERE p.customer_id = o.customer_id)

--- above_global want=any keys=id
SELECT c.id, c.score FROM customer AS c WHERE c.score >= (SELECT avg(score) FROM customer)

--- scalar_in_target want=any keys=id
SELECT c.id, c.name, (SELECT count(*) FROM orders AS o WHERE o.customer_id = c.id) AS orders,
       (SELECT max(e.val) FROM event AS e WHERE e.who = c.id) AS top
  FROM customer AS c

--- scalar_lookup_target want=any keys=order_id,line
SELECT i.order_id, i.line, (SELECT p.title FROM product AS p WHERE p.sku = i.sku) AS title FROM item AS i

--- group_above_total want=any
SELECT customer_id, sum(amount) AS s FROM orders GROUP BY customer_id
HAVING sum(amount) > (SELECT avg(amount) FROM orders WHERE amount < 'NaN')

--- lateral_top want=any keys=id,rn
SELECT c.id, x.rn, x.amount
  FROM customer AS c, LATERAL (SELECT o.amount, row_number() OVER (ORDER BY o.amount DESC NULLS LAST, o.id) AS rn
                                 FROM orders AS o WHERE o.customer_id = c.id) AS x
 WHERE x.rn <= 2

--- array_subquery want=any keys=id
SELECT c.id, ARRAY(SELECT t.label FROM tag AS t WHERE t.who = c.id ORDER BY t.label) AS labels FROM customer AS c WHERE c.tier = ANY (SELECT g.x FROM gen AS g)

-- ------------------------------------------------------------ sets and DISTINCT

--- distinct_rows
SELECT DISTINCT who, kind FROM event WHERE val IS NOT NULL

--- distinct_join
SELECT DISTINCT c.region, i.sku FROM customer AS c JOIN orders AS o ON o.customer_id = c.id JOIN item AS i ON i.order_id = o.id

--- distinct_on want=any keys=customer_id
SELECT DISTINCT ON (customer_id) customer_id, id, amount, at FROM orders ORDER BY customer_id, at DESC NULLS LAST, id

--- union_all keys=src,id
SELECT 'c' AS src, id, name AS what FROM customer UNION ALL SELECT 't', id, name FROM tree WHERE weight > 1 UNION ALL SELECT 'g', id, x::text FROM gen

--- union_all_group
SELECT who, sum(n) AS n, count(*) AS k
  FROM (SELECT who, val AS n FROM event UNION ALL SELECT who, 1 FROM tag UNION ALL SELECT customer_id, 100 FROM orders) AS u
 GROUP BY who

--- union_distinct
SELECT a, b FROM left_t UNION SELECT a, b FROM right_t

--- union_nested
SELECT who, label FROM tag UNION (SELECT who, kind FROM event INTERSECT SELECT a, d FROM right_t)

--- intersect
SELECT a, b FROM left_t INTERSECT SELECT a, b FROM right_t

--- except
SELECT a, b FROM left_t EXCEPT SELECT a, b FROM right_t

--- except_all want=any
SELECT k, count(*) AS n FROM (SELECT a AS k FROM right_t EXCEPT ALL SELECT who FROM tag) AS x GROUP BY k

--- except_group
SELECT a, count(*) AS n FROM (SELECT a, b FROM right_t EXCEPT SELECT a, b FROM left_t) AS x GROUP BY a

--- union_of_groups keys=src,k
SELECT 'e' AS src, kind AS k, count(*) AS n FROM event GROUP BY kind UNION ALL SELECT 't', label, count(*) FROM tag GROUP BY label

-- -------------------------------------------------------------------- CTEs, views

--- cte_once
WITH paid AS (SELECT customer_id, amount FROM orders WHERE status = 'paid')
SELECT c.region, sum(p.amount) AS s FROM customer AS c JOIN paid AS p ON p.customer_id = c.id GROUP BY c.region

--- cte_twice keys=customer_id want=any
WITH s AS (SELECT customer_id, count(*) AS n, sum(amount) AS total FROM orders GROUP BY customer_id)
SELECT x.customer_id, x.total, (SELECT count(*) FROM s AS y WHERE y.n = x.n) AS peers FROM s AS x

--- cte_twice_join
WITH s AS (SELECT who, count(*) AS n FROM event GROUP BY who)
SELECT a.n, count(*) AS pairs FROM s AS a JOIN s AS b ON a.n = b.n AND a.who < b.who GROUP BY a.n

--- cte_materialized want=any
WITH s AS MATERIALIZED (SELECT sku, sum(qty) AS q FROM item GROUP BY sku)
SELECT p.category, sum(s.q) AS q, count(*) AS n FROM product AS p LEFT JOIN s USING (sku) GROUP BY p.category

--- view keys=id
SELECT * FROM active_customer WHERE tier < 4

--- view_of_view
SELECT region, sum(orders) AS orders, sum(total) AS total, count(*) AS n FROM customer_total GROUP BY region

--- recursive want=full
WITH RECURSIVE down AS (
    SELECT id, parent, 1 AS depth FROM tree WHERE parent IS NULL
    UNION ALL
    SELECT t.id, t.parent, d.depth + 1 FROM tree AS t JOIN down AS d ON t.parent = d.id WHERE d.depth < 8)
SELECT depth, count(*) AS n FROM down GROUP BY depth

--- values_list keys=k want=any
SELECT v.k, v.title, count(c.id) AS n FROM (VALUES ('n', 'north'), ('s', 'south'), ('x', NULL)) AS v (k, title) LEFT JOIN customer AS c ON c.region = v.k GROUP BY v.k, v.title

-- ------------------------------------------------------------------------ windows

--- window_key keys=id
SELECT id, customer_id, row_number() OVER (PARTITION BY customer_id ORDER BY at NULLS LAST, id) AS rn,
       lag(amount) OVER (PARTITION BY customer_id ORDER BY at NULLS LAST, id) AS before,
       sum(amount) OVER (PARTITION BY customer_id) AS total
  FROM orders

--- window_part keys=order_id,line
SELECT order_id, line, rank() OVER (PARTITION BY order_id ORDER BY qty DESC) AS r, count(*) OVER (PARTITION BY order_id) AS n FROM item

--- window_two keys=order_id,line want=any
SELECT order_id, line, rank() OVER (PARTITION BY order_id ORDER BY line) AS a, rank() OVER (PARTITION BY sku ORDER BY order_id, line) AS b FROM item

--- window_top keys=sku,order_id,line
SELECT * FROM (SELECT sku, order_id, line, qty, row_number() OVER (PARTITION BY sku ORDER BY qty DESC NULLS LAST, order_id, line) AS rn FROM item) AS x WHERE rn <= 2

--- window_over_agg
SELECT region, tier, count(*) AS n, rank() OVER (PARTITION BY region ORDER BY count(*) DESC) AS r, sum(count(*)) OVER (PARTITION BY region) AS total
  FROM customer GROUP BY region, tier

--- agg_over_window
SELECT rn, count(*) AS n, sum(amount) AS s
  FROM (SELECT amount, row_number() OVER (PARTITION BY customer_id ORDER BY at NULLS LAST, id) AS rn FROM orders) AS x
 GROUP BY rn

--- window_join keys=id
SELECT c.id, c.region, c.name, o.amount, o.n
  FROM customer AS c
  JOIN (SELECT customer_id, amount, count(*) OVER (PARTITION BY customer_id) AS n,
               row_number() OVER (PARTITION BY customer_id ORDER BY amount DESC NULLS LAST, id) AS rn FROM orders) AS o
    ON o.customer_id = c.id AND o.rn = 1

--- window_all keys=id want=full
SELECT id, rank() OVER (ORDER BY score DESC NULLS LAST) AS r FROM customer

--- limit_all keys=id want=full
SELECT id, amount FROM orders ORDER BY amount DESC NULLS LAST, id LIMIT 5

--- full_given mode=full want=full
SELECT who, label FROM tag

-- -------------------------------------------------------------- odds and ends

--- lateral_latest keys=id want=any
SELECT c.id, x.oid FROM customer AS c LEFT JOIN LATERAL (SELECT o.id AS oid FROM orders AS o WHERE o.customer_id = c.id ORDER BY o.amount DESC NULLS LAST, o.id LIMIT 1) AS x ON true

--- none_newer keys=id
SELECT o.id, o.amount FROM orders AS o WHERE NOT EXISTS (SELECT FROM orders AS n WHERE n.customer_id = o.customer_id AND (n.at, n.id) > (o.at, o.id))

--- greater_all keys=id want=any
SELECT c.id FROM customer AS c WHERE c.tier > ALL (SELECT e.val FROM event AS e WHERE e.who = c.id)

--- exists_in_target keys=id want=any
SELECT c.id, EXISTS (SELECT FROM orders AS o WHERE o.customer_id = c.id) AS has, c.id IN (SELECT t.who FROM tag AS t) AS tagged FROM customer AS c

--- group_by_subquery want=any
SELECT (SELECT count(*) FROM tag AS t WHERE t.who = c.id) AS n, count(*) AS k FROM customer AS c GROUP BY 1

--- having_exists want=any
SELECT o.customer_id, sum(o.amount) AS s FROM orders AS o GROUP BY o.customer_id
HAVING EXISTS (SELECT FROM customer AS c WHERE c.id = o.customer_id AND c.active)

--- having_without_group want=any
SELECT 1 AS one, count(*) AS n FROM orders HAVING count(*) > 15

--- whole_row_null keys=id
SELECT c.id, c.name FROM customer AS c LEFT JOIN orders AS o ON o.customer_id = c.id WHERE o IS NULL

--- whole_row keys=id
SELECT o.id, to_jsonb(o) AS doc FROM orders AS o WHERE o.amount > 1

--- in_sets keys=id want=any
SELECT c.id, c.tier FROM customer AS c WHERE c.id IN (SELECT who FROM event UNION ALL SELECT who FROM tag EXCEPT SELECT a FROM left_t)

--- window_left_join keys=id
SELECT o.id, count(*) OVER (PARTITION BY coalesce(c.region, 'none')) AS n, rank() OVER (PARTITION BY coalesce(c.region, 'none') ORDER BY o.amount, o.id) AS r
  FROM orders AS o LEFT JOIN customer AS c ON c.id = o.customer_id

--- window_union keys=src,id,rn
SELECT u.*, row_number() OVER (PARTITION BY u.src ORDER BY u.v NULLS LAST, u.id) AS rn
  FROM (SELECT 'a' AS src, id, x AS v FROM gen UNION ALL SELECT 'b', id, weight FROM tree) AS u

--- window_frame keys=id
SELECT id, first_value(weight) OVER w AS f, last_value(weight) OVER w AS l, count(*) FILTER (WHERE weight > 1) OVER w AS n
  FROM tree WINDOW w AS (PARTITION BY parent ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)

--- full_join_three
SELECT g.id, t.a, count(*) AS n FROM gen AS g FULL JOIN left_t AS t ON t.a = g.x FULL JOIN right_t AS r ON r.a = t.a AND r.b = t.b GROUP BY g.id, t.a

--- unnest_in_target want=any
SELECT DISTINCT id, unnest(tags) AS tag FROM customer

--- intersect_all want=any
SELECT x.who, count(*) AS n FROM (SELECT who FROM tag INTERSECT ALL SELECT who FROM event) AS x GROUP BY x.who

-- ------------------------------------------------------------- kinds of tables

--- partitioned
SELECT bucket / 5 AS b, count(*) AS n, sum(val) AS s, string_agg(label, ',' ORDER BY label) AS labels FROM measure GROUP BY bucket / 5

--- partitioned_key keys=id,day
SELECT id, day, who, val FROM msg WHERE val IS DISTINCT FROM 3

--- partitioned_join
SELECT m.label, count(*) AS n, sum(g.val) AS s FROM measure AS m JOIN msg AS g ON g.id = m.id GROUP BY m.label

--- which_partition want=any
SELECT tableoid::regclass::text AS part, count(*) AS n FROM measure GROUP BY 1

--- one_partition want=refused
SELECT label, count(*) AS n FROM measure_high GROUP BY label

--- middle_partition want=refused
SELECT label, sum(val) AS s FROM measure_mid GROUP BY label

--- inherited want=refused
SELECT kind, count(*) AS n, count(DISTINCT id) AS ids FROM vehicle GROUP BY kind

--- inherited_only want=refused
SELECT kind, count(*) AS n FROM ONLY vehicle GROUP BY kind

--- system_columns keys=id want=refused
SELECT id, ctid::text AS place FROM gen

--- cascades keys=id
SELECT e.id, e.pay, d.name, b.pay AS boss_pay FROM emp AS e LEFT JOIN dept AS d ON d.id = e.dept_id LEFT JOIN emp AS b ON b.id = e.boss_id

--- audited
SELECT what, count(*) AS n, count(DISTINCT emp_id) AS people FROM audit GROUP BY what

--- lookup keys=id lookups=rate
SELECT c.id, c.region, c.score * r.factor AS rated FROM customer AS c LEFT JOIN rate AS r ON r.code = c.region

-- -------------------------------------------------------------------------- chains

--- silver_orders keys=id
SELECT o.id, o.customer_id, c.region, o.status, o.amount FROM orders AS o LEFT JOIN customer AS c ON c.id = o.customer_id WHERE o.amount IS NOT NULL

--- silver_items keys=order_id,line
SELECT i.order_id, i.line, i.sku, p.category, i.qty * coalesce(i.price, p.price, 0) AS worth FROM item AS i LEFT JOIN product AS p USING (sku)

--- gold_region
SELECT region, status, count(*) AS n, sum(amount) AS s FROM t_silver_orders GROUP BY region, status

--- gold_category
SELECT i.category, o.region, sum(i.worth) AS worth FROM t_silver_items AS i JOIN t_silver_orders AS o ON o.id = i.order_id GROUP BY i.category, o.region

--- platinum keys=region
SELECT g.region, g.s, c.worth
  FROM (SELECT region, sum(s) AS s FROM t_gold_region GROUP BY region) AS g
  LEFT JOIN (SELECT region, sum(worth) AS worth FROM t_gold_category GROUP BY region) AS c ON c.region IS NOT DISTINCT FROM g.region

--- diamond keys=region
SELECT coalesce(r.region, x.region) AS region, r.n, x.people
  FROM (SELECT region, sum(n) AS n FROM t_gold_region GROUP BY region) AS r
  FULL JOIN (SELECT region, count(DISTINCT customer_id) AS people FROM t_silver_orders GROUP BY region) AS x
    ON coalesce(x.region, '-') = coalesce(r.region, '-')

--- after_full
SELECT depth % 2 AS odd, sum(n) AS n FROM t_recursive GROUP BY depth % 2
