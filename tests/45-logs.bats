# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# Where log lines go, and how their destinations are changed while the daemon
# runs. Then what operators see of workers: their number and their titles.
# What may befall a log is in 56-faults-logs.bats.

setup() {
	load helpers
	common_setup
	FILE=$DIR/daemon.log
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

file_has() {
	grep -q -- "$2" "$1"
}

# One line of the supervisor and, from each worker that serves, one each.
make_lines() {
	local pid
	kill -USR2 "$SERVER"
	for pid in $(worker_pids); do
		until_worker_has_logged "$pid" "$1"
	done
	wait_until 5 file_has "$1" 'signal .*USR2'
}

# Connections until PID, too, has told of one in FILE.
until_worker_has_logged() {
	wait_until 10 connect_and_look "$(port echo)" "$1" "$2"
}

# As many at a time as go to one worker in a row, and one more.
connect_and_look() {
	hold_many 17 "$1"
	release_all
	file_has "$3" "preforkd\[$2\]: "
}

refuse_to_start() {
	run timeout 20 "$PREFORKD" -c "$CONFIG" </dev/null 3>&- 4>&-
	assert_failure "$1"
}

# --- destinations ------------------------------------------------------------

@test "log: lines have stamp, pid, level and role" {
	write_echo_config
	start_server
	run -0 tcp "$(port echo)" <<<"hello"
	stamp='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z'
	run -0 grep -E "^$stamp preforkd\[$SERVER\]: info: ready" "$LOG"
	run -0 grep -E "^$stamp preforkd\[[0-9]+\]: debug: worker default/[12]: " \
		"$LOG"
	run ! grep -vE "^$stamp preforkd\[[0-9]+\]: (debug|info): " "$LOG"
}

@test "log: a file is appended to, and not for everybody to read" {
	write_echo_config "log = $FILE"
	start_server
	assert_equal "$(stat -c %a "$FILE")" 640
	make_lines "$FILE"
	stop_server
	local lines
	lines=$(wc -l <"$FILE")
	start_server
	assert [ "$(wc -l <"$FILE")" -gt "$lines" ]
	# Emptied by somebody else, it goes on at the beginning.
	: >"$FILE"
	run -0 ctl log warn
	run -0 ctl log debug
	make_lines "$FILE"
	run ! grep -a '^.\x00' "$FILE"
	assert_equal "$(head -c 2 "$FILE")" 20
	assert_equal "$(cat "$LOG")" ""
}

@test "log: a link is refused, what it names stays untouched" {
	echo precious >"$DIR/precious"
	ln -s "$DIR/precious" "$FILE"
	write_echo_config "log = $FILE"
	refuse_to_start 1
	assert_output --partial "$FILE"
	assert_output --partial "symbolic link"
	assert_equal "$(cat "$DIR/precious")" precious
}

@test "log: a folder that is not there fails the start, with the reason" {
	write_echo_config "log = $DIR/none/log"
	refuse_to_start 1
	assert_output --partial "$DIR/none/log"
	assert_output --partial "No such file or directory"
	write_echo_config "access_log = $DIR/none/access"
	refuse_to_start 1
	assert_output --partial "$DIR/none/access"
	assert_not_exist "$SOCKET"
}

@test "log: a reload to a file that cannot be opened changes nothing" {
	LOG_ERRORS='log: folder|reload failed'
	write_echo_config "log = stderr"
	start_server
	set_setting log "$DIR/none/log"
	run -4 ctl reload
	assert_output --partial "log: folder \"$DIR/none\": No such file or directory"
	make_lines "$LOG"
	set_setting log "$FILE"
	run -0 ctl reload
	make_lines "$FILE"
}

@test "log: syslog gets the lines of all, with their priority" {
	start_syslogd
	write_echo_config "log = syslog"
	start_server with_own_dev
	# LOG_DAEMON is 3 << 3, info is 6, debug 7.
	wait_until 5 file_has "$FILE" "^<30>.*preforkd\[$SERVER\]: ready: "
	local pid
	pid=$(worker_pid 1)
	kill -USR2 "$SERVER"
	wait_until 5 file_has "$FILE" "^<31>.*preforkd\[$SERVER\]: signal .*USR2"
	wait_until 10 worker_in_syslog "$pid"
	# Who crashes cannot call syslog(3) any more: the supervisor tells it.
	kill -ABRT "$pid"
	wait_until 5 file_has "$FILE" "^<27>.*preforkd\[$SERVER\]: worker default/1 (pid $pid): crashed: signal 6 (ABRT), sent by pid $$, at "
	assert_equal "$(grep -c crashed "$FILE")" 1
	assert_equal "$(cat "$LOG")" ""
}

worker_in_syslog() {
	tcp "$(port echo)" <<<"hello" >/dev/null
	grep -qE "^<31>.*preforkd\[$1\]: worker default/1: " "$FILE"
}

# --- changes while it runs ---------------------------------------------------

@test "log: 100 reopenings leave no descriptor behind" {
	write_echo_config "log = $FILE\naccess_log = $DIR/access"
	start_server
	local worker before worker_before
	worker=$(worker_pid 1)
	ctl log reopen
	run -0 tcp "$(port echo)" <<<"hello"
	before=$(n_descriptors "$SERVER")
	worker_before=$(n_descriptors "$worker")
	for _ in {1..100}; do
		ctl log reopen
	done
	assert_equal "$(n_descriptors "$SERVER")" "$before"
	wait_until 5 has_descriptors "$worker" "$worker_before"
}

has_descriptors() {
	[ "$(n_descriptors "$1")" = "$2" ]
}

@test "log: the level set by command reaches workers that are there" {
	write_echo_config
	set_setting log_level info
	start_server
	run -0 tcp "$(port echo)" <<<"hello"
	run ! log_has ': debug: '
	run -0 ctl log debug
	make_lines "$LOG"
	run -0 ctl log error
	: >"$LOG"
	run -0 tcp "$(port echo)" <<<"hello"
	run -0 ctl restart
	# Opening files anew does not change it back, nor do new workers.
	run -0 ctl log reopen
	run -0 tcp "$(port echo)" <<<"hello"
	assert_equal "$(cat "$LOG")" ""
	run -2 ctl log loud
}

# --- connections -------------------------------------------------------------

# stamp service worker peer listener cause in out ms
ACCESS='echo default/[12] 127\.0\.0\.1:[0-9]+ tcp://127\.0\.0\.1:[0-9]+ [a-z_]+ 6 6 [0-9]+$'

@test "access log: a line in the file for each connection" {
	write_echo_config "access_log = $DIR/access"
	start_server
	for _ in 1 2 3; do
		tcp "$(port echo)" <<<"hello"
	done
	wait_until 5 has_lines "$DIR/access" 3
	run ! grep -vE "^[0-9TZ:.-]+ $ACCESS" "$DIR/access"
	assert_equal "$(stat -c %a "$DIR/access")" 640
	run ! log_has ' 6 6 '
}

has_lines() {
	[ "$(wc -l <"$1")" = "$2" ]
}

@test "access log: or in the log; a reload changes where" {
	write_echo_config "access_log = log"
	start_server
	tcp "$(port echo)" <<<"hello"
	wait_until 5 log_has ': access: echo default/'
	run -0 grep -cE ": info: worker default/[12]: access: $ACCESS" "$LOG"
	assert_output 1
	set_setting access_log "$DIR/access"
	run -0 ctl reload
	tcp "$(port echo)" <<<"hello"
	wait_until 5 has_lines "$DIR/access" 1
	set_setting access_log none
	run -0 ctl reload
	tcp "$(port echo)" <<<"hello"
	wait_until 5 counter_is echo accepted 3
	has_lines "$DIR/access" 1
	assert_equal "$(n_log_lines ': access: ')" 1
}

# --- what operators see ------------------------------------------------------

@test "TTIN and TTOU: one worker more, one fewer, but one stays" {
	write_echo_config
	start_server
	local before
	before=$(worker_pids)
	kill -TTIN "$SERVER"
	wait_until 5 ready_workers_are 3
	assert_equal "$(worker_pids | head -2)" "$before"
	local n
	for n in 2 1; do
		kill -TTOU "$SERVER"
		wait_until 5 ready_workers_are "$n"
	done
	kill -TTOU "$SERVER"
	wait_until 5 log_lines_are 'signal .*TTOU' 3
	run -0 ctl health
	ready_workers_are 1
	run -0 tcp "$(port echo)" <<<"hello"
	assert_output hello
}

log_lines_are() {
	[ "$(n_log_lines "$1")" = "$2" ]
}

title() {
	tr '\0' ' ' <"/proc/$1/cmdline"
}

title_is() {
	[[ $(title "$1") =~ $2 ]]
}

@test "titles: show pool, slot, state and connections" {
	write_echo_config "" "workers = 1"
	start_server
	local pid fd
	pid=$(worker_pid 1)
	wait_until 5 title_is "$SERVER" \
		"^preforkd: supervisor \[$CONFIG\] running, 1 of 1 workers ready"
	wait_until 5 title_is "$pid" \
		'^preforkd: worker default/1 serving, 0 connections'
	hold fd "$(port echo)"
	echoes "$fd"
	wait_until 5 title_is "$pid" \
		'^preforkd: worker default/1 serving, 1 connection *$'
	run -0 ctl restart
	wait_until 5 title_is "$pid" '^preforkd: worker default/1 draining'
	release "$fd"
	wait_gone "$pid"
}
