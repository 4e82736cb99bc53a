# What the end-to-end tests of the command line share. Sourced as `. lib.sh SPOOLMQ`.
#
#   mq ARGUMENT…            the command on this test's own root
#   expect CODE ARGUMENT…   runs it with stdin from fd 0; stdout is then in $out, stderr in $err,
#                           both also in the files of that name. An error (64 and above) must be one
#                           line on stderr, `spoolmq: what: on what: why`, and nothing on stdout.
#   same WANT GOT WHAT      fails if they differ
#   json FILE PATH          one value of the JSON object in FILE
#   until_true COMMAND…     waits for a condition, at most 120 s; asks less often as it gets longer, since
#                           what is asked takes its time from what is waited for
#   has_listener PATH       connections to that Unix socket are accepted: its name is there a little
#                           earlier, and refuses
#   readme_block CHAPTER LANGUAGE [NTH]   that block of the README's, the first unless told otherwise
set -uo pipefail; [[ -n ${E2E_TRACE:-} ]] && set -x
spoolmq=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
readme_file=$(realpath "${BASH_SOURCE[0]%/*}/../../README.md")
export LC_ALL=C.UTF-8
unset SPOOLMQ_ROOT
out='' err=''

fail() {
  echo "${0##*/}: line ${BASH_LINENO[${#BASH_LINENO[@]} - 2]}: $*" >&2
  exit 1
}
mq() { "$spoolmq" --root "$root" "$@"; }

expect() {
  local wanted=$1 code
  shift
  mq "$@" >"$work/out" 2>"$work/err"
  code=$?
  out=$(tr -d '\0' <"$work/out") err=$(tr -d '\0' <"$work/err")
  ((code == wanted)) || fail "\`$*\` exited with $code, not $wanted; it said: $err $out"
  # `consume -- COMMAND` also says what became of each message.
  ((code < 64)) || [[ " $* " == *' -- '* ]] || one_error_line "$*"
}
one_error_line() {
  [[ $(wc -l <"$work/err") -eq 1 && $err =~ ^spoolmq:\ [^:]+:\ .+:\ .+$ ]] ||
    fail "\`$1\` did not say one line, what: on what: why, but: $err"
}
same() { [[ $1 == "$2" ]] || fail "$3: wanted '$1', got '$2'"; }
holds() { [[ $2 == *"$1"* ]] || fail "$3: no '$1' in: $2"; }
json() { sqlite3 :memory: "select json_extract(readfile('$1'), '$2')"; }
json_has() {  # FILE PATH…: every one is there, be it null
  local file=$1 path
  for path in "${@:2}"; do
    [[ $(sqlite3 :memory: "select json_type(readfile('$file'), '$path') is not null") == 1 ]] ||
      fail "no field $path in: $(cat "$file")"
  done
}
until_true() {
  local end=$((SECONDS + 120)) pause=20
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || fail "waited in vain for: $*"
    sleep "0.$(printf %03d "$pause")"
    pause=$((pause < 160 ? pause * 2 : pause))
  done
}
has_listener() { [[ -S $1 ]] && awk -v path="$1" '$4 == "00010000" && $8 == path { found = 1 } END { exit !found }' /proc/net/unix; }
readme_block() {
  awk -v chapter="## $1" -v language="\`\`\`$2" -v nth="${3:-1}" '
    /^## / { here = $0 == chapter }
    /^```$/ { inside = 0 }
    inside { print }
    here && $0 == language { inside = ++seen == nth }' "$readme_file" | grep . ||
    fail "no block $2 ${3:-1} in the README under $1"
}
# COUNT STATE QUEUE: whether so many messages are in that state.
count_is() { [[ $(mq --json stats "$3") =~ ^[^{]*\{[^{]*\"$2\":([0-9]+) && ${BASH_REMATCH[1]} == "$1" ]]; }
counted() { count_is "$@" || fail "not $1 $2 in $3: $(mq --json stats "$3")"; }
uuid='[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}'
one_id() { [[ $1 =~ ^$uuid$ ]] || fail "not an id: $1"; }
