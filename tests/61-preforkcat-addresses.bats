# shellcheck shell=bash disable=SC2016,SC2034,SC2094,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# preforkcat and addresses: names and their addresses, which of them is used
# and how long that may take; datagrams, lost ones and those of others.

setup() {
	load preforkcat
	common_setup
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

# apart LINES <<HOSTS: python in a network of its own, where HOSTS are the names
# there are. 192.0.2.1 and 2001:db8::1 are this machine; what is sent to those
# that end with 97, 98 and 99 is lost without a word. No name server answers.
apart() {
	cat >"$DIR/hosts"
	echo "nameserver 127.0.0.1" >"$DIR/resolv.conf"
	CAT=$PREFORKCAT PYTHONPATH=$ROOT/tests PYTHONDONTWRITEBYTECODE=1 \
		timeout 40 unshare --mount --net sh -ec '
		ip link set lo up
		for host in 1 97 98 99; do
			ip addr add "192.0.2.$host/32" dev lo
			ip -6 addr add "2001:db8::$host/128" dev lo
		done
		nft -f - <<-RULES
			table inet lost {
				chain input {
					type filter hook input priority 0
					ip daddr 192.0.2.97-192.0.2.99 drop
					ip6 daddr 2001:db8::97-2001:db8::99 drop
				}
			}
		RULES
		mount --bind "$1" /etc/hosts
		mount --bind "$2" "$(realpath /etc/resolv.conf)"
		exec python3 -c "$3"' sh "$DIR/hosts" "$DIR/resolv.conf" \
		"from peers import *
import re, subprocess
CAT = os.environ['CAT']
def cat(*words, input=''):
    '''Status, standard output, standard error.'''
    p = subprocess.run([CAT, *words], input=input, capture_output=True,
        text=True, timeout=20)
    return p.returncode, p.stdout, p.stderr
def attempts(text):
    return re.findall('connecting to (.*):[0-9]+\n', text)
def connected(text):
    '''To which address, after how many milliseconds.'''
    to, ms = re.search(r'connected to (.*):[0-9]+ from .* \((.*) ms\)', text).groups()
    return to, float(ms)
def hello(host, port=0):
    '''A server that greets, and its port.'''
    s = socket.create_server((host, port),
        family=socket.AF_INET6 if ':' in host else socket.AF_INET)
    def run():
        while True:
            c = s.accept()[0]
            c.sendall(b'hello')
            c.close()
    threading.Thread(target=run, daemon=True).start()
    return s.getsockname()[1]
$1"
}

# udp_peer LINES: a datagram server, `s`.
udp_peer() {
	peer "$1" "socket.socket(type=socket.SOCK_DGRAM); s.settimeout(20); s.bind(('127.0.0.1', 0))"
}

# datagram_server: echo services on UDP and a unix datagram socket.
datagram_server() {
	write_config <<-END
		[service echo]
		handler = echo
		listen = udp://127.0.0.1:0 unixgram:$DIR/dgram.sock
	END
	start_server
	U=udp://127.0.0.1:$(port echo)
}

# --- names -------------------------------------------------------------------

@test "example: resolve a name, every answer and the reverse name of each" {
	apart '
assert cat("--resolve", "tcp://cat.example:80") == (0,
    "IPv6\tstream\ttcp\tcat.example\t[2001:db8::7]:80\tcat.example\n"
    "IPv4\tstream\ttcp\tcat.example\t192.0.2.7:80\tcat.example\n", ""), cat("--resolve", "tcp://cat.example:80")
# Of a bare name, everything.
status, out, err = cat("--resolve", "cat.example")
assert (status, err) == (0, "")
lines = [l.split("\t") for l in out.splitlines()]
assert sorted((l[0], l[1], l[2]) for l in lines) == sorted(
    (f, t, p) for f in ("IPv4", "IPv6")
    for t, p in (("stream", "tcp"), ("datagram", "udp"), ("raw", "any"))), lines
# An alias has a canonical name.
assert cat("--resolve", "-4", "udp://alias.example:53")[1] == \
    "IPv4\tdatagram\tudp\tcat.example\t192.0.2.7:53\tcat.example\n"
# An address has a reverse name, or none.
assert cat("--resolve", "tcp://192.0.2.7:1")[1].endswith("\tcat.example\n")
assert cat("--resolve", "-6", "2001:db8::7")[1].count("\tcat.example\n") == 3
assert cat("--resolve", "--connect-timeout", "100ms", "tcp://192.0.2.9:1")[1].endswith("\t192.0.2.9:1\t-\n")
status, out, err = cat("--resolve", "--connect-timeout", "5s", "-6", "tcp://four.example:1")
assert status == 68 and out == "" and err.count("\n") == 1, (status, out, err)' <<-'END'
		2001:db8::7 cat.example
		192.0.2.7 cat.example alias.example
		192.0.2.4 four.example
	END
}

@test "name: not found is 68, a resolver that is silent 75" {
	apart '
dns = socket.socket(type=socket.SOCK_DGRAM)
dns.bind(("127.0.0.1", 53))
for words in (["tcp://slow.example:1"], ["udp://slow.example:1"],
              ["http://slow.example/"], ["--resolve", "slow.example"]):
    begin = time.monotonic()
    status, out, err = cat("--connect-timeout", "300ms", *words)
    assert (status, out) == (75, ""), (words, status)
    assert err == "preforkcat: cannot look up \"slow.example\": no answer in time\n", err
    assert 0.3 <= time.monotonic() - begin < 4
dns.close()
status, out, err = cat("tcp://none.example:1")
assert status == 68 and err.startswith("preforkcat: cannot look up \"none.example\": "), err
status, out, err = cat("-6", "tcp://four.example:1")
assert status == 68 and err == "preforkcat: \"four.example\" has no IPv6 address\n", err' <<-'END'
		192.0.2.4 four.example
	END
}

# --- connecting --------------------------------------------------------------

@test "example: connect, trying each address" {
	apart '
port = hello("192.0.2.1")
# The first does not answer: 250 ms later the next is tried.
status, out, err = cat("-v", f"tcp://both.example:{port}")
assert (status, out) == (0, "hello"), err
assert attempts(err) == ["[2001:db8::99]", "192.0.2.1"], err
tries = [connected(err)] + [connected(cat("-v", f"tcp://both.example:{port}")[2]) for i in range(3)]
# (The wait counts whole milliseconds, and may begin within one.)
assert all(to == "192.0.2.1" and ms > 249 for to, ms in tries), tries
assert min(ms for to, ms in tries) < 450, tries
# It refuses: the next is tried at once.
best = min(connected(cat("-v", f"tcp://refused.example:{port}")[2]) [1] for i in range(3))
assert best < 250, best
# Both work: the one that the system prefers, and no other.
hello("2001:db8::1", port)
status, out, err = cat("-v", f"tcp://refused.example:{port}")
assert attempts(err) == ["[2001:db8::1]"] and out == "hello", err
# Families take turns.
status, out, err = cat("-v", f"tcp://many.example:{port}")
assert attempts(err) == ["[2001:db8::97]", "192.0.2.97", "[2001:db8::98]", "192.0.2.1"], err
assert 750 <= connected(err)[1] < 6000, err
# -4 and -6 choose.
assert attempts(cat("-v", "-4", f"tcp://refused.example:{port}")[2]) == ["192.0.2.1"]
assert attempts(cat("-v", "-6", f"tcp://refused.example:{port}")[2]) == ["[2001:db8::1]"]
assert attempts(cat("-v", "--source", "192.0.2.1", f"tcp://refused.example:{port}")[2]) == ["192.0.2.1"]' <<-'END'
		2001:db8::99 both.example
		192.0.2.1 both.example
		2001:db8::1 refused.example
		192.0.2.1 refused.example
		2001:db8::97 many.example
		2001:db8::98 many.example
		2001:db8::99 many.example
		192.0.2.97 many.example
		192.0.2.1 many.example
	END
}

@test "connect: a slow address that answers first wins" {
	# It answers after the second attempt has begun, which never does.
	apart '
port = hello("2001:db8::1")
nft = lambda rules: subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
nft("add table ip6 t; add chain ip6 t i { type filter hook input priority 0; }; "
    "add rule ip6 t i tcp flags syn / syn,ack drop")
p = subprocess.Popen([CAT, "-v", f"tcp://both.example:{port}"], stdin=subprocess.DEVNULL,
    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
err = ""
while "connecting to 192.0.2.99" not in err:
    err += p.stderr.readline()
nft("flush chain ip6 t i")
out, rest = p.communicate(timeout=20)
assert out == "hello" and connected(rest)[0] == "[2001:db8::1]", rest' <<-'END'
		2001:db8::1 both.example
		192.0.2.99 both.example
	END
}

@test "connect: 69 refused or unreachable, 75 not within --connect-timeout" {
	apart '
status, out, err = cat("-v", "--connect-timeout", "700ms", "tcp://lost.example:1")
assert status == 75, err
assert err.endswith("cannot connect to \"tcp://lost.example:1\": timed out\n") or \
    "cannot connect to \"tcp://lost.example:1\": timed out\n" in err, err
assert len(attempts(err)) == 3, err
status, out, err = cat("tcp://198.51.100.1:1")
assert (status, err) == (69, "preforkcat: cannot connect to \"tcp://198.51.100.1:1\": Network is unreachable\n"), err
# That no way leads to one address explains less than that another refused.
status, out, err = cat("tcp://far.example:1")
assert (status, err) == (69, "preforkcat: cannot connect to \"tcp://far.example:1\": Connection refused\n"), err
status, out, err = cat("--source", "192.0.2.55", "tcp://192.0.2.1:1")
assert (status, err) == (69, "preforkcat: cannot connect to \"tcp://192.0.2.1:1\": Cannot assign requested address\n"), err' <<-'END'
		2001:db8::99 lost.example
		192.0.2.98 lost.example
		192.0.2.99 lost.example
		2001:dead::1 far.example
		192.0.2.1 far.example
	END
}

@test "connect: a unix socket whose queue is full is waited for, as long as allowed" {
	python '
s = socket.socket(socket.AF_UNIX)
s.bind("'"$DIR"'/full")
s.listen(0)
first = socket.socket(socket.AF_UNIX)
first.connect("'"$DIR"'/full")
p = subprocess.run([CAT, "--connect-timeout", "300ms", "unix:'"$DIR"'/full"], stdin=subprocess.DEVNULL,
    stderr=subprocess.PIPE, text=True)
assert p.returncode == 75 and p.stderr.endswith(": timed out\n"), p
# With room in time it goes on.
p = subprocess.Popen([CAT, "unix:'"$DIR"'/full"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
s.accept()
c = s.accept()[0]
c.sendall(b"hello"); c.close()
assert p.communicate(timeout=10)[0] == b"hello" and p.returncode == 0'
}

@test "connect: --source is where it comes from" {
	peer '
for i in range(3):
    c.sendall(b"%s %d\n" % (c.getpeername()[0].encode(), c.getpeername()[1]))
    c.close()
    c = s.accept()[0]'
	local source
	run -0 talk --source 127.0.0.2 "tcp://127.0.0.1:$PORT"
	assert_output --regexp '^127\.0\.0\.2 [0-9]+$'
	# One that was free a moment ago.
	source=127.0.0.3:${output##* }
	run -0 talk --source "$source" "tcp://127.0.0.1:$PORT"
	assert_output "${source/:/ }"
	peer 'c.sendall(c.getpeername()[0].encode()); c.close()' \
		"socket.create_server(('::1', 0), family=socket.AF_INET6)"
	run -0 talk --source ::1 "tcp://[::1]:$PORT"
	assert_output ::1
}

# --- datagrams ---------------------------------------------------------------

@test "example: UDP client with timeout, which copes with loss" {
	udp_peer '
times = []
for i in range(3):
    data, who = s.recvfrom(100)
    times.append(time.monotonic())
    assert data == b"hello\n" and who[1] > 0
a, b = times[1] - times[0], times[2] - times[1]
assert 0.19 < a and 0.39 < b, (a, b)
s.sendto(b"at last\n", who)
while True: s.recvfrom(100)'
	run -0 talk --timeout 200ms --retries 3 "udp://127.0.0.1:$PORT" <<<hello
	assert_output "at last"
	# Not one more than that.
	run -75 --separate-stderr talk --timeout 100ms --retries 1 "udp://127.0.0.1:$PORT" <<<hello
	assert_output ""
	assert_equal "$stderr" "preforkcat: no answer from \"udp://127.0.0.1:$PORT\" within 200ms"
}

@test "datagrams: a line each, answered one by one" {
	write_config <<-END
		[service upper]
		handler = upper
		listen = udp://127.0.0.1:0
	END
	start_server
	run -0 talk "udp://127.0.0.1:$(port upper)" < <(printf 'one\ntwo\n\nlast')
	assert_output $'ONE\nTWO\n\nLAST'
	assert counter_is upper datagrams_in 4
}

@test "datagrams: of a size, all as one, none too short, none too long" {
	datagram_server
	bytes 65507 >"$DIR/in"
	talk --datagram-size all "$U" <"$DIR/in" | cmp - "$DIR/in"
	assert counter_is echo datagrams_in 1
	talk --datagram-size 10000 "$U" <"$DIR/in" | cmp - "$DIR/in"
	assert counter_is echo datagrams_in 8
	# Without a byte.
	run -0 talk "$U" </dev/null
	assert counter_is echo datagrams_in 9
	bytes 65508 >"$DIR/in"
	run -64 talk --datagram-size all "$U" <"$DIR/in"
	assert_output "preforkcat: a datagram of 65508 bytes is too long for \"$U\""
	run -64 talk "$U" < <(head -c 2000000 /dev/zero)
	assert_output "preforkcat: more than 1048576 bytes are no datagram"
}

@test "datagrams: only the peer that was asked answers" {
	udp_peer '
data, who = s.recvfrom(100)
other = socket.socket(type=socket.SOCK_DGRAM)
other.bind(("127.0.0.2", 0))
other.sendto(b"false\n", who)
s.sendto(b"true\n", who)
time.sleep(20)'
	run -0 talk "udp://127.0.0.1:$PORT" <<<hello
	assert_output "true"
}

@test "datagrams: an answer that comes twice is not that to the next" {
	udp_peer '
s.recvfrom(100)
data, who = s.recvfrom(100)
s.sendto(b"first\n", who)
s.sendto(b"first\n", who)
open("'"$DIR"'/both", "w")
while True:
    data, who = s.recvfrom(100)
    s.sendto(b"answer to " + data, who)'
	# Its second answer must not be late: then nobody could tell.
	run -0 --separate-stderr talk -v --timeout 100ms --retries 1 "udp://127.0.0.1:$PORT" \
		< <(
			echo one
			wait_until 10 test -e "$DIR/both"
			printf 'two\nthree\n'
		)
	assert_output $'first\nanswer to two\nanswer to three'
	run -0 grep -c 'came twice is dropped' <<<"$stderr"
}

@test "datagrams: a refusal is heard, or waited out with --retries" {
	run -69 --separate-stderr talk udp://127.0.0.1:1 <<<hello
	assert_output ""
	assert_equal "$stderr" 'preforkcat: cannot reach "udp://127.0.0.1:1": Connection refused'
	run -69 talk --timeout 50ms --retries 2 udp://127.0.0.1:1 <<<hello
	assert_output 'preforkcat: cannot reach "udp://127.0.0.1:1": Connection refused'
	python '
s = socket.socket(type=socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
name = s.getsockname()
s.close()
p = subprocess.Popen([CAT, "-v", "--timeout", "200ms", "--retries", "5", "udp://%s:%d" % name],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
p.stdin.write(b"hello\n"); p.stdin.close()
while b"refused" not in p.stderr.readline(): pass
s = socket.socket(type=socket.SOCK_DGRAM)
s.settimeout(20)
s.bind(name)
data, who = s.recvfrom(100)
s.sendto(b"here again\n", who)
assert p.stdout.read() == b"here again\n"
assert p.wait(10) == 0'
}

@test "datagrams: the address of a name that answers is used" {
	apart '
s = socket.socket(type=socket.SOCK_DGRAM)
s.settimeout(20)
s.bind(("192.0.2.1", 0))
port = s.getsockname()[1]
def answer():
    while True:
        data, who = s.recvfrom(100)
        s.sendto(b"got " + data, who)
threading.Thread(target=answer, daemon=True).start()
# The first refuses: no try is lost for it.
assert cat(f"udp://refused.example:{port}", input="a\nb\n") == (0, "got a\ngot b\n", "")
assert cat("--no-answer", f"udp://refused.example:{port}", input="a\nb\n") == (0, "", "")
# The first is silent: the next try goes to the next.
assert cat("--timeout", "200ms", "--retries", "1", f"udp://lost.example:{port}", input="a\nb\n") \
    == (0, "got a\ngot b\n", "")
assert cat("-4", f"udp://lost.example:{port}", input="a\n") == (0, "got a\n", "")
status, out, err = cat("udp://198.51.100.1:1", input="a\n")
assert (status, err) == (69, "preforkcat: cannot reach \"udp://198.51.100.1:1\": Network is unreachable\n"), err
status, out, err = cat(f"udp://refused.example:1", input="a\n")
assert (status, err) == (69, "preforkcat: cannot reach \"udp://refused.example:1\": Connection refused\n"), err' <<-'END'
		2001:db8::1 refused.example
		192.0.2.1 refused.example
		2001:db8::99 lost.example
		192.0.2.1 lost.example
	END
}

@test "datagrams: a broadcast needs --broadcast, all who answer count" {
	peer '
others = []
for i in range(2):
    o = socket.socket(type=socket.SOCK_DGRAM)
    o.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    o.bind(("", s.getsockname()[1] if i == 0 else others[0].getsockname()[1]))
    others.append(o)
open("'"$DIR"'/ready", "w")
data, who = others[0].recvfrom(100)
assert others[1].recvfrom(100)[0] == data
for i, o in enumerate(others):
    o.sendto(b"answer %d\n" % i, who)
time.sleep(20)' "socket.socket(type=socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('127.0.0.1', 0))"
	wait_until 10 test -e "$DIR/ready"
	run -64 talk "udp://127.255.255.255:$PORT" <<<hello
	assert_output "preforkcat: \"udp://127.255.255.255:$PORT\" is a broadcast address: --broadcast allows it"
	run -0 talk --broadcast --timeout 500ms "udp://127.255.255.255:$PORT" <<<hello
	assert_line "answer 0"
	assert_line "answer 1"
	run -75 talk --broadcast --timeout 100ms udp://127.255.255.255:1 <<<hello
	assert_output --partial "no answer from"
}

@test "datagrams: what comes while there is no input is shown, too" {
	udp_peer '
data, who = s.recvfrom(100)
s.sendto(b"answer\n", who)
s.sendto(b"news\n", who)
s.recvfrom(100)
s.sendto(b"bye\n", who)
time.sleep(20)'
	PORT=$PORT python '
p = subprocess.Popen([CAT, "udp://127.0.0.1:%d" % PORT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
p.stdin.write(b"hello\n"); p.stdin.flush()
assert p.stdout.readline() == b"answer\n"
assert p.stdout.readline() == b"news\n"
p.stdin.write(b"x\n"); p.stdin.close()
assert p.stdout.readline() == b"bye\n"
assert p.wait(10) == 0'
}

@test "datagrams: --no-answer sends and ends" {
	udp_peer '
open("'"$DIR"'/got", "wb").write(b"".join(s.recvfrom(100)[0] for i in range(3)))
open("'"$DIR"'/done", "w")'
	run -0 talk --no-answer --crlf "udp://127.0.0.1:$PORT" < <(printf '1\n2\n3\n')
	assert_output ""
	wait_until 10 test -e "$DIR/done"
	printf '1\r\n2\r\n3\r\n' | cmp - "$DIR/got"
}

@test "datagrams: unix sockets, by path and by name; they have a name to answer to" {
	datagram_server
	run -0 talk "unixgram:$DIR/dgram.sock" < <(printf 'one\ntwo\n')
	assert_output $'one\ntwo'
	bytes 150000 >"$DIR/in"
	peer '
data, who = s.recvfrom(1 << 20)
assert who[:1] == b"\0" and len(who) > 1, who
s.sendto(data, who)' "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind('\0preforkcat-$$-$BATS_TEST_NUMBER')"
	talk --datagram-size all "unixgram:@preforkcat-$$-$BATS_TEST_NUMBER" <"$DIR/in" | cmp - "$DIR/in"
	# Nobody there any more.
	python3 -c "
import socket
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).bind('$DIR/gone')"
	run -69 talk "unixgram:$DIR/gone" <<<hello
	assert_output "preforkcat: cannot reach \"unixgram:$DIR/gone\": Connection refused"
	run -69 talk "unixgram:$DIR/none" <<<hello
	assert_output "preforkcat: cannot reach \"unixgram:$DIR/none\": No such file or directory"
}

@test "datagrams: an answer that was cut is told, and 76" {
	peer '
s.setsockopt(socket.SOL_SOCKET, 32, 1 << 20)  # SO_SNDBUFFORCE
for i in range(2):
    data, who = s.recvfrom(100)
    s.sendto(b"x" * 300000 if i == 0 else data, who)' "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind('$DIR/long')"
	run -76 --separate-stderr talk "unixgram:$DIR/long" < <(printf 'one\ntwo\n')
	assert_equal "$stderr" "preforkcat: an answer of 300000 bytes was cut to 262144"
	assert_equal "${#output}" $((262144 + 3))
}

@test "datagrams: --proxy-header is in front of each" {
	udp_peer '
for i in range(2):
    data, who = s.recvfrom(100)
    assert data[:16] == b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c", data
    a, b, p, q = struct.unpack("!4s4sHH", data[16:28])
    assert (socket.inet_ntoa(a), p) == who and (socket.inet_ntoa(b), q) == s.getsockname()
    s.sendto(data[28:], who)'
	run -0 talk --proxy-header v2 "udp://127.0.0.1:$PORT" < <(printf 'one\ntwo\n')
	assert_output $'one\ntwo'
}

@test "datagrams: closed and odd descriptors" {
	datagram_server
	run -0 bash -c "timeout 10 '$PREFORKCAT' $U <&-"
	run -74 bash -c "echo hello | timeout 10 '$PREFORKCAT' $U >&-"
	assert_output "preforkcat: cannot write standard output: Bad file descriptor"
	run -74 bash -c "echo hello | timeout 10 '$PREFORKCAT' $U >/dev/full"
	run -74 talk "$U" <"$DIR"
	assert_output "preforkcat: cannot read standard input: Is a directory"
	run -0 bash -c "yes | timeout 10 '$PREFORKCAT' $U | head -n 2; exit \${PIPESTATUS[1]}"
	assert_output $'y\ny'
}
