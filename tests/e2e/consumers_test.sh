#!/bin/bash
# Programs that nobody here wrote read an export directory: a `while read` loop over inotifywait, and
# what systemd's path units do (DirectoryNotEmpty=, PathExistsGlob=). Each sees every file once, and
# whole at the moment it is told of it; bodies are up to 30 MB, so that half a file would be seen.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
mkdir "$root" "$work/sources"
count=40
for ((n = 1; n <= count; n++)); do
  head -c $((n % 10 == 0 ? 30000000 : n * 4321)) /dev/urandom >"$work/sources/$n.bin"
done
(cd "$work/sources" && sha256sum ./*.bin) >"$work/wanted"

for how in moved not-empty glob; do
  mkdir "$work/$how"
  mq create $how || fail "create"
  adapter 'type = "export"' "queue = \"$how\"" "directory = \"$work/$how\"" 'checksum = "sha256"'
done

# Each reader takes a file as soon as it may: checks it against the checksum it knows, notes it.
cat >"$work/take.sh" <<'READER'
#!/bin/bash
# take.sh FILE LIST SEEN
name=${1##*/}
wanted=$(grep " ./$name$" "$2") && got=$(sha256sum <"$1") && [[ ${got%% *} == "${wanted%% *}" ]] &&
  echo "$name whole" >>"$3" || echo "$name torn" >>"$3"
READER
cat >"$work/moved.sh" <<'READER'
#!/bin/bash
# moved.sh DIRECTORY TAKE LIST SEEN: the loop that tutorials show.
inotifywait -m -e moved_to --format %f "$1" |
  while read -r name; do
    [[ $name != *.bin ]] || "$2" "$1/$name" "$3" "$4"
  done
READER
# A path unit looks first, then waits for an event and looks again; the unit it starts takes what is
# there and ends; it is started again as long as the condition holds. Hidden names do not count.
cat >"$work/path_unit.sh" <<'READER'
#!/bin/bash
# path_unit.sh DIRECTORY TAKE LIST SEEN GLOB
shopt -s nullglob
look() {
  local file
  for file in "$directory"/$glob; do
    [[ $file == *.sha256 ]] || "$take" "$file" "$list" "$seen"
    rm "$file"
  done
}
directory=$1 take=$2 list=$3 seen=$4 glob=$5
coproc EVENTS { inotifywait -m -e create,moved_to,attrib,close_write,moved_from,delete --format %e "$directory"; }
look
while read -r -u "${EVENTS[0]}" _; do look; done
READER
chmod +x "$work"/*.sh
all() { [[ $(grep -c . "$work/$1.seen") -ge $count ]]; }
start moved "$work/moved.sh" "$work/moved" "$work/take.sh" "$work/wanted" "$work/moved.seen"
start not-empty "$work/path_unit.sh" "$work/not-empty" "$work/take.sh" "$work/wanted" "$work/not-empty.seen" '*'
start glob "$work/path_unit.sh" "$work/glob" "$work/take.sh" "$work/wanted" "$work/glob.seen" '*.bin'
# Their watches are there before the first file.
for how in moved not-empty glob; do until_true grep -q 'Watches established' "$work/$how.log"; done

start serve "$spoolmq" --root "$root" serve
until_true service_answers
for how in moved not-empty glob; do
  (cd "$work/sources" && for file in ./*.bin; do
    mq --quiet send $how -f "$file" -H "name=${file#./}" >/dev/null || exit 1
  done) || fail "send to $how"
done
for how in moved not-empty glob; do
  until_true all $how
  until_true count_is 0 ready $how
  same "$count" "$(sort -u "$work/$how.seen" | grep -c ' whole$')" "whole files that $how saw"
  same "$count" "$(wc -l <"$work/$how.seen")" "how often $how saw a file"
done
stop serve || fail "serve: $(words_of serve)"
for how in moved not-empty glob; do
  same "$count" "$(wc -l <"$work/$how.seen")" "how often $how saw a file in the end"
done
# What stayed has its checksum beside it, and sha256sum agrees.
(cd "$work/moved" && sha256sum --quiet -c ./*.sha256) >"$work/check" 2>&1 || fail "$(cat "$work/check")"
same $((2 * count)) "$(find "$work/moved" -type f | wc -l)" "files, with their checksums"
exit 0
