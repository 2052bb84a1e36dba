#!/usr/bin/env bash
# format.sh [--check] [FILE...]: indent C the way PostgreSQL does.
#
# pg_bsd_indent wants to know every type name; those of the server are taken
# from its headers, ours from src/.  --check changes nothing and fails when a
# file would change.
set -euo pipefail
cd "$(dirname "$0")/../.."
check=
if [ "${1:-}" = --check ]; then
	check=1
	shift
fi
test/kit/prereqs.sh format build
[ $# -gt 0 ] || mapfile -t -O 1 files < <(git ls-files 'src/*.c' 'src/*.h')
[ $# = 0 ] || files=("$@")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
{
	grep -rhoE '^\} [A-Za-z_][A-Za-z0-9_]*;' src "$("${PG_CONFIG:-pg_config}" --includedir-server)" | tr -d '};'
	grep -rhoE '^typedef [^({]*[ *]([A-Za-z_][A-Za-z0-9_]*);' src "$("${PG_CONFIG:-pg_config}" --includedir-server)" | sed -E 's/.*[ *]([A-Za-z_0-9]+);/\1/'
	grep -rhoE '^typedef .*\(\*([A-Za-z_][A-Za-z0-9_]*)\)' src "$("${PG_CONFIG:-pg_config}" --includedir-server)" | sed -E 's/.*\(\*([A-Za-z_0-9]+)\)/\1/'
	grep -rhoE '\brd_kafka_[a-z_]+_t\b' src
	printf '%s\n' bool uint8_t uint16_t uint32_t uint64_t int8_t int16_t int32_t int64_t size_t ssize_t FILE va_list time_t pthread_t pthread_mutex_t CURL __m128i
} | tr -d ' ' | grep -vxE 'text|date|type|string|interval|pointer' | sort -u >"$work/typedefs"

changed=0
for f in "${files[@]}"; do
	[ -n "$f" ] || continue
	pg_bsd_indent -bad -bap -bbb -bc -bl -cli1 -cp33 -cdb -nce -d0 -di12 -nfc1 -i4 -l79 -lp -lpl -nip -npro -sac -tpg -ts4 \
		-U"$work/typedefs" "$f" "$work/out.c" >"$work/log" 2>&1 || {
		cat "$work/log" >&2
		exit 1
	}
	# The program aligns the star of a function's result; people do not.
	sed -i -E 's/^([A-Za-z_][^[:space:]]*)[[:space:]]+\*$/\1 */' "$work/out.c"
	if ! cmp -s "$f" "$work/out.c"; then
		changed=$((changed + 1))
		if [ -n "$check" ]; then
			echo "$f is not indented:"
			diff "$f" "$work/out.c" | head -n 10 || true
		else
			cat "$work/out.c" >"$f"
			echo "indented $f"
		fi
	fi
done
if [ -n "$check" ] && [ $changed -gt 0 ]; then
	echo "$changed files: \"make format\" mends them"
	exit 1
fi
