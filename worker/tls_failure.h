/* SPDX-License-Identifier: ISC */
#ifndef WORKER_TLS_FAILURE_H
#define WORKER_TLS_FAILURE_H

#include <openssl/ssl.h>

#include "common/counters.h"

/* Why a TLS handshake has failed. X(name, counter) */
#define TLS_FAILURES(X)                        \
	X(TIMEOUT, tls_failed_timeout)         \
	X(CLOSED, tls_failed_closed)           \
	X(PROTOCOL, tls_failed_protocol)       \
	X(HTTP, tls_failed_http)               \
	X(MISMATCH, tls_failed_mismatch)       \
	X(CERTIFICATE, tls_failed_certificate) \
	X(ALERT, tls_failed_alert)

enum tls_failure {
#define FAILURE(name, counter) TLS_FAILED_##name,
	TLS_FAILURES(FAILURE)
#undef FAILURE
};

/* What made the handshake of SSL fail, from what SSL_get_error(3) said and the
 * error queue of OpenSSL, which is empty afterwards. WHY gets words for the
 * log, static ones. */
enum tls_failure tls_failure_take(const SSL *ssl, int error, const char **why);

void
tls_failure_count(enum tls_failure failure, struct service_counters *counters);

#endif
