/* SPDX-License-Identifier: ISC */
/*
 * Contexts and connections of a TLS client, as preforkcat and preforkbench want
 * them: the peer is verified, by its name, unless somebody insists; nothing
 * waits; no passphrase is asked for.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sslerr.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clients/client_tls.h"
#include "clients/client_tls_alpn.h"
#include "clients/client_tls_failure.h"

/* --- files --------------------------------------------------------------- */

/* The many ways to say that a file holds no such thing. */
static bool
is_nothing(unsigned long code)
{
	int lib = ERR_GET_LIB(code), reason = ERR_GET_REASON(code);

	return (lib == ERR_LIB_PEM && reason == PEM_R_NO_START_LINE) ||
	    (lib == ERR_LIB_X509 &&
		reason == X509_R_NO_CERTIFICATE_OR_CRL_FOUND) ||
	    (lib == ERR_LIB_OSSL_DECODER && reason == ERR_R_UNSUPPORTED);
}

/* "WHAT "FILE" cannot be used: ...", by what OpenSSL says; its first error is
 * the cause of the others. */
static void
file_error(const char *what, const char *file, char *why, size_t why_size)
{
	unsigned long code = ERR_peek_error();
	const char *words = ERR_reason_error_string(code);

	if (ERR_SYSTEM_ERROR(code))
		words = strerror(ERR_GET_REASON(code));
	else if (words == NULL)
		words = "it holds nothing that is known";
	else if (is_nothing(code))
		words = "there is none in it in PEM form";
	snprintf(
	    why, why_size, "%s \"%s\" cannot be used: %s", what, file, words);
}

static bool
is_mismatch(void)
{
	unsigned long code = ERR_peek_error();

	return ERR_GET_LIB(code) == ERR_LIB_X509 &&
	    ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH;
}

/* OpenSSL tells of a file that it cannot open in many ways. */
static bool
can_open(const char *what, const char *file, char *why, size_t why_size)
{
	FILE *f = fopen(file, "re");
	bool ok = f != NULL && (fgetc(f) != EOF || !ferror(f));

	if (!ok)
		snprintf(why, why_size, "%s \"%s\" cannot be used: %s", what,
		    file, strerror(errno));
	if (f != NULL)
		fclose(f);
	return ok;
}

static bool
load_trust(SSL_CTX *context, const char *ca, char *why, size_t why_size)
{
	if (ca == NULL) {
		/* A machine without a store trusts nobody: told when a
		 * certificate is checked. */
		SSL_CTX_set_default_verify_paths(context);
		return true;
	}
	/* Whoever is named there is trusted, a root or not. */
	X509_VERIFY_PARAM_set_flags(
	    SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
	if (!can_open("the CA file", ca, why, why_size))
		return false;
	if (SSL_CTX_load_verify_file(context, ca) == 1)
		return true;
	file_error("the CA file", ca, why, why_size);
	return false;
}

/* Called when a key is encrypted. */
static int
no_passphrase(char *buf, int size, int writing, void *data)
{
	bool *was_asked = data;

	(void)buf, (void)size, (void)writing;
	*was_asked = true;
	return -1;
}

static bool
load_key(SSL_CTX *context, const char *cert, const char *key, char *why,
    size_t why_size)
{
	bool is_encrypted = false;

	SSL_CTX_set_default_passwd_cb(context, no_passphrase);
	SSL_CTX_set_default_passwd_cb_userdata(context, &is_encrypted);
	bool is_read =
	    SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1;
	SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
	if (is_read && SSL_CTX_check_private_key(context) == 1)
		return true;
	if (is_encrypted)
		snprintf(why, why_size,
		    "the key \"%s\" is encrypted, and no passphrase is asked "
		    "for",
		    key);
	else if (is_read || is_mismatch())
		snprintf(why, why_size,
		    "the key \"%s\" does not belong to the certificate \"%s\"",
		    key, cert);
	else
		file_error("the key", key, why, why_size);
	return false;
}

static bool
load_identity(SSL_CTX *context, const struct client_tls_options *options,
    char *why, size_t why_size)
{
	const char *cert = options->cert;
	const char *key = options->key == NULL ? cert : options->key;

	if (cert == NULL)
		return true;
	if (!can_open("the certificate", cert, why, why_size) ||
	    !can_open("the key", key, why, why_size))
		return false;
	if (SSL_CTX_use_certificate_chain_file(context, cert) == 1)
		return load_key(context, cert, key, why, why_size);
	file_error("the certificate", cert, why, why_size);
	return false;
}

/* --- contexts ------------------------------------------------------------ */

static bool
set_alpn(SSL_CTX *context, const char *alpn, char *why, size_t why_size)
{
	unsigned char wire[CLIENT_TLS_ALPN_MAX];
	char what[128];
	size_t len = 0;

	if (alpn == NULL)
		return true;
	if (!client_tls_alpn(alpn, wire, &len, what, sizeof(what))) {
		snprintf(why, why_size,
		    "the ALPN list \"%s\" cannot be used: %s", alpn, what);
		return false;
	}
	/* The one function of OpenSSL that returns 0 for success. */
	return SSL_CTX_set_alpn_protos(context, wire, (unsigned)len) == 0;
}

static void
set_up(SSL_CTX *context, const struct client_tls_options *options)
{
	uint64_t ways = SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION;

#ifdef SSL_OP_ENABLE_KTLS
	ways |= SSL_OP_ENABLE_KTLS;
#endif
	SSL_CTX_set_options(context, ways);
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_mode(context,
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_verify(context,
	    options->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
	    client_tls_record_objection);
}

SSL_CTX *
client_tls_context(
    const struct client_tls_options *options, char *why, size_t why_size)
{
	ERR_clear_error();
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	if (context == NULL) {
		snprintf(why, why_size, "there is no TLS here: %s",
		    ERR_reason_error_string(ERR_peek_error()));
		return NULL;
	}
	snprintf(why, why_size, "out of memory");
	set_up(context, options);
	if (load_trust(context, options->ca, why, why_size) &&
	    load_identity(context, options, why, why_size) &&
	    set_alpn(context, options->alpn, why, why_size))
		return context;
	SSL_CTX_free(context);
	return NULL;
}

/* --- connections --------------------------------------------------------- */

static const char *
name_to_check(
    const struct client_tls_options *options, const struct address *address)
{
	if (options->servername != NULL)
		return options->servername;
	return address_is_inet(address) ? address->host : NULL;
}

/* Without the zone of an address and the dot behind a whole name: neither is in
 * a certificate. False when it is no name then. */
static bool
bare_name(const char *name, char *buf, size_t size)
{
	if (strlcpy(buf, name, size) >= size)
		return false;
	if (strchr(buf, ':') != NULL)
		buf[strcspn(buf, "%")] = '\0';
	size_t len = strlen(buf);
	if (len > 1 && buf[len - 1] == '.')
		buf[len - 1] = '\0';
	return buf[0] != '\0';
}

bool
client_tls_has_name(const struct client_tls_options *options,
    const struct address *address, char *why, size_t why_size)
{
	const char *name = name_to_check(options, address);
	char bare[ADDRESS_HOST_MAX];

	if (name == NULL && !options->insecure) {
		snprintf(why, why_size,
		    "there is no name to check its certificate for: use "
		    "--servername");
		return false;
	}
	if (name == NULL || bare_name(name, bare, sizeof(bare)))
		return true;
	snprintf(why, why_size, "\"%s\" can be in no certificate",
	    options->servername);
	return false;
}

static bool
set_name(SSL *ssl, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	char bare[ADDRESS_HOST_MAX];
	struct in6_addr ip;

	if (name == NULL || !bare_name(name, bare, sizeof(bare)))
		return name == NULL;
	if (inet_pton(AF_INET, bare, &ip) == 1 ||
	    inet_pton(AF_INET6, bare, &ip) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(param, bare) == 1;
	X509_VERIFY_PARAM_set_hostflags(
	    param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, bare) == 1 &&
	    SSL_set_tlsext_host_name(ssl, bare) == 1;
}

SSL *
client_tls_new(SSL_CTX *context, const struct client_tls_options *options,
    const struct address *address, int fd, char *why, size_t why_size)
{
	const char *name = name_to_check(options, address);

	if (!client_tls_has_name(options, address, why, why_size))
		return NULL;
	ERR_clear_error();
	SSL *ssl = SSL_new(context);
	if (ssl != NULL && client_tls_record_add(ssl) &&
	    SSL_set_fd(ssl, fd) == 1 && set_name(ssl, name)) {
		SSL_set_connect_state(ssl);
		return ssl;
	}
	snprintf(why, why_size, "out of memory");
	SSL_free(ssl);
	return NULL;
}

/* --- steps --------------------------------------------------------------- */

/* What is left of the connection before would be taken for its cause. */
static void
prepare(void)
{
	ERR_clear_error();
	errno = 0;
}

static enum client_tls_step
conclude(SSL *ssl, int rc)
{
	switch (SSL_get_error(ssl, rc)) {
	case SSL_ERROR_NONE:
		return CLIENT_TLS_DONE;
	case SSL_ERROR_WANT_READ:
		return CLIENT_TLS_WANTS_READ;
	case SSL_ERROR_WANT_WRITE:
		return CLIENT_TLS_WANTS_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return CLIENT_TLS_ENDED;
	default:
		client_tls_record_failure(ssl);
		return CLIENT_TLS_FAILED;
	}
}

enum client_tls_step
client_tls_handshake(SSL *ssl)
{
	prepare();
	enum client_tls_step step = conclude(ssl, SSL_do_handshake(ssl));
	if (step == CLIENT_TLS_DONE)
		client_tls_record_of(ssl)->established = true;
	else if (step == CLIENT_TLS_FAILED)
		client_tls_record_alert(ssl);
	return step;
}

enum client_tls_step
client_tls_read(SSL *ssl, void *data, size_t size, size_t *n)
{
	prepare();
	return conclude(ssl, SSL_read_ex(ssl, data, size, n));
}

enum client_tls_step
client_tls_write(SSL *ssl, const void *data, size_t len, size_t *n)
{
	prepare();
	return conclude(ssl, SSL_write_ex(ssl, data, len, n));
}

enum client_tls_step
client_tls_finish(SSL *ssl)
{
	if (SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN)
		return CLIENT_TLS_DONE;
	prepare();
	int rc = SSL_shutdown(ssl);
	/* 0: sent, and the peer's has not come. */
	return rc >= 0 ? CLIENT_TLS_DONE : conclude(ssl, rc);
}
