#!/bin/sh
# Handles one order: its XML on stdin, what is known of it in the environment. The exit code is the
# verdict: 0 done, 65 the order is bad (nobody tries again), anything else: again later.
set -eu
order=$(cat)
value() { printf '%s\n' "$order" | xmllint --xpath "string($1)" -; }

number=$(value '/order/@number')
[ -n "$number" ] || { echo "an order without a number" >&2; exit 65; }

total=0
lines=$(value 'count(/order/line)')
i=1
while [ "$i" -le "$lines" ]; do
  article=$(value "/order/line[$i]/@article")
  pieces=$(value "/order/line[$i]/@pieces")
  price=$(awk -F'\t' -v article="$article" '$1 == article { print $2 }' "$PRICES")
  [ -n "$price" ] || { echo "order $number: no article $article" >&2; exit 65; }
  total=$((total + price * pieces))
  i=$((i + 1))
done

# Should this run twice for one order, say after a power cut, the key makes one confirmation of it.
printf '<?xml version="1.0"?>\n<confirmation order="%s" lines="%s" cents="%s"/>\n' \
  "$number" "$lines" "$total" |
  spoolmq send confirmations -H "name=confirmation-$number.xml" -H "content-type=application/xml" \
    --dedupe-key "$SPOOLMQ_ID" >/dev/null
