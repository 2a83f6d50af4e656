# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# events: a line for each thing that happens, to everybody who listens, at once.

setup() {
	load helpers
	common_setup
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

# listen_to_events [NAME [OPTIONS]]: into $DIR/NAME, from now on.
listen_to_events() {
	local name=${1-events}
	background timeout 50 "$PREFORKCTL" -s "$SOCKET" "${@:2}" events \
		>"$DIR/$name" 2>"$DIR/$name.err"
	# The answer to a later command comes after the beginning of events.
	wait_until 10 listening_are $((${#HELPERS[@]}))
}

# Connections that stand on the control socket, apart from the one that asks.
listening_are() {
	[ "$(ss -Hx state connected | grep -cF "$SOCKET")" -ge "$1" ] &&
		ctl ping >/dev/null
}

# told REGEX [NAME]: there is such a line, with a stamp in front.
told() {
	grep -qE "^$STAMP$1\$" "$DIR/${2-events}"
}

STAMP='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z '

# --- what is told ------------------------------------------------------------

@test "events: workers that die, with the cause, and their successors" {
	write_echo_config
	start_server
	listen_to_events
	local pid
	pid=$(worker_pid 1)
	kill -KILL "$pid"
	wait_until 5 told "worker default/1 \(pid $pid\) killed by signal 9 \(KILL\) after [0-9]+ ms, 0 connections lost \(out of memory\?\)"
	wait_until 5 told "worker default/1 \(pid [0-9]+\) started"
	wait_until 5 told "worker default/1 \(pid [0-9]+\) ready"
	wait_until 5 ready_workers_are 2
	pid=$(worker_pid 2)
	kill -TERM "$pid"
	wait_until 5 told "worker default/2 \(pid $pid\) exited with status 0 .*"
}

@test "events: connections that were lost with a worker" {
	LOG_ERRORS='crashed: '
	write_echo_config "" "workers = 1"
	start_server
	local a b
	hold a "$(port echo)"
	hold b "$(port echo)"
	echoes "$a"
	echoes "$b"
	listen_to_events
	kill -ABRT "$(worker_pid 1)"
	wait_until 5 told "worker default/1 .* 2 connections lost"
}

@test "events: a worker in back-off" {
	write_echo_config
	start_server
	listen_to_events
	local i
	for i in 1 2; do
		kill -KILL "$(ctl_json workers | jq '.[0].pid')"
		wait_until 5 ready_workers_are 2
	done
	told "worker default/1 starts again in 100 ms"
}

@test "events: reload, its failure, and restart" {
	LOG_ERRORS='junk|reload failed'
	write_echo_config
	start_server
	listen_to_events
	ctl reload
	wait_until 5 told "reload begins"
	wait_until 5 told "reload done, configuration 2 in force"
	ctl restart
	wait_until 5 told "restart done, configuration 3 in force"
	echo junk >>"$CONFIG"
	run -4 ctl reload
	wait_until 5 told "reload failed: 1 error in \"$CONFIG\"; nothing has changed"
}

@test "events: scaling, drain and resume" {
	write_echo_config
	start_server
	listen_to_events
	ctl workers default 3
	wait_until 5 told "pool default: 3 workers wanted, 2 before"
	wait_until 5 told "worker default/3 \(pid [0-9]+\) ready"
	ctl workers default -2
	wait_until 5 told "pool default: 1 workers wanted, 3 before"
	wait_until 5 told "worker default/3 \(pid [0-9]+\) exited with status 0.*"
	ctl drain
	wait_until 5 told "reporting not ready.*"
	ctl resume
	wait_until 5 told "reporting ready again"
}

@test "events: the stop is the last that is told, then the stream ends" {
	write_echo_config
	start_server
	listen_to_events
	ctl stop
	wait_gone "$SERVER"
	wait_gone "${HELPERS[-1]}" 5
	told "stopping"
	told "no longer accepting"
	told "worker default/2 \(pid [0-9]+\) exited with status 0 .*"
	run -0 cat "$DIR/events.err"
	assert_output "preforkctl: the daemon closed the connection"
}

@test "events: in the order of time, and as in the log" {
	write_echo_config
	start_server
	listen_to_events
	ctl restart
	ctl workers default 4
	wait_until 5 ready_workers_are 4
	wait_until 5 told "worker default/4 .* ready"
	run -0 sort -c -s -k 1,1 "$DIR/events"
	local line
	while IFS= read -r line; do
		run -0 grep -F -- "${line#* }" "$LOG"
	done <"$DIR/events"
}

@test "events: with -j each is one JSON object" {
	write_echo_config
	start_server
	listen_to_events events -j
	ctl workers default 3
	wait_until 5 grep -q 'default/3.*ready' "$DIR/events"
	run -0 jq -r 'select(.event | startswith("pool default")) |
	    .level + ": " + .event' "$DIR/events"
	assert_output "info: pool default: 3 workers wanted, 2 before"
	run -0 jq -e '.time | fromdateiso8601? // (.[:19] + "Z" |
	    fromdateiso8601)' "$DIR/events"
}

# --- who listens -------------------------------------------------------------

@test "listeners: several hear the same" {
	write_echo_config
	start_server
	listen_to_events one
	listen_to_events two
	listen_to_events three
	ctl restart
	local name
	for name in one two three; do
		wait_until 5 told "restart done, .*" "$name"
		# The last words of the old workers may still come.
		sed -n '1,/restart done/p' "$DIR/$name" >"$DIR/$name.part"
	done
	run -0 cmp "$DIR/one.part" "$DIR/two.part"
	run -0 cmp "$DIR/one.part" "$DIR/three.part"
}

@test "listeners: one that only shuts its sending side goes on hearing" {
	write_echo_config
	start_server
	background bash -c "echo events | timeout 20 socat -t 20 - 'unix:$SOCKET'" \
		>"$DIR/events"
	wait_until 5 grep -q '^OK events follow' "$DIR/events"
	ctl drain
	ctl resume
	wait_until 5 told "reporting ready again"
}

@test "listeners: one that does not read is cut off, the others go on" {
	write_echo_config
	start_server
	listen_to_events
	local before
	before=$(awk '/^VmRSS/ { print $2 }' "/proc/$SERVER/status")
	background timeout 50 python3 -c "
import os, select, socket, time
deaf = socket.socket(socket.AF_UNIX)
deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
deaf.connect('$SOCKET')
deaf.sendall(b'events\n')
deaf.recv(17)
s = socket.socket(socket.AF_UNIX)
s.connect('$SOCKET')
p = select.poll()
p.register(deaf, select.POLLHUP)
n = 0
# Each pair is told in two lines.
while not p.poll(0) and n < 40000:
    s.sendall(b'drain\nresume\n' * 50)
    n += 50
    got = b''
    while got.count(b'\n.\n') < 100: got += s.recv(65536)
print('cut off' if p.poll(0) else 'not cut off', flush=True)
time.sleep(20)" >"$DIR/deaf"
	wait_until 30 grep -q 'cut off' "$DIR/deaf"
	run -0 cat "$DIR/deaf"
	assert_output "cut off"
	ctl workers default 3
	wait_until 5 told "pool default: 3 workers wanted, 2 before"
	local after
	after=$(awk '/^VmRSS/ { print $2 }' "/proc/$SERVER/status")
	is_sanitized || assert [ $((after - before)) -lt 4096 ]
}
