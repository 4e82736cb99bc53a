#!/bin/bash
# The STOMP server as a shell sees it: bash over /dev/tcp and socat over a Unix socket.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh" "$1"
# shellcheck source=tests/e2e/running.sh
. "$(dirname "$0")/running.sh"

# ---- A client: frames as lines, NUL as their end.
#   client NAME [VERSION]          connects; its descriptor is in ${fd[NAME]}
#   say NAME COMMAND [HEADER…] [-- BODY]
#   hear NAME                      the next frame, in $frame (its padding removed)
#   answer NAME WANT               fails unless the next frame begins with that
declare -A fd=()
frame=''
client() {
  local number
  exec {number}<>"/dev/tcp/127.0.0.1/$port" || fail "cannot connect"
  fd[$1]=$number
  say "$1" CONNECT "accept-version:${2:-1.2}"
  answer "$1" CONNECTED
}
say() {
  local name=$1 text=$2
  shift 2
  while (($# > 0)) && [[ $1 != -- ]]; do
    text+=$'\n'$1
    shift
  done
  printf '%s\n\n%s\0' "$text" "${2:-}" >&"${fd[$name]}"
}
hear() {
  IFS= read -r -d '' -t 10 frame <&"${fd[$1]}" || fail "nothing comes to $1"
  while [[ $frame == $'\n'* ]]; do frame=${frame#$'\n'}; done
}
answer() {
  hear "$1"
  [[ $frame == "$2"* ]] || fail "$1 wanted '$2', got '$frame'"
}
header() { grep -m1 "^$1:" <<<"$frame" | cut -d: -f2-; }
body() { printf %s "${frame#*$'\n\n'}"; }
bye() { eval "exec ${fd[$1]}>&-"; }
no_queues() { ! mq queues | grep -q "^$1"; }  # FOLDER
is_ready() { [[ $(mq list "$1" --state ready --json | wc -l) -eq $2 ]]; }

serve_stomp() {
  bridge stomp stomp --tcp 127.0.0.1:0 --create --rights '*: send receive browse create *' "$@"
  until_true grep -q 'listens' "$work/stomp.log"
  port=$(grep -oE '127\.0\.0\.1:[0-9]+' "$work/stomp.log" | tail -n 1 | cut -d: -f2)
}
serve_stomp

# ---- Send with a receipt; what is receipted is there
client one
say one SEND destination:/queue/orders receipt:r1 colour:blue -- 'hello'
answer one RECEIPT
same r1 "$(header receipt-id)" "the receipt"
expect 0 receive orders --ack
same hello "$out" "the body that STOMP sent"
expect 0 send orders 'from a shell' -H kind=shell

# ---- The three ack modes
say one SUBSCRIBE destination:/queue/orders id:7 ack:client-individual
answer one MESSAGE
same 7 "$(header subscription)" "the subscription"
same /queue/orders "$(header destination)" "the destination"
same shell "$(header kind)" "a header of the message"
same 'from a shell' "$(body)" "the body"
say one NACK "id:$(header ack)" requeue:False receipt:n
answer one RECEIPT
expect 0 list orders --state dead
holds rejected "$out" "a NACK that is final"
say one UNSUBSCRIBE id:7 receipt:u
answer one RECEIPT
for i in 1 2 3; do say one SEND destination:orders -- "m$i"; done
say one SUBSCRIBE destination:/queue/orders id:8 ack:client
for i in 1 2 3; do answer one MESSAGE; done
same m3 "$(body)" "the order"
say one ACK "id:$(header ack)" receipt:all
answer one RECEIPT
expect 1 receive orders
say one UNSUBSCRIBE id:8

# ---- A connection that is lost gives back what it had, at once
client two
say two SEND destination:/queue/back receipt:s -- 'again'
answer two RECEIPT
say two SUBSCRIBE destination:/queue/back id:0 ack:client
answer two MESSAGE
same false "$(header redelivered)" "the first delivery"
bye two
client three
say three SUBSCRIBE destination:/queue/back id:0 ack:auto
answer three MESSAGE
same true "$(header redelivered)" "the second delivery"
until_true is_ready back 0

# ---- Dead letters
say three SUBSCRIBE destination:/dead/orders id:d ack:client
answer three MESSAGE
same 'from a shell' "$(body)" "the dead letter"
holds rejected "$(header dead-reason)" "why it is dead"
say three ACK "id:$(header ack)" receipt:gone
answer three RECEIPT
expect 1 list orders --state dead

# ---- Transactions: nothing before COMMIT, then all of it
say three BEGIN transaction:t
say three SEND destination:/queue/t1 transaction:t -- a
say three SEND destination:/queue/t2 transaction:t receipt:inside -- b
answer three RECEIPT
expect 66 receive t1
say three COMMIT transaction:t receipt:commit
answer three RECEIPT
same commit "$(header receipt-id)" "the receipt of COMMIT"
expect 0 receive t1 --ack
expect 0 receive t2 --ack
say three BEGIN transaction:u
say three SEND destination:/queue/t1 transaction:u -- a
say three ABORT transaction:u receipt:abort
answer three RECEIPT
expect 1 receive t1

# ---- Topics
client sub
say sub SUBSCRIBE destination:/topic/news.* id:n ack:auto receipt:on
answer sub RECEIPT
say sub SUBSCRIBE destination:/topic/news.eu id:kept-news durable:true ack:auto receipt:on2
answer sub RECEIPT
say three SEND destination:/topic/news.eu receipt:t1 -- flash
answer three RECEIPT
answer sub MESSAGE
answer sub MESSAGE
same /topic/news.eu "$(header destination)" "the topic"
same flash "$(body)" "what the topic was sent"
bye sub
until_true no_queues private/
say three SEND destination:/topic/news.eu receipt:t2 -- later
answer three RECEIPT
expect 0 receive kept-news --wait --timeout 5s --ack
same later "$out" "what came while its subscriber was away"

# ---- Request and reply
client asks
say asks SUBSCRIBE destination:/queue/quotes id:q ack:client
say asks SEND destination:/queue/quotes reply-to:/temp-queue/mine correlation-id:c1 -- 'how much?'
answer asks MESSAGE
reply_to=$(header reply-to)
say asks ACK "id:$(header ack)"
say three SEND "destination:$reply_to" correlation-id:c1 receipt:replied -- '42'
answer three RECEIPT
answer asks MESSAGE
same 42 "$(body)" "the reply"
same c1 "$(header correlation-id)" "its correlation id"
bye asks
until_true no_queues reply/
say three SEND "destination:$reply_to" receipt:late -- 'too late'
answer three RECEIPT
expect 0 list quotes --state dead
holds no_requester "$out" "a reply that nobody waits for"

# ---- What cannot be obeyed: ERROR with the receipt, then the end, and no reset over it
refused() {  # WHY COMMAND…
  local why=$1
  client bad
  say bad "${@:2}"
  answer bad ERROR
  holds "$why" "$frame" "why '$2' is refused"
  ! IFS= read -r -d '' -t 10 frame <&"${fd[bad]}" || fail "something comes behind an ERROR"
  bye bad
}
refused 'receipt-id:x' SEND destination:/nowhere/q receipt:x
refused 'there are none here' SUBSCRIBE destination:/queue/orders id:0 'selector:a=1'
refused 'no such delivery' ACK id:99
refused 'no transaction' COMMIT transaction:none
refused 'no such frame' HELLO
printf 'GET / HTTP/1.1\r\n\r\n' | timeout 10 socat - "TCP:127.0.0.1:$port" >"$work/http"
holds 'ERROR' "$(tr -d '\0' <"$work/http")" "what HTTP is told"

# ---- Heart-beats, both ways
exec {number}<>"/dev/tcp/127.0.0.1/$port"
fd[beats]=$number
say beats CONNECT accept-version:1.2 heart-beat:200,200
answer beats CONNECTED
same 200,200 "$(header heart-beat)" "what was agreed on"
answer beats ERROR
holds 'no heart-beat came in time' "$frame" "a silent client"
bye beats

# ---- A Unix socket: the kernel says who it is, and nobody needs rights
bridge local stomp --unix "$work/stomp.sock" --create
until_true has_listener "$work/stomp.sock"
printf 'CONNECT\n\n\0SEND\ndestination:unix\nreceipt:1\n\nhi\0' |
  timeout 10 socat -t 5 - "UNIX-CONNECT:$work/stomp.sock" >"$work/unix"
holds 'receipt-id:1' "$(tr -d '\0' <"$work/unix")" "the receipt over a Unix socket"
expect 0 receive unix --ack
same hi "$out" "what came over it"
stop local || fail "the server over a Unix socket: $(words_of local)"

stop stomp
same 2 $? "its exit code, as it refused some"
