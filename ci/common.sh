# Sourced by the scripts of this folder: strict mode, the project's root, a scratch folder.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PYTHON=${PYTHON:-python3}
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1
export P9_RECORDINGS=${P9_RECORDINGS:-$ROOT/../shared/recordings}

# P9_CI_WORK, set by .ci/run, lets the scripts share one build; alone, each makes its own.
if [ -z "${P9_CI_WORK:-}" ]; then
  P9_CI_WORK=$(mktemp -d "${TMPDIR:-/tmp}/p9-ci.XXXXXX")
  trap 'rm -rf "$P9_CI_WORK"' EXIT
fi
export P9_CI_WORK

step() { printf '\n=== %s\n' "$*"; }

# The working tree without what git ignores, so that nothing built earlier is used.
copy_tree() {
  mkdir -p "$1"
  if git -C "$ROOT" rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    (cd "$ROOT" && git ls-files -z --cached --others --exclude-standard |
      while IFS= read -r -d '' file; do
        if [ -e "$file" ]; then printf '%s\0' "$file"; fi
      done | tar -cf - --null -T -) | tar -xf - -C "$1"
  else
    tar -C "$ROOT" -cf - --exclude ./build --exclude './.*' --exclude '*.so' . | tar -xf - -C "$1"
  fi
}

# The wheel, built once from a clean copy: its path in $WHEEL.
wheel() {
  if ! compgen -G "$P9_CI_WORK/dist/*.whl" >/dev/null; then
    step "wheel"
    copy_tree "$P9_CI_WORK/source"
    "$PYTHON" -m venv "$P9_CI_WORK/builder"
    "$P9_CI_WORK/builder/bin/pip" wheel -q --no-deps -w "$P9_CI_WORK/dist" "$P9_CI_WORK/source"
  fi
  WHEEL=$(compgen -G "$P9_CI_WORK/dist/*.whl")
}

# A virtual environment with the wheel and all extras, in $VENV.
tools() {
  VENV=$P9_CI_WORK/tools
  if [ ! -e "$VENV/ready" ]; then
    wheel
    step "environment for lint and benchmarks"
    "$PYTHON" -m venv "$VENV"
    "$VENV/bin/pip" install -q "$WHEEL[test,dev]"
    touch "$VENV/ready"
  fi
}
