#!/bin/bash
# syslog-ng's STOMP destination, as Debian has it: log lines straight into a queue, through kills of
# the server.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
. "${0%/*}/stomp.sh"
need syslog-ng socat
[[ -n $(find /usr/lib/syslog-ng -name 'libafstomp.so' 2>/dev/null) ]] || { echo "no syslog-ng-mod-stomp"; exit 77; }

stomp_server
fresh
cat >"$work/syslog-ng.conf" <<C
@version: 3.38
options { stats-freq(0); time-reopen(1); keep-timestamp(yes); };
source lines { unix-stream("$work/log.socket" flags(no-parse)); };
destination queue {
  stomp(host("$STOMP_HOST") port($STOMP_PORT) username("$STOMP_LOGIN") password("$STOMP_PASSCODE")
    destination("$(where)") body("\$MSG") persistent(yes) ack(yes)
    value-pairs(pair("host" "\$HOST") pair("priority-name" "\$PRIORITY")));
};
log { source(lines); destination(queue); };
C
start syslog-ng syslog-ng -F -f "$work/syslog-ng.conf" --no-caps --stderr \
  --persist-file="$work/syslog-ng.persist" --control="$work/syslog-ng.ctl" --pidfile="$work/syslog-ng.pid"
is_there() { [[ -S $work/log.socket ]]; }
until_true is_there
say() { socat -u - "UNIX-CONNECT:$work/log.socket"; }

echo 'grüße ✓' | say
left 1
same 'grüße ✓' "$(mq receive "$queue" --ack --json >"$work/got"; json "$work/got" '$.body')" "a line"
holds '["priority-name","notice"]' "$(cat "$work/got")" "its headers"

bodies_there() { mq tail "$queue" --from oldest; }
has_of() { (($(bodies_there | grep -c "^r$1-") > 20)); }

# Every line reaches the queue: syslog-ng repeats what it has no RECEIPT for.
for ((round = 0; round < kills; ++round)); do
  seq -f "r$round-%g" 1 200 | say
  until_true has_of "$round"
  kill_now stomp
  seq -f "r$round-%g" 201 400 | say
  stomp_server
done
all_there() { (($(bodies_there | sort -u | wc -l) == kills * 400)); }
until_true all_there
stop syslog-ng
