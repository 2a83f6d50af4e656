# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# preforksniff: packets of the real daemon on the loopback interface, files
# exchanged with tcpdump, packets that nobody should send, and what it gives up.

setup() {
	load helpers
	common_setup
	SNIFF=$PREFORKD_BIN/preforksniff
	SEEN=$DIR/seen
	SAID=$DIR/said
	SNIFFER=
	NETNS=
	export TZ=UTC0
}

teardown() {
	local failed=0
	# A test that failed leaves one that may not end by itself.
	[ -z "$SNIFFER" ] || kill -KILL "$SNIFFER" || failed=1
	[ ! -f "$SAID" ] || run ! grep -E 'Sanitizer|runtime error:' "$SAID" ||
		failed=1
	common_teardown || failed=1
	[ -z "$NETNS" ] || ip netns delete "$NETNS" || failed=1
	return "$failed"
}

# --- verbs -------------------------------------------------------------------

# start_sniff [WORDS]: captures until end_sniff. What it shows stands in $SEEN,
# what it says in $SAID. Words in BEFORE are put before its own.
start_sniff() {
	# Not what an earlier one of this test has said.
	: >"$SAID"
	"${BEFORE[@]}" "$SNIFF" "$@" >"$SEEN" 2>"$SAID" </dev/null 3>&- 4>&- &
	SNIFFER=$!
	wait_until 15 grep -q 'listening on' "$SAID" || {
		cat "$SAID" >&2
		return 1
	}
}

# Ends it by a signal (INT) or waits for its end (0); its exit status is 0.
end_sniff() {
	kill "-${1:-INT}" "$SNIFFER"
	ends_with 0
}

ends_with() {
	local status=0
	wait_gone "$SNIFFER" 15
	wait "$SNIFFER" || status=$?
	SNIFFER=
	[ "$status" = "$1" ] || {
		echo "ended with $status: $(cat "$SAID")" >&2
		return 1
	}
}

seen() {
	grep -qE -- "$1" "$SEEN"
}

n_seen() {
	grep -cE -- "$1" "$SEEN"
}

# Waits for a line of it.
sees() {
	wait_until 10 seen "$1" || {
		cat "$SEEN" "$SAID" >&2
		return 1
	}
}

captured() {
	sed -n 's/.*packets captured: \([0-9]*\),.*/\1/p' "$SAID"
}

# An echo and an upper-case service that a test looks at.
serve() {
	write_config <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0 tcp://[::1]:0
		[service upper]
		handler = upper
		listen = udp://127.0.0.1:0
	END
	start_server
}

# in_own_network: a namespace with a loopback interface that cuts packets as
# Ethernet would. BEFORE enters it.
in_own_network() {
	NETNS=sniff-$$-$BATS_TEST_NUMBER
	ip netns add "$NETNS"
	BEFORE=(ip netns exec "$NETNS")
	"${BEFORE[@]}" ip link set lo mtu 1500 up
}

# As root without anything that root has but this one capability.
with_net_raw_only() {
	BEFORE=(setpriv --reuid 1234 --regid 1234 --clear-groups
		"--inh-caps=-all,+net_raw" "--ambient-caps=-all,+net_raw"
		"--bounding-set=-all,+net_raw")
	chmod o+x "$DIR" "${DIR%/*}" "${DIR%/*/*}" "${DIR%/*/*/*}"
}

status_of_sniffer() {
	sed -n "s/^$1:[[:space:]]*//p" "/proc/$SNIFFER/status"
}

# Its loop runs: INT, TERM and HUP come over a descriptor. (What starts it in
# the background has INT ignored.)
is_running() {
	[ "$(status_of_sniffer SigBlk)" = 0000000000004003 ]
}

# make_pcap FILE LINKTYPE <<LINES: a savefile with a packet for each line of
# hexadecimal digits; "NUMBER:" before them is its length on the wire, blanks
# and what follows a # do not count.
make_pcap() {
	python3 -c '
import struct, sys
out = open(sys.argv[1], "wb")
out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144,
    int(sys.argv[2])))
for n, line in enumerate(sys.stdin):
    length, _, digits = line.split("#")[0].rpartition(":")
    data = bytes.fromhex(digits)
    out.write(struct.pack("<IIII", n, n, len(data),
        int(length or len(data))) + data)' "$1" "$2"
}

# Bits of packets for make_pcap.
ETHERNET=aaaaaaaaaaaabbbbbbbbbbbb
HOSTS=7f0000017f000002
UDP=13880035000d000068656c6c6f
TCP=9c4023280000000100000002
UDP_PACKET=${ETHERNET}0800450000210007000040110000$HOSTS$UDP

# Packets between 127.0.0.1 and 127.0.0.2 as tcpdump captured them: $DIR/t.pcap.
tcpdump_captures() {
	local n=$1
	shift
	tcpdump -i lo --immediate-mode -U -c "$n" -w "$DIR/t.pcap" "$@" \
		2>"$DIR/tcpdump" 3>&- 4>&- &
	TCPDUMP=$!
	HELPERS+=($!)
	wait_until 15 grep -q 'listening on' "$DIR/tcpdump"
}

n_packets_of_tcpdump() {
	tcpdump -nr "$1" 2>/dev/null | wc -l
}

# --- the row of the table ----------------------------------------------------

@test "packet sniffer: the packets of a connection to the daemon, live and from a file" {
	serve
	start_sniff -x -i lo "tcp://127.0.0.1:$(port echo)"
	run -0 tcp "$(port echo)" <<<"hello"
	assert_output "hello"
	# While it runs.
	sees '^[0-9:]{8}\.[0-9]{6} IPv4 127\.0\.0\.1:[0-9]+ > 127\.0\.0\.1:[0-9]+ TCP \[S\] seq [0-9]+ win [0-9]+ length 0 <mss 65495,sackOK,ts [0-9]+ 0,wscale [0-9]+>$'
	sees ":$(port echo) > .* TCP \\[S\\.\\] "
	sees ":$(port echo) TCP \\[P\\.\\] .* length 6 "
	sees ":$(port echo) > .* TCP \\[P\\.\\] .* length 6 "
	sees '^    0000  68 65 6c 6c 6f 0a +hello\\n$'
	sees " TCP \\[F\\.\\] "
	end_sniff
	assert_equal "$(captured)" "$(n_seen ' TCP ')"
	# The same to a file, and from there.
	start_sniff -i lo -w "$DIR/a.pcap" "tcp://127.0.0.1:$(port echo)"
	run -0 tcp "$(port echo)" <<<"again"
	end_sniff
	run -0 "$SNIFF" -x -r "$DIR/a.pcap" "tcp://127.0.0.1:$(port echo)"
	assert_line --regexp ' TCP \[S\] '
	assert_line --regexp '^    0000  61 67 61 69 6e 0a +again\\n$'
	assert_equal "$(grep -c ' TCP ' <<<"$output")" "$(captured)"
}

# --- live --------------------------------------------------------------------

@test "preforksniff: all interfaces unless one is named; IPv6 and UDP" {
	serve
	start_sniff "tcp://[::1]:$(port echo 2)" or "udp://*:$(port upper)"
	run -0 timeout 10 socat -t 5 - "tcp:[::1]:$(port echo 2)" <<<"six"
	run -0 udp "$(port upper)" <<<"seven"
	sees " lo in IPv6 \\[::1\\]:[0-9]+ > \\[::1\\]:$(port echo 2) TCP \\[S\\] "
	sees " lo in IPv4 127.0.0.1:$(port upper) > .* UDP length 6$"
	end_sniff TERM
	run ! grep -vE ' (IPv6 .* TCP|IPv4 .* UDP) ' "$SEEN"
}

@test "preforksniff: an address leaves out what is not its own" {
	serve
	start_sniff -i lo "tcp://127.0.0.1:$(port echo)"
	# Another port, another protocol, the other family: all before.
	run -0 udp "$(port upper)" <<<"other"
	run -0 timeout 10 socat -t 5 - "tcp:[::1]:$(port echo 2)" <<<"other"
	run -0 tcp "$(port echo)" <<<"own"
	sees ' TCP \[F\.\] '
	end_sniff
	run ! grep -v "127.0.0.1:$(port echo)" "$SEEN"
	assert [ "$(n_seen " TCP ")" -ge 8 ]
}

@test "preforksniff: a host name is looked up for the filter" {
	serve
	start_sniff -i lo -c 1 "tcp://localhost:$(port echo)"
	run -0 tcp "$(port echo)" <<<"hello"
	ends_with 0
	assert_equal "$(n_seen ' TCP \[S\] ')" 1
}

@test "preforksniff: -c ends it after so many packets, and no more are shown" {
	serve
	start_sniff -i lo -c 3 "tcp://127.0.0.1:$(port echo)"
	run -0 tcp "$(port echo)" <<<"hello"
	ends_with 0
	assert_equal "$(wc -l <"$SEEN")" 3
	assert_equal "$(captured)" 3
}

@test "preforksniff: -s keeps so many bytes, and tells that the rest is missing" {
	serve
	start_sniff -i lo -x -s 44 -c 2 "udp://127.0.0.1:$(port upper)"
	run -0 udp "$(port upper)" <<<"hello"
	ends_with 0
	assert_equal "$(n_seen ' UDP length 6 \[truncated: payload, 2 of 6 bytes\]$')" 2
	assert seen '^    0000  68 65  +he$'
	assert seen '^    0000  48 45  +HE$'
}

@test "preforksniff: fragments and refusals, on a network of its own" {
	in_own_network
	start_sniff -x 'udp or icmp'
	"${BEFORE[@]}" timeout 10 python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("127.0.0.1", 9))
s.send(b"x" * 3000)
try: s.recv(1)
except ConnectionRefusedError: pass'
	sees ' lo in IPv4 127.0.0.1:[0-9]+ > 127.0.0.1:9 UDP length 1472 fragment id [0-9]+ offset 0 more$'
	sees ' lo in IPv4 127.0.0.1 > 127.0.0.1 UDP length 1480 fragment id [0-9]+ offset 1480 more$'
	sees ' lo in IPv4 127.0.0.1 > 127.0.0.1 UDP length 48 fragment id [0-9]+ offset 2960$'
	sees ' lo in IPv4 127.0.0.1 > 127.0.0.1 ICMP port unreachable type 3 code 3 length '
	end_sniff
}

@test "preforksniff: an interface that is taken away ends it, and is told" {
	in_own_network
	"${BEFORE[@]}" ip link add gone type veth peer name other
	"${BEFORE[@]}" ip link set gone up
	start_sniff -i gone
	"${BEFORE[@]}" ip link delete gone
	ends_with 1
	assert grep -q '^preforksniff: cannot capture on "gone": ' "$SAID"
}

@test "preforksniff: no byte of a packet or of a name reaches the terminal raw" {
	in_own_network
	"${BEFORE[@]}" ip link add $'bad\e[1m' type veth peer name other
	"${BEFORE[@]}" ip link set other up
	"${BEFORE[@]}" ip address add 10.9.9.1/24 dev $'bad\e[1m'
	"${BEFORE[@]}" ip link set $'bad\e[1m' up
	"${BEFORE[@]}" ip neighbour add 10.9.9.2 lladdr 02:00:00:00:00:02 \
		dev $'bad\e[1m'
	start_sniff -x 'udp port 9'
	printf %b '\e[31m\r\n\x7f\x9b\xc2\x9b\x5c' |
		"${BEFORE[@]}" timeout 5 socat -u - udp:10.9.9.2:9
	sees ' bad\\033\[1m out IPv4 10.9.9.1:[0-9]+ > 10.9.9.2:9 UDP length 12$'
	sees '  \\033\[31m\\r\\n\\177\\233\\302\\233\\\\$'
	end_sniff
	run ! grep -aP '[^\x20-\x7e]' "$SEEN"
}

@test "preforksniff: Ethernet with a VLAN tag; -P for what others get" {
	in_own_network
	"${BEFORE[@]}" ip link add here type veth peer name other
	"${BEFORE[@]}" ip link set here up
	"${BEFORE[@]}" ip link set other up
	start_sniff -i here -P vlan
	run "${BEFORE[@]}" ip -details link show dev here
	assert_output --partial "promiscuity 1 "
	"${BEFORE[@]}" python3 -c '
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("other", 0))
s.send(bytes.fromhex(sys.argv[1]))' \
		"${UDP_PACKET/0800/810000050800}"
	sees ' vlan 5 IPv4 127.0.0.1:5000 > 127.0.0.2:53 UDP length 5$'
	end_sniff
	run "${BEFORE[@]}" ip -details link show dev here
	assert_output --partial "promiscuity 0 "
}

@test "preforksniff: the interfaces there are" {
	run -0 "$SNIFF" -D
	assert_line --regexp '^lo +up '
	assert_line --regexp '^any +up '
}

# --- privileges --------------------------------------------------------------

@test "preforksniff: root becomes nobody, without capabilities or a way back" {
	BEFORE=(setpriv --groups "4,27")
	start_sniff -i lo -w "$DIR/a.pcap" tcp port 9
	local nobody
	nobody=$(id -u nobody)
	run status_of_sniffer Uid
	assert_output "$nobody"$'\t'"$nobody"$'\t'"$nobody"$'\t'"$nobody"
	run status_of_sniffer Groups
	refute_output --regexp '[0-9]'
	local set
	for set in CapInh CapPrm CapEff CapBnd CapAmb; do
		assert_equal "$(status_of_sniffer $set)" 0000000000000000
	done
	assert_equal "$(status_of_sniffer NoNewPrivs)" 1
	end_sniff
}

@test "preforksniff: -u names another user" {
	start_sniff -i lo -u daemon
	assert_equal "$(stat -c %U "/proc/$SNIFFER")" daemon
	end_sniff
	run -1 "$SNIFF" -i lo -u "no such user"
	assert_output 'preforksniff: cannot become user "no such user": no such name'
}

@test "preforksniff: CAP_NET_RAW is enough, and is given up" {
	with_net_raw_only
	start_sniff -i lo -c 2 'udp port 9'
	assert_equal "$(status_of_sniffer Uid | cut -f 2)" 1234
	assert_equal "$(status_of_sniffer CapPrm)" 0000000000000000
	assert_equal "$(status_of_sniffer CapEff)" 0000000000000000
	assert_equal "$(status_of_sniffer CapAmb)" 0000000000000000
	echo | timeout 5 socat -u - udp:127.0.0.1:9
	echo | timeout 5 socat -u - udp:127.0.0.1:9
	ends_with 0
	assert_equal "$(wc -l <"$SEEN")" 2
	# Root that has nothing but this stays root, and without it.
	BEFORE=(setpriv "--bounding-set=-all,+net_raw")
	start_sniff -i lo
	assert_equal "$(status_of_sniffer CapEff)" 0000000000000000
	end_sniff
}

@test "preforksniff: without CAP_NET_RAW it is 77, in one line" {
	with_net_raw_only
	BEFORE=("${BEFORE[@]//,+net_raw/}")
	run -77 "${BEFORE[@]}" "$SNIFF" -i lo
	assert_output 'preforksniff: cannot capture on "lo": not permitted, it needs root or CAP_NET_RAW'
	run -77 "${BEFORE[@]}" "$SNIFF"
	assert_output --partial 'cannot capture on "any": not permitted'
	# A file that is not its own.
	make_pcap "$DIR/a.pcap" 1 <<<"$UDP_PACKET"
	chmod 600 "$DIR/a.pcap"
	run -77 "${BEFORE[@]}" "$SNIFF" -r "$DIR/a.pcap"
	assert_output "preforksniff: cannot open \"$DIR/a.pcap\": Permission denied"
	# None is needed to read one that is.
	chmod 644 "$DIR/a.pcap"
	run -0 "${BEFORE[@]}" "$SNIFF" -r "$DIR/a.pcap"
	assert_output --partial "UDP length 5"
	run -77 "${BEFORE[@]}" "$SNIFF" -u daemon -r "$DIR/a.pcap"
	assert_output --partial 'cannot become user "daemon"'
	run -77 "${BEFORE[@]}" "$SNIFF" -r "$DIR/a.pcap" -w "$DIR/b.pcap"
	assert_output "preforksniff: cannot write \"$DIR/b.pcap\": Permission denied"
}

# --- files -------------------------------------------------------------------

@test "preforksniff: a file is whole when a signal ends the capture" {
	serve
	local signal
	for signal in INT TERM HUP; do
		start_sniff -i lo -w "$DIR/$signal.pcap" \
			"tcp://127.0.0.1:$(port echo)"
		run -0 tcp "$(port echo)" <<<"hello"
		# At once: the last packets are a moment old.
		end_sniff $signal
		assert [ "$(captured)" -ge 8 ]
		run -0 --separate-stderr tcpdump -nr "$DIR/$signal.pcap"
		assert_equal "${#lines[@]}" "$(captured)"
		assert_line --partial "Flags [F.]"
		assert_equal "$(stat -c %a "$DIR/$signal.pcap")" 600
	done
}

@test "preforksniff: tcpdump reads what it writes, and the other way round" {
	serve
	tcpdump_captures 8 "tcp port $(port echo)"
	start_sniff -i lo -w "$DIR/s.pcap" -c 8 "tcp://127.0.0.1:$(port echo)"
	run -0 tcp "$(port echo)" <<<"hello"
	ends_with 0
	wait_gone "$TCPDUMP"
	# The same packets; numbers of both agree in both files.
	local file reader
	for file in t s; do
		run -0 --separate-stderr tcpdump -nSr "$DIR/$file.pcap"
		sed -nE 's/.* IP .*Flags (\[[^]]*\]), seq ([0-9]+).*, win ([0-9]+).* length ([0-9]+)$/\1 \2 \3 \4/p' \
			<<<"$output" >"$DIR/$file.tcpdump"
		run -0 "$SNIFF" -r "$DIR/$file.pcap"
		grep -E "seq" <<<"$output" | sed -nE 's/.* TCP (\[[^]]*\]) seq ([0-9]+).* win ([0-9]+) length ([0-9]+).*/\1 \2 \3 \4/p' \
			>"$DIR/$file.all"
		assert_equal "$(wc -l <"$DIR/$file.all")" 8
		assert [ -s "$DIR/$file.tcpdump" ]
		# tcpdump has no sequence number for what carries nothing.
		run -0 grep -vxFf "$DIR/$file.tcpdump" "$DIR/$file.all"
		refute_line --regexp '[1-9]$'
		refute_line --regexp '[SF]'
	done
	assert_equal "$(cat "$DIR/t.all")" "$(cat "$DIR/s.all")"
}

@test "preforksniff: tcpdump reads all interfaces from it, through a pipe, live" {
	serve
	mkfifo "$DIR/pipe"
	tcpdump -nlr "$DIR/pipe" >"$DIR/read" 2>/dev/null 3>&- 4>&- &
	HELPERS+=($!)
	"$SNIFF" -w - "udp://*:$(port upper)" >"$DIR/pipe" 2>"$SAID" \
		3>&- 4>&- &
	SNIFFER=$!
	wait_until 15 grep -q 'listening on' "$SAID"
	run -0 udp "$(port upper)" <<<"hello"
	wait_until 10 grep -q "127.0.0.1.$(port upper) > .* UDP, length 6" \
		"$DIR/read"
	end_sniff
}

@test "preforksniff: a file copied is the same, with a filter a part of it" {
	make_pcap "$DIR/a.pcap" 1 <<-END
		$UDP_PACKET
		${ETHERNET}080045000028000700004006 0000 $HOSTS ${TCP}5010020000000000
	END
	run -0 "$SNIFF" -r "$DIR/a.pcap" -w "$DIR/b.pcap"
	assert_output ""
	cmp "$DIR/a.pcap" "$DIR/b.pcap"
	"$SNIFF" -r - -w - <"$DIR/a.pcap" | cmp - "$DIR/b.pcap"
	run -0 "$SNIFF" -r "$DIR/a.pcap" -w "$DIR/b.pcap" udp://127.0.0.2:53
	assert_equal "$(n_packets_of_tcpdump "$DIR/b.pcap")" 1
	run -0 "$SNIFF" -r "$DIR/a.pcap" -c 1
	assert_equal "${#lines[@]}" 1
}

@test "preforksniff: the newer format of wireshark is read, too" {
	python3 -c '
import struct, sys
data = bytes.fromhex(sys.argv[2])
data += bytes(-len(data) % 4)
def block(kind, body):
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)
open(sys.argv[1], "wb").write(
    block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1)) +
    block(1, struct.pack("<HHI", 1, 0, 0)) +
    block(6, struct.pack("<IIIII", 0, 0, 1, len(bytes.fromhex(sys.argv[2])),
        len(bytes.fromhex(sys.argv[2]))) + data))' "$DIR/a.pcapng" "$UDP_PACKET"
	run -0 "$SNIFF" -r "$DIR/a.pcapng"
	assert_output "00:00:00.000001 IPv4 127.0.0.1:5000 > 127.0.0.2:53 UDP length 5"
}

@test "preforksniff: a file stays what it is until there is something to write" {
	make_pcap "$DIR/a.pcap" 1 <<<"$UDP_PACKET"
	cp "$DIR/a.pcap" "$DIR/b.pcap"
	run -64 "$SNIFF" -r "$DIR/a.pcap" -w "$DIR/a.pcap"
	assert_output "preforksniff: \"$DIR/a.pcap\" is the file that is read"
	run -64 "$SNIFF" -r "$DIR/a.pcap" -w "$DIR/b.pcap" nonsense
	run -1 "$SNIFF" -i nowhere -w "$DIR/b.pcap"
	run -1 "$SNIFF" -r /etc/passwd -w "$DIR/b.pcap"
	cmp "$DIR/a.pcap" "$DIR/b.pcap"
}

# --- what nobody should send -------------------------------------------------

@test "preforksniff: malformed packets are shown as such" {
	local ip=${ETHERNET}0800 v6=${ETHERNET}86dd
	local hosts6=0000000000000000000000000000000100000000000000000000000000000002
	make_pcap "$DIR/a.pcap" 1 <<-END
		aaaaaaaaaaaabbbbbbbb
		${ip}55000021000700004011 0000 $HOSTS $UDP # version 5
		${ip}41000021000700004011 0000 $HOSTS $UDP # a header of 4 bytes
		${ip}4500ffff000700004011 0000 $HOSTS $UDP # more than there is
		${ip}45000021000700004011 0000 $HOSTS 13880035000e0000 68656c6c6f
		${ip}45000028000700004006 0000 $HOSTS ${TCP}4010 0200 0000 0000
		${ip}4500002c000700004006 0000 $HOSTS ${TCP}6010 0200 0000 0000 fe000000
		${ip}45000018000700004001 0000 $HOSTS 08000000
		${v6}6000000000051140 $hosts6 68656c6c6f
		${v6}6000000000061140 $hosts6 68656c6c6f
		${v6}6000000000080040 $hosts6 11ff000000000000
		${ip}450000280007ffff4011 0000 $HOSTS 0000000000000000 0000000000000000 00000000
		$UDP_PACKET
	END
	run -0 "$SNIFF" -x -r "$DIR/a.pcap"
	assert_line --index 0 "00:00:00.000000 length 10 [malformed: Ethernet header]"
	assert_line --partial "type 0x0800 length 33 [malformed: IPv4 version]"
	assert_line --partial "type 0x0800 length 33 [malformed: IPv4 header length]"
	assert_line --partial "IPv4 127.0.0.1 > 127.0.0.2 UDP length 33 [malformed: IPv4 length]"
	assert_line --partial "127.0.0.1:5000 > 127.0.0.2:53 UDP length 5 [malformed: UDP length]"
	assert_line --partial "seq 1 ack 2 win 512 length 0 [malformed: TCP header length]"
	assert_line --partial "seq 1 ack 2 win 512 length 0 [malformed: TCP options]"
	assert_line --partial "IPv4 127.0.0.1 > 127.0.0.2 ICMP length 4 [malformed: ICMP header]"
	assert_line --partial "IPv6 ::1 > ::2 UDP length 5 [malformed: UDP header]"
	assert_line --partial "[malformed: IPv6 length]"
	assert_line --partial "[malformed: IPv6 extension]"
	assert_line --partial "[malformed: fragment offset]"
	# And goes on behind them.
	assert_line --regexp ' IPv4 127.0.0.1:5000 > 127.0.0.2:53 UDP length 5$'
	assert_equal "$(grep -c malformed <<<"$output")" 12
}

@test "preforksniff: packets cut by the snap length are shown as truncated" {
	make_pcap "$DIR/a.pcap" 1 <<-END
		100: ${ETHERNET}
		100: ${ETHERNET}0800 450000560007
		86: ${ETHERNET}0800 45000048000700004006 0000 $HOSTS 9c402328
		86: ${ETHERNET}0800 45000048000700004006 0000 $HOSTS ${TCP}8018 0200 0000 0000 0101
		86: ${ETHERNET}0800 45000048000700004006 0000 $HOSTS ${TCP}5018 0200 0000 0000 6869
	END
	run -0 "$SNIFF" -r "$DIR/a.pcap"
	assert_line --index 0 --partial "length 100 [truncated: Ethernet header]"
	assert_line --index 1 --partial "length 86 [truncated: IPv4 header]"
	assert_line --index 2 --partial "TCP length 52 [truncated: TCP header]"
	assert_line --index 3 --partial "win 512 length 20 [truncated: TCP options]"
	assert_line --index 4 --partial "win 512 length 32 [truncated: payload, 2 of 32 bytes]"
}

# Packets of all kinds, each cut at every byte, or with bytes changed at random
# (the same ones each time), in every link type.
@test "preforksniff: packets cut and changed by chance are all shown, printable" {
	python3 -c '
import random, struct, sys
random.seed(4)
udp = struct.pack("!HHHH5s", 5000, 53, 13, 0, b"hello")
tcp = struct.pack("!HHIIBBHHH", 1, 2, 3, 4, 0xa0, 2, 5, 0, 0) + bytes.fromhex(
    "020405b40402080a000000010000000001030307")
def v4(protocol, body):
    return struct.pack("!BBHHHBBHII", 0x45, 0, 20 + len(body), 7, 0, 64,
        protocol, 0, 0x7f000001, 0x7f000002) + body
def v6(protocol, body):
    return struct.pack("!IHBB32s", 6 << 28, len(body), protocol, 64,
        bytes(range(32))) + body
extended = v6(0, b"\x3c\0" + bytes(6) + b"\x2c\0" + bytes(6) +
    b"\x06\0\0\1\0\0\0\7" + tcp)
ips = [v4(17, udp), v4(6, tcp), v4(1, b"\x08" + bytes(11)), v6(17, udp),
    v6(58, b"\x80" + bytes(11)), extended]
kind = lambda ip: struct.pack("!H", 0x800 if ip[0] >> 4 == 4 else 0x86dd)
heads = {
    1: lambda ip: b"\xaa" * 12 + b"\x81\0\0\5" + kind(ip),
    113: lambda ip: bytes(14) + kind(ip),
    276: lambda ip: kind(ip) + bytes(18),
    0: lambda ip: struct.pack("<I", 2 if ip[0] >> 4 == 4 else 10),
    101: lambda ip: b"",
}
for link, head in heads.items():
    out = open(f"{sys.argv[1]}/{link}.pcap", "wb")
    out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, link))
    n = 0
    def add(data, length):
        global n
        n += 1
        out.write(struct.pack("<IIII", n, 0, len(data), length) + data)
    for ip in ips:
        whole = head(ip) + ip
        for cut in range(len(whole) + 1):
            add(whole[:cut], len(whole))
            add(whole[:cut], cut)
        for _ in range(150):
            data = bytearray(whole)
            for _ in range(random.randint(1, 4)):
                data[random.randrange(len(data))] = random.choice(
                    (0, 1, 127, 255, random.randrange(256)))
            add(data, len(data))
    print(n, file=open(f"{sys.argv[1]}/{link}.count", "w"))' "$DIR"
	local link
	for link in 1 113 276 0 101; do
		"$SNIFF" -x -r "$DIR/$link.pcap" >"$SEEN" 2>"$SAID"
		assert_equal "$(n_seen '^[0-9]{2}:')" "$(cat "$DIR/$link.count")"
		run ! grep -aP '[^\x20-\x7e]' "$SEEN"
		assert seen 'malformed'
		assert seen 'truncated'
	done
}

@test "preforksniff: files that are cut or no captures are told, after what is good" {
	make_pcap "$DIR/a.pcap" 1 <<-END
		$UDP_PACKET
		$UDP_PACKET
	END
	local size
	size=$(stat -c %s "$DIR/a.pcap")
	truncate -s $((size - 1)) "$DIR/a.pcap"
	run -1 --separate-stderr "$SNIFF" -r "$DIR/a.pcap"
	assert_equal "${#lines[@]}" 1
	assert_output --partial "UDP length 5"
	assert_regex "$stderr" "^preforksniff: cannot read \"$DIR/a.pcap\": truncated dump file"
	run -1 "$SNIFF" -r /dev/null
	assert_line --index 0 --regexp '^preforksniff: cannot read "/dev/null": '
	run -1 "$SNIFF" -r "$DIR"
	assert_line --index 0 --regexp "^preforksniff: cannot read \"$DIR\": "
	head -c 500 /dev/urandom >"$DIR/b.pcap"
	printf 'none' | dd of="$DIR/b.pcap" conv=notrunc status=none
	run -1 "$SNIFF" -r "$DIR/b.pcap"
	assert_output "preforksniff: cannot read \"$DIR/b.pcap\": unknown file format"
	run -1 "$SNIFF" -r "$DIR/none.pcap"
	assert_output "preforksniff: cannot open \"$DIR/none.pcap\": No such file or directory"
}

@test "preforksniff: a link type that it does not know is told and counted" {
	make_pcap "$DIR/a.pcap" 147 <<<"68656c6c6f"
	run -0 "$SNIFF" -r "$DIR/a.pcap"
	assert_line --index 0 --partial "are not taken apart"
	assert_line --index 1 "00:00:00.000000 length 5"
}

# --- ends --------------------------------------------------------------------

@test "preforksniff: it ends when nobody reads it, busy or idle" {
	serve
	mkfifo "$DIR/pipe"
	"$SNIFF" -i lo 'tcp port 9' >"$DIR/pipe" 2>"$SAID" 3>&- 4>&- &
	SNIFFER=$!
	exec {reader}<"$DIR/pipe"
	wait_until 15 grep -q 'listening on' "$SAID"
	exec {reader}<&-
	ends_with 0
	# And in the middle of writing a lot.
	make_pcap "$DIR/a.pcap" 1 < <(yes "$UDP_PACKET" | head -n 20000)
	run -0 bash -c '"$1" -r "$2" | head -n 1; exit "${PIPESTATUS[0]}"' \
		_ "$SNIFF" "$DIR/a.pcap"
	assert_equal "${#lines[@]}" 1
	assert_output --partial "UDP length 5"
}

@test "preforksniff: a reader that stands still does not keep it from ending" {
	make_pcap "$DIR/a.pcap" 1 < <(yes "$UDP_PACKET" | head -n 20000)
	mkfifo "$DIR/pipe"
	exec {stalled}<>"$DIR/pipe"
	# Not a whole buffer of its own fits.
	head -c 5000 /dev/zero >&"$stalled"
	"$SNIFF" -r "$DIR/a.pcap" >"$DIR/pipe" 2>"$SAID" 3>&- 4>&- &
	SNIFFER=$!
	wait_until 15 is_running
	wait_until 15 grep -q poll "/proc/$SNIFFER/wchan" # for room
	end_sniff TERM
	exec {stalled}<&-
}

@test "preforksniff: a file that stands still does not keep it from ending" {
	mkfifo "$DIR/pipe"
	exec {stalled}<>"$DIR/pipe"
	make_pcap "$DIR/a.pcap" 1 <<<"$UDP_PACKET"
	head -c -1 "$DIR/a.pcap" >&"$stalled"
	"$SNIFF" -r - <"$DIR/pipe" >"$SEEN" 2>"$SAID" 3>&- 4>&- &
	SNIFFER=$!
	wait_until 15 is_running
	end_sniff INT
	assert_equal "$(cat "$SAID")" ""
	exec {stalled}<&-
}

@test "preforksniff: what cannot be written is a failure, in one line" {
	make_pcap "$DIR/a.pcap" 1 <<<"$UDP_PACKET"
	local words
	for words in "" "-w -"; do
		# shellcheck disable=SC2086 # words
		run -1 bash -c '"$@" >/dev/full' _ "$SNIFF" -r "$DIR/a.pcap" $words
		assert_output "preforksniff: cannot write: No space left on device"
		# shellcheck disable=SC2086 # words
		run -1 bash -c '"$@" >&-' _ "$SNIFF" -r "$DIR/a.pcap" $words
		assert_output "preforksniff: cannot write: Bad file descriptor"
	done
	run -1 "$SNIFF" -r "$DIR/a.pcap" -w "$DIR/nowhere/a.pcap"
	assert_output "preforksniff: cannot write \"$DIR/nowhere/a.pcap\": No such file or directory"
	run -1 bash -c 'ulimit -f 0; "$@"' _ "$SNIFF" -r "$DIR/a.pcap" \
		-w "$DIR/b.pcap"
	assert_output "preforksniff: cannot write: File too large"
}

# --- the command line --------------------------------------------------------

@test "preforksniff: what is on no wire, or no address, is told" {
	run -64 "$SNIFF" unix:/run/x.sock
	assert_output 'preforksniff: "unix:/run/x.sock" is on no wire: only tcp:// and udp:// can be seen'
	run -64 "$SNIFF" unix:@name
	assert_output --partial "is on no wire"
	run -64 "$SNIFF" tcp://127.0.0.1
	assert_output --partial "a port is missing"
	run -1 "$SNIFF" tcp://no-such-host.invalid:80
	assert_output --partial 'cannot look up "tcp://no-such-host.invalid:80": '
	make_pcap "$DIR/a.pcap" 1 <<<"$UDP_PACKET"
	run -64 "$SNIFF" -r "$DIR/a.pcap" udp prot 53
	assert_output --regexp '^preforksniff: wrong filter "udp prot 53": '
	run -1 "$SNIFF" -i no-such-if
	assert_output 'preforksniff: cannot capture on "no-such-if": there is no such interface'
}

@test "preforksniff: wrong usage is 64, told on standard error" {
	local words
	for words in "-y" "-c" "-c 0" "-c x" "-s 0" "-s 262145" "-r x -i lo" \
		"-r x -s 5" "-r x -P" "-x -w y" "--nothing"; do
		# shellcheck disable=SC2086 # words
		run -64 --separate-stderr "$SNIFF" $words
		assert_output ""
		assert [ -n "$stderr" ]
	done
	# A savefile is not for people's eyes.
	make_pcap "$DIR/a.pcap" 1 <<<"$UDP_PACKET"
	run -64 script -qec "'$SNIFF' -r '$DIR/a.pcap' -w -" "$DIR/typescript"
	assert_output --partial "a savefile is not for a terminal"
}

@test "preforksniff: -V tells its version" {
	run -0 "$SNIFF" -V
	assert_output --regexp '^preforksniff [0-9.]+$'
	run -0 "$SNIFF" --version
	assert_output --regexp '^preforksniff [0-9.]+$'
}

@test "preforksniff: help and manual have the same options" {
	run -0 "$SNIFF" --help
	assert_line --index 0 --partial "usage: preforksniff "
	# "c count N", one a line.
	sed -nE 's/^  -(.), --([a-z-]+) ([A-Z]*) .*/\1 \2 \3/p' <<<"$output" \
		>"$DIR/help"
	sed -nE 's/^\.It Fl (.) , -([a-z-]+)( Ar (.*))?$/\1 \2 \U\4/p' \
		"$ROOT/docs/preforksniff.8" >"$DIR/manual"
	assert [ "$(wc -l <"$DIR/help")" -ge 11 ]
	diff "$DIR/help" "$DIR/manual"
	# And so have the two synopses.
	local letter
	while read -r letter _; do
		[[ ${lines[0]}${lines[1]} == *[-[DhPVx]"$letter"* ]]
		grep -qE "^\\.Op Fl ([A-Za-z]*$letter|$letter Ar)" \
			"$ROOT/docs/preforksniff.8"
	done <"$DIR/help"
	local line
	for line in "${lines[@]}"; do assert [ "${#line}" -le 80 ]; done
}
