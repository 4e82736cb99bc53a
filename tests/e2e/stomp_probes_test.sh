#!/bin/bash
# The same bytes to spoolmq and to RabbitMQ: each answers as the table stomp_probes.txt says, and where
# they differ, the table says why.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
. "${0%/*}/stomp.sh"
. "${0%/*}/brokers.sh"
need /usr/bin/python3
need_rabbitmq
here=${0%/*}
probe() { timeout 200 /usr/bin/python3 "$here/stomp_probes.py" "$1" "$STOMP_PORT" "${stomp_port[rabbit]}" "${@:2}"; }

start_rabbitmq rabbit
mq create anything >/dev/null || fail create
stomp_server --create
probe "$here/stomp_probes.txt" ${SPOOLMQ_PROBES_SAY:+--say} >"$work/probes" 2>&1 ||
  fail "$(head -n 40 "$work/probes")"
[[ -z ${SPOOLMQ_PROBES_SAY:-} ]] || cat "$work/probes"
# The test can fail: an answer changed, and an explanation lost.
sed '0,/^both CONNECTED(1.0) open/s//both CONNECTED(1.1) open/' "$here/stomp_probes.txt" >"$work/changed"
probe "$work/changed" --only 'CONNECT without a version' >"$work/probes" && fail "a wrong answer goes unnoticed"
holds 'the table has: CONNECTED(1.1) open' "$(cat "$work/probes")" "which"
sed '/^why/d' "$here/stomp_probes.txt" >"$work/changed"
probe "$work/changed" --only 'a backslash in 1.0' >"$work/probes" && fail "nobody needs to explain"
holds 'a difference that nobody explains' "$(cat "$work/probes")" "which"
