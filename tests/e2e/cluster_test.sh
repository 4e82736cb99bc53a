#!/bin/bash
# Three RabbitMQ nodes with a quorum queue on all of them, a bad network before them, forward and
# fetch across it: the queue's leader is killed, our service is killed, connections stall and are
# cut. Every message gets there, twice only under the same id; fetched back into another root each
# is there once. CLUSTER_MESSAGES=20000 CLUSTER_LEADERS=3 CLUSTER_KILLS=10 once in a while.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
. "${0%/*}/bridges.sh"
. "${0%/*}/brokers.sh"
need_rabbitmq
command -v python3 >/dev/null || { echo "no python3"; exit 77; }
messages=${CLUSTER_MESSAGES:-3000} leaders=${CLUSTER_LEADERS:-1} kills=${CLUSTER_KILLS:-4}
other=$work/other
other_mq() { "$spoolmq" --root "$other" "$@"; }
serve() { start serve "$spoolmq" --root "$root" serve && until_true service_answers; }
serve_other() { start serve_other "$spoolmq" --root "$other" serve; }
seconds_within() { local end=$((SECONDS + $1)); until "${@:2}"; do ((SECONDS < end)) || return 1; sleep 0.1; done; }
# left QUEUE: how many messages are not acknowledged
left() {
  mq --json stats "$1" >"$work/left" || fail "stats"
  echo $(($(json "$work/left" '$.ready') + $(json "$work/left" '$.leased') + $(json "$work/left" '$.delayed')))
}
# Where nothing is left, it all got there, perhaps before it was counted.
fewer_left() { local now; now=$(left c); ((now < $1 || now == 0)); }
none_left() { (($(left c) == 0)); }
# of_queue COLUMN: what a node that runs says of the queue c
of_queue() {
  local node
  for node in n1 n2 n3; do
    is_running "$node" || continue
    rabbitmq_ctl "$node" -q --no-table-headers list_queues name "$1" 2>/dev/null | awk '$1 == "c" { print $2 }'
    return
  done
}
leader() { of_queue pid | sed 's/^<\(n[123]\)@.*/\1/'; }
queue_has() { [[ $(of_queue messages) == "$1" ]]; }

start_rabbitmq_cluster n1 n2 n3
mapfile -t ports < <(free_ports 3)
start proxy python3 "${0%/*}/rough_proxy.py" "$work/rough" 7 "${ports[0]}:${stomp_port[n1]}" \
  "${ports[1]}:${stomp_port[n2]}" "${ports[2]}:${stomp_port[n3]}"
until_true logged proxy listens
hosts="[\"127.0.0.1:${ports[0]}\", \"127.0.0.1:${ports[1]}\", \"127.0.0.1:${ports[2]}\"]"

# ---- There
mq create c || fail "create"
adapter 'type = "forward"' 'queue = "c"' "to = $hosts" 'heart-beat = "1s"' 'answer-timeout = "5s"'
serve
printf 0 | mq send c >/dev/null || fail "send"
seconds_within 180 none_left || fail "the first message does not get there: $(mq adapters)"
touch "$work/rough"
began=$SECONDS sent=1 down='' killed_leaders=0
for ((round = 1; round <= kills; ++round)); do
  last=$((round == kills ? messages - 1 : messages * round / kills))
  if [[ -n $down ]]; then
    start_again "$down"
    down=''
  elif ((killed_leaders < leaders)); then
    down=$(leader)
    [[ $down == n[123] ]] || fail "who leads the queue? '$down'"
  fi
  seq "$sent" "$last" | mq send c --lines >/dev/null || fail "send"
  sent=$((last + 1))
  before=$(left c)
  if [[ -n $down ]]; then
    kill_now "$down"
    ((++killed_leaders))
  fi
  seconds_within 180 fewer_left "$before" || fail "round $round: nothing gets there: $(mq adapters)"
  kill_now serve
  serve
done
[[ -z $down ]] || start_again "$down"
((killed_leaders == leaders)) || fail "only $killed_leaders leaders were killed: more kills than rounds"
rm "$work/rough"
seconds_within 180 none_left || fail "$(left c) did not get there: $(mq adapters)"
there_s=$((SECONDS - began))
mq --json stats c >"$work/stats" || fail "stats"
same 0 "$(json "$work/stats" '$.dead')" "dead letters"
stop serve || fail "serve: $(words_of serve)"
# Those of killed services come in late.
python3 "${0%/*}/stomp_look.py" "${stomp_port[n1]}" /queue/c amqp-message-id 10 >"$work/there" ||
  fail "look"
at_broker=$(wc -l <"$work/there")
same "$messages" "$(cut -d' ' -f2 "$work/there" | sort -u | wc -l)" \
  "different bodies among $at_broker at the broker, which counts $(of_queue messages)"
same "$messages" "$(sort -u "$work/there" | wc -l)" "different ids and bodies at the broker"
same "$messages" "$(cut -d' ' -f1 "$work/there" | sort -u | wc -l)" "different ids at the broker"

# ---- And back
other_mq create c || fail "create"
mkdir -p "$other"
cat >"$other/spoolmq.toml" <<T
[[adapter]]
type = "fetch"
queue = "c"
from = $hosts
heart-beat = "1s"
answer-timeout = "5s"
prefetch = 100
T
touch "$work/rough"
began=$SECONDS
other_ready() { other_mq --json stats c >"$work/back" && (($(json "$work/back" '$.ready') >= $1)); }
for ((round = 1; round <= kills; ++round)); do
  serve_other
  seconds_within 60 other_ready $((messages * round / (kills + 1))) ||
    fail "back, round $round: $(cat "$work/back") $(words_of serve_other)"
  kill_now serve_other
done
rm "$work/rough"
serve_other
seconds_within 120 other_ready "$messages" || fail "back: $(cat "$work/back") $(words_of serve_other)"
seconds_within 60 queue_has 0 || fail "$(of_queue messages) are left at the broker"
back_s=$((SECONDS - began))
stop serve_other || fail "serve: $(words_of serve_other)"
root=$other
counted "$messages" ready c
take_all c | sort -n >"$work/bodies"
seq 0 $((messages - 1)) | cmp -s - "$work/bodies" || fail "not each once: $(seq 0 $((messages - 1)) |
  diff - "$work/bodies" | head -n 5)"
stop proxy
echo "messages=$messages leaders_killed=$killed_leaders kills=$kills duplicates_at_broker=$((at_broker - messages))" \
  "there_s=$there_s back_s=$back_s $(tail -n 1 "$work/proxy.log")"
