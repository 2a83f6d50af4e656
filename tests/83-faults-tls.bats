# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# docs/faults.md, rows 55, 75 and 76: certificates that do not fit, clients that
# do everything wrong that can be done wrong in a handshake and after it, tickets
# of other workers and times. One worker, where nothing else is said: what one
# client did would be felt by the next.

setup_file() {
	load tls
	make_usual_certificates
	make_certificate other-good
	cc -O2 -D_GNU_SOURCE -o "$BATS_FILE_TMPDIR/hostile" \
		"$ROOT/tests/tls_hostile.c" -lssl -lcrypto
}

setup() {
	load faults
	load tls
	faults_setup
}

teardown() {
	faults_teardown
}

# --- verbs -------------------------------------------------------------------

# serve [LINES [POOL-LINES]]: what OpenSSL keeps for good after the first
# handshakes of each kind, and the first that fails, is there already.
serve() {
	write_tls_config "${1-}" "" "${2-workers = 1}"
	start_server
	warm_up
	take_baseline
}

warm_up() {
	tls_peers '
for version in TLS_1_2, TLS_1_3:
    for i in range(20):
        answered(secure(context(version))).unwrap()
with connect() as s:
    s.sendall(b"GET / HTTP/1.0\r\n\r\n")
    remains(s)'
	wait_until 10 counter_is echo active 0
}

# What a worker has to do at the end as it did in the beginning.
is_served_by_tls() {
	tls_peers '
for version in TLS_1_2, TLS_1_3:
    answered(secure(context(version))).unwrap()'
}

# failed REASON: so many handshakes, beyond those of warm_up.
failed() {
	counter echo "tls_failed_$1"
}

failed_is() {
	[ "$(failed "$1")" = "$2" ]
}

# All that failed, for whatever reason, is N.
all_failed() {
	ctl_json stats | jq '[.services[] | select(.service == "echo") |
		to_entries[] | select(.key | startswith("tls_failed_")) |
		.value] | add'
}

all_failed_is() {
	[ "$(all_failed)" = "$1" ]
}

# refuses_bytes REASON LINES: python LINES, whose rude() makes what is sent right
# after connecting, twenty times; "held" is a good connection of the same worker.
# The server ends each, and says at most an alert; each is counted.
refuses_bytes() {
	local before
	before=$(failed "$1")
	tls_peers "
import random
held = answered(secure())
$2
for i in range(20):
    with connect() as s:
        s.sendall(rude())
        try:
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        said = remains(s)
        assert len(said) <= 7, said
        assert not said or said[0] == 21, said
    answered(held)
    with secure(context(random.choice((TLS_1_2, TLS_1_3)))) as s:
        answered(s).unwrap()
held.unwrap()"
	wait_until 10 failed_is "$1" $((before + 20))
}

# --- certificates ------------------------------------------------------------

@test "fault 55: a certificate whose key is another one, again and again" {
	write_renewable_config 1
	start_server
	warm_up
	take_baseline
	LOG_ERRORS='preforkd.ini|reload failed'
	local i workers
	workers=$(worker_pids)
	for i in {1..30}; do
		cp "$PKI/other-good.pem" "$DIR/cert.pem"
		WANTED=4 run -4 ctl reload
		assert_output --regexp "tls_key: .*cert.key.*cert.pem"
		cp "$PKI/good.pem" "$DIR/cert.pem"
	done
	assert_equal "$(worker_pids)" "$workers"
	is_served_by_tls
	# Both new: up to date, and without a trace of those that failed.
	show_pair other-good
	renew reload
	is_served_by_tls
	run -0 s_client
	assert_output --partial "subject=CN = other-good"
}

@test "fault 55: renewals by the dozen leave nothing behind" {
	write_renewable_config 1
	start_server
	warm_up
	take_baseline
	local i
	for i in {1..15}; do
		for pair in other-good good; do
			show_pair "$pair"
			run -0 ctl reload
		done
	done
	wait_until 10 no_worker_drains
	is_served_by_tls
}

# --- bytes that are no handshake ---------------------------------------------

@test "fault 75: plain HTTP to a TLS port" {
	serve
	refuses_bytes http '
def rude():
    return random.choice((b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /a HTTP/1.0\r\n\r\n", b"HEAD / HTTP/1.1\r\n\r\n",
        b"CONNECT a:443 HTTP/1.1\r\n\r\n"))'
	run timeout 10 curl -s "http://127.0.0.1:$(port echo)/"
	assert_failure
}

@test "fault 75: garbage" {
	serve
	refuses_bytes protocol '
random.seed(75)
def rude():
    return b"\xff" + random.randbytes(random.choice((5, 11, 100, 1000, 60000)))'
}

@test "fault 75: hellos of SSL 2, of SSL 3, of a version from nowhere" {
	serve
	refuses_bytes mismatch '
good = Client().flight()
def rude():
    hello = bytearray(good)
    hello[9:11] = random.choice((b"\x03\x00", b"\x02\x00", b"\x00\x00"))
    # Nor is there an extension of versions that are supported.
    at = hello.index(b"\x00\x2b")
    hello[at + 1] = 0xfa
    return bytes(hello)'
	local before
	before=$(all_failed)
	tls_peers '
for i in range(20):
    with connect() as s:
        s.sendall(bytes.fromhex("802e0100020015000000100100800200800300800400"
                                "800500800600400700c0") + os.urandom(16) * 2)
        s.shutdown(socket.SHUT_WR)
        assert len(remains(s)) <= 7'
	wait_until 10 all_failed_is $((before + 20))
	is_served_by_tls
}

@test "fault 75: a hello that is huge, in one message and in many" {
	serve
	refuses_bytes protocol '
def rude():
    # 16 MiB, it says, in a message of several records.
    start = b"\x01\xff\xff\xff\x03\x03" + os.urandom(16000)
    more = handshake_record(os.urandom(16000))
    return handshake_record(start) + more * 5'
}

@test "fault 75: a record that is longer than any may be" {
	serve
	refuses_bytes protocol '
def rude():
    return struct.pack("!BHH", 22, 0x0301, 0xffff) + os.urandom(60000)'
}

@test "fault 75: alerts by the thousand, before any handshake" {
	serve
	local before
	before=$(all_failed)
	tls_peers '
for i in range(20):
    with connect() as s:
        try:
            # user_canceled, a warning.
            for n in range(1000):
                s.sendall(plain_alert(1, 90))
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        assert len(remains(s)) <= 7'
	wait_until 10 all_failed_is $((before + 20))
	is_served_by_tls
}

@test "fault 75: the client's alert instead of its next message" {
	serve "handshake_timeout = 2s"
	local before
	before=$(failed alert)
	tls_peers '
for version in TLS_1_2, TLS_1_3:
    for description in 40, 42, 48, 90:
        c = Client(context(version))
        c.send(c.flight())
        c.hear()
        # TLS 1.3 takes the last one, user_canceled, for the announcement of
        # an end, and waits for that.
        c.send(plain_alert(2, description))
        remains(c.s)'
	wait_until 10 all_failed_is 9
	assert [ "$(failed alert)" -ge $((before + 4)) ]
	is_served_by_tls
}

@test "fault 75: heartbeats, of the kind that once were answered too well" {
	serve
	refuses_bytes protocol '
heartbeat = bytes.fromhex("180302000301ffff")
def rude():
    return heartbeat * 3'
	tls_peers '
for version in TLS_1_2, TLS_1_3:
    c = Client(context(version))
    c.send(c.flight())
    c.hear()
    c.send(bytes.fromhex("180303000301ffff"))
    # An alert, which TLS 1.3 has encrypted by now.
    said = remains(c.s)
    assert len(said) <= 7 or said[:5] == b"\x17\x03\x03\x00\x13", said
    assert len(said) <= 24'
	is_served_by_tls
}

@test "fault 75: nothing that a name or a protocol can be" {
	serve "tls_alpn = one"
	refuses_bytes mismatch '
def rude():
    return Client(context(alpn=["other"])).flight()'
	tls_peers '
for name in "a" * 63 + ".test", "xn--zzz.test", "second.test", None:
    c = context()
    c.check_hostname = False
    with secure(c, name=name) as s:
        answered(s)'
}

# --- handshakes that break off -----------------------------------------------

# Each step of a handshake, with half a flight as a step of its own.
STEPS='
def steps(version):
    """Makes a client stand at each place where it may leave."""
    for place in range(6):
        c = Client(context(version))
        hello = c.flight()
        if place == 0:
            yield c
            continue
        c.send(hello[:len(hello) // 2])
        if place == 1:
            yield c
            continue
        c.send(hello[len(hello) // 2:])
        if place == 2:
            yield c
            continue
        c.hear()
        if place == 3:
            yield c
            continue
        last = c.flight()
        assert last
        c.send(last[:len(last) // 2])
        if place == 4:
            yield c
            continue
        c.send(last[len(last) // 2:len(last) - 1])
        yield c
'

@test "fault 75: clients that leave at each step of the handshake" {
	serve
	local before
	before=$(failed closed)
	tls_peers "$STEPS"'
held = answered(secure())
for i in range(5):
    for version in TLS_1_2, TLS_1_3:
        for c in steps(version):
            c.s.close()
            answered(held)
        for c in steps(version):
            reset(c.s)
            answered(held)
        for c in steps(version):
            c.s.shutdown(socket.SHUT_WR)
            remains(c.s)
            answered(held)
held.unwrap()'
	# 5 times 2 versions, 3 ways, 6 steps.
	wait_until 10 failed_is closed $((before + 180))
	assert_equal "$(counter echo closed_tls)" 181
	is_served_by_tls
	# Their lines are one now and then.
	assert [ "$(n_log_lines 'TLS handshake with')" -le 3 ]
}

@test "fault 75: clients that stay, at each step of the handshake" {
	serve "handshake_timeout = 1s"
	local before
	before=$(failed timeout)
	tls_peers "$STEPS"'
held = answered(secure())
clients = [c for v in (TLS_1_2, TLS_1_3) for c in steps(v)]
answered(held)
start = time.monotonic()
for c in clients:
    remains(c.s)
answered(held)
held.unwrap()
# Generous: the machine may be busy.
assert time.monotonic() - start < 8'
	wait_until 10 failed_is timeout $((before + 12))
	is_served_by_tls
	run -0 grep -c 'closed: echo .* tls_handshake ' "$LOG"
	assert_output 13
}

@test "fault 75: a client that drips has handshake_timeout, and no more" {
	serve "handshake_timeout = 1s"
	tls_peers '
c = Client()
hello = c.flight()
start = time.monotonic()
try:
    for i in range(200):
        c.send(hello[i:i + 1])
        time.sleep(0.1)
    sys.exit("there was no end to it")
except OSError:
    pass
assert time.monotonic() - start < 15'
	wait_until 10 failed_is timeout 1
	# Who has made it has left this time behind.
	tls_peers '
s = answered(secure())
time.sleep(1.5)
answered(s).unwrap()'
}

@test "fault 75: one byte at a time" {
	serve
	tls_peers '
class Slow(Client):
    def send(self, data):
        for byte in data:
            self.s.sendall(bytes([byte]))
for version in TLS_1_2, TLS_1_3:
    c = Slow(context(version))
    c.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    c.handshake()
    c.say(b"hello")
    assert c.read() == b"hello"
    c.half_close()
    assert c.rest() == b""'
	wait_until 10 counter_is echo active 0
	assert_equal "$(counter echo tls_truncated)" 0
}

@test "fault 75: a message in as many records as it has bytes" {
	serve
	tls_peers '
class Split(Client):
    """Its hello comes in records of one byte."""
    def send(self, data):
        if data[:1] == b"\x16" and data[5:6] == b"\x01":
            length, = struct.unpack("!H", data[3:5])
            data = b"".join(handshake_record(data[i:i + 1])
                            for i in range(5, 5 + length)) + data[5 + length:]
        self.s.sendall(data)
for version in TLS_1_2, TLS_1_3:
    c = Split(context(version)).handshake()
    c.say(b"hello")
    assert c.read() == b"hello"
    c.half_close()
    c.rest()'
}

@test "fault 75: one byte of a handshake is another one" {
	serve
	local before
	before=$(all_failed)
	tls_peers '
import random
random.seed(75)
held = answered(secure())
good = 0
for i in range(200):
    version = random.choice((TLS_1_2, TLS_1_3))
    c = Client(context(version))
    flights = [c.flight()]
    if i % 2:
        c.send(flights.pop())
        c.hear()
        try:
            flights.append(c.flight())
        except ssl.SSLError:
            sys.exit("the server is at fault")
    rude = bytearray(flights[0])
    rude[random.randrange(len(rude))] ^= 1 << random.randrange(8)
    c.send(rude)
    c.s.shutdown(socket.SHUT_WR)
    remains(c.s)
    c.s.close()
    if i % 10 == 0:
        answered(held)
answered(held).unwrap()'
	# None of them came through: the end of a handshake vouches for all of it.
	wait_until 10 all_failed_is $((before + 200))
	is_served_by_tls
}

# So many handshakes that stop half-way, and others meanwhile.
half_handshakes() {
	tls_peers '
held = answered(secure())
clients = []
for i in range(300):
    c = Client()
    c.send(c.flight())
    clients.append(c)
    if i % 30 == 0:
        answered(held)
        answered(secure()).unwrap()
for c in clients:
    remains(c.s)
answered(held).unwrap()'
}

@test "fault 75: many handshakes at a time that never end, and good clients" {
	serve "handshake_timeout = 2s"
	half_handshakes
	wait_until 10 failed_is timeout 300
	# What the allocator has needed for them it keeps; no more than that.
	take_baseline
	half_handshakes
	wait_until 10 failed_is timeout 600
	is_served_by_tls
}

# --- after the handshake -----------------------------------------------------

# hostile VERSION STEP...: see tls_hostile.c; how it ends does not matter.
hostile() {
	run timeout 40 "$BATS_FILE_TMPDIR/hostile" "$(port echo)" "$@"
	assert_output --partial "sent"
}

@test "fault 75: floods of new keys, alerts and messages, again and again" {
	serve
	local kind i
	for i in 1 2 3; do
		for kind in update ask alert ccs part empty; do
			hostile 1.3 "$kind=20000" fin read
		done
		for kind in hello alert ccs empty; do
			hostile 1.2 "$kind=20000" fin read
		done
	done
	wait_until 10 counter_is echo active 0
	is_served_by_tls
}

@test "fault 75: another handshake after the first, in TLS 1.2, is refused" {
	serve
	SAYS=R run s_client -tls1_2
	assert_output --partial "RENEGOTIATING"
	assert_output --partial "no renegotiation"
	is_served_by_tls
}

@test "fault 75: records that are spoiled after the handshake" {
	serve
	tls_peers '
held = answered(secure())
for i in range(20):
    for version in TLS_1_2, TLS_1_3:
        for rude in (b"\x17\x03\x03\x00\x20" + os.urandom(32),
                     b"\x17\x03\x03\xff\xff" + os.urandom(100),
                     b"GET / HTTP/1.0\r\n\r\n", plain_alert(2, 40),
                     bytes.fromhex("180303000301ffff"),
                     b"\x16\x03\x03\x00\x04\x00\x00\x00\x00"):
            c = Client(context(version)).handshake()
            c.say(b"x")
            assert c.read() == b"x"
            c.send(rude)
            said = remains(c.s)
            assert len(said) < 100, said
        answered(held)
held.unwrap()'
	wait_until 10 counter_is echo active 0
	is_served_by_tls
}

@test "fault 75: clients that end without close_notify, or reset" {
	serve
	local before
	before=$(counter echo closed_done)
	tls_peers '
held = answered(secure())
for version in TLS_1_2, TLS_1_3:
    for i in range(50):
        answered(secure(context(version))).close()
        reset(answered(secure(context(version))))
    answered(held)
held.unwrap()'
	wait_until 10 counter_is echo tls_truncated 100
	assert_equal "$(counter echo closed_truncated)" 100
	wait_until 10 counter_is echo closed_reset 100
	wait_until 10 counter_is echo closed_done $((before + 1))
}

@test "fault 75: workers that are killed in the middle of handshakes" {
	serve "" "workers = 2"
	coproc CLIENTS {
		tls_peers '
clients = []
for i in range(60):
    c = Client(context(TLS_1_2 if i % 2 else TLS_1_3))
    c.send(c.flight())
    if i % 3 == 0:
        c.hear()
    clients.append(c)
print("there", flush=True)
sys.stdin.readline()
for c in clients:
    remains(c.s)'
	} 3>&- 4>&-
	local clients=$CLIENTS_PID word pid
	read -rt 20 word <&"${CLIENTS[0]}"
	wait_until 10 counter_is echo active 60
	for pid in $(worker_pids); do
		kill -KILL "$pid"
	done
	echo >&"${CLIENTS[1]}"
	wait "$clients"
	wait_until 10 ready_workers_are 2
	is_served_by_tls
	assert_equal "$(counter echo closed_lost)" 60
	assert_equal "$(counter echo active)" 0
}

# --- tickets -----------------------------------------------------------------

@test "fault 76: a ticket of another worker, after a reload, of an older key" {
	serve "tls_ticket_lifetime = 2s\nnodelay = yes" "workers = 2"
	tls_peers '
for version in TLS_1_2, TLS_1_3:
    c = context(version)
    session = session_of(c)
    for i in range(10):
        assert resumes(c, session)'
	touch_workers
	run -0 s_client -sess_out "$DIR/session"
	renew reload
	run -0 s_client -sess_in "$DIR/session"
	assert_output --partial "Reused, TLSv1.3"
	wait_until 10 is_not_resumed
}

is_not_resumed() {
	s_client -sess_in "$DIR/session" | grep -q "^New, TLSv1.3"
}

@test "fault 76: tickets of nobody, and ones that were spoiled, by the hundred" {
	serve
	tls_peers '
for version in TLS_1_2, TLS_1_3:
    c = context(version)
    session = session_of(c)
    for i in range(100):
        probe = Client(c)
        probe.tls.session = session
        hello = bytearray(probe.flight())
        # Somewhere in the ticket, which is most of the second half.
        hello[len(hello) - 60 - i % 50] ^= 0x55
        probe.send(hello)
        probe.s.shutdown(socket.SHUT_WR)
        remains(probe.s)
    assert resumes(c, session)'
	is_served_by_tls
}
