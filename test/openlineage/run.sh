#!/usr/bin/env bash
# run.sh: "make check-openlineage", the published schemas as the judge of every event.
#
#	OPENLINEAGE_SPEC=dir make check-openlineage
#
# The folder is spec/ of an OpenLineage release: OpenLineage.json and facets/.
# No package registry has these files, so they must be given.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/../kit/private-pg.sh"

if [ ! -f "${OPENLINEAGE_SPEC:-}/OpenLineage.json" ]; then
	echo "set OPENLINEAGE_SPEC to the folder spec/ of an OpenLineage release (OpenLineage.json, facets/)"
	exit 1
fi
export PYTHONDONTWRITEBYTECODE=1
"$ROOT/test/kit/prereqs.sh" build test
work=$ROOT/build/openlineage
mkdir -p "$work"
"$ROOT/test/kit/venv.sh" "$work/venv" "jsonschema==4.23.0" referencing rfc3339-validator rfc3987

place_open
echo "== building"
place_build openlineage
place_start "$ROOT/test/kit/test.conf"
cp "$HERE/workload.sql" "$PLACE/out/workload.sql"
place_give "$PLACE/out" "$PLACE/out/workload.sql"
as psql -XAtq -d postgres -v out="$PLACE/out/events.jsonl" -f "$PLACE/out/workload.sql" >"$work/workload.txt"
cp "$PLACE/out/events.jsonl" "$work/events.jsonl"
"$work/venv/bin/python" "$HERE/check.py" "$OPENLINEAGE_SPEC" "$work/events.jsonl"
