#!/bin/bash
# The scenarios of ../stomp.sh with bash alone.
#
#   bash_client.sh SCENARIO QUEUE [ARGUMENT…]; the server is in STOMP_HOST, _PORT, _LOGIN, _PASSCODE,
#   the version in STOMP_VERSION (none: 1.0, without saying so). Ends with 1 and one line where the
#   server did something else.
set -uo pipefail
export LC_ALL=C  # bytes
fail() { echo "$*" >&2; exit 1; }
number=0
declare -A header=()
declare -a waiting=()

# frame COMMAND [BODY [HEADER…]]: its body ends at the NUL, which bash cannot hold anyway
frame() {
  local body=${2-}
  { printf '%s\n' "$1" "${@:3}" && printf '\n%s\0' "$body"; } >&3
}
# get: the next frame, in $command, $header[…] and $body
get() {
  local line length
  header=()
  while IFS= read -t 20 -r -u 3 command; do
    command=${command#$'\0'}
    [[ -n $command ]] && break
  done
  [[ -n ${command-} ]] || return 1
  while IFS= read -t 20 -r -u 3 line && [[ -n $line ]]; do
    [[ -n ${header[${line%%:*}]+there} ]] || header[${line%%:*}]=${line#*:}
  done
  length=${header[content-length]-}
  if [[ -n $length ]]; then
    body=''
    ((length == 0)) || IFS= read -t 20 -r -u 3 -N "$length" body
    IFS= read -t 20 -r -d '' -u 3 _
  else
    IFS= read -t 20 -r -d '' -u 3 body
  fi
}
connected() {
  exec 3<>"/dev/tcp/${STOMP_HOST:-127.0.0.1}/$STOMP_PORT" || return 1
  frame CONNECT '' "login:${STOMP_LOGIN:-guest}" "passcode:${STOMP_PASSCODE:-guest}" \
    ${STOMP_VERSION:+"accept-version:$STOMP_VERSION" host:/} "$@"
  get && [[ $command == CONNECTED ]]
}
receipt() {  # ID: what comes before it waits
  while get; do
    [[ $command != RECEIPT || ${header[receipt-id]} != "$1" ]] || return 0
    [[ $command == MESSAGE ]] || fail "instead of a receipt: $command ${header[message]-}"
    waiting+=("${header[ack]--}" "${header[message-id]}" "$body")
  done
  return 1
}
put() { frame SEND "$2" "destination:$1" "receipt:$((++number))" "${@:3}" && receipt "$number"; }
subscribe() { frame SUBSCRIBE '' "destination:$1" "ack:$2" id:s1; }
take() {
  if ((${#waiting[@]} > 0)); then
    ack=${waiting[0]} id=${waiting[1]} body=${waiting[2]}
    waiting=("${waiting[@]:3}")
    return
  fi
  get || fail "nothing arrives"
  [[ $command == MESSAGE ]] || fail "not a MESSAGE: $command ${header[message]-}"
  ack=${header[ack]-} id=${header[message-id]}
}
settle() {  # ACK|NACK ACK_ID MESSAGE_ID [HEADER…]
  local -a what=("message-id:$3" subscription:s1)
  [[ ${STOMP_VERSION-} != 1.2 ]] || what=("id:$2")
  frame "$1" '' "${what[@]}" "receipt:$((++number))" "${@:4}" && receipt "$number"
}
bye() { frame DISCONNECT '' receipt:bye && receipt bye || fail "DISCONNECT has no receipt"; }

send() {
  connected || fail "not connected"
  put "$1" plain note:grüße
  put "$1" 'grüße ✓ 日本' note:grüße
  # A NUL cannot be in a variable: the frame is written as it is.
  { printf 'SEND\ndestination:%s\nreceipt:bytes\nnote:grüße\ncontent-length:256\n\n' "$1"
    for ((byte = 0; byte < 256; ++byte)); do printf "\\x$(printf %02x "$byte")"; done
    printf '\0'; } >&3
  receipt bytes
  put "$1" '' note:grüße
  put "$1" "$(printf 'x%.0s' {1..300000})" note:grüße
  bye
}
receive() {
  connected || fail "not connected"
  subscribe "$1" auto
  local -a wanted=(plain 'grüße ✓ 日本' '' '' "$(printf 'x%.0s' {1..300000})")
  for nth in 0 1 2 3 4; do
    if ((nth == 2)); then  # bash drops the NUL of these; what it can read of them is counted
      while IFS= read -t 20 -r -u 3 line; do
        line=${line#$'\0'}
        [[ $line == content-length:* ]] && length=${line#*:}
        [[ -n $line || -z ${length-} ]] || break
      done
      same=$(head -c "$length" <&3 | cksum)
      [[ $same == "$(for ((byte = 0; byte < 256; ++byte)); do printf "\\x$(printf %02x "$byte")"; done | cksum)" ]] ||
        fail "256 bytes are others"
      IFS= read -t 20 -r -d '' -u 3 _
      continue
    fi
    take
    [[ $body == "${wanted[nth]}" ]] || fail "body $nth: ${body:0:40}"
    [[ ${header[note]} == grüße ]] || fail "note: ${header[note]}"
  done
  bye
}
fill() { connected && for ((nth = 1; nth <= $2; ++nth)); do put "$1" "m$nth" || fail "m$nth"; done && bye; }
auto() {
  connected && subscribe "$1" auto
  for ((nth = 0; nth < $2; ++nth)); do take; done
  frame UNSUBSCRIBE '' id:s1 receipt:u1 && receipt u1 && bye
}
cumulative() {
  connected && subscribe "$1" client
  for ((nth = 0; nth < $2; ++nth)); do take; done
  settle ACK "$ack" "$id" && bye
}
individual() {
  connected && subscribe "$1" client-individual
  for ((nth = 1; nth <= $2; ++nth)); do
    take
    ((nth % 2)) || settle ACK "$ack" "$id"
  done
  bye
}
nack() {
  connected && subscribe "$1" client-individual
  take
  local first=$body
  settle NACK "$ack" "$id"
  take
  [[ $body == "$first" ]] || fail "$first came back as $body"
  [[ ${header[redelivered]} == true ]] || fail "came back, and is not redelivered"
  settle ACK "$ack" "$id" && bye
}
reject() { connected && subscribe "$1" client-individual && take && settle NACK "$ack" "$id" requeue:false && bye; }
transaction() {
  connected && frame BEGIN '' transaction:t1
  for body in "${@:3}"; do frame SEND "$body" "destination:$1" transaction:t1; done
  frame "${2^^}" '' transaction:t1 receipt:e1 && receipt e1 && bye
}
settled() {
  connected && subscribe "$1" client-individual && frame BEGIN '' transaction:t2
  for ((nth = 0; nth < $3; ++nth)); do take && settle ACK "$ack" "$id" transaction:t2; done
  frame SEND 'in exchange' "destination:$1" transaction:t2
  frame "${2^^}" '' transaction:t2 receipt:e2 && receipt e2 && bye
}
beats() {
  connected heart-beat:0,100
  for nth in 1 2 3 4 5; do
    IFS= read -t 20 -r -u 3 line || fail "no heart-beat"
    [[ -z ${line#$'\0'} ]] || fail "not a heart-beat: $line"
  done
  put "$1" 'still here' && bye
}
many() {
  connected
  for ((nth = 0; nth < $2 - 1; ++nth)); do frame SEND "n$nth" "destination:$1"; done
  put "$1" "n$(($2 - 1))"
  subscribe "$1" client
  for ((nth = 0; nth < $2; ++nth)); do
    take
    [[ $body == "n$nth" ]] || fail "n$nth is $body"
    (((nth + 1) % 50 && nth + 1 < $2)) || settle ACK "$ack" "$id"
  done
  bye
}
confirm() {
  local nth=0 is_open=''
  trap '' PIPE
  until [[ -e $3 ]]; do
    { [[ -n $is_open ]] || { connected && is_open=yes; }; } 2>/dev/null
    if [[ -n $is_open ]] && put "$1" "c$nth" 2>/dev/null; then
      echo "c$nth" >>"$2"
      ((++nth))
    else
      is_open=''
      exec 3>&-
      sleep 0.02
    fi
  done
}
"$@" || fail "$1"
