# Tests wait for a condition with a limit, never for time to pass.
set -u
hits=$(grep -rnE '(pg_sleep|[^u_a-z]sleep) *\(|(^|[;&|({ 	])sleep +[0-9$.]' sql test --include='*.sql' --include='*.spec' --include='*.pl' --include='*.sh' 2>/dev/null |
	grep -vE '^test/(kit|clients|kafka/kafka\.sh|lint|bench|fuzz|chaos|tools)' | grep -v 'lint: sleeps on purpose')
[ -n "$hits" ] || exit 0
echo "$hits"
echo 'Wait for what you need: wait_until() in TAP, a blocked lock in isolation, dataplat.wait_for_source() in SQL.'
echo 'Where a statement must take long to be interrupted, say "lint: sleeps on purpose" on that line.'
exit 1
