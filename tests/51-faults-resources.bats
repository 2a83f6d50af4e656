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

# serve [LINE [POOL-LINES]]: an echo service with that setting, one worker.
serve() {
	write_config "" "${2-workers = 1}" <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
		${1-}
	END
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

release_all() {
	local fd
	for fd in "${HELD[@]}"; do
		release "$fd"
	done
	HELD=()
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
