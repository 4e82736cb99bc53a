#!/bin/bash
# Very many files: dropped while no service runs, and under one for which the kernel's queue of
# events is far too short. Each comes in, and none twice.
# SPOOLMQ_VOLUME_STOPPED and SPOOLMQ_VOLUME_RUNNING set how many; 0 of the latter leaves them out.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
stopped=${SPOOLMQ_VOLUME_STOPPED:-200000}
flowing=${SPOOLMQ_VOLUME_RUNNING:-20000}
in=$work/in new=$work/new
mkdir "$in" "$new" "$work/out"

# The kernel looks at its limit when a service begins; it is lowered for that moment alone.
limit=/proc/sys/fs/inotify/max_queued_events
default_limit=$(<"$limit")
lower_limit() { echo 64 2>/dev/null >"$limit"; }
restore_limit() { [[ $(<"$limit") == "$default_limit" ]] || echo "$default_limit" >"$limit"; }
trap 'restore_limit; end_all' EXIT

# make_files FROM TO DIRECTORY: that many files of one line, their number.
make_files() { seq "$1" "$2" | split -l 1 -a 6 -d - "$3/$1."; }
move_some() { find "$new" -type f -name "$1" -print0 | xargs -0 mv -t "$in"; }
moved() { mq --json adapters in >"$work/state" && json "$work/state" '$.moved'; }
until_moved() {  # COUNT: goes on as long as it grows
  local count now=-1 deadline
  until [[ $now == "$1" ]]; do
    count=$(moved)
    if [[ $count != "$now" ]]; then
      deadline=$((SECONDS + 60))
    elif ((SECONDS > deadline)); then
      fail "$count of $1 were imported: $(words_of service)"
    fi
    now=$count
    sleep 1
  done
}

mq create q || fail "create"
adapter 'name = "in"' 'type = "import"' 'queue = "q"' "directory = \"$in\"" \
  'ready = ["rename"]' 'rescan = "1h"'
# ---- while it is stopped
make_files 1 "$stopped" "$in"
begun=${EPOCHREALTIME%.*}
start service "$spoolmq" --root "$root" serve
until_true service_answers
until_moved "$stopped"
echo "$stopped files that lay there: $((${EPOCHREALTIME%.*} - begun)) s"
stop service || fail "the service ended with $?"

# ---- while it runs. What comes while it does not read overflows the queue for certain; the rest
# may. Without the right to lower the limit, that is as many as overflow the usual one.
if ((flowing > 0)); then
  make_files "$((stopped + 1))" "$((stopped + flowing))" "$new"
  unheard='*[02468]'
  lower_limit || unheard='*'
  start service "$spoolmq" --root "$root" serve
  until_true service_answers
  restore_limit
  begun=${EPOCHREALTIME%.*}
  kill -STOP "${running[service]}"
  move_some "$unheard"
  kill -CONT "${running[service]}"
  move_some '*'
  until_moved "$flowing"
  echo "$flowing files under a service that was told too little: $((${EPOCHREALTIME%.*} - begun)) s"
  stop service || fail "the service ended with $?"
fi
same 0 "$(find "$in" -type f | wc -l)" "files that are left"

# Every number once.
counted "$((stopped + flowing))" ready q
mq export q "$work/out" --append --name all >"$work/names" || fail "export"
sort -n "$work/out/all" | cmp - <(seq "$((stopped + flowing))") || fail "not every file once"
exit 0
