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

# run_preset PRESET TARGET [ctest option…]: builds, then tests.
run_preset() {
  local preset=$1 target=$2
  shift 2
  say "== $preset"
  build_preset "$source_dir" "$preset" "$target"
  (cd "$source_dir" && ctest --preset "$preset" -j$((2 * $(nproc))) --no-tests=error "$@")
}

asan_target=unit_tests tsan_target=threaded_tests
selection=(-L unit)
case ${1:-} in
  '') ;;
  --all) asan_target=all tsan_target=all selection=() ;;
  *) say "usage: tests/run.sh [--all]"; exit 64 ;;
esac

install_packages "$source_dir" build test
# Another Node.js than Debian's brings an npm of its own, and cannot be beside Debian's.
{ command -v node && command -v npm; } >/dev/null || install_packages "$source_dir" node
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}
run_preset asan "$asan_target" "${selection[@]}"
run_preset tsan "$tsan_target" "${selection[@]}"
run_preset release all
