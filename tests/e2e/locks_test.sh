#!/bin/bash
# Record locks among processes: nobody but SQLite opens its files (closing any descriptor of theirs would
# drop the locks of the process), no descriptor reaches a command, no message has two holders at once,
# a stranger's lock on the index is waited for and then named.
#   locks_test.sh SPOOLMQ        100,000 claims by 16 processes, or $SPOOLMQ_CLAIMS
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
claims=${SPOOLMQ_CLAIMS:-100000}
work=$(realpath "$work") root=$work/root

# ---- Who opens what: each open with the functions that led to it.
mq create q && mq create other || fail "create"
if strace -k -o /dev/null true 2>/dev/null; then
  seen=()  # by path, and by name below a directory that is open
  for name in index.{1,2}.db{,-wal,-shm}; do
    seen+=(-P "$name" -P "$root/queues/q/$name" -P "$root/queues/other/$name")
  done
  watch() { timeout 120 strace -f -k -e trace=open,openat,openat2,creat "${seen[@]}" -o "$work/opens.$1" "${@:2}" 2>"$work/err"; }
  traced() { watch $((++part)) "$spoolmq" --root "$root" "$@"; }
  part=0
  seq 20 | traced send q --lines >/dev/null || fail "send"
  traced receive q -n 5 --ack --null >/dev/null || fail "receive"
  for command in 'list q' 'fsck' 'fsck q --rebuild-index' 'stats' 'move q ALL --to other' 'copy other ALL --to q' "backup $work/saved" "peek q"; do
    traced $command >/dev/null || fail "$command"
  done
  traced receive q --lease 1m >/dev/null || fail "receive"
  traced ack q "$(sed -n 's/^receipt: //p' "$work/err")" || fail "ack"
  mkdir "$work/in" && echo hello >"$work/in/file"
  traced import q "$work/in" --ready rename >/dev/null || fail "import"
  watch serve "$spoolmq" --root "$root" serve &
  tracer=$!
  until_true grep -q 'index.*\.db-wal' "$work/opens.serve"
  mq send q hello >/dev/null && mq receive q --ack >/dev/null || fail "beside the service"
  pkill -TERM -P "$(pgrep -P "$(pgrep -P "$tracer")")"  # the service: of strace, of timeout
  wait "$tracer" || fail "serve"
  # The first function outside the C library.
  strangers() {
    awk -v backup="$work/.spoolmq-backup" '
      function judge() { if (opened != "" && who !~ /libsqlite3/) print who ": " opened; opened = "" }
      /^ > / { if (opened != "" && who == "" && !/libc\.so/) who = $2; next }
      { judge(); if (/\/?index\.[0-9]+\.db(-wal|-shm)?"/ && !/O_EXCL/) { opened = $0; who = "" } }
      END { judge() }' "$@"
  }
  opens=$(grep -hcE 'index\.[0-9]+\.db' "$work"/opens.* | awk '{ all += $1 } END { print all }')
  ((opens > 30)) || fail "only $opens opens of an index were seen"
  same '' "$(strangers "$work"/opens.* | head -3)" "who opened an index beside SQLite"
  # And the judge does not let everything pass.
  watch stranger cat "$root"/queues/q/index.*.db >/dev/null
  [[ -n $(strangers "$work/opens.stranger") ]] || fail "a stranger was not seen"
else
  echo "strace cannot tell who called: who opens the index is not looked at"
fi

# ---- What commands inherit: 0, 1, 2, and from consume the byte of the lease.
cat >"$work/look.sh" <<'LOOK'
#!/bin/bash
cat >/dev/null
for fd in /proc/$$/fd/*; do
  ((${fd##*/} <= 2)) || readlink "$fd" >>"$1"
done
exit 0
LOOK
chmod +x "$work/look.sh"
"$work/look.sh" "$work/given" </dev/null  # what whoever runs this has left open is not ours
mq purge q ALL >/dev/null
: >"$work/inherited"
mq send q one >/dev/null && mq consume q --until-empty -- "$work/look.sh" "$work/inherited" 2>/dev/null || fail "consume"
grep -vxF -f "$work/given" "$work/inherited" | grep -vxF "$root/queues/q/handles" && fail "inherited from consume"
: >"$work/inherited"
mq send q two >/dev/null && timeout 60 "$spoolmq" --root "$root" exec q --once -- "$work/look.sh" "$work/inherited" 2>/dev/null || fail "exec"
timeout 60 "$spoolmq" --root "$root" exec-source q --once -- "$work/look.sh" "$work/inherited" </dev/null 2>/dev/null
grep -vxF -f "$work/given" "$work/inherited" | grep -vxF "$root/queues/q/handles" && fail "inherited from exec or exec-source"

# ---- A stranger holds SQLite's lock.
mq create held && seq 5 | mq send held --lines >/dev/null || fail "send"
cat >"$work/hold.py" <<'HOLD'
import glob, sqlite3, sys, time
index = sqlite3.connect(glob.glob(sys.argv[1] + "/queues/held/index.*.db")[0], isolation_level=None)
index.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(600)
HOLD
start holder python3 -B "$work/hold.py" "$root"
until_true grep -q held "$work/holder.log"
mq send held six >"$work/out" 2>/dev/null || fail "a send waits for nobody's row"
one_id "$(cat "$work/out")"
sleep_end=$((SECONDS + ${SPOOLMQ_HELD_SECONDS:-0}))
while :; do
  for command in 'receive held' 'fsck held'; do
    expect 75 $command
    holds 'database is locked' "$err" "$command"
  done
  ((SECONDS < sleep_end)) || break
done
kill_now holder
counted 6 ready held
mq fsck held || fail "fsck"

# ---- Sixteen processes, and every message has one holder.
mq create many || fail "create"
seq "$claims" | mq send many --lines >"$work/sent" || fail "send"
claim() {
  local code
  while :; do
    mq --json receive many -n 1000 --lease 10m --ack >>"$work/claimed.$1" 2>>"$work/claimers.err"
    code=$?
    ((code == 1)) && return 0
    ((code == 0)) || { echo "claimer $1: exit $code" >>"$work/claimers.failed"; return 1; }
  done
}
for ((n = 0; n < 16; ++n)); do claim "$n" & claimers[n]=$!; done
wait "${claimers[@]}"
[[ ! -e $work/claimers.failed ]] || fail "$(cat "$work/claimers.failed" "$work/claimers.err" | head -5)"
cat "$work"/claimed.* | grep -oE '"id":"[^"]*"' | sort >"$work/ids"
same '' "$(uniq -d "$work/ids" | head -3)" "claimed twice"
same "$claims" "$(wc -l <"$work/ids")" "claims"
sent=$(sort "$work/sent" | sed 's/.*/"id":"&"/' | cmp - "$work/ids") || fail "other messages than were sent: $sent"
exit 0
