#!/bin/bash
# send receive ack nack release extend reject: options, output and exit codes.
. "${0%/*}/lib.sh" "$1"
mq create q --backoff 0s || fail "create"

# ---- what send takes
expect 0 send q hello
one_id "$out"
expect 0 send q - <<<"from stdin"
expect 0 send q <<<"from stdin too"
printf 'from a file' >"$work/body"
expect 0 send q -f "$work/body"
expect 66 send q -f "$work/nothing-there"
expect 64 send q body -f "$work/body"
expect 66 send nowhere hello
expect 0 send q ''
for wanted in hello 'from stdin' 'from stdin too' 'from a file' ''; do
  expect 0 receive q --ack
  same "$wanted" "$out" "bodies in the order they were sent"
  same '' "$err" "--ack says nothing"
done
expect 1 receive q
same '' "$out$err" "empty: nothing is said"

id=01890000-0000-7000-8000-0000000000aa
expect 0 --json send q '{"n":1}' -H site=LYON -H 'note=ü = x' --priority 7 --ttl 1h --id $id \
  --dedupe-key D --order-key K --reply-to answers --correlation-id C --as desk --format xml \
  --durability os
same "$id" "$(json "$work/out" '$.id')" "the id asked for"
same 0 "$(json "$work/out" '$.duplicate')" "not a duplicate"
expect 0 --json send q '{"n":1}' --dedupe-key D
same "$id 1" "$(json "$work/out" '$.id') $(json "$work/out" '$.duplicate')" "the earlier one's id"
expect 0 --json receive q
json_has "$work/out" '$.id' '$.receipt' '$.deliveries' '$.failures' '$.redrives' '$.headers' \
  '$.from.name' '$.from.uid' '$.from.pid' '$.priority' '$.sent' '$.expires' '$.size' '$.body'
same "$id|{\"n\":1}|7|K|D|answers|C|desk|1" "$(sqlite3 :memory: "select json_extract(j, '\$.id'),
  json_extract(j, '\$.body'), json_extract(j, '\$.priority'), json_extract(j, '\$.order_key'),
  json_extract(j, '\$.dedupe_key'), json_extract(j, '\$.reply_to'),
  json_extract(j, '\$.correlation_id'), json_extract(j, '\$.from.name'),
  json_extract(j, '\$.deliveries') from (select readfile('$work/out') as j)")" "what was sent"
holds '["site","LYON"],["note","ü = x"]' "$out" "headers"
expect 0 ack q "$(json "$work/out" '$.receipt')"
for bad in '--priority 32768' '--priority -1' '--delay soon' '--ttl 0s' '--id 123' '-H novalue' \
  '--format yaml' '--lines --null' '--lines --id '$id '--no-such'; do
  # shellcheck disable=SC2086  # options are words
  expect 64 send q $bad </dev/null
done
expect 0 send q < <(printf '\377\376\0\1')
expect 0 --json receive q --ack
same '//4AAQ==' "$(json "$work/out" '$.body_base64')" "a body that is no UTF-8"

# ---- priorities, delays, ttl, order keys
mq create later || fail "create"
expect 0 send later low --priority 1
expect 0 send later high --priority 9
expect 0 send later delayed --delay 1h --priority 10
counted 1 delayed later
for wanted in high low; do
  expect 0 receive later --ack
  same "$wanted" "$out" "by priority"
done
expect 1 receive later
expect 0 send q delayed --delay 300ms
expect 0 receive q --wait --timeout 20s --ack
same delayed "$out" "a delay ends"
expect 0 send q short --ttl 1ms
expect 1 receive q
expect 0 --json list q --state dead
same expired "$(json "$work/out" '$.reason')" "why it is dead"
mq --quiet delete q ALL >/dev/null
mq create keyed
for body in a1 a2; do mq send keyed $body --order-key a >/dev/null; done
mq send keyed b1 --order-key b >/dev/null
expect 0 --json receive keyed -n 10
same 2 "$(wc -l <"$work/out")" "one of each key at a time"

# ---- many records
expect 0 send q --lines < <(seq 1000)
same 1000 "$(sort -u "$work/out" | wc -l)" "an id per line"
expect 64 receive q -n 10
expect 0 receive q -n 3 --null --ack
same 010203 "$(tr '\0\n' ' \n' <"$work/out" | xargs printf '%02d')" "--null"
mkdir "$work/dir"
expect 0 receive q -n 2 --output "$work/dir" --ack
same 4 "$(cat "$(head -1 "$work/out")")" "a body in a file"
same 2 "$(find "$work/dir" -type f | wc -l)" "files of --output"
expect 0 --json receive q -n 1000 --ack
same 995 "$(wc -l <"$work/out")" "the rest of them"
same 1 "$(head -1 "$work/out" | grep -c '"body":"6"')" "in order"
expect 0 send q --null < <(printf 'one\0two\nlines\0')
same 2 "$(wc -l <"$work/out")" "records that end in NUL"
expect 0 send q --lines < <(printf 'no newline at the end')
expect 0 receive q -n 9 --null --ack
same $'one\ntwo lines\nno newline at the end' "$(tr '\n\0' ' \n' <"$work/out")" "records"
expect 0 send q --lines < <(:)
same '' "$out" "no line, no message"

# ---- receipts
take() {
  expect 0 receive q "$@"
  receipt=${err#receipt: }
  [[ $receipt =~ ^$uuid\.[0-9a-f]{16}$ ]] || fail "no receipt: $err"
}
expect 0 send q job
take
counted 1 leased q
expect 1 receive q
expect 0 release q "$receipt"
expect 3 release q "$receipt"
# Where stdout and stderr are one terminal, and the body does not end its line.
shown=$(script -qec "'$spoolmq' --root '$root' receive q" /dev/null </dev/null | tr -d '\r')
[[ $shown == job$'\n''receipt: '* ]] || fail "at a terminal: $shown"
expect 0 release q "${shown##*receipt: }"
take
expect 0 nack q "$receipt" --reason 'no such customer' --delay 0s
expect 3 ack q "$receipt"
take --lease 1h
expect 0 --json info q "${receipt:30:6}"
same '4|1|timed' "$(json "$work/out" '$.deliveries')|$(json "$work/out" '$.failures')|$(
  json "$work/out" '$.lease.kind')" "counters"
(($(json "$work/out" '$.lease.left_ms') > 3000000)) || fail "--lease"
expect 0 extend q "$receipt" --lease 2h
expect 0 --json info q "${receipt%.*}"
(($(json "$work/out" '$.lease.left_ms') > 6000000)) || fail "extend"
expect 0 ack q - <<<"receipt: $receipt"
expect 0 --json ack q "$receipt"
same repeated "$(json "$work/out" '$.outcome')" "the same receipt again"
for verdict in nack release extend reject; do  # comes too late
  expect 3 "$verdict" q "$receipt"
  holds 'it is acknowledged already' "$err" "$verdict behind an ack"
done
expect 64 ack q nonsense
expect 64 ack q
expect 0 send q bad
take
expect 0 reject q "$receipt" --reason 'not an order'
expect 0 --json list q
same 'dead rejected: not an order' "$(json "$work/out" '$.state') $(json "$work/out" '$.reason')" "rejected"
expect 0 send q short
take --lease 50ms
stale=$receipt
until_true eval 'mq --quiet --json receive q >"$work/again"'
receipt=$(json "$work/again" '$.receipt')
expect 3 ack q "$stale"
expect 3 ack q "${receipt%?}$([[ $receipt == *0 ]] && echo 1 || echo 0)" "$receipt"
counted 0 leased q

# ---- a body check leaves nothing
mq create strict --check well-formed-xml
expect 65 send strict '<a><b></a>'
expect 65 send strict '<!DOCTYPE a><a/>'
expect 0 send strict '<a/>'
counted 1 ready strict
for check in json:'{"a":' utf-8:$'\377'; do
  mq create "strict-${check%%:*}" --check "${check%%:*}"
  expect 65 send "strict-${check%%:*}" "${check#*:}"
  counted 0 ready "strict-${check%%:*}"
done
exit 0
