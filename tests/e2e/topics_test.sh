#!/bin/bash
# Topics at a shell: bindings, what a send to a topic does, what keeps it out of all queues, and
# what it costs.
. "${0%/*}/lib.sh" "$1"
for queue in billing audit press/paris; do mq create $queue || fail "create $queue"; done

# ---- bindings
expect 0 bind orders.eu billing </dev/null
expect 0 bind orders.eu billing </dev/null
expect 0 bind 'orders.#' audit </dev/null
expect 0 bind '*.eu' press/paris </dev/null
expect 66 bind orders.eu nobody </dev/null
holds nobody "$err" "bind to an unknown queue"
expect 64 bind orders..eu billing </dev/null
expect 64 bind 'orders.e*' billing </dev/null
expect 64 bind orders.eu </dev/null
expect 0 topics </dev/null
same "*.eu press/paris|orders.# audit|orders.eu billing|" \
  "$(tail -n +2 "$work/out" | awk '{printf "%s %s|", $1, $2}')" "bindings"
expect 0 --json topics orders.eu </dev/null
same 3 "$(wc -l <"$work/out")" "bindings of orders.eu"
expect 0 --json topics orders </dev/null
same '{"topic":"orders.#","queue":"audit"}' "$out" "binding of orders"
expect 1 topics invoices </dev/null
expect 64 topics 'orders.*' </dev/null

# ---- one message, in every queue, under one id
expect 0 send --topic orders.eu '{"n": 1}' -H site=LYS </dev/null
one_id "$out"
id=$out
for queue in billing audit press/paris; do
  expect 0 cat $queue "$id" </dev/null
  same '{"n": 1}' "$out" "body in $queue"
done
same 3 "$(find "$root/queues" -name "$id.seg" | wc -l)" "names of the file"
same 1 "$(find "$root/queues" -name "$id.seg" -printf '%i\n' | sort -u | wc -l)" "files"
expect 0 receive audit --ack </dev/null
counted 0 ready audit
counted 1 ready billing

# ---- records, files, json, and what contradicts
seq 5 | mq send --topic orders.us --lines >"$work/ids" || fail "send --lines exited with $?"
same 5 "$(wc -l <"$work/ids")" "ids"
same "1 2 3 4 5 " "$(mq receive audit -n 5 --null --ack 2>/dev/null | tr '\0' ' ')" "order"
expect 0 --json send --topic orders.eu --dedupe-key k x </dev/null
same audit "$(json "$work/out" '$.queues[0].queue')" "first queue"
first=$(json "$work/out" '$.id')
expect 0 --json send --topic orders.eu --dedupe-key k x </dev/null
same 1 "$(json "$work/out" '$.duplicate')" "duplicate"
same "$first" "$(json "$work/out" '$.id')" "id of the earlier one"
expect 66 send --topic invoices x </dev/null
holds "no queue is bound" "$err" "send to nobody"
expect 64 send --topic orders.eu --wait x </dev/null
expect 64 send --topic 'orders.*' x </dev/null
expect 64 send --topic orders.eu --to me x </dev/null

# ---- one queue that may not, and none gets it
count() { mq --json stats "$1" | sed 's/.*"ready":\([0-9]*\).*/\1/'; }
before="$(count billing) $(count audit) $(count press/paris)"
mq pause press/paris --send --reason stocktaking || fail "pause"
expect 75 send --topic orders.eu x </dev/null
holds stocktaking "$err" "send while paused"
mq resume press/paris || fail "resume"
mq config press/paris capacity=2 || fail "config"
expect 75 send --topic orders.eu x </dev/null
mq config press/paris capacity=unbounded || fail "config"
mq config billing check=json || fail "config"
expect 65 send --topic orders.eu '{' </dev/null
same "$before" "$(count billing) $(count audit) $(count press/paris)" "messages after refusals"
mq config billing check=none || fail "config"

# ---- removing a queue ends its bindings
expect 0 remove press/paris --force </dev/null
expect 0 create press/paris </dev/null
expect 1 topics shoes.eu </dev/null
expect 0 unbind orders.eu billing </dev/null
expect 66 unbind orders.eu billing </dev/null
expect 0 unbind 'orders.#' audit </dev/null
expect 0 topics </dev/null
same "" "$out" "bindings at the end"

# ---- what it costs: one sync of data however many queues there are, and one per directory
strace -f -qq -o "$work/probe" true 2>/dev/null || { echo "strace may not trace here"; exit 77; }
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0  # which cannot work under a tracer
for queue in a b c; do
  mq create $queue || fail "create $queue"
  mq bind t $queue || fail "bind $queue"
done
mq send --topic t warm >/dev/null || fail "send" # makes directories, and the route
strace -f -qq -y -s 64 -e trace=desc,file -o "$work/trace" \
  "$spoolmq" --root "$root" send --topic t hello >"$work/id" || fail "send exited with $?"
grep -E '(f(data)?sync|sync_file_range|syncfs)\(' "$work/trace" >"$work/syncs"
same 1 "$(grep -cE 'fdatasync\([0-9]+<' "$work/syncs")" "syncs of data: $(cat "$work/syncs")"
same 3 "$(grep -cE 'fsync\([0-9]+<.*queues/[abc]/msgs/[0-9a-f][0-9a-f]>' "$work/syncs")" \
  "syncs of the queues' directories: $(cat "$work/syncs")"
same 2 "$(grep -cE 'fsync\([0-9]+<.*/topics>' "$work/syncs")" "syncs of topics: $(cat "$work/syncs")"
same 6 "$(wc -l <"$work/syncs")" "syncs in all: $(cat "$work/syncs")"
line_of() { grep -nE "$1" "$work/trace" | head -1 | cut -d: -f1; }
data=$(line_of 'fdatasync\(') name=$(line_of 'linkat\(.*topics>.*intent-')
commit=$(line_of 'fsync\([0-9]+<.*/topics>') link=$(line_of 'linkat\(.*intent-.*msgs/[0-9a-f][0-9a-f]>')
told=$(line_of 'write\(1<')
((data < name && name < commit && commit < link && link < told)) ||
  fail "wrong order: sync $data, intent $name, commit $commit, first link $link, told $told"
exit 0
