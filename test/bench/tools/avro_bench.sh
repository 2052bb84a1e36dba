#!/usr/bin/env bash
# avro_bench.sh: build and run avro_bench.c.  Needs libavro-c; no server.
set -euo pipefail
cd "$(dirname "$0")/../../.."
pg_config=${PG_CONFIG:-pg_config}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sources=(src/common/error.c)
for file in src/formats/*.c src/avro/*.c; do
	case $file in *_sql.c) ;; *) sources+=("$file") ;; esac
done
libraries=$("$pg_config" --pkglibdir)
gcc -O2 -std=gnu99 -Wno-format -Isrc -I"$("$pg_config" --includedir-server)" -o "$work/avro_bench" \
	test/bench/tools/avro_bench.c "${sources[@]}" "$libraries/libpgcommon.a" "$libraries/libpgport.a" -lavro -lm -lz
"$work/avro_bench"
