# shellcheck shell=bash
# What the tests of STOMP with clients of others share. Sourced behind lib.sh and running.sh.
#
# A test sets client_command (a program of clients/, which knows the scenarios below) and calls
#   stomp_server [OPTION…]       spoolmq stomp on $STOMP_PORT of 127.0.0.1; again after kill_now
#   scenario NAME QUEUE …        runs one; the program fails if the server did something else
#   common_scenarios [VERSION]   all of them, and looks at the queues after each
#   confirmed_outlives_kills     sends through kills of the server; what was confirmed must be there
export STOMP_HOST=127.0.0.1 STOMP_PORT STOMP_LOGIN=guest STOMP_PASSCODE=guest STOMP_VERSION=''
kills=${SPOOLMQ_STOMP_KILLS:-4}
many=${SPOOLMQ_STOMP_MANY:-1000}
clients_place=$(cd "${BASH_SOURCE[0]%/*}" && pwd)/clients
free_port() {
  /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
listens() { grep -qi ":$(printf %04X "$1") 0*:0000 0A" /proc/net/tcp; }
need() {
  local tool
  for tool in "$@"; do command -v "$tool" >/dev/null || { echo "no $tool"; exit 77; }; done
}

stomp_server() {
  STOMP_PORT=${STOMP_PORT:-$(free_port)}
  [[ -e $work/passwords ]] || mq passwd "$work/passwords" "$STOMP_LOGIN" --stdin <<<"$STOMP_PASSCODE" >/dev/null 2>&1 ||
    fail passwd
  start stomp "$spoolmq" --root "$root" stomp --tcp "127.0.0.1:$STOMP_PORT" "${stomp_options[@]}" "$@"
  until_true listens "$STOMP_PORT"
}
stomp_options=(--passwords "$work/passwords" --rights 'guest: send receive browse create *')
scenario() {
  timeout 60 "${client_command[@]}" "$@" >"$work/client.out" 2>"$work/client.err" ||
    fail "$* exited with $?: $(cat "$work/client.err" "$work/client.out" | tr -d '\0' | tail -n 5) $(words_of stomp)"
}
# A queue of its own for each: what is left in it is then that scenario's.
queue_number=0
fresh() {
  queue=q$((++queue_number))
  mq create "$queue" --backoff 20ms >/dev/null || fail "create $queue"
}
where() { echo "/queue/$queue"; }
left() { until_true count_is "$1" "${2:-ready}" "$queue"; }  # COUNT STATE: and nothing else
nothing_left() { local state; for state in ready leased delayed dead; do left 0 "$state"; done; }

# The bodies that `send` of every client sends, in files of their own.
expected_bodies() {
  printf plain >"$work/body.1"
  printf 'grüße ✓ 日本' >"$work/body.2"
  perl -e 'print map { chr } 0 .. 255' >"$work/body.3"
  : >"$work/body.4"
  perl -e 'print "x" x 300_000' >"$work/body.5"
}
bodies_are_whole() {
  local nth=0 id
  for id in $(mq list "$queue" | grep -oE "$uuid"); do
    ((++nth))
    mq cat "$queue" "$id" | cmp -s - "$work/body.$nth" || fail "body $nth is another"
  done
  same 5 "$nth" "how many bodies"
}

transaction_scenarios() {
  fresh && scenario transaction "$(where)" commit one two three && left 3
  same $'one\ntwo\nthree' "$(mq receive "$queue" -n 9 --ack --null | tr '\0' '\n')" "in their order"
  scenario transaction "$(where)" abort four five && nothing_left
  fresh && scenario fill "$(where)" 2 && scenario settled "$(where)" abort 2 && left 2
  scenario settled "$(where)" commit 2 && left 1
  same 'in exchange' "$(mq receive "$queue" --ack)" "acks and a send, together"
}
common_scenarios() {
  export STOMP_VERSION=${1-$STOMP_VERSION}
  expected_bodies
  fresh && scenario send "$(where)" && left 5 && bodies_are_whole
  scenario receive "$(where)" && nothing_left

  fresh && scenario fill "$(where)" 6 && left 6 && scenario auto "$(where)" 6 && nothing_left
  fresh && scenario fill "$(where)" 6 && scenario cumulative "$(where)" 6 && nothing_left
  # What was not acknowledged is there again as soon as the connection has ended.
  fresh && scenario fill "$(where)" 6 && scenario individual "$(where)" 6 && left 3 && left 0 leased
  same $'m1\nm3\nm5' "$(mq receive "$queue" -n 9 --ack --null | tr '\0' '\n' | sort)" "the others"
  if [[ $STOMP_VERSION != 1.0 || -n ${nacks_in_10:-} ]]; then
    fresh && scenario fill "$(where)" 1 && scenario nack "$(where)" && nothing_left
    fresh && scenario fill "$(where)" 1 && scenario reject "$(where)" && left 1 dead && left 0
  fi

  transaction_scenarios
  [[ $STOMP_VERSION == 1.0 ]] || { fresh && scenario beats "$(where)" && left 1; }
  fresh && scenario many "$(where)" "$many" && nothing_left
}

# lines_of FILE: how many are whole
lines_of() { wc -l <"$1" 2>/dev/null || echo 0; }
confirmed_outlives_kills() {
  local round before
  fresh
  : >"$work/told"
  rm -f "$work/enough"
  start confirming timeout 120 "${client_command[@]}" confirm "$(where)" "$work/told" "$work/enough"
  for ((round = 0; round < kills; ++round)); do
    before=$(lines_of "$work/told")
    until_true more_than "$((before + 20))"
    kill_now stomp
    stomp_server
  done
  before=$(lines_of "$work/told")
  until_true more_than "$((before + 20))"
  touch "$work/enough"
  wait "${running[confirming]}" || fail "confirm: $(words_of confirming)"
  unset 'running[confirming]'
  while mq receive "$queue" -n 10000 --ack --null; do :; done | tr '\0' '\n' | sort >"$work/there"
  sort "$work/told" | comm -23 - "$work/there" >"$work/lost"
  [[ ! -s $work/lost ]] || fail "confirmed, and lost: $(head -3 "$work/lost" | tr '\n' ' ')"
  # At most one was under way at each kill: more than that is doubled by the server.
  (($(uniq -d "$work/there" | wc -l) <= kills)) || fail "more than what was in doubt came twice"
}
more_than() { (($(lines_of "$work/told") > $1)); }

# node_modules FOLDER: the libraries of clients/node, there and in $STOMP_NODE_MODULES; skips the test
# where the registry cannot be reached.
node_modules() {
  local folder=$1/stomp_clients
  mkdir -p "$folder"
  (
    flock 9
    cmp -s "$clients_place/node/package-lock.json" "$folder/installed.json" && exit 0
    cp "$clients_place"/node/package{,-lock}.json "$folder/" && cd "$folder" &&
      timeout 120 npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1 &&
      cp package-lock.json installed.json
  ) 9>"$folder/lock" || {
    grep -q 'EINTEGRITY' "$folder/npm.log" && fail "npm: $(grep EINTEGRITY "$folder/npm.log")"
    echo "npm has no $(grep -o 'stomp[a-z]*' "$folder/npm.log" | head -1): $(tail -n 3 "$folder/npm.log")"
    exit 77
  }
  export STOMP_NODE_MODULES=$folder/node_modules
}
