/* SPDX-License-Identifier: ISC */
/*
 * Contexts of OpenSSL: how they are set up from the settings of a service, and
 * what they answer in a handshake (which certificate, which protocol).
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <openssl/err.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/tls_making.h"

/* --- what a handshake asks ------------------------------------------------ */

/* An exact name goes before a wildcard, an earlier certificate before a later
 * one. */
static const struct tls_context *
find_context(const struct tls_server *server, const char *name)
{
	for (size_t i = 0; i < server->n_contexts; i++) {
		if (tls_names_have(&server->contexts[i].names, name))
			return &server->contexts[i];
	}
	for (size_t i = 0; i < server->n_contexts; i++) {
		if (tls_names_match_wildcard(&server->contexts[i].names, name))
			return &server->contexts[i];
	}
	return NULL;
}

/* RFC 6066: a name that is not ours gets the first certificate; whether that
 * will do is for the client to say. */
static int
choose_by_name(SSL *ssl, int *alert, void *arg)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct tls_context *context =
	    name == NULL ? NULL : find_context(arg, name);

	(void)alert;
	if (context == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	SSL_set_SSL_CTX(ssl, context->ssl);
	return SSL_TLSEXT_ERR_OK;
}

/* RFC 7301: our order counts; no common protocol ends the handshake. */
static int
choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned in_len, void *arg)
{
	const struct tls_server *server = arg;
	unsigned char *chosen;

	(void)ssl;
	if (SSL_select_next_proto(&chosen, out_len, server->alpn,
		server->alpn_len, in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* --- contexts ------------------------------------------------------------- */

bool
tls_kernel_offers(void)
{
#if defined(OPENSSL_NO_KTLS) || !defined(TCP_ULP)
	return false;
#else
	static int offers = -1;

	if (offers == -1) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		/* Only then it says that there is no connection yet. */
		offers = fd != -1 &&
		    (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", 3) == 0 ||
			errno == ENOTCONN);
		if (fd != -1)
			close(fd);
	}
	return offers == 1;
#endif
}

static void
set_options(SSL_CTX *ssl, const struct service_config *service)
{
	SSL_CTX_set_options(ssl,
	    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
		SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	if (tls_kernel_offers())
		SSL_CTX_set_options(ssl, SSL_OP_ENABLE_KTLS);
	/* An idle connection holds no buffer; a record is read with one call;
	 * what does not fit into the socket is kept by us, not by OpenSSL. */
	SSL_CTX_set_mode(ssl,
	    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ssl, 1);
	/* Records without data must not hold us in one call. */
	SSL_CTX_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
	/* A cache would be one worker's own; tickets are everybody's. */
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(
	    ssl, (long)(service->tls_ticket_lifetime_ms / 1000));
	SSL_CTX_set_num_tickets(ssl, service->tls_session_tickets ? 1 : 0);
	if (!service->tls_session_tickets)
		SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
}

static bool
set_algorithms(const struct tls_making *making, SSL_CTX *ssl)
{
	const struct service_config *service = making->service;
	int version = service->tls_min_version == TLS_MIN_1_3 ? TLS1_3_VERSION
							      : TLS1_2_VERSION;

	bool good = SSL_CTX_set_min_proto_version(ssl, version) == 1;

	if (!good)
		tls_no_memory(making);
	if (SSL_CTX_set_cipher_list(ssl, service->tls_ciphers) != 1) {
		tls_complain(making, "tls_ciphers", service->tls_ciphers,
		    "has no cipher that OpenSSL knows; ciphers(1) has the "
		    "names");
		good = false;
	}
	if (SSL_CTX_set_ciphersuites(ssl, service->tls_ciphersuites) != 1) {
		tls_complain(making, "tls_ciphersuites",
		    service->tls_ciphersuites,
		    "has a cipher that OpenSSL does not know; allowed are "
		    "names such as TLS_AES_128_GCM_SHA256, with colons");
		good = false;
	}
	if (SSL_CTX_set1_groups_list(ssl, service->tls_groups) != 1) {
		tls_complain(making, "tls_groups", service->tls_groups,
		    "has a group that OpenSSL does not know; allowed are "
		    "names such as X25519, P-256 and P-384, with colons");
		good = false;
	}
	ERR_clear_error();
	return good;
}

bool
tls_check_algorithms(const struct tls_making *making)
{
	SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
	bool good = ssl != NULL;

	if (good)
		good = set_algorithms(making, ssl);
	else
		tls_no_memory(making);
	SSL_CTX_free(ssl);
	return good;
}

/* Names of the issuers are told to clients, who choose a certificate by them.
 */
static bool
set_clients(const struct tls_making *making, SSL_CTX *ssl)
{
	int mode = SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE;
	X509_STORE *store = SSL_CTX_get_cert_store(ssl);

	if (making->service->tls_client_verify == TLS_VERIFY_OFF)
		return true;
	if (making->service->tls_client_verify == TLS_VERIFY_REQUIRED)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	for (int i = 0; i < sk_X509_num(making->client_ca); i++) {
		X509 *issuer = sk_X509_value(making->client_ca, i);
		if (X509_STORE_add_cert(store, issuer) != 1 ||
		    SSL_CTX_add_client_CA(ssl, issuer) != 1)
			return false;
	}
	SSL_CTX_set_verify(ssl, mode, NULL);
	return true;
}

static SSL_CTX *
new_context(const struct tls_making *making)
{
	SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
	struct tls_server *server = making->server;

	if (ssl == NULL) {
		tls_no_memory(making);
		return NULL;
	}
	set_options(ssl, making->service);
	SSL_CTX_set_tlsext_servername_callback(ssl, choose_by_name);
	SSL_CTX_set_tlsext_servername_arg(ssl, server);
	if (server->alpn_len > 0)
		SSL_CTX_set_alpn_select_cb(ssl, choose_protocol, server);
	/* A ticket is good where the same clients are believed, no further. */
	if (!set_clients(making, ssl) ||
	    SSL_CTX_set_session_id_context(
		ssl, making->trust, making->trust_len) != 1)
		tls_no_memory(making);
	else if (!making->algorithms_are_good || set_algorithms(making, ssl))
		return ssl;
	SSL_CTX_free(ssl);
	return NULL;
}

/* Whether there is already a certificate with a key of this kind. */
static bool
has_kind(SSL_CTX *ssl, int type)
{
	long more = SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_FIRST);

	for (; more == 1;
	     more = SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_NEXT)) {
		X509 *one = SSL_CTX_get0_certificate(ssl);
		if (EVP_PKEY_get_base_id(X509_get0_pubkey(one)) == type)
			return true;
	}
	return false;
}

SSL_CTX *
tls_context_for(const struct tls_making *making, X509 *certificate)
{
	struct tls_server *server = making->server;
	struct tls_names names;
	int type = EVP_PKEY_get_base_id(X509_get0_pubkey(certificate));

	if (!tls_names_read(&names, certificate)) {
		tls_no_memory(making);
		return NULL;
	}
	for (size_t i = 0; i < server->n_contexts; i++) {
		struct tls_context *context = &server->contexts[i];
		if (tls_names_equal(&context->names, &names) &&
		    !has_kind(context->ssl, type)) {
			tls_names_clear(&names);
			return context->ssl;
		}
	}
	SSL_CTX *ssl = new_context(making);
	struct tls_context *grown = ssl == NULL
	    ? NULL
	    : reallocarray(
		  server->contexts, server->n_contexts + 1, sizeof(*grown));
	if (grown == NULL) {
		tls_names_clear(&names);
		SSL_CTX_free(ssl);
		if (ssl != NULL)
			tls_no_memory(making);
		return NULL;
	}
	server->contexts = grown;
	grown[server->n_contexts++] = (struct tls_context){ ssl, names };
	return ssl;
}
