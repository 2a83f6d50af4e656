# shellcheck shell=bash disable=SC2016,SC2034,SC2094,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# preforkcat over TLS: whom it believes, that it loses nothing, and how it tells
# what went wrong, with peers of other makes. 60 has the same without TLS.

setup_file() {
	load tls
	make_usual_certificates
	make_bad_certificates
	make_client_certificates
	encrypt_key client
	cat "$PKI/client.pem" "$PKI/client.key" >"$PKI/client-both.pem"
	cut_in_half "$PKI/client.pem" "$PKI/cut.pem"
	cut_in_half "$PKI/client.key" "$PKI/cut.key"
	echo nonsense >"$PKI/nonsense"
	: >"$PKI/empty"
}

setup() {
	load preforkcat
	load tls
	common_setup
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

# tls_peer LINES [NAME [CONTEXT [LISTENER]]]: a server in Python as by `peer`,
# whose connection `c` has TLS on it with the certificate NAME (good); the lines
# CONTEXT change its context `t`. T is its address.
tls_peer() {
	peer "
import ssl
t = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
t.load_cert_chain('$PKI/${2:-good}.pem', '$PKI/${2:-good}.key')
t.load_verify_locations('$PKI/ca.pem')
${3-}
plain = c
# What was written is on its way before a reset.
c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1) if c.family != socket.AF_UNIX else None
c = t.wrap_socket(c, server_side=True, suppress_ragged_eofs=False)
def cut():
    plain = socket.socket(fileno=c.detach())
    plain.shutdown(socket.SHUT_RDWR)
def drain():
    n = 0
    while part := c.recv(65536): n += len(part)
    return n
$1" ${4+"$4"}
	T=tls://localhost:$PORT
}

# Versions of TLS that a context of Python is to have.
only_tls() {
	echo "t.minimum_version = t.maximum_version = ssl.TLSVersion.TLSv1_$1"
}

# One server with a port for each certificate NAME; each says who it is, to
# whoever takes it. port_of NAME tells the port.
certificate_servers() {
	: >"$DIR/ports"
	background env PYTHONPATH="$ROOT/tests" PYTHONDONTWRITEBYTECODE=1 \
		python3 -c '
from peers import *
import ssl
pki, ports, *names = sys.argv[1:]
def serve(name, s, t):
    while True:
        c = s.accept()[0]
        try:
            c = t.wrap_socket(c, server_side=True)
            c.sendall(b"it is " + name.encode())
            c.unwrap()
        except OSError: pass
        c.close()
lines = ""
for name in names:
    t = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    t.load_cert_chain(f"{pki}/{name}.pem", f"{pki}/{name}.key")
    s = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    lines += "%s %d\n" % (name, s.getsockname()[1])
    threading.Thread(target=serve, args=(name, s, t)).start()
open(ports, "w").write(lines)' "$PKI" "$DIR/ports" "$@"
	wait_until 10 test -s "$DIR/ports"
}

port_of() {
	awk -v name="$1" '$1 == name { print $2 }' "$DIR/ports"
}

# trusting WORDS...: preforkcat that trusts the CA of the tests.
trusting() {
	talk --ca "$PKI/ca.pem" "$@"
}

# openssl_server WORDS...: openssl s_server on a port, T is its address.
openssl_server() {
	background openssl s_server -accept 127.0.0.1:0 -naccept 20 \
		-cert "$PKI/good.pem" -key "$PKI/good.key" "$@" \
		</dev/null >"$DIR/s_server" 2>&1
	wait_until 10 grep -q '^ACCEPT 127' "$DIR/s_server"
	T=tls://localhost:$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' "$DIR/s_server")
}

# socat_server WORDS...: a program behind socat's TLS, which by itself would wait
# half a second for the end of an answer. T is its address.
socat_server() {
	background socat -t 20 -d -d "OPENSSL-LISTEN:0,bind=127.0.0.1,fork,verify=0,cert=$PKI/good.pem,key=$PKI/good.key" \
		"$@" 2>"$DIR/socat"
	wait_until 10 grep -q 'listening on' "$DIR/socat"
	T=tls://localhost:$(sed -n 's/.*listening on .*:\([0-9]*\)$/\1/p' "$DIR/socat")
}

# has_updated DIRECTION N: s_server has sent (>>>) new keys, or got ours (<<<),
# so many times.
has_updated() {
	[ "$(grep -c "^$1.*KeyUpdate" "$DIR/s_server")" -ge "$2" ]
}

# start_nginx: in a network of its own, / on port 443, on 444 whom a PROXY header
# names, on 445 only with a certificate. INSIDE is what a command that is to be
# there begins with.
start_nginx() {
	mkdir -p "$DIR/www"
	cat >"$DIR/nginx.conf" <<-END
		daemon off;
		user root;
		pid nginx.pid;
		error_log nginx.log;
		events { }
		http {
			access_log off;
			client_body_temp_path tmp; proxy_temp_path tmp;
			fastcgi_temp_path tmp; uwsgi_temp_path tmp;
			scgi_temp_path tmp;
			ssl_protocols TLSv1.2 TLSv1.3;
			ssl_certificate $PKI/good.pem;
			ssl_certificate_key $PKI/good.key;
			server {
				listen 443 ssl http2; listen [::1]:443 ssl;
				root $DIR/www;
			}
			server {
				listen 444 ssl proxy_protocol;
				return 200 "\$proxy_protocol_addr \$ssl_protocol\n";
			}
			server {
				listen 445 ssl;
				ssl_client_certificate $PKI/ca.pem;
				ssl_verify_client on;
				return 200 "\$ssl_client_s_dn\n";
			}
		}
	END
	background unshare --net sh -c 'ip link set lo up
		PATH=$PATH:/usr/sbin:/sbin exec nginx -e nginx.log -p "$1" \
			-c "$1/nginx.conf"' sh "$DIR"
	INSIDE=(nsenter "--net=/proc/${HELPERS[-1]}/ns/net" timeout 20
		"$PREFORKCAT" --ca "$PKI/ca.pem")
	echo small >"$DIR/www/small"
	wait_until 10 nginx_answers
}

nginx_answers() {
	[ -s "$DIR/nginx.pid" ] && "${INSIDE[@]}" https://127.0.0.1/small
}

# --- certificates ------------------------------------------------------------

@test "tls: certificates that hold" {
	local name host words
	certificate_servers good rsa ends-soon chained wildcard second self-signed
	while read -r name host words; do
		# shellcheck disable=SC2086 # words
		run -0 --separate-stderr trusting $words \
			"tls://$host:$(port_of "$name")" </dev/null
		assert_equal "$output" "it is $name"
		assert_equal "$stderr" ""
	done <<-END
		good localhost
		good LOCALHOST
		good 127.0.0.1
		good [::1]
		good 127.0.0.2 --servername localhost
		good 127.0.0.1 --servername localhost.
		good localhost --servername 127.0.0.1
		good localhost --servername ::1
		rsa localhost
		ends-soon localhost
		chained localhost
		wildcard 127.0.0.1 --servername any.example.test
		wildcard 127.0.0.1 --servername any.example.test.
		second 127.0.0.1 --servername second.test
		good 127.0.0.1 --ca $PKI/good.pem
		chained 127.0.0.1 --ca $PKI/intermediate.pem
		self-signed 127.0.0.1 --ca $PKI/self-signed.pem
	END
	# The store of the system, whatever it is.
	SSL_CERT_FILE=$PKI/ca.pem run -0 talk "tls://localhost:$(port_of good)" </dev/null
	assert_output "it is good"
}

@test "tls: certificates that do not hold are 77, the cause first, and not talked to" {
	local name host words cause
	certificate_servers good expired not-yet wrong-name self-signed \
		unknown-issuer no-intermediate second wildcard client
	while IFS='|' read -r name host words cause; do
		# shellcheck disable=SC2086 # words
		run -77 --separate-stderr trusting $words \
			"tls://$host:$(port_of "$name")" <<<secret
		assert_equal "$output" ""
		assert_regex "$stderr" "^preforkcat: $cause \(tls://.*:[0-9]+\)\$"
		assert [ "${#stderr_lines[@]}" -eq 1 ]
	done <<-'END'
		expired|localhost||certificate has expired: "CN = expired" was valid until 20.* UTC
		not-yet|localhost||certificate is not yet valid: "CN = not-yet" is valid from 20.* UTC
		wrong-name|localhost||hostname mismatch: "CN = wrong-name" is for other.test, not for localhost
		good|localhost|--servername other.test|hostname mismatch: "CN = good" is for localhost, 127.0.0.1, ::1, not for other.test
		good|127.0.0.2||IP address mismatch: "CN = good" is for localhost, .*, not for 127.0.0.2
		second|[::1]||IP address mismatch: "CN = second" is for second.test, not for ::1
		wildcard|localhost|--servername example.test|hostname mismatch: .*
		wildcard|localhost|--servername a.b.example.test|hostname mismatch: .*
		self-signed|localhost||self-signed certificate: "CN = self-signed" by "CN = self-signed"
		unknown-issuer|localhost||unable to get local issuer certificate: "CN = unknown-issuer" by "CN = unknown-ca"
		no-intermediate|localhost||unable to get local issuer certificate: "CN = chained" by "CN = intermediate"
		client|localhost|--servername client.test|unsuitable certificate purpose: "CN = client" by "CN = ca"
	END
	# Nobody is trusted who is in no store.
	run -77 talk "tls://localhost:$(port_of good)" </dev/null
	assert_output --partial 'unable to get local issuer certificate: "CN = good" by "CN = ca"'
}

@test "tls: --insecure takes any certificate, and says so each time" {
	local name
	certificate_servers good expired wrong-name unknown-issuer
	for name in good expired wrong-name unknown-issuer; do
		run -0 --separate-stderr talk --insecure "tls://localhost:$(port_of "$name")" </dev/null
		assert_equal "$output" "it is $name"
		assert_regex "$stderr" '^preforkcat: WARNING: --insecure: .* is NOT checked'
		assert [ "${#stderr_lines[@]}" -eq 1 ]
	done
	run -0 --separate-stderr trusting -v --insecure "tls://localhost:$(port_of expired)" </dev/null
	assert_regex "$stderr" 'would not hold: certificate has expired'
	run -0 --separate-stderr trusting -v --insecure "tls://localhost:$(port_of good)" </dev/null
	run ! grep "would not hold" <<<"$stderr"
}

@test "tls: the server is asked for the name, not for an address" {
	tls_peer '
while True:
    c.sendall(b"asked for %s" % asked)
    c.unwrap()
    c = t.wrap_socket(s.accept()[0], server_side=True)' '' '
asked = b""
def ask(s, name, t):
    global asked
    asked = (name or "nothing").encode()
t.sni_callback = ask'
	local wanted words
	while read -r wanted words; do
		# shellcheck disable=SC2086 # words
		run -0 trusting ${words/@/$PORT} </dev/null
		assert_output "asked for $wanted"
	done <<-'END'
		localhost tls://localhost:@
		nothing tls://127.0.0.1:@
		localhost --servername localhost tls://127.0.0.1:@
		localhost --servername localhost. tls://127.0.0.1:@
		nothing --servername 127.0.0.1 tls://localhost:@
	END
}

# --- what is named on the command line ----------------------------------------

@test "tls: files that cannot be used are 64, told before anything is sent" {
	local words why
	while IFS='|' read -r words why; do
		# shellcheck disable=SC2086 # words
		run -64 talk ${words//@/$PKI/} tls://localhost:1 </dev/null
		assert_output "preforkcat: ${why//@/$PKI/}"
	done <<-'END'
		--ca @none|the CA file "@none" cannot be used: No such file or directory
		--ca @|the CA file "@" cannot be used: Is a directory
		--ca @empty|the CA file "@empty" cannot be used: there is none in it in PEM form
		--ca @nonsense|the CA file "@nonsense" cannot be used: there is none in it in PEM form
		--ca @client.key|the CA file "@client.key" cannot be used: there is none in it in PEM form
		--ca @cut.pem|the CA file "@cut.pem" cannot be used: bad end line
		--cert @none --key @client.key|the certificate "@none" cannot be used: No such file or directory
		--cert @empty --key @client.key|the certificate "@empty" cannot be used: there is none in it in PEM form
		--cert @nonsense --key @client.key|the certificate "@nonsense" cannot be used: there is none in it in PEM form
		--cert @cut.pem --key @client.key|the certificate "@cut.pem" cannot be used: bad end line
		--cert @client.pem --key @none|the key "@none" cannot be used: No such file or directory
		--cert @client.pem --key @|the key "@" cannot be used: Is a directory
		--cert @client.pem --key @empty|the key "@empty" cannot be used: there is none in it in PEM form
		--cert @client.pem --key @nonsense|the key "@nonsense" cannot be used: there is none in it in PEM form
		--cert @client.pem --key @cut.key|the key "@cut.key" cannot be used: there is none in it in PEM form
		--cert @client.pem|the key "@client.pem" cannot be used: there is none in it in PEM form
		--cert @client.pem --key @good.key|the key "@good.key" does not belong to the certificate "@client.pem"
		--cert @client.pem --key @rsa.key|the key "@rsa.key" does not belong to the certificate "@client.pem"
		--cert @client.pem --key @client.encrypted.key|the key "@client.encrypted.key" is encrypted, and no passphrase is asked for
		--alpn h2,,x|the ALPN list "h2,,x" cannot be used: a name has 1 to 255 bytes, and a comma is between two
		--key @client.key|--key has no meaning without --cert
	END
}

@test "tls: a unix socket has no name to check, one must be said" {
	run -64 trusting "tls+unix:$DIR/s"
	assert_output "preforkcat: the address \"tls+unix:$DIR/s\" cannot be used: there is no name to check its certificate for: use --servername"
	run -64 trusting --servername "" tls://localhost:1
	assert_output --partial '"" can be in no certificate'
	run -64 trusting --servername "$(printf 'x%.0s' {1..300})" tls://localhost:1
	assert_output --partial 'can be in no certificate'
}

@test "tls: unix sockets, by path and by abstract name" {
	bytes 300000 >"$DIR/in"
	tls_peer 'c.sendall(b"%d" % drain()); c.unwrap()' '' '' \
		"socket.socket(socket.AF_UNIX); s.bind('$DIR/s'); s.listen()"
	run -0 trusting --servername localhost "tls+unix:$DIR/s" <"$DIR/in"
	assert_output 300000
	tls_peer 'c.sendall(b"%d" % drain()); c.unwrap()' '' '' \
		"socket.socket(socket.AF_UNIX); s.bind('\\0preforkcat-tls-$$-$BATS_TEST_NUMBER'); s.listen()"
	run -0 trusting --servername localhost "tls+unix:@preforkcat-tls-$$-$BATS_TEST_NUMBER" <"$DIR/in"
	assert_output 300000
	# It takes short paths only.
	background sh -c 'cd "$1" && exec openssl s_server -unix o -rev -quiet \
		-cert "$2/good.pem" -key "$2/good.key"' sh "$DIR" "$PKI"
	wait_until 10 test -S "$DIR/o"
	run -0 trusting --servername localhost "tls+unix:$DIR/o" <<<hello
	assert_output olleh
	# A reverse proxy in front.
	openssl_server -rev
	background socat "UNIX-LISTEN:$DIR/u,fork" "TCP:127.0.0.1:${T##*:}"
	wait_until 10 test -S "$DIR/u"
	run -77 trusting --servername other.test "tls+unix:$DIR/u" <<<hello
	run -0 trusting --servername localhost "tls+unix:$DIR/u" <<<hello
	assert_output olleh
}

# --- certificates of clients ---------------------------------------------------

@test "tls: a certificate of ours is shown when it is asked for" {
	local version words asks
	for version in 2 3; do
		for asks in REQUIRED OPTIONAL; do
			tls_peer 'c.sendall(repr(c.getpeercert()).encode()); c.unwrap()' '' \
				"$(only_tls $version); t.verify_mode = ssl.CERT_$asks"
			run -0 trusting --cert "$PKI/client.pem" --key "$PKI/client.key" "$T" </dev/null
			assert_output --partial "'client.test'"
		done
		# One file for both.
		tls_peer 'c.sendall(repr(c.getpeercert()).encode()); c.unwrap()' '' \
			"$(only_tls $version); t.verify_mode = ssl.CERT_REQUIRED"
		run -0 trusting --cert "$PKI/client-both.pem" "$T" </dev/null
		assert_output --partial "'client.test'"
	done
	# Nobody asked.
	tls_peer 'c.sendall(repr(c.getpeercert()).encode()); c.unwrap()'
	run -0 trusting --cert "$PKI/client.pem" --key "$PKI/client.key" "$T" </dev/null
	assert_output None
}

@test "tls: a peer that refuses us is 76, with its alert" {
	local version name alert
	while read -r version name alert; do
		tls_peer 'drain()' '' "$(only_tls "$version"); t.verify_mode = ssl.CERT_REQUIRED"
		local shown=(--cert "$PKI/$name.pem" --key "$PKI/$name.key")
		[ "$name" != none ] || shown=()
		# The input is open: the alert is the end.
		run -76 --separate-stderr trusting "${shown[@]}" "$T" < <(echo hello; exec sleep 20)
		assert_output ""
		assert_equal "$stderr" "preforkcat: \"$T\" refused: its alert is \"$alert\""
	done <<-'END'
		3 none certificate required
		3 client-of-other unknown ca
		3 client-expired certificate expired
		2 none handshake failure
		2 client-of-other unknown ca
		2 client-expired certificate expired
	END
	# Old versions are not spoken.
	openssl_server -rev -tls1_1 -cipher DEFAULT@SECLEVEL=0
	run -76 trusting "$T" </dev/null
	assert_output --regexp "^preforkcat: \"$T\" refused: its alert is \"protocol version\"\$"
	# With input that never ends, however far it got.
	tls_peer 'drain()' '' 't.verify_mode = ssl.CERT_REQUIRED'
	run -76 trusting "$T" < <(yes)
	assert_output --partial 'alert is "certificate required"'
}

@test "tls: an alert is told also when the end is noticed before it" {
	without_leak_check
	tls_peer 'drain()' '' "$(only_tls 2); t.verify_mode = ssl.CERT_REQUIRED"
	# Between two writes of our last flight, to switch TLS to the kernel.
	run -76 timeout 20 strace -qq -o /dev/null -e trace=setsockopt \
		-e inject=setsockopt:delay_enter=300000 \
		"$PREFORKCAT" --ca "$PKI/ca.pem" "$T" </dev/null
	assert_output --partial "preforkcat: \"$T\" refused: its alert is \"handshake failure\""
}

# --- what is agreed on -----------------------------------------------------------

@test "tls: -v tells version, cipher, group, protocol and certificates, each with its time" {
	local version time=' \([0-9]+\.[0-9]{3} ms\)'
	for version in 2 3; do
		tls_peer 'c.sendall(b"hello"); c.unwrap()' chained \
			"$(only_tls $version); t.set_ecdh_curve('prime256v1'); t.set_alpn_protocols(['x', 'http/1.1'])"
		run -0 --separate-stderr trusting -v --alpn h2,http/1.1 "$T" </dev/null
		assert_equal "$output" hello
		assert_regex "$stderr" "connected to 127.0.0.1:$PORT from 127.0.0.1:[0-9]+$time"
		assert_regex "$stderr" "handshake: TLSv1.$version, [A-Z0-9_-]*AES[A-Z0-9_-]*, group (P-256|secp256r1|prime256v1), ALPN http/1.1, new session(, [a-z ]*by the kernel)?$time"
		local date='20[0-9-]{8} [0-9:]{8} UTC'
		assert_regex "$stderr" "certificate 0: \"CN = chained\" by \"CN = intermediate\", $date to $date, for localhost, 127.0.0.1, ::1"
		assert_regex "$stderr" "certificate 1: \"CN = intermediate\" by \"CN = ca\""
		assert_regex "$stderr" "first byte$time"
		assert_regex "$stderr" "the peer ended$time"
	done
	tls_peer 'c.unwrap()'
	run -0 --separate-stderr trusting -v "$T" </dev/null
	assert_regex "$stderr" "ALPN none, new session"
}

@test "tls: --hex shows what is inside" {
	tls_peer 'c.sendall(c.recv(99)); c.unwrap()'
	run -0 --separate-stderr trusting --hex "$T" <<<hello
	assert_equal "$(sort <<<"$stderr")" \
"< 00000000  68 65 6c 6c 6f 0a                                hello\\n
> 00000000  68 65 6c 6c 6f 0a                                hello\\n"
}

# --- nothing is lost -----------------------------------------------------------

@test "tls: 100 MiB up and 100 MiB down arrive whole" {
	local version
	head -c 100M /dev/zero | openssl enc -aes-128-ctr -K 00 -iv 00 2>/dev/null >"$DIR/in"
	for version in 2 3; do
		tls_peer 'open("'"$DIR"'/n", "w").write(str(drain()))
with open("'"$DIR"'/in", "rb") as f:
    while part := f.read(1 << 20): c.sendall(part)
c.unwrap()' '' "$(only_tls $version)"
		trusting "$T" <"$DIR/in" | cmp - "$DIR/in"
		assert_equal "$(<"$DIR/n")" 104857600
	done
}

@test "tls: any bytes go and come at once, whatever the ends are" {
	socat_server EXEC:cat
	bytes 20000000 >"$DIR/in"
	trusting "$T" <"$DIR/in" >"$DIR/out"
	cmp "$DIR/in" "$DIR/out"
	trusting "$T" < <(cat "$DIR/in") | cmp - "$DIR/in"
	# One socket as both.
	python '
a, b = socket.socketpair()
p = subprocess.Popen([CAT, "--ca", "'"$PKI/ca.pem"'", "'"$T"'"], stdin=b, stdout=b)
b.close()
data = open("'"$DIR"'/in", "rb").read()
t = threading.Thread(target=lambda: (a.sendall(data), a.shutdown(socket.SHUT_WR)))
t.start()
assert rest(a) == data
t.join()
assert p.wait(10) == 0'
	# Nothing at all.
	run -0 trusting "$T" </dev/null
	assert_output ""
}

@test "tls: preforkd, any bytes, and a service that speaks first" {
	write_tls_config
	add_tls_service daytime daytime tls://127.0.0.1:0
	start_server
	bytes 20000000 >"$DIR/in"
	trusting "tls://localhost:$(port echo)" <"$DIR/in" >"$DIR/out"
	cmp "$DIR/in" "$DIR/out"
	run -0 trusting "tls://localhost:$(port daytime)" < <(exec sleep 20)
	assert_output --partial " 20"
	run -76 trusting "tls://localhost:$(port daytime)" --proxy-header v1 </dev/null
	run -0 --separate-stderr trusting -v "tls://localhost:$(port echo)" </dev/null
	assert_regex "$stderr" "handshake: TLSv1.3, .* group x25519"
}

@test "tls: the end of a reply, every time" {
	tls_peer '
for i in range(60):
    got = rest(c)
    c.sendall(b"reply to " + got)
    c.unwrap().close()
    c = t.wrap_socket(s.accept()[0], server_side=True)'
	local turn
	for turn in {1..60}; do
		run -0 trusting "$T" <<<"$turn"
		assert_output "reply to $turn"
	done
}

@test "tls: what comes with the end of the handshake is not waited for" {
	# The input is silent, and nothing more comes.
	local version
	for version in 2 3; do
		tls_peer 'c.sendall(b"hello\n"); c.recv(1)' '' "$(only_tls $version)"
		mkfifo "$DIR/silent.$version"
		background sh -c 'exec "$@" <>"$0"' "$DIR/silent.$version" \
			"$PREFORKCAT" --ca "$PKI/ca.pem" "$T" >"$DIR/out"
		wait_until 10 grep -q hello "$DIR/out"
		end_background
	done
}

@test "tls: the end of a long reply, to a reader that is slow" {
	tls_peer '
rest(c)
c.sendall(bytes(range(256)) * 20000)
c.unwrap()'
	echo hello | trusting "$T" | python '
got = b""
while part := os.read(0, 20000):
    got += part
    time.sleep(0.0005)
assert got == bytes(range(256)) * 20000, len(got)'
}

@test "tls: a peer that does not read makes the input wait" {
	tls_peer '
time.sleep(1)
c.sendall(b"%d" % drain())
c.unwrap()'
	head -c 20000000 /dev/zero | {
		run -0 trusting "$T"
		assert_output 20000000
	}
	tls_peer 'time.sleep(30)'
	run -75 trusting --timeout 300ms "$T" </dev/zero
	assert_output --partial "timed out: nothing came or went for 300ms"
}

@test "tls: keys that are changed in the middle" {
	mkfifo "$DIR/keys"
	exec {keys}<>"$DIR/keys"
	background sh -c 'exec openssl s_server -accept 127.0.0.1:0 -tls1_3 \
		-cert "$1/good.pem" -key "$1/good.key" -msg <"$2"' \
		sh "$PKI" "$DIR/keys" >"$DIR/s_server" 2>&1
	wait_until 10 grep -q '^ACCEPT 127' "$DIR/s_server"
	T=tls://localhost:$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' "$DIR/s_server")
	mkfifo "$DIR/input"
	exec {input}<>"$DIR/input"
	background sh -c 'exec "$@" <"$0"' "$DIR/input" \
		"$PREFORKCAT" --ca "$PKI/ca.pem" "$T" >"$DIR/out" {input}>&-
	local cat=${HELPERS[-1]} turn
	for turn in 1 2 3; do
		echo "up $turn" >&"$input"
		wait_until 10 grep -q "^up $turn" "$DIR/s_server"
		# K: new keys; ours come with what we write next.
		wait_until 10 has_updated '<<<' $((turn - 1))
		echo K >&"$keys"
		wait_until 10 has_updated '>>>' "$turn"
		echo "down $turn" >&"$keys"
		wait_until 10 grep -q "^down $turn" "$DIR/out"
	done
	exec {input}>&-
	wait "$cat"
	exec {keys}>&-
}

# --- who goes first --------------------------------------------------------------

@test "tls: a half-close gets its answer, 1.2 and 1.3" {
	local version
	for version in 2 3; do
		tls_peer 'n = drain(); time.sleep(0.2); c.sendall(b"%d bytes" % n); c.unwrap()' '' "$(only_tls $version)"
		run -0 --separate-stderr trusting "$T" <<<hello
		assert_output "6 bytes"
		assert_equal "$stderr" ""
	done
}

@test "tls: a peer that ends first ends it, and gets a close_notify" {
	tls_peer 'c.sendall(b"that was it\n"); c.unwrap(); open("'"$DIR"'/done", "w")'
	run -0 trusting "$T" < <(exec sleep 30)
	assert_output "that was it"
	wait_until 10 test -e "$DIR/done"
	# What is there of the input is still sent.
	tls_peer '
c.sendall(b"go on\n")
n = drain()
open("'"$DIR"'/got", "w").write(str(n))
c.unwrap()'
	bytes 5000000 >"$DIR/in"
	run -0 trusting "$T" <"$DIR/in"
	assert_output "go on"
	assert_equal "$(<"$DIR/got")" 5000000
}

@test "tls: an end without close_notify is 76, all that came is printed" {
	local version
	for version in 2 3; do
		tls_peer 'c.sendall(b"the beginning\n" * 10000); cut()' '' "$(only_tls $version)"
		run -76 --separate-stderr trusting "$T" < <(exec sleep 20)
		assert_equal "${#lines[@]}" 10000
		assert_equal "${lines[9999]}" "the beginning"
		assert_equal "$stderr" "preforkcat: \"$T\" ended without close_notify: the end may be missing"
		# To a reader that is slow.
		tls_peer 'c.sendall(b"the beginning\n" * 20000); cut()' '' "$(only_tls $version)"
		trusting "$T" < <(exec sleep 20) 2>"$DIR/err" | { read -rt 0.5 <> <(:) || :; wc -l; } >"$DIR/n"
		assert_equal "$(<"$DIR/n")" 20000
		grep -q 'without close_notify' "$DIR/err"
	done
}

@test "tls: a reset in the middle is 74, what came before is printed" {
	tls_peer 'c.sendall(b"the beginning\n"); c.recv(1); reset(c)'
	run -74 --separate-stderr trusting "$T" < <(printf x; exec sleep 20)
	assert_output "the beginning"
	assert_equal "$stderr" "preforkcat: \"$T\" reset the connection"
	tls_peer 'c.sendall(b"enough\n"); c.recv(100); reset(c)'
	run -74 --separate-stderr trusting "$T" < <(yes)
	assert_output "enough"
	assert_regex "$stderr" "^preforkcat: \"$T\" (reset the connection|ended before it took all of the input)\$"
}

@test "tls: a peer that breaks the protocol is 76" {
	tls_peer 'c.sendall(b"fine\n"); plain = socket.socket(fileno=c.detach()); plain.sendall(b"this is no record" * 10); rest(plain)'
	run -76 --separate-stderr trusting "$T" < <(exec sleep 20)
	assert_output "fine"
	assert_regex "$stderr" "^preforkcat: no TLS with \"$T\": [a-z ]+\$"
	assert [ "${#stderr_lines[@]}" -eq 1 ]
}

@test "tls: a reader that has had enough is no failure, one that cannot write is" {
	tls_peer '
try:
    while True: c.sendall(b"line\n" * 1000)
except OSError: pass'
	run -0 bash -c "timeout 20 '$PREFORKCAT' --ca '$PKI/ca.pem' $T </dev/null | head -n 1; exit \${PIPESTATUS[0]}"
	assert_output "line"
	tls_peer 'c.sendall(b"line\n"); time.sleep(30)'
	run -0 bash -c "timeout 10 '$PREFORKCAT' --ca '$PKI/ca.pem' $T </dev/null | head -n 1; exit \${PIPESTATUS[0]}"
	assert_output "line"
	tls_peer 'c.sendall(b"line\n"); c.unwrap()'
	run -74 bash -c "timeout 10 '$PREFORKCAT' --ca '$PKI/ca.pem' $T >/dev/full </dev/null"
	assert_output "preforkcat: cannot write standard output: No space left on device"
	tls_peer 'c.sendall(b"line\n"); c.unwrap()'
	run -74 bash -c "timeout 10 '$PREFORKCAT' --ca '$PKI/ca.pem' $T <&- >&-"
	assert_output "preforkcat: cannot write standard output: Bad file descriptor"
}

# --- handshakes that come to nothing ------------------------------------------

@test "tls: a peer that speaks no TLS is 76" {
	local says
	for says in 'b"220 mail.test ESMTP\r\n"' 'b"HTTP/1.0 400 Bad Request\r\n\r\n"' \
		'b"SSH-2.0-x\r\n"' 'bytes(100)' 'b"\xff" * 100'; do
		peer "c.sendall($says); rest(c)"
		run -76 trusting "tls://localhost:$PORT" </dev/null
		assert_output --regexp "^preforkcat: \"tls://localhost:$PORT\" speaks no TLS: [a-z ]+\$"
	done
	peer "c.sendall(b'\\x16\\x03\\x03\\0\\x04junk'); rest(c)"
	run -76 trusting "tls://localhost:$PORT" </dev/null
	assert_output --regexp "^preforkcat: no TLS with \"tls://localhost:$PORT\": [a-z ]+\$"
}

@test "tls: a peer that ends in the handshake is 76, one that resets 74" {
	peer 'c.recv(9999); c.shutdown(socket.SHUT_WR); rest(c)'
	run -76 trusting "tls://localhost:$PORT" </dev/null
	assert_output "preforkcat: \"tls://localhost:$PORT\" ended the connection in the handshake"
	peer 'c.recv(9999); c.sendall(b"\x16\x03\x03\0"); c.shutdown(socket.SHUT_WR); rest(c)'
	run -76 trusting "tls://localhost:$PORT" </dev/null
	assert_output "preforkcat: \"tls://localhost:$PORT\" ended the connection in the handshake"
	peer 'c.recv(1); reset(c)'
	run -74 trusting "tls://localhost:$PORT" </dev/null
	assert_output "preforkcat: \"tls://localhost:$PORT\" reset the connection in the handshake"
}

@test "tls: a peer that stalls in the handshake is 75 by either time" {
	local option step
	for step in '' 'c.recv(9999); c.sendall(b"\x16\x03\x03")'; do
		for option in --timeout --connect-timeout; do
			peer "$step
time.sleep(30)"
			run -75 trusting $option 300ms "tls://localhost:$PORT" < <(exec sleep 20)
			assert_output "preforkcat: \"tls://localhost:$PORT\" timed out in the TLS handshake"
		done
	done
	# One that is slow, but not silent, for as long as is allowed.
	peer 'c.recv(9999)
for i in range(99): c.sendall(b"\x16\x03\x03\x40\0"[i:i+1] or b"\2"); time.sleep(0.1)'
	run -75 trusting --timeout 10s --connect-timeout 1s "tls://localhost:$PORT" </dev/null
	assert_output --partial "timed out in the TLS handshake"
}

@test "tls: a handshake byte by byte, both ways" {
	tls_peer 'c.sendall(b"got %d" % drain()); c.unwrap()'
	local server=$PORT
	peer '
a = socket.create_connection(("127.0.0.1", '"$server"'))
for x in a, c: x.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
def pass_on(source, sink):
    while part := source.recv(1): sink.sendall(part)
    sink.shutdown(socket.SHUT_WR)
threading.Thread(target=pass_on, args=(c, a)).start()
pass_on(a, c)'
	run -0 trusting "tls://localhost:$PORT" <<<hello
	assert_output "got 6"
}

# --- peers of other makes -------------------------------------------------------

@test "tls: openssl s_server, 1.2 and 1.3, all kinds of ciphers and groups" {
	local words wanted
	while IFS='|' read -r words wanted; do
		# shellcheck disable=SC2086 # words
		openssl_server -rev $words
		run -0 --separate-stderr trusting -v "$T" <<<hello
		assert_equal "$output" olleh
		assert_regex "$stderr" "handshake: $wanted"
	done <<-'END'
		-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256|TLSv1.2, ECDHE-ECDSA-AES128-GCM-SHA256, group x25519
		-tls1_2 -cipher ECDHE+CHACHA20 -curves P-384|TLSv1.2, ECDHE-ECDSA-CHACHA20-POLY1305, group secp384r1
		-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256|TLSv1.3, TLS_CHACHA20_POLY1305_SHA256, group x25519
		-tls1_3 -groups P-521|TLSv1.3, TLS_AES_256_GCM_SHA384, group secp521r1
	END
}

@test "tls: gnutls-serv, with and without our certificate" {
	background unshare --net sh -c 'ip link set lo up
		exec gnutls-serv --echo -p 4433 --x509certfile "$1/good.pem" \
			--x509keyfile "$1/good.key" --x509cafile "$1/ca.pem" \
			--require-client-cert --verify-client-cert' sh "$PKI" >"$DIR/gnutls" 2>&1 </dev/null
	INSIDE=(nsenter "--net=/proc/${HELPERS[-1]}/ns/net" timeout 20
		"$PREFORKCAT" --ca "$PKI/ca.pem")
	wait_until 10 grep -q 'listening on IPv4' "$DIR/gnutls"
	bytes 100000 | base64 -w 70 >"$DIR/in"
	"${INSIDE[@]}" --cert "$PKI/client.pem" --key "$PKI/client.key" \
		tls://localhost:4433 <"$DIR/in" | cmp - "$DIR/in"
	run -76 "${INSIDE[@]}" tls://127.0.0.1:4433 <<<hello
	assert_output --regexp 'preforkcat: "tls://127.0.0.1:4433" refused: its alert is ".*"'
}

@test "https: nginx, with PROXY header, ALPN, client certificate" {
	start_nginx
	bytes 1000000 >"$DIR/www/big"
	"${INSIDE[@]}" https://localhost/big >"$DIR/out"
	cmp "$DIR/out" "$DIR/www/big"
	run -0 "${INSIDE[@]}" -v --alpn http/1.1 'https://[::1]:443/small'
	assert_line small
	assert_output --partial "ALPN http/1.1"
	run -4 "${INSIDE[@]}" https://localhost/none
	assert_output --partial "404 Not Found"
	run -0 "${INSIDE[@]}" -i https://localhost/small
	assert_line --index 0 --partial "HTTP/1.1 200 OK"
	run -76 "${INSIDE[@]}" --alpn none-of-theirs https://localhost/small
	assert_output --partial 'refused: its alert is "no application protocol"'
	# In front of the handshake.
	run -0 "${INSIDE[@]}" --proxy-header v1 https://127.0.0.1:444/
	assert_output "127.0.0.1 TLSv1.3"
	run -0 "${INSIDE[@]}" --proxy-header v2 https://127.0.0.1:444/
	assert_output "127.0.0.1 TLSv1.3"
	# Who are we?
	run -4 "${INSIDE[@]}" https://localhost:445/
	assert_output --partial "No required SSL certificate was sent"
	run -0 "${INSIDE[@]}" --cert "$PKI/client.pem" --key "$PKI/client.key" https://localhost:445/
	assert_output "CN=client"
	# Plain HTTP to a TLS port, and the other way round.
	run -4 "${INSIDE[@]::5}" http://localhost:443/
	assert_output --partial "The plain HTTP request was sent to HTTPS port"
}

@test "https: openssl s_server says how the client looks to it" {
	openssl_server -www
	run -0 trusting "https${T#tls}/"
	assert_output --partial "TLSv1.3"
	run -77 trusting "https${T#tls}/" --servername other.test
}

# --- where a response ends -----------------------------------------------------

@test "https: a body of known length needs no close_notify, another does" {
	local how
	for how in 'cut()' 'reset(c)' 'time.sleep(30)'; do
		tls_peer "c.recv(9999); c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'); $how"
		run -0 --separate-stderr trusting "https://localhost:$PORT/"
		assert_output hello
		assert_equal "$stderr" ""
		tls_peer "c.recv(9999); c.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'); $how"
		run -0 trusting "https://localhost:$PORT/"
		assert_output hello
	done
	tls_peer "c.recv(9999); c.sendall(b'HTTP/1.1 200 OK\r\n\r\nhello'); c.unwrap()"
	run -0 trusting "https://localhost:$PORT/"
	assert_output hello
	tls_peer "c.recv(9999); c.sendall(b'HTTP/1.1 200 OK\r\n\r\nhello'); cut()"
	run -76 --separate-stderr trusting "https://localhost:$PORT/"
	assert_output hello
	assert_equal "$stderr" "preforkcat: \"https://localhost:$PORT/\" ended without close_notify: the end may be missing"
	tls_peer "c.recv(9999); c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello'); c.unwrap()"
	run -76 trusting "https://localhost:$PORT/"
	assert_output --partial "is not right"
	tls_peer "c.recv(9999); c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello'); time.sleep(30)"
	run -75 trusting --timeout 300ms "https://localhost:$PORT/"
	assert_output --partial "timed out: nothing came or went for 300ms"
}
