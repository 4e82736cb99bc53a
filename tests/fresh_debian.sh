#!/bin/bash
# The two commands a newcomer types, on a Debian 12 that has nothing: makes one with debootstrap,
# copies this tree into it, and runs samples/quickstart.sh and tests/run.sh there, each twice; the
# second runs must install nothing. Needs root, debootstrap, and a Debian mirror.
#
#   tests/fresh_debian.sh FOLDER [MIRROR]
#
# FOLDER/base is the bare system, made once; FOLDER/root is a copy of it, new for every run.
set -euo pipefail
folder=${1:?usage: tests/fresh_debian.sh FOLDER [MIRROR]}
mirror=${2:-http://deb.debian.org/debian}
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
say() { printf '\n#### %s\n' "$*"; }
fail() { printf 'fresh_debian.sh: %s\n' "$*" >&2; exit 1; }
((EUID == 0)) || fail "must be run as root"
mkdir -p "$folder"
folder=$(realpath "$folder")
base=$folder/base root=$folder/root

mounts=("$root/proc" "$root/dev/shm")
unmount() {
  local place
  for place in "${mounts[@]}"; do
    ! mountpoint -q "$place" || umount "$place" || umount --lazy "$place"
  done
}

# Removes FOLDER/root, but never through a mount that is still there.
remove_root() {
  unmount
  local place
  for place in "${mounts[@]}"; do
    ! mountpoint -q "$place" || fail "$place cannot be unmounted"
  done
  rm -rf --one-file-system "$root"
}

if [[ ! -f $base.complete ]]; then
  rm -rf --one-file-system "$base"
  debootstrap --variant=minbase bookworm "$base" "$mirror"
  touch "$base.complete"
fi
remove_root
trap unmount EXIT
cp -a "$base" "$root"
mount -t proc proc "$root/proc"
mkdir -p "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"

# Packages come from where this machine gets Debian's: name resolution, apt's settings for the way to
# the mirror, and the two files that may name it.
cp --dereference /etc/resolv.conf "$root/etc/resolv.conf"
for setting in /etc/apt/apt.conf /etc/apt/apt.conf.d/*; do
  ! grep -sqi 'acquire::' "$setting" || cp "$setting" "$root/etc/apt/apt.conf.d/"
done
if [[ -f /etc/apt/sources.list.d/debian.sources ]]; then
  cp /etc/apt/sources.list.d/debian.sources "$root/etc/apt/sources.list.d/"
  rm -f "$root/etc/apt/sources.list"
elif [[ -s /etc/apt/sources.list ]]; then
  cp /etc/apt/sources.list "$root/etc/apt/sources.list"
fi

# The tree as git sees it: tracked and new files, nothing that is ignored.
mkdir "$root/spoolmq"
git -C "$source_dir" ls-files -z --cached --others --exclude-standard |
  tar --create --directory="$source_dir" --null --files-from=- |
  tar --extract --no-same-owner --directory="$root/spoolmq"

# inside COMMAND: in the new system, with an environment of its own.
inside() {
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-dumb}" \
    chroot "$root" /bin/bash -c "cd /spoolmq && $1"
}

for command in samples/quickstart.sh tests/run.sh; do
  say "$command, for the first time"
  before=$SECONDS
  inside "$command"
  say "took $((SECONDS - before)) s; $command, again"
  before=$SECONDS
  inside "$command" 2>&1 | tee "$folder/second.log"
  ! grep -q '^installing:' "$folder/second.log" || fail "the second run of $command installs packages"
  say "took $((SECONDS - before)) s"
done
