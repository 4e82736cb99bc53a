#!/bin/bash
# A file of six records: four end in the ledger, one is no record and one is no booking; both are in
# errors/, and the rest went on.
# shellcheck source=samples/stage.sh
. "$(dirname "${BASH_SOURCE[0]}")/../stage.sh"
needs sqlite3 sqlite3
stage import 'done' errors
export LEDGER=$place/ledger.db

rows_are() { [[ $(sqlite3 "$LEDGER" 'SELECT count(*) FROM ledger') == "$1" ]]; }

step "1. A ledger, a queue, the service, and two loaders at a time"
sqlite3 "$LEDGER" 'CREATE TABLE ledger (message PRIMARY KEY, booking, date, account, cents INTEGER, text)'
show spoolmq create bookings --max-failures 5
start spoolmq serve
start spoolmq consume bookings --concurrency 2 -- "$sample/load.sh" '{}'

step "2. The file of the night arrives"
show cat "$sample/nightly.csv"
show cp "$sample/nightly.csv" import/
wait_for "the ledger" rows_are 4
wait_for "the bad records and their reasons" files_are 4 errors
wait_for "an empty import/" files_are 0 import

step "3. What came of it"
show sqlite3 -box "$LEDGER" 'SELECT booking, account, cents, text FROM ledger ORDER BY booking'
show head errors/*
show find 'done' -type f
show spoolmq list bookings
