#!/usr/bin/env bash
# venv.sh DIR: a Python environment with Great Expectations from PyPI in DIR; made once.
set -euo pipefail
GREAT_EXPECTATIONS=1.24.1
venv=$1/venv
mkdir -p "$1"
if [ ! -x "$venv/bin/uv" ]; then
	python3 -m venv "$venv"
	"$venv/bin/pip" install -q uv
fi
"$venv/bin/uv" pip install -q --python "$venv/bin/python" "great_expectations[postgresql]==$GREAT_EXPECTATIONS" jsonschema
