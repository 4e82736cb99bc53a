#!/bin/bash
# relay: from queue to queue in one root and between two, as a command and in serve; a full and a missing
# destination; killed again and again with a consumer at the other end.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
trap end_all EXIT

there() { "$spoolmq" --root "$work/other" "$@"; }
there_count_is() { [[ $(there --json stats "$3") =~ ^[^{]*\{[^{]*\"$2\":([0-9]+) && ${BASH_REMATCH[1]} == "$1" ]]; }
relay() { start "$1" "$spoolmq" --root "$root" relay "${@:2}"; }

# ---- in one root
mq create from && mq create to || fail "create"
id=$(mq send from body -H a=1 --priority 7 --ttl 1h --order-key o --reply-to r --correlation-id c --as me)
before=$(mq --json info from "$id" | grep -o '"headers".*' | head -c 200)
expect 0 relay from --to-queue to --once
mq --json info to "$id" >"$work/info" || fail "it kept its id"
same 7 "$(json "$work/info" '$.priority')" "priority"
same "$before" "$(grep -o '"headers".*' "$work/info" | head -c 200)" "headers and sender"
counted 0 ready from
expect 64 relay from --to-queue from --once
expect 64 relay from --once
expect 66 relay from --to-queue to --to-root other --once  # from where the user is
expect 66 relay nowhere --to-queue to --once
expect 66 relay from --to-queue nowhere --once
expect 66 relay from --to-queue to --to-root "$work/no-root" --once
[[ ! -e $work/no-root ]] || fail "a root was made where a disk may be missing"

# ---- between roots, with all kinds of bodies
there create to --body-inline 64K || fail "create"
head -c 15000000 /dev/urandom >"$work/large"
mq send from -f "$work/large" >"$work/large.id" && head -c 300000 "$work/large" | mq send from >/dev/null || fail "send"
seq 1000 | mq send from --lines >/dev/null || fail "send"
expect 0 relay from --to-queue to --to-root "$work/other" --once
counted 0 ready from
there cat to "$(cat "$work/large.id")" | cmp - "$work/large" || fail "15 MB arrived otherwise"
there_count_is 1002 ready to || fail "$(there stats to)"
there receive to -n 2 --ack --output "$work" >/dev/null || fail "receive"
same "$(seq 1000 | md5sum)" "$(there receive to -n 1000 --ack --null | tr '\0' '\n' | md5sum)" "in order"

# ---- a destination that is full: nothing fails, it goes on by itself
there create narrow --capacity 2 || fail "create"
seq 5 | mq send from --lines >/dev/null || fail "send"
relay narrow from --to-queue narrow --to-root "$work/other"
until_true there_count_is 2 ready narrow
until_true count_is 3 ready from
for n in 1 2 3 4 5; do
  same "$n" "$(there receive narrow --ack --wait --timeout 20s)" "out of the narrow queue"
done
stop narrow || fail "relay ended with $?: $(words_of narrow)"
counted 0 ready from
same '' "$(mq trace from "$id" | grep -v '"event":"\(sent\|acked\)"' | grep fail)" "no failures"

# ---- what the destination refuses for good
there create checked --check json || fail "create"
mq send from 'not json' >/dev/null && mq send from '[1]' >/dev/null || fail "send"
expect 2 relay from --to-queue checked --to-root "$work/other" --once
there_count_is 1 ready checked || fail "the good one"
holds 'checked refuses it' "$(mq list from --state dead --json)" "reason"
mq purge from ALL >/dev/null || fail "purge"

# ---- in serve
cat >"$root/spoolmq.toml" <<TOML
[[adapter]]
name = "away"
type = "relay"
queue = "from"
to-queue = "to"
to-root = "$work/other"
TOML
expect 0 serve --check
start service "$spoolmq" --root "$root" serve
mq send from served >/dev/null || fail "send"
same served "$(there receive to --ack --wait --timeout 20s)" "by the service"
stop service || fail "serve ended with $?"
rm "$root/spoolmq.toml"

# ---- one of its syncs refused, whichever: what it had reserved there is returned, and the next one goes on
refusing=(strace -f -qq -o /dev/null -e trace=fdatasync -e inject=fdatasync:error=ESTALE)
if "${refusing[@]}:when=1000" true 2>/dev/null; then
  mq create refused && mq create reached || fail "create"
  refused=0
  for n in {1..12}; do
    mq send refused "$n" >/dev/null || fail "send"
    "${refusing[@]}:when=$n" "$spoolmq" --root "$root" relay refused --to-queue reached --once >/dev/null 2>&1 || refused=$((refused + 1))
    mq relay refused --to-queue reached --once >"$work/log" 2>&1 || [[ $? == 1 && ! -s $work/log ]] || fail "after sync $n: $(<"$work/log")"
    mq --json stats reached | grep -q '"reserved":0,' || fail "sync $n left a place reserved: $(mq --json stats reached)"
  done
  ((refused >= 3)) || fail "only $refused syncs were refused"
  same "$(seq 12)" "$(mq receive reached -n 99 --null --ack 2>/dev/null | tr '\0' '\n' | sort -n)" "each once"
fi

# ---- killed at any point, under load, with a consumer there
count=3000
(for ((i = 0; i < count; i += 100)); do seq $((i + 1)) $((i + 100)); sleep 0.1; done | mq send from --lines >/dev/null) &
sending=$!
: >"$work/got"
start consumer "$spoolmq" --root "$work/other" consume to -- sh -c "read -r n; echo \$n >>$work/got"
rounds=0
end=$((SECONDS + 120))
while ! { ended $sending && count_is 0 ready from && count_is 0 leased from && count_is 0 delayed from; }; do
  ((SECONDS < end)) || fail "the relay does not get on: $(mq stats from)"
  relay victim from --to-queue to --to-root "$work/other"
  sleep "0.$((RANDOM % 20 + 10))"
  kill_now victim
  rounds=$((rounds + 1))
done
wait $sending || fail "send"
drained() { there_count_is 0 ready to && there_count_is 0 leased to; }
end=$((SECONDS + 120))
until drained; do ((SECONDS < end)) || fail "not consumed: $(there stats to)"; sleep 0.2; done
stop consumer || fail "consume ended with $?"
same "$(seq $count | md5sum)" "$(sort -n "$work/got" | md5sum)" "each once, after $rounds kills ($(wc -l <"$work/got") lines)"
((rounds >= 5)) || fail "only $rounds kills"
