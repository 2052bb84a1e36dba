# The library exports dp_* and what PostgreSQL asks for; all global names
# inside it start with dp_ or Dp, so that they meet nobody else's.
set -u
so=${DATAPLAT_SO:-dataplat.so}
[ -f "$so" ] || { echo "nothing is built here; \"make test\" checks this rule on its own build"; exit 0; }
bad=0
allowed='^(dp_[a-z0-9_]+|pg_finfo_dp_[a-z0-9_]+|_PG_init|Pg_magic_func|_init|_fini|__bss_start|_edata|_end)$'
hits=$(nm -D --defined-only "$so" | awk '{print $3}' | grep -vE "$allowed")
[ -z "$hits" ] || { echo "exported: $hits"; bad=1; }
objects=$(find "$(dirname "$so")/src" -name '*.o')
# shellcheck disable=SC2086
hits=$(nm -A --defined-only --extern-only $objects 2>/dev/null | awk '{print $1, $NF}' | sed 's/:[0-9a-f]* / /' |
	awk -v ok='^(dp_|Dp|DP_|pg_finfo_dp_|_PG_init$|Pg_magic_func$|__gcov)' '$NF !~ ok')
[ -z "$hits" ] || { echo "global:"; echo "$hits"; bad=1; }
[ $bad = 0 ] || echo "Make it static, or name it dp_<room>_...; only functions that SQL or the postmaster calls are PGDLLEXPORT."
exit $bad
