# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# TLS as clients see it: every handler over every kind of stream, what is agreed
# on, how a connection ends, and what other people's clients make of it.
# Certificates are in 81-tls-certificates.bats, resumption is in
# 82-tls-resumption.bats, rude clients are in 83-faults-tls.bats.

setup_file() {
	load tls
	make_usual_certificates
}

setup() {
	load tls
	common_setup
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

# serve HANDLER [LINES]: as service "echo", on IPv4, IPv6 and Unix sockets.
serve() {
	write_config <<-END
		[service echo]
		handler = $1
		listen = tls://127.0.0.1:0 tls://[::1]:0
		listen = tls+unix:$DIR/s tls+unix:@$DIR/abstract
		$(tls_pair good)
		$(printf '%b' "${2-}")
	END
	start_server
}

serve_echo() {
	write_tls_config "$@"
	start_server
}

# over_each COMMAND...: with the address of each listener, as socat has it.
over_internet() {
	"$@" "127.0.0.1:$(port echo 1)"
	"$@" "[::1]:$(port echo 2)"
}

# Versions as socat(1) calls them.
only() {
	echo "openssl-min-proto-version=$1,openssl-max-proto-version=$1"
}

# says_back VERSION ADDRESS: what was sent.
says_back() {
	tls "$2" "$(only "$1")" <"$DIR/sent" >"$DIR/received"
	cmp "$DIR/sent" "$DIR/received"
}

# over_unix LINES: clients in Python which have "connected()", for each of them.
over_unix() {
	local path
	for path in "$DIR/s" "@$DIR/abstract"; do
		tls_peers "
def connected(c=None):
    return Client(c, local('$path'))
$1"
	done
}

# The last connection has ended for CAUSE, as the log has it.
ended_with() {
	wait_until 10 log_has "closed: echo .* $1 [0-9]"
}

# --- handlers ----------------------------------------------------------------

@test "tls: echo: 10 MiB come back whole after the client has closed its side" {
	serve echo
	head -c 10485760 /dev/urandom >"$DIR/sent"
	over_internet says_back TLS1.3
	over_internet says_back TLS1.2
	assert_equal "$(counter echo bytes_in)" 41943040
	assert_equal "$(counter echo bytes_out)" 41943040
	wait_until 10 counter_is echo closed_done 4
	assert_equal "$(counter echo tls_handshakes)" 4
}

@test "tls: echo: 10 MiB over Unix sockets, named and abstract" {
	serve echo
	over_unix '
sent = os.urandom(65536)
for version in TLS_1_3, TLS_1_2:
    c = connected(context(version)).handshake()
    assert c.tls.version() == {TLS_1_3: "TLSv1.3", TLS_1_2: "TLSv1.2"}[version]
    for i in range(80):
        c.say(sent)
        got = b""
        while len(got) < len(sent):
            got += c.read()
        assert got == sent
    c.half_close()
    assert c.rest() == b""'
	assert_equal "$(counter echo bytes_out)" 20971520
	assert_equal "$(counter echo tls_truncated)" 0
}

@test "tls: echo: a record of any size, and a thousand records in one packet" {
	serve_echo
	tls_peers '
c = Client().handshake()
for size in 1, 2, 1399, 4096, 16383, 16384, 16385, 65536:
    sent = os.urandom(size)
    c.say(sent)
    got = b""
    while len(got) < size:
        got += c.read()
    assert got == sent, size
sent = os.urandom(1000)
for i in range(1000):
    c.tls.write(sent[i:i + 1])
c.send(c.leaves.read())
got = b""
while len(got) < 1000:
    got += c.read()
assert got == sent'
}

@test "tls: echo: a banner goes first, after the handshake" {
	serve echo 'banner = %s says hi to %a\\n'
	run -0 tls <<<"hello"
	assert_line --index 0 "echo says hi to 127.0.0.1"
	assert_line --index 1 hello
}

greets() {
	assert_equal "$(tls "$1" </dev/null)" "Hello $2"
}

@test "tls: hello: the greeting, nothing waited for, and close_notify" {
	serve hello
	greets "127.0.0.1:$(port echo 1)" 127.0.0.1
	greets "[::1]:$(port echo 2)" ::1
	over_unix '
c = connected().handshake()
assert c.rest().startswith(b"Hello ")
assert c.s.recv(1) == b""'
	wait_until 10 counter_is echo closed_done 4
}

raises() {
	assert_equal "$(tls "$1" <<<"Grüße, 1a_z{")" "GRüßE, 1A_Z{"
}

@test "tls: upper" {
	serve upper
	over_internet raises
	over_unix '
c = connected().handshake()
c.say(b"hello")
c.half_close()
assert c.rest() == b"HELLO"'
}

takes_all() {
	run -0 tls "$1" <"$DIR/sent"
	assert_output ""
}

@test "tls: discard: takes everything, says nothing" {
	serve discard
	head -c 2000000 /dev/zero >"$DIR/sent"
	over_internet takes_all
	wait_until 10 counter_is echo closed_done 2
	assert_equal "$(counter echo bytes_in)" 4000000
	assert_equal "$(counter echo bytes_out)" 0
}

@test "tls: daytime and time" {
	serve daytime
	add_tls_service time time tls://127.0.0.1:0
	run -0 ctl reload
	tls </dev/null >"$DIR/date"
	tls "127.0.0.1:$(port time)" </dev/null >"$DIR/time"
	run -0 python3 - "$DIR" <<-'END'
		import sys, time
		text = open(sys.argv[1] + "/date").read()
		said = time.mktime(time.strptime(text, "%a %b %d %H:%M:%S %Y\n"))
		assert abs(time.time() - said) < 10, text
		data = open(sys.argv[1] + "/time", "rb").read()
		assert len(data) == 4, data
		said = int.from_bytes(data, "big") - 2208988800
		assert abs(time.time() - said) < 10, data
	END
}

# The worker has stopped writing: as many bytes out as a moment ago.
stands_still() {
	local before
	before=$(counter echo bytes_out)
	read -rt 0.3 <> <(:) || :
	[ "$before" -gt 0 ] && [ "$(counter echo bytes_out)" = "$before" ]
}

anonymous_kib() {
	awk '/^RssAnon:/ { print $2 }' "/proc/$1/status"
}

@test "tls: chargen: a slow reader gets every line, and none is kept for it" {
	serve chargen
	coproc CLIENT {
		tls_peers '
ring = bytes(range(32, 127)) * 2
lines = b"".join(ring[i:i + 72] + b"\r\n" for i in range(95))
c = Client().handshake()
sys.stdin.readline()
got = b""
while len(got) < 12000000:
    got += c.read()
assert (lines * (len(got) // len(lines) + 1)).startswith(got)'
	} 3>&- 4>&-
	local client=$CLIENT_PID worker
	wait_until 20 stands_still
	# What a worker keeps for it is a fraction of what it is owed.
	is_sanitized || for worker in $(worker_pids); do
		assert [ "$(anonymous_kib "$worker")" -lt 4096 ]
	done
	echo >&"${CLIENT[1]}"
	wait "$client"
}

@test "tls: plain and TLS listeners of one service, in one worker" {
	write_config "" "workers = 1" <<-END
		[service echo]
		handler = echo
		listen = tls://127.0.0.1:0 tcp://127.0.0.1:0
		$(tls_pair good)
	END
	start_server
	assert_equal "$(listener echo)" "tls://127.0.0.1:$(port echo 1)"
	assert_equal "$(listener echo 2)" "tcp://127.0.0.1:$(port echo 2)"
	hold plain "$(port echo 2)"
	assert_equal "$(tls <<<hello)" hello
	echoes "$plain"
	assert_equal "$(counter echo tls_handshakes)" 1
	assert_equal "$(counter echo accepted)" 2
}

@test "tls: a socket of a service manager" {
	write_config <<-END
		[service echo]
		handler = upper
		listen = tls+fd://stream
		$(tls_pair good)
	END
	systemd-socket-activate -l "$DIR/s" --fdname=stream \
		"$PREFORKD" -c "$CONFIG" 2>>"$LOG" </dev/null 3>&- 4>&- &
	SERVER=$!
	wait_until 5 test -S "$DIR/s"
	# The first client makes it start, and says nothing.
	socat -u "unix-connect:$DIR/s" /dev/null </dev/null &
	HELPERS+=($!)
	wait_until 10 ctl health
	assert_equal "$(listener echo)" "tls+unix:$DIR/s"
	tls_peers "
c = Client(s=local('$DIR/s')).handshake()
c.say(b'hello')
c.half_close()
assert c.rest() == b'HELLO'"
}

@test "tls: a hundred clients at a time, none hears another" {
	serve_echo
	tls_peers '
c = context()
clients = [secure(c) for i in range(100)]
for n, s in enumerate(clients):
    s.sendall(b"I am %3d" % n)
for n, s in enumerate(clients):
    assert s.recv(100) == b"I am %3d" % n
    s.unwrap()'
	wait_until 10 counter_is echo closed_done 100
	assert_equal "$(counter echo tls_handshakes)" 100
	assert_equal "$(counter echo tls_truncated)" 0
}

# --- the end -----------------------------------------------------------------

@test "tls: half-close: the answer comes whole, then close_notify" {
	serve_echo
	tls_peers '
for version in TLS_1_3, TLS_1_2:
    c = Client(context(version)).handshake()
    sent = os.urandom(100000)
    c.say(sent)
    c.half_close()
    assert c.rest() == sent
    assert c.s.recv(1) == b""'
	wait_until 10 counter_is echo closed_done 2
	assert_equal "$(counter echo tls_truncated)" 0
}

@test "tls: a client that ends without close_notify is told of as truncated" {
	serve_echo
	tls_peers '
for version in TLS_1_3, TLS_1_2:
    c = Client(context(version)).handshake()
    c.say(b"x")
    assert c.read() == b"x"
    c.s.shutdown(socket.SHUT_WR)
    try:
        assert c.rest() == b""
    except ssl.SSLError as error:
        assert "ALERT" in error.reason
'
	wait_until 10 counter_is echo tls_truncated 2
	assert_equal "$(counter echo closed_truncated)" 2
	assert_equal "$(counter echo closed_done)" 0
	ended_with truncated
	run -0 ctl stats prometheus
	assert_line --regexp '^preforkd_service_closed_total\{.*cause="truncated".*\} 2$'
}

@test "tls: a client that resets is a reset, not truncated" {
	serve_echo
	tls_peers '
c = Client().handshake()
c.say(b"x")
assert c.read() == b"x"
reset(c.s)'
	wait_until 10 counter_is echo closed_reset 1
	assert_equal "$(counter echo tls_truncated)" 0
}

@test "tls: close_notify when it was idle, none when it was cut off" {
	serve_echo "idle_timeout = 300ms"
	tls_peers '
c = Client().handshake()
assert c.rest() == b""'
	wait_until 10 counter_is echo closed_idle 1
	set_setting idle_timeout 1m
	renew reload
	coproc CLIENT {
		tls_peers '
c = Client().handshake()
c.say(b"x")
assert c.read() == b"x"
print("there", flush=True)
try:
    c.rest()
except ssl.SSLEOFError:
    sys.exit(0)
sys.exit("it looks like a whole")'
	} 3>&- 4>&-
	local client=$CLIENT_PID there
	read -rt 20 there <&"${CLIENT[0]}"
	assert_equal "$there" there
	run -0 ctl close "$(ctl_json connections | jq -r '.[0].id')"
	wait "$client"
	wait_until 10 counter_is echo closed_operator 1
}

# --- what is agreed on -------------------------------------------------------

@test "tls: 1.3 by default, 1.2 for who asks for it, nothing older" {
	serve_echo
	run -0 s_client
	assert_output --partial "New, TLSv1.3, Cipher is TLS_AES_128_GCM_SHA256"
	assert_output --partial "Verify return code: 0 (ok)"
	run -0 s_client -tls1_2
	assert_output --partial "New, TLSv1.2, Cipher is ECDHE-ECDSA-AES256-GCM-SHA384"
	assert_output --partial "Compression: NONE"
	local old
	for old in tls1 tls1_1; do
		run -1 s_client "-$old" -cipher DEFAULT@SECLEVEL=0
		assert_output --partial "alert protocol version"
	done
	wait_until 5 counter_is echo tls_failed_mismatch 2
	assert_equal "$(counter echo tls_handshakes)" 2
}

@test "tls: no early data: what is sent before the handshake is not taken" {
	serve_echo
	run -0 s_client -sess_out "$DIR/session"
	assert_output --partial "Max Early Data: 0"
	echo early >"$DIR/early"
	run s_client -sess_in "$DIR/session" -early_data "$DIR/early"
	refute_line early
	run -0 s_client -sess_in "$DIR/session"
	assert_output --partial "Early data was not sent"
}

@test "tls: tls_min_version = 1.3 refuses 1.2" {
	serve_echo "tls_min_version = 1.3"
	run -1 s_client -tls1_2
	assert_output --partial "alert protocol version"
	run -0 s_client -tls1_3
	wait_until 5 counter_is echo tls_failed_mismatch 1
}

@test "tls: ciphers: only those with forward secrecy and authentication" {
	write_tls_config "$(tls_pair rsa)"
	start_server
	local name
	for name in ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-AES256-GCM-SHA384 \
		ECDHE-RSA-CHACHA20-POLY1305 ECDHE-ECDSA-CHACHA20-POLY1305; do
		run -0 s_client -tls1_2 -cipher "$name"
		assert_output --partial "New, TLSv1.2, Cipher is $name"
	done
	for name in AES128-SHA AES256-GCM-SHA384 ECDHE-RSA-AES128-SHA \
		ECDHE-RSA-AES256-SHA384 DHE-RSA-AES128-GCM-SHA256 \
		ADH-AES128-SHA:@SECLEVEL=0 ECDHE-ECDSA-AES128-SHA; do
		run -1 s_client -tls1_2 -cipher "$name"
		assert_output --partial "handshake failure"
	done
	wait_until 5 counter_is echo tls_failed_mismatch 7
}

@test "tls: tls_ciphers, tls_ciphersuites and tls_groups" {
	serve_echo "tls_ciphers = ECDHE-ECDSA-AES128-GCM-SHA256
tls_ciphersuites = TLS_CHACHA20_POLY1305_SHA256
tls_groups = P-384"
	run -0 s_client -tls1_2
	assert_output --partial "Cipher is ECDHE-ECDSA-AES128-GCM-SHA256"
	assert_output --partial "Server Temp Key: ECDH, secp384r1"
	run -0 s_client -tls1_3
	assert_output --partial "Cipher is TLS_CHACHA20_POLY1305_SHA256"
	assert_output --partial "Server Temp Key: ECDH, secp384r1"
	run -1 s_client -tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256
	run -1 s_client -tls1_3 -groups X25519
	run -1 s_client -tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384
	wait_until 5 counter_is echo tls_failed_mismatch 3
}

@test "tls: groups by default: X25519, P-256, P-384, each also by a second hello" {
	serve_echo
	local group
	for group in X25519:X25519 P-256:prime256v1 P-384:secp384r1 \
		X448:P-256:prime256v1; do
		run -0 s_client -groups "${group%:*}"
		assert_output --regexp "Server Temp Key:.* ${group##*:},"
	done
	run -1 s_client -groups P-521
	assert_output --partial "handshake failure"
}

@test "tls: ALPN: one in common, none in common, none asked for" {
	serve_echo "tls_alpn = echo/2, echo/1"
	run -0 s_client -alpn echo/1,echo/2
	assert_output --partial "ALPN protocol: echo/2"
	run -0 s_client -alpn other,echo/1
	assert_output --partial "ALPN protocol: echo/1"
	run -0 s_client
	assert_output --partial "No ALPN negotiated"
	run -1 s_client -alpn http/1.1
	assert_output --partial "no application protocol"
	run -1 s_client -alpn echo/10 -tls1_2
	wait_until 5 counter_is echo tls_failed_mismatch 2
	assert_equal "$(counter echo tls_handshakes)" 3
}

@test "tls: without tls_alpn the wish of a client is not answered" {
	serve_echo
	run -0 s_client -alpn http/1.1
	assert_output --partial "No ALPN negotiated"
}

@test "tls: an RSA certificate signs with PSS in TLS 1.3" {
	write_config <<-END
		[service echo]
		handler = echo
		listen = tls://127.0.0.1:0
		$(tls_pair rsa)
	END
	start_server
	run -0 s_client
	assert_output --partial "Peer signature type: RSA-PSS"
	run -0 s_client -tls1_2
	assert_output --partial "Cipher is ECDHE-RSA-AES256-GCM-SHA384"
}

# --- other people's clients --------------------------------------------------

# An answer to every question: the banner of an echo service.
serve_page() {
	serve echo 'banner = HTTP/1.0 200 OK\\r\\nContent-Length: 9\\r\\n\\r\\nthe page\\n'
}

@test "tls: curl gets a page" {
	serve_page
	local version
	for version in --tlsv1.3 '--tls-max 1.2'; do
		# shellcheck disable=SC2086 # two words
		run -0 timeout 20 curl -sS $version --cacert "$PKI/ca.pem" \
			"https://localhost:$(port echo)/" "https://[::1]:$(port echo 2)/"
		assert_output $'the page\nthe page'
	done
	run -0 timeout 20 curl -sS --cacert "$PKI/ca.pem" \
		--unix-socket "$DIR/s" https://localhost/
	assert_output "the page"
	assert_equal "$(counter echo tls_handshakes)" 5
}

@test "tls: gnutls-cli, which closes its side and waits for the rest" {
	serve_echo
	head -c 1000000 /dev/urandom | base64 >"$DIR/sent"
	local version
	for version in 1.3 1.2; do
		timeout 30 gnutls-cli --logfile="$DIR/told" \
			--x509cafile="$PKI/ca.pem" -p "$(port echo)" \
			--priority="NORMAL:-VERS-ALL:+VERS-TLS$version" \
			localhost <"$DIR/sent" >"$DIR/received" 2>"$DIR/errors"
		cmp "$DIR/sent" "$DIR/received"
		run -0 cat "$DIR/told"
		assert_output --partial "Description: (TLS$version-"
	done
	wait_until 10 counter_is echo closed_done 2
}

@test "tls: ncat" {
	serve_echo
	head -c 1000000 /dev/urandom >"$DIR/sent"
	timeout 30 ncat --ssl-verify --ssl-trustfile "$PKI/ca.pem" \
		localhost "$(port echo)" <"$DIR/sent" >"$DIR/received"
	cmp "$DIR/sent" "$DIR/received"
}

@test "tls: haproxy in front" {
	serve_echo
	cat >"$DIR/haproxy.cfg" <<-END
		global
			nbthread 1
			maxconn 100
		defaults
			mode tcp
			timeout connect 10s
			timeout client 30s
			timeout server 30s
		frontend plain
			bind unix@$DIR/plain
			default_backend secure
		backend secure
			server it 127.0.0.1:$(port echo) ssl verify required ca-file $PKI/ca.pem verifyhost localhost sni str(localhost)
	END
	background "$(PATH=$PATH:/usr/sbin command -v haproxy)" -db \
		-f "$DIR/haproxy.cfg"
	wait_until 10 test -S "$DIR/plain"
	head -c 1000000 /dev/urandom >"$DIR/sent"
	timeout 30 socat -t 20 - "unix:$DIR/plain" <"$DIR/sent" \
		>"$DIR/received"
	cmp "$DIR/sent" "$DIR/received"
	# It keeps the ticket for its next connection.
	run -0 timeout 20 socat -t 10 - "unix:$DIR/plain" <<<"hello"
	assert_output hello
	assert_equal "$(counter echo tls_resumed)" 1
}

@test "tls: nginx in front" {
	serve_page
	cat >"$DIR/nginx.conf" <<-END
		daemon off;
		pid $DIR/nginx.pid;
		error_log $DIR/nginx.log;
		events {}
		http {
			access_log off;
			client_body_temp_path $DIR;
			proxy_temp_path $DIR;
			fastcgi_temp_path $DIR;
			uwsgi_temp_path $DIR;
			scgi_temp_path $DIR;
			server {
				listen unix:$DIR/plain;
				location / {
					proxy_pass https://127.0.0.1:$(port echo);
					proxy_ssl_verify on;
					proxy_ssl_trusted_certificate $PKI/ca.pem;
					proxy_ssl_name localhost;
					proxy_ssl_server_name on;
				}
			}
		}
	END
	background "$(PATH=$PATH:/usr/sbin command -v nginx)" \
		-c "$DIR/nginx.conf" -e "$DIR/nginx.log"
	wait_until 10 test -S "$DIR/plain"
	local i
	for i in 1 2 3; do
		run -0 timeout 20 curl -sS --unix-socket "$DIR/plain" \
			http://localhost/
		assert_output "the page"
	done
	# nginx(8) says alerts and truncations at this level.
	run ! grep -E 'SSL|error' "$DIR/nginx.log"
	assert [ "$(counter echo tls_resumed)" -ge 1 ]
}
