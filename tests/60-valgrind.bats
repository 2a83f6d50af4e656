# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# The daemon's whole life under valgrind(1): no byte is used that was not
# written, none is lost, no descriptor is left open at the end, in the
# supervisor and in workers. In the flavour with sanitizers, which valgrind
# cannot run, those look instead.

setup() {
	load helpers
	common_setup
	make_checker
}

teardown() {
	common_teardown
}

# CHECKED are the words that a command begins with to be looked at.
make_checker() {
	CHECKED=()
	if is_sanitized; then return; fi
	cc -shared -fPIC -D_GNU_SOURCE -O1 -o "$DIR/gaps.so" \
		"$ROOT/tests/valgrind_gaps.c"
	CHECKED=(env LD_PRELOAD="$DIR/gaps.so" valgrind -q --leak-check=full
		--track-fds=yes --error-exitcode=99
		--log-file="$DIR/valgrind.%p")
}

# The sandbox would end valgrind's own calls together with the worker's.
write_memcheck_config() {
	write_config "access_log = $DIR/access" "workers = 2\nsandbox = off" \
		<<-END
			[pool other]
			workers = 1
			sandbox = off
			[service echo]
			handler = echo
			listen = tcp://127.0.0.1:0 udp://127.0.0.1:0 unix:$DIR/s
			[service hello]
			handler = hello
			pool = other
			listen = tcp://localhost:0
		END
}

# What valgrind says of a process begins with its pid; with -q that is only
# what is wrong, and the descriptors. Those it was started with are no leak.
valgrind_complaints() {
	cat "$DIR"/valgrind.* | awk '
		/Open / { open = $0; next }
		open != "" && /inherited from parent/ { open = ""; next }
		open != "" { print open; open = "" }
		/FILE DESCRIPTORS:/ { next }
		/unhandled .* syscall|README_MISSING|You may be able to write/ ||
		    /Nevertheless we consider|it at http/ { next }
		NF > 1 { print }'
}

assert_nothing_found() {
	if is_sanitized; then return; fi
	run valgrind_complaints
	assert_output ""
}

serves() {
	assert_equal "$(tcp "$(port echo 1)" <<<one)" one
	assert_equal "$(udp "$(port echo 2)" <<<two)" two
	assert_equal "$(timeout 5 socat -t 5 - "unix:$DIR/s" <<<three)" three
	tcp "$(port hello)" </dev/null | grep -q Hello
}

asks_everything() {
	local words
	for words in help ping version status health "stats text" "stats json" \
		"stats prometheus" listeners workers connections config \
		"reload plan" "log info" "log reopen" drain resume; do
		# shellcheck disable=SC2086 # a list of words
		ctl $words >/dev/null
		# shellcheck disable=SC2086
		ctl_json $words >/dev/null
	done
	run -2 ctl close 1.1.1
	run -1 ctl close 1.1
	run -2 ctl workers nowhere
}

change_everything() {
	ctl workers default 3
	ctl workers default 1
	ctl restart other
	set_setting max_connections 100
	sed -i 's/^\[service hello\]/[service greet]/; s/^\[pool other\]/&\nnice = 1/
		s/^workers = 2/workers = 2\nwatchdog = 20s/' "$CONFIG"
	ctl reload
	echo "nonsense = 1" >>"$CONFIG"
	run -4 ctl reload
	sed -i '$d; s/^listen = tcp:.*localhost:0/listen = tcp:\/\/192.0.2.1:1/' \
		"$CONFIG"
	run -1 ctl reload
	LOG_ERRORS='nonsense|192.0.2.1|reload failed'
}

lose_a_worker() {
	local pid
	pid=$(worker_pid 1)
	kill -KILL "$pid"
	wait_until 10 is_gone "$pid"
	wait_until 20 ready_workers_are 1
}

@test "valgrind: from start to stop, through reload, restart and death" {
	write_memcheck_config
	start_server "${CHECKED[@]}"
	background ctl events >"$DIR/events"
	serves
	hold client "$(port echo 1)"
	asks_everything
	change_everything
	lose_a_worker
	release "$client"
	stop_server
	assert_nothing_found
}

# Told to a file: a pipe would be opened once more, until the very end.
start_in_vain() {
	"${CHECKED[@]}" "$PREFORKD" -c "$CONFIG" 2>"$DIR/err"
}

@test "valgrind: a start that fails leaves nothing" {
	write_config <<-END
		[service echo]
		handler = echo
		listen = unix:$DIR/s tcp://192.0.2.1:7
	END
	run -1 start_in_vain
	run -0 grep "cannot listen" "$DIR/err"
	assert_nothing_found
}
