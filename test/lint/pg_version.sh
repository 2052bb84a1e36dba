# Differences between server versions live in src/common/compat.h.
set -u
hits=$(grep -rnE 'PG_VERSION_NUM|PG_MAJORVERSION_NUM' src --include='*.[ch]' | grep -vE '^src/common/compat\.[ch]:')
[ -n "$hits" ] || exit 0
echo "$hits"
echo "Give src/common/compat.h a function with the newest signature, and call that."
exit 1
