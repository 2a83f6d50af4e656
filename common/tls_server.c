/* SPDX-License-Identifier: ISC */
/*
 * From the settings of a service to contexts of OpenSSL. Everything that can be
 * wrong with them is found here, while the configuration is read; workers only
 * use what came out of it.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/tls_check.h"
#include "common/tls_files.h"
#include "common/tls_names.h"
#include "common/tls_server.h"

#define ALPN_MAX 1024 /* bytes of all protocols together */

struct context {
	SSL_CTX *ssl;
	struct tls_names names;
};

struct tls_server {
	struct context *contexts; /* the first for clients that name nobody */
	size_t n_contexts;
	struct tls_certificate *certificates; /* one a file */
	size_t n_certificates;
	unsigned char alpn[ALPN_MAX]; /* as on the wire: length, name, ... */
	unsigned alpn_len;
	char fingerprint[2 * EVP_MAX_MD_SIZE + 1];
};

/* What making one works with. */
struct making {
	const struct config *config;
	const struct service_config *service;
	struct errors *errors, *warnings;
	struct tls_server *server;
	STACK_OF(X509) * client_ca;
	unsigned char trust[EVP_MAX_MD_SIZE]; /* who is believed, as a digest */
	unsigned trust_len;
	EVP_MD_CTX *digest; /* of all that is shown and believed */
	bool algorithms_are_good;
};

static void
complain(const struct making *making, const char *setting, const char *value,
    const char *why)
{
	struct config_place place = config_place_of(
	    making->config, SECTION_SERVICE, making->service->name, setting);

	errors_add(making->errors, place.file, place.line, "\"%s = %s\" %s",
	    setting, value, why);
}

static void
complain_of_file(const struct making *making, const char *setting,
    const struct path_list *list, size_t i, const char *why)
{
	errors_add(making->errors, list->places[i].file, list->places[i].line,
	    "%s: \"%s\" %s", setting, list->items[i], why);
}

static void
no_memory(const struct making *making)
{
	ERR_clear_error();
	errors_add(making->errors, NULL, 0, "out of memory");
}

/* --- what a handshake asks ------------------------------------------------ */

/* An exact name goes before a wildcard, an earlier certificate before a later
 * one. */
static const struct context *
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
	const struct context *context =
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
	/* A cache would be one worker's own; tickets are everybody's. */
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(
	    ssl, (long)(service->tls_ticket_lifetime_ms / 1000));
	SSL_CTX_set_num_tickets(ssl, service->tls_session_tickets ? 1 : 0);
	if (!service->tls_session_tickets)
		SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
}

static bool
set_algorithms(const struct making *making, SSL_CTX *ssl)
{
	const struct service_config *service = making->service;
	int version = service->tls_min_version == TLS_MIN_1_3 ? TLS1_3_VERSION
							      : TLS1_2_VERSION;

	bool good = SSL_CTX_set_min_proto_version(ssl, version) == 1;

	if (!good)
		no_memory(making);
	if (SSL_CTX_set_cipher_list(ssl, service->tls_ciphers) != 1) {
		complain(making, "tls_ciphers", service->tls_ciphers,
		    "has no cipher that OpenSSL knows; ciphers(1) has the "
		    "names");
		good = false;
	}
	if (SSL_CTX_set_ciphersuites(ssl, service->tls_ciphersuites) != 1) {
		complain(making, "tls_ciphersuites", service->tls_ciphersuites,
		    "has a cipher that OpenSSL does not know; allowed are "
		    "names such as TLS_AES_128_GCM_SHA256, with colons");
		good = false;
	}
	if (SSL_CTX_set1_groups_list(ssl, service->tls_groups) != 1) {
		complain(making, "tls_groups", service->tls_groups,
		    "has a group that OpenSSL does not know; allowed are "
		    "names such as X25519, P-256 and P-384, with colons");
		good = false;
	}
	ERR_clear_error();
	return good;
}

/* Told once, however many contexts they are for. */
static bool
check_algorithms(const struct making *making)
{
	SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
	bool good = ssl != NULL;

	if (good)
		good = set_algorithms(making, ssl);
	else
		no_memory(making);
	SSL_CTX_free(ssl);
	return good;
}

/* Names of the issuers are told to clients, who choose a certificate by them.
 */
static bool
set_clients(const struct making *making, SSL_CTX *ssl)
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
new_context(const struct making *making)
{
	SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
	struct tls_server *server = making->server;

	if (ssl == NULL) {
		no_memory(making);
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
		no_memory(making);
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

/* A context of its own, or that of the same names with a key of another kind:
 * then OpenSSL takes the one that a client can use. NULL after an error. */
static SSL_CTX *
context_for(const struct making *making, X509 *certificate)
{
	struct tls_server *server = making->server;
	struct tls_names names;
	int type = EVP_PKEY_get_base_id(X509_get0_pubkey(certificate));

	if (!tls_names_read(&names, certificate)) {
		no_memory(making);
		return NULL;
	}
	for (size_t i = 0; i < server->n_contexts; i++) {
		struct context *context = &server->contexts[i];
		if (tls_names_equal(&context->names, &names) &&
		    !has_kind(context->ssl, type)) {
			tls_names_clear(&names);
			return context->ssl;
		}
	}
	SSL_CTX *ssl = new_context(making);
	struct context *grown = ssl == NULL
	    ? NULL
	    : reallocarray(
		  server->contexts, server->n_contexts + 1, sizeof(*grown));
	if (grown == NULL) {
		tls_names_clear(&names);
		SSL_CTX_free(ssl);
		if (ssl != NULL)
			no_memory(making);
		return NULL;
	}
	server->contexts = grown;
	grown[server->n_contexts++] = (struct context){ ssl, names };
	return ssl;
}

/* --- certificates --------------------------------------------------------- */

static bool
digest_certificates(EVP_MD_CTX *digest, STACK_OF(X509) * all)
{
	for (int i = 0; i < sk_X509_num(all); i++) {
		unsigned char *der = NULL;
		int len = i2d_X509(sk_X509_value(all, i), &der);
		bool good =
		    len > 0 && EVP_DigestUpdate(digest, der, (size_t)len) == 1;
		OPENSSL_free(der);
		if (!good)
			return false;
	}
	return true;
}

/* For statistics. The file is only good for as long as all in it are. */
static bool
remember(const struct making *making, size_t i, STACK_OF(X509) * chain)
{
	struct tls_certificate *into =
	    &making->server->certificates[making->server->n_certificates];

	into->file = making->service->tls_certificate.items[i];
	into->name = tls_names_title(sk_X509_value(chain, 0));
	into->not_before =
	    tls_seconds(X509_get0_notBefore(sk_X509_value(chain, 0)));
	into->not_after = INT64_MAX;
	for (int c = 0; c < sk_X509_num(chain); c++) {
		int64_t end =
		    tls_seconds(X509_get0_notAfter(sk_X509_value(chain, c)));
		if (end < into->not_after)
			into->not_after = end;
	}
	if (into->name == NULL)
		return false;
	making->server->n_certificates++;
	tls_check_dates(into->file, into->name, into->not_before,
	    into->not_after, (int64_t)time(NULL),
	    &making->service->tls_certificate.places[i], making->warnings);
	return true;
}

static void
use_pair(const struct making *making, size_t i, STACK_OF(X509) * chain,
    EVP_PKEY *key)
{
	const struct path_list *files = &making->service->tls_certificate;
	X509 *first = sk_X509_value(chain, 0);
	char why[512];

	/* First: where it is wrong, the key is likely that of another one. */
	if (!tls_check_chain(chain, why, sizeof(why))) {
		complain_of_file(making, "tls_certificate", files, i, why);
		return;
	}
	if (X509_check_private_key(first, key) != 1) {
		ERR_clear_error();
		snprintf(why, sizeof(why),
		    "does not belong to the certificate in \"%s\"",
		    files->items[i]);
		complain_of_file(
		    making, "tls_key", &making->service->tls_key, i, why);
		return;
	}
	SSL_CTX *ssl = context_for(making, first);
	if (ssl == NULL)
		return;
	STACK_OF(X509) *issuers = sk_X509_dup(chain);
	(void)sk_X509_shift(issuers);
	if (SSL_CTX_use_cert_and_key(ssl, first, key, issuers, 0) != 1) {
		snprintf(
		    why, sizeof(why), "cannot be used: %s", tls_take_error());
		complain_of_file(making, "tls_certificate", files, i, why);
	} else if (!digest_certificates(making->digest, chain) ||
	    !remember(making, i, chain))
		no_memory(making);
	sk_X509_free(issuers);
}

/* Both files are read, so that one pass tells what is wrong with either. */
static void
add_pair(const struct making *making, size_t i)
{
	const struct service_config *service = making->service;
	const struct pool_config *pool = service->pool_config;
	const char *user = making->config->daemon.user;
	char why[512];

	STACK_OF(X509) *chain = tls_read_certificates(
	    service->tls_certificate.items[i], why, sizeof(why));
	if (chain == NULL)
		complain_of_file(making, "tls_certificate",
		    &service->tls_certificate, i, why);
	EVP_PKEY *key =
	    tls_read_key(service->tls_key.items[i], why, sizeof(why));
	if (key == NULL)
		complain_of_file(making, "tls_key", &service->tls_key, i, why);
	if (pool != NULL && *pool->user != '\0')
		user = pool->user;
	if (key != NULL)
		tls_check_key_file(service->tls_key.items[i], user,
		    &service->tls_key.places[i], making->warnings);
	if (chain != NULL && key != NULL)
		use_pair(making, i, chain, key);
	EVP_PKEY_free(key);
	sk_X509_pop_free(chain, X509_free);
}

/* --- the rest of the settings --------------------------------------------- */

static bool
parse_alpn(const struct making *making)
{
	struct tls_server *server = making->server;
	char *copy = strdup(making->service->tls_alpn), *rest = copy, *word;
	bool good = copy != NULL;

	while (good && *copy != '\0' && (word = strsep(&rest, ",")) != NULL) {
		word += strspn(word, " \t");
		size_t len = strcspn(word, " \t");
		if (word[len + strspn(word + len, " \t")] != '\0')
			len = 0; /* a blank inside */
		good = len > 0 && len < 256 &&
		    server->alpn_len + len < sizeof(server->alpn);
		if (!good)
			break;
		server->alpn[server->alpn_len++] = (unsigned char)len;
		memcpy(server->alpn + server->alpn_len, word, len);
		server->alpn_len += (unsigned)len;
	}
	free(copy);
	if (!good)
		complain(making, "tls_alpn", making->service->tls_alpn,
		    "is not a list of protocols such as h2, http/1.1; allowed "
		    "are names of 1 to 255 bytes without blanks, with commas");
	return good;
}

static bool
read_client_ca(struct making *making)
{
	const struct service_config *service = making->service;
	char why[512], whole[640];

	if (*service->tls_client_ca == '\0') {
		if (service->tls_client_verify == TLS_VERIFY_OFF)
			return true;
		complain(making, "tls_client_verify",
		    service->tls_client_verify == TLS_VERIFY_REQUIRED
			? "required"
			: "optional",
		    "needs tls_client_ca, the issuers that are believed");
		return false;
	}
	making->client_ca =
	    tls_read_certificates(service->tls_client_ca, why, sizeof(why));
	if (making->client_ca != NULL)
		return true;
	snprintf(whole, sizeof(whole), "is wrong: the file %s", why);
	complain(making, "tls_client_ca", service->tls_client_ca, whole);
	return false;
}

/* What a session ticket stands for: this service, and who may be its client. */
static bool
digest_trust(struct making *making)
{
	const struct service_config *service = making->service;
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	bool good = digest != NULL &&
	    EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
	    EVP_DigestUpdate(
		digest, service->name, strlen(service->name) + 1) == 1 &&
	    EVP_DigestUpdate(digest, &service->tls_client_verify,
		sizeof(service->tls_client_verify)) == 1 &&
	    (making->client_ca == NULL ||
		digest_certificates(digest, making->client_ca)) &&
	    EVP_DigestFinal_ex(digest, making->trust, &making->trust_len) ==
		1 &&
	    EVP_DigestInit_ex(making->digest, EVP_sha256(), NULL) == 1 &&
	    EVP_DigestUpdate(
		making->digest, making->trust, making->trust_len) == 1;

	EVP_MD_CTX_free(digest);
	if (!good)
		no_memory(making);
	return good;
}

static bool
finish_digest(const struct making *making)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len;
	char *into = making->server->fingerprint;

	if (EVP_DigestFinal_ex(making->digest, digest, &len) != 1)
		return false;
	for (unsigned i = 0; i < len; i++)
		snprintf(into + 2 * i, 3, "%02x", digest[i]);
	return true;
}

/* --- the whole ------------------------------------------------------------ */

static bool
pairs_are_whole(const struct making *making)
{
	const struct path_list *certificates =
	    &making->service->tls_certificate;
	const struct path_list *keys = &making->service->tls_key;
	const struct path_list *more = certificates;

	if (certificates->n == keys->n && keys->n > 0)
		return true;
	if (certificates->n == 0 && keys->n == 0) {
		errors_add(making->errors, making->service->place.file,
		    making->service->place.line,
		    "[service %s] speaks TLS and has no \"tls_certificate\" "
		    "and \"tls_key\", which are needed",
		    making->service->name);
		return false;
	}
	if (keys->n > certificates->n)
		more = keys;
	errors_add(making->errors, more->places[more->n - 1].file,
	    more->places[more->n - 1].line,
	    "there are %zu \"tls_certificate\" and %zu \"tls_key\" in "
	    "[service %s]; each certificate needs its key, in the same order",
	    certificates->n, keys->n, making->service->name);
	return false;
}

static void
make(struct making *making)
{
	const struct service_config *service = making->service;
	struct tls_server *server = making->server;
	bool good = pairs_are_whole(making);

	making->algorithms_are_good = check_algorithms(making);
	good = parse_alpn(making) && good;
	if (!read_client_ca(making) || !digest_trust(making) || !good)
		return;
	server->certificates =
	    calloc(service->tls_certificate.n, sizeof(*server->certificates));
	if (server->certificates == NULL) {
		no_memory(making);
		return;
	}
	for (size_t i = 0; i < service->tls_certificate.n; i++)
		add_pair(making, i);
	if (!finish_digest(making))
		no_memory(making);
}

struct tls_server *
tls_server_new(const struct config *config,
    const struct service_config *service, struct errors *errors,
    struct errors *warnings)
{
	struct making making = {
		.config = config,
		.service = service,
		.errors = errors,
		.warnings = warnings,
		.server = calloc(1, sizeof(*making.server)),
		.digest = EVP_MD_CTX_new(),
	};
	size_t before = errors->n;

	if (making.server == NULL || making.digest == NULL)
		no_memory(&making);
	else
		make(&making);
	EVP_MD_CTX_free(making.digest);
	sk_X509_pop_free(making.client_ca, X509_free);
	if (errors->n == before && !errors->lost)
		return making.server;
	tls_server_free(making.server);
	return NULL;
}

void
tls_server_free(struct tls_server *server)
{
	if (server == NULL)
		return;
	for (size_t i = 0; i < server->n_contexts; i++) {
		SSL_CTX_free(server->contexts[i].ssl);
		tls_names_clear(&server->contexts[i].names);
	}
	for (size_t i = 0; i < server->n_certificates; i++)
		free((char *)(uintptr_t)server->certificates[i].name);
	free(server->contexts);
	free(server->certificates);
	free(server);
}

bool
tls_server_equal(const struct tls_server *a, const struct tls_server *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a->fingerprint, b->fingerprint) == 0;
}

const char *
tls_server_fingerprint(const struct tls_server *server)
{
	return server->fingerprint;
}

bool
tls_server_set_tickets(
    struct tls_server *server, const struct tls_ticket_page *page)
{
	for (size_t i = 0; i < server->n_contexts; i++) {
		if (!tls_tickets_use(server->contexts[i].ssl, page))
			return false;
	}
	return true;
}

SSL_CTX *
tls_server_context(const struct tls_server *server)
{
	return server->contexts[0].ssl;
}

size_t
tls_server_count(const struct tls_server *server)
{
	return server->n_certificates;
}

const struct tls_certificate *
tls_server_certificate(const struct tls_server *server, size_t i)
{
	return &server->certificates[i];
}
