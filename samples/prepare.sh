# shellcheck shell=bash
# Sourced by quickstart.sh and tests/run.sh: installs the packages of packages.txt and builds a
# preset. Whatever is there already is left alone, so that a second run costs next to nothing.

# Words for the person who runs the script: stderr, as spoolmq itself does.
say() { printf '%s\n' "$*" >&2; }
fail() { say "${0##*/}: $*"; exit 1; }

# packages_of FILE SECTION…: the names listed in these sections, one per line.
packages_of() {
  local file=$1 line section=''
  shift
  while IFS= read -r line || [[ -n $line ]]; do
    line=${line%%#*}
    line=${line//[[:space:]]/}
    if [[ $line == \[*\] ]]; then
      section=${line:1:-1}
    elif [[ -n $line && " $* " == *" $section "* ]]; then
      printf '%s\n' "$line"
    fi
  done <"$file"
}

# install_packages SOURCE SECTION…: as root, or through sudo; asks for nothing when all are there.
install_packages() {
  local source=$1 name
  shift
  command -v dpkg-query >/dev/null || fail "this is not a Debian system: install the packages of \
samples/packages.txt by hand, then build with: cmake --preset release"
  local -a wanted missing=() as_root=()
  mapfile -t wanted < <(packages_of "$source/samples/packages.txt" "$@")
  ((${#wanted[@]} > 0)) || fail "no packages listed under: $*"
  local installed
  installed=" $(dpkg-query -W -f='${Package}=${db:Status-Status} ' "${wanted[@]}" 2>/dev/null || true)"
  for name in "${wanted[@]}"; do
    [[ $installed == *" $name=installed "* ]] || missing+=("$name")
  done
  ((${#missing[@]} > 0)) || return 0

  if ((EUID != 0)); then
    command -v sudo >/dev/null || fail "not root and no sudo: have root run: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing: ${missing[*]}"
  local -a apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
    apt-get -q -y -o DPkg::Lock::Timeout=300)
  "${apt[@]}" update >&2
  without_daemons "${apt[@]}" install --no-install-recommends "${missing[@]}" >&2
}

# without_daemons COMMAND…: packages that it installs start no service (the tests bring their own
# configuration to sshd and vsftpd). See /usr/share/doc/init-system-helpers and invoke-rc.d(8).
without_daemons() {
  local policy=/usr/sbin/policy-rc.d code=0
  local -a as_root=()
  ((EUID == 0)) || as_root=(sudo)
  [[ ! -e $policy ]] || { "$@"; return; }
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 0755 "$policy"
  "$@" || code=$?
  "${as_root[@]}" rm -f "$policy"
  return "$code"
}

# build_preset SOURCE PRESET [TARGET…]: into build/PRESET, with every core, politely. A compiler
# cache is used where there is one; the launcher is fixed by the first configuration.
build_preset() {
  local source=$1 preset=$2 target
  shift 2
  local -a options=()
  for target in "$@"; do options+=(--target "$target"); done
  (
    set -e
    cd "$source"
    if [[ ! -f build/$preset/build.ninja ]]; then
      if command -v ccache >/dev/null; then
        export CMAKE_CXX_COMPILER_LAUNCHER=ccache CMAKE_C_COMPILER_LAUNCHER=ccache
      fi
      cmake --preset "$preset"
    fi
    nice cmake --build "build/$preset" --parallel "$(nproc)" "${options[@]}"
  ) >&2
}
