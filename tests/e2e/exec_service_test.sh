#!/bin/bash
# exec and exec-source in the service: what a program of one adapter does to the others, to the
# memory and to the descriptors of the service; a destination that is down; other users; sources.
#   exec_service_test.sh SPOOLMQ
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
. "${0%/*}/programs.sh"

serve() { start serve "$@" "$spoolmq" --root "$root" serve && until_true service_answers; }
again() {  # the service ends, its adapters are others
  stop serve || fail "serve: $(words_of serve)"
  rm -f "$root/spoolmq.toml"
}
bodies() { mq receive "$1" -n 10000 --ack --null | tr '\0' '\n'; }
lines_are() { [[ $(wc -l <"$2") == "$1" ]]; }
for queue in q r other log; do mq create $queue --backoff 100ms || fail "create"; done

# ---- a slow one beside a quick one: a byte per second, and none at all
cat >"$work/slow.sh" <<'SLOW'
#!/bin/bash
while IFS= read -rn 1 -t 5; do sleep 1; done
SLOW
chmod +x "$work/slow.sh"
adapter 'name = "slow"' 'type = "exec"' 'queue = "q"' 'mode = "long-lived"' 'answers = true' \
  "command = [\"$work/slow.sh\"]"
adapter 'name = "deaf"' 'type = "exec"' 'queue = "log"' 'mode = "long-lived"' "command = [\"sleep\", \"$nap\"]"
adapter 'name = "quick"' 'type = "exec"' 'queue = "other"' 'mode = "long-lived"' 'reply-queue = "r"' \
  'command = ["sed", "-u", "s/^/re: /"]'
serve
head -c 200000 /dev/zero | tr '\0' x | fold -w 1000 | mq send q --lines >/dev/null
head -c 2000000 /dev/zero | tr '\0' x | fold -w 10000 | mq send log --lines >/dev/null
until_true bash -c "(( \$('$spoolmq' --root '$root' --json stats q | sed 's/.*\"leased\":\([0-9]*\).*/\1/') >= 16 ))"
before=$(cpu_ticks serve)
slowest=0
for i in $(seq 20); do
  begin=${EPOCHREALTIME/./}
  mq send other "$i" >/dev/null
  mq receive r --wait --timeout 5s --ack >/dev/null || fail "no answer beside a slow program"
  took=$((${EPOCHREALTIME/./} - begin))
  ((took <= slowest)) || slowest=$took
done
((slowest < 1000000)) || fail "an answer took $slowest us beside a slow program"
used=$(($(cpu_ticks serve) - before))
((used < 200)) || fail "a busy loop: $used ticks"
begin=$SECONDS
again
((SECONDS - begin < 15)) || fail "the service ends, whatever its programs do"
counted 0 leased q
counted 0 leased log
! pgrep -f "^sleep $nap\$" >/dev/null || fail "a program is left"
for queue in q r log other; do mq purge $queue ALL >/dev/null; done

# ---- 4 GiB, declared and real
adapter 'name = "liar"' 'type = "exec-source"' 'queue = "log"' 'framing = "length"' \
  'command = ["sh", "-c", "printf \"\\377\\377\\377\\377\"; sleep 1; cat /dev/zero"]'
adapter 'name = "endless"' 'type = "exec"' 'queue = "q"' 'mode = "long-lived"' 'reply-queue = "r"' \
  'max-bytes = "64K"' 'timeout = "3s"' 'command = ["sh", "-c", "exec head -c 4294967296 /dev/zero"]'
serve
until_true grep -q 'liar.*a frame is longer' "$work/serve.log"
# Of all messages: one that is rejected is dead at once, one whose answer did not come in time is tried again.
failures() { mq --json list q | sed -n 's/.*"failures":\([0-9]*\).*/\1/p' | paste -sd+ | bc; }
more_failures() { (($(failures) > $1)); }
mq send q x >/dev/null
until_true more_failures 0  # it is the first run for which the adapter opens what it needs
before=$(resident_kb serve)
so_far=$(failures)
mq send q y >/dev/null
until_true more_failures "$so_far"
after=$(resident_kb serve)
((after - before < 1024)) || fail "memory grew from $before to $after KiB"
again
mq purge q ALL >/dev/null

# ---- a destination that is down: no failure, and on by itself
cat >"$work/down.sh" <<DOWN
#!/bin/bash
echo x >>"$work/tries"
[[ -e "$work/up" ]] || exit 69
DOWN
chmod +x "$work/down.sh"
seq 20 | mq send q --lines >/dev/null
adapter 'name = "down"' 'type = "exec"' 'queue = "q"' 'concurrency = 2' "command = [\"$work/down.sh\"]"
serve
until_true state_is down paused
until_true bash -c "(( \$(wc -l <'$work/tries') >= 4 ))"
lines=$(wc -l <"$work/tries")
((lines <= 8)) || fail "tried $lines times in a few seconds"
mq --json list q >"$work/list"
same 20 "$(grep -c '"failures":0' "$work/list")" "no failure is counted"
holds 'exited with 69' "$(json "$work/state" '$.last_error')" "why"
touch "$work/up"
until_true count_is 0 ready q
until_true state_is down running
counted 0 dead q
again

# ---- no descriptors left: it waits without a busy loop, and recovers
mkdir "$root/run" 2>/dev/null
adapter 'name = "many"' 'type = "exec"' 'queue = "q"' 'concurrency = 16' 'command = ["sleep", "0.2"]'
serve
service=$(pid_of serve)
open_now=$(ls "/proc/$service/fd" | wc -l)
prlimit --nofile=$((open_now + 4)): --pid "$service" || fail "prlimit"
seq 60 | mq send q --lines >/dev/null
before=$(cpu_ticks serve)
deadline=$((SECONDS + 3))
until ((SECONDS >= deadline)); do read -rt 0.2 <> <(:); done
used=$(($(cpu_ticks serve) - before))
((used < 150)) || fail "a busy loop without descriptors: $used ticks in 3 s"
grep -q 'Too many open files' "$work/serve.log" || fail "descriptors were not short: $(words_of serve)"
prlimit --nofile=1000: --pid "$service" || fail "prlimit"
until_true count_is 0 ready q
until_true count_is 0 leased q
counted 0 dead q
again

# ---- sources
adapter 'name = "source"' 'type = "exec-source"' 'queue = "log"' "command = [\"tail\", \"-n\", \"+1\", \"-F\", \"$work/app.log\"]"
: >"$work/app.log"
serve
seq 100 >>"$work/app.log"
until_true count_is 100 ready log
same "$(seq 100)" "$(bodies log)" "lines of a growing file"
pkill -KILL -P "${running[serve]}" -x tail || fail "no tail runs"
until_true grep -q 'signal 9' "$work/serve.log"
until_true count_is 100 ready log
again
mq purge log ALL >/dev/null
expect 0 exec-source log --once -- printf 'a\nb'
same $'a\nb' "$(bodies log)" "the last line may lack its end"
expect 0 exec-source log --once -- true
expect 2 exec-source log --once -- sh -c 'echo a; echo gone wrong >&2; exit 3'
holds 'command exited with 3: gone wrong' "$err" "why"
same a "$(bodies log)" "what it printed before"
expect 2 exec-source log --once --max-bytes 5 -- printf '1\n123456\n2\n'
same $'1\n2' "$(bodies log)" "a line that is too long is skipped"
expect 0 exec-source log --once --framing netstring -- printf '1:a,3:b\nc,'
same 2 "$(mq --json list log | wc -l)" "netstrings"
mq purge log ALL >/dev/null
seq 3 | mq send log --lines >/dev/null || fail "the one-shot form"
same "$(seq 3)" "$(bodies log)" "send --lines"
# A full queue holds the program back, and nothing is lost.
mq create small --capacity 50 || fail "create"
bridge full exec-source small -- sh -c 'seq 20000; echo done >&2; sleep $nap'
until_true count_is 50 ready small
! grep -q done "$work/full.log" || fail "20,000 lines went into a queue for 50"
deadline=$((SECONDS + 60)) got=0
: >"$work/got"
while ((got < 20000 && SECONDS < deadline)); do
  mq receive small -n 50 --ack --null --wait --timeout 2s 2>/dev/null | tr '\0' '\n' >>"$work/got"
  got=$(wc -l <"$work/got")
  ((got < 500)) || break
done
cmp <(seq "$got") "$work/got" || fail "what came through a full queue"
((got >= 500)) || fail "only $got came through a full queue"
stop full || fail "exec-source: $(words_of full)"

# ---- as another user
if ((EUID == 0)); then
  others_may_run
  mq send q x >/dev/null
  SECRET=1 expect 0 exec q --once --user nobody --memory 512M --cpu-time 5s --environment A=b --reply-queue r -- \
    sh -c 'id -un; id -gn; env; ulimit -v; ulimit -t; grep -E "^(CapEff|NoNewPrivs)" /proc/self/status'
  bodies r >"$work/nobody"
  for line in nobody nogroup A=b HOME=/nonexistent USER=nobody 524288 5; do
    grep -qx "$line" "$work/nobody" || fail "no $line in: $(cat "$work/nobody")"
  done
  ! grep -q SECRET "$work/nobody" || fail "our environment"
  grep -q '^CapEff:.*[[:space:]]0*$' "$work/nobody" || fail "capabilities: $(cat "$work/nobody")"
  grep -q '^NoNewPrivs:.*1' "$work/nobody" || fail "no new privileges"
  mq send q x >/dev/null
  expect 0 exec q --once --mode long-lived --answers --group daemon -- \
    sh -c 'read -r l; id -gn >"$1"; echo ok; read -r l' sh "$work/group"
  same daemon "$(cat "$work/group")" "a group"
  # With the capabilities that the unit gives, and without.
  root=$work/theirs
  "${user_daemon[@]}" true
  install -d -o daemon -g daemon -m 700 "$root"
  "${user_daemon[@]}" "$spoolmq" --root "$root" create q || fail "create"
  "${user_daemon[@]}" "$spoolmq" --root "$root" send q x >/dev/null || fail "send"
  "${user_daemon[@]}" "$spoolmq" --root "$root" exec q --once --user nobody -- true 2>"$work/err"
  same 78 $? "without privileges"
  grep -q 'CAP_SETUID.*spoolmq-exec.service' "$work/err" || fail "why: $(cat "$work/err")"
  one='+setuid,+setgid,+kill,+lease'
  # shellcheck disable=SC2016
  setpriv --reuid=daemon --regid=daemon --clear-groups --inh-caps="$one" --ambient-caps="$one" -- \
    "$spoolmq" --root "$root" exec q --once --user nobody -- \
    sh -c 'echo "$(id -un) $(sed -n "s/^CapEff:[[:space:]]*//p" /proc/self/status)" >&2' 2>"$work/err" >"$work/out"
  same 0 $? "with ambient capabilities: $(cat "$work/err")"
  grep -q 'nobody 0000000000000000' "$work/err" || fail "as nobody, with none of them: $(cat "$work/err")"
  "${user_daemon[@]}" "$spoolmq" --root "$root" send q x >/dev/null || fail "send"
  setpriv --reuid=daemon --regid=daemon --clear-groups --inh-caps="$one" --ambient-caps="$one" -- \
    "$spoolmq" --root "$root" exec q --once -- \
    sh -c 'echo "caps $(sed -n "s/^CapEff:[[:space:]]*//p" /proc/self/status)" >&2' 2>"$work/err" >"$work/out"
  grep -q 'caps 0000000000000000' "$work/err" || fail "our own user gets none either: $(cat "$work/err")"
  # A child of another user is ended all the same.
  "${user_daemon[@]}" "$spoolmq" --root "$root" send q x >/dev/null || fail "send"
  setpriv --reuid=daemon --regid=daemon --clear-groups --inh-caps="$one" --ambient-caps="$one" -- \
    timeout 30 "$spoolmq" --root "$root" exec q --mode long-lived --answers --timeout 300ms --user nobody -- \
    sleep "$nap" 2>"$work/err" >"$work/out" &
  theirs=$!
  # shellcheck disable=SC2329
  has_failed() { "${user_daemon[@]}" "$spoolmq" --root "$root" --json list q | grep -q 'no answer came in time'; }
  until_true has_failed
  kill -TERM "$theirs"
  wait "$theirs"
  none_left() { ! pgrep -u nobody -f "^sleep $nap\$" >/dev/null; }
  until_true none_left
fi
exit 0
