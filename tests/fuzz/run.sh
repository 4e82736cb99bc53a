#!/bin/bash
# Fuzzes the parsers with libFuzzer under AddressSanitizer and UndefinedBehaviorSanitizer.
#
#   tests/fuzz/run.sh [--build DIR] [SECONDS] [TARGET]     default: 30 s, shared by all targets
#
# What is found is kept as DIR/found/TARGET-…; new inputs go to DIR/corpus/TARGET, never into the
# source tree. Exit codes: 0 nothing found, 1 a defect, 77 there is no clang here.
set -euo pipefail
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$source_dir/build/fuzz
[[ ${1:-} == --build ]] && { build=$2; shift 2; }
seconds=${1:-30}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "usage: tests/fuzz/run.sh [--build DIR] [SECONDS] [TARGET]" >&2; exit 64; }

clang=$(command -v clang++-14 || command -v clang++) || { echo "fuzz: no clang++ here"; exit 77; }
launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake -S "$source_dir" -B "$build" -G Ninja -DCMAKE_CXX_COMPILER="$clang" "${launcher[@]}" \
  -DCMAKE_C_COMPILER="${clang/++/}" -DCMAKE_BUILD_TYPE=None -DSPOOLMQ_FUZZ=ON -DSPOOLMQ_UNITY=ON \
  -DSPOOLMQ_SANITIZE=address,undefined \
  -DCMAKE_CXX_FLAGS='-O1 -g1 -fsanitize=fuzzer-no-link' >"$build.log" 2>&1 ||
  { tail -20 "$build.log"; exit 1; }
ninja -C "$build" -j2 fuzz_parsers >"$build.log" 2>&1 || { tail -40 "$build.log"; exit 1; }
fuzzer=$(find "$build" -name fuzz_parsers -type f -perm -u+x | head -1)

corpus=$source_dir/tests/fuzz/corpus
mapfile -t targets < <(if [[ -n ${2:-} ]]; then echo "$2"; else FUZZ_TARGET=list "$fuzzer" 2>/dev/null; fi)
each=$((seconds / ${#targets[@]}))
((each > 0)) || each=1
mkdir -p "$build/found"
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
failed=0
for target in "${targets[@]}"; do
  mkdir -p "$build/corpus/$target"
  log=$build/found/$target.log
  if FUZZ_TARGET=$target "$fuzzer" -max_total_time="$each" -max_len=4096 -timeout=10 \
    -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$build/found/$target-" \
    "$build/corpus/$target" "$corpus/$target" >"$log" 2>&1; then
    echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") executions in $each s"
  else
    failed=1
    echo "$target: DEFECT, see $log"
    grep -E 'ERROR|runtime error|what\(\)|Test unit written' "$log" | head -5
  fi
done
exit "$failed"
