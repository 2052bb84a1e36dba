#!/usr/bin/env bash
# demo.sh [start | stop]: a shop's events go from Kafka to bronze tables while you watch.
#
# Builds dataplat into a private copy of PostgreSQL, starts it beside an
# embedded broker, and shows in a minute what ingest does: sources, dead
# letters, pause, kill -9.  The server, the broker and the events go on when
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
		SELECT dataplat.fix_dead_letter(:id, '{"order_id": "O-demo", "status": "paid", "amount": 12}'::jsonb);
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

show_end() {
	step "dataplat.health: one row for each problem now, with what to do"
	show -x <<<'SELECT * FROM dataplat.health LIMIT 2;'
	let_pass 2

	step "Figures"
	show <<-EOF
		SELECT sum(rows) AS rows, sum(dead_letters) AS dead_letters, sum(lag) AS lag, max(lag_seconds) AS lag_seconds,
		       round($SPEED_ROWS / ($SPEED_MS / 1000.0)) AS backlog_rows_per_second
		  FROM dataplat.source_status;
		SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY _ingested_at - _timestamp) AS produced_to_stored_p50,
		       percentile_disc(0.99) WITHIN GROUP (ORDER BY _ingested_at - _timestamp) AS p99
		  FROM bronze.orders WHERE _timestamp > now() - interval '1 second';
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
		"    SELECT dataplat.show_create('order_items');" \
		"    BEGIN; SELECT * FROM dataplat.seek_source('inventory', 'earliest'); ROLLBACK;" "" \
		"The log: $PLACE/out/server.log.  Stop and remove it:   make demo-stop"
}

case ${1:-start} in
	stop) stop_demos; exit ;;
	start) ;;
	*) echo "usage: demo.sh [start | stop]" >&2; exit 2 ;;
esac

"$ROOT/test/kit/prereqs.sh" build
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
	max_worker_processes = 24
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
show_kill
show_speed
show_end

[ "$DEMO_KEEP" != 0 ] || exit 0
printf '%s\n' "$ROOT" >"$PLACE/demo"
show_next
trap - EXIT INT TERM HUP
