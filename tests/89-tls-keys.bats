# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# Which process has which keys in its memory: a worker has those of its own
# pool's services, of the configuration that it serves, and no others. Nobody but
# the supervisor can write the keys of tickets.

setup_file() {
	load tls
	make_ca ca
	make_certificate good
	make_certificate other --for DNS:other.test
}

setup() {
	load tls
	common_setup
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

# n_copies PID NAME: how often the private key of that certificate stands in a
# process's memory, as bytes in either order.
n_copies() {
	openssl pkey -in "$PKI/$2.key" -outform DER -out "$DIR/key.der"
	python3 - "$1" "$DIR/key.der" <<-'END'
		import re, sys
		pid, key = sys.argv[1], open(sys.argv[2], "rb").read()
		# RFC 5915: version 1, then 32 bytes.
		begin = key.index(b"\x02\x01\x01\x04\x20") + 5
		secret = key[begin:begin + 32]
		found = 0
		with open(f"/proc/{pid}/maps") as maps, \
		        open(f"/proc/{pid}/mem", "rb", 0) as mem:
		    for line in maps:
		        at = re.match(r"(\w+)-(\w+) rw", line)
		        if not at:
		            continue
		        low, high = (int(x, 16) for x in at.groups())
		        if high - low > 1 << 30:
		            continue
		        try:
		            mem.seek(low)
		            part = mem.read(high - low)
		        except OSError:
		            continue
		        found += part.count(secret) + part.count(secret[::-1])
		print(found)
	END
}

has_key_of() {
	[ "$(n_copies "$1" "$2")" -gt 0 ]
}

# worker_of POOL
worker_of() {
	ctl_json workers | jq -r --arg p "$1/1" \
		'[.[] | select(.worker == $p and .role == "serving")][0].pid'
}

n_ticket_pages() {
	grep -c preforkd-tickets "/proc/$1/maps"
}

write_pools_apart() {
	write_config "" "workers = 1" <<-END
		[pool apart]
		workers = 1
		sandbox = $(sandbox_default)
		[service one]
		handler = echo
		listen = tls://127.0.0.1:0
		$(tls_pair good)
		[service two]
		handler = echo
		pool = apart
		listen = tls://127.0.0.1:0
		$(tls_pair other)
	END
}

# --- tests -------------------------------------------------------------------

@test "a worker has the private keys of its own pool, no others" {
	write_pools_apart
	start_server
	local one two
	one=$(worker_of default)
	two=$(worker_of apart)
	has_key_of "$SERVER" good
	has_key_of "$SERVER" other
	has_key_of "$one" good
	has_key_of "$two" other
	run ! has_key_of "$one" other
	run ! has_key_of "$two" good
}

@test "nor those of a configuration that was" {
	write_pools_apart
	start_server
	sed -i "s|$PKI/good|$DIR/new|" "$CONFIG"
	cp "$PKI/other.pem" "$DIR/new.pem"
	cp "$PKI/other.key" "$DIR/new.key"
	run -0 ctl reload
	local one
	one=$(worker_of default)
	has_key_of "$one" other
	run ! has_key_of "$one" good
	wait_until 10 no_worker_drains
	run ! has_key_of "$SERVER" good
}

@test "it has the ticket keys of its own services, for reading alone" {
	write_pools_apart
	start_server
	local one
	one=$(worker_of default)
	assert_equal "$(n_ticket_pages "$one")" 1
	run grep preforkd-tickets "/proc/$one/maps"
	assert_output --regexp '^[0-9a-f]+-[0-9a-f]+ r--s '
	run -0 ctl reload
	run -0 ctl restart default
	wait_until 10 no_worker_drains
	assert_equal "$(n_ticket_pages "$(worker_of default)")" 1
	assert_equal "$(n_ticket_pages "$(worker_of apart)")" 1
}

@test "a service that goes takes its keys along" {
	write_pools_apart
	start_server
	assert_equal "$(n_ticket_pages "$SERVER")" 4
	sed -i '/^\[service two\]/,$d; /^\[pool apart\]/,/^\[service one\]/ {
		/^\[service one\]/!d }' "$CONFIG"
	run -0 ctl reload
	wait_until 10 no_worker_drains
	assert_equal "$(n_ticket_pages "$SERVER")" 2
	run ! has_key_of "$SERVER" other
}

resolver_pid() {
	pgrep -P "$SERVER" -f 'supervisor' | head -1
}

resolver_is_stopped() {
	local pid
	pid=$(resolver_pid)
	[ -n "$pid" ] && is_stopped "$pid"
}

@test "who looks host names up has no private key, nor keys of tickets" {
	write_pools_apart
	sed -i "s|^drain_timeout.*|&\nuser = nobody|" "$CONFIG"
	start_server
	background strace -f -qq -o /dev/null -p "$SERVER" \
		-e inject=setresuid,setuid:signal=STOP
	wait_until 10 is_traced "$SERVER"
	add_tls_service three echo tls://localhost:0
	ctl reload >"$DIR/reload" &
	local reload=$!
	wait_until 10 resolver_is_stopped
	run ! has_key_of "$(resolver_pid)" good
	run ! has_key_of "$(resolver_pid)" other
	assert_equal "$(n_ticket_pages "$(resolver_pid)")" 0
	end_background
	kill -CONT "$(resolver_pid)"
	wait "$reload" || :
}
