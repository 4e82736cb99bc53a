#!/bin/bash
# File systems of few blocks, and of few inodes (ext4 and tmpfs), filled by senders and then, to the last block and inode, by somebody
# else: every send that was confirmed is received and acknowledged all the same, and afterwards there is room again.
#   SPOOLMQ_FULL_ROUNDS   how often each is filled and freed (2)
[[ $(id -u) -eq 0 ]] && unshare -m true 2>/dev/null || { echo "no mount namespace can be made here"; exit 77; }
if [[ -z ${FULL_DISK_INSIDE:-} ]]; then  # the mounts go with the namespace, however this ends
  FULL_DISK_INSIDE=1 exec unshare --mount "$0" "$@"
fi
. "${0%/*}/lib.sh" "$1"
trap 'umount "$place" 2>/dev/null; rm -rf "$work"' EXIT
rounds=${SPOOLMQ_FULL_ROUNDS:-2}
place=$work/place root=$work/place/root
mkdir "$place"
head -c 2500000 /dev/zero | tr '\0' x >"$work/large"
head -c 600 /dev/zero | tr '\0' x >"$work/small"

new_disk() {  # KIND: what it is of, and what it has little of
  case $1 in
    ext4-blocks) new_ext4 40M -N 700 ;;
    ext4-inodes) new_ext4 64M -N 80 ;;
    tmpfs-blocks) mount -t tmpfs -o size=40m,nr_inodes=700 none "$place" ;;
    tmpfs-inodes) mount -t tmpfs -o size=64m,nr_inodes=80 none "$place" ;;
  esac
}
new_ext4() {  # BYTES mkfs-OPTION…
  truncate -s "$1" "$work/image"
  mkfs.ext4 -q -F -m 0 "${@:2}" "$work/image" >/dev/null 2>&1 || { echo "no ext4 can be made here"; exit 77; }
  mount -o loop "$work/image" "$place" 2>/dev/null || { echo "no loop device can be mounted here"; exit 77; }
}
free() { df --output="$1" "$place" | tail -n 1 | tr -d ' '; }
fill_up() {
  mkdir -p "$place/others"
  (cd "$place/others" && for ((i = 0; i < 20000; ++i)); do : >"$i" || break; done) 2>/dev/null
  # What was to be allocated late may leave some blocks at the first try.
  for ((i = 0; i < 8; ++i)); do
    dd if=/dev/zero bs=1k of="$place/others/$i" 2>/dev/null
    sync -f "$place"
  done
  [[ $(free iavail) -eq 0 && $(free avail) -lt 8 ]] ||
    fail "not full: $(free avail) KiB, $(free iavail) inodes"
}
drain() {  # prints how many
  local got=0 code
  while true; do
    mq receive q --ack >/dev/null 2>"$work/err"
    code=$?
    ((code == 0)) || break
    ((++got))
  done
  ((code == 1)) || { cat "$work/err" >&2; echo "$got, then $code"; return; }
  echo "$got"
}
one_round() {  # BODY SEND-OPTION…
  local sent=0 code
  while true; do
    mq send q -f "$1" "${@:2}" >"$work/out" 2>"$work/err"
    code=$?
    ((code == 0)) || break
    ((++sent < 5000)) || fail "it never gets full"
  done
  same 75 "$code" "a send on a full disk"
  err=$(cat "$work/err")
  one_error_line send
  ((sent > 0)) || fail "nothing can be sent"
  fill_up
  same "$sent" "$(drain)" "received from a full disk, round $round of $WITH"
  rm -rf "$place/others"
  total=$((total + sent))
}

total=0
for WITH in ext4-blocks ext4-inodes tmpfs-blocks tmpfs-inodes; do
  new_disk "$WITH"
  mq create q --format xml >/dev/null || fail "create"
  for ((round = 1; round <= rounds; ++round)); do
    if [[ $WITH == *-blocks ]]; then one_round "$work/large"; else one_round "$work/small"; fi
  done
  # A purge needs as little.
  while mq send q -f "$work/large" >/dev/null 2>&1; do :; done
  fill_up
  expect 0 purge q ALL
  rm -rf "$place/others"
  # What is confirmed from here on is durable.
  expect 0 send q again
  if [[ $WITH == ext4-* ]]; then umount "$place" && mount -o loop "$work/image" "$place" || fail "remount"; fi
  expect 0 receive q --ack
  same again "$out" "the last message"
  expect 0 fsck q
  umount "$place"
done
echo "$((4 * rounds)) times filled, $total messages sent and received"

# ---- An export takes what there is room for, and the rest when there is more
root=$work/elsewhere
mount -t tmpfs -o size=128k none "$place" || fail "mount"
mq create q || fail "create"
head -c 20000 "$work/large" >"$work/medium"
for ((i = 0; i < 20; ++i)); do mq send q -f "$work/medium" >/dev/null || fail "send"; done
expect 75 export q "$place"
files=$(find "$place" -type f | wc -l)
((files >= 3 && files < 8)) || fail "$files files of 20 KB in 128 KiB"
same 0 "$(find "$place" -type f ! -size 20000c | wc -l)" "half a file"
counted $((20 - files)) ready q
mount -o remount,size=1m "$place" || fail "remount"
expect 0 export q "$place"
same 20 "$(find "$place" -type f -size 20000c | wc -l)" "all of them"
counted 0 ready q
