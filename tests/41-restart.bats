# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# Workers that die, hang or cannot be started, and what it costs: their own
# connections and nothing else. And the death of the supervisor.

setup() {
	load helpers
	common_setup
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

# slot_pid SLOT: the pid of the worker that is ready there, or nothing.
slot_pid() {
	ctl_json workers default | jq -r --arg w "default/$1" \
		'.[] | select(.worker == $w and .state == "ready") | .pid'
}

slot_is_ready() {
	[ -n "$(slot_pid "$1")" ]
}

# Milliseconds of a log line's stamp.
stamp_ms() {
	date -d "$(grep -m1 -- "$1" "$LOG" | cut -d' ' -f1)" +%s%3N
}

# connections_of PID: how many it serves.
connections_of() {
	ctl_json workers | jq --argjson p "$1" \
		'.[] | select(.pid == $p) | .connections'
}

# hold_many N PORT: connections that have had an echo; descriptors in HELD.
hold_many() {
	local fd i
	HELD=()
	for ((i = 0; i < $1; i++)); do
		hold fd "$2"
		HELD+=("$fd")
		echoes "$fd"
	done
}

pool_state_is() {
	[ "$(ctl_json status | jq -r '.pools[0].state')" = "$1" ]
}

# pids_are_others_than POOL PIDS
pids_are_others_than() {
	local now
	now=$(worker_pids "$1")
	[ -n "$now" ] && [ -z "$(comm -12 <(sort <<<"$2") <(sort <<<"$now"))" ]
}

deaths_are() {
	[ "$(n_log_lines "killed by signal $1")" = "$2" ]
}

kill_and_see_replaced() {
	local signal=$1 victim other
	victim=$(slot_pid 1)
	other=$(slot_pid 2)
	kill "-$signal" "$victim"
	wait_until 5 log_has "worker default/1 (pid $victim) killed by signal"
	wait_until 5 slot_is_ready 1
	assert [ "$(slot_pid 1)" != "$victim" ]
	assert_equal "$(slot_pid 2)" "$other"
	run -0 ctl health
}

# --- deaths ------------------------------------------------------------------

@test "restart: a killed worker is replaced within a second" {
	write_echo_config
	start_server
	local victim
	victim=$(slot_pid 1)
	kill_and_see_replaced KILL
	local dead born
	dead=$(stamp_ms "(pid $victim) killed by signal 9 (KILL)")
	born=$(stamp_ms "default/1 (pid $(slot_pid 1)) ready")
	assert [ $((born - dead)) -lt 1000 ]
	run -0 tcp "$(port echo)" <<<"hello"
	assert_output hello
}

@test "restart: so is one that crashes, by whatever signal" {
	write_echo_config
	local signal
	for signal in SEGV ABRT BUS; do
		# A young worker that dies again has to wait: start afresh.
		start_server
		# A sanitizer would take the signal as a finding of its own.
		ASAN_OPTIONS=${ASAN_OPTIONS-}:handle_segv=0 \
			kill_and_see_replaced "$signal"
		stop_server
	done
}

@test "restart: only the dead worker's own connections are lost" {
	write_echo_config
	start_server
	local victim lost fd echoing=0
	hold_many 8 "$(port echo)"
	victim=$(slot_pid 1)
	lost=$(connections_of "$victim")
	assert [ "$lost" -ge 1 ]
	assert [ "$lost" -le 7 ]
	kill -KILL "$victim"
	wait_until 5 log_has \
		"(pid $victim) killed by signal 9.* $lost connections lost"
	for fd in "${HELD[@]}"; do
		if echoes "$fd"; then echoing=$((echoing + 1)); fi
	done
	assert_equal "$echoing" $((8 - lost))
}

@test "restart: connections that were still queued survive it" {
	write_echo_config
	start_server
	local pids fds=() fd i answer
	mapfile -t pids < <(worker_pids)
	kill -STOP "${pids[@]}"
	for i in 1 2 3 4 5 6 7 8; do
		hold fd "$(port echo)"
		echo "question $i" >&"$fd"
		fds+=("$fd")
	done
	kill -KILL "${pids[0]}"
	kill -CONT "${pids[1]}"
	for i in 1 2 3 4 5 6 7 8; do
		read -rt 10 answer <&"${fds[i - 1]}"
		assert_equal "$answer" "question $i"
	done
}

@test "restart: all workers dead at once are all replaced, clients wait" {
	write_echo_config
	start_server
	local pids port
	port=$(port echo)
	mapfile -t pids < <(worker_pids)
	kill -STOP "$SERVER"
	kill -KILL "${pids[@]}"
	local fd answer
	# Nobody is there, and still nobody is refused.
	hold fd "$port"
	echo question >&"$fd"
	kill -CONT "$SERVER"
	read -rt 10 answer <&"$fd"
	assert_equal "$answer" question
	wait_until 5 ready_workers_are 2
	wait_until 5 deaths_are 9 2
}

@test "restart: 16 workers dead by one command are all noticed" {
	write_echo_config "" "workers = 16"
	start_server
	local pids
	mapfile -t pids < <(worker_pids)
	assert_equal "${#pids[@]}" 16
	kill -KILL "${pids[@]}"
	wait_until 10 deaths_are 9 16
	wait_until 10 ready_workers_are 16
	pids_are_others_than default "$(printf '%s\n' "${pids[@]}")"
	assert_equal "$(descendants "$SERVER" | wc -l)" 16
}

@test "restart: a worker that keeps dying waits longer each time" {
	write_echo_config
	start_server
	local i pid other
	other=$(slot_pid 2)
	for i in 1 2 3 4 5; do
		wait_until 5 slot_is_ready 1
		pid=$(slot_pid 1)
		kill -KILL "$pid"
		wait_until 5 log_has "(pid $pid) killed"
	done
	# Now it waits for 800 ms: others serve, and everybody can see it.
	run -1 ctl health
	assert_output --partial 'pool "default" is degraded'
	run pool_state_is degraded
	assert_success
	run -0 tcp "$(port echo)" <<<"hello"
	assert_output hello
	assert_equal "$(slot_pid 2)" "$other"
	run -0 sed -n 's/.*: worker default\/1 starts again in \(.*\) ms$/\1/p' \
		"$LOG"
	assert_output $'100\n200\n400\n800'
	# It recovers by itself.
	wait_until 5 ctl health
	pool_state_is ready
	ready_workers_are 2
}

@test "restart: status 78 is not tried again, until somebody says restart" {
	LOG_ERRORS='not started again|root folder'
	mkdir "$DIR/root"
	write_echo_config "" "chroot = $DIR/root"
	start_server
	rmdir "$DIR/root"
	kill -KILL "$(slot_pid 1)"
	wait_until 5 log_has "worker default/1 failed and is not started again"
	pool_state_is degraded
	run -0 tcp "$(port echo)" <<<"hello"
	assert_output hello

	kill -KILL "$(slot_pid 2)"
	wait_until 5 log_has "worker default/2 failed and is not started again"
	run -0 grep 'worker default/2 failed' "$LOG"
	assert_output --partial "$DIR/root"
	pool_state_is failed
	run -1 ctl health
	assert_output --partial 'pool "default" is failed'
	assert_equal "$(descendants "$SERVER")" ""

	mkdir "$DIR/root"
	run -0 ctl restart
	run -0 ctl health
	run -0 tcp "$(port echo)" <<<"hello"
	assert_output hello
	rmdir "$DIR/root"
}

# --- workers that hang, or grow old ------------------------------------------

@test "watchdog: a worker that stands still is replaced, an idle one is not" {
	LOG_ERRORS='stuck for .* aborted'
	write_echo_config "" "watchdog = 1s"
	start_server
	local stuck idle
	stuck=$(slot_pid 1)
	idle=$(slot_pid 2)
	kill -STOP "$stuck"
	wait_until 10 log_has "default/1 (pid $stuck) stuck for .*: aborted"
	wait_until 10 log_has "default/1 (pid $stuck) killed by signal"
	wait_until 10 ready_workers_are 2
	assert_equal "$(slot_pid 2)" "$idle"
	run -0 tcp "$(port echo)" <<<"hello"
	assert_output hello
}

@test "watchdog: time that the supervisor lost is nobody's fault" {
	write_echo_config "" "watchdog = 1s"
	start_server
	local before
	before=$(worker_pids)
	kill -STOP "$SERVER"
	sleep 2.5
	kill -CONT "$SERVER"
	# Several checks follow.
	sleep 0.8
	assert_equal "$(worker_pids)" "$before"
}

@test "watchdog: switched on again, it looks at the time from then on" {
	write_echo_config "" "watchdog = 1s"
	start_server
	local before
	before=$(worker_pids)
	set_setting watchdog 0
	ctl reload
	sleep 1.5
	set_setting watchdog 1s
	ctl reload
	sleep 0.6
	assert_equal "$(worker_pids)" "$before"
}

@test "max_age: workers of all pools are replaced, gently" {
	write_config "" "max_age = 1s\nwatchdog = 1s" <<-END
		[pool second]
		workers = 1
		max_age = 1s
		sandbox = $(sandbox_default)
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
		[service other]
		handler = echo
		pool = second
		listen = tcp://127.0.0.1:0
	END
	start_server
	local first second fd
	first=$(worker_pids)
	second=$(worker_pids second)
	hold fd "$(port echo)"
	echoes "$fd"
	wait_until 4 pids_are_others_than default "$first"
	wait_until 4 pids_are_others_than second "$second"
	log_has "pool second: workers have reached max_age"
	echoes "$fd"
	release "$fd"
}

# --- what the system refuses -------------------------------------------------

@test "restart: a fork that fails is tried again, by timer" {
	LOG_ERRORS='cannot start worker default/1: Resource temporarily'
	write_echo_config
	start_server
	background strace -qq -o /dev/null -p "$SERVER" \
		-e inject=clone,clone3:error=EAGAIN:when=1..3
	wait_until 10 is_traced "$SERVER"
	kill -KILL "$(slot_pid 1)"
	wait_until 10 log_has 'cannot start worker'
	run -0 ctl stats
	wait_until 10 ready_workers_are 2
	assert_equal "$(n_log_lines 'cannot start worker')" 3
	run -0 sed -n 's/.*: worker default\/1 starts again in \(.*\) ms$/\1/p' \
		"$LOG"
	assert_output $'100\n200\n400'
	end_background
}

is_traced() {
	! grep -q '^TracerPid:[[:space:]]*0$' "/proc/$1/status"
}

# --- the supervisor's own death ----------------------------------------------

nobody_listens_on() {
	[ -z "$(ss -Hltn "sport = :$1")" ]
}

@test "restart: when the supervisor is killed, its ports are free at once" {
	write_echo_config
	set_setting drain_timeout 2s
	start_server
	local port fd workers pid
	port=$(port echo)
	workers=$(worker_pids)
	hold fd "$port"
	echoes "$fd"
	kill -KILL "$SERVER"
	wait "$SERVER" || :
	wait_until 1 nobody_listens_on "$port"
	# What it served is served on, beside a new daemon on the same port.
	echoes "$fd"
	sed -i "s/:0$/:$port/" "$CONFIG"
	start_server
	run -0 tcp "$port" <<<"hello"
	assert_output hello
	echoes "$fd"
	# But not for ever.
	for pid in $workers; do
		wait_gone "$pid" 4
	done
	run ! echoes "$fd"
}

@test "restart: when it dies without a connection, workers leave at once" {
	write_echo_config
	set_setting drain_timeout 30s
	start_server
	local workers pid
	workers=$(worker_pids)
	kill -SEGV "$SERVER"
	wait "$SERVER" || :
	SERVER=
	for pid in $workers; do
		wait_gone "$pid" 2
	done
	rm "$SOCKET"
	if is_sanitized; then : >"$LOG"; fi
}
