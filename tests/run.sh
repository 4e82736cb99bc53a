#!/bin/bash
# Installs what is missing, then runs the tests; see tests/README.md.
#
#   tests/run.sh          unit tests under both sanitizer presets, then every test of `release`
#   tests/run.sh --all    every test under both, too
#
# Stops at the first preset with a failure, so the last lines are always the summary that decides.
set -euo pipefail
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=samples/prepare.sh
. "$source_dir/samples/prepare.sh"

# ThreadSanitizer of g++ 12 cannot start where addresses are shuffled by more than 28 bits, nor can
# the build then, which asks the test binaries for their tests. Start over with fixed addresses.
shuffled_bits=$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null) || shuffled_bits=28
if ((shuffled_bits > 28)) && [[ -z ${SPOOLMQ_TEST_FIXED_ADDRESSES:-} ]]; then
  SPOOLMQ_TEST_FIXED_ADDRESSES=1 exec setarch "$(uname -m)" -R "$BASH" "$0" "$@"
fi

# build_ahead PRESET TARGET: with what the tests that run meanwhile leave of the processors.
ahead=''
build_ahead() {
  mkdir -p "$source_dir/build"
  ahead_log=$source_dir/build/$1.log
  set -m  # a process group of its own, to be stopped with all that it has started
  (renice -n 19 "$BASHPID" >/dev/null && build_preset "$source_dir" "$@") >"$ahead_log" 2>&1 &
  ahead=$!
  set +m
}
stop_building() {
  [[ -n $ahead ]] || return 0
  kill -- "-$ahead" 2>/dev/null || true
  wait "$ahead" 2>/dev/null || true
}
trap stop_building EXIT

# test_preset PRESET [ctest option…]: returns when what is built ahead is built, too.
test_preset() {
  local preset=$1 code=0
  shift
  (cd "$source_dir" && ctest --preset "$preset" -j$((2 * $(nproc))) --no-tests=error "$@") || return
  [[ -n $ahead ]] || return 0
  wait "$ahead" || code=$?
  ahead=''
  cat "$ahead_log" >&2
  return "$code"
}

asan_target=unit_tests tsan_target=threaded_tests
asan_selection=(-L unit) tsan_selection=(-L threaded)
case ${1:-} in
  '') ;;
  --all) asan_target=all tsan_target=all asan_selection=() tsan_selection=() ;;
  *) say "usage: tests/run.sh [--all]"; exit 64 ;;
esac

install_packages "$source_dir" build test
# Another Node.js than Debian's brings an npm of its own, and cannot be beside Debian's.
{ command -v node && command -v npm; } >/dev/null || install_packages "$source_dir" node
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}
say "== asan"
build_preset "$source_dir" asan "$asan_target"
build_ahead tsan "$tsan_target"
test_preset asan "${asan_selection[@]}"
say "== tsan"
build_ahead release all
test_preset tsan "${tsan_selection[@]}"
say "== release"
test_preset release
