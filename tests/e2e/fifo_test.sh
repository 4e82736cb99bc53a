#!/bin/bash
# Bridges to FIFOs with cat, dd, awk, sed, printf, socat and python3 at the other end: who comes and
# goes, who dies in the middle, who is slow, who declares too much; and kill -9 under load.
#   SPOOLMQ_KILL_ROUNDS=N    how often the service is killed (default 20)
#   SPOOLMQ_DOWN_SECONDS=N   how long nobody reads (default 2)
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
. "${0%/*}/bridges.sh"
[[ -n ${E2E_TIMES:-} ]] && trap 'printf "%s %s\n" "$LINENO" "$SECONDS" >>"$E2E_TIMES"' DEBUG
clients=${0%/*}/fifo_clients.py
fifo=$work/fifo answers=$work/answers
mq create q || fail "create"
mq create r || fail "create"
holds_lines() { [[ $(wc -l <"$2") == "$1" ]]; }
is_fifo() { [[ -p $1 ]]; }
took() { same "$1" "$(take_all q)" "$2"; }

# ---- what can be told, and what is refused
expect 64 fifo-in q
expect 64 fifo-in q --path "$work/"
expect 64 fifo-in q --path "$fifo" --framing words
expect 64 fifo-in q --path "$fifo" --max-bytes 0
expect 64 fifo-in q --path "$fifo" --mode 1777
expect 64 fifo-in q --path "$fifo" --owner nobody-of-that-name
expect 64 fifo-in q --path "$fifo" --answers "$fifo"
expect 64 fifo-out q --path "$fifo" --answer-timeout 1s
expect 64 fifo-out q --path "$fifo" --window 0
expect 66 fifo-in nowhere --path "$fifo" --once
[[ ! -e $fifo ]] || fail "it was made for nothing"
echo text >"$work/file"
expect 78 fifo-in q --path "$work/file" --once
expect 78 fifo-out q --path "$work" --once
mkfifo -m 600 "$work/real" && ln -s real "$work/link" && ln "$work/real" "$work/second"
expect 78 fifo-in q --path "$work/link" --once
expect 78 fifo-in q --path "$work/second" --once
rm "$work/second"
chmod 622 "$work/real"
expect 77 fifo-in q --path "$work/real" --once
printf 'allowed\n' >"$work/real" &
expect 0 fifo-in q --path "$work/real" --mode 0622 --once
took allowed "others may write where they are meant to"
if ((EUID == 0)); then
  chmod 600 "$work/real" && chown nobody "$work/real"
  expect 77 fifo-in q --path "$work/real" --once
  printf 'of nobody\n' >"$work/real" &
  expect 0 fifo-in q --path "$work/real" --owner nobody --once
  took 'of nobody' "the owner that was named"
fi

# ---- writers that come and go
bridge in fifo-in q --path "$fifo"
until_true is_fifo "$fifo"
same 600 "$(stat -c %a "$fifo")" "nobody else's"
for i in 1 2 3; do printf 'line %s\n' "$i" >"$fifo"; done
seq 3 | awk '{ print "awk", $1; fflush() }' >"$fifo"
printf 'a\nb\n' | sed --unbuffered 's/^/sed /' >"$fifo"
printf 'dd\n' | dd of="$fifo" bs=1 status=none
printf 'socat\n' | socat - "OPEN:$fifo,wronly"
python3 -c "open('$fifo', 'w').write('python\n')"
printf 'no end' >"$fifo"
until_true count_is 12 ready q
took "$(printf '%s\n' 'line 1' 'line 2' 'line 3' 'awk 1' 'awk 2' 'awk 3' 'sed a' 'sed b' dd socat python 'no end')" "in order"
# Killed in the middle of a line: the next writer's is its own.
{ printf 'half of'; exec sleep 600; } >"$fifo" &
writer=$!
has_written() { [[ $(cat "/proc/$writer/comm") == sleep ]]; }
until_true has_written
kill -KILL "$writer" && wait "$writer" 2>/dev/null
until_true count_is 1 ready q  # one that writes before its end is seen goes on with its line
printf 'whole\n' >"$fifo"
until_true count_is 2 ready q
took "$(printf 'half of\nwhole')" "a writer killed in the middle of a line"
is_running in || fail "it ended: $(words_of in)"
rests in

# ---- twenty writers at once: what fits PIPE_BUF stays whole
many() { awk -v n="$1" 'BEGIN { for (i = 0; i < 25; ++i) { s = n; while (length(s) < 4094) s = s "," n; print substr(s, 1, 4094) } }' \
  | dd of="$fifo" ibs=4095 obs=4095 iflag=fullblock status=none; }
writers=()
for n in $(seq -w 1 20); do many "$n" & writers+=($!); done
wait "${writers[@]}"
until_true count_is 500 ready q
take_all q | awk '{ n = substr($0, 1, 2); for (i = 1; i <= 4094; i += 3) if (substr($0, i, 2) != n) exit 1; seen[n]++ }
  END { for (n in seen) if (seen[n] != 25) exit 1 }' || fail "lines of several writers are mixed"

# ---- a thousand that are silent
(ulimit -n 4096; exec python3 "$clients" idle "$fifo" 1000) >"$work/idle.log" 2>&1 &
idle=$!
until_true grep -q open "$work/idle.log"
echo 'beside a thousand' >"$fifo"
until_true count_is 1 ready q
took 'beside a thousand' "silent writers are in nobody's way"
rests in
kill "$idle" && wait "$idle" 2>/dev/null
rests in

# ---- a FIFO that is made anew; and where no descriptor is left
rm "$fifo"
until_true is_fifo "$fifo"
echo again >"$fifo"
until_true count_is 1 ready q
took again "a new FIFO at the same path"
no_fds in
rm "$fifo"
until_true logged in 'Too many open files'
rests in
fds_again in
until_true is_fifo "$fifo"
echo recovered >"$fifo"
until_true count_is 1 ready q
took recovered "it recovers when there are descriptors again"
stop in || fail "fifo-in ended with $?"

# ---- limits
bridge limited fifo-in q --path "$fifo" --max-bytes 1000
printf '%01000d\n%01001d\nok\n' 1 2 >"$fifo"
until_true count_is 2 ready q
same 1002 "$(take_all q | tr -d '\n' | wc -c)" "at the limit, and what comes behind one above it"
until_true logged limited 'longer than 1000 bytes'
stop limited
same 2 "$?" "partly done"
bridge counted fifo-in q --path "$fifo" --framing length
printf '\0\0\0\5first' >"$fifo"
until_true count_is 1 ready q
before=$(resident_kb counted)
{ printf '\xff\xff\xff\xff'; cat /dev/zero; } >"$fifo" 2>/dev/null &
zeros=$!
until_true logged counted 'longer than'
until_true ended "$zeros"
(($(resident_kb counted) - before < 1024)) || fail "memory for what was only declared"
{ printf '\0\0\0\6second' >"$fifo"; } 2>/dev/null
until_true count_is 2 ready q
took 'first
second' "behind a declared length of 4 GiB"
kill_now counted
rm "$fifo"

# ---- a full queue holds the writers back, and nothing is dropped
mq create small --capacity 10 || fail "create"
bridge held fifo-in small --path "$fifo"
until_true is_fifo "$fifo"
seq -f %080.0f 3000 >"$fifo" &
feeder=$!
until_true count_is 10 ready small
until_true logged held 'adapter paused'
ended "$feeder" && fail "the pipe took more than it can"
for _ in $(seq 3); do mq receive small -n 10 --ack --null >>"$work/small"; until_true count_is 10 ready small; done
mq config small capacity=100000 || fail "config"
until_true count_is 2970 ready small
wait "$feeder"
{ tr '\0' '\n' <"$work/small"; take_all small; } | cmp - <(seq -f %080.0f 3000) || fail "something was dropped"
kill_now held
rm "$fifo"

# ---- out: nobody reads; then cat, awk, sed, dd
seq 100 | mq send r --lines >/dev/null
bridge out fifo-out r --path "$fifo"
until_true is_fifo "$fifo"
end=$((SECONDS + down_seconds))
while ((SECONDS < end)); do
  counted 100 ready r
  sleep 0.2
done
rests out
cat "$fifo" >"$work/cat" &
reader=$!
until_true holds_lines 100 "$work/cat"
seq 100 | cmp - "$work/cat" || fail "what cat got"
until_true count_is 0 leased r
counted 0 ready r
kill "$reader" && wait "$reader" 2>/dev/null
for reader in 'awk {print;fflush()}' 'sed --unbuffered s/^//' 'dd bs=1 status=none' "socat -u OPEN:/dev/stdin -"; do
  # shellcheck disable=SC2086
  $reader <"$fifo" >"$work/got" &
  process=$!
  seq 7 | mq send r --lines >/dev/null
  until_true holds_lines 7 "$work/got"
  seq 7 | cmp - "$work/got" || fail "what $reader got"
  kill "$process" && wait "$process" 2>/dev/null
done
# A reader that is killed with bytes in the pipe: what it had not read goes to the next one.
head -c 3 <"$fifo" >"$work/got" &
seq -w 10 99 | mq send r --lines >/dev/null
wait $!
same 10 "$(cat "$work/got")" "what it read"
cat "$fifo" >"$work/rest" &
reader=$!
until_true grep -q 99 "$work/rest"
kill "$reader" && wait "$reader" 2>/dev/null
# head's buffer may have taken more than it told of.
sort -c "$work/rest" || fail "order"
same '' "$(tail -n +2 "$work/rest" | comm -23 - <(seq -w 10 99))" "nothing torn"
stop out || fail "fifo-out ended with $?"

# ---- out, with verdicts
seq 5 | mq send r --lines >/dev/null
{ while read -r x; do if ((x == 3)); then echo "no bad"; else echo ok; fi; done; } <"$fifo" >"$answers" &
expect 2 fifo-out r --path "$fifo" --answers "$answers" --once
counted 1 dead r
mq purge r ALL >/dev/null
for word in 'down for lunch' 'stop now' nonsense; do
  mq send r x >/dev/null
  { read -r x; echo "$word"; cat; } <"$fifo" >"$answers" 2>/dev/null &
  mq fifo-out r --path "$fifo" --answers "$answers" --once >"$work/out" 2>"$work/err"
  code=$? err=$(cat "$work/err")
  [[ $word == stop* && $code == 78 || $word != stop* && $code == 69 ]] || fail "$word: $code $err"
  counted 1 ready r
  same 0 "$(mq --json list r >"$work/one"; json "$work/one" '$.failures')" "no failure counted"
  mq purge r ALL >/dev/null
  wait
done

# ---- beside a slow one
adapter 'name = "fast"' 'type = "fifo-in"' 'queue = "q"' "path = \"$work/fast\"" "answers = \"$work/fast.ok\""
adapter 'name = "slow"' 'type = "fifo-in"' 'queue = "r"' "path = \"$work/slow\""
start serve "$spoolmq" --root "$root" serve
until_true service_answers
until_true is_fifo "$work/fast.ok"
until_true is_fifo "$work/slow"
measure() { timeout 60 python3 "$clients" latency "$work/fast" "$work/fast.ok" 100 || fail "latency"; }
for try in 1 2 3 4 5; do
  alone=$(least "${alone-}" "$(measure)")
  start slow python3 -c "
import time
f = open('$work/slow', 'wb', buffering=0)
print('begun', flush=True)
while True: f.write(b'x'); time.sleep(1)"
  until_true grep -q begun "$work/slow.log"
  beside=$(least "${beside-}" "$(measure)")
  kill_now slow
  ((beside <= 2 * alone)) && break
  ((try < 5)) || fail "an answer takes $alone µs, beside a slow writer $beside"
done
stop serve || fail "serve"
mq purge q ALL >/dev/null; mq purge r ALL >/dev/null

# ---- kill -9 under load
rm "$root/spoolmq.toml"
adapter 'name = "in"' 'type = "fifo-in"' 'queue = "q"' "path = \"$work/in\"" "answers = \"$work/in.ok\""
adapter 'name = "out"' 'type = "fifo-out"' 'queue = "r"' "path = \"$work/out.fifo\"" "answers = \"$work/out.ok\""
touch "$work/confirmed" "$work/got"
serve_now() { start serve "$spoolmq" --root "$root" serve; }
serve_now
until_true is_fifo "$work/in.ok"
until_true is_fifo "$work/out.ok"
messages=$((rounds * 200))
start writer python3 "$clients" write "$work/in" "$work/in.ok" "$messages" "$work/confirmed"
read_now() { start reader python3 "$clients" read "$work/out.fifo" "$work/out.ok" "$work/got.now"; }
read_now
grows_to() { (($(wc -l <"$2") >= $1)) || count_is 0 ready r; }
sent=0
for ((round = 1; round <= rounds; ++round)); do
  for ((i = sent + 1; i <= sent + 200; ++i)); do echo "m$i $(printf '%0*d' $((i % 3000 + 1)) 0)"; done | mq send r --lines >/dev/null || fail "send"
  sent=$((sent + 200))
  for file in confirmed got.now; do
    touch "$work/$file"
    until_true grows_to $(($(wc -l <"$work/$file") + 1 + RANDOM % 60)) "$work/$file"
  done
  if ((round % 3)); then
    kill_now serve
    serve_now
  else
    kill_now reader
    read_now
  fi
done
all_confirmed() { (($(wc -l <"$work/confirmed") == messages)); }
until_true all_confirmed
until_true count_is 0 ready r
until_true count_is 0 leased r
stop serve || fail "serve"
take_all q >"$work/in.all"
# Whole messages only; each that was confirmed is there; some twice.
awk '{ n = substr($1, 2); if ($0 !~ /^m[0-9]+ x*$/ || length($2) != n % 3000) exit 1 }' "$work/in.all" || fail "a torn message came in"
same '' "$(comm -13 <(cut -d' ' -f1 "$work/in.all" | sort -u) <(sort -u "$work/confirmed"))" "confirmed, and lost"
awk '{ n = substr($1, 2); if ($0 !~ /^m[0-9]+ 0+$/ || length($2) != n % 3000 + 1) exit 1 }' "$work/got.now" || fail "a torn message went out"
same '' "$(comm -13 <(cut -d' ' -f1 "$work/got.now" | sort -u) <(seq -f m%.0f "$messages" | sort -u))" "acknowledged, and never arrived"
echo "killed $rounds times: $messages each way, $(($(wc -l <"$work/in.all") - messages)) came in twice, $(($(wc -l <"$work/got.now") - messages)) went out twice"
