#!/usr/bin/env bash
# coverage.sh [SUITE...]: which lines of src/ do the tests run?
#
# One build with --coverage, all suites on it, then gcovr; the report is in
# build/coverage.  Fails below the limit.
set -uo pipefail
. "$(dirname "$0")/private-pg.sh"
LIMIT=${LIMIT:-85}
[ $# -gt 0 ] || set -- regress isolation pgtap tap kafka
"$ROOT/test/kit/prereqs.sh" build test coverage || exit 1

# The tests run in a kept place, where the counters are written to.
KEEP=$(mktemp -d /tmp/dataplat-XXXXXX)
export KEEP DATAPLAT_COVERAGE=1
trap 'rm -rf "$KEEP"' EXIT
"$ROOT/test/kit/run.sh" "$@"
rc=$?

mkdir -p "$ROOT/build/coverage"
cd "$KEEP/src-coverage" || exit 1
gcovr --root . --filter 'src/' --exclude-throw-branches --print-summary --txt "$ROOT/build/coverage/summary.txt" \
	--html-details "$ROOT/build/coverage/index.html" --fail-under-line "$LIMIT" --object-directory . .
low=$?
sed -n '/^File/,/^TOTAL/p' "$ROOT/build/coverage/summary.txt" | sed -E 's/ +[0-9,-]+$//' | cut -c1-80
if [ $rc != 0 ]; then
	echo "some tests failed; the figure is of what ran"
fi
[ $low = 0 ] || echo "coverage is under $LIMIT % of the lines; build/coverage/index.html shows which"
[ $low = 0 ] && [ $rc = 0 ]
