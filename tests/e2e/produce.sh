#!/bin/bash
# Programs that nobody here wrote drop files into a directory, all at the same time, as the user who
# runs this: cp, tar, unzip, rsync, scp, sftp, curl to an FTP server, mv from another file system,
# editors, dd with a pause of 10 s, and a redirect that grows for 30 s.
#
#   produce.sh PLACE DESTINATION
#
# PLACE is a directory for sources and servers. Each finished file is a line in PLACE/wanted:
# checksum and name. Ends when the last producer does, with 0 if all succeeded.
set -euo pipefail
place=$1 into=$2
umask 022
export LC_ALL=C.UTF-8 HOME=$place
cd "$place"

children=() names=()
begin() {  # NAME COMMAND…: in the background
  "${@:2}" &
  children+=($!) names+=("$1")
}
servers=()
other_file_system=''
stop_servers() {
  for server in "${servers[@]}"; do kill "$server" 2>/dev/null || true; done
  [[ -z $other_file_system ]] || rm -rf "$other_file_system"
}
trap stop_servers EXIT

# source_file NAME BYTES: a file of noise in PLACE, five years old, that is to come through.
source_file() {
  head -c "$2" /dev/urandom >"$1"
  touch -d '5 years ago' "$1"
  sha256sum "$1" >>wanted
}
# text_file NAME CONTENT: what an editor is to have made of it.
text_wanted() { printf '%s\n' "$(printf '%s' "$2" | sha256sum | cut -d' ' -f1)  $1" >>wanted; }

# ---- Servers, on this machine's own address, run by this user
# serve NAME COMMAND…: with @PORT@ replaced by a free port, which is then in $port.
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
serve() {
  local attempt deadline name=$1
  shift
  for attempt in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 12000))
    ! listening "$port" || continue
    sed "s/@PORT@/$port/" "$name.in" >"$name.conf"
    chmod 600 "$name.conf"
    "$@" "$name.conf" >>"$name.log" 2>&1 &
    deadline=$((SECONDS + 10))
    while ((SECONDS < deadline)) && kill -0 $! 2>/dev/null; do
      if listening "$port"; then servers+=($!) && return; fi
      sleep 0.05
    done
    kill $! 2>/dev/null || true
  done
  echo "$name does not listen, attempt $attempt: $(cat "$name.log")" >&2
  return 1
}
start_ssh() {
  ssh-keygen -q -t ed25519 -N '' -f host_key
  ssh-keygen -q -t ed25519 -N '' -f client_key
  cat >sshd.in <<CONFIGURATION
ListenAddress 127.0.0.1:@PORT@
HostKey $place/host_key
AuthorizedKeysFile $place/client_key.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
ForceCommand internal-sftp
CONFIGURATION
  serve sshd /usr/sbin/sshd -D -e -f
  ssh=(-q -F none -P "$port" -i client_key -o BatchMode=yes -o StrictHostKeyChecking=no
    -o UserKnownHostsFile=/dev/null)
  ssh_host=$(id -un)@127.0.0.1
}
start_ftp() {
  cat >vsftpd.in <<CONFIGURATION
listen=YES
listen_address=127.0.0.1
listen_port=@PORT@
background=NO
run_as_launching_user=YES
anonymous_enable=YES
no_anon_password=YES
anon_root=$into
write_enable=YES
anon_upload_enable=YES
anon_umask=022
connect_from_port_20=NO
secure_chroot_dir=$place
xferlog_enable=NO
CONFIGURATION
  serve vsftpd /usr/sbin/vsftpd
  ftp=ftp://127.0.0.1:$port
}

# ---- Producers that pause or are slow
dd_pausing() {
  { dd bs=1M count=2 && sleep 10 && dd bs=1M; } <dd-paused.bin >"$into/dd-paused.bin" 2>/dev/null
}
growing() {
  local step
  for step in {1..10}; do
    dd bs=100K count=1 2>/dev/null
    [[ $step == 10 ]] || sleep 3.3
  done <redirect-30s.bin >"$into/redirect-30s.bin"
}
upload_pausing() {
  { dd bs=1M count=1 && sleep 5 && dd bs=1M; } <curl-paused.bin 2>/dev/null |
    curl -sS -T - "$ftp/curl-paused.bin"
}
slow_scp() { scp "${ssh[@]}" -l 12000 scp-slow.bin "$ssh_host:$into/"; }
slow_rsync() { rsync -t --bwlimit=1500 "${@:2}" "$1" "$into/"; }

# ---- Producers that are done at once
quick_ones() {
  cp -p cp-big.bin cp-one-byte.bin cp-empty.bin "$into/"
  tar -xf archive.tar -C "$into"
  unzip -q archive.zip -d "$into"
  rsync -t rsync-{1,2,3}.bin "$into/"
  rsync -t --inplace rsync-inplace.bin "$into/"
  scp "${ssh[@]}" -p scp.bin "$ssh_host:$into/"
  printf 'put -p sftp.bin %s/\n' "$into" | sftp "${ssh[@]}" -b - "$ssh_host" >/dev/null
  curl -sS -T curl.bin "$ftp/"
  mv "$other_file_system"/mv-{1,2}.bin "$into/"
  cp cp-renamed.bin "$into/.cp-renamed.bin.upload"
  mv "$into/.cp-renamed.bin.upload" "$into/cp-renamed.bin"
}

# What was there before is held open for writing meanwhile, so that only what was saved can be meant.
edited() {  # NAME COMMAND…
  local name=$1 held
  shift
  printf 'first line\n' >"$into/$name"
  exec {held}>>"$into/$name"
  "$@" >/dev/null
  exec {held}>&-
}
vim_save() { vim.tiny -u NONE -i NONE -es "${@:2}" -c '%s/first/edited/' -c 'wq' "$1"; }
ed_save() { printf '%s\n' '1s/first/edited/' w q | ed -s "$1"; }
editors() {
  edited vim-renames.txt vim_save "$into/vim-renames.txt" -c 'set backupcopy=no'
  edited vim-in-place.txt vim_save "$into/vim-in-place.txt" -c 'set backupcopy=yes'
  edited ed.txt ed_save "$into/ed.txt"
  edited sed.txt sed -i 's/first/edited/' "$into/sed.txt"
  vim.tiny -u NONE -i NONE -es -c 'normal iedited line' -c 'wq' "$into/vim-new.txt"
}

# ---- All of it
other_file_system=$(mktemp -d "/dev/shm/spoolmq-produce.XXXXXX")
if [[ $(stat -c %d "$other_file_system") == "$(stat -c %d "$into")" ]]; then
  echo "$into and /dev/shm are one file system: mv has nothing to copy" >&2
  exit 1
fi
: >wanted
source_file cp-big.bin 26000001
source_file cp-one-byte.bin 1
source_file cp-empty.bin 0
source_file cp-renamed.bin 100001
for n in 1 2 3; do source_file "tar-$n.bin" 700001; source_file "zip-$n.bin" 400001; done
tar -cf archive.tar tar-{1,2,3}.bin
zip -q archive.zip zip-{1,2,3}.bin
for n in 1 2 3 inplace; do source_file "rsync-$n.bin" 900001; done
for n in slow slow-inplace; do source_file "rsync-$n.bin" 7000001; done
for n in scp sftp curl; do source_file "$n.bin" 2000001; done
source_file scp-slow.bin 7000001
source_file curl-paused.bin 3000001
source_file dd-paused.bin 5000001
source_file redirect-30s.bin $((10 * 102400))
for n in 1 2; do source_file "mv-$n.bin" 12000001 && mv "mv-$n.bin" "$other_file_system/"; done
for n in vim-renames vim-in-place ed sed; do text_wanted "$n.txt" $'edited line\n'; done
text_wanted vim-new.txt $'edited line\n'

begin redirect growing
begin dd dd_pausing
start_ssh
start_ftp
begin upload upload_pausing
begin scp slow_scp
begin rsync slow_rsync rsync-slow.bin
begin rsync-inplace slow_rsync rsync-slow-inplace.bin --inplace
begin editors editors
quick_ones
for i in "${!children[@]}"; do
  wait "${children[i]}" || { echo "${names[i]} exited with $?" >&2; exit 1; }
done
