#!/usr/bin/env bash
# A short run of the benchmarks against the wheel, from a clean copy of the tree.
. "$(dirname "$0")/common.sh"
tools
step "benchmarks"
copy_tree "$P9_CI_WORK/bench"
# What was compiled is in the environment; a source of the same name would hide it.
rm -rf "$P9_CI_WORK/bench/p9" "$P9_CI_WORK/bench/p9core"
cd "$P9_CI_WORK/bench"
"$VENV/bin/python" -m pytest --benchmark-only -q \
  --benchmark-min-rounds=3 --benchmark-max-time="${P9_BENCH_SECONDS:-0.5}" benchmarks
