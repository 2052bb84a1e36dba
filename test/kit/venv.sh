#!/usr/bin/env bash
# venv.sh DIR PACKAGE...: a Python environment in DIR with packages from PyPI.
# It is kept, and completed when more is asked for.
#
# Debian's own Python comes first: copies of the environment are run by the user
# of a private server, who cannot reach an interpreter in somebody's home.
set -euo pipefail
dir=$1
shift
python=/usr/bin/python3
[ -x "$python" ] || python=python3
# One that was made of another interpreter is made anew.
if [ -e "$dir/bin/python" ] && [ "$(readlink -f "$dir/bin/python")" != "$(readlink -f "$(command -v "$python")")" ]; then
	rm -rf "$dir"
fi
[ -x "$dir/bin/pip" ] || "$python" -m venv "$dir"
"$dir/bin/pip" install -q "$@"
