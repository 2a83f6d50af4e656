# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# Handshakes, many: what they cost those who are connected already, when most
# of them never end, and when workers and configuration change meanwhile.
#
# A worker serves the line of handshakes for half a millisecond a turn
# (HANDSHAKES_US), so that an echo on a plain connection of the same worker
# waits for that and for one handshake in each turn until its own event is
# taken. The bounds here are far above it, since tests share their machine.

# shellcheck source=tests/tls.bash
source "${BATS_TEST_DIRNAME}/tls.bash"

BENCH=$PREFORKD_BIN/preforkbench

setup_file() {
	make_usual_certificates
}

setup() {
	common_setup
}

teardown() {
	common_teardown
}

# One worker with a plain echo and one over TLS. CERTIFICATE is that of the
# latter; LINES are for its service.
start_both() {
	write_config "" "${3-workers = 1}\nmax_connections = 5000" <<-END
		[service plain]
		handler = echo
		listen = tcp://127.0.0.1:0
		[service secure]
		handler = echo
		listen = tls://127.0.0.1:0
		$(tls_pair "$1")
		$(printf '%b' "${2-}")
	END
	# shellcheck disable=SC2119
	start_server
}

# A crowd of N clients of which each makes a handshake, goes and comes again,
# until flood_ends; its result is $DIR/flood.
flood() {
	ulimit -n 8192
	background "$BENCH" --json --ca "$PKI/ca.pem" --connect \
		--exchange none -c "$1" -d 30s --timeout 20s \
		"tls://127.0.0.1:$(port secure)" >"$DIR/flood" 2>"$DIR/flood.said"
	wait_until 20 handshakes_are_more_than "$(handshakes)"
}

handshakes() {
	counter secure tls_handshakes
}

handshakes_are_more_than() {
	[ "$(handshakes)" -gt "$1" ]
}

# plain_echo: what an echo on plain connections takes, in $DIR/echo.
plain_echo() {
	"$BENCH" --json -c 8 --rate 500 -d 3s "tcp://127.0.0.1:$(port plain)" \
		>"$DIR/echo" 2>"$DIR/echo.said"
}

told() {
	jq -e "$1" "$DIR/echo" >/dev/null || {
		cat "$DIR/echo" >&2
		return 1
	}
}

# connect_crowd N: clients who wait; on a line of input all of them send the
# first message of a handshake, and no other.
connect_crowd() {
	ulimit -n 8192
	coproc CROWD {
		exec timeout 60 python3 -c '
import socket, ssl, sys
port, n = map(int, sys.argv[1:])
into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
client = ssl.create_default_context().wrap_bio(
    into, out, server_hostname="localhost")
try:
    client.do_handshake()
except ssl.SSLWantReadError:
    pass
hello = out.read()
crowd = [socket.create_connection(("127.0.0.1", port)) for i in range(n)]
sys.stdin.readline()
for s in crowd:
    s.sendall(hello)
print("said", flush=True)
sys.stdin.readline()' "$(port secure)" "$1" 3>&- 4>&-
	}
	HELPERS+=("$CROWD_PID")
}

crowd_speaks() {
	local said
	echo >&"${CROWD[1]}"
	read -rt 20 said <&"${CROWD[0]}"
	[ "$said" = said ]
}

# The worker finds all of them at once, and the echo behind them. It takes 64
# events a turn: that is 47 turns of half a millisecond and a handshake, and
# 3,000 signatures, more than a second, if it served a turn's handshakes at
# once.
@test "load: an echo behind 3,000 clients that begin at once" {
	local pid plain answer before
	start_both rsa 'handshake_timeout = 1m' \
		'workers = 1\nnofile = 8192'
	pid=$(worker_pid 1)
	hold plain "$(port plain)"
	echoes "$plain"
	connect_crowd 3000
	wait_until 30 counter_is secure active 3000
	kill -STOP "$pid"
	crowd_speaks
	echo hello >&"$plain"
	before=$(now_ms)
	kill -CONT "$pid"
	read -rt 20 answer <&"$plain"
	(($(now_ms) - before < 800))
	assert_equal "$answer" hello
	release "$plain"
}

# RSA's handshakes cost the server most, and its clients least: the line is
# longest then.
@test "load: echoes on plain connections do not wait for a crowd with RSA" {
	start_both rsa
	flood 400
	plain_echo
	told '.failed == 0 and .requests > 1000'
	told '.latency_us.p50 < 25000 and .latency_us.p99 < 500000'
	# The crowd has been served meanwhile.
	wait_until 20 handshakes_are_more_than "$(($(handshakes) + 400))"
}

@test "load: nor for one with P-256" {
	start_both good
	flood 400
	plain_echo
	told '.failed == 0 and .requests > 1000'
	told '.latency_us.p50 < 25000 and .latency_us.p99 < 500000'
	wait_until 20 handshakes_are_more_than "$(($(handshakes) + 400))"
}

# connect_silent N: so many who never send a byte, until they are closed.
connect_silent() {
	ulimit -n 8192
	timeout 60 "$BENCH" --json --idle "$1" --exchange none -d 30s \
		"tcp://127.0.0.1:$(port secure)" >"$DIR/silent" 2>&1 3>&- 4>&- &
	HELPERS+=($!)
}

timeouts_are() {
	counter_is secure tls_failed_timeout "$1"
}

rss_kib() {
	awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"
}

needs_at_most() {
	(($(rss_kib "$1") <= $2))
}

# The next crowd needs no more than the one before.
@test "load: 2,000 clients that never say anything cost a timeout each" {
	local pid kept descriptors
	start_both good 'handshake_timeout = 4s' \
		'workers = 1\nnofile = 8192'
	pid=$(worker_pid 1)
	descriptors=$(n_descriptors "$pid")
	connect_silent 2000
	wait_until 20 counter_is secure active 2000
	plain_echo
	told '.failed == 0 and .latency_us.p50 < 25000'
	wait_until 30 timeouts_are 2000
	wait_until 20 counter_is secure active 0
	assert_equal "$(n_descriptors "$pid")" "$descriptors"
	# Said a few times, not two thousand.
	(($(n_log_lines 'TLS handshake with .* failed') < 10))

	kept=$(rss_kib "$pid")
	connect_silent 2000
	wait_until 30 timeouts_are 4000
	wait_until 20 counter_is secure active 0
	is_sanitized || wait_until 5 needs_at_most "$pid" $((kept + 4096))
	assert_equal "$(worker_pid 1)" "$pid"
}

# take_certificate NAME: by reload.
take_certificate() {
	set_setting tls_certificate "$PKI/$1.pem"
	set_setting tls_key "$PKI/$1.key"
	ctl reload
}

kill_slot() {
	wait_until 20 slot_is_ready "$1"
	kill -KILL "$(slot_pid "$1")"
}

secure_echo() {
	local answer
	answer=$(echo hello | timeout 20 "$PREFORKD_BIN/preforkcat" \
		--ca "$PKI/ca.pem" "tls://localhost:$(port secure)")
	[ "$answer" = hello ]
}

@test "load: handshakes while workers are killed and certificates changed" {
	local i descriptors before
	start_both good '' 'workers = 2'
	descriptors=$(n_descriptors "$SERVER")
	flood 200
	for i in 1 2 3; do
		take_certificate rsa
		kill_slot 1
		take_certificate good
		kill_slot 2
		before=$(handshakes)
		wait_until 20 handshakes_are_more_than "$((before + 100))"
	done
	wait_until 20 ready_workers_are 2
	secure_echo
	end_background
	wait_until 20 counter_is secure active 0
	wait_until 20 no_worker_drains
	assert_equal "$(n_descriptors "$SERVER")" "$descriptors"
}
