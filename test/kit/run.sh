#!/usr/bin/env bash
# run.sh [--installed] SUITE...: run test suites, say what failed and why.
#
# Suites: lint, regress, isolation, pgtap, tap, kafka.  T=name runs only the
# tests whose name is or contains that.  All suites run, whatever fails on the
# way; each test file counts as one; the last line is "N passed, N failed".
#
# regress, isolation and pgtap run on the library as it is released; tap and
# kafka on a second build that has the kill points of the crash tests.
# ACCEPT=1 takes what a failing regress or isolation test printed as expected.
# With DATAPLAT_COVERAGE there is one build for all, see coverage.sh.
# --installed skips both builds and tests what PG_CONFIG's server has.
# DATAPLAT_TEST_EVENTS=dir: see private-pg.sh; each suite writes files of its
# own, named after its tests.
set -uo pipefail
. "$(dirname "$0")/private-pg.sh"

INSTALLED=
if [ "${1:-}" = --installed ]; then
	INSTALLED=1
	shift
fi
[ $# -gt 0 ] || set -- lint regress isolation pgtap tap kafka
: "${T:=}" "${JOBS:=2}"
# No test may take longer; a hang is a failure, not a wait.
: "${FILE_LIMIT:=900}"

passed=0
failed=0
failures=()

pass() { passed=$((passed + 1)); printf 'ok      %s\n' "$1"; }
fail() { failed=$((failed + 1)); failures+=("$1"); printf 'FAILED  %s\n' "$1"; }

# Print the paths among the arguments whose name T asks for.
chosen() {
	local f base exact=
	for f in "$@"; do
		base=$(basename "$f")
		[ "${base%.*}" != "$T" ] || exact=1
	done
	for f in "$@"; do
		[ -e "$f" ] || continue
		base=$(basename "$f")
		if [ -n "$exact" ]; then
			[ "${base%.*}" != "$T" ] || echo "$f"
		else
			case ${base%.*} in *"$T"*) echo "$f" ;; esac
		fi
	done
}

names() { local f; while read -r f; do f=$(basename "$f"); echo "${f%.*}"; done; }

# Make the server of this flavour ready: release or injection.
use_flavour() {
	if [ -n "$INSTALLED" ]; then
		place_use "$PG_CONFIG"
		SRC=$PLACE/src
		[ -d "$SRC" ] || place_sources src
		return 0
	fi
	case $1 in
		coverage) SRC=$PLACE/src-coverage; set -- DATAPLAT_INJECTION=1 DATAPLAT_COVERAGE=1 ;;
		release) SRC=$PLACE/src-release; set -- ;;
		injection) SRC=$PLACE/src-injection; set -- DATAPLAT_INJECTION=1 ;;
	esac
	place_build "${SRC##*-}" "$@" || return 1
	if [ $# = 0 ] && nm -D --defined-only "$PLACE/src-release/dataplat.so" | grep -qi injection; then
		echo "the release library exports an injection symbol" >&2
		return 1
	fi
}

# regress_like SUITE PROGRAM INPUTDIR TESTS...: pg_regress or the isolation
# tester, on a server that it starts and stops itself.
regress_like() {
	local suite=$1 program=$2 input=$3 out=$PLACE/out/$1 line name
	shift 3
	rm -rf "$out"
	mkdir -p "$out"
	place_give "$out"
	# pg_regress ends its server itself, so the last of its tests asks for what is left.
	if [ -n "${DATAPLAT_TEST_EVENTS:-}" ]; then
		case $suite in
			regress) cp "$SRC/test/openlineage/events_left.sql" "$input/sql/" && cp "$SRC/test/openlineage/events_left.out" "$input/expected/" ;;
			isolation)
				cp "$SRC/test/openlineage/events_left.spec" "$input/specs/"
				cp "$SRC/test/openlineage/events_left_isolation.out" "$input/expected/events_left.out"
				;;
		esac
		set -- "$@" events_left
	fi
	for name in "$@"; do
		# pg_regress gives up altogether when one is missing
		if ! compgen -G "$input/expected/$name*.out" >/dev/null; then
			: >"$input/expected/$name.out"
			echo "there is no expected/$name.out yet"
		fi
	done
	as env "DATAPLAT_TEST_NAME=$suite" timeout $((FILE_LIMIT * 3)) "$PLACE_PGXS/src/test/$program" --inputdir="$input" --outputdir="$out" --bindir="$PLACE_BIN" \
		--temp-instance="$out/instance" --temp-config="$ROOT_CONF" --dbname="dataplat_$suite" \
		--load-extension=dataplat --no-locale --encoding=UTF8 "$@" >"$out/report" 2>&1 </dev/null
	for name in "$@"; do
		# "test x ... ok" up to 15, "ok 1 - x" from 16 on
		if grep -qE "^(test +$name +\.\.\. +ok|ok +[0-9]+ +[-+] +$name )" "$out/report"; then
			pass "$suite/$name"
		else
			fail "$suite/$name"
			if [ -n "${ACCEPT:-}" ] && [ -f "$out/results/$name.out" ]; then
				cp "$out/results/$name.out" "$ROOT${input#"$SRC"}/expected/$name.out"
				echo "accepted: read each line of $ROOT${input#"$SRC"}/expected/$name.out"
				continue
			fi
			if [ -s "$out/regression.diffs" ] && grep -qF "results/$name.out" "$out/regression.diffs"; then
				awk -v n="results/$name.out" '/^diff /{p = index($0, n)} p' "$out/regression.diffs" | head -n 80
			elif ! grep -qE "^(test|ok|not ok)" "$out/report"; then
				tail -n 20 "$out/report"
				tail -n 20 "$out/log/postmaster.log" "$out"/log/initdb.log 2>/dev/null
			fi
		fi
	done
	line=$(grep -hE 'PANIC|TRAP|terminated by signal' "$out"/log/postmaster.log "$out"/instance/log/* 2>/dev/null | head -n 5)
	[ -z "$line" ] || printf '%s\n' "the server's log has:" "$line"
}

suite_regress() {
	local tests
	mapfile -t tests < <(chosen "$SRC"/sql/*.sql | names)
	[ ${#tests[@]} = 0 ] || regress_like regress regress/pg_regress "$SRC" "${tests[@]}"
}

suite_isolation() {
	local tests
	mapfile -t tests < <(chosen "$SRC"/test/isolation/specs/*.spec | names)
	[ ${#tests[@]} = 0 ] || regress_like isolation isolation/pg_isolation_regress "$SRC/test/isolation" "${tests[@]}"
}

suite_pgtap() {
	local tests f log
	mapfile -t tests < <(chosen "$SRC"/test/pgtap/*.sql)
	[ ${#tests[@]} -gt 0 ] || return 0
	place_env+=("DATAPLAT_TEST_NAME=pgtap")
	place_start || { fail pgtap/server; return; }
	as psql -Xq -v ON_ERROR_STOP=1 -c 'CREATE DATABASE dataplat_pgtap' || { fail pgtap/database; return; }
	as psql -Xq -v ON_ERROR_STOP=1 -d dataplat_pgtap -c 'CREATE EXTENSION pgtap; CREATE EXTENSION dataplat' || { fail pgtap/extension; return; }
	for f in "${tests[@]}"; do
		log=$PLACE/out/pgtap-$(basename "$f").log
		if as timeout $FILE_LIMIT pg_prove -v -d dataplat_pgtap "$f" >"$log" 2>&1 </dev/null; then
			pass "pgtap/$(basename "$f" .sql)"
		else
			fail "pgtap/$(basename "$f" .sql)"
			grep -vE '^ok ' "$log" | tail -n 60
		fi
	done
	place_stop
}

# One TAP file in a directory of its own; what it printed is kept for later.
prove_one() {
	local suite=$1 f=$2 name dir config
	name=$(basename "$f" .pl)
	dir=$PLACE/out/$suite/$name
	config=$PLACE_CONFIG
	rm -rf "$dir"
	mkdir -p "$dir"
	place_give "$PLACE/out/$suite" "$dir"
	as env -C "$dir" "TESTDIR=$dir" "TESTLOGDIR=$dir/tmp_check/log" "TESTDATADIR=$dir/tmp_check" \
		"PG_REGRESS=$PLACE_PGXS/src/test/regress/pg_regress" "top_builddir=$dir" "PG_CONFIG=$config" \
		"DATAPLAT_SRC=$SRC" "DATAPLAT_TEST_NAME=$suite.$name" "DATAPLAT_KAFKA_HOME=${DATAPLAT_KAFKA_HOME:-}" PG_TEST_TIMEOUT_DEFAULT=120 \
		timeout -k 20 "$FILE_LIMIT" prove -v -I "$PERL_MODULES" -I "$SRC/test/perl" "$f" >"$dir/output" 2>&1 </dev/null
	echo $? >"$dir/rc"
}

suite_prove() {
	local suite=$1 f name dir running=0 tests log
	shift
	mapfile -t tests < <(chosen "$@")
	[ ${#tests[@]} -gt 0 ] || return 0
	# A server built without TAP support lacks the modules; another's will do.
	PERL_MODULES=$PLACE_PGXS/src/test/perl
	if [ ! -d "$PERL_MODULES/PostgreSQL" ]; then
		PERL_MODULES=$(compgen -G '/usr/lib/postgresql/*/lib/pgxs/src/test/perl' | tail -n 1)
	fi
	for f in "${tests[@]}"; do
		[ "$running" -lt "$JOBS" ] || { wait -n; running=$((running - 1)); }
		prove_one "$suite" "$f" &
		running=$((running + 1))
	done
	wait
	for f in "${tests[@]}"; do
		name=$(basename "$f" .pl)
		dir=$PLACE/out/$suite/$name
		if [ "$(cat "$dir/rc" 2>/dev/null)" = 0 ]; then
			if grep -q '^ok ' "$dir/output"; then
				pass "$suite/$name"
			else
				printf 'skipped %s: %s\n' "$suite/$name" "$(grep -oi 'skip.*' "$dir/output" | head -n 1)"
			fi
			continue
		fi
		fail "$suite/$name"
		[ "$(cat "$dir/rc" 2>/dev/null)" != 124 ] || echo "stopped after $FILE_LIMIT s"
		grep -vE '^ok ' "$dir/output" | tail -n 60
		for log in "$dir"/tmp_check/log/regress_log_* "$dir"/tmp_check/log/*.log; do
			[ -s "$log" ] || continue
			echo "--- the end of $(basename "$log")"
			tail -n 25 "$log"
		done
	done
}

suite_tap() {
	build_tools || { fail tap/tools; return; }
	suite_prove tap "$SRC"/test/t/*.pl
}

suite_kafka() {
	local tests version
	mapfile -t tests < <(chosen "$SRC"/test/kafka/t/*.pl)
	[ ${#tests[@]} -gt 0 ] || return 0
	"$ROOT/test/kit/prereqs.sh" kafka || { fail kafka/prereqs; return; }
	# The brokers that these tests name, and the one that goes without saying.
	for version in 4.1.1 $(grep -hoE "version *=> *'[0-9.]+'" "${tests[@]}" | grep -oE '[0-9.]+' | sort -u); do
		KAFKA_VERSION=$version "$ROOT/test/kafka/kafka.sh" install >"$PLACE/out/kafka-install.log" 2>&1 && continue
		tail -n 20 "$PLACE/out/kafka-install.log"
		fail "kafka/install-$version"
		return
	done
	DATAPLAT_KAFKA_HOME=$("$ROOT/test/kafka/kafka.sh" home)
	build_tools || { fail kafka/tools; return; }
	suite_prove kafka "$SRC"/test/kafka/t/*.pl
}

# Small C programs that the tests use, where there are any.
build_tools() {
	[ ! -f "$SRC/test/tools/Makefile" ] || as make -s -C "$SRC/test/tools" "PG_CONFIG=$PLACE_CONFIG" >"$PLACE/out/tools.log" 2>&1 || {
		tail -n 30 "$PLACE/out/tools.log"
		return 1
	}
}

suite_lint() {
	local rule out
	while read -r rule; do
		if out=$(cd "$ROOT" && DATAPLAT_SO=${DATAPLAT_SO:-} timeout $FILE_LIMIT bash "$rule" 2>&1); then
			pass "lint/$(basename "$rule" .sh)"
		else
			fail "lint/$(basename "$rule" .sh)"
			printf '%s\n' "$out"
		fi
	done < <(chosen "$ROOT"/test/lint/[a-z]*.sh)
}

needs=(build)
for suite in "$@"; do
	case $suite in
		lint) needs+=(lint) ;;
		regress | isolation | pgtap | tap) needs+=(test) ;;
		kafka) needs+=(test kafka) ;;
		*) echo "no suite named \"$suite\"" >&2; exit 2 ;;
	esac
done
"$ROOT/test/kit/prereqs.sh" "${needs[@]}" || exit 1

place_open
ROOT_CONF=$PLACE/test.conf
cp "$ROOT/test/kit/test.conf" "$ROOT_CONF"

# The release flavour first, then the one with kill points.
flavour=
broken=
for suite in "$@"; do
	case $suite in
		lint) want= ;;
		regress | isolation | pgtap) want=release ;;
		tap | kafka) want=injection ;;
	esac
	[ -z "$want" ] || [ -z "${DATAPLAT_COVERAGE:-}" ] || want=coverage
	if [ -n "$want" ] && [ "$want" != "$flavour" ]; then
		[ "$want" != "$broken" ] || continue
		echo "== building ($want)"
		use_flavour "$want" || { fail "build/$want"; flavour="" broken=$want; continue; }
		flavour=$want
		[ "$want" != release ] || DATAPLAT_SO=$SRC/dataplat.so
	fi
	echo "== $suite"
	case $suite in
		lint) suite_lint ;;
		regress) suite_regress ;;
		isolation) suite_isolation ;;
		pgtap) suite_pgtap ;;
		tap) suite_tap ;;
		kafka) suite_kafka ;;
	esac
done

if [ $((passed + failed)) = 0 ]; then
	echo "there is no such test${T:+: \"$T\"}"
	[ -z "$T" ] || failed=1
fi
[ ${#failures[@]} = 0 ] || { echo "failed:"; printf '  %s\n' "${failures[@]}"; }
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
