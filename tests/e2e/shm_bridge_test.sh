#!/bin/bash
# shm-in and shm-out, as commands and in the service. The other sides are samples/shm: programs in C
# (mutex) and in plain Python (polling); ipcs and ipcrm; and what a careless program does to a segment.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
samples=$2/samples/shm
name=/spoolmq-e2e-shm-$$
key=$(printf '0x%08x' $((0x62000000 + $$)))
clean() {
  end_all  # first: a service would make them again
  rm -f /dev/shm"$name"* /dev/shm/sem."${name#/}".*
  ipcrm -M "$key"
  ipcrm -S "$key"
} 2>/dev/null
trap clean EXIT
for side in producer consumer; do
  cc -std=gnu11 -O2 -Wall -o "$work/$side" "$samples/$side.c" -pthread || fail "cc"
done

there() { [[ -e /dev/shm$1 ]]; }
# OFFSET of the segment NAME, as one number of 8 or, with a third word, so many bytes.
number_at() { od -An -t "u${3:-8}" -j "$2" -N "${3:-8}" "/dev/shm$1" | tr -d ' '; }
number_is() { [[ $(number_at "$1" "$2") == "$3" ]]; }
scribble() { printf "$3" | dd of="/dev/shm$1" bs=1 seek="$2" conv=notrunc status=none; }
freed=128 put=64 entries=12 first=4096

mq create q || fail "create"
mq create out || fail "create"

# ---- each way, with the samples in C: exactly what went in comes out
umask 077
bridge in shm-in q --object "$name" --create --mode 0640 --entries 16 --message-bytes 100
umask 022
until_true there "$name"
same 640 "$(stat -c %a "/dev/shm$name")" "the mode"
same $((first + 16 * (64 + 128))) "$(stat -c %s "/dev/shm$name")" "the size, as PROTOCOL.md says"
same SPQSHM01 "$(head -c 8 "/dev/shm$name")" "the magic, as PROTOCOL.md says"
same 16 "$(number_at "$name" $entries 4)" "the number of entries, as PROTOCOL.md says"
seq 5000 >"$work/lines"
timeout 60 "$work/producer" "$name" <"$work/lines" >"$work/confirmed" || fail "producer: $?"
cmp "$work/lines" "$work/confirmed" || fail "each was confirmed, in order"
counted 5000 ready q
number_is "$name" $freed 5000 || fail "freed is not where PROTOCOL.md says"
stop in || fail "shm-in: $(words_of in)"
bridge out shm-out q --object "$name-out" --create --entries 4
until_true there "$name-out"
timeout 60 "$work/consumer" "$name-out" 5000 >"$work/got" || fail "consumer: $?"
cmp "$work/lines" "$work/got" || fail "each came out, in order"
until_true count_is 0 leased q
counted 0 ready q
stop out || fail "shm-out: $(words_of out)"

# ---- and in Python, without a lock
bridge python shm-in q --object "$name-p" --sync polling --create
until_true there "$name-p"
head -n 500 "$work/lines" | timeout 60 /usr/bin/python3 "$samples/producer.py" "$name-p" >"$work/confirmed" ||
  fail "producer.py: $?"
cmp <(head -n 500 "$work/lines") "$work/confirmed" || fail "each was confirmed, in order"
there "$name-p" || fail "Python removed the segment"
stop python || fail "shm-in: $(words_of python)"
bridge python shm-out q --object "$name-p" --sync polling --remove
timeout 60 /usr/bin/python3 "$samples/consumer.py" "$name-p" 500 >"$work/got" || fail "consumer.py: $?"
cmp <(head -n 500 "$work/lines") "$work/got" || fail "each came out, in order"
until_true count_is 0 leased q
stop python || fail "shm-out: $(words_of python)"
there "$name-p" && fail "not removed with its bridge"
counted 0 ready q

# ---- the other kinds of segment and of semaphores
for way in "--key $key --sync sysv-semaphores" "--path $work/mapped --sync posix-semaphores --semaphores $name" \
  "--object $name-x --sync sysv-semaphores --semaphores $key" "--path $work/mapped --sync polling"; do
  head -n 100 "$work/lines" | mq send out --lines >/dev/null
  # shellcheck disable=SC2086
  bridge to shm-out out $way --create --entries 4
  # shellcheck disable=SC2086
  bridge from shm-in q $way --create --entries 4
  until_true count_is 100 ready q
  until_true count_is 0 leased out
  [[ $way != --key* ]] || ipcs -m | grep -q "^$key " || fail "no System V segment"
  [[ $way != *sysv* ]] || ipcs -s | grep -q "^$key .* 3 *$" || fail "no set of three semaphores"
  [[ $way != *posix* ]] || ls /dev/shm/sem."${name#/}".news /dev/shm/sem."${name#/}".room >/dev/null || fail "no semaphores"
  stop to || fail "shm-out $way: $(words_of to)"
  stop from || fail "shm-in $way: $(words_of from)"
  mq tail q --from oldest | cmp - <(head -n 100 "$work/lines") || fail "$way: what came through"
  mq purge q ALL >/dev/null
  rm -f "$work/mapped"
  ipcrm -M "$key" 2>/dev/null
  ipcrm -S "$key" 2>/dev/null
done

# ---- sizes at and over the limit
head -c 128 /dev/zero | tr '\0' x | mq send out >/dev/null
head -c 129 /dev/zero | tr '\0' y | mq send out >/dev/null
bridge sizes shm-out out --object "$name-s" --create --message-bytes 128
until_true there "$name-s"
timeout 20 "$work/consumer" "$name-s" 1 >"$work/got" || fail "consumer: $?"
same 129 "$(wc -c <"$work/got")" "as long as an entry allows"
until_true count_is 1 dead out
stop sizes
same 2 "$?" "one was refused"
expect 0 --json list out --state dead
holds "129 bytes are more than an entry's 128" "$(cat "$work/out")" "the reason"
mq purge out ALL >/dev/null

# ---- a length of 4 GiB in an entry: refused, and the next is taken
bridge hostile shm-in q --object "$name-h" --create --message-bytes 128
until_true there "$name-h"
scribble "$name-h" $first '\x01\0\0\0\0\0\0\0\xff\xff\xff\xff'
scribble "$name-h" $put '\x01'
until_true number_is "$name-h" $freed 1
same 65 "$(number_at "$name-h" $((first + 32)) 4)" "its verdict"
seq 3 | timeout 20 "$work/producer" "$name-h" >/dev/null || fail "producer: $?"
counted 3 ready q
# Counters that cannot be, then a segment that is cut off: said, and neither a crash nor a loop.
scribble "$name-h" $put '\xff\xff\xff\xff\xff\xff\xff\xff'
until_true grep -q 'its counters cannot be' "$work/hostile.log"
stop hostile
rm "/dev/shm$name-h"
bridge hostile shm-in q --object "$name-h" --create --message-bytes 128
until_true there "$name-h"
truncate -s 100 "/dev/shm$name-h"
until_true grep -q 'was shortened while in use' "$work/hostile.log"
stop hostile
for bad in "100" "8192"; do  # too small, and no magic
  truncate -s 0 "/dev/shm$name-h"
  truncate -s "$bad" "/dev/shm$name-h"
  mq shm-in q --object "$name-h" --once 2>"$work/err"
  code=$?
  ((code == 69 || code == 78)) || fail "a file of $bad bytes that is no segment: $code $(cat "$work/err")"
done
mkfifo "$work/fifo"
expect 78 shm-in q --path "$work/fifo" --once
mq purge q ALL >/dev/null

# ---- a peer stopped, and one killed, in the middle of it all
bridge in shm-in q --object "$name"
seq 100000 >"$work/lines"
start stopped bash -c "exec '$work/producer' '$name' <'$work/lines'"
for ((i = 0; i < 20; ++i)); do
  kill -STOP "${running[stopped]}"
  sleep 0.0$((RANDOM % 10))
  kill -CONT "${running[stopped]}"
done
kill_now stopped
seq -f 'later-%g' 100 | timeout 30 "$work/producer" "$name" >"$work/confirmed" || fail "producer: $?"
same 100 "$(wc -l <"$work/confirmed")" "after a peer was killed"
mq tail q --from oldest | sort >"$work/there"
same 0 "$(comm -23 <(sed '$d' "$work/stopped.log" | sort) "$work/there" | wc -l)" "confirmed, and not there"
same 100 "$(grep -c '^later-' "$work/there")" "what came later"
stop in || fail "shm-in: $(words_of in)"
mq purge q ALL >/dev/null

# ---- our queue full for a while: entries stay, none twice
mq create bounded --capacity 3 || fail "create"
bridge bounded shm-in bounded --object "$name"
start filler bash -c "seq 40 | '$work/producer' '$name'"
until_true count_is 3 ready bounded
got=()
enough() {
  local one
  one=$(mq receive bounded --ack 2>/dev/null) && got+=("$one")
  ((${#got[@]} == 40))
}
until_true enough
same "$(echo {1..40})" "${got[*]}" "each once, in order"
stop bounded || fail "shm-in: $(words_of bounded)"

# ---- what is missing, not ours, or made for something else
expect 66 shm-in q --object /spoolmq-e2e-none --once
holds 'there is no such segment' "$err" "a missing segment"
expect 64 shm-in q
expect 64 shm-in q --object "$name" --sync sysv-semaphores
expect 78 shm-in q --object "$name" --sync polling --once
holds 'another sync' "$err" "another sync"
bridge first shm-in q --object "$name"
in_use() { mq shm-in q --object "$name" --once 2>"$work/err"; (($? == 69)); }
until_true in_use
holds 'another program is its consumer' "$(cat "$work/err")" "one consumer"
stop first || fail "shm-in: $(words_of first)"
if ((EUID == 0)); then
  others_may_run
  mkdir "$work/theirs" && chown nobody "$work/theirs"
  "${user_nobody[@]}" "$spoolmq" --root "$work/theirs/root" create q || fail "create"
  "${user_nobody[@]}" "$spoolmq" --root "$work/theirs/root" shm-in q --object "$name" --once 2>"$work/err"
  same 77 "$?" "another user's segment: $(cat "$work/err")"
fi

# ---- too few descriptors: an error that says so, whichever it was that lacked one
for ((limit = 18; limit <= 24; ++limit)); do
  (ulimit -n "$limit" && mq shm-in q --object "$name" --create --once) >"$work/out" 2>"$work/err"
  code=$?
  ((code == 1 || code == 71)) || fail "with $limit descriptors: $code $(cat "$work/err")"
  ((code == 1)) || holds 'Too many open files' "$(cat "$work/err")" "with $limit descriptors"
done

# ---- in the service: removed while in use, and made again
adapter 'type = "shm-in"' 'queue = "q"' "object = \"$name-v\"" 'create = true' 'message-bytes = "1K"'
adapter 'type = "shm-out"' 'queue = "out"' 'object = "/spoolmq-e2e-none"' 'name = "nowhere"'
bridge service serve
until_true service_answers
until_true state_is nowhere paused
until_true there "$name-v"
echo before | timeout 20 "$work/producer" "$name-v" >/dev/null || fail "producer"
rm "/dev/shm$name-v"
until_true there "$name-v"
echo after | timeout 20 "$work/producer" "$name-v" >/dev/null || fail "producer"
mq tail q --from oldest | tail -n 2 | cmp - <(printf 'before\nafter\n') || fail "what came"
grep -q 'was removed while in use' "$work/service.log" || fail "not said: $(words_of service)"
stop service || fail "serve: $(words_of service)"
exit 0
