# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# Completion of the programs for bash and zsh: what is offered is what the
# programs tell of themselves, no more and no less. The options and commands of
# --help come from the tables that the programs work with.

PROGRAMS="preforkd preforkctl preforkcat preforkbench preforksniff"

setup() {
	load helpers
	common_setup
	TMUX_FOLDER=
	cd "$DIR" || return
}

teardown() {
	[ -z "$TMUX_FOLDER" ] || close_terminal
	common_teardown
}

# --- what the programs tell ---------------------------------------------------

# options_of PROGRAM: "-h --help|ARGUMENT|this text", a line an option. Where
# one blank follows the name there is an argument.
options_of() {
	"$PREFORKD_BIN/$1" --help | sed -nE \
		's/^ +((-.), )?(--[a-z0-9-]+)( [^ ]+)? +(.*)/\2 \3|\4|\5/p' |
		sed 's/^ //'
}

# option_words PROGRAM: each by itself.
option_words() {
	options_of "$1" | cut -d '|' -f 1 | tr ' ' '\n'
}

# options_with_argument PROGRAM: the same, of those that take one.
options_with_argument() {
	options_of "$1" | sed -n 's/| .*//p' | tr ' ' '\n'
}

# commands_told: "name", a line a command, of preforkctl --help.
commands_told() {
	"$PREFORKCTL" --help | sed -nE 's/^ [ *]([a-z]+) .*/\1/p'
}

# The settings that --explain lists.
explained() {
	"$PREFORKD" --explain | awk '{ print $2 }'
}

# The words that a command takes, as they are: "stats text json prometheus".
words_told() {
	"$PREFORKCTL" --help | sed -nE \
		's/^ [ *]([a-z]+) \[?([a-z|]+)\]? +.*/\1 \2/p' | tr '|' ' '
}

commands_without_words() {
	"$PREFORKCTL" --help | sed -nE 's/^ [ *]([a-z]+)  +.*/\1/p'
}

# "ping|answer pong", a line a command.
commands_with_help() {
	"$PREFORKCTL" --help | sed -nE \
		's/^ [ *]([a-z]+) (.*[^ ])?  +([^ ].*)/\1|\3/p' | LC_ALL=C sort
}

# schemes_of PROGRAM: how an address begins, as its --help says.
schemes_of() {
	"$PREFORKD_BIN/$1" --help |
		grep -oE '\b[a-z+]+:(//|/path)' | sed 's|:/path|:|' | sort -u
}

# --- what bash offers ---------------------------------------------------------

# bash_offers LINE: what bash offers with the cursor at the end of LINE, sorted.
# The line is cut into words as readline(3) does.
bash_offers() {
	# shellcheck disable=SC2016 # for the inner shell
	PATH=$PREFORKD_BIN:$PATH bash --norc -c '
		COMP_LINE=$1 COMP_POINT=${#1} rest=$1 COMP_WORDS=()
		source "$2/${1%% *}" || exit
		while [[ $rest =~ ^\ *([:=]+|[^\ :=]+)(.*) ]]; do
			COMP_WORDS+=("${BASH_REMATCH[1]}")
			rest=${BASH_REMATCH[2]}
		done
		[[ $COMP_LINE != *\  ]] || COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		complete=($(complete -p "${1%% *}"))
		"${complete[2]}" "${1%% *}" "${COMP_WORDS[-1]}" \
			"${COMP_WORDS[-2]}"
		[ "${#COMPREPLY[@]}" = 0 ] || printf "%s\n" "${COMPREPLY[@]}"
	' bash "$1" "$ROOT/etc/completion/bash" | LC_ALL=C sort
}

# assert_bash_offers LINE WORDS...: these and no others.
assert_bash_offers() {
	local line=$1
	shift
	run -0 bash_offers "$line"
	assert_equal "$line: $output" \
		"$line: $(printf '%s\n' "$@" | LC_ALL=C sort)"
}

# A file and a folder of a name that nothing else has.
make_files() {
	touch "zz file"
	mkdir zzfolder
}

# A daemon with two pools; $CTL asks it.
with_daemon() {
	write_two_pools
	start_server
	CTL="preforkctl -s $SOCKET"
}

WORKERS_OF_TWO_POOLS="default default/1 default/2 second second/1"

# connection_ids: those that the daemon tells.
connection_ids() {
	ctl_json connections | jq -r '.[].id'
}

has_connections() {
	[ "$(connection_ids | wc -l)" = "$1" ]
}

# A daemon that takes a connection and never says a word.
silent_daemon() {
	background socat -u "UNIX-LISTEN:$SOCKET,fork" /dev/null
	wait_until 10 test -S "$SOCKET"
}

# --- a terminal ---------------------------------------------------------------

# open_terminal COMMAND...: on a wide terminal that tmux plays.
open_terminal() {
	# The path of a socket must be short.
	TMUX_FOLDER=$(mktemp -d "${TMPDIR:-/tmp}/cplXXXXXX")
	env -u TMUX PATH="$PREFORKD_BIN:$PATH" LC_ALL=C.UTF-8 ZDOTDIR="$DIR" \
		tmux -S "$TMUX_FOLDER/x" -f /dev/null \
		new-session -d -x 250 -y 70 "$@" 3>&- 4>&-
}

close_terminal() {
	tmux -S "$TMUX_FOLDER/x" kill-server 2>/dev/null || :
	rm -rf "$TMUX_FOLDER"
}

press() {
	tmux -S "$TMUX_FOLDER/x" send-keys "$@"
}

screen() {
	tmux -S "$TMUX_FOLDER/x" capture-pane -p
}

screen_has() {
	screen | grep -qxF -- "$1"
}

shows() {
	wait_until 20 screen_has "$1" || {
		screen >&2
		return 1
	}
}

open_bash() {
	cat >bashrc - "$ROOT"/etc/completion/bash/* <<<"PS1='> '"
	open_terminal bash --noprofile --rcfile "$DIR/bashrc" -i
	shows ">"
}

# assert_bash_completes LINE TO: the Tab key makes that of LINE. An underscore
# shows where it ends.
assert_bash_completes() {
	press C-u C-l
	press -l "$1"
	press Tab _
	shows "> $2_"
}

# --- what zsh offers ----------------------------------------------------------

# With a key, ^T, that lists what there is to choose from, and tells when it has
# done so.
open_zsh() {
	cat >.zshrc <<-END
		fpath=('$ROOT/etc/completion/zsh' \$fpath)
		autoload -Uz compinit && compinit -u -D
		PS1='> '
		list-and-tell() {
			zle list-choices
			zle -R
			print -r -- "\$BUFFER" >'$DIR/listed'
		}
		zle -N list-and-tell
		bindkey -e
		bindkey '^T' list-and-tell
	END
	open_terminal zsh -d -i
	shows ">"
}

# What zsh lists for LINE, below it.
zsh_lists() {
	rm -f listed
	press C-u C-l
	press -l "$1"
	press C-t
	wait_until 20 test -s listed
	screen | sed '/^> /d;/^$/d'
}

# The same, "--help -h|this text" a line, or a word a line if it has no text.
zsh_choices() {
	zsh_lists "$1" | awk '
	    match($0, / +-- /) {
		names = substr($0, 1, RSTART - 1)
		gsub(/ +/, " ", names)
		print names "|" substr($0, RSTART + RLENGTH)
		next
	    }
	    { gsub(/ +/, "\n"); sub(/\n$/, ""); print }' | LC_ALL=C sort
}

zsh_choices_are() {
	[ "$(zsh_choices "$1")" = "$2" ]
}

# assert_zsh_offers LINE CHOICES: what is on the screen may be a moment late.
assert_zsh_offers() {
	zsh_choices_are "$1" "$2" || wait_until 5 zsh_choices_are "$1" "$2" ||
		assert_equal "$1: $(zsh_choices "$1")" "$1: $2"
}

# sorted WORDS...: a line each.
sorted() {
	printf '%s\n' "$@" | LC_ALL=C sort
}

# quick OFFERS LINE: as long as one second of waiting takes, not two. OFFERS is
# bash_offers or zsh_choices.
quick() {
	local begin
	begin=$(now_ms)
	"$@"
	[ $(($(now_ms) - begin)) -lt 1900 ]
}

# --- the files ----------------------------------------------------------------

@test "completion: each program has both files, which are valid" {
	local program
	for program in "$PREFORKD_BIN"/prefork*; do
		program=${program##*/}
		[[ " $PROGRAMS " == *" $program "* ]]
		run -0 bash -n "$ROOT/etc/completion/bash/$program"
		assert_output ""
		run -0 zsh -n "$ROOT/etc/completion/zsh/_$program"
		assert_output ""
	done
	# Both ways.
	assert_equal "$(cd "$ROOT/etc/completion/bash" && echo *)" \
		"$(cd "$PREFORKD_BIN" && echo prefork*)"
	assert_equal "$(cd "$ROOT/etc/completion/zsh" && echo *)" \
		"$(cd "$PREFORKD_BIN" && printf '_%s\n' prefork* | xargs)"
}

# --- bash ---------------------------------------------------------------------

@test "completion, bash: each option of each program, and nothing else" {
	local program
	for program in $PROGRAMS; do
		# shellcheck disable=SC2046 # a list of words
		assert_bash_offers "$program -" $(option_words "$program")
	done
}

@test "completion, bash: behind an option that takes one comes its argument" {
	local program option
	for program in $PROGRAMS; do
		for option in $(options_with_argument "$program"); do
			run -0 bash_offers "$program $option "
			run ! grep -xE -e '-.|--.*|.*://|ping' <<<"$output"
		done
	done
	# As there is none here.
	assert_equal "$(options_with_argument preforkcat | wc -w)" 11
}

@test "completion, bash: addresses" {
	local program
	make_files
	for program in preforkcat preforkbench preforksniff; do
		# shellcheck disable=SC2046 # a list of words
		assert_bash_offers "$program " $(schemes_of "$program")
		assert_bash_offers "$program tcp:" //
		assert_bash_offers "$program tcp://local"
	done
	for program in preforkcat preforkbench; do
		assert_bash_offers "$program un" unix: unixgram:
		assert_bash_offers "$program unix:zz" "zz file" zzfolder
		assert_bash_offers "$program unixgram:$DIR/zzf" "$DIR/zzfolder"
	done
}

@test "completion, bash: arguments of options" {
	make_files
	local words
	for words in "preforkd -c" "preforkd --config" "preforkd -tc" \
		"preforksniff -r" "preforksniff -xw" "preforksniff --read" \
		"preforkctl -s" "preforkctl --socket" "preforkctl -js"; do
		assert_bash_offers "$words zz" "zz file" zzfolder
	done
	assert_bash_offers "preforkd --config=zz" "zz file" zzfolder
	assert_bash_offers "preforkctl --socket=zz" "zz file" zzfolder
	assert_bash_offers "preforkctl -s unix:zz" "zz file" zzfolder
	assert_bash_offers "preforkcat --proxy-header " v1 v2
	assert_bash_offers "preforkcat --proxy-header=" v1 v2
	assert_bash_offers "preforkcat --datagram-size " all
	assert_bash_offers "preforkbench --exchange " none read echo http
	assert_bash_offers "preforkbench --cpu-of=$$" "$$"
	# shellcheck disable=SC2046 # a list of words
	assert_bash_offers "preforksniff -i " any $(cd /sys/class/net && echo *)
	assert_bash_offers "preforksniff -u nobod" nobody
}

@test "completion, bash: --explain of each setting" {
	# shellcheck disable=SC2046 # a list of words
	assert_bash_offers "preforkd --explain " \
		$(explained | sort -u)
	assert_bash_offers "preforkd --explain idle_t" idle_timeout
}

@test "completion, bash: each command of preforkctl, and nothing else" {
	local name help
	# shellcheck disable=SC2046 # a list of words
	assert_bash_offers "preforkctl " $(commands_told)
	# shellcheck disable=SC2046 # a list of words
	assert_bash_offers "preforkctl -j " $(commands_told)
	assert_bash_offers "preforkctl -s x --timeout 2 sto" stop
	assert_bash_offers "preforkctl --socket=x -t1 sto" stop
	# What commands.h says of their words.
	assert_equal "$(words_told | cut -d " " -f 1 | xargs)" \
		"stats reload log stop"
	while read -r name help; do
		# shellcheck disable=SC2086 # a list of words
		assert_bash_offers "preforkctl $name " $help
	done < <(words_told)
	for name in $(commands_without_words); do
		assert_bash_offers "preforkctl $name "
	done
}

@test "completion, bash: pools, workers, services and connections there are" {
	with_daemon
	local a b
	hold a "$(port echo)"
	hold b "$(port echo)"
	wait_until 10 has_connections 2
	# shellcheck disable=SC2086 # a list of words
	assert_bash_offers "$CTL restart " $WORKERS_OF_TWO_POOLS
	assert_bash_offers "$CTL restart second" second second/1
	assert_bash_offers "$CTL restart second " now
	assert_bash_offers "$CTL restart second now "
	assert_bash_offers "$CTL workers " default second
	assert_bash_offers "$CTL connections " echo hello
	# shellcheck disable=SC2046 # a list of words
	assert_bash_offers "$CTL close " $(connection_ids)
	# shellcheck disable=SC2046 # a list of words
	assert_bash_offers "$CTL help " $(ctl help | awk 'NR > 1 { print $1 }')
	# Which daemon, in all ways to say so.
	assert_bash_offers "preforkctl -js '$SOCKET' workers " default second
	assert_bash_offers "preforkctl --socket=$SOCKET workers " \
		default second
	assert_bash_offers "preforkctl -sunix:$SOCKET workers " default second
	PREFORKD_CONTROL=$SOCKET assert_bash_offers "preforkctl workers " \
		default second
}

@test "completion, bash: without a daemon there are no names, soon" {
	CTL="preforkctl -s $SOCKET"
	local command
	for command in restart workers connections close; do
		assert_bash_offers "$CTL $command "
	done
	silent_daemon
	assert_bash_offers "$CTL restart "
	wait_until 15 quick bash_offers "$CTL restart "
}

@test "completion, bash: in a terminal" {
	with_daemon
	make_files
	open_bash
	assert_bash_completes "preforkctl rel" "preforkctl reload "
	assert_bash_completes "$CTL restart sec" "$CTL restart second"
	assert_bash_completes "$CTL connections h" "$CTL connections hello "
	assert_bash_completes "preforkcat https" "preforkcat https://"
	assert_bash_completes "preforkcat tcp:" "preforkcat tcp://"
	assert_bash_completes "preforkcat unixg" "preforkcat unixgram:"
	assert_bash_completes "preforkcat unix:" "preforkcat unix:"
	assert_bash_completes "preforkcat unix:zzf" \
		"preforkcat unix:zzfolder/"
	assert_bash_completes "preforkd --config=zz\\ f" \
		"preforkd --config=zz\\ file "
	assert_bash_completes "preforkd --explain idle" \
		"preforkd --explain idle_timeout "
}

# --- zsh ----------------------------------------------------------------------

@test "completion, zsh: each option of each program, with its help" {
	local program wanted
	open_zsh
	for program in $PROGRAMS; do
		wanted=$(options_of "$program" | LC_ALL=C sed -E \
			's/^(-.) (--[^|]*)/\2 \1/; s/\|.*\|/|/' | LC_ALL=C sort)
		assert_zsh_offers "$program -" "$wanted"
	done
}

@test "completion, zsh: each command of preforkctl, with its help" {
	local name help
	open_zsh
	assert_zsh_offers "preforkctl " "$(commands_with_help)"
	assert_zsh_offers "preforkctl -j -s x --timeout 2 " \
		"$(commands_with_help)"
	while read -r name help; do
		# shellcheck disable=SC2086 # a list of words
		assert_zsh_offers "preforkctl $name " "$(sorted $help)"
	done < <(words_told)
	for name in $(commands_without_words); do
		assert_zsh_offers "preforkctl $name " ""
	done
}

@test "completion, zsh: addresses, and arguments of options" {
	local program
	make_files
	open_zsh
	for program in preforkcat preforkbench preforksniff; do
		assert_zsh_offers "$program " "$(schemes_of "$program")"
	done
	for program in preforkcat preforkbench; do
		assert_zsh_offers "$program unix:zzf" zzfolder/
		assert_zsh_offers "$program --timeout=1s unixgram:zzf" zzfolder/
	done
	assert_zsh_offers "preforkd -c zzf" zzfolder/
	assert_zsh_offers "preforkd --config=zzf" zzfolder/
	assert_zsh_offers "preforksniff -xw zzf" zzfolder/
	assert_zsh_offers "preforkctl --socket zzf" zzfolder/
	assert_zsh_offers "preforkcat --proxy-header=" "$(sorted v1 v2)"
	assert_zsh_offers "preforkcat --datagram-size " all
	assert_zsh_offers "preforkbench --exchange " \
		"$(sorted none read echo http)"
	# shellcheck disable=SC2046 # a list of words
	assert_zsh_offers "preforksniff -i " \
		"$(sorted any $(cd /sys/class/net && echo *))"
	assert_zsh_offers "preforksniff -u nobod" nobody
}

@test "completion, zsh: --explain of each setting, with its help" {
	open_zsh
	run -0 zsh_lists "preforkd --explain "
	assert_equal "$(awk '{ print $1 }' <<<"$output" | LC_ALL=C sort -u)" \
		"$(explained | LC_ALL=C sort -u)"
	assert_line --regexp '^backlog +-- connections that may wait'
}

@test "completion, zsh: pools, workers, services and connections there are" {
	with_daemon
	local a b
	hold a "$(port echo)"
	hold b "$(port echo)"
	wait_until 10 has_connections 2
	open_zsh
	# shellcheck disable=SC2086 # a list of words
	assert_zsh_offers "$CTL restart " "$(sorted $WORKERS_OF_TWO_POOLS)"
	assert_zsh_offers "$CTL restart second " now
	assert_zsh_offers "$CTL workers " "$(sorted default second)"
	assert_zsh_offers "$CTL connections " "$(sorted echo hello)"
	# shellcheck disable=SC2046 # a list of words
	assert_zsh_offers "$CTL close " "$(sorted $(connection_ids))"
	assert_zsh_offers "preforkctl -js '$SOCKET' workers " \
		"$(sorted default second)"
	assert_zsh_offers "preforkctl -s$SOCKET workers " \
		"$(sorted default second)"
	assert_zsh_offers "preforkctl --socket=unix:$SOCKET workers " \
		"$(sorted default second)"
}

@test "completion, zsh: without a daemon there are no names, soon" {
	CTL="preforkctl -s $SOCKET"
	local command
	open_zsh
	for command in restart workers connections close; do
		assert_zsh_offers "$CTL $command " ""
	done
	silent_daemon
	assert_zsh_offers "$CTL restart " ""
	wait_until 15 quick zsh_choices "$CTL restart "
}
