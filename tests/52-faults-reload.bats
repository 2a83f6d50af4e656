# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# docs/faults.md, rows 47 to 57: configurations that are cut, wrong or not the
# operator's, and reloads at the worst moments.

setup() {
	load faults
	faults_setup
}

teardown() {
	faults_teardown
}

# --- verbs -------------------------------------------------------------------

is_served() {
	[ "$(tcp "$(port echo)" <<<hello)" = hello ]
}

status_of() {
	ctl_json status | jq -r ".$1"
}

status_is() {
	[ "$(status_of "$1")" = "$2" ]
}

remember() {
	FORMER=$(everything)
}

assert_nothing_changed() {
	assert_equal "$(everything)" "$FORMER"
	run -0 ctl health
	is_served
}

# What is wrong with the file at $CONFIG is told with its place, by -t and by a
# reload alike; a reload by HUP fails as well, and says so in the log.
assert_refused() {
	local failed told
	WANTED=78 check
	told=$output
	assert_output --regexp "^$CONFIG:([0-9]+:)? "
	failed=$(status_of failed_reloads)
	run -4 ctl reload
	assert_output --partial "$told"
	kill -HUP "$SERVER"
	wait_until 10 status_is failed_reloads $((failed + 2))
	grep -qF ": error: ${told%%$'\n'*}" "$LOG"
	output=$told
}

# refuses_lines TEXT MESSAGE...: a good configuration with TEXT (as printf %b
# has it) behind it has just these errors, each "N: what", N counted from the
# first line of TEXT.
refuses_lines() {
	local message number first wanted=
	first=$(($(wc -l <"$DIR/good") + 1))
	{
		cat "$DIR/good"
		printf '%b' "$1"
	} >"$CONFIG"
	shift
	for message; do
		number=${message%%:*}
		wanted+="$CONFIG:$((first + number - 1)):${message#*:}"$'\n'
	done
	assert_refused
	assert_equal "$(sort <<<"$output")" "$(sort <<<"${wanted%$'\n'}")"
}

# --- files that are cut ------------------------------------------------------

@test "fault 47: a file that is cut anywhere changes nothing" {
	LOG_ERRORS='preforkd.ini|reload failed'
	write_echo_config
	start_watched
	remember
	local size n
	cp "$CONFIG" "$DIR/whole"
	size=$(stat -c %s "$DIR/whole")
	# The last byte is a newline, which may be missing.
	for ((n = 0; n < size - 1; n += 7)); do
		head -c "$n" "$DIR/whole" >"$CONFIG"
		run -4 ctl reload
		assert_output --regexp "$CONFIG:([0-9]+:)? "
	done
	head -c $((size - 2)) "$DIR/whole" >"$CONFIG"
	assert_refused
	assert_nothing_changed
	head -c $((size - 1)) "$DIR/whole" >"$CONFIG"
	run -0 ctl reload
	is_served
}

# stops_in CALL N: the supervisor stops in its N-th such call on the file.
stops_in() {
	background strace -qq -o /dev/null -p "$SERVER" -P "$CONFIG" \
		-e inject="$1:signal=STOP:when=$2"
	wait_until 10 is_traced "$SERVER"
}

# changed_while_read CALL N COMMAND...: which changes the file while the
# supervisor is there, on its way through it. That reload is refused, the next
# one is not.
changed_while_read() {
	LOG_ERRORS='cannot be read: it has changed|reload failed'
	write_echo_config
	start_watched
	remember
	local asking
	stops_in "$1" "$2"
	timeout 20 "$PREFORKCTL" -s "$SOCKET" reload >"$DIR/answer" 2>&1 \
		3>&- 4>&- &
	asking=$!
	wait_until 10 is_stopped "$SERVER"
	"${@:3}"
	end_injection_of "$SERVER"
	kill -CONT "$SERVER"
	wait "$asking" || assert_equal "$?" 4
	grep -qF "$CONFIG: cannot be read: it has changed while it was read" \
		"$DIR/answer"
	assert_nothing_changed
	run -0 ctl reload
}

end_injection_of() {
	end_background
	wait_until 10 is_not_traced "$1"
}

append_service() {
	printf '[service late]\nhandler = echo\nlisten = unix:%s/late\n' \
		"$DIR" >>"$CONFIG"
}

cut_and_write() {
	local whole
	whole=$(cat "$CONFIG")
	head -c 20 <<<"$whole" >"$CONFIG"
	printf '%s\n# %s\n' "$whole" "$(long 100)" >"$CONFIG"
}

@test "fault 47: a file that is written while it is read is refused" {
	changed_while_read read 1 append_service
	run -0 timeout 5 socat - "unix:$DIR/late" <<<hello
	assert_output hello
	wait_until 5 no_worker_drains
	take_baseline
}

@test "fault 47: so is one that is written anew between look and read" {
	changed_while_read fstat,newfstatat 1 cut_and_write
}

# Writes the file again and again, in place and in two parts, as no editor
# should; NODELAY is another value each time.
rewrite_in_place() {
	# shellcheck disable=SC2016 # for the inner shell
	background bash -c '
		while :; do
			for value in no yes; do
				whole=$(sed "s/^nodelay = .*/nodelay = $value/" \
					"$1/whole")
				echo "${whole::150}" >"$2"
				read -rt 0.01 <> <(:)
				printf "%s\n" "$whole" >"$2"
				read -rt 0.03 <> <(:)
			done
		done' bash "$DIR" "$CONFIG"
}

@test "fault 47: clients notice nothing of a file in the making" {
	LOG_ERRORS='preforkd.ini|reload failed'
	write_echo_config
	echo "nodelay = yes" >>"$CONFIG"
	start_watched
	cp "$CONFIG" "$DIR/whole"
	start_load "$(port echo)"
	rewrite_in_place
	local i
	for ((i = 0; i < 100; i++)); do
		kill -HUP "$SERVER"
		read -rt 0.01 <> <(:) || :
	done
	wait_until 10 some_of_both
	end_background
	cp "$DIR/whole" "$CONFIG"
	run -0 ctl reload
	run -0 end_load
	assert_output --regexp '^good=[1-9][0-9]+ refused=0 unanswered=0 broken=0$'
	wait_until 8 no_worker_drains
}

# Reloads that failed and reloads that did not.
some_of_both() {
	kill -HUP "$SERVER"
	[ "$(status_of failed_reloads)" -ge 1 ] && [ "$(status_of reloads)" -ge 1 ]
}

# --- lines that are wrong ----------------------------------------------------

# An echo service, last in its file, with a banner that must stay.
start_with_banner() {
	LOG_ERRORS='preforkd.ini|reload failed'
	write_echo_config
	echo "banner = good" >>"$CONFIG"
	cp "$CONFIG" "$DIR/good"
	start_watched
	remember
}

is_served_with_banner() {
	assert_equal "$(tcp "$(port echo)" </dev/null)" good
}

assert_nothing_was_taken_up() {
	assert_equal "$(everything)" "$FORMER"
	run -0 ctl health
	is_served_with_banner
}

@test "fault 48: no part of a line that is too long is taken up" {
	start_with_banner
	# inih would go on with the rest as if it were a line of its own.
	refuses_lines "idle_timeout = $(long 4081)evil=1\n" \
		"1: the line has 4102 bytes, at most 4095 are allowed"
	refuses_lines "# $(long 5000)\n[service evil]\n" \
		"1: the line has 5002 bytes, at most 4095 are allowed" \
		'2: [service evil] has no "handler", which is needed' \
		'2: [service evil] has no "listen", which is needed'
	assert_nothing_was_taken_up
}

@test "fault 48: a long value comes whole to the client" {
	local n
	start_with_banner
	for n in 200 300 3000; do
		cp "$DIR/good" "$CONFIG"
		set_setting banner "$(long "$n")evil=1"
		run -0 ctl reload
		assert_equal "$(tcp "$(port echo)" </dev/null)" "$(long "$n")evil=1"
	done
	wait_until 5 no_worker_drains
}

@test "fault 49: an indented line is refused and continues nothing" {
	local why='the line is indented; values are not continued, each setting begins at the left'
	start_with_banner
	refuses_lines '  evil=1\n' "1: $why"
	refuses_lines '\tmore\n idle_timeout = 1s\n \t[service x]\n' \
		"1: $why" "2: $why" "3: $why"
	assert_nothing_was_taken_up
}

@test "fault 50: NUL, carriage returns and a byte order mark in the middle" {
	start_with_banner
	refuses_lines 'nodelay = yes\0 no\n' \
		"1: there is a NUL byte in the line"
	refuses_lines '\0\n[service evil]\0\n' \
		"1: there is a NUL byte in the line" \
		"2: there is a NUL byte in the line"
	refuses_lines 'nodelay = yes\rkeepalive = yes\r' \
		"1: there is a carriage return in the line; lines end with a newline"
	refuses_lines '\0357\0273\0277nodelay = yes\n' \
		'1: there is a byte order mark in the line; only a file may begin with one'
	refuses_lines '\0357\0273\0277[service evil]\n' \
		'1: there is a byte order mark in the line; only a file may begin with one'
	assert_nothing_was_taken_up
	# What some editors make of a file changes nothing.
	{
		printf '\357\273\277'
		sed 's/$/\r/' "$DIR/good"
	} >"$CONFIG"
	check
	run -0 ctl reload plan
	assert_output "nothing changes"
}

@test "fault 50: lines that are no settings" {
	start_with_banner
	refuses_lines '= v\nnodelay: yes\njunk\n[service y\n' \
		'1: there is no name before the =' \
		'2: "nodelay: yes" has a : where the = is expected; a setting is written name = value' \
		'3: "junk" has no =; a setting is written name = value' \
		'4: "[service y" has no ]; a section is [name]' \
		'4: [service y] has no "handler", which is needed' \
		'4: [service y] has no "listen", which is needed'
	assert_nothing_was_taken_up
}

@test "fault 50: names that inih would cut" {
	local section setting
	start_with_banner
	section="service $(long 52)"
	setting=$(long 60)
	refuses_lines "[$section]\nhandler = echo\n" \
		'1: the name of the section has more than 48 bytes'
	refuses_lines "$setting = 1\n" \
		'1: the name of the setting has more than 48 bytes'
	assert_nothing_was_taken_up
}

@test "fault 50: sections that are wrong" {
	refuses <<-'END'
		[servcie a]
		#! unknown section [servcie a], did you mean [service]?
		[daemon]
		#! unknown section [daemon]; there are [preforkd], [pool NAME] and [service NAME]
		[preforkd x]
		#! [preforkd x] needs no name: write [preforkd]
		[service]
		#! [service] needs a name of 1 to 32 letters, digits, _, - and .
		[pool a b]
		#! [pool a b] needs a name of 1 to 32 letters, digits, _, - and .
		[service 123456789012345678901234567890123]
		#! [service 123456789012345678901234567890123] needs a name of 1 to 32 letters, digits, _, - and .
		[]
		#! the section has no name
		[service x] y
		#! "y" stands behind the section; nothing may
		handler = echo
		listen = tcp://127.0.0.1:0
	END
}

@test "fault 50: duplicates name the place of the first" {
	refuses <<-'END'
		[preforkd]
		log = stderr
		[service x]
		handler = echo
		handler = hello
		#! "handler" is set already, at @/preforkd.ini:4
		listen = tcp://127.0.0.1:0
		banner = 1
		banner = 1
		#! "banner" is set already, at @/preforkd.ini:8
		[preforkd]
		#! [preforkd] is there already, at @/preforkd.ini:1
		[service x]
		#! [service x] is there already, at @/preforkd.ini:3
		handler = nonsense
	END
}

@test "fault 50: a setting that is unknown, or of another section" {
	refuses <<-'END'
		[preforkd]
		workers = 4
		#! "workers" does not belong in [preforkd]; it is a setting of [pool]
		[service x]
		handler = hello
		listen = tcp://127.0.0.1:0
		banner = hi
		#! "banner" does not belong in [service x]; it is a setting of handler "echo"
		greetings = hi
		#! unknown setting "greetings" in [service x], did you mean "greeting"?
		frobnicate = x
		#! unknown setting "frobnicate" in [service x]; preforkd --explain lists all
		Listen = tcp://127.0.0.1:0
		#! unknown setting "Listen" in [service x], did you mean "listen"?
	END
}

@test "fault 50: what is there twice, or unknown, is no change of what serves" {
	local place
	start_with_banner
	place=$CONFIG:$(grep -n '^banner' "$CONFIG" | cut -d: -f1)
	refuses_lines 'banner = evil\n' "1: \"banner\" is set already, at $place"
	place=$CONFIG:$(grep -n '^\[service echo' "$CONFIG" | cut -d: -f1)
	refuses_lines '[service echo]\nbanner = evil\n' \
		"1: [service echo] is there already, at $place"
	refuses_lines 'Banner = evil\n[service x] junk\nhandler = echo\nlisten = tcp://127.0.0.1:0\n' \
		'1: unknown setting "Banner" in [service echo], did you mean "banner"?' \
		'2: "junk" stands behind the section; nothing may'
	assert_nothing_was_taken_up
}

# --- reloads at the worst moments --------------------------------------------

# A daemon that has reloaded before: what it keeps for the next time is no leak.
start_warm() {
	start_watched
	touch_workers
	run -0 ctl reload
	wait_until 8 no_worker_drains
	take_baseline
}

# hup_storm SECONDS: 200 HUPs a second, and how many there were. Meanwhile the
# file changes ten times a second, so that the workers are to be new, each time
# whole: N_CHANGES in the file "changes".
hup_storm() {
	timeout 40 python3 - "$SERVER" "$CONFIG" "$1" "$DIR/changes" <<-'END'
		import os, re, signal, sys, time
		pid, config, seconds, changes = sys.argv[1:]
		with open(config) as file:
		    text = file.read()
		start = time.monotonic()
		sent = changed = 0
		while time.monotonic() - start < float(seconds):
		    if (time.monotonic() - start) * 10 >= changed:
		        changed += 1
		        value = ("yes", "no")[changed % 2]
		        with open(config + ".new", "w") as file:
		            file.write(re.sub("nodelay = .*", "nodelay = " + value, text))
		        os.rename(config + ".new", config)
		    os.kill(int(pid), signal.SIGHUP)
		    sent += 1
		    time.sleep(max(0, start + sent / 200 - time.monotonic()))
		with open(changes, "w") as file:
		    print(changed, file=file)
		print(sent)
	END
}

@test "fault 51: of 600 HUPs in 3 seconds no client notices anything" {
	write_two_pools
	set_setting drain_timeout 1s
	start_warm
	local fd second sent changes reloads
	second=$(worker_pids second)
	hold fd "$(port echo)"
	echoes "$fd"
	start_load "$(port echo)"
	sent=$(hup_storm 3)
	# The same command door is open.
	run -0 ctl reload
	run -0 end_load
	assert_output --regexp '^good=[1-9][0-9]+ refused=0 unanswered=0 broken=0$'
	assert [ "$sent" -ge 300 ]
	# What came while a reload was under way is one more, not many.
	reloads=$(status_of reloads)
	assert [ "$reloads" -ge 1 ]
	assert [ "$reloads" -le $((sent + 2)) ]
	assert_equal "$(status_of failed_reloads)" 0
	# There is a generation for a change at most, and none for a HUP alone.
	changes=$(cat "$DIR/changes")
	assert [ "$(status_of 'pools[0].generation')" -le $((changes + 2)) ]
	assert [ "$(status_of 'pools[0].generation')" -ge 3 ]
	assert_equal "$(worker_pids second)" "$second"
	# The long connection was cut after its time, no old one is left.
	run -0 timeout 5 cat <&"$fd"
	release "$fd"
	wait_until 5 no_worker_drains
}

# A connection that stays with each of the generations.
@test "fault 51: old generations do not outlive drain_timeout, however many" {
	write_two_pools
	set_setting drain_timeout 2s
	start_warm
	local fd i
	for i in 2 3 4 5; do
		hold fd "$(port echo)"
		echoes "$fd"
		touch_workers
		run -0 ctl reload
	done
	# Each is there, with its number, and only those that still serve.
	run -0 jq -r '.[] | select(.role == "draining" and .connections == 1) |
		.generation' <(ctl_json workers)
	assert_equal "$(sort -n <<<"$output")" "$(seq 2 5)"
	assert_equal "$(status_of 'pools[0].generation')" 6
	wait_until 8 no_worker_drains
	assert_equal "$(counter echo closed_drain)" 4
	run ! log_has 'killed'
}

@test "fault 51: an old worker that does not go is killed, in each of them" {
	LOG_ERRORS='still there after its time to drain'
	write_two_pools
	set_setting drain_timeout 300ms
	start_watched
	local i stuck=() pid
	for i in 1 2 3; do
		stuck+=("$(worker_pid 1)")
		kill -STOP "${stuck[-1]}"
		touch_workers
		run -0 ctl reload
	done
	is_served
	for pid in "${stuck[@]}"; do
		wait_gone "$pid" 8
		log_has "(pid $pid) killed: still there after its time to drain"
	done
	wait_until 5 no_worker_drains
}

@test "fault 52: a long connection drains until drain_timeout, visibly" {
	write_two_pools
	set_setting drain_timeout 3s
	start_watched
	local fd old id
	hold fd "$(port echo)"
	echoes "$fd"
	old=$(ctl_json workers | jq '.[] | select(.connections == 1) | .pid')
	touch_workers
	run -0 ctl reload
	echoes "$fd"
	ctl_json workers >"$DIR/workers"
	run -0 jq -r ".[] | select(.pid == $old) | .state, .role, .generation" \
		"$DIR/workers"
	assert_output $'draining\ndraining\n1'
	assert_equal "$(status_of 'pools[0] | .draining, .connections')" $'1\n1'
	assert_equal "$(counter echo active)" 1
	run -0 jq -r '.[].worker' <(ctl_json connections echo)
	assert_output --regexp '^default/[12]'
	wait_until 5 has_title "$old" draining
	# Who comes now is not its client.
	is_served
	run -0 timeout 10 cat <&"$fd"
	assert_output ""
	release "$fd"
	wait_gone "$old" 5
	wait_until 5 no_worker_drains
	run ! log_has "(pid $old) killed"
	assert_equal "$(counter echo closed_drain)" 1
	assert_equal "$(counter echo active)" 0
}

@test "fault 52: an old worker goes with its last connection, not later" {
	write_two_pools
	set_setting drain_timeout 30s
	start_watched
	local fd old pid
	hold fd "$(port echo)"
	echoes "$fd"
	old=$(ctl_json workers | jq '.[] | select(.connections == 1) | .pid')
	pid=$(worker_pids | grep -vx "$old")
	touch_workers
	run -0 ctl reload
	# Its sibling has nothing to wait for.
	wait_gone "$pid" 5
	kill -0 "$old"
	# It finishes what it has begun, also beside a second new generation.
	touch_workers
	run -0 ctl reload
	echoes "$fd"
	kill -0 "$old"
	release "$fd"
	wait_gone "$old" 5
	assert_equal "$(counter echo closed_drain)" 0
}

has_title() {
	tr '\0' ' ' <"/proc/$1/cmdline" | grep -q "$2"
}

# --- reloads while workers crash, and while the daemon stops -----------------

# begin_reload: it waits for new workers that are stopped before they are ready;
# the old ones are OLD, the new ones NEW. end_reload STATUS TEXT: its answer.
begin_reload() {
	local pid
	without_leak_check
	mapfile -t OLD < <(worker_pids)
	touch_workers
	stop_new_workers
	timeout 20 "$PREFORKCTL" -s "$SOCKET" reload >"$DIR/answer" 2>&1 \
		3>&- 4>&- &
	ASKING=$!
	wait_until 10 new_workers_are_stopped
	mapfile -t NEW < <(new_workers)
	end_background
	wait_until 10 is_not_traced "$SERVER"
	for pid in "${NEW[@]}"; do
		wait_until 10 is_not_traced "$pid"
	done
}

new_workers() {
	ctl_json workers default | jq -r \
		'.[] | select(.role == "starting") | .pid'
}

new_workers_are_stopped() {
	local pid
	[ "$(new_workers | wc -l)" = 2 ] || return 1
	for pid in $(new_workers); do
		is_stopped "$pid" || return 1
	done
}

end_reload() {
	local ended=0
	wait "$ASKING" || ended=$?
	run -0 cat "$DIR/answer"
	assert_output --partial "$2"
	assert_equal "$ended" "$1"
}

@test "fault 53: an old worker that crashes meanwhile is replaced, then renewed" {
	write_two_pools
	start_watched
	begin_reload
	kill -KILL "${OLD[0]}"
	wait_until 5 log_has "(pid ${OLD[0]}) killed by signal 9"
	# Nobody waits for the reload.
	wait_until 5 ready_workers_are 2
	is_served
	kill -CONT "${NEW[@]}"
	end_reload 0 'reload done'
	assert_equal "$(worker_pids)" "$(printf '%s\n' "${NEW[@]}")"
	wait_until 8 no_worker_drains
	is_served
}

@test "fault 53: all old workers at once, and no client is refused" {
	write_two_pools
	start_watched
	begin_reload
	start_load "$(port echo)"
	wait_until 10 has_served_some
	kill -KILL "${OLD[@]}"
	wait_until 5 ready_workers_are 2
	kill -CONT "${NEW[@]}"
	end_reload 0 'reload done'
	run -0 end_load
	assert_output --partial "refused=0"
	wait_until 8 no_worker_drains
}

has_served_some() {
	[ "$(counter echo accepted)" -gt 50 ]
}

@test "fault 53: a new worker that dies before it is ready fails the reload" {
	LOG_ERRORS='reload failed'
	write_two_pools
	start_watched
	remember
	begin_reload
	kill -KILL "${NEW[1]}"
	end_reload 1 "did not start: worker default/2 (pid ${NEW[1]}) killed by signal 9 (KILL)"
	wait_gone "${NEW[0]}" 5
	wait_until 5 no_worker_drains
	assert_nothing_changed
	log_has 'reload failed: worker default/2 did not start'
	# The next one is not the worse for it.
	run -0 ctl reload
	wait_until 8 no_worker_drains
	is_served
}

@test "fault 53: so does one that was ready, when others are not" {
	LOG_ERRORS='reload failed'
	write_two_pools
	start_watched
	remember
	begin_reload
	kill -CONT "${NEW[0]}"
	wait_until 5 log_has "(pid ${NEW[0]}) ready"
	kill -KILL "${NEW[0]}"
	end_reload 1 "(pid ${NEW[0]}) killed by signal 9 (KILL)"
	wait_gone "${NEW[1]}" 5
	wait_until 5 no_worker_drains
	assert_nothing_changed
	run -0 ctl reload
	wait_until 8 no_worker_drains
}

@test "fault 53: an old worker that crashes while it drains is not replaced" {
	write_two_pools
	start_watched
	local fd old
	hold fd "$(port echo)"
	echoes "$fd"
	old=$(ctl_json workers | jq '.[] | select(.connections == 1) | .pid')
	touch_workers
	run -0 ctl reload
	kill -KILL "$old"
	wait_until 5 log_has "(pid $old) killed by signal 9 .* 1 connections lost"
	release "$fd"
	wait_until 5 no_worker_drains
	ready_workers_are 2
	run -0 ctl health
}

@test "fault 53: a pool in back-off takes up what mends it, without orphans" {
	write_two_pools
	start_watched
	local i pid
	for i in 1 2 3 4 5; do
		wait_until 5 slot_is_ready 1
		pid=$(slot_pid 1)
		kill -KILL "$pid"
		wait_until 5 log_has "(pid $pid) killed"
	done
	log_has 'default/1 starts again in 800 ms'
	touch_workers
	run -0 ctl reload
	run -0 ctl health
	wait_until 8 no_worker_drains
	# The old slot's time comes after 800 ms, and nothing comes of it.
	sleep 1
	assert_equal "$(n_processes)" "$BASELINE_PROCESSES"
}

# Every worker that the log knows of.
assert_all_are_gone() {
	local pid pids
	pids=$(sed -n 's/.*: worker .* (pid \([0-9]*\)) started$/\1/p' "$LOG")
	assert [ -n "$pids" ]
	for pid in $pids; do
		assert is_gone "$pid"
	done
}

@test "fault 53: TERM that comes with HUP wins" {
	local i fd
	write_two_pools
	set_setting drain_timeout 20s
	for i in 1 2 3; do
		start_server
		mapfile -t WORKERS < <(descendants "$SERVER")
		hold fd "$(port echo)"
		echoes "$fd"
		touch_workers
		# Both are there when it looks.
		kill -STOP "$SERVER"
		if ((i % 2)); then
			kill -HUP "$SERVER"
			kill -TERM "$SERVER"
		else
			kill -TERM "$SERVER"
			kill -HUP "$SERVER"
		fi
		kill -CONT "$SERVER"
		wait_until 5 log_has 'no longer accepting'
		echoes "$fd"
		release "$fd"
		assert_stops_within 5
		assert_all_are_gone
		run ! log_has 'reload done'
		: >"$LOG"
	done
}

@test "fault 53: nothing is taken up, or started, while it stops" {
	write_two_pools
	set_setting drain_timeout 10s
	start_server
	local fd pid
	mapfile -t WORKERS < <(descendants "$SERVER")
	hold fd "$(port echo)"
	echoes "$fd"
	pid=$(ctl_json workers | jq '.[] | select(.connections == 1) | .pid')
	touch_workers
	kill -TERM "$SERVER"
	wait_until 5 log_has 'no longer accepting'
	kill -HUP "$SERVER"
	run -1 ctl reload
	assert_output --partial 'the daemon is stopping'
	run -1 ctl restart
	wait_until 5 processes_are 1
	echoes "$fd"
	# Nor is who crashes replaced.
	kill -KILL "$pid"
	release "$fd"
	assert_stops_within 5
	assert_all_are_gone
	run ! log_has 'reload begins'
}

processes_are() {
	[ "$(n_processes)" = "$1" ]
}

# --- generations that cannot start -------------------------------------------

pools_are() {
	[ "$(status_of 'pools | length')" = "$1" ]
}

@test "fault 54: new workers that cannot start fail the reload as a whole" {
	LOG_ERRORS='root folder|chroot|reload failed'
	write_two_pools
	start_watched
	local fd
	hold fd "$(port echo)"
	remember
	touch_workers
	set_setting workers 2
	sed -i "/^\[pool default\]/a chroot = $DIR/nowhere" "$CONFIG"
	run -1 ctl reload
	assert_output --partial "$DIR/nowhere"
	wait_until 5 no_worker_drains
	echoes "$fd"
	release "$fd"
	assert_nothing_changed
	assert_equal "$(status_of failed_reloads)" 1
	log_has 'reload failed: worker default/. did not start'
}

@test "fault 54: a new pool that cannot start is not there afterwards" {
	LOG_ERRORS='root folder|chroot|reload failed|not started again'
	write_two_pools "" "watchdog = 1s"
	start_watched
	remember
	printf '[pool new]\nwatchdog = 1s\nchroot = %s/nowhere\n' "$DIR" \
		>>"$CONFIG"
	add_service new echo tcp://127.0.0.1:0 "pool = new"
	run -1 ctl reload
	wait_until 5 pools_are 2
	assert_nothing_changed
	assert_baseline
	# Timers that look at all pools find nothing of it.
	sleep 0.6
	mkdir "$DIR/nowhere"
	run -0 ctl reload
	run -0 tcp "$(port new)" <<<"hello"
	assert_output hello
	rmdir "$DIR/nowhere"
	take_baseline
}

@test "fault 54: workers that are not ready in time fail it as a whole" {
	LOG_ERRORS='start_timeout'
	write_two_pools "start_timeout = 300ms"
	start_watched
	remember
	touch_workers
	stop_new_workers
	run -1 ctl reload
	assert_output --partial start_timeout
	end_background
	wait_until 5 no_worker_drains
	assert_nothing_changed
}

@test "fault 54: whatever a new worker may not do, the reason is told" {
	LOG_ERRORS='worker default/.: cannot|reload failed'
	without_leak_check
	write_two_pools
	start_watched
	remember
	local row call failed=0
	touch_workers
	# What fails only in the worker, and how that is told.
	for row in 'setresuid:error=EAGAIN|cannot become user "nobody": Resource temporarily unavailable' \
		'setresgid:error=EPERM|cannot take group of "nobody": Operation not permitted' \
		'setgroups:error=EPERM|cannot take groups of "nobody": Operation not permitted' \
		'epoll_create1:error=EMFILE|cannot set up the event loop: Too many open files'; do
		call=${row%%|*}
		background strace -f -qq -o /dev/null -p "$SERVER" \
			-e inject="$call"
		wait_until 10 is_traced "$SERVER"
		run -1 ctl reload
		assert_output --partial 'did not start: '
		assert_output --partial "${row#*|}"
		failed=$((failed + 1))
		end_background
		wait_until 10 is_not_traced "$SERVER"
		assert_equal "$(status_of failed_reloads)" "$failed"
		wait_until 5 no_worker_drains
		assert_nothing_changed
	done
	run -0 ctl reload
	wait_until 8 no_worker_drains
}

# --- the program itself ------------------------------------------------------

# The daemon as a copy of its own, which a test can take away.
start_copy() {
	mkdir "$DIR/bin"
	cp "$PREFORKD" "$DIR/bin/preforkd"
	PREFORKD=$DIR/bin/preforkd
	start_watched
}

# Workers die, are replaced and renewed, and names are looked up.
assert_all_works() {
	local before
	before=$(slot_pid 1)
	kill -KILL "$before"
	wait_until 5 slot_is_replaced 1 "$before"
	touch_workers
	run -0 ctl reload
	run -0 ctl restart
	wait_until 8 no_worker_drains
	add_service local echo tcp://localhost:0
	run -0 ctl reload
	run -0 tcp "$(port local)" <<<hello
	assert_output hello
	is_served
	wait_until 8 no_worker_drains
	take_baseline
}

slot_is_replaced() {
	local pid
	pid=$(slot_pid "$1")
	[ -n "$pid" ] && [ "$pid" != "$2" ]
}

@test "fault 56: a daemon whose program was deleted goes on in every way" {
	write_two_pools
	start_copy
	rm "$PREFORKD"
	run -0 readlink "/proc/$SERVER/exe"
	assert_output --partial '(deleted)'
	assert_all_works
}

@test "fault 56: one whose program was replaced is the old one until it ends" {
	write_two_pools
	start_copy
	printf '#!/bin/sh\ntouch "%s"\n' "$DIR/was-run" >"$DIR/bin/new"
	chmod +x "$DIR/bin/new"
	mv "$DIR/bin/new" "$PREFORKD"
	assert_all_works
	assert_not_exist "$DIR/was-run"
	# It cannot be written over while it runs, either.
	run ! cp "$PREFORKD" "/proc/$SERVER/exe"
	stop_server
	# The next start is the new one's.
	"$PREFORKD"
	assert_exist "$DIR/was-run"
}

# --- whose configuration it is -----------------------------------------------

ADVICE="only root, or the user that runs the daemon, should be able to"

# warns FILE TEXT: -t, a start and a reload all tell, and go on.
warns() {
	local line="$1: $2; $ADVICE"
	check
	assert_line "warning: $line"
	assert_line --partial ': good, '
	start_watched
	grep -qF ": warn: $line" "$LOG"
	: >"$LOG"
	run -0 ctl reload
	assert_line "warning: $line"
	assert_line --partial 'reload done'
	grep -qF ": warn: $line" "$LOG"
	run -0 jq -r .status <(ctl_json reload)
	is_served
	assert_baseline
	stop_server
	: >"$LOG"
}

# Nobody is warned of anything.
is_fine() {
	check
	refute_output --partial warning
	start_watched
	run ! log_has ': warn: '
	run -0 ctl reload
	refute_output --partial warning
	stop_server
}

@test "fault 57: a configuration that others may change is told of" {
	write_echo_config
	chmod 666 "$CONFIG"
	warns "$CONFIG" "everybody can change it (mode 0666)"
	chmod 664 "$CONFIG"
	chgrp "$(id -gn nobody)" "$CONFIG"
	warns "$CONFIG" "group \"$(id -gn nobody)\" can change it (mode 0664)"
	# Reading is for anybody to decide.
	chmod 644 "$CONFIG"
	is_fine
	chmod 400 "$CONFIG"
	is_fine
}

@test "fault 57: so is one that belongs to somebody else" {
	write_echo_config
	chown nobody "$CONFIG"
	warns "$CONFIG" 'user "nobody", whose file it is, can change it'
	chown 4294967 "$CONFIG"
	warns "$CONFIG" 'user 4294967, whose file it is, can change it'
}

@test "fault 57: included files are looked at as well, links at what they name" {
	write_echo_config
	printf 'nodelay = no\n' >"$DIR/more.ini"
	printf 'include = more.ini\n' >>"$CONFIG"
	chmod 666 "$DIR/more.ini"
	warns "$DIR/more.ini" "everybody can change it (mode 0666)"
	chmod 644 "$DIR/more.ini"
	ln -s more.ini "$DIR/link.ini"
	chown -h nobody "$DIR/link.ini"
	sed -i 's/^include.*/include = link.ini/' "$CONFIG"
	is_fine
	chown nobody "$DIR/more.ini"
	warns "$DIR/link.ini" 'user "nobody", whose file it is, can change it'
}

@test "fault 57: a log in a file has the warning, and who starts sees it" {
	write_echo_config "log = $DIR/daemon.log"
	chmod 666 "$CONFIG"
	start_watched
	grep -qF ": warn: $CONFIG: everybody can change it" "$DIR/daemon.log"
	grep -qF "preforkd: $CONFIG: everybody can change it" "$LOG"
}

@test "fault 57: who is not root may have it for himself and his group" {
	open_to_others
	write_echo_config
	chown nobody: "$CONFIG"
	chmod 664 "$CONFIG"
	check "${NOBODY[@]}"
	refute_output --partial warning
	chown root "$CONFIG"
	chmod 644 "$CONFIG"
	check "${NOBODY[@]}"
	refute_output --partial warning
	chmod 666 "$CONFIG"
	check "${NOBODY[@]}"
	assert_line "warning: $CONFIG: everybody can change it (mode 0666); $ADVICE"
	chown daemon "$CONFIG"
	chmod 644 "$CONFIG"
	check "${NOBODY[@]}"
	assert_line "warning: $CONFIG: user \"daemon\", whose file it is, can change it; $ADVICE"
}
