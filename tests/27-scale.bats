#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Cost grows with work, not with size: ten thousand connections that are silent
# and services that nobody asks cost those who ask nothing. A figure is compared
# with one of the same minute; the machine may be loaded, so each comparison may
# be made anew a few times.

load helpers

setup() {
	common_setup
	LOAD_TOOL=$PREFORKD_BIN/bench/load
	assert_file_exist "$LOAD_TOOL"
	# A sanitizer's allocator gets slower as it goes.
	SLACK=1
	! is_sanitized || SLACK=2
}

teardown() {
	common_teardown
}

# services N: so many echo services.
services() {
	local i
	for ((i = 0; i < $1; i++)); do
		printf '[service s%d]\nhandler = echo\n' "$i"
		echo "listen = tcp://127.0.0.1:0"
	done
}

# measure LINES [WORDS]: python with the verbs below.
measure() {
	timeout 50 python3 -c "
import glob, json, os, resource, socket, statistics, subprocess, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE,
    (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
SERVER, SOCKET, LOAD, PORT = $SERVER, '$SOCKET', '$LOAD_TOOL', $(port s0)
def cpu():
    total = 0
    for path in glob.glob(f'/proc/{SERVER}/task/*/children'):
        for pid in open(path).read().split():
            total += int(open(f'/proc/{pid}/schedstat').read().split()[0])
    return total
def ns_a_request():
    load = subprocess.Popen([LOAD, 'echo', f'127.0.0.1:{PORT}', '-c', '16',
        '-d', '0.4'], stdout=subprocess.PIPE, text=True)
    assert load.stdout.readline() == 'begin\n'
    before = cpu()
    result = json.loads(load.stdout.readline())
    used = cpu() - before
    assert load.wait() == 0 and result['errors'] == 0, result
    return used / result['requests']
def us_a_command(command):
    times = []
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(SOCKET)
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
        s.connect(('127.0.0.1', PORT))
        held.append(s)
    for s in held:
        s.sendall(b'x')
    for s in held:
        assert s.recv(1) == b'x'
    return held
def assert_ratio(limit, without, figure):
    # The least that was seen is what it costs; the rest is noise.
    seen = []
    for attempt in range(5):
        seen.append(figure())
        if min(seen) <= limit * min(without):
            return
    raise AssertionError((without, seen))
$1" "${@:2}"
}

@test "a request beside 10,000 silent connections costs what it costs alone" {
	write_config "" "workers = 2\nmax_connections = 9000" < <(services 1)
	start_server
	measure '
alone = [ns_a_request() for i in range(3)]
held = connections(10000)
assert_ratio(1.05, alone, ns_a_request)'
}

@test "stats and reload beside 10,000 connections take the time they take alone" {
	write_config "" "workers = 2\nmax_connections = 9000" < <(services 1)
	start_server
	measure '
commands = [b"stats\n", b"stats prometheus\n", b"reload\n"]
alone = [[us_a_command(c) for i in range(3)] for c in commands]
held = connections(10000)
for c, before in zip(commands, alone):
    assert_ratio(1.2, before, lambda: us_a_command(c))'
}

@test "a request to one of 64 services costs what it costs where there is one" {
	write_config < <(services 1)
	start_server
	measure '
json.dump([ns_a_request() for i in range(3)], open(sys.argv[1], "w"))' \
		"$DIR/one"
	stop_server
	write_config < <(services 64)
	start_server
	measure 'assert_ratio(1.05, json.load(open(sys.argv[1])), ns_a_request)' \
		"$DIR/one"
}
