# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# Cost grows with work, not with size: ten thousand connections that are silent
# and services that nobody asks cost those who ask nothing. A figure is compared
# with one of the same minute; the machine may be loaded, so each comparison may
# be made anew a few times.

load helpers

setup() {
	common_setup
	LOAD_TOOL=$PREFORKD_BIN/preforkbench
	# A sanitizer's allocator gets slower as it goes.
	SLACK=1
	! is_sanitized || SLACK=2
}

teardown() {
	common_teardown
}

# begin N: a pool "large" with N echo services and a pool "small" with one, of
# one worker each; and a log that says little.
begin() {
	local i
	{
		for ((i = 0; i < $1; i++)); do
			printf '[service s%d]\nhandler = echo\npool = large\n' "$i"
			echo "listen = tcp://127.0.0.1:0"
		done
		cat <<-END
			[service alone]
			handler = echo
			pool = small
			listen = tcp://127.0.0.1:0
			[pool large]
			workers = 1
			max_connections = 12000
			sandbox = $(sandbox_default)
			[pool small]
			workers = 1
			sandbox = $(sandbox_default)
		END
	} | write_config "" "workers = 1"
	set_setting log_level info
	start_server
}

# measure LINES: python with the verbs below; a pool is its worker and a port.
measure() {
	timeout 50 python3 -c "
import json, os, resource, socket, statistics, subprocess, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE,
    (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
LARGE = $(worker_pids large), $(port s0)
SMALL = $(worker_pids small), $(port alone)
def cpu_ns(pid):
    return int(open(f'/proc/{pid}/schedstat').read().split()[0])
def ns_a_request(pool):
    pid, port = pool
    load = subprocess.Popen(['$LOAD_TOOL', '--json', '--mark', '-c', '1',
        '--warm-up', '300ms', '-d', '200ms', f'tcp://127.0.0.1:{port}'],
        stdout=subprocess.PIPE, text=True)
    assert load.stdout.readline() == 'begin\n'
    before = cpu_ns(pid)
    result = json.loads(load.stdout.readline())
    used = cpu_ns(pid) - before
    assert load.wait() == 0 and result['failed'] == 0, result
    return used / result['requests']
def us_a_command(command):
    times = []
    with socket.socket(socket.AF_UNIX) as s:
        s.connect('$SOCKET')
        answers = s.makefile('rb')
        for i in range(100):
            begin = time.monotonic()
            s.sendall(command)
            assert answers.readline().startswith(b'OK')
            while answers.readline() != b'.\n':
                pass
            times.append((time.monotonic() - begin) * 1e6)
    return statistics.median(times)
def connections(n):
    held = []
    for i in range(n):
        s = socket.socket()
        s.connect(('127.0.0.1', LARGE[1]))
        held.append(s)
    for s in held:
        s.sendall(b'x')
    for s in held:
        assert s.recv(1) == b'x'
    return held
def assert_ratio(limit, ratio):
    seen = []
    for attempt in range(4):
        seen.append(ratio())
        if seen[-1] <= limit * $SLACK:
            return
    raise AssertionError(seen)
def assert_same_cost():
    assert_ratio(1.05, lambda: statistics.median(
        ns_a_request(LARGE) / ns_a_request(SMALL) for i in range(3)))
$1"
}

@test "a request beside 10,000 silent connections costs what it costs alone" {
	begin 1
	measure '
held = connections(10000)
assert_same_cost()'
}

@test "stats and reload beside 10,000 connections take the time they take alone" {
	begin 1
	# On one processor: waking up across two takes one time or twice it.
	measure '
core = {min(os.sched_getaffinity(0))}
os.sched_setaffinity(0, core)
os.sched_setaffinity('"$SERVER"', core)
def beside(command):
    alone = min(us_a_command(command) for i in range(3))
    held = connections(10000)
    ratio = min(us_a_command(command) for i in range(3)) / alone
    for s in held:
        s.close()
    return ratio
for command in b"stats\n", b"stats prometheus\n", b"reload\n":
    assert_ratio(1.2, lambda: beside(command))'
}

@test "a request to one of 64 services costs what it costs where there is one" {
	begin 64
	measure 'assert_same_cost()'
}
