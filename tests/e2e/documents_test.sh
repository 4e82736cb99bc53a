#!/bin/bash
# A thousand documents that nobody here wrote, and a tar of them over 100 MB: files of one directory
# → messages → files that a command makes → messages → files of another directory, byte for byte.
. "${0%/*}/lib.sh" "$1"
wanted=1000

mkdir "$work/in" "$work/tar"
count=0
while IFS= read -r -d '' file; do
  cp -- "$file" "$work/in/$((count++))-$(basename -- "$file")" || fail "cp $file"
done < <(find /usr/share /usr/lib /etc -xdev -type f -readable -size -512k \( -name '*.xml' -o -name '*.svg' -o -name '*.html' \
  -o -name '*.txt' -o -name '*.conf' -o -name '*.gz' -o -name '*.png' -o -name '*.mo' -o -name '*.pl' \
  -o -name copyright \) -print0 2>/dev/null | sort -z | awk 'BEGIN {RS = ORS = "\0"} NR % 7 == 1' |
  head -z -n $wanted)
# A small system has fewer of one kind: whatever else is there.
if ((count < wanted)); then
  while IFS= read -r -d '' file; do
    cp -- "$file" "$work/in/$((count++))-$(basename -- "$file")" || fail "cp $file"
  done < <(find /usr/share /usr/lib -xdev -type f -readable -size -256k -print0 | sort -z | head -z -n $((wanted - count)))
fi
((count >= wanted)) || fail "only $count documents on this system"
for tiny in 0 1 2 3; do head -c $((tiny / 2)) /dev/urandom >"$work/in/tiny-$tiny"; done
printf 'caf\351 \377\376\0 no UTF-8' >"$work/in/latin1.txt"
printf 'x' >"$work/in/a name with spaces and ü"
total=$(find "$work/in" -type f -printf . | wc -c)

# Over 100 MB, by repetition where the documents do not suffice.
while (($(stat -c %s "$work/tar/all.tar" 2>/dev/null || echo 0) <= 104857600)); do
  tar -C "$work" -rf "$work/tar/all.tar" in || fail "tar"
done
mv "$work/tar/all.tar" "$work/in/all.tar"
((++total))
sums() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }
sums "$work/in" >"$work/sums.in"

for format in binary xml; do
  mkdir "$work/$format" "$work/out-$format"
  cp -a "$work/in/." "$work/$format"
  mq create "in-$format" --format $format || fail "create"
  mq create "out-$format" --format $format || fail "create"
  expect 0 import "in-$format" "$work/$format" --quiet-for 0s
  same $total "$(wc -l <"$work/out")" "an id per file"
  same 0 "$(find "$work/$format" -type f -printf . | wc -c)" "imported files are gone"
  expect 1 import "in-$format" "$work/$format" --quiet-for 0s
  counted $total ready "in-$format"
  # A program that knows nothing of messages writes a file under the name that the first one had.
  # shellcheck disable=SC2016  # for the command's shell
  expect 0 consume "in-$format" --until-empty --concurrency 4 -- sh -c 'cat >"$1/$SPOOLMQ_H_NAME"' sh "$work/$format"
  counted 0 ready "in-$format"
  expect 0 import "out-$format" "$work/$format" --quiet-for 0s
  expect 0 export "out-$format" "$work/out-$format"
  counted 0 ready "out-$format"
  sums "$work/out-$format" >"$work/sums.out"
  cmp "$work/sums.in" "$work/sums.out" || fail "$format: $(diff "$work/sums.in" "$work/sums.out" | head -5)"
  expect 0 fsck
  rm -rf "${work:?}/$format" "$work/out-$format"
done
echo "$total documents, twice through two queues, byte for byte"
