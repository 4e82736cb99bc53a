#!/bin/bash
# Who may take a lease on whose file, and what an import does without: another user's file that was
# renamed in, so that nobody saw it being closed.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
others_may_run
mq() { "${user_nobody[@]}" "$spoolmq" --root "$root" "$@"; }
mkdir "$root" "$work/in" "$work/elsewhere"
chown nobody:nogroup "$root"
chown daemon:nogroup "$work/in" "$work/elsewhere"
chmod 2770 "$work/in" "$work/elsewhere"
mq create q || fail "create"
renamed_in() {
  "${user_daemon[@]}" sh -c 'umask 022; echo "body of $2" >"$1/elsewhere/$2"; mv "$1/elsewhere/$2" "$1/in/$2"' \
    sh "$work" "$1"
}
# started CAPABILITY… -- KEY=VALUE…: the service, with such capabilities and such keys.
serve_with() {
  local -a privileges=(--inh-caps=-all --bounding-set=-all)
  if [[ $1 == lease ]]; then
    privileges=(--inh-caps=-all,+lease --ambient-caps=-all,+lease --bounding-set=-all,+lease)
  fi
  : >"$root/spoolmq.toml"
  adapter 'type = "import"' 'queue = "q"' "directory = \"$work/in\"" "${@:2}"
  start serve setpriv --reuid=nobody --regid=nogroup --clear-groups "${privileges[@]}" -- \
    "$spoolmq" --root "$root" serve
  until_true service_answers
}

# ---- with CAP_LEASE, as the unit of samples/systemd has it: as soon as it is stable, and not while
# somebody has it open
serve_with lease
renamed_in granted
until_true count_is 1 ready q
renamed_in first
exec {writer}>>"$work/in/first"
why_says() { mq why "$work/in/first" >"$work/why" 2>&1; grep -q "$1" "$work/why"; }
until_true why_says closed
exec {writer}>&-
until_true count_is 2 ready q
stop serve || fail "serve: $(words_of serve)"

# ---- without it: open until it has been unchanged for long, and `why` says so
serve_with nothing
renamed_in refused
first=refused
why_says() { mq --json why "$work/in/$first" >"$work/why" 2>&1; grep -q "$1" "$work/why"; }
until_true why_says '"closed"'
counted 2 ready q
stop serve || fail "serve: $(words_of serve)"
serve_with nothing 'quiet-for = "3s"'
until_true count_is 3 ready q

# ---- a close that was seen is as good as a lease
stop serve || fail "serve: $(words_of serve)"
serve_with nothing
"${user_daemon[@]}" sh -c 'umask 022; echo closed >"$1/in/closed"' sh "$work"
until_true count_is 4 ready q
stop serve || fail "serve: $(words_of serve)"
exit 0
