#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# The configuration as operators meet it: each error as `preforkd -t` tells it,
# what is looked at beyond the file, the effective configuration, --explain and
# the command line.

load helpers

setup() {
	common_setup
}

teardown() {
	common_teardown
}

accepts() {
	cat >"$CONFIG"
	check
}

# prints_itself [COMMAND...]: what -T prints is good, and prints the same.
prints_itself() {
	run -0 "$@" "$PREFORKD" -T -c "$CONFIG"
	local first=$output
	mv "$CONFIG" "$DIR/written.ini"
	cat >"$CONFIG" <<<"$first"
	check "$@"
	run -0 "$@" "$PREFORKD" -T -c "$CONFIG"
	assert_equal "$output" "$first"
}

# --- the lines ----------------------------------------------------------------

@test "configuration: every error of a file is told in one pass" {
	refuses <<-'END'
		stray = 1
		#! "stray" stands before the first section
		[preforkd]
		loglevel = debug
		#! unknown setting "loglevel" in [preforkd], did you mean "log_level"?
		log_level = loud
		#! "log_level = loud" is not allowed, it must be debug, info, warn or error
		[pool default]
		workers = 0
		#! "workers = 0" is out of range, allowed is auto or 1 to 512
		  nice = 1
		#! the line is indented; values are not continued, each setting begins at the left
		[service echo]
		handler = ecko
		#! there is no handler "ecko", did you mean "echo"?
		listen = tcp://127.0.0.1
		#! "listen = tcp://127.0.0.1" is not an address: a port is missing: write host:port
		nodelay = maybe
		#! "nodelay = maybe" is not a boolean: yes or no
		junk
		#! "junk" has no =; a setting is written name = value
	END
}

@test "configuration: an escape that a greeting or banner does not have" {
	refuses <<-'END'
		[service x]
		handler = hello
		listen = tcp://127.0.0.1:0
		greeting = hi %z
		#! "greeting = hi %z" is wrong: unknown "%z", allowed are %a %p %h %s %w %% \n \r \t \\
		[service y]
		handler = echo
		listen = tcp://127.0.0.1:0
		banner = 100%
		#! "banner = 100%" is wrong: unknown "%", allowed are %a %p %h %s %w %% \n \r \t \\
	END
}

@test "configuration: names of handlers, pools and users that are not there" {
	refuses <<-'END'
		[preforkd]
		user = no-such-user
		#! "user = no-such-user" names a user that does not exist
		control_group = no-such-group
		#! "control_group = no-such-group" names a group that does not exist
		[pool fast]
		[service a]
		handler = http
		#! there is no handler "http"; there are echo, hello, daytime, time, upper, discard, chargen
		listen = tcp://127.0.0.1:0
		pool = fats
		#! there is no [pool fats], did you mean "fast"?
		[service b]
		handler = echo
		listen = tcp://127.0.0.1:0
		pool = something
		#! there is no [pool something]
		socket_owner = no-such-user
		#! "socket_owner = no-such-user" names a user that does not exist
	END
}

@test "configuration: numbers out of range, and what is no number" {
	refuses <<-'END'
		[preforkd]
		start_timeout = 50ms
		#! "start_timeout = 50ms" is out of range, allowed is 100ms to 1d
		drain_timeout = 30
		#! "drain_timeout = 30" is not a duration such as 250ms, 30s, 5m, 2h or 1d; allowed is 0 to 1d
		drain_delay = 2d
		#! "drain_delay = 2d" is out of range, allowed is 0 to 1d
		control_mode = 0999
		#! "control_mode = 0999" is not a file mode in octal such as 0660; allowed is 0 to 0777
		[pool default]
		workers = many
		#! "workers = many" is not a whole number; allowed is auto or 1 to 512
		nice = -21
		#! "nice = -21" is out of range, allowed is -20 to 19
		max_connections = 99999999999999999999
		#! "max_connections = 99999999999999999999" is too large; allowed is 1 to 1000000
		sandbox = maybe
		#! "sandbox = maybe" is not allowed, it must be off, on or log
		[service x]
		handler = echo
		listen = tcp://127.0.0.1:0
		backlog = 1k
		#! "backlog = 1k" is not a whole number; allowed is 1 to 65535
		socket_mode = 01000
		#! "socket_mode = 01000" is out of range, allowed is 0 to 0777
		udp_reserved_ports = yes
		#! "udp_reserved_ports = yes" is not allowed, it must be refuse or answer
		allow = 10.0.0.1/8
		#! "allow = 10.0.0.1/8" is wrong: "10.0.0.1/8" has bits set beyond its prefix
	END
}

@test "configuration: what is needed and not there" {
	refuses <<-'END'
		[service a]
		#! [service a] has no "listen", which is needed
		handler = echo
		[service b]
		#! [service b] has no "handler", which is needed
		listen = tcp://127.0.0.1:0
		[service c]
		handler = echo
		listen =
		#! "listen = " is empty, an address is needed
		[preforkd]
		control =
		#! "control = " is empty, a path is needed
	END
}

@test "configuration: no service, nothing to do" {
	refuses <<-'END'
		[preforkd]
		#!! there is no [service NAME], so there is nothing to do
	END
}

# --- addresses ------------------------------------------------------------------

@test "configuration: addresses that are none" {
	refuses <<-'END'
		[service x]
		handler = echo
		listen = 127.0.0.1:80
		#! "listen = 127.0.0.1:80" is not an address: it must begin with tcp://, tls://, udp://, unix:, tls+unix:, unixgram:, fd:// or tls+fd://
		listen = tcp://127.0.0.1:x tcp://127.0.0.1:65536
		#! "listen = tcp://127.0.0.1:x" is not an address: port "x" is not a number from 0 to 65535
		#! "listen = tcp://127.0.0.1:65536" is not an address: port "65536" is not a number from 0 to 65535
		listen = tcp://::1:80
		#! "listen = tcp://::1:80" is not an address: an IPv6 address stands in brackets: [::1]:port
		listen = tcp://[::1:80
		#! "listen = tcp://[::1:80" is not an address: the ] behind the IPv6 address is missing
		listen = tcp://[::g]:80
		#! "listen = tcp://[::g]:80" is not an address: "[::g]" is not an IPv6 address
		listen = tcp://1.2.3.4.5:80
		#! "listen = tcp://1.2.3.4.5:80" is not an address: host "1.2.3.4.5" is not a name, an IPv4 address, an IPv6 address in brackets or *
		listen = unix:
		#! "listen = unix:" is not an address: a path or @name is missing
		listen = fd://
		#! "listen = fd://" is not an address: a name of 1 to 63 bytes without a colon is needed
	END
}

@test "configuration: the path of a socket has to fit" {
	local name
	name=/$(long 107)
	refuses <<-END
		[preforkd]
		control = $name
		#! the path of the control socket has 108 bytes, at most 107 fit
		[service x]
		handler = echo
		listen = unix:$name
		#! "listen = unix:$name" is not an address: the path of the socket has 108 bytes, at most 107 fit
	END
}

@test "configuration: an address is used once" {
	refuses <<-'END'
		[preforkd]
		control = control.sock
		[service a]
		handler = echo
		listen = tcp://127.0.0.1:7007 udp://127.0.0.1:7007
		listen = tcp://127.0.0.1:7007 tcp://127.0.0.1:0 tcp://127.0.0.1:0
		#! "tcp://127.0.0.1:7007" is taken by [service a] at @/preforkd.ini:5
		listen = tcp://[::1]:7007 unix:x.sock unix:@x
		[service b]
		handler = echo
		listen = tcp://[0::0:1]:7007
		#! "tcp://[::1]:7007" is taken by [service a] at @/preforkd.ini:8
		listen = unixgram:x.sock unixgram:@x
		#! "unixgram:@/x.sock" is taken by [service a] at @/preforkd.ini:8
		listen = unix:control.sock
		#! "@/control.sock" is the control socket
	END
}

@test "configuration: a handler of connections gets no datagrams" {
	refuses <<-'END'
		[service x]
		handler = chargen
		listen = tcp://127.0.0.1:0
		listen = udp://127.0.0.1:0 unixgram:@x
		#! handler "chargen" does not answer datagrams, so it cannot listen on "udp://127.0.0.1:0"
		#! handler "chargen" does not answer datagrams, so it cannot listen on "unixgram:@x"
	END
}

# --- who runs it ----------------------------------------------------------------

@test "configuration: only root can become, or give to, somebody else" {
	open_to_others
	refuses "${NOBODY[@]}" <<-'END'
		[preforkd]
		control = control.sock
		user = root
		#! "user = root" is not who runs this, and only root can change that
		group = root
		#! "group = root" is no group of who runs this, and only root can change that
		[pool a]
		user = root
		#! "user = root" is not who runs this, and only root can change that
		[service x]
		handler = echo
		listen = tcp://127.0.0.1:0
		socket_owner = root
		#! "socket_owner = root" is not who runs this, and only root can change that
		socket_group = root
		#! "socket_group = root" is no group of who runs this, and only root can change that
	END
}

@test "configuration: naming who one is needs no root" {
	open_to_others
	cat >"$CONFIG" <<-END
		[preforkd]
		control = control.sock
		user = $(id -un 65534)
		[service x]
		handler = echo
		listen = tcp://127.0.0.1:0
	END
	check "${NOBODY[@]}"
}

# --- includes -------------------------------------------------------------------

@test "configuration: an included file has its own name and lines in errors" {
	mkdir "$DIR/conf.d"
	printf '\n[service b]\nhandler = ehco\nlisten = unix:b.sock\n' \
		>"$DIR/conf.d/b.ini"
	cat >"$CONFIG" <<-END
		[service a]
		handler = echo
		include = conf.d/*.ini
		include = conf.d/*.conf
		include = missing.ini
		listen = tcp://127.0.0.1:0
		idle_timeout = x
	END
	WANTED=78 check
	assert_equal "$(sort <<<"$output")" "$(sort <<-END
		$CONFIG:5: cannot include "$DIR/missing.ini": No such file or directory
		$CONFIG:7: "idle_timeout = x" is not a duration such as 250ms, 30s, 5m, 2h or 1d; allowed is 0 to 365d
		$DIR/conf.d/b.ini:3: there is no handler "ehco", did you mean "echo"?
	END
	)"
}

@test "configuration: services from included files are served" {
	mkdir "$DIR/conf.d"
	printf '[service b]\nhandler = upper\nlisten = unix:b.sock\n' \
		>"$DIR/conf.d/b.ini"
	{
		echo "include = conf.d/*.ini"
		write_echo_config
		cat "$CONFIG"
	} >"$DIR/whole"
	mv "$DIR/whole" "$CONFIG"
	start_server
	assert_equal "$(echo hello |
		timeout 5 socat -t 5 - "unix:$DIR/conf.d/b.sock")" HELLO
}

# --- the file; one that cannot be read: 52-faults-start.bats -------------------

@test "configuration: without -c it is the default file" {
	# Where this machine has one, it is not there for this process.
	# shellcheck disable=SC2016 # that shell's
	run -78 unshare -m sh -c '
		[ ! -d /etc/preforkd ] || mount -t tmpfs none /etc/preforkd
		exec "$1" -t' sh "$PREFORKD"
	assert_output --regexp \
		'^/.*/preforkd/preforkd\.ini: cannot be read: No such file or directory$'
}

@test "configuration: a start tells the same errors and does not start" {
	echo '[service x]' >"$CONFIG"
	WANTED=78 check
	local told=$output
	run -78 timeout 10 "$PREFORKD" -c "$CONFIG"
	assert_output "$told"
	run -78 timeout 10 "$PREFORKD" -d -c "$CONFIG"
	assert_output "$told"
}

# --- what -t looks at -------------------------------------------------------------

@test "check: a good file is told with its numbers" {
	write_echo_config
	check
	assert_output "$CONFIG: good, 1 services in 1 pools"
}

@test "check: folders of logs, sockets and pid files have to be there" {
	touch "$DIR/file"
	refuses <<-'END'
		[preforkd]
		control = nowhere/deep/control.sock
		#! control: folder "@/nowhere": No such file or directory
		pid_file = file/pid
		#! pid_file: "@/file" is not a folder
		log = nowhere/log
		#! log: folder "@/nowhere": No such file or directory
		access_log = nowhere/access
		#! access_log: folder "@/nowhere": No such file or directory
		[service x]
		handler = echo
		listen = unix:nowhere/x.sock
		#! listen: folder "@/nowhere": No such file or directory
		listen = unix:file
		#! listen: "@/file" is there and is not a socket
	END
}

@test "check: a log that is a link, a folder" {
	ln -s target "$DIR/link"
	refuses <<-END
		[preforkd]
		control = none
		log = link
		#! log: cannot open log "@/link": it is a symbolic link
		access_log = $DIR
		#! access_log: cannot open log "$DIR": Is a directory
		[service x]
		handler = echo
		listen = tcp://127.0.0.1:0
	END
	assert_not_exist "$DIR/target"
}

@test "check: the root folder of a pool has to be one" {
	touch "$DIR/file"
	refuses <<-'END'
		[preforkd]
		control = none
		[pool a]
		chroot = nowhere
		#! chroot: "@/nowhere": No such file or directory
		[pool b]
		chroot = file
		#! chroot: "@/file" is not a folder
		[service x]
		handler = echo
		listen = tcp://127.0.0.1:0
	END
}

@test "check: addresses have to be ours, names have to resolve" {
	refuses <<-'END'
		[preforkd]
		control = none
		[service x]
		handler = echo
		listen = tcp://localhost:0 tcp://*:0 udp://[::1]:0
		listen = tcp://192.0.2.1:80
		#! cannot listen on "tcp://192.0.2.1:80": Cannot assign requested address
		listen = udp://192.0.2.1:80
		#! cannot listen on "udp://192.0.2.1:80": Cannot assign requested address
	END
	cat >"$CONFIG" <<-END
		[preforkd]
		control = none
		[service x]
		handler = echo
		listen = tcp://nowhere.invalid:80
	END
	WANTED=78 check
	assert_output --partial "$CONFIG:5: cannot resolve \"nowhere.invalid\": "
	assert_equal "${#lines[@]}" 1
}

# In a network of its own, whose privileged ports are the usual ones.
@test "check: a privileged port, and a chroot, are for root" {
	open_to_others
	refuses unshare -n sh -c 'ip link set lo up && exec "$@"' sh \
		"${NOBODY[@]}" <<-'END'
		[preforkd]
		control = control.sock
		[pool a]
		chroot = /
		#! chroot: only root can, and root does not run this
		[service x]
		handler = echo
		listen = tcp://127.0.0.1:7
		#! cannot listen on "tcp://127.0.0.1:7": Permission denied
		listen = udp://127.0.0.1:7
		#! cannot listen on "udp://127.0.0.1:7": Permission denied
		listen = tcp://127.0.0.1:1024
	END
}

@test "check: leaves nothing behind" {
	mkdir "$DIR/run"
	accepts <<-'END'
		[preforkd]
		control = run/preforkd/control.sock
		pid_file = run/pid
		log = run/log
		access_log = run/access
		[service x]
		handler = echo
		listen = tcp://127.0.0.1:0 unix:run/x.sock unixgram:run/y.sock
	END
	assert_equal "$(find "$DIR/run" -mindepth 1)" ""
}

@test "check: a daemon that has the same addresses is not disturbed" {
	write_config "pid_file = $DIR/pid\nlog = $DIR/daemon.log" <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0 udp://127.0.0.1:0 unix:$DIR/x.sock
	END
	start_server
	local tcp udp
	tcp=$(port echo 1)
	udp=$(port echo 2)
	sed "s/^listen.*/listen = tcp:\/\/127.0.0.1:$tcp udp:\/\/127.0.0.1:$udp unix:x.sock/" \
		"$CONFIG" >"$DIR/same.ini"
	# Datagrams go on being answered, whoever checks meanwhile.
	# shellcheck disable=SC2016 # that shell's
	background timeout 5 bash -c '
		until [ -e "$2/done" ]; do "$1" -t -c "$2/same.ini"; done' \
		bash "$PREFORKD" "$DIR" >"$DIR/checks"
	wait_until 5 test -s "$DIR/checks"
	run timeout 10 python3 - "$udp" <<-'END'
		import socket, sys
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.settimeout(5)
		for i in range(500):
		    s.sendto(b"%d" % i, ("127.0.0.1", int(sys.argv[1])))
		    assert s.recv(100) == b"%d" % i
	END
	touch "$DIR/done"
	assert_success
	assert_equal "$(echo hi | tcp "$tcp")" hi
	assert_equal "$(echo hi | timeout 5 socat -t 5 - "unix:$DIR/x.sock")" hi
	run -0 "$PREFORKD" -t -c "$DIR/same.ini"
	assert_file_exist "$DIR/pid"
	# The log is where it was told to be.
	run ! grep ': error: ' "$DIR/daemon.log"
}

# --- printing -----------------------------------------------------------------------

@test "print: the effective configuration reads back, and is every setting" {
	accepts <<-'END'
		[preforkd]
		control = c.sock
		log = ./logfile
		drain_timeout = 120s
		[pool p]
		workers = 3
		[service a]
		handler = echo
		pool = p
		listen = tcp://[0:0::1]:0 unix:a.sock, unixgram:@a
		listen = udp://*:0
		allow = 10.0.0.0/8,::1/128
		banner =;semicolon\n
		[service b]
		handler = hello
		listen = tcp://127.0.0.1:0
		greeting = Hi %a:%p 100%% \\ # no comment
	END
	prints_itself
	assert_line "drain_timeout = 2m"
	assert_line "log = $DIR/logfile"
	assert_line "listen = tcp://[::1]:0"
	assert_line "listen = unix:$DIR/a.sock"
	assert_line "allow = 10.0.0.0/8 ::1"
	assert_line 'banner =;semicolon\n'
	assert_line 'greeting = Hi %a:%p 100%% \\ # no comment'
	assert_line "idle_timeout = 5m"
	assert_equal "$(grep -c '^workers = ' <<<"$output")" 2
}

@test "print: the same for one who is not root" {
	open_to_others
	write_echo_config
	prints_itself "${NOBODY[@]}"
	assert_line "user = "
}

@test "print: a wrong file is not printed" {
	echo '[service x]' >"$CONFIG"
	run -78 --separate-stderr "$PREFORKD" -T -c "$CONFIG"
	assert_output ""
}

@test "print: the shipped files are good" {
	"$ROOT/etc/demo-certificate.sh" "$ROOT/build/run/tls"
	run -0 "$PREFORKD" -t -c "$ROOT/etc/demo.ini"
	run -0 "$PREFORKD" -t -c "$ROOT/etc/preforkd.ini"
}

# --- explain ------------------------------------------------------------------------

@test "explain: all settings in a line each" {
	run -0 "$PREFORKD" --explain
	assert_line --regexp '^\[preforkd\] +control_mode +mode of the control socket'
	assert_line --regexp '^\[pool\] +workers +number of workers'
	assert_line --regexp '^\[service\] +listen +addresses to listen on'
	assert_line --regexp '^hello +greeting +text to send'
	write_echo_config
	# As many as an effective configuration has.
	local n=${#lines[@]}
	printf '[service hello]\nhandler = hello\nlisten = tcp://127.0.0.1:0\n' >>"$CONFIG"
	run -0 "$PREFORKD" -T -c "$CONFIG"
	assert_equal "$(sed -n 's/ =.*//p' <<<"$output" | sort -u | wc -l)" \
		"$("$PREFORKD" --explain | awk '{ print $2 }' | sort -u | wc -l)"
	assert [ "$n" -gt 30 ]
}

@test "explain: one setting, everything about it" {
	run -0 "$PREFORKD" --explain idle_timeout
	assert_output - <<-'END'
		[service] idle_timeout
		    time without a byte after which a connection is closed; 0: none
		    type:     a duration such as 250ms, 30s, 5m, 2h or 1d
		    allowed:  0 to 365d
		    default:  5m
		    a change needs new workers
	END
	run -0 "$PREFORKD" --explain listen
	assert_line "    required"
	assert_line "    a change needs a new listener"
	run -0 "$PREFORKD" --explain max_connections
	assert_line "[pool] max_connections"
	assert_line "[service] max_connections"
	run -0 "$PREFORKD" --explain banner
	assert_line "echo banner"
}

@test "explain: a setting that is not there" {
	run -64 --separate-stderr "$PREFORKD" --explain no_such
	assert_output ""
	# shellcheck disable=SC2154 # set by run
	assert_equal "$stderr" "preforkd: there is no setting \"no_such\"; --explain without a name lists all"
}

# --- the command line -------------------------------------------------------------

@test "command line: what is wrong is status 64 and tells the usage" {
	local words
	for words in -x --nonsense -c --config "-t extra" "--test=1" -tc; do
		# shellcheck disable=SC2086 # words
		run -64 --separate-stderr "$PREFORKD" $words
		assert_output ""
		[[ $stderr == *"usage: preforkd "* ]]
	done
}

@test "command line: help and version go to standard output" {
	run -0 --separate-stderr "$PREFORKD" --help
	assert_line --index 0 "usage: preforkd [-dtTvV] [-c file] [--explain [key]]"
	assert_equal "$stderr" ""
	run -0 --separate-stderr "$PREFORKD" -V
	assert_line --index 0 --regexp '^preforkd [0-9]'
	assert_line "handlers: echo hello daytime time upper discard chargen"
	assert_equal "$stderr" ""
}

@test "command line: short and long options are the same" {
	write_echo_config
	run -0 "$PREFORKD" --test --config "$CONFIG"
	local told=$output
	check
	assert_equal "$output" "$told"
	run -0 "$PREFORKD" --print --config="$CONFIG"
	told=$output
	run -0 "$PREFORKD" -T -c "$CONFIG"
	assert_equal "$output" "$told"
}
