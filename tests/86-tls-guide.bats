# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# docs/tls.md tells the truth: its commands are run as they stand there, in an
# empty folder, and print what it says.

setup() {
	load guides
	guides_setup docs/tls.md
	mkdir -p "$TREE" "$DIR/bin"
}

teardown() {
	local failed=0
	end_server_of_guide || failed=1
	faults_teardown || failed=1
	return "$failed"
}

# --- verbs -------------------------------------------------------------------

FIRST="A certificate in three commands"
SECOND="A server"

# follow SECTION: does what it says, behind what it goes on from; in a network
# of its own.
follow() {
	local sections=("$FIRST" "$SECOND" "$1")
	case $1 in
	"Before you begin" | "$FIRST") sections=("$1") ;;
	"$SECOND") sections=("$FIRST" "$SECOND") ;;
	esac
	cd "$TREE" || return
	TOUR_POOL="sandbox = $(sandbox_default)" \
		PATH=$PREFORKD_BIN:$PATH do_as_it_says_by unshare --net \
		sh -c 'ip link set lo up && exec "$@"' sh -- "${sections[@]}"
}

# What the first two sections make, without a daemon that runs.
guide_files() {
	cd "$TREE" && follow "$SECOND"
	end_server_of_guide
}

end_server_of_guide() {
	[ ! -S "$TREE/control.sock" ] || ctl -s "$TREE/control.sock" stop now ||
		:
	wait_until 10 server_of_guide_is_gone
}

server_of_guide_is_gone() {
	run ! pgrep -f "supervisor \\[$TREE/server.ini"
}

# --- what it says ------------------------------------------------------------

# with_rights_of_unit [MORE] -- COMMAND...: as root, but with no other rights
# than the systemd unit leaves.
with_rights_of_unit() {
	local rights
	rights=$(sed -n 's/^CapabilityBoundingSet=//p' \
		"$ROOT/etc/systemd/preforkd.service" | tr 'A-Z ' 'a-z,')
	rights=${rights//cap_/+}
	if [ "$1" != -- ]; then
		rights+=,+$1
		shift
	fi
	shift
	setpriv --no-new-privs --inh-caps=-all --bounding-set="-all,$rights" "$@"
}

@test "tls guide: under the unit root reads its own keys, others' with a drop-in" {
	local closed=$DIR/private
	guide_files
	# As /etc/ssl/private is.
	mkdir -m 710 "$closed"
	mv "$TREE/server.key" "$closed/"
	chmod 640 "$closed/server.key"
	sed -i "s|^tls_key = .*|tls_key = $closed/server.key|" \
		"$TREE/server.ini"
	run -0 with_rights_of_unit -- "$PREFORKD" -t -c "$TREE/server.ini"
	chmod 600 "$closed/server.key"
	chown 65534 "$closed/server.key"
	run -78 with_rights_of_unit -- "$PREFORKD" -t -c "$TREE/server.ini"
	assert_output --partial "server.key\" cannot be read: Permission denied"
	run -0 with_rights_of_unit dac_read_search -- \
		"$PREFORKD" -t -c "$TREE/server.ini"
	# The unit names that right.
	grep -q '^# *TLS keys .*=CAP_DAC_READ_SEARCH$' \
		"$ROOT/etc/systemd/preforkd.service"
}

# The words of an X macro of a header: macro_words NAME FILE.
macro_words() {
	sed -n "/^#define $1(X)/,/[^\\\\]\$/p" "$ROOT/$2" |
		sed -n 's/.*X(.*"\(.*\)").*/\1/p'
}

@test "tls guide: every reason of a failed handshake is explained" {
	local reason n=0
	while read -r reason; do
		n=$((n + 1))
		grep -q "^| \`$reason\` |" "$GUIDE"
	done < <(sed -n 's/^	X(tls_failed_\([a-z]*\),.*/\1/p' \
		"$ROOT/common/counters.h")
	assert [ "$n" -ge 7 ]
}

@test "tls guide: preforkctl(8) tells every cause, and every state" {
	local word n=0
	for word in $(macro_words CLOSE_CAUSES worker/connection.h) \
		$(sed -n '/^state_name/,/^}/p' "$ROOT/supervisor/queries.c" |
			grep -oE '"[a-z-]+"' | tr -d '"'); do
		n=$((n + 1))
		grep -qE "^\.(It )?Li (.* )?$word( .*)?\$" \
			"$ROOT/docs/preforkctl.8" || {
			echo "no word of $word" >&2
			return 1
		}
	done
	assert [ "$n" -ge 14 ]
}

@test "tls guide: every section with commands is followed by a test here" {
	assert_equal "$(grep -o '^	follow "[^"]*' "$BATS_TEST_FILENAME" |
		cut -d '"' -f 2)" "$(guide sections)"
}

@test "tls guide: Before you begin" {
	follow "Before you begin"
}

@test "tls guide: A certificate in three commands" {
	follow "A certificate in three commands"
}

@test "tls guide: A server" {
	follow "A server"
}

@test "tls guide: Trying it" {
	follow "Trying it"
}

@test "tls guide: Several names" {
	follow "Several names"
}

@test "tls guide: Renewal" {
	follow "Renewal"
}

@test "tls guide: Expiry" {
	follow "Expiry"
}

@test "tls guide: Certificates of clients" {
	follow "Certificates of clients"
}

@test "tls guide: Session tickets and their keys" {
	follow "Session tickets and their keys"
}

@test "tls guide: What is logged and counted" {
	follow "What is logged and counted"
}

@test "tls guide: Encryption in the kernel" {
	follow "Encryption in the kernel"
}
