#!/bin/bash
# What is synced, and before what, as the kernel sees it.
. "${0%/*}/lib.sh" "$1"
strace -f -qq -o "$work/probe" true 2>/dev/null || { echo "strace may not trace here"; exit 77; }
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0  # which cannot work under a tracer
mq create q || fail "create"
mq send q first >/dev/null || fail "send"

traced() { strace -f -qq -y -s 64 -e trace=desc,file -o "$work/trace" "$spoolmq" --root "$root" "$@"; }
# The number of the first line that matches, after line AFTER.
line_of() {
  local found
  found=$(re=$1 awk -v after="$2" 'NR > after && $0 ~ ENVIRON["re"] {print NR; exit}' "$work/trace")
  [[ -n $found ]] || fail "no $3 after line $2 of the trace: $(grep -E 'sync|link|write\(1' "$work/trace")"
  echo "$found"
}

# ---- one message: file, name, directory, and only then the id
for format in binary xml; do
  traced send q hello --format $format >"$work/id" || fail "send exited with $?"
  at=$(line_of 'pwrite.*queues/q/' 0 "write of the file") || exit 1
  at=$(line_of 'fdatasync\([0-9]+<.*queues/q/msgs' "$at" "sync of the file") || exit 1
  at=$(line_of 'linkat\(.*msgs/[0-9a-f][0-9a-f]>' "$at" "name of the file") || exit 1
  at=$(line_of 'fsync\([0-9]+<.*queues/q/msgs/[0-9a-f][0-9a-f]>' "$at" "sync of the directory") || exit 1
  line_of 'write\(1<.*"'"$(head -c 8 "$work/id")" "$at" "id on stdout" >/dev/null || exit 1
  written=$(grep -m1 -nE 'write\(1<' "$work/trace" | cut -d: -f1)
  ((written > at)) || fail "the id was written before the directory was synced"
done

# ---- durability os: no sync of the message at all
traced send q quick --durability os >/dev/null || fail "send exited with $?"
same 0 "$(grep -cE 'f(data)?sync\([0-9]+<.*msgs/' "$work/trace")" "syncs of an os message"

# ---- 256 messages in one go: a handful
seq 256 >"$work/lines"
traced send q --lines -f "$work/lines" >"$work/ids" || fail "send exited with $?"
same 256 "$(wc -l <"$work/ids")" "ids"
syncs=$(grep -cE '(f(data)?sync|sync_file_range|syncfs)\(' "$work/trace")
((syncs > 0 && syncs < 12)) || fail "256 messages cost $syncs syncs"
synced=$(grep -m1 -nE 'f(data)?sync\([0-9]+<.*msgs/' "$work/trace" | cut -d: -f1)
written=$(grep -m1 -nE 'write\(1<' "$work/trace" | cut -d: -f1)
((synced < written)) || fail "ids were written before their messages were synced"

# ---- receive: a timed lease is synced before its receipt is shown
traced receive q >/dev/null 2>"$work/receipt" || fail "receive exited with $?"
at=$(line_of 'f(data)?sync\([0-9]+<.*db-wal' 0 "sync of the log") || exit 1
written=$(grep -m1 -nE 'write\(2<.*receipt' "$work/trace" | cut -d: -f1)
((written > at)) || fail "the receipt was shown before the lease was synced"

# ---- ack, and receive --ack: the log is synced after the last change of the index, before the end
synced_at_end() {
  local wrote synced
  wrote=$(grep -nE 'pwrite64\([0-9]+<.*db-wal' "$work/trace" | head -"${1:-1}" | tail -1 | cut -d: -f1)
  synced=$(grep -nE 'f(data)?sync\([0-9]+<.*db-wal' "$work/trace" | tail -1 | cut -d: -f1)
  [[ -n $wrote && -n $synced ]] && ((synced > wrote)) || fail "the acknowledgement was not synced"
}
traced ack q "$(sed 's/receipt: //' "$work/receipt")" || fail "ack exited with $?"
synced_at_end
traced receive q --ack >"$work/body" || fail "receive --ack exited with $?"
written=$(grep -m1 -nE 'write\(1<' "$work/trace" | cut -d: -f1)
at=$(line_of 'f(data)?sync\([0-9]+<.*db-wal' "$written" "sync of the acknowledgement") || exit 1
unlinked=$(grep -m1 -nE 'unlinkat?\(.*\.(seg|xml)"' "$work/trace" | cut -d: -f1)
[[ -z $unlinked ]] || ((unlinked > at)) || fail "a file was removed before its acknowledgement was synced"

# ---- what is written and synced all the time is not looked at: on Linux 6.13 and later each look
# would give the next write a time of its own, and the sync after it an inode to write, too
mkdir "$work/bench"
# Runs it for 300 messages; sets `early`, acknowledgements synced ahead of the index, and `acked`, all.
traced_bench() {
  traced bench --dir "$work/bench" --runs 1 --count 300 "$@" >/dev/null || fail "bench exited with $?"
  early=$(grep -cE 'fdatasync\([0-9]+<[^>]*/acks-[0-9a-f]{4}>' "$work/trace")
  acked=$((early + $(grep -cE 'fdatasync\([0-9]+<.*db-wal' "$work/trace")))
  ((acked >= 300)) || fail "$acked syncs for 300 acknowledgements"
}
traced_bench send1 recv-ack1
looks=$(grep -cE 'stat[a-z0-9]*\([0-9]+<[^>]*(db-wal|msgs/[^>]*)>, ""' "$work/trace")
((looks < 60)) || fail "$looks looks at the log and the segments"

# ---- of messages leased ahead, each acknowledgement is one sync: of the handle's own file, or, of
# the last of each 64, of the log
traced_bench recv-ack1-prefetch64
((early > 280 && early <= 300)) || fail "$early of 300 were acknowledged ahead of the index"
exit 0
