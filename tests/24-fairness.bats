#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Connections are spread evenly over the workers, however they come and
# whatever happens to the pool; a worker that stands still is not waited for.

load helpers

setup() {
	common_setup
	write_config "" "workers = 4" <<-'END'
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
	END
	start_server
}

teardown() {
	common_teardown
}

# clients LINES [WORDS]: python with connect() at hand; the port is PORT.
clients() {
	timeout 40 python3 -c "
import os, resource, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE,
    (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
PORT = $(port echo)
def connect():
    s = socket.create_connection(('127.0.0.1', PORT))
    s.settimeout(10)
    return s
def answered(s):
    s.sendall(b'x')
    assert s.recv(1) == b'x'
    return s
$1" "${@:2}"
}

# spread FIELD [BEFORE-FILE]: maximum over mean of the serving workers.
spread() {
	ctl_json workers default | jq --arg f "$1" '
		[.[] | select(.role == "serving" and .state == "ready") | .[$f]] |
		max / (add / length)'
}

assert_spread() {
	run spread "$1"
	assert [ "$(jq -n "$output <= $2")" = true ]
}

@test "1,000 long-lived connections in a burst" {
	clients '
held = [connect() for i in range(1000)]
for s in held:
    answered(s)'
	assert_equal "$(counter echo accepted)" 1000
	assert_spread accepted 1.05
}

@test "1,000 long-lived connections, one a millisecond" {
	clients '
held, begin = [], time.monotonic()
for i in range(1000):
    time.sleep(max(0, begin + i / 1000 - time.monotonic()))
    held.append(connect())
for s in held:
    answered(s)'
	assert_equal "$(counter echo accepted)" 1000
	assert_spread accepted 1.05
}

@test "400 long-lived connections, each used before the next comes" {
	clients 'held = [answered(connect()) for i in range(400)]'
	assert_spread accepted 1.05
}

@test "1,000 long-lived connections beside an echo load" {
	background clients '
held = [connect() for i in range(32)]
while not os.path.exists(sys.argv[1]):
    for s in held:
        s.sendall(b"x" * 1000)
    for s in held:
        s.recv(1000, socket.MSG_WAITALL)' "$DIR/end"
	wait_until 10 counter_is echo active 32
	clients '
held, begin = [], time.monotonic()
for i in range(1000):
    time.sleep(max(0, begin + i / 1000 - time.monotonic()))
    held.append(connect())
for s in held:
    answered(s)'
	touch "$DIR/end"
	assert_equal "$(counter echo accepted)" 1032
	assert_spread accepted 1.1
}

# is_even LINES: 20,000 short connections that LINES make spread as they should.
# A machine that is busy with others may starve a worker for a while: of three
# runs, each with new workers, one must be even.
is_even() {
	local before seen
	for _ in 1 2 3; do
		before=$(counter echo accepted)
		clients "$1"
		assert_equal $(($(counter echo accepted) - before)) 20000
		seen=$(spread accepted)
		[ "$(jq -n "$seen <= 1.25")" = false ] || return 0
		ctl restart
	done
	return 1
}

@test "20,000 short connections, one after the other" {
	is_even '
for i in range(20000):
    answered(connect()).close()'
}

@test "20,000 short connections, from eight clients" {
	is_even '
children = []
for c in range(8):
    pid = os.fork()
    if pid == 0:
        for i in range(2500):
            answered(connect()).close()
        os._exit(0)
    children.append(pid)
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0'
}

@test "a pool that grew and one that shrank is as even" {
	# What is held when the size changes makes up for it.
	clients '
import subprocess
def workers(change):
    subprocess.run([*sys.argv[1:], "workers", "default", change], check=True,
        stdout=subprocess.DEVNULL)
def gauges():
    import json
    rows = json.loads(subprocess.run([*sys.argv[1:], "-j", "workers"],
        check=True, capture_output=True).stdout)
    return [w["connections"] for w in rows
        if w["role"] == "serving" and w["state"] == "ready"]
def wait(n):
    end = time.monotonic() + 10
    while len(gauges()) != n:
        assert time.monotonic() < end, gauges()
        time.sleep(0.02)
def check(n):
    g = gauges()
    assert len(g) == n and max(g) <= 1.1 * sum(g) / n, g
held = [answered(connect()) for i in range(200)]
check(4)
workers("+2")
wait(6)
held += [answered(connect()) for i in range(200)]
check(6)
# Slots 5 and 6 drain with their connections, so the next ones get 7 and 8.
workers("-2")
wait(4)
workers("+2")
wait(6)
held += [answered(connect()) for i in range(300)]
check(6)' "$PREFORKCTL" -s "$SOCKET"
}

# Prints the time from connecting to the first answer that 99 of 100 stayed
# below, in milliseconds. The machine may be loaded: the best of three counts.
LATENCY='
def p99(n):
    held, times = [], []
    for i in range(n):
        begin = time.monotonic()
        held.append(answered(connect()))
        times.append(time.monotonic() - begin)
        if i % 100 == 0:
            del held[:]
    return sorted(times)[n * 99 // 100] * 1000
def assert_fast(n):
    took = []
    while len(took) < 3 and min(took, default=99) >= 10:
        took.append(p99(n))
    assert min(took) < 10, took
'

@test "a worker that is stopped is not waited for" {
	local pid
	pid=$(worker_pid 2)
	clients "$LATENCY"'
held = [answered(connect()) for i in range(40)]
os.kill(int(sys.argv[1]), 19)
assert_fast(600)
os.kill(int(sys.argv[1]), 18)
for s in held:
    answered(s)' "$pid"
}

@test "a worker that is busy for 200 ms, again and again, is not waited for" {
	local pid
	pid=$(worker_pid 2)
	background clients '
pid = int(sys.argv[1])
while not os.path.exists(sys.argv[2]):
    os.kill(pid, 19)
    time.sleep(0.2)
    os.kill(pid, 18)
    time.sleep(0.2)' "$pid" "$DIR/end"
	clients "$LATENCY"'
assert_fast(2000)'
	touch "$DIR/end"
	wait "${HELPERS[-1]}"
	# Nobody was lost, and the busy one has had work, too.
	wait_until 5 counter_is echo active 0
	assert_equal "$(counter echo closed_done)" "$(counter echo accepted)"
}

@test "all but one stopped: that one takes everything" {
	local pids
	mapfile -t pids < <(worker_pids | tail -n 3)
	clients '
for pid in sys.argv[1:]:
    os.kill(int(pid), 19)
held, slowest = [], 0
for i in range(200):
    begin = time.monotonic()
    held.append(answered(connect()))
    slowest = max(slowest, time.monotonic() - begin)
for pid in sys.argv[1:]:
    os.kill(int(pid), 18)
assert slowest < 1, slowest' "${pids[@]}"
	assert_equal "$(counter echo accepted)" 200
}

@test "the spread is told" {
	clients 'held = [answered(connect()) for i in range(100)]'
	run ctl_json stats
	assert_success
	run jq -r '.pools[0].spread <= 1.15 and .pools[0].spread >= 1' <<<"$output"
	assert_output true
}
