#!/usr/bin/env bash
# venv.sh DIR: a Python environment with Great Expectations from PyPI in DIR/venv.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
GREAT_EXPECTATIONS=1.24.1
mkdir -p "$1"
"$HERE/../kit/venv.sh" "$1/venv" uv
"$1/venv/bin/uv" pip install -q --python "$1/venv/bin/python" "great_expectations[postgresql]==$GREAT_EXPECTATIONS" jsonschema
