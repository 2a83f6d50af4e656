# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# Stopping: gently and at once, and that nothing is left behind. At the worst
# moments: 57-faults-shutdown.bats.

setup() {
	load helpers
	common_setup
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

start_echo_server() {
	write_config "pid_file = $DIR/pid\n${1-}" "${2-}" <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0 unix:$DIR/echo.sock
	END
	[ -z "${DRAIN_TIMEOUT-}" ] || set_setting drain_timeout "$DRAIN_TIMEOUT"
	start_server
	mapfile -t WORKERS < <(worker_pids)
}

# No more accepted on the port that was the echo service's.
port_is_closed() {
	[ -z "$(ss -Hltn "sport = :$1")" ]
}

# A peer that has closed shows as the end of the file.
assert_closed() {
	run -0 timeout 5 cat <&"$1"
	assert_output ""
}

# --- gently ------------------------------------------------------------------

@test "stop: TERM without a connection ends it at once" {
	start_echo_server
	kill -TERM "$SERVER"
	assert_stops_within 2
	log_has 'stopped$'
}

@test "stop: a client in the middle of it finishes, new ones are refused" {
	DRAIN_TIMEOUT=20s
	start_echo_server
	local fd port
	port=$(port echo)
	hold fd "$port"
	echoes "$fd"
	kill -TERM "$SERVER"
	wait_until 5 port_is_closed "$port"
	run ! timeout 5 socat - "tcp:127.0.0.1:$port"
	echoes "$fd"
	echoes "$fd"
	release "$fd"
	assert_stops_within 4
}

@test "stop: an idle client is closed at drain_timeout, not before" {
	DRAIN_TIMEOUT=1s
	start_echo_server
	local fd start
	hold fd "$(port echo)"
	echoes "$fd"
	start=$(now_ms)
	kill -TERM "$SERVER"
	assert_closed "$fd"
	assert [ $(($(now_ms) - start)) -ge 900 ]
	assert_stops_within 3
	run ! log_has 'killed by signal'
}

@test "stop: connections that were still queued are answered" {
	start_echo_server
	local fd fds=() answer port
	port=$(port echo)
	kill -STOP "${WORKERS[@]}"
	for _ in 1 2 3 4; do
		hold fd "$port"
		echo question >&"$fd"
		fds+=("$fd")
	done
	kill -TERM "$SERVER"
	wait_until 5 log_has 'no longer accepting'
	kill -CONT "${WORKERS[@]}"
	for fd in "${fds[@]}"; do
		read -rt 10 answer <&"$fd"
		assert_equal "$answer" question
		release "$fd"
	done
	assert_stops_within 4
}

@test "stop: during drain_delay it is not ready, and serves" {
	start_echo_server "drain_delay = 1s"
	local fd start
	start=$(now_ms)
	kill -TERM "$SERVER"
	wait_until 5 log_has ': stopping$'
	run -1 ctl health
	assert_output --partial stopping
	run -0 tcp "$(port echo)" <<<"hello"
	assert_output hello
	# A worker that dies now is still replaced.
	kill -KILL "${WORKERS[0]}"
	wait_until 5 log_has "(pid ${WORKERS[0]}) killed"
	run -0 tcp "$(port echo)" <<<"hello"
	assert_output hello
	assert_stops_within 3
	assert [ $(($(now_ms) - start)) -ge 900 ]
}

@test "stop: reload and restart are refused while it stops" {
	start_echo_server "drain_delay = 2s"
	kill -TERM "$SERVER"
	wait_until 5 log_has ': stopping$'
	run -1 ctl reload
	assert_output --partial stopping
	run -1 ctl restart
	kill -QUIT "$SERVER"
	assert_stops_within 2
}

# --- at once -----------------------------------------------------------------

@test "stop: QUIT does not wait for clients" {
	DRAIN_TIMEOUT=30s
	start_echo_server "drain_delay = 30s"
	local fd
	hold fd "$(port echo)"
	echoes "$fd"
	kill -QUIT "$SERVER"
	assert_closed "$fd"
	assert_stops_within 2
}

@test "stop: by command, gently" {
	DRAIN_TIMEOUT=20s
	start_echo_server
	local fd
	hold fd "$(port echo)"
	echoes "$fd"
	run -0 ctl stop
	assert_output stopping
	wait_until 5 log_has 'no longer accepting'
	echoes "$fd"
	release "$fd"
	assert_stops_within 4
}

@test "stop: by command, at once" {
	DRAIN_TIMEOUT=30s
	start_echo_server
	local fd
	hold fd "$(port echo)"
	echoes "$fd"
	run -0 ctl stop now
	assert_closed "$fd"
	assert_stops_within 2
}

# --- generations -------------------------------------------------------------

@test "stop: generations that still drain are waited for, and ended" {
	DRAIN_TIMEOUT=1s
	start_echo_server
	local fd
	hold fd "$(port echo)"
	echoes "$fd"
	run -0 ctl restart
	kill -TERM "$SERVER"
	wait_until 5 log_has 'no longer accepting'
	echoes "$fd"
	assert_closed "$fd"
	assert_stops_within 4
}

# --- drain and resume --------------------------------------------------------

@test "drain: reports not ready and serves on; resume takes it back" {
	start_echo_server
	run -0 ctl drain
	run -1 ctl health
	assert_output --partial draining
	run -0 tcp "$(port echo)" <<<"hello"
	assert_output hello
	# It outlasts a reload: an operator said so.
	run -0 ctl reload
	run -1 ctl health
	run -0 ctl resume
	run -0 ctl health
}
