# Every room in src/rooms.mk is a folder with a README and a header, and every
# folder is a room.
set -u
bad=0
rooms=$(grep -oE '[0-9]+:[a-z]+' src/rooms.mk | cut -d: -f2)
for r in $rooms; do
	[ -d "src/$r" ] || { echo "src/rooms.mk names $r, which is no folder"; bad=1; continue; }
	[ -f "src/$r/README.md" ] || { echo "src/$r has no README.md"; bad=1; }
done
for d in src/*/; do
	d=$(basename "$d")
	[ "$d" != upgrade ] || continue
	grep -qE "[0-9]:$d( |$)" <<<"$(grep -E '[0-9]:' src/rooms.mk) " || { echo "src/$d is not in src/rooms.mk"; bad=1; }
done
[ $bad = 0 ] || echo "A room's README is one page: what for, words, tables, states, what is safe after a crash, what it does not do."
exit $bad
