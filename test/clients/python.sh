#!/usr/bin/env bash
# python.sh: print a Python that has Confluent's client, after making it.
#
# Made once, as whoever runs the tests, in DATAPLAT_CLIENTS_CACHE or
# ${XDG_CACHE_HOME:-/var/tmp}/dataplat-clients-UID.
set -euo pipefail

VERSION=2.16.0
cache=${DATAPLAT_CLIENTS_CACHE:-${XDG_CACHE_HOME:-/var/tmp}/dataplat-clients-$(id -u)}
venv=$cache/python-$VERSION

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ ! -e "$venv/complete" ]; then
	rm -rf "$venv"
	python=/usr/bin/python3
	[ -x $python ] || python=python3
	if command -v uv >/dev/null; then
		uv venv -q -p $python "$venv" >&2
		VIRTUAL_ENV=$venv uv pip install -q "confluent-kafka[avro,json,protobuf,schemaregistry]==$VERSION" >&2
	else
		$python -m venv "$venv" >&2
		"$venv/bin/pip" install -q --disable-pip-version-check --retries 5 "confluent-kafka[avro,json,protobuf,schemaregistry]==$VERSION" >&2
	fi
	touch "$venv/complete"
fi
echo "$venv/bin/python"
