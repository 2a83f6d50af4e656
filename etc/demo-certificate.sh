#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Makes what the TLS service of etc/demo.ini shows: demo.pem and demo.key, for
# localhost, and ca.pem, with which a client can verify it. The authority's own
# key is thrown away. Nothing is done while they are good for a month.
#
# usage: etc/demo-certificate.sh FOLDER
set -eu

folder=${1:?usage: demo-certificate.sh FOLDER}
month=$((30 * 86400))
names=DNS:localhost,IP:127.0.0.1,IP:::1

is_good() {
	[ -s "$folder/demo.key" ] &&
	    openssl verify -CAfile "$folder/ca.pem" "$folder/demo.pem" &&
	    openssl x509 -in "$folder/demo.pem" -noout -checkend "$month"
}

make_it() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc \
	    -subj '/CN=preforkd demo CA' -days 91 \
	    -addext keyUsage=critical,keyCertSign \
	    -keyout "$new/ca.key" -out "$new/ca.pem" &&
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc \
	    -subj /CN=localhost -addext "subjectAltName=$names" \
	    -keyout "$new/demo.key" -out "$new/request" &&
	openssl x509 -req -in "$new/request" -copy_extensions copy -days 90 \
	    -CA "$new/ca.pem" -CAkey "$new/ca.key" -out "$new/demo.pem"
}

mkdir -p "$folder"
# Two builds at a time must not mix theirs.
exec 9>"$folder/lock"
flock 9
! is_good >/dev/null 2>&1 || exit 0
new=$folder/new
rm -rf "$new"
mkdir -m 700 "$new"
trap 'rm -rf "$new"' EXIT
make_it >"$new/said" 2>&1 || {
	cat "$new/said" >&2
	exit 1
}
mv "$new/ca.pem" "$new/demo.key" "$new/demo.pem" "$folder/"
