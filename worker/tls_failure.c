/* SPDX-License-Identifier: ISC */
/*
 * Why a TLS handshake has failed: from the reasons of OpenSSL, of which there
 * are hundreds, to the few that an operator can do something about.
 */
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <stdint.h>

#include "worker/tls_failure.h"

static enum tls_failure
failure_of_reason(int reason)
{
	switch (reason) {
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST:
		return TLS_FAILED_HTTP;
	case SSL_R_NO_SHARED_CIPHER:
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
	case SSL_R_NO_SUITABLE_KEY_SHARE:
	case SSL_R_NO_SHARED_GROUPS:
	case SSL_R_NO_SUITABLE_GROUPS:
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
	case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
	case SSL_R_NO_APPLICATION_PROTOCOL:
	case SSL_R_INAPPROPRIATE_FALLBACK:
		return TLS_FAILED_MISMATCH;
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
	case SSL_R_CERTIFICATE_VERIFY_FAILED:
		return TLS_FAILED_CERTIFICATE;
	case SSL_R_UNEXPECTED_EOF_WHILE_READING:
		return TLS_FAILED_CLOSED;
	}
	/* Above those of alerts are the ones of OpenSSL itself: no memory. */
	return reason >= SSL_AD_REASON_OFFSET &&
		reason <= SSL_AD_REASON_OFFSET + UINT8_MAX
	    ? TLS_FAILED_ALERT
	    : TLS_FAILED_PROTOCOL;
}

enum tls_failure
tls_failure_take(const SSL *ssl, int error, const char **why)
{
	unsigned long first = ERR_peek_error();
	enum tls_failure failure = TLS_FAILED_PROTOCOL;

	*why = ERR_reason_error_string(first);
	/* Numbers of other libraries mean something else. */
	if (error != SSL_ERROR_SSL)
		failure = TLS_FAILED_CLOSED;
	else if (ERR_GET_LIB(first) == ERR_LIB_SSL)
		failure = failure_of_reason(ERR_GET_REASON(first));
	ERR_clear_error();
	if (failure == TLS_FAILED_CLOSED)
		*why = "the client closed the connection";
	else if (failure == TLS_FAILED_HTTP)
		*why = "plain HTTP, not TLS";
	else if (failure == TLS_FAILED_CERTIFICATE &&
	    SSL_get_verify_result(ssl) != X509_V_OK)
		*why =
		    X509_verify_cert_error_string(SSL_get_verify_result(ssl));
	else if (*why == NULL)
		*why = "it is not TLS";
	return failure;
}

void
tls_failure_count(enum tls_failure failure, struct service_counters *counters)
{
	switch (failure) {
#define COUNT(name, counter)                        \
	case TLS_FAILED_##name:                     \
		counter_add(&counters->counter, 1); \
		break;
		TLS_FAILURES(COUNT)
#undef COUNT
	}
}
