#!/bin/bash
# The wall clock of the real program is set back a day and forward ten years, under leases, delays,
# times to live, windows and a service with an import directory: ids stay unique, nothing is lost,
# nothing is stuck for longer than its interval. libfaketime stands before the C library's clock;
# clocks that nobody can set (since boot) it leaves alone.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
library=$(compgen -G '/usr/lib/*/faketime/libfaketime.so.1') || { echo "no libfaketime"; exit 77; }
faked=(LD_PRELOAD="$library" FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1)
today=+0 yesterday=-1d in_ten_years=+3650d
# at WHEN ARGUMENT…: the command, with the clock set so
at() {
  local when=$1
  shift
  env "${faked[@]}" FAKETIME="$when" "$spoolmq" --quiet --root "$root" "$@"
}
same "$(date -d yesterday +%F)" "$(env "${faked[@]}" FAKETIME=$yesterday date +%F)" "the clock that is faked"
mq create q --dedupe-window 2s || fail "create"

# ---- ids and order, and nothing lost
sent=0
for when in $today $yesterday $in_ten_years $yesterday $today; do
  seq "$sent" $((sent + 49)) | at "$when" send q --lines >>"$work/ids" || fail "send at $when"
  ((sent += 50))
done
same "$sent" "$(sort -u "$work/ids" | wc -l)" "different ids"
for when in $in_ten_years $yesterday $today $in_ten_years $today; do
  at "$when" --json receive q -n 50 --ack >>"$work/taken" || fail "receive at $when"
done
same "$(cat "$work/ids")" "$(jq -r .id "$work/taken")" "what came, in this order"

# ---- leases do not listen to it
mq send q leased >/dev/null
at $today receive q --lease 2s >/dev/null || fail "receive"
same leased "$(at $yesterday receive q --ack --timeout 20s)" "behind a lease of 2 s, the clock set back a day"
mq send q leased >/dev/null
receipt=$(at $today --json receive q --lease 1h | jq -r .receipt)
at $in_ten_years receive q --ack >/dev/null
same 1 $? "receive within the lease, the clock set forward"
at $in_ten_years ack q "$receipt" || fail "ack"

# ---- delays, times to live and windows that were begun ten years ahead
at $in_ten_years send q delayed --delay 2s >/dev/null || fail "send"
same delayed "$(at $yesterday receive q --ack --timeout 20s)" "behind a delay of 2 s, the clock set back"
at $in_ten_years send q brief --ttl 2s >/dev/null || fail "send"
at $today stats q >/dev/null || fail "stats"
is_dead() { at $today receive q >/dev/null; count_is 1 dead q; }
sleep 2
until_true is_dead
mq purge q ALL >/dev/null || fail "purge"
first=$(at $in_ten_years send q once --dedupe-key k) || fail "send"
same "$first" "$(at $in_ten_years send q twice --dedupe-key k)" "the id of a known key"
at $today stats q >/dev/null
is_forgotten() { [[ $(at $today send q again --dedupe-key k) != "$first" ]]; }
until_true is_forgotten
mq purge q ALL >/dev/null || fail "purge"

# ---- a service goes on while it is set
mkdir "$work/in"
cat >"$root/spoolmq.toml" <<T
[[adapter]]
type = "import"
queue = "q"
directory = "$work/in"
min-age = "200ms"
T
set_clock() { echo "$1" >"$work/clock.new" && mv "$work/clock.new" "$work/clock"; }
set_clock $today
start serve env "${faked[@]}" FAKETIME_TIMESTAMP_FILE="$work/clock" FAKETIME_CACHE_DURATION=1 \
  "$spoolmq" --root "$root" serve
mq send q leased >/dev/null
at $today receive q --lease 2s >/dev/null || fail "receive"
files=0
for when in $yesterday $in_ten_years $today; do
  set_clock "$when"
  sleep 1.5  # until it is looked at
  for ((i = 0; i < 5; ++i)); do echo "file $((++files))" >"$work/in/$files"; done
  touch -d '1 hour' "$work/in/$files"  # one from the future
  until_true count_is $((files + 1)) ready q
done
# Not by SIGTERM: on a busy machine the service's loop then waited for a timer that never went off.
# The likely cause is libfaketime, which takes over timerfd_settime: asio sets what is due at once by
# an absolute time (TFD_TIMER_ABSTIME).
kill_now serve
mq --json receive q -n 100 --ack >"$work/taken" || fail "receive"
same "$((files + 1))" "$(jq -r .id "$work/taken" | sort -u | wc -l)" "different ids of files and one message"
mq fsck q >"$work/fsck" || fail "fsck: $(cat "$work/fsck")"
