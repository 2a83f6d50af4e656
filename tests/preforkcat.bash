# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# What the tests of preforkcat share.

# shellcheck source=tests/helpers.bash
source "${BASH_SOURCE[0]%/*}/helpers.bash"

PREFORKCAT=$PREFORKD_BIN/preforkcat

# No test needs so long, and none waits for ever.
talk() {
	timeout 20 "$PREFORKCAT" "$@"
}

# peer LINES [LISTENER]: a server written in Python. It takes one connection,
# `c`, and does what LINES say; PORT is its port. Others of its choice come as
# LISTENER: an expression for a bound socket.
peer() {
	: >"$DIR/port"
	background env PYTHONPATH="$ROOT/tests" PYTHONDONTWRITEBYTECODE=1 \
		python3 -c "from peers import *
s = ${2:-socket.create_server(('127.0.0.1', 0))}
name = s.getsockname()
open('$DIR/port', 'w').write(str(name[1] if isinstance(name, tuple) else 1))
c = s.accept()[0] if s.type == socket.SOCK_STREAM else s
$1"
	wait_until 10 test -s "$DIR/port"
	# shellcheck disable=SC2034 # of the tests
	PORT=$(<"$DIR/port")
}

# python LINES: a client's surroundings, with what tests/peers.py has; CAT is
# the program.
python() {
	CAT=$PREFORKCAT PYTHONPATH=$ROOT/tests PYTHONDONTWRITEBYTECODE=1 \
		timeout 40 python3 -c "from peers import *
import fcntl, pty, subprocess, termios
CAT = os.environ['CAT']
$1"
}

# bytes N: so many, of all kinds.
bytes() {
	head -c "$1" /dev/urandom
}
