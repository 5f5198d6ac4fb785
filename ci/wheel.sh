#!/usr/bin/env bash
# The installed wheel, away from the source tree: stubs tell the truth, the commands work.
. "$(dirname "$0")/common.sh"
wheel
step "the installed wheel"
"$PYTHON" -m venv "$P9_CI_WORK/installed"
"$P9_CI_WORK/installed/bin/pip" install -q "$WHEEL"
cp "$ROOT/ci/installed_check.py" "$P9_CI_WORK/"
mkdir -p "$P9_CI_WORK/elsewhere"
cd "$P9_CI_WORK/elsewhere"
"$P9_CI_WORK/installed/bin/python" -P "$P9_CI_WORK/installed_check.py" "$WHEEL"
