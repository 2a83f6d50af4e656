#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# What a service's limits and timeouts do to connections. What bad peers do is
# in 54-faults-tcp.bats.

load helpers

setup() {
	common_setup
}

teardown() {
	common_teardown
}

# serve LINE [POOL-LINES]: an echo service with that setting.
serve() {
	write_config "" "${2-}" <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
		$1
	END
	start_server
}

@test "idle_timeout closes who is silent; activity postpones it" {
	serve "idle_timeout = 600ms"
	clients '
silent, talker, begin = connect(), connect(), time.monotonic()
while time.monotonic() < begin + 1.5:
    answered(talker)
    time.sleep(0.1)
assert silent.recv(1) == b""
answered(talker)
talker.settimeout(5)
last = time.monotonic()
assert talker.recv(1) == b""
assert 0.5 < time.monotonic() - last < 4'
	wait_until 5 counter_is echo closed_idle 2
	assert_equal "$(counter echo closed_done)" 0
}

@test "idle_timeout counts from the last byte in either direction" {
	write_config <<-'END'
		[service echo]
		handler = chargen
		listen = tcp://127.0.0.1:0
		idle_timeout = 600ms
	END
	start_server
	# A client that only reads is not idle; one that stops reading is.
	clients '
s, begin = connect(), time.monotonic()
while time.monotonic() < begin + 1.5:
    assert s.recv(65536) != b""
    time.sleep(0.0001)'
	wait_until 5 counter_is echo active 0
	hold client "$(port echo)"
	wait_until 5 counter_is echo closed_idle 1
}

@test "allow: the others are refused and counted, IPv4 also through IPv6" {
	write_config <<-END
		[service echo]
		handler = echo
		listen = tcp://*:0
		listen = fd://both unix:$DIR/s
		allow = 127.0.0.0/30, ::1
	END
	start_server python3 -c '
import os, socket, sys
s = socket.socket(socket.AF_INET6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(("::", 0))
s.listen()
os.set_inheritable(os.dup2(s.fileno(), 3), True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1",
    LISTEN_FDNAMES="both")
os.execv(sys.argv[1], sys.argv[1:])'
	clients '
def said(port, source, to="127.0.0.1"):
    s = socket.create_connection((to, port), 5, (source, 0))
    try:
        s.sendall(b"x")
        return s.recv(1)
    except ConnectionError:
        return b""
for port in map(int, sys.argv[1:]):
    assert said(port, "127.0.0.1") == b"x"
    assert said(port, "127.0.0.3") == b"x"
    assert said(port, "127.0.0.4") == b""
    assert said(port, "::1", "::1") == b"x"
' "$(port echo 1)" "$(port echo 3)"
	assert_equal "$(counter echo refused_acl)" 2
	assert_equal "$(counter echo accepted)" 6
	# It is about networks: a Unix socket has its file's mode.
	assert_equal "$(timeout 5 socat -t 5 - "unix-connect:$DIR/s" <<<x)" x
	assert_equal "$(n_log_lines 'refused 127.0.0.4:.*not in allow\|refused.*::ffff:127.0.0.4.*not in allow')" \
		"$(n_log_lines 'not in allow')"
}

@test "max_connections of a service is exact over its workers" {
	serve "max_connections = 5"
	clients '
held = [answered(connect()) for i in range(5)]
sixth = connect()
sixth.sendall(b"x")
assert waits(sixth)
seventh = connect()
seventh.sendall(b"y")
held.pop().close()
assert sixth.recv(1) == b"x"
assert waits(seventh)
held.pop(0).close()
assert seventh.recv(1) == b"y"
for s in held:
    answered(s)'
	assert [ "$(counter echo limit_reached)" -ge 2 ]
	wait_until 5 counter_is echo active 0
}

@test "a limit below the number of workers is exact as well" {
	serve "max_connections = 1" "workers = 3"
	clients '
first = answered(connect())
second = connect()
second.sendall(b"x")
assert waits(second)
first.close()
assert second.recv(1) == b"x"'
}

# Slots may have gaps then: a worker that drains keeps its own.
@test "the limit is exact after scaling down and up, too" {
	local held
	serve "max_connections = 3" "workers = 4"
	# One of the workers that go still has this client, and stays a while.
	hold held "$(port echo)"
	echo x >&"$held"
	read -rt 5 -u "$held"
	ctl workers default 2
	ctl workers default 4
	wait_until 5 ready_workers_are 4
	release "$held"
	wait_until 8 counter_is echo active 0
	clients '
held = [answered(connect()) for i in range(3)]
fourth = connect()
fourth.sendall(b"x")
assert waits(fourth)
held.pop().close()
assert fourth.recv(1) == b"x"'
}

@test "a service at its limit does not hinder another one" {
	write_config <<-'END'
		[service full]
		handler = echo
		listen = tcp://127.0.0.1:0
		max_connections = 2
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
	END
	start_server
	clients '
full = [socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    for i in range(20)]
for s in full:
    s.sendall(b"x")
for i in range(50):
    answered(connect())
served = set()
end = time.monotonic() + 5
while len(served) < 2 and time.monotonic() < end:
    served |= set(select.select(full, [], [], 0.1)[0])
rest = [s for s in full if s not in served]
assert len(served) == 2 and not select.select(rest, [], [], 0.3)[0]' "$(port full)"
}

@test "max_connections of a pool holds for each worker" {
	serve "" "max_connections = 3"
	clients '
held = [answered(connect()) for i in range(6)]
seventh = connect()
seventh.sendall(b"x")
assert waits(seventh)
held.pop().close()
assert seventh.recv(1) == b"x"'
	assert [ "$(counter echo limit_reached)" -ge 2 ]
}

@test "the backlog is as configured" {
	serve "backlog = 7"
	assert_equal "$(ctl_json listeners | jq '.[0].limit')" 7
	assert_equal "$(ss -Hltn "sport = :$(port echo)" | awk '{ print $3 }')" 7
}

@test "the queue is told" {
	serve "max_connections = 1"
	hold first "$(port echo)"
	wait_until 5 counter_is echo active 1
	hold second "$(port echo)"
	hold third "$(port echo)"
	assert_equal "$(ctl_json listeners | jq '.[0].queue')" 2
}

# accepted_option PORT LEVEL NAME: of the worker's end of its only connection.
accepted_option() {
	timeout 5 python3 - "$(worker_pid 1)" "$@" <<-'END'
		import ctypes, os, socket, sys
		pid, port, level, name = sys.argv[1:]
		getfd = ctypes.CDLL(None, use_errno=True).syscall
		for fd in map(int, os.listdir(f"/proc/{pid}/fd")):
		    if not os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:"):
		        continue
		    copy = getfd(438, os.pidfd_open(int(pid)), fd, 0)
		    assert copy != -1, os.strerror(ctypes.get_errno())
		    s = socket.socket(fileno=copy)
		    if s.family != socket.AF_INET or not s.getsockname()[1] == int(port):
		        continue
		    if s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
		        continue
		    value = s.getsockopt(getattr(socket, level), getattr(socket, name))
		    print("on" if value else "off")
	END
}

# option_is SETTING VALUE LEVEL NAME WANTED: on an accepted connection.
option_is() {
	serve "$1 = $2" "workers = 1"
	hold client "$(port echo)"
	wait_until 5 counter_is echo active 1
	assert_equal "$(accepted_option "$(port echo)" "$3" "$4")" "$5"
}

@test "nodelay = yes" {
	option_is nodelay yes IPPROTO_TCP TCP_NODELAY on
}

@test "nodelay = no" {
	option_is nodelay no IPPROTO_TCP TCP_NODELAY off
}

keepalive_timer() {
	ss -Htno state established "sport = :$(port echo)"
}

@test "keepalive = yes" {
	option_is keepalive yes SOL_SOCKET SO_KEEPALIVE on
	run keepalive_timer
	assert_output --partial "timer:(keepalive,"
}

@test "keepalive = no" {
	option_is keepalive no SOL_SOCKET SO_KEEPALIVE off
	run keepalive_timer
	assert_output --partial "127.0.0.1:"
	refute_output --partial "keepalive"
}

@test "bytes pass with urgent data, tiny segments and huge ones in between" {
	serve "idle_timeout = 5s"
	clients '
s = connect()
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
sent = b""
for i in range(200):
    part = os.urandom(1 if i % 10 else 40000)
    s.sendall(part)
    got = b""
    while len(got) < len(part):
        got += s.recv(len(part) - len(got))
    assert got == part
s.send(b"!", socket.MSG_OOB)
answered(s)'
}
