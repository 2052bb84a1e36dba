#!/usr/bin/env bash
# fresh.sh [COMMAND]: does a newcomer's machine do?
#
# Makes a bare Debian 12 root file system that has only git, make and apt,
# clones the committed state into it, and runs "make demo", then "make test"
# twice, as root and with nothing done by hand.  How this machine reaches its
# package sources (their addresses, certificates, proxies) goes along.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
SUITE=bookworm
command=${1:-'make demo && make demo-stop && make test && make test'}
"$ROOT/test/kit/prereqs.sh" fresh
[ "$(id -u)" = 0 ] || { echo "check-fresh needs root, for mmdebstrap and chroot" >&2; exit 1; }

work=$(mktemp -d "${FRESH_DIR:-/var/tmp}/dataplat-fresh-XXXXXX")
chmod 755 "$work"
root=$work/root
trap 'rm -rf --one-file-system "$work"' EXIT

# This machine's mirrors of the suite, or mmdebstrap's own choice.
sources=$work/sources.list
apt-get indextargets --format "deb \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" 'Created-By: Packages' 2>/dev/null |
	grep -E " $SUITE(-security|-updates)? " | sort -u >"$sources" || true
[ -s "$sources" ] || sources=

echo "== a bare Debian 12"
mmdebstrap --quiet --mode=root --variant=minbase --include=git,make,ca-certificates \
	--aptopt='Acquire::Languages "none"' --aptopt='APT::Sandbox::User "root"' --aptopt='Acquire::Check-Valid-Until "false"' \
	--aptopt='Acquire::Retries "3"' "$SUITE" "$root" ${sources:+"$sources"}

for f in /usr/local/share/ca-certificates /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/apt/apt.conf.d/*proxy* "$HOME/.m2/settings.xml"; do
	[ -e "$f" ] || continue
	mkdir -p "$root$(dirname "$f")"
	cp -aL "$f" "$root$(dirname "$f")/"
done
chroot "$root" update-ca-certificates >/dev/null 2>&1 || true

git clone -q "$ROOT" "$root/root/dataplat"
echo "== $(git -C "$root/root/dataplat" log -1 --format='%h %s')"

# Mounts and processes live in name spaces that end with the command.
start=$SECONDS
rc=0
# shellcheck disable=SC2016
unshare --mount --pid --fork --kill-child bash -c '
	mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" || exit 1
	exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root CI=true bash -c "cd /root/dataplat && $2"
' - "$root" "$command" </dev/null || rc=$?
echo "== after $((SECONDS - start)) s"
if [ $rc = 0 ]; then
	echo "1 passed, 0 failed"
else
	echo "0 passed, 1 failed"
fi
exit $rc
