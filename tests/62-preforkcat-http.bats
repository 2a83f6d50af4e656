# shellcheck shell=bash disable=SC2016,SC2034,SC2094,SC2154,SC2030,SC2031
# SPDX-License-Identifier: ISC
#
# preforkcat and http://: one GET, whatever frames the body, and exit statuses
# that tell the class of the response, or what was wrong with it. What is right
# and wrong in detail is in unit/test_cat_http.c.

setup() {
	load preforkcat
	common_setup
}

teardown() {
	common_teardown
}

# --- verbs -------------------------------------------------------------------

# http_peer RESPONSE [LINES]: a server that takes a request and says RESPONSE, a
# Python bytes literal; then LINES, or it closes.
http_peer() {
	peer "
request = b''
while not request.endswith(b'\r\n\r\n'): request += c.recv(4096)
open('$DIR/request', 'wb').write(request)
c.sendall($1)
${2-c.close()}"
	H=http://127.0.0.1:$PORT
}

# A server of Python's own that has the folder $DIR/www.
web_server() {
	mkdir -p "$DIR/www"
	: >"$DIR/port"
	background python3 -c "
import functools, http.server
h = functools.partial(http.server.SimpleHTTPRequestHandler, directory='$DIR/www')
h.func.protocol_version = 'HTTP/1.1'
s = http.server.ThreadingHTTPServer(('127.0.0.1', 0), h)
open('$DIR/port', 'w').write(str(s.server_port))
s.serve_forever()" 2>"$DIR/web.log"
	wait_until 10 test -s "$DIR/port"
	PORT=$(<"$DIR/port")
	H=http://127.0.0.1:$PORT
}

# nginx in a network of its own: / on port 80; on port 81 whom a PROXY header
# names. INSIDE are the words that a command begins with to be there, too.
start_nginx() {
	cat >"$DIR/nginx.conf" <<-END
		daemon off;
		user root;
		pid nginx.pid;
		error_log nginx.log;
		events { }
		http {
			access_log off;
			client_body_temp_path tmp; proxy_temp_path tmp;
			fastcgi_temp_path tmp; uwsgi_temp_path tmp;
			scgi_temp_path tmp;
			server { listen 80; listen [::1]:80; root $DIR/www; }
			server {
				listen 81 proxy_protocol;
				return 200 "\$proxy_protocol_addr\n";
			}
		}
	END
	background unshare --net sh -c 'ip link set lo up
		PATH=$PATH:/usr/sbin:/sbin exec nginx -e nginx.log -p "$1" \
			-c "$1/nginx.conf"' sh "$DIR"
	INSIDE=(nsenter "--net=/proc/${HELPERS[-1]}/ns/net" timeout 20)
	wait_until 10 answers_inside
}

answers_inside() {
	[ -s "$DIR/nginx.pid" ] &&
		"${INSIDE[@]}" "$PREFORKCAT" http://127.0.0.1/small
}

# --- the client of the texts -------------------------------------------------

@test "example: TCP client, GET / HTTP/1.1" {
	web_server
	echo "<p>hello</p>" >"$DIR/www/index.html"
	bytes 3000000 >"$DIR/www/a file"
	run -0 --separate-stderr talk "$H"
	assert_output "<p>hello</p>"
	assert_equal "$stderr" ""
	talk "$H/a file" | cmp - "$DIR/www/a file"
	talk "$H/a%20file" >"$DIR/out"
	cmp "$DIR/out" "$DIR/www/a file"
	run -0 talk -i "$H/index.html"
	assert_line --index 0 $'HTTP/1.1 200 OK\r'
	assert_line $'Content-Length: 13\r'
	assert_equal "${lines[-1]}" "<p>hello</p>"
	assert_equal "${lines[-2]}" $'\r'
	run -4 --separate-stderr talk "$H/nothing"
	assert_output --partial "404"
	assert_equal "$stderr" ""
	mkdir "$DIR/www/folder"
	run -3 talk -i "$H/folder"
	assert_line --index 0 --partial "301"
}

@test "http: nginx is understood, and understands" {
	mkdir "$DIR/www"
	echo small >"$DIR/www/small"
	bytes 20000000 >"$DIR/www/large"
	start_nginx
	"${INSIDE[@]}" "$PREFORKCAT" http://127.0.0.1/large |
		cmp - "$DIR/www/large"
	run -0 "${INSIDE[@]}" "$PREFORKCAT" -i 'http://[::1]/small'
	assert_line --index 0 $'HTTP/1.1 200 OK\r'
	assert_equal "${lines[-1]}" small
	run -4 "${INSIDE[@]}" "$PREFORKCAT" http://127.0.0.1/nothing
	local version
	for version in v1 v2; do
		run -0 "${INSIDE[@]}" "$PREFORKCAT" --proxy-header "$version" \
			--source 127.0.0.7 http://127.0.0.1:81/
		assert_output 127.0.0.7
	done
	# Without one it is refused.
	run ! "${INSIDE[@]}" "$PREFORKCAT" http://127.0.0.1:81/
}

# --- the request -------------------------------------------------------------

@test "http: the request is one GET, for the host that was named" {
	http_peer 'b"HTTP/1.1 204 No Content\r\n\r\n"'
	run -0 talk "$H/a path?b=c#d"
	assert_output ""
	assert_equal "$(<"$DIR/request")" "GET /a%20path?b=c HTTP/1.1"$'\r'"
Host: 127.0.0.1:$PORT"$'\r'"
User-Agent: $("$PREFORKCAT" -V | tr ' ' /)"$'\r'"
Accept: */*"$'\r'"
Connection: close"$'\r\n\r'
	# Nothing of a URL is another line of it.
	http_peer 'b"HTTP/1.1 204 No Content\r\n\r\n"'
	run -0 talk "$H/"$'\r\n'"X: y"
	run ! grep '^X' "$DIR/request"
}

@test "http: --proxy-header comes before the request" {
	peer '
header = c.recv(4096)
while not header.endswith(b"\r\n\r\n"): header += c.recv(4096)
assert header.startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\nGET / " % (c.getpeername()[1], c.getsockname()[1]))
c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright")
c.close()'
	run -0 talk --proxy-header v1 "http://127.0.0.1:$PORT/"
	assert_output right
}

# --- the response ------------------------------------------------------------

@test "http: a body of a length, in chunks, or until the end" {
	http_peer 'b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"'
	run -0 talk "$H"
	assert_output hello
	http_peer 'b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nT: z\r\n\r\n"'
	run -0 talk "$H"
	assert_output hello
	http_peer 'b"HTTP/1.0 200 OK\r\n\r\nhello"'
	run -0 talk "$H"
	assert_output hello
	# In small pieces.
	peer '
c.recv(4096)
for byte in b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n":
    c.sendall(bytes([byte]))
c.close()'
	run -0 talk "http://127.0.0.1:$PORT/"
	assert_output hello
}

@test "http: it ends with the response, though the server does not" {
	local response
	for response in 'b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"' \
		'b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"'; do
		http_peer "$response" 'time.sleep(30)'
		run -0 talk "$H"
		assert_output hello
	done
	http_peer 'b"HTTP/1.1 204 No Content\r\n\r\n"' 'time.sleep(30)'
	run -0 talk "$H"
	assert_output ""
}

@test "http: the exit status is the class of the response, the body is printed" {
	local status class
	for status in 200 299 301 399 404 499 500 599; do
		class=${status:0:1}
		[ "$class" != 2 ] || class=0
		http_peer "b'HTTP/1.1 $status X\r\nContent-Length: 5\r\n\r\nhello'"
		run "-$class" --separate-stderr talk "$H"
		assert_output hello
		assert_equal "$stderr" ""
	done
	# A notice is not the response.
	http_peer "b'HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 503 X\r\nContent-Length: 5\r\n\r\nhello'"
	run -5 talk -i "$H"
	assert_line $'HTTP/1.1 103 Hints\r'
	assert_line $'HTTP/1.1 503 X\r'
}

@test "http: what is no right response is 76, and says why" {
	local response why
	while read -r response why; do
		http_peer "$response"
		run -76 --separate-stderr talk "$H"
		assert_equal "$stderr" "preforkcat: the response of \"$H\" is not right: $why"
	done <<-'END'
		b'220\x20mail\x20ready\r\n' it is not HTTP/1
		b'' it ends in the middle
		b'HTTP/1.1\x20200\x20OK\r\nContent-Length:9\r\n\r\nhello' it ends in the middle
		b'HTTP/1.1\x20200\x20OK\r\nContent-Length:-1\r\n\r\n' its length is not one number
		b'HTTP/1.1\x20200\x20OK\r\nTransfer-Encoding:chunked\r\n\r\nx\r\n' the size of a chunk is wrong
		b'HTTP/1.1\x20200\x20OK\r\nTransfer-Encoding:gzip\r\n\r\n' its encoding is not chunked
		b'HTTP/1.1\x20200\x20OK\r\nX:'+b'x'*9999+b'\r\n\r\n' a line of its header is too long
		b'HTTP/1.1\x20101\x20OK\r\n\r\n' it changes the protocol
	END
	# What was right of it is printed.
	http_peer "b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello'"
	run -76 --separate-stderr talk "$H"
	assert_output hello
}

@test "http: refused 69, reset 74, silent 75, name not found 68" {
	run -69 talk http://127.0.0.1:1/
	assert_output 'preforkcat: cannot connect to "tcp://127.0.0.1:1": Connection refused'
	run -68 talk http://nobody.invalid/
	http_peer 'b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"' 'reset(c)'
	run -74 --separate-stderr talk "$H"
	assert_output hello
	assert_equal "$stderr" "preforkcat: \"$H\" reset the connection"
	http_peer 'b"HTTP/1.1 200 OK\r\n"' 'time.sleep(30)'
	run -75 talk --timeout 200ms "$H"
	assert_output "preforkcat: \"$H\" timed out: nothing came or went for 200ms"
}

@test "http: output that nobody reads, or that is full" {
	http_peer 'b"HTTP/1.1 200 OK\r\n\r\n"' '
try:
    while True: c.sendall(b"line\n" * 1000)
except OSError: pass'
	run -0 bash -c "timeout 10 '$PREFORKCAT' $H | head -n 1; exit \${PIPESTATUS[0]}"
	assert_output line
	http_peer 'b"HTTP/1.1 200 OK\r\n\r\nhello"'
	run -74 bash -c "timeout 10 '$PREFORKCAT' $H >/dev/full"
	assert_output "preforkcat: cannot write standard output: No space left on device"
}

@test "http: -v and --hex tell what happens" {
	http_peer 'b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello"'
	run -4 --separate-stderr talk -v --hex "$H"
	assert_output hello
	run -0 cat <<<"$stderr"
	assert_line --regexp '^preforkcat: connected to 127.0.0.1:'
	assert_line --regexp '^preforkcat: first byte \('
	assert_line "preforkcat: the status of the response is 404"
	assert_line --regexp '^> 00000000  47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a  GET / HTTP/1\.1\\r\\n$'
	assert_line --regexp '^< 00000000  48 54 54 50 '
}
