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

is_stopped() {
	grep -q '^State:[[:space:]]*[Tt]' "/proc/$1/status"
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
		tls_certificate = x
		#! unknown setting "tls_certificate" in [service x]; preforkd --explain lists all
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

@test "fault 51: a storm of HUPs is coalesced, and the server serves on" {
	write_two_pools
	start_watched
	start_load "$(port echo)"
	local i
	for ((i = 0; i < 200; i++)); do
		((i % 20)) || touch_workers
		kill -HUP "$SERVER"
	done
	run -0 ctl reload
	run -0 end_load
	assert_output --partial "refused=0 unanswered=0 broken=0"
	# Each took the file up as it was; none made more than there was.
	assert [ "$(ctl_json status | jq '.pools[0].generation')" -le 12 ]
	assert_equal "$(status_of failed_reloads)" 0
	wait_until 8 no_worker_drains
	assert_equal "$(descendants "$SERVER" | wc -l)" 3
}

@test "fault 52: a long connection drains until drain_timeout, visibly" {
	write_two_pools
	set_setting drain_timeout 1s
	start_watched
	local fd old
	hold fd "$(port echo)"
	echoes "$fd"
	old=$(ctl_json workers | jq '.[] | select(.connections == 1) | .pid')
	touch_workers
	run -0 ctl reload
	echoes "$fd"
	ctl_json workers >"$DIR/workers"
	run -0 jq -r ".[] | select(.pid == $old) | .state, .role" "$DIR/workers"
	assert_output $'draining\ndraining'
	wait_until 5 has_title "$old" draining
	run -0 timeout 5 cat <&"$fd"
	assert_output ""
	wait_gone "$old" 3
	wait_until 3 no_worker_drains
	run ! log_has "(pid $old) killed"
}

has_title() {
	tr '\0' ' ' <"/proc/$1/cmdline" | grep -q "$2"
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
