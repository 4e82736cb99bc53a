#!/bin/bash
# bench: every workload measures something, beside a limit where it has one; and what it refuses.
#   bench_test.sh SPOOLMQ
. "${0%/*}/lib.sh" "$1"
disk=$(mktemp -d /var/tmp/spoolmq-e2e-XXXXXX)
trap 'rm -rf "$work" "$disk"' EXIT

expect 0 bench --list
workloads=$(sed 1d "$work/out" | cut -d' ' -f1 | grep -vx ipc)
(($(wc -w <<<"$workloads") >= 15)) || fail "only: $workloads"

# One of each; those that need time rather than a number of messages take a second.
for one in $workloads; do
  expect 0 --json bench "$one" --count 300 --dir "$disk"
  same "$one" "$(json "$work/out" '$.workload')" "the workload"
  case $one in
    latency | tail) figure=p50_us ;;
    open-after-kill) figure=ms ;;
    footprint) figure=bytes_per_message ;;
    *) figure=per_second ;;
  esac
  (($(json "$work/out" "\$.$figure") > 0)) || fail "$one: $out"
  case $one in
    open-after-kill | rebuild | footprint) ;;
    *)
      json_has "$work/out" '$.limit_name'
      # A share is what it says it is, but for the rounding of both.
      [[ $(sqlite3 :memory: "select abs(case when x.p is null then x.v / x.l else x.l / x.p end
             - x.s) < 0.02 + 0.02 * x.s from (select json_extract(j, '\$.per_second') * 1.0 v,
             json_extract(j, '\$.p50_us') * 1.0 p, json_extract(j, '\$.limit') * 1.0 l,
             json_extract(j, '\$.share') s from (select readfile('$work/out') j)) x") == 1 ]] ||
        fail "$one: $out" ;;
  esac
done
expect 0 bench send1 --count 50 --size 64 --runs 2 --dir "$disk"
holds 'append + fdatasync' "$out" "the table"
holds '#' "$out" "with a bar"
expect 0 --json bench ipc --count 400 --dir "$disk"
for way in pipe fifo unix-socket tcp; do holds "\"$way\"" "$out" "a bare way"; done
[[ -z $(ls -A "$disk") ]] || fail "it leaves: $(ls "$disk")"

expect 64 bench no-such
expect 64 bench send1 --size 1
expect 64 bench send1 --count 0
expect 66 bench send1 --dir "$work/nothing"
if [[ $(stat -f -c %T /dev/shm) == tmpfs ]]; then
  expect 78 bench send1 --dir /dev/shm
  holds 'in memory' "$err" "why"
fi
