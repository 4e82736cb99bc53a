#!/bin/bash
# tail, and the adapters that watch a queue: what they show, whom they feed, and that nothing in the
# queue is leased or changed by any of it. The programs are cat, head, dd and socat.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"

holds_all() { [[ $(cat "$2") == "$1" ]]; }  # WANT FILE
lines_are() { [[ $(wc -l <"$2") == "$1" ]]; }
clients_are() { (($(grep -c " $work/socket\$" /proc/net/unix) == $1 + 1)); }
has_open() { mq consumers "$2" | grep -q "^ *${running[$1]} "; }  # NAME QUEUE
# How many messages are in which state, and all that ever happened to them.
state_of() {
  mq --json stats "$1" >"$work/stats" || fail "stats"
  sqlite3 :memory: "select json_remove(readfile('$work/stats'), '\$.totals.syncs', '\$.totals.sync_us',
    '\$.totals.longest_sync_us', '\$.index_bytes', '\$.log_bytes', '\$.segments')"
}
unchanged() { same "$before" "$(state_of "$1")" "$2 changes nothing"; }

# ---- what the queue holds
mq create q || fail "create"
expect 66 tail nowhere
expect 1 tail q
seq 30 | mq send q --lines >"$work/ids" || fail "send"
mapfile -t ids <"$work/ids"
before=$(state_of q)
expect 0 tail q
same "$(seq 21 30)" "$out" "the last ten, in order"
expect 0 tail q -n 3
same "$(seq 28 30)" "$out" "the last three"
expect 0 tail q -n 1000
same "$(seq 30)" "$out" "all there are"
expect 0 tail q --from oldest
same "$(seq 30)" "$out" "from the oldest"
expect 0 tail q --after "${ids[27]}"
same "$(seq 29 30)" "$out" "behind a message"
all=${ids[27]//-/}
expect 0 tail q --after "${all: -20}"
same "$(seq 29 30)" "$out" "behind the end of its id"
expect 1 tail q --after "${ids[29]}"
expect 66 tail q --after 012345
expect 64 tail q --after 12345
mq tail q -n 2 --null | cmp - <(printf '29\00030\000') || fail "--null"
expect 0 --json tail q -n 1
json_has "$work/out" '$.id' '$.headers' '$.from' '$.size' '$.sent' '$.priority' '$.body' '$.source'
same "${ids[29]}" "$(json "$work/out" '$.id')" "id"
same '' "$(json "$work/out" '$.delayed')$(json "$work/out" '$.expired')" "only where it is so"
for wrong in '-n 0' '-n -1' '-n x' '--from now' '--from then' '--timeout 1s' '-n 1 --from oldest' \
  '-n 1 --after 012345' '--json --null' 'q2'; do
  # shellcheck disable=SC2086
  expect 64 tail q $wrong
done
unchanged q "a tail"

# ---- bodies of all kinds
mq create kinds || fail "create"
printf 'ends itself\n' | mq send kinds >/dev/null
mq send kinds '' >/dev/null
mq send kinds later --delay 1h >/dev/null
printf '\xff\xfe' | mq send kinds >/dev/null
expect 0 tail kinds
cmp "$work/out" <(printf 'ends itself\n\nlater\n\xff\xfe\n') || fail "an end of line where there is none"
expect 0 --json tail kinds -n 2
sed -n 1p "$work/out" >"$work/one"
same 1 "$(json "$work/one" '$.delayed')" "a delayed one says so"
sed -n 2p "$work/out" >"$work/one"
same '//4=' "$(json "$work/one" '$.body_base64')" "bytes that are no text"
head -c 20000000 /dev/urandom >"$work/large"
mq send kinds -f "$work/large" >/dev/null
mq tail kinds -n 1 --null | head -c -1 | cmp - "$work/large" || fail "a large body"
expect 0 --json tail kinds -n 1
json "$work/out" '$.body_base64' | base64 -d | cmp - "$work/large" || fail "a large body in JSON"

# ---- following
mq create f || fail "create"
mq send f old >/dev/null
bridge all tail f -f
bridge new tail f -n 0 -f
until_true holds_all old "$work/all.log"
mq send f one >/dev/null
until_true holds_all $'old\none' "$work/all.log"
until_true holds_all one "$work/new.log"
# One that takes everything at once hides nothing.
start eager "$spoolmq" --root "$root" consume f -- true
seq 500 | mq send f --lines >/dev/null
until_true holds_all $'old\none\n'"$(seq 500)" "$work/all.log"
until_true count_is 0 ready f
stop eager || fail "consume"
kill_now all
before=$(state_of f)
holds '"leased":0' "$before" "nothing is leased after kill -9"
stop new
same 0 $? "TERM"
holds_all $'one\n'"$(seq 500)" "$work/new.log" || fail "nothing is missed: $(tail -3 "$work/new.log")"
bridge interrupted tail f -f
until_true has_open interrupted f
kill -INT "${running[interrupted]}"
wait "${running[interrupted]}"
same 0 $? "INT"
unset "running[interrupted]"
expect 1 tail f -f -n 0 --timeout 100ms
expect 0 tail q -f -n 1 --timeout 100ms
same 30 "$out" "--timeout"
unchanged f "following"

# ---- a reader that has had enough, or does not read
same "$(seq 21 22)" "$(mq tail q -f 2>"$work/err" | head -2)" "head"
mq tail q -f 2>"$work/err" | true
same '0 0' "${PIPESTATUS[*]}" "a closed stdout: $(cat "$work/err")"
same '' "$(cat "$work/err")" "quietly"
mq tail q --from oldest 2>/dev/null | true
same 0 "${PIPESTATUS[0]}" "without --follow"
mq tail q >/dev/full 2>"$work/err"
same 74 $? "a full disk behind stdout"
err=$(cat "$work/err")
one_error_line "tail >/dev/full"
mkfifo "$work/nobody-reads"
# shellcheck disable=SC2016  # for that shell
start blocked bash -c 'exec "$1" --root "$2" tail kinds -f -n 1 1<>"$3"' bash "$spoolmq" "$root" \
  "$work/nobody-reads"
until_true has_open blocked kinds
stop blocked
same 0 $? "TERM while it cannot write"
mq create gone || fail "create"
bridge orphan tail gone -f
until_true has_open orphan gone
mq remove gone || fail "a tail keeps no queue from being removed"
until_true grep -q 'the queue was removed' "$work/orphan.log"
wait "${running[orphan]}"
same 66 $? "a queue that is removed"
unset "running[orphan]"

# ---- what was gone before a tail that fell behind could read it is told
mq create behind || fail "create"
# shellcheck disable=SC2016
start late bash -c 'exec "$1" --root "$2" tail behind -f >"$3"' bash "$spoolmq" "$root" "$work/late.out"
mq send behind first >/dev/null
until_true holds_all first "$work/late.out"
kill -STOP "${running[late]}"
head -c 5000000 /dev/zero | tr '\0' x | fold -w 49999 | mq send behind --lines >/dev/null
expect 0 consume behind --until-empty -- true
mq send behind last >/dev/null
kill -CONT "${running[late]}"
until_true grep -q last "$work/late.out"
until_true grep -Eq '^spoolmq: tail: behind: .* gone before (it|they) could be read$' "$work/late.log"
stop late
same 0 $? "TERM"

# ---- the service: a program, a FIFO, a socket
mq create s || fail "create"
adapter 'type = "tail"' 'queue = "s"' 'fifo = "x"' 'socket = "/y"' 'framing = "xml"'
adapter 'name = "none"' 'type = "tail"' 'queue = "s"' 'directory = "/z"'
mq serve --check >"$work/out" 2>"$work/err"
same 78 $? "a configuration that cannot be used"
for wanted in ':4: fifo = "x": it must be the absolute path' \
  ':6: framing = "xml": not one of line null json' ":12: there is no key 'directory'" \
  ':8: command, fifo or socket: a tail needs one of them'; do
  grep -qF -- "$root/spoolmq.toml$wanted" "$work/err" || fail "no '$wanted' in: $(cat "$work/err")"
done
rm "$root/spoolmq.toml"

cat >"$work/child.sh" <<'CHILD'
#!/bin/bash
echo $$ >"$1.pid"
ls -l /proc/self/fd >"$1.fds"
exec cat >>"$1.out"
CHILD
chmod +x "$work/child.sh"
adapter 'name = "program"' 'type = "tail"' 'queue = "s"' "command = [\"$work/child.sh\", \"$work/child\"]"
adapter 'name = "fifo"' 'type = "tail"' 'queue = "s"' "fifo = \"$work/fifo\""
adapter 'name = "socket"' 'type = "tail"' 'queue = "s"' "socket = \"$work/socket\"" 'framing = "json"'
bridge serve serve
until_true service_answers
until_true has_listener "$work/socket"
until_true test -s "$work/child.pid"
until_true test -p "$work/fifo"
same '600 600' "$(stat -c %a "$work/fifo" "$work/socket" | tr '\n' ' ' | sed 's/ $//')" "ours alone"
same 4 "$(grep -c -e '->' "$work/child.fds")" "0, 1, 2 and the directory itself are open: $(cat "$work/child.fds")"
start reader cat "$work/fifo"
start one socat -u "UNIX-CONNECT:$work/socket" STDOUT
start two socat -u "UNIX-CONNECT:$work/socket" STDOUT
until_true clients_are 2
seq 100 | mq send s --lines >/dev/null
until_true holds_all "$(seq 100)" "$work/child.out"
until_true holds_all "$(seq 100)" "$work/reader.log"
until_true lines_are 100 "$work/one.log"
until_true lines_are 100 "$work/two.log"
sed -n 100p "$work/one.log" >"$work/line"
same 100 "$(json "$work/line" '$.body')" "a line of JSON each"
expect 0 --json adapters program
same 100 "$(json "$work/out" '$.moved')" "counted"
counted 100 ready s
counted 0 leased s

# ---- kill -9: the program, a client, the reader
kill -9 "$(cat "$work/child.pid")"
kill_now one
kill_now reader
until_true grep -q 'signal 9 ended it' "$work/serve.log"
seq 101 200 | mq send s --lines >/dev/null
until_true holds_all "$(seq 200)" "$work/child.out"
until_true lines_are 200 "$work/two.log"
start reader cat "$work/fifo"
until_true holds_all "$(seq 200)" "$work/reader.log"
# A FIFO that nobody reads: it waits, and nothing is missing.
kill_now reader
seq 201 30200 | mq send s --lines >/dev/null
until_true lines_are 30200 "$work/child.out"
until_true lines_are 30200 "$work/two.log"
expect 0 --json adapters fifo
(($(json "$work/out" '$.moved') < 30200)) || fail "a FIFO does not hold so much"
start reader cat "$work/fifo"
until_true lines_are 30200 "$work/reader.log"
cmp <(seq 30200) "$work/reader.log" || fail "what the FIFO was given"
cmp <(seq 30200) "$work/child.out" || fail "what the program was given"
# A FIFO that was removed is made again.
kill_now reader
rm "$work/fifo"
until_true test -p "$work/fifo"
start reader cat "$work/fifo"
mq send s again >/dev/null
until_true grep -q again "$work/reader.log"

# ---- a client that does not read
before=$(state_of s)
start stuck socat -u "UNIX-CONNECT:$work/socket" STDOUT
until_true clients_are 2
kill -STOP -- "-${running[stuck]}"
head -c 9000000 /dev/zero | tr '\0' x | fold -w 99999 | mq send s --lines >/dev/null
until_true lines_are 30292 "$work/two.log"
until_true grep -q 'client disconnected, it does not read' "$work/serve.log"
kill_now stuck
expect 0 --json adapters socket
same running "$(json "$work/out" '$.state')" "the others go on"

# ---- kill -9 of the service, and on again
kill_now serve
until_true ended "$(cat "$work/child.pid")"
bridge serve serve
until_true service_answers
until_true grep -q . "$work/child.pid"
start one socat -u "UNIX-CONNECT:$work/socket,retry=100,interval=0.1" STDOUT
until_true clients_are 1
mq send s afterwards >/dev/null
until_true grep -q afterwards "$work/one.log"
until_true grep -q afterwards "$work/child.out"
counted 0 leased s
counted 30293 ready s
expect 0 adapters pause socket
until_true test ! -e "$work/socket"
stop serve || fail "serve: $(words_of serve)"
exit 0
