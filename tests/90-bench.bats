# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# make bench: that it measures what it says, names what is not there, and leaves
# no server behind. Figures are not judged here. What its generator believes is
# in 66-preforkbench.bats.

setup() {
	load helpers
	common_setup
	without_leak_check
}

teardown() {
	common_teardown
}

# A folder of programs without the yardstick for datagrams.
programs_without_bare_udp() {
	mkdir -p "$DIR/bin/bench"
	ln -s "$PREFORKD" "$PREFORKD_BIN/preforkbench" "$DIR/bin/"
	ln -s "$PREFORKD_BIN/bench/bare" "$DIR/bin/bench/"
}

# bench WORDS...: one short round, its tables in $DIR/out.
bench() {
	PREFORKD_BIN=${PROGRAMS:-$PREFORKD_BIN} timeout 50 \
		"$ROOT/tests/bench/run" --rounds 1 --seconds 0.2 \
		--out "$DIR/out" "$@"
}

# result CASE SERVER: what its one round gave.
result() {
	jq -e --arg c "$1" --arg s "$2" '.results[] | select(.case == $c) |
	    .servers[$s][0]' "$DIR/out/last.json"
}

assert_measured() {
	run -0 result "$1" "$2"
	run -0 jq -e '.requests > 0 and .cpu_us > 0 and .errors == 0' \
		<<<"$output"
}

# The server and the generator of the bench with this pid.
servers_of() {
	pgrep -P "$1"
}

@test "bench lists its cases" {
	run -0 bench --list
	for name in echo-1 echo-1-spin echo-64 echo-1000 unix-64 bulk-8 \
	    connect-64 connect-64-w4 udp-16 udp-gso-16 idle-10000 \
	    tls-p256-64 tls-rsa-64 tls-resumed-64 tls-echo-64 \
	    tls-idle-10000; do
		assert_line --regexp "^$name "
	done
}

@test "bench measures requests, connections and datagrams beside its yardsticks" {
	bench --unpinned --peer "bare epoll" --peer "bare recvmmsg" \
		echo-64 connect-64 udp-16
	for case in echo-64 connect-64 udp-16; do
		assert_measured "$case" preforkd
	done
	assert_measured echo-64 "bare epoll"
	assert_measured connect-64 "bare epoll"
	assert_measured udp-16 "bare recvmmsg"
	assert_file_contains "$DIR/out/last.md" '^| udp-16 | unpinned | 1 | bare'
}

@test "bench measures TLS: handshakes, resumed ones, and an echo" {
	bench --unpinned --peer "bare OpenSSL" tls-p256-64 tls-resumed-64 \
		tls-echo-64
	for case in tls-p256-64 tls-resumed-64 tls-echo-64; do
		for server in preforkd "bare OpenSSL"; do
			assert_measured "$case" "$server"
			run -0 result "$case" "$server"
			run -0 jq -r .spoken <<<"$output"
			assert_output "TLSv1.3 TLS_AES_128_GCM_SHA256 x25519"
		done
	done
	for server in preforkd "bare OpenSSL"; do
		run -0 result tls-p256-64 "$server"
		run -0 jq -e '.resumed == 0' <<<"$output"
		run -0 result tls-resumed-64 "$server"
		# Each of the 64 has one in full, perhaps before it counts.
		run -0 jq -e '.resumed > 0 and
		    (1 - .resumed) * .requests < 65.5' <<<"$output"
	done
	assert_file_contains "$DIR/out/last.md" '^TLS of tls-echo-64, unpinned: '
}

@test "bench names a server that is not there" {
	programs_without_bare_udp
	PROGRAMS=$DIR/bin bench --unpinned --peer preforkd udp-16
	assert_measured udp-16 preforkd
	assert_file_contains "$DIR/out/last.md" '^| bare recvmmsg | missing here'
	run -0 jq -e '.missing | index("bare recvmmsg")' "$DIR/out/last.json"
}

@test "bench tells why a server gave no figures" {
	programs_without_bare_udp
	ln -sf /bin/false "$DIR/bin/bench/bare"
	PROGRAMS=$DIR/bin bench --unpinned --peer "bare epoll" echo-1
	assert_measured echo-1 preforkd
	run -0 result echo-1 "bare epoll"
	assert_output --partial "ended at start"
	assert_file_contains "$DIR/out/last.md" 'bare epoll | failed: ended'
}

@test "bench measures what idle connections cost" {
	bench --unpinned --peer preforkd idle-10000
	run -0 result idle-10000 preforkd
	run -0 jq -e '.bytes > 0 and .processes == 5' <<<"$output"
}

@test "a bench that is told to end leaves no server behind" {
	PREFORKD_BIN=$PREFORKD_BIN "$ROOT/tests/bench/run" --seconds 30 \
		--unpinned --out "$DIR/out" echo-1 >"$DIR/said" 2>&1 \
		</dev/null 3>&- 4>&- &
	local bench=$! server pids
	HELPERS+=("$bench")
	wait_until 20 pgrep -P "$bench" preforkbench
	pids=$(servers_of "$bench")
	assert [ "$(wc -w <<<"$pids")" -ge 2 ]
	for server in $pids; do
		pids+=" $(descendants "$server")"
	done
	kill -TERM "$bench"
	wait_gone "$bench" 20
	for pid in $pids; do
		wait_until 5 is_gone "$pid"
	done
}
