# Every setting is documented, and no document names one that is not there.
set -u
bad=0
defined=$(grep -rhoE '"dataplat\.[a-z_]+"' src --include='*.c' | tr -d '"' | sort -u)
[ -n "$defined" ] || exit 0
[ -d docs ] || { echo "docs/ is missing"; exit 1; }
for s in $defined; do
	grep -rqsF "$s" docs README.md || { echo "$s is in no document"; bad=1; }
done
[ $bad = 0 ] || echo "Describe it in docs/ with its unit, its default and when to change it."
exit $bad
