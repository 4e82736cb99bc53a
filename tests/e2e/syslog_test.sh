#!/bin/bash
# syslog into a queue: logger, rsyslog (a daemon of the test's own, with its own configuration), python's
# SysLogHandler and perl's Sys::Syslog, by a Unix socket, by UDP and through a FIFO.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
. "${0%/*}/bridges.sh"
socket=$work/log
fifo=$work/fifo
mq create q || fail "create"
is_socket() { [[ -S $1 ]]; }
is_fifo() { [[ -p $1 ]]; }
port=$(python3 -c "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])")
receives_udp() { grep -qi ":$(printf %04X "$1") " /proc/net/udp; }
# The next message: "format facility severity host app procid|body", - where there is none.
header() {
  sqlite3 :memory: "select coalesce((select json_extract(value, '\$[1]') from json_each(readfile('$work/one'), '\$.headers')
    where json_extract(value, '\$[0]') = '$1'), '-')"
}
next() {
  mq --json receive q --wait --timeout 60s --ack >"$work/one" || fail "nothing came: $1"
  next="$(header syslog-format) $(header facility) $(header severity) $(header host) $(header app) $(header procid)|$(json "$work/one" '$.body')"
}
is() { next "$2"; same "$1" "$next" "$2"; }

bridge unix datagram-in q --unix "$socket" --format syslog
bridge udp datagram-in q --udp "127.0.0.1:$port" --format syslog
bridge fifo fifo-in q --path "$fifo" --format syslog
until_true is_socket "$socket"
until_true receives_udp "$port"
until_true is_fifo "$fifo"

# ---- logger, by each way it has
logger -u "$socket" -d --id=77 -t app -p local3.err 'from logger'
is 'rfc3164 local3 err - app 77|from logger' "logger to a Unix socket"
same 8 "$(json "$work/one" '$.priority')" "err comes before debug"
logger -n 127.0.0.1 -d -P "$port" -t app -p user.debug --rfc5424=notime,nohost --id=5 'by the RFC'
is 'rfc5424 user debug - app 5|by the RFC' "logger by UDP, RFC 5424"
same 4 "$(json "$work/one" '$.priority')" "debug has the default priority"
logger -n 127.0.0.1 -d -P "$port" -t app -p mail.crit --rfc3164 'the old way'
next "logger by UDP, RFC 3164"
[[ $next == "rfc3164 mail crit $(hostname -s) app -|the old way" ]] || fail "RFC 3164 by UDP: $next"
logger -u "$socket" -d --rfc5424 --sd-id z@123 --sd-param 'a="x y"' --sd-param 'b="2"' -t sd structured
next "structured data"
same 'x y 2' "$(header sd.z@123.a) $(header sd.z@123.b)" "structured data"

# ---- the libraries
python3 -c "
import logging, logging.handlers
log = logging.getLogger()
for at in '$socket', ('127.0.0.1', $port):
    h = logging.handlers.SysLogHandler(address=at, facility='local5'); h.ident = 'py: '; log.addHandler(h)
    log.warning('from python'); log.removeHandler(h)"
is 'rfc3164 local5 warning - py -|from python' "python, Unix"
is 'rfc3164 local5 warning - py -|from python' "python, UDP"
perl -MSys::Syslog=:standard,:macros,setlogsock -e "
  setlogsock({type => 'udp', host => '127.0.0.1', port => $port});
  openlog('perl', 'ndelay,pid', LOG_DAEMON); syslog(LOG_NOTICE, 'from %s', 'perl'); closelog();"
next "perl by UDP"
[[ $next == 'rfc3164 daemon notice - perl '*'|from perl'* ]] || fail "perl by UDP: $next"
perl -MSys::Syslog=:standard,:macros,setlogsock -e "
  setlogsock('unix', '$socket'); openlog('perl', 'ndelay,nofatal', LOG_DAEMON); syslog(LOG_ALERT, 'on a socket'); closelog();"
next "perl by Unix socket"
[[ $next == 'rfc3164 daemon alert - perl -|on a socket'* ]] || fail "perl by Unix socket: $next"

# ---- what is none is kept whole
printf 'no syslog at all\xff' | socat -u - "UNIX-SENDTO:$socket"
next "garbage"
same 'unknown - - - - -|' "$next" "garbage"
same 'bm8gc3lzbG9nIGF0IGFsbP8=' "$(json "$work/one" '$.body_base64')" "kept whole"
python3 -c "
import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for n in range(100): s.sendto(b'<%d>' % n + os.urandom(3 * n), '$socket')"
until_true count_is 100 ready q
mq purge q ALL >/dev/null

# ---- rsyslog: to a socket, by UDP, and by a pipe; each with both formats
# No system has it beside syslog-ng, which is another test's: the package is only unpacked.
rsyslogd=(rsyslogd)
if ! command -v rsyslogd >/dev/null; then
  (cd "$work" && timeout 120 apt-get -q download rsyslog >"$work/apt.log" 2>&1 && dpkg -x rsyslog_*.deb "$work/rsyslog") ||
    { echo "rsyslog cannot be had: $(tail -n 1 "$work/apt.log")"; exit 77; }
  rsyslogd=("$work/rsyslog/usr/sbin/rsyslogd" -M "$(echo "$work"/rsyslog/usr/lib/*/rsyslog)")
fi
cat >"$work/rsyslog.conf" <<END
module(load="imuxsock" SysSock.Use="off")
module(load="omuxsock")
global(workDirectory="$work" maxMessageSize="64k")
input(type="imuxsock" Socket="$work/rsyslog.in" CreatePath="off" usePIDFromSystem="off")
\$OMUxSockSocket $socket
*.* :omuxsock:;RSYSLOG_TraditionalForwardFormat
action(type="omfwd" target="127.0.0.1" port="$port" protocol="udp" template="RSYSLOG_SyslogProtocol23Format")
action(type="ompipe" pipe="$fifo" template="RSYSLOG_SyslogProtocol23Format")
END
start rsyslog "${rsyslogd[@]}" -n -f "$work/rsyslog.conf" -i "$work/rsyslog.pid"
until_true is_socket "$work/rsyslog.in"
logger -u "$work/rsyslog.in" -d --id=9 -t relayed -p local1.warning 'through a daemon'
until_true count_is 3 ready q
host=$(hostname)
for _ in 1 2 3; do
  next "rsyslog"
  source=$(header source)
  case $source in
    unix:*) [[ $next == 'rfc3164 local1 warning '*' relayed 9|through a daemon' ]] || fail "omuxsock: $next" ;;
    # This template of rsyslog's has a blank more in front of what it took apart as RFC 3164.
    *) [[ $next == 'rfc5424 local1 warning '*' relayed 9| through a daemon' ]] || fail "$source: $next" ;;
  esac
  [[ $(header host) == "${host%%.*}"* ]] || fail "$source: host $(header host), not $host"
  ways+=" ${source%%:*}"
done
same 'fifo udp unix' "$(tr ' ' '\n' <<<"$ways" | sort | xargs)" "each way"
# A thousand through the pipe and the socket, while each bridge is killed once; its successor goes on.
burst() { for i in $(seq "$1" "$2"); do echo "burst $i"; done | logger -u "$work/rsyslog.in" -d -t burst; }
burst 1 200
until_true count_is 600 ready q
mq purge q ALL >/dev/null
kill_now fifo
bridge fifo fifo-in q --path "$fifo" --format syslog
burst 201 300
all_of_pipe() { (($(mq --json list q --where "header.source = 'fifo:$fifo'" | wc -l) == 100)); }
until_true all_of_pipe
stop rsyslog
for name in unix udp fifo; do stop "$name" || fail "$name ended with $?"; done
