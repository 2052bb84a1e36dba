#!/usr/bin/env bash
# run.sh: "make check-openlineage", the published schemas as the judge of every event.
#
#	make check-openlineage       a workload that makes each kind of event
#	make check-openlineage-all   and every event that the whole test run makes
#
# OPENLINEAGE_SPEC names the folder spec/ of an OpenLineage release (OpenLineage.json
# and facets/), which no package registry has.  Without it the schemas are put
# together from the classes that OpenLineage makes of them, which PyPI has (schemas.py).
#
# run.sh all [SUITE...] runs the suites (all but lint), whose servers write down
# what they make (collect.sql), into build/openlineage/events; run.sh judge DIR
# judges such a folder once more.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/../kit/private-pg.sh"

if [ -n "${OPENLINEAGE_SPEC:-}" ] && [ ! -f "$OPENLINEAGE_SPEC/OpenLineage.json" ]; then
	echo "OPENLINEAGE_SPEC is not the folder spec/ of an OpenLineage release (OpenLineage.json, facets/)"
	exit 1
fi
export PYTHONDONTWRITEBYTECODE=1
work=$ROOT/build/openlineage
mkdir -p "$work"

judge() {
	local spec=${OPENLINEAGE_SPEC:-}
	"$ROOT/test/kit/venv.sh" "$work/venv" "jsonschema==4.23.0" referencing rfc3339-validator rfc3987 "openlineage-python==1.54.0"
	if [ -z "$spec" ]; then
		spec=$work/spec
		rm -rf "$spec"
		"$work/venv/bin/python" "$HERE/schemas.py" "$spec"
		echo "== schemas of openlineage-python's classes"
	fi
	"$work/venv/bin/python" "$HERE/check.py" "$spec" "$1"
}

workload() (
	place_open
	echo "== building"
	place_build openlineage
	place_start "$ROOT/test/kit/test.conf"
	cp "$HERE/workload.sql" "$PLACE/out/workload.sql"
	place_give "$PLACE/out" "$PLACE/out/workload.sql"
	as psql -XAtq -d postgres -v out="$PLACE/out/events.jsonl" -f "$PLACE/out/workload.sql" >"$work/workload.txt"
	cp "$PLACE/out/events.jsonl" "$work/events.jsonl"
)

# The place of the events is one that every user can reach.
whole_run() {
	local events rc=0
	[ $# -gt 0 ] || set -- regress isolation pgtap tap kafka
	events=$(mktemp -d /tmp/dataplat-events-XXXXXX)
	chmod 755 "$events"
	DATAPLAT_TEST_EVENTS=$events "$ROOT/test/kit/run.sh" "$@" || rc=$?
	rm -rf "$work/events"
	mkdir "$work/events"
	cp "$events"/*.jsonl "$work/events/" || rc=1
	rm -rf "$events"
	echo "== judging $work/events"
	judge "$work/events" || rc=1
	return $rc
}

case ${1:-} in
	"")
		"$ROOT/test/kit/prereqs.sh" build test
		workload
		judge "$work/events.jsonl"
		;;
	all)
		shift
		whole_run "$@"
		;;
	judge) judge "$2" ;;
	*)
		sed -n '2,14s/^# \{0,1\}//p' "$0" >&2
		exit 2
		;;
esac
