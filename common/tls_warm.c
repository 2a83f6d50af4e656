/* SPDX-License-Identifier: ISC */
/*
 * A handshake with ourselves, by way of memory.
 */
#include <openssl/bio.h>
#include <openssl/err.h>

#include <stdbool.h>

#include "common/tls_warm.h"

#define STEPS_MAX 10 /* of either side; three or four will do */

static bool
shake_hands(SSL *server, SSL *client)
{
	bool done = false;

	for (int i = 0; i < STEPS_MAX && !done; i++) {
		bool client_done = SSL_do_handshake(client) == 1;
		done = SSL_do_handshake(server) == 1 && client_done;
	}
	return done;
}

/* Takes nothing over; whose certificate it is does not matter here. */
static SSL *
new_end(SSL_CTX *context, BIO *bio)
{
	SSL *ssl = SSL_new(context);

	if (ssl == NULL)
		return NULL;
	SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
	if (BIO_up_ref(bio) == 1)
		SSL_set_bio(ssl, bio, bio);
	return ssl;
}

static bool
try(SSL_CTX *server_context, SSL_CTX *client_context)
{
	BIO *one = NULL, *other = NULL;
	SSL *server = NULL, *client = NULL;

	if (BIO_new_bio_pair(&one, 0, &other, 0) == 1) {
		server = new_end(server_context, one);
		client = new_end(client_context, other);
	}
	bool good = server != NULL && client != NULL;
	if (good) {
		SSL_set_accept_state(server);
		SSL_set_connect_state(client);
		good = shake_hands(server, client);
	}
	SSL_free(server);
	SSL_free(client);
	BIO_free(one);
	BIO_free(other);
	return good;
}

static bool
try_version(SSL_CTX *server_context, int version)
{
	SSL_CTX *client = SSL_CTX_new(TLS_client_method());

	bool good = client != NULL &&
	    SSL_CTX_set_min_proto_version(client, version) == 1 &&
	    SSL_CTX_set_max_proto_version(client, version) == 1 &&
	    try(server_context, client);
	SSL_CTX_free(client);
	return good;
}

void
tls_warm_up(SSL_CTX *context)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	static bool warm[sizeof(versions) / sizeof(*versions)];

	for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
		if (!warm[i])
			warm[i] = try_version(context, versions[i]);
	}
	ERR_clear_error();
}
