# Every regress and isolation test has its expected output, and no orphans.
set -u
bad=0
pairs() {	# TESTS' DIRECTORY, ENDING, EXPECTED'S DIRECTORY
	local f n
	for f in "$1"/*."$2"; do
		[ -e "$f" ] || continue
		n=$(basename "$f" ".$2")
		[ -f "$3/$n.out" ] || { echo "$f has no $3/$n.out"; bad=1; }
		[ -s "$3/$n.out" ] || [ ! -f "$3/$n.out" ] || { echo "$3/$n.out is empty"; bad=1; }
	done
	for f in "$3"/*.out; do
		[ -e "$f" ] || continue
		n=$(basename "$f" .out)
		[ -f "$1/$n.$2" ] || [ -f "$1/${n%_[0-9]}.$2" ] || { echo "$f belongs to no test"; bad=1; }
	done
}
pairs sql sql expected
pairs test/isolation/specs spec test/isolation/expected
[ $bad = 0 ] || echo "ACCEPT=1 make test-regress T=name writes it; read what it wrote."
exit $bad
