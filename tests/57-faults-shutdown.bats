# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# docs/faults.md, rows 94 to 97: stopping at the worst moments, and starting
# over what is left when there was no time to stop.

setup() {
	load faults
	faults_setup
	PID_FILE=$DIR/pid
	WORKERS=()
}

teardown() {
	faults_teardown
}

# --- verbs -------------------------------------------------------------------

# Put before a start: its workers stop before they are ready.
STOPPED_WORKERS=(strace -D -f -qq -o /dev/null -e inject=close_range:signal=STOP:when=1)

# Of each kind what a daemon can leave behind, and its workers in WORKERS.
start_echo_server() {
	write_config "pid_file = $PID_FILE\n${1-}" "${2-}" <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:${PORT-0} unix:$DIR/echo.sock
		listen = unixgram:$DIR/dgram.sock
	END
	[ -z "${DRAIN_TIMEOUT-}" ] || set_setting drain_timeout "$DRAIN_TIMEOUT"
	start_server
	mapfile -t WORKERS < <(worker_pids)
}

# A peer that has closed shows as the end of the file.
assert_closed() {
	run -0 timeout 5 cat <&"$1"
	assert_output ""
}

has_served_some() {
	[ "$(counter echo accepted)" -gt 50 ]
}

# --- in the middle of work ---------------------------------------------------

@test "fault 94: TERM under load cuts nobody off who was answered once" {
	start_echo_server
	start_load "$(port echo)"
	wait_until 10 has_served_some
	kill -TERM "$SERVER"
	assert_stops_within 5
	run -0 end_load
	assert_output --regexp '^good=[1-9][0-9]+ .* broken=0$'
	run ! log_has 'killed by signal'
}

@test "fault 94: a second TERM does not wait for clients" {
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

@test "fault 94: a second INT during drain_delay ends it, too" {
	start_echo_server "drain_delay = 30s"
	kill -INT "$SERVER"
	wait_until 5 log_has ': stopping$'
	kill -INT "$SERVER"
	assert_stops_within 2
}

# --- workers that do not go --------------------------------------------------

@test "fault 95: a stopped worker is killed after its time" {
	DRAIN_TIMEOUT=500ms
	start_echo_server
	kill -STOP "${WORKERS[0]}"
	kill -TERM "$SERVER"
	assert_stops_within 4
	log_has "(pid ${WORKERS[0]}) killed: still there after its time to drain"
	log_has "(pid ${WORKERS[0]}) killed by signal 9"
	run ! log_has "(pid ${WORKERS[1]}) killed"
}

@test "fault 95: a stopped worker does not hold up QUIT for long" {
	start_echo_server
	kill -STOP "${WORKERS[@]}"
	kill -QUIT "$SERVER"
	assert_stops_within 4
}

@test "fault 95: one that spins is killed after its time, too" {
	DRAIN_TIMEOUT=500ms
	start_echo_server "" "workers = 1"
	local fd
	timeout 20 python3 "$ROOT/tests/rewrite.py" "${WORKERS[0]}" pf_send spin
	hold fd "$(port echo)"
	echo hello >&"$fd"
	wait_until 5 is_spinning
	kill -TERM "$SERVER"
	assert_stops_within 4
	log_has "(pid ${WORKERS[0]}) killed by signal 9"
}

is_spinning() {
	[ "$(ctl_json workers | jq '.[0].lag_ms')" -gt 100 ]
}

# --- before it is ready, and between two states ------------------------------

@test "fault 96: TERM before READY ends it promptly, with nothing left" {
	write_echo_config "pid_file = $PID_FILE\nstart_timeout = 20s"
	without_leak_check
	timeout 20 "${STOPPED_WORKERS[@]}" "$PREFORKD" -c "$CONFIG" \
		2>>"$LOG" 3>&- 4>&- &
	local shell=$! pid
	wait_until 10 test -s "$PID_FILE"
	pid=$(cat "$PID_FILE")
	wait_until 5 log_has 'worker default/2 .*started'
	run -1 ctl health
	assert_output --partial starting
	mapfile -t WORKERS < <(descendants "$pid")
	kill -TERM "$pid"
	wait_gone "$pid" 3
	wait "$shell"
	assert_nothing_left
}

@test "fault 96: TERM at any moment of the start leaves nothing behind" {
	local ms status
	write_echo_config "pid_file = $PID_FILE"
	for ms in 01 02 03 05 08 13 20 30; do
		status=0
		timeout -s TERM "0.0$ms" "$PREFORKD" -c "$CONFIG" \
			2>>"$LOG" 3>&- 4>&- || status=$?
		# 124: timeout had to, whatever the daemon answered.
		assert_equal "$status" 124
		assert_nothing_left
	done
}

@test "fault 96: TERM during a reload wins, and the caller is told" {
	LOG_ERRORS='reload failed'
	without_leak_check
	start_echo_server
	sed -i 's/^workers = 2/&\nnofile = 500/' "$CONFIG"
	stop_new_workers
	timeout 20 "$PREFORKCTL" -s "$SOCKET" reload >"$DIR/answer" 2>&1 \
		3>&- 4>&- &
	local asking=$! status=0
	wait_until 5 log_has 'reload begins'
	mapfile -t WORKERS < <(descendants "$SERVER")
	kill -TERM "$SERVER"
	assert_stops_within 5
	wait "$asking" || status=$?
	assert_equal "$status" 1
	run -0 cat "$DIR/answer"
	assert_output --partial "stopping"
	end_background
}

@test "fault 96: TERM while a worker waits to be started again" {
	start_echo_server
	local pid
	for _ in 1 2 3 4 5; do
		wait_until 5 ready_workers_are 2
		pid=$(worker_pid 1)
		kill -KILL "$pid"
		wait_until 5 log_has "(pid $pid) killed"
	done
	pool_state_is degraded
	mapfile -t WORKERS < <(worker_pids)
	kill -TERM "$SERVER"
	assert_stops_within 2
}

# --- no time to stop ---------------------------------------------------------

# Everything that a daemon leaves on disk is there, and nobody to tell of it;
# with "all" its workers have died in the same instant.
leave_leftovers() {
	local pid
	PORT=$(free_port)
	start_echo_server
	if [ "${1-}" = all ]; then
		kill -KILL "$SERVER" "${WORKERS[@]}"
	else
		kill -KILL "$SERVER"
	fi
	wait "$SERVER" || :
	SERVER=
	for pid in "${WORKERS[@]}"; do
		wait_gone "$pid" 5
	done
	assert_exist "$PID_FILE"
	assert_exist "$SOCKET"
	assert_exist "$DIR/echo.sock"
	assert_exist "$DIR/dgram.sock"
}

starts_over_leftovers() {
	start_watched
	mapfile -t WORKERS < <(worker_pids)
	assert_equal "$(cat "$PID_FILE")" "$SERVER"
	run -0 tcp "$PORT" <<<"hello"
	assert_output hello
	run -0 timeout 5 socat - "unix:$DIR/echo.sock" <<<"hello"
	assert_output hello
	assert_baseline
	kill -TERM "$SERVER"
	assert_stops_within 5
}

@test "fault 97: it starts at once over the leftovers of kill -9" {
	leave_leftovers
	starts_over_leftovers
}

@test "fault 97: and over those of all its processes dead in one instant" {
	leave_leftovers all
	starts_over_leftovers
}

# The supervisor is killed, and its workers are too busy to notice.
leave_busy_workers() {
	PORT=$(free_port)
	start_echo_server
	kill -STOP "${WORKERS[@]}"
	kill -KILL "$SERVER"
	wait "$SERVER" || :
}

let_workers_go() {
	wait_until 5 have_gone_on_and_left
}

# All of them go on: each may have what another waits to see closed.
have_gone_on_and_left() {
	local pid
	kill -CONT "${WORKERS[@]}" || :
	for pid in "${WORKERS[@]}"; do
		is_gone "$pid" || return 1
	done
}

# refuses_to_start MS: because of the addresses, within that time.
refuses_to_start() {
	local began status=0
	began=$(now_ms)
	launch_server
	wait_gone "$SERVER" 20
	assert [ $(($(now_ms) - began)) -lt "$1" ]
	wait "$SERVER" || status=$?
	assert_equal "$status" 1
	SERVER=
	log_has 'cannot listen on "tcp://127.0.0.1:.*already in use$'
}

@test "fault 97: it waits for workers that have not noticed yet" {
	leave_busy_workers
	launch_server
	wait_until 5 log_has 'still hold addresses'
	run -1 ctl health
	assert_output --partial starting
	let_workers_go
	wait_until 5 ctl health
	assert_equal "$(tcp "$PORT" <<<hello)" hello
	mapfile -t WORKERS < <(worker_pids)
	kill -TERM "$SERVER"
	assert_stops_within 5
}

@test "fault 97: not for ever" {
	LOG_ERRORS='address already in use|start failed'
	leave_busy_workers
	refuses_to_start 10000
	log_has 'still hold addresses'
	let_workers_go
}

@test "fault 97: not when nothing tells of a crash" {
	LOG_ERRORS='address already in use|start failed'
	leave_busy_workers
	rm "$PID_FILE" "$SOCKET"
	refuses_to_start 4000
	run ! log_has 'still hold addresses'
	let_workers_go
}

@test "fault 97: TERM ends it while it waits" {
	leave_busy_workers
	launch_server
	wait_until 5 log_has 'still hold addresses'
	kill -TERM "$SERVER"
	wait_gone "$SERVER" 3
	wait "$SERVER"
	SERVER=
	assert_not_exist "$SOCKET"
	assert_not_exist "$PID_FILE"
	let_workers_go
}

# A supervisor is killed whose workers, just forked, have all that it has.
# waits_for_newborns ["lines for [preforkd]"]
waits_for_newborns() {
	local pid
	PORT=$(free_port)
	write_config "${1-}" <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:$PORT
	END
	without_leak_check
	launch_server "${STOPPED_WORKERS[@]}"
	wait_until 10 log_has 'worker default/2 .*started'
	mapfile -t WORKERS < <(descendants "$SERVER")
	for pid in "${WORKERS[@]}"; do
		wait_until 10 is_stopped "$pid"
	done
	kill -KILL "$SERVER"
	wait "$SERVER" || :
	launch_server
	wait_until 5 log_has 'still holds its lock or control socket'
	let_workers_go
	wait_until 10 ctl health
	assert_equal "$(tcp "$PORT" <<<hello)" hello
	stop_server
}

@test "fault 97: it waits for workers that hold its pid file" {
	waits_for_newborns "pid_file = $PID_FILE"
}

@test "fault 97: it waits for workers that hold its control socket" {
	waits_for_newborns
}

@test "fault 97: and over files that the disk has cut or filled with zeros" {
	leave_leftovers
	local content
	for content in "" '\0\0\0\0' '12' 'x\n' '99999999999999999999\n'; do
		# shellcheck disable=SC2059 # it is the format
		printf "$content" >"$PID_FILE"
		start_server
		assert_equal "$(cat "$PID_FILE")" "$SERVER"
		kill -KILL "$SERVER"
		wait "$SERVER" || :
	done
	start_server
	mapfile -t WORKERS < <(worker_pids)
	kill -TERM "$SERVER"
	assert_stops_within 5
}
