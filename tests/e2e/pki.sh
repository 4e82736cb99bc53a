# shellcheck shell=bash
# Certificates for tests of TLS, made by openssl in the current directory: NAME.pem and NAME.key, valid
# for 30 days. openssl's words go to stdout and stderr.
#
#   authority                            ca.pem, which signs the others
#   signed NAME SUBJECT ALTNAMES         by it
#   expired NAME SUBJECT ALTNAMES        by it, valid in January 2020 only
#   self_signed NAME SUBJECT ALTNAMES    by nobody known
new_key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
authority() { openssl req -x509 "${new_key[@]}" -keyout ca.key -out ca.pem -subj "/CN=Test CA" -days 30; }
requested() { openssl req "${new_key[@]}" -keyout "$1.key" -out "$1.csr" -subj "$2"; }
signed() {
  requested "$1" "$2" && openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -out "$1.pem" -days 30 \
    -extfile <(echo "subjectAltName=$3")
}
expired() {
  requested "$1" "$2" && mkdir -p ca.d && touch ca.d/index.txt && echo 01 >ca.d/serial &&
    openssl ca -batch -in "$1.csr" -out "$1.pem" -cert ca.pem -keyfile ca.key -startdate 20200101000000Z \
      -enddate 20200201000000Z -notext -outdir ca.d -config <(printf '%s\n' '[ca]' 'default_ca=c' '[c]' \
        'database=ca.d/index.txt' 'serial=ca.d/serial' 'default_md=sha256' 'policy=p' 'x509_extensions=e' \
        '[p]' 'commonName=supplied' '[e]' "subjectAltName=$3")
}
self_signed() {
  openssl req -x509 "${new_key[@]}" -keyout "$1.key" -out "$1.pem" -subj "$2" -addext "subjectAltName=$3" -days 30
}
