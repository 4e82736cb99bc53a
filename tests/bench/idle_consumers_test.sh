#!/bin/bash
# 1,000 consumers of one process, each with a handle of its own, begin to wait at once: none of them
# waits in vain for the index (10 s), and each of 100 messages is taken and acknowledged.
#
#   idle_consumers_test.sh BENCH DIRECTORY     exit code 77: a process may not open files enough here
set -euo pipefail
bench=$1 directory=$2
consumers=1000
files=$((consumers * 10))

most=$(ulimit -Hn)
[[ $most == unlimited ]] || ((most >= files)) || { echo "only $most open files"; exit 77; }
row=$("$bench" --dir "$directory" --runs 1 --only Consumers --size "$consumers" | tail -n 1)
[[ $row == "| $consumers | "* ]] || { echo "no row for $consumers consumers: '$row'"; exit 1; }
