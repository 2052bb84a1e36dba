# A room includes headers of its own and of rooms on lower floors only.
set -u
{
	grep -oE '[0-9]+:[a-z]+' src/rooms.mk | sed 's/^/room:/'
	# storage/ and catalog/ are folders of the server, too
	find src -name '*.h' -printf 'header:%p\n'
	grep -rnE '^#include "[a-z]+/' src --include='*.[ch]'
} | awk -F: '
	$1 == "room" { floor[$3] = $2; next }
	$1 == "header" { ours[$2] = 1; next }
	{
		split($1, path, "/")
		room = path[2]
		if (room ~ /\.c$/) next	# src/dataplat.c is above all
		split($3, quoted, "\"")
		split(quoted[2], include, "/")
		other = include[1]
		if (!(room in floor)) {
			print $1 ": room \"" room "\" is not in src/rooms.mk"
			bad = 1
		} else if (("src/" quoted[2]) in ours && other != room && other in floor && floor[other] >= floor[room]) {
			print $1 ":" $2 ": room " room " (floor " floor[room] ") includes room " other " (floor " floor[other] ")"
			bad = 1
		}
	}
	END {
		if (bad)
			print "Let the lower room own a registration (a function pointer, a hook) that the upper room fills, or move the code down."
		exit bad
	}'
