# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# The server's TLS against clients that mean harm, and in corners that no friend
# comes to: floods of messages that cost it more than them, ends in the middle
# of something, buffers that are full at the wrong moment.

setup_file() {
	load tls
	make_usual_certificates
	cc -O2 -D_GNU_SOURCE -o "$BATS_FILE_TMPDIR/hostile" \
		"$ROOT/tests/tls_hostile.c" -lssl -lcrypto
}

setup() {
	load tls
	common_setup
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

# tls_clients LINES: python with peers.py and `speak()`, a connection to the
# service "echo" over TLS that has had an echo.
tls_clients() {
	clients "
import ssl
context = ssl.create_default_context(cafile='$PKI/ca.pem')
def speak(**more):
    s = context.wrap_socket(connect(), server_hostname='localhost',
        suppress_ragged_eofs=False, **more)
    return answered(s)
$1" "${@:2}"
}

# hostile STEP...: see tls_hostile.c; of TLS 1.3, or VERSION, to the service
# "echo", or $WHERE.
hostile() {
	timeout 40 "$BATS_FILE_TMPDIR/hostile" "${WHERE:-$(port echo)}" \
		"${VERSION:-1.3}" "$@"
}

# The same, beside the test; what it says is in $DIR/hostile.
start_hostile() {
	: >"$DIR/hostile"
	background timeout 40 "$BATS_FILE_TMPDIR/hostile" \
		"${WHERE:-$(port echo)}" "${VERSION:-1.3}" "$@" >"$DIR/hostile"
}

hostile_has_sent() {
	wait_until 20 grep -q '^sent' "$DIR/hostile"
}

hostile_was_cut_off() {
	hostile_has_sent
	run cat "$DIR/hostile"
	assert_line ECONNRESET
	wait_until 10 counter_is echo closed_error 1
}

# echoes_within MS: a connection over TLS of a friend, for two seconds.
echoes_within() {
	tls_clients '
s, end = speak(), time.monotonic() + 2
while (began := time.monotonic()) < end:
    answered(s)
    took = (time.monotonic() - began) * 1000
    assert took < float(sys.argv[1]), took
    time.sleep(0.002)' "$1"
}

# Hundredths of a second that the one worker has worked.
worked() {
	awk '{ print $14 + $15 }' "/proc/$(worker_pids)/stat"
}

rests() {
	local before
	before=$(worked)
	sleep 1
	echo "$(($(worked) - before)) of 100" >&2
	[ $(($(worked) - before)) -lt 20 ]
}

# No worker has failed, been replaced or killed by the watchdog.
workers_are_unharmed() {
	assert_equal "$(worker_pids)" "$PIDS"
}

# Every connection has come to one end, each failed handshake has one reason.
assert_counts_add_up() {
	ctl_json stats | jq -e '.services[] | select(.service == "echo") |
		.accepted == .active + ([to_entries[] |
			select(.key | startswith("closed_")).value] | add) and
		.closed_tls == ([to_entries[] |
			select(.key | startswith("tls_failed_")).value] | add)'
}

# --- deadlines ---------------------------------------------------------------

@test "without idle_timeout, handshake_timeout does not end an open connection" {
	write_tls_config "idle_timeout = 0\nhandshake_timeout = 300ms"
	start_server
	tls_clients '
s = speak()
time.sleep(0.7)
answered(s)'
	assert_equal "$(counter echo tls_failed_timeout)" 0
	assert_counts_add_up
}

# --- handshakes that fail ----------------------------------------------------

@test "who is refused, and does not know it yet, hears why" {
	make_client_certificates
	write_tls_config "tls_client_ca = $PKI/ca.pem\ntls_client_verify = required"
	start_server
	tls_clients '
for i in range(20):
    s = context.wrap_socket(connect(), server_hostname="localhost")
    for part in range(5):
        s.sendall(b"x" * 1000)
        time.sleep(0.002)
    try:
        s.recv(1)
        assert False
    except ssl.SSLError as e:
        assert "CERTIFICATE_REQUIRED" in str(e), e'
	wait_until 10 counter_is echo closed_tls 20
	assert_equal "$(counter echo tls_failed_certificate)" 20
	assert_counts_add_up
}

@test "whatever makes handshakes fail, each is counted once, with one reason" {
	write_tls_config "handshake_timeout = 300ms\nsession_timeout = 200ms"
	start_server
	clients '
import ssl
def hello(version):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.set_ciphers("ALL:@SECLEVEL=0")
    c.minimum_version = c.maximum_version = version
    out = ssl.MemoryBIO()
    try:
        c.wrap_bio(ssl.MemoryBIO(), out, server_hostname="a").do_handshake()
    except ssl.SSLWantReadError:
        return out.read()
old, new = hello(ssl.TLSVersion.TLSv1), hello(ssl.TLSVersion.TLSv1_3)
kinds = [b"", old, new, new[:50], b"GET / HTTP/1.0\r\n\r\n", bytes(20),
    b"\x16\x03\x01\xff\xff" + bytes(20), b"\x15\x03\x01\x00\x02\x02\x28",
    new + b"\x15\x03\x03\x00\x02\x02\x28", old + bytes(300000)]
for data in kinds:
    for end in (lambda s: rest(s), lambda s: s.shutdown(1), reset,
            lambda s: s.close()):
        s = connect()
        try:
            s.sendall(data)
            end(s)
        except OSError:
            pass'
	wait_until 10 counter_is echo active 0
	assert_counts_add_up
}

# --- tickets -----------------------------------------------------------------

@test "a ticket of the start is good after the first reload" {
	write_tls_config
	start_server
	tls_clients '
first = speak()
os.system(sys.argv[1])
second = speak(session=first.session)
assert second.session_reused' "sed -i 's|^drain_timeout.*|drain_timeout = 4s|' \
		'$CONFIG'; echo tls_alpn = x >>'$CONFIG'
		'$PREFORKCTL' -s '$SOCKET' reload"
	assert_equal "$(counter echo tls_resumed)" 1
}

# --- floods ------------------------------------------------------------------

@test "nobody is held up by a flood of changes of keys, which is cut off" {
	write_tls_config "" "" "workers = 1"
	start_server
	PIDS=$(worker_pids)
	start_hostile update=600000
	echoes_within 1500
	hostile_was_cut_off
	workers_are_unharmed
	assert_counts_add_up
}

@test "nobody is held up by a flood of handshakes in TLS 1.2, which is cut off" {
	write_tls_config "" "" "workers = 1"
	start_server
	PIDS=$(worker_pids)
	VERSION=1.2
	start_hostile hello=1000000
	echoes_within 1500
	hostile_was_cut_off
	workers_are_unharmed
}

# It sees to it that OpenSSL has never come to an end of what it has read.
@test "nor by one whose records do not end where buffers do" {
	write_tls_config "" "" "workers = 1"
	start_server
	PIDS=$(worker_pids)
	start_hostile brimful=1500
	echoes_within 1500
	hostile_was_cut_off
	workers_are_unharmed
}

@test "nor by a byte of data behind every few hundred changes of keys" {
	write_tls_config "" "" "workers = 1"
	start_server
	PIDS=$(worker_pids)
	start_hostile dotted=2000
	echoes_within 1500
	workers_are_unharmed
}

@test "a hundred changes of keys, and one that asks for ours, are no flood" {
	write_tls_config "" "" "workers = 1"
	start_server
	hostile update=100 byte=1 ask=1 byte=1 notify fin read
	assert_equal "$(counter echo closed_done)" 1
	assert_equal "$(counter echo bytes_out)" 2
}

@test "nobody is held up by records of one byte" {
	write_tls_config "" "" "workers = 1"
	start_server
	start_hostile byte=1000000
	echoes_within 1500
}

@test "who asks for answers that it does not read costs nothing" {
	write_config "" "workers = 1" <<-END
		[service echo]
		handler = discard
		listen = tls+unix:$DIR/tls.sock
		$(tls_pair good)
	END
	start_server
	WHERE=$DIR/tls.sock start_hostile stuff mixed=200 hold
	hostile_has_sent
	rests
	assert_equal "$(counter echo active)" 1
}

# --- ends --------------------------------------------------------------------

# In the buffers of a socket there is room for the last bytes of the echo, and
# for no more.
@test "close_notify comes also when the last bytes have filled the socket" {
	write_config "" "workers = 1" <<-END
		[service echo]
		handler = echo
		listen = tls+unix:$DIR/tls.sock
		$(tls_pair good)
	END
	start_server
	local kilobytes
	for kilobytes in $(seq 180 208); do
		WHERE=$DIR/tls.sock hostile kilo="$kilobytes" notify data
	done >"$DIR/hostile"
	run grep -c ', then close_notify' "$DIR/hostile"
	assert_output 29
	assert_equal "$(counter echo closed_done)" 29
}

@test "an end in the middle of a record, behind whole ones, is one cut off" {
	write_tls_config "" "" "workers = 1"
	start_server
	hostile half fin read
	assert_equal "$(counter echo tls_truncated)" 1
	assert_equal "$(counter echo closed_truncated)" 1
	hostile byte=1 raw=100 read
	assert_equal "$(counter echo closed_error)" 1
	assert_counts_add_up
}

# --- crowds ------------------------------------------------------------------

private_kilobytes() {
	awk '/^RssAnon/ { print $2 }' "/proc/$(worker_pids)/status"
}

memory_is_back() {
	[ "$(private_kilobytes)" -lt $((BEFORE + 10000)) ]
}

@test "memory of a crowd in the middle of its handshakes is given back" {
	write_tls_config "" "" "workers = 1"
	start_server
	BEFORE=$(private_kilobytes)
	tls_clients '
def hello():
    out = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="a").do_handshake()
    except ssl.SSLWantReadError:
        return out.read()
held = speak()
crowd = []
for i in range(1200):
    crowd.append(connect())
    crowd[-1].sendall(hello()[:100])
    if i % 100 == 0:
        answered(held)'
	wait_until 10 counter_is echo active 0
	is_sanitized || wait_until 5 memory_is_back
	assert_equal "$(counter echo tls_failed_closed)" 1200
}

# --- certificates of clients -------------------------------------------------

# Starts a daemon whose clock is by so many seconds ahead as the file AHEAD says.
start_server_ahead() {
	local library
	library=$(find /usr/lib /usr/lib64 -name libfaketime.so.1 2>/dev/null |
		head -n 1)
	open_to_others
	echo +0 >"$DIR/ahead"
	chmod 644 "$DIR/ahead"
	start_server env LD_PRELOAD="$library" FAKETIME_NO_CACHE=1 \
		FAKETIME_TIMESTAMP_FILE="$DIR/ahead" \
		FAKETIME_DONT_FAKE_MONOTONIC=1 \
		ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0"
}

@test "a session does not outlive the certificate of its client" {
	make_certificate brief --client --for DNS:client.test --until '1 hour'
	local believed="tls_client_ca = $PKI/ca.pem\ntls_client_verify = required"
	write_tls_config "$believed\ntls_ticket_lifetime = 7d" "" "sandbox = off"
	start_server_ahead
	tls_clients "
context.load_cert_chain('$PKI/brief.pem', '$PKI/brief.key')
both = []
for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
    context.maximum_version = version
    first = speak()
    second = speak(session=first.session)
    assert second.session_reused
    both.append((version, second.session))
open('$DIR/ahead', 'w').write('+7200\n')
for version, session in both:
    context.maximum_version = version
    try:
        speak(session=session)
        sys.exit('an expired certificate is believed')
    except ssl.SSLError as e:
        assert 'CERTIFICATE_EXPIRED' in str(e), e"
	assert_equal "$(counter echo tls_resumed)" 2
	assert_equal "$(counter echo tls_failed_certificate)" 2
}

# --- memory ------------------------------------------------------------------

# fail_allocations N M: one in N of the supervisor, one in M of the workers; 0:
# none.
fail_allocations() {
	python3 -c 'import struct, sys
sys.stdout.buffer.write(struct.pack("II", *map(int, sys.argv[1:])))' "$@" |
		dd of="$DIR/one_in" conv=notrunc status=none
}

start_forgetful() {
	cc -shared -fPIC -g -fno-omit-frame-pointer \
		-fno-optimize-sibling-calls -o "$DIR/malloc_fails.so" \
		"$ROOT/tests/malloc_fails.c"
	fail_allocations 0 0
	start_server env LD_PRELOAD="$DIR/malloc_fails.so" \
		MALLOC_FAILS="$DIR/one_in" \
		ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0"
}

# Prints how many of 150 clients got their echo.
demanding_clients() {
	tls_clients '
good = 0
for i in range(150):
    context.maximum_version = (ssl.TLSVersion.TLSv1_2,
        ssl.TLSVersion.TLSv1_3)[i % 2]
    try:
        s = speak()
        s.sendall(bytes(100000))
        n = 0
        while n < 100000:
            part = len(s.recv(100000))
            if part == 0:
                raise OSError
            n += part
        s.unwrap()
        good += 1
    except OSError:
        pass
print(good)'
}

@test "workers without memory lose connections over TLS, not their lives" {
	write_tls_config
	start_forgetful
	PIDS=$(worker_pids)
	local one_in
	for one_in in 10 40 100 400; do
		fail_allocations 0 "$one_in"
		assert [ "$(demanding_clients)" -lt 150 ]
	done
	fail_allocations 0 0
	workers_are_unharmed
	wait_until 5 counter_is echo active 0
	assert_counts_add_up
	assert_equal "$(demanding_clients)" 150
}

@test "a supervisor without memory keeps the certificate that it has" {
	LOG_ERRORS=.
	write_tls_config
	start_forgetful
	local one_in i status good=0
	for one_in in 20 100 500 2000 8000; do
		for i in {1..6}; do
			set_setting tls_certificate "$PKI/good.pem"
			fail_allocations "$one_in" 0
			ctl reload >>"$DIR/reloads" 2>&1 || :
			fail_allocations 0 0
			[ "$(tls_clients 'speak(); print("served")')" = served ]
		done
	done
	run -0 ctl reload
	assert_equal "$(tls_clients 'speak(); print("served")')" served
}
