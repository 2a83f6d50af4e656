# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# The example programs of texts on socket programming, done properly: each has
# one test here, on the port that the texts give it, in a network of its own.
# What every handler does in detail is in 21-handlers.bats. Most clients of the
# texts have their tests in 6*-preforkcat*.bats and 64-preforksniff.bats.

setup() {
	load guides
	faults_setup
	TREE=$DIR/tree
}

teardown() {
	local failed=0
	close_terminal || failed=1
	faults_teardown || failed=1
	return "$failed"
}

# --- verbs -------------------------------------------------------------------

# inside COMMAND...: in the network of the daemon.
inside() {
	timeout 20 "${INSIDE[@]}" "$@"
}

# inside_python LINES: with what tests/peers.py has.
inside_python() {
	inside python3 -c "from peers import *
$1"
}

# example HANDLER PORT [LINES]: one service on TCP, on every address.
example() {
	write_config "" "${4-}" <<-END
		[service example]
		handler = $1
		listen = tcp://*:$2
		$(printf '%b' "${3-}")
	END
	start_apart
}

# open_terminal COMMAND...: on a terminal that tmux plays, in the network of the
# daemon; it tells how the command ended.
open_terminal() {
	close_terminal
	# The path of its socket must be short.
	TMUX_FOLDER=$(mktemp -d "${TMPDIR:-/tmp}/exaXXXXXX")
	env -u TMUX tmux -S "$TMUX_FOLDER/x" -f /dev/null \
		new-session -d -x 80 -y 24 \
		"trap : INT; ${INSIDE[*]} $*; echo \"ended with \$?\"; cat" 3>&- 4>&-
}

close_terminal() {
	[ -n "${TMUX_FOLDER-}" ] || return 0
	tmux -S "$TMUX_FOLDER/x" kill-server || :
	rm -rf "$TMUX_FOLDER"
	TMUX_FOLDER=
}

screen() {
	tmux -S "$TMUX_FOLDER/x" capture-pane -p
}

screen_is() {
	[ "$(screen | sed '/^$/d')" = "$1" ]
}

# shows LINES: all that is there.
shows() {
	wait_until 10 screen_is "$1" || {
		screen >&2
		return 1
	}
}

press() {
	tmux -S "$TMUX_FOLDER/x" send-keys "$@"
}

# --- servers -----------------------------------------------------------------

@test "example: hello server, TCP 9000" {
	example hello 9000 'greeting = Hello %a, port %p, from %h %s %w 100%%\\n'
	local i
	# For ever, not once.
	for i in 1 2 3; do
		run -0 inside socat -u tcp:127.0.0.1:9000 -
		assert_output --regexp "^Hello 127\.0\.0\.1, port [0-9]+, from \
$(hostname) example default/[12] 100%\$"
	done
	set_setting greeting 'Hello %a\\n'
	ctl reload
	run -0 inside socat -u tcp:127.0.0.1:9000 -
	assert_output "Hello 127.0.0.1"
}

@test "example: welcome-and-echo server, TCP 9999, many clients at once" {
	example echo 9999 'backlog = 10\nbanner = Welcome\\n'
	inside_python '
welcome = b"Welcome\n"
clients = [socket.create_connection(("127.0.0.1", 9999)) for i in range(100)]
for n, c in enumerate(clients):
    c.settimeout(10)
    c.sendall(b"%d" % n)
for n, c in enumerate(clients):
    want = welcome + b"%d" % n
    got = b""
    while len(got) < len(want):
        got += c.recv(100)
    assert got == want, got'
	assert_equal "$(ctl_json listeners | jq '.[0].limit')" 10
}

@test "example: echo server, TCP 12345, which tells what it got" {
	write_config "access_log = $DIR/access" "" <<-END
		[service example]
		handler = echo
		listen = tcp://*:12345
	END
	start_apart
	printf 'a\0b\033c' >"$DIR/sent"
	inside socat -t 10 - tcp:127.0.0.1:12345 <"$DIR/sent" >"$DIR/received"
	cmp "$DIR/sent" "$DIR/received"
	assert_equal "$(inside socat -t 10 - tcp:127.0.0.1:12345 \
		< <(printf 'one\ntwo\n'))" $'one\ntwo'
	# Bytes shown escaped, the end noted.
	wait_until 5 log_has 'received 5 bytes: "a\\0b\\033c"'
	wait_until 5 grep -q 'tcp://.*:12345.* 8 .*8 ' "$DIR/access"
	assert_equal "$(wc -l <"$DIR/access")" 2
	assert_equal "$(counter example closed_done)" 2
}

@test "example: threaded echo server, TCP 8881: 20 at a time, others wait" {
	example echo 8881 'max_connections = 20\nbacklog = 5'
	inside_python '
held = [connect(8881) for i in range(20)]
for s in held:
    answered(s)
more = [connect(8881) for i in range(5)]
for s in more:
    s.sendall(b"x")
for s in more:
    assert waits(s)
# One that leaves lets one in.
held.pop().close()
assert select.select(more, [], [], 10)[0]'
	assert [ "$(counter example limit_reached)" -ge 1 ]
	assert_equal "$(ctl_json listeners | jq '.[0].limit')" 5
}

@test "example: time server, TCP 8888: the date as text, or in 32 bits" {
	write_config <<-END
		[service daytime]
		handler = daytime
		listen = tcp://*:8888 udp://*:8888
		udp_amplify = yes
		[service time]
		handler = time
		listen = tcp://*:37 udp://*:37
		udp_amplify = yes
	END
	start_apart
	local text before after
	before=$(date +%s)
	text=$(inside socat -u tcp:127.0.0.1:8888 -)
	run -0 inside_python '
s = inet()
s.sendto(b"", ("127.0.0.1", 8888))
print(s.recv(100).decode().strip())
s.sendto(b"", ("127.0.0.1", 37))
seconds = struct.unpack("!I", s.recv(100))[0]
with connect(37) as c:
    assert struct.unpack("!I", c.recv(100))[0] - seconds in (0, 1)
print(seconds - 2208988800)'
	after=$(date +%s)
	local stamp
	for stamp in "$(date -d "$text" +%s)" "$(date -d "${lines[0]}" +%s)" \
		"${lines[1]}"; do
		assert [ "$stamp" -ge "$before" ]
		assert [ "$stamp" -le "$after" ]
	done
}

@test "example: upper-case server, UDP 11111, and on other sockets" {
	write_config <<-END
		[service example]
		handler = upper
		listen = udp://*:11111 tcp://*:11111 unixgram:$DIR/upper
	END
	start_apart
	inside_python "
for s, where in ((inet(), ('127.0.0.1', 11111)),
        (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), '$DIR/upper')):
    s.settimeout(10)
    if s.family == socket.AF_UNIX:
        s.bind('')
    s.sendto(b'Hello, 2nd world', where)
    assert s.recv(100) == b'HELLO, 2ND WORLD'"
	run -0 inside socat -t 10 - tcp:127.0.0.1:11111 <<<"hello"
	assert_output HELLO
}

@test "example: packet-echo server, UDP, none too short or too long" {
	write_config <<-END
		[service example]
		handler = echo
		listen = udp://*:7007
	END
	start_apart
	inside_python '
import os
s = inet()
for size in (0, 1, 1472, 1473, 65507):
    sent = os.urandom(size)
    s.sendto(sent, ("127.0.0.1", 7007))
    got, peer = s.recvfrom(70000)
    assert got == sent and peer == ("127.0.0.1", 7007), size'
	# From a port of another such server it would never end.
	inside_python '
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 7))
s.sendto(b"x", ("127.0.0.1", 7007))
assert waits(s)'
	assert_equal "$(counter example dropped_source)" 1
}

@test "example: any of them over IPv6" {
	write_config <<-END
		[service hello]
		handler = hello
		listen = tcp://[::1]:9000
		[service echo]
		handler = echo
		listen = tcp://[::1]:9999
		[service upper]
		handler = upper
		listen = tcp://[::1]:11111
		[service daytime]
		handler = daytime
		listen = tcp://[::1]:8888
		[service both]
		handler = echo
		listen = tcp://*:9100 udp://*:9100
	END
	start_apart
	assert_equal "$(inside socat -u 'tcp6:[::1]:9000' -)" "Hello ::1"
	assert_equal "$(inside socat -t 10 - 'tcp6:[::1]:9999' <<<"x")" x
	assert_equal "$(inside socat -t 10 - 'tcp6:[::1]:11111' <<<"x")" X
	run -0 inside socat -u 'tcp6:[::1]:8888' -
	assert_output --partial "$(date +%Y)"
	inside_python '
for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.connect((host, 9100))
        answered(s)
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(10)
        s.sendto(b"x", (host, 9100))
        assert s.recvfrom(10)[1][:2] == (host, 9100)'
}

@test "example: any of them over Unix sockets, with mode, and by a name" {
	write_config <<-END
		[service example]
		handler = hello
		listen = unix:$DIR/hello unix:@example-$BASHPID-$RANDOM
		socket_mode = 0600
		[service grams]
		handler = echo
		listen = unixgram:$DIR/grams
	END
	start_watched
	local name
	name=$(listener example 2)
	assert_equal "$(stat -c '%a %F' "$DIR/hello")" "600 socket"
	run -0 timeout 10 socat -u "unix-connect:$DIR/hello" -
	assert_output --partial Hello
	run -0 timeout 10 socat -u "abstract-connect:${name#unix:@}" -
	assert_output --partial Hello
	run -0 timeout 10 python3 -c "
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.settimeout(10)
s.bind('')
s.sendto(b'gram', '$DIR/grams')
print(s.recv(10).decode())"
	assert_output gram
}

# demo_commands FILE: what it says to try with the TLS service of the demo.
demo_commands() {
	# shellcheck disable=SC2016 # a variable of make
	grep -oE '(echo [a-z]+ \| )?[^ ]*(preforkcat|openssl) [^#'"'"']*localhost:7443' \
		"$1" | sed 's|$(BUILD)|build/release|' | sort -u
}

@test "example: TLS server, only accepted sockets are wrapped" {
	"$ROOT/etc/demo-certificate.sh" "$DIR/tls"
	write_config "" "workers = 1" <<-END
		[service example]
		handler = hello
		listen = tls://*:8443 tcp://*:9000
		tls_certificate = $DIR/tls/demo.pem
		tls_key = $DIR/tls/demo.key
	END
	start_apart
	# The first says nothing in its handshake: nobody waits for it. The
	# listener beside it is plain.
	inside_python "
import ssl
context = ssl.create_default_context(cafile='$DIR/tls/ca.pem')
mute = connect(8443)
for i in range(3):
    with socket.create_connection(('localhost', 8443)) as s:
        with context.wrap_socket(s, server_hostname='localhost') as tls:
            assert tls.recv(100) == b'Hello 127.0.0.1\n'
            assert tls.recv(100) == b''
with socket.create_connection(('localhost', 9000)) as s:
    assert s.recv(100) == b'Hello 127.0.0.1\n'
assert waits(mute)"
	GROWTH_KIB=5000
}

@test "example: TLS server, as make run serves it and README says" {
	without_leak_check
	make_tree
	CONFIG=$TREE/etc/demo.ini
	set_setting workers 1
	make_run
	demo_commands "$ROOT/README.md" >"$DIR/commands"
	assert_equal "$(wc -l <"$DIR/commands")" 2
	# The same that make run prints.
	assert_equal "$(demo_commands "$ROOT/Makefile")" "$(cat "$DIR/commands")"
	run -0 inside bash -c "$(grep preforkcat "$DIR/commands")"
	assert_output hello
	# What a worker touches of OpenSSL when it first uses it is no leak.
	take_baseline
	run -0 inside bash -c "$(grep openssl "$DIR/commands")" <<<"hello"
	assert_line "Verification: OK"
	assert_line --partial "Cipher is TLS_AES_128_GCM_SHA256"
	# The file of the key is root's alone, and no worker has it.
	assert_equal "$(stat -c %a "$TREE/build/run/tls/demo.key")" 600
}

@test "example: TLS server, the demo's certificate is made anew in time" {
	local made=$DIR/made/demo.pem
	"$ROOT/etc/demo-certificate.sh" "$DIR/made"
	cp "$made" "$DIR/first"
	"$ROOT/etc/demo-certificate.sh" "$DIR/made"
	cmp "$made" "$DIR/first"
	# 61 days later less than a month is left.
	faketime -f '+61d' "$ROOT/etc/demo-certificate.sh" "$DIR/made"
	run ! cmp "$made" "$DIR/first"
	run -0 faketime -f '+61d' openssl verify \
		-CAfile "$DIR/made/ca.pem" "$made"
	# So it is when one of the files has gone.
	rm "$DIR/made/demo.key"
	"$ROOT/etc/demo-certificate.sh" "$DIR/made"
	assert_file_exist "$DIR/made/demo.key"
}

# --- clients -----------------------------------------------------------------

@test "example: netstat view: connections, listeners and what waits" {
	example echo 9000 'backlog = 33'
	local peer to from client
	coproc inside socat - tcp:127.0.0.1:9000
	from=${COPROC[0]} to=${COPROC[1]} client=$COPROC_PID
	echo hello >&"$to"
	read -rt 10 <&"$from"
	peer=$(inside ss -Htn 'dport = :9000' | awk '{ print $4 }')
	run -0 ctl connections
	assert_line --index 1 --regexp \
		"^[0-9.]+ +example +default/[12] +$peer +tcp://.*:9000 +open "
	run -0 ctl listeners
	assert_line --regexp '^tcp://0.0.0.0:9000 +example +echo +0 +33 +0 '
	release "$to"
	wait_gone "$client"
}

@test "example: telnet as a debugging aid, typed at every text protocol" {
	without_leak_check
	write_config <<-END
		[service welcome]
		handler = echo
		banner = Welcome\n
		listen = tcp://*:9999
		[service example]
		handler = upper
		listen = udp://*:11111
	END
	start_apart
	open_terminal "$PREFORKD_BIN/preforkcat" tcp://127.0.0.1:9999
	shows "Welcome"
	press 'hello' Enter
	shows $'Welcome\nhello\nhello'
	press C-d
	shows $'Welcome\nhello\nhello\nended with 0'

	open_terminal "$PREFORKD_BIN/preforkcat" udp://127.0.0.1:11111
	press 'hello' Enter
	shows $'hello\nHELLO'
	press 'again' Enter
	shows $'hello\nHELLO\nagain\nAGAIN'
	press C-c
	shows $'hello\nHELLO\nagain\nAGAIN\n^Cended with 130'

	open_terminal "$PREFORKD_BIN/preforkcat" "unix:$SOCKET"
	press 'health' Enter
	shows $'health\nOK ready\n.'
	press C-d
	shows $'health\nOK ready\n.\nended with 0'
}

@test "example: TLS client: default context, host name always verified" {
	"$ROOT/etc/demo-certificate.sh" "$DIR/tls"
	write_config <<-END
		[service example]
		handler = hello
		listen = tls://*:8443
		tls_certificate = $DIR/tls/demo.pem
		tls_key = $DIR/tls/demo.key
	END
	start_apart
	GROWTH_KIB=5000
	local cat=$PREFORKD_BIN/preforkcat
	# Whom the system trusts is trusted, and nobody else.
	run -77 inside "$cat" tls://localhost:8443
	assert_output --partial "unable to get local issuer certificate"
	run -0 inside env SSL_CERT_FILE="$DIR/tls/ca.pem" \
		"$cat" tls://localhost:8443
	assert_output "Hello 127.0.0.1"
	# A certificate that holds, for somebody else.
	run -77 inside env SSL_CERT_FILE="$DIR/tls/ca.pem" \
		"$cat" tls://127.0.0.2:8443
	assert_output --partial "mismatch"
}

# --- all of them -------------------------------------------------------------

@test "every example of the texts has a test named after it" {
	local example missing=()
	for example in "hello server, TCP 9000" \
		"welcome-and-echo server, TCP 9999" "echo server, TCP 12345" \
		"threaded echo server, TCP 8881" "time server, TCP 8888" \
		"upper-case server, UDP 11111" "packet-echo server, UDP" \
		"any of them over IPv6" "any of them over Unix sockets" \
		"create a socket, report an error" "resolve a name" \
		"connect, trying each address" \
		"TCP client, GET / HTTP/1.1" "echo client, line by line" \
		"time client" "UDP client with timeout" "packet sniffer" \
		"netstat view" "telnet as a debugging aid" \
		"TLS server" "TLS client"; do
		grep -qE "^@test \"(example: )?$example" "$ROOT"/tests/*.bats ||
			missing+=("$example")
	done
	assert_equal "${missing[*]}" ""
}
