# A file stays under 800 lines; longer, it has two nouns.
set -u
bad=0
while read -r n f; do
	[ "$f" != total ] || continue
	if [ "$n" -gt 800 ]; then
		echo "$f has $n lines"
		bad=1
	fi
done < <(git ls-files 'src/*' 'test/*' 2>/dev/null | grep -E '\.(c|h|sql|sh|pl|pm|py|go)$' | grep -v '/expected/' | xargs wc -l)
[ $bad = 0 ] || echo "Split it along its nouns; the name of each part should be plain."
exit $bad
