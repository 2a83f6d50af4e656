# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# What the tests of docs/faults.md share. After each fault the daemon must be
# as it was: take_baseline says how that is, faults_teardown looks whether it is
# so again before it stops the daemon. A test whose daemon is not there at the
# end (killed, or refused to start) leaves SERVER empty.

# shellcheck source=tests/helpers.bash
source "${BASH_SOURCE[0]%/*}/helpers.bash"

# Resident memory may grow by this much while a fault lasts and after it: the
# allocator keeps what it got, fragments differ, and a worker's receive buffer
# of 256 KiB is touched as far as it is used. A leak in a test that repeats its
# fault some hundred times is more.
GROWTH_KIB=1280

faults_setup() {
	common_setup
	BASELINE_WORKERS=
}

faults_teardown() {
	local failed=0
	[ -z "$SERVER" ] || [ -z "$BASELINE_WORKERS" ] || assert_baseline ||
		failed=1
	common_teardown || failed=1
	return "$failed"
}

# Starts the daemon as start_server does and remembers how it is then.
start_watched() {
	start_server "$@"
	take_baseline
}

# Anew when a test changes what is right: after a reload to other listeners, or
# another number of workers.
take_baseline() {
	local pid
	BASELINE_WORKERS=$(worker_pids default | wc -l)
	BASELINE_PROCESSES=$(n_processes)
	BASELINE_FDS=$(n_descriptors "$SERVER")
	BASELINE_RSS=$(rss_kib "$SERVER")
	pid=$(worker_pid 1)
	BASELINE_WORKER_FDS=$(n_descriptors "$pid")
	BASELINE_WORKER_RSS=$(rss_kib "$pid")
}

assert_baseline() {
	wait_until 15 answers_health || return 1
	wait_until 15 ready_workers_are "$BASELINE_WORKERS" || return 1
	# A client that has just gone is still in the books for a moment.
	wait_until 10 descriptors_are_at_baseline || {
		tell_descriptors >&2
		return 1
	}
	wait_until 10 processes_are_at_baseline || return 1
	is_sanitized || assert_memory
}

answers_health() {
	ctl ping && ctl health
}

# --- verbs of several files --------------------------------------------------

# start_watched with a clock, that of CLOCK_MONOTONIC, which leaps when a client
# says later(ms).
start_leaping() {
	cc -shared -fPIC -o "$DIR/clock_leaps.so" "$ROOT/tests/clock_leaps.c"
	head -c 8 /dev/zero >"$DIR/ahead"
	export CLOCK_AHEAD=$DIR/ahead
	start_watched env LD_PRELOAD="$DIR/clock_leaps.so" \
		ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0"
}

# inject PID CALL:error=ERROR[:when=N]...: what strace(1) does to a process that
# runs. Its calls from now on stand in the file "calls".
inject() {
	local pid=$1 what words=()
	shift
	for what; do
		words+=(-e "inject=$what")
	done
	background strace -qq -o "$DIR/calls" -p "$pid" "${words[@]}"
	wait_until 10 is_traced "$pid"
	INJECTED=$pid
}

end_injection() {
	end_background
	wait_until 10 is_not_traced "$INJECTED"
}

# The daemon in a network of its own; words are put before it, as in
# start_server. INSIDE are those that a command begins with to be there, too.
start_apart() {
	# shellcheck disable=SC2016 # for the inner shell
	start_watched unshare --net sh -c 'ip link set lo up; exec "$0" "$@"' \
		"$@"
	# shellcheck disable=SC2034 # of the tests
	INSIDE=(nsenter --net="/proc/$SERVER/ns/net" env
		PYTHONPATH="$ROOT/tests" PYTHONDONTWRITEBYTECODE=1)
}

# calls_of PID: how many system calls it makes in a second.
calls_of() {
	timeout 1 strace -qq -o "$DIR/second" -p "$1" || :
	wc -l <"$DIR/second"
}

# cpu_ms PID: user and system time that it has used.
cpu_ms() {
	awk '{ print ($14 + $15) * 10 }' "/proc/$1/stat"
}

n_processes() {
	descendants "$SERVER" | wc -w
}

processes_are_at_baseline() {
	[ "$(n_processes)" = "$BASELINE_PROCESSES" ]
}

descriptors_are_at_baseline() {
	local pid
	[ "$(n_descriptors "$SERVER")" = "$BASELINE_FDS" ] || return 1
	for pid in $(worker_pids default); do
		[ "$(n_descriptors "$pid")" = "$BASELINE_WORKER_FDS" ] ||
			return 1
	done
}

tell_descriptors() {
	local pid
	echo "baseline: supervisor $BASELINE_FDS, worker $BASELINE_WORKER_FDS"
	for pid in "$SERVER" $(worker_pids default); do
		echo "pid $pid:"
		ls -l "/proc/$pid/fd"
	done
}

rss_kib() {
	awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"
}

assert_memory() {
	local pid now
	now=$(rss_kib "$SERVER")
	[ "$now" -le $((BASELINE_RSS + GROWTH_KIB)) ] || {
		echo "supervisor: $BASELINE_RSS KiB before, $now KiB after" >&2
		return 1
	}
	for pid in $(worker_pids default); do
		now=$(rss_kib "$pid")
		[ "$now" -le $((BASELINE_WORKER_RSS + GROWTH_KIB)) ] || {
			echo "worker: $BASELINE_WORKER_RSS KiB before," \
				"$now KiB after" >&2
			return 1
		}
	done
}
