#!/bin/bash
# Four jobs wait for paper, then three are printed in order and one is put aside. Three labels go
# into one file.
# shellcheck source=samples/stage.sh
. "$(dirname "${BASH_SOURCE[0]}")/../stage.sh"
stage jobs labels errors printer
export PRINTER=$place/printer

printed() { grep -q "$1" printer/paper; }
labels_are() { [[ $(tr -dc '\f' <printer/labels.prn | wc -c) -eq $1 ]]; }
jobs_are() { spoolmq --json stats jobs | grep -q "\"ready\":$1"; }

step "1. The queues, the service, and a printer without paper"
show spoolmq create jobs --max-failures 3 --backoff 500ms
show spoolmq create labels
show touch printer/out-of-paper
start spoolmq serve

step "2. Jobs arrive"
show cp "$sample"/jobs/* jobs/
wait_for "the jobs in the queue" jobs_are 4
show spoolmq list jobs
start spoolmq consume jobs -- "$sample/print.sh"

step "3. There is paper again: in order, one at a time; what cannot be printed is put aside"
show rm printer/out-of-paper
wait_for "the last job" printed 03-letter.txt
wait_for "the job that is none" files_are 2 errors
show grep -h Page printer/paper
show head errors/*.reason

step "4. A jam: that job comes again"
show touch printer/jam
show cp "$sample/jobs/02-invoice.txt" jobs/05-invoice-again.txt
wait_for "the job that failed once" printed 05-invoice-again.txt

step "5. The other way: one file for a program that reads one file"
show cp "$sample"/labels/* labels/
wait_for "the labels" labels_are 3
show cat -A printer/labels.prn
