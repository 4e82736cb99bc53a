#!/bin/bash
# notify: signals to a bash trap and to a Python program that reads si_value, as a command and in
# serve; a process that ends.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
trap end_all EXIT
command -v python3 >/dev/null || { echo "no python3"; exit 77; }

lines_are() { [[ $(wc -l <"$2") == "$1" ]]; }
says() { grep -q "$1" "$2"; }
mq create q || fail "create"

# ---- a shell's trap
cat >"$work/trap.sh" <<'SH'
trap 'echo caught >>"$1"' USR1
echo ready >>"$1"
while :; do sleep 0.05; done
SH
start shell bash "$work/trap.sh" "$work/caught"
until_true says ready "$work/caught"
start notify "$spoolmq" --root "$root" notify q --notify "${running[shell]}:USR1"
until_true eval 'mq consumers q | grep -q "${running[notify]}"'
for n in 1 2 3; do
  mq send q "$n" >/dev/null || fail "send"
  until_true lines_are $((n + 1)) "$work/caught"
  mq receive q --ack >/dev/null || fail "receive"
done
# More for a queue that is not empty are no news.
mq send q a >/dev/null && until_true lines_are 5 "$work/caught"
seq 100 | mq send q --lines >/dev/null || fail "send"
sleep 0.6  # two looks
lines_are 5 "$work/caught" || fail "signals while messages waited: $(cat "$work/caught")"
counted 101 ready q
stop notify || fail "notify ended with $?: $(words_of notify)"
mq purge q ALL >/dev/null || fail "purge"

# ---- the number that wait, in a real-time signal
cat >"$work/values.py" <<'PY'
import ctypes, signal, sys
number = signal.SIGRTMIN + 3
signal.pthread_sigmask(signal.SIG_BLOCK, [number])
class Info(ctypes.Structure):  # siginfo_t of sigqueue(3) on Linux: sigaction(2)
    _fields_ = [("signo", ctypes.c_int), ("errno", ctypes.c_int), ("code", ctypes.c_int), ("pad", ctypes.c_int),
                ("pid", ctypes.c_int), ("uid", ctypes.c_uint), ("value", ctypes.c_int), ("rest", ctypes.c_char * 100)]
libc = ctypes.CDLL(None, use_errno=True)
waited = (ctypes.c_ulong * 16)()
waited[0] = 1 << (number - 1)
print("ready", flush=True)
for _ in range(3):
    info = Info()
    if libc.sigwaitinfo(ctypes.byref(waited), ctypes.byref(info)) != number:
        sys.exit("sigwaitinfo: " + str(ctypes.get_errno()))
    print(info.code, info.value, info.pid, flush=True)
PY
start python python3 "$work/values.py"
until_true says ready "$work/python.log"
start other sleep 1000
cat >"$root/spoolmq.toml" <<TOML
[[adapter]]
name = "bell"
type = "notify"
queue = "q"
notify = ["${running[python]}:SIGRTMIN+3", "${running[other]}:URG"]
TOML
seq 7 | mq send q --lines >/dev/null || fail "send"
start service "$spoolmq" --root "$root" serve
until_true lines_are 2 "$work/python.log"
same "-1 7 ${running[service]}" "$(tail -n 1 "$work/python.log")" "SI_QUEUE, seven that wait, from whom"
mq receive q -n 7 --ack --json >/dev/null || fail "receive"
mq send q again >/dev/null || fail "send"
until_true lines_are 3 "$work/python.log"
same "-1 1 ${running[service]}" "$(tail -n 1 "$work/python.log")" "one that waits"

# ---- a process that ends is said once, the others go on
kill_now other
until_true says 'process has ended' "$work/service.log"
mq receive q --ack >/dev/null && mq send q last >/dev/null || fail "send"
until_true lines_are 4 "$work/python.log"
until_true ended "${running[python]}"
until_true eval '(($(grep -c "process has ended" "$work/service.log") == 2))'
stop service || fail "serve ended with $?"
rm "$root/spoolmq.toml"
counted 1 ready q
# The command ends with the last of its processes, which is not all that it was to do.
expect 2 notify q --notify "${running[python]}:USR1"
for wrong in '--notify 1' '--notify x:USR1' '--notify 1:NOSUCH' ''; do
  # shellcheck disable=SC2086
  expect 64 notify q $wrong
done
