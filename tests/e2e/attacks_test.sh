#!/bin/bash
# Who may send to a queue means no good: what a message says of itself must not reach a terminal, a
# file's structure, a path or a program's environment as anything but text; and what spoolmq makes
# is nobody else's, whatever the umask. The rows of store/SECURITY.md that have no test elsewhere.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
escapes=$'\e[2J\e[31mred\e]0;title\a\u009b1m'
# shellcheck disable=SC2016  # a shell that reads them as a command must not be there
commands='$(touch '"$work"'/oops)`touch '"$work"'/oops`;touch '"$work"'/oops'
breaks=$'a\r\nX-Injected: yes\n\n<header name="x">y</header>]]><!--'
mq create q --backoff 0s --max-failures 1 --history all || fail "create"

# ---- a terminal: nothing but text and ends of lines, in whatever is said of a message
plain() {  # COMMAND…
  mq "$@" >"$work/said" 2>&1
  ! LC_ALL=C grep -qP '[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$work/said" ||
    fail "control characters in $1: $(cat -v "$work/said")"
}
printf '%s' "body $escapes" >"$work/body"
plain send q -f "$work/body" --header "h=$escapes" --header "x=$breaks" --order-key "$escapes" --as $'me\e[1m' \
  --correlation-id $'\e[5n' --dedupe-key "$breaks"
id=$(tail -n 1 "$work/said")
one_id "$id"
same 65 "$(mq send q x --header "$escapes=1" >"$work/said" 2>&1; echo $?)" "a header with such a name"
plain send q x --header "$escapes=1"
plain send q x --type $'\e[1m'
plain send $'\e[1mq' x
for look in "list q" "search q red" "info q $id" "why q $id" "peek q" "stats q" \
  "--json list q" "--json info q $id"; do
  # shellcheck disable=SC2086
  plain $look
  [[ -s $work/said ]] || fail "$look says nothing"
done
plain hold q "$id" --reason "$escapes"
plain list q
plain why q "$id"
plain unhold q "$id"
start bad "$spoolmq" --root "$root" consume q --until-empty -- sh -c 'cat >&2; exit 65'
until_true count_is 1 dead q
until_true ended "${running[bad]}"
plain list q
plain trace q "$id"
[[ -s $work/said ]] || fail "trace says nothing of a dead message"
plain info q "$id"
plain requeue q "$id"

# ---- the file of a message, and what an export makes of it
expect 0 send q --format xml "$breaks" --header "x=$breaks" --order-key "$breaks" --as "$commands" --header "h=$escapes"
python3 -B - "$(find "$root/queues/q" -name '*.xml')" "$breaks" "$commands" "$escapes" <<'PYTHON' || fail "another structure"
import base64, sys, xml.etree.ElementTree as tree
path, breaks, commands, escapes = sys.argv[1], *(s.encode("utf-8", "surrogateescape") for s in sys.argv[2:])
space = "{urn:spoolmq:message:1}"
root = tree.parse(path).getroot()
def value(node, text, name=None):
    coded = node.get("encoding") == "base64" if name is None else name + "-base64" in node.attrib
    raw = text if name is None else node.get(name + "-base64") if coded else node.get(name)
    return base64.b64decode(raw) if coded else raw.encode()
headers = {one.get("name"): value(one, one.text) for one in root.findall(space + "header")}
assert headers == {"x": breaks, "h": escapes}, headers
assert value(root, None, "order-key") == breaks
assert value(root.find(space + "from"), None, "name") == commands
assert [child.tag.replace(space, "") for child in root] == ["from", "header", "header", "body", "checksum"]
PYTHON

# ---- paths: what a name or a template's field says stays where it belongs
touch "$work/before"
for name in ../x a/../b . .. .x /x a//b a/ 'a b' $'a\nb' %2e%2e '' "$(printf '%0129d' 7)"; do
  for command in "create" "send" "stats" "bind t" "passwd ../x"; do
    [[ $command == passwd* ]] && continue
    # shellcheck disable=SC2086
    mq $command "$name" </dev/null >"$work/said" 2>&1
    code=$?
    ((code == 64)) || fail "$command '$name' exits with $code: $(cat "$work/said")"
  done
done
mkdir "$work/exported"
for evil in ../../evil /tmp/evil .. . "$breaks" "$commands" ''; do
  expect 0 send q evil --header "to=$evil"
done
for template in '{header:to}' '../{header:to}' '{header:to}/{id}' '{id}{header:to}'; do
  mq --quiet export q "$work/exported" --name "$template" --limit 2 --exists suffix >/dev/null 2>"$work/err"
done
expect 0 --quiet export q "$work/exported" --name '{header:to}' --exists suffix
found=$(find "$work" -newer "$work/before" -not -path "$root*" -not -path "$work/exported/*" -name '*evil*')
[[ -z $found && ! -e /tmp/evil ]] || fail "outside of the directory: $found"
find "$work/exported" -type f -printf '%f\0' >"$work/names"
! LC_ALL=C grep -qaP '[\x01-\x1f\x7f]' "$work/names" || fail "control characters in exported names"
counted 0 ready q

# ---- a program that is run on messages: headers are not its environment, nothing is a command
cat >"$work/look.sh" <<'LOOK'
#!/bin/sh
env | cut -d= -f1 | sort >"$1.names"
tr '\0' '\n' </proc/$$/cmdline >"$1.argv"
cat >"$1.body"
LOOK
chmod +x "$work/look.sh"
expect 0 send q "$commands" --header LD_PRELOAD=/nonexistent.so --header PATH=/nonexistent --header "IFS=$commands" \
  --header BASH_ENV="$work/body" --header SPOOLMQ_ROOT=/elsewhere --order-key "$commands" --as "$commands"
env -i PATH="$PATH" "$spoolmq" --root "$root" consume q --until-empty -- "$work/look.sh" "$work/seen" || fail "consume"
[[ $(cat "$work/seen.body") == "$commands" ]] || fail "the body: $(cat "$work/seen.body")"
same $'/bin/sh\n'"$work/look.sh"$'\n'"$work/seen" "$(cat "$work/seen.argv")" "the arguments"
strange=$(grep -vE '^(SPOOLMQ_[A-Z_]+|PATH|PWD|OLDPWD|SHLVL|_)$' "$work/seen.names")
[[ -z $strange ]] || fail "in the environment: $strange"
[[ ! -e $work/oops ]] || fail "something was run"

# ---- whatever the umask: every object is its owner's alone
umask 000
open_root=$work/open
mq_open() { timeout 60 "$spoolmq" --root "$open_root" "$@"; }
mq_open create q || fail "create"
mq_open send q x >/dev/null || fail "send"
at=(start)
"${at[@]}" fifo "$spoolmq" --root "$open_root" fifo-in q --path "$work/fifo"
"${at[@]}" stream "$spoolmq" --root "$open_root" socket-in q --unix "$work/stream"
"${at[@]}" datagram "$spoolmq" --root "$open_root" datagram-in q --unix "$work/datagram"
"${at[@]}" stomp "$spoolmq" --root "$open_root" stomp --unix "$work/stomp"
"${at[@]}" tail "$spoolmq" --root "$open_root" tail q
"${at[@]}" serve "$spoolmq" --root "$open_root" serve
exists() { [[ -e $1 ]]; }
for object in fifo stream datagram stomp open/run/control; do until_true exists "$work/$object"; done
until_true grep -q x "$work/tail.log"
for object in fifo stream datagram stomp; do
  same "600" "$(stat -c %a "$work/$object")" "the mode of $object"
done
found=$(find "$open_root" -perm /077 -printf '%p %m\n')
[[ -z $found ]] || fail "open to others: $found"
# Its directory may be entered (711), for the queues of groups.
mapfile -t shared < <(find "/dev/shm/spoolmq-$EUID" -name "*-$(stat -c %i "$open_root/queues/q")" -printf '%m %f\n')
((${#shared[@]} > 0)) || fail "nothing of the queue's in /dev/shm"
for one in "${shared[@]}"; do [[ $one == 600\ * ]] || fail "open to others: $one"; done
for name in fifo stream datagram stomp tail serve; do
  stop $name
  code=$?
  ((code == 0 || code == 143 || code == 130)) || fail "$name ended with $code: $(words_of $name)"
done
exit 0
