#!/bin/sh
# Loads one record into the ledger; $1 is a file with the header line and the record, a CSV file of
# its own. The exit code is the verdict: 0 done, 65 the record is bad, anything else: again later.
set -eu
why=$(sqlite3 -batch -bail "$LEDGER" <<SQL
.timeout 10000
CREATE TEMP TABLE record (booking, date, account, cents, text);
.import --csv --skip 1 "$1" record
-- The message's id makes one row of two deliveries.
INSERT OR IGNORE INTO ledger
  SELECT '$SPOOLMQ_ID', booking, date, account, CAST(cents AS INTEGER), text
  FROM record WHERE cents = CAST(CAST(cents AS INTEGER) AS TEXT);
SELECT 'not a number of cents: ' || cents
  FROM record WHERE cents <> CAST(CAST(cents AS INTEGER) AS TEXT);
SQL
)
[ -z "$why" ] || { echo "$why" >&2; exit 65; }
