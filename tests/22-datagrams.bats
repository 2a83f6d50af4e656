#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Datagrams: every length, the address that an answer comes from, the rules
# that keep forged questions from doing harm, and a counter for each reason.

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

@test "UDP: 0, 1, 1472 and 65507 bytes come back" {
	serve "udp://127.0.0.1:0 udp://[::1]:0"
	run peers '
for any, host, port in (("0.0.0.0", "127.0.0.1", 1), ("::", "::1", 2)):
    s = inet(any)
    for n in (0, 1, 1472, 65507):
        sent = os.urandom(n)
        s.sendto(sent, (host, int(sys.argv[port])))
        print(n, s.recv(70000) == sent)' "$(port echo 1)" "$(port echo 2)"
	assert_success
	assert_output "$(printf '%d True\n' 0 1 1472 65507 0 1 1472 65507)"
	assert_equal "$(counter echo datagrams_in)" 8
	assert_equal "$(counter echo datagrams_out)" 8
	assert_equal "$(counter echo bytes_in)" 133960
	assert_equal "$(counter echo bytes_out)" 133960
}

@test "unixgram: 0 to 65536 bytes come back, larger ones are dropped and counted" {
	serve "unixgram:$DIR/g"
	run peers '
s = unix()
for n in (0, 1, 1472, 65507, 65536):
    sent = os.urandom(n)
    s.sendto(sent, sys.argv[1])
    print(n, s.recv(70000) == sent)
s.sendto(bytes(65537), sys.argv[1])
s.sendto(b"still there?", sys.argv[1])
print(s.recv(70000))' "$DIR/g"
	assert_success
	assert_output "$(printf '%d True\n' 0 1 1472 65507 65536; echo "b'still there?'")"
	assert_equal "$(counter echo dropped_truncated)" 1
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

@test "ports below 1024 and 2049 are not answered" {
	serve "udp://127.0.0.1:0"
	local n=0 port
	for port in 1019 1023 2049; do
		assert_equal "$(forged_answer "$port")" silence
		n=$((n + 1))
		assert_equal "$(counter echo dropped_source)" "$n"
	done
	assert_equal "$(counter echo datagrams_out)" 0
	assert_equal "$(forged_answer 0)" silence
	assert_equal "$(counter echo dropped_source)" 4
}

# forge FROM-HOST FROM-PORT TO-HOST TO-PORT [BYTES]: by a raw socket.
forge() {
	timeout 5 python3 - "$@" <<-'END'
		import socket, struct, sys
		source, sport, target, dport = sys.argv[1:5]
		data = b"x" * int(sys.argv[5] if len(sys.argv) > 5 else 4)
		udp = struct.pack("!HHHH", int(sport), int(dport), 8 + len(data), 0)
		ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(data), 0, 0, 64,
		    17, 0, socket.inet_aton(source), socket.inet_aton(target))
		s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
		s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
		s.sendto(ip + udp + data, (target, 0))
	END
}

# forged_answer PORT: the datagram has been counted when this returns.
forged_answer() {
	local before
	before=$(counter echo datagrams_in)
	forge 127.0.0.1 "$1" 127.0.0.1 "$(port echo)"
	wait_until 5 counter_is echo datagrams_in $((before + 1)) || return
	if [ "$(counter echo datagrams_out)" = "${2-0}" ]; then
		echo silence
	else
		echo answer
	fi
}

@test "udp_reserved_ports = answer: they are" {
	serve "udp://127.0.0.1:0" "udp_reserved_ports = answer"
	assert_equal "$(forged_answer 1023 0)" answer
	assert_equal "$(forged_answer 2049 1)" answer
	# Port 0 is nobody's, whatever is set.
	assert_equal "$(forged_answer 0 2)" silence
	assert_equal "$(counter echo dropped_source)" 1
}

@test "an answer that is longer than the question is not given" {
	write_config <<-END
		[service small]
		handler = time
		listen = udp://127.0.0.1:0
		[service large]
		handler = time
		listen = udp://127.0.0.1:0
		udp_amplify = yes
	END
	start_server
	run peers '
small, large = (("127.0.0.1", int(n)) for n in sys.argv[1:])
s = inet()
for question in (b"", b"abc", b"abcd"):
    s.sendto(question, small)
print(len(s.recv(100)))
s.sendto(b"", large)
print(len(s.recv(100)))' "$(port small)" "$(port large)"
	assert_output $'4\n4'
	assert_equal "$(counter small dropped_larger)" 2
	assert_equal "$(counter small datagrams_out)" 1
	assert_equal "$(counter large dropped_larger)" 0
}

@test "nobody's, everybody's and broadcast sources are not answered" {
	serve "udp://*:0"
	local source
	for source in 255.255.255.255 224.0.0.1 127.255.255.255; do
		forge "$source" 5000 127.0.0.1 "$(port echo)"
	done
	# Of a network it is seen when sending that it has no such host.
	wait_until 5 counter_is echo dropped_send 1
	forge 127.0.0.1 5000 127.0.0.1 "$(port echo)"
	wait_until 5 counter_is echo datagrams_out 1
	assert_equal "$(counter echo datagrams_in)" \
		$(($(counter echo dropped_source) + 2))
}

@test "a broadcast is not answered" {
	write_config <<-END
		[service echo]
		handler = echo
		listen = udp://*:7777
	END
	# A network of our own, with an interface that has a broadcast address.
	start_server unshare --net -- sh -c '
		ip link set lo up
		ip link add v0 type veth peer name v1
		ip addr add 10.9.0.1/24 broadcast 10.9.0.255 dev v0
		ip link set v0 up
		ip link set v1 up
		ip route add default dev v0
		exec "$@"' sh
	nsenter -t "$SERVER" -n timeout 5 python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.sendto(b"anybody?", ("10.9.0.255", 7777))
s.sendto(b"anybody?", ("255.255.255.255", 7777))
s.sendto(b"you?", ("10.9.0.1", 7777))
s.settimeout(3)
print(s.recv(100))'
	wait_until 5 counter_is echo datagrams_out 1
	assert [ "$(counter echo dropped_broadcast)" -ge 1 ]
	assert_equal "$(counter echo datagrams_in)" \
		$(($(counter echo dropped_broadcast) + 1))
}

@test "a forged source cannot set two services, or one on itself, going" {
	write_config <<-END
		[service echo]
		handler = echo
		listen = udp://127.0.0.1:0
		[service upper]
		handler = upper
		listen = udp://127.0.0.1:0 udp://*:0
		udp_reserved_ports = answer
	END
	start_server
	local echo upper any
	echo=$(port echo) upper=$(port upper 1) any=$(port upper 2)
	forge 127.0.0.1 "$echo" 127.0.0.1 "$upper"
	wait_until 5 counter_is upper dropped_loop 1
	forge 127.0.0.1 "$echo" 127.0.0.1 "$echo"
	wait_until 5 counter_is echo dropped_loop 1
	forge 127.0.0.9 "$echo" 127.0.0.1 "$any"
	wait_until 5 counter_is upper dropped_loop 2
	# Everything that was forged has been counted, and nothing was sent.
	assert_equal "$(counter echo datagrams_in)" 1
	assert_equal "$(counter upper datagrams_in)" 2
	assert_equal "$(counter echo datagrams_out)" 0
	assert_equal "$(counter upper datagrams_out)" 0
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

@test "what the kernel drops for lack of room is shown" {
	serve "udp://127.0.0.1:0"
	local pids
	mapfile -t pids < <(worker_pids)
	kill -STOP "${pids[@]}"
	peers '
s = inet()
for i in range(400):
    s.sendto(bytes(8000), ("127.0.0.1", int(sys.argv[1])))' "$(port echo)"
	assert [ "$(ctl_json listeners | jq '.[0].drops')" -gt 0 ]
	assert [ "$(ctl_json listeners | jq '.[0].queue')" -gt 0 ]
	kill -CONT "${pids[@]}"
	wait_until 5 queue_is_empty
}

queue_is_empty() {
	ctl_json listeners | jq -e '.[0].queue == 0'
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
