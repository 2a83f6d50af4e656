/* SPDX-License-Identifier: ISC */
/*
 * The yardstick for TLS: the least that a prefork server can do with OpenSSL. N
 * processes, one epoll loop each, one SSL_CTX made before the fork, buffers
 * released when nothing is in them, one ticket a handshake. No timeouts,
 * limits, counters or fairness. For comparison in tests/bench/run only.
 *
 * usage: bare-tls echo|hello PORT CERTIFICATE KEY GROUP CIPHERSUITE [processes]
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <err.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char buffer[16384]; /* a record */
static SSL_CTX *context;
static bool hello;

static void
make_context(char **argv)
{
	context = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
	SSL_CTX_set_options(context, SSL_OP_ENABLE_KTLS);
	SSL_CTX_set_mode(context,
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(context, 1);
	if (SSL_CTX_use_certificate_chain_file(context, argv[0]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(context, argv[1], SSL_FILETYPE_PEM) !=
		1 ||
	    SSL_CTX_set1_groups_list(context, argv[2]) != 1 ||
	    SSL_CTX_set_ciphersuites(context, argv[3]) != 1)
		errx(1, "%s", ERR_reason_error_string(ERR_peek_error()));
}

static int
open_listener(const char *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)atoi(port)) };
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(fd, 4096) == -1)
		err(1, "%s", port);
	return fd;
}

static void
add(int epoll_fd, int fd, uint32_t events, SSL *ssl)
{
	struct epoll_event event = { .events = events, .data.ptr = ssl };

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == -1)
		err(1, "epoll_ctl");
}

static void
on_listener(int epoll_fd, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

	if (fd == -1)
		return;
	SSL *ssl = SSL_new(context);
	SSL_set_fd(ssl, fd);
	SSL_set_accept_state(ssl);
	add(epoll_fd, fd, EPOLLIN, ssl);
}

static void
end(SSL *ssl)
{
	int fd = SSL_get_fd(ssl);

	SSL_free(ssl);
	close(fd);
}

/* What does not fit is waited for, here and only here. */
static bool
send_all(SSL *ssl, const char *data, int len)
{
	struct pollfd room = { .fd = SSL_get_fd(ssl), .events = POLLOUT };

	while (len > 0) {
		int n = SSL_write(ssl, data, len);
		if (n > 0) {
			data += n;
			len -= n;
		} else if (SSL_get_error(ssl, n) != SSL_ERROR_WANT_WRITE ||
		    poll(&room, 1, -1) == -1) {
			return false;
		}
	}
	return true;
}

/* False when it is over. */
static bool
shake(SSL *ssl)
{
	static const char text[] = "Hello 127.0.0.1\n";
	int rc = SSL_do_handshake(ssl);

	if (rc != 1)
		return SSL_get_error(ssl, rc) == SSL_ERROR_WANT_READ;
	if (hello) {
		SSL_write(ssl, text, sizeof(text) - 1);
		SSL_shutdown(ssl);
	}
	return !hello;
}

static bool
echo(SSL *ssl)
{
	do {
		int n = SSL_read(ssl, buffer, sizeof(buffer));
		if (n <= 0)
			return SSL_get_error(ssl, n) == SSL_ERROR_WANT_READ;
		if (!send_all(ssl, buffer, n))
			return false;
	} while (SSL_has_pending(ssl));
	return true;
}

static void
on_connection(SSL *ssl)
{
	ERR_clear_error();
	bool goes_on = SSL_is_init_finished(ssl) || shake(ssl);
	if (goes_on && SSL_is_init_finished(ssl))
		goes_on = echo(ssl);
	if (!goes_on)
		end(ssl);
}

static _Noreturn void
serve(int listener)
{
	struct epoll_event events[64];
	int epoll_fd = epoll_create1(0);

	add(epoll_fd, listener, EPOLLIN | EPOLLEXCLUSIVE, NULL);
	for (;;) {
		int n = epoll_wait(epoll_fd, events, 64, -1);
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == NULL)
				on_listener(epoll_fd, listener);
			else
				on_connection(events[i].data.ptr);
		}
	}
}

int
main(int argc, char **argv)
{
	if (argc < 7)
		errx(2,
		    "usage: bare-tls echo|hello PORT CERTIFICATE KEY GROUP "
		    "CIPHERSUITE [processes]");
	hello = strcmp(argv[1], "hello") == 0;
	make_context(argv + 3);
	int listener = open_listener(argv[2]);
	int n = argc > 7 ? atoi(argv[7]) : 1;
	signal(SIGPIPE, SIG_IGN);
	for (int i = 1; i < n; i++) {
		if (fork() == 0)
			break;
	}
	serve(listener);
}
