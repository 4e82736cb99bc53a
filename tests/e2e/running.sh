# shellcheck shell=bash
# Programs in the background, and other users. Sourced behind lib.sh by the tests of directories.
#
#   start NAME COMMAND…   a program, not a function; its words go to $work/NAME.log
#   stop NAME             SIGTERM, and its exit code; fails where it takes longer than 30 s
#   kill_now NAME         SIGKILL, to it and its children
#   words_of NAME         the end of its log, for a failure
#   pid_of NAME           and of that process, in /proc:
#   resident_kb NAME      its memory
#   cpu_ticks NAME        what it has used so far (100 a second)
# Whatever runs still when the test ends is killed.
declare -A running=()
start() {
  local name=$1
  shift
  setsid "$@" >>"$work/$name.log" 2>&1 &  # a process group of its own
  running[$name]=$!
}
ended() { [[ ! -e /proc/$1/stat || $(cut -d')' -f2- "/proc/$1/stat" 2>/dev/null) == ' Z'* ]]; }
is_running() { ! ended "${running[$1]}"; }
stop() {
  local name=$1 process=${running[$1]} deadline=$((SECONDS + 30))
  kill -TERM "$process" 2>/dev/null
  until ended "$process"; do
    ((SECONDS < deadline)) || fail "$name does not stop: $(words_of "$name")"
    sleep 0.02
  done
  unset "running[$name]"
  wait "$process"
}
kill_now() {
  local process=${running[$1]}
  unset "running[$1]"
  kill_group "$process"
  wait "$process" 2>/dev/null
}
# Just started, it may not have made its group yet; ended, it may have left none.
kill_group() { until kill -KILL -- "-$1" 2>/dev/null || ended "$1"; do :; done; }
pid_of() { echo "${running[$1]}"; }
resident_kb() { awk '/^VmRSS:/ { print $2 }' "/proc/$(pid_of "$1")/status"; }
cpu_ticks() { cut -d')' -f2- "/proc/$(pid_of "$1")/stat" | awk '{ print $12 + $13 }'; }
words_of() { tail -n 15 "$work/$1.log"; }
end_all() {
  local process
  for process in "${running[@]}"; do kill_group "$process"; done
  wait
  rm -rf "$work"
} 2>/dev/null
trap end_all EXIT

# bridge NAME COMMAND…: spoolmq in the background
bridge() { start "$1" "$spoolmq" --root "$root" "${@:2}"; }

# ---- Users. Two that every Debian has; `user_NAME` stands before a command.
# shellcheck disable=SC2034  # used by whoever sources this
user_daemon=(setpriv --reuid=daemon --regid=daemon --clear-groups --)
# shellcheck disable=SC2034
user_nobody=(setpriv --reuid=nobody --regid=nogroup --clear-groups --)
# others_may_run: this test's place and the binary, for users that are not us.
others_may_run() {
  ((EUID == 0)) || { echo "needs the superuser"; exit 77; }
  chmod 711 "$work"
  cp "$spoolmq" "$work/spoolmq" && chmod 755 "$work/spoolmq" && spoolmq=$work/spoolmq
}

# ---- The service
# adapter KEY=VALUE…: one [[adapter]] table more in the root's spoolmq.toml; VALUE as TOML has it.
adapter() {
  {
    printf '[[adapter]]\n'
    printf '%s\n' "$@"
    printf '\n'
  } >>"$root/spoolmq.toml"
}
service_answers() { mq adapters; }
# state_is ADAPTER STATE: what `adapters` says of it is then in $work/state.
state_is() { mq --json adapters "$1" >"$work/state" && [[ $(json "$work/state" '$.state') == "$2" ]]; }
