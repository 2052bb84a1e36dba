#!/usr/bin/env bash
# run.sh: "make check-jsonschema", the public JSON-Schema-Test-Suite as the judge.
#
# Every case of the suite that comes with PyPI's jsonschema, on a private
# server.  Required cases must all hold, but for those that expected.txt names;
# optional ones are counted.  What fails is left in build/jsonschema.
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
	"$work/venv/bin/pip" download -q --no-deps --no-binary :all: -d "$work" "jsonschema==$JSONSCHEMA"
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
grep '^failed|required' "$work/report.txt" | cut -d'|' -f3-5 | sort >"$work/failed.txt" || true
if ! diff -u "$HERE/expected.txt" "$work/failed.txt"; then
	echo "required cases differ from test/jsonschema/expected.txt; see build/jsonschema/report.txt"
	exit 1
fi
echo "required cases: all as expected"
