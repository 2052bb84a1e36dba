#!/usr/bin/env bash
# shellcheck disable=SC2034  # variables are for those who source this
#
# A PostgreSQL of our own, to build, install and run in.
#
# Sourced, it gives the functions below.  Started, it runs a command beside a
# private server that has the extension:
#
#	test/kit/private-pg.sh psql -c 'SELECT * FROM dataplat.version()'
#
# A PostgreSQL installation can be moved as long as its parts keep their
# distance, so a copy of the system's is a full server that "make install"
# may write to without touching the original.  Everything lives in one
# directory, $PLACE, owned by an unprivileged user; two runs never meet.
#
#	place_open            make the directory, choose the user
#	place_server_copy P   a private copy of the PG_CONFIG server at $PLACE/P
#	place_build P [ARG..] copy the tree to $PLACE/src-P, build, install into P
#	as CMD...             run as that user, with a clean environment
#	place_start P         start the server of P with test.conf, socket in $PLACE
#	place_close           stop and remove everything (also at exit)
#
# KEEP=dir makes the place there and leaves it, so that the next build takes
# only what changed.
#
# DATAPLAT_TEST_EVENTS=dir makes every server that is built here write the
# OpenLineage events that it makes into files there (test/openlineage/collect.sql).

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${PG_CONFIG:=pg_config}"

# Names of variables that reach the tests.
PLACE_PASS=(JAVA_HOME LD_LIBRARY_PATH CI T SEED)

place_open() {
	if [ -n "${KEEP:-}" ]; then
		mkdir -p "$KEEP"
		PLACE=$(cd "$KEEP" && pwd)
	else
		PLACE=$(mktemp -d /tmp/dataplat-XXXXXX)
	fi
	trap place_close EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	chmod 755 "$PLACE"
	RUN_AS=
	if [ "$(id -u)" = 0 ]; then
		RUN_AS=postgres
		id -u $RUN_AS >/dev/null 2>&1 || RUN_AS=nobody
	fi
	mkdir -p "$PLACE/home" "$PLACE/tmp" "$PLACE/out"
	place_give "$PLACE" "$PLACE/home" "$PLACE/tmp" "$PLACE/out"
	if [ -n "${DATAPLAT_TEST_EVENTS:-}" ]; then
		mkdir -p "$DATAPLAT_TEST_EVENTS"
		DATAPLAT_TEST_EVENTS=$(cd "$DATAPLAT_TEST_EVENTS" && pwd)
		place_give "$DATAPLAT_TEST_EVENTS"
	fi
	place_env=()
	local v
	for v in "${PLACE_PASS[@]}" ${!DATAPLAT_@}; do
		[ -z "${!v:-}" ] || place_env+=("$v=${!v}")
	done
	PLACE_BIN=
}

place_give() {
	[ -z "$RUN_AS" ] || chown "$RUN_AS:" "$@"
}

# Run as the unprivileged user.  Only the variables named here get through,
# so that a PGHOST or a PGDATA of the caller's cannot lead us elsewhere.
as() {
	local how=()
	[ -z "$RUN_AS" ] || how=(setpriv "--reuid=$RUN_AS" "--regid=$(id -g "$RUN_AS")" --init-groups --)
	"${how[@]}" env -i -C "$PLACE" "PATH=${PLACE_BIN:+$PLACE_BIN:}/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin" \
		LANG=C.UTF-8 "HOME=$PLACE/home" "TMPDIR=$PLACE/tmp" "USER=${RUN_AS:-$(id -un)}" \
		"${place_env[@]}" "$@"
}

# place_server_copy NAME: copy the server that PG_CONFIG names to $PLACE/NAME
# and print the copy's pg_config.
place_server_copy() {
	local to=$PLACE/$1 bin share include
	bin=$("$PG_CONFIG" --bindir)
	if [ ! -d "$to" ]; then
		mkdir "$to"
		case $bin in
			*/lib/postgresql/[0-9]*/bin)	# Debian's layout: three trees
				share=$("$PG_CONFIG" --sharedir)
				include=$("$PG_CONFIG" --pkgincludedir)
				mkdir -p "$to/lib/postgresql" "$to/share/postgresql" "$to/include"
				cp -a "$(dirname "$bin")" "$to/lib/postgresql/"
				cp -a "$share" "$to/share/postgresql/"
				ln -s "$include" "$to/include/postgresql"
				;;
			*)	# one prefix
				cp -a "$(dirname "$bin")/." "$to/"
				;;
		esac
		[ -z "$RUN_AS" ] || chown -R "$RUN_AS:" "$to"
	fi
	case $bin in
		*/lib/postgresql/[0-9]*/bin) echo "$to/lib/postgresql/$(basename "$(dirname "$bin")")/bin/pg_config" ;;
		*) echo "$to/bin/pg_config" ;;
	esac
}

# place_sources DIR: our files to $PLACE/DIR, without what a build leaves.
# Times are kept, so a directory of an earlier run is brought up to date.
place_sources() {
	local to=$PLACE/$1
	mkdir -p "$to"
	find "$to" -type f ! -path "$to/build/*" ! -name '*.o' ! -name '*.d' ! -name '*.so' ! -name '*.gc??' -delete
	tar -C "$ROOT" --exclude=./.git --exclude=./build --exclude='*.o' --exclude='*.d' --exclude='*.so' \
		--exclude='*.gc??' -cf - . | tar -C "$to" -xf -
	# What tells of events is among the sources, so that upgrades and copies have it, too.
	if [ -n "${DATAPLAT_TEST_EVENTS:-}" ]; then
		cp "$to/test/openlineage/collect.sql" "$to/src/lineage/lineage_zz_test_events.sql"
	elif grep -qs hand_over_events "$to/build/functions.sql" "$to"/build/dataplat--*.sql; then
		rm -f "$to"/build/*.sql
	fi
	[ -z "$RUN_AS" ] || chown -R "$RUN_AS:" "$to"
}

# place_build NAME [MAKE ARGUMENT...]: build the tree and install it into the
# server copy NAME; the compiler's words are shown only when it fails.
place_build() {
	local name=$1 config log=$PLACE/out/build-$1.log
	shift
	config=$(place_server_copy "$name")
	place_sources "src-$name"
	as make -C "$PLACE/src-$name" -s -j"$(nproc)" "PG_CONFIG=$config" "$@" all install >"$log" 2>&1 || {
		tail -n 40 "$log" >&2
		return 1
	}
	place_use "$config"
}

# The programs of this server come first from here on.
place_use() {
	PLACE_CONFIG=$1 PLACE_PGXS=$(dirname "$("$1" --pgxs)")/../..
	PLACE_BIN=$("$1" --bindir)
	# A server that brings its own libpq is used with it.
	local lib
	lib=$("$1" --libdir)
	[ ! -e "$lib/libpq.so.5" ] || case "$lib" in
		/usr/*) ;;
		*) place_env+=("LD_LIBRARY_PATH=$lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}") ;;
	esac
}

# place_start [CONF]: a running server, reached through PGHOST and PGPORT.
place_start() {
	local conf=${1:-$ROOT/test/kit/test.conf} data=$PLACE/data
	mkdir -p "$PLACE/sock"
	place_give "$PLACE/sock"
	rm -rf "$data"
	as initdb -D "$data" -A trust -U postgres --no-sync --locale=C.UTF-8 --encoding=UTF8 >"$PLACE/out/initdb.log" 2>&1 || {
		cat "$PLACE/out/initdb.log" >&2
		return 1
	}
	{
		cat "$conf"
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$PLACE/sock'"
	} >>"$data/postgresql.conf"
	place_env+=("PGHOST=$PLACE/sock" PGPORT=5432 PGUSER=postgres PGDATABASE=postgres)
	as pg_ctl -s -w -t 120 -D "$data" -l "$PLACE/out/server.log" start >/dev/null || {
		tail -n 40 "$PLACE/out/server.log" >&2
		return 1
	}
}

# Databases that have the extension make the events that are left to make.
place_hand_over() {
	local db
	[ -n "${DATAPLAT_TEST_EVENTS:-}" ] && [ -f "$PLACE/data/postmaster.pid" ] || return 0
	as psql -XAtqc "SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1" 2>/dev/null | while read -r db; do
		as psql -XAtqd "$db" -c "SELECT 'SELECT dataplat_internal.hand_over_events()' FROM pg_extension WHERE extname = 'dataplat' \gexec" \
			>/dev/null 2>>"$PLACE/out/events.log" </dev/null || true
	done
}

place_stop() {
	place_hand_over
	[ ! -f "$PLACE/data/postmaster.pid" ] || as pg_ctl -s -w -m fast -D "$PLACE/data" stop >/dev/null 2>&1 || true
}

# Processes whose command line names our place: servers and brokers that a
# killed test could not stop itself.
place_pids() {
	local f
	for f in /proc/[0-9]*/cmdline; do
		if { tr '\0' ' ' <"$f"; } 2>/dev/null | grep -qF "$PLACE/"; then
			f=${f#/proc/}
			[ "${f%/cmdline}" = $$ ] || echo "${f%/cmdline}"
		fi
	done
}

place_close() {
	local rc=$? signal pids try
	trap - EXIT
	trap '' INT TERM HUP
	[ -n "${PLACE:-}" ] || exit $rc
	place_stop
	for signal in QUIT TERM KILL; do
		for try in 1 2 3 4 5 6 7 8 9 10; do
			pids=$(place_pids)
			[ -n "$pids" ] || break 2
			# shellcheck disable=SC2086
			[ "$try" -gt 1 ] || kill -$signal $pids 2>/dev/null || true
			sleep 0.2
		done
	done
	[ -n "${KEEP:-}" ] || rm -rf "$PLACE"
	exit $rc
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	set -euo pipefail
	"$ROOT/test/kit/prereqs.sh" build
	place_open
	place_build pg
	place_start
	as psql -Xqc 'CREATE EXTENSION dataplat'
	as "$@"
fi
