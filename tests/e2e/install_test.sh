#!/bin/bash
# What a user of the library gets: installs into an empty prefix, builds the samples against nothing
# but that prefix, once with find_package and once with pkg-config, and lets the producer's messages
# reach the consumer and the installed command.
#
#   install_test.sh SOURCE BUILD [SANITIZERS]    SANITIZERS: those the build uses, if any
set -euo pipefail
source_dir=$1 build_dir=$2 sanitizers=${3:-}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
flags=(${sanitizers:+"-fsanitize=$sanitizers"})
export CXXFLAGS="${flags[*]}" LDFLAGS="${flags[*]}"
fail() { echo "install_test: $*" >&2; exit 1; }

cmake --install "$build_dir" --prefix "$prefix" >"$work/log" || { cat "$work/log"; exit 1; }
# A prefix that is moved after the installation must still work.
mv "$prefix" "$work/moved"
prefix=$work/moved
pkg_config=$(find "$prefix" -name spoolmq.pc)
cmake_package=$(find "$prefix" -name spoolmqConfig.cmake)
[[ -x $prefix/bin/spoolmq && -n $pkg_config && -n $cmake_package ]] || fail "files are missing"
# As whole paths: a tree in /spoolmq is not named by include/spoolmq.
before='(^|[^[:alnum:]_.}/-])'
if grep -rlE -e "$before$build_dir/" -e "$before$source_dir/" "$prefix/include" "$pkg_config" \
  "$(dirname "$cmake_package")"; then
  fail "the installed files above name the build or source tree"
fi

# Installed are the public headers, all of them, and each compiles alone.
diff <(cd "$prefix/include/spoolmq" && find . -name '*.h' | sort) \
  <(for part in core store; do (cd "$source_dir/$part/include/spoolmq" && find . -name '*.h'); done | sort) ||
  fail "the installed headers are not the public ones"
for header in "$prefix"/include/spoolmq/*.h; do
  g++ -std=c++20 -fsyntax-only -I"$prefix/include" -include "$header" -x c++ /dev/null ||
    fail "$header does not compile by itself"
done

# Two copies of SQLite in one process void each other's locks: it must be the shared library.
[[ $(ldd "$prefix/bin/spoolmq") == *libsqlite3.so* ]] || fail "spoolmq is not linked to libsqlite3.so"

# round_trip BIN LABEL: every document that goes in comes out, once.
round_trip() {
  local bin=$1 root=$work/root-$2 queue=orders/new
  local -a documents=("$source_dir"/samples/*.cc "$source_dir/LICENSE")
  mkdir "$work/out-$2"
  "$bin/producer" "$root" "$queue" "${documents[@]}" >"$work/ids-$2"
  [[ $(sort -u "$work/ids-$2" | wc -l) -eq ${#documents[@]} ]] || fail "$2: not an id per document"
  "$bin/consumer" "$root" "$queue" "$work/out-$2" >"$work/taken-$2"
  [[ $(grep -c ' delivery 1$' "$work/taken-$2") -eq ${#documents[@]} ]] ||
    fail "$2: not every message came once: $(cat "$work/taken-$2")"
  local document
  for document in "${documents[@]}"; do
    cmp "$document" "$work/out-$2/${document##*/}" || fail "$2: $document changed on its way"
  done
  # The installed command works on the same queues as the programs.
  "$prefix/bin/spoolmq" --root "$root" send "$queue" hello -H name=greeting >/dev/null
  "$bin/consumer" "$root" "$queue" "$work/out-$2" >/dev/null
  [[ $(cat "$work/out-$2/greeting") == hello ]] || fail "$2: what the command sent did not arrive"
}

cmake -S "$source_dir/samples" -B "$work/samples" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" \
  -DCMAKE_BUILD_TYPE=RelWithDebInfo >"$work/log" || { cat "$work/log"; exit 1; }
cmake --build "$work/samples" >"$work/log" || { cat "$work/log"; exit 1; }
round_trip "$work/samples" find_package

# The watchers see what is sent, and take nothing.
root=$work/root-watch
"$prefix/bin/spoolmq" --root "$root" create ticks
"$work/samples/watch_asleep" "$root" ticks >"$work/asleep" &
asleep=$!
"$work/samples/watch_spinning" "$root" ticks 5 >"$work/spinning" &
spinning=$!
deadline=$((SECONDS + 20))
until [[ -s $work/asleep && -s $work/spinning ]]; do
  ((SECONDS < deadline)) || fail "the watchers do not start"
  sleep 0.05
done
for number in 1 2 3 4 5; do
  "$prefix/bin/spoolmq" --root "$root" send ticks "tick $number" -H "sent-ns=$(date +%s%N)" >>"$work/ticks"
done
wait "$asleep" && wait "$spinning" || fail "a watcher failed"
diff <(awk 'NR > 1 { print $1 }' "$work/asleep") "$work/ticks" || fail "watch_asleep saw something else"
grep -q '^5 messages, 30 bytes, 5 of them from shared memory$' "$work/spinning" ||
  fail "watch_spinning said: $(cat "$work/spinning")"
[[ $("$prefix/bin/spoolmq" --root "$root" list ticks --json | wc -l) -eq 5 ]] || fail "a watcher took something"

export PKG_CONFIG_PATH=${pkg_config%/*}
mkdir "$work/by-hand"
for sample in producer consumer; do
  # shellcheck disable=SC2046  # pkg-config prints words
  g++ "${flags[@]}" "$source_dir/samples/$sample.cc" -o "$work/by-hand/$sample" \
    $(pkg-config --cflags --libs spoolmq)
done
round_trip "$work/by-hand" pkg-config
echo "installed, found by find_package and by pkg-config, and every message arrived"
