#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# What a worker has given up, and what it has, by the time it serves.

load helpers

setup() {
	common_setup
}

teardown() {
	common_teardown
}

# of PID FIELD: its line of /proc/PID/status, words separated by one blank.
of() {
	awk -v f="$2:" '$1 == f { $1 = ""; print substr($0, 2) }' \
		"/proc/$1/status"
}

# start_as_nobody: the daemon, and who may come to its folder.
start_as_nobody() {
	open_folder
	start_server setpriv --reuid=65534 --regid=65534 --clear-groups
}

open_folder() {
	chmod o+x "$BATS_RUN_TMPDIR" "${DIR%/*}"
	chmod 777 "$DIR"
}

assert_powerless() {
	assert_equal "$(of "$1" NoNewPrivs)" 1
	assert_equal "$(of "$1" Seccomp)" 2
	local set
	for set in CapInh CapPrm CapEff CapAmb; do
		assert_equal "$(of "$1" $set)" 0000000000000000
	done
}

is_served() {
	assert_equal "$(tcp "$(port echo)" <<<hello)" hello
}

@test "started by root: nobody, no groups, no capabilities, no new privileges" {
	write_echo_config "" "sandbox = on"
	start_server
	local pid gid
	gid=$(id -g nobody)
	for pid in $(worker_pids); do
		assert_equal "$(of "$pid" Uid)" "65534 65534 65534 65534"
		assert_equal "$(of "$pid" Gid)" "$gid $gid $gid $gid"
		assert_equal "$(of "$pid" Groups)" "$gid"
		assert_powerless "$pid"
	done
	is_served
}

@test "started by somebody else: as him, and else the same" {
	write_echo_config "" "sandbox = on\nnofile = 200\nnice = 3"
	start_as_nobody
	local pid
	for pid in $(worker_pids); do
		assert_equal "$(of "$pid" Uid)" "65534 65534 65534 65534"
		assert_equal "$(of "$pid" Groups)" ""
		assert_powerless "$pid"
		assert_equal "$(ps -o ni= -p "$pid" | tr -d ' ')" 3
		assert_equal "$(max_files "$pid")" "200"
	done
	is_served
}

n_open() {
	find "/proc/$1/fd" -type l | wc -l
}

@test "what is not a worker's own is closed, by old kernels, too" {
	write_echo_config
	start_server
	local n pid
	n=$(n_open "$(worker_pid 1)")
	stop_server
	without_leak_check
	start_server strace -D -f -qq -o "$DIR/calls" -e trace=close \
		-e inject=close_range:error=ENOSYS
	for pid in $(worker_pids); do
		assert_equal "$(n_open "$pid")" "$n"
		# Those that are open, not those that could be.
		assert [ "$(grep -c "^$pid " "$DIR/calls")" -lt 300 ]
	done
	is_served
}

max_files() {
	awk '/^Max open files/ { print $4 }' "/proc/$1/limits"
}

@test "user and group of the daemon, and of a pool" {
	write_config "user = daemon\ngroup = nogroup" <<-'END'
		[pool other]
		workers = 1
		user = bin
		group = mail
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0
		[service elsewhere]
		handler = echo
		pool = other
		listen = tcp://127.0.0.1:0
	END
	start_server
	local pid uid gid
	for pid in $(worker_pids default); do
		uid=$(id -u daemon) gid=$(id -g nobody)
		assert_equal "$(of "$pid" Uid)" "$uid $uid $uid $uid"
		assert_equal "$(of "$pid" Gid)" "$gid $gid $gid $gid"
	done
	pid=$(worker_pids other)
	uid=$(id -u bin) gid=$(getent group mail | cut -d: -f3)
	assert_equal "$(of "$pid" Uid)" "$uid $uid $uid $uid"
	assert_equal "$(of "$pid" Gid)" "$gid $gid $gid $gid"
}

@test "the sandbox can be switched off, privileges stay dropped" {
	write_echo_config "" "sandbox = off"
	start_server
	local pid
	pid=$(worker_pid 1)
	assert_equal "$(of "$pid" Seccomp)" 0
	assert_equal "$(of "$pid" NoNewPrivs)" 1
	assert_equal "$(of "$pid" CapEff)" 0000000000000000
}

@test "chroot" {
	mkdir "$DIR/jail"
	write_echo_config "" "sandbox = on\nchroot = $DIR/jail"
	start_server
	local pid
	for pid in $(worker_pids); do
		assert_equal "$(readlink "/proc/$pid/root")" "$DIR/jail"
		assert_equal "$(readlink "/proc/$pid/cwd")" "$DIR/jail"
		assert_equal "$(of "$pid" Uid)" "65534 65534 65534 65534"
	done
	assert_equal "$(readlink "/proc/$SERVER/root")" /
	is_served
	# Also a worker that is started later.
	kill -KILL "$(worker_pid 1)"
	wait_until 5 log_has 'worker default/1.*killed by signal'
	wait_until 5 ready_workers_are 2
	assert_equal "$(readlink "/proc/$(worker_pid 1)/root")" "$DIR/jail"
}

@test "chroot is for root only" {
	mkdir "$DIR/jail"
	write_echo_config "" "chroot = $DIR/jail"
	open_folder
	run -78 timeout 10 setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$PREFORKD" -c "$CONFIG"
	assert_output --partial \
		"cannot change root folder to \"$DIR/jail\": only root can"
}

@test "nofile and nice are in force" {
	write_echo_config "" "nofile = 321\nnice = 7"
	start_server
	local pid
	for pid in $(worker_pids); do
		assert_equal "$(max_files "$pid")" 321
		assert_equal "$(ps -o ni= -p "$pid" | tr -d ' ')" 7
	done
	assert_equal "$(ps -o ni= -p "$SERVER" | tr -d ' ')" \
		"$(ps -o ni= -p $$ | tr -d ' ')"
}

@test "a nice that cannot be had is an error of the configuration" {
	write_echo_config "" "nice = -5"
	open_folder
	run -78 timeout 10 setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$PREFORKD" -c "$CONFIG"
	assert_output --partial \
		'cannot set nice -5 of pool "default": Permission denied'
	assert_not_exist "$SOCKET"
}

@test "a worker is called what it is" {
	write_echo_config
	start_server
	assert_equal "$(cat "/proc/$(worker_pid 2)/comm")" default/2
	run ps -o args= -p "$(worker_pid 2)"
	assert_output --partial "worker default/2"
}

# sockets_of PID: where each of its sockets is bound.
sockets_of() {
	timeout 5 python3 - "$1" <<-'END'
		import ctypes, os, socket, sys
		pid = int(sys.argv[1])
		call = ctypes.CDLL(None, use_errno=True).syscall
		names = []
		for fd in os.listdir(f"/proc/{pid}/fd"):
		    if os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:"):
		        copy = call(438, os.pidfd_open(pid), int(fd), 0) # pidfd_getfd
		        assert copy != -1, os.strerror(ctypes.get_errno())
		        name = socket.socket(fileno=copy).getsockname()
		        names.append(name or "channel")
		print(*sorted(str(n[1]) if type(n) is tuple else n for n in names),
		    sep="\n")
	END
}

# Of the other descriptors, what they are.
files_of() {
	find "/proc/$1/fd" -mindepth 1 ! -lname 'socket:*' -printf '%l\n' | LC_ALL=C sort
}

@test "a worker has its own descriptors and nobody else's" {
	write_config "access_log = $DIR/access" <<-END
		[pool other]
		workers = 1
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0 unix:$DIR/s
		[service elsewhere]
		handler = echo
		pool = other
		listen = tcp://127.0.0.1:0
	END
	start_server
	hold client "$(port elsewhere)"
	run sockets_of "$(worker_pid 2)"
	assert_output "$(printf '%s\n' "$DIR/s" "$(port echo)" channel)"
	run files_of "$(worker_pid 2)"
	assert_output "$(printf '%s\n' /dev/null /dev/null "$DIR/access" \
		"$LOG" 'anon_inode:[eventpoll]' 'anon_inode:[signalfd]' |
		LC_ALL=C sort)"
	# Nor has one that was started later, beside connections.
	kill -KILL "$(worker_pid 2)"
	wait_until 5 log_has 'worker default/2.*killed by signal'
	wait_until 5 ready_workers_are 2
	run sockets_of "$(worker_pid 2)"
	assert_output "$(printf '%s\n' "$DIR/s" "$(port echo)" channel)"
}

# switches PID...: how often they were given a processor, or left it.
switches() {
	local pid
	for pid in "$@"; do
		awk '/ctxt_switches/ { print $2 }' "/proc/$pid/status"
	done
}

# titles_tell N: the workers' titles, which follow late, have N connections.
titles_tell() {
	[ "$(worker_pids | xargs ps -o args= -p | awk '
		{ n += $(NF - 1) } END { print n }')" = "$1" ]
}

@test "an idle daemon does nothing at all" {
	write_config <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0 udp://127.0.0.1:0 unix:$DIR/s
		session_timeout = 10m
		max_connections = 2
	END
	start_server
	local all before
	mapfile -t all < <(echo "$SERVER"; worker_pids)
	assert_equal "${#all[@]}" 3
	# Connections that say nothing, one more than there is room for.
	hold a "$(port echo)"
	hold b "$(port echo)"
	hold c "$(port echo)"
	wait_until 5 counter_is echo accepted 2
	wait_until 5 titles_tell 2
	# The answer to the last question has been given. Who does not run from
	# now on makes no system call.
	read -rt 0.5 <> <(:) || :
	before=$(switches "${all[@]}")
	read -rt 3 <> <(:) || :
	assert_equal "$(switches "${all[@]}")" "$before"
}

# detach: preforkd -d at the head of a pipe; the end of file must come.
detach() {
	# shellcheck disable=SC2016 # for the inner shell
	run timeout 20 sh -c '"$1" -d -c "$2" 2>&1 </dev/null | cat' sh \
		"$PREFORKD" "$CONFIG"
	assert_success
	wait_until 5 ctl health
}

end_detached() {
	local pids
	pids="$(ctl_json stats | jq .daemon.pid) $(worker_pids)"
	ctl stop
	local pid
	for pid in $pids; do
		wait_gone "$pid"
	done
}

@test "-d lets go of the pipe it was started in" {
	write_echo_config
	detach
	assert_output --partial "ready"
	local pid
	for pid in $(worker_pids); do
		assert_equal "$(files_of "$pid" | grep -c pipe:)" 0
	done
	is_served
	end_detached
}

@test "-d with a log file: standard error goes there as well" {
	write_echo_config "log = $DIR/file.log"
	detach
	local pid
	for pid in $(worker_pids); do
		assert_equal "$(readlink "/proc/$pid/fd/0")" /dev/null
		assert_equal "$(readlink "/proc/$pid/fd/1")" /dev/null
		assert_equal "$(readlink "/proc/$pid/fd/2")" "$DIR/file.log"
	done
	end_detached
	assert_file_contains "$DIR/file.log" "stopped"
}

# One connection, begun and ended, as its worker sees it.
connect_once() {
	is_served
	wait_until 5 counter_is echo closed_done "$1"
}

@test "a reload of access_log reaches running workers" {
	write_echo_config "access_log = none" "workers = 1"
	start_server
	local worker
	worker=$(worker_pid 1)
	connect_once 1
	run ! log_has 'access: echo'

	sed -i 's|^access_log.*|access_log = log|' "$CONFIG"
	ctl reload
	connect_once 2
	wait_until 5 log_has 'access: echo default/1 127.0.0.1:.* done 6 6 '

	sed -i "s|^access_log.*|access_log = $DIR/access|" "$CONFIG"
	ctl reload
	connect_once 3
	assert_equal "$(grep -c ' echo default/1 127.0.0.1:.* done 6 6 ' "$DIR/access")" 1
	assert_equal "$(n_log_lines 'access: echo')" 1

	sed -i 's|^access_log.*|access_log = none|' "$CONFIG"
	ctl reload
	connect_once 4
	assert_equal "$(wc -l <"$DIR/access")" 1
	assert_equal "$(n_log_lines 'access: echo')" 1
	assert_equal "$(worker_pid 1)" "$worker"
	assert_equal "$(files_of "$worker" | grep -c access)" 0
}
