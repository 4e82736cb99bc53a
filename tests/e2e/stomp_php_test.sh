#!/bin/bash
# STOMP with PHP's stomp, as Debian has it: its ACK repeats every header of the MESSAGE.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
. "${0%/*}/stomp.sh"
need php
php -r 'exit(extension_loaded("stomp") ? 0 : 1);' || { echo "no php-stomp"; exit 77; }
# shellcheck disable=SC2034  # stomp.sh runs it
client_command=(php "$clients_place/php_client.php")

stomp_server
for version in '' 1.1 1.2; do common_scenarios "$version"; done
STOMP_VERSION=''
fresh && scenario echo "$(where)" && left 1
confirmed_outlives_kills
