#!/bin/bash
# socket-out: messages handed on through Unix and TCP sockets, to programs that know nothing of
# messaging, acknowledged by answers or by the kernel; destinations that are down, slow, or wrong.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
for tool in socat nc python3; do
  command -v "$tool" >/dev/null || { echo "no $tool"; exit 77; }
done
others_may_run
outage_s=${SOCKETS_OUTAGE_S:-4}  # 60 once in a while

hand_on() { start "$1" "$spoolmq" --root "$root" socket-out "${@:2}"; }  # NAME Q OPTION…
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
says() { grep -q "$2" "$work/$1.log"; }
file_is() { [[ $(cat "$2" 2>/dev/null) == "$1" ]]; }
no_failures() { same 0 "$(json "$work/stats" '$.totals.failures')" "no failure is counted"; }
stats_of() { mq --json stats "$1" >"$work/stats" || fail "stats"; }

# A server of our vocabulary: answers each line by the script of its own first word.
cat >"$work/peer.py" <<'P'
import os, socket, sys, time
place, log = sys.argv[1], open(sys.argv[2], "a", buffering=1)
if place.startswith("/"):
    s = socket.socket(socket.AF_UNIX); s.bind(place)
else:
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", int(place)))
s.listen(16)
print("listens", flush=True)
while True:
    c, _ = s.accept()
    f = c.makefile("rb")
    try:
        for line in f:
            text = line.decode().rstrip("\n")
            print(text, file=log)
            if text == "hang up": break
            if text == "silence": continue
            word = text.split()[0] if text.split() else ""
            c.sendall((text if word in ("again", "no", "down", "stop", "nonsense") else "ok") .encode() + b"\n")
        else:
            print("end of stream", file=log)
    except OSError as error:
        print("broke", error, file=log)
    f.close(); c.close()
P
peer() { start "$1" python3 "$work/peer.py" "$2" "$work/$1.got"; until_true says "$1" listens; }
port=$(free_port)

# ---- What is refused
mq create q || fail "create"
for wrong in '' '--unix /x --tcp 127.0.0.1:1' '--tcp 127.0.0.1:0' '--tcp nowhere' '--unix /x --tls' \
  '--tcp 127.0.0.1:1 --tls-ca /x' '--tcp 127.0.0.1:1 --window 0' '--unix /x --answer-timeout 0' \
  '--tcp 127.0.0.1:1 --allow-users root'; do
  # shellcheck disable=SC2086
  expect 64 socket-out q $wrong
done
expect 69 socket-out q --once --unix "$work/nothing"
expect 69 socket-out q --once --tcp "127.0.0.1:$port"
holds 'Connection refused' "$err" "nobody listens"
touch "$work/file"
expect 69 socket-out q --once --unix "$work/file"


# ---- Without answers: everybody's programs get everything, in order, and the end of it
mq send q one >/dev/null && mq send q two >/dev/null && seq 1000 | mq send q --lines >/dev/null
start netcat bash -c "nc -lU '$work/nc' >'$work/nc.got'"
until_true has_listener "$work/nc"
expect 0 socket-out q --once --unix "$work/nc"
same 1002 "$(wc -l <"$work/out")" "an id per message"
until_true ended "${running[netcat]}"
file_is "$(printf 'one\ntwo\n'; seq 1000)" "$work/nc.got" || fail "nc: $(tail -3 "$work/nc.got")"
unset 'running[netcat]'
stats_of q
no_failures
seq 20000 | mq send q --lines >/dev/null
start sink socat -u "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr" "OPEN:$work/sink.got,creat"
until_true grep -q ":$(printf %04X "$port") 00000000:0000 0A" /proc/net/tcp
expect 0 socket-out q --once --tcp "127.0.0.1:$port" --framing netstring
until_true ended "${running[sink]}"
unset 'running[sink]'
python3 - "$work/sink.got" <<'P' || fail "netstrings"
import sys
data, n = open(sys.argv[1], "rb").read(), 0
while data:
    length, _, data = data.partition(b":"); length = int(length)
    n += 1; assert data[:length] == str(n).encode() and data[length:length + 1] == b","; data = data[length + 1:]
assert n == 20000, n
P
# A large body, and one that has no frame: that one goes dead, and holds up nobody.
head -c 20000000 /dev/urandom | base64 -w0 >"$work/large"
mq send q -f "$work/large" >/dev/null && printf 'a\nb' | mq send q >/dev/null && mq send q last >/dev/null
start sink bash -c "nc -l 127.0.0.1 $port >'$work/nc.got'"
until_true grep -q ":$(printf %04X "$port") 00000000:0000 0A" /proc/net/tcp
mq socket-out q --once --tcp "127.0.0.1:$port" >/dev/null 2>"$work/err"
same 2 $? "one was refused: $(cat "$work/err")"
until_true ended "${running[sink]}"
unset 'running[sink]'
cmp "$work/nc.got" <(cat "$work/large"; printf '\nlast\n') || fail "a large body"
counted 1 dead q
holds 'framing line has no frame' "$(mq list q --state dead)$(mq --json list q --state dead)" "why"

# ---- With answers: every word of the vocabulary
mq create v || fail "create"
peer words "$work/words"
for body in one 'no such customer' two; do mq send v "$body" >/dev/null; done
mq socket-out v --once --unix "$work/words" --answers >"$work/out" 2>"$work/err"
same 2 $? "one was refused: $(cat "$work/err")"
same 2 "$(wc -l <"$work/out")" "two were taken"
counted 1 dead v
holds 'such customer' "$(mq --json list v --state dead)" "with its reason"
until_true grep -q 'end of stream' "$work/words.got"  # our side was shut, and the answers awaited
mq send v 'again please' >/dev/null
hand_on vocabulary v --unix "$work/words" --answers
until_true count_is 1 delayed v
stats_of v
same 2 "$(json "$work/stats" '$.totals.failures')" "a failure is counted for again, and for no"
mq delete v --state delayed ALL >/dev/null
mq send v 'down for repair' >/dev/null
until_true says vocabulary 'adapter paused'
holds 'down: for repair' "$(words_of vocabulary)" "why it pauses"
until_true count_is 1 ready v
stats_of v
same 2 "$(json "$work/stats" '$.totals.failures')" "none is counted for down"
stop vocabulary
mq delete v --state ready ALL >/dev/null
mq send v 'stop the presses' >/dev/null
expect 78 socket-out v --unix "$work/words" --answers
holds 'the presses' "$err" "stop"
counted 1 ready v
mq delete v --state ready ALL >/dev/null
mq send v nonsense >/dev/null
expect 69 socket-out v --once --unix "$work/words" --answers
holds 'no answer' "$err" "a line that is none"
mq delete v --state ready ALL >/dev/null
mq send v silence >/dev/null
hand_on unanswered v --unix "$work/words" --answers --answer-timeout 300ms
until_true says unanswered 'no answer within 300ms'
stop unanswered
counted 1 ready v
expect 69 socket-out v --once --unix "$work/words" --answers
holds 'the other side has ended' "$err" "an end before the answer"
mq delete v --state ready ALL >/dev/null
mq send v 'hang up' >/dev/null
expect 69 socket-out v --once --unix "$work/words" --answers
counted 1 ready v
stats_of v
same 2 "$(json "$work/stats" '$.totals.failures')" "none of these is the message's failure"
# Who listens there, and who may.
expect 77 socket-out v --once --unix "$work/words" --allow-users daemon
holds 'root listens there' "$err" "an impostor"
kill_now words
mq delete v --state ready ALL >/dev/null

# ---- A destination that is down: nothing is lost, no failure is counted, it goes on by itself
mq create o || fail "create"
seq 500 | mq send o --lines >/dev/null
port=$(free_port)
hand_on out o --tcp "127.0.0.1:$port" --answers
until_true says out 'adapter paused'
sleep "$outage_s"
counted 500 ready o  # not even leased
peer back "$port"
all_gone() { count_is 0 ready o && count_is 0 leased o; }
end=$((SECONDS + outage_s + 60))
until all_gone; do ((SECONDS < end)) || fail "it does not go on: $(words_of out)"; sleep 0.1; done
file_is "$(seq 500)" "$work/back.got" || fail "lost, or out of order"
same 1 "$(grep -c 'adapter paused' "$work/out.log")" "said once"
# It vanishes in the middle, again and again: everything arrives, in the end exactly or twice.
seq 501 3000 | mq send o --lines >/dev/null
for _ in 1 2 3; do
  sleep 0.1
  kill_now back
  rm -f "$work/back.log"
  peer back "$port"
done
end=$((SECONDS + 90))
until all_gone; do ((SECONDS < end)) || fail "it does not go on: $(words_of out)"; sleep 0.1; done
lost=$(comm -23 <(seq 3000 | sort) <(sort "$work/back.got") | sort -n | head -n 3 | xargs)
same '' "$lost" "everything arrived; not"
stats_of o
no_failures
stop out
kill_now back

# ---- The first that answers; a reader that takes nothing holds back, and costs no memory
other=$(free_port)
port=$(free_port)
peer second "$other"
mq send o turn >/dev/null
expect 0 socket-out o --once --answers --tcp "127.0.0.1:$port" --tcp "localhost:$other"
file_is $'turn\nend of stream' "$work/second.got" || fail "the second: $(cat "$work/second.got")"
kill_now second
expect 69 socket-out o --once --tcp "127.0.0.1:$port" --tcp no-such-host.invalid:1 --connect-timeout 2s
holds 'no-such-host' "$err" "all of them are told"
mq create b || fail "create"
head -c 3000000 /dev/zero | tr '\0' x | fold -w 100000 | mq send b --lines >/dev/null
start deaf python3 -c "
import socket, time
s = socket.socket(socket.AF_UNIX); s.bind('$work/deaf'); s.listen(); c, _ = s.accept(); print('taken', flush=True); time.sleep(300)"
until_true has_listener "$work/deaf"
hand_on held b --unix "$work/deaf" --window 8
until_true says deaf taken
until_true count_is 8 leased b
stop held
kill_now deaf
counted 0 leased b
stats_of b
no_failures

# ---- Two roots: socket-out here, socket-in there
"$spoolmq" --root "$work/there" create arrivals || fail "create"
mq create departures || fail "create"
start there "$spoolmq" --root "$work/there" socket-in arrivals --unix "$work/link" --framing netstring --answers
until_true has_listener "$work/link"
printf 'with\nlines\n\0and more' | mq send departures >/dev/null
seq 2000 | mq send departures --lines >/dev/null
expect 0 socket-out departures --once --unix "$work/link" --framing netstring --answers
counted 0 ready departures
same 2001 "$("$spoolmq" --root "$work/there" --json stats arrivals | grep -o '"ready":[0-9]*' | head -1 | cut -d: -f2)" "all arrived"
"$spoolmq" --root "$work/there" receive arrivals --ack 2>/dev/null | cmp - <(printf 'with\nlines\n\0and more') || fail "bytes"
stop there || fail "there: $(words_of there)"
