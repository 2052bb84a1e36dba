# A room includes headers of its own and of rooms on lower floors only.
set -u
declare -A floor
while read -r f room; do floor[$room]=$f; done < <(grep -oE '[0-9]+:[a-z]+' src/rooms.mk | tr ':' ' ')
bad=0
while IFS=: read -r file line text; do
	room=$(cut -d/ -f2 <<<"$file")
	[ "$room" != "${room%.c}" ] && continue	# src/dataplat.c is above all
	if [ -z "${floor[$room]:-}" ]; then
		echo "$file: room \"$room\" is not in src/rooms.mk"
		bad=1
		continue
	fi
	# storage/ and catalog/ are folders of the server, too
	[ -f "src/$(cut -d'"' -f2 <<<"$text")" ] || continue
	other=$(sed -E 's/.*"([a-z]+)\/.*/\1/' <<<"$text")
	[ "$other" != "$room" ] || continue
	[ -n "${floor[$other]:-}" ] || continue
	if [ "${floor[$other]}" -ge "${floor[$room]}" ]; then
		echo "$file:$line: room $room (floor ${floor[$room]}) includes room $other (floor ${floor[$other]})"
		bad=1
	fi
done < <(grep -rnE '^#include "[a-z]+/' src --include='*.[ch]')
[ $bad = 0 ] || echo "Let the lower room own a registration (a function pointer, a hook) that the upper room fills, or move the code down."
exit $bad
