# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# A listener is a socket; whether TLS is spoken on it is a word of the
# configuration. A reload that changes the word keeps the socket, its queue and
# its file, and what was accepted before goes on as it began.

setup_file() {
	load tls
	make_ca ca
	make_certificate good
}

setup() {
	load tls
	common_setup
	PREFORKCAT=$PREFORKD_BIN/preforkcat
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

# over ADDRESS: what an echo service there makes of standard input.
over() {
	timeout 10 "$PREFORKCAT" --ca "$PKI/ca.pem" --servername localhost "$1"
}

plain() {
	timeout 10 "$PREFORKCAT" "$1"
}

# listens_on ADDRESS: writes the configuration of an echo service there.
listens_on() {
	case $1 in
	tls*) write_config <<<"[service echo]
handler = echo
listen = $1
$(tls_pair good)" ;;
	*) write_config <<<"[service echo]
handler = echo
listen = $1" ;;
	esac
}

# A connection over TLS that says "first" at once, and "last" when the test
# makes the file "go".
hold_connection() {
	{
		echo first
		wait_until 20 test -e "$DIR/go"
		echo last
	} | over "$1" >"$DIR/held" 3>&- 4>&- &
	HOLDER=$!
	wait_until 5 grep -q first "$DIR/held"
}

assert_held_connection_ends_well() {
	touch "$DIR/go"
	wait "$HOLDER"
	run -0 cat "$DIR/held"
	assert_output $'first\nlast'
}

reload() {
	run -0 ctl reload
}

inode_of_port() {
	ss -Hltne "sport = :$1" | sed -n 's/.* ino:\([0-9]*\).*/\1/p'
}

# --- tests -------------------------------------------------------------------

@test "a port goes over to TLS and back by reload, and is the same socket" {
	local port inode
	port=$(free_port)
	listens_on "tls://127.0.0.1:$port"
	start_server
	inode=$(inode_of_port "$port")
	hold_connection "tls://127.0.0.1:$port"
	listens_on "tcp://127.0.0.1:$port"
	reload
	assert_equal "$(listener echo)" "tcp://127.0.0.1:$port"
	run -0 plain "tcp://127.0.0.1:$port" <<<"in clear"
	assert_output "in clear"
	listens_on "tls://127.0.0.1:$port"
	reload
	assert_equal "$(listener echo)" "tls://127.0.0.1:$port"
	run -0 over "tls://127.0.0.1:$port" <<<"secret"
	assert_output secret
	assert_equal "$(inode_of_port "$port")" "$inode"
	assert_held_connection_ends_well
}

@test "so does a Unix socket, whose file stays and goes with the daemon" {
	listens_on "unix:$DIR/e.sock"
	start_server
	local inode
	inode=$(stat -c %i "$DIR/e.sock")
	listens_on "tls+unix:$DIR/e.sock"
	echo "socket_mode = 0600" >>"$CONFIG"
	reload
	assert_equal "$(listener echo)" "tls+unix:$DIR/e.sock"
	assert_equal "$(stat -c '%i %a' "$DIR/e.sock")" "$inode 600"
	run -0 over "tls+unix:$DIR/e.sock" <<<"secret"
	assert_output secret
	listens_on "unix:$DIR/e.sock"
	reload
	run -0 plain "unix:$DIR/e.sock" <<<"in clear"
	assert_output "in clear"
	assert_equal "$(stat -c %i "$DIR/e.sock")" "$inode"
	stop_server
	assert_not_exist "$DIR/e.sock"
}

@test "a reload that fails leaves the socket what it was" {
	listens_on "unix:$DIR/e.sock"
	start_server
	listens_on "tls+unix:$DIR/e.sock"
	add_service other echo "tcp://192.0.2.1:1"
	LOG_ERRORS='cannot listen|reload failed'
	run ctl reload
	assert_failure
	assert_equal "$(listener echo)" "unix:$DIR/e.sock"
	run -0 plain "unix:$DIR/e.sock" <<<"in clear"
	assert_output "in clear"
}

@test "TLS and plain bytes stand side by side in one service" {
	listens_on tls://127.0.0.1:0
	echo "listen = tcp://127.0.0.1:0" >>"$CONFIG"
	start_server
	run -0 over "$(listener echo 1)" <<<"secret"
	assert_output secret
	run -0 plain "$(listener echo 2)" <<<"in clear"
	assert_output "in clear"
}

@test "one address is not both" {
	listens_on tls://127.0.0.1:9
	echo "listen = tcp://127.0.0.1:9" >>"$CONFIG"
	WANTED=78 check
	assert_output --partial '"tcp://127.0.0.1:9" is taken by [service echo]'
}

@test "a socket of a service manager speaks TLS" {
	listens_on tls+fd://secret
	systemd-socket-activate -l "$DIR/a.sock" --fdname=secret \
		"$PREFORKD" -c "$CONFIG" 2>>"$LOG" </dev/null 3>&- 4>&- &
	SERVER=$!
	wait_until 5 test -S "$DIR/a.sock"
	run -0 over "tls+unix:$DIR/a.sock" <<<"hello"
	assert_output hello
	assert_equal "$(listener echo)" "tls+unix:$DIR/a.sock"
}

@test "datagram sockets of a service manager cannot" {
	listens_on tls+fd://secret
	systemd-socket-activate --datagram -l "$DIR/g.sock" --fdname=secret \
		"$PREFORKD" -c "$CONFIG" 2>"$DIR/err" </dev/null 3>&- 4>&- &
	local manager=$! status=0
	wait_until 5 test -S "$DIR/g.sock"
	socat -u - "unix-sendto:$DIR/g.sock" <<<"x"
	wait_gone "$manager"
	wait "$manager" || status=$?
	assert_equal "$status" 1
	run cat "$DIR/err"
	assert_output --partial "it is no stream, which TLS needs"
}
