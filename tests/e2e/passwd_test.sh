#!/bin/bash
# passwd: users and their passcodes. Hashes are judged by perl's crypt and written by mkpasswd, the
# terminal is script(1)'s, and strace looks for the passcode where it must not be.
. "${0%/*}/lib.sh" "$1"
for tool in perl mkpasswd script strace python3; do
  command -v "$tool" >/dev/null || { echo "no $tool"; exit 77; }
done
file=$work/passwords
# crypt(3) by perl: PASSCODE NAME
is_right() {
  perl -e '($_) = grep /^\Q$ARGV[1]\E:/, <STDIN>; chomp; my ($n, $h) = split /:/; exit(crypt($ARGV[0], $h) ne $h)' \
    "$1" "$2" <"$file"
}
set_to() { expect 0 passwd "$file" "$2" --stdin <<<"$1"; }

# ---- From stdin: made, added to, changed
set_to 'correct horse' alice
same 'alice: added' "$err" "a new user"
same '' "$out" "stdout"
same 600 "$(stat -c %a "$file")" "the mode of a new file"
[[ $(<"$file") =~ ^alice:\$y\$j[0-9A-Za-z./]+\$[0-9A-Za-z./]+\$[0-9A-Za-z./]{43}$ ]] || fail "not a yescrypt line: $(<"$file")"
is_right 'correct horse' alice || fail "perl finds another hash"
! is_right 'correct hors' alice || fail "perl takes a wrong one"
printf '%s' 'Grüße, no newline' | mq passwd "$file" bob --stdin 2>/dev/null || fail "no newline"
is_right 'Grüße, no newline' bob || fail "UTF-8"
set_to $'first line\nsecond line' carol
is_right 'first line' carol || fail "only the first line counts"
before=$(grep -v ^alice "$file")
set_to another alice
same 'alice: changed' "$err" "a known user"
same "$before" "$(grep -v ^alice "$file")" "the lines of others"
is_right another alice || fail "changed"

# ---- Listed and removed; those of mkpasswd count as ours do
printf '# by hand\ndave:%s\n' "$(printf secret | mkpasswd -m yescrypt -s)" >>"$file"
expect 0 passwd "$file" --list
same $'alice\nbob\ncarol\ndave' "$out" "the list"
expect 0 --json passwd "$file" --list
same '{"name":"alice"}' "$(head -1 "$work/out")" "the list as JSON"
expect 0 passwd "$file" bob --delete
same 'bob: removed' "$err" "removed"
expect 66 passwd "$file" bob --delete
expect 0 --quiet passwd "$file" carol --delete
same '' "$err" "quiet"
grep -q '^# by hand$' "$file" || fail "the comment is gone"
expect 66 passwd "$work/none/passwords" alice --stdin <<<x

# ---- What is refused, and never with the passcode in it
expect 64 passwd "$file"
expect 64 passwd "$file" alice --list
expect 64 passwd "$file" alice --stdin --delete
for name in 'a:b' '-a' 'a b' '' "$(printf 'a%.0s' {1..65})"; do
  expect 64 passwd "$file" --stdin -- "$name" <<<secret
done
expect 64 passwd "$file" alice --stdin </dev/null
expect 64 passwd "$file" alice --stdin <<<''
expect 64 passwd "$file" alice --stdin <<<$'secr\x01et'
! grep -q 'secr' "$work/err" || fail "the error shows the passcode: $err"
printf 'secr\0et\n' | mq passwd "$file" alice --stdin 2>/dev/null && fail "a NUL"
expect 64 passwd "$file" alice --stdin <<<"$(printf 'a%.0s' {1..512})"
set_to "$(printf 'a%.0s' {1..511})" alice
for mode in 644 660 606; do
  chmod "$mode" "$file"
  expect 78 passwd "$file" --list
  expect 78 passwd "$file" alice --stdin <<<x
done
chmod 640 "$file"
set_to again alice
same 640 "$(stat -c %a "$file")" "the mode of a known file"
echo 'eve:plain' >"$work/bad" && chmod 600 "$work/bad"
expect 78 passwd "$work/bad" --list
[[ $err == *"bad:1"* && $err != *plain* ]] || fail "a bad line: $err"

# ---- On a terminal: twice, without echo
cat >"$work/typed.py" <<'PY'
import os, pty, sys, time, termios, select
# typed.py EXIT COMMAND… : answers each prompt with the next line of stdin ("^C" is typed as such)
lines = sys.stdin.read().split("\n")[:-1]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen, answered, end = b"", 0, time.monotonic() + 20
while time.monotonic() < end:
    if select.select([terminal], [], [], 0.1)[0]:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    if answered < len(lines) and seen.count(b": ") > answered and seen.endswith(b": "):
        assert not termios.tcgetattr(terminal)[3] & termios.ECHO, "echo is on"
        os.write(terminal, b"\x03" if lines[answered] == "^C" else lines[answered].encode() + b"\n")
        answered += 1
print(seen.decode())
print("echo", bool(termios.tcgetattr(terminal)[3] & termios.ECHO))
status = os.waitpid(pid, 0)[1]
print("signal" if os.WIFSIGNALED(status) else "exit", os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
PY
typed() { printf '%s\n' "$@" | timeout 30 python3 "$work/typed.py" "$spoolmq" passwd "$file" frank >"$work/terminal" 2>&1; }
typed 'typed one' 'typed one' || fail "$(<"$work/terminal")"
is_right 'typed one' frank || fail "typed: $(<"$work/terminal")"
! grep -q 'typed one' "$work/terminal" || fail "it was echoed: $(<"$work/terminal")"
same 2 "$(grep -c 'Passcode for frank: \|The same again: ' "$work/terminal")" "prompts"
same 'exit 0' "$(tail -1 "$work/terminal")" "typed twice"
typed 'typed two' 'typed tow'
same 'exit 64' "$(tail -1 "$work/terminal")" "typed differently"
is_right 'typed one' frank || fail "a mistyped one counted"
typed '^C'
same 'signal 2' "$(tail -1 "$work/terminal")" "^C"
same 'echo True' "$(tail -2 "$work/terminal" | head -1)" "the terminal after ^C"
setsid -w "$spoolmq" passwd "$file" frank </dev/null 2>"$work/err"
same 64 $? "no terminal"
grep -q -- --stdin "$work/err" || fail "it does not say --stdin"
mkfifo "$work/keys"
script -qefc "$spoolmq passwd $file frank" /dev/null <"$work/keys" >"$work/script" 2>&1 &
pid=$!
exec 7>"$work/keys"
for prompt in 'Passcode for frank: ' 'The same again: '; do
  until_true grep -q "$prompt" "$work/script"
  echo 'by script' >&7
done
exec 7>&-
wait "$pid" || fail "script: $(<"$work/script")"
is_right 'by script' frank || fail "script: $(<"$work/script")"

# ---- Atomic and durable: the file is synced, renamed over the old one, and its directory synced
strace -f -s 4096 -o "$work/trace" -e trace=file,desc,process,prctl "$spoolmq" passwd "$file" alice --stdin <<<hunter2 2>/dev/null ||
  fail "strace"
awk '/^[0-9]+ +fsync\(/ { synced++ } /^[0-9]+ +rename/ { if (synced == 1) renamed = 1 } END { exit !(renamed && synced == 2) }' "$work/trace" ||
  fail "not fsync, rename, fsync: $(grep -E 'fsync|rename' "$work/trace")"
same 0 "$(grep -v 'read(0' "$work/trace" | grep -c 'hunter2\|execve.*hunter')" "system calls with the passcode in them"
ls -A "$work" | grep -q '^\.passwords' && fail "a temporary file was left"

# ---- Many at a time lose nothing; readers see the old file or the new one
printf '' >"$file"
for i in {1..16}; do "$spoolmq" passwd "$file" "user$i" --stdin <<<"pass$i" 2>/dev/null & pids[i]=$!; done
for pid in "${pids[@]}"; do wait "$pid" || fail "one of many"; done
same 16 "$(mq passwd "$file" --list | wc -l)" "users"
is_right pass7 user7 || fail "user7"

# ---- No core: whoever knows a passcode cannot be dumped or traced before it does
awk '/prctl\(PR_SET_DUMPABLE, SUID_DUMP_DISABLE\) += 0/ { hidden = 1 } /read\(0,/ { exit !hidden }' "$work/trace" ||
  fail "the passcode was read by a process that may leave a core"
