# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# docs/faults.md, rows 24 to 37: descriptors, memory and limits that run out,
# system calls that fail because of it, and what must not leak.

setup() {
	load faults
	faults_setup
}

teardown() {
	faults_teardown
}

# --- verbs -------------------------------------------------------------------

# An echo service, one worker.
serve() {
	write_echo_config "" "workers = 1"
	start_watched
}

# pool_counter FIELD: of the first pool.
pool_counter() {
	ctl_json stats | jq ".pools[0].$1"
}

pool_counter_exceeds() {
	[ "$(pool_counter "$1")" -gt "$2" ]
}

# limit_descriptors PID SOFT:HARD
limit_descriptors() {
	# By its own user: to root without all capabilities it is a stranger.
	setpriv --reuid=nobody --regid=nogroup --clear-groups \
		prlimit --nofile="$2" --pid "$1"
}

# hold_some N: connections to the service, which nobody need have accepted.
hold_some() {
	local fd i
	HELD=()
	for ((i = 0; i < $1; i++)); do
		hold fd "$(port echo)"
		HELD+=("$fd")
	done
}

# ends FD: the other side closes it, in whatever way.
ends() {
	local answer
	run read -rt 10 answer <&"$1"
	[ "$status" -ne 0 ] && [ "$status" -lt 128 ]
} 2>/dev/null

# All clients wait while accept(2) fails so, and are served afterwards. A pause
# of 100 ms after each failure is some 60 calls a second.
accept_pauses_for() {
	local worker client pauses
	worker=$(worker_pid 1)
	pauses=$(pool_counter resource_pauses)
	inject "$worker" "accept4:error=$1"
	hold client "$(port echo)"
	wait_until 5 pool_counter_exceeds resource_pauses $((pauses + 2))
	end_injection
	echoes "$client"
	release "$client"
	assert [ "$(grep -c "accept4.*$1.*INJECTED" "$DIR/calls")" -ge 3 ]
	assert [ "$(wc -l <"$DIR/calls")" -lt 200 ]
	assert_equal "$(worker_pid 1)" "$worker"
}

# --- descriptors -------------------------------------------------------------

@test "fault 29: waiting for events that fails does not spin the supervisor" {
	LOG_ERRORS='cannot wait for events: Cannot allocate memory'
	write_echo_config
	start_watched
	inject "$SERVER" epoll_wait:error=ENOMEM epoll_pwait:error=ENOMEM
	wait_until 10 log_has "$LOG_ERRORS"
	local before
	before=$(n_log_lines "$LOG_ERRORS")
	sleep 1
	end_injection
	[ $(($(n_log_lines "$LOG_ERRORS") - before)) -le 20 ]
	run -0 ctl health
}

@test "fault 24: without descriptors clients wait, the worker does not spin, and recovers" {
	serve
	local worker before
	worker=$(worker_pid 1)
	# By its own user: to root without all capabilities it is a stranger.
	setpriv --reuid=nobody --regid=nogroup --clear-groups \
		prlimit --nofile=16:64 --pid "$worker"
	before=$(cpu_ms "$worker")
	clients '
# Those that fit are answered, the others wait.
all = [connect() for i in range(30)]
for s in all:
    s.sendall(b"x")
end = time.monotonic() + 1.5
while time.monotonic() < end:
    ready = select.select(all, [], [], 0)[0]
    time.sleep(0.05)
assert 0 < len(ready) < 16, len(ready)
for s in ready:
    answered(s)
    all.remove(s)
# As they go, all get their turn.
for s in ready:
    s.close()
while all:
    ready = select.select(all, [], [], 5)[0]
    assert ready
    for s in ready:
        s.close()
        all.remove(s)
answered(connect())'
	assert [ $(($(cpu_ms "$worker") - before)) -le 300 ]
	assert_equal "$(counter echo accepted)" 31
	assert_equal "$(n_log_lines 'cannot accept, pausing')" 1
	assert [ "$(ctl_json stats | jq '.pools[0].resource_pauses')" -gt 3 ]
	assert_equal "$(worker_pid 1)" "$worker"
}

@test "fault 24: while descriptors are missing a worker makes few system calls" {
	serve
	local worker
	worker=$(worker_pid 1)
	limit_descriptors "$worker" 16:64
	hold_some 20
	wait_until 5 pool_counter_exceeds resource_pauses 0
	# Ten pauses a second, a handful of calls each; a loop makes 100,000.
	assert [ "$(calls_of "$worker")" -lt 200 ]
	limit_descriptors "$worker" 64:64
	local fd
	for fd in "${HELD[@]}"; do
		echoes "$fd"
	done
	release_all
	assert_equal "$(n_log_lines 'cannot accept, pausing')" 1
	assert_equal "$(worker_pid 1)" "$worker"
}

@test "fault 25: accept fails with ENFILE: clients wait, and are served" {
	serve
	accept_pauses_for ENFILE
	accept_pauses_for ENFILE
	# A line a minute, however often it happens.
	assert_equal "$(n_log_lines 'cannot accept, pausing for 100 ms')" 1
	log_has 'pausing for 100 ms: Too many open files in system'
	assert [ "$(pool_counter accept_errors)" -ge 6 ]
}

# --- memory of the kernel ----------------------------------------------------

@test "fault 26: accept fails with ENOBUFS or ENOMEM: clients wait, too" {
	serve
	accept_pauses_for ENOBUFS
	accept_pauses_for ENOMEM
	assert_equal "$(n_log_lines 'cannot accept, pausing for 100 ms')" 1
}

# costs_the_connection CALL ERROR CAUSE: when CALL fails so, once, the peer is
# closed and counted under CAUSE; another one is not touched.
costs_the_connection() {
	local witness victim n
	n=$(counter echo "$3")
	hold witness "$(port echo)"
	hold victim "$(port echo)"
	echoes "$witness"
	echoes "$victim"
	inject "$(worker_pid 1)" "$1:error=$2:when=1"
	echo question >&"$victim"
	ends "$victim"
	end_injection
	echoes "$witness"
	release "$witness"
	release "$victim"
	assert_equal "$(counter echo "$3")" $((n + 1))
}

@test "fault 26: send or recv without memory costs that one connection" {
	serve
	local worker
	worker=$(worker_pid 1)
	costs_the_connection sendto ENOBUFS closed_error
	costs_the_connection sendto ENOMEM closed_error
	costs_the_connection recvfrom ENOBUFS closed_error
	costs_the_connection recvfrom ENOMEM closed_error
	assert_equal "$(n_log_lines 'connection .* failed: ')" 1
	assert_equal "$(worker_pid 1)" "$worker"
}

@test "fault 26: a full epoll costs the connection, its listener is tried again" {
	serve
	local client worker
	worker=$(worker_pid 1)
	inject "$worker" "epoll_ctl:error=ENOSPC:when=1"
	hold client "$(port echo)"
	ends "$client"
	end_injection
	release "$client"
	assert_equal "$(counter echo closed_error)" 1
	# The first call takes the listener out, those that fail put it back.
	inject "$worker" "accept4:error=ENFILE:when=1" \
		"epoll_ctl:error=ENOSPC:when=2..4"
	hold client "$(port echo)"
	echoes "$client"
	end_injection
	release "$client"
	assert_equal "$(pool_counter resource_pauses)" 4
	assert_equal "$(worker_pid 1)" "$worker"
}

# --- what is no failure ------------------------------------------------------

@test "fault 27: accept fails for this client only: the next one is served" {
	serve
	local worker error client
	worker=$(worker_pid 1)
	for error in ECONNABORTED EPROTO EINTR EAGAIN EPERM ENETDOWN \
	    ENOPROTOOPT EHOSTDOWN ENONET EHOSTUNREACH EOPNOTSUPP \
	    ENETUNREACH ECONNRESET ETIMEDOUT; do
		inject "$worker" "accept4:error=$error:when=1..3"
		hold client "$(port echo)"
		echoes "$client"
		end_injection
		release "$client"
		assert_equal "$(grep -c "accept4.*$error.*INJECTED" \
			"$DIR/calls")" 3
	done
	# No pause, and no words about it.
	assert_equal "$(pool_counter resource_pauses)" 0
	assert_equal "$(pool_counter accept_errors)" 0
	run ! log_has ': warn: '
	assert_equal "$(worker_pid 1)" "$worker"
}

@test "fault 27: accept fails for everybody, again and again: clients wait, nothing spins" {
	serve
	accept_pauses_for EPERM
	accept_pauses_for ECONNABORTED
	assert_equal "$(n_log_lines 'cannot accept, pausing for 100 ms')" 1
}

@test "fault 27: send and recv that are interrupted, or too early, are made again" {
	serve
	local error call client
	hold client "$(port echo)"
	echoes "$client"
	for call in sendto recvfrom; do
		for error in EINTR EAGAIN; do
			inject "$(worker_pid 1)" "$call:error=$error:when=1..3"
			echoes "$client"
			end_injection
		done
	done
	release "$client"
	wait_until 5 counter_is echo closed_done 1
	assert_equal "$(counter echo bytes_in)" 30
	assert_equal "$(counter echo bytes_out)" 30
	run ! log_has ': warn: '
}

# --- memory of the process ---------------------------------------------------

# Builds what makes allocations fail, and starts the daemon with it.
start_forgetful() {
	cc -shared -fPIC -g -fno-omit-frame-pointer \
		-fno-optimize-sibling-calls -o "$DIR/malloc_fails.so" \
		"$ROOT/tests/malloc_fails.c"
	fail_allocations 0 0
	start_server env LD_PRELOAD="$DIR/malloc_fails.so" \
		MALLOC_FAILS="$DIR/one_in" \
		ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0"
	take_baseline
}

# fail_allocations N M: one in N of the supervisor, one in M of the workers; 0:
# none. The file is mapped, so it must not be made anew.
fail_allocations() {
	python3 -c 'import struct, sys
sys.stdout.buffer.write(struct.pack("II", *map(int, sys.argv[1:])))' "$@" |
		dd of="$DIR/one_in" conv=notrunc status=none
}

# Clients that send until nobody takes it, then read, and take every end for
# granted; prints how many got back all they had sent.
demanding_clients() {
	clients '
good = 0
for i in range(40):
    s = connect()
    s.settimeout(0.05)
    sent = got = 0
    try:
        while sent < 20000000:
            sent += s.send(bytes(1000000))
    except OSError:
        pass
    s.settimeout(10)
    try:
        s.shutdown(socket.SHUT_WR)
        while n := len(s.recv(1000000)):
            got += n
    except OSError:
        pass
    good += got == sent
print(good)'
}

@test "fault 28: workers without memory lose connections, not their lives" {
	write_echo_config
	start_forgetful
	local pids good
	pids=$(worker_pids)
	fail_allocations 0 3
	good=$(demanding_clients)
	fail_allocations 0 0
	assert [ "$good" -lt 40 ]
	assert_equal "$(worker_pids)" "$pids"
	assert [ "$(counter echo refused_memory)" -gt 0 ]
	assert [ "$(counter echo closed_error)" -gt 0 ]
	# None of it is left behind, and all are served again.
	wait_until 5 counter_is echo active 0
	assert_equal "$(demanding_clients)" 40
}

# What an operator does, whatever is answered.
busy_operator() {
	local round
	for round in 1 2 3 4 5 6; do
		whatever ctl stats
		whatever ctl workers
		whatever ctl -j connections
		whatever ctl listeners
		whatever ctl workers default $((2 + round % 2))
		touch_workers
		whatever ctl reload
		whatever kill -KILL "$(pgrep -P "$SERVER" | head -1)"
	done
}

whatever() {
	"$@" >>"$DIR/operator" 2>&1 || :
}

@test "fault 28: a supervisor without memory goes on, and recovers" {
	LOG_ERRORS='.'
	write_config <<-'END'
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
		nodelay = yes
	END
	start_forgetful
	local rate
	for rate in 30 3 1; do
		fail_allocations "$rate" 0
		busy_operator
		fail_allocations 0 0
		is_alive
	done
	ctl workers default 2
	touch_workers
	ctl reload
	# Whatever was in force: without the back-off of those that were killed.
	ctl restart
	wait_until 20 ready_workers_are 2
	is_served
}

is_alive() {
	wait_until 10 ctl ping
}

is_served() {
	assert_equal "$(tcp "$(port echo)" <<<hello)" hello
}

# --- descriptors that must not get anywhere else -----------------------------

# flags_of PID: "descriptor flags" of those that are not 0, 1 and 2.
open_flags() {
	local fd
	for fd in "/proc/$1/fdinfo/"*; do
		[ "${fd##*/}" -le 2 ] ||
			echo "${fd##*/} $(awk '/^flags:/ { print $2 }' "$fd")"
	done
}

@test "fault 31: every descriptor closes when another program is run" {
	write_config "access_log = $DIR/access\nlog = $DIR/file.log" <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0 udp://127.0.0.1:0
		listen = unix:$DIR/s unixgram:$DIR/g
	END
	# Those that the shell has left it are not ours to judge.
	start_watched python3 -c 'import os, sys
os.closerange(3, 1024)
os.execv(sys.argv[1], sys.argv[1:])'
	local held pid n=0 fd flags
	hold held "$(port echo)"
	echoes "$held"
	background timeout 30 "$PREFORKCTL" -s "$SOCKET" events
	for pid in "$SERVER" $(worker_pids); do
		while read -r fd flags; do
			n=$((n + 1))
			# O_CLOEXEC
			[ $((flags & 02000000)) -ne 0 ] || {
				ls -l "/proc/$pid/fd/$fd"
				return 1
			}
		done < <(open_flags "$pid")
	done
	assert [ "$n" -gt 20 ]
	release "$held"
	end_background
}

@test "fault 32: 1,000 connections leave no descriptor behind" {
	write_echo_config
	start_watched
	clients '
for i in range(20):
    all = [answered(connect()) for j in range(50)]
    for j, s in enumerate(all):
        (reset if j % 3 == 0 else socket.socket.close)(s)'
	wait_until 5 counter_is echo active 0
	assert_equal "$(counter echo accepted)" 1000
	assert_baseline
}

@test "fault 32: nor do 100 reloads, of which half are refused" {
	LOG_ERRORS='reload|nonsense'
	write_config "" "workers = 1" <<-'END'
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
		nodelay = yes
	END
	start_watched
	local round
	for ((round = 0; round < 50; round++)); do
		touch_workers
		ctl reload
		set_setting handler nonsense
		run -4 ctl reload
		set_setting handler echo
	done
	assert_equal "$(ctl_json workers | jq '.[0].generation')" 51
	assert_baseline
}

@test "fault 32: nor do 50 workers that die" {
	write_echo_config "" "workers = 25"
	start_watched
	local round pids
	for round in 1 2; do
		pids=$(worker_pids)
		# shellcheck disable=SC2086 # a list of words
		kill -KILL $pids
		wait_until 20 all_are_others_than "$pids"
	done
	assert_equal "$(n_log_lines 'killed by signal 9')" 50
	assert_baseline
}

# all_are_others_than PIDS: 25 workers are ready, none of them.
all_are_others_than() {
	ready_workers_are 25 && [ -z "$(comm -12 <(sort <<<"$1") \
		<(worker_pids | sort))" ]
}

@test "fault 33: without descriptors 0, 1 and 2 no socket gets their numbers" {
	write_echo_config "log = $LOG"
	"$PREFORKD" -c "$CONFIG" <&- >&- 2>&- 3>&- 4>&- &
	SERVER=$!
	wait_until 20 server_ready_or_gone
	take_baseline
	local pid fd
	for pid in "$SERVER" $(worker_pids); do
		for fd in 0 1 2; do
			run -0 readlink "/proc/$pid/fd/$fd"
			assert_output /dev/null
		done
	done
	run -0 tcp "$(port echo)" <<<"hello"
	assert_output hello
}

# epolls_of PID: its descriptors that are one.
epolls_of() {
	find "/proc/$1/fd" -mindepth 1 -lname 'anon_inode:*eventpoll*' \
		-printf '%f\n'
}

# same_file PID FD PID FD: one opening of a file, inherited.
same_file() {
	python3 - "$@" <<-'END'
		import ctypes, platform, sys
		one, fd, other, its = map(int, sys.argv[1:])
		kcmp = {"x86_64": 312, "aarch64": 272, "riscv64": 272}
		result = ctypes.CDLL(None).syscall(
		    kcmp[platform.machine()], one, other, 0, fd, its)
		assert result != -1
		sys.exit(result != 0)
	END
}

# watched_by PID: what its poller looks at, one descriptor a line.
watched_by() {
	awk '/^tfd:/ { print $2 }' "/proc/$1/fdinfo/$(epolls_of "$1")" |
		sort -n
}

@test "fault 35: each process has a poller of its own, made after fork" {
	write_echo_config
	start_watched
	local one two held before
	one=$(slot_pid 1)
	kill -KILL "$(slot_pid 2)"
	wait_until 5 log_has 'worker default/2.*killed'
	wait_until 5 slot_is_ready 2
	two=$(slot_pid 2)
	local pid
	for pid in "$SERVER" "$one" "$two"; do
		assert_equal "$(epolls_of "$pid" | wc -l)" 1
	done
	# What is the same is known to be.
	same_file "$SERVER" 2 "$one" 2
	run -1 same_file "$one" "$(epolls_of "$one")" "$two" "$(epolls_of "$two")"
	run -1 same_file "$SERVER" "$(epolls_of "$SERVER")" \
		"$two" "$(epolls_of "$two")"
	# A connection that has ended is not looked at any more.
	before=$(watched_by "$one" && watched_by "$two")
	hold_some 4
	for held in "${HELD[@]}"; do echoes "$held"; done
	assert_not_equal "$(watched_by "$one" && watched_by "$two")" "$before"
	release_all
	wait_until 5 counter_is echo active 0
	assert_equal "$(watched_by "$one" && watched_by "$two")" "$before"
}

# --- limits of the process ---------------------------------------------------

@test "fault 36: too few descriptors for max_connections: fewer connections, and told" {
	write_echo_config "" "nofile = 40\nmax_connections = 100\nworkers = 1"
	start_watched
	wait_until 5 log_has 'pool "default": 2[0-9] connections a worker instead of 100, for only 40 descriptors are allowed'
	run timeout 10 python3 -c '
import select, socket, sys, time
all = [socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    for i in range(40)]
for s in all:
    s.sendall(b"x")
served = set()
end = time.monotonic() + 5
while time.monotonic() < end:
    ready = select.select(list(set(all) - served), [], [], 0.4)[0]
    served.update(ready)
    if not ready and len(served) >= 20:
        break
print(20 <= len(served) < 30)' "$(port echo)"
	assert_output True
	run ! grep 'cannot accept' "$LOG"
}

@test "fault 36: a hard limit that is too low is told, and kept to" {
	write_echo_config "" "workers = 1"
	start_watched prlimit --nofile=64:64
	wait_until 5 log_has 'pool "default": [0-9]* connections a worker instead of 10000, for only 64 descriptors are allowed'
	clients '
all = [connect() for i in range(80)]
for s in all:
    s.sendall(b"x")
served = set()
while len(served) < 80:
    ready = select.select(list(set(all) - served), [], [], 5)[0]
    assert 0 < len(ready) < 64, len(ready)
    for s in ready:
        s.close()
    served.update(ready)'
	run ! log_has 'cannot accept'
}

# file_is_full: nothing more goes into the log.
file_is_full() {
	[ "$(stat -c %s "$DIR/file.log")" -ge $((16384 - 200)) ]
}

@test "fault 37: a log that may not grow stops nobody" {
	write_echo_config "log = $DIR/file.log"
	start_watched prlimit --fsize=16384
	local pids round
	pids=$(worker_pids)
	for ((round = 0; round < 20; round++)); do
		clients 'for i in range(20): answered(connect()).close()'
		if file_is_full; then break; fi
	done
	file_is_full
	# Now each line is one too many.
	clients 'for i in range(20): answered(connect()).close()'
	assert_equal "$(worker_pids)" "$pids"
	assert [ "$(pool_counter log_dropped)" -gt 0 ]
	assert [ "$(stat -c %s "$DIR/file.log")" -le 16384 ]
	# As logrotate does it.
	mv "$DIR/file.log" "$DIR/file.log.1"
	kill -USR1 "$SERVER"
	wait_until 5 grep -q 'log lines were dropped' "$DIR/file.log"
}

@test "fault 37: an access log that may not grow stops nobody, and is counted" {
	write_echo_config "access_log = $DIR/access"
	start_watched prlimit --fsize=16384
	local pids
	pids=$(worker_pids)
	clients 'for i in range(300): answered(connect()).close()'
	wait_until 5 counter_is echo closed_done 300
	wait_until 5 pool_counter_exceeds log_dropped 100
	assert [ "$(stat -c %s "$DIR/access")" -le 16384 ]
	assert_equal "$(worker_pids)" "$pids"
	mv "$DIR/access" "$DIR/access.1"
	kill -USR1 "$SERVER"
	wait_until 5 test -e "$DIR/access"
	clients 'answered(connect()).close()'
	wait_until 5 grep -q ' echo default/' "$DIR/access"
}

@test "fault 37: as many processes as its user may have, then more" {
	LOG_ERRORS='cannot fork|cannot start'
	# A user who has no other process, in no other run of the tests either.
	local stranger=(setpriv --reuid=$((100000 + BASHPID)) --regid=65534
		--clear-groups)
	write_echo_config
	chmod o+x "$BATS_RUN_TMPDIR" "${DIR%/*}"
	chmod 777 "$DIR"
	start_watched "${stranger[@]}" prlimit --nproc=3:100
	ctl workers default 4
	wait_until 5 log_has 'Resource temporarily unavailable'
	is_served
	assert_equal "$(worker_pids | wc -l)" 2
	assert [ "$(ctl_json stats | jq '.pools[0].not_started')" -gt 0 ]
	local pid
	# Its workers as well, whose leak check forks.
	for pid in "$SERVER" $(worker_pids); do
		"${stranger[@]}" prlimit --nproc=100 --pid "$pid"
	done
	wait_until 10 ready_workers_are 4
	ctl workers default 2
	wait_until 5 ready_workers_are 2
}
