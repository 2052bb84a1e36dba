# Sources speak of the product, not of how it came about; no machine's paths
# and no host of a package registry.
set -u
pattern='(session[ -]?(id|number)|issue #?[0-9]+|\bTODO\b|\bFIXME\b|\bhelper (agent|session)|/work/|/opt/pgh|deb\.debian\.org|pypi\.org|repo1?\.maven|registry\.npmjs|proxy\.golang|static\.crates)'
hits=$(git grep -nIiE "$pattern" -- . ':!test/lint/words.sh' 2>/dev/null)
[ -n "$hits" ] || exit 0
echo "$hits"
echo "Say what the reader needs to know; what is left to do belongs in the tracker."
exit 1
