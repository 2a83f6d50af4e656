/* SPDX-License-Identifier: ISC */
/*
 * The certificates in force: when they expire. A daemon that runs for months
 * sees them do so, and nobody reads what it said at its start. Supervisor only.
 */
#include <openssl/crypto.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/tls_check.h"
#include "common/tls_server.h"
#include "supervisor/certificates.h"
#include "supervisor/events.h"
#include "supervisor/loop.h"
#include "supervisor/report.h"
#include "supervisor/supervisor.h"

#define DAY_SECONDS 86400
#define DAY_MS	    ((int64_t)DAY_SECONDS * 1000)

static struct timer daily;

/* Calls EACH for the certificates of all services. */
static void
each(void (*visit)(const struct service_config *service, size_t i, void *arg),
    void *arg)
{
	const struct config *config = supervisor.config;

	for (size_t s = 0; config != NULL && s < config->n_services; s++) {
		const struct service_config *service = config->services[s];
		size_t n =
		    service->tls == NULL ? 0 : tls_server_count(service->tls);
		for (size_t i = 0; i < n; i++)
			visit(service, i, arg);
	}
}

static void
warn(const struct service_config *service, size_t i, void *arg)
{
	const struct tls_certificate *certificate =
	    tls_server_certificate(service->tls, i);

	tls_check_dates(certificate->file, certificate->name,
	    certificate->not_before, certificate->not_after,
	    (int64_t)time(NULL), &service->tls_certificate.places[i], arg);
}

static void
look(void *arg)
{
	struct errors warnings;

	(void)arg;
	errors_init(&warnings);
	each(warn, &warnings);
	for (size_t i = 0; i < warnings.n; i++)
		events_announce(LOG_LEVEL_WARN, "%s", warnings.messages[i]);
	errors_clear(&warnings);
	loop_timer_set(&daily, DAY_MS, look, NULL);
}

static void
count(const struct service_config *service, size_t i, void *arg)
{
	(void)service;
	(void)i;
	++*(size_t *)arg;
}

void
certificates_watch(void)
{
	size_t n = 0;

	each(count, &n);
	if (n == 0)
		loop_timer_cancel(&daily);
	else if (!daily.active)
		loop_timer_set(&daily, DAY_MS, look, NULL);
}

static void
add_row(const struct service_config *service, size_t i, void *arg)
{
	const struct tls_certificate *certificate =
	    tls_server_certificate(service->tls, i);
	int64_t left = certificate->not_after - (int64_t)time(NULL);
	char expires[40];
	json_t **rows = arg;

	clock_format(expires, sizeof(expires), certificate->not_after, 0);
	*rows = report_add(*rows,
	    json_pack("{s:s, s:s, s:o, s:s, s:I}", "service", service->name,
		"certificate", certificate->name, "file",
		report_string(certificate->file, strlen(certificate->file)),
		"expires", expires, "days_left",
		(json_int_t)(left < 0 ? (left - DAY_SECONDS + 1) / DAY_SECONDS
				      : left / DAY_SECONDS)));
}

json_t *
certificates_show(void)
{
	json_t *rows = json_array();

	each(add_row, &rows);
	return rows;
}

const char *
certificates_library(void)
{
	static char text[128];

	snprintf(text, sizeof(text), "OpenSSL %s, %s",
	    OpenSSL_version(OPENSSL_VERSION_STRING),
	    tls_kernel_offers() ? "the kernel encrypts (kTLS)"
				: "the kernel does not encrypt (no kTLS)");
	return text;
}
