# postgres.h comes first in every .c file.
set -u
bad=0
while read -r f; do
	first=$(grep -m1 -E '^#include' "$f")
	[ "$first" = '#include "postgres.h"' ] && continue
	# a tool without the server says so
	case $first in '#include "postgres_fe.h"'*) continue ;; esac
	echo "$f: the first include is $first"
	bad=1
done < <(find src -name '*.c')
[ $bad = 0 ] || echo 'Begin each .c file with #include "postgres.h"; the server's headers need it.'
exit $bad
