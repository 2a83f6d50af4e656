# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# What docs/faults.md promises to users, each promise with one test.

setup() {
	load faults
	faults_setup
}

teardown() {
	faults_teardown
}

# --- verbs -------------------------------------------------------------------

has_served() {
	[ "$(counter echo accepted)" -ge "$1" ]
}

# Load goes on until so many more connections were served.
serve_some_more() {
	wait_until 10 has_served $(($(counter echo accepted) + 30))
}

assert_no_loss() {
	run -0 end_load
	assert_output --partial "refused=0 unanswered=0 broken=0"
	run ! grep -q '^good=0 ' "$DIR/load"
}

# queue_many N PORT: connections with a question each; nobody accepts them yet.
queue_many() {
	local fd i
	QUEUED=()
	for ((i = 0; i < $1; i++)); do
		hold fd "$2"
		echo "question $i" >&"$fd"
		QUEUED+=("$fd")
	done
}

assert_queued_are_answered() {
	local i answer
	for i in "${!QUEUED[@]}"; do
		read -rt 10 answer <&"${QUEUED[i]}"
		assert_equal "$answer" "question $i"
		release "${QUEUED[i]}"
	done
}

connections_of() {
	ctl_json workers | jq --argjson p "$1" \
		'.[] | select(.pid == $p) | .connections'
}

# slot_is_replaced SLOT PID: another one than PID is ready there.
slot_is_replaced() {
	local pid
	pid=$(slot_pid "$1")
	[ -n "$pid" ] && [ "$pid" != "$2" ]
}

# Milliseconds of a log line's stamp.
stamp_ms() {
	date -d "$(grep -m1 -- "$1" "$LOG" | cut -d' ' -f1)" +%s%3N
}

# replacement_ms SLOT: kills its worker; milliseconds until the next one said
# READY, by the stamp of the daemon's line.
replacement_ms() {
	local victim start
	victim=$(slot_pid "$1")
	start=${EPOCHREALTIME/[.,]/}
	kill -KILL "$victim"
	wait_until 10 slot_is_replaced "$1" "$victim"
	echo $(($(stamp_ms "default/$1 (pid $(slot_pid "$1")) ready") -
		start / 1000))
}

# kill_young SLOT N: each time as soon as it is ready, N times.
kill_young() {
	local pid i
	for ((i = 0; i < $2; i++)); do
		wait_until 10 slot_is_ready "$1"
		pid=$(slot_pid "$1")
		kill -KILL "$pid"
		wait_until 10 log_has "(pid $pid) killed by signal"
	done
}

back_offs() {
	sed -n "s/.*: worker default\/$1 starts again in \(.*\) ms\$/\1/p" \
		"$LOG" | tr '\n' ' '
}

is_free() {
	! is_traced "$1"
}

# helper_listens: the first one; its port becomes BUSY.
helper_listens() {
	BUSY=$(ss -Hltnp "src 127.0.0.1" |
		sed -n "s/.*127.0.0.1:\([0-9]*\) .*pid=${HELPERS[0]},.*/\1/p")
	[ -n "$BUSY" ]
}

state_of() {
	awk '/^State:/ { print $2 }' "/proc/$1/status"
}

reload_is_waiting() {
	local pid
	for pid in $(descendants "$SERVER"); do
		[ "$(state_of "$pid")" != t ] || return 0
		[ "$(state_of "$pid")" != T ] || [ "$pid" = "$1" ] || return 0
	done
	return 1
}

# median_stats_ms N: of so many calls of preforkctl stats, each of which is
# answered. Milliseconds.
median_stats_ms() {
	timeout 60 python3 -c '
import subprocess, sys, time
took = []
for i in range(int(sys.argv[1])):
    start = time.monotonic()
    subprocess.run(sys.argv[2:], check=True, stdout=subprocess.DEVNULL)
    took.append(time.monotonic() - start)
    time.sleep(0.01)
took.sort()
print("%.0f" % (took[len(took) // 2] * 1000))
' "$1" "$PREFORKCTL" -s "$SOCKET" stats
}

# Twenty clients of the control socket that are as rude as can be, for as long
# as the test lasts: half a command, requests without reading a reply, events
# that nobody reads, and one that comes and goes.
start_rude_clients() {
	background timeout 50 python3 -c '
import socket, sys, time
path = sys.argv[1]
held = []
def connect(data):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.setblocking(False)
    held.append(s)
    try:
        while data:
            data = data[s.send(data):]
    except BlockingIOError:
        pass
def renew():
    while held:
        held.pop().close()
    for i in range(8):
        connect(b"stat")
    for i in range(8):
        connect(b"stats\nconnections\n" * 2000)
    for i in range(4):
        connect(b"events\n")
end = time.monotonic()
while True:
    if time.monotonic() >= end:
        renew()
        open(sys.argv[2], "w").close()
        end = time.monotonic() + 3
    try:
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
        s.close()
    except OSError:
        pass
    time.sleep(0.02)
' "$SOCKET" "$DIR/rude"
	wait_until 10 test -e "$DIR/rude"
}

port_is_free() {
	[ -z "$(ss -Hltun "sport = :$1")" ]
}

# write_bad_file N: what can be wrong with the file, one thing at a time.
write_bad_file() {
	case $1 in
	0) : >"$CONFIG" ;;
	1) head -c 4000 /dev/urandom >"$CONFIG" ;;
	2) sed -i 's/^handler = .*/handler = ecko/' "$CONFIG" ;;
	3) sed -i 's/^workers = .*/workers = many/' "$CONFIG" ;;
	4) sed -i "s/^listen = .*/listen = tcp:\/\/127.0.0.1:$BUSY/" "$CONFIG" ;;
	5) sed -i 's/^listen = .*/listen = tcp:\/\/192.0.2.1:7/' "$CONFIG" ;;
	6) printf 'a\0b' >>"$CONFIG" ;;
	7) truncate -s -20 "$CONFIG" ;;
	8) rm "$CONFIG" && mkdir "$CONFIG" ;;
	9) rm "$CONFIG" ;;
	*) return 1 ;;
	esac
}

failed_reloads_are() {
	[ "$(ctl_json status | jq .failed_reloads)" = "$1" ]
}

# Each of its kind and a file that names the daemon.
write_config_of_all_kinds() {
	write_config "pid_file = $DIR/pid" <<-END
		[service echo]
		handler = echo
		nodelay = yes
		listen = tcp://127.0.0.1:0 tcp://[::1]:0 udp://127.0.0.1:0
		listen = unix:$DIR/echo.sock unixgram:$DIR/dgram.sock
	END
}

# use_ports: from now on those that the kernel has chosen are asked for.
use_ports() {
	PORTS=("$(port echo 1)" "$(port echo 2)" "$(port echo 3)")
	sed -i "s|tcp://127.0.0.1:0|tcp://127.0.0.1:${PORTS[0]}|
		s|tcp://\[::1\]:0|tcp://[::1]:${PORTS[1]}|
		s|udp://127.0.0.1:0|udp://127.0.0.1:${PORTS[2]}|" "$CONFIG"
}

all_kinds_answer() {
	local address
	for address in "tcp:127.0.0.1:${PORTS[0]}" "tcp:[::1]:${PORTS[1]}" \
		"udp:127.0.0.1:${PORTS[2]}" "unix:$DIR/echo.sock"; do
		run -0 timeout 10 socat -t 1 - "$address" <<<hello
		assert_output hello
	done
	run -0 timeout 10 python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("")
s.sendto(b"hello", sys.argv[1])
print(s.recv(100).decode())' "$DIR/dgram.sock"
	assert_output hello
}

nobody_listens() {
	local port
	for port in "${PORTS[@]}"; do
		port_is_free "$port" || return 1
	done
	! timeout 5 socat -u - "unix:$DIR/echo.sock" </dev/null &&
		! timeout 5 socat -u - "unix-sendto:$DIR/dgram.sock" <<<x
} 2>/dev/null

all_are_gone() {
	local pid
	for pid in $1; do
		is_gone "$pid" || return 1
	done
}

# A sanitizer reports the signal that a test has sent.
forget_report() {
	if is_sanitized; then
		sed -i '/Sanitizer/d' "$LOG"
	fi
}

# limit_descriptors N PID: of a worker; only its own user may, or a better root
# than that of a container.
limit_descriptors() {
	setpriv --reuid=nobody --regid=nogroup --clear-groups \
		prlimit --nofile="$1:" -p "$2"
}

# Everything at once that a server of ours has to get over.
commit_all_faults() {
	local pids
	mapfile -t pids < <(worker_pids)
	kill -KILL "${pids[0]}"
	touch_workers
	ctl reload
	mapfile -t pids < <(worker_pids)
	# Out of descriptors, for a moment.
	limit_descriptors 12 "${pids[0]}"
	timeout 10 python3 -c '
import socket, struct, sys
port, control = int(sys.argv[1]), sys.argv[2]
held = [socket.create_connection(("127.0.0.1", port), 5) for i in range(40)]
for i, s in enumerate(held):
    s.sendall(b"x" * 1000)
    if i % 2:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
            struct.pack("ii", 1, 0))
    s.close()
for words in (b"stat", b"\0\n", b"x" * 5000, b"stats\n" * 50, b"events\n"):
    s = socket.socket(socket.AF_UNIX)
    s.connect(control)
    s.send(words)
    s.close()
' "$(port echo)" "$SOCKET"
	limit_descriptors 4096 "${pids[0]}"
	echo nonsense >>"$CONFIG"
	run ! ctl reload
	sed -i '$d' "$CONFIG"
	ctl workers default +1
	ctl workers default -1
	wait_until 10 ctl health
}

# --- the promises ------------------------------------------------------------

@test "promise: a reload loses no connection" {
	write_echo_config
	echo "nodelay = yes" >>"$CONFIG"
	start_watched
	local round before fd
	hold fd "$(port echo)"
	echoes "$fd"
	start_load "$(port echo)"
	serve_some_more
	for round in 1 2 3; do
		before=$(worker_pids)
		touch_workers
		run -0 ctl reload
		assert [ "$(worker_pids)" != "$before" ]
		serve_some_more
	done
	# Nor does a client that was there before them all.
	echoes "$fd"
	release "$fd"
	assert_no_loss
}

@test "promise: a killed worker loses only its own, queued ones survive" {
	write_echo_config
	start_watched
	local pids lost
	mapfile -t pids < <(worker_pids)
	hold_many 10 "$(port echo)"
	lost=$(connections_of "${pids[0]}")
	assert [ "$lost" -gt 0 ]
	assert [ "$lost" -lt 10 ]
	kill -STOP "${pids[@]}"
	queue_many 6 "$(port echo)"
	kill -KILL "${pids[0]}"
	kill -CONT "${pids[1]}"
	assert_queued_are_answered
	assert_equal "$(n_echoing)" $((10 - lost))
	assert_equal "$(counter echo closed_lost)" "$lost"
	release_all
}

@test "promise: the replacement is there within 200 ms, later with back-off" {
	write_echo_config "" "workers = 5"
	start_watched
	local slot took
	# The machine may be busy with others: the best of four counts.
	for slot in 1 2 3 4; do
		took=$(replacement_ms "$slot")
		[ "$took" -ge 200 ] || break
	done
	assert [ "$took" -lt 200 ]
	# Who dies young again and again waits longer each time.
	kill_young 5 4
	wait_until 5 ready_workers_are 5
	assert_equal "$(back_offs 5)" "100 200 400 "
}

@test "promise: the supervisor never blocks, stats come within 50 ms" {
	LOG_ERRORS='cannot start worker default/2|reload failed'
	write_config "" "" <<-END
		[pool second]
		workers = 1
		sandbox = $(sandbox_default)
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
		[service hello]
		handler = hello
		pool = second
		greeting = one
		listen = tcp://127.0.0.1:0
	END
	start_watched
	local stopped median reloading limit=50
	# A sanitized program on a busy machine is another matter.
	if is_sanitized; then limit=250; fi
	stopped=$(slot_pid 1)
	hold_many 4 "$(port echo)"
	kill -STOP "$stopped"
	# From now on a new worker stops before it is ready, and after the
	# first there is none: forks fail.
	background strace -f -qq -o /dev/null -p "$SERVER" \
		-e inject=close_range:signal=STOP \
		-e inject=clone,clone3:error=EAGAIN:when=2+
	wait_until 10 is_traced "$SERVER"
	set_setting greeting two
	ctl reload >"$DIR/reload" 2>&1 &
	reloading=$!
	wait_until 10 reload_is_waiting "$stopped"
	kill -KILL "$(slot_pid 2)"
	wait_until 10 log_has 'cannot start worker default/2'
	start_rude_clients
	median=$(median_stats_ms 40)
	echo "median: $median ms"
	assert [ "$median" -lt "$limit" ]
	# All of it was still so: the reload waits, the worker is stopped.
	kill -0 "$reloading"
	assert_equal "$(state_of "$stopped")" T
	# The end of the bad day.
	end_background
	HELPERS=("${HELPERS[0]}")
	end_background
	HELPERS=()
	wait_until 5 is_free "$SERVER"
	local pid
	for pid in $(descendants "$SERVER"); do kill -CONT "$pid"; done
	wait "$reloading"
	release_all
}

@test "promise: a bad configuration never stops a running server" {
	LOG_ERRORS='reload failed|preforkd.ini|cannot (read|listen|open)|192.0.2.1|127.0.0.1'
	write_echo_config
	set_setting log_level info
	start_watched
	local bad workers
	cp "$CONFIG" "$DIR/good"
	workers=$(worker_pids)
	# Somebody else has this one.
	background socat tcp-listen:0,bind=127.0.0.1,fork system:true
	wait_until 5 helper_listens
	start_load "$(port echo)"
	serve_some_more
	for bad in 0 1 2 3 4 5 6 7 8 9; do
		cp "$DIR/good" "$CONFIG"
		write_bad_file "$bad"
		run ! ctl reload
		kill -HUP "$SERVER"
		wait_until 5 failed_reloads_are $((2 * (bad + 1)))
		rm -rf "$CONFIG"
	done
	assert_equal "$(worker_pids)" "$workers"
	serve_some_more
	assert_no_loss
	cp "$DIR/good" "$CONFIG"
	run -0 ctl reload
}

@test "promise: with the supervisor goes everything, listeners within 1 s" {
	write_config_of_all_kinds
	set_setting drain_timeout 2s
	start_server
	local fd workers
	use_ports
	workers=$(worker_pids)
	hold fd "${PORTS[0]}"
	echoes "$fd"
	kill -KILL "$SERVER"
	wait "$SERVER" || :
	SERVER=
	wait_until 1 nobody_listens
	# A client is served to the end of its time, not longer.
	echoes "$fd"
	wait_until 3 all_are_gone "$workers"
	run ! echoes "$fd"
	release "$fd"
}

@test "promise: descriptors, memory, processes return to their baseline" {
	LOG_ERRORS='reload failed|preforkd.ini'
	write_echo_config
	echo "nodelay = yes" >>"$CONFIG"
	start_watched
	local round
	for round in 1 2 3 4 5; do
		commit_all_faults
	done
	assert_baseline
}

@test "promise: nothing amplifies over UDP" {
	local handler handlers="echo hello daytime time upper discard"
	write_config <<-END
		$(for handler in $handlers; do
			echo "[service $handler]"
			echo "handler = $handler"
			echo "listen = udp://127.0.0.1:0"
		done)
	END
	start_watched
	for handler in $handlers; do
		timeout 20 python3 -c '
import select, socket, sys, time
# Each from a socket of its own: what comes back there is its answer.
sent = {}
for n in (0, 1, 3, 4, 5, 10, 24, 25, 30, 100, 1472, 9000):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.sendto(b"x" * n, ("127.0.0.1", int(sys.argv[1])))
    sent[s] = [n, 0]
end = time.monotonic() + 0.4
while time.monotonic() < end:
    for s in select.select(sent, [], [], 0.1)[0]:
        sent[s][1] += len(s.recv(65536))
for n, got in sent.values():
    assert got <= n, (n, got)
' "$(port "$handler")"
		assert [ "$(counter "$handler" datagrams_in)" = 12 ]
		assert [ "$(counter "$handler" bytes_out)" -le \
			"$(counter "$handler" bytes_in)" ]
	done
	# The short ones were not answered, and it is told why.
	assert [ "$(counter daytime dropped_larger)" -ge 4 ]
	# A forged question of another service is answered by nobody.
	timeout 10 python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.%d.%d" % (100 + int(sys.argv[2]) % 100,
    1 + int(sys.argv[2]) // 100 % 250), 2049))
s.sendto(b"x" * 100, ("127.0.0.1", int(sys.argv[1])))
s.settimeout(0.3)
try:
    s.recv(1000)
    sys.exit(1)
except socket.timeout:
    pass' "$(port echo)" "$$"
	assert_equal "$(counter echo dropped_source)" 1
}

@test "promise: nothing is left after TERM, and a crash leaves no obstacle" {
	local before
	write_config_of_all_kinds
	start_server
	use_ports
	all_kinds_answer
	kill -KILL "$SERVER"
	wait "$SERVER" || :
	assert_exist "$DIR/echo.sock"
	assert_exist "$DIR/dgram.sock"
	assert_exist "$DIR/pid"
	assert_exist "$SOCKET"
	# Whatever lies there: the next one starts, on the same addresses.
	start_watched
	all_kinds_answer
	assert_equal "$(cat "$DIR/pid")" "$SERVER"
	assert_baseline
	BASELINE_WORKERS=
	stop_server
	run ! pgrep -f "$DIR/preforkd.ini"
	nobody_listens
	run -0 find "$DIR" -mindepth 1 ! -name log ! -name out \
		! -name preforkd.ini
	assert_output ""
}

# --- limits ------------------------------------------------------------------

# reached NAME LABEL: what the line of the Prometheus text counts.
reached() {
	ctl stats prometheus | awk -v name="preforkd_$1{" -v label="$2" '
		index($0, name) == 1 && index($0, label) { n += $NF }
		END { print n + 0 }'
}

is_reached() {
	[ "$(reached "$@")" -gt 0 ]
}

assert_reached() {
	wait_until "${3:-10}" is_reached "$1" "$2" || {
		ctl stats prometheus | grep "^preforkd_$1" >&2
		return 1
	}
}

# limited NAME HANDLER ADDRESS LINES: a service.
limited() {
	printf '[service %s]\nhandler = %s\nlisten = %s\n%b\n' "$@"
}

# pool NAME LINES
pool() {
	printf '[pool %s]\nworkers = 1\nsandbox = %s\n%b\n' "$1" \
		"$(sandbox_default)" "$2"
}

write_config_with_limits() {
	local tcp=tcp://127.0.0.1:0 udp=udp://127.0.0.1:0
	write_config "start_timeout = 1s" "" < <(
		pool small "max_connections = 1"
		pool short "nofile = 30"
		pool watched "watchdog = 500ms"
		pool aging "max_age = 1s"
		limited conns echo $tcp "max_connections = 2"
		limited small echo $tcp "pool = small"
		limited few echo $tcp "pool = short"
		limited idle echo $tcp "idle_timeout = 100ms"
		limited session echo $tcp "session_timeout = 100ms"
		limited closed echo "$tcp $udp" "allow = 192.0.2.0/24"
		limited queue echo $tcp "pool = watched\nbacklog = 1"
		limited long daytime $udp
		limited far echo "$udp unixgram:$DIR/gram"
		limited old echo $tcp "pool = aging"
	)
	sed -i 's/^drain_timeout = .*/drain_timeout = 500ms/' "$CONFIG"
}

# python LINES: with PORT at hand, the port of each service, and CONTROL.
python() {
	local ports
	ports=$(ctl_json listeners | jq -c '[.[] | select(.listener |
		startswith("unix") | not) | {(.service + ":" + .listener[0:3]):
		(.listener | split(":") | last | tonumber)}] | add')
	timeout 30 python3 -c "
import errno, socket, sys, time
PORT = $ports
CONTROL = '$SOCKET'
held = []
def tcp(service, data=b'x'):
    s = socket.socket()
    held.append(s)
    s.settimeout(5)
    s.connect(('127.0.0.1', PORT[service + ':tcp']))
    s.send(data)
    return s
def control(data):
    s = socket.socket(socket.AF_UNIX)
    held.append(s)
    s.connect(CONTROL)
    s.setblocking(False)
    try:
        while data:
            data = data[s.send(data):]
    except (BlockingIOError, BrokenPipeError, ConnectionResetError):
        pass
    return s
def udp(service, data, source=('127.0.0.1', 0)):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(source)
    s.sendto(data, ('127.0.0.1', PORT[service + ':udp']))
$1"
}

@test "promise: every limit that is hit has a named counter" {
	LOG_ERRORS='stuck for .* aborted|restart failed'
	write_config_with_limits
	start_server
	local source=127.1.$(($$ / 250 % 250)).$((1 + $$ % 250)) fd
	# Takes longest: a client that does not read its replies has 10 s.
	background python "
control(b'stats\n' * 20000)
time.sleep(20)"
	# One that waits for ever, to be cut when its worker leaves.
	hold fd "$(port old)"
	python "
# One more than there may be, each with its own kind of limit.
for service, n in (('conns', 4), ('small', 2), ('few', 40), ('idle', 1),
        ('session', 1), ('closed', 1)):
    for i in range(n):
        tcp(service)
time.sleep(0.5)
udp('closed', b'x')
udp('long', b'x')
udp('far', b'x', ('$source', 2049))
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.sendto(b'x', '$DIR/gram')
"
	assert_reached service_limit_reached_total 'service="conns"'
	assert_reached service_limit_reached_total 'service="small"'
	assert_reached service_limit_reached_total 'service="few"'
	assert_reached service_closed_total 'cause="idle_timeout"'
	assert_reached service_closed_total 'cause="session_timeout"'
	assert_reached service_refused_total 'reason="acl"'
	assert_reached service_datagrams_dropped_total 'reason="acl"'
	assert_reached service_datagrams_dropped_total 'reason="larger"'
	assert_reached service_datagrams_dropped_total 'reason="source"'
	assert_reached service_closed_total 'cause="drain_timeout"'
	assert_reached time_limit_reached_total 'limit="max_age"'
	release "$fd"
	# Descriptors of a running worker: 0, 1 and 2 are taken.
	limit_descriptors 3 "$(slot_pid 1)"
	limit_descriptors 3 "$(slot_pid 2)"
	python "
for i in range(20):
    tcp('idle')"
	assert_reached resource_pauses_total 'pool="default"'
	assert_reached accept_errors_total 'pool="default"'
	limit_descriptors 4096 "$(slot_pid 1)"
	limit_descriptors 4096 "$(slot_pid 2)"
	# A stopped worker: its queue is full, its watchdog ends it.
	kill -STOP "$(worker_pids watched)"
	python "
for i in range(8):
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(('127.0.0.1', PORT['queue:tcp']))
    held.append(s)
time.sleep(1)"
	assert_reached accept_queue_drops_total 'service="queue"'
	assert_reached time_limit_reached_total '"watched",limit="watchdog"'
	# One that leaves too late, and one that starts too late.
	kill -STOP "$(slot_pid 2)"
	# The pool that ages is replaced now and then: busy until it is done.
	wait_until 10 ctl workers default 1
	background strace -f -qq -o /dev/null -p "$SERVER" \
		-e inject=close_range:signal=STOP
	wait_until 10 is_traced "$SERVER"
	kill -KILL "$(worker_pids short)"
	assert_reached time_limit_reached_total '"short",limit="start_timeout"'
	end_background
	assert_reached time_limit_reached_total '"default",limit="drain_timeout"'
	# Events that nobody reads, and a line without an end.
	python "
control(b'events\n')
s = control(b'')
s.setblocking(True)
for i in range(40):
    s.sendall(b'drain\nresume\n' * 100)
    got = b''
    while got.count(b'.\n') < 200:
        got += s.recv(65536)
control(b'x' * 5000)"
	assert_reached control_clients_cut_off_total 'limit="unread_events"'
	assert_reached control_clients_cut_off_total 'limit="line_length"'
	# More clients than may be, with half a line each.
	background python "
for i in range(40):
    control(b'sta')
time.sleep(20)"
	assert_reached control_clients_cut_off_total 'limit="connections"'
	assert_reached control_clients_cut_off_total 'limit="line_time"'
	assert_reached control_clients_cut_off_total 'limit="unread_reply"'
}
