# A SECURITY DEFINER function says why, in the comment before it.
set -u
hits=$(find src -name '*.sql' -exec awk '
	/^-- SECURITY DEFINER: ./ { why = 1 }
	/^CREATE / { at = FILENAME ":" FNR ": " $0 }
	/^ *SECURITY DEFINER/ { if (!why) print at }
	/^(\$\$|\$[a-z]+\$);/ { why = 0 }
' {} +)
[ -n "$hits" ] || exit 0
echo "$hits"
echo 'Ask whether it must be one; if so, begin a line of its comment with "-- SECURITY DEFINER:" and the reason.'
exit 1
