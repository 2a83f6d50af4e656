# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# docs/faults.md, rows 65 to 74: peers that reset, vanish, dawdle, do not read
# or come in masses.

setup() {
	load faults
	faults_setup
}

teardown() {
	faults_teardown
}

# --- verbs -------------------------------------------------------------------

# serve HANDLER [LINES [POOL-LINES]]: as service "echo", one worker.
serve() {
	write_service "$@"
	start_watched
}

write_service() {
	write_config "" "${3-workers = 1}" <<-END
		[service echo]
		handler = $1
		listen = tcp://127.0.0.1:0
		$(printf '%b' "${2-}")
	END
}

# The same, in a network of its own.
serve_apart() {
	write_service "$@"
	start_apart
}

# From now on nothing passes between the service and its clients.
cut_the_wire() {
	"${INSIDE[@]}" nft -f - <<-END
		table inet faults {
			chain input {
				type filter hook input priority 0
				tcp dport $1 drop
				tcp sport $1 drop
			}
		}
	END
}

# vanishing_client LINES: a client inside, which after LINES stays silent.
vanishing_client() {
	local port
	port=$(port echo)
	background "${INSIDE[@]}" PORT="$port" python3 -c "from peers import *
s = connect()
$1
open('$DIR/client-is-there', 'w')
time.sleep(60)"
	wait_until 10 test -e "$DIR/client-is-there"
	wait_until 5 counter_is echo active 1
}

# start_clients LINES: clients in the background. What they print is heard by
# `hear`; the line that they wait for is sent by end_clients.
start_clients() {
	coproc CLIENTS {
		clients "$1"
	} 3>&- 4>&-
}

# hear: a line of theirs, in variable heard.
hear() {
	read -rt 40 heard <&"${CLIENTS[0]}"
}

end_clients() {
	local pid=$CLIENTS_PID
	echo "go on" >&"${CLIENTS[1]}"
	wait "$pid"
}

rss_of_worker() {
	rss_kib "$(worker_pid 1)"
}

# The first connection has been given nothing for a while.
is_stuck() {
	ctl_json connections | jq -e '.[0].idle_ms > 400'
}

is_served() {
	assert_equal "$(tcp "$(port echo)" <<<hello)" hello
}

# --- resets ------------------------------------------------------------------

@test "fault 65: clients that reset before they are accepted" {
	serve echo
	local worker
	worker=$(worker_pid 1)
	kill -STOP "$worker"
	clients '
for i in range(20):
    reset(connect())
# Some have said something before.
for i in range(20):
    s = connect()
    s.sendall(b"x")
    reset(s)'
	kill -CONT "$worker"
	wait_until 5 counter_is echo closed_reset 40
	is_served
	assert_equal "$(counter echo accepted)" 41
	assert_equal "$(counter echo closed_error)" 0
	assert_equal "$(worker_pid 1)" "$worker"
	run ! log_has ': warn: '
}

@test "fault 66: a client that resets between question and answer" {
	serve echo
	clients 'reset(answered(connect()))'
	wait_until 5 counter_is echo closed_reset 1
	is_served
	wait_until 5 counter_is echo closed_done 1
	assert_equal "$(counter echo closed_error)" 0
}

@test "fault 66: a client that resets while it is owed an answer" {
	serve echo
	clients '
s = connect()
s.settimeout(1)
try:
    while True:
        s.sendall(bytes(65536))
except TimeoutError:
    pass
reset(s)'
	wait_until 5 counter_is echo closed_reset 1
	assert_equal "$(counter echo active)" 0
	is_served
}

# break_socket PORT OF-CLIENT: the kernel ends the worker's side.
break_socket() {
	ss -K state established src 127.0.0.1 sport = ":$1" dport = ":$2"
}

@test "fault 66: a connection that the kernel breaks (ss -K)" {
	serve echo
	local port idle busy
	port=$(port echo)
	start_clients '
idle, busy = connect(), connect()
answered(idle)
busy.settimeout(0.5)
try:
    while True:
        busy.sendall(bytes(65536))
except TimeoutError:
    pass
print(idle.getsockname()[1], busy.getsockname()[1], flush=True)
sys.stdin.readline()'
	hear
	read -r idle busy <<<"$heard"
	break_socket "$port" "$idle"
	wait_until 5 counter_is echo closed_reset 1
	break_socket "$port" "$busy"
	wait_until 5 counter_is echo closed_reset 2
	assert_equal "$(counter echo closed_error)" 0
	is_served
	end_clients
}

@test "fault 66: whatever a broken connection is called, it is counted as reset" {
	serve echo
	local error call client n=0
	for call in recvfrom sendto; do
		for error in ECONNRESET EPIPE ECONNABORTED ETIMEDOUT ENOTCONN; do
			hold client "$(port echo)"
			echoes "$client"
			inject "$(worker_pid 1)" "$call:error=$error:when=1"
			echo question >&"$client"
			n=$((n + 1))
			wait_until 5 counter_is echo closed_reset "$n"
			end_injection
			release "$client"
		done
	done
	assert_equal "$(counter echo closed_error)" 0
	run ! log_has ': warn: '
}

# --- peers that vanish -------------------------------------------------------

@test "fault 67: a client that vanishes in silence is closed by idle_timeout" {
	serve_apart echo "idle_timeout = 700ms"
	vanishing_client 'answered(s)'
	cut_the_wire "$(port echo)"
	wait_until 5 counter_is echo closed_idle 1
	assert_equal "$(counter echo active)" 0
}

@test "fault 67: one that vanishes while it is owed an answer, too" {
	serve_apart chargen "idle_timeout = 700ms"
	vanishing_client 's.recv(1000)'
	cut_the_wire "$(port echo)"
	wait_until 5 counter_is echo closed_idle 1
	assert_equal "$(counter echo active)" 0
}

@test "fault 67: without idle_timeout keepalive finds it out" {
	serve_apart echo "idle_timeout = 0"
	"${INSIDE[@]}" sysctl -qw net.ipv4.tcp_keepalive_time=1 \
		net.ipv4.tcp_keepalive_intvl=1 net.ipv4.tcp_keepalive_probes=1
	vanishing_client 'answered(s)'
	cut_the_wire "$(port echo)"
	wait_until 10 counter_is echo closed_reset 1
	assert_equal "$(counter echo active)" 0
}

# --- ends --------------------------------------------------------------------

half_closes() {
	run timeout 10 python3 - "$1" <<-'END'
		import socket, sys
		kind, _, rest = sys.argv[1].partition(":")
		if kind == "tcp":
		    s = socket.create_connection(("127.0.0.1", int(rest.split(":")[1])))
		else:
		    s = socket.socket(socket.AF_UNIX)
		    s.connect(rest)
		s.settimeout(5)
		# All is sent and our side is shut before the first byte is read.
		s.sendall(b"x" * 100000)
		s.shutdown(socket.SHUT_WR)
		n = 0
		while data := s.recv(65536):
		    n += len(data)
		print(n, "and the end")
	END
	assert_output "100000 and the end"
}

@test "fault 68: who shuts its side gets everything, then the end" {
	write_config <<-END
		[service s]
		handler = echo
		listen = tcp://127.0.0.1:0 unix:$DIR/s
	END
	start_watched
	half_closes "tcp:127.0.0.1:$(port s)"
	half_closes "unix-connect:$DIR/s"
	wait_until 5 counter_is s closed_done 2
}

@test "fault 69: who gets an answer and still talks gets it whole, not a reset" {
	serve hello
	clients '
for i in range(50):
    s = connect()
    s.sendall(b"GET / HTTP/1.0\r\n\r\n" * 100)
    text = b""
    while data := s.recv(1000):
        text += data
    assert text == b"Hello 127.0.0.1\n", text
    s.close()'
	wait_until 5 counter_is echo active 0
}

@test "fault 69: who goes on talking after the end is heard for a while only" {
	serve hello "greeting = bye\\n"
	clients '
worker = int(sys.argv[1])
def talk(pause):
    # It has begun before the answer is given.
    os.kill(worker, signal.SIGSTOP)
    s, begin, sent = connect(), time.monotonic(), 0
    s.sendall(b"x")
    os.kill(worker, signal.SIGCONT)
    s.settimeout(0.2)
    try:
        while time.monotonic() < begin + 8:
            try:
                sent += s.send(bytes(4096))
            except TimeoutError:
                pass
            time.sleep(pause)
    except ConnectionError:
        pass
    return time.monotonic() - begin, sent
# By time, when it is slow; by bytes, when it is fast.
took, sent = talk(0.05)
assert 1.5 < took < 6, took
took, sent = talk(0)
assert took < 6, took' "$(worker_pid 1)"
	assert [ "$(counter echo bytes_in)" -lt 1000000 ]
	wait_until 5 counter_is echo closed_done 2
}

# --- peers that dawdle -------------------------------------------------------

@test "fault 70: session_timeout is absolute: a byte now and then gains nothing" {
	serve echo "session_timeout = 700ms"
	clients '
s, begin = connect(), time.monotonic()
try:
    while time.monotonic() < begin + 5:
        s.sendall(b"x")
        if s.recv(1) == b"":
            break
        time.sleep(0.05)
except ConnectionError:
    pass
assert 0.6 < time.monotonic() - begin < 4, time.monotonic() - begin'
	wait_until 5 counter_is echo closed_session 1
}

@test "fault 70: a slow reader gains nothing either" {
	serve chargen "session_timeout = 700ms\\nidle_timeout = 10s"
	clients '
s, begin = connect(), time.monotonic()
try:
    while time.monotonic() < begin + 2 and s.recv(10):
        time.sleep(0.05)
except ConnectionError:
    pass'
	wait_until 5 counter_is echo closed_session 1
	assert_equal "$(counter echo closed_idle)" 0
}

@test "fault 70: 500 dawdlers keep nobody from being served" {
	serve echo "session_timeout = 2s"
	clients '
slow = [connect() for i in range(500)]
slowest, begin = 0, time.monotonic()
while time.monotonic() < begin + 1.2:
    for s in slow[::10]:
        try:
            s.sendall(b"x")
        except ConnectionError:
            pass
    asked = time.monotonic()
    answered(connect()).close()
    slowest = max(slowest, time.monotonic() - asked)
    time.sleep(0.02)
assert slowest < 1, slowest
for s in slow:
    try:
        rest(s)
    except ConnectionError:
        pass'
	wait_until 5 counter_is echo closed_session 500
}

@test "fault 71: a slow reader gets everything while others are served" {
	serve echo
	clients '
sent = os.urandom(8 << 20)
slow, slowest, done = connect(), 0, threading.Event()
def write():
    slow.settimeout(30)
    slow.sendall(sent)
    slow.shutdown(socket.SHUT_WR)
def others():
    global slowest
    while not done.is_set():
        begin = time.monotonic()
        answered(connect()).close()
        slowest = max(slowest, time.monotonic() - begin)
        time.sleep(0.01)
threads = [threading.Thread(target=f) for f in (write, others)]
[t.start() for t in threads]
got = bytearray()
while data := slow.recv(32768):
    got += data
    time.sleep(0.003)
done.set()
[t.join() for t in threads]
assert got == sent
assert slowest < 1, slowest'
}

@test "fault 71: a client that does not read costs neither memory nor time" {
	serve chargen
	local worker before used client
	worker=$(worker_pid 1)
	before=$(rss_kib "$worker")
	hold client "$(port echo)"
	wait_until 5 is_stuck
	used=$(cpu_ms "$worker")
	timeout 1 tail -f /dev/null || :
	assert [ $(($(cpu_ms "$worker") - used)) -le 50 ]
	assert [ $(($(rss_kib "$worker") - before)) -le 2048 ]
	# And goes on where it was, when the client reads at last.
	run python3 -c '
import os, sys
ring = "".join(map(chr, range(32, 127))) * 2
data = b""
while len(data) < 20000000:
    data += os.read(int(sys.argv[1]), 1 << 20)
want = "".join(ring[k:k + 72] + "\r\n" for k in range(95)).encode()
n = len(data) // len(want)
print(data[:n * len(want)] == want * n)' "$client"
	assert_output True
	release "$client"
	wait_until 5 counter_is echo closed_reset 1
}

@test "fault 71: 200 clients that send much and read nothing, in little memory" {
	# A sanitizer keeps what was freed, and puts walls around the rest.
	export ASAN_OPTIONS=${ASAN_OPTIONS-}:quarantine_size_mb=1
	serve echo "idle_timeout = 3s"
	local before kib=$((200 * 80))
	is_sanitized && kib=$((200 * 400))
	GROWTH_KIB=$kib
	before=$(rss_of_worker)
	start_clients '
all = []
for i in range(200):
    s = socket.socket()
    # A window that is shut at once.
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    s.connect(("127.0.0.1", PORT))
    s.setblocking(False)
    all.append(s)
refused = 0
while refused < 20:
    sent = 0
    for s in all:
        try:
            sent += s.send(bytes(1 << 20))
        except OSError:
            pass
    refused = 0 if sent else refused + 1
    time.sleep(0.01)
print("stuck", flush=True)
sys.stdin.readline()'
	hear
	assert_equal "$heard" stuck
	assert [ $(($(rss_of_worker) - before)) -le "$kib" ]
	is_served
	# They are not waited for for ever.
	wait_until 10 counter_is echo closed_idle 200
	assert_equal "$(counter echo active)" 0
	end_clients
}

# --- masses ------------------------------------------------------------------

# Proportional set size of all workers in bytes, of what is not shared.
pss_of_workers() {
	local pid
	for pid in $(worker_pids); do
		awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup"
	done | awk '{ sum += $1 } END { print sum * 1024 }'
}

@test "fault 72: 10,000 idle connections cost 256 bytes each, and hinder nobody" {
	serve echo "idle_timeout = 5m\\nsession_timeout = 1h" \
		"workers = 2\nmax_connections = 10000"
	local bytes=256
	# A sanitizer puts walls around everything.
	is_sanitized && bytes=4096
	# What is freed again lies about in pieces.
	GROWTH_KIB=$((bytes * 10000 / 1024))
	clients 'answered(connect()).close()'
	local before each
	before=$(pss_of_workers)
	start_clients '
held = [connect() for i in range(10000)]
for s in held:
    answered(s)
print("held", flush=True)
sys.stdin.readline()
for s in held[::100]:
    answered(s)'
	hear
	assert_equal "$heard" held
	each=$((($(pss_of_workers) - before) / 10000))
	echo "$each bytes each"
	assert [ "$each" -le "$bytes" ]
	assert_equal "$(counter echo active)" 10000
	is_served
	end_clients
	wait_until 10 counter_is echo active 0
}

# overflows: connections that the kernel has refused a place in a queue.
overflows() {
	"${INSIDE[@]}" awk '/^TcpExt:/ && !n { n = split($0, name); next }
		/^TcpExt:/ { split($0, value)
			for (i = 2; i <= n; i++)
				if (name[i] == "ListenOverflows")
					print value[i] }' /proc/net/netstat
}

@test "fault 74: a queue that is full is seen to be, and served later" {
	serve_apart echo "backlog = 5"
	local worker port
	worker=$(worker_pid 1) port=$(port echo)
	kill -STOP "$worker"
	background "${INSIDE[@]}" PORT="$port" python3 -c "from peers import *
all = [socket.socket() for i in range(20)]
for s in all:
    s.setblocking(False)
    s.connect_ex(('127.0.0.1', PORT))
open('$DIR/asked', 'w')
for s in all:
    s.settimeout(20)
    select.select([], [s], [], 20)
    answered(s)
open('$DIR/answered', 'w')"
	wait_until 10 test -e "$DIR/asked"
	wait_until 5 queue_is_full
	assert [ "$(overflows)" -gt 0 ]
	# One more than the limit fits, in Linux.
	ctl stats prometheus >"$DIR/metrics"
	run -0 grep '^preforkd_accept_queue_connections{' "$DIR/metrics"
	assert_output --regexp ' 6$'
	run -0 grep '^preforkd_accept_queue_drops_total{' "$DIR/metrics"
	assert_output --regexp ' [1-9][0-9]*$'
	kill -CONT "$worker"
	# The rest asks again by itself.
	wait_until 15 test -e "$DIR/answered"
	assert_equal "$(counter echo accepted)" 20
	wait_until 5 queue_is_empty
}

queue_is_full() {
	ctl_json listeners | jq -e '.[0] | .queue > .limit'
}

queue_is_empty() {
	ctl_json listeners | jq -e '.[0].queue == 0'
}
