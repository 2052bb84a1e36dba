# Shell scripts pass shellcheck.
set -u
mapfile -t files < <({ git ls-files '*.sh'; echo .ci/run; } | sort)
shellcheck -x -S warning -s bash "${files[@]}" && exit 0
echo "See the wiki page that shellcheck names for each code."
exit 1
