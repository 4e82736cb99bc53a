#!/bin/bash
# webhook: messages posted to servers that are not ours: python3's http.server and nginx. Signatures
# are judged by openssl.
. "${0%/*}/lib.sh" "$1"
. "${0%/*}/running.sh"
. "${0%/*}/pki.sh"
for tool in python3 openssl nginx socat; do
  command -v "$tool" >/dev/null || { echo "no $tool"; exit 77; }
done
receiver=${0%/*}/webhook_receiver.py
got=$work/got
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
listens() { grep -qi ":$(printf %04X "$1") 0*:0000 0A" /proc/net/tcp; }
receive_at() {  # PORT OPTION…
  start receiver python3 "$receiver" "$1" "$got" "${@:2}"
  until_true listens "$1"
}
port=$(free_port)
url=http://127.0.0.1:$port
receive_at "$port"
# Field of the last request (python's words for it): line["headers"]["Idempotency-Key"]
last() { tail -n 1 "$got" | python3 -c 'import json, sys; line = json.loads(sys.stdin.read()); print(eval(sys.argv[1]))' "$1"; }
requests() { wc -l <"$got"; }
fresh() { queue=$1 && mq create "$1" --backoff 100ms --max-failures "${2:-3}" >/dev/null || fail "create $1"; : >"$got"; }
once() { timeout 60 "$spoolmq" --root "$root" webhook "$1" --url "$url$2" --once "${@:3}" >"$work/out" 2>"$work/err"; }

# ---- One message: what the receiver sees
fresh orders
printf 'line one\nline two \xc3\xa4' >"$work/body"
id=$(mq send orders -f "$work/body" -H site=LY1 -H content-type=text/csv)
echo whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw >"$work/secret"
echo 'Authorization: Bearer hush' >"$work/headers"
chmod 600 "$work/secret" "$work/headers"
once orders /ok --secret-file "$work/secret" --headers-file "$work/headers" || fail "once: $(<"$work/err")"
same 1 "$(requests)" "requests"
last 'line["body"]' | iconv -f utf-8 -t latin1 | cmp - <(cat "$work/body"; echo) || fail "the body"
for pair in "X-Spoolmq-Id=$id" "Idempotency-Key=$id" "webhook-id=$id" X-Spoolmq-Queue=orders X-Spoolmq-Deliveries=1 \
  X-Spoolmq-H-site=LY1 Content-Type=text/csv 'Authorization=Bearer hush' User-Agent=spoolmq; do
  same "${pair#*=}" "$(last "line['headers']['${pair%%=*}']")" "${pair%%=*}"
done
stamp=$(last 'line["headers"]["webhook-timestamp"]')
(($(date +%s) - stamp < 60)) || fail "the timestamp $stamp"
key=$(printf MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw | base64 -d | od -An -tx1 | tr -d ' \n')
wanted=v1,$({ printf '%s.%s.' "$id" "$stamp"; cat "$work/body"; } | openssl dgst -sha256 -mac HMAC -macopt hexkey:"$key" -binary | base64)
same "$wanted" "$(last 'line["headers"]["webhook-signature"]')" "the signature"
expect 1 receive orders
chmod 644 "$work/secret"
mq send orders x >/dev/null
once orders /ok --secret-file "$work/secret"
same 78 $? "a secret that everybody may read"

# ---- libcurl is loaded by webhooks alone; where it is missing, they say so, and all else works
! ldd "$spoolmq" | grep -E "lib(curl|ssl|crypto)\\." || fail "loaded at every start"
if [[ $(id -u) -eq 0 ]] && unshare --mount true 2>/dev/null; then
  fresh unposted
  mq send unposted x >/dev/null || fail "send"
  curl_library=$(ldconfig -p | awk '$1 == "libcurl.so.4" {print $NF; exit}')
  (
    unshare --mount bash -c 'mount --bind /dev/null "$1" && exec "${@:2}"' - "$(realpath "$curl_library")" \
      "$spoolmq" --root "$root" webhook unposted --url "$url/ok" --once >"$work/out" 2>"$work/err"
  )
  same 78 $? "without libcurl"
  grep -q '^spoolmq: load: libcurl.so.4: ' "$work/err" || fail "of libcurl: $(<"$work/err")"
  counted 1 ready unposted
fi

# ---- Answers
fresh rejects
id=$(mq send rejects x)
once rejects /status/422/no-such-article
same 2 $? "a rejected one"
same 'rejected: HTTP 422: no-such-article' "$(mq --json info rejects "$id" >"$work/one"; json "$work/one" '$.reason')" "the reason"
counted 1 dead rejects
fresh flaky
mq send flaky x >/dev/null
once flaky /flaky || fail "flaky: $(<"$work/err")"
same 2 "$(requests)" "tries after a 500"
same 2 "$(last 'line["headers"]["X-Spoolmq-Deliveries"]')" "deliveries"
fresh cut
mq send cut x >/dev/null
once cut /cut || fail "cut: $(<"$work/err")"
same 2 "$(requests)" "tries after a cut"
fresh slow
mq send slow x >/dev/null
once slow /slow --timeout 500ms || fail "slow: $(<"$work/err")"
same 2 "$(requests)" "tries after a timeout"
fresh failing
mq send failing x >/dev/null
once failing /status/500
same 3 "$(requests)" "tries before max-failures"
counted 1 dead failing
for tries in 408/2 425/2 501/2 400/1 404/1 410/1; do  # what is another's fault is tried again
  fresh "status-${tries%/*}" 2
  mq send "$queue" x >/dev/null
  once "$queue" "/status/${tries%/*}"
  same "${tries#*/}" "$(requests)" "tries after ${tries%/*}"
  counted 1 dead "$queue"
done
fresh huge 1
mq send huge x >/dev/null
once huge /huge
counted 1 dead huge

# ---- Retry-After: nothing before that, no failure counted
for what in 429/2 503/2; do
  queue=after-${what%/*}
  fresh "$queue" 1
  mq send "$queue" x >/dev/null
  once "$queue" "/retry/$what" || fail "$what: $(<"$work/err")"
  python3 - "$got" <<'PY' || fail "Retry-After $what: $(<"$got")"
import json, sys
first, second = [json.loads(line) for line in open(sys.argv[1])]
sys.exit(not 1.9 < second["time"] - first["time"] < 15)
PY
  counted 0 dead "$queue"
done

# ---- A redirect stops it, unless it may be followed
fresh moved
mq send moved x >/dev/null
once moved /redirect
same 78 $? "a redirect"
counted 1 ready moved
! grep -q '"path": "/ok"' "$got" || fail "it was followed"
once moved /redirect --redirects 1 --insecure || fail "followed: $(<"$work/err")"
same /ok "$(last 'line["path"]')" "the redirect's end"

# ---- Many at a time, and no more than that; proxies of the environment are not asked
fresh many
seq 40 | mq send many --lines >/dev/null
export http_proxy=http://127.0.0.1:1 HTTP_PROXY=http://127.0.0.1:1 ALL_PROXY=http://127.0.0.1:1
once many /busy --concurrency 4 || fail "many: $(<"$work/err")"
unset http_proxy HTTP_PROXY ALL_PROXY
same 40 "$(requests)" "requests"
same 4 "$(python3 -c 'import json, sys; print(max(json.loads(line)["busiest"] for line in open(sys.argv[1])))' "$got")" "at a time"

# ---- Nobody there: nothing is counted; when somebody is, all comes
kill_now receiver
fresh down 1
seq 20 | mq send down --lines >/dev/null
once down /ok
same 69 $? "nobody there"
counted 20 ready down
start hook "$spoolmq" --root "$root" webhook down --url "$url/ok"
until_true grep -qi 'connect' "$work/hook.log"
receive_at "$port"
until_true count_is 0 ready down
until_true count_is 0 leased down
stop hook
counted 0 dead down
same 20 "$(python3 -c 'import json, sys; print(len({json.loads(line)["body"] for line in open(sys.argv[1])}))' "$got")" "bodies"

# ---- kill -9 under load: what is gone from the queue has been received
fresh load
seq 2000 | mq send load --lines >/dev/null
for _ in 1 2 3; do
  start hook "$spoolmq" --root "$root" webhook load --url "$url/ok" --concurrency 16
  before=$(requests)
  more() { (($(requests) > before + 100)); }
  until_true more
  kill_now hook
done
once load /ok --concurrency 16 || fail "after kill -9: $(<"$work/err")"
same 2000 "$(python3 -c 'import json, sys; print(len({json.loads(line)["body"] for line in open(sys.argv[1])}))' "$got")" "bodies after kill -9"
kill_now receiver

# ---- TLS: nginx, checked by our own authority
cd "$work" || fail cd
{ authority && signed server "/CN=localhost" DNS:localhost; } >"$work/pki.log" 2>&1 ||
  fail "pki: $(tail -5 "$work/pki.log")"
tls_port=$(free_port)
mkdir -p nginx
chmod 755 "$work" nginx
cat >nginx.conf <<CONF
daemon off; pid $work/nginx/pid; error_log stderr; worker_processes 1;
events {}
http {
  access_log off; client_body_temp_path nginx/body; proxy_temp_path nginx/proxy;
  fastcgi_temp_path nginx/fastcgi; uwsgi_temp_path nginx/uwsgi; scgi_temp_path nginx/scgi;
  server {
    listen 127.0.0.1:$tls_port ssl; ssl_certificate $work/server.pem; ssl_certificate_key $work/server.key;
    location / { return 200 "taken"; }
    location /gone { return 410 "never again"; }
  }
}
CONF
start nginx nginx -p "$work" -c "$work/nginx.conf"
until_true listens "$tls_port"
url=https://localhost:$tls_port
fresh tls
mq send tls x >/dev/null
once tls /
same 69 $? "an authority that the system does not know"
counted 1 ready tls
url=https://127.0.0.1:$tls_port once tls / --tls-ca "$work/ca.pem"
same 69 $? "another name"
once tls / --tls-ca "$work/server.csr"
same 78 $? "no authority in the file"
once tls / --tls-ca "$work/ca.pem" || fail "TLS: $(<"$work/err")"
id=$(mq send tls x)
once tls /gone --tls-ca "$work/ca.pem"
same 'rejected: HTTP 410: never again' "$(mq --json info tls "$id" >"$work/one"; json "$work/one" '$.reason')" "nginx's 410"
stop nginx

# ---- The README's example, with the receiver that it has itself
mkdir bin && ln -s "$(realpath "$spoolmq")" bin/spoolmq
readme_block Sockets sh 2 | sed "s/8099/$port/g" >recipe || exit 1
PATH=$work/bin:$PATH SPOOLMQ_ROOT=$root timeout 60 bash -ec "$(<recipe)"$'\nwait' >recipe.out 2>recipe.err ||
  fail "the recipe: $(cat recipe.out recipe.err)"
holds 'X-Spoolmq-H-site: LY1' "$(cat recipe.out)" "what its receiver shows"
same 4 "$(grep -o "$(head -n 1 recipe.out)" recipe.out | wc -l)" "its id: sent, in two headers, taken"
for state in ready leased dead; do counted 0 $state hooks; done
