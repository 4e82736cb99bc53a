#!/bin/bash
# STOMP with nothing but bash: /dev/tcp, read and printf.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
. "${0%/*}/stomp.sh"
need perl
# shellcheck disable=SC2034  # stomp.sh runs it
client_command=(bash "$clients_place/bash_client.sh")

stomp_server
for version in '' 1.1 1.2; do common_scenarios "$version"; done
STOMP_VERSION=''
confirmed_outlives_kills
