#!/bin/bash
# serve and adapters: files in and out through the service, reload, operators, metrics, kill -9.
. "${0%/*}/lib.sh" "$1"
pid=''
trap '[[ -z $pid ]] || kill -9 "$pid" 2>/dev/null; rm -rf "$work"' EXIT
mkdir "$work/in" "$work/exported" "$work/in2"
in=$work/in out_dir=$work/exported toml=$root/spoolmq.toml log=$work/log metrics=$work/metrics

# It answers as soon as it runs: with what it has, or 66 for a name that it has not.
answers() { mq adapters nobody >/dev/null 2>&1; (($? == 66)); }
start() {  # the service in the background
  "$spoolmq" --root "$root" serve "$@" 2>>"$log" &
  pid=$!
  until_true answers
}
stop() {  # SIGTERM: it ends with 0
  kill -TERM "$pid"
  wait "$pid"
  same 0 "$?" "exit code after SIGTERM: $(tail -5 "$log")"
  pid=''
}
state() { mq --json adapters "$1" >"$work/state" && json "$work/state" '$.state'; }
state_is() { [[ $(state "$1") == "$2" ]]; }
logged() { grep -q -- "$1" "$log"; }
drop() { printf '%s\n' "$2" >"$in/.$1" && mv "$in/.$1" "$in/$1"; }

mq create q || fail "create"
mq create q2 || fail "create"

# ---- without a service, and the look at the configuration
expect 69 adapters
holds 'no service runs on this root' "$err" "adapters without a service"
expect 0 serve --check
cat >"$toml" <<END
metrics = "unix:$metrics"
drain = "5s"
[[adapter]]
name = "in"
type = "import"
queue = "q"
directory = "$in"
ready = ["rename"]
[[adapter]]
name = "out"
type = "export"
queue = "q"
directory = "$out_dir"
END
expect 0 serve --check
same 3 "$(wc -l <"$work/out")" "a line per adapter, and a header"
cp "$toml" "$work/good.toml"
sed -i 's/type = "export"/type = "exprot"/; s/drain = "5s"/drain = "soon"/' "$toml"
mq serve --check >"$work/out" 2>"$work/err"
same 78 "$?" "a configuration that cannot be used"
same 2 "$(wc -l <"$work/err")" "every mistake at once"
while read -r line; do
  [[ $line =~ ^spoolmq:\ [^:]+:\ $toml:[0-9]+:\ .+ ]] || fail "no file and line in: $line"
done <"$work/err"
mq serve >"$work/out" 2>"$work/err"
same 78 "$?" "nor does the service start with it"
expect 78 serve --config "$work/nowhere.toml"
cp "$work/good.toml" "$toml"

# ---- in and out
start
drop a.txt one
until_true test -e "$out_dir/a.txt"
same one "$(cat "$out_dir/a.txt")" "through the queue"
until_true test ! -e "$in/a.txt"
expect 0 adapters
holds 'NAME' "$out" "a header"
expect 0 --json adapters in
json_has "$work/out" '$.name' '$.type' '$.queue' '$.directory' '$.state' '$.until' '$.why' '$.since' \
  '$.moved' '$.bytes' '$.refused' '$.waiting' '$.last_success' '$.last_error' '$.last_error_at'
same running "$(json "$work/out" '$.state')" "state"
same 1 "$(json "$work/out" '$.moved')" "moved"
expect 66 adapters nobody
expect 64 adapters pause
expect 64 adapters dance in
expect 75 serve
holds "pid $pid since 20" "$err" "a second service"
same 600 "$(stat -c %a "$root/run/control")" "the control socket is ours alone"

# ---- an operator
expect 0 adapters pause in
same paused "$(state in)" "paused"
drop b.txt two
expect 0 --json adapters in
holds 'by an operator' "$out" "why"
kill -HUP "$pid"
until_true logged 'configuration reloaded'
same paused "$(state in)" "still, after a reload"
[[ -e $in/b.txt ]] || fail "a paused import took a file"
expect 0 adapters resume in
until_true test -e "$out_dir/b.txt"
expect 0 adapters restart out
drop c.txt three
until_true test -e "$out_dir/c.txt"

# ---- reload: a bad file changes nothing, a good one what it says
echo 'nonsense = [' >>"$toml"
kill -HUP "$pid"
until_true logged 'configuration not reloaded'
expect 0 adapters
holds "$toml:" "$err" "adapters says what is wrong with the file"
expect 0 --json adapters in
holds "$toml:" "$(json "$work/out" '$.config_error')" "config_error"
drop d.txt four
until_true test -e "$out_dir/d.txt"
{
  cat "$work/good.toml"
  printf '[[adapter]]\nname = "in2"\ntype = "import"\nqueue = "q2"\ndirectory = "%s"\nready = ["rename"]\n' "$work/in2"
} | sed 's/name = "out"/name = "renamed"/' >"$toml"
moved=$(mq --json adapters in 2>/dev/null >"$work/state" && json "$work/state" '$.moved')
kill -HUP "$pid"
until_true state_is in2 running
until_true state_is renamed running
expect 66 adapters out
same "$moved" "$(mq --json adapters in >"$work/state" && json "$work/state" '$.moved')" "an unchanged one goes on"
expect 0 --json adapters in
same '' "$(json "$work/out" '$.config_error')" "no config_error any more"
echo five >"$work/in2/.e" && mv "$work/in2/.e" "$work/in2/e"
until_true count_is 1 ready q2

# ---- what fails does not hold up the others, and comes back
rm -r "$work/in2"
until_true state_is in2 paused
drop f.txt six
until_true test -e "$out_dir/f.txt"
same running "$(state in)" "the other one"
mkdir "$work/in2"
expect 0 adapters resume in2
until_true state_is in2 running

# ---- sweeping: a lease that ran out, and queues that come and go
mq create swept
mq send swept body >/dev/null
mq receive swept --lease 1s >/dev/null 2>&1
returned() { [[ $(mq --json list swept) == *'"failures":1'* ]]; }
until_true returned
mq purge swept ALL >/dev/null
expect 0 remove swept

# ---- metrics: a socket, a port, a file
curl -fsS --unix-socket "$metrics" http://spoolmq/metrics >"$work/text" || fail "metrics at a socket"
for name in spoolmq_messages spoolmq_oldest_ready_age_seconds spoolmq_adapter_state spoolmq_adapter_moved_total; do
  grep -q "^$name{" "$work/text" || fail "no $name in the metrics"
done
grep -q '^spoolmq_messages{queue="q2",state="ready"} 1$' "$work/text" || fail "the count of q2"
grep -q '^spoolmq_adapter_state{adapter="in",type="import",queue="q",state="running"} 1$' "$work/text" ||
  fail "the state of an adapter"
scraped() { curl -fsS "http://127.0.0.1:$1/metrics"; }
port=$((20000 + RANDOM % 10000))
while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
sed -i "s|^metrics = .*|metrics = \"127.0.0.1:$port\"|" "$toml"
kill -HUP "$pid"
until_true scraped "$port"
[[ ! -e $metrics ]] || fail "the socket's name was left behind"
sed -i "s|^metrics = .*|metrics = \"file:$work/spoolmq.prom\"|" "$toml"
kill -HUP "$pid"
until_true test -s "$work/spoolmq.prom"
grep -q '^spoolmq_messages{' "$work/spoolmq.prom" || fail "metrics in a file"

# ---- kill -9, and on again
kill -9 "$pid"
wait "$pid" 2>/dev/null
expect 69 adapters
drop g.txt seven
start
until_true test -e "$out_dir/g.txt"
same 6 "$(find "$out_dir" -type f | wc -l)" "each file once"
stop
[[ ! -e $root/run/control ]] || fail "the control socket was left behind"
expect 69 adapters
same 0 "$(find "$in" -type f | wc -l)" "nothing left in the directory"

# ---- the journal: priorities, and no name before the lines
: >"$work/journal"
JOURNAL_STREAM=$(stat -c %d:%i "$work/journal") "$spoolmq" --root "$root" serve 2>>"$work/journal" &
pid=$!
until_true answers
stop
grep -q '^<6>serving root=' "$work/journal" || fail "no priority in: $(cat "$work/journal")"
exit 0
