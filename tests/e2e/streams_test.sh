#!/bin/bash
# Bodies of any bytes and size, endless input, and an output that refuses them.
. "${0%/*}/lib.sh" "$1"
mq create q || fail "create"
mq create xml --format xml || fail "create"

# ---- 20 MB and awkward bytes, in and out every way
head -c 20000000 /dev/urandom >"$work/large"
for i in {0..255}; do printf "\\x$(printf %02x "$i")"; done >"$work/bytes"
for queue in q xml; do
  for body in large bytes; do
    expect 0 send $queue -f "$work/$body"
    expect 0 send $queue < <(cat "$work/$body")
    expect 0 send $queue <"$work/$body"
    id=$out
    mq cat $queue "$id" | cmp - "$work/$body" || fail "cat"
    mq receive $queue --ack | cmp - "$work/$body" || fail "receive"
    # shellcheck disable=SC2016  # for the command's shell
    expect 0 consume $queue --until-empty -- sh -c 'cmp "$2" "$1"' sh "$work/$body" {}
    expect 1 receive $queue
  done
done
expect 0 send q -f "$work/large"
expect 0 consume q --until-empty -- cmp - "$work/large"
# A command that does not read its input has not failed for that.
expect 0 send q -f "$work/large"
expect 0 consume q --until-empty -- true
[[ -z $(find "$root/queues/q/msgs" -name '*.body') ]] || fail "large bodies were left behind"
expect 0 send q -f "$work/large"
expect 0 --json receive q
same 20000000 "$(json "$work/out" '$.size')" "--json of a large body"
expect 0 release q "$(json "$work/out" '$.receipt')"
mkdir "$work/dir"
expect 0 receive q --output "$work/dir" --ack
cmp "$out" "$work/large" || fail "--output"

# ---- many lines, and lines that arrive slowly
seq 200000 >"$work/lines"
expect 0 send q --lines -f "$work/lines"
same 200000 "$(wc -l <"$work/out")" "an id per line"
counted 200000 ready q
expect 0 --json receive q -n 10000 --ack
same '"body":"10000"}' "$(tail -1 "$work/out" | grep -o '"body":.*')" "in order"
expect 0 purge q ALL
{ echo first; until_true count_is 1 ready q; echo second; } | mq send q --lines >"$work/ids"
same 2 "$(wc -l <"$work/ids")" "what is there is sent before more comes"
# One line longer than what is kept in memory.
{ head -c 12000000 /dev/zero | tr '\0' x; echo; echo short; } >"$work/long"
expect 0 send q --lines -f "$work/long"
same 2 "$(wc -l <"$work/out")" "a long line is one message"
expect 0 purge q ALL

# ---- an output that is full: told, and the message is free again
mq send q precious >/dev/null
for how in '' '--json' '--ack'; do
  # shellcheck disable=SC2086
  mq receive q $how >/dev/full 2>"$work/err"
  same 74 $? "receive $how >/dev/full"
  err=$(cat "$work/err")
  one_error_line "receive $how"
  counted 1 ready q
done
mq list q >/dev/full 2>"$work/err"
same 74 $? "list >/dev/full"
mq send q sent >/dev/full 2>"$work/err"
same 74 $? "send >/dev/full"
expect 0 purge q ALL

# ---- a reader that went away
mq send q -f "$work/large" >/dev/null
mq receive q 2>"$work/err" | head -c 1 >/dev/null
same 74 "${PIPESTATUS[0]}" "receive into a closed pipe"
counted 1 ready q
mq send q --lines -f "$work/lines" >/dev/null
mq list q --limit 1000 2>/dev/null | head -1 >/dev/null
same 74 "${PIPESTATUS[0]}" "list into a closed pipe"
mq receive q --ack >&- 2>"$work/err"
same 74 $? "receive with stdout closed"
mq send q <&- >/dev/null 2>&1
same 74 $? "send with stdin closed"
exit 0
