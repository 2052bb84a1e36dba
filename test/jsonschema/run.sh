#!/usr/bin/env bash
# run.sh: "make check-jsonschema", the public JSON-Schema-Test-Suite as the judge.
#
# Every case of the suite that comes with PyPI's jsonschema, on a private
# server.  Required cases must all hold; optional ones are counted.  What does
# not hold is left in build/jsonschema.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/../kit/private-pg.sh"
JSONSCHEMA=4.23.0

export PYTHONDONTWRITEBYTECODE=1
"$ROOT/test/kit/prereqs.sh" build test bench
work=$ROOT/build/jsonschema
mkdir -p "$work"
if [ ! -d "$work/suite" ]; then
	"$ROOT/test/kit/venv.sh" "$work/venv" pip
	"$work/venv/bin/pip" download -q --no-deps --no-binary jsonschema -d "$work" "jsonschema==$JSONSCHEMA"
	rm -rf "$work/unpacked"
	mkdir "$work/unpacked"
	tar xzf "$work/jsonschema-$JSONSCHEMA.tar.gz" -C "$work/unpacked"
	mv "$work/unpacked/jsonschema-$JSONSCHEMA/json" "$work/suite"
	rm -rf "$work/unpacked"
fi

place_open
echo "== building"
place_build jsonschema
place_start "$ROOT/test/kit/test.conf"
python3 "$HERE/cases.py" "$work/suite" >"$PLACE/out/cases.tsv"
cp "$HERE/cases.sql" "$PLACE/out/cases.sql"
place_give "$PLACE/out/cases.tsv" "$PLACE/out/cases.sql"
as psql -XAtq -d postgres -c "CREATE EXTENSION dataplat"
as psql -XAtq -d postgres -v cases="$PLACE/out/cases.tsv" -f "$PLACE/out/cases.sql" >"$work/report.txt"

grep '^summary' "$work/report.txt" | cut -d'|' -f2- | sed 's/|/  /g'
if [ "$(grep -c '^summary|.*|required|' "$work/report.txt")" != 5 ]; then
	echo "some draft has no cases"
	exit 1
fi
if grep '^failed|required' "$work/report.txt" | cut -d'|' -f3-; then
	echo "required cases do not hold; see build/jsonschema/report.txt"
	exit 1
fi
echo "required cases: all hold"
