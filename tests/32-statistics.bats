# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# Counters tell the truth: what clients did is what they add up to, whatever
# happens to the workers meanwhile. And the forms in which they are told.

setup() {
	load helpers
	common_setup
	PRELUDE="
import json, re, socket, struct, subprocess, sys, time
def stats():
    return json.loads(subprocess.check_output(
        ['$PREFORKCTL', '-s', '$SOCKET', '-j', 'stats']))
def connect(port):
    return socket.create_connection(('127.0.0.1', port), 10)
def rest(s):
    got = b''
    while True:
        part = s.recv(65536)
        if not part: return got
        got += part
"
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

# python COMMANDS: with the functions of PRELUDE.
python() {
	timeout 30 python3 -c "$PRELUDE$1"
}

background_python() {
	background timeout 30 python3 -c "$PRELUDE$1"
}

# ids [SERVICE]: of its connections.
ids() {
	ctl_json connections "$@" | jq -r '.[].id'
}

connections_are() {
	[ "$(ids | wc -l)" = "$1" ]
}

# Everything accepted is closed for some cause, or there.
adds_up() {
	ctl_json stats | jq -e --arg s "$1" '.services[] |
	    select(.service == $s) | .accepted ==
	    .active + ([to_entries[] | select(.key | startswith("closed_"))
	    | .value] | add)'
}

queue_is() {
	[ "$(ctl_json listeners | jq '.[0].queue')" = "$1" ]
}

# samples NAME: the values of a Prometheus family.
samples() {
	ctl stats prometheus | sed -n "s/^$1\(\|{.*}\) //p"
}

# --- the truth ---------------------------------------------------------------

@test "counters: connections and bytes are those of the clients" {
	write_echo_config
	start_server
	run -0 python "
for i in range(40):
    s = connect($(port echo))
    s.sendall(b'x' * 1000 * i)
    s.shutdown(socket.SHUT_WR)
    assert len(rest(s)) == 1000 * i"
	wait_until 5 counter_is echo closed_done 40
	counter_is echo accepted 40
	counter_is echo bytes_in 780000
	counter_is echo bytes_out 780000
	counter_is echo active 0
	adds_up echo
}

@test "counters: datagrams are those of the clients" {
	write_config <<-END
		[service echo]
		handler = echo
		listen = udp://127.0.0.1:0
	END
	start_server
	run -0 python "
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.connect(('127.0.0.1', $(port echo)))
for i in range(50):
    s.send(b'x' * i)
    assert len(s.recv(100)) == i"
	wait_until 5 counter_is echo datagrams_out 50
	counter_is echo datagrams_in 50
	counter_is echo bytes_in 1225
	counter_is echo bytes_out 1225
}

@test "counters: the sum over the workers is the total" {
	write_echo_config "" "workers = 4"
	start_server
	run -0 python "
for i in range(100):
    connect($(port echo)).close()"
	wait_until 5 counter_is echo active 0
	run -0 jq '[.workers[].accepted] | add' <(ctl_json stats)
	assert_output 100
	counter_is echo accepted 100
	adds_up echo
}

@test "counters: active follows the connections, per service and worker" {
	write_echo_config
	start_server
	local a b c
	hold a "$(port echo)"
	hold b "$(port echo)"
	hold c "$(port echo)"
	echoes "$a" && echoes "$b" && echoes "$c"
	counter_is echo active 3
	run -0 jq '[.[].connections] | add' <(ctl_json workers)
	assert_output 3
	run -0 jq '.pools[0].connections' <(ctl_json status)
	assert_output 3
	release "$a"
	wait_until 5 counter_is echo active 2
	release "$b"
	release "$c"
	wait_until 5 counter_is echo active 0
}

@test "counters: connections are closed by cause" {
	write_config "" <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
		[service idle]
		handler = echo
		listen = tcp://127.0.0.1:0
		idle_timeout = 200ms
		[service session]
		handler = echo
		listen = tcp://127.0.0.1:0
		session_timeout = 200ms
	END
	set_setting drain_timeout 300ms
	start_server
	local fd echo
	echo=$(port echo)
	tcp "$echo" <<<"done"
	wait_until 5 counter_is echo closed_done 1
	python "
s = connect($echo)
s.sendall(b'x'); s.recv(1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
s.close()"
	wait_until 5 counter_is echo closed_reset 1
	python "rest(connect($(port idle)))"
	wait_until 5 counter_is idle closed_idle 1
	python "rest(connect($(port session)))"
	wait_until 5 counter_is session closed_session 1
	hold fd "$echo"
	echoes "$fd"
	run -0 ctl close "$(ids echo)"
	assert_output closed
	wait_until 5 counter_is echo closed_operator 1
	hold fd "$echo"
	echoes "$fd"
	kill -KILL "$(ids echo | cut -d. -f1)"
	wait_until 5 counter_is echo closed_lost 1
	wait_until 5 ready_workers_are 2
	hold fd "$echo"
	echoes "$fd"
	ctl restart
	wait_until 5 counter_is echo closed_drain 1
	wait_until 5 counter_is echo active 0
	local service
	for service in echo idle session; do adds_up "$service"; done
	counter_is echo accepted 5
}

@test "counters: sessions stand in the histogram by their length" {
	write_echo_config
	start_server
	tcp "$(port echo)" </dev/null
	python "
s = connect($(port echo))
s.sendall(b'x')
s.recv(1)
time.sleep(0.3)
s.close()"
	wait_until 5 counter_is echo closed_done 2
	run -0 python "
s = stats()['services'][0]
buckets = [(b['up_to_ms'], b['sessions']) for b in s['sessions']]
counts = [n for _, n in buckets]
assert counts == sorted(counts) and counts[-1] == 2, buckets
assert buckets[-1][0] is None
assert dict(buckets)[100] == 1, buckets
assert 300 <= s['session_ms'] < 5000, s['session_ms']"
}

@test "counters: none goes back while workers die, drain and are replaced" {
	write_config "" "workers = 3" <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
		[service more]
		handler = upper
		listen = udp://127.0.0.1:0
	END
	start_server
	background_python "
last, n = {}, 0
import os
def check(path, value):
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in ('active', 'spread', 'workers', 'state'):
                check(path + (key,), item)
    elif isinstance(value, list):
        for i, item in enumerate(value): check(path + (i,), item)
    elif isinstance(value, int):
        assert value >= last.get(path, 0), (path, last[path], value)
        last[path] = value
while not os.path.exists('$DIR/enough'):
    now = stats()
    check(('services',), now['services'])
    check(('pools',), now['pools'])
    n += 1
print(n, 'times')" >"$DIR/watcher" 2>&1
	start_load "$(port echo)"
	local i
	for i in 1 2 3 4 5; do
		kill -KILL "$(worker_pid 1)" || :
		ctl workers default +1
		kill -TERM "$(worker_pid 2)" || :
		ctl restart || :
		ctl workers default -1 || :
		wait_until 10 ready_workers_are 3
	done
	end_load
	touch "$DIR/enough"
	wait_gone "${HELPERS[-1]}"
	run -0 cat "$DIR/watcher"
	assert_output --regexp '^[0-9]{2,} times$'
	wait_until 10 counter_is echo active 0
	adds_up echo
}

@test "counters: those of a service survive its removal and its return" {
	write_config <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
		[service hello]
		handler = hello
		listen = tcp://127.0.0.1:0
	END
	start_server
	tcp "$(port hello)" </dev/null
	wait_until 5 counter_is hello closed_done 1
	cp "$CONFIG" "$DIR/both"
	sed -i '/service hello/,$d' "$CONFIG"
	ctl reload
	counter_is hello accepted ""
	cp "$DIR/both" "$CONFIG"
	ctl reload
	counter_is hello accepted 1
}

@test "counters: restarts, deaths and reloads are counted" {
	write_echo_config
	start_server
	kill -KILL "$(worker_pid 1)"
	wait_until 5 ready_workers_are 2
	ctl restart
	ctl reload
	echo junk >>"$CONFIG"
	LOG_ERRORS='junk|reload failed'
	run -4 ctl reload
	wait_until 5 eval '[ "$(ctl_json workers | jq length)" = 2 ]'
	run -0 jq -c '.pools[0] | [.started, .exited, .failed, .killed]' \
		<(ctl_json stats)
	assert_output '[5,2,0,1]'
	run -0 jq -c '.daemon | [.configuration, .reloads, .failed_reloads]' \
		<(ctl_json stats)
	assert_output '[3,1,1]'
}

# --- the forms ---------------------------------------------------------------

@test "stats: JSON has everything" {
	write_echo_config
	start_server
	run -0 jq -r 'keys[]' <(ctl_json stats)
	assert_output $'certificates\ndaemon\nlisteners\npools\nservices\nworkers'
	run -0 jq -e '.services[0] | .service == "echo" and
	    .pool == "default" and .handler == "echo" and
	    ([.accepted, .closed_done, .closed_lost, .refused_acl, .bytes_in,
	      .datagrams_in, .dropped_loop, .busy_us, .session_ms]
	      | all(type == "number")) and (.sessions | length) == 13' \
		<(ctl stats json)
	run -0 jq -e '.workers | length == 2 and
	    all(.pid > 1 and .rss_bytes > 100000 and .state == "ready")' \
		<(ctl_json stats)
	run -0 diff <(ctl stats json | jq '.services') \
		<(ctl_json stats | jq '.services')
}

@test "stats: the text fits a terminal and tells what is wrong first" {
	write_echo_config
	start_server
	head -c 3000000 /dev/zero | tcp "$(port echo)" | cat >/dev/null
	wait_until 5 counter_is echo closed_done 1
	run -0 ctl stats
	assert_line --index 0 --regexp \
		"^preforkd [0-9.]+ \(pid $SERVER\) up [0-9]+m?s, configuration 1, ready\$"
	assert_line --regexp \
		'^echo +0 +1 +1 +0 +2.9M +2.9M +0 +0 +0$'
	assert_line --regexp '^service +echo +closed_total +done +1$'
	assert_line --regexp '^default +ready +2 +2 +0 +0 +0 +[12].00$'
	assert_line --regexp '^default/2 .* [0-9.]+M$'
	assert_line --regexp '^tcp://127.0.0.1:[0-9]+ +echo +echo +0 +4096 +0 '
	local line
	while IFS= read -r line; do
		assert [ "${#line}" -le 100 ]
	done <<<"$output"
	ctl drain
	run -0 ctl stats
	assert_line --index 0 --partial "NOT READY: draining"
	ctl resume
}

@test "stats: Prometheus takes it without a complaint" {
	write_config "" <<-END
		[pool second]
		workers = 1
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0 udp://127.0.0.1:0
		[service hello]
		handler = hello
		pool = second
		listen = unix:$DIR/hello.sock tcp://127.0.0.1:0
	END
	start_server
	tcp "$(port echo)" <<<"hello"
	kill -KILL "$(worker_pid 1)"
	kill -34 "$(worker_pids second)"
	kill -35 "$(worker_pid 2)"
	wait_until 10 ctl health
	ctl stats prometheus >"$DIR/metrics"
	run -0 promtool check metrics <"$DIR/metrics"
	assert_output ""
	run -0 python "
seen, current, kinds = set(), None, {}
buckets, last = {}, 0
for line in open('$DIR/metrics'):
    line = line.rstrip('\n')
    if line.startswith('# '):
        _, what, name, text = line.split(' ', 3)
        if what == 'HELP':
            assert name not in seen, name + ' twice'
            seen.add(name); current = name
        else:
            assert name == current and name not in kinds, line
            kinds[name] = text
        continue
    name, labels, value = re.fullmatch(
        r'(\w+)(?:\{(.*)\})? (\S+)', line).groups()
    assert (name, labels) not in seen, line
    seen.add((name, labels))
    base = name
    if kinds[current] == 'histogram':
        base = re.sub('_(bucket|sum|count)$', '', name)
    assert base == current, line
    assert name.startswith('preforkd_') and float(value) >= 0
    assert (kinds[current] == 'counter') == name.endswith('_total'), line
    if name.endswith('_bucket'):
        le = re.search(',?le=\"([^\"]*)\"', labels)
        key = labels.replace(le.group(0), '')
        before = buckets.get(key, (float('-inf'), 0))
        now = (float(le.group(1)), int(value))
        assert now[0] > before[0] and now[1] >= before[1], line
        buckets[key] = now
    if name.endswith('_count'):
        assert buckets[labels] == (float('inf'), int(value)), line
assert len(buckets) == 2 and any(n for _, n in buckets.values())"
	run -0 grep '^preforkd_worker_exits_total.*default.*KILL' "$DIR/metrics"
	assert_output 'preforkd_worker_exits_total{pool="default",signal="KILL"} 1'
}

@test "stats: Prometheus says the same as JSON" {
	write_echo_config
	start_server
	local i
	for i in 1 2 3; do tcp "$(port echo)" <<<"hello"; done
	wait_until 5 counter_is echo closed_done 3
	assert_equal "$(samples preforkd_service_accepted_total)" 3
	assert_equal "$(samples preforkd_service_received_bytes_total)" 18
	assert_equal "$(samples preforkd_service_session_duration_seconds_count)" 3
	assert_equal "$(samples preforkd_worker_starts_total)" 2
	assert_equal "$(samples preforkd_ready)" 1
	assert_equal "$(samples preforkd_service_connections)" 0
	assert_equal "$(samples preforkd_worker_resident_memory_bytes | wc -l)" 2
	# Unsampled, yet a number that only grows.
	run -0 samples preforkd_service_busy_seconds_total
	assert_output --regexp '^[0-9]+\.[0-9]+$'
}

@test "stats: spread is the busiest worker over the mean" {
	write_echo_config
	start_server
	kill -STOP "$(worker_pid 2)"
	local i
	for i in 1 2 3 4; do tcp "$(port echo)" <<<"hello" >/dev/null; done
	run -0 jq -e '.pools[0].spread == 2' <(ctl_json stats)
	kill -CONT "$(worker_pid 2)"
}

# --- connections and listeners -----------------------------------------------

@test "connections: each with peer, listener, service, worker and bytes" {
	write_config <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
		[service local]
		handler = upper
		listen = unix:$DIR/local.sock
	END
	start_server
	hold fd "$(port echo)"
	echoes "$fd"
	background_python "
s = socket.socket(socket.AF_UNIX); s.connect('$DIR/local.sock')
s.sendall(b'abc'); s.recv(3); s.shutdown(socket.SHUT_WR); time.sleep(20)"
	wait_until 5 eval '[ -n "$(ids echo)" ]'
	local peer
	peer=$(ss -Htn "dport = :$(port echo)" | awk '{ print $4 }')
	run -0 jq -e --arg peer "$peer" --arg local "$(listener echo)" '.[0] |
	    .peer == $peer and .local == $local and .service == "echo" and
	    (.worker | startswith("default/")) and .state == "open" and
	    .bytes_in == 6 and .bytes_out == 6 and .unsent_bytes == 0 and
	    .age_ms >= .idle_ms' <(ctl_json connections echo)
	assert_equal "$(ids echo | cut -d. -f1)" \
		"$(ctl_json workers | jq '.[] | select(.connections > 0 and
		    .accepted > 0) | .pid' | grep -x "$(ids echo | cut -d. -f1)")"
	run -0 ctl connections echo
	assert_line --index 0 --regexp '^ID +SERVICE +WORKER +PEER +LOCAL +STATE +AGE '
	assert_line --index 1 --regexp "^$(ids echo) +echo +default/[12] +$peer +tcp://"
	assert_equal "${#lines[@]}" 2
}

@test "workers: requests, and how the one before ended" {
	write_config "" "workers = 1" <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0 udp://127.0.0.1:0
	END
	start_server
	echo one | tcp "$(port echo 1)"
	echo two | udp "$(port echo 2)"
	run -0 jq -c '[.[0].requests, .[0].last_exit]' <(ctl_json workers)
	assert_output '[2,"-"]'
	kill -KILL "$(slot_pid 1)"
	wait_until 5 log_has 'killed by signal 9'
	wait_until 5 slot_is_ready 1
	run -0 jq -c '[.[0].requests, .[0].last_exit]' <(ctl_json workers)
	assert_output '[0,"KILL"]'
	run -0 ctl workers
	assert_line --index 0 --regexp ' ACCEPTED +REQUESTS .* LAST_EXIT$'
}

@test "connections: a reader that stands still is shown as blocked" {
	write_echo_config
	start_server
	background_python "
s = connect($(port echo))
s.settimeout(2)
try:
    while True: s.sendall(b'x' * 65536)
except socket.timeout: time.sleep(20)"
	wait_until 10 eval \
		'[ "$(ctl_json connections | jq -r ".[].state")" = blocked ]'
	run -0 jq -e '.[0] | .bytes_in > 100000 and .unsent_bytes > 0' \
		<(ctl_json connections)
	counter_is echo active 1
}

@test "connections: close ends exactly that one" {
	write_echo_config
	start_server
	local a b c id
	hold a "$(port echo)"
	echoes "$a"
	hold b "$(port echo)"
	echoes "$b"
	id=$(ctl_json connections | jq -r 'min_by(.idle_ms) | .id')
	hold c "$(port echo)"
	echoes "$c"
	run -0 ctl close "$id"
	assert_output closed
	wait_until 5 connections_are 2
	run ! echoes "$b"
	echoes "$a"
	echoes "$c"
	run -1 ctl close "$id"
	assert_output --partial "there is no such connection"
	counter_is echo closed_operator 1
}

@test "connections: a thousand are all listed" {
	write_echo_config
	start_server
	background_python "
all = [connect($(port echo)) for _ in range(1000)]
time.sleep(20)"
	wait_until 20 counter_is echo active 1000
	connections_are 1000
	assert_equal "$(ids | sort -u | wc -l)" 1000
	end_background
	wait_until 10 connections_are 0
}

@test "listeners: what waits is shown with its limit" {
	write_config <<-END
		[service echo]
		handler = echo
		backlog = 16
		listen = tcp://127.0.0.1:0
	END
	start_server
	queue_is 0
	local pids fds=() fd i
	mapfile -t pids < <(worker_pids)
	kill -STOP "${pids[@]}"
	for i in 1 2 3 4 5; do
		hold fd "$(port echo)"
		fds+=("$fd")
	done
	wait_until 5 queue_is 5
	run -0 jq -c '.[0] | [.limit, .unit]' <(ctl_json listeners)
	assert_output '[16,"connections"]'
	assert_equal "$(samples preforkd_accept_queue_connections)" 5
	kill -CONT "${pids[@]}"
	wait_until 5 queue_is 0
	for fd in "${fds[@]}"; do echoes "$fd"; done
}

@test "listeners: what waits on a Unix socket is shown as well" {
	write_config <<-END
		[service echo]
		handler = echo
		backlog = 16
		listen = unix:$DIR/echo.sock
	END
	start_server
	queue_is 0
	local pids
	mapfile -t pids < <(worker_pids)
	kill -STOP "${pids[@]}"
	background_python "
held = []
for i in range(5):
    s = socket.socket(socket.AF_UNIX)
    s.connect('$DIR/echo.sock')
    held.append(s)
time.sleep(20)"
	wait_until 5 queue_is 5
	run -0 jq -c '.[0] | [.limit, .unit]' <(ctl_json listeners)
	assert_output '[16,"connections"]'
	kill -CONT "${pids[@]}"
	wait_until 5 queue_is 0
}

@test "connections: a producer whose reader stands still is blocked" {
	write_config <<-END
		[service chargen]
		handler = chargen
		listen = tcp://127.0.0.1:0
	END
	start_server
	background_python "
s = socket.create_connection(('127.0.0.1', $(port chargen)))
time.sleep(20)"
	wait_until 10 blocked_connections_are 1
}

blocked_connections_are() {
	[ "$(ctl_json connections |
		jq '[.[] | select(.state == "blocked")] | length')" = "$1" ]
}

@test "listeners: datagrams that wait and that are lost are shown" {
	write_config "" "workers = 1" <<-END
		[service discard]
		handler = discard
		listen = udp://127.0.0.1:0
	END
	start_server
	queue_is 0
	kill -STOP "$(worker_pid 1)"
	python "
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(2000): s.sendto(b'x' * 1000, ('127.0.0.1', $(port discard)))"
	run -0 jq -e '.[0] | .queue > 10000 and .limit > 10000 and
	    .drops > 100 and .unit == "bytes"' <(ctl_json listeners)
	kill -CONT "$(worker_pid 1)"
	wait_until 5 queue_is 0
}
