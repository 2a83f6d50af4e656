/* SPDX-License-Identifier: ISC */
/*
 * A client that does what the rules of TLS allow, again and again, and what
 * others' clients cannot be made to do: it asks for new keys (TLS 1.3), or for
 * another handshake (TLS 1.2), N times in a row. Then it says a byte and prints
 * what became of that. Of 83-faults-tls.bats.
 *
 * usage: tls_rude PORT keys|renegotiate N
 */
#include <sys/socket.h>

#include <netinet/in.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <err.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
meet(int port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct timeval patience = { .tv_sec = 20 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd == -1 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) == -1)
		err(1, "connect");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return fd;
}

static SSL *
handshake(int port, int version)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	SSL_CTX_set_min_proto_version(context, version);
	SSL_CTX_set_max_proto_version(context, version);
	SSL *ssl = SSL_new(context);
	SSL_CTX_free(context);
	SSL_set_fd(ssl, meet(port));
	if (SSL_connect(ssl) != 1)
		errx(1, "no handshake");
	return ssl;
}

/* Whether the server has taken all of them. */
static bool
repeat(SSL *ssl, const char *what, int n)
{
	for (int i = 0; i < n; i++) {
		int rc = strcmp(what, "keys") == 0
		    ? SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED)
		    : SSL_renegotiate(ssl);
		if (rc != 1)
			errx(1, "OpenSSL does not do this");
		if (SSL_do_handshake(ssl) != 1) {
			printf("refused after %d\n", i);
			return false;
		}
	}
	return true;
}

static void
say_and_hear(SSL *ssl)
{
	char byte = 'x';

	if (SSL_write(ssl, &byte, 1) == 1 && SSL_read(ssl, &byte, 1) == 1)
		printf("answered\n");
	else
		printf("not answered: %s\n",
		    ERR_reason_error_string(ERR_peek_error()));
}

int
main(int argc, char *argv[])
{
	if (argc != 4)
		errx(64, "usage: tls_rude PORT keys|renegotiate N");
	signal(SIGPIPE, SIG_IGN);
	SSL *ssl = handshake(atoi(argv[1]),
	    strcmp(argv[2], "keys") == 0 ? TLS1_3_VERSION : TLS1_2_VERSION);
	if (repeat(ssl, argv[2], atoi(argv[3])))
		say_and_hear(ssl);
	SSL_free(ssl);
	return 0;
}
