# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# The control socket: every command with its effect and its errors, the framing
# of requests and replies, and who may do what. Clients that misbehave, and what
# happens to the file: 53-faults-control.bats.

setup() {
	load helpers
	common_setup
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

# raw: sends standard input as it is and prints everything that comes back.
raw() {
	timeout 10 socat -t 5 - "unix:$SOCKET"
}

# ask COMMAND: the whole reply, with status line and dot.
ask() {
	raw <<<"$1"
}

# The folders of a test are for its user only.
let_others_in() {
	chmod 0711 "$DIR" "$DIR/.." "$DIR/../.."
}

as_nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

# --- commands ----------------------------------------------------------------

@test "control: ping, version and health answer on the status line" {
	write_echo_config
	start_server
	run -0 ask ping
	assert_output $'OK pong 1\n.'
	run -0 ask version
	assert_output --regexp $'^OK preforkd [0-9.]+\n\.$'
	run -0 ask health
	assert_output $'OK ready\n.'
}

@test "control: help tells every command, and about one" {
	write_echo_config
	start_server
	run -0 ask help
	assert_line --index 0 OK
	assert_line --index 1 --regexp '^COMMAND +HELP$'
	local name
	for name in help ping version status health stats listeners workers \
		connections config events reload restart drain resume close \
		log stop; do
		assert_line --regexp "^$name( .*)?  [a-z]"
	done
	assert_line --index -1 .
	assert_equal "${#lines[@]}" 21
	run -0 ask "help close"
	assert_line --regexp '^close ID +close the connection with that ID$'
	assert_equal "${#lines[@]}" 4
	run -0 ask "help nonsense"
	assert_line --index 0 --partial 'ERROR argument "nonsense"'
}

@test "control: status tells the daemon and its pools" {
	write_echo_config
	start_server
	run -0 ask status
	assert_line --regexp '^state +running$'
	assert_line --regexp "^pid +$SERVER\$"
	assert_line --regexp "^file +$CONFIG\$"
	assert_line --regexp '^uptime +[0-9]+s$|^uptime +[0-9]+ms$'
	assert_line --regexp '^default +ready +1 +2 +2 +0 +0 +0 +0$'
	run -0 jq -r '.state, .ready, .pools[0].workers' <(ctl_json status)
	assert_output $'running\ntrue\n2'
	kill -KILL "$(worker_pid 1)"
	wait_until 5 ready_workers_are 2
	run -0 ask status
	assert_line --regexp '^default +worker default/1 .*signal 9 \(KILL\)'
}

@test "control: drain makes health fail and goes on serving, resume ends it" {
	write_echo_config
	start_server
	run -0 ask drain
	assert_line --index 0 --partial "OK reporting not ready"
	run -0 ask health
	assert_output $'ERROR failed not ready: draining\n.'
	run -0 tcp "$(port echo)" <<<"still here"
	assert_output "still here"
	run -0 ask resume
	assert_output $'OK reporting ready again\n.'
	run -0 ask health
	assert_output $'OK ready\n.'
}

@test "control: workers sets their number, absolute and relative" {
	write_echo_config
	start_server
	run -0 ask "workers default 3"
	assert_output $'OK pool default: 3 workers wanted\n.'
	wait_until 5 ready_workers_are 3
	run -0 ask "workers default +2"
	assert_output $'OK pool default: 5 workers wanted\n.'
	wait_until 5 ready_workers_are 5
	run -0 ask "workers default -4"
	assert_output $'OK pool default: 1 workers wanted\n.'
	wait_until 5 ready_workers_are 1
	local word
	for word in 0 -1 +9999999 x 1x ++1 +-1 "" 99999999999999999999; do
		[ -n "$word" ] || continue
		run -0 ask "workers default $word"
		assert_line --index 0 --partial 'ERROR argument "'
	done
	ready_workers_are 1
	run -0 ask "workers nonsense"
	assert_output $'ERROR argument there is no pool "nonsense"\n.'
	run -0 ask "workers default"
	assert_line --regexp '^default/1 +[0-9]+ +ready '
}

@test "control: restart replaces the workers, of one pool or of all" {
	write_echo_config
	start_server
	local before
	before=$(worker_pids)
	run -0 ask "restart default"
	assert_output $'OK restart done, configuration 2 in force\n.'
	run ! grep -xF "$before" <(worker_pids)
	ready_workers_are 2
	run -0 ask restart
	assert_output $'OK restart done, configuration 3 in force\n.'
	run -0 ask "restart nonsense"
	assert_output $'ERROR argument there is no pool "nonsense"\n.'
}

@test "control: restart replaces one worker, which finishes what it serves" {
	write_echo_config
	start_server
	local fd old other serving
	hold fd "$(port echo)"
	echoes "$fd"
	serving=$(ctl_json workers | jq -r '.[] | select(.connections == 1) |
		.worker')
	old=$(slot_pid "${serving#*/}")
	other=$(worker_pids | grep -vx "$old")
	run -0 ask "restart $serving"
	assert_output "OK worker $serving finishes what it serves, another takes \
its place"$'\n.'
	wait_until 5 ready_workers_are 2
	run -0 worker_pids
	assert_line "$other"
	refute_line "$old"
	echoes "$fd"
	release "$fd"
	wait_gone "$old"
}

@test "control: restart now of one worker closes its connections" {
	write_echo_config "" "workers = 1"
	start_server
	local fd old
	hold fd "$(port echo)"
	echoes "$fd"
	old=$(slot_pid 1)
	run -0 ask "restart default/1 now"
	assert_output --partial "OK worker default/1 leaves at once"
	wait_gone "$old"
	run ! echoes "$fd"
	release "$fd"
	wait_until 5 ready_workers_are 1
	for word in default/1 default/77 default/0 default/x default/; do
		run -0 ask "restart $word"
		assert_output "ERROR argument no worker \"$word\" serves; \
\"workers\" lists them"$'\n.'
	done
	run -0 ask "restart nobody/1"
	assert_output --partial 'ERROR argument there is no pool "nobody"'
	run -0 ask "restart default/2 soon"
	assert_output --partial 'ERROR argument '
	run -0 ask "restart default now"
	assert_output --partial 'ERROR argument '
}

@test "control: reload answers when it is decided; plan only tells" {
	write_echo_config "" "workers = 2"
	start_server
	run -0 ask "reload plan"
	assert_output $'OK\nnothing changes\n.'
	set_setting workers 3
	run -0 ask "reload plan"
	assert_line --partial "workers: 2 -> 3"
	ready_workers_are 2
	run -0 ask reload
	assert_output $'OK reload done, configuration 2 in force\n.'
	wait_until 5 ready_workers_are 3
	run -0 ask "reload nonsense"
	assert_line --index 0 --partial 'ERROR argument "nonsense" is not possible'
}

@test "control: log sets the level and opens the files anew" {
	write_echo_config "log = $DIR/preforkd.log"
	start_server
	ctl ping
	run -0 ask "log error"
	assert_output $'OK log level error\n.'
	mv "$DIR/preforkd.log" "$DIR/preforkd.log.1"
	run -0 ask "log debug"
	run -0 ask "log reopen"
	assert_output $'OK log files opened anew\n.'
	assert_file_exist "$DIR/preforkd.log"
	run -0 ask "log nonsense"
	assert_line --index 0 --partial 'ERROR argument "nonsense"'
	run -0 ask "log"
	assert_line --index 0 --partial "ERROR argument usage: log reopen|debug"
}

@test "control: config prints what is in force, and it can be read again" {
	write_echo_config
	start_server
	ask config | sed -e '1d' -e '$d' >"$DIR/again.ini"
	run -0 grep -x 'workers = 2' "$DIR/again.ini"
	run -0 "$PREFORKD" -t -c "$DIR/again.ini"
}

@test "control: stop stops" {
	write_echo_config
	start_server
	run -0 ask stop
	assert_output $'OK stopping\n.'
	wait_gone "$SERVER"
}

@test "control: stop now does not wait for connections" {
	write_echo_config
	set_setting drain_timeout 30s
	start_server
	hold fd "$(port echo)"
	echoes "$fd"
	run -0 ask "stop now"
	assert_output $'OK stopping at once\n.'
	wait_gone "$SERVER" 5
}

@test "control: an unknown command gets a suggestion" {
	write_echo_config
	start_server
	run -0 ask stauts
	assert_line --index 0 --regexp '^ERROR unknown .* did you mean "stat[a-z]+"\?$'
	run -0 ask conn
	assert_line --index 0 --partial 'did you mean "connections"?'
	run -0 ask xyzzy
	assert_output $'ERROR unknown unknown command "xyzzy"; try "help"\n.'
	run -0 ask ""
	assert_output $'ERROR unknown no command; try "help"\n.'
	run -0 ask json
	assert_output $'ERROR unknown no command; try "help"\n.'
	run -0 ask $'\e[31mred'
	refute_output --partial $'\e'
}

@test "control: too many words are refused with the usage" {
	write_echo_config
	start_server
	local command
	for command in "help a b" "ping a" "version a" "status a" "health a" \
		"stats a b" "listeners a" "workers a b c" "connections a b" \
		"config a" "events a" "reload a b" "restart a b c" "drain a" \
		"resume a" "close" "close a b" "log a b" "stop a b"; do
		run -0 ask "$command"
		assert_line --index 0 --partial "ERROR argument usage: ${command%% *}"
		assert_line --index 1 .
	done
	run -0 ask "stats nonsense"
	assert_line --index 0 --partial 'usage: stats [text|json|prometheus]'
	run -0 ask "stop nonsense"
	assert_line --index 0 --partial 'usage: stop [now]'
	run -0 ask "connections nonsense"
	assert_output $'ERROR argument there is no service "nonsense"\n.'
	run -0 ask "ping a b c d e f g h i j k l m n o p"
	assert_output $'ERROR argument at most 16 words\n.'
	run -0 ask health
	assert_output $'OK ready\n.'
}

@test "control: json in front of every command gives JSON" {
	write_echo_config "log = $DIR/preforkd.log"
	start_server
	local command
	for command in help "help ping" ping version status health stats \
		listeners workers "workers default" "workers default +1" \
		connections "connections echo" config "reload plan" reload \
		restart drain resume "log reopen" "log debug" stop; do
		ask "json $command" >"$DIR/reply"
		run -0 head -n 1 "$DIR/reply"
		assert_output --regexp '^OK'
		run -0 tail -n 1 "$DIR/reply"
		assert_output .
		run -0 jq -e 'type' <(sed -e 1d -e '$d' "$DIR/reply")
	done
	wait_gone "$SERVER"
}

@test "control: empty lists say so" {
	write_echo_config
	start_server
	run -0 ask connections
	assert_output $'OK\nno connections\n.'
	run -0 jq -c . <(ctl_json connections)
	assert_output '[]'
}

@test "control: close needs an ID of the list" {
	write_echo_config
	start_server
	local id
	for id in x 1 1. .1 1.x 0.1 -1.1 1.-1 99999999999.1 1.2.3 \
		1.99999999999999999999 "$(printf '1%.0s' {1..60}).1"; do
		run -0 ask "close $id"
		assert_line --index 0 --partial "ERROR argument an ID is"
	done
	# Well-formed, but of nobody: not of another process either.
	for id in 1.1 "$SERVER.1" "$(worker_pid 1).4711"; do
		run -0 ask "close $id"
		assert_output $'ERROR failed there is no such connection\n.'
	done
}

@test "control: close tells when the worker does not answer" {
	write_echo_config "" "workers = 1"
	start_server
	local worker
	worker=$(worker_pid 1)
	kill -STOP "$worker"
	run -1 ctl close "$worker.1"
	assert_output --partial "its worker does not answer"
	kill -CONT "$worker"
}

@test "control: a path that is no UTF-8 is told, escaped where it must be" {
	local odd=$DIR/$'odd\xff.ini'
	write_echo_config
	cp "$CONFIG" "$odd"
	CONFIG=$odd start_server
	run -0 ctl status
	assert_line --regexp "^file +$DIR/odd.377.ini\$"
	run -0 jq -r .file <(ctl_json status)
	assert_output "$DIR/odd"'\377.ini'
	run -0 jq -r .daemon.file <(ctl stats json)
	assert_output "$DIR/odd"'\377.ini'
	run -0 jq -r '.lines[0]' <(ctl_json config)
	assert_output --partial "$DIR/odd"'\377.ini'
}

# --- framing -----------------------------------------------------------------

@test "framing: requests follow one another on a connection" {
	write_echo_config
	start_server
	run -0 raw <<-END
		ping
		connections
		nonsense
		ping
	END
	assert_output - <<-END
		OK pong 1
		.
		OK
		no connections
		.
		ERROR unknown unknown command "nonsense"; try "help"
		.
		OK pong 1
		.
	END
}

@test "framing: a body line that begins with a dot gets one more" {
	mkdir "$DIR/etc"
	write_config "" "" <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
	END
	start_server
	# The errors of a broken file are lines that tell its name.
	cp "$CONFIG" "$DIR/good"
	printf '\xef\xbb\xbf.dot\n' >>"$CONFIG"
	LOG_ERRORS='preforkd.ini|reload failed'
	run -0 ask "reload"
	assert_line --index 0 --partial "ERROR config"
	# No reply has a line with a single dot but its last.
	assert_equal "$(grep -c -x '\.' <<<"$output")" 1
	cp "$DIR/good" "$CONFIG"
}

# --- who may -----------------------------------------------------------------

@test "rights: control_mode and control_group are exact" {
	write_echo_config "control_mode = 0660\ncontrol_group = nogroup"
	umask 000
	start_server
	run -0 stat -c '%a %G' "$SOCKET"
	assert_output "660 nogroup"
}

@test "rights: the user who started it may do everything" {
	local bin
	bin=$DIR/bin
	mkdir "$bin"
	cp "$PREFORKD" "$PREFORKCTL" "$bin/"
	write_echo_config
	chown -R 65534:65534 "$DIR"
	let_others_in
	PREFORKD=$bin/preforkd start_server setpriv --reuid=65534 \
		--regid=65534 --clear-groups
	run -0 as_nobody "$bin/preforkctl" -s "$SOCKET" workers default +1
	run -0 as_nobody "$bin/preforkctl" -s "$SOCKET" reload
	# And so may root.
	run -0 ctl reload
}

# --- the file ----------------------------------------------------------------

@test "file: control = none works" {
	write_echo_config
	sed -i 's/^control = .*/control = none/' "$CONFIG"
	launch_server
	wait_until 10 log_has "ready: running"
	assert_not_exist "$SOCKET"
	run -0 tcp "$(sed -n 's/.*127.0.0.1:\([0-9]*\) for service.*/\1/p' \
		"$LOG")" <<<"hello"
	assert_output hello
}

@test "file: what fails on it is told as it is, and leaves nothing" {
	without_leak_check
	write_echo_config
	start_fails_at bind EACCES "Permission denied"
	start_fails_at listen EADDRINUSE "Address already in use"
}

# start_fails_at CALL ERROR WORDS: the first such call fails.
start_fails_at() {
	run -1 timeout 10 strace -qq -o "$DIR/calls" \
		-e inject="$1:error=$2:when=1" "$PREFORKD" -c "$CONFIG"
	assert_output --partial "the control socket \"$SOCKET\": $3"
	assert_not_exist "$SOCKET"
}

@test "file: two daemons with sockets of their own do not meet" {
	write_echo_config
	start_server
	local other=$DIR/other.ini
	sed "s|^control = .*|control = $DIR/other.sock|" "$CONFIG" >"$other"
	background "$PREFORKD" -c "$other" 2>"$DIR/other.log"
	wait_until 10 "$PREFORKCTL" -s "$DIR/other.sock" health
	run -0 "$PREFORKCTL" -s "$DIR/other.sock" stop
	wait_until 10 assert_not_exist "$DIR/other.sock"
	run -0 ctl health
}
