# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# preforkbench: that what it counts is what the server counts, that it believes
# nothing but its own bytes, that each failure is told by its kind, that its
# clock does not flatter a server which stands still, and how it ends. How fast
# it is, is not judged here.

setup() {
	load preforkbench
	common_setup
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

# one_server SERVICES...: the daemon with one worker.
one_server() {
	write_config "" "workers = 1"
	start_server
}

UDP_SERVER='(lambda s: (s.bind(("127.0.0.1", 0)), s)[1])(
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM))'

options_of_help() {
	"$BENCH" --help | grep -E '^ +(-.,)? +--' |
		sed -E 's/^ +(-.)?,? +(--[a-z0-9-]+).*/\1 \2/' | sort
}

options_of_man() {
	sed -nE -e 's/^\.It Fl (.) , -([a-z0-9-]+).*/-\1 --\2/p' \
		-e 's/^\.It Fl -([a-z0-9-]+).*/ --\1/p' \
		"$ROOT/docs/preforkbench.1" | sort
}

# --- the command line --------------------------------------------------------

@test "preforkbench: help and man page tell the same options" {
	run -0 --separate-stderr "$BENCH" --help
	assert_line --index 0 --partial "usage: preforkbench [-46hV]"
	assert_equal "$stderr" ""
	local line
	for line in "${lines[@]}"; do assert [ "${#line}" -le 80 ]; done
	assert [ "$(options_of_help | wc -l)" -ge 20 ]
	assert_equal "$(options_of_help)" "$(options_of_man)"
	run -0 "$BENCH" -V
	assert_output --regexp '^preforkbench [0-9.]+$'
}

@test "preforkbench: wrong usage is 64, told in a line" {
	local words
	while read -r words; do
		# shellcheck disable=SC2086 # words
		run -64 --separate-stderr timeout 10 "$BENCH" $words </dev/null
		assert_output ""
		assert [ -n "$stderr" ]
	done <<-'END'

		-x
		tcp://a:1 tcp://b:1
		localhost:80
		tcp://localhost:0
		fd://name
		-c 0 tcp://127.0.0.1:1
		-c x tcp://127.0.0.1:1
		-d 0 tcp://127.0.0.1:1
		-d 10 tcp://127.0.0.1:1
		-d 8d tcp://127.0.0.1:1
		-n 0 tcp://127.0.0.1:1
		-n 1 -t 2 tcp://127.0.0.1:1
		-c 1 -t 2 tcp://127.0.0.1:1
		--size 0 tcp://127.0.0.1:1
		--size 65m tcp://127.0.0.1:1
		--size 8 udp://127.0.0.1:1
		--size 65508 udp://127.0.0.1:1
		--rate 0 tcp://127.0.0.1:1
		--pipeline 2000 tcp://127.0.0.1:1
		--connect --idle 5 tcp://127.0.0.1:1
		--connect udp://127.0.0.1:1
		--idle 5 unixgram:/x
		--idle 5 -c 5 tcp://127.0.0.1:1
		--idle 5 -n 5 tcp://127.0.0.1:1
		--idle 5 --exchange read tcp://127.0.0.1:1
		--exchange read tcp://127.0.0.1:1
		--exchange some --connect tcp://127.0.0.1:1
		--gso tcp://127.0.0.1:1
		--gso unixgram:/x
		--reset tcp://127.0.0.1:1
		--sources 127.0.0.2 unix:/x
		--sources nonsense tcp://127.0.0.1:1
		--sources 192.0.2.1 tcp://127.0.0.1:1
		-6 --sources 127.0.0.2 tcp://[::1]:1
		-6 tcp://127.0.0.1:1
		--cpu-of 0 tcp://127.0.0.1:1
	END
	run -64 "$BENCH" --gso tcp://127.0.0.1:1
	assert_output "preforkbench: --gso has no meaning for tcp://127.0.0.1:1"
}

@test "preforkbench: more connections than files are refused with the limit" {
	one_server <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
	END
	run -64 bash -c 'ulimit -n 64; exec "$@"' - "$BENCH" -c 100 "tcp://127.0.0.1:$(port echo)"
	assert_output --partial "limit of open files"
	assert_output --partial "(ulimit -Hn)"
	# The soft one is raised; each process has one of its own.
	(ulimit -Sn 30 && load_with 0 -c 100 -n 100 "tcp://127.0.0.1:$(port echo)")
	(ulimit -n 64 && load_with 0 -c 90 -t 2 -n 90 "tcp://127.0.0.1:$(port echo)")
	told '.requests == 90 and .opened == 90'
}

# --- what it counts ----------------------------------------------------------

@test "preforkbench: it counts what the daemon counts" {
	one_server <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
		[service udp]
		handler = echo
		listen = udp://127.0.0.1:0
		[service hello]
		handler = hello
		listen = tcp://127.0.0.1:0
	END
	load_with 0 -n 1001 -c 7 -t 3 --pipeline 4 "tcp://127.0.0.1:$(port echo)"
	told '.requests == 1001 and .opened == 7 and .bytes_sent == 64064'
	told '.bytes_received == 64064 and .failed == 0 and .seconds < 10'
	told '([.histogram_us[][1]] | add) == 1001'
	wait_until 5 counter_is echo accepted 7
	wait_until 5 counter_is echo bytes_in 64064
	assert_equal "$(counter echo bytes_out)" 64064

	load_with 0 -n 1000 --size 100 --timeout 5s "udp://127.0.0.1:$(port udp)"
	told '.requests == 1000 and .reordered == 0 and .late == 0'
	wait_until 5 counter_is udp datagrams_in 1000
	assert_equal "$(counter udp bytes_in)" 100000

	load_with 0 -n 300 --connect --exchange read "tcp://127.0.0.1:$(port hello)"
	told '.requests == 300 and .opened == 300'
	wait_until 5 counter_is hello accepted 300
}

@test "preforkbench: for a time, all that began is answered and counted" {
	one_server <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
	END
	load_with 0 -d 200ms -c 20 "tcp://127.0.0.1:$(port echo)"
	told '.requests > 20 and .seconds == 0.2'
	local requests
	requests=$(jq .requests "$DIR/json")
	wait_until 5 counter_is echo bytes_in $((64 * requests))
}

@test "preforkbench: the warm-up does not count" {
	one_server <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
	END
	load_with 0 -n 100 -c 2 --warm-up 100ms "tcp://127.0.0.1:$(port echo)"
	told '.requests == 100'
	assert [ "$(counter echo bytes_in)" -gt 6400 ]
}

@test "preforkbench: every address that the daemon serves" {
	one_server <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0 tcp://[::1]:0 udp://127.0.0.1:0 udp://[::1]:0
		listen = unix:$DIR/e unix:@$$.$BATS_TEST_NUMBER.e
		listen = unixgram:$DIR/g unixgram:@$$.$BATS_TEST_NUMBER.g
	END
	local address
	for address in "tcp://127.0.0.1:$(port echo 1)" \
		"tcp://[::1]:$(port echo 2)" "tcp://localhost:$(port echo 1)" \
		"udp://127.0.0.1:$(port echo 3)" "udp://[::1]:$(port echo 4)" \
		"unix:$DIR/e" "unix:@$$.$BATS_TEST_NUMBER.e" \
		"unixgram:$DIR/g" "unixgram:@$$.$BATS_TEST_NUMBER.g"; do
		load_with 0 -n 200 -c 4 --timeout 5s "$address"
		told '.requests == 200 and .failed == 0'
	done
	for address in "tcp://[::1]:$(port echo 2)" "unix:$DIR/e"; do
		load_with 0 -n 100 -c 4 --connect --exchange echo "$address"
		told '.requests == 100 and .opened == 100 and .bytes_sent == 6400'
		load_with 0 -n 100 -c 4 --connect "$address"
		told '.requests == 100 and .bytes_received == 0'
	done
}

@test "preforkbench: messages of every size" {
	write_echo_config
	start_server
	local size e
	e=tcp://127.0.0.1:$(port echo)
	for size in 1 2 8 9 4095 65536 1m 5m; do
		load_with 0 -n 20 -c 2 --size "$size" --pipeline 3 "$e"
		told '.requests == 20 and .bytes_sent == .bytes_received'
	done
}

@test "preforkbench: segments of one datagram with --gso" {
	one_server <<-END
		[service echo]
		handler = echo
		listen = udp://127.0.0.1:0
	END
	load_with 0 -n 2000 -c 2 --pipeline 32 --gso --timeout 5s \
		"udp://127.0.0.1:$(port echo)"
	told '.requests == 2000'
	wait_until 5 counter_is echo datagrams_in 2000
}

@test "preforkbench: against socat and python" {
	local port
	port=$(free_port)
	background socat "tcp-listen:$port,fork,reuseaddr,backlog=50" PIPE
	wait_until 10 "$BENCH" -n 1 -c 1 "tcp://127.0.0.1:$port"
	load_with 0 -n 300 -c 3 --pipeline 2 "tcp://127.0.0.1:$port"
	told '.requests == 300'
	python_server '
while True:
    data, peer = s.recvfrom(100)
    s.sendto(data, peer)' "$UDP_SERVER"
	load_with 0 -n 300 -c 3 --timeout 5s "udp${A#tcp}"
	told '.requests == 300'
}

# --- failures ----------------------------------------------------------------

@test "preforkbench: it believes nothing but its own bytes" {
	one_server <<-END
		[service upper]
		handler = upper
		listen = tcp://127.0.0.1:0 udp://127.0.0.1:0
	END
	load_with 1 -n 50 "tcp://127.0.0.1:$(port upper 1)"
	told '.requests == 0 and .errors.wrong_bytes == 50 and .failed == 50'
	load_with 1 -n 50 --timeout 5s "udp://127.0.0.1:$(port upper 2)"
	told '.requests == 0 and .errors.wrong_bytes == 50'
	load_with 0 -n 50 --no-verify "tcp://127.0.0.1:$(port upper 1)"
	told '.requests == 50'
	load_with 0 -n 50 --no-verify --timeout 5s "udp://127.0.0.1:$(port upper 2)"
	told '.requests == 50'
	load_with 1 -n 5 --connect --exchange echo "tcp://127.0.0.1:$(port upper 1)"
	told '.errors.wrong_bytes == 5'
}

@test "preforkbench: one wrong byte in a megabyte is found" {
	python_server '
def answer(c):
    global n
    size = 1 << 20
    while True:
        data = bytearray(message(c, size))
        n += 1
        if n == 5:
            data[size - 300000] ^= 1
        c.sendall(data)
n = 0
each(answer)'
	load_with 1 -c 1 -n 10 --size 1m "$A"
	told '.requests == 9 and .errors.wrong_bytes == 1 and .opened == 2'
}

@test "preforkbench: an answer to another request is none" {
	# Each is answered with the one before.
	python_server '
def answer(c):
    before = message(c)
    while True:
        data = message(c)
        c.sendall(before)
        before = data
each(answer)'
	load_with 1 -c 1 -n 8 --pipeline 2 --timeout 300ms "$A"
	told '.errors.wrong_bytes == 0 and .requests + .failed == 8'
	python_server '
while True:
    data, peer = s.recvfrom(100)
    s.sendto(data[:20] + b"~" + data[21:], peer)' "$UDP_SERVER"
	load_with 1 -c 1 -n 8 "udp${A#tcp}"
	told '.errors.wrong_bytes == 8 and .requests == 0'
}

@test "preforkbench: more than an answer is wrong, too" {
	python_server '
def answer(c):
    c.sendall(message(c) + b"x")
    message(c)
each(answer)'
	load_with 1 -c 1 -n 2 "$A"
	told '.errors.wrong_bytes >= 1'
}

@test "preforkbench: a server that closes early, or resets" {
	python_server '
def answer(c):
    c.sendall(message(c))
    c.sendall(message(c)[:32])
each(answer)'
	load_with 1 -c 1 -n 20 "$A"
	told '.requests == 10 and .errors.closed == 10 and .failed == 10'
	python_server '
def answer(c):
    c.sendall(message(c))
    message(c)
    reset(c)
each(answer)'
	load_with 1 -c 1 -n 20 "$A"
	told '.requests == 10 and .errors.reset == 10 and .failed == 10'
}

@test "preforkbench: who does not answer is waited for no longer than said" {
	python_server 'each(lambda c: time.sleep(40))'
	local begin
	begin=$(now_ms)
	load_with 1 -c 3 -n 3 --timeout 200ms "$A"
	told '.errors.timed_out == 3 and .requests == 0'
	load_with 1 -c 3 -d 100ms --timeout 200ms "$A"
	told '.errors.timed_out == 3 and .failed == 3'
	load_with 1 -c 3 -n 3 --timeout 200ms --connect --exchange echo "$A"
	told '.errors.timed_out == 3'
	load_with 1 --idle 3 --timeout 200ms --exchange echo "$A"
	told '.errors.timed_out == 3 and .requests == 0'
	assert [ $(($(now_ms) - begin)) -lt 8000 ]
}

@test "preforkbench: who refuses is told of" {
	local port
	port=$(free_port)
	run -1 timeout 20 "$BENCH" -c 3 -n 5 "tcp://127.0.0.1:$port"
	assert_line "3 failed: 3 refused"
	load_with 1 -c 3 -n 5 --connect "tcp://127.0.0.1:$port"
	told '.errors.refused == 5'
	load_with 1 --idle 3 "tcp://127.0.0.1:$port"
	told '.errors.refused == 3'
	load_with 1 -c 1 -n 5 "udp://127.0.0.1:$port"
	told '.errors.refused >= 1 and .requests == 0'
	load_with 1 -c 1 -n 5 "unix:$DIR/nobody"
	told '.errors.refused >= 1'
	load_with 1 -c 1 -n 5 "unixgram:$DIR/nobody"
	told '.errors.refused >= 1'
	run -1 timeout 20 "$BENCH" "tcp://no.such.name.invalid:1"
	assert_output --partial 'cannot look up "no.such.name.invalid"'
}

@test "preforkbench: lost, swapped and doubled datagrams are counted" {
	python_server '
n = 0
while True:
    data, peer = s.recvfrom(100)
    n += 1
    if n % 10 == 0:
        continue
    if n % 10 == 5:
        held = data
        continue
    s.sendto(data, peer)
    if n % 10 == 6:
        s.sendto(held, peer)
    if n % 10 == 7:
        s.sendto(data, peer)' "$UDP_SERVER"
	load_with 1 -c 1 -n 100 --pipeline 16 --timeout 1s "udp${A#tcp}"
	told '.requests == 90 and .errors.lost == 10 and .failed == 10'
	told '.reordered == 10 and .late == 10'
}

@test "preforkbench: a server that goes away and comes back" {
	local port
	port=$(free_port)
	local echo="tcp-listen:$port,fork,reuseaddr,backlog=50"
	background socat "$echo" PIPE
	wait_until 10 "$BENCH" -n 1 -c 1 "tcp://127.0.0.1:$port"
	start_held -c 2 -d 20s "tcp://127.0.0.1:$port"
	pkill -P "${HELPERS[0]}"
	end_background_of "${HELPERS[0]}"
	# Not with the input of the other one.
	eval 'background socat "$echo" PIPE '"$HOLD>&-"
	wait_until 10 pgrep -P "${HELPERS[-1]}"
	let_go 1
	told '.requests > 0 and .failed >= 2 and .opened >= 3'
}

end_background_of() {
	kill "$1"
	wait_gone "$1"
}

@test "preforkbench: ports that run out are told with a cure" {
	# In a network of its own there are ten of them.
	cat >"$DIR/try" <<-'END'
		ip link set lo up
		echo 40000 40009 >/proc/sys/net/ipv4/ip_local_port_range
		socat tcp-listen:5000,fork,backlog=100 PIPE &
		server=$!
		until "$@" -c 1 -n 1 tcp://127.0.0.1:5000 >/dev/null; do :; done
		"$@" -c 30 -n 300 tcp://127.0.0.1:5000
		echo "first: $?"
		"$@" -c 30 -n 300 --sources 127.0.0.2-127.0.0.9 \
			tcp://127.0.0.1:5000
		echo "second: $?"
		kill "$server"
	END
	run -0 timeout 40 unshare --net sh "$DIR/try" "$BENCH"
	assert_line "preforkbench: ports ran out: use --sources"
	assert_line --regexp '[1-9][0-9]* without a free port'
	assert_line "first: 1"
	assert_line "second: 0"
}

@test "preforkbench: a full queue of a unix socket is waited for" {
	python_server '
while True:
    c = s.accept()[0]
    c.sendall(b"hello\n")
    c.close()' "(lambda s: (s.bind('$DIR/full'), s.listen(1), s)[2])(
    socket.socket(socket.AF_UNIX))"
	load_with 0 -c 20 -n 200 --connect --exchange read "unix:$DIR/full"
	told '.requests == 200 and .failed == 0'
}

# --- the open loop -----------------------------------------------------------

@test "preforkbench: --rate is held" {
	one_server <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0 udp://127.0.0.1:0
	END
	local tcp udp
	tcp=tcp://127.0.0.1:$(port echo 1)
	udp=udp://127.0.0.1:$(port echo 2)
	# The machine may be too busy for a moment.
	rate_is_held -t 2 "$tcp" || rate_is_held "$tcp" || rate_is_held "$tcp"
	rate_is_held "$udp" || rate_is_held "$udp" || rate_is_held "$udp"
	load_with 0 --rate 200 -n 50 --connect --exchange echo "$tcp"
	told '.requests == 50 and .seconds > 0.24'
}

# rate_is_held WORDS...: to within 5 %, and exactly in number.
rate_is_held() {
	load_with 0 --rate 2000 -d 1s --timeout 5s "$@" &&
		told '.requests == 2000 and .seconds >= 1' &&
		told '.requests_per_second > 1900'
}

# stall WORDS...: the worker stands still for 200 ms while it is loaded.
stall() {
	start_held -c 4 -d 1s "$@" "tcp://127.0.0.1:$(port echo)"
	kill -STOP "$WORKER"
	sleep 0.2 # the fault
	kill -CONT "$WORKER"
	wait_until 20 grep -q requests "$DIR/held"
	let_go 0
	told '.failed == 0 and .latency_us.max > 190000'
}

@test "preforkbench: a server that stands still shows in the open loop" {
	one_server <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
	END
	WORKER=$(worker_pid 1)
	stall --rate 1000
	told '.requests == 1000 and .latency_us.p99_9 > 180000'
	# All that were due meanwhile waited, not only those that were under way.
	told '([.histogram_us[] | select(.[0] > 50000) | .[1]] | add) > 100'
	stall
	# A closed loop asks nothing meanwhile.
	told '([.histogram_us[] | select(.[0] > 50000) | .[1]] | add) < 50'
}

@test "preforkbench: a rate that the server cannot hold shows as latency" {
	python_server '
def answer(c):
    while True:
        data = message(c)
        time.sleep(0.005)
        c.sendall(data)
each(answer)'
	load_with 0 -c 1 --rate 500 -d 400ms "$A"
	told '.requests == 200 and .seconds > 0.9'
	told '.latency_us.max > 500000 and .latency_us.p50 > 200000'
	# What is left when it is waited for no longer has failed.
	load_with 1 -c 1 --rate 2000 -d 400ms --timeout 200ms "$A"
	told '.requests + .errors.timed_out == 800 and .requests < 400'
}

# --- idle connections, processes, ends ---------------------------------------

@test "preforkbench: idle connections are held until they are let go" {
	one_server <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
		backlog = 1000
	END
	start_held --idle 500 -t 2 --exchange echo -d 40s \
		"tcp://127.0.0.1:$(port echo)"
	counter_is echo active 500
	let_go 0
	told '.requests == 500 and .open == 500 and .failed == 0'
	wait_until 5 counter_is echo active 0
}

@test "preforkbench: a held connection that the server closes has failed" {
	python_server '
held = [s.accept()[0] for i in range(5)]
held[2].close()
time.sleep(40)'
	load_with 1 --idle 5 -d 500ms "$A"
	told '.requests == 5 and .open == 4 and .errors.closed == 1'
}

@test "preforkbench: idle connections of a web server, used once" {
	python_server '
def answer(c):
    assert c.recv(1000).startswith(b"GET / HTTP/1.1\r\nHost: ")
    c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    c.recv(1)
each(answer)'
	load_with 0 --idle 20 --exchange http -d 100ms "$A"
	told '.requests == 20 and .open == 20'
}

@test "preforkbench: a signal ends it with what there is" {
	write_echo_config
	start_server
	local signal
	for signal in INT TERM; do
		start_held -d 50s -t 2 "tcp://127.0.0.1:$(port echo)"
		local children
		children=$(pgrep -P "$(pgrep -P "$HELD_BY")")
		kill "-$signal" "$(pgrep -P "$HELD_BY")"
		wait_gone "$HELD_BY" 10
		let_go 0
		tail -n 1 "$DIR/held" >"$DIR/json"
		told '.interrupted and .requests > 0 and .failed == 0'
		told '.seconds < 20 and .requests_per_second > 10'
		for pid in $children; do wait_gone "$pid"; done
	done
	# While nobody answers, too.
	python_server 'each(lambda c: time.sleep(40))'
	start_held -d 50s --timeout 40s "$A"
	kill -INT "$(pgrep -P "$HELD_BY")"
	wait_gone "$HELD_BY" 10
	let_go 0
}

@test "preforkbench: its processes go with it, and are missed" {
	write_echo_config
	start_server
	start_held -d 50s -t 2 "tcp://127.0.0.1:$(port echo)"
	local main children
	main=$(pgrep -P "$HELD_BY")
	children=$(pgrep -P "$main")
	kill -KILL "${children%%[[:space:]]*}"
	kill -INT "$main"
	let_go 1
	assert_file_contains "$DIR/err" "a process of the load ended by itself"

	start_held -d 50s -t 2 "tcp://127.0.0.1:$(port echo)"
	main=$(pgrep -P "$HELD_BY")
	children=$(pgrep -P "$main")
	kill -KILL "$main"
	for pid in $children; do wait_gone "$pid"; done
	let_go 137
}

@test "preforkbench: --cpu-of tells what a process tree took" {
	# For each connection a child that works for 50 ms and is gone.
	python_server '
while True:
    c = s.accept()[0]
    pid = os.fork()
    if pid == 0:
        while time.process_time() < 0.05:
            pass
        os._exit(0)
    os.waitpid(pid, 0)
    c.sendall(b"done\n")
    c.close()'
	load_with 0 -c 1 -n 4 --connect --exchange read --cpu-of "${HELPERS[0]}" "$A"
	# A fork starts its clock anew; the times are told in ticks of 10 ms.
	told '.cpu_us > 4 * 39000 and .cpu_us < 2000000'
	told '(.cpu_us / 4 - .cpu_us_per_request | fabs) < 1'
	# Of one that is not there nothing is told.
	load_with 0 -c 1 -n 1 --connect --exchange read --cpu-of 2147483647 "$A"
	told 'has("cpu_us") | not'
	run -0 timeout 20 "$BENCH" -c 1 -n 1 --connect --exchange read \
		--cpu-of "${HELPERS[0]}" "$A"
	assert_line --regexp "^CPU time of ${HELPERS[0]} and its children: [0-9.]+ms a request"
}

@test "preforkbench: the report for people, and a line while it goes" {
	write_echo_config
	start_server
	run -0 timeout 20 "$BENCH" -n 1000 "tcp://127.0.0.1:$(port echo)"
	assert_line --index 0 "tcp://127.0.0.1:$(port echo): 10 connections"
	assert_line --index 1 --regexp '^1000 requests in [0-9.]+ s: [0-9]+/s, .*sent, .*received$'
	assert_line --index 2 "0 failed"
	assert_line --index 3 --regexp '^latency: min .*, mean .*, 50% .*, 90% .*, 99% .*, 99.9% .*, max [0-9.]+[mu]?s$'
	assert_line --regexp '^  < .* [0-9.]+% #+$'
	for line in "${lines[@]}"; do assert [ "${#line}" -le 120 ]; done
	# Only a terminal is told how it goes.
	run -0 --separate-stderr timeout 20 "$BENCH" -d 700ms \
		"tcp://127.0.0.1:$(port echo)"
	assert_equal "$stderr" ""
	BENCH=$BENCH peers 'import pty, subprocess
main, other = pty.openpty()
p = subprocess.Popen([os.environ["BENCH"], "-d", "1200ms", sys.argv[1]],
    stderr=other, stdout=subprocess.DEVNULL)
os.close(other)
said = b""
try:
    while part := os.read(main, 1000):
        said += part
except OSError:
    pass
assert p.wait() == 0
assert b" of 1 s " in said and b"requests" in said, said
assert said.endswith(b"\r\x1b[K"), said' "tcp://127.0.0.1:$(port echo)"
}

@test "preforkbench: a result that cannot be written is a failure" {
	write_echo_config
	start_server
	local e
	e=tcp://127.0.0.1:$(port echo)
	run -1 bash -c "'$BENCH' -n 10 $e >/dev/full"
	run -1 bash -c "'$BENCH' --json -n 10 $e >/dev/full"
	run -1 bash -c "'$BENCH' -n 10 $e >&-"
	run -1 bash -c "'$BENCH' --help >/dev/full"
}
