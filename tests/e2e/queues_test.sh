#!/bin/bash
# create queues show config remove pause resume, and what every command has in common.
. "${0%/*}/lib.sh" "$1"

# ---- a root that is not there
for command in queues stats fsck topics 'list q' 'send q x' 'remove q'; do
  expect 66 $command
  [[ ! -e $root ]] || fail "$command made the root"
done

# ---- global options
expect 0 --version
[[ $out =~ [0-9]+\.[0-9]+\.[0-9]+ ]] || fail "no version: $out"
expect 0 --help
commands='create queues show config remove pause resume send receive ack nack release extend reject
consume list peek cat info search stats consumers why trace requeue move copy delete hold unhold
revoke purge import export fsck'
for command in $commands; do
  holds "$command" "$out" "--help"
done
for command in $commands; do
  expect 0 "$command" --help
  holds "spoolmq $command" "$out" "$command --help shows an example"
done
expect 0 --help
expect 64
expect 64 no-such-command
expect 64 create
expect 64 create q --no-such-option
expect 64 create q --capacity many
holds many "$err" "the bad value is named"
expect 64 create q --capacity
holds 'spoolmq: create: --capacity: needs a value' "$err" "the command and the option are named"
expect 64 create q extra operand
expect 64 create ../q
expect 64 create 'a b'
expect 64 create "$(printf 'x%.0s' {1..129})"
[[ ! -e $work/q ]] || fail "a queue outside the root"
expect 0 completion bash
bash -n <<<"$out" || fail "the completion script is not bash"

# The root: --root wins over the environment, before or behind the command.
SPOOLMQ_ROOT=$work/other "$spoolmq" create elsewhere
[[ -d $work/other/queues/elsewhere ]] || fail "SPOOLMQ_ROOT is not the root"
"$spoolmq" create behind --root "$root" || fail "--root behind the command"
expect 0 remove behind

# ---- create
expect 0 create jobs --capacity 10 --lease 2m --format xml --durability os --max-bytes 1M \
  --overflow reject --max-failures 3 --backoff 100ms --backoff-max 2s --ttl 1h --archive 1d \
  --history all --content-type text/xml --check well-formed-xml --mode 0600
same '' "$out$err" "create says nothing"
expect 0 create jobs --capacity 10 --lease 120s --format xml --durability os --max-bytes 1024K \
  --overflow reject --max-failures 3 --backoff 100ms --backoff-max 2s --ttl 60m --archive 24h \
  --history all --content-type text/xml --check well-formed-xml --mode 600
expect 73 create jobs --capacity 11
holds 'different settings: format=xml, not binary; ' "$err" "what differs"
holds '; capacity=10, not 11; ' "$err" "what differs"
expect 0 --json create new/one
same true "$(json "$work/out" '$.created' | sed 's/1/true/')" "created"
expect 0 --json create new/one
same 0 "$(json "$work/out" '$.created')" "created again"
[[ -d $root/queues/new%2Fone ]] || fail "a slash in a name is %2F on disk"
expect 64 create bad --overflow never
expect 64 create bad --lease -1s
expect 64 create bad --group no/such --mode 9
expect 78 create bad --group no-such-group-here
expect 66 show bad

# ---- queues, show, config
expect 0 queues
holds NAME "$out" "queues has a heading"
same 2 "$(grep -c -e '^jobs ' -e '^new/one ' "$work/out")" "both queues are listed"
expect 0 --json queues
same 2 "$(wc -l <"$work/out")" "one object per queue"
head -1 "$work/out" >"$work/first"
json_has "$work/first" '$.name' '$.ready' '$.delayed' '$.leased' '$.held' '$.dead' '$.corrupt' '$.archived'
expect 0 show jobs
for pair in 'lease +2m' 'capacity +10' 'format +xml' 'check +well-formed-xml' 'paused +no'; do
  grep -qE "^$pair$" "$work/out" || fail "show has no line '$pair': $out"
done
expect 0 --json show jobs
json_has "$work/out" '$.name' '$.path' '$.settings' '$.messages'
expect 0 config jobs lease=5m max-failures=7
same '' "$out" "config says nothing"
expect 0 config jobs
holds lease=5m "$out" "config prints settings"
holds max-failures=7 "$out" "config prints settings"
expect 64 config jobs lease
expect 64 config jobs no-such-key=1
expect 64 config jobs lease=soon
expect 64 config jobs mode=0666
for command in show config pause resume remove stats list peek consumers why; do
  expect 66 "$command" nowhere
done

# ---- pause, resume
expect 0 pause new/one --reason 'database is down'
expect 0 send new/one a
expect 75 receive new/one
holds 'database is down' "$err" "the reason of the pause"
expect 1 why new/one
holds 'database is down' "$out" "why names the reason"
expect 0 --json queues
holds '"paused":{"receive":true,"send":false' "$out" "queues shows the pause"
mq receive new/one --wait --timeout 20s --ack >"$work/waited" &
waiting=$!
until_true eval 'mq --json consumers new/one | grep "\"waiting\":true"'
expect 0 resume new/one
wait "$waiting" || fail "a waiting receiver does not see the end of the pause"
same a "$(cat "$work/waited")" "what the waiting receiver got"
expect 0 pause new/one --send
expect 75 send new/one b
expect 1 receive new/one
expect 0 pause new/one --both --for 3s
expect 75 receive new/one
expect 75 send new/one b
until_true mq --quiet send new/one later
expect 0 receive new/one --ack
same later "$out" "after a pause that ended by itself"

# ---- capacity
expect 0 config jobs check=none
for i in {1..10}; do expect 0 send jobs "$i"; done
expect 75 send jobs 11
counted 10 ready jobs
expect 0 create blocking --capacity 1 --overflow block
expect 0 send blocking 1
expect 75 send blocking 2 --timeout 100ms
mq send blocking 2 --timeout 20s >"$work/blocked" &
blocked=$!
expect 0 receive blocking --ack
wait "$blocked" || fail "a blocked sender does not see the room"
one_id "$(cat "$work/blocked")"

# ---- remove
expect 75 remove jobs
expect 0 remove jobs --force
expect 66 show jobs
[[ ! -e $root/queues/jobs ]] || fail "removed, and still there"
expect 0 receive blocking --ack
expect 0 remove blocking
exit 0
