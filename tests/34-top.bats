# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# preforkctl top, on a terminal that tmux plays: what it shows, what its keys
# do, and that the terminal is given back whatever ends it.

setup() {
	load helpers
	common_setup
	# tmux ends what runs in it while its leak check may be under way, which
	# then waits for its own dead thread.
	without_leak_check
	# The path of a socket must be short.
	TMUX_FOLDER=$(mktemp -d "${TMPDIR:-/tmp}/topXXXXXX")
	TMUX_SOCKET=$TMUX_FOLDER/x
	unset TMUX
}

teardown() {
	local failed=0
	on_screen kill-server 2>/dev/null || :
	rm -rf "$TMUX_FOLDER"
	wait_until 10 none_is_left || failed=1
	common_teardown || failed=1
	return "$failed"
}

# --- verbs -------------------------------------------------------------------

none_is_left() {
	run ! pgrep -f "$SOCKET top"
}

on_screen() {
	tmux -S "$TMUX_SOCKET" -f /dev/null "$@" 3>&- 4>&-
}

# open_top [COLUMNS LINES]: in a shell that tells the end and waits.
open_top() {
	# A server that is on its way out still answers on its socket.
	TMUX_SOCKET+=x
	PROGRAM="'$PREFORKCTL' -s '$SOCKET' top 100ms"
	on_screen new-session -d -x "${1:-100}" -y "${2:-40}" \
		"LC_ALL=C.UTF-8 $PROGRAM; echo \"ended with \$?\"; stty -a; cat"
	shows "preforkd [0-9.]+ \(pid $SERVER\)"
}

screen() {
	on_screen capture-pane -p
}

screen_has() {
	screen | grep -qE -- "$1"
}

shows() {
	wait_until 10 screen_has "$1" || {
		screen >&2
		return 1
	}
}

screen_lacks() {
	run ! screen_has "$1"
}

press() {
	on_screen send-keys "$@"
}

# The column NAME of the rows of workers, from top to bottom.
workers_column() {
	screen | awk -v column="$1" '/^default\/[0-9]/ { print $column }'
}

workers_begin_with() {
	[ "$(workers_column 1 | head -n 1)" = "$1" ]
}

# busiest: the worker with most connections.
busiest() {
	ctl_json workers | jq -r 'max_by(.connections) | .worker'
}

# --- what it shows -----------------------------------------------------------

@test "top: pools, services and workers with their rates" {
	write_config "" "" <<-END
		[service echo]
		handler = echo
		listen = udp://127.0.0.1:0
		[service hello]
		handler = hello
		listen = tcp://127.0.0.1:0
		backlog = 77
	END
	start_server
	open_top
	shows '^POOL +STATE +WORKERS'
	shows '^default +ready +2 +0 +0 +0 '
	shows '^hello +0 +[0-9.k]+ +0 +[0-9.k]+ +[0-9.k]+ +0/77'
	shows '^echo .* -( |$)'
	shows "^default/1 +$(slot_pid 1) +ready +[0-9]+s +0 .* -\$"
	# Some hundred a second, for as long as it takes to be seen.
	PORT=$(port hello) background peers '
end = time.monotonic() + 20
while time.monotonic() < end:
    s = connect()
    s.recv(100)
    s.close()
    time.sleep(0.005)'
	shows '^hello +[0-9]+ +[1-9][0-9.]*k? .*[▂▃▄▅▆▇█]'
	shows '^[1-9][0-9.]*k? requests/s, '
}

@test "top: a worker that was killed shows its last exit" {
	write_echo_config
	start_server
	open_top
	kill -KILL "$(slot_pid 1)"
	shows '^default/1 .* KILL$'
	shows '^default +ready +2 +0 +0 +1 '
}

@test "top: fits any size, and follows when it changes" {
	write_echo_config "" "workers = 12"
	start_server
	open_top 60 15
	shows '^WORKER'
	run -0 screen
	assert [ "$(wc -l <<<"$output")" -le 15 ]
	on_screen resize-window -x 120 -y 40
	shows '^default/12 .* -$'
	on_screen resize-window -x 20 -y 4
	shows '^preforkd'
	on_screen resize-window -x 100 -y 40
	shows '^default/12 .* -$'
}

@test "top: keys sort, help is there and goes" {
	write_echo_config "" "workers = 3"
	start_server
	local fd
	hold fd "$(port echo)"
	echoes "$fd"
	open_top
	press c
	wait_until 10 workers_begin_with "$(busiest)"
	press n
	wait_until 10 workers_begin_with default/1
	press '?'
	shows 'by connections'
	press x
	wait_until 10 screen_lacks 'by connections'
	shows '^WORKER'
	release "$fd"
}

# --- what it does ------------------------------------------------------------

@test "top: a worker is drained when the question is answered with y" {
	write_echo_config
	start_server
	local fd old
	old=$(slot_pid 1)
	open_top
	press d
	shows 'mark a worker first'
	press j d
	shows "^drain worker default/1 \(pid $old\)\? y or n"
	press n
	wait_until 10 screen_lacks '\? y or n'
	press d
	shows "^drain worker default/1"
	press y
	shows 'worker default/1 finishes what it serves'
	wait_gone "$old"
	# Of the two questions only one was answered with yes.
	wait_until 5 ready_workers_are 2
	assert_equal "$(ctl_json stats | jq '.pools[0].started')" 3
}

@test "top: a worker is restarted at once, with its connections" {
	write_echo_config "" "workers = 1"
	start_server
	local fd old
	old=$(slot_pid 1)
	hold fd "$(port echo)"
	echoes "$fd"
	open_top
	press Down R
	shows "^restart worker default/1 \(pid $old\)\? y or n"
	press y
	shows 'worker default/1 leaves at once'
	wait_gone "$old"
	run ! echoes "$fd"
	release "$fd"
}

@test "top: a daemon that stands still does not hold the user" {
	write_echo_config
	start_server
	open_top
	kill -STOP "$SERVER"
	shows 'no answer for [0-9]+ s'
	press q
	shows 'ended with 0'
	kill -CONT "$SERVER"
}

@test "top: a daemon that is gone is waited for" {
	write_echo_config
	start_server
	open_top
	stop_server
	shows 'no daemon answers: .*; waiting for it'
	start_server
	shows "preforkd [0-9.]+ \(pid $SERVER\)"
	wait_until 10 screen_lacks 'no daemon answers'
}

# --- how it ends -------------------------------------------------------------

@test "top: gives the terminal back, whatever ends it" {
	write_echo_config
	start_server
	local pid how
	for how in q C-c TERM HUP; do
		open_top
		pid=$(pgrep -nf "$SOCKET top")
		case $how in
		TERM | HUP) kill -"$how" "$pid" ;;
		*) press "$how" ;;
		esac
		shows 'ended with 0'
		shows ' echo '
		shows ' icanon '
		on_screen kill-server
		wait_gone "$pid"
	done
}

@test "top: a terminal that takes nothing holds nobody" {
	write_echo_config
	start_server
	local pid
	open_top
	pid=$(pgrep -nf "$SOCKET top")
	press C-s
	# What is drawn meanwhile is more than a terminal keeps.
	for _ in 1 2 3 4 5 6 7 8; do
		on_screen resize-window -x 120 -y 50
		on_screen resize-window -x 100 -y 40
	done
	kill -KILL "$(slot_pid 1)"
	wait_until 5 slot_is_ready 1
	screen_lacks ' KILL$'
	press C-q
	shows ' KILL$'
	press C-s
	kill -TERM "$pid"
	shows 'ended with 0'
}

@test "top: ends when its terminal goes away" {
	write_echo_config
	start_server
	local pid
	open_top
	pid=$(pgrep -nf "$SOCKET top")
	on_screen kill-server
	wait_gone "$pid"
}

@test "top: without a terminal, a daemon or sense it says so" {
	write_echo_config
	run -5 ctl top
	assert_output --partial 'no daemon answers'
	start_server
	run -1 ctl top
	assert_output --partial 'are no terminal'
	local word
	for word in 1 50ms 2h soon -1; do
		run -2 ctl -- top "$word"
		assert_output --partial "the interval \"$word\" is not"
	done
	run -2 ctl top 1s 1s
	run -2 ctl -j top
	on_screen new-session -d -x 80 -y 24 \
		"TERM=nonsense '$PREFORKCTL' -s '$SOCKET' top; cat"
	shows 'this kind of terminal is unknown'
}
