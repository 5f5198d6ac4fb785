#!/usr/bin/env bash
# Style and types.
. "$(dirname "$0")/common.sh"
tools
cd "$ROOT"
cache=$P9_CI_WORK/cache
paths=()
for path in p9 p9core tests benchmarks ci; do
  if [ -e "$path" ]; then paths+=("$path"); fi
done
step "ruff"
"$VENV/bin/ruff" check --cache-dir "$cache/ruff" "${paths[@]}" setup.py
"$VENV/bin/ruff" format --check --cache-dir "$cache/ruff" "${paths[@]}" setup.py
step "mypy"
"$VENV/bin/mypy" --strict --cache-dir "$cache/mypy" "${paths[@]}"
