/* SPDX-License-Identifier: ISC */
/*
 * What went wrong with a TLS connection, in words. Notes it when it happens,
 * for OpenSSL's error queue is everybody's, and tells it when asked.
 */
#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509v3.h>

#include <sys/socket.h>

#include <arpa/inet.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/client_tls.h"
#include "clients/client_tls_certificate.h"
#include "clients/client_tls_failure.h"

/* Reasons from here on are alerts of the peer: SSL_AD_REASON_OFFSET. */
#define FIRST_ALERT 1000

#define OBJECTION_MAX 1024

/* --- the record ---------------------------------------------------------- */

static void
free_record(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl,
    void *argp)
{
	struct client_tls_record *record = ptr;

	(void)parent, (void)ad, (void)index, (void)argl, (void)argp;
	if (record != NULL)
		free(record->objection);
	free(record);
}

static int
record_index(void)
{
	static int index = -1;

	if (index == -1)
		index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_record);
	return index;
}

bool
client_tls_record_add(SSL *ssl)
{
	struct client_tls_record *record = calloc(1, sizeof(*record));

	if (record != NULL && SSL_set_ex_data(ssl, record_index(), record) == 1)
		return true;
	free(record);
	return false;
}

struct client_tls_record *
client_tls_record_of(const SSL *ssl)
{
	return SSL_get_ex_data(ssl, record_index());
}

void
client_tls_record_failure(SSL *ssl)
{
	int error = errno;
	struct client_tls_record *record = client_tls_record_of(ssl);
	unsigned long code = ERR_peek_error();
	bool is_alert = ERR_GET_LIB(code) == ERR_LIB_SSL &&
	    ERR_GET_REASON(code) >= FIRST_ALERT;

	/* What we wrote may have failed before its cause has been read. */
	if (record->has_failed && !(record->code == 0 && is_alert))
		return;
	record->has_failed = true;
	record->code = ERR_SYSTEM_ERROR(code) ? 0 : code;
	record->error = ERR_SYSTEM_ERROR(code) ? ERR_GET_REASON(code) : error;
}

/* A record of TLS with an alert that is not encrypted: type, version, length,
 * level, which. */
#define ALERT_TYPE 21
#define ALERT_LEN  7

void
client_tls_record_alert(SSL *ssl)
{
	struct client_tls_record *record = client_tls_record_of(ssl);
	unsigned char in[ALERT_LEN];

	if (record->code != 0 ||
	    (record->error != ECONNRESET && record->error != EPIPE))
		return;
	ssize_t n = recv(SSL_get_fd(ssl), in, sizeof(in), MSG_DONTWAIT);
	if (n == ALERT_LEN && in[0] == ALERT_TYPE && in[3] == 0 && in[4] == 2)
		record->code =
		    ERR_PACK(ERR_LIB_SSL, 0, FIRST_ALERT + in[ALERT_LEN - 1]);
}

/* --- the certificate ----------------------------------------------------- */

/* The name that was to be checked, a host's or an address. */
static void
wanted_name(X509_STORE_CTX *store, char *buf, size_t size)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(store);
	const char *host = X509_VERIFY_PARAM_get0_host(param, 0);
	struct in6_addr v6;
	char *ip = host == NULL ? X509_VERIFY_PARAM_get1_ip_asc(param) : NULL;

	strlcpy(buf, host != NULL ? host : ip != NULL ? ip : "?", size);
	OPENSSL_free(ip);
	/* OpenSSL writes all eight groups. */
	if (host == NULL && inet_pton(AF_INET6, buf, &v6) == 1)
		inet_ntop(AF_INET6, &v6, buf, (socklen_t)size);
}

static void
object(X509_STORE_CTX *store, char *buf, size_t size)
{
	int error = X509_STORE_CTX_get_error(store);
	const X509 *cert = X509_STORE_CTX_get_current_cert(store);
	const char *cause = X509_verify_cert_error_string(error);
	char subject[CERTIFICATE_NAME_MAX], issuer[CERTIFICATE_NAME_MAX];
	char names[CERTIFICATE_NAMES_MAX], when[CERTIFICATE_TIME_MAX];
	char wanted[CERTIFICATE_NAME_MAX];

	if (cert == NULL) {
		snprintf(buf, size, "%s", cause);
		return;
	}
	const char *whose = certificate_name(
	    X509_get_subject_name(cert), subject, sizeof(subject));
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		snprintf(buf, size, "%s: \"%s\" was valid until %s", cause,
		    whose,
		    certificate_time(
			X509_get0_notAfter(cert), when, sizeof(when)));
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		snprintf(buf, size, "%s: \"%s\" is valid from %s", cause, whose,
		    certificate_time(
			X509_get0_notBefore(cert), when, sizeof(when)));
		break;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		wanted_name(store, wanted, sizeof(wanted));
		snprintf(buf, size, "%s: \"%s\" is for %s, not for %s", cause,
		    whose, certificate_names(cert, names, sizeof(names)),
		    wanted);
		break;
	default:
		snprintf(buf, size, "%s: \"%s\" by \"%s\"", cause, whose,
		    certificate_name(
			X509_get_issuer_name(cert), issuer, sizeof(issuer)));
	}
}

int
client_tls_record_objection(int ok, X509_STORE_CTX *store)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(
	    store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct client_tls_record *record = client_tls_record_of(ssl);

	if (ok != 1 && record->objection == NULL) {
		record->objection = malloc(OBJECTION_MAX);
		if (record->objection != NULL)
			object(store, record->objection, OBJECTION_MAX);
	}
	return ok;
}

const char *
client_tls_objection(const SSL *ssl)
{
	long error = SSL_get_verify_result(ssl);
	const char *objection = client_tls_record_of(ssl)->objection;

	if (error == X509_V_OK && objection == NULL)
		return NULL;
	return objection != NULL ? objection
				 : X509_verify_cert_error_string(error);
}

/* --- in words ------------------------------------------------------------ */

static enum client_status
system_failure(const struct client_tls_record *record, const char *text,
    char *line, size_t size)
{
	if (record->error == ETIMEDOUT) {
		snprintf(line, size, "\"%s\" timed out", text);
		return CLIENT_TIMED_OUT;
	}
	if (record->error == ECONNRESET)
		snprintf(line, size, "\"%s\" reset the connection%s", text,
		    record->established ? "" : " in the handshake");
	else
		snprintf(line, size, "\"%s\" broke off: %s", text,
		    strerror(record->error));
	return CLIENT_BROKEN;
}

/* "tlsv1 alert unknown ca" is, to people, "unknown ca". */
static const char *
alert_words(const char *reason)
{
	const char *alert = strstr(reason, "alert ");

	return alert == NULL ? reason : alert + strlen("alert ");
}

/* What bytes that are no TLS are taken for, in a handshake. */
static bool
is_no_tls(const struct client_tls_record *record, int reason)
{
	return !record->established &&
	    (reason == SSL_R_WRONG_VERSION_NUMBER ||
		reason == SSL_R_HTTP_REQUEST ||
		reason == SSL_R_PACKET_LENGTH_TOO_LONG ||
		reason == SSL_R_UNKNOWN_PROTOCOL);
}

static void
protocol_failure(const struct client_tls_record *record, const char *text,
    char *line, size_t size)
{
	const char *words = ERR_reason_error_string(record->code);
	bool is_ssl = ERR_GET_LIB(record->code) == ERR_LIB_SSL;
	int reason = is_ssl ? ERR_GET_REASON(record->code) : 0;

	if (words == NULL)
		words = "unknown error";
	if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		snprintf(line, size, "\"%s\" ended %s", text,
		    record->established
			? "without close_notify: the end may be missing"
			: "the connection in the handshake");
	else if (reason >= FIRST_ALERT)
		snprintf(line, size, "\"%s\" refused: its alert is \"%s\"",
		    text, alert_words(words));
	else if (is_no_tls(record, reason))
		snprintf(line, size, "\"%s\" speaks no TLS: %s", text, words);
	else
		snprintf(line, size, "no TLS with \"%s\": %s", text, words);
}

int
client_tls_errno(const SSL *ssl)
{
	const struct client_tls_record *record = client_tls_record_of(ssl);

	return record->code == 0 && record->error != 0 ? record->error : EPROTO;
}

enum client_status
client_tls_failure(const SSL *ssl, const char *text, char *line, size_t size)
{
	const struct client_tls_record *record = client_tls_record_of(ssl);

	if (client_tls_errno(ssl) != EPROTO)
		return system_failure(record, text, line, size);
	if (ERR_GET_LIB(record->code) == ERR_LIB_SSL &&
	    ERR_GET_REASON(record->code) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
		const char *objection = client_tls_objection(ssl);
		snprintf(line, size, "%s (%s)",
		    objection == NULL ? "certificate verify failed" : objection,
		    text);
		return CLIENT_CERTIFICATE;
	}
	protocol_failure(record, text, line, size);
	return CLIENT_PROTOCOL;
}
