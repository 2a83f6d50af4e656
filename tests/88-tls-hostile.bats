# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# The server's TLS against clients that mean harm, and in corners that no friend
# comes to: floods of messages that cost it more than them, ends in the middle
# of something, buffers that are full at the wrong moment.

setup_file() {
	load tls
	make_usual_certificates
}

setup() {
	load tls
	common_setup
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

# tls_clients LINES: python with peers.py and `speak()`, a connection to the
# service "echo" over TLS that has had an echo.
tls_clients() {
	clients "
import ssl
context = ssl.create_default_context(cafile='$PKI/ca.pem')
def speak(**more):
    s = context.wrap_socket(connect(), server_hostname='localhost',
        suppress_ragged_eofs=False, **more)
    return answered(s)
$1" "${@:2}"
}

# No worker has failed, been replaced or killed by the watchdog.
workers_are_unharmed() {
	assert_equal "$(worker_pids)" "$PIDS"
}

# Every connection has come to one end, each failed handshake has one reason.
assert_counts_add_up() {
	ctl_json stats | jq -e '.services[] | select(.service == "echo") |
		.accepted == .active + ([to_entries[] |
			select(.key | startswith("closed_")).value] | add) and
		.closed_tls == ([to_entries[] |
			select(.key | startswith("tls_failed_")).value] | add)'
}

# --- deadlines ---------------------------------------------------------------

@test "without idle_timeout, handshake_timeout does not end an open connection" {
	write_tls_config "idle_timeout = 0\nhandshake_timeout = 300ms"
	start_server
	tls_clients '
s = speak()
time.sleep(0.7)
answered(s)'
	assert_equal "$(counter echo tls_failed_timeout)" 0
	assert_counts_add_up
}

# --- tickets -----------------------------------------------------------------

@test "a ticket of the start is good after the first reload" {
	write_tls_config
	start_server
	tls_clients '
first = speak()
os.system(sys.argv[1])
second = speak(session=first.session)
assert second.session_reused' "sed -i 's|^drain_timeout.*|drain_timeout = 4s|' \
		'$CONFIG'; echo tls_alpn = x >>'$CONFIG'
		'$PREFORKCTL' -s '$SOCKET' reload"
	assert_equal "$(counter echo tls_resumed)" 1
}
