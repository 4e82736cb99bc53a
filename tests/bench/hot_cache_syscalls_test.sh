#!/bin/bash
# 10,000 messages published into the hot cache and read from it, with nobody asleep, make no system
# call; where somebody sleeps before every one, each makes one: so the counting counts.
#
#   hot_cache_syscalls_test.sh BENCH DIRECTORY     exit code 77: nothing can be traced here
set -euo pipefail
export LC_ALL=C
bench=$1 directory=$2
count=10000

trace=$(mktemp)
trap 'rm -f "$trace"' EXIT
strace -f -o "$trace" true 2>/dev/null || { echo 'strace traces nothing here'; exit 77; }

# calls OPTION…: prints how many system calls lie between the marks.
calls() {
  strace -f -o "$trace" "$bench" --dir "$directory" --publish "$count" "$@" >/dev/null
  awk '/write\(1, "begin/ { within = 1; next }
       /write\(1, "end/ { within = 0; marks = 1 }
       within { ++calls }
       END { if (!marks) exit 1; print calls + 0 }' "$trace"
}

awake=$(calls) || { echo 'no marks in the trace'; exit 1; }
((awake == 0)) || { echo "$count publishes made $awake system calls, not 0"; exit 1; }
asleep=$(calls --asleep)
((asleep == count)) || { echo "$count publishes to a sleeper made $asleep system calls"; exit 1; }
