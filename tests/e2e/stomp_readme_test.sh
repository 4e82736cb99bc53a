#!/bin/bash
# The README's snippet in one language, as it stands there but for the port: it takes an order, sends
# a result, and acknowledges. Judged by what is in the queues then.
#   stomp_readme_test.sh SPOOLMQ FOLDER LANGUAGE: FOLDER is of the build, for the libraries of js
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
. "${0%/*}/stomp.sh"
language=$3
chapter='Use it from Python, Perl, Ruby, PHP, JavaScript, shell'
installed() { "$@" >/dev/null 2>&1 || { echo "no STOMP for $language: $*"; exit 77; }; }
case $language in
  python) ends=py run=(/usr/bin/python3 -B) && installed /usr/bin/python3 -c 'import stomp' ;;
  perl) ends=pl run=(perl) && installed perl -MNet::Stomp -e1 ;;
  ruby) ends=rb run=(ruby) && installed ruby -e 'require "stomp"' ;;
  php) ends=php run=(php) && installed php -r 'exit(extension_loaded("stomp") ? 0 : 1);' ;;
  js)
    ends=mjs run=(node)
    need node npm
    node_modules "$2"
    ln -s "$(realpath "$STOMP_NODE_MODULES")" "$work/node_modules"
    ;;
  bash) ends=sh run=(bash) ;;
  *) fail "no language $language" ;;
esac

STOMP_PORT=$(free_port)
mkdir "$work/bin" && ln -s "$(realpath "$spoolmq")" "$work/bin/spoolmq"
export HOME=$work SPOOLMQ_ROOT=$root PATH=$work/bin:$PATH
snippet() { readme_block "$chapter" "$1" | sed "s/61613/$STOMP_PORT/g" >"$work/$2" || exit 1; }
snippet sh setup
snippet "$language" "snippet.$ends"
(($(grep -c "$STOMP_PORT" "$work/setup" "$work/snippet.$ends" | grep -c ':1$') == 2)) || fail "another port than 61613"

start stomp bash -ec "$(<"$work/setup")"$'\nwait'
until_true listens "$STOMP_PORT"
expect 0 send orders 'order 1'
expect 0 send orders 'order 2'
handled=1
if [[ $language == js ]]; then  # goes on with the next order, and the next
  handled=2
  start snippet "${run[@]}" "$work/snippet.$ends"
  until_true count_is 0 ready orders
  until_true count_is 0 leased orders
  is_running snippet || fail "it has ended: $(words_of snippet)"
  kill_now snippet
else
  timeout 60 "${run[@]}" "$work/snippet.$ends" >"$work/snippet.log" 2>&1 || fail "it exited with $?: $(words_of snippet) $(words_of stomp)"
fi
same '' "$(words_of snippet)" "what it says"
until_true count_is 0 leased orders
counted $((2 - handled)) ready orders
for state in delayed dead; do counted 0 $state orders; done
for ((nth = 1; nth <= handled; ++nth)); do
  expect 0 receive results --ack
  [[ $out == [A-Z]*": order $nth" ]] || fail "result $nth: $out"
done
expect 1 receive results
