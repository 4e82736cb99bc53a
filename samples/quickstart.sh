#!/bin/bash
# From a fresh Debian 12 to real files going through real queues: installs what is missing (as root,
# or through sudo), builds preset `release`, then takes documents of this machine through
# import -> a consumer that is killed -> a consumer that finishes -> export, and compares.
# Everything it makes is in one new directory under $TMPDIR, whose path it prints.
#
#   samples/quickstart.sh                     install, build, show
#   SPOOLMQ=/usr/bin/spoolmq samples/quickstart.sh    show, with a binary that is there already
set -euo pipefail
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=samples/prepare.sh
. "$source_dir/samples/prepare.sh"

step() { printf '\n== %s\n' "$*"; }
show() { printf '$ %s\n' "$*"; "$@"; }
show_end() { printf '$ %s | tail -n 3\n' "$*"; "$@" | tail -n 3; }

# documents: up to 200 files of this machine, XML first, one NUL-terminated path each. 256 KiB is
# plenty for a document that people look at.
documents() {
  local -a places=()
  local place
  for place in /usr/share /etc; do [[ ! -d $place ]] || places+=("$place"); done
  {
    find "${places[@]}" -type f -readable -size -512 -size +0 -name '*.xml' -print0 2>/dev/null || true
    find "${places[@]}" -type f -readable -size -512 -size +0 \( -name '*.json' -o -name '*.html' \
      -o -name '*.txt' -o -name '*.conf' -o -path '*/common-licenses/*' -o -name copyright \) \
      -print0 2>/dev/null || true
  } | { head -z -n 200; cat >/dev/null; }
}

# fill_inbox: copies the documents into inbox/ and originals/, numbered, since names repeat.
fill_inbox() {
  local path name count=0
  while IFS= read -r -d '' path; do
    count=$((count + 1))
    name=$(printf '%03d-%s' "$count" "${path##*/}")
    cp -- "$path" "originals/$name"
    cp -- "$path" "inbox/$name"
  done < <(documents)
  ((count > 0)) || fail "found no readable files below /usr/share and /etc"
  printf '%d documents, e.g. %s\n' "$count" "$name"
}

# The commands run for each message: body on stdin, facts in the environment, verdict by exit code.
# It may run twice for one message if it is interrupted; the dedupe key makes one result of that.
write_workers() {
  cat >checksum.sh <<'WORKER'
#!/bin/sh
set -eu
sum=$(sha256sum)
printf '%s\n' "${sum%% *}" |
  spoolmq send results -H "name=$SPOOLMQ_H_NAME" --dedupe-key "$SPOOLMQ_ID" >/dev/null
echo "$SPOOLMQ_ID delivery $SPOOLMQ_DELIVERIES" >>worked.log
WORKER
  # The same, but with the twentieth message it stays until its consumer has been killed: the result
  # is sent, the message is not acknowledged.
  cat >checksum-and-wait.sh <<'WORKER'
#!/bin/sh
set -eu
./checksum.sh
[ "$(wc -l <worked.log)" -ge 20 ] || exit 0
while kill -0 "$PPID" 2>/dev/null; do sleep 0.01; done
WORKER
  chmod +x checksum.sh checksum-and-wait.sh
}

lines_in() { wc -l <"$1"; }

# kill_a_consumer: starts one, and kills it with the twentieth message in its hands.
kill_a_consumer() {
  local consumer deadline=$((SECONDS + 20))
  local -a documents=(originals/*)
  local needed=20
  ((${#documents[@]} >= needed)) || fail "only ${#documents[@]} documents here: too few to show this"
  : >worked.log
  printf '$ %s\n' 'spoolmq consume docs -- ./checksum-and-wait.sh &'
  spoolmq consume docs -- ./checksum-and-wait.sh &
  consumer=$!
  until (($(lines_in worked.log) >= needed)); do
    kill -0 "$consumer" 2>/dev/null || fail "the consumer ended by itself"
    ((SECONDS < deadline)) || { kill -KILL "$consumer"; fail "the consumer does not get on"; }
    sleep 0.02
  done
  kill -KILL "$consumer"
  wait "$consumer" 2>/dev/null || true
  printf '$ kill -9 %d      # after %d documents\n' "$consumer" "$(lines_in worked.log)"
}

# compare: each original's checksum must be what outbox/ has under its name, and nothing else.
compare() {
  local path name wrong=0 wanted got
  for path in originals/*; do
    name=${path##*/}
    wanted=$(sha256sum <"$path")
    got=$(cat "outbox/$name" 2>/dev/null || echo missing)
    [[ ${wanted%% *} == "$got" ]] || { say "outbox/$name: $got instead of ${wanted%% *}"; wrong=1; }
  done
  local -a sent=(originals/*) results=(outbox/*)
  ((wrong == 0 && ${#sent[@]} == ${#results[@]})) ||
    fail "${#sent[@]} documents in, ${#results[@]} results out: see $PWD"
  printf '%d documents in, %d results out, every checksum right.\n' "${#sent[@]}" "${#results[@]}"
}

if [[ -n ${SPOOLMQ:-} ]]; then
  binary=$(realpath -e -- "$SPOOLMQ")
else
  install_packages "$source_dir" build
  build_preset "$source_dir" release spoolmq
  binary=$source_dir/build/release/spoolmq
fi
PATH=$(dirname "$binary"):$PATH
scratch=$(mktemp -d "${TMPDIR:-/tmp}/spoolmq-quickstart.XXXXXX")
export PATH SPOOLMQ_ROOT=$scratch/root
cd "$scratch"
mkdir inbox originals outbox
printf 'Everything below happens in %s\n' "$scratch"

step "1. Two queues"
show spoolmq create docs
show spoolmq create results

step "2. Documents of this machine into the directory inbox, and from there into the queue"
fill_inbox
# Import leaves files alone that are younger than 2 s, somebody may still be writing them.
show_end spoolmq import docs inbox --quiet-for 0
show spoolmq stats docs
show spoolmq list docs --limit 5

step "3. A consumer takes the checksum of each document and is killed on the way"
write_workers
kill_a_consumer
show spoolmq stats docs

step "4. Another one goes on at once: what the dead one held is delivered again"
show spoolmq consume docs --concurrency "$(nproc)" --until-empty -- ./checksum.sh
again=$(grep -cv ' delivery 1$' worked.log || true)
printf 'delivered more than once: %d, because of the kill; its result counts once (--dedupe-key)\n' "$again"
show spoolmq stats docs

step "5. Results leave as files, under the names the documents came with"
show_end spoolmq export results outbox
compare

cat <<NEXT

What this was: files became durable messages, a consumer died with a message in its hands, nothing
was lost, nothing came out twice.

Try next:
  export SPOOLMQ_ROOT=$SPOOLMQ_ROOT PATH=$(dirname "$binary"):\$PATH
  spoolmq send docs 'hello' -H site=LYS
  spoolmq list docs
  spoolmq peek docs
  spoolmq receive docs --lease 10s      # prints a receipt, for: spoolmq ack docs RECEIPT
  spoolmq why docs                      # why nothing moves
  spoolmq --json stats docs
  $source_dir/samples/order-desk/run.sh      # files in, files out, by itself: spoolmq serve
  spoolmq --help
  rm -r $scratch
NEXT
