#!/bin/bash
# Every read and write of a file may move fewer bytes than were asked for: what the commands do, and
# say, is what they do without. The commands and the checks are those of errnos.py.
#   short_io_test.sh SPOOLMQ SHIM
#   SPOOLMQ_SHORT_ROUNDS   how often each command runs (3)
#   SPOOLMQ_SEED           which lengths (default 1; printed)
seed=${SPOOLMQ_SEED:-1}
echo "SPOOLMQ_SEED=$seed"
exec python3 -B "${0%/*}/errnos.py" "$1" short "$2" "${SPOOLMQ_SHORT_ROUNDS:-3}" "$seed"
