#!/usr/bin/env bash
# run.sh: "make check-incremental", is incremental always equal to full?
#
#	make check-incremental                  10,000 rounds, then bronze and scd2
#	make check-incremental ROUNDS=500 SEED=7
#	make check-incremental ONLY=full_join,q13 KEEP_GOING=1
#
# A private server, TPC-H's queries from PyPI's duckdb, kills with kill -9.
# PARTS chooses: harness (it must see seeded faults), deltas (the change log alone), tables,
# generated (random queries), bronze.
# Reports and the log of all statements stay in build/incremental.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/../kit/private-pg.sh"
: "${ROUNDS:=10000}" "${SEED:=$RANDOM}" "${ONLY:=}" "${KEEP_GOING:=}" "${PARTS:=harness deltas tables generated bronze}"
DUCKDB=1.1.3

export PYTHONDONTWRITEBYTECODE=1
"$ROOT/test/kit/prereqs.sh" build test bench
work=$ROOT/build/incremental
mkdir -p "$work"
if [ ! -s "$work/tpch.json" ]; then
	"$ROOT/test/kit/venv.sh" "$work/venv" "duckdb==$DUCKDB"
	"$work/venv/bin/python" "$HERE/tpch.py" "$work/tpch.json"
fi

place_open
echo "== building"
place_build incremental
SRC=$PLACE/src-incremental
cp "$ROOT/test/kit/test.conf" "$PLACE/test.conf"
printf '%s\n' "max_prepared_transactions = 10" "dataplat.allowed_hosts = '*, 127.0.0.1'" "log_min_messages = error" >>"$PLACE/test.conf"
place_start "$PLACE/test.conf"
cp "$work/tpch.json" "$PLACE/tpch.json"
place_give "$PLACE/out"

failed=0
# part NAME LIMIT SCRIPT [ARGUMENT...]: run it on a database of its own.
part() {
	local name=$1 script=$2
	shift 2
	mkdir -p "$PLACE/out/$name"
	place_give "$PLACE/out/$name"
	as psql -Xq -d postgres -c "CREATE DATABASE $name"
	echo "== $name"
	as python3 -B "$SRC/test/incremental/$script" --conninfo "dbname=$name" --out "$PLACE/out/$name" --seed "$SEED" "$@" || failed=1
	rm -rf "${work:?}/$name"
	cp -r "$PLACE/out/$name" "$work/$name"
}

case $PARTS in *harness*)
	part harness harness.py ;;
esac
case $PARTS in *deltas*)
	part deltas deltas.py --rounds "$((ROUNDS / 10 + 1))" ;;
esac
case $PARTS in *tables*)
	part tables check.py --tpch "$PLACE/tpch.json" --rounds "$ROUNDS" --only "$ONLY" --kill-9 ${KEEP_GOING:+--keep-going} ;;
esac
case $PARTS in *generated*)
	part generated generated.py --rounds "$((ROUNDS / 5 + 1))" --no-kills ${KEEP_GOING:+--keep-going} ;;
esac
case $PARTS in *bronze*)
	as make -s -C "$SRC/test/tools" "PG_CONFIG=$PLACE_CONFIG" >"$PLACE/out/tools.log" 2>&1 || { tail -n 30 "$PLACE/out/tools.log"; exit 1; }
	part bronze bronze.py --tools "$SRC/build/tools" ;;
esac
exit $failed
