#!/bin/bash
# An import directory whose owner means no good: another user, who can put there what he likes, must
# not get at the importer's files, nor stop what others drop there.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
others_may_run
importer=("${user_nobody[@]}") attacker=("${user_daemon[@]}")
mq() { "${importer[@]}" "$spoolmq" --root "$root" "$@"; }
theirs() { mkdir -p "$2" && chown "$1" "$2"; }
theirs nobody:nogroup "$root"
theirs nobody:nogroup "$work/secret"
chmod 700 "$work/secret"
# The importer may remove what is in there, as with every import; nothing else is shared.
in=$work/in
fresh() {
  rm -rf "$in" "$work/side"
  theirs daemon:nogroup "$in"
  chmod 2770 "$in"
  theirs daemon:nogroup "$work/side"
  chmod 2770 "$work/side"
  # Readable and writable for all, so that the attacker may link it; SECRET is in both.
  printf 'SECRET' >"$work/secret/private.xml"
  printf 'SECRET' >"$work/shared.xml"
  chown nobody:nogroup "$work/secret/private.xml" "$work/shared.xml"
  chmod 666 "$work/shared.xml"
}
attack() { (cd "$in" && "${attacker[@]}" "$@") || fail "the attacker cannot: $*"; }
# What the importer has of its own is where and as it was, and none of it became a message.
unharmed() {
  local file
  for file in "$work/secret/private.xml" "$work/shared.xml"; do
    same SECRET "$(cat "$file" 2>&1)" "$1: $file"
    same nobody "$(stat -c %U "$file")" "$1: the owner of $file"
  done
  same private.xml "$(ls -A "$work/secret")" "$1: what is in secret/"
  mq search q SECRET >"$work/out" 2>&1
  same 1 $? "$1: messages with the secret: $(cat "$work/out")"
}
mq create q || fail "create"
now=(--quiet-for 0s)

# ---- what is no file
fresh
attack ln -s "$work/secret/private.xml" link.xml
attack ln -s "$work/secret" linked-directory
attack ln -s nowhere dangling.xml
attack ln -s loop.xml loop.xml
attack ln -s /dev/zero zero.xml
attack mkfifo fifo.xml
attack mkdir directory.xml
attack perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0) && bind(S, pack_sockaddr_un("socket.xml")) || die $!'
mknod "$in/device.xml" c 1 5 || fail "mknod"
chown daemon "$in/device.xml"
ln "$work/secret/private.xml" "$in/hard-foreign.xml"
attack ln "$work/shared.xml" hard-shared.xml
attack sh -c 'echo own >../side/own.xml; ln ../side/own.xml hard-own.xml'
attack sh -c 'echo good >good.xml'
expect 2 import q "$in" "${now[@]}" --recursive
one_id "$out"
counted 1 ready q
unharmed "what is no file"
for name in fifo socket device; do
  [[ -e $in/$name.xml ]] || fail "$name.xml is gone"
done
expect 0 purge q ALL

# ---- names
fresh
long=$(printf '%0255d' 7)
hostile_names=($'new\nline.xml' $'\e[31mred\e[0m.xml' "$long" $'\xff\xfe.xml' -rf --help '*' '$(touch oops)'
  '`touch oops`' "a'b\"c" 'back\slash' $'tab\there' ' ' 'a ' $'\r' 'ä€😀.xml' '%2F..%2F' 'name;reboot')
for name in "${hostile_names[@]}"; do
  attack sh -c 'printf "body of %s" "$1" >"./$1"' sh "$name"
done
theirs nobody:nogroup "$work/side/done"
printf 'was there' >"$work/side/done/$long"
expect 0 --json import q "$in" "${now[@]}" --done "$work/side/done"
same "${#hostile_names[@]}" "$(wc -l <"$work/out")" "lines for so many files"
[[ ! $(cat "$work/out" "$work/err") =~ $'\e' ]] || fail "an escape sequence reaches the terminal"
for line in {1..18}; do
  sed -n "${line}p" "$work/out" >"$work/line"
  json_has "$work/line" '$.id' '$.file'
done
counted "${#hostile_names[@]}" ready q
same '' "$(ls -A "$in")" "what is left of the names"
for name in "${hostile_names[@]}"; do
  [[ $name == "$long" ]] || same "body of $name" "$(cat "$work/side/done/$name")" "in done/"
done
same 'was there' "$(cat "$work/side/done/$long")" "the file that had the name"
same $((${#hostile_names[@]} + 1)) "$(find "$work/side/done" -type f -printf 'x\n' | wc -l)" "files in done/"
theirs nobody:nogroup "$work/out.d"
expect 0 --quiet export q "$work/out.d" --exists suffix
same "${#hostile_names[@]}" "$(find "$work/out.d" -type f -printf 'x\n' | wc -l)" "files exported under such names"
[[ -z $(find "$work" -name oops) ]] || fail "a name was run"
find "$work/out.d" -type f -printf '%f\0' >"$work/names"
! LC_ALL=C grep -qaP '[\x01-\x1f\x7f/]' "$work/names" || fail "control characters in exported names"

# ---- one that cannot be read does not hold up the others
fresh
attack sh -c 'echo closed >a-closed.xml; chmod 000 a-closed.xml; echo open >b-open.xml; mkdir -m 000 c-directory; echo open >d-open.xml'
expect 2 import q "$in" "${now[@]}" --recursive
same 2 "$(wc -l <"$work/out")" "the readable ones"
[[ -e $in/a-closed.xml ]] || fail "the unreadable file is gone"
expect 0 purge q ALL

# ---- names that are taken in done/ and errors/
fresh
mq create strict --check well-formed-xml || fail "create"
for round in 1 2 3; do
  attack sh -c 'echo "<a>" >bad.xml; echo "<a/>" >good.xml'
  theirs nobody:nogroup "$work/side/done"
  theirs nobody:nogroup "$work/side/errors"
  expect 2 import strict "$in" "${now[@]}" --done "$work/side/done" --errors "$work/side/errors"
  same '' "$(ls -A "$in")" "round $round: what is left"
done
same 3 "$(find "$work/side/done" -type f | wc -l)" "files in done/"
same 6 "$(find "$work/side/errors" -type f | wc -l)" "files and reasons in errors/"
same 3 "$(find "$work/side/errors" -name '*.reason' | wc -l)" "reasons in errors/"
# A directory or a link that has the name is no reason to stop, and nothing follows it.
attack sh -c 'echo "<a>" >bad2.xml; echo "<a/>" >good2.xml'
mkdir "$work/side/done/good2.xml" "$work/side/errors/bad2.xml"
ln -s "$work/secret/private.xml" "$work/side/errors/bad2.xml.reason"
expect 2 import strict "$in" "${now[@]}" --done "$work/side/done" --errors "$work/side/errors"
same '' "$(ls -A "$in")" "what is left"
unharmed "taken names"
# done/ and errors/ that are links out of the attacker's directory: nothing arrives behind them.
fresh
attack ln -s "$work/secret" 'done'
attack ln -s "$work/secret" errors
attack sh -c 'echo "<a>" >bad.xml; echo "<a/>" >good.xml'
mq import strict "$in" "${now[@]}" --done 'done' --errors errors >/dev/null 2>"$work/err"
unharmed "links for done/ and errors/"
expect 0 purge strict ALL

# ---- what is swapped while the importer looks
# swap LOOP: the attacker runs a loop of system calls while the importer looks again and again; what
# else is dropped meanwhile comes through.
swap() {
  local end=$((SECONDS + 6)) deadline=$((SECONDS + 30)) imported=0 rounds=0
  start swap "${attacker[@]}" perl -e "chdir \$ARGV[0] or die; my \$secret = \$ARGV[1]; my \$shared = \$ARGV[2]; my \$n = 0;
    sub pause { select(undef, undef, undef, rand(\$_[0])); }
    sub bait { my (\$name) = @_; return if -e \$name; open(my \$f, '>', \$name) or return; print \$f 'bait ', \$n++; close \$f; }
    while (1) { $1 }" "$in" "$work/secret" "$work/shared.xml"
  while ((SECONDS < end || (imported <= rounds && SECONDS < deadline))); do
    attack sh -c 'echo steady >steady.xml'
    mq --quiet import q "$in" "${now[@]}" --recursive >"$work/out" 2>"$work/err"
    (($? < 64)) || one_error_line "import"
    [[ ! -e $in/steady.xml ]] || fail "the attack holds up another file: $(cat "$work/err")"
    imported=$((imported + $(wc -l <"$work/out")))
    rounds=$((rounds + 1))
  done
  is_running swap || fail "the attacker gave up: $(words_of swap)"
  kill_now swap
  ((imported > rounds)) || fail "the bait was never taken in $rounds rounds: $(cat "$work/err")"
  unharmed "swapped: $1"
  expect 0 purge q ALL
}
fresh
attack mkdir -m 2770 sub
swap 'bait("sub/private.xml"); pause(0.02); rename("sub", "aside"); symlink($secret, "sub"); pause(0.005); unlink("sub"); rename("aside", "sub");'
fresh
swap 'bait("b"); rename("b", "private.xml"); pause(0.02); symlink("$secret/private.xml", "l"); rename("l", "private.xml");
      pause(0.005); bait("b"); rename("b", "private.xml"); pause(0.02); link($shared, "h"); rename("h", "private.xml"); unlink("h");
      pause(0.005);'

# ---- all of it at once, and the service goes on
fresh
attack ln -s "$work/secret/private.xml" link.xml
attack mkfifo fifo.xml
attack ln "$work/shared.xml" hard.xml
attack sh -c 'echo closed >closed.xml; chmod 000 closed.xml'
printf '[[adapter]]\ntype = "import"\nqueue = "q"\ndirectory = "%s"\nquiet-for = "100ms"\nrecursive = true\nrescan = "200ms"\n' \
  "$in" >"$root/spoolmq.toml"
start serve "${importer[@]}" "$spoolmq" --root "$root" serve
until_true service_answers
for ((n = 1; n <= ${#hostile_names[@]}; n++)); do
  attack sh -c 'printf "body of %s" "$1" >"./$1"' sh "${hostile_names[n - 1]}"
  until_true count_is "$n" ready q
done
stop serve || fail "serve: $(words_of serve)"
unharmed "under the service"
[[ ! $(cat "$work/serve.log") =~ $'\e' ]] || fail "an escape sequence reaches the log"
exit 0
