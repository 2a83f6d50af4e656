# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# docs/faults.md, rows 38 to 46: what stands in the way of a start, and of a
# reload to other addresses or another file: pid files, addresses that are not
# to be had, configurations that cannot be read.

setup() {
	load faults
	faults_setup
	PID_FILE=$DIR/pid
	CLIENT=
	INSIDE=()
}

teardown() {
	faults_teardown
}

# --- verbs -------------------------------------------------------------------

# Words that make a command somebody else's than root's.
NOBODY=(setpriv --reuid=65534 --regid=65534 --clear-groups)

# The folders of tests are for their own user only.
let_others_in() {
	chmod o+x "$BATS_RUN_TMPDIR" "${DIR%/*}"
	chmod 777 "$DIR"
}

# fails_to_start STATUS [COMMAND...]: by way of COMMAND, when there is one;
# what was said is in $output and $lines.
fails_to_start() {
	run -"$1" timeout 20 "${@:2}" "$PREFORKD" -c "$CONFIG" \
		</dev/null 3>&- 4>&-
	refute_output --regexp 'Sanitizer|runtime error:'
	refute_output --regexp 'worker .* started'
}

# The same of a start that detaches.
fails_to_detach() {
	run -"$1" timeout 20 "$PREFORKD" -d -c "$CONFIG" </dev/null 3>&- 4>&-
	refute_output --regexp 'Sanitizer|runtime error:'
}

# An echo service and a pid file.
write_pid_config() {
	write_echo_config "pid_file = $PID_FILE"
}

# Starts over what is in the pid file, and stops.
starts_over_it() {
	write_pid_config
	start_watched
	assert_equal "$(cat "$PID_FILE")" "$SERVER"
	assert_baseline
	stop_server
	assert_not_exist "$PID_FILE"
}

# What a pid file is, besides its content.
identity() {
	stat -c '%d:%i %a %U' "$1"
	cat "$1"
}

is_unlocked() {
	flock --nonblock "$1" true
}

is_served() {
	[ "$(said_by "tcp:127.0.0.1:$(port echo)")" = hello ]
}

# said_by ADDRESS: what comes back for "hello", in the daemon's network.
said_by() {
	"${INSIDE[@]}" timeout 10 socat -t 10 - "$1" <<<hello
}

# write_other_config PID_FILE: of another daemon that wants the same addresses.
write_other_config() {
	OTHER=$DIR/other.ini
	sed -e "s|^control = .*|control = $DIR/other.sock|" \
		-e "s|^pid_file = .*|pid_file = $1|" "$CONFIG" >"$OTHER"
}

# --- pid files ---------------------------------------------------------------

# A pid that was somebody's, and is nobody's.
dead_pid() {
	sh -c 'echo $$'
}

@test "fault 38: the pid file of a dead daemon does not stop the next one" {
	local pid
	for pid in "$(dead_pid)" 999999 99999999999999999999; do
		echo "$pid" >"$PID_FILE"
		starts_over_it
	done
}

@test "fault 39: a second daemon is refused and told whose the pid file is" {
	write_pid_config
	start_watched
	local before
	before=$(identity "$PID_FILE")
	write_other_config "$PID_FILE"
	CONFIG=$OTHER fails_to_start 1
	assert_output --partial "already running as pid $SERVER (pid file \"$PID_FILE\")"
	CONFIG=$OTHER fails_to_detach 1
	assert_output --partial "already running as pid $SERVER"
	assert_not_exist "$DIR/other.sock"
	assert_equal "$(identity "$PID_FILE")" "$before"
	run ! is_unlocked "$PID_FILE"
	is_served
}

@test "fault 39: without a pid file the control socket refuses it" {
	write_echo_config "log = $DIR/daemon.log"
	start_watched
	local before
	before=$(stat -c '%d:%i' "$SOCKET")
	fails_to_start 1
	assert_output --partial "\"$SOCKET\": a daemon answers there"
	assert_equal "$(stat -c '%d:%i' "$SOCKET")" "$before"
	run -0 ctl health
}

@test "fault 39: the lock counts, whatever stands in the file" {
	local text
	write_pid_config
	for text in '' garbage 12x 0; do
		printf '%s' "$text" >"$PID_FILE"
		background flock "$PID_FILE" sleep 50
		wait_until 5 is_locked "$PID_FILE"
		fails_to_start 1
		assert_output --partial "already running"
		assert_output --partial "\"$PID_FILE\""
		assert_equal "$(cat "$PID_FILE")" "$text"
		end_holding
	done
}

is_locked() {
	! is_unlocked "$1"
}

# flock leaves it to its child.
end_holding() {
	kill "$(descendants "${HELPERS[-1]}")"
	wait_until 5 is_unlocked "$PID_FILE"
}

@test "fault 39: of six that start at once one runs" {
	write_pid_config
	local i pids=() status refused=0
	for i in 1 2 3 4 5 6; do
		sed "s|^control = .*|control = $DIR/$i.sock|" "$CONFIG" \
			>"$DIR/$i.ini"
	done
	for i in 1 2 3 4 5 6; do
		"$PREFORKD" -c "$DIR/$i.ini" 2>"$DIR/$i.log" </dev/null \
			3>&- 4>&- &
		pids[i]=$!
		HELPERS+=($!)
	done
	wait_until 20 five_are_refused
	for i in 1 2 3 4 5 6; do
		if grep -q 'already running' "$DIR/$i.log"; then
			status=0
			wait "${pids[i]}" || status=$?
			assert_equal "$status" 1
			assert_not_exist "$DIR/$i.sock"
		else
			wait_until 20 "$PREFORKCTL" -s "$DIR/$i.sock" health
			assert_equal "$(cat "$PID_FILE")" "${pids[i]}"
			kill -TERM "${pids[i]}"
			wait "${pids[i]}"
		fi
	done
	assert_not_exist "$PID_FILE"
}

five_are_refused() {
	[ "$(cat "$DIR"/?.log | grep -c 'already running')" = 5 ]
}

@test "fault 40: nonsense in a pid file is replaced" {
	local text
	for text in garbage '' ' ' -1 0 "$(printf 'x%.0s' {1..9000})"; do
		printf '%s' "$text" >"$PID_FILE"
		starts_over_it
	done
}

@test "fault 40: nobody is signalled because a pid file names him" {
	echo "$$" >"$PID_FILE"
	starts_over_it
	kill -0 "$$"
}

@test "fault 40: a pid file that is a link is refused, what it names is untouched" {
	echo precious >"$DIR/precious"
	write_pid_config
	ln -s "$DIR/precious" "$PID_FILE"
	fails_to_start 1
	assert_output --partial "pid file \"$PID_FILE\": it is not a regular file"
	assert_equal "$(cat "$DIR/precious")" precious
	assert_link_exist "$PID_FILE"
	# A link to nowhere makes no file there.
	ln -sfn "$DIR/nowhere" "$PID_FILE"
	fails_to_start 1
	assert_not_exist "$DIR/nowhere"
	assert_not_exist "$SOCKET"
}

@test "fault 40: so is one that becomes a link when it has been looked at" {
	echo precious >"$DIR/precious"
	write_pid_config
	without_leak_check
	local start status=0
	# It stops when it has asked for the file, and before it opens it.
	strace -D -qq -o "$DIR/calls" -P "$PID_FILE" \
		-e inject=%%stat:signal=STOP:when=1 \
		"$PREFORKD" -c "$CONFIG" 2>"$DIR/refusal" </dev/null \
		3>&- 4>&- &
	start=$!
	HELPERS+=("$start")
	wait_until 10 has_stopped "$start"
	ln -s "$DIR/precious" "$PID_FILE"
	kill -CONT "$start"
	wait_until 10 ended_or_answers "$start"
	assert_equal "$(cat "$DIR/precious")" precious
	wait "$start" || status=$?
	assert_equal "$status" 1
	grep -q "pid file \"$PID_FILE\"" "$DIR/refusal"
}

# Not by strace itself, while it begins; or gone, when it has not asked.
has_stopped() {
	is_gone "$1" || {
		grep -q 'stopped by SIGSTOP' "$DIR/calls" &&
			grep -q '^State:[[:space:]]*[Tt]' "/proc/$1/status"
	}
}

ended_or_answers() {
	is_gone "$1" || ctl ping
}

@test "fault 40: what is neither file nor link is refused as well" {
	write_pid_config
	local make
	for make in mkdir mkfifo "python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])'"; do
		eval "$make" '"$PID_FILE"'
		fails_to_start 1
		assert_output --partial \
			"pid file \"$PID_FILE\": it is not a regular file"
		assert_exist "$PID_FILE"
		rm -r "$PID_FILE"
	done
	assert_not_exist "$SOCKET"
}

@test "fault 40: the folder of a pid file is made, where that is possible" {
	PID_FILE=$DIR/run/pid
	starts_over_it

	PID_FILE=$DIR/run/not/there/pid
	write_pid_config
	fails_to_start 1
	assert_output --partial "cannot take pid file \"$PID_FILE\": No such file or directory"
	PID_FILE=/proc/none/pid
	write_pid_config
	fails_to_start 1
	assert_output --partial "cannot take pid file \"$PID_FILE\": No such file or directory"
	assert_not_exist "$SOCKET"
}

@test "fault 40: a pid file that may not be written is told" {
	write_pid_config
	echo 999999 >"$PID_FILE"
	chmod 644 "$PID_FILE"
	let_others_in
	fails_to_start 1 "${NOBODY[@]}"
	assert_output --partial "cannot take pid file \"$PID_FILE\": Permission denied"
	assert_equal "$(cat "$PID_FILE")" 999999
	assert_not_exist "$SOCKET"
}

# A folder DIR/disk in a mount namespace, SIZE large, where PREPARE has been
# done; afterwards what is in it is listed.
on_disk() {
	# shellcheck disable=SC2016 # for the inner shell
	DISK=(unshare --mount sh -c '
		mount -t tmpfs -o size=4k none "$0" && cd "$0" || exit 99
		eval "$1"
		shift
		"$@"
		status=$?
		ls
		exit $status' "$DIR/disk" "$1")
	mkdir -p "$DIR/disk"
}

@test "fault 40: a pid file on a disk that is full, or read only, is told" {
	PID_FILE=$DIR/disk/pid
	write_pid_config
	on_disk 'head -c 4096 /dev/zero >ballast'
	fails_to_start 1 "${DISK[@]}"
	assert_output --partial "cannot write pid file \"$PID_FILE\": No space left on device"
	assert_line ballast
	refute_line pid
	on_disk 'mount -o remount,ro none .'
	fails_to_start 1 "${DISK[@]}"
	assert_output --partial "cannot take pid file \"$PID_FILE\": Read-only file system"
	refute_line pid
	assert_not_exist "$SOCKET"
}

@test "fault 40: a start that fails later takes its pid file away" {
	write_pid_config
	sed -i "s|^listen = .*|listen = unix:$DIR/no/such/folder|" "$CONFIG"
	fails_to_start 1
	assert_not_exist "$PID_FILE"
	write_echo_config "pid_file = $PID_FILE" "chroot = $DIR/nowhere"
	run -78 timeout 20 "$PREFORKD" -c "$CONFIG" </dev/null 3>&- 4>&-
	assert_not_exist "$PID_FILE"
}

@test "fault 40: one that was taken away, or replaced, is nothing to its daemon" {
	write_pid_config
	start_watched
	rm "$PID_FILE"
	run -0 ctl reload
	is_served
	# By now it is another daemon's.
	echo 4711 >"$PID_FILE"
	assert_baseline
	stop_server
	assert_equal "$(cat "$PID_FILE")" 4711
}

# The worker in slot 2 goes, another one comes, and the file is as it was.
assert_file_outlives() {
	local worker
	wait_until 5 slot_is_ready 2
	worker=$(slot_pid 2)
	"$@" "$worker"
	wait_gone "$worker" 10
	wait_until 10 ready_workers_are 2
	assert_equal "$(identity "$PID_FILE")" "$FORMER"
	run ! is_unlocked "$PID_FILE"
}

@test "fault 41: no worker takes the pid file with it, however it ends" {
	LOG_ERRORS='root folder|restart failed|not started again'
	without_leak_check # there is no /proc below the root folder
	write_pid_config
	start_watched
	FORMER=$(identity "$PID_FILE")
	assert_file_outlives kill -KILL
	assert_file_outlives renew
	assert_file_outlives fewer_and_more
	# Nor one that ends before it serves.
	mkdir "$DIR/root"
	sed -i "/^\[pool default\]/a chroot = $DIR/root" "$CONFIG"
	run -0 ctl reload
	# Below its root folder a worker keeps a way to syslog.
	take_baseline
	rmdir "$DIR/root"
	run -1 ctl restart
	assert_equal "$(identity "$PID_FILE")" "$FORMER"
	run ! is_unlocked "$PID_FILE"
}

renew() {
	ctl restart
}

fewer_and_more() {
	ctl workers default 1
	ctl workers default 2
}

# Who has FILE open: pids.
holders_of() {
	find /proc/[0-9]*/fd -lname "$1" 2>/dev/null | cut -d/ -f3 | sort -u
}

@test "fault 41: workers have neither its descriptor nor its lock" {
	write_pid_config
	start_server
	local fd pid workers
	workers=$(worker_pids)
	assert_equal "$(holders_of "$PID_FILE")" "$SERVER"
	hold fd "$(port echo)"
	echoes "$fd"
	kill -KILL "$SERVER"
	wait "$SERVER" || :
	SERVER=
	# One of them serves on, and the lock is gone.
	echoes "$fd"
	is_unlocked "$PID_FILE"
	release "$fd"
	for pid in $workers; do
		wait_gone "$pid" 10
	done
	# It is for the next supervisor to replace.
	assert_exist "$PID_FILE"
	starts_over_it
}

# --- addresses that somebody else has ----------------------------------------

# occupy TYPE [OPTION...]: somebody has a port of 127.0.0.1, OCCUPIED, with
# these options of its socket, until end_background. It is none that clients
# get, or one of another test might have it when it is free again.
occupy() {
	rm -f "$DIR/occupied"
	background python3 -c '
import os, random, socket, sys, time
s = socket.socket(type=getattr(socket, "SOCK_" + sys.argv[2]))
for option in sys.argv[3:]:
    s.setsockopt(socket.SOL_SOCKET, getattr(socket, option), 1)
for i in range(100):
    try:
        s.bind(("127.0.0.1", random.randint(20000, 30000)))
        break
    except OSError:
        pass
if sys.argv[2] == "STREAM":
    s.listen()
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(s.getsockname()[1]))
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(55)' "$DIR/occupied" "$@"
	wait_until 10 test -s "$DIR/occupied"
	OCCUPIED=$(cat "$DIR/occupied")
}

# A service that can listen, and one whose ADDRESS cannot be had.
write_taken_config() {
	write_config "pid_file = $PID_FILE" <<-END
		[service free]
		handler = echo
		listen = unix:$DIR/free.sock tcp://127.0.0.1:0
		[service taken]
		handler = echo
		listen = $1
	END
	TAKEN_PLACE="$CONFIG:$(grep -nxF "listen = $1" "$CONFIG" | cut -d: -f1)"
}

assert_nothing_half_started() {
	assert_not_exist "$DIR/free.sock"
	assert_not_exist "$SOCKET"
	assert_not_exist "$PID_FILE"
}

# in_use ADDRESS: what is told about it.
in_use() {
	echo "$TAKEN_PLACE: cannot listen on \"$1\": address already in use"
}

@test "fault 42: a port that is in use ends the start, and nothing is half started" {
	local type address
	for type in STREAM DGRAM; do
		occupy "$type"
		address=tcp://127.0.0.1:$OCCUPIED
		[ "$type" = STREAM ] || address=udp://127.0.0.1:$OCCUPIED
		write_taken_config "$address"
		fails_to_start 1
		assert_line --partial "$(in_use "$address")"
		assert_nothing_half_started
		fails_to_detach 1
		assert_line --partial "$(in_use "$address")"
		assert_nothing_half_started
		# Free again, it is all that was missing.
		end_background
		start_watched
		assert_baseline
		stop_server
	done
}

@test "fault 42: so does one that is in use by a part of what is asked for" {
	occupy STREAM
	write_taken_config "tcp://*:$OCCUPIED"
	fails_to_start 1
	assert_line --partial "$TAKEN_PLACE: cannot listen on \"0.0.0.0:$OCCUPIED\": address already in use"
	assert_nothing_half_started
}

@test "fault 42: every address that cannot be had is told, not only the first" {
	occupy STREAM
	write_config <<-END
		[service good]
		handler = echo
		listen = unix:$DIR/free.sock tcp://127.0.0.1:0
		[service bad]
		handler = echo
		listen = tcp://127.0.0.1:$OCCUPIED tcp://192.0.2.1:7
		listen = unix:$DIR/no/such/folder
		listen = tcp://does-not-exist.invalid:7
	END
	fails_to_start 1
	assert_line --regexp "preforkd.ini:[0-9]+: cannot listen on \"tcp://127.0.0.1:$OCCUPIED\": address already in use"
	assert_line --regexp 'preforkd.ini:[0-9]+: cannot listen on "tcp://192.0.2.1:7": Cannot assign requested address'
	assert_line --regexp "preforkd.ini:[0-9]+: cannot listen on \"unix:$DIR/no/such/folder\": No such file or directory"
	assert_line --regexp 'preforkd.ini:[0-9]+: cannot resolve "does-not-exist.invalid": .+'
	assert_nothing_half_started
}

# The same, TCP and UDP, for both families.
write_inet_config() {
	write_config "pid_file = $PID_FILE" <<-END
		[service echo]
		handler = echo
		listen = tcp://127.0.0.1:0 tcp://[::1]:0
		listen = udp://127.0.0.1:0 udp://[::1]:0
	END
}

# Sockets with their inodes, and what they serve.
listening() {
	local n
	for n in 1 2 3 4; do
		ss -Hlntue "sport = :$(port echo "$n")" |
			grep -o ' [^ ]*:[0-9]* .* ino:[0-9]*' | sed 's/ timer.*//'
	done
}

@test "fault 43: a second daemon never shares the first one's ports" {
	write_inet_config
	start_watched
	local before n all=()
	before=$(identity "$PID_FILE")$(listening)
	for n in 1 2 3 4; do
		all+=("$(listener echo "$n")")
	done
	write_other_config "$DIR/other.pid"
	sed -i "/^listen = udp/d; s|^listen = .*|listen = ${all[*]}|" "$OTHER"
	CONFIG=$OTHER fails_to_start 1
	for n in 1 2 3 4; do
		assert_line --partial "cannot listen on \"${all[n - 1]}\": address already in use"
	done
	assert_not_exist "$DIR/other.pid"
	assert_not_exist "$DIR/other.sock"
	# Nor does it by way of "*".
	sed -i "s|^listen = .*|listen = tcp://*:$(port echo 1) udp://*:$(port echo 3)|" \
		"$OTHER"
	CONFIG=$OTHER fails_to_start 1
	assert_line --partial "\"0.0.0.0:$(port echo 1)\": address already in use"
	assert_line --partial "\"0.0.0.0:$(port echo 3)\": address already in use"
	assert_equal "$(identity "$PID_FILE")$(listening)" "$before"
	is_served
}

@test "fault 43: nobody of the same user can slip in beside it" {
	write_inet_config
	start_watched
	peers 'import errno
for n, port in enumerate(int(word) for word in sys.argv[1:]):
    family = (socket.AF_INET, socket.AF_INET6)[n % 2]
    type = (socket.SOCK_STREAM, socket.SOCK_DGRAM)[n // 2]
    for options in ("SO_REUSEPORT",), ("SO_REUSEADDR", "SO_REUSEPORT"):
        s = socket.socket(family, type)
        for option in options:
            s.setsockopt(socket.SOL_SOCKET, getattr(socket, option), 1)
        try:
            s.bind(("::1" if n % 2 else "127.0.0.1", port))
            if type == socket.SOCK_STREAM:
                s.listen()
        except OSError as error:
            assert error.errno == errno.EADDRINUSE, error
        else:
            raise AssertionError((n, options))' \
		"$(port echo 1)" "$(port echo 2)" "$(port echo 3)" "$(port echo 4)"
	is_served
}

@test "fault 43: it does not slip in beside somebody who would share" {
	local type scheme
	for type in STREAM DGRAM; do
		occupy "$type" SO_REUSEPORT SO_REUSEADDR
		scheme=tcp
		[ "$type" = STREAM ] || scheme=udp
		write_taken_config "$scheme://127.0.0.1:$OCCUPIED"
		fails_to_start 1
		assert_line --partial \
			"$(in_use "$scheme://127.0.0.1:$OCCUPIED")"
		assert_nothing_half_started
	done
}

# --- reloads that ask for too much -------------------------------------------

# Who is served meanwhile; what is in the background by then does not have the
# connection as well.
hold_client() {
	hold CLIENT "$(port echo)"
	echoes "$CLIENT"
}

release_client() {
	echoes "$CLIENT"
	release "$CLIENT"
}

failed_reloads_are() {
	[ "$(ctl_json status | jq .failed_reloads)" = "$1" ]
}

# refuses_reload STATUS TEXT...: by command, with each TEXT in the answer and
# in the log, and by HUP; nothing changes.
refuses_reload() {
	local before failed text wanted=$1
	shift
	before=$(everything)
	failed=$(ctl_json status | jq .failed_reloads)
	run -"$wanted" ctl reload
	assert_line --regexp "^$CONFIG:([0-9]+:)? "
	for text; do
		assert_output --partial "$text"
		grep -F ': error: ' "$LOG" | grep -qF -- "$text"
	done
	failed_reloads_are $((failed + 1))
	: >"$LOG"
	kill -HUP "$SERVER"
	wait_until 10 failed_reloads_are $((failed + 2))
	for text; do
		grep -F ': error: ' "$LOG" | grep -qF -- "$text"
	done
	assert_equal "$(everything)" "$before"
	run -0 ctl health
	[ -z "$CLIENT" ] || echoes "$CLIENT"
	is_served
}

@test "fault 44: an address in use fails the reload, and all stays as it was" {
	LOG_ERRORS='cannot listen on|reload failed'
	write_echo_config
	start_watched
	local tcp udp
	cp "$CONFIG" "$DIR/before"
	occupy STREAM
	tcp=tcp://127.0.0.1:$OCCUPIED
	occupy DGRAM
	udp=udp://127.0.0.1:$OCCUPIED
	background socat "unix-listen:$DIR/taken.sock,fork" /dev/null
	wait_until 5 test -S "$DIR/taken.sock"
	hold_client
	# Workers would be new as well, and one listener could be had.
	sed -i "s|^workers = .*|&\nnofile = 500|" "$CONFIG"
	add_service good echo "unix:$DIR/good.sock"
	add_service bad echo "$tcp $udp unix:$DIR/taken.sock"
	refuses_reload 1 \
		"cannot listen on \"$tcp\": address already in use" \
		"cannot listen on \"$udp\": address already in use" \
		"cannot listen on \"unix:$DIR/taken.sock\": address already in use"
	assert_not_exist "$DIR/good.sock"
	assert_socket_exist "$DIR/taken.sock"
	release_client
	assert_baseline
	# The rest is taken up when that is gone.
	cp "$DIR/before" "$CONFIG"
	add_service good echo "unix:$DIR/good.sock"
	run -0 ctl reload
	run -0 timeout 5 socat - "unix:$DIR/good.sock" <<<hello
	assert_output hello
	cp "$DIR/before" "$CONFIG"
	run -0 ctl reload
	assert_not_exist "$DIR/good.sock"
}

@test "fault 44: when the address is free the same reload succeeds" {
	LOG_ERRORS='cannot listen on|reload failed'
	write_echo_config
	start_watched
	occupy STREAM
	hold_client
	add_service late echo "tcp://127.0.0.1:$OCCUPIED"
	refuses_reload 1 "tcp://127.0.0.1:$OCCUPIED"
	end_background
	run -0 ctl reload
	run -0 tcp "$OCCUPIED" <<<hello
	assert_output hello
	release_client
	wait_until 5 no_worker_drains
	take_baseline
}

@test "fault 44: an address that one of its own still has is in use, too" {
	LOG_ERRORS='cannot listen on|reload failed'
	write_echo_config
	local own
	occupy STREAM # a port that is to be had, and kept
	own=$OCCUPIED
	end_background
	set_setting listen "tcp://127.0.0.1:$own"
	start_watched
	hold_client
	sed -i "s|^listen = .*|listen = tcp://*:$own|" "$CONFIG"
	refuses_reload 1 "cannot listen on \"0.0.0.0:$own\": address already in use"
	# It goes in two steps.
	cp "$CONFIG" "$DIR/wanted"
	sed -i "s|^listen = .*|listen = unix:$DIR/meanwhile.sock|" "$CONFIG"
	run -0 ctl reload
	release_client
	wait_until 5 no_worker_drains
	cp "$DIR/wanted" "$CONFIG"
	run -0 ctl reload
	run -0 tcp "$own" <<<hello
	assert_output hello
	wait_until 5 no_worker_drains
	take_baseline
}

# --- addresses that are not there, or not allowed ----------------------------

# write_address_config ADDRESS...: an echo service on each of them.
write_address_config() {
	write_config "pid_file = $PID_FILE" <<-END
		[service free]
		handler = echo
		listen = unix:$DIR/free.sock
		[service echo]
		handler = echo
		listen = $*
	END
	PLACE="$CONFIG:$(wc -l <"$CONFIG")"
}

# within_network [COMMANDS]: NETWORK is what to put before a start that must fail
# in a network of its own, where those have been run.
within_network() {
	# shellcheck disable=SC2016 # for the inner shell
	NETWORK=(unshare --net sh -c 'ip link set lo up; eval "$0"; exec "$@"'
		"${1-}")
}

@test "fault 45: an address that this machine does not have is told" {
	write_address_config "tcp://192.0.2.1:7777" "udp://192.0.2.1:7777" \
		"tcp://[2001:db8::1]:7777"
	fails_to_start 1
	local address
	for address in tcp://192.0.2.1 udp://192.0.2.1 'tcp://[2001:db8::1]'; do
		assert_line --partial "$PLACE: cannot listen on \"$address:7777\": Cannot assign requested address"
	done
	assert_nothing_half_started
}

# inside COMMANDS: of a shell in the daemon's network.
inside() {
	"${INSIDE[@]}" sh -c "$1"
}

@test "fault 45: one that comes later can be had by the next reload" {
	LOG_ERRORS='cannot listen on|reload failed'
	write_echo_config
	start_apart
	add_service late echo tcp://192.0.2.1:7777
	refuses_reload 1 'cannot listen on "tcp://192.0.2.1:7777": Cannot assign requested address'
	inside 'ip address add 192.0.2.1/32 dev lo'
	run -0 ctl reload
	assert_equal "$(said_by tcp:192.0.2.1:7777)" hello
	take_baseline
	# And one that goes is kept until it comes again.
	inside 'ip address delete 192.0.2.1/32 dev lo'
	sed -i "s|^workers = .*|&\nnofile = 500|" "$CONFIG"
	run -0 ctl reload
	run -0 ctl restart
	inside 'ip address add 192.0.2.1/32 dev lo'
	assert_equal "$(said_by tcp:192.0.2.1:7777)" hello
}

@test "fault 45: where the system allows it, one need not wait for the address" {
	write_address_config "tcp://127.0.0.1:0 tcp://192.0.2.1:7777"
	# shellcheck disable=SC2016 # for the inner shell
	start_apart sh -c 'echo 1 >/proc/sys/net/ipv4/ip_nonlocal_bind
		exec "$0" "$@"'
	inside 'ip address add 192.0.2.1/32 dev lo'
	assert_equal "$(said_by tcp:192.0.2.1:7777)" hello
}

@test "fault 45: with IPv6 switched off its addresses are told, and * is IPv4" {
	local off='echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6'
	within_network "$off"
	write_address_config "tcp://[::1]:0" "udp://[::1]:0"
	fails_to_start 1 "${NETWORK[@]}"
	assert_line --partial 'cannot listen on "tcp://[::1]:0": Cannot assign requested address'
	assert_line --partial 'cannot listen on "udp://[::1]:0": Cannot assign requested address'
	assert_nothing_half_started

	write_address_config "tcp://*:0" "udp://*:0"
	start_apart sh -c "$off; exec \"\$0\" \"\$@\""
	assert_equal "$(said_by "tcp:127.0.0.1:$(port echo 1)")" hello
}

# Put before a start: to it, the kernel was built without IPv6.
WITHOUT_IPV6=(python3 -c '
import ctypes, os, platform, struct, sys
SOCKET = {"x86_64": 41, "aarch64": 198}[platform.machine()]
AF_INET6, EAFNOSUPPORT = 10, 97
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7fff0000, 0x00050000
code = b"".join(struct.pack("=HBBI", *line) for line in (
    (LOAD, 0, 0, 0), (EQUAL, 0, 3, SOCKET),  # the number of the call
    (LOAD, 0, 0, 16), (EQUAL, 0, 1, AF_INET6),  # its first argument
    (RETURN, 0, 0, ERRNO | EAFNOSUPPORT), (RETURN, 0, 0, ALLOW)))
lines = ctypes.create_string_buffer(code, len(code))
program = ctypes.create_string_buffer(
    struct.pack("@HP", len(code) // 8, ctypes.addressof(lines)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # no new privileges
assert libc.prctl(22, 2, program, 0, 0) == 0, ctypes.get_errno()
os.execv(sys.argv[1], sys.argv[1:])')

@test "fault 45: so it is with a kernel that has no IPv6" {
	write_address_config "tcp://[::1]:0" "udp://[::1]:0"
	fails_to_start 1 "${WITHOUT_IPV6[@]}"
	assert_line --partial 'cannot listen on "tcp://[::1]:0": Address family not supported by protocol'
	assert_line --partial 'cannot listen on "udp://[::1]:0": Address family not supported by protocol'
	assert_nothing_half_started
	# The check tells it as well.
	run -78 "${WITHOUT_IPV6[@]}" "$PREFORKD" -t -c "$CONFIG"
	assert_line "$PLACE: cannot listen on \"tcp://[::1]:0\": Address family not supported by protocol"

	write_address_config "tcp://*:0" "udp://*:0"
	run -0 "${WITHOUT_IPV6[@]}" "$PREFORKD" -t -c "$CONFIG"
	start_watched "${WITHOUT_IPV6[@]}"
	assert_equal "$(listener echo 1)" "tcp://0.0.0.0:$(port echo 1)"
	assert_equal "$(listener echo 2)" "udp://0.0.0.0:$(port echo 2)"
	assert_equal "$(said_by "tcp:127.0.0.1:$(port echo 1)")" hello
	assert_equal "$(udp "$(port echo 2)" <<<hello)" hello
}

# Put before a start: NAME is both 127.0.0.1 and ::1.
with_name() {
	printf '127.0.0.1 %s\n::1 %s\n' "$1" "$1" >"$DIR/hosts"
	# shellcheck disable=SC2016 # for the inner shell
	WITH_NAME=(unshare --mount sh -c
		'mount --bind "$0" /etc/hosts && exec "$@"' "$DIR/hosts")
}

# Where the service listens, without ports and in the order of the alphabet.
places() {
	ctl_json listeners | jq -r '.[] | select(.service == "echo") |
		.listener' | sed 's/:[0-9]*$//' | sort | tr '\n' ' '
}

@test "fault 45: a name of both families is IPv4 there, too" {
	with_name both.invalid
	write_address_config "tcp://both.invalid:0"
	start_watched "${WITH_NAME[@]}"
	assert_equal "$(places)" "tcp://127.0.0.1 tcp://[::1] "
	assert_baseline
	stop_server
	start_watched "${WITH_NAME[@]}" "${WITHOUT_IPV6[@]}"
	assert_equal "$(places)" "tcp://127.0.0.1 "
	is_served
}

@test "fault 45: who is not root is told which ports he may not have" {
	write_address_config "tcp://127.0.0.1:7" "udp://127.0.0.1:7" \
		"tcp://127.0.0.1:7777"
	let_others_in
	within_network
	fails_to_start 1 "${NETWORK[@]}" "${NOBODY[@]}"
	assert_line --partial "$PLACE: cannot listen on \"tcp://127.0.0.1:7\": Permission denied"
	assert_line --partial "$PLACE: cannot listen on \"udp://127.0.0.1:7\": Permission denied"
	refute_output --partial 7777
	assert_nothing_half_started
}

@test "fault 45: neither has he them by a reload" {
	LOG_ERRORS='cannot listen on|reload failed'
	write_echo_config
	let_others_in
	start_apart "${NOBODY[@]}"
	add_service low echo tcp://127.0.0.1:7
	refuses_reload 1 \
		'cannot listen on "tcp://127.0.0.1:7": Permission denied'
	# A system may let him have it.
	inside 'echo 7 >/proc/sys/net/ipv4/ip_unprivileged_port_start'
	run -0 ctl reload
	assert_equal "$(said_by tcp:127.0.0.1:7)" hello
	take_baseline
}

# --- configurations that cannot be read --------------------------------------

KINDS=(missing folder fifo socket device nowhere circle)

# spoil KIND FILE: it becomes that, and WHY what is said of it.
spoil() {
	WHY="it is not a regular file"
	rm -rf "$2"
	case $1 in
	missing) WHY="No such file or directory" ;;
	folder) mkdir "$2" ;;
	fifo) mkfifo "$2" ;;
	socket)
		python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$2"
		WHY="No such device or address"
		;;
	device) ln -s /dev/zero "$2" ;;
	nowhere)
		ln -s nothing "$2"
		WHY="No such file or directory"
		;;
	circle)
		ln -s "$2" "$2"
		WHY="Too many levels of symbolic links"
		;;
	esac
}

# refuses_file TEXT [COMMAND...]: to check, print, start and detach it, each
# with this one line.
refuses_file() {
	local option
	for option in -t -T -d ''; do
		# shellcheck disable=SC2086 # none, when empty
		run -78 timeout 10 "${@:2}" "$PREFORKD" $option -c "$CONFIG" \
			</dev/null 3>&- 4>&-
		assert_output "$1"
	done
	assert_not_exist "$SOCKET"
}

@test "fault 46: a configuration that is no file does not start" {
	local kind
	for kind in "${KINDS[@]}"; do
		spoil "$kind" "$CONFIG"
		refuses_file "$CONFIG: cannot be read: $WHY"
	done
	CONFIG=$DIR/ refuses_file \
		"$DIR/: cannot be read: it is not a regular file"
	CONFIG=$DIR/none/x.ini refuses_file \
		"$DIR/none/x.ini: cannot be read: No such file or directory"
	touch "$DIR/file"
	CONFIG=$DIR/file/x.ini refuses_file \
		"$DIR/file/x.ini: cannot be read: Not a directory"
}

@test "fault 46: nor does one that may not be read" {
	write_echo_config
	chmod 600 "$CONFIG"
	let_others_in
	refuses_file "$CONFIG: cannot be read: Permission denied" "${NOBODY[@]}"
}

@test "fault 46: a reload of what is no file changes nothing" {
	LOG_ERRORS='cannot be read|reload failed'
	write_echo_config
	start_watched
	hold_client
	local kind
	mv "$CONFIG" "$DIR/good"
	for kind in "${KINDS[@]}"; do
		spoil "$kind" "$CONFIG"
		refuses_reload 4 "$CONFIG: cannot be read: $WHY"
		run -4 ctl reload plan
		assert_output --partial "$CONFIG: cannot be read: $WHY"
	done
	rm "$CONFIG"
	mv "$DIR/good" "$CONFIG"
	run -0 ctl reload
	release_client
}

@test "fault 46: nor does one of a file that may no longer be read" {
	LOG_ERRORS='cannot be read|reload failed'
	write_echo_config
	let_others_in
	start_watched "${NOBODY[@]}"
	hold_client
	chmod 600 "$CONFIG"
	refuses_reload 4 "$CONFIG: cannot be read: Permission denied"
	chmod 644 "$CONFIG"
	run -0 ctl reload
	release_client
}

# An echo service, and another one in a file that is included.
write_including_config() {
	write_echo_config
	echo "include = $1" >>"$CONFIG"
	PLACE="$CONFIG:$(wc -l <"$CONFIG")"
	printf '[service part]\nhandler = echo\nlisten = unix:%s/part.sock\n' \
		"$DIR" >"$DIR/part.ini"
}

@test "fault 46: a file that is included is as needed as the first" {
	LOG_ERRORS='cannot include|reload failed'
	write_including_config part.ini
	start_watched
	hold_client
	local kind
	mv "$DIR/part.ini" "$DIR/good"
	for kind in "${KINDS[@]}"; do
		spoil "$kind" "$DIR/part.ini"
		refuses_reload 4 "$PLACE: cannot include \"$DIR/part.ini\": $WHY"
		run -78 timeout 10 "$PREFORKD" -c "$CONFIG"
		assert_output "$PLACE: cannot include \"$DIR/part.ini\": $WHY"
	done
	assert_equal "$(said_by "unix:$DIR/part.sock")" hello
	rm "$DIR/part.ini"
	mv "$DIR/good" "$DIR/part.ini"
	run -0 ctl reload
	release_client
}

@test "fault 46: a folder of them that may not be read is not an empty one" {
	LOG_ERRORS='cannot look for|reload failed'
	mkdir "$DIR/conf.d"
	write_including_config 'conf.d/*.ini'
	mv "$DIR/part.ini" "$DIR/conf.d"
	let_others_in
	start_watched "${NOBODY[@]}"
	hold_client
	chmod 700 "$DIR/conf.d"
	refuses_reload 4 "$PLACE: cannot look for \"conf.d/*.ini\": Permission denied"
	assert_equal "$(said_by "unix:$DIR/part.sock")" hello
	run -78 timeout 10 "${NOBODY[@]}" "$PREFORKD" -t \
		-c "$CONFIG"
	assert_output "$PLACE: cannot look for \"conf.d/*.ini\": Permission denied"
	chmod 755 "$DIR/conf.d"
	run -0 ctl reload
	release_client
	# One that is not there at all is empty.
	rm -r "$DIR/conf.d"
	run -0 ctl reload
	wait_until 5 no_worker_drains
	assert_not_exist "$DIR/part.sock"
	take_baseline
}
