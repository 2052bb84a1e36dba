#!/usr/bin/env bash
# run.sh: "make check-contract", are our data contracts those of the Open Data Contract Standard?
#
# A private server; the JSON Schema and the linter of datacontract-cli from PyPI are the judges.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/../kit/private-pg.sh"
: "${SEED:=$RANDOM}"
DATACONTRACT=1.2.8

export PYTHONDONTWRITEBYTECODE=1
"$ROOT/test/kit/prereqs.sh" build test avro
work=$ROOT/build/contract
mkdir -p "$work"
"$ROOT/test/kit/venv.sh" "$work/venv" "datacontract-cli==$DATACONTRACT" "jsonschema[format]" psycopg2-binary

place_open
echo "== building"
place_build contract
cp "$ROOT/test/kit/test.conf" "$PLACE/test.conf"
place_start "$PLACE/test.conf"
mkdir -p "$PLACE/venv"
cp -a "$work/venv/." "$PLACE/venv"
place_give -R "$PLACE/venv"
as "$PLACE/venv/bin/python3" -B "$PLACE/src-contract/test/contract/check.py" --conninfo "dbname=postgres" --seed "$SEED"
