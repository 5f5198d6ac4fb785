#!/usr/bin/env bash
# The README's own test command, as written there, in a clean copy of the tree.
. "$(dirname "$0")/common.sh"
command=$(sed -n 's/^ *\(\$ \)\{0,1\}\(python3 -m venv .*-m pytest.*\)$/\2/p' "$ROOT/README.md" | head -n 1)
[ -n "$command" ] || { echo "ci/test.sh: README.md shows no 'python3 -m venv ... -m pytest' line" >&2; exit 1; }
copy_tree "$P9_CI_WORK/tree"
step "tests: $command"
cd "$P9_CI_WORK/tree"
bash -euo pipefail -c "$command"
