# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# Certificates: which are refused when the configuration is read, what clients
# make of bad ones, how a reload takes up new ones, which one a client gets, and
# the certificates of clients.

setup_file() {
	load tls
	make_usual_certificates
	make_bad_certificates
	make_client_certificates
	encrypt_key good
	make_certificate small --key rsa:1024
	make_certificate other-good
	make_certificate good-rsa --key rsa
	make_certificate exact --for DNS:www.example.test
}

setup() {
	load tls
	common_setup
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

serve_echo() {
	write_tls_config "$@"
	start_server
}

OWN_PAIR() {
	printf 'tls_certificate = %s\ntls_key = %s\n' \
		"$DIR/cert.pem" "$DIR/cert.key"
}

# serve_own NAME [LINES]: an echo service with such a pair.
serve_own() {
	show_pair "$1"
	write_config "" "${3-workers = 2}" <<-END
		[service echo]
		handler = echo
		listen = tls://127.0.0.1:0
		$(OWN_PAIR)
		$(printf '%b' "${2-}")
	END
	start_server
}

# shown [OPTIONS]: the fingerprint of what a client with such options is shown.
shown() {
	timeout 20 openssl s_client -connect "127.0.0.1:$(port echo)" "$@" \
		</dev/null 2>/dev/null |
		openssl x509 -noout -fingerprint -sha256
}

# shows NAME [OPTIONS]
shows() {
	[ "$(shown "${@:2}")" = "$(fingerprint "$PKI/$1.pem")" ]
}

# complains REGEX: about the configuration, with its line and nothing else.
complains() {
	WANTED=78 check
	assert_output --regexp "^$CONFIG:[0-9]+: $1\$"
}

# with LINES: a configuration of an echo service over TLS with them.
with() {
	write_config <<-END
		[service echo]
		handler = echo
		listen = tls://127.0.0.1:0
		$(printf '%b' "$1")
	END
}

# with_pair CERTIFICATE KEY [LINES]
with_pair() {
	with "tls_certificate = $1\ntls_key = $2\n${3-}"
}

# --- configuration -----------------------------------------------------------

@test "certificates: good ones pass, of every kind of key" {
	local name
	make_certificate edwards --key ed25519
	make_certificate p384 --key p384
	for name in good rsa chained wildcard edwards p384 self-signed; do
		with "$(tls_pair "$name")"
		WANTED=0 check
		assert_output "$CONFIG: good, 1 services in 1 pools"
	done
}

@test "certificates: a key of another pair is refused" {
	with_pair "$PKI/good.pem" "$PKI/second.key"
	complains "tls_key: .*$PKI/second.key.*$PKI/good.pem.*"
	with_pair "$PKI/rsa.pem" "$PKI/good.key"
	complains "tls_key: .*$PKI/good.key.*$PKI/rsa.pem.*"
}

# Said of the file that is to be mended: the key is the right one.
@test "certificates: those of a file in a wrong order are told as that" {
	cat "$PKI/ca.pem" "$PKI/good.pem" >"$DIR/root-first"
	cat "$PKI/good.pem" "$PKI/second.pem" >"$DIR/stranger-behind"
	local file
	for file in root-first stranger-behind; do
		with_pair "$DIR/$file" "$PKI/good.key"
		complains "tls_certificate: .*$DIR/$file\" has certificates in a \
wrong order: number 2 is not the issuer of number 1.*"
	done
}

@test "certificates: files that are not there, not readable, not files" {
	with_pair "$DIR/none.pem" "$PKI/good.key"
	complains "tls_certificate: .*$DIR/none.pem.*No such file or directory"
	with_pair "$PKI/good.pem" "$DIR/none.key"
	complains "tls_key: .*$DIR/none.key.*No such file or directory"
	with_pair "$DIR" "$PKI/good.key"
	complains "tls_certificate: .*$DIR.*"
	mkfifo "$DIR/fifo"
	with_pair "$PKI/good.pem" "$DIR/fifo"
	complains "tls_key: .*$DIR/fifo.*"
	with_pair "$PKI/good.pem" /dev/zero
	complains "tls_key: .*/dev/zero.*"
	show_pair good
	chmod 600 "$DIR/cert.key"
	open_to_others
	with "$(OWN_PAIR)"
	chmod 644 "$CONFIG"
	WANTED=78 check "${NOBODY[@]}"
	assert_output --regexp "tls_key: .*$DIR/cert.key.*Permission denied"
}

@test "certificates: files that are empty, cut off, of something else, huge" {
	: >"$DIR/empty"
	cut_in_half "$PKI/good.pem" "$DIR/half.pem"
	cut_in_half "$PKI/good.key" "$DIR/half.key"
	head -c 3000000 /dev/zero >"$DIR/huge"
	echo "no certificate" >"$DIR/text"
	openssl x509 -in "$PKI/good.pem" -outform DER -out "$DIR/der"
	local file
	for file in empty half.pem huge text der; do
		with_pair "$DIR/$file" "$PKI/good.key"
		complains "tls_certificate: .*$DIR/$file.*"
	done
	for file in empty half.key huge text; do
		with_pair "$PKI/good.pem" "$DIR/$file"
		complains "tls_key: .*$DIR/$file.*"
	done
	with_pair "$PKI/good.key" "$PKI/good.pem"
	WANTED=78 check
	# The second of a chain is cut off.
	{ cat "$PKI/good.pem"; head -n 5 "$PKI/good.pem"; } >"$DIR/chain"
	with_pair "$DIR/chain" "$PKI/good.key"
	complains "tls_certificate: .*$DIR/chain.*"
}

@test "certificates: an encrypted key is refused, and no passphrase asked for" {
	with_pair "$PKI/good.pem" "$PKI/good.encrypted.key"
	complains "tls_key: .*$PKI/good.encrypted.key.*(encrypted|passphrase).*"
	# The older form of the same.
	openssl ec -in "$PKI/good.key" -aes128 -passout pass:secret \
		-out "$DIR/old.key"
	with_pair "$PKI/good.pem" "$DIR/old.key"
	complains "tls_key: .*$DIR/old.key.*(encrypted|passphrase).*"
}

@test "certificates: a key that is too weak is refused" {
	with "$(tls_pair small)"
	complains "tls_(certificate|key): .*$PKI/small\..*"
}

@test "certificates: as many keys as certificates, and at least one" {
	with ""
	complains ".*tls_certificate.*"
	with "tls_certificate = $PKI/good.pem"
	complains ".*tls_key.*"
	with "tls_key = $PKI/good.key"
	complains ".*tls_certificate.*"
	with "$(tls_pair good)\ntls_certificate = $PKI/second.pem"
	complains ".*tls_key.*"
}

@test "certificates: what else a service says about TLS is checked" {
	local line
	for line in "tls_min_version = 1.1" "tls_ciphers = NONSENSE" \
		"tls_ciphersuites = TLS_NONSENSE" "tls_groups = P-1" \
		"tls_alpn = $(long 256)" "tls_alpn = a,,b" \
		"tls_client_verify = maybe" "tls_client_ca = $DIR/none" \
		"tls_client_ca = $PKI/good.key" "tls_ticket_lifetime = 0s" \
		"tls_session_tickets = perhaps" "handshake_timeout = 0s"; do
		with "$(tls_pair good)\n$line"
		complains "\"?${line%% *}[ :].*"
	done
	with "$(tls_pair good)\ntls_client_verify = required"
	complains ".*tls_client_ca.*"
}

@test "certificates: all errors of a file at once" {
	write_config <<-END
		[service one]
		handler = echo
		listen = tls://127.0.0.1:0
		tls_certificate = $DIR/none.pem
		tls_key = $PKI/good.key
		[service two]
		handler = echo
		listen = tls://127.0.0.1:0
		tls_certificate = $PKI/good.pem
		tls_key = $PKI/second.key
		[service three]
		handler = echo
		listen = tls://127.0.0.1:0
		tls_certificate = $PKI/good.pem
		tls_key = $DIR/none.key
	END
	WANTED=78 check
	assert_line --regexp ":[0-9]+: tls_certificate: .*none.pem"
	assert_line --regexp ":[0-9]+: tls_key: .*second.key"
	assert_line --regexp ":[0-9]+: tls_key: .*none.key"
	assert_equal "${#lines[@]}" 3
}

# --- certificates that do not hold -------------------------------------------

# What clients say about each of them: name, words of openssl(1), python's.
BAD='expired|certificate has expired
not-yet|certificate is not yet valid
wrong-name|hostname mismatch
self-signed|self-signed certificate
unknown-issuer|unable to get local issuer certificate
no-intermediate|unable to (get local issuer|verify the first) certificate'

# A client has refused it, with an alert.
was_told_off() {
	[ "$(counter "$1" tls_failed_alert)" -ge 1 ]
}

@test "certificates: bad ones are shown, and clients refuse them" {
	local name words
	write_tls_config
	while IFS='|' read -r name words; do
		add_service "$name" echo tls://127.0.0.1:0 "$(tls_pair "$name")"
	done <<<"$BAD"
	add_service chained echo tls://127.0.0.1:0 "$(tls_pair chained)"
	start_server
	while IFS='|' read -r name words; do
		run -1 timeout 20 openssl s_client -CAfile "$PKI/ca.pem" \
			-verify_return_error -verify_hostname localhost \
			-connect "127.0.0.1:$(port "$name")" </dev/null
		assert_output --regexp "verify error:.*$words"
		run -60 timeout 20 curl -sS --cacert "$PKI/ca.pem" \
			"https://localhost:$(port "$name")/"
		wait_until 5 was_told_off "$name"
	done <<<"$BAD"
	run -0 tls "127.0.0.1:$(port chained)" <<<"hello"
	assert_output hello
}

@test "certificates: what has expired, or will within 14 days, is warned of" {
	write_tls_config
	local name
	for name in expired not-yet ends-soon; do
		add_service "$name" echo tls://127.0.0.1:0 "$(tls_pair "$name")"
	done
	start_server
	log_has "warn: .*$PKI/expired.pem.*expired"
	log_has "warn: .*$PKI/not-yet.pem.*not .*valid"
	log_has "warn: .*$PKI/ends-soon.pem.*expires"
	run ! log_has "warn: .*$PKI/good.pem"
	WANTED=0 check
	assert_output --regexp "$PKI/expired.pem.*expired"
	run -0 ctl stats prometheus
	assert_output --regexp 'preforkd_certificate_expiry_.*service="expired"'
}

# --- reload ------------------------------------------------------------------

# A connection to the service in the background, which echoes whenever asked.
hold_tls() {
	coproc HELD {
		tls_peers '
s = secure()
for line in sys.stdin:
    s.sendall(line.encode())
    print(s.recv(100).decode().strip(), flush=True)
s.unwrap()'
	} 3>&- 4>&-
	HOLDER=$HELD_PID
	held_echoes before
}

held_echoes() {
	local answer
	echo "$1" >&"${HELD[1]}"
	read -rt 20 answer <&"${HELD[0]}"
	assert_equal "$answer" "$1"
}

release_tls() {
	local to=${HELD[1]}
	exec {to}>&-
	wait "$HOLDER"
}

@test "reload: a new certificate is for new connections, old ones go on" {
	serve_own good
	hold_tls
	shows good
	show_pair other-good
	# Nobody has asked for it yet.
	shows good
	renew reload
	shows other-good
	held_echoes "still here"
	release_tls
}

@test "reload: a file of the same contents changes nothing" {
	serve_own good
	local before
	before=$(worker_pids)
	show_pair good
	touch "$DIR/cert.pem"
	run -0 ctl reload
	assert_equal "$(worker_pids)" "$before"
	# Nor is a pool renewed that has nothing to do with a new one.
	echo '[pool second]' >>"$CONFIG"
	add_service other echo tcp://127.0.0.1:0 "pool = second"
	run -0 ctl reload
	before=$(worker_pids second)
	show_pair other-good
	renew reload
	shows other-good
	assert_equal "$(worker_pids second)" "$before"
}

@test "reload: by a link that is turned to another folder, as renewal does it" {
	mkdir "$DIR/1" "$DIR/2"
	cp "$PKI/good.pem" "$DIR/1/cert.pem"
	cp "$PKI/good.key" "$DIR/1/cert.key"
	cp "$PKI/other-good.pem" "$DIR/2/cert.pem"
	cp "$PKI/other-good.key" "$DIR/2/cert.key"
	ln -s 1 "$DIR/live"
	with_pair "$DIR/live/cert.pem" "$DIR/live/cert.key"
	start_server
	shows good
	ln -sfn 2 "$DIR/live"
	kill -HUP "$SERVER"
	wait_until 10 shows other-good
}

@test "reload: another chain behind the same leaf is taken up" {
	serve_own no-intermediate
	run ! tls <<<"hello"
	cp "$PKI/chained.pem" "$DIR/cert.pem"
	renew reload
	assert_equal "$(tls <<<"hello")" hello
}

@test "reload: a bad pair is refused with file and line, the old one serves" {
	serve_own good
	LOG_ERRORS='preforkd.ini|reload failed'
	local line file
	for file in wrong-name.key half empty none; do
		show_pair good
		case $file in
		half) cut_in_half "$PKI/good.key" "$DIR/cert.key" ;;
		empty) : >"$DIR/cert.key" ;;
		none) rm "$DIR/cert.key" ;;
		*) cp "$PKI/$file" "$DIR/cert.key" ;;
		esac
		line=$(grep -n ^tls_key "$CONFIG" | cut -d: -f1)
		LOG_ERRORS='preforkd.ini|reload failed'
	run -4 ctl reload
		assert_output --regexp \
			"$CONFIG:$line: tls_key: .*$DIR/cert.key"
		shows good
		run -0 ctl health
	done
}

@test "reload: half-way through a renewal: the certificate is new, the key old" {
	serve_own good
	hold_tls
	cp "$PKI/other-good.pem" "$DIR/cert.pem"
	local line
	line=$(grep -n ^tls_key "$CONFIG" | cut -d: -f1)
	LOG_ERRORS='preforkd.ini|reload failed'
	run -4 ctl reload
	assert_output --regexp \
		"$CONFIG:$line: tls_key: .*$DIR/cert.key.*$DIR/cert.pem"
	shows good
	held_echoes "not moved"
	cp "$PKI/other-good.key" "$DIR/cert.key"
	renew reload
	shows other-good
	held_echoes "nor now"
	release_tls
}

@test "files that are gone do not matter to workers that are started later" {
	serve_own good
	rm "$DIR/cert.pem" "$DIR/cert.key"
	kill -KILL "$(worker_pid 1)"
	wait_until 10 log_has 'killed by signal'
	wait_until 10 ready_workers_are 2
	kill -STOP "$(worker_pid 2)"
	shows good
	kill -CONT "$(worker_pid 2)"
	renew restart
	shows good
}

@test "workers cannot read the key: it is root's, they are nobody" {
	serve_own good "" "workers = 1\nuser = nobody"
	chmod 600 "$DIR/cert.key"
	shows good
	local worker
	worker=$(worker_pid 1)
	assert_equal "$(awk '/^Uid:/ { print $2 }' "/proc/$worker/status")" \
		"$(id -u nobody)"
	# None of its descriptors is the file.
	run ! grep cert < <(ls -l "/proc/$worker/fd")
	run ! "${NOBODY[@]}" cat "$DIR/cert.key"
	show_pair other-good
	renew reload
	shows other-good
}

# --- which one ---------------------------------------------------------------

serve_names() {
	write_tls_config "$(tls_pair second)\n$(tls_pair wildcard)\n$(tls_pair \
		exact)"
	start_server
}

@test "SNI: known, unknown, absent, wildcard, in capital letters" {
	serve_names
	local version
	for version in -tls1_3 -tls1_2; do
		shows good "$version" -servername localhost
		shows second "$version" -servername second.test
		shows second "$version" -servername SECOND.Test
		shows wildcard "$version" -servername mail.example.test
		shows exact "$version" -servername www.example.test
		# What no certificate names gets the first.
		shows good "$version" -servername unknown.test
		shows good "$version" -servername example.test
		shows good "$version" -servername a.b.example.test
		shows good "$version" -servername second.test.other
		shows good "$version" -noservername
	done
	assert_equal "$(counter echo tls_failed_mismatch)" 0
}

@test "SNI: names that are none get the first certificate, or an alert" {
	serve_names
	local name
	for name in .example.test "$(long 255)" 'sec%sond' 127.0.0.1 \
		example.test/second.test $'second\ttest'; do
		run shown -servername "$name"
		[ -z "$output" ] || [[ $output == "Could not"* ]] ||
			assert_output "$(fingerprint "$PKI/good.pem")"
		shows good
	done
	shows second -servername second.test
}

@test "SNI: two kinds of key for one name, each for who can have it" {
	write_tls_config "$(tls_pair good-rsa)\n$(tls_pair second)"
	start_server
	shows good
	shows good -servername localhost
	shows good-rsa -servername localhost -tls1_2 \
		-cipher ECDHE-RSA-AES128-GCM-SHA256
	shows good -servername localhost -tls1_2 \
		-cipher ECDHE-ECDSA-AES128-GCM-SHA256
	shows good-rsa -sigalgs RSA-PSS+SHA256
	shows good-rsa -servername localhost -sigalgs RSA-PSS+SHA256
	shows good -servername localhost -sigalgs ECDSA+SHA256
	shows second -servername second.test
}

# --- certificates of clients -------------------------------------------------

# answers NAME...: an echo for a client with this certificate, in each version.
answers() {
	local certificate=()
	[ "$1" = none ] || certificate=(-cert "$PKI/$1.pem" -key "$PKI/$1.key")
	s_client -tls1_3 "${certificate[@]}" | grep -q '^hello$' &&
		s_client -tls1_2 "${certificate[@]}" | grep -q '^hello$'
}

# Neither version: and both were counted as failed for their certificate.
refused() {
	local before certificate=()
	before=$(counter echo tls_failed_certificate)
	[ "$1" = none ] || certificate=(-cert "$PKI/$1.pem" -key "$PKI/$1.key")
	run s_client -tls1_3 "${certificate[@]}"
	refute_line hello
	assert_output --regexp "alert ($2)"
	run s_client -tls1_2 "${certificate[@]}"
	refute_line hello
	assert_output --regexp "alert ($2|handshake failure)"
	wait_until 5 counter_is echo tls_failed_certificate $((before + 2))
}

@test "client certificates: required" {
	serve_echo "tls_client_ca = $PKI/ca.pem\ntls_client_verify = required"
	answers client
	refused none 'certificate required'
	refused client-expired 'certificate expired'
	refused client-of-other 'unknown ca'
	# One of a server is none of a client.
	refused good 'unsupported certificate'
	answers client
	run -0 s_client -cert "$PKI/client.pem" -key "$PKI/client.key"
	assert_output --partial "Acceptable client certificate CA names"
	assert_output --partial "CN = ca"
}

@test "client certificates: optional, but good if there is one" {
	serve_echo "tls_client_ca = $PKI/ca.pem\ntls_client_verify = optional"
	answers none
	answers client
	refused client-expired 'certificate expired'
	refused client-of-other 'unknown ca'
}

@test "client certificates: off, nobody is asked" {
	serve_echo "tls_client_ca = $PKI/ca.pem\ntls_client_verify = off"
	answers none
	answers client-of-other
	run -0 s_client
	assert_output --partial "No client certificate CA names sent"
}

@test "client certificates: through an intermediate that the client sends" {
	make_certificate client-chained --client --by intermediate \
		--for DNS:client.test
	serve_echo "tls_client_ca = $PKI/ca.pem\ntls_client_verify = required"
	run -0 s_client -cert "$PKI/client-chained.pem" \
		-key "$PKI/client-chained.key" \
		-cert_chain "$PKI/client-chained.pem"
	assert_line hello
	only_leaf "$PKI/client-chained.pem" >"$DIR/leaf.pem"
	run s_client -cert "$DIR/leaf.pem" -key "$PKI/client-chained.key"
	refute_line hello
	assert_output --partial "alert unknown ca"
}

@test "client certificates: a reload to another authority is for new ones" {
	cp "$PKI/ca.pem" "$DIR/ca.pem"
	serve_echo "tls_client_ca = $DIR/ca.pem\ntls_client_verify = required"
	answers client
	cp "$PKI/other-ca.pem" "$DIR/ca.pem"
	renew reload
	answers client-of-other
	refused client 'unknown ca'
	: >"$DIR/ca.pem"
	LOG_ERRORS='preforkd.ini|reload failed'
	run -4 ctl reload
	assert_output --regexp "tls_client_ca = $DIR/ca.pem"
	answers client-of-other
}
