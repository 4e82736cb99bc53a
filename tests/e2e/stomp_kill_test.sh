#!/bin/bash
# kill -9 of the service under load, again and again: what a STOMP client has a receipt for is
# delivered. STOMP_KILL_ROUNDS=100 for more.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
command -v python3 >/dev/null || { echo "no python3"; exit 77; }
mq create k || fail "create"
adapter 'type = "stomp"' "unix = \"$work/stomp\""
expect 0 serve --check
timeout 280 python3 -B "${0%/*}/stomp_kill.py" "$spoolmq" "$root" "$work/stomp" \
  "${STOMP_KILL_ROUNDS:-15}" || fail "not everything arrived"
expect 0 fsck k
