#!/bin/bash
# STOMP 1.0, 1.1 and 1.2 with Ruby's stomp, as Debian has it: a write for each header, content-length
# in every frame, CR LF in 1.2 where asked for.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
. "${0%/*}/stomp.sh"
need ruby strace
ruby -e 'require "stomp"' 2>/dev/null || { echo "no ruby-stomp"; exit 77; }
# shellcheck disable=SC2034  # stomp.sh runs it
client_command=(ruby "$clients_place/ruby_client.rb")

stomp_server
nacks_in_10='' many=300
for version in 1.0 1.1 1.2; do common_scenarios "$version"; done
fresh && scenario repeated "$(where)"
export STOMP_CRLF=1
common_scenarios 1.2
unset STOMP_CRLF
# That it does write each header by itself: a frame of several is several writes.
fresh
timeout 60 strace -f -e trace=write,sendto,writev -o "$work/strace" \
  "${client_command[@]}" fill "$(where)" 1 || fail "fill under strace"
(($(grep -c 'destination:\|receipt:\|content-length' "$work/strace") >= 3)) || fail "no fragmented frames"
left 1
confirmed_outlives_kills
