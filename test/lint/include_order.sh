# postgres.h comes first in every .c file.
set -u
bad=0
while read -r f; do
	first=$(grep -m1 -E '^#include' "$f")
	[ "$first" = '#include "postgres.h"' ] && continue
	# code for library threads may know nothing of the server
	grep -qE '^#include "(postgres|fmgr|utils/|storage/|miscadmin)' "$f" || continue
	echo "$f: the first include is $first"
	bad=1
done < <(find src -name '*.c')
[ $bad = 0 ] || echo 'Begin each .c file with #include "postgres.h"; the headers of the server need it.'
exit $bad
