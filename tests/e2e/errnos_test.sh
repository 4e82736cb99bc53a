#!/bin/bash
# The kernel refuses one call of a command, or all from it on: errnos.py. Another seed takes others.
#   SPOOLMQ_REFUSALS      how many of all (12), or `all`
#   SPOOLMQ_SEED          which (default 1; printed)
#   SPOOLMQ_JOBS          how many at a time (1)
strace -qq -o /dev/null -e inject=fsync:error=EIO:when=1000 true 2>/dev/null || { echo "strace cannot inject here"; exit 77; }
seed=${SPOOLMQ_SEED:-1}
echo "SPOOLMQ_SEED=$seed"
exec python3 -B "${0%/*}/errnos.py" "$1" "${SPOOLMQ_REFUSALS:-12}" "$seed" "${SPOOLMQ_JOBS:-1}"
