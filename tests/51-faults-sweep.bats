# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# Rows 29 and 30 of docs/faults.md: a small part of what `make sweep` does in
# full, and that the sweep itself notices what it is there for.

setup() {
	load faults
	faults_setup
	export PREFORKD_BIN SWEEP=quick
}

teardown() {
	faults_teardown
}

# sweep PATTERN...: these cases pass, and there are some.
sweep() {
	local pattern only=()
	for pattern; do
		only+=(--only "$pattern")
	done
	run timeout 50 "$ROOT/tests/sweep/run" --jobs 2 "${only[@]}"
	assert_success
	assert_line --index -1 --regexp '^[1-9][0-9]* passed, 0 failed$'
}

# A program in place of the daemon, from standard input.
pretend_daemon() {
	mkdir "$DIR/bin"
	{
		echo '#!/bin/sh'
		cat
	} >"$DIR/bin/preforkd"
	chmod +x "$DIR/bin/preforkd"
	export PREFORKD_BIN=$DIR/bin
}

@test "fault 29: what fails at start is told by name" {
	sweep start/supervisor/{openat,epoll_create1,epoll_ctl,signalfd4}'/*' \
		start/supervisor/{pipe2,socket,bind,listen,getsockname}'/*' \
		start/supervisor/{clone,pidfd_open,socketpair,madvise}'/*'
}

@test "fault 29: what fails in a reload leaves the old configuration" {
	sweep reload/supervisor/{openat,socket,getsockname,clone}'/*' \
		reload/worker/{close_range,epoll_create1}'/*'
}

@test "fault 29: a worker that cannot drop root for once is tried again" {
	sweep 'killed/worker/setgroups/*' 'killed/worker/setres?id/*'
}

@test "fault 29: what fails once in serving costs one client at most" {
	sweep 'accept/worker/*' 'datagram/worker/*'
}

@test "fault 30: killed on the way, it starts over what it left" {
	sweep recover/supervisor/{flock,bind,unlink,clone,chmod}'/*' \
		stop/supervisor/{unlink,sendmsg}'/*'
}

@test "the sweep fails with a daemon that says nothing" {
	pretend_daemon <<-'END'
		exit 1
	END
	run -1 timeout 50 "$ROOT/tests/sweep/run" --only 'start/supervisor/*'
	assert_line --partial 'FAILED start/supervisor without a fault'
	assert_line --index -1 '0 passed, 1 failed'
}
