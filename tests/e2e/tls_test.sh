#!/bin/bash
# socket-in and socket-out under TLS, with openssl's own client and server, and certificates that
# are right, expired, of nobody known, for another name, or not there.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
. "${0%/*}/pki.sh"
for tool in openssl socat python3; do
  command -v "$tool" >/dev/null || { echo "no $tool"; exit 77; }
done
listen() { start "$1" "$spoolmq" --root "$root" socket-in "${@:2}"; }
port_of() { grep -o '[0-9]*$' <<<"$(grep -m1 'kernel chose' "$work/$1.log")"; }
has_port() { [[ -n $(port_of "$1") ]]; }
says() { grep -q "$2" "$work/$1.log"; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
listens() { grep -qi ":$(printf %04X "$1") 0*:0000 0A" /proc/net/tcp /proc/net/tcp6; }

# ---- An authority, and what it signed
pki=$work/pki
mkdir "$pki" && cd "$pki" || fail "pki"
{
  authority
  self_signed self "/CN=localhost" DNS:localhost,IP:127.0.0.1
  signed server "/CN=localhost" DNS:localhost,IP:127.0.0.1
  signed other "/CN=other.example" DNS:other.example
  signed client "/O=Example/CN=desk" DNS:desk
  expired old "/CN=localhost" DNS:localhost,IP:127.0.0.1
} >"$work/pki.log" 2>&1 || fail "pki: $(tail -5 "$work/pki.log")"
[[ -s old.pem && -s server.pem && -s client.pem ]] || fail "pki: $(tail -5 "$work/pki.log")"
cd / || fail "cd"
server=(--tls-certificate "$pki/server.pem" --tls-key "$pki/server.key")

# ---- What cannot be used is told at once, with the file
mq create q || fail "create"
expect 78 socket-in q --tcp 127.0.0.1:0 --tls-certificate "$pki/none.pem" --tls-key "$pki/server.key"
holds 'none.pem: No such file' "$err" "no certificate"
expect 78 socket-in q --tcp 127.0.0.1:0 --tls-certificate "$pki/server.pem" --tls-key "$pki/other.key"
holds 'key values mismatch' "$err" "another's key"
expect 78 socket-in q --tcp 127.0.0.1:0 --tls-certificate "$pki/server.key" --tls-key "$pki/server.key"
cp "$pki/server.key" "$work/open.key" && chmod 644 "$work/open.key"
expect 78 socket-in q --tcp 127.0.0.1:0 --tls-certificate "$pki/server.pem" --tls-key "$work/open.key"
holds 'others may use this private key' "$err" "an open key"
expect 78 socket-in q --tcp 127.0.0.1:0 "${server[@]}" --tls-client-ca /dev/null

# ---- openssl s_client, and python; TLS is enough for an address that others reach
listen tls q --tcp 0.0.0.0:0 "${server[@]}" --answers --handshake-timeout 1s
until_true has_port tls
port=$(port_of tls)
client() { openssl s_client -quiet -no_ign_eof -connect "127.0.0.1:$port" -CAfile "$pki/ca.pem" -verify_return_error "$@" 2>"$work/client.err"; }
python3 - "$port" "$pki/ca.pem" <<'P' || fail "python3"
import socket, ssl, sys
c = ssl.create_default_context(cafile=sys.argv[2])
s = c.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20), server_hostname="localhost")
f = s.makefile("rwb")
for n in range(300):
    f.write(b"%d\n" % n)
f.write(b"x" * 3_000_000 + b"\n"); f.flush()
for n in range(301): assert f.readline().startswith(b"ok "), n
print(s.version())
P
{ echo from openssl; until_true count_is 302 ready q; } | client -tls1_3 >"$work/answers" || fail "s_client: $(cat "$work/client.err")"
{ echo older; until_true count_is 303 ready q; } | client -tls1_2 >"$work/answers" || fail "TLS 1.2: $(cat "$work/client.err")"
client -tls1_1 -cipher 'ALL@SECLEVEL=0' </dev/null >/dev/null && fail "TLS 1.1 is too old"
counted 303 ready q
# Who speaks no TLS, and who says nothing at all.
printf 'GET / HTTP/1.0\r\n\r\n' | socat -t5 - "TCP:127.0.0.1:$port" >/dev/null
until_true says tls 'TLS: '
start mute python3 -c "
import socket, time
s = socket.create_connection(('127.0.0.1', $port)); s.settimeout(20); begin = time.monotonic()
assert s.recv(1) == b''; print('closed'); assert time.monotonic() - begin < 10"
until_true says mute closed
until_true says tls 'no handshake in time'
# Cut off without TLS's end in the middle of a line: nothing of it, be it taken for the end or not.
python3 - "$port" "$pki/ca.pem" <<'P' || fail "python3"
import socket, ssl, sys
c = ssl.create_default_context(cafile=sys.argv[2])
s = c.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20), server_hostname="localhost")
s.sendall(b"half"); s.detach(); 
P
counted 303 ready q
stop tls

# ---- Certificates of clients
mq create c || fail "create"
listen mutual c --tcp 127.0.0.1:0 "${server[@]}" --tls-client-ca "$pki/ca.pem" --answers
until_true has_port mutual
port=$(port_of mutual)
{ echo nobody; sleep 0.5; } | client >/dev/null
{ echo self; sleep 0.5; } | client -cert "$pki/self.pem" -key "$pki/self.key" >/dev/null
until_true says mutual 'TLS: '
{ echo desk; until_true count_is 1 ready c; } | client -cert "$pki/client.pem" -key "$pki/client.key" >/dev/null || fail "$(cat "$work/client.err") $(words_of mutual)"
mq --json receive c --ack >"$work/out" 2>/dev/null || fail "receive"
same desk "$(json "$work/out" '$.body')" "only the known one's"
holds 'CN=desk,O=Example' "$(cat "$work/out")" "its subject"

# ---- socket-out: right; and everything that is wrong, in one line each
mq create o || fail "create"
mq send o 'to be handed on' >/dev/null
out() { expect "$1" socket-out o --once --answers --tcp "localhost:$port" --tls "${@:2}"; }
own=(--tls-certificate "$pki/client.pem" --tls-key "$pki/client.key")
out 69 "${own[@]}"
holds 'the certificate is refused: ' "$err" "an authority that the system does not know"
out 69 --tls-ca "$pki/ca.pem"
holds 'certificate required' "$err" "a server that asks for one"
out 69 --tls-ca "$pki/ca.pem" "${own[@]}" --tls-name other.example
holds 'hostname mismatch' "$err" "another name"
out 0 --tls-ca "$pki/ca.pem" "${own[@]}"
stop mutual
counted 1 ready c
sclient_wrong() {  # CERTIFICATE WORDS
  port=$(free_port)
  start wrong openssl s_server -accept "127.0.0.1:$port" -cert "$pki/$1.pem" -key "$pki/$1.key" -quiet
  until_true listens "$port"
  mq send o "for $1" >/dev/null
  expect 69 socket-out o --once --tcp "127.0.0.1:$port" --tls --tls-ca "$pki/ca.pem"
  holds "$2" "$err" "$1"
  kill_now wrong
}
sclient_wrong old 'certificate has expired'
sclient_wrong self 'self-signed certificate'
sclient_wrong other 'IP address mismatch'
counted 3 ready o
mq --json stats o >"$work/stats"
same 0 "$(json "$work/stats" '$.totals.failures')" "no failure is counted"
# openssl s_server takes them, and sees TLS's end.
port=$(free_port)
start right bash -c "sleep 60 | openssl s_server -accept 127.0.0.1:$port -cert '$pki/server.pem' -key '$pki/server.key' -quiet -naccept 1"
until_true listens "$port"
expect 0 socket-out o --once --tcp "127.0.0.1:$port" --tls --tls-ca "$pki/ca.pem"
until_true says right 'for other'
same 'for old for self for other' "$(grep '^for ' "$work/right.log" | xargs)" "to s_server"
kill_now right

# ---- Two roots over TLS, each knowing the other
"$spoolmq" --root "$work/there" create arrivals || fail "create"
start there "$spoolmq" --root "$work/there" socket-in arrivals --tcp 127.0.0.1:0 "${server[@]}" \
  --tls-client-ca "$pki/ca.pem" --framing netstring --answers
until_true has_port there
port=$(port_of there)
head -c 3000000 /dev/urandom >"$work/bytes"
mq send o -f "$work/bytes" >/dev/null
seq 2000 | mq send o --lines >/dev/null
out 0 --tls-ca "$pki/ca.pem" "${own[@]}" --framing netstring
"$spoolmq" --root "$work/there" receive arrivals --ack 2>/dev/null | cmp - "$work/bytes" || fail "bytes"
same "$(seq 2000)" "$("$spoolmq" --root "$work/there" tail arrivals -n 2000)" "all, in order"
stop there
