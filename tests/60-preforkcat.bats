# shellcheck shell=bash disable=SC2002,SC2034,SC2094,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# preforkcat on streams: its command line, and that it loses nothing, waits for
# nothing and tells how it went, whatever its ends are and whoever goes first.
# 61: connecting, names, datagrams. 62: http.

setup() {
	load preforkcat
	common_setup
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

# echo_server: an echo service on TCP, E is its address.
echo_server() {
	write_echo_config
	start_server
	E=tcp://127.0.0.1:$(port echo)
}

# talk_lacking CALLS:error=WHY WORDS...
talk_lacking() {
	timeout 40 strace -f -qq -o /dev/null -e "inject=$1" "$PREFORKCAT" "${@:2}"
}

# Options as "-4 --ipv4" lines, from the help.
options_of_help() {
	"$PREFORKCAT" --help | grep -E '^ +(-.,)? +--' |
		sed -E 's/^ +(-.)?,? +(--[a-z0-9-]+).*/\1 \2/' | sort
}

options_of_man() {
	sed -nE -e 's/^\.It Fl (.) , -([a-z0-9-]+).*/-\1 --\2/p' \
		-e 's/^\.It Fl -([a-z0-9-]+).*/ --\1/p' \
		"$ROOT/docs/preforkcat.1" | sort
}

# --- the command line --------------------------------------------------------

@test "preforkcat: help and man page tell the same options" {
	run -0 --separate-stderr "$PREFORKCAT" --help
	assert_line --index 0 --partial "usage: preforkcat [-46hivV]"
	assert_equal "$stderr" ""
	local line
	for line in "${lines[@]}"; do assert [ "${#line}" -le 80 ]; done
	assert [ "$(options_of_help | wc -l)" -ge 23 ]
	assert_equal "$(options_of_help)" "$(options_of_man)"
	run -0 "$PREFORKCAT" -h
	assert_line --index 0 --partial "usage:"
}

@test "preforkcat: -V tells its version" {
	run -0 "$PREFORKCAT" -V
	assert_output --regexp '^preforkcat [0-9.]+$'
	run -0 "$PREFORKCAT" --version
	assert_output --regexp '^preforkcat [0-9.]+$'
}

@test "preforkcat: wrong usage is 64, told in a line" {
	local words
	while read -r words; do
		# shellcheck disable=SC2086 # words
		run -64 --separate-stderr talk $words </dev/null
		assert_output ""
		assert [ -n "$stderr" ]
	done <<-'END'

		-x
		tcp://a:1 tcp://b:1
		localhost
		localhost:80
		tcp://localhost
		tcp://localhost:0
		tcp://localhost:99999
		tcp://[::1:80
		udp://
		unix:
		fd://name
		http://
		http://user@localhost/
		--connect-timeout 5 tcp://localhost:1
		--connect-timeout -5s tcp://localhost:1
		--connect-timeout 999d tcp://localhost:1
		--timeout x tcp://localhost:1
		--retries -1 udp://localhost:1
		--retries 101 udp://localhost:1
		--datagram-size 0 udp://localhost:1
		--datagram-size 9m udp://localhost:1
		--proxy-header v3 tcp://localhost:1
		--proxy-header v1 udp://localhost:1
		--source nonsense tcp://localhost:1
		--source * tcp://localhost:1
		--source 1.2.3.4:x tcp://localhost:1
		-6 --source 127.0.0.1 tcp://localhost:1
		-4 tcp://[::1]:1
		-6 tcp://127.0.0.1:1
		--retries 1 tcp://localhost:1
		--datagram-size 5 tcp://localhost:1
		--no-answer unix:/x
		--broadcast tcp://localhost:1
		--broadcast unixgram:/x
		--source 127.0.0.1 unix:/x
		-4 unix:/x
		-i tcp://localhost:1
		--crlf http://localhost:1/
		--resolve unix:/x
		--resolve --timeout 5s localhost
		--resolve --hex localhost
		tls://
		tls://localhost
		tls://localhost:0
		tls+unix:
		tls+unix:/x
		tls+fd://name
		https://
		https://user@localhost/
		--ca /dev/null tcp://localhost:1
		--insecure http://localhost:1/
		--alpn h2 unix:/x
		--alpn h2,, tls://localhost:1
		--key /dev/null tls://localhost:1
		--crlf https://localhost:1/
		--resolve --insecure tls://localhost:1
		--resolve tls+unix:/x
	END
	run -64 talk --retries 1 tcp://localhost:1
	assert_output "preforkcat: --retries has no meaning for tcp://localhost:1"
	run -64 talk ftp://localhost:1
	assert_output --partial "it must begin with tcp://"
}

# --- the clients of the texts ------------------------------------------------

@test "example: create a socket, report an error" {
	run -69 --separate-stderr talk tcp://127.0.0.1:1
	assert_output ""
	assert_equal "$stderr" 'preforkcat: cannot connect to "tcp://127.0.0.1:1": Connection refused'
	run -68 --separate-stderr talk tcp://nobody.invalid:1
	assert_output ""
	assert_regex "$stderr" '^preforkcat: cannot look up "nobody.invalid": [A-Z][a-z ]+$'
	run -69 talk "unix:$DIR/nobody"
	assert_output "preforkcat: cannot connect to \"unix:$DIR/nobody\": No such file or directory"
	peer 'c.recv(99); time.sleep(20)'
	run -75 talk --timeout 200ms "tcp://127.0.0.1:$PORT" <<<hello
	assert_output "preforkcat: \"tcp://127.0.0.1:$PORT\" timed out: nothing came or went for 200ms"
}

@test "example: echo client, line by line, UTF-8 text" {
	echo_server
	local text=$'Grüße\nこんにちは\n\nlast, without its end'
	run -0 --separate-stderr talk "$E" < <(printf %s "$text")
	assert_equal "$output" "$text"
	assert_equal "$stderr" ""
	# Each line is answered before the next is there.
	# shellcheck disable=SC2016
	python '
p = subprocess.Popen([CAT, "'"$E"'"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
for line in "Grüße\n", "こんにちは\n", "\n":
    p.stdin.write(line.encode()); p.stdin.flush()
    assert p.stdout.readline() == line.encode()
p.stdin.close()
assert p.stdout.read() == b""
assert p.wait(10) == 0'
}

@test "example: time client" {
	write_config <<-END
		[service daytime]
		handler = daytime
		listen = tcp://127.0.0.1:0
	END
	start_server
	local address
	address=tcp://127.0.0.1:$(port daytime)
	run -0 talk "$address"
	assert_output --regexp '^[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} 20[0-9]{2}$'
	# Also when the input stays open: the reply is the end.
	exec {never}< <(sleep 30)
	run -0 talk "$address" <&"$never"
	assert_output --partial " 20"
	exec {never}<&-
}

@test "example: telnet as a debugging aid, on a terminal" {
	echo_server
	python '
pid, fd = pty.fork()
if pid == 0:
    os.execv(CAT, [CAT, "'"$E"'"])
before = fcntl.fcntl(fd, fcntl.F_GETFL)
os.write(fd, b"hello\n")
got = b""
while got.count(b"hello") < 2:  # what was typed, and what came back
    got += os.read(fd, 4096)
os.write(fd, b"\x04")
rest = b""
try:
    while part := os.read(fd, 4096):
        rest += part
except OSError:
    pass
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, rest'
	# A service that hangs up does not need another key.
	peer 'c.sendall(b"bye\r\n"); c.close()'
	PORT=$PORT python '
pid, fd = pty.fork()
if pid == 0:
    os.execv(CAT, [CAT, "tcp://127.0.0.1:%d" % PORT])
got = b""
try:
    while part := os.read(fd, 4096):
        got += part
except OSError:
    pass
assert got == b"bye\r\r\n", got
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0'
}

# --- nothing is lost ---------------------------------------------------------

@test "stream: any bytes go and come, whatever the ends are" {
	echo_server
	bytes 3000000 >"$DIR/in"
	# Files.
	talk "$E" <"$DIR/in" >"$DIR/out"
	cmp "$DIR/in" "$DIR/out"
	# Pipes.
	cat "$DIR/in" | talk "$E" | cmp - "$DIR/in"
	cat "$DIR/in" | talk "$E" >"$DIR/out"
	cmp "$DIR/in" "$DIR/out"
	talk "$E" <"$DIR/in" | cmp - "$DIR/in"
	# One socket as both, which inetd gives.
	CAT=$PREFORKCAT python '
a, b = socket.socketpair()
p = subprocess.Popen([CAT, "'"$E"'"], stdin=b, stdout=b)
b.close()
data = open("'"$DIR"'/in", "rb").read()
t = threading.Thread(target=lambda: (a.sendall(data), a.shutdown(socket.SHUT_WR)))
t.start()
assert rest(a) == data
t.join()
assert p.wait(10) == 0'
	# A file is written where its offset is, and appended to.
	echo before >"$DIR/out"
	talk "$E" <"$DIR/in" >>"$DIR/out"
	(echo before && cat "$DIR/in") | cmp - "$DIR/out"
	# Read from where the shell left it.
	(read -r _; talk "$E") < <(printf 'one\ntwo\n') >"$DIR/out"
	assert_equal "$(<"$DIR/out")" two
	printf 'one\ntwo\n' >"$DIR/lines"
	(read -r _; talk "$E") <"$DIR/lines" >"$DIR/out"
	assert_equal "$(<"$DIR/out")" two
	# Nothing at all.
	run -0 talk "$E" </dev/null
	assert_output ""
	talk "$E" </dev/zero | head -c 1000000 | cmp - <(head -c 1000000 /dev/zero)
}

@test "stream: the end of a long reply, to a reader that is slow" {
	peer '
rest(c)
c.sendall(bytes(range(256)) * 40000)
c.close()'
	echo hello | talk "tcp://127.0.0.1:$PORT" | python '
got = b""
while part := os.read(0, 20000):
    got += part
    time.sleep(0.0005)
assert got == bytes(range(256)) * 40000, len(got)'
}

@test "stream: the end of a short reply, every time" {
	peer '
for i in range(100):
    got = rest(c)
    c.sendall(b"reply to " + got)
    c.close()
    c = s.accept()[0]'
	local turn
	for turn in {1..100}; do
		run -0 talk "tcp://127.0.0.1:$PORT" <<<"$turn"
		assert_output "reply to $turn"
	done
}

@test "stream: both directions at once, more than all buffers hold" {
	echo_server
	python '
import hashlib
p = subprocess.Popen([CAT, "'"$E"'"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
sent, got = hashlib.sha256(), hashlib.sha256()
def write():
    for i in range(600):
        part = os.urandom(65536)
        sent.update(part)
        p.stdin.write(part)
    p.stdin.close()
t = threading.Thread(target=write)
t.start()
while part := p.stdout.read1(100000):
    got.update(part)
t.join()
assert sent.digest() == got.digest()
assert p.wait(10) == 0'
}

@test "stream: a peer that does not read makes the input wait" {
	peer '
time.sleep(1)
n = 0
while part := c.recv(65536):
    n += len(part)
c.sendall(b"%d" % n)
c.close()'
	head -c 20000000 /dev/zero | {
		run -0 talk "tcp://127.0.0.1:$PORT"
		assert_output 20000000
	}
}

# --- who goes first ----------------------------------------------------------

@test "stream: a peer that ends first ends it, what it said is printed" {
	peer 'c.sendall(b"that was it\n"); c.close()'
	exec {never}< <(sleep 30)
	run -0 talk "tcp://127.0.0.1:$PORT" <&"$never"
	assert_output "that was it"
	exec {never}<&-
}

@test "stream: a peer that ends its side first still gets the input" {
	peer '
c.sendall(b"go on\n")
c.shutdown(socket.SHUT_WR)
open("'"$DIR"'/got", "wb").write(rest(c))
open("'"$DIR"'/done", "w")'
	bytes 5000000 >"$DIR/in"
	run -0 talk "tcp://127.0.0.1:$PORT" <"$DIR/in"
	assert_output "go on"
	wait_until 10 test -e "$DIR/done"
	cmp "$DIR/in" "$DIR/got"
}

@test "stream: a peer that closes while we send: printed, then 74" {
	peer 'c.recv(1000); c.sendall(b"enough\n"); c.shutdown(socket.SHUT_WR); time.sleep(0.2); c.close()'
	run -74 --separate-stderr talk "tcp://127.0.0.1:$PORT" < <(yes)
	assert_output "enough"
	assert_regex "$stderr" "^preforkcat: \"tcp://127.0.0.1:$PORT\" (ended before it took all of the input|reset the connection)\$"
}

@test "stream: a peer that ends and takes no more does not hold us" {
	peer 'c.sendall(b"enough\n"); c.shutdown(socket.SHUT_WR); time.sleep(30)'
	run -74 --separate-stderr talk "tcp://127.0.0.1:$PORT" < <(yes)
	assert_output "enough"
	assert_regex "$stderr" 'ended before it took all of the input$'
}

@test "stream: a reset in the middle is 74, what came before is printed" {
	peer 'c.sendall(b"the beginning\n"); c.recv(1); reset(c)'
	run -74 --separate-stderr talk "tcp://127.0.0.1:$PORT" < <(printf x; exec sleep 20)
	assert_output "the beginning"
	assert_equal "$stderr" "preforkcat: \"tcp://127.0.0.1:$PORT\" reset the connection"
	# While we send, into a pipe, into a file.
	local i
	for i in 1 2 3; do
		peer 'c.sendall(b"the beginning\n"); c.recv(100); reset(c)'
		run -74 --separate-stderr talk "tcp://127.0.0.1:$PORT" < <(yes)
		assert_output "the beginning"
		assert_regex "$stderr" "^preforkcat: .*$PORT\" (reset the connection|ended before it took all of the input)\$"
	done
	peer 'c.sendall(b"the beginning\n"); c.recv(1); reset(c)'
	WANTED=0
	printf x | talk "tcp://127.0.0.1:$PORT" >"$DIR/out" || WANTED=$?
	assert_equal "$WANTED" 74
	assert_equal "$(<"$DIR/out")" "the beginning"
}

@test "stream: a reader that has had enough is no failure" {
	peer '
try:
    while True: c.sendall(b"line\n" * 1000)
except OSError: pass'
	run -0 bash -c "'$PREFORKCAT' tcp://127.0.0.1:$PORT </dev/null | head -n 1; exit \${PIPESTATUS[0]}"
	assert_output "line"
	# A peer that is silent does not hold us when all is sent and nobody reads.
	peer 'c.sendall(b"line\n"); time.sleep(30)'
	run -0 bash -c "timeout 10 '$PREFORKCAT' tcp://127.0.0.1:$PORT </dev/null | head -n 1; exit \${PIPESTATUS[0]}"
	assert_output "line"
}

@test "stream: INT and TERM end it, what came is printed" {
	local signal
	for signal in INT TERM; do
		peer 'c.sendall(b"first\n"); time.sleep(30)'
		PORT=$PORT python '
p = subprocess.Popen([CAT, "tcp://127.0.0.1:%d" % PORT], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
assert p.stdout.readline() == b"first\n"
p.send_signal(signal.SIG'"$signal"')
assert p.wait(10) == -signal.SIG'"$signal"'
assert p.stdout.read() == b""'
	done
}

# --- odd descriptors ---------------------------------------------------------

@test "stream: closed standard descriptors" {
	echo_server
	# No input is the end of the input.
	run -0 bash -c "timeout 10 '$PREFORKCAT' $E <&-"
	assert_output ""
	run -0 bash -c "echo hello | '$PREFORKCAT' $E 2>&-"
	assert_output "hello"
	# Nowhere to write, and nothing to write.
	run -0 bash -c "'$PREFORKCAT' $E </dev/null >&-"
	run -74 bash -c "echo hello | timeout 10 '$PREFORKCAT' $E >&-"
	assert_output "preforkcat: cannot write standard output: Bad file descriptor"
	# The socket is none of the three, whatever is closed.
	run -74 bash -c "timeout 10 '$PREFORKCAT' --proxy-header v1 $E <&- >&-"
	assert_output --partial "Bad file descriptor"
}

@test "stream: output that cannot be written, input that cannot be read" {
	echo_server
	run -74 bash -c "echo hello | timeout 10 '$PREFORKCAT' $E >/dev/full"
	assert_output "preforkcat: cannot write standard output: No space left on device"
	run -74 talk "$E" <"$DIR"
	assert_output "preforkcat: cannot read standard input: Is a directory"
	# A limit for files is no signal.
	bytes 100000 >"$DIR/in"
	run -74 bash -c "ulimit -f 10; timeout 10 '$PREFORKCAT' $E <'$DIR/in' >'$DIR/out'"
	assert_output "preforkcat: cannot write standard output: File too large"
}

@test "stream: O_NONBLOCK is neither set on what is shared nor relied on" {
	echo_server
	python '
def flags(*fds):
    return [fcntl.fcntl(fd, fcntl.F_GETFL) for fd in fds]
def run(nonblocking, make):
    (r_in, w_in), (r_out, w_out) = make(), make()
    fds = r_in, w_out
    for fd in fds:
        os.set_blocking(fd, not nonblocking)
    before = flags(*fds)
    p = subprocess.Popen([CAT, "'"$E"'"], stdin=r_in, stdout=w_out)
    data = os.urandom(1000000)
    def write():
        at = 0
        while at < len(data):
            at += os.write(w_in, data[at:])
    t = threading.Thread(target=write)
    t.start()
    got = b""
    while len(got) < len(data):
        assert flags(*fds) == before
        got += os.read(r_out, 65536)
    t.join()
    assert got == data
    for fd in {w_in, r_in}:
        os.close(fd)
    assert p.wait(10) == 0
    assert flags(w_out) == before[1:]
def pair():
    a, b = socket.socketpair()
    fds = a.detach(), b.detach()
    return fds
for nonblocking in False, True:
    run(nonblocking, os.pipe)
    run(nonblocking, pair)
# A terminal, which the shell uses again.
master, slave = pty.openpty()
before = flags(slave)
mode = termios.tcgetattr(slave)
p = subprocess.Popen([CAT, "'"$E"'"], stdin=slave, stdout=slave)
os.write(master, b"hello\n")
got = b""
while got.count(b"hello") < 2:
    got += os.read(master, 100)
assert flags(slave) == before
p.send_signal(signal.SIGINT)
p.wait(10)
assert flags(slave) == before and termios.tcgetattr(slave) == mode'
}

@test "stream: what the kernel cannot do with a descriptor is done by hand" {
	without_leak_check
	echo_server
	bytes 1000000 >"$DIR/in"
	local lacks
	for lacks in splice:error=EINVAL sendfile:error=EINVAL \
		splice,sendfile:error=ENOSYS \
		splice,sendfile,preadv2,pwritev2:error=EOPNOTSUPP; do
		cat "$DIR/in" | talk_lacking "$lacks" "$E" | cmp - "$DIR/in"
		talk_lacking "$lacks" "$E" <"$DIR/in" >"$DIR/out"
		cmp "$DIR/in" "$DIR/out"
	done
	# Into a pipe that is full most of the time, both ways.
	talk_lacking splice,preadv2,pwritev2:error=EOPNOTSUPP "$E" < <(cat "$DIR/in") | python '
got = b""
while part := os.read(0, 10000):
    got += part
    time.sleep(0.002)
assert got == open("'"$DIR"'/in", "rb").read()'
}

# --- options -----------------------------------------------------------------

@test "stream: --timeout counts while nothing moves, not while we wait for a reader" {
	peer '
for i in range(8):
    c.sendall(b"x")
    time.sleep(0.15)
c.close()'
	run -0 talk --timeout 1s "tcp://127.0.0.1:$PORT" </dev/null
	assert_output xxxxxxxx
	# 2 MB wait for their reader.
	peer 'c.sendall(b"x" * 2000000); c.close()'
	talk --timeout 300ms "tcp://127.0.0.1:$PORT" </dev/null | {
		read -rt 0.8 <> <(:) || :
		wc -c
	} >"$DIR/n"
	assert_equal "$(<"$DIR/n")" 2000000
	# A peer that takes nothing.
	peer 'time.sleep(30)'
	run -75 talk --timeout 300ms "tcp://127.0.0.1:$PORT" </dev/zero
	assert_output --partial "timed out"
}

@test "stream: --crlf makes line ends, and leaves those that are" {
	echo_server
	printf 'a\nb\r\n\nc\r' | talk --crlf "$E" | cmp - <(printf 'a\r\nb\r\n\r\nc\r')
}

@test "stream: --hex shows both directions, escaped, besides" {
	echo_server
	run -0 --separate-stderr talk --hex "$E" < <(printf 'hello, world: 16\a\033[31m\n')
	assert_equal "$output" $'hello, world: 16\a\033[31m'
	assert_equal "$(grep '^>' <<<"$stderr")" \
"> 00000000  68 65 6c 6c 6f 2c 20 77 6f 72 6c 64 3a 20 31 36  hello, world: 16
> 00000010  07 1b 5b 33 31 6d 0a                             \\a\\033[31m\\n"
	assert_equal "$(grep '^<' <<<"$stderr")" \
		"$(grep '^>' <<<"$stderr" | sed 's/^>/</')"
}

@test "stream: -v tells each step and its time" {
	echo_server
	run -0 --separate-stderr talk -v "$E" <<<hello
	assert_equal "$output" hello
	local time=' \([0-9]+\.[0-9]{3} ms\)'
	local n=127.0.0.1:${E##*:}
	run -0 sort <<<"$stderr"
	assert_line "preforkcat: connecting to $n"
	assert_line --regexp "^preforkcat: connected to $n from 127.0.0.1:[0-9]+$time\$"
	assert_line --regexp "^preforkcat: end of the input passed on$time\$"
	assert_line --regexp "^preforkcat: first byte$time\$"
	assert_line --regexp "^preforkcat: the peer ended$time\$"
	assert_line --regexp "^preforkcat: sent 6 bytes, received 6 bytes, total$time\$"
}

@test "stream: --proxy-header says who connects, in front of the input" {
	local say='
try: got = rest(c)
finally: c.sendall(got + b" %d" % c.getpeername()[1] if c.family != socket.AF_UNIX else got); c.close()'
	peer "$say"
	run -0 talk --proxy-header v1 "tcp://127.0.0.1:$PORT" < <(printf hello)
	assert_output --regexp "^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 ([0-9]+) $PORT"$'\r\n''hello \1$'
	peer "$say" "socket.create_server(('::1', 0), family=socket.AF_INET6)"
	run -0 talk --proxy-header v1 "tcp://[::1]:$PORT" </dev/null
	assert_output --regexp "^PROXY TCP6 ::1 ::1 [0-9]+ $PORT"
	peer '
got = rest(c)
sign, kind, n = got[:12], got[12:14], struct.unpack("!H", got[14:16])[0]
assert sign == b"\r\n\r\n\0\r\nQUIT\n" and kind == b"\x21\x11" and n == 12, got
a, b, p, q = struct.unpack("!4s4sHH", got[16:28])
assert (socket.inet_ntoa(a), p) == c.getpeername() and (socket.inet_ntoa(b), q) == c.getsockname()
assert got[28:] == b"hello"
c.sendall(b"right")
c.close()'
	run -0 talk --proxy-header v2 "tcp://127.0.0.1:$PORT" < <(printf hello)
	assert_output right
	peer '
got = rest(c)
assert got[12:16] == b"\x21\x31\0\xd8", got
assert got[16:124] == bytes(108) and got[124:232].rstrip(b"\0").decode() == c.getsockname(), got
c.sendall(b"right")
c.close()' "socket.socket(socket.AF_UNIX); s.bind('$DIR/s'); s.listen()"
	run -0 talk --proxy-header v2 "unix:$DIR/s" < <(printf hello)
	assert_output right
}

@test "stream: unix sockets, by path and by abstract name" {
	write_config <<-END
		[service echo]
		handler = echo
		listen = unix:$DIR/echo.sock unix:@preforkcat-$$-$BATS_TEST_NUMBER
	END
	start_server
	bytes 300000 >"$DIR/in"
	talk "unix:$DIR/echo.sock" <"$DIR/in" | cmp - "$DIR/in"
	talk "unix:@preforkcat-$$-$BATS_TEST_NUMBER" <"$DIR/in" | cmp - "$DIR/in"
	cd "$DIR"
	talk unix:echo.sock <"$DIR/in" | cmp - "$DIR/in"
}

@test "stream: peers of other makes" {
	local address=127.0.0.1 n
	: >"$DIR/port"
	background socat -d -d TCP-LISTEN:0,bind=$address SYSTEM:'rev' 2>"$DIR/socat"
	wait_until 10 grep -q 'listening on' "$DIR/socat"
	n=$(sed -n 's/.*listening on .*:\([0-9]*\)$/\1/p' "$DIR/socat")
	run -0 talk "tcp://$address:$n" <<<"hello"
	assert_output olleh
	bytes 1000000 >"$DIR/in"
	background ncat --recv-only -l -U "$DIR/ncat" >"$DIR/out"
	wait_until 10 test -S "$DIR/ncat"
	run -0 talk "unix:$DIR/ncat" <"$DIR/in"
	wait_gone "${HELPERS[-1]}"
	cmp "$DIR/in" "$DIR/out"
	background sh -c "exec ncat --send-only -l -U '$DIR/ncat2' <'$DIR/in'"
	wait_until 10 test -S "$DIR/ncat2"
	# It does not wait for what it was asked to send.
	talk "unix:$DIR/ncat2" < <(exec sleep 20) | cmp - "$DIR/in"
}
