# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# The verbs of the tests. Each test has a folder of its own, $DIR, with a
# configuration, a control socket and a log; servers listen on ports that the
# kernel chose. Nothing here sleeps to wait for a state: wait_until asks for it
# until it is there or the time is over.

bats_require_minimum_version 1.5.0

ROOT=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
PREFORKD_BIN=${PREFORKD_BIN:-$ROOT/build/release}
PREFORKD=$PREFORKD_BIN/preforkd
PREFORKCTL=$PREFORKD_BIN/preforkctl

load_libraries() {
	bats_load_library bats-support
	bats_load_library bats-assert
	bats_load_library bats-file
}

# Every test file calls this and common_teardown from its setup() and
# teardown().
common_setup() {
	load_libraries
	DIR=$BATS_TEST_TMPDIR
	CONFIG=$DIR/preforkd.ini
	SOCKET=$DIR/control.sock
	LOG=$DIR/log
	SERVER=
	STATUS_WANTED=0
	HELPERS=()
	HOLDING=()
	# Core files of killed workers would only fill the disk.
	ulimit -c 0
}

#
# bats looks only at the status of teardown() as a whole, nothing in it ends
# the test by failing: each check here counts by itself.
common_teardown() {
	local pid held failed=0
	for pid in "${HELPERS[@]}"; do
		kill "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	done
	# Nobody is left that it would have to wait for.
	for held in "${!HOLDING[@]}"; do
		release "$held"
	done
	[ -z "$SERVER" ] || stop_server || failed=1
	# No daemon of this test is left, known to it or not.
	run ! pgrep -f "supervisor \\[$DIR/" || failed=1
	check_log || failed=1
	return "$failed"
}

is_sanitized() {
	[[ $PREFORKD_BIN == */asan ]]
}

# A leak check cannot look into a process that is traced already, nor at one
# that does not see /proc.
without_leak_check() {
	export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0
}

# A leak check stops and reads its own process, which the sandbox forbids: in
# that flavour workers go without it, but for the tests of the sandbox itself.
sandbox_default() {
	if is_sanitized; then echo off; else echo on; fi
}

# write_config ["lines for [preforkd]" ["lines for [pool default]"]] <<services
write_config() {
	{
		echo "[preforkd]"
		echo "control = $SOCKET"
		echo "log_level = debug"
		echo "drain_timeout = 5s"
		printf '%b\n' "${1-}"
		echo "[pool default]"
		[[ ${2-} == *sandbox* ]] ||
			echo "sandbox = $(sandbox_default)"
		[[ ${2-} == *workers* ]] || echo "workers = 2"
		printf '%b\n' "${2-}"
		cat
	} >"$CONFIG"
}

# set_setting NAME VALUE: changes a line that is in the configuration.
set_setting() {
	sed -i "s|^$1 = .*|$1 = $2|" "$CONFIG"
}

# The usual case: one echo service on a port of the kernel's choice.
write_echo_config() {
	write_config "$@" <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
	END
}

ctl() {
	timeout 20 "$PREFORKCTL" -s "$SOCKET" "$@"
}

ctl_json() {
	ctl -j "$@"
}

# wait_until SECONDS COMMAND...: succeeds as soon as the command does.
wait_until() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		if ((SECONDS > end)); then
			echo "not within the time: $*" >&2
			return 1
		fi
		read -rt 0.02 <> <(:) || :
	done
}

# Milliseconds since the boot.
now_ms() {
	local up
	read -r up _ </proc/uptime
	echo $((10#${up/./} * 10))
}

# An echo service in the pool default, a hello service in the pool second.
write_two_pools() {
	write_config "$@" <<-END
		[pool second]
		workers = 1
		sandbox = $(sandbox_default)
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
		nodelay = yes
		backlog = 100
		[service hello]
		handler = hello
		pool = second
		greeting = one\n
		listen = tcp://127.0.0.1:0
	END
}

add_service() {
	printf '[service %s]\nhandler = %s\nlisten = %s\n%s\n' \
		"$1" "$2" "$3" "${4-}" >>"$CONFIG"
}

# A change that only new workers can take up, another one each time.
touch_workers() {
	if grep -q '^nodelay = yes' "$CONFIG"; then
		set_setting nodelay no
	else
		set_setting nodelay yes
	fi
}

# Words that make a command somebody else's than root's.
# shellcheck disable=SC2034 # of the tests
NOBODY=(setpriv --reuid=65534 --regid=65534 --clear-groups)

# The folders of tests are for their own user only: now anybody may write there.
open_to_others() {
	chmod o+x "$BATS_RUN_TMPDIR" "${DIR%/*}"
	chmod 777 "$DIR"
}

# --- configurations that are checked -----------------------------------------

# check [COMMAND...]: preforkd -t, by way of COMMAND when there is one.
check() {
	run -"${WANTED:-0}" "$@" "$PREFORKD" -t -c "$CONFIG"
}

# What the lines "#! message" of a file say about the line above each of them,
# and "#!! message" about the file; "@" is the folder of the test.
expected_errors() {
	awk -v file="$CONFIG" -v folder="$DIR" '
	    /^#!/ {
		about = /^#!!/ ? file : file ":" line
		sub(/^#!!? /, "")
		gsub(/@\//, folder "/")
		print about ": " $0
		next
	    }
	    { line = NR }' "$CONFIG" | sort
}

# refuses [COMMAND...] <<FILE: -t tells exactly the errors that are written in
# the file, all of them in one pass.
refuses() {
	cat >"$CONFIG"
	WANTED=78 check "$@"
	# shellcheck disable=SC2154 # set by run
	assert_equal "$(sort <<<"$output")" "$(expected_errors)"
}

# "x" N times.
long() {
	printf '%*s' "$1" '' | tr ' ' x
}

# --- the daemon --------------------------------------------------------------

# Starts the daemon in the foreground (of the test's background) and waits
# until it is ready. Words are put before its own: start_server setpriv ...
start_server() {
	launch_server "$@"
	wait_until 20 server_ready_or_gone
	ctl health >/dev/null || {
		cat "$LOG" >&2
		return 1
	}
}

launch_server() {
	"$@" "$PREFORKD" -c "$CONFIG" >"$DIR/out" 2>>"$LOG" </dev/null \
		3>&- 4>&- &
	SERVER=$!
}

server_ready_or_gone() {
	! kill -0 "$SERVER" 2>/dev/null || ctl health
}

# Ends it, by its own means, and looks at what it leaves behind.
stop_server() {
	local status=0 pids
	pids=$(descendants "$SERVER")
	kill -TERM "$SERVER" 2>/dev/null || :
	wait_gone "$SERVER" 15 || {
		kill -KILL "$SERVER"
		return 1
	}
	wait "$SERVER" || status=$?
	SERVER=
	assert_equal "$status" "$STATUS_WANTED" || return 1
	assert_not_exist "$SOCKET" || return 1
	local pid
	for pid in $pids; do
		wait_until 5 is_gone "$pid" || return 1
	done
}

# Its end has been asked for by other means: it comes within SECONDS, with status
# 0 and nothing left of its workers, in WORKERS, and files.
assert_stops_within() {
	local status=0 end pid
	end=$(($(now_ms) + $1 * 1000))
	wait_gone "$SERVER" "$1"
	assert [ "$(now_ms)" -le "$end" ]
	wait "$SERVER" || status=$?
	SERVER=
	assert_equal "$status" 0
	assert_nothing_left
}

assert_nothing_left() {
	local pid
	for pid in "${WORKERS[@]}"; do
		assert is_gone "$pid"
	done
	assert_not_exist "$SOCKET"
	assert_not_exist "$DIR/pid"
	assert_not_exist "$DIR/echo.sock"
	assert_not_exist "$DIR/dgram.sock"
}

# Becomes PROGRAM with a /dev of its own, in which only $DIR/dev/log is new.
with_own_dev() {
	# shellcheck disable=SC2016 # for the inner shell
	exec unshare --mount sh -c '
		dev=$1; shift
		for name in null zero urandom; do
			touch "$dev/$name"
			mount --bind "/dev/$name" "$dev/$name" || exit
		done
		mount --rbind "$dev" /dev || exit
		exec "$@"' sh "$DIR/dev" "$@"
}

# A syslogd for that one: writes what it gets into $FILE; $SYSLOGD is its pid.
start_syslogd() {
	mkdir -p "$DIR/dev"
	rm -f "$DIR/dev/log"
	background python3 -uc '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
lines = open(sys.argv[2], "a", buffering=1)
while True:
    lines.write(s.recv(4096).decode() + "\n")' "$DIR/dev/log" "$FILE"
	# shellcheck disable=SC2034 # of the tests
	SYSLOGD=${HELPERS[-1]}
	wait_until 10 test -S "$DIR/dev/log"
	chmod 666 "$DIR/dev/log"
	chmod o+x "$BATS_RUN_TMPDIR" "${DIR%/*}" "$DIR"
}

# From now on the workers that SERVER forks stop before they are ready.
stop_new_workers() {
	background strace -f -qq -o /dev/null -p "$SERVER" \
		-e inject=close_range:signal=STOP
	wait_until 10 is_traced "$SERVER"
}

is_traced() {
	! grep -q '^TracerPid:[[:space:]]*0$' "/proc/$1/status"
}

is_stopped() {
	grep -q '^State:[[:space:]]*[Tt]' "/proc/$1/status"
}

is_not_traced() {
	run ! is_traced "$1"
}

is_gone() {
	[ ! -d "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status"
}

wait_gone() {
	wait_until "${2:-10}" is_gone "$1"
}

descendants() {
	pgrep -P "$1" || :
}

# A log without reports of sanitizers and without errors that nobody expects;
# a test that provokes errors names them: LOG_ERRORS=regex.
check_log() {
	[ -f "$LOG" ] || return 0
	run ! grep -E 'Sanitizer|runtime error:' "$LOG" || return 1
	if [ -n "${LOG_ERRORS-}" ]; then
		run ! grep -vE "$LOG_ERRORS" <(grep ': error: ' "$LOG")
	else
		run ! grep ': error: ' "$LOG"
	fi
}

# A port that nobody listens at.
free_port() {
	python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# port SERVICE [N]: the port of its N-th listener (from 1).
port() {
	local text
	text=$(listener "$1" "${2:-1}")
	echo "${text##*:}"
}

# listener SERVICE [N]: its address as the daemon tells it.
listener() {
	ctl_json listeners | jq -r --arg s "$1" --argjson n "${2:-1}" \
		'[.[] | select(.service == $s) | .listener][$n - 1]'
}

# counter SERVICE FIELD
counter() {
	ctl_json stats | jq -r --arg s "$1" --arg f "$2" \
		'.services[] | select(.service == $s) | .[$f]'
}

counter_is() {
	[ "$(counter "$1" "$2")" = "$3" ]
}

# worker_pids [POOL]: of workers that serve, in the order of their slots.
worker_pids() {
	ctl_json workers "${1:-default}" | jq -r \
		'.[] | select(.state == "ready" and .role == "serving") | .pid'
}

worker_pid() {
	worker_pids default | sed -n "${1}p"
}

# slot_pid SLOT: the pid of the worker that is ready there, or nothing.
slot_pid() {
	ctl_json workers default | jq -r --arg w "default/$1" \
		'.[] | select(.worker == $w and .state == "ready") | .pid'
}

slot_is_ready() {
	[ -n "$(slot_pid "$1")" ]
}

pool_state_is() {
	[ "$(ctl_json status | jq -r '.pools[0].state')" = "$1" ]
}

ready_workers_are() {
	[ "$(worker_pids "${2:-default}" | wc -l)" = "$1" ]
}

# Everything that a reload which fails must leave as it is. INSIDE is empty, or
# what start_apart says.
everything() {
	ctl_json workers | jq -c '.[] | [.worker, .pid, .state, .role]'
	ctl_json status | jq '.configuration, .reloads, (.pools | length)'
	ctl_json listeners | jq -r '.[].listener'
	"${INSIDE[@]}" ss -Hltne "sport = :$(port echo)" |
		grep -o ' ino:[0-9]*'
	ctl config
}

no_worker_drains() {
	[ "$(ctl_json workers | jq '[.[] | select(.role != "serving")] |
		length')" = 0 ]
}

# Sends standard input to a TCP port and prints everything that comes back.
tcp() {
	timeout 10 socat -t 10 - "tcp:127.0.0.1:$1"
}

# udp PORT [HOST]: sends standard input as a datagram and prints the answer.
udp() {
	local datagrams status=0
	exec {datagrams}<>"/dev/udp/${2:-127.0.0.1}/$1"
	cat >&"$datagrams"
	timeout 10 dd bs=65536 count=1 status=none <&"$datagrams" || status=$?
	exec {datagrams}>&-
	return "$status"
}

# peers LINES [WORDS]: python with what tests/peers.py has; its PORT is that of
# the variable.
peers() {
	PYTHONPATH=$ROOT/tests PYTHONDONTWRITEBYTECODE=1 \
		timeout 40 python3 -c "from peers import *
$1" "${@:2}"
}

# clients LINES [WORDS]: the same, against the service "echo".
clients() {
	PORT=$(port echo) peers "$@"
}

# hold NAME PORT: a connection that stays open, as descriptor ${!NAME}.
hold() {
	exec {held}<>"/dev/tcp/127.0.0.1/$2"
	HOLDING[held]=1
	printf -v "$1" '%s' "$held"
}

release() {
	local held=$1
	exec {held}>&-
	unset "HOLDING[$held]"
}

# echoes FD: a held connection to an echo service answers.
echoes() {
	local answer
	echo hello >&"$1" && read -rt 10 answer <&"$1" &&
		[ "$answer" = hello ]
} 2>/dev/null

# hold_many N PORT: connections that have had an echo; descriptors in HELD.
hold_many() {
	local fd i
	HELD=()
	for ((i = 0; i < $1; i++)); do
		hold fd "$2"
		HELD+=("$fd")
		echoes "$fd"
	done
}

# How many of them still echo.
n_echoing() {
	local fd n=0
	for fd in "${HELD[@]}"; do
		if echoes "$fd"; then n=$((n + 1)); fi
	done
	echo "$n"
}

release_all() {
	local fd
	for fd in "${HELD[@]}"; do
		release "$fd"
	done
	HELD=()
}

# background COMMAND...: ends with the test.
background() {
	"$@" 3>&- 4>&- &
	HELPERS+=($!)
}

# Clients of an echo service on PORT, until end_load; see load.py.
start_load() {
	timeout 50 python3 "$ROOT/tests/load.py" "$1" "$DIR/load.end" \
		>"$DIR/load" 3>&- 4>&- &
	LOAD=$!
}

# Prints what came of them: "good=120 refused=0 unanswered=0 broken=0".
end_load() {
	touch "$DIR/load.end"
	wait_gone "$LOAD" 20
	cat "$DIR/load"
}

# Ends the last one now.
end_background() {
	kill "${HELPERS[-1]}" || :
	wait "${HELPERS[-1]}" || :
} 2>/dev/null

log_has() {
	grep -q -- "$1" "$LOG"
}

n_log_lines() {
	grep -c -- "$1" "$LOG"
}

n_descriptors() {
	find "/proc/$1/fd" -mindepth 1 | wc -l
}
