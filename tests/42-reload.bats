# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# Reload: what it changes, what it leaves alone, how it fails without a trace,
# and what clients notice of it, which is nothing. At bad moments, and with bad
# files: 52-faults-reload.bats.

setup() {
	load helpers
	common_setup
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

remove_service() {
	sed -i "/^\[service $1\]/,/^\[/ { /^\[service $1\]/d; /^\[/!d }" \
		"$CONFIG"
}

inode() {
	ss -Hltne "sport = :$1" | sed -n 's/.* ino:\([0-9]*\).*/\1/p'
}

status_of() {
	ctl_json status | jq -r ".$1"
}

remember() {
	FORMER=$(everything)
}

assert_nothing_changed() {
	assert_equal "$(everything)" "$FORMER"
	run -0 ctl health
	run -0 tcp "$(port echo)" <<<"still here"
	assert_output "still here"
	run -0 tcp "$(port hello)" </dev/null
	assert_output one
}

# --- what changes, and what does not -----------------------------------------

@test "reload: adds a service with its pool, and touches nothing else" {
	write_two_pools
	start_server
	local before echo_port echo_inode fd
	before=$(worker_pids)
	echo_port=$(port echo)
	echo_inode=$(inode "$echo_port")
	hold fd "$echo_port"
	echo '[pool third]' >>"$CONFIG"
	add_service upper upper tcp://127.0.0.1:0 "pool = third"
	run -0 ctl reload
	run -0 tcp "$(port upper)" <<<"hello"
	assert_output HELLO
	assert_equal "$(worker_pids)" "$before"
	assert_equal "$(port echo)" "$echo_port"
	assert_equal "$(inode "$echo_port")" "$echo_inode"
	echoes "$fd"
	assert_equal "$(status_of configuration)" 2
	assert_equal "$(status_of reloads)" 1
}

@test "reload: adds a listener to a service; the first keeps port and socket" {
	write_two_pools
	start_server
	local before echo_port echo_inode
	before=$(worker_pids)
	echo_port=$(port echo)
	echo_inode=$(inode "$echo_port")
	sed -i "0,/^listen = .*/s||& unix:$DIR/echo.sock|" "$CONFIG"
	run -0 ctl reload
	run -0 timeout 5 socat - "unix:$DIR/echo.sock" <<<"hello"
	assert_output hello
	assert_equal "$(port echo)" "$echo_port"
	assert_equal "$(inode "$echo_port")" "$echo_inode"
	assert [ "$(worker_pids)" != "$before" ]
	# And away again.
	sed -i "s| unix:.*echo.sock||" "$CONFIG"
	run -0 ctl reload
	assert_not_exist "$DIR/echo.sock"
	run -0 tcp "$echo_port" <<<"hello"
	assert_output hello
}

@test "reload: a change gives new workers to its own pool only" {
	write_two_pools
	start_server
	local before second hello_port hello_inode
	before=$(worker_pids)
	second=$(worker_pids second)
	hello_port=$(port hello)
	hello_inode=$(inode "$hello_port")
	set_setting greeting 'two\\n'
	run -0 ctl reload
	run -0 tcp "$hello_port" </dev/null
	assert_output two
	assert_equal "$(inode "$hello_port")" "$hello_inode"
	assert_equal "$(worker_pids)" "$before"
	assert [ "$(worker_pids second)" != "$second" ]
}

@test "reload: a service that moves to another pool keeps its socket" {
	write_two_pools
	start_server
	local hello_port hello_inode
	hello_port=$(port hello)
	hello_inode=$(inode "$hello_port")
	sed -i '/^pool = second/d' "$CONFIG"
	run -0 ctl reload
	assert_equal "$(port hello)" "$hello_port"
	assert_equal "$(inode "$hello_port")" "$hello_inode"
	run -0 tcp "$hello_port" </dev/null
	assert_output one
}

@test "reload: a pool without services gets workers with its first one" {
	write_config <<-END
		[pool second]
		workers = 1
		sandbox = $(sandbox_default)
		[service hello]
		handler = hello
		pool = second
		listen = tcp://127.0.0.1:0
	END
	start_server
	ready_workers_are 0
	# Its number alone gives it none.
	sed -i 's/^workers = 2/workers = 3/' "$CONFIG"
	run -0 ctl reload
	ready_workers_are 0
	add_service echo echo tcp://127.0.0.1:0
	run -0 ctl reload
	ready_workers_are 3
	run -0 tcp "$(port echo)" <<<"hello"
	assert_output hello
}

@test "reload: a removed service answers who is queued, then its port is free" {
	write_two_pools
	add_service gone echo tcp://127.0.0.1:0
	start_server
	local old port fd fds=() answer
	mapfile -t old < <(worker_pids)
	port=$(port gone)
	kill -STOP "${old[@]}"
	for _ in 1 2 3 4; do
		hold fd "$port"
		echo question >&"$fd"
		fds+=("$fd")
	done
	remove_service gone
	run -0 ctl reload
	kill -CONT "${old[@]}"
	for fd in "${fds[@]}"; do
		read -rt 10 answer <&"$fd"
		assert_equal "$answer" question
		release "$fd"
	done
	wait_until 5 no_worker_drains
	assert_equal "$(inode "$port")" ""
	run ! ctl connections gone
	run -0 tcp "$(port echo)" <<<"hello"
	assert_output hello
}

@test "reload: a removed pool goes with its last connection" {
	write_two_pools
	sed -i 's/^handler = hello/handler = echo/; /^greeting/d' "$CONFIG"
	start_server
	local fd second
	second=$(worker_pids second)
	hold fd "$(port hello)"
	echoes "$fd"
	remove_service hello
	sed -i '/^\[pool second\]/,/^sandbox/d' "$CONFIG"
	run -0 ctl reload
	run -0 ctl health
	echoes "$fd"
	kill -0 "$second"
	release "$fd"
	wait_gone "$second" 5
	wait_until 5 pools_are 1
}

pools_are() {
	[ "$(status_of 'pools | length')" = "$1" ]
}

@test "reload: some settings need no new workers" {
	write_two_pools
	start_server
	local before echo_port
	before=$(worker_pids)
	echo_port=$(port echo)
	assert_equal "$(ss -Hltn "sport = :$echo_port" | awk '{print $3}')" 100
	set_setting backlog 37
	set_setting drain_timeout 3s
	run -0 ctl reload
	assert_equal "$(worker_pids)" "$before"
	assert_equal "$(ss -Hltn "sport = :$echo_port" | awk '{print $3}')" 37

	sed -i '0,/^workers = 2/s//workers = 3/' "$CONFIG"
	run -0 ctl reload
	wait_until 5 ready_workers_are 3
	assert_equal "$(worker_pids | head -2)" "$before"
	sed -i '0,/^workers = 3/s//workers = 2/' "$CONFIG"
	run -0 ctl reload
	wait_until 5 ready_workers_are 2
	assert_equal "$(worker_pids)" "$before"
}

@test "reload: log_level reaches the workers that are there" {
	write_two_pools
	set_setting log_level info
	start_server
	run -0 tcp "$(port echo)" <<<"quiet"
	run ! log_has 'debug'
	set_setting log_level debug
	run -0 ctl reload
	run -0 tcp "$(port echo)" <<<"hello"
	wait_until 5 log_has 'debug: worker default/.: echo: connection'
}

# --- failures leave no trace -------------------------------------------------

@test "reload: an invalid file changes nothing; every error is told" {
	LOG_ERRORS='preforkd.ini|reload failed'
	write_two_pools
	start_server
	remember
	touch_workers
	sed -i 's/^backlog = .*/backlog = many\nno_such = 1/' "$CONFIG"
	run -4 ctl reload
	assert_output --regexp "$CONFIG:[0-9]+: .*backlog"
	assert_output --regexp "$CONFIG:[0-9]+: .*no_such"
	assert_nothing_changed
	assert_equal "$(status_of failed_reloads)" 1
	run -4 ctl reload plan
	assert_output --partial no_such
	assert_equal "$(status_of failed_reloads)" 1
}

@test "reload: what needs a restart is refused with 3, and nothing changes" {
	LOG_ERRORS='needs a restart'
	write_two_pools
	start_server
	remember
	cp "$CONFIG" "$DIR/before"
	local setting
	for setting in "control = $DIR/other.sock" "control_mode = 0666" \
		"pid_file = $DIR/pid"; do
		sed "/^\[preforkd\]/a $setting" "$DIR/before" |
			awk -F= '/^control =/ && n++ { next } 1' >"$CONFIG"
		touch_workers
		run -3 ctl reload
		assert_output --partial "${setting%% =*} needs a restart"
		run -3 ctl reload plan
		assert_nothing_changed
	done
	assert_not_exist "$DIR/pid"
}

# --- the plan ----------------------------------------------------------------

@test "reload plan: tells each kind of change and does none" {
	write_two_pools
	add_service gone echo tcp://127.0.0.1:0
	start_server
	run -0 ctl reload plan
	assert_output "nothing changes"
	remember
	local gone
	gone=$(listener gone)
	remove_service gone
	set_setting drain_timeout 7s
	set_setting greeting 'two\\n'
	sed -i "0,/^listen = .*/s||& unix:$DIR/echo.sock|" "$CONFIG"
	printf '[pool third]\nworkers = 1\n' >>"$CONFIG"
	add_service new upper tcp://127.0.0.1:0 "pool = third"
	run -0 ctl reload plan
	assert_line "[preforkd] drain_timeout: 5s -> 7s (needs nothing)"
	assert_line --regexp '^\[service hello\] greeting: .*one.* -> .*two.* \(needs new workers\)$'
	assert_line --regexp '^\[service echo\] listen: .* \(needs a new listener\)$'
	assert_line "[service new] added"
	assert_line "[service gone] removed"
	assert_line "[pool third] added"
	assert_line "pool third: added"
	assert_line "pool default: new workers"
	assert_line "listener unix:$DIR/echo.sock: opened"
	assert_line "listener $gone: emptied and closed"
	assert_nothing_changed
	# And then it comes true.
	run -0 ctl reload
	run -0 tcp "$(port new)" <<<"hello"
	assert_output HELLO
	assert_equal "$(inode "${gone##*:}")" ""
}

@test "reload plan: a pool that goes, and a pool that stays as it is" {
	write_two_pools
	start_server
	remove_service hello
	sed -i '/^\[pool second\]/,/^sandbox/d' "$CONFIG"
	run -0 ctl reload plan
	assert_line "pool second: removed, its workers drain"
	assert_line "pool default: keeps its workers"
}

# --- clients notice nothing --------------------------------------------------

@test "reload: 20 of them under load lose no connection" {
	write_two_pools
	start_server
	start_load "$(port echo)"
	for _ in {1..20}; do
		touch_workers
		ctl reload
	done
	run -0 end_load
	assert_output --regexp '^good=[1-9][0-9]+ refused=0 unanswered=0 broken=0$'
	assert_equal "$(ctl_json status | jq '.pools[0].generation')" 21
}

@test "reload: several at once are all answered" {
	write_two_pools
	start_server
	local i pids=()
	touch_workers
	for i in 1 2 3 4 5; do
		timeout 20 "$PREFORKCTL" -s "$SOCKET" reload \
			>"$DIR/answer.$i" 3>&- 4>&- &
		pids+=($!)
	done
	for i in 1 2 3 4 5; do
		wait "${pids[i - 1]}"
		run -0 cat "$DIR/answer.$i"
		assert_output --partial "reload done"
	done
}

# --- nothing grows -----------------------------------------------------------

resident_kib() {
	awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"
}

reload_many() {
	local i
	for ((i = 0; i < $1; i++)); do
		touch_workers
		ctl reload
	done
	wait_until 8 no_worker_drains
}

@test "reload: 100 of them leave no descriptor and no memory behind" {
	write_two_pools "" "watchdog = 30s\nmax_age = 1h"
	start_server
	reload_many 10
	local descriptors memory
	descriptors=$(n_descriptors "$SERVER")
	memory=$(resident_kib "$SERVER")
	reload_many 100
	assert_equal "$(n_descriptors "$SERVER")" "$descriptors"
	assert_equal "$(descendants "$SERVER" | wc -l)" 3
	# A sanitizer keeps what was freed; it looks for leaks by itself.
	is_sanitized ||
		assert [ "$(resident_kib "$SERVER")" -lt $((memory + 500)) ]
}

descriptors_are_at_most() {
	[ "$(n_descriptors "$SERVER")" -le "$1" ]
}

@test "reload: 50 that fail leave no descriptor and no memory behind" {
	LOG_ERRORS='.'
	write_two_pools
	add_service new echo "unix:$DIR/new.sock" "pool = new"
	printf '[pool new]\nworkers = 2\nchroot = %s/nowhere\n' "$DIR" \
		>"$DIR/pool"
	cp "$CONFIG" "$DIR/failing"
	cat "$DIR/pool" >>"$DIR/failing"
	remove_service new
	start_server
	remember
	local i descriptors memory
	mv "$DIR/failing" "$CONFIG"
	for ((i = 0; i < 60; i++)); do
		if ((i == 10)); then
			wait_until 5 no_worker_drains
			descriptors=$(n_descriptors "$SERVER")
			memory=$(resident_kib "$SERVER")
		fi
		touch_workers
		ctl reload >/dev/null 2>&1 || :
	done
	assert_equal "$(status_of failed_reloads)" 60
	wait_until 8 no_worker_drains
	wait_until 5 pools_are 2
	# The connection of the last ctl may not be closed yet.
	wait_until 5 descriptors_are_at_most "$descriptors"
	is_sanitized ||
		assert [ "$(resident_kib "$SERVER")" -lt $((memory + 500)) ]
	assert_nothing_changed
}
