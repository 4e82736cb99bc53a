#!/bin/bash
# samples/systemd: what systemd's own programs say of the unit and its companions, and whether the
# unit leaves `spoolmq serve` the system calls it makes.
#
#   systemd_test.sh SPOOLMQ SOURCE
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
files=$2/samples/systemd

# ---- the unit
sed "s|^ExecStart=spoolmq |ExecStart=$spoolmq |" "$files/spoolmq.service" >"$work/spoolmq.service"
systemd-analyze verify --man=no "$work/spoolmq.service" >"$work/out" 2>&1 || fail "verify: $(cat "$work/out")"
same '' "$(cat "$work/out")" "what systemd-analyze verify has to say"
systemd-analyze security --no-pager --offline=true --threshold=20 "$files/spoolmq.service" >"$work/out" 2>&1 ||
  fail "exposed: $(tail -n 1 "$work/out")"
sets() {
  [[ " $(sed -n "s/^$1=//p" "$files/spoolmq.service") " == *" $2 "* ]] || fail "the unit has no $1=$2"
}
sets AmbientCapabilities CAP_LEASE
same CAP_LEASE "$(sed -n 's/^CapabilityBoundingSet=//p' "$files/spoolmq.service")" "the only capability"
for family in AF_UNIX AF_INET AF_INET6; do sets RestrictAddressFamilies $family; done
sets ReadWritePaths /var/spool/spoolmq
sets Type notify
sets WatchdogSec 60s
sets Restart on-failure

# ---- the unit for programs of other users: the same, but for what it says
sed "s|^ExecStart=spoolmq |ExecStart=$spoolmq |" "$files/spoolmq-exec.service" >"$work/spoolmq-exec.service"
systemd-analyze verify --man=no "$work/spoolmq-exec.service" >"$work/out" 2>&1 || fail "verify: $(cat "$work/out")"
same '' "$(cat "$work/out")" "what systemd-analyze verify has to say of spoolmq-exec"
systemd-analyze security --no-pager --offline=true --threshold=25 "$files/spoolmq-exec.service" >"$work/out" 2>&1 ||
  fail "exposed: $(tail -n 1 "$work/out")"
settings() { grep -v -e '^#' -e '^$' "$1"; }
diff <(settings "$files/spoolmq.service") <(settings "$files/spoolmq-exec.service") | grep '^[<>]' >"$work/out"
same '< Description=spoolmq: import, export and care of message queues
> Description=spoolmq: message queues, and programs run as other users
> Conflicts=spoolmq.service
< AmbientCapabilities=CAP_LEASE
< CapabilityBoundingSet=CAP_LEASE
> AmbientCapabilities=CAP_LEASE CAP_SETUID CAP_SETGID CAP_KILL
> CapabilityBoundingSet=CAP_LEASE CAP_SETUID CAP_SETGID CAP_KILL
> SystemCallFilter=@setuid setrlimit prlimit64 capset' "$(cat "$work/out")" "what differs"

# ---- the user and the directories, made in a system of their own
system=$work/system
mkdir -p "$system/etc"
if ((EUID == 0)); then
  systemd-sysusers --root="$system" "$files/spoolmq.sysusers" >"$work/out" 2>&1 || fail "sysusers: $(cat "$work/out")"
  holds ':/var/spool/spoolmq:/usr/sbin/nologin' "$(grep ^spoolmq: "$system/etc/passwd")" "the user"
  for round in 1 2; do
    systemd-tmpfiles --create --root="$system" "$files/spoolmq.tmpfiles" >"$work/out" 2>&1 ||
      fail "tmpfiles, round $round: $(cat "$work/out")"
  done
  user=$(grep ^spoolmq: "$system/etc/passwd" | cut -d: -f3,4)
  made() { same "$2 $user" "$(stat -c '%a %u:%g' "$system$1")" "$1"; }
  made /var/spool/spoolmq 750
  made /srv/spoolmq/in 2770
  made /srv/spoolmq/out 2750
fi

# ---- system calls: one import, one export, metrics, a reload and an end, seen by strace
allowed() {
  systemd-analyze syscall-filter --no-pager "$1" | sed 's/#.*//' | grep -o '[@a-z0-9_-]\+' | tail -n +2 |
    while read -r name; do
      if [[ $name == @* ]]; then allowed "$name"; else echo "$name"; fi
    done
}
{
  comm -23 <(allowed @system-service | sort -u) <({ allowed @privileged; allowed @resources; } | sort -u)
  allowed @chown
} | sort -u >"$work/allowed"
grep -qx fsync "$work/allowed" || fail "the list of allowed calls is wrong"
! grep -qx setuid "$work/allowed" || fail "the list of allowed calls is wrong"

# NAME: the calls that strace saw in $work/calls are among those in $work/NAME.
within() {
  sed -n 's/^[0-9]\+ \+\([a-z0-9_]\+\)(.*/\1/p' "$work/calls" | sort -u >"$work/called"
  same '' "$(comm -23 "$work/called" "$work/$1" | tr '\n' ' ')" "system calls that the unit refuses"
}

mkdir "$root" "$work/in" "$work/out.d" "$work/errors"
mq create q --check well-formed-xml || fail "create"
mq create "dead" || fail "create"
adapter 'type = "import"' 'queue = "q"' "directory = \"$work/in\"" 'quiet-for = "100ms"' "errors = \"$work/errors\""
adapter 'type = "export"' 'queue = "q"' "directory = \"$work/out.d\"" "group = \"$(id -gn)\"" 'mtime = true' \
  'checksum = "sha256"'
sed -i "1i metrics = \"unix:$work/metrics\"\n" "$root/spoolmq.toml"
start traced strace -f -qq -o "$work/calls" -e signal=none "$spoolmq" --root "$root" serve
until_true service_answers
echo '<a/>' >"$work/in/a.xml"
echo '<a>' >"$work/in/b.xml"
until_true test -e "$work/out.d/a.xml"
until_true test -e "$work/errors/b.xml"
until_true curl -sf --unix-socket "$work/metrics" http://localhost/metrics
service=$(sed -n 's/^\([0-9]\+\) .*/\1/p;q' "$work/calls")
kill -HUP "$service"
until_true service_answers
kill -TERM "$service"
until_true ended "${running[traced]}"
within allowed
grep -qx inotify_add_watch "$work/called" || fail "strace saw too little: $(tr '\n' ' ' <"$work/called")"

# ---- programs: as us and at a terminal in the first unit, as another user in the second
run_traced() { strace -f -qq -o "$work/calls" -e signal=none timeout 60 "$spoolmq" --root "$root" "$@" >/dev/null 2>"$work/err"; }
mq create programs || fail "create"
mq send programs x >/dev/null
run_traced exec programs --once -- cat || fail "exec: $(cat "$work/err")"
within allowed
mq send programs 1+1 >/dev/null
run_traced exec programs --once --mode long-lived --reply-queue dead -- bc || fail "exec: $(cat "$work/err")"
within allowed
mq send programs true >/dev/null
run_traced pty programs --once --prompt '$ ' --environment 'PS1=$ ' --environment ENV= -- dash -i ||
  fail "pty: $(cat "$work/err")"
within allowed
if ((EUID == 0)); then
  { cat "$work/allowed"; allowed @setuid; printf '%s\n' setrlimit prlimit64 capset; } | sort -u >"$work/allowed-exec"
  mq send programs x >/dev/null
  run_traced exec programs --once --user nobody --memory 500M --cpu-time 5s -- cat || fail "user: $(cat "$work/err")"
  within allowed-exec
  grep -qx setresuid "$work/called" || fail "strace saw too little: $(tr '\n' ' ' <"$work/called")"
fi
exit 0
