# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# What the tests of preforkbench share.

# shellcheck source=tests/preforkcat.bash
source "${BASH_SOURCE[0]%/*}/preforkcat.bash"

BENCH=$PREFORKD_BIN/preforkbench

# load_with STATUS WORDS...: what preforkbench tells, as JSON in $DIR/json.
load_with() {
	local wanted=$1 status=0
	shift
	timeout 30 "$BENCH" --json "$@" >"$DIR/json" 2>"$DIR/err" </dev/null ||
		status=$?
	cat "$DIR/err"
	assert_equal "$status" "$wanted"
}

# told EXPRESSION: holds for what it told.
told() {
	jq -e "$1" "$DIR/json" >/dev/null || {
		echo "not so: $1, but:" >&2
		jq -c 'del(.histogram_us)' "$DIR/json" >&2
		return 1
	}
}

# python_server LINES [LISTENER]: runs LINES, in which `s` is a socket that
# listens and each(f) calls f for each connection, in a thread; A is its
# address.
python_server() {
	: >"$DIR/port"
	background env PYTHONPATH="$ROOT/tests" PYTHONDONTWRITEBYTECODE=1 \
		python3 -c "from peers import *
s = ${2:-socket.create_server(('127.0.0.1', 0), backlog=200)}
name = s.getsockname()
open('$DIR/port', 'w').write(str(name[1] if isinstance(name, tuple) else 1))
def each(f):
    def run(c):
        try:
            f(c)
        except OSError:
            pass
        c.close()
    while True:
        threading.Thread(target=run, args=(s.accept()[0],),
            daemon=True).start()
def message(c, size=64):
    data = b''
    while len(data) < size:
        part = c.recv(size - len(data))
        if not part:
            raise OSError
        data += part
    return data
$1"
	wait_until 10 test -s "$DIR/port"
	# shellcheck disable=SC2034 # of the tests
	A=tcp://127.0.0.1:$(<"$DIR/port")
}

# start_held WORDS...: in the background, with --mark and --hold; it goes on
# until `let_go`. What it tells is in $DIR/held, its pid in HELD_BY.
start_held() {
	mkfifo "$DIR/input"
	timeout 50 "$BENCH" --json --mark --hold "$@" <"$DIR/input" \
		>"$DIR/held" 2>"$DIR/err" 3>&- 4>&- &
	HELD_BY=$!
	HELPERS+=("$HELD_BY")
	exec {HOLD}>"$DIR/input"
	wait_until 20 grep -q begin "$DIR/held"
}

# let_go STATUS: it ends with this one; what it told is read by `told`.
let_go() {
	local status=0
	exec {HOLD}>&-
	wait "$HELD_BY" || status=$?
	assert_equal "$status" "$1"
	tail -n 1 "$DIR/held" >"$DIR/json"
	rm "$DIR/input"
}
