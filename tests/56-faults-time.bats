# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# docs/faults.md, rows 92 and 93: a wall clock that leaps, and time in which
# nobody of the daemon ran. The wall clock is that of the daemon alone, by way
# of libfaketime; everything that waits goes by CLOCK_MONOTONIC, which that one
# leaves alone.

setup() {
	load faults
	faults_setup
	WALL=$DIR/wall
}

# A test that failed may have left all of them stopped.
teardown() {
	[ -z "$SERVER" ] || kill -CONT -- "-$SERVER" 2>/dev/null || :
	faults_teardown
}

# --- verbs -------------------------------------------------------------------

# serve_by_wall ["lines for [preforkd]" ["for the pool"]] <services: the wall
# clock is what `leap` makes it. Workers have to read the file, too.
serve_by_wall() {
	local library
	library=$(find /usr/lib /usr/lib64 -name libfaketime.so.1 2>/dev/null |
		head -n 1)
	open_to_others
	leap now
	write_config "${1-}" "sandbox = off\n${2-}"
	start_watched env LD_PRELOAD="$library" FAKETIME_NO_CACHE=1 \
		FAKETIME_TIMESTAMP_FILE="$WALL" FAKETIME_DONT_FAKE_MONOTONIC=1 \
		ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0"
}

# leap WHEN: to what date(1) understands, and on from there.
leap() {
	local ahead=$(($(date -ud "$1" +%s) - $(date +%s)))
	[ "$ahead" -lt 0 ] || ahead=+$ahead
	echo "$ahead" >"$WALL.new"
	chmod 644 "$WALL.new"
	mv "$WALL.new" "$WALL"
}

# new_lines_are_of DATE: everybody's, from now on, and the access log's.
new_lines_are_of() {
	local pid n access
	n=$(($(wc -l <"$LOG") + 1))
	access=$(($(wc -l <"$DIR/access") + 1))
	for pid in "$SERVER" $(worker_pids); do
		wait_until 10 tells_something_since "$n" "$pid"
	done
	wait_until 5 has_a_line_since "$access"
	run ! grep -vE "^$1[-0-9]*T[0-9:]{8}\.[0-9]{3}Z " \
		<(tail -n "+$n" "$LOG" && tail -n "+$access" "$DIR/access")
}

# tells_something_since LINE PID
tells_something_since() {
	kill -USR2 "$SERVER"
	is_served
	tail -n "+$1" "$LOG" | grep -q "preforkd\[$2\]: "
}

has_a_line_since() {
	[ "$(wc -l <"$DIR/access")" -ge "$1" ]
}

is_served() {
	[ "$(tcp "$(port echo)" <<<hello)" = hello ]
}

uptime_seconds() {
	ctl stats prometheus | awk '$1 == "preforkd_uptime_seconds" { print $2 }'
}

# What happens to workers, told from here on: nothing.
assert_workers_are() {
	assert_equal "$(worker_pids)" "$1"
	run ! log_has 'stuck\|killed\|exited\|max_age'
}

write_deadlines() {
	cat <<-END
		[service echo]
		handler = echo
		idle_timeout = $1
		session_timeout = 10m
		listen = tcp://127.0.0.1:0
		[service time]
		handler = time
		listen = tcp://127.0.0.1:0
	END
}

# --- the wall clock ----------------------------------------------------------

@test "fault 92: a wall clock that leaps takes along stamps, and nothing else" {
	touch "$DIR/access"
	serve_by_wall "access_log = $DIR/access" \
		"watchdog = 1s\nmax_age = 30m" <<<"$(write_deadlines 5m)"
	local pids client began up when
	began=$(now_ms)
	pids=$(worker_pids)
	hold client "$(port echo)"
	# The last but one is a second before 31 bits are full.
	for when in '1 hour' '-1 hour' 1970-01-01T00:00:10Z \
		2038-01-19T03:14:06Z 2106-02-08T00:00:00Z; do
		leap "$when"
		new_lines_are_of "$(date -ud "$when" +%Y-%m)"
		echoes "$client"
		up=$(uptime_seconds)
		assert [ "$up" -le $((($(now_ms) - began) / 1000 + 10)) ]
	done
	run jq '[.[].age_ms] | max < 50000' <(ctl_json connections echo)
	assert_output true
	assert_workers_are "$pids"
	release "$client"
}

# The held connection FD, which began at BEGAN, ends after the second that it is
# allowed, and the clock has leapt meanwhile.
ends_after_a_second() {
	local took answer
	run ! read -rt 15 answer <&"$1"
	took=$(($(now_ms) - $2))
	release "$1"
	assert [ "$took" -ge 1000 ]
	assert [ "$took" -lt 10000 ]
}

# idle_client_is_closed_by LEAP
idle_client_is_closed_by() {
	local client began
	hold client "$(port echo)"
	began=$(now_ms)
	echoes "$client"
	leap "$1"
	ends_after_a_second "$client" "$began"
}

@test "fault 92: an idle client is closed in its time, not sooner, not later" {
	serve_by_wall <<<"$(write_deadlines 1s)"
	idle_client_is_closed_by '2 hours'
	idle_client_is_closed_by '-2 hours'
	assert_equal "$(counter echo closed_idle)" 2
}

# old_worker_leaves_by LEAP: with a client that stays, after drain_timeout.
old_worker_leaves_by() {
	local client began
	hold client "$(port echo)"
	echoes "$client"
	began=$(now_ms)
	ctl restart
	leap "$1"
	ends_after_a_second "$client" "$began"
	wait_until 10 no_worker_drains
}

@test "fault 92: an old worker drains as long as it may, a dead one is replaced" {
	serve_by_wall <<<"$(write_deadlines 5m)"
	set_setting drain_timeout 1s
	run -0 ctl reload
	local when pid
	for when in '2 hours' '-2 hours'; do
		old_worker_leaves_by "$when"
		pid=$(worker_pid 1)
		leap now
		kill -KILL "$pid"
		leap "$when"
		wait_until 10 log_has "(pid $pid) killed"
		wait_until 10 ready_workers_are 2
	done
	assert_equal "$(counter echo closed_drain)" 2
}

@test "fault 92: who asks for the time is told that of the wall" {
	serve_by_wall <<<"$(write_deadlines 5m)"
	local when told
	# 32 bits are full in 2036, RFC 868: it begins anew.
	for when in 1970-01-02T00:00:00Z 2040-01-01T00:00:00Z; do
		leap "$when"
		told=$(tcp "$(port time)" </dev/null | od -An -tu4 \
			--endian=big)
		told=$((told - ($(date -ud "$when" +%s) + 2208988800) % 2**32))
		assert [ "$told" -ge 0 ]
		assert [ "$told" -le 20 ]
	done
}

# --- time in which nobody ran ------------------------------------------------

@test "fault 93: when all have stood still longer than the watchdog allows, all go on" {
	write_echo_config "" "watchdog = 1s"
	start_watched setsid
	local pids port client queued answer
	pids=$(worker_pids)
	port=$(port echo)
	hold client "$port"
	echoes "$client"
	kill -STOP -- "-$SERVER"
	# Clients come, and ask, meanwhile.
	hold queued "$port"
	echo queued >&"$queued"
	echo held >&"$client"
	sleep 2.5
	kill -CONT -- "-$SERVER"
	read -rt 10 answer <&"$queued"
	assert_equal "$answer" queued
	read -rt 10 answer <&"$client"
	assert_equal "$answer" held
	# Several checks follow.
	sleep 1.3
	assert_workers_are "$pids"
	release "$client"
	release "$queued"
}

# The last heartbeats that the supervisor saw are older then, and it has been
# away for longer than the watchdog allows.
@test "fault 93: so they do when the workers were the first to stand still" {
	write_echo_config "" "watchdog = 3s"
	start_watched setsid
	local pids
	mapfile -t pids < <(worker_pids)
	kill -STOP "${pids[@]}"
	sleep 1
	kill -STOP -- "-$SERVER"
	sleep 3.2
	kill -CONT "$SERVER"
	ctl ping
	kill -CONT -- "-$SERVER"
	sleep 1
	assert_workers_are "$(printf '%s\n' "${pids[@]}")"
	is_served
}

@test "fault 93: who asked in time is not closed for the time that was lost" {
	write_deadlines 1s | write_config
	start_watched setsid
	local client answer began
	hold client "$(port echo)"
	echoes "$client"
	kill -STOP -- "-$SERVER"
	echo asked >&"$client"
	sleep 2
	began=$(now_ms)
	kill -CONT -- "-$SERVER"
	read -rt 10 answer <&"$client"
	assert_equal "$answer" asked
	# And then has its second again.
	ends_after_a_second "$client" "$began"
}

@test "fault 93: a clock that leaps an hour, as after a pause of the machine, kills nobody" {
	write_config "" "watchdog = 1s" <<<"$(write_deadlines 1d)"
	set_setting session_timeout 1d
	start_leaping
	local pids client
	pids=$(worker_pids)
	hold client "$(port echo)"
	echoes "$client"
	CONTROL=$SOCKET peers 'for i in range(3): later(3600 * 1000)'
	echoes "$client"
	# Several checks follow.
	sleep 1.3
	echoes "$client"
	assert_workers_are "$pids"
	release "$client"
}
