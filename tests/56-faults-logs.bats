# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# docs/faults.md, rows 87 to 91: a log that nobody reads, that has no room or
# no place any more, a syslog that comes and goes, and clients that would like
# to write lines of their own.

setup() {
	load faults
	faults_setup
	FILE=$DIR/daemon.log
}

teardown() {
	faults_teardown
}

# --- verbs -------------------------------------------------------------------

# lost_lines: how many the supervisor has dropped, and how many its workers.
lost_lines() {
	ctl_json stats | jq -r \
		'"\(.daemon.log_dropped) \(.pools[0].log_dropped)"'
}

both_have_lost_lines() {
	local supervisor workers
	read -r supervisor workers <<<"$(lost_lines)"
	[ "$supervisor" -gt 0 ] && [ "$workers" -gt 0 ]
}

# Both have much to say: until lines of both are lost.
make_lines_until_some_are_lost() {
	local round
	for round in 1 2 3 4 5 6 7 8 9 10; do
		clients 'for i in range(200): answered(connect()).close()'
		kill -USR2 "$SERVER"
		if both_have_lost_lines; then return; fi
	done
	return 1
}

# The supervisor answers within 50 ms, at the best of some tries on a machine
# that others use, and new clients are served.
assert_nobody_is_held_up() {
	clients 'answered(connect())'
	CONTROL=$SOCKET peers '
best = 1
for i in range(10):
    with control() as s:
        start = time.monotonic()
        ask(s, "ping")
        best = min(best, time.monotonic() - start)
assert best < 0.05, best'
}

# told_lost PID FILE: the sum of all "... were dropped" of that process.
told_lost() {
	awk -v who="preforkd[$1]:" '
	    index($0, who) && / log lines were dropped$/ { n += $(NF - 4) }
	    END { print n + 0 }' "$2"
}

# tells_all_lost FILE: as many as were, of both.
tells_all_lost() {
	local supervisor workers pid told=0
	read -r supervisor workers <<<"$(lost_lines)"
	[ "$(told_lost "$SERVER" "$1")" = "$supervisor" ] || return 1
	for pid in $(worker_pids); do
		told=$((told + $(told_lost "$pid" "$1")))
	done
	[ "$told" = "$workers" ]
}

# Everything is one whole line after another.
assert_whole_lines() {
	local stamp='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z'
	run ! grep -avE "^$stamp preforkd\[[0-9]+\]: (debug|info|warn|error): " \
		"$1"
}

# One line of the supervisor, and from each worker one at least.
everybody_speaks() {
	kill -USR2 "$SERVER"
	clients 'for i in range(20): answered(connect()).close()'
}

everything_is_told() {
	everybody_speaks
	tells_all_lost "$1"
}

# --- readers that do not read ------------------------------------------------

# The log is a pipe that nobody reads yet.
stalled_pipe() {
	mkfifo "$DIR/stalled"
	exec {READER}<>"$DIR/stalled"
	LOG=$DIR/stalled
}

# What was in the pipe, and all that comes from now on, into the file "read".
read_again() {
	background sh -c "exec cat <$DIR/stalled" >"$DIR/read"
	LOG=$DIR/read
}

@test "fault 87: a log reader that stalls loses lines and is told how many" {
	write_echo_config
	stalled_pipe
	start_watched
	local pids
	pids=$(worker_pids)
	make_lines_until_some_are_lost
	assert_nobody_is_held_up
	run -0 ctl reload
	assert_equal "$(worker_pids)" "$pids"
	# When it reads on, everything that is missing is accounted for.
	read_again
	wait_until 10 everything_is_told "$DIR/read"
	assert_whole_lines "$DIR/read"
	run -0 ctl stats prometheus
	assert_line --regexp \
		'^preforkd_supervisor_log_lines_dropped_total [1-9]'
}

@test "fault 87: nor does one hold up a daemon that may not open the pipe anew" {
	let_others_in
	write_echo_config
	stalled_pipe
	chmod 600 "$DIR/stalled"
	start_watched "${NOBODY[@]}"
	make_lines_until_some_are_lost
	assert_nobody_is_held_up
	read_again
	wait_until 10 everything_is_told "$DIR/read"
}

# with_stalled socket|terminal PROGRAM...: becomes it, with the log on one whose
# other side reads nothing until there is a file "read", and then into that.
with_stalled() {
	exec python3 -c '
import os, pty, socket, sys, time
kind, read = sys.argv[1:3]
if kind == "terminal":
    ours, theirs = pty.openpty()
else:
    ours, theirs = (s.detach() for s in socket.socketpair())
if os.fork() == 0:
    os.close(theirs)
    if os.fork() > 0:
        os._exit(0)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)
    while not os.path.exists(read) and os.path.exists(os.path.dirname(read)):
        time.sleep(0.02)
    f = open(read, "ab", buffering=0)
    try:
        while data := os.read(ours, 65536):
            f.write(data.replace(b"\r", b""))
    except OSError:
        pass
    os._exit(0)
os.wait()
os.close(ours)
os.dup2(theirs, 2)
os.close(theirs)
os.execvp(sys.argv[3], sys.argv[3:])' "$1" "$DIR/read" "${@:2}"
}

# survives_stalled KIND
survives_stalled() {
	write_echo_config
	start_watched with_stalled "$1"
	make_lines_until_some_are_lost
	assert_nobody_is_held_up
	touch "$DIR/read"
	LOG=$DIR/read
}

@test "fault 87: nor does a socket, as service managers give one" {
	survives_stalled socket
	wait_until 10 everything_is_told "$DIR/read"
	assert_whole_lines "$DIR/read"
}

# A terminal takes parts of lines, too.
@test "fault 87: nor does a terminal whose output is stopped" {
	survives_stalled terminal
	wait_until 10 some_lost_are_told "$DIR/read"
}

some_lost_are_told() {
	everybody_speaks
	grep -q 'warn: [1-9][0-9]* log lines were dropped' "$1"
}

# --- readers that are gone ---------------------------------------------------

@test "fault 88: a log reader that is gone stops nothing" {
	write_echo_config
	mkfifo "$DIR/pipe"
	background sh -c "exec head -n 1 <$DIR/pipe" >"$DIR/first"
	LOG=$DIR/pipe
	start_watched
	LOG=$DIR/first
	wait "${HELPERS[-1]}"
	local pids
	pids=$(worker_pids)
	everybody_speaks
	wait_until 5 both_have_lost_lines
	assert_nobody_is_held_up
	run -0 ctl reload
	assert_equal "$(worker_pids)" "$pids"
	# Whoever comes to read a pipe with a name hears it all again.
	background sh -c "exec cat <$DIR/pipe" >"$DIR/read"
	wait_until 10 everything_is_told "$DIR/read"
}

# --- lines of clients --------------------------------------------------------

@test "fault 91: bytes of a peer cannot forge a line" {
	write_echo_config
	add_service datagrams echo udp://127.0.0.1:0
	start_watched
	local junk='x\n2026-01-01T00:00:00.000Z preforkd[1]: forged\r\033[2J\377'
	# shellcheck disable=SC2059 # it is a format
	printf "$junk" | tcp "$(port echo)" >/dev/null
	# shellcheck disable=SC2059
	printf "$junk" | udp "$(port datagrams)" >/dev/null
	wait_until 5 log_has 'echo: connection .*forged'
	wait_until 5 log_has 'datagrams: datagram .*forged'
	run -0 grep forged "$LOG"
	assert_equal "${#lines[@]}" 2
	local line
	for line in "${lines[@]}"; do
		assert_regex "$line" '"x\\n2026.*\\r\\033\[2J\\377"$'
	done
	assert_harmless "$LOG"
}

# assert_harmless FILE: lines of the daemon's own in ASCII, and nothing else.
assert_harmless() {
	run ! grep -a '^2026-01-01' "$1"
	run ! grep -aP '[^\x20-\x7e\n]' "$1"
}
