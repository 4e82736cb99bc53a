#!/bin/bash
# sysv-in and sysv-out, as commands and in the service. The other sides are perl's msgsnd and msgrcv,
# ipcs, ipcmk and ipcrm.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
peer=${0%/*}/sysv_peer.pl
base=$((0x61000000 + $$ * 4))
key=$(printf '0x%08x' "$base") answers=$(printf '0x%08x' $((base + 1)))
other=$(printf '0x%08x' $((base + 2)))
made=''
clean() {
  end_all  # first: a service would make them again
  for one in "$key" "$answers" "$other"; do ipcrm -Q "$one"; done
  [[ -z $made ]] || ipcrm -q "$made"
} 2>/dev/null
trap clean EXIT

body() { mq receive "$1" --ack; }
# A column of ipcs: 4 the mode, 5 bytes, 6 messages.
column() { ipcs -q | awk -v key="$1" -v column="$2" '$1 == key { print $column }'; }
waiting() { [[ $(column "$1" 6) == "$2" ]]; }

mq create q || fail "create"
mq create out || fail "create"

# ---- one message each way, with its type
umask 077
bridge in sysv-in q --key "$key" --create --mode 0622
umask 022
"$peer" put "$key" 42 hello || fail "put"
until_true count_is 1 ready q
same 622 "$(column "$key" 4)" "the mode"
expect 0 --json receive q --ack
same '[["sysv-type","42"]]' "$(json "$work/out" '$.headers')" "the type"
same hello "$(json "$work/out" '$.body')" "body"
stop in || fail "sysv-in: $(words_of in)"
mq send out bonjour -H sysv-type=9 >/dev/null
mq send out sans-type >/dev/null
expect 0 sysv-out out --key "$key" --once
same '9 bonjour' "$("$peer" get "$key" 0)" "the header's type"
same '1 sans-type' "$("$peer" get "$key" 0)" "without one"
mq send out fixed -H sysv-type=9 >/dev/null
expect 0 sysv-out out --key "$(printf %d "$key")" --type 5 --once
same '5 fixed' "$("$peer" get "$key" 5)" "the bridge's type"
expect 1 sysv-in q --key "$key" --once

# ---- of some types only; an empty one; a queue that ipcmk made; ftok
for type in 8 3 5; do "$peer" put "$key" "$type" "t$type" || fail "put"; done
expect 0 sysv-in q --key "$key" --type -5 --once
same t3 "$(body q)" "the lowest first"
same t5 "$(body q)" "up to that"
expect 0 sysv-in q --key "$key" --type 8 --once
same t8 "$(body q)" "that type"
bridge empty sysv-in q --key "$key"
sleep 0.1  # it may wait by now, or not: the empty one comes through either way
"$peer" put "$key" 4 '' || fail "put"
until_true count_is 1 ready q
stop empty || fail "sysv-in: $(words_of empty)"
expect 0 receive q --ack
same '' "$out" "an empty body"
made=$(ipcmk -Q -p 0600 | grep -o '[0-9]*$')
made_key=$(ipcs -q | awk -v id="$made" '$2 == id { print $1 }')
"$peer" put "$made_key" 1 'of ipcmk' || fail "put"
expect 0 sysv-in q --key "$made_key" --once
same 'of ipcmk' "$(body q)" "a queue of ipcmk's"
: >"$work/file"
ftok=$(perl -MIPC::SysV=ftok -e 'printf "0x%08x", ftok($ARGV[0], 7)' "$work/file")
mq send out 'of ftok' >/dev/null
expect 0 sysv-out out --path "$work/file" --project 7 --create --remove --once
same '' "$(column "$ftok" 1)" "removed when the bridge ended"
mq send out 'of ftok' >/dev/null
expect 0 sysv-out out --path "$work/file" --project 7 --create --once
same '1 of ftok' "$("$peer" get "$ftok" 0)" "the key that ftok(3) makes"
ipcrm -Q "$ftok"

# ---- sizes at and over the limit
most=$(</proc/sys/kernel/msgmax)
head -c "$most" /dev/zero | tr '\0' x | mq send out >/dev/null
head -c "$((most + 1))" /dev/zero | tr '\0' y | mq send out >/dev/null
mq sysv-out out --key "$key" --once >"$work/out" 2>"$work/err"
same 2 "$?" "one went, one did not"
same $((most + 2)) "$("$peer" get "$key" 0 | head -c -1 | wc -c)" "as long as the system allows"
counted 1 dead out
expect 0 --json list out --state dead
holds "more than kernel.msgmax, or the queue's msg_qbytes, $most" "$(cat "$work/out")" "the reason"
mq purge out ALL >/dev/null

# ---- full for a while: nothing fails, nothing is lost
mq --json stats out >"$work/out"
before=$(json "$work/out" '$.totals.failures')
for ((i = 1; i <= 40; ++i)); do printf '%01000d\n' "$i"; done | mq send out --lines >/dev/null
bridge out sysv-out out --key "$key"
until_true waiting "$key" 16
for ((i = 1; i <= 40; ++i)); do
  same "1 $(printf '%01000d' "$i")" "$("$peer" get "$key" 0)" "message $i"
done
until_true count_is 0 leased out
stop out || fail "sysv-out: $(words_of out)"
expect 0 --json stats out
same "$before" "$(json "$work/out" '$.totals.failures')" "failures"

# ---- stopped while it waits for room: the message is ours again, and not in the kernel
for ((i = 0; i < 4; ++i)); do "$peer" put "$key" 3 "$(printf '%04000d' "$i")" || break; done
before=$(column "$key" 6)
head -c 8000 /dev/zero | tr '\0' z | mq send out >/dev/null
bridge blocked sysv-out out --key "$key"
until_true count_is 1 leased out
stop blocked || fail "sysv-out: $(words_of blocked)"
counted 1 ready out
same "$before" "$(column "$key" 6)" "messages in the kernel"
while "$peer" get "$key" 0 0 >/dev/null; do :; done
mq purge out ALL >/dev/null

# ---- our queue full for a while
mq create bounded --capacity 3 || fail "create"
for ((i = 1; i <= 5; ++i)); do "$peer" put "$key" 1 "b$i"; done
bridge bounded sysv-in bounded --key "$key"
until_true count_is 3 ready bounded
got=()
enough() {
  local one
  one=$(body bounded 2>/dev/null) && got+=("$one")
  ((${#got[@]} == 5))
}
until_true enough
same 'b1 b2 b3 b4 b5' "${got[*]}" "each once, in order"
stop bounded || fail "sysv-in: $(words_of bounded)"

# ---- answers, under the type that the tag is
bridge answered sysv-in q --key "$key" --answers "$answers" --tagged --create
"$peer" put "$key" 1 '4711 a question' || fail "put"
answer=$("$peer" get "$answers" 4711)
[[ $answer =~ ^4711\ 4711\ ok\ ($uuid)$ ]] || fail "not an answer: $answer"
expect 0 cat q "${BASH_REMATCH[1]}"
same 'a question' "$out" "the message that was answered for"
stop answered || fail "sysv-in: $(words_of answered)"

# ---- what is missing, not ours, or makes no sense
expect 66 sysv-in q --key "$other" --once
holds 'there is no such message queue' "$err" "a missing queue"
expect 64 sysv-in q
expect 64 sysv-in q --key 0
expect 64 sysv-in q --key "$key" --path /tmp
expect 66 sysv-in q --path "$work/nothing" --once
if ((EUID == 0)); then
  others_may_run
  mkdir "$work/theirs" && chown nobody "$work/theirs"
  "${user_nobody[@]}" "$spoolmq" --root "$work/theirs/root" create q || fail "create"
  "${user_nobody[@]}" "$spoolmq" --root "$work/theirs/root" sysv-in q --key "$made_key" --once 2>"$work/err"
  same 77 "$?" "another user's queue: $(cat "$work/err")"
fi

# ---- too few descriptors: an error that says so, whichever it was that lacked one
for ((limit = 18; limit <= 24; ++limit)); do
  (ulimit -n "$limit" && mq sysv-in q --key "$key" --create --once) >"$work/out" 2>"$work/err"
  code=$?
  ((code == 1 || code == 71)) || fail "with $limit descriptors: $code $(cat "$work/err")"
  ((code == 1)) || holds 'Too many open files' "$(cat "$work/err")" "with $limit descriptors"
done

# ---- in the service: removed while in use, and made again
adapter 'type = "sysv-in"' 'queue = "q"' "key = \"$key\"" 'create = true'
adapter 'type = "sysv-out"' 'queue = "out"' "key = \"$other\"" 'name = "nowhere"'
bridge service serve
until_true service_answers
until_true state_is nowhere paused
mq purge q ALL >/dev/null
"$peer" put "$key" 4 before || fail "put"
until_true count_is 1 ready q
ipcrm -Q "$key" || fail "ipcrm"
until_true "$peer" put "$key" 4 after
until_true count_is 2 ready q
grep -q 'was removed while in use' "$work/service.log" || fail "not said: $(words_of service)"
stop service || fail "serve: $(words_of service)"
exit 0
