#!/bin/bash
# What programs that nobody here wrote drop (produce.sh says which) comes through complete and once:
# by the service and by `import --follow`, with the default rules.
#
#   producers_test.sh SPOOLMQ one-user|two-users
#
# one-user: producers and importers are the same user, not the superuser if that can be.
# two-users: the importer may not take a lease on the producers' files; that they were closed is
# what it saw.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
users=$2
producer=() importer=()
if ((EUID == 0)); then
  others_may_run
  producer=("${user_daemon[@]}") importer=("${user_daemon[@]}")
fi
if [[ $users == two-users ]]; then
  ((EUID == 0)) || { echo "needs the superuser"; exit 77; }
  importer=("${user_nobody[@]}")
fi
# Everything is said to the queues as their owner.
mq() { "${importer[@]}" "$spoolmq" --root "$root" "$@"; }

# Says what is left, should it be waited for in vain.
came_through() {
  count_is "$wanted" ready "$1" || { ls -lA "$work/$1.in" >>"$work/$1.log"; return 1; }
}
is_empty() { [[ -z $(ls -A "$1") ]]; }
# place_for USER… PATH: a directory that is theirs.
place_for() { mkdir "${@: -1}" && chown "$("${@:1:$#-1}" id -u):$("${importer[@]}" id -g)" "${@: -1}"; }
place_for "${importer[@]}" "$root"
for way in serve follow; do
  place_for "${producer[@]}" "$work/$way.place"
  place_for "${importer[@]}" "$work/$way.out"
  place_for "${producer[@]}" "$work/$way.in"
  # The group's: what another user drops, the importer may read and remove.
  chmod 2770 "$work/$way.in"
  mq create "$way" || fail "create"
done

adapter 'type = "import"' 'queue = "serve"' "directory = \"$work/serve.in\""
start serve "${importer[@]}" "$spoolmq" --root "$root" serve
until_true service_answers
start follow "${importer[@]}" "$spoolmq" --root "$root" import follow "$work/follow.in" --follow
for way in serve follow; do
  start "$way.producers" "${producer[@]}" "${0%/*}/produce.sh" "$work/$way.place" "$work/$way.in"
done

for way in serve follow; do
  wait "${running[$way.producers]}" || fail "the producers: $(words_of "$way.producers")"
  unset "running[$way.producers]"
done

wanted=$(wc -l <"$work/serve.place/wanted")
((wanted == 30)) || fail "$wanted files were dropped"
for way in serve follow; do
  until_true came_through "$way"
  is_running "$way" || fail "$way ended: $(words_of "$way")"
  until_true is_empty "$work/$way.in"
done
for way in serve follow; do
  stop "$way" || fail "$way: $(words_of "$way")"
  counted "$wanted" ready "$way"
  expect 0 --quiet export "$way" "$work/$way.out" --exists fail
  same "$wanted" "$(find "$work/$way.out" -type f | wc -l)" "files that came out of $way"
  (cd "$work/$way.out" && sha256sum --quiet -c "$work/$way.place/wanted") >"$work/check" 2>&1 ||
    fail "by $way: $(cat "$work/check")"
done
exit 0
