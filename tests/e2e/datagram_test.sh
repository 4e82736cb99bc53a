#!/bin/bash
# Bridges of datagrams with nc, socat, logger, bash's /dev/udp and python3 at the other end; limits,
# what is lost and said, who may send; and kill -9 under load.
#   SPOOLMQ_KILL_ROUNDS=N    how often processes are killed (default 20)
#   SPOOLMQ_DOWN_SECONDS=N   how long nobody receives (default 2)
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
. "${0%/*}/bridges.sh"
clients=${0%/*}/datagram_clients.py
socket=$work/socket
mq create q || fail "create"
mq create r || fail "create"
is_socket() { [[ -S $1 ]]; }
took() { same "$1" "$(take_all q)" "$2"; }
# A port of UDP that nobody has at the moment.
free_port() { python3 -c "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])"; }
receives_udp() { grep -qi ":$(printf %04X "$1") " /proc/net/udp; }
port=$(free_port)

# ---- what can be told, and what is refused
expect 64 datagram-in q
expect 64 datagram-in q --unix "$socket" --udp "127.0.0.1:$port"
expect 64 datagram-in q --udp 127.0.0.1
expect 64 datagram-in q --udp 127.0.0.1:0
expect 64 datagram-in q --udp "127.0.0.1:$port" --max-bytes 70000
expect 64 datagram-in q --udp "127.0.0.1:$port" --mode 0600
expect 64 datagram-in q --unix "$socket" --allow-users nobody-of-that-name
expect 64 datagram-in q --unix "$socket" --format words
expect 64 datagram-out q --unix "$socket" --answer-timeout 1s
expect 78 datagram-in q --udp "*:$port" --once
holds insecure "$err" "it says what would allow it"
mq send r x >/dev/null
expect 78 datagram-out r --udp 192.0.2.1:9 --once
echo text >"$work/file"
expect 78 datagram-in q --unix "$work/file" --once
expect 69 datagram-out r --unix "$socket" --once
expect 69 datagram-out r --udp "127.0.0.1:$port" --once
counted 1 ready r
mq purge r ALL >/dev/null
expect 1 datagram-out r --unix "$socket" --once  # nothing was there
expect 66 datagram-in q --unix "$work/nowhere/socket" --once

# ---- in, by Unix socket
bridge in datagram-in q --unix "$socket" --max-bytes 1000
until_true is_socket "$socket"
same 600 "$(stat -c %a "$socket")" "nobody else's"
printf 'socat' | socat -u - "UNIX-SENDTO:$socket"
until_true count_is 1 ready q
printf 'netcat' | timeout 5 nc -uU -w1 "$socket" >/dev/null 2>&1
until_true count_is 2 ready q
python3 -c "import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind('$work/client'); s.sendto(b'python', '$socket')"
until_true count_is 3 ready q
mq --json receive q -n 3 --ack >"$work/three"
sed -n 3p "$work/three" >"$work/one"
same "unix:$work/client" "$(json "$work/one" '$.from.name')" "the sender's address"
same "$EUID" "$(json "$work/one" '$.from.uid')" "the kernel vouches for the user"
holds '["sender-user","root"]' "$(cat "$work/one")$( ((EUID == 0)) || echo '["sender-user","root"]')" "and says its name"
same 'socat netcat python' "$(for i in 1 2 3; do sed -n ${i}p "$work/three" >"$work/one"; json "$work/one" '$.body'; done | xargs)" "bodies"
mq purge q ALL >/dev/null
# At the limit and above it.
for size in 1000 1001 100000; do head -c "$size" /dev/zero | tr '\0' x | socat -b 200000 -u - "UNIX-SENDTO:$socket"; done
until_true logged in 'it has 1001 bytes, at most 1000'
until_true count_is 1 ready q
same 1000 "$(take_all q | tr -d '\n' | wc -c)" "nothing is delivered short"
rests in
# Where no descriptor is left, and the name is taken away.
no_fds in
rm "$socket"
until_true logged in 'Too many open files'
rests in
fds_again in
until_true is_socket "$socket"
echo -n back | socat -u - "UNIX-SENDTO:$socket"
until_true count_is 1 ready q
took back "it comes back"
# Another process has it.
expect 69 datagram-in q --unix "$socket" --once
stop in
same 2 "$?" "partly: two were refused"
[[ ! -e $socket ]] || fail "its name is left"
if ((EUID == 0)); then
  chmod 711 "$work"
  bridge in datagram-in q --unix "$socket" --mode 0666 --allow-users daemon
  until_true is_socket "$socket"
  echo -n root | socat -u - "UNIX-SENDTO:$socket"
  echo -n daemon | "${user_daemon[@]}" socat -u - "UNIX-SENDTO:$socket"
  until_true count_is 1 ready q
  took daemon "only who is allowed"
  until_true logged in 'not one of allow-users'
  stop in
fi

# ---- in, by UDP
bridge in datagram-in q --udp "127.0.0.1:$port"
until_true receives_udp "$port"
echo -n netcat | nc -u -w1 -q0 127.0.0.1 "$port"
echo -n socat | socat -u - "UDP-SENDTO:127.0.0.1:$port"
echo -n bash >"/dev/udp/127.0.0.1/$port"
until_true count_is 3 ready q
took 'netcat
socat
bash' "by UDP"
python3 -c "import socket
s = socket.socket(type=socket.SOCK_DGRAM)
s.sendto(b'x' * 65507, ('127.0.0.1', $port))"
until_true count_is 1 ready q
same 65507 "$(take_all q | tr -d '\n' | wc -c)" "as long as UDP allows"
stop in || fail "datagram-in ended with $?"
# A socket of UDP loses what it has no room for; it is counted, and said.
bridge in datagram-in q --udp "127.0.0.1:$port" --receive-buffer 4096
until_true receives_udp "$port"
kill -STOP "$(pid_of in)"
python3 -c "import socket
s = socket.socket(type=socket.SOCK_DGRAM)
for n in range(100): s.sendto(b'x' * 500, ('127.0.0.1', $port))"
kill -CONT "$(pid_of in)"
arrived() { (($(mq --json stats q | grep -o '"ready":[0-9]*' | head -1 | cut -d: -f2) > 0)); }
until_true arrived
echo -n after >"/dev/udp/127.0.0.1/$port"
until_true logged in 'were lost: the receive buffer was full'
stop in
lost=$(grep -o '[0-9]* datagrams were lost' "$work/in.log" | awk '{ n += $1 } END { print n }')
same 101 "$(($(take_all q | wc -l) + lost))" "what arrived, and what was lost"

# ---- out
start receiver socat -u "UNIX-RECV:$socket" "CREATE:$work/got"
until_true is_socket "$socket"
printf '%s\n\0' $(seq 20) | mq send r --null >/dev/null
expect 0 datagram-out r --unix "$socket" --once
has_lines() { (($(wc -l <"$2") == $1)); }
until_true has_lines 20 "$work/got"
seq 20 | cmp - "$work/got" || fail "each is a datagram"
kill_now receiver
rm -f "$socket" "$work/got"
# Nobody is there: nothing is lost, no failure is counted, and it goes on by itself.
seq 50 | mq send r --lines >/dev/null
bridge out datagram-out r --unix "$socket"
bridge out2 datagram-out r --udp "127.0.0.1:$port"
end=$((SECONDS + down_seconds))
until_true logged out 'adapter paused'
until_true logged out2 'adapter paused'
while ((SECONDS < end)); do sleep 0.2; done
rests out
mq --json list r >"$work/list"
same 50 "$(wc -l <"$work/list")" "nothing is lost"
same '' "$(grep -v '"failures":0' "$work/list")" "no failure is counted"
kill_now out2
start receiver python3 -c "import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind('$socket')
while True: print(s.recv(70000).decode(), flush=True)"
until_true count_is 0 ready r
until_true has_lines 50 "$work/receiver.log"
seq 50 | cmp -s - <(sort -n "$work/receiver.log") || fail "what came when somebody was there"
# What is too long for a datagram is dead.
head -c 300000 /dev/zero | mq send r >/dev/null
until_true count_is 1 dead r
holds oversize "$(mq --json list r --state dead)" "and why"
# A receiver that reads one datagram a second holds up this bridge, and nothing is lost.
kill_now receiver
rm -f "$socket"
start receiver python3 -c "import socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind('$socket')
while True: print(s.recv(70000).decode(), flush=True); time.sleep(1)"
seq -w 200 | mq send r --lines >/dev/null
until_true grep -q . "$work/receiver.log"
rests out
waits() { (($(mq --json stats r | grep -o '"ready":[0-9]*' | head -1 | cut -d: -f2) > 50)); }
waits || fail "it waits for room"
kill_now receiver
kill_now out
rm -f "$socket"
mq purge r ALL >/dev/null
until_true count_is 0 leased r

# ---- an answer beside a flood at another bridge
port2=$(free_port)
adapter 'name = "fast"' 'type = "datagram-in"' 'queue = "q"' "udp = \"127.0.0.1:$port\"" 'answers = true'
adapter 'name = "slow"' 'type = "datagram-out"' 'queue = "r"' "unix = \"$socket\""
start receiver python3 -c "import socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind('$socket')
while True: s.recv(1); time.sleep(1)"
until_true is_socket "$socket"
start serve "$spoolmq" --root "$root" serve
until_true service_answers
until_true receives_udp "$port"
measure() { timeout 60 python3 "$clients" latency "127.0.0.1:$port" 100 || fail "latency"; }
for try in 1 2 3 4 5; do
  alone=$(least "${alone-}" "$(measure)")
  seq 200 | mq send r --lines >/dev/null
  until_true waits
  beside=$(least "${beside-}" "$(measure)")
  mq purge r --state ready ALL >/dev/null
  ((beside <= 2 * alone)) && break
  ((try < 5)) || fail "an answer takes $alone µs, beside a slow receiver $beside"
done
stop serve || fail "serve"
kill_now receiver
rm -f "$socket" "$root/spoolmq.toml"
mq purge q ALL >/dev/null; mq purge r ALL >/dev/null

# ---- kill -9 under load: the service, and who receives
adapter 'name = "in"' 'type = "datagram-in"' 'queue = "q"' "udp = \"127.0.0.1:$port\"" 'answers = true'
adapter 'name = "out"' 'type = "datagram-out"' 'queue = "r"' "udp = \"127.0.0.1:$port2\"" 'answers = true' 'answer-timeout = "200ms"'
touch "$work/confirmed" "$work/got"
serve_now() { start serve "$spoolmq" --root "$root" serve; }
receive_now() { start receiver python3 "$clients" receive "127.0.0.1:$port2" "$work/got"; }
serve_now
receive_now
messages=$((rounds * 100))
start sender python3 "$clients" send "127.0.0.1:$port" "$messages" "$work/confirmed"
grows_to() { (($(wc -l <"$2") >= $1)) || count_is 0 ready r; }
for ((round = 1; round <= rounds; ++round)); do
  for ((i = round * 100 - 99; i <= round * 100; ++i)); do echo "m$i $(printf '%0*d' $((i % 1000 + 1)) 0)"; done | mq send r --lines >/dev/null || fail "send"
  for file in confirmed got; do
    until_true grows_to $(($(wc -l <"$work/$file") + 1 + RANDOM % 30)) "$work/$file"
  done
  if ((round % 3)); then
    kill_now serve
    serve_now
  else
    kill_now receiver
    receive_now
  fi
done
all_confirmed() { (($(wc -l <"$work/confirmed") == messages)); }
until_true all_confirmed
all_gone() { count_is 0 ready r && count_is 0 leased r; }
until_true all_gone
stop serve || fail "serve"
take_all q >"$work/all"
awk '{ n = substr($1, 2); if ($0 !~ /^m[0-9]+ x*$/ || length($2) != n % 1000) exit 1 }' "$work/all" || fail "a torn message came in"
same "$(seq -f m%.0f "$messages" | sort)" "$(cut -d' ' -f1 "$work/all" | sort)" "each once, for the key is a dedupe key"
same "$(seq -f m%.0f "$messages" | sort)" "$(cut -d' ' -f2 "$work/got" | sort -u)" "each arrived"
echo "killed $rounds times: $messages each way"
