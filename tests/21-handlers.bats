#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# What the built-in handlers answer, each over every transport that it has.

load helpers

setup() {
	common_setup
}

teardown() {
	common_teardown
}

# serve HANDLER [LINE]: as service "s" on tcp, udp, unix and unixgram sockets.
serve() {
	write_config <<-END
		[service s]
		handler = $1
		listen = tcp://127.0.0.1:0 tcp://[::1]:0 udp://127.0.0.1:0
		listen = unix:$DIR/s unixgram:$DIR/g
		${2-}
	END
	start_server
}

# The same, for a handler of connections only.
serve_streams() {
	write_config <<-END
		[service s]
		handler = $1
		listen = tcp://127.0.0.1:0 unix:$DIR/s
		${2-}
	END
	start_server
}

# stream ADDRESS: sends standard input, shuts its side, prints the rest.
stream() {
	timeout 20 socat -t 20 - "$1"
}

# ask: what comes back for one datagram that is standard input.
ask() {
	timeout 5 python3 -c '
import socket, sys
where = sys.argv[1]
if where[0] == "/":
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind("")
else:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    where = ("127.0.0.1", int(where))
s.settimeout(3)
s.sendto(sys.stdin.buffer.read(), where)
sys.stdout.buffer.write(s.recv(65536))' "$1"
}

# Each of these is said by every transport that the service has.
over_streams() {
	"$@" "tcp:127.0.0.1:$(port s 1)"
	"$@" "unix-connect:$DIR/s"
}

over_datagrams() {
	"$@" "$(port s 3)"
	"$@" "$DIR/g"
}

echoes_8_mib() {
	stream "$1" <"$DIR/sent" >"$DIR/received"
	cmp "$DIR/sent" "$DIR/received"
}

@test "echo: 8 MiB come back whole, then the end" {
	serve echo
	head -c 8388608 /dev/urandom >"$DIR/sent"
	over_streams echoes_8_mib
	assert_equal "$(counter s bytes_in)" 16777216
	assert_equal "$(counter s bytes_out)" 16777216
	wait_until 5 counter_is s closed_done 2
}

is_echoed() {
	assert_equal "$(printf 'hello' | ask "$1")" hello
}

@test "echo: datagrams" {
	serve echo
	over_datagrams is_echoed
}

@test "echo: a banner goes first, its escapes filled in" {
	serve_streams echo 'banner = %s says\thi to %a\r\n%w 100%%\n'
	run stream "tcp:127.0.0.1:$(port s 1)" <<<"hello"
	assert_line --index 0 $'s says\thi to 127.0.0.1\r'
	assert_line --index 1 --regexp '^default/[12] 100%$'
	assert_line --index 2 hello
}

@test "hello: the greeting, and nothing is waited for" {
	serve hello
	assert_equal "$(stream "tcp:127.0.0.1:$(port s 1)" </dev/null)" \
		"Hello 127.0.0.1"
	assert_equal "$(stream "tcp6:[::1]:$(port s 2)" </dev/null)" \
		"Hello ::1"
	run stream "unix-connect:$DIR/s" </dev/null
	assert_output --partial "Hello "
	# A client that says nothing gets it as well, and the end.
	run timeout 5 socat -u "tcp:127.0.0.1:$(port s 1)" -
	assert_success
	assert_output "Hello 127.0.0.1"
}

@test "hello: every escape" {
	serve_streams hello \
		'greeting = a=%a p=%p h=%h s=%s w=%w %% \\ \t.\nend'
	run timeout 5 socat -u "tcp:127.0.0.1:$(port s 1),sourceport=0" -
	assert_line --index 0 --regexp \
		"^a=127\.0\.0\.1 p=[0-9]+ h=$(uname -n) s=s w=default/[12] % \\\\ "$'\t'"\.$"
	assert_line --index 1 end
}

@test "hello: %p is the port of the peer" {
	serve_streams hello 'greeting = %p'
	run timeout 5 python3 -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print(int(s.recv(10)) == s.getsockname()[1])' "$(port s 1)"
	assert_output True
}

greets_by_datagram() {
	run ask "$1" <<<"a question that is longer than its answer is"
	assert_output --partial "Hello "
}

@test "hello: datagrams" {
	serve hello
	over_datagrams greets_by_datagram
}

# Standard input is a date as ctime(3) has it, not 2 seconds from now.
is_now() {
	python3 -c '
import sys, time
text = sys.stdin.read()
assert text[-1] == "\n" and len(text) == 25, repr(text)
said = time.mktime(time.strptime(text[:-1], "%a %b %d %H:%M:%S %Y"))
assert text[:-1] == time.ctime(said), repr(text)
assert abs(time.time() - said) <= 2, repr(text)'
}

tells_date() {
	stream "$1" </dev/null >"$DIR/date"
	is_now <"$DIR/date"
}

tells_date_by_datagram() {
	printf 'what time is it, please? ..' | ask "$1" >"$DIR/date"
	is_now <"$DIR/date"
}

@test "daytime: the date as ctime has it" {
	serve daytime
	over_streams tells_date
	over_datagrams tells_date_by_datagram
}

@test "daytime: in the time zone of the daemon" {
	write_config <<-END
		[service s]
		handler = daytime
		listen = tcp://127.0.0.1:0
	END
	start_server env TZ=XYZ-05:30
	stream "tcp:127.0.0.1:$(port s)" </dev/null >"$DIR/date"
	TZ=XYZ-05:30 is_now <"$DIR/date"
}

# Standard input is the seconds since 1900 in 4 bytes, not 2 from now.
is_time() {
	python3 -c '
import sys, time
data = sys.stdin.buffer.read()
assert len(data) == 4, data
said = int.from_bytes(data, "big") - 2208988800
assert abs(time.time() - said) <= 2, data'
}

tells_time() {
	stream "$1" </dev/null >"$DIR/time"
	is_time <"$DIR/time"
}

tells_time_by_datagram() {
	printf '1234' | ask "$1" >"$DIR/time"
	is_time <"$DIR/time"
}

@test "time: four bytes, RFC 868" {
	serve time
	over_streams tells_time
	over_datagrams tells_time_by_datagram
}

raises() {
	assert_equal "$(stream "$1" <<<"Grüße, 1a_z{")" "GRüßE, 1A_Z{"
}

raises_by_datagram() {
	assert_equal "$(ask "$1" <<<"Grüße, 1a_z{")" "GRüßE, 1A_Z{"
}

@test "upper: ASCII letters, everything else stays" {
	serve upper
	over_streams raises
	over_datagrams raises_by_datagram
}

takes_all() {
	run stream "$1" <"$DIR/sent"
	assert_success
	assert_output ""
}

@test "discard: takes everything, says nothing" {
	serve discard
	head -c 2000000 /dev/zero >"$DIR/sent"
	over_streams takes_all
	wait_until 5 counter_is s closed_done 2
	assert_equal "$(counter s bytes_in)" 4000000
	printf 'into the void' | timeout 5 socat -u - "udp:127.0.0.1:$(port s 3)"
	printf 'into the void' | timeout 5 socat -u - "unix-sendto:$DIR/g"
	wait_until 5 counter_is s datagrams_in 2
	assert_equal "$(counter s bytes_out)" 0
	assert_equal "$(counter s datagrams_out)" 0
}

generates() {
	timeout 10 socat -u "$1" - 2>/dev/null | head -c 740000 >"$DIR/lines"
	python3 - "$DIR/lines" <<-'END'
		import sys
		ring = "".join(map(chr, range(32, 127)))
		with open(sys.argv[1], newline="") as f:
		    text = f.read()
		assert len(text) == 740000
		for i in range(10000):
		    k = i % 95
		    want = (ring + ring)[k:k + 72] + "\r\n"
		    assert text[i * 74:i * 74 + 74] == want, i
	END
}

@test "chargen: the lines of RFC 864" {
	serve_streams chargen
	over_streams generates
}

@test "chargen: not over datagrams" {
	write_config <<-END
		[service s]
		handler = chargen
		listen = udp://127.0.0.1:0
	END
	run -78 timeout 5 "$PREFORKD" -t -c "$CONFIG"
	assert_output --regexp "preforkd.ini:[0-9]+: .*chargen"
}
