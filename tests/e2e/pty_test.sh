#!/bin/bash
# pty: programs that insist on a terminal handle messages: shells, python3 -i, bc, ed, script. And
# what such a program, or a message, can do wrong.
#   pty_test.sh SPOOLMQ
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
. "${0%/*}/programs.sh"
python=/usr/bin/python3
cd "$work" || exit  # ed leaves its text there when it is hung up

bodies() { mq --json receive "$1" -n 10000 --ack | jq -r .body; }
for queue in q r; do mq create $queue --backoff 1s || fail "create"; done
shell=(--prompt '$ ' --environment 'PS1=$ ' --environment ENV= -- dash -i)

expect 64 pty q -- cat
expect 64 pty q --prompt '*' -- cat
expect 64 pty q --prompt x --quiet-for 1s -- cat
expect 64 pty q --prompt x --columns 0 -- cat
expect 78 pty q --prompt x --once -- "$work/no-such-command"

# ---- what it prints until it is ready again
answers() {  # WANT OPTIONS… -- COMMAND…: of what is in q
  expect 0 pty q --once --reply-queue r "${@:2}"
  same "$1" "$(bodies r)" "${*:2}"
}
printf '6*7\n"a" * 3\nx = 5\nx\n[1,\n2]\n' | head -n 4 | mq send q --lines >/dev/null
answers $'42\n\'aaa\'\n\n5' --prompt '>>> ' --echo -- "$python" -iq
printf '1+1\nscale=3; 2/3\nx=5\nx^2\n' | mq send q --lines >/dev/null
answers $'2\n.666\n\n25' --quiet-for 300ms --echo -- bc
printf 'a\nhello\n.\n1p\n' | mq send q --lines >/dev/null
answers $'\n\n\nhello' --quiet-for 300ms -- ed
printf '%s\n' 'echo $((6*7))' 'printf "1\n2\n"' | mq send q --lines >/dev/null
answers $'42\n1\n2' "${shell[@]}"
# It is a terminal, its own, of the size that was asked for; nothing else is open.
mq send q 'test -t 0 && test -t 1 && test -t 2 && stty size </dev/tty && ls /proc/self/fd | wc -l' >/dev/null
answers $'33 111\n4' --columns 111 --rows 33 "${shell[@]}"
mq send q '[ $(ps -o sid= -p $$) = $$ ] && [ $(ps -o tty= -p $$) != "?" ] && echo leads' >/dev/null
answers leads "${shell[@]}"
mq send q 'echo below' >/dev/null
answers below --prompt '$ ' --environment 'PS1=$ ' --environment ENV= --environment SHELL=/bin/sh -- \
  script -qc 'stty -echo; exec dash -i' /dev/null
# Escape sequences are taken out, or stay.
mq send q 'printf "\033[31mred\033[0m \033]0;title\007x\n"' >/dev/null
answers 'red x' "${shell[@]}"
mq send q 'printf "\033[31mred\033[0m\n"' >/dev/null
answers $'\033[31mred\033[0m' --keep-escapes "${shell[@]}"
# A line as long as a terminal takes, and one byte more; a program that edits by itself takes it.
line() { printf ': '; head -c "$(($1 - 2))" /dev/zero | tr '\0' x; }
line 4095 | mq send q >/dev/null
answers '' "${shell[@]}"
line 4096 | mq send q >/dev/null
expect 2 pty q --once "${shell[@]}"
reason_holds 'longer than 4095 bytes' q || fail "a long line: $(only reason q)"
clear q
{ printf 'len("'; head -c 20000 /dev/zero | tr '\0' x; printf '")'; } | mq send q >/dev/null
answers 20000 --columns 65535 --prompt '>>> ' --echo -- "$python" -iq

# ---- what would act on the terminal is refused
for byte in '\003' '\004' '\032' '\026' '\021' '\023' '\034' '\033' '\177' '\r' '\000'; do
  printf "a${byte}b" | mq send q >/dev/null
done
mq send q $'two\nlines' >/dev/null
expect 2 pty q --once "${shell[@]}"
counted 12 dead q
same 12 "$(mq --json list q | grep -c 'acts on a terminal')" "why"
clear q
printf 'echo a\tb' | mq send q >/dev/null
answers 'a b' "${shell[@]}"

# ---- without replies, the prompt is the verdict
seq 3 | mq send q --lines >/dev/null
expect 0 pty q --once "${shell[@]}"
counted 0 dead q

# ---- what goes wrong costs its message a failure, and the program is started again
wrong() {  # BODY REASON OPTIONS… -- COMMAND…
  mq send q "$1" >/dev/null
  bridge wrong pty q "${@:3}"
  until_true has_failed q 1
  reason_holds "$2" q || fail "$2: $(only reason q)"
  stop wrong || fail "pty: $(words_of wrong)"
  clear q
}
wrong 'if true' 'not get ready again in time: >' --timeout 500ms --environment 'PS2=> ' "${shell[@]}"
wrong 'trap "" TERM HUP; sleep $nap' 'not get ready again in time' --timeout 500ms "${shell[@]}"
wrong 'exit 3' 'exited with 3' "${shell[@]}"
wrong 'kill -9 $$' 'SIGKILL' "${shell[@]}"
wrong 'yes $nap' 'not get ready again in time' --timeout 1s "${shell[@]}"
ended_all() { ! pgrep -f "^sleep $nap\$" >/dev/null && ! pgrep -f "^yes $nap\$" >/dev/null; }
until_true ended_all
mq send q 'head -c 3000000 /dev/zero | tr "\0" x; echo' >/dev/null
expect 2 pty q --once --reply-queue r "${shell[@]}"
reason_holds 'longer than 1048576 bytes' q || fail "a long reply: $(only reason q)"
clear q
# One that never gets ready is said so, and no message is taken for it.
mq send q x >/dev/null
bridge never pty q --prompt 'never' --ready-timeout 300ms -- dash -i
until_true grep -q 'did not get ready in time' "$work/never.log"
same 0 "$(only failures q)" "not its failure"
counted 0 leased q
stop never || fail "pty: $(words_of never)"
clear q

# ---- in the service: killed in the middle, and on again
cat >"$work/shell.sh" <<SHELL
#!/bin/bash
echo \$\$ >"$work/shell.pid"
export PS1='\$ ' ENV=
exec dash -i
SHELL
chmod +x "$work/shell.sh"
adapter 'name = "sh"' 'type = "pty"' 'queue = "q"' 'prompt = "$ "' 'reply-queue = "r"' "command = [\"$work/shell.sh\"]"
start serve "$spoolmq" --root "$root" serve
until_true test -s "$work/shell.pid"
# shellcheck disable=SC2016
mq send q "[ -e '$work/second' ] && echo done || { touch '$work/second'; sleep $nap; }" >/dev/null
until_true test -e "$work/second"
kill -9 "$(cat "$work/shell.pid")"
until_true count_is 1 ready r
same done "$(bodies r)" "the second time"
# shellcheck disable=SC2016
mq send q "[ -e '$work/third' ] && echo again || { touch '$work/third'; sleep $nap; }" >/dev/null
until_true test -e "$work/third"
kill_now serve
start serve "$spoolmq" --root "$root" serve
until_true count_is 1 ready r
same again "$(bodies r)" "after kill -9 of the service"
stop serve || fail "serve: $(words_of serve)"
ended_all() { ! pgrep -f "^sleep $nap\$" >/dev/null; }
until_true ended_all
exit 0
