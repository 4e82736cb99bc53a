#!/bin/bash
# STOMP with Perl's Net::Stomp, as Debian has it.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
. "${0%/*}/stomp.sh"
need perl
perl -MNet::Stomp -e1 2>/dev/null || { echo "no libnet-stomp-perl"; exit 77; }
# shellcheck disable=SC2034  # stomp.sh runs it
client_command=(perl "$clients_place/perl_client.pl")

stomp_server
for version in '' 1.1 1.2; do common_scenarios "$version"; done
# It waits for the RECEIPT of a SEND inside the transaction before it sends COMMIT.
fresh && scenario transactional "$(where)" && left 2
# After an ERROR it would connect again and again, unless the connection has ended.
fresh && scenario errors "$(where)"
STOMP_VERSION=''
confirmed_outlives_kills
