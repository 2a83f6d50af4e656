# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# preforkbench over TLS: that each kind of load goes through it, that handshakes
# it counts, full and resumed, are those that the server has counted, that it
# believes no certificate which does not hold, that each failure is told by its
# kind, and that nothing is left lying in OpenSSL's buffers.

setup_file() {
	load tls
	make_usual_certificates
	make_bad_certificates
	make_client_certificates
}

setup() {
	load tls
	load preforkbench
	common_setup
	TRUST=(--ca "$PKI/ca.pem")
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

# tls_server LINES [CERTIFICATE [LISTENER]]: runs LINES, in which tls(f) calls f
# for each connection of `context` whose handshake is over, and takes the
# client's end. What they note() is counted by `noted`. A is the address.
tls_server() {
	: >"$DIR/notes"
	python_server "
import ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('$PKI/${2:-good}.pem', '$PKI/${2:-good}.key')
def note(text):
    with open('$DIR/notes', 'a') as f:
        f.write(text + '\n')
def to_the_end(c):
    while data := c.recv(65536):
        c.sendall(data)
def shake(c):
    try:
        c.do_handshake()
    except ssl.SSLError:
        # Who closes before all is read sends a reset, which takes the alert
        # away from the client.
        while socket.socket.recv(c, 65536):
            pass
        raise
def tls(f):
    def run(plain):
        c = context.wrap_socket(plain, server_side=True,
            suppress_ragged_eofs=False, do_handshake_on_connect=False)
        try:
            shake(c)
            note('resumed' if c.session_reused else 'full')
            f(c)
            c.unwrap()
        finally:
            c.close()
    each(run)
$1" "${@:3}"
	A=tls${A#tcp}
}

# talker VERSION: says hello and farewell in the same segment as the end of its
# handshake, so that a client finds all of it in one read.
talker() {
	tls_server "
context.maximum_version = ssl.TLSVersion.TLSv$1
def run(plain):
    a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
    c = context.wrap_bio(a, b, server_side=True)
    while True:
        try:
            c.do_handshake()
            break
        except ssl.SSLWantReadError:
            plain.sendall(b.read())
            data = plain.recv(65536)
            if not data:
                return
            a.write(data)
    c.write(b'Hello\n')
    try:
        c.unwrap()
    except ssl.SSLError:
        pass  # it wants the client's farewell, or found its request
    plain.sendall(b.read())
    rest(plain)
each(run)"
}

noted() {
	grep -cx "$1" "$DIR/notes"
}

# is_noted TEXT N
is_noted() {
	[ "$(noted "$1")" = "$2" ]
}

# The reason of a kind of failure.
reason() {
	jq -r ".reasons.$1" "$DIR/json"
}

# --- loads -------------------------------------------------------------------

@test "preforkbench, TLS: a closed loop, in both versions, in several processes" {
	tls_server 'tls(to_the_end)'
	load_with 0 -n 1001 -c 7 -t 3 --pipeline 4 "${TRUST[@]}" "$A"
	told '.requests == 1001 and .opened == 7 and .bytes_sent == 64064'
	told '.bytes_received == 64064 and .failed == 0'
	told '.tls.full == 7 and .tls.resumed == 0 and .tls.handshakes == 7'
	told '.tls.version == "TLSv1.3" and .tls.insecure == false'
	told '.tls.handshakes_per_second > 0'
	told '.tls.handshake_us.min > 0 and .tls.connect_us.max > 0'
	assert_equal "$(noted full)" 7
	load_with 0 -n 100 -c 2 --tls-version 1.2 "${TRUST[@]}" "tls://localhost${A##*.1}"
	told '.requests == 100 and .tls.version == "TLSv1.2"'
	told '.tls.cipher | test("^ECDHE-ECDSA-")'
}

@test "preforkbench, TLS: messages of every size" {
	tls_server 'tls(to_the_end)'
	local size
	for size in 1 8 4095 16384 16385 65536 1m 3m; do
		load_with 0 -n 12 -c 2 --size "$size" --pipeline 3 "${TRUST[@]}" "$A"
		told '.requests == 12 and .bytes_sent == .bytes_received'
	done
}

@test "preforkbench, TLS: an open loop answers all that is due" {
	tls_server 'tls(to_the_end)'
	load_with 0 --rate 500 -d 600ms -c 5 "${TRUST[@]}" "$A"
	told '.requests == 300 and .failed == 0 and .tls.full == 5'
}

@test "preforkbench, TLS: each connection of --connect is a handshake" {
	tls_server 'tls(to_the_end)'
	local exchange
	for exchange in none echo; do
		load_with 0 -n 60 -c 6 --connect --exchange "$exchange" \
			"${TRUST[@]}" "$A"
		told '.requests == 60 and .opened == 60 and .tls.full == 60'
		told '.tls.resumed == 0 and .tls.handshakes_per_second > 0'
		told '.tls.handshakes_per_second == .requests_per_second'
		told '.latency_us.min >= .tls.handshake_us.min'
	done
	wait_until 5 is_noted full 120
	load_with 0 --connect -d 300ms --warm-up 300ms -c 2 "${TRUST[@]}" "$A"
	# Those of the warm-up do not count; two were under way when it ended.
	told '(.tls.handshakes - .requests) | (. >= 0 and . <= 2)'
}

@test "preforkbench, TLS: what the server says first is read to its farewell" {
	tls_server 'tls(lambda c: c.sendall(b"Hello\n"))'
	load_with 0 -n 40 -c 4 --connect --exchange read "${TRUST[@]}" "$A"
	told '.requests == 40 and .bytes_received == 240 and .tls.full == 40'
}

@test "preforkbench, TLS: what came with the end of the handshake is not forgotten" {
	local version exchange
	for version in 1_2 1_3; do
		talker "$version"
		for exchange in read http none; do
			load_with 0 -n 4 -c 2 --connect --exchange "$exchange" \
				--timeout 20s "${TRUST[@]}" "$A"
			told '.requests == 4 and .seconds < 10'
		done
	done
}

@test "preforkbench, TLS: idle connections are shaken and held" {
	tls_server 'tls(to_the_end)'
	start_held -d 1h --idle 150 --exchange echo "${TRUST[@]}" "$A"
	assert_equal "$(noted full)" 150
	let_go 0
	told '.requests == 150 and .open == 150 and .tls.full == 150'
	told '.tls.handshakes_per_second > 1 and .failed == 0'
}

@test "preforkbench, TLS: over a Unix socket, whose name must be given" {
	tls_server 'tls(to_the_end)' good \
		"(lambda s: (s.bind('$DIR/s'), s.listen(100), s)[2])(
		socket.socket(socket.AF_UNIX))"
	load_with 0 -n 50 --servername localhost "${TRUST[@]}" "tls+unix:$DIR/s"
	told '.requests == 50 and .tls.full == 10'
	load_with 64 -n 50 "${TRUST[@]}" "tls+unix:$DIR/s"
	assert_file_contains "$DIR/err" "use --servername"
	load_with 0 -n 50 --insecure "tls+unix:$DIR/s"
}

# --- sessions ----------------------------------------------------------------

@test "preforkbench, TLS: --resume counts what the server has resumed" {
	local version exchange resumed
	for version in 1.2 1.3; do
		for exchange in none echo; do
			tls_server 'tls(to_the_end)'
			load_with 0 -n 60 -c 3 --connect --exchange "$exchange" \
				--resume --tls-version "$version" "${TRUST[@]}" "$A"
			# Until the first had their tickets, the others had none.
			told '.requests == 60 and .tls.full >= 1 and .tls.full <= 3'
			told '.tls.full + .tls.resumed == 60'
			resumed=$(jq .tls.resumed "$DIR/json")
			wait_until 5 is_noted resumed "$resumed"
			load_with 0 -n 20 -c 3 --connect --tls-version "$version" \
				--exchange "$exchange" "${TRUST[@]}" "$A"
			told '.tls.resumed == 0 and .tls.full == 20'
		done
	done
}

@test "preforkbench, TLS: --resume in each process, and for held connections" {
	tls_server 'tls(to_the_end)'
	load_with 0 -n 60 -c 4 -t 2 --connect --resume "${TRUST[@]}" "$A"
	told '.tls.full >= 2 and .tls.full <= 4 and .tls.resumed >= 56'
	load_with 0 -d 100ms --idle 200 --exchange echo --resume "${TRUST[@]}" "$A"
	told '.tls.full <= 64 and .tls.full + .tls.resumed == 200'
}

@test "preforkbench, TLS: a server without tickets, or new keys, is not waited for" {
	tls_server 'context.num_tickets = 0
context.options |= ssl.OP_NO_TICKET
tls(to_the_end)'
	load_with 0 -n 20 -c 2 --connect --resume "${TRUST[@]}" "$A"
	told '.requests == 20 and .tls.full == 20 and .seconds < 5'
	tls_server 'def forget(c):
    global context
    to_the_end(c)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("'"$PKI"'/good.pem", "'"$PKI"'/good.key")
tls(forget)'
	load_with 0 -n 20 -c 1 --connect --resume "${TRUST[@]}" "$A"
	told '.requests == 20 and .tls.resumed < 5 and .failed == 0'
}

# --- whom it believes --------------------------------------------------------

@test "preforkbench, TLS: a certificate that does not hold is 77, and why" {
	local name words
	while read -r name words; do
		tls_server 'tls(to_the_end)' "$name"
		load_with 77 -n 4 -c 2 "${TRUST[@]}" "$A"
		told '.requests == 0 and .errors.certificate == .failed'
		told '.failed == 2 and .tls.handshakes == 0'
		run -0 reason certificate
		assert_output --partial "$words"
	done <<-'END'
		expired certificate has expired
		not-yet certificate is not yet valid
		wrong-name mismatch
		self-signed self-signed certificate
		unknown-issuer unable to get local issuer
		no-intermediate unable to get local issuer
	END
	load_with 77 --connect -d 200ms -c 1 "${TRUST[@]}" "$A"
	told '.errors.certificate >= 1'
	# With no one to trust but the system's.
	tls_server 'tls(to_the_end)'
	load_with 77 -n 4 "$A"
}

@test "preforkbench, TLS: --servername is asked for and checked, --insecure told" {
	tls_server 'context.sni_callback = lambda c, name, _: note(f"name {name}")
tls(to_the_end)' wrong-name
	load_with 0 -n 4 -c 1 --servername other.test "${TRUST[@]}" "$A"
	assert_equal "$(noted 'name other.test')" 1
	load_with 77 -n 4 -c 1 "${TRUST[@]}" "tls://localhost${A##*.1}"
	assert_equal "$(noted 'name localhost')" 1
	load_with 0 -n 4 -c 1 --insecure "$A"
	told '.requests == 4 and .tls.insecure'
	run -0 timeout 20 "$BENCH" -n 4 -c 1 --insecure "$A"
	assert_output --partial "certificates were not checked"
	assert_output --regexp '1 handshakes, 0 resumed: [0-9]+/s; TLSv1.3, TLS_'
	assert_line --regexp '^handshake: min '
	tls_server 'tls(to_the_end)' chained
	load_with 0 -n 4 "${TRUST[@]}" "$A"
}

@test "preforkbench, TLS: a server that wants our certificate gets it" {
	tls_server "context.verify_mode = ssl.CERT_REQUIRED
context.load_verify_locations('$PKI/ca.pem')
tls(to_the_end)"
	local version
	for version in 1.2 1.3; do
		load_with 0 -n 10 -c 2 --cert "$PKI/client.pem" \
			--key "$PKI/client.key" --tls-version "$version" \
			"${TRUST[@]}" "$A"
		told '.requests == 10'
		load_with 1 --connect -n 4 -c 2 --tls-version "$version" \
			"${TRUST[@]}" "$A"
		told '.requests == 0 and .errors.handshake + .errors.tls == 4'
		run -0 jq -r '.reasons[]' "$DIR/json"
		assert_output --regexp 'alert|refused'
	done
}

@test "preforkbench, TLS: --alpn offers its protocols" {
	tls_server 'context.set_alpn_protocols(["h2", "http/1.1"])
tls(lambda c: (note(f"alpn {c.selected_alpn_protocol()}"), to_the_end(c)))'
	load_with 0 -n 1 -c 1 --alpn http/1.1,h2 "${TRUST[@]}" "$A"
	load_with 0 -n 1 -c 1 "${TRUST[@]}" "$A"
	wait_until 5 is_noted "alpn h2" 1
	wait_until 5 is_noted "alpn None" 1
}

# --- failures ----------------------------------------------------------------

@test "preforkbench, TLS: handshakes that fail are told with their reason" {
	python_server 'each(lambda c: c.sendall(b"220 no TLS here\r\n" + c.recv(9)))'
	load_with 1 -n 4 -c 2 "${TRUST[@]}" "tls${A#tcp}"
	told '.errors.handshake == 2 and .failed == 2'
	run -0 reason handshake
	assert_output --partial "speaks no TLS"

	python_server 'each(lambda c: c.recv(9999))'
	load_with 1 --connect -n 4 -c 2 "${TRUST[@]}" "tls${A#tcp}"
	told '.errors.handshake == 4 and .failed == 4'
	run -0 reason handshake
	assert_output --partial "ended the connection in the handshake"

	python_server 'each(lambda c: (c.recv(9), reset(c)))'
	load_with 1 --connect -n 4 -c 2 "${TRUST[@]}" "tls${A#tcp}"
	told '.errors.handshake == 4 and .failed == 4'

	tls_server 'context.minimum_version = ssl.TLSVersion.TLSv1_3
tls(to_the_end)'
	load_with 1 -n 4 -c 2 --tls-version 1.2 "${TRUST[@]}" "$A"
	told '.errors.handshake == 2'
	run -0 reason handshake
	assert_output --partial "protocol version"

	load_with 1 -n 4 -c 2 "${TRUST[@]}" "tls://127.0.0.1:$(free_port)"
	told '.errors.refused == 2 and .failed == 2'
}

@test "preforkbench, TLS: a handshake that nobody answers costs one timeout" {
	python_server 'each(lambda c: c.recv(99999) and time.sleep(30))'
	load_with 1 -n 3 -c 3 --timeout 300ms "${TRUST[@]}" "tls${A#tcp}"
	told '.errors.timed_out == 3 and .failed == 3'
	load_with 1 --connect -n 2 -c 2 --timeout 300ms "${TRUST[@]}" "tls${A#tcp}"
	told '.errors.timed_out == 2 and .failed == 2'
	load_with 1 --idle 2 -d 1s --timeout 300ms "${TRUST[@]}" "tls${A#tcp}"
	told '.errors.timed_out == 2 and .open == 0'
}

@test "preforkbench, TLS: an end without a farewell is not taken for one" {
	tls_server 'def cut(plain):
    c = context.wrap_socket(plain, server_side=True)
    c.sendall(b"Hello\n")
    c.close()
each(cut)'
	load_with 1 -n 6 -c 2 --connect --exchange read "${TRUST[@]}" "$A"
	told '.requests == 0 and .errors.truncated == 6 and .failed == 6'
}

@test "preforkbench, TLS: a connection that breaks, and wrong bytes" {
	tls_server 'tls(lambda c: (c.recv(10), c.sendall(b"x" * 64), c.recv(1)))'
	load_with 1 -n 5 -c 1 "${TRUST[@]}" "$A"
	told '.requests == 0 and .errors.wrong_bytes == 5'
	tls_server 'tls(lambda c: c.recv(64))'
	load_with 1 -n 5 -c 1 "${TRUST[@]}" "$A"
	told '.errors.closed == 5'
}

# --- the command line --------------------------------------------------------

@test "preforkbench, TLS: wrong usage is 64, told in a line" {
	echo nonsense >"$DIR/nonsense"
	local words
	while read -r words; do
		# shellcheck disable=SC2086 # words
		run -64 --separate-stderr timeout 10 "$BENCH" $words </dev/null
		assert_output ""
		assert [ -n "$stderr" ]
	done <<-END
		--resume tcp://127.0.0.1:1
		--insecure unix:/x
		--ca $PKI/ca.pem udp://127.0.0.1:1
		--tls-version 1.1 tls://127.0.0.1:1
		--tls-version 1.3 tcp://127.0.0.1:1
		--key $PKI/client.key tls://127.0.0.1:1
		--cert $PKI/client.pem tls://127.0.0.1:1
		--cert $PKI/client.pem --key $PKI/good.key tls://127.0.0.1:1
		--ca $DIR/none tls://127.0.0.1:1
		--ca $DIR/nonsense tls://127.0.0.1:1
		--cert $DIR/nonsense tls://127.0.0.1:1
		--alpn , tls://127.0.0.1:1
		--gso tls://127.0.0.1:1
		tls+unix:/x
		tls+fd://name
		tls://localhost:0
	END
	run -64 "$BENCH" --resume tcp://127.0.0.1:1
	assert_output "preforkbench: --resume has no meaning for tcp://127.0.0.1:1"
}

# --- other servers -----------------------------------------------------------

@test "preforkbench, TLS: against openssl s_server and socat" {
	local port
	port=$(free_port)
	background openssl s_server -quiet -www -accept "127.0.0.1:$port" \
		-cert "$PKI/rsa.pem" -key "$PKI/rsa.key" >/dev/null 2>&1
	wait_until 10 "$BENCH" --connect --exchange http -n 1 -c 1 --insecure \
		"tls://127.0.0.1:$port"
	load_with 0 --connect --exchange http -n 20 -c 1 --resume "${TRUST[@]}" \
		"tls://127.0.0.1:$port"
	told '.requests == 20 and .tls.resumed >= 18'

	port=$(free_port)
	background socat "openssl-listen:$port,fork,reuseaddr,backlog=50,verify=0,cert=$PKI/good.pem,key=$PKI/good.key" PIPE
	wait_until 10 "$BENCH" -n 1 -c 1 --insecure "tls://127.0.0.1:$port"
	load_with 0 -n 200 -c 3 --pipeline 2 "${TRUST[@]}" "tls://127.0.0.1:$port"
	told '.requests == 200 and .tls.full == 3'
}

# --- preforkd ----------------------------------------------------------------

@test "preforkbench, TLS: it counts what the daemon counts, whoever of its workers" {
	write_tls_config "" "" "workers = 3"
	add_tls_service hello hello tls://127.0.0.1:0
	start_server
	local e h
	e=tls://127.0.0.1:$(port echo) h=tls://127.0.0.1:$(port hello)
	load_with 0 -n 1001 -c 7 -t 3 --pipeline 4 "${TRUST[@]}" "$e"
	told '.requests == 1001 and .tls.full == 7'
	wait_until 5 counter_is echo tls_handshakes 7
	assert_equal "$(counter echo bytes_out)" 64064

	load_with 0 -n 300 -c 6 --connect --exchange read "${TRUST[@]}" "$h"
	told '.requests == 300 and .tls.full == 300'
	wait_until 5 counter_is hello tls_handshakes 300
	assert_equal "$(counter hello tls_resumed)" 0
	load_with 0 -n 300 -c 6 --connect --exchange read --resume "${TRUST[@]}" "$h"
	told '.requests == 300 and .tls.full <= 6'
	wait_until 5 counter_is hello tls_handshakes 600
	assert_equal "$(counter hello tls_resumed)" "$(jq .tls.resumed "$DIR/json")"
	assert_equal "$(counter hello tls_truncated)" 0
}

@test "preforkbench, TLS: the daemon with a connection of nothing, and many held" {
	write_tls_config
	start_server
	local e version
	e=tls://127.0.0.1:$(port echo)
	for version in 1.2 1.3; do
		load_with 0 -n 50 -c 5 --connect --tls-version "$version" \
			--resume "${TRUST[@]}" "$e"
		told '.requests == 50 and .tls.full <= 5'
		load_with 0 --rate 400 -d 500ms --tls-version "$version" \
			"${TRUST[@]}" "$e"
		told '.requests == 200'
		load_with 0 -n 20 -c 2 --size 1m --tls-version "$version" \
			"${TRUST[@]}" "$e"
		told '.requests == 20'
	done
	start_held -d 1h --idle 300 --exchange echo "${TRUST[@]}" "$e"
	wait_until 5 counter_is echo active 300
	let_go 0
	wait_until 5 counter_is echo active 0
	assert_equal "$(counter echo tls_truncated)" 0
}
