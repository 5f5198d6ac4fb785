#!/usr/bin/env bash
# Style and types.
. "$(dirname "$0")/common.sh"
tools
cd "$ROOT"
cache=$P9_CI_WORK/cache
paths=()
for path in p9 p9core tests benchmarks ci setup.py; do [ -e "$path" ] && paths+=("$path"); done
step "ruff"
"$VENV/bin/ruff" check --cache-dir "$cache/ruff" "${paths[@]}"
"$VENV/bin/ruff" format --check --cache-dir "$cache/ruff" "${paths[@]}"
step "mypy"
"$VENV/bin/mypy" --strict --cache-dir "$cache/mypy" "${paths[@]}"
