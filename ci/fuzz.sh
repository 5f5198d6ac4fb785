#!/usr/bin/env bash
# The decoders under address and undefined-behaviour sanitizers, for a fixed, short time.
. "$(dirname "$0")/common.sh"
if [ "$(uname -s)" != Linux ]; then
  echo "ci/fuzz.sh: only on Linux, where the sanitizers' libraries can be preloaded"
  exit 0
fi
step "sanitized build"
venv=$P9_CI_WORK/sanitized
copy_tree "$P9_CI_WORK/fuzz"
"$PYTHON" -m venv "$venv"
P9_SANITIZE=1 "$venv/bin/pip" install -q "$P9_CI_WORK/fuzz" cython setuptools
step "fuzz for ${P9_FUZZ_SECONDS:=30} s"
export P9_FUZZ_SECONDS
compiler=${CXX:-g++}
preload=
for library in libasan.so libubsan.so libstdc++.so; do
  preload+="$("$compiler" -print-file-name="$library") "
done
cd "$P9_CI_WORK"
# Python's own allocations at exit are no leaks of ours.
LD_PRELOAD="$preload" ASAN_OPTIONS=detect_leaks=0:abort_on_error=0 \
  UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 PYTHONMALLOC=malloc \
  timeout "$((P9_FUZZ_SECONDS * 3 + 60))" "$venv/bin/python" -P "$ROOT/ci/fuzz/fuzz.py"
