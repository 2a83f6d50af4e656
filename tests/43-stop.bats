# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# Stopping: gently, at once, under load, with a worker that does not want to;
# and that nothing is left behind.

setup() {
	load helpers
	common_setup
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

# Milliseconds since the boot.
now_ms() {
	local up
	read -r up _ </proc/uptime
	echo $((10#${up/./} * 10))
}

# The end has been asked for by other means: it comes within SECONDS, with
# status 0 and nothing left.
assert_stops_within() {
	local status=0 end pid
	end=$(($(now_ms) + $1 * 1000))
	wait_gone "$SERVER" "$1"
	assert [ "$(now_ms)" -le "$end" ]
	wait "$SERVER" || status=$?
	SERVER=
	assert_equal "$status" 0
	for pid in "${WORKERS[@]}"; do
		assert is_gone "$pid"
	done
	assert_not_exist "$SOCKET"
	assert_not_exist "$DIR/pid"
	assert_not_exist "$DIR/echo.sock"
}

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

@test "stop: under load nobody who was answered once is cut off" {
	start_echo_server
	start_load "$(port echo)"
	wait_until 10 has_served_some
	kill -TERM "$SERVER"
	assert_stops_within 5
	run -0 end_load
	assert_output --regexp '^good=[1-9][0-9]+ .* broken=0$'
}

has_served_some() {
	[ "$(counter echo accepted)" -gt 50 ]
}

# --- at once -----------------------------------------------------------------

@test "stop: a second TERM does not wait for clients" {
	DRAIN_TIMEOUT=30s
	start_echo_server
	local fd
	hold fd "$(port echo)"
	echoes "$fd"
	kill -TERM "$SERVER"
	wait_until 5 log_has 'no longer accepting'
	kill -0 "$SERVER"
	echoes "$fd"
	kill -TERM "$SERVER"
	assert_closed "$fd"
	assert_stops_within 2
}

@test "stop: a second INT during drain_delay ends it, too" {
	start_echo_server "drain_delay = 30s"
	kill -INT "$SERVER"
	wait_until 5 log_has ': stopping$'
	kill -INT "$SERVER"
	assert_stops_within 2
}

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

@test "stop: the workers' own INT is the terminal's, and ignored" {
	write_echo_config
	# A process group of its own, as a shell with job control makes.
	setsid "$PREFORKD" -c "$CONFIG" 2>>"$LOG" </dev/null 3>&- 4>&- &
	SERVER=$!
	wait_until 20 server_ready_or_gone
	mapfile -t WORKERS < <(worker_pids)
	assert_equal "$(ps -o pgid= -p "${WORKERS[0]}" | tr -d ' ')" "$SERVER"
	kill -INT -- "-$SERVER"
	assert_stops_within 3
	run ! log_has 'killed by signal'
	run ! log_has 'at once'
}

# --- workers that do not go --------------------------------------------------

@test "stop: a stopped worker is killed after its time" {
	DRAIN_TIMEOUT=500ms
	start_echo_server
	kill -STOP "${WORKERS[0]}"
	kill -TERM "$SERVER"
	assert_stops_within 4
	log_has "(pid ${WORKERS[0]}) killed by signal 9"
	run ! log_has "(pid ${WORKERS[1]}) killed"
}

@test "stop: a stopped worker does not hold up QUIT for long" {
	start_echo_server
	kill -STOP "${WORKERS[@]}"
	kill -QUIT "$SERVER"
	assert_stops_within 4
}

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

@test "stop: while a worker waits to be started again" {
	start_echo_server
	local pid
	for _ in 1 2 3 4 5; do
		wait_until 5 ready_workers_are 2
		pid=$(worker_pid 1)
		kill -KILL "$pid"
		wait_until 5 log_has "(pid $pid) killed"
	done
	mapfile -t WORKERS < <(worker_pids)
	kill -TERM "$SERVER"
	assert_stops_within 2
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
