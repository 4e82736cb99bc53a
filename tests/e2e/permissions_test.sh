#!/bin/bash
# Who owns what: root's command line in another user's queue, umasks, groups, strangers.
. "${0%/*}/lib.sh" "$1"
((EUID == 0)) || { echo "needs the superuser"; exit 77; }
command -v setpriv >/dev/null || { echo "needs setpriv"; exit 77; }
chmod 711 "$work"
cp "$spoolmq" "$work/spoolmq" && spoolmq=$work/spoolmq && chmod 755 "$spoolmq"
owner=daemon
owner_id=$(id -u $owner) owner_group=$(id -g $owner)
trap 'rm -rf "$work" "/dev/shm/spoolmq-$owner_id" /dev/shm/spoolmq-65533' EXIT
as() {  # UID GID GROUPS COMMAND…: supplementary groups, or - for none
  local groups=(--clear-groups)
  [[ $3 == - ]] || groups=(--groups "$3")
  setpriv --reuid="$1" --regid="$2" "${groups[@]}" -- "${@:4}"
}
as_owner() { as "$owner_id" "$owner_group" - "$spoolmq" --root "$root" "$@"; }
# Everything under the root is the owner's, the group's, and nobody else may read it.
all_owned() {
  local found
  found=$(find "$root" \( ! -user $owner -o ! -group "$owner_group" -o -perm /077 \) -printf '%p %u:%g %m\n')
  [[ -z $found ]] || fail "after $1: $found"
}

# ---- what root does in a service user's root
for mask in 000 077; do
  umask $mask
  rm -rf "$root"
  mkdir "$root" && chmod 700 "$root" && chown $owner:"$owner_group" "$root"
  as_owner create q --backoff 0s --max-failures 1 --archive 1h || fail "create"
  all_owned "create by the owner"
  # Root comes first: whatever is there from now on, it made.
  expect 0 consume q --until-empty -- true
  expect 0 send q 'from root'
  expect 0 hold q ALL
  expect 0 unhold q ALL
  expect 0 send q --lines < <(seq 300)
  expect 0 send q --format xml '<a/>'
  head -c 11000000 /dev/zero >"$work/large"
  expect 0 send q -f "$work/large"
  all_owned "send"
  as_owner receive q --ack >/dev/null || fail "the owner cannot receive after root sent"
  as_owner --quiet consume q --until-empty -- false
  same 2 $? "the owner's consume"
  expect 0 requeue q --where 'reason = max_failures and priority = 4'
  expect 0 hold q ALL --reason 'by root'
  expect 0 unhold q ALL
  all_owned "requeue, hold and unhold"
  expect 0 pause q --reason 'by root'
  expect 0 resume q
  expect 0 config q max-failures=2
  expect 0 pause q --send
  all_owned "pause and config"
  as_owner config q >/dev/null || fail "the owner cannot read his settings"
  as_owner resume q || fail "the owner cannot resume"
  expect 0 create second
  expect 0 send second x
  expect 0 copy q --state ready --where 'size = 1' --to second
  expect 0 move q --state ready --where 'size = 2' --to second
  all_owned "create, copy and move"
  mkdir "$work/in" "$work/exported"
  echo imported >"$work/in/file"
  expect 0 import second "$work/in" --quiet-for 0s
  expect 0 export second "$work/exported" --limit 5 --name '{id}'
  all_owned "import and export"
  expect 0 fsck second --rebuild-index
  all_owned "a rebuild"
  expect 0 send second 'a message that will be damaged'
  sed -i 's/will be damaged/will be DAMAGED/' "$(grep -rl 'will be damaged' "$root/queues/second/msgs")"
  chown -R $owner:"$owner_group" "$root/queues/second/msgs"
  mq fsck second --repair >/dev/null 2>&1
  expect 0 fsck second
  all_owned "fsck --repair"
  mq consume second --until-empty -- true >/dev/null 2>&1
  all_owned "consume"
  as_owner --quiet consume second --until-empty -- true
  as_owner --quiet consume q --until-empty -- true
  for queue in q second; do
    as_owner send $queue again >/dev/null || fail "the owner cannot send to $queue any more"
    as_owner receive $queue --ack >/dev/null || fail "the owner cannot receive from $queue any more"
    as_owner --quiet fsck $queue --repair >/dev/null || fail "the owner cannot check $queue"
  done
  all_owned "all of it"
  rm -rf "$work/in" "$work/exported"
done
umask 022

# ---- a stranger is told so in one line
chmod 755 "$root"
stranger() { as 65533 65533 - "$spoolmq" --root "$root" "$@" >"$work/out" 2>"$work/err"; }
for act in 'send q x' 'receive q' 'list q' 'stats q' 'fsck q' 'create mine' 'config q lease=1s'; do
  # shellcheck disable=SC2086
  stranger $act
  same 77 $? "a stranger's $act"
  err=$(cat "$work/err")
  one_error_line "a stranger's $act"
done
[[ -z $(find "$root" -uid 65533) ]] || fail "the stranger left something"
chmod 700 "$root"

# ---- directories that others can write
for directory in q q/msgs; do
  chmod o+w "$root/queues/$directory"
  expect 77 send q x
  as_owner send q x >/dev/null 2>&1
  same 77 $? "a world-writable $directory"
  chmod o-w "$root/queues/$directory"
done
expect 0 send q x

# ---- a queue of a group: either member's messages reach the other, whatever their umasks
group=$(getent group users | cut -d: -f3)
rm -rf "$root"
mkdir "$root" && chown $owner:"$group" "$root" && chmod 2770 "$root"
member() { as 65533 65533 "$group" "$spoolmq" --root "$root" "$@"; }
as_member_owner() { as "$owner_id" "$owner_group" "$group" "$spoolmq" --root "$root" "$@"; }
umask 077
as_member_owner create shared --mode 0660 --group users --backoff 0s --max-failures 1 --history all || fail "create"
for i in 1 2; do
  as_member_owner send shared one >/dev/null || fail "the owner's send"
  same one "$(member receive shared --ack)" "from the owner to the member"
  member send shared two >/dev/null || fail "the member's send"
  same two "$(as_member_owner receive shared --ack)" "from the member to the owner"
  seq 300 | member send shared --lines >/dev/null || fail "the member's lines"
  same 300 "$(as_member_owner --json receive shared -n 300 --ack | wc -l)" "the member's lines"
  member --quiet send shared -f "$work/large" >/dev/null || fail "a large body"
  as_member_owner receive shared --ack | cmp - "$work/large" || fail "a large body of the other"
done
member pause shared || fail "the member's pause"
as_member_owner resume shared || fail "the owner's resume"
member config shared lease=40s || fail "the member's config"
expect 0 send shared 'from root'
expect 0 pause shared
expect 0 resume shared
same 'from root' "$(member receive shared --ack)" "from root to the member"
same 'lease=40s' "$(as_member_owner config shared | grep '^lease=')" "the member's change"
as_member_owner create also --mode 0660 --group users || fail "create"
member send shared moving >/dev/null
member move shared ALL --to also >/dev/null || fail "the member's move"
as_member_owner move also ALL --to shared >/dev/null || fail "the owner's move"
same moving "$(member receive shared --ack)" "moved to and fro"
found=$(find "$root" \( ! -group users -o -perm /007 \) -printf '%p %u:%g %m\n')
[[ -z $found ]] || fail "not the group's alone: $found"
as 65533 65533 - "$spoolmq" --root "$root" send shared x 2>"$work/err"
same 77 $? "somebody outside the group"
exit 0
