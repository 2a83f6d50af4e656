/* SPDX-License-Identifier: ISC */
/*
 * TLS for one process of load: an SSL for each connection of the one SSL_CTX
 * that the first process made, and sessions for later handshakes. It adds no
 * call to the kernel but those that the handshake needs: what comes is read
 * ahead, so that a record costs one read.
 */
#include <errno.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "clients/client_tls.h"
#include "clients/client_tls_failure.h"
#include "clients/preforkbench_tls.h"

/* --- contexts and sessions ----------------------------------------------- */

#define SESSIONS_MAX 1024

/* Of this process; the newest is offered first, and the oldest gives way. */
static struct sessions {
	SSL_SESSION *ring[SESSIONS_MAX];
	size_t next, n;
} sessions;

/* Returns 1: the session is ours. */
static int
keep_session(SSL *ssl, SSL_SESSION *session)
{
	size_t at = sessions.next++ % SESSIONS_MAX;

	(void)ssl;
	if (sessions.n == SESSIONS_MAX)
		SSL_SESSION_free(sessions.ring[at]);
	else
		sessions.n++;
	sessions.ring[at] = session;
	return 1;
}

/* One of TLS 1.3 is for one connection (RFC 8446, C.4; OpenSSL does not offer
 * it twice), others for any number. */
static void
offer_session(SSL *ssl)
{
	while (sessions.n > 0) {
		SSL_SESSION *session =
		    sessions.ring[(sessions.next - 1) % SESSIONS_MAX];
		bool good = SSL_SESSION_is_resumable(session) == 1;

		if (good)
			SSL_set_session(ssl, session);
		if (good &&
		    SSL_SESSION_get_protocol_version(session) <= TLS1_2_VERSION)
			return;
		SSL_SESSION_free(session);
		sessions.next--;
		sessions.n--;
		if (good)
			return;
	}
}

/* OpenSSL would look into the system's store first, for nothing. */
static int
accept_any(X509_STORE_CTX *store, void *data)
{
	(void)store;
	(void)data;
	return 1;
}

SSL_CTX *
load_tls_context(const struct options *options, char *why, size_t why_size)
{
	SSL_CTX *context = client_tls_context(&options->tls, why, why_size);
	int version = options->tls_version;

	if (context == NULL)
		return NULL;
	if (version != 0) {
		SSL_CTX_set_min_proto_version(context, version);
		SSL_CTX_set_max_proto_version(context, version);
	}
	if (options->tls.insecure)
		SSL_CTX_set_cert_verify_callback(context, accept_any, NULL);
	/* Buffers that come and go with each record cost time. */
	if (options->mode != MODE_IDLE)
		SSL_CTX_clear_mode(context, SSL_MODE_RELEASE_BUFFERS);
	if (!options->resume) {
		SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
		return context;
	}
	SSL_CTX_set_session_cache_mode(
	    context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, keep_session);
	return context;
}

/* --- what went wrong ----------------------------------------------------- */

static bool
is_unexpected_end(unsigned long code)
{
	return ERR_GET_LIB(code) == ERR_LIB_SSL &&
	    ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

/* errno for what has failed on CLIENT, which is not the handshake. */
static int
error_of(struct load *load, const struct client *client)
{
	const struct client_tls_record *record =
	    client_tls_record_of(client->ssl);
	char why[RESULT_WHY];

	if (record->code == 0 && record->error != 0)
		return record->error;
	if (is_unexpected_end(record->code))
		return ENODATA;
	client_tls_failure(client->ssl, load->options->text, why, sizeof(why));
	result_set_why(load->result, FAILURE_TLS, why);
	return EPROTO;
}

static enum failure
handshake_failure(struct load *load, const struct client *client)
{
	char why[RESULT_WHY];
	enum client_status status = client_tls_failure(
	    client->ssl, load->options->text, why, sizeof(why));
	enum failure failure = status == CLIENT_CERTIFICATE
	    ? FAILURE_CERTIFICATE
	    : FAILURE_HANDSHAKE;

	result_set_why(load->result, failure, why);
	return failure;
}

/* --- the handshake ------------------------------------------------------- */

bool
load_tls_begin(struct load *load, struct client *client)
{
	int64_t now_ns = load_time();
	char why[RESULT_WHY];

	client->connect_ns = now_ns - client->begun_ns;
	client->begun_ns = now_ns;
	client->ssl = client_tls_new(load->target->context, &load->options->tls,
	    &load->options->address, client->fd, why, sizeof(why));
	if (client->ssl == NULL) {
		result_set_why(load->result, FAILURE_HANDSHAKE, why);
		return false;
	}
	if (sessions.n > 0)
		offer_session(client->ssl);
	return true;
}

/* What the handshake came to, for the report. */
static void
tell(struct result_tls *result, SSL *ssl)
{
	const char *group = NULL;

	strlcpy(result->version, SSL_get_version(ssl), RESULT_NAME);
	strlcpy(result->cipher, SSL_get_cipher_name(ssl), RESULT_NAME);
	/* Of a key exchange there was, which TLS 1.2 resumes without. */
	int id = (int)SSL_get_negotiated_group(ssl);
	if (id != 0)
		group = SSL_group_to_name(ssl, id);
	if (group != NULL)
		strlcpy(result->group, group, RESULT_NAME);
}

static void
count(struct load *load, struct client *client)
{
	struct result_tls *result = &load->result->tls;

	load->now_ns = load_time();
	if (result->version[0] == '\0')
		tell(result, client->ssl);
	if (SSL_session_reused(client->ssl))
		result->resumed++;
	else
		result->full++;
	histogram_add(&result->connect, client->connect_ns);
	histogram_add(&result->handshake, load->now_ns - client->begun_ns);
}

enum tls_step
load_tls_shake(struct load *load, struct client *client, enum failure *failure)
{
	switch (client_tls_handshake(client->ssl)) {
	case CLIENT_TLS_WANTS_READ:
		return TLS_WANTS_READ;
	case CLIENT_TLS_WANTS_WRITE:
		return TLS_WANTS_WRITE;
	case CLIENT_TLS_DONE:
		count(load, client);
		client->has_more = SSL_has_pending(client->ssl) == 1;
		return TLS_DONE;
	default:
		*failure = handshake_failure(load, client);
		return TLS_FAILED;
	}
}

void
load_tls_forget(struct load *load)
{
	struct result_tls *result = &load->result->tls;

	result->full = result->resumed = 0;
	memset(&result->connect, 0, sizeof(result->connect));
	memset(&result->handshake, 0, sizeof(result->handshake));
}

/* --- bytes --------------------------------------------------------------- */

/* As the system calls tell it. */
static ssize_t
told(struct load *load, struct client *client, enum client_tls_step step,
    size_t n)
{
	switch (step) {
	case CLIENT_TLS_DONE:
		return (ssize_t)n;
	case CLIENT_TLS_ENDED:
		return 0;
	case CLIENT_TLS_FAILED:
		errno = error_of(load, client);
		return -1;
	default:
		errno = EAGAIN;
		return -1;
	}
}

ssize_t
load_tls_send(
    struct load *load, struct client *client, const void *data, size_t length)
{
	size_t n = 0;
	enum client_tls_step step =
	    client_tls_write(client->ssl, data, length, &n);

	return told(load, client, step, n);
}

ssize_t
load_tls_receive(
    struct load *load, struct client *client, void *data, size_t size)
{
	size_t n = 0;
	enum client_tls_step step =
	    client_tls_read(client->ssl, data, size, &n);

	/* A record that is there in part is in the kernel's hands. */
	client->has_more =
	    step == CLIENT_TLS_DONE && SSL_has_pending(client->ssl) == 1;
	return told(load, client, step, n);
}

/* --- the end ------------------------------------------------------------- */

void
load_tls_finish(struct client *client)
{
	client_tls_finish(client->ssl);
}

void
load_tls_close(const struct load *load, struct client *client)
{
	SSL *ssl = client->ssl;

	if (SSL_is_init_finished(ssl)) {
		if (!load->options->reset &&
		    (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) == 0)
			client_tls_finish(ssl);
		/* Otherwise its session would not be used again. */
		SSL_set_shutdown(
		    ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	}
	SSL_free(ssl);
	client->ssl = NULL;
	client->has_more = false;
}
