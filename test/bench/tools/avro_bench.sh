#!/usr/bin/env bash
# avro_bench.sh: build and run avro_bench.c [ROUNDS [KIND]].  Needs libavro-c; no server.
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
# As the extension is built, so that the figures are its own.
read -ra flags <<<"$("$pg_config" --cflags)"
gcc "${flags[@]}" -fPIC -fvisibility=hidden -std=gnu99 -w -Isrc -I"$("$pg_config" --includedir-server)" -o "$work/avro_bench" \
	test/bench/tools/avro_bench.c "${sources[@]}" "$libraries/libpgcommon.a" "$libraries/libpgport.a" -lavro -lm -lz
"$work/avro_bench" "$@"
