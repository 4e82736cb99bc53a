#!/bin/bash
# The quickstart's show, with the binary of this build: it compares what went in with what came out
# by itself and fails if anything is missing, doubled or changed.
#
#   quickstart_test.sh SOURCE SPOOLMQ
set -euo pipefail
TMPDIR=$(mktemp -d)
trap 'rm -rf "$TMPDIR"' EXIT
export TMPDIR
SPOOLMQ=$2 "$1/samples/quickstart.sh" | tee "$TMPDIR/said"
grep -q 'documents in, .* results out, every checksum right\.$' "$TMPDIR/said"
grep -Eq 'delivered more than once: [1-9]' "$TMPDIR/said"
