#!/bin/bash
# Where shared memory is full, missing or somebody else's everything works, from disk, and a tail
# says so once. In a mount namespace of the test's own.
. "${0%/*}/lib.sh" "$1"
[[ $(id -u) -eq 0 ]] && unshare -m true 2>/dev/null || { echo "no mount namespace can be made here"; exit 77; }

# with_shm SETUP: three messages, sent, tailed, received; what /dev/shm is like is up to SETUP.
with_shm() {
  rm -rf "$root"
  unshare -m bash -euc '
    spoolmq=$1 root=$2 work=$3
    mq() { "$spoolmq" --root "$root" "$@"; }
    eval "$4"
    mq create q
    mq tail q -f --json --timeout 2s >"$work/tailed" 2>"$work/said" &
    end=$((SECONDS + 20))
    until [[ $(mq consumers q --json) == *\"alive\":true* ]]; do ((SECONDS < end)); sleep 0.05; done
    for number in 1 2 3; do mq send q "body $number"; done >"$work/ids" 2>"$work/sender"
    wait
    mq receive q -n 3 --ack --null | tr "\0" "\n" >"$work/received"' \
    bash "$spoolmq" "$root" "$work" "$1" || fail "with '$1' something failed"
  same "$(printf 'body %s\n' 1 2 3)" "$(cat "$work/received")" "received with '$1'"
  same "$(cat "$work/ids")" "$(sed 's/.*"id":"\([^"]*\)".*/\1/' "$work/tailed")" "tailed with '$1'"
  same 3 "$(grep -c '"source":"disk"' "$work/tailed")" "messages from disk with '$1'"
  same 1 "$(grep -c 'no hot cache' "$work/said")" "times it was said with '$1'"
  same '' "$(cat "$work/sender")" "words of the senders with '$1'"
}

with_shm 'mount -t tmpfs -o size=64k none /dev/shm'
with_shm 'mount -t tmpfs -o size=4k none /dev/shm'
with_shm 'mount -t tmpfs -o ro none /dev/shm'
with_shm 'mount -t tmpfs none /dev/shm; mkdir -m 777 /dev/shm/spoolmq-0; chown 1000 /dev/shm/spoolmq-0'
with_shm 'mount -t tmpfs none /dev/shm; ln -s /tmp /dev/shm/spoolmq-0'
exit 0
