#!/bin/bash
# STOMP with two libraries for Node.js: @stomp/stompjs, which knows WebSockets and gets a TCP socket,
# and stompit, which streams its bodies. npm installs what the lock file names, by its hashes.
#   stomp_node_test.sh SPOOLMQ FOLDER: of the build, for the libraries
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
. "${0%/*}/stomp.sh"
need node npm
node_modules "$2"

stomp_server
for library in stompjs stompit; do
  # shellcheck disable=SC2034  # stomp.sh runs it
  client_command=(node "$clients_place/node_client.mjs" "$library")
  common_scenarios
  confirmed_outlives_kills
done
