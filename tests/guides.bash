# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# What the tests of documents share whose commands are run as they stand there,
# by tests/tour.py, in a folder $TREE that looks like their reader's.

# shellcheck source=tests/faults.bash
source "${BASH_SOURCE[0]%/*}/faults.bash"

# guides_setup DOCUMENT
guides_setup() {
	faults_setup
	GUIDE=$ROOT/$1
	TREE=$DIR/tree
}

# What a user sees at the root of the source tree. The programs are copies: one
# finds its control socket beside itself.
make_tree() {
	local program
	mkdir -p "$TREE/build/release" "$TREE/build/run" "$TREE/etc" "$DIR/bin"
	cp "$ROOT/etc/demo.ini" "$ROOT/etc/tour.ini" \
		"$ROOT/etc/demo-certificate.sh" "$TREE/etc/"
	sed -i "s/^\[pool default\]/&\nsandbox = $(sandbox_default)/" \
		"$TREE/etc/"*.ini
	for program in preforkd preforkctl preforkcat preforksniff; do
		cp "$PREFORKD_BIN/$program" "$TREE/build/release/"
	done
	(cd "$TREE" && etc/demo-certificate.sh build/run/tls)
	# The tests are root.
	printf '#!/bin/sh\nexec "$@"\n' >"$DIR/bin/sudo"
	chmod +x "$DIR/bin/sudo"
}

# What `make run` starts, in a network of its own.
make_run() {
	# shellcheck disable=SC2034 # of helpers.bash
	CONFIG=$TREE/etc/demo.ini
	# shellcheck disable=SC2034 # of helpers.bash
	SOCKET=$TREE/build/run/control.sock
	cd "$TREE" || return
	# shellcheck disable=SC2119 # no words before it
	start_apart
}

# guide WORDS...: of tests/tour.py.
guide() {
	python3 -B "$ROOT/tests/tour.py" "$GUIDE" "$@"
}

# do_as_it_says SECTION...: in the folder $TREE, by one shell; COMMAND is put
# before it, as in `do_as_it_says_by "${INSIDE[@]}" -- SECTION`.
do_as_it_says_by() {
	local words=()
	while [ "$1" != -- ]; do
		words+=("$1")
		shift
	done
	shift
	without_leak_check
	PATH=$DIR/bin:$PATH TOUR_OUTPUT=$DIR/printed \
		timeout 50 "${words[@]}" \
		python3 -B "$ROOT/tests/tour.py" "$GUIDE" run "$@" 3>&- 4>&-
}
