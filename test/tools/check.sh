#!/usr/bin/env bash
# check.sh: run each tool against dp_mockd and look whether what it says is so.
#
# Needs the built tools and nothing else.  Prints TAP.
set -uo pipefail
export LC_ALL=C					# some messages are no text

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BIN=${DP_TOOLS:-$ROOT/build/tools}
PLACE=$(mktemp -d "${TMPDIR:-/tmp}/dp-tools.XXXXXX")
number=0
failures=0

cleanup()
{
	[ -z "${MOCKD_PID:-}" ] || kill "$MOCKD_PID" 2>/dev/null
	rm -rf "$PLACE"
}
trap cleanup EXIT

# is NAME WANTED GOT
is()
{
	number=$((number + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $number - $1"
	else
		failures=$((failures + 1))
		printf 'not ok %d - %s\n' "$number" "$1"
		printf '# wanted: %s\n# got:    %s\n' "${2//$'\n'/ | }" "${3//$'\n'/ | }"
	fi
}

# ask COMMAND: say it to the mock broker and print its answer
ask()
{
	local answer

	echo "$*" >&"${MOCKD[1]}"
	read -r -t 10 answer <&"${MOCKD[0]}"
	echo "$answer"
}

kafka() { "$BIN/dp_kafka" "$@"; }
status() { "$@" >"$PLACE/out" 2>"$PLACE/err"; echo $?; }
messages() { kafka consume "$1" | awk '{ n += $5 } END { print n + 0 }'; }
sums() { kafka consume "$1" | awk '{ print $1, $5, $7 }' | cksum; }

coproc MOCKD { exec "$BIN/dp_mockd" -n 2 -f "$PLACE/bootstrap" plain:1 oracle:8 again:8 shop-{customers,orders,order_items,inventory,clicks}:2 \
	copy-{customers,orders,order_items,inventory,clicks}:2 flat:16 nested:16 lines:16; }
read -r -t 10 word DATAPLAT_KAFKA <&"${MOCKD[0]}"
export DATAPLAT_KAFKA

# dp_mockd
is 'the mock broker says where it is' "bootstrap $(cat "$PLACE/bootstrap")" "$word $DATAPLAT_KAFKA"
is 'a topic is made on command' ok "$(ask topic made 3)"
is 'it has the partitions that were asked for' 3 "$(kafka metadata made | grep -c '^partition')"
is 'nonsense is refused' 'error unknown command or wrong arguments' "$(ask leader made)"
is 'an unknown error name is refused' 'error unknown error name' "$(ask error Fetch NO_SUCH)"
is 'a leader moves' ok "$(ask leader plain 0 2)"
is 'the metadata shows it' 'partition plain 0 leader 2' "$(kafka metadata plain | grep -o '^partition plain 0 leader 2')"
is 'an error of a topic is set' ok "$(ask topic-error made TOPIC_AUTHORIZATION_FAILED)"
is 'the metadata tells it' 1 "$(status kafka metadata made)"
is 'it goes away' 'ok 0' "$(ask topic-error made 0) $(status kafka metadata made)"
is 'request errors are queued' ok "$(ask error Produce NOT_LEADER_FOR_PARTITION 6)"

# dp_kafka
is 'lines are produced, in spite of the errors' 3 "$(printf 'one\n\nthree' | kafka produce plain -p 0 -k k -H h=v -H h=w)"
is 'a tombstone is no empty message' 1 "$(kafka tombstone plain k9 -p 0)"
is 'offsets are known' '0 0 4' "$(kafka offsets plain)"
is 'messages come back with all they had' \
	'"key": "k", "value": "one", "headers": [["h", "v"], ["h", "w"]]}|"key": "k", "value": "", "headers": [["h", "v"], ["h", "w"]]}|"key": "k", "value": "three", "headers": [["h", "v"], ["h", "w"]]}|"key": "k9", "value": null}' \
	"$(kafka consume plain --json | sed 's/.*"key"/"key"/' | paste -sd '|')"
is 'consume counts' '0 0 3 4 4 8' "$(kafka consume plain | cut -d' ' -f1-6)"
is 'consume starts where it is told' '0 2 3 4 2 5' "$(kafka consume plain -o 2 | cut -d' ' -f1-6)"
printf 'a\0b\nc' >"$PLACE/raw"
is 'a file is one message' 1 "$(kafka produce plain --raw "$PLACE/raw")"
is 'byte for byte' "$(cksum <"$PLACE/raw")" "$(kafka consume plain -o 4 --values | head -c -1 | cksum)"
is 'keys come from the lines when asked' '"key": "x:y", "value": "1=2"}' \
	"$(echo 'x:y|1=2' | kafka produce plain -K '|' >/dev/null; kafka consume plain -o 5 --json | sed 's/.*"key"/"key"/')"
is 'groups commit' '0 2' "$(kafka group-commit g plain 0 2 && kafka group-offsets g plain)"
is 'a missing topic is an error' 1 "$(status kafka wait-topic plain 2 -t 0.3)"
is 'no broker is an error in time' 1 "$(DATAPLAT_KAFKA=127.0.0.1:1 status kafka offsets plain -t 1)"
is 'that says so' 'dp_kafka: no broker answered within 1 s' "$(cat "$PLACE/err")"
is 'a wrong option is another' 2 "$(status kafka offsets plain -X no.such=1)"
is 'a broker goes down' ok "$(ask down 2)"
is 'nothing is produced' 1 "$(echo x | status kafka produce plain -p 0 -t 1)"
is 'a broker comes up' ok "$(ask up 2)"
is 'all is well' 1 "$(echo x | kafka produce plain -p 0)"

# dp_oracle: without transactions, as the mock shows aborted ones to everybody
oracle() { "$BIN/dp_oracle" --no-transactions --records 5000 --tx-size 200 --malformed-ratio 0.01 --seed 7 "$@"; }
oracle --topic oracle --manifest "$PLACE/m1" --ends "$PLACE/ends" >"$PLACE/totals"
is 'the oracle sends what it was told' 5000 "$(awk '$1 ~ /^(committed|malformed|aborted)$/ { n += $2 } END { print n }' "$PLACE/totals")"
is 'the topic has as many' 5000 "$(messages oracle)"
is 'the manifest, too' 5000 "$(tail -n +2 "$PLACE/m1" | sort -u -t, -k1,2 | wc -l)"
is 'malformed messages are counted' "$(awk '$1 == "malformed" { print $2 }' "$PLACE/totals")" "$(grep -c ,malformed, "$PLACE/m1")"
is 'some are malformed' yes "$([ "$(grep -c ,malformed, "$PLACE/m1")" -gt 10 ] && echo yes)"
is 'the ends are the ends' "$(kafka offsets oracle | awk '{ print $1 "," $3 }')" "$(cat "$PLACE/ends")"
is 'hashes are of seed:p:i' "$(grep -m1 '^3,.*,committed,' "$PLACE/m1" | cut -d, -f4)" \
	"$(printf '7:3:%s' "$(grep -m1 '^3,.*,committed,' "$PLACE/m1" | cut -d, -f2)" | sha256sum | cut -d' ' -f1)"
kafka consume oracle --json | sed -n 's/.*"offset": \([0-9]*\).*\["dp-oracle", "r1:\([0-9]*\):\([0-9]*\)"\].*/\2 \1 \3/p' | sort -n -k1,1 -k2,2 >"$PLACE/read"
is 'every message says who it is' 5000 "$(sort -u -k1,1 -k3,3 "$PLACE/read" | wc -l)"
is 'numbers follow offsets' 0 "$(awk 'NR > 1 && $1 == p && $3 <= i { bad++ } { p = $1; i = $3 } END { print bad + 0 }' "$PLACE/read")"
oracle --topic again --manifest "$PLACE/m2" >/dev/null
is 'the same seed makes the same messages' "$(sort "$PLACE/m1" | cksum)" "$(sort "$PLACE/m2" | cksum)"

# a broker that goes away in the middle
oracle --topic again --run away --rate 2500 --manifest "$PLACE/m3" >"$PLACE/totals" &
pid=$!
for _ in $(seq 200); do
	[ -f "$PLACE/m3" ] && [ "$(wc -l <"$PLACE/m3")" -gt 1000 ] && break
	sleep 0.05
done
ask down 1 >/dev/null
is 'half of the partitions are away' 1 "$(status kafka offsets again -t 1)"
ask up 1 >/dev/null
wait $pid
is 'the oracle survives it' 0 $?
is 'with everything sent' 5000 "$(grep -c ',committed,\|,malformed,' "$PLACE/m3")"
is 'exactly once' 10000 "$(messages again)"

# dp_events
"$BIN/dp_events" --count 4000 --prefix shop- --seed 3 >"$PLACE/summary"
is 'the shop sells' 0 $?
is 'the summary says what is there' "$(awk '$1 ~ /^shop-/ { print $1, $2 }' "$PLACE/summary")" \
	"$(for t in customers orders order_items inventory clicks; do echo "shop-$t $(messages shop-$t)"; done)"
is 'at least as many as asked' yes "$([ "$(awk '$1 ~ /^shop-/ { n += $2 } END { print n }' "$PLACE/summary")" -ge 4000 ] && echo yes)"
"$BIN/dp_events" --count 4000 --prefix copy- --seed 3 -q
is 'the same seed makes the same events' "$(sums shop-orders; sums shop-clicks)" "$(sums copy-orders; sums copy-clicks)"
is 'live, for a time' 0 "$(status "$BIN/dp_events" --rate 400 --seconds 0.5 --prefix shop-)"
for s in "j200 flat 197" "j1k nested 976" "text200 lines 200"; do
	read -r shape topic size <<<"$s"
	is "$shape goes out" 0 "$(status "$BIN/dp_events" --shape "$shape" --topic "$topic" --count 20000 --batch 500 -q)"
	is "$shape has its size" "20000 $((20000 * size))" "$(kafka consume "$topic" | awk '{ n += $5; b += $6 } END { print n, b }')"
done
is 'an unknown shape is refused' 2 "$(status "$BIN/dp_events" --shape j9 --topic flat --count 1)"

is 'the mock broker ends when told' ok "$(ask quit)"
echo "1..$number"
[ "$failures" = 0 ]
