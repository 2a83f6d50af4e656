# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# docs/faults.md, rows 99 and 100: a worker's page of counters that holds
# nonsense, and workers that die at any place.

setup() {
	load faults
	faults_setup
}

teardown() {
	faults_teardown
}

# --- verbs -------------------------------------------------------------------

# scribble PID BYTE: fills the pages that it shares with the
# supervisor and may write to, its own slot, that is.
scribble() {
	timeout 10 python3 -c '
import sys
pid, byte = int(sys.argv[1]), int(sys.argv[2], 16)
with open(f"/proc/{pid}/maps") as maps:
    own = [m.split()[0] for m in maps if " rw-s " in m]
assert len(own) == 1, own
start, end = (int(part, 16) for part in own[0].split("-"))
with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
    memory.seek(start)
    memory.write(bytes([byte]) * (end - start))' "$@"
}

# N connections of clients, one after the other, each with an answer.
visit() {
	timeout 20 python3 -c '
import socket, sys
for i in range(int(sys.argv[2])):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10) as s:
        s.sendall(b"x" * 100)
        assert len(s.recv(100, socket.MSG_WAITALL)) == 100' "$1" "$2"
}

# Every number that the daemon tells is one that can be, in all three forms.
assert_numbers_can_be() {
	ctl_json stats >"$DIR/stats"
	run -0 jq -c '[paths(numbers) as $p | select(getpath($p) < 0 or
		getpath($p) > 1e15) | [$p, getpath($p)]]' "$DIR/stats"
	assert_output '[]'
	run -0 ctl stats prometheus
	promtool check metrics <<<"$output"
	run ! grep -E ' (-[0-9]|[0-9]{16})' <<<"$output"
	run -0 ctl stats
	run ! grep -E ' (-[0-9]+|[0-9]{16,}) ' <<<"$output"
	run -0 ctl workers
	run -0 ctl status
}

# counters FILE: gets those of the service and of the pool, as "name value".
counters() {
	ctl_json stats | jq -r '(.services[0] | to_entries[] |
		select((.value | type) == "number" and .key != "active")),
		(.pools[0] | to_entries[] | select(.key | IN("accept_errors",
		"resource_pauses", "stand_backs", "log_dropped"))) |
		"\(.key) \(.value)"' | sort >"$1"
}

# none_went_back BEFORE NOW
none_went_back() {
	run -0 join "$1" "$2"
	[ "$(wc -l <<<"$output")" -gt 20 ]
	run -0 awk '$3 < $2' <<<"$output"
	assert_output ""
}

# --- the slot ----------------------------------------------------------------

# survives_scribbling BYTE
survives_scribbling() {
	local victim true_count
	write_echo_config "" "workers = 3"
	start_watched
	visit "$(port echo)" 60
	wait_until 5 counter_is echo closed_done 60
	counters "$DIR/before"
	victim=$(slot_pid 1)
	scribble "$victim" "$1"
	assert_numbers_can_be
	counters "$DIR/scribbled"
	none_went_back "$DIR/before" "$DIR/scribbled"
	# Everybody serves on, the scribbler, too.
	visit "$(port echo)" 60
	assert_numbers_can_be
	counters "$DIR/served"
	none_went_back "$DIR/scribbled" "$DIR/served"
	scribble "$victim" "$1"
	kill -KILL "$victim"
	wait_until 5 log_has "(pid $victim) killed by signal 9"
	wait_until 5 ready_workers_are 3
	assert_numbers_can_be
	counters "$DIR/after"
	none_went_back "$DIR/served" "$DIR/after"
	# What the others have counted is there, and nothing was invented.
	visit "$(port echo)" 60
	true_count=$(counter echo accepted)
	assert [ "$true_count" -le 180 ]
	assert [ "$true_count" -ge 120 ]
	counter_is echo active 0
	run -0 grep "(pid $victim) killed by signal 9" "$LOG"
	assert_output --partial ' 0 connections lost'
}

@test "fault 99: a slot full of ones harms nobody but its worker's counters" {
	survives_scribbling ff
}

@test "fault 99: nor does one full of the largest numbers with a sign" {
	survives_scribbling 7f
}

@test "fault 99: nor one that was emptied" {
	survives_scribbling 00
}

@test "fault 99: siblings of a scribbler share the clients as before" {
	write_echo_config "" "workers = 4"
	start_watched
	scribble "$(slot_pid 1)" ff
	run -0 timeout 30 python3 -c '
import socket, subprocess, sys
held = []
for i in range(200):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
    s.sendall(b"x")
    assert s.recv(1) == b"x"
    held.append(s)
print(subprocess.check_output(sys.argv[2:], text=True))' "$(port echo)" \
		"$PREFORKCTL" -s "$SOCKET" -j workers
	# By what they have: 200 over four, or over three should one be left out.
	run -0 jq -c '[.[1:][].connections] | [min, max]' <<<"$output"
	assert [ "$(jq '.[0]' <<<"$output")" -ge 40 ]
	assert [ "$(jq '.[1]' <<<"$output")" -le 75 ]
}

@test "fault 99: the watchdog looks through it" {
	LOG_ERRORS='stuck for .* aborted'
	write_echo_config "" "watchdog = 1s"
	start_watched
	local victim other
	victim=$(slot_pid 1)
	other=$(slot_pid 2)
	scribble "$other" ff
	kill -STOP "$victim"
	scribble "$victim" ff
	wait_until 10 log_has "default/1 (pid $victim) killed by signal"
	wait_until 10 ready_workers_are 2
	assert_equal "$(slot_pid 2)" "$other"
}

# --- no lock -----------------------------------------------------------------

# dies_in CALL: one worker, in the middle of that system call; SLOT is which.
dies_in() {
	local victim
	victim=$(slot_pid "$SLOT")
	background strace -qq -o /dev/null -p "$victim" \
		-e inject="$1:signal=KILL"
	wait_until 10 is_traced "$victim"
	wait_until 10 visited_until_gone "$victim"
	wait_until 5 log_has "(pid $victim) killed by signal 9"
}

visited_until_gone() {
	visit "$PORT" 8 || :
	is_gone "$1"
}

@test "fault 100: a worker that dies in any system call holds up nobody" {
	write_echo_config "" "workers = 5"
	start_watched
	local call
	PORT=$(port echo) SLOT=0
	for call in accept4 recvfrom,recvmsg,read sendto,sendmsg,write \
		epoll_wait,epoll_pwait,epoll_pwait2 close; do
		SLOT=$((SLOT + 1))
		dies_in "$call"
		run -0 ctl stats
		visit "$PORT" 20
	done
	wait_until 10 ready_workers_are 5
	wait_until 5 counter_is echo active 0
}

@test "fault 100: there is no lock: nobody ever waits for one" {
	without_leak_check
	write_echo_config
	start_server strace -D -f -qq -o "$DIR/calls" \
		-e trace=futex,flock,semop,semtimedop
	start_load "$(port echo)"
	wait_until 10 has_served_some
	kill -KILL "$(slot_pid 1)"
	wait_until 10 ready_workers_are 2
	run -0 ctl restart
	run -0 ctl stats
	run -0 end_load
	# At the start the control socket's folder is locked, or not.
	run ! grep -E 'FUTEX_WAIT|flock|sem(timed)?op' \
		<(grep -v 'flock(.*LOCK_NB' "$DIR/calls")
}

has_served_some() {
	[ "$(counter echo accepted)" -gt 50 ]
}

# --- whose memory it is ------------------------------------------------------

two_pools() {
	write_config "" "workers = 1" <<-END
		[pool other]
		workers = 1
		sandbox = $(sandbox_default)
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
		[service hello]
		handler = hello
		pool = other
		listen = tcp://127.0.0.1:0
	END
}

# Each shared mapping has an inode of its own.
n_shared_mappings() {
	awk '$2 ~ /s$/ && /zero/ { print $5 }' "/proc/$1/maps" | sort -u | wc -l
}

has_a_ready_worker() {
	[ -n "$(worker_pids "$1")" ]
}

lose_worker() {
	local pid
	pid=$(worker_pids "$1")
	kill -KILL "$pid"
	wait_gone "$pid"
}

@test "a worker has the counters of its own pool and of no other" {
	two_pools
	start_watched
	local pool
	for pool in default other; do
		assert_equal "$(n_shared_mappings "$(worker_pids "$pool")")" 1
	done
}

@test "counters that cannot be hidden stop the start" {
	without_leak_check
	two_pools
	run -1 timeout 10 strace -qq -o "$DIR/calls" \
		-e inject=madvise:error=EAGAIN "$PREFORKD" -c "$CONFIG"
	assert_output --partial "Resource temporarily unavailable"
	refute_output --partial ") ready"
	assert_not_exist "$SOCKET"
}

@test "counters that cannot be hidden again are not shown to another pool" {
	without_leak_check
	LOG_ERRORS='cannot start worker other/1: Cannot allocate memory'
	two_pools
	start_watched
	# The first call shows them to the new worker, those after it hide.
	inject "$SERVER" madvise:error=ENOMEM:when=2+
	lose_worker default
	wait_until 10 has_a_ready_worker default
	log_has 'cannot hide counters from workers of other pools'
	lose_worker other
	wait_until 10 log_has "$LOG_ERRORS"
	run ! has_a_ready_worker other
	end_injection
	wait_until 10 has_a_ready_worker other
	assert_equal "$(n_shared_mappings "$(worker_pids other)")" 1
}
