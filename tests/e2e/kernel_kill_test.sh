#!/bin/bash
# The service killed again and again under load, while six acknowledged bridges work: POSIX and System
# V message queues with answers and a buffer in shared memory, each way; and their consumers. Everything that was confirmed
# to a peer is in the queue, everything in a queue reaches its peer. The peers are python, perl, and
# the samples in C. SPOOLMQ_KERNEL_KILLS sets the number of rounds.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
here=${0%/*} source=$2
rounds=${SPOOLMQ_KERNEL_KILLS:-20}
name=/spoolmq-e2e-kill-$$
key=0x$(printf %x $((0x60000000 + $$ * 4)))  # and the three behind it
keys=()
for i in 0 1 2 3; do keys+=("$(printf '0x%x' $((key + i)))"); done
clean() {
  end_all  # first: a service would make them again
  local one
  for one in in in-answers out out-answers; do "$here/mq_peer.py" unlink "$name-$one"; done
  for one in "${keys[@]}"; do ipcrm -Q "$one"; done
  rm -f "/dev/shm$name-in" "/dev/shm$name-out"
} 2>/dev/null
trap clean EXIT

for side in producer consumer; do
  cc -std=gnu11 -O2 -o "$work/$side" "$source/samples/shm/$side.c" -pthread || fail "cc"
done
for queue in mq-in sysv-in shm-in mq-out sysv-out shm-out; do
  # Whoever held a message when it was killed has failed, each time.
  mq create "$queue" --max-failures 100000 || fail "create"
done
# Small ones: what a user's queues may hold together is less than ten of the usual size.
small='message-bytes = 256' common='create = true'
adapter 'type = "mq-in"' 'queue = "mq-in"' "object = \"$name-in\"" "answers = \"$name-in-answers\"" \
  'tagged = true' "$small" "$common"
adapter 'type = "mq-out"' 'queue = "mq-out"' "object = \"$name-out\"" \
  "answers = \"$name-out-answers\"" 'answer-within = "2s"' "$small" "$common"
adapter 'type = "sysv-in"' 'queue = "sysv-in"' "key = \"${keys[0]}\"" "answers = \"${keys[1]}\"" \
  'tagged = true' "$common"
adapter 'type = "sysv-out"' 'queue = "sysv-out"' "key = \"${keys[2]}\"" "answers = \"${keys[3]}\"" \
  'answer-within = "2s"' "$common"
adapter 'type = "shm-in"' 'queue = "shm-in"' "object = \"$name-in\"" "$common"
adapter 'type = "shm-out"' 'queue = "shm-out"' "object = \"$name-out\"" "$common"

# ---- under load
feed() {  # NAME COMMAND…: what it prints was confirmed to it, or has reached it
  setsid "${@:2}" <&0 >>"$work/$1.got" 2>>"$work/$1.log" &  # else it had none
  running[$1]=$!
}
start service "$spoolmq" --root "$root" serve
until_true service_answers
until_true test -e "/dev/shm$name-in" -a -e "/dev/shm$name-out"
feed mq-in "$here/mq_peer.py" ask "$name-in" "$name-in-answers" mq
feed sysv-in "$here/sysv_peer.pl" ask "${keys[0]}" "${keys[1]}" sysv
feed shm-in "$work/producer" "$name-in" < <(seq 10000000 | sed 's/^/shm-/')
consume_mq() { feed mq-out "$here/mq_peer.py" answer "$name-out" "$name-out-answers"; }
consume_sysv() { feed sysv-out "$here/sysv_peer.pl" answer "${keys[2]}" "${keys[3]}"; }
consume_shm() { feed shm-out "$work/consumer" "$name-out"; }
for kind in mq sysv shm; do "consume_$kind"; done
# About a thousand a second into each of the queues that go out.
# shellcheck disable=SC2016
lines='for ((i = 0; ; i += 20)); do seq "$((i + 1))" "$((i + 20))" | sed "s/^/$0-/"; sleep 0.02; done'
for kind in mq sysv shm; do
  start "$kind-lines" bash -c "$lines | '$spoolmq' --root '$root' send $kind-out --lines" "$kind"
done
for ((round = 1; round <= rounds; ++round)); do
  sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
  kinds=(mq sysv shm) kind=${kinds[round % 3]}
  kill_now "$kind-out"  # a peer, too, in the middle of something
  "consume_$kind"
  kill_now service
  start service "$spoolmq" --root "$root" serve
done
until_true service_answers

# ---- the account
for bridge in mq-in sysv-in shm-in; do
  is_running "$bridge" || fail "$bridge: the peer ended: $(words_of "$bridge")"
  before=$(wc -l <"$work/$bridge.got")
  more() { (($(wc -l <"$work/$1.got") > $2)); }
  until_true more "$bridge" "$before"  # it works still
  kill_now "$bridge"
  mq tail "$bridge" --from oldest | sort -u >"$work/$bridge.there"
  sed '$d' "$work/$bridge.got" | sort -u >"$work/$bridge.confirmed"  # the last may be half a line
  confirmed=$(wc -l <"$work/$bridge.confirmed")
  ((confirmed > rounds)) || fail "$bridge: no more than $confirmed messages in $rounds rounds"
  missing=$(comm -23 "$work/$bridge.confirmed" "$work/$bridge.there" | wc -l)
  same 0 "$missing" "$bridge: confirmed, and not in the queue, of $confirmed"
  echo "$bridge: $confirmed confirmed, all there"
done
is_drained() { count_is 0 ready "$1" && count_is 0 leased "$1" && count_is 0 delayed "$1"; }
for kind in mq sysv shm; do
  kill_now "$kind-lines"
  until_true is_drained "$kind-out"
  counted 0 dead "$kind-out"
  # An id was printed for each line, in order, once it was durable.
  sent=$(wc -l <"$work/$kind-lines.log") received=$(wc -l <"$work/$kind-out.got")
  ((sent > rounds * 20)) || fail "$kind-out: no more than $sent messages in $rounds rounds"
  missing=$(comm -13 <(sort -u "$work/$kind-out.got") <(seq "$sent" | sed "s/^/$kind-/" | sort) | wc -l)
  same 0 "$missing" "$kind-out: acknowledged, and never received, of $sent"
  echo "$kind-out: $sent sent, all received, $received times"
done
stop service
exit 0
