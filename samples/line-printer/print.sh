#!/bin/sh
# Prints one job, its text on stdin, on the paper of $PRINTER. The exit code is the verdict.
set -eu

# 69: the printer is not there for anybody. The job goes back to where it was, nothing is counted
# against it, and it is tried again until there is paper.
[ ! -e "$PRINTER/out-of-paper" ] || exit 69

# Any other trouble, 1 for instance: this job failed, it is tried again a little later, and the next
# one is printed meanwhile. After `max-failures` it is put aside.
if [ -e "$PRINTER/jam" ]; then
  rm "$PRINTER/jam"
  exit 1
fi

page=$(mktemp)
trap 'rm -f "$page"' EXIT
cat >"$page"

# 65: this job will never print.
case $(head -c 4 "$page") in
  %!PS) echo "PostScript on a line printer" >&2; exit 65 ;;
esac
fold -s -w 72 "$page" | pr -l 20 -h "$SPOOLMQ_H_NAME" >>"$PRINTER/paper"
