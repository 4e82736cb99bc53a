# shellcheck shell=bash
# What the tests of programs that handle messages share. Sourced behind lib.sh and running.sh.
export nap=$((1000000 + $$))  # seconds, told from everybody else's
mq() { timeout 60 "$spoolmq" --root "$root" "$@"; }  # a program that never answers is no endless test
clear() { mq purge "$1" ALL >/dev/null || fail "purge $1"; }
# only FIELD QUEUE: of its only message
only() { mq --json list "$2" >"$work/only" && json "$work/only" "\$.$1"; }
has_failed() { [[ $(only failures "$1") -ge $2 ]]; }
reason_holds() { [[ $(only reason "$2") == *"$1"* ]]; }
