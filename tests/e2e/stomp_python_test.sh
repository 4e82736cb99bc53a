#!/bin/bash
# STOMP 1.0, 1.1 and 1.2 with stomp.py, as Debian has it.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
. "${0%/*}/stomp.sh"
need /usr/bin/python3 perl
/usr/bin/python3 -c 'import stomp' 2>/dev/null || { echo "no python3-stomp"; exit 77; }
# shellcheck disable=SC2034  # stomp.sh runs it
client_command=(/usr/bin/python3 "$clients_place/python_client.py")

stomp_server
for version in 1.0 1.1 1.2; do common_scenarios "$version"; done
# Both ways: an ACK that was confirmed outlives a kill, and its message does not come again.
STOMP_VERSION=1.2
confirmed_outlives_kills
fresh
scenario fill "$(where)" 500
: >"$work/acked" && rm -f "$work/enough"
start draining timeout 100 "${client_command[@]}" drain "$(where)" "$work/acked" "$work/enough"
has_acked() { (($(lines_of "$work/acked") > $1)); }
for after in 50 150 250; do
  until_true has_acked "$after"
  kill_now stomp
  stomp_server
done
until_true count_is 0 ready "$queue"
until_true count_is 0 leased "$queue"
touch "$work/enough"
wait "${running[draining]}" || fail "drain: $(words_of draining)"
unset 'running[draining]'
[[ -z $(sort "$work/acked" | uniq -d) ]] || fail "came again after its ACK was confirmed"
