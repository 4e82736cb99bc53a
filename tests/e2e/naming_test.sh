#!/bin/bash
# Synchronous and asynchronous send and receive, and the three ways of naming.
. "${0%/*}/lib.sh" "$1"
mq create q || fail "create"

# ---- send, receive
expect 0 send q 1
expect 0 receive q --ack
same 1 "$out" "send, receive"

# ---- send, receive --wait
mq receive q --wait --ack >"$work/got" &
receiver=$!
until_true eval 'mq --json consumers q | grep -q "\"waiting\":true"'
expect 0 send q 2
wait "$receiver" || fail "receive --wait exited with $?"
same 2 "$(cat "$work/got")" "send, receive --wait"
expect 1 receive q --wait --timeout 50ms
expect 1 receive q --timeout 50ms

# ---- send --wait, receive
mq send q 3 --wait >"$work/id" &
sender=$!
until_true count_is 1 ready q
until_true test -s "$work/id"
kill -0 "$sender" 2>/dev/null || fail "send --wait did not wait"
expect 0 receive q
receipt=${err#receipt: }
kill -0 "$sender" 2>/dev/null || fail "send --wait did not wait for the acknowledgement"
expect 0 ack q "$receipt"
wait "$sender" || fail "send --wait exited with $?"
same "${receipt%.*}" "$(cat "$work/id")" "the id of send --wait"

# ---- send --wait, receive --wait
mq receive q --wait --ack >"$work/got" &
receiver=$!
expect 0 send q 4 --wait --timeout 20s
wait "$receiver" || fail "receive --wait exited with $?"
same 4 "$(cat "$work/got")" "send --wait, receive --wait"

# On timeout the message stays, and its id is known.
expect 1 send q 5 --wait --timeout 100ms
one_id "$out"
counted 1 ready q
expect 0 receive q
mq reject q "${err#receipt: }"
mq send q 6 --wait --timeout 20s >"$work/id" 2>"$work/said" &
sender=$!
until_true count_is 1 ready q
expect 0 receive q
mq reject q "${err#receipt: }"
wait "$sender"
same 2 $? "send --wait of a message that goes dead"

# Rendezvous: the sender returns once a receiver took the message; else nothing is left.
mq create meeting --capacity 0 || fail "create"
expect 75 send meeting alone --timeout 100ms
counted 0 ready meeting
mq send meeting both --timeout 20s >"$work/id" &
sender=$!
expect 0 receive meeting --wait --timeout 20s --ack
same both "$out" "rendezvous"
wait "$sender" || fail "the sender of a rendezvous exited with $?"

# ---- direct naming: the mailbox exists once its owner opened it
expect 66 send --to clerk early
expect 1 receive --as clerk
expect 0 send --to clerk hello --as boss
expect 0 send --to clerk psst --as stranger
expect 0 send --to clerk again --as boss
expect 64 send --to clerk process/clerk body
expect 64 receive
# Symmetric: both name each other.
expect 0 receive --as clerk --from stranger --ack
same psst "$out" "--from takes only that sender's"
expect 1 receive --as clerk --from nobody-else
# Asymmetric: only the sender names the receiver, who learns who it was.
expect 0 --json receive --as clerk --ack
same 'hello boss' "$(json "$work/out" '$.body') $(json "$work/out" '$.from.name')" "in order"
expect 0 receive process/clerk --ack
same again "$out" "the mailbox is a queue like others"
expect 64 receive --as 'no/../name'
# A waiting receiver of one sender is not disturbed by others.
mq receive --as clerk --from boss --wait --timeout 20s --ack >"$work/got" &
receiver=$!
until_true eval 'mq --json consumers process/clerk | grep -q "\"waiting\":true"'
expect 0 send --to clerk no --as stranger
expect 0 send --to clerk yes --as boss
wait "$receiver" || fail "receive --from --wait exited with $?"
same yes "$(cat "$work/got")" "receive --from --wait"
# Indirect naming: several receivers of one queue.
mq send q --lines < <(seq 20) >/dev/null
for _ in {1..4}; do mq --json receive q -n 5 --ack >>"$work/shared" & done
wait
same 20 "$(sed 's/.*"body"://' "$work/shared" | sort -u | wc -l)" "each message to one receiver"
exit 0
