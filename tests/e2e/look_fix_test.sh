#!/bin/bash
# list peek cat info search stats consumers why trace; requeue move copy delete hold unhold revoke
# purge; fsck. Selections by id, tail, -, --where, --state and ALL.
. "${0%/*}/lib.sh" "$1"
mq create q --max-failures 1 --backoff 0s --history all || fail "create"
mq create other || fail "create"
mapfile -t ids < <(for i in 1 2 3 4 5 6; do
  mq send q "body number $i" -H "site=LY$i" --priority $((i % 3)) --order-key "k$i" --as "sender$i"
done)
same 6 "${#ids[@]}" "six messages"

# ---- look: nothing is changed, no lease taken
expect 0 list q
same 7 "$(wc -l <"$work/out")" "a heading and six lines"
widths=$(awk '{print index($0, $2)}' "$work/out" | sort -u | wc -l)
same 1 "$widths" "columns are aligned"
expect 0 --json list q --limit 1
json_has "$work/out" '$.id' '$.state' '$.sequence' '$.priority' '$.sent' '$.size' '$.deliveries' \
  '$.failures' '$.redrives' '$.reason' '$.from' '$.order_key' '$.file' '$.offset' '$.length'
expect 1 list q --state dead
expect 64 list q --state asleep
expect 0 peek q -n 2
holds 'body number 2' "$out" "the next one is of the highest priority"
expect 0 --json peek q
same "${ids[1]}" "$(json "$work/out" '$.id')" "peek"
expect 1 peek other
expect 0 cat q "${ids[3]}"
same 'body number 4' "$out" "cat"
expect 0 info q "${ids[3]}"
for wanted in "${ids[3]}" ready k4 sender4 LY4; do holds "$wanted" "$out" "info"; done
expect 0 --json info q "${ids[3]}"
json_has "$work/out" '$.id' '$.state' '$.headers' '$.deliveries' '$.file'
expect 0 search q 'number 5'
holds "${ids[4]}" "$out" "search in bodies"
expect 0 --json search q LY6
same "${ids[5]}" "$(json "$work/out" '$.id')" "search in headers"
expect 1 search q 'not to be found'
expect 0 stats q
holds READY "$out" "stats has a heading"
expect 0 --json stats
same 2 "$(wc -l <"$work/out")" "an object per queue"
expect 0 --json stats q
same 6 "$(json "$work/out" '$.totals.sent')" "sent by six processes"
json_has "$work/out" '$.totals.acked' '$.totals.failures' '$.totals.dead' '$.totals.syncs' \
  '$.totals.sync_us' '$.totals.longest_sync_us'
expect 0 stats q --format prometheus
holds 'queue="q"' "$out" "prometheus"
expect 1 trace q "${ids[0]}"
expect 66 cat q 01890000-0000-7000-8000-0000000000aa
expect 66 info q 01890000-0000-7000-8000-0000000000aa
for look in cat info; do expect 64 $look q 12345; done
counted 6 ready q
counted 0 leased q

# ---- any unique tail of six characters and more
tail_of() { local all=${1//-/}; echo "${all: -$2}"; }
unique_tail() {
  local length
  for ((length = 6; length <= 32; ++length)); do
    local tail=$(tail_of "$1" $length)
    (($(printf '%s\n' "${ids[@]//-/}" | grep -c "$tail\$") == 1)) && { echo "$tail"; return; }
  done
}
expect 0 cat q "$(unique_tail "${ids[2]}")"
same 'body number 3' "$out" "by its tail"
expect 0 --json info q "$(unique_tail "${ids[2]}" | tr a-f A-F)"
same "${ids[2]}" "$(json "$work/out" '$.id')" "in capitals"
mq create twins && mq send twins a --id 01890000-0000-7000-8000-0000000000aa >/dev/null &&
  mq send twins b --id 01890000-0000-7000-8000-0010000000aa >/dev/null
expect 64 cat twins 0000aa
holds 01890000-0000-7000-8000-0010000000aa "$err" "the candidates are named"

# ---- fix
expect 0 hold q "${ids[0]}" "$(unique_tail "${ids[1]}")" --reason 'stop press'
same "${ids[0]}"$'\n'"${ids[1]}" "$out" "the ids it changed"
counted 2 held q
expect 1 why q "${ids[0]}"
holds 'stop press' "$out" "why"
expect 0 hold q - < <(echo "${ids[2]}")
expect 65 hold q - <<<nonsense
expect 0 --json unhold q --state held --dry-run
same 3 "$(wc -l <"$work/out")" "a dry run tells all"

counted 3 held q
expect 0 unhold q ALL
counted 0 held q
expect 1 unhold q ALL
expect 0 hold q --where "header.site ~ 'LY[56]' and priority < 9 and not state = dead"
same "${ids[4]}"$'\n'"${ids[5]}" "$out" "--where"
expect 64 hold q --where 'colour = red'
holds 'column 1' "$err" "the column of an unknown name"
expect 64 hold q --where 'priority >'
expect 64 hold q
expect 64 hold q ALL "${ids[0]}"
expect 0 unhold q ALL

expect 0 receive q
receipt=${err#receipt: }
leased=${receipt%.*}
expect 0 send other later --delay 10h
expect 0 send other now
expect 0 receive other
taken=${err#receipt: }
expect 1 why other
[[ $out =~ due\ in\ (359|360)[0-9][0-9]s ]] || fail "why tells when the next delayed one is due: $out"
expect 0 ack other "$taken"
expect 0 delete other --state delayed
expect 2 delete q "$leased"
holds '1 message skipped: leased' "$err" "leased ones are counted"
expect 2 hold q ALL
same 5 "$(wc -l <"$work/out")" "all but the leased one"
expect 0 unhold q ALL
expect 0 revoke q "$leased"
counted 0 leased q
expect 3 ack q "$receipt"
expect 0 --json info q "$leased"
same 0 "$(json "$work/out" '$.failures')" "revoke is no failure"
expect 0 consume q --until-empty -- true
for i in 1 2 3; do mq send q "poison $i" >/dev/null; done
expect 2 consume q --until-empty -- false
counted 3 dead q
dead=$(mq --quiet --json list q --limit 1 | sed 's/.*"id":"\([^"]*\)".*/\1/')
holds dead "$(mq trace q "$dead")" "trace"
expect 1 why q "$dead"
expect 0 requeue q --where 'reason = max_failures' --dry-run
counted 3 dead q
expect 0 requeue q --where 'reason = max_failures' --rate 100/s
counted 3 ready q
expect 64 requeue q ALL --rate fast
expect 0 copy q ALL --to other
counted 3 ready other
counted 3 ready q
expect 0 move q ALL --to other
counted 0 ready q
counted 3 ready other
expect 64 move other ALL
expect 64 move other ALL --to other
expect 66 move other ALL --to nowhere
expect 66 delete other 01890000-0000-7000-8000-0000000000aa
victim=$(mq --json list other --limit 1 | sed 's/.*"id":"\([^"]*\)".*/\1/')
expect 2 delete other "$victim" 01890000-0000-7000-8000-0000000000aa
counted 2 ready other
expect 64 purge other
expect 64 purge other all
expect 1 purge other ALL --state dead --dry-run
expect 0 purge other ALL
counted 0 ready other

# ---- archived messages come back
mq create kept --archive 1h
expect 0 send kept precious
expect 0 receive kept --ack
counted 1 archived kept
expect 0 requeue kept --state archived
expect 0 receive kept --ack
same precious "$out" "replayed"

# ---- fsck
expect 0 fsck
expect 0 send q 'a message to be damaged, surely'
expect 0 fsck q
file=$(grep -rl 'to be damaged' "$root/queues/q/msgs")
sed -i 's/to be damaged/to be DAMAGED/' "$file"
expect 2 fsck q
holds 'do not verify' "$out" "what is wrong"
expect 2 --json fsck q
json_has "$work/out" '$.queue' '$.what' '$.where' '$.why' '$.repaired'
expect 64 fsck q --repair --rebuild-index
expect 0 fsck q --repair
expect 0 fsck q
counted 1 corrupt q
expect 65 cat q "$(mq --json list q --state corrupt | sed 's/.*"id":"\([^"]*\)".*/\1/')"
expect 0 send other survivor
expect 0 fsck other --rebuild-index
expect 0 receive other --ack
same survivor "$out" "after a rebuild"
exit 0
