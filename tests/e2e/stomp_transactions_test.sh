#!/bin/bash
# kill -9 of the service between and inside transactions of STOMP clients: each is whole in all queues
# or in none, and the receipted ones have happened. STOMP_KILL_ROUNDS=100 for more.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
command -v python3 >/dev/null || { echo "no python3"; exit 77; }
mq create notes && mq create copies && mq create orders --max-failures 1000 --backoff 10ms || fail "create"
adapter 'type = "stomp"' "unix = \"$work/stomp\""
expect 0 serve --check
timeout 280 python3 -B "${0%/*}/stomp_transactions.py" "$spoolmq" "$root" "$work/stomp" \
  "${STOMP_KILL_ROUNDS:-15}" || fail "not all or nothing"
expect 0 fsck
