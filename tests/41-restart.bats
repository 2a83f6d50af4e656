# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# What becomes of workers that are not to be started again, that the watchdog
# looks at, or that grow old. Those that die: 50-faults-processes.bats.

setup() {
	load helpers
	common_setup
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

# pids_are_others_than POOL PIDS
pids_are_others_than() {
	local now
	now=$(worker_pids "$1")
	[ -n "$now" ] && [ -z "$(comm -12 <(sort <<<"$2") <(sort <<<"$now"))" ]
}

# --- deaths ------------------------------------------------------------------

@test "restart: status 78 is not tried again, until somebody says restart" {
	LOG_ERRORS='not started again|root folder'
	# The check reads /proc, which an empty root folder does not have.
	without_leak_check
	mkdir "$DIR/root"
	write_echo_config "" "chroot = $DIR/root"
	start_server
	rmdir "$DIR/root"
	kill -KILL "$(slot_pid 1)"
	wait_until 5 log_has "worker default/1 failed and is not started again"
	pool_state_is degraded
	run -0 tcp "$(port echo)" <<<"hello"
	assert_output hello

	kill -KILL "$(slot_pid 2)"
	wait_until 5 log_has "worker default/2 failed and is not started again"
	run -0 grep 'worker default/2 failed' "$LOG"
	assert_output --partial "$DIR/root"
	pool_state_is failed
	run -1 ctl health
	assert_output --partial 'pool "default" is failed'
	assert_equal "$(descendants "$SERVER")" ""

	mkdir "$DIR/root"
	run -0 ctl restart
	run -0 ctl health
	run -0 tcp "$(port echo)" <<<"hello"
	assert_output hello
	rmdir "$DIR/root"
}

# --- workers that hang, or grow old ------------------------------------------

@test "watchdog: switched on again, it looks at the time from then on" {
	write_echo_config "" "watchdog = 1s"
	start_server
	local before
	before=$(worker_pids)
	set_setting watchdog 0
	ctl reload
	sleep 1.5
	set_setting watchdog 1s
	ctl reload
	sleep 0.6
	assert_equal "$(worker_pids)" "$before"
}

@test "max_age: workers of all pools are replaced, gently" {
	write_config "" "max_age = 1s\nwatchdog = 1s" <<-END
		[pool second]
		workers = 1
		max_age = 1s
		sandbox = $(sandbox_default)
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
		[service other]
		handler = echo
		pool = second
		listen = tcp://127.0.0.1:0
	END
	start_server
	local first second fd
	first=$(worker_pids)
	second=$(worker_pids second)
	hold fd "$(port echo)"
	echoes "$fd"
	wait_until 4 pids_are_others_than default "$first"
	wait_until 4 pids_are_others_than second "$second"
	log_has "pool second: workers have reached max_age"
	echoes "$fd"
	release "$fd"
}
