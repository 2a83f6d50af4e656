# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# docs/faults.md, rows 58 to 64: clients of the control socket that come in
# masses, dawdle, talk nonsense, do not read, are somebody else or vanish, and
# what happens to its file, and to those of services.

setup() {
	load faults
	faults_setup
}

teardown() {
	faults_teardown
}

# --- verbs -------------------------------------------------------------------

# serve [LINES]: an echo service; the lines are for [preforkd].
serve() {
	write_echo_config "$@"
	start_watched
}

# The same with a clock that leaps when a client says later(ms).
serve_leaping() {
	write_echo_config
	start_leaping
}

# askers LINES: python with what tests/peers.py has for the control socket.
askers() {
	CONTROL=$SOCKET peers "$1"
}

# The same until the test ends, or end_background. Goes on when the lines have
# said there().
start_askers() {
	rm -f "$DIR/there"
	background env CONTROL="$SOCKET" PYTHONPATH="$ROOT/tests" \
		PYTHONDONTWRITEBYTECODE=1 timeout 50 python3 -c "
from peers import *
def there():
    print('there', flush=True)
    time.sleep(50)
def become_nobody():
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
$1" >"$DIR/there"
	wait_until 20 test -s "$DIR/there"
}

# raw: sends standard input as it is and prints everything that comes back.
raw() {
	timeout 10 socat -t 5 - "unix:$SOCKET"
}

# Lines of a reply to standard input that are status lines.
n_replies() {
	raw | grep -c -E '^(OK|ERROR)'
}

# How many clients were cut off at LIMIT.
cut_off() {
	ctl_json stats | jq --arg l "$1" '.daemon.control_cut_off[$l]'
}

cut_off_is() {
	[ "$(cut_off "$1")" = "$2" ]
}

# Nine clients ask for statistics, one after the other: the median.
stats_ms() {
	askers '
took = []
for i in range(9):
    start = time.monotonic()
    with control() as s:
        ask(s, "stats")
    took.append((time.monotonic() - start) * 1000)
print("%.0f" % sorted(took)[4])'
}

# Whatever goes on: others are answered, the dead are replaced.
supervisor_is_free() {
	assert [ "$(stats_ms)" -lt 50 ]
	kill -KILL "$(slot_pid 2)"
	wait_until 5 log_has "default/2 (pid .*killed by signal 9"
	wait_until 5 ready_workers_are 2
	assert [ "$(stats_ms)" -lt 50 ]
}

n_control_connections() {
	echo $(($(n_descriptors "$SERVER") - BASELINE_FDS))
}

control_connections_are() {
	[ "$(n_control_connections)" = "$1" ]
}

# KiB that a client may cost; a sanitizer keeps freed memory for a while.
memory_bound() {
	if is_sanitized; then echo 65536; else echo 4096; fi
}

# The folders of a test are for its user only.
let_others_in() {
	chmod 0711 "$DIR" "$DIR/.." "$DIR/../.."
}

as_nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

# --- too many ----------------------------------------------------------------

@test "fault 58: at most 32 connections; the oldest idle one makes room" {
	serve
	askers '
first = control()
ask(first, "ping")
others = [control() for i in range(31)]
for s in others:
    ask(s, "ping")
more = [control() for i in range(8)]
for s in more:
    ask(s, "ping")
# The eight oldest are gone, the rest is there.
for s in [first] + others[:7]:
    assert remains(s) == b""
for s in others[7:]:
    assert ask(s, "ping").startswith("OK")'
	wait_until 5 control_connections_are 0
	assert_equal "$(cut_off connections)" 8
}

@test "fault 58: with 32 busy ones a newcomer is told so" {
	serve
	start_askers '
busy = [control() for i in range(32)]
for s in busy:
    s.sendall(b"events\n")
    assert s.recv(100) == b"OK events follow\n"
with control() as s:
    got = remains(s)
assert got.startswith(b"ERROR busy too many connections"), got
there()'
	run -1 ctl ping
	assert_output --partial "too many connections to the control socket"
	# Those that go make room, as soon as that is noticed.
	end_background
	wait_until 5 ctl ping
	assert [ "$(cut_off connections)" -ge 2 ]
	# A line a minute.
	assert_equal "$(n_log_lines 'control socket: more than 32')" 1
}

@test "fault 58: 32 busy clients of another user do not keep the operator out" {
	let_others_in
	serve "control_mode = 0666"
	start_askers '
become_nobody()
busy = [control() for i in range(32)]
for s in busy:
    s.sendall(b"events\n")
    s.recv(100)
there()'
	run -0 ctl ping
	assert_output "pong 1"
	run -0 ctl stats
	end_background
}

@test "fault 58: a flood of connections of another user does not cut the operator off" {
	let_others_in
	serve "control_mode = 0666"
	# All but one are busy; one is what the flood and the operator fight for.
	start_askers '
become_nobody()
busy = [control() for i in range(31)]
for s in busy:
    s.sendall(b"events\n")
    s.recv(100)
def flood():
    recent = []
    while True:
        s = socket.socket(socket.AF_UNIX)
        s.setblocking(False)
        if s.connect_ex(os.environ["CONTROL"]) == 0:
            recent.append(s)
        else:
            time.sleep(0.0005)
        if len(recent) > 50:
            recent.pop(0).close()
for i in range(2):
    threading.Thread(target=flood, daemon=True).start()
there()'
	local i
	for i in {1..30}; do
		run -0 ctl ping
		assert_output "pong 1"
	done
	end_background
}

@test "fault 58: 1,000 connections at once: the supervisor does all its work" {
	serve
	start_askers '
all = [control() for i in range(1000)]
there()'
	assert [ "$(n_control_connections)" -le 32 ]
	supervisor_is_free
	end_background
	wait_until 5 control_connections_are 0
	assert [ "$(cut_off connections)" -ge 968 ]
}

@test "fault 58: a full queue is EAGAIN, and nobody in it is forgotten" {
	serve
	askers "
os.kill($SERVER, signal.SIGSTOP)
try:
    waiting = []
    while True:
        s = socket.socket(socket.AF_UNIX)
        s.setblocking(False)
        try:
            s.connect(os.environ['CONTROL'])
        except BlockingIOError:
            break
        s.sendall(b'ping\n')
        s.settimeout(20)
        waiting.append(s)
finally:
    os.kill($SERVER, signal.SIGCONT)
assert 32 <= len(waiting) <= 40, len(waiting)
for s in waiting:
    assert replies(s, 1) == 'OK pong 1\n.\n'"
}

@test "fault 58: without descriptors clients wait, and are served" {
	serve
	inject "$SERVER" accept4:error=EMFILE
	run ! ctl -t 1 ping
	end_injection
	run -0 ctl ping
	# A pause of 100 ms after each.
	local n
	n=$(grep -c 'accept4.*EMFILE.*INJECTED' "$DIR/calls")
	assert [ "$n" -ge 3 ]
	assert [ "$n" -lt 50 ]
	assert_equal "$(n_log_lines 'control socket: cannot accept, pausing: Too many open files')" 1
}

@test "fault 58: a client that cannot be watched is told so, and the log as well" {
	serve
	inject "$SERVER" epoll_ctl:error=ENOSPC:when=1
	run -1 ctl ping
	assert_output --partial "the daemon lacks resources"
	end_injection
	assert_equal "$(n_log_lines ': warn: control socket: cannot serve a client: No space left')" 1
}

# --- half a command, or none -------------------------------------------------

@test "fault 59: half a command is dropped after 5 s, however it drips" {
	serve_leaping
	askers '
a, b = control(), control()
a.sendall(b"sta")
later(0)
for i in range(3):
    later(1000)
    assert not gone(a)
    a.sendall(b"x")
later(2500)
assert gone(a)
# Whoever says nothing at all may stay longer.
assert ask(b, "ping").startswith("OK")'
	assert_equal "$(cut_off line_time)" 1
	assert_equal "$(cut_off idle)" 0
}

@test "fault 59: who says nothing is dropped after 60 s, but for readers of events" {
	serve_leaping
	askers '
a, b = control(), control()
b.sendall(b"events\n")
assert b.recv(100) == b"OK events follow\n"
for i in range(3):
    later(50000)
    assert ask(a, "ping").startswith("OK")
later(50000)
assert not gone(a)
later(10500)
assert gone(a)
with control() as s:
    ask(s, "drain", "resume")
got = b""
while b"reporting ready again\n" not in got:
    got += b.recv(1000)'
	assert_equal "$(cut_off idle)" 1
}

@test "fault 59: who waits for a late answer has all its time" {
	serve_leaping
	# The first half of a line starts a deadline that the answer outlives:
	# workers have 2 s to tell their connections.
	kill -STOP "$(worker_pid 1)"
	run -0 askers '
s = control()
s.sendall(b"conn")
later(0)
later(4000)
s.sendall(b"ections\nping\n")
s.shutdown(socket.SHUT_WR)
later(1500)
print(remains(s).decode(), end="")'
	kill -CONT "$(worker_pid 1)" "$(worker_pid 2)"
	assert_line --index 0 OK
	assert_line "(1 workers did not tell theirs)"
	assert_line "OK pong 1"
}

# --- nonsense ----------------------------------------------------------------

@test "fault 60: a line has 4096 bytes at most" {
	serve
	# With its newline 4096: taken.
	run -0 raw < <(printf '%-4095s\nping\n' ping)
	assert_output $'OK pong 1\n.\nOK pong 1\n.'
	run -0 raw < <(printf '%-4096s\nping\n' ping)
	assert_output $'ERROR argument a line has at most 4096 bytes\n.'
	assert_equal "$(cut_off line_length)" 1
}

@test "fault 60: binary junk ends in an error, a megabyte of it too" {
	serve
	askers '
for i in range(10):
    s = control()
    try:
        s.sendall(os.urandom(1000000))
    except (BrokenPipeError, ConnectionResetError):
        pass
    got = remains(s)
    assert got.startswith(b"ERROR ") and got.endswith(b"\n.\n"), got
    assert all(c == 10 or 32 <= c < 127 for c in got), got'
	wait_until 5 control_connections_are 0
}

@test "fault 60: a NUL byte ends the connection with an error" {
	serve
	run -0 raw < <(printf 'ping\npi\0ng\nping\n')
	assert_output $'OK pong 1\n.\nERROR argument a line has no NUL bytes\n.'
}

@test "fault 60: CRLF, tabs and many blanks are taken" {
	serve
	run -0 raw < <(printf 'ping\r\n  workers \t default   2  \r\n')
	assert_output $'OK pong 1\n.\nOK pool default: 2 workers wanted\n.'
}

@test "fault 60: everything pipelined before a half-close is answered in order" {
	serve
	run -0 n_replies < <(yes ping | head -n 5000)
	assert_output 5000
	# Long answers, and answers that come late, in between.
	run -0 n_replies < <(yes $'stats\nconnections\nversion' | head -n 900)
	assert_output 900
	run -0 raw < <(printf 'reload\nping\nrestart\nping\n')
	assert_output - <<-END
		OK reload done, configuration 2 in force
		.
		OK pong 2
		.
		OK restart done, configuration 3 in force
		.
		OK pong 3
		.
	END
}

@test "fault 60: pipelined without a half-close, and in pieces of a byte" {
	serve
	run -0 askers '
s = control()
n = 700
s.sendall(b"stats\n" * n)
replies(s, n)
for c in b"reload\nping\nhealth\n":
    s.sendall(bytes([c]))
print(replies(s, 3), end="")'
	assert_output $'OK reload done, configuration 2 in force\n.\nOK pong 2\n.\nOK ready\n.'
}

# --- answers that nobody reads -----------------------------------------------

@test "fault 61: who does not read answers costs little, hinders nobody and is dropped" {
	serve_leaping
	local before
	before=$(rss_kib "$SERVER")
	start_askers '
s = control()
s.setblocking(False)
data = b"stats\n" * 20000
while data and select.select([], [s], [], 1)[1]:
    data = data[s.send(data):]
there()'
	supervisor_is_free
	assert [ $(($(rss_kib "$SERVER") - before)) -lt "$(memory_bound)" ]
	wait_until 5 control_connections_are 1
	# Ten seconds after the last byte that was taken.
	assert_equal "$(cut_off unread_reply)" 0
	askers 'later(10500)'
	assert_equal "$(cut_off unread_reply)" 1
	wait_until 5 control_connections_are 0
}

@test "fault 61: who reads slowly gets everything" {
	serve_leaping
	askers '
s = control()
s.sendall(b"stats\n" * 1000)
got = b""
while got.count(b"\n.\n") < 1000:
    # What has been taken makes room for more: a new deadline.
    later(9000)
    for i in range(4):
        if got.count(b"\n.\n") < 1000:
            got += s.recv(65536)'
	assert_equal "$(cut_off unread_reply)" 0
}

@test "fault 61: of a megabyte of nonsense in its file a reload tells 1,000 errors" {
	serve
	LOG_ERRORS='has no =|reload failed|only the first'
	cp "$CONFIG" "$DIR/good"
	yes x | head -c 1000000 >>"$CONFIG"
	# The allocator keeps a part of what the first one needs.
	run -4 ctl reload
	take_baseline
	: >"$LOG"
	run -4 ctl reload
	assert_equal "${#lines[@]}" 1002
	assert_line --index -1 "only the first 1000 errors are told"
	run -4 ctl reload plan
	assert_equal "${#lines[@]}" 1002
	assert_equal "$(n_log_lines 'has no =')" 1000
	cp "$DIR/good" "$CONFIG"
	run -0 ctl reload
}

# --- somebody else -----------------------------------------------------------

@test "fault 62: the socket is for its owner only, from the first moment" {
	write_echo_config
	let_others_in
	without_leak_check
	# It comes into being by bind(2), so that is when the umask counts.
	start_watched strace -D -qq -e trace=bind,umask,chmod,fchmod,fchmodat \
		-o "$DIR/trace"
	run -0 stat -c '%a %U %G' "$SOCKET"
	assert_output "600 $(id -un) $(id -gn)"
	run -0 grep -B 1 "bind.*\"$SOCKET\"" "$DIR/trace"
	assert_line --index 0 --partial "umask(0177)"
	run ! grep "chmod.*\"$SOCKET\"" "$DIR/trace"
	run -1 as_nobody "$PREFORKCTL" -s "$SOCKET" ping
	assert_output --partial "Permission denied"
}

@test "fault 62: others that the mode lets in may look, not touch" {
	let_others_in
	serve "control_mode = 0666"
	local command
	for command in help ping version status health stats listeners \
		workers connections config; do
		run -0 as_nobody "$PREFORKCTL" -s "$SOCKET" "$command"
	done
	for command in reload "reload plan" restart drain resume "close 1.1" \
		"log debug" stop "stop now" "workers default +1"; do
		# shellcheck disable=SC2086 # words
		run -1 as_nobody "$PREFORKCTL" -s "$SOCKET" $command
		assert_output --partial "is for root and the user of the daemon"
	done
	ready_workers_are 2
	# A line a minute.
	run -0 grep 'control socket: ' "$LOG"
	assert_output --regexp ': warn: control socket: user 65534 \(pid [0-9]+\) may not "reload", refused \(0 before that\)$'
}

@test "fault 62: somebody of whom the kernel does not tell is refused, and logged" {
	serve
	inject "$SERVER" getsockopt:error=ENOPROTOOPT:when=1
	run -1 ctl reload
	assert_output --partial "it is not known who you are"
	end_injection
	assert_equal "$(n_log_lines ': warn: control socket: cannot tell who connects: Protocol not available')" 1
	run -0 ctl reload
}

# --- the file ----------------------------------------------------------------

# left_behind NAME: makes what a test's name says, in the place of $SOCKET.
left_behind() {
	case $1 in
	file) echo precious >"$SOCKET" ;;
	folder) mkdir "$SOCKET" ;;
	fifo) mkfifo "$SOCKET" ;;
	link-to-file)
		echo precious >"$DIR/target"
		ln -s target "$SOCKET"
		;;
	link-to-socket)
		stale "$DIR/target" STREAM
		ln -s target "$SOCKET"
		;;
	link-to-nothing) ln -s nothing "$SOCKET" ;;
	esac
}

# What is there, so that it can be compared.
identity() {
	stat -c '%F %d:%i %s %a' "$SOCKET"
	cat "$DIR/target" 2>/dev/null || :
}

# stale PATH TYPE: a socket of somebody who has gone.
stale() {
	python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX,
    getattr(socket, "SOCK_" + sys.argv[2])).bind(sys.argv[1])' "$@"
}

fails_to_start() {
	run -1 timeout 10 "$PREFORKD" -c "$CONFIG"
	assert_output --partial "cannot bind the control socket \"$SOCKET\""
}

@test "fault 63: stale sockets of any kind are replaced" {
	write_echo_config
	local type
	for type in STREAM DGRAM SEQPACKET; do
		stale "$SOCKET" "$type"
		start_server
		stop_server
	done
	stale "$SOCKET" STREAM
	start_watched
}

@test "fault 63: what is no socket, or a link, is not touched, and no start" {
	write_echo_config
	local what before
	for what in file folder fifo link-to-file link-to-socket \
		link-to-nothing; do
		rm -rf "$DIR/target" "$SOCKET"
		left_behind "$what"
		before=$(identity)
		fails_to_start
		assert_equal "$(identity)" "$before"
	done
	assert_not_exist "$DIR/nothing"
}

@test "fault 63: sockets that somebody has open are left to him" {
	write_echo_config
	local what before
	# One that serves, one that nobody can reach, one of another kind.
	for what in 'STREAM); s.bind(path); s.listen()' \
		'STREAM); s.bind(path); s.listen(0)
c = socket.socket(socket.AF_UNIX); c.connect(path)' \
		'DGRAM); s.bind(path)'; do
		rm -f "$SOCKET"
		start_askers "
path = '$SOCKET'
s = socket.socket(socket.AF_UNIX, socket.SOCK_$what
there()"
		before=$(identity)
		fails_to_start
		assert_output --partial "a daemon answers there, or it is not a socket"
		assert_equal "$(identity)" "$before"
		end_background
	done
}

is_locked() {
	! flock --nonblock "$1" true
}

@test "fault 63: of two that start at once over a stale socket one gets it" {
	stale "$SOCKET" STREAM
	write_echo_config
	without_leak_check
	# Between bind(2) and listen(2) nobody answers on it.
	launch_server strace -D -qq -o /dev/null -e trace=listen \
		-e inject=listen:delay_enter=300000:when=1
	wait_until 10 grep -qF " $SOCKET" /proc/net/unix
	fails_to_start
	wait_until 10 ctl health
	assert_equal "$(ctl_json status | jq .pid)" "$SERVER"
	# It does not wait for ever for a folder that somebody has locked.
	stop_server
	background flock -o "$DIR" sleep 30
	wait_until 5 is_locked "$DIR"
	start_watched
}

# Stops it without a look at $SOCKET, which is somebody else's.
end_server() {
	local status=0 pid workers
	workers=$(worker_children)
	kill -TERM "$SERVER"
	wait_gone "$SERVER" 15
	wait "$SERVER" || status=$?
	SERVER=
	assert_equal "$status" 0
	for pid in $workers; do
		wait_until 5 is_gone "$pid"
	done
}

worker_children() {
	descendants "$SERVER"
}

# Clients are served, a signal reloads, whatever is with the control socket.
serves_without_control() {
	assert_equal "$(tcp "$1" <<<hello)" hello
	kill -HUP "$SERVER"
	wait_until 10 log_has 'reload done, configuration'
	assert_equal "$(tcp "$1" <<<hello)" hello
}

@test "fault 63: one that is replaced while it runs is left alone at the end" {
	write_echo_config
	local what before port
	for what in file folder fifo link-to-file link-to-socket \
		link-to-nothing; do
		rm -rf "$DIR/target" "$SOCKET"
		: >"$LOG"
		start_server
		port=$(port echo)
		rm "$SOCKET"
		left_behind "$what"
		before=$(identity)
		serves_without_control "$port"
		end_server
		assert_equal "$(identity)" "$before"
	done
}

@test "fault 63: the socket of somebody else in its place stays at the end" {
	serve
	rm "$SOCKET"
	background socat "unix-listen:$SOCKET,fork" /dev/null
	wait_until 5 test -S "$SOCKET"
	local before
	before=$(identity)
	end_server
	assert_equal "$(identity)" "$before"
}

@test "fault 63: connections of before serve on when the file has gone" {
	serve
	askers '
s = control()
ask(s, "ping")
os.rename(os.environ["CONTROL"], os.environ["CONTROL"] + ".moved")
assert ask(s, "reload").startswith("OK reload done")
# The socket is still there, under its new name.
os.environ["CONTROL"] += ".moved"
ask(control(), "ping")'
	end_server
	# Not under the name that is known.
	assert_socket_exist "$SOCKET.moved"
}

@test "fault 63: its folder is made when it is missing, and may go" {
	SOCKET=$DIR/run/control.sock
	serve
	assert_equal "$(stat -c '%a' "$DIR/run")" 755
	local port
	port=$(port echo)
	rm -r "$DIR/run"
	serves_without_control "$port"
	end_server
	assert_not_exist "$DIR/run"
	# One is made, not several.
	SOCKET=$DIR/a/b/control.sock
	write_echo_config
	fails_to_start
	assert_output --partial "No such file or directory"
	assert_not_exist "$DIR/a"
}

@test "fault 63: a path of 107 bytes is served, one of 108 refused" {
	local name
	printf -v name '%*s' $((106 - ${#DIR})) ''
	SOCKET=$DIR/${name// /x}
	assert_equal "${#SOCKET}" 107
	write_echo_config
	start_server
	assert_socket_exist "$SOCKET"
	stop_server
	SOCKET=${SOCKET}x
	write_echo_config
	run -78 timeout 10 "$PREFORKD" -c "$CONFIG"
	assert_output --partial "the path of the control socket has 108 bytes, at most 107 fit"
	SOCKET=${SOCKET%x}
	serve
}

# --- the files of services ---------------------------------------------------

# listen ADDRESS...: what an echo service has.
listen() {
	write_config <<-END
		[service echo]
		handler = echo
		listen = $*
	END
}

# echo_on PATH...: the service answers on each, whatever its kind is.
echo_on() {
	peers '
for path in sys.argv[1:]:
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(path)
    except OSError as e:
        assert e.errno == errno.EPROTOTYPE, e
        s = unix()
        s.connect(path)
    s.settimeout(5)
    answered(s)' "$@"
}

@test "fault 63: stale files of a service are replaced" {
	stale "$DIR/s" STREAM
	stale "$DIR/g" DGRAM
	listen "unix:$DIR/s unixgram:$DIR/g"
	start_watched
	echo_on "$DIR/s" "$DIR/g"
}

@test "fault 63: a service's files that somebody serves are left to him" {
	listen "unix:$DIR/s unixgram:$DIR/g"
	start_watched
	local before
	before=$(stat -c '%i %a' "$DIR/s" "$DIR/g")
	sed "s|^control = .*|control = $DIR/second.sock|" "$CONFIG" \
		>"$DIR/second.ini"
	run -1 timeout 10 "$PREFORKD" -c "$DIR/second.ini"
	assert_line --partial \
		"cannot listen on \"unix:$DIR/s\": address already in use"
	assert_line --partial \
		"cannot listen on \"unixgram:$DIR/g\": address already in use"
	assert_not_exist "$DIR/second.sock"
	assert_equal "$(stat -c '%i %a' "$DIR/s" "$DIR/g")" "$before"
	echo_on "$DIR/s" "$DIR/g"
}

@test "fault 63: a file that is no socket, or a link to one, is no service's" {
	echo precious >"$DIR/file"
	ln -s file "$DIR/link"
	stale "$DIR/stale" STREAM
	ln -s stale "$DIR/stale-link"
	listen "unix:$DIR/file unix:$DIR/link unix:$DIR/stale-link"
	run -1 timeout 10 "$PREFORKD" -c "$CONFIG"
	assert_not_exist "$SOCKET"
	local name
	for name in file link stale-link; do
		assert_line --partial "cannot listen on \"unix:$DIR/$name\": "
	done
	assert_equal "$(cat "$DIR/file")" precious
	assert_link_exist "$DIR/link"
	assert_link_exist "$DIR/stale-link"
	assert_socket_exist "$DIR/stale"
}

@test "fault 63: a service's files go at the end, those of somebody else stay" {
	listen "unix:$DIR/ours unix:$DIR/taken unix:$DIR/moved"
	start_watched
	rm "$DIR/taken"
	background socat "unix-listen:$DIR/taken,fork" /dev/null
	wait_until 5 test -S "$DIR/taken"
	mv "$DIR/moved" "$DIR/elsewhere"
	assert_baseline
	stop_server
	assert_not_exist "$DIR/ours"
	assert_not_exist "$DIR/moved"
	assert_socket_exist "$DIR/taken"
	assert_socket_exist "$DIR/elsewhere"
}

# --- clients that vanish -----------------------------------------------------

@test "fault 64: clients that vanish within an answer leave nothing" {
	serve
	askers '
def leave(request, answered=False, ended=False, deaf=False):
    s = control()
    # All at once, they may be too many.
    try:
        if deaf:
            s.shutdown(socket.SHUT_RD)
        s.sendall(request)
        if answered:
            s.recv(10)
        if ended:
            s.shutdown(socket.SHUT_WR)
    except (BrokenPipeError, ConnectionResetError):
        pass
    s.close()
for i in range(20):
    leave(b"stats\n" * 500, answered=True)
for i in range(20):
    leave(b"stats\n" * 500, deaf=True)
for i in range(20):
    leave(b"connections\n" * 10)
for i in range(20):
    leave(b"close 1.1\nevents\n")
for i in range(5):
    leave(b"reload\nreload\nrestart\n")
for i in range(5):
    leave(b"reload\n", ended=True)'
	wait_until 10 control_connections_are 0
	run -0 ctl reload
	run ! log_has 'SIGPIPE\|signal .*PIPE'
}

@test "fault 64: clients that are gone before they are accepted leave nothing" {
	serve
	askers "
os.kill($SERVER, signal.SIGSTOP)
try:
    for i in range(32):
        s = control()
        s.sendall(b'stats\nevents\n')
        s.close()
finally:
    os.kill($SERVER, signal.SIGCONT)"
	wait_until 10 control_connections_are 0
	run -0 ctl reload
}

@test "fault 64: one that vanishes while its reload waits for workers" {
	serve
	local i
	for i in 1 2 3; do
		askers '
with control() as s:
    s.sendall(b"restart\nping\n")
with control() as s:
    s.sendall(b"connections\n")'
		run -0 ctl ping
	done
	wait_until 10 ctl health
	run -0 ctl reload
}

@test "fault 64: answers to several waiting clients, one of which has left" {
	serve
	kill -STOP "$(worker_pid 1)"
	askers '
clients = [control() for i in range(10)]
for s in clients:
    s.sendall(b"connections\nconnections\nping\n")
for s in clients[::2]:
    s.close()
for s in clients[1::2]:
    s.shutdown(socket.SHUT_WR)
for s in clients[1::2]:
    got = remains(s)
    assert got.count(b"\n.\n") == 3, got'
	run kill -CONT "$(worker_pid 1)" "$(worker_pid 2)"
	run -0 ctl health
}
