# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# docs/tour.md tells the truth: its commands are run as they stand there, from
# a tree that looks like ours, and print what it says; the functions that it
# names are where it says, and do what it says.

setup() {
	load guides
	guides_setup docs/tour.md
}

teardown() {
	local failed=0
	end_second_server || failed=1
	faults_teardown || failed=1
	return "$failed"
}

# --- verbs -------------------------------------------------------------------

# follow SECTION: does what it says.
follow() {
	make_tree
	make_run
	do_as_it_says_by "${INSIDE[@]}" -- "$1"
	wait_until 10 second_server_is_gone
}

# The server of etc/tour.ini, when a section did not come to its end.
end_second_server() {
	[ ! -S "$TREE/build/run/tour.sock" ] ||
		ctl -s "$TREE/build/run/tour.sock" stop now || :
	wait_until 10 second_server_is_gone
}

second_server_is_gone() {
	run ! pgrep -f "supervisor \\[$TREE/etc/tour.ini"
}

# body FUNCTION FILE: its text, in our layout.
body() {
	sed -n "/^$1(/,/^}/p" "$ROOT/$2"
}

# --- what it says of the code ------------------------------------------------

@test "tour: each function that it names is in the file that it names" {
	local name file missing=()
	while read -r name file; do
		[ -n "$(body "$name" "$file")" ] || missing+=("$name $file")
	done < <(guide functions; guide calls | cut -d ' ' -f 2-)
	assert_equal "${missing[*]}" ""
	# None is named without its file.
	assert_equal "$(guide named | sort -u)" \
		"$({ guide functions | cut -d ' ' -f 1
			guide calls | cut -d ' ' -f 2; } | sort -u)"
	for file in $(guide files); do
		assert_file_exists "$ROOT/$file"
	done
}

@test "tour: each call of its table is in the function of its row" {
	local call name file missing=() n=0
	while read -r call name file; do
		n=$((n + 1))
		body "$name" "$file" | grep -qw "$call" ||
			missing+=("$call $name $file")
	done < <(guide calls)
	assert_equal "${missing[*]}" ""
	assert [ "$n" -ge 40 ]
}

@test "tour: every call and idea that the texts teach is in it" {
	local word missing=()
	for word in socket bind listen backlog accept connect \
		"takes less than all" sendall recv "end of the stream" \
		"shutdown of one half" close getaddrinfo getnameinfo \
		getpeername getsockname SO_REUSEADDR SO_BROADCAST TCP_NODELAY \
		IPV6_V6ONLY Blocking time-out non-blocking sendto recvfrom \
		sendmsg recvmsg "ancillary data" "Descriptors can be sent" \
		"sender's credentials" "destination address" sendfile \
		socketpair "close-on-exec" inherits framing Encoding \
		AF_PACKET "accepted socket is wrapped" context \
		"sets the name, always"; do
		grep -qF "$word" "$GUIDE" || missing+=("$word")
	done
	assert_equal "${missing[*]}" ""
	# What it says is nowhere is nowhere.
	run ! grep -rnE '\brecvfrom\(' "$ROOT/common" "$ROOT/supervisor" \
		"$ROOT/worker" "$ROOT/clients" --include='*.c'
}

@test "tour: every section with commands is followed by a test here" {
	assert_equal "$(grep -o '^	follow "[^"]*' "$BATS_TEST_FILENAME" |
		cut -d '"' -f 2)" "$(guide sections)"
}

@test "tour: its own configuration is valid" {
	make_tree
	run -0 "$PREFORKD" -t -c "$TREE/etc/tour.ini"
}

# A checker that lets all pass would be none.
@test "tour: a claim that is not true is noticed" {
	make_tree
	cd "$TREE" || return
	GUIDE=$DIR/tour.md
	cat >"$GUIDE" <<-'END'
		## true
		```console
		$ printf 'one two\nthree\n'
		one...o
		...
		$ echo a \
		>     b; x=1
		a b
		$ echo "$x    2"
		1 2
		$ echo '> x'
		> x
		```
		## more
		```console
		$ echo one; echo two
		one
		```
		## less
		```console
		$ echo one
		one
		two
		```
		## other
		```console
		$ echo one
		two...
		```
	END
	export TOUR_OUTPUT=$DIR/printed
	run -0 guide run true
	run -1 guide run more
	run -1 guide run less
	run -1 guide run other
	assert_output $'$ echo one\nexpected:\ntwo...\nprinted:\none'
}

# --- what it says of the commands --------------------------------------------

@test "tour: Before you begin" {
	follow "Before you begin"
}

@test "tour: A client: socket, connect, recv, close" {
	follow "A client: socket, connect, recv, close"
}

@test "tour: From names to addresses: getaddrinfo, getnameinfo" {
	follow "From names to addresses: getaddrinfo, getnameinfo"
}

@test "tour: A server: bind, listen, accept" {
	follow "A server: bind, listen, accept"
}

@test "tour: SO_REUSEADDR" {
	follow "SO_REUSEADDR"
}

@test "tour: The accept queue" {
	follow "The accept queue"
}

@test "tour: A stream has no messages: framing" {
	follow "A stream has no messages: framing"
}

@test "tour: A send that takes less than all" {
	follow "A send that takes less than all"
}

@test "tour: The end: shutdown of one half, and close" {
	follow "The end: shutdown of one half, and close"
}

@test "tour: Datagrams: sendto, recvfrom" {
	follow "Datagrams: sendto, recvfrom"
}

@test "tour: Ancillary data: where was this datagram sent to?" {
	follow "Ancillary data: where was this datagram sent to?"
}

@test "tour: Unix sockets: names, socketpair, descriptors, credentials" {
	follow "Unix sockets: names, socketpair, descriptors, credentials"
}

@test "tour: What a child inherits" {
	follow "What a child inherits"
}

@test "tour: Without a copy: sendfile" {
	follow "Without a copy: sendfile"
}

@test "tour: TCP_NODELAY" {
	follow "TCP_NODELAY"
}

@test "tour: Below it all: AF_PACKET" {
	follow "Below it all: AF_PACKET"
}

@test "tour: Above it all: TLS" {
	# What a worker touches of OpenSSL when it first uses it is no leak.
	GROWTH_KIB=5000
	follow "Above it all: TLS"
}
