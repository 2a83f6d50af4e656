#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Datagrams: the address that an answer comes from, who gets one, and those
# that travel as one. Forged and odd ones are in 55-faults-udp.bats.

load helpers

setup() {
	common_setup
}

teardown() {
	common_teardown
}

# serve ADDRESSES [LINE]: an echo service "echo" there.
serve() {
	write_config <<-END
		[service echo]
		handler = echo
		listen = $1
		${2-}
	END
	start_server
}

@test "unixgram: a sender without a name is heard and not answered" {
	serve "unixgram:$DIR/g"
	peers 'unix(None).sendto(b"anonymous", sys.argv[1])' "$DIR/g"
	wait_until 5 counter_is echo datagrams_in 1
	wait_until 5 counter_is echo dropped_source 1
	assert_equal "$(counter echo datagrams_out)" 0
}

@test "unixgram: a sender that does not read costs its answers only" {
	serve "unixgram:$DIR/g"
	run peers '
deaf, good = unix(), unix()
for i in range(500):
    deaf.sendto(b"x" * 1000, sys.argv[1])
good.sendto(b"and me?", sys.argv[1])
print(good.recv(100))' "$DIR/g"
	assert_output "b'and me?'"
	wait_until 5 counter_is echo datagrams_in 501
	assert [ "$(counter echo dropped_send)" -gt 0 ]
}

@test "a batch is answered in order, each sender gets its own" {
	serve "udp://127.0.0.1:0"
	local pids
	mapfile -t pids < <(worker_pids)
	kill -STOP "${pids[@]}"
	peers '
to = ("127.0.0.1", int(sys.argv[1]))
clients = [inet() for i in range(5)]
for n in range(20):
    for i, s in enumerate(clients):
        s.sendto(b"%d of %d" % (n, i), to)
for pid in sys.argv[3:]:
    os.kill(int(pid), 18)
for i, s in enumerate(clients):
    got = sorted(s.recv(100) for n in range(20))
    assert got == sorted(b"%d of %d" % (n, i) for n in range(20)), got
' "$(port echo)" -- "${pids[@]}"
	assert_equal "$(counter echo datagrams_out)" 100
}

@test "on every address an answer comes from the address that was asked" {
	serve "udp://*:0"
	run peers '
port = int(sys.argv[1])
for host in ("127.0.0.1", "127.0.0.2", "127.1.2.3"):
    s = inet()
    s.sendto(b"?", (host, port))
    print(s.recvfrom(10)[1] == (host, port))
s = inet("::")
s.sendto(b"?", ("::1", port))
print(s.recvfrom(10)[1][:2] == ("::1", port))' "$(port echo)"
	assert_output "$(printf 'True\n%.0s' 1 2 3 4)"
}

@test "IPv4 to an IPv6 socket that takes both is answered likewise" {
	write_config <<-'END'
		[service echo]
		handler = echo
		listen = fd://both
	END
	start_server python3 -c '
import os, socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(("::", 0))
os.set_inheritable(os.dup2(s.fileno(), 3), True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1",
    LISTEN_FDNAMES="both")
os.execv(sys.argv[1], sys.argv[1:])'
	run peers '
s = inet()
s.sendto(b"?", ("127.0.0.2", int(sys.argv[1])))
print(s.recvfrom(10)[1][0])' "$(port echo)"
	assert_output 127.0.0.2
}

@test "allow holds for datagrams" {
	serve "udp://*:0" "allow = 127.0.0.2/32, ::1"
	run peers '
port = int(sys.argv[1])
inet("127.0.0.3").sendto(b"no", ("127.0.0.1", port))
s = inet("127.0.0.2")
s.sendto(b"yes", ("127.0.0.1", port))
print(s.recv(10))
s = inet("::")
s.sendto(b"yes", ("::1", port))
print(s.recv(10))' "$(port echo)"
	assert_output "b'yes'"$'\n'"b'yes'"
	wait_until 5 counter_is echo dropped_acl 1
	assert_equal "$(counter echo datagrams_in)" 3
}

# Sends datagrams of SIZE bytes, the last perhaps shorter, as one message.
SEND_JOINED='
def send_joined(s, data, size, host, port):
    s.sendmsg([data], [(socket.IPPROTO_UDP, 103, size.to_bytes(2, "little"))], 0,
              (host, port))
'

@test "datagrams that travel as one are datagrams each (UDP_SEGMENT, UDP_GRO)" {
	serve "udp://127.0.0.1:0 udp://*:0 udp://[::1]:0"
	local address
	for address in "127.0.0.1 $(port echo 1)" "127.0.0.2 $(port echo 2)" \
	    "::1 $(port echo 4)"; do
		# shellcheck disable=SC2086 # host and port
		run peers "$SEND_JOINED"'
host, port = sys.argv[1], int(sys.argv[2])
s = inet("::" if ":" in host else "0.0.0.0")
data = os.urandom(1050)
send_joined(s, data, 100, host, port)
answers = [s.recvfrom(2000) for i in range(11)]
print([len(a) for a, _ in answers], b"".join(a for a, _ in answers) == data,
      {peer[:2] for _, peer in answers} == {(host, port)})' $address
		assert_success
		assert_output "[100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 50] True True"
	done
	assert_equal "$(counter echo datagrams_in)" 33
	assert_equal "$(counter echo datagrams_out)" 33
	assert_equal "$(counter echo bytes_in)" 3150
	assert_equal "$(counter echo bytes_out)" 3150
}

@test "each of those that travel as one is judged and counted" {
	serve "udp://127.0.0.1:0"
	peers "$SEND_JOINED"'
s = inet("127.0.0.1", 1023)
send_joined(s, bytes(350), 100, "127.0.0.1", int(sys.argv[1]))' "$(port echo)"
	wait_until 5 counter_is echo dropped_source 4
	assert_equal "$(counter echo datagrams_in)" 4
	assert_equal "$(counter echo datagrams_out)" 0
}

@test "answers that cannot travel as one go one by one" {
	write_config "" "workers = 1" <<-END
		[service echo]
		handler = echo
		listen = udp://127.0.0.1:0
	END
	# Parts of 1,200 bytes do not fit a device that takes 1,000.
	# shellcheck disable=SC2016 # for the inner shell
	start_server unshare --net sh -c \
		'ip link set lo mtu 1000 up; exec "$0" "$@"'
	local pids
	mapfile -t pids < <(worker_pids)
	kill -STOP "${pids[@]}"
	nsenter --net="/proc/$SERVER/ns/net" python3 -c '
import os, signal, socket, sys
to = ("127.0.0.1", int(sys.argv[1]))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
sent = [bytes([i]) * 1200 for i in range(10)]
for one in sent:
    s.sendto(one, to)
for pid in sys.argv[2:]:
    os.kill(int(pid), signal.SIGCONT)
print([s.recv(2000) for one in sent] == sent)' "$(port echo)" "${pids[@]}" \
		>"$DIR/answer"
	assert_equal "$(cat "$DIR/answer")" True
	assert_equal "$(counter echo datagrams_out)" 10
	assert_equal "$(counter echo dropped_send)" 0
}
