#!/bin/bash
# mq-in and mq-out, as commands and in the service. The other sides are python's ctypes, and the file
# system of the kernel's message queues, where it may be mounted.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
peer=${0%/*}/mq_peer.py
name=/spoolmq-e2e-mq-$$
clean() {
  umount "$work/mqueue"
  end_all  # first: a service would make them again
  for one in '' -answers -small -private; do "$peer" unlink "$name$one"; done
} 2>/dev/null
trap clean EXIT

mkdir "$work/mqueue"
can_look=yes
mount -t mqueue none "$work/mqueue" 2>/dev/null || can_look=
mode_is() { [[ -z $can_look || $(stat -c %a "$work/mqueue$1") == "$2" ]]; }
exists() { [[ -z $can_look || -e $work/mqueue$1 ]]; }
# Bytes that wait in it.
size_is() { [[ -z $can_look || $(cat "$work/mqueue$1") =~ QSIZE:$2\  ]]; }
has_lines() { (($(wc -l <"$work/$1.log") >= $2)); }
body() { mq receive "$1" --ack; }

mq create q || fail "create"
mq create out || fail "create"

# ---- one message each way, with its priority
umask 077
bridge in mq-in q --object "$name" --create --mode 0622 --message-bytes 1K
umask 022
until_true "$peer" put "$name" 31000 hello
until_true count_is 1 ready q
mode_is "$name" 622 || fail "the mode is $(stat -c %a "$work/mqueue$name")"
expect 0 --json receive q --ack
same 31000 "$(json "$work/out" '$.priority')" "priority"
same hello "$(json "$work/out" '$.body')" "body"
stop in || fail "mq-in: $(words_of in)"
mq send out 'bonjour' --priority 7 >/dev/null
expect 0 mq-out out --object "$name" --once
one_id "$out"
size_is "$name" 7 || fail "not 7 bytes: $(cat "$work/mqueue$name")"
same '7 bonjour' "$("$peer" get "$name")" "what comes out"
expect 1 mq-out out --object "$name" --once  # nothing there
expect 1 mq-in q --object "$name" --once
for i in 1 2 3; do "$peer" put "$name" "$i" "m$i"; done
expect 0 mq-in q --object "$name" --once --json
same 3 "$(wc -l <"$work/out")" "a line each"
same m3 "$(body q)" "the highest priority first"

# ---- sizes at and over the limit
mq send out "$(printf '%05d' 1)" >/dev/null
mq send out "$(printf '%06d' 2)" >/dev/null
mq mq-out out --object "$name-small" --create --max-messages 2 --message-bytes 5 --once >"$work/out" 2>"$work/err"
same 2 "$?" "one went, one did not"
same '4 00001' "$("$peer" get "$name-small")" "as long as the queue allows"
counted 1 dead out
expect 0 --json list out --state dead
holds '6 bytes are more than the queue'"'"'s mq_msgsize, 5' "$(cat "$work/out")" "the reason"
mq purge out ALL >/dev/null

# ---- full, for a while: nothing fails, nothing is lost
mq --json stats out >"$work/out"
before=$(json "$work/out" '$.totals.failures')
seq 20 | mq send out --lines >/dev/null
bridge out mq-out out --object "$name-small"
until_true size_is "$name-small" 2
for ((i = 1; i <= 20; ++i)); do same "4 $i" "$("$peer" get "$name-small")" "message $i"; done
until_true count_is 0 leased out
stop out || fail "mq-out: $(words_of out)"
expect 0 --json stats out
same "$before" "$(json "$work/out" '$.totals.failures')" "failures"

# ---- our queue full, then paused, for a while
mq create bounded --capacity 3 || fail "create"
bridge bounded mq-in bounded --object "$name"
for ((i = 1; i <= 5; ++i)); do "$peer" put "$name" 4 "b$i"; done
until_true count_is 3 ready bounded
got=()
enough() {
  local one
  one=$(body bounded 2>/dev/null) && got+=("$one")
  ((${#got[@]} == 5))
}
until_true enough
same 'b1 b2 b3 b4 b5' "${got[*]}" "each once, in order"
stop bounded || fail "mq-in: $(words_of bounded)"
# What a paused queue does not take goes back when the bridge ends.
mq pause bounded --send || fail "pause"
bridge paused mq-in bounded --object "$name"
"$peer" put "$name" 4 back
until_true size_is "$name" 0
[[ -n $can_look ]] || sleep 0.5
stop paused || fail "mq-in: $(words_of paused)"
same '4 back' "$("$peer" get "$name")" "what was taken and refused"
mq resume bounded || fail "resume"

# ---- answers
bridge answered mq-in q --object "$name" --answers "$name-answers" --tagged --create --message-bytes 1K
until_true "$peer" put "$name" 4 'order-7 seven'
answer=$("$peer" get "$name-answers")
[[ $answer =~ ^0\ order-7\ ok\ ($uuid)$ ]] || fail "not an answer: $answer"
expect 0 cat q "${BASH_REMATCH[1]}"
same seven "$out" "the message that was answered for"
"$peer" put "$name" 4 untagged
same '0 - no it does not begin with a word and a blank' "$("$peer" get "$name-answers")" "a refusal"
stop answered
same 2 "$?" "one was refused"

# ---- what is missing, not ours, or beyond a limit
expect 66 mq-in q --object /spoolmq-e2e-none --once
holds 'there is no such message queue' "$err" "a missing queue"
expect 64 mq-in q --object none
expect 64 mq-in q
expect 66 mq-in nowhere --object "$name"
expect 78 mq-in q --object /spoolmq-e2e-none --create --message-bytes 1G --once
holds "fs.mqueue.msgsize_max is $(</proc/sys/fs/mqueue/msgsize_max)" "$err" "which limit, and its value"
(ulimit -q 1000 && mq mq-in q --object /spoolmq-e2e-none --create --once) 2>"$work/err"
same 71 "$?" "the limit of bytes"
holds 'RLIMIT_MSGQUEUE, 1000 bytes (ulimit -q' "$(cat "$work/err")" "which limit, and its value"
if ((EUID == 0)); then
  "$peer" make "$name-private" 2 10
  others_may_run
  "${user_nobody[@]}" "$spoolmq" --root "$work/nobody" create q >/dev/null 2>&1
  mkdir -p "$work/theirs" && chown nobody "$work/theirs"
  "${user_nobody[@]}" "$spoolmq" --root "$work/theirs/root" create q || fail "create"
  "${user_nobody[@]}" "$spoolmq" --root "$work/theirs/root" mq-in q --object "$name-private" --once 2>"$work/err"
  same 77 "$?" "another user's queue: $(cat "$work/err")"
fi

# ---- too few descriptors: an error that says so, whichever it was that lacked one
for ((limit = 18; limit <= 24; ++limit)); do
  (ulimit -n "$limit" && mq mq-in q --object "$name" --create --once) >"$work/out" 2>"$work/err"
  code=$?
  ((code == 1 || code == 71)) || fail "with $limit descriptors: $code $(cat "$work/err")"
  ((code == 1)) || holds 'Too many open files' "$(cat "$work/err")" "with $limit descriptors"
done

# ---- in the service: removed while in use, and made again
adapter 'type = "mq-in"' 'queue = "q"' "object = \"$name\"" 'create = true' 'message-bytes = "1K"'
adapter 'type = "mq-out"' 'queue = "out"' 'object = "/spoolmq-e2e-none"' 'name = "nowhere"'
bridge service serve
until_true service_answers
until_true state_is nowhere paused
mq purge q ALL >/dev/null
until_true "$peer" put "$name" 4 before
until_true count_is 1 ready q
"$peer" unlink "$name" || fail "unlink"
until_true "$peer" put "$name" 4 after
until_true count_is 2 ready q
grep -q 'was removed while in use' "$work/service.log" || fail "not said: $(words_of service)"
stop service || fail "serve: $(words_of service)"
exit 0
