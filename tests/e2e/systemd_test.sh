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
sed -n 's/^[0-9]\+ \+\([a-z0-9_]\+\)(.*/\1/p' "$work/calls" | sort -u >"$work/called"
grep -qx inotify_add_watch "$work/called" || fail "strace saw too little: $(tr '\n' ' ' <"$work/called")"
refused=$(comm -23 "$work/called" "$work/allowed" | tr '\n' ' ')
same '' "$refused" "system calls that the unit refuses"
exit 0
