# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# docs/faults.md, rows 78 to 81: datagrams with forged senders, of odd sizes,
# that cannot be answered, or more than fit.

setup() {
	load faults
	faults_setup
}

teardown() {
	faults_teardown
}

# --- verbs -------------------------------------------------------------------

# serve ADDRESSES [LINE [POOL-LINE]]: an echo service "echo" there.
serve() {
	write_config "" "${3-}" <<-END
		[service echo]
		handler = echo
		listen = $1
		${2-}
	END
	start_watched
}

# forge FROM-HOST FROM-PORT TO-HOST TO-PORT: a datagram, by a raw socket.
forge() {
	peers 'forge(sys.argv[1], int(sys.argv[2]), sys.argv[3],
    int(sys.argv[4]))' "$@"
}

# forged_answer FROM-PORT [ANSWERS-BEFORE]: the datagram has been counted when this returns.
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

# datagrams_after FROM TO: forges one from that port to the other; prints how
# many there were on the wire in a second, itself included.
datagrams_after() {
	"${INSIDE[@]}" timeout 20 python3 -c '
from peers import *
wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
forge("127.0.0.1", int(sys.argv[1]), "127.0.0.1", int(sys.argv[2]), b"x" * 64)
n, end = 0, time.monotonic() + 1
while (left := end - time.monotonic()) > 0 and n < 1000:
    if not select.select([wire], [], [], left)[0]:
        break
    n += wire.recv(2000)[9] == socket.IPPROTO_UDP
print(n)' "$@"
}

# --- forged senders ----------------------------------------------------------

@test "fault 78: a forged sender sets nothing going, packets are counted" {
	write_config <<-'END'
		[service echo]
		handler = echo
		listen = udp://127.0.0.1:1007 udp://127.0.0.1:5007
		[service upper]
		handler = upper
		listen = udp://127.0.0.1:5008
		[service willing]
		handler = echo
		listen = udp://127.0.0.1:5009
		udp_reserved_ports = answer
	END
	start_apart
	# An echo service as every machine had one, which answers everything.
	background "${INSIDE[@]}" python3 -c 'from peers import *
s = inet(port=7)
s.settimeout(None)
open(sys.argv[1], "w")
while True:
    s.sendto(*s.recvfrom(2000))' "$DIR/stranger"
	wait_until 10 test -e "$DIR/stranger"
	# With a stranger, with one of ours, with itself.
	assert_equal "$(datagrams_after 7 5007)" 1
	assert_equal "$(datagrams_after 5008 5007)" 1
	assert_equal "$(datagrams_after 5009 5008)" 1
	assert_equal "$(datagrams_after 5007 5007)" 1
	assert_equal "$(datagrams_after 5007 1007)" 1
	assert_equal "$(counter echo datagrams_out)" 0
	assert_equal "$(counter upper datagrams_out)" 0
	# Who asks for it gets it: this is how it would be.
	assert [ "$(datagrams_after 7 5009)" -ge 100 ]
	end_background
	# Its way back is shut: whatever still travels, finds nobody.
	wait_until 5 is_quiet
}

is_quiet() {
	local before
	before=$(counter willing datagrams_in)
	counter_is willing datagrams_in "$before"
}

@test "fault 78: a forged source cannot set two services, or one on itself, going" {
	write_config <<-END
		[service echo]
		handler = echo
		listen = udp://127.0.0.1:0
		[service upper]
		handler = upper
		listen = udp://127.0.0.1:0 udp://*:0
		udp_reserved_ports = answer
	END
	start_watched
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

@test "fault 78: ports below 1024 and 2049 are not answered" {
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

@test "fault 78: udp_reserved_ports = answer: they are" {
	serve "udp://127.0.0.1:0" "udp_reserved_ports = answer"
	assert_equal "$(forged_answer 1023 0)" answer
	assert_equal "$(forged_answer 2049 1)" answer
	# Port 0 is nobody's, whatever is set.
	assert_equal "$(forged_answer 0 2)" silence
	assert_equal "$(counter echo dropped_source)" 1
}

@test "fault 78: nobody's, everybody's and broadcast sources are not answered" {
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

@test "fault 78: a broadcast is not answered" {
	write_config <<-END
		[service echo]
		handler = echo
		listen = udp://*:7777
	END
	# A network of our own, with an interface that has a broadcast address.
	start_watched unshare --net -- sh -c '
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

# --- amplification -----------------------------------------------------------

@test "fault 79: an answer that is longer than the question is not given" {
	write_config <<-END
		[service small]
		handler = time
		listen = udp://127.0.0.1:0
		[service large]
		handler = time
		listen = udp://127.0.0.1:0
		udp_amplify = yes
	END
	start_watched
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

@test "fault 79: no handler sends more bytes than it got, in whatever sizes" {
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
		PORT=$(port "$handler") peers '
s = inet()
# Also many that travel through the kernel as one (UDP_SEGMENT).
for size in range(1, 41):
    s.sendmsg([bytes(size * 30)], [(socket.IPPROTO_UDP, 103,
        size.to_bytes(2, "little"))], 0, ("127.0.0.1", PORT))
    s.sendto(b"", ("127.0.0.1", PORT))'
		wait_until 5 counter_is "$handler" datagrams_in 1240
		assert_equal "$(counter "$handler" bytes_in)" 24600
		assert [ "$(counter "$handler" bytes_out)" -le 24600 ]
	done
	# They do answer who asks at length.
	assert_equal "$(counter echo bytes_out)" 24600
	assert [ "$(counter daytime datagrams_out)" -gt 0 ]
	assert [ "$(counter daytime dropped_larger)" -gt 0 ]
	assert_equal "$(counter discard datagrams_out)" 0
}

# --- odd ones ----------------------------------------------------------------

@test "fault 80: UDP: 0, 1, 1472 and 65507 bytes come back" {
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

@test "fault 80: unixgram: 0 to 65536 bytes come back, larger ones are dropped and counted" {
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

@test "fault 80: senders that are gone cost nobody else an answer" {
	serve "udp://127.0.0.1:0" "" "workers = 1"
	local worker
	worker=$(worker_pid 1)
	PORT=$(port echo) peers '
worker, to = int(sys.argv[1]), ("127.0.0.1", PORT)
here = inet()
os.kill(worker, signal.SIGSTOP)
# Their answers find no socket: ICMP says so, to nobody who would listen.
for i in range(20):
    gone = inet()
    gone.sendto(b"gone", to)
    gone.close()
    here.sendto(b"here %d" % i, to)
os.kill(worker, signal.SIGCONT)
got = [here.recv(100) for i in range(20)]
assert got == [b"here %d" % i for i in range(20)], got' "$worker"
	wait_until 5 counter_is echo datagrams_out 40
	assert_equal "$(worker_pid 1)" "$worker"
}

@test "fault 80: a wrong checksum wakes workers for nothing" {
	serve "udp://127.0.0.1:0"
	PORT=$(port echo) peers '
good = inet()
for i in range(50):
    forge("127.0.0.1", 5000, "127.0.0.1", PORT, checksum=1)
    good.sendto(b"good", ("127.0.0.1", PORT))
    assert good.recv(10) == b"good"'
	assert_equal "$(counter echo datagrams_in)" 50
	assert_equal "$(counter echo datagrams_out)" 50
}

@test "fault 80: an answer that cannot be sent is dropped and counted" {
	serve "udp://127.0.0.1:0" "" "workers = 1"
	local worker error n=0
	export PORT
	PORT=$(port echo) worker=$(worker_pid 1)
	for error in ENOBUFS ENOMEM EAGAIN EPERM EINVAL ENETUNREACH; do
		inject "$worker" "sendmmsg:error=$error:when=1"
		peers 'inet().sendto(b"in vain", ("127.0.0.1", PORT))'
		n=$((n + 1))
		wait_until 5 counter_is echo dropped_send "$n"
		peers '
s = inet()
s.sendto(b"the next", ("127.0.0.1", PORT))
assert s.recv(100) == b"the next"'
		end_injection
	done
	assert_equal "$(counter echo dropped_send)" 6
	assert_equal "$(counter echo datagrams_out)" 6
	assert_equal "$(worker_pid 1)" "$worker"
}

@test "fault 80: receiving that fails is tried again, without spinning" {
	serve "udp://127.0.0.1:0" "" "workers = 1"
	local worker error
	worker=$(worker_pid 1)
	for error in EAGAIN EINTR ENOBUFS ENOMEM EACCES; do
		inject "$worker" "recvmmsg:error=$error:when=1..2"
		# What was asked waits in the socket.
		assert_equal "$(PORT=$(port echo) peers '
s = inet()
s.sendto(b"patience", ("127.0.0.1", PORT))
print(s.recv(100).decode())')" patience
		end_injection
		assert [ "$(wc -l <"$DIR/calls")" -lt 100 ]
	done
	# Three of these may last, which is waited for.
	assert_equal "$(ctl_json stats | jq '.pools[0].resource_pauses')" 6
	assert_equal "$(worker_pid 1)" "$worker"
}

# --- more than fits ----------------------------------------------------------

@test "fault 81: what the kernel drops for lack of room is shown" {
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
	# As the kernel tells it: the last column.
	assert_equal "$(ctl_json listeners | jq '.[0].drops')" \
		"$(drops_of_port "$(port echo)")"
	ctl stats prometheus >"$DIR/metrics"
	run -0 grep '^preforkd_receive_queue_drops_total{' "$DIR/metrics"
	assert_output --regexp ' [1-9][0-9]*$'
	kill -CONT "${pids[@]}"
	wait_until 5 queue_is_empty
}

queue_is_empty() {
	ctl_json listeners | jq -e '.[0].queue == 0'
}

# drops_of_port PORT
drops_of_port() {
	awk -v port="$(printf ':%04X' "$1")" \
		'index($2, port) { print $NF }' /proc/net/udp
}
