#!/usr/bin/env bash
# run.sh: "make check-protobuf", do we read and write Protobuf as the official runtime does?
#
#	make check-protobuf                     10,000 random messages, then the conformance cases
#	make check-protobuf ROUNDS=500 SEED=7
#
# protoc and the official Python runtime come from PyPI; a private server.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/../kit/private-pg.sh"
: "${ROUNDS:=10000}" "${SEED:=$RANDOM}"
PROTOBUF=7.36.2
GRPC_TOOLS=1.85.1

export PYTHONDONTWRITEBYTECODE=1
"$ROOT/test/kit/prereqs.sh" build test bench
work=$ROOT/build/protobuf
mkdir -p "$work"
"$ROOT/test/kit/venv.sh" "$work/venv" "protobuf==$PROTOBUF" "grpcio-tools==$GRPC_TOOLS"

place_open
echo "== building"
place_build protobuf
cp "$ROOT/test/kit/test.conf" "$PLACE/test.conf"
place_start "$PLACE/test.conf"
as psql -Xq -d postgres -c "CREATE EXTENSION dataplat"
as psql -Xq -d postgres -c "ALTER SYSTEM SET log_min_messages = fatal" -c "SELECT pg_reload_conf()" >/dev/null

# The judges run as the caller, who can read the virtual environment.
judge() {
	PYTHONPATH="$ROOT/test/incremental" "$work/venv/bin/python" -B "$HERE/$1" \
		--conninfo "host=$PLACE/sock port=5432 user=postgres dbname=postgres" "${@:2}"
}

failed=0
echo "== random schemas and messages, SEED=$SEED"
judge check.py --seed "$SEED" --rounds "$ROUNDS" || failed=1
echo "== conformance"
judge conformance.py || failed=1
exit $failed
