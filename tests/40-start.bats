# shellcheck shell=bash disable=SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# Starting: in the foreground, detached; the pid file; what is told when it
# fails. What stands in the way: 52-faults-start.bats; over the leftovers of a
# crash: 57-faults-shutdown.bats.

setup() {
	load helpers
	common_setup
	DETACHED=
	PID_FILE=$DIR/pid
}

# Put before a start: its workers stop before they are ready.
STOPPED_WORKERS=(strace -D -f -qq -o /dev/null -e inject=close_range:signal=STOP)

teardown() {
	[ -z "$DETACHED" ] || kill -KILL "$DETACHED" 2>/dev/null || :
	common_teardown
}

# Runs a start that must fail; its answer is in $status and $output.
fail_to_start() {
	run timeout 20 "$@" "$PREFORKD" -c "$CONFIG" </dev/null 3>&- 4>&-
	assert_failure
	echo "$output" >"$DIR/refusal"
}

start_detached() {
	timeout 20 "$PREFORKD" -d -c "$CONFIG" </dev/null \
		>"$DIR/out" 2>"$LOG" 3>&- 4>&-
	DETACHED=$(cat "$PID_FILE")
}

stop_detached() {
	ctl stop
	wait_gone "$DETACHED"
	DETACHED=
}

is_unlocked() {
	flock --nonblock "$1" true
}

@test "start: the foreground daemon says that it is ready, and the real ports" {
	write_echo_config
	start_server
	run -0 grep ': info: ready: running, 2 of 2 workers ready' "$LOG"
	run -0 sed -n 's/.*: listening on \(.*\) for service echo$/\1/p' "$LOG"
	assert_output "tcp://127.0.0.1:$(port echo)"
	refute_output --partial ':0'
	run -0 tcp "$(port echo)" <<<"hello"
	assert_output hello
}

@test "start: an invalid file is status 78, with file and line" {
	write_echo_config "no_such_setting = 1"
	fail_to_start
	assert_equal "$status" 78
	assert_output --partial "$CONFIG:5: "
	assert_output --partial no_such_setting
}

@test "start: what a worker may not have is status 78, with the reason" {
	mkdir "$DIR/root"
	write_echo_config "" "chroot = $DIR/root"
	open_to_others
	fail_to_start setpriv --reuid=65534 --regid=65534 --clear-groups
	assert_equal "$status" 78
	assert_output --partial "did not start"
	assert_output --partial "$DIR/root"
	assert_not_exist "$SOCKET"
}

@test "start: a chroot folder that is not there is status 78" {
	write_echo_config "" "chroot = $DIR/nowhere"
	fail_to_start
	assert_equal "$status" 78
	assert_output --partial "$DIR/nowhere"
	assert_not_exist "$SOCKET"
}

@test "start: workers that are never ready end it at start_timeout" {
	write_echo_config "start_timeout = 300ms"
	without_leak_check
	fail_to_start "${STOPPED_WORKERS[@]}"
	assert_equal "$status" 1
	assert_output --partial "start_timeout"
}

@test "start: -d returns when the daemon serves" {
	write_echo_config "pid_file = $PID_FILE"
	start_detached
	run -0 ctl health
	run -0 tcp "$(port echo)" <<<"hello"
	assert_output hello
	assert_equal "$(ctl_json status | jq .pid)" "$DETACHED"
	stop_detached
	assert_not_exist "$PID_FILE"
	assert_not_exist "$SOCKET"
}

@test "start: a detached daemon has left terminal, session and folder" {
	write_echo_config "pid_file = $PID_FILE\nlog = $DIR/daemon.log"
	start_detached
	run -0 ps -o sid=,tty= -p "$DETACHED"
	assert_output --regexp "^ *$DETACHED +\?\$"
	assert_equal "$(readlink "/proc/$DETACHED/cwd")" /
	local fd
	for fd in 0 1 2; do
		assert_equal "$(readlink "/proc/$DETACHED/fd/$fd")" /dev/null
	done
	stop_detached
}

@test "start: -d with a relative file can still reload it" {
	write_echo_config "pid_file = $PID_FILE"
	cd "$DIR"
	CONFIG=preforkd.ini start_detached
	run -0 ctl reload
	stop_detached
}

@test "start: -d fails with the reason and its status" {
	fail_to_start_detached() {
		run timeout 20 "$PREFORKD" -d -c "$CONFIG" </dev/null 3>&- 4>&-
	}
	write_echo_config "log_level = loud"
	fail_to_start_detached
	assert_failure 78
	assert_output --partial "$CONFIG:5: "

	write_echo_config "pid_file = $PID_FILE" "chroot = $DIR/nowhere"
	fail_to_start_detached
	assert_failure 78
	assert_output --partial "$DIR/nowhere"
	assert_not_exist "$PID_FILE"
}

@test "start: -d knows the status also where the end of children is ignored" {
	write_echo_config "" "chroot = $DIR/nowhere"
	run -78 timeout 20 env --ignore-signal=CHLD "$PREFORKD" -d -c "$CONFIG" \
		</dev/null 3>&- 4>&-
	assert_output --partial "$DIR/nowhere"
}

@test "start: what could not be printed is a failure" {
	write_echo_config
	local option
	for option in -t -T -V -h --explain; do
		run -1 prints_in_vain "$option"
		assert_output "preforkd: cannot write: No space left on device"
	done
}

prints_in_vain() {
	"$PREFORKD" -c "$CONFIG" "$1" >/dev/full
}

@test "pid file: holds the pid and a lock, and goes with the daemon" {
	write_echo_config "pid_file = $PID_FILE"
	start_server
	assert_equal "$(cat "$PID_FILE")" "$SERVER"
	run ! is_unlocked "$PID_FILE"
	stop_server
	assert_not_exist "$PID_FILE"
}

@test "start: -v logs at level debug, whatever the file says" {
	write_echo_config
	set_setting log_level error
	"$PREFORKD" -v -c "$CONFIG" 2>>"$LOG" </dev/null 3>&- 4>&- &
	SERVER=$!
	wait_until 20 server_ready_or_gone
	run -0 log_has ': debug: '
	# A reload does not take that back.
	run -0 ctl reload
	: >"$LOG"
	kill -USR2 "$SERVER"
	wait_until 5 log_has ': debug: signal .*USR2'
}
