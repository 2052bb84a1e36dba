#!/bin/bash
# Fuzz the decoders, each for some seconds: run.sh [SECONDS [NAME...]].
# With 0 seconds only the seed corpus runs.  Needs clang and its runtime.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-60}
shift || true
names=${*:-$(cd test/fuzz && ls ./*_fuzz.c | sed 's|^./||; s|_fuzz.c$||')}
clang=${CLANG:-$(command -v clang-14 || command -v clang)}
include=$(${PG_CONFIG:-pg_config} --includedir-server)
work=${FUZZ_DIR:-$(mktemp -d)}
# How floats are spelled is the server's, in libraries of its own.
libraries=$(${PG_CONFIG:-pg_config} --pkglibdir)

for name in $names; do
	# A program of a room above formats is named after it: avro_decode.
	sources=(src/common/error.c)
	for file in src/formats/*.c "src/${name%%_*}"/*.c; do
		case $file in *_sql.c | *'*'*) ;; *) sources+=("$file") ;; esac
	done
	# Server headers name gcc's printf check, which clang does not know.
	"$clang" -g -O1 -Wall -Wextra -Werror -Wno-ignored-attributes \
		-Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-Isrc -Itest/fuzz -I"$include" -o "$work/$name" \
		"test/fuzz/${name}_fuzz.c" "${sources[@]}" "$libraries/libpgcommon.a" "$libraries/libpgport.a" -lm -lz
	mkdir -p "$work/$name.corpus"
	log=$work/$name.log
	if [ "$seconds" = 0 ]; then
		set -- "test/fuzz/corpus/$name"/*
	else
		set -- -max_total_time="$seconds" -max_len=4096 -timeout=25 \
			-print_final_stats=1 -artifact_prefix="$work/$name." \
			"$work/$name.corpus" "test/fuzz/corpus/$name"
	fi
	if ! "$work/$name" "$@" >"$log" 2>&1; then
		tail -n 60 "$log"
		echo "fuzz $name: FAILED, see $work/$name.*"
		exit 1
	fi
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	echo "fuzz $name: ok${runs:+, $runs inputs}"
done
