#!/bin/bash
# socket-in: messages that come through Unix and TCP sockets, from programs that know nothing of
# messaging: socat, nc, curl, bash, gawk, perl and python3.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
for tool in socat nc curl gawk perl python3 prlimit; do
  command -v "$tool" >/dev/null || { echo "no $tool"; exit 77; }
done
others_may_run

listen() { start "$1" "$spoolmq" --root "$root" socket-in "${@:2}"; }  # NAME Q OPTION…
is_there() { [[ -S $1 ]]; }
port_of() { grep -o '[0-9]*$' <<<"$(grep -m1 'kernel chose' "$work/$1.log")"; }
has_port() { [[ -n $(port_of "$1") ]]; }
has_body() { mq tail "$1" --from oldest | grep -aqx "$2"; }
bodies() { mq tail "$1" --from oldest; }
say() { "${@:2}" <<<"$1" >/dev/null 2>&1; }
mq create q && mq create other || fail "create"

# ---- What is refused before anything is opened
for wrong in '' '--unix /x --tcp 127.0.0.1:1' '--tcp 127.0.0.1' '--tcp 127.0.0.1:66000' '--tcp :1' \
  '--unix /x --framing xml' '--unix /x --max-bytes 0' '--unix /x --allow-users nobody-like-this' \
  '--tcp 127.0.0.1:1 --allow-users root' '--tcp 127.0.0.1:1 --mode 0600' '--unix /x --mode 999' \
  '--unix /x --tls-certificate /x' '--unix /x --tls-client-ca /x' '--unix /x --max-connections 0' \
  '--unix /x --max-memory 1K --max-bytes 1M' '--unix /x --handshake-timeout 0'; do
  # shellcheck disable=SC2086
  expect 64 socket-in q $wrong
done
expect 78 socket-in q --tcp 0.0.0.0:0
holds 'other machines reach it' "$err" "plain TCP for everybody"
expect 78 socket-in q --tcp '[::]:0'
expect 78 socket-in q --activation none
expect 66 socket-in nowhere --unix "$work/s"

# ---- Other things at the path
echo precious >"$work/file"
expect 73 socket-in q --unix "$work/file"
same precious "$(cat "$work/file")" "a file stays"
mkdir "$work/shut" && chmod 555 "$work/shut"
expect 66 socket-in q --once --unix "$work/missing/s"
"${user_nobody[@]}" "$spoolmq" --root "$work/nobody" create q 2>/dev/null
mkdir "$work/of-nobody" && chown nobody: "$work/of-nobody"
"${user_nobody[@]}" "$spoolmq" --root "$work/of-nobody/root" create q || fail "create as nobody"
"${user_nobody[@]}" timeout 20 "$spoolmq" --root "$work/of-nobody/root" socket-in q --once \
  --unix "$work/shut/s" 2>"$work/err"
same 77 $? "a directory that may not be written: $(cat "$work/err")"

# ---- Its mode, its group, its end
listen in q --unix "$work/s" --mode 0660 --owner-group daemon --answers
until_true has_listener "$work/s"
same '660 daemon' "$(stat -c '%a %G' "$work/s")" "mode and group"
expect 69 socket-in q --once --unix "$work/s"
holds 'another process listens there' "$err" "a living one is not replaced"
same 'ok' "$(socat -t5 - "UNIX:$work/s" <<<hello | cut -d' ' -f1)" "an answer"
rm "$work/s"
until_true has_listener "$work/s"  # looked at every second
same 'ok' "$(socat -t5 - "UNIX:$work/s" <<<again | cut -d' ' -f1)" "made anew"
kill_now in
is_there "$work/s" || fail "a kill leaves the name"
listen in q --unix "$work/s" --answers
until_true say third socat -t5 - "UNIX:$work/s"
stop in || fail "TERM: $(words_of in)"
! is_there "$work/s" || fail "the name is gone"
same $'hello\nagain\nthird' "$(bodies q)" "what came"

# ---- Every framing; answers in order, with ids; nothing lost of what a body may hold
mq create f || fail "create"
framing() {  # NAME: the bytes on stdin; answers in $work/answers
  timeout 20 "$spoolmq" --root "$root" socket-in f --once --answers --framing "$1" \
    --unix "$work/f" --max-bytes 1000 >"$work/ids" 2>"$work/said" &
  local pid=$!
  until_true has_listener "$work/f"
  socat -t10 - "UNIX:$work/f" >"$work/answers"
  wait "$pid"
}
printf '1:a,0:,3:b\nc,' | framing netstring
same "$(sed 's/^/ok /' "$work/ids")" "$(cat "$work/answers")" "netstring: the ids, in order"
printf '\0\0\0\1d\0\0\0\0' | framing length
printf 'e\n\0f\0' | framing null
printf 'g\r\n\nh\n' | framing line
mq tail f --from oldest --null >"$work/got"
cmp "$work/got" <(printf 'a\0\0b\nc\0d\0\0e\n\0f\0g\r\0\0h\0') || fail "bodies: $(od -c "$work/got")"
same 10 "$(mq --json list f | wc -l)" "ten messages"
# What breaks a framing is answered, and ends the connection; what was whole before it counts.
printf '1:x,1:y;1:z,' | framing netstring
same 'ok no' "$(cut -d' ' -f1 "$work/answers" | xargs)" "a comma is missing"
holds 'comma' "$(cat "$work/said")" "said"
printf '01:x,' | framing netstring
holds 'no a length begins with a zero' "$(cat "$work/answers")" "a zero in front"
printf '\0\0\0\5abc' | framing length
holds 'no the connection ended inside a message' "$(cat "$work/answers")" "an end inside"
printf 'whole\nhalf' | framing line
same 'ok no' "$(cut -d' ' -f1 "$work/answers" | xargs)" "a last line without its end"
# At the limit, and one over it: a line is skipped, a counted frame ends the stream.
{ head -c 1000 /dev/zero | tr '\0' x; echo; head -c 1001 /dev/zero | tr '\0' y; echo; echo z; } | framing line
same 'ok no ok' "$(cut -d' ' -f1 "$work/answers" | xargs)" "1000, 1001"
{ printf '1000:'; head -c 1000 /dev/zero; printf ',1001:'; head -c 8000000 /dev/zero; } | framing netstring
same 'ok no' "$(cut -d' ' -f1 "$work/answers" | xargs)" "the answer comes before the end, whatever else is sent"
same '1 5 1000 1 1000' "$(mq --json list f | tail -n 5 | grep -o '"size":[0-9]*' | cut -d: -f2 | xargs)" "kept"
listen take f --unix "$work/f" --unfinished take
until_true has_listener "$work/f"
printf taken | socat -u - "UNIX:$work/f"
until_true has_body f taken
stop take

# ---- TCP, and everybody's clients
mq create t || fail "create"
listen tcp t --tcp 127.0.0.1:0 --answers
until_true has_port tcp
port=$(port_of tcp)
say nc nc -N 127.0.0.1 "$port"
until_true count_is 1 ready t
start curl bash -c "curl -s telnet://127.0.0.1:$port <<<curl"
until_true count_is 2 ready t
kill_now curl
exec 7<>"/dev/tcp/127.0.0.1/$port"
echo bash >&7
read -r -t 20 answer <&7 || fail "bash: no answer"
holds 'ok ' "$answer" bash
exec 7>&-
gawk -v port="$port" 'BEGIN { s = "/inet/tcp/0/127.0.0.1/" port; print "gawk" |& s; s |& getline a; print a; close(s) }' |
  grep -q '^ok ' || fail "gawk"
perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new("127.0.0.1:'"$port"'") or die; print $s "perl\n"; print scalar <$s>' |
  grep -q '^ok ' || fail "perl"
python3 - "$port" <<'P' || fail "python3"
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
s.sendall(b"python3\n"); assert s.makefile().readline().startswith("ok ")
P
until_true count_is 6 ready t
same 'bash curl gawk nc perl python3' "$(bodies t | sort | xargs)" "from all of them"
mq --json receive t >"$work/out" 2>/dev/null
same 127.0.0.1 "$(json "$work/out" '$.from.name')" "the sender is an address"
holds 127.0.0.1: "$(cat "$work/out")" "the header peer"
stop tcp

# ---- Who may: checked with what the kernel says, before a byte is read
mq create p || fail "create"
listen who p --unix "$work/p" --mode 0666 --allow-users daemon --allow-groups nogroup --answers
until_true has_listener "$work/p"
"${user_daemon[@]}" socat -t5 - "UNIX:$work/p" <<<from-daemon | grep -q '^ok' || fail "an allowed user"
"${user_nobody[@]}" socat -t5 - "UNIX:$work/p" <<<from-nobody | grep -q '^ok' || fail "an allowed group"
setpriv --reuid=games --regid=games --groups=nogroup socat -t5 - "UNIX:$work/p" <<<from-games |
  grep -q '^ok' || fail "a supplementary group"
same '' "$(socat -t5 - "UNIX:$work/p" <<<from-root 2>/dev/null)" "the superuser is not special"
same '' "$(setpriv --reuid=games --regid=games --clear-groups socat -t5 - "UNIX:$work/p" <<<games 2>/dev/null)" "nor others"
holds 'may not connect' "$(cat "$work/who.log")" "it is said"
stop who
same 'from-daemon from-games from-nobody' "$(bodies p | sort | xargs)" "whose messages"
mq --json receive p >"$work/out" 2>/dev/null
same "daemon $(id -u daemon)" "$(json "$work/out" '$.from.name') $(json "$work/out" '$.from.uid')" "the sender's name and uid"

# ---- A declared length costs nothing; a frame whose peer is killed is nobody's
mq create l || fail "create"
listen length l --unix "$work/l" --framing length --max-bytes 1G
until_true has_listener "$work/l"
rss() { awk '/^VmRSS/ { print $2 }' "/proc/${running[$1]}/status"; }
{ printf '\0\0\0\1.'; } | socat -u - "UNIX:$work/l"
until_true count_is 1 ready l
before=$(rss length)
printf '\377\377\377\377abc' | socat -u - "UNIX:$work/l"  # 4 GiB less one: more than max-bytes
until_true grep -q 'longer than 1073741824' "$work/length.log"
start half bash -c "{ printf '\\077\\377\\377\\377abc'; exec sleep 60; } | exec socat -u - 'UNIX:$work/l'"
has_got() { [[ $(ls -l "/proc/${running[length]}/fd" | grep -c socket:) -ge 2 ]]; }  # and read, with its bytes
until_true has_got
sleep 0.2  # time to grow in
(( $(rss length) - before < 1024 )) || fail "a declared length took $(($(rss length) - before)) KiB"
kill_now half
until_true grep -q 'inside a message' "$work/length.log"
same 1 "$(mq --json list l | wc -l)" "nothing of half a frame"
stop length

# ---- Slow peers, silent ones, those that never read their answers
# On memory, so that no disk's mood is measured.
fast=$(mktemp -d /dev/shm/spoolmq-sockets.XXXXXX)
trap 'rm -rf "$fast"; end_all' EXIT
"$spoolmq" --root "$fast/root" create s || fail "create"
start slow "$spoolmq" --root "$fast/root" socket-in s --unix "$work/slow" --answers --max-connections 1100
until_true has_listener "$work/slow"
cat >"$work/peers.py" <<'P'
import socket, sys, time
path, idle = sys.argv[1], int(sys.argv[2])
def join():
    s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect(path); return s
def latency(s, n=200):
    f, took = s.makefile("rb"), []
    for i in range(n):
        begin = time.monotonic(); s.sendall(b"x\n"); assert f.readline().startswith(b"ok "); took.append(time.monotonic() - begin)
    return sorted(took)[n // 2]
def least(s): return min(latency(s) for _ in range(3))  # without what a busy machine adds
one = join(); latency(one, 50)
alone = least(one)
crowd = [join() for _ in range(idle)]
slow = join()
for byte in b"slow": slow.sendall(bytes([byte])); time.sleep(0.05)
among = least(one)
deaf = join(); deaf.setblocking(False); sent = 0; last = time.monotonic()
while time.monotonic() - last < 0.5 and sent < 50_000_000:
    try: sent += deaf.send(b"n\n" * 4000); last = time.monotonic()
    except BlockingIOError: time.sleep(0.01)
beside = latency(one)
slow.sendall(b"\n"); assert slow.makefile("rb").readline().startswith(b"ok ")
print(f"{alone*1e6:.0f} {among*1e6:.0f} {beside*1e6:.0f} {sent}")
assert sent < 20_000_000, "one that never reads is read for ever"
# By itself it costs as much as the system's noise: some of it is allowed for.
assert among < 2 * alone + 0.0002, (alone, among)
P
ulimit -n 4096 2>/dev/null
python3 "$work/peers.py" "$work/slow" 1000 >"$work/out" 2>"$work/err" || fail "peers: $(cat "$work/err" "$work/out")"
echo "latency in us: alone, among 1,000 silent, beside one that never reads; its bytes: $(cat "$work/out")"
(( $(rss slow) < 200000 )) || fail "it has grown to $(rss slow) KiB"
stop slow

# ---- Too many: they wait, and are served when one leaves
mq create m || fail "create"
listen many m --unix "$work/m" --max-connections 2 --answers
until_true has_listener "$work/m"
python3 - "$work/m" <<'P' || fail "max-connections"
import socket, sys
def join():
    s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect(sys.argv[1]); s.sendall(b"x\n"); return s
a, b = join(), join()
assert a.recv(99) and b.recv(99)
c = join(); c.settimeout(0.5)
try: c.recv(99); sys.exit("a third is served")
except TimeoutError: pass
a.close(); c.settimeout(20); assert c.recv(99).startswith(b"ok ")
P
holds 'no more connections' "$(cat "$work/many.log")" "it is said"
stop many

# ---- No descriptors left: no busy loop, and it goes on by itself
mq create d || fail "create"
listen few d --unix "$work/d" --answers
until_true has_listener "$work/d"
say first socat -t5 - "UNIX:$work/d" || fail "first"
open=$(ls "/proc/${running[few]}/fd" | wc -l)
prlimit --pid "${running[few]}" --nofile="$open:4096"
cpu() { awk '{ print $14 + $15 }' "/proc/${running[$1]}/stat"; }
start crowd python3 -c "
import socket, time
all = []
for _ in range(40):
    s = socket.socket(socket.AF_UNIX); s.connect('$work/d'); all.append(s)
for s in all: s.sendall(b'late\n')
for s in all: assert s.recv(99).startswith(b'ok ')
print('all of them')"
until_true grep -q 'wait to be accepted' "$work/few.log"
before=$(cpu few)
sleep 2
(( $(cpu few) - before <= 20 )) || fail "a busy loop: $(($(cpu few) - before)) ticks in 2 s"
prlimit --pid "${running[few]}" --nofile=4096:4096
until_true grep -q 'all of them' "$work/crowd.log"
same 1 "$(grep -c 'wait to be accepted' "$work/few.log")" "said once"
stop few
counted 41 ready d

# ---- A full queue: nobody is read, nothing is lost, it goes on by itself
for overflow in reject block; do
  mq create full-$overflow --capacity 3 --overflow $overflow || fail "create"
  listen full full-$overflow --unix "$work/full" --answers
  until_true has_listener "$work/full"
  start sender bash -c "seq 40 | socat -t60 - 'UNIX:$work/full'"
  until_true count_is 3 ready full-$overflow
  start taker "$spoolmq" --root "$root" consume full-$overflow -- sh -c "cat >>'$work/taken-$overflow'; echo >>'$work/taken-$overflow'"
  forty() { [[ $(grep -c '^ok ' "$work/sender.log") == "$1" ]]; }
  until_true forty 40
  until_true count_is 0 ready full-$overflow
  stop taker
  stop full
  same "$(seq 40)" "$(grep . "$work/taken-$overflow")" "all of them, in order"
  rm -f "$work/sender.log"
  unset 'running[sender]'
done
mq create rendezvous --capacity 0 || fail "create"
listen full rendezvous --unix "$work/full" --answers
until_true has_listener "$work/full"
start meeting bash -c "seq 3 | socat -t60 - 'UNIX:$work/full'"
for n in 1 2 3; do
  same "$n" "$(mq receive rendezvous --wait --timeout 20s --ack 2>/dev/null)" "a rendezvous"
done
met() { [[ $(grep -c '^ok ' "$work/meeting.log") == 3 ]]; }
until_true met
stop full

# ---- A service manager's socket: its name stays, its listener too
if command -v systemd-socket-activate >/dev/null; then
  mq create a || fail "create"
  start manager systemd-socket-activate -l "$work/activated" --fdname=orders -- \
    "$spoolmq" --root "$root" socket-in a --activation orders --answers
  until_true has_listener "$work/activated"
  same ok "$(socat -t20 - "UNIX:$work/activated" <<<activated | cut -d' ' -f1)" "activated"
  stop manager || fail "manager: $(words_of manager)"
  is_there "$work/activated" || fail "the path is not ours to remove"
  counted 1 ready a
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  start exposed systemd-socket-activate -l "0.0.0.0:$port" --fdname=orders -- \
    "$spoolmq" --root "$root" socket-in a --activation orders
  knock() { : >"/dev/tcp/127.0.0.1/$port"; grep -q 'other machines reach it' "$work/exposed.log"; }
  until_true knock
  # No child of ours has it, or is told of it.
  mkdir "$work/service" && "$spoolmq" --root "$work/service" create a || fail "create"
  cat >"$work/service/spoolmq.toml" <<TOML
[[adapter]]
type = "socket-in"
queue = "a"
activation = "orders"
answers = true
[[adapter]]
type = "tail"
queue = "a"
command = ["sh", "-c", "ls -l /proc/self/fd >$work/child; env >>$work/child; cat >/dev/null"]
TOML
  start activated systemd-socket-activate -l "$work/passed" --fdname=orders -- \
    "$spoolmq" --root "$work/service" serve
  until_true has_listener "$work/passed"
  same ok "$(socat -t20 - "UNIX:$work/passed" <<<activated | cut -d' ' -f1)" "activated"
  until_true grep -q PATH= "$work/child"
  ! grep -E 'socket:|LISTEN_' "$work/child" || fail "a child has the socket"
  "$spoolmq" --root "$work/service" adapters restart socket-in-a >/dev/null || fail "restart"
  same ok "$(socat -t20 - "UNIX:$work/passed" <<<again | cut -d' ' -f1)" "its own again"
  stop activated || fail "TERM: $(words_of activated)"
fi

# ---- In the service
mq create served || fail "create"
adapter 'name = "sock"' 'type = "socket-in"' 'queue = "served"' "unix = \"$work/served\"" 'answers = true'
adapter 'name = "open"' 'type = "socket-in"' 'queue = "served"' 'tcp = "localhost:0"'
expect 0 serve --check
holds "$work/served" "$out" "adapters and their places"
adapter 'name = "bad"' 'type = "socket-in"' 'queue = "served"' 'tcp = "0.0.0.0:1"'
mq serve --check 2>"$work/err" && fail "exposed, and accepted"
holds 'other machines reach it' "$(cat "$work/err")" "the configuration is checked for it"
sed -i '/^name = "bad"$/,$d' "$root/spoolmq.toml" && sed -i '$d' "$root/spoolmq.toml"
start service "$spoolmq" --root "$root" serve
until_true has_listener "$work/served"
same ok "$(socat -t20 - "UNIX:$work/served" <<<served | cut -d' ' -f1)" "in the service"
expect 0 adapters sock
holds running "$out" "its state"
stop service || fail "TERM: $(words_of service)"
