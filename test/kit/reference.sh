#!/usr/bin/env bash
# reference.sh: write docs/reference.md from the comments of the extension.
set -euo pipefail
. "$(dirname "$0")/private-pg.sh"
"$ROOT/test/kit/prereqs.sh" build
place_open
place_build pg
place_start
as psql -Xqc 'CREATE EXTENSION dataplat'
as psql -XAtq -v ON_ERROR_STOP=1 <"$ROOT/test/kit/reference.sql" >"$ROOT/docs/reference.md"
