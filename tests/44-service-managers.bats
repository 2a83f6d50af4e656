# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# What service managers see: the messages of sd_notify(3), the systemd unit,
# the LSB init script, and what is installed for them.

setup() {
	load helpers
	common_setup
	NOTES=$DIR/notes
	DEFAULTS=$DIR/defaults
	PID_FILE=$DIR/pid
}

teardown() {
	if [ -s "$PID_FILE" ]; then
		kill -KILL "$(cat "$PID_FILE")" 2>/dev/null || :
	fi
	common_teardown
}

# --- sd_notify ---------------------------------------------------------------

# A service manager: writes each datagram as one line, "A=1|B=2", to $NOTES.
listen_for_notes() {
	background python3 -uc '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
s.bind("\0" + name[1:] if name[0] == "@" else name)
notes = open(sys.argv[2], "w", buffering=1)
while True:
    notes.write(s.recv(4096).decode().replace("\n", "|") + "\n")' \
		"$1" "$NOTES"
	wait_until 10 test -e "$NOTES"
}

noted() {
	grep -qE -- "$1" "$NOTES"
}

n_noted() {
	grep -cE -- "$1" "$NOTES"
}

noted_times() {
	[ "$(n_noted "$1")" -ge "$2" ]
}

start_notifying_server() {
	write_echo_config
	listen_for_notes "${NOTIFY_SOCKET:=$DIR/notify}"
	export NOTIFY_SOCKET
	start_server
}

@test "notify: READY comes when it serves, STATUS tells the state" {
	start_notifying_server
	wait_until 5 noted '^READY=1\|STATUS=running, 2 of 2 workers ready$'
	# Nothing but states before.
	run ! grep -v '^STATUS=' <(sed '/^READY=1/,$d' "$NOTES")
	local pid
	pid=$(worker_pid 1)
	kill -STOP "$(worker_pid 2)"
	kill -KILL "$pid"
	wait_until 5 noted '^STATUS=running, 1 of 2 workers ready$'
	kill -CONT "$(worker_pid 2)"
}

@test "notify: a start that fails never says READY" {
	LOG_ERRORS='root folder|chroot|start failed|not started again'
	STATUS_WANTED=78
	listen_for_notes "$DIR/notify"
	write_echo_config "" "chroot = $DIR/nowhere"
	export NOTIFY_SOCKET=$DIR/notify
	launch_server
	wait_gone "$SERVER" 5
	run ! noted READY
	wait_until 5 noted '^STOPPING=1'
}

@test "notify: a reload begins with RELOADING and its time, and ends with READY" {
	start_notifying_server
	wait_until 5 noted '^READY=1'
	local before after stamp
	before=$(python3 -c 'import time; print(time.monotonic_ns() // 1000)')
	ctl reload
	after=$(python3 -c 'import time; print(time.monotonic_ns() // 1000)')
	wait_until 5 noted '^RELOADING=1\|MONOTONIC_USEC=[0-9]+$'
	stamp=$(sed -n 's/^RELOADING=1|MONOTONIC_USEC=//p' "$NOTES")
	assert [ "$stamp" -ge "$before" ]
	assert [ "$stamp" -le "$after" ]
	wait_until 5 noted_times '^READY=1' 2
	run -0 sed '1,/^RELOADING=1/d' "$NOTES"
	assert_line --index 0 --regexp '^(READY=1|STATUS=reloading)'
}

@test "notify: a reload that fails ends with READY, too" {
	LOG_ERRORS='preforkd.ini|reload failed'
	start_notifying_server
	wait_until 5 noted '^READY=1'
	echo nonsense >>"$CONFIG"
	run -4 ctl reload
	wait_until 5 noted '^RELOADING=1'
	wait_until 5 noted_times '^READY=1' 2
}

@test "notify: a stop says STOPPING" {
	start_notifying_server
	stop_server
	wait_until 5 noted '^STOPPING=1\|STATUS=stopping'
}

@test "notify: WATCHDOG comes in half the time that was asked for" {
	export WATCHDOG_USEC=400000
	start_notifying_server
	wait_until 5 noted_times '^WATCHDOG=1$' 4
}

@test "notify: no WATCHDOG when it is meant for another process" {
	export WATCHDOG_USEC=100000 WATCHDOG_PID=1
	start_notifying_server
	wait_until 5 noted '^READY=1'
	# Long enough for ten.
	sleep 0.5
	run ! noted WATCHDOG
}

@test "notify: an abstract socket will do" {
	NOTIFY_SOCKET=@preforkd-test-$$-$BATS_TEST_NUMBER
	start_notifying_server
	wait_until 5 noted '^READY=1'
}

@test "notify: a manager that is gone, or stalled, holds nothing up" {
	write_echo_config
	NOTIFY_SOCKET=$DIR/nobody start_server
	run -0 ctl reload
	stop_server
	# A socket that nobody reads: it is full after some.
	background python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
time.sleep(60)' "$DIR/stalled"
	wait_until 10 test -e "$DIR/stalled"
	NOTIFY_SOCKET=$DIR/stalled WATCHDOG_USEC=4000 start_server
	for _ in {1..20}; do
		ctl reload
	done
	run -0 tcp "$(port echo)" <<<"hello"
	assert_output hello
}

@test "notify: workers do not get the manager's variables" {
	export WATCHDOG_USEC=10000000
	start_notifying_server
	local pid
	for pid in $(worker_pids); do
		run ! grep -aE 'NOTIFY_SOCKET=|WATCHDOG_USEC=' \
			"/proc/$pid/environ"
	done
}

# --- what is installed -------------------------------------------------------

# As a package would; the programs are there already.
make_in_root() {
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -C "$ROOT" \
		FLAVOUR="${PREFORKD_BIN##*/}" DESTDIR="$DIR/root" PREFIX=/usr \
		"$@" >"$DIR/make" 2>&1 3>&- 4>&- || {
		cat "$DIR/make" >&2
		return 1
	}
}

@test "install: keeps a configuration; uninstall leaves only that" {
	make_in_root install
	local file installed=$DIR/root/etc/preforkd/preforkd.ini
	for file in usr/sbin/preforkd usr/sbin/preforkctl etc/init.d/preforkd \
		usr/lib/systemd/system/preforkd.service \
		usr/share/man/man8/preforkd.8 etc/default/preforkd \
		usr/share/bash-completion/completions/preforkctl \
		usr/share/zsh/site-functions/_preforkctl; do
		assert_file_exist "$DIR/root/$file"
	done
	# What is installed serves as it is.
	sed "s|/run/preforkd|$DIR|" "$installed" >"$DIR/installed.ini"
	run -0 "$PREFORKD" -t -c "$DIR/installed.ini"

	echo "# mine" >>"$installed"
	cp "$installed" "$DIR/mine"
	make_in_root install
	run -0 cmp "$installed" "$DIR/mine"
	assert_file_exist "$installed.dist"
	make_in_root uninstall
	run -0 cmp "$installed" "$DIR/mine"
	find "$DIR/root" -type f -printf '%P\n' | sort >"$DIR/left"
	run -0 cat "$DIR/left"
	assert_output $'etc/default/preforkd\netc/preforkd/preforkd.ini'
}

@test "systemd: the unit is valid and exposes little" {
	local unit=$DIR/preforkd.service
	sed "s|/usr/sbin/|$PREFORKD_BIN/|" \
		"$ROOT/etc/systemd/preforkd.service" >"$unit"
	cp "$ROOT/etc/systemd/preforkd.socket" "$DIR/"
	run -0 systemd-analyze verify --man=no "$unit" "$DIR/preforkd.socket"
	refute_output --partial preforkd
	# 25: tenths.
	run -0 systemd-analyze security --offline=yes --threshold=25 "$unit"
}

# --- the init script ---------------------------------------------------------

write_defaults() {
	cat >"$DEFAULTS" <<-END
		DAEMON=$PREFORKD
		PREFORKCTL=$PREFORKCTL
		CONFIG=$CONFIG
		SOCKET=$SOCKET
		PIDFILE=$PID_FILE
		STOP_TIMEOUT=10
		$1
	END
	write_echo_config "pid_file = $PID_FILE\nlog = $DIR/daemon.log"
}

script() {
	PREFORKD_DEFAULTS=$DEFAULTS timeout 30 \
		"$ROOT/etc/init.d/preforkd" "$@" 3>&- 4>&-
}

@test "init script: start, status, stop; each twice is no error" {
	write_defaults
	run -3 script status
	run -0 script start
	run -0 ctl health
	local pid
	pid=$(cat "$PID_FILE")
	run -0 script status
	assert_output --partial "running"
	run -0 script start
	assert_equal "$(cat "$PID_FILE")" "$pid"
	run -0 script stop
	assert is_gone "$pid"
	run -3 script status
	run -0 script stop
}

@test "init script: status tells a crash from a stop" {
	write_defaults
	script start
	local pid
	pid=$(cat "$PID_FILE")
	kill -KILL "$pid"
	wait_gone "$pid"
	run -1 script status
	run -0 script stop
	# And a start over it works.
	run -0 script start
	run -0 script status
	run -0 script stop
}

@test "init script: reload answers for the file, with file and line" {
	write_defaults
	script start
	run -0 script reload
	assert_equal "$(ctl_json status | jq .reloads)" 1
	echo nonsense >>"$CONFIG"
	run -6 script reload
	assert_output --regexp "$CONFIG:[0-9]+: "
	run -0 script status
	run -0 script stop
	run -7 script reload
}

@test "init script: restart with a broken file does not stop what runs" {
	write_defaults
	script start
	local pid
	pid=$(cat "$PID_FILE")
	cp "$CONFIG" "$DIR/good"
	echo nonsense >>"$CONFIG"
	run -6 script restart
	assert_output --regexp "$CONFIG:[0-9]+: "
	run -6 script try-restart
	assert_equal "$(cat "$PID_FILE")" "$pid"
	run -0 ctl health
	cp "$DIR/good" "$CONFIG"
	run -0 script restart
	assert [ "$(cat "$PID_FILE")" != "$pid" ]
	assert is_gone "$pid"
	run -0 ctl health
	run -0 script stop
}

@test "init script: restart starts what does not run, try-restart does not" {
	write_defaults
	run -0 script try-restart
	run -3 script status
	run -0 script restart
	run -0 script status
	local pid
	pid=$(cat "$PID_FILE")
	run -0 script try-restart
	assert [ "$(cat "$PID_FILE")" != "$pid" ]
	run -0 script stop
}

@test "init script: force-reload restarts where a reload cannot do it" {
	write_defaults
	script start
	local pid
	pid=$(cat "$PID_FILE")
	run -0 script force-reload
	assert_equal "$(cat "$PID_FILE")" "$pid"
	sed -i '/^\[preforkd\]/a control_mode = 0660' "$CONFIG"
	run -1 script reload
	assert_equal "$(cat "$PID_FILE")" "$pid"
	run -0 script force-reload
	assert [ "$(cat "$PID_FILE")" != "$pid" ]
	assert_equal "$(stat -c %a "$SOCKET")" 660
	run -0 script stop
}

@test "init script: a start that fails says why" {
	write_defaults
	sed -i "/^\[pool default\]/a chroot = $DIR/nowhere" "$CONFIG"
	run -6 script start
	assert_output --partial "$DIR/nowhere"
	run -3 script status
}

@test "init script: usage, not installed, not configured" {
	write_defaults
	run -2 script
	run -2 script dance
	assert_output --partial "start|stop|restart"
	rm "$CONFIG"
	run -6 script start
	run -6 script restart
	write_defaults "DAEMON=$DIR/no-such-program"
	run -5 script start
	run -5 script reload
}

@test "init script: a pid file that names a stranger harms nobody" {
	write_defaults
	echo "$$" >"$PID_FILE"
	run -1 script status
	run -0 script stop
	kill -0 "$$"
	run -0 script start
	run -0 script stop
}
