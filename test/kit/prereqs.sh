#!/usr/bin/env bash
# prereqs.sh SET...: make sure that what a target needs is on this machine.
#
# Sets: build, contrib, test, avro, kafka, bench, lint, format, versions, coverage, fresh, fuzz, clients.
# Nothing happens when all is there, so a machine without root or network is
# fine as long as someone has installed the packages before.
set -euo pipefail

# What to look for, and the package that brings it.  A path with a wildcard
# is a file, "cmd:" a command, "perl:" a module.
need() {
	case $1 in
		build) cat <<-'E'
			/usr/lib/postgresql/*/bin/postgres	postgresql-15
			/usr/lib/postgresql/*/lib/pgxs/src/makefiles/pgxs.mk	postgresql-server-dev-15
			/usr/include/librdkafka/rdkafka.h	librdkafka-dev
			/usr/include/*/curl/curl.h	libcurl4-openssl-dev
			/usr/include/microhttpd.h	libmicrohttpd-dev
			cmd:gcc	gcc
			cmd:make	make
			/usr/include/stdio.h	libc6-dev
			/usr/include/openssl/ssl.h	libssl-dev
			/usr/include/zlib.h	zlib1g-dev
		E
		;;
		# Histories are guarded by btree_gist; Debian's server package has it.
		contrib) printf '/usr/share/postgresql/*/extension/btree_gist.control\tpostgresql-15\n' ;;
		test) cat <<-'E'
			/usr/share/postgresql/*/extension/btree_gist.control	postgresql-15
			/usr/share/postgresql/*/extension/file_fdw.control	postgresql-15
			/usr/share/postgresql/*/extension/pgtap.control	postgresql-15-pgtap
			cmd:pg_prove	libtap-parser-sourcehandler-pgtap-perl
			cmd:prove	perl
			perl:IPC::Run	libipc-run-perl
			cmd:kcat	kcat
			cmd:openssl	openssl
			cmd:ps	procps
			cmd:python3	python3
			/usr/lib/python3*/venv/__init__.py	python3-venv
			cmd:nm	binutils
			/usr/include/avro.h	libavro-dev
		E
		;;
		avro) printf '/usr/include/avro.h\tlibavro-dev\n/usr/lib/python3*/venv/__init__.py\tpython3-venv\n' ;;
		kafka) cat <<-'E'
			cmd:java	default-jre-headless
			cmd:mvn	maven
			cmd:openssl	openssl
			cmd:kcat	kcat
		E
		;;
		bench) cat <<-'E'
			cmd:kcat	kcat
			cmd:python3	python3
			/usr/lib/python3*/venv/__init__.py	python3-venv
			/usr/include/postgresql/libpq-fe.h	libpq-dev
		E
		;;
		lint) cat <<-'E'
			cmd:shellcheck	shellcheck
			cmd:nm	binutils
			cmd:git	git
		E
		;;
		format) printf 'cmd:pg_bsd_indent\tpg-bsd-indent\n' ;;
		versions) cat <<-'E'
			cmd:python3	python3
			/usr/lib/python3*/venv/__init__.py	python3-venv
			cmd:clang-14	clang-14
		E
		;;
		clients) cat <<-'E'
			cmd:python3	python3
			/usr/lib/python3*/venv/__init__.py	python3-venv
			cmd:node	nodejs
			cmd:npm	npm
		E
		;;
		coverage) printf 'cmd:gcovr\tgcovr\n' ;;
		fresh) printf 'cmd:mmdebstrap\tmmdebstrap\ncmd:git\tgit\n' ;;
		fuzz) printf 'cmd:clang-14\tclang-14\n/usr/lib/llvm-14/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a\tlibclang-rt-14-dev\n' ;;
		*) echo "prereqs.sh: no set named \"$1\"" >&2; exit 2 ;;
	esac
}

present() {
	case $1 in
		cmd:*) command -v "${1#cmd:}" >/dev/null ;;
		perl:*) perl -M"${1#perl:}" -e 1 2>/dev/null ;;
		*) compgen -G "$1" >/dev/null ;;
	esac
}

missing=()
for set in "$@"; do
	while IFS=$'\t' read -r what package; do
		present "$what" || missing+=("$package")
	done < <(need "$set")
done
[ ${#missing[@]} -gt 0 ] || exit 0
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)

echo "installing what is missing: ${missing[*]}"
root=()
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
		echo "prereqs.sh: missing packages and no root: as root, run apt-get install ${missing[*]}" >&2
		exit 1
	fi
	root=(sudo -n)
fi
if ! command -v apt-get >/dev/null; then
	echo "prereqs.sh: this is not a Debian; install the counterparts of: ${missing[*]}" >&2
	exit 1
fi

# Run an apt-get command, again when a mirror or a lock is not ready.
apt() {
	local try
	for try in 1 2 3 4 5; do
		if "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" >"$log" 2>&1 </dev/null; then
			return 0
		fi
		[ "$try" = 5 ] || sleep $((try * 2))
	done
	cat "$log" >&2
	echo "prereqs.sh: apt-get $* failed" >&2
	return 1
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# No cluster of the system's own: we only ever start private ones.
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
	"${root[@]}" mkdir -p /etc/postgresql-common/createcluster.d
	echo 'create_main_cluster = false' | "${root[@]}" tee /etc/postgresql-common/createcluster.d/dataplat.conf >/dev/null
fi
apt update
apt install -y --no-install-recommends "${missing[@]}"
