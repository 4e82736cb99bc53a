#!/bin/bash
# The service on a small disk that fills and drains, while senders and receivers are killed and the
# configuration is read again: nothing is lost, nothing comes twice without a raised delivery count,
# and the service does not grow.
#   soak_test.sh SPOOLMQ        12 s, or $SPOOLMQ_SOAK_SECONDS
. "${0%/*}/lib.sh" "$1"
((EUID == 0)) || { echo "needs the superuser, for a small disk of its own"; exit 77; }
mkdir "$work/disk"
export SOAK_SECONDS=${SPOOLMQ_SOAK_SECONDS:-12}
# Mounts and processes live in namespaces of their own and go with them.
exec_in() { unshare --mount --pid --fork --kill-child --mount-proc "$@"; }
exec_in true 2>/dev/null || { echo "may not make namespaces here"; exit 77; }
exec_in bash -c 'mount -t tmpfs -o size=64m,mode=700 soak "$1" && exec python3 -B "$2" "$3" "$1" "$SOAK_SECONDS"' \
  soak "$work/disk" "${0%/*}/soak.py" "$(realpath "$spoolmq")" || fail "the soak found something"
