#!/bin/bash
# kill -9 of the service under load, again and again, with programs that go on: whatever was
# confirmed arrives, and no request has two replies.
#   exec_kill_test.sh SPOOLMQ          20 rounds, or $SPOOLMQ_EXEC_KILLS
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
rounds=${SPOOLMQ_EXEC_KILLS:-20}
each=1000
senders=()

mq create asked --max-failures 1000 --backoff 10ms --backoff-max 50ms || fail "create"
mq create told --max-failures 1000 --backoff 10ms --backoff-max 50ms || fail "create"
mq create replies || fail "create"
cat >"$work/told.sh" <<TOLD
#!/bin/bash
exec perl -ne 'BEGIN { \$| = 1; open \$seen, ">>", "$work/seen" or die; \$seen->autoflush(1) } print \$seen \$_; print "ok\n"'
TOLD
chmod +x "$work/told.sh"
adapter 'name = "asked"' 'type = "exec"' 'queue = "asked"' 'mode = "long-lived"' 'reply-queue = "replies"' \
  'concurrency = 2' 'command = ["awk", "{ print $1 * 2; fflush() }"]'
adapter 'name = "told"' 'type = "exec"' 'queue = "told"' 'mode = "long-lived"' 'answers = true' \
  "command = [\"$work/told.sh\"]"
: >"$work/seen"
drained() { count_is 0 ready "$1" && count_is 0 leased "$1" && count_is 0 delayed "$1"; }
grew() { (($(wc -c <"$work/seen") > seen)); }

for ((round = 0; round < rounds; ++round)); do
  start serve "$spoolmq" --root "$root" serve
  seen=$(wc -c <"$work/seen")
  first=$((round * each + 1))
  for queue in asked told; do
    # A hundred at a time, so that more are being sent when the service dies.
    { for ((i = first; i < first + each; i += 100)); do seq "$i" $((i + 99)); read -rt 0.02 <> <(:); done; true; } |
      mq send "$queue" --lines >>"$work/sent.$queue" &
    senders+=($!)
  done
  until_true grew
  read -rt "0.$(printf %03d $((RANDOM % 150)))" <> <(:)
  kill_now serve
  for sender in "${senders[@]}"; do wait "$sender" || fail "send"; done
  senders=()
done
total=$((rounds * each))
same $total "$(wc -l <"$work/sent.asked")" "confirmed"
start serve "$spoolmq" --root "$root" serve
deadline=$((SECONDS + 60 + rounds * 3))  # what was sent is more than is handled between two kills
until drained asked && drained told; do
  ((SECONDS < deadline)) || fail "still there: $(mq --json stats asked) $(mq --json stats told)"
  read -rt 0.1 <> <(:)
done
stop serve || fail "serve: $(words_of serve)"
counted 0 dead asked
counted 0 dead told
sort -nu "$work/seen" | cmp - <(seq $total) || fail "what the program was told"
while mq --json receive replies -n 10000 --ack >>"$work/replies"; do :; done
same $total "$(wc -l <"$work/replies")" "a reply for each"
jq -r .correlation_id <"$work/replies" | sort | cmp - <(sort "$work/sent.asked") || fail "one for each request"
jq -r .body <"$work/replies" | sort -n | cmp - <(seq 2 2 $((2 * total))) || fail "the replies"
echo "$rounds kills, $total requests, $(($(wc -l <"$work/seen") - total)) told again"
exit 0
