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

@test "400 long-lived connections in a burst" {
	clients '
held = [connect() for i in range(400)]
for s in held:
    answered(s)'
	assert_equal "$(counter echo accepted)" 400
	assert_spread accepted 1.1
}

@test "400 long-lived connections, one a millisecond" {
	clients '
held, begin = [], time.monotonic()
for i in range(400):
    time.sleep(max(0, begin + i / 1000 - time.monotonic()))
    held.append(connect())
for s in held:
    answered(s)'
	assert_spread accepted 1.1
}

@test "400 long-lived connections, each used before the next comes" {
	clients 'held = [answered(connect()) for i in range(400)]'
	assert_spread accepted 1.1
}

@test "8,000 short connections, one after the other" {
	clients '
for i in range(8000):
    answered(connect()).close()'
	assert_equal "$(counter echo accepted)" 8000
	assert_spread accepted 1.25
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

@test "a worker that is stopped is not waited for" {
	local pid
	pid=$(worker_pid 2)
	clients 'held = [answered(connect()) for i in range(40)]
time.sleep(0)
os.kill(int(sys.argv[1]), 19)
# Its share goes to the others, however many they get.
for i in range(400):
    begin = time.monotonic()
    held.append(answered(connect()))
    took = time.monotonic() - begin
    assert took < 1, (i, took)
os.kill(int(sys.argv[1]), 18)
for s in held:
    answered(s)' "$pid"
	assert_equal "$(counter echo accepted)" 440
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
