#!/bin/bash
# kill -9 of the service under load, again and again: what socket-in confirmed comes out of
# socket-out. SOCKETS_KILL_ROUNDS=100 for more.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
command -v python3 >/dev/null || { echo "no python3"; exit 77; }
mq create k || fail "create"
adapter 'type = "socket-in"' 'queue = "k"' "unix = \"$work/source\"" 'framing = "netstring"' 'answers = true'
adapter 'type = "socket-out"' 'queue = "k"' "unix = \"$work/sink\"" 'framing = "netstring"' 'answers = true'
expect 0 serve --check
timeout 280 python3 -B "${0%/*}/sockets_kill.py" "$spoolmq" "$root" k "$work/source" "$work/sink" \
  "${SOCKETS_KILL_ROUNDS:-20}" || fail "not everything arrived"
mq --json stats k >"$work/stats" || fail "stats"
expect 0 fsck k
