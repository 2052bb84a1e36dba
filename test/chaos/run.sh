#!/usr/bin/env bash
# run.sh: the long fault runs, "make check-chaos".
#
# Each file here is one story on a private server with kill points and a real
# Kafka.  SEED=n repeats a run; T=name chooses a file.  The last line is
# "N passed, N failed"; each check of a story counts.
set -uo pipefail
. "$(dirname "$0")/../kit/private-pg.sh"

: "${T:=}" "${SEED:=$RANDOM}"
export SEED
# A run that takes longer hangs, seconds.
CHAOS_LIMIT=1800

"$ROOT/test/kit/prereqs.sh" build test kafka || exit 1
"$ROOT/test/kafka/kafka.sh" install >/dev/null || exit 1
DATAPLAT_KAFKA_HOME=$("$ROOT/test/kafka/kafka.sh" home)
place_open
echo "== building (with kill points)"
place_build chaos DATAPLAT_INJECTION=1 || exit 1
SRC=$PLACE/src-chaos
as make -s -C "$SRC/test/tools" "PG_CONFIG=$PLACE_CONFIG" >"$PLACE/out/tools.log" 2>&1 || {
	tail -n 30 "$PLACE/out/tools.log"
	exit 1
}
modules=$PLACE_PGXS/src/test/perl
[ -d "$modules/PostgreSQL" ] || modules=$(compgen -G '/usr/lib/postgresql/*/lib/pgxs/src/test/perl' | tail -n 1)

passed=0
failed=0
for f in "$SRC"/test/chaos/*"$T"*.pl; do
	name=$(basename "$f" .pl)
	dir=$PLACE/out/chaos/$name
	mkdir -p "$dir"
	place_give "$PLACE/out/chaos" "$dir"
	echo "== $name, seed $SEED"
	as env -C "$dir" "TESTDIR=$dir" "TESTLOGDIR=$dir/tmp_check/log" "TESTDATADIR=$dir/tmp_check" \
		"PG_REGRESS=$PLACE_PGXS/src/test/regress/pg_regress" "top_builddir=$dir" "PG_CONFIG=$PLACE_CONFIG" \
		"DATAPLAT_SRC=$SRC" "DATAPLAT_KAFKA_HOME=$DATAPLAT_KAFKA_HOME" PG_TEST_TIMEOUT_DEFAULT=180 \
		timeout -k 20 "$CHAOS_LIMIT" prove -v -I "$modules" -I "$SRC/test/perl" "$f" 2>&1 </dev/null | tee "$dir/output" |
		grep --line-buffered -E '^(ok|not ok|# )'
	rc=${PIPESTATUS[0]}
	good=$(grep -c '^ok ' "$dir/output")
	bad=$(grep -c '^not ok ' "$dir/output")
	if [ "$rc" != 0 ] && [ "$bad" = 0 ]; then
		bad=1
		tail -n 30 "$dir/output"
	fi
	[ "$bad" = 0 ] || tail -n 40 "$dir"/tmp_check/log/*main.log
	passed=$((passed + good))
	failed=$((failed + bad))
done
echo "seed $SEED"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
