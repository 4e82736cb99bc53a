#!/bin/bash
# forward and fetch with brokers that nobody here wrote: a message comes back as it was, a broker that
# is down for as long as it likes costs nothing, a full queue holds the broker back, and what is refused.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
. "${0%/*}/bridges.sh"
. "${0%/*}/brokers.sh"
need_rabbitmq
other=$work/other
other_mq() { "$spoolmq" --root "$other" "$@"; }

# ---- What is refused
mq create q || fail "create"
for wrong in '' '--to nowhere' '--to 127.0.0.1:0' '--to 127.0.0.1:1 --unix /x' '--to 127.0.0.1:1 --tls-ca /x' \
  '--unix /x --tls' '--to 127.0.0.1:1 --window 0' '--to 127.0.0.1:1 --header x' '--to 127.0.0.1:1 --header receipt=1' \
  '--to 127.0.0.1:1 --destination {x}' '--to 127.0.0.1:1 --heart-beat 1ms'; do
  # shellcheck disable=SC2086
  expect 64 forward q $wrong
done
expect 64 fetch q
expect 64 fetch q --from 127.0.0.1:1 --destination '/queue/{header:x}'
port=$(free_ports 1)
expect 69 forward q --once --to "127.0.0.1:$port"
holds 'Connection refused' "$err" "nobody listens"
expect 69 fetch q --once --unix "$work/nothing"

# ---- There and back: what comes back is what was sent, but who delivers it
# compared QUEUE HERE-JSON: every field that a receiver sees, its headers sorted by name
fields() {
  python3 -c '
import json, sys
for line in sys.stdin:
    m = json.loads(line)
    for gone in ("receipt", "deliveries", "failures", "redrives"): m.pop(gone, None)
    m["headers"] = sorted(m.get("headers", []), key=lambda h: h[0])
    m["from"] = m.get("from", {}).get("name")
    print(json.dumps(m, sort_keys=True))'
}
full() {  # QUEUE: one with all that a message can carry, one with bytes, one with nothing
  printf 'k\303\266rper\n' | mq send "$1" -H 'content-type=text/plain; charset=utf-8' -H 'a:b=c:\d' \
    -H $'lines=one\ntwo\r' -H priority=mine -H CC=nobody -H x-message-ttl=1 -H 'twice=1' -H 'twice=2' \
    -H $'u=\303\274' --priority 20000 --correlation-id 'c:1' --reply-to answers/eu --order-key k --dedupe-key d \
    --ttl 1h --as till-7 || fail "send"
  head -c 70000 /dev/urandom | mq send "$1" --as till-7 || fail "send"
  mq send "$1" '' --as till-7 || fail "send"
}
there_and_back() {  # PORT QUEUE OPTION…: and the figures that the broker keeps
  local port=$1 queue=$2
  mq create "$queue" || fail "create"
  full "$queue" >"$work/ids"
  mq --json receive "$queue" -n 3 --lease 5s >"$work/received" || fail "receive"
  sed 's/.*"receipt":"\([^"]*\)".*/\1/' "$work/received" | mq release "$queue" - || fail "release"
  fields <"$work/received" >"$work/before"
  expect 0 forward "$queue" --once --to "127.0.0.1:$port" "${@:3}"
  same "$(sort "$work/ids")" "$(sort "$work/out")" "an id per message"
  counted 0 ready "$queue"
  other_mq create "$queue" || fail "create"
  "$spoolmq" --root "$other" fetch "$queue" --once --from "127.0.0.1:$port" "${@:3}" >"$work/fetched" || fail "fetch"
  other_mq --json receive "$queue" -n 10 --ack | fields >"$work/after"
  cmp "$work/before" "$work/after" || fail "$(diff "$work/before" "$work/after" | cut -c 1-900)"
}
broker_has() {  # COUNT QUEUE; its counters are a moment late
  [[ $(rabbitmq_ctl rabbit -q --no-table-headers list_queues name messages | awk -v q="$2" '$1 == q { print $2 }') == "$1" ]]
}
start_rabbitmq rabbit
rabbit=${stomp_port[rabbit]}
printf 'guest\nguest\n' >"$work/login" && chmod 600 "$work/login"
there_and_back "$rabbit" eu/orders --login-file "$work/login" --vhost /
holds 'eu/orders quorum true' "$(rabbitmq_ctl rabbit -q --no-table-headers list_queues name type durable | tr '\t' ' ')" \
  "what was declared"

until_true broker_has 0 eu/orders

# ---- Who is not let in, and what a broker refuses
mq create refused || fail "create"
echo one | mq send refused -H to=good >/dev/null || fail "send"
printf 'guest\nwrong:word\n' >"$work/wrong" && chmod 600 "$work/wrong"
expect 77 forward refused --once --to "127.0.0.1:$rabbit" --login-file "$work/wrong"
holds 'Access refused' "$err" "a wrong passcode"
[[ $err$out != *wrong:word* ]] || fail "the passcode is in its words"
expect 77 fetch refused --once --from "127.0.0.1:$rabbit" --vhost none
chmod 640 "$work/wrong"
expect 78 forward refused --once --to "127.0.0.1:$rabbit" --login-file "$work/wrong"
# A message whose own destination is none goes dead, alone; the others go on.
echo bad | mq send refused -H to=/exchange/x >/dev/null && echo none | mq send refused >/dev/null || fail "send"
echo two | mq send refused -H to=good >/dev/null || fail "send"
expect 2 forward refused --once --to "127.0.0.1:$rabbit" --destination '/queue/{header:to}'
counted 1 dead refused
holds 'no destination: header to is missing' "$(mq list refused --state dead)" "why"
until_true broker_has 2 good
# Whatever a message says stays a name: nothing went to an exchange.
holds '/exchange/x' "$(rabbitmq_ctl rabbit -q --no-table-headers list_queues name)" "a name like any other"
# An operator's mistake costs no message.
echo three | mq send refused >/dev/null || fail "send"
expect 69 forward refused --once --to "127.0.0.1:$rabbit" --destination '/nowhere/{queue}'
holds 'Unknown destination' "$err" "why"
counted 1 ready refused

# ---- A broker that is down: nothing is lost, no failure counted, and since when is said
mq create far || fail "create"
adapter 'type = "forward"' 'queue = "far"' "to = [\"127.0.0.1:$port\", \"127.0.0.1:$rabbit\"]" 'heart-beat = "500ms"' 'answer-timeout = "3s"'
start serve "$spoolmq" --root "$root" serve
until_true service_answers
printf 0 | mq send far >/dev/null || fail "send"
until_true count_is 0 ready far
until_true count_is 0 leased far
until_true state_is forward-far running
stop rabbit
seq 1 500 | mq send far --lines >/dev/null || fail "send"
until_true state_is forward-far paused
since=$(json "$work/state" '$.since')
[[ -n $since ]] || fail "since when? $(cat "$work/state")"
tries=$(json "$work/state" '$.last_error_at')
tried_again() { state_is forward-far paused && [[ $(json "$work/state" '$.last_error_at') != "$tries" ]]; }
until_true tried_again
same "$since" "$(json "$work/state" '$.since')" "an outage goes on"
counted 500 ready far
start_again rabbit
mq adapters restart forward-far >/dev/null || fail "restart"
# A queue that the broker has not recovered yet may swallow what comes: then no receipt does.
until_true count_is 0 ready far
until_true count_is 0 leased far
until_true state_is forward-far running
mq --json stats far >"$work/stats" || fail "stats"
same 0 "$(json "$work/stats" '$.totals.failures')" "failures counted"
same 0 "$(json "$work/stats" '$.dead')" "dead"
stop serve || fail "serve: $(words_of serve)"

# ---- A queue that is full holds the broker back, and nothing is lost
other_mq create far --capacity 100 || fail "create"
start fetch "$spoolmq" --root "$other" fetch far --from "127.0.0.1:$rabbit" --prefetch 50 --heart-beat 500ms
is_full() { local root=$other; count_is 100 ready far; }
until_true is_full
got=0
while ((got < 501)); do
  other_mq receive far -n 100 --wait --timeout 60s --ack --null >"$work/some" || fail "only $got came: $(words_of fetch)"
  tr '\0' '\n' <"$work/some" >>"$work/all"
  got=$(wc -l <"$work/all")
done
stop fetch
seq 0 500 | cmp - <(sort -n "$work/all") || fail "not each once: $(seq 0 500 | diff - <(sort -n "$work/all") | head -n 5)"

# ---- The README's recipe
readme_block 'When one machine is not enough' sh | sed "s/127.0.0.1:61613/127.0.0.1:$rabbit/g" >"$work/recipe" || exit 1
mkdir "$work/bin" && ln -s "$(realpath "$spoolmq")" "$work/bin/spoolmq"
PATH=$work/bin:$PATH SPOOLMQ_ROOT=$work/readme bash -e "$work/recipe" >"$work/out" 2>"$work/err" ||
  fail "the recipe: $(cat "$work/out" "$work/err")"
same 'two espressos' "$(tail -n 1 "$work/out")" "the recipe's last word"
same 1 "$(sort "$work/out" | uniq -c | awk '$1 == 3' | wc -l)" "sent, forwarded and fetched under one id"
stop rabbit

# ---- From one spoolmq to another, whose server is killed meanwhile
third=$work/third
start server "$spoolmq" --root "$third" stomp --unix "$work/stomp.sock" --create
until_true has_listener "$work/stomp.sock"
mq create hop && other_mq create hop || fail "create"
seq 1 2000 | mq send hop --lines -H a=b --priority 300 --correlation-id c >/dev/null || fail "send"
start hop "$spoolmq" --root "$root" forward hop --unix "$work/stomp.sock"
some_there() { local root=$third; mq --json stats hop >"$work/hop" && (($(json "$work/hop" '$.ready') > 300)); }
until_true some_there
kill_now server
start server "$spoolmq" --root "$third" stomp --unix "$work/stomp.sock" --create
until_true count_is 0 ready hop
until_true count_is 0 leased hop
stop hop
"$spoolmq" --root "$other" fetch hop --once --unix "$work/stomp.sock" >"$work/fetched" || fail "fetch"
(root=$other; take_all hop) | sort -n | cmp - <(seq 1 2000) || fail "not each once through another spoolmq"
stop server

# ---- ActiveMQ, where it is cheap
if [[ -e $activemq_share/bin/activemq.jar ]] && command -v java >/dev/null; then
  start_activemq active
  there_and_back "${stomp_port[active]}" eu/active
  stop active
fi
echo "there and back, an outage, a full queue"
