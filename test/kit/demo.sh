#!/usr/bin/env bash
# demo.sh: a private server with the extension, ready to be looked at.
set -euo pipefail
. "$(dirname "$0")/private-pg.sh"

"$ROOT/test/kit/prereqs.sh" build
place_open
echo "building dataplat and a private PostgreSQL in $PLACE"
place_build pg
place_start
as psql -Xqc 'CREATE EXTENSION dataplat'
as psql -Xc '\dx dataplat'
if [ -t 0 ]; then
	as psql
fi
