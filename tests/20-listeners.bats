#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2030,SC2031,SC2034 # each test is a subshell, and means it
#
# Where a service listens: every kind of address, socket files with their mode
# and owner (those that are stale or somebody else's: 53-faults-control.bats), sockets that a service manager passes, and starts that must fail.
# Addresses that are not to be had: 52-faults-start.bats.

load helpers

setup() {
	common_setup
	NAME=preforkd-test-$BASHPID-$BATS_TEST_NUMBER
}

teardown() {
	common_teardown
}

# listen ADDRESS...: an echo service there, started.
listen() {
	write_config <<-END
		[service echo]
		handler = echo
		listen = $*
	END
	start_server
}

# start_fails ADDRESS...: the daemon must not start; its words in $output.
start_fails() {
	write_config <<-END
		[service echo]
		handler = echo
		listen = $*
	END
	run -1 timeout 10 "$PREFORKD" -c "$CONFIG"
	assert_not_exist "$SOCKET"
}

# said_by ADDRESS: what comes back for "hello"; ADDRESS as socat has it.
said_by() {
	timeout 5 socat -t 5 - "$1" <<<"hello"
}

# asked_by_datagram PATH: the same over a Unix datagram socket; @NAME abstract.
asked_by_datagram() {
	timeout 5 python3 - "$1" <<-'END'
		import socket, sys
		path = sys.argv[1]
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind("")
		s.sendto(b"hello", "\0" + path[1:] if path[0] == "@" else path)
		print(s.recv(100).decode())
	END
}

@test "TCP and UDP over IPv4 and IPv6 literals" {
	listen "tcp://127.0.0.1:0 tcp://[::1]:0 udp://127.0.0.1:0 udp://[::1]:0"
	assert_equal "$(listener echo 1)" "tcp://127.0.0.1:$(port echo 1)"
	assert_equal "$(listener echo 2)" "tcp://[::1]:$(port echo 2)"
	assert_equal "$(listener echo 3)" "udp://127.0.0.1:$(port echo 3)"
	assert_equal "$(listener echo 4)" "udp://[::1]:$(port echo 4)"
	assert_equal "$(said_by "tcp:127.0.0.1:$(port echo 1)")" hello
	assert_equal "$(said_by "tcp6:[::1]:$(port echo 2)")" hello
	assert_equal "$(udp "$(port echo 3)" <<<hello)" hello
	assert_equal "$(udp "$(port echo 4)" ::1 <<<hello)" hello
}

@test "Unix sockets, stream and datagram, with a path and abstract" {
	listen "unix:$DIR/s unixgram:$DIR/g unix:@$NAME-s unixgram:@$NAME-g"
	assert_equal "$(listener echo 1)" "unix:$DIR/s"
	assert_equal "$(listener echo 2)" "unixgram:$DIR/g"
	assert_equal "$(listener echo 3)" "unix:@$NAME-s"
	assert_equal "$(listener echo 4)" "unixgram:@$NAME-g"
	assert_equal "$(said_by "unix-connect:$DIR/s")" hello
	assert_equal "$(asked_by_datagram "$DIR/g")" hello
	assert_equal "$(said_by "abstract-connect:$NAME-s")" hello
	assert_equal "$(asked_by_datagram "@$NAME-g")" hello
}

@test "* is both families on one port, also when the kernel chooses it" {
	listen "tcp://*:0 udp://*:0"
	assert_equal "$(listener echo 1)" "tcp://0.0.0.0:$(port echo 1)"
	assert_equal "$(listener echo 2)" "tcp://[::]:$(port echo 1)"
	assert_equal "$(listener echo 3)" "udp://0.0.0.0:$(port echo 3)"
	assert_equal "$(listener echo 4)" "udp://[::]:$(port echo 3)"
	assert_equal "$(said_by "tcp:127.0.0.1:$(port echo 1)")" hello
	assert_equal "$(said_by "tcp6:[::1]:$(port echo 1)")" hello
	assert_equal "$(udp "$(port echo 3)" <<<hello)" hello
	assert_equal "$(udp "$(port echo 3)" ::1 <<<hello)" hello
}

@test "port 0 stays out of the way: each listener gets a port of its own" {
	listen "tcp://127.0.0.1:0 tcp://127.0.0.1:0"
	assert_not_equal "$(port echo 1)" "$(port echo 2)"
	assert_equal "$(tcp "$(port echo 1)" <<<hello)" hello
	assert_equal "$(tcp "$(port echo 2)" <<<hello)" hello
}

@test "a host name is looked up" {
	listen "tcp://localhost:0"
	run listener echo
	assert_output --regexp '^tcp://(127\.0\.0\.1|\[::1\]):[0-9]+$'
	assert_equal "$(said_by "tcp:${output#tcp://}")" hello
}

# make_resolver LINES: a getaddrinfo(3) of ours in place of the C library's;
# PRELOADED is how a command begins to have it.
make_resolver() {
	cat >"$DIR/resolver.c" <<-END
		#include <sys/socket.h>
		#include <sys/un.h>
		#include <netinet/in.h>
		#include <netdb.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		#include <unistd.h>
		int getaddrinfo(const char *name, const char *port,
		    const struct addrinfo *hints, struct addrinfo **found)
		{
			static struct sockaddr_storage address;
			struct addrinfo *info = calloc(1, sizeof(*info));
			info->ai_addr = (struct sockaddr *)&address;
			*found = info;
			$1
			return 0;
		}
		void freeaddrinfo(struct addrinfo *info) { free(info); }
	END
	cc -w -shared -fPIC -D_GNU_SOURCE -o "$DIR/resolver.so" "$DIR/resolver.c"
	PRELOADED=(env LD_PRELOAD="$DIR/resolver.so"
		ASAN_OPTIONS="$ASAN_OPTIONS:verify_asan_link_order=0")
}

resolving_echo() {
	write_config <<-END
		[service echo]
		handler = echo
		listen = tcp://some.name:7
	END
}

@test "a host name is looked up without the rights of root" {
	make_resolver "
		gid_t groups[64];
		FILE *told = fopen(\"$DIR/told\", \"a\");
		fprintf(told, \"%d %d %d %d\", getuid(), geteuid(), getgid(),
		    getgroups(64, groups));
		for (int fd = 4; fd < 64; fd++)
			if (fd != fileno(told) && write(fd, NULL, 0) == 0)
				fprintf(told, \" %d\", fd);
		fclose(told);
		return EAI_NONAME;"
	install -m 0666 /dev/null "$DIR/told"
	chmod o+x "$BATS_RUN_TMPDIR" "${DIR%/*}" "$DIR"
	resolving_echo
	run -1 timeout 10 "${PRELOADED[@]}" "$PREFORKD" -c "$CONFIG"
	assert_output --partial "cannot resolve \"some.name\": Name or service"
	run -0 cat "$DIR/told"
	assert_output --regexp "^$(id -u nobody) $(id -u nobody) $(id -g nobody) [01]\$"
}

@test "an answer that is no address of that port is not listened on" {
	resolving_echo
	make_resolver "
		struct sockaddr_un *sun = (void *)&address;
		sun->sun_family = AF_UNIX;
		strcpy(sun->sun_path, \"$DIR/evil\");
		info->ai_addrlen = sizeof(*sun);"
	run -1 timeout 10 "${PRELOADED[@]}" "$PREFORKD" -c "$CONFIG"
	assert_output --partial "cannot resolve \"some.name\": the answer is no"
	assert_not_exist "$DIR/evil"
	make_resolver "
		struct sockaddr_in *sin = (void *)&address;
		sin->sin_family = AF_INET;
		sin->sin_port = htons(22);
		sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		info->ai_addrlen = sizeof(*sin);"
	run -1 timeout 10 "${PRELOADED[@]}" "$PREFORKD" -c "$CONFIG"
	assert_output --partial "cannot resolve \"some.name\": the answer is no"
}

@test "socket files have their mode, owner and group" {
	write_config <<-END
		[service open]
		handler = echo
		listen = unix:$DIR/open.sock
		[service closed]
		handler = echo
		listen = unix:$DIR/closed.sock unixgram:$DIR/closed-g.sock
		socket_mode = 0640
		socket_owner = nobody
		socket_group = nogroup
	END
	start_server sh -c 'umask 027; exec "$@"' sh
	assert_equal "$(stat -c %a "$DIR/open.sock")" 666
	assert_equal "$(stat -c '%a %U %G' "$DIR/closed.sock")" \
		"640 nobody nogroup"
	assert_equal "$(stat -c '%a %U %G' "$DIR/closed-g.sock")" \
		"640 nobody nogroup"
}

@test "a socket file has its mode from the first moment on" {
	write_config <<-END
		[service echo]
		handler = echo
		listen = unix:$DIR/s
		socket_mode = 0600
	END
	without_leak_check
	# It comes into being by bind(2), so that is when the umask counts.
	start_server strace -D -qq -e trace=bind,umask,chmod,fchmod,fchmodat \
		-o "$DIR/trace"
	assert_equal "$(stat -c %a "$DIR/s")" 600
	run grep -B 1 "bind.*\"$DIR/s\"" "$DIR/trace"
	assert_line --index 0 --partial "umask(0177)"
	run ! grep -v 0600 <(grep "chmod" "$DIR/trace")
}

@test "what fails on a socket path is told as it is, and leaves no file" {
	without_leak_check
	write_config <<-END
		[service echo]
		handler = echo
		listen = unix:$DIR/s
	END
	sed -i "s|^control = .*|control = none\npid_file = $DIR/pid|" "$CONFIG"
	# EADDRINUSE, and then nobody there: it is not for what was found after.
	fails_injected bind:error=EADDRINUSE "address already in use"
	fails_injected bind:error=EACCES "Permission denied"
	fails_injected listen:error=ENOMEM "Cannot allocate memory"
	fails_injected getsockname:error=ENOBUFS "No buffer space available"
}

fails_injected() {
	run -1 timeout 10 strace -qq -o "$DIR/trace" -e inject="$1" \
		"$PREFORKD" -c "$CONFIG"
	assert_output --partial "cannot listen on \"unix:$DIR/s\": $2"
	assert_not_exist "$DIR/s"
}

@test "a socket file that cannot be looked at goes again" {
	without_leak_check
	write_config <<-END
		[service echo]
		handler = echo
		listen = unix:$DIR/s
		socket_owner = nobody
	END
	set_setting control none
	# The path is told, so that only that file is concerned.
	run -1 timeout 10 strace -qq -o "$DIR/trace" -P "$DIR/s" \
		-e inject=openat:error=EMFILE "$PREFORKD" -c "$CONFIG"
	assert_output --partial "unix:$DIR/s\": Too many open files"
	assert_not_exist "$DIR/s"
	run -1 timeout 10 strace -qq -o "$DIR/trace" \
		-e inject=fchownat:error=EPERM "$PREFORKD" -c "$CONFIG"
	assert_output --partial "unix:$DIR/s\": Operation not permitted"
	assert_not_exist "$DIR/s"
}

@test "mode and owner go to the socket, not to what was put in its place" {
	write_config "" "workers = 1" <<-END
		[service echo]
		handler = echo
		listen = unix:$DIR/s
		socket_mode = 0600
	END
	start_server
	echo precious >"$DIR/file"
	chmod 0600 "$DIR/file"
	ln -f "$DIR/file" "$DIR/s"
	set_setting socket_mode 0666
	run -0 ctl reload
	log_has "cannot set mode and owner of \"unix:$DIR/s\": No such file"
	assert_equal "$(stat -c %a "$DIR/file")" 600
}

@test "a port can be had again at once, with connections in TIME_WAIT" {
	listen "tcp://127.0.0.1:0"
	local address
	address=$(listener echo)
	hold client "${address##*:}"
	# The server closes first, so that its side waits.
	ctl close "$(ctl_json connections | jq -r '.[0].id')"
	stop_server
	listen "$address"
	assert_equal "$(tcp "${address##*:}" <<<hello)" hello
}

@test "sockets of a service manager, by name" {
	write_config <<-END
		[service echo]
		handler = echo
		listen = fd://stream
		[service upper]
		handler = upper
		listen = fd://other
	END
	launch_activated "$DIR/a.sock" "$DIR/b.sock" --fdname=stream:other
	assert_equal "$(said_by "unix-connect:$DIR/a.sock")" hello
	assert_equal "$(said_by "unix-connect:$DIR/b.sock")" HELLO
	assert_equal "$(listener echo)" "unix:$DIR/a.sock"
	stop_server
	# They are the service manager's, not ours to remove.
	assert_socket_exist "$DIR/a.sock"
	assert_socket_exist "$DIR/b.sock"
}

# launch_activated PATH PATH OPTIONS...: the manager starts the daemon when the
# first client comes, and becomes it.
launch_activated() {
	local a=$1 b=$2
	shift 2
	systemd-socket-activate -l "$a" -l "$b" "$@" \
		"$PREFORKD" -c "$CONFIG" 2>>"$LOG" </dev/null 3>&- 4>&- &
	SERVER=$!
	wait_until 5 test -S "$b"
	run timeout 10 socat -t 10 - "unix-connect:$a" <<<"hello"
	wait_until 10 ctl health
}

@test "datagram sockets of a service manager" {
	write_config <<-END
		[service echo]
		handler = echo
		listen = fd://packets
	END
	systemd-socket-activate --datagram -l "$DIR/g.sock" --fdname=packets \
		"$PREFORKD" -c "$CONFIG" 2>>"$LOG" </dev/null 3>&- 4>&- &
	SERVER=$!
	wait_until 5 test -S "$DIR/g.sock"
	assert_equal "$(asked_by_datagram "$DIR/g.sock")" hello
	wait_until 10 ctl health
	assert_equal "$(listener echo)" "unixgram:$DIR/g.sock"
}

@test "a name that was not passed is an error that tells what was" {
	write_config <<-END
		[service echo]
		handler = echo
		listen = fd://missing
	END
	systemd-socket-activate -l "$DIR/a.sock" -l "$DIR/b.sock" \
		--fdname=web:mail "$PREFORKD" -c "$CONFIG" \
		2>"$DIR/err" </dev/null 3>&- 4>&- &
	local manager=$! status=0
	wait_until 5 test -S "$DIR/b.sock"
	background socat -u "unix-connect:$DIR/a.sock" -
	wait_gone "$manager"
	wait "$manager" || status=$?
	assert_equal "$status" 1
	run cat "$DIR/err"
	assert_line --regexp 'preforkd.ini:[0-9]+: .*"fd://missing".*\(passed: web, mail\)'
}

@test "a passed descriptor that is not open is none" {
	write_config <<-END
		[service echo]
		handler = echo
		listen = fd://gone
	END
	# It would be the log, the loop or the control socket.
	# shellcheck disable=SC2016 # for the inner shell
	run -1 timeout 10 sh -c 'LISTEN_PID=$$ LISTEN_FDS=2 \
		LISTEN_FDNAMES=gone:gone exec "$@" 3>&- 4>&-' sh \
		"$PREFORKD" -c "$CONFIG"
	assert_output --partial "passed no socket of that name (passed: none)"
}

@test "more passed descriptors than can be are none, and that is said" {
	write_config <<-END
		[service echo]
		handler = echo
		listen = unix:$DIR/s
	END
	# shellcheck disable=SC2016 # for the inner shell
	start_server sh -c 'LISTEN_PID=$$ LISTEN_FDS=65 exec "$@"' sh
	log_has 'LISTEN_FDS is too large, at most 64 can be passed'
}

@test "an option that a socket cannot have is told" {
	without_leak_check
	write_config <<-END
		[service echo]
		handler = echo
		listen = tcp://[::1]:0
	END
	run -1 timeout 10 strace -qq -o "$DIR/trace" \
		-e inject=setsockopt:error=ENOPROTOOPT "$PREFORKD" -c "$CONFIG"
	assert_output --partial "cannot listen on \"tcp://[::1]:0\": Protocol not"
}

@test "without a service manager fd:// is an error" {
	start_fails "fd://web"
	assert_line --partial '(passed: none)'
}
