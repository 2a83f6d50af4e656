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

STAMP='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z'
HEAD="$STAMP preforkd\[[0-9]+\]: (debug|info|warn|error): "

# Everything is one whole line after another.
assert_whole_lines() {
	run ! grep -avE "^$HEAD" "$1"
}

# The same but for one line, which the end of the room has cut. Whoever has
# met with that begins a new line: some may be empty.
assert_one_line_is_cut() {
	assert [ "$(grep -acvE "^$HEAD|^$" "$1")" -le 1 ]
	run ! grep -aE "$STAMP.*$STAMP" "$1"
}

# One line of the supervisor, and from each worker one at least.
everybody_speaks() {
	kill -USR2 "$SERVER"
	workers_speak
}

workers_speak() {
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
	open_to_others
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

# --- files -------------------------------------------------------------------

# lines_of PID FILE
lines_of() {
	grep -acF "preforkd[$1]: " "$2" || :
}

# Everybody's next lines stand in FILE.
assert_lines_go_to() {
	local pid before
	for pid in "$SERVER" $(worker_pids); do
		before=$(lines_of "$pid" "$1")
		wait_until 10 speaks_into "$pid" "$1" "$before"
	done
}

# speaks_into PID FILE BEFORE: it has more than BEFORE lines there.
speaks_into() {
	everybody_speaks
	[ "$(lines_of "$1" "$2")" -gt "$3" ]
}

# The words behind on a disk of 64 KiB, where 24 are taken, at $DIR/disk.
on_small_disk() {
	# shellcheck disable=SC2016 # for the inner shell
	exec unshare --mount sh -c '
		mount -t tmpfs -o size=64k,mode=755 none "$0" || exit
		head -c 24576 /dev/zero >"$0/other"
		exec "$@"' "$DIR/disk" "$@"
}

@test "fault 89: a full disk loses lines, nothing else, until there is room" {
	mkdir "$DIR/disk"
	write_echo_config "log = $DIR/disk/log"
	start_watched on_small_disk
	local disk=/proc/$SERVER/root$DIR/disk
	make_lines_until_some_are_lost
	assert_nobody_is_held_up
	assert_equal "$(stat -c %s "$disk/log")" $((65536 - 24576))
	rm "$disk/other"
	wait_until 10 everything_is_told "$disk/log"
	assert_one_line_is_cut "$disk/log"
}

@test "fault 89: so does an access log on it" {
	mkdir "$DIR/disk"
	write_echo_config "access_log = $DIR/disk/access"
	set_setting log_level info
	start_watched on_small_disk
	local disk=/proc/$SERVER/root$DIR/disk before
	clients 'for i in range(600): answered(connect()).close()'
	wait_until 5 workers_have_lost_lines
	assert_nobody_is_held_up
	wait_until 5 counter_is echo active 0
	before=$(n_accesses "$disk/access")
	rm "$disk/other"
	clients 'for i in range(20): answered(connect()).close()'
	wait_until 5 n_accesses_are $((before + 20)) "$disk/access"
	assert [ "$(grep -cvE "^$STAMP echo default/|^$" "$disk/access")" -le 1 ]
	run ! grep -E "$STAMP.*$STAMP" "$disk/access"
}

workers_have_lost_lines() {
	[[ $(lost_lines) == "0 "[1-9]* ]]
}

# Whole lines in FILE.
n_accesses() {
	grep -cE "^$STAMP echo default/.* done 1 1 [0-9]+$" "$1"
}

n_accesses_are() {
	[ "$(n_accesses "$2")" = "$1" ]
}

@test "fault 89: nor is a file that is always full the end" {
	write_echo_config "log = /dev/full\naccess_log = /dev/full"
	start_watched
	make_lines_until_some_are_lost
	assert_nobody_is_held_up
	set_setting access_log none
	set_setting log "$FILE"
	run -0 ctl reload
	take_baseline
	wait_until 5 some_lost_are_told "$FILE"
	assert_lines_go_to "$FILE"
}

@test "fault 89: a file system that is read-only fails the start, not the daemon" {
	mkdir "$DIR/disk"
	FILE=$DIR/disk/log
	write_echo_config "log = $FILE"
	# shellcheck disable=SC2016 # for the inner shell
	run -1 timeout 20 unshare --mount sh -c '
		mount -t tmpfs -o ro none "$0" && exec "$@"' "$DIR/disk" \
		"$PREFORKD" -c "$CONFIG" </dev/null 3>&- 4>&-
	assert_output --partial \
		"cannot open log \"$FILE\": Read-only file system"
	assert_not_exist "$SOCKET"
	LOG_ERRORS='Read-only file system'
	start_watched unshare --mount
	nsenter -t "$SERVER" -m mount -t tmpfs -o ro none "$DIR/disk"
	run -1 ctl log reopen
	assert_output --partial "Read-only file system"
	kill -USR1 "$SERVER"
	assert_lines_go_to "$FILE"
	run -0 grep -c ': error: cannot open log.*: Read-only file system' \
		"$FILE"
	assert_output 2
	# Writable again, it is taken up.
	nsenter -t "$SERVER" -m umount "$DIR/disk"
	mv "$FILE" "$FILE.1"
	run -0 ctl log reopen
	assert_lines_go_to "$FILE"
}

# opens_anew COMMAND...: that makes it do so, after a rotation.
opens_anew() {
	write_echo_config "log = $FILE\naccess_log = $DIR/access"
	start_watched
	assert_lines_go_to "$FILE"
	mv "$FILE" "$FILE.1"
	mv "$DIR/access" "$DIR/access.1"
	assert_lines_go_to "$FILE.1"
	assert_not_exist "$FILE"
	"$@"
	wait_until 5 test -e "$FILE"
	wait_until 5 grep -q 'opened anew' "$FILE"
	local lines
	assert_lines_go_to "$FILE"
	lines=$(wc -l <"$FILE.1")
	everybody_speaks
	wait_until 5 grep -q ' echo default/' "$DIR/access"
	assert_equal "$(wc -l <"$FILE.1")" "$lines"
}

usr1() {
	kill -USR1 "$SERVER"
}

@test "fault 89: after a rotation USR1 opens the files anew, for everybody" {
	opens_anew usr1
}

@test "fault 89: so does the command" {
	opens_anew ctl log reopen
}

@test "fault 89: a log that was deleted costs its lines, until USR1" {
	write_echo_config "log = $FILE"
	start_watched
	rm "$FILE"
	everybody_speaks
	assert_nobody_is_held_up
	assert_not_exist "$FILE"
	usr1
	wait_until 5 test -e "$FILE"
	assert_lines_go_to "$FILE"
}

# What stands in the place of the log when it is to be opened anew is refused
# for REASON; the one before stays in use.
refuses_in_its_place() {
	run -1 ctl log reopen
	assert_output --partial "$FILE"
	assert_output --partial "$1"
	usr1
	assert_lines_go_to "$DIR/moved"
	assert_equal "$(stat -c %F "$FILE" 2>/dev/null)" "${2-}"
	rm -rf "$FILE"
}

@test "fault 89: a log whose place is taken stays open where it is" {
	LOG_ERRORS='cannot open log'
	mkdir "$DIR/logs"
	FILE=$DIR/logs/log
	write_echo_config "log = $FILE"
	start_watched
	mv "$FILE" "$DIR/moved"
	mkdir "$FILE"
	refuses_in_its_place "Is a directory" directory
	mkfifo "$FILE"
	refuses_in_its_place "No such device or address" fifo
	ln -s "$DIR/precious" "$FILE"
	refuses_in_its_place "it is a symbolic link" "symbolic link"
	assert_not_exist "$DIR/precious"
	python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$FILE"
	refuses_in_its_place "No such device or address" socket
	rmdir "$DIR/logs"
	refuses_in_its_place "No such file or directory"
	mkdir "$DIR/logs"
	run -0 ctl log reopen
	assert_lines_go_to "$FILE"
}

@test "fault 89: a log that is a FIFO is one like any pipe" {
	mkfifo "$FILE"
	exec {READER}<>"$FILE"
	write_echo_config "log = $FILE\naccess_log = log"
	start_watched
	make_lines_until_some_are_lost
	assert_nobody_is_held_up
	background sh -c "exec cat <$FILE" >"$DIR/read"
	wait_until 10 everything_is_told "$DIR/read"
	assert_whole_lines "$DIR/read"
}

# --- syslog ------------------------------------------------------------------

# serve_with_syslog ["lines for [pool default]"]: the daemon logs there; whether
# there is one is up to the test.
serve_with_syslog() {
	mkdir -p "$DIR/dev"
	chmod o+x "$BATS_RUN_TMPDIR" "${DIR%/*}" "$DIR"
	write_echo_config "log = syslog" "${1-}"
	start_watched with_own_dev
}

@test "fault 90: a syslogd that does not read holds nobody up" {
	start_syslogd
	serve_with_syslog
	assert_lines_go_to "$FILE"
	kill -STOP "$SYSLOGD"
	# More than wait in its socket.
	make_lines_until_some_are_lost
	assert_nobody_is_held_up
	kill -CONT "$SYSLOGD"
	wait_until 10 everything_is_told "$FILE"
	assert_equal "$(cat "$LOG")" ""
}

# Workers see no files, and a supervisor without a reason to speak must find it
# for them: each time there is one again.
comes_and_goes() {
	local pid
	for _ in 1 2; do
		wait_until 10 workers_lose_lines
		start_syslogd
		for pid in $(worker_pids); do
			wait_until 10 hears_a_worker "$pid" \
				"$(lines_of "$pid" "$FILE")"
		done
		wait_until 10 everything_is_told "$FILE"
		end_background
	done
}

@test "fault 90: one that comes late, or is started anew, gets the lines of all" {
	without_leak_check # a chroot folder has no /proc
	mkdir "$DIR/root"
	serve_with_syslog "chroot = $DIR/root"
	comes_and_goes
}

@test "fault 90: so it does when the log has moved there by a reload" {
	without_leak_check
	mkdir -p "$DIR/root" "$DIR/dev"
	open_to_others
	write_echo_config "log = $DIR/file" "chroot = $DIR/root"
	start_server with_own_dev
	local pids
	pids=$(worker_pids)
	set_setting log syslog
	run -0 ctl reload
	assert_equal "$(worker_pids)" "$pids"
	comes_and_goes
	take_baseline
}

# More lines of theirs than before are lost, and none is said by the supervisor.
workers_lose_lines() {
	local before after
	before=$(lost_lines)
	workers_speak
	after=$(lost_lines)
	[ "${after#* }" -gt "${before#* }" ]
}

# hears_a_worker PID BEFORE
hears_a_worker() {
	workers_speak
	[ "$(lines_of "$1" "$FILE")" -gt "$2" ]
}

@test "fault 90: a /dev/log that is moved away goes on, one that is something else is none" {
	start_syslogd
	serve_with_syslog
	mv "$DIR/dev/log" "$DIR/dev/away"
	assert_lines_go_to "$FILE"
	mv "$DIR/dev/away" "$DIR/dev/log"
	assert_lines_go_to "$FILE"
	# Its process goes, its place is taken by nothing that would do.
	local kind
	for kind in nothing file folder stream; do
		mv "$DIR/dev/log" "$DIR/dev/before.$kind" || :
		[ "$kind" != nothing ] || end_background
		case $kind in
		file) touch "$DIR/dev/log" ;;
		folder) mkdir "$DIR/dev/log" ;;
		stream)
			background socat -u "unix-listen:$DIR/dev/log,fork" \
				/dev/null
			wait_until 5 test -S "$DIR/dev/log"
			;;
		esac
		assert_more_are_lost
		assert_nobody_is_held_up
	done
	start_syslogd
	wait_until 10 everything_is_told "$FILE"
	assert_lines_go_to "$FILE"
}

assert_more_are_lost() {
	local supervisor workers
	read -r supervisor workers <<<"$(lost_lines)"
	everybody_speaks
	wait_until 5 more_are_lost_than "$supervisor" "$workers"
}

# more_are_lost_than SUPERVISOR WORKERS
more_are_lost_than() {
	local supervisor workers
	read -r supervisor workers <<<"$(lost_lines)"
	[ "$supervisor" -gt "$1" ] && [ "$workers" -gt "$2" ]
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

# Clients of a Unix socket choose their own names: here those of what they would
# like to be taken for. They say them, too, and then stay.
NAUGHTY='
NAMES = [b"line\n2026-01-01T00:00:00.000Z forged",
         b"cr\r2026", b"terminal\x1b[2J\x1b]0;x\x07", b"junk\xff\xfe\xc0\x80",
         "line\u2028separators\u0085\u202e".encode(), b"quote\"}],{\"x\":\"",
         b"back\\slash\\n\\", b"1 tcp://1.2.3.4:5 done 0 0 0", b"%s%n%x",
         b"\x00zero\x00", b"tab\tand\x0bmore\x08\x7f", b"<script>&amp;"]
def naughty():
    for i, name in enumerate(NAMES):
        for prefix in b"\x00%d.%d" % (os.getpid(), i), os.environb[b"DIR"] + b"/n%d" % i:
            if prefix[0] and 0 in name:
                continue
            s = socket.socket(socket.AF_UNIX)
            s.bind(prefix + name.replace(b"/", b"|" if prefix[0] else b"/"))
            s.connect(os.environ["DIR"] + "/echo.sock")
            s.settimeout(10)
            s.sendall(name)
            assert s.recv(len(name), socket.MSG_WAITALL) == name
            yield s
'

serve_naughty() {
	open_to_others
	write_config "access_log = $1" <<-END
		[service echo]
		handler = echo
		socket_mode = 0666
		listen = unix:$DIR/echo.sock tcp://127.0.0.1:0
	END
	start_watched
}

# How many they are, and all that a line tells of one.
N_NAUGHTY=23
NAUGHTY_ACCESS='echo default/[12] [^ ]+ unix:[^ ]+ done [0-9]+ [0-9]+ [0-9]+$'

@test "fault 91: a client's name cannot forge a line, or a field, of the access log" {
	serve_naughty "$DIR/access"
	DIR=$DIR peers "$NAUGHTY
for s in naughty(): s.close()"
	wait_until 5 counter_is echo closed_done "$N_NAUGHTY"
	wait_until 5 has_lines "$DIR/access" "$N_NAUGHTY"
	run ! grep -vE "^$STAMP $NAUGHTY_ACCESS" "$DIR/access"
	assert_harmless "$DIR/access"
	assert_harmless "$LOG"
	assert_whole_lines "$LOG"
}

has_lines() {
	[ "$(wc -l <"$1")" = "$2" ]
}

@test "fault 91: nor of the log, when access lines go there" {
	serve_naughty log
	DIR=$DIR peers "$NAUGHTY
for s in naughty(): s.close()"
	wait_until 5 log_lines_are ': access: echo default/' "$N_NAUGHTY"
	grep ': access: ' "$LOG" >"$DIR/access"
	run ! grep -vE ": access: $NAUGHTY_ACCESS" "$DIR/access"
	assert_harmless "$LOG"
	assert_whole_lines "$LOG"
}

log_lines_are() {
	[ "$(n_log_lines "$1")" = "$2" ]
}

@test "fault 91: nor break a report, as text or as JSON, nor the events" {
	serve_naughty none
	background timeout 50 "$PREFORKCTL" -j -s "$SOCKET" events >"$DIR/events"
	background env DIR="$DIR" PYTHONPATH="$ROOT/tests" \
		PYTHONDONTWRITEBYTECODE=1 timeout 50 python3 -c "
from peers import *
$NAUGHTY
held = list(naughty())
time.sleep(50)"
	wait_until 10 counter_is echo active "$N_NAUGHTY"
	local what
	for what in connections stats workers status listeners; do
		ctl_json "$what" >"$DIR/$what.json"
		run -0 jq -e . "$DIR/$what.json"
		ctl "$what" >"$DIR/$what"
		assert_harmless "$DIR/$what"
	done
	run -0 jq -r 'length, (map(keys) | unique | length)' \
		"$DIR/connections.json"
	assert_line --index 0 "$N_NAUGHTY"
	assert_line --index 1 1
	assert_equal "$(grep -c 'unix:' "$DIR/connections")" "$N_NAUGHTY"
	# As whoever speaks to the socket himself gets it.
	run -0 raw_stats_json
	# What happens to them, and a command that is one of them.
	local id
	id=$(jq -r '.[0].id // .[0].connection' "$DIR/connections.json")
	ctl close "$id"
	printf 'log \033[2J\377"}\nworkers "\377\r x\n' |
		timeout 10 socat -t 5 - "unix:$SOCKET" >"$DIR/replies"
	run ! grep -aP '[^\x20-\x7e\n]' "$DIR/replies"
	kill -KILL "$(worker_pid 1)"
	wait_until 5 grep -q 'killed by signal 9' "$DIR/events"
	run -0 jq -e '.time, .level, .event' "$DIR/events"
	assert_harmless "$LOG"
	kill "${HELPERS[@]}"
}

raw_stats_json() {
	printf 'stats json\n' | timeout 10 socat -t 5 - "unix:$SOCKET" |
		sed '1d; $d; s/^\.//' | jq -e .daemon
}
