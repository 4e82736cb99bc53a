#!/bin/bash
# The three integrations of samples/ run as their users run them, and leave what their README says.
#
#   samples_test.sh SPOOLMQ SOURCE
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
samples=$2/samples
export SPOOLMQ=$spoolmq
finished() {
  wait "${running[$1]}" || fail "$1: $(words_of "$1")"
  unset "running[$1]"
  place=$work/$1
  (($(wc -l <"$samples/$1/README.md") <= 60)) || fail "$1/README.md is long"
}
names() { (cd "$1" && find . -type f ! -name '.*' -printf '%P\n' | sort | tr '\n' ' '); }

for sample in order-desk line-printer csv-split; do
  start "$sample" "$samples/$sample/run.sh" "$work/$sample"
done

finished order-desk
same 'confirmation-1001.xml confirmation-1002.xml ' "$(names "$place/export")" "export/"
same 'lines="2" cents="17900"' "$(grep -o 'lines.*"' "$place/export/confirmation-1001.xml")" "a confirmation"
same '' "$(names "$place/import")" "import/"
same 4 "$(names "$place/errors" | wc -w)" "errors/ of the order desk"
grep -q 'Z-1\|65' "$place"/errors/1003*.reason || fail "no reason: $(cat "$place"/errors/1003*.reason)"
cmp "$samples/order-desk/orders/1003-unknown-article.xml" "$place/errors/1003-unknown-article.xml" ||
  fail "the rejected order is another one"

finished line-printer
same '01-stock.txt 02-invoice.txt 03-letter.txt 05-invoice-again.txt ' \
  "$(grep -o '0[0-9]-[a-z-]*.txt' "$place/printer/paper" | uniq | tr '\n' ' ')" "pages in order"
same '04-drawing.ps 04-drawing.ps.reason ' "$(names "$place/errors")" "errors/ of the printer"
same 3 "$(grep -c '^PARCEL\|'$'\f''PARCEL' "$place/printer/labels.prn")" "labels in one file"

finished csv-split
same '1 2 4 6 ' "$(sqlite3 "$place/ledger.db" 'SELECT booking FROM ledger ORDER BY booking' | tr '\n' ' ')" "the ledger"
same 4 "$(names "$place/errors" | wc -w)" "errors/ of the split"
grep -qx 'line: 5' "$place"/errors/*.reason || fail "no position: $(cat "$place"/errors/*.reason)"
same nightly.csv "$(find "$place/done" -type f -printf '%f\n')" "done/"
exit 0
