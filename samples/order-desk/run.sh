#!/bin/bash
# Four orders are dropped into import/: two become confirmations in export/, two end in errors/,
# each with the reason beside it.
# shellcheck source=samples/stage.sh
. "$(dirname "${BASH_SOURCE[0]}")/../stage.sh"
needs xmllint libxml2-utils
stage import export errors
export PRICES=$sample/prices.tsv

step "1. The queues; what is no XML does not get in"
show spoolmq create orders --check well-formed-xml
show spoolmq create confirmations

step "2. The service, and a handler that is run for each order"
show spoolmq serve --check
start spoolmq serve
start spoolmq consume orders -- "$sample/handle.sh"

step "3. Orders arrive"
show cp "$sample"/orders/*.xml import/
wait_for "the confirmations" files_are 2 export
wait_for "the bad orders and their reasons" files_are 4 errors
wait_for "an empty import/" files_are 0 import

step "4. What came of them"
show head export/*.xml
show head errors/*.reason
show cmp errors/1004-torn.xml "$sample/orders/1004-torn.xml"
show spoolmq list orders
show spoolmq adapters
