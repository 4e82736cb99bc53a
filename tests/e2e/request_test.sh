#!/bin/bash
# request and reply: answers by bc, awk and openssl, refusals, patience that runs out, and both sides killed
# at any point. What nobody fetches is found among the dead of the queue.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
trap end_all EXIT

serve() { start "$1" "$spoolmq" --root "$root" reply "${@:2}"; }  # NAME Q … -- COMMAND…
# By their directories: a command that opens them would keep them from being removed.
mailboxes() { find "$root/queues" -mindepth 1 -maxdepth 1 -name 'reply%2F*' -printf '%f\n' | sed 's/%2F/\//'; }
no_mailbox() { [[ -z $(mailboxes) ]]; }
waits_in() { mq --json consumers "$1" | grep -q "\"waiting\":true"; }
dead_reasons() { mq list "$1" --state dead --json | grep -o '"reason":"[^"]*"' | sort | uniq -c | sed 's/^ *//'; }
dead_bodies() {
  local id
  for id in $(mq list "$1" --state dead --json | grep -o '^{"id":"[^"]*"' | cut -d'"' -f4); do
    mq cat "$1" "$id"
  done
}

# ---- a calculator that knows nothing of messaging
mq create sums || fail "create"
serve bc sums -H unit=none -- bc -l
expect 0 request sums <<<'scale=2; 10/4'
same 2.50 "$out" "bc answers"
expect 0 request sums -f <(echo '2^100')
same 1267650600228229401496703205376 "$out" "from a file"
expect 0 --json request sums $'6*7\n' -H who=me --as alice --priority 9
same $'42' "$(json "$work/out" '$.body' | head -n 1)" "the body"
same "$(json "$work/out" '$.request')" "$(json "$work/out" '$.headers[2][1]')" "which request it answers"
json_has "$work/out" '$.id' '$.correlation_id' '$.sent' '$.expires' '$.size' '$.from'
holds '["unit","none"]' "$out" "the replier's header"
until_true no_mailbox
counted 0 dead sums
expect 66 request nowhere x
expect 64 request sums x --ttl 0
expect 64 request sums x -f "$work/ids"
expect 64 request sums x --timeout then
stop bc || fail "reply ended with $?"

# ---- patience
expect 1 request sums x --timeout 50ms
holds 'withdrawn' "$err" "why"
for state in ready dead; do counted 0 $state sums; done
mq create slow || fail "create"
serve slow slow -- sh -c 'sleep 0.5; echo late'
expect 1 request slow x --timeout 100ms
holds 'it was taken' "$err" "why"
until_true count_is 1 dead slow
same '1 "reason":"no_requester"' "$(dead_reasons slow)" "a late reply"
same late "$(dead_bodies slow)" "a late reply"
no_mailbox || fail "left: $(mailboxes)"
# Requeued by mistake, it is nobody's question.
mq requeue slow ALL >/dev/null || fail "requeue"
until_true count_is 1 dead slow
holds 'a reply, not a request' "$(dead_reasons slow)" "requeued"
stop slow || fail "reply ended with $?"

# ---- verdicts
mq create verdicts --max-failures 2 --backoff 10ms --backoff-max 10ms || fail "create"
serve bad verdicts -- sh -c 'read -r code; exit "$code"'
expect 65 request verdicts 65
holds 'rejected: command exited with 65' "$err" "why"
expect 65 request verdicts 100
expect 69 request verdicts 3
holds 'failed: command exited with 3' "$err" "why"
until_true count_is 3 dead verdicts
expect 0 request verdicts 0
same '' "$out" "nothing printed is an empty reply"
no_mailbox || fail "left: $(mailboxes)"
expect 1 request verdicts 78 --timeout 5s  # the command is broken: the message stays, and is withdrawn
until_true ended "${running[bad]}"
wait "${running[bad]}"
same 78 $? "reply's own exit code"
unset 'running[bad]'
counted 0 ready verdicts

# ---- from whom nobody waits, and whose mailbox there never was
mq send verdicts 0 >/dev/null && mq send verdicts 0 --reply-to reply/never >/dev/null || fail "send"
mq reply verdicts --until-empty -- sh -c 'cat; echo unasked' 2>/dev/null
same 2 $? "messages went dead"
same 2 "$(dead_bodies verdicts | grep -c unasked)" "both are kept"
# An ordinary queue will do for replies.
mq create answers && mq send verdicts 7 --reply-to answers --correlation-id c7 >/dev/null || fail "send"
mq reply verdicts --until-empty -- cat || fail "reply"
mq receive answers --ack --json >"$work/answer" || fail "no answer"
same 7c7 "$(json "$work/answer" '$.body')$(json "$work/answer" '$.correlation_id')" "the answer"

# ---- large replies, and ones that never end
mq create large || fail "create"
serve large large -- openssl enc -d -base64 -A
head -c 20000000 /dev/urandom >"$work/random"
base64 -w 0 "$work/random" >"$work/asked"
mq request large -f "$work/asked" | cmp - "$work/random" || fail "20 MB there and back"
stop large || fail "reply ended with $?"
serve endless large --most 1M -- yes
expect 65 request large x
holds 'more than a reply may hold' "$err" "why"
stop endless || fail "reply ended with $?"
until_true no_mailbox

# ---- many at a time: to each his own
serve crowd sums --concurrency 4 -- awk '{ print $1 * $1 }'
for n in $(seq 40); do mq request sums "$n" >"$work/square.$n" & asked[n]=$!; done
for n in $(seq 40); do
  wait "${asked[n]}" || fail "request $n: exit $?"
  same $((n * n)) "$(cat "$work/square.$n")" "the square of $n"
done
stop crowd || fail "reply ended with $?"
counted 0 dead sums

# ---- told to stop, it takes its mailbox and its request along
for signal in INT TERM; do
  "$spoolmq" --root "$root" request sums x >"$work/out" 2>"$work/err" & asking=$!
  until_true count_is 1 ready sums
  kill -$signal $asking
  wait $asking
  same 1 $? "interrupted by $signal"
  holds interrupted "$(cat "$work/err")" "why"
  no_mailbox || fail "left: $(mailboxes)"
  counted 0 ready sums
done

# ---- killed requesters
old=reply/01890a5d-ac96-774b-bcce-b302099a8057  # of the year 2023
mq create "$old" || fail "create"
mq send "$old" orphan --ttl 1ms -H spoolmq-queue=sums >/dev/null || fail "send"
expect 1 request sums x --timeout 10ms
no_mailbox || fail "the next request does not sweep: $(mailboxes)"
same '1 "reason":"no_requester"' "$(dead_reasons sums)" "an orphan"
same orphan "$(dead_bodies sums)" "an orphan"
mq create "$old" || fail "create"
mq send "$old" 'still wanted' --ttl 1h -H spoolmq-queue=sums >/dev/null || fail "send"
start service "$spoolmq" --root "$root" serve
mq purge "$old" ALL >/dev/null || fail "purge"
until_true no_mailbox
stop service || fail "serve ended with $?"

# ---- kill -9 of both sides at any point
mq create storm || fail "create"
mkdir "$work/storm"
worker='read -r n; echo "$n" >>"'$work'/executed"; echo "answer $n."'
serve replier storm --concurrency 2 -- sh -c "$worker"
until_true waits_in storm
killed=()
for n in $(seq 60); do
  "$spoolmq" --root "$root" request storm "$n" --timeout 20s >"$work/storm/$n" 2>"$work/storm/$n.err" & asking=$!
  if ((n % 2)); then sleep "0.0$((RANDOM % 40 + 10))"; else until_true grep -qx "$n" "$work/executed"; fi
  if ((n % 3 != 0)); then
    kill_now replier
    serve replier storm --concurrency 2 -- sh -c "$worker"
  fi
  if ((n % 3 != 1)); then
    kill -KILL $asking 2>/dev/null
    killed[n]=1
    wait $asking 2>/dev/null
  else
    wait $asking || fail "request $n: exit $?: $(cat "$work/storm/$n.err")"
    same "answer $n." "$(cat "$work/storm/$n")" "the answer to $n, once"
  fi
done
quiet() { count_is 0 ready storm && count_is 0 leased storm && count_is 0 delayed storm; }
until_true quiet
stop replier || fail "reply ended with $?"
{
  dead_bodies storm
  for box in $(mailboxes); do
    mq receive "$box" -n 1000 --null 2>/dev/null | tr -d '\0'
    dead_bodies "$box"
  done
} >"$work/kept"
lost=0 found=0
for n in "${!killed[@]}"; do
  grep -qx "$n" "$work/executed" || continue  # killed before it was sent
  if grep -qxF "answer $n." "$work/storm/$n" "$work/kept"; then found=$((found + 1)); else
    lost=$((lost + 1)) && echo "the answer to $n is nowhere" >&2
  fi
done
((found > 10)) || fail "only $found answers of killed requesters: nothing was tested"
same 0 $lost "answers that are nowhere, of $found"
