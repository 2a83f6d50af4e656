# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# docs/faults.md, rows 1 to 23: workers and supervisor that die, stop or spin,
# and the signals that reach them.

setup() {
	load faults
	faults_setup
}

teardown() {
	faults_teardown
}

# A failed test may have left its group, which is empty by now.
teardown_file() {
	find /sys/fs/cgroup -maxdepth 2 -name "preforkd-${BATS_RUN_TMPDIR##*/}" \
		-exec rmdir {} + 2>/dev/null || :
}

# --- verbs -------------------------------------------------------------------

# replacement_ms SLOT: kills its worker; milliseconds until the next one said
# READY, by the stamp of the daemon's line.
replacement_ms() {
	local victim start
	victim=$(slot_pid "$1")
	start=${EPOCHREALTIME/[.,]/}
	kill -KILL "$victim"
	wait_until 5 slot_is_replaced "$1" "$victim"
	echo $(($(stamp_ms "default/$1 (pid $(slot_pid "$1")) ready") -
		start / 1000))
}

# slot_is_replaced SLOT PID: another one than PID is ready there.
slot_is_replaced() {
	local pid
	pid=$(slot_pid "$1")
	[ -n "$pid" ] && [ "$pid" != "$2" ]
}

# is_being_ended PID: by the watchdog.
is_being_ended() {
	ctl_json workers | jq -e --argjson p "$1" '.[] | select(.pid == $p) |
		.state == "aborted" or .state == "killed"'
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

is_served() {
	[ "$(tcp "$(port echo)" <<<hello)" = hello ]
}

pids_are_others_than() {
	local now
	now=$(worker_pids)
	[ -n "$now" ] && [ -z "$(comm -12 <(sort <<<"$1") <(sort <<<"$now"))" ]
}

deaths_are() {
	[ "$(n_log_lines "killed by signal $1")" = "$2" ]
}

# sample NAME: the value of a line of the Prometheus text, labels included.
sample() {
	ctl stats prometheus | grep -F "$1 " | sed 's/.* //'
}

# count_load: what end_load told, as variables good, refused, unanswered and
# broken.
count_load() {
	local word
	for word in $1; do
		printf -v "${word%=*}" '%s' "${word#*=}"
	done
}

has_served_some() {
	[ "$(counter echo accepted)" -gt "${1:-50}" ]
}

# Has the supervisor's system calls fail: fail_calls CALLS ERROR WHEN.
fail_calls() {
	background strace -qq -o /dev/null -p "$SERVER" \
		-e inject="$1:error=$2:when=$3"
	wait_until 10 is_traced "$SERVER"
}

# Processor time of PID in clock ticks.
cpu_ticks() {
	awk '{ print $14 + $15 }' "/proc/$1/stat"
}

back_offs() {
	sed -n "s/.*: worker default\/$1 starts again in \(.*\) ms\$/\1/p" \
		"$LOG" | tr '\n' ' '
}

nobody_listens_on() {
	[ -z "$(ss -Hltn "sport = :$1")" ]
}

state_of() {
	awk '/^State:/ { print $2 }' "/proc/$1/status"
}

# --- workers that die --------------------------------------------------------

@test "fault 1: a worker killed while idle is replaced within 200 ms" {
	write_echo_config "" "workers = 4"
	start_watched
	local victim slot took
	victim=$(slot_pid 1)
	# The machine may be busy with others: the best of four counts.
	for slot in 1 2 3 4; do
		took=$(replacement_ms "$slot")
		[ "$took" -ge 200 ] || break
	done
	assert [ "$took" -lt 200 ]
	run -0 grep "worker default/1 (pid $victim) killed" "$LOG"
	assert_output --regexp ': warn: .*\) killed by signal 9 \(KILL\) after [0-9]+ ms, 0 connections lost \(out of memory\?\)$'
	assert_equal "$(sample \
		'preforkd_worker_exits_total{pool="default",signal="KILL"}')" \
		"$slot"
	is_served
}

@test "fault 2: under load only the killed worker's connections are lost" {
	write_echo_config
	start_watched
	local victim lost of_load good refused unanswered broken
	hold_many 8 "$(port echo)"
	victim=$(slot_pid 1)
	lost=$(connections_of "$victim")
	assert [ "$lost" -ge 1 ]
	assert [ "$lost" -le 7 ]
	start_load "$(port echo)"
	wait_until 10 has_served_some
	kill -KILL "$victim"
	wait_until 5 log_has "(pid $victim) killed by signal 9.* connections lost"
	wait_until 10 has_served_some $(($(counter echo accepted) + 50))
	count_load "$(end_load)"
	assert_equal "$(n_echoing)" $((8 - lost))
	of_load=$(sed -n "s/.*(pid $victim) killed.* \([0-9]*\) connections lost.*/\1/p" \
		"$LOG")
	assert_equal "$(counter echo closed_lost)" "$of_load"
	of_load=$((of_load - lost))
	assert_equal "$refused" 0
	assert [ $((unanswered + broken)) -le "$of_load" ]
	assert [ "$good" -gt 50 ]
	# Nothing of the dead stays in the gauges.
	release_all
	wait_until 5 counter_is echo active 0
	assert_equal "$(connections_of "$(slot_pid 1)")" 0
}

@test "fault 3: connections that were still queued survive a death" {
	write_echo_config
	start_watched
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
		release "${fds[i - 1]}"
	done
}

# A worker whose next answer does WHAT (tests/rewrite.py) instead.
rewrite() {
	timeout 20 python3 "$ROOT/tests/rewrite.py" "$1" pf_send "$2"
}

# Somebody asks for that answer and gets none.
ask() {
	timeout 5 socat - "tcp:127.0.0.1:$(port echo)" <<<hello || :
}

# assert_crash_told PID REGEX: once, as REGEX. A sanitizer catches most signals
# itself and tells in its own way.
assert_crash_told() {
	wait_until 10 log_has "(pid $1) \(killed by\|exited with\)"
	if is_sanitized && log_has "^==$1==ERROR: AddressSanitizer: "; then
		log_has "(pid $1) exited with status 1"
		forget_report
		return
	fi
	log_has "(pid $1) killed by signal"
	assert_equal "$(n_log_lines "preforkd\[$1\]: .*crashed")" 1
	run -0 grep "preforkd\[$1\]: .*crashed" "$LOG"
	assert_output --regexp "^[-0-9]{10}T[0-9:.]{12}Z preforkd\[$1\]: error: worker default/1: crashed: $2\$"
}

# The function that a report names, by addr2line.
function_of_report() {
	local offset
	offset=$(sed -n 's/.*crashed: .* at preforkd+//p' "$LOG" | tail -n 1)
	addr2line -f -e "$PREFORKD" "$offset" | head -n 1
}

# really_crashes WHAT REGEX: by an instruction, with the sandbox on.
really_crashes() {
	LOG_ERRORS='crashed: '
	without_leak_check
	write_echo_config "" "workers = 1\nsandbox = on"
	start_watched
	local victim
	victim=$(slot_pid 1)
	rewrite "$victim" "$1"
	ask
	assert_crash_told "$victim" "$2"
	is_sanitized || assert_equal "$(function_of_report)" pf_send
	wait_until 5 slot_is_replaced 1 "$victim"
	is_served
}

# The sockets that listen on PORT as the kernel numbers them.
listening_inodes() {
	ss -Hlnte "sport = :$1" | grep -o 'ino:[0-9]*' | sort -u
}

@test "fault 4: no worker has a queue of its own that could die with it" {
	write_echo_config "" "workers = 4"
	start_watched
	local inode pid
	inode=$(listening_inodes "$(port echo)")
	assert_equal "$(wc -l <<<"$inode")" 1
	for pid in "$SERVER" $(worker_pids); do
		run -0 find "/proc/$pid/fd" -lname "socket:\[${inode#ino:}\]"
		assert_equal "${#lines[@]}" 1
	done
}

@test "fault 5: a worker that reads where nothing is tells of it" {
	really_crashes null \
		'signal 11 \(SEGV\), code 1, address 0x0, at preforkd\+0x[0-9a-f]+'
}

@test "fault 5: so does one that comes upon no instruction" {
	really_crashes illegal \
		'signal 4 \(ILL\), code [0-9]+, address 0x[0-9a-f]+, at preforkd\+0x[0-9a-f]+'
}

@test "fault 5: so does one whose stack is used up" {
	really_crashes overflow \
		'signal 11 \(SEGV\), code [0-9]+, address 0x[0-9a-f]+, at preforkd\+0x[0-9a-f]+'
}

@test "fault 5: a signal that was sent is reported once, too, with its sender" {
	LOG_ERRORS='crashed: '
	write_echo_config "" "sandbox = on"
	local signal victim other
	for signal in SEGV BUS ILL FPE ABRT; do
		# A young worker that dies again has to wait: start afresh.
		start_watched
		victim=$(slot_pid 1)
		other=$(slot_pid 2)
		kill "-$signal" "$victim"
		assert_crash_told "$victim" \
			"signal [0-9]+ \($signal\), sent by pid $$, at .*\+0x[0-9a-f]+"
		wait_until 5 slot_is_replaced 1 "$victim"
		assert_equal "$(slot_pid 2)" "$other"
		stop_server
	done
}

@test "fault 6: a stopped worker is replaced, the others take its clients" {
	LOG_ERRORS='stuck for .* aborted'
	write_echo_config "" "watchdog = 1s"
	start_watched
	local stuck idle
	stuck=$(slot_pid 1)
	idle=$(slot_pid 2)
	kill -STOP "$stuck"
	for _ in 1 2 3 4; do
		is_served
	done
	wait_until 10 is_being_ended "$stuck"
	wait_until 10 log_has "default/1 (pid $stuck) stuck for .*: aborted"
	wait_until 10 log_has "default/1 (pid $stuck) killed by signal"
	# Killed on purpose: no talk of memory.
	run ! log_has 'out of memory'
	wait_until 10 ready_workers_are 2
	assert_equal "$(slot_pid 2)" "$idle"
	is_served
}

@test "fault 7: one that never comes out of an answer is replaced, too" {
	LOG_ERRORS='stuck for .* aborted|crashed: '
	write_echo_config "" "watchdog = 1s\nworkers = 1"
	start_watched
	local stuck
	stuck=$(slot_pid 1)
	rewrite "$stuck" spin
	background ask
	wait_until 10 log_has "default/1 (pid $stuck) stuck for .*: aborted"
	# The report tells where it was.
	wait_until 10 log_has "(pid $stuck) killed by signal 6 (ABRT)"
	assert_crash_told "$stuck" \
		"signal 6 \(ABRT\), sent by pid $SERVER, at preforkd\+0x[0-9a-f]+"
	assert_equal "$(function_of_report)" pf_send
	wait_until 10 slot_is_replaced 1 "$stuck"
	is_served
}

@test "fault 8: time that the supervisor lost is nobody's fault" {
	write_echo_config "" "watchdog = 1s"
	start_watched
	local before port
	before=$(worker_pids)
	port=$(port echo)
	kill -STOP "$SERVER"
	sleep 2.5
	assert_equal "$(tcp "$port" <<<hello)" hello
	kill -CONT "$SERVER"
	# Several checks follow.
	sleep 0.8
	assert_equal "$(worker_pids)" "$before"
}

# --- the supervisor's own death ----------------------------------------------

# Each of its kind and a file that names the daemon: what a crash leaves.
write_config_with_leftovers() {
	write_config "pid_file = $DIR/pid" <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0 unix:$DIR/echo.sock
		listen = unixgram:$DIR/dgram.sock
	END
}

# The supervisor dies by SIGNAL while a client is served: its ports are free
# at once, that client is served on, beside a new daemon on the same port, but
# not for ever.
supervisor_dies_by() {
	local port fd workers pid old
	write_config_with_leftovers
	set_setting drain_timeout 3s
	start_server
	port=$(port echo)
	workers=$(worker_pids)
	hold fd "$port"
	echoes "$fd"
	old=$SERVER
	kill "-$1" "$SERVER"
	wait "$SERVER" || :
	wait_until 1 nobody_listens_on "$port"
	echoes "$fd"
	assert_equal "$(cat "$DIR/pid")" "$old"
	assert_exist "$SOCKET"
	sed -i "s|127.0.0.1:0|127.0.0.1:$port|" "$CONFIG"
	forget_report
	start_watched
	assert_equal "$(cat "$DIR/pid")" "$SERVER"
	assert_equal "$(tcp "$port" <<<hello)" hello
	run -0 timeout 5 socat - "unix:$DIR/echo.sock" <<<hello
	assert_output hello
	echoes "$fd"
	for pid in $workers; do
		wait_gone "$pid" 6
	done
	run ! echoes "$fd"
	release "$fd"
	run -0 grep -c 'the supervisor is gone' "$LOG"
	assert_output 2
}

# A sanitizer reports the signal that a test has sent.
forget_report() {
	if is_sanitized; then
		grep -v Sanitizer "$LOG" >"$DIR/log.rest" || :
		cat "$DIR/log.rest" >"$LOG"
	fi
}

@test "fault 9: when the supervisor is killed, its ports are free at once" {
	supervisor_dies_by KILL
}

@test "fault 10: so they are when it crashes" {
	supervisor_dies_by SEGV
}

@test "fault 10: without a connection its workers leave at once" {
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
	forget_report
}

# --- many deaths -------------------------------------------------------------

@test "fault 11: a worker that keeps dying waits longer each time" {
	write_echo_config
	start_watched
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
	run -0 jq -r '.pools[0] | .waiting, .last_exit' <(ctl_json status)
	assert_line 1
	assert_line "worker default/1 (pid $pid) killed by signal 9 (KILL)"
	is_served
	assert_equal "$(slot_pid 2)" "$other"
	assert_equal "$(back_offs 1)" "100 200 400 800 "
	# It recovers by itself.
	wait_until 5 ctl health
	pool_state_is ready
	ready_workers_are 2
}

@test "fault 12: all workers dead at once are replaced, clients wait" {
	write_echo_config
	start_watched
	local pids port fd answer
	port=$(port echo)
	mapfile -t pids < <(worker_pids)
	kill -STOP "$SERVER"
	kill -KILL "${pids[@]}"
	# Nobody is there, and still nobody is refused.
	hold fd "$port"
	echo question >&"$fd"
	kill -CONT "$SERVER"
	read -rt 10 answer <&"$fd"
	assert_equal "$answer" question
	release "$fd"
	wait_until 5 ready_workers_are 2
	wait_until 5 deaths_are 9 2
}

# fork_fails ERROR TEXT: three times in a row.
fork_fails() {
	local pid before
	LOG_ERRORS="cannot start worker default/1: $2"
	write_echo_config
	start_watched
	pid=$(slot_pid 1)
	fail_calls clone,clone3 "$1" 1..3
	before=$(cpu_ticks "$SERVER")
	kill -KILL "$pid"
	wait_until 10 log_has "cannot start worker default/1: $2"
	# Meanwhile the supervisor answers and the other worker serves.
	run -0 ctl stats
	is_served
	wait_until 10 ready_workers_are 2
	assert_equal "$(n_log_lines 'cannot start worker')" 3
	assert_equal "$(back_offs 1)" "100 200 400 "
	assert_equal "$(sample \
		'preforkd_worker_start_failures_total{pool="default"}')" 3
	assert [ $(($(cpu_ticks "$SERVER") - before)) -lt 50 ]
	end_background
}

@test "fault 13: a fork that fails with EAGAIN is tried again, by timer" {
	fork_fails EAGAIN "Resource temporarily unavailable"
}

@test "fault 13: so is one that fails with ENOMEM" {
	fork_fails ENOMEM "Cannot allocate memory"
}

@test "fault 14: a wait that is interrupted leaves no child behind" {
	write_echo_config "" "workers = 4"
	start_watched
	local pids
	mapfile -t pids < <(worker_pids)
	fail_calls wait4 EINTR 1..3
	# They all die before it looks: it is told once.
	kill -STOP "$SERVER"
	kill -KILL "${pids[@]}"
	kill -CONT "$SERVER"
	wait_until 5 deaths_are 9 4
	wait_until 5 ready_workers_are 4
	end_background
}

@test "fault 15: 50 workers dead by one command are all noticed" {
	write_echo_config "" "workers = 50"
	start_watched
	local pids
	mapfile -t pids < <(worker_pids)
	assert_equal "${#pids[@]}" 50
	kill -KILL "${pids[@]}"
	wait_until 10 deaths_are 9 50
	wait_until 15 ready_workers_are 50
	pids_are_others_than "$(printf '%s\n' "${pids[@]}")"
	assert_equal "$(n_processes)" 50
}

# --- signals -----------------------------------------------------------------

# storm PID SIGNAL... : a thousand of each, mixed.
storm() {
	python3 -c '
import os, signal, sys
for i in range(1000):
    for name in sys.argv[2:]:
        os.kill(int(sys.argv[1]), getattr(signal, "SIG" + name))' "$@"
}

@test "fault 16: a storm of signals is coalesced, and clients notice nothing" {
	write_echo_config
	start_watched
	start_load "$(port echo)"
	wait_until 10 has_served_some
	storm "$SERVER" HUP USR1 CHLD USR2 PIPE TSTP
	run -0 ctl health
	run -0 end_load
	assert_output --partial "refused=0 unanswered=0 broken=0"
	# Every one of the reloads would be a configuration of its own.
	assert [ "$(ctl_json status | jq .configuration)" -lt 500 ]
	assert_equal "$(ctl_json status | jq .failed_reloads)" 0
}

@test "fault 16: a stop within a storm of HUPs is not lost" {
	LOG_ERRORS='reload failed'
	write_echo_config
	start_server
	storm "$SERVER" HUP &
	wait_until 5 log_has 'reload'
	kill -TERM "$SERVER"
	wait $! || : # it may have found nobody
	wait_gone "$SERVER" 5
	wait "$SERVER"
	SERVER=
	assert_not_exist "$SOCKET"
	run ! log_has 'at once'
}

# start_on_terminal COMMANDS: a shell with a terminal of its own that runs
# them; DAEMON is the daemon they start, TERMINAL who has the other end.
start_on_terminal() {
	background script -qefc "$1" "$DIR/typescript" </dev/null >/dev/null
	TERMINAL=$!
	wait_until 20 ctl health
	DAEMON=$(ctl_json status | jq .pid)
}

stop_on_terminal() {
	ctl stop
	wait_gone "$DAEMON"
	assert_not_exist "$SOCKET"
}

reloads_are() {
	[ "$(ctl_json status | jq .reloads)" = "$1" ]
}

@test "fault 17: a terminal that closes is a reload, not the end" {
	write_echo_config
	start_on_terminal "exec '$PREFORKD' -c '$CONFIG'"
	local workers before
	workers=$(worker_pids)
	kill -KILL "$TERMINAL"
	wait_gone "$TERMINAL"
	wait_until 5 reloads_are 1
	assert_equal "$(worker_pids)" "$workers"
	is_served
	# A log that nobody reads any more costs nothing.
	before=$(cpu_ticks "$DAEMON")
	kill -KILL "$(slot_pid 1)"
	wait_until 5 pids_are_others_than "$(head -n 1 <<<"$workers")"
	run -0 ctl health
	assert [ $(($(cpu_ticks "$DAEMON") - before)) -lt 50 ]
	stop_on_terminal
}

@test "fault 18: INT of a terminal, to the whole group, is one clean stop" {
	write_echo_config
	# A process group of its own, as a shell with job control makes.
	setsid "$PREFORKD" -c "$CONFIG" 2>>"$LOG" </dev/null 3>&- 4>&- &
	SERVER=$!
	wait_until 20 server_ready_or_gone
	local workers pid fd
	workers=$(worker_pids)
	for pid in $workers; do
		assert_equal "$(ps -o pgid= -p "$pid" | tr -d ' ')" "$SERVER"
	done
	hold fd "$(port echo)"
	echoes "$fd"
	kill -INT -- "-$SERVER"
	wait_until 5 log_has 'no longer accepting'
	echoes "$fd"
	release "$fd"
	wait_gone "$SERVER" 5
	wait "$SERVER"
	SERVER=
	for pid in $workers; do
		assert is_gone "$pid"
	done
	assert_not_exist "$SOCKET"
	run ! log_has 'killed by signal'
	run ! log_has 'at once'
}

@test "fault 19: in the background of a terminal it is not stopped" {
	write_echo_config
	start_on_terminal "exec bash -mc 'stty tostop
		\"$PREFORKD\" -c \"$CONFIG\" & wait'"
	# Not the group that the terminal listens to, which would be stopped
	# for each line of the log.
	run -0 ps -o pgid=,tpgid= -p "$DAEMON"
	assert [ "$(awk '{ print $1 }' <<<"$output")" = "$DAEMON" ]
	assert [ "$(awk '{ print $2 }' <<<"$output")" != "$DAEMON" ]
	wait_until 5 grep -q 'worker default/1 .* ready' "$DIR/typescript"
	kill -TSTP -- "-$DAEMON"
	local pid
	run -0 ctl health
	for pid in "$DAEMON" $(worker_pids); do
		assert [ "$(state_of "$pid")" != T ]
	done
	is_served
	stop_on_terminal
	wait_until 5 grep -q 'stopped' "$DIR/typescript"
}

# ignores PID NUMBER: of a signal.
ignores() {
	local set
	set=$(awk '/^SigIgn:/ { print $2 }' "/proc/$1/status")
	(((16#$set >> ($2 - 1)) & 1))
}

@test "fault 20: PIPE ends nobody" {
	write_echo_config
	start_watched
	local pid before
	before=$(worker_pids)
	for pid in "$SERVER" $before; do
		ignores "$pid" 13
		kill -PIPE "$pid"
	done
	# Clients that reset while they are owed an answer.
	timeout 20 python3 -c '
import socket, struct, sys
for i in range(50):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.sendall(b"x" * 100000)
    s.close()' "$(port echo)"
	is_served
	assert_equal "$(worker_pids)" "$before"
	run ! log_has 'signal 13'
}

# --- memory ------------------------------------------------------------------

oom_score() {
	cat "/proc/$1/oom_score_adj"
}

# A start of the daemon with this score.
with_oom_score() {
	# shellcheck disable=SC2016 # for the inner shell
	exec sh -c 'echo "$0" >/proc/self/oom_score_adj; exec "$@"' "$@"
}

@test "fault 22: the kernel would take workers before their supervisor" {
	write_echo_config
	local pid own
	own=$(($(oom_score $$) + 50)) # less than one has is for root only
	start_watched with_oom_score "$own"
	assert_equal "$(oom_score "$SERVER")" "$own"
	for pid in $(worker_pids); do
		assert_equal "$(oom_score "$pid")" $((own + 100))
	done
	# A replacement does not add to that of its forerunner.
	kill -KILL "$pid"
	wait_until 5 pids_are_others_than "$pid"
	wait_until 5 ready_workers_are 2
	for pid in $(worker_pids); do
		assert_equal "$(oom_score "$pid")" $((own + 100))
	done
}

@test "fault 22: there is no score above the highest" {
	write_echo_config
	start_watched with_oom_score 950
	assert_equal "$(oom_score "$SERVER")" 950
	assert_equal "$(oom_score "$(slot_pid 1)")" 1000
}

# A memory cgroup of version 2 or 1, whichever this machine has: GROUP, and the
# names of its files.
make_group() {
	local name=preforkd-${BATS_RUN_TMPDIR##*/} top=/sys/fs/cgroup
	if grep -qw memory "$top/cgroup.controllers" 2>/dev/null; then
		echo +memory >"$top/cgroup.subtree_control"
		GROUP=$top/$name
		LIMIT=memory.max USED=memory.current KILLS=memory.events
	else
		GROUP=$top/memory/$name
		LIMIT=memory.limit_in_bytes USED=memory.usage_in_bytes
		KILLS=memory.oom_control
	fi
	mkdir "$GROUP"
}

within_group() {
	# shellcheck disable=SC2016 # for the inner shell
	exec sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$GROUP" "$@"
}

@test "fault 22: a worker that memory ran out with is replaced" {
	without_leak_check
	write_echo_config
	make_group
	ulimit -s 65536 # kilobytes that a stack may grow to
	start_server within_group
	local victim other
	victim=$(slot_pid 1)
	other=$(slot_pid 2)
	assert_equal "$(wc -l <"$GROUP/cgroup.procs")" 3
	# Whoever of the two gets the client.
	rewrite "$victim" overflow
	rewrite "$other" overflow
	echo $(($(cat "$GROUP/$USED") + 3000000)) >"$GROUP/$LIMIT"
	ask
	wait_until 10 log_has 'killed by signal 9 (KILL) after .* (out of memory?)$'
	run -0 grep '^oom_kill ' "$GROUP/$KILLS"
	assert_output "oom_kill 1"
	echo 1000000000 >"$GROUP/$LIMIT"
	wait_until 5 ready_workers_are 2
	assert_equal "$(worker_pids | grep -cxE "$victim|$other")" 1
	ctl restart # the other one is spoilt, too
	is_served
	stop_server
	rmdir "$GROUP"
}

# --- as the first process, and in the company of strangers --------------------

# The daemon as PID 1 of a namespace of its own; INIT is its pid out here.
start_as_init() {
	start_server unshare --pid --fork --mount-proc --kill-child
	INIT=$(descendants "$SERVER")
}

stop_init() {
	local status=0
	kill -TERM "$INIT"
	wait "$SERVER" || status=$?
	SERVER=
	assert_equal "$status" 0
	assert_not_exist "$SOCKET"
}

no_zombies() {
	local pid
	for pid in $(descendants "$1"); do
		! is_gone "$pid" || return 1
	done
}

@test "fault 21: as PID 1 it ends on TERM, with status 0" {
	write_echo_config
	start_as_init
	assert_equal "$(ctl_json status | jq .pid)" 1
	is_served
	stop_init
}

@test "fault 21: as PID 1 it reaps orphans, in the midst of its own" {
	write_echo_config
	start_as_init
	# A child of a shell that does not wait for it falls to PID 1.
	# shellcheck disable=SC2016 # for the shell in there
	nsenter -t "$INIT" -p -m sh -c \
		'for i in 1 2 3 4 5 6 7 8; do sleep 0.$i & done'
	kill -KILL "$(descendants "$INIT" | head -n 1)"
	wait_until 5 orphans_were 8
	wait_until 5 deaths_are 9 1
	wait_until 5 no_zombies "$INIT"
	wait_until 5 ctl health
	stop_init
}

orphans_were() {
	[ "$(n_log_lines 'child [0-9]* ended, no worker')" -ge "$1" ]
}

# stranger PID: a process that is none of the daemon's gets this pid in the
# namespace of INIT.
stranger() {
	# shellcheck disable=SC2016 # for the shell in there
	nsenter -t "$INIT" -p -m sh -c '
		for i in 1 2 3 4 5 6 7 8 9 10; do
			echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid
			sleep 55 &
			[ "$!" = "$1" ] && exit 0
			kill "$!"
		done
		exit 1' sh "$1"
}

stranger_lives() {
	nsenter -t "$INIT" -p -m sh -c "grep -q sleep /proc/$1/comm"
}

@test "fault 23: a stranger with the pid of a dead worker is left alone" {
	write_echo_config "" "watchdog = 1s"
	start_as_init
	local pid i
	for i in 1 2 3 4 5 6; do
		wait_until 5 slot_is_ready 1
		pid=$(slot_pid 1)
		nsenter -t "$INIT" -p -m sh -c "kill -KILL $pid"
		wait_until 5 log_has "(pid $pid) killed"
	done
	# In back-off for 1.6 seconds: nobody has that pid now.
	stranger "$pid"
	run -0 ctl workers default 1
	run -0 ctl workers default 2
	run -0 ctl restart
	wait_until 5 ctl health
	sleep 1.2 # the watchdog has looked
	stranger_lives "$pid"
	run -0 ctl drain
	run -0 ctl resume
	stranger_lives "$pid"
	stop_init
}

@test "fault 23: so is one whose pid stands in a pid file" {
	write_echo_config "pid_file = $DIR/pid"
	sleep 55 3>&- 4>&- &
	HELPERS+=($!)
	echo "${HELPERS[-1]}" >"$DIR/pid"
	start_watched
	assert_equal "$(cat "$DIR/pid")" "$SERVER"
	ctl reload
	ctl restart
	stop_server
	kill -0 "${HELPERS[-1]}"
	assert_not_exist "$DIR/pid"
}
