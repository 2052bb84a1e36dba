#!/usr/bin/env bash
# run.sh: "make check-quality", do results mean what Great Expectations' mean?
#
#	make check-quality                   every case over every table
#	make check-quality ONLY=between      cases whose kind or kwargs match
#
# A private server; Great Expectations from PyPI judges the same tables, and
# pandas and scipy judge random tables by the kinds that it lacks.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/../kit/private-pg.sh"

export PYTHONDONTWRITEBYTECODE=1
"$ROOT/test/kit/prereqs.sh" build test avro
work=$ROOT/build/quality
"$HERE/venv.sh" "$work"

place_open
echo "== building"
place_build quality
cp "$ROOT/test/kit/test.conf" "$PLACE/test.conf"
place_start "$PLACE/test.conf"
mkdir -p "$PLACE/venv"
cp -a "$work/venv/." "$PLACE/venv"
place_give -R "$PLACE/venv"
bad=0
as "$PLACE/venv/bin/python3" -B "$PLACE/src-quality/test/quality/check.py" --socket "$PLACE/sock" --only "${ONLY:-}" || bad=1
as "$PLACE/venv/bin/python3" -W ignore -B "$PLACE/src-quality/test/quality/check_python.py" --socket "$PLACE/sock" --only "${ONLY:-}" || bad=1
if [ -z "${ONLY:-}" ]; then
	as "$PLACE/venv/bin/python3" -B "$PLACE/src-quality/test/quality/profiles.py" --socket "$PLACE/sock" || bad=1
	as "$PLACE/venv/bin/python3" -B "$PLACE/src-quality/test/quality/anomalies.py" --socket "$PLACE/sock" --seed "${SEED:-$RANDOM}" --series "${SERIES:-1000}" || bad=1
fi
exit $bad
