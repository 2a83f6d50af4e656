#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The include rule: supervisor/ sees worker/worker.h, common/ and itself;
# worker/ sees common/ and itself; clients/ too; common/ only itself. Includes
# are written from the root. worker/preforkd.h, which plugins get alone, has
# no include of ours. Prints what breaks the rule as file:line, exit status 1.
#
# usage: tests/lint-includes.sh [ROOT] | --self-test
set -u

# Reads "file:line:#include ..." lines, prints those that are not allowed.
check() {
	(cd "$1" && find common worker supervisor clients \
	    -name '*.[ch]' -exec grep -nE '^[[:space:]]*#[[:space:]]*include' \
	    /dev/null {} + 2>/dev/null) | awk '
	function allowed(file, header) {
		if (file == "worker/preforkd.h")
			return 0
		if (header ~ /\.\.\// || header ~ /\.c$/)
			return 0
		if (file ~ /^supervisor\//)
			return header ~ /^(supervisor|common)\// ||
			    header == "worker/worker.h"
		if (file ~ /^worker\//)
			return header ~ /^(worker|common)\//
		if (file ~ /^clients\//)
			return header ~ /^(clients|common)\//
		return header ~ /^common\//
	}
	{
		split($0, part, ":")
		ours = match($0, /"[^"]*"/) > 0 ||
		    match($0, /<(common|worker|supervisor|clients)\/[^>]*>/) > 0
		if (!ours)
			next
		header = substr($0, RSTART + 1, RLENGTH - 2)
		if (allowed(part[1], header))
			next
		printf "%s:%s: may not include \"%s\"\n", part[1], part[2], header
		bad = 1
	}
	END { exit bad }'
}

# expect STATUS FILE LINE: a tree with that one file passes (0) or not (1).
expect() {
	rm -rf "$tree"
	mkdir -p "$tree/common" "$tree/worker/handlers" "$tree/supervisor" \
	    "$tree/clients"
	printf '/* first line */\n%s\n' "$3" >"$tree/$2"
	got=$(check "$tree")
	if [ $? -ne "$1" ]; then
		printf 'self-test: %s with %s: expected %s\n' "$2" "$3" "$1"
		exit 1
	fi
	case $1,$got in
	0, | 1,"$2:2: "*) ;;
	*)
		printf 'self-test: %s with %s: said "%s"\n' "$2" "$3" "$got"
		exit 1
		;;
	esac
}

self_test() {
	tree=$(mktemp -d) || exit 1
	trap 'rm -rf "$tree"' EXIT
	expect 0 common/a.c '#include "common/b.h"'
	expect 1 common/a.c '#include "worker/worker.h"'
	expect 1 common/a.c '#include <supervisor/pool.h>'
	expect 1 common/a.c '#include "b.h"'
	expect 1 common/a.h '#  include "../worker/b.h"'
	expect 0 worker/a.c '#include "worker/handlers/b.h"'
	expect 0 worker/handlers/a.c '#include "common/b.h"'
	expect 1 worker/handlers/a.c '#include "supervisor/b.h"'
	expect 1 worker/a.h '#include "clients/b.h"'
	expect 1 worker/preforkd.h '#include "common/b.h"'
	expect 0 worker/preforkd.h '#include <stddef.h>'
	expect 0 supervisor/a.c '#include "worker/worker.h"'
	expect 1 supervisor/a.c '#include "worker/timers.h"'
	expect 1 supervisor/a.c '#include "clients/b.h"'
	expect 0 clients/a.c '#include "clients/b.h"'
	expect 1 clients/a.c '#include "supervisor/b.h"'
	expect 1 clients/a.c '#include "worker/worker.h"'
}

case ${1-} in
--self-test) self_test ;;
*) check "${1:-$(dirname "$0")/..}" ;;
esac
