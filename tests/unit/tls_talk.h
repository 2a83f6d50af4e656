/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_TLS_TALK_H
#define TESTS_UNIT_TLS_TALK_H

/*
 * A server and a client in one process, over memory. Include after cmocka.h.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stdbool.h>

struct talk {
	SSL *server, *client;
	bool established;
	int error; /* reason of the side that failed first */
};

/* What a client receives as its session last. */
static SSL_SESSION *talk_session;

static inline int
talk_keep_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(talk_session);
	talk_session = session;
	return 1;
}

/* Believes anybody: what is shown is the test's matter. */
static inline SSL_CTX *
talk_client(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	assert_non_null(context);
	SSL_CTX_set_session_cache_mode(
	    context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, talk_keep_session);
	return context;
}

static inline bool
talk_step(struct talk *talk, SSL *ssl)
{
	ERR_clear_error();
	int rc = SSL_do_handshake(ssl);
	if (rc == 1 || SSL_get_error(ssl, rc) == SSL_ERROR_WANT_READ)
		return true;
	if (talk->error == 0)
		talk->error = ERR_GET_REASON(ERR_peek_error());
	ERR_clear_error();
	return false;
}

/* SSL of both sides, handshake not begun. SESSION may be NULL. */
static inline struct talk
talk_begin(SSL_CTX *server, SSL_CTX *client, SSL_SESSION *session)
{
	struct talk talk = { SSL_new(server), SSL_new(client), false, 0 };
	BIO *left, *right;

	assert_int_equal(BIO_new_bio_pair(&left, 0, &right, 0), 1);
	SSL_set_bio(talk.server, left, left);
	SSL_set_bio(talk.client, right, right);
	SSL_set_accept_state(talk.server);
	SSL_set_connect_state(talk.client);
	if (session != NULL)
		assert_int_equal(SSL_set_session(talk.client, session), 1);
	return talk;
}

/* The handshake, and what the server says behind it. */
static inline void
talk_handshake(struct talk *talk)
{
	char nothing[16];

	for (int i = 0; i < 10; i++) {
		if (!talk_step(talk, talk->client) ||
		    !talk_step(talk, talk->server))
			break;
	}
	talk->established = SSL_is_init_finished(talk->client) == 1 &&
	    SSL_is_init_finished(talk->server) == 1 && talk->error == 0;
	if (!talk->established)
		return;
	int rc = SSL_read(talk->client, nothing, sizeof(nothing));
	if (SSL_get_error(talk->client, rc) != SSL_ERROR_WANT_READ)
		talk->error = ERR_GET_REASON(ERR_peek_error());
	ERR_clear_error();
}

static inline void
talk_end(struct talk *talk)
{
	/* Or OpenSSL takes the session for a bad one. */
	SSL_set_shutdown(
	    talk->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(talk->server);
	SSL_free(talk->client);
	*talk = (struct talk){ 0 };
}

/* Forgets the session too. */
static inline void
talk_forget(void)
{
	SSL_SESSION_free(talk_session);
	talk_session = NULL;
}

#endif
