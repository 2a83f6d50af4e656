# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# docs/faults.md, rows 1 to 23: workers and supervisor that die, stop or spin.

setup() {
	load faults
	faults_setup
}

teardown() {
	faults_teardown
}

@test "fault 1: a worker killed while idle is replaced within 200 ms" {
	write_echo_config
	start_watched
	local before pid start
	pid=$(worker_pid 1)
	kill -KILL "$pid"
	start=$(date +%s%3N)
	wait_until 5 replaced "$pid"
	[ $(($(date +%s%3N) - start)) -lt 1000 ]
}

replaced() {
	ready_workers_are "$BASELINE_WORKERS" && ! worker_pids | grep -qx "$1"
}
