# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# preforkctl: which socket it asks, what it prints where, and the exit status
# that tells scripts how it went.

setup() {
	load helpers
	common_setup
	FAKE=$DIR/fake.sock
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

# fake_daemon TEXT [SOCKET]: takes one request on $FAKE, says TEXT and ends; with
# "silence" it says nothing and stays.
fake_daemon() {
	background python3 -c "
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
name = sys.argv[2]
s.bind('\\0' + name[1:] if name[0] == '@' else name)
s.listen()
open('$DIR/listens', 'w')
peer = s.accept()[0]
peer.recv(4096)
if sys.argv[1] == 'silence': time.sleep(20)
peer.sendall(sys.argv[1].replace('\\\\n', '\\n').encode())" "$1" "${2:-$FAKE}"
	wait_until 5 test -e "$DIR/listens"
}

ask_fake() {
	timeout 20 "$PREFORKCTL" -s "$FAKE" "$@"
}

# --- without a daemon --------------------------------------------------------

@test "preforkctl: alone it prints help with every command" {
	run -0 --separate-stderr "$PREFORKCTL"
	assert_equal "$stderr" ""
	assert_line --index 0 --partial "usage: preforkctl [-hjV]"
	local name
	for name in help ping version status health stats listeners workers \
		connections config events reload restart drain resume close \
		log stop top; do
		assert_line --regexp "^ [ *]$name( |$)"
	done
	assert_line --regexp '^ \*close ID +close the connection'
	run -0 "$PREFORKCTL" -h
	assert_line --partial "PREFORKD_CONTROL"
	run -0 "$PREFORKCTL" --help
	assert_line --index 0 --partial "usage:"
	local line
	for line in "${lines[@]}"; do assert [ "${#line}" -le 100 ]; done
}

@test "preforkctl: -V tells its version" {
	run -0 "$PREFORKCTL" -V
	assert_output --regexp '^preforkctl [0-9.]+$'
	run -0 "$PREFORKCTL" --version
	assert_output --regexp '^preforkctl [0-9.]+$'
}

@test "preforkctl: wrong usage is 2, told on standard error" {
	local words
	for words in "-x" "-s" "-t" "-t x ping" "-t -1 ping" "-j" "stauts" \
		"-s /nowhere nonsense"; do
		# shellcheck disable=SC2086 # words
		run -2 --separate-stderr "$PREFORKCTL" $words
		assert_output ""
		assert [ -n "$stderr" ]
	done
	run -2 "$PREFORKCTL" stauts
	assert_output --partial 'unknown command "stauts"; did you mean "stat'
	run -2 "$PREFORKCTL" rel
	assert_output --partial 'did you mean "reload"?'
	run -2 "$PREFORKCTL" xyzzy
	assert_output --partial '"preforkctl -h" lists them'
	run -2 "$PREFORKCTL" ping ""
	assert_output --partial "no newline and is not empty"
	run -2 "$PREFORKCTL" ping $'a\nstop'
	assert_output --partial "no newline and is not empty"
	run -2 "$PREFORKCTL" ping "$(printf 'x%.0s' {1..5000})"
	assert_output --partial "too long: at most 4096 bytes"
	run -2 "$PREFORKCTL" -s "/$(printf 'x%.0s' {1..200})" ping
	assert_output --partial "too long for a socket"
}

@test "preforkctl: nobody there is 5, with what to do" {
	run -5 "$PREFORKCTL" -s "$DIR/nowhere.sock" ping
	assert_line --index 0 --partial "no daemon answers on \"$DIR/nowhere.sock\": No such file"
	assert_line --index 1 --partial "start preforkd, or name its control socket"
	# A socket file that nobody listens on.
	python3 -c "
import socket
s = socket.socket(socket.AF_UNIX); s.bind('$DIR/stale.sock')"
	run -5 "$PREFORKCTL" -s "$DIR/stale.sock" ping
	assert_line --index 0 --partial "Connection refused"
	run -5 "$PREFORKCTL" -s "@nobody-$$" ping
	# One that closes without a word.
	fake_daemon ""
	run -5 ask_fake ping
	assert_line --index 0 --partial "it closed the connection"
}

# --- exit statuses -----------------------------------------------------------

@test "preforkctl: 0 done, 1 failed, 2 not possible" {
	write_echo_config
	start_server
	run -0 --separate-stderr ctl ping
	assert_output "pong 1"
	assert_equal "$stderr" ""
	ctl drain
	run -1 --separate-stderr ctl health
	assert_output ""
	assert_equal "$stderr" "preforkctl: not ready: draining"
	run -1 ctl close 1.1
	assert_output "preforkctl: there is no such connection"
	run -2 ctl workers nonsense
	assert_output 'preforkctl: there is no pool "nonsense"'
	run -2 ctl stats nonsense
	run -2 ctl ping too many
}

@test "preforkctl: 3 valid, but needs a restart" {
	write_echo_config "control_mode = 0600"
	start_server
	set_setting control_mode 0660
	LOG_ERRORS='reload failed'
	run -3 --separate-stderr ctl reload plan
	assert_output ""
	assert_equal "$(head -n 1 <<<"$stderr")" \
		"preforkctl: valid, but a change of control_mode needs a restart"
	run -0 grep -F "control_mode: 0600 -> 0660 (needs" <<<"$stderr"
	run -3 ctl reload
	assert_output --partial "needs a restart; nothing has changed"
	run -0 stat -c %a "$SOCKET"
	assert_output 600
	run -0 ctl health
}

@test "preforkctl: 4 the configuration has errors, each is told" {
	write_echo_config
	start_server
	local n
	n=$(wc -l <"$CONFIG")
	printf 'junk\nidle_timeout = soon\nlisten = tcp://\n' >>"$CONFIG"
	LOG_ERRORS='preforkd.ini:|reload failed'
	local command
	for command in "reload" "reload plan"; do
		# shellcheck disable=SC2086 # words
		run -4 --separate-stderr ctl $command
		assert_output ""
		run -0 grep -c "^$CONFIG:[0-9]*: " <<<"$stderr"
		assert_output 3
		# shellcheck disable=SC2086 # words
		run -4 ctl $command
		assert_line --partial "$CONFIG:$((n + 1)): "
		assert_line --partial "$CONFIG:$((n + 2)): "
		assert_line --partial "$CONFIG:$((n + 3)): "
		assert_line --partial "3 errors in \"$CONFIG\""
	done
	run -0 ctl health
}

# --- which socket ------------------------------------------------------------

@test "preforkctl: -s, then PREFORKD_CONTROL, then beside the program" {
	write_echo_config
	start_server
	run -0 "$PREFORKCTL" --socket "$SOCKET" ping
	run -0 "$PREFORKCTL" -s "unix:$SOCKET" ping
	PREFORKD_CONTROL=$SOCKET run -0 "$PREFORKCTL" ping
	PREFORKD_CONTROL=/nowhere run -5 "$PREFORKCTL" ping
	assert_output --partial '"/nowhere"'
	PREFORKD_CONTROL=/nowhere run -0 "$PREFORKCTL" -s "$SOCKET" ping
	mkdir -p "$DIR/build/bin" "$DIR/build/run"
	cp "$PREFORKCTL" "$DIR/build/bin/preforkctl"
	ln -s "$SOCKET" "$DIR/build/run/control.sock"
	cd /
	PREFORKD_CONTROL='' run -0 "$DIR/build/bin/preforkctl" ping
	assert_output "pong 1"
	rm "$DIR/build/run/control.sock"
	PREFORKD_CONTROL='' run "$DIR/build/bin/preforkctl" -t 1 nonsense
	assert_equal "$status" 2
}

@test "preforkctl: an abstract socket too" {
	fake_daemon 'OK pong 7\n.\n' "@preforkd-test-$$"
	run -0 "$PREFORKCTL" -s "@preforkd-test-$$" ping
	assert_output "pong 7"
}

# --- what is printed ---------------------------------------------------------

@test "preforkctl: -j prints JSON and nothing else" {
	write_echo_config
	start_server
	local command
	for command in ping health status workers "workers default +1" \
		"reload plan" reload drain resume; do
		# shellcheck disable=SC2086 # words
		run -0 jq -e type <(ctl -j $command)
	done
	ctl drain
	run -1 --separate-stderr ctl -j health
	assert_output ""
	assert_equal "$stderr" "preforkctl: not ready: draining"
}

@test "preforkctl: a reply that is cut off in the middle is 1" {
	fake_daemon 'OK\nfirst\nsecond'
	run -1 --separate-stderr ask_fake status
	assert_output first
	assert_equal "$stderr" \
		"preforkctl: the daemon closed the connection within its reply"
}

@test "preforkctl: what answers but is no preforkd is 1" {
	fake_daemon 'HTTP/1.1 400 Bad Request\n\n'
	run -1 ask_fake ping
	assert_output "preforkctl: what answers there is no preforkd"
}

@test "preforkctl: dots that were doubled are single again" {
	fake_daemon 'OK\n..\n..hidden\nplain\n.\n'
	run -0 ask_fake config
	assert_output $'.\n.hidden\nplain'
}

@test "preforkctl: codes it does not know are 1, with or without a text" {
	fake_daemon 'ERROR newer than this\n.\n'
	run -1 ask_fake ping
	assert_output "preforkctl: than this"
}

@test "preforkctl: -t gives up on a peer that never answers" {
	fake_daemon silence
	local begin=${EPOCHREALTIME/./}
	run -1 ask_fake -t 1 ping
	assert_output "preforkctl: no whole reply within 1 seconds"
	assert [ $(((${EPOCHREALTIME/./} - begin) / 1000)) -lt 5000 ]
}

@test "preforkctl: a full disk is told" {
	write_echo_config
	start_server
	run -1 bash -c '"$1" -s "$2" stats >/dev/full' _ "$PREFORKCTL" "$SOCKET"
	run -1 bash -c '"$1" -h >/dev/full' _ "$PREFORKCTL"
	run -1 bash -c '"$1" -V >/dev/full' _ "$PREFORKCTL"
	assert_output "preforkctl: cannot write: No space left on device"
}

@test "preforkctl: a reader that leaves early is no failure" {
	write_echo_config
	start_server
	run -0 bash -c 'set -o pipefail; "$1" -s "$2" stats | head -n 1' _ \
		"$PREFORKCTL" "$SOCKET"
	refute_output --partial "cannot write"
}

# --- events ------------------------------------------------------------------

@test "preforkctl: events stream until interrupted" {
	write_echo_config
	start_server
	background "$PREFORKCTL" -t 1 -s "$SOCKET" events >"$DIR/events"
	wait_until 5 eval 'ctl drain && ctl resume &&
	    grep -q "reporting ready again" "$DIR/events"'
	# -t is not for them.
	kill -0 "${HELPERS[-1]}"
	local status=0
	kill -INT "${HELPERS[-1]}"
	kill -TERM "${HELPERS[-1]}"
	wait "${HELPERS[-1]}" || status=$?
	assert [ "$status" -ge 128 ]
}

@test "preforkctl: events end quietly when nobody reads them any more" {
	write_echo_config
	start_server
	mkfifo "$DIR/pipe"
	# Opening a pipe waits for the other side.
	background bash -c 'exec "$1" -s "$2" events >"$3/pipe" 2>"$3/err"' _ \
		"$PREFORKCTL" "$SOCKET" "$DIR"
	exec {reader}<"$DIR/pipe"
	wait_until 5 eval 'ctl drain && ctl resume && read -rt 0.2 <&$reader'
	exec {reader}<&-
	# Not only at the next event: there may be none for days.
	wait_gone "${HELPERS[-1]}" 5
	local status=0
	wait "${HELPERS[-1]}" || status=$?
	assert_equal "$status" 0
	run -0 cat "$DIR/err"
	assert_output ""
}
