#!/bin/bash
# Who gets into the STOMP server, and what those who do not are told: logins, certificates, peers of
# Unix sockets, sockets that the service manager made. With stomp.py, socat and openssl's client.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
. "${0%/*}/stomp.sh"
. "${0%/*}/pki.sh"
need /usr/bin/python3 openssl socat perl
/usr/bin/python3 -c 'import stomp' 2>/dev/null || { echo "no python3-stomp"; exit 77; }
# shellcheck disable=SC2034  # stomp.sh runs it
client_command=(/usr/bin/python3 -B "$clients_place/python_client.py")
many=100
mq create q >/dev/null && mq create other >/dev/null || fail "create"

# ---- What the server says to frames, until it ends the connection
frames() { printf '%b\0' "$@"; }
# It is the server that ends: socat would stay for longer than it is given, and so would a timeout.
said() { timeout 120 socat -t 600 - "$to" 2>"$work/client.err" | tr -d '\0' >"$work/said"; }  # stdin: frames
# refused MESSAGE FRAME…: one ERROR with exactly that, behind it nothing but the end, which is no reset
refused() {
  frames "${@:2}" | said || fail "no end, or a reset: $(cat "$work/said" "$work/client.err")"
  local header=${1//:/;}  # as every version has it; once connected, 1.2
  ! grep -q '^CONNECTED$' "$work/said" || header=${1//:/\\c}
  same "ERROR|message:$header" "$(grep -A1 '^ERROR$' "$work/said" | paste -sd'|')" "the ERROR"
  same "$1" "$(grep . "$work/said" | tail -n 1)" "its body"
}
obeyed() {  # FRAME…: the last one asks for the receipt `done`
  frames "$@" 'DISCONNECT\n\n' | said
  grep -q '^receipt-id:done$' "$work/said" || fail "no receipt: $(cat "$work/said" "$work/client.err")"
  ! grep -q '^ERROR$' "$work/said" || fail "an ERROR: $(cat "$work/said")"
}
send_to() { echo "SEND\ndestination:/queue/$1\nreceipt:done\n\nbody"; }
subscribe_to() { echo "SUBSCRIBE\ndestination:/queue/$1\nid:1\nack:client\nreceipt:done\n\n"; }
login() { echo "CONNECT\naccept-version:1.2\nlogin:$1\npasscode:$2\n\n"; }
anonymous='CONNECT\naccept-version:1.2\n\n'

# ---- Names and passcodes
for name in alice idle; do mq passwd "$work/passwords" $name --stdin <<<secret 2>/dev/null || fail passwd; done
stomp_options=(--handshake-timeout 10m --passwords "$work/passwords" --rights 'alice: send q' --rights 'alice: receive other')
stomp_server
to=TCP:127.0.0.1:$STOMP_PORT
wrong='no such login, or not its passcode'
refused "$wrong" "$(login alice secre)" "$(send_to q)"
refused "$wrong" "$(login alice '')" "$(send_to q)"
refused "$wrong" "$(login alicia secret)" "$(send_to q)"
refused "$wrong" 'CONNECT\nlogin:alice\n\n' "$(send_to q)"
refused '127.0.0.1 may not do anything here' "$anonymous" "$(send_to q)"
refused '127.0.0.1 may not do anything here' 'CONNECT\npasscode:secret\n\n' "$(send_to q)"
refused 'idle may not do anything here' "$(login idle secret)" "$(send_to q)"
counted 0 ready q
obeyed "$(login alice secret)" "$(send_to q)"
counted 1 ready q
refused 'alice may not send to other' "$(login alice secret)" "$(send_to other)"
refused 'alice may not receive from q' "$(login alice secret)" "$(subscribe_to q)"
refused 'alice may not send to nowhere' "$(login alice secret)" "$(send_to nowhere)"
obeyed "$(login alice secret)" "$(subscribe_to other)"
# A frame before CONNECT, and a second CONNECT.
frames "$(send_to q)" | said || fail "no end: $(cat "$work/said")"
grep -q '^ERROR$' "$work/said" || fail "SEND before CONNECT: $(cat "$work/said")"
# Who guesses is not looked at any more, with the right passcode neither; others still are.
# A failure is forgotten every six seconds: where clients are slow to start, the first ones are by then.
limited() { grep -q '^message:too many failed logins; try again in [1-6]s$' "$work/said"; }
for _ in {1..60}; do
  frames "$(login alice guess)" | said || fail "no end: $(cat "$work/said")"
  limited || continue
  frames "$(login alice secret)" | said
  limited && break
done
limited || fail "guesses: $(cat "$work/said")"
refused 'idle may not do anything here' "$(login idle secret)" "$(send_to q)"
counted 1 ready q
stop stomp
! grep -rq 'secret\|guess' "$work/stomp.log" || fail "a passcode in the log"

# ---- TLS: what a client may do follows from its certificate's subject
mkdir "$work/pki" && cd "$work/pki" || fail "pki"
{
  authority
  signed server "/CN=localhost" DNS:localhost,IP:127.0.0.1
  signed desk "/O=Example/CN=desk" DNS:desk
  signed till "/O=Example/OU=Tills/CN=till-7" DNS:till
  signed stranger "/O=Elsewhere/CN=desk" DNS:desk
  self_signed self "/O=Example/CN=desk" DNS:desk
  expired old "/CN=desk" DNS:desk
} >"$work/pki.log" 2>&1 || fail "pki: $(tail -5 "$work/pki.log")"
for name in ca server desk till stranger self old; do [[ -s $name.pem ]] || fail "no $name.pem: $(tail -5 "$work/pki.log")"; done
stomp_options=(--tls-certificate server.pem --tls-key server.key --tls-client-ca ca.pem --passwords "$work/passwords"
  --rights 'cert:CN=desk,O=Example: send receive browse create *' --rights 'cert:CN=till-7,OU=Tills: send q'
  --rights 'alice: receive q')
STOMP_PORT=$(free_port)
stomp_server
export STOMP_LOGIN='' STOMP_PASSCODE=''
export STOMP_TLS_CA=$PWD/ca.pem STOMP_TLS_CERTIFICATE=$PWD/desk.pem STOMP_TLS_KEY=$PWD/desk.key
common_scenarios 1.2
tls() { to=OPENSSL:127.0.0.1:$STOMP_PORT,cafile=ca.pem,commonname=localhost${1:+,certificate=$1.pem,key=$1.key}; }
tls till
obeyed "$anonymous" "$(send_to q)"
refused 'cert:CN=till-7,OU=Tills,O=Example may not receive from q' "$anonymous" "$(subscribe_to q)"
obeyed "$(login alice secret)" "$(subscribe_to q)"  # what was proved adds up
obeyed "$(login alice secret)" "$(send_to q)"
refused "$wrong" "$(login alice nothing)" "$(send_to q)"
tls stranger
refused 'cert:CN=desk,O=Elsewhere may not do anything here' "$anonymous" "$(send_to q)"
before=$(mq --json stats q | grep -o '"sent":[0-9]*')
for who in '' self old; do
  tls "$who"
  frames "$anonymous" "$(send_to q)" | said
  same '' "$(cat "$work/said")" "what is said to the certificate '$who'"
done
to=TCP:127.0.0.1:$STOMP_PORT  # no TLS at all
frames "$anonymous" "$(send_to q)" | said
! grep -q 'CONNECTED' "$work/said" || fail "it talks without TLS"
same "$before" "$(mq --json stats q | grep -o '"sent":[0-9]*')" "nothing came from any of them"
for why in 'peer did not return a certificate' 'self-signed certificate' 'certificate has expired'; do
  grep -q "$why" "$work/stomp.log" || fail "not told: $why: $(words_of stomp)"
done
stop stomp
cd / || fail "cd"
unset STOMP_TLS_CA STOMP_TLS_CERTIFICATE STOMP_TLS_KEY

# ---- A service manager's sockets: its listener outlives us, and its path is not ours to remove
if command -v systemd-socket-activate >/dev/null; then
  export STOMP_LOGIN=guest STOMP_PASSCODE=guest
  STOMP_PORT=$(free_port)
  mq passwd "$work/passwords" guest --stdin <<<guest 2>/dev/null || fail passwd
  start stomp systemd-socket-activate -l "127.0.0.1:$STOMP_PORT" --fdname=stomp -- "$spoolmq" --root "$root" \
    stomp --activation stomp --passwords "$work/passwords" --rights 'guest: send receive browse create *'
  until_true listens "$STOMP_PORT"
  fresh && scenario fill "$(where)" 3 && scenario individual "$(where)" 3 && left 2
  stop stomp || fail "TERM: $(words_of stomp)"
  start stomp systemd-socket-activate -l "$work/activated" --fdname=stomp -- "$spoolmq" --root "$root" \
    stomp --activation stomp --rights "unix:$(id -un): send q"
  until_true has_listener "$work/activated"
  to=UNIX:$work/activated
  obeyed "$anonymous" "$(send_to q)"
  refused "unix:$(id -un) may not receive from q" "$anonymous" "$(subscribe_to q)"
  stop stomp
  [[ -S $work/activated ]] || fail "the path is gone"
  port=$(free_port)
  start exposed systemd-socket-activate -l "0.0.0.0:$port" --fdname=stomp -- "$spoolmq" --root "$root" \
    stomp --activation stomp
  knock() { : >"/dev/tcp/127.0.0.1/$port"; grep -q 'other machines reach it' "$work/exposed.log"; }
  until_true knock
fi
