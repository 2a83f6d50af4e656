# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# testssl.sh against a TLS service with default settings and two certificates,
# P-256 and RSA-2048: no finding above LOW. Daemon and scanner are in a network
# of their own that has a loopback and nothing else: whatever the scanner would
# like to ask the internet, it cannot. It is called in parts, each under a time
# limit of its own, and each has to have looked at what it is for.
#
# Findings that are left out:
#	cert_revocation  a private authority has neither CRL nor OCSP
#	engine_problem   of the scanner's openssl(1), which has no GOST
#	sessionresumption_ticket
#	                 the scanner's client leaves without waiting for the
#	                 ticket of TLS 1.3, which has come by then or has not;
#	                 resumption has a file of its own, 82-tls-resumption
# The chain of trust is not: the scanner is told of our authority.

# shellcheck source=tests/tls.bash
source "${BATS_TEST_DIRNAME}/tls.bash"

setup_file() {
	make_ca ca
	make_certificate ec --until '300 days'
	make_certificate rsa --key rsa --until '300 days'
	make_certificate expired --from '40 days ago' --until '1 day ago'
}

setup() {
	common_setup
}

teardown() {
	common_teardown
}

# start_service CERTIFICATE...: with default settings.
start_service() {
	local name
	write_config "" "workers = 1" <<-END
		[service echo]
		handler = echo
		listen = tls://127.0.0.1:0
		$(for name; do tls_pair "$name"; done)
	END
	# shellcheck disable=SC2016 # for the inner shell
	start_server unshare --net \
		sh -c 'ip link set lo up; exec "$0" "$@"'
}

# scan OPTION...: its findings are in $DIR/findings, "id severity finding".
scan() {
	local scanner
	scanner=$(command -v testssl || command -v testssl.sh)
	rm -f "$DIR/scan.json"
	TMPDIR=$DIR timeout 240 nsenter --net="/proc/$SERVER/ns/net" \
		"$scanner" --nodns none --quiet --color 0 --warnings batch \
		--connect-timeout 20 --openssl-timeout 20 \
		--openssl "$(command -v openssl)" --add-ca "$PKI/ca.pem" \
		--jsonfile "$DIR/scan.json" "$@" \
		"127.0.0.1:$(port echo)" >"$DIR/scan" 2>&1 </dev/null || :
	jq -r '.[] | [.id, .severity, .finding] | join(" ")' \
		"$DIR/scan.json" >"$DIR/findings"
}

# What is neither good nor plain information, but for what is left out. A
# warning is the scanner's word for what it could not find out.
bad_findings() {
	grep -Ev '^[^ ]+( <[^>]*>)? (OK|INFO|LOW|DEBUG) ' "$DIR/findings" |
		grep -Ev '^(cert_revocation( <[^>]*>)?|engine_problem) ' |
		grep -v '^sessionresumption_ticket WARN ' || :
}

assert_nothing_bad() {
	run bad_findings
	assert_output ''
	run ! grep -i 'aborted\|timed out\|unable to' "$DIR/scan"
}

# found "LINE"...: each is among the findings.
found() {
	local line
	for line; do
		grep -qxE -- "$line" "$DIR/findings" || {
			echo "not found: $line" >&2
			cat "$DIR/findings" >&2
			return 1
		}
	done
}

@test "scan: protocols and categories of ciphers" {
	start_service ec rsa
	scan --protocols --std
	found 'SSLv2 OK .*' 'SSLv3 OK .*' 'TLS1 .* not offered' \
		'TLS1_1 .* not offered' 'TLS1_2 OK offered' \
		'TLS1_3 OK offered.*' 'cipherlist_NULL OK not offered' \
		'cipherlist_3DES_IDEA INFO not offered' \
		'cipherlist_STRONG OK offered'
	assert_nothing_bad
}

@test "scan: the server's preferences" {
	start_service ec rsa
	scan --server-preference
	found 'cipher_order OK server' 'protocol_negotiated OK Default protocol TLS1.3'
	assert_nothing_bad
}

@test "scan: vulnerabilities" {
	start_service ec rsa
	scan --vulnerable
	found 'heartbleed OK .*' 'CCS OK .*' 'secure_renego OK .*' \
		'secure_client_renego OK .*' 'CRIME_TLS OK .*' \
		'fallback_SCSV OK .*' 'DROWN OK .*' 'LOGJAM OK .*' \
		'BEAST OK .*' 'LUCKY13 OK .*' 'RC4 OK .*'
	assert_nothing_bad
}

@test "scan: forward secrecy and bugs that servers have" {
	start_service ec rsa
	scan --pfs --grease
	found 'PFS OK offered' 'PFS_ECDHE_curves OK .*X25519.*'
	assert_nothing_bad
}

@test "scan: certificates, extensions and tickets" {
	start_service ec rsa
	scan --server-defaults
	found 'cert_numbers INFO 2' 'cert_trust <cert#1> OK .*' \
		'cert_trust <cert#2> OK .*' \
		'cert_chain_of_trust <cert#1> OK .*' \
		'cert_chain_of_trust <cert#2> OK .*' \
		'TLS_session_ticket .*3600.*' 'TLS_timestamp INFO random'
	assert_nothing_bad
}

# What the others lean on.
@test "scan: it tells of what is bad" {
	start_service expired
	scan --server-defaults
	run bad_findings
	assert_line --partial 'cert_expirationStatus CRITICAL expired'
}
