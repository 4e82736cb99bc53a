#!/bin/bash
# Who may include whom: cli -> adapters -> store, watcher -> core; arrows
# point down only, store and watcher never include each other, and what lies above store sees only
# its public headers. Reads every #include line of the tree.
#
#   layers_test.sh SOURCE    first proves on a small bad tree that each rule can fail
set -euo pipefail
export LC_ALL=C

# public_header SOURCE FOLDER HEADER: whether FOLDER installs spoolmq/NAME.h.
public_header() { [[ -f $1/$2/include/$3 ]]; }

# find_refusal SOURCE FILE HEADER: why FILE may not include HEADER into `why`; nothing if it may. Not
# printed: a process for each of some thousand lines takes its time.
find_refusal() {
  local source=$1 file=$2 header=$3
  local folder=${file%%/*} from_public='' to=''
  why=''
  [[ $file == */include/spoolmq/* ]] && from_public=yes

  case $header in
    ../* | ./*) why='a relative path'; return ;;
    spoolmq/*)
      if public_header "$source" core "$header"; then to=core
      elif public_header "$source" store "$header"; then to=store
      else why='no such public header'; return; fi ;;
    core/* | store/* | watcher/* | adapters/* | cli/*)
      to=${header%%/*}
      [[ -z $from_public ]] || { why='a private header, from an installed one'; return; }
      [[ $folder != samples ]] || { why='a private header, from a sample'; return; }
      [[ $to != store || $folder == store ]] || { why='a private header of store/'; return; }
      [[ -f $source/$header ]] || { why='no such header'; return; } ;;
    tests/*) why='a header of the tests'; return ;;
    sqlite3.h)
      [[ -z $from_public &&
        ($folder == store || $file == adapters/*identity* || $file == cli/bench/*limits*) ]] ||
        why='SQLite is for store/, the identities of imports and the limits of the machine'
      return ;;
    CLI/*) [[ $file == cli/*.cc ]] || why='CLI11 is for one .cc of cli/'; return ;;
    asio.hpp | asio/*)
      [[ $folder == adapters || $folder == cli ]] || why='Asio is for adapters/ and cli/'
      return ;;
    *)
      # An installed header may use the language and the C and C++ libraries, nothing to install.
      [[ -z $from_public || $header =~ ^[a-z_]+$ ]] || why='not the standard library'
      return ;;
  esac

  case $folder:$to in
    core:core | store:core | store:store | watcher:core | watcher:watcher) ;;
    adapters:core | adapters:store | adapters:watcher | adapters:adapters) ;;
    cli:*) ;;
    samples:*) ;;
    *) why="$folder/ may not include $to/" ;;
  esac
}

# check SOURCE: prints a line per include against the order; the count of includes on stderr.
check() {
  local source=$1 location file line header why
  local -a cli11=()
  local includes=0
  while IFS=$'\t' read -r location header; do
    includes=$((includes + 1))
    file=${location%:*}
    line=${location##*:}
    find_refusal "$source" "$file" "$header"
    [[ -z $why ]] || echo "$file:$line: $header: $why"
    [[ $header != CLI/* || " ${cli11[*]-} " == *" $file "* ]] || cli11+=("$file")
  done < <(cd "$source" && find core store watcher adapters cli samples \
    \( -name '*.h' -o -name '*.cc' \) -print0 | sort -z |
    xargs -0 grep -HnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]' |
    sed -E 's/^([^:]+:[0-9]+):[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]([^>"]+).*/\1\t\2/')
  ((${#cli11[@]} <= 1)) || echo "CLI11 is included by ${#cli11[@]} files: ${cli11[*]}"
  echo "$includes includes read" >&2
}

# prove: one good tree, and one include line after another that must be refused in it.
prove() {
  local tree missed=0 file header
  tree=$(mktemp -d)
  # shellcheck disable=SC2064  # the value now
  trap "rm -rf '$tree'" EXIT
  mkdir -p "$tree"/{core,store}/include/spoolmq "$tree"/{watcher,adapters,cli,samples}
  echo '#include <string>' >"$tree/core/include/spoolmq/id.h"
  echo '#include "spoolmq/id.h"' >"$tree/store/include/spoolmq/queue.h"
  echo '#include "spoolmq/id.h"' >"$tree/core/text.h"
  printf '#include "core/text.h"\n#include <sqlite3.h>\n' >"$tree/store/index.h"
  echo '#include "core/text.h"' >"$tree/watcher/watch.h"
  printf '#include "spoolmq/queue.h"\n# include "watcher/watch.h"\n' >"$tree/adapters/import.h"
  printf '#include "adapters/import.h"\n#include <CLI/CLI.hpp>\n' >"$tree/cli/parse.cc"
  echo '#include <spoolmq/queue.h>' >"$tree/samples/consumer.cc"
  if [[ -n $(check "$tree" 2>/dev/null) ]]; then
    echo 'a tree in order is refused:'
    check "$tree"
    missed=1
  fi
  while read -r file header; do
    echo "#include \"$header\"" >"$tree/$file"
    if [[ -z $(check "$tree" 2>/dev/null) ]]; then
      echo "not refused: $header from $file"
      missed=1
    fi
    rm "$tree/$file"
  done <<'BAD'
core/bad.cc store/index.h
core/bad.cc spoolmq/queue.h
core/bad.cc watcher/watch.h
core/bad.cc cli/parse.cc
core/bad.cc sqlite3.h
core/bad.cc asio/ts/net.hpp
core/include/spoolmq/bad.h core/text.h
core/include/spoolmq/bad.h spoolmq/queue.h
core/include/spoolmq/bad.h nlohmann/json.hpp
store/include/spoolmq/bad.h store/index.h
store/include/spoolmq/bad.h sqlite3.h
store/bad.h watcher/watch.h
store/bad.h adapters/import.h
store/bad.h ../core/text.h
store/bad.h core/nothing.h
watcher/bad.cc store/index.h
watcher/bad.cc spoolmq/queue.h
watcher/bad.cc adapters/import.h
adapters/bad.cc store/index.h
adapters/bad.cc cli/parse.cc
adapters/bad.cc sqlite3.h
adapters/bad.cc spoolmq/nothing.h
cli/bad.cc store/index.h
cli/bad.cc sqlite3.h
cli/bad.cc CLI/CLI.hpp
cli/bad.h CLI/CLI.hpp
cli/bad.cc tests/support/twin.h
samples/bad.cc core/text.h
BAD
  return "$missed"
}

[[ $# -eq 1 && -d $1/core ]] || { echo "usage: ${0##*/} SOURCE" >&2; exit 64; }
prove
found=$(check "$1")
[[ -z $found ]] || { echo "$found"; exit 1; }
