#!/bin/bash
# A STOMP server among many clients, slow ones, and ones that mean harm.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
. "${0%/*}/bridges.sh"
. "${0%/*}/stomp.sh"
need /usr/bin/python3
ulimit -n 4096 || { echo "needs 4096 descriptors"; exit 77; }
crowd() { timeout 100 /usr/bin/python3 "${0%/*}/stomp_crowd.py" "$@" >"$work/seen" 2>&1 || fail "$*: $(tail -n 3 "$work/seen") $(words_of stomp)"; }
seen() { sed -n "s/^$1=//p" "$work/seen"; }
within() { awk -v x="$1" -v low="$2" -v high="$3" 'BEGIN { exit !(x >= low && x <= high) }'; }
mq create crowd >/dev/null || fail create

# A login takes tens of milliseconds of a CPU: the crowds come without one.
with_logins=("${stomp_options[@]}")
stomp_options=(--rights '*: send receive *')

# ---- A thousand idle ones, 64 busy ones beside them; then it rests, and gives the memory back
stomp_server --max-connections 1100
before=$(resident_kb stomp)
crowd crowd 1000 64 25
same $((64 * 25)) "$(seen confirmed)" "confirmed beside a thousand"
counted $((64 * 25 + 1000)) ready crowd
rests stomp
(($(resident_kb stomp) - before < 100000)) || fail "a thousand connections took $(($(resident_kb stomp) - before)) KiB"
echo "64 busy beside 1000 idle: $(seen per_second) receipts a second"

# ---- 4 GiB, announced by fifty: the memory follows from what came
mq purge crowd ALL >/dev/null || fail purge
before=$(resident_kb stomp)
exec {hold}> >(/usr/bin/python3 "${0%/*}/stomp_crowd.py" announce 50 4294967296 >"$work/held" 2>&1)
held() { grep -q '^held=50' "$work/held"; }
until_true held
(($(resident_kb stomp) - before < 20000)) || fail "4 GiB announced took $(($(resident_kb stomp) - before)) KiB"
exec {hold}>&-
stop stomp

# ---- Slow and silent ones are ended, and nobody waits for them meanwhile
stomp_server --frame-timeout 3s --handshake-timeout 2s --max-bytes 1G --max-memory 1G
before=$(resident_kb stomp)
exec {hold}> >(/usr/bin/python3 "${0%/*}/stomp_crowd.py" announce 50 1000000000 >"$work/held" 2>&1)
until_true held
(($(resident_kb stomp) - before < 20000)) || fail "1 GB allowed took $(($(resident_kb stomp) - before)) KiB"
exec {hold}>&-
start drip timeout 60 /usr/bin/python3 "${0%/*}/stomp_crowd.py" drip
crowd crowd 0 8 20
same 160 "$(seen confirmed)" "confirmed beside a slow one"
drip_is_over() { ! is_running drip; }
until_true drip_is_over
within "$(sed -n 's/^ended=//p' "$work/drip.log")" 2.5 12 || fail "1 octet a second: $(words_of drip)"
crowd half 'SEND\ndestination:/queue/crowd\n'
within "$(seen ended)" 2.5 12 || fail "half a frame: $(seen ended) s"
crowd half 'CONNECT\naccept-ver'
within "$(seen ended)" 1.5 12 || fail "half a CONNECT: $(seen ended) s"
crowd half 'CONNECT'
stop stomp

# ---- Wrong passcodes at speed: none gets in, and a client that is there already is served meanwhile.
# Nothing is logged of what was tried.
stomp_options=("${with_logins[@]}" --rights 'guest: send *')
stomp_server
crowd guess 400 16 50
same 50 "$(seen confirmed)" "confirmed beside guesses"
same '400 0' "$(seen refused) $(seen admitted)" "guesses: refused, admitted"
! grep -q 'guess[0-9]' "$work/stomp.log" || fail "a passcode is in the log"

# ---- Rights: one queue, and one of the two
mq create other >/dev/null || fail create
stop stomp
stomp_options=(--passwords "$work/passwords" --rights 'guest: send crowd')
stomp_server
answers() {  # FRAME: what is answered to it
  /usr/bin/python3 "${0%/*}/stomp_crowd.py" say "$1" | tr -d "\0"
}
holds RECEIPT "$(answers 'SEND\ndestination:/queue/crowd\nreceipt:1\n\nx\0')" "may send"
holds 'guest may not send to other' "$(answers 'SEND\ndestination:/queue/other\nreceipt:1\n\nx\0')" "may not send"
holds 'guest may not receive from crowd' \
  "$(answers 'SUBSCRIBE\nid:1\ndestination:/queue/crowd\n\n\0')" "may not receive"
stop stomp
