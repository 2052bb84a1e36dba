# One version in the control file, META.json and the CHANGELOG's first entry.
set -u
control=$(sed -n "s/^default_version = '\(.*\)'/\1/p" dataplat.control)
meta=$(sed -n 's/^  "version": "\(.*\)",/\1/p' META.json)
provides=$(sed -n 's/^      "version": "\(.*\)"/\1/p' META.json)
change=$(sed -n 's/^## \([0-9][0-9.]*\).*/\1/p' CHANGELOG.md | head -n 1)
[ "$control" = "$meta" ] && [ "$control" = "$provides" ] && [ "$control" = "$change" ] && exit 0
echo "dataplat.control $control, META.json $meta and $provides, CHANGELOG.md $change"
echo "Make them equal; a released version also needs src/upgrade/OLD--NEW.sql."
exit 1
