# shellcheck shell=bash
# What the tests of bridges to the kernel's IPC share. Sourced behind lib.sh and running.sh.
#
#   no_fds NAME, fds_again NAME  it can open no descriptor; again it can
#   rests NAME                   fails unless it uses next to no CPU for a second
#   least BEFORE NOW             the lesser of two measures, NOW where there is none before: what a
#                                busy machine adds to some of them is in neither
rounds=${SPOOLMQ_KILL_ROUNDS:-20}          # how often a process is killed under load
down_seconds=${SPOOLMQ_DOWN_SECONDS:-2}    # how long a destination is away
# Below it every number is taken, and poll(2) wants to be allowed as many as it is asked about.
no_fds() { prlimit --pid "$(pid_of "$1")" --nofile=8: || fail "prlimit"; }
fds_again() { prlimit --pid "$(pid_of "$1")" --nofile=1024: || fail "prlimit"; }
rests() {
  local before
  before=$(cpu_ticks "$1")
  sleep 1  # not for something to happen: what is measured is a second
  (($(cpu_ticks "$1") - before <= 10)) || fail "$1 is busy with nothing: $(words_of "$1")"
}
least() { if [[ -n $1 ]] && (($1 < $2)); then echo "$1"; else echo "$2"; fi; }
logged() { grep -q -- "$2" "$work/$1.log"; }  # NAME TEXT
# The bodies of all that are ready in a queue, each with an end of line, acknowledged.
take_all() { while mq receive "$1" -n 10000 --ack --null; do :; done | tr '\0' '\n'; }
