#!/usr/bin/env bash
# run.sh: "make check-lineage", do the columns of TPC-H and TPC-DS come from where an independent tool says?
#
#	make check-lineage
#	make check-lineage ONLY=tpcds:14
#
# A private server; queries and tables are duckdb's, the judge is sqlglot, both from PyPI.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/../kit/private-pg.sh"
DUCKDB=1.1.3
SQLGLOT=30.30.0

export PYTHONDONTWRITEBYTECODE=1
"$ROOT/test/kit/prereqs.sh" build test avro
work=$ROOT/build/lineage
mkdir -p "$work"
"$ROOT/test/kit/venv.sh" "$work/venv" "duckdb==$DUCKDB" "sqlglot==$SQLGLOT"

place_open
echo "== building"
place_build lineage
cp "$ROOT/test/kit/test.conf" "$PLACE/test.conf"
place_start "$PLACE/test.conf"
mkdir -p "$PLACE/venv"
cp -a "$work/venv/." "$PLACE/venv"
place_give -R "$PLACE/venv"
as "$PLACE/venv/bin/python3" -B "$PLACE/src-lineage/test/lineage/check.py" --conninfo "dbname=postgres" --only "${ONLY:-}"
