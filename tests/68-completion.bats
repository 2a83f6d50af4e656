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

# schemes_of PROGRAM: how an address begins, as its --help says.
schemes_of() {
	"$PREFORKD_BIN/$1" --help |
		grep -oE '\b[a-z]+:(//|/path)' | sed 's|:/path|:|' | sort -u
}

# --- bash ---------------------------------------------------------------------

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

@test "completion, bash: each option of each program, and nothing else" {
	local program
	for program in $PROGRAMS; do
		# shellcheck disable=SC2046 # a list of words
		assert_bash_offers "$program -" $(option_words "$program")
	done
}
