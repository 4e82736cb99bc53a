#!/bin/bash
# backup and restore as a user has them: of queues in use, killed at random, refused in every way.
#   backup_test.sh SPOOLMQ        2 kills, or $SPOOLMQ_BACKUP_KILLS
. "${0%/*}/lib.sh" "$1"
kills=${SPOOLMQ_BACKUP_KILLS:-2}
mkdir "$work/backups"
b=$work/backups
restored() { "$spoolmq" --root "$work/restored" "$@"; }

# ---- What it says, and what it refuses.
mq create orders && mq create results --format xml && mq bind 'x.#' results || fail "create"
mq send orders one >/dev/null && mq send results two -H site=LYS >/dev/null || fail "send"
head -c 11M /dev/zero | mq send orders - >"$work/large" || fail "send a large body"
mq receive orders -n 1 --ack >/dev/null || fail "receive"
expect 0 backup "$b/all"
same $'orders: 1 message in 2 files, 2 shared\nresults: 1 message in 1 file, 1 shared' "$out" "what it made"
expect 0 --json backup orders "$b/orders"
json_has "$work/out" $.queue $.messages $.files $.shared_files $.bytes
expect 0 backup --copy orders "$b/copied"
same 'orders: 1 message in 2 files, 0 shared' "$out" "copied"
expect 73 backup "$b/all"
expect 64 backup "$root/inside"
expect 64 backup
expect 66 backup nobody "$b/new"
expect 66 backup "$b/no/such/place"
expect 73 restore "$b/all"
holds 'orders: the queue exists' "$err" "restore"
expect 66 restore "$b/nothing"
expect 65 restore "$root"
expect 64 restore "$b/all" --as other
mkdir "$b/empty"
expect 65 restore "$b/empty"
expect 0 restore "$b/orders" --as other
counted 1 ready other
cmp <(mq cat other "$(cat "$work/large")") <(head -c 11M /dev/zero) || fail "the large body"
restored restore "$b/all" >"$work/out" || fail "restore"
same $'orders: 1 message\nresults: 1 message' "$(cat "$work/out")" "what it brought back"
ids_of() { awk '{ print $1, $2, $3, $5 }'; }
same "$(mq list results | ids_of)" "$(restored list results | ids_of)" "the same message"
same "$(mq topics)" "$(restored topics)" "the bindings"
restored fsck || fail "fsck"

# ---- To be looked at.
"$spoolmq" --root "$b/all" list orders >"$work/out" || fail "list"
same "$(mq list orders | ids_of)" "$(ids_of <"$work/out")" "a look at a backup"
for command in 'send orders x' 'receive orders' 'purge orders ALL' 'create new' 'remove orders --force' 'config orders lease=2m'; do
  root=$b/all expect 77 $command
done
"$spoolmq" --root "$work/again" restore "$b/all" >/dev/null || fail "restore what was looked at"
# Carried elsewhere and back.
tar -C "$b" -cf - all | tar -C "$work" -xf - && "$spoolmq" --root "$work/carried" restore "$work/all" >/dev/null ||
  fail "restore what was carried"
# Damaged.
file=$(find "$b/copied/queues/orders/msgs" -name '*.body')
printf x | dd of="$file" bs=1 seek=100000 conv=notrunc status=none
expect 65 restore "$b/copied" --as damaged
holds 'the backup is damaged' "$err" "restore"
expect 2 restore "$b/copied" --as damaged --accept-damage
counted 1 corrupt damaged
if ((EUID == 0)); then
  chmod 711 "$work" && cp "$spoolmq" "$work/spoolmq.copy" && chmod 755 "$work/spoolmq.copy"
  as_nobody() {
    setpriv --reuid=nobody --regid=nogroup --clear-groups -- "$work/spoolmq.copy" "$@" 2>"$work/err"
    same 77 $? "as nobody: $* said $(cat "$work/err")"
  }
  as_nobody --root "$root" backup "$b/nobody"
  as_nobody --root "$work/restored" restore "$b/all"
  [[ ! -e $b/nobody ]] || fail "made without being allowed to"
fi

# ---- Under load, and killed at random.
python3 -B "${0%/*}/backup_load.py" "$spoolmq" "$work" "$kills" || fail "under load"
