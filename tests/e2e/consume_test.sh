#!/bin/bash
# consume: what a command gets, what its end means, and what stops it.
. "${0%/*}/lib.sh" "$1"
mq create q --backoff 50ms --max-failures 2 || fail "create"
cat >"$work/verdict" <<'SCRIPT'
#!/bin/bash
read -r code
[[ $code == signal ]] && kill -USR1 $$
exit "$code"
SCRIPT
chmod +x "$work/verdict"

# ---- what the command gets
id=$(mq send q $'body\nof two lines' -H 'order-no=17' -H 'Größe=L' --as desk)
# shellcheck disable=SC2016  # for the command's shell
expect 0 consume q --until-empty -- sh -c 'cat; echo "|$SPOOLMQ_ID|$SPOOLMQ_QUEUE|$SPOOLMQ_DELIVERIES|$SPOOLMQ_FROM|$SPOOLMQ_H_ORDER_NO|$1"; env | grep -c SPOOLMQ_H_' sh 'an argument'
same $'body\nof two lines|'"$id|q|1|desk|17|an argument"$'\n2' "$out" "what the command got"
mq send q 'in a file' >/dev/null
# shellcheck disable=SC2016
expect 0 consume q --until-empty -- sh -c 'cat "$1"; stat -c " %a" "$1"; echo "$1" >"$2"' sh {} "$work/path"
same 'in a file 600' "$out" "{} is a private file"
[[ ! -e $(cat "$work/path") ]] || fail "the private file is still there"
SPOOLMQ_H_STALE=1 expect 0 consume q --until-empty -- env
same '' "$out" "nothing to do, nothing done"
expect 64 consume q --until-empty
expect 66 consume nowhere --until-empty -- true

# ---- verdicts
verdict() {  # CODE STATE EXIT REASON: one message ends the command with CODE
  mq --quiet purge q ALL >/dev/null
  mq send q "$1" >/dev/null
  expect "$3" consume q --until-empty -- "$work/verdict"
  [[ -z $2 ]] && return
  expect 0 --json list q
  same "$2" "$(json "$work/out" '$.state')" "state after exit code $1"
  [[ -z $4 ]] || holds "$4" "$(json "$work/out" '$.reason')" "reason after exit code $1"
}
verdict 0 '' 0 ''
counted 0 dead q
verdict 65 dead 2 65
same 1 "$(json "$work/out" '$.deliveries')" "65 rejects at once"
verdict 100 dead 2 'rejected: command exited with 100'
same 1 "$(json "$work/out" '$.deliveries')" "100 rejects at once"
# Delayed by its own nack, it is waited for, fails for good, and that is told.
for code in 1 2 3 66 75 99 125 128 255; do
  verdict $code dead 2 max_failures
  same 2 "$(json "$work/out" '$.deliveries')" "exit code $code is a failure each time"
done
verdict signal dead 2 max_failures
for code in 64 77 78 126 127; do
  verdict $code ready $code ''
  same 0 "$(json "$work/out" '$.failures')" "exit code $code is not the message's failure"
done
mq --quiet purge q ALL >/dev/null
mq send q x >/dev/null
expect 127 consume q --until-empty -- "$work/no-such-command"
: >"$work/not-executable"
expect 126 consume q --until-empty -- "$work/not-executable"
counted 1 ready q
mq --quiet purge q ALL >/dev/null

# A failure that heals: the second delivery succeeds.
mq send q x >/dev/null
# shellcheck disable=SC2016
expect 0 consume q --until-empty -- sh -c '[ "$SPOOLMQ_DELIVERIES" = 2 ]'
counted 0 dead q

# 69: released without a failure, tried again after a pause.
mq send q x >/dev/null
# shellcheck disable=SC2016
expect 0 consume q --until-empty -- sh -c '[ -e "$1" ] || { touch "$1"; exit 69; }; echo "$SPOOLMQ_DELIVERIES" >"$2"' sh "$work/up" "$work/deliveries"
same 2 "$(cat "$work/deliveries")" "delivered again after 69"
counted 0 dead q

# ---- --timeout ends the whole process group, and is a failure
mq config q max-failures=1
mq send q x >/dev/null
# shellcheck disable=SC2016
expect 2 consume q --until-empty --timeout 300ms -- sh -c 'sleep 1000 & echo $! >"$1"; wait' sh "$work/child"
counted 1 dead q
gone() { ! kill -0 "$1" 2>/dev/null || [[ $(ps -o stat= -p "$1") == Z* ]]; }
until_true gone "$(cat "$work/child")"

# ---- --concurrency
mq --quiet purge q ALL >/dev/null
mkdir "$work/here"
mq send q --lines < <(seq 4) >/dev/null
# shellcheck disable=SC2016  # each waits until all four are there
expect 0 consume q --until-empty --concurrency 4 --timeout 20s -- sh -c 'read -r n; touch "$1/$n"; until [ -e "$1/1" ] && [ -e "$1/2" ] && [ -e "$1/3" ] && [ -e "$1/4" ]; do sleep 0.02; done' sh "$work/here"
counted 0 dead q
expect 64 consume q --concurrency 0 -- true

# ---- a lease is held while the command runs, however long, and is back when the holder dies
mq config q lease=200ms max-failures=5
mq send q long >/dev/null
# shellcheck disable=SC2016
mq consume q --until-empty -- sh -c 'echo $$ >"$1"; until [ -e "$2" ]; do sleep 0.02; done' sh "$work/pid" "$work/go" &
consumer=$!
until_true test -s "$work/pid"
sleep 0.5  # more than two leases
expect 1 receive q
touch "$work/go"
wait "$consumer" || fail "consume exited with $?"
counted 0 ready q
mq config q lease=30s
mq send q orphan >/dev/null
# shellcheck disable=SC2016
"$spoolmq" --root "$root" consume q -- sh -c 'echo $$ >"$1"; sleep 1000' sh "$work/orphan" &
consumer=$!
until_true test -s "$work/orphan"
kill -9 "$consumer"
wait "$consumer" 2>/dev/null
expect 1 receive q
kill -9 -- "-$(cat "$work/orphan")"  # the command held the lease, too
expect 0 receive q --wait --timeout 20s --ack
same orphan "$out" "the dead holder's message"

# ---- Ctrl-C: the running command may end, then no other is begun; twice: at once
mq send q --lines < <(seq 3) >/dev/null
rm -f "$work/go" "$work/pid"
# shellcheck disable=SC2016
"$spoolmq" --root "$root" consume q -- sh -c 'echo $$ >"$1"; until [ -e "$2" ]; do sleep 0.02; done' sh "$work/pid" "$work/go" &
consumer=$!
until_true test -s "$work/pid"
kill -TERM "$consumer"
sleep 0.1
kill -0 "$consumer" || fail "did not wait for its command"
touch "$work/go"
wait "$consumer" || fail "consume ended by a signal exited with $?"
counted 2 ready q
rm -f "$work/go" "$work/pid"
# shellcheck disable=SC2016
"$spoolmq" --root "$root" --quiet consume q -- sh -c 'trap "" TERM; echo $$ >"$1"; sleep 1000' sh "$work/pid" "$work/go" &
consumer=$!
until_true test -s "$work/pid"
kill -TERM "$consumer"
sleep 0.1
kill -TERM "$consumer"
wait "$consumer" || fail "consume ended by two signals exited with $?"
until_true gone "$(cat "$work/pid")"
expect 0 --json list q --state ready
same 2 "$(wc -l <"$work/out")" "the interrupted one is back"
same 0 "$(head -1 "$work/out" >"$work/first"; json "$work/first" '$.failures')" "and it is no failure"
exit 0
