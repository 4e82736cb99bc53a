#!/bin/bash
# exec and exec-source: programs that nobody here wrote handle messages and make them, one run for
# each or one that goes on, and whatever such a program can do wrong.
#   exec_test.sh SPOOLMQ
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
. "${0%/*}/programs.sh"
export PYTHONUNBUFFERED=1
python=/usr/bin/python3

serve() { start serve "$spoolmq" --root "$root" serve && until_true service_answers; }
bodies() { mq receive "$1" -n 10000 --ack --null | tr '\0' '\n'; }  # of a queue, taken out
moved() { mq --json adapters "$1" >"$work/adapter" && (($(json "$work/adapter" '$.moved') >= $2)); }
for queue in q r log; do mq create $queue --backoff 1s || fail "create"; done

# ---- what is said on the command line
expect 64 exec q
expect 64 exec q -- ''
expect 64 exec q --answers -- cat
expect 64 exec q --mode long-lived --answers --reply-queue r -- cat
expect 64 exec q --mode long-lived --timeout 1s -- cat
expect 64 exec q --user nobody -- cat {}
expect 64 exec q --user '' -- true
expect 64 exec q --environment x -- true
expect 64 exec-source q
expect 66 exec nowhere --once -- true
expect 78 exec q --user no-such-user --once -- true
expect 1 exec q --once -- true

# ---- a run per message
id=$(mq send q -H site=LYS body)
# shellcheck disable=SC2016
expect 0 exec q --once --environment EXTRA=1 -- sh -c '
  { echo "$SPOOLMQ_ID $SPOOLMQ_QUEUE $SPOOLMQ_DELIVERIES $SPOOLMQ_H_SITE $EXTRA"; cat; } >"$1"' sh "$work/seen"
same "$id q 1 LYS 1"$'\n'body "$(cat "$work/seen")" "environment and body"
same "$id" "$out" "what went through"
mq send q 'in a file' >/dev/null
expect 0 exec q --once --reply-queue r -- cp {} "$work/copy"
same 'in a file' "$(cat "$work/copy")" "{}"
same 1 "$(mq --json list r | wc -l)" "an empty reply is one"
clear r
seq 9 | mq send q --lines >/dev/null
expect 0 exec q --once --concurrency 3 --reply-queue r -- sed 's/$/!/'
same "$(seq -f %.0f! 9)" "$(bodies r | grep . | sort)" "replies"
mq send q bad >/dev/null
expect 2 exec q --once -- sh -c 'echo no >&2; exit 65'
same 'rejected: command exited with 65: no' "$(only reason q)" "rejected, with its words"
clear q
mq send q broken >/dev/null
for code in 64 77 78 126 127; do expect 78 exec q --once -- sh -c "exit $code"; done
expect 78 exec q --once -- "$work/no-such-command"
counted 1 ready q
same 0 "$(only failures q)" "a broken command is not the message's failure"
clear q
mq send q large >/dev/null
expect 2 exec q --once --reply-queue r --max-bytes 1000 -- sh -c 'head -c 1001 /dev/zero'
reason_holds 'printed more than a reply may hold' q || fail "a long reply: $(only reason q)"
clear q

# What a child starts with: three descriptors, default signals, a group of its own.
mq send q x >/dev/null
# shellcheck disable=SC2016
trap '' USR1
expect 0 exec q --once -- sh -c 'cat >/dev/null; ls -l /proc/self/fd >"$1"; grep -E "^Sig(Blk|Ign)" /proc/self/status >>"$1"
  [ "$(ps -o pgid= -p $$ | tr -d " ")" = $$ ] && echo leads >>"$1"' sh "$work/child"
trap - USR1
same 4 "$(grep -c -e '->' "$work/child")" "descriptors: $(cat "$work/child")"
# posix_spawn(3) of glibc leaves its own two, 32 and 33, ignored.
same 2 "$(grep -cE '^Sig.*:[[:space:]]*0*(180000000)?$' "$work/child")" "signals: $(cat "$work/child")"
grep -qx leads "$work/child" || fail "a group of its own"

# ---- a program that goes on: both pipes at once
duplex() {  # WANT COMMAND…: of what is in q
  expect 0 exec q --once --mode long-lived --reply-queue r "${@:2}"
  same "$1" "$(bodies r | grep .)" "${*:2}"
}
seq 1000 | mq send q --lines >/dev/null
duplex "$(seq 2 2 2000)" -- awk '{ print $1 * 2; fflush() }'
printf '{"a":%d}\n' 1 2 3 | mq send q --lines >/dev/null
duplex $'2\n3\n4' -- jq -c --unbuffered '.a + 1'
printf 'one\ntwo\n' | mq send q --lines >/dev/null
duplex $'<one>\n<two>' -- sed --unbuffered 's/.*/<&>/'
printf '2^64\n1/3\n' | mq send q --lines >/dev/null
duplex $'18446744073709551616\n.33333333333333333333' -- bc -l
cat >"$work/echo.py" <<'ECHO'
import sys
source, out = sys.stdin.buffer, sys.stdout.buffer
while True:
    digits = b''
    while True:
        c = source.read(1)
        if not c: sys.exit(0)
        if c == b':': break
        digits += c
    body = source.read(int(digits))
    assert source.read(1) == b','
    out.write(b'%d:%s,' % (len(body), body))
    out.flush()
ECHO
printf 'a\nb\0c' >"$work/body"
mq send q -f "$work/body" >/dev/null
head -c 3000000 /dev/urandom >"$work/big"
mq send q -f "$work/big" >/dev/null
expect 0 exec q --once --mode long-lived --framing netstring --reply-queue r -- "$python" "$work/echo.py"
mq receive r --ack | cmp - "$work/body" || fail "netstring"
mq receive r --ack | cmp - "$work/big" || fail "a large netstring"
printf 'x\0y\0' | mq send q --null >/dev/null
duplex $'x\ny' --framing null -- sed -zu ''
mq send q $'two\nlines' >/dev/null
expect 2 exec q --once --mode long-lived --reply-queue r -- cat
reason_holds 'ends a frame' q || fail "no such frame: $(only reason q)"
clear q
# A reply knows its request.
id=$(mq send q --correlation-id mine 1+1)
expect 0 exec q --once --mode long-lived --reply-queue r -- bc
mq --json receive r --ack >"$work/reply"
same "$id" "$(json "$work/reply" '$.correlation_id')" "correlation id"
holds '["correlation-id","mine"]' "$(json "$work/reply" '$.headers')" "the request's own"

# ---- verdict lines
seq 6 | mq send q --lines >/dev/null
# shellcheck disable=SC2016
expect 2 exec q --once --mode long-lived --answers --max-bytes 1K -- \
  perl -ne '$| = 1; print $_ == 2 ? "no odd one\n" : "ok\n"'
same 'rejected: odd one' "$(only reason q)" "no"
clear q
mq send q later >/dev/null
bridge again exec q --mode long-lived --answers -- "$python" -c '
import sys
n = 0
for line in sys.stdin:
    n += 1
    print("again not yet" if n == 1 else "ok", flush=True)'
until_true count_is 0 delayed q
until_true test -s "$work/again.log"
stop again || fail "exec: $(words_of again)"
counted 0 ready q

# ---- as adapters of the service, side by side
adapter 'name = "victim"' 'type = "exec"' 'queue = "q"' 'mode = "long-lived"' 'reply-queue = "r"' \
  'framing = "netstring"' "command = [\"$work/victim.sh\"]" 'window = 4'
cat >"$work/victim.sh" <<VICTIM
#!/bin/bash
echo \$\$ >"$work/victim.pid"
echo "about to die" >&2
printf '100:half a frame'
exec sleep $nap
VICTIM
chmod +x "$work/victim.sh"
serve
mq pause q >/dev/null
seq 3 | mq send q --lines >/dev/null
mq resume q >/dev/null
until_true count_is 3 leased q
kill -9 "$(cat "$work/victim.pid")"
until_true grep -q 'about to die' "$work/serve.log"
until_true bash -c "'$spoolmq' --root '$root' --json list q | head -n 1 | grep -q 'about to die'"
mq --json list q >"$work/list"
same '1 0 0' "$(sed -n 's/.*"failures":\([0-9]*\).*/\1/p' "$work/list" | tr '\n' ' ' | sed 's/ $//')" \
  "the oldest has failed, the others have not"
holds 'signal 9 (SIGKILL): about to die' "$(head -n 1 "$work/list")" "with its last words"
until_true state_is victim paused
holds 'about to die' "$(json "$work/state" '$.last_error')" "as adapters tells it"
stop serve || fail "serve"
rm "$root/spoolmq.toml"
clear q

# What goes wrong with a program that lives: one message each, a failure and a reason.
wrong() {  # REASON OPTIONS… -- COMMAND…
  local reason=$1
  mq send q x >/dev/null
  bridge wrong exec q --mode long-lived "${@:2}"
  until_true has_failed q 1
  reason_holds "$reason" q || fail "$reason: $(only reason q)"
  stop wrong || fail "exec: $(words_of wrong)"
  clear q
}
wrong 'no answer came in time' --answers --timeout 300ms -- sleep $nap
wrong 'no answer came in time' --answers --timeout 300ms -- sh -c 'trap "" TERM; while :; do sleep 1; done'
wrong 'begins with none of ok' --answers -- sed -u 's/.*/what/'
wrong 'closed its standard output' --answers -- sh -c 'read -r line; exec >&-; sleep $nap'
wrong 'a frame is longer than 10485760 bytes' --framing length --reply-queue r -- \
  sh -c 'head -c 5 >/dev/null; printf "\377\377\377\377"; cat /dev/zero'
mq send q x >/dev/null
bridge unasked exec q --mode long-lived --answers -- sh -c 'read -r line; echo ok; echo ok; sleep $nap'
until_true grep -q 'answered what it was not asked' "$work/unasked.log"
stop unasked || fail "exec: $(words_of unasked)"
counted 0 ready q
ended_all() { ! pgrep -f "^sleep $nap\$" >/dev/null; }
until_true ended_all
exit 0
