#!/bin/bash
# The brokers that other tests stand beside do what these tests rely on: confirmed messages outlive
# a kill -9 of a broker, and of a node of the cluster; and nothing stays behind.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
. "${0%/*}/brokers.sh"
need_rabbitmq
need_activemq

connect() { printf 'CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0'; }
# frames PORT WANTED: sends stdin, and reads until a line holds WANTED
frames() {
  timeout 20 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && cat >&3 &&
    while IFS= read -r line <&3; do [[ $line != *"$2"* ]] || exit 0; done; exit 1' _ "$@" 2>/dev/null
}
confirmed() {  # PORT HEADERS BODY
  { connect; printf 'SEND\ndestination:/queue/kept\npersistent:true\nreceipt:r1\n%s\n%s\0' "$2" "$3"; } |
    frames "$1" 'receipt-id:r1' || fail "not confirmed: $3"
}
arrives() {  # PORT HEADERS BODY
  { connect; printf 'SUBSCRIBE\nid:1\ndestination:/queue/kept\nack:client\n%s\n\0' "$2"; } |
    frames "$1" "$3"
}

start_activemq active
confirmed "${stomp_port[active]}" '' 'sent to active'
kill_now active
start_again active
arrives "${stomp_port[active]}" '' 'sent to active' || fail "active lost it"

start_rabbitmq one
confirmed "${stomp_port[one]}" '' 'sent to one'
kill_now one
start_again one
arrives "${stomp_port[one]}" '' 'sent to one' ||
  fail "one lost it: $(rabbitmq_ctl one -q list_queues name durable messages) $(words_of one)"
stop one

# ---- A quorum queue on three nodes: without the one that took it, the others have it
start_rabbitmq_cluster r1 r2 r3
quorum=$'x-queue-type:quorum\ndurable:true\nauto-delete:false\n'
confirmed "${stomp_port[r1]}" "$quorum" 'sent to three'
online() { rabbitmq_ctl r1 -q list_queues name type online --formatter json | tr -d ' \n'; }
three_have_it() { [[ $(online) =~ \"online\":\[([^]]*)\] && $(grep -o r.@ <<<"${BASH_REMATCH[1]}" | wc -l) -eq 3 ]]; }
until_true three_have_it
holds '"type":"quorum"' "$(online)" "a quorum queue"
kill_now r1
until_true arrives "${stomp_port[r2]}" "$quorum" 'sent to three'
start_again r1
until_true cluster_is_whole r1 3

# ---- What was ours has ended, by its own pid
left=()
for name in "${!running[@]}"; do
  left+=("${running[$name]}")
  [[ $name == *.epmd ]] || stop "$name"
done
for name in "${!running[@]}"; do stop "$name"; done
for process in "${left[@]}"; do ended "$process" || fail "$process is left"; done
