#!/usr/bin/env bash
# demo.sh [start | stop]: a shop's events go from Kafka to bronze, silver and gold tables while you watch.
#
# Builds dataplat into a private copy of PostgreSQL, starts it beside an
# embedded broker, and shows in a minute what it does: sources, dead letters,
# pause; pipelines, an update, a late event and a delete on their way to gold;
# rules, and a row that breaks one repaired; where numbers come from, a page
# about a table, a dictionary; kill -9, and all of it verified.  The server, the broker and the events go on when
# the script ends; "stop" ends and removes every demo of this directory.
#
#	BROKER=host:port   read and write topics dataplat_demo_* of this Kafka
#	DEMO_KEEP=0        stop and remove everything at the end
#	DEMO_RATE=500      events a second     DEMO_SECONDS=3600  for so long
#	KEEP=dir           make the place there (place_open), to build faster next time
#
# The embedded broker runs in a second server: after a kill -9 PostgreSQL
# starts all of its processes again, and the broker would forget its messages.
# shellcheck disable=SC2030,SC2031  # stop_demos changes variables in a subshell on purpose
set -euo pipefail
. "$(dirname "$0")/private-pg.sh"
: "${BROKER:=}" "${DEMO_KEEP:=1}" "${DEMO_RATE:=500}" "${DEMO_SECONDS:=3600}"
# An embedded broker keeps 5 MiB a partition, and makes topics of 4 partitions by itself.
TOPICS='{"orders": 4, "order_items": 4, "customers": 2, "inventory": 2, "clicks": 8, "backlog": 16}'
SPEED_ROWS=240000

step() { printf '\n\033[1m== %s\033[0m\n' "$*" | if [ -t 1 ]; then cat; else sed 's/\x1b\[[0-9]*m//g'; fi; }
say() { printf '   %s\n' "$@" | sed 's/ *$//'; }

# One value, without ornament.
ask() { as psql -XAtq -v ON_ERROR_STOP=1 "$@"; }

# Statements as a user would type them, each followed by its result.
show() { as psql -Xeq -v ON_ERROR_STOP=1 -P pager=off -P footer=off -P null='' "$@" <<<"SET client_min_messages = warning;
$(cat)" | sed -e '/^SET client_min_messages/d' -e 's/^/   /' -e 's/ *$//' | cat -s; }

# wait_true WHAT QUERY: the server may be starting again meanwhile.
wait_true() {
	local end=$((SECONDS + 60))
	until [ "$(ask -c "$2" 2>/dev/null)" = t ]; do
		[ $SECONDS -lt $end ] || { echo "gave up waiting for: $1" >&2; tail -n 20 "$PLACE/out/server.log" >&2; return 1; }
		sleep 0.1
	done
}

# Time for events to come.
let_pass() { say "... $1 s"; sleep "$1"; echo; }

# Stop what a demo of this directory has left running.
stop_demos() {
	local place found=
	for place in ${KEEP:+"$KEEP"} /tmp/dataplat-demo-??????; do
		{ [ -O "$place" ] || [ "$(id -u)" = 0 ]; } || continue
		[ "$(cat "$place/demo" 2>/dev/null)" = "$ROOT" ] || continue
		found=1
		rm -f "$place/demo"
		(
			PLACE=$(cd "$place" && pwd) RUN_AS='' place_env=() PLACE_BIN=''
			place_close
		)
		echo "stopped the demo in $place"
	done
	[ -n "$found" ] || echo "no demo of $ROOT runs"
}

start_broker() {
	local data=$PLACE/broker
	if [ -n "$BROKER" ]; then
		PREFIX=dataplat_demo_$(date +%s)_$$_
		say "Kafka: $BROKER, topics ${PREFIX}*"
		return
	fi
	PREFIX=
	rm -rf "$data"
	as initdb -D "$data" -A trust -U postgres --no-sync --locale=C.UTF-8 --encoding=UTF8 >"$PLACE/out/initdb.log" 2>&1
	printf '%s\n' "shared_preload_libraries = 'dataplat'" "port = 5433" "listen_addresses = ''" "shared_buffers = '16MB'" \
		"unix_socket_directories = '$PLACE/sock'" "unix_socket_permissions = 0700" >>"$data/postgresql.conf"
	as pg_ctl -s -w -D "$data" -l "$PLACE/out/broker.log" start >/dev/null
	ask -p 5433 -d postgres -c 'CREATE EXTENSION dataplat'
	BROKER=$(ask -p 5433 -d postgres -c "SELECT dataplat.start_dev_broker('$TOPICS')")
	say "Kafka: dataplat's embedded broker at $BROKER (BROKER=host:port uses yours)"
}

# The events, until somebody stops them.
start_events() {
	as setsid nohup "$TOOLS/dp_events" -b "$BROKER" --prefix "$PREFIX" --partitions 4 --rate "$DEMO_RATE" --seconds "$DEMO_SECONDS" \
		>"$PLACE/out/events.log" 2>&1 </dev/null &
	disown
	wait_true "the first events" "SELECT count(*) = 5 FROM dataplat.test_connection('shop') AS t,
		unnest('{orders,order_items,customers,inventory,clicks}'::text[]) AS n (topic),
		dataplat.peek_topic('shop', '$PREFIX' || n.topic, rows => 1) WHERE t.step = 'metadata' AND t.ok"
}

# One line for each source: is every offset that was passed, from 0 on, a row
# or a dead letter, once?
ACCOUNT="SELECT p.source, sum(p.next_offset) AS offsets_passed, c.rows, c.distinct_offsets, c.dead_letters,
       sum(p.next_offset - p.gaps) - c.distinct_offsets - c.dead_letters AS lost,
       c.rows - c.distinct_offsets AS repeated
  FROM dataplat.source_partition_status AS p
  JOIN account AS c ON c.source = p.source
 GROUP BY p.source, c.rows, c.distinct_offsets, c.dead_letters ORDER BY p.source;"

make_account() {
	ask <<-'EOF'
		CREATE VIEW account AS
		SELECT b.source, count(*) AS rows, count(DISTINCT (b._partition, b._offset)) AS distinct_offsets,
		       (SELECT count(*) FROM dataplat.dead_letter AS d WHERE d.source = b.source AND d.state IN ('open', 'discarded')) AS dead_letters
		  FROM (SELECT 'orders' AS source, _partition, _offset FROM bronze.orders
		        UNION ALL SELECT 'order_items', _partition, _offset FROM bronze.order_items
		        UNION ALL SELECT 'customers', _partition, _offset FROM bronze.customers
		        UNION ALL SELECT 'inventory', _partition, _offset FROM bronze.inventory
		        UNION ALL SELECT 'clicks', _partition, _offset FROM bronze.clicks) AS b
		 GROUP BY b.source;
	EOF
}

show_sources() {
	step "A Kafka cluster is a foreign server; the events of a shop begin to flow ($DEMO_RATE a second)"
	show -v broker="$BROKER" <<-'EOF'
		CREATE SERVER shop FOREIGN DATA WRAPPER dataplat_kafka
		    OPTIONS ("bootstrap.servers" :'broker', "fetch.wait.max.ms" '10');
		SELECT * FROM dataplat.test_connection('shop');
	EOF
	start_events

	step "A source is one function call: topic in, table out. Documents, typed columns, and keyed upserts with tombstones"
	show -v orders="${PREFIX}orders" -v items="${PREFIX}order_items" -v customers="${PREFIX}customers" \
		-v inventory="${PREFIX}inventory" -v clicks="${PREFIX}clicks" <<-'EOF'
		SELECT dataplat.create_source('orders', server => 'shop', topic => :'orders');
		SELECT dataplat.create_source('order_items', server => 'shop', topic => :'items', layout => 'columns',
		         columns => 'order_id text, line int, product_id text, quantity int, unit_price numeric(10,2)');
		SELECT dataplat.create_source('customers', server => 'shop', topic => :'customers', envelope => 'upsert');
		SELECT dataplat.create_source('inventory', server => 'shop', topic => :'inventory', retention => '30 days');
		SELECT dataplat.create_source('clicks', server => 'shop', topic => :'clicks', workers => 2, retention => '7 days');
	EOF
}

show_rows() {
	step "wait_for_source: all that is in the topic now is committed and visible. Then the rows, twice"
	show <<-'EOF'
		SELECT name, dataplat.wait_for_source(name) FROM dataplat.source ORDER BY name;
		SELECT count(*) AS orders, max(_timestamp) AS newest FROM bronze.orders;
	EOF
	let_pass 1
	show <<-'EOF'
		SELECT count(*) AS orders, max(_timestamp) AS newest FROM bronze.orders;
		SELECT _partition AS p, _offset, _key, value ->> 'status' AS status, value ->> 'amount' AS amount,
		       (_ingested_at - _timestamp) AS after
		  FROM bronze.orders ORDER BY _timestamp DESC LIMIT 4;
		SELECT _partition AS p, _offset, order_id, line, product_id, quantity, unit_price
		  FROM bronze.order_items ORDER BY _timestamp DESC LIMIT 3;
	EOF
}

show_state() {
	step "What runs, how far each partition is, and the ledger: one row for each batch, committed with the rows it counts"
	show <<-'EOF'
		SELECT source, state, workers, rows, dead_letters, lag, lag_seconds, write_path FROM dataplat.source_status;
		SELECT partition, next_offset, high_watermark, lag, rows, dead_letters, gaps, state
		  FROM dataplat.source_partition_status WHERE source = 'orders';
		SELECT batch_id, partition AS p, from_offset, to_offset, rows, dead_letters AS dead, bytes, committed_at::time(3)
		  FROM dataplat.batch WHERE source = 'orders' ORDER BY batch_id DESC, partition LIMIT 5;
	EOF
}

show_dead_letters() {
	local id offset partition
	step "Messages that cannot become rows are kept with their bytes and the reason; the others pass"
	ask -c "SELECT dataplat.produce('shop', '${PREFIX}orders', '{\"order_id\": \"O-demo\", \"status\": \"paid\", \"amount\": twelve}'::text, 'O-demo')" >/dev/null
	show -v topic="${PREFIX}orders" <<-'EOF'
		SELECT dataplat.wait_for_source('orders') AS committed;
		SELECT source, stage, sqlstate, message, open FROM dataplat.dead_letter_summary ORDER BY open DESC, source, message LIMIT 6;
	EOF
	IFS='|' read -r id partition offset < <(ask -c "SELECT dead_letter_id, partition, message_offset
		FROM dataplat.dead_letter WHERE convert_from(key, 'UTF8') = 'O-demo'")
	step "Mending one from SQL: look at it, put the right value in its place, try again. A second try changes nothing"
	show -v id="$id" -v p="$partition" -v o="$offset" <<-'EOF'
		SELECT message, detail, convert_from(value, 'UTF8') AS value FROM dataplat.dead_letter WHERE dead_letter_id = :id;
		SELECT dataplat.fix_dead_letter(:id, '{"order_id": "O-demo", "customer_id": "C-demo", "status": "paid", "amount": 12,
		         "created_at": "2026-01-01T10:00Z", "updated_at": "2026-01-01T10:05Z"}'::jsonb);
		SELECT * FROM dataplat.retry_dead_letters('orders', 'dead_letter_id = ' || :id);
		SELECT * FROM dataplat.retry_dead_letters('orders', 'dead_letter_id = ' || :id);
		SELECT _partition AS p, _offset, value FROM bronze.orders WHERE _partition = :p AND _offset = :o;
	EOF
}

show_pause() {
	step "Pausing a source keeps its place; meanwhile Kafka keeps the messages"
	show <<-'EOF'
		SELECT dataplat.pause_source('clicks', 'to show it');
		SELECT source, state, reason, hint FROM dataplat.source_status WHERE source = 'clicks';
	EOF
	let_pass 2
	show <<-'EOF'
		SELECT dataplat.resume_source('clicks');
		SELECT dataplat.wait_for_source('clicks') AS caught_up;
		SELECT source, state, rows, lag FROM dataplat.source_status WHERE source = 'clicks';
	EOF
}

show_silver() {
	step "Silver: a SELECT and a table that follows it. Orders by key, the newest version wins; customers with their history"
	show <<-'EOF'
		SELECT dataplat.create_pipeline('silver_orders', target => 'silver.orders', keys => '{order_id}', sequence_by => 'updated_at',
		         delete_when => $$status = 'deleted'$$, query => $$
		  SELECT value->>'order_id' AS order_id, value->>'customer_id' AS customer_id, value->>'status' AS status,
		         (value->>'amount')::numeric AS amount, (value->>'created_at')::timestamptz AS created_at,
		         (value->>'updated_at')::timestamptz AS updated_at FROM bronze.orders $$);
		SELECT dataplat.create_pipeline('silver_items', target => 'silver.order_items', keys => '{order_id,line}', sequence_by => 'sold_at', query => $$
		  SELECT order_id, line, product_id, quantity, unit_price, _timestamp AS sold_at FROM bronze.order_items $$);
		SELECT dataplat.create_pipeline('silver_customers', target => 'silver.customers', mode => 'scd2', keys => '{customer_id}',
		         sequence_by => 'changed_at', delete_when => 'name IS NULL', track_history_on => '{city,segment}', query => $$
		  SELECT _key AS customer_id, value->>'name' AS name, value->>'city' AS city, value->>'segment' AS segment,
		         _timestamp AS changed_at FROM bronze.customers $$);
		SELECT dataplat.create_pipeline('silver_order_details', target => 'silver.order_details', keys => '{order_id}', query => $$
		  SELECT o.order_id, o.status, o.amount, c.name, c.city, c.segment
		    FROM silver.orders AS o LEFT JOIN silver.customers AS c ON c.customer_id = o.customer_id AND c.is_current $$);
		CREATE INDEX ON silver.orders (customer_id);
	EOF
}

show_gold() {
	step "Gold: aggregates and a join, kept by what changes in silver; and a ranking, computed when it is read"
	show <<-'EOF'
		SELECT dataplat.create_pipeline('gold_revenue', target => 'gold.revenue', query => $$
		  SELECT date_trunc('hour', created_at) AS hour, status, count(*) AS orders, sum(amount) AS revenue FROM silver.orders GROUP BY 1, 2 $$);
		SELECT dataplat.create_pipeline('gold_products', target => 'gold.products', query => $$
		  SELECT i.product_id, sum(i.quantity) AS units, sum(i.quantity * i.unit_price) AS revenue
		    FROM silver.order_items AS i JOIN silver.orders AS o USING (order_id) WHERE o.status <> 'cancelled' GROUP BY 1 $$);
		SELECT dataplat.create_pipeline('top_products', target => 'gold.top_products', mode => 'view', query => $$
		  SELECT rank() OVER (ORDER BY revenue DESC) AS place, product_id, units, revenue FROM gold.products ORDER BY 1 LIMIT 3 $$);
		CREATE INDEX ON silver.order_items (product_id);
		SELECT dataplat.wait_for_pipeline('gold_revenue') AND dataplat.wait_for_pipeline('gold_products') AND
		       dataplat.wait_for_pipeline('silver_order_details') AS caught_up;
		SELECT * FROM gold.revenue ORDER BY hour DESC, revenue DESC LIMIT 4;
		SELECT * FROM gold.top_products;
		SELECT * FROM silver.order_details ORDER BY order_id DESC LIMIT 3;
	EOF
}

# happens WHAT SOURCE KEY VALUE: one event, and what silver and gold say when it is through.
happens() {
	ask -v what="$1" -v source="$2" -v topic="$PREFIX$2" -v key="$3" -v value="$4" >/dev/null <<-'EOF'
		SELECT dataplat.produce('shop', :'topic', nullif(:'value', '')::jsonb, :'key');
		SELECT dataplat.wait_for_source(:'source');
		SELECT dataplat.wait_for_pipeline('gold_revenue'), dataplat.wait_for_pipeline('silver_order_details');
		INSERT INTO story (event, silver, customer, gold)
		SELECT :'what', o.status || ' ' || o.amount, d.name || ', ' || d.city, (SELECT string_agg(concat_ws(' ', g.status, g.orders, g.revenue), '; ')
		                                                   FROM gold.revenue AS g WHERE g.hour = '2026-01-01 10:00Z')
		  FROM (VALUES ('O-demo')) AS k (order_id) LEFT JOIN silver.orders AS o USING (order_id) LEFT JOIN silver.order_details AS d USING (order_id);
	EOF
}

# The life of one order, a status and a time (of 1 January) after the other.
order_says() { happens "$1" orders O-demo "{\"order_id\": \"O-demo\", \"customer_id\": \"C-demo\", \"status\": \"$2\", \"amount\": $3,
	\"created_at\": \"2026-01-01T10:00Z\", \"updated_at\": \"2026-01-01T$4Z\"}"; }

show_changes() {
	step "An update, a late event and a delete flow through. Of the hour 10:00 on 1 January gold has only the order whose dead letter was mended"
	ask -c 'CREATE TABLE story (n int GENERATED ALWAYS AS IDENTITY, event text, silver text, customer text, gold text)'
	happens 'the customer comes' customers C-demo '{"name": "Ada Meyer", "city": "Berlin", "segment": "new"}'
	order_says 'update of 10:20: shipped' shipped 15 10:20
	order_says 'late, of 10:10: changes nothing' created 14 10:10
	happens 'the customer moves' customers C-demo '{"name": "Ada Meyer", "city": "Gent", "segment": "new"}'
	order_says 'delete of 10:30' deleted 0 10:30
	order_says 'late, of 10:25: stays deleted' delivered 15 10:25
	happens 'tombstone: the customer goes' customers C-demo ''
	show <<-'EOF'
		SELECT event, silver AS "silver.orders", customer AS "silver.order_details", gold AS "gold.revenue at 10:00" FROM story ORDER BY n;
		SELECT customer_id, name, city, is_current, upper(valid) IS NOT NULL AS ended FROM silver.customers WHERE customer_id = 'C-demo' ORDER BY valid;
	EOF
}

show_quality() {
	local id
	step "Rules: rows that break one are put aside in the run that would have written them; all other rows pass"
	show <<-'EOF'
		SELECT dataplat.add_expectation('silver.orders', 'expect_column_values_to_be_between', '{"column": "amount", "min_value": 0}',
		         name => 'amount is not negative', action => 'quarantine') AS rule,
		       dataplat.add_expectation('silver.orders', 'expect_column_values_to_be_in_set',
		         '{"column": "status", "value_set": ["created", "paid", "shipped", "delivered", "cancelled"]}', name => 'status is known') AS another;
	EOF
	ask -v topic="${PREFIX}orders" >/dev/null <<-'EOF'
		SELECT dataplat.produce('shop', :'topic', '{"order_id": "O-bad", "customer_id": "C-000001", "status": "paid", "amount": -40,
		         "created_at": "2026-01-02T10:00Z", "updated_at": "2026-01-02T10:00Z"}'::jsonb, 'O-bad');
		SELECT dataplat.wait_for_source('orders'), dataplat.wait_for_pipeline('gold_revenue');
	EOF
	show <<-'EOF'
		SELECT quarantine_id AS id, original ->> 'order_id' AS order_id, original ->> 'amount' AS amount, reasons, state
		  FROM dataplat.quarantine WHERE dataset = 'silver.orders' AND quarantined_at >= CURRENT_DATE;
		SELECT count(*) AS "O-bad in silver.orders" FROM silver.orders WHERE order_id = 'O-bad';
	EOF
	id=$(ask -c "SELECT quarantine_id FROM dataplat.quarantine WHERE original ->> 'order_id' = 'O-bad'")
	step "Repaired and put back, it flows on to gold. A second time changes nothing"
	show -v id="$id" <<-'EOF'
		SELECT dataplat.repair_quarantined(:id, '{"amount": 40}');
		SELECT * FROM dataplat.requeue_quarantined('quarantine_id = ' || :id);
		SELECT * FROM dataplat.requeue_quarantined('quarantine_id = ' || :id);
		SELECT dataplat.wait_for_pipeline('gold_revenue') AS caught_up;
		SELECT o.order_id, o.status, o.amount, g.orders AS "orders of that hour", g.revenue
		  FROM silver.orders AS o JOIN gold.revenue AS g ON g.hour = date_trunc('hour', o.created_at) AND g.status = o.status WHERE o.order_id = 'O-bad';
	EOF
	step "Rules about whole tables are asked by hand, on a schedule, or after each run; scores and the page of a table know them"
	show <<-'EOF'
		SELECT dataplat.add_expectation('gold.revenue', 'expect_compound_columns_to_be_unique', '{"column_list": ["hour", "status"]}') AS a,
		       dataplat.add_expectation('gold.revenue', 'expect_column_values_to_not_be_null', '{"column": "revenue"}', mostly => 0.99) AS b;
		SELECT name, outcome, evaluated, passed FROM dataplat.validate('gold.revenue');
		SELECT dataset_name, round(score::numeric, 2) AS score, evaluated, errors FROM dataplat.quality_score() WHERE dimension = ':all';
	EOF
}

show_lineage() {
	step "Lineage, read off the queries: where a number comes from, what a change would break, and the graph for Mermaid"
	show <<-'EOF'
		SELECT node, depth, via, type FROM dataplat.upstream('gold.products.revenue') WHERE type = 'DIRECT';
		SELECT object, kind, severity, reason FROM dataplat.preview_change('ALTER TABLE silver.orders RENAME COLUMN amount TO price');
		SELECT line AS "paste it into https://mermaid.live" FROM regexp_split_to_table(dataplat.lineage_graph('gold.top_products'), '\n') AS line;
	EOF
}

show_catalog() {
	step "The catalog finds datasets by itself, and keeps what people say of them: one page about one, a search, a dictionary"
	show <<-'EOF'
		SELECT dataplat.set_description('silver.orders', 'one row for each order in its latest state; deleted ones are gone') AS described,
		       dataplat.set_owner('silver.orders', 'shop-team') AS owned, dataplat.add_tag('silver.customers.name', 'pii') AS tagged;
		SELECT dataplat.describe('silver.orders') AS "describe silver.orders";
		SELECT object, kind, why FROM dataplat.search_catalog('pii custmer') LIMIT 3;
		SELECT line AS "dictionary of gold" FROM regexp_split_to_table(dataplat.data_dictionary('gold'), '\n') AS line LIMIT 14;
	EOF
}

show_kill() {
	local pid
	step "kill -9 of an ingest worker: PostgreSQL restarts, the workers go on from the offsets that were committed with the rows"
	pid=$(ask -c "SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'dataplat ingest%' ORDER BY backend_start LIMIT 1")
	say "kill -9 $pid"
	as sh -c "kill -9 $pid"
	wait_true "the server to be back" "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)
		AND (SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'dataplat ingest%') >= 6"
	show <<-EOF
		SELECT name, dataplat.wait_for_source(name, '60 seconds') AS caught_up FROM dataplat.source ORDER BY name;
		$ACCOUNT
	EOF
}

show_speed() {
	local before
	step "Speed: a backlog of $SPEED_ROWS messages of 197 bytes, from create_source to the last row visible"
	as "$TOOLS/dp_events" -q -b "$BROKER" --shape j200 --topic "${PREFIX}backlog" --count $SPEED_ROWS --partitions 16
	before=$(date +%s%N)
	show -v topic="${PREFIX}backlog" <<-'EOF'
		SELECT dataplat.create_source('backlog', server => 'shop', topic => :'topic');
		SELECT dataplat.wait_for_source('backlog');
	EOF
	SPEED_MS=$((($(date +%s%N) - before) / 1000000))
}

# With the events held back: what is in silver and gold is compared with the
# queries computed afresh over everything.
show_verified() {
	local name
	step "And silver and gold? Fetching is held for a moment; verify_pipeline computes every query afresh and compares"
	ask -c "SELECT dataplat.pause_source(s, 'to verify') FROM unnest('{orders,order_items,customers}'::text[]) AS s" >/dev/null
	wait_true "the workers to leave" "SELECT sum(workers) = 0 FROM dataplat.source_status WHERE source IN ('orders', 'order_items', 'customers')"
	for name in silver_order_details gold_revenue gold_products; do ask -c "SELECT dataplat.wait_for_pipeline('$name')" >/dev/null; done
	show <<-'EOF'
		SELECT p.name AS pipeline, p.mode, v.*
		  FROM dataplat.pipeline AS p CROSS JOIN LATERAL dataplat.verify_pipeline(p.name) AS v ORDER BY p.pipeline_id;
		SELECT (SELECT sum(revenue) FROM gold.revenue) AS revenue_in_gold, (SELECT sum(amount) FROM silver.orders) AS in_silver;
	EOF
	ask -c "SELECT dataplat.resume_source(s) FROM unnest('{orders,order_items,customers}'::text[]) AS s" >/dev/null
}

show_end() {
	step "dataplat.health: one row for each problem now, with what to do"
	show -x <<<'SELECT * FROM dataplat.health LIMIT 2;'
	let_pass 2

	step "Figures: rows and their way to bronze; pipelines, the lag of each and what its runs took (ms)"
	show <<-EOF
		SELECT sum(rows) AS rows, sum(dead_letters) AS dead_letters, sum(lag) AS lag, max(lag_seconds) AS lag_seconds,
		       round($SPEED_ROWS / ($SPEED_MS / 1000.0)) AS backlog_rows_per_second
		  FROM dataplat.source_status;
		SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY _ingested_at - _timestamp) AS produced_to_stored_p50,
		       percentile_disc(0.99) WITHIN GROUP (ORDER BY _ingested_at - _timestamp) AS p99
		  FROM bronze.orders WHERE _timestamp > now() - interval '1 second';
		SELECT s.pipeline, s.mode, s.state, s.lag_rows, s.lag_seconds, r.runs, r.rows_in, r.rows_written, r.run_ms, r.slowest_ms
		  FROM dataplat.pipeline_status AS s
		  LEFT JOIN LATERAL (SELECT count(*) AS runs, sum(rows_in) AS rows_in, sum(rows_inserted + rows_updated + rows_deleted) AS rows_written,
		                            round(avg(exec_ms)::numeric, 1) AS run_ms, round(max(exec_ms)::numeric, 1) AS slowest_ms
		                       FROM dataplat.pipeline_run AS r WHERE r.pipeline = s.pipeline AND r.kind = 'live') AS r ON true;
	EOF
}

show_next() {
	step "Go on"
	say "It all keeps running: the server, the broker, and the events for $((DEMO_SECONDS / 60)) minutes.  Connect:" "" \
		"    $PLACE_BIN/psql -h $PLACE/sock -U postgres shop" "" \
		"and try:" "" \
		"    SELECT * FROM dataplat.source_status;            -- \\watch 1" \
		"    SELECT * FROM dataplat.peek_topic('shop', '${PREFIX}orders');" \
		"    SELECT value ->> 'status', count(*) FROM bronze.orders GROUP BY 1;" \
		"    SELECT * FROM dataplat.pipeline_status;          -- \watch 1" \
		"    SELECT * FROM gold.top_products;                 -- \watch 1" \
		"    SELECT * FROM dataplat.explain_pipeline('gold_products');" \
		"    SELECT * FROM dataplat.explain_pipeline('silver_orders', execute => true);  -- the next run, and undone" \
		"    SELECT * FROM dataplat.verify_pipeline('gold_revenue');" \
		"    SELECT * FROM dataplat.pipeline_run ORDER BY run_id DESC LIMIT 10;" \
		"    SELECT * FROM dataplat.describe('gold.products');" \
		"    SELECT * FROM dataplat.impact('silver.orders', 'amount');" \
		"    SELECT * FROM dataplat.profile('silver.orders');" \
		"    SELECT dataplat.show_create('order_items');" \
		"    BEGIN; SELECT * FROM dataplat.seek_source('inventory', 'earliest'); ROLLBACK;" "" \
		"The log: $PLACE/out/server.log.  Stop and remove it:   make demo-stop"
}

case ${1:-start} in
	stop) stop_demos; exit ;;
	start) ;;
	*) echo "usage: demo.sh [start | stop]" >&2; exit 2 ;;
esac

"$ROOT/test/kit/prereqs.sh" build contrib
asked_keep=${KEEP:-}
[ -n "$asked_keep" ] || KEEP=$(mktemp -d /tmp/dataplat-demo-XXXXXX)
place_open
KEEP=$asked_keep
step "Building dataplat and a private copy of PostgreSQL in $PLACE"
place_build pg
as make -s -C "$PLACE/src-pg/test/tools" "$PLACE/src-pg/build/tools/dp_events" >"$PLACE/out/tools.log" 2>&1 || { cat "$PLACE/out/tools.log" >&2; exit 1; }
TOOLS=$PLACE/src-pg/build/tools

step "Starting PostgreSQL and a broker"
mkdir -p "$PLACE/sock"
cat >"$PLACE/demo.conf" <<-EOF
	shared_preload_libraries = 'dataplat'
	max_worker_processes = 32
	unix_socket_permissions = 0700
	timezone = 'UTC'
EOF
place_start "$PLACE/demo.conf"
chmod 700 "$PLACE/sock"
start_broker
ask -c 'CREATE DATABASE shop'
place_env+=(PGDATABASE=shop)
show <<<'CREATE EXTENSION dataplat;'

show_sources
make_account
show_rows
show_state
show_dead_letters
show_pause
show_silver
show_gold
show_changes
show_quality
show_lineage
show_catalog
show_kill
show_verified
show_speed
show_end

[ "$DEMO_KEEP" != 0 ] || exit 0
printf '%s\n' "$ROOT" >"$PLACE/demo"
show_next
trap - EXIT INT TERM HUP
