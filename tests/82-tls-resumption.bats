# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# Resumption: a session that one worker gave is taken up by every other one, by
# those of the next generation, and after its key has been replaced once. Nobody
# resumes what another service, or other rules for client certificates, gave.

setup_file() {
	load tls
	make_usual_certificates
	make_client_certificates
}

setup() {
	load tls
	common_setup
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

# serve [LINES [POOL-LINES]]: four workers are the usual case.
serve() {
	write_tls_config "${1-}" "" "${2-workers = 4}"
	start_server
}

# start_sessions [CERTIFICATE]: a client in the background, which from now on has
# a session of each version.
start_sessions() {
	coproc KEEPER {
		tls_peers '
kept = {}
for version, name in (TLS_1_3, "1.3"), (TLS_1_2, "1.2"):
    c = context(version, *sys.argv[1:])
    kept[name] = c, session_of(c)
print("there", flush=True)
for line in sys.stdin:
    what, name = line.split()
    c, session = kept[name]
    try:
        with secure(c, session=session) as s:
            answered(s)
            print("yes" if s.session_reused else "no", flush=True)
            if what == "renew":
                kept[name] = c, s.session
    except (ssl.SSLError, ConnectionError):
        print("refused", flush=True)' "$@"
	} 3>&- 4>&-
	hear_of_sessions there
}

hear_of_sessions() {
	local heard
	read -rt 20 heard <&"${KEEPER[0]}"
	assert_equal "$heard" "$1"
}

# resumed yes|no|refused [ask|renew [VERSION...]]: what becomes of both sessions in
# a new connection; with "renew", what that one brought is kept instead.
resumed() {
	local version what=${2-ask}
	for version in "${@:3}" $([ $# -gt 2 ] || echo 1.3 1.2); do
		echo "$what $version" >&"${KEEPER[1]}"
		hear_of_sessions "$1"
	done
}

# only PID: of the workers in WORKERS, all others are stopped.
only() {
	kill -STOP "${WORKERS[@]}"
	kill -CONT "$1"
}

# key_name [OPTIONS]: of that which tickets are made with, their first 16 bytes.
key_name() {
	s_client -tls1_2 "$@" | sed -n 's/^ *0000 - \([0-9a-f -]*\)  .*/\1/p'
}

key_is_not() {
	local name
	name=$(key_name)
	[ -n "$name" ] && [ "$name" != "$1" ]
}

wait_for_rotation() {
	local former
	former=$(key_name)
	assert [ -n "$former" ]
	wait_until 10 key_is_not "$former"
}

# is_past START MS: so much time is over since START, of now_ms.
is_past() {
	[ "$(now_ms)" -ge $(($1 + $2)) ]
}

# tamper FILE: with the ticket of a session.
tamper() {
	openssl sess_id -in "$1" -outform DER -out "$1.der"
	python3 - "$1.der" <<-'END'
		import sys
		with open(sys.argv[1], "r+b") as f:
		    data = bytearray(f.read())
		    # [10] with a length of one byte more.
		    ticket = data.index(b"\xaa\x81")
		    data[ticket + 60] ^= 1
		    f.seek(0)
		    f.write(data)
	END
	openssl sess_id -in "$1.der" -inform DER -out "$1"
}

# --- workers -----------------------------------------------------------------

@test "resumption: whichever worker the client meets next" {
	serve
	tls_peers '
for version in TLS_1_3, TLS_1_2:
    c = context(version)
    session = session_of(c)
    for i in range(20):
        assert resumes(c, session), (version, i)'
	assert_equal "$(counter echo tls_resumed)" 40
	assert_equal "$(counter echo tls_handshakes)" 42
}

@test "resumption: each of four workers takes up what the first one gave" {
	serve
	local pid key
	mapfile -t WORKERS < <(worker_pids)
	only "${WORKERS[0]}"
	start_sessions
	key=$(key_name)
	assert [ -n "$key" ]
	for pid in "${WORKERS[@]}"; do
		only "$pid"
		resumed yes
		assert_equal "$(key_name)" "$key"
	done
	kill -CONT "${WORKERS[@]}"
	wait_until 10 counter_is echo tls_resumed 8
}

@test "resumption: openssl(1) with a session in a file" {
	serve
	local version i
	for version in -tls1_3 -tls1_2; do
		run -0 s_client "$version" -sess_out "$DIR/session"
		assert_output --partial "New, TLSv1."
		for i in 1 2 3 4; do
			run -0 s_client "$version" -sess_in "$DIR/session"
			assert_output --partial "Reused, TLSv1."
			assert_output --partial "Verify return code: 0 (ok)"
		done
	done
	assert_equal "$(counter echo tls_resumed)" 8
}

@test "resumption: gnutls-cli resumes" {
	serve
	run -0 timeout 20 gnutls-cli --x509cafile="$PKI/ca.pem" --resume \
		-p "$(port echo)" localhost </dev/null
	assert_output --partial "This is a resumed session"
}

@test "resumption: one ticket a handshake" {
	serve
	run -0 s_client -tls1_3
	assert_equal "$(grep -c 'New Session Ticket arrived' <<<"$output")" 1
}

@test "resumption: a worker that was started later takes part" {
	serve "" "workers = 1"
	start_sessions
	local former
	former=$(worker_pid 1)
	kill -KILL "$former"
	wait_gone "$former"
	wait_until 10 ready_workers_are 1
	resumed yes
}

@test "resumption: a session has the certificate of its time, and its ALPN anew" {
	serve "tls_alpn = one,two"
	tls_peers '
for version in TLS_1_3, TLS_1_2:
    c = context(version, alpn=["one"])
    session = session_of(c)
    with secure(c, session=session) as s:
        answered(s)
        assert s.session_reused
        assert s.selected_alpn_protocol() == "one"'
}

# --- reload ------------------------------------------------------------------

@test "resumption: over a reload with new workers and over one with new settings" {
	serve "nodelay = yes"
	start_sessions
	local before
	before=$(worker_pids)
	touch_workers
	renew reload
	refute [ "$(worker_pids)" = "$before" ]
	resumed yes
	add_tls_service upper upper tls://127.0.0.1:0
	renew reload
	resumed yes
	renew restart
	resumed yes
}

@test "resumption: over a reload to another certificate" {
	write_renewable_config 4
	start_server
	start_sessions
	show_pair rsa
	renew reload
	resumed yes
}

@test "resumption: after a reload that failed" {
	serve
	start_sessions
	echo "tls_key = $DIR/none" >>"$CONFIG"
	run -4 ctl reload
	LOG_ERRORS="preforkd.ini"
	resumed yes
}

@test "resumption: not after a restart of the daemon, which has new keys" {
	serve
	run -0 s_client -sess_out "$DIR/session"
	set_setting listen "tls://127.0.0.1:$(port echo)"
	stop_server
	start_server
	run -0 s_client -sess_in "$DIR/session"
	assert_output --partial "New, TLSv1.3"
	assert_line hello
	assert_equal "$(counter echo tls_resumed)" 0
}

# --- rotation ----------------------------------------------------------------

@test "resumption: the previous key still resumes, and renews; in the end none" {
	serve "tls_ticket_lifetime = 4s"
	local start former
	wait_for_rotation
	start=$(now_ms)
	wait_until 10 is_past "$start" 2000
	start=$(now_ms)
	start_sessions
	former=$(key_name -sess_out "$DIR/session")
	wait_for_rotation
	resumed yes
	run -0 s_client -tls1_2 -sess_in "$DIR/session"
	assert_output --partial "Reused, TLSv1.2"
	assert_output --partial "0000 - "
	refute_output --partial "0000 - $former"
	wait_until 10 is_past "$start" 6000
	resumed no
}

@test "resumption: who comes again in time goes on over any number of rotations" {
	serve "tls_ticket_lifetime = 3s"
	start_sessions
	local start i
	start=$(now_ms)
	for i in 1 2 3 4 5 6 7 8; do
		wait_until 10 is_past "$start" $((i * 1000))
		resumed yes renew 1.3
	done
	assert_equal "$(counter echo tls_resumed)" 8
}

@test "resumption: rotation goes on after a reload" {
	serve "tls_ticket_lifetime = 2s\nnodelay = yes"
	touch_workers
	renew reload
	wait_for_rotation
	wait_for_rotation
	start_sessions
	resumed yes
}

@test "resumption: the lifetime that a client is told" {
	serve "tls_ticket_lifetime = 10m"
	run -0 s_client -tls1_2
	assert_output --regexp "ticket lifetime hint: (600|1200) "
	run -0 s_client -tls1_3
	assert_output --regexp "ticket lifetime hint: (600|1200) "
}

# --- not ---------------------------------------------------------------------

@test "tls_session_tickets = no: no ticket, and none is taken" {
	serve "tls_session_tickets = yes"
	start_sessions
	set_setting tls_session_tickets no
	renew reload
	resumed no
	run -0 s_client -tls1_3
	refute_output --partial "New Session Ticket arrived"
	run -0 s_client -tls1_2
	refute_output --partial "TLS session ticket"
	assert_line --regexp '^ *Session-ID: *$'
	assert_equal "$(counter echo tls_resumed)" 0
}

@test "resumption: not in another service" {
	serve "" "workers = 1"
	add_tls_service other echo tls://127.0.0.1:0
	run -0 ctl reload
	local version
	for version in -tls1_3 -tls1_2; do
		run -0 s_client "$version" -sess_out "$DIR/session"
		run -0 s_client "$version" -sess_in "$DIR/session"
		assert_output --partial "Reused, TLSv1."
		run -0 s_client "$version" -sess_in "$DIR/session" \
			-connect "127.0.0.1:$(port other)"
		assert_output --partial "New, TLSv1."
		assert_line hello
	done
	assert_equal "$(counter other tls_resumed)" 0
}

@test "resumption: with a client certificate, which is not sent again" {
	serve "tls_client_ca = $PKI/ca.pem\ntls_client_verify = required"
	start_sessions client
	resumed yes
	resumed yes
	assert_equal "$(counter echo tls_resumed)" 4
}

@test "resumption: not with a client certificate of an authority that is gone" {
	cp "$PKI/ca.pem" "$DIR/ca.pem"
	serve "tls_client_ca = $DIR/ca.pem\ntls_client_verify = optional"
	start_sessions client
	resumed yes
	cat "$PKI/other-ca.pem" >"$DIR/ca.pem"
	renew reload
	# Nor does the certificate hold any more in a full handshake.
	resumed refused
	assert_equal "$(counter echo tls_resumed)" 2
}

@test "resumption: not after tls_client_verify became required" {
	serve "tls_client_ca = $PKI/ca.pem\ntls_client_verify = off"
	local version
	run -0 s_client -tls1_2 -sess_out "$DIR/2"
	run -0 s_client -tls1_3 -sess_out "$DIR/3"
	set_setting tls_client_verify required
	renew reload
	for version in 2 3; do
		run s_client "-tls1_$version" -sess_in "$DIR/$version"
		refute_line hello
	done
	wait_until 5 counter_is echo tls_failed_certificate 2
	assert_equal "$(counter echo tls_resumed)" 0
}

@test "resumption: a ticket that was tampered with is a full handshake" {
	serve
	local version
	for version in -tls1_3 -tls1_2; do
		run -0 s_client "$version" -sess_out "$DIR/session"
		tamper "$DIR/session"
		run -0 s_client "$version" -sess_in "$DIR/session"
		assert_output --partial "New, TLSv1."
		assert_line hello
	done
	assert_equal "$(counter echo tls_resumed)" 0
}
