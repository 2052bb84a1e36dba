#!/usr/bin/env bash
# run.sh: "make check-avro", do others' Avro messages mean to us what they mean to them?
#
#	make check-avro                    10,000 schemas and values each, 2,000 pairs
#	make check-avro ROUNDS=500 SEED=7
#
# A private server; fastavro from PyPI and libavro-c from the system are the others.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/../kit/private-pg.sh"
: "${ROUNDS:=10000}" "${PAIRS:=$((ROUNDS / 5))}" "${SEED:=$RANDOM}"
FASTAVRO=1.13.1

export PYTHONDONTWRITEBYTECODE=1
"$ROOT/test/kit/prereqs.sh" build test bench avro
work=$ROOT/build/avro
mkdir -p "$work"
"$ROOT/test/kit/venv.sh" "$work/venv" "fastavro==$FASTAVRO"

place_open
echo "== building"
place_build avro
cp "$ROOT/test/kit/test.conf" "$PLACE/test.conf"
place_start "$PLACE/test.conf"
mkdir -p "$PLACE/venv" "$PLACE/tools"
cp -a "$work/venv/." "$PLACE/venv"
make -s -C "$ROOT/test/tools" avro "OUT=$PLACE/tools"
place_give -R "$PLACE/venv" "$PLACE/tools"
as "$PLACE/venv/bin/python3" -B "$PLACE/src-avro/test/avro/check.py" --conninfo "dbname=postgres" \
	--seed "$SEED" --rounds "$ROUNDS" --pairs "$PAIRS" --oracle "$PLACE/tools/avro_oracle"
