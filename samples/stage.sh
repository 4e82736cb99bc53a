# shellcheck shell=bash
# Sourced by the run.sh of each sample: finds spoolmq, makes a place for everything, shows what is
# typed, starts programs and stops them at the end.
#
#   run.sh               in a new directory below $TMPDIR, whose path it prints
#   run.sh DIRECTORY     there; it must not exist
#   SPOOLMQ=/usr/bin/spoolmq run.sh      with that binary, not the one in PATH or build/release
set -euo pipefail
sample=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)

say() { printf '%s\n' "$*"; }
step() { printf '\n== %s\n' "$*"; }
show() { printf '$ %s\n' "$*"; "$@"; }
fail() { printf '%s: %s\n' "${sample##*/}" "$*" >&2; exit 1; }
needs() {  # PROGRAM PACKAGE
  command -v "$1" >/dev/null || fail "needs $1: apt-get install $2"
}

# stage DIRECTORY…: makes the place with these directories and goes there. The sample's own files
# say /srv/NAME; in its copies of them that is the place.
stage() {
  local binary=${SPOOLMQ:-$(command -v spoolmq || echo "$sample/../../build/release/spoolmq")}
  binary=$(realpath -e -- "$binary") || fail "no spoolmq here: run samples/quickstart.sh first"
  place=${place_given:-$(mktemp -d "${TMPDIR:-/tmp}/spoolmq-${sample##*/}.XXXXXX")}
  mkdir -p "$place" && place=$(realpath -e -- "$place")
  PATH=$(dirname "$binary"):$PATH
  export PATH SPOOLMQ_ROOT=$place/root
  cd "$place"
  mkdir "$@" root
  sed "s|/srv/${sample##*/}|$place|g" "$sample/spoolmq.toml" >root/spoolmq.toml
  printf 'Everything below happens in %s\n' "$place"
}

# start COMMAND…: in the background, its words go to log; it is stopped when the script ends.
started=()
start() {
  printf '$ %s &\n' "$*"
  "$@" >>log 2>&1 &
  started+=($!)
}
stop_all() {
  local process
  for process in "${started[@]}"; do kill -TERM "$process" 2>/dev/null || true; done
  for process in "${started[@]}"; do wait "$process" 2>/dev/null || true; done
  started=()
}
trap stop_all EXIT

# wait_for WHAT COMMAND…: until it succeeds, at most 60 s; what went wrong is in the log.
wait_for() {
  local what=$1 deadline=$((SECONDS + 60)) process
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || { tail -n 20 log >&2; fail "waited in vain for $what, see $PWD"; }
    for process in "${started[@]}"; do
      kill -0 "$process" 2>/dev/null || { tail -n 20 log >&2; fail "something ended by itself, see $PWD/log"; }
    done
    sleep 0.05
  done
}
files_are() {  # COUNT DIRECTORY [PATTERN]
  [[ $(find "$2" -maxdepth 1 -type f -name "${3:-*}" ! -name '.*' | wc -l) -eq $1 ]]
}

place_given=${1:-}
[[ -z $place_given || ! -e $place_given ]] || fail "$place_given is there already"
